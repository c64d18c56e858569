//! Signing and sending.

use std::time::{Duration, Instant};

use salus_primitives::{AccountId, BlockNumber};
use serde_json::Value;
use sp_core::H256;
use subxt::{
    config::{
        substrate::{SpecVersionForRange, SubstrateConfigBuilder},
        DefaultExtrinsicParamsBuilder, SubstrateConfig,
    },
    ext::scale_encode::{self, EncodeAsFields, FieldIter, TypeResolver},
    rpcs::{client::RpcSubscription, Error as RpcError},
    tx::{Payload, Signer},
    utils::{AccountId32, MultiSignature},
    OfflineClient,
};

use super::{
    connect::{lock, params, storage_key},
    outcome::Status,
    Block, Call, Chain, ChainError, Rejection, Result, Runtime, Submitted,
};
use crate::keys::AccountKey;

/// Blocks within which a transaction must be included. The chain remembers 4,096.
pub const MORTALITY: u32 = 256;
/// Transactions of one person that may wait in the pool at once.
pub const PIPELINE: usize = 48;
const ATTEMPTS: usize = 3;
/// How often an account is looked at whose transactions wait, and how long.
const LOOK: Duration = Duration::from_millis(500);
const SETTLES_WITHIN: Duration = Duration::from_secs(120);

/// From which block on a transaction is valid, for [`MORTALITY`] blocks.
pub type Mortality = Block;

/// A signed transaction that has not been sent yet.
#[derive(Clone, Debug)]
pub struct Signed {
    pub call: String,
    pub bytes: Vec<u8>,
    /// After this block it can no longer take effect.
    pub valid_until: BlockNumber,
    /// No earlier block has it.
    pub(super) born: BlockNumber,
}

impl Signed {
    /// `0x…`, as `author_submitExtrinsic` takes it.
    pub fn hex(&self) -> String {
        super::connect::hex(&self.bytes)
    }
}

impl Chain {
    /// Signs a call, sends it and waits until it is finalized.
    ///
    /// Errors if the chain turns it away, if the call fails, or if the node is lost meanwhile.
    pub async fn submit(&self, key: &AccountKey, call: &Call) -> Result<Submitted> {
        let chain = self.for_call(&key.account(), call).await?;
        #[cfg(test)]
        if let Some(double) = &self.inner.double {
            if let Some(taken) = double.taken(key, call).await {
                return taken;
            }
        }
        let (signed, watch) = chain.send_next(key, call).await?;
        tracing::debug!("sent");
        lock(&self.inner.acted).insert(key.account());
        chain.outcome(&signed, watch).await
    }

    /// Whether this account has submitted anything since it connected.
    pub fn has_acted(&self, account: &AccountId) -> bool {
        lock(&self.inner.acted).contains(account)
    }

    /// Sends calls of one account one after the other, without waiting for each to be finalized.
    /// The results are in the order of the calls.
    pub async fn submit_many(&self, key: &AccountKey, calls: &[Call]) -> Vec<Result<Submitted>> {
        use futures::StreamExt;

        let submissions: Vec<_> = calls.iter().map(|call| self.submit(key, call)).collect();
        futures::stream::iter(submissions)
            .buffered(PIPELINE)
            .collect()
            .await
    }

    /// The account's next nonce, counting what waits in the node's pool.
    pub async fn next_nonce(&self, account: &AccountId) -> Result<u64> {
        self.request("system_accountNextIndex", params![account.to_string()])
            .await
    }

    /// Waits until nothing of this account is under way: whoever goes on with what broke off must know
    /// what has come of it.
    ///
    /// Errors if something still waits in the node's pool, or in blocks that are not finalized, after two
    /// minutes.
    pub async fn settled(&self, account: &AccountId) -> Result<()> {
        let chain = self.of_account(account).await?;
        let key = storage_key("System", "Account", account.as_ref());
        let began = Instant::now();
        loop {
            let next = chain.next_nonce(account).await?;
            // The row begins with it.
            let nonce: Option<u32> = chain.storage(&key, chain.finalized().await?.hash).await?;
            if u64::from(nonce.unwrap_or_default()) >= next {
                return Ok(());
            }
            if began.elapsed() > SETTLES_WITHIN {
                return Err(ChainError::Unsettled {
                    account: account.to_string(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Signs without sending. Needs the node only for the runtime's metadata.
    pub async fn sign(
        &self,
        key: &AccountKey,
        call: &Call,
        nonce: u64,
        from: Mortality,
    ) -> Result<Signed> {
        let runtime = self.runtime(from.hash).await?;
        self.sign_with(&runtime, key, call, nonce, from)
    }

    /// Puts a signed transaction into the node's pool and does not wait.
    pub async fn send(&self, signed: &Signed) -> Result<H256> {
        let sent = self
            .rpc()
            .request("author_submitExtrinsic", params![signed.hex()])
            .await;
        sent.map_err(|error| self.send_error(&signed.call, error))
    }

    /// Sends a signed transaction and waits until it is finalized.
    pub async fn send_and_wait(&self, signed: &Signed) -> Result<Submitted> {
        let watch = self.watch(signed).await?;
        self.outcome(signed, watch).await
    }

    /// Takes the next nonce and enters the pool before anyone else of this process does. Another
    /// program with the same key may still be faster: then again with a new nonce.
    async fn send_next(
        &self,
        key: &AccountKey,
        call: &Call,
    ) -> Result<(Signed, RpcSubscription<Status>)> {
        let _turn = self.inner.submitting.lock().await;
        let mut attempt = 1;
        loop {
            let from = self.finalized().await?;
            let nonce = self.next_nonce(&key.account()).await?;
            let signed = self.sign(key, call, nonce, from).await?;
            match self.watch(&signed).await {
                Ok(watch) => return Ok((signed, watch)),
                Err(ChainError::Rejected { why, .. }) if attempt < ATTEMPTS && why.is_passing() => {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn watch(&self, signed: &Signed) -> Result<RpcSubscription<Status>> {
        let watch = self
            .rpc()
            .subscribe(
                "author_submitAndWatchExtrinsic",
                params![signed.hex()],
                "author_unwatchExtrinsic",
            )
            .await;
        watch.map_err(|error| self.send_error(&signed.call, error))
    }

    fn send_error(&self, call: &str, error: RpcError) -> ChainError {
        match error {
            RpcError::User(error) => {
                let data = error
                    .data
                    .and_then(|data| serde_json::from_str::<Value>(data.get()).ok());
                let detail = data.as_ref().and_then(Value::as_str).unwrap_or_default();
                ChainError::Rejected {
                    call: call.into(),
                    why: Rejection::of(error.code, &error.message, detail),
                }
            }
            error => self.error("author_submitExtrinsic", error),
        }
    }

    /// As [`Chain::sign`], for whoever has asked for the runtime already: asks the node nothing.
    pub fn sign_with(
        &self,
        runtime: &Runtime,
        key: &AccountKey,
        call: &Call,
        nonce: u64,
        from: Mortality,
    ) -> Result<Signed> {
        // Checks the arguments, too, which subxt then takes as they are.
        runtime.encode_call(call)?;
        let refused = |e: &dyn std::fmt::Display| ChainError::UnknownCall {
            call: call.to_string(),
            reason: e.to_string(),
        };
        let number = u64::from(from.number);
        let config = SubstrateConfigBuilder::new()
            .set_genesis_hash(subxt::utils::H256(self.genesis().0))
            .set_spec_version_for_block_ranges([SpecVersionForRange {
                block_range: number..number + 1,
                spec_version: runtime.spec_version,
                transaction_version: runtime.transaction_version,
            }])
            .set_metadata_for_spec_versions([(runtime.spec_version, runtime.metadata.clone())])
            .build();
        let client = OfflineClient::new_with_config(config)
            .at_block(number)
            .map_err(|e| refused(&e))?;
        let params = DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new()
            .nonce(nonce)
            .mortal_from_unchecked(MORTALITY.into(), number, subxt::utils::H256(from.hash.0))
            .build();
        let payload = Encoded(call);
        let bytes = client
            .tx()
            .create_v4_signable_offline(&payload, params)
            .and_then(|mut signable| signable.sign(&Key(key)))
            .map_err(|e| refused(&e))?
            .into_encoded();
        Ok(Signed {
            call: call.to_string(),
            bytes,
            valid_until: from.number.saturating_add(MORTALITY),
            born: from.number,
        })
    }
}

/// A call whose arguments are encoded already.
struct Encoded<'a>(&'a Call);

impl Payload for Encoded<'_> {
    type CallData = Self;

    fn pallet_name(&self) -> &str {
        &self.0.pallet
    }

    fn call_name(&self) -> &str {
        &self.0.name
    }

    fn call_data(&self) -> &Self {
        self
    }
}

impl EncodeAsFields for Encoded<'_> {
    fn encode_as_fields_to<R: TypeResolver>(
        &self,
        _: &mut dyn FieldIter<'_, R::TypeId>,
        _: &R,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), scale_encode::Error> {
        out.extend(&self.0.args);
        Ok(())
    }
}

struct Key<'a>(&'a AccountKey);

impl Signer<SubstrateConfig> for Key<'_> {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.0.account().into())
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(self.0.sign(payload))
    }
}
