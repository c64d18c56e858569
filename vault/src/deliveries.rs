//! What was handed out, on its way to the chain: a queue on disk, so that no crash loses an entry.
//!
//! An entry leaves the queue once it is finalized. A crash between the two submits it again: an entry
//! may be on the chain twice, never not at all.

use std::sync::Arc;
use std::time::Duration;

use rand::RngCore;
use salus_primitives::{Delivery, MAX_DELIVERIES};
use tokio::sync::Notify;

use crate::error::ApiError;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::Clock;

/// Entries gather for so long, so that a busy vault sends full batches.
const GATHER: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

pub struct Deliveries {
    ledger: Arc<dyn Ledger>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    clock: Clock,
    more: Notify,
}

impl Deliveries {
    pub fn new(
        ledger: Arc<dyn Ledger>,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        Self {
            ledger,
            store,
            metrics,
            clock,
            more: Notify::new(),
        }
    }

    /// On disk when it returns.
    pub async fn push(&self, delivery: Delivery) -> Result<(), ApiError> {
        let name = format!(
            "{:020}-{:016x}",
            (self.clock)(),
            rand::rngs::OsRng.next_u64()
        );
        self.store.push_delivery(&name, &delivery).await?;
        self.metrics.deliveries_waiting.inc();
        self.more.notify_one();
        Ok(())
    }

    /// Submits one batch. Returns how many entries the chain has taken.
    pub async fn submit(&self) -> Result<usize, ApiError> {
        let (batch, waiting) = self.store.deliveries(MAX_DELIVERIES as usize).await?;
        self.metrics
            .deliveries_waiting
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
        if batch.is_empty() {
            return Ok(0);
        }
        let (names, batch): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        self.ledger.deliver(batch).await?;
        for name in &names {
            self.store.remove_delivery(name).await?;
            self.metrics.deliveries.inc();
            self.metrics.deliveries_waiting.dec();
        }
        Ok(names.len())
    }

    /// Submits whatever waits, for ever. What was left by the last run goes first.
    pub async fn run(self: Arc<Self>) {
        let mut pause = GATHER;
        loop {
            match self.submit().await {
                Ok(0) => {
                    pause = GATHER;
                    self.more.notified().await;
                    tokio::time::sleep(GATHER).await;
                }
                Ok(_) => pause = GATHER,
                Err(error) => {
                    tracing::warn!(%error, "deliveries could not be logged; they stay in the queue");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}
