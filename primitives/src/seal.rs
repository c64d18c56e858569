//! Sealed persons: who stood behind what an organisation's software signed.
//!
//! The software signs, and gives the seal of the person whom it acted for. The chain compares nothing
//! with it. Whoever has the grant's secret tries the accounts of the organisation's people, and knows
//! the person; to everybody else a seal tells nothing but that two of them are the same.

use codec::Encode;
use sp_core::H256;

use crate::{AccountId, Genesis, GrantIndex, PatientId};

/// What opens the seals under one grant: it stands in the grant's envelope.
pub type SealSecret = [u8; 32];

/// Returns the seal of a person under a grant: blake2b-256(SCALE("salus/person/v1", genesis, patient,
/// grant, secret, account)).
///
/// The secret is as long as the hash and stands before the account, so that nobody can guess the
/// account without it; blake2b needs no HMAC for that. The seal binds: no other account, and no other
/// secret, opens it. Under another grant the same person has another seal.
pub fn person(
    genesis: &Genesis,
    patient: &PatientId,
    grant: GrantIndex,
    secret: &SealSecret,
    account: &AccountId,
) -> H256 {
    let input = (b"salus/person/v1", genesis, patient, grant, secret, account).encode();
    H256(sp_io::hashing::blake2_256(&input))
}

/// Whether who signs has said on whose behalf as it must: software gives the seal of a person, and a
/// person, who stands there in clear, gives none.
pub fn is_given_rightly(signer_is_service: bool, person: &Option<H256>) -> bool {
    signer_is_service == person.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: SealSecret = [5; 32];

    fn seal(grant: GrantIndex, secret: &SealSecret, account: u8) -> H256 {
        let patient = PatientId([2; 16]);
        let account = AccountId::new([account; 32]);
        person(&Genesis::repeat_byte(1), &patient, grant, secret, &account)
    }

    #[test]
    fn a_seal_is_of_one_person_under_one_grant_and_secret() {
        let one = seal(3, &SECRET, 7);
        assert_eq!(seal(3, &SECRET, 7), one);
        assert_ne!(seal(3, &SECRET, 8), one, "another person");
        assert_ne!(seal(4, &SECRET, 7), one, "another grant");
        assert_ne!(seal(3, &[6; 32], 7), one, "another secret");
        let (patient, account) = (PatientId([2; 16]), AccountId::new([7; 32]));
        let elsewhere = person(&Genesis::repeat_byte(2), &patient, 3, &SECRET, &account);
        assert_ne!(elsewhere, one, "another chain");
        let other = person(
            &Genesis::repeat_byte(1),
            &PatientId([9; 16]),
            3,
            &SECRET,
            &account,
        );
        assert_ne!(other, one, "another patient");
    }

    #[test]
    fn software_seals_a_person_and_a_person_seals_none() {
        let seal = Some(H256::zero());
        assert!(is_given_rightly(true, &seal));
        assert!(is_given_rightly(false, &None));
        assert!(!is_given_rightly(true, &None));
        assert!(!is_given_rightly(false, &seal));
    }
}
