//! A patient's keyring: who can open it, and new keys after a loss.

use salus_primitives::{PatientId, Subject};
use serde::Serialize;

use super::{Person, Progress};
use crate::{
    chain::calls,
    error::Result,
    files::age::EncryptionKey,
    keyring::{Holder, Keyring},
    vault::Location,
};

/// What a keyring holds, without any secret.
#[derive(Debug, Serialize)]
pub struct KeyringView {
    pub patient: String,
    pub revision: u64,
    pub device: String,
    pub holders: Vec<Holder>,
    pub compartments: Vec<KeyringRow>,
}

#[derive(Debug, Serialize)]
pub struct KeyringRow {
    pub compartment: String,
    pub label: String,
    pub newest_epoch: Option<u32>,
}

impl Person {
    /// This device's public key: what another device needs to let this one in.
    pub fn device_key(&self) -> EncryptionKey {
        self.device.public()
    }

    pub fn show_keyring(&self, patient: PatientId) -> Result<KeyringView> {
        let keyring = self.keyring(&patient)?;
        Ok(KeyringView {
            patient: patient.to_string(),
            revision: keyring.revision(),
            device: self.device_key().to_string(),
            holders: keyring.holders().to_vec(),
            compartments: keyring
                .compartments()
                .map(|(id, row)| KeyringRow {
                    compartment: id.to_string(),
                    label: row.label.to_string(),
                    newest_epoch: row.epochs.newest().map(|(epoch, _)| epoch),
                })
                .collect(),
        })
    }

    /// Saves the keyring here, uploads it, and names it on the chain for the other devices.
    pub async fn publish_keyring(&self, keyring: &mut Keyring) -> Result<()> {
        let patient = keyring.patient();
        self.save_keyring(keyring)?;
        let object = keyring.to_object(&self.place(patient))?;
        let content = self.upload(patient, &object, Progress::none()).await?;
        self.chain
            .submit(
                &self.account,
                &calls::patients::set_keyring(patient, content),
            )
            .await?;
        Ok(())
    }

    /// Fetches the keyring that another device published, if it is newer than the one here.
    pub async fn fetch_keyring(&self, patient: PatientId) -> Result<KeyringView> {
        let row = self.salus().await?.patient(patient).await?;
        if let Some(content) = row.and_then(|row| row.keyring) {
            let sealed = self
                .body(Location::Keyring(patient), &content, None, None)
                .await?;
            let mut found = Keyring::open(std::slice::from_ref(&self.device), &sealed)?;
            let known = self.profile.keyring(&patient, &self.device)?;
            if known.is_none_or(|known| known.revision() < found.revision()) {
                self.save_keyring(&mut found)?;
            }
        }
        self.show_keyring(patient)
    }

    pub async fn add_device(
        &self,
        patient: PatientId,
        name: &str,
        key: &EncryptionKey,
    ) -> Result<()> {
        let mut keyring = self.keyring(&patient)?;
        keyring.add_holder(name, key)?;
        self.publish_keyring(&mut keyring).await
    }

    /// Shuts a device out: of the keyring, and by new keys of everything that comes.
    pub async fn remove_device(&self, patient: PatientId, name: &str) -> Result<u32> {
        let mut keyring = self.keyring(&patient)?;
        keyring.remove_holder(name)?;
        self.publish_keyring(&mut keyring).await?;
        self.rotate_keyring(patient).await
    }

    /// New keys for the inbox and every compartment. Returns how many compartments were rotated.
    pub async fn rotate_keyring(&self, patient: PatientId) -> Result<u32> {
        let salus = self.salus().await?;
        let subject = Subject::Inbox(patient);
        let epoch = salus
            .recipient(&subject)
            .await?
            .map_or(0, |found| found.recipient.epoch + 1);
        let mut keyring = self.keyring(&patient)?;
        let key = keyring.prepare_inbox(epoch);
        self.save_keyring(&mut keyring)?;
        let genesis = self.chain.genesis();
        let recipient = self
            .account
            .sign_recipient(&subject, &key, epoch, &genesis);
        self.chain
            .submit(
                &self.account,
                &calls::patients::set_inbox(patient, &recipient),
            )
            .await?;
        let mut rotated = 0;
        for (compartment, _) in salus.compartments(patient).await? {
            self.rotate(patient, compartment).await?;
            rotated += 1;
        }
        Ok(rotated)
    }
}
