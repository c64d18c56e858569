//! Blocks and the CARs that carry them, as the client library reads them, in the vault's own terms:
//! CIDs as the chain keeps them, and errors as senders are told them.

use bytes::Bytes;
use salus_client::files::{car, unixfs};
use salus_client::Error;
use salus_primitives::Cid;
use sha2::{Digest, Sha256};
use tokio::io::AsyncRead;

use crate::error::ApiError;

/// Files are cut into chunks of 1 MiB.
pub const CHUNK: u64 = unixfs::CHUNK as u64;
/// Levels of nodes above a chunk.
pub const MAX_DEPTH: u8 = unixfs::MAX_DEPTH as u8;

pub fn is_raw(cid: &Cid) -> bool {
    u64::from(cid.0[1]) == unixfs::RAW
}

/// Reads a CARv1, one verified block at a time.
pub struct CarReader<R> {
    inner: car::CarReader<R>,
    root: Cid,
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::Io { .. } => {
            tracing::debug!(%error, "an upload was interrupted");
            ApiError::invalid(
                "interrupted",
                "the upload ended in the middle: nothing of it was kept; upload the object again",
            )
        }
        _ => ApiError::invalid(
            "bad-car",
            format!("{error}: send one whole object as a CARv1 with its directory as the root"),
        ),
    }
}

impl<R: AsyncRead + Unpin> CarReader<R> {
    pub async fn new(input: R) -> Result<Self, ApiError> {
        let inner = car::CarReader::new(input).await.map_err(refused)?;
        let root = unixfs::to_chain(&inner.root()).map_err(refused)?;
        Ok(Self { inner, root })
    }

    pub fn root(&self) -> Cid {
        self.root
    }

    /// The next block, which is still to be compared with its CID by [`verify`]; none at the end.
    pub async fn next_unverified(&mut self) -> Result<Option<(Cid, Bytes)>, ApiError> {
        match self.inner.next_unverified().await.map_err(refused)? {
            Some((cid, block)) => Ok(Some((unixfs::to_chain(&cid).map_err(refused)?, block))),
            None => Ok(None),
        }
    }
}

/// Errors unless the block's bytes hash to its CID. Large blocks are hashed on another thread.
pub async fn verify(cid: &Cid, block: &Bytes) -> Result<(), ApiError> {
    match hashes_to(cid, block).await {
        true => Ok(()),
        false => Err(ApiError::invalid(
            "bad-block",
            format!(
                "block {}: its bytes do not match its hash: it was damaged on the way; upload the object again",
                text(cid)
            ),
        )),
    }
}

/// Whether a block's bytes hash to its CID.
pub async fn hashes_to(cid: &Cid, block: &Bytes) -> bool {
    let (expected, block) = (*cid, block.clone());
    let small = is_small(block.len());
    let hash = move || Sha256::digest(&block)[..] == expected.0[4..];
    match small {
        true => hash(),
        false => tokio::task::spawn_blocking(hash).await.unwrap_or(false),
    }
}

/// Whether a block is hashed faster than it is handed to another thread.
pub fn is_small(length: usize) -> bool {
    length <= 64 * 1024
}

/// How a CARv1 with this root begins.
pub fn car_header(root: &Cid) -> Option<Vec<u8>> {
    Some(car::header(&unixfs::from_chain(root).ok()?))
}

/// A block as a CARv1 carries it.
pub fn car_block(cid: &Cid, block: &[u8]) -> Option<Vec<u8>> {
    let mut framed = car::section_start(&unixfs::from_chain(cid).ok()?, block.len());
    framed.extend_from_slice(block);
    Some(framed)
}

/// The named files of a UnixFS directory, in the order of their names.
pub fn directory(root: &Cid, block: &[u8]) -> Option<Vec<(String, Cid)>> {
    if is_raw(root) {
        return None;
    }
    unixfs::directory_entries(block)
        .ok()?
        .into_iter()
        .map(|entry| Some((entry.name, unixfs::to_chain(&entry.cid).ok()?)))
        .collect()
}

/// The parts of a UnixFS file of more than one chunk, and how many bytes each part stands for: at
/// least one, and 1 to 1024 parts.
pub fn file(block: &[u8]) -> Option<Vec<(Cid, u64)>> {
    unixfs::file_links(block)
        .ok()?
        .into_iter()
        .map(|link| {
            let cid = unixfs::to_chain(&link.cid).ok()?;
            Some((cid, link.range.end - link.range.start))
        })
        .collect()
}

/// Every block that a stored block links to, in order.
pub fn children(cid: &Cid, block: &[u8]) -> Vec<Cid> {
    if is_raw(cid) {
        return Vec::new();
    }
    match directory(cid, block) {
        Some(entries) => entries.into_iter().map(|entry| entry.1).collect(),
        None => file(block)
            .unwrap_or_default()
            .into_iter()
            .map(|part| part.0)
            .collect(),
    }
}

/// The usual text form, `bafy…` or `bafk…`.
pub fn text(cid: &Cid) -> String {
    match unixfs::from_chain(cid) {
        Ok(cid) => cid.to_string(),
        Err(_) => format!("{cid:?}"),
    }
}

/// The text form of a CID of our profile.
pub fn parse(text: &str) -> Option<Cid> {
    unixfs::to_chain(&unixfs::parse_text(text).ok()?).ok()
}
