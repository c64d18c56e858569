//! What members do with a chain that they founded: decide, validate, notice another runtime.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use salus_client::{
    chain::Chain,
    keys::{AccountKey, Words},
    profile::Profile,
};
use salus_e2e::{
    binary, eventually, free_port, run, salus, wait_until, Founded, Guide, Machine, Node, Process,
    World,
};
use serde_json::{json, Value};
use sp_core::{Blake2Hasher, Hasher};

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// A round of GRANDPA costs every node its votes for ever, and a block that waits for the next one is
/// final half a second later.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_final_by_a_round_of_its_own_and_none_runs_without() {
    const BLOCKS: u64 = 20;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [alice, _bob, _charlie] = Node::three_of_four(folder.path()).await;
    let round = || async {
        let state = alice.rpc("grandpa_roundState", json!([])).await;
        state["best"]["round"].as_u64().expect("a number")
    };
    let (first_block, first_round) = (alice.finalized().await, round().await);
    eventually("blocks are final", 120, || async {
        alice.finalized().await >= first_block + BLOCKS
    })
    .await;
    let rounds = round().await - first_round;
    let blocks = alice.finalized().await - first_block;
    // Two or three would run in the time of each block without pause.
    assert!(
        rounds <= blocks * 3 / 2,
        "{rounds} rounds for {blocks} blocks"
    );
}

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

/// A profile that has a passphrase.
fn protected(folder: &Path) -> PathBuf {
    let profile = folder.join("protected");
    let key = AccountKey::generate(Words::Twelve).expect("there is chance");
    Profile::create(&profile, &key.0, "correct horse", 2).expect("the folder is ours");
    profile
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_everybodys_is_read_without_a_profile_and_without_a_passphrase() {
    let world = World::start();
    let hospital = world.person("hospital").await.me().to_string();
    let credits = format!("credits show {hospital}");
    let nobody = world.path("nobody");
    let protected = protected(world.folder());
    let ask =
        |profile: &Path, line: &str| salus(profile, &world.node.url(), line.split_whitespace());
    for line in [
        "validator list",
        "org list",
        "clinician list",
        "council list",
        "chain show",
        credits.as_str(),
    ] {
        for profile in [&nobody, &protected] {
            let answer = ask(profile, line);
            assert_eq!(answer.code, 0, "{line}: {answer:#?}");
        }
    }
    let studies = ask(&nobody, "study list").ok();
    assert_eq!(studies["studies"], json!([]));
    assert!(!nobody.exists(), "nothing stays behind");
    let listed = ask(&nobody, "org list").ok();
    assert_eq!(listed["organisations"][0]["admin"], hospital);

    // Who has no profile trusts nothing; who has one is told of changes.
    let shown = ask(&nobody, "chain show").ok();
    assert!(shown["is_trusted"].is_null(), "{shown}");
    let shown = ask(&protected, "chain show").ok();
    assert_eq!(shown["is_trusted"], true);
    ask(&nobody, "chain trust").fails(1, "no profile");
    ask(&protected, "chain trust").ok();

    // Whatever needs a key still asks for it.
    ask(&nobody, "org publish").fails(1, "no profile");
    ask(&protected, "--passphrase-file nowhere org publish").fails(1, "cannot read nowhere");

    // And the chain that the profile knows is the one that is read.
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let other = Node::start_chain(folder.path(), "local");
    let elsewhere = |profile: &Path| salus(profile, &other.url(), ["org", "list"]);
    elsewhere(&nobody).ok();
    elsewhere(&protected).fails(1, "another chain");
}

#[test]
fn a_vault_that_no_client_would_reach_is_refused_before_the_chain_names_it() {
    for (terms, private) in [("", false), ("private_network = true", true)] {
        let consortium = Founded::with(terms);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let profile = protected(folder.path());
        let passphrase = folder.path().join("passphrase");
        fs::write(&passphrase, "correct horse").expect("the folder is ours");
        let ask = |line: &str| {
            let mut args = vec!["--passphrase-file", passphrase.to_str().expect("plain")];
            args.extend(line.split_whitespace());
            salus(&profile, &consortium.nodes[0].url(), args)
        };
        let near = "org profile --vault-url https://10.1.2.3:8040";
        let admit = "org admit Lab --kind laboratory --admin //Bob --vault-url http://10.1.2.3";
        match private {
            false => {
                ask(near).fails(1, "private_network = true");
                ask(admit).fails(1, "private_network = true");
            }
            // Whose account is no admin's hears that, as with any other address.
            true => {
                ask(near).fails(3, "no organisation's admin");
            }
        }
        ask("org profile --vault-url https://vault.example.org")
            .fails(3, "no organisation's admin");
        ask("org profile --vault-url http://vault.example.org").fails(1, "https://");

        // A node that says the opposite of the first one leads nobody into a private network.
        let config = profile.join("config.json");
        let mut known: Value =
            serde_json::from_slice(&fs::read(&config).expect("it has met the chain"))
                .expect("JSON");
        assert_eq!(known["private"], private);
        known["private"] = json!(false);
        fs::write(&config, known.to_string()).expect("it is ours");
        let listed = ask("org list");
        match private {
            true => {
                listed.fails(1, "private network");
            }
            false => {
                listed.ok();
            }
        }
    }
}

/// A member of the guide's example, on its machine.
struct Founder {
    machine: Machine,
    port: u16,
    p2p: u16,
    peer: String,
    node: Option<Process>,
}

impl Founder {
    /// What each member does before the day, on its own.
    fn prepare(folder: &Path, name: &str, kind: &str) -> Self {
        let guide = Guide::open();
        let home = folder.join(name);
        fs::create_dir_all(home.join("etc/salus/keys")).expect("the folder is ours");
        fs::write(home.join("passphrase"), "correct horse").expect("the folder is ours");
        let (port, p2p) = (free_port(), free_port());
        let mut machine = Machine {
            home,
            words: vec![
                ("9944", port.to_string()),
                ("9615", free_port().to_string()),
                ("8040", free_port().to_string()),
                ("9616", free_port().to_string()),
            ],
            node: format!("ws://127.0.0.1:{port}"),
        };
        let said = |output: Output| String::from_utf8(output.stdout).expect("a text");
        let word = |text: String, begins: &str| -> String {
            let letters = |letter: char| !letter.is_alphanumeric();
            let mut words = text.split(letters).filter(|word| word.len() > 40);
            let word = words.find(|word| word.starts_with(begins));
            word.expect("it is said").to_owned()
        };
        // No terminal shows the phrase here.
        let new = guide.inline("salus --profile admin keys new");
        machine.play(&format!("{new} --phrase-out phrase"));
        let shown = machine.play(&guide.inline("salus --profile admin keys show"));
        machine.words.push(("5Officer…", word(said(shown), "5")));
        let peer = word(
            said(machine.play(&guide.command("salus-node key generate-node-key"))),
            "12D3KooW",
        );
        let made = machine.play(&guide.command("runuser -u salus-node -- salus-node session-keys"));
        let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let service = machine.play(&guide.command("salus --profile ~/service keys new"));
        machine.words.push(("5Service…", word(said(service), "5")));
        machine.play(&guide.command("rm -r ~/service"));

        let member = machine.here(&guide.block("[[member]]"));
        let member = member
            .replace("General Hospital", name)
            .replace("node.hospital", &format!("node.{name}"))
            .replace("hospital\"", &format!("{kind}\""))
            .replace("keys = \"0x…\"", &format!("keys = {}", made["keys"]))
            .replace("proof = \"0x…\"", &format!("proof = {}", made["proof"]))
            .replace("12D3KooW…", &peer);
        let member = match name {
            "general" => member,
            _ => member.replace("vault.hospital", &format!("vault.{name}")),
        };
        fs::write(folder.join(format!("{name}.toml")), member).expect("the folder is ours");
        Self {
            machine,
            port,
            p2p,
            peer,
            node: None,
        }
    }

    fn start(&mut self, others: &[String]) {
        let machine = &self.machine;
        let mut settings = machine.settings("node.env");
        for (name, value) in &mut settings {
            match name.as_str() {
                "SALUS_RESERVED_NODES" => *value = others.join(" "),
                "SALUS_NODE_ARGS" => *value = format!("--allow-private-ip --port {}", self.p2p),
                _ => {}
            }
        }
        let arguments = machine.arguments("salus-node.service", &settings);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = machine.home.join("node.log");
        self.node = Some(Process::start("salus-node", &arguments, log));
    }

    async fn finalized(&self) -> Option<u32> {
        let chain = Chain::connect(&self.machine.node, None).await.ok()?;
        Some(chain.finalized().await.ok()?.number)
    }
}

/// The guide's founding, word by word, and what it says of four: one may be down, two may not.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_founds_four_members_of_whom_one_may_be_down() {
    let guide = Guide::open();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = folder.path();
    let mut founders = [
        ("general", "hospital"),
        ("clinic", "clinic"),
        ("insurer", "insurer"),
        ("lab", "laboratory"),
    ]
    .map(|(name, kind)| Founder::prepare(folder, name, kind));

    // On the day: everybody makes the specification, and compares.
    let together = guide.block("printf");
    let found = guide.inline("salus-node consortium members.toml >");
    let sums = guide.inline("sha256sum members.toml chain.json");
    let told = founders.each_ref().map(|founder| {
        let home = founder.machine.home.display();
        founder.machine.play(&format!("cp ../*.toml {home}/"));
        founder.machine.play(&together);
        let warned = founder.machine.play(&found);
        assert!(!String::from_utf8_lossy(&warned.stderr).contains("warning"));
        let sums = founder.machine.play(&sums).stdout;
        founder
            .machine
            .play("install -m 644 chain.json /etc/salus/");
        sums
    });
    assert!(told.iter().all(|sums| *sums == told[0]), "{told:?}");

    let addresses = founders
        .each_ref()
        .map(|founder| format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", founder.p2p, founder.peer));
    let others = |member: usize| -> Vec<String> {
        let all = addresses.iter().enumerate();
        let others = all.filter(|(other, _)| *other != member);
        others.map(|(_, address)| address.clone()).collect()
    };
    for (member, founder) in founders.iter_mut().enumerate() {
        founder.start(&others(member));
    }
    for founder in &founders {
        let what = format!("node at port {} is final", founder.port);
        eventually(&what, 120, || async { founder.finalized().await > Some(3) }).await;
    }
    let first = |founders: &[Founder; 4]| founders[0].machine.node.clone();
    let listed = salus(
        &folder.join("nobody"),
        &first(&founders),
        ["validator", "list"],
    )
    .ok();
    let rows = listed["validators"].as_array().expect("a list");
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["validates"] == true), "{listed}");

    // The vault of the first one.
    let general = &founders[0].machine;
    general.play(&guide.block("# f: the operator"));
    let settings = general.settings("vault.env");
    let mut line: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    line.push(binary("salus-vault").display().to_string());
    line.extend(general.arguments("salus-vault.service", &settings));
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    fs::create_dir_all(general.here("/var/lib/salus-vault")).expect("the folder is ours");
    let vault = Process::start("/usr/bin/env", &line, general.home.join("vault.log"));
    let health = general.here("curl -s http://127.0.0.1:8040/health");
    wait_until("the vault is well", 60, || {
        let answer = Command::new("bash").args(["-c", &health]).output();
        let answer = answer.expect("bash is installed").stdout;
        String::from_utf8_lossy(&answer).contains("\"status\":\"ok\"")
    });
    let organisations = salus(&folder.join("nobody"), &first(&founders), ["org", "list"]).ok();
    let named = &organisations["organisations"][0]["vault_url"];
    assert_eq!(*named, "https://vault.hospital.example", "{organisations}");
    drop(vault);

    // One is down: the others go on. Two are: nothing becomes final any more, until one is back.
    let [general, _, insurer, lab] = &mut founders;
    lab.node = None;
    let there = general.finalized().await;
    eventually("three of four go on", 120, || async {
        general.finalized().await > there.map(|there| there + 10)
    })
    .await;
    insurer.node = None;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let there = general.finalized().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(
        general.finalized().await,
        there,
        "two of four are not enough"
    );
    lab.start(&others(3));
    eventually("three of four are enough", 180, || async {
        general.finalized().await > there.map(|there| there + 5)
    })
    .await;
}
