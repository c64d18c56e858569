//! Where the blocks lie: a local folder or S3, behind `object_store`.
//!
//! ```text
//! staged/<random>/<block>                an upload, until it is whole and verified
//! pending/<kind>/<root>                  then first: this object is not known to be named by the chain
//! objects/<kind>/<root>/<block>          then its blocks, never shared with another object
//! roots/<kind>/<root>.json               last: from here on the object exists
//! deliveries/<when due>-<reader>-<random>.json   handed out, not yet logged on the chain
//! undelivered/<since>-<random>.json      handed out, and never to be logged on the chain
//! shares/<patient>/<fingerprint>.age     this vault's share of an emergency plan, encrypted to the vault
//! ```
//!
//! What a sender claims names nothing here: each upload has a stage of its own, under a random name.
//!
//! A crash leaves at most stages, and a `pending` mark without a root; [`Store::recover`] deletes them and
//! what belongs to them. The blocks are on the disk before the root is written, and the root before the
//! answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{stream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use rand::RngCore;
use salus_primitives::{
    AccountId, Cid, Delivery, GrantIndex, Moment, ObjectKind, OrgId, PatientId, RecordIndex,
};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sp_core::H256;

use crate::bucket::Bucket;
use crate::dag::{hashes_to, is_small, parse, text};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full")]
    Full,
    #[error("block {block} of {root} does not have the hash it is named by")]
    Damaged { root: String, block: String },
    #[error("block {block} of {root} is gone")]
    Missing { root: String, block: String },
    #[error("storage: {0}")]
    Unavailable(String),
    #[error(
        "the storage keeps what is deleted ({0}), so no erasure could be confirmed: use a bucket without versions, \
         locks and replication"
    )]
    Keeps(String),
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<std::io::Error>() {
                return io_error(io);
            }
            source = cause.source();
        }
        // What S3 servers call a full disk or bucket.
        let text = error.to_string();
        if text.contains("StorageFull") || text.contains("QuotaExceeded") {
            return Self::Full;
        }
        Self::Unavailable(text)
    }
}

/// What a disk takes as it is: blocks that begin and end where a page does.
const PAGE: usize = 4096;

/// Writes a block straight to the disk, past the kernel's cache: an upload must not push out what
/// others read, nor leave gigabytes to be flushed at its end. `false`: it must go the usual way.
fn write_direct(path: &FsPath, block: &[u8]) -> std::io::Result<bool> {
    if block.is_empty()
        || !block.len().is_multiple_of(PAGE)
        || block.as_ptr().align_offset(PAGE) != 0
    {
        return Ok(false);
    }
    let mut staged = path.as_os_str().to_owned();
    staged.push("#0");
    let open = || {
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32)
            .open(&staged)
    };
    let file = open().or_else(|error| match (error.kind(), path.parent()) {
        (std::io::ErrorKind::NotFound, Some(folder)) => {
            std::fs::create_dir_all(folder)?;
            open()
        }
        _ => Err(error),
    });
    let written = file.and_then(|mut file| file.write_all(block));
    match written.and_then(|()| std::fs::rename(&staged, path)) {
        Ok(()) => Ok(true),
        Err(error) => {
            let _ = std::fs::remove_file(&staged);
            match error.kind() {
                // A file system without it, or one with larger pages.
                std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Unsupported => Ok(false),
                _ => Err(error),
            }
        }
    }
}

fn io_error(error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

type Result<T> = std::result::Result<T, StoreError>;

/// Bytes of the disk that uploads leave free. Handing out needs some: deliveries are noted before the
/// first byte, and whoever fills the disk must not keep everybody from reading.
const RESERVE: u64 = 8 * 1024 * 1024;

/// How often, and how long apart, to look whether a lock is free.
const LOCK_LOOKS: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Blocks that are moved at the same time.
const MOVES: usize = 16;

/// Damaged blocks that are remembered; the next reading finds the others again.
const MAX_DOUBTS: usize = 10_000;

/// An object's name within the vault.
pub type ObjectId = (ObjectKind, Cid);

/// Where the blocks of one upload lie until it is whole.
#[derive(Clone, Debug)]
pub struct Stage(String);

impl Stage {
    fn block(&self, block: &Cid) -> Path {
        Path::from_iter([STAGED, &self.0, &text(block)])
    }
}

const STAGED: &str = "staged";
const PROBE: &str = "probe";

/// A share, by whose emergency plan it belongs to and by its fingerprint there.
pub type ShareId = (PatientId, H256);

/// In whose common quota an object counts, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// Of an organisation's people and software.
    Staff(OrgId),
    /// Of all patients whom an organisation has enrolled.
    Patients(OrgId),
}

/// What the vault notes of a whole object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    #[serde(with = "hex_account")]
    pub author: AccountId,
    pub pool: Pool,
    #[serde(with = "hex_patient")]
    pub patient: PatientId,
    /// Of all blocks.
    pub bytes: u64,
    pub uploaded_at: Moment,
}

/// Why an object waits to be named by the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The grace period counts from here.
    pub since: Moment,
    /// Uploads count against the uploader's quota; what the chain no longer names does not.
    pub counted: bool,
}

/// A delivery in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Of its file: begins with when it is due.
    pub name: String,
    /// When it was handed out.
    pub since: Moment,
    pub delivery: Delivery,
}

/// What of the queue comes next, and how much waits in all, by [`reader_tag`].
#[derive(Debug, Default)]
pub struct Due {
    pub batch: Vec<Queued>,
    pub waiting: HashMap<String, usize>,
}

/// Tells readers apart in the names of queued deliveries.
pub fn reader_tag(reader: &AccountId) -> String {
    let digest = Sha256::digest(AsRef::<[u8; 32]>::as_ref(reader));
    hex::encode(&digest[..8])
}

/// So many names, in turns of one of each reader, whose oldest come first. Names are sorted.
fn in_turns(names: Vec<String>, limit: usize) -> Vec<String> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut queues: Vec<VecDeque<String>> = Vec::new();
    for name in names {
        let tag = name.split('-').nth(1).unwrap_or_default().to_owned();
        let place = *places.entry(tag).or_insert(queues.len());
        match queues.get_mut(place) {
            Some(queue) => queue.push_back(name),
            None => queues.push(VecDeque::from([name])),
        }
    }
    let mut found = Vec::with_capacity(limit);
    while found.len() < limit && !queues.is_empty() {
        let turn = queues.iter_mut().filter_map(VecDeque::pop_front);
        found.extend(turn.take(limit - found.len()));
        queues.retain(|queue| !queue.is_empty());
    }
    found
}

/// A delivery that is in no trail, as people read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Undelivered {
    /// Milliseconds since the Unix epoch.
    handed_out: Moment,
    patient: String,
    reader: String,
    grant: GrantIndex,
    record: RecordIndex,
    part: String,
}

/// A delivery as it waits to be logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    since: Moment,
    /// SCALE, so that the queue holds exactly what will be submitted.
    #[serde(with = "hex::serde")]
    delivery: Vec<u8>,
}

pub struct Store {
    /// Writes that a later [`Store::publish`] makes durable together.
    blocks: Arc<dyn ObjectStore>,
    /// Writes that are durable when they return.
    durable: Arc<dyn ObjectStore>,
    /// The local folder, if it is one.
    folder: Option<PathBuf>,
    flush: Flush,
    bucket: Option<Bucket>,
    busy: Arc<Mutex<HashSet<Cid>>>,
    /// Blocks that were found damaged or gone, for whoever repairs them.
    doubts: Mutex<HashSet<(ObjectId, Cid)>>,
}

/// Has everything that was written to a folder's file system, or removed from it, reach the disk.
type Flush = Arc<dyn Fn(&FsPath) -> std::io::Result<()> + Send + Sync>;

fn flush_file_system(folder: &FsPath) -> std::io::Result<()> {
    let folder = std::fs::File::open(folder)?;
    rustix::fs::syncfs(&folder).map_err(std::io::Error::from)
}

/// Nobody else publishes or deletes this object while the lock is held. Never held while somebody
/// outside is waited for.
pub struct Lock {
    root: Cid,
    busy: Arc<Mutex<HashSet<Cid>>>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.root);
    }
}

impl Store {
    pub fn local(folder: &FsPath) -> Result<Self> {
        let unavailable = |e: &dyn std::fmt::Display| {
            StoreError::Unavailable(format!("the folder {}: {e}", folder.display()))
        };
        std::fs::create_dir_all(folder).map_err(|e| unavailable(&e))?;
        let open = || LocalFileSystem::new_with_prefix(folder).map_err(|e| unavailable(&e));
        Ok(Self {
            blocks: Arc::new(open()?),
            durable: Arc::new(open()?.with_fsync(true)),
            folder: Some(folder.to_path_buf()),
            flush: Arc::new(flush_file_system),
            bucket: None,
            busy: Arc::default(),
            doubts: Mutex::default(),
        })
    }

    /// Credentials come from the environment (`AWS_ACCESS_KEY_ID`, …), never from arguments.
    pub fn s3(
        bucket: &str,
        endpoint: Option<&str>,
        region: Option<&str>,
        allow_http: bool,
    ) -> Result<Self> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in std::env::vars().filter(|(_, value)| !value.is_empty()) {
            let key = name.starts_with("AWS_").then(|| name.to_ascii_lowercase());
            if let Some(key) = key.and_then(|key| key.parse().ok()) {
                builder = builder.with_config(key, value);
            }
        }
        builder = builder.with_bucket_name(bucket).with_allow_http(allow_http);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = region {
            builder = builder.with_region(region);
        }
        let s3 = Arc::new(builder.build()?);
        Ok(Self {
            bucket: Some(Bucket::new(s3.clone(), allow_http)?),
            ..Self::over(s3)
        })
    }

    /// For tests: another way to have a folder's content reach the disk.
    pub fn flushing(self, flush: Flush) -> Self {
        Self { flush, ..self }
    }

    /// Any other object store whose writes are durable when they return.
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            blocks: store.clone(),
            durable: store,
            folder: None,
            flush: Arc::new(|_| Ok(())),
            bucket: None,
            busy: Arc::default(),
            doubts: Mutex::default(),
        }
    }

    /// [`Store::lock`], after a while if need be: nobody holds one for long.
    pub async fn lock_soon(&self, root: Cid) -> Option<Lock> {
        for _ in 0..LOCK_LOOKS {
            if let Some(lock) = self.lock(root) {
                return Some(lock);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        self.lock(root)
    }

    /// `None` while someone else holds it.
    pub fn lock(&self, root: Cid) -> Option<Lock> {
        self.busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(root)
            .then(|| Lock {
                root,
                busy: self.busy.clone(),
            })
    }

    pub async fn root(&self, id: &ObjectId) -> Result<Option<Root>> {
        read_json(&*self.durable, &root_path(id)).await
    }

    /// The kind that a root was published as, if it was.
    pub async fn kind_of(&self, root: Cid) -> Result<Option<(ObjectKind, Root)>> {
        for kind in KINDS {
            if let Some(found) = self.root(&(kind, root)).await? {
                return Ok(Some((kind, found)));
            }
        }
        Ok(None)
    }

    /// Announces an upload, so that a crash leaves nothing unknown behind.
    pub async fn begin(&self, id: &ObjectId, now: Moment) -> Result<()> {
        self.mark(
            id,
            Pending {
                since: now,
                counted: true,
            },
        )
        .await
    }

    pub async fn mark(&self, id: &ObjectId, pending: Pending) -> Result<()> {
        write_json(&*self.durable, &pending_path(id), &pending).await
    }

    /// The chain names the object: it no longer waits.
    pub async fn settle(&self, id: &ObjectId) -> Result<()> {
        remove(&*self.durable, &pending_path(id)).await
    }

    /// A new stage. Nothing of it is on the disk before its first block.
    pub fn stage(&self) -> Stage {
        Stage(format!("{:016x}", rand::rngs::OsRng.next_u64()))
    }

    /// The caller has verified that `bytes` hash to `block`.
    pub async fn put_staged(&self, stage: &Stage, block: &Cid, bytes: Bytes) -> Result<()> {
        let path = stage.block(block);
        if let (Some(folder), false) = (&self.folder, is_small(bytes.len())) {
            let (path, bytes) = (folder.join(path.as_ref()), bytes.clone());
            let written = tokio::task::spawn_blocking(move || write_direct(&path, &bytes)).await;
            let written = written.map_err(|e| StoreError::Unavailable(e.to_string()))?;
            if written.map_err(|e| io_error(&e))? {
                return Ok(());
            }
        }
        self.blocks
            .put(&path, PutPayload::from_bytes(bytes))
            .await?;
        Ok(())
    }

    /// Moves staged blocks to their object. A sound block that is there already stays.
    pub async fn adopt(
        &self,
        stage: &Stage,
        id: &ObjectId,
        known: bool,
        blocks: &[Cid],
    ) -> Result<()> {
        stream::iter(blocks.to_vec())
            .map(|block| async move {
                if known && self.block(id, &block).await.is_ok() {
                    return Ok(());
                }
                let (from, to) = (stage.block(&block), block_path(id, &block));
                let moved = self.blocks.rename(&from, &to).await;
                moved.map_err(StoreError::from)
            })
            .buffer_unordered(MOVES)
            .try_collect::<()>()
            .await
    }

    /// Deletes what is left of a stage.
    pub async fn unstage(&self, stage: &Stage) -> Result<()> {
        self.delete_below(&Path::from_iter([STAGED, &stage.0]))
            .await
    }

    /// The staged block, verified against its name.
    pub async fn staged(&self, stage: &Stage, block: &Cid) -> Result<Bytes> {
        let path = stage.block(block);
        let lost = || StoreError::Unavailable(format!("{path} is gone"));
        let bytes = read_bytes(&*self.blocks, &path).await?.ok_or_else(lost)?;
        match hashes_to(block, &bytes).await {
            true => Ok(bytes),
            false => Err(StoreError::Unavailable(format!("{path} is damaged"))),
        }
    }

    /// The block, verified against its name.
    pub async fn block(&self, id: &ObjectId, block: &Cid) -> Result<Bytes> {
        let bytes = match self.blocks.get(&block_path(id, block)).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(StoreError::Missing {
                    root: text(&id.1),
                    block: text(block),
                })
            }
            Err(error) => return Err(error.into()),
        };
        if !hashes_to(block, &bytes).await {
            self.doubt(id, block);
            return Err(StoreError::Damaged {
                root: text(&id.1),
                block: text(block),
            });
        }
        Ok(bytes)
    }

    /// Notes a block for repair.
    pub fn doubt(&self, id: &ObjectId, block: &Cid) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        if doubts.len() < MAX_DOUBTS {
            doubts.insert((*id, *block));
        }
    }

    pub fn take_doubts(&self) -> HashSet<(ObjectId, Cid)> {
        std::mem::take(&mut self.doubts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Errors if the disk has no more room for uploads. An S3 bucket has no end that one could see.
    pub fn ensure_room(&self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        // Whoever deletes it under a running vault gets it back, and its copies with it.
        std::fs::create_dir_all(folder).map_err(|e| io_error(&e))?;
        let disk = rustix::fs::statvfs(folder).map_err(|e| io_error(&e.into()))?;
        match disk.f_bavail.saturating_mul(disk.f_frsize) > RESERVE {
            true => Ok(()),
            false => Err(StoreError::Full),
        }
    }

    /// The last step of an upload: first all blocks reach the disk, then the root is written.
    pub async fn publish(&self, id: &ObjectId, root: &Root) -> Result<()> {
        self.sync().await?;
        write_json(&*self.durable, &root_path(id), root).await
    }

    /// One flush of the whole file system instead of one per block.
    async fn sync(&self) -> Result<()> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        let flush = self.flush.clone();
        tokio::task::spawn_blocking(move || flush(&folder))
            .await
            .map_err(|e| StoreError::Unavailable(e.to_string()))?
            .map_err(|e| io_error(&e))
    }

    /// Errors unless nothing of these objects is left, and neither a power cut nor an old version can
    /// bring it back.
    pub async fn ensure_gone(&self, ids: &[ObjectId]) -> Result<()> {
        self.sync().await?;
        if let Some(bucket) = &self.bucket {
            bucket.ensure_forgets().await?;
        }
        for id in ids {
            self.ensure_nothing_below(&object_path(id)).await?;
            self.ensure_nothing_below(&root_path(id)).await?;
        }
        Ok(())
    }

    async fn ensure_nothing_below(&self, prefix: &Path) -> Result<()> {
        let left = || StoreError::Unavailable(format!("{prefix} was deleted and is still there"));
        if read_bytes(&*self.durable, prefix).await?.is_some() {
            return Err(left());
        }
        if self.blocks.list(Some(prefix)).try_next().await?.is_some() {
            return Err(left());
        }
        match &self.bucket {
            Some(bucket) => bucket.ensure_nothing_left(prefix).await,
            None => Ok(()),
        }
    }

    /// Tries out what the vault needs of its storage: writing, reading, listing, and that what was
    /// deleted is gone.
    pub async fn check(&self) -> Result<()> {
        let wrong = |what: &str| StoreError::Unavailable(format!("{what}: choose other storage"));
        self.ensure_room()?;
        let folder = Path::from_iter([PROBE, &format!("{:016x}", rand::rngs::OsRng.next_u64())]);
        let path = folder.clone().join("probe");
        let bytes = Bytes::from_static(b"a probe of the storage");
        let payload = PutPayload::from_bytes(bytes.clone());
        self.durable.put(&path, payload).await?;
        if read_bytes(&*self.durable, &path).await? != Some(bytes.clone()) {
            return Err(wrong("what was written is not read again"));
        }
        if self.blocks.get_range(&path, 2..7).await? != bytes.slice(2..7) {
            return Err(wrong("a range of what was written is not read"));
        }
        if self.blocks.list(Some(&folder)).try_next().await?.is_none() {
            return Err(wrong("what was written is not listed"));
        }
        remove(&*self.durable, &path).await?;
        self.delete_below(&folder).await?;
        self.sync().await?;
        if let Some(bucket) = &self.bucket {
            bucket.ensure_forgets().await?;
        }
        self.ensure_nothing_below(&path).await?;
        self.ensure_nothing_below(&folder).await
    }

    /// Deletes an object: unpublished first, so that a crash in the middle leaves a leftover and
    /// not half an object.
    pub async fn delete(&self, id: &ObjectId) -> Result<()> {
        let mark = Pending {
            since: 0,
            counted: false,
        };
        match self.mark(id, mark).await {
            // Deleting is the way out of a full disk.
            Ok(()) | Err(StoreError::Full) => {}
            Err(error) => return Err(error),
        }
        remove(&*self.durable, &root_path(id)).await?;
        self.delete_below(&object_path(id)).await?;
        remove(&*self.durable, &pending_path(id)).await
    }

    async fn delete_below(&self, prefix: &Path) -> Result<()> {
        let Some(folder) = &self.folder else {
            let found = self
                .blocks
                .list(Some(prefix))
                .map_ok(|meta| meta.location)
                .boxed();
            self.blocks
                .delete_stream(found)
                .try_for_each(|_| async { Ok(()) })
                .await?;
            return Ok(());
        };
        // Also takes the temporary files that a listing leaves out.
        let folder = folder.join(prefix.as_ref());
        tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error(&e)),
            _ => Ok(()),
        })
        .await
        .map_err(|e| StoreError::Unavailable(e.to_string()))?
    }

    /// At start-up: deletes what no finished upload left, and returns the objects that the chain is
    /// not known to name.
    pub async fn recover(&self) -> Result<Vec<(ObjectId, Root, Pending)>> {
        self.remove_temporary_files()?;
        self.delete_below(&Path::from(STAGED)).await?;
        let mut waiting = Vec::new();
        for kind in KINDS {
            let prefix = Path::from_iter(["pending", kind_name(kind)]);
            let marks: Vec<_> = self.durable.list(Some(&prefix)).try_collect().await?;
            for mark in marks {
                let Some(root) = mark.location.filename().and_then(parse) else {
                    continue;
                };
                let id = (kind, root);
                match self.root(&id).await? {
                    Some(found) => {
                        let pending = read_json(&*self.durable, &pending_path(&id))
                            .await?
                            .unwrap_or(Pending {
                                since: found.uploaded_at,
                                counted: true,
                            });
                        waiting.push((id, found, pending));
                    }
                    None => {
                        tracing::debug!(object = %text(&root), "deleting what an interrupted upload left");
                        self.delete(&id).await?;
                    }
                }
            }
        }
        Ok(waiting)
    }

    /// A write that was killed leaves `<name>#<number>`; no name of ours has a `#`.
    fn remove_temporary_files(&self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let mut folders: Vec<PathBuf> = KINDS
            .iter()
            .flat_map(|kind| {
                ["roots", "pending"].map(|top| folder.join(top).join(kind_name(*kind)))
            })
            .collect();
        folders.extend(["deliveries", "undelivered"].map(|top| folder.join(top)));
        let shares = std::fs::read_dir(folder.join("shares"));
        folders.extend(shares.into_iter().flatten().flatten().map(|of| of.path()));
        for folder in folders {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                if entry.file_name().to_string_lossy().contains('#') {
                    std::fs::remove_file(entry.path()).map_err(|e| io_error(&e))?;
                }
            }
        }
        Ok(())
    }

    /// Every published object of a kind.
    pub fn roots(
        &self,
        kind: ObjectKind,
    ) -> impl futures::Stream<Item = Result<ObjectId>> + Send + 'static {
        let prefix = Path::from_iter(["roots", kind_name(kind)]);
        self.durable
            .list(Some(&prefix))
            .map_err(StoreError::from)
            .try_filter_map(move |meta| async move {
                Ok(meta
                    .location
                    .filename()
                    .and_then(|name| name.strip_suffix(".json"))
                    .and_then(parse)
                    .map(|root| (kind, root)))
            })
    }

    /// Puts a delivery into the queue, to be logged from `due` on. Durable when it returns.
    pub async fn push_delivery(
        &self,
        delivery: &Delivery,
        since: Moment,
        due: Moment,
    ) -> Result<()> {
        let reader = reader_tag(&delivery.reader);
        let random = rand::rngs::OsRng.next_u64();
        let name = format!("{due:020}-{reader}-{random:016x}");
        let waiting = Waiting {
            since,
            delivery: codec::Encode::encode(delivery),
        };
        write_json(&*self.durable, &delivery_path(&name), &waiting).await
    }

    /// Lets a delivery wait until then, behind those that are due before. After a crash it may be in
    /// the queue twice, never not at all.
    pub async fn put_off_delivery(&self, queued: &Queued, due: Moment) -> Result<()> {
        self.push_delivery(&queued.delivery, queued.since, due)
            .await?;
        self.remove_delivery(&queued.name).await
    }

    /// Up to `limit` deliveries that are due to be logged, readers taking turns; and what waits.
    pub async fn deliveries(&self, now: Moment, limit: usize) -> Result<Due> {
        let prefix = Path::from("deliveries");
        let mut names: Vec<String> = self
            .durable
            .list(Some(&prefix))
            .try_filter_map(|meta| async move {
                Ok(meta
                    .location
                    .filename()
                    .and_then(|name| name.strip_suffix(".json"))
                    .map(str::to_owned))
            })
            .try_collect()
            .await?;
        let mut found = Due::default();
        for name in &names {
            let tag = name.split('-').nth(1).unwrap_or_default().to_owned();
            *found.waiting.entry(tag).or_default() += 1;
        }
        let due = format!("{now:020}~");
        names.retain(|name| *name < due);
        names.sort_unstable();
        for name in in_turns(names, limit) {
            let waiting: Option<Waiting> = read_json(&*self.durable, &delivery_path(&name)).await?;
            let queued = waiting.and_then(|waiting| {
                Some((
                    waiting.since,
                    <Delivery as codec::Decode>::decode(&mut &waiting.delivery[..]).ok()?,
                ))
            });
            match queued {
                Some((since, delivery)) => found.batch.push(Queued {
                    name,
                    since,
                    delivery,
                }),
                None => {
                    tracing::error!(%name, "a queued delivery cannot be read; it stays in the queue's folder")
                }
            }
        }
        Ok(found)
    }

    /// Keeps a delivery that is in no trail, for people to read. Durable when it returns.
    pub async fn keep_undelivered(&self, queued: &Queued) -> Result<()> {
        let random = rand::rngs::OsRng.next_u64();
        let name = format!("{:020}-{random:016x}.json", queued.since);
        let path = Path::from_iter(["undelivered", name.as_str()]);
        let delivery = &queued.delivery;
        let undelivered = Undelivered {
            handed_out: queued.since,
            patient: delivery.patient.to_string(),
            reader: delivery.reader.to_string(),
            grant: delivery.grant,
            record: delivery.record,
            part: format!("{:?}", delivery.part),
        };
        write_json(&*self.durable, &path, &undelivered).await
    }

    /// How many deliveries are in no trail, and not dealt with by the operator.
    pub async fn undelivered(&self) -> Result<usize> {
        let found = self.durable.list(Some(&Path::from("undelivered")));
        let count = found.try_fold(0, |count: usize, _| async move { Ok(count + 1) });
        Ok(count.await?)
    }

    pub async fn remove_delivery(&self, name: &str) -> Result<()> {
        remove(&*self.durable, &delivery_path(name)).await
    }

    /// Durable when it returns.
    pub async fn put_share(&self, id: &ShareId, sealed: Bytes) -> Result<()> {
        let payload = PutPayload::from_bytes(sealed);
        self.durable.put(&share_path(id), payload).await?;
        Ok(())
    }

    pub async fn share(&self, id: &ShareId) -> Result<Option<Bytes>> {
        read_bytes(&*self.durable, &share_path(id)).await
    }

    pub async fn remove_share(&self, id: &ShareId) -> Result<()> {
        remove(&*self.durable, &share_path(id)).await
    }

    /// Keeps a patient's log of own reads, instead of the one before. Durable when it returns.
    pub async fn put_read_log(&self, patient: &PatientId, log: Vec<u8>) -> Result<()> {
        let payload = PutPayload::from(log);
        self.durable.put(&read_log_path(patient), payload).await?;
        Ok(())
    }

    pub async fn read_log(&self, patient: &PatientId) -> Result<Option<Bytes>> {
        read_bytes(&*self.durable, &read_log_path(patient)).await
    }

    /// The patients who have a log of own reads.
    pub fn read_logs(&self) -> impl futures::Stream<Item = Result<PatientId>> + Send + 'static {
        let found = self.durable.list(Some(&Path::from("reads")));
        found.map_err(StoreError::from).try_filter_map(|meta| {
            let name = meta.location.filename();
            let patient = name.and_then(|name| name.strip_suffix(".log")?.parse().ok());
            async move { Ok(patient) }
        })
    }

    /// Keeps what a day's tree over all logs is made from. Durable when it returns.
    pub async fn put_read_tree(&self, day: u32, snapshot: Vec<u8>) -> Result<()> {
        let payload = PutPayload::from(snapshot);
        self.durable.put(&read_tree_path(day), payload).await?;
        Ok(())
    }

    pub async fn read_tree(&self, day: u32) -> Result<Option<Bytes>> {
        read_bytes(&*self.durable, &read_tree_path(day)).await
    }

    /// The days whose trees are kept.
    pub async fn read_trees(&self) -> Result<Vec<u32>> {
        let found = self.durable.list(Some(&Path::from("read-trees")));
        let days = found.map_err(StoreError::from).try_filter_map(|meta| {
            let name = meta.location.filename();
            let day = name.and_then(|name| name.parse::<u32>().ok());
            async move { Ok(day) }
        });
        days.try_collect().await
    }

    pub async fn remove_read_tree(&self, day: u32) -> Result<()> {
        remove(&*self.durable, &read_tree_path(day)).await
    }

    /// Every share that is kept, or every one of a patient.
    pub fn shares(
        &self,
        of: Option<PatientId>,
    ) -> impl futures::Stream<Item = Result<ShareId>> + Send + 'static {
        let of = of.map(|patient| patient.to_string());
        let prefix = Path::from_iter(["shares"].into_iter().chain(of.as_deref()));
        self.durable
            .list(Some(&prefix))
            .map_err(StoreError::from)
            .try_filter_map(|meta| async move { Ok(share_id(&meta.location)) })
    }
}

pub const KINDS: [ObjectKind; 4] = [
    ObjectKind::Record,
    ObjectKind::Envelope,
    ObjectKind::Letter,
    ObjectKind::Keyring,
];

pub fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Record => "record",
        ObjectKind::Envelope => "envelope",
        ObjectKind::Letter => "letter",
        ObjectKind::Keyring => "keyring",
    }
}

fn root_path((kind, root): &ObjectId) -> Path {
    Path::from_iter(["roots", kind_name(*kind), &format!("{}.json", text(root))])
}

fn pending_path((kind, root): &ObjectId) -> Path {
    Path::from_iter(["pending", kind_name(*kind), &text(root)])
}

fn object_path((kind, root): &ObjectId) -> Path {
    Path::from_iter(["objects", kind_name(*kind), &text(root)])
}

fn block_path(id: &ObjectId, block: &Cid) -> Path {
    object_path(id).join(text(block))
}

fn delivery_path(name: &str) -> Path {
    Path::from_iter(["deliveries", &format!("{name}.json")])
}

fn read_log_path(patient: &PatientId) -> Path {
    Path::from_iter(["reads", &format!("{patient}.log")])
}

fn read_tree_path(day: u32) -> Path {
    Path::from_iter(["read-trees", &day.to_string()])
}

fn share_path((patient, fingerprint): &ShareId) -> Path {
    let name = format!("{}.age", hex::encode(fingerprint));
    Path::from_iter(["shares", &patient.to_string(), &name])
}

fn share_id(path: &Path) -> Option<ShareId> {
    let mut parts = path.as_ref().split('/').skip(1);
    let patient = parts.next()?.parse().ok()?;
    let mut fingerprint = H256::zero();
    let name = parts.next()?.strip_suffix(".age")?;
    hex::decode_to_slice(name, fingerprint.as_bytes_mut()).ok()?;
    Some((patient, fingerprint))
}

async fn read_bytes(store: &dyn ObjectStore, path: &Path) -> Result<Option<Bytes>> {
    match store.get(path).await {
        Ok(found) => Ok(Some(found.bytes().await?)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn write_json<T: Serialize>(store: &dyn ObjectStore, path: &Path, value: &T) -> Result<()> {
    let json = serde_json::to_vec(value).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    store.put(path, PutPayload::from(json)).await?;
    Ok(())
}

async fn read_json<T: DeserializeOwned>(store: &dyn ObjectStore, path: &Path) -> Result<Option<T>> {
    let bytes = match store.get(path).await {
        Ok(found) => found.bytes().await?,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| StoreError::Unavailable(format!("{path}: {e}")))
}

async fn remove(store: &dyn ObjectStore, path: &Path) -> Result<()> {
    match store.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

mod hex_account {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        account: &AccountId,
        s: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        hex::serde::serialize(AsRef::<[u8; 32]>::as_ref(account), s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> std::result::Result<AccountId, D::Error> {
        let bytes: [u8; 32] = hex::serde::deserialize(d)?;
        Ok(AccountId::new(bytes))
    }
}

mod hex_patient {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        patient: &PatientId,
        s: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(patient)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> std::result::Result<PatientId, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_take_turns_and_the_oldest_come_first() {
        let name = |due: u64, reader: &str| format!("{due:020}-{reader}-0");
        let mut names: Vec<_> = (0..100).map(|due| name(due, "many")).collect();
        names.extend([name(50, "few"), name(51, "few"), name(99, "one")]);
        names.sort_unstable();
        let turns = in_turns(names.clone(), 6);
        let expected = [
            name(0, "many"),
            name(50, "few"),
            name(99, "one"),
            name(1, "many"),
            name(51, "few"),
            name(2, "many"),
        ];
        assert_eq!(turns, expected);
        assert_eq!(in_turns(names, 1_000).len(), 103);
        assert!(in_turns(Vec::new(), 5).is_empty());
    }

    #[test]
    fn blocks_reach_the_disk_whole_whichever_way_they_take() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("object/block");
        let room: Vec<u8> = (0..4 * PAGE).map(|i| (i * 31 + i / 977) as u8).collect();
        let at = room.as_ptr().align_offset(PAGE);
        let aligned = &room[at..at + 2 * PAGE];
        for (block, may) in [
            (aligned, true),
            (&aligned[..PAGE + 1], false),
            (&room[at + 1..at + 1 + PAGE], false),
            (&aligned[..0], false),
        ] {
            let _ = std::fs::remove_dir_all(folder.path().join("object"));
            let direct = write_direct(&path, block).unwrap();
            assert!(may || !direct, "{}", block.len());
            let found = std::fs::read(&path).unwrap_or_default();
            assert!(found == if direct { block } else { b"" });
            let names = std::fs::read_dir(folder.path().join("object"));
            assert_eq!(names.map_or(0, |names| names.count()), usize::from(direct));
        }
    }
}
