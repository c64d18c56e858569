//! Who writes by the word of those who decide, and how that ends with them.

use frame_support::{defensive, pallet_prelude::*};
use salus_primitives::{
    traits::{Chain, OnSuccession},
    AccountId, GrantIndex, Moment, PatientId,
};

use crate::{
    predicate, Config, Error, Grants, Pallet, WeightInfo, Writers, WritersOf, MAX_WRITERS,
};

impl<T: Config> Pallet<T> {
    /// Returns the patient's live grants that let write.
    pub(crate) fn live_writers(patient: &PatientId) -> WritersOf {
        let now = T::Chain::now();
        let mut writers = Writers::<T>::get(patient);
        writers.retain(|(_, until)| now < *until);
        writers
    }

    pub(crate) fn note_writer(
        patient: &PatientId,
        grant: GrantIndex,
        ends_at: Moment,
    ) -> DispatchResult {
        let mut writers = Self::live_writers(patient);
        writers
            .try_push((grant, ends_at))
            .map_err(|_| Error::<T>::TooManyWriters)?;
        Writers::<T>::insert(patient, writers);
        Ok(())
    }

    pub(crate) fn forget_writer(patient: &PatientId, grant: GrantIndex) {
        Writers::<T>::mutate_exists(patient, |writers| {
            let mut left = writers.take().unwrap_or_default();
            left.retain(|(index, _)| *index != grant);
            *writers = (!left.is_empty()).then_some(left);
        });
    }
}

/// Whoever treats the patient goes on reading; nobody goes on writing.
impl<T: Config> OnSuccession<AccountId> for Pallet<T> {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        let now = T::Chain::now();
        for (grant, _) in Writers::<T>::take(patient) {
            let Some(row) = Grants::<T>::get(patient, grant) else {
                defensive!("a writer without a grant");
                continue;
            };
            if !predicate::has_ended(&row, now) {
                Self::end_now(patient, actor.clone(), grant, row);
            }
        }
    }

    fn weight() -> Weight {
        T::WeightInfo::on_succession(MAX_WRITERS)
    }
}
