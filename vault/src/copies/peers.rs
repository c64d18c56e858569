//! Other members' vaults, spoken to as this vault's service account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use salus_client::keys::AccountKey;
use salus_client::vault::{Reach, Session, Vault, VaultError};
use salus_primitives::{Cid, Genesis, OrgId};
use tokio::io::AsyncRead;

use crate::connections::{Counted, Counts};
use crate::ledger::Peer;

/// A vault has answered by then, or does not answer.
const ANSWER: Duration = Duration::from_secs(30);
/// A vault that did not answer, or broke off, is left alone for so long, and after each further time
/// for twice as long.
const PAUSE: Duration = Duration::from_secs(10);
const MAX_DOUBLED: u32 = 6;
/// Copies that are fetched from one vault at once: who is slow holds up no other.
const SHARE: usize = 3;

pub struct Peers {
    key: AccountKey,
    genesis: Genesis,
    reach: Reach,
    known: Mutex<HashMap<Peer, Known>>,
    busy: Counts<Peer>,
}

#[derive(Default)]
struct Known {
    session: Option<Arc<Session<'static>>>,
    away_since: Option<Instant>,
    /// Times it has failed since it last gave something.
    failures: u32,
}

/// What a vault gave when it was asked for an object.
pub enum Gave<R> {
    /// A CAR with nothing verified, and one of the vault's turns.
    Car(R, Counted<Peer>),
    /// It says that it has not got it.
    Nothing,
    /// It gives as many others of ours as it may.
    Busy,
    /// It is away.
    NotNow,
}

impl Peers {
    pub fn new(key: AccountKey, genesis: Genesis, reach: Reach) -> Self {
        Self {
            key,
            genesis,
            reach,
            known: Mutex::default(),
            busy: Counts::default(),
        }
    }

    /// Asks a peer for its copy of an object.
    pub async fn car(&self, peer: &Peer, root: &Cid) -> Gave<impl AsyncRead + Send + Unpin> {
        let Some(turn) = self.busy.enter(peer.clone(), SHARE) else {
            return Gave::Busy;
        };
        let asked = async {
            let session = self.session(peer).await.ok_or(None::<VaultError>)?;
            session.car(root).await.map_err(Some)
        };
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(car)) => Gave::Car(car, turn),
            Ok(Err(Some(error))) if error.is_not_found() => {
                self.gave(peer);
                Gave::Nothing
            }
            Ok(Err(error)) => {
                if let Some(error) = error {
                    self.note(peer, &error);
                }
                Gave::NotNow
            }
            Err(_) => {
                tracing::info!(
                    organisation = peer.organisation,
                    "a member's vault does not answer"
                );
                self.failed(peer);
                Gave::NotNow
            }
        }
    }

    /// The peer answered well.
    pub fn gave(&self, peer: &Peer) {
        if let Some(known) = self.lock().get_mut(peer) {
            known.failures = 0;
        }
    }

    /// The peer did not answer, or broke off.
    pub fn failed(&self, peer: &Peer) {
        let mut all = self.lock();
        let known = all.entry(peer.clone()).or_default();
        known.failures = known.failures.saturating_add(1);
        known.away_since = Some(Instant::now());
        known.session = None;
    }

    async fn session(&self, peer: &Peer) -> Option<Arc<Session<'static>>> {
        if let Some(known) = self.lock().get(peer) {
            let pause = PAUSE * (1 << known.failures.saturating_sub(1).min(MAX_DOUBLED));
            if known
                .away_since
                .is_some_and(|since| since.elapsed() < pause)
            {
                return None;
            }
            if let Some(session) = &known.session {
                return Some(session.clone());
            }
        }
        match self.sign_in(peer).await {
            Ok(session) => {
                let session = Arc::new(session);
                let mut all = self.lock();
                let known = all.entry(peer.clone()).or_default();
                known.session = Some(session.clone());
                known.away_since = None;
                Some(session)
            }
            Err(error) => {
                self.note(peer, &error);
                None
            }
        }
    }

    async fn sign_in(&self, peer: &Peer) -> Result<Session<'static>, VaultError> {
        let vault = Vault::new(&peer.url, peer.organisation, self.genesis, self.reach)?;
        // Before anything is signed: whose vault is it, and of which chain?
        vault.info_once().await?;
        Session::impatient(vault, self.key.clone()).await
    }

    fn note(&self, peer: &Peer, error: &VaultError) {
        tracing::info!(organisation = peer.organisation, %error, "a member's vault gave no copy");
        self.failed(peer);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Peer, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose vault to ask first: those that keep the object, then everybody else who may have had it.
pub fn in_order(peers: &[Peer], keepers: &[OrgId], own: OrgId) -> Vec<Peer> {
    let rank = |peer: &Peer| {
        keepers
            .iter()
            .position(|keeper| *keeper == peer.organisation)
            .unwrap_or(keepers.len())
    };
    let mut others: Vec<Peer> = peers
        .iter()
        .filter(|peer| peer.organisation != own)
        .cloned()
        .collect();
    others.sort_by_key(rank);
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepers_are_asked_first_and_nobody_asks_itself() {
        let peers: Vec<Peer> = (0..5)
            .map(|organisation| Peer {
                organisation,
                url: String::new(),
            })
            .collect();
        let order: Vec<OrgId> = in_order(&peers, &[3, 1, 2], 1)
            .iter()
            .map(|peer| peer.organisation)
            .collect();
        assert_eq!(order, [3, 2, 0, 4]);
    }
}
