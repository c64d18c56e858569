//! A profile's own ids, which no node shall learn: see [`crate::chain::crowd`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use salus_primitives::{AccountId, PatientId};
use sp_crypto_hashing::blake2_256;

use crate::chain::crowd::Own;
use crate::files::age::DecryptionKey;
use crate::keys::AccountKey;
use crate::profile::Profile;

pub(super) struct OwnIds {
    profile: Profile,
    account: AccountKey,
    /// Accounts that were derived before: it takes a while.
    derived: Mutex<HashMap<(Use, u32), AccountId>>,
    key: [u8; 32],
}

/// What an account was derived for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    Patient,
    Helping,
}

impl OwnIds {
    /// The key is made from the device's, which stays.
    pub(super) fn of(profile: &Profile, account: &AccountKey, device: &DecryptionKey) -> Self {
        let secret = device.expose();
        let secret = secret.as_ref().map_or(&b""[..], |secret| secret.as_bytes());
        Self {
            profile: profile.clone(),
            account: account.clone(),
            derived: Mutex::default(),
            key: blake2_256(&[&b"salus/crowd/v1"[..], secret].concat()),
        }
    }

    fn derived(&self, (used, number): (Use, u32)) -> AccountId {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || match used {
            Use::Patient => self.account.for_patient(number).account(),
            Use::Helping => self.account.for_helping(number).account(),
        };
        derived.entry((used, number)).or_insert_with(made).clone()
    }
}

impl Own for OwnIds {
    fn patients(&self) -> Vec<PatientId> {
        // A folder that cannot be read stops what follows anyway.
        let mut patients = self.profile.patients().unwrap_or_default();
        // One that was found again has no keyring here.
        patients.extend(self.profile.study_ids().unwrap_or_default());
        patients.sort();
        patients.dedup();
        patients
    }

    fn is_account(&self, account: &AccountId) -> bool {
        if *account == self.account.account() {
            return true;
        }
        // A folder that cannot be read stops what follows anyway.
        let Ok(made) = self.profile.accounts() else {
            return false;
        };
        let patients = made.iter().map(|(_, number)| (Use::Patient, number));
        let helping = (0..made.helping()).map(|number| (Use::Helping, number));
        let all: Vec<_> = patients.chain(helping).collect();
        all.into_iter().any(|one| self.derived(one) == *account)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::double::World;

    #[test]
    fn every_account_of_a_profile_is_its_own_and_no_other() {
        let world = World::at(None);
        let (profile, device) = (&world.client.profile, &world.client.device);
        let account = AccountKey::from_uri("//Hiding").unwrap();
        let own = OwnIds::of(profile, &account, device);
        let patient = PatientId([9; 16]);
        let number = profile.key_for(&account, &patient).unwrap().account();
        profile
            .update_accounts(|accounts| Ok(accounts.take_helping()))
            .unwrap();
        for known in [account.account(), number, account.for_helping(0).account()] {
            assert!(own.is_account(&known), "{known}");
        }
        for other in [
            account.for_patient(7).account(),
            account.for_helping(1).account(),
            AccountId::new([3; 32]),
        ] {
            assert!(!own.is_account(&other), "{other}");
        }
    }
}
