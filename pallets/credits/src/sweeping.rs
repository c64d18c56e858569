//! Giving back what has lapsed. Nothing depends on its having run.

use frame_support::defensive;
use salus_primitives::{
    hours,
    traits::{Chain, Offers},
};

use crate::{Config, Lapses, Offered, Pallet, SweepAt};

impl<T: Config> Pallet<T> {
    /// Takes at most `limit` steps; tells how many it took. A step gives one offer back or passes an
    /// empty hour.
    pub(crate) fn do_sweep(limit: u32) -> u32 {
        let Some(first) = SweepAt::<T>::get() else {
            return 0;
        };
        let (hour, steps) = hours::sweep(first, T::Chain::now(), limit, |hour, left| {
            let mut taken: u32 = 0;
            for ((patient, request), ()) in Lapses::<T>::drain_prefix((hour,)).take(left as usize) {
                taken = taken.saturating_add(1);
                if !Offered::<T>::contains_key(patient, request) {
                    defensive!("a lapse without its offer");
                }
                Self::give_back(patient, request);
            }
            taken
        });
        if hour != first {
            SweepAt::<T>::put(hour);
        }
        steps
    }
}
