//! When the author of a block stops adding transactions, so that there is time to seal it.
//!
//! The stock proposer adds them for nine tenths of its time. What is left is too short for the state
//! root of a block of many new rows, and a block that is late is thrown away, its second with it.

use futures::{future::BoxFuture, FutureExt, TryFutureExt};
use sp_consensus::{Environment, ProposeArgs, Proposer};
use sp_runtime::traits::Block as BlockT;

/// Proposes as what it holds does, in this share of the time that there is.
#[derive(Clone, Debug)]
pub struct Punctual<T> {
    pub inner: T,
    pub share: f32,
}

impl<B: BlockT, F: Environment<B>> Environment<B> for Punctual<F> {
    type Proposer = Punctual<F::Proposer>;
    type CreateProposer = BoxFuture<'static, Result<Self::Proposer, Self::Error>>;
    type Error = F::Error;

    fn init(&mut self, parent: &B::Header) -> Self::CreateProposer {
        let share = self.share;
        self.inner
            .init(parent)
            .map_ok(move |inner| Punctual { inner, share })
            .boxed()
    }
}

impl<B: BlockT, P: Proposer<B>> Proposer<B> for Punctual<P> {
    type Error = P::Error;
    type Proposal = P::Proposal;

    fn propose(self, mut args: ProposeArgs<B>) -> Self::Proposal {
        args.max_duration = args.max_duration.mul_f32(self.share);
        self.inner.propose(args)
    }
}
