//! What `salus-bench` promises: it writes to no chain but those for it, loses nothing when a node goes
//! away, and counts only what is final.

use std::{
    collections::HashMap,
    process::{Child, Command, Output, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex,
    },
    time::{Duration, Instant},
};

use salus_e2e::{binary, eventually, in_checkout, Founded, Node, Relay};
use serde_json::{json, Value};

const FEW_PEOPLE: &str = "--patients 8 --records 1 --services 4";

/// `salus-bench chain` with these words.
fn bench(node: &Node, words: &str) -> Child {
    bench_at(&node.url(), words)
}

fn bench_at(url: &str, words: &str) -> Child {
    Command::new(binary("salus-bench"))
        .args(["--json", "chain", "--node", url])
        .args(words.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is built")
}

fn end(bench: Child) -> Output {
    bench.wait_with_output().expect("it was ours")
}

/// What it measured of its one workload.
fn measured(bench: Child) -> Value {
    let output = end(bench);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report["runs"][0][0].clone()
}

/// Events of this kind in all finalized blocks.
async fn events(node: &Node, pallet: &str, name: &str) -> usize {
    let (chain, blocks) = node.blocks().await;
    let mut found = 0;
    for block in blocks {
        let events = chain.events(block.hash).await.expect("it is kept");
        found += events.iter().filter(|event| event.is(pallet, name)).count();
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_in_use_is_refused_and_nothing_is_written_to_it() {
    let founded = Founded::with("");
    let node = &founded.nodes[0];
    let words = format!("--workloads remark {FEW_PEOPLE}");
    let output = end(bench(node, &words));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(complaint.contains("no development chain"), "{complaint}");
    assert!(output.stdout.is_empty(), "{output:?}");

    let (chain, blocks) = node.blocks().await;
    for block in blocks {
        let extrinsics = chain.extrinsics(block.hash).await.expect("it is kept");
        assert_eq!(
            extrinsics.len(),
            1,
            "only the clock's: block {}",
            block.number
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_in_the_middle_of_a_run_is_waited_for_and_the_gap_reported() {
    const COUNT: usize = 4_000;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut node = Node::start(folder.path());
    let words = format!("--workloads open --count {COUNT} {FEW_PEOPLE}");
    let mut running = bench(&node, &words);
    eventually("records are opened", 60, || async {
        events(&node, "AccessLog", "Opened").await > 0
    })
    .await;

    node.kill();
    let away = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(matches!(running.try_wait(), Ok(None)), "it waits");
    node.restart();
    let away = away.elapsed();

    let measured = measured(running);
    assert_eq!(measured["transactions"], COUNT);
    assert_eq!(measured["failed"], 0);
    let gaps = measured["gaps"].as_array().expect("a list");
    let lasted: f64 = gaps.iter().filter_map(|gap| gap["lasted_s"].as_f64()).sum();
    assert!(
        (3.0..away.as_secs_f64() + 30.0).contains(&lasted),
        "{gaps:?} of {away:?}"
    );
    // Each of them once, although some were sent twice.
    assert_eq!(events(&node, "AccessLog", "Opened").await, COUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_measured_and_keep_nobody_else_waiting() {
    const FLOODS: [&str; 11] = [
        "nobody",
        "organisation, ordinary",
        "organisation, long",
        "organisation, urgent",
        "organisation, failing",
        "organisation, nonces",
        "organisation, one trail",
        "organisation, motions",
        "patient",
        "guardian",
        "stranger",
    ];
    /// Blocks that pass an ordinary call by.
    const DELAY: u64 = 2;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let node = Node::start(folder.path());
    let words = "--blocks 8 --rest 2 --services 12 --clinicians 4";
    let output = Command::new(binary("salus-bench"))
        .args(["--json", "abuse", "--node", &node.url()])
        .args(words.split_whitespace())
        .output()
        .expect("it is built");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let floods = report["floods"].as_array().expect("a list");
    let names: Vec<_> = floods.iter().map(|one| one["flood"].as_str()).collect();
    assert_eq!(names, FLOODS.map(Some));
    let count = |one: &Value, field: &str| one[field].as_u64().expect("a number");
    for one in floods {
        for who in ["others", "same hospital"] {
            let waited = &one["delays"][who];
            assert!(count(waited, "calls") > 0, "{one}");
            assert_eq!(waited["never"], 0, "{one}");
            assert!(count(waited, "max") <= DELAY, "{one}");
        }
        let flood = one["flood"].as_str().expect("a name");
        if flood == "patient" {
            let waited = &one["delays"]["same patient"];
            assert_eq!(count(waited, "calls"), 1, "{one}");
            assert!(count(waited, "max") <= DELAY, "{one}");
        }
        match flood {
            "nobody" | "stranger" => assert_eq!(one["taken"], 0, "{one}"),
            _ => assert!(count(one, "taken") > 0, "{one}"),
        }
        assert!(count(one, "trail_entries") <= 1_024, "{one}");
        assert!(count(one, "open_motions") <= 4, "{one}");
        assert!(count(one, "controllers_added") <= 8, "{one}");
    }
}

/// Of each of these blocks that weighs something: the CPU time that executing it once more took, of its
/// weight.
fn import_shares(node: &mut Node, first: u64) -> Vec<f64> {
    let process = node.process().id().to_string();
    let output = Command::new(in_checkout("scripts/import-times"))
        .args(["--json", "--least", "200", "--from", &first.to_string()])
        .args(["--node", &node.url().replace("ws:", "http:")])
        .args(["--pid", &process])
        .output()
        .expect("python3 is there");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let number = |row: &Value, name: &str| row[name].as_f64().expect("a number");
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| number(row, "took") / number(row, "weight"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fills_a_block_with_the_dearest_calls_makes_nobody_late() {
    /// In ms. Normal calls get so much of a block's weight.
    const FULL: f64 = 720.0;
    const SLOT: f64 = 1_000.0;
    const KINDS: [(&str, u32); 6] = [
        ("remark", 3_000),
        ("open", 2_500),
        ("open64", 4_000),
        ("anchor", 2_000),
        ("anchor-many", 6_000),
        ("grant", 1_500),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut node = Node::start(folder.path());
    for (workload, count) in KINDS {
        let first = node.finalized().await + 1;
        let words = format!(
            "--workloads {workload} --runs 1 --count {count} --in-pool 6000 --patients 128"
        );
        measured(bench(&node, &words));
        let shares = import_shares(&mut node, first);
        // What else the node does only adds to it.
        let share = shares.iter().copied().reduce(f64::min);
        let share = share.expect("a block of some weight");
        assert!(
            share * FULL < SLOT,
            "{workload}: {shares:?} of their weight"
        );
    }
}

/// Transactions in the blocks that are not final yet.
async fn undecided(node: &Node) -> usize {
    let mut found = 0;
    for number in node.finalized().await + 1.. {
        let hash = node.rpc("chain_getBlockHash", json!([number])).await;
        if hash.is_null() {
            break;
        }
        let block = node.rpc("chain_getBlock", json!([hash])).await;
        let extrinsics = block["block"]["extrinsics"].as_array().map_or(0, Vec::len);
        // Each block has the clock's.
        found += extrinsics.saturating_sub(1);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_block_that_is_not_final_does_not_count() {
    const COUNT: usize = 100;
    const SILENCE: Duration = Duration::from_secs(5);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [alice, _bob, mut charlie] = Node::three_of_four(folder.path()).await;
    let words = format!("--workloads remark --count {COUNT} {FEW_PEOPLE}");
    // People are enrolled once, and that must become final.
    measured(bench(&alice, &words));

    charlie.kill();
    let mut running = bench(&alice, &words);
    eventually("all are in blocks", 60, || async {
        undecided(&alice).await >= COUNT
    })
    .await;
    tokio::time::sleep(SILENCE).await;
    assert!(matches!(running.try_wait(), Ok(None)), "none counts yet");

    charlie.restart();
    let measured = measured(running);
    assert_eq!(measured["transactions"], COUNT);
    let soonest = measured["to_final"]["p50_ms"].as_f64().expect("a number");
    assert!(soonest > SILENCE.as_millis() as f64, "{measured}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_has_put_off_is_sent_later() {
    const COUNT: usize = 40;
    const REFUSED: [usize; 3] = [5, 6, 30];
    /// The node's `--tx-ban-seconds`.
    const BAN: Duration = Duration::from_secs(5);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let node = Node::start(folder.path());
    let words = format!("--workloads remark --count {COUNT} {FEW_PEOPLE}");
    // People are enrolled once, through the node itself.
    measured(bench(&node, &words));

    // As a pool bans: each attempt begins it anew.
    let sent = AtomicUsize::new(0);
    let banned = Mutex::new(HashMap::new());
    let ban = move |transaction: &Value| {
        let mut banned = banned.lock().expect("nobody panics with it");
        let transaction = transaction.to_string();
        let refused = match banned.remove(&transaction) {
            Some(since) => Instant::elapsed(&since) < BAN,
            None => REFUSED.contains(&sent.fetch_add(1, Ordering::Relaxed)),
        };
        refused.then(|| {
            banned.insert(transaction, Instant::now());
            let error = json!({"code": 1012, "message": "Transaction is temporarily banned"});
            vec![json!({"error": error})]
        })
    };
    let relay = Relay::answering(&node, "author_submitExtrinsic", ban).await;
    let measured = measured(bench_at(&relay.url(), &words));
    assert_eq!(measured["transactions"], COUNT);
    assert_eq!(measured["failed"], 0);
}
