//! Who has which place, and who has standing now.

use alloc::vec::Vec;
use frame_support::{ensure, pallet_prelude::*, traits::ChangeMembers};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    traits::{Chain, Standing},
    AccountId, Clinician, ClinicianRole, Grantee, Member, Moment, OrgId, Organisation,
    OrganisationKind, Recipient, SignedRecipient, Subject,
};

use crate::{
    Admins, Clinicians, CliniciansOf, Config, Error, Event, Name, NextOrganisation, Organisations,
    Pallet, Recipients, Url,
};

impl<T: Config> Pallet<T> {
    /// The organisations in good standing that name a vault, in ascending order.
    pub fn vaults() -> Vec<OrgId> {
        (0..NextOrganisation::<T>::get())
            .filter(|id| {
                Organisations::<T>::get(id)
                    .is_some_and(|row| row.suspended_at.is_none() && !row.vault_url.is_empty())
            })
            .collect()
    }

    /// Admits an organisation, whoever decided it.
    pub fn do_admit(
        kind: OrganisationKind,
        name: Name,
        admin: AccountId,
        vault_url: Url,
    ) -> Result<OrgId, DispatchError> {
        Self::ensure_profile(&name, &vault_url)?;
        let organisation = NextOrganisation::<T>::get();
        ensure!(
            organisation < T::MaxOrganisations::get(),
            Error::<T>::TooManyOrganisations
        );
        Self::ensure_free(&admin)?;

        NextOrganisation::<T>::put(organisation.saturating_add(1));
        Organisations::<T>::insert(
            organisation,
            Organisation {
                kind,
                name,
                admin: admin.clone(),
                vault_url,
                admitted_at: T::Chain::now(),
                suspended_at: None,
            },
        );
        Self::seat_admin(organisation, &admin);
        Self::change_seats(core::slice::from_ref(&admin), &[]);
        Self::deposit_event(Event::OrganisationAdmitted {
            organisation,
            kind,
            admin,
        });
        Ok(organisation)
    }

    /// Vouches for an account, whoever decided it; `actor` is the organisation's admin.
    pub fn do_credential(
        actor: Option<AccountId>,
        organisation: OrgId,
        account: AccountId,
        role: ClinicianRole,
        valid_until: Moment,
    ) -> DispatchResult {
        let now = T::Chain::now();
        ensure!(valid_until > now, Error::<T>::ExpiryInPast);
        let previous = match Clinicians::<T>::get(&account) {
            Some(row) if row.organisation == organisation => Some(row),
            _ => {
                Self::ensure_free(&account)?;
                None
            }
        };

        if previous.is_none() {
            Self::remove_lapsed(&account);
            frame_system::Pallet::<T>::inc_providers(&account);
            CliniciansOf::<T>::insert(organisation, &account, ());
        }
        Clinicians::<T>::insert(
            &account,
            Clinician {
                organisation,
                role,
                credentialed_at: now,
                valid_until,
                suspended_at: previous.and_then(|row| row.suspended_at),
            },
        );
        Self::deposit_event(Event::ClinicianCredentialed {
            account,
            actor,
            organisation,
            role,
            valid_until,
        });
        Ok(())
    }

    pub(crate) fn do_publish(
        actor: AccountId,
        subject: Subject,
        recipient: Recipient,
    ) -> DispatchResult {
        ensure!(recipient.is_well_formed(), Error::<T>::InvalidRecipient);
        let next = match Recipients::<T>::get(&subject) {
            Some(present) => present.recipient.epoch.checked_add(1),
            None => Some(0),
        };
        ensure!(Some(recipient.epoch) == next, Error::<T>::WrongEpoch);
        ensure!(
            recipient.is_signed_by(&actor, &T::Chain::genesis(), &subject),
            Error::<T>::BadSignature
        );

        let epoch = recipient.epoch;
        Recipients::<T>::insert(
            &subject,
            SignedRecipient {
                signer: actor.clone(),
                recipient,
            },
        );
        Self::deposit_event(Event::RecipientPublished {
            actor,
            subject,
            epoch,
        });
        Ok(())
    }

    /// The signer, and the organisation it is the admin of, in good standing.
    pub(crate) fn ensure_admin(origin: OriginFor<T>) -> Result<(AccountId, OrgId), DispatchError> {
        let who = ensure_signed(origin)?;
        match <Self as Standing<_>>::member(&who) {
            Some(Member::Admin { organisation }) => Ok((who, organisation)),
            _ => Err(Error::<T>::NotAuthorized.into()),
        }
    }

    pub(crate) fn ensure_credentialed_by(
        organisation: OrgId,
        account: &AccountId,
    ) -> Result<Clinician, DispatchError> {
        Clinicians::<T>::get(account)
            .filter(|row| row.organisation == organisation)
            .ok_or(Error::<T>::NotCredentialed.into())
    }

    /// Whether nobody has a claim on the account. A credential that a person cannot use any more
    /// is none: a dissolved employer must not keep anybody from working. An individual suspension
    /// is one, so that nobody escapes it by changing sides.
    pub(crate) fn ensure_free(account: &AccountId) -> DispatchResult {
        let claimed = Admins::<T>::contains_key(account)
            || Clinicians::<T>::get(account).is_some_and(|row| {
                T::Chain::now() < row.valid_until
                    && <Self as Standing<AccountId>>::organisation_is_active(row.organisation)
            });
        ensure!(!claimed, Error::<T>::AlreadyMember);
        Ok(())
    }

    pub(crate) fn ensure_profile(name: &[u8], vault_url: &[u8]) -> DispatchResult {
        let is_text = |bytes| {
            core::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
        };
        ensure!(
            !name.is_empty() && is_text(name) && is_text(vault_url),
            Error::<T>::InvalidText
        );
        Ok(())
    }

    /// Only for an account that [`Self::ensure_free`] has let pass.
    pub(crate) fn seat_admin(organisation: OrgId, admin: &AccountId) {
        Self::remove_lapsed(admin);
        frame_system::Pallet::<T>::inc_providers(admin);
        Admins::<T>::insert(admin, organisation);
    }

    fn remove_lapsed(account: &AccountId) {
        if let Some(row) = Clinicians::<T>::get(account) {
            Self::remove_clinician(account, row.organisation);
        }
    }

    /// The account keeps its provider reference; see the crate's docs.
    pub(crate) fn remove_clinician(account: &AccountId, organisation: OrgId) {
        Clinicians::<T>::remove(account);
        CliniciansOf::<T>::remove(organisation, account);
    }

    /// Tells the council; called after `Organisations` has changed.
    pub(crate) fn change_seats(incoming: &[AccountId], outgoing: &[AccountId]) {
        let admins = Organisations::<T>::iter_values()
            .filter(|row| row.suspended_at.is_none())
            .map(|row| row.admin)
            .collect();
        T::Council::change_members(incoming, outgoing, admins);
    }
}

impl<T: Config> Standing<AccountId> for Pallet<T> {
    fn member(account: &AccountId) -> Option<Member> {
        // Clinicians first: they are asked about a thousand times as often.
        let credential = Clinicians::<T>::get(account)
            .filter(|row| row.suspended_at.is_none() && T::Chain::now() < row.valid_until);
        let member = match credential {
            Some(row) => Member::Clinician {
                organisation: row.organisation,
                role: row.role,
            },
            None => Member::Admin {
                organisation: Admins::<T>::get(account)?,
            },
        };
        Self::organisation_is_active(member.organisation()).then_some(member)
    }

    fn organisation_is_active(organisation: OrgId) -> bool {
        Organisations::<T>::get(organisation).is_some_and(|row| row.suspended_at.is_none())
    }

    fn grantee_is_active(grantee: &Grantee) -> bool {
        match grantee {
            Grantee::Organisation(organisation) => Self::organisation_is_active(*organisation),
            // The employer too: a grant does not follow its grantee to another one.
            Grantee::Clinician {
                account,
                organisation,
            } => matches!(
                <Self as Standing<_>>::member(account),
                Some(Member::Clinician { organisation: present, .. }) if present == *organisation
            ),
        }
    }
}
