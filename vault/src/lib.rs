//! The vault of Salus: the IPFS service that keeps encrypted files and hands them out only as the
//! chain allows now, and has logged.
//!
//! It holds ciphertext, its service account's key, and a key of its own that opens nothing but shares of
//! emergency plans, of which one alone opens nothing. Everything it decides, it decides by
//! the chain's finalized head; if it cannot ask, it answers 503 and never guesses.
//!
//! - [`upload`]: objects come in as [`car`] streams, verified block by block, published when whole
//! - [`incoming`]: the uploads under way, which an erasure ends
//! - [`connections`]: how many come in, and ask how much at once
//! - [`memory`], [`patience`]: how much all requests may hold, and for how long one may be slow
//! - [`serve`]: the one rule about who may have what, and the streams that obey it
//! - [`gateway`]: blocks and CARs between members' services
//! - [`copies`]: what this vault must keep for the others, and how it gets it
//! - [`deliveries`]: what was handed out, on its way to the chain
//! - [`batches`]: what the chain takes as a whole or not at all
//! - [`sweep`]: quotas, grace period, erasure
//! - [`shares`]: this vault's shares of emergency plans, and to whom it releases them
//! - [`identity`]: the key that they are encrypted to, in a file and on the chain
//! - [`store`]: the layout on disk or S3, and what a crash may leave; [`bucket`]: what S3 must not keep
//! - [`log`]: what the log may say, and to whom figures are told: [`metrics`], [`operator`]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{header, HeaderMap};
use salus_client::files::age::DecryptionKey;
use salus_primitives::{AccountId, Moment};

pub mod batches;
pub mod bucket;
pub mod car;
pub mod chain;
pub mod config;
pub mod connections;
pub mod copies;
pub mod dag;
pub mod deliveries;
pub mod error;
pub mod gateway;
pub mod identity;
pub mod incoming;
pub mod ledger;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod operator;
pub mod patience;
pub mod reads;
pub mod serve;
pub mod server;
pub mod session;
pub mod shares;
pub mod store;
pub mod sweep;
pub mod tree;
pub mod upload;

use connections::Requests;
use copies::Copies;
use deliveries::Deliveries;
use error::ApiError;
use incoming::Incoming;
use ledger::Ledger;
use memory::Memory;
use metrics::Metrics;
use patience::Patience;
use reads::OwnReads;
use serve::Rule;
use session::{Audience, Session, Sessions};
use store::{Store, StoreError};
use sweep::{Quotas, Unanchored};

/// Milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

pub fn system_clock() -> Clock {
    Arc::new(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as Moment)
    })
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub audience: Audience,
    /// The account that logs deliveries, and whose published key is the vault's.
    pub service_account: AccountId,
    /// What shares of emergency plans are encrypted to; without it none are kept.
    pub identity: Option<DecryptionKey>,
    pub quotas: Quotas,
    /// How long an upload may wait to be named by the chain, in milliseconds.
    pub grace: Moment,
    /// The oldest finalized head that still decides, in milliseconds.
    pub freshness: Moment,
    /// The largest object, in bytes.
    pub max_upload: u64,
    /// A stream asks the chain again after so many bytes.
    pub check_every: u64,
    /// With people who send and fetch, and with other vaults.
    pub patience: Patience,
    pub patience_with_members: Patience,
    /// Bytes of the blocks that all requests together have in memory.
    pub memory: u64,
    /// A day's reads are committed within so many milliseconds after midnight, by chance.
    pub reads_delay: Moment,
}

/// One running vault.
pub struct Vault {
    pub settings: Settings,
    pub ledger: Arc<dyn Ledger>,
    pub store: Arc<Store>,
    pub sessions: Sessions,
    pub rule: Rule,
    pub memory: Arc<Memory>,
    pub requests: Requests,
    pub incoming: Arc<Incoming>,
    pub unanchored: Arc<Unanchored>,
    pub deliveries: Arc<Deliveries>,
    pub reads: Arc<OwnReads>,
    pub copies: Copies,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
}

impl Vault {
    /// Recovers the store from whatever ended the last run.
    pub async fn open(
        settings: Settings,
        ledger: Arc<dyn Ledger>,
        store: Store,
        clock: Clock,
    ) -> Result<Arc<Self>, StoreError> {
        let store = Arc::new(store);
        let metrics = Arc::new(Metrics::new(clock.clone()));
        let unanchored = Arc::new(Unanchored::new(settings.quotas, metrics.clone()));
        unanchored.restore(store.recover().await?);
        Ok(Arc::new(Self {
            rule: Rule::new(
                ledger.clone(),
                clock.clone(),
                settings.freshness,
                metrics.clone(),
            ),
            reads: Arc::new(OwnReads::new(
                settings.audience.organisation,
                settings.reads_delay,
                ledger.clone(),
                store.clone(),
                clock.clone(),
            )),
            deliveries: Arc::new(Deliveries::new(
                settings.service_account.clone(),
                ledger.clone(),
                store.clone(),
                metrics.clone(),
                clock.clone(),
            )),
            memory: Arc::new(Memory::new(settings.memory)),
            requests: Requests::default(),
            incoming: Arc::default(),
            copies: Copies::default(),
            sessions: Sessions::default(),
            settings,
            ledger,
            store,
            unanchored,
            metrics,
            clock,
        }))
    }

    /// The session whose token a request bears.
    pub fn session(&self, headers: &HeaderMap) -> Result<Arc<Session>, ApiError> {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, token)| self.sessions.find(token.trim(), (self.clock)()))
            .ok_or_else(ApiError::no_session)
    }

    /// Logs and counts an account that the chain does not know in good standing: it cannot reach
    /// the chain's own log.
    pub fn stranger(&self, account: &AccountId) -> ApiError {
        self.metrics.strangers.inc();
        tracing::warn!(%account, "turned away: not in good standing");
        ApiError::not_in_standing()
    }
}
