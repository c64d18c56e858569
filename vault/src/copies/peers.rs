//! Other members' vaults, spoken to as this vault's service account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use salus_client::keys::AccountKey;
use salus_client::vault::{Reach, Session, Vault, VaultError};
use salus_primitives::{Cid, Genesis, OrgId};
use tokio::io::AsyncRead;

use crate::ledger::Peer;

/// A vault that did not answer is left alone for so long.
const PAUSE: Duration = Duration::from_secs(10);

pub struct Peers {
    key: AccountKey,
    genesis: Genesis,
    reach: Reach,
    known: Mutex<HashMap<Peer, Known>>,
}

#[derive(Clone)]
enum Known {
    Open(Arc<Session<'static>>),
    Away(Instant),
}

impl Peers {
    pub fn new(key: AccountKey, genesis: Genesis, reach: Reach) -> Self {
        Self {
            key,
            genesis,
            reach,
            known: Mutex::default(),
        }
    }

    /// A peer's copy of an object as a CAR, with nothing verified; none if it does not answer now or
    /// does not give it.
    pub async fn car(&self, peer: &Peer, root: &Cid) -> Option<impl AsyncRead + Send + Unpin> {
        let session = self.session(peer).await?;
        match session.car(root).await {
            Ok(car) => Some(car),
            Err(error) => {
                self.note(peer, &error);
                None
            }
        }
    }

    async fn session(&self, peer: &Peer) -> Option<Arc<Session<'static>>> {
        match self.lock().get(peer) {
            Some(Known::Open(session)) => return Some(session.clone()),
            Some(Known::Away(since)) if since.elapsed() < PAUSE => return None,
            _ => {}
        }
        match self.sign_in(peer).await {
            Ok(session) => {
                let session = Arc::new(session);
                self.lock()
                    .insert(peer.clone(), Known::Open(session.clone()));
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
        if error.is_not_found() {
            return;
        }
        tracing::info!(organisation = peer.organisation, %error, "a member's vault gave no copy");
        self.lock()
            .insert(peer.clone(), Known::Away(Instant::now()));
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
