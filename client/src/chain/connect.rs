//! One connection to one node, the chain's identity, and its runtimes by version.
//!
//! Questions that belong together are asked one after the other: a node's server holds a second small
//! answer back until the first is acknowledged, up to 40 ms, while the next question acknowledges it
//! at once. Many at a time are fine, if each answer is followed by a question.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use codec::{Compact, Decode, Encode};
use salus_primitives::{AccountId, BlockNumber, Genesis, Moment, PRIVATE_NETWORK};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use subxt::{
    rpcs::{
        client::{RpcParams, RpcSubscription},
        Error as RpcError, RpcClient,
    },
    ArcMetadata, Metadata,
};

use super::crowd::{Lane, Own};
use super::error::{ChainError, Result};

/// The version of `SalusApi` that this client speaks.
const SALUS_API: u32 = 1;
/// The key of the runtime's code.
const CODE: &[u8] = b":code";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Metadata formats, newest first, that this client reads.
const METADATA_VERSIONS: [u32; 3] = [16, 15, 14];

/// A chain through one of its nodes. Cheap to clone; connects again by itself.
#[derive(Clone)]
pub struct Chain {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    url: String,
    genesis: Genesis,
    code: Code,
    rpc: RwLock<RpcClient>,
    /// Every runtime seen so far: old blocks are read with the metadata of their time.
    runtimes: Arc<Mutex<HashMap<u32, Arc<Runtime>>>>,
    /// The runtime version of finalized blocks, where asked.
    versions: Arc<Mutex<BTreeMap<BlockNumber, u32>>>,
    /// Whose ids a node shall not learn, if anybody's.
    pub(super) own: OnceLock<Arc<dyn Own>>,
    /// Connections beside this one.
    pub(super) lanes: tokio::sync::Mutex<HashMap<Lane, Chain>>,
    /// Where a test's connections come from.
    #[cfg(test)]
    dialer: Option<Arc<dyn Fn() -> RpcClient + Send + Sync>>,
    /// A test's node, which may take what is sent.
    #[cfg(test)]
    pub(super) double: Option<Arc<super::double::Double>>,
    /// One submission at a time takes its nonce and enters the pool.
    pub(super) submitting: Arc<tokio::sync::Mutex<()>>,
    /// Which accounts have submitted anything.
    pub(super) acted: Arc<Mutex<BTreeSet<AccountId>>>,
}

/// One version of the runtime.
pub struct Runtime {
    pub spec_name: String,
    pub spec_version: u32,
    pub transaction_version: u32,
    pub metadata: ArcMetadata,
}

/// A runtime by its code: what the council authorizes, and what decides everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Blake2-256, as `salus council propose upgrade` shows it.
    pub hash: H256,
    pub spec_version: u32,
}

/// For whom a chain is, as a node says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody knows its members' keys.
    Development,
    /// Its members share a private network.
    Private,
    Public,
}

impl Kind {
    fn read(told: &serde_json::Value) -> Self {
        match told.as_str() {
            Some("Development" | "Local") => Kind::Development,
            _ if told["Custom"] == PRIVATE_NETWORK => Kind::Private,
            _ => Kind::Public,
        }
    }
}

/// A block by both of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Block {
    pub number: BlockNumber,
    pub hash: H256,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    parent_hash: H256,
    number: String,
}

impl Header {
    pub(super) fn number(&self) -> Result<BlockNumber> {
        let digits = self.number.trim_start_matches("0x");
        BlockNumber::from_str_radix(digits, 16)
            .map_err(|e| ChainError::unreadable("chain_getHeader", e))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    spec_name: String,
    spec_version: u32,
    transaction_version: u32,
    apis: Vec<(String, u32)>,
}

/// The arguments of an RPC, as a JSON array.
macro_rules! params {
    ($($value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut params = subxt::rpcs::client::RpcParams::new();
        $(
            params
                .push($value)
                .map_err(|e| $crate::chain::ChainError::unreadable("arguments", e))?;
        )*
        params
    }};
}
pub(super) use params;

pub(super) fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// A value of the state.
pub(crate) fn decode<T: Decode>(value: &[u8]) -> Result<T> {
    T::decode(&mut &value[..]).map_err(|e| ChainError::unreadable("storage", e))
}

pub(super) fn unhex(what: &str, text: &str) -> Result<Vec<u8>> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .map_err(|e| ChainError::unreadable(what, e))
}

impl Chain {
    /// Connects to the node at `url` (`ws://` or `wss://`).
    ///
    /// Errors if no node answers, if its chain is not Salus, is too old for this client, or is
    /// not the one `expected`.
    pub async fn connect(url: &str, expected: Option<Genesis>) -> Result<Self> {
        let rpc = dial(url).await?;
        let genesis = genesis(&rpc, url).await?;
        let at: H256 = ask(&rpc, url, "chain_getFinalizedHead", params![]).await?;
        let expected = expected.unwrap_or(genesis);
        if genesis != expected {
            return Err(ChainError::WrongChain {
                url: url.into(),
                expected,
                found: genesis,
            });
        }
        let version: Version = ask(&rpc, url, "state_getRuntimeVersion", params![at]).await?;
        let hash: H256 = ask(&rpc, url, "state_getStorageHash", params![hex(CODE), at]).await?;
        check_version(url, &version)?;
        let code = Code {
            hash,
            spec_version: version.spec_version,
        };
        Ok(Self::inner(url, genesis, code, rpc).into())
    }

    /// Another connection to the same node, which must still be on our chain.
    pub(super) async fn beside(&self) -> Result<Self> {
        let Inner {
            url, genesis, code, ..
        } = &*self.inner;
        let rpc = self.inner.dial().await?;
        let mut inner = Self::inner(url, *genesis, *code, rpc);
        inner.runtimes = self.inner.runtimes.clone();
        inner.versions = self.inner.versions.clone();
        inner.submitting = self.inner.submitting.clone();
        inner.acted = self.inner.acted.clone();
        #[cfg(test)]
        {
            inner.dialer = self.inner.dialer.clone();
            inner.double = self.inner.double.clone();
        }
        Ok(inner.into())
    }

    fn inner(url: &str, genesis: Genesis, code: Code, rpc: RpcClient) -> Inner {
        Inner {
            url: url.into(),
            genesis,
            code,
            rpc: RwLock::new(rpc),
            runtimes: Arc::default(),
            versions: Arc::default(),
            own: OnceLock::new(),
            lanes: tokio::sync::Mutex::default(),
            #[cfg(test)]
            dialer: None,
            #[cfg(test)]
            double: None,
            submitting: Arc::default(),
            acted: Arc::default(),
        }
    }

    /// Through a node of a test's own, which is asked nothing yet.
    #[cfg(test)]
    pub(super) fn over(
        url: &str,
        genesis: Genesis,
        dialer: Arc<dyn Fn() -> RpcClient + Send + Sync>,
        double: Arc<super::double::Double>,
    ) -> Self {
        let code = Code {
            hash: H256::zero(),
            spec_version: 1,
        };
        let mut inner = Self::inner(url, genesis, code, dialer());
        inner.dialer = Some(dialer);
        inner.double = Some(double);
        inner.into()
    }

    pub fn url(&self) -> &str {
        &self.inner.url
    }

    pub fn genesis(&self) -> Genesis {
        self.inner.genesis
    }

    /// The runtime of the newest finalized block when this connection was made.
    pub fn code(&self) -> Code {
        self.inner.code
    }

    /// For whom the chain is, as the node says.
    pub async fn kind(&self) -> Result<Kind> {
        let told = self.request("system_chainType", params![]).await?;
        Ok(Kind::read(&told))
    }

    /// Whether vaults may be on this machine or in a private network, as the node says.
    pub async fn is_development(&self) -> Result<bool> {
        Ok(self.kind().await? != Kind::Public)
    }

    /// The newest block that cannot be undone.
    pub async fn finalized(&self) -> Result<Block> {
        let hash: H256 = self.request("chain_getFinalizedHead", params![]).await?;
        Ok(Block {
            hash,
            number: self.header(hash).await?.1,
        })
    }

    /// The canonical block of this number. It may not be finalized yet.
    pub async fn block_at(&self, number: BlockNumber) -> Result<Block> {
        let hash: Option<H256> = self.request("chain_getBlockHash", params![number]).await?;
        hash.map(|hash| Block { number, hash })
            .ok_or_else(|| ChainError::BlockUnknown {
                block: number.to_string(),
            })
    }

    /// The canonical blocks of these numbers, in ascending order and asked for at once. Those that are
    /// not finalized yet may change.
    pub(crate) async fn blocks_at(
        &self,
        numbers: RangeInclusive<BlockNumber>,
    ) -> Result<Vec<Block>> {
        let numbers: Vec<BlockNumber> = numbers.collect();
        let hashes: Vec<Option<H256>> = self
            .request("chain_getBlockHash", params![&numbers])
            .await?;
        if hashes.len() != numbers.len() {
            let reason = format!("{} hashes of {} blocks", hashes.len(), numbers.len());
            return Err(ChainError::unreadable("chain_getBlockHash", reason));
        }
        let blocks = numbers.into_iter().zip(hashes);
        blocks
            .map(|(number, hash)| {
                hash.map(|hash| Block { number, hash })
                    .ok_or_else(|| ChainError::BlockUnknown {
                        block: number.to_string(),
                    })
            })
            .collect()
    }

    /// The block of this hash and its parent's hash.
    pub async fn block(&self, hash: H256) -> Result<(Block, H256)> {
        let (parent, number) = self.header(hash).await?;
        Ok((Block { number, hash }, parent))
    }

    /// The chain's clock in this block.
    pub async fn moment(&self, hash: H256) -> Result<Moment> {
        let key = storage_prefix("Timestamp", "Now");
        Ok(self.storage(&key, hash).await?.unwrap_or_default())
    }

    /// A value of the state at this block, by its raw key.
    pub async fn storage<T: Decode>(&self, key: &[u8], at: H256) -> Result<Option<T>> {
        let value: Option<String> = self
            .request("state_getStorage", params![hex(key), at])
            .await?;
        value
            .map(|value| decode(&unhex("state_getStorage", &value)?))
            .transpose()
    }

    /// Calls a runtime API by its raw name, with SCALE-encoded arguments.
    pub async fn state_call<T: Decode>(&self, function: &str, args: &[u8], at: H256) -> Result<T> {
        let answer: String = self
            .request("state_call", params![function, hex(args), at])
            .await?;
        let bytes = unhex(function, &answer)?;
        let input = &mut &bytes[..];
        let value = T::decode(input).map_err(|e| ChainError::unreadable(function, e))?;
        if !input.is_empty() {
            return Err(ChainError::unreadable(
                function,
                format!("{} bytes too many", input.len()),
            ));
        }
        Ok(value)
    }

    /// The runtime in the state of this block: the one that makes the *next* block.
    pub async fn runtime(&self, at: H256) -> Result<Arc<Runtime>> {
        let version: Version = self.request("state_getRuntimeVersion", params![at]).await?;
        self.runtime_of(version, at).await
    }

    /// The runtime that made this finalized block, which is the one in its parent's state. A block
    /// that changes the runtime was still made by the old one.
    pub async fn runtime_that_made(&self, block: Block, parent: H256) -> Result<Arc<Runtime>> {
        let number = block.number.saturating_sub(1);
        if let Some(runtime) = self.known_runtime(number) {
            return Ok(runtime);
        }
        let runtime = self.runtime(parent).await?;
        self.note_version(number, runtime.spec_version);
        Ok(runtime)
    }

    /// Learns the versions at both ends of the chain, so that the blocks between them need not be
    /// asked one by one.
    pub(crate) async fn learn_versions(&self, finalized: Block) -> Result<()> {
        let head = self.runtime(finalized.hash).await?;
        self.note_version(finalized.number, head.spec_version);
        // Only archives still have this state; without it more is asked, nothing else.
        if let Ok(first) = self.runtime(self.inner.genesis).await {
            self.note_version(0, first.spec_version);
        }
        Ok(())
    }

    /// Keeps both ends of a run of blocks of one version, and forgets those between.
    fn note_version(&self, number: BlockNumber, version: u32) {
        let mut versions = lock(&self.inner.versions);
        versions.insert(number, version);
        let before: Vec<_> = versions.range(..number).rev().take(2).collect();
        let after: Vec<_> = versions.range(number.saturating_add(1)..).take(2).collect();
        let between: Vec<BlockNumber> = [before, after]
            .into_iter()
            .filter(|run| run.len() == 2 && run.iter().all(|(_, found)| **found == version))
            .map(|run| *run[0].0)
            .collect();
        for number in between {
            versions.remove(&number);
        }
    }

    /// Versions only ever grow, so a block between two of the same version has that version too.
    fn known_runtime(&self, number: BlockNumber) -> Option<Arc<Runtime>> {
        let versions = lock(&self.inner.versions);
        let below = *versions.range(..=number).next_back()?.1;
        let above = *versions.range(number..).next()?.1;
        drop(versions);
        (below == above)
            .then(|| lock(&self.inner.runtimes).get(&below).cloned())
            .flatten()
    }

    async fn runtime_of(&self, version: Version, at: H256) -> Result<Arc<Runtime>> {
        let spec_version = version.spec_version;
        if let Some(runtime) = lock(&self.inner.runtimes).get(&spec_version) {
            return Ok(runtime.clone());
        }
        let runtime = Arc::new(Runtime {
            spec_name: version.spec_name,
            spec_version,
            transaction_version: version.transaction_version,
            metadata: Arc::new(self.metadata(at).await?),
        });
        lock(&self.inner.runtimes).insert(spec_version, runtime.clone());
        Ok(runtime)
    }

    async fn metadata(&self, at: H256) -> Result<Metadata> {
        const VERSIONS: &str = "Metadata_metadata_versions";
        const AT_VERSION: &str = "Metadata_metadata_at_version";
        let offered: Vec<u32> = self.state_call(VERSIONS, &[], at).await?;
        let version = METADATA_VERSIONS
            .into_iter()
            .find(|version| offered.contains(version))
            .ok_or_else(|| ChainError::unreadable("metadata", format!("versions {offered:?}")))?;
        let found: Option<Vec<u8>> = self.state_call(AT_VERSION, &version.encode(), at).await?;
        let bytes = found.ok_or_else(|| ChainError::unreadable(AT_VERSION, "it is empty"))?;
        Metadata::decode_from(&bytes).map_err(|e| ChainError::unreadable(AT_VERSION, e))
    }

    /// The parent's hash, and the number.
    async fn header(&self, hash: H256) -> Result<(H256, BlockNumber)> {
        let header: Option<Header> = self.request("chain_getHeader", params![hash]).await?;
        let header = header.ok_or_else(|| ChainError::BlockUnknown {
            block: format!("{hash:?}"),
        })?;
        Ok((header.parent_hash, header.number()?))
    }

    /// One request. A lost connection is made anew, and the request repeated once, so use this
    /// for what can be asked twice.
    pub(super) async fn request<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: RpcParams,
    ) -> Result<T> {
        let first = self.rpc().request(method, params.clone()).await;
        let error = match first {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if !matches!(error, RpcError::Client(_)) {
            return Err(self.error(method, error));
        }
        self.reconnect().await?;
        let second = self.rpc().request(method, params).await;
        second.map_err(|error| self.error(method, error))
    }

    pub(super) async fn subscribe<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: RpcParams,
        end: &str,
    ) -> Result<RpcSubscription<T>> {
        let subscription = self.rpc().subscribe(method, params, end).await;
        subscription.map_err(|error| self.error(method, error))
    }

    pub(super) fn rpc(&self) -> RpcClient {
        self.inner
            .rpc
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A node that comes back may be another one: it must still be on our chain.
    pub(super) async fn reconnect(&self) -> Result<()> {
        // A test's connection that is lost stays so.
        let rpc = match cfg!(test) {
            true => dial(&self.inner.url).await?,
            false => self.inner.dial().await?,
        };
        *self
            .inner
            .rpc
            .write()
            .unwrap_or_else(PoisonError::into_inner) = rpc;
        Ok(())
    }

    pub(super) fn error(&self, method: &str, error: RpcError) -> ChainError {
        rpc_error(&self.inner.url, method, error)
    }
}

impl From<Inner> for Chain {
    fn from(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl Inner {
    async fn dial(&self) -> Result<RpcClient> {
        #[cfg(test)]
        if let Some(dialer) = &self.dialer {
            return Ok(dialer());
        }
        let url = &self.url;
        let rpc = dial(url).await?;
        let found = genesis(&rpc, url).await?;
        if found != self.genesis {
            return Err(ChainError::WrongChain {
                url: url.clone(),
                expected: self.genesis,
                found,
            });
        }
        Ok(rpc)
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain")
            .field("url", &self.inner.url)
            .field("genesis", &self.inner.genesis)
            .finish()
    }
}

/// The key under which a pallet keeps a value, or the prefix of a map.
pub fn storage_prefix(pallet: &str, item: &str) -> Vec<u8> {
    let mut key = sp_crypto_hashing::twox_128(pallet.as_bytes()).to_vec();
    key.extend(sp_crypto_hashing::twox_128(item.as_bytes()));
    key
}

/// The key of a map's entry, for maps with `Blake2_128Concat` keys.
pub fn storage_key(pallet: &str, item: &str, entry: &[u8]) -> Vec<u8> {
    let mut key = storage_prefix(pallet, item);
    key.extend(sp_crypto_hashing::blake2_128(entry));
    key.extend(entry);
    key
}

async fn dial(url: &str) -> Result<RpcClient> {
    let unreachable = |reason: String| ChainError::NodeUnreachable {
        url: url.into(),
        reason,
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, RpcClient::from_insecure_url(url)).await {
        Ok(Ok(rpc)) => Ok(rpc),
        Ok(Err(error)) => Err(unreachable(cause(&error))),
        Err(_) => Err(unreachable(format!(
            "no connection after {} s",
            CONNECT_TIMEOUT.as_secs()
        ))),
    }
}

async fn ask<T: serde::de::DeserializeOwned>(
    rpc: &RpcClient,
    url: &str,
    method: &str,
    params: RpcParams,
) -> Result<T> {
    let answer = rpc.request(method, params).await;
    answer.map_err(|error| rpc_error(url, method, error))
}

async fn genesis(rpc: &RpcClient, url: &str) -> Result<Genesis> {
    const METHOD: &str = "chain_getBlockHash";
    let hash: Option<H256> = ask(rpc, url, METHOD, params![0]).await?;
    hash.ok_or_else(|| ChainError::unreadable(METHOD, "there is no genesis block"))
}

fn check_version(url: &str, version: &Version) -> Result<()> {
    let id = hex(&sp_crypto_hashing::blake2_64(b"SalusApi"));
    let api = version
        .apis
        .iter()
        .find_map(|(found, version)| (*found == id).then_some(*version));
    match api {
        None => Err(ChainError::NotSalus {
            url: url.into(),
            found: version.spec_name.clone(),
        }),
        Some(found) if found < SALUS_API => Err(ChainError::ChainTooOld {
            url: url.into(),
            found,
            needed: SALUS_API,
        }),
        Some(_) => Ok(()),
    }
}

fn rpc_error(url: &str, method: &str, error: RpcError) -> ChainError {
    match error {
        RpcError::User(error) => {
            // Stock nodes answer so for blocks that they have pruned or never seen.
            let text = &error.message;
            if text.contains("UnknownBlock") || text.contains("State already discarded") {
                return ChainError::BlockUnknown {
                    block: text.clone(),
                };
            }
            ChainError::Refused {
                method: method.into(),
                reason: match &error.data {
                    Some(data) => format!("{text}: {}", data.get().trim_matches('"')),
                    None => text.clone(),
                },
            }
        }
        RpcError::Deserialization(error) => ChainError::unreadable(method, error),
        error => ChainError::NodeUnreachable {
            url: url.into(),
            reason: cause(&error),
        },
    }
}

fn cause(error: &RpcError) -> String {
    match error {
        RpcError::Client(inner) => match inner.downcast_ref::<RpcError>() {
            Some(inner) => cause(inner),
            None => innermost(inner.as_ref()),
        },
        error => error.to_string(),
    }
}

/// The cause that a person can do something about.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runtime {
    /// What it says that it is.
    pub fn version(&self) -> super::CodeVersion {
        super::CodeVersion {
            spec_name: self.spec_name.clone(),
            spec_version: self.spec_version,
        }
    }

    /// SCALE of a `RuntimeCall`, after checking that its arguments have the shape this runtime
    /// expects.
    pub fn encode_call(&self, call: &super::Call) -> Result<Vec<u8>> {
        let unknown = |reason: String| ChainError::UnknownCall {
            call: call.to_string(),
            reason,
        };
        let pallet = self
            .metadata
            .pallet_by_name(&call.pallet)
            .ok_or_else(|| unknown("there is no such pallet".into()))?;
        let variant = pallet
            .call_variant_by_name(&call.name)
            .ok_or_else(|| unknown("the pallet has no such call".into()))?;
        let rest = &mut &call.args[..];
        for field in &variant.fields {
            scale_value::scale::decode_as_type(rest, field.ty.id, self.metadata.types())
                .map_err(|e| unknown(e.to_string()))?;
        }
        if !rest.is_empty() {
            return Err(unknown(format!("{} bytes too many", rest.len())));
        }
        let mut bytes = vec![pallet.call_index(), variant.index];
        bytes.extend(&call.args);
        Ok(bytes)
    }
}

/// The length prefix of a SCALE list, and what follows.
pub(super) fn compact_length(bytes: &[u8]) -> Result<(u32, usize)> {
    let input = &mut &bytes[..];
    let length = Compact::<u32>::decode(input).map_err(|e| ChainError::unreadable("a list", e))?;
    Ok((length.0, bytes.len() - input.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_public_unless_its_node_says_otherwise() {
        let of = |json: &str| Kind::read(&serde_json::from_str(json).unwrap());
        for (json, kind) in [
            (r#""Development""#, Kind::Development),
            (r#""Local""#, Kind::Development),
            (r#"{"Custom":"PrivateNetwork"}"#, Kind::Private),
            (r#"{"Custom":"Else"}"#, Kind::Public),
            (r#""PrivateNetwork""#, Kind::Public),
            (r#""Live""#, Kind::Public),
            ("null", Kind::Public),
        ] {
            assert_eq!(of(json), kind, "{json}");
        }
    }
}
