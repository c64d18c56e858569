//! Sending as much as the node takes.

use std::{
    collections::HashSet,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        Arc, Mutex, PoisonError,
    },
    time::Duration,
};

use anyhow::Result;
use salus_client::{
    chain::{calls, Call, Chain, ChainError},
    keys::AccountKey,
};
use sp_core::H256;
use sp_crypto_hashing::blake2_256;

use super::{cast::Cast, Attack};

/// Who was refused tries again after so long.
const PAUSE: Duration = Duration::from_millis(100);
/// Sent before the node is asked for the newest block again.
const RENEW: u64 = 64;
/// Bytes of a long call.
const LONG: usize = 60_000;

pub struct Flood<'a> {
    chain: &'a Chain,
    cast: &'a Cast,
    attack: Attack,
    over: AtomicBool,
    pub refused: AtomicUsize,
    taken: Mutex<HashSet<H256>>,
}

impl<'a> Flood<'a> {
    pub fn of(chain: &'a Chain, cast: &'a Cast, attack: Attack) -> Self {
        Self {
            chain,
            cast,
            attack,
            over: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            taken: Mutex::default(),
        }
    }

    pub fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// What the pool has taken of it.
    pub fn taken(&self) -> HashSet<H256> {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn senders(&self) -> Result<Vec<Arc<AccountKey>>> {
        Ok(match self.attack {
            Attack::Nobody => Vec::new(),
            Attack::Trail => self.cast.services(),
            Attack::Motions => vec![self.cast.admin()?],
            Attack::Patient => self.cast.controllers(),
            Attack::Guardian => vec![self.cast.guardian()],
            Attack::Stranger => vec![self.cast.stranger()?],
            _ => self.cast.staff(),
        })
    }

    /// What an account sends in its `turn`, which no other transaction has.
    async fn call(&self, turn: u64) -> Result<Call> {
        Ok(match self.attack {
            Attack::Long => {
                let mut bytes = vec![7; LONG];
                bytes[..8].copy_from_slice(&turn.to_le_bytes());
                calls::system::remark(&bytes)
            }
            Attack::Urgent => self.cast.urgent(),
            Attack::Failing => self.cast.failing(turn)?,
            Attack::Trail => self.cast.opening()?,
            Attack::Motions => {
                let at = self.chain.finalized().await?;
                let runtime = self.chain.runtime(at.hash).await?;
                self.cast.motion(&runtime, turn)?
            }
            // Rows first, then block time.
            Attack::Guardian if turn.is_multiple_of(2) => self.cast.carer(self.chain, turn)?,
            _ => calls::system::remark(&turn.to_le_bytes()),
        })
    }

    /// Everybody at once, until it is over.
    pub async fn run(&self) -> Result<()> {
        let senders = self.senders()?;
        let all = senders.iter().map(|key| self.send_all(key));
        futures::future::try_join_all(all).await?;
        Ok(())
    }

    async fn send_all(&self, key: &AccountKey) -> Result<()> {
        let account = key.account();
        let ahead = u64::from(self.attack == Attack::Nonces);
        let mut from = self.chain.finalized().await?;
        let mut nonce = self.chain.next_nonce(&account).await? + ahead;
        let mut turn = 0;
        while !self.over.load(Ordering::Relaxed) {
            let call = self.call(turn).await?;
            let signed = self.chain.sign(key, &call, nonce, from).await?;
            turn += 1;
            let answer = self.chain.send(&signed).await;
            match answer {
                Ok(_) => {
                    let hash = H256(blake2_256(&signed.bytes));
                    self.taken
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(hash);
                    nonce += 1;
                }
                Err(ChainError::Rejected { .. }) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE).await;
                    // The longest nonces are those that were reached.
                    if self.attack != Attack::Nonces {
                        nonce = self.chain.next_nonce(&account).await?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if turn.is_multiple_of(RENEW) {
                from = self.chain.finalized().await?;
            }
        }
        Ok(())
    }
}
