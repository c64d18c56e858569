//! A runtime with this pallet and doubles of its neighbours.

use crate as pallet_records;
use alloc::collections::BTreeMap;
use codec::Encode;
use frame_support::{derive_impl, parameter_types};
use salus_primitives::{
    signing::{compartments_payload, recipient_payload, SCHEME_X25519},
    traits::{
        Chain, Consent, Control, OpenCompartments, PatientOrigin, RecoveryPlans, Standing, Trail,
        TrailAllowance,
    },
    AccountId, Cid, ClinicianRole, CompartmentId, CompartmentSet, ControllerRole, Genesis,
    GrantIndex, Grantee, Member, Moment, NewRecord, OrgId, PatientId, Recipient, RecordIndex,
    Subject, HOUR, UNNAMING_WAITS,
};
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult};

type Block = frame_system::mocking::MockBlock<Test>;

frame_support::construct_runtime!(
    pub enum Test {
        System: frame_system = 0,
        Timestamp: pallet_timestamp = 1,
        Records: pallet_records = 22,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
}

#[derive_impl(pallet_timestamp::config_preludes::TestDefaultConfig)]
impl pallet_timestamp::Config for Test {}

impl pallet_records::Config for Test {
    type Chain = Neighbours;
    type Trail = Neighbours;
    type Standing = Neighbours;
    type Control = Neighbours;
    type Consent = Neighbours;
    type RecoveryPlans = Neighbours;
    type Allowance = Neighbours;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = Neighbours;
}

parameter_types! {
    pub static Roles: BTreeMap<(PatientId, AccountId), ControllerRole> = BTreeMap::new();
    pub static Members: BTreeMap<AccountId, Member> = BTreeMap::new();
    pub static VoidedBy: BTreeMap<PatientId, OrgId> = BTreeMap::new();
    /// When a recovery of each patient began, and when it succeeded.
    pub static Recoveries: BTreeMap<PatientId, (Moment, Option<Moment>)> = BTreeMap::new();
    /// What an organisation may write into a trail.
    pub static AllowedEntries: u32 = u32::MAX;
    /// Who may write.
    pub static WriteGrants: BTreeMap<(PatientId, GrantIndex), AccountId> = BTreeMap::new();
}

/// What is entered in the trails, in order. In storage, so that it is rolled back as the events are.
#[frame_support::storage_alias]
pub type Entries = StorageValue<
    TrailDouble,
    alloc::vec::Vec<(PatientId, alloc::vec::Vec<u8>)>,
    frame_support::pallet_prelude::ValueQuery,
>;

/// What organisations have written into trails. In storage too.
#[frame_support::storage_alias]
pub type Spent = StorageMap<
    TrailDouble,
    frame_support::pallet_prelude::Blake2_128Concat,
    (PatientId, OrgId),
    u32,
    frame_support::pallet_prelude::ValueQuery,
>;

/// Doubles of the other pallets.
pub struct Neighbours;

impl Chain for Neighbours {
    fn now() -> Moment {
        Timestamp::get()
    }
    fn genesis() -> Genesis {
        Genesis::repeat_byte(7)
    }
}

impl Trail<RuntimeEvent> for Neighbours {
    fn deposit(patient: &PatientId, event: RuntimeEvent) {
        Entries::append((*patient, event.encode()));
        System::deposit_event(event);
    }
}

impl Standing<AccountId> for Neighbours {
    fn member(account: &AccountId) -> Option<Member> {
        Members::get().get(account).cloned()
    }
    fn is_staff(account: &AccountId) -> bool {
        Self::member(account).is_some()
    }
    fn administers(account: &AccountId) -> Option<OrgId> {
        match Self::member(account) {
            Some(Member::Admin { organisation }) => Some(organisation),
            _ => None,
        }
    }
    fn organisation_is_active(_: OrgId) -> bool {
        true
    }
    fn grantee_is_active(_: &Grantee) -> bool {
        true
    }
}

impl Control<AccountId> for Neighbours {
    fn is_enrolled(patient: &PatientId) -> bool {
        Roles::get().keys().any(|(enrolled, _)| enrolled == patient)
    }
    fn decided_since(_: &PatientId) -> Moment {
        START
    }
    fn enrolment(_: &PatientId) -> Option<(OrgId, Moment)> {
        None
    }
    fn voided_by(patient: &PatientId) -> Option<OrgId> {
        VoidedBy::get().get(patient).copied()
    }
    fn role(patient: &PatientId, account: &AccountId) -> Option<ControllerRole> {
        Roles::get().get(&(*patient, account.clone())).copied()
    }
    fn ensure_decides(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        match Self::role(&patient, &who) {
            Some(role @ (ControllerRole::Owner | ControllerRole::Decider)) => Ok(PatientOrigin {
                patient,
                actor: who,
                role,
                until: None,
            }),
            _ => Err(DispatchError::BadOrigin),
        }
    }
    fn ensure_answers(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        let role = Self::role(&patient, &who).ok_or(DispatchError::BadOrigin)?;
        Ok(PatientOrigin {
            patient,
            actor: who,
            role,
            until: None,
        })
    }
}

impl Consent<AccountId> for Neighbours {
    fn may_write(patient: &PatientId, grant: GrantIndex, who: &AccountId) -> Option<OrgId> {
        let organisation = Self::member(who)?.organisation();
        (WriteGrants::get().get(&(*patient, grant)) == Some(who)).then_some(organisation)
    }
    fn may_read(_: &PatientId, _: GrantIndex, _: &AccountId, _: &[RecordIndex], _: Moment) -> bool {
        false
    }
    fn could_read_since(
        _: &PatientId,
        _: GrantIndex,
        _: &AccountId,
        _: RecordIndex,
        _: Moment,
    ) -> bool {
        false
    }
    fn organisation_of(_: &PatientId, _: GrantIndex) -> Option<OrgId> {
        None
    }
}

impl RecoveryPlans for Neighbours {
    fn notice(_: &PatientId) -> Option<Moment> {
        None
    }
    fn not_before(patient: &PatientId, due: Moment) -> Moment {
        match Recoveries::get().get(patient) {
            Some((began, None)) if *began < due => Moment::MAX,
            Some((began, Some(at))) if *began < due => due.max(at + UNNAMING_WAITS),
            _ => due,
        }
    }
}

impl TrailAllowance for Neighbours {
    fn spend(patient: &PatientId, organisation: OrgId, entries: u32) -> DispatchResult {
        Spent::try_mutate((*patient, organisation), |spent| {
            *spent = spent.saturating_add(entries);
            match *spent <= AllowedEntries::get() {
                true => Ok(()),
                false => Err(DispatchError::Exhausted),
            }
        })
    }
}

#[cfg(feature = "runtime-benchmarks")]
mod world {
    use super::*;
    use salus_primitives::traits::{BenchmarkKeys, BenchmarkWorld};
    use sp_runtime::MultiSignature;

    impl BenchmarkKeys<AccountId> for Neighbours {
        fn sign(_: &AccountId, payload: &[u8]) -> MultiSignature {
            key("owner").sign(payload).into()
        }
    }

    impl BenchmarkWorld<AccountId> for Neighbours {
        fn clinician() -> (AccountId, OrgId) {
            (account("laboratorian"), ORGANISATION)
        }
        fn service() -> AccountId {
            account("laboratorian")
        }
        fn patient() -> (PatientId, AccountId) {
            let patient = PatientId([Roles::get().len() as u8 + 100; 16]);
            Roles::mutate(|roles| roles.insert((patient, account("owner")), ControllerRole::Owner));
            Records::open(patient, &account("owner"), set("owner", patient)).unwrap();
            (patient, account("owner"))
        }
        fn compartments(patient: PatientId) -> alloc::vec::Vec<CompartmentId> {
            let open = Records::compartments(&patient);
            open.into_iter().map(|(id, _)| id).collect()
        }
        fn records(
            patient: PatientId,
            compartments: &[CompartmentId],
            count: u32,
        ) -> alloc::vec::Vec<RecordIndex> {
            (0..count)
                .map(|n| {
                    let compartment = compartments[n as usize % compartments.len()];
                    let record = new_record(compartment, 0, n as u8);
                    Records::anchor(signed("owner"), patient, None, record).unwrap();
                    n
                })
                .collect()
        }
        fn grant(patient: PatientId, _: &[CompartmentId]) -> GrantIndex {
            allow_writing(patient, 0, "laboratorian");
            0
        }
    }
}

pub const PATIENT: PatientId = PatientId([1; 16]);
pub const OTHER_PATIENT: PatientId = PatientId([2; 16]);
pub const INTAKE: CompartmentId = CompartmentId([10; 16]);
pub const LABORATORY: CompartmentId = CompartmentId([11; 16]);
pub const NOTES: CompartmentId = CompartmentId([12; 16]);
/// Nobody's compartment.
pub const NOWHERE: CompartmentId = CompartmentId([99; 16]);
/// The organisation of the laboratorian.
pub const ORGANISATION: OrgId = 3;
pub const OTHER_ORGANISATION: OrgId = 4;
/// The laboratorian's grant to write.
pub const GRANT: GrantIndex = 5;
pub const START: Moment = 1_700_000_000_000;

pub fn key(name: &str) -> sr25519::Pair {
    sr25519::Pair::from_seed(&sp_io::hashing::blake2_256(name.as_bytes()))
}

pub fn account(name: &str) -> AccountId {
    key(name).public().into()
}

pub fn signed(name: &str) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(name))
}

/// A recipient as `name` publishes it.
pub fn recipient(
    name: &str,
    patient: PatientId,
    compartment: CompartmentId,
    epoch: u32,
) -> Recipient {
    let public = [epoch as u8; 32];
    let subject = Subject::Compartment(patient, compartment);
    let payload = recipient_payload(
        &Neighbours::genesis(),
        &subject,
        SCHEME_X25519,
        &public,
        epoch,
    );
    Recipient {
        scheme: SCHEME_X25519,
        key: public,
        epoch,
        signature: key(name).sign(&payload).into(),
    }
}

/// The compartments of a patient, with keys that `name` signs: those above among them.
pub fn set(name: &str, patient: PatientId) -> CompartmentSet {
    let compartments = core::array::from_fn(|n| (CompartmentId([n as u8 + 10; 16]), [n as u8; 32]));
    signed_set(name, patient, compartments)
}

pub fn signed_set(
    name: &str,
    patient: PatientId,
    compartments: [(CompartmentId, [u8; 32]); 32],
) -> CompartmentSet {
    let payload = compartments_payload(
        &Neighbours::genesis(),
        &patient,
        SCHEME_X25519,
        &compartments,
    );
    CompartmentSet {
        scheme: SCHEME_X25519,
        compartments,
        signature: key(name).sign(&payload).into(),
    }
}

pub fn content(n: u8) -> Cid {
    Cid::dag_pb([n; 32])
}

pub fn new_record(compartment: CompartmentId, epoch: u32, n: u8) -> NewRecord {
    NewRecord {
        compartment,
        epoch,
        content: content(n),
        commitment: H256::repeat_byte(n),
        person: None,
    }
}

pub fn allow_writing(patient: PatientId, grant: GrantIndex, name: &str) {
    WriteGrants::mutate(|grants| grants.insert((patient, grant), account(name)));
}

pub fn set_now(now: Moment) {
    Timestamp::set_timestamp(now);
}

pub fn advance(by: Moment) {
    set_now(Timestamp::get() + by);
}

/// The events since the last call of this.
pub fn take_events() -> alloc::vec::Vec<pallet_records::Event<Test>> {
    let events = System::read_events_for_pallet();
    System::reset_events();
    events
}

/// Two enrolled patients, each with an owner and compartments; the first has a guardian and a carer
/// too, and lets a laboratorian write.
#[derive(Default)]
pub struct ExtBuilder;

impl ExtBuilder {
    pub fn build(self) -> sp_io::TestExternalities {
        let storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .unwrap();
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| {
            System::set_block_number(1);
            set_now(START);
            Roles::set(BTreeMap::from([
                ((PATIENT, account("owner")), ControllerRole::Owner),
                ((PATIENT, account("guardian")), ControllerRole::Decider),
                ((PATIENT, account("carer")), ControllerRole::Carer),
                (
                    (OTHER_PATIENT, account("other-owner")),
                    ControllerRole::Owner,
                ),
            ]));
            let clinician = |role| Member::Clinician {
                organisation: ORGANISATION,
                role,
            };
            Members::set(BTreeMap::from([
                (
                    account("laboratorian"),
                    clinician(ClinicianRole::Laboratorian),
                ),
                (account("physician"), clinician(ClinicianRole::Physician)),
                (
                    account("admin"),
                    Member::Admin {
                        organisation: ORGANISATION,
                    },
                ),
                (
                    account("other-admin"),
                    Member::Admin {
                        organisation: OTHER_ORGANISATION,
                    },
                ),
            ]));
            WriteGrants::set(BTreeMap::new());
            VoidedBy::set(BTreeMap::new());
            Recoveries::set(BTreeMap::new());
            AllowedEntries::set(u32::MAX);
            for (patient, owner) in [(PATIENT, "owner"), (OTHER_PATIENT, "other-owner")] {
                Records::open(patient, &account(owner), set(owner, patient)).unwrap();
            }
            allow_writing(PATIENT, GRANT, "laboratorian");
            advance(HOUR);
            System::reset_events();
        });
        ext
    }

    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            Records::do_try_state().expect("invariants hold");
        });
    }
}

#[cfg(feature = "runtime-benchmarks")]
pub fn new_test_ext() -> sp_io::TestExternalities {
    ExtBuilder.build()
}
