//! What the vault answers when it does not answer with an object.

use axum::http::{header, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::LedgerError;
use crate::store::StoreError;

/// The body of every error.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct ErrorBody {
    /// For programs: a short word in kebab-case.
    pub error: String,
    /// For people: what failed, on what, and what to do next.
    pub message: String,
}

/// A refusal: status, code for programs, and words for people.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// The length of the part, for 416.
    length: Option<u64>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            length: None,
        }
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    pub fn no_session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "no-session",
            "no valid token came with the request, or it has expired: \
             POST /v1/session, then send `Authorization: Bearer <token>`",
        )
    }

    pub fn bad_challenge(what: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "bad-challenge",
            format!("the challenge was not accepted: {what}; compose a new one and sign it"),
        )
    }

    /// Strangers, suspended members, expired credentials.
    pub fn not_in_standing() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-in-standing",
            "the chain does not name this account as a member in good standing or as a controller of a \
             patient: ask the organisation's admin to credential it",
        )
    }

    pub fn members_only() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "services-only",
            "the gateway serves service accounts of active organisations only: people fetch objects by \
             their place on the chain, under /v1",
        )
    }

    pub fn peers_only() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "peers-only",
            "how a vault stands is told to the admins and services of organisations in good standing: \
             sign in as one of them",
        )
    }

    /// One body for "absent" and "not permitted", so that nobody learns which.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "nothing here that this account may have now: check the address; unless you control the patient, \
             open first and name a finalized entry of at most 15 minutes in `Salus-Opened: <block hash>:<event index>`",
        )
    }

    /// Where to go instead, if anywhere.
    pub fn not_a_keeper(vaults: &[String]) -> Self {
        let elsewhere = match vaults {
            [] => {
                "no member's vault keeps them now: ask the organisation that enrolled the patient"
                    .into()
            }
            vaults => format!("ask {}", vaults.join(" or ")),
        };
        Self::new(
            StatusCode::GONE,
            "not-a-keeper",
            format!(
                "the chain names other vaults than this one to keep this patient's files, and takes no report of a \
                 delivery from it, so it hands out none: {elsewhere}"
            ),
        )
    }

    pub fn not_reportable() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "not-reportable",
            "the chain takes no reports of deliveries from this vault's service account, so nothing was handed out: \
             use another vault; the operator has the account credentialed as a service",
        )
    }

    pub fn no_such_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-route",
            "the vault has no such address: see /openapi.json",
        )
    }

    pub fn not_a_decider() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-a-decider",
            "only an owner or a guardian of the patient deals the shares of an emergency plan, and sees the log of \
             own reads: sign in with that account",
        )
    }

    pub fn not_a_share() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "not-a-share",
            "the body is no share that this vault can open: send an age file to the key that the chain names \
             for the account in GET /v1/identity",
        )
    }

    pub fn not_in_the_plan() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "not-in-the-plan",
            "the patient's emergency plan on the finalized chain names no such share of this organisation: \
             set the plan first, wait until that is final, then send the share",
        )
    }

    /// One body whatever is missing, so that nobody learns it.
    pub fn no_release() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-permitted",
            "this account gets no share of this patient's plan: break the glass, wait until that is final, and \
             name that glass, while it lasts",
        )
    }

    pub fn no_share() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-share",
            "the vault keeps no share that opens what this glass was broken for: the plan was changed since, or its \
             share never came here; ask the vaults of the other organisations that the plan names",
        )
    }

    pub fn no_key() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "no-key",
            "this account has published no key that the share could be encrypted to: publish one with \
             `salus clinician publish`, then ask again",
        )
    }

    pub fn no_inbox() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "no-inbox",
            "the patient has no key that the log of own reads could be encrypted to, so nothing was handed out: set one \
             with `salus keyring renew`, then ask again",
        )
    }

    pub fn no_identity() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-identity",
            "this vault has no key of its own and keeps no shares of emergency plans: choose another \
             organisation, or tell the operator to name a file with --identity-file",
        )
    }

    pub fn upload_in_progress() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "upload-in-progress",
            "this object is being stored or deleted at this moment: wait for that to end, then try again",
        )
    }

    /// The memory for blocks is taken, and others wait for it, too.
    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the vault has as much in hand as it can: try again shortly, or use another vault",
        )
    }

    /// Who has as many requests under way as one may.
    pub fn too_many(who: &str, most: usize) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            format!("{who} has {most} requests under way here: wait until one of them has ended"),
        )
    }

    pub fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "too little arrived for too long, and nothing of it was kept: check the network, then send it again",
        )
    }

    /// Whether whoever sent an object did not go on.
    pub fn is_of_sender(&self) -> bool {
        matches!(self.code, "too-slow" | "interrupted")
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    pub fn unsatisfiable(length: u64) -> Self {
        Self {
            length: Some(length),
            ..Self::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                format!("the part has {length} bytes: ask for a range within it"),
            )
        }
    }

    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    pub fn quota(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "quota", message)
    }

    /// The chain cannot be asked, or its answer would be old: never a guess.
    pub fn chain_unavailable(what: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "chain-unavailable",
            format!("the vault decides by the chain and cannot now: {what}; try again shortly"),
        )
    }

    pub fn storage_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "storage-unavailable",
            "the vault could not reach its own storage: try again shortly; the operator finds the cause in the log",
        )
    }

    pub fn disk_full() -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "disk-full",
            "the vault's disk is full: nothing new was kept and nothing was lost; tell the operator, \
             or use another vault",
        )
    }

    pub fn damaged() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "damaged",
            "a stored block no longer has the hash it is named by and is not handed out: its author can upload \
             the same object again to repair it",
        )
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        tracing::warn!(%error, "the chain could not be asked");
        Self::chain_unavailable("its node is unreachable")
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::disk_full(),
            StoreError::Damaged { .. } => {
                tracing::error!(%error, "damaged block");
                Self::damaged()
            }
            StoreError::Missing { .. } | StoreError::Unavailable(_) | StoreError::Keeps(_) => {
                tracing::error!(%error, "storage failed");
                Self::storage_unavailable()
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: self.code.into(),
            message: self.message,
        };
        let mut response = (self.status, Json(body)).into_response();
        response
            .extensions_mut()
            .insert(crate::server::Refusal(self.code));
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(length) = self.length {
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
                headers.insert(header::CONTENT_RANGE, value);
            }
        }
        response
    }
}
