//! A profile's own ids, which no node shall learn: see [`crate::chain::crowd`].

use salus_primitives::{AccountId, PatientId};
use sp_crypto_hashing::blake2_256;

use crate::chain::crowd::Own;
use crate::files::age::DecryptionKey;
use crate::keys::AccountKey;
use crate::profile::Profile;

pub(super) struct OwnIds {
    profile: Profile,
    account: AccountId,
    key: [u8; 32],
}

impl OwnIds {
    /// The key is made from the device's, which stays.
    pub(super) fn of(profile: &Profile, account: &AccountKey, device: &DecryptionKey) -> Self {
        let secret = device.expose();
        let secret = secret.as_ref().map_or(&b""[..], |secret| secret.as_bytes());
        Self {
            profile: profile.clone(),
            account: account.account(),
            key: blake2_256(&[&b"salus/crowd/v1"[..], secret].concat()),
        }
    }
}

impl Own for OwnIds {
    fn patients(&self) -> Vec<PatientId> {
        // A folder that cannot be read stops what follows anyway.
        self.profile.patients().unwrap_or_default()
    }

    fn is_account(&self, account: &AccountId) -> bool {
        *account == self.account
    }

    fn key(&self) -> [u8; 32] {
        self.key
    }

    fn kept(&self, patient: &PatientId) -> Option<Vec<PatientId>> {
        self.profile.crowds().ok()?.get(patient)
    }

    fn keep(&self, patient: &PatientId, crowd: &[PatientId]) {
        let kept = self.profile.update_crowds(|crowds| {
            crowds.set(patient, crowd);
            Ok(())
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "with whom a patient is asked for could not be noted");
        }
    }
}
