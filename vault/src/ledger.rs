//! What a vault asks of the chain, and the little that it tells it.
//!
//! Every question names the finalized block it is asked at, so that one decision rests on one state.

use futures::future::BoxFuture;
use salus_client::files::age::EncryptionKey;
use salus_primitives::api::GrantView;
use salus_primitives::{
    AccountId, Binding, BlockNumber, Cid, Controller, CorrectionIndex, Delivery, EmergencyPlan,
    Genesis, Glass, GlassIndex, GrantIndex, LetterStage, Member, Moment, ObjectKind, OrgId, Part,
    Patient, PatientId, Record, RecordIndex, Reference, Request, RequestIndex, SignedRecipient,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
}

/// An object that the chain names, and that its keepers must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub patient: PatientId,
    pub kind: ObjectKind,
    pub content: Cid,
    /// Who must have made it, where the chain says so.
    pub author: Option<AccountId>,
}

impl Named {
    /// Whether a binding was made for this object's place. The chain it names is compared elsewhere.
    pub fn is_bound_by(&self, binding: &Binding) -> bool {
        binding.kind == self.kind
            && binding.patient == self.patient
            && self
                .author
                .as_ref()
                .is_none_or(|author| *author == binding.author)
    }
}

/// What a finalized block means to vaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Named(Named),
    Erased(PatientId, RecordIndex),
    /// Another share of the patient's emergency plan may belong here now, or none.
    Plan(PatientId),
    /// Who keeps what may have another answer now.
    Members,
}

/// All that vaults must keep and must not keep of a patient: also the files that records and
/// keyrings named lately, because moving them can be undone for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    pub named: Vec<Named>,
    pub erased: Vec<RecordIndex>,
}

/// Another organisation's vault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    pub organisation: OrgId,
    pub url: String,
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

    /// Whether this block is finalized, or becomes so within a moment. A block that the node has not
    /// even seen is not waited for.
    fn becomes_final(&self, block: H256) -> Answer<'_, bool>;

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
    /// The files that a record named before its present one, as far as the chain remembers them.
    fn former_contents(
        &self,
        at: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Vec<Cid>>;
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

    fn emergency_plan(&self, at: H256, patient: PatientId) -> Answer<'_, Option<EmergencyPlan>>;
    fn glass(&self, at: H256, patient: PatientId, glass: GlassIndex) -> Answer<'_, Option<Glass>>;
    /// Whether the account has broken this glass, and may have what opens its package.
    fn holds_glass(
        &self,
        at: H256,
        patient: PatientId,
        glass: GlassIndex,
        account: &AccountId,
        time: Moment,
    ) -> Answer<'_, bool>;
    /// The key that an account has published, as the node tells it: its signature is to be verified.
    fn recipient(&self, at: H256, account: &AccountId) -> Answer<'_, Option<SignedRecipient>>;

    /// The key for a patient's letters, as the node tells it: its signature is to be verified.
    fn inbox(&self, at: H256, patient: PatientId) -> Answer<'_, Option<SignedRecipient>>;
    /// The roots over logs of own reads that an organisation has committed, by day in ascending order.
    fn read_roots(&self, at: H256, organisation: OrgId) -> Answer<'_, Vec<(u32, H256)>>;

    /// Every organisation that names a vault, suspended or not: whoever has a copy may give it.
    fn peers(&self, at: H256) -> Answer<'_, Vec<Peer>>;
    /// The organisations whose vaults keep this patient's objects, best first.
    fn keepers(&self, at: H256, patient: PatientId) -> Answer<'_, Vec<OrgId>>;
    /// What the finalized block of this number means to vaults.
    fn changes(&self, number: BlockNumber) -> Answer<'_, Vec<Change>>;
    /// A page of all patients; continue after its last. Empty at the end.
    fn patients(&self, at: H256, after: Option<PatientId>) -> Answer<'_, Vec<PatientId>>;
    fn chart(&self, at: H256, patient: PatientId) -> Answer<'_, Chart>;
    /// The organisations that have confirmed an erasure.
    fn confirmations(
        &self,
        at: H256,
        patient: PatientId,
        record: RecordIndex,
    ) -> Answer<'_, Vec<OrgId>>;

    /// Submits `copies.confirm_erasures` and returns once it is finalized: whether the chain took
    /// the batch, or refused all of it.
    fn confirm_erasures(&self, batch: Vec<(PatientId, RecordIndex)>) -> Answer<'_, bool>;

    /// Whether the chain would take `service`'s word for this delivery now. If not, it may still do
    /// so later, such as when there is room in the patient's trail again.
    fn may_report(&self, at: H256, service: &AccountId, delivery: &Delivery) -> Answer<'_, bool>;

    /// Submits `access_log.delivered` and returns once it is finalized: whether the chain took the
    /// batch, or refused all of it.
    fn deliver(&self, batch: Vec<Delivery>) -> Answer<'_, bool>;

    /// Submits `access_log.commit_reads` and returns once it is finalized: whether the chain took it.
    fn commit_reads(&self, day: u32, root: H256) -> Answer<'_, bool>;

    /// Submits `members.publish_recipient` for the service account, under its signature, and returns
    /// once it is finalized and succeeded.
    fn publish_recipient(&self, key: &EncryptionKey, epoch: u32) -> Answer<'_, ()>;
}
