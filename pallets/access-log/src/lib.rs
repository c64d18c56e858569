//! # Access log
//!
//! Every step about a patient, in order, so that nobody can take one out or change one unseen.
//!
//! ## Overview
//!
//! Before a reader gets a file, the reader signs [`Call::open`]. The chain looks at the grant and
//! writes what it found into the patient's **trail**: `Opened` if it permits, `Refused` if not. A
//! vault hands out ciphertext only against a finalized `Opened`, and afterwards reports what it
//! handed out ([`Call::delivered`]). All other events about a patient, of all pallets, go into the
//! same trail, through [`Trail::deposit`] and no other way.
//!
//! ## Scenario
//!
//! 1. The doctor opens two laboratory results under grant 3: `Opened`, trail entry 17.
//! 2. The vault serves them and reports it: `Delivered`, entries 18 and 19.
//! 3. The patient revokes grant 3: `Revoked`, entry 20.
//! 4. The doctor tries again: `Refused`, entry 21. The call itself succeeds, or its trace would be
//!    rolled back with it.
//! 5. The patient's app reads the entries from any node, hashes them and compares with
//!    [`TrailHeads`]. An entry that is missing, changed or moved shows.
//!
//! ## Design
//!
//! * The state holds one [`TrailHead`] per patient, whatever happens; entries are events. The head
//!   names the block of the last entry; the state before that block has the head before it.
//! * `Refused` gives no reason: a reason would tell who hides what.
//! * Refusals have an allowance per account and hour, so that they cannot be used to harass.
//! * Software must name the person it acts for.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
pub mod weights;

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use salus_primitives::{
    rows::{HOUR, MAX_DELIVERIES, MAX_OPEN},
    traits::{Chain, Consent, Control, Records, Standing, Trail},
    AccountId, Delivery, GrantIndex, Member, OrgId, Part, PatientId, Purpose, RecordIndex,
    TrailHead,
};
use sp_runtime::{traits::Zero, SaturatedConversion};

pub use pallet::*;
pub use weights::WeightInfo;

/// What one call opens.
pub type RecordList = BoundedVec<RecordIndex, ConstU32<MAX_OPEN>>;

/// Refusals that one account can leave in trails within one hour of the clock.
pub const REFUSALS_PER_HOUR: u32 = 20;

/// How much of its allowance an account used up, in the last hour in which it was refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Allowance {
    /// Whole hours since the Unix epoch.
    pub hour: u64,
    pub count: u32,
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
        type Chain: Chain;
        type Standing: Standing<AccountId>;
        type Control: Control<AccountId>;
        type Consent: Consent<AccountId>;
        type Records: Records<AccountId>;
        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkWorld<AccountId>;
    }

    /// The head of each patient's trail. Written by `Trail::deposit`, never removed; one row per
    /// enrolled patient.
    #[pallet::storage]
    pub type TrailHeads<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, TrailHead>;

    /// Each account's allowance of refusals. Written when a member is refused, overwritten in a
    /// later hour; at most one row per member.
    #[pallet::storage]
    pub type Refusals<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId, Allowance, ValueQuery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// Someone opened part of a patient's records, as a grant permits.
        #[codec(index = 0)]
        Opened {
            patient: PatientId,
            reader: AccountId,
            organisation: OrgId,
            acting_for: Option<AccountId>,
            grant: GrantIndex,
            records: RecordList,
            part: Part,
            purpose: Purpose,
        },
        /// Someone tried to open part of a patient's records and was refused.
        #[codec(index = 1)]
        Refused {
            patient: PatientId,
            reader: AccountId,
            organisation: OrgId,
            grant: GrantIndex,
            records: RecordList,
            part: Part,
            purpose: Purpose,
        },
        /// A vault handed out part of a record.
        #[codec(index = 2)]
        Delivered {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            reader: AccountId,
            record: RecordIndex,
            part: Part,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// Only a member in good standing can open records. Have your organisation credential you.
        NotAMember,
        /// No such patient is enrolled here. Check the id.
        PatientNotFound,
        /// The call names no record. Name at least one.
        NoRecords,
        /// Too many attempts of this account were refused in this hour. Ask the patient for access.
        TooManyRefusals,
        /// Only a service account in good standing reports deliveries.
        NotAService,
        /// The batch is empty. Report at least one delivery.
        NoDeliveries,
        /// A delivery names a record that its patient does not have. Leave it out.
        RecordNotFound,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_n: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call(weight(<T as Config>::WeightInfo))]
    impl<T: Config> Pallet<T> {
        /// Open part of a patient's records.
        ///
        /// Signed by a member in good standing. A service names the clinician of its organisation
        /// that it acts for; anybody else names none. Emits `Opened` if the grant permits all of
        /// it, else `Refused`, and succeeds either way: a refusal is an entry too. Fails only for
        /// strangers, unknown patients, an empty list, and after 20 refusals within the hour.
        #[pallet::call_index(0)]
        // Whom a service names is looked up with its organisation: no grant of one clinician,
        // as benchmarks have it, can show that.
        #[pallet::weight(
            T::WeightInfo::open(records.len() as u32)
                .saturating_add(T::DbWeight::get().reads(3))
        )]
        pub fn open(
            origin: OriginFor<T>,
            patient: PatientId,
            records: RecordList,
            part: Part,
            grant: GrantIndex,
            purpose: Purpose,
            acting_for: Option<AccountId>,
        ) -> DispatchResult {
            let reader = ensure_signed(origin)?;
            let member = T::Standing::member(&reader).ok_or(Error::<T>::NotAMember)?;
            ensure!(!records.is_empty(), Error::<T>::NoRecords);

            let organisation = member.organisation();
            let permitted = Self::names_whom_it_must(&member, &acting_for)
                && T::Consent::may_read(
                    &patient,
                    grant,
                    &reader,
                    &records,
                    purpose,
                    T::Chain::now(),
                );
            let event = if permitted {
                Event::<T>::Opened {
                    patient,
                    reader,
                    organisation,
                    acting_for,
                    grant,
                    records,
                    part,
                    purpose,
                }
            } else {
                // Whoever has given a grant is enrolled.
                ensure!(
                    T::Control::is_enrolled(&patient),
                    Error::<T>::PatientNotFound
                );
                Self::count_refusal(&reader)?;
                Event::<T>::Refused {
                    patient,
                    reader,
                    organisation,
                    grant,
                    records,
                    part,
                    purpose,
                }
            };
            Self::append(&patient, event.into());
            Ok(())
        }

        /// Report what a vault has handed out.
        ///
        /// Signed by a service account in good standing. All of the batch or none of it. Emits
        /// `Delivered` for each.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::delivered(batch.len() as u32))]
        pub fn delivered(
            origin: OriginFor<T>,
            batch: BoundedVec<Delivery, ConstU32<MAX_DELIVERIES>>,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let organisation = T::Standing::member(&actor)
                .filter(Member::is_service)
                .ok_or(Error::<T>::NotAService)?
                .organisation();
            ensure!(!batch.is_empty(), Error::<T>::NoDeliveries);
            for delivery in &batch {
                ensure!(
                    T::Control::is_enrolled(&delivery.patient),
                    Error::<T>::PatientNotFound
                );
                ensure!(
                    T::Records::record(&delivery.patient, delivery.record).is_some(),
                    Error::<T>::RecordNotFound
                );
            }

            for delivery in batch {
                let Delivery {
                    patient,
                    reader,
                    record,
                    part,
                } = delivery;
                let event = Event::<T>::Delivered {
                    patient,
                    actor: actor.clone(),
                    organisation,
                    reader,
                    record,
                    part,
                };
                Self::append(&patient, event.into());
            }
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// The head of a patient's trail; the start of the chain if there is no entry yet.
        pub fn trail_head(patient: &PatientId) -> TrailHead {
            TrailHeads::<T>::get(patient)
                .unwrap_or_else(|| TrailHead::start(&T::Chain::genesis(), patient))
        }

        /// A service acts for a clinician of its own organisation; a person for nobody else.
        fn names_whom_it_must(member: &Member, acting_for: &Option<AccountId>) -> bool {
            match acting_for {
                None => !member.is_service(),
                Some(person) => {
                    member.is_service()
                        && matches!(
                            T::Standing::member(person),
                            Some(named @ Member::Clinician { organisation, .. })
                                if organisation == member.organisation() && !named.is_service()
                        )
                }
            }
        }

        fn count_refusal(reader: &AccountId) -> DispatchResult {
            let hour = T::Chain::now() / HOUR;
            let before = Refusals::<T>::get(reader);
            let count = if before.hour == hour { before.count } else { 0 };
            ensure!(count < REFUSALS_PER_HOUR, Error::<T>::TooManyRefusals);
            let count = count.saturating_add(1);
            Refusals::<T>::insert(reader, Allowance { hour, count });
            Ok(())
        }

        fn append(patient: &PatientId, event: T::RuntimeEvent) {
            let block = frame_system::Pallet::<T>::block_number();
            // Frame drops events before the first block; hashing them would leave a head that
            // nobody can recompute.
            if block.is_zero() {
                return;
            }
            let head = Self::trail_head(patient).append(
                block.saturated_into(),
                T::Chain::now(),
                &event.encode(),
            );
            TrailHeads::<T>::insert(patient, head);
            frame_system::Pallet::<T>::deposit_event(event);
        }
    }

    #[cfg(any(feature = "try-runtime", test))]
    impl<T: Config> Pallet<T> {
        pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
            let block: u32 = frame_system::Pallet::<T>::block_number().saturated_into();
            for (patient, head) in TrailHeads::<T>::iter() {
                // 1. Only enrolled patients have a trail.
                ensure!(
                    T::Control::is_enrolled(&patient),
                    "a trail without its patient"
                );
                // 2. A head counts entries of blocks that exist.
                ensure!(
                    head.count > 0 && head.last_block > 0 && head.last_block <= block,
                    "a head of no entries, or of a later block"
                );
                // 3. There is a checkpoint from the 256th entry on, not after the last.
                ensure!(
                    (head.checkpoint > 0)
                        == (head.count >= salus_primitives::trail::CHECKPOINT_EVERY)
                        && head.checkpoint <= head.last_block,
                    "a checkpoint out of place"
                );
            }
            let hour = T::Chain::now() / HOUR;
            for (_, refused) in Refusals::<T>::iter() {
                // 4. Nobody was refused more often than allowed, or in an hour to come.
                ensure!(
                    (1..=REFUSALS_PER_HOUR).contains(&refused.count) && refused.hour <= hour,
                    "an allowance overdrawn, or of an hour to come"
                );
            }
            Ok(())
        }
    }

    impl<T: Config> Trail<<T as frame_system::Config>::RuntimeEvent> for Pallet<T> {
        fn deposit(patient: &PatientId, event: <T as frame_system::Config>::RuntimeEvent) {
            Self::append(patient, event);
        }
    }
}
