//! The vault's own key: what this organisation's shares of emergency plans are encrypted to.
//!
//! The secret lies in a file that only the vault's user can read; the public half stands on the chain, as
//! the recipient of the service account. A vault that lost the file makes another key. The chain then
//! names that one, so whoever dealt shares notices, and deals anew.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, Context};
use salus_client::files::age::DecryptionKey;
use salus_primitives::{Member, SignedRecipient, Subject};
use zeroize::Zeroizing;

use crate::error::ApiError;
use crate::Vault;

/// The file's name in the vault's folder.
pub const FILE: &str = "vault.identity";

/// Somebody else may have published for the service account: looked at again after this long.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// Before another key of the account is replaced, somebody can read of it.
const SUPERSEDE_PAUSE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Reads the key, or makes one if there is no file. No error quotes it.
pub fn load(path: &Path) -> anyhow::Result<DecryptionKey> {
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => DecryptionKey::parse(text.trim()).map_err(|_| {
            anyhow!(
                "{} holds no age identity: restore it from a backup, or move it away; the vault then makes \
                 another key, and patients' clients deal it new shares",
                path.display()
            )
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path).with_context(|| format!("cannot write the vault's key {}", path.display()))
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the vault's key {}", path.display()))
        }
    }
}

/// A new key, on the disk before anything is encrypted to it.
fn make(path: &Path) -> anyhow::Result<DecryptionKey> {
    let key = DecryptionKey::generate();
    let secret = key.expose().context("the new key cannot be written down")?;
    let mut staged = path.as_os_str().to_owned();
    staged.push("#0");
    // What a start that was killed has left is nobody's key.
    match std::fs::remove_file(&staged) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&staged)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    // Unlike a renaming, this never replaces a file that came there meanwhile.
    std::fs::hard_link(&staged, path)?;
    std::fs::remove_file(&staged)?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    tracing::info!(recipient = %key.public(), "the vault has made itself a key");
    Ok(key)
}

impl Vault {
    /// The vault's own key. Error: it has none.
    pub fn identity(&self) -> Result<&DecryptionKey, ApiError> {
        self.settings
            .identity
            .as_ref()
            .ok_or_else(ApiError::no_identity)
    }

    /// What makes this vault's account unfit to be its organisation's service, if anything does. One that
    /// nobody has credentialed yet may still be introduced.
    pub async fn unfit(&self) -> Result<Option<String>, ApiError> {
        let head = self.rule.head().await?;
        let account = &self.settings.service_account;
        let own = self.settings.audience.organisation;
        let member = self.ledger.member(head.hash, account).await?;
        let wrong = match member {
            Some(Member::Admin { organisation }) => {
                format!("the admin's of organisation {organisation}: an admin's key never lies in a vault")
            }
            Some(member) if member.organisation() != own => format!(
                "a member of organisation {}, and this vault was told that it is of {own}",
                member.organisation()
            ),
            Some(member) if !member.is_service() => {
                "a person's: a vault needs a service account of its own".into()
            }
            Some(_) => return Ok(None),
            None => {
                tracing::warn!(
                    %account, organisation = own,
                    "this vault's service account is not credentialed yet: it hands out nothing until its admin does that"
                );
                return Ok(None);
            }
        };
        Ok(Some(format!(
            "the service account {account} is {wrong}: correct --key-file or --organisation"
        )))
    }

    /// Whether the chain names another key for this vault's account: of a vault that has lost its key, or
    /// of another one that runs with the same account.
    async fn supersedes(&self) -> Result<bool, ApiError> {
        let key = self.identity()?.public();
        let head = self.rule.head().await?;
        let account = &self.settings.service_account;
        let present = self.ledger.recipient(head.hash, account).await?;
        Ok(present.is_some_and(|present| present.recipient.key != *key.raw()))
    }

    /// Publishes the key if the finalized chain names none or another. Says whether it had to.
    pub async fn publish_identity(&self) -> Result<bool, ApiError> {
        let key = self.identity()?.public();
        let account = &self.settings.service_account;
        let head = self.rule.head().await?;
        let present = self.ledger.recipient(head.hash, account).await?;
        let named = |signed: &SignedRecipient| {
            let subject = Subject::Account(account.clone());
            signed.signer == *account
                && signed.is_valid(&self.ledger.genesis(), &subject)
                && signed.recipient.scheme == key.scheme()
                && signed.recipient.key == *key.raw()
        };
        let published = present.as_ref().is_some_and(named);
        self.metrics.identity_published.set(i64::from(published));
        if published {
            return Ok(false);
        }
        let epoch = present.map_or(0, |present| present.recipient.epoch.saturating_add(1));
        self.ledger.publish_recipient(&key, epoch).await?;
        self.metrics.identity_published.set(1);
        tracing::info!(recipient = %key, epoch, "the chain names the vault's key");
        Ok(true)
    }

    /// Sees to it that the chain names the key, for ever, if there is one.
    pub async fn keep_identity_published(self: Arc<Self>) {
        if self.settings.identity.is_none() {
            return;
        }
        let mut pause = FIRST_PAUSE;
        loop {
            if self.supersedes().await.unwrap_or_default() {
                tracing::warn!(
                    "the chain names another key of this vault's account, and it is replaced in a minute: if another \
                     vault runs with the same account, stop one of them now; shares that were dealt to the other key \
                     have to be dealt anew"
                );
                tokio::time::sleep(SUPERSEDE_PAUSE).await;
            }
            match self.publish_identity().await {
                Ok(_) => {
                    pause = FIRST_PAUSE;
                    tokio::time::sleep(LOOK).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the vault's key is not published yet");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_the_vault_s_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        // A start that was killed half-way.
        std::fs::write(folder.path().join(format!("{FILE}#0")), "AGE-SEC").unwrap();
        let made = load(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(load(&path).unwrap().public(), made.public());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // Lost: another one, so that what was encrypted to the first stays closed.
        std::fs::remove_file(&path).unwrap();
        assert_ne!(load(&path).unwrap().public(), made.public());
    }

    #[test]
    fn a_damaged_key_is_neither_replaced_nor_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "AGE-SECRET-KEY-1DAMAGED").unwrap();
        let error = format!("{:#}", load(&path).unwrap_err());
        assert!(error.contains("restore it") && !error.contains("DAMAGED"));
        let left = std::fs::read_to_string(&path).unwrap();
        assert_eq!(left, "AGE-SECRET-KEY-1DAMAGED");
    }
}
