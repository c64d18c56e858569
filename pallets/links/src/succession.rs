//! Links end with those who made them.

use frame_support::weights::Weight;
use salus_primitives::{traits::OnSuccession, AccountId, PatientId, MAX_LINKS};

use crate::{Config, Event, LinksOf, Pallet, WeightInfo};

impl<T: Config> OnSuccession<AccountId> for Pallet<T> {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        let mut links = Self::live(&patient);
        let ended = core::mem::take(&mut links.live);
        if ended.is_empty() {
            return;
        }
        LinksOf::<T>::insert(patient, links);
        for row in ended {
            let event = Event::LinkEnded {
                patient,
                actor: actor.clone(),
                link: row.index,
            };
            Self::deposit(event, &patient);
        }
    }

    fn weight() -> Weight {
        T::WeightInfo::on_succession(MAX_LINKS)
    }
}
