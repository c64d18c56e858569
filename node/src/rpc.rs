//! The stock RPC plus nonces and finality proofs. What is particular to Salus is asked by
//! `state_call` of `SalusApi`, so that any Substrate node and client will do.

use std::sync::Arc;

use jsonrpsee::RpcModule;
use salus_runtime::{opaque::Block, AccountId, Hash, Nonce};
use sc_consensus_grandpa::{
    FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState,
};
use sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer};
use sc_transaction_pool_api::TransactionPool;
use sp_core::traits::SpawnNamed;
use substrate_frame_rpc_system::{System, SystemApiServer};

use crate::service::{FullBackend, FullClient};

pub struct FullDeps<P> {
    pub client: Arc<FullClient>,
    pub pool: Arc<P>,
    pub grandpa: GrandpaDeps,
}

#[derive(Clone)]
pub struct GrandpaDeps {
    pub authority_set: SharedAuthoritySet<Hash, salus_runtime::BlockNumber>,
    pub voter_state: SharedVoterState,
    pub justifications: GrandpaJustificationStream<Block>,
    pub proofs: Arc<FinalityProofProvider<FullBackend, Block>>,
}

pub fn create_full<P>(
    deps: FullDeps<P>,
    executor: Arc<dyn SpawnNamed>,
) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>>
where
    P: TransactionPool<Block = Block> + 'static,
{
    let FullDeps {
        client,
        pool,
        grandpa,
    } = deps;
    let mut module = RpcModule::new(());
    module.merge(SystemApiServer::<Hash, AccountId, Nonce>::into_rpc(
        System::new(client, pool),
    ))?;
    module.merge(
        Grandpa::new(
            executor,
            grandpa.authority_set,
            grandpa.voter_state,
            grandpa.justifications,
            grandpa.proofs,
        )
        .into_rpc(),
    )?;
    Ok(module)
}
