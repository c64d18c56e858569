//! # Validators
//!
//! Which members make and finalize blocks.
//!
//! ## Overview
//!
//! An organisation in good standing that has registered session keys is a **validator**, from the
//! session after next on; one that loses its standing stops within two sessions. Nobody stakes and
//! nobody elects: the consortium has decided who its members are.
//!
//! ## Scenario
//!
//! 1. The council admits a hospital. Its admin starts a node, which makes session keys, and
//!    registers them with `session.set_keys`, with a proof that the node holds them.
//! 2. Within two sessions the hospital's node makes blocks.
//! 3. Its node votes for two forks at once. Whoever sees that reports it; the hospital is
//!    **barred**: still a member, no validator. The council looks into it and calls
//!    [`Call::readmit`].
//!
//! ## Design
//!
//! * **A validator is known by its organisation's admin**, as tools expect, and answers for what it
//!   does as an organisation. A new admin registers keys of its own.
//! * **A minimum stays.** If fewer than [`Minimum`] could validate, the present validators go on,
//!   suspended and barred ones included, because a chain that stands still helps nobody; an event
//!   says so at each session. Keys can be replaced, not removed.
//! * **Nothing changes for nothing.** The same validators as before are no new set, so GRANDPA's
//!   set id counts real changes.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
mod sessions;
#[cfg(test)]
mod tests;
pub mod weights;

use alloc::vec::Vec;
use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use salus_primitives::{traits::Standing, AccountId, Member, OrgId};
use sp_runtime::traits::{One, Zero};

pub use pallet::*;
pub use sessions::OrganisationOf;
pub use weights::WeightInfo;

/// The session keys that admins have registered. Implemented over `pallet-session`.
pub trait RegisteredKeys {
    /// Accounts that have registered keys, in any order.
    fn registered() -> Vec<AccountId>;
    /// Those that validate in the session that begins or goes on.
    fn present() -> Vec<AccountId>;
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
        frame_system::Config<RuntimeEvent: From<Event<Self>>, AccountId = AccountId>
    {
        type Standing: Standing<AccountId>;

        type Keys: RegisteredKeys;

        /// Bars and readmits.
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// Validators at once. Those admitted first come first.
        #[pallet::constant]
        type MaxValidators: Get<u32>;

        type WeightInfo: WeightInfo;
    }

    /// With fewer validators than this the set is not changed. Written at genesis.
    #[pallet::storage]
    pub type Minimum<T: Config> = StorageValue<_, u32, ValueQuery>;

    #[pallet::type_value]
    pub fn DefaultSessionLength<T: Config>() -> BlockNumberFor<T> {
        600u32.into()
    }

    /// Blocks of a session. Written at genesis.
    #[pallet::storage]
    pub type SessionLength<T: Config> =
        StorageValue<_, BlockNumberFor<T>, ValueQuery, DefaultSessionLength<T>>;

    /// Organisations that must not validate, for what their validator did. Written by reports of
    /// offences and by governance; at most one row per organisation.
    #[pallet::storage]
    pub type Barred<T: Config> = StorageMap<_, Twox64Concat, OrgId, ()>;

    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        pub minimum: u32,
        /// Blocks; 0 stands for the default.
        pub session_length: BlockNumberFor<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            Minimum::<T>::put(self.minimum);
            if !self.session_length.is_zero() {
                SessionLength::<T>::put(self.session_length);
            }
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// An organisation's validator broke the rules, or the council barred it; it stops within
        /// two sessions.
        ValidatorBarred { organisation: OrgId },
        /// The council lets an organisation validate again.
        ValidatorReadmitted { organisation: OrgId },
        /// Fewer organisations than the minimum are able to validate, so the present validators go
        /// on.
        TooFewValidators { able: u32, minimum: u32 },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The organisation is barred already.
        AlreadyBarred,
        /// The organisation is not barred.
        NotBarred,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Keeps an organisation from validating, for instance when its validator made two blocks
        /// in one slot.
        ///
        /// Governance only. It stays a member.
        ///
        /// Errors: `AlreadyBarred`. Event: `ValidatorBarred`.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::bar())]
        pub fn bar(origin: OriginFor<T>, organisation: OrgId) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            ensure!(
                !Barred::<T>::contains_key(organisation),
                Error::<T>::AlreadyBarred
            );
            Self::do_bar(organisation);
            Ok(())
        }

        /// Lets a barred organisation validate again.
        ///
        /// Governance only.
        ///
        /// Errors: `NotBarred`. Event: `ValidatorReadmitted`.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::readmit())]
        pub fn readmit(origin: OriginFor<T>, organisation: OrgId) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            ensure!(
                Barred::<T>::contains_key(organisation),
                Error::<T>::NotBarred
            );
            Barred::<T>::remove(organisation);
            Self::deposit_event(Event::ValidatorReadmitted { organisation });
            Ok(())
        }
    }
}

impl<T: Config> Pallet<T> {
    /// Bars an organisation, whoever decided it; once.
    pub(crate) fn do_bar(organisation: OrgId) {
        if !Barred::<T>::contains_key(organisation) {
            Barred::<T>::insert(organisation, ());
            Self::deposit_event(Event::ValidatorBarred { organisation });
        }
    }

    /// The validators of the session after next and their organisations, if they differ from the
    /// present ones.
    pub(crate) fn next_validators() -> Option<Vec<(AccountId, OrgId)>> {
        let mut able: Vec<_> = T::Keys::registered()
            .into_iter()
            .filter_map(|account| {
                let organisation = Self::admins_organisation(&account)?;
                (!Barred::<T>::contains_key(organisation)).then_some((account, organisation))
            })
            .collect();
        able.sort_unstable_by_key(|(_, organisation)| *organisation);
        able.truncate(T::MaxValidators::get() as usize);

        let minimum = Minimum::<T>::get().max(1);
        if (able.len() as u32) < minimum {
            Self::deposit_event(Event::TooFewValidators {
                able: able.len() as u32,
                minimum,
            });
            return None;
        }
        let present = T::Keys::present();
        let unchanged = able.iter().map(|(account, _)| account).eq(&present);
        (!unchanged).then_some(able)
    }

    /// The organisation that this account is the admin of, in good standing.
    pub(crate) fn admins_organisation(account: &AccountId) -> Option<OrgId> {
        match T::Standing::member(account) {
            Some(Member::Admin { organisation }) => Some(organisation),
            _ => None,
        }
    }

    pub(crate) fn session_length() -> BlockNumberFor<T> {
        SessionLength::<T>::get().max(One::one())
    }
}
