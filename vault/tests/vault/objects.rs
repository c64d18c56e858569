//! Objects and CARs, made as clients make them and by hand: also the ones that nobody should make.

use std::io::Write;

use salus_client::files::unixfs::{to_chain, FileBuilder};
use salus_primitives::{AccountId, Binding, Cid, ObjectKind, PatientId};
use sha2::{Digest, Sha256};

use crate::chain::GENESIS;

type Blocks = Vec<(Cid, Vec<u8>)>;

pub const MIB: usize = 1024 * 1024;

#[derive(Clone)]
pub struct Object {
    pub root: Cid,
    /// In the order of the CAR.
    pub blocks: Vec<(Cid, Vec<u8>)>,
    /// The files' CIDs, by name.
    pub files: Vec<(String, Cid)>,
}

impl Object {
    /// A directory over files that are given with all of their blocks.
    pub fn directory(files: Vec<(&str, Blocks)>) -> Self {
        let entries: Vec<(String, Cid)> = files
            .iter()
            .map(|(name, blocks)| (name.to_string(), blocks.last().unwrap().0))
            .collect();
        let (root, block) = directory_block(&entries);
        let mut blocks: Vec<_> = files.into_iter().flat_map(|(_, blocks)| blocks).collect();
        blocks.push((root, block));
        Self {
            root,
            blocks,
            files: entries,
        }
    }

    pub fn car(&self) -> Vec<u8> {
        car(&self.root, &self.blocks)
    }

    /// As clients send it while they make it: the binding is the CAR's root, the directory comes last.
    pub fn streamed(&self) -> Vec<u8> {
        car(&self.file("binding"), &self.blocks)
    }

    pub fn file(&self, name: &str) -> Cid {
        self.files.iter().find(|file| file.0 == name).unwrap().1
    }

    /// The first block that is a full chunk of a file.
    pub fn chunk(&self) -> &(Cid, Vec<u8>) {
        let full = |block: &&(Cid, Vec<u8>)| block.1.len() == MIB;
        self.blocks.iter().find(full).unwrap()
    }

    pub fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.1.len() as u64).sum()
    }
}

pub fn binding(kind: ObjectKind, patient: PatientId, author: &AccountId, seed: u32) -> Binding {
    Binding {
        genesis: GENESIS,
        kind,
        patient,
        author: author.clone(),
        nonce: {
            let mut nonce = [0; 16];
            nonce[..4].copy_from_slice(&seed.to_le_bytes());
            nonce
        },
    }
}

/// A record with a manifest of 100 bytes and this payload.
pub fn record(patient: PatientId, author: &AccountId, seed: u32, payload: &[u8]) -> Object {
    let binding = binding(ObjectKind::Record, patient, author, seed);
    Object::directory(vec![
        ("binding", file(&binding.to_file())),
        ("manifest.age", file(&noise(99, seed))),
        ("payload.age", file(payload)),
    ])
}

/// An envelope, letter or keyring.
pub fn small(
    kind: ObjectKind,
    patient: PatientId,
    author: &AccountId,
    seed: u32,
    body: &[u8],
) -> Object {
    let binding = binding(kind, patient, author, seed);
    let mut files = vec![
        ("binding", file(&binding.to_file())),
        ("body.age", file(body)),
    ];
    if kind == ObjectKind::Envelope {
        files.push(("seal.age", file(&noise(100, seed))));
    }
    Object::directory(files)
}

/// Bytes without repetition, as encrypted files are.
pub fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    let mut block = Sha256::digest(seed.to_le_bytes());
    while bytes.len() < length {
        bytes.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    bytes.truncate(length);
    bytes
}

/// A file's blocks, its root last.
pub fn file(content: &[u8]) -> Vec<(Cid, Vec<u8>)> {
    let mut blocks = Vec::new();
    let mut builder = FileBuilder::new(|cid, block| {
        blocks.push((to_chain(&cid).unwrap(), block));
        Ok(())
    });
    builder.write_all(content).unwrap();
    builder.finish().unwrap();
    blocks
}

pub fn raw(bytes: &[u8]) -> (Cid, Vec<u8>) {
    (Cid::raw(Sha256::digest(bytes).into()), bytes.to_vec())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(varint(bytes.len() as u64));
    out.extend_from_slice(bytes);
    out
}

fn link(name: &str, cid: &Cid) -> Vec<u8> {
    let mut link = field(1, &cid.0);
    link.extend(field(2, name.as_bytes()));
    link.extend([3 << 3, 1]);
    field(2, &link)
}

pub fn directory_block(entries: &[(String, Cid)]) -> (Cid, Vec<u8>) {
    let mut block: Vec<u8> = entries
        .iter()
        .flat_map(|(name, cid)| link(name, cid))
        .collect();
    block.extend(field(1, &[1 << 3, 1]));
    (Cid::dag_pb(Sha256::digest(&block).into()), block)
}

/// A file node over parts of the lengths it claims.
pub fn file_block(parts: &[(Cid, u64)]) -> (Cid, Vec<u8>) {
    let mut block: Vec<u8> = parts.iter().flat_map(|(cid, _)| link("", cid)).collect();
    let mut unixfs = vec![1 << 3, 2, 3 << 3];
    unixfs.extend(varint(parts.iter().map(|part| part.1).sum()));
    for (_, length) in parts {
        unixfs.push(4 << 3);
        unixfs.extend(varint(*length));
    }
    block.extend(field(1, &unixfs));
    (Cid::dag_pb(Sha256::digest(&block).into()), block)
}

pub fn car(root: &Cid, blocks: &[(Cid, Vec<u8>)]) -> Vec<u8> {
    let mut header = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00".to_vec();
    header.extend_from_slice(&root.0);
    header.extend_from_slice(b"\x67version\x01");
    let mut car = varint(header.len() as u64);
    car.extend(header);
    for (cid, block) in blocks {
        car.extend(varint(36 + block.len() as u64));
        car.extend_from_slice(&cid.0);
        car.extend_from_slice(block);
    }
    car
}

/// The blocks of a CAR that the vault made, each checked against its name.
pub fn read_car(mut car: &[u8]) -> (Cid, Vec<(Cid, Vec<u8>)>) {
    fn take<'a>(car: &mut &'a [u8]) -> &'a [u8] {
        let mut length = 0;
        for shift in (0..).step_by(7) {
            let byte = car[0];
            *car = &car[1..];
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (bytes, rest) = car.split_at(length);
        *car = rest;
        bytes
    }
    let header = take(&mut car);
    let root = Cid(header[13..49].try_into().unwrap());
    let mut blocks = Vec::new();
    while !car.is_empty() {
        let frame = take(&mut car);
        let cid = Cid(frame[..36].try_into().unwrap());
        assert_eq!(Sha256::digest(&frame[36..])[..], cid.0[4..]);
        blocks.push((cid, frame[36..].to_vec()));
    }
    (root, blocks)
}
