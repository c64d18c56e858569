//! [`Ledger`] over a node's RPC.

use std::future::Future;
use std::time::{Duration, Instant};

use codec::Decode;
use futures::FutureExt;
use salus_client::chain::{
    calls, storage_key, storage_prefix, Block, Call, Chain, ChainError, ChainEvent,
};
use salus_client::files::age::EncryptionKey;
use salus_client::keys::AccountKey;
use salus_primitives::api::GrantView;
use salus_primitives::predicate::glass_ends;
use salus_primitives::{
    AccountId, BlockNumber, Cid, Controller, Correction, CorrectionIndex, CorrectionState,
    Delivery, EmergencyPlan, FormerContent, Genesis, Glass, GlassIndex, GrantIndex, LetterStage,
    Member, Moment, ObjectKind, OrgId, Part, Patient, PatientId, Record, RecordIndex, Reference,
    Request, RequestIndex, SignedRecipient, Subject,
};
use sp_core::H256;

use crate::dag::parse;
use crate::ledger::{
    Answer, Change, Chart, EntryId, Head, Ledger, LedgerError, Named, Opened, Peer,
};

/// A node that is silent for longer is unreachable.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nodes do not finalize at the same instant: so far may ours be behind the reader's.
const NEARLY_FINAL: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);
/// A long chart takes many questions.
const PATIENCE_CHART: Duration = Duration::from_secs(120);
/// Keys of one page.
const PAGE: u32 = 256;
/// Until a submitted batch is finalized, or can no longer take effect.
const PATIENCE_FINALITY: Duration = Duration::from_secs(600);

/// The chain through one node, with the key of the service account.
pub struct NodeLedger {
    chain: Chain,
    key: AccountKey,
}

impl NodeLedger {
    pub fn new(chain: Chain, key: AccountKey) -> Self {
        Self { chain, key }
    }

    fn ask<'a, T: Send + 'a>(
        &'a self,
        question: impl Future<Output = Result<T, ChainError>> + Send + 'a,
    ) -> Answer<'a, T> {
        within(PATIENCE, question).boxed()
    }

    /// Submits a batch. False if it is in a finalized block and failed there, which leaves nothing of it.
    async fn takes(&self, call: &Call) -> Result<bool, ChainError> {
        match self.chain.submit(&self.key, call).await {
            Ok(_) => Ok(true),
            Err(ChainError::Failed { call, error, .. }) => {
                tracing::warn!(%call, %error, "the chain refused a batch");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The files that a patient's records named before their present ones.
    async fn all_former_contents(
        &self,
        patient: PatientId,
        at: H256,
    ) -> Result<Vec<(RecordIndex, FormerContent)>, ChainError> {
        let prefix = storage_key("Records", "Former", &patient.0);
        let mut found = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .chain
                .storage_page(&prefix, after.as_deref(), at)
                .await?;
            let Some((last, _)) = page.last() else {
                return Ok(found);
            };
            after = Some(last.clone());
            for (key, value) in page {
                // A key ends with what it was made from.
                let index = key.last_chunk::<4>().map(|end| u32::from_le_bytes(*end));
                let row = <Vec<FormerContent>>::decode(&mut &value[..]);
                let Some((index, row)) = index.zip(row.ok()) else {
                    tracing::error!(%patient, "former files cannot be read; update the vault");
                    continue;
                };
                found.extend(row.into_iter().map(|former| (index, former)));
            }
        }
    }

    /// The block of this hash, if the node has seen it.
    async fn known(&self, hash: H256) -> Result<Option<Block>, ChainError> {
        match self.chain.block(hash).await {
            Ok((block, _)) => Ok(Some(block)),
            Err(ChainError::BlockUnknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn within<T>(
    patience: Duration,
    question: impl Future<Output = Result<T, ChainError>>,
) -> Result<T, LedgerError> {
    match tokio::time::timeout(patience, question).await {
        Ok(answer) => answer.map_err(|error| LedgerError(error.to_string())),
        Err(_) => Err(LedgerError(format!(
            "no answer within {} s",
            patience.as_secs()
        ))),
    }
}

/// The fields of `AccessLog.Opened`, in order.
#[derive(Decode)]
struct OpenedFields {
    patient: PatientId,
    actor: AccountId,
    _organisation: OrgId,
    _person: Option<H256>,
    grant: GrantIndex,
    records: Vec<RecordIndex>,
    part: Part,
}

impl Ledger for NodeLedger {
    fn genesis(&self) -> Genesis {
        self.chain.genesis()
    }

    fn head(&self) -> Answer<'_, Head> {
        self.ask(async move {
            let block = self.chain.finalized().await?;
            Ok(Head {
                hash: block.hash,
                number: block.number,
                moment: self.chain.moment(block.hash).await?,
            })
        })
    }

    fn opened(&self, head: Head, entry: EntryId) -> Answer<'_, Option<Opened>> {
        self.ask(async move {
            let Some(block) = self.known(entry.block).await? else {
                return Ok(None);
            };
            // What is below the finalized head and canonical is finalized.
            if block.number > head.number || self.chain.block_at(block.number).await? != block {
                return Ok(None);
            }
            let event = self.chain.event(block.hash, entry.event).await?;
            let moment = self.chain.moment(block.hash).await?;
            let Some(event) = event.filter(|event| event.is("AccessLog", "Opened")) else {
                return Ok(None);
            };
            let mut bytes = event.field_bytes();
            let Ok(fields) = OpenedFields::decode(&mut bytes) else {
                tracing::error!(
                    block = block.number,
                    "an Opened event cannot be read; update the vault"
                );
                return Ok(None);
            };
            if !bytes.is_empty() {
                tracing::error!(
                    block = block.number,
                    "an Opened event has more fields; update the vault"
                );
                return Ok(None);
            }
            Ok(Some(Opened {
                moment,
                patient: fields.patient,
                reader: fields.actor,
                grant: fields.grant,
                records: fields.records,
                part: fields.part,
            }))
        })
    }

    fn becomes_final(&self, block: H256) -> Answer<'_, bool> {
        self.ask(async move {
            let Some(block) = self.known(block).await? else {
                return Ok(false);
            };
            let end = Instant::now() + NEARLY_FINAL;
            while self.chain.finalized().await?.number < block.number {
                if Instant::now() >= end {
                    return Ok(false);
                }
                tokio::time::sleep(POLL).await;
            }
            Ok(self.chain.block_at(block.number).await? == block)
        })
    }

    fn member(&self, at: H256, account: &AccountId) -> Answer<'_, Option<Member>> {
        let account = account.clone();
        self.ask(async move { self.chain.salus_at(at).member(&account).await })
    }

    fn controlled_by(&self, at: H256, account: &AccountId) -> Answer<'_, Vec<PatientId>> {
        let account = account.clone();
        self.ask(async move { self.chain.salus_at(at).all_controlled_by(&account).await })
    }

    fn controller(
        &self,
        at: H256,
        patient: PatientId,
        account: &AccountId,
    ) -> Answer<'_, Option<Controller>> {
        let account = account.clone();
        self.ask(async move { self.chain.salus_at(at).controller(patient, &account).await })
    }

    fn patient(&self, at: H256, patient: PatientId) -> Answer<'_, Option<Patient>> {
        self.ask(async move { self.chain.salus_at(at).patient(patient).await })
    }

    fn record(
        &self,
        at: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Option<Record>> {
        self.ask(async move { self.chain.salus_at(at).record(patient, record).await })
    }

    fn former_contents(
        &self,
        at: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Vec<Cid>> {
        self.ask(async move {
            // `SalusApi` tells only what can be restored: nothing of a record that was erased.
            let all = self.all_former_contents(patient, at).await?;
            let former = all.into_iter().filter(|(index, _)| *index == record);
            Ok(former.map(|(_, former)| former.content).collect())
        })
    }

    fn grant(
        &self,
        at: H256,
        patient: PatientId,
        grant: GrantIndex,
    ) -> Answer<'_, Option<GrantView>> {
        self.ask(async move { self.chain.salus_at(at).grant(patient, grant).await })
    }

    fn request(
        &self,
        at: H256,
        patient: PatientId,
        request: RequestIndex,
    ) -> Answer<'_, Option<Request>> {
        self.ask(async move { self.chain.salus_at(at).request(patient, request).await })
    }

    fn correction_letter(
        &self,
        at: H256,
        patient: PatientId,
        correction: CorrectionIndex,
        stage: LetterStage,
        reader: &AccountId,
    ) -> Answer<'_, Option<(Cid, AccountId, bool)>> {
        let reader = reader.clone();
        self.ask(async move {
            self.chain
                .salus_at(at)
                .correction_letter(patient, correction, stage, &reader)
                .await
        })
    }

    fn may_read(
        &self,
        at: H256,
        patient: PatientId,
        grant: GrantIndex,
        reader: &AccountId,
        record: RecordIndex,
        time: Moment,
    ) -> Answer<'_, bool> {
        let reader = reader.clone();
        self.ask(async move {
            self.chain
                .salus_at(at)
                .may_read(patient, grant, &reader, record, time)
                .await
        })
    }

    fn holds_grant(
        &self,
        at: H256,
        patient: PatientId,
        grant: GrantIndex,
        account: &AccountId,
        time: Moment,
    ) -> Answer<'_, bool> {
        let account = account.clone();
        self.ask(async move {
            self.chain
                .salus_at(at)
                .holds_grant(patient, grant, &account, time)
                .await
        })
    }

    fn reference(
        &self,
        at: H256,
        patient: PatientId,
        kind: ObjectKind,
        content: Cid,
    ) -> Answer<'_, Reference> {
        self.ask(async move {
            self.chain
                .salus_at(at)
                .reference(patient, kind, content)
                .await
        })
    }

    fn emergency_plan(&self, at: H256, patient: PatientId) -> Answer<'_, Option<EmergencyPlan>> {
        self.ask(async move { self.chain.salus_at(at).emergency_plan(patient).await })
    }

    fn glass(&self, at: H256, patient: PatientId, glass: GlassIndex) -> Answer<'_, Option<Glass>> {
        self.ask(async move {
            let found = self.chain.salus_at(at).glasses(patient, glass, 1).await?;
            let found = found.into_iter().find(|(index, _)| *index == glass);
            Ok(found.map(|(_, row)| row))
        })
    }

    fn holds_glass(
        &self,
        at: H256,
        patient: PatientId,
        glass: GlassIndex,
        account: &AccountId,
        time: Moment,
    ) -> Answer<'_, bool> {
        let account = account.clone();
        self.ask(async move {
            self.chain
                .salus_at(at)
                .holds_glass(patient, glass, &account, time)
                .await
        })
    }

    fn recipient(&self, at: H256, account: &AccountId) -> Answer<'_, Option<SignedRecipient>> {
        let subject = Subject::Account(account.clone());
        self.ask(async move { self.chain.salus_at(at).recipient(&subject).await })
    }

    fn inbox(&self, at: H256, patient: PatientId) -> Answer<'_, Option<SignedRecipient>> {
        let subject = Subject::Inbox(patient);
        self.ask(async move { self.chain.salus_at(at).recipient(&subject).await })
    }

    fn read_roots(&self, at: H256, organisation: OrgId) -> Answer<'_, Vec<(u32, H256)>> {
        self.ask(async move { self.chain.salus_at(at).read_roots(organisation).await })
    }

    fn peers(&self, at: H256) -> Answer<'_, Vec<Peer>> {
        self.ask(async move {
            let all = self.chain.salus_at(at).all_organisations().await?;
            Ok(all
                .into_iter()
                .filter(|(_, row)| !row.vault_url.is_empty())
                .map(|(organisation, row)| Peer {
                    organisation,
                    url: String::from_utf8_lossy(&row.vault_url).into_owned(),
                })
                .collect())
        })
    }

    fn keepers(&self, at: H256, patient: PatientId) -> Answer<'_, Vec<OrgId>> {
        self.ask(async move { self.chain.salus_at(at).keepers(patient).await })
    }

    fn changes(&self, number: BlockNumber) -> Answer<'_, Vec<Change>> {
        self.ask(async move {
            let block = self.chain.block_at(number).await?;
            let mut found = Vec::new();
            for event in self.chain.events(block.hash).await? {
                found.extend(changes(&event));
                // The event does not tell what the plan is now.
                let (true, Some(patient)) = (event.is("Emergency", "PlanChanged"), event.patient())
                else {
                    continue;
                };
                found.push(Change::Plan(patient));
                let salus = self.chain.salus_at(block.hash);
                if let Some(plan) = salus.emergency_plan(patient).await? {
                    found.push(Change::Named(Named {
                        patient,
                        kind: ObjectKind::Envelope,
                        content: plan.package,
                        author: None,
                    }));
                }
            }
            Ok(found)
        })
    }

    fn patients(&self, at: H256, after: Option<PatientId>) -> Answer<'_, Vec<PatientId>> {
        self.ask(async move {
            let prefix = storage_prefix("Patients", "Patients");
            let after = after.map(|patient| storage_key("Patients", "Patients", &patient.0));
            let keys = self
                .chain
                .storage_keys(&prefix, after.as_deref(), PAGE, at)
                .await?;
            // A key ends with what it was made from.
            Ok(keys
                .iter()
                .filter_map(|key| key.last_chunk::<16>())
                .map(|id| PatientId(*id))
                .collect())
        })
    }

    fn chart(&self, at: H256, patient: PatientId) -> Answer<'_, Chart> {
        within(PATIENCE_CHART, async move {
            let salus = self.chain.salus_at(at);
            let now = salus.now().await?;
            let mut chart = Chart::default();
            let mut name = |kind, content, author| {
                chart.named.push(Named {
                    patient,
                    kind,
                    content,
                    author,
                })
            };
            for (index, record) in salus.all_records(patient).await? {
                match record.is_erased(now) {
                    true => chart.erased.push(index),
                    false => name(ObjectKind::Record, record.content, Some(record.placed_by)),
                }
            }
            for (index, former) in self.all_former_contents(patient, at).await? {
                if !chart.erased.contains(&index) {
                    name(ObjectKind::Record, former.content, Some(former.placed_by));
                }
            }
            for (_, view) in salus.all_grants(patient).await? {
                for envelope in view.envelopes {
                    name(ObjectKind::Envelope, envelope, None);
                }
            }
            for (_, request) in salus.all_requests(patient).await? {
                name(ObjectKind::Letter, request.letter, Some(request.requester));
            }
            for (_, correction) in salus.all_corrections(patient).await? {
                for (content, author) in letters(correction) {
                    name(ObjectKind::Letter, content, author);
                }
            }
            for (_, glass) in salus.all_glasses(patient).await? {
                if let Some(plan) = glass.plan.as_ref().filter(|_| now < glass_ends(&glass)) {
                    name(ObjectKind::Envelope, plan.package, None);
                }
                name(ObjectKind::Letter, glass.letter, Some(glass.clinician));
                if let Some(dispute) = glass.dispute {
                    name(ObjectKind::Letter, dispute.letter, Some(dispute.by));
                }
            }
            if let Some(plan) = salus.emergency_plan(patient).await? {
                name(ObjectKind::Envelope, plan.package, None);
            }
            let row = salus.patient(patient).await?;
            if let Some(keyring) = row.and_then(|row| row.keyring) {
                name(ObjectKind::Keyring, keyring, None);
            }
            for (keyring, _) in salus.former_keyrings(patient).await? {
                name(ObjectKind::Keyring, keyring, None);
            }
            Ok(chart)
        })
        .boxed()
    }

    fn confirmations(
        &self,
        at: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Vec<OrgId>> {
        self.ask(async move {
            let salus = self.chain.salus_at(at);
            let confirmed = salus.all_erasure_confirmations(patient, record).await?;
            Ok(confirmed.into_iter().map(|row| row.0).collect())
        })
    }

    fn confirm_erasures(&self, batch: Vec<(PatientId, RecordIndex)>) -> Answer<'_, bool> {
        within(PATIENCE_FINALITY, async move {
            self.takes(&calls::copies::confirm_erasures(&batch)?).await
        })
        .boxed()
    }

    fn may_report(&self, at: H256, service: &AccountId, delivery: &Delivery) -> Answer<'_, bool> {
        let (service, delivery) = (service.clone(), delivery.clone());
        self.ask(async move {
            self.chain
                .salus_at(at)
                .may_report(&service, &delivery)
                .await
        })
    }

    fn deliver(&self, batch: Vec<Delivery>) -> Answer<'_, bool> {
        within(PATIENCE_FINALITY, async move {
            self.takes(&calls::access_log::delivered(&batch)?).await
        })
        .boxed()
    }

    fn commit_reads(&self, day: u32, root: H256) -> Answer<'_, bool> {
        within(PATIENCE_FINALITY, async move {
            self.takes(&calls::access_log::commit_reads(day, root))
                .await
        })
        .boxed()
    }

    fn publish_recipient(&self, key: &EncryptionKey, epoch: u32) -> Answer<'_, ()> {
        let subject = Subject::Account(self.key.account());
        let genesis = self.chain.genesis();
        let recipient = self.key.sign_recipient(&subject, key, epoch, &genesis);
        within(PATIENCE_FINALITY, async move {
            let call = calls::members::publish_recipient(&recipient);
            self.chain.submit(&self.key, &call).await?;
            Ok(())
        })
        .boxed()
    }
}

/// The letters of a correction, with their authors where the row tells them.
fn letters(correction: Correction) -> Vec<(Cid, Option<AccountId>)> {
    let requester = Some(correction.requester);
    let responder = correction.answered_by;
    let mut letters = vec![(correction.letter, requester.clone())];
    match correction.state {
        CorrectionState::Requested | CorrectionState::Accepted { .. } => {}
        CorrectionState::PartlyAccepted { letter, .. } | CorrectionState::Denied { letter } => {
            letters.push((letter, responder))
        }
        // Any controller may disagree.
        CorrectionState::Disagreed { denial, letter } => {
            letters.extend([(denial, responder), (letter, None)])
        }
        CorrectionState::Rebutted {
            denial,
            disagreement,
            letter,
        } => letters.extend([
            (denial, responder.clone()),
            (disagreement, None),
            // Whoever answers for the record then, may rebut.
            (letter, None),
        ]),
    }
    letters
}

/// What an event means to vaults: most mean nothing.
fn changes(event: &ChainEvent) -> Vec<Change> {
    let field = |name| event.fields.get(name).and_then(|value| value.as_str());
    if event.pallet == "Members" || event.is("Copies", "ReplicationChanged") {
        // Credentials come and go daily, and move nothing.
        let moves = [
            "OrganisationAdmitted",
            "OrganisationSuspended",
            "OrganisationReinstated",
            "ProfileChanged",
            "ReplicationChanged",
        ];
        return match moves.contains(&event.variant.as_str()) {
            true => vec![Change::Members],
            false => Vec::new(),
        };
    }
    let Some(patient) = event.patient() else {
        return Vec::new();
    };
    if event.is("Records", "RecordErased") {
        let index = event.fields.get("record").and_then(|value| value.as_u64());
        return index
            .and_then(|index| RecordIndex::try_from(index).ok())
            .map(|index| Change::Erased(patient, index))
            .into_iter()
            .collect();
    }
    let actor = field("actor").and_then(|text| text.parse::<AccountId>().ok());
    // Whoever restores a former file did not place it: only the row says who did.
    let placed = ["RecordAnchored", "RecordReclassified", "RecordRelocated"];
    let placed = placed.contains(&event.variant.as_str());
    let fields = [
        (
            "content",
            ObjectKind::Record,
            actor.clone().filter(|_| placed),
        ),
        ("envelope", ObjectKind::Envelope, None),
        ("letter", ObjectKind::Letter, actor),
        ("keyring", ObjectKind::Keyring, None),
    ];
    fields
        .into_iter()
        .filter_map(|(name, kind, author)| {
            Some(Change::Named(Named {
                patient,
                kind,
                content: parse(field(name)?)?,
                author,
            }))
        })
        .collect()
}
