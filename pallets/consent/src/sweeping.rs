//! Clearing away what has ended by itself. Nothing depends on its having run.

use salus_primitives::{rows::HOUR, traits::Chain, GrantIndex, Moment, PatientId};

use crate::{Config, Event, Expiries, Grants, GrantsTo, Hour, Pallet, SweepAt};

/// The first full hour at which something that ends at `moment` is over.
pub(crate) fn over_at(moment: Moment) -> Hour {
    moment.div_ceil(HOUR)
}

impl<T: Config> Pallet<T> {
    /// Takes at most `limit` steps; tells how many it took.
    pub(crate) fn do_sweep(limit: u32) -> u32 {
        let Some(first) = SweepAt::<T>::get() else {
            return 0;
        };
        let passed = T::Chain::now() / HOUR;
        let mut hour = first;
        let mut steps = 0;
        while steps < limit && hour <= passed {
            let left = limit.saturating_sub(steps) as usize;
            for ((patient, grant), ()) in Expiries::<T>::drain_prefix((hour,)).take(left) {
                steps = steps.saturating_add(1);
                Self::expire(patient, grant);
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

    fn expire(patient: PatientId, grant: GrantIndex) {
        let Some(row) = Grants::<T>::get(patient, grant) else {
            frame_support::defensive!("an expiry without its grant");
            return;
        };
        GrantsTo::<T>::remove((row.grantee, patient, grant));
        Self::deposit(Event::Expired { patient, grant }, &patient);
    }
}
