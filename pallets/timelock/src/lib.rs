//! # Timelock
//!
//! Decisions that everybody can see coming: announced, and enacted days later.
//!
//! ## Overview
//!
//! Who is admitted, and which runtime comes next, concerns every patient and cannot be undone. The
//! council announces such a decision; it is enacted when [`Delay`] is over, and until then the
//! council can call it off, and everybody can look into it, or leave.
//!
//! ## Scenario
//!
//! 1. Two thirds of the council vote for `timelock.announce(upgrades.authorize(hash))`.
//! 2. For three days everybody can rebuild the runtime and compare its hash.
//! 3. Anybody calls [`Call::enact`], and only then is the hash authorized.
//!
//! ## Design
//!
//! * **The way is the only one.** What is enacted has [`Origin::Enacted`], which nobody else gets,
//!   and what asks for it can be had in no other way.
//! * **Only what needs it**: a call that would be refused in the end is refused at once.
//! * **A decision is enacted once.** One that fails stays and can be tried again for [`TRIED_FOR`]: anybody
//!   may enact, and whoever picks a moment at which it fails must not use its notice up. Then it is
//!   announced anew; the council can call it off at any time.
//! * **Nobody pays for what was not done.** Both calls declare the most that a decision may cost,
//!   and return what it did not, also when they fail.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
pub mod weights;

use alloc::{boxed::Box, vec::Vec};
use frame_support::{
    dispatch::{extract_actual_weight, GetDispatchInfo, PostDispatchInfo, WithPostDispatchInfo},
    pallet_prelude::*,
    traits::Contains,
};
use frame_system::pallet_prelude::*;
use salus_primitives::{traits::Chain, AccountId, Moment, DAY};
use sp_runtime::traits::Dispatchable;

pub use pallet::*;
pub use weights::WeightInfo;

/// Bytes of a decision.
pub const MAX_LENGTH: u32 = 4_096;

/// Milliseconds, from when a decision is due, for which one that fails can be tried again.
pub const TRIED_FOR: Moment = 7 * DAY;

pub type DecisionIndex = u32;

/// What was announced.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Decision {
    /// The call, encoded.
    pub call: BoundedVec<u8, ConstU32<MAX_LENGTH>>,
    pub announced_at: Moment,
    /// From when on it can be enacted.
    pub due: Moment,
}

#[frame_support::pallet]
pub mod pallet {
    use super::*;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config:
        frame_system::Config<
        RuntimeEvent: From<Event<Self>>,
        RuntimeOrigin: From<Origin>,
        RuntimeCall: GetDispatchInfo + Dispatchable<PostInfo = PostDispatchInfo>,
        AccountId = AccountId,
    >
    {
        type Chain: Chain;

        type AnnounceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        type CancelOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// The calls that can be announced: those that ask for [`EnsureEnacted`].
        type Lockable: Contains<<Self as frame_system::Config>::RuntimeCall>;

        /// The most that a decision may cost to carry out.
        #[pallet::constant]
        type MaxWeight: Get<Weight>;

        /// Decisions that wait at once.
        #[pallet::constant]
        type MaxPending: Get<u32>;

        type WeightInfo: WeightInfo;

        /// A call that can be announced.
        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkCall: Get<<Self as frame_system::Config>::RuntimeCall>;
    }

    /// Whoever has this carries out a decision whose time has come.
    #[pallet::origin]
    #[derive(
        Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
    )]
    pub enum Origin {
        Enacted,
    }

    /// Milliseconds between announcement and enactment. Written at genesis. None: at once.
    #[pallet::storage]
    pub type Delay<T: Config> = StorageValue<_, Moment, ValueQuery>;

    /// Announced and neither enacted nor cancelled. At most `MaxPending`. Written by `announce`, removed
    /// by `cancel` and by `enact`; if the decision fails, only once [`TRIED_FOR`] is over.
    #[pallet::storage]
    pub type Pending<T: Config> = CountedStorageMap<_, Twox64Concat, DecisionIndex, Decision>;

    /// The number of the next decision.
    #[pallet::storage]
    pub type NextDecision<T: Config> = StorageValue<_, DecisionIndex, ValueQuery>;

    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Milliseconds.
        pub delay: Moment,
        #[serde(skip)]
        pub _config: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            Delay::<T>::put(self.delay);
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// The consortium announced a decision; from `due` on it can be enacted.
        DecisionAnnounced {
            decision: DecisionIndex,
            call_hash: T::Hash,
            due: Moment,
        },
        /// A decision was carried out, with this result; it is over.
        DecisionEnacted {
            decision: DecisionIndex,
            result: DispatchResult,
        },
        /// The consortium called a decision off.
        DecisionCancelled { decision: DecisionIndex },
        /// A decision could not be carried out now; until then it can be tried again.
        DecisionFailed {
            decision: DecisionIndex,
            error: DispatchError,
            until: Moment,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No decision of this number waits.
        NotFound,
        /// The decision's time has not come; its announcement says when it will.
        TooEarly,
        /// This call needs no announcement; propose it by itself.
        NotLockable,
        /// The call is too long or too heavy; split it.
        TooLarge,
        /// As many decisions wait as may; enact or cancel one first.
        TooManyPending,
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Milliseconds for which a decision that fails can be tried again.
        #[pallet::constant_name(TriedFor)]
        fn tried_for() -> Moment {
            TRIED_FOR
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Announces a decision, or carries it out at once where there is no delay.
        ///
        /// Governance only, with the larger majority. Where there is no delay, a decision that
        /// fails changes nothing, and is not announced.
        ///
        /// Errors: `NotLockable`, `TooLarge`, `TooManyPending`, and where there is no delay those
        /// of the call. Events: `DecisionAnnounced`; or `DecisionEnacted`.
        #[pallet::call_index(0)]
        #[pallet::weight((
            T::WeightInfo::announce().saturating_add(call.get_dispatch_info().call_weight),
            DispatchClass::Operational,
        ))]
        pub fn announce(
            origin: OriginFor<T>,
            call: Box<<T as frame_system::Config>::RuntimeCall>,
        ) -> DispatchResultWithPostInfo {
            T::AnnounceOrigin::ensure_origin(origin)?;
            let announced = T::WeightInfo::announce();
            if Delay::<T>::get() == 0 {
                return Self::enact_at_once(*call);
            }
            Self::do_announce(*call).map_err(|error| error.with_weight(announced))?;
            Ok(Some(announced).into())
        }

        /// Carries out a decision whose time has come.
        ///
        /// Anybody. Succeeds even if the decision itself fails; the event tells. What fails within a week
        /// after its time has come stays, and can be tried again.
        ///
        /// Errors: `NotFound`, `TooEarly`. Event: `DecisionEnacted`, or `DecisionFailed`.
        #[pallet::call_index(1)]
        #[pallet::weight((
            T::WeightInfo::enact().saturating_add(T::MaxWeight::get()),
            DispatchClass::Operational,
        ))]
        pub fn enact(origin: OriginFor<T>, decision: DecisionIndex) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            let enacted = T::WeightInfo::enact();
            let row = Self::due(decision).map_err(|error| error.with_weight(enacted))?;

            // Before the call, which may look.
            Pending::<T>::remove(decision);
            let (result, weight) = Self::carry_out(&row);
            let until = row.due.saturating_add(TRIED_FOR);
            match result {
                Err(error) if T::Chain::now() < until && !is_lasting::<T>(error) => {
                    Pending::<T>::insert(decision, row);
                    Self::deposit_event(Event::DecisionFailed {
                        decision,
                        error,
                        until,
                    });
                }
                result => Self::deposit_event(Event::DecisionEnacted { decision, result }),
            }
            Ok(Some(enacted.saturating_add(weight)).into())
        }

        /// Calls a decision off.
        ///
        /// Governance only.
        ///
        /// Errors: `NotFound`. Event: `DecisionCancelled`.
        #[pallet::call_index(2)]
        #[pallet::weight((T::WeightInfo::cancel(), DispatchClass::Operational))]
        pub fn cancel(origin: OriginFor<T>, decision: DecisionIndex) -> DispatchResult {
            T::CancelOrigin::ensure_origin(origin)?;
            ensure!(Pending::<T>::contains_key(decision), Error::<T>::NotFound);
            Pending::<T>::remove(decision);
            Self::deposit_event(Event::DecisionCancelled { decision });
            Ok(())
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// The decisions that wait, in the order of their announcement.
        pub fn pending() -> Vec<(DecisionIndex, Decision)> {
            let mut pending: Vec<_> = Pending::<T>::iter().collect();
            pending.sort_by_key(|(decision, _)| *decision);
            pending
        }
    }
}

impl<T: Config> Pallet<T> {
    /// The call as it is kept, if it may be announced.
    fn admissible(
        call: &<T as frame_system::Config>::RuntimeCall,
    ) -> Result<BoundedVec<u8, ConstU32<MAX_LENGTH>>, Error<T>> {
        ensure!(T::Lockable::contains(call), Error::<T>::NotLockable);
        let weight = call.get_dispatch_info().call_weight;
        ensure!(weight.all_lte(T::MaxWeight::get()), Error::<T>::TooLarge);
        BoundedVec::try_from(call.encode()).map_err(|_| Error::<T>::TooLarge)
    }

    fn do_announce(call: <T as frame_system::Config>::RuntimeCall) -> DispatchResult {
        let encoded = Self::admissible(&call)?;
        ensure!(
            Pending::<T>::count() < T::MaxPending::get(),
            Error::<T>::TooManyPending
        );
        let call_hash = <T::Hashing as sp_runtime::traits::Hash>::hash(&encoded);
        let decision = Self::next_decision();
        let announced_at = T::Chain::now();
        let due = announced_at.saturating_add(Delay::<T>::get());

        Pending::<T>::insert(
            decision,
            Decision {
                call: encoded,
                announced_at,
                due,
            },
        );
        Self::deposit_event(Event::DecisionAnnounced {
            decision,
            call_hash,
            due,
        });
        Ok(())
    }

    fn enact_at_once(call: <T as frame_system::Config>::RuntimeCall) -> DispatchResultWithPostInfo {
        let announced = T::WeightInfo::announce();
        Self::admissible(&call).map_err(|error| error.with_weight(announced))?;
        let info = call.get_dispatch_info();
        let done = call.dispatch(Origin::Enacted.into());
        let weight = announced.saturating_add(extract_actual_weight(&done, &info));
        done.map_err(|error| error.error.with_weight(weight))?;

        let decision = Self::next_decision();
        Self::deposit_event(Event::DecisionEnacted {
            decision,
            result: Ok(()),
        });
        Ok(Some(weight).into())
    }

    fn due(decision: DecisionIndex) -> Result<Decision, Error<T>> {
        let row = Pending::<T>::get(decision).ok_or(Error::<T>::NotFound)?;
        ensure!(T::Chain::now() >= row.due, Error::<T>::TooEarly);
        Ok(row)
    }

    /// Dispatches a decision; returns what came of it and what it has cost.
    fn carry_out(row: &Decision) -> (DispatchResult, Weight) {
        // A runtime that came meanwhile may not know the call any more, or find it heavier than
        // what whoever enacts it has paid for.
        let Some(call) = Self::decode(row) else {
            return (Err(DispatchError::Corruption), Weight::zero());
        };
        let info = call.get_dispatch_info();
        if !info.call_weight.all_lte(T::MaxWeight::get()) {
            return (Err(Error::<T>::TooLarge.into()), Weight::zero());
        }
        let done = call.dispatch(Origin::Enacted.into());
        let weight = extract_actual_weight(&done, &info);
        (done.map(drop).map_err(|error| error.error), weight)
    }

    fn next_decision() -> DecisionIndex {
        NextDecision::<T>::mutate(|next| {
            let decision = *next;
            *next = next.saturating_add(1);
            decision
        })
    }

    fn decode(row: &Decision) -> Option<<T as frame_system::Config>::RuntimeCall> {
        codec::DecodeAll::decode_all(&mut &row.call[..]).ok()
    }

    #[cfg(any(feature = "try-runtime", test))]
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        // 1. No more wait than may.
        ensure!(
            Pending::<T>::iter_keys().count() as u32 <= T::MaxPending::get(),
            "too many decisions wait"
        );
        // 2. Each has its number, its time, and can still be read.
        for (decision, row) in Pending::<T>::iter() {
            ensure!(
                decision < NextDecision::<T>::get() && row.due >= row.announced_at,
                "a decision out of number or time"
            );
            ensure!(Self::decode(&row).is_some(), "a decision nobody can read");
        }
        Ok(())
    }
}

/// Whether this runtime will never carry a decision out.
fn is_lasting<T: Config>(error: DispatchError) -> bool {
    error == DispatchError::Corruption || error == Error::<T>::TooLarge.into()
}

/// Whatever was announced and whose time has come.
pub struct EnsureEnacted;

impl<O> EnsureOrigin<O> for EnsureEnacted
where
    O: From<Origin> + Into<Result<Origin, O>>,
{
    type Success = ();

    fn try_origin(origin: O) -> Result<(), O> {
        origin.into().map(|Origin::Enacted| ())
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn try_successful_origin() -> Result<O, ()> {
        Ok(Origin::Enacted.into())
    }
}
