//! A runtime of this pallet and doubles of its neighbours.

use codec::Encode;
use frame_support::{derive_impl, dispatch::DispatchResultWithPostInfo, ensure};
use salus_primitives::{
    rows::{DAY, ENDING_WAITS},
    signing::{
        compartments_payload, enrolment_payload, recipient_payload, role_payload,
        succession_payload, RoleConsent,
    },
    traits::{Chain, OnSuccession, OpenCompartments, RecoveryPlans, Standing, Trail},
    AccountId, Cid, ClinicianRole, CompartmentSet, ControllerRole, EnrolmentConsent, Genesis,
    Grantee, Member, Moment, OrgId, PatientId, Recipient, Subject, SuccessionConsent,
};
use sp_core::{sr25519, Pair};
use sp_runtime::{
    traits::IdentityLookup, BuildStorage, DispatchError, DispatchResult, MultiSignature, Weight,
};
use std::cell::RefCell;

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;

    #[runtime::pallet_index(21)]
    pub type Patients = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
}

impl crate::Config for Test {
    type Chain = Doubles;
    type Trail = Doubles;
    type Standing = Doubles;
    type Compartments = Doubles;
    type OnSuccession = Doubles;
    type RecoveryPlans = Doubles;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = Doubles;
}

thread_local! {
    static NOW: RefCell<Moment> = const { RefCell::new(0) };
    static HIRED: RefCell<Vec<AccountId>> = const { RefCell::new(Vec::new()) };
    static SUCCEEDED: RefCell<Vec<(PatientId, AccountId)>> = const { RefCell::new(Vec::new()) };
    static NOTICE: RefCell<Option<Moment>> = const { RefCell::new(None) };
    static UNDER_WAY_SINCE: RefCell<Option<Moment>> = const { RefCell::new(None) };
}

/// The clock, the members, the record store, the helpers and the trail.
pub struct Doubles;

impl Chain for Doubles {
    fn now() -> Moment {
        NOW.with_borrow(|now| *now)
    }
    fn genesis() -> Genesis {
        Genesis::repeat_byte(0x5a)
    }
}

impl Standing<AccountId> for Doubles {
    fn member(account: &AccountId) -> Option<Member> {
        let clinician = |organisation, role| Some(Member::Clinician { organisation, role });
        if *account == doctor() {
            clinician(HOSPITAL, ClinicianRole::Physician)
        } else if *account == desk() {
            clinician(HOSPITAL, ClinicianRole::Service)
        } else if *account == lee() {
            clinician(CLINIC, ClinicianRole::Nurse)
        } else if *account == hospital_admin() {
            Some(Member::Admin {
                organisation: HOSPITAL,
            })
        } else if *account == clinic_admin() {
            Some(Member::Admin {
                organisation: CLINIC,
            })
        } else {
            None
        }
    }
    fn is_staff(account: &AccountId) -> bool {
        Self::member(account).is_some() || HIRED.with_borrow(|hired| hired.contains(account))
    }
    fn administers(account: &AccountId) -> Option<OrgId> {
        match Self::member(account) {
            Some(Member::Admin { organisation }) => Some(organisation),
            _ => None,
        }
    }
    fn organisation_is_active(organisation: OrgId) -> bool {
        [HOSPITAL, CLINIC].contains(&organisation)
    }
    fn grantee_is_active(_: &Grantee) -> bool {
        false
    }
}

pub const COMPARTMENTS_REFUSED: DispatchError = DispatchError::Other("compartments");

impl OpenCompartments<AccountId> for Doubles {
    fn open(patient: PatientId, signer: &AccountId, set: CompartmentSet) -> DispatchResult {
        ensure!(
            set.is_signed_by(signer, &Doubles::genesis(), &patient),
            COMPARTMENTS_REFUSED
        );
        Ok(())
    }
}

impl OnSuccession<AccountId> for Doubles {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        let row = Patients::patient(patient).expect("an enrolled patient");
        assert_eq!(row.decided_since, now(), "who decides now has not begun");
        SUCCEEDED.with_borrow_mut(|all| all.push((patient, actor.clone())));
    }
    fn weight() -> Weight {
        ON_SUCCESSION
    }
}

/// What the end of former deciders' things costs elsewhere.
pub const ON_SUCCESSION: Weight = Weight::from_parts(7_000_000_000, 70_000);

/// The patients that changed hands, and by whose call, in order.
/// Makes an account some organisation's staff.
pub fn hire(account: &AccountId) {
    HIRED.with_borrow_mut(|hired| hired.push(account.clone()));
}

pub fn succeeded() -> Vec<(PatientId, AccountId)> {
    SUCCEEDED.with_borrow(|all| all.clone())
}

impl RecoveryPlans for Doubles {
    fn notice(_: &PatientId) -> Option<Moment> {
        NOTICE.with_borrow(|notice| *notice)
    }
    fn not_before(_: &PatientId, due: Moment) -> Moment {
        match UNDER_WAY_SINCE.with_borrow(|since| *since) {
            Some(since) if since < due => Moment::MAX,
            _ => due,
        }
    }
}

/// Gives every patient a recovery plan with this delay, or none.
pub fn set_notice(notice: Option<Moment>) {
    NOTICE.with_borrow_mut(|present| *present = notice);
}

/// Has a recovery of every patient begun at this moment, or none.
pub fn set_under_way(since: Option<Moment>) {
    UNDER_WAY_SINCE.with_borrow_mut(|present| *present = since);
}

/// Deposits, after looking whether the event begins with the patient whose trail it goes to.
impl Trail<RuntimeEvent> for Doubles {
    fn deposit(patient: &PatientId, event: RuntimeEvent) {
        assert_eq!(
            event.encode()[2..18],
            patient.0,
            "an event in a stranger's trail"
        );
        System::deposit_event(event);
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl salus_primitives::traits::BenchmarkAdmin<AccountId> for Doubles {
    fn admin() -> AccountId {
        hospital_admin()
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl salus_primitives::traits::BenchmarkWorld<AccountId> for Doubles {
    fn clinician() -> (AccountId, OrgId) {
        (doctor(), HOSPITAL)
    }
    fn service() -> AccountId {
        desk()
    }
    fn patient() -> (PatientId, AccountId) {
        (PATIENT, owner())
    }
    fn compartments(_: PatientId) -> Vec<salus_primitives::CompartmentId> {
        Vec::new()
    }
    fn records(_: PatientId, _: &[salus_primitives::CompartmentId], _: u32) -> Vec<u32> {
        Vec::new()
    }
    fn grant(_: PatientId, _: &[salus_primitives::CompartmentId]) -> u32 {
        0
    }
}

pub fn now() -> Moment {
    Doubles::now()
}

pub fn set_now(now: Moment) {
    NOW.with_borrow_mut(|moment| *moment = now);
}

pub const HOSPITAL: OrgId = 0;
pub const CLINIC: OrgId = 1;
pub const START: Moment = 1_000 * DAY;
/// The patient of the account "Owner".
pub const PATIENT: PatientId = PatientId([
    0x6c, 0x31, 0xa6, 0x48, 0x84, 0xe9, 0x42, 0x48, 0x48, 0x5b, 0xbf, 0xee, 0xa5, 0x2c, 0x18, 0x91,
]);
/// The patient of the account "Stranger".
pub const OTHER: PatientId = PatientId([
    0xdd, 0xb0, 0xf0, 0x42, 0x5c, 0xc2, 0x6c, 0xd7, 0x03, 0x05, 0xf5, 0x16, 0x8a, 0x34, 0x1f, 0xb9,
]);
pub const SALT: [u8; 16] = [7; 16];

pub fn pair(name: &str) -> sr25519::Pair {
    // Not derived from a phrase: that takes thousands of hashes.
    sr25519::Pair::from_seed(&sp_io::hashing::blake2_256(name.as_bytes()))
}

pub fn account(name: &str) -> AccountId {
    pair(name).public().into()
}

/// A physician of the hospital.
pub fn doctor() -> AccountId {
    account("Doctor")
}

/// The hospital's software.
pub fn desk() -> AccountId {
    account("Desk")
}

/// A nurse of the clinic.
pub fn lee() -> AccountId {
    account("Lee")
}

/// The hospital's admin.
pub fn hospital_admin() -> AccountId {
    account("Hospital admin")
}

pub fn clinic_admin() -> AccountId {
    account("Clinic admin")
}

pub fn owner() -> AccountId {
    account("Owner")
}

pub fn guardian() -> AccountId {
    account("Guardian")
}

pub fn carer() -> AccountId {
    account("Carer")
}

pub fn stranger() -> AccountId {
    account("Stranger")
}

pub fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

pub fn recipient(signer: &str, subject: &Subject, epoch: u32) -> Recipient {
    let key = [epoch as u8; 32];
    let payload = recipient_payload(&Doubles::genesis(), subject, 0, &key, epoch);
    Recipient {
        scheme: 0,
        key,
        epoch,
        signature: MultiSignature::Sr25519(pair(signer).sign(&payload)),
    }
}

pub fn inbox(signer: &str, patient: PatientId, epoch: u32) -> Recipient {
    recipient(signer, &Subject::Inbox(patient), epoch)
}

/// The compartments of a patient, with keys that `signer` signs.
pub fn compartments(signer: &str, patient: PatientId) -> CompartmentSet {
    let compartments = core::array::from_fn(|n| {
        (
            salus_primitives::CompartmentId([n as u8; 16]),
            [n as u8; 32],
        )
    });
    let payload = compartments_payload(&Doubles::genesis(), &patient, 0, &compartments);
    CompartmentSet {
        scheme: 0,
        compartments,
        signature: MultiSignature::Sr25519(pair(signer).sign(&payload)),
    }
}

/// Everything that an enrolment says; tests change one thing at a time.
#[derive(Clone)]
pub struct Enrolment {
    pub by: AccountId,
    pub patient: PatientId,
    pub controller: AccountId,
    pub compartments: CompartmentSet,
    pub inbox: Recipient,
    pub consent: EnrolmentConsent,
}

/// The id under which the account of this name is enrolled.
pub fn patient_of(name: &str) -> PatientId {
    PatientId::derive(&Doubles::genesis(), &account(name), &SALT)
}

/// Signed by `signer` for `by` of `organisation`, valid for a day.
pub fn enrolment(signer: &str, by: AccountId, organisation: OrgId) -> Enrolment {
    enrolment_under(patient_of(signer), SALT, signer, by, organisation)
}

/// The same, under an id and with a salt that may not belong together.
pub fn enrolment_under(
    patient: PatientId,
    salt: [u8; 16],
    signer: &str,
    by: AccountId,
    organisation: OrgId,
) -> Enrolment {
    let expires_at = now() + DAY;
    let controller = account(signer);
    let payload = enrolment_payload(
        &Doubles::genesis(),
        organisation,
        &by,
        &patient,
        &controller,
        &salt,
        expires_at,
    );
    Enrolment {
        by,
        patient,
        controller,
        compartments: compartments(signer, patient),
        inbox: inbox(signer, patient, 0),
        consent: EnrolmentConsent {
            salt,
            expires_at,
            signature: MultiSignature::Sr25519(pair(signer).sign(&payload)),
        },
    }
}

impl Enrolment {
    pub fn submit(self) -> DispatchResult {
        Patients::enrol(
            signed(self.by),
            self.patient,
            self.controller,
            self.compartments,
            self.inbox,
            self.consent,
        )
    }
}

/// Leaves what the enrolment of a child leaves, whose mother decides: under the id that the other
/// helpers name.
pub fn enrol_child(patient: PatientId, by: AccountId, organisation: OrgId) {
    Patients::do_enrol(patient, by, organisation, guardian());
}

/// Says that the patient is the signer.
pub fn declare(by: AccountId) -> DispatchResult {
    Patients::declare_owner(signed(by), PATIENT)
}

/// Keys by the account, for consents of accounts that tests name by their account.
pub fn name_of(account: &AccountId) -> String {
    let known = |name: &String| {
        pair(name).public() == sr25519::Public::from(<[u8; 32]>::from(account.clone()))
    };
    NAMES
        .iter()
        .map(|name| name.to_string())
        .chain((0..40).map(|seed| seed.to_string()))
        .find(known)
        .expect("an account of a test")
}

const NAMES: [&str; 20] = [
    "Owner", "Guardian", "Carer", "Stranger", "Tablet", "Aunt", "Father", "Child", "Thief", "A",
    "B", "C", "D", "E", "F", "G", "Doctor", "Desk", "Lee", "Phone",
];

/// Signed by `signer`, valid for a day.
pub fn role_consent(signer: &str, patient: PatientId, role: ControllerRole) -> RoleConsent {
    role_consent_until(signer, patient, role, now() + DAY)
}

pub fn role_consent_until(
    signer: &str,
    patient: PatientId,
    role: ControllerRole,
    expires_at: Moment,
) -> RoleConsent {
    // A clock that is a little ahead: after whatever has just ended.
    role_consent_between(signer, patient, role, now() + 1, expires_at)
}

pub fn role_consent_between(
    signer: &str,
    patient: PatientId,
    role: ControllerRole,
    signed_at: Moment,
    expires_at: Moment,
) -> RoleConsent {
    let payload = role_payload(
        &Doubles::genesis(),
        &patient,
        &account(signer),
        role,
        signed_at,
        expires_at,
    );
    RoleConsent {
        signed_at,
        expires_at,
        signature: MultiSignature::Sr25519(pair(signer).sign(&payload)),
    }
}

/// With the account's consent.
pub fn add(
    by: AccountId,
    account: AccountId,
    role: ControllerRole,
    expires_at: Option<Moment>,
) -> DispatchResultWithPostInfo {
    add_to(PATIENT, by, account, role, expires_at)
}

pub fn add_to(
    patient: PatientId,
    by: AccountId,
    account: AccountId,
    role: ControllerRole,
    expires_at: Option<Moment>,
) -> DispatchResultWithPostInfo {
    let consent = role_consent(&name_of(&account), patient, role);
    Patients::add_controller(signed(by), patient, account, role, expires_at, consent)
}

pub fn remove(by: AccountId, account: AccountId) -> DispatchResultWithPostInfo {
    Patients::remove_controller(signed(by), PATIENT, account)
}

/// Announces the end of another owner's role, waits, and ends it.
pub fn remove_owner(by: AccountId, account: AccountId) -> DispatchResultWithPostInfo {
    remove(by.clone(), account.clone())?;
    set_now(now() + ENDING_WAITS);
    remove(by, account)
}

/// The names of the events since they were last forgotten, with the account that each is about.
pub fn events() -> Vec<crate::Event<Test>> {
    System::events()
        .into_iter()
        .filter_map(|record| record.event.try_into().ok())
        .collect()
}

pub fn cid(seed: u32) -> Cid {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&seed.to_le_bytes());
    Cid::dag_pb(digest)
}

pub fn set_keyring(by: AccountId, seed: u32) -> DispatchResultWithPostInfo {
    Patients::set_keyring(signed(by), PATIENT, cid(seed))
}

pub fn restore_keyring(by: AccountId, seed: u32) -> DispatchResult {
    Patients::restore_keyring(signed(by), PATIENT, cid(seed))
}

/// Signed by `signer`, valid for a day.
pub fn succession(signer: &str, patient: PatientId) -> SuccessionConsent {
    let expires_at = now() + DAY;
    let payload = succession_payload(&Doubles::genesis(), &patient, &account(signer), expires_at);
    SuccessionConsent {
        expires_at,
        signature: MultiSignature::Sr25519(pair(signer).sign(&payload)),
    }
}

/// Hands [`PATIENT`] over to the account of this name, which has signed that it takes it.
pub fn hand_over(by: AccountId, to: &str) -> DispatchResultWithPostInfo {
    Patients::hand_over(signed(by), PATIENT, account(to), succession(to, PATIENT))
}

pub fn complete(by: AccountId) -> DispatchResultWithPostInfo {
    Patients::complete_hand_over(signed(by), PATIENT)
}

pub fn veto_hand_over(by: AccountId) -> DispatchResult {
    Patients::veto_hand_over(signed(by), PATIENT)
}

pub fn veto_removal(by: AccountId, account: AccountId) -> DispatchResult {
    Patients::veto_removal(signed(by), PATIENT, account)
}

pub fn void(by: AccountId) -> DispatchResultWithPostInfo {
    Patients::void_enrolment(signed(by), PATIENT)
}

#[derive(Default)]
pub struct ExtBuilder {
    empty: bool,
}

impl ExtBuilder {
    /// Nobody is enrolled.
    pub fn empty() -> Self {
        Self { empty: true }
    }

    /// One patient, with an owner, a guardian and a carer.
    pub fn build(self) -> sp_io::TestExternalities {
        let storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .expect("default genesis");
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| {
            set_now(START);
            SUCCEEDED.with_borrow_mut(Vec::clear);
            HIRED.with_borrow_mut(Vec::clear);
            set_notice(None);
            set_under_way(None);
            System::set_block_number(1);
            if !self.empty {
                enrolment("Owner", doctor(), HOSPITAL)
                    .submit()
                    .expect("a patient");
                declare(owner()).expect("nobody else decides");
                add(owner(), guardian(), ControllerRole::Decider, None).expect("a guardian");
                add(owner(), carer(), ControllerRole::Carer, None).expect("a carer");
                System::reset_events();
            }
        });
        ext
    }

    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            Patients::do_try_state().expect("invariants hold");
        });
    }
}
