//! `SalusApi`, typed: what the chain answers in the state of one block.

use codec::Encode;
use salus_primitives::{
    api::{CompartmentView, GrantView, PendingChanges, MAX_PAGE},
    AccountId, Balance, Cid, Clinician, CompartmentId, Controller, Correction, CorrectionIndex,
    Credits, Delivery, EmergencyPlan, FormerContent, FormerKeyring, Glass, GlassIndex, GrantIndex,
    Grantee, LetterStage, Link, Member, Moment, ObjectKind, OrgId, Organisation, Participation,
    Patient, PatientId, PendingRecovery, Record, RecordIndex, RecoveryPlan, Reference, Request,
    RequestIndex, SignedCompartments, SignedRecipient, Study, StudyIndex, Subject, TrailHead,
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

/// Questions whose first argument is an account: of one's own they go over its own connection.
macro_rules! of_accounts {
    ($($(#[$doc:meta])* fn $name:ident(account: &AccountId $(, $arg:ident: $ty:ty)* $(,)?) -> $answer:ty;)*) => {$(
        $(#[$doc])*
        pub async fn $name(&self, account: &AccountId $(, $arg: $ty)*) -> Result<$answer> {
            #[allow(unused_mut)]
            let mut args = account.encode();
            $($arg.encode_to(&mut args);)*
            let function = concat!("SalusApi_", stringify!($name));
            let chain = self.chain.of_account(account).await?;
            chain.state_call(function, &args, self.at).await
        }
    )*};
}

/// Questions whose first argument is a patient: of one's own they are asked in a crowd.
macro_rules! of_patients {
    ($($(#[$doc:meta])* fn $name:ident(patient: PatientId $(, $arg:ident: $ty:ty)* $(,)?) -> $answer:ty;)*) => {$(
        $(#[$doc])*
        pub async fn $name(&self, patient: PatientId $(, $arg: $ty)*) -> Result<$answer> {
            #[allow(unused_mut)]
            let mut rest = Vec::new();
            $($arg.encode_to(&mut rest);)*
            let function = concat!("SalusApi_", stringify!($name));
            self.about(function, patient, &rest).await
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
        fn organisation(organisation: OrgId) -> Option<Organisation>;
        fn organisations(from: OrgId, limit: u32) -> Vec<(OrgId, Organisation)>;
        fn clinicians(organisation: OrgId, after: Option<&AccountId>, limit: u32) -> Vec<(AccountId, Clinician)>;
        /// The roots that an organisation's vault has committed over its logs of own reads, by day in
        /// ascending order.
        fn read_roots(organisation: OrgId) -> Vec<(u32, H256)>;
        /// Whether a vault's account may say that it has delivered this.
        fn may_report(account: &AccountId, delivery: &Delivery) -> bool;
        /// What an organisation has not reviewed, after one of them: what was broken first comes first.
        fn glasses_to_review(organisation: OrgId, after: Option<(PatientId, GlassIndex)>, limit: u32) -> Vec<(PatientId, GlassIndex, Glass)>;
        fn studies(from: StudyIndex, limit: u32) -> Vec<(StudyIndex, Study)>;
    }

    of_accounts! {
        /// The account's standing as a member; none if it has none now.
        fn member(account: &AccountId) -> Option<Member>;
        fn clinician(account: &AccountId) -> Option<Clinician>;
        /// The patients that an account controls, after one of them.
        fn controlled_by(account: &AccountId, after: Option<PatientId>, limit: u32) -> Vec<PatientId>;
        /// Grants to this account, then those to the organisation it belongs to, after one of them.
        fn grants_to(account: &AccountId, after: Option<GrantCursor>, limit: u32) -> Vec<(PatientId, GrantIndex, GrantView)>;
        fn credits(account: &AccountId) -> Credits;
    }

    of_patients! {
        fn patient(patient: PatientId) -> Option<Patient>;
        fn controllers(patient: PatientId) -> Vec<(AccountId, Controller)>;
        /// What waits for its time, or for another's word, and can be vetoed until then.
        fn pending_changes(patient: PatientId) -> PendingChanges;
        /// Keyrings that were replaced lately and can be named again, newest first.
        fn former_keyrings(patient: PatientId) -> Vec<(Cid, FormerKeyring)>;
        fn compartments(patient: PatientId) -> Vec<(CompartmentId, CompartmentView)>;
        /// The keys that the compartments got with the enrolment. Verify them.
        fn first_keys(patient: PatientId) -> Option<SignedCompartments>;
        fn records(patient: PatientId, from: RecordIndex, limit: u32) -> Vec<(RecordIndex, Record)>;
        /// Where a record's file lay lately, and can be named again; newest last.
        fn former_contents(patient: PatientId, record: RecordIndex) -> Vec<FormerContent>;
        fn grants(patient: PatientId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)>;
        /// Grants of this patient to this account, or to the organisation it belongs to. Ask this for
        /// a patient that you know.
        fn grants_between(patient: PatientId, account: &AccountId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)>;
        fn requests(patient: PatientId, from: RequestIndex, limit: u32) -> Vec<(RequestIndex, Request)>;
        /// May `reader` read `record` under `grant`, at the later of `at` and the chain's clock?
        fn may_read(patient: PatientId, grant: GrantIndex, reader: &AccountId, record: RecordIndex, at: Moment) -> bool;
        /// Whether `account` is the live grantee at the later of `at` and the chain's clock.
        fn holds_grant(patient: PatientId, grant: GrantIndex, account: &AccountId, at: Moment) -> bool;
        fn trail_head(patient: PatientId) -> TrailHead;
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
        /// A patient's links that have not ended, oldest first.
        fn links(patient: PatientId) -> Vec<Link>;
        /// Whether `account` has broken this glass, and may have what opens its package, at the later
        /// of `at` and the chain's clock.
        fn holds_glass(patient: PatientId, glass: GlassIndex, account: &AccountId, at: Moment) -> bool;
        /// Who helps, with the delay that counts now.
        fn recovery_plan(patient: PatientId) -> Option<RecoveryPlan>;
        /// The recoveries under way, each by the account that would become owner.
        fn recoveries(patient: PatientId) -> Vec<(AccountId, PendingRecovery)>;
        /// What is set aside for the answer to a request.
        fn offer(patient: PatientId, request: RequestIndex) -> Option<Balance>;
        /// The patient's part in a study, also after they withdrew.
        fn participation(patient: PatientId) -> Option<Participation>;
    }

    /// The published key of an organisation, account, compartment or inbox. Verify it.
    pub async fn recipient(&self, subject: &Subject) -> Result<Option<SignedRecipient>> {
        const FUNCTION: &str = "SalusApi_recipient";
        let ask = |chain: Chain, subject: Subject| {
            let at = self.at;
            async move { chain.state_call(FUNCTION, &subject.encode(), at).await }
        };
        match subject {
            Subject::Inbox(patient) => {
                let ask = |chain, id| ask(chain, Subject::Inbox(id));
                self.chain.among(*patient, ask).await
            }
            // An id of a compartment is as good as the patient's.
            Subject::Compartment(patient, id) if self.chain.is_hidden(patient) => {
                let view = self.compartment(*patient, *id).await?;
                Ok(view.and_then(|view| view.recipient))
            }
            Subject::Account(account) => {
                ask(self.chain.of_account(account).await?, subject.clone()).await
            }
            _ => ask(self.chain.clone(), subject.clone()).await,
        }
    }

    /// The account's live role; none if it has none now.
    pub async fn controller(
        &self,
        patient: PatientId,
        account: &AccountId,
    ) -> Result<Option<Controller>> {
        if !self.chain.is_hidden(&patient) {
            let account = account.encode();
            return self.about("SalusApi_controller", patient, &account).await;
        }
        // The account names the patient: all are asked for, of each of the crowd.
        let now = self.now().await?;
        let rows = self.controllers(patient).await?;
        let live = |row: &Controller| row.expires_at.is_none_or(|end| now < end);
        let mut rows = rows.into_iter().filter(|(_, row)| live(row));
        Ok(rows.find(|(found, _)| found == account).map(|(_, row)| row))
    }

    pub async fn compartment(
        &self,
        patient: PatientId,
        compartment: CompartmentId,
    ) -> Result<Option<CompartmentView>> {
        if !self.chain.is_hidden(&patient) {
            let id = compartment.encode();
            return self.about("SalusApi_compartment", patient, &id).await;
        }
        let rows = self.compartments(patient).await?;
        let mut rows = rows.into_iter().filter(|(found, _)| *found == compartment);
        Ok(rows.next().map(|(_, row)| row))
    }

    pub async fn record(&self, patient: PatientId, record: RecordIndex) -> Result<Option<Record>> {
        if !self.chain.is_hidden(&patient) {
            let index = record.encode();
            return self.about("SalusApi_record", patient, &index).await;
        }
        one(self.all_records(patient).await?, record)
    }

    pub async fn grant(&self, patient: PatientId, grant: GrantIndex) -> Result<Option<GrantView>> {
        if !self.chain.is_hidden(&patient) {
            let index = grant.encode();
            return self.about("SalusApi_grant", patient, &index).await;
        }
        one(self.all_grants(patient).await?, grant)
    }

    pub async fn request(
        &self,
        patient: PatientId,
        request: RequestIndex,
    ) -> Result<Option<Request>> {
        if !self.chain.is_hidden(&patient) {
            let index = request.encode();
            return self.about("SalusApi_request", patient, &index).await;
        }
        one(self.all_requests(patient).await?, request)
    }

    pub async fn correction(
        &self,
        patient: PatientId,
        correction: CorrectionIndex,
    ) -> Result<Option<Correction>> {
        if !self.chain.is_hidden(&patient) {
            let index = correction.encode();
            return self.about("SalusApi_correction", patient, &index).await;
        }
        one(self.all_corrections(patient).await?, correction)
    }

    /// One question about a patient, by its raw name and what follows the patient in its arguments.
    async fn about<T: codec::Decode>(
        &self,
        function: &str,
        patient: PatientId,
        rest: &[u8],
    ) -> Result<T> {
        let at = self.at;
        let ask = |chain: Chain, id: PatientId| {
            let args = [&id.0[..], rest].concat();
            async move { chain.state_call(function, &args, at).await }
        };
        self.chain.among(patient, ask).await
    }

    /// Several questions about a patient that depend on one another.
    async fn each<T, F>(&self, patient: PatientId, ask: impl Fn(Salus, PatientId) -> F) -> Result<T>
    where
        F: std::future::Future<Output = Result<T>>,
    {
        let at = self.at;
        let ask = |chain, id| ask(Salus { chain, at }, id);
        self.chain.among(patient, ask).await
    }

    pub async fn all_records(&self, patient: PatientId) -> Result<Vec<(RecordIndex, Record)>> {
        let list = |salus: Salus, id| async move {
            all(|from| salus.records(id, from, MAX_PAGE), |row| row.0).await
        };
        self.each(patient, list).await
    }

    pub async fn all_grants(&self, patient: PatientId) -> Result<Vec<(GrantIndex, GrantView)>> {
        let list = |salus: Salus, id| async move {
            all(|from| salus.grants(id, from, MAX_PAGE), |row| row.0).await
        };
        self.each(patient, list).await
    }

    pub async fn all_requests(&self, patient: PatientId) -> Result<Vec<(RequestIndex, Request)>> {
        let list = |salus: Salus, id| async move {
            all(|from| salus.requests(id, from, MAX_PAGE), |row| row.0).await
        };
        self.each(patient, list).await
    }

    pub async fn all_corrections(
        &self,
        patient: PatientId,
    ) -> Result<Vec<(CorrectionIndex, Correction)>> {
        let list = |salus: Salus, id| async move {
            all(|from| salus.corrections(id, from, MAX_PAGE), |row| row.0).await
        };
        self.each(patient, list).await
    }

    pub async fn all_studies(&self) -> Result<Vec<(StudyIndex, Study)>> {
        all(|from| self.studies(from, MAX_PAGE), |row| row.0).await
    }

    pub async fn all_glasses(&self, patient: PatientId) -> Result<Vec<(GlassIndex, Glass)>> {
        let list = |salus: Salus, id| async move {
            all(|from| salus.glasses(id, from, MAX_PAGE), |row| row.0).await
        };
        self.each(patient, list).await
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
        let list = |salus: Salus, id| async move {
            let page = |from| salus.erasure_confirmations(id, record, from, MAX_PAGE);
            all(page, |row| row.0).await
        };
        self.each(patient, list).await
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

fn one<T>(rows: Vec<(u32, T)>, index: u32) -> Result<Option<T>> {
    let found = rows.into_iter().find(|(found, _)| *found == index);
    Ok(found.map(|(_, row)| row))
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
pub(super) mod tests {
    use super::*;

    pub(in crate::chain) fn record(seed: u8) -> Record {
        Record {
            compartment: CompartmentId([seed; 16]),
            epoch: 0,
            author: AccountId::new([seed; 32]),
            person: None,
            organisation: None,
            placed_by: AccountId::new([seed; 32]),
            content: Cid::dag_pb([seed; 32]),
            commitment: H256::zero(),
            anchored_at: 1,
            corrects: None,
            corrected_by: None,
            state: salus_primitives::RecordState::Current,
        }
    }

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
