//! Erased records: their files go, and the organisation says so on the chain.

use salus_primitives::{ObjectKind, PatientId, RecordIndex, MAX_ERASURES};

use super::copier::Copier;
use crate::batches;
use crate::error::ApiError;
use crate::incoming::Claim;
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
        let mut gone = Vec::new();
        for (patient, record) in copies.erasures(MAX_ERASURES as usize) {
            if let Some(files) = self.clear(patient, record).await? {
                batch.push((patient, record));
                gone.extend(files);
            }
        }
        if !batch.is_empty() {
            self.vault.store.ensure_gone(&gone).await?;
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

    /// Leaves no file of an erased record here, whichever it named. Returns them if that must be
    /// confirmed.
    async fn clear(
        &self,
        patient: PatientId,
        record: RecordIndex,
    ) -> Result<Option<Vec<ObjectId>>, ApiError> {
        let vault = &self.vault;
        let head = vault.rule.head().await?;
        let row = vault.ledger.record(head.hash, patient, record).await?;
        let Some(row) = row.filter(|row| row.is_erased(head.moment)) else {
            vault.copies.confirmed((patient, record));
            return Ok(None);
        };
        let former = vault
            .ledger
            .former_contents(head.hash, patient, record)
            .await?;
        let contents = former.into_iter().chain([row.content]);
        let files: Vec<ObjectId> = contents
            .map(|content| (ObjectKind::Record, content))
            .collect();
        for id in files.iter().copied() {
            vault.copies.done(&id);
            let claim = Claim {
                kind: ObjectKind::Record,
                patient,
                author: row.placed_by.clone(),
                root: Some(id.1),
            };
            if !vault.incoming.end(&claim).await {
                vault.copies.leave((patient, record));
                return Ok(None);
            }
            if vault.store.root(&id).await?.is_some() && !vault.delete_erased(id, patient).await? {
                // Someone has it in hand.
                vault.copies.leave((patient, record));
                return Ok(None);
            }
        }
        let confirmed = vault
            .ledger
            .confirmations(head.hash, patient, record)
            .await?;
        if confirmed.contains(&vault.settings.audience.organisation) {
            vault.copies.confirmed((patient, record));
            return Ok(None);
        }
        Ok(Some(files))
    }
}
