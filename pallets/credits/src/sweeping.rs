//! Giving back what has lapsed. Nothing depends on its having run.

use frame_support::defensive;
use salus_primitives::{
    rows::HOUR,
    traits::{Chain, Offers},
    Moment,
};

use crate::{Config, Hour, Lapses, Offered, Pallet, SweepAt};

/// The first full hour at which something that ends at `moment` is over.
pub(crate) fn over_at(moment: Moment) -> Hour {
    moment.div_ceil(HOUR)
}

impl<T: Config> Pallet<T> {
    /// Takes at most `limit` steps; tells how many it took. A step gives one offer back or passes an
    /// empty hour.
    pub(crate) fn do_sweep(limit: u32) -> u32 {
        let Some(first) = SweepAt::<T>::get() else {
            return 0;
        };
        let passed = T::Chain::now() / HOUR;
        let mut hour = first;
        let mut steps = 0;
        while steps < limit && hour <= passed {
            let left = limit.saturating_sub(steps) as usize;
            for ((patient, request), ()) in Lapses::<T>::drain_prefix((hour,)).take(left) {
                steps = steps.saturating_add(1);
                if !Offered::<T>::contains_key(patient, request) {
                    defensive!("a lapse without its offer");
                }
                Self::give_back(patient, request);
            }
            if steps < limit {
                steps = steps.saturating_add(1);
                hour = hour.saturating_add(1);
            }
        }
        if hour != first {
            SweepAt::<T>::put(hour);
        }
        steps
    }
}
