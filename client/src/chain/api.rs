//! `SalusApi`, typed: what the chain answers in the state of one block.

use codec::Encode;
use salus_primitives::{
    api::{CompartmentView, GrantView, PendingChanges, MAX_PAGE},
    AccountId, Balance, Cid, Clinician, CompartmentId, Controller, Correction, CorrectionIndex,
    Credits, Delivery, EmergencyPlan, FormerContent, FormerKeyring, Glass, GlassIndex, GrantIndex,
    Grantee, LetterStage, Member, Moment, ObjectKind, OrgId, Organisation, Participation, Patient,
    PatientId, PendingRecovery, Purpose, Record, RecordIndex, RecoveryPlan, Reference, Request,
    RequestIndex, SignedRecipient, Study, StudyIndex, Subject, TrailHead,
};
use sp_core::H256;

use super::{Chain, ChainError, Result};

/// A list with more rows is no list that this client can use, and is refused as a whole.
const MOST_ROWS: usize = 1_000_000;
/// A row of [`Salus::grants_to`], as the next page begins after it.
pub type GrantCursor = (Grantee, PatientId, GrantIndex);

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
        /// The patients that an account controls, after one of them.
        fn controlled_by(account: &AccountId, after: Option<PatientId>, limit: u32) -> Vec<PatientId>;
        /// What waits for its time, or for another's word, and can be vetoed until then.
        fn pending_changes(patient: PatientId) -> PendingChanges;
        /// Keyrings that were replaced lately and can be named again, newest first.
        fn former_keyrings(patient: PatientId) -> Vec<(Cid, FormerKeyring)>;

        fn compartment(patient: PatientId, compartment: CompartmentId) -> Option<CompartmentView>;
        fn compartments(patient: PatientId) -> Vec<(CompartmentId, CompartmentView)>;
        fn record(patient: PatientId, record: RecordIndex) -> Option<Record>;
        fn records(patient: PatientId, from: RecordIndex, limit: u32) -> Vec<(RecordIndex, Record)>;

        /// Where a record's file lay lately, and can be named again; newest last.
        fn former_contents(patient: PatientId, record: RecordIndex) -> Vec<FormerContent>;

        fn grant(patient: PatientId, grant: GrantIndex) -> Option<GrantView>;
        fn grants(patient: PatientId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)>;
        /// Grants of this patient to this account, or to the organisation it belongs to. Ask this for
        /// a patient that you know.
        fn grants_between(patient: PatientId, account: &AccountId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)>;
        /// Grants to this account, then those to the organisation it belongs to, after one of them.
        fn grants_to(account: &AccountId, after: Option<GrantCursor>, limit: u32) -> Vec<(PatientId, GrantIndex, GrantView)>;
        fn request(patient: PatientId, request: RequestIndex) -> Option<Request>;
        fn requests(patient: PatientId, from: RequestIndex, limit: u32) -> Vec<(RequestIndex, Request)>;

        /// May `reader` read `record` under `grant` for `purpose`, at the later of `at` and the
        /// chain's clock?
        fn may_read(patient: PatientId, grant: GrantIndex, reader: &AccountId, record: RecordIndex, purpose: Purpose, at: Moment) -> bool;
        /// Whether `account` is the live grantee at the later of `at` and the chain's clock.
        fn holds_grant(patient: PatientId, grant: GrantIndex, account: &AccountId, at: Moment) -> bool;

        fn trail_head(patient: PatientId) -> TrailHead;
        /// Whether a vault's account may say that it has delivered this.
        fn may_report(account: &AccountId, delivery: &Delivery) -> bool;

        fn correction(patient: PatientId, correction: CorrectionIndex) -> Option<Correction>;
        fn corrections(patient: PatientId, from: CorrectionIndex, limit: u32) -> Vec<(CorrectionIndex, Correction)>;
        /// The CID of a correction's letter, its author, and whether `reader` may have it.
        fn correction_letter(patient: PatientId, correction: CorrectionIndex, stage: LetterStage, reader: &AccountId) -> Option<(Cid, AccountId, bool)>;

        /// Whether the chain names this object, and it must be kept.
        fn reference(patient: PatientId, kind: ObjectKind, content: Cid) -> Reference;
        /// The organisations whose vaults keep the patient's files, best first.
        fn keepers(patient: PatientId) -> Vec<OrgId>;
        /// The organisations whose vaults have confirmed that an erased record's file is gone, and when.
        fn erasure_confirmations(patient: PatientId, record: RecordIndex, from: OrgId, limit: u32) -> Vec<(OrgId, Moment)>;
        /// Who opens what an emergency opens; none where nobody has decided yet.
        fn emergency_plan(patient: PatientId) -> Option<EmergencyPlan>;
        fn glasses(patient: PatientId, from: GlassIndex, limit: u32) -> Vec<(GlassIndex, Glass)>;
        /// Whether `account` has broken this glass, and may have what opens its package, at the later
        /// of `at` and the chain's clock.
        fn holds_glass(patient: PatientId, glass: GlassIndex, account: &AccountId, at: Moment) -> bool;
        /// What an organisation has not reviewed, after one of them: what was broken first comes first.
        fn glasses_to_review(organisation: OrgId, after: Option<(PatientId, GlassIndex)>, limit: u32) -> Vec<(PatientId, GlassIndex, Glass)>;

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
        all_after(
            |after: Option<AccountId>| async move {
                let after = after.as_ref();
                self.clinicians(organisation, after, MAX_PAGE).await
            },
            |row| row.0.clone(),
        )
        .await
    }

    /// See [`Salus::grants_between`].
    pub async fn all_grants_between(
        &self,
        patient: PatientId,
        account: &AccountId,
    ) -> Result<Vec<(GrantIndex, GrantView)>> {
        all(
            |from| self.grants_between(patient, account, from, MAX_PAGE),
            |row| row.0,
        )
        .await
    }

    /// See [`Salus::grants_to`].
    pub async fn all_grants_to(
        &self,
        account: &AccountId,
    ) -> Result<Vec<(PatientId, GrantIndex, GrantView)>> {
        all_after(
            |after| self.grants_to(account, after, MAX_PAGE),
            |(patient, index, view)| (view.grant.grantee.clone(), *patient, *index),
        )
        .await
    }

    /// See [`Salus::controlled_by`].
    pub async fn all_controlled_by(&self, account: &AccountId) -> Result<Vec<PatientId>> {
        all_after(
            |after| self.controlled_by(account, after, MAX_PAGE),
            |patient| *patient,
        )
        .await
    }

    /// See [`Salus::erasure_confirmations`].
    pub async fn all_erasure_confirmations(
        &self,
        patient: PatientId,
        record: RecordIndex,
    ) -> Result<Vec<(OrgId, Moment)>> {
        all(
            |from| self.erasure_confirmations(patient, record, from, MAX_PAGE),
            |row| row.0,
        )
        .await
    }

    /// See [`Salus::glasses_to_review`].
    pub async fn all_glasses_to_review(
        &self,
        organisation: OrgId,
    ) -> Result<Vec<(PatientId, GlassIndex, Glass)>> {
        all_after(
            |after| self.glasses_to_review(organisation, after, MAX_PAGE),
            |(patient, glass, _)| (*patient, *glass),
        )
        .await
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
        let last = next.last().map(&index);
        // A node that repeats itself must not keep us for ever.
        if last.is_some_and(|last| last < start) {
            return Err(ChainError::unreadable("a list", "it does not go on"));
        }
        from = last.and_then(|last| last.checked_add(1));
        extend(&mut rows, next)?;
    }
    Ok(rows)
}

/// All pages of a list, each of which begins after the last row of the one before.
async fn all_after<T, C, F>(
    page: impl Fn(Option<C>) -> F,
    cursor: impl Fn(&T) -> C,
) -> Result<Vec<T>>
where
    C: Clone + PartialEq,
    F: std::future::Future<Output = Result<Vec<T>>>,
{
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let next = page(after.clone()).await?;
        let Some(last) = next.last().map(&cursor) else {
            return Ok(rows);
        };
        if after.as_ref() == Some(&last) {
            return Err(ChainError::unreadable("a list", "it does not go on"));
        }
        extend(&mut rows, next)?;
        after = Some(last);
    }
}

fn extend<T>(rows: &mut Vec<T>, next: Vec<T>) -> Result<()> {
    rows.extend(next);
    match rows.len() <= MOST_ROWS {
        true => Ok(()),
        false => Err(ChainError::unreadable(
            "a list",
            format!("it has more than {MOST_ROWS} rows"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: u32 = 2 * MAX_PAGE + 1;

    #[tokio::test]
    async fn lists_are_read_to_their_end_whatever_a_page_holds() {
        let by_index = |from: u32| async move {
            let end = ROWS.min(from.saturating_add(MAX_PAGE));
            Ok((from..end).collect::<Vec<u32>>())
        };
        let rows = all(by_index, |row| *row).await.unwrap();
        assert_eq!(rows, (0..ROWS).collect::<Vec<_>>());
        // A page may be short and yet not the last one.
        let after = |after: Option<u32>| async move {
            let from = after.map_or(0, |after| after + 1);
            let end = ROWS.min(from + 100);
            Ok((from..end).collect::<Vec<u32>>())
        };
        let rows = all_after(after, |row| *row).await.unwrap();
        assert_eq!(rows, (0..ROWS).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_node_that_repeats_itself_is_refused() {
        let same = |_: Option<u32>| async { Ok(vec![7u32]) };
        assert!(all_after(same, |row| *row).await.is_err());
        let same = |_: u32| async { Ok(vec![7u32]) };
        assert!(all(same, |row| *row).await.is_err());
        let endless = |after: Option<u64>| async move {
            let from = after.map_or(0, |after| after + 1);
            Ok((from..from + 1_000).collect::<Vec<u64>>())
        };
        assert!(all_after(endless, |row| *row).await.is_err());
    }
}
