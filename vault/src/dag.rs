//! Blocks, as the client library reads them, in the vault's own terms: CIDs as the chain keeps them, and
//! errors as senders are told them.

use bytes::Bytes;
use salus_client::files::{car, unixfs};
use salus_primitives::Cid;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// Files are cut into chunks of 1 MiB.
pub const CHUNK: u64 = unixfs::CHUNK as u64;
/// No node of the profile is larger: 1024 links, or the names of a few files.
pub const MAX_NODE: u64 = 128 * 1024;
/// More files than an object of any kind has.
const MAX_FILES: usize = 8;
/// Levels of nodes above a chunk.
pub const MAX_DEPTH: u8 = unixfs::MAX_DEPTH as u8;

pub fn is_raw(cid: &Cid) -> bool {
    u64::from(cid.0[1]) == unixfs::RAW
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
    let entries = unixfs::directory_entries(block).ok()?;
    if entries.len() > MAX_FILES {
        return None;
    }
    entries
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
