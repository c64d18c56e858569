//! The members' vaults, and whether every file lies in as many of them as it should.

use futures::future::join_all;
use salus_primitives::{OrgId, Organisation};
use serde::Serialize;

use super::{text, Client};
use crate::error::Result;
use crate::vault::{CopiesStatus, Session, Vault, VaultError};

/// One member's vault, as it describes itself.
#[derive(Clone, Debug, Serialize)]
pub struct VaultView {
    pub organisation: OrgId,
    pub name: String,
    pub url: String,
    /// Suspended organisations' vaults keep nothing for others.
    pub suspended: bool,
    /// None if it gave no answer.
    pub copies: Option<CopiesStatus>,
    /// Why there is none.
    pub error: Option<String>,
}

/// Asks every vault that the chain names, all at once. Vaults answer admins and services.
pub async fn status(client: &Client) -> Result<Vec<VaultView>> {
    let organisations = client.salus().await?.all_organisations().await?;
    let reach = client.reach().await?;
    let with_vault = organisations
        .into_iter()
        .filter(|(_, row)| !row.vault_url.is_empty());
    let asked = with_vault.map(|(organisation, row)| async move {
        let url = text(&row.vault_url);
        let vault = Vault::new(&url, organisation, client.chain.genesis(), reach);
        view(client, organisation, row, url, vault).await
    });
    Ok(join_all(asked).await)
}

async fn view(
    client: &Client,
    organisation: OrgId,
    row: Organisation,
    url: String,
    vault: std::result::Result<Vault, VaultError>,
) -> VaultView {
    let (copies, error) = match ask(client, vault).await {
        Ok(copies) => (Some(copies), None),
        Err(error) => (None, Some(error.to_string())),
    };
    VaultView {
        organisation,
        name: text(&row.name),
        url,
        suspended: row.suspended_at.is_some(),
        copies,
        error,
    }
}

async fn ask(
    client: &Client,
    vault: std::result::Result<Vault, VaultError>,
) -> std::result::Result<CopiesStatus, VaultError> {
    let vault = vault?;
    // Before anything is signed: whose vault is it, and of which chain?
    vault.info_once().await?;
    let session = Session::impatient(vault, client.key.clone()).await?;
    session.copies().await
}
