//! What is skipped and when a block ends, of transactions that are only numbers.

use std::{
    cell::Cell,
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use sc_proposer_metrics::EndProposingReason::{
    HitBlockSizeLimit, HitBlockWeightLimit, HitDeadline, NoMoreTransactions,
};
use sp_api::ApiError;
use sp_runtime::transaction_validity::InvalidTransaction;

use super::pool::Ready;
use crate::fill::{fill, Applied, Fill, Filled, Limits};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A block of numbers, each of which takes a millisecond.
struct Numbers {
    began: Instant,
    taken: Cell<Duration>,
    batches: Vec<usize>,
    content: Vec<u64>,
    exhausting: HashSet<u64>,
    invalid: HashSet<u64>,
    panicking: HashSet<u64>,
}

impl Numbers {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            taken: Cell::default(),
            batches: vec![],
            content: vec![],
            exhausting: HashSet::new(),
            invalid: HashSet::new(),
            panicking: HashSet::new(),
        }
    }

    /// Fills it with these numbers, each of an account of its own, within so much time and as many
    /// numbers as make `size` bytes.
    fn fill(
        &mut self,
        numbers: impl IntoIterator<Item = u64>,
        time: Duration,
        size: usize,
    ) -> Filled<usize> {
        let ready: Vec<_> = numbers
            .into_iter()
            .map(|n| Ready::new(n as usize, n as u8, 0, n))
            .collect();
        self.fill_with(ready, time, size)
    }

    fn fill_with(
        &mut self,
        ready: Vec<Arc<Ready<u64>>>,
        time: Duration,
        size: usize,
    ) -> Filled<usize> {
        let limits = Limits {
            deadline: self.began + time,
            size,
        };
        // The clock is the block's, which is also what is filled.
        let clock = std::rc::Rc::new(Cell::new(Duration::ZERO));
        let mut timed = Timed {
            numbers: self,
            clock: clock.clone(),
        };
        let began = timed.numbers.began;
        fill(&mut timed, ready.into_iter(), limits, move || {
            began + clock.get()
        })
    }
}

struct Timed<'a> {
    numbers: &'a mut Numbers,
    clock: std::rc::Rc<Cell<Duration>>,
}

impl Fill<u64> for Timed<'_> {
    fn takes_batches(&self) -> bool {
        true
    }

    fn size(&self) -> usize {
        8 * self.numbers.content.len()
    }

    fn apply(&mut self, batch: Vec<Arc<u64>>) -> Result<Applied, ApiError> {
        let block = &mut *self.numbers;
        block.batches.push(batch.len());
        if batch.iter().any(|one| block.panicking.contains(one)) {
            return Err(ApiError::Application("panic".into()));
        }
        let mut results = vec![];
        for one in batch {
            self.clock.set(self.clock.get() + MILLISECOND);
            let result = if block.exhausting.contains(&one) {
                Err(InvalidTransaction::ExhaustsResources.into())
            } else if block.invalid.contains(&one) {
                Err(InvalidTransaction::Stale.into())
            } else {
                block.content.push(*one);
                Ok(())
            };
            let ended = result.is_err();
            results.push(result);
            if ended {
                break;
            }
        }
        block.taken.set(self.clock.get());
        Ok(results)
    }
}

#[test]
fn all_that_is_ready_is_in_the_block_in_its_order() {
    let mut block = Numbers::new();
    let filled = block.fill(0..100, Duration::from_secs(10), usize::MAX);
    assert_eq!(filled.end, NoMoreTransactions);
    assert_eq!(block.content, Vec::from_iter(0..100));
    // Ten of a millisecond each are what a batch may take.
    assert_eq!(block.batches[..3], [8, 10, 10]);
}

#[test]
fn a_block_ends_at_its_deadline_within_one_transaction() {
    let mut block = Numbers::new();
    let filled = block.fill(0..200, 50 * MILLISECOND, usize::MAX);
    assert_eq!(filled.end, HitDeadline);
    assert!(
        (50..=51).contains(&block.content.len()),
        "{:?}",
        block.content.len()
    );
}

#[test]
fn of_what_has_no_room_eight_are_skipped_after_half_of_the_time() {
    let mut block = Numbers::new();
    block.exhausting = (60..200).collect();
    let filled = block.fill(0..200, 100 * MILLISECOND, usize::MAX);
    assert_eq!(filled.end, HitBlockWeightLimit);
    assert_eq!(block.content, Vec::from_iter(0..60));
    assert_eq!(block.taken.get(), 69 * MILLISECOND);
    assert!(filled.invalid.is_empty());
}

#[test]
fn in_the_first_half_of_the_time_more_are_skipped_and_what_fits_is_found() {
    let mut block = Numbers::new();
    block.exhausting = (5..30).collect();
    let filled = block.fill(0..60, 100 * MILLISECOND, usize::MAX);
    assert_eq!(filled.end, NoMoreTransactions);
    assert_eq!(block.content, Vec::from_iter((0..5).chain(30..60)));
}

#[test]
fn a_block_has_no_more_bytes_than_it_may_have() {
    let mut block = Numbers::new();
    let filled = block.fill(0..60, Duration::ZERO, 20 * 8 + 4);
    assert_eq!(filled.end, HitDeadline);

    let mut block = Numbers::new();
    let filled = block.fill(0..60, 30 * MILLISECOND, 20 * 8 + 4);
    assert_eq!(filled.end, HitBlockSizeLimit);
    assert_eq!(block.content, Vec::from_iter(0..20));
    assert!(filled.invalid.is_empty());
}

#[test]
fn what_depends_on_a_transaction_that_is_not_in_the_block_is_not_tried_and_stays_in_the_pool() {
    let mut block = Numbers::new();
    block.exhausting = [2].into();
    block.invalid = [11].into();
    // Two accounts, in turns.
    let ready = (0..20)
        .map(|n| Ready::new(n as usize, (n / 10) as u8, (n % 10) as u32, n))
        .collect();
    let filled = block.fill_with(ready, Duration::from_secs(1), usize::MAX);
    assert_eq!(block.content, [0, 1, 10]);
    assert_eq!(Vec::from_iter(filled.invalid.into_keys()), [11]);
    assert_eq!(filled.end, NoMoreTransactions);
}

#[test]
fn after_a_panic_the_rest_is_made_one_by_one() {
    let mut block = Numbers::new();
    block.panicking = [12, 20].into();
    let filled = block.fill(0..40, Duration::from_secs(1), usize::MAX);
    assert!(filled.failed);
    assert_eq!(block.batches[..2], [8, 10]);
    assert!(block.batches[2..].iter().all(|size| *size == 1));
    let expected = (0..40).filter(|n| ![12, 20].contains(n));
    assert_eq!(block.content, Vec::from_iter(expected));
    assert_eq!(Vec::from_iter(filled.invalid), [(12, None), (20, None)]);
}
