//! The hash chain over a patient's events.
//!
//! ```text
//! hash_0 = blake2b-256("salus/trail/v1" || genesis || patient)
//! hash_n = blake2b-256(hash_{n-1} || n as u64 LE || moment as u64 LE || SCALE(RuntimeEvent))
//! ```

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;

use crate::{BlockNumber, Genesis, Moment, PatientId};

const DOMAIN: &[u8; 14] = b"salus/trail/v1";

/// A segment of the trail that can be read on its own has this many entries.
pub const CHECKPOINT_EVERY: u64 = 256;

/// Proves that no entry of a patient's trail is missing or changed, whoever serves the entries.
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
pub struct TrailHead {
    /// Number of entries.
    pub count: u64,
    pub digest: H256,
    /// The block of the last entry; 0 before the first.
    pub last_block: BlockNumber,
    /// The block of the last entry whose number is a multiple of [`CHECKPOINT_EVERY`]; 0 before it.
    pub checkpoint: BlockNumber,
}

impl TrailHead {
    /// The head of a trail without entries.
    pub fn start(genesis: &Genesis, patient: &PatientId) -> Self {
        let mut input = Vec::with_capacity(14 + 32 + 16);
        input.extend_from_slice(DOMAIN);
        input.extend_from_slice(genesis.as_bytes());
        input.extend_from_slice(&patient.0);
        Self {
            count: 0,
            digest: H256(sp_io::hashing::blake2_256(&input)),
            last_block: 0,
            checkpoint: 0,
        }
    }

    /// The head after one more entry; `event` is the SCALE-encoded `RuntimeEvent`.
    pub fn append(&self, block: BlockNumber, moment: Moment, event: &[u8]) -> Self {
        let count = self.count.saturating_add(1);
        let mut input = Vec::with_capacity(32 + 8 + 8 + event.len());
        input.extend_from_slice(self.digest.as_bytes());
        input.extend_from_slice(&count.to_le_bytes());
        input.extend_from_slice(&moment.to_le_bytes());
        input.extend_from_slice(event);
        Self {
            count,
            digest: H256(sp_io::hashing::blake2_256(&input)),
            last_block: block,
            checkpoint: if count.is_multiple_of(CHECKPOINT_EVERY) {
                block
            } else {
                self.checkpoint
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of `docs/002-trail.md`, computed there with another implementation.
    #[test]
    fn the_documented_example_holds() {
        let genesis = Genesis::from(core::array::from_fn::<u8, 32, _>(|i| i as u8));
        let patient = PatientId(core::array::from_fn(|i| 0x11 * i as u8));
        let entry = |index: u8| [&[21, index][..], &patient.0, &[0xaa; 32]].concat();

        let head = TrailHead::start(&genesis, &patient);
        assert_eq!(
            hex::encode(head.digest),
            "2082dad3884c0ee9605a881df01f0d4c275b65433342033aac9bb6472e3d0e12"
        );
        let head = head.append(7, 1_767_225_600_000, &entry(4));
        assert_eq!(
            hex::encode(head.digest),
            "28c989ef4f560b8cc53e6e732b3ec9eab2ebf7ec22b539a0ee8ce9f382704062"
        );
        let head = head.append(9, 1_767_225_601_000, &entry(5));
        assert_eq!(
            hex::encode(head.digest),
            "d33d26e0421d3a6d57096dddceae88b33eff8da8f61af52c7b930cab69c9b7a1"
        );
        assert_eq!((head.count, head.last_block, head.checkpoint), (2, 9, 0));
    }

    #[test]
    fn checkpoints_are_every_256_entries() {
        let mut head = TrailHead::start(&Genesis::zero(), &PatientId([0; 16]));
        for block in 1..=600 {
            head = head.append(block, 0, &[]);
        }
        assert_eq!((head.count, head.checkpoint), (600, 512));
    }
}
