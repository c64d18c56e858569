//! A runtime with this pallet and doubles of its neighbours.

use crate as pallet_corrections;
use codec::Encode;
use frame_support::{
    derive_impl, ensure,
    pallet_prelude::{Blake2_128Concat, Twox64Concat, ValueQuery},
    parameter_types,
};
use frame_system::EnsureRoot;
use salus_primitives::{
    traits::{Chain, Control, PatientOrigin, Records, Standing, Trail, TrailAllowance},
    AccountId, Cid, ClinicianRole, CompartmentId, ControllerRole, Genesis, Grantee, Member, Moment,
    OrgId, PatientId, Record, RecordIndex, RecordState,
};
use sp_core::H256;
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult};
use std::collections::{BTreeMap, BTreeSet};

type Block = frame_system::mocking::MockBlock<Test>;

frame_support::construct_runtime!(
    pub enum Test {
        System: frame_system = 0,
        Timestamp: pallet_timestamp = 1,
        Corrections: pallet_corrections = 25,
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

impl pallet_corrections::Config for Test {
    type Chain = Neighbours;
    type Trail = Neighbours;
    type Standing = Neighbours;
    type Control = Neighbours;
    type Records = Neighbours;
    type Allowance = Neighbours;
    type GovernanceOrigin = EnsureRoot<AccountId>;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = Neighbours;
}

parameter_types! {
    pub static Roles: BTreeMap<(PatientId, AccountId), ControllerRole> = BTreeMap::new();
    pub static Members: BTreeMap<AccountId, Member> = BTreeMap::new();
    pub static Suspended: BTreeSet<OrgId> = BTreeSet::new();
    /// What an organisation may write into a trail.
    pub static AllowedEntries: u32 = u32::MAX;
}

/// What is entered in the trails, in order. In storage, so that it is rolled back as the events are.
#[frame_support::storage_alias]
pub type Entries = StorageValue<TrailDouble, Vec<(PatientId, Vec<u8>)>, ValueQuery>;

/// What organisations have written into trails. In storage too.
#[frame_support::storage_alias]
pub type Spent = StorageMap<TrailDouble, Blake2_128Concat, (PatientId, OrgId), u32, ValueQuery>;

/// The records; in storage too.
#[frame_support::storage_alias]
pub type Rows =
    StorageDoubleMap<RecordsDouble, Blake2_128Concat, PatientId, Twox64Concat, RecordIndex, Record>;

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
        Members::get()
            .get(account)
            .filter(|member| !Suspended::get().contains(&member.organisation()))
            .cloned()
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
    fn organisation_is_active(organisation: OrgId) -> bool {
        [HOSPITAL, CLINIC, SUCCESSOR].contains(&organisation)
            && !Suspended::get().contains(&organisation)
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
    fn voided_by(_: &PatientId) -> Option<OrgId> {
        None
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

impl TrailAllowance for Neighbours {
    fn spend(patient: &PatientId, organisation: OrgId, entries: u32) -> DispatchResult {
        Spent::try_mutate((*patient, organisation), |spent| {
            *spent = spent.saturating_add(entries);
            ensure!(*spent <= AllowedEntries::get(), DispatchError::Exhausted);
            Ok(())
        })
    }
}

/// How the double refuses a link; which links are right is tested where they are made.
pub const LINK_REFUSED: DispatchError = DispatchError::Unavailable;

impl Records<AccountId> for Neighbours {
    fn record(patient: &PatientId, index: RecordIndex) -> Option<Record> {
        Rows::get(patient, index)
    }
    fn compartments_exist(_: &PatientId, _: &[CompartmentId]) -> bool {
        true
    }
    fn link_correction(
        patient: &PatientId,
        original: RecordIndex,
        replacement: RecordIndex,
    ) -> DispatchResult {
        let mut old = Rows::get(patient, original).ok_or(LINK_REFUSED)?;
        let mut new = Rows::get(patient, replacement).ok_or(LINK_REFUSED)?;
        let free = old.corrected_by.is_none() && new.corrects.is_none();
        ensure!(free && replacement > original, LINK_REFUSED);
        ensure!(old.state == RecordState::Current, LINK_REFUSED);
        old.corrected_by = Some(replacement);
        new.corrects = Some(original);
        Rows::insert(patient, original, old);
        Rows::insert(patient, replacement, new);
        Ok(())
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl salus_primitives::traits::BenchmarkWorld<AccountId> for Neighbours {
    fn clinician() -> (AccountId, OrgId) {
        (account("physician"), HOSPITAL)
    }
    fn service() -> AccountId {
        account("physician")
    }
    fn patient() -> (PatientId, AccountId) {
        (PATIENT, account("owner"))
    }
    fn compartments(_: PatientId) -> Vec<CompartmentId> {
        (0..32).map(|n| CompartmentId([n; 16])).collect()
    }
    fn records(patient: PatientId, _: &[CompartmentId], count: u32) -> Vec<RecordIndex> {
        (100..100 + count)
            .map(|index| anchor(patient, index, "physician", Some(HOSPITAL)))
            .collect()
    }
    fn grant(_: PatientId, _: &[CompartmentId]) -> salus_primitives::GrantIndex {
        0
    }
}

pub const PATIENT: PatientId = PatientId([1; 16]);
pub const OTHER_PATIENT: PatientId = PatientId([2; 16]);
pub const HOSPITAL: OrgId = 1;
pub const CLINIC: OrgId = 2;
/// Succeeds the hospital, once governance says so.
pub const SUCCESSOR: OrgId = 3;
pub const START: Moment = 1_700_000_000_000;

/// By the hospital's physician.
pub const WRONG: RecordIndex = 0;
/// By the hospital's physician.
pub const RIGHT: RecordIndex = 1;
/// By a nurse of the hospital.
pub const BY_COLLEAGUE: RecordIndex = 2;
/// By the clinic's physician.
pub const BY_CLINIC: RecordIndex = 3;
/// By somebody of the hospital's successor.
pub const BY_SUCCESSOR: RecordIndex = 4;
/// By the patient's owner.
pub const NOTE: RecordIndex = 5;
/// By the owner, later.
pub const BETTER_NOTE: RecordIndex = 6;
/// By the guardian.
pub const GUARDIANS_NOTE: RecordIndex = 7;

pub fn account(name: &str) -> AccountId {
    AccountId::new(sp_io::hashing::blake2_256(name.as_bytes()))
}

pub fn signed(name: &str) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(name))
}

pub fn letter(n: u8) -> Cid {
    Cid::dag_pb([n; 32])
}

pub fn anchor(
    patient: PatientId,
    index: RecordIndex,
    author: &str,
    organisation: Option<OrgId>,
) -> RecordIndex {
    let row = Record {
        compartment: CompartmentId([1; 16]),
        epoch: 0,
        author: account(author),
        person: None,
        organisation,
        placed_by: account(author),
        content: Cid::dag_pb([200; 32]),
        commitment: H256::zero(),
        anchored_at: START,
        corrects: None,
        corrected_by: None,
        state: RecordState::Current,
    };
    Rows::insert(patient, index, row);
    index
}

pub fn leave(name: &str) {
    Members::mutate(|members| members.remove(&account(name)));
}

pub fn suspend(organisation: OrgId) {
    Suspended::mutate(|suspended| suspended.insert(organisation));
}

pub fn set_now(now: Moment) {
    Timestamp::set_timestamp(now);
}

/// The last event; panics if there is none.
pub fn last_event() -> pallet_corrections::Event<Test> {
    System::read_events_for_pallet().pop().unwrap()
}

/// Three organisations, each with an admin, and a patient with records of several authors.
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
            let admin = |organisation| Member::Admin { organisation };
            let clinician = |organisation, role| Member::Clinician { organisation, role };
            Members::set(BTreeMap::from([
                (account("hospital-admin"), admin(HOSPITAL)),
                (account("clinic-admin"), admin(CLINIC)),
                (account("successor-admin"), admin(SUCCESSOR)),
                (
                    account("physician"),
                    clinician(HOSPITAL, ClinicianRole::Physician),
                ),
                (account("nurse"), clinician(HOSPITAL, ClinicianRole::Nurse)),
                (
                    account("clinic-physician"),
                    clinician(CLINIC, ClinicianRole::Physician),
                ),
                (
                    account("successor-nurse"),
                    clinician(SUCCESSOR, ClinicianRole::Nurse),
                ),
            ]));
            Suspended::set(BTreeSet::new());
            AllowedEntries::set(u32::MAX);
            anchor(PATIENT, WRONG, "physician", Some(HOSPITAL));
            anchor(PATIENT, RIGHT, "physician", Some(HOSPITAL));
            anchor(PATIENT, BY_COLLEAGUE, "nurse", Some(HOSPITAL));
            anchor(PATIENT, BY_CLINIC, "clinic-physician", Some(CLINIC));
            anchor(PATIENT, BY_SUCCESSOR, "successor-nurse", Some(SUCCESSOR));
            anchor(PATIENT, NOTE, "owner", None);
            anchor(PATIENT, BETTER_NOTE, "owner", None);
            anchor(PATIENT, GUARDIANS_NOTE, "guardian", None);
        });
        ext
    }

    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            Corrections::do_try_state().expect("invariants hold");
        });
    }
}

#[cfg(feature = "runtime-benchmarks")]
pub fn new_test_ext() -> sp_io::TestExternalities {
    ExtBuilder.build()
}
