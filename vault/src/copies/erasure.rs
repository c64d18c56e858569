//! Erased records: their files go, and the organisation says so on the chain.

use salus_primitives::{PatientId, RecordIndex, MAX_ERASURES};

use super::copier::Copier;
use crate::error::ApiError;
use crate::store::ObjectId;

impl Copier {
    /// Deletes and confirms one batch of what was erased. Returns how many the chain has taken.
    ///
    /// Also a vault that never had the file confirms: the patient counts confirmations, not copies.
    pub async fn confirm(&self) -> Result<usize, ApiError> {
        let copies = &self.vault.copies;
        let mut batch = Vec::new();
        for (patient, record) in copies.erasures(MAX_ERASURES as usize) {
            if self.clear(patient, record).await? {
                batch.push((patient, record));
            }
        }
        if batch.is_empty() {
            return Ok(0);
        }
        self.vault.ledger.confirm_erasures(batch.clone()).await?;
        for erasure in &batch {
            copies.confirmed(*erasure);
            self.vault.metrics.erasures_confirmed.inc();
        }
        Ok(batch.len())
    }

    /// Leaves no file of an erased record here. Says whether that must be confirmed.
    async fn clear(&self, patient: PatientId, record: RecordIndex) -> Result<bool, ApiError> {
        let vault = &self.vault;
        let head = vault.rule.head().await?;
        let row = vault.ledger.record(head.hash, patient, record).await?;
        let Some(row) = row.filter(|row| row.is_erased(head.moment)) else {
            vault.copies.confirmed((patient, record));
            return Ok(false);
        };
        let id: ObjectId = (salus_primitives::ObjectKind::Record, row.content);
        vault.copies.done(&id);
        if vault.store.root(&id).await?.is_some() && !vault.delete_erased(id, patient).await? {
            // Someone has it in hand, or another record needs it.
            vault.copies.leave((patient, record));
            return Ok(false);
        }
        let confirmed = vault
            .ledger
            .confirmations(head.hash, patient, record)
            .await?;
        if confirmed.contains(&vault.settings.audience.organisation) {
            vault.copies.confirmed((patient, record));
            return Ok(false);
        }
        Ok(true)
    }
}
