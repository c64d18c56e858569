//! How a recovery succeeds, what ends when a patient changes hands, and what waits for helpers.

use alloc::vec::Vec;
use frame_support::ensure;
use salus_primitives::{
    rows::UNNAMING_WAITS,
    traits::{Chain, OnSuccession, RecoveryPlans, Succession},
    AccountId, Moment, PatientId,
};
use sp_runtime::{DispatchResult, Weight};

use crate::{
    Config, Endings, Error, Event, LastRecoveries, LastRecovery, Pallet, Plans, Recoveries,
    WeightInfo,
};

impl<T: Config> Pallet<T> {
    pub(crate) fn do_finish(
        actor: AccountId,
        patient: PatientId,
        owner: AccountId,
    ) -> DispatchResult {
        let recovery = Recoveries::<T>::get(patient, &owner).ok_or(Error::<T>::NotFound)?;
        ensure!(
            actor == owner || recovery.helpers.contains(&actor),
            Error::<T>::NotApproved
        );
        let plan = Self::plan(patient).ok_or(Error::<T>::NoPlan)?;
        let now = T::Chain::now();
        ensure!(
            recovery
                .ready_at(&plan)
                .is_some_and(|ready_at| now >= ready_at),
            Error::<T>::NotReady
        );

        // What any of them has put off waits for the new owner, and what an earlier success puts off.
        let started_at = Recoveries::<T>::iter_prefix_values(patient)
            .map(|recovery| recovery.started_at)
            .chain(
                LastRecoveries::<T>::get(patient)
                    .filter(|last| now < put_off_until(last))
                    .map(|last| last.started_at),
            )
            .fold(recovery.started_at, Moment::min);
        // Finished, not cancelled as the others are.
        Recoveries::<T>::remove(patient, &owner);
        T::Succession::succeed(patient, &actor, &owner)?;
        let last = LastRecovery {
            started_at,
            finished_at: now,
        };
        LastRecoveries::<T>::insert(patient, last);
        Self::deposit(
            patient,
            Event::RecoveryFinished {
                patient,
                actor,
                owner,
            },
        );
        Ok(())
    }

    /// Ends a patient's plan, if there is one, with all that belongs to it.
    pub(crate) fn end_plan(patient: PatientId, actor: &AccountId) {
        // No more than there are helpers.
        let under_way: Vec<_> = Recoveries::<T>::drain_prefix(patient).collect();
        for (owner, _) in under_way {
            let event = Event::RecoveryCancelled {
                patient,
                actor: actor.clone(),
                owner,
            };
            Self::deposit(patient, event);
        }
        if Endings::<T>::take(patient).is_some() {
            let event = Event::EndingVetoed {
                patient,
                actor: actor.clone(),
            };
            Self::deposit(patient, event);
        }
        if Plans::<T>::take(patient).is_some() {
            let event = Event::PlanRemoved {
                patient,
                actor: actor.clone(),
            };
            Self::deposit(patient, event);
        }
    }
}

impl<T: Config> OnSuccession<AccountId> for Pallet<T> {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        Self::end_plan(patient, actor);
    }

    fn weight() -> Weight {
        T::WeightInfo::on_succession()
    }
}

/// Until when the new owner can undo what a recovery has put off.
fn put_off_until(last: &LastRecovery) -> Moment {
    last.finished_at.saturating_add(UNNAMING_WAITS)
}

impl<T: Config> RecoveryPlans for Pallet<T> {
    fn notice(patient: &PatientId) -> Option<Moment> {
        Self::plan(*patient).map(|plan| plan.delay)
    }

    fn not_before(patient: &PatientId, due: Moment) -> Moment {
        let waits =
            Recoveries::<T>::iter_prefix_values(patient).any(|recovery| recovery.started_at < due);
        if waits {
            return Moment::MAX;
        }
        LastRecoveries::<T>::get(patient)
            .filter(|last| last.started_at < due)
            .map_or(due, |last| due.max(put_off_until(&last)))
    }
}
