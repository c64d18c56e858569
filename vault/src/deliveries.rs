//! What was handed out, on its way to the chain: a queue on disk, so that no crash loses an entry.
//!
//! An entry leaves the queue once it is finalized. A crash between the two submits it again: an entry
//! may be on the chain twice, never not at all.
//!
//! The chain takes a batch as a whole or not at all. When it refuses one, each entry is looked at by
//! itself, so that none holds up the others. What it does not take now is put off: the allowance of the
//! patient's trail is spent, or the vault's credential has expired. What it has not taken within the day
//! for which it takes reports is moved to the folder `undelivered`, where the operator reads whom the
//! patient must be told of. The log says that there is something, and an alert.

use std::sync::Arc;
use std::time::Duration;

use salus_primitives::{AccountId, Delivery, Moment, DAY, MAX_DELIVERIES, SECOND};
use tokio::sync::Notify;

use crate::batches;
use crate::error::ApiError;
use crate::ledger::{Head, Ledger};
use crate::metrics::Metrics;
use crate::store::{Queued, Store};
use crate::Clock;

/// Entries gather for so long, so that a busy vault sends full batches.
const GATHER: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often to look for what was put off.
const LOOK: Duration = Duration::from_secs(60);
/// What the chain does not take now is offered again after so long.
const AGAIN: Moment = 10 * 60 * SECOND;
/// Longer than the hour after which a patient's trail has room again.
const LATE: Moment = 75 * 60 * SECOND;
/// The chain takes no report of an opening that is older.
const REPORTABLE: Moment = DAY;

fn is_late(queued: &Queued, now: Moment) -> bool {
    now.saturating_sub(queued.since) > LATE
}

pub struct Deliveries {
    /// The account that signs the reports.
    service: AccountId,
    ledger: Arc<dyn Ledger>,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    clock: Clock,
    more: Notify,
}

impl Deliveries {
    pub fn new(
        service: AccountId,
        ledger: Arc<dyn Ledger>,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        Self {
            service,
            ledger,
            store,
            metrics,
            clock,
            more: Notify::new(),
        }
    }

    /// On disk when it returns.
    pub async fn push(&self, delivery: &Delivery) -> Result<(), ApiError> {
        let now = (self.clock)();
        self.store.push_delivery(delivery, now, now).await?;
        self.more.notify_one();
        Ok(())
    }

    /// Submits one batch. Returns how many entries it has dealt with: the chain has taken them, or
    /// they were put off or dropped.
    pub async fn submit(&self) -> Result<usize, ApiError> {
        let now = (self.clock)();
        let (batch, waiting) = self.store.deliveries(now, MAX_DELIVERIES as usize).await?;
        self.metrics.deliveries_waiting.set(waiting as u64);
        self.metrics.undelivered(self.store.undelivered().await?);
        if batch.is_empty() {
            return Ok(0);
        }
        let count = batch.len();
        let late = batch.iter().any(|queued| is_late(queued, now));
        let done = self.deal_with(batch).await;
        if done.is_err() && late {
            self.metrics.overdue();
        }
        done.map(|()| count)
    }

    async fn deal_with(&self, batch: Vec<Queued>) -> Result<(), ApiError> {
        match self.offer(batch.clone()).await? {
            true => Ok(()),
            false => self.sort_out(batch).await,
        }
    }

    /// Has the chain take these entries, and removes them from the queue. False if it refuses them.
    async fn offer(&self, batch: Vec<Queued>) -> Result<bool, ApiError> {
        let deliveries = batch.iter().map(|queued| queued.delivery.clone()).collect();
        if !self.ledger.deliver(deliveries).await? {
            return Ok(false);
        }
        for queued in &batch {
            self.store.remove_delivery(&queued.name).await?;
        }
        Ok(true)
    }

    /// Of a batch that the chain has refused: offers anew what it may take, and puts off or drops the
    /// rest.
    async fn sort_out(&self, batch: Vec<Queued>) -> Result<(), ApiError> {
        let head = self.ledger.head().await?;
        let count = batch.len();
        let mut good = Vec::with_capacity(count);
        for queued in batch {
            let delivery = &queued.delivery;
            let may = self.ledger.may_report(head.hash, &self.service, delivery);
            match may.await? {
                true => good.push(queued),
                false => self.put_off(head, &queued).await?,
            }
        }
        let refused = good.len() == count;
        let groups = batches::by_patient(good, |queued| queued.delivery.patient);
        let left = batches::offer(groups, refused, |part| self.offer(part)).await?;
        for queued in &left {
            self.put_off(head, queued).await?;
        }
        Ok(())
    }

    /// Lets an entry wait; gives it up if it has waited for too long.
    async fn put_off(&self, head: Head, queued: &Queued) -> Result<(), ApiError> {
        let now = (self.clock)();
        if head.moment.max(now).saturating_sub(queued.since) > REPORTABLE {
            return self.give_up(queued).await;
        }
        if is_late(queued, now) {
            self.metrics.overdue();
            tracing::warn!(
                "the chain has not taken a delivery for an hour; it is offered again later"
            );
        }
        let due = now.saturating_add(AGAIN);
        self.store.put_off_delivery(queued, due).await?;
        Ok(())
    }

    async fn give_up(&self, queued: &Queued) -> Result<(), ApiError> {
        self.store.keep_undelivered(queued).await?;
        self.store.remove_delivery(&queued.name).await?;
        tracing::error!(
            "the chain will never take a delivery: it is in no trail, but in the vault's folder `undelivered`"
        );
        Ok(())
    }

    /// Submits whatever waits, for ever. What was left by the last run goes first.
    pub async fn run(self: Arc<Self>) {
        let mut pause = GATHER;
        loop {
            match self.submit().await {
                Ok(0) => {
                    pause = GATHER;
                    // Whether something came or not, something may be due.
                    let _ = tokio::time::timeout(LOOK, self.more.notified()).await;
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
