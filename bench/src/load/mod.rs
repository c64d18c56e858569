//! Drives a chain: signs beforehand, keeps a bounded number of transactions in the pool, and
//! follows finalized blocks. What is not in a finalized block does not count.
//!
//! A node that goes away is waited for, and what it forgot is sent again; the gap is reported. One
//! that is killed may even forget blocks that it had called final.

mod run;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{ensure, Result};
use salus_client::{
    chain::{Block, Call, Chain, ChainError, Phase, Signed},
    keys::AccountKey,
};
use salus_primitives::AccountId;
use serde::Serialize;

use self::run::{Run, Waiting};

/// A transaction to be.
pub struct Plan {
    pub key: Arc<AccountKey>,
    pub call: Call,
}

pub struct Load<'a> {
    pub chain: &'a Chain,
    /// Transactions that are sent and not yet final, at most.
    pub in_pool: usize,
    /// Transactions a second; as many as go, if none.
    pub rate: Option<f64>,
    /// How many are signed at once, before the first of them is sent. They are valid for 256 blocks.
    pub signed_ahead: usize,
}

/// What came of a load.
pub struct Flow {
    pub took: Duration,
    /// Until the node had accepted what the pool holds, or all if that is less; and how many.
    pub accepted: (usize, Duration),
    pub transactions: usize,
    pub blocks: Vec<Filled>,
    pub gaps: Vec<Gap>,
    /// Sent and not final, once a second.
    pub backlog: Vec<usize>,
    /// What a node that was there had accepted and forgotten, and got again.
    pub lost: usize,
}

/// A finalized block with transactions of the load.
pub struct Filled {
    pub block: Block,
    /// When the first best block of its number was seen, from the start.
    pub best: Duration,
    /// When it was seen to be final, from the start.
    pub at: Duration,
    pub ours: Vec<Ours>,
    /// Of all its extrinsics.
    pub bytes: usize,
}

/// One of the load's transactions in a block.
pub struct Ours {
    index: u32,
    waiting: Waiting,
    /// From sending to the first best block of the number that holds it.
    pub included: Duration,
    /// From sending to the word that it is final.
    pub finalized: Duration,
}

/// The node did not answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Gap {
    pub after_s: f64,
    pub lasted_s: f64,
    /// What it had accepted and forgotten.
    pub sent_again: usize,
    /// What was in blocks that it had called final and forgotten.
    pub taken_back: usize,
}

impl Load<'_> {
    /// Sends all of it and waits until all of it is final.
    pub async fn run(&self, plans: Vec<Plan>) -> Result<Flow> {
        ensure!(
            self.in_pool > 0,
            "the pool must be allowed at least one transaction"
        );
        let from = self.chain.finalized().await?.number;
        let mut nonces = HashMap::new();
        let batch = self.signed_ahead.max(1);
        let first = sign(self.chain, &plans[..batch.min(plans.len())], &mut nonces).await?;

        let run = Run::new(self, plans.len());
        let sending = async {
            let mut ready = first;
            let mut later = plans.chunks(batch).skip(1);
            let mut sent = 0;
            loop {
                let next = async {
                    match later.next() {
                        Some(plans) => sign(self.chain, plans, &mut nonces).await.map(Some),
                        None => Ok(None),
                    }
                };
                let count = ready.len();
                let (_, next) = futures::try_join!(run.send(ready, sent), next)?;
                sent += count;
                match next {
                    Some(next) => ready = next,
                    None => return Ok(()),
                }
            }
        };
        let driven = async { futures::try_join!(sending, run.follow(from + 1)) };
        let done = tokio::select! {
            done = driven => done,
            never = run.watch_heads() => match never {},
            never = run.count_backlog() => match never {},
        };
        let (_, blocks) = done?;
        Ok(run.close(blocks))
    }
}

impl Flow {
    /// A time of each transaction.
    pub fn times(&self, of: impl Fn(&Ours) -> Duration) -> Vec<Duration> {
        let all = self.blocks.iter().flat_map(|filled| &filled.ours);
        all.map(of).collect()
    }

    /// Of the load in finalized blocks: how many failed, and how many events of this kind it left.
    pub async fn outcome(
        &self,
        chain: &Chain,
        wanted: Option<(&str, &str)>,
    ) -> Result<(usize, usize)> {
        let (mut failed, mut found) = (0, 0);
        for filled in &self.blocks {
            let ours: HashSet<_> = filled.ours.iter().map(|ours| ours.index).collect();
            for event in chain.events(filled.block.hash).await? {
                if !matches!(event.phase, Phase::ApplyExtrinsic(i) if ours.contains(&i)) {
                    continue;
                }
                failed += usize::from(event.is("System", "ExtrinsicFailed"));
                found += usize::from(wanted.is_some_and(|(pallet, name)| event.is(pallet, name)));
            }
        }
        Ok((failed, found))
    }
}

/// Signs with consecutive nonces, on all cores.
async fn sign(
    chain: &Chain,
    plans: &[Plan],
    nonces: &mut HashMap<AccountId, u64>,
) -> Result<Vec<Signed>> {
    let from = chain.finalized().await?;
    let runtime = chain.runtime(from.hash).await?;
    let mut numbered = Vec::with_capacity(plans.len());
    for plan in plans {
        let account = plan.key.account();
        let nonce = match nonces.get(&account) {
            Some(nonce) => *nonce,
            None => chain.next_nonce(&account).await?,
        };
        nonces.insert(account, nonce + 1);
        numbered.push((plan, nonce));
    }
    let cores = std::thread::available_parallelism()?.get();
    let share = numbered.len().div_ceil(cores).max(1);
    let parts = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let parts: Vec<_> = numbered
                .chunks(share)
                .map(|part| {
                    let runtime = &runtime;
                    scope.spawn(move || {
                        part.iter()
                            .map(|(plan, nonce)| {
                                chain.sign_with(runtime, &plan.key, &plan.call, *nonce, from)
                            })
                            .collect::<Result<Vec<_>, ChainError>>()
                    })
                })
                .collect();
            parts
                .into_iter()
                .map(|part| {
                    part.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect::<Result<Vec<_>, ChainError>>()
        })
    })?;
    Ok(parts.into_iter().flatten().collect())
}
