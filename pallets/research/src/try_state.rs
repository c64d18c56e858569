//! What must hold in every state. Native builds have it too, for tests.

#![cfg(any(feature = "try-runtime", feature = "std"))]

use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::hold::Inspect};
use salus_primitives::{traits::Control, AccountId, Balance, StudyIndex};
use sp_runtime::TryRuntimeError;

use crate::{Config, HoldReason, NextStudy, Pallet, Participations, Studies};

impl<T: Config> Pallet<T> {
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let mut joined = BTreeMap::<StudyIndex, u32>::new();
        for row in Participations::<T>::iter_values() {
            *joined.entry(row.study).or_default() += 1;
        }
        let mut promised = BTreeMap::<AccountId, Balance>::new();
        for (index, study) in Studies::<T>::iter() {
            // 1. Studies are numbered without gaps below the next index.
            ensure!(
                index < NextStudy::<T>::get()
                    && (index == 0 || Studies::<T>::contains_key(index - 1)),
                "a study out of number"
            );
            // 2. A study has a period and places, and not more participants than those.
            ensure!(
                study.quota > 0 && study.announced_at < study.ends_at,
                "a study without places or time"
            );
            ensure!(
                study.joined <= study.quota
                    && joined.get(&index).copied().unwrap_or_default() == study.joined,
                "a participant too many, or one who was not counted"
            );
            let sum = promised.entry(study.payer.clone()).or_default();
            if study.ended_at.is_none() {
                *sum = sum
                    .checked_add(Self::left(&study))
                    .ok_or("more is promised than there can be")?;
            }
        }
        // 3. Each account holds exactly what its studies still have to pay.
        for (payer, sum) in promised {
            ensure!(
                T::Currency::balance_on_hold(&HoldReason::Study.into(), &payer) == sum,
                "an account holds more or less than its studies have to pay"
            );
        }
        // 4. Whoever takes part joined while the study took participants, and left afterwards.
        for (patient, row) in Participations::<T>::iter() {
            let study = Studies::<T>::get(row.study).ok_or("a participant of no study")?;
            ensure!(
                study.announced_at <= row.joined_at
                    && row.joined_at < study.ends_at
                    && study.ended_at.is_none_or(|at| row.joined_at <= at)
                    && row.withdrawn_at.is_none_or(|at| row.joined_at <= at),
                "a participant out of time"
            );
            // 5. Whoever takes part was enrolled for it.
            ensure!(
                T::Control::enrolment(&patient).is_some_and(|(organisation, at)| {
                    organisation == study.organisation
                        && study.announced_at <= at
                        && at <= row.joined_at
                }),
                "a participant whom the study has not enrolled"
            );
        }
        Ok(())
    }
}
