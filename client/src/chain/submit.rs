//! Signing, sending, and waiting until what was sent cannot be undone.

use std::time::Duration;

use salus_primitives::{AccountId, BlockNumber, Moment};
use serde::Deserialize;
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
    connect::{params, unhex},
    events::{decode_events_where, ChainEvent, RawEvent},
    Block, Call, Chain, ChainError, Phase, Result, Runtime,
};
use crate::keys::AccountKey;

/// Blocks within which a transaction must be included. The chain remembers 4,096.
pub const MORTALITY: u32 = 256;
/// Transactions of one person that may wait in the pool at once.
pub const PIPELINE: usize = 48;
const ATTEMPTS: usize = 3;
const POLL: Duration = Duration::from_millis(500);
/// A node that tells nothing for so long may have lost what it was sent.
const SILENCE: Duration = Duration::from_secs(30);

/// From which block on a transaction is valid, for [`MORTALITY`] blocks.
pub type Mortality = Block;

/// A signed transaction that has not been sent yet.
#[derive(Clone, Debug)]
pub struct Signed {
    pub call: String,
    pub bytes: Vec<u8>,
    /// After this block it can no longer take effect.
    pub valid_until: BlockNumber,
    born: BlockNumber,
}

impl Signed {
    /// `0x…`, as `author_submitExtrinsic` takes it.
    pub fn hex(&self) -> String {
        super::connect::hex(&self.bytes)
    }
}

/// A transaction in a finalized block, having done what it should.
#[derive(Clone, Debug)]
pub struct Submitted {
    pub block: Block,
    /// Its place in the block.
    pub extrinsic_index: u32,
    /// The chain's clock in that block.
    pub moment: Moment,
    /// What it caused.
    pub events: Vec<ChainEvent>,
}

impl Submitted {
    /// The first event of this name.
    pub fn event(&self, pallet: &str, variant: &str) -> Option<&ChainEvent> {
        self.events.iter().find(|event| event.is(pallet, variant))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Future,
    Ready,
    Broadcast(#[allow(dead_code)] Vec<String>),
    InBlock(H256),
    Retracted(#[allow(dead_code)] H256),
    FinalityTimeout(#[allow(dead_code)] H256),
    Finalized(H256),
    Usurped(#[allow(dead_code)] H256),
    Dropped,
    Invalid,
}

impl Chain {
    /// Signs a call, sends it and waits until it is finalized.
    ///
    /// Errors if the chain turns it away, if the call fails, or if the node is lost meanwhile.
    pub async fn submit(&self, key: &AccountKey, call: &Call) -> Result<Submitted> {
        let (signed, watch) = self.send_next(key, call).await?;
        tracing::debug!("sent");
        self.outcome(&signed, watch).await
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

    /// Governance: makes the council do this. Decides at once where one member's vote is enough;
    /// else opens a motion, and the others vote with [`super::calls::council::vote`].
    pub async fn propose(
        &self,
        key: &AccountKey,
        threshold: u32,
        call: &Call,
    ) -> Result<Submitted> {
        let runtime = self.runtime(self.finalized().await?.hash).await?;
        let proposal = runtime.encode_call(call)?;
        self.submit(key, &super::calls::council::propose(threshold, &proposal))
            .await
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
                Err(error) if attempt < ATTEMPTS && is_passing(&error) => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn watch(&self, signed: &Signed) -> Result<RpcSubscription<Status>> {
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
                rejection(call, error.code, &error.message, detail)
            }
            error => self.error("author_submitExtrinsic", error),
        }
    }

    async fn outcome(
        &self,
        signed: &Signed,
        mut watch: RpcSubscription<Status>,
    ) -> Result<Submitted> {
        // What a block says of it is read while the block waits to be finalized.
        let mut foreseen = None;
        loop {
            let Ok(told) = tokio::time::timeout(SILENCE, watch.next()).await else {
                if self.is_settled(signed).await.unwrap_or(false) {
                    break;
                }
                // Refused as long as it stands in the pool or in a block. A fork that was given up may
                // have left it in neither.
                if let Ok(again) = self.watch(signed).await {
                    tracing::debug!("sent again");
                    watch = again;
                }
                continue;
            };
            let Some(status) = told else { break };
            match status {
                Ok(Status::Finalized(block)) => {
                    tracing::debug!("finalized");
                    return match foreseen {
                        Some((found, outcome)) if found == block => outcome,
                        _ => self.find_in(signed, block).await,
                    };
                }
                Ok(Status::InBlock(block)) => {
                    tracing::debug!("in a block");
                    foreseen = match self.find_in(signed, block).await {
                        outcome @ (Ok(_) | Err(ChainError::Failed { .. })) => {
                            Some((block, outcome))
                        }
                        Err(_) => None,
                    };
                }
                Ok(given_up @ (Status::Usurped(_) | Status::Dropped | Status::Invalid)) => {
                    return self.after_giving_up(signed, given_up).await;
                }
                Ok(Status::FinalityTimeout(_)) | Err(_) => break,
                Ok(
                    Status::Future | Status::Ready | Status::Broadcast(_) | Status::Retracted(_),
                ) => {}
            }
        }
        // The node stopped telling. What is finalized, and when it is too late, can be read.
        let found = self.find(signed).await;
        found.map_err(|error| unknown_if_lost(signed, error))
    }

    /// A pool's word is not the chain's: what another node put into a block while ours was behind is
    /// invalid in our node's pool, because it has been done.
    async fn after_giving_up(&self, signed: &Signed, given_up: Status) -> Result<Submitted> {
        // Up to the best block: it may not be finalized yet.
        let outcome = match self.is_included(signed, signed.valid_until).await {
            Ok(true) => self.find(signed).await,
            Ok(false) => Err(refusal_of_pool(&signed.call, &given_up)),
            Err(error) => Err(error),
        };
        outcome.map_err(|error| unknown_if_lost(signed, error))
    }

    /// Whether it is in a finalized block, or can no longer be in any.
    async fn is_settled(&self, signed: &Signed) -> Result<bool> {
        let last = self.finalized().await?.number;
        Ok(last >= signed.valid_until || self.is_included(signed, last).await?)
    }

    /// Whether one of the canonical blocks up to this one has it.
    async fn is_included(&self, signed: &Signed, last: BlockNumber) -> Result<bool> {
        for number in signed.born..=last {
            let block = match self.block_at(number).await {
                Ok(block) => block,
                Err(ChainError::BlockUnknown { .. }) => break,
                Err(error) => return Err(error),
            };
            if self.place_in(signed, block.hash).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn find(&self, signed: &Signed) -> Result<Submitted> {
        let mut number = signed.born;
        while number <= signed.valid_until {
            while self.finalized().await?.number < number {
                tokio::time::sleep(POLL).await;
            }
            let block = self.block_at(number).await?;
            if self.place_in(signed, block.hash).await?.is_some() {
                return self.find_in(signed, block.hash).await;
            }
            number = number.saturating_add(1);
        }
        Err(ChainError::Expired {
            call: signed.call.clone(),
            until: signed.valid_until,
        })
    }

    /// The transactions of a block, as they were sent.
    pub async fn extrinsics(&self, block: H256) -> Result<Vec<Vec<u8>>> {
        let body = self.body(block).await?;
        body.iter()
            .map(|extrinsic| unhex("chain_getBlock", extrinsic))
            .collect()
    }

    async fn place_in(&self, signed: &Signed, block: H256) -> Result<Option<u32>> {
        let wanted = signed.hex();
        let body = self.body(block).await?;
        let index = body.iter().position(|extrinsic| *extrinsic == wanted);
        Ok(index.and_then(|index| u32::try_from(index).ok()))
    }

    async fn body(&self, block: H256) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Answer {
            block: Body,
        }
        #[derive(Deserialize)]
        struct Body {
            extrinsics: Vec<String>,
        }
        let answer: Option<Answer> = self.request("chain_getBlock", params![block]).await?;
        let answer = answer.ok_or_else(|| ChainError::BlockUnknown {
            block: format!("{block:?}"),
        })?;
        Ok(answer.block.extrinsics)
    }

    async fn find_in(&self, signed: &Signed, hash: H256) -> Result<Submitted> {
        let index = self.place_in(signed, hash).await?;
        let extrinsic_index = index.ok_or_else(|| {
            ChainError::unreadable(
                "chain_getBlock",
                format!(
                    "{} is not in the block {hash:?} that it is said to be in",
                    signed.call
                ),
            )
        })?;
        let (block, parent) = self.block(hash).await?;
        // The block may not be finalized: what is learned about such ones is not kept by number.
        let runtime = self.runtime(parent).await?;
        let moment = self.moment(hash).await?;
        let events = self.raw_events(hash).await?;
        let its_own = |event: &RawEvent| event.phase == Phase::ApplyExtrinsic(extrinsic_index);
        let events = decode_events_where(&events, &runtime.metadata, its_own)?;
        if let Some(error) = events.iter().find_map(dispatch_error) {
            let (error, explanation) = runtime.explain(error);
            return Err(ChainError::Failed {
                call: signed.call.clone(),
                error,
                explanation,
                block: hash,
            });
        }
        Ok(Submitted {
            block,
            extrinsic_index,
            moment,
            events,
        })
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

/// Why the node's pool let go of a transaction that is in no block.
fn refusal_of_pool(call: &str, given_up: &Status) -> ChainError {
    let (reason, advice) = match given_up {
        Status::Usurped(_) => (
            "another transaction of this account took its place",
            "Two programs use this key at once: try again",
        ),
        Status::Dropped => (
            "the node's pool is full and dropped it",
            "Try again in a minute",
        ),
        _ => (
            "it became invalid before it was included",
            "Check that the account is still in good standing, then try again",
        ),
    };
    ChainError::Rejected {
        call: call.into(),
        custom: None,
        reason: reason.into(),
        advice,
    }
}

fn unknown_if_lost(signed: &Signed, error: ChainError) -> ChainError {
    match error {
        error if error.is_transport() => ChainError::OutcomeUnknown {
            call: signed.call.clone(),
            reason: error.to_string(),
        },
        error => error,
    }
}

impl Runtime {
    /// The name of a dispatch error, as it stands in an event, and what its docs say.
    fn explain(&self, error: &Value) -> (String, String) {
        let module = error.get("Module").and_then(|module| {
            let index = u8::try_from(module.get("index")?.as_u64()?).ok()?;
            let bytes = hex::decode(module.get("error")?.as_str()?.strip_prefix("0x")?).ok()?;
            let pallet = self.metadata.pallet_by_error_index(index)?;
            let variant = pallet.error_variant_by_index(*bytes.first()?)?;
            Some((
                format!("{}.{}", pallet.name(), variant.name),
                variant.docs.join(" ").trim().to_string(),
            ))
        });
        if let Some(found) = module {
            return found;
        }
        match error.as_str() {
            Some("BadOrigin") => (
                "BadOrigin".into(),
                "this account has no right to do that".into(),
            ),
            Some(name) => (name.into(), "the chain refused it".into()),
            None => (error.to_string(), "the chain refused it".into()),
        }
    }
}

/// The error in `System.ExtrinsicFailed`, or in a decision of the council that failed when it was
/// carried out, which the chain does not count as a failed transaction.
fn dispatch_error(event: &ChainEvent) -> Option<&Value> {
    if event.is("System", "ExtrinsicFailed") {
        return event.fields.get("dispatch_error");
    }
    if event.pallet == "Council" {
        return event.fields.get("result")?.get("Err");
    }
    None
}

/// What the node says while forks come and go.
const COULD_NOT_ASK: &str = "could not ask its chain";

/// Whether it can be sent again at once, with a new nonce.
fn is_passing(error: &ChainError) -> bool {
    let passes = ["outdated", "Priority is too low", COULD_NOT_ASK];
    matches!(error, ChainError::Rejected { reason, .. }
        if passes.iter().any(|said| reason.contains(said)))
}

/// What the pool's answer means, and what to do.
fn rejection(call: &str, code: i32, message: &str, detail: &str) -> ChainError {
    let custom = detail
        .strip_prefix("Custom error: ")
        .and_then(|number| number.parse().ok());
    let (reason, advice) = match (code, custom) {
        (_, Some(1)) => (
            "the account is neither an active member nor the controller of a patient".into(),
            "Ask your organisation's admin for a credential, or have it renewed or reinstated",
        ),
        (_, Some(2)) => (
            "the account has used up what it may do for now".into(),
            "Wait a minute: the allowance refills with each block",
        ),
        (_, Some(3)) => (
            "too many transactions of this account are waiting".into(),
            "Wait until some of them are in a block",
        ),
        (1002, _) => (
            format!("the node {COULD_NOT_ASK}: {detail}"),
            "Try again: the block that it looked at has just been given up for another",
        ),
        (1014, _) => (
            format!("{message} (another transaction of this account is waiting in its place)"),
            "Wait for it, then try again",
        ),
        (1016, _) => ("the node's pool is full".into(), "Try again in a minute"),
        (1012, _) => (
            "the node has put it off, because it was invalid or in a block a moment ago".into(),
            "Try again in some seconds, or change the transaction",
        ),
        (1013, _) => (
            "it is already waiting in the pool".into(),
            "There is nothing to do: it takes effect by itself",
        ),
        _ => (
            [message, detail]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(": "),
            "Check that the node is in step with its chain, then try again",
        ),
    };
    ChainError::Rejected {
        call: call.into(),
        custom,
        reason,
        advice,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(code: i32, message: &str, detail: &str) -> String {
        rejection("AccessLog.open", code, message, detail).to_string()
    }

    #[test]
    fn the_three_refusals_of_the_membership_check_tell_what_to_do() {
        let stranger = text(1010, "Invalid Transaction", "Custom error: 1");
        assert!(stranger.contains("neither an active member"), "{stranger}");
        assert!(stranger.contains("admin"), "{stranger}");
        let empty = text(1010, "Invalid Transaction", "Custom error: 2");
        assert!(empty.contains("Wait a minute"), "{empty}");
        let far = text(1010, "Invalid Transaction", "Custom error: 3");
        assert!(far.contains("too many transactions"), "{far}");
        let other = text(1010, "Invalid Transaction", "Custom error: 9");
        assert!(other.contains("Custom error: 9"), "{other}");
    }

    #[test]
    fn only_a_lost_race_for_the_nonce_or_between_forks_is_tried_again() {
        let passes = |code, message, detail| is_passing(&rejection("x", code, message, detail));
        assert!(passes(
            1002,
            "Verification Error: Runtime error: Api called for an unknown Block",
            "State already discarded for 0x37"
        ));
        assert!(passes(
            1010,
            "Invalid Transaction",
            "Transaction is outdated"
        ));
        assert!(passes(1014, "Priority is too low: (1 vs 1)", ""));
        assert!(!passes(1010, "Invalid Transaction", "Custom error: 1"));
        assert!(!passes(
            1010,
            "Invalid Transaction",
            "Transaction has a bad signature"
        ));
    }

    #[test]
    fn a_decision_that_failed_when_carried_out_is_a_failure() {
        let event = |fields| ChainEvent {
            index: 0,
            phase: Phase::ApplyExtrinsic(1),
            pallet: "Council".into(),
            variant: "Executed".into(),
            fields,
            raw: Vec::new(),
        };
        let failed = event(serde_json::json!({"result": {"Err": "BadOrigin"}}));
        assert_eq!(dispatch_error(&failed), Some(&Value::from("BadOrigin")));
        assert_eq!(
            dispatch_error(&event(serde_json::json!({"result": {"Ok": null}}))),
            None
        );
    }
}
