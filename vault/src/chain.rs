//! [`Ledger`] over a node's RPC.

use std::future::Future;
use std::time::Duration;

use codec::Decode;
use futures::FutureExt;
use salus_client::chain::{calls, Chain, ChainError};
use salus_client::keys::AccountKey;
use salus_primitives::api::GrantView;
use salus_primitives::{
    AccountId, Cid, Controller, CorrectionIndex, Delivery, Genesis, GrantIndex, LetterStage,
    Member, Moment, ObjectKind, OrgId, Part, Patient, PatientId, Purpose, Record, RecordIndex,
    Reference, Request, RequestIndex,
};
use sp_core::H256;

use crate::ledger::{Answer, EntryId, Head, Ledger, LedgerError, Opened};

/// A node that is silent for longer is unreachable.
const PATIENCE: Duration = Duration::from_secs(10);
/// Until a submitted batch is finalized, or can no longer take effect.
const PATIENCE_FINALITY: Duration = Duration::from_secs(600);

/// The chain through one node, with the key that logs deliveries.
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
    reader: AccountId,
    _organisation: OrgId,
    _acting_for: Option<AccountId>,
    grant: GrantIndex,
    records: Vec<RecordIndex>,
    part: Part,
    purpose: Purpose,
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
            let block = match self.chain.finalized_block(entry.block).await? {
                Some(block) if block.number <= head.number => block,
                _ => return Ok(None),
            };
            let events = self.chain.events(block.hash).await?;
            let event = events
                .iter()
                .find(|event| event.index == entry.event && event.is("AccessLog", "Opened"));
            let Some(event) = event else {
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
                moment: self.chain.moment(block.hash).await?,
                patient: fields.patient,
                reader: fields.reader,
                grant: fields.grant,
                records: fields.records,
                part: fields.part,
                purpose: fields.purpose,
            }))
        })
    }

    fn member(&self, at: H256, account: &AccountId) -> Answer<'_, Option<Member>> {
        let account = account.clone();
        self.ask(async move { self.chain.salus_at(at).member(&account).await })
    }

    fn controlled_by(&self, at: H256, account: &AccountId) -> Answer<'_, Vec<PatientId>> {
        let account = account.clone();
        self.ask(async move { self.chain.salus_at(at).controlled_by(&account).await })
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
        purpose: Purpose,
        time: Moment,
    ) -> Answer<'_, bool> {
        let reader = reader.clone();
        self.ask(async move {
            self.chain
                .salus_at(at)
                .may_read(patient, grant, &reader, record, purpose, time)
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

    fn deliver(&self, batch: Vec<Delivery>) -> Answer<'_, ()> {
        within(PATIENCE_FINALITY, async move {
            let call = calls::access_log::delivered(&batch)?;
            self.chain.submit(&self.key, &call).await?;
            Ok(())
        })
        .boxed()
    }
}
