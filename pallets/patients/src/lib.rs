//! # Patients
//!
//! Who controls which patient.
//!
//! ## Overview
//!
//! A patient is 16 random bytes and never signs anything. **Accounts control patients**: the
//! patient's own as owner, a parent's or an attorney's as guardian under their own name, a
//! relative's as carer who may answer requests. So keys can be lost and replaced, a child has a
//! chart before it has a key, and nobody's name is on the chain.
//!
//! ## Scenario
//!
//! 1. At the hospital's desk a new patient's phone makes an id and keys, and signs that *this*
//!    clinician of *this* hospital may enrol *this* id: [`EnrolmentConsent`].
//! 2. The clinician calls [`Call::enrol`]. The phone's account is now owner; letters have an inbox,
//!    and results have a compartment to arrive in.
//! 3. The patient calls [`Call::add_controller`]: her tablet as a second owner, her daughter as
//!    carer until the end of the year.
//! 4. The phone is stolen. From the tablet she calls [`Call::restrict`] (nobody reads anything for
//!    now), then [`Call::remove_controller`], and changes her keys.
//! 5. A child's chart was enrolled with its mother as guardian; the father joined. At 18 the child
//!    makes keys and signs that it takes the chart over: [`SuccessionConsent`]. Both parents say so
//!    with [`Call::hand_over`], and with the second word the child is the only controller.
//! 6. A desk enrolled the wrong person. The hospital's admin ends that with
//!    [`Call::void_enrolment`], within a week.
//!
//! ## Design
//!
//! * **A `patient` argument only locates.** Authority comes from `Controllers`, about the signer,
//!   through [`Control`]; every event says who acted.
//! * **Roles end by the clock.** An expired row has no power, even while nobody has removed it.
//! * **Nobody gives more than they have.** Guardians do not make owners; whose own role ends cannot
//!   give one that ends later.
//! * **Someone stays.** The last lasting owner cannot be removed, nor the last lasting guardian of
//!   a patient who has no such owner: there would be nobody left to decide. Only who was enrolled
//!   by mistake has nobody, and nobody may read that chart ever after.
//! * **No guardian ends another's role**, not by handing the chart to an accomplice either: all of
//!   them say so, and none while there is an owner. The chain knows nobody's age.
//! * **Whoever comes after begins without helpers**: those that somebody else named are dismissed.
//! * **Accounts stay.** Each gets a provider reference with its first role, and none is ever taken
//!   back: a reaped account would start again at nonce 0, and old transactions could be replayed.
//! * **A consent enrols once**, because it names the patient, and a patient is enrolled once.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod control;
#[cfg(test)]
mod mock;
mod succession;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
pub mod weights;

use alloc::vec::Vec;
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use salus_primitives::{
    api::MAX_PAGE,
    signing::{enrolment_payload, verify},
    traits::{Chain, Control, Helpers, OpenIntake, Standing, Succession, Trail},
    AccountId, Cid, CompartmentId, Controller, ControllerRole, EnrolmentConsent, Member, Moment,
    OrgId, Patient, PatientId, Recipient, SignedRecipient, Subject, SuccessionConsent, DAY,
};

pub use pallet::*;
pub use weights::WeightInfo;

/// Controllers of one patient, expired ones included. Do not reduce.
pub const MAX_CONTROLLERS: u32 = 16;

/// How long after an enrolment its organisation may call it a mistake.
pub const VOID_WITHIN: Moment = 7 * DAY;

/// On whose allowance an account may transact although no organisation credentialed it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Sponsor {
    pub organisation: OrgId,
    /// The patients that the account has a role for.
    pub patients: u32,
    /// When the last of its roles ends; none if one of them does not end. May be later than the
    /// roles that are left, never earlier.
    pub until: Option<Moment>,
}

/// A patient that guardians hand over, while some of them have not said so yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct HandOver {
    pub owner: AccountId,
    /// Who has said so.
    pub guardians: BoundedVec<AccountId, ConstU32<MAX_CONTROLLERS>>,
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
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;
        type Standing: Standing<AccountId>;

        /// Opens the compartment that every patient has from the first day.
        type Intake: OpenIntake<AccountId>;

        /// Who was named to help a patient back in.
        type Helpers: Helpers;

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
    /// `add_controller`, removed by `remove_controller`; expired rows stay until then.
    #[pallet::storage]
    pub type Controllers<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, AccountId, Controller>;

    /// The same by account, written and removed together with `Controllers`. An account may have
    /// any number of patients: nothing on the chain walks them, and each row is one of the at most
    /// 16 of a patient, who was paid for by an enrolment.
    #[pallet::storage]
    pub type ControlledBy<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Blake2_128Concat, PatientId, ()>;

    /// One row per account in `ControlledBy`, removed with its last role.
    #[pallet::storage]
    pub type Sponsors<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Sponsor>;

    /// Where letters to a patient go. One per patient: written by `enrol`, replaced by `set_inbox`.
    #[pallet::storage]
    pub type Inboxes<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, SignedRecipient>;

    /// To whom guardians hand a patient over. At most one row per patient: written by `hand_over`
    /// while not all of them have said so, removed with the change of hands.
    #[pallet::storage]
    pub type HandOvers<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, HandOver>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// An organisation enrolled a patient, with the consent of who controls it.
        Enrolled {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            controller: AccountId,
            role: ControllerRole,
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
        /// A patient closed their records to everybody for now.
        Restricted {
            patient: PatientId,
            actor: AccountId,
        },
        /// A patient let the grants that have not ended count again.
        Lifted {
            patient: PatientId,
            actor: AccountId,
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
        /// A guardian agreed to hand a patient over; others have to agree too.
        HandOverAgreed {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No such patient is enrolled; check the id.
        NotEnrolled,
        /// The id is taken. A patient is enrolled once; make another id.
        AlreadyEnrolled,
        /// The signer lacks the role for this, or its role has ended. Ask an owner.
        NotAuthorized,
        /// Patients are enrolled with an owner or a guardian; carers come later.
        RoleNotAllowed,
        /// The consent has expired; let the controller sign a new one.
        ConsentExpired,
        /// The controller has not signed this enrolment by this account of this organisation, or the
        /// new owner not that it takes over this patient.
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
        /// The patient's records are closed already.
        AlreadyRestricted,
        /// The patient's records are not closed.
        NotRestricted,
        /// The enrolment was called a mistake. Enrol the person under another id.
        Voided,
        /// An enrolment can be called a mistake for a week. Let a controller hand it over instead.
        TooLateToVoid,
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
        /// Enrols a patient: the controller becomes owner or guardian, letters get an inbox, and
        /// records a compartment to arrive in.
        ///
        /// A clinician or service in good standing, with the controller's signed consent to be
        /// enrolled by exactly this account of this organisation, and two keys that the controller
        /// signed.
        ///
        /// Errors: `NotAuthorized`, `RoleNotAllowed`, `AlreadyEnrolled`, `ConsentExpired`,
        /// `BadConsent`, `InvalidRecipient`, `WrongEpoch`, `BadSignature`; those of the intake
        /// compartment. Events: `Enrolled`, and the opening of the compartment.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::enrol())]
        pub fn enrol(
            origin: OriginFor<T>,
            patient: PatientId,
            controller: AccountId,
            role: ControllerRole,
            intake: CompartmentId,
            intake_recipient: Recipient,
            inbox: Recipient,
            consent: EnrolmentConsent,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let organisation = match T::Standing::member(&actor) {
                Some(Member::Clinician { organisation, .. }) => organisation,
                _ => return Err(Error::<T>::NotAuthorized.into()),
            };
            ensure!(role != ControllerRole::Carer, Error::<T>::RoleNotAllowed);
            ensure!(
                !Patients::<T>::contains_key(patient),
                Error::<T>::AlreadyEnrolled
            );
            ensure!(
                T::Chain::now() < consent.expires_at,
                Error::<T>::ConsentExpired
            );
            let payload = enrolment_payload(
                &T::Chain::genesis(),
                organisation,
                &actor,
                &patient,
                &controller,
                role,
                &consent.nonce,
                consent.expires_at,
            );
            ensure!(
                verify(&consent.signature, &payload, &controller),
                Error::<T>::BadConsent
            );
            Self::ensure_inbox(patient, &inbox, 0, &controller)?;

            Inboxes::<T>::insert(
                patient,
                SignedRecipient {
                    signer: controller.clone(),
                    recipient: inbox,
                },
            );
            Self::do_enrol(
                patient,
                actor.clone(),
                organisation,
                controller.clone(),
                role,
            );
            T::Intake::open_intake(patient, &actor, &controller, intake, intake_recipient)
        }

        /// Gives another account a role for a patient, for good or until a moment.
        ///
        /// Owners; guardians too, but they make no owners. Whose own role ends cannot give one
        /// that ends later. An expired role can be given anew.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `ExpiryInPast`, `OutlastsOwn`,
        /// `AlreadyController`, `TooManyControllers`. Event: `ControllerAdded`.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::add_controller())]
        pub fn add_controller(
            origin: OriginFor<T>,
            patient: PatientId,
            account: AccountId,
            role: ControllerRole,
            expires_at: Option<Moment>,
        ) -> DispatchResult {
            let by = Self::ensure_decides(patient, ensure_signed(origin)?)?;
            ensure!(
                by.role == ControllerRole::Owner || role != ControllerRole::Owner,
                Error::<T>::NotAuthorized
            );
            ensure!(
                expires_at.is_none_or(|end| end > T::Chain::now()),
                Error::<T>::ExpiryInPast
            );
            let own = Controllers::<T>::get(patient, &by.actor).and_then(|row| row.expires_at);
            ensure!(later(own, expires_at) == own, Error::<T>::OutlastsOwn);
            ensure!(
                Self::role(&patient, &account).is_none(),
                Error::<T>::AlreadyController
            );
            ensure!(
                Controllers::<T>::contains_key(patient, &account)
                    || Controllers::<T>::iter_key_prefix(patient).count()
                        < MAX_CONTROLLERS as usize,
                Error::<T>::TooManyControllers
            );
            let enrolled_by = Patients::<T>::get(patient)
                .ok_or(Error::<T>::NotEnrolled)?
                .enrolled_by;

            let row = Controller { role, expires_at };
            Self::insert_controller(patient, &account, row, enrolled_by);
            Self::deposit(
                patient,
                Event::ControllerAdded {
                    patient,
                    actor: by.actor,
                    account,
                    role,
                    expires_at,
                },
            );
            Ok(())
        }

        /// Takes an account's role for a patient away.
        ///
        /// Owners, anybody's; guardians, a carer's or an expired one; everybody, their own. The
        /// last one who lasts stays.
        ///
        /// Errors: `NotEnrolled`, `NotController`, `NotAuthorized`, `LastController`.
        /// Event: `ControllerRemoved`.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::remove_controller())]
        pub fn remove_controller(
            origin: OriginFor<T>,
            patient: PatientId,
            account: AccountId,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            ensure!(Self::is_enrolled(&patient), Error::<T>::NotEnrolled);
            let role = Self::role(&patient, &actor).ok_or(Error::<T>::NotAuthorized)?;
            let row = Controllers::<T>::get(patient, &account).ok_or(Error::<T>::NotController)?;
            let entitled = actor == account
                || match role {
                    ControllerRole::Owner => true,
                    ControllerRole::Guardian => {
                        row.role == ControllerRole::Carer || !Self::is_live(&row)
                    }
                    ControllerRole::Carer => false,
                };
            ensure!(entitled, Error::<T>::NotAuthorized);
            ensure!(
                !Self::is_last(patient, &account, &row),
                Error::<T>::LastController
            );

            Self::delete_controller(patient, &account);
            Self::deposit(
                patient,
                Event::ControllerRemoved {
                    patient,
                    actor,
                    account,
                    role: row.role,
                },
            );
            Ok(())
        }

        /// Names the latest version of a patient's encrypted keyring.
        ///
        /// Owners and guardians.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `InvalidCid`. Event: `KeyringChanged`.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::set_keyring())]
        pub fn set_keyring(
            origin: OriginFor<T>,
            patient: PatientId,
            keyring: Cid,
        ) -> DispatchResult {
            let (actor, mut row) = Self::ensure_decides_for(origin, patient)?;
            ensure!(keyring.is_well_formed(), Error::<T>::InvalidCid);

            row.keyring = Some(keyring);
            Patients::<T>::insert(patient, row);
            Self::deposit(
                patient,
                Event::KeyringChanged {
                    patient,
                    actor,
                    keyring,
                },
            );
            Ok(())
        }

        /// Closes a patient's records to everybody but the controllers, at once and until lifted:
        /// no grant counts meanwhile.
        ///
        /// Owners and guardians.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `AlreadyRestricted`. Event: `Restricted`.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::restrict())]
        pub fn restrict(origin: OriginFor<T>, patient: PatientId) -> DispatchResult {
            let (actor, mut row) = Self::ensure_decides_for(origin, patient)?;
            ensure!(
                row.restricted_since.is_none(),
                Error::<T>::AlreadyRestricted
            );

            row.restricted_since = Some(T::Chain::now());
            Patients::<T>::insert(patient, row);
            Self::deposit(patient, Event::Restricted { patient, actor });
            Ok(())
        }

        /// Lets the grants that have not ended meanwhile count again.
        ///
        /// Owners and guardians.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `NotRestricted`. Event: `Lifted`.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::lift())]
        pub fn lift(origin: OriginFor<T>, patient: PatientId) -> DispatchResult {
            let (actor, mut row) = Self::ensure_decides_for(origin, patient)?;
            ensure!(row.restricted_since.is_some(), Error::<T>::NotRestricted);

            row.restricted_since = None;
            Patients::<T>::insert(patient, row);
            Self::deposit(patient, Event::Lifted { patient, actor });
            Ok(())
        }

        /// Changes the key that letters to a patient are encrypted to.
        ///
        /// Owners and guardians. The key bears the signer's signature, and the number after that
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
        /// end, and so do the plan and the recoveries of helpers whom somebody else has named.
        ///
        /// An owner whose role does not end; where there is no owner, the guardians: each of them
        /// calls this, and the last word does it. With the new owner's signed consent.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `OutlastsOwn`, `ConsentExpired`, `BadConsent`.
        /// Events: `HandedOver`; `HandOverAgreed` while guardians are missing.
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::hand_over())]
        pub fn hand_over(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
            consent: SuccessionConsent,
        ) -> DispatchResult {
            let by = Self::ensure_decides(patient, ensure_signed(origin)?)?;
            if by.role == ControllerRole::Owner {
                ensure!(
                    Self::owns_for_good(&patient, &by.actor),
                    Error::<T>::OutlastsOwn
                );
            } else {
                ensure!(!Self::has_owner(&patient), Error::<T>::NotAuthorized);
            }
            ensure!(
                T::Chain::now() < consent.expires_at,
                Error::<T>::ConsentExpired
            );
            ensure!(
                consent.is_signed_by(&owner, &T::Chain::genesis(), &patient),
                Error::<T>::BadConsent
            );

            let actor = by.actor;
            if by.role == ControllerRole::Guardian {
                let agreed = Self::agreed(patient, &actor, &owner)?;
                if !Self::is_unanimous(patient, &agreed) {
                    HandOvers::<T>::insert(patient, agreed);
                    let event = Event::HandOverAgreed {
                        patient,
                        actor,
                        owner,
                    };
                    Self::deposit(patient, event);
                    return Ok(());
                }
            }
            Self::succeed(patient, &owner)?;
            T::Helpers::dismiss(&patient);
            Self::deposit(
                patient,
                Event::HandedOver {
                    patient,
                    actor,
                    owner,
                },
            );
            Ok(())
        }

        /// Calls an enrolment a mistake: it named the wrong person, or filed one for another.
        ///
        /// The admin of the organisation that enrolled, in good standing, for a week. All
        /// controllers lose their roles and helpers their plan; no grant counts any more; the id is
        /// never enrolled again. The records and the trail stay.
        ///
        /// Errors: `NotEnrolled`, `NotAuthorized`, `Voided`, `TooLateToVoid`.
        /// Event: `EnrolmentVoided`.
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::void_enrolment())]
        pub fn void_enrolment(origin: OriginFor<T>, patient: PatientId) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let mut row = Patients::<T>::get(patient).ok_or(Error::<T>::NotEnrolled)?;
            let organisation = row.enrolled_by;
            ensure!(
                T::Standing::member(&actor) == Some(Member::Admin { organisation }),
                Error::<T>::NotAuthorized
            );
            let controllers = Self::ensure_controllers(patient)?;
            let now = T::Chain::now();
            ensure!(
                now < row.enrolled_at.saturating_add(VOID_WITHIN),
                Error::<T>::TooLateToVoid
            );

            for account in &controllers {
                Self::delete_controller(patient, account);
            }
            HandOvers::<T>::remove(patient);
            T::Helpers::dismiss(&patient);
            row.restricted_since = row.restricted_since.or(Some(now));
            Patients::<T>::insert(patient, row);
            Self::deposit(
                patient,
                Event::EnrolmentVoided {
                    patient,
                    actor,
                    organisation,
                },
            );
            Ok(())
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

        /// The patients that an account has a live role for, in their order; at most a page.
        pub fn controlled_by(account: AccountId) -> Vec<PatientId> {
            let mut patients: Vec<_> = ControlledBy::<T>::iter_key_prefix(&account)
                .filter(|patient| Self::role(patient, &account).is_some())
                .take(MAX_PAGE as usize)
                .collect();
            patients.sort();
            patients
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
    /// Writes what an enrolment leaves behind, once somebody has checked that it may: not the keys.
    pub fn do_enrol(
        patient: PatientId,
        actor: AccountId,
        organisation: OrgId,
        controller: AccountId,
        role: ControllerRole,
    ) {
        Patients::<T>::insert(
            patient,
            Patient {
                enrolled_by: organisation,
                enrolled_at: T::Chain::now(),
                restricted_since: None,
                keyring: None,
            },
        );
        let row = Controller {
            role,
            expires_at: None,
        };
        Self::insert_controller(patient, &controller, row, organisation);
        // Who consents to be enrolled chooses the sponsor. Being made a controller by a stranger
        // does not, or a stranger's organisation could use up somebody's allowance.
        Sponsors::<T>::mutate(&controller, |sponsor| {
            if let Some(sponsor) = sponsor {
                sponsor.organisation = organisation;
            }
        });
        Self::deposit(
            patient,
            Event::Enrolled {
                patient,
                actor,
                organisation,
                controller,
                role,
            },
        );
    }

    /// An expired row may be there already.
    fn insert_controller(
        patient: PatientId,
        account: &AccountId,
        row: Controller,
        organisation: OrgId,
    ) {
        let is_new = !Controllers::<T>::contains_key(patient, account);
        Sponsors::<T>::mutate(account, |sponsor| match sponsor {
            Some(sponsor) => {
                sponsor.patients = sponsor.patients.saturating_add(u32::from(is_new));
                sponsor.until = later(sponsor.until, row.expires_at);
            }
            None => {
                frame_system::Pallet::<T>::inc_providers(account);
                *sponsor = Some(Sponsor {
                    organisation,
                    patients: 1,
                    until: row.expires_at,
                });
            }
        });
        Controllers::<T>::insert(patient, account, row);
        ControlledBy::<T>::insert(account, patient, ());
    }

    /// The account keeps its provider reference; see the crate's docs.
    fn delete_controller(patient: PatientId, account: &AccountId) {
        Controllers::<T>::remove(patient, account);
        ControlledBy::<T>::remove(account, patient);
        Sponsors::<T>::mutate_exists(account, |sponsor| {
            *sponsor = sponsor.take().and_then(|mut sponsor| {
                sponsor.patients = sponsor.patients.saturating_sub(1);
                (sponsor.patients > 0).then_some(sponsor)
            });
        });
    }

    /// Whether nobody who lasts would be left to decide in this one's place. Guardians cannot
    /// make an owner, so another guardian is no substitute for the last owner.
    fn is_last(patient: PatientId, account: &AccountId, row: &Controller) -> bool {
        let lasts =
            |row: &Controller| row.role != ControllerRole::Carer && row.expires_at.is_none();
        lasts(row)
            && !Controllers::<T>::iter_prefix(patient).any(|(other, substitute)| {
                other != *account
                    && lasts(&substitute)
                    && (row.role == ControllerRole::Guardian
                        || substitute.role == ControllerRole::Owner)
            })
    }

    pub(crate) fn is_live(row: &Controller) -> bool {
        row.expires_at.is_none_or(|end| T::Chain::now() < end)
    }

    fn ensure_decides_for(
        origin: OriginFor<T>,
        patient: PatientId,
    ) -> Result<(AccountId, Patient), DispatchError> {
        let by = Self::ensure_decides(patient, ensure_signed(origin)?)?;
        let row = Patients::<T>::get(patient).ok_or(Error::<T>::NotEnrolled)?;
        Ok((by.actor, row))
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
