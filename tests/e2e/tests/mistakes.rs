//! The mistakes that people make with `salus`: each is named, says what to do next, and loses nothing.

use std::fs;

use salus_e2e::{salus, Node, World};

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
