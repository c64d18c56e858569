//! Worst cases: 16 controllers, signatures wrapped as browser wallets do (both ways are tried).

use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::{
    rows::DAY,
    signing::{recipient_payload, succession_payload},
    traits::{BenchmarkAdmin, BenchmarkWorld},
};
use sp_core::{crypto::KeyTypeId, sr25519};
use sp_runtime::MultiSignature;

use super::*;

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"salu");
const PATIENT: PatientId = PatientId([0x5a; 16]);

type World<T> = <T as Config>::BenchmarkWorld;

fn signer() -> (sr25519::Public, AccountId) {
    let public = sp_io::crypto::sr25519_generate(KEY_TYPE, None);
    (public, AccountId::new(public.0))
}

fn sign(public: &sr25519::Public, payload: &[u8]) -> MultiSignature {
    let wrapped: Vec<u8> = [b"<Bytes>", payload, b"</Bytes>"].concat();
    let signature =
        sp_io::crypto::sr25519_sign(KEY_TYPE, public, &wrapped).expect("a key just made; qed");
    MultiSignature::Sr25519(signature)
}

fn recipient<T: Config>(public: &sr25519::Public, subject: Subject, epoch: u32) -> Recipient {
    let key = vec![7; 32];
    let payload = recipient_payload(&T::Chain::genesis(), &subject, 0, &key, epoch);
    Recipient {
        scheme: 0,
        key: key.try_into().expect("32 bytes; qed"),
        epoch,
        signature: sign(public, &payload),
    }
}

/// An owner and 15 carers.
fn crowded<T: Config>(owner: AccountId, but: u32) {
    let (actor, organisation) = World::<T>::clinician();
    Pallet::<T>::do_enrol(
        PATIENT,
        actor,
        organisation,
        owner.clone(),
        ControllerRole::Owner,
    );
    for seed in 1..MAX_CONTROLLERS.saturating_sub(but) {
        Pallet::<T>::add_controller(
            RawOrigin::Signed(owner.clone()).into(),
            PATIENT,
            account("carer", seed, 0),
            ControllerRole::Carer,
            None,
        )
        .expect("room for a controller; qed");
    }
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn enrol() {
        let (actor, organisation) = World::<T>::clinician();
        let (public, controller) = signer();
        let intake = CompartmentId([1; 16]);
        let expires_at = T::Chain::now().saturating_add(DAY);
        let payload = enrolment_payload(
            &T::Chain::genesis(),
            organisation,
            &actor,
            &PATIENT,
            &controller,
            ControllerRole::Owner,
            &[2; 16],
            expires_at,
        );
        let consent = EnrolmentConsent {
            nonce: [2; 16],
            expires_at,
            signature: sign(&public, &payload),
        };
        let intake_recipient = recipient::<T>(&public, Subject::Compartment(PATIENT, intake), 0);
        let inbox = recipient::<T>(&public, Subject::Inbox(PATIENT), 0);
        #[extrinsic_call]
        _(
            RawOrigin::Signed(actor),
            PATIENT,
            controller,
            ControllerRole::Owner,
            intake,
            intake_recipient,
            inbox,
            consent,
        );
        assert!(Patients::<T>::contains_key(PATIENT));
    }

    #[benchmark]
    fn add_controller() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(owner.clone(), 1);
        let added: AccountId = account("added", 0, 0);
        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner),
            PATIENT,
            added.clone(),
            ControllerRole::Owner,
            None,
        );
        assert!(Controllers::<T>::contains_key(PATIENT, added));
    }

    #[benchmark]
    fn remove_controller() {
        let owner: AccountId = account("owner", 0, 0);
        let added: AccountId = account("added", 0, 0);
        crowded::<T>(owner.clone(), 1);
        Pallet::<T>::add_controller(
            RawOrigin::Signed(owner.clone()).into(),
            PATIENT,
            added.clone(),
            ControllerRole::Owner,
            None,
        )
        .expect("room for a controller; qed");
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, added.clone());
        assert!(!Controllers::<T>::contains_key(PATIENT, added));
    }

    #[benchmark]
    fn set_keyring() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(owner.clone(), 0);
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, Cid::dag_pb([3; 32]));
        assert!(Pallet::<T>::patient(PATIENT).is_some_and(|row| row.keyring.is_some()));
    }

    #[benchmark]
    fn restrict() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(owner.clone(), 0);
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT);
        assert!(Pallet::<T>::is_restricted(&PATIENT));
    }

    #[benchmark]
    fn lift() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(owner.clone(), 0);
        Pallet::<T>::restrict(RawOrigin::Signed(owner.clone()).into(), PATIENT)
            .expect("an owner; qed");
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT);
        assert!(!Pallet::<T>::is_restricted(&PATIENT));
    }

    #[benchmark]
    fn set_inbox() {
        let (public, owner) = signer();
        crowded::<T>(owner.clone(), 0);
        let inbox = recipient::<T>(&public, Subject::Inbox(PATIENT), 0);
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, inbox);
        assert!(Inboxes::<T>::contains_key(PATIENT));
    }

    /// Two guardians, 14 carers, and the second guardian's word.
    #[benchmark]
    fn hand_over() {
        let guardian = |seed| account::<AccountId>("guardian", seed, 0);
        let (actor, organisation) = World::<T>::clinician();
        Pallet::<T>::do_enrol(
            PATIENT,
            actor,
            organisation,
            guardian(0),
            ControllerRole::Guardian,
        );
        for seed in 1..MAX_CONTROLLERS {
            let (added, role) = match seed {
                1 => (guardian(1), ControllerRole::Guardian),
                _ => (account("carer", seed, 0), ControllerRole::Carer),
            };
            Pallet::<T>::add_controller(
                RawOrigin::Signed(guardian(0)).into(),
                PATIENT,
                added,
                role,
                None,
            )
            .expect("room for a controller; qed");
        }
        let (public, owner) = signer();
        let expires_at = T::Chain::now().saturating_add(DAY);
        let payload = succession_payload(&T::Chain::genesis(), &PATIENT, &owner, expires_at);
        let consent = SuccessionConsent {
            expires_at,
            signature: sign(&public, &payload),
        };
        Pallet::<T>::hand_over(
            RawOrigin::Signed(guardian(0)).into(),
            PATIENT,
            owner.clone(),
            consent.clone(),
        )
        .expect("a guardian; qed");
        #[extrinsic_call]
        _(
            RawOrigin::Signed(guardian(1)),
            PATIENT,
            owner.clone(),
            consent,
        );
        assert!(Pallet::<T>::owns_for_good(&PATIENT, &owner));
    }

    #[benchmark]
    fn void_enrolment() {
        crowded::<T>(account("owner", 0, 0), 0);
        let admin = World::<T>::admin();
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), PATIENT);
        assert_eq!(Controllers::<T>::iter_key_prefix(PATIENT).count(), 0);
    }
}
