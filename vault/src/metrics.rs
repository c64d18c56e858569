//! Counters for `/metrics`. No label ever names a person or an object.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

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
    pub unanchored_bytes: Gauge,
    pub swept: Counter,
    pub finality_lag_ms: Gauge,
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
            unanchored_bytes: Gauge::default(),
            swept: Counter::default(),
            finality_lag_ms: Gauge::default(),
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

    /// OpenMetrics text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
