//! Which transactions of the pool are in the block, and when it is full.
//!
//! The rules about what is skipped are those of the stock proposer: a transaction for which there is
//! no room ends the block, unless fewer than [`MAX_SKIPPED`] were skipped or half of the time is
//! still left. What depends on a transaction that is not in the block is not tried.

use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
    sync::Arc,
    time::Instant,
};

use codec::Encode;
use sc_proposer_metrics::EndProposingReason;
use sc_transaction_pool_api::{InPoolTransaction, TxInvalidityReportMap};
use sp_api::ApiError;
use sp_runtime::transaction_validity::{TransactionTag, TransactionValidityError};

use crate::step::Step;

/// Of transactions for which there is no room, so many are skipped in any case.
const MAX_SKIPPED: usize = 8;

/// What became of the transactions of a batch that were tried: fewer than the batch, perhaps.
pub type Applied = Vec<Result<(), TransactionValidityError>>;

/// A block that is filled.
pub trait Fill<X> {
    /// Whether it takes more than one at once.
    fn takes_batches(&self) -> bool;
    /// What it has now, in bytes.
    fn size(&self) -> usize;
    /// Applies transactions in their order, until one is refused or the batch is long enough; at
    /// least one is tried. Of a batch that fails nothing stays.
    fn apply(&mut self, batch: Vec<Arc<X>>) -> Result<Applied, ApiError>;
}

/// What ends a block, besides its weight.
pub struct Limits {
    pub deadline: Instant,
    /// In bytes.
    pub size: usize,
}

/// What was put into a block, and what was not.
#[derive(Debug)]
pub struct Filled<H> {
    pub end: EndProposingReason,
    /// What can be in no block, for the pool.
    pub invalid: TxInvalidityReportMap<H>,
    pub transactions: usize,
    /// Calls of the runtime for more than one.
    pub batches: usize,
    /// A batch failed, and the rest was done one by one.
    pub failed: bool,
}

/// Fills a block with what is ready.
pub fn fill<T, X>(
    block: &mut impl Fill<X>,
    ready: impl Iterator<Item = Arc<T>>,
    limits: Limits,
    clock: impl Fn() -> Instant,
) -> Filled<T::Hash>
where
    T: InPoolTransaction<Transaction = Arc<X>>,
    T::Hash: Clone + Eq + Hash,
    X: Encode,
{
    let began = clock();
    let half = limits.deadline.saturating_duration_since(began) / 2;
    let mut skipping = Skipping {
        left: MAX_SKIPPED,
        until: began + half,
    };
    let mut queue = Queue::new(ready);
    let mut step = match block.takes_batches() {
        true => Step::batches(),
        false => Step::one_by_one(),
    };
    let mut filled = Filled {
        end: EndProposingReason::NoMoreTransactions,
        invalid: Default::default(),
        transactions: 0,
        batches: 0,
        failed: false,
    };
    // Why the last transaction was skipped.
    let mut full = None;

    filled.end = loop {
        if queue.is_empty() {
            break full.unwrap_or(EndProposingReason::NoMoreTransactions);
        }
        let now = clock();
        if now > limits.deadline {
            break full.unwrap_or(EndProposingReason::HitDeadline);
        }
        let room = limits.size.saturating_sub(block.size());
        let batch = queue.take(step.size(limits.deadline - now), room);
        if batch.is_empty() {
            full = Some(EndProposingReason::HitBlockSizeLimit);
            queue.skip();
            if !skipping.goes_on(now) {
                break EndProposingReason::HitBlockSizeLimit;
            }
            continue;
        }

        let extrinsics = batch.iter().map(|one| one.data().clone()).collect();
        let results = match block.apply(extrinsics) {
            Ok(results) => results,
            Err(error) if batch.len() == 1 => {
                let one = &batch[0];
                log::warn!("The runtime failed on a transaction, which is dropped: {error}");
                queue.withhold(one);
                filled.invalid.insert(one.hash().clone(), None);
                continue;
            }
            Err(error) => {
                log::warn!(
                    "The runtime failed on a batch of {}; the rest of the block is made one by one: \
                     {error}",
                    batch.len(),
                );
                filled.failed = true;
                step = Step::one_by_one();
                queue.put_back(batch);
                continue;
            }
        };
        let after = clock();
        let applied = results.iter().filter(|result| result.is_ok()).count();
        step.learn(results.len(), applied, after.saturating_duration_since(now));
        filled.transactions += applied;
        filled.batches += usize::from(batch.len() > 1);

        let mut ended = false;
        let mut batch = batch.into_iter();
        for (result, one) in results.into_iter().zip(batch.by_ref()) {
            match result {
                Ok(()) => full = None,
                Err(refused) if refused.exhausted_resources() => {
                    full = Some(EndProposingReason::HitBlockWeightLimit);
                    queue.withhold(&one);
                    ended = !skipping.goes_on(after);
                }
                Err(refused) => {
                    log::debug!("A transaction is refused and dropped: {refused:?}");
                    queue.withhold(&one);
                    filled.invalid.insert(one.hash().clone(), Some(refused));
                }
            }
        }
        if ended {
            break EndProposingReason::HitBlockWeightLimit;
        }
        queue.put_back(batch);
    };
    filled
}

/// How long to look for transactions that still fit.
struct Skipping {
    left: usize,
    until: Instant,
}

impl Skipping {
    fn goes_on(&mut self, now: Instant) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return true;
        }
        now < self.until
    }
}

/// What is ready, best first, without what depends on one that is not in the block.
struct Queue<I, T> {
    ready: I,
    /// Taken from the pool and not yet tried.
    waiting: VecDeque<Arc<T>>,
    /// What transactions that are not in the block would have provided.
    withheld: HashSet<TransactionTag>,
}

impl<I, T, X> Queue<I, T>
where
    I: Iterator<Item = Arc<T>>,
    T: InPoolTransaction<Transaction = Arc<X>>,
    X: Encode,
{
    fn new(ready: I) -> Self {
        Self {
            ready,
            waiting: VecDeque::new(),
            withheld: HashSet::new(),
        }
    }

    fn next(&mut self) -> Option<Arc<T>> {
        loop {
            let next = self.waiting.pop_front().or_else(|| self.ready.next())?;
            if next
                .requires()
                .iter()
                .any(|tag| self.withheld.contains(tag))
            {
                self.withhold(&next);
            } else {
                return Some(next);
            }
        }
    }

    fn is_empty(&mut self) -> bool {
        let Some(next) = self.next() else {
            return true;
        };
        self.waiting.push_front(next);
        false
    }

    /// Takes a batch of at most so many, which fit into so many bytes; none if the next one does not.
    fn take(&mut self, most: usize, mut room: usize) -> Vec<Arc<T>> {
        let mut batch = Vec::with_capacity(most);
        while batch.len() < most {
            let Some(next) = self.next() else {
                break;
            };
            let Some(left) = room.checked_sub(next.data().encoded_size()) else {
                self.waiting.push_front(next);
                break;
            };
            room = left;
            batch.push(next);
        }
        batch
    }

    fn put_back<R: IntoIterator<Item = Arc<T>, IntoIter: DoubleEndedIterator>>(&mut self, rest: R) {
        for one in rest.into_iter().rev() {
            self.waiting.push_front(one);
        }
    }

    /// Leaves the next one out.
    fn skip(&mut self) {
        if let Some(next) = self.next() {
            self.withhold(&next);
        }
    }

    fn withhold(&mut self, one: &T) {
        self.withheld.extend(one.provides().iter().cloned());
    }
}
