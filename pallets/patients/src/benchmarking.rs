//! Worst cases: 16 controllers, each with a word about another, and 8 other patients to look for a
//! sponsor among; 128 former keyrings; signatures wrapped as browser wallets do (both ways are tried).

use alloc::{vec, vec::Vec};
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::{
    rows::DAY,
    signing::{compartments_payload, recipient_payload, role_payload, succession_payload},
    traits::{BenchmarkAdmin, BenchmarkWorld, Succession},
};
use sp_core::{crypto::KeyTypeId, sr25519};
use sp_runtime::MultiSignature;

use super::*;
use salus_primitives::CompartmentId;

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
    let key = [7; 32];
    let payload = recipient_payload(&T::Chain::genesis(), &subject, 0, &key, epoch);
    Recipient {
        scheme: 0,
        key,
        epoch,
        signature: sign(public, &payload),
    }
}

fn role_consent<T: Config>(public: &sr25519::Public, role: ControllerRole) -> RoleConsent {
    let signed_at = T::Chain::now().saturating_add(1);
    let expires_at = signed_at.saturating_add(DAY);
    let account = AccountId::new(public.0);
    let payload = role_payload(
        &T::Chain::genesis(),
        &PATIENT,
        &account,
        role,
        signed_at,
        expires_at,
    );
    RoleConsent {
        signed_at,
        expires_at,
        signature: sign(public, &payload),
    }
}

fn succession_consent<T: Config>(public: &sr25519::Public) -> SuccessionConsent {
    let expires_at = T::Chain::now().saturating_add(DAY);
    let owner = AccountId::new(public.0);
    let payload = succession_payload(&T::Chain::genesis(), &PATIENT, &owner, expires_at);
    SuccessionConsent {
        expires_at,
        signature: sign(public, &payload),
    }
}

/// Other patients of an account, whose roles have ended but for that of the last.
fn busy<T: Config>(controller: &AccountId) {
    for seed in 0..SPONSORS_TRIED {
        let mut id = [0xee; 16];
        id[..4].copy_from_slice(&seed.to_le_bytes());
        let ended = (seed + 1 < SPONSORS_TRIED).then_some(0);
        let row = Controller {
            role: ControllerRole::Carer,
            expires_at: ended,
        };
        Pallet::<T>::insert_controller(PatientId(id), controller, row);
    }
    Sponsors::<T>::mutate(controller, |sponsor| {
        if let Some(sponsor) = sponsor {
            sponsor.patient = PATIENT;
        }
    });
}

/// A patient with as many controllers of this role as there can be but so many: the first enrolled
/// it. Only roles of this pallet are given: no events, no signatures.
fn crowded<T: Config>(first: &AccountId, role: ControllerRole, but: u32) -> Vec<AccountId> {
    let (actor, organisation) = World::<T>::clinician();
    Pallet::<T>::do_enrol(PATIENT, actor, organisation, first.clone());
    let own = Controller {
        role,
        expires_at: None,
    };
    Controllers::<T>::insert(PATIENT, first, own);
    let mut all = vec![first.clone()];
    for seed in 1..MAX_CONTROLLERS.saturating_sub(but) {
        let other: AccountId = account("other", seed, 0);
        let row = Controller {
            role,
            expires_at: None,
        };
        Pallet::<T>::insert_controller(PATIENT, &other, row);
        all.push(other);
    }
    for account in &all {
        busy::<T>(account);
    }
    all
}

/// Each of them has announced that the next one's role is to end.
fn announced<T: Config>(owners: &[AccountId]) {
    for (index, by) in owners.iter().enumerate() {
        let row = Removal {
            by: by.clone(),
            due: T::Chain::now(),
        };
        Removals::<T>::insert(PATIENT, &owners[(index + 1) % owners.len()], row);
    }
}

/// Each of them has agreed to add this account, until tomorrow.
fn agreed<T: Config>(deciders: &[AccountId], account: &AccountId) {
    for decider in deciders {
        let word = Addition {
            account: account.clone(),
            role: ControllerRole::Decider,
            expires_at: None,
            counts_until: T::Chain::now().saturating_add(DAY),
        };
        Additions::<T>::insert(PATIENT, decider, word);
    }
}

/// All of them have agreed to hand the patient over, and the notice is over.
fn handed_over<T: Config>(by: &[AccountId], owner: &AccountId) {
    let row = HandOver {
        owner: owner.clone(),
        agreed: BoundedVec::truncate_from(by.to_vec()),
        words_until: Moment::MAX,
        due: Some(T::Chain::now()),
    };
    HandOvers::<T>::insert(PATIENT, row);
}

fn keyring(seed: u32) -> Cid {
    let mut digest = [3; 32];
    digest[..4].copy_from_slice(&seed.to_le_bytes());
    Cid::dag_pb(digest)
}

/// A present keyring, and so many that it replaced and nobody keeps any more.
fn replaced<T: Config>(by: &AccountId, count: u32) {
    for seed in 0..count {
        let row = FormerKeyring {
            until: 0,
            replaced_by: by.clone(),
        };
        FormerKeyrings::<T>::insert(PATIENT, keyring(seed), row);
    }
    FormerKeyringCount::<T>::insert(PATIENT, count);
    Patients::<T>::mutate(PATIENT, |row| {
        if let Some(row) = row {
            row.keyring = Some(keyring(1_000));
        }
    });
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn enrol() {
        let (actor, organisation) = World::<T>::clinician();
        let (public, controller) = signer();
        let salt = [2; 16];
        let patient = PatientId::derive(&T::Chain::genesis(), &controller, &salt);
        let expires_at = T::Chain::now().saturating_add(DAY);
        let payload = enrolment_payload(
            &T::Chain::genesis(),
            organisation,
            &actor,
            &patient,
            &controller,
            &salt,
            expires_at,
        );
        let consent = EnrolmentConsent {
            salt,
            expires_at,
            signature: sign(&public, &payload),
        };
        let compartments =
            core::array::from_fn(|number| (CompartmentId([number as u8; 16]), [number as u8; 32]));
        let payload = compartments_payload(&T::Chain::genesis(), &patient, 0, &compartments);
        let compartments = CompartmentSet {
            scheme: 0,
            compartments,
            signature: sign(&public, &payload),
        };
        let inbox = recipient::<T>(&public, Subject::Inbox(patient), 0);
        #[extrinsic_call]
        _(
            RawOrigin::Signed(actor),
            patient,
            controller,
            compartments,
            inbox,
            consent,
        );
        assert!(Patients::<T>::contains_key(patient));
    }

    /// The last word of 15 deciders.
    #[benchmark]
    fn add_controller() {
        let decider: AccountId = account("decider", 0, 0);
        let all = crowded::<T>(&decider, ControllerRole::Decider, 1);
        let (public, added) = signer();
        agreed::<T>(&all[1..], &added);
        Released::<T>::insert(&added, 0);
        let consent = role_consent::<T>(&public, ControllerRole::Decider);
        #[extrinsic_call]
        _(
            RawOrigin::Signed(decider),
            PATIENT,
            added.clone(),
            ControllerRole::Decider,
            None,
            consent,
        );
        assert!(Controllers::<T>::contains_key(PATIENT, added));
    }

    #[benchmark]
    fn add_controller_alone() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(&owner, ControllerRole::Owner, 1);
        let (public, added) = signer();
        Released::<T>::insert(&added, 0);
        let consent = role_consent::<T>(&public, ControllerRole::Owner);
        #[extrinsic_call]
        add_controller(
            RawOrigin::Signed(owner),
            PATIENT,
            added.clone(),
            ControllerRole::Owner,
            None,
            consent,
        );
        assert!(Controllers::<T>::contains_key(PATIENT, added));
    }

    /// Another owner, announced and due, who has announced something about all others, and agreed to a
    /// hand-over.
    #[benchmark]
    fn remove_controller() {
        let owner: AccountId = account("owner", 0, 0);
        let all = crowded::<T>(&owner, ControllerRole::Owner, 0);
        for other in &all {
            let row = Removal {
                by: all[1].clone(),
                due: T::Chain::now(),
            };
            Removals::<T>::insert(PATIENT, other, row);
        }
        handed_over::<T>(&all, &account("next", 0, 0));
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, all[1].clone());
        assert!(!Controllers::<T>::contains_key(PATIENT, &all[1]));
        assert_eq!(Removals::<T>::iter_key_prefix(PATIENT).count(), 0);
    }

    #[benchmark]
    fn announce_removal() {
        let owner: AccountId = account("owner", 0, 0);
        let all = crowded::<T>(&owner, ControllerRole::Owner, 0);
        #[extrinsic_call]
        remove_controller(RawOrigin::Signed(owner), PATIENT, all[1].clone());
        assert!(Removals::<T>::contains_key(PATIENT, &all[1]));
    }

    #[benchmark]
    fn veto_removal() {
        let owner: AccountId = account("owner", 0, 0);
        let all = crowded::<T>(&owner, ControllerRole::Owner, 0);
        announced::<T>(&all);
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, all[1].clone());
        assert!(!Removals::<T>::contains_key(PATIENT, &all[1]));
    }

    #[benchmark]
    fn set_keyring() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(&owner, ControllerRole::Owner, 0);
        replaced::<T>(&owner, MAX_FORMER_KEYRINGS.saturating_sub(1));
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, keyring(2_000));
        assert!(FormerKeyrings::<T>::contains_key(PATIENT, keyring(1_000)));
    }

    #[benchmark]
    fn set_keyring_at_limit() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(&owner, ControllerRole::Owner, 0);
        // What nobody needs any more makes room: all of it, so that the limit is not left behind.
        let count = MAX_FORMER_KEYRINGS
            .saturating_add(KEYRINGS_PRUNED)
            .saturating_sub(1);
        replaced::<T>(&owner, count);
        #[extrinsic_call]
        set_keyring(RawOrigin::Signed(owner), PATIENT, keyring(2_000));
        assert_eq!(FormerKeyringCount::<T>::get(PATIENT), MAX_FORMER_KEYRINGS);
    }

    #[benchmark]
    fn restore_keyring() {
        let owner: AccountId = account("owner", 0, 0);
        crowded::<T>(&owner, ControllerRole::Owner, 0);
        replaced::<T>(&owner, MAX_FORMER_KEYRINGS);
        let former = FormerKeyring {
            until: Moment::MAX,
            replaced_by: owner.clone(),
        };
        FormerKeyrings::<T>::insert(PATIENT, keyring(0), former);
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, keyring(0));
        assert_eq!(
            Pallet::<T>::patient(PATIENT).and_then(|row| row.keyring),
            Some(keyring(0))
        );
    }

    #[benchmark]
    fn set_inbox() {
        let (public, owner) = signer();
        crowded::<T>(&owner, ControllerRole::Owner, 0);
        let inbox = recipient::<T>(&public, Subject::Inbox(PATIENT), 0);
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT, inbox);
        assert!(Inboxes::<T>::contains_key(PATIENT));
    }

    /// The last word of 16 deciders, who have all agreed to another one, too.
    #[benchmark]
    fn hand_over() {
        let decider: AccountId = account("decider", 0, 0);
        let all = crowded::<T>(&decider, ControllerRole::Decider, 0);
        let (public, owner) = signer();
        agreed::<T>(&all, &account("added", 0, 0));
        handed_over::<T>(&all[1..], &owner);
        let consent = succession_consent::<T>(&public);
        #[extrinsic_call]
        _(RawOrigin::Signed(decider), PATIENT, owner.clone(), consent);
        assert!(Pallet::<T>::owns_for_good(&PATIENT, &owner));
    }

    /// The last but one word of 16 deciders.
    #[benchmark]
    fn hand_over_waits() {
        let decider: AccountId = account("decider", 0, 0);
        let all = crowded::<T>(&decider, ControllerRole::Decider, 0);
        let (public, owner) = signer();
        handed_over::<T>(&all[2..], &owner);
        let consent = succession_consent::<T>(&public);
        #[extrinsic_call]
        hand_over(RawOrigin::Signed(decider), PATIENT, owner.clone(), consent);
        assert!(HandOvers::<T>::get(PATIENT).is_some_and(|row| row.agreed.len() == 15));
    }

    #[benchmark]
    fn complete_hand_over() {
        let owner: AccountId = account("owner", 0, 0);
        let all = crowded::<T>(&owner, ControllerRole::Owner, 0);
        let (_, next) = signer();
        announced::<T>(&all);
        handed_over::<T>(&all, &next);
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT);
        assert!(Pallet::<T>::owns_for_good(&PATIENT, &next));
    }

    /// The last of 16 deciders whose role lives, who has agreed to another one.
    #[benchmark]
    fn declare_owner() {
        let decider: AccountId = account("decider", 0, 0);
        let all = crowded::<T>(&decider, ControllerRole::Decider, 0);
        agreed::<T>(&all, &account("added", 0, 0));
        for other in &all[1..] {
            let ended = Controller {
                role: ControllerRole::Decider,
                expires_at: Some(0),
            };
            Controllers::<T>::insert(PATIENT, other, ended);
        }
        #[extrinsic_call]
        _(RawOrigin::Signed(decider.clone()), PATIENT);
        assert!(Pallet::<T>::owns_for_good(&PATIENT, &decider));
    }

    #[benchmark]
    fn veto_hand_over() {
        let owner: AccountId = account("owner", 0, 0);
        let all = crowded::<T>(&owner, ControllerRole::Owner, 0);
        handed_over::<T>(&all, &account("next", 0, 0));
        #[extrinsic_call]
        _(RawOrigin::Signed(owner), PATIENT);
        assert!(!HandOvers::<T>::contains_key(PATIENT));
    }

    #[benchmark]
    fn void_enrolment() {
        let owner: AccountId = account("owner", 0, 0);
        let all = crowded::<T>(&owner, ControllerRole::Owner, 0);
        announced::<T>(&all);
        handed_over::<T>(&all, &account("next", 0, 0));
        let admin = World::<T>::admin();
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), PATIENT);
        assert_eq!(Controllers::<T>::iter_key_prefix(PATIENT).count(), 0);
    }

    #[benchmark]
    fn succeed() -> Result<(), BenchmarkError> {
        let owner: AccountId = account("owner", 0, 0);
        let all = crowded::<T>(&owner, ControllerRole::Owner, 0);
        announced::<T>(&all);
        handed_over::<T>(&all, &account("next", 0, 0));
        let next: AccountId = account("new", 0, 0);
        #[block]
        {
            <Pallet<T> as Succession<AccountId>>::succeed(PATIENT, &owner, &next)?;
        }
        assert!(Pallet::<T>::owns_for_good(&PATIENT, &next));
        Ok(())
    }
}
