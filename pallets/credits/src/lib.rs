//! # Credits
//!
//! What the consortium pays with: minted by governance, offered, paid or given back.
//!
//! ## Overview
//!
//! Credits pay for the time and the data of patients; nothing on the chain costs any. Governance
//! mints them to whoever has bought them, and burns them when they are redeemed. Nobody moves them
//! by hand: they are set aside for a purpose, and go from there to whom they were promised, or back.
//!
//! ## Scenario
//!
//! 1. The council mints 100 credits to a doctor who collects cases for a teaching file.
//! 2. She asks a patient for access and offers 5. They are held: she has 95, and cannot promise the
//!    5 to anybody else.
//! 3. The patient approves: the 5 are the patient's. Had the patient declined, or not answered in
//!    time, she would have them back.
//!
//! ## Design
//!
//! * An offer is held in the account of who made it, under [`HoldReason::Offer`]: what is minted is
//!   always the sum of what all accounts have, free and held.
//! * Whose answer an offer waits for is not known here: `pallet-consent` says when to pay and when to
//!   give back ([`Offers`]). Only a lapse is noticed here, by `on_idle`, and [`Call::reclaim`] does not
//!   wait for it.
//! * Governance takes what is free at once, and what was promised as it becomes free: what was promised
//!   is paid all the same. Or else whoever is to lose credits could hold them in an offer or a study,
//!   and the council's vote would be used up.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
mod sweeping;
#[cfg(test)]
mod tests;
mod try_state;
pub mod weights;

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
    defensive,
    pallet_prelude::*,
    traits::{
        fungible,
        tokens::{Fortitude, Precision, Preservation, Restriction},
    },
};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    hours::{over_at, Hour},
    traits::{Chain, Debts, Offers, Trail},
    AccountId, Balance, Credits, Moment, PatientId, RequestIndex,
};

pub use pallet::*;
pub use weights::WeightInfo;

/// One sweep gives back at most so many offers. Do not reduce.
pub const MAX_SWEEP: u32 = 128;

/// Credits that are set aside for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Offer {
    /// Whose credits are held.
    pub payer: AccountId,
    pub amount: Balance,
    /// When the offer lapses.
    pub until: Moment,
}

#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use fungible::{hold::Mutate as _, Inspect as _, Mutate as _};

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config:
        frame_system::Config<RuntimeEvent: From<Event<Self>>, AccountId = AccountId>
    {
        type Chain: Chain;

        /// Where every event about a patient goes.
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;

        /// Whose accounts the credits lie in.
        type Currency: fungible::Mutate<AccountId, Balance = Balance>
            + fungible::hold::Mutate<AccountId, Reason = Self::RuntimeHoldReason>;

        type RuntimeHoldReason: From<HoldReason>;

        /// Mints and burns.
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkWorld<AccountId>;
    }

    /// Why credits are held by this pallet.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// They were offered for an answer.
        #[codec(index = 0)]
        Offer,
    }

    /// What is offered for an answer. Written with the request; removed when it is paid, given back
    /// or reclaimed. At most one row per request that waits or has lapsed since the last sweep.
    #[pallet::storage]
    pub type Offered<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, RequestIndex, Offer>;

    /// The same offers, by the first full hour at which they have lapsed. The sweep removes them.
    #[pallet::storage]
    pub type Lapses<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Twox64Concat, Hour>,
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Twox64Concat, RequestIndex>,
        ),
        (),
    >;

    /// What governance has taken from an account and is still held. Written by `burn`; taken from
    /// whatever becomes free, and removed with the last of it. At most one row per account from which
    /// governance took more than was free, and then no more than the account had.
    #[pallet::storage]
    pub type Owed<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Balance>;

    /// The hour that the sweep goes on with. Written by the first offer and by the sweep.
    #[pallet::storage]
    pub type SweepAt<T: Config> = StorageValue<_, Hour>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// Governance made credits for an account.
        #[codec(index = 0)]
        Minted { account: AccountId, amount: Balance },
        /// Governance took credits of an account out of the world.
        #[codec(index = 1)]
        Burnt { account: AccountId, amount: Balance },
        /// Somebody offered a patient credits for an answer.
        #[codec(index = 2)]
        Offered {
            patient: PatientId,
            actor: AccountId,
            request: RequestIndex,
            amount: Balance,
            until: Moment,
        },
        /// Who approved a request was paid what was offered.
        #[codec(index = 3)]
        OfferPaid {
            patient: PatientId,
            actor: AccountId,
            request: RequestIndex,
            payer: AccountId,
            amount: Balance,
        },
        /// What was offered went back: the request was declined, was withdrawn, or has lapsed.
        #[codec(index = 4)]
        OfferReturned {
            patient: PatientId,
            request: RequestIndex,
            payer: AccountId,
            amount: Balance,
        },
        /// Governance took credits of an account that are held: they are burnt as they become free.
        #[codec(index = 5)]
        BurnOwed { account: AccountId, amount: Balance },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The amount is zero. Name at least one credit.
        ZeroAmount,
        /// The account has fewer free credits than that: what is held was promised to somebody. Nothing is
        /// burnt only where there is nothing that was not burnt before.
        TooFewCredits,
        /// Something is offered for this request already.
        AlreadyOffered,
        /// Nothing is offered for this request, or it was paid or returned already.
        NothingOffered,
        /// Only who made an offer reclaims it.
        NotPayer,
        /// The offer stands until the request lapses. Withdraw the request to have it back now.
        NotLapsed,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        /// Gives back what has lapsed, with what the block has left; [`Call::reclaim`] does not wait
        /// for it.
        fn on_idle(_n: BlockNumberFor<T>, remaining: Weight) -> Weight {
            let base = T::WeightInfo::sweep(0);
            let step = T::WeightInfo::sweep(1).saturating_sub(base);
            let Some(left) = remaining.checked_sub(&base) else {
                return Weight::zero();
            };
            let affordable = left.checked_div_per_component(&step).unwrap_or(0);
            let limit = affordable.min(MAX_SWEEP.into()) as u32;
            T::WeightInfo::sweep(Self::do_sweep(limit))
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_n: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Offers that one sweep gives back, at most.
        #[pallet::constant_name(MaxSweep)]
        fn max_sweep() -> u32 {
            MAX_SWEEP
        }
    }

    #[pallet::call(weight(<T as Config>::WeightInfo))]
    impl<T: Config> Pallet<T> {
        /// Make credits for an account.
        ///
        /// Governance only. What the account owes is taken from it.
        ///
        /// Errors: [`Error::ZeroAmount`]. Events: [`Event::Minted`], and [`Event::Burnt`] for what was
        /// owed.
        #[pallet::call_index(0)]
        pub fn mint(origin: OriginFor<T>, account: AccountId, amount: Balance) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            ensure!(amount > 0, Error::<T>::ZeroAmount);
            T::Currency::mint_into(&account, amount)?;
            Self::deposit_event(Event::Minted {
                account: account.clone(),
                amount,
            });
            Self::settle(&account);
            Ok(())
        }

        /// Take credits of an account out of the world: what is free at once, and what is held as it
        /// becomes free.
        ///
        /// Governance only. As much as the account has: no holder can make this fail by promising or
        /// paying a part of it.
        ///
        /// Errors: [`Error::ZeroAmount`]; [`Error::TooFewCredits`] if there is nothing to take. Events:
        /// [`Event::Burnt`], [`Event::BurnOwed`], or both.
        #[pallet::call_index(1)]
        pub fn burn(origin: OriginFor<T>, account: AccountId, amount: Balance) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            ensure!(amount > 0, Error::<T>::ZeroAmount);
            let owed = Owed::<T>::get(&account).unwrap_or_default();
            let Credits { free, held } = Self::credits(&account);
            let amount = amount.min(free.saturating_add(held).saturating_sub(owed));
            ensure!(amount > 0, Error::<T>::TooFewCredits);

            let rest = amount.saturating_sub(Self::burn_free(&account, amount));
            if rest > 0 {
                Owed::<T>::insert(&account, owed.saturating_add(rest));
                Self::deposit_event(Event::BurnOwed {
                    account,
                    amount: rest,
                });
            }
            Ok(())
        }

        /// Take back what one offered for a request that has lapsed.
        ///
        /// Signed by who offered it. A lapsed offer comes back by itself, too, an hour later at the
        /// latest where blocks have room. For a request that cannot be answered any more because the
        /// patient changed hands, withdraw the request: that gives the offer back at once.
        ///
        /// Errors: [`Error::NothingOffered`], [`Error::NotPayer`], [`Error::NotLapsed`]. Event:
        /// [`Event::OfferReturned`].
        #[pallet::call_index(2)]
        pub fn reclaim(
            origin: OriginFor<T>,
            patient: PatientId,
            request: RequestIndex,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let offer = Offered::<T>::get(patient, request).ok_or(Error::<T>::NothingOffered)?;
            ensure!(offer.payer == actor, Error::<T>::NotPayer);
            ensure!(T::Chain::now() >= offer.until, Error::<T>::NotLapsed);
            Self::release(patient, request, offer)
        }
    }

    impl<T: Config> Pallet<T> {
        /// What an account has.
        pub fn credits(account: &AccountId) -> Credits {
            Credits {
                free: T::Currency::balance(account),
                held: <T::Currency as fungible::hold::Inspect<_>>::total_balance_on_hold(account),
            }
        }

        /// What is held for the answer to a request.
        pub fn offered(patient: &PatientId, request: RequestIndex) -> Option<Balance> {
            Some(Offered::<T>::get(patient, request)?.amount)
        }

        /// Gives an offer back to who made it.
        pub(crate) fn release(
            patient: PatientId,
            request: RequestIndex,
            offer: Offer,
        ) -> DispatchResult {
            let reason = HoldReason::Offer.into();
            T::Currency::release(&reason, &offer.payer, offer.amount, Precision::Exact)?;
            Self::forget(patient, request, &offer);
            let event = Event::OfferReturned {
                patient,
                request,
                payer: offer.payer.clone(),
                amount: offer.amount,
            };
            Self::deposit(event, &patient);
            Self::settle(&offer.payer);
            Ok(())
        }

        /// Burns so much at most of what is free; returns how much it was.
        fn burn_free(account: &AccountId, amount: Balance) -> Balance {
            let burnt = T::Currency::burn_from(
                account,
                amount,
                Preservation::Expendable,
                Precision::BestEffort,
                Fortitude::Polite,
            )
            .unwrap_or_default();
            if burnt > 0 {
                Self::deposit_event(Event::Burnt {
                    account: account.clone(),
                    amount: burnt,
                });
            }
            burnt
        }

        fn forget(patient: PatientId, request: RequestIndex, offer: &Offer) {
            Offered::<T>::remove(patient, request);
            Lapses::<T>::remove((over_at(offer.until), patient, request));
        }

        fn deposit(event: Event<T>, patient: &PatientId) {
            T::Trail::deposit(patient, event.into());
        }
    }

    impl<T: Config> Debts<AccountId> for Pallet<T> {
        fn settle(account: &AccountId) {
            let Some(owed) = Owed::<T>::get(account) else {
                return;
            };
            let left = owed.saturating_sub(Self::burn_free(account, owed));
            Owed::<T>::set(account, Some(left).filter(|left| *left > 0));
        }
    }

    impl<T: Config> Offers<AccountId> for Pallet<T> {
        fn offer(
            patient: PatientId,
            request: RequestIndex,
            from: &AccountId,
            amount: Balance,
            until: Moment,
        ) -> DispatchResult {
            ensure!(amount > 0, Error::<T>::ZeroAmount);
            ensure!(
                !Offered::<T>::contains_key(patient, request),
                Error::<T>::AlreadyOffered
            );
            T::Currency::hold(&HoldReason::Offer.into(), from, amount)
                .map_err(|_| Error::<T>::TooFewCredits)?;

            Offered::<T>::insert(
                patient,
                request,
                Offer {
                    payer: from.clone(),
                    amount,
                    until,
                },
            );
            Lapses::<T>::insert((over_at(until), patient, request), ());
            if !SweepAt::<T>::exists() {
                SweepAt::<T>::put(over_at(T::Chain::now()));
            }
            let event = Event::Offered {
                patient,
                actor: from.clone(),
                request,
                amount,
                until,
            };
            Self::deposit(event, &patient);
            Ok(())
        }

        fn is_offered(patient: &PatientId, request: RequestIndex) -> bool {
            Offered::<T>::contains_key(patient, request)
        }

        fn pay(patient: PatientId, request: RequestIndex, to: &AccountId) -> DispatchResult {
            let Some(offer) = Offered::<T>::get(patient, request) else {
                return Ok(());
            };
            T::Currency::transfer_on_hold(
                &HoldReason::Offer.into(),
                &offer.payer,
                to,
                offer.amount,
                Precision::Exact,
                Restriction::Free,
                Fortitude::Polite,
            )?;
            Self::forget(patient, request, &offer);
            let event = Event::OfferPaid {
                patient,
                actor: to.clone(),
                request,
                payer: offer.payer,
                amount: offer.amount,
            };
            Self::deposit(event, &patient);
            Self::settle(to);
            Ok(())
        }

        fn give_back(patient: PatientId, request: RequestIndex) {
            let Some(offer) = Offered::<T>::get(patient, request) else {
                return;
            };
            // The row stays, so that whoever offered can reclaim.
            if Self::release(patient, request, offer).is_err() {
                defensive!("an offer that is not held");
            }
        }
    }
}
