//! The author with a real pool.

use std::{sync::Arc, time::Duration};

use futures::executor::block_on;
use salus_runtime::opaque::Block;
use sc_transaction_pool::BasicPool;
use sc_transaction_pool_api::{TransactionPool, TransactionSource};
use sp_consensus::{Environment, ProposeArgs, Proposer};
use sp_core::testing::TaskExecutor;
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use substrate_prometheus_endpoint::{prometheus::proto::MetricFamily, Registry};

use super::chain::{digest, inherent_data, Chain};
use crate::Author;

fn propose<P>(author: &mut Author<P, super::chain::Client>, chain: &Chain) -> Block
where
    P: TransactionPool<Block = Block> + 'static,
{
    let best = chain.best();
    let proposer = block_on(author.init(&best)).unwrap();
    let args = ProposeArgs {
        inherent_data: inherent_data(&best),
        inherent_digests: digest(&best),
        max_duration: Duration::from_secs(10),
        ..Default::default()
    };
    block_on(proposer.propose(args)).unwrap().block
}

fn value(registry: &Registry, name: &str) -> u64 {
    let families = registry.gather();
    let family: &MetricFamily = families
        .iter()
        .find(|family| family.get_name() == name)
        .unwrap_or_else(|| panic!("there is no {name}"));
    let metric = &family.get_metric()[0];
    (metric.get_counter().get_value() + metric.get_gauge().get_value()) as u64
}

#[test]
fn an_author_takes_from_its_pool_in_batches_and_tells_it_what_is_invalid() {
    let chain = Chain::start();
    let spawner = TaskExecutor::new();
    let options = Default::default();
    let pool = BasicPool::new_full(
        options,
        true.into(),
        None,
        spawner.clone(),
        chain.client.clone(),
    );
    let pool = Arc::new(pool);
    let registry = Registry::new();
    let mut author = Author::new(
        spawner,
        chain.client.clone(),
        pool.clone(),
        Some(&registry),
        None,
    )
    .unwrap();

    let genesis = chain.best().hash();
    let of_alice: Vec<_> = (0..40)
        .map(|nonce| chain.remark(Alice, nonce, 10))
        .collect();
    let source = TransactionSource::External;
    for result in block_on(pool.submit_at(genesis, source, of_alice.clone())).unwrap() {
        result.unwrap();
    }
    let block = propose(&mut author, &chain);
    assert_eq!(block.extrinsics[1..], of_alice);
    assert_eq!(
        value(&registry, "substrate_proposer_number_of_transactions"),
        41
    );
    // Of 8, 16 and 16, or smaller ones on a slow machine.
    let batches = value(&registry, "salus_proposer_batches_total");
    assert!((3..40).contains(&batches), "{batches}");
    assert_eq!(value(&registry, "salus_proposer_failed_batches_total"), 0);
    chain.import(block);

    // Nobody has told the pool of the block, and it still has what is in it.
    let of_bob = chain.remark(Bob, 0, 10);
    block_on(pool.submit_one(genesis, source, of_bob.clone())).unwrap();
    assert_eq!(pool.status().ready, 41);
    let block = propose(&mut author, &chain);
    assert_eq!(block.extrinsics[1..], [of_bob]);
    assert_eq!(pool.status().ready, 1);
    chain.import(block);
}
