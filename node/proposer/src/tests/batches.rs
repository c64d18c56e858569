//! Batches give the block that single transactions give, on the real runtime.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use salus_runtime::opaque::Block;
use sc_block_builder::BlockBuilderBuilder;
use sc_proposer_metrics::EndProposingReason;
use sp_api::ApiError;
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use sp_runtime::OpaqueExtrinsic;

use super::{
    chain::{digest, garbage, panics, Chain, Client, ADMINS},
    pool::Ready,
};
use crate::{
    draft::Draft,
    fill::{fill, Applied, Fill, Filled, Limits},
};

type Transactions = Vec<Arc<Ready<OpaqueExtrinsic>>>;

/// The same block, one transaction at a time.
struct OneByOne<'a>(Draft<'a, Block, Client>);

impl Fill<OpaqueExtrinsic> for OneByOne<'_> {
    fn takes_batches(&self) -> bool {
        false
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn apply(&mut self, batch: Vec<Arc<OpaqueExtrinsic>>) -> Result<Applied, ApiError> {
        assert_eq!(batch.len(), 1);
        self.0.apply(batch)
    }
}

fn limits() -> Limits {
    Limits {
        deadline: Instant::now() + Duration::from_secs(60),
        size: usize::MAX,
    }
}

fn in_batches(chain: &Chain, ready: &Transactions) -> (Block, Filled<usize>) {
    let mut draft = chain.draft();
    let filled = fill(&mut draft, ready.iter().cloned(), limits(), Instant::now);
    (draft.finish().unwrap().0, filled)
}

fn one_by_one(chain: &Chain, ready: &Transactions) -> (Block, Filled<usize>) {
    let mut single = OneByOne(chain.draft());
    let filled = fill(&mut single, ready.iter().cloned(), limits(), Instant::now);
    (single.0.finish().unwrap().0, filled)
}

/// More than a block has room for. Alice sends one twice, and her last comes too late.
fn transactions(chain: &Chain) -> Transactions {
    let mut sent = Vec::new();
    for nonce in 0..12 {
        sent.push((0, nonce, chain.remark(Alice, nonce, 10)));
    }
    sent.push((98, 0, chain.remark(Alice, 3, 10)));
    for (account, who) in ADMINS.into_iter().enumerate().skip(1) {
        for nonce in 0..OF_EACH {
            sent.push((account as u8, nonce, chain.profile(who, nonce)));
        }
    }
    sent.push((0, 12, chain.profile(Alice, 12)));
    let ready = |(hash, (account, nonce, data))| Ready::new(hash, account, nonce, data);
    sent.into_iter().enumerate().map(ready).collect()
}

const SENT_TWICE: usize = 12;
/// Fewer than an account may send at once.
const OF_EACH: u32 = 150;

fn assert_same(chain: &Chain, ready: &Transactions) -> Filled<usize> {
    let (single, expected) = one_by_one(chain, ready);
    let (block, filled) = in_batches(chain, ready);
    assert_eq!(block, single);
    assert_eq!(filled.invalid, expected.invalid);
    assert_eq!(filled.transactions, expected.transactions);
    assert_eq!(filled.end, expected.end);
    assert_eq!(block.extrinsics.len(), 1 + filled.transactions);
    chain_of_another_node(block);
    filled
}

/// Another node executes it to the state root in its header.
fn chain_of_another_node(block: Block) {
    Chain::start().import(block);
}

#[test]
fn a_batch_with_an_invalid_and_an_exhausting_transaction_makes_the_block_of_single_ones() {
    let chain = Chain::start();
    let ready = transactions(&chain);
    let filled = assert_same(&chain, &ready);
    // What has no room, and what depends on it, is left out and stays in the pool.
    assert!(
        (1_000..ready.len() - 10).contains(&filled.transactions),
        "{filled:?}"
    );
    assert_eq!(
        filled.end,
        EndProposingReason::HitBlockWeightLimit,
        "{filled:?}"
    );
    let invalid: Vec<_> = filled.invalid.keys().copied().collect();
    assert_eq!(invalid, [SENT_TWICE]);
    assert!(!filled.failed);
    assert!((20..1_000).contains(&filled.batches), "{filled:?}");
}

#[test]
fn a_batch_with_a_panicking_transaction_makes_the_block_of_single_ones() {
    let chain = Chain::start();
    for place in [0, 5, 1_000] {
        for bad in [panics(), garbage()] {
            let mut ready = transactions(&chain);
            ready.insert(place, Ready::new(99, 5, 0, bad));
            let filled = assert_same(&chain, &ready);
            assert!(filled.failed);
            let mut invalid: Vec<_> = filled.invalid.keys().copied().collect();
            invalid.sort();
            assert_eq!(invalid, [SENT_TWICE, 99]);
            assert_eq!(filled.invalid[&99], None);
        }
    }
}

#[test]
fn nothing_stays_of_a_batch_that_failed() {
    let chain = Chain::start();
    let mut draft = chain.draft();
    let batch = [chain.remark(Bob, 0, 10), panics(), chain.remark(Bob, 1, 10)];
    let size = draft.size();
    draft.apply(batch.map(Arc::new).into()).unwrap_err();
    assert_eq!(draft.size(), size);
    assert_eq!(draft.finish().unwrap().0, chain.draft().finish().unwrap().0);
}

#[test]
fn the_block_is_the_one_of_the_stock_builder() {
    let chain = Chain::start();
    let (block, _) = in_batches(&chain, &transactions(&chain));
    let best = chain.best();
    let mut stock = BlockBuilderBuilder::new(&*chain.client)
        .on_parent_block(best.hash())
        .with_parent_block_number(best.number)
        .with_inherent_digests(digest(&best))
        .build()
        .unwrap();
    for extrinsic in &block.extrinsics {
        stock.push(extrinsic.clone()).unwrap();
    }
    assert_eq!(stock.build().unwrap().block, block);
}

#[test]
fn a_batch_ends_when_it_weighs_enough() {
    let chain = Chain::start();
    let mut draft = chain.draft();
    let batch: Vec<_> = (0..2_000)
        .map(|nonce| chain.remark(Bob, nonce, 10))
        .collect();
    let results = draft
        .apply(batch.into_iter().map(Arc::new).collect())
        .unwrap();
    assert!((50..1_000).contains(&results.len()), "{}", results.len());
}
