//! CARv1: how an object travels, with exactly one root.
//!
//! Format: <https://ipld.io/specs/transport/car/carv1/>. Of the header, dag-cbor, only the canonical
//! form with one CIDv1 of ours is accepted.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use cid::Cid;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

use super::unixfs::{check_block, from_chain, put_varint, Varint, MAX_BLOCK};
use crate::error::{Error, Result};

/// `application/vnd.ipld.car`
pub const MEDIA_TYPE: &str = "application/vnd.ipld.car";

const CID_LEN: usize = 36;
const PAGE: usize = 4096;
/// Map of two; "roots": list of one CID (tag 42, 37 bytes, the first is 0); "version": 1.
const HEADER_START: &[u8] = b"\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00";
const HEADER_END: &[u8] = b"\x67version\x01";

/// The header, with its length before it.
pub fn header(root: &Cid) -> Vec<u8> {
    [HEADER_START, &root.to_bytes(), HEADER_END].concat()
}

/// What stands before a block's bytes: the section's length, and the CID.
pub fn section_start(cid: &Cid, block_len: usize) -> Vec<u8> {
    let cid = cid.to_bytes();
    let mut out = Vec::with_capacity(cid.len() + 4);
    put_varint(&mut out, (cid.len() + block_len) as u64);
    out.extend_from_slice(&cid);
    out
}

/// Reads a CAR block by block, and believes nothing: each block is bounded and must match its CID.
pub struct CarReader<R> {
    input: BufReader<R>,
    root: Cid,
}

impl<R: AsyncRead + Unpin> CarReader<R> {
    /// Reads the header.
    pub async fn new(input: R) -> Result<Self> {
        let mut input = BufReader::with_capacity(64 * 1024, input);
        let mut header = [0u8; HEADER_START.len() + CID_LEN + HEADER_END.len()];
        read_exact(&mut input, &mut header, "it ends within its header").await?;
        let cid = header
            .strip_prefix(HEADER_START)
            .and_then(|rest| rest.strip_suffix(HEADER_END))
            .ok_or_else(|| Error::Car("its header is not CARv1 with one CIDv1 root".into()))?;
        Ok(Self {
            root: parse_cid(cid)?,
            input,
        })
    }

    pub fn root(&self) -> Cid {
        self.root
    }

    /// The next block, or none at a proper end.
    pub async fn next_block(&mut self) -> Result<Option<(Cid, Bytes)>> {
        let next = self.next_unverified().await?;
        if let Some((cid, block)) = &next {
            check_block(cid, block)?;
        }
        Ok(next)
    }

    /// As [`CarReader::next_block`], for callers who compare the block with its CID on another thread.
    pub async fn next_unverified(&mut self) -> Result<Option<(Cid, Bytes)>> {
        let Some(length) = self.section_length().await? else {
            return Ok(None);
        };
        let length = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_sub(CID_LEN))
            .ok_or_else(|| Error::Car("a section is too short for a CID".into()))?;
        if length > MAX_BLOCK {
            return Err(Error::Car(format!(
                "a block has more than {MAX_BLOCK} bytes"
            )));
        }
        let mut cid = [0u8; CID_LEN];
        read_exact(&mut self.input, &mut cid, "it ends within a CID").await?;
        let cid = parse_cid(&cid)?;
        // Where a page begins, so that a disk can take it as it is.
        let mut room = BytesMut::zeroed(length + PAGE);
        let mut block = room.split_off(room.as_ptr().align_offset(PAGE).min(PAGE));
        block.truncate(length);
        read_exact(&mut self.input, &mut block, "it ends within a block").await?;
        Ok(Some((cid, block.freeze())))
    }

    async fn section_length(&mut self) -> Result<Option<u64>> {
        let mut varint = Varint::default();
        let mut first = true;
        loop {
            let mut byte = [0u8];
            let count = self
                .input
                .read(&mut byte)
                .await
                .map_err(|error| Error::io("read the CAR", error))?;
            if count == 0 {
                return match first {
                    true => Ok(None),
                    false => Err(Error::Car("it ends within a length".into())),
                };
            }
            first = false;
            if let Some(length) = varint
                .push(byte[0])
                .map_err(|reason| Error::Car(reason.into()))?
            {
                return Ok(Some(length));
            }
        }
    }
}

async fn read_exact<R: AsyncRead + Unpin>(
    input: &mut R,
    buffer: &mut [u8],
    truncated: &str,
) -> Result<()> {
    match input.read_exact(buffer).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(Error::Car(truncated.into()))
        }
        Err(error) => Err(Error::io("read the CAR", error)),
    }
}

fn parse_cid(bytes: &[u8]) -> Result<Cid> {
    bytes
        .try_into()
        .ok()
        .and_then(|bytes| from_chain(&salus_primitives::Cid(bytes)).ok())
        .ok_or_else(|| Error::Car("a CID is not CIDv1 of dag-pb or raw with sha2-256".into()))
}

/// A CAR of blocks at hand, for tests and small objects.
pub fn write(root: &Cid, blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let mut out = header(root);
    for (cid, block) in blocks {
        out.extend(section_start(cid, block.len()));
        out.extend_from_slice(block);
    }
    out
}

/// Root and blocks of a whole CAR at once: for small objects and tests.
pub async fn read_all(mut car: impl Read) -> Result<(Cid, Vec<(Cid, Bytes)>)> {
    let mut bytes = Vec::new();
    car.read_to_end(&mut bytes)
        .map_err(|error| Error::io("read the CAR", error))?;
    let mut reader = CarReader::new(&bytes[..]).await?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block().await? {
        blocks.push(block);
    }
    Ok((reader.root(), blocks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::unixfs::{cid_of, DAG_PB, RAW};

    fn sample() -> (Cid, Vec<(Cid, Vec<u8>)>) {
        let blocks: Vec<_> = [b"one".to_vec(), Vec::new(), vec![7; 200_000]]
            .into_iter()
            .map(|block| (cid_of(RAW, &block), block))
            .collect();
        (blocks[0].0, blocks)
    }

    #[tokio::test]
    async fn blocks_come_back_in_order() {
        let (root, blocks) = sample();
        let car = write(&root, &blocks);
        let (found_root, found) = read_all(&car[..]).await.unwrap();
        assert_eq!(found_root, root);
        let found: Vec<_> = found
            .into_iter()
            .map(|(cid, block)| (cid, block.to_vec()))
            .collect();
        assert_eq!(found, blocks);
        let (_, none) = read_all(&header(&root)[..]).await.unwrap();
        assert!(none.is_empty());
    }

    #[tokio::test]
    async fn header_is_canonical_dag_cbor() {
        let root = cid_of(DAG_PB, b"x");
        let header = header(&root);
        // From the CARv1 specification: varint, then {"roots": [cid], "version": 1}.
        assert_eq!(usize::from(header[0]), header.len() - 1);
        assert_eq!(
            hex::encode(&header),
            format!(
                "3aa265726f6f747381d82a582500{}6776657273696f6e01",
                hex::encode(root.to_bytes())
            )
        );
    }

    #[tokio::test]
    async fn truncation_anywhere_but_between_blocks_is_noticed() {
        let (root, blocks) = sample();
        let car = write(&root, &blocks[..2]);
        let whole: Vec<usize> = (0..=2)
            .map(|count| write(&root, &blocks[..count]).len())
            .collect();
        for cut in 0..=car.len() {
            let result = read_all(&car[..cut]).await;
            assert_eq!(result.is_ok(), whole.contains(&cut), "{cut}");
        }
    }

    #[tokio::test]
    async fn any_flipped_bit_is_noticed() {
        let (root, blocks) = sample();
        let car = write(&root, &blocks[..1]);
        let root_digest = HEADER_START.len() + 4..HEADER_START.len() + CID_LEN;
        for place in (0..car.len()).filter(|place| !root_digest.contains(place)) {
            let mut broken = car.clone();
            broken[place] ^= 0x40;
            assert!(read_all(&broken[..]).await.is_err(), "{place}");
        }
    }

    #[tokio::test]
    async fn oversized_short_and_foreign_blocks_are_refused() {
        let (root, _) = sample();
        let mut huge = header(&root);
        put_varint(&mut huge, (CID_LEN + MAX_BLOCK + 1) as u64);
        assert!(read_all(&huge[..])
            .await
            .unwrap_err()
            .to_string()
            .contains("more than"));
        let mut most = header(&root);
        let block = vec![0; MAX_BLOCK];
        most.extend(section_start(&cid_of(RAW, &block), block.len()));
        most.extend(&block);
        assert!(read_all(&most[..]).await.is_ok());
        for length in [0, 35] {
            let mut short = header(&root);
            put_varint(&mut short, length);
            short.extend([0; 40]);
            assert!(read_all(&short[..]).await.is_err());
        }
        let mut foreign = header(&root);
        foreign.extend(section_start(&cid_of(0x71, b"x"), 1));
        foreign.push(b'x');
        assert!(read_all(&foreign[..]).await.is_err());
        let mut long_form = header(&root);
        long_form.extend([0xa7, 0x00]);
        assert!(read_all(&long_form[..]).await.is_err());
    }
}
