//! Figures for whoever keeps the vault running, as [`crate::operator`] tells them.
//!
//! Whoever looks at a dashboard need not learn who is ill. The chain tells everybody when a record
//! was anchored or opened, so that a counter which moves at that moment, or bytes that grow by a
//! file's size, tell whose file it was. So there are two kinds of figures:
//!
//! - **What the machine does** is exact and prompt: whether the chain answers, whether the disk
//!   does, blocks that rot, work that is overdue. In good times these figures stand still.
//! - **What people do** is told once a quarter of an hour, rounded down to a power of two, and as 0
//!   while it is little: [`Blurred`]. That shows how busy and how full a vault is, and nobody's visit.
//!
//! Nothing is counted that no alert, dashboard or page of the guide asks for. No label names a
//! person or an object.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use salus_primitives::{Moment, SECOND};

use crate::Clock;

/// How often figures about people are told.
pub const QUARTER: Moment = 15 * 60 * SECOND;
/// A fault that goes on is counted so often.
const AGAIN: Moment = 60 * SECOND;

const FEW_REQUESTS: u64 = 16;
const FEW_DELIVERIES: u64 = 1_024;
const FEW_OBJECTS: u64 = 1_024;
const FEW_SHARES: u64 = 64;
const FEW_BYTES: u64 = 1024 * 1024 * 1024;

/// Codes of refusals that are the machine's fault, or an attack on it, and not a person's.
const FAULTS: [&str; 3] = ["storage-unavailable", "disk-full", "foreign-binding"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// The largest power of two that is not above a value; 0 for less than `few`.
pub fn blur(value: u64, few: u64) -> u64 {
    match value {
        0 => 0,
        value if value < few => 0,
        value => 1 << value.ilog2(),
    }
}

/// A time in seconds since the Unix epoch, rounded down to a quarter of an hour.
fn blur_time(moment: Moment) -> i64 {
    signed((moment - moment % QUARTER) / SECOND)
}

/// A figure that follows from what people do. What it was when the last quarter of an hour ended is
/// told, rounded.
pub struct Blurred {
    clock: Clock,
    few: u64,
    /// Begins again at 0 with each quarter of an hour.
    counts: bool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    quarter: u64,
    value: u64,
    last: u64,
}

impl Blurred {
    fn level(clock: &Clock, few: u64) -> Self {
        Self::new(clock, few, false)
    }

    fn count(clock: &Clock, few: u64) -> Self {
        Self::new(clock, few, true)
    }

    fn new(clock: &Clock, few: u64, counts: bool) -> Self {
        let inner = Inner {
            quarter: clock() / QUARTER,
            ..Inner::default()
        };
        Self {
            clock: clock.clone(),
            few,
            counts,
            inner: Mutex::new(inner),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let quarter = (self.clock)() / QUARTER;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if quarter > inner.quarter {
            let follows = quarter == inner.quarter + 1;
            inner.last = match follows || !self.counts {
                true => inner.value,
                false => 0,
            };
            if self.counts {
                inner.value = 0;
            }
            inner.quarter = quarter;
        }
        change(&mut inner)
    }

    pub fn set(&self, value: u64) {
        self.with(|inner| inner.value = value);
    }

    pub fn inc(&self) {
        self.with(|inner| inner.value = inner.value.saturating_add(1));
    }

    /// What may be told.
    pub fn told(&self) -> u64 {
        self.with(|inner| blur(inner.last, self.few))
    }
}

pub struct Metrics {
    registry: Registry,
    clock: Clock,
    answers: [(Blurred, Gauge); 3],
    /// Sessions refused to accounts that the chain does not know in good standing.
    pub strangers: Blurred,
    /// Deliveries that the chain has not logged yet.
    pub deliveries_waiting: Blurred,
    pub unanchored_bytes: Blurred,
    /// Objects that must be here and are, as the last round found, and their bytes.
    pub copies_held: Blurred,
    pub copies_bytes: Blurred,
    pub shares_kept: Blurred,
    told: Told,
    faults: Family<Reason, Counter>,
    counted: Mutex<HashMap<&'static str, Moment>>,
    pub finality_lag_ms: Gauge,
    /// 1 if the finalized head was fresh when last asked for, else 0.
    pub chain_available: Gauge,
    /// Objects that have been missing here for a quarter of an hour.
    pub copies_missing: Gauge,
    pub copies_repaired: Counter,
    /// Copies that other vaults offered and that did not bear verification.
    pub copies_refused: Counter,
    pub blocks_damaged: Counter,
    deliveries_overdue: Gauge,
    /// When the chain last left an overdue delivery.
    overdue_at: Mutex<Option<Moment>>,
    undelivered: Gauge,
    pub round_finished: Gauge,
    pub scrub_finished: Gauge,
    /// 1 if the chain names this vault's key, else 0.
    pub identity_published: Gauge,
}

/// What [`Blurred`] figures become when they are asked for.
#[derive(Default)]
struct Told {
    strangers: Gauge,
    deliveries_waiting: Gauge,
    unanchored_bytes: Gauge,
    copies_held: Gauge,
    copies_bytes: Gauge,
    shares_kept: Gauge,
}

impl Metrics {
    pub fn new(clock: Clock) -> Self {
        let answers: Family<Outcome, Gauge> = Family::default();
        let answered = |outcome| {
            let gauge = answers.get_or_create_owned(&Outcome { outcome });
            (Blurred::count(&clock, FEW_REQUESTS), gauge)
        };
        let answered = ["served", "refused", "failed"].map(answered);
        let faults: Family<Reason, Counter> = Family::default();
        for reason in FAULTS {
            // A rise from nothing is none to Prometheus.
            drop(faults.get_or_create(&Reason { reason }));
        }
        let mut metrics = Self {
            registry: Registry::default(),
            answers: answered,
            strangers: Blurred::count(&clock, FEW_REQUESTS),
            deliveries_waiting: Blurred::level(&clock, FEW_DELIVERIES),
            unanchored_bytes: Blurred::level(&clock, FEW_BYTES),
            copies_held: Blurred::level(&clock, FEW_OBJECTS),
            copies_bytes: Blurred::level(&clock, FEW_BYTES),
            shares_kept: Blurred::level(&clock, FEW_SHARES),
            told: Told::default(),
            faults,
            counted: Mutex::default(),
            finality_lag_ms: Gauge::default(),
            chain_available: Gauge::default(),
            copies_missing: Gauge::default(),
            copies_repaired: Counter::default(),
            copies_refused: Counter::default(),
            blocks_damaged: Counter::default(),
            deliveries_overdue: Gauge::default(),
            overdue_at: Mutex::default(),
            undelivered: Gauge::default(),
            round_finished: Gauge::default(),
            scrub_finished: Gauge::default(),
            identity_published: Gauge::default(),
            clock,
        };
        metrics.register(answers);
        metrics
    }

    fn register(&mut self, answers: Family<Outcome, Gauge>) {
        let mut registry = Registry::with_prefix("salus_vault");
        registry.register(
            "answers",
            "Requests answered in the last whole quarter of an hour; a power of two",
            answers,
        );
        registry.register(
            "faults",
            "Requests that failed through no fault of who sent them; once a minute at most",
            self.faults.clone(),
        );
        for (name, help, gauge) in [
            (
                "strangers",
                "Sessions refused in the last whole quarter of an hour to accounts without standing; a power of two",
                &self.told.strangers,
            ),
            (
                "deliveries_waiting",
                "Deliveries that the chain had not logged when the last quarter of an hour ended; a power of two",
                &self.told.deliveries_waiting,
            ),
            (
                "deliveries_overdue",
                "1 if the chain has not taken a delivery within an hour, else 0",
                &self.deliveries_overdue,
            ),
            (
                "undelivered",
                "Deliveries in no trail, in the vault's folder `undelivered`; a power of two",
                &self.undelivered,
            ),
            (
                "copies_held",
                "Objects that must be here and are, when the last quarter of an hour ended; a power of two",
                &self.told.copies_held,
            ),
            (
                "copies_missing",
                "Objects that have been missing or damaged here for a quarter of an hour; a power of two",
                &self.copies_missing,
            ),
            (
                "shares_kept",
                "Shares of emergency plans that are kept here; a power of two",
                &self.told.shares_kept,
            ),
            (
                "finality_lag_ms",
                "Milliseconds from the finalized head's clock to our own, when last asked",
                &self.finality_lag_ms,
            ),
            (
                "chain_available",
                "1 if the finalized head was fresh when last asked for, else 0",
                &self.chain_available,
            ),
            (
                "identity_published",
                "1 if the chain names this vault's key, else 0",
                &self.identity_published,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        for (name, help, unit, gauge) in [
            (
                "unanchored",
                "Bytes that the chain did not name when the last quarter of an hour ended; a power of two",
                Unit::Bytes,
                &self.told.unanchored_bytes,
            ),
            (
                "copies",
                "Bytes of the objects that must be here and are; a power of two",
                Unit::Bytes,
                &self.told.copies_bytes,
            ),
            (
                "round_finished",
                "The quarter of an hour in which all patients were last gone through",
                Unit::Seconds,
                &self.round_finished,
            ),
            (
                "scrub_finished",
                "The quarter of an hour in which everything was last read",
                Unit::Seconds,
                &self.scrub_finished,
            ),
        ] {
            registry.register_with_unit(name, help, unit, gauge.clone());
        }
        for (name, help, counter) in [
            (
                "copies_repaired",
                "Objects repaired from other vaults",
                &self.copies_repaired,
            ),
            (
                "copies_refused",
                "Copies of other vaults that did not bear verification",
                &self.copies_refused,
            ),
            (
                "blocks_damaged",
                "Blocks found damaged or gone",
                &self.blocks_damaged,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        self.registry = registry;
    }

    /// A request was answered.
    pub fn answered(&self, status: StatusCode) {
        let [served, refused, failed] = &self.answers;
        let (count, _) = match status {
            status if status.is_server_error() => failed,
            status if status.is_client_error() => refused,
            _ => served,
        };
        count.inc();
    }

    /// A request was refused. Only what is the machine's own fault is counted.
    pub fn refused(&self, code: &'static str) {
        if !FAULTS.contains(&code) {
            return;
        }
        let now = (self.clock)();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = counted.get(code);
        if before.is_none_or(|before| now.saturating_sub(*before) >= AGAIN) {
            counted.insert(code, now);
            self.faults.get_or_create(&Reason { reason: code }).inc();
        }
    }

    /// The chain has just left a delivery that is overdue.
    pub fn overdue(&self) {
        let mut overdue = self
            .overdue_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *overdue = Some((self.clock)());
    }

    /// How many deliveries are in no trail.
    pub fn undelivered(&self, count: usize) {
        self.undelivered.set(signed(blur(count as u64, 1)));
    }

    /// How many objects have been missing for long.
    pub fn missing(&self, count: usize) {
        self.copies_missing.set(signed(blur(count as u64, 1)));
    }

    /// A round through all patients has ended.
    pub fn rounded(&self, objects: u64, bytes: u64, now: Moment) {
        self.copies_held.set(objects);
        self.copies_bytes.set(bytes);
        self.round_finished.set(blur_time(now));
    }

    /// Everything has been read.
    pub fn scrubbed(&self, now: Moment) {
        self.scrub_finished.set(blur_time(now));
    }

    /// OpenMetrics text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let told = &self.told;
        for (figure, gauge) in [
            (&self.strangers, &told.strangers),
            (&self.deliveries_waiting, &told.deliveries_waiting),
            (&self.unanchored_bytes, &told.unanchored_bytes),
            (&self.copies_held, &told.copies_held),
            (&self.copies_bytes, &told.copies_bytes),
            (&self.shares_kept, &told.shares_kept),
        ] {
            gauge.set(signed(figure.told()));
        }
        for (count, gauge) in &self.answers {
            gauge.set(signed(count.told()));
        }
        let overdue = *self
            .overdue_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)();
        let overdue = overdue.is_some_and(|at| now.saturating_sub(at) < QUARTER);
        self.deliveries_overdue.set(i64::from(overdue));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
