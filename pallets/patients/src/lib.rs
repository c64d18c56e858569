//! # Patients
//!
//! Who controls which patient.
//!
//! ## Overview
//!
//! A patient is 16 opaque bytes and never signs anything. **Accounts control patients**: the
//! patient's own, a parent's or an attorney's as decider, a relative's as carer who may answer
//! requests; a patient may say that they are one, and is owner. So keys can be lost and replaced, a
//! child has a chart before it has a key, and nobody's name is on the chain.
//!
//! ## Scenario
//!
//! 1. At the hospital's desk a new patient's phone makes an id and keys, and signs that *this*
//!    clinician of *this* hospital may enrol *this* id: [`EnrolmentConsent`].
//! 2. The clinician calls [`Call::enrol`]. The phone's account decides now; letters have an inbox,
//!    and records the 32 compartments that everybody has.
//! 3. The patient calls [`Call::declare_owner`], and [`Call::add_controller`]: her tablet as a second
//!    owner, her daughter as carer until the end of the year.
//! 4. The phone is stolen. From the tablet she ends what she shares, then calls
//!    [`Call::remove_controller`]: the phone is an owner, too, so three days pass before the same
//!    call ends its role. The thief can object with [`Call::veto_removal`]; then helpers
//!    decide between the two.
//! 5. A child's chart was enrolled with its mother as decider; the father joined. At 18 the child
//!    makes keys and signs that it takes the chart over: [`SuccessionConsent`]. Both parents say so
//!    with [`Call::hand_over`], and with the second word the child is the only controller; if there
//!    is a recovery plan, after its delay, by [`Call::complete_hand_over`].
//! 6. A desk enrolled the wrong person. The hospital's admin ends that with
//!    [`Call::void_enrolment`], within a week.
//!
//! ## Design
//!
//! * **A `patient` argument only locates.** Authority comes from `Controllers`, about the signer,
//!   through [`Control`]; every event says who acted.
//! * **Roles end by the clock.** An expired row has no power, even while nobody has removed it.
//! * **Who is a child does not show.** Everybody is enrolled with a decider, who may do all that a
//!   patient's first account does. What only a patient does to others is for owners, and a decider
//!   becomes one by saying so, as long as nobody else decides: alone, it could hand the patient over
//!   to another account of its own anyway.
//! * **Nobody gives more than they have.** Deciders do not make owners; whose own role ends cannot
//!   give one that ends later.
//! * **Someone stays.** The last lasting owner cannot be removed, nor the last lasting decider of
//!   a patient who has no such owner: there would be nobody left to decide. Only who was enrolled
//!   by mistake has nobody, and nobody may read that chart ever after.
//! * **No decider ends another's role**, not by handing the chart to an accomplice either: all of
//!   them say so, and none while there is an owner. The chain knows nobody's age. Nor do deciders
//!   outvote each other: another decider needs the word of all.
//! * **No owner ends another's role unseen.** It is announced, 72 hours pass, and whoever decides can
//!   veto it, the one to be removed among them. To hand the chart over, all owners agree.
//! * **Whoever comes after begins without what others laid down.** All changes of hands go through
//!   one function, which ends all roles, words and announcements, and tells [`OnSuccession`].
//! * **Nobody is named who has not said so**: an account signs for its role, [`RoleConsent`]. What it
//!   signed before it last lost a role counts no more: who resigns stays out.
//! * **What a keyring replaces can be named again for 72 hours**, longer around a recovery.
//! * **Nobody's staff**: an account of an organisation's admin or clinician has no role for a patient.
//!   The chain shows who works where, and would show who is whose patient.
//! * **Accounts stay.** Each gets a provider reference with its first role, and none is ever taken
//!   back: a reaped account would start again at nonce 0, and old transactions could be replayed.
//! * **Nobody takes an id that another is about to be enrolled under.** An id is seen in the pool
//!   before it is in a block, so it is a hash of the account that consents, and of a salt in its
//!   consent: [`PatientId::derive`]. No other account's consent enrols it.
//! * **A consent enrols once**, because it names the patient, and a patient is enrolled once.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod control;
mod controllers;
mod enrolment;
mod keyrings;
#[cfg(test)]
mod mock;
mod succession;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

use alloc::vec::Vec;
use frame_support::{dispatch::WithPostDispatchInfo, pallet_prelude::*};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    api::MAX_PAGE,
    rows::{ENDING_COUNTS, ENDING_WAITS, UNNAMING_WAITS},
    signing::{enrolment_payload, verify, RoleConsent, CLOCK_SKEW, CONSENT_LASTS},
    traits::{Chain, Control, OnSuccession, OpenCompartments, RecoveryPlans, Standing, Trail},
    AccountId, Addition, Cid, CompartmentSet, Controller, ControllerRole, EnrolmentConsent,
    FormerKeyring, HandOver, Member, Moment, OrgId, Patient, PatientId, Recipient, Removal,
    SignedRecipient, Subject, SuccessionConsent, DAY, MAX_CONTROLLERS,
};

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Carers among them: rows are left for those who decide after the present ones. Do not reduce.
pub const MAX_CARERS: u32 = 8;

/// How long after an enrolment its organisation may call it a mistake.
pub const VOID_WITHIN: Moment = 7 * DAY;

/// Former keyrings of one patient that whoever decides can leave. Do not reduce.
pub const MAX_FORMER_KEYRINGS: u32 = 128;

/// As many more for who has taken a patient over, and found none left. Do not reduce.
pub const KEYRINGS_RESERVED: u32 = 16;

/// Former keyrings that one call clears away at most.
pub const KEYRINGS_PRUNED: u32 = 16;

/// Patients of an account that are tried for its allowance, when the role for the first has ended.
pub const SPONSORS_TRIED: u32 = 8;

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
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;
        type Standing: Standing<AccountId>;

        /// Opens the compartments that every patient has from the first day.
        type Compartments: OpenCompartments<AccountId>;

        /// What ends in other pallets when those who decide for a patient change.
        type OnSuccession: OnSuccession<AccountId>;

        /// How long helpers need, and what waits for them.
        type RecoveryPlans: RecoveryPlans;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkWorld<AccountId>
            + salus_primitives::traits::BenchmarkAdmin<AccountId>;
    }

    /// The patients. Written by `enrol`, changed by their controllers, never removed: an id is
    /// enrolled once. Each is a transaction of a clinician, paid from that clinician's bucket.
    #[pallet::storage]
    pub type Patients<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, Patient>;

    /// Who controls a patient: at most [`MAX_CONTROLLERS`]. Written by `enrol` and
    /// `add_controller`, removed by `remove_controller` and by each change of hands; expired rows
    /// stay until then.
    #[pallet::storage]
    pub type Controllers<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, AccountId, Controller>;

    /// The same by account, written and removed together with `Controllers`. An account may have
    /// any number of patients: it has signed for each, no dispatch walks more than
    /// [`SPONSORS_TRIED`] of them, and each row is one of the at most 16 of a patient, who was paid
    /// for by an enrolment.
    #[pallet::storage]
    pub type ControlledBy<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Blake2_128Concat, PatientId, ()>;

    /// One row per account in `ControlledBy`, removed with its last role.
    #[pallet::storage]
    pub type Sponsors<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Sponsor>;

    /// When an account last lost a role: a consent from before is spent. Written when a role is removed;
    /// never removed. At most one row per account that ever had a role, which is never reaped either.
    #[pallet::storage]
    pub type Released<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Moment>;

    /// Where letters to a patient go. One per patient: written by `enrol`, replaced by `set_inbox`.
    #[pallet::storage]
    pub type Inboxes<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, SignedRecipient>;

    /// To whom a patient is to be handed over. At most one row per patient: written by `hand_over`
    /// while words are missing or the notice is not over, removed by `veto_hand_over`, with the role of
    /// the last who agreed, and by each change of hands.
    #[pallet::storage]
    pub type HandOvers<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, HandOver>;

    /// The owners whose role another owner has announced to end: at most one row per controller.
    /// Written by `remove_controller`, removed by `veto_removal`, with the role of either of the two,
    /// and by each change of hands.
    #[pallet::storage]
    pub type Removals<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, AccountId, Removal>;

    /// For whom each decider has agreed to add another decider: at most one row per decider.
    /// Written by `add_controller`, removed when it is done, with the decider's role, and by each
    /// change of hands.
    #[pallet::storage]
    pub type Additions<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, AccountId, Addition>;

    /// The keyrings that a patient's present one has replaced. At most [`MAX_FORMER_KEYRINGS`] and
    /// [`KEYRINGS_RESERVED`]: written by `set_keyring` and `restore_keyring`, which also remove what
    /// they name; at the limit, `set_keyring` removes those that are kept no more.
    #[pallet::storage]
    pub type FormerKeyrings<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, Cid, FormerKeyring>;

    /// How many former keyrings a patient has: written together with them.
    #[pallet::storage]
    pub type FormerKeyringCount<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, u32, ValueQuery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// An organisation enrolled a patient, with the consent of who controls it.
        Enrolled {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            controller: AccountId,
        },
        /// Who alone decided for a patient said that they are the patient, and is an owner now.
        OwnerDeclared {
            patient: PatientId,
            actor: AccountId,
        },
        /// A patient gave another account a role.
        ControllerAdded {
            patient: PatientId,
            actor: AccountId,
            account: AccountId,
            role: ControllerRole,
            expires_at: Option<Moment>,
        },
        /// An account lost its role for a patient.
        ControllerRemoved {
            patient: PatientId,
            actor: AccountId,
            account: AccountId,
            role: ControllerRole,
        },
        /// A patient stored a new version of their encrypted keyring.
        KeyringChanged {
            patient: PatientId,
            actor: AccountId,
            keyring: Cid,
        },
        /// A patient changed the key that letters to them are encrypted to.
        InboxChanged {
            patient: PatientId,
            actor: AccountId,
            epoch: u32,
        },
        /// A patient was handed over to a new owner; all other roles and helpers ended.
        HandedOver {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
        },
        /// An organisation called an enrolment a mistake; nobody controls that patient any more.
        EnrolmentVoided {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
        },
        /// Somebody agreed to hand a patient over: others have to agree too, or a moment has to come.
        HandOverAgreed {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
            due: Option<Moment>,
        },
        /// A hand-over that had been agreed to was stopped, or ended with the role of who agreed.
        HandOverVetoed {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
        },
        /// An owner announced that another owner's role is to end, and from when it can.
        RemovalAnnounced {
            patient: PatientId,
            actor: AccountId,
            account: AccountId,
            due: Moment,
        },
        /// An announced end of an owner's role was stopped, or ended with who announced it.
        RemovalVetoed {
            patient: PatientId,
            actor: AccountId,
            account: AccountId,
        },
        /// A decider agreed to another decider; others have to agree too.
        AdditionAgreed {
            patient: PatientId,
            actor: AccountId,
            account: AccountId,
            role: ControllerRole,
            expires_at: Option<Moment>,
        },
        /// A decider's word for another decider counts no more.
        AdditionDropped {
            patient: PatientId,
            actor: AccountId,
            decider: AccountId,
            account: AccountId,
        },
        /// A patient named a keyring again that had been replaced.
        KeyringRestored {
            patient: PatientId,
            actor: AccountId,
            keyring: Cid,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No such patient is enrolled; check the id.
        NotEnrolled,
        /// The id is taken. A patient is enrolled once; make another id.
        AlreadyEnrolled,
        /// The signer lacks the role for this, or its role has ended. Ask an owner; who decides alone can
        /// declare themselves one.
        NotAuthorized,
        /// Others decide, too: hand the patient over to the account that is to own it.
        OthersDecide,
        /// The consent has expired, or the account has lost a role since; let it sign a new one.
        ConsentExpired,
        /// The account has not signed exactly this: the enrolment by this account of this
        /// organisation, the role for this patient, or that it takes this patient over.
        BadConsent,
        /// The key's length does not fit its scheme, or the scheme is unknown.
        InvalidRecipient,
        /// Keys are numbered from 0 without gaps; sign this one with the next number.
        WrongEpoch,
        /// The signature is not the controller's over this key on this chain.
        BadSignature,
        /// The account has a role for this patient; remove it first to give it another.
        AlreadyController,
        /// The account has no role for this patient.
        NotController,
        /// The patient has 16 controllers; remove one, for instance an expired one.
        TooManyControllers,
        /// A role must end later than now.
        ExpiryInPast,
        /// The signer's own role ends earlier than the one to be given; choose an earlier end.
        OutlastsOwn,
        /// Nobody who lasts would be left to decide; add another owner first.
        LastController,
        /// The keyring is not a CIDv1 with sha2-256.
        InvalidCid,
        /// The enrolment was called a mistake. Enrol the person under another id.
        Voided,
        /// An enrolment can be called a mistake for a week. Let a controller hand it over instead.
        TooLateToVoid,
        /// The consent counts for more than 30 days, or was signed in the future; let the account sign one
        /// that ends earlier.
        ConsentTooLong,
        /// The patient has 8 carers; remove one, for instance an expired one.
        TooManyCarers,
        /// It was announced, and its time has not come, or a recovery under way puts it off. Wait.
        NotDue,
        /// Nothing of this kind has been announced, or too long ago. Announce it first.
        NothingPending,
        /// Somebody who decides has not agreed. Let them agree, or veto.
        NotAgreed,
        /// 128 keyrings were replaced lately. Name one of them again, or wait until the oldest is
        /// kept no more.
        TooManyKeyrings,
        /// This keyring was not replaced lately, and is not kept. Name another.
        NotKept,
        /// The id is not the one of this controller and of the salt in the consent. Enrol under the
        /// id that the consent is for, or let the controller make an id of its own.
        PatientIdMismatch,
        /// The account is that of an organisation's staff, and the chain shows whose. Use an account
        /// of your own for your health, and for whom you act for.
        StaffAccount,
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Controllers of one patient, expired ones included.
        #[pallet::constant_name(MaxControllers)]
        fn max_controllers() -> u32 {
            MAX_CONTROLLERS
        }
        /// Carers among them.
        #[pallet::constant_name(MaxCarers)]
        fn max_carers() -> u32 {
            MAX_CARERS
        }
        /// Former keyrings of one patient.
        #[pallet::constant_name(MaxFormerKeyrings)]
        fn max_former_keyrings() -> u32 {
            MAX_FORMER_KEYRINGS
        }
        /// Milliseconds after an enrolment in which its organisation may call it a mistake.
        #[pallet::constant_name(VoidWithin)]
        fn void_within() -> Moment {
            VOID_WITHIN
        }
        /// Milliseconds between announcing the end of an owner's role, and its end.
        #[pallet::constant_name(EndingWaits)]
        fn ending_waits() -> Moment {
            ENDING_WAITS
        }
        /// Milliseconds for which something announced can be carried out once it is due.
        #[pallet::constant_name(EndingCounts)]
        fn ending_counts() -> Moment {
            ENDING_COUNTS
        }
        /// Milliseconds for which a keyring that was replaced can be named again.
        #[pallet::constant_name(UnnamingWaits)]
        fn unnaming_waits() -> Moment {
            UNNAMING_WAITS
        }
        /// Milliseconds, at most, for which an account's consent to a role counts.
        #[pallet::constant_name(ConsentLasts)]
        fn consent_lasts() -> Moment {
            CONSENT_LASTS
        }
        /// Milliseconds by which the clock of whoever signs a consent may be ahead.
        #[pallet::constant_name(ClockSkew)]
        fn clock_skew() -> Moment {
            CLOCK_SKEW
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
        /// Enrols a patient: the controller decides for it, letters get an inbox, and records their
        /// compartments.
        ///
        /// A clinician or service in good standing, with the controller's signed consent to be
        /// enrolled by exactly this account of this organisation, and the keys of inbox and
        /// compartments, which the controller signed. The id is the controller's, by the salt in the
        /// consent. Everybody gets the same number of compartments, and none ever again: one that was
        /// opened for a record would tell what the record is about.
        ///
        /// Errors: `NotAuthorized`, `StaffAccount`, `PatientIdMismatch`, `AlreadyEnrolled`, `ConsentExpired`, `BadConsent`, `InvalidRecipient`, `WrongEpoch`,
        /// `BadSignature`; those of the compartments. Event: `Enrolled`.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::enrol())]
        pub fn enrol(
            origin: OriginFor<T>,
            patient: PatientId,
            controller: AccountId,
            compartments: CompartmentSet,
            inbox: Recipient,
            consent: EnrolmentConsent,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let organisation = match T::Standing::member(&actor) {
                Some(Member::Clinician { organisation, .. }) => organisation,
                _ => return Err(Error::<T>::NotAuthorized.into()),
            };
            Self::ensure_no_staff(&controller)?;
            let genesis = T::Chain::genesis();
            ensure!(
                patient == PatientId::derive(&genesis, &controller, &consent.salt),
                Error::<T>::PatientIdMismatch
            );
            ensure!(
                !Patients::<T>::contains_key(patient),
                Error::<T>::AlreadyEnrolled
            );
            ensure!(
                T::Chain::now() < consent.expires_at,
                Error::<T>::ConsentExpired
            );
            let payload = enrolment_payload(
                &genesis,
                organisation,
                &actor,
                &patient,
                &controller,
                &consent.salt,
                consent.expires_at,
            );
            ensure!(
                verify(&consent.signature, &payload, &controller),
                Error::<T>::BadConsent
            );
            Self::ensure_inbox(patient, &inbox, 0, &controller)?;
            T::Compartments::open(patient, &controller, compartments)?;

            Inboxes::<T>::insert(
                patient,
                SignedRecipient {
                    signer: controller.clone(),
                    recipient: inbox,
                },
            );
            Self::do_enrol(patient, actor, organisation, controller);
            Ok(())
        }

        /// Gives another account a role for a patient, for good or until a moment.
        ///
        /// Owners; deciders too, but they make no owners, and another decider only together: each
        /// of them calls this with the same arguments, and the last word does it. A word counts as
        /// long as the consent it came with. Whose own role ends cannot give one that ends later;
        /// deciders together give one that ends with the last of theirs. An expired role can be
        /// given anew. With the account's signed consent to this role, for 30 days at most, and from after
        /// the account last lost a role: who resigned is not named again by an old word.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `StaffAccount`, `ExpiryInPast`, `ConsentExpired`,
        /// `ConsentTooLong`, `OutlastsOwn`, `AlreadyController`, `TooManyControllers`,
        /// `TooManyCarers`, `BadConsent`. Events: `ControllerAdded`; `AdditionAgreed` while deciders
        /// are missing; `AdditionDropped` if the decider had agreed to another one, and, with an
        /// expired role that is given anew, `RemovalVetoed` and `HandOverVetoed`.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::add_controller())]
        pub fn add_controller(
            origin: OriginFor<T>,
            patient: PatientId,
            account: AccountId,
            role: ControllerRole,
            expires_at: Option<Moment>,
            consent: RoleConsent,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let alone = T::WeightInfo::add_controller_alone();
            match Self::add(who, patient, account, role, expires_at, consent) {
                Ok(ends_words) => Ok((!ends_words).then_some(alone).into()),
                Err(error) => Err(error.with_weight(alone)),
            }
        }

        /// Takes an account's role for a patient away. An owner's whose role does not end: announces
        /// it, and the same call does it from 72 hours later on.
        ///
        /// Owners, anybody's; deciders, a carer's or an expired one; everybody, their own, at once.
        /// The last one who lasts stays. Any owner may carry out what one of them announced, for 30
        /// days; a recovery that began before it was due puts it off.
        ///
        /// Errors: `NotEnrolled`, `NotController`, `NotAuthorized`, `LastController`, `NotDue`.
        /// Events: `RemovalAnnounced` or `ControllerRemoved`; with the role, for what its holder has
        /// said about others, `AdditionDropped` and `RemovalVetoed`, and `HandOverVetoed` if nobody else
        /// has agreed to it.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::remove_controller())]
        pub fn remove_controller(
            origin: OriginFor<T>,
            patient: PatientId,
            account: AccountId,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let unused = T::WeightInfo::announce_removal();
            match Self::remove(actor, patient, account) {
                Ok(true) => Ok(().into()),
                Ok(false) => Ok(Some(unused).into()),
                Err(error) => Err(error.with_weight(unused)),
            }
        }

        /// Names the latest version of a patient's encrypted keyring. The one it replaces can be
        /// named again for 72 hours: [`Call::restore_keyring`].
        ///
        /// Owners and deciders. A patient has at most 128 keyrings that were replaced lately; who
        /// has taken a patient over within six days finds room for 16 more.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `InvalidCid`, `TooManyKeyrings`.
        /// Event: `KeyringChanged`.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::set_keyring_at_limit())]
        pub fn set_keyring(
            origin: OriginFor<T>,
            patient: PatientId,
            keyring: Cid,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            let with_room = T::WeightInfo::set_keyring();
            match Self::change_keyring(who, patient, keyring) {
                Ok(at_limit) => Ok((!at_limit).then_some(with_room).into()),
                // Only this one is found out by looking at all of them.
                Err(error) if error == Error::<T>::TooManyKeyrings.into() => Err(error.into()),
                Err(error) => Err(error.with_weight(with_room)),
            }
        }

        /// Changes the key that letters to a patient are encrypted to.
        ///
        /// Owners and deciders. The key bears the signer's signature, and the number after that
        /// of the key it replaces.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `InvalidRecipient`, `WrongEpoch`,
        /// `BadSignature`. Event: `InboxChanged`.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::set_inbox())]
        pub fn set_inbox(
            origin: OriginFor<T>,
            patient: PatientId,
            recipient: Recipient,
        ) -> DispatchResult {
            let actor = Self::ensure_decides(patient, ensure_signed(origin)?)?.actor;
            let next = Inboxes::<T>::get(patient)
                .map_or(Some(0), |inbox| inbox.recipient.epoch.checked_add(1))
                .ok_or(Error::<T>::WrongEpoch)?;
            Self::ensure_inbox(patient, &recipient, next, &actor)?;

            Inboxes::<T>::insert(
                patient,
                SignedRecipient {
                    signer: actor.clone(),
                    recipient,
                },
            );
            Self::deposit(
                patient,
                Event::InboxChanged {
                    patient,
                    actor,
                    epoch: next,
                },
            );
            Ok(())
        }

        /// Hands a patient over to a new owner, who becomes the only controller: all other roles
        /// end, and all that those who had them laid down and that acts without asking.
        ///
        /// Owners whose role does not end; where there is no owner, deciders. Each of them calls
        /// this within 30 days of the first, with the new owner's signed consent, and the last word does
        /// it. A word ends with the role of who said it. If the patient has a recovery plan, nothing changes until the plan's delay is over and somebody calls
        /// [`Call::complete_hand_over`]. Who names another owner begins anew.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `OutlastsOwn`, `StaffAccount`, `ConsentExpired`,
        /// `BadConsent`.
        /// Events: `HandedOver`, with `ControllerRemoved` for each role and one for each thing that
        /// ends; or `HandOverAgreed`, with `HandOverVetoed` if another owner had been named.
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::hand_over().saturating_add(T::OnSuccession::weight()))]
        pub fn hand_over(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
            consent: SuccessionConsent,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Self::agree_to_hand_over(who, patient, owner, consent)
                .map_err(|error| error.with_weight(T::WeightInfo::hand_over_waits()))
        }

        /// Calls an enrolment a mistake: it named the wrong person, or filed one for another.
        ///
        /// The admin of the organisation that enrolled, in good standing, for a week. All
        /// controllers lose their roles, and all that they laid down and that acts without asking
        /// ends; no grant counts any more; the id is never enrolled again. The records and the trail
        /// stay.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `Voided`, `TooLateToVoid`.
        /// Events: `EnrolmentVoided`, with `ControllerRemoved` for each role and one for each thing
        /// that ends.
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::void_enrolment().saturating_add(T::OnSuccession::weight()))]
        pub fn void_enrolment(
            origin: OriginFor<T>,
            patient: PatientId,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            Self::do_void(actor, patient)
                .map_err(|error| error.with_weight(T::WeightInfo::hand_over_waits()))?;
            Ok(().into())
        }

        /// Stops the announced end of an owner's role.
        ///
        /// Owners and deciders, the one to be removed among them.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `NothingPending`. Event: `RemovalVetoed`.
        #[pallet::call_index(9)]
        #[pallet::weight(T::WeightInfo::veto_removal())]
        pub fn veto_removal(
            origin: OriginFor<T>,
            patient: PatientId,
            account: AccountId,
        ) -> DispatchResult {
            let by = Self::ensure_decides(patient, ensure_signed(origin)?)?;
            ensure!(
                Removals::<T>::contains_key(patient, &account),
                Error::<T>::NothingPending
            );

            Removals::<T>::remove(patient, &account);
            Self::deposit_vetoed(patient, &by.actor, account);
            Ok(())
        }

        /// Hands a patient over, as all have agreed, once the notice is over.
        ///
        /// The new owner, and each of those who agreed; for 30 days. All who would be asked now must
        /// have agreed, and a recovery that began before it was due puts it off.
        ///
        /// Errors: `NothingPending`, `NotAuthorized`, `NotAgreed`, `NotDue`, `StaffAccount`.
        /// Events: those of `hand_over`.
        #[pallet::call_index(10)]
        #[pallet::weight(T::WeightInfo::complete_hand_over().saturating_add(T::OnSuccession::weight()))]
        pub fn complete_hand_over(
            origin: OriginFor<T>,
            patient: PatientId,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Self::finish_hand_over(who, patient)
                .map_err(|error| error.with_weight(T::WeightInfo::hand_over_waits()))?;
            Ok(().into())
        }

        /// Stops a hand-over, as long as it has not happened.
        ///
        /// Owners and deciders.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `NothingPending`. Event: `HandOverVetoed`.
        #[pallet::call_index(11)]
        #[pallet::weight(T::WeightInfo::veto_hand_over())]
        pub fn veto_hand_over(origin: OriginFor<T>, patient: PatientId) -> DispatchResult {
            let by = Self::ensure_decides(patient, ensure_signed(origin)?)?;
            let pending = HandOvers::<T>::get(patient).ok_or(Error::<T>::NothingPending)?;

            HandOvers::<T>::remove(patient);
            Self::deposit_not_handed_over(patient, &by.actor, pending.owner);
            Ok(())
        }

        /// Names a keyring again that was replaced; the present one becomes a former one.
        ///
        /// Owners and deciders, within 72 hours after it was replaced; if a recovery began within
        /// them, as long as it is under way, and for 72 hours after it has succeeded.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `NotKept`. Event: `KeyringRestored`.
        #[pallet::call_index(12)]
        #[pallet::weight(T::WeightInfo::restore_keyring())]
        pub fn restore_keyring(
            origin: OriginFor<T>,
            patient: PatientId,
            keyring: Cid,
        ) -> DispatchResult {
            Self::bring_keyring_back(ensure_signed(origin)?, patient, keyring)
        }

        /// Makes the signer, who alone decides for a patient, its owner: the patient themselves. Shows
        /// that this is nobody's guardian, and is needed by who wants to end others' roles, name
        /// further owners, or have helpers wait less than a week.
        ///
        /// The only one whose role to decide lives, and it does not end.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `OthersDecide`. Events: `OwnerDeclared`, and
        /// `AdditionDropped` if the signer had agreed to another decider.
        #[pallet::call_index(13)]
        #[pallet::weight(T::WeightInfo::declare_owner())]
        pub fn declare_owner(origin: OriginFor<T>, patient: PatientId) -> DispatchResult {
            Self::become_owner(ensure_signed(origin)?, patient)
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// A patient's row; none if the id is not enrolled.
        pub fn patient(patient: PatientId) -> Option<Patient> {
            Patients::<T>::get(patient)
        }

        /// An account's live role for a patient.
        pub fn controller(patient: PatientId, account: AccountId) -> Option<Controller> {
            Controllers::<T>::get(patient, account).filter(Self::is_live)
        }

        /// All rows of a patient's controllers, expired ones included, in the order of accounts.
        pub fn controllers(patient: PatientId) -> Vec<(AccountId, Controller)> {
            let mut rows: Vec<_> = Controllers::<T>::iter_prefix(patient).collect();
            rows.sort_by(|(left, _), (right, _)| left.cmp(right));
            rows
        }

        /// The hand-over that waits for words or for its time.
        pub fn pending_hand_over(patient: PatientId) -> Option<HandOver> {
            let now = T::Chain::now();
            HandOvers::<T>::get(patient).filter(|row| row.counts(now))
        }

        /// The roles that are to end, each with its account.
        pub fn pending_removals(patient: PatientId) -> Vec<(AccountId, Removal)> {
            let now = T::Chain::now();
            Removals::<T>::iter_prefix(patient)
                .filter(|(_, row)| row.counts(now))
                .collect()
        }

        /// The deciders that are to be added, each with the decider who has agreed.
        pub fn pending_additions(patient: PatientId) -> Vec<(AccountId, Addition)> {
            let now = T::Chain::now();
            Additions::<T>::iter_prefix(patient)
                .filter(|(_, row)| row.counts(now))
                .collect()
        }

        /// The patients that an account has a live role for, in the order of storage: continue after
        /// the last.
        pub fn controlled_by(
            account: AccountId,
            after: Option<PatientId>,
            limit: u32,
        ) -> Vec<PatientId> {
            let patients = match after {
                Some(patient) => ControlledBy::<T>::iter_key_prefix_from(
                    &account,
                    ControlledBy::<T>::hashed_key_for(&account, patient),
                ),
                None => ControlledBy::<T>::iter_key_prefix(&account),
            };
            patients
                .filter(|patient| Self::role(patient, &account).is_some())
                .take(limit.min(MAX_PAGE) as usize)
                .collect()
        }

        /// Keyrings that were replaced lately and can be named again, newest first.
        pub fn former_keyrings(patient: PatientId) -> Vec<(Cid, FormerKeyring)> {
            let mut rows: Vec<_> = FormerKeyrings::<T>::iter_prefix(patient)
                .filter(|(_, row)| Self::is_kept(&patient, row.until))
                .collect();
            rows.sort_by_key(|(_, former)| core::cmp::Reverse(former.until));
            rows
        }

        /// Whether vaults keep this keyring: the present one, and those that can be named again.
        pub fn is_keyring_named(patient: PatientId, keyring: Cid) -> bool {
            Patients::<T>::get(patient).is_some_and(|row| row.keyring == Some(keyring))
                || FormerKeyrings::<T>::get(patient, keyring)
                    .is_some_and(|row| Self::is_kept(&patient, row.until))
        }

        /// The key that letters to a patient are encrypted to. Verify its signature.
        pub fn inbox(patient: PatientId) -> Option<SignedRecipient> {
            Inboxes::<T>::get(patient)
        }
    }
}

/// The later of two ends; `None` never ends.
fn later(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    one.zip(other).map(|(one, other)| one.max(other))
}

impl<T: Config> Pallet<T> {
    pub(crate) fn ensure_decides_for(
        who: AccountId,
        patient: PatientId,
    ) -> Result<(AccountId, Patient), DispatchError> {
        let by = Self::ensure_decides(patient, who)?;
        let row = Patients::<T>::get(patient).ok_or(Error::<T>::NotEnrolled)?;
        Ok((by.actor, row))
    }

    pub(crate) fn ensure_no_staff(account: &AccountId) -> DispatchResult {
        ensure!(!T::Standing::is_staff(account), Error::<T>::StaffAccount);
        Ok(())
    }

    fn ensure_inbox(
        patient: PatientId,
        recipient: &Recipient,
        epoch: u32,
        signer: &AccountId,
    ) -> DispatchResult {
        ensure!(recipient.is_well_formed(), Error::<T>::InvalidRecipient);
        ensure!(recipient.epoch == epoch, Error::<T>::WrongEpoch);
        ensure!(
            recipient.is_signed_by(signer, &T::Chain::genesis(), &Subject::Inbox(patient)),
            Error::<T>::BadSignature
        );
        Ok(())
    }

    fn deposit(patient: PatientId, event: Event<T>) {
        T::Trail::deposit(&patient, event.into());
    }
}
