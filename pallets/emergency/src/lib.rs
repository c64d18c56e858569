//! # Emergency
//!
//! What may be opened when a patient cannot be asked, and who answers for having opened it.
//!
//! ## Overview
//!
//! A patient lies unconscious in a hospital that they never shared anything with. Everybody has a
//! **plan**: it says which compartments open then, if any, and the chain does not know which. A
//! clinician **breaks the glass**, with a reason that the patient will read, gets the plan's package,
//! **reveals** what it names, and may read these compartments for a day. Nobody has to approve;
//! somebody has to answer: the clinician's organisation **reviews** each glass within 72 hours, and
//! the patient can **dispute** it.
//!
//! Whoever wants none of this has a plan that opens nothing, and nobody can tell it from another.
//!
//! ## Scenario
//!
//! 1. The patient plans ([`Call::set_plan`]): medication and allergies, to be opened by the vaults
//!    of any two of three organisations together.
//! 2. In an emergency room far away the doctor calls [`Call::break_glass`]. The patient's phone, and
//!    that of a decider, rings: `GlassBroken`.
//! 3. The vaults release their shares for it, and the doctor opens the package. It names compartments:
//!    [`Call::reveal`] makes the grant. The doctor reads for the rest of the 24 hours, each time noted
//!    as ever. Had it named none, that would have been all.
//! 4. The emergency room's admin looks into it and calls [`Call::review`]: justified.
//! 5. Another doctor does it out of curiosity. The patient ends it ([`Call::end_glass`]) and disputes
//!    it ([`Call::dispute`]), the review says that it was not justified. At the third time within a
//!    year she is barred, until the council has looked into it ([`Call::readmit`]).
//!
//! ## Design
//!
//! * **All plans look the same.** A plan has a commitment in place of its compartments, and a package
//!   of one size. Opting out is a plan whose package opens nothing, set by the same call with the same
//!   event, and no call removes one. Clients set a plan for everybody, without being asked.
//! * **The chain opens nothing by itself.** The plan's `package` holds the keys of its compartments and
//!   the salt of its commitment, encrypted to a key that is dealt in shares to the holders' vaults. A
//!   broken glass is what a vault releases its share and the package against. A grant comes only of
//!   revealing what the package names, because only then does the chain learn it.
//! * **Nothing that the patient's side did makes a glass fail.** A glass keeps what the plan was when it
//!   was broken, and revealing opens what of it still exists. What a clinician or their organisation
//!   owes, or has had of the day, is an error.
//! * **Who named the package** is a controller, in the plan: revealing hands over what stands there and
//!   lets nobody name an envelope of their own.
//! * **Each glass is answered for**, whether it opened something or not: the chain cannot know that when
//!   it is broken. So there is one cap of a day for all of them.
//! * **Nothing piles up.** A clinician breaks [`PER_CLINICIAN`] glasses a day and none while a review
//!   is overdue: at most [`MAX_UNREVIEWED`] wait at any time.
//! * **A share inside the larger cap.** The last [`FOR_FIRST`] glasses of an organisation's day are for
//!   clinicians who have broken none.
//! * **An organisation answers as a whole**: while more than [`MAX_OVERDUE`] of its reviews are
//!   overdue, none of its clinicians breaks a glass, whatever account they have. Its queue is in the
//!   order of time, so that one look at its head tells.
//! * **A plan is its deciders'.** When others come to decide for the patient, by a hand-over or a
//!   recovery, the plan ends (`OnSuccession`), and what was broken under it and not revealed opens
//!   nothing any more: its package holds keys, and whoever laid it down may have been a thief. The
//!   present deciders' client sets another one. Among those who decide together, the last word counts.
//! * **Emergencies do not ask the trail's allowance** of access-log: help must not fail because an
//!   organisation wrote too much. The daily caps pace them instead. At the most, one organisation
//!   leaves its [`PER_ORGANISATION`] glasses of a day, with their grants, in a single patient's trail.
//! * **A patient's word stands**: whoever ends a glass early, or the grant that came of it, is rid of
//!   that clinician for the rest of its 24 hours.
//! * HIPAA: 45 CFR 164.312(a)(2)(ii), emergency access procedure. HL7 v3 purpose of use `BTG`.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod breaking;
mod daily;
#[cfg(test)]
mod mock;
mod planning;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod views;
#[cfg(test)]
mod walk;
pub mod weights;

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{
    dispatch::{DispatchResultWithPostInfo, WithPostDispatchInfo},
    pallet_prelude::*,
};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    commitment::plan_commitment,
    predicate::{glass_ends, glass_lasts, is_ascending},
    rows::{DAY, GLASS_LASTS, MAX_HOLDERS, MAX_SCOPE, REVIEW_WITHIN},
    traits::{Chain, Control, Granting, OnSuccession, PatientOrigin, Records, Standing, Trail},
    AccountId, Basis, Cid, ClinicianRole, CompartmentId, Dispute, EmergencyPlan, Glass, GlassIndex,
    GrantIndex, GrantTerms, Grantee, Member, Moment, OrgId, PatientId, Purpose, Review, Rights,
    Scope, ShareHolder,
};
use sp_core::H256;

pub use daily::Daily;
pub use pallet::*;
pub use weights::WeightInfo;

/// Glasses that one clinician may break in a day of the chain's clock.
pub const PER_CLINICIAN: u32 = 8;
/// Glasses that all clinicians of an organisation together may break in a day. Many open nothing, and
/// these count too.
pub const PER_ORGANISATION: u32 = 128;
/// The last glasses of an organisation's day are for clinicians who have broken none: a few who break
/// all they may leave room for whoever meets an emergency.
pub const FOR_FIRST: u32 = 32;

/// 72 hours touch four days. Do not reduce.
pub const MAX_UNREVIEWED: u32 = PER_CLINICIAN * (REVIEW_WITHIN / DAY + 1) as u32;

/// So many of an organisation's reviews may be overdue; with one more, none of its clinicians breaks
/// a glass.
///
/// What is overdue keeps its own clinician from the next glass, but only the account: a new one is
/// credentialed in a minute. Not the first closes the house, because what it closes is help for
/// somebody unconscious, and an admin may be ill. But each had three days, and four are no accident;
/// and whoever reviews opens again at once.
pub const MAX_OVERDUE: u32 = 3;

/// So many glasses that were not justified bar a clinician,
pub const UNJUSTIFIED_MOST: u32 = 3;
/// if their reviews are not further apart than this.
pub const UNJUSTIFIED_WITHIN: Moment = 365 * DAY;

pub type Compartments = BoundedVec<CompartmentId, ConstU32<MAX_SCOPE>>;
pub type Holders = BoundedVec<ShareHolder, ConstU32<MAX_HOLDERS>>;

/// A glass that waits for its review.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Unreviewed {
    pub patient: PatientId,
    pub glass: GlassIndex,
    pub organisation: OrgId,
    pub due_at: Moment,
}

/// A glass in its organisation's queue: when its review is due, with the highest byte first, so that
/// keys are in the order of time; then which glass it is.
pub type Place = ([u8; 8], PatientId, GlassIndex);

/// Where the council puts what it passes over: behind all that is due, and never overdue.
pub const PASSED_OVER: Moment = Moment::MAX;

pub(crate) fn place(due_at: Moment, patient: PatientId, glass: GlassIndex) -> Place {
    (due_at.to_be_bytes(), patient, glass)
}

/// What of one clinician waits for review.
pub type Waiting = BoundedVec<Unreviewed, ConstU32<MAX_UNREVIEWED>>;

/// When reviews found against one clinician; one moment less than it takes to bar.
pub type Strikes = BoundedVec<Moment, ConstU32<{ UNJUSTIFIED_MOST - 1 }>>;

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

        /// Who is a clinician or an admin in good standing, and of which organisation.
        type Standing: Standing<AccountId>;

        /// Who decides for a patient.
        type Control: Control<AccountId>;

        type Records: Records<AccountId>;

        /// Makes the grant of a glass.
        type Granting: Granting<AccountId>;

        /// Readmits clinicians.
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkEmergencies<AccountId>;
    }

    /// What an emergency opens, and what stands for it. Written by `set_plan`, removed when others
    /// come to decide for the patient; at most one row per patient, of one size for all whose plans
    /// have as many holders.
    #[pallet::storage]
    pub type Plans<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, EmergencyPlan>;

    /// The glasses of each patient.
    ///
    /// Written by `break_glass`; `reveal`, `end_glass`, `review` and `dispute` each fill one field in,
    /// once. Never removed; paced by the daily caps.
    #[pallet::storage]
    pub type Glasses<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, GlassIndex, Glass>;

    /// The index of each patient's next glass.
    #[pallet::storage]
    pub type NextGlass<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, GlassIndex, ValueQuery>;

    /// The glasses that an organisation has not reviewed, first what is due first: keys that are not
    /// hashed are a queue. Written by `break_glass`; `review` takes one out, `readmit` puts what it
    /// passes over at the end. At most [`MAX_UNREVIEWED`] rows per clinician, and what was passed
    /// over.
    #[pallet::storage]
    pub type ToReview<T: Config> = StorageDoubleMap<_, Twox64Concat, OrgId, Identity, Place, ()>;

    /// The same by who broke them: what is overdue here keeps its clinician from the next one.
    /// Written by `break_glass`; `review` takes one out, `readmit` what is overdue.
    #[pallet::storage]
    pub type UnreviewedOf<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId, Waiting, ValueQuery>;

    /// The glasses that the council passed over: in their organisation's queue they stand, or stood,
    /// behind all that is due. Written by `readmit`, never removed, so that the place of a glass can
    /// be told after its review too; at most one row per glass.
    #[pallet::storage]
    pub type PassedOver<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, GlassIndex, ()>;

    /// The letters that each patient's glasses and disputes name, so that vaults keep them. Written
    /// by `break_glass` and `dispute`, never removed; at most two rows per glass.
    #[pallet::storage]
    pub type Letters<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, Cid, ()>;

    /// Until when a clinician cannot break a patient's glass again. Written by `break_glass`, never
    /// removed; at most one row per glass.
    #[pallet::storage]
    pub type OpenUntil<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, AccountId, Moment>;

    /// What each clinician has had of a day's cap. Written by `break_glass`, never removed; one row per
    /// clinician who ever broke a glass.
    #[pallet::storage]
    pub type DailyOf<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Daily, ValueQuery>;

    /// What each organisation has had of a day's cap. Written by `break_glass`, never removed; one row
    /// per organisation.
    #[pallet::storage]
    pub type DailyIn<T: Config> = StorageMap<_, Twox64Concat, OrgId, Daily, ValueQuery>;

    /// When reviews said of a clinician that a glass was not justified, within the last year or so.
    /// Written by `review`, removed when it bars.
    #[pallet::storage]
    pub type Unjustified<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId, Strikes, ValueQuery>;

    /// Clinicians whom the council has to look into, and since when. Written by `review`, removed by
    /// `readmit`; at most one row per clinician.
    #[pallet::storage]
    pub type Barred<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Moment>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A patient decided what an emergency opens, if anything.
        #[codec(index = 0)]
        PlanChanged {
            patient: PatientId,
            actor: AccountId,
        },
        /// A clinician broke the glass: the plan's package may be opened.
        #[codec(index = 1)]
        GlassBroken {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            glass: GlassIndex,
            letter: Cid,
        },
        /// A clinician opened the plan's package, and may read what it names.
        #[codec(index = 2)]
        GlassRevealed {
            patient: PatientId,
            actor: AccountId,
            glass: GlassIndex,
            grant: GrantIndex,
        },
        /// An organisation said whether an emergency access was justified.
        #[codec(index = 3)]
        GlassReviewed {
            patient: PatientId,
            actor: AccountId,
            glass: GlassIndex,
            justified: bool,
        },
        /// A patient disputed an emergency access.
        #[codec(index = 4)]
        GlassDisputed {
            patient: PatientId,
            actor: AccountId,
            glass: GlassIndex,
            letter: Cid,
        },
        /// A clinician may take no emergency access until the council has looked into it.
        #[codec(index = 5)]
        ClinicianBarred {
            clinician: AccountId,
            organisation: OrgId,
        },
        /// A clinician may take emergency access again.
        #[codec(index = 6)]
        Readmitted { clinician: AccountId },
        /// A patient ended an emergency access before its time.
        #[codec(index = 7)]
        GlassEnded {
            patient: PatientId,
            actor: AccountId,
            glass: GlassIndex,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// Nothing of what the plan opens exists. There is nothing to read.
        NothingToOpen,
        /// The compartments are not in ascending order, or one stands there twice. Sort them: another
        /// order would tell which is which.
        CompartmentsNotAscending,
        /// This is not what the plan names. Send the compartments and the salt as the package has them.
        NotThePlan,
        /// The glass is over: its day has passed, the patient ended it, or others decide now. Ask them.
        GlassOver,
        /// What the glass opens was revealed before. Use that grant.
        AlreadyRevealed,
        /// Only the clinician who broke the glass, at the same organisation, reveals what it opens.
        NotTheClinician,
        /// The plan names an organisation, or a share, twice. Each holder has a share of its own.
        DuplicateHolder,
        /// The plan names an organisation that is unknown or suspended. Choose another holder.
        HolderNotActive,
        /// At least two holders open a package together, and at most all of them.
        InvalidThreshold,
        /// The CID is not of the profile in use: CIDv1, dag-pb or raw, sha2-256.
        MalformedCid,
        /// Only a clinician in good standing can break a glass. Have your organisation credential you.
        NotAClinician,
        /// Only physicians, nurses and pharmacists can break a glass. Ask one of them.
        RoleMayNot,
        /// No such patient is enrolled here. Check the id.
        PatientNotFound,
        /// Too many of your emergencies were not justified. The council has to readmit you.
        Barred,
        /// One of your emergencies was not reviewed in time. Have your organisation's admin review it.
        ReviewOverdue,
        /// Too many of your organisation's emergencies were not reviewed in time. Have its admin review them.
        OrganisationReviewsOverdue,
        /// You broke this patient's glass within the last day. Use that one, or ask the patient.
        AlreadyOpen,
        /// You have broken as many glasses today as one person may. Ask a colleague.
        TooManyToday,
        /// Your organisation has broken as many glasses today as it may; the last 32 are for who has broken none. Ask a colleague.
        OrganisationTooManyToday,
        /// As many of your emergencies wait for review as may. Have your organisation's admin review them.
        TooManyUnreviewed,
        /// The patient has used up all indices.
        IndexExhausted,
        /// This patient has no glass with this index.
        GlassNotFound,
        /// Only the admin of the organisation for which the glass was broken reviews it.
        NotReviewer,
        /// The glass was reviewed before.
        AlreadyReviewed,
        /// The glass was disputed before.
        AlreadyDisputed,
        /// Nothing keeps this clinician from emergency access.
        NotBarred,
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Milliseconds for which a glass lasts.
        #[pallet::constant_name(GlassLasts)]
        fn glass_lasts() -> Moment {
            GLASS_LASTS
        }

        /// Milliseconds in which a glass has to be reviewed.
        #[pallet::constant_name(ReviewWithin)]
        fn review_within() -> Moment {
            REVIEW_WITHIN
        }

        /// Glasses that one clinician may break in a day of the chain's clock.
        #[pallet::constant_name(PerClinician)]
        fn per_clinician() -> u32 {
            PER_CLINICIAN
        }

        /// Glasses that all clinicians of an organisation together may break in a day.
        #[pallet::constant_name(PerOrganisation)]
        fn per_organisation() -> u32 {
            PER_ORGANISATION
        }

        /// Of these, the last ones, which are for clinicians who have broken none that day.
        #[pallet::constant_name(ForFirst)]
        fn for_first() -> u32 {
            FOR_FIRST
        }

        /// Reviews of an organisation that may be overdue; with one more, none of its clinicians
        /// breaks a glass.
        #[pallet::constant_name(MaxOverdue)]
        fn max_overdue() -> u32 {
            MAX_OVERDUE
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
        /// Decide what an emergency opens, if anything.
        ///
        /// By an owner or decider of the patient; replaces the plan before. `package` is an envelope
        /// with the keys of compartments and a salt, to a key of which each holder's vault keeps a
        /// share and `threshold` shares make the whole. `commitment` stands for these compartments;
        /// nobody can tell whether there are any.
        ///
        /// Errors: [`Error::MalformedCid`], [`Error::InvalidThreshold`], [`Error::DuplicateHolder`];
        /// those of control; [`Error::HolderNotActive`]. Event: [`Event::PlanChanged`].
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::set_plan())]
        pub fn set_plan(
            origin: OriginFor<T>,
            patient: PatientId,
            commitment: H256,
            holders: Holders,
            threshold: u8,
            package: Cid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::ensure_well_formed(&holders, threshold, &package)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            ensure!(
                holders
                    .iter()
                    .all(|holder| T::Standing::organisation_is_active(holder.organisation)),
                Error::<T>::HolderNotActive
            );

            Plans::<T>::insert(
                patient,
                EmergencyPlan {
                    commitment,
                    holders,
                    threshold,
                    package,
                    set_at: T::Chain::now(),
                },
            );
            Self::deposit(&patient, Event::PlanChanged { patient, actor });
            Ok(())
        }

        /// End an emergency access.
        ///
        /// By an owner or decider of the patient, before its day is over. Vaults release nothing for
        /// the glass any more, nothing of it can be revealed, and a grant that came of it ends. Its
        /// clinician breaks none of this patient's for the rest of the day.
        ///
        /// Errors: those of control; [`Error::GlassNotFound`], [`Error::GlassOver`]. Events:
        /// [`Event::GlassEnded`], and those of ending the grant if there is one.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::end_glass())]
        pub fn end_glass(
            origin: OriginFor<T>,
            patient: PatientId,
            glass: GlassIndex,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let mut row = Glasses::<T>::get(patient, glass).ok_or(Error::<T>::GlassNotFound)?;
            let now = T::Chain::now();
            ensure!(glass_lasts(&row, now), Error::<T>::GlassOver);

            row.ended_at = Some(now);
            let grant = row.grant;
            Glasses::<T>::insert(patient, glass, row);
            let event = Event::GlassEnded {
                patient,
                actor: actor.clone(),
                glass,
            };
            Self::deposit(&patient, event);
            match grant {
                Some(grant) => T::Granting::end(patient, actor, grant),
                None => Ok(()),
            }
        }

        /// Take emergency access to a patient's records.
        ///
        /// By a physician, nurse or pharmacist in good standing. `letter` is an age file to the
        /// patient's inbox and says why. For 24 hours the holders' vaults release their shares of the
        /// key to the plan's package, and the package; [`Call::reveal`] lets read what it names. Each
        /// glass is reviewed within 72 hours, whether it opens something or not: nobody can tell
        /// before. The allowance of the patient's trail is not asked: within a day, a clinician breaks
        /// 8 glasses, and an organisation 128, the last 32 by clinicians who have broken none.
        ///
        /// Errors: [`Error::MalformedCid`], [`Error::NotAClinician`], [`Error::RoleMayNot`],
        /// [`Error::PatientNotFound`], [`Error::Barred`], [`Error::ReviewOverdue`],
        /// [`Error::OrganisationReviewsOverdue`], [`Error::AlreadyOpen`], [`Error::TooManyToday`],
        /// [`Error::TooManyUnreviewed`], [`Error::OrganisationTooManyToday`],
        /// [`Error::IndexExhausted`]. Event: [`Event::GlassBroken`].
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::break_glass())]
        pub fn break_glass(
            origin: OriginFor<T>,
            patient: PatientId,
            letter: Cid,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let now = T::Chain::now();
            let attempt = Self::ensure_may_break(&patient, &actor, &letter, now)
                .map_err(|error| error.with_weight(T::WeightInfo::break_glass_refused()))?;

            Self::do_break(patient, actor, letter, attempt, now);
            Ok(().into())
        }

        /// Reveal what a glass opens, and read it.
        ///
        /// By the clinician who broke it, in good standing at the same organisation, before its day is
        /// over, once. `compartments`, in ascending order, and `salt` are what the package of the plan
        /// says that the glass was broken under. They can be read until the glass's day is over.
        ///
        /// Errors: [`Error::GlassNotFound`], [`Error::NotTheClinician`], [`Error::AlreadyRevealed`],
        /// [`Error::GlassOver`], [`Error::CompartmentsNotAscending`], [`Error::NotThePlan`],
        /// [`Error::NothingToOpen`]; those of granting. Events: those of granting and
        /// [`Event::GlassRevealed`].
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::reveal(compartments.len() as u32))]
        pub fn reveal(
            origin: OriginFor<T>,
            patient: PatientId,
            glass: GlassIndex,
            compartments: Compartments,
            salt: [u8; 32],
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            // A glass, what somebody is, and what has become of the patient.
            let read = |more| T::DbWeight::get().reads(8u64.saturating_add(more));
            let (row, plan) = Self::ensure_reveals(&actor, &patient, glass, &compartments, &salt)
                .map_err(|error| error.with_weight(read(0)))?;
            ensure!(
                !compartments.is_empty() && T::Records::compartments_exist(&patient, &compartments),
                Error::<T>::NothingToOpen.with_weight(read(1))
            );

            Self::do_reveal(patient, actor, glass, row, plan, compartments)?;
            Ok(().into())
        }

        /// Say whether an emergency access was justified.
        ///
        /// By the admin, in good standing, of the organisation for which the glass was broken; once,
        /// and also when it is overdue. The third that was not justified within 365 days bars the
        /// clinician.
        ///
        /// Errors: [`Error::GlassNotFound`], [`Error::NotReviewer`], [`Error::AlreadyReviewed`].
        /// Events: [`Event::GlassReviewed`], and [`Event::ClinicianBarred`] if it comes to that.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::review())]
        pub fn review(
            origin: OriginFor<T>,
            patient: PatientId,
            glass: GlassIndex,
            justified: bool,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let mut row = Self::ensure_reviews(&actor, &patient, glass).map_err(|error| {
                // A glass, and what somebody is.
                error.with_weight(T::DbWeight::get().reads(6))
            })?;

            let now = T::Chain::now();
            let (clinician, organisation) = (row.clinician.clone(), row.organisation);
            let place = Self::place_of(patient, glass, &row);
            row.review = Some(Review {
                by: actor.clone(),
                at: now,
                justified,
            });
            Glasses::<T>::insert(patient, glass, row);
            ToReview::<T>::remove(organisation, place);
            Self::keep_unreviewed(&clinician, |entry| {
                (entry.patient, entry.glass) != (patient, glass)
            });
            let event = Event::GlassReviewed {
                patient,
                actor,
                glass,
                justified,
            };
            Self::deposit(&patient, event);
            if !justified {
                Self::note_unjustified(clinician, organisation, now);
            }
            Ok(().into())
        }

        /// Dispute an emergency access.
        ///
        /// By an owner or decider of the patient; once per glass, before or after its review. `letter`
        /// is an age file to the organisation's published key.
        ///
        /// Errors: those of control; [`Error::GlassNotFound`], [`Error::AlreadyDisputed`],
        /// [`Error::MalformedCid`]. Event: [`Event::GlassDisputed`].
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::dispute())]
        pub fn dispute(
            origin: OriginFor<T>,
            patient: PatientId,
            glass: GlassIndex,
            letter: Cid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            let mut row = Glasses::<T>::get(patient, glass).ok_or(Error::<T>::GlassNotFound)?;
            ensure!(row.dispute.is_none(), Error::<T>::AlreadyDisputed);
            ensure!(letter.is_well_formed(), Error::<T>::MalformedCid);

            row.dispute = Some(Dispute {
                by: actor.clone(),
                at: T::Chain::now(),
                letter,
            });
            Glasses::<T>::insert(patient, glass, row);
            Letters::<T>::insert(patient, letter, ());
            let event = Event::GlassDisputed {
                patient,
                actor,
                glass,
                letter,
            };
            Self::deposit(&patient, event);
            Ok(())
        }

        /// Let a clinician take emergency access again.
        ///
        /// By governance. It lifts the bar, and passes over reviews that are overdue: their
        /// organisation may be no more, or without an admin. They can still be made up for, and keep
        /// neither the clinician nor the organisation from another glass.
        ///
        /// Errors: [`Error::NotBarred`]. Event: [`Event::Readmitted`].
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::readmit(MAX_UNREVIEWED))]
        pub fn readmit(origin: OriginFor<T>, clinician: AccountId) -> DispatchResultWithPostInfo {
            let cost = |late| T::WeightInfo::readmit(late);
            T::GovernanceOrigin::ensure_origin(origin)
                .map_err(|error| DispatchError::from(error).with_weight(cost(0)))?;
            let now = T::Chain::now();
            let is_late = |entry: &Unreviewed| now >= entry.due_at;
            let unreviewed = UnreviewedOf::<T>::get(&clinician);
            ensure!(
                Barred::<T>::contains_key(&clinician) || unreviewed.iter().any(is_late),
                Error::<T>::NotBarred.with_weight(cost(0))
            );

            Barred::<T>::remove(&clinician);
            let mut late = 0u32;
            for entry in unreviewed.iter().filter(|entry| is_late(entry)) {
                Self::pass_over(entry);
                late = late.saturating_add(1);
            }
            Self::keep_unreviewed(&clinician, |entry| !is_late(entry));
            Self::deposit_event(Event::Readmitted { clinician });
            Ok(Some(cost(late)).into())
        }
    }

    impl<T: Config> Pallet<T> {
        pub(crate) fn deposit(patient: &PatientId, event: Event<T>) {
            T::Trail::deposit(patient, event.into());
        }
    }
}
