//! What `scripts/weights` measures, and the world it measures in.

use alloc::vec::Vec;

use frame_support::BoundedVec;
use salus_primitives::{
    rows::DAY,
    signing::{compartments_payload, SCHEME_X25519},
    traits::{
        BenchmarkAdmin, BenchmarkCrowd, BenchmarkDays, BenchmarkEmergencies, BenchmarkErasures,
        BenchmarkKeys, BenchmarkWorld, Chain, OpenCompartments, Standing,
    },
    Cid, ClinicianRole, CompartmentId, CompartmentSet, ControllerRole, GrantIndex, GrantTerms,
    Grantee, Moment, NewRecord, OrgId, OrganisationKind, PatientId, Purpose, RecordIndex,
    RecordState, Rights, Scope,
};
use sp_core::{crypto::KeyTypeId, sr25519};

use crate::{configs::SalusChain, *};

pub use frame_system_benchmarking::{
    extensions::Pallet as SystemExtensionsBench, Pallet as SystemBench,
};

frame_benchmarking::define_benchmarks!(
    [frame_system, SystemBench::<Runtime>]
    [frame_system_extensions, SystemExtensionsBench::<Runtime>]
    [pallet_balances, Balances]
    [pallet_collective, Council]
    [pallet_timestamp, Timestamp]
    [pallet_timelock, Timelock]
    [pallet_validators, Validators]
    [pallet_members, Members]
    [pallet_motions, Motions]
    [pallet_patients, Patients]
    [pallet_records, Records]
    [pallet_consent, Consent]
    [pallet_access_log, AccessLog]
    [pallet_corrections, Corrections]
    [pallet_copies, Copies]
    [pallet_recovery, Recovery]
    [pallet_emergency, Emergency]
    [pallet_credits, Credits]
    [pallet_research, Research]
    [pallet_links, Links]
);

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"salu");

/// Makes what a benchmark needs by the calls that people make.
pub struct World;

/// A patient's owner, who is no member.
pub struct Controller;

impl frame_support::traits::Get<AccountId> for Controller {
    fn get() -> AccountId {
        World::patient().1
    }
}

/// The organisation that this account runs.
fn organisation(admin: &AccountId) -> OrgId {
    match <Members as Standing<AccountId>>::member(admin) {
        Some(member) => member.organisation(),
        None => Members::do_admit(
            OrganisationKind::Hospital,
            BoundedVec::truncate_from(b"Benchmark Hospital".to_vec()),
            admin.clone(),
            // With a vault: it keeps files, and shares.
            BoundedVec::truncate_from(b"https://vault.example".to_vec()),
        )
        .expect("there is room for an organisation"),
    }
}

fn member(name: &'static str, role: ClinicianRole) -> (AccountId, OrgId) {
    let account: AccountId = frame_benchmarking::account(name, 0, 0);
    if let Some(member) = <Members as Standing<AccountId>>::member(&account) {
        return (account, member.organisation());
    }
    let admin: AccountId = frame_benchmarking::account("benchmark admin", 0, 0);
    let organisation = organisation(&admin);
    let until = SalusChain::now() + 1_000 * DAY;
    Members::do_credential(Some(admin), organisation, account.clone(), role, until)
        .expect("the account is free");
    // For what it offers.
    give_credits(&account);
    (account, organisation)
}

fn give_credits(account: &AccountId) {
    Credits::mint(RuntimeOrigin::root(), account.clone(), 1_000_000)
        .expect("issuance is far from its end");
}

fn owner(patient: PatientId) -> AccountId {
    let controllers = Patients::controllers(patient);
    controllers
        .into_iter()
        .find(|(_, controller)| controller.role == ControllerRole::Owner)
        .expect("a patient of this world has an owner")
        .0
}

/// The compartments of a patient, under keys that its owner signs.
fn compartments(patient: PatientId, owner: &AccountId) -> CompartmentSet {
    let compartments =
        core::array::from_fn(|number| (CompartmentId([number as u8; 16]), [number as u8; 32]));
    let genesis = SalusChain::genesis();
    let payload = compartments_payload(&genesis, &patient, SCHEME_X25519, &compartments);
    CompartmentSet {
        scheme: SCHEME_X25519,
        compartments,
        signature: World::sign(owner, &payload),
    }
}

/// 16 bytes that differ from those for any other number.
fn id(number: u32) -> [u8; 16] {
    let mut id = [0x42; 16];
    id[..4].copy_from_slice(&number.to_le_bytes());
    id
}

impl BenchmarkKeys<AccountId> for World {
    fn sign(owner: &AccountId, payload: &[u8]) -> MultiSignature {
        let public = sr25519::Public::from_raw(owner.clone().into());
        sp_io::crypto::sr25519_sign(KEY_TYPE, &public, payload)
            .expect("this world made the owner's key")
            .into()
    }
}

impl BenchmarkAdmin<AccountId> for World {
    fn admin() -> AccountId {
        let (_, organisation) = Self::clinician();
        let admin = Members::organisation(organisation)
            .expect("the clinician's organisation is a member")
            .admin;
        give_credits(&admin);
        admin
    }
}

impl BenchmarkDays<AccountId> for World {
    fn pass(time: Moment) {
        pallet_timestamp::Now::<Runtime>::mutate(|now| *now += time);
    }
}

impl BenchmarkCrowd for World {
    fn crowd(patient: PatientId) {
        let owner = owner(patient);
        let present = Patients::controllers(patient).len() as u32;
        for number in present..salus_primitives::MAX_CONTROLLERS {
            // Without the consents, of which deciders would need one from each other.
            Patients::do_add_controller(
                patient,
                owner.clone(),
                frame_benchmarking::account("benchmark decider", number, 0),
                ControllerRole::Decider,
                None,
            );
        }
    }
}

impl BenchmarkEmergencies<AccountId> for World {
    fn organisations(count: u32) -> Vec<OrgId> {
        (0..count)
            .map(|number| organisation(&frame_benchmarking::account("benchmark holder", number, 0)))
            .collect()
    }
}

impl BenchmarkErasures<AccountId> for World {
    fn erased() -> (PatientId, RecordIndex) {
        let (patient, _) = Self::patient();
        let record = Self::records(patient, &Self::compartments(patient)[..1], 1)[0];
        pallet_records::Records::<Runtime>::mutate(patient, record, |row| {
            if let Some(row) = row {
                row.state = RecordState::Erased;
            }
        });
        (patient, record)
    }
}

impl BenchmarkWorld<AccountId> for World {
    fn clinician() -> (AccountId, OrgId) {
        member("benchmark clinician", ClinicianRole::Physician)
    }

    fn service() -> AccountId {
        member("benchmark service", ClinicianRole::Service).0
    }

    fn patient() -> (PatientId, AccountId) {
        let (actor, organisation) = Self::clinician();
        let number = pallet_patients::Patients::<Runtime>::iter_keys().count() as u32;
        let patient = PatientId(id(number));
        let owner = AccountId::new(sp_io::crypto::sr25519_generate(KEY_TYPE, None).0);
        Patients::do_enrol(patient, actor, organisation, owner.clone());
        Patients::declare_owner(RuntimeOrigin::signed(owner.clone()), patient)
            .expect("nobody else decides");
        Records::open(patient, &owner, compartments(patient, &owner))
            .expect("the set is in order and signed");
        (patient, owner)
    }

    fn compartments(patient: PatientId) -> Vec<CompartmentId> {
        let open = Records::compartments(&patient);
        open.into_iter().map(|(id, _)| id).collect()
    }

    fn records(patient: PatientId, compartments: &[CompartmentId], count: u32) -> Vec<RecordIndex> {
        let grant = Self::grant(patient, compartments);
        let first = pallet_records::NextRecord::<Runtime>::get(patient);
        for (number, compartment) in (0..count).zip(compartments.iter().cycle()) {
            let record = NewRecord {
                compartment: *compartment,
                epoch: 0,
                content: Cid::dag_pb([number as u8; 32]),
                commitment: Hash::repeat_byte(number as u8),
                person: None,
            };
            let origin = RuntimeOrigin::signed(Self::clinician().0);
            Records::anchor(origin, patient, Some(grant), record).expect("the grant lets it");
        }
        (first..first + count).collect()
    }

    fn grant(patient: PatientId, compartments: &[CompartmentId]) -> GrantIndex {
        let (account, organisation) = Self::clinician();
        let index = pallet_consent::NextGrant::<Runtime>::get(patient);
        let terms = GrantTerms {
            grantee: Grantee::Clinician {
                account,
                organisation,
            },
            scope: Scope::Compartments(BoundedVec::truncate_from(compartments.to_vec())),
            rights: Rights::ReadWrite,
            purpose: Purpose::Treat,
            starts_at: None,
            expires_at: SalusChain::now() + 100 * DAY,
            anchored_from: None,
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        };
        let envelope = Some(Cid::dag_pb([1; 32]));
        Consent::grant(
            RuntimeOrigin::signed(owner(patient)),
            patient,
            terms,
            envelope,
        )
        .expect("the owner may grant this");
        index
    }
}
