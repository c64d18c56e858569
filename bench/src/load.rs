//! Drives a chain: signs beforehand, keeps a bounded number of transactions in the pool, and
//! follows finalized blocks. What is not in a finalized block does not count.
//!
//! A node that goes away is waited for, and what it forgot is sent again; the gap is reported.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex, MutexGuard, PoisonError,
    },
    time::{Duration, Instant},
};

use anyhow::{bail, ensure, Context, Result};
use futures::{stream, StreamExt, TryStreamExt};
use salus_client::{
    chain::{Block, Call, Chain, ChainError, Phase, Signed},
    keys::AccountKey,
};
use salus_primitives::{AccountId, BlockNumber};
use serde::Serialize;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use tokio::sync::Semaphore;

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
    /// From sending to the first best block of the number that holds it.
    pub included: Vec<Duration>,
    /// When the last one was in a best block.
    pub last_included: Duration,
    /// From sending to the word that it is final.
    pub finalized: Vec<Duration>,
    /// Sent and not final, once a second.
    pub backlog: Vec<usize>,
    /// What a node that was there had accepted and forgotten, and got again.
    pub lost: usize,
}

/// A finalized block with transactions of the load.
pub struct Filled {
    pub block: Block,
    /// When it was seen to be final, from the start.
    pub at: Duration,
    /// Which of its extrinsics are the load's.
    pub ours: Vec<u32>,
    /// Of all its extrinsics.
    pub bytes: usize,
}

/// The node did not answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Gap {
    pub after_s: f64,
    pub lasted_s: f64,
    /// What it had accepted and forgotten.
    pub sent_again: usize,
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
            answers: AtomicU64::new(0),
            recovering: tokio::sync::Mutex::new(()),
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
    /// Of the load in finalized blocks: how many failed, and how many events of this kind it left.
    pub async fn outcome(
        &self,
        chain: &Chain,
        wanted: Option<(&str, &str)>,
    ) -> Result<(usize, usize)> {
        let (mut failed, mut found) = (0, 0);
        for filled in &self.blocks {
            let ours: HashSet<_> = filled.ours.iter().copied().collect();
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
    last_included: Option<Instant>,
    included: Vec<Duration>,
    finalized: Vec<Duration>,
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
    /// Counts how often the node was waited for.
    answers: AtomicU64,
    recovering: tokio::sync::Mutex<()>,
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
                anyhow::Ok(signed)
            });
        turns
            .map(|turn| async { self.deliver(turn?).await })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await
    }

    async fn deliver(&self, signed: Signed) -> Result<()> {
        let hash = H256(blake2_256(&signed.bytes));
        let sent = Instant::now();
        let waiting = Waiting {
            signed: signed.clone(),
            sent,
            accepted: false,
        };
        self.book().waiting.insert(hash, waiting);
        loop {
            let answers = self.answers.load(Ordering::SeqCst);
            match self.load.chain.send(&signed).await {
                Ok(_) => break,
                Err(error) if error.is_transport() => self.recover(answers).await?,
                Err(error) => match complaint(&error) {
                    Complaint::Known => break,
                    Complaint::Full if sent.elapsed() < PATIENCE => {
                        tokio::time::sleep(RETRY).await;
                    }
                    _ => return Err(error).context("the node refused a transaction"),
                },
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

    /// Waits until the node answers again, and sends it what it has forgotten.
    async fn recover(&self, answers: u64) -> Result<()> {
        let _alone = self.recovering.lock().await;
        if self.answers.load(Ordering::SeqCst) != answers {
            return Ok(());
        }
        let away = Instant::now();
        while let Err(error) = self.load.chain.finalized().await {
            if away.elapsed() > PATIENCE {
                return Err(error).context("the node went away and did not come back");
            }
            tokio::time::sleep(RETRY).await;
        }
        let lasted = away.elapsed();
        let sent_again = self.send_again().await;
        self.book().gaps.push(Gap {
            after_s: (away - self.started).as_secs_f64(),
            lasted_s: lasted.as_secs_f64(),
            sent_again,
        });
        self.answers.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Sends all that was accepted and is not final; counts what the node took, because it had
    /// forgotten it.
    async fn send_again(&self) -> usize {
        let accepted: Vec<Signed> = {
            let book = self.book();
            let accepted = book.waiting.values().filter(|waiting| waiting.accepted);
            accepted.map(|waiting| waiting.signed.clone()).collect()
        };
        stream::iter(&accepted)
            .map(|signed| async { self.load.chain.send(signed).await.is_ok() })
            .buffered(IN_FLIGHT)
            .filter(|taken| std::future::ready(*taken))
            .count()
            .await
    }

    /// Every finalized block, until all transactions are found.
    async fn follow(&self, from: BlockNumber) -> Result<Vec<Filled>> {
        let mut following = self.load.chain.follow(from);
        let mut blocks = Vec::new();
        let mut found = 0;
        let mut progress = Instant::now();
        let mut reminded = progress;
        while found < self.total {
            let answers = self.answers.load(Ordering::SeqCst);
            let next = async {
                let block = following.next().await?;
                let at = Instant::now();
                let extrinsics = self.load.chain.extrinsics(block.hash).await?;
                Ok((block, at, extrinsics))
            };
            let (block, at, extrinsics) = match tokio::time::timeout(PATIENCE, next).await {
                Ok(Ok(next)) => next,
                Ok(Err(error)) if ChainError::is_transport(&error) => {
                    self.recover(answers).await?;
                    // What a block held is asked again; what is final stays so.
                    following = self.load.chain.follow(
                        blocks
                            .last()
                            .map_or(from, |last: &Filled| last.block.number + 1),
                    );
                    continue;
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => bail!("no block was finalized for {} s", PATIENCE.as_secs()),
            };
            let filled = self.note(block, at, &extrinsics);
            if !filled.ours.is_empty() {
                found += filled.ours.len();
                progress = Instant::now();
                reminded = progress;
                blocks.push(filled);
            } else if reminded.elapsed() > LOST {
                let sent_again = self.send_again().await;
                reminded = Instant::now();
                self.book().lost += sent_again;
            }
            ensure!(
                progress.elapsed() < PATIENCE,
                "{found} of {} transactions were finalized, and no more came for {} s",
                self.total,
                PATIENCE.as_secs()
            );
        }
        Ok(blocks)
    }

    fn note(&self, block: Block, at: Instant, extrinsics: &[Vec<u8>]) -> Filled {
        let mut book = self.book();
        let best = book.best.get(&block.number).copied().unwrap_or(at);
        let mut ours = Vec::new();
        for (index, extrinsic) in extrinsics.iter().enumerate() {
            let Some(waiting) = book.waiting.remove(&H256(blake2_256(extrinsic))) else {
                continue;
            };
            book.included
                .push(best.saturating_duration_since(waiting.sent));
            book.finalized
                .push(at.saturating_duration_since(waiting.sent));
            ours.push(index as u32);
        }
        if !ours.is_empty() {
            book.last_included = Some(best);
        }
        drop(book);
        self.room.add_permits(ours.len());
        Filled {
            block,
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
            included: book.included,
            last_included: book
                .last_included
                .map(|at| at.saturating_duration_since(self.started))
                .unwrap_or(took),
            finalized: book.finalized,
            backlog: book.backlog,
            lost: book.lost,
        }
    }
}

/// What a node has against a transaction.
enum Complaint {
    /// It has it already, in the pool or in a block.
    Known,
    /// There is no room now.
    Full,
    Other,
}

fn complaint(error: &ChainError) -> Complaint {
    match error {
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
