//! Taking an object in, from its author or from another vault: a CAR stream, verified block by
//! block, published only when it is whole.
//!
//! A CAR's root is the object's directory; or its binding, so that an object can be sent while it is
//! made. Either is a claim until all has come. So an upload lies on a stage of its own, and locks its
//! object only while that is published.
//!
//! Only the blocks of *this* stream count, whatever else the vault holds: otherwise anyone could
//! upload a new directory that links a victim's payload. Each comes once, and stands in the object once:
//! an object is never longer than what was sent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use salus_primitives::{AccountId, Binding, Cid, ObjectKind, PatientId, Reference};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncRead;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::car::CarReader;
use crate::dag::{self, text};
use crate::error::ApiError;
use crate::incoming::{Claim, Place};
use crate::ledger::Named;
use crate::patience::{Patience, Timed};
use crate::store::{kind_name, ObjectId, Pending, Pool, Root, Stage, Store};
use crate::sweep::Reservation;
use crate::Vault;

pub const MAX_ENVELOPE: u64 = 64 * 1024;
/// What seals persons under an envelope's grant.
pub const MAX_SEAL: u64 = 16 * 1024;
pub const MAX_LETTER: u64 = 64 * 1024;
pub const MAX_KEYRING: u64 = 256 * 1024;
pub const MAX_MANIFEST: u64 = 64 * 1024;
/// The largest copy, even where uploads may be smaller: what one vault took in, others must keep.
const MAX_COPY: u64 = 64 * 1024 * 1024 * 1024;
/// The directory and the binding of a small object.
const OVERHEAD: u64 = 4 * 1024;
/// The binding must come within so many bytes: until then nothing is written.
const MAX_BEFORE_BINDING: u64 = 256 * 1024;
/// Blocks of one upload that are hashed and written while the next one arrives.
const WRITES: usize = 2;
/// Blocks that the largest copy has, and so links that are waited for.
const MAX_LINKED: u64 = MAX_COPY / dag::CHUNK + MAX_COPY / dag::CHUNK / 512 + 64;

/// The vault has the whole object, on disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct Stored {
    /// The CID to name on the chain.
    pub cid: String,
    /// `record`, `envelope`, `letter` or `keyring`.
    pub kind: String,
    /// Bytes of all blocks.
    pub bytes: u64,
}

/// The largest a file of an object may be, by its name in the directory.
fn limit(kind: ObjectKind, file: &str, max_upload: u64) -> u64 {
    match (kind, file) {
        (_, "binding") => Binding::FILE_LEN as u64,
        (ObjectKind::Record, "manifest.age") => MAX_MANIFEST,
        (ObjectKind::Record, _) => max_upload,
        (ObjectKind::Envelope, "seal.age") => MAX_SEAL,
        (ObjectKind::Envelope, _) => MAX_ENVELOPE,
        (ObjectKind::Letter, _) => MAX_LETTER,
        (ObjectKind::Keyring, _) => MAX_KEYRING,
    }
}

/// The files that a directory of this kind must have, all of them and no other.
pub fn files(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Record => &["binding", "manifest.age", "payload.age"],
        ObjectKind::Envelope => &["binding", "body.age", "seal.age"],
        ObjectKind::Letter | ObjectKind::Keyring => &["binding", "body.age"],
    }
}

/// The blocks of one upload: digest to length. At most one per MiB of the largest upload, and some.
type Blocks = HashMap<Cid, u64>;

impl Vault {
    /// Takes in one object for `account`, or leaves nothing of it.
    pub async fn receive(
        &self,
        account: AccountId,
        body: impl AsyncRead + Unpin + Send,
    ) -> Result<Stored, ApiError> {
        self.ensure_standing(&account).await?;
        let reservation = self.unanchored.begin(account.clone())?;
        let source = Source::Account(account, reservation);
        let mut car = self.car_of(body, self.settings.patience).await?;
        Upload::new(self, source, car.root())
            .take_in(&mut car)
            .await
    }

    /// Takes in another vault's copy of an object that the chain names so, or leaves nothing of it.
    /// What is here already is verified, and written anew where it is damaged.
    pub async fn receive_copy(
        &self,
        named: Named,
        body: impl AsyncRead + Unpin + Send,
    ) -> Result<Stored, ApiError> {
        let mut car = self
            .car_of(body, self.settings.patience_with_members)
            .await?;
        let root = car.root();
        if root != named.content {
            return Err(ApiError::invalid(
                "wrong-object",
                format!("the CAR's root is {}, not what was asked for", text(&root)),
            ));
        }
        let source = Source::Vault(named, HashSet::from([root]));
        Upload::new(self, source, root).take_in(&mut car).await
    }

    async fn car_of<R: AsyncRead + Unpin + Send>(
        &self,
        body: R,
        patience: Patience,
    ) -> Result<CarReader<Timed<R>>, ApiError> {
        CarReader::new(Timed::new(body, patience, self.memory.clone())).await
    }

    async fn ensure_standing(&self, account: &AccountId) -> Result<(), ApiError> {
        let head = self.rule.head().await?;
        let known = self.ledger.member(head.hash, account).await?.is_some()
            || !self
                .ledger
                .controlled_by(head.hash, account)
                .await?
                .is_empty();
        match known {
            true => Ok(()),
            false => Err(self.stranger(account)),
        }
    }

    /// In whose quota an object counts that this account made for this patient. It is the patient who
    /// decides that, and not whose patients the account acts for besides.
    async fn pool(&self, account: &AccountId, patient: PatientId) -> Result<Pool, ApiError> {
        let head = self.rule.head().await?;
        if let Some(member) = self.ledger.member(head.hash, account).await? {
            return Ok(Pool::Staff(member.organisation()));
        }
        let controls = self.ledger.controller(head.hash, patient, account).await?;
        let row = self.ledger.patient(head.hash, patient).await?;
        match (controls, row) {
            (Some(_), Some(row)) => Ok(Pool::Patients(row.enrolled_by)),
            _ => Err(ApiError::invalid(
                "foreign-binding",
                "the binding names a patient for whom this account does not act: sign in with an account that does",
            )),
        }
    }
}

/// Who sends an object, and so what its binding must say.
enum Source {
    /// Its author, within a quota.
    Account(AccountId, Reservation),
    /// A vault that has it; the chain names it so. With the blocks that what came so far links to:
    /// a vault that sends others only wants to fill the disk.
    Vault(Named, HashSet<Cid>),
}

struct Upload<'a> {
    vault: &'a Vault,
    source: Source,
    /// The directory; until it is there, what the CAR names.
    root: Cid,
    /// What the CAR names.
    named: Cid,
    stage: Stage,
    /// Cancelled to end the upload.
    stop: CancellationToken,
    blocks: Blocks,
    /// The block that came last.
    last: Cid,
    bytes: u64,
    /// Known from the binding on.
    begun: Option<Begun>,
    /// Blocks that came before the binding.
    early: Vec<(Cid, Bytes)>,
    early_bytes: u64,
    /// Blocks on the stage. The others were sound in the object that is repaired.
    staged: HashSet<Cid>,
    /// Each tells the block if it was staged.
    writes: JoinSet<Result<Option<Cid>, ApiError>>,
}

struct Begun {
    binding: Binding,
    /// In whose quota it counts, or would.
    pool: Pool,
    /// The object that the CAR names, if it is here: the upload repairs what is damaged.
    present: Option<ObjectId>,
    _place: Place,
}

/// Compares a block with its name and stages it, unless it is sound in the object that is present.
async fn write(
    store: Arc<Store>,
    stage: Stage,
    present: Option<ObjectId>,
    cid: Cid,
    block: Bytes,
) -> Result<Option<Cid>, ApiError> {
    dag::verify(&cid, &block).await?;
    if let Some(id) = present {
        if store.block(&id, &cid).await.is_ok() {
            return Ok(None);
        }
    }
    store.ensure_room()?;
    store.put_staged(&stage, &cid, block).await?;
    Ok(Some(cid))
}

impl<'a> Upload<'a> {
    fn new(vault: &'a Vault, source: Source, root: Cid) -> Self {
        Self {
            vault,
            source,
            root,
            named: root,
            stage: vault.store.stage(),
            stop: CancellationToken::new(),
            blocks: Blocks::new(),
            last: root,
            bytes: 0,
            begun: None,
            early: Vec::new(),
            early_bytes: 0,
            staged: HashSet::new(),
            writes: JoinSet::new(),
        }
    }

    /// The most that all blocks of the object may have together.
    fn max_upload(&self) -> u64 {
        match self.source {
            Source::Account(..) => self.vault.settings.max_upload,
            Source::Vault(..) => self.vault.settings.max_upload.max(MAX_COPY),
        }
    }

    async fn take_in<R: AsyncRead + Unpin + Send>(
        mut self,
        car: &mut CarReader<R>,
    ) -> Result<Stored, ApiError> {
        let stored = match self.run(car).await {
            Ok(root) => self.publish(root).await,
            Err(error) => Err(error),
        };
        // Nothing may be written after it was cleared away.
        while self.written().await.is_some() {}
        if self.begun.is_some() {
            if let Err(error) = self.vault.store.unstage(&self.stage).await {
                tracing::warn!(%error, "an upload's stage could not be cleared; the next start will");
            }
        }
        stored
    }

    async fn run<R: AsyncRead + Unpin + Send>(
        &mut self,
        car: &mut CarReader<R>,
    ) -> Result<Root, ApiError> {
        let stop = self.stop.clone();
        loop {
            let next = tokio::select! {
                next = self.next(car) => next?,
                () = stop.cancelled() => return Err(ApiError::upload_in_progress()),
            };
            match next {
                Some((cid, block)) => self.take(cid, block).await?,
                None => break,
            }
        }
        while let Some(written) = self.written().await {
            written?;
        }
        if self.begun.is_some() && self.root_follows() {
            self.root = self.last;
        }
        let Some(begun) = &self.begun else {
            return Err(ApiError::invalid(
                "no-binding",
                "no block of the upload is a valid binding: add the file `binding` to the directory",
            ));
        };
        self.verify(begun).await?;
        Ok(Root {
            author: begun.binding.author.clone(),
            pool: begun.pool,
            patient: begun.binding.patient,
            bytes: self.bytes,
            uploaded_at: (self.vault.clock)(),
        })
    }

    /// Whether the CAR names its binding, and its directory is still to come.
    fn root_follows(&self) -> bool {
        dag::is_raw(&self.named)
    }

    /// The next block, if it may come: into memory once there is room.
    async fn next<R: AsyncRead + Unpin + Send>(
        &mut self,
        car: &mut CarReader<R>,
    ) -> Result<Option<(Cid, Bytes)>, ApiError> {
        let Some((cid, length)) = car.next().await? else {
            return Ok(None);
        };
        self.expect(cid, length as u64)?;
        let room = self.vault.memory.take(length as u64).await?;
        Ok(Some((cid, room.hold(car.block(length).await?))))
    }

    /// Refuses a block before it is read that cannot belong to the object.
    fn expect(&mut self, cid: Cid, length: u64) -> Result<(), ApiError> {
        let most = match dag::is_raw(&cid) {
            true => dag::CHUNK,
            false => dag::MAX_NODE,
        };
        if length > most {
            return Err(wrong_shape());
        }
        if self.blocks.contains_key(&cid) {
            return Err(repeated(&cid));
        }
        self.bytes = self.bytes.saturating_add(length);
        let most = self.max_upload();
        if self.bytes > most {
            return Err(ApiError::too_large(format!(
                "an object may have at most {most} bytes here: split the record"
            )));
        }
        // Whole chunks are 1 MiB; only a sender who wants to fill the memory sends many small blocks.
        if self.blocks.len() as u64 >= self.bytes / dag::CHUNK * 2 + 1_024 {
            return Err(ApiError::invalid(
                "too-many-blocks",
                "the blocks are too small: cut files into chunks of 1 MiB",
            ));
        }
        if self.begun.is_none() {
            self.early_bytes += length;
            if self.early_bytes > MAX_BEFORE_BINDING {
                return Err(ApiError::invalid(
                    "late-binding",
                    "the file `binding` must be among the first 256 KiB of the CAR: write it first",
                ));
            }
        }
        match &mut self.source {
            Source::Account(_, reservation) => reservation.grow(length)?,
            Source::Vault(_, linked) if !linked.contains(&cid) => {
                return Err(ApiError::invalid(
                    "foreign-blocks",
                    format!("no block before {} links to it", text(&cid)),
                ))
            }
            Source::Vault(..) => {}
        }
        self.blocks.insert(cid, length);
        self.last = cid;
        Ok(())
    }

    /// The outcome of the next block to be written, if any is under way.
    async fn written(&mut self) -> Option<Result<(), ApiError>> {
        let written = match self.writes.join_next().await? {
            Ok(written) => written,
            Err(error) => {
                tracing::error!(%error, "a block was not written");
                Err(ApiError::storage_unavailable())
            }
        };
        Some(written.map(|staged| self.staged.extend(staged)))
    }

    /// One block. Large leaves are compared with their names when they are written.
    async fn take(&mut self, cid: Cid, block: Bytes) -> Result<(), ApiError> {
        if dag::is_small(block.len()) || !dag::is_raw(&cid) {
            dag::verify(&cid, &block).await?;
        }
        if let Source::Vault(_, linked) = &mut self.source {
            linked.extend(dag::children(&cid, &block));
            if linked.len() as u64 > MAX_LINKED {
                return Err(wrong_shape());
            }
        }
        if self.begun.is_some() {
            return self.keep(cid, block).await;
        }
        let binding = match block.len() == Binding::FILE_LEN && dag::is_raw(&cid) {
            true => Binding::from_file(&block),
            false => None,
        };
        self.early.push((cid, block));
        match binding {
            Some(_) if self.root_follows() && cid != self.named => Err(ApiError::invalid(
                "not-a-directory",
                "the root of the CAR is neither a UnixFS directory nor the object's binding",
            )),
            Some(binding) => self.begin(binding).await,
            None => Ok(()),
        }
    }

    /// The binding says what this is: from here on blocks go to the store.
    async fn begin(&mut self, binding: Binding) -> Result<(), ApiError> {
        if binding.genesis != self.vault.ledger.genesis() {
            return Err(ApiError::invalid(
                "foreign-binding",
                "the binding names another chain: make the object for this one",
            ));
        }
        match &self.source {
            Source::Account(account, _) if binding.author != *account => {
                return Err(ApiError::invalid(
                    "foreign-binding",
                    "the binding names another author than this session's account: only its author can upload an object",
                ))
            }
            Source::Vault(named, _) if !named.is_bound_by(&binding) => {
                return Err(ApiError::invalid(
                    "foreign-binding",
                    "the binding is for another patient, kind or author than the chain names: no vault should keep it",
                ))
            }
            _ => {}
        }
        let pool = match &mut self.source {
            Source::Account(account, reservation) => {
                let pool = self.vault.pool(account, binding.patient).await?;
                reservation.count_in(pool, binding.patient)?;
                pool
            }
            // Copies count in nobody's quota. Should the chain cease to name it, nor does it then.
            Source::Vault(..) => Pool::Staff(self.vault.settings.audience.organisation),
        };
        let store = &self.vault.store;
        store.ensure_room()?;
        let root = (!self.root_follows()).then_some(self.named);
        let id = (binding.kind, self.named);
        let present = store.root(&id).await?.map(|_| id);
        let claim = Claim {
            kind: binding.kind,
            patient: binding.patient,
            author: binding.author.clone(),
            root,
        };
        let place = self.vault.incoming.enter(claim, self.stop.clone());
        self.begun = Some(Begun {
            binding,
            pool,
            present,
            _place: place,
        });
        for (cid, block) in std::mem::take(&mut self.early) {
            self.keep(cid, block).await?;
        }
        Ok(())
    }

    async fn keep(&mut self, cid: Cid, block: Bytes) -> Result<(), ApiError> {
        let Some(Begun {
            binding, present, ..
        }) = &self.begun
        else {
            return Ok(());
        };
        let most = match binding.kind {
            ObjectKind::Record => u64::MAX,
            kind => limit(kind, "body.age", u64::MAX) + OVERHEAD,
        };
        if self.bytes > most {
            return Err(too_large(
                binding.kind,
                "body.age",
                limit(binding.kind, "body.age", 0),
            ));
        }
        let (store, stage) = (self.vault.store.clone(), self.stage.clone());
        let write = write(store, stage, *present, cid, block);
        while self.writes.len() >= WRITES {
            match self.written().await {
                Some(written) => written?,
                None => break,
            }
        }
        self.writes.spawn(write);
        Ok(())
    }

    /// The directory has exactly the files of its kind, every block below it came with this upload,
    /// and nothing else did.
    async fn verify(&self, begun: &Begun) -> Result<(), ApiError> {
        let kind = begun.binding.kind;
        let directory = self.node(begun, &self.root).await?;
        let entries = dag::directory(&self.root, &directory).ok_or_else(|| {
            ApiError::invalid(
                "not-a-directory",
                "the root of the CAR is not a UnixFS directory",
            )
        })?;
        let names: Vec<&str> = entries.iter().map(|entry| entry.0.as_str()).collect();
        if names != files(kind) {
            return Err(ApiError::invalid(
                "wrong-files",
                format!(
                    "the directory of this kind ({}) must have exactly the files {}",
                    kind_name(kind),
                    files(kind).join(", ")
                ),
            ));
        }
        // Each block is visited once.
        let mut unvisited: Blocks = self.blocks.clone();
        unvisited.remove(&self.root);
        for (name, cid) in &entries {
            let length = self.verify_file(begun, *cid, &mut unvisited).await?;
            let most = limit(kind, name, self.max_upload());
            if length > most {
                return Err(too_large(kind, name, most));
            }
            if name == "binding" {
                let file = match dag::is_raw(cid) {
                    true => self.node(begun, cid).await?,
                    false => Bytes::new(),
                };
                if Binding::from_file(&file).as_ref() != Some(&begun.binding) {
                    return Err(ApiError::invalid(
                        "wrong-binding",
                        "the file `binding` is not one valid binding in one raw block",
                    ));
                }
            }
        }
        if !unvisited.is_empty() {
            return Err(ApiError::invalid(
                "foreign-blocks",
                format!(
                    "{} block(s) of the CAR do not belong to its root: send only the object",
                    unvisited.len()
                ),
            ));
        }
        Ok(())
    }

    /// Visits a file's blocks and returns its length. Lengths must be what the links say, or ranges
    /// would be cut in the wrong places.
    async fn verify_file(
        &self,
        begun: &Begun,
        cid: Cid,
        unvisited: &mut Blocks,
    ) -> Result<u64, ApiError> {
        let wrong = wrong_shape;
        let mut total = 0u64;
        // (block, length its parent gives it, depth)
        let mut stack: Vec<(Cid, Option<u64>, u8)> = vec![(cid, None, 0)];
        while let Some((cid, expected, depth)) = stack.pop() {
            let held = *self.blocks.get(&cid).ok_or_else(|| self.incomplete(&cid))?;
            unvisited.remove(&cid).ok_or_else(|| repeated(&cid))?;
            if dag::is_raw(&cid) {
                // Only a file's last chunk may be short, so that a walk is as short as the file.
                let short = held != dag::CHUNK && !stack.is_empty();
                if short || held > dag::CHUNK || expected.is_some_and(|expected| expected != held) {
                    return Err(wrong());
                }
                total = total.checked_add(held).ok_or_else(wrong)?;
                continue;
            }
            let node = self.node(begun, &cid).await?;
            let links = dag::file(&node).ok_or_else(wrong)?;
            // Their sum was checked, and no part is empty.
            let length: u64 = links.iter().map(|link| link.1).sum();
            if depth >= dag::MAX_DEPTH
                || expected.is_some_and(|expected| expected != length)
                || total.saturating_add(length) > self.max_upload()
            {
                return Err(wrong());
            }
            stack.extend(
                links
                    .into_iter()
                    .rev()
                    .map(|(cid, part)| (cid, Some(part), depth + 1)),
            );
        }
        Ok(total)
    }

    /// A block of this upload, from the store.
    async fn node(&self, begun: &Begun, cid: &Cid) -> Result<Bytes, ApiError> {
        if !self.blocks.contains_key(cid) {
            return Err(self.incomplete(cid));
        }
        let store = &self.vault.store;
        match begun.present {
            Some(id) if !self.staged.contains(cid) => Ok(store.block(&id, cid).await?),
            _ => Ok(store.staged(&self.stage, cid).await?),
        }
    }

    fn incomplete(&self, cid: &Cid) -> ApiError {
        ApiError::invalid(
            "incomplete",
            format!(
                "block {} did not come with the upload: send every block of the object; blocks that the vault \
                 has of other objects never count",
                text(cid)
            ),
        )
    }

    /// Makes an object of what is staged, if the chain has not said meanwhile that it must not be here.
    async fn publish(&mut self, root: Root) -> Result<Stored, ApiError> {
        let Some(begun) = &self.begun else {
            return Err(ApiError::storage_unavailable());
        };
        let id = (begun.binding.kind, self.root);
        let store = &self.vault.store;
        let lock = store.lock_soon(self.root).await;
        let _lock = lock.ok_or_else(ApiError::upload_in_progress)?;
        self.ensure_wanted(&id, &root).await?;
        let known = store.root(&id).await?.is_some();
        if !known {
            if self.staged.len() < self.blocks.len() {
                // What lay in the object was deleted with it.
                return Err(ApiError::upload_in_progress());
            }
            store.begin(&id, (self.vault.clock)()).await?;
        }
        let staged: Vec<Cid> = self.staged.iter().copied().collect();
        let published = match store.adopt(&self.stage, &id, known, &staged).await {
            Ok(()) => store.publish(&id, &root).await,
            Err(error) => Err(error),
        };
        if let Err(error) = published {
            if !known {
                if let Err(error) = store.delete(&id).await {
                    tracing::warn!(object = %text(&id.1), %error, "a failed upload could not be cleared; the next start will");
                }
            }
            return Err(error.into());
        }
        self.settle(id, known, root).await
    }

    async fn ensure_wanted(&self, id: &ObjectId, root: &Root) -> Result<(), ApiError> {
        let head = self.vault.rule.head().await?;
        let ledger = &self.vault.ledger;
        let reference = ledger
            .reference(head.hash, root.patient, id.0, id.1)
            .await?;
        match (&self.source, reference) {
            (_, Reference::Erased) => Err(ApiError::invalid(
                "erased",
                "this is the file of a record that was erased: no vault keeps it",
            )),
            (Source::Vault(..), Reference::Unnamed) => Err(ApiError::invalid(
                "unnamed",
                "the chain no longer names this object: no vault should keep it",
            )),
            _ => Ok(()),
        }
    }

    /// The object exists. Notes whether it waits to be named, and answers.
    async fn settle(&mut self, id: ObjectId, known: bool, root: Root) -> Result<Stored, ApiError> {
        let store = &self.vault.store;
        match &mut self.source {
            // What the chain is known to name stays settled; the rest has its grace period from now.
            Source::Account(_, reservation) => {
                if !known || self.vault.unanchored.contains(&id) {
                    let pending = Pending {
                        since: root.uploaded_at,
                        counted: true,
                    };
                    if known {
                        store.mark(&id, pending).await?;
                    }
                    reservation.keep(id, root.patient, pending);
                }
                tracing::debug!(object = %text(&id.1), kind = kind_name(id.0), bytes = root.bytes, "stored");
            }
            Source::Vault(..) => {
                store.settle(&id).await?;
                if known {
                    self.vault.metrics.copies_repaired.inc();
                }
                tracing::debug!(object = %text(&id.1), kind = kind_name(id.0), bytes = root.bytes, known, "copied");
            }
        }
        Ok(Stored {
            cid: text(&id.1),
            kind: kind_name(id.0).into(),
            bytes: root.bytes,
        })
    }
}

fn wrong_shape() -> ApiError {
    ApiError::invalid(
        "bad-file",
        "a file's blocks do not add up as UnixFS (raw leaves, at most 1 MiB, 1024 links)",
    )
}

fn repeated(cid: &Cid) -> ApiError {
    ApiError::invalid(
        "repeated-block",
        format!(
            "block {} comes twice, or stands in the object twice: send each block once; encrypted files never \
             repeat one",
            text(cid)
        ),
    )
}

fn too_large(kind: ObjectKind, file: &str, most: u64) -> ApiError {
    ApiError::too_large(format!(
        "the file {file} of this kind ({}) may have at most {most} bytes: make it shorter",
        kind_name(kind)
    ))
}
