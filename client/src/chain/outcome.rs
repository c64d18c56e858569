//! Waiting until a transaction is in a block that cannot be undone.
//!
//! The node's pool tells what becomes of it, and may be wrong: it calls invalid what another node has
//! put into a block, and forgets what a long fork has held. The blocks decide.

use std::time::Duration;

use salus_primitives::{BlockNumber, Moment};
use serde::Deserialize;
use serde_json::Value;
use sp_core::H256;
use subxt::rpcs::client::RpcSubscription;

use super::{
    connect::{params, unhex},
    events::{decode_events_where, ChainEvent, RawEvent},
    Block, Chain, ChainError, Phase, Rejection, Result, Runtime, Signed,
};

const POLL: Duration = Duration::from_millis(500);
/// A node that tells nothing for so long may have lost what it was sent.
const SILENCE: Duration = Duration::from_secs(30);

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

/// What the pool tells of a transaction.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Status {
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

/// A look through finalized blocks, each of them once.
struct Search<'a> {
    signed: &'a Signed,
    next: BlockNumber,
}

impl Chain {
    pub(super) async fn outcome(
        &self,
        signed: &Signed,
        watch: RpcSubscription<Status>,
    ) -> Result<Submitted> {
        let outcome = self.await_finality(signed, watch).await;
        outcome.map_err(|error| match error {
            error if error.is_transport() => ChainError::OutcomeUnknown {
                call: signed.call.clone(),
                reason: error.to_string(),
            },
            error => error,
        })
    }

    async fn await_finality(
        &self,
        signed: &Signed,
        mut watch: RpcSubscription<Status>,
    ) -> Result<Submitted> {
        let mut search = Search {
            signed,
            next: signed.born,
        };
        // What a block says of it is read while the block waits to be finalized.
        let mut foreseen = None;
        loop {
            let Ok(told) = tokio::time::timeout(SILENCE, watch.next()).await else {
                if let Some(found) = self.look(&mut search).await? {
                    return Ok(found);
                }
                // Refused as long as it stands in the pool or in a block. A fork that was given up may
                // have left it in neither.
                if let Ok(again) = self.watch(signed).await {
                    tracing::debug!("sent again");
                    watch = again;
                }
                continue;
            };
            let given_up = match told {
                Some(Ok(
                    Status::Future | Status::Ready | Status::Broadcast(_) | Status::Retracted(_),
                )) => continue,
                Some(Ok(Status::InBlock(block))) => {
                    tracing::debug!("in a block");
                    foreseen = match self.find_in(signed, block).await {
                        outcome @ (Ok(_) | Err(ChainError::Failed { .. })) => {
                            Some((block, outcome))
                        }
                        Err(_) => None,
                    };
                    continue;
                }
                Some(Ok(Status::Finalized(block))) => {
                    tracing::debug!("finalized");
                    return match foreseen {
                        Some((found, outcome)) if found == block => outcome,
                        _ => self.find_in(signed, block).await,
                    };
                }
                Some(Ok(Status::Usurped(_))) => Rejection::Usurped,
                Some(Ok(Status::Dropped)) => Rejection::PoolFull,
                Some(Ok(Status::Invalid)) => Rejection::BecameInvalid,
                // The node stopped telling. What is finalized, and when it is too late, can be read.
                Some(Ok(Status::FinalityTimeout(_)) | Err(_)) | None => {
                    return self.find(search).await;
                }
            };
            return self.after_giving_up(search, given_up).await;
        }
    }

    /// A pool's word is not the chain's: what another node put into a block while ours was behind is
    /// invalid in our node's pool, because it has been done.
    async fn after_giving_up(&self, mut search: Search<'_>, why: Rejection) -> Result<Submitted> {
        if let Some(found) = self.look(&mut search).await? {
            return Ok(found);
        }
        if self.is_undecided(&search).await? {
            return self.find(search).await;
        }
        Err(ChainError::Rejected {
            call: search.signed.call.clone(),
            why,
        })
    }

    /// Waits for the finalized block that has it, until none can.
    async fn find(&self, mut search: Search<'_>) -> Result<Submitted> {
        loop {
            if let Some(found) = self.look(&mut search).await? {
                return Ok(found);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Looks through the blocks that were finalized since the last look.
    async fn look(&self, search: &mut Search<'_>) -> Result<Option<Submitted>> {
        let signed = search.signed;
        let last = self.finalized().await?.number;
        while search.next <= last.min(signed.valid_until) {
            let block = self.block_at(search.next).await?;
            if let Some(place) = self.place_in(signed, block.hash).await? {
                return self.read(signed, block.hash, place).await.map(Some);
            }
            search.next = search.next.saturating_add(1);
        }
        match last < signed.valid_until {
            true => Ok(None),
            false => Err(ChainError::Expired {
                call: signed.call.clone(),
                until: signed.valid_until,
            }),
        }
    }

    /// Whether it is in one of the blocks that are not finalized yet.
    async fn is_undecided(&self, search: &Search<'_>) -> Result<bool> {
        for number in search.next..=search.signed.valid_until {
            let block = match self.block_at(number).await {
                Ok(block) => block,
                Err(ChainError::BlockUnknown { .. }) => break,
                Err(error) => return Err(error),
            };
            if self.place_in(search.signed, block.hash).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
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

    /// What came of it in the block that is said to have it.
    async fn find_in(&self, signed: &Signed, hash: H256) -> Result<Submitted> {
        match self.place_in(signed, hash).await? {
            Some(place) => self.read(signed, hash, place).await,
            None => {
                let call = &signed.call;
                let reason =
                    format!("{call} is not in the block {hash:?} that it is said to be in");
                Err(ChainError::unreadable("chain_getBlock", reason))
            }
        }
    }

    /// What came of the transaction at this place of a block.
    async fn read(&self, signed: &Signed, hash: H256, extrinsic_index: u32) -> Result<Submitted> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
