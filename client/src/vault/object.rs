//! An object in a vault: where it is, and how each of its files is fetched and verified.

use std::io::Write;

use futures::StreamExt;
use reqwest::StatusCode;
use salus_primitives::{
    AccountId, Binding, Cid, CorrectionIndex, GrantIndex, LetterStage, ObjectKind, PatientId,
    RecordIndex, RequestIndex,
};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{unreachable, Result, Session, VaultError, ATTEMPTS, FIRST_PAUSE};
use crate::{
    chain::events::cid_text,
    files::{
        kind_name,
        unixfs::{self, FileBuilder},
        BINDING, BODY, MANIFEST, PAYLOAD,
    },
};

/// Envelopes, letters, keyrings and manifests are smaller.
pub const MAX_BODY: u64 = 512 * 1024;

/// An object, by its place on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    Record(PatientId, RecordIndex),
    Envelope(PatientId, GrantIndex, u32),
    RequestLetter(PatientId, RequestIndex),
    CorrectionLetter(PatientId, CorrectionIndex, LetterStage),
    Keyring(PatientId),
}

impl Location {
    pub fn patient(&self) -> PatientId {
        match self {
            Location::Record(patient, _)
            | Location::Envelope(patient, ..)
            | Location::RequestLetter(patient, _)
            | Location::CorrectionLetter(patient, ..)
            | Location::Keyring(patient) => *patient,
        }
    }

    pub fn kind(&self) -> ObjectKind {
        match self {
            Location::Record(..) => ObjectKind::Record,
            Location::Envelope(..) => ObjectKind::Envelope,
            Location::RequestLetter(..) | Location::CorrectionLetter(..) => ObjectKind::Letter,
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
                    File::Payload | File::Body => "payload",
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
            Location::Keyring(patient) => format!("/v1/patients/{patient}/keyring"),
        };
        match file {
            File::Directory => format!("{base}?part=directory"),
            File::Binding => format!("{base}?part=binding"),
            File::Manifest | File::Payload | File::Body => base,
        }
    }
}

/// A file of an object. Records have a manifest and a payload, all others a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The block that names the others.
    Directory,
    Binding,
    Manifest,
    Payload,
    Body,
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
        let mut bytes = Vec::new();
        self.copy(file, &mut bytes, MAX_BODY, |_| {}).await?;
        Ok(bytes)
    }

    /// Writes a file to `into` while it arrives, and verifies it. A broken connection is resumed
    /// where it broke. `progress` hears of each piece's length.
    ///
    /// Errors if any byte differs; then what was written must be thrown away.
    pub async fn save(
        &self,
        file: File,
        into: &mut (impl AsyncWrite + Unpin),
        progress: impl FnMut(u64),
    ) -> Result<u64> {
        self.copy(file, into, u64::MAX, progress).await
    }

    async fn copy(
        &self,
        file: File,
        into: &mut (impl AsyncWrite + Unpin),
        most: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<u64> {
        let expected = self.cid(file)?;
        let name = file.name();
        let not_written = |e: std::io::Error| VaultError::NotWritten {
            what: name.into(),
            reason: e.to_string(),
        };
        let mut hasher = unixfs::hasher();
        let mut done = 0u64;
        let mut length = None;
        let mut breaks = 0;
        loop {
            let range = length.filter(|_| done > 0).map(|length| done..length);
            let resumed = range.is_some();
            let response = self
                .session
                .get(&self.location, file, self.opened, range)
                .await?;
            if resumed && response.status() != StatusCode::PARTIAL_CONTENT {
                return Err(VaultError::Unreadable {
                    what: name.into(),
                    reason: "the vault does not continue where it stopped".into(),
                });
            }
            if length.is_none() {
                length = response.content_length();
            }
            let mut stream = response.bytes_stream();
            let broken = loop {
                match stream.next().await {
                    None => break None,
                    Some(Err(error)) => break Some(error),
                    Some(Ok(piece)) => {
                        done = done.saturating_add(piece.len() as u64);
                        if done > most.min(length.unwrap_or(u64::MAX)) {
                            return Err(VaultError::Altered {
                                what: name.into(),
                                expected: cid_text(&expected).unwrap_or_default(),
                                found: "a larger file".into(),
                            });
                        }
                        hasher.write_all(&piece).map_err(not_written)?;
                        into.write_all(&piece).await.map_err(not_written)?;
                        progress(piece.len() as u64);
                    }
                }
            };
            let Some(error) = broken else { break };
            breaks += 1;
            if length == Some(done) {
                break;
            }
            if breaks >= ATTEMPTS || length.is_none() {
                return Err(unreachable(&self.session.vault().url, error));
            }
            tokio::time::sleep(FIRST_PAUSE * breaks).await;
        }
        into.flush().await.map_err(not_written)?;
        ensure_same(name, &expected, &finish(name, hasher)?)?;
        Ok(done)
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

/// Verifies, without any vault, that these bytes are the file of this CID.
pub fn verify(what: &str, bytes: &[u8], expected: &Cid) -> Result<()> {
    let unreadable = |e: std::io::Error| VaultError::Unreadable {
        what: what.into(),
        reason: e.to_string(),
    };
    let mut hasher = unixfs::hasher();
    hasher.write_all(bytes).map_err(unreadable)?;
    ensure_same(what, expected, &finish(what, hasher)?)
}

/// The CID of what has been hashed.
fn finish(
    what: &str,
    hasher: FileBuilder<impl FnMut(cid::Cid, &[u8]) -> std::io::Result<()>>,
) -> Result<Cid> {
    let unreadable = |reason: String| VaultError::Unreadable {
        what: what.into(),
        reason,
    };
    let root = hasher.finish().map_err(|e| unreadable(e.to_string()))?;
    unixfs::to_chain(&root.cid).map_err(|e| unreadable(e.to_string()))
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
