//! What the vault tells its own operator, on a listener of its own. It is bound to this machine's
//! loopback, whatever the settings: figures are nobody else's business.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::Router;

use crate::error::ApiError;
use crate::Vault;

pub fn router(vault: Arc<Vault>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .fallback(|| async { ApiError::no_such_route() })
        .with_state(vault)
}

/// Prometheus metrics.
async fn metrics(State(vault): State<Arc<Vault>>) -> Result<Response, ApiError> {
    let text = vault
        .figures()
        .map_err(|_| ApiError::storage_unavailable())?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

impl Vault {
    /// Everything that [`crate::metrics`] tells, as OpenMetrics text.
    pub fn figures(&self) -> Result<String, std::fmt::Error> {
        let long_missing = self.copies.long_missing((self.clock)());
        self.metrics.missing(long_missing);
        self.metrics.encode()
    }
}
