//! Blocks as they come, and how long a transaction waits for one.

use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc, Mutex, MutexGuard, PoisonError,
    },
    time::Duration,
};

use anyhow::{Context, Result};
use salus_client::{
    chain::{Call, Chain, ChainError, Phase},
    keys::AccountKey,
};
use salus_primitives::BlockNumber;
use serde_json::Value;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;

use super::{LOOK, PATIENCE};

/// A flood is at its height after so many blocks.
const HEIGHT: BlockNumber = 3;
/// A probe that was refused is sent again after so long.
const PAUSE: Duration = Duration::from_millis(200);

/// A transaction in a finalized block.
#[derive(Clone, Copy)]
pub struct Found {
    pub block: BlockNumber,
    /// Picoseconds of block time that it was counted with.
    pub weight: u64,
}

/// The finalized blocks from one on.
pub struct Watch<'a> {
    chain: &'a Chain,
    from: BlockNumber,
    over: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
pub struct Seen {
    pub found: HashMap<H256, Found>,
    best: BlockNumber,
    finalized: BlockNumber,
    probing: usize,
}

impl<'a> Watch<'a> {
    pub async fn begin(chain: &'a Chain) -> Result<Self> {
        let from = chain.finalized().await?.number;
        let watch = Self {
            chain,
            from,
            over: AtomicBool::new(false),
            seen: Mutex::default(),
        };
        watch.lock().finalized = from;
        watch.lock().best = from;
        Ok(watch)
    }

    /// The last block before those that are watched.
    pub fn from(&self) -> BlockNumber {
        self.from
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.lock()
    }

    /// No probe begins any more.
    pub fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub async fn wait_for(&self, block: BlockNumber) {
        while self.lock().finalized < block {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads blocks until no probe waits any more, at the most up to `last`.
    pub async fn follow(&self, last: BlockNumber) -> Result<()> {
        let mut heads = self.chain.best_heads().await?;
        let best = async {
            while let Some(number) = heads.next().await {
                let mut seen = self.lock();
                seen.best = seen.best.max(number);
            }
            // The blocks tell it, too.
            std::future::pending::<()>().await;
        };
        let read = async {
            let mut blocks = self.chain.follow(self.from + 1);
            loop {
                let block = blocks.next().await?;
                self.read(block.number, block.hash).await?;
                let idle = self.over.load(Ordering::Relaxed) && self.lock().probing == 0;
                if idle || block.number >= last {
                    return anyhow::Ok(());
                }
            }
        };
        tokio::select! {
            done = read => done,
            () = best => Ok(()),
        }
    }

    async fn read(&self, number: BlockNumber, hash: H256) -> Result<()> {
        let (bodies, events) =
            futures::try_join!(self.chain.extrinsics(hash), self.chain.events(hash))?;
        let mut weights = HashMap::new();
        for event in &events {
            let Phase::ApplyExtrinsic(index) = event.phase else {
                continue;
            };
            if event.is("System", "ExtrinsicSuccess") || event.is("System", "ExtrinsicFailed") {
                let weight = &event.fields["dispatch_info"]["weight"]["ref_time"];
                weights.insert(
                    index,
                    picoseconds(weight).context("a dispatch has a weight")?,
                );
            }
        }
        let mut seen = self.lock();
        for (index, body) in (0u32..).zip(&bodies) {
            let weight = weights.get(&index).copied().unwrap_or_default();
            let found = Found {
                block: number,
                weight,
            };
            seen.found.insert(H256(blake2_256(body)), found);
        }
        seen.finalized = number;
        seen.best = seen.best.max(number);
        Ok(())
    }
}

fn picoseconds(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

/// How long somebody else's ordinary calls waited.
#[derive(Default)]
pub struct Delays {
    /// Blocks that passed each of them by.
    pub blocks: Vec<BlockNumber>,
    /// Those that were in no block when they were given up.
    pub never: usize,
    /// Refused by the node, and sent again.
    pub refused: usize,
}

/// Somebody who sends one call after the other, or a single one when the flood is at its height.
pub struct Probe {
    pub name: &'static str,
    key: Arc<AccountKey>,
    call: Call,
    once: bool,
}

impl Probe {
    pub fn new(name: &'static str, key: Arc<AccountKey>, call: Call) -> Self {
        Self {
            name,
            key,
            call,
            once: false,
        }
    }

    pub fn once(name: &'static str, key: Arc<AccountKey>, call: Call) -> Self {
        Self {
            once: true,
            ..Self::new(name, key, call)
        }
    }

    pub async fn run(&self, chain: &Chain, watch: &Watch<'_>) -> Result<Delays> {
        watch.lock().probing += 1;
        let delays = self.probe(chain, watch).await;
        watch.lock().probing -= 1;
        delays
    }

    async fn probe(&self, chain: &Chain, watch: &Watch<'_>) -> Result<Delays> {
        let mut delays = Delays::default();
        if self.once {
            watch.wait_for(watch.from() + HEIGHT).await;
        }
        while !watch.over.load(Ordering::Relaxed) {
            let began = watch.lock().best;
            let Some(hash) = self.send(chain, watch, &mut delays).await? else {
                delays.never += 1;
                break;
            };
            let found = loop {
                let (found, finalized) = {
                    let seen = watch.lock();
                    (seen.found.get(&hash).copied(), seen.finalized)
                };
                if found.is_some() || finalized > began + PATIENCE {
                    break found;
                }
                tokio::time::sleep(LOOK).await;
            };
            match found {
                Some(found) => delays
                    .blocks
                    .push(found.block.saturating_sub(began).saturating_sub(1)),
                None => {
                    delays.never += 1;
                    break;
                }
            }
            if self.once {
                break;
            }
        }
        Ok(delays)
    }

    /// Sends the call, again where the node refuses it; none if it never takes it.
    async fn send(
        &self,
        chain: &Chain,
        watch: &Watch<'_>,
        delays: &mut Delays,
    ) -> Result<Option<H256>> {
        let began = watch.lock().best;
        loop {
            let from = chain.finalized().await?;
            let nonce = chain.next_nonce(&self.key.account()).await?;
            let signed = chain.sign(&self.key, &self.call, nonce, from).await?;
            match chain.send(&signed).await {
                Ok(_) => return Ok(Some(H256(blake2_256(&signed.bytes)))),
                Err(ChainError::Rejected { .. }) => delays.refused += 1,
                Err(error) => return Err(error.into()),
            }
            if watch.lock().finalized > began + PATIENCE {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
