//! What a vault asks of the chain, and the one thing it tells it.
//!
//! Every question names the finalized block it is asked at, so that one decision rests on one state.

use futures::future::BoxFuture;
use salus_primitives::api::GrantView;
use salus_primitives::{
    AccountId, BlockNumber, Cid, Controller, CorrectionIndex, Delivery, Genesis, GrantIndex,
    LetterStage, Member, Moment, ObjectKind, Part, Patient, PatientId, Purpose, Record,
    RecordIndex, Reference, Request, RequestIndex,
};
use sp_core::H256;

/// The newest finalized block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub hash: H256,
    pub number: BlockNumber,
    /// The chain's clock in that block.
    pub moment: Moment,
}

/// Names an event: `<block hash>:<index in that block>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId {
    pub block: H256,
    pub event: u32,
}

impl std::str::FromStr for EntryId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "an entry is named `0x<64 hexadecimal digits>:<event index>`";
        let (block, event) = text.trim().split_once(':').ok_or(FORM)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(block.strip_prefix("0x").unwrap_or(block), &mut hash)
            .map_err(|_| FORM)?;
        Ok(Self {
            block: H256(hash),
            event: event.parse().map_err(|_| FORM)?,
        })
    }
}

/// An `AccessLog.Opened` event of a canonical, finalized block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The chain's clock in the event's block.
    pub moment: Moment,
    pub patient: PatientId,
    pub reader: AccountId,
    pub grant: GrantIndex,
    pub records: Vec<RecordIndex>,
    pub part: Part,
    pub purpose: Purpose,
}

/// The chain could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the node does not answer: {0}; check that it runs and that --node is right")]
pub struct LedgerError(pub String);

pub type Answer<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

pub trait Ledger: Send + Sync + 'static {
    fn genesis(&self) -> Genesis;

    /// The finalized head as the node knows it at this moment.
    fn head(&self) -> Answer<'_, Head>;

    /// The `Opened` event of that name; none if the block is not on the chain that `head` ends, or
    /// the event is another one.
    fn opened(&self, head: Head, entry: EntryId) -> Answer<'_, Option<Opened>>;

    fn member(&self, at: H256, account: &AccountId) -> Answer<'_, Option<Member>>;
    fn controlled_by(&self, at: H256, account: &AccountId) -> Answer<'_, Vec<PatientId>>;
    fn controller(
        &self,
        at: H256,
        patient: PatientId,
        account: &AccountId,
    ) -> Answer<'_, Option<Controller>>;
    fn patient(&self, at: H256, patient: PatientId) -> Answer<'_, Option<Patient>>;
    fn record(
        &self,
        at: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Option<Record>>;
    fn grant(
        &self,
        at: H256,
        patient: PatientId,
        grant: GrantIndex,
    ) -> Answer<'_, Option<GrantView>>;
    fn request(
        &self,
        at: H256,
        patient: PatientId,
        request: RequestIndex,
    ) -> Answer<'_, Option<Request>>;
    fn correction_letter(
        &self,
        at: H256,
        patient: PatientId,
        correction: CorrectionIndex,
        stage: LetterStage,
        reader: &AccountId,
    ) -> Answer<'_, Option<(Cid, AccountId, bool)>>;
    fn may_read(
        &self,
        at: H256,
        patient: PatientId,
        grant: GrantIndex,
        reader: &AccountId,
        record: RecordIndex,
        purpose: Purpose,
        time: Moment,
    ) -> Answer<'_, bool>;
    fn holds_grant(
        &self,
        at: H256,
        patient: PatientId,
        grant: GrantIndex,
        account: &AccountId,
        time: Moment,
    ) -> Answer<'_, bool>;
    fn reference(
        &self,
        at: H256,
        patient: PatientId,
        kind: ObjectKind,
        content: Cid,
    ) -> Answer<'_, Reference>;

    /// Submits `access_log.delivered` and returns once it is finalized and succeeded.
    fn deliver(&self, batch: Vec<Delivery>) -> Answer<'_, ()>;
}
