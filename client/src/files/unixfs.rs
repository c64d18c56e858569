//! UnixFS: files as balanced trees of raw leaves, and flat directories, in the one profile that Salus
//! uses (Kubo's `unixfs-v1-2025`): CIDv1, sha2-256, chunks of 1 MiB, 1024 links per node.
//!
//! Formats: [dag-pb](https://ipld.io/specs/codecs/dag-pb/spec/), [UnixFS](https://specs.ipfs.tech/unixfs/).
//! Parsing is strict: only the canonical bytes of this profile are accepted.

use std::future::Future;
use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use cid::Cid;
use futures::stream::{self, Stream};
use multihash::Multihash;
use rust_unixfs::file::adder::{BalancedCollector, Chunker, FileAdder};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

pub const CHUNK: usize = 1024 * 1024;
pub const LINKS: usize = 1024;
/// No block of the profile is larger; it is also what other IPFS nodes exchange at most.
pub const MAX_BLOCK: usize = 2 * 1024 * 1024;
/// Levels of link nodes: four cover 1024⁴ MiB.
pub const MAX_DEPTH: usize = 4;

pub const RAW: u64 = 0x55;
pub const DAG_PB: u64 = 0x70;
const SHA2_256: u64 = 0x12;

/// The CID of a block's bytes.
pub fn cid_of(codec: u64, block: &[u8]) -> Cid {
    let digest = Sha256::digest(block);
    // 32 bytes always fit; the fallback is the hash of nothing, which matches no block.
    let hash = Multihash::wrap(SHA2_256, &digest).unwrap_or_default();
    Cid::new_v1(codec, hash)
}

/// As the chain keeps it.
pub fn to_chain(cid: &Cid) -> Result<salus_primitives::Cid> {
    let bytes: [u8; 36] = cid
        .to_bytes()
        .try_into()
        .map_err(|_| Error::invalid("CID", format!("{cid} is not a CIDv1 with sha2-256")))?;
    let cid = salus_primitives::Cid(bytes);
    if cid.is_well_formed() {
        Ok(cid)
    } else {
        Err(Error::invalid(
            "CID",
            "it is not dag-pb or raw with sha2-256",
        ))
    }
}

/// From the chain.
pub fn from_chain(cid: &salus_primitives::Cid) -> Result<Cid> {
    parse_cid(&cid.0)
}

fn parse_cid(bytes: &[u8]) -> Result<Cid> {
    let malformed = || Error::invalid("CID", "it is not a CIDv1 of dag-pb or raw with sha2-256");
    let array: [u8; 36] = bytes.try_into().map_err(|_| malformed())?;
    if !salus_primitives::Cid(array).is_well_formed() {
        return Err(malformed());
    }
    Cid::try_from(bytes).map_err(|_| malformed())
}

/// Reads the text form, `bafy…` or `bafk…`.
pub fn parse_text(text: &str) -> Result<Cid> {
    let cid = Cid::try_from(text).map_err(|error| Error::invalid("CID", error))?;
    to_chain(&cid)?;
    Ok(cid)
}

/// Whether `block` is what `cid` names.
pub fn check_block(cid: &Cid, block: &[u8]) -> Result<()> {
    if block.len() > MAX_BLOCK {
        return Err(Error::Block {
            cid: cid.to_string(),
            reason: format!("it has more than {MAX_BLOCK} bytes"),
        });
    }
    if cid_of(cid.codec(), block) != *cid {
        return Err(Error::Block {
            cid: cid.to_string(),
            reason: "its bytes do not match its hash".into(),
        });
    }
    Ok(())
}

/// A finished file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRoot {
    pub cid: Cid,
    /// Bytes of content.
    pub length: u64,
    /// Bytes of all of its blocks: what dag-pb calls `Tsize`.
    pub tree_size: u64,
}

/// Splits what is written into blocks and hands each to `sink`, leaves before the nodes above them.
pub struct FileBuilder<S> {
    adder: FileAdder,
    sink: S,
    last: Option<Cid>,
    length: u64,
    tree_size: u64,
}

impl<S: FnMut(Cid, Vec<u8>) -> io::Result<()>> FileBuilder<S> {
    pub fn new(sink: S) -> Self {
        let adder = FileAdder::builder()
            .with_chunker(Chunker::Size(CHUNK))
            .with_collector(BalancedCollector::with_branching_factor(LINKS))
            .build();
        Self {
            adder,
            sink,
            last: None,
            length: 0,
            tree_size: 0,
        }
    }

    pub fn finish(mut self) -> io::Result<FileRoot> {
        let adder = std::mem::take(&mut self.adder);
        for (cid, block) in adder.finish() {
            self.take(cid, block)?;
        }
        match self.last {
            Some(cid) => Ok(FileRoot {
                cid,
                length: self.length,
                tree_size: self.tree_size,
            }),
            None => Err(io::Error::other("the file has no blocks")),
        }
    }

    fn take(&mut self, cid: Cid, block: Vec<u8>) -> io::Result<()> {
        self.tree_size += block.len() as u64;
        self.last = Some(cid);
        (self.sink)(cid, block)
    }
}

impl<S: FnMut(Cid, Vec<u8>) -> io::Result<()>> Write for FileBuilder<S> {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let written = bytes.len();
        while !bytes.is_empty() {
            let (blocks, consumed) = self.adder.push(bytes);
            let blocks: Vec<_> = blocks.collect();
            for (cid, block) in blocks {
                self.take(cid, block)?;
            }
            bytes = &bytes[consumed..];
        }
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Computes the CID of what is written, and keeps nothing.
pub fn hasher() -> FileBuilder<impl FnMut(Cid, Vec<u8>) -> io::Result<()> + Send> {
    FileBuilder::new(|_, _| Ok(()))
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub cid: Cid,
    /// Bytes of all blocks below.
    pub tree_size: u64,
}

/// The block of a directory, its entries sorted by name.
pub fn directory(entries: &[Entry]) -> (Cid, Vec<u8>) {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let mut block = Vec::new();
    for entry in entries {
        let mut link = Vec::new();
        put_bytes(&mut link, 0x0a, &entry.cid.to_bytes());
        put_bytes(&mut link, 0x12, entry.name.as_bytes());
        link.push(0x18);
        put_varint(&mut link, entry.tree_size);
        put_bytes(&mut block, 0x12, &link);
    }
    put_bytes(&mut block, 0x0a, &[0x08, TYPE_DIRECTORY as u8]);
    (cid_of(DAG_PB, &block), block)
}

/// The entries of a directory's block, sorted by name, each name once.
pub fn directory_entries(block: &[u8]) -> Result<Vec<Entry>> {
    let node = Node::parse(block)?;
    if node.kind != TYPE_DIRECTORY || node.length.is_some() || !node.sizes.is_empty() {
        return Err(Error::invalid(
            "directory",
            "the node is not a plain UnixFS directory",
        ));
    }
    let in_order = node
        .links
        .windows(2)
        .all(|pair| pair[0].name.as_bytes() < pair[1].name.as_bytes());
    if !in_order
        || node
            .links
            .iter()
            .any(|link| link.name.is_empty() || link.name.contains('/'))
    {
        return Err(Error::invalid(
            "directory",
            "its names are not unique, sorted file names",
        ));
    }
    Ok(node.links)
}

/// A child of a file's node, and the bytes of the node's content that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub cid: Cid,
    /// Relative to the node.
    pub range: Range<u64>,
}

/// The children of a dag-pb node of a file, in order.
pub fn file_links(block: &[u8]) -> Result<Vec<Link>> {
    let bad = |reason: &str| Error::invalid("file node", reason);
    let node = Node::parse(block)?;
    if node.kind != TYPE_FILE || node.links.is_empty() || node.links.len() > LINKS {
        return Err(bad("it is not a UnixFS file of 1 to 1024 links"));
    }
    if node.sizes.len() != node.links.len() {
        return Err(bad("it has another number of sizes than of links"));
    }
    let mut at = 0u64;
    let mut links = Vec::with_capacity(node.links.len());
    for (link, size) in node.links.into_iter().zip(node.sizes) {
        let end = at
            .checked_add(size)
            .ok_or_else(|| bad("its sizes overflow"))?;
        if !link.name.is_empty() || size == 0 {
            return Err(bad("a link has a name, or no content"));
        }
        links.push(Link {
            cid: link.cid,
            range: at..end,
        });
        at = end;
    }
    if node.length != Some(at) {
        return Err(bad("its length is not the sum of its links"));
    }
    Ok(links)
}

/// Bytes of content of the file whose root block this is.
pub fn file_length(cid: &Cid, block: &[u8]) -> Result<u64> {
    match cid.codec() {
        RAW => Ok(block.len() as u64),
        _ => Ok(file_links(block)?.last().map_or(0, |link| link.range.end)),
    }
}

/// Where blocks come from. Blocks are verified by the reader, not by the source.
pub trait BlockSource {
    fn get(&self, cid: &Cid) -> impl Future<Output = Result<Bytes>> + Send;
}

/// Bytes `range` of the file `root`, block by block, verified, in order; the range is cut to the file.
///
/// Fetches only the blocks that hold a part of the range, each once, and keeps one at a time.
pub fn read_range<S: BlockSource>(
    source: &S,
    root: Cid,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes>> + '_ {
    /// A subtree still to be read: its place in the file, its depth. The root's end is not known.
    struct Pending {
        cid: Cid,
        start: u64,
        end: Option<u64>,
        depth: usize,
    }

    let first = Pending {
        cid: root,
        start: 0,
        end: None,
        depth: 0,
    };
    stream::try_unfold(vec![first], move |mut pending| {
        let range = range.clone();
        async move {
            while let Some(next) = pending.pop() {
                let wrong = |reason: &str| Error::Block {
                    cid: next.cid.to_string(),
                    reason: reason.into(),
                };
                if range.is_empty() || next.start >= range.end {
                    continue;
                }
                let block = source.get(&next.cid).await?;
                check_block(&next.cid, &block)?;
                if next.cid.codec() == RAW {
                    let end = next.start.saturating_add(block.len() as u64);
                    if next.end.is_some_and(|expected| expected != end) {
                        return Err(wrong("it is shorter or longer than the node above says"));
                    }
                    let from = range.start.clamp(next.start, end) - next.start;
                    let to = range.end.clamp(next.start, end) - next.start;
                    if from < to {
                        return Ok(Some((block.slice(from as usize..to as usize), pending)));
                    }
                    continue;
                }
                if next.depth >= MAX_DEPTH {
                    return Err(wrong("the tree is too deep"));
                }
                let links = file_links(&block)?;
                let length = links.last().map_or(0, |link| link.range.end);
                let end = next
                    .start
                    .checked_add(length)
                    .ok_or_else(|| wrong("its sizes overflow"))?;
                if next.end.is_some_and(|expected| expected != end) {
                    return Err(wrong("it is shorter or longer than the node above says"));
                }
                for link in links.into_iter().rev() {
                    let (start, end) = (next.start + link.range.start, next.start + link.range.end);
                    if end > range.start && start < range.end {
                        pending.push(Pending {
                            cid: link.cid,
                            start,
                            end: Some(end),
                            depth: next.depth + 1,
                        });
                    }
                }
            }
            Ok(None)
        }
    })
}

const TYPE_DIRECTORY: u64 = 1;
const TYPE_FILE: u64 = 2;

/// A dag-pb node with UnixFS data and without inline content, mode or time.
struct Node {
    kind: u64,
    links: Vec<Entry>,
    length: Option<u64>,
    sizes: Vec<u64>,
}

impl Node {
    fn parse(block: &[u8]) -> Result<Self> {
        let mut input = Proto(block);
        let mut links = Vec::new();
        while input.peek() == Some(0x12) {
            links.push(Self::link(input.bytes(0x12)?)?);
        }
        let mut data = Proto(input.bytes(0x0a)?);
        input.end()?;

        let kind = data.number(0x08)?;
        let length = match data.peek() {
            Some(0x18) => Some(data.number(0x18)?),
            _ => None,
        };
        let mut sizes = Vec::new();
        while data.peek() == Some(0x20) {
            sizes.push(data.number(0x20)?);
        }
        data.end()?;
        Ok(Self {
            kind,
            links,
            length,
            sizes,
        })
    }

    fn link(bytes: &[u8]) -> Result<Entry> {
        let mut input = Proto(bytes);
        let cid = parse_cid(input.bytes(0x0a)?)?;
        let name = std::str::from_utf8(input.bytes(0x12)?)
            .map_err(|_| Error::invalid("dag-pb node", "a name is not UTF-8"))?
            .to_owned();
        let tree_size = input.number(0x18)?;
        input.end()?;
        Ok(Entry {
            name,
            cid,
            tree_size,
        })
    }
}

/// What is left of a protobuf message whose fields have one allowed order.
struct Proto<'a>(&'a [u8]);

impl<'a> Proto<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn tag(&mut self, tag: u8) -> Result<()> {
        match self.0.split_first() {
            Some((found, rest)) if *found == tag => {
                self.0 = rest;
                Ok(())
            }
            _ => Err(Error::invalid(
                "dag-pb node",
                format!("field {tag:#04x} is missing"),
            )),
        }
    }

    fn number(&mut self, tag: u8) -> Result<u64> {
        self.tag(tag)?;
        self.varint()
    }

    fn bytes(&mut self, tag: u8) -> Result<&'a [u8]> {
        self.tag(tag)?;
        let length = self.varint()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.0.len() => {
                let (bytes, rest) = self.0.split_at(length);
                self.0 = rest;
                Ok(bytes)
            }
            _ => Err(Error::invalid(
                "dag-pb node",
                "a field is longer than the node",
            )),
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut varint = Varint::default();
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            if let Some(value) = varint
                .push(*byte)
                .map_err(|reason| Error::invalid("dag-pb node", reason))?
            {
                return Ok(value);
            }
        }
        Err(Error::invalid("dag-pb node", "it ends within a number"))
    }

    fn end(&self) -> Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid(
                "dag-pb node",
                "it has more fields than the profile allows",
            )),
        }
    }
}

/// Decodes an unsigned LEB128 number byte by byte; only the shortest form is accepted.
#[derive(Default)]
pub(crate) struct Varint {
    value: u64,
    bytes: u32,
}

impl Varint {
    /// `Ok(None)`: more bytes are needed.
    pub(crate) fn push(&mut self, byte: u8) -> Result<Option<u64>, &'static str> {
        let bits = u64::from(byte & 0x7f);
        if self.bytes >= 9 && (self.bytes > 9 || byte > 1) {
            return Err("a number has more than 64 bits");
        }
        self.value |= bits << (7 * self.bytes);
        self.bytes += 1;
        match byte {
            0 if self.bytes > 1 => Err("a number is not in its shortest form"),
            0..=0x7f => Ok(Some(self.value)),
            _ => Ok(None),
        }
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use futures::TryStreamExt;

    use super::*;

    /// As tests/interop/cids.mjs makes it.
    fn content(length: usize) -> Vec<u8> {
        (0..length)
            .map(|i| (31 * i + 7 + i / CHUNK) as u8)
            .collect()
    }

    #[derive(Default)]
    struct Memory {
        blocks: HashMap<Cid, Bytes>,
        fetched: Mutex<usize>,
    }

    impl BlockSource for Memory {
        async fn get(&self, cid: &Cid) -> Result<Bytes> {
            *self.fetched.lock().unwrap() += 1;
            self.blocks
                .get(cid)
                .cloned()
                .ok_or_else(|| Error::invalid("block", "missing"))
        }
    }

    fn build(memory: &mut Memory, bytes: &[u8], step: usize) -> FileRoot {
        let mut builder = FileBuilder::new(|cid, block| {
            memory.blocks.insert(cid, block.into());
            Ok(())
        });
        for piece in bytes.chunks(step) {
            builder.write_all(piece).unwrap();
        }
        builder.finish().unwrap()
    }

    async fn collect(memory: &Memory, root: Cid, range: Range<u64>) -> Result<Vec<u8>> {
        read_range(memory, root, range)
            .try_fold(Vec::new(), |mut all, part| async move {
                all.extend_from_slice(&part);
                Ok(all)
            })
            .await
    }

    #[derive(serde::Deserialize)]
    struct Known {
        files: Vec<KnownFile>,
        directory: KnownDirectory,
    }
    #[derive(serde::Deserialize)]
    struct KnownFile {
        length: usize,
        cid: String,
    }
    #[derive(serde::Deserialize)]
    struct KnownDirectory {
        parts: std::collections::BTreeMap<String, usize>,
        cid: String,
    }

    #[test]
    fn cids_are_those_of_the_javascript_importer() {
        let known: Known =
            serde_json::from_str(include_str!("../../../testdata/vectors/unixfs.json")).unwrap();
        for file in known.files {
            let mut builder = hasher();
            let mut start = 0;
            while start < file.length {
                let length = CHUNK.min(file.length - start);
                let chunk: Vec<u8> = (start..start + length)
                    .map(|i| (31 * i + 7 + start / CHUNK) as u8)
                    .collect();
                builder.write_all(&chunk).unwrap();
                start += length;
            }
            let root = builder.finish().unwrap();
            assert_eq!(root.cid.to_string(), file.cid, "{} bytes", file.length);
            assert_eq!(root.length, file.length as u64);
        }
        let mut memory = Memory::default();
        let entries: Vec<Entry> = known
            .directory
            .parts
            .iter()
            .map(|(name, length)| {
                let root = build(&mut memory, &content(*length), CHUNK);
                Entry {
                    name: name.clone(),
                    cid: root.cid,
                    tree_size: root.tree_size,
                }
            })
            .collect();
        let (cid, block) = directory(&entries);
        assert_eq!(cid.to_string(), known.directory.cid);
        assert_eq!(directory_entries(&block).unwrap(), entries);
    }

    #[test]
    fn cids_do_not_depend_on_how_the_file_was_written() {
        let bytes = content(2 * CHUNK + 5);
        let root = build(&mut Memory::default(), &bytes, CHUNK).cid;
        for step in [65_536 + 16, 4 * CHUNK, 999_983] {
            assert_eq!(build(&mut Memory::default(), &bytes, step).cid, root);
        }
    }

    #[tokio::test]
    async fn every_range_reads_as_a_slice_of_the_file() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7] {
            let bytes = content(length);
            let mut memory = Memory::default();
            let root = build(&mut memory, &bytes, CHUNK).cid;
            let edges = [
                0,
                1,
                CHUNK - 1,
                CHUNK,
                CHUNK + 1,
                2 * CHUNK,
                length.saturating_sub(1),
                length,
                length + 9,
            ];
            for start in edges {
                for end in edges {
                    let found = collect(&memory, root, start as u64..end as u64)
                        .await
                        .unwrap();
                    let expected = bytes.get(start.min(length)..end.min(length)).unwrap_or(&[]);
                    assert!(found == expected, "{length}: {start}..{end}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_deep_tree_reads_in_order_and_a_range_fetches_only_its_path() {
        // Two levels of nodes, made of small leaves: the reader must not care about the chunk size.
        let mut memory = Memory::default();
        let mut adder = FileAdder::builder()
            .with_chunker(Chunker::Size(10))
            .with_collector(BalancedCollector::with_branching_factor(3))
            .build();
        let bytes = content(250);
        let mut rest = &bytes[..];
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let (new, consumed) = adder.push(rest);
            blocks.extend(new);
            rest = &rest[consumed..];
        }
        blocks.extend(adder.finish());
        let root = blocks.last().unwrap().0;
        memory.blocks = blocks
            .into_iter()
            .map(|(cid, block)| (cid, block.into()))
            .collect();
        assert_eq!(collect(&memory, root, 0..u64::MAX).await.unwrap(), bytes);
        assert_eq!(file_length(&root, &memory.blocks[&root]).unwrap(), 250);
        *memory.fetched.lock().unwrap() = 0;
        assert_eq!(
            collect(&memory, root, 101..105).await.unwrap(),
            bytes[101..105]
        );
        assert_eq!(*memory.fetched.lock().unwrap(), 4);
    }

    #[tokio::test]
    async fn a_changed_missing_or_swapped_block_is_noticed() {
        let bytes = content(2 * CHUNK + 5);
        let mut memory = Memory::default();
        let root = build(&mut memory, &bytes, CHUNK).cid;
        let links = file_links(&memory.blocks[&root]).unwrap();

        let mut flipped = memory.blocks[&links[1].cid].to_vec();
        flipped[77] ^= 1;
        let good = memory.blocks.insert(links[1].cid, flipped.into()).unwrap();
        assert!(collect(&memory, root, 0..10).await.is_ok());
        assert!(collect(&memory, root, 0..u64::MAX).await.is_err());

        let swapped = memory.blocks[&links[0].cid].clone();
        memory.blocks.insert(links[1].cid, swapped);
        assert!(collect(&memory, root, 0..u64::MAX).await.is_err());

        memory.blocks.remove(&links[1].cid);
        assert!(collect(&memory, root, 0..u64::MAX).await.is_err());
        memory.blocks.insert(links[1].cid, good);
        assert_eq!(collect(&memory, root, 0..u64::MAX).await.unwrap(), bytes);
    }

    #[tokio::test]
    async fn sizes_that_lie_are_refused() {
        let mut memory = Memory::default();
        let leaf = Bytes::from_static(b"0123456789");
        let cid = cid_of(RAW, &leaf);
        memory.blocks.insert(cid, leaf);
        for claimed in [9u64, 11] {
            let mut link = Vec::new();
            put_bytes(&mut link, 0x0a, &cid.to_bytes());
            put_bytes(&mut link, 0x12, b"");
            link.extend([0x18, 10]);
            let mut node = Vec::new();
            put_bytes(&mut node, 0x12, &link);
            put_bytes(
                &mut node,
                0x0a,
                &[0x08, 0x02, 0x18, claimed as u8, 0x20, claimed as u8],
            );
            let root = cid_of(DAG_PB, &node);
            memory.blocks.insert(root, node.into());
            assert!(
                collect(&memory, root, 0..u64::MAX).await.is_err(),
                "{claimed}"
            );
        }
    }

    #[test]
    fn nodes_outside_the_profile_are_refused() {
        let entry = |name: &str| Entry {
            name: name.into(),
            cid: cid_of(RAW, name.as_bytes()),
            tree_size: 300,
        };
        let (_, block) = directory(&[entry("b"), entry("a")]);
        assert_eq!(directory_entries(&block).unwrap(), [entry("a"), entry("b")]);
        assert!(directory_entries(&directory(&[entry("a"), entry("a")]).1).is_err());
        assert!(directory_entries(&directory(&[entry("a/b")]).1).is_err());
        assert!(directory_entries(&directory(&[entry("")]).1).is_err());
        assert!(file_links(&block).is_err());
        for cut in 0..block.len() {
            assert!(directory_entries(&block[..cut]).is_err(), "{cut}");
        }
        let mut longer = block.clone();
        longer.push(0);
        assert!(directory_entries(&longer).is_err());
        assert!(directory_entries(b"").is_err());
        assert!(
            file_links(&[0x0a, 4, 0x08, 2, 0x18, 0]).is_err(),
            "no links"
        );
        assert!(
            file_links(&[0x0a, 5, 0x08, 0x82, 0x00, 0x18, 0]).is_err(),
            "long varint"
        );
    }

    #[test]
    fn only_cids_of_the_profile_go_on_the_chain() {
        let cid = cid_of(DAG_PB, b"x");
        assert_eq!(from_chain(&to_chain(&cid).unwrap()).unwrap(), cid);
        assert!(to_chain(&cid_of(0x71, b"x")).is_err());
        assert!(from_chain(&salus_primitives::Cid([0; 36])).is_err());
        assert_eq!(parse_text(&cid.to_string()).unwrap(), cid);
        // CIDv0 of the empty directory.
        assert!(parse_text("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn").is_err());
    }

    #[test]
    fn varints_have_one_form() {
        for value in [0, 1, 127, 128, 300, u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(Proto(&bytes).varint().unwrap(), value);
        }
        assert!(Proto(&[0x80, 0x00]).varint().is_err());
        assert!(Proto(&[0xff; 11]).varint().is_err());
        assert!(Proto(&[0x80]).varint().is_err());
    }
}
