//! Logs of patients' own reads, which vaults keep, and the one root a day that binds them.
//!
//! ```text
//! digest_0 = blake2b-256("salus/reads/v1" || genesis || organisation || patient)
//! digest_n = blake2b-256(digest_{n-1} || n as u64 LE || day as u32 LE || sealed entry)
//! leaf     = blake2b-256("salus/reads-leaf/v1" || genesis || organisation || day || patient
//!                        || salt || count as u64 LE || digest)
//! node     = blake2b-256("salus/reads-node/v1" || left || right)
//! ```
//!
//! The tree has 128 levels, and the bits of a patient's id, the highest first, lead from the root to
//! the patient's leaf. So there is one place for each patient: a vault cannot bind two logs of one
//! patient and show each of two guardians another one. Where nothing is, the vault puts random
//! bytes, and each leaf has a salt of that day: a path tells neither how many logs there are, nor
//! whether another one grew.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_io::hashing::blake2_256;

use crate::{Genesis, OrgId, PatientId, DAY};

const LOG: &[u8] = b"salus/reads/v1";
const LEAF: &[u8] = b"salus/reads-leaf/v1";
const NODE: &[u8] = b"salus/reads-node/v1";

/// Levels of the tree: the bits of a patient's id.
pub const LEVELS: usize = 128;

/// Roots that the chain keeps of each organisation, one a day. Older ones stand in its events.
pub const ROOTS_KEPT: u32 = 32;

/// Whole days since the Unix epoch.
pub fn day_of(moment: crate::Moment) -> u32 {
    u32::try_from(moment / DAY).unwrap_or(u32::MAX)
}

/// Proves that no entry of a log of own reads is missing or changed.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct ReadHead {
    /// Number of entries, with those that the vault has dropped since.
    pub count: u64,
    pub digest: H256,
}

impl ReadHead {
    /// The head of a log without entries.
    pub fn start(genesis: &Genesis, organisation: OrgId, patient: &PatientId) -> Self {
        let digest = hash(&[
            LOG,
            genesis.as_bytes(),
            &organisation.to_le_bytes(),
            &patient.0,
        ]);
        Self { count: 0, digest }
    }

    /// The head after one more entry, as it is sealed for the patient.
    pub fn append(&self, day: u32, sealed: &[u8]) -> Self {
        let count = self.count.saturating_add(1);
        let digest = hash(&[
            self.digest.as_bytes(),
            &count.to_le_bytes(),
            &day.to_le_bytes(),
            sealed,
        ]);
        Self { count, digest }
    }

    /// The leaf that binds this head at the end of a day.
    pub fn leaf(
        &self,
        genesis: &Genesis,
        organisation: OrgId,
        day: u32,
        patient: &PatientId,
        salt: &[u8; 32],
    ) -> H256 {
        hash(&[
            LEAF,
            genesis.as_bytes(),
            &organisation.to_le_bytes(),
            &day.to_le_bytes(),
            &patient.0,
            salt,
            &self.count.to_le_bytes(),
            self.digest.as_bytes(),
        ])
    }
}

/// The hash over two neighbours.
pub fn node(left: &H256, right: &H256) -> H256 {
    hash(&[NODE, left.as_bytes(), right.as_bytes()])
}

/// The side on which a patient's leaf lies below a node that is so many levels from the root.
pub fn is_right(patient: &PatientId, depth: usize) -> bool {
    let byte = patient.0.get(depth / 8).copied().unwrap_or_default();
    byte >> (7 - depth % 8) & 1 == 1
}

/// The root that a leaf and its neighbours lead to, the leaf's own neighbour first; none if they are
/// not as many as there are levels.
pub fn root(patient: &PatientId, leaf: H256, path: &[H256]) -> Option<H256> {
    if path.len() != LEVELS {
        return None;
    }
    let depths = (0..LEVELS).rev();
    Some(
        path.iter()
            .zip(depths)
            .fold(leaf, |below, (beside, depth)| {
                match is_right(patient, depth) {
                    true => node(beside, &below),
                    false => node(&below, beside),
                }
            }),
    )
}

fn hash(parts: &[&[u8]]) -> H256 {
    let mut input = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        input.extend_from_slice(part);
    }
    H256(blake2_256(&input))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: PatientId = PatientId([0b1010_0000; 16]);

    #[test]
    fn bits_of_an_id_lead_from_the_root_down() {
        let first: Vec<bool> = (0..9).map(|depth| is_right(&PATIENT, depth)).collect();
        let expected = [true, false, true, false, false, false, false, false, true];
        assert_eq!(first, expected);
    }

    #[test]
    fn a_leaf_leads_to_one_root_and_at_one_place_only() {
        let path: Vec<H256> = (0..128).map(H256::from_low_u64_be).collect();
        let leaf = H256::repeat_byte(1);
        let found = root(&PATIENT, leaf, &path).expect("a whole path");
        assert_ne!(root(&PATIENT, H256::repeat_byte(2), &path), Some(found));
        let mut beside = PATIENT;
        beside.0[15] ^= 1;
        assert_ne!(root(&beside, leaf, &path), Some(found));
        assert_eq!(root(&PATIENT, leaf, &path[1..]), None);
        assert_eq!(root(&PATIENT, leaf, &[]), None);
        // By hand, at the top: the id's first bit is set, so the leaf is below on the right.
        let below =
            (path[..127].iter().zip((1..128).rev())).fold(leaf, |below, (beside, depth)| {
                match is_right(&PATIENT, depth) {
                    true => node(beside, &below),
                    false => node(&below, beside),
                }
            });
        assert_eq!(found, node(&path[127], &below));
    }

    #[test]
    fn a_leaf_binds_all_that_it_is_made_from() {
        let genesis = Genesis::repeat_byte(1);
        let head = ReadHead::start(&genesis, 2, &PATIENT).append(9, b"entry");
        let leaf = head.leaf(&genesis, 2, 9, &PATIENT, &[7; 32]);
        let other = PatientId([1; 16]);
        let another = head.append(9, b"entry");
        for changed in [
            head.leaf(&Genesis::zero(), 2, 9, &PATIENT, &[7; 32]),
            head.leaf(&genesis, 3, 9, &PATIENT, &[7; 32]),
            head.leaf(&genesis, 2, 8, &PATIENT, &[7; 32]),
            head.leaf(&genesis, 2, 9, &other, &[7; 32]),
            head.leaf(&genesis, 2, 9, &PATIENT, &[8; 32]),
            another.leaf(&genesis, 2, 9, &PATIENT, &[7; 32]),
        ] {
            assert_ne!(changed, leaf);
        }
        let start = ReadHead::start(&genesis, 2, &PATIENT);
        assert_ne!(start.append(9, b"entry"), start.append(8, b"entry"));
        assert_ne!(start.append(9, b"entry"), start.append(9, b"entrx"));
        assert_ne!(start, ReadHead::start(&genesis, 3, &PATIENT));
    }
}
