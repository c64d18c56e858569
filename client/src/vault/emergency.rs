//! Shares of emergency plans: to a vault, and from it.

use bytes::Bytes;
use reqwest::{header, Method};
use salus_primitives::{GlassIndex, OrgId, PatientId};
use serde::Deserialize;

use super::{small, Result, Session, Vault, VaultError};

/// A share in its age file.
pub const MAX_SHARE: u64 = 4 * 1024;

/// Whose key a vault's shares are encrypted to, as the vault says. Believe only the chain.
#[derive(Clone, Debug, Deserialize)]
pub struct Identity {
    pub organisation: OrgId,
    /// The service account.
    pub account: String,
    pub recipient: String,
}

impl Vault {
    pub async fn identity(&self) -> Result<Identity> {
        let path = "/v1/identity";
        let response = self.send(self.client.get(self.url.at(path))).await?;
        let identity: Identity = self.json(path, response).await?;
        match identity.organisation == self.organisation {
            true => Ok(identity),
            false => Err(VaultError::WrongVault {
                url: self.url.origin().into(),
                reason: format!(
                    "it belongs to organisation {}, not {}",
                    identity.organisation, self.organisation
                ),
            }),
        }
    }
}

impl Session<'_> {
    /// Gives a vault its share of the patient's plan, encrypted to its key. The plan must be final.
    pub async fn deal(&self, patient: PatientId, sealed: Vec<u8>) -> Result<()> {
        let path = format!("/v1/patients/{patient}/emergency-share");
        let body = Bytes::from(sealed);
        self.request(Method::PUT, &path, |request| {
            request
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .body(body.clone())
        })
        .await?;
        Ok(())
    }

    /// A vault's share, encrypted to this account, which has broken the glass.
    pub async fn share(&self, patient: PatientId, glass: GlassIndex) -> Result<Vec<u8>> {
        let path = format!("/v1/patients/{patient}/emergency-share?glass={glass}");
        let response = self.request(Method::GET, &path, |request| request).await?;
        small(response)
            .await
            .map_err(|reason| VaultError::Unreadable {
                what: "a share".into(),
                reason,
            })
    }
}
