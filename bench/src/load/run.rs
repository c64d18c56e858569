//! A load on its way: what was sent, what is final, and what to do when the node goes away.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use futures::{stream, StreamExt, TryStreamExt};
use salus_client::chain::{Block, ChainError, FinalizedBlocks, Rejection, Signed};
use salus_primitives::BlockNumber;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use tokio::sync::{RwLock, Semaphore};

use super::{Filled, Flow, Gap, Load, Ours};

/// Requests that wait for the node's word at once.
const IN_FLIGHT: usize = 128;
/// How long the bench waits: for a node that is away, and for transactions that do not come.
const PATIENCE: Duration = Duration::from_secs(180);
/// After so long without any of them in a block, the pool must have lost transactions.
const LOST: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(250);
/// A pool bans what it has refused, for the node's `--tx-ban-seconds` and until the next block, and
/// begins anew whenever it is sent in that time.
const BANNED: Duration = Duration::from_secs(7);

/// One transaction on its way.
pub(super) struct Waiting {
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

pub(super) struct Run<'a> {
    load: &'a Load<'a>,
    started: Instant,
    room: Semaphore,
    total: usize,
    book: Mutex<Book>,
    /// Shut while a node that was away gets again what it has forgotten: a pool has room for few
    /// transactions that come before their nonce's turn.
    gate: RwLock<()>,
}

impl<'a> Run<'a> {
    pub(super) fn new(load: &'a Load<'a>, total: usize) -> Self {
        Self {
            load,
            started: Instant::now(),
            room: Semaphore::new(load.in_pool),
            total,
            book: Mutex::default(),
            gate: RwLock::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn send(&self, batch: Vec<Signed>, before: usize) -> Result<()> {
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
                Complaint::Passing(pause) if sent.elapsed() < PATIENCE => {
                    tokio::time::sleep(pause).await;
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
    pub(super) async fn follow(&self, from: BlockNumber) -> Result<Vec<Filled>> {
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

    pub(super) async fn watch_heads(&self) -> std::convert::Infallible {
        loop {
            if let Ok(mut heads) = self.load.chain.best_heads().await {
                while let Some(number) = heads.next().await {
                    self.book().best.entry(number).or_insert_with(Instant::now);
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    pub(super) async fn count_backlog(&self) -> std::convert::Infallible {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            let mut book = self.book();
            let waiting = book.waiting.len();
            book.backlog.push(waiting);
        }
    }

    pub(super) fn close(self, blocks: Vec<Filled>) -> Flow {
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
    /// It may take it after this time.
    Passing(Duration),
    Other,
}

fn complaint(error: &ChainError) -> Complaint {
    let why = match error {
        error if error.is_transport() => return Complaint::Passing(RETRY),
        ChainError::Rejected { why, .. } => why,
        _ => return Complaint::Other,
    };
    match why {
        Rejection::AlreadyWaiting | Rejection::Outdated => Complaint::Known,
        // There is no room now, or a fork was given up while it looked.
        Rejection::AllowanceSpent
        | Rejection::TooManyWaiting
        | Rejection::PoolFull
        | Rejection::PutOff
        | Rejection::ForkGivenUp(_) => Complaint::Passing(BANNED),
        _ => Complaint::Other,
    }
}
