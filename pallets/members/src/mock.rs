//! A runtime of this pallet and doubles of its neighbours.

use frame_support::{
    derive_impl,
    dispatch::{DispatchInfo, GetDispatchInfo},
    parameter_types,
    traits::{Contains, EitherOfDiverse, Get, SortedMembers},
};
use frame_system::CheckNonce;
use salus_primitives::{
    rows::DAY,
    signing::{credential_payload, recipient_payload},
    traits::{Chain, Invitations, Sponsorship},
    AccountId, ClinicianRole, CredentialConsent, Genesis, Moment, OrgId, OrganisationKind,
    PatientId, Recipient, Subject,
};
use sp_core::{sr25519, Pair};
use sp_runtime::{
    traits::{DispatchTransaction, IdentityLookup},
    transaction_validity::{TransactionSource, TransactionValidityError, ValidTransaction},
    BuildStorage, DispatchResult, MultiSignature,
};
use std::{cell::RefCell, collections::BTreeMap};

use crate::{CheckMember, Name, Url};

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

    #[runtime::pallet_index(20)]
    pub type Members = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
}

parameter_types! {
    pub const MaxOrganisations: u32 = 4;
}

#[cfg(feature = "runtime-benchmarks")]
parameter_types! {
    pub BenchmarkController: AccountId = {
        let controller = account("Benchmark controller");
        sponsor(&controller, HOSPITAL);
        controller
    };
}

impl crate::Config for Test {
    type Chain = Doubles;
    type AdmissionOrigin = frame_system::EnsureRoot<AccountId>;
    type GovernanceOrigin = EitherOfDiverse<
        frame_system::EnsureRoot<AccountId>,
        frame_system::EnsureSignedBy<Governor, AccountId>,
    >;
    type Council = Doubles;
    type ChangeOfSeats = ();
    type Sponsorship = Doubles;
    type Invitations = Doubles;
    type Urgent = Urgent;
    type Oversized = Authorized;
    type NotBySignature = NotBySignature;
    type NothingAuthorized = Unauthorized;
    type MaxOrganisations = MaxOrganisations;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkController = BenchmarkController;
}

/// Besides what members end among themselves, `consent.revoke`, which this runtime does not have:
/// a remark stands for it.
pub struct Urgent;

impl Contains<RuntimeCall> for Urgent {
    fn contains(call: &RuntimeCall) -> bool {
        *call == revoke()
            || matches!(
                call,
                RuntimeCall::Members(crate::Call::end_credential { .. })
            )
    }
}

/// Stands for more than half of the council.
pub struct Governor;

impl SortedMembers<AccountId> for Governor {
    fn sorted_members() -> Vec<AccountId> {
        vec![governor()]
    }
    #[cfg(feature = "runtime-benchmarks")]
    fn add(_: &AccountId) {}
}

pub fn governor() -> AccountId {
    account("Governor")
}

/// What only the council does.
pub struct NotBySignature;

impl Contains<RuntimeCall> for NotBySignature {
    fn contains(call: &RuntimeCall) -> bool {
        matches!(call, RuntimeCall::Members(crate::Call::suspend { .. }))
    }
}

fn is_upgrade(call: &RuntimeCall) -> bool {
    matches!(
        call,
        RuntimeCall::System(frame_system::Call::apply_authorized_upgrade { .. })
    )
}

/// An upgrade that [`authorize`] has let through.
pub struct Authorized;

impl Contains<RuntimeCall> for Authorized {
    fn contains(call: &RuntimeCall) -> bool {
        is_upgrade(call) && AUTHORIZED.with_borrow(|authorized| *authorized)
    }
}

/// Any other upgrade.
pub struct Unauthorized;

impl Contains<RuntimeCall> for Unauthorized {
    fn contains(call: &RuntimeCall) -> bool {
        is_upgrade(call) && !Authorized::contains(call)
    }
}

pub fn authorize() {
    AUTHORIZED.with_borrow_mut(|authorized| *authorized = true);
}

thread_local! {
    static NOW: RefCell<Moment> = const { RefCell::new(0) };
    static COUNCIL: RefCell<Vec<AccountId>> = const { RefCell::new(Vec::new()) };
    static SPONSORS: RefCell<BTreeMap<AccountId, (PatientId, OrgId)>> =
        const { RefCell::new(BTreeMap::new()) };
    static ENROLLED: RefCell<BTreeMap<PatientId, Moment>> = const { RefCell::new(BTreeMap::new()) };
    static PAIRS: RefCell<BTreeMap<String, sr25519::Pair>> = const { RefCell::new(BTreeMap::new()) };
    static AUTHORIZED: RefCell<bool> = const { RefCell::new(false) };
}

/// The clock, the council and the patients.
pub struct Doubles;

impl Chain for Doubles {
    fn now() -> Moment {
        NOW.with_borrow(|now| *now)
    }
    fn genesis() -> Genesis {
        Genesis::repeat_byte(0x5a)
    }
}

impl frame_support::traits::ChangeMembers<AccountId> for Doubles {
    fn change_members_sorted(
        incoming: &[AccountId],
        outgoing: &[AccountId],
        sorted_new: &[AccountId],
    ) {
        COUNCIL.with_borrow_mut(|council| {
            assert!(sorted_new.is_sorted());
            assert!(
                incoming.iter().all(|new| !council.contains(new)),
                "came twice"
            );
            assert!(
                outgoing.iter().all(|old| council.contains(old)),
                "left without being there"
            );
            council.retain(|old| !outgoing.contains(old));
            council.extend_from_slice(incoming);
            council.sort();
            assert_eq!(
                council, sorted_new,
                "what came and left does not explain the council"
            );
        });
    }
}

impl Sponsorship<AccountId> for Doubles {
    fn sponsor(account: &AccountId) -> Option<(PatientId, OrgId)> {
        SPONSORS.with_borrow(|sponsors| sponsors.get(account).copied())
    }
    fn acts_for_patients(account: &AccountId) -> bool {
        SPONSORS.with_borrow(|sponsors| sponsors.contains_key(account))
    }
    fn enrolled_at(patient: &PatientId) -> Moment {
        ENROLLED.with_borrow(|enrolled| enrolled.get(patient).copied().unwrap_or_default())
    }
}

impl Invitations<AccountId, RuntimeCall> for Doubles {
    fn invited_by(account: &AccountId, call: &RuntimeCall) -> Option<(PatientId, OrgId)> {
        (*account == helper() && *call == help()).then(|| (patient_of(&patient()), HOSPITAL))
    }
    fn weight(call: &RuntimeCall) -> frame_support::weights::Weight {
        match *call == help() {
            true => INVITATION,
            false => Default::default(),
        }
    }
}

/// What it costs to find out who was invited.
pub const INVITATION: frame_support::weights::Weight =
    frame_support::weights::Weight::from_parts(7_000_000, 70);

pub fn council() -> Vec<AccountId> {
    COUNCIL.with_borrow(Clone::clone)
}

/// The patient whose first controller the account is.
pub fn patient_of(account: &AccountId) -> PatientId {
    let bytes: &[u8; 32] = account.as_ref();
    PatientId(bytes[..16].try_into().expect("16 bytes"))
}

/// Makes an account the only controller of a patient, as `pallet-patients` would.
pub fn sponsor(account: &AccountId, organisation: OrgId) {
    control(account, patient_of(account), organisation);
}

/// Makes an account another controller of a patient.
pub fn control(account: &AccountId, patient: PatientId, organisation: OrgId) {
    System::inc_providers(account);
    SPONSORS.with_borrow_mut(|sponsors| {
        sponsors.insert(account.clone(), (patient, organisation));
    });
}

/// Says when a patient was enrolled; long ago, if nothing does.
pub fn enrolled(patient: PatientId, at: Moment) {
    ENROLLED.with_borrow_mut(|enrolled| enrolled.insert(patient, at));
}

pub fn set_now(now: Moment) {
    NOW.with_borrow_mut(|moment| *moment = now);
}

pub const HOSPITAL: OrgId = 0;
pub const INSURER: OrgId = 1;
pub const START: Moment = 1_000 * DAY;

/// Derives a key from a name, once: it takes milliseconds.
pub fn pair(name: &str) -> sr25519::Pair {
    PAIRS.with_borrow_mut(|pairs| {
        pairs
            .entry(name.into())
            .or_insert_with(|| {
                sr25519::Pair::from_string(&format!("//{name}"), None).expect("a derivation path")
            })
            .clone()
    })
}

pub fn account(name: &str) -> AccountId {
    pair(name).public().into()
}

/// The hospital's admin.
pub fn hospital_admin() -> AccountId {
    account("Hospital admin")
}

/// The insurer's admin.
pub fn insurer_admin() -> AccountId {
    account("Insurer admin")
}

/// A physician of the hospital.
pub fn doctor() -> AccountId {
    account("Doctor")
}

/// The hospital's software.
pub fn service() -> AccountId {
    account("Service")
}

pub fn patient() -> AccountId {
    account("Patient")
}

/// Whom the patient has named to help, and who is new to the chain.
pub fn helper() -> AccountId {
    account("Helper")
}

pub fn stranger() -> AccountId {
    account("Stranger")
}

pub fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

pub fn name(text: &str) -> Name {
    text.as_bytes().to_vec().try_into().expect("a short name")
}

pub fn url(text: &str) -> Url {
    text.as_bytes()
        .to_vec()
        .try_into()
        .expect("a short address")
}

/// Credentials the account that derives from `seed` as a physician of the hospital, or of the
/// insurer if its admin signs, with its consent.
pub fn credential(admin: AccountId, seed: &str, until: Moment) -> DispatchResult {
    let organisation = if admin == insurer_admin() {
        INSURER
    } else {
        HOSPITAL
    };
    let consent = consent(seed, organisation, ClinicianRole::Physician);
    Members::credential(
        signed(admin),
        account(seed),
        ClinicianRole::Physician,
        until,
        Some(consent),
    )
}

/// The consent of the account that derives from `seed`, signed now, for a day.
pub fn consent(seed: &str, organisation: OrgId, role: ClinicianRole) -> CredentialConsent {
    let now = Doubles::now();
    consent_between(seed, organisation, role, now, now + DAY)
}

pub fn consent_between(
    seed: &str,
    organisation: OrgId,
    role: ClinicianRole,
    signed_at: Moment,
    expires_at: Moment,
) -> CredentialConsent {
    let payload = credential_payload(
        &Doubles::genesis(),
        organisation,
        &account(seed),
        role,
        signed_at,
        expires_at,
    );
    CredentialConsent {
        signed_at,
        expires_at,
        signature: MultiSignature::Sr25519(pair(seed).sign(&payload)),
    }
}

pub fn recipient(signer: &sr25519::Pair, subject: &Subject, epoch: u32) -> Recipient {
    let key = [epoch as u8; 32];
    let payload = recipient_payload(&Doubles::genesis(), subject, 0, &key, epoch);
    Recipient {
        scheme: 0,
        key,
        epoch,
        signature: MultiSignature::Sr25519(signer.sign(&payload)),
    }
}

/// An ordinary call of some size.
pub fn remark() -> RuntimeCall {
    RuntimeCall::System(frame_system::Call::remark { remark: vec![0; 8] })
}

/// An urgent call.
pub fn revoke() -> RuntimeCall {
    RuntimeCall::System(frame_system::Call::remark {
        remark: b"revoke".to_vec(),
    })
}

/// What the patient has named the helper for.
pub fn help() -> RuntimeCall {
    RuntimeCall::System(frame_system::Call::remark {
        remark: b"help".to_vec(),
    })
}

/// An upgrade, which costs more than any person's bucket holds.
pub fn upgrade() -> RuntimeCall {
    RuntimeCall::System(frame_system::Call::apply_authorized_upgrade { code: vec![] })
}

/// The order that the extension asks for.
pub type Extension = (CheckMember<Test>, CheckNonce<Test>);

pub fn extension(nonce: u32) -> Extension {
    (CheckMember::new(), CheckNonce::from(nonce))
}

pub fn info(call: &RuntimeCall) -> DispatchInfo {
    let mut info = call.get_dispatch_info();
    info.extension_weight = <() as crate::WeightInfo>::check_controller();
    info
}

/// What the pool asks.
pub fn validate(
    who: &AccountId,
    nonce: u32,
    call: &RuntimeCall,
) -> Result<ValidTransaction, TransactionValidityError> {
    validate_length(who, nonce, call, 100)
}

/// The same of a transaction of so many bytes.
pub fn validate_length(
    who: &AccountId,
    nonce: u32,
    call: &RuntimeCall,
    length: usize,
) -> Result<ValidTransaction, TransactionValidityError> {
    let who = signed(who.clone());
    extension(nonce)
        .validate_only(
            who,
            call,
            &info(call),
            length,
            TransactionSource::External,
            0,
        )
        .map(|(validity, ..)| validity)
}

/// What a transaction of so many bytes costs, in picoseconds.
pub fn cost(call: &RuntimeCall, length: usize) -> u64 {
    let info = info(call);
    let limits: frame_system::limits::BlockWeights =
        <Test as frame_system::Config>::BlockWeights::get();
    let base = limits.get(info.class).base_extrinsic;
    info.total_weight().saturating_add(base).ref_time() + crate::door::PER_BYTE * length as u64
}

/// How many bytes a call has at which it costs this much.
pub fn length_that_costs(call: &RuntimeCall, picoseconds: u64) -> usize {
    (picoseconds.saturating_sub(cost(call, 0)) / crate::door::PER_BYTE) as usize
}

/// What a block does, with the account's next nonce; `length` in bytes.
pub fn apply(
    who: &AccountId,
    call: RuntimeCall,
    length: usize,
) -> Result<(), TransactionValidityError> {
    let info = info(&call);
    extension(System::account_nonce(who))
        .dispatch_transaction(signed(who.clone()), call, &info, length, 0)
        .map(|_| ())
}

#[derive(Default)]
pub struct ExtBuilder;

impl ExtBuilder {
    /// A hospital with an admin, a physician and software; an insurer with an admin; a patient's
    /// account that the hospital enrolled.
    pub fn build(self) -> sp_io::TestExternalities {
        set_now(START);
        COUNCIL.with_borrow_mut(Vec::clear);
        SPONSORS.with_borrow_mut(BTreeMap::clear);
        ENROLLED.with_borrow_mut(BTreeMap::clear);
        AUTHORIZED.with_borrow_mut(|authorized| *authorized = false);
        let storage = RuntimeGenesisConfig {
            members: crate::GenesisConfig {
                organisations: vec![
                    (
                        OrganisationKind::Hospital,
                        "Hospital".into(),
                        hospital_admin(),
                        "https://vault.example".into(),
                    ),
                    (
                        OrganisationKind::Insurer,
                        "Insurer".into(),
                        insurer_admin(),
                        "".into(),
                    ),
                ],
                ..Default::default()
            },
            ..Default::default()
        }
        .build_storage()
        .expect("a genesis");
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| {
            System::set_block_number(1);
            credential(hospital_admin(), "Doctor", START + 700 * DAY).expect("a physician");
            Members::credential(
                signed(hospital_admin()),
                service(),
                ClinicianRole::Service,
                START + 700 * DAY,
                Some(consent("Service", HOSPITAL, ClinicianRole::Service)),
            )
            .expect("a service");
            sponsor(&patient(), HOSPITAL);
            System::reset_events();
        });
        ext
    }

    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            Members::do_try_state().expect("invariants hold");
        });
    }
}
