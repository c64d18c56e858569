//! What members do with a chain that they founded: decide, validate, notice another runtime.

use std::{fs, process::Command};

use salus_e2e::{binary, eventually, run, salus, Founded, Node, World};
use serde_json::{json, Value};
use sp_core::{Blake2Hasher, Hasher};

const DAY: u64 = 24 * 60 * 60 * 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_announced_is_enacted_in_its_time_and_not_early_or_called_off() {
    let mut consortium = Founded::with("delay_days = 1");
    let council = |line: &str| consortium.salus(1, line);
    let decisions = || council("council list").ok()["decisions"].clone();
    let admit = |name: &str, member: u32| {
        let line = format!("org admit {name} --kind laboratory --admin //Member//{member}");
        council(&line).ok()
    };
    assert_eq!(decisions(), json!([]));
    for (name, member, decision) in [("First", 2, 0), ("Second", 3, 1)] {
        let announced = admit(name, member);
        assert_eq!(announced["decision"], decision, "{announced}");
        assert!(
            announced["organisation"].is_null(),
            "nobody is admitted yet"
        );
        let wait = announced["due"].as_u64().zip(announced["moment"].as_u64());
        assert_eq!(wait.map(|(due, now)| due - now), Some(DAY));
    }
    let listed = decisions();
    assert_eq!(
        (&listed[0]["decision"], &listed[1]["decision"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(listed[0]["call"], "Members.admit", "{listed}");
    assert_eq!(listed[0]["arguments"]["name"], "First", "{listed}");

    let when = salus_client::actions::describe::moment(listed[0]["due"].as_u64().expect("a time"));
    council("council enact 0").fails(1, &format!("can be enacted from {when} on"));
    council("council enact 7")
        .fails(1, "no decision 7 waits")
        .says("salus council list");
    council("council propose cancel 7").fails(1, "no decision 7 waits");

    let cancelled = council("council propose cancel 0").ok();
    assert_eq!(cancelled["executed"], true, "{cancelled}");
    assert_eq!(decisions().as_array().map(Vec::len), Some(1));
    assert_eq!(decisions()[0]["decision"], 1);
    council("council enact 0").fails(1, "no decision 0 waits");

    consortium.nodes[0].restart_at("+25h");
    let council = |line: &str| consortium.salus(1, line);
    eventually("the chain's clock goes on", 60, || async {
        council("council enact 1").code == 0
    })
    .await;
    let listed = council("org list").ok();
    assert_eq!(listed["organisations"][1]["name"], "Second", "{listed}");
    assert_eq!(council("council list").ok()["decisions"], json!([]));
}

/// The row of one organisation.
fn row(list: &Value, organisation: u32) -> Value {
    let rows = list["validators"].as_array().expect("a list");
    let found = rows.iter().find(|row| row["organisation"] == organisation);
    found
        .unwrap_or_else(|| panic!("no row {organisation}: {list}"))
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_register_keys_validate_and_replace_them_while_the_chain_goes_on() {
    let terms = "delay_days = 0\nsession_length = 5\nminimum_validators = 1";
    let mut consortium = Founded::with(terms);
    let list = |consortium: &Founded| consortium.salus(1, "validator list").ok();
    let founder = row(&list(&consortium), 0);
    assert_eq!(
        (&founder["validates"], &founder["validates_next"]),
        (&json!(true), &json!(true))
    );

    // Who is no admin, or not admitted yet, registers nothing.
    let made = consortium.make_keys(2);
    let register = format!(
        "validator register --keys {} --proof {}",
        made.keys, made.proof
    );
    consortium
        .salus(2, &register)
        .fails(3, "no organisation's admin");
    consortium
        .salus(2, "validator rotate")
        .fails(3, "no organisation's admin");
    consortium
        .salus(2, "validator status")
        .fails(3, "belongs to no organisation");
    consortium
        .salus(
            1,
            "org admit Laboratory --kind laboratory --admin //Member//2",
        )
        .ok();
    let before = row(&list(&consortium), 1);
    assert_eq!(
        (&before["validates"], &before["keys"]),
        (&json!(false), &Value::Null)
    );

    // Keys that are not this admin's, nobody's, or another's.
    let other = consortium.make_keys(3);
    let foreign = format!(
        "validator register --keys {} --proof {}",
        other.keys, other.proof
    );
    consortium
        .salus(2, &foreign)
        .fails(1, "the proof does not show")
        .says("--owner");
    let cut = &made.keys[..made.keys.len() - 2];
    consortium
        .salus(
            2,
            &format!("validator register --keys {cut} --proof {}", made.proof),
        )
        .fails(1, "no session keys of this chain");
    let taken = founder["keys"].as_str().expect("it has keys");
    consortium
        .salus(
            2,
            &format!("validator register --keys {taken} --proof {}", made.proof),
        )
        .fails(
            1,
            "registered already, by General Hospital (organisation 0)",
        );

    consortium.start_next().await;
    let registered = consortium.salus(2, &register).ok();
    assert_eq!(
        (&registered["organisation"], &registered["keys"]),
        (&json!(1), &json!(made.keys))
    );
    let validates = |member: usize, keys: Value| {
        let consortium = &consortium;
        async move {
            let what = format!("member {member} validates with its keys");
            eventually(&what, 60, || async {
                let status = consortium.salus(member, "validator status").ok();
                status["keys"] == keys
                    && status["node_has_keys"] == true
                    && status["validates"] == true
                    && status["validates_next"] == true
            })
            .await
        }
    };
    validates(2, json!(made.keys)).await;
    // Two validators finalize together only.
    consortium.salus(2, "org publish").ok();

    let rotated = consortium.salus(2, "validator rotate").ok();
    assert_ne!(rotated["keys"], json!(made.keys));
    validates(2, rotated["keys"].clone()).await;
    let session = |consortium: &Founded| list(consortium)["session"].as_u64().expect("a number");
    let since = session(&consortium);
    eventually("three sessions with the new keys", 60, || async {
        session(&consortium) >= since + 3
    })
    .await;
    consortium.salus(1, "org publish").ok();

    // The first node does not hold the second's keys, and one that is not here is not asked.
    let asked = consortium
        .salus_at(&consortium.nodes[0].url(), 2, "validator status")
        .ok();
    assert_eq!(asked["node_has_keys"], false);
    let list = list(&consortium);
    assert_eq!((&list["able"], &list["minimum"]), (&json!(2), &json!(1)));
}

#[test]
fn whose_node_makes_keys_for_nobody_hears_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let node = Node::start_with(folder.path(), "dev", &["--rpc-methods", "safe"]);
    let validator = |what| {
        let args = ["--insecure-dev-key", "//Alice", "validator", what];
        salus(&folder.path().join("admin"), &node.url(), args)
    };
    validator("rotate")
        .fails(1, "makes no session keys for whoever asks")
        .says("salus validator register");
    let status = validator("status").ok();
    assert_eq!(status["validates"], true);
    assert!(status["node_has_keys"].is_null(), "it does not say");
}

/// A phrase would be stretched, with two thousand rounds, for each block and each vote.
#[test]
fn session_keys_are_kept_as_seeds() {
    const NOBODY: &str = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM";
    let keystore = tempfile::tempdir().expect("a temporary folder can be made");
    let output = Command::new(binary("salus-node"))
        .args(["session-keys", "--owner", NOBODY, "--keystore-path"])
        .arg(keystore.path())
        .output()
        .expect("the node is built");
    assert!(output.status.success(), "{output:?}");
    let files = fs::read_dir(keystore.path()).expect("it was made");
    let kept: Vec<_> = files
        .map(|file| fs::read_to_string(file.expect("it is there").path()).expect("a text"))
        .collect();
    assert_eq!(kept.len(), 2, "one for blocks, one for votes");
    assert!(kept.iter().all(|secret| secret.starts_with("\"0x")));
}

/// What a person sees, not a program.
fn by_hand(world: &World, person: &str, line: &str) -> salus_e2e::Answer {
    let mut command = Command::new(binary("salus"));
    command
        .arg("--profile")
        .arg(world.path(person))
        .arg("--node")
        .arg(world.node.url())
        .args(line.split_whitespace());
    run(command, |_| {})
}

#[tokio::test(flavor = "multi_thread")]
async fn another_runtime_than_the_profile_knows_is_told_once_and_trusted_by_hand() {
    let world = World::start();
    world.person("hospital").await;
    let config = world.path("hospital").join("config.json");
    let read = || -> Value {
        serde_json::from_slice(&fs::read(&config).expect("it is there")).expect("JSON")
    };
    let met = read()["runtime"].clone();
    let shown = world.salus("hospital", ["chain", "show"]).ok();
    assert_eq!(
        (&shown["runtime"], &shown["is_trusted"]),
        (&met, &json!(true))
    );
    let code = world
        .node
        .rpc("state_getStorage", json!(["0x3a636f6465"]))
        .await;
    let code = code.as_str().and_then(|code| hex::decode(&code[2..]).ok());
    let hash = Blake2Hasher::hash(&code.expect("the code"));
    assert_eq!(met["hash"], json!(hash));

    // As if the chain had had another runtime when this profile met it.
    let mut before = read();
    before["runtime"] = json!({"hash": format!("0x{}", "07".repeat(32)), "spec_version": 0});
    fs::write(&config, before.to_string()).expect("it is ours");
    let silent = world.salus("hospital", ["org", "list"]);
    assert_eq!(
        (silent.code, silent.stderr.as_str()),
        (0, ""),
        "programs hear nothing"
    );
    let told = by_hand(&world, "hospital", "org list");
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.stdout.contains("General Hospital"), "{told:?}");
    assert!(
        told.stderr
            .starts_with("warning: the chain's rules changed from version 0"),
        "{told:?}"
    );
    assert!(told.stderr.contains("salus chain trust"), "{told:?}");
    let again = by_hand(&world, "hospital", "org list");
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (0, ""),
        "once is enough"
    );
    let shown = world.salus("hospital", ["chain", "show"]).ok();
    assert_eq!(shown["is_trusted"], false);

    by_hand(&world, "hospital", "chain trust");
    let shown = world.salus("hospital", ["chain", "show"]).ok();
    assert_eq!(
        (&shown["trusted"], &shown["is_trusted"]),
        (&met, &json!(true))
    );
}
