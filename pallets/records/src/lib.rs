//! The fingerprints of a patient's encrypted records.
//!
//! ## Overview
//!
//! A patient's records are files that somebody encrypted and put into a vault. This pallet keeps,
//! for each of them, where it lies (a CID), a salted fingerprint that shows a changed byte, who
//! wrote it and when. It keeps no name, no category, no size, no key and no file.
//!
//! Records lie in *compartments*: sets of records under one encryption key. A compartment's public
//! key stands here, so that a laboratory can add a record while the patient sleeps; the secret key
//! is in the patient's keyring.
//!
//! ## Scenario
//!
//! 1. A clinic enrols a patient. That opens the *intake* compartment.
//! 2. The patient opens a compartment, which only the patient's app knows as "laboratory", and lets
//!    a laboratory write into it.
//! 3. The laboratory encrypts a result to the compartment's key, uploads it and *anchors* it.
//! 4. A result that has no compartment of its own goes to intake; the patient encrypts it anew and
//!    files it with `reclassify`.
//! 5. The laboratory's grant ends. The patient's app gives the compartment a new key: `rotate`.
//! 6. A thief with the patient's key asks to erase everything. Nothing happens for 72 hours, the
//!    patient is told, and cancels.
//!
//! ## Design
//!
//! - Keys start with the patient, then an index: one prefix per patient, no global counters.
//! - The `patient` of a call only says where to look. Authority comes from [`Config::Control`] for
//!   controllers, and from [`Config::Standing`] and [`Config::Consent`] for members.
//! - Rows are never removed: a record that was erased keeps its row, so that the trail still makes
//!   sense. Only its file goes.
//! - `commitment` covers the plaintext and never changes; `content`, `epoch` and `placed_by` change
//!   together when a controller encrypts the file anew.
//! - The same content may be anchored twice. If it were refused, whoever saw an upload could anchor
//!   it first and so keep its author from doing it.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod chart;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod views;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

use alloc::vec::Vec;
use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
#[cfg(feature = "runtime-benchmarks")]
use salus_primitives::traits::{BenchmarkKeys, BenchmarkWorld};
use salus_primitives::{
    api::MAX_PAGE,
    traits::{Chain, Consent, Control, OpenIntake, PatientOrigin, Standing, Trail},
    AccountId, Cid, Compartment, CompartmentId, GrantIndex, Moment, NewRecord, OrgId, PatientId,
    Recipient, Record, RecordIndex, RecordState, SignedRecipient, Subject, HOUR, MAX_ANCHORS,
};
use sp_core::H256;
use sp_runtime::BoundedVec;

/// How long the erasure of a record can be cancelled.
pub const ERASE_DELAY: Moment = 72 * HOUR;

/// What [`Pallet::anchor_many`] takes.
pub type NewRecords = BoundedVec<NewItem, ConstU32<MAX_ANCHORS>>;

/// A record for a chart, and the grant that allows it.
pub type NewItem = (PatientId, Option<GrantIndex>, NewRecord);

/// Where an item goes, and by what right: all that [`Pallet::anchor_many`] asks before it writes.
type Place = (PatientId, Option<GrantIndex>, CompartmentId, u32);

fn place((patient, grant, record): &NewItem) -> Place {
    (*patient, *grant, record.compartment, record.epoch)
}

/// Items that go elsewhere than the one before, and those that go where it went.
fn places_and_others(items: &[NewItem]) -> (u32, u32) {
    let others = items
        .windows(2)
        .filter(|pair| place(&pair[0]) == place(&pair[1]))
        .count();
    (items.len().saturating_sub(others) as u32, others as u32)
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
        /// The clock, and the name that signed payloads bear.
        type Chain: Chain;

        /// Where every event about a patient goes.
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;

        /// Who is a member in good standing, and of which organisation.
        type Standing: Standing<AccountId>;

        /// Who decides for a patient.
        type Control: Control<AccountId>;

        /// Who may write under which grant.
        type Consent: Consent<AccountId>;

        /// Compartments per patient, intake included. Do not reduce.
        #[pallet::constant]
        type MaxCompartments: Get<u32>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: BenchmarkWorld<AccountId> + BenchmarkKeys<AccountId>;
    }

    /// The compartments of each patient.
    ///
    /// Written by `open_compartment`, by enrolment and by `rotate`; never removed. At most
    /// [`Config::MaxCompartments`] per patient.
    #[pallet::storage]
    pub type Compartments<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Blake2_128Concat,
        CompartmentId,
        Compartment,
    >;

    /// The public key of each compartment's present epoch, apart from the rows that every call reads.
    ///
    /// Written and bounded as [`Compartments`]; never removed.
    #[pallet::storage]
    pub type Recipients<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Blake2_128Concat,
        CompartmentId,
        SignedRecipient,
    >;

    /// How many compartments each patient has.
    ///
    /// Written when one is opened; never removed. One row per patient.
    #[pallet::storage]
    pub type CompartmentCount<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, u32, ValueQuery>;

    /// The compartment of each patient that every write grant covers.
    ///
    /// Written once, by enrolment; never removed. One row per patient.
    #[pallet::storage]
    pub type Intakes<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, CompartmentId>;

    /// The records of each patient.
    ///
    /// Written by every call on records; never removed. Bounded by what each author's share of the
    /// blocks holds, and by the index.
    #[pallet::storage]
    pub type Records<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, RecordIndex, Record>;

    /// The index of each patient's next record.
    ///
    /// Written by `anchor` and `anchor_many`; never removed. One row per patient.
    #[pallet::storage]
    pub type NextRecord<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, RecordIndex, ValueQuery>;

    /// Which records name a content now: vaults ask this before they delete.
    ///
    /// Written when a content is named, removed when `reclassify` or `relocate` names another. One
    /// row per record; an erased record keeps its row, so that vaults know to delete the file.
    #[pallet::storage]
    pub type Contents<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Blake2_128Concat, Cid>,
            NMapKey<Twox64Concat, RecordIndex>,
        ),
        (),
    >;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// A patient got a compartment for records, under a key of its own.
        #[codec(index = 0)]
        CompartmentOpened {
            patient: PatientId,
            actor: AccountId,
            compartment: CompartmentId,
            epoch: u32,
        },
        /// A patient's compartment got a new key for what is added from now on.
        #[codec(index = 1)]
        CompartmentRotated {
            patient: PatientId,
            actor: AccountId,
            compartment: CompartmentId,
            epoch: u32,
        },
        /// Someone added a record to a patient's chart.
        #[codec(index = 2)]
        RecordAnchored {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
            compartment: CompartmentId,
            epoch: u32,
            /// None if a controller wrote it.
            organisation: Option<OrgId>,
            grant: Option<GrantIndex>,
            content: Cid,
            commitment: H256,
        },
        /// A record was moved to another compartment of its patient.
        #[codec(index = 3)]
        RecordReclassified {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
            compartment: CompartmentId,
            epoch: u32,
            content: Cid,
            previous: Cid,
        },
        /// A record's file was encrypted anew; what it says is unchanged.
        #[codec(index = 4)]
        RecordRelocated {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
            epoch: u32,
            content: Cid,
            previous: Cid,
        },
        /// Someone asked to erase a record of a patient; it can be cancelled until the time given.
        #[codec(index = 5)]
        EraseRequested {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
            until: Moment,
        },
        /// The erasure of a record was called off.
        #[codec(index = 6)]
        EraseCancelled {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
        },
        /// A record was erased: every vault deletes its file now.
        #[codec(index = 7)]
        RecordErased {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The patient has a compartment with this id. Rotate it to give it a new key.
        AlreadyOpen,
        /// The patient has an intake compartment; there is only one.
        IntakeAlreadyOpen,
        /// The patient has as many compartments as the chain keeps. Use one of them.
        TooManyCompartments,
        /// The patient has no compartment with this id. Open it first.
        CompartmentNotFound,
        /// A compartment's keys count from 0 by one, and files are encrypted to the present one.
        /// Read the compartment again, then encrypt or sign anew.
        WrongEpoch,
        /// The recipient's scheme is unknown, or its key has the wrong length.
        UnsupportedRecipient,
        /// The recipient is not signed by the one who publishes it, for this compartment and chain.
        BadRecipientSignature,
        /// The content is not a CIDv1 of the one profile that is used here.
        MalformedContent,
        /// The batch is empty.
        NothingToAnchor,
        /// The caller is not a member in good standing, nor a controller of this patient.
        NotAuthorized,
        /// The grant does not let the caller write into this compartment now. Ask the patient.
        NoWriteGrant,
        /// The patient has no record with this index.
        RecordNotFound,
        /// The record's index cannot grow further.
        TooManyRecords,
        /// The record is erased, or its erasure can no longer be cancelled.
        RecordErased,
        /// The record is in this compartment. Use `relocate` to change its file.
        AlreadyInCompartment,
        /// The record names this content. Encrypt the file anew first.
        SameContent,
        /// The record's erasure is pending. Cancel it, or wait for its end.
        ErasePending,
        /// Nobody asked to erase this record.
        EraseNotPending,
        /// The record's erasure can still be cancelled. Wait until its end.
        TooEarly,
        /// The record has a correction. Correct the newest of the chain.
        AlreadyCorrected,
        /// The replacement corrects another record, or is corrected itself. Anchor a new one.
        ReplacementInUse,
        /// A replacement is anchored after what it replaces. Anchor a new one.
        ReplacementNotNewer,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn integrity_test() {
            assert!(T::MaxCompartments::get() > 0, "intake is a compartment");
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Opens a compartment for a patient's records.
        ///
        /// By an owner or guardian of the patient, who signs the recipient; its epoch is 0.
        ///
        /// Errors: those of control; [`Error::AlreadyOpen`], [`Error::TooManyCompartments`],
        /// [`Error::WrongEpoch`], [`Error::UnsupportedRecipient`], [`Error::BadRecipientSignature`].
        /// Event: [`Event::CompartmentOpened`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::open_compartment())]
        pub fn open_compartment(
            origin: OriginFor<T>,
            patient: PatientId,
            compartment: CompartmentId,
            recipient: Recipient,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            Self::do_open(patient, &actor, &actor, compartment, recipient)
        }

        /// Gives a compartment a new key for the records that follow.
        ///
        /// By an owner or guardian of the patient, who signs the recipient; its epoch is the next
        /// one. Records that lie in the compartment keep their epoch.
        ///
        /// Errors: those of control; [`Error::CompartmentNotFound`], [`Error::WrongEpoch`],
        /// [`Error::UnsupportedRecipient`], [`Error::BadRecipientSignature`].
        /// Event: [`Event::CompartmentRotated`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::rotate())]
        pub fn rotate(
            origin: OriginFor<T>,
            patient: PatientId,
            compartment: CompartmentId,
            recipient: Recipient,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let mut row = Compartments::<T>::get(patient, compartment)
                .ok_or(Error::<T>::CompartmentNotFound)?;
            let epoch = row.epoch.checked_add(1).ok_or(Error::<T>::WrongEpoch)?;
            let recipient = Self::ensure_recipient(patient, compartment, epoch, &actor, recipient)?;

            row.epoch = epoch;
            row.rotated_at = T::Chain::now();
            Compartments::<T>::insert(patient, compartment, row);
            Recipients::<T>::insert(patient, compartment, recipient);
            Self::deposit(
                &patient,
                Event::CompartmentRotated {
                    patient,
                    actor,
                    compartment,
                    epoch,
                },
            );
            Ok(())
        }

        /// Adds a record to a patient's chart.
        ///
        /// Without `grant`, by an owner or guardian of the patient; with it, by a member whom that
        /// grant lets write into the compartment. The author's organisation is the one that
        /// credentialed it. The file must be encrypted to the compartment's present key.
        ///
        /// Errors: those of control; [`Error::NotAuthorized`], [`Error::NoWriteGrant`],
        /// [`Error::CompartmentNotFound`], [`Error::WrongEpoch`], [`Error::MalformedContent`],
        /// [`Error::TooManyRecords`].
        /// Event: [`Event::RecordAnchored`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::anchor())]
        pub fn anchor(
            origin: OriginFor<T>,
            patient: PatientId,
            grant: Option<GrantIndex>,
            record: NewRecord,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let NewRecord {
                compartment, epoch, ..
            } = record;
            let organisation = Self::ensure_may_anchor(&who, &patient, grant, &compartment, epoch)?;
            Self::do_anchor(who, organisation, patient, grant, record)
        }

        /// Adds records to the charts of several patients: all of them, or none.
        ///
        /// Each item is checked as `anchor` checks it. Items of one place, one after the other, are
        /// cheaper.
        ///
        /// Errors: [`Error::NothingToAnchor`], and those of `anchor`.
        /// Events: an [`Event::RecordAnchored`] for each item, in their order.
        #[pallet::call_index(3)]
        #[pallet::weight({
            let (places, others) = places_and_others(items);
            T::WeightInfo::anchor_many(places, others)
        })]
        pub fn anchor_many(origin: OriginFor<T>, items: NewRecords) -> DispatchResult {
            let who = ensure_signed(origin)?;
            ensure!(!items.is_empty(), Error::<T>::NothingToAnchor);
            // Anchoring takes no right away: what held for one item holds for the next one like it.
            let mut allowed = None;
            // The storage layer around every call takes all items back when one of them fails.
            items.into_iter().try_for_each(|item| {
                let place = place(&item);
                let (patient, grant, record) = item;
                let organisation = match allowed {
                    Some((known, organisation)) if known == place => organisation,
                    _ => Self::ensure_may_anchor(
                        &who,
                        &patient,
                        grant,
                        &record.compartment,
                        record.epoch,
                    )?,
                };
                allowed = Some((place, organisation));
                Self::do_anchor(who.clone(), organisation, patient, grant, record)
            })
        }

        /// Moves a record to another compartment of its patient.
        ///
        /// By an owner or guardian of the patient, who has encrypted the file to that compartment's
        /// present key.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::AlreadyInCompartment`], [`Error::CompartmentNotFound`], [`Error::WrongEpoch`],
        /// [`Error::MalformedContent`], [`Error::SameContent`].
        /// Event: [`Event::RecordReclassified`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::reclassify())]
        pub fn reclassify(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
            compartment: CompartmentId,
            epoch: u32,
            content: Cid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let row = Self::ensure_live(&patient, record)?;
            ensure!(
                row.compartment != compartment,
                Error::<T>::AlreadyInCompartment
            );

            let previous =
                Self::do_place(patient, &actor, record, row, compartment, epoch, content)?;
            Self::deposit(
                &patient,
                Event::RecordReclassified {
                    patient,
                    actor,
                    record,
                    compartment,
                    epoch,
                    content,
                    previous,
                },
            );
            Ok(())
        }

        /// Says where a record's file lies after it was encrypted anew.
        ///
        /// By an owner or guardian of the patient, who has encrypted the file to the present key of
        /// the compartment it is in.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::WrongEpoch`], [`Error::MalformedContent`], [`Error::SameContent`].
        /// Event: [`Event::RecordRelocated`].
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::relocate())]
        pub fn relocate(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
            epoch: u32,
            content: Cid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let row = Self::ensure_live(&patient, record)?;
            let compartment = row.compartment;

            let previous =
                Self::do_place(patient, &actor, record, row, compartment, epoch, content)?;
            Self::deposit(
                &patient,
                Event::RecordRelocated {
                    patient,
                    actor,
                    record,
                    epoch,
                    content,
                    previous,
                },
            );
            Ok(())
        }

        /// Asks to erase a record; it can be cancelled for 72 hours.
        ///
        /// By an owner or guardian of the patient. The delay is there because a thief with the key
        /// must not be able to destroy a chart in a minute.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::ErasePending`].
        /// Event: [`Event::EraseRequested`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::erase())]
        pub fn erase(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let mut row = Self::ensure_live(&patient, record)?;
            ensure!(row.state == RecordState::Current, Error::<T>::ErasePending);

            let until = T::Chain::now().saturating_add(ERASE_DELAY);
            row.state = RecordState::ErasePending { until };
            Records::<T>::insert(patient, record, row);
            Self::deposit(
                &patient,
                Event::EraseRequested {
                    patient,
                    actor,
                    record,
                    until,
                },
            );
            Ok(())
        }

        /// Calls off the erasure of a record.
        ///
        /// By an owner or guardian of the patient, before the time that `erase` set.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::EraseNotPending`].
        /// Event: [`Event::EraseCancelled`].
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::cancel_erase())]
        pub fn cancel_erase(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let mut row = Self::ensure_live(&patient, record)?;
            ensure!(
                row.state != RecordState::Current,
                Error::<T>::EraseNotPending
            );

            row.state = RecordState::Current;
            Records::<T>::insert(patient, record, row);
            Self::deposit(
                &patient,
                Event::EraseCancelled {
                    patient,
                    actor,
                    record,
                },
            );
            Ok(())
        }

        /// Completes the erasure of a record, so that vaults delete its file.
        ///
        /// By any member in good standing or controller of the patient, from the time that `erase`
        /// set. Nothing is handed out after that time whether or not this has been called.
        ///
        /// Errors: [`Error::NotAuthorized`], [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::EraseNotPending`], [`Error::TooEarly`].
        /// Event: [`Event::RecordErased`].
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::finish_erase())]
        pub fn finish_erase(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            ensure!(
                T::Standing::member(&actor).is_some()
                    || T::Control::role(&patient, &actor).is_some(),
                Error::<T>::NotAuthorized
            );
            let mut row = Records::<T>::get(patient, record).ok_or(Error::<T>::RecordNotFound)?;
            match row.state {
                RecordState::Current => return Err(Error::<T>::EraseNotPending.into()),
                RecordState::Erased => return Err(Error::<T>::RecordErased.into()),
                RecordState::ErasePending { until } => {
                    ensure!(T::Chain::now() >= until, Error::<T>::TooEarly)
                }
            }

            row.state = RecordState::Erased;
            Records::<T>::insert(patient, record, row);
            Self::deposit(
                &patient,
                Event::RecordErased {
                    patient,
                    actor,
                    record,
                },
            );
            Ok(())
        }
    }
}
