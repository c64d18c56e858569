//! What must hold in every state.

use frame_support::{ensure, traits::Get};
use salus_primitives::Subject;
use sp_runtime::TryRuntimeError;

use crate::{
    Admins, Clinicians, CliniciansOf, Config, NextOrganisation, Organisations, Pallet, Recipients,
};

impl<T: Config> Pallet<T> {
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        // 1. Organisations are numbered without gaps, and there are not too many.
        let count = NextOrganisation::<T>::get();
        ensure!(
            count <= T::MaxOrganisations::get()
                && Organisations::<T>::iter_keys().count() == count as usize
                && Organisations::<T>::iter_keys().all(|id| id < count),
            "an organisation out of number"
        );

        // 2. Organisations and admins name each other, one to one.
        for (id, row) in Organisations::<T>::iter() {
            ensure!(
                Admins::<T>::get(&row.admin) == Some(id),
                "an organisation whose admin does not know of it"
            );
        }
        ensure!(
            Admins::<T>::iter_keys().count() == count as usize,
            "an admin without an organisation"
        );

        // 3. Where there is an organisation, one is in good standing.
        ensure!(
            count == 0 || Organisations::<T>::iter_values().any(|row| row.suspended_at.is_none()),
            "nobody is left to decide"
        );

        // 4. Every credential is that of an organisation, and in its list.
        for (account, row) in Clinicians::<T>::iter() {
            ensure!(row.organisation < count, "a credential of no organisation");
            ensure!(
                CliniciansOf::<T>::contains_key(row.organisation, &account),
                "a clinician missing from the list"
            );
            // 5. No account has two places.
            ensure!(
                !Admins::<T>::contains_key(&account),
                "a clinician who is an admin"
            );
        }

        // 6. The lists name nobody else.
        ensure!(
            CliniciansOf::<T>::iter_keys().count() == Clinicians::<T>::iter_keys().count(),
            "a list names someone without a credential"
        );

        // 7. No member account can be reaped.
        ensure!(
            Admins::<T>::iter_keys()
                .chain(Clinicians::<T>::iter_keys())
                .all(|account| frame_system::Pallet::<T>::providers(&account) > 0),
            "a member without a provider reference"
        );

        // 8. Only organisations and accounts publish keys here, each key well formed.
        for (subject, row) in Recipients::<T>::iter() {
            let belongs = match subject {
                Subject::Organisation(id) => id < count,
                Subject::Account(account) => row.signer == account,
                Subject::Compartment(..) | Subject::Inbox(_) => false,
            };
            ensure!(
                belongs && row.recipient.is_well_formed(),
                "a key that belongs to nobody here"
            );
        }
        Ok(())
    }
}
