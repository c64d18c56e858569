//! # Copies
//!
//! How many vaults keep each file, and which of them have confirmed that an erased one is gone.
//!
//! ## Overview
//!
//! Files lie in the vaults of several organisations, so that a fire takes none with it. How many,
//! the consortium decides ([`Call::set_replication`]); which, follows from the members and the
//! patient ([`salus_primitives::placement`]) and is stored nowhere.
//!
//! ## Scenario
//!
//! 1. A laboratory anchors a record. The vaults that must keep it read so from the chain, and fetch
//!    their copies from each other.
//! 2. The patient has the record erased. Each vault deletes what it has of it, and says so with
//!    [`Call::confirm_erasures`]: `ErasureConfirmed`, in the patient's trail.
//! 3. One vault was switched off. It confirms when it is back; until then the patient sees that one
//!    confirmation is missing.
//!
//! ## Design
//!
//! * A confirmation is an organisation's word, signed and on record. No chain can see into a disk.
//! * Every vault confirms, whether it had a copy or not: so their number can be compared with the
//!   number of members, whatever the placement was at any time.
//! * What is confirmed already is passed over: a vault that crashed between the chain's answer and
//!   its own note of it sends the same batch again.
//! * Each new confirmation is an entry in a patient's trail, and spends the organisation's allowance
//!   of it. A batch that finds too little left fails as a whole; the vault sends it again later.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
pub mod weights;

use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::{dispatch::WithPostDispatchInfo, pallet_prelude::*};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    api::MAX_PAGE,
    traits::{Chain, Records, Standing, Trail, TrailAllowance},
    AccountId, Member, Moment, OrgId, PatientId, RecordIndex, MAX_ERASURES, MAX_REPLICATION,
};

pub use pallet::*;
pub use weights::WeightInfo;

/// How many copies a chain begins with.
pub const DEFAULT_REPLICATION: u32 = 3;

/// What one call confirms.
pub type Erasures = BoundedVec<(PatientId, RecordIndex), ConstU32<MAX_ERASURES>>;

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
        type Chain: Chain;

        /// Where every event about a patient goes.
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;

        /// Who is a service in good standing, and of which organisation.
        type Standing: Standing<AccountId>;

        type Records: Records<AccountId>;

        /// How much organisations may write into a patient's trail.
        type Allowance: TrailAllowance;

        /// Decides how many copies there are.
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkErasures<AccountId>;
    }

    #[pallet::type_value]
    pub fn DefaultReplication() -> u32 {
        DEFAULT_REPLICATION
    }

    /// How many vaults keep each file. Written by governance.
    #[pallet::storage]
    pub type Replication<T: Config> = StorageValue<_, u32, ValueQuery, DefaultReplication>;

    /// When each organisation's vault confirmed that it has no copy of an erased record.
    ///
    /// Written by `confirm_erasures`, never removed; at most one row per erased record and
    /// organisation.
    #[pallet::storage]
    pub type Confirmations<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Twox64Concat, RecordIndex>,
            NMapKey<Twox64Concat, OrgId>,
        ),
        Moment,
    >;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A vault confirmed that it has no copy of an erased record.
        #[codec(index = 0)]
        ErasureConfirmed {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            record: RecordIndex,
        },
        /// The consortium changed how many vaults keep each file.
        #[codec(index = 1)]
        ReplicationChanged { copies: u32, previous: u32 },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// Only a service account in good standing speaks for a vault.
        NotAService,
        /// The batch is empty. Name at least one record.
        NothingToConfirm,
        /// The patient has no record with this index.
        RecordNotFound,
        /// The record is not erased, or its erasure can still be cancelled. Keep its file.
        NotErased,
        /// There is at least one copy, and at most as many as the runtime allows.
        InvalidReplication,
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Records that one call confirms.
        #[pallet::constant_name(MaxErasures)]
        fn max_erasures() -> u32 {
            MAX_ERASURES
        }

        /// Copies of each file, at most.
        #[pallet::constant_name(MaxReplication)]
        fn max_replication() -> u32 {
            MAX_REPLICATION
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
        /// Confirms that one's vault has no copy of these records any more.
        ///
        /// Signed by a service account in good standing, for its organisation, which spends an entry
        /// of the trail's allowance for each. All of the batch or none of it; what the organisation
        /// has confirmed already is passed over. A call that fails pays for what was checked.
        ///
        /// Errors: [`Error::NotAService`], [`Error::NothingToConfirm`], [`Error::RecordNotFound`],
        /// [`Error::NotErased`]; those of the allowance. Event: [`Event::ErasureConfirmed`] for each.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::confirm_erasures(erasures.len() as u32))]
        pub fn confirm_erasures(
            origin: OriginFor<T>,
            erasures: Erasures,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let refused = |checked| {
                move |error: DispatchError| {
                    error.with_weight(T::WeightInfo::confirm_erasures(checked))
                }
            };
            let organisation = Self::ensure_may_confirm(&actor, &erasures).map_err(refused(0))?;
            let now = T::Chain::now();
            let mut seen = BTreeSet::new();
            let mut new = Vec::new();
            for (checked, (patient, record)) in (1..).zip(&erasures) {
                if seen.insert((*patient, *record))
                    && Self::ensure_new(patient, *record, organisation, now)
                        .map_err(refused(checked))?
                {
                    new.push((*patient, *record));
                }
            }

            for (patient, record) in new {
                Confirmations::<T>::insert((patient, record, organisation), now);
                let event = Event::<T>::ErasureConfirmed {
                    patient,
                    actor: actor.clone(),
                    organisation,
                    record,
                };
                T::Trail::deposit(
                    &patient,
                    <T as frame_system::Config>::RuntimeEvent::from(event),
                );
            }
            Ok(().into())
        }

        /// Changes how many vaults keep each file.
        ///
        /// Governance only. With fewer members than that, each of them keeps every file.
        ///
        /// Errors: [`Error::InvalidReplication`]. Event: [`Event::ReplicationChanged`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::set_replication())]
        pub fn set_replication(origin: OriginFor<T>, copies: u32) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            ensure!(
                (1..=MAX_REPLICATION).contains(&copies),
                Error::<T>::InvalidReplication
            );
            let previous = Replication::<T>::mutate(|now| core::mem::replace(now, copies));
            Self::deposit_event(Event::ReplicationChanged { copies, previous });
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// The organisation that this account speaks for with this batch.
        fn ensure_may_confirm(
            actor: &AccountId,
            erasures: &Erasures,
        ) -> Result<OrgId, DispatchError> {
            let service = T::Standing::member(actor)
                .filter(Member::is_service)
                .ok_or(Error::<T>::NotAService)?;
            ensure!(!erasures.is_empty(), Error::<T>::NothingToConfirm);
            Ok(service.organisation())
        }

        /// Whether the erasure of a record is news from this organisation, which pays for it then.
        fn ensure_new(
            patient: &PatientId,
            record: RecordIndex,
            organisation: OrgId,
            now: Moment,
        ) -> Result<bool, DispatchError> {
            let row = T::Records::record(patient, record).ok_or(Error::<T>::RecordNotFound)?;
            ensure!(row.is_erased(now), Error::<T>::NotErased);
            if Confirmations::<T>::contains_key((patient, record, organisation)) {
                return Ok(false);
            }
            T::Allowance::spend(patient, organisation, 1)?;
            Ok(true)
        }

        /// The organisations that have confirmed the erasure of a record, and when: ascending, from
        /// `from` on; at most `limit`, and never more than [`MAX_PAGE`].
        pub fn confirmations(
            patient: &PatientId,
            record: RecordIndex,
            from: OrgId,
            limit: u32,
        ) -> Vec<(OrgId, Moment)> {
            let mut all: Vec<_> = Confirmations::<T>::iter_prefix((patient, record))
                .filter(|(organisation, _)| *organisation >= from)
                .collect();
            all.sort_unstable();
            all.truncate(limit.min(MAX_PAGE) as usize);
            all
        }
    }
}
