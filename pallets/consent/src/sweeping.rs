//! Clearing away what has ended by itself. Nothing depends on its having run.

use salus_primitives::{hours, traits::Chain, GrantIndex, PatientId};

use crate::{granting::place, Config, Event, Expiries, Grants, GrantsTo, Pallet, SweepAt};

impl<T: Config> Pallet<T> {
    /// Takes at most `limit` steps; tells how many it took.
    pub(crate) fn do_sweep(limit: u32) -> u32 {
        let Some(first) = SweepAt::<T>::get() else {
            return 0;
        };
        let (hour, steps) = hours::sweep(first, T::Chain::now(), limit, |hour, left| {
            let mut taken: u32 = 0;
            for ((patient, grant), ()) in Expiries::<T>::drain_prefix((hour,)).take(left as usize) {
                taken = taken.saturating_add(1);
                Self::expire(patient, grant);
            }
            taken
        });
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
        GrantsTo::<T>::remove((&row.grantee, patient, place(grant)));
        Self::settle_keys(patient, grant, &row);
        Self::deposit(Event::Expired { patient, grant }, &patient);
    }
}
