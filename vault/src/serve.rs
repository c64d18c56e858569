//! The serve rule, in one place, and the streams that obey it.
//!
//! Controllers of a patient may have the patient's objects. Anyone else names an `Opened` entry that
//! is finalized, theirs, of this object and fresh, *and* the chain must still say yes at the
//! finalized head. No answer is kept: each request asks, and a stream asks again every 64 MiB.
//!
//! A record is handed out only by a vault that can report it: one that keeps the patient's files. What
//! a controller reads is not reported; it goes to a log that only controllers can read ([`crate::reads`]).

use std::ops::Range;
use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use futures::{stream, Stream, StreamExt, TryStreamExt};
use salus_primitives::{
    AccountId, Binding, Cid, CorrectionIndex, Delivery, GlassIndex, GrantIndex, LetterStage,
    Member, Moment, ObjectKind, OrgId, Part, PatientId, RecordIndex, RequestIndex, SECOND,
};

use crate::dag;
use crate::dag::text;
use crate::error::ApiError;
use crate::ledger::{EntryId, Head, Ledger, Named, Opened};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::store::{ObjectId, Store, StoreError};
use crate::{Clock, Vault};

/// An `Opened` entry lets in for so long, in chain time.
pub const ENTRY_LIFETIME: Moment = 15 * 60 * SECOND;
/// A stream asks the chain again after so many bytes.
pub const CHECK_EVERY: u64 = 64 * 1024 * 1024;
/// Blocks of one stream that are read and hashed while the one before them is sent.
const READ_AHEAD: usize = 2;

/// An object, by its place on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Record(PatientId, RecordIndex),
    Envelope(PatientId, GrantIndex, u32),
    RequestLetter(PatientId, RequestIndex),
    CorrectionLetter(PatientId, CorrectionIndex, LetterStage),
    GlassLetter(PatientId, GlassIndex),
    /// The package of the plan that a glass was broken under.
    Package(PatientId, GlassIndex),
    Dispute(PatientId, GlassIndex),
    Keyring(PatientId),
}

impl Place {
    fn patient(&self) -> PatientId {
        match self {
            Place::Record(patient, _)
            | Place::Envelope(patient, ..)
            | Place::RequestLetter(patient, _)
            | Place::CorrectionLetter(patient, ..)
            | Place::GlassLetter(patient, _)
            | Place::Package(patient, _)
            | Place::Dispute(patient, _)
            | Place::Keyring(patient) => *patient,
        }
    }

    fn kind(&self) -> ObjectKind {
        match self {
            Place::Record(..) => ObjectKind::Record,
            Place::Envelope(..) | Place::Package(..) => ObjectKind::Envelope,
            Place::RequestLetter(..)
            | Place::CorrectionLetter(..)
            | Place::GlassLetter(..)
            | Place::Dispute(..) => ObjectKind::Letter,
            Place::Keyring(..) => ObjectKind::Keyring,
        }
    }
}

/// What of an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The block of the directory itself: what ties the files to the CID on the chain.
    Directory,
    Binding,
    Manifest,
    Payload,
    Body,
    /// What seals persons under a grant.
    Seal,
}

impl File {
    fn name(self) -> Option<&'static str> {
        match self {
            File::Directory => None,
            File::Binding => Some("binding"),
            File::Manifest => Some("manifest.age"),
            File::Payload => Some("payload.age"),
            File::Body => Some("body.age"),
            File::Seal => Some("seal.age"),
        }
    }

    /// The part of a record that must have been opened to have this file.
    fn part(self) -> Part {
        match self {
            File::Payload | File::Body | File::Seal => Part::Full,
            File::Directory | File::Binding | File::Manifest => Part::Manifest,
        }
    }

    /// What handing this file out is logged as: ciphertext only.
    fn delivery(self) -> Option<Part> {
        match self {
            File::Directory | File::Binding | File::Seal => None,
            File::Manifest | File::Payload | File::Body => Some(self.part()),
        }
    }
}

/// Everything that a decision depends on; asked again as it is.
#[derive(Clone, Debug)]
pub struct Question {
    pub reader: AccountId,
    pub place: Place,
    pub file: File,
    pub entry: Option<EntryId>,
}

/// Yes: the object that the chain names there, and who must have made it where the chain says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    pub content: Cid,
    pub author: Option<AccountId>,
    /// Under which a record is read; none for a controller's own reading.
    pub grant: Option<GrantIndex>,
}

/// The rule.
pub struct Rule {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    /// A finalized head whose clock is further behind our own is stale.
    freshness: Moment,
    metrics: Arc<Metrics>,
}

impl Rule {
    pub fn new(
        ledger: Arc<dyn Ledger>,
        clock: Clock,
        freshness: Moment,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            ledger,
            clock,
            freshness,
            metrics,
        }
    }

    /// The finalized head, if it is fresh enough to decide by.
    pub async fn head(&self) -> Result<Head, ApiError> {
        let head = self.fresh_head().await;
        let available = &self.metrics.chain_available;
        available.set(i64::from(head.is_ok()));
        head
    }

    async fn fresh_head(&self) -> Result<Head, ApiError> {
        let head = self.ledger.head().await?;
        let lag = (self.clock)().saturating_sub(head.moment);
        self.metrics
            .finality_lag_ms
            .set(i64::try_from(lag).unwrap_or(i64::MAX));
        if lag > self.freshness {
            tracing::warn!(block = head.number, lag_ms = lag, "finality is stale");
            return Err(ApiError::chain_unavailable(&format!(
                "its newest finalized block is {} seconds old",
                lag / SECOND
            )));
        }
        Ok(head)
    }

    /// Decides about one request. Errors: 404 for absent and for not permitted, 503 when the chain
    /// cannot be asked.
    pub async fn decide(&self, question: &Question) -> Result<Permit, ApiError> {
        let refused = match self.ask(question, true).await {
            Err(error) if error.status == StatusCode::NOT_FOUND => error,
            answer => return answer,
        };
        // The reader's node may have finalized the entry a moment before ours.
        match question.entry {
            Some(entry) if self.ledger.becomes_final(entry.block).await? => {
                self.ask(question, true).await
            }
            _ => Err(refused),
        }
    }

    /// Decides whether a stream may go on: the same, but its entry was fresh when it began.
    async fn decide_again(&self, question: &Question) -> Result<Permit, ApiError> {
        self.ask(question, false).await
    }

    async fn ask(&self, question: &Question, begins: bool) -> Result<Permit, ApiError> {
        let head = self.head().await?;
        let now = head.moment.max((self.clock)());
        let Question {
            reader,
            place,
            file,
            entry,
        } = question;
        let ledger = &self.ledger;
        let controls = ledger
            .controller(head.hash, place.patient(), reader)
            .await?
            .is_some();
        let ensure = |holds: bool| match holds {
            true => Ok(()),
            false => Err(ApiError::not_found()),
        };
        match *place {
            Place::Record(patient, index) => {
                let record = ledger
                    .record(head.hash, patient, index)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                ensure(!record.is_erased(now))?;
                let mut grant = None;
                if !controls {
                    let opened = self.entry(head, *entry, reader, patient, begins).await?;
                    ensure(opened.records.contains(&index))?;
                    ensure(opened.part == Part::Full || file.part() == Part::Manifest)?;
                    ensure(
                        ledger
                            .may_read(head.hash, patient, opened.grant, reader, index, now)
                            .await?,
                    )?;
                    grant = Some(opened.grant);
                }
                Ok(Permit {
                    content: record.content,
                    author: Some(record.placed_by),
                    grant,
                })
            }
            Place::Envelope(patient, index, number) => {
                let view = ledger
                    .grant(head.hash, patient, index)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                let content = *view
                    .envelopes
                    .get(number as usize)
                    .ok_or_else(ApiError::not_found)?;
                if !controls {
                    ensure(
                        ledger
                            .holds_grant(head.hash, patient, index, reader, now)
                            .await?,
                    )?;
                    // An envelope that only lets write holds no keys, and nothing can be opened under it.
                    // What seals the person must be there before the opening that bears the seal.
                    let opens = matches!(file, File::Body | File::Manifest | File::Payload);
                    if view.grant.rights.read() && opens {
                        let opened = self.entry(head, *entry, reader, patient, begins).await?;
                        ensure(opened.grant == index)?;
                    }
                }
                // Only those who decide for the patient can name an envelope, and they may read them all.
                Ok(Permit {
                    content,
                    author: None,
                    grant: None,
                })
            }
            Place::RequestLetter(patient, index) => {
                let request = ledger
                    .request(head.hash, patient, index)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                if !controls {
                    ensure(request.requester == *reader)?;
                    ensure(ledger.member(head.hash, reader).await?.is_some())?;
                }
                Ok(Permit {
                    content: request.letter,
                    author: Some(request.requester),
                    grant: None,
                })
            }
            Place::CorrectionLetter(patient, index, stage) => {
                let (content, author, allowed) = ledger
                    .correction_letter(head.hash, patient, index, stage, reader)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                ensure(allowed)?;
                if !controls {
                    ensure(ledger.member(head.hash, reader).await?.is_some())?;
                }
                Ok(Permit {
                    content,
                    author: Some(author),
                    grant: None,
                })
            }
            Place::GlassLetter(patient, index) => {
                let glass = ledger
                    .glass(head.hash, patient, index)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                if !controls {
                    let member = ledger.member(head.hash, reader).await?;
                    let wrote = glass.clinician == *reader && member.is_some();
                    ensure(wrote || speaks_for(member, glass.organisation))?;
                }
                Ok(Permit {
                    content: glass.letter,
                    author: Some(glass.clinician),
                    grant: None,
                })
            }
            Place::Package(patient, index) => {
                let glass = ledger
                    .glass(head.hash, patient, index)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                let plan = glass.plan.ok_or_else(ApiError::not_found)?;
                // The broken glass stands in the trail: no opening has to be logged beside it.
                if !controls {
                    ensure(
                        ledger
                            .holds_glass(head.hash, patient, index, reader, now)
                            .await?,
                    )?;
                }
                Ok(Permit {
                    content: plan.package,
                    author: None,
                    grant: None,
                })
            }
            Place::Dispute(patient, index) => {
                let glass = ledger
                    .glass(head.hash, patient, index)
                    .await?
                    .ok_or_else(ApiError::not_found)?;
                let dispute = glass.dispute.ok_or_else(ApiError::not_found)?;
                if !controls {
                    let member = ledger.member(head.hash, reader).await?;
                    ensure(speaks_for(member, glass.organisation))?;
                }
                Ok(Permit {
                    content: dispute.letter,
                    author: Some(dispute.by),
                    grant: None,
                })
            }
            Place::Keyring(patient) => {
                ensure(controls)?;
                let content = ledger
                    .patient(head.hash, patient)
                    .await?
                    .and_then(|patient| patient.keyring)
                    .ok_or_else(ApiError::not_found)?;
                Ok(Permit {
                    content,
                    author: None,
                    grant: None,
                })
            }
        }
    }

    /// The entry named by the request: on the finalized chain, by this reader, of this patient, fresh.
    async fn entry(
        &self,
        head: Head,
        entry: Option<EntryId>,
        reader: &AccountId,
        patient: PatientId,
        begins: bool,
    ) -> Result<Opened, ApiError> {
        let entry = entry.ok_or_else(ApiError::not_found)?;
        let opened = self
            .ledger
            .opened(head, entry)
            .await?
            .ok_or_else(ApiError::not_found)?;
        let fresh = head.moment.saturating_sub(opened.moment) <= ENTRY_LIFETIME;
        match opened.reader == *reader && opened.patient == patient && (fresh || !begins) {
            true => Ok(opened),
            false => Err(ApiError::not_found()),
        }
    }
}

/// Whether this is the admin who answers for what an organisation's clinicians did.
fn speaks_for(member: Option<Member>, organisation: OrgId) -> bool {
    member == Some(Member::Admin { organisation })
}

/// A file of a stored object.
pub struct Found {
    store: Arc<Store>,
    memory: Arc<Memory>,
    id: ObjectId,
    pub cid: Cid,
    pub length: u64,
}

impl Found {
    /// The bytes of a range, block by block, each verified.
    fn read(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes, ApiError>> + Send {
        let (store, memory, id) = (self.store.clone(), self.memory.clone(), self.id);
        let most = self.length.min(dag::CHUNK);
        self.leaves(range)
            .map_err(ApiError::from)
            .map_ok(move |(cid, part)| {
                let (store, memory) = (store.clone(), memory.clone());
                async move {
                    let room = memory.take(most).await?;
                    let block = room.hold(get(&store, &id, &cid).await?);
                    let length = block.len() as u64;
                    let (from, to) = (part.start.min(length), part.end.min(length));
                    Ok::<_, ApiError>(block.slice(from as usize..to as usize))
                }
            })
            .try_buffered(READ_AHEAD)
    }

    /// The blocks that hold the bytes of a range, in order, and which of each block's bytes they are.
    fn leaves(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<(Cid, Range<u64>), StoreError>> + Send {
        let store = self.store.clone();
        let id = self.id;
        // A directory's block is served as it is.
        let whole = dag::is_raw(&self.cid) || self.cid == id.1;
        let stack = vec![(self.cid, 0u64, self.length, whole)];
        stream::try_unfold(stack, move |mut stack| {
            let store = store.clone();
            let range = range.clone();
            async move {
                while let Some((cid, start, length, whole)) = stack.pop() {
                    let end = start.saturating_add(length);
                    if end <= range.start || start >= range.end {
                        continue;
                    }
                    if whole {
                        let from = range.start.saturating_sub(start);
                        let to = range.end.saturating_sub(start);
                        return Ok(Some(((cid, from..to), stack)));
                    }
                    let block = get(&store, &id, &cid).await?;
                    let links = dag::file(&block).ok_or_else(|| StoreError::Damaged {
                        root: text(&id.1),
                        block: text(&cid),
                    })?;
                    let before = stack.len();
                    let mut at = start;
                    for (cid, length) in links {
                        stack.push((cid, at, length, dag::is_raw(&cid)));
                        at = at.saturating_add(length);
                    }
                    stack[before..].reverse();
                }
                Ok(None)
            }
        })
    }
}

/// A block that must be there: if it is gone, that is noted for repair.
async fn get(store: &Store, id: &ObjectId, cid: &Cid) -> Result<Bytes, StoreError> {
    store.block(id, cid).await.inspect_err(|error| {
        if matches!(error, StoreError::Missing { .. }) {
            store.doubt(id, cid);
        }
    })
}

impl Vault {
    /// Finds what a permit allows, and compares its binding with what the chain says of it.
    pub async fn find(&self, question: &Question, permit: &Permit) -> Result<Found, ApiError> {
        let id = (question.place.kind(), permit.content);
        let Some(root) = self.store.root(&id).await? else {
            return Err(ApiError::not_found());
        };
        let directory = self.store.block(&id, &id.1).await?;
        let entries = dag::directory(&id.1, &directory).ok_or_else(ApiError::damaged)?;
        let entry = |name: &str| {
            entries
                .iter()
                .find(|entry| entry.0 == name)
                .map(|entry| entry.1)
                .ok_or_else(ApiError::not_found)
        };
        let binding = self.store.block(&id, &entry("binding")?).await?;
        let binding = Binding::from_file(&binding).ok_or_else(ApiError::damaged)?;
        let named = Named {
            patient: question.place.patient(),
            kind: id.0,
            content: id.1,
            author: permit.author.clone(),
        };
        if binding.genesis != self.ledger.genesis() || !named.is_bound_by(&binding) {
            tracing::warn!(object = %text(&id.1), "an object is named where its binding does not belong");
            self.metrics.refused("foreign-binding");
            return Err(ApiError::not_found());
        }
        let cid = match question.file.name() {
            Some(name) => entry(name)?,
            None => id.1,
        };
        let length = match cid == id.1 {
            true => directory.len() as u64,
            false => {
                let _room = self.memory.take(dag::CHUNK).await?;
                let block = self.store.block(&id, &cid).await?;
                match dag::is_raw(&cid) {
                    true => block.len() as u64,
                    false => dag::file(&block)
                        .ok_or_else(ApiError::damaged)?
                        .iter()
                        .map(|link| link.1)
                        .sum(),
                }
            }
        };
        // No file is longer than what was taken in.
        if length > root.bytes {
            return Err(ApiError::damaged());
        }
        Ok(Found {
            store: self.store.clone(),
            memory: self.memory.clone(),
            id,
            cid,
            length,
        })
    }

    /// Streams a range of a file. The stream ends with an error, and so the connection, when the
    /// chain no longer allows it or a block is damaged. The first block is read before this returns.
    pub async fn stream(
        self: &Arc<Self>,
        question: Question,
        permit: Permit,
        found: &Found,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, ApiError>> + Send, ApiError> {
        let mut blocks = found.read(range).boxed();
        let first = match blocks.next().await {
            Some(first) => Some(first?),
            None => None,
        };
        let check_every = self.settings.check_every;
        let vault = self.clone();
        let state = (first, blocks, 0u64);
        let checked = stream::try_unfold(state, move |(first, mut blocks, mut unchecked)| {
            let vault = vault.clone();
            let question = question.clone();
            let permit = permit.clone();
            async move {
                let block = match first {
                    Some(block) => block,
                    None => match blocks.next().await {
                        Some(block) => block?,
                        None => return Ok(None),
                    },
                };
                if unchecked >= check_every {
                    if vault.rule.decide_again(&question).await? != permit {
                        return Err(ApiError::not_found());
                    }
                    unchecked = 0;
                }
                let length = block.len() as u64;
                let state = (None, blocks, unchecked.saturating_add(length));
                Ok(Some((block, state)))
            }
        });
        Ok(checked.inspect(|item| {
            if let Err(error) = item {
                tracing::debug!(%error, "a download was cut");
            }
        }))
    }

    /// Notes that a file is about to be handed out: in the queue, on disk, before the first byte.
    /// Errors: 409 or 410 if the chain would not take this vault's report of it.
    pub async fn note(&self, question: &Question, permit: &Permit) -> Result<(), ApiError> {
        let (Place::Record(patient, record), Some(part)) =
            (question.place, question.file.delivery())
        else {
            return Ok(());
        };
        let Some(grant) = permit.grant else {
            let reader = &question.reader;
            if self.reads.is_noted(patient, reader, record, part) {
                return Ok(());
            }
            self.ensure_reportable(patient).await?;
            return self.reads.note(patient, reader, record, part).await;
        };
        let delivery = Delivery {
            patient,
            reader: question.reader.clone(),
            grant,
            record,
            part,
        };
        // What is read under a grant is read after an opening.
        let opening = question.entry.ok_or_else(ApiError::not_found)?;
        if self.deliveries.is_noted(&delivery, opening) {
            return Ok(());
        }
        self.ensure_reportable(patient).await?;
        self.deliveries.note(&delivery, opening).await
    }

    /// Whatever is handed out ends up in the patient's trail, or in the log of own reads, which the
    /// same service binds to the chain: what could not is not handed out. That there is no room in a
    /// trail this hour keeps nobody from reading: the report waits.
    async fn ensure_reportable(&self, patient: PatientId) -> Result<(), ApiError> {
        let own = self.settings.audience.organisation;
        let head = self.rule.head().await?;
        let keepers = self.ledger.keepers(head.hash, patient).await?;
        if !keepers.contains(&own) {
            let peers = self.ledger.peers(head.hash).await?;
            let kept = peers
                .into_iter()
                .filter(|peer| keepers.contains(&peer.organisation));
            let urls: Vec<_> = kept.map(|peer| peer.url).collect();
            return Err(ApiError::not_a_keeper(&urls));
        }
        let service = &self.settings.service_account;
        let member = self.ledger.member(head.hash, service).await?;
        match member.is_some_and(|member| member.is_service() && member.organisation() == own) {
            true => Ok(()),
            false => Err(ApiError::not_reportable()),
        }
    }
}

/// What a `Range` header asks of a file: everything, or one range. Lists of ranges are ignored, as
/// RFC 9110 allows. Errors: a range outside of the file.
pub fn parse_range(header: Option<&str>, length: u64) -> Result<Option<Range<u64>>, ApiError> {
    let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Ok(None);
    };
    let Some((from, to)) = spec.split_once('-') else {
        return Ok(None);
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(from) || !digits(to) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let range = match (from.is_empty(), to.is_empty()) {
        (true, true) => return Ok(None),
        (true, false) => length.saturating_sub(number(to))..length,
        (false, true) => number(from)..length,
        (false, false) if number(to) < number(from) => return Ok(None),
        (false, false) => number(from)..number(to).saturating_add(1).min(length),
    };
    match range.start < range.end {
        true => Ok(Some(range)),
        false => Err(ApiError::unsatisfiable(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let range = |header| parse_range(Some(header), 10);
        assert_eq!(range("bytes=0-0").unwrap(), Some(0..1));
        assert_eq!(range("bytes=2-").unwrap(), Some(2..10));
        assert_eq!(range("bytes=-3").unwrap(), Some(7..10));
        assert_eq!(range("bytes=-30").unwrap(), Some(0..10));
        assert_eq!(range("bytes=4-99").unwrap(), Some(4..10));
        for ignored in [
            "bytes=5-4",
            "bytes=0-1,3-4",
            "bytes=a-b",
            "bytes=-",
            "lines=1-2",
            "bytes=1",
        ] {
            assert_eq!(range(ignored).unwrap(), None, "{ignored}");
        }
        for outside in ["bytes=10-", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(
                range(outside).unwrap_err().status.as_u16(),
                416,
                "{outside}"
            );
        }
        assert!(parse_range(Some("bytes=0-"), 0).is_err());
        assert_eq!(parse_range(None, 10).unwrap(), None);
    }
}
