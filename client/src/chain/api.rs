//! `SalusApi`, typed: what the chain answers in the state of one block.

use codec::Encode;
use salus_primitives::{
    api::{CompartmentView, GrantView, MAX_PAGE},
    AccountId, Balance, Cid, Clinician, CompartmentId, Controller, Correction, CorrectionIndex,
    Credits, EmergencyPlan, Glass, GlassIndex, GrantIndex, LetterStage, Member, Moment, ObjectKind,
    OrgId, Organisation, Participation, Patient, PatientId, PendingRecovery, Purpose, Record,
    RecordIndex, RecoveryPlan, Reference, Request, RequestIndex, SignedRecipient, Study,
    StudyIndex, Subject, TrailHead,
};
use sp_core::H256;

use super::{Chain, Result};

/// The chain's answers in the state of one block, so that they fit together.
#[derive(Clone, Debug)]
pub struct Salus {
    chain: Chain,
    at: H256,
}

impl Chain {
    /// Answers in the state of this block. Decide only on finalized ones.
    pub fn salus_at(&self, block: H256) -> Salus {
        Salus {
            chain: self.clone(),
            at: block,
        }
    }

    /// Answers in the state of the newest finalized block.
    pub async fn salus(&self) -> Result<Salus> {
        Ok(self.salus_at(self.finalized().await?.hash))
    }
}

macro_rules! salus_api {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $answer:ty;)*) => {$(
        $(#[$doc])*
        pub async fn $name(&self, $($arg: $ty),*) -> Result<$answer> {
            #[allow(unused_mut)]
            let mut args = Vec::new();
            $($arg.encode_to(&mut args);)*
            let function = concat!("SalusApi_", stringify!($name));
            self.chain.state_call(function, &args, self.at).await
        }
    )*};
}

impl Salus {
    /// The block whose state is asked.
    pub fn block(&self) -> H256 {
        self.at
    }

    salus_api! {
        /// The chain's clock.
        fn now() -> Moment;

        /// The account's standing as a member; none if it has none now.
        fn member(account: &AccountId) -> Option<Member>;
        fn organisation(organisation: OrgId) -> Option<Organisation>;
        fn organisations(from: OrgId, limit: u32) -> Vec<(OrgId, Organisation)>;
        fn clinician(account: &AccountId) -> Option<Clinician>;
        fn clinicians(organisation: OrgId, after: Option<&AccountId>, limit: u32) -> Vec<(AccountId, Clinician)>;
        /// The published key of an organisation, account, compartment or inbox. Verify it.
        fn recipient(subject: &Subject) -> Option<SignedRecipient>;

        fn patient(patient: PatientId) -> Option<Patient>;
        /// The account's live role; none if it has none now.
        fn controller(patient: PatientId, account: &AccountId) -> Option<Controller>;
        fn controllers(patient: PatientId) -> Vec<(AccountId, Controller)>;
        /// The patients that an account controls.
        fn controlled_by(account: &AccountId) -> Vec<PatientId>;

        fn compartment(patient: PatientId, compartment: CompartmentId) -> Option<CompartmentView>;
        fn compartments(patient: PatientId) -> Vec<(CompartmentId, CompartmentView)>;
        fn record(patient: PatientId, record: RecordIndex) -> Option<Record>;
        fn records(patient: PatientId, from: RecordIndex, limit: u32) -> Vec<(RecordIndex, Record)>;

        fn grant(patient: PatientId, grant: GrantIndex) -> Option<GrantView>;
        fn grants(patient: PatientId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)>;
        /// Grants to this account, or to the organisation it belongs to.
        fn grants_to(account: &AccountId, limit: u32) -> Vec<(PatientId, GrantIndex, GrantView)>;
        fn request(patient: PatientId, request: RequestIndex) -> Option<Request>;
        fn requests(patient: PatientId, from: RequestIndex, limit: u32) -> Vec<(RequestIndex, Request)>;

        /// May `reader` read `record` under `grant` for `purpose`, at the later of `at` and the
        /// chain's clock?
        fn may_read(patient: PatientId, grant: GrantIndex, reader: &AccountId, record: RecordIndex, purpose: Purpose, at: Moment) -> bool;
        /// Whether `account` is the live grantee at the later of `at` and the chain's clock.
        fn holds_grant(patient: PatientId, grant: GrantIndex, account: &AccountId, at: Moment) -> bool;

        fn trail_head(patient: PatientId) -> TrailHead;

        fn correction(patient: PatientId, correction: CorrectionIndex) -> Option<Correction>;
        fn corrections(patient: PatientId, from: CorrectionIndex, limit: u32) -> Vec<(CorrectionIndex, Correction)>;
        /// The CID of a correction's letter, its author, and whether `reader` may have it.
        fn correction_letter(patient: PatientId, correction: CorrectionIndex, stage: LetterStage, reader: &AccountId) -> Option<(Cid, AccountId, bool)>;

        /// Whether the chain names this object, and it must be kept.
        fn reference(patient: PatientId, kind: ObjectKind, content: Cid) -> Reference;
        /// The organisations whose vaults keep the patient's files, best first.
        fn keepers(patient: PatientId) -> Vec<OrgId>;
        /// The organisations whose vaults have confirmed that an erased record's file is gone, and when.
        fn erasure_confirmations(patient: PatientId, record: RecordIndex) -> Vec<(OrgId, Moment)>;
        /// What an emergency opens; none where nothing opens, whatever the reason.
        fn emergency_plan(patient: PatientId) -> Option<EmergencyPlan>;
        fn glasses(patient: PatientId, from: GlassIndex, limit: u32) -> Vec<(GlassIndex, Glass)>;
        /// What an organisation has not reviewed: what was broken first comes first.
        fn glasses_to_review(organisation: OrgId, limit: u32) -> Vec<(PatientId, GlassIndex, Glass)>;

        /// Who helps, with the delay that counts now.
        fn recovery_plan(patient: PatientId) -> Option<RecoveryPlan>;
        /// The recoveries under way, each by the account that would become owner.
        fn recoveries(patient: PatientId) -> Vec<(AccountId, PendingRecovery)>;
        fn credits(account: &AccountId) -> Credits;
        /// What is set aside for the answer to a request.
        fn offer(patient: PatientId, request: RequestIndex) -> Option<Balance>;
        fn studies(from: StudyIndex, limit: u32) -> Vec<(StudyIndex, Study)>;
        fn participation(study: StudyIndex, patient: PatientId) -> Option<Participation>;
    }

    pub async fn all_records(&self, patient: PatientId) -> Result<Vec<(RecordIndex, Record)>> {
        all(|from| self.records(patient, from, MAX_PAGE), |row| row.0).await
    }

    pub async fn all_grants(&self, patient: PatientId) -> Result<Vec<(GrantIndex, GrantView)>> {
        all(|from| self.grants(patient, from, MAX_PAGE), |row| row.0).await
    }

    pub async fn all_requests(&self, patient: PatientId) -> Result<Vec<(RequestIndex, Request)>> {
        all(|from| self.requests(patient, from, MAX_PAGE), |row| row.0).await
    }

    pub async fn all_corrections(
        &self,
        patient: PatientId,
    ) -> Result<Vec<(CorrectionIndex, Correction)>> {
        all(
            |from| self.corrections(patient, from, MAX_PAGE),
            |row| row.0,
        )
        .await
    }

    pub async fn all_studies(&self) -> Result<Vec<(StudyIndex, Study)>> {
        all(|from| self.studies(from, MAX_PAGE), |row| row.0).await
    }

    pub async fn all_glasses(&self, patient: PatientId) -> Result<Vec<(GlassIndex, Glass)>> {
        all(|from| self.glasses(patient, from, MAX_PAGE), |row| row.0).await
    }

    pub async fn all_organisations(&self) -> Result<Vec<(OrgId, Organisation)>> {
        all(|from| self.organisations(from, MAX_PAGE), |row| row.0).await
    }

    pub async fn all_clinicians(&self, organisation: OrgId) -> Result<Vec<(AccountId, Clinician)>> {
        let mut rows: Vec<(AccountId, Clinician)> = Vec::new();
        loop {
            let after = rows.last().map(|row| row.0.clone());
            let page = self
                .clinicians(organisation, after.as_ref(), MAX_PAGE)
                .await?;
            if page.is_empty() {
                return Ok(rows);
            }
            rows.extend(page);
        }
    }
}

/// All pages of a list that is in ascending order of its index.
async fn all<T, F>(page: impl Fn(u32) -> F, index: impl Fn(&T) -> u32) -> Result<Vec<T>>
where
    F: std::future::Future<Output = Result<Vec<T>>>,
{
    let mut rows = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        let next = page(start).await?;
        // A node that repeats itself must not keep us for ever.
        from = next
            .last()
            .map(&index)
            .filter(|last| *last >= start)
            .and_then(|last| last.checked_add(1));
        rows.extend(next);
    }
    Ok(rows)
}
