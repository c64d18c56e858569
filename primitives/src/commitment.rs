//! What stands on the chain in place of something that it must not tell: a record, a helper's account,
//! what an emergency plan opens.
//!
//! All are salted, so that neither a small record nor one of few accounts can be guessed, and an empty
//! plan looks like any other. A record's is over the plaintext, so that a file can be encrypted anew and
//! still be proven to be the same record.

use codec::Encode;
use sp_core::H256;

use crate::{AccountId, CompartmentId, Genesis, PatientId};

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

/// Returns the commitment to a helper: blake2b-256(SCALE("salus/helper/v1", patient, salt, account,
/// threshold)).
///
/// A plan has one for each helper, and random ones up to
/// [`MAX_HELPERS`](crate::MAX_HELPERS). Whoever acts as a helper shows the salt, which came with
/// their share. The threshold is in each of them, so that it shows no sooner than a helper does.
pub fn helper(patient: &PatientId, salt: &H256, account: &AccountId, threshold: u8) -> H256 {
    let input = (b"salus/helper/v1", patient, salt, account, threshold).encode();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hashlib; `testdata/vectors/helper.json` has them too.
    #[test]
    fn a_helper_is_bound_to_patient_salt_account_and_threshold() {
        let of = |patient, salt, account, threshold| {
            let account = AccountId::new([account; 32]);
            let patient = PatientId([patient; 16]);
            hex::encode(helper(
                &patient,
                &H256::repeat_byte(salt),
                &account,
                threshold,
            ))
        };
        assert_eq!(
            of(0x22, 0x55, 0x34, 2),
            "a9be55da3bcfe39132444447aa4cd33a9b7ea884cf8a16e39cbaedaecb130a65"
        );
        assert_eq!(
            of(0x23, 0x55, 0x34, 2),
            "df20a4eb405a915b0078c96c35a5f753196ae92d9b6088a9989229ab20aece61"
        );
        assert_eq!(
            of(0x22, 0x56, 0x34, 2),
            "17d6c8c8bc2595fb7fe3b076f97ec8d177f7ab0f6951fb75015c9a67e5d92b0d"
        );
        assert_eq!(
            of(0x22, 0x55, 0x35, 2),
            "e79b12036489002f89c605ddd3bea00ec204bc9209a4a7f3eaa7f8e5ec7bc746"
        );
        assert_eq!(
            of(0x22, 0x55, 0x34, 3),
            "c10c126f80698e30e90efb77ee280641f137d79a7250aed99bb0cfd872c4c12e"
        );
    }
}
