//! The rows of the chain's state, as storage keeps them and `SalusApi` returns them.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{bounded::BoundedVec, ConstU32, H256};

use crate::{
    AccountId, Balance, Cid, CompartmentId, GlassIndex, GrantIndex, LinkIndex, Moment, OrgId,
    PatientId, RecordIndex, RequestIndex, StudyIndex,
};

/// The type of a chain's specification whose members share a private network, as nodes tell it.
pub const PRIVATE_NETWORK: &str = "PrivateNetwork";

/// Bounds. They are part of the formats: do not reduce.
pub const MAX_NAME: u32 = 64;
pub const MAX_URL: u32 = 256;
pub const MAX_SCOPE: u32 = 32;
/// Compartments of a patient: everybody has as many, from the enrolment on.
pub const COMPARTMENTS: u32 = 32;
pub const MAX_OPEN: u32 = 64;
pub const MAX_ANCHORS: u32 = 128;
pub const MAX_DELIVERIES: u32 = 64;
pub const MAX_ERASURES: u32 = 64;
/// Copies of each file, at most.
pub const MAX_REPLICATION: u32 = 16;
/// Helpers of a patient.
pub const MAX_HELPERS: u32 = 7;
/// Accounts with a role for one patient, expired roles included.
pub const MAX_CONTROLLERS: u32 = 16;
/// Organisations that hold a share of an emergency plan's key.
pub const MAX_HOLDERS: u32 = 7;

/// Links of one patient that have not ended.
pub const MAX_LINKS: u32 = 8;

/// Milliseconds for which an emergency opens records.
pub const GLASS_LASTS: Moment = 24 * HOUR;
/// Milliseconds in which it has to be reviewed.
pub const REVIEW_WITHIN: Moment = 72 * HOUR;
/// Milliseconds between saying that another owner's role is to end, and its end.
pub const ENDING_WAITS: Moment = 72 * HOUR;
/// Milliseconds for which something announced can be carried out once it is due.
pub const ENDING_COUNTS: Moment = 30 * DAY;

pub const SECOND: Moment = 1_000;
pub const HOUR: Moment = 60 * 60 * SECOND;
pub const DAY: Moment = 24 * HOUR;
/// How long what was un-named or is to be erased can be had back.
pub const UNNAMING_WAITS: Moment = 72 * HOUR;

macro_rules! row {
    ($(#[$doc:meta])* pub struct $($rest:tt)*) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
        pub struct $($rest)*
    };
    ($(#[$doc:meta])* pub enum $($rest:tt)*) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
        pub enum $($rest)*
    };
    ($(#[$doc:meta])* pub copy enum $($rest:tt)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, serde::Serialize, serde::Deserialize)]
        pub enum $($rest)*
    };
}

// Who takes part.

row! {
    pub copy enum OrganisationKind {
        #[codec(index = 0)]
        Hospital,
        #[codec(index = 1)]
        Clinic,
        #[codec(index = 2)]
        Laboratory,
        #[codec(index = 3)]
        Pharmacy,
        #[codec(index = 4)]
        Insurer,
        #[codec(index = 5)]
        Regulator,
        #[codec(index = 6)]
        Research,
    }
}

impl OrganisationKind {
    /// Returns whether such an organisation treats patients, and so has seen what their files say.
    pub fn gives_care(&self) -> bool {
        match self {
            Self::Hospital | Self::Clinic | Self::Laboratory | Self::Pharmacy => true,
            Self::Insurer | Self::Regulator | Self::Research => false,
        }
    }
}

row! {
    /// A member of the consortium.
    pub struct Organisation {
        pub kind: OrganisationKind,
        /// UTF-8.
        pub name: BoundedVec<u8, ConstU32<MAX_NAME>>,
        /// Credentials clinicians and speaks for the organisation.
        pub admin: AccountId,
        /// UTF-8; empty while the organisation runs no vault.
        pub vault_url: BoundedVec<u8, ConstU32<MAX_URL>>,
        /// Names who works there, signed by the admin; none while the organisation publishes none.
        pub directory: Option<Cid>,
        pub admitted_at: Moment,
        pub suspended_at: Option<Moment>,
    }
}

row! {
    pub copy enum ClinicianRole {
        #[codec(index = 0)]
        Physician,
        #[codec(index = 1)]
        Nurse,
        #[codec(index = 2)]
        Pharmacist,
        #[codec(index = 3)]
        Laboratorian,
        #[codec(index = 4)]
        Therapist,
        #[codec(index = 5)]
        Administrator,
        #[codec(index = 6)]
        Researcher,
        /// The organisation's software, which gives the seal of the person it acts for.
        #[codec(index = 7)]
        Service,
    }
}

row! {
    /// An account credentialed by an organisation's admin.
    pub struct Clinician {
        pub organisation: OrgId,
        pub role: ClinicianRole,
        pub credentialed_at: Moment,
        pub valid_until: Moment,
        pub suspended_at: Option<Moment>,
    }
}

row! {
    /// What an account is in the consortium at this moment; only good standing is told.
    pub enum Member {
        #[codec(index = 0)]
        Admin { organisation: OrgId },
        #[codec(index = 1)]
        Clinician { organisation: OrgId, role: ClinicianRole },
    }
}

impl Member {
    pub fn organisation(&self) -> OrgId {
        match self {
            Member::Admin { organisation } | Member::Clinician { organisation, .. } => {
                *organisation
            }
        }
    }

    pub fn is_service(&self) -> bool {
        matches!(
            self,
            Member::Clinician {
                role: ClinicianRole::Service,
                ..
            }
        )
    }
}

row! {
    /// Whom an allowance of block time is for.
    pub copy enum Spender {
        /// Each admin and clinician.
        #[codec(index = 0)]
        Person,
        /// Each account of an organisation's software.
        #[codec(index = 1)]
        Service,
        /// All patients that one organisation enrolled, together.
        #[codec(index = 2)]
        Sponsor,
        /// All accounts of an organisation, together.
        #[codec(index = 3)]
        Organisation,
        /// All controllers of a patient who are no members, together.
        #[codec(index = 4)]
        Patient,
        /// Each account or patient, for urgent calls.
        #[codec(index = 5)]
        Urgent,
        /// All accounts of an organisation, or all patients that one enrolled, for urgent calls.
        #[codec(index = 6)]
        UrgentTogether,
    }
}

// Who controls a patient.

row! {
    pub struct Patient {
        pub enrolled_by: OrgId,
        pub enrolled_at: Moment,
        /// Since when the present deciders decide: enrolment, or the last change of hands.
        pub decided_since: Moment,
        /// When the enrolment was called a mistake: nobody controls the patient, and no grant counts.
        pub voided_at: Option<Moment>,
        pub keyring: Option<Cid>,
    }
}

row! {
    /// A keyring that was replaced, and is kept for a while so that this can be undone.
    pub struct FormerKeyring {
        /// Vaults keep the file until then.
        pub until: Moment,
        pub replaced_by: AccountId,
    }
}

row! {
    pub copy enum ControllerRole {
        /// A patient who has said that they are: may do everything.
        #[codec(index = 0)]
        Owner,
        /// Who decides for a patient: the patient, a parent, an attorney; which of them does not show.
        /// May do everything but end the role of another one, or of an owner.
        #[codec(index = 1)]
        Decider,
        /// Reads the trail and answers requests.
        #[codec(index = 2)]
        Carer,
    }
}

row! {
    pub struct Controller {
        pub role: ControllerRole,
        pub expires_at: Option<Moment>,
    }
}

// What.

row! {
    pub struct Compartment {
        /// Of the key that records are encrypted to now.
        pub epoch: u32,
        /// When this epoch began; at first the enrolment.
        pub rotated_at: Moment,
    }
}

row! {
    pub struct Record {
        pub compartment: CompartmentId,
        /// The compartment's epoch that the file is encrypted to.
        pub epoch: u32,
        /// Who signed the record: the person who wrote it, or an organisation's software.
        pub author: AccountId,
        /// The seal of the person who wrote it, where software signed ([`crate::seal`]).
        pub person: Option<H256>,
        /// The organisation the author wrote it for; none for a controller.
        pub organisation: Option<OrgId>,
        /// Who uploaded the present `content`; its binding names this account.
        pub placed_by: AccountId,
        pub content: Cid,
        pub commitment: H256,
        pub anchored_at: Moment,
        pub corrects: Option<RecordIndex>,
        pub corrected_by: Option<RecordIndex>,
        pub state: RecordState,
    }
}

row! {
    pub enum RecordState {
        #[codec(index = 0)]
        Current,
        /// Can be cancelled until then; nothing is handed out afterwards.
        #[codec(index = 1)]
        ErasePending { until: Moment },
        #[codec(index = 2)]
        Erased,
    }
}

impl Record {
    pub fn is_erased(&self, now: Moment) -> bool {
        match self.state {
            RecordState::Current => false,
            RecordState::ErasePending { until } => now >= until,
            RecordState::Erased => true,
        }
    }

    /// Whether it is what the chart says: nobody has corrected it, or asked to erase it.
    pub fn is_current(&self) -> bool {
        self.state == RecordState::Current && self.corrected_by.is_none()
    }
}

row! {
    /// Where a record's file lay before it was moved or encrypted anew: kept for a while, so that
    /// this can be undone.
    pub struct FormerContent {
        pub content: Cid,
        pub compartment: CompartmentId,
        pub epoch: u32,
        /// Whom the file's binding names.
        pub placed_by: AccountId,
        /// Vaults keep the file until then.
        pub until: Moment,
    }
}

row! {
    /// A record to be anchored.
    pub struct NewRecord {
        pub compartment: CompartmentId,
        /// Must be the compartment's present epoch.
        pub epoch: u32,
        pub content: Cid,
        pub commitment: H256,
        /// The seal of the person who wrote it ([`crate::seal`]): of software, and of nobody else.
        pub person: Option<H256>,
    }
}

// May.

row! {
    /// HL7 v3 PurposeOfUse.
    pub copy enum Purpose {
        #[codec(index = 0)]
        Treat,
        #[codec(index = 1)]
        ETreat,
        #[codec(index = 2)]
        Btg,
        #[codec(index = 3)]
        CareMgt,
        #[codec(index = 4)]
        HPaymt,
        #[codec(index = 5)]
        HOperat,
        #[codec(index = 6)]
        HResch,
        #[codec(index = 7)]
        PubHlth,
        #[codec(index = 8)]
        PatRqt,
        #[codec(index = 9)]
        FamRqt,
        #[codec(index = 10)]
        HLegal,
    }
}

row! {
    /// To whom a grant is given. It names the employer too, so that it does not follow a clinician who leaves.
    pub enum Grantee {
        #[codec(index = 0)]
        Clinician { account: AccountId, organisation: OrgId },
        #[codec(index = 1)]
        Organisation(OrgId),
    }
}

impl Grantee {
    pub fn organisation(&self) -> OrgId {
        match self {
            Grantee::Clinician { organisation, .. } | Grantee::Organisation(organisation) => {
                *organisation
            }
        }
    }
}

row! {
    /// What a grant lets read. Who may write may write into every compartment, so a grant that only
    /// lets write has an empty scope of compartments.
    pub enum Scope {
        #[codec(index = 0)]
        Compartments(BoundedVec<CompartmentId, ConstU32<MAX_SCOPE>>),
        #[codec(index = 1)]
        Records(BoundedVec<RecordIndex, ConstU32<MAX_SCOPE>>),
    }
}

impl Scope {
    pub fn len(&self) -> u32 {
        match self {
            Scope::Compartments(compartments) => compartments.len() as u32,
            Scope::Records(records) => records.len() as u32,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

row! {
    pub copy enum Rights {
        #[codec(index = 0)]
        Read,
        #[codec(index = 1)]
        Write,
        #[codec(index = 2)]
        ReadWrite,
    }
}

impl Rights {
    pub fn read(self) -> bool {
        matches!(self, Rights::Read | Rights::ReadWrite)
    }

    pub fn write(self) -> bool {
        matches!(self, Rights::Write | Rights::ReadWrite)
    }
}

row! {
    /// What led to a grant.
    pub enum Basis {
        #[codec(index = 0)]
        Direct,
        #[codec(index = 1)]
        Request(RequestIndex),
        /// A glass that was broken.
        #[codec(index = 2)]
        Emergency(GlassIndex),
        /// A study that the patient takes part in.
        #[codec(index = 3)]
        Study(StudyIndex),
    }
}

row! {
    /// What a controller decides when sharing.
    pub struct GrantTerms {
        pub grantee: Grantee,
        pub scope: Scope,
        pub rights: Rights,
        pub purpose: Purpose,
        /// Now, if none.
        pub starts_at: Option<Moment>,
        pub expires_at: Moment,
        /// Only records anchored at or after this moment.
        pub anchored_from: Option<Moment>,
        /// Only records anchored before this moment.
        pub anchored_until: Option<Moment>,
        /// A document: FHIR Consent with policy, Part 2 notice.
        pub terms: Option<Cid>,
        /// Reserved for clients; the chain gives it no meaning.
        pub flags: u8,
        pub derived_from: Option<GrantIndex>,
    }
}

row! {
    /// An immutable fact: only `revoked_at` is ever set, once.
    pub struct Grant {
        pub grantee: Grantee,
        pub scope: Scope,
        pub rights: Rights,
        pub purpose: Purpose,
        pub starts_at: Moment,
        pub expires_at: Moment,
        pub anchored_from: Option<Moment>,
        pub anchored_until: Option<Moment>,
        pub granted_by: AccountId,
        pub granted_at: Moment,
        pub revoked_at: Option<Moment>,
        pub terms: Option<Cid>,
        pub flags: u8,
        pub derived_from: Option<GrantIndex>,
        pub basis: Basis,
        /// Which predicate this grant was given under.
        pub rule_version: u8,
    }
}

row! {
    pub enum RequestState {
        #[codec(index = 0)]
        Pending,
        #[codec(index = 1)]
        Approved { grant: GrantIndex },
        #[codec(index = 2)]
        Declined,
        #[codec(index = 3)]
        Withdrawn,
    }
}

row! {
    /// A clinician asks; what for stands in the letter, which only the patient can read.
    pub struct Request {
        pub requester: AccountId,
        pub organisation: OrgId,
        pub purpose: Purpose,
        pub letter: Cid,
        /// Milliseconds of access asked for.
        pub duration: Moment,
        pub asked_at: Moment,
        pub expires_at: Moment,
        pub state: RequestState,
    }
}

// Did.

row! {
    pub copy enum Part {
        /// Title, type and date: what a chart lists.
        #[codec(index = 0)]
        Manifest,
        #[codec(index = 1)]
        Full,
    }
}

row! {
    /// Something a vault has handed out under a grant. What it hands out to who acts for the patient
    /// leaves nothing here: see [`crate::reads`].
    pub struct Delivery {
        pub patient: PatientId,
        /// The account that signed the opening.
        pub reader: AccountId,
        /// Under which the reader had opened it.
        pub grant: GrantIndex,
        pub record: RecordIndex,
        pub part: Part,
    }
}

// Was wrong.

row! {
    pub enum CorrectionState {
        #[codec(index = 0)]
        Requested,
        #[codec(index = 1)]
        Accepted { replacement: RecordIndex },
        #[codec(index = 2)]
        PartlyAccepted { replacement: RecordIndex, letter: Cid },
        #[codec(index = 3)]
        Denied { letter: Cid },
        #[codec(index = 4)]
        Disagreed { denial: Cid, letter: Cid },
        #[codec(index = 5)]
        Rebutted { denial: Cid, disagreement: Cid, letter: Cid },
    }
}

row! {
    pub struct Correction {
        pub record: RecordIndex,
        pub requester: AccountId,
        /// The request's letter.
        pub letter: Cid,
        pub asked_at: Moment,
        pub due_at: Moment,
        /// Once, by 30 days.
        pub extended: bool,
        /// Who answered, and where that person's letters are bound to.
        pub answered_by: Option<AccountId>,
        pub state: CorrectionState,
    }
}

row! {
    pub copy enum LetterStage {
        #[codec(index = 0)]
        Request,
        #[codec(index = 1)]
        Answer,
        #[codec(index = 2)]
        Disagreement,
        #[codec(index = 3)]
        Rebuttal,
    }
}

row! {
    /// Whether the chain still names an object.
    pub copy enum Reference {
        #[codec(index = 0)]
        Named,
        #[codec(index = 1)]
        Unnamed,
        /// Named by a record that was erased: delete it now.
        #[codec(index = 2)]
        Erased,
    }
}

// What waits for its time, and can be vetoed until then.

/// What was announced and never carried out counts for nothing after a while.
fn still_counts(due: Moment, now: Moment) -> bool {
    now < due.saturating_add(ENDING_COUNTS)
}

row! {
    /// A patient that is to be handed over, while words are missing or the notice is not over.
    pub struct HandOver {
        pub owner: AccountId,
        /// Who has said so.
        pub agreed: BoundedVec<AccountId, ConstU32<MAX_CONTROLLERS>>,
        /// Until when the words that are missing must be said: the first one counts no longer.
        pub words_until: Moment,
        /// From when it can be completed; none while words are missing.
        pub due: Option<Moment>,
    }
}

impl HandOver {
    pub fn counts(&self, now: Moment) -> bool {
        match self.due {
            Some(due) => still_counts(due, now),
            None => now < self.words_until,
        }
    }
}

row! {
    /// An owner's role that another owner wants to end.
    pub struct Removal {
        /// Who announced it.
        pub by: AccountId,
        pub due: Moment,
    }
}

impl Removal {
    pub fn counts(&self, now: Moment) -> bool {
        still_counts(self.due, now)
    }
}

row! {
    /// A decider's word for another decider.
    pub struct Addition {
        pub account: AccountId,
        pub role: ControllerRole,
        pub expires_at: Option<Moment>,
        /// As long as the consent that the decider presented.
        pub counts_until: Moment,
    }
}

impl Addition {
    pub fn counts(&self, now: Moment) -> bool {
        now < self.counts_until
    }

    /// Whether it is a word for the same, and still counts.
    pub fn is_for(
        &self,
        account: &AccountId,
        role: ControllerRole,
        expires_at: Option<Moment>,
        now: Moment,
    ) -> bool {
        self.account == *account
            && self.role == role
            && self.expires_at == expires_at
            && self.counts(now)
    }
}

row! {
    /// Helpers that are to be named.
    pub struct NewPlan {
        pub helpers: Helpers,
        pub delay: Moment,
    }
}

row! {
    /// What is to become of a recovery plan.
    pub struct Ending {
        /// Who announced it: the maker of the replacement.
        pub by: AccountId,
        pub announced_at: Moment,
        pub due: Moment,
        /// Who is to help instead; nobody, if none.
        pub replacement: Option<NewPlan>,
    }
}

impl Ending {
    pub fn counts(&self, now: Moment) -> bool {
        still_counts(self.due, now)
    }
}

// Getting back in.

/// A [commitment](crate::commitment::helper) to each helper, and random ones that nobody can open,
/// in ascending order: neither who they are shows, nor how many.
pub type Helpers = [H256; MAX_HELPERS as usize];

row! {
    /// Who can give a patient's records to a new account, and after how long. How many of them it
    /// takes is in their commitments.
    pub struct RecoveryPlan {
        pub helpers: Helpers,
        /// Milliseconds in which an owner can stop it, from the moment the threshold is reached.
        pub delay: Moment,
        pub set_at: Moment,
        pub set_by: AccountId,
    }
}

row! {
    /// A recovery under way, to one new account.
    pub struct PendingRecovery {
        pub started_at: Moment,
        /// How many helpers it takes, as whoever began has shown.
        pub threshold: u8,
        /// The helpers who stand behind it.
        pub helpers: BoundedVec<AccountId, ConstU32<MAX_HELPERS>>,
        /// Since when they are enough; none while helpers are missing.
        pub enough_since: Option<Moment>,
    }
}

impl PendingRecovery {
    /// From when it can be finished, with the delay of this plan; none while helpers are missing.
    pub fn ready_at(&self, plan: &RecoveryPlan) -> Option<Moment> {
        self.enough_since
            .map(|since| since.saturating_add(plan.delay))
    }
}

// Emergencies.

row! {
    pub struct ShareHolder {
        pub organisation: OrgId,
        /// The blake2-256 of the share of the plan's key that the organisation's vault keeps.
        pub share: H256,
    }
}

row! {
    /// What an emergency opens. Everybody's looks the same, whatever it opens, if anything.
    pub struct EmergencyPlan {
        /// What stands for the compartments ([`crate::commitment::plan_commitment`]).
        pub commitment: H256,
        pub holders: BoundedVec<ShareHolder, ConstU32<MAX_HOLDERS>>,
        /// How many shares open the package.
        pub threshold: u8,
        /// An envelope with the compartments' keys and the salt, encrypted to the plan's key.
        pub package: Cid,
        pub set_at: Moment,
    }
}

row! {
    /// The plan that a glass was broken under.
    pub struct PlanSeal {
        pub commitment: H256,
        pub package: Cid,
    }
}

impl From<EmergencyPlan> for PlanSeal {
    fn from(plan: EmergencyPlan) -> Self {
        Self {
            commitment: plan.commitment,
            package: plan.package,
        }
    }
}

row! {
    /// An organisation's answer for what its clinician did.
    pub struct Review {
        pub by: AccountId,
        pub at: Moment,
        pub justified: bool,
    }
}

row! {
    pub struct Dispute {
        pub by: AccountId,
        pub at: Moment,
        /// A letter to the organisation.
        pub letter: Cid,
    }
}

row! {
    /// An emergency access that was taken, whatever it opened.
    pub struct Glass {
        pub clinician: AccountId,
        pub organisation: OrgId,
        /// Why; a letter to the patient.
        pub letter: Cid,
        pub broken_at: Moment,
        /// What of the plan is handed out for it; none if there was no plan.
        pub plan: Option<PlanSeal>,
        /// Lets read what was revealed; none before something was.
        pub grant: Option<GrantIndex>,
        /// When the patient ended it before its time.
        pub ended_at: Option<Moment>,
        pub review: Option<Review>,
        pub dispute: Option<Dispute>,
    }
}

row! {
    /// A link by which a place that is no member reads what the patient chose.
    pub struct Link {
        pub index: LinkIndex,
        /// Serves the file.
        pub organisation: OrgId,
        pub expires_at: Moment,
        /// How often it can still be fetched.
        pub left: u32,
    }
}

row! {
    /// A patient's links.
    #[derive(Default)]
    pub struct Links {
        pub next: LinkIndex,
        /// Oldest first.
        pub live: BoundedVec<Link, ConstU32<MAX_LINKS>>,
    }
}

// Fair pay.

row! {
    /// What an account has of credits.
    pub struct Credits {
        pub free: Balance,
        /// Promised to somebody, and paid or returned.
        pub held: Balance,
    }
}

row! {
    /// What an organisation pays for, and how much is left of it.
    pub struct Study {
        pub organisation: OrgId,
        /// Whose credits are held.
        pub payer: AccountId,
        /// A document that everybody may read.
        pub terms: Cid,
        /// Credits for each participant.
        pub price: Balance,
        /// Participants at most.
        pub quota: u32,
        /// Participants so far, those who withdrew among them.
        pub joined: u32,
        pub announced_at: Moment,
        /// When it ends by itself.
        pub ends_at: Moment,
        /// When it was ended, and what was left returned.
        pub ended_at: Option<Moment>,
    }
}

row! {
    /// A patient's part in a study: the only one, since each study has ids of its own.
    pub struct Participation {
        pub study: StudyIndex,
        /// Who opted in, and was paid.
        pub actor: AccountId,
        pub grant: GrantIndex,
        pub joined_at: Moment,
        pub withdrawn_at: Option<Moment>,
    }
}
