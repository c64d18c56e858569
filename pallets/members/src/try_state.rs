//! What must hold in every state.

use alloc::vec::Vec;
use frame_support::{ensure, traits::Get};
use salus_primitives::{traits::Chain, Subject};
use sp_runtime::TryRuntimeError;

use crate::{
    Admins, Clinicians, CliniciansOf, Config, NextOrganisation, OrganisationBuckets, Organisations,
    Pallet, Recipients, Seats, SponsorBuckets, Vacated, Vaults, ELECTORATE_MEMORY,
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

        // 9. The seats are the admins of the organisations in good standing, in order.
        let mut seats: Vec<_> = Organisations::<T>::iter_values()
            .filter(|row| row.suspended_at.is_none())
            .map(|row| row.admin)
            .collect();
        seats.sort();
        ensure!(Seats::<T>::get() == seats, "a seat too many or too few");

        // 10. The vaults are those of the organisations in good standing that name one, in order,
        // each with its organisation's kind.
        let mut vaults: Vec<_> = Organisations::<T>::iter()
            .filter(|(_, row)| row.suspended_at.is_none() && !row.vault_url.is_empty())
            .map(|(id, row)| (id, row.kind))
            .collect();
        vaults.sort();
        ensure!(Vaults::<T>::get() == vaults, "a vault too many or too few");

        // 11. Whoever was suspended lately is remembered, once, and nobody else is.
        let vacated = Vacated::<T>::get();
        for (id, at) in &vacated {
            ensure!(
                Organisations::<T>::get(id).is_some_and(|row| row.suspended_at == Some(*at)),
                "a vacated seat of an organisation that was not suspended then"
            );
            ensure!(
                vacated.iter().filter(|(other, _)| other == id).count() == 1,
                "a seat that counts twice"
            );
        }
        let now = T::Chain::now();
        for (id, row) in Organisations::<T>::iter() {
            let lately = row
                .suspended_at
                .is_some_and(|at| now < at.saturating_add(ELECTORATE_MEMORY));
            ensure!(
                !lately || vacated.iter().any(|(vacated, _)| *vacated == id),
                "a suspended organisation that does not count"
            );
        }

        // 12. Only organisations have buckets that others share.
        ensure!(
            OrganisationBuckets::<T>::iter_keys()
                .chain(SponsorBuckets::<T>::iter_keys())
                .all(|id| id < count),
            "a bucket of no organisation"
        );
        Ok(())
    }
}
