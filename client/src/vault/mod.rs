//! A vault, as its users see it: sign in, upload an object, fetch one and verify every byte of it.
//!
//! A vault is not trusted with anything but availability. What it sends is compared with the CID
//! that the chain names: the directory's block first, then the binding, then each file.

mod address;
mod emergency;
mod object;
mod reads;
mod sending;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    borrow::Cow,
    future::Future,
    ops::Range,
    pin::Pin,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex, Once, PoisonError,
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::StreamExt;
use reqwest::{header, redirect, Body, Client, Method, RequestBuilder, Response};
use salus_primitives::{AccountId, Cid, Genesis, Moment, OrgId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::AsyncRead;
use zeroize::Zeroizing;

pub use address::{Reach, VaultUrl};
pub use emergency::{Identity, MAX_SHARE};
pub use object::{verify, File, Location, Object, Opened, Pieces, MAX_BODY};
pub use sending::CarSink;

use crate::{
    chain::events::cid_text,
    files::{car::MEDIA_TYPE, unixfs},
    keys::{random_16, AccountKey, SessionChallenge},
};
use address::Resolver;
use object::ensure_same;

pub type Result<T> = std::result::Result<T, VaultError>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A challenge lives for so long. Vaults accept at most five minutes: half of it lets a clock be off
/// by as much in either direction.
const CHALLENGE_LIFETIME: Moment = 150 * 1_000;
/// A token is renewed so long before it ends.
const RENEW_BEFORE: Moment = 60 * 1_000;
/// No answer in words, and no directory's block, is larger.
const MAX_SMALL: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(
        "{url} cannot be a vault's address: {reason}. Ask the organisation's admin to correct it"
    )]
    BadUrl { url: String, reason: &'static str },

    #[error("the vault at {url} does not answer: {reason}. Check the network and try again")]
    Unreachable { url: String, reason: String },

    #[error("the vault at {url} is not the expected one: {reason}. Nothing was sent to it")]
    WrongVault { url: String, reason: String },

    #[error("the vault at {url} refused ({status} {code}): {message}")]
    Refused {
        url: String,
        status: u16,
        /// A word for programs, such as `not-found`.
        code: String,
        message: String,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },

    #[error(
        "this computer's clock is {off} that of the vault at {url}: check the clock, set it right, and try again"
    )]
    WrongClock {
        url: String,
        /// Such as `60 minutes ahead of`.
        off: String,
    },

    #[error(
        "{what} from the vault is not what the chain names: expected {expected}, got {found}. It was \
         changed, or is another file. Do not use it; tell the vault's operator"
    )]
    Altered {
        what: String,
        expected: String,
        found: String,
    },

    #[error("the vault's answer to {what} cannot be read: {reason}")]
    Unreadable { what: String, reason: String },

    #[error("{what} could not be written: {reason}. Free some space, or choose another folder")]
    NotWritten { what: String, reason: String },
}

impl VaultError {
    /// Whether trying again later may help.
    pub fn is_temporary(&self) -> bool {
        match self {
            VaultError::Unreachable { .. } => true,
            VaultError::Refused { status, .. } => matches!(status, 409 | 503),
            _ => false,
        }
    }

    /// Whether another vault may answer better: this one is away, lacks the object or has it damaged.
    fn is_of_this_vault(&self) -> bool {
        match self {
            VaultError::Unreachable { .. } | VaultError::WrongVault { .. } => true,
            // Another organisation's vault, where the chain names this one's.
            VaultError::Refused { code, .. } if code == "bad-challenge" => true,
            // Gone: it no longer keeps this patient's files.
            VaultError::Refused { status, .. } => matches!(status, 404 | 410) || *status >= 500,
            _ => false,
        }
    }

    /// Whether the vault says that there is nothing that this account may have now.
    pub fn is_not_found(&self) -> bool {
        matches!(self, VaultError::Refused { status: 404, .. })
    }
}

/// A vault of one organisation.
#[derive(Clone, Debug)]
pub struct Vault {
    client: Client,
    url: VaultUrl,
    organisation: OrgId,
    genesis: Genesis,
}

/// What a vault says about itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Info {
    pub organisation: OrgId,
    pub genesis: String,
    pub origin: String,
    pub service_account: String,
    pub version: String,
}

/// How a vault says that it stands with what it must keep. Times are in seconds since the Unix epoch,
/// rounded down to a quarter of an hour; 0: not yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CopiesStatus {
    pub organisation: OrgId,
    /// Objects that must be there and are, and their bytes: rounded down to a power of two, and 0 for
    /// few.
    pub held: u64,
    pub bytes: u64,
    /// Objects that must be there and are not, or are damaged.
    pub missing: u64,
    pub repaired: u64,
    pub damaged_blocks: u64,
    pub round_finished: u64,
    pub scrub_finished: u64,
}

/// An upload that is on the vault's disk.
#[derive(Clone, Debug, Deserialize)]
pub struct Stored {
    pub cid: String,
    pub kind: String,
    pub bytes: u64,
}

impl Stored {
    fn ensure_is(&self, root: &Cid) -> Result<()> {
        let expected = cid_text(root).unwrap_or_default();
        match self.cid == expected {
            true => Ok(()),
            false => Err(VaultError::Altered {
                what: "the upload's receipt".into(),
                expected,
                found: self.cid.clone(),
            }),
        }
    }
}

impl Vault {
    /// The vault of `organisation` at `url`. Nothing is sent yet.
    pub fn new(url: &str, organisation: OrgId, genesis: Genesis, reach: Reach) -> Result<Self> {
        install_crypto();
        let url = VaultUrl::parse(url, reach)?;
        let client = Client::builder()
            // Addresses are checked: nobody may lead elsewhere.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Resolver(reach))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE)
            .build()
            .map_err(|e| unreachable(&url, e))?;
        Ok(Self {
            client,
            url,
            organisation,
            genesis,
        })
    }

    pub fn url(&self) -> &VaultUrl {
        &self.url
    }

    /// Whose vault it is, as the chain says.
    pub fn organisation(&self) -> OrgId {
        self.organisation
    }

    /// What the vault says about itself, checked against what the chain says about it.
    pub async fn info(&self) -> Result<Info> {
        patiently(ATTEMPTS, || self.info_once()).await
    }

    /// As [`Vault::info`], without trying again.
    pub async fn info_once(&self) -> Result<Info> {
        let response = self.send(self.client.get(self.url.at("/v1/info"))).await?;
        let info: Info = self.json("/v1/info", response).await?;
        let wrong = |reason: String| {
            Err(VaultError::WrongVault {
                url: self.url.origin().into(),
                reason,
            })
        };
        if info.organisation != self.organisation {
            return wrong(format!(
                "it belongs to organisation {}, not {}",
                info.organisation, self.organisation
            ));
        }
        let genesis = format!("0x{}", hex::encode(self.genesis));
        if info.genesis != genesis {
            return wrong(format!("it serves the chain {}", info.genesis));
        }
        Ok(info)
    }

    /// Signs in. The session renews itself.
    pub async fn sign_in<'a>(&self, key: &'a AccountKey) -> Result<Session<'a>> {
        Session::begin(vec![self.clone()], Cow::Borrowed(key)).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(self.refusal(response).await),
            Err(error) => Err(unreachable(&self.url, error)),
        }
    }

    async fn refusal(&self, response: Response) -> VaultError {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
            message: String,
        }
        let status = response.status();
        let retry_after = retry_after(&response);
        let clock = clock_difference(&response);
        let body = small(response).await.unwrap_or_default();
        let refusal = serde_json::from_slice(&body).unwrap_or_else(|_| Refusal {
            error: "no-reason".into(),
            message: "it gave no reason. Check that the address is a salus-vault's".into(),
        });
        if let ("bad-challenge", Some(off)) = (refusal.error.as_str(), clock) {
            return VaultError::WrongClock {
                url: self.url.origin().into(),
                off,
            };
        }
        VaultError::Refused {
            url: self.url.origin().into(),
            status: status.as_u16(),
            code: refusal.error,
            message: refusal.message,
            retry_after,
        }
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        response: Response,
    ) -> Result<T> {
        let unreadable = |reason: String| VaultError::Unreadable {
            what: what.into(),
            reason,
        };
        let body = small(response).await.map_err(unreadable)?;
        serde_json::from_slice(&body).map_err(|e| unreadable(e.to_string()))
    }
}

/// Tries again, after longer and longer pauses, while trying again may help.
async fn patiently<T, F>(attempts: u32, request: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let error = match request().await {
            Err(error) if error.is_temporary() && attempt < attempts => error,
            other => return other,
        };
        let asked = match error {
            VaultError::Refused { retry_after, .. } => retry_after,
            _ => None,
        };
        tokio::time::sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        attempt += 1;
    }
}

/// An account that is signed in, at one vault or at several that keep the same objects. Another one
/// is asked where one is away, has not got it, or has it damaged.
pub struct Session<'a> {
    key: Cow<'a, AccountKey>,
    /// Best first.
    desks: Vec<Desk>,
    /// The one that answered last.
    active: AtomicUsize,
    attempts: u32,
}

/// One vault, and who we are there.
struct Desk {
    vault: Vault,
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    token: Zeroizing<String>,
    expires_at: Moment,
}

impl<'a> Session<'a> {
    /// Signs in at the first of these vaults that answers, and at the others when they are needed.
    ///
    /// Errors: what the first vault said, if none lets the account in.
    pub async fn begin(vaults: Vec<Vault>, key: Cow<'a, AccountKey>) -> Result<Self> {
        let session = Self::anew(vaults, key, ATTEMPTS);
        session.sign_in().await?;
        Ok(session)
    }

    /// Signs in at one vault, and gives up at the first sign that it is away: for those who have
    /// other work to do.
    pub async fn impatient(vault: Vault, key: AccountKey) -> Result<Session<'static>> {
        let session = Session::anew(vec![vault], Cow::Owned(key), 1);
        session.sign_in().await?;
        Ok(session)
    }

    fn anew(vaults: Vec<Vault>, key: Cow<'a, AccountKey>, attempts: u32) -> Self {
        let desk = |vault| Desk {
            vault,
            token: Mutex::default(),
        };
        Self {
            key,
            desks: vaults.into_iter().map(desk).collect(),
            active: AtomicUsize::new(0),
            attempts,
        }
    }
}

impl Session<'_> {
    /// The vault that answered last.
    pub fn vault(&self) -> &Vault {
        &self.desks[self.active.load(Ordering::Relaxed)].vault
    }

    async fn sign_in(&self) -> Result<()> {
        let sign_in = |desk| async move { self.token(desk).await.map(|_| ()) };
        patiently(self.attempts, || self.anywhere(sign_in)).await
    }

    /// Asks the vault that answered last, then the others, until one answers well.
    async fn anywhere<'s, T, F>(&'s self, ask: impl Fn(&'s Desk) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let first = self.active.load(Ordering::Relaxed);
        let mut refused = None;
        for turn in 0..self.desks.len() {
            let number = (first + turn) % self.desks.len();
            match ask(&self.desks[number]).await {
                Ok(answer) => {
                    self.active.store(number, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) if error.is_of_this_vault() => {
                    tracing::debug!(%error, "asking another vault");
                    refused.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| VaultError::Unreachable {
            url: "nowhere".into(),
            reason: "no member runs a vault".into(),
        }))
    }

    /// Asks how the vault stands with its copies: for admins and services.
    pub async fn copies(&self) -> Result<CopiesStatus> {
        let path = "/v1/copies";
        let response = self.request(Method::GET, path, |request| request).await?;
        self.vault().json(path, response).await
    }

    /// Uploads an object as a CAR. `car` makes the body anew for each attempt.
    ///
    /// Returns once the whole object is on the vault's disk, under the CID `root`.
    pub async fn upload(&self, root: &Cid, car: impl Fn() -> Body + Send + Sync) -> Result<Stored> {
        let path = "/v1/objects";
        let response = self
            .request(Method::POST, path, |request| {
                request.header(header::CONTENT_TYPE, MEDIA_TYPE).body(car())
            })
            .await?;
        let stored: Stored = self.vault().json(path, response).await?;
        stored.ensure_is(root)?;
        Ok(stored)
    }

    /// Fetches a whole object as a CAR, through the trustless gateway: for members' services. Nothing
    /// of it is verified here.
    pub async fn car(&self, root: &Cid) -> Result<Pin<Box<dyn AsyncRead + Send>>> {
        let path = format!("/ipfs/{}?format=car", cid_text(root).unwrap_or_default());
        let response = self.request(Method::GET, &path, |request| request).await?;
        let stream = response
            .bytes_stream()
            .map(|piece| piece.map_err(std::io::Error::other));
        Ok(Box::pin(tokio_util::io::StreamReader::new(stream)))
    }

    /// Fetches an object's directory and binding and verifies both: the directory is the one that
    /// the chain names, and it was made for this patient, of this kind, by this author.
    pub async fn object(
        &self,
        location: Location,
        content: &Cid,
        author: Option<&AccountId>,
        opened: Option<Opened>,
    ) -> Result<Object<'_>> {
        let mut tried = 1;
        loop {
            match self.object_here(location, content, author, opened).await {
                Err(error) if self.turn_from(&error, &mut tried) => {}
                other => return other,
            }
        }
    }

    /// Turns to another vault if this one sent what the chain does not name, and not all were tried.
    fn turn_from(&self, error: &VaultError, tried: &mut usize) -> bool {
        let again = matches!(error, VaultError::Altered { .. }) && *tried < self.desks.len();
        if again {
            tracing::warn!(
                "{}: {error}. Asking another vault",
                self.vault().url.origin()
            );
            *tried += 1;
            let next = (self.active.load(Ordering::Relaxed) + 1) % self.desks.len();
            self.active.store(next, Ordering::Relaxed);
        }
        again
    }

    async fn object_here(
        &self,
        location: Location,
        content: &Cid,
        author: Option<&AccountId>,
        opened: Option<Opened>,
    ) -> Result<Object<'_>> {
        let request = self.get(&location, File::Directory, opened, None).await?;
        let block = small(request)
            .await
            .map_err(|reason| VaultError::Unreadable {
                what: "a directory".into(),
                reason,
            })?;
        let found = Cid::dag_pb(Sha256::digest(&block).into());
        ensure_same("the directory", content, &found)?;
        let entries = unixfs::directory_entries(&block)
            .map_err(|e| VaultError::Unreadable {
                what: "a directory".into(),
                reason: e.to_string(),
            })?
            .into_iter()
            .filter_map(|entry| Some((entry.name, unixfs::to_chain(&entry.cid).ok()?)))
            .collect();
        let object = Object {
            session: self,
            location,
            opened,
            entries,
        };
        object.check_binding(author).await?;
        Ok(object)
    }

    async fn get(
        &self,
        location: &Location,
        file: File,
        opened: Option<Opened>,
        range: Option<Range<u64>>,
    ) -> Result<Response> {
        self.request(Method::GET, &location.path(file), |mut request| {
            if let Some(opened) = opened {
                request = request.header("Salus-Opened", opened.header());
            }
            if let Some(range) = &range {
                let last = range.end.saturating_sub(1);
                request = request.header(header::RANGE, format!("bytes={}-{last}", range.start));
            }
            request
        })
        .await
    }

    /// A request with a token, made anew once if the vault no longer knows it.
    async fn request(
        &self,
        method: Method,
        path: &str,
        build: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync,
    ) -> Result<Response> {
        let at_desk = |desk: &'_ Desk, token: Zeroizing<String>| {
            let vault = &desk.vault;
            let request = vault.client.request(method.clone(), vault.url.at(path));
            build(request.bearer_auth(token.as_str()))
        };
        let build = &at_desk;
        patiently(self.attempts, || {
            self.anywhere(|desk| async move {
                let token = self.token(desk).await?;
                match desk.vault.send(build(desk, token)).await {
                    Err(VaultError::Refused { status: 401, .. }) => {
                        *lock(&desk.token) = None;
                        let token = self.token(desk).await?;
                        desk.vault.send(build(desk, token)).await
                    }
                    other => other,
                }
            })
        })
        .await
    }

    async fn token(&self, desk: &Desk) -> Result<Zeroizing<String>> {
        let known = lock(&desk.token).clone();
        if let Some(known) = known {
            if known.expires_at > now().saturating_add(RENEW_BEFORE) {
                return Ok(known.token);
            }
        }
        let path = "/v1/session";
        let vault = &desk.vault;
        // A challenge can be used once, so each attempt has its own.
        let request = vault.client.post(vault.url.at(path));
        let response = vault.send(request.json(&self.challenge(vault))).await?;
        #[derive(Deserialize)]
        struct Answer {
            token: String,
            expires_at: Moment,
        }
        let answer: Answer = vault.json(path, response).await?;
        let token = Zeroizing::new(answer.token);
        *lock(&desk.token) = Some(Token {
            token: token.clone(),
            expires_at: answer.expires_at,
        });
        Ok(token)
    }

    fn challenge(&self, vault: &Vault) -> serde_json::Value {
        let challenge = SessionChallenge {
            genesis: vault.genesis,
            audience: vault.organisation,
            origin: vault.url.origin().into(),
            account: self.key.account(),
            nonce: random_16(),
            expires: now().saturating_add(CHALLENGE_LIFETIME),
        };
        serde_json::json!({
            "account": self.key.account_hex(),
            "signature": hex::encode(self.key.sign_challenge(&challenge)),
            "challenge": challenge.text(),
        })
    }
}

/// How far this computer's clock is from the vault's, if by more than a minute.
fn clock_difference(response: &Response) -> Option<String> {
    let date = response.headers().get(header::DATE)?.to_str().ok()?;
    let theirs = httpdate::parse_http_date(date).ok()?;
    let (difference, side) = match SystemTime::now().duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let minutes = (difference.as_secs() + 30) / 60;
    (minutes > 0).then(|| format!("{minutes} minutes {side}"))
}

/// A request's body that is read while it is sent.
pub fn streamed(reader: impl AsyncRead + Send + 'static) -> Body {
    Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(
        reader,
        256 * 1024,
    ))
}

/// A body that must be small, whoever sends it.
async fn small(response: Response) -> std::result::Result<Vec<u8>, String> {
    at_most(response, MAX_SMALL).await
}

async fn at_most(response: Response, limit: u64) -> std::result::Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|e| innermost(&e))?;
        if body.len() as u64 + piece.len() as u64 > limit {
            return Err("it is too long".into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?;
    Some(Duration::from_secs(seconds.to_str().ok()?.parse().ok()?))
}

fn unreachable(url: &VaultUrl, error: reqwest::Error) -> VaultError {
    VaultError::Unreachable {
        url: url.origin().into(),
        // Without its address: that is said already.
        reason: innermost(&error.without_url()),
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only if the program has chosen another provider, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn now() -> Moment {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|since| Moment::try_from(since.as_millis()).unwrap_or(Moment::MAX))
        .unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
