//! What seals persons under one grant, and for whom the grant is meant.
//!
//! It lies beside the keys in a grant's envelope, in a part of its own: software must have it before
//! the opening that bears the seal, and the keys come only after that opening.

use salus_primitives::{
    seal::{person, SealSecret},
    AccountId, Genesis, GrantIndex, PatientId,
};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use zeroize::Zeroizing;

use super::age::{unseal_bytes, DecryptionKey};
use super::{check_version, MAX_SEAL};
use crate::error::{Error, Result};
use crate::keyring::{sealed_json, Secret};

const VERSION: u32 = 1;

/// Whoever has it can seal persons under the grant, and find out whom a seal is of.
#[derive(Clone)]
pub struct SealKey {
    pub patient: PatientId,
    secret: Zeroizing<SealSecret>,
    /// For whom of the organisation the grant is meant; everybody there, if none.
    pub person: Option<AccountId>,
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealKey")
            .field("patient", &self.patient)
            .field("person", &self.person)
            .finish_non_exhaustive()
    }
}

impl SealKey {
    pub fn new(
        patient: PatientId,
        secret: Zeroizing<SealSecret>,
        person: Option<AccountId>,
    ) -> Self {
        Self {
            patient,
            secret,
            person,
        }
    }

    /// One that nobody uses: for keys that are handed over in the open.
    pub fn unused(patient: PatientId) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, secret.as_mut());
        Self::new(patient, secret, None)
    }

    /// The seal of a person under this grant.
    pub fn seal(&self, genesis: &Genesis, grant: GrantIndex, account: &AccountId) -> H256 {
        person(genesis, &self.patient, grant, &self.secret, account)
    }

    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>> {
        sealed_json(
            "seal",
            &Stored {
                version: VERSION,
                patient: self.patient.to_string(),
                secret: Secret::new(hex::encode(*self.secret)),
                person: self.person.as_ref().map(AccountId::to_string),
            },
        )
    }

    /// Opens the part `seal.age` of an envelope, and checks that it is about `patient`.
    pub fn open(keys: &[DecryptionKey], sealed: &[u8], patient: &PatientId) -> Result<Self> {
        let bad = |reason: &str| Error::invalid("seal", reason);
        let json = unseal_bytes(keys, sealed, MAX_SEAL, "seal")?;
        check_version("seal", &json, VERSION)?;
        let stored: Stored =
            serde_json::from_slice(&json).map_err(|_| bad("it is no document of this version"))?;
        if stored.patient != patient.to_string() {
            return Err(bad("it is about another patient"));
        }
        let mut secret = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(stored.secret.expose(), secret.as_mut())
            .map_err(|_| bad("its secret is not 64 hexadecimal digits"))?;
        let person = stored.person.map(|account| account.parse()).transpose();
        let person = person.map_err(|_| bad("its person is no account"))?;
        Ok(Self::new(*patient, secret, person))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    patient: String,
    secret: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::age::seal_bytes;

    #[test]
    fn it_reads_back_for_its_patient_and_says_for_whom_it_is() {
        let key = DecryptionKey::generate();
        let patient = PatientId([1; 16]);
        let doctor = AccountId::new([3; 32]);
        let secret = Zeroizing::new([7; 32]);
        let made = SealKey::new(patient, secret, Some(doctor.clone()));
        let sealed = seal_bytes(&[key.public()], &made.to_json().unwrap()).unwrap();
        let keys = std::slice::from_ref(&key);
        let read = SealKey::open(keys, &sealed, &patient).unwrap();
        assert_eq!(read.person, Some(doctor.clone()));
        let genesis = Genesis::repeat_byte(1);
        let seal = person(&genesis, &patient, 4, &[7; 32], &doctor);
        assert_eq!(read.seal(&genesis, 4, &doctor), seal);
        assert!(SealKey::open(keys, &sealed, &PatientId([2; 16])).is_err());
        let other = [DecryptionKey::generate()];
        assert!(SealKey::open(&other, &sealed, &patient).is_err());
    }
}
