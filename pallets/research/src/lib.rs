//! # Research
//!
//! Studies that patients take part in, and are paid for.
//!
//! ## Overview
//!
//! An organisation announces what it wants to find out, what it pays each participant, and how many
//! it takes. The credits for all of them are set aside at once, so that nobody takes part who cannot
//! be paid. A patient who opts in shares one compartment for this purpose only, and is paid in the
//! same block.
//!
//! ## Scenario
//!
//! 1. A university's admin calls [`Call::announce`]: 20 credits each, 3 participants, until summer.
//!    60 credits are held.
//! 2. Three people are enrolled by the university, each under an id that is for this study alone. They
//!    file a de-identified record there and call [`Call::opt_in`]. Each has a grant in the trail and 20
//!    credits more; the fourth is refused.
//! 3. One of them calls [`Call::withdraw`]: the grant has ended. What was read before was read; the
//!    credits stay the patient's.
//! 4. The admin calls [`Call::end`]: what is left of the 60 credits is free again.
//!
//! ## Design
//!
//! * Held is always `price × (quota - joined)` of each study that has not ended: each who joins takes
//!   one price from it, and the end takes the rest. Nothing else can.
//! * Nobody takes part under an id of care: whoever reads the chain would learn what such a chart is
//!   about. The study's organisation enrols an id for it, after it has announced the study. Who is behind
//!   the id, and that nobody is enrolled twice, it has to find out itself.
//! * An id takes part once, ever: to withdraw and opt in again is not paid again.
//! * Nobody is paid for nothing: whoever opts in hands the keys over in the same call, and names a
//!   record that the compartment holds now. What a record says, and whether the keys fit, only the
//!   study can see.
//! * Who decides for a patient changes: whatever the former ones took part in ends, and the present
//!   ones decide anew ([`OnSuccession`](salus_primitives::traits::OnSuccession)).
//! * The grant is an ordinary one, with basis [`Basis::Study`]: the vault and the trail know no
//!   exception, and [`Granting`] refuses what any grant would be refused for.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod properties;
mod succession;
#[cfg(test)]
mod tests;
mod try_state;
pub mod weights;

use alloc::vec::Vec;
use frame_support::{
    dispatch::WithPostDispatchInfo,
    pallet_prelude::*,
    traits::{
        fungible,
        tokens::{Fortitude, Precision, Restriction},
    },
};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    api::MAX_PAGE,
    traits::{Chain, Control, Debts, Granting, PatientOrigin, Records, Standing, Trail},
    AccountId, Balance, Basis, Cid, CompartmentId, GrantIndex, GrantTerms, Grantee, Member, Moment,
    OrgId, Participation, PatientId, Purpose, RecordIndex, Rights, Scope, Study, StudyIndex,
};

pub use pallet::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
    use super::*;
    use fungible::hold::Mutate as _;

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

        type Standing: Standing<AccountId>;
        type Control: Control<AccountId>;

        /// What there is to read.
        type Records: Records<AccountId>;

        /// Turns a participation into a grant, and ends it.
        type Granting: Granting<AccountId>;

        /// Whose accounts the credits lie in.
        type Currency: fungible::hold::Mutate<
            AccountId,
            Balance = Balance,
            Reason = Self::RuntimeHoldReason,
        >;

        type RuntimeHoldReason: From<HoldReason>;

        /// What is taken from credits that become free.
        type Debts: Debts<AccountId>;

        /// Milliseconds from now until the latest end of a new study: no longer than a grant lasts.
        #[pallet::constant]
        type MaxStudyDuration: Get<Moment>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkWorld<AccountId>
            + salus_primitives::traits::BenchmarkAdmin<AccountId>;
    }

    /// Why credits are held by this pallet.
    #[pallet::composite_enum]
    pub enum HoldReason {
        /// They are for those who will take part in a study.
        #[codec(index = 0)]
        Study,
    }

    /// What was announced. Written by `announce`; `opt_in` counts participants, `end` sets
    /// `ended_at`, once; never removed: grants name their study. Paced by its organisations' admins.
    #[pallet::storage]
    pub type Studies<T: Config> = StorageMap<_, Twox64Concat, StudyIndex, Study>;

    /// The index of the next study.
    #[pallet::storage]
    pub type NextStudy<T: Config> = StorageValue<_, StudyIndex, ValueQuery>;

    /// What a patient takes part in, or did. Written by `opt_in`; `withdraw` and a succession set
    /// `withdrawn_at`, once; never removed, so that nobody takes part twice. One per patient, and at
    /// most `quota` per study.
    #[pallet::storage]
    pub type Participations<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, Participation>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// An organisation announced a study, and set aside what it pays.
        #[codec(index = 0)]
        Announced {
            study: StudyIndex,
            actor: AccountId,
            organisation: OrgId,
            terms: Cid,
            price: Balance,
            quota: u32,
            ends_at: Moment,
        },
        /// A patient takes part in a study, and was paid.
        #[codec(index = 1)]
        OptedIn {
            patient: PatientId,
            actor: AccountId,
            study: StudyIndex,
            grant: GrantIndex,
            price: Balance,
        },
        /// A patient takes part in a study no longer.
        #[codec(index = 2)]
        Withdrawn {
            patient: PatientId,
            actor: AccountId,
            study: StudyIndex,
        },
        /// A study takes nobody any more, and what was left of its credits went back.
        #[codec(index = 3)]
        Ended {
            study: StudyIndex,
            actor: AccountId,
            returned: Balance,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// Only the admin of an organisation in good standing announces studies and, before their
        /// time is over, ends its own.
        NotAnAdmin,
        /// The terms are named by something that is no CID of ours.
        MalformedCid,
        /// A study takes at least one participant.
        EmptyQuota,
        /// The study would be over already. Choose a later end.
        EndsInPast,
        /// The study would last longer than a grant may. Choose an earlier end.
        TooLong,
        /// The price of all participants is more than there can be. Lower the price or the quota.
        TooExpensive,
        /// The account has fewer free credits than all participants are paid. Lower the price or the
        /// quota, or have more credits minted.
        TooFewCredits,
        /// There is no study with this index.
        StudyNotFound,
        /// The study has ended.
        StudyOver,
        /// The study has all the participants that it takes.
        QuotaReached,
        /// This id takes part in a study, or did. Join under an id of its own.
        AlreadyTookPart,
        /// The compartment does not hold this record, or it was corrected, or is erased or about to
        /// be. Add a record first, and name the newest.
        NothingToRead,
        /// The patient takes part in no study.
        NotParticipating,
        /// The patient has withdrawn before.
        AlreadyWithdrawn,
        /// There are no more indices for studies.
        IndexExhausted,
        /// The study lasts longer than the role that you join it by. Let another controller opt in.
        OutlastsOwnRole,
        /// The study's organisation has not enrolled this id since it announced the study. Join under
        /// an id that it enrols for the study: never under one of care.
        NotEnrolledForStudy,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_n: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Rows that `SalusApi` returns at once, at most.
        #[pallet::constant_name(MaxPage)]
        fn max_page() -> u32 {
            MAX_PAGE
        }
    }

    #[pallet::call(weight(<T as Config>::WeightInfo))]
    impl<T: Config> Pallet<T> {
        /// Announce a study, and set aside what all its participants are paid.
        ///
        /// Signed by the admin of an organisation in good standing, from whose account `price` times
        /// `quota` credits are held. `terms` is a document that everybody may read.
        ///
        /// Errors: [`Error::NotAnAdmin`], [`Error::MalformedCid`], [`Error::EmptyQuota`],
        /// [`Error::EndsInPast`], [`Error::TooLong`], [`Error::TooExpensive`],
        /// [`Error::TooFewCredits`], [`Error::IndexExhausted`]. Event: [`Event::Announced`].
        #[pallet::call_index(0)]
        pub fn announce(
            origin: OriginFor<T>,
            terms: Cid,
            price: Balance,
            quota: u32,
            ends_at: Moment,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let organisation = Self::administered(&actor).ok_or(Error::<T>::NotAnAdmin)?;
            ensure!(terms.is_well_formed(), Error::<T>::MalformedCid);
            ensure!(quota > 0, Error::<T>::EmptyQuota);
            let now = T::Chain::now();
            ensure!(now < ends_at, Error::<T>::EndsInPast);
            ensure!(
                ends_at <= now.saturating_add(T::MaxStudyDuration::get()),
                Error::<T>::TooLong
            );
            let total = price
                .checked_mul(quota.into())
                .ok_or(Error::<T>::TooExpensive)?;
            let study = NextStudy::<T>::get();
            let next = study.checked_add(1).ok_or(Error::<T>::IndexExhausted)?;
            T::Currency::hold(&HoldReason::Study.into(), &actor, total)
                .map_err(|_| Error::<T>::TooFewCredits)?;

            NextStudy::<T>::put(next);
            Studies::<T>::insert(
                study,
                Study {
                    organisation,
                    payer: actor.clone(),
                    terms,
                    price,
                    quota,
                    joined: 0,
                    announced_at: now,
                    ends_at,
                    ended_at: None,
                },
            );
            Self::deposit_event(Event::Announced {
                study,
                actor,
                organisation,
                terms,
                price,
                quota,
                ends_at,
            });
            Ok(())
        }

        /// Take part in a study with what is in a compartment, and be paid.
        ///
        /// Signed by an owner or decider whose role lasts as long, who is paid the price at once. The
        /// organisation, which enrolled the patient after it announced the study, may read the
        /// compartment until the study's announced end, for research only. `record` is one that lies in
        /// it, `envelope` has its keys for the organisation. Once per patient.
        ///
        /// Errors: [`Error::StudyNotFound`], [`Error::StudyOver`], [`Error::NotEnrolledForStudy`],
        /// [`Error::AlreadyTookPart`], [`Error::QuotaReached`], [`Error::OutlastsOwnRole`],
        /// [`Error::NothingToRead`], and what a grant is refused for. Event: [`Event::OptedIn`].
        #[pallet::call_index(1)]
        pub fn opt_in(
            origin: OriginFor<T>,
            study: StudyIndex,
            patient: PatientId,
            compartment: CompartmentId,
            record: RecordIndex,
            envelope: Cid,
        ) -> DispatchResultWithPostInfo {
            let (by, mut row) = Self::ensure_opts_in(origin, study, patient, compartment, record)
                .map_err(|error| error.with_weight(T::WeightInfo::refused()))?;
            let now = T::Chain::now();
            let PatientOrigin { patient, actor, .. } = by;
            let terms = Self::grant_terms(&row, compartment);
            let basis = Basis::Study(study);
            let grant = T::Granting::grant(patient, actor.clone(), terms, Some(envelope), basis)?;
            // An account without credits cannot be paid none.
            if row.price > 0 {
                T::Currency::transfer_on_hold(
                    &HoldReason::Study.into(),
                    &row.payer,
                    &actor,
                    row.price,
                    Precision::Exact,
                    Restriction::Free,
                    Fortitude::Polite,
                )?;
            }

            let price = row.price;
            row.joined = row.joined.saturating_add(1);
            Studies::<T>::insert(study, row);
            Participations::<T>::insert(
                patient,
                Participation {
                    study,
                    actor: actor.clone(),
                    grant,
                    joined_at: now,
                    withdrawn_at: None,
                },
            );
            let event = Event::OptedIn {
                patient,
                actor: actor.clone(),
                study,
                grant,
                price,
            };
            Self::deposit(event, &patient);
            T::Debts::settle(&actor);
            Ok(().into())
        }

        /// Take part in the patient's study no longer: its organisation may read nothing more.
        ///
        /// Signed by an owner or decider, once. What was read before stays with who read it, and
        /// what was paid with who was paid.
        ///
        /// Errors: [`Error::NotParticipating`], [`Error::AlreadyWithdrawn`]. Event:
        /// [`Event::Withdrawn`].
        #[pallet::call_index(2)]
        pub fn withdraw(origin: OriginFor<T>, patient: PatientId) -> DispatchResult {
            let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
            let row = Participations::<T>::get(by.patient).ok_or(Error::<T>::NotParticipating)?;
            ensure!(row.withdrawn_at.is_none(), Error::<T>::AlreadyWithdrawn);
            T::Granting::end(by.patient, by.actor.clone(), row.grant)?;

            Self::do_withdraw(by.patient, by.actor, row);
            Ok(())
        }

        /// End a study, and give back what is left of its credits.
        ///
        /// Signed by its organisation's admin at any time, and by anyone once its time is over, once.
        /// Who takes part goes on doing so: the credits go back to the account that paid.
        ///
        /// Errors: [`Error::StudyNotFound`], [`Error::StudyOver`], [`Error::NotAnAdmin`]. Event:
        /// [`Event::Ended`].
        #[pallet::call_index(3)]
        pub fn end(origin: OriginFor<T>, study: StudyIndex) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let mut row = Studies::<T>::get(study).ok_or(Error::<T>::StudyNotFound)?;
            ensure!(row.ended_at.is_none(), Error::<T>::StudyOver);
            let now = T::Chain::now();
            ensure!(
                now >= row.ends_at || Self::administered(&actor) == Some(row.organisation),
                Error::<T>::NotAnAdmin
            );
            let returned = Self::left(&row);
            T::Currency::release(
                &HoldReason::Study.into(),
                &row.payer,
                returned,
                Precision::Exact,
            )?;

            row.ended_at = Some(now);
            let payer = row.payer.clone();
            Studies::<T>::insert(study, row);
            Self::deposit_event(Event::Ended {
                study,
                actor,
                returned,
            });
            T::Debts::settle(&payer);
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// Studies in ascending order.
        pub fn studies(from: StudyIndex, limit: u32) -> Vec<(StudyIndex, Study)> {
            let end = from.saturating_add(limit.min(MAX_PAGE));
            (from..end.min(NextStudy::<T>::get()))
                .filter_map(|study| Some((study, Studies::<T>::get(study)?)))
                .collect()
        }

        pub fn participation(patient: &PatientId) -> Option<Participation> {
            Participations::<T>::get(patient)
        }

        /// Checks everything about a participation but its grant. Returns who opts in, and into what.
        fn ensure_opts_in(
            origin: OriginFor<T>,
            study: StudyIndex,
            patient: PatientId,
            compartment: CompartmentId,
            record: RecordIndex,
        ) -> Result<(PatientOrigin<AccountId>, Study), DispatchError> {
            let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
            let row = Studies::<T>::get(study).ok_or(Error::<T>::StudyNotFound)?;
            ensure!(
                row.ended_at.is_none() && T::Chain::now() < row.ends_at,
                Error::<T>::StudyOver
            );
            ensure!(
                T::Control::enrolment(&by.patient).is_some_and(|(organisation, at)| {
                    organisation == row.organisation && at >= row.announced_at
                }),
                Error::<T>::NotEnrolledForStudy
            );
            ensure!(
                !Participations::<T>::contains_key(by.patient),
                Error::<T>::AlreadyTookPart
            );
            ensure!(row.joined < row.quota, Error::<T>::QuotaReached);
            ensure!(
                by.until.is_none_or(|until| row.ends_at <= until),
                Error::<T>::OutlastsOwnRole
            );
            // Named together, so that a record that is moved meanwhile does not take the grant along.
            ensure!(
                T::Records::record(&by.patient, record)
                    .is_some_and(|row| row.compartment == compartment && row.is_current()),
                Error::<T>::NothingToRead
            );
            Ok((by, row))
        }

        /// What is held for a study that has not ended.
        pub(crate) fn left(study: &Study) -> Balance {
            let places = study.quota.saturating_sub(study.joined);
            study.price.saturating_mul(places.into())
        }

        /// The organisation in good standing that the account runs.
        fn administered(account: &AccountId) -> Option<OrgId> {
            match T::Standing::member(account) {
                Some(Member::Admin { organisation }) => Some(organisation),
                _ => None,
            }
        }

        fn grant_terms(study: &Study, compartment: CompartmentId) -> GrantTerms {
            GrantTerms {
                grantee: Grantee::Organisation(study.organisation),
                scope: Scope::Compartments(BoundedVec::truncate_from(alloc::vec![compartment])),
                rights: Rights::Read,
                purpose: Purpose::HResch,
                starts_at: None,
                expires_at: study.ends_at,
                anchored_from: None,
                anchored_until: None,
                terms: Some(study.terms),
                flags: 0,
                derived_from: None,
            }
        }

        pub(crate) fn deposit(event: Event<T>, patient: &PatientId) {
            T::Trail::deposit(patient, event.into());
        }
    }
}
