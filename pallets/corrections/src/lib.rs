//! What in a patient's records was wrong, and what is right.
//!
//! ## Overview
//!
//! A record is never changed. When it is wrong, a new one is anchored, and the two are linked: who
//! opens the one is given both. A patient may ask for that, and has a right to an answer within 60
//! days. If the answer is no, the patient's disagreement stands beside the record for ever.
//!
//! The words of all this are *letters*: encrypted files in a vault, of which only the CID stands here.
//!
//! ## Scenario
//!
//! 1. A hospital anchors a record with a wrong blood type.
//! 2. The patient asks for a correction; why stands in the letter.
//! 3. The doctor who wrote the record has left. The hospital's admin answers in her place: somebody
//!    there anchors a record with the right blood type, and the admin accepts with it.
//! 4. Or the admin denies, with a letter. The patient disagrees, and the hospital may rebut, once.
//! 5. The hospital finds an error by itself, and corrects it unasked.
//!
//! ## Design
//!
//! | state | may become | by |
//! |---|---|---|
//! | `Requested` | `Accepted`, `PartlyAccepted`, `Denied` | a responder |
//! | `Denied` | `Disagreed` | a controller who decides |
//! | `Disagreed` | `Rebutted` | a responder |
//!
//! - A **responder** for a record that an organisation's member wrote: that author while a member of
//!   that organisation, the organisation's admin, or the admin of its successor; where software signed
//!   for a person who is sealed, any software of that organisation. For a record that a controller wrote: that author while deciding for the patient, and after that whoever decides.
//! - Only the newest of a chain of corrections can be corrected, and a record has one open request at
//!   a time; both keep the chain a line.
//! - What an organisation writes into a patient's trail, answers among it, spends its allowance of
//!   that trail. Controllers write into their own, and spend nothing.
//! - Overdue requests can still be answered: `due_at` shows that they are, and extends no right.
//! - HIPAA: 45 CFR 164.526 (60 days, and 30 more once). HL7 Patient Corrections.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
mod responder;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod views;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
#[cfg(feature = "runtime-benchmarks")]
use salus_primitives::traits::BenchmarkWorld;
use salus_primitives::{
    traits::{Chain, Control, PatientOrigin, Records, Standing, Trail, TrailAllowance},
    AccountId, Cid, Correction, CorrectionIndex, CorrectionState, LetterStage, Member, Moment,
    OrgId, PatientId, Record, RecordIndex, DAY,
};

/// How long a responder has to answer.
pub const ANSWER_WITHIN: Moment = 60 * DAY;
/// By how much that can be extended, once.
pub const EXTENSION: Moment = 30 * DAY;

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
        /// The clock.
        type Chain: Chain;

        /// Where every event about a patient goes.
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;

        /// Who is a member in good standing, and of which organisation.
        type Standing: Standing<AccountId>;

        /// Who decides for a patient.
        type Control: Control<AccountId>;

        /// The records, and the links between them.
        type Records: Records<AccountId>;

        /// How much organisations may write into a patient's trail.
        type Allowance: TrailAllowance;

        /// Who names the successor of an organisation that is no more.
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: BenchmarkWorld<AccountId>;
    }

    /// The requests of each patient.
    ///
    /// Written by every call but `make` and `name_successor`; never removed. Bounded: a record has one
    /// open request at a time, and only a responder closes it.
    #[pallet::storage]
    pub type Corrections<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, CorrectionIndex, Correction>;

    /// The index of each patient's next request.
    ///
    /// Written by `ask`; never removed. One row per patient who ever asked.
    #[pallet::storage]
    pub type NextCorrection<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, CorrectionIndex, ValueQuery>;

    /// The request about a record that waits for an answer.
    ///
    /// Written by `ask`, removed by the answer. At most one row per record.
    #[pallet::storage]
    pub type Open<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Twox64Concat,
        RecordIndex,
        CorrectionIndex,
    >;

    /// Who wrote a disagreement or a rebuttal; of requests and answers it stands in [`Corrections`].
    ///
    /// Written by `disagree` and `rebut`; never removed. At most two rows per request.
    #[pallet::storage]
    pub type LetterAuthors<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Twox64Concat, CorrectionIndex>,
            NMapKey<Twox64Concat, LetterStage>,
        ),
        AccountId,
    >;

    /// The letters that a patient's requests name: vaults ask this before they delete.
    ///
    /// Written by every call that takes a letter; never removed, as requests are not. At most four
    /// rows per request.
    #[pallet::storage]
    pub type Letters<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, Cid, ()>;

    /// Which organisation answers for one that is no more.
    ///
    /// Written by `name_successor`; never removed. One row per organisation, by governance alone.
    #[pallet::storage]
    pub type Successors<T: Config> = StorageMap<_, Twox64Concat, OrgId, OrgId>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A patient asked for the correction of a record.
        #[codec(index = 0)]
        CorrectionRequested {
            patient: PatientId,
            actor: AccountId,
            correction: CorrectionIndex,
            record: RecordIndex,
            letter: Cid,
            due_at: Moment,
        },
        /// A record was corrected, as the patient had asked.
        #[codec(index = 1)]
        CorrectionAccepted {
            patient: PatientId,
            actor: AccountId,
            correction: CorrectionIndex,
            record: RecordIndex,
            replacement: RecordIndex,
        },
        /// A record was corrected in part of what the patient had asked.
        #[codec(index = 2)]
        CorrectionPartlyAccepted {
            patient: PatientId,
            actor: AccountId,
            correction: CorrectionIndex,
            record: RecordIndex,
            replacement: RecordIndex,
            letter: Cid,
        },
        /// The correction of a record was denied, with reasons.
        #[codec(index = 3)]
        CorrectionDenied {
            patient: PatientId,
            actor: AccountId,
            correction: CorrectionIndex,
            record: RecordIndex,
            letter: Cid,
        },
        /// A patient disagreed with the denial of a correction.
        #[codec(index = 4)]
        CorrectionDisagreed {
            patient: PatientId,
            actor: AccountId,
            correction: CorrectionIndex,
            record: RecordIndex,
            letter: Cid,
        },
        /// A patient's disagreement was answered, for the last time.
        #[codec(index = 5)]
        CorrectionRebutted {
            patient: PatientId,
            actor: AccountId,
            correction: CorrectionIndex,
            record: RecordIndex,
            letter: Cid,
        },
        /// The answer to a request for correction was put off, once.
        #[codec(index = 6)]
        CorrectionExtended {
            patient: PatientId,
            actor: AccountId,
            correction: CorrectionIndex,
            record: RecordIndex,
            due_at: Moment,
        },
        /// A record was corrected by those who wrote it, unasked.
        #[codec(index = 7)]
        CorrectionMade {
            patient: PatientId,
            actor: AccountId,
            record: RecordIndex,
            replacement: RecordIndex,
        },
        /// An organisation answers from now on for the records of one that is no more.
        #[codec(index = 8)]
        SuccessorNamed {
            organisation: OrgId,
            successor: OrgId,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The patient has no record with this index.
        RecordNotFound,
        /// The record is erased: there is nothing left to correct.
        RecordErased,
        /// The record has a correction. Take the newest of the chain.
        NotNewest,
        /// A request about this record waits for its answer. Answer that one.
        AlreadyRequested,
        /// The patient has no request with this index.
        NotFound,
        /// The request's index cannot grow further.
        TooManyCorrections,
        /// The letter is not a CIDv1 of the one profile that is used here.
        MalformedLetter,
        /// The caller does not answer for this record: only its author in good standing, the admin of
        /// the author's organisation or of that organisation's successor do, and software of the
        /// organisation whose software wrote it.
        NotResponder,
        /// The request was answered before.
        AlreadyAnswered,
        /// The patient has no record with the replacement's index. Anchor it first.
        ReplacementNotFound,
        /// The replacement was not written by the responder's organisation, nor, of a controller, by
        /// the responder.
        ForeignReplacement,
        /// Only a denial can be disagreed with, and once.
        NotDenied,
        /// Only a disagreement can be rebutted, and once.
        NotDisagreed,
        /// The time to answer was extended before.
        AlreadyExtended,
        /// The time to answer is over. Answer now.
        Overdue,
        /// An organisation does not succeed itself.
        SameOrganisation,
        /// The successor is not an organisation in good standing. Name another.
        SuccessorNotActive,
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
        /// Asks for the correction of a record.
        ///
        /// By an owner or decider of the patient. The answer is due in 60 days.
        ///
        /// Errors: those of control; [`Error::RecordNotFound`], [`Error::RecordErased`],
        /// [`Error::NotNewest`], [`Error::AlreadyRequested`], [`Error::MalformedLetter`],
        /// [`Error::TooManyCorrections`].
        /// Event: [`Event::CorrectionRequested`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::ask())]
        pub fn ask(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
            letter: Cid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            Self::ensure_correctable(&patient, record)?;
            Self::ensure_letter(&letter)?;
            let correction = NextCorrection::<T>::get(patient);
            let next = correction
                .checked_add(1)
                .ok_or(Error::<T>::TooManyCorrections)?;

            let now = T::Chain::now();
            let due_at = now.saturating_add(ANSWER_WITHIN);
            NextCorrection::<T>::insert(patient, next);
            Open::<T>::insert(patient, record, correction);
            Letters::<T>::insert(patient, letter, ());
            Corrections::<T>::insert(
                patient,
                correction,
                Correction {
                    record,
                    requester: actor.clone(),
                    letter,
                    asked_at: now,
                    due_at,
                    extended: false,
                    answered_by: None,
                    state: CorrectionState::Requested,
                },
            );
            Self::deposit(
                &patient,
                Event::CorrectionRequested {
                    patient,
                    actor,
                    correction,
                    record,
                    letter,
                    due_at,
                },
            );
            Ok(())
        }

        /// Corrects a record as the patient asked.
        ///
        /// By a responder; the replacement is a record that the responder's organisation anchored.
        ///
        /// Errors: [`Error::NotFound`], [`Error::AlreadyAnswered`], [`Error::NotResponder`],
        /// [`Error::ReplacementNotFound`], [`Error::ForeignReplacement`]; those of the allowance and of
        /// linking records.
        /// Event: [`Event::CorrectionAccepted`].
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::accept())]
        pub fn accept(
            origin: OriginFor<T>,
            patient: PatientId,
            correction: CorrectionIndex,
            replacement: RecordIndex,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let (row, responder) = Self::ensure_answers(&patient, correction, &actor)?;
            let record = row.record;
            Self::ensure_replacement(&patient, replacement, &responder)?;
            Self::spend(&patient, &responder)?;

            T::Records::link_correction(&patient, record, replacement)?;
            let state = CorrectionState::Accepted { replacement };
            Self::do_answer(&patient, correction, row, &actor, state);
            Self::deposit(
                &patient,
                Event::CorrectionAccepted {
                    patient,
                    actor,
                    correction,
                    record,
                    replacement,
                },
            );
            Ok(())
        }

        /// Corrects a record in part of what the patient asked, and says why not all.
        ///
        /// By a responder, as with `accept`.
        ///
        /// Errors: those of `accept`; [`Error::MalformedLetter`].
        /// Event: [`Event::CorrectionPartlyAccepted`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::partly_accept())]
        pub fn partly_accept(
            origin: OriginFor<T>,
            patient: PatientId,
            correction: CorrectionIndex,
            replacement: RecordIndex,
            letter: Cid,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let (row, responder) = Self::ensure_answers(&patient, correction, &actor)?;
            let record = row.record;
            Self::ensure_letter(&letter)?;
            Self::ensure_replacement(&patient, replacement, &responder)?;
            Self::spend(&patient, &responder)?;

            T::Records::link_correction(&patient, record, replacement)?;
            Letters::<T>::insert(patient, letter, ());
            let state = CorrectionState::PartlyAccepted {
                replacement,
                letter,
            };
            Self::do_answer(&patient, correction, row, &actor, state);
            Self::deposit(
                &patient,
                Event::CorrectionPartlyAccepted {
                    patient,
                    actor,
                    correction,
                    record,
                    replacement,
                    letter,
                },
            );
            Ok(())
        }

        /// Denies a correction, and says why.
        ///
        /// By a responder.
        ///
        /// Errors: [`Error::NotFound`], [`Error::AlreadyAnswered`], [`Error::NotResponder`],
        /// [`Error::MalformedLetter`]; those of the allowance.
        /// Event: [`Event::CorrectionDenied`].
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::deny())]
        pub fn deny(
            origin: OriginFor<T>,
            patient: PatientId,
            correction: CorrectionIndex,
            letter: Cid,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let (row, responder) = Self::ensure_answers(&patient, correction, &actor)?;
            let record = row.record;
            Self::ensure_letter(&letter)?;
            Self::spend(&patient, &responder)?;

            Letters::<T>::insert(patient, letter, ());
            let state = CorrectionState::Denied { letter };
            Self::do_answer(&patient, correction, row, &actor, state);
            Self::deposit(
                &patient,
                Event::CorrectionDenied {
                    patient,
                    actor,
                    correction,
                    record,
                    letter,
                },
            );
            Ok(())
        }

        /// Disagrees with the denial of a correction.
        ///
        /// By an owner or decider of the patient.
        ///
        /// Errors: those of control; [`Error::NotFound`], [`Error::NotDenied`],
        /// [`Error::MalformedLetter`].
        /// Event: [`Event::CorrectionDisagreed`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::disagree())]
        pub fn disagree(
            origin: OriginFor<T>,
            patient: PatientId,
            correction: CorrectionIndex,
            letter: Cid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let mut row = Self::ensure_exists(&patient, correction)?;
            let CorrectionState::Denied { letter: denial } = row.state else {
                return Err(Error::<T>::NotDenied.into());
            };
            Self::ensure_letter(&letter)?;

            let record = row.record;
            row.state = CorrectionState::Disagreed { denial, letter };
            Corrections::<T>::insert(patient, correction, row);
            LetterAuthors::<T>::insert((patient, correction, LetterStage::Disagreement), &actor);
            Letters::<T>::insert(patient, letter, ());
            Self::deposit(
                &patient,
                Event::CorrectionDisagreed {
                    patient,
                    actor,
                    correction,
                    record,
                    letter,
                },
            );
            Ok(())
        }

        /// Answers a patient's disagreement, for the last time.
        ///
        /// By a responder.
        ///
        /// Errors: [`Error::NotFound`], [`Error::NotDisagreed`], [`Error::NotResponder`],
        /// [`Error::MalformedLetter`]; those of the allowance.
        /// Event: [`Event::CorrectionRebutted`].
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::rebut())]
        pub fn rebut(
            origin: OriginFor<T>,
            patient: PatientId,
            correction: CorrectionIndex,
            letter: Cid,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let mut row = Self::ensure_exists(&patient, correction)?;
            let responder = Self::ensure_responder(&patient, row.record, &actor)?;
            let CorrectionState::Disagreed {
                denial,
                letter: disagreement,
            } = row.state
            else {
                return Err(Error::<T>::NotDisagreed.into());
            };
            Self::ensure_letter(&letter)?;
            Self::spend(&patient, &responder)?;

            let record = row.record;
            row.state = CorrectionState::Rebutted {
                denial,
                disagreement,
                letter,
            };
            Corrections::<T>::insert(patient, correction, row);
            LetterAuthors::<T>::insert((patient, correction, LetterStage::Rebuttal), &actor);
            Letters::<T>::insert(patient, letter, ());
            Self::deposit(
                &patient,
                Event::CorrectionRebutted {
                    patient,
                    actor,
                    correction,
                    record,
                    letter,
                },
            );
            Ok(())
        }

        /// Puts off the answer to a request by 30 days.
        ///
        /// By a responder, once, and before the answer is due.
        ///
        /// Errors: [`Error::NotFound`], [`Error::AlreadyAnswered`], [`Error::NotResponder`],
        /// [`Error::AlreadyExtended`], [`Error::Overdue`]; those of the allowance.
        /// Event: [`Event::CorrectionExtended`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::extend())]
        pub fn extend(
            origin: OriginFor<T>,
            patient: PatientId,
            correction: CorrectionIndex,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let (mut row, responder) = Self::ensure_answers(&patient, correction, &actor)?;
            ensure!(!row.extended, Error::<T>::AlreadyExtended);
            ensure!(T::Chain::now() < row.due_at, Error::<T>::Overdue);
            Self::spend(&patient, &responder)?;

            let record = row.record;
            let due_at = row.due_at.saturating_add(EXTENSION);
            row.extended = true;
            row.due_at = due_at;
            Corrections::<T>::insert(patient, correction, row);
            Self::deposit(
                &patient,
                Event::CorrectionExtended {
                    patient,
                    actor,
                    correction,
                    record,
                    due_at,
                },
            );
            Ok(())
        }

        /// Corrects a record unasked.
        ///
        /// By a responder, while no request about the record waits for its answer.
        ///
        /// Errors: [`Error::RecordNotFound`], [`Error::RecordErased`], [`Error::NotNewest`],
        /// [`Error::AlreadyRequested`], [`Error::NotResponder`], [`Error::ReplacementNotFound`],
        /// [`Error::ForeignReplacement`]; those of the allowance and of linking records.
        /// Event: [`Event::CorrectionMade`].
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::make())]
        pub fn make(
            origin: OriginFor<T>,
            patient: PatientId,
            record: RecordIndex,
            replacement: RecordIndex,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let responder = Self::ensure_responder(&patient, record, &actor)?;
            Self::ensure_correctable(&patient, record)?;
            Self::ensure_replacement(&patient, replacement, &responder)?;
            Self::spend(&patient, &responder)?;

            T::Records::link_correction(&patient, record, replacement)?;
            Self::deposit(
                &patient,
                Event::CorrectionMade {
                    patient,
                    actor,
                    record,
                    replacement,
                },
            );
            Ok(())
        }

        /// Names the organisation that answers for one that is no more.
        ///
        /// By governance. It replaces a successor named before.
        ///
        /// Errors: [`Error::SameOrganisation`], [`Error::SuccessorNotActive`].
        /// Event: [`Event::SuccessorNamed`].
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::name_successor())]
        pub fn name_successor(
            origin: OriginFor<T>,
            organisation: OrgId,
            successor: OrgId,
        ) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            ensure!(organisation != successor, Error::<T>::SameOrganisation);
            ensure!(
                T::Standing::organisation_is_active(successor),
                Error::<T>::SuccessorNotActive
            );

            Successors::<T>::insert(organisation, successor);
            Self::deposit_event(Event::SuccessorNamed {
                organisation,
                successor,
            });
            Ok(())
        }
    }
}
