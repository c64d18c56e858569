//! What stands on the chain in place of something that it must not tell.
//!
//! A record's fingerprint is salted, so that a small record cannot be guessed from it, and over the
//! plaintext, so that a file can be encrypted anew and still be proven to be the same record. What an
//! emergency plan opens is salted too: an empty plan looks like any other.

use codec::Encode;
use sp_core::H256;

use crate::{CompartmentId, Genesis, PatientId};

const DOMAIN: &[u8; 15] = b"salus/record/v1";

/// blake2b-256(domain || genesis || patient || salt || sha256(manifest fields) || sha256(payload)).
pub fn commitment(
    genesis: &Genesis,
    patient: &PatientId,
    salt: &[u8; 32],
    manifest_sha256: &[u8; 32],
    payload_sha256: &[u8; 32],
) -> H256 {
    let mut input = alloc::vec::Vec::with_capacity(15 + 32 + 16 + 32 + 32 + 32);
    input.extend_from_slice(DOMAIN);
    input.extend_from_slice(genesis.as_bytes());
    input.extend_from_slice(&patient.0);
    input.extend_from_slice(salt);
    input.extend_from_slice(manifest_sha256);
    input.extend_from_slice(payload_sha256);
    H256(sp_io::hashing::blake2_256(&input))
}

/// Returns what stands on the chain for the compartments of an emergency plan, in ascending order:
/// blake2b-256(SCALE("salus/plan/v1", patient, salt, compartments)).
pub fn plan_commitment(
    patient: &PatientId,
    salt: &[u8; 32],
    compartments: &[CompartmentId],
) -> H256 {
    let input = (b"salus/plan/v1", patient, salt, compartments).encode();
    H256(sp_io::hashing::blake2_256(&input))
}
