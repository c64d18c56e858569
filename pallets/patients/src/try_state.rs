//! What must hold in every state.

use alloc::vec::Vec;
use frame_support::ensure;
use salus_primitives::{Controller, ControllerRole};
use sp_runtime::TryRuntimeError;

use crate::{
    later, Config, ControlledBy, Controllers, HandOvers, Inboxes, Pallet, Patients, Sponsors,
    MAX_CONTROLLERS,
};

impl<T: Config> Pallet<T> {
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        for (patient, row) in Patients::<T>::iter() {
            let rows: Vec<Controller> = Controllers::<T>::iter_prefix(patient)
                .map(|(_, row)| row)
                .collect();
            // 1. A patient has at most 16 controllers.
            ensure!(
                rows.len() <= MAX_CONTROLLERS as usize,
                "too many controllers"
            );
            // 2. One of them decides and lasts; or there are none, and no grant counts: the
            //    enrolment was void.
            ensure!(
                rows.iter()
                    .any(|row| row.role != ControllerRole::Carer && row.expires_at.is_none())
                    || (rows.is_empty() && row.restricted_since.is_some()),
                "a patient nobody can decide for"
            );
        }

        // 3. Only enrolled patients have controllers, and both directions agree.
        for (patient, account, _) in Controllers::<T>::iter() {
            ensure!(
                Patients::<T>::contains_key(patient),
                "a controller of nobody"
            );
            ensure!(
                ControlledBy::<T>::contains_key(&account, patient),
                "a controller that does not know of the patient"
            );
        }
        ensure!(
            ControlledBy::<T>::iter_keys().count() == Controllers::<T>::iter_keys().count(),
            "a patient that does not know of the controller"
        );

        // 4. Exactly the accounts with a role have a sponsor, who counts their patients and knows
        //    of no end before the last of their roles ends; and none of them can be reaped.
        for (account, sponsor) in Sponsors::<T>::iter() {
            let patients: Vec<_> = ControlledBy::<T>::iter_key_prefix(&account).collect();
            ensure!(
                sponsor.patients > 0 && sponsor.patients as usize == patients.len(),
                "a sponsor that miscounts"
            );
            for patient in patients {
                let end = Controllers::<T>::get(patient, &account).and_then(|row| row.expires_at);
                ensure!(
                    later(sponsor.until, end) == sponsor.until,
                    "a sponsorship that ends too early"
                );
            }
            ensure!(
                frame_system::Pallet::<T>::providers(&account) > 0,
                "a controller without a provider reference"
            );
        }
        ensure!(
            ControlledBy::<T>::iter_keys().all(|(account, _)| Sponsors::<T>::contains_key(account)),
            "a controller without a sponsor"
        );

        // 5. Only enrolled patients have inboxes, each well formed.
        for (patient, row) in Inboxes::<T>::iter() {
            ensure!(
                Patients::<T>::contains_key(patient) && row.recipient.is_well_formed(),
                "an inbox of nobody"
            );
        }

        // 6. Only guardians who lack another's word hand a patient over: it is somebody's still.
        for (patient, row) in HandOvers::<T>::iter() {
            ensure!(
                !row.guardians.is_empty()
                    && Controllers::<T>::iter_key_prefix(patient).next().is_some(),
                "a hand-over by nobody"
            );
        }
        Ok(())
    }
}
