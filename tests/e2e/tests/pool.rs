//! A node's pool may lose a transaction, or be wrong about one. What the blocks say counts, and nobody
//! sends again by hand what a program can send again.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};

use salus_client::{
    chain::{calls, Chain, ChainError, Rejection, Submitted},
    keys::AccountKey,
};
use salus_e2e::{Node, Question, Relay};
use serde_json::{json, Value};

const WATCH: &str = "author_submitAndWatchExtrinsic";
/// The client asks the blocks after so long without a word.
const SILENCE: Duration = Duration::from_secs(30);

/// A relay that has its own answers to the first transactions, and counts all of them.
struct Answers {
    relay: Relay,
    sent: Arc<AtomicUsize>,
}

impl Answers {
    async fn of(node: &Node, answers: Vec<Vec<Value>>) -> Self {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        let answer = move |_: &Value| {
            let turn = count.fetch_add(1, Ordering::Relaxed);
            answers.get(turn).cloned()
        };
        let relay = Relay::answering(node, WATCH, answer).await;
        Self { relay, sent }
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

/// The node takes it, by this name.
fn taken() -> Value {
    json!({"result": "lost"})
}

fn update(status: Value) -> Value {
    let params = json!({"subscription": "lost", "result": status});
    json!({"jsonrpc": "2.0", "method": "author_extrinsicUpdate", "params": params})
}

/// A remark by way of `url`.
async fn remark(url: &str) -> Result<Submitted, ChainError> {
    let chain = Chain::connect(url, None).await.expect("the node listens");
    let alice = AccountKey::from_uri("//Alice").expect("a development key");
    chain.submit(&alice, &calls::system::remark(b"once")).await
}

/// Transactions in finalized blocks; the clock's are none.
async fn included(node: &Node) -> usize {
    let (chain, blocks) = node.blocks().await;
    let mut found = 0;
    for block in blocks {
        found += chain
            .extrinsics(block.hash)
            .await
            .expect("it is kept")
            .len()
            - 1;
    }
    found
}

fn start() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let node = Node::start(folder.path());
    (folder, node)
}

#[tokio::test]
async fn what_a_node_forgets_without_a_word_is_sent_again() {
    let (_folder, node) = start();
    let forgetful = Answers::of(&node, vec![vec![taken()]]).await;
    let started = Instant::now();
    let sent = remark(&forgetful.relay.url())
        .await
        .expect("in a block at last");
    assert!(sent.event("System", "ExtrinsicSuccess").is_some());
    assert!(started.elapsed() >= SILENCE);
    assert_eq!(forgetful.sent(), 2);
    assert_eq!(included(&node).await, 1);
}

#[tokio::test]
async fn what_stands_in_a_block_was_not_invalid() {
    let (_folder, node) = start();
    let wrong = |told: String| match serde_json::from_str::<Value>(&told) {
        Ok(mut told) if !told["params"]["result"]["inBlock"].is_null() => {
            told["params"]["result"] = "invalid".into();
            told.to_string()
        }
        _ => told,
    };
    let relay = Relay::before(&node, |_| Question::Asked, wrong).await;
    let sent = remark(&relay.url()).await.expect("it is in a block");
    assert!(sent.event("System", "ExtrinsicSuccess").is_some());
    assert_eq!(included(&node).await, 1);
}

#[tokio::test]
async fn what_a_pool_gave_up_and_no_block_has_is_an_error() {
    let (_folder, node) = start();
    for (status, expected) in [
        (json!("invalid"), Rejection::BecameInvalid),
        (json!("dropped"), Rejection::PoolFull),
        (
            json!({"usurped": format!("0x{}", "00".repeat(32))}),
            Rejection::Usurped,
        ),
    ] {
        let gone = Answers::of(&node, vec![vec![taken(), update(status)]]).await;
        let answer = remark(&gone.relay.url()).await;
        assert!(
            matches!(&answer, Err(ChainError::Rejected { why, .. }) if *why == expected),
            "{answer:?}"
        );
    }
    assert_eq!(included(&node).await, 0);
}

#[tokio::test]
async fn a_fork_given_up_while_the_node_looks_is_no_refusal() {
    let (_folder, node) = start();
    let error = json!({
        "code": 1002,
        "message": "Verification Error: Runtime error: Api called for an unknown Block",
        "data": "State already discarded for 0x37"
    });
    let refusal = json!({"error": error});
    let torn = Answers::of(&node, vec![vec![refusal]]).await;
    remark(&torn.relay.url())
        .await
        .expect("signed and sent again");
    assert_eq!(torn.sent(), 2);
    assert_eq!(included(&node).await, 1);
}

#[tokio::test]
async fn a_node_takes_transactions_from_its_pool_in_batches() {
    let (_folder, mut node) = start();
    let chain = Chain::connect(&node.url(), None).await;
    let chain = chain.expect("the node listens");
    let alice = AccountKey::from_uri("//Alice").expect("a development key");
    let calls = vec![calls::system::remark(b"many"); 24];
    for sent in chain.submit_many(&alice, &calls).await {
        sent.expect("in a block");
    }
    // The stock author says nothing of batches, and one transaction makes none.
    let said = node.process().log();
    let batches = said
        .lines()
        .filter_map(|line| line.split_once("; batches: "))
        .filter(|(_, batches)| *batches != "0");
    assert!(batches.count() > 0, "{said}");
}
