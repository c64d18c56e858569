//! When the author of a block stops adding transactions, so that there is time to seal it.
//!
//! A proposer adds them for nine tenths of its time. What is left is too short for the state root of
//! a block of many new rows, and a block that is late is thrown away, its second with it. How long
//! sealing takes depends on the machine, the calls and the size of the state, so it is learnt: a
//! block that was late, or nearly, makes the next ones shorter; one with time to spare, a little
//! longer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{future::BoxFuture, FutureExt, TryFutureExt};
use sp_consensus::{Environment, ProposeArgs, Proposer};
use sp_runtime::traits::Block as BlockT;

/// The bounds of what is left to the proposer inside, as a part of the time that there is. With more
/// than the upper one, importers, who take about 0.7 of the author's time, would have the block only
/// after the next author has begun.
const LEAST: f32 = 0.15;
const MOST: f32 = 0.7;

/// Proposes as what it holds does, within a part of the time that there is.
pub struct Punctual<T> {
    inner: T,
    pace: Arc<Pace>,
}

impl<T> Punctual<T> {
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            pace: Arc::new(Pace(Mutex::new(MOST))),
        }
    }
}

impl<B: BlockT, F: Environment<B>> Environment<B> for Punctual<F> {
    type Proposer = Punctual<F::Proposer>;
    type CreateProposer = BoxFuture<'static, Result<Self::Proposer, Self::Error>>;
    type Error = F::Error;

    fn init(&mut self, parent: &B::Header) -> Self::CreateProposer {
        let pace = self.pace.clone();
        self.inner
            .init(parent)
            .map_ok(move |inner| Punctual { inner, pace })
            .boxed()
    }
}

impl<B: BlockT, P: Proposer<B>> Proposer<B> for Punctual<P> {
    type Error = P::Error;
    type Proposal = BoxFuture<'static, Result<sp_consensus::Proposal<B>, P::Error>>;

    fn propose(self, mut args: ProposeArgs<B>) -> Self::Proposal {
        let attempt = Attempt {
            began: Instant::now(),
            time: args.max_duration,
            pace: self.pace,
        };
        args.max_duration = args.max_duration.mul_f32(attempt.pace.part());
        self.inner
            .propose(args)
            .inspect(move |_| drop(attempt))
            .boxed()
    }
}

/// A block in the making. Whoever wants it drops it when its time is over.
struct Attempt {
    began: Instant,
    time: Duration,
    pace: Arc<Pace>,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.pace.learn(self.began.elapsed(), self.time);
    }
}

/// The part of the time that is left to the proposer inside.
struct Pace(Mutex<f32>);

impl Pace {
    fn part(&self) -> f32 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, took: Duration, time: Duration) {
        let mut part = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if took >= time {
            *part * 0.7
        } else if took >= time.mul_f32(0.9) {
            *part * 0.9
        } else if took < time.mul_f32(0.75) {
            *part + 0.02
        } else {
            *part
        };
        *part = next.clamp(LEAST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, future};
    use sp_runtime::{generic, testing::Digest, traits::BlakeTwo256, OpaqueExtrinsic};

    use super::*;

    type Header = generic::Header<u32, BlakeTwo256>;
    type Block = generic::Block<Header, OpaqueExtrinsic>;
    type Blocks = Result<sp_consensus::Proposal<Block>, sp_consensus::Error>;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Keeps what it is given, and fails at once or never ends.
    #[derive(Clone, Default)]
    struct Stock {
        given: Arc<Mutex<Vec<Duration>>>,
        never_ends: bool,
    }

    impl Environment<Block> for Stock {
        type Proposer = Self;
        type CreateProposer = future::Ready<Result<Self, Self::Error>>;
        type Error = sp_consensus::Error;

        fn init(&mut self, _: &Header) -> Self::CreateProposer {
            future::ok(self.clone())
        }
    }

    impl Proposer<Block> for Stock {
        type Error = sp_consensus::Error;
        type Proposal = BoxFuture<'static, Blocks>;

        fn propose(self, args: ProposeArgs<Block>) -> Self::Proposal {
            self.given.lock().unwrap().push(args.max_duration);
            match self.never_ends {
                true => future::pending().boxed(),
                false => future::err(sp_consensus::Error::InvalidAuthoritiesSet).boxed(),
            }
        }
    }

    fn propose(author: &mut Punctual<Stock>, max_duration: Duration) -> BoxFuture<'static, Blocks> {
        let parent = Header {
            parent_hash: Default::default(),
            number: 1,
            state_root: Default::default(),
            extrinsics_root: Default::default(),
            digest: Digest::default(),
        };
        let proposer = block_on(author.init(&parent)).unwrap();
        proposer.propose(ProposeArgs {
            max_duration,
            ..Default::default()
        })
    }

    #[test]
    fn a_block_that_was_given_up_makes_the_next_one_shorter_and_a_quick_one_longer_again() {
        let stock = Stock::default();
        let mut author = Punctual::new(stock.clone());
        author.inner.never_ends = true;
        let late = propose(&mut author, Duration::from_millis(1));
        std::thread::sleep(Duration::from_millis(2));
        drop(late);
        author.inner.never_ends = false;
        for _ in 0..100 {
            assert!(block_on(propose(&mut author, HOUR)).is_err());
        }

        let given: Vec<_> = stock.given.lock().unwrap().clone();
        assert_eq!(given[0], Duration::from_millis(1).mul_f32(MOST));
        assert_eq!(given[1], HOUR.mul_f32(MOST * 0.7));
        assert!(given[2] > given[1]);
        assert_eq!(given.last(), Some(&HOUR.mul_f32(MOST)));
    }

    #[test]
    fn the_part_stays_within_its_bounds_and_settles_where_blocks_are_in_time() {
        let pace = Pace(Mutex::new(MOST));
        for _ in 0..100 {
            pace.learn(HOUR, HOUR);
        }
        assert_eq!(pace.part(), LEAST);

        // Sealing takes half as long as adding and a tenth of the time more.
        for _ in 0..100 {
            pace.learn(HOUR.mul_f32(pace.part() * 1.5 + 0.1), HOUR);
        }
        let took = pace.part() * 1.5 + 0.1;
        assert!((0.75..0.9).contains(&took), "{took}");
        let settled = pace.part();
        pace.learn(HOUR.mul_f32(took), HOUR);
        assert_eq!(pace.part(), settled);
    }
}
