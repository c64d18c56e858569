//! What others than `salus` see of the chain: stock polkadot.js, stock RPC, a restart.

use std::process::Command;

use salus_client::{
    chain::{calls, Chain},
    keys::AccountKey,
};
use salus_e2e::{eventually, in_checkout, World};

/// Needs what `scripts/interop` installs.
#[test]
fn polkadot_js_signs_decodes_and_asks_salus_api() {
    let world = World::start();
    let output = Command::new("node")
        .arg("polkadot.mjs")
        .arg(world.node.url())
        .current_dir(in_checkout("tests/interop"))
        .output()
        .expect("node is installed by scripts/setup");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn subxt_submits_and_a_finalized_call_outlives_a_kill_a_block_later() {
    let mut world = World::start();
    let alice = AccountKey::from_uri("//Alice").expect("a development key");
    let name = "General Hospital, renamed";
    let chain = Chain::connect(&world.node.url(), None)
        .await
        .expect("it listens");
    let call = calls::members::set_profile(name, "").expect("short enough");
    let done = chain.submit(&alice, &call).await.expect("an admin may");
    assert!(done.event("Members", "ProfileChanged").is_some());
    let genesis = chain.genesis();

    // A node's disk is a moment behind its word. A member alone would lose that moment, a consortium
    // has it from the others.
    eventually("the next block is final", 10, || async {
        chain.finalized().await.expect("it answers").number > done.block.number
    })
    .await;
    world.node.kill();
    world.node.restart();
    let chain = Chain::connect(&world.node.url(), Some(genesis))
        .await
        .expect("the same chain");
    let salus = chain.salus().await.expect("it answers");
    let organisation = salus
        .organisation(0)
        .await
        .expect("it answers")
        .expect("the hospital of the preset");
    assert_eq!(organisation.name.as_slice(), name.as_bytes());
}
