//! What must hold in every state. Native builds have it too, for tests.

#![cfg(any(feature = "try-runtime", feature = "std"))]

use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::hold::Inspect};
use salus_primitives::{traits::Chain, AccountId, Balance};
use sp_runtime::TryRuntimeError;

use crate::{Config, HoldReason, NextStudy, Pallet, Participating, Participations, Studies};

impl<T: Config> Pallet<T> {
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
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
                    && Participations::<T>::iter_key_prefix(index).count() == study.joined as usize,
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
        let now = T::Chain::now();
        for (index, patient, row) in Participations::<T>::iter() {
            let study = Studies::<T>::get(index).ok_or("a participant of no study")?;
            ensure!(
                study.announced_at <= row.joined_at
                    && row.joined_at < study.ends_at
                    && study.ended_at.is_none_or(|at| row.joined_at <= at)
                    && row.withdrawn_at.is_none_or(|at| row.joined_at <= at),
                "a participant out of time"
            );
            // 5. Whoever takes part is among those whom a succession takes out.
            ensure!(
                row.withdrawn_at.is_some()
                    || now >= study.ends_at
                    || Participating::<T>::get(patient).contains(&(index, study.ends_at)),
                "a participant whom a succession would miss"
            );
        }
        // 6. And nobody else is, or twice.
        for (patient, studies) in Participating::<T>::iter() {
            ensure!(!studies.is_empty(), "an empty row of studies");
            for (i, (index, ends_at)) in studies.iter().enumerate() {
                let row = Participations::<T>::get(index, patient).ok_or("a study without part")?;
                ensure!(
                    row.withdrawn_at.is_none() && !studies[..i].contains(&(*index, *ends_at)),
                    "a study that the patient has left, or twice"
                );
            }
        }
        Ok(())
    }
}
