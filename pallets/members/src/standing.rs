//! Who has which place, and who has standing now.

use alloc::vec::Vec;
use frame_support::{
    defensive,
    dispatch::{DispatchErrorWithPostInfo, WithPostDispatchInfo},
    ensure,
    pallet_prelude::*,
    traits::ChangeMembers,
    weights::constants::WEIGHT_REF_TIME_PER_MICROS,
};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    signing::CONSENT_LASTS,
    traits::{Chain, Sponsorship, Standing},
    AccountId, Clinician, ClinicianRole, CredentialConsent, Grantee, Member, Moment, OrgId,
    Organisation, OrganisationKind, Recipient, SignedRecipient, Subject,
};

use crate::{
    Admins, Clinicians, CliniciansOf, Config, Error, Event, Name, NextOrganisation, Organisations,
    Pallet, Recipients, Released, Seats, Url, Vacated, Vaults, CLOCK_SKEW, ELECTORATE_MEMORY,
};

impl<T: Config> Pallet<T> {
    /// Returns the organisations in good standing that name a vault, in ascending order, and their
    /// kinds.
    pub fn vaults() -> Vec<(OrgId, OrganisationKind)> {
        Vaults::<T>::get().into_inner()
    }

    /// Of how many seats the council's thresholds are counted: those of the organisations in good
    /// standing, and of those suspended within [`ELECTORATE_MEMORY`].
    pub fn electorate() -> u32 {
        let now = T::Chain::now();
        let vacated = Vacated::<T>::get()
            .iter()
            .filter(|(_, at)| now < at.saturating_add(ELECTORATE_MEMORY))
            .count() as u32;
        Self::active_organisations().saturating_add(vacated)
    }

    /// How many organisations are in good standing. Does not decode the list.
    fn active_organisations() -> u32 {
        Seats::<T>::decode_len().unwrap_or_default() as u32
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

        let row = Organisation {
            kind,
            name,
            admin: admin.clone(),
            vault_url,
            directory: None,
            admitted_at: T::Chain::now(),
            suspended_at: None,
        };
        NextOrganisation::<T>::put(organisation.saturating_add(1));
        Self::list_vault(organisation, &row);
        Organisations::<T>::insert(organisation, row);
        Self::place_admin(organisation, &admin);
        Self::change_seats(Some(&admin), None);
        Self::deposit_event(Event::OrganisationAdmitted {
            organisation,
            kind,
            admin,
        });
        Ok(organisation)
    }

    pub(crate) fn do_suspend(organisation: OrgId) -> DispatchResult {
        let mut row = Organisations::<T>::get(organisation).ok_or(Error::<T>::NotFound)?;
        ensure!(row.suspended_at.is_none(), Error::<T>::AlreadySuspended);
        ensure!(
            Self::active_organisations() > 1,
            Error::<T>::LastOrganisation
        );

        let now = T::Chain::now();
        row.suspended_at = Some(now);
        Self::list_vault(organisation, &row);
        Vacated::<T>::mutate(|vacated| {
            vacated.retain(|(_, at)| now < at.saturating_add(ELECTORATE_MEMORY));
            if vacated.try_push((organisation, now)).is_err() {
                defensive!("as many are suspended as there are organisations");
            }
        });
        let admin = row.admin.clone();
        Organisations::<T>::insert(organisation, row);
        Self::change_seats(None, Some(&admin));
        Self::deposit_event(Event::OrganisationSuspended { organisation });
        Ok(())
    }

    pub(crate) fn do_reinstate(organisation: OrgId) -> DispatchResult {
        let mut row = Organisations::<T>::get(organisation).ok_or(Error::<T>::NotFound)?;
        ensure!(row.suspended_at.is_some(), Error::<T>::NotSuspended);

        row.suspended_at = None;
        Self::list_vault(organisation, &row);
        Vacated::<T>::mutate(|vacated| vacated.retain(|(other, _)| *other != organisation));
        let admin = row.admin.clone();
        Organisations::<T>::insert(organisation, row);
        Self::change_seats(Some(&admin), None);
        Self::deposit_event(Event::OrganisationReinstated { organisation });
        Ok(())
    }

    pub(crate) fn do_set_admin(organisation: OrgId, admin: AccountId) -> DispatchResult {
        let mut row = Organisations::<T>::get(organisation).ok_or(Error::<T>::NotFound)?;
        Self::ensure_free(&admin)?;

        let previous = core::mem::replace(&mut row.admin, admin.clone());
        let active = row.suspended_at.is_none();
        Organisations::<T>::insert(organisation, row);
        Admins::<T>::remove(&previous);
        Self::place_admin(organisation, &admin);
        if active {
            Self::change_seats(Some(&admin), Some(&previous));
        }
        Self::deposit_event(Event::AdminChanged {
            organisation,
            admin,
            previous,
        });
        Ok(())
    }

    /// Returns the error with what a refusal costs: a few rows are read, and no seat changes.
    pub(crate) fn refused(error: impl Into<DispatchError>) -> DispatchErrorWithPostInfo {
        let weight = Weight::from_parts(50 * WEIGHT_REF_TIME_PER_MICROS, 0)
            .saturating_add(T::DbWeight::get().reads(6));
        error.into().with_weight(weight)
    }

    /// Vouches for an account without asking it, whoever decided it; `actor` is the organisation's
    /// admin. For the state that a chain begins with.
    pub fn do_credential(
        actor: Option<AccountId>,
        organisation: OrgId,
        account: AccountId,
        role: ClinicianRole,
        valid_until: Moment,
    ) -> DispatchResult {
        let previous = Self::ensure_credentialable(organisation, &account, valid_until)?;
        Self::write_credential(actor, organisation, account, role, valid_until, previous);
        Ok(())
    }

    /// Returns the present credential if it is of the same organisation.
    pub(crate) fn ensure_credentialable(
        organisation: OrgId,
        account: &AccountId,
        valid_until: Moment,
    ) -> Result<Option<Clinician>, DispatchError> {
        ensure!(valid_until > T::Chain::now(), Error::<T>::ExpiryInPast);
        match Clinicians::<T>::get(account) {
            Some(row) if row.organisation == organisation => Ok(Some(row)),
            _ => {
                Self::ensure_free(account)?;
                Ok(None)
            }
        }
    }

    /// Whether the account has agreed: lately, to this organisation and role, and since it last
    /// left one. A credential in the same role that has not lapsed is an agreement that lasts.
    pub(crate) fn ensure_consent(
        organisation: OrgId,
        account: &AccountId,
        role: ClinicianRole,
        previous: &Option<Clinician>,
        consent: Option<CredentialConsent>,
    ) -> DispatchResult {
        let now = T::Chain::now();
        if previous
            .as_ref()
            .is_some_and(|row| row.role == role && now < row.valid_until)
        {
            return Ok(());
        }
        let consent = consent.ok_or(Error::<T>::ConsentNeeded)?;
        let spent = Released::<T>::get(account).is_some_and(|at| consent.signed_at <= at);
        ensure!(
            now < consent.expires_at && !spent,
            Error::<T>::ConsentExpired
        );
        ensure!(
            consent.signed_at <= now.saturating_add(CLOCK_SKEW)
                && consent.expires_at.saturating_sub(consent.signed_at) <= CONSENT_LASTS
                && consent.is_signed_by(account, &T::Chain::genesis(), organisation, role),
            Error::<T>::BadConsent
        );
        Ok(())
    }

    /// `previous` is what [`Self::ensure_credentialable`] has returned.
    pub(crate) fn write_credential(
        actor: Option<AccountId>,
        organisation: OrgId,
        account: AccountId,
        role: ClinicianRole,
        valid_until: Moment,
        previous: Option<Clinician>,
    ) {
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
                credentialed_at: T::Chain::now(),
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

    /// Whether nobody has a claim on the account, and it acts for no patient. A credential that a person cannot use any more
    /// is none: a dissolved employer must not keep anybody from working. An individual suspension
    /// is one, so that nobody escapes it by changing sides.
    ///
    /// Nobody is credentialed who has not agreed. An admin may be named without, but only by an
    /// announced decision of the council, which everybody can see coming for days.
    pub(crate) fn ensure_free(account: &AccountId) -> DispatchResult {
        let claimed = Admins::<T>::contains_key(account)
            || Clinicians::<T>::get(account).is_some_and(|row| {
                T::Chain::now() < row.valid_until
                    && <Self as Standing<AccountId>>::organisation_is_active(row.organisation)
            });
        ensure!(!claimed, Error::<T>::AlreadyMember);
        ensure!(
            !T::Sponsorship::acts_for_patients(account),
            Error::<T>::ActsForPatients
        );
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
    fn place_admin(organisation: OrgId, admin: &AccountId) {
        Self::remove_lapsed(admin);
        frame_system::Pallet::<T>::inc_providers(admin);
        Admins::<T>::insert(admin, organisation);
    }

    fn remove_lapsed(account: &AccountId) {
        if let Some(row) = Clinicians::<T>::get(account) {
            Self::remove_clinician(account, row.organisation);
        }
    }

    /// The account keeps its provider reference; see the crate's docs. Whatever it signed before
    /// gets it no new credential.
    pub(crate) fn remove_clinician(account: &AccountId, organisation: OrgId) {
        Clinicians::<T>::remove(account);
        CliniciansOf::<T>::remove(organisation, account);
        Released::<T>::insert(account, T::Chain::now());
    }

    /// Puts an organisation on the list of vaults, or takes it off, as its row now says.
    pub(crate) fn list_vault(organisation: OrgId, row: &Organisation) {
        let keeps = row.suspended_at.is_none() && !row.vault_url.is_empty();
        let mut vaults = Vaults::<T>::get();
        let place = vaults.binary_search_by_key(&organisation, |(listed, _)| *listed);
        match (place, keeps) {
            (Ok(place), false) => {
                vaults.remove(place);
            }
            (Err(place), true) => {
                if vaults.try_insert(place, (organisation, row.kind)).is_err() {
                    defensive!("more vaults than organisations");
                }
            }
            _ => return,
        }
        Vaults::<T>::put(vaults);
    }

    /// Changes the seats of the council.
    fn change_seats(incoming: Option<&AccountId>, outgoing: Option<&AccountId>) {
        let mut seats = Seats::<T>::get();
        if let Some(place) = outgoing.and_then(|admin| seats.binary_search(admin).ok()) {
            seats.remove(place);
        }
        if let Some(admin) = incoming {
            let place = seats.binary_search(admin).unwrap_or_else(|place| place);
            if seats.try_insert(place, admin.clone()).is_err() {
                defensive!("more seats than organisations");
            }
        }
        let slice = |admin: Option<&AccountId>| admin.cloned().into_iter().collect::<Vec<_>>();
        T::Council::change_members_sorted(&slice(incoming), &slice(outgoing), &seats);
        Seats::<T>::put(seats);
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

    fn administers(account: &AccountId) -> Option<OrgId> {
        Admins::<T>::get(account)
    }

    fn is_staff(account: &AccountId) -> bool {
        Clinicians::<T>::contains_key(account) || Admins::<T>::contains_key(account)
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
