//! A vault, as its users see it: sign in, upload an object, fetch one and verify every byte of it.
//!
//! A vault is not trusted with anything but availability. What it sends is compared with the CID
//! that the chain names: the directory's block first, then the binding, then each file.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
    sync::{Arc, Mutex, Once, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::StreamExt;
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    header, redirect, Body, Client, Method, RequestBuilder, Response, StatusCode,
};
use salus_primitives::{
    AccountId, Binding, Cid, CorrectionIndex, Genesis, GrantIndex, LetterStage, Moment,
    ObjectKind, OrgId, PatientId, RecordIndex, RequestIndex,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sp_core::H256;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::{
    chain::events::cid_text,
    files::unixfs::{self, Hasher},
    keys::{random_16, AccountKey, SessionChallenge},
};

pub type Result<T> = std::result::Result<T, VaultError>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A challenge lives for so long; vaults accept at most five minutes.
const CHALLENGE_LIFETIME: Moment = 4 * 60 * 1_000;
/// A token is renewed so long before it ends.
const RENEW_BEFORE: Moment = 60 * 1_000;
/// No answer in words, and no directory's block, is larger.
const MAX_SMALL: u64 = 64 * 1024;
/// Envelopes, letters, keyrings and manifests are smaller.
pub const MAX_BODY: u64 = 512 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("{url} cannot be a vault's address: {reason}. Ask the organisation's admin to correct it")]
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
            VaultError::Refused { status, .. } => *status == 503,
            _ => false,
        }
    }

    /// Whether the vault says that there is nothing that this account may have now.
    pub fn is_not_found(&self) -> bool {
        matches!(self, VaultError::Refused { status: 404, .. })
    }
}

/// Which addresses may be contacted. Addresses come from the chain, where others wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `https` to public addresses.
    Public,
    /// Also this machine, and without TLS.
    Development,
}

impl Reach {
    fn allows(self, address: IpAddr) -> bool {
        match address {
            _ if address.to_canonical().is_loopback() => self == Reach::Development,
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18);
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let s = address.segments();
    let embedded = |high: u16, low: u16| {
        is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
    };
    match s {
        [0x64, 0xff9b, ..] => embedded(s[6], s[7]),
        [0x2002, ..] => embedded(s[1], s[2]),
        [0x2001, 0xdb8 | 0, ..] => false,
        // Only 2000::/3 is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// A vault's base address, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultUrl {
    url: Url,
    reach: Reach,
}

impl VaultUrl {
    /// Errors unless it is `https` to a public host, without user, query or fragment; in
    /// development this machine may be contacted without TLS, too.
    pub fn parse(text: &str, reach: Reach) -> Result<Self> {
        let bad = |reason| {
            Err(VaultError::BadUrl {
                url: text.into(),
                reason,
            })
        };
        let Ok(mut url) = Url::parse(text) else {
            return bad("it is not an address like https://vault.example.org");
        };
        let loopback = match url.host() {
            None => return bad("it names no host"),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).to_canonical().is_loopback(),
        };
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            _ => None,
        };
        match (url.scheme(), loopback, reach) {
            (_, true, Reach::Public) => return bad("it is on this machine"),
            ("https", ..) | ("http", true, Reach::Development) => {}
            _ => return bad("it must begin with https://"),
        }
        if literal.is_some_and(|address| !reach.allows(address)) {
            return bad("it is a private address");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return bad("it contains a user name");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return bad("it contains a query");
        }
        let path = url.path().trim_end_matches('/').to_string();
        url.set_path(&path);
        Ok(Self { url, reach })
    }

    /// As challenges name it: without a slash at its end.
    pub fn origin(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }
}

/// Names that lead to addresses out of reach do not resolve, so that a name cannot be pointed at
/// the reader's own network after it was checked.
struct Resolver(Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| reach.allows(address.ip()))
                .collect();
            if found.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
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

/// An upload that is on the vault's disk.
#[derive(Clone, Debug, Deserialize)]
pub struct Stored {
    pub cid: String,
    pub kind: String,
    pub bytes: u64,
}

/// An object, by its place on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Record(PatientId, RecordIndex),
    Envelope(PatientId, GrantIndex, u32),
    RequestLetter(PatientId, RequestIndex),
    CorrectionLetter(PatientId, CorrectionIndex, LetterStage),
    Keyring(PatientId),
}

impl Place {
    pub fn patient(&self) -> PatientId {
        match self {
            Place::Record(patient, _)
            | Place::Envelope(patient, ..)
            | Place::RequestLetter(patient, _)
            | Place::CorrectionLetter(patient, ..)
            | Place::Keyring(patient) => *patient,
        }
    }

    pub fn kind(&self) -> ObjectKind {
        match self {
            Place::Record(..) => ObjectKind::Record,
            Place::Envelope(..) => ObjectKind::Envelope,
            Place::RequestLetter(..) | Place::CorrectionLetter(..) => ObjectKind::Letter,
            Place::Keyring(..) => ObjectKind::Keyring,
        }
    }

    fn path(&self, file: File) -> String {
        let base = match self {
            Place::Record(patient, index) => {
                let part = match file {
                    File::Directory => "directory",
                    File::Binding => "binding",
                    File::Manifest => "manifest",
                    File::Payload | File::Body => "payload",
                };
                return format!("/v1/patients/{patient}/records/{index}/{part}");
            }
            Place::Envelope(patient, grant, number) => {
                format!("/v1/patients/{patient}/grants/{grant}/envelopes/{number}")
            }
            Place::RequestLetter(patient, request) => {
                format!("/v1/patients/{patient}/requests/{request}/letter")
            }
            Place::CorrectionLetter(patient, correction, stage) => {
                let stage = match stage {
                    LetterStage::Request => "request",
                    LetterStage::Answer => "answer",
                    LetterStage::Disagreement => "disagreement",
                    LetterStage::Rebuttal => "rebuttal",
                };
                format!("/v1/patients/{patient}/corrections/{correction}/letters/{stage}")
            }
            Place::Keyring(patient) => format!("/v1/patients/{patient}/keyring"),
        };
        match file {
            File::Directory => format!("{base}?part=directory"),
            File::Binding => format!("{base}?part=binding"),
            File::Manifest | File::Payload | File::Body => base,
        }
    }
}

/// A file of an object. Records have a manifest and a payload, all others a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The block that names the others.
    Directory,
    Binding,
    Manifest,
    Payload,
    Body,
}

impl File {
    /// Its name in the directory.
    pub fn name(self) -> &'static str {
        match self {
            File::Directory => "directory",
            File::Binding => "binding",
            File::Manifest => "manifest.age",
            File::Payload => "payload.age",
            File::Body => "body.age",
        }
    }
}

/// The finalized `AccessLog.Opened` event that lets a reader in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub block_hash: H256,
    pub event_index: u32,
}

impl Opened {
    fn header(&self) -> String {
        format!("0x{}:{}", hex::encode(self.block_hash), self.event_index)
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

    /// What the vault says about itself, checked against what the chain says about it.
    pub async fn info(&self) -> Result<Info> {
        let response = self
            .attempt(|| async { Ok(self.client.get(self.url.at("/v1/info"))) })
            .await?;
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
        let session = Session {
            vault: self.clone(),
            key,
            token: Mutex::default(),
        };
        session.token().await?;
        Ok(session)
    }

    /// Sends a request, again after a pause while the vault is busy or cannot be reached.
    async fn attempt<F>(&self, request: impl Fn() -> F) -> Result<Response>
    where
        F: Future<Output = Result<RequestBuilder>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match request().await?.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let asked = retry_after(&response);
                    pause = asked.unwrap_or(pause).min(LONGEST_PAUSE);
                    self.refusal(response).await
                }
                Err(error) => unreachable(&self.url, error),
            };
            if !error.is_temporary() || attempt >= ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    async fn refusal(&self, response: Response) -> VaultError {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
            message: String,
        }
        let status = response.status();
        let body = small(response).await.unwrap_or_default();
        let refusal = serde_json::from_slice(&body).unwrap_or_else(|_| Refusal {
            error: "no-reason".into(),
            message: "it gave no reason. Check that the address is a salus-vault's".into(),
        });
        VaultError::Refused {
            url: self.url.origin().into(),
            status: status.as_u16(),
            code: refusal.error,
            message: refusal.message,
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

/// A signed-in account.
pub struct Session<'a> {
    vault: Vault,
    key: &'a AccountKey,
    token: Mutex<Option<Token>>,
}

#[derive(Clone, Deserialize)]
struct Token {
    token: Zeroizing<String>,
    expires_at: Moment,
}

impl Session<'_> {
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Uploads an object as a CAR. `car` makes the body anew for each attempt.
    ///
    /// Returns once the whole object is on the vault's disk, under the CID `root`.
    pub async fn upload(&self, root: &Cid, car: impl Fn() -> Body) -> Result<Stored> {
        const TYPE: &str = "application/vnd.ipld.car";
        let path = "/v1/objects";
        let response = self
            .request(Method::POST, path, |request| {
                request.header(header::CONTENT_TYPE, TYPE).body(car())
            })
            .await?;
        let stored: Stored = self.vault.json(path, response).await?;
        let expected = cid_text(root).unwrap_or_default();
        if stored.cid != expected {
            return Err(VaultError::Altered {
                what: "the upload's receipt".into(),
                expected,
                found: stored.cid,
            });
        }
        Ok(stored)
    }

    /// Fetches an object's directory and binding and verifies both: the directory is the one that
    /// the chain names, and it was made for this patient, of this kind, by this author.
    pub async fn object(
        &self,
        place: Place,
        content: &Cid,
        author: Option<&AccountId>,
        opened: Option<Opened>,
    ) -> Result<Object<'_>> {
        let request = self.get(&place, File::Directory, opened, None).await?;
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
            .filter_map(|(name, cid)| {
                let bytes = cid.to_bytes().try_into().ok()?;
                Some((name, Cid(bytes)))
            })
            .collect();
        let object = Object {
            session: self,
            place,
            opened,
            entries,
        };
        object.check_binding(author).await?;
        Ok(object)
    }

    async fn get(
        &self,
        place: &Place,
        file: File,
        opened: Option<Opened>,
        range: Option<Range<u64>>,
    ) -> Result<Response> {
        self.request(Method::GET, &place.path(file), |mut request| {
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
        build: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let send = || {
            self.vault.attempt(|| async {
                let token = self.token().await?;
                let url = self.vault.url.at(path);
                let request = self.vault.client.request(method.clone(), url);
                Ok(build(request.bearer_auth(token.as_str())))
            })
        };
        match send().await {
            Err(VaultError::Refused { status: 401, .. }) => {
                *lock(&self.token) = None;
                send().await
            }
            other => other,
        }
    }

    async fn token(&self) -> Result<Zeroizing<String>> {
        let known = lock(&self.token).clone();
        if let Some(known) = known {
            if known.expires_at > now().saturating_add(RENEW_BEFORE) {
                return Ok(known.token);
            }
        }
        let path = "/v1/session";
        let response = self
            .vault
            .attempt(|| async {
                // A challenge can be used once, so each attempt has its own.
                let request = self.vault.client.post(self.vault.url.at(path));
                Ok(request.json(&self.challenge()))
            })
            .await?;
        let token: Token = self.vault.json(path, response).await?;
        *lock(&self.token) = Some(token.clone());
        Ok(token.token)
    }

    fn challenge(&self) -> serde_json::Value {
        let challenge = SessionChallenge {
            genesis: self.vault.genesis,
            audience: self.vault.organisation,
            origin: self.vault.url.origin().into(),
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

/// An object whose directory and binding have been verified.
pub struct Object<'a> {
    session: &'a Session<'a>,
    place: Place,
    opened: Option<Opened>,
    entries: Vec<(String, Cid)>,
}

impl Object<'_> {
    /// The CID of one of its files.
    pub fn cid(&self, file: File) -> Result<Cid> {
        self.entries
            .iter()
            .find_map(|(name, cid)| (name == file.name()).then_some(*cid))
            .ok_or_else(|| VaultError::Altered {
                what: "the directory".into(),
                expected: format!("a file named {}", file.name()),
                found: "none".into(),
            })
    }

    /// A small file, whole and verified.
    pub async fn read(&self, file: File) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy(file, &mut bytes, MAX_BODY, |_| {}).await?;
        Ok(bytes)
    }

    /// Writes a file to `into` while it arrives, and verifies it. A broken connection is resumed
    /// where it broke. `progress` hears of each piece's length.
    ///
    /// Errors if any byte differs; then what was written must be thrown away.
    pub async fn save(
        &self,
        file: File,
        into: &mut (impl AsyncWrite + Unpin),
        progress: impl FnMut(u64),
    ) -> Result<u64> {
        self.copy(file, into, u64::MAX, progress).await
    }

    async fn copy(
        &self,
        file: File,
        into: &mut (impl AsyncWrite + Unpin),
        most: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<u64> {
        let expected = self.cid(file)?;
        let name = file.name();
        let not_written = |e: std::io::Error| VaultError::NotWritten {
            what: name.into(),
            reason: e.to_string(),
        };
        let url = &self.session.vault.url;
        let mut hasher = Hasher::new();
        let mut done = 0u64;
        let mut length = None;
        let mut breaks = 0;
        loop {
            let range = length.filter(|_| done > 0).map(|length| done..length);
            let resumed = range.is_some();
            let response = self
                .session
                .get(&self.place, file, self.opened, range)
                .await?;
            if resumed && response.status() != StatusCode::PARTIAL_CONTENT {
                return Err(VaultError::Unreadable {
                    what: name.into(),
                    reason: "the vault does not continue where it stopped".into(),
                });
            }
            if length.is_none() {
                length = response.content_length();
            }
            let mut stream = response.bytes_stream();
            let broken = loop {
                match stream.next().await {
                    None => break None,
                    Some(Err(error)) => break Some(error),
                    Some(Ok(piece)) => {
                        done = done.saturating_add(piece.len() as u64);
                        if done > most.min(length.unwrap_or(u64::MAX)) {
                            return Err(VaultError::Altered {
                                what: name.into(),
                                expected: cid_text(&expected).unwrap_or_default(),
                                found: "a larger file".into(),
                            });
                        }
                        hasher.update(&piece);
                        into.write_all(&piece).await.map_err(not_written)?;
                        progress(piece.len() as u64);
                    }
                }
            };
            let Some(error) = broken else { break };
            breaks += 1;
            if breaks >= ATTEMPTS || length.is_none() || length == Some(done) {
                return Err(unreachable(url, error));
            }
            tokio::time::sleep(FIRST_PAUSE * breaks).await;
        }
        into.flush().await.map_err(not_written)?;
        ensure_same(name, &expected, &hasher.finish())?;
        Ok(done)
    }

    async fn check_binding(&self, author: Option<&AccountId>) -> Result<()> {
        let bytes = self.read(File::Binding).await?;
        let altered = |found: String| VaultError::Altered {
            what: "the binding".into(),
            expected: format!(
                "one for {} of patient {}",
                kind_name(self.place.kind()),
                self.place.patient()
            ),
            found,
        };
        let binding = Binding::from_file(&bytes).ok_or_else(|| altered("no binding".into()))?;
        let fits = binding.genesis == self.session.vault.genesis
            && binding.kind == self.place.kind()
            && binding.patient == self.place.patient()
            && author.is_none_or(|author| *author == binding.author);
        if !fits {
            return Err(altered(format!(
                "one for {} of patient {} by {}",
                kind_name(binding.kind),
                binding.patient,
                binding.author
            )));
        }
        Ok(())
    }
}

/// A request's body that is read while it is sent.
pub fn streamed(reader: impl AsyncRead + Send + 'static) -> Body {
    Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(
        reader,
        256 * 1024,
    ))
}

/// Verifies, without any vault, that these bytes are the file of this CID.
pub fn verify(what: &str, bytes: &[u8], expected: &Cid) -> Result<()> {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    ensure_same(what, expected, &hasher.finish())
}

fn ensure_same(what: &str, expected: &Cid, found: &Cid) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(VaultError::Altered {
        what: what.into(),
        expected: cid_text(expected).unwrap_or_default(),
        found: cid_text(found).unwrap_or_default(),
    })
}

fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Record => "a record",
        ObjectKind::Envelope => "an envelope",
        ObjectKind::Letter => "a letter",
        ObjectKind::Keyring => "a keyring",
    }
}

/// A body that must be small, whoever sends it.
async fn small(response: Response) -> std::result::Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|e| innermost(&e))?;
        if body.len() as u64 + piece.len() as u64 > MAX_SMALL {
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

fn innermost(error: &dyn std::error::Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(url: &str, reach: Reach) {
        let result = VaultUrl::parse(url, reach);
        assert!(matches!(result, Err(VaultError::BadUrl { .. })), "{url}: {result:?}");
    }

    #[test]
    fn public_https_addresses_are_accepted_in_one_form() {
        for (url, origin) in [
            ("https://vault.example.org", "https://vault.example.org"),
            ("https://vault.example.org/", "https://vault.example.org"),
            ("HTTPS://Vault.Example.org:443", "https://vault.example.org"),
            ("https://example.org:8443/vault/", "https://example.org:8443/vault"),
            ("https://93.184.216.34", "https://93.184.216.34"),
            ("https://[2606:2800:220:1::1]", "https://[2606:2800:220:1::1]"),
        ] {
            for reach in [Reach::Public, Reach::Development] {
                assert_eq!(VaultUrl::parse(url, reach).unwrap().origin(), origin);
            }
        }
    }

    #[test]
    fn addresses_that_lead_elsewhere_are_refused() {
        for url in [
            "",
            "vault.example.org",
            "http://vault.example.org",
            "ftp://vault.example.org",
            "file:///etc/passwd",
            "https://user@vault.example.org",
            "https://user:word@vault.example.org",
            "https://vault.example.org/?to=elsewhere",
            "https://vault.example.org/#here",
            "https://10.0.0.1",
            "https://172.16.1.1",
            "https://192.168.1.1",
            "https://169.254.169.254/latest",
            "https://100.64.0.1",
            "https://0.0.0.0",
            "https://0x0a000001",
            "https://[::]",
            "https://[fe80::1]",
            "https://[fd00::1]",
            "https://[::ffff:10.0.0.1]",
            "https://[64:ff9b::a00:1]",
            "https://[2002:a00:1::]",
        ] {
            refused(url, Reach::Public);
            refused(url, Reach::Development);
        }
    }

    #[test]
    fn this_machine_is_reached_in_development_only() {
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "https://localhost",
            "http://[::1]:8080",
            "http://2130706433",
        ] {
            refused(url, Reach::Public);
            assert!(VaultUrl::parse(url, Reach::Development).is_ok(), "{url}");
        }
        refused("https://[::ffff:127.0.0.1]", Reach::Public);
        refused("https://localhost.", Reach::Public);
        refused("http://localhost.example.org", Reach::Development);
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_does_not_resolve_in_public() {
        let resolve = |reach| Resolver(reach).resolve("localhost".parse().unwrap());
        assert!(resolve(Reach::Public).await.is_err());
        assert!(resolve(Reach::Development).await.is_ok());
    }

    #[test]
    fn files_are_asked_for_by_their_place() {
        let patient = PatientId([0xab; 16]);
        let id = "ab".repeat(16);
        let path = |place: Place, file| place.path(file);
        let record = Place::Record(patient, 3);
        assert_eq!(path(record, File::Manifest), format!("/v1/patients/{id}/records/3/manifest"));
        assert_eq!(path(record, File::Directory), format!("/v1/patients/{id}/records/3/directory"));
        let letter = Place::CorrectionLetter(patient, 1, LetterStage::Disagreement);
        assert_eq!(
            path(letter, File::Binding),
            format!("/v1/patients/{id}/corrections/1/letters/disagreement?part=binding")
        );
        let envelope = Place::Envelope(patient, 4, 2);
        assert_eq!(path(envelope, File::Body), format!("/v1/patients/{id}/grants/4/envelopes/2"));
    }

    #[test]
    fn one_flipped_bit_is_noticed() {
        let bytes = vec![5u8; 100];
        let cid = Cid::raw(Sha256::digest(&bytes).into());
        assert!(verify("a file", &bytes, &cid).is_ok());
        let mut flipped = bytes.clone();
        flipped[99] ^= 1;
        assert!(matches!(verify("a file", &flipped, &cid), Err(VaultError::Altered { .. })));
        assert!(verify("a file", &bytes[..99], &cid).is_err());
    }
}
