//! How taking part ends: with a word of those who decide, or with those who decided it.

use frame_support::{defensive, pallet_prelude::*};
use salus_primitives::{
    traits::{Chain, Granting, OnSuccession},
    AccountId, Participation, PatientId,
};

use crate::{Config, Event, Pallet, Participations, Studies, WeightInfo};

impl<T: Config> Pallet<T> {
    /// Notes that a participation has ended; its grant has.
    pub(crate) fn do_withdraw(patient: PatientId, actor: AccountId, mut row: Participation) {
        let study = row.study;
        row.withdrawn_at = Some(T::Chain::now());
        Participations::<T>::insert(patient, row);
        let event = Event::Withdrawn {
            patient,
            actor,
            study,
        };
        Self::deposit(event, &patient);
    }

    /// Whether the patient takes part now. In a study that its organisation ended before its time, too:
    /// it may be read on.
    fn is_live(row: &Participation) -> bool {
        row.withdrawn_at.is_none()
            && Studies::<T>::get(row.study).is_some_and(|study| T::Chain::now() < study.ends_at)
    }
}

impl<T: Config> OnSuccession<AccountId> for Pallet<T> {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        let Some(row) = Participations::<T>::get(patient).filter(Self::is_live) else {
            return;
        };
        if T::Granting::end(patient, actor.clone(), row.grant).is_err() {
            defensive!("a participation without a grant");
        }
        Self::do_withdraw(patient, actor.clone(), row);
    }

    fn weight() -> Weight {
        T::WeightInfo::on_succession()
    }
}
