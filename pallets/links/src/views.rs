//! What others may know of links.

use alloc::vec::Vec;

use salus_primitives::{
    traits::{Chain, Trail},
    Link, Links, PatientId,
};

use crate::{Config, Event, LinksOf, Pallet};

impl<T: Config> Pallet<T> {
    /// Returns the patient's links that have not ended, oldest first.
    pub fn links(patient: &PatientId) -> Vec<Link> {
        Self::live(patient).live.into_inner()
    }

    /// Returns the row without what has ended by the clock.
    pub(crate) fn live(patient: &PatientId) -> Links {
        let now = T::Chain::now();
        let mut links = LinksOf::<T>::get(patient);
        links.live.retain(|row| now < row.expires_at);
        links
    }

    pub(crate) fn deposit(event: Event<T>, patient: &PatientId) {
        T::Trail::deposit(
            patient,
            <T as frame_system::Config>::RuntimeEvent::from(event),
        );
    }
}
