//! Who comes after: a new owner in the place of everybody else, and what ends with them.

use alloc::vec::Vec;
use frame_support::{dispatch::PostDispatchInfo, ensure};
use salus_primitives::{
    rows::ENDING_COUNTS,
    traits::{Chain, Control, OnSuccession, RecoveryPlans, Succession},
    AccountId, Controller, ControllerRole, PatientId, SuccessionConsent,
};
use sp_runtime::{DispatchError, DispatchResult, Weight};

use crate::{
    Additions, Config, Controllers, Error, Event, HandOver, HandOvers, Pallet, Patients, Removals,
    WeightInfo,
};

impl<T: Config> Succession<AccountId> for Pallet<T> {
    fn has_owner(patient: &PatientId) -> bool {
        Controllers::<T>::iter_prefix_values(patient)
            .any(|row| row.role == ControllerRole::Owner && Self::is_live(&row))
    }

    fn owns_for_good(patient: &PatientId, account: &AccountId) -> bool {
        Controllers::<T>::get(patient, account).is_some_and(|row| is_owner_for_good(&row))
    }

    fn has_other_owner_for_good(patient: &PatientId, account: &AccountId) -> bool {
        Controllers::<T>::iter_prefix(patient)
            .any(|(other, row)| other != *account && is_owner_for_good(&row))
    }

    fn ensure_may_own(account: &AccountId) -> DispatchResult {
        Self::ensure_no_staff(account)
    }

    fn succeed(patient: PatientId, actor: &AccountId, owner: &AccountId) -> DispatchResult {
        Self::replace_deciders(patient, actor, Some(owner))
    }

    fn weight() -> Weight {
        T::WeightInfo::succeed().saturating_add(T::OnSuccession::weight())
    }
}

fn is_owner_for_good(row: &Controller) -> bool {
    row.role == ControllerRole::Owner && row.expires_at.is_none()
}

impl<T: Config> Pallet<T> {
    /// The one place where deciders change all at once. All roles end, and all that those who had
    /// them have laid down and that acts without asking; then `owner` is the only controller, if
    /// there is to be one.
    pub(crate) fn replace_deciders(
        patient: PatientId,
        actor: &AccountId,
        owner: Option<&AccountId>,
    ) -> DispatchResult {
        ensure!(Self::is_enrolled(&patient), Error::<T>::NotEnrolled);
        // Expired ones too. Only a void enrolment has none.
        let controllers: Vec<_> = Controllers::<T>::iter_prefix(patient).collect();
        ensure!(!controllers.is_empty(), Error::<T>::Voided);
        // It may have begun to work for somebody since others agreed to it.
        owner.map_or(Ok(()), Self::ensure_no_staff)?;

        for (account, row) in controllers {
            if Some(&account) == owner {
                continue;
            }
            Self::delete_controller(patient, &account);
            Self::deposit(
                patient,
                Event::ControllerRemoved {
                    patient,
                    actor: actor.clone(),
                    account,
                    role: row.role,
                },
            );
        }
        if let Some(pending) = HandOvers::<T>::take(patient) {
            Self::deposit_not_handed_over(patient, actor, pending.owner);
        }
        let words: Vec<_> = Additions::<T>::drain_prefix(patient).collect();
        for (decider, word) in words {
            Self::deposit_dropped(patient, actor, decider, word.account);
        }
        let announced: Vec<_> = Removals::<T>::drain_prefix(patient).collect();
        for (account, _) in announced {
            Self::deposit_vetoed(patient, actor, account);
        }
        Patients::<T>::mutate(patient, |row| {
            if let Some(row) = row {
                row.decided_since = T::Chain::now();
            }
        });
        T::OnSuccession::on_succession(patient, actor);

        if let Some(owner) = owner {
            let row = Controller {
                role: ControllerRole::Owner,
                expires_at: None,
            };
            Self::insert_controller(patient, owner, row);
        }
        Ok(())
    }

    /// Counts one's word for a hand-over. With the last one it happens, or its notice begins.
    pub(crate) fn agree_to_hand_over(
        who: AccountId,
        patient: PatientId,
        owner: AccountId,
        consent: SuccessionConsent,
    ) -> Result<PostDispatchInfo, DispatchError> {
        let by = Self::ensure_decides(patient, who)?;
        if by.role == ControllerRole::Owner {
            ensure!(by.until.is_none(), Error::<T>::OutlastsOwn);
        } else {
            ensure!(!Self::has_owner(&patient), Error::<T>::NotAuthorized);
        }
        Self::ensure_no_staff(&owner)?;
        let now = T::Chain::now();
        ensure!(now < consent.expires_at, Error::<T>::ConsentExpired);
        ensure!(
            consent.is_signed_by(&owner, &T::Chain::genesis(), &patient),
            Error::<T>::BadConsent
        );

        let earlier = HandOvers::<T>::get(patient);
        let mut pending = earlier
            .clone()
            .filter(|row| row.owner == owner && row.counts(now))
            .unwrap_or_else(|| HandOver {
                owner: owner.clone(),
                agreed: Default::default(),
                words_until: now.saturating_add(ENDING_COUNTS),
                due: None,
            });
        let asked = Self::asked_to_hand_over(patient);
        // Without those who are not asked any more, there is room for all who are.
        pending.agreed.retain(|account| asked.contains(account));
        if !pending.agreed.contains(&by.actor) {
            pending
                .agreed
                .try_push(by.actor.clone())
                .map_err(|_| Error::<T>::TooManyControllers)?;
        }
        if asked.iter().all(|account| pending.agreed.contains(account)) {
            match T::RecoveryPlans::notice(&patient) {
                Some(notice) => {
                    pending.due = pending.due.or(Some(now.saturating_add(notice)));
                }
                None => {
                    Self::do_hand_over(patient, by.actor, owner)?;
                    return Ok(().into());
                }
            }
        }
        if let Some(other) = earlier.filter(|row| row.owner != owner) {
            Self::deposit_not_handed_over(patient, &by.actor, other.owner);
        }
        let due = pending.due;
        HandOvers::<T>::insert(patient, pending);
        Self::deposit(
            patient,
            Event::HandOverAgreed {
                patient,
                actor: by.actor,
                owner,
                due,
            },
        );
        Ok(Some(T::WeightInfo::hand_over_waits()).into())
    }

    pub(crate) fn finish_hand_over(who: AccountId, patient: PatientId) -> DispatchResult {
        let pending = HandOvers::<T>::get(patient)
            .filter(|row| row.counts(T::Chain::now()))
            .ok_or(Error::<T>::NothingPending)?;
        let asked = Self::asked_to_hand_over(patient);
        ensure!(
            who == pending.owner || (pending.agreed.contains(&who) && asked.contains(&who)),
            Error::<T>::NotAuthorized
        );
        // Somebody may have begun to decide since.
        ensure!(
            asked.iter().all(|account| pending.agreed.contains(account)),
            Error::<T>::NotAgreed
        );
        ensure!(
            pending.due.is_some_and(|due| Self::is_due(&patient, due)),
            Error::<T>::NotDue
        );
        Self::do_hand_over(patient, who, pending.owner)
    }

    fn do_hand_over(patient: PatientId, actor: AccountId, owner: AccountId) -> DispatchResult {
        // What is carried out has not ended without effect; another one has.
        HandOvers::<T>::mutate_exists(patient, |pending| {
            *pending = pending.take().filter(|row| row.owner != owner);
        });
        Self::replace_deciders(patient, &actor, Some(&owner))?;
        Self::deposit(
            patient,
            Event::HandedOver {
                patient,
                actor,
                owner,
            },
        );
        Ok(())
    }

    pub(crate) fn deposit_not_handed_over(patient: PatientId, actor: &AccountId, owner: AccountId) {
        Self::deposit(
            patient,
            Event::HandOverVetoed {
                patient,
                actor: actor.clone(),
                owner,
            },
        );
    }

    /// Whose word a hand-over needs: that of all owners for good, or, where nobody is an owner, of
    /// all deciders.
    fn asked_to_hand_over(patient: PatientId) -> Vec<AccountId> {
        let live: Vec<_> = Controllers::<T>::iter_prefix(patient)
            .filter(|(_, row)| Self::is_live(row))
            .collect();
        let has_owner = live
            .iter()
            .any(|(_, row)| row.role == ControllerRole::Owner);
        live.into_iter()
            .filter(|(_, row)| {
                if has_owner {
                    is_owner_for_good(row)
                } else {
                    row.role == ControllerRole::Decider
                }
            })
            .map(|(account, _)| account)
            .collect()
    }
}
