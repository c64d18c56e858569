//! What a patient takes part in, and how that ends with those who decided it.

use frame_support::{defensive, pallet_prelude::*};
use salus_primitives::{
    traits::{Chain, Granting, OnSuccession},
    AccountId, Participation, PatientId, StudyIndex,
};

use crate::{
    Config, Event, Pallet, Participating, Participations, StudiesOf, WeightInfo, MAX_STUDIES,
};

impl<T: Config> Pallet<T> {
    /// Returns what the patient takes part in now.
    pub(crate) fn live(patient: &PatientId) -> StudiesOf {
        let now = T::Chain::now();
        let mut studies = Participating::<T>::get(patient);
        studies.retain(|(_, ends_at)| now < *ends_at);
        studies
    }

    pub(crate) fn forget(patient: &PatientId, study: StudyIndex) {
        Participating::<T>::mutate_exists(patient, |studies| {
            let mut left = studies.take().unwrap_or_default();
            left.retain(|(index, _)| *index != study);
            *studies = (!left.is_empty()).then_some(left);
        });
    }

    /// Notes that a participation has ended; its grant has.
    pub(crate) fn do_withdraw(
        patient: PatientId,
        actor: AccountId,
        study: StudyIndex,
        mut row: Participation,
    ) {
        row.withdrawn_at = Some(T::Chain::now());
        Participations::<T>::insert(study, patient, row);
        let event = Event::Withdrawn {
            patient,
            actor,
            study,
        };
        Self::deposit(event, &patient);
    }
}

impl<T: Config> OnSuccession<AccountId> for Pallet<T> {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        let live = Self::live(&patient);
        Participating::<T>::remove(patient);
        for (study, _) in live {
            let Some(row) = Participations::<T>::get(study, patient) else {
                defensive!("a study that the patient takes no part in");
                continue;
            };
            if T::Granting::end(patient, actor.clone(), row.grant).is_err() {
                defensive!("a participation without a grant");
            }
            Self::do_withdraw(patient, actor.clone(), study, row);
        }
    }

    fn weight() -> Weight {
        T::WeightInfo::on_succession(MAX_STUDIES)
    }
}
