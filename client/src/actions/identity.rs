//! A person's own keys: the published one, and the keyring of a patient.

use salus_primitives::{Cid, CompartmentId, PatientId, Subject};
use serde::Serialize;

use super::sharing::{rotate_compartment, Rotated};
use super::{cid, emergency, unknown_patient, Client, Receipt};
use crate::chain::{calls, Salus};
use crate::error::{Error, Result};
use crate::files::age::{DecryptionKey, EncryptionKey};
use crate::files::object::BuiltObject;
use crate::keyring::{Holder, Keyring, Own};
use crate::vault::{File, Location};

/// A key that others encrypt to, as it was published.
#[derive(Clone, Debug, Serialize)]
pub struct Published {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    pub epoch: u32,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Publishes a new encryption key of this account: envelopes and letters go to it from now on.
pub async fn publish(client: &Client) -> Result<Published> {
    let subject = Subject::Account(client.me());
    let (epoch, recipient) = next_key(client, &subject, Own::Account).await?;
    let submitted = client
        .submit(&calls::members::publish_recipient(&recipient))
        .await?;
    Ok(Published {
        organisation: None,
        account: Some(client.me().to_string()),
        epoch,
        receipt: (&submitted).into(),
    })
}

/// Makes and saves the next key of a subject, signed by this account.
pub(super) async fn next_key(
    client: &Client,
    subject: &Subject,
    own: Own,
) -> Result<(u32, salus_primitives::Recipient)> {
    let present = client.salus().await?.recipient(subject).await?;
    let epoch = present.map_or(0, |present| present.recipient.epoch.saturating_add(1));
    let mut identities = client.profile.identities(&client.device)?;
    let key = identities.prepare(own, epoch);
    client
        .profile
        .save_identities(&identities, &client.device.public())?;
    let recipient = client
        .key
        .sign_recipient(subject, &key, epoch, &client.chain.genesis());
    Ok((epoch, recipient))
}

/// What may be shown of a keyring.
#[derive(Clone, Debug, Serialize)]
pub struct KeyringView {
    pub patient: String,
    pub revision: u64,
    pub holders: Vec<Holder>,
    pub compartments: Vec<KeptCompartment>,
    pub inbox_epochs: Vec<u32>,
}

#[derive(Clone, Debug, Serialize)]
pub struct KeptCompartment {
    pub id: String,
    pub label: String,
    pub epochs: Vec<u32>,
}

pub fn view(keyring: &Keyring) -> KeyringView {
    KeyringView {
        patient: keyring.patient().to_string(),
        revision: keyring.revision(),
        holders: keyring.holders().to_vec(),
        compartments: keyring
            .compartments()
            .map(|(id, compartment)| KeptCompartment {
                id: id.to_string(),
                label: compartment.label.to_string(),
                epochs: compartment.epochs.numbers(),
            })
            .collect(),
        inbox_epochs: keyring.inbox().numbers(),
    }
}

/// A keyring in the vault, named on the chain.
#[derive(Clone, Debug, Serialize)]
pub struct SavedKeyring {
    pub patient: String,
    pub revision: u64,
    pub cid: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Puts the keyring, sealed to its holders, into the vault, and names it on the chain.
pub async fn save_keyring(client: &Client, keyring: &Keyring) -> Result<SavedKeyring> {
    let patient = keyring.patient();
    let object: BuiltObject = keyring.to_object(&client.place(patient))?;
    let session = client.session(patient).await?;
    client.upload(&session, &object).await?;
    let submitted = client
        .submit(&calls::patients::set_keyring(patient, object.cid()))
        .await?;
    Ok(SavedKeyring {
        patient: patient.to_string(),
        revision: keyring.revision(),
        cid: cid(&object.cid()),
        receipt: (&submitted).into(),
    })
}

/// Puts this profile's keyring into the vault, joined with what other devices have added there or
/// destroyed: what lies there is overwritten unseen only if no vault has it any more.
pub async fn save_own_keyring(client: &Client, patient: PatientId) -> Result<SavedKeyring> {
    let ours = client.keyring(patient)?;
    let salus = client.salus().await?;
    let device = std::slice::from_ref(&client.device);
    let mut keyring = match salus.patient(patient).await?.and_then(|row| row.keyring) {
        Some(content) => match published(client, patient, &content, device).await {
            Ok(theirs) => join(&salus, Some(ours), theirs).await?,
            Err(Error::Vault(error)) if error.is_not_found() => ours,
            Err(error) => return Err(error),
        },
        None => ours,
    };
    client.profile.save_keyring(&mut keyring)?;
    save_keyring(client, &keyring).await
}

/// As [`save_keyring`], after a change that has succeeded already: a failure is told, not returned.
pub(super) async fn back_up(client: &Client, keyring: &Keyring) -> bool {
    match save_keyring(client, keyring).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(
                "the keyring's copy in the vault is not up to date: {error}. Run `salus keyring save` later"
            );
            false
        }
    }
}

/// A keyring that came from the vault.
#[derive(Clone, Debug, Serialize)]
pub struct FetchedKeyring {
    pub patient: String,
    pub revision: u64,
    pub cid: String,
    /// Whether this profile's copy was older, or missing.
    pub updated: bool,
}

/// Fetches the patient's keyring from the vault, for a device that is one of its holders, and adds
/// what the profile's own lacks.
pub async fn fetch_keyring(client: &Client, patient: PatientId) -> Result<FetchedKeyring> {
    let salus = client.salus().await?;
    let row = salus
        .patient(patient)
        .await?
        .ok_or_else(|| unknown_patient(patient))?;
    let content = row.keyring.ok_or_else(|| {
        Error::Unfit(format!(
            "no keyring of patient {patient} is in the vault: run `salus keyring save` on a device that has it"
        ))
    })?;
    let device = std::slice::from_ref(&client.device);
    let theirs = published(client, patient, &content, device).await?;
    let ours = client.profile.keyring(&patient, &client.device)?;
    let updated = ours
        .as_ref()
        .is_none_or(|ours| ours.revision() < theirs.revision());
    let mut keyring = join(&salus, ours, theirs).await?;
    client.profile.save_keyring(&mut keyring)?;
    Ok(FetchedKeyring {
        patient: patient.to_string(),
        revision: keyring.revision(),
        cid: cid(&content),
        updated,
    })
}

/// The keyring in the vault, opened with one of these keys.
pub(super) async fn published(
    client: &Client,
    patient: PatientId,
    content: &Cid,
    keys: &[DecryptionKey],
) -> Result<Keyring> {
    let session = client.session(patient).await?;
    let object = session
        .object(Location::Keyring(patient), content, None, None)
        .await?;
    let sealed = object.read(File::Body).await?;
    let keyring = Keyring::open(keys, &sealed)?;
    match keyring.patient() == patient {
        true => Ok(keyring),
        false => Err(Error::Binding("patient")),
    }
}

pub(super) async fn join(salus: &Salus, ours: Option<Keyring>, theirs: Keyring) -> Result<Keyring> {
    let Some(mut ours) = ours else {
        return Ok(theirs);
    };
    let views = salus.compartments(ours.patient()).await?;
    ours.merge(theirs, |id, epoch| {
        let (_, view) = views.iter().find(|(known, _)| known == id)?;
        let recipient = &view.recipient.as_ref()?.recipient;
        match recipient.epoch == epoch {
            true => EncryptionKey::from_recipient(recipient).ok(),
            false => None,
        }
    });
    Ok(ours)
}

/// The keyring before a change: with what other devices have added meanwhile, as far as the vault
/// can be asked.
pub(super) async fn current_keyring(client: &Client, patient: PatientId) -> Result<Keyring> {
    let ours = client.keyring(patient)?;
    let salus = client.salus().await?;
    let Some(content) = salus.patient(patient).await?.and_then(|row| row.keyring) else {
        return Ok(ours);
    };
    let device = std::slice::from_ref(&client.device);
    match published(client, patient, &content, device).await {
        Ok(theirs) => join(&salus, Some(ours), theirs).await,
        Err(error) => {
            tracing::warn!("the vault's keyring is left out of account: {error}");
            Ok(ours)
        }
    }
}

/// Who can open the keyring now.
#[derive(Clone, Debug, Serialize)]
pub struct Holders {
    pub patient: String,
    pub revision: u64,
    pub holders: Vec<Holder>,
    /// Whether the vault has it, too.
    pub saved: bool,
}

/// Lets another device open the keyring.
pub async fn add_device(
    client: &Client,
    patient: PatientId,
    name: &str,
    key: &EncryptionKey,
) -> Result<Holders> {
    let mut keyring = current_keyring(client, patient).await?;
    keyring.add_holder(name, key)?;
    keep_holders(client, keyring).await
}

/// Shuts a device out of later versions of the keyring. What it has seen, it keeps: rotate, too.
pub async fn remove_device(client: &Client, patient: PatientId, name: &str) -> Result<Holders> {
    let mut keyring = current_keyring(client, patient).await?;
    keyring.remove_holder(name)?;
    keep_holders(client, keyring).await
}

async fn keep_holders(client: &Client, mut keyring: Keyring) -> Result<Holders> {
    client.profile.save_keyring(&mut keyring)?;
    let saved = back_up(client, &keyring).await;
    Ok(Holders {
        patient: keyring.patient().to_string(),
        revision: keyring.revision(),
        holders: keyring.holders().to_vec(),
        saved,
    })
}

/// Every key of a patient, made anew.
#[derive(Clone, Debug, Serialize)]
pub struct RotatedKeyring {
    pub patient: String,
    pub rotated: Vec<Rotated>,
    pub inbox_epoch: u32,
    pub saved: bool,
}

/// Gives every compartment and the inbox new keys, and re-delivers them to the grants that live:
/// what to do after a device was lost.
pub async fn rotate_all(client: &Client, patient: PatientId) -> Result<RotatedKeyring> {
    let mut keyring = current_keyring(client, patient).await?;
    let ids: Vec<CompartmentId> = keyring.compartments().map(|(id, _)| *id).collect();
    let mut rotated = Vec::new();
    for id in &ids {
        rotated.push(rotate_compartment(client, &mut keyring, *id).await?);
    }
    let inbox_epoch = rotate_inbox(client, &mut keyring).await?;
    let saved = back_up(client, &keyring).await;
    emergency::follow(client, &keyring, &ids).await;
    Ok(RotatedKeyring {
        patient: patient.to_string(),
        rotated,
        inbox_epoch,
        saved,
    })
}

/// Gives the inbox its next key; that key's epoch.
pub(super) async fn rotate_inbox(client: &Client, keyring: &mut Keyring) -> Result<u32> {
    let patient = keyring.patient();
    let subject = Subject::Inbox(patient);
    let present = client.salus().await?.recipient(&subject).await?;
    let epoch = present.map_or(0, |present| present.recipient.epoch.saturating_add(1));
    let key = keyring.prepare_inbox(epoch);
    client.profile.save_keyring(keyring)?;
    let recipient = client
        .key
        .sign_recipient(&subject, &key, epoch, &client.chain.genesis());
    client
        .submit(&calls::patients::set_inbox(patient, &recipient))
        .await?;
    Ok(epoch)
}
