//! What must hold in every state.

use alloc::vec::Vec;
use frame_support::ensure;
use salus_primitives::{
    traits::{Standing, Succession},
    Controller, ControllerRole,
};
use sp_runtime::TryRuntimeError;

use crate::{
    later, Additions, Config, ControlledBy, Controllers, FormerKeyringCount, FormerKeyrings,
    HandOvers, Inboxes, Pallet, Patients, Removals, Sponsors, KEYRINGS_RESERVED, MAX_CARERS,
    MAX_CONTROLLERS, MAX_FORMER_KEYRINGS,
};

impl<T: Config> Pallet<T> {
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        for (patient, row) in Patients::<T>::iter() {
            let rows: Vec<Controller> = Controllers::<T>::iter_prefix(patient)
                .map(|(_, row)| row)
                .collect();
            // 1. A patient has at most 16 controllers, 8 of them carers.
            let carers = rows
                .iter()
                .filter(|row| row.role == ControllerRole::Carer)
                .count();
            ensure!(
                rows.len() <= MAX_CONTROLLERS as usize && carers <= MAX_CARERS as usize,
                "too many controllers"
            );
            ensure!(row.decided_since >= row.enrolled_at, "decided too early");
            // 2. One of them decides and lasts; or there are none, and the enrolment is void.
            let decided = rows
                .iter()
                .any(|row| row.role != ControllerRole::Carer && row.expires_at.is_none());
            ensure!(
                match row.voided_at {
                    None => decided,
                    Some(_) => rows.is_empty(),
                },
                "a patient nobody can decide for, or a void one with controllers"
            );
        }

        // 3. Only enrolled patients have controllers, none of them staff, and both directions agree.
        for (patient, account, _) in Controllers::<T>::iter() {
            ensure!(
                !T::Standing::is_staff(&account),
                "a controller who is staff"
            );
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
                sponsor.patients > 0
                    && sponsor.patients as usize == patients.len()
                    && patients.contains(&sponsor.patient),
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

        // 6. Only controllers hand a patient over: a word ends with the role of who said it.
        for (patient, row) in HandOvers::<T>::iter() {
            ensure!(
                !row.agreed.is_empty()
                    && row
                        .agreed
                        .iter()
                        .all(|account| Controllers::<T>::contains_key(patient, account)),
                "a hand-over by nobody"
            );
        }

        // 7. Owners end the role of owners whose role does not end otherwise.
        for (patient, account, row) in Removals::<T>::iter() {
            ensure!(
                Self::owns_for_good(&patient, &account)
                    && row.by != account
                    && Controllers::<T>::get(patient, &row.by)
                        .is_some_and(|by| by.role == ControllerRole::Owner),
                "an end of no owner's role, or by no owner"
            );
        }

        // 8. Deciders agree to deciders.
        for (patient, decider, word) in Additions::<T>::iter() {
            ensure!(
                word.role == ControllerRole::Decider
                    && Controllers::<T>::get(patient, &decider)
                        .is_some_and(|row| row.role == ControllerRole::Decider),
                "a word of no decider"
            );
        }

        // 9. Former keyrings are counted, bounded, of an enrolled patient, and not the present one.
        for (patient, count) in FormerKeyringCount::<T>::iter() {
            ensure!(
                count as usize == FormerKeyrings::<T>::iter_key_prefix(patient).count()
                    && count <= MAX_FORMER_KEYRINGS + KEYRINGS_RESERVED,
                "miscounted keyrings"
            );
        }
        for (patient, keyring, _) in FormerKeyrings::<T>::iter() {
            ensure!(
                FormerKeyringCount::<T>::get(patient) > 0
                    && Patients::<T>::get(patient)
                        .is_some_and(|row| row.keyring.is_some_and(|present| present != keyring)),
                "a former keyring of nobody, or the present one"
            );
        }
        Ok(())
    }
}
