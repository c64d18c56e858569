//! `SalusApi`: what vaults, gateways, wallets and command lines ask the chain. `BatchApi`: how a node
//! makes blocks.
//!
//! From polkadot.js: `api.call.salusApi.mayRead(…)`. Ask at a *finalized* block.

use alloc::vec::Vec;
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::ApplyExtrinsicResult;
use sp_weights::Weight;

use crate::{
    AccountId, Addition, Balance, Cid, Clinician, Compartment, CompartmentId, Controller,
    Correction, CorrectionIndex, Credits, Delivery, EmergencyPlan, Ending, FormerContent,
    FormerKeyring, Glass, GlassIndex, Grant, GrantIndex, Grantee, HandOver, LetterStage, Link,
    Member, Moment, ObjectKind, OrgId, Organisation, Participation, Patient, PatientId,
    PendingRecovery, Record, RecordIndex, RecoveryPlan, Reference, Removal, Request, RequestIndex,
    SignedCompartments, SignedRecipient, Study, StudyIndex, Subject, TrailHead,
};

/// A compartment as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct CompartmentView {
    pub compartment: Compartment,
    /// The key of the present epoch; none in epoch 0, whose key `first_keys` has.
    pub recipient: Option<SignedRecipient>,
    /// A grant that held this epoch's key has ended: rotate at the next use.
    pub needs_rotation: bool,
}

/// A grant with the answer to the only question that matters.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct GrantView {
    pub grant: Grant,
    pub active: bool,
    pub envelopes: Vec<Cid>,
}

/// What was announced for a patient, and can be vetoed until it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct PendingChanges {
    pub hand_over: Option<HandOver>,
    /// The controllers whose roles are to end.
    pub removals: Vec<(AccountId, Removal)>,
    /// The deciders who have agreed to another one.
    pub additions: Vec<(AccountId, Addition)>,
    /// What is to become of the recovery plan.
    pub recovery_plan: Option<Ending>,
}

/// Lists are in ascending order and return at most `limit` rows (never more than [`MAX_PAGE`]).
pub const MAX_PAGE: u32 = 256;

sp_api::decl_runtime_apis! {
    pub trait SalusApi {
        /// The chain's clock.
        fn now() -> Moment;

        /// The account's standing as a member; none if it has none *now*.
        fn member(account: AccountId) -> Option<Member>;
        /// An organisation, suspended or not.
        fn organisation(organisation: OrgId) -> Option<Organisation>;
        /// Organisations from an id on.
        fn organisations(from: OrgId, limit: u32) -> Vec<(OrgId, Organisation)>;
        /// The credential of an account, in force or not.
        fn clinician(account: AccountId) -> Option<Clinician>;
        /// The credentials of an organisation, in the order of storage, after one of them.
        fn clinicians(organisation: OrgId, after: Option<AccountId>, limit: u32) -> Vec<(AccountId, Clinician)>;
        /// The published key of an organisation, account or inbox, and of a compartment that was
        /// rotated. Verify it.
        fn recipient(subject: Subject) -> Option<SignedRecipient>;

        /// A patient's row; none if the id is not enrolled.
        fn patient(patient: PatientId) -> Option<Patient>;
        /// The account's live role; none if it has none now.
        fn controller(patient: PatientId, account: AccountId) -> Option<Controller>;
        /// All rows, expired ones too: at most 16.
        fn controllers(patient: PatientId) -> Vec<(AccountId, Controller)>;
        /// The patients that an account controls, after one of them.
        fn controlled_by(account: AccountId, after: Option<PatientId>, limit: u32) -> Vec<PatientId>;
        /// What waits for its time, or for another's word, and can be vetoed until then.
        fn pending_changes(patient: PatientId) -> PendingChanges;
        /// Keyrings that were replaced lately and can be named again, newest first.
        fn former_keyrings(patient: PatientId) -> Vec<(Cid, FormerKeyring)>;

        /// A compartment of a patient; none if the patient has no such one.
        fn compartment(patient: PatientId, compartment: CompartmentId) -> Option<CompartmentView>;
        /// All of a patient's compartments: 32.
        fn compartments(patient: PatientId) -> Vec<(CompartmentId, CompartmentView)>;
        /// The keys that the compartments got with the enrolment, those that were rotated since too.
        /// Verify them.
        fn first_keys(patient: PatientId) -> Option<SignedCompartments>;
        /// A record's row, erased or not; none if the patient has no such record.
        fn record(patient: PatientId, record: RecordIndex) -> Option<Record>;
        /// A patient's records from an index on.
        fn records(patient: PatientId, from: RecordIndex, limit: u32) -> Vec<(RecordIndex, Record)>;
        /// Where a record's file lay lately, and can be named again: at most 16, newest last.
        fn former_contents(patient: PatientId, record: RecordIndex) -> Vec<FormerContent>;

        /// A grant with its envelopes, in force or not.
        fn grant(patient: PatientId, grant: GrantIndex) -> Option<GrantView>;
        /// A patient's grants from an index on. Like all lists of grants, a page may be short and not the
        /// last one: read on until one is empty.
        fn grants(patient: PatientId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)>;
        /// Grants of this patient that `account` could use: to it, or to the organisation it belongs
        /// to. Ask this for a patient that you know.
        fn grants_between(patient: PatientId, account: AccountId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)>;
        /// Grants to this account, then those to the organisation it belongs to, after a row that was
        /// returned before (its grantee, patient and index).
        fn grants_to(account: AccountId, after: Option<(Grantee, PatientId, GrantIndex)>, limit: u32) -> Vec<(PatientId, GrantIndex, GrantView)>;
        /// A request for access, answered or not.
        fn request(patient: PatientId, request: RequestIndex) -> Option<Request>;
        /// A patient's requests from an index on.
        fn requests(patient: PatientId, from: RequestIndex, limit: u32) -> Vec<(RequestIndex, Request)>;

        /// The serve rule's question: may `reader` read `record` under `grant`, at
        /// the later of `at` and the chain's clock?
        fn may_read(patient: PatientId, grant: GrantIndex, reader: AccountId, record: RecordIndex, at: Moment) -> bool;
        /// Whether `account` is the live grantee of `grant` at the later of `at` and the chain's clock.
        fn holds_grant(patient: PatientId, grant: GrantIndex, account: AccountId, at: Moment) -> bool;

        /// Whether the chain would take this delivery from the service `account` now: a batch is
        /// refused as a whole, and this finds what is wrong in it.
        fn may_report(account: AccountId, delivery: Delivery) -> bool;

        /// The roots over the logs of own reads that an organisation's vault has committed, by day in
        /// ascending order: those of its last days, at most [`crate::reads::ROOTS_KEPT`].
        fn read_roots(organisation: OrgId) -> Vec<(u32, H256)>;

        /// How many entries the patient's trail has, and what they hash to.
        fn trail_head(patient: PatientId) -> TrailHead;

        /// A correction, answered or not.
        fn correction(patient: PatientId, correction: CorrectionIndex) -> Option<Correction>;
        /// A patient's corrections from an index on.
        fn corrections(patient: PatientId, from: CorrectionIndex, limit: u32) -> Vec<(CorrectionIndex, Correction)>;
        /// The CID of a correction's letter, its author, and whether `reader` may have it.
        fn correction_letter(patient: PatientId, correction: CorrectionIndex, stage: LetterStage, reader: AccountId) -> Option<(Cid, AccountId, bool)>;

        /// Who can give the patient to a new account, with the delay that counts now; none if nobody
        /// was named.
        fn recovery_plan(patient: PatientId) -> Option<RecoveryPlan>;
        /// The recoveries under way, each with the account it would give the patient to.
        fn recoveries(patient: PatientId) -> Vec<(AccountId, PendingRecovery)>;

        /// Whether the chain names this object, and it must be kept.
        fn reference(patient: PatientId, kind: ObjectKind, content: Cid) -> Reference;
        /// The organisations whose vaults keep the patient's files, best first ([`crate::placement`]).
        fn keepers(patient: PatientId) -> Vec<OrgId>;
        /// The organisations whose vaults have confirmed that an erased record's file is gone, and when.
        fn erasure_confirmations(patient: PatientId, record: RecordIndex, from: OrgId, limit: u32) -> Vec<(OrgId, Moment)>;

        /// Who opens what an emergency opens; none where nobody has decided yet.
        fn emergency_plan(patient: PatientId) -> Option<EmergencyPlan>;
        /// Emergency accesses to a patient's records from an index on.
        fn glasses(patient: PatientId, from: GlassIndex, limit: u32) -> Vec<(GlassIndex, Glass)>;
        /// Whether `account` has broken this glass, and may have what opens its package, at the later
        /// of `at` and the chain's clock.
        fn holds_glass(patient: PatientId, glass: GlassIndex, account: AccountId, at: Moment) -> bool;
        /// What an organisation has not reviewed, after one of them: what was broken first comes first.
        fn glasses_to_review(organisation: OrgId, after: Option<(PatientId, GlassIndex)>, limit: u32) -> Vec<(PatientId, GlassIndex, Glass)>;

        /// A patient's links that have not ended, oldest first.
        fn links(patient: PatientId) -> Vec<Link>;

        /// What an account has of credits, free and held.
        fn credits(account: AccountId) -> Credits;
        /// What is held for the answer to a request; none if nothing is, or not any more.
        fn offer(patient: PatientId, request: RequestIndex) -> Option<Balance>;
        /// Studies from an index on, ended ones too.
        fn studies(from: StudyIndex, limit: u32) -> Vec<(StudyIndex, Study)>;
        /// The patient's part in a study, also after they withdrew; none if they never joined one.
        fn participation(patient: PatientId) -> Option<Participation>;
    }
    /// How a block's author hands the runtime many transactions in one call: each call from outside
    /// makes an instance of the runtime, which costs as much as a small transaction.
    pub trait BatchApi {
        /// Applies the extrinsics in their order, each as `BlockBuilder::apply_extrinsic` would, and
        /// returns what became of each. Stops after the first one that is refused, of which nothing
        /// stays, and once those applied weigh `enough`; the results are then fewer than the extrinsics.
        fn apply_extrinsics(extrinsics: Vec<Block::Extrinsic>, enough: Weight) -> Vec<ApplyExtrinsicResult>;
    }
}
