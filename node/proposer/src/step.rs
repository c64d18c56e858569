//! How many transactions the runtime is handed at once.

use std::time::Duration;

/// More in one batch make nothing faster; see the crate's documentation.
const MOST: usize = 64;
/// What a block begins with, knowing nothing of its transactions.
const FIRST: usize = 8;
/// A batch cannot be stopped from outside.
const TIME: Duration = Duration::from_millis(10);

/// The size of the next batch.
pub struct Step {
    next: usize,
    most: usize,
    /// What a transaction of the last batch took.
    each: Duration,
}

impl Step {
    pub fn batches() -> Self {
        Self {
            next: FIRST,
            most: MOST,
            each: Duration::ZERO,
        }
    }

    pub fn one_by_one() -> Self {
        Self {
            next: 1,
            most: 1,
            each: Duration::ZERO,
        }
    }

    /// The next batch, with so much time left for the block.
    pub fn size(&self, left: Duration) -> usize {
        let in_time = TIME.min(left).as_nanos() / self.each.as_nanos().max(1);
        let in_time = usize::try_from(in_time).unwrap_or(usize::MAX);
        self.next.min(in_time).clamp(1, self.most)
    }

    /// Of a batch, `tried` transactions were tried and `applied` of them are in the block.
    pub fn learn(&mut self, tried: usize, applied: usize, took: Duration) {
        self.next = (2 * applied).max(1);
        self.each = took / u32::try_from(tried.max(1)).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1);
    const SHORT: Duration = Duration::from_micros(50);

    #[test]
    fn batches_grow_to_the_most_while_transactions_are_quick() {
        let mut step = Step::batches();
        let mut sizes = vec![];
        for _ in 0..5 {
            let size = step.size(LONG);
            sizes.push(size);
            step.learn(size, size, SHORT * size as u32);
        }
        assert_eq!(sizes, [8, 16, 32, 64, 64]);
    }

    #[test]
    fn slow_transactions_and_little_time_make_batches_small() {
        let mut step = Step::batches();
        step.learn(64, 64, Duration::from_millis(64));
        assert_eq!(step.size(LONG), 10);
        assert_eq!(step.size(Duration::from_millis(3)), 3);
        assert_eq!(step.size(Duration::ZERO), 1);
        step.learn(1, 1, LONG);
        assert_eq!(step.size(LONG), 1);
    }

    #[test]
    fn after_refused_transactions_the_next_are_tried_one_by_one() {
        let mut step = Step::batches();
        step.learn(1, 0, SHORT);
        assert_eq!(step.size(LONG), 1);
        step.learn(1, 1, SHORT);
        assert_eq!(step.size(LONG), 2);
        step.learn(40, 39, SHORT * 40);
        assert_eq!(step.size(LONG), 64);
    }
}
