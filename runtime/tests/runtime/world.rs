//! A chain with one of everybody, made by the calls that people make.

use codec::Encode;
use frame_support::{assert_ok, traits::OnInitialize, BoundedVec};
use salus_primitives::{
    commitment,
    signing::{
        compartments_payload, credential_payload, enrolment_payload, recipient_payload,
        role_payload, succession_payload, RoleConsent, SCHEME_X25519,
    },
    AccountId, Cid, ClinicianRole, CompartmentId, CompartmentSet, ControllerRole,
    CredentialConsent, EnrolmentConsent, Genesis, GrantTerms, Grantee, Helpers, Moment, NewRecord,
    OrganisationKind, PatientId, Purpose, Recipient, Rights, Scope, Subject, SuccessionConsent,
    DAY,
};
use salus_runtime::{
    genesis_config_presets, AllPalletsWithSystem, Consent, Members, Patients, Records, Runtime,
    RuntimeCall, RuntimeGenesisConfig, RuntimeOrigin, SessionKeys, System,
};
use sp_core::{ed25519, proof_of_possession::statement_of_ownership, sr25519, Pair, H256};
use sp_runtime::BuildStorage;

/// 2025-01-01, in milliseconds.
pub const NOW: Moment = 1_735_689_600_000;

/// The patient of [`Who::Owner`]: see [`patient_of`].
pub const PATIENT: PatientId = PatientId([
    0x73, 0xfc, 0x70, 0xfe, 0xfb, 0xe2, 0x3d, 0x28, 0x88, 0x41, 0x94, 0x48, 0x3e, 0xa3, 0x47, 0x2f,
]);
/// The patient of [`Who::OtherOwner`].
pub const OTHER_PATIENT: PatientId = PatientId([
    0x3d, 0xc6, 0x5d, 0xa3, 0x6a, 0x54, 0xdc, 0x7c, 0x9d, 0xd4, 0x95, 0x5d, 0x0a, 0xb1, 0x40, 0x62,
]);
const SALT: [u8; 16] = [9; 16];
pub const INTAKE: CompartmentId = CompartmentId([10; 16]);
pub const LABORATORY: CompartmentId = CompartmentId([11; 16]);

pub const HOSPITAL: u32 = 0;
pub const OTHER_HOSPITAL: u32 = 1;

/// The clinician may read and write the patient's laboratory compartment, for treatment.
pub const GRANT: u32 = 0;
/// Two records of the clinician, in that compartment.
pub const RECORD: u32 = 0;
pub const LATER_RECORD: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Owner,
    Guardian,
    Carer,
    OtherOwner,
    Clinician,
    Suspended,
    Admin,
    OtherAdmin,
    Service,
    Stranger,
    /// Nobody yet: to be credentialed, or to become a controller.
    Newcomer,
}

impl Who {
    pub fn pair(self) -> sr25519::Pair {
        let seed = match self {
            // Of the development preset.
            Who::Admin => "//Alice".to_string(),
            who => format!("//{who:?}"),
        };
        sr25519::Pair::from_string(&seed, None).unwrap()
    }

    pub fn account(self) -> AccountId {
        self.pair().public().into()
    }

    pub fn signed(self) -> RuntimeOrigin {
        RuntimeOrigin::signed(self.account())
    }
}

pub fn genesis() -> Genesis {
    System::block_hash(0)
}

pub fn recipient(who: Who, subject: Subject, epoch: u32) -> Recipient {
    let key = [7u8; 32];
    let payload = recipient_payload(&genesis(), &subject, SCHEME_X25519, &key, epoch);
    Recipient {
        scheme: SCHEME_X25519,
        key,
        epoch,
        signature: who.pair().sign(&payload).into(),
    }
}

pub fn cid(n: u8) -> Cid {
    Cid::dag_pb([n; 32])
}

pub fn new_record(n: u8) -> NewRecord {
    NewRecord {
        compartment: LABORATORY,
        epoch: 0,
        content: cid(n),
        commitment: H256::repeat_byte(n),
        person: None,
    }
}

pub fn terms(grantee: Who, rights: Rights) -> GrantTerms {
    GrantTerms {
        grantee: Grantee::Clinician {
            account: grantee.account(),
            organisation: HOSPITAL,
        },
        scope: Scope::Compartments(BoundedVec::truncate_from(vec![LABORATORY])),
        rights,
        purpose: Purpose::Treat,
        starts_at: None,
        expires_at: NOW + 300 * DAY,
        anchored_from: None,
        anchored_until: None,
        terms: None,
        flags: 0,
        derived_from: None,
    }
}

/// The id under which this account is enrolled.
pub fn patient_of(controller: Who) -> PatientId {
    PatientId::derive(&genesis(), &controller.account(), &SALT)
}

/// The compartments of a patient: those above among them.
pub fn compartments(who: Who, patient: PatientId) -> CompartmentSet {
    let compartments = core::array::from_fn(|n| (CompartmentId([n as u8 + 10; 16]), [n as u8; 32]));
    let payload = compartments_payload(&genesis(), &patient, SCHEME_X25519, &compartments);
    CompartmentSet {
        scheme: SCHEME_X25519,
        compartments,
        signature: who.pair().sign(&payload).into(),
    }
}

pub fn enrol(enroller: Who, controller: Who) -> pallet_patients::Call<Runtime> {
    let (patient, expires_at) = (patient_of(controller), NOW + 365 * DAY);
    let payload = enrolment_payload(
        &genesis(),
        HOSPITAL,
        &enroller.account(),
        &patient,
        &controller.account(),
        &SALT,
        expires_at,
    );
    pallet_patients::Call::enrol {
        patient,
        controller: controller.account(),
        compartments: compartments(controller, patient),
        inbox: recipient(controller, Subject::Inbox(patient), 0),
        consent: EnrolmentConsent {
            salt: SALT,
            expires_at,
            signature: controller.pair().sign(&payload).into(),
        },
    }
}

/// The word of `owner` that it takes the patient over.
/// The salt of the commitment to a helper.
pub fn salt(helper: Who) -> H256 {
    sp_io::hashing::blake2_256(helper.account().as_ref()).into()
}

/// Commitments to these helpers, of whom two are enough, and others that nobody can open.
pub fn helpers(patient: PatientId, named: [Who; 3]) -> Helpers {
    let mut helpers: Helpers = core::array::from_fn(|number| match named.get(number) {
        Some(who) => commitment::helper(&patient, &salt(*who), &who.account(), 2),
        None => H256::repeat_byte(number as u8),
    });
    helpers.sort();
    helpers
}

pub fn succession(patient: PatientId, owner: Who) -> SuccessionConsent {
    let expires_at = NOW + 365 * DAY;
    let payload = succession_payload(&genesis(), &patient, &owner.account(), expires_at);
    SuccessionConsent {
        expires_at,
        signature: owner.pair().sign(&payload).into(),
    }
}

/// The word of `account` that an organisation may credential it.
pub fn credential_consent(
    organisation: u32,
    account: Who,
    role: ClinicianRole,
) -> CredentialConsent {
    let (signed_at, expires_at) = (NOW, NOW + DAY);
    let payload = credential_payload(
        &genesis(),
        organisation,
        &account.account(),
        role,
        signed_at,
        expires_at,
    );
    CredentialConsent {
        signed_at,
        expires_at,
        signature: account.pair().sign(&payload).into(),
    }
}

/// The word of `account` that it takes a role for the patient.
pub fn role_consent(patient: PatientId, account: Who, role: ControllerRole) -> RoleConsent {
    let (signed_at, expires_at) = (NOW, NOW + DAY);
    let payload = role_payload(
        &genesis(),
        &patient,
        &account.account(),
        role,
        signed_at,
        expires_at,
    );
    RoleConsent {
        signed_at,
        expires_at,
        signature: account.pair().sign(&payload).into(),
    }
}

/// Session keys of a node with this seed, with a proof made for `owner`.
pub fn validator_keys(seed: &str, owner: &AccountId) -> RuntimeCall {
    let aura = sr25519::Pair::from_string(seed, None).expect("a derivation path");
    let grandpa = ed25519::Pair::from_string(seed, None).expect("a derivation path");
    let statement = statement_of_ownership(&owner.encode());
    RuntimeCall::Session(pallet_session::Call::set_keys {
        keys: SessionKeys {
            aura: aura.public().into(),
            grandpa: grandpa.public().into(),
        },
        proof: (aura.sign(&statement), grandpa.sign(&statement)).encode(),
    })
}

pub fn set_time(now: Moment) {
    pallet_timestamp::Now::<Runtime>::put(now);
}

/// A chain at block 1 with the development preset's genesis.
pub fn empty() -> sp_io::TestExternalities {
    with_preset(genesis_config_presets::DEVELOPMENT)
}

/// A chain at block 1 with this preset's genesis.
pub fn with_preset(name: &str) -> sp_io::TestExternalities {
    let preset = genesis_config_presets::get_preset(&name.into()).expect("the preset exists");
    let patch: serde_json::Value = serde_json::from_slice(&preset).unwrap();
    let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).unwrap();
    merge(&mut config, patch);
    let config: RuntimeGenesisConfig = serde_json::from_value(config).unwrap();

    let mut ext: sp_io::TestExternalities = config.build_storage().unwrap().into();
    ext.execute_with(|| {
        System::initialize(&1, &H256::repeat_byte(42), &Default::default());
        AllPalletsWithSystem::on_initialize(1);
        set_time(NOW);
    });
    ext
}

fn merge(into: &mut serde_json::Value, patch: serde_json::Value) {
    match (into, patch) {
        (serde_json::Value::Object(into), serde_json::Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}

/// The chain of [`empty`] with two hospitals, their people, two patients, a grant and two records.
pub fn full() -> sp_io::TestExternalities {
    use Who::*;
    let mut ext = empty();
    ext.execute_with(|| {
        let text = |text: &str| BoundedVec::truncate_from(text.as_bytes().to_vec());

        assert_ok!(Members::admit(
            RuntimeOrigin::root(),
            OtherAdmin.account(),
            OrganisationKind::Hospital,
            text("Another Hospital"),
            Default::default(),
        ));
        assert_ok!(Members::set_profile(
            Admin.signed(),
            text("Hospital"),
            BoundedVec::truncate_from(b"https://vault.example".to_vec()),
        ));
        for (who, role) in [
            (Clinician, ClinicianRole::Physician),
            (Suspended, ClinicianRole::Physician),
            (Service, ClinicianRole::Service),
        ] {
            let until = NOW + 365 * DAY;
            assert_ok!(Members::credential(
                Admin.signed(),
                who.account(),
                role,
                until,
                Some(credential_consent(HOSPITAL, who, role))
            ));
        }

        for (patient, owner) in [(PATIENT, Owner), (OTHER_PATIENT, OtherOwner)] {
            assert_eq!(patient_of(owner), patient);
            let call = RuntimeCall::Patients(enrol(Clinician, owner));
            assert_ok!(sp_runtime::traits::Dispatchable::dispatch(
                call,
                Clinician.signed()
            ));
            assert_ok!(Patients::declare_owner(owner.signed(), patient));
        }
        for (who, role) in [
            (Guardian, ControllerRole::Decider),
            (Carer, ControllerRole::Carer),
        ] {
            assert_ok!(Patients::add_controller(
                Owner.signed(),
                PATIENT,
                who.account(),
                role,
                None,
                role_consent(PATIENT, who, role)
            ));
        }
        let terms = terms(Clinician, Rights::ReadWrite);
        assert_ok!(Consent::grant(
            Owner.signed(),
            PATIENT,
            terms,
            Some(cid(100))
        ));
        for n in [RECORD, LATER_RECORD] {
            let record = new_record(n as u8);
            assert_ok!(Records::anchor(
                Clinician.signed(),
                PATIENT,
                Some(GRANT),
                record
            ));
        }
        assert_ok!(Members::suspend_clinician(
            Admin.signed(),
            Suspended.account()
        ));
    });
    ext
}
