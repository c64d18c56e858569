//! What was handed out, on its way to the chain: a queue on disk, so that no crash loses an entry.
//!
//! What one opening lets its reader have is noted once, however often and in however many pieces it is
//! fetched. In the queue readers take turns: nobody's many entries hold up another's few.
//!
//! An entry leaves the queue once it is finalized. A crash between the two submits it again: an entry
//! may be on the chain twice, never not at all.
//!
//! The chain takes a batch as a whole or not at all. When it refuses one, each entry is looked at by
//! itself, so that none holds up the others. What it does not take now is put off: the allowance of the
//! patient's trail is spent, or the vault's credential has expired. What it has not taken within the day
//! for which it takes reports is moved to the folder `undelivered`, where the operator reads whom the
//! patient must be told of. The log says that there is something, and an alert.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use salus_primitives::{
    AccountId, Delivery, GrantIndex, Moment, Part, PatientId, RecordIndex, DAY, MAX_DELIVERIES,
    SECOND,
};
use tokio::sync::Notify;

use crate::batches;
use crate::error::ApiError;
use crate::ledger::{EntryId, Head, Ledger};
use crate::metrics::Metrics;
use crate::store::{reader_tag, Due, Queued, Store};
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

/// What was noted is remembered for at least so long: longer than an opening lets in.
const REMEMBERED: Moment = 20 * 60 * SECOND;
/// Or until there is so much of it. Then it may be noted again.
const MAX_NOTED: usize = 50_000;
/// Deliveries to one reader that may wait. Beyond, nothing more is handed out.
const MAX_WAITING: usize = 1_024;
/// Readings that are noted at the same time do not wait for each other, mostly.
const LANES: usize = 64;

/// What was handed out, and the opening that allowed it.
type Given = (AccountId, PatientId, GrantIndex, RecordIndex, Part, EntryId);

fn given(delivery: &Delivery, opening: EntryId) -> Given {
    let Delivery {
        patient,
        reader,
        grant,
        record,
        part,
    } = delivery.clone();
    (reader, patient, grant, record, part, opening)
}

/// What was noted lately.
#[derive(Default)]
struct Noted {
    since: Moment,
    now: HashSet<Given>,
    before: HashSet<Given>,
}

impl Noted {
    fn insert(&mut self, given: Given, now: Moment) {
        if now.saturating_sub(self.since) > REMEMBERED || self.now.len() >= MAX_NOTED {
            self.before = std::mem::take(&mut self.now);
            self.since = now;
        }
        self.now.insert(given);
    }

    fn contains(&self, given: &Given) -> bool {
        self.now.contains(given) || self.before.contains(given)
    }
}

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
    noted: Mutex<Noted>,
    lanes: Vec<tokio::sync::Mutex<()>>,
    /// How much waits, by [`reader_tag`].
    waiting: Mutex<HashMap<String, usize>>,
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
            noted: Mutex::default(),
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::default()).collect(),
            waiting: Mutex::default(),
        }
    }

    /// Whether this was noted for this opening: what follows of a download needs no more.
    pub fn is_noted(&self, delivery: &Delivery, opening: EntryId) -> bool {
        lock(&self.noted).contains(&given(delivery, opening))
    }

    /// Notes what an opening lets its reader have, once. On disk when it returns. Error: 429 if too
    /// much waits for this reader.
    pub async fn note(&self, delivery: &Delivery, opening: EntryId) -> Result<(), ApiError> {
        // Of two requests at once, the second goes on when the first has it on the disk.
        let reader: &[u8; 32] = delivery.reader.as_ref();
        let _lane = self.lanes[usize::from(reader[0]) % LANES].lock().await;
        if self.is_noted(delivery, opening) {
            return Ok(());
        }
        let tag = reader_tag(&delivery.reader);
        if lock(&self.waiting)
            .get(&tag)
            .is_some_and(|count| *count >= MAX_WAITING)
        {
            return Err(ApiError::quota(format!(
                "{MAX_WAITING} deliveries to this account wait to be logged on the chain: try again in a while"
            )));
        }
        self.push(delivery).await?;
        lock(&self.noted).insert(given(delivery, opening), (self.clock)());
        Ok(())
    }

    /// On disk when it returns.
    pub async fn push(&self, delivery: &Delivery) -> Result<(), ApiError> {
        let now = (self.clock)();
        self.store.push_delivery(delivery, now, now).await?;
        let tag = reader_tag(&delivery.reader);
        *lock(&self.waiting).entry(tag).or_default() += 1;
        self.more.notify_one();
        Ok(())
    }

    /// Submits one batch. Returns how many entries it has dealt with: the chain has taken them, or
    /// they were put off or dropped.
    pub async fn submit(&self) -> Result<usize, ApiError> {
        let now = (self.clock)();
        let Due { batch, waiting } = self.store.deliveries(now, MAX_DELIVERIES as usize).await?;
        let all: usize = waiting.values().sum();
        *lock(&self.waiting) = waiting;
        self.metrics.deliveries_waiting.set(all as u64);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
