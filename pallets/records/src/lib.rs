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
//! 1. A clinic enrols a patient. That opens 32 compartments, as for everybody.
//! 2. The patient lets a laboratory write, and tells it which of the 32 ids is "laboratory".
//! 3. The laboratory encrypts a result to that compartment's key, uploads it and *anchors* it.
//! 4. Another result lies in the wrong compartment; the patient encrypts it anew and files it with
//!    `reclassify`.
//! 5. The laboratory's grant ends. The patient's app gives the compartment a new key: `rotate`.
//! 6. A thief with the patient's key asks to erase everything. Nothing happens for 72 hours, the
//!    patient is told, and cancels.
//! 7. The thief moves everything to files that do not exist. The true files stay named for 72 hours,
//!    and the patient names them again with `restore`.
//!
//! ## Design
//!
//! - Keys start with the patient, then an index: one prefix per patient, no global counters.
//! - Everybody has the same compartments, from the enrolment on, and none is opened or closed because
//!   of a record: that would tell what the record is about. Which one is which, the chain does not know.
//! - The `patient` of a call only says where to look. Authority comes from [`Config::Control`] for
//!   controllers, and from [`Config::Standing`] and [`Config::Consent`] for members.
//! - An organisation's software signs for its people, whose seals stand beside the author
//!   ([`salus_primitives::seal`]). The organisation answers for who that was.
//! - Rows are never removed: a record that was erased keeps its row, so that the trail still makes
//!   sense. Only its file goes.
//! - `commitment` covers the plaintext and never changes; `content`, `epoch` and `placed_by` change
//!   together when a controller encrypts the file anew.
//! - The same content may be anchored twice. If it were refused, whoever saw an upload could anchor
//!   it first and so keep its author from doing it. An erased record erases its file all the same.
//! - Vaults ask for each file whether it is named. Nobody walks records to answer: they are counted by
//!   content, and erasures stand in the order of their time.
//! - Un-naming waits: what `relocate`, `reclassify` and `restore` replace stays named for 72 hours.
//!   An erased record erases these former files too. What was un-named before `erase` is gone by then.
//! - While a recovery is under way nothing falls due: [`Config::RecoveryPlans`] puts off the end of
//!   an erasure and of a former file. Rows keep the end that was set; whoever reads one is told the
//!   end that counts now.
//! - A patient's compartments are one row, which `anchor` reads; their first keys another one, under
//!   one signature, which no call reads. Only a key that was replaced has a row of its own.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod chart;
mod erasure;
mod files;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
mod views;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

use alloc::vec::Vec;
use frame_support::{dispatch::WithPostDispatchInfo, pallet_prelude::*};
use frame_system::pallet_prelude::*;
#[cfg(feature = "runtime-benchmarks")]
use salus_primitives::traits::{BenchmarkKeys, BenchmarkWorld};
use salus_primitives::{
    api::MAX_PAGE,
    seal,
    traits::{
        Chain, Consent, Control, OpenCompartments, PatientOrigin, RecoveryPlans, Standing, Trail,
        TrailAllowance,
    },
    AccountId, Cid, Compartment, CompartmentId, CompartmentSet, FormerContent, GrantIndex, Member,
    Moment, NewRecord, OrgId, PatientId, Recipient, Record, RecordIndex, RecordState, Reference,
    SignedCompartments, SignedRecipient, Subject, COMPARTMENTS, MAX_ANCHORS, UNNAMING_WAITS,
};
use sp_core::H256;

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

        /// What recoveries under way put off.
        type RecoveryPlans: RecoveryPlans;

        /// How much organisations may write into a patient's trail.
        type Allowance: TrailAllowance;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: BenchmarkWorld<AccountId> + BenchmarkKeys<AccountId>;
    }

    /// The compartments of each patient: [`COMPARTMENTS`], in ascending order of their ids.
    ///
    /// Written by enrolment and by `rotate`; never removed. One row per patient.
    #[pallet::storage]
    pub type Compartments<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, Chart>;

    /// The keys of these compartments' epoch 0, apart from the row that every call reads.
    ///
    /// Written once, by enrolment; never removed. One row per patient.
    #[pallet::storage]
    pub type FirstKeys<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, KeySet>;

    /// The key of the present epoch of each compartment that was rotated.
    ///
    /// Written by `rotate`; never removed. At most one row per compartment.
    #[pallet::storage]
    pub type Recipients<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Blake2_128Concat,
        CompartmentId,
        SignedRecipient,
    >;

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

    /// Where each record's file lay lately, oldest first.
    ///
    /// Written by `relocate`, `reclassify`, `restore` and `erase`, each of which removes entries whose
    /// time has come. At most [`MAX_FORMER`] entries per record.
    #[pallet::storage]
    pub type Former<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Twox64Concat,
        RecordIndex,
        FormerContents,
        ValueQuery,
    >;

    /// How many records name a content, or have it in [`Former`]: vaults ask this before they delete.
    ///
    /// Written whenever a content is named or un-named, removed with the last record or entry that
    /// names it. At most one row and [`MAX_FORMER`] per record.
    #[pallet::storage]
    pub type Contents<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, Cid, Naming>;

    /// The contents that go with an erasure, by the moment that `erase` set, in big endian: the
    /// earliest comes first, and it decides.
    ///
    /// Written by `erase` and by moves that follow it, removed by `cancel_erase` and with entries in
    /// [`Former`]. At most one row and [`MAX_FORMER`] per record; an erased record keeps its rows, so
    /// that vaults know to delete the files.
    #[pallet::storage]
    pub type Erasures<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Blake2_128Concat, Cid>,
            NMapKey<Identity, [u8; 8]>,
            NMapKey<Twox64Concat, RecordIndex>,
        ),
        (),
    >;

    #[pallet::event]
    pub enum Event<T: Config> {
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
            /// The seal of the person who wrote it, where software signed.
            person: Option<H256>,
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
        /// A record names a file again that it had named before.
        #[codec(index = 8)]
        RecordRestored {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
            compartment: CompartmentId,
            epoch: u32,
            content: Cid,
            previous: Cid,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The compartments are not in ascending order, or one stands there twice. Sort them: another
        /// order would tell which compartment is which.
        CompartmentsNotAscending,
        /// The patient has no compartment with this id. Name one of those that it has.
        CompartmentNotFound,
        /// A compartment's keys count from 0 by one, and files are encrypted to the present one.
        /// Read the compartment again, then encrypt or sign anew.
        WrongEpoch,
        /// The scheme of the keys is unknown. Use one that is known here.
        UnsupportedRecipient,
        /// The keys are not signed by the one who publishes them, for this patient and chain.
        BadRecipientSignature,
        /// The content is not a CIDv1 of the one profile that is used here.
        MalformedContent,
        /// The batch is empty.
        NothingToAnchor,
        /// The caller is not a member in good standing, nor a controller of this patient.
        NotAuthorized,
        /// The grant does not let the caller write now. Ask the patient.
        NoWriteGrant,
        /// The patient has no record with this index.
        RecordNotFound,
        /// The record's index cannot grow further.
        TooManyRecords,
        /// The record is erased, or its erasure can no longer be cancelled.
        RecordErased,
        /// The record is in this compartment. Use `relocate` to change its file.
        AlreadyInCompartment,
        /// The record names this content, or named it lately. Encrypt the file anew, or restore it.
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
        /// The record was moved as often within 72 hours as the chain can undo. Restore what it named
        /// before, or wait.
        TooManyMoves,
        /// The record did not name this content within the last 72 hours. Read what it named.
        NotFormer,
        /// The erasure is put off: a recovery of the patient is under way, or has just succeeded.
        /// Wait until the new owner has had 72 hours.
        RecoveryUnderWay,
        /// Software gives the seal of the person who wrote the record. Seal the person with the secret
        /// in the grant's envelope.
        NoPerson,
        /// A person who signs stands in the trail in clear. Give no seal.
        PersonSigns,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Milliseconds for which an erasure can be cancelled.
        #[pallet::constant_name(EraseDelay)]
        fn erase_delay() -> Moment {
            ERASE_DELAY
        }

        /// Milliseconds for which a record that was moved can be restored.
        #[pallet::constant_name(UnnamingWaits)]
        fn unnaming_waits() -> Moment {
            UNNAMING_WAITS
        }

        /// Compartments of each patient.
        #[pallet::constant_name(Compartments)]
        fn compartments_of_each() -> u32 {
            COMPARTMENTS
        }

        /// Records that one call anchors.
        #[pallet::constant_name(MaxAnchors)]
        fn max_anchors() -> u32 {
            MAX_ANCHORS
        }

        /// Former contents of a record that can be restored.
        #[pallet::constant_name(MaxFormer)]
        fn max_former() -> u32 {
            MAX_FORMER
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Gives a compartment a new key for the records that follow.
        ///
        /// By an owner or decider of the patient, who signs the recipient; its epoch is the next
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
            let mut chart =
                Compartments::<T>::get(patient).ok_or(Error::<T>::CompartmentNotFound)?;
            let (_, row) = chart
                .iter_mut()
                .find(|(id, _)| *id == compartment)
                .ok_or(Error::<T>::CompartmentNotFound)?;
            let epoch = row.epoch.checked_add(1).ok_or(Error::<T>::WrongEpoch)?;
            let recipient = Self::ensure_recipient(patient, compartment, epoch, &actor, recipient)?;

            *row = Compartment {
                epoch,
                rotated_at: T::Chain::now(),
            };
            Compartments::<T>::insert(patient, chart);
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
        /// Without `grant`, by an owner or decider of the patient; with it, by a member whom that
        /// grant lets write, into whichever compartment. The author's organisation is the one that
        /// credentialed it, and spends an entry of the trail's allowance. The file must be encrypted
        /// to the compartment's present key. Software gives the seal of the person who wrote it; nobody
        /// else gives one.
        ///
        /// Errors: those of control and of the allowance; [`Error::NotAuthorized`],
        /// [`Error::NoWriteGrant`], [`Error::NoPerson`], [`Error::PersonSigns`],
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
            let item = [(patient, grant, record)];
            let organisation = Self::admit(&who, &item)?;
            Self::do_anchor(&who, organisation, &item)
        }

        /// Adds records to the charts of several patients: all of them, or none.
        ///
        /// Each item is checked as `anchor` checks it, and each one under a grant spends an entry of
        /// the allowance, before the first one is written. Items of one place, one after the other,
        /// are cheaper. A call that fails pays for what was checked.
        ///
        /// Errors: [`Error::NothingToAnchor`], and those of `anchor`.
        /// Events: an [`Event::RecordAnchored`] for each item, in their order.
        #[pallet::call_index(3)]
        #[pallet::weight({
            let (places, others) = places_and_others(items);
            T::WeightInfo::anchor_many(places, others)
        })]
        pub fn anchor_many(origin: OriginFor<T>, items: NewRecords) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            ensure!(!items.is_empty(), Error::<T>::NothingToAnchor);
            let mut checked = Vec::new();
            for run in runs(&items) {
                let organisation = Self::admit(&who, run).map_err(|error| {
                    let places = (checked.len() as u32).saturating_add(1);
                    let alone = T::WeightInfo::anchor().saturating_mul(places.into());
                    error.with_weight(alone.min(T::WeightInfo::anchor_many(places, 0)))
                })?;
                checked.push((organisation, run));
            }
            for (organisation, run) in checked {
                Self::do_anchor(&who, organisation, run)?;
            }
            Ok(().into())
        }

        /// Moves a record to another compartment of its patient.
        ///
        /// By an owner or decider of the patient, who has encrypted the file to that compartment's
        /// present key. The file before stays named for 72 hours, see `restore`.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::AlreadyInCompartment`], [`Error::CompartmentNotFound`], [`Error::WrongEpoch`],
        /// [`Error::MalformedContent`], [`Error::SameContent`], [`Error::TooManyMoves`].
        /// Event: [`Event::RecordReclassified`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::reclassify(MAX_FORMER))]
        pub fn reclassify(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
            compartment: CompartmentId,
            epoch: u32,
            content: Cid,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let pruned = Self::do_reclassify(patient, who, record, compartment, epoch, content)
                .map_err(|error| error.with_weight(T::WeightInfo::reclassify(0)))?;
            Ok(Some(T::WeightInfo::reclassify(pruned)).into())
        }

        /// Says where a record's file lies after it was encrypted anew.
        ///
        /// By an owner or decider of the patient, who has encrypted the file to the present key of
        /// the compartment it is in. The file before stays named for 72 hours, see `restore`.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::WrongEpoch`], [`Error::MalformedContent`], [`Error::SameContent`],
        /// [`Error::TooManyMoves`].
        /// Event: [`Event::RecordRelocated`].
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::relocate(MAX_FORMER))]
        pub fn relocate(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
            epoch: u32,
            content: Cid,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let pruned = Self::do_relocate(patient, who, record, epoch, content)
                .map_err(|error| error.with_weight(T::WeightInfo::relocate(0)))?;
            Ok(Some(T::WeightInfo::relocate(pruned)).into())
        }

        /// Asks to erase a record; it can be cancelled for 72 hours.
        ///
        /// By an owner or decider of the patient or, when the enrolment was voided, by the admin of
        /// the organisation that voided it. The delay is there because a thief with the key must not
        /// be able to destroy a chart in a minute. The record takes with it all files that it names or
        /// named within the last 72 hours, even if another record names them.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::ErasePending`].
        /// Event: [`Event::EraseRequested`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::erase(MAX_FORMER))]
        pub fn erase(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let former = Self::do_erase(patient, who, record)
                .map_err(|error| error.with_weight(T::WeightInfo::erase(0)))?;
            Ok(Some(T::WeightInfo::erase(former)).into())
        }

        /// Calls off the erasure of a record.
        ///
        /// By those who can `erase` it, before the time that this set. A recovery that began before
        /// that time puts it off, so that a new owner can still call it off.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::EraseNotPending`].
        /// Event: [`Event::EraseCancelled`].
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::cancel_erase(MAX_FORMER))]
        pub fn cancel_erase(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let former = Self::do_cancel_erase(patient, who, record)
                .map_err(|error| error.with_weight(T::WeightInfo::cancel_erase(0)))?;
            Ok(Some(T::WeightInfo::cancel_erase(former)).into())
        }

        /// Completes the erasure of a record, so that vaults delete its file.
        ///
        /// By any controller of the patient, or any member in good standing, whose organisation spends
        /// an entry of the trail's allowance; from the time that `erase` set. Nothing is handed out
        /// after that time whether or not this has been called. While a recovery that began before is
        /// under way, and for 72 hours after it has succeeded, nothing is finished.
        ///
        /// Errors: [`Error::NotAuthorized`], [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::EraseNotPending`], [`Error::TooEarly`], [`Error::RecoveryUnderWay`]; those of the
        /// allowance.
        /// Event: [`Event::RecordErased`].
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::finish_erase())]
        pub fn finish_erase(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_finish_erase(patient, who, record)
        }

        /// Names a file again that the record named before it was moved or encrypted anew.
        ///
        /// By an owner or decider of the patient, within 72 hours of that; later while a recovery is
        /// under way. The record goes back to the compartment, epoch and uploader of that file, and
        /// the file that it names now can be restored in turn. Neither the number of moves nor a
        /// pending erasure is in the way.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::NotFormer`].
        /// Event: [`Event::RecordRestored`].
        #[pallet::call_index(9)]
        #[pallet::weight(T::WeightInfo::restore(MAX_FORMER))]
        pub fn restore(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
            content: Cid,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let pruned = Self::do_restore(patient, who, record, content)
                .map_err(|error| error.with_weight(T::WeightInfo::restore(0)))?;
            Ok(Some(T::WeightInfo::restore(pruned)).into())
        }
    }
}
