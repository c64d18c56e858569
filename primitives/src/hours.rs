//! Queues of what ends by itself, an hour each: `consent` expires grants with one, `credits` gives
//! offers back with another.

use crate::{rows::HOUR, Moment};

/// An hour since 1970.
pub type Hour = u64;

/// The first full hour at which something that ends at `moment` is over.
pub fn over_at(moment: Moment) -> Hour {
    moment.div_ceil(HOUR)
}

/// Goes through the hours from `first` on that are over at `now`, in at most `limit` steps. `clear`
/// takes no more than it is given from an hour, and tells how many it took; to pass an hour is a step
/// as well. Returns the hour to go on with, and how many steps it took.
pub fn sweep(
    first: Hour,
    now: Moment,
    limit: u32,
    mut clear: impl FnMut(Hour, u32) -> u32,
) -> (Hour, u32) {
    let passed = now / HOUR;
    let mut hour = first;
    let mut steps: u32 = 0;
    while steps < limit && hour <= passed {
        steps = steps.saturating_add(clear(hour, limit.saturating_sub(steps)));
        if steps < limit {
            steps = steps.saturating_add(1);
            hour = hour.saturating_add(1);
        }
    }
    (hour, steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_over_at_its_end() {
        assert_eq!(over_at(0), 0);
        assert_eq!(over_at(1), 1);
        assert_eq!(over_at(HOUR), 1);
        assert_eq!(over_at(HOUR + 1), 2);
    }

    #[test]
    fn a_sweep_takes_no_more_steps_than_it_may_and_no_hour_that_is_not_over() {
        // Three lie in hour 1, one in hour 3; it is hour 2.
        let mut lie = [0, 3, 0, 1];
        let mut clear = |hour: Hour, left: u32| {
            let taken = left.min(lie[hour as usize]);
            lie[hour as usize] -= taken;
            taken
        };
        let now = 3 * HOUR - 1;
        assert_eq!(sweep(0, now, 0, &mut clear), (0, 0));
        assert_eq!(sweep(0, now, 3, &mut clear), (1, 3));
        assert_eq!(sweep(1, now, 9, &mut clear), (3, 3));
        assert_eq!(sweep(3, now, 9, &mut clear), (3, 0));
        assert_eq!(lie, [0, 0, 0, 1]);
    }
}
