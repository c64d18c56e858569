//! CARs as they come in: how large a block is, is known before a byte of it is read, so that nothing
//! is read that has no room or no place.
//!
//! The client library reads CARs too, but takes memory for a block as soon as its length is told.

use bytes::{Bytes, BytesMut};
use salus_client::files::unixfs::MAX_BLOCK;
use salus_primitives::Cid;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

use crate::dag;
use crate::error::ApiError;

const CID: usize = 36;
const PAGE: usize = 4096;
/// Where the root stands in a header with one CIDv1.
const ROOT: std::ops::Range<usize> = 14..14 + CID;
const HEADER: usize = 59;
/// Bytes of a section's length: enough for the largest block.
const MAX_VARINT: usize = 4;

/// Reads a CARv1 section by section. What its blocks are named is not compared with their bytes here.
pub struct CarReader<R> {
    input: BufReader<R>,
    root: Cid,
}

fn bad(what: &str) -> ApiError {
    ApiError::invalid(
        "bad-car",
        format!("{what}: send one whole object as a CARv1 with its directory as the root"),
    )
}

fn interrupted(error: std::io::Error, cut: &str) -> ApiError {
    use std::io::ErrorKind::{ResourceBusy, TimedOut, UnexpectedEof};
    match error.kind() {
        UnexpectedEof => bad(cut),
        TimedOut => ApiError::too_slow(),
        ResourceBusy => ApiError::busy(),
        _ => {
            tracing::debug!(%error, "an upload was interrupted");
            ApiError::invalid(
                "interrupted",
                "the upload ended in the middle: nothing of it was kept; upload the object again",
            )
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Cid, ApiError> {
    let cid = bytes.try_into().ok().map(Cid);
    cid.filter(Cid::is_well_formed)
        .ok_or_else(|| bad("a CID is not CIDv1 of dag-pb or raw with sha2-256"))
}

impl<R: AsyncRead + Unpin> CarReader<R> {
    /// Reads the header.
    pub async fn new(input: R) -> Result<Self, ApiError> {
        let mut input = BufReader::with_capacity(16 * 1024, input);
        let mut header = [0; HEADER];
        read(&mut input, &mut header, "it ends within its header").await?;
        let wrong = || bad("its header is not CARv1 with one CIDv1 root");
        let root = parse(&header[ROOT]).map_err(|_| wrong())?;
        match dag::car_header(&root).as_deref() == Some(&header[..]) {
            true => Ok(Self { input, root }),
            false => Err(wrong()),
        }
    }

    pub fn root(&self) -> Cid {
        self.root
    }

    /// The next block's name and length, or none at a proper end. Its bytes come next.
    pub async fn next(&mut self) -> Result<Option<(Cid, usize)>, ApiError> {
        let Some(length) = self.section().await? else {
            return Ok(None);
        };
        let length = length
            .checked_sub(CID)
            .ok_or_else(|| bad("a section is too short for a CID"))?;
        if length > MAX_BLOCK {
            return Err(bad(&format!("a block has more than {MAX_BLOCK} bytes")));
        }
        let mut cid = [0; CID];
        read(&mut self.input, &mut cid, "it ends within a CID").await?;
        Ok(Some((parse(&cid)?, length)))
    }

    /// The bytes of the block that was announced.
    pub async fn block(&mut self, length: usize) -> Result<Bytes, ApiError> {
        // Where a page begins, so that a disk can take it as it is.
        let mut room = BytesMut::zeroed(length + PAGE);
        let mut block = room.split_off(room.as_ptr().align_offset(PAGE).min(PAGE));
        block.truncate(length);
        read(&mut self.input, &mut block, "it ends within a block").await?;
        Ok(block.freeze())
    }

    /// A section's length, as an unsigned varint in its shortest form.
    async fn section(&mut self) -> Result<Option<usize>, ApiError> {
        let mut length = 0usize;
        for place in 0..MAX_VARINT {
            let mut byte = [0];
            match self.input.read(&mut byte).await {
                Ok(0) if place == 0 => return Ok(None),
                Ok(0) => return Err(bad("it ends within a length")),
                Ok(_) => {}
                Err(error) => return Err(interrupted(error, "it ends within a length")),
            }
            length |= usize::from(byte[0] & 0x7f) << (7 * place);
            if byte[0] & 0x80 == 0 {
                return match byte[0] == 0 && place > 0 {
                    true => Err(bad("a length is not in its shortest form")),
                    false => Ok(Some(length)),
                };
            }
        }
        Err(bad("a section is too long"))
    }
}

async fn read(
    input: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
    cut: &str,
) -> Result<(), ApiError> {
    let read = input.read_exact(buffer).await;
    read.map(|_| ()).map_err(|error| interrupted(error, cut))
}

#[cfg(test)]
mod tests {
    use salus_client::files::car;
    use salus_client::files::unixfs::{cid_of, to_chain, RAW};

    use super::*;

    async fn read_all(car: &[u8]) -> Result<Vec<(Cid, Bytes)>, ApiError> {
        let mut reader = CarReader::new(car).await?;
        let mut blocks = Vec::new();
        while let Some((cid, length)) = reader.next().await? {
            blocks.push((cid, reader.block(length).await?));
        }
        Ok(blocks)
    }

    #[tokio::test]
    async fn reads_what_the_client_writes_and_nothing_that_was_cut() {
        let blocks: Vec<_> = [b"one".to_vec(), Vec::new(), vec![7; 200_000]]
            .into_iter()
            .map(|block| (cid_of(RAW, &block), block))
            .collect();
        let root = blocks[0].0;
        let whole = car::write(&root, &blocks);
        let found = read_all(&whole).await.unwrap();
        for ((cid, block), (expected, bytes)) in found.iter().zip(&blocks) {
            assert_eq!(
                (*cid, &block[..]),
                (to_chain(expected).unwrap(), &bytes[..])
            );
        }
        assert_eq!(found.len(), blocks.len());
        let ends: Vec<_> = (0..=2)
            .map(|n| car::write(&root, &blocks[..n]).len())
            .collect();
        for cut in 0..200 {
            let result = read_all(&whole[..cut]).await;
            assert_eq!(result.is_ok(), ends.contains(&cut), "{cut}");
        }
    }

    #[tokio::test]
    async fn another_header_and_lengths_that_are_no_length_are_refused() {
        let root = cid_of(RAW, b"x");
        let header = car::header(&root);
        for place in (0..header.len()).filter(|place| !(18..50).contains(place)) {
            let mut broken = header.clone();
            broken[place] ^= 0x40;
            assert!(read_all(&broken).await.is_err(), "{place}");
        }
        let huge = MAX_BLOCK + CID + 1;
        let huge: Vec<u8> = (0..4)
            .map(|n| (huge >> (7 * n)) as u8 & 0x7f | 0x80)
            .collect();
        for length in [&[0x23][..], &[0xa7, 0x00], &[0xff; 9], &huge] {
            let mut car = header.clone();
            car.extend(length);
            car.extend([0; 40]);
            assert!(read_all(&car).await.is_err(), "{length:?}");
        }
    }
}
