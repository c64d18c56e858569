//! Counters for `/metrics`. No label ever names a person or an object.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use salus_primitives::{Moment, SECOND};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Answered {
    pub method: String,
    pub status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Reason {
    pub reason: &'static str,
}

pub struct Metrics {
    registry: Registry,
    pub requests: Family<Answered, Counter>,
    /// Refusals by error code: strangers and the suspended are `not-in-standing`.
    pub refusals: Family<Reason, Counter>,
    pub sessions: Counter,
    pub uploaded_bytes: Counter,
    pub served_bytes: Counter,
    pub gateway_fetches: Counter,
    pub streams_cut: Counter,
    pub deliveries: Counter,
    pub deliveries_waiting: Gauge,
    /// Handed out, and in no trail: the chain will never take them.
    pub deliveries_dropped: Counter,
    pub unanchored_bytes: Gauge,
    pub swept: Counter,
    pub finality_lag_ms: Gauge,
    /// 1 if the finalized head was fresh when last asked for, else 0.
    pub chain_available: Gauge,
    /// Objects that must be here and are, as the last round found.
    pub copies_held: Gauge,
    pub copies_bytes: Gauge,
    /// Objects that must be here and are not, or are damaged.
    pub copies_missing: Gauge,
    pub copies_fetched: Counter,
    pub copies_repaired: Counter,
    /// Copies that other vaults offered and that did not bear verification.
    pub copies_refused: Counter,
    pub blocks_damaged: Counter,
    pub erasures_confirmed: Counter,
    pub round_finished: Gauge,
    pub scrub_finished: Gauge,
    /// Shares of emergency plans that are kept here, when last counted.
    pub shares_kept: Gauge,
    pub shares_stored: Counter,
    /// Shares handed to clinicians who have broken a glass.
    pub shares_released: Counter,
    /// Shares whose plan was changed or removed.
    pub shares_deleted: Counter,
    /// 1 if the chain names this vault's key, else 0.
    pub identity_published: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("salus_vault");
        let metrics = Self {
            requests: Family::default(),
            refusals: Family::default(),
            sessions: Counter::default(),
            uploaded_bytes: Counter::default(),
            served_bytes: Counter::default(),
            gateway_fetches: Counter::default(),
            streams_cut: Counter::default(),
            deliveries: Counter::default(),
            deliveries_waiting: Gauge::default(),
            deliveries_dropped: Counter::default(),
            unanchored_bytes: Gauge::default(),
            swept: Counter::default(),
            finality_lag_ms: Gauge::default(),
            chain_available: Gauge::default(),
            copies_held: Gauge::default(),
            copies_bytes: Gauge::default(),
            copies_missing: Gauge::default(),
            copies_fetched: Counter::default(),
            copies_repaired: Counter::default(),
            copies_refused: Counter::default(),
            blocks_damaged: Counter::default(),
            erasures_confirmed: Counter::default(),
            round_finished: Gauge::default(),
            scrub_finished: Gauge::default(),
            shares_kept: Gauge::default(),
            shares_stored: Counter::default(),
            shares_released: Counter::default(),
            shares_deleted: Counter::default(),
            identity_published: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("refusals", "Requests refused", metrics.refusals.clone());
        registry.register("sessions", "Sessions begun", metrics.sessions.clone());
        registry.register_with_unit(
            "uploaded",
            "Bytes of published objects",
            Unit::Bytes,
            metrics.uploaded_bytes.clone(),
        );
        registry.register_with_unit(
            "served",
            "Bytes handed out",
            Unit::Bytes,
            metrics.served_bytes.clone(),
        );
        registry.register(
            "gateway_fetches",
            "Fetches through the trustless gateway",
            metrics.gateway_fetches.clone(),
        );
        registry.register(
            "streams_cut",
            "Downloads ended because the right to them ended or a block was damaged",
            metrics.streams_cut.clone(),
        );
        registry.register(
            "deliveries",
            "Deliveries that the chain has logged",
            metrics.deliveries.clone(),
        );
        registry.register(
            "deliveries_waiting",
            "Deliveries that the chain has not logged yet",
            metrics.deliveries_waiting.clone(),
        );
        registry.register(
            "deliveries_dropped",
            "Deliveries that the chain refused for ever; the log names each",
            metrics.deliveries_dropped.clone(),
        );
        registry.register_with_unit(
            "unanchored",
            "Bytes that the chain does not name",
            Unit::Bytes,
            metrics.unanchored_bytes.clone(),
        );
        registry.register("swept", "Objects deleted", metrics.swept.clone());
        registry.register(
            "finality_lag_ms",
            "Milliseconds from the finalized head's clock to our own, when last asked",
            metrics.finality_lag_ms.clone(),
        );
        registry.register(
            "chain_available",
            "1 if the finalized head was fresh when last asked for, else 0",
            metrics.chain_available.clone(),
        );
        registry.register(
            "copies_held",
            "Objects that must be here and are, as the last round found",
            metrics.copies_held.clone(),
        );
        registry.register(
            "copies_missing",
            "Objects that must be here and are not, or are damaged",
            metrics.copies_missing.clone(),
        );
        registry.register(
            "copies_fetched",
            "Objects fetched from other vaults",
            metrics.copies_fetched.clone(),
        );
        registry.register(
            "copies_repaired",
            "Objects repaired from other vaults",
            metrics.copies_repaired.clone(),
        );
        registry.register(
            "copies_refused",
            "Copies of other vaults that did not bear verification",
            metrics.copies_refused.clone(),
        );
        registry.register(
            "blocks_damaged",
            "Blocks found damaged or gone",
            metrics.blocks_damaged.clone(),
        );
        registry.register(
            "erasures_confirmed",
            "Erasures confirmed on the chain",
            metrics.erasures_confirmed.clone(),
        );
        registry.register_with_unit(
            "copies",
            "Bytes of the objects that must be here and are",
            Unit::Bytes,
            metrics.copies_bytes.clone(),
        );
        for (name, help, gauge) in [
            (
                "round_finished",
                "When all patients were last gone through",
                &metrics.round_finished,
            ),
            (
                "scrub_finished",
                "When everything was last read",
                &metrics.scrub_finished,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, gauge.clone());
        }
        for (name, help, counter) in [
            (
                "shares_stored",
                "Shares of emergency plans taken in",
                &metrics.shares_stored,
            ),
            (
                "shares_released",
                "Shares handed to clinicians who have broken a glass",
                &metrics.shares_released,
            ),
            (
                "shares_deleted",
                "Shares deleted because their plan was changed or removed",
                &metrics.shares_deleted,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "shares_kept",
            "Shares of emergency plans that are kept here, when last counted",
            metrics.shares_kept.clone(),
        );
        registry.register(
            "identity_published",
            "1 if the chain names this vault's key, else 0",
            metrics.identity_published.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// A round through all patients has ended.
    pub fn rounded(&self, objects: u64, bytes: u64, now: Moment) {
        self.copies_held.set(signed(objects));
        self.copies_bytes.set(signed(bytes));
        self.round_finished.set(signed(now / SECOND));
    }

    /// Everything has been read.
    pub fn scrubbed(&self, now: Moment) {
        self.scrub_finished.set(signed(now / SECOND));
    }

    /// OpenMetrics text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
