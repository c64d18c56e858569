//! Reading everything, slowly: disks forget without telling.

use std::collections::HashSet;
use std::time::Duration;

use futures::TryStreamExt;

use super::copier::Copier;
use crate::dag;
use crate::error::ApiError;
use crate::store::{ObjectId, StoreError, KINDS};

impl Copier {
    /// Reads every block of every object here, at the pace of the settings. What does not have the
    /// hash it is named by is noted in the store, for repair.
    pub async fn scrub(&self) -> Result<(), ApiError> {
        for kind in KINDS {
            let mut roots = std::pin::pin!(self.vault.store.roots(kind));
            while let Some(id) = roots.try_next().await? {
                self.scrub_object(&id).await?;
            }
        }
        self.vault.metrics.scrubbed((self.vault.clock)());
        Ok(())
    }

    async fn scrub_object(&self, id: &ObjectId) -> Result<(), ApiError> {
        let store = &self.vault.store;
        let mut stack = vec![id.1];
        let mut seen = HashSet::new();
        while let Some(cid) = stack.pop() {
            if !seen.insert(cid) {
                continue;
            }
            match store.block(id, &cid).await {
                Ok(block) => {
                    stack.extend(dag::children(&cid, &block));
                    self.pace(block.len()).await;
                }
                // It may have been deleted meanwhile, with its root.
                Err(StoreError::Missing { .. }) if store.root(id).await?.is_none() => break,
                Err(StoreError::Missing { .. }) => store.doubt(id, &cid),
                Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads no faster than the settings say, so that people do not wait for it.
    async fn pace(&self, bytes: usize) {
        let nanos = (bytes as u64).saturating_mul(1_000_000_000);
        if let Some(nanos) = nanos.checked_div(self.pace.scrub_rate) {
            tokio::time::sleep(Duration::from_nanos(nanos)).await;
        }
    }
}
