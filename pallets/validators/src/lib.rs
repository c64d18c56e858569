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
//! * **Finality that is lost with a third of the validators comes back in one way**,
//!   [`Call::revive`]: announced for days, because the next set is then signed by nobody. It takes
//!   two sessions, since the session that follows is planned already, with those that are gone.
//! * **Whoever validates can be reported**, suspended and barred organisations too.
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

use alloc::{collections::BTreeSet, vec::Vec};
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

/// What finalizes blocks, and cannot go on by itself. Implemented over `pallet-grandpa`.
pub trait Finality<BlockNumber> {
    /// Makes the session that begins now begin with a set of validators that the former one does
    /// not sign: it counts `wait` blocks later, and goes on from `finalized`.
    fn restart(finalized: BlockNumber, wait: BlockNumber);
}

/// The way back when so many validators are gone that nothing becomes final.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Revival<BlockNumber> {
    /// The last block that is final.
    pub finalized: BlockNumber,
    /// Whether the next session was planned without those that are gone.
    pub planned: bool,
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

        /// Restarts finality: what was announced, and whose time has come.
        type EnactedOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        type Finality: Finality<BlockNumberFor<Self>>;

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

    /// Organisations that must not validate, for what their validator did or because it is gone.
    /// Written by reports of offences and by governance, removed by `readmit`; at most one row per
    /// organisation.
    #[pallet::storage]
    pub type Barred<T: Config> = StorageMap<_, Twox64Concat, OrgId, ()>;

    /// The way back that the consortium has decided on. Written by `revive`; removed two sessions
    /// later, when finality is restarted.
    #[pallet::storage]
    pub type Reviving<T: Config> = StorageValue<_, Revival<BlockNumberFor<T>>>;

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
        /// The consortium decided that an organisation's validator is gone for good; it did nothing
        /// wrong.
        ValidatorGone { organisation: OrgId },
        /// The consortium decided to restart finality from this block, two sessions later.
        RevivalDecided { finalized: BlockNumberFor<T> },
        /// Finality restarts after this block, with the validators of this session, `wait` blocks
        /// from now.
        FinalityRestarted {
            finalized: BlockNumberFor<T>,
            wait: BlockNumberFor<T>,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The organisation is barred already.
        AlreadyBarred,
        /// The organisation is not barred.
        NotBarred,
        /// An organisation that is named as gone has no validator; look at the list of validators.
        NotAValidator,
        /// Nobody would be left to validate; name fewer, or admit somebody first.
        NobodyLeft,
        /// The last final block lies before the present one; ask all nodes for it.
        InvalidBlock,
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

        /// Restarts finality without the validators that are gone, when a third of them or more will
        /// not come back.
        ///
        /// Only by a decision that was announced. The organisations in `gone` are barred from
        /// validating, stay members, and can be readmitted; none need be named where the same ones
        /// go on with new keys. `finalized` is the last block that all nodes hold to be final: the
        /// lowest that any of them names. Whatever the minimum is, those that are left go on. A
        /// later decision replaces this one.
        ///
        /// Errors: `InvalidBlock`, `NotAValidator`, `NobodyLeft`.
        /// Events: `ValidatorGone` for each that was not barred yet, `RevivalDecided`; two sessions
        /// later `FinalityRestarted`.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::revive(gone.len() as u32))]
        pub fn revive(
            origin: OriginFor<T>,
            gone: BoundedVec<OrgId, T::MaxValidators>,
            finalized: BlockNumberFor<T>,
        ) -> DispatchResult {
            T::EnactedOrigin::ensure_origin(origin)?;
            let now = frame_system::Pallet::<T>::block_number();
            ensure!(finalized < now, Error::<T>::InvalidBlock);
            let registered = T::Keys::registered();
            let all: BTreeSet<_> = registered
                .iter()
                .filter_map(T::Standing::administers)
                .collect();
            ensure!(
                gone.iter().all(|organisation| all.contains(organisation)),
                Error::<T>::NotAValidator
            );
            let is_left = |account: &AccountId| {
                Self::able(account).is_some_and(|organisation| !gone.contains(&organisation))
            };
            ensure!(registered.iter().any(is_left), Error::<T>::NobodyLeft);

            for organisation in gone {
                if !Barred::<T>::contains_key(organisation) {
                    Barred::<T>::insert(organisation, ());
                    Self::deposit_event(Event::ValidatorGone { organisation });
                }
            }
            Reviving::<T>::put(Revival {
                finalized,
                planned: false,
            });
            Self::deposit_event(Event::RevivalDecided { finalized });
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
            .filter_map(|account| Self::able(&account).map(|organisation| (account, organisation)))
            .collect();
        able.sort_unstable_by_key(|(_, organisation)| *organisation);
        able.truncate(T::MaxValidators::get() as usize);

        // Where some are gone for good, the minimum would keep them, and with them the standstill.
        let revival = Reviving::<T>::get();
        let minimum = match revival {
            Some(_) => 1,
            None => Minimum::<T>::get().max(1),
        };
        if (able.len() as u32) < minimum {
            Self::deposit_event(Event::TooFewValidators {
                able: able.len() as u32,
                minimum,
            });
            return None;
        }
        if let Some(revival) = revival {
            Reviving::<T>::put(Revival {
                planned: true,
                ..revival
            });
        }
        let present = T::Keys::present();
        let unchanged = able.iter().map(|(account, _)| account).eq(&present);
        (!unchanged).then_some(able)
    }

    /// Restarts finality when a session ends that was followed by a plan without those that are
    /// gone: the next one begins with that plan.
    pub(crate) fn restart_finality() {
        let Some(revival) = Reviving::<T>::get().filter(|revival| revival.planned) else {
            return;
        };
        // Shorter than a session, since no other change of the set can be told while this one waits;
        // as long as that allows, so that the block that tells it is not given up.
        let wait = Self::session_length() / 2u32.into();
        let finalized = revival.finalized;
        Reviving::<T>::kill();
        T::Finality::restart(finalized, wait);
        Self::deposit_event(Event::FinalityRestarted { finalized, wait });
    }

    /// The organisation for which this account may validate: it is its admin, in good standing, and
    /// not barred.
    fn able(account: &AccountId) -> Option<OrgId> {
        match T::Standing::member(account) {
            Some(Member::Admin { organisation }) if !Barred::<T>::contains_key(organisation) => {
                Some(organisation)
            }
            _ => None,
        }
    }

    pub(crate) fn session_length() -> BlockNumberFor<T> {
        SessionLength::<T>::get().max(One::one())
    }

    #[cfg(any(feature = "try-runtime", test))]
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        // 1. Sessions end.
        ensure!(
            !SessionLength::<T>::get().is_zero(),
            "a session without blocks"
        );
        // 2. No more than can validate must.
        ensure!(
            Minimum::<T>::get() <= T::MaxValidators::get(),
            "a minimum that no set can have"
        );
        // 3. What is revived was final before.
        if let Some(revival) = Reviving::<T>::get() {
            ensure!(
                revival.finalized < frame_system::Pallet::<T>::block_number(),
                "a revival from a block to come"
            );
        }
        // 4. Nobody validates twice.
        let all = T::Keys::present();
        let distinct: BTreeSet<_> = all.iter().collect();
        ensure!(distinct.len() == all.len(), "a validator counts twice");
        Ok(())
    }
}
