//! The mistakes that people make with `salus`: each is named, says what to do next, and loses nothing.

use std::{fs, path::Path, process::Command};

use salus_e2e::{binary, salus, Node, World};
use serde_json::Value;

/// What people read when the thing they talk to is not there.
#[test]
fn without_a_node_the_message_names_it() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let nowhere = "ws://127.0.0.1:1";
    salus(
        &folder.path().join("me"),
        nowhere,
        ["--insecure-dev-key", "//Alice", "org", "list"],
    )
    .fails(5, "127.0.0.1:1");
}

#[test]
fn another_chain_is_refused() {
    let world = World::start();
    world
        .salus("alice", ["--insecure-dev-key", "//Alice", "org", "list"])
        .ok();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let other = Node::start_chain(folder.path(), "local");
    let answer = salus(&world.path("alice"), &other.url(), ["org", "list"]);
    assert_ne!(answer.code, 0, "{answer:#?}");
    assert!(
        format!("{}{}", answer.stdout, answer.stderr).contains("chain"),
        "{answer:#?}"
    );
    // And the first one still works.
    world.salus("alice", ["org", "list"]).ok();
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_secrets_are_not_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let profile = folder.path().join("me");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    let right = write("right", "correct horse battery staple");
    let wrong = write("wrong", "incorrect horse");
    let phrase = folder.path().join("phrase").display().to_string();
    let node = "ws://127.0.0.1:1";

    let made = salus(
        &profile,
        node,
        [
            "--passphrase-file",
            &right,
            "keys",
            "new",
            "--phrase-out",
            &phrase,
        ],
    );
    assert_eq!(made.code, 0, "{made:#?}");
    let words = fs::read_to_string(&phrase).expect("it was asked for");
    assert!(words.split_whitespace().count() >= 12);
    for said in [&made.stdout, &made.stderr] {
        assert!(!said.contains(words.trim()), "the phrase is printed");
    }
    let key_file = fs::read(profile.join("key.age")).expect("the key file is there");
    assert!(key_file.starts_with(b"age-encryption.org/v1"));

    salus(
        &profile,
        node,
        ["--passphrase-file", &wrong, "keys", "show"],
    )
    .fails(1, "passphrase");
    let shown = salus(
        &profile,
        node,
        ["--passphrase-file", &right, "keys", "show"],
    )
    .ok();
    assert_eq!(shown["account"], made.json["account"]);

    // A profile is never overwritten.
    salus(
        &profile,
        node,
        [
            "--passphrase-file",
            &right,
            "keys",
            "new",
            "--phrase-out",
            &format!("{phrase}-2"),
        ],
    )
    .fails(1, "already");
}

#[test]
fn what_is_not_understood_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for args in [
        vec!["share", "--with", "org:0", "--category", "labs"],
        vec!["share", "--for", "forever"],
        vec!["record", "get", "first"],
        vec!["clinician", "credential", "nobody", "--role", "physician"],
        vec!["no-such-command"],
    ] {
        let answer = salus(&folder.path().join("me"), "ws://127.0.0.1:1", &args);
        assert_eq!(answer.code, 2, "{args:?}: {answer:#?}");
    }
}

/// Well-known development accounts, as addresses.
const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

/// A member of a list, with keys that its node has made for `admin`.
fn founder(folder: &Path, name: &str, admin: &str) -> String {
    let keystore = folder.join(name);
    let made = Command::new(binary("salus-node"))
        .args(["session-keys", "--owner", admin, "--keystore-path"])
        .arg(keystore)
        .output()
        .expect("salus-node is built");
    let made: Value = serde_json::from_slice(&made.stdout).expect("it prints JSON");
    let (keys, proof) = (&made["keys"], &made["proof"]);
    format!(
        "[[member]]\nname = {name:?}\nkind = \"hospital\"\nadmin = {admin:?}\nkeys = {keys}\nproof = {proof}\n"
    )
}

/// The specification that the node makes of a list of members, or why it makes none.
fn specification(folder: &Path, members: &str) -> Result<Value, String> {
    let list = folder.join("members.toml");
    fs::write(&list, members).expect("the folder is ours");
    let output = Command::new(binary("salus-node"))
        .arg("consortium")
        .arg(list)
        .output()
        .expect("salus-node is built");
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("it prints JSON")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn a_list_of_members_is_refused_for_each_mistake_in_its_own_words() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = folder.path();
    let head = "name = \"North\"\nid = \"north\"\n";
    let (one, two) = (founder(folder, "A", ALICE), founder(folder, "B", BOB));
    let whole = || specification(folder, &format!("{head}{one}{two}"));
    let made = whole().expect("nothing is wrong with it");
    assert_eq!(made["id"], "north");
    assert_eq!(made, whole().expect("nothing is wrong with it"));

    let keys = |member: &str| -> String {
        member
            .lines()
            .filter(|line| line.starts_with("keys"))
            .collect()
    };
    for (members, words) in [
        (head.to_owned(), "missing field `member`"),
        (
            format!("{head}{one}{}", two.replace("\"B\"", "\"A\"")),
            "the same name",
        ),
        (
            format!("{head}{one}{}", founder(folder, "C", ALICE)),
            "the same admin",
        ),
        (
            format!("{head}{one}{}", two.replace(&keys(&two), &keys(&one))),
            "proof does not show",
        ),
        (
            format!("{head}{}", one.replace(ALICE, BOB)),
            "proof does not show",
        ),
        (
            format!("{head}{}", one.replace("hospital", "hotel")),
            "Hotel",
        ),
        (format!("{head}{}", one.replace("kind", "sort")), "sort"),
        (
            format!("{head}{one}vault_url = \"http://vault.example\"\n"),
            "https://",
        ),
        (
            format!("{head}{one}bootnode = \"/ip4/1.2.3.4/tcp/30333\"\n"),
            "/p2p/",
        ),
        (
            format!("{head}minimum_validators = 3\n{one}{two}"),
            "from 1 to 2",
        ),
        (
            format!("name = \"N\"\nid = \"North 1\"\n{one}"),
            "lower-case",
        ),
    ] {
        let error = specification(folder, &members).expect_err(words);
        assert!(error.contains(words), "{words}: {error}");
    }
}
