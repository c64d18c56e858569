//! The tree over all logs of own reads, as it stood after a day: see [`salus_primitives::reads`].
//!
//! It has 2^128 places, of which few are taken. What is empty is one random-looking hash, made from
//! the day's secret; so is each leaf's salt. With the secret and the heads the tree can be made anew,
//! and without it nobody can tell what is empty.

use std::collections::HashMap;
use std::ops::Range;

use hmac::{Hmac, Mac};
use salus_primitives::reads::{is_right, node, LEVELS};
use salus_primitives::{Genesis, OrgId, PatientId, ReadHead};
use sha2::Sha256;
use sp_core::H256;

/// What a tree is made from. Keep it: without it nothing can be proven.
#[derive(Clone, Debug, PartialEq, Eq, codec::Encode, codec::Decode)]
pub struct Snapshot {
    /// Whole days since the Unix epoch.
    pub day: u32,
    pub secret: [u8; 32],
    /// In ascending order, each patient once.
    pub heads: Vec<(PatientId, ReadHead)>,
}

impl Snapshot {
    fn random(&self, what: &[u8], depth: usize, patient: &PatientId) -> H256 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any length; qed");
        mac.update(what);
        mac.update(&[u8::try_from(depth).unwrap_or(u8::MAX)]);
        mac.update(&patient.0);
        H256(mac.finalize().into_bytes().into())
    }

    pub fn salt(&self, patient: &PatientId) -> [u8; 32] {
        self.random(b"salt", LEVELS, patient).0
    }
}

pub struct Tree {
    snapshot: Snapshot,
    genesis: Genesis,
    organisation: OrgId,
    /// The nodes above two or more leaves, by their depth and where their leaves begin.
    nodes: HashMap<(usize, usize), H256>,
    root: H256,
}

impl Tree {
    /// Takes a while where there are many logs: two hashes for each level of each of them.
    pub fn new(genesis: Genesis, organisation: OrgId, mut snapshot: Snapshot) -> Self {
        snapshot.heads.sort_unstable_by_key(|(patient, _)| *patient);
        snapshot.heads.dedup_by_key(|(patient, _)| *patient);
        let all = 0..snapshot.heads.len();
        let mut tree = Self {
            snapshot,
            genesis,
            organisation,
            nodes: HashMap::new(),
            root: H256::zero(),
        };
        tree.root = tree.make(0, all, PatientId([0; 16]));
        tree
    }

    pub fn root(&self) -> H256 {
        self.root
    }

    pub fn day(&self) -> u32 {
        self.snapshot.day
    }

    /// A patient's head in it, its salt, and what leads from its leaf to the root.
    pub fn prove(&self, patient: &PatientId) -> Option<(ReadHead, [u8; 32], Vec<H256>)> {
        let heads = &self.snapshot.heads;
        let place = heads.binary_search_by_key(patient, |(found, _)| *found);
        let (_, head) = heads.get(place.ok()?)?;
        let mut path = Vec::with_capacity(LEVELS);
        let mut range = 0..heads.len();
        for depth in 0..LEVELS {
            let (left, right) = self.split(depth, range);
            let (below, beside) = match is_right(patient, depth) {
                true => (right, left),
                false => (left, right),
            };
            path.push(self.find(depth + 1, beside, flipped(patient, depth)));
            range = below;
        }
        path.reverse();
        Some((*head, self.snapshot.salt(patient), path))
    }

    /// What lies on the left and on the right below a node.
    fn split(&self, depth: usize, range: Range<usize>) -> (Range<usize>, Range<usize>) {
        let heads = &self.snapshot.heads[range.clone()];
        let middle = range.start + heads.partition_point(|(patient, _)| !is_right(patient, depth));
        (range.start..middle, middle..range.end)
    }

    /// The hash of a node, made and kept. `prefix` is any id below it.
    fn make(&mut self, depth: usize, range: Range<usize>, prefix: PatientId) -> H256 {
        if range.len() < 2 {
            return self.find(depth, range, prefix);
        }
        let (left, right) = self.split(depth, range.clone());
        let left = self.make(depth + 1, left, with(prefix, depth, false));
        let right = self.make(depth + 1, right, with(prefix, depth, true));
        let hash = node(&left, &right);
        self.nodes.insert((depth, range.start), hash);
        hash
    }

    /// The hash of a node: kept, or made where there is one leaf below it or none.
    fn find(&self, depth: usize, range: Range<usize>, prefix: PatientId) -> H256 {
        if range.is_empty() {
            return self.snapshot.random(b"empty", depth, &cut(prefix, depth));
        }
        if range.len() > 1 {
            return self.nodes[&(depth, range.start)];
        }
        let (patient, head) = &self.snapshot.heads[range.start];
        let salt = self.snapshot.salt(patient);
        let day = self.snapshot.day;
        let leaf = head.leaf(&self.genesis, self.organisation, day, patient, &salt);
        (depth..LEVELS).rev().fold(leaf, |below, depth| {
            let beside = cut(flipped(patient, depth), depth + 1);
            let beside = self.snapshot.random(b"empty", depth + 1, &beside);
            match is_right(patient, depth) {
                true => node(&beside, &below),
                false => node(&below, &beside),
            }
        })
    }
}

/// An id with one of its bits set, or not.
fn with(mut id: PatientId, bit: usize, set: bool) -> PatientId {
    let mask = 0x80u8 >> (bit % 8);
    if let Some(byte) = id.0.get_mut(bit / 8) {
        *byte = match set {
            true => *byte | mask,
            false => *byte & !mask,
        };
    }
    id
}

fn flipped(id: &PatientId, bit: usize) -> PatientId {
    with(*id, bit, !is_right(id, bit))
}

/// The first bits of an id.
fn cut(id: PatientId, bits: usize) -> PatientId {
    let mask = match bits {
        0 => 0,
        bits => u128::MAX << (LEVELS - bits.min(LEVELS)),
    };
    PatientId((u128::from_be_bytes(id.0) & mask).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use salus_primitives::reads::root;

    use super::*;

    const GENESIS: Genesis = Genesis::repeat_byte(1);
    /// Odd, so that no two products are alike.
    const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

    fn patients(count: u8) -> Vec<PatientId> {
        let mut patients: Vec<_> = (0..count)
            .map(|n| PatientId((u128::from(n) + 1).wrapping_mul(SPREAD).to_be_bytes()))
            .collect();
        // Neighbours down to the last bit, and at both ends.
        if count > 2 {
            patients.extend([PatientId([0; 16]), PatientId([0xff; 16])]);
            patients.push(flipped(&patients[1], LEVELS - 1));
        }
        patients
    }

    fn snapshot(patients: &[PatientId], secret: u8) -> Snapshot {
        let heads = patients.iter().map(|patient| {
            let head = ReadHead::start(&GENESIS, 3, patient);
            (*patient, head.append(9, &patient.0))
        });
        Snapshot {
            day: 9,
            secret: [secret; 32],
            heads: heads.collect(),
        }
    }

    fn tree(snapshot: Snapshot) -> Tree {
        Tree::new(GENESIS, 3, snapshot)
    }

    #[test]
    fn every_log_is_proven_and_none_that_is_not_there() {
        for count in [0, 1, 2, 3, 60] {
            let patients = patients(count);
            let tree = tree(snapshot(&patients, 5));
            for patient in &patients {
                let (head, salt, path) = tree.prove(patient).expect("it is there");
                let leaf = head.leaf(&GENESIS, 3, 9, patient, &salt);
                assert_eq!(root(patient, leaf, &path), Some(tree.root()), "of {count}");
                let other = head.append(9, b"more").leaf(&GENESIS, 3, 9, patient, &salt);
                assert_ne!(root(patient, other, &path), Some(tree.root()));
            }
            assert_eq!(tree.prove(&PatientId([7; 16])), None);
        }
    }

    #[test]
    fn the_same_snapshot_in_any_order_gives_the_same_root() {
        let mut patients = patients(20);
        let root = tree(snapshot(&patients, 5)).root();
        patients.reverse();
        assert_eq!(tree(snapshot(&patients, 5)).root(), root);
        patients.pop();
        assert_ne!(tree(snapshot(&patients, 5)).root(), root);
    }

    #[test]
    fn a_path_has_one_length_and_tells_nothing_of_other_logs() {
        let patients = patients(60);
        let mine = patients[5];
        let alone = tree(snapshot(&[mine], 5)).prove(&mine).unwrap().2;
        let crowd = tree(snapshot(&patients, 5)).prove(&mine).unwrap().2;
        assert_eq!((alone.len(), crowd.len()), (LEVELS, LEVELS));
        // Another day's neighbours are all others, also where nothing happened.
        let next = tree(snapshot(&patients, 6)).prove(&mine).unwrap().2;
        assert!(crowd.iter().all(|hash| !next.contains(hash)));
        let mut all: Vec<_> = alone.iter().chain(&next).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 2 * LEVELS, "no two are alike");
    }
}
