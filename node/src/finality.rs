//! Which block this node votes to finalize: a new one as soon as it is there, and none while there is
//! none.
//!
//! GRANDPA's rounds follow one another without pause. A block that comes in the middle of one waits for
//! the next, and nodes keep the votes of every round, also of those that found nothing new. So a vote
//! waits until there is a block that is not final: its round, whose timers have run out meanwhile, then
//! ends after two messages.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt;
use salus_runtime::{opaque::Block, Hash};
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sc_consensus::LongestChain;
use sp_consensus::{Error, SelectChain};
use sp_runtime::traits::{Block as BlockT, NumberFor};

type Header = <Block as BlockT>::Header;

/// Without any block for so long, votes are cast for what is final already.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The longest chain, which lets GRANDPA wait for a block that is not final.
pub struct NewBlocks<Backend, Client> {
    longest: LongestChain<Backend, Block>,
    client: Arc<Client>,
}

impl<Backend, Client> NewBlocks<Backend, Client> {
    pub fn new(longest: LongestChain<Backend, Block>, client: Arc<Client>) -> Self {
        Self { longest, client }
    }
}

impl<Backend, Client> Clone for NewBlocks<Backend, Client> {
    fn clone(&self) -> Self {
        Self {
            longest: self.longest.clone(),
            client: self.client.clone(),
        }
    }
}

#[async_trait]
impl<Backend, Client> SelectChain<Block> for NewBlocks<Backend, Client>
where
    Backend: sc_client_api::Backend<Block>,
    Client: HeaderBackend<Block> + BlockchainEvents<Block> + Send + Sync,
{
    async fn leaves(&self) -> Result<Vec<Hash>, Error> {
        self.longest.leaves().await
    }

    async fn best_chain(&self) -> Result<Header, Error> {
        self.longest.best_chain().await
    }

    async fn finality_target(
        &self,
        base: Hash,
        highest: Option<NumberFor<Block>>,
    ) -> Result<Hash, Error> {
        // Before the first look, so that no block comes in between.
        let mut imported = self.client.every_import_notification_stream();
        loop {
            let target = self.longest.finality_target(base, highest).await?;
            if target != self.client.info().finalized_hash {
                return Ok(target);
            }
            let next = tokio::time::timeout(LONGEST_WAIT, imported.next());
            if !matches!(next.await, Ok(Some(_))) {
                return Ok(target);
            }
        }
    }
}
