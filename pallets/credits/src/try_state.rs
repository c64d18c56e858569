//! What must hold in every state. Native builds have it too, so that other pallets' tests can ask.

#![cfg(any(feature = "try-runtime", feature = "std"))]

use alloc::collections::BTreeMap;
use frame_support::{
    ensure,
    traits::fungible::{hold::Inspect as _, Inspect as _},
};
use salus_primitives::{hours::over_at, AccountId, Balance};
use sp_runtime::TryRuntimeError;

use crate::{Config, HoldReason, Lapses, Offered, Owed, Pallet, SweepAt};

impl<T: Config> Pallet<T> {
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let mut offered = BTreeMap::<AccountId, Balance>::new();
        for (patient, request, offer) in Offered::<T>::iter() {
            // 1. Something is offered, and it will lapse.
            ensure!(offer.amount > 0, "an offer of nothing");
            ensure!(
                Lapses::<T>::contains_key((over_at(offer.until), patient, request)),
                "an offer without its lapse"
            );
            let sum = offered.entry(offer.payer).or_default();
            *sum = sum
                .checked_add(offer.amount)
                .ok_or("more is offered than there can be")?;
        }
        // 2. Each account holds exactly what it offers.
        for (payer, sum) in offered {
            ensure!(
                T::Currency::balance_on_hold(&HoldReason::Offer.into(), &payer) == sum,
                "an account holds more or less than it offers"
            );
        }
        // 3. Each lapse belongs to an offer, is at its hour, and not behind the sweep.
        for (hour, patient, request) in Lapses::<T>::iter_keys() {
            let offer = Offered::<T>::get(patient, request).ok_or("a lapse without its offer")?;
            ensure!(hour == over_at(offer.until), "a lapse at the wrong hour");
            ensure!(
                SweepAt::<T>::get().is_some_and(|at| at <= hour),
                "a lapse behind the sweep"
            );
        }
        // 4. Whoever owes has nothing free but what may keep the account alive.
        for (account, owed) in Owed::<T>::iter() {
            ensure!(
                owed > 0 && T::Currency::balance(&account) <= T::Currency::minimum_balance(),
                "an account that owes nothing, or keeps what it owes"
            );
        }
        Ok(())
    }
}
