//! Letters: words that only those who are meant can read.

use salus_primitives::{AccountId, Cid, ObjectKind, OrgId, PatientId, Subject};

use super::Client;
use crate::chain::Salus;
use crate::error::{Error, Result};
use crate::files::age::{DecryptionKey, EncryptionKey};
use crate::files::letter::Letter;
use crate::files::object::build_body;
use crate::vault::{File, Location, Session};

/// Puts a letter into the vault, for all of these keys, and tells its CID.
pub(super) async fn send(
    client: &Client,
    session: &Session<'_>,
    patient: PatientId,
    to: &[EncryptionKey],
    letter: &Letter,
) -> Result<Cid> {
    let object = build_body(
        &client.place(patient),
        ObjectKind::Letter,
        to,
        &letter.to_json()?,
    )?;
    client.upload(session, &object).await?;
    Ok(object.cid())
}

/// Fetches a letter and opens it.
pub(super) async fn read(
    session: &Session<'_>,
    location: Location,
    content: &Cid,
    author: &AccountId,
    keys: &[DecryptionKey],
) -> Result<Letter> {
    let object = session
        .object(location, content, Some(author), None)
        .await?;
    Letter::open(keys, &object.read(File::Body).await?)
}

/// The keys of an organisation, and of somebody there: whoever answers for a record, or is to read.
pub(super) async fn responders(
    client: &Client,
    salus: &Salus,
    author: &AccountId,
    organisation: OrgId,
) -> Result<Vec<EncryptionKey>> {
    let mut keys = Vec::new();
    for subject in [
        Subject::Organisation(organisation),
        Subject::Account(author.clone()),
    ] {
        if salus.recipient(&subject).await?.is_some() {
            keys.push(client.recipient(salus, &subject).await?);
        }
    }
    match keys.is_empty() {
        false => Ok(keys),
        true => Err(Error::Unfit(format!(
            "neither organisation {organisation} nor {author} has published an encryption key: ask its admin to run `salus org publish`"
        ))),
    }
}

/// What opens letters about this patient that this account may have.
pub(super) async fn keys(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
) -> Result<Vec<DecryptionKey>> {
    let mut keys = match client.profile.keyring(&patient, &client.device)? {
        Some(keyring) => keyring.inbox_keys(),
        None => Vec::new(),
    };
    keys.extend(client.own_keys(salus).await?);
    Ok(keys)
}
