//! Roles: how they begin and end, and what deciders need from each other for it.

use alloc::vec::Vec;
use frame_support::ensure;
use salus_primitives::{
    rows::ENDING_WAITS,
    signing::{RoleConsent, CLOCK_SKEW, CONSENT_LASTS},
    traits::{Chain, Control, RecoveryPlans},
    AccountId, Controller, ControllerRole, Moment, PatientId,
};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
    later, Addition, Additions, Config, ControlledBy, Controllers, Error, Event, HandOvers, Pallet,
    Released, Removal, Removals, Sponsor, Sponsors, MAX_CARERS, MAX_CONTROLLERS, SPONSORS_TRIED,
};

impl<T: Config> Pallet<T> {
    /// Gives a role, or counts a decider's word for it. Returns whether words of others ended.
    pub(crate) fn add(
        who: AccountId,
        patient: PatientId,
        account: AccountId,
        role: ControllerRole,
        expires_at: Option<Moment>,
        consent: RoleConsent,
    ) -> Result<bool, DispatchError> {
        let by = Self::ensure_decides(patient, who)?;
        ensure!(
            by.role == ControllerRole::Owner || role != ControllerRole::Owner,
            Error::<T>::NotAuthorized
        );
        Self::ensure_no_staff(&account)?;
        let now = T::Chain::now();
        ensure!(
            expires_at.is_none_or(|end| end > now),
            Error::<T>::ExpiryInPast
        );
        let rows: Vec<_> = Controllers::<T>::iter_prefix(patient).collect();
        Self::ensure_unspent(&rows, &account, &consent)?;
        let deciders = Self::live_deciders(&rows);
        let jointly = by.role == ControllerRole::Decider && role == ControllerRole::Decider;
        let own = if jointly {
            // What all of them give together lasts as long as any of them.
            deciders
                .iter()
                .fold(by.until, |end, (_, row)| later(end, row.expires_at))
        } else {
            by.until
        };
        ensure!(later(own, expires_at) == own, Error::<T>::OutlastsOwn);
        Self::ensure_room(&rows, &account, role)?;
        ensure!(
            consent.is_signed_by(&account, &T::Chain::genesis(), &patient, role),
            Error::<T>::BadConsent
        );

        if jointly {
            let agrees = |decider: &AccountId| {
                Additions::<T>::get(patient, decider)
                    .is_some_and(|word| word.is_for(&account, role, expires_at, now))
            };
            if !deciders
                .iter()
                .all(|(decider, _)| *decider == by.actor || agrees(decider))
            {
                Self::agree_to_add(patient, by.actor, account, role, expires_at, consent);
                return Ok(false);
            }
            // The words for this account are used up, those for other terms with them.
            let used: Vec<_> = Additions::<T>::iter_prefix(patient)
                .filter(|(_, word)| word.account == account)
                .map(|(decider, _)| decider)
                .collect();
            for decider in used {
                Additions::<T>::remove(patient, decider);
            }
        }
        let expired = rows.iter().any(|(other, _)| *other == account);
        Self::do_add_controller(patient, by.actor, account, role, expires_at);
        Ok(jointly || expired)
    }

    /// That the account signed lately, and since its last role ended.
    fn ensure_unspent(
        rows: &[(AccountId, Controller)],
        account: &AccountId,
        consent: &RoleConsent,
    ) -> DispatchResult {
        let now = T::Chain::now();
        // A role that has expired is over, whether or not anybody has removed its row.
        let expired = rows
            .iter()
            .find(|(other, row)| other == account && !Self::is_live(row))
            .and_then(|(_, row)| row.expires_at);
        let last_end = Released::<T>::get(account).max(expired);
        ensure!(
            now < consent.expires_at && last_end.is_none_or(|at| at < consent.signed_at),
            Error::<T>::ConsentExpired
        );
        ensure!(
            consent.signed_at <= now.saturating_add(CLOCK_SKEW)
                && consent.expires_at.saturating_sub(consent.signed_at) <= CONSENT_LASTS,
            Error::<T>::ConsentTooLong
        );
        Ok(())
    }

    fn agree_to_add(
        patient: PatientId,
        actor: AccountId,
        account: AccountId,
        role: ControllerRole,
        expires_at: Option<Moment>,
        consent: RoleConsent,
    ) {
        let earlier = Additions::<T>::get(patient, &actor);
        if let Some(earlier) = earlier.filter(|earlier| earlier.account != account) {
            let event = Event::AdditionDropped {
                patient,
                actor: actor.clone(),
                decider: actor.clone(),
                account: earlier.account,
            };
            Self::deposit(patient, event);
        }
        let word = Addition {
            account: account.clone(),
            role,
            expires_at,
            counts_until: consent.expires_at,
        };
        Additions::<T>::insert(patient, &actor, word);
        Self::deposit(
            patient,
            Event::AdditionAgreed {
                patient,
                actor,
                account,
                role,
                expires_at,
            },
        );
    }

    /// Gives a role, once somebody has checked that it may be given. An expired row may be there.
    pub fn do_add_controller(
        patient: PatientId,
        actor: AccountId,
        account: AccountId,
        role: ControllerRole,
        expires_at: Option<Moment>,
    ) {
        if Controllers::<T>::contains_key(patient, &account) {
            Self::forget_words(patient, &actor, &account);
        }
        Self::insert_controller(patient, &account, Controller { role, expires_at });
        Self::deposit(
            patient,
            Event::ControllerAdded {
                patient,
                actor,
                account,
                role,
                expires_at,
            },
        );
    }

    pub(crate) fn become_owner(who: AccountId, patient: PatientId) -> DispatchResult {
        let by = Self::ensure_decides(patient, who)?;
        ensure!(
            by.role == ControllerRole::Decider && by.until.is_none(),
            Error::<T>::NotAuthorized
        );
        let others_decide = Controllers::<T>::iter_prefix(patient).any(|(other, row)| {
            other != by.actor && row.role != ControllerRole::Carer && Self::is_live(&row)
        });
        ensure!(!others_decide, Error::<T>::OthersDecide);

        // It asked for the words of other deciders, whose roles have ended since; an owner needs none.
        if let Some(word) = Additions::<T>::take(patient, &by.actor) {
            Self::deposit_dropped(patient, &by.actor, by.actor.clone(), word.account);
        }
        let row = Controller {
            role: ControllerRole::Owner,
            expires_at: None,
        };
        Controllers::<T>::insert(patient, &by.actor, row);
        Self::deposit(
            patient,
            Event::OwnerDeclared {
                patient,
                actor: by.actor,
            },
        );
        Ok(())
    }

    /// Ends a role, or announces it. Returns whether it has ended.
    pub(crate) fn remove(
        actor: AccountId,
        patient: PatientId,
        account: AccountId,
    ) -> Result<bool, DispatchError> {
        ensure!(Self::is_enrolled(&patient), Error::<T>::NotEnrolled);
        let role = Self::role(&patient, &actor).ok_or(Error::<T>::NotAuthorized)?;
        let row = Controllers::<T>::get(patient, &account).ok_or(Error::<T>::NotController)?;
        let entitled = actor == account
            || match role {
                ControllerRole::Owner => true,
                ControllerRole::Decider => {
                    row.role == ControllerRole::Carer || !Self::is_live(&row)
                }
                ControllerRole::Carer => false,
            };
        ensure!(entitled, Error::<T>::NotAuthorized);
        ensure!(
            !Self::is_last(patient, &account, &row),
            Error::<T>::LastController
        );

        if actor != account && row.role == ControllerRole::Owner && row.expires_at.is_none() {
            let now = T::Chain::now();
            let announced = Removals::<T>::get(patient, &account).filter(|row| row.counts(now));
            let Some(announced) = announced else {
                Self::announce_removal(patient, actor, account);
                return Ok(false);
            };
            ensure!(Self::is_due(&patient, announced.due), Error::<T>::NotDue);
        }
        Removals::<T>::remove(patient, &account);
        Self::forget_words(patient, &actor, &account);
        Self::delete_controller(patient, &account);
        Self::deposit(
            patient,
            Event::ControllerRemoved {
                patient,
                actor,
                account,
                role: row.role,
            },
        );
        Ok(true)
    }

    fn announce_removal(patient: PatientId, actor: AccountId, account: AccountId) {
        let due = T::Chain::now().saturating_add(ENDING_WAITS);
        let row = Removal {
            by: actor.clone(),
            due,
        };
        Removals::<T>::insert(patient, &account, row);
        Self::deposit(
            patient,
            Event::RemovalAnnounced {
                patient,
                actor,
                account,
                due,
            },
        );
    }

    /// Whether what was announced for `due` may happen now: a recovery under way puts it off.
    pub(crate) fn is_due(patient: &PatientId, due: Moment) -> bool {
        T::Chain::now() >= T::RecoveryPlans::not_before(patient, due)
    }

    /// What an account has said about others counts no more when its role ends.
    fn forget_words(patient: PatientId, actor: &AccountId, account: &AccountId) {
        if let Some(word) = Additions::<T>::take(patient, account) {
            Self::deposit_dropped(patient, actor, account.clone(), word.account);
        }
        // No more than there are controllers.
        let announced: Vec<_> = Removals::<T>::iter_prefix(patient)
            .filter(|(_, row)| row.by == *account)
            .map(|(other, _)| other)
            .collect();
        for other in announced {
            Removals::<T>::remove(patient, &other);
            Self::deposit_vetoed(patient, actor, other);
        }
        Self::forget_hand_over(patient, actor, account);
    }

    fn forget_hand_over(patient: PatientId, actor: &AccountId, account: &AccountId) {
        let Some(mut pending) = HandOvers::<T>::get(patient) else {
            return;
        };
        let before = pending.agreed.len();
        pending.agreed.retain(|other| other != account);
        if pending.agreed.is_empty() {
            HandOvers::<T>::remove(patient);
            Self::deposit_not_handed_over(patient, actor, pending.owner);
        } else if pending.agreed.len() < before {
            HandOvers::<T>::insert(patient, pending);
        }
    }

    pub(crate) fn deposit_dropped(
        patient: PatientId,
        actor: &AccountId,
        decider: AccountId,
        account: AccountId,
    ) {
        Self::deposit(
            patient,
            Event::AdditionDropped {
                patient,
                actor: actor.clone(),
                decider,
                account,
            },
        );
    }

    pub(crate) fn deposit_vetoed(patient: PatientId, actor: &AccountId, account: AccountId) {
        Self::deposit(
            patient,
            Event::RemovalVetoed {
                patient,
                actor: actor.clone(),
                account,
            },
        );
    }

    /// That the account has no role yet, and there is room for it.
    fn ensure_room(
        rows: &[(AccountId, Controller)],
        account: &AccountId,
        role: ControllerRole,
    ) -> DispatchResult {
        let own = rows.iter().find(|(other, _)| other == account);
        ensure!(
            own.is_none_or(|(_, row)| !Self::is_live(row)),
            Error::<T>::AlreadyController
        );
        let others = || rows.iter().filter(|(other, _)| other != account);
        ensure!(
            others().count() < MAX_CONTROLLERS as usize,
            Error::<T>::TooManyControllers
        );
        ensure!(
            role != ControllerRole::Carer
                || others()
                    .filter(|(_, row)| row.role == ControllerRole::Carer)
                    .count()
                    < MAX_CARERS as usize,
            Error::<T>::TooManyCarers
        );
        Ok(())
    }

    fn live_deciders(rows: &[(AccountId, Controller)]) -> Vec<&(AccountId, Controller)> {
        rows.iter()
            .filter(|(_, row)| row.role == ControllerRole::Decider && Self::is_live(row))
            .collect()
    }

    /// An expired row may be there already.
    pub(crate) fn insert_controller(patient: PatientId, account: &AccountId, row: Controller) {
        let is_new = !Controllers::<T>::contains_key(patient, account);
        Sponsors::<T>::mutate(account, |sponsor| match sponsor {
            Some(sponsor) => {
                sponsor.patients = sponsor.patients.saturating_add(u32::from(is_new));
                sponsor.until = later(sponsor.until, row.expires_at);
                if Self::role(&sponsor.patient, account).is_none() {
                    sponsor.patient = patient;
                }
            }
            None => {
                frame_system::Pallet::<T>::inc_providers(account);
                *sponsor = Some(Sponsor {
                    patient,
                    patients: 1,
                    until: row.expires_at,
                });
            }
        });
        Controllers::<T>::insert(patient, account, row);
        ControlledBy::<T>::insert(account, patient, ());
    }

    /// The account keeps its provider reference; see the crate's docs. Whatever it signed before gets
    /// it no role again.
    pub(crate) fn delete_controller(patient: PatientId, account: &AccountId) {
        Released::<T>::insert(account, T::Chain::now());
        Controllers::<T>::remove(patient, account);
        ControlledBy::<T>::remove(account, patient);
        Sponsors::<T>::mutate_exists(account, |sponsor| {
            *sponsor = sponsor.take().and_then(|mut sponsor| {
                sponsor.patients = sponsor.patients.saturating_sub(1);
                if sponsor.patient == patient {
                    sponsor.patient = Self::sponsoring(account)
                        .or_else(|| ControlledBy::<T>::iter_key_prefix(account).next())?;
                }
                (sponsor.patients > 0).then_some(sponsor)
            });
        });
    }

    /// A patient that the account has a live role for, if it is among the first ones.
    pub(crate) fn sponsoring(account: &AccountId) -> Option<PatientId> {
        ControlledBy::<T>::iter_key_prefix(account)
            .take(SPONSORS_TRIED as usize)
            .find(|patient| Self::role(patient, account).is_some())
    }

    /// Whether nobody who lasts would be left to decide in this one's place. Deciders cannot
    /// make an owner, so another decider is no substitute for the last owner.
    fn is_last(patient: PatientId, account: &AccountId, row: &Controller) -> bool {
        let lasts =
            |row: &Controller| row.role != ControllerRole::Carer && row.expires_at.is_none();
        lasts(row)
            && !Controllers::<T>::iter_prefix(patient).any(|(other, substitute)| {
                other != *account
                    && lasts(&substitute)
                    && (row.role == ControllerRole::Decider
                        || substitute.role == ControllerRole::Owner)
            })
    }

    pub(crate) fn is_live(row: &Controller) -> bool {
        row.expires_at.is_none_or(|end| T::Chain::now() < end)
    }
}
