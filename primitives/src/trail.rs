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
    pub hash: H256,
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
            hash: H256(sp_crypto_hashing::blake2_256(&input)),
            last_block: 0,
            checkpoint: 0,
        }
    }

    /// The head after one more entry; `event` is the SCALE-encoded `RuntimeEvent`.
    pub fn append(&self, block: BlockNumber, moment: Moment, event: &[u8]) -> Self {
        let count = self.count.saturating_add(1);
        let mut input = Vec::with_capacity(32 + 8 + 8 + event.len());
        input.extend_from_slice(self.hash.as_bytes());
        input.extend_from_slice(&count.to_le_bytes());
        input.extend_from_slice(&moment.to_le_bytes());
        input.extend_from_slice(event);
        Self {
            count,
            hash: H256(sp_crypto_hashing::blake2_256(&input)),
            last_block: block,
            checkpoint: if count % CHECKPOINT_EVERY == 0 {
                block
            } else {
                self.checkpoint
            },
        }
    }
}
