//! Taking an object in, from its author or from another vault: a CAR stream, verified block by
//! block, published only when it is whole.
//!
//! A CAR's root is the object's directory; or its binding, so that an object can be sent while it is
//! made. Then the directory comes last, and the blocks lie under the binding's name until it is there.
//!
//! Only the blocks of *this* stream count, whatever else the vault holds: otherwise anyone could
//! upload a new directory that links a victim's payload.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use salus_primitives::{AccountId, Binding, Cid, ObjectKind, OrgId};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncRead;
use tokio::task::JoinSet;
use utoipa::ToSchema;

use crate::dag::{self, text, CarReader};
use crate::error::ApiError;
use crate::ledger::Named;
use crate::store::{kind_name, Lock, ObjectId, Pending, Root, Store, StoreError};
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
const MAX_BEFORE_BINDING: u64 = 2 * 1024 * 1024;
/// Blocks of one upload that are hashed and written while the next one arrives.
const WRITES: usize = 2;
/// A sender that is silent for longer has gone.
const SILENCE: Duration = Duration::from_secs(60);

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
        let organisation = self.sponsor(&account).await?;
        let reservation = self.unanchored.begin(account.clone(), organisation)?;
        let mut car = patient(CarReader::new(body)).await?;
        let root = car.root();
        let lock = self
            .store
            .lock(root)
            .ok_or_else(ApiError::upload_in_progress)?;
        let source = Source::Account(account, reservation);
        Upload::new(self, source, organisation, root, lock)
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
        let head = self.rule.head().await?;
        let organisation = self
            .ledger
            .patient(head.hash, named.patient)
            .await?
            .map_or(self.settings.audience.organisation, |row| row.enrolled_by);
        let mut car = patient(CarReader::new(body)).await?;
        let root = car.root();
        if root != named.content {
            return Err(ApiError::invalid(
                "wrong-object",
                format!("the CAR's root is {}, not what was asked for", text(&root)),
            ));
        }
        let lock = self
            .store
            .lock(root)
            .ok_or_else(ApiError::upload_in_progress)?;
        let source = Source::Vault(named, HashSet::from([root]));
        Upload::new(self, source, organisation, root, lock)
            .take_in(&mut car)
            .await
    }

    /// The organisation whose quota an account's uploads use: its own, or the one that enrolled its patient.
    async fn sponsor(&self, account: &AccountId) -> Result<OrgId, ApiError> {
        let head = self.rule.head().await?;
        if let Some(member) = self.ledger.member(head.hash, account).await? {
            return Ok(member.organisation());
        }
        let controlled = self.ledger.controlled_by(head.hash, account).await?;
        for patient in controlled {
            if let Some(patient) = self.ledger.patient(head.hash, patient).await? {
                return Ok(patient.enrolled_by);
            }
        }
        Err(self.stranger(account))
    }
}

async fn patient<T>(
    reading: impl std::future::Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    tokio::time::timeout(SILENCE, reading).await.map_err(|_| {
        ApiError::invalid(
            "interrupted",
            "nothing arrived for a minute: upload the object again",
        )
    })?
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
    /// In whose quota it counts, or would.
    organisation: OrgId,
    /// The directory; until it is there, what the CAR names.
    root: Cid,
    /// What the CAR names.
    named: Cid,
    /// Held until nothing of a failed upload is left.
    locks: Vec<Lock>,
    blocks: Blocks,
    /// The block that came last.
    last: Cid,
    bytes: u64,
    /// Known from the binding on.
    begun: Option<Begun>,
    /// Blocks that came before the binding.
    early: Vec<(Cid, Bytes)>,
    early_bytes: u64,
    /// Blocks this upload added to an object that was there already.
    added: Vec<Cid>,
    /// Each tells the block if it has been added.
    writes: JoinSet<Result<Option<Cid>, ApiError>>,
}

struct Begun {
    /// Where the blocks lie.
    id: ObjectId,
    binding: Binding,
    /// The object has been published before: this upload repairs what is damaged.
    known: bool,
}

/// Compares a block with its name and stores it. Of a known object, only what is missing or damaged.
async fn write(
    store: Arc<Store>,
    id: ObjectId,
    known: bool,
    cid: Cid,
    block: Bytes,
) -> Result<Option<Cid>, ApiError> {
    dag::verify(&cid, &block).await?;
    let mut added = None;
    if known {
        match store.block(&id, &cid).await {
            Ok(_) => return Ok(None),
            Err(StoreError::Missing { .. }) => added = Some(cid),
            Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    store.ensure_room()?;
    store.put_block(&id, &cid, block).await?;
    Ok(added)
}

impl<'a> Upload<'a> {
    fn new(vault: &'a Vault, source: Source, organisation: OrgId, root: Cid, lock: Lock) -> Self {
        Self {
            vault,
            source,
            organisation,
            root,
            named: root,
            locks: vec![lock],
            blocks: Blocks::new(),
            last: root,
            bytes: 0,
            begun: None,
            early: Vec::new(),
            early_bytes: 0,
            added: Vec::new(),
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
        let published = match self.run(car).await {
            Ok(root) => self.publish(root).await,
            Err(error) => Err(error),
        };
        match published {
            Ok((id, known, root)) => self.finish(id, known, root).await,
            Err(error) => {
                // Nothing may be written after it was cleared away.
                while self.written().await.is_some() {}
                self.discard().await;
                Err(error)
            }
        }
    }

    async fn run<R: AsyncRead + Unpin + Send>(
        &mut self,
        car: &mut CarReader<R>,
    ) -> Result<Root, ApiError> {
        while let Some((cid, block)) = patient(car.next_unverified()).await? {
            self.take(cid, block).await?;
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
            organisation: self.organisation,
            patient: begun.binding.patient,
            bytes: self.bytes,
            uploaded_at: (self.vault.clock)(),
        })
    }

    /// Whether the CAR names its binding, and its directory is still to come.
    fn root_follows(&self) -> bool {
        dag::is_raw(&self.named)
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
        Some(written.map(|added| self.added.extend(added)))
    }

    /// One block. Large leaves are compared with their names when they are written.
    async fn take(&mut self, cid: Cid, block: Bytes) -> Result<(), ApiError> {
        self.last = cid;
        if dag::is_small(block.len()) || !dag::is_raw(&cid) {
            dag::verify(&cid, &block).await?;
        }
        if self.blocks.contains_key(&cid) {
            return Ok(());
        }
        let length = block.len() as u64;
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
        match &mut self.source {
            Source::Account(_, reservation) => reservation.grow(length)?,
            Source::Vault(_, linked) => {
                if !linked.contains(&cid) {
                    return Err(ApiError::invalid(
                        "foreign-blocks",
                        format!("no block before {} links to it", text(&cid)),
                    ));
                }
                linked.extend(dag::children(&cid, &block));
            }
        }
        self.blocks.insert(cid, length);

        if self.begun.is_none() {
            let binding = match length == Binding::FILE_LEN as u64 && dag::is_raw(&cid) {
                true => Binding::from_file(&block),
                false => None,
            };
            self.early_bytes += length;
            self.early.push((cid, block));
            match binding {
                Some(_) if self.root_follows() && cid != self.named => return Err(ApiError::invalid(
                    "not-a-directory",
                    "the root of the CAR is neither a UnixFS directory nor the object's binding",
                )),
                Some(binding) => self.begin(binding).await?,
                None if self.early_bytes > MAX_BEFORE_BINDING => return Err(ApiError::invalid(
                    "late-binding",
                    "the file `binding` must be among the first 2 MiB of the CAR: write it first",
                )),
                None => {}
            }
            return Ok(());
        }
        self.keep(cid, block).await
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
        let id = (binding.kind, self.root);
        let known = self.vault.store.root(&id).await?.is_some();
        if !known {
            self.vault.store.ensure_room()?;
            self.vault.store.begin(&id, (self.vault.clock)()).await?;
        }
        self.begun = Some(Begun { id, binding, known });
        for (cid, block) in std::mem::take(&mut self.early) {
            self.keep(cid, block).await?;
        }
        Ok(())
    }

    async fn keep(&mut self, cid: Cid, block: Bytes) -> Result<(), ApiError> {
        let Some(Begun { id, binding, known }) = &self.begun else {
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
        let write = write(self.vault.store.clone(), *id, *known, cid, block);
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
        let kind = begun.id.0;
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
        // Each block is visited once, in any number of files.
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
        let wrong = || {
            ApiError::invalid(
                "bad-file",
                "a file's blocks do not add up as UnixFS (raw leaves, at most 1 MiB, 1024 links)",
            )
        };
        let mut total = 0u64;
        // (block, length its parent gives it, depth)
        let mut stack: Vec<(Cid, Option<u64>, u8)> = vec![(cid, None, 0)];
        while let Some((cid, expected, depth)) = stack.pop() {
            let held = *self.blocks.get(&cid).ok_or_else(|| self.incomplete(&cid))?;
            unvisited.remove(&cid);
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
        Ok(self.vault.store.block(&begun.id, cid).await?)
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

    /// From here on the object exists. Tells its name, and whether it existed before.
    async fn publish(&mut self, root: Root) -> Result<(ObjectId, bool, Root), ApiError> {
        let Some(begun) = &mut self.begun else {
            return Err(ApiError::storage_unavailable());
        };
        let store = &self.vault.store;
        let (early, id) = (begun.id, (begun.id.0, self.root));
        if early != id {
            self.locks.push(
                store
                    .lock(self.root)
                    .ok_or_else(ApiError::upload_in_progress)?,
            );
            begun.known = store.root(&id).await?.is_some();
            if !begun.known {
                store.begin(&id, (self.vault.clock)()).await?;
            }
            begun.id = id;
            let blocks = self.blocks.keys().copied();
            store.adopt(&early, &id, blocks).await?;
            store.delete(&early).await?;
        }
        store.publish(&id, &root).await?;
        Ok((id, begun.known, root))
    }

    async fn finish(self, id: ObjectId, known: bool, root: Root) -> Result<Stored, ApiError> {
        let store = &self.vault.store;
        match self.source {
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

    /// Leaves the store as it was.
    async fn discard(&self) {
        let Some(begun) = &self.begun else {
            return;
        };
        let store = &self.vault.store;
        let result = if begun.known {
            let mut result = Ok(());
            for block in &self.added {
                result = result.and(store.remove_block(&begun.id, block).await);
            }
            result
        } else {
            store.delete(&begun.id).await
        };
        let early = (begun.id.0, self.named);
        let result = match early == begun.id {
            true => result,
            false => result.and(store.delete(&early).await),
        };
        if let Err(error) = result {
            tracing::warn!(object = %text(&begun.id.1), %error, "a failed upload could not be cleared; the next start will");
        }
    }
}

fn too_large(kind: ObjectKind, file: &str, most: u64) -> ApiError {
    ApiError::too_large(format!(
        "the file {file} of this kind ({}) may have at most {most} bytes: make it shorter",
        kind_name(kind)
    ))
}
