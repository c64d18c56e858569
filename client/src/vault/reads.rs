//! The log of a patient's own reads, from the vault that keeps it.

use reqwest::Method;
use salus_primitives::PatientId;

use super::{at_most, Result, Session, VaultError};
use crate::files::reads::{Told, MAX_TOLD};

impl Session<'_> {
    /// What was read at this vault by who acts for the patient: for owners and deciders.
    pub async fn reads(&self, patient: PatientId) -> Result<Told> {
        let path = format!("/v1/patients/{patient}/reads");
        let unreadable = |reason: String| VaultError::Unreadable {
            what: "the log of own reads".into(),
            reason,
        };
        let response = self.request(Method::GET, &path, |request| request).await?;
        let bytes = at_most(response, MAX_TOLD as u64)
            .await
            .map_err(unreadable)?;
        Told::from_bytes(&bytes).map_err(|error| unreadable(error.to_string()))
    }
}
