//! The mistakes that people make with `salus`: each is named, says what to do next, and loses nothing.

use std::{
    collections::BTreeMap, fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path,
    process::Command,
};

use salus_client::{
    keys::AccountKey,
    vault::{Reach, VaultUrl},
};
use salus_e2e::{binary, free_port, salus, Node, World};
use salus_primitives::PRIVATE_NETWORK;
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

/// The specification that the node makes of a list of members and what it says beside, or why it makes
/// none.
fn found(folder: &Path, members: &str) -> Result<(Value, String), String> {
    let list = folder.join("members.toml");
    fs::write(&list, members).expect("the folder is ours");
    let output = Command::new(binary("salus-node"))
        .arg("consortium")
        .arg(list)
        .output()
        .expect("salus-node is built");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok((
            serde_json::from_slice(&output.stdout).expect("it prints JSON"),
            said,
        )),
        false => Err(said),
    }
}

fn specification(folder: &Path, members: &str) -> Result<Value, String> {
    found(folder, members).map(|(specification, _)| specification)
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
    let line = |name: &str, value: &str| {
        format!("{head}{one}{name} = {value:?}\n{two}{name} = {value:?}\n")
    };
    let node =
        "/dns/node.example.org/tcp/30333/p2p/12D3KooWDzXweo62Rvqx8X7dkym2zZqqQTzDNk9Qs3j2U58w2jBx";
    for (members, words) in [
        (line("bootnode", node), "the same bootnode"),
        (
            line("bootnode", node).replacen("node.example", "one.example", 1),
            "the same node key",
        ),
        (
            line("vault_url", "https://vault.example.org"),
            "the same vault_url",
        ),
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
            format!("{head}{one}vault_url = \"https://10.1.2.3\"\n"),
            "private_network = true",
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

#[test]
fn founding_with_fewer_than_four_is_warned_of() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = folder.path();
    let mut list = "name = \"North\"\nid = \"north\"\n".to_owned();
    let admins = ["//A", "//B", "//C", "//D"].map(|uri| {
        let key = AccountKey::from_uri(uri).expect("a development key");
        key.account().to_string()
    });
    for (number, admin) in (1..).zip(&admins) {
        list += &founder(folder, &format!("Member {number}"), admin);
        let (made, said) = found(folder, &list).expect("nothing is wrong with it");
        assert_eq!(made["chainType"], "Live");
        assert_eq!(said.contains("warning"), number < 4, "{number}: {said}");
    }
}

/// Where founders may put their vaults, and where clients go.
#[test]
fn founders_name_no_vault_that_clients_refuse() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = folder.path();
    let one = founder(folder, "A", ALICE);
    for (network, reach) in [("false", Reach::Public), ("true", Reach::Development)] {
        for url in [
            "https://vault.example.org",
            "https://vault.example.org:8443/vault",
            "http://vault.example.org",
            "https://10.1.2.3",
            "http://10.1.2.3:8040",
            "https://[fd00::1]",
            "https://localhost",
            "http://127.0.0.1:8040",
            "vault.example.org",
        ] {
            let list = format!(
                "name = \"N\"\nid = \"n\"\nprivate_network = {network}\n{one}vault_url = {url:?}\n"
            );
            let made = specification(folder, &list);
            let reached = VaultUrl::parse(url, reach);
            assert_eq!(made.is_ok(), reached.is_ok(), "{network} {url}: {made:?}");
            if let (Ok(made), "true") = (made, network) {
                assert_eq!(made["chainType"]["Custom"], PRIVATE_NETWORK);
            }
        }
    }
}

/// `salus-node`, which is to end by itself.
fn node(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("timeout")
        .arg("60")
        .arg(binary("salus-node"))
        .args(args)
        .output()
        .expect("salus-node is built");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn a_port_that_is_taken_stops_the_node_and_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let taken = taken.local_addr().expect("it listens").port().to_string();
    for option in ["--rpc-port", "--port", "--prometheus-port"] {
        let mut args = vec!["--dev", "--tmp", "--no-telemetry", "--no-mdns"];
        let free = [(); 3].map(|()| free_port().to_string());
        for (name, free) in ["--rpc-port", "--port", "--prometheus-port"]
            .iter()
            .zip(&free)
        {
            args.push(name);
            args.push(if *name == option { &taken } else { free });
        }
        let (code, said) = node(&args);
        assert_eq!(code, Some(1), "{option}: {said}");
        assert!(
            said.contains(option) && said.contains(&format!(":{taken}")),
            "{option}: {said}"
        );
    }
}

#[test]
fn keys_that_are_there_already_stay() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = |name: &str| folder.path().join(name).display().to_string();

    let file = path("node.key");
    let key = |what: &str| node(&["key", what, "--file", &file]);
    let (code, said) = key("inspect-node-key");
    assert_eq!(code, Some(1));
    assert!(said.contains("generate-node-key"), "{said}");
    let (code, peer) = key("generate-node-key");
    assert_eq!(code, Some(0), "{peer}");
    assert!(peer.starts_with("12D3KooW"), "{peer}");
    let mode = fs::metadata(&file).expect("it was made").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let made = fs::read(&file).expect("it was made");
    let (code, said) = key("generate-node-key");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("name a new file"), "{said}");
    assert_eq!(fs::read(&file).expect("it stays"), made);
    assert_eq!(key("inspect-node-key"), (Some(0), peer));

    let keystore = path("keystore");
    let files = || {
        let files = fs::read_dir(&keystore).expect("it was made").flatten();
        let files = files.map(|file| (file.file_name(), fs::read(file.path()).expect("ours")));
        files.collect::<BTreeMap<_, _>>()
    };
    let session = [
        "session-keys",
        "--owner",
        ALICE,
        "--keystore-path",
        &keystore,
    ];
    assert_eq!(node(&session).0, Some(0));
    let first = files();
    assert_eq!(node(&session).0, Some(0));
    let both = files();
    assert_eq!((first.len(), both.len()), (2, 4));
    assert!(first.iter().all(|(name, key)| both.get(name) == Some(key)));

    let (passphrase, phrase) = (path("passphrase"), path("service.phrase"));
    fs::write(&passphrase, "correct horse").expect("the folder is ours");
    fs::write(&phrase, "somebody's words").expect("the folder is ours");
    let profile = folder.path().join("service");
    let new = [
        "--passphrase-file",
        &passphrase,
        "keys",
        "new",
        "--phrase-out",
        &phrase,
    ];
    salus(&profile, "ws://127.0.0.1:1", new)
        .fails(1, "is there already")
        .says("another name");
    let kept = fs::read_to_string(&phrase).expect("it stays");
    assert_eq!(kept, "somebody's words");
    assert!(
        !profile.join("key.age").exists(),
        "no key without its phrase"
    );
}
