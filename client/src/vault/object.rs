//! An object in a vault: where it is, and how each of its files is fetched and verified.

use std::io::{self, Write};

use bytes::Bytes;
use futures::{stream::BoxStream, StreamExt};
use reqwest::StatusCode;
use salus_primitives::{
    AccountId, Binding, Cid, CorrectionIndex, GlassIndex, GrantIndex, LetterStage, ObjectKind,
    PatientId, RecordIndex, RequestIndex,
};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{unreachable, Result, Session, VaultError, ATTEMPTS, FIRST_PAUSE};
use crate::{
    chain::events::cid_text,
    error::Error,
    files::{
        kind_name,
        unixfs::{self, FileBuilder},
        BINDING, BODY, MANIFEST, PAYLOAD, SEAL,
    },
};

/// Envelopes, letters, keyrings and manifests are smaller.
pub const MAX_BODY: u64 = 512 * 1024;

/// What is handed to other threads at once: waking them takes longer than receiving a small piece.
const BATCH: usize = 1024 * 1024;
/// Batches that wait to be hashed or taken.
const WAITING: usize = 2;

type Batch = Vec<Bytes>;

/// An object, by its place on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    Record(PatientId, RecordIndex),
    Envelope(PatientId, GrantIndex, u32),
    RequestLetter(PatientId, RequestIndex),
    CorrectionLetter(PatientId, CorrectionIndex, LetterStage),
    /// Why a glass was broken.
    GlassLetter(PatientId, GlassIndex),
    /// The package of the plan that a glass was broken under.
    Package(PatientId, GlassIndex),
    /// What the patient says of it.
    Dispute(PatientId, GlassIndex),
    Keyring(PatientId),
}

impl Location {
    pub fn patient(&self) -> PatientId {
        match self {
            Location::Record(patient, _)
            | Location::Envelope(patient, ..)
            | Location::RequestLetter(patient, _)
            | Location::CorrectionLetter(patient, ..)
            | Location::GlassLetter(patient, _)
            | Location::Package(patient, _)
            | Location::Dispute(patient, _)
            | Location::Keyring(patient) => *patient,
        }
    }

    pub fn kind(&self) -> ObjectKind {
        match self {
            Location::Record(..) => ObjectKind::Record,
            Location::Envelope(..) | Location::Package(..) => ObjectKind::Envelope,
            Location::RequestLetter(..)
            | Location::CorrectionLetter(..)
            | Location::GlassLetter(..)
            | Location::Dispute(..) => ObjectKind::Letter,
            Location::Keyring(..) => ObjectKind::Keyring,
        }
    }

    pub(super) fn path(&self, file: File) -> String {
        let base = match self {
            Location::Record(patient, index) => {
                let part = match file {
                    File::Directory => "directory",
                    File::Binding => "binding",
                    File::Manifest => "manifest",
                    File::Payload | File::Body | File::Seal => "payload",
                };
                return format!("/v1/patients/{patient}/records/{index}/{part}");
            }
            Location::Envelope(patient, grant, number) => {
                format!("/v1/patients/{patient}/grants/{grant}/envelopes/{number}")
            }
            Location::RequestLetter(patient, request) => {
                format!("/v1/patients/{patient}/requests/{request}/letter")
            }
            Location::CorrectionLetter(patient, correction, stage) => {
                let stage = match stage {
                    LetterStage::Request => "request",
                    LetterStage::Answer => "answer",
                    LetterStage::Disagreement => "disagreement",
                    LetterStage::Rebuttal => "rebuttal",
                };
                format!("/v1/patients/{patient}/corrections/{correction}/letters/{stage}")
            }
            Location::GlassLetter(patient, glass) => {
                format!("/v1/patients/{patient}/glasses/{glass}/letter")
            }
            Location::Package(patient, glass) => {
                format!("/v1/patients/{patient}/glasses/{glass}/package")
            }
            Location::Dispute(patient, glass) => {
                format!("/v1/patients/{patient}/glasses/{glass}/dispute")
            }
            Location::Keyring(patient) => format!("/v1/patients/{patient}/keyring"),
        };
        match file {
            File::Directory => format!("{base}?part=directory"),
            File::Binding => format!("{base}?part=binding"),
            File::Seal => format!("{base}?part=seal"),
            File::Manifest | File::Payload | File::Body => base,
        }
    }
}

/// A file of an object. Records have a manifest and a payload, all others a body; an envelope also
/// what seals persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The block that names the others.
    Directory,
    Binding,
    Manifest,
    Payload,
    Body,
    Seal,
}

impl File {
    /// Its name in the directory.
    pub fn name(self) -> &'static str {
        match self {
            File::Directory => "directory",
            File::Binding => BINDING,
            File::Manifest => MANIFEST,
            File::Payload => PAYLOAD,
            File::Body => BODY,
            File::Seal => SEAL,
        }
    }
}

/// The finalized `AccessLog.Opened` event that lets a reader in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub block_hash: H256,
    pub event_index: u32,
}

impl Opened {
    pub(super) fn header(&self) -> String {
        format!("0x{}:{}", hex::encode(self.block_hash), self.event_index)
    }
}

/// An object whose directory and binding have been verified.
pub struct Object<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) location: Location,
    pub(super) opened: Option<Opened>,
    pub(super) entries: Vec<(String, Cid)>,
}

impl Object<'_> {
    /// The CID of one of its files.
    pub fn cid(&self, file: File) -> Result<Cid> {
        self.entries
            .iter()
            .find_map(|(name, cid)| (name == file.name()).then_some(*cid))
            .ok_or_else(|| VaultError::Altered {
                what: "the directory".into(),
                expected: format!("a file named {}", file.name()),
                found: "none".into(),
            })
    }

    /// A small file, whole and verified.
    pub async fn read(&self, file: File) -> Result<Vec<u8>> {
        let mut tried = 1;
        loop {
            match self.read_here(file).await {
                Err(error) if self.session.turn_from(&error, &mut tried) => {}
                other => return other,
            }
        }
    }

    async fn read_here(&self, file: File) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut incoming = self.receive(file, MAX_BODY);
        while let Some(piece) = incoming.next().await? {
            bytes.extend_from_slice(&piece);
        }
        verify(file.name(), &bytes, &self.cid(file)?)?;
        Ok(bytes)
    }

    /// Hands a file to `take` while it arrives, on a thread of its own. A broken connection is resumed
    /// where it broke, at another vault if need be; a vault that sends other bytes is left for another
    /// one, and `take` called anew. `progress` hears of each piece's length.
    ///
    /// The file that `take` reads ends only after all of it was verified against its CID: until then
    /// it must keep what it makes of it to itself.
    pub async fn stream<T: Send + 'static>(
        &self,
        file: File,
        mut progress: impl FnMut(u64),
        take: impl Fn(Pieces) -> crate::error::Result<T> + Clone + Send + 'static,
    ) -> crate::error::Result<T> {
        let mut tried = 1;
        loop {
            match self.stream_here(file, &mut progress, take.clone()).await {
                Err(Error::Vault(error)) if self.session.turn_from(&error, &mut tried) => {}
                other => return other,
            }
        }
    }

    async fn stream_here<T: Send + 'static>(
        &self,
        file: File,
        mut progress: impl FnMut(u64),
        take: impl Fn(Pieces) -> crate::error::Result<T> + Send + 'static,
    ) -> crate::error::Result<T> {
        let expected = self.cid(file)?;
        let name = file.name();
        let (to_hash, mut batches) = mpsc::channel::<Batch>(WAITING);
        let hashing = spawn_blocking(move || {
            let mut hasher = unixfs::hasher();
            while let Some(batch) = batches.blocking_recv() {
                for piece in batch {
                    hasher
                        .write_all(&piece)
                        .map_err(|error| unreadable(name, error.to_string()))?;
                }
            }
            finish(name, hasher)
        });
        let (to_take, batches) = mpsc::channel(WAITING);
        let taking = spawn_blocking(move || take(Pieces::new(batches)));
        let mut incoming = self.receive(file, u64::MAX);
        let received = loop {
            match incoming.batch(&mut progress).await {
                Ok(batch) if batch.is_empty() => break Ok(()),
                Ok(batch) => {
                    // One that takes no more waits for what counts first: whether it is the right file.
                    let _ = to_take.send(Some(batch.clone())).await;
                    let _ = to_hash.send(batch).await;
                }
                Err(error) => break Err(error),
            }
        };
        drop(to_hash);
        let found = hashing.await.map_err(thread)?;
        let verified = received.and_then(|()| ensure_same(name, &expected, &found?));
        if verified.is_ok() {
            let _ = to_take.send(None).await;
        }
        drop(to_take);
        let taken = taking.await.map_err(thread)?;
        verified?;
        taken
    }

    /// Receives a file of at most so many bytes.
    fn receive(&self, file: File, most: u64) -> Incoming<'_> {
        Incoming {
            object: self,
            file,
            most,
            done: 0,
            length: None,
            breaks: 0,
            stream: None,
            ended: false,
        }
    }

    pub(super) async fn check_binding(&self, author: Option<&AccountId>) -> Result<()> {
        let bytes = self.read(File::Binding).await?;
        let altered = |found: String| VaultError::Altered {
            what: "the binding".into(),
            expected: format!(
                "one for a {} of patient {}",
                kind_name(self.location.kind()),
                self.location.patient()
            ),
            found,
        };
        let binding = Binding::from_file(&bytes).ok_or_else(|| altered("no binding".into()))?;
        let fits = binding.genesis == self.session.vault().genesis
            && binding.kind == self.location.kind()
            && binding.patient == self.location.patient()
            && author.is_none_or(|author| *author == binding.author);
        if !fits {
            return Err(altered(format!(
                "one for a {} of patient {} by {}",
                kind_name(binding.kind),
                binding.patient,
                binding.author
            )));
        }
        Ok(())
    }
}

/// A file as it arrives, continued where the connection breaks.
struct Incoming<'a> {
    object: &'a Object<'a>,
    file: File,
    most: u64,
    done: u64,
    length: Option<u64>,
    breaks: u32,
    stream: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
    ended: bool,
}

impl Incoming<'_> {
    /// The next pieces; none at the end.
    async fn batch(&mut self, mut progress: impl FnMut(u64)) -> Result<Batch> {
        let mut batch = Batch::new();
        let mut length = 0;
        while length < BATCH {
            let Some(piece) = self.next().await? else {
                break;
            };
            progress(piece.len() as u64);
            length += piece.len();
            batch.push(piece);
        }
        Ok(batch)
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.ended {
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => self.ask().await?,
            };
            match stream.next().await {
                None => self.ended = true,
                Some(Ok(piece)) => {
                    self.done = self.done.saturating_add(piece.len() as u64);
                    self.ensure_bounded()?;
                    self.stream = Some(stream);
                    return Ok(Some(piece));
                }
                Some(Err(_)) if self.length == Some(self.done) => self.ended = true,
                Some(Err(error)) => {
                    self.breaks += 1;
                    if self.breaks >= ATTEMPTS || self.length.is_none() {
                        return Err(unreachable(&self.object.session.vault().url, error));
                    }
                    tokio::time::sleep(FIRST_PAUSE * self.breaks).await;
                }
            }
        }
        Ok(None)
    }

    /// Asks for the file, or for the rest of it.
    async fn ask(&mut self) -> Result<BoxStream<'static, reqwest::Result<Bytes>>> {
        let range = self.length.filter(|_| self.done > 0);
        let range = range.map(|length| self.done..length);
        let resumed = range.is_some();
        let Object {
            session,
            location,
            opened,
            ..
        } = self.object;
        let response = session.get(location, self.file, *opened, range).await?;
        if resumed && response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(unreadable(
                self.file.name(),
                "the vault does not continue where it stopped".into(),
            ));
        }
        if self.length.is_none() {
            self.length = response.content_length();
        }
        Ok(response.bytes_stream().boxed())
    }

    fn ensure_bounded(&self) -> Result<()> {
        if self.done <= self.most.min(self.length.unwrap_or(u64::MAX)) {
            return Ok(());
        }
        Err(VaultError::Altered {
            what: self.file.name().into(),
            expected: cid_text(&self.object.cid(self.file)?).unwrap_or_default(),
            found: "a larger file".into(),
        })
    }
}

/// A file on its way. Its end is only read once all of it was verified.
pub struct Pieces {
    coming: mpsc::Receiver<Option<Batch>>,
    batch: std::vec::IntoIter<Bytes>,
    piece: Bytes,
    ended: bool,
}

impl Pieces {
    fn new(coming: mpsc::Receiver<Option<Batch>>) -> Self {
        Self {
            coming,
            batch: Batch::new().into_iter(),
            piece: Bytes::new(),
            ended: false,
        }
    }
}

impl io::Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            if let Some(piece) = self.batch.next() {
                self.piece = piece;
                continue;
            }
            match self.coming.blocking_recv() {
                Some(Some(batch)) => self.batch = batch.into_iter(),
                Some(None) => self.ended = true,
                None => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let count = self.piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

fn thread(error: tokio::task::JoinError) -> Error {
    Error::io("finish the work", io::Error::other(error))
}

fn unreadable(what: &str, reason: String) -> VaultError {
    VaultError::Unreadable {
        what: what.into(),
        reason,
    }
}

/// Verifies, without any vault, that these bytes are the file of this CID.
pub fn verify(what: &str, bytes: &[u8], expected: &Cid) -> Result<()> {
    let mut hasher = unixfs::hasher();
    hasher
        .write_all(bytes)
        .map_err(|error| unreadable(what, error.to_string()))?;
    ensure_same(what, expected, &finish(what, hasher)?)
}

/// The CID of what has been hashed.
fn finish(
    what: &str,
    hasher: FileBuilder<impl FnMut(cid::Cid, Vec<u8>) -> io::Result<()>>,
) -> Result<Cid> {
    let root = hasher
        .finish()
        .map_err(|error| unreadable(what, error.to_string()))?;
    unixfs::to_chain(&root.cid).map_err(|error| unreadable(what, error.to_string()))
}

pub(super) fn ensure_same(what: &str, expected: &Cid, found: &Cid) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(VaultError::Altered {
        what: what.into(),
        expected: cid_text(expected).unwrap_or_default(),
        found: cid_text(found).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn files_are_asked_for_by_their_place() {
        let patient = PatientId([0xab; 16]);
        let id = "ab".repeat(16);
        let path = |location: Location, file| location.path(file);
        let record = Location::Record(patient, 3);
        assert_eq!(
            path(record, File::Manifest),
            format!("/v1/patients/{id}/records/3/manifest")
        );
        assert_eq!(
            path(record, File::Directory),
            format!("/v1/patients/{id}/records/3/directory")
        );
        let letter = Location::CorrectionLetter(patient, 1, LetterStage::Disagreement);
        assert_eq!(
            path(letter, File::Binding),
            format!("/v1/patients/{id}/corrections/1/letters/disagreement?part=binding")
        );
        let envelope = Location::Envelope(patient, 4, 2);
        assert_eq!(
            path(envelope, File::Body),
            format!("/v1/patients/{id}/grants/4/envelopes/2")
        );
        assert_eq!(
            path(envelope, File::Seal),
            format!("/v1/patients/{id}/grants/4/envelopes/2?part=seal")
        );
    }

    #[test]
    fn one_flipped_bit_is_noticed() {
        let bytes = vec![5u8; 100];
        let cid = Cid::raw(Sha256::digest(&bytes).into());
        assert!(verify("a file", &bytes, &cid).is_ok());
        let mut flipped = bytes.clone();
        flipped[99] ^= 1;
        assert!(matches!(
            verify("a file", &flipped, &cid),
            Err(VaultError::Altered { .. })
        ));
        assert!(verify("a file", &bytes[..99], &cid).is_err());
    }
}
