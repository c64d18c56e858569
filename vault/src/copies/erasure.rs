//! Erased records: their files go, and the organisation says so on the chain.

use salus_primitives::{ObjectKind, PatientId, RecordIndex, MAX_ERASURES};

use super::copier::Copier;
use crate::batches;
use crate::error::ApiError;
use crate::store::ObjectId;

type Erasure = (PatientId, RecordIndex);

impl Copier {
    /// Deletes and confirms one batch of what was erased. Returns how many the chain has taken.
    ///
    /// Also a vault that never had the file confirms: the patient counts confirmations, not copies.
    /// A patient of whom the chain takes no more now holds up no other: the next round comes back.
    pub async fn confirm(&self) -> Result<usize, ApiError> {
        let copies = &self.vault.copies;
        let mut batch = Vec::new();
        for (patient, record) in copies.erasures(MAX_ERASURES as usize) {
            if self.clear(patient, record).await? {
                batch.push((patient, record));
            }
        }
        let count = batch.len();
        let groups = batches::by_patient(batch, |erasure| erasure.0);
        let left = batches::offer(groups, false, |part| self.tell(part)).await?;
        for erasure in &left {
            copies.leave(*erasure);
        }
        Ok(count - left.len())
    }

    /// Has the chain take these confirmations. False if it refuses them.
    async fn tell(&self, batch: Vec<Erasure>) -> Result<bool, ApiError> {
        if !self.vault.ledger.confirm_erasures(batch.clone()).await? {
            return Ok(false);
        }
        for erasure in &batch {
            self.vault.copies.confirmed(*erasure);
        }
        Ok(true)
    }

    /// Leaves no file of an erased record here, whichever it named. Says whether that must be confirmed.
    async fn clear(&self, patient: PatientId, record: RecordIndex) -> Result<bool, ApiError> {
        let vault = &self.vault;
        let head = vault.rule.head().await?;
        let row = vault.ledger.record(head.hash, patient, record).await?;
        let Some(row) = row.filter(|row| row.is_erased(head.moment)) else {
            vault.copies.confirmed((patient, record));
            return Ok(false);
        };
        let former = vault
            .ledger
            .former_contents(head.hash, patient, record)
            .await?;
        for content in former.into_iter().chain([row.content]) {
            let id: ObjectId = (ObjectKind::Record, content);
            vault.copies.done(&id);
            if vault.store.root(&id).await?.is_some() && !vault.delete_erased(id, patient).await? {
                // Someone has it in hand.
                vault.copies.leave((patient, record));
                return Ok(false);
            }
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
