//! Drives a chain: signs beforehand, keeps a bounded number of transactions in the pool, and
//! follows finalized blocks. What is not in a finalized block does not count.
//!
//! A node that goes away is waited for, and what it forgot is sent again; the gap is reported. One
//! that is killed may even forget blocks that it had called final.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use futures::{stream, StreamExt, TryStreamExt};
use salus_client::{
    chain::{Block, Call, Chain, ChainError, FinalizedBlocks, Phase, Signed},
    keys::AccountKey,
};
use salus_primitives::{AccountId, BlockNumber};
use serde::Serialize;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use tokio::sync::{RwLock, Semaphore};

/// Requests that wait for the node's word at once.
const IN_FLIGHT: usize = 128;
/// How long the bench waits: for a node that is away, and for transactions that do not come.
const PATIENCE: Duration = Duration::from_secs(180);
/// After so long without any of them in a block, the pool must have lost transactions.
const LOST: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(250);
/// Of a paced load, the seconds that are signed at once, well within a transaction's lifetime.
const SIGNED_AHEAD: f64 = 30.0;

/// A transaction to be.
pub struct Plan {
    pub key: Arc<AccountKey>,
    pub call: Call,
}

pub struct Load<'a> {
    pub chain: &'a Chain,
    /// Transactions that are sent and not yet final, at most.
    pub in_pool: usize,
    /// Transactions a second; as many as go, if none.
    pub rate: Option<f64>,
}

/// What came of a load.
pub struct Flow {
    pub took: Duration,
    /// Until the node had accepted what the pool holds, or all if that is less; and how many.
    pub accepted: (usize, Duration),
    pub transactions: usize,
    pub blocks: Vec<Filled>,
    pub gaps: Vec<Gap>,
    /// Sent and not final, once a second.
    pub backlog: Vec<usize>,
    /// What a node that was there had accepted and forgotten, and got again.
    pub lost: usize,
}

/// A finalized block with transactions of the load.
pub struct Filled {
    pub block: Block,
    /// When the first best block of its number was seen, from the start.
    pub best: Duration,
    /// When it was seen to be final, from the start.
    pub at: Duration,
    pub ours: Vec<Ours>,
    /// Of all its extrinsics.
    pub bytes: usize,
}

/// One of the load's transactions in a block.
pub struct Ours {
    index: u32,
    waiting: Waiting,
    /// From sending to the first best block of the number that holds it.
    pub included: Duration,
    /// From sending to the word that it is final.
    pub finalized: Duration,
}

/// The node did not answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Gap {
    pub after_s: f64,
    pub lasted_s: f64,
    /// What it had accepted and forgotten.
    pub sent_again: usize,
    /// What was in blocks that it had called final and forgotten.
    pub taken_back: usize,
}

impl Load<'_> {
    /// Sends all of it and waits until all of it is final.
    pub async fn run(&self, plans: Vec<Plan>) -> Result<Flow> {
        ensure!(
            self.in_pool > 0,
            "the pool must be allowed at least one transaction"
        );
        let from = self.chain.finalized().await?.number;
        let mut nonces = HashMap::new();
        let batch = match self.rate {
            Some(rate) => ((rate * SIGNED_AHEAD) as usize).max(1),
            None => plans.len().max(1),
        };
        let first = sign(self.chain, &plans[..batch.min(plans.len())], &mut nonces).await?;

        let run = Run {
            load: self,
            started: Instant::now(),
            room: Semaphore::new(self.in_pool),
            total: plans.len(),
            book: Mutex::default(),
            gate: RwLock::default(),
        };
        let sending = async {
            let mut ready = first;
            let mut later = plans.chunks(batch).skip(1);
            let mut sent = 0;
            loop {
                let next = async {
                    match later.next() {
                        Some(plans) => sign(self.chain, plans, &mut nonces).await.map(Some),
                        None => Ok(None),
                    }
                };
                let count = ready.len();
                let (_, next) = futures::try_join!(run.send(ready, sent), next)?;
                sent += count;
                match next {
                    Some(next) => ready = next,
                    None => return Ok(()),
                }
            }
        };
        let driven = async { futures::try_join!(sending, run.follow(from + 1)) };
        let done = tokio::select! {
            done = driven => done,
            never = run.watch_heads() => match never {},
            never = run.count_backlog() => match never {},
        };
        let (_, blocks) = done?;
        Ok(run.close(blocks))
    }
}

impl Flow {
    /// A time of each transaction.
    pub fn times(&self, of: impl Fn(&Ours) -> Duration) -> Vec<Duration> {
        let all = self.blocks.iter().flat_map(|filled| &filled.ours);
        all.map(of).collect()
    }

    /// Of the load in finalized blocks: how many failed, and how many events of this kind it left.
    pub async fn outcome(
        &self,
        chain: &Chain,
        wanted: Option<(&str, &str)>,
    ) -> Result<(usize, usize)> {
        let (mut failed, mut found) = (0, 0);
        for filled in &self.blocks {
            let ours: HashSet<_> = filled.ours.iter().map(|ours| ours.index).collect();
            for event in chain.events(filled.block.hash).await? {
                if !matches!(event.phase, Phase::ApplyExtrinsic(i) if ours.contains(&i)) {
                    continue;
                }
                failed += usize::from(event.is("System", "ExtrinsicFailed"));
                found += usize::from(wanted.is_some_and(|(pallet, name)| event.is(pallet, name)));
            }
        }
        Ok((failed, found))
    }
}

/// Signs with consecutive nonces, on all cores.
async fn sign(
    chain: &Chain,
    plans: &[Plan],
    nonces: &mut HashMap<AccountId, u64>,
) -> Result<Vec<Signed>> {
    let from = chain.finalized().await?;
    let runtime = chain.runtime(from.hash).await?;
    let mut numbered = Vec::with_capacity(plans.len());
    for plan in plans {
        let account = plan.key.account();
        let nonce = match nonces.get(&account) {
            Some(nonce) => *nonce,
            None => chain.next_nonce(&account).await?,
        };
        nonces.insert(account, nonce + 1);
        numbered.push((plan, nonce));
    }
    let cores = std::thread::available_parallelism()?.get();
    let share = numbered.len().div_ceil(cores).max(1);
    let parts = tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let parts: Vec<_> = numbered
                .chunks(share)
                .map(|part| {
                    let runtime = &runtime;
                    scope.spawn(move || {
                        part.iter()
                            .map(|(plan, nonce)| {
                                chain.sign_with(runtime, &plan.key, &plan.call, *nonce, from)
                            })
                            .collect::<Result<Vec<_>, ChainError>>()
                    })
                })
                .collect();
            parts
                .into_iter()
                .map(|part| {
                    part.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect::<Result<Vec<_>, ChainError>>()
        })
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// One transaction on its way.
struct Waiting {
    /// Its place among all: an account's nonces come in this order.
    turn: usize,
    signed: Signed,
    sent: Instant,
    accepted: bool,
}

/// What is known of a run so far.
#[derive(Default)]
struct Book {
    waiting: HashMap<H256, Waiting>,
    accepted: Option<(usize, Duration)>,
    accepted_so_far: usize,
    best: HashMap<BlockNumber, Instant>,
    backlog: Vec<usize>,
    gaps: Vec<Gap>,
    lost: usize,
}

struct Run<'a> {
    load: &'a Load<'a>,
    started: Instant,
    room: Semaphore,
    total: usize,
    book: Mutex<Book>,
    /// Shut while a node that was away gets again what it has forgotten. A pool bans, for half an hour,
    /// what comes too long before its nonce's turn.
    gate: RwLock<()>,
}

impl Run<'_> {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, batch: Vec<Signed>, before: usize) -> Result<()> {
        let turns = stream::iter(batch)
            .enumerate()
            .then(|(i, signed)| async move {
                if let Some(rate) = self.load.rate {
                    let due = self.started + Duration::from_secs_f64((before + i) as f64 / rate);
                    tokio::time::sleep_until(due.into()).await;
                }
                self.room.acquire().await?.forget();
                anyhow::Ok((before + i, signed))
            });
        turns
            .map(|next| async {
                let (turn, signed) = next?;
                self.deliver(turn, signed).await
            })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await
    }

    async fn deliver(&self, turn: usize, signed: Signed) -> Result<()> {
        let hash = hash(&signed.bytes);
        let sent = Instant::now();
        let waiting = Waiting {
            turn,
            signed: signed.clone(),
            sent,
            accepted: false,
        };
        self.book().waiting.insert(hash, waiting);
        loop {
            let open = self.gate.read().await;
            let answer = self.load.chain.send(&signed).await;
            drop(open);
            let Err(error) = answer else { break };
            match complaint(&error) {
                Complaint::Known => break,
                Complaint::Away | Complaint::Full if sent.elapsed() < PATIENCE => {
                    tokio::time::sleep(RETRY).await;
                }
                _ => {
                    return Err(error).context(
                        "the node refused a transaction. If an account's allowance is spent, more \
                         --patients or --services spread the load over more accounts",
                    )
                }
            }
        }
        let mut book = self.book();
        if let Some(waiting) = book.waiting.get_mut(&hash) {
            waiting.accepted = true;
        }
        book.accepted_so_far += 1;
        if book.accepted_so_far == self.load.in_pool.min(self.total) {
            book.accepted = Some((book.accepted_so_far, self.started.elapsed()));
        }
        Ok(())
    }

    /// Waits until the node answers again.
    async fn wait(&self) -> Result<()> {
        let away = Instant::now();
        while let Err(error) = self.load.chain.finalized().await {
            if away.elapsed() > PATIENCE {
                return Err(error).context("the node went away and did not come back");
            }
            tokio::time::sleep(RETRY).await;
        }
        self.book().gaps.push(Gap {
            after_s: (away - self.started).as_secs_f64(),
            lasted_s: away.elapsed().as_secs_f64(),
            sent_again: 0,
            taken_back: 0,
        });
        Ok(())
    }

    /// Sends all that was accepted and is not final; counts what the node took, because it had
    /// forgotten it.
    async fn send_again(&self) -> usize {
        let mut accepted: Vec<(usize, Signed)> = {
            let book = self.book();
            let accepted = book.waiting.values().filter(|waiting| waiting.accepted);
            accepted
                .map(|waiting| (waiting.turn, waiting.signed.clone()))
                .collect()
        };
        accepted.sort_by_key(|(turn, _)| *turn);
        stream::iter(&accepted)
            .map(|(_, signed)| async { self.load.chain.send(signed).await.is_ok() })
            .buffered(IN_FLIGHT)
            .filter(|taken| std::future::ready(*taken))
            .count()
            .await
    }

    /// Leaves out the last blocks that the node no longer has: what they held waits again.
    async fn take_back(&self, blocks: &mut Vec<Filled>) -> Result<usize, ChainError> {
        let mut taken = 0;
        while let Some(last) = blocks.last() {
            match self.load.chain.block_at(last.block.number).await {
                Ok(block) if block.hash == last.block.hash => break,
                Ok(_) | Err(ChainError::BlockUnknown { .. }) => {}
                Err(error) => return Err(error),
            }
            let Some(gone) = blocks.pop() else { break };
            self.room.forget_permits(gone.ours.len());
            taken += gone.ours.len();
            let mut book = self.book();
            book.best.remove(&gone.block.number);
            for ours in gone.ours {
                let hash = hash(&ours.waiting.signed.bytes);
                book.waiting.insert(hash, ours.waiting);
            }
        }
        Ok(taken)
    }

    /// Every finalized block, until all transactions are found.
    async fn follow(&self, from: BlockNumber) -> Result<Vec<Filled>> {
        let mut following = self.load.chain.follow(from);
        let mut blocks: Vec<Filled> = Vec::new();
        let mut progress = Instant::now();
        let mut reminded = progress;
        let found = |blocks: &[Filled]| -> usize { blocks.iter().map(|b| b.ours.len()).sum() };
        while found(&blocks) < self.total {
            match self.step(&mut following, &mut blocks, &mut reminded).await {
                Ok(true) => progress = Instant::now(),
                Ok(false) => {}
                Err(error) if error.is_transport() => {
                    let _shut = self.gate.write().await;
                    self.wait().await?;
                    match self.resume(&mut blocks).await {
                        Ok(()) => {
                            let next = blocks.last().map_or(from, |last| last.block.number + 1);
                            following = self.load.chain.follow(next);
                        }
                        // Gone again: so is what follows it, and the next step will notice.
                        Err(error) if error.is_transport() => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
            ensure!(
                progress.elapsed() < PATIENCE,
                "{} of {} transactions were finalized, and no more came for {} s",
                found(&blocks),
                self.total,
                PATIENCE.as_secs()
            );
        }
        Ok(blocks)
    }

    /// The next finalized block; whether it holds some of the load.
    async fn step(
        &self,
        following: &mut FinalizedBlocks,
        blocks: &mut Vec<Filled>,
        reminded: &mut Instant,
    ) -> Result<bool, ChainError> {
        let chain = self.load.chain;
        let Ok(next) = tokio::time::timeout(PATIENCE, following.next()).await else {
            return Ok(false);
        };
        let block = next?;
        let at = Instant::now();
        let extrinsics = chain.extrinsics(block.hash).await?;
        let filled = self.note(block, at, &extrinsics);
        if !filled.ours.is_empty() {
            *reminded = Instant::now();
            blocks.push(filled);
            return Ok(true);
        }
        if reminded.elapsed() > LOST {
            let sent_again = self.send_again().await;
            *reminded = Instant::now();
            self.book().lost += sent_again;
        }
        Ok(false)
    }

    /// After a gap: finds out what the node has forgotten, and sends it again.
    async fn resume(&self, blocks: &mut Vec<Filled>) -> Result<(), ChainError> {
        let taken_back = self.take_back(blocks).await?;
        let sent_again = self.send_again().await;
        if let Some(gap) = self.book().gaps.last_mut() {
            gap.taken_back += taken_back;
            gap.sent_again += sent_again;
        }
        Ok(())
    }

    fn note(&self, block: Block, at: Instant, extrinsics: &[Vec<u8>]) -> Filled {
        let mut book = self.book();
        let best = book.best.get(&block.number).copied().unwrap_or(at);
        let mut ours = Vec::new();
        for (index, extrinsic) in extrinsics.iter().enumerate() {
            let Some(waiting) = book.waiting.remove(&hash(extrinsic)) else {
                continue;
            };
            ours.push(Ours {
                index: index as u32,
                included: best.saturating_duration_since(waiting.sent),
                finalized: at.saturating_duration_since(waiting.sent),
                waiting,
            });
        }
        drop(book);
        self.room.add_permits(ours.len());
        Filled {
            block,
            best: best.saturating_duration_since(self.started),
            at: at - self.started,
            ours,
            bytes: extrinsics.iter().map(Vec::len).sum(),
        }
    }

    async fn watch_heads(&self) -> std::convert::Infallible {
        loop {
            if let Ok(mut heads) = self.load.chain.best_heads().await {
                while let Some(number) = heads.next().await {
                    self.book().best.entry(number).or_insert_with(Instant::now);
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn count_backlog(&self) -> std::convert::Infallible {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            let mut book = self.book();
            let waiting = book.waiting.len();
            book.backlog.push(waiting);
        }
    }

    fn close(self, blocks: Vec<Filled>) -> Flow {
        let book = self
            .book
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let took = blocks.last().map(|last| last.at).unwrap_or_default();
        Flow {
            took,
            accepted: book.accepted.unwrap_or((self.total, took)),
            transactions: self.total,
            blocks,
            gaps: book.gaps,
            backlog: book.backlog,
            lost: book.lost,
        }
    }
}

fn hash(transaction: &[u8]) -> H256 {
    H256(blake2_256(transaction))
}

/// What a node has against a transaction.
enum Complaint {
    /// It has it already, in the pool or in a block.
    Known,
    /// There is no room now.
    Full,
    /// None: it did not answer.
    Away,
    Other,
}

fn complaint(error: &ChainError) -> Complaint {
    match error {
        error if error.is_transport() => Complaint::Away,
        // The allowance of its account is spent, or too many of them wait.
        ChainError::Rejected {
            custom: Some(2 | 3),
            ..
        } => Complaint::Full,
        ChainError::Rejected { reason, .. } if reason.contains("pool is full") => Complaint::Full,
        ChainError::Rejected { reason, .. }
            if reason.contains("already waiting") || reason.contains("outdated") =>
        {
            Complaint::Known
        }
        _ => Complaint::Other,
    }
}
