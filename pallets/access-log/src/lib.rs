//! # Access log
//!
//! Every step about a patient, in order, so that nobody can take one out or change one unseen.
//!
//! ## Overview
//!
//! Before a reader gets a file, the reader signs [`Call::open`]. The chain looks at the grant and
//! writes what it found into the patient's **trail**: `Opened` if it permits, `Refused` if not. A
//! vault hands out ciphertext only against a finalized `Opened`, and afterwards reports what it
//! handed out, and under which grant ([`Call::delivered`]). All other events about a patient, of all
//! pallets, go into the same trail, through [`Trail::deposit`] and no other way.
//!
//! What patients read themselves is nobody's business: it leaves nothing about them here. Vaults log
//! it, encrypted for the patient, and commit once a day to all of these logs at once
//! ([`Call::commit_reads`]).
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
//! * **Nobody floods a trail.** All accounts of one organisation together write at most
//!   [`ENTRIES_PER_HOUR`] entries an hour into one patient's trail: openings, refusals, deliveries,
//!   and what other pallets charge through [`TrailAllowance`]. Another organisation has its own.
//!   Controllers are not counted: it is their trail. Refusals also count against the account.
//! * **A vault cannot invent a delivery.** It belongs to an organisation that keeps the patient's
//!   files, and what it reports must match: the reader's organisation has opened records of this
//!   patient within [`DELIVERY_WITHIN`], and the grant let this reader read this record within that
//!   time. A grant that was revoked meanwhile still counts, so that what was handed out before can
//!   be reported after. There is no way to report what a controller has read.
//! * **All of a batch or none.** The vault finds the culprit with [`Pallet::may_report`], leaves it
//!   out and sends the rest. What is only out of allowance may be reported in the next hour; what
//!   still may not after [`DELIVERY_WITHIN`] never will.
//! * **Persons are sealed.** Software gives the seal of the person it acts for
//!   ([`salus_primitives::seal`]), in which the chain sees nobody. The organisation answers for who that
//!   was; the patient can open the seal, and an auditor whom the patient lets. A person who signs stands
//!   there in clear, and gives no seal.
//! * What an opening is for stands in its grant, which names one purpose.
//! * **A commitment tells nothing.** It is made each day, for the day before, whether anybody has
//!   read or not, and is one root over a tree of one depth: [`salus_primitives::reads`]. The chain
//!   keeps [`ROOTS_KEPT`] of each organisation; older ones stand in its events.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod allowance;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod deliveries;
#[cfg(test)]
mod floods;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod properties;
mod reads;
#[cfg(test)]
mod tests;
pub mod weights;

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
    dispatch::{DispatchResultWithPostInfo, WithPostDispatchInfo},
    pallet_prelude::*,
};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    reads::{day_of, ROOTS_KEPT},
    rows::{HOUR, MAX_DELIVERIES, MAX_OPEN},
    seal,
    traits::{Chain, Consent, Control, Keepers, Records, Standing, Trail, TrailAllowance},
    AccountId, Delivery, GrantIndex, Member, Moment, OrgId, Part, PatientId, RecordIndex,
    TrailHead,
};
use sp_core::H256;
use sp_runtime::{traits::Zero, SaturatedConversion};

pub use pallet::*;
pub use reads::ReadRoot;
pub use weights::WeightInfo;

/// What one call opens.
pub type RecordList = BoundedVec<RecordIndex, ConstU32<MAX_OPEN>>;

/// Refusals that one account can leave in trails within one hour of the clock.
pub const REFUSALS_PER_HOUR: u32 = 20;

/// Entries that all accounts of one organisation together can leave in one patient's trail within
/// one hour of the clock.
pub const ENTRIES_PER_HOUR: u32 = 1_024;

/// Milliseconds after an opening in which what was handed out against it can be reported.
pub const DELIVERY_WITHIN: Moment = 24 * HOUR;

/// How much an organisation has written into a patient's trail, and when it last opened records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Visit {
    /// Whole hours since the Unix epoch.
    pub hour: u32,
    /// Entries in that hour, by all accounts of the organisation together.
    pub written: u32,
    /// When an account of the organisation last opened records of the patient.
    pub opened_at: Option<Moment>,
}

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

        /// Whose vaults keep a patient's files, and so report what they handed out.
        type Keepers: Keepers;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkDays<AccountId>;
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

    /// What each organisation has written into each patient's trail this hour, and when it last
    /// opened records of that patient.
    ///
    /// Written by `open`, `delivered` and `TrailAllowance::spend`, overwritten in a later hour, never
    /// removed; at most one row per patient and organisation that ever wrote into its trail.
    #[pallet::storage]
    pub type Visits<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, OrgId, Visit, ValueQuery>;

    /// The roots over the logs of own reads that each organisation's vault has committed, by day
    /// modulo [`ROOTS_KEPT`].
    ///
    /// Written by `commit_reads`, overwritten by it [`ROOTS_KEPT`] days later, never removed; at most
    /// that many rows per organisation.
    #[pallet::storage]
    pub type ReadRoots<T: Config> =
        StorageDoubleMap<_, Twox64Concat, OrgId, Twox64Concat, u32, ReadRoot>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// Someone opened part of a patient's records, as a grant permits.
        #[codec(index = 0)]
        Opened {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            /// The seal of the person for whom software asked; none if a person did.
            person: Option<H256>,
            grant: GrantIndex,
            records: RecordList,
            part: Part,
        },
        /// Someone tried to open part of a patient's records and was refused.
        #[codec(index = 1)]
        Refused {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            /// As in `Opened`.
            person: Option<H256>,
            grant: GrantIndex,
            records: RecordList,
            part: Part,
        },
        /// A vault handed out part of a record.
        #[codec(index = 2)]
        Delivered {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            reader: AccountId,
            /// Under which the reader had opened it.
            grant: GrantIndex,
            record: RecordIndex,
            part: Part,
        },
        /// A vault committed to all logs of patients' own reads as they stood after a day.
        #[codec(index = 3)]
        ReadsCommitted {
            actor: AccountId,
            organisation: OrgId,
            /// Whole days since the Unix epoch.
            day: u32,
            root: H256,
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
        /// Only a service account in good standing reports deliveries and commits reads.
        NotAService,
        /// The batch is empty. Report at least one delivery.
        NoDeliveries,
        /// A delivery names a record that its patient does not have. Leave it out.
        RecordNotFound,
        /// Your organisation has written as much into this patient's trail as it may in an hour. Wait
        /// for the next hour, or ask the patient.
        TooManyEntries,
        /// A delivery names a patient whose files your organisation's vault does not keep. Leave it
        /// out.
        NotAKeeper,
        /// A delivery matches no opening of the last 24 hours, such as one to a controller of the
        /// patient. Leave it out.
        NothingOpened,
        /// Software gives the seal of the person it acts for. Seal the person with the secret in the
        /// grant's envelope.
        NoPerson,
        /// A person who signs stands in the trail in clear. Give no seal.
        PersonSigns,
        /// Only the reads of the day before the present one can be committed. Name that day.
        NotTheDayBefore,
        /// Your organisation has committed the reads of this day. Wait for the next one.
        AlreadyCommitted,
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Refusals that one account can leave in trails within one hour of the clock.
        #[pallet::constant_name(RefusalsPerHour)]
        fn refusals_per_hour() -> u32 {
            REFUSALS_PER_HOUR
        }

        /// Entries that all accounts of one organisation together can leave in one patient's trail
        /// within one hour of the clock.
        #[pallet::constant_name(EntriesPerHour)]
        fn entries_per_hour() -> u32 {
            ENTRIES_PER_HOUR
        }

        /// Milliseconds after an opening in which what was handed out against it can be reported.
        #[pallet::constant_name(DeliveryWithin)]
        fn delivery_within() -> Moment {
            DELIVERY_WITHIN
        }

        /// Records that one call can open.
        #[pallet::constant_name(MaxOpen)]
        fn max_open() -> u32 {
            MAX_OPEN
        }

        /// Roots over logs of own reads that are kept of each organisation, one a day.
        #[pallet::constant_name(ReadRootsKept)]
        fn read_roots_kept() -> u32 {
            ROOTS_KEPT
        }

        /// Deliveries that one call can report.
        #[pallet::constant_name(MaxDeliveries)]
        fn max_deliveries() -> u32 {
            MAX_DELIVERIES
        }
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
        /// Signed by a member in good standing. A service gives the seal of the person it acts for;
        /// anybody else gives none. Emits `Opened` if the grant permits all of it, else `Refused`,
        /// and succeeds either way: a refusal is an entry too. Each takes one entry of the
        /// organisation's allowance in this trail.
        ///
        /// Errors: [`Error::NoRecords`], [`Error::NotAMember`], [`Error::NoPerson`],
        /// [`Error::PersonSigns`], [`Error::TooManyEntries`], [`Error::PatientNotFound`];
        /// [`Error::TooManyRefusals`] after 20 refusals of the account within the hour.
        /// Event: [`Event::Opened`] or [`Event::Refused`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::open(records.len() as u32))]
        pub fn open(
            origin: OriginFor<T>,
            patient: PatientId,
            records: RecordList,
            part: Part,
            grant: GrantIndex,
            person: Option<H256>,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            // What fails before the grant is looked at costs no more than opening one record.
            let early = T::WeightInfo::open(1);
            let now = T::Chain::now();
            let (member, visit) = Self::ensure_may_try(&actor, &patient, &records, &person, now)
                .map_err(|error| error.with_weight(early))?;

            let organisation = member.organisation();
            let event = if T::Consent::may_read(&patient, grant, &actor, &records, now) {
                let opened_at = Some(now);
                Visits::<T>::insert(patient, organisation, Visit { opened_at, ..visit });
                Event::<T>::Opened {
                    patient,
                    actor,
                    organisation,
                    person,
                    grant,
                    records,
                    part,
                }
            } else {
                // Whoever has given a grant is enrolled.
                ensure!(
                    T::Control::is_enrolled(&patient),
                    Error::<T>::PatientNotFound.with_weight(early)
                );
                Self::count_refusal(&actor, now)?;
                Visits::<T>::insert(patient, organisation, visit);
                Event::<T>::Refused {
                    patient,
                    actor,
                    organisation,
                    person,
                    grant,
                    records,
                    part,
                }
            };
            Self::append(&patient, event.into());
            Ok(().into())
        }

        /// Report what a vault has handed out.
        ///
        /// Signed by a service account, in good standing, of an organisation that keeps the patient's
        /// files. A delivery names the grant under which its reader opened it within the last 24
        /// hours; what controllers read themselves is not reported. All of the batch or none of it:
        /// ask `may_report` which one is at fault. Each takes one entry of the allowance that the
        /// signer's organisation has in that trail.
        ///
        /// Errors: [`Error::NotAService`], [`Error::NoDeliveries`]; [`Error::PatientNotFound`],
        /// [`Error::TooManyEntries`], [`Error::NotAKeeper`], [`Error::RecordNotFound`],
        /// [`Error::NothingOpened`]. Event: [`Event::Delivered`] for each.
        #[pallet::call_index(1)]
        // The benchmark's reader and service belong to one organisation; here they need not.
        #[pallet::weight(
            T::WeightInfo::delivered(batch.len() as u32)
                .saturating_add(T::DbWeight::get().reads(batch.len() as u64))
        )]
        pub fn delivered(
            origin: OriginFor<T>,
            batch: BoundedVec<Delivery, ConstU32<MAX_DELIVERIES>>,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let organisation = Self::ensure_reports(&actor, &batch)
                .map_err(|error| error.with_weight(T::WeightInfo::delivered(0)))?;
            let visits = Self::ensure_delivered(organisation, &batch)?;

            for (patient, visit) in visits {
                Visits::<T>::insert(patient, organisation, visit);
            }
            for delivery in batch {
                let Delivery {
                    patient,
                    reader,
                    grant,
                    record,
                    part,
                } = delivery;
                let event = Event::<T>::Delivered {
                    patient,
                    actor: actor.clone(),
                    organisation,
                    reader,
                    grant,
                    record,
                    part,
                };
                Self::append(&patient, event.into());
            }
            Ok(().into())
        }

        /// Commit to what patients read of their own records at a vault, without a word about whom.
        ///
        /// Signed by a service account in good standing, once for its organisation and day, for the
        /// day before the present one, whether anybody has read or not. The root is that of a tree
        /// over all logs, as `salus_primitives::reads` has it.
        ///
        /// Errors: [`Error::NotAService`], [`Error::NotTheDayBefore`], [`Error::AlreadyCommitted`].
        /// Event: [`Event::ReadsCommitted`], in no patient's trail.
        #[pallet::call_index(2)]
        pub fn commit_reads(origin: OriginFor<T>, day: u32, root: H256) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            Self::do_commit_reads(actor, day, root)?;
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// The head of a patient's trail; the start of the chain if there is no entry yet.
        pub fn trail_head(patient: &PatientId) -> TrailHead {
            TrailHeads::<T>::get(patient)
                .unwrap_or_else(|| TrailHead::start(&T::Chain::genesis(), patient))
        }

        /// What is cheap to refuse: strangers, empty lists, who does not say on whose behalf as it must,
        /// and whose organisation has written enough.
        fn ensure_may_try(
            actor: &AccountId,
            patient: &PatientId,
            records: &RecordList,
            person: &Option<H256>,
            now: Moment,
        ) -> Result<(Member, Visit), Error<T>> {
            ensure!(!records.is_empty(), Error::<T>::NoRecords);
            let member = T::Standing::member(actor).ok_or(Error::<T>::NotAMember)?;
            let is_service = member.is_service();
            ensure!(
                seal::is_given_rightly(is_service, person),
                match is_service {
                    true => Error::<T>::NoPerson,
                    false => Error::<T>::PersonSigns,
                }
            );
            let visit = Visits::<T>::get(patient, member.organisation())
                .with(1, now)
                .ok_or(Error::<T>::TooManyEntries)?;
            Ok((member, visit))
        }

        fn count_refusal(actor: &AccountId, now: Moment) -> Result<(), Error<T>> {
            let hour = now / HOUR;
            let before = Refusals::<T>::get(actor);
            let count = if before.hour == hour { before.count } else { 0 };
            ensure!(count < REFUSALS_PER_HOUR, Error::<T>::TooManyRefusals);
            let count = count.saturating_add(1);
            Refusals::<T>::insert(actor, Allowance { hour, count });
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
            for (patient, _, visit) in Visits::<T>::iter() {
                // 5. Only enrolled patients are visited.
                ensure!(
                    T::Control::is_enrolled(&patient),
                    "a visit without its patient"
                );
                // 6. No organisation wrote more into a trail than allowed, or in an hour to come.
                ensure!(
                    (1..=ENTRIES_PER_HOUR).contains(&visit.written)
                        && u64::from(visit.hour) <= hour,
                    "more entries than allowed, or of an hour to come"
                );
                // 7. Nothing was opened later than it was counted.
                ensure!(
                    visit
                        .opened_at
                        .is_none_or(|at| at / HOUR <= u64::from(visit.hour)),
                    "an opening that was not counted"
                );
            }
            for (_, refused) in Refusals::<T>::iter() {
                // 4. Nobody was refused more often than allowed, or in an hour to come.
                ensure!(
                    (1..=REFUSALS_PER_HOUR).contains(&refused.count) && refused.hour <= hour,
                    "an allowance overdrawn, or of an hour to come"
                );
            }
            Self::try_state_of_reads()
        }
    }

    impl<T: Config> Trail<<T as frame_system::Config>::RuntimeEvent> for Pallet<T> {
        fn deposit(patient: &PatientId, event: <T as frame_system::Config>::RuntimeEvent) {
            Self::append(patient, event);
        }
    }
}
