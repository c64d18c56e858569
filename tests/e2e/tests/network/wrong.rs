//! The wrong chain, the wrong keys, the wrong vault.

use std::{fs, path::PathBuf, process::Command, time::Instant};

use codec::Encode;
use salus_client::{
    actions::organisation,
    chain::{calls, storage_prefix},
};
use salus_e2e::{binary, blocks, wait_until, Consortium, Kept, Ward};
use serde_json::{json, Value};
use sp_core::{ed25519, proof_of_possession::statement_of_ownership, sr25519, Pair};

use crate::help::{fails, fault, seconds, stands_still, Door, ALL};

#[test]
#[ignore = "needs root and minutes"]
fn a_wrong_chain_and_stolen_keys_are_named_and_hurt_nobody_else() {
    let mut consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    a_node_of_another_chain(&consortium, &wards);
    the_keys_of_another(&consortium);
    the_same_keys_on_two_machines(&mut consortium, &wards);
}

fn a_node_of_another_chain(consortium: &Consortium, wards: &[Ward]) {
    let ward = &wards[3];
    let kept = ward.add(10_000);
    let owner = Door::open(consortium, &ward.patient, 4);
    assert_eq!(owner.get(ward, &kept, None).status, 200);
    let (node, right) = (
        consortium.home(4).join("node"),
        consortium.path("right-node"),
    );
    let (chain, right_chain) = (
        consortium.path("network/chain.json"),
        consortium.path("right-chain.json"),
    );
    consortium.network("kill 4 node");
    fs::rename(&node, &right).expect("both are ours");
    fs::rename(&chain, &right_chain).expect("both are ours");
    // The same members and name; sessions are one block longer.
    let list = fs::read_to_string(consortium.path("network/members.toml")).expect("it is there");
    let other = consortium.path("other.toml");
    fs::write(
        &other,
        list.replace("session_length = 20", "session_length = 21"),
    )
    .expect("it is ours");
    let made = Command::new(binary("salus-node"))
        .arg("consortium")
        .arg(other)
        .output();
    fs::write(&chain, made.expect("it runs").stdout).expect("the folder is ours");
    consortium.network("start 4");
    wait_until("node 4 answers", 120, || consortium.finalized(4).is_some());
    assert_ne!(consortium.block_hash(4, 0), Some(consortium.genesis()));
    fails(|| consortium.one_chain(&[1, 4], 0));
    consortium.goes_on(1, 10);
    assert_eq!(
        consortium.height(4),
        0,
        "a chain of one's own was finalized"
    );
    let started = Instant::now();
    wait_until("node 4 tells why it is alone", 120, || {
        consortium
            .log(4, "node")
            .contains("is on a different chain")
    });
    let told = seconds(started);
    wait_until("vault 4 refuses", 120, || {
        owner.get(ward, &kept, None).status == 503
    });
    println!("vault: {}", owner.get(ward, &kept, None).message());
    let answer = consortium.command(4, &format!("//World//patient-{}", 4), "record list");
    println!("salus: {}", answer.stderr.trim());
    assert_ne!(answer.code, 0);
    answer.says("another chain");

    consortium.network("kill 4 node");
    fs::remove_dir_all(&node).expect("it is ours");
    fs::rename(&right, &node).expect("both are ours");
    fs::rename(&right_chain, &chain).expect("both are ours");
    consortium.network("start 4");
    let repaired = Instant::now();
    consortium.reach(&[4], consortium.height(1));
    wait_until("vault 4 serves again", 120, || {
        owner.get(ward, &kept, None).status == 200
    });
    let back = seconds(repaired);
    consortium.check(wards);
    fault(
        "a node with another specification",
        1,
        0,
        format!("it stays alone and its log names the genesis after {told}; vault and `salus` refuse; in step {back} after the right one"),
    );
}

#[test]
#[ignore = "needs root and minutes"]
fn a_vault_that_is_not_there_or_another_or_damaged_is_named() {
    let consortium = &Consortium::up(4);
    let wards = &Ward::open_all(consortium, ALL);
    let ward = &wards[3];
    let kept = ward.add(10_000);
    let words = format!(
        "record get {} --out {}",
        kept.record,
        consortium.path("got").display()
    );
    let get = || consortium.command(4, "//World//patient-4", &words);
    get().ok();
    let name = |url: &str| {
        let url = url.to_owned();
        consortium
            .admin(4)
            .act(move |admin| async move {
                organisation::set_profile(&admin, None, Some(&url)).await
            })
            .expect("an admin names the vault");
    };
    // Nobody has this address: the next keeper serves, and who insists is told.
    const NOBODY: &str = "http://10.87.0.99:8040";
    name(NOBODY);
    get().ok();
    let insisting = format!("--vault {NOBODY} {words}");
    consortium
        .command(4, "//World//patient-4", &insisting)
        .fails(5, "does not answer");
    // Whose vault it is stands in what is signed, so that none can pass it on to another: that of
    // somebody else lets nobody in under this name.
    name(&Consortium::vault_url(3));
    get().ok();
    name(&Consortium::vault_url(4));
    get().ok();

    // The blocks of all copies are changed, so that nobody can repair them.
    let keepers = consortium.keepers(ward.id);
    let damage_all = || {
        for keeper in &keepers {
            consortium.network(&format!("kill {keeper} vault"));
        }
        for keeper in &keepers {
            damage(consortium, *keeper);
        }
        for keeper in &keepers {
            consortium.network(&format!("start {keeper}"));
        }
        consortium.healthy(&keepers);
    };
    damage_all();
    let answer = get();
    println!("salus: {}", answer.stderr.trim());
    assert_ne!(answer.code, 0);
    answer.says("damaged");
    fails(|| _ = consortium.check(&wards[3..]));
    damage_all();
    get().ok();
    consortium.check(wards);
    // What was acknowledged and is not there.
    let invented = Kept {
        record: kept.record + 1,
        ..kept
    };
    ward.told(|told| told.kept.push(invented));
    fails(|| _ = consortium.check(wards));
    ward.told(|told| told.kept.pop());
    fault(
        "a vault's address where nobody is, where another is; every block of every copy changed",
        3,
        0,
        "the next keeper serves where nobody is; else named, with exit codes; whole again with the right bytes",
    );
}

/// Flips a bit in each block of each record in a member's vault; twice is as before.
fn damage(consortium: &Consortium, member: usize) {
    let found = blocks(&consortium.home(member).join("blobs/objects/record"));
    assert!(!found.is_empty());
    for block in found {
        let mut bytes = fs::read(&block).expect("it is there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&block, bytes).expect("it is ours");
    }
}

/// The seed of a member's session keys, which never leaves its machine.
fn session_seed(consortium: &Consortium, member: usize) -> String {
    let store = keystore(consortium, member);
    let mut files = fs::read_dir(store).expect("it is there").flatten();
    let file = files.next().expect("there are keys").path();
    serde_json::from_slice(&fs::read(file).expect("it is ours")).expect("text in JSON")
}

fn keystore(consortium: &Consortium, member: usize) -> PathBuf {
    let chains = consortium.home(member).join("node/chains");
    let mut found = fs::read_dir(chains).expect("it is there").flatten();
    found.next().expect("one chain").path().join("keystore")
}

fn the_keys_of_another(consortium: &Consortium) {
    let made = fs::read(consortium.home(1).join("keys.json")).expect("they were made");
    let made: Value = serde_json::from_slice(&made).expect("JSON");
    let bytes = |name: &str| {
        let text = made[name].as_str().expect("text");
        hex::decode(text.trim_start_matches("0x")).expect("hexadecimal")
    };
    let register = |proof: &[u8]| {
        let call = calls::session::set_keys(&bytes("keys"), proof);
        let second = consortium.admin(2);
        let answer = second.act(move |admin| async move { admin.submit(&call).await });
        answer
            .expect_err("the keys of another were registered")
            .to_string()
    };
    // With the proof that was made for their owner.
    let said = register(&bytes("proof"));
    println!("chain: {said}");
    assert!(said.contains("Session.InvalidProof"), "{said}");
    // With a proof of one's own, by who has stolen them.
    let admin = consortium.admin(2).client.me();
    let seed = session_seed(consortium, 1);
    let statement = statement_of_ownership(&admin.encode());
    let aura = sr25519::Pair::from_string(&seed, None).expect("a seed");
    let grandpa = ed25519::Pair::from_string(&seed, None).expect("a seed");
    let said = register(&(aura.sign(&statement), grandpa.sign(&statement)).encode());
    println!("chain: {said}");
    assert!(said.contains("Session.DuplicatedKey"), "{said}");
    consortium.goes_on(1, 5);
    fault(
        "a member registers the session keys of another",
        2,
        0,
        "refused: InvalidProof, and DuplicatedKey for who has stolen them",
    );
}

/// Whether the chain keeps this member from validating.
fn is_barred(consortium: &Consortium, member: usize) -> bool {
    let prefix = hex::encode(storage_prefix("Validators", "Barred"));
    let found = consortium.ask(
        1,
        "state_getKeysPaged",
        json!([format!("0x{prefix}"), 100, null]),
    );
    let keys: Vec<String> = serde_json::from_value(found.unwrap_or_default()).unwrap_or_default();
    let organisation = hex::encode(Consortium::organisation(member).to_le_bytes());
    keys.iter().any(|key| key.ends_with(&organisation))
}

fn the_same_keys_on_two_machines(consortium: &mut Consortium, wards: &[Ward]) {
    let double = consortium.join();
    consortium.network(&format!("kill {double}"));
    let (from, to) = (keystore(consortium, 4), keystore(consortium, double));
    fs::remove_dir_all(&to).expect("it is ours");
    fs::create_dir_all(&to).expect("it is ours");
    for file in fs::read_dir(from).expect("it is there").flatten() {
        fs::copy(file.path(), to.join(file.file_name())).expect("it is ours");
    }
    let started = Instant::now();
    consortium.network(&format!("start {double}"));
    // Neither half can finalize; both vote for forks of their own, in the same round.
    consortium.network(&format!("partition 1,4 2,{double} 3"));
    for member in [1, 2] {
        stands_still(consortium, member, true);
    }
    assert!(!is_barred(consortium, 4));
    consortium.network("heal");
    let healed = Instant::now();
    wait_until("the offender is barred", 600, || is_barred(consortium, 4));
    let barred = seconds(healed);
    assert!(ALL[..3]
        .iter()
        .all(|member| !is_barred(consortium, *member)));
    let admin = consortium.admin(4).client.me();
    wait_until("the offender validates no more", 300, || {
        !consortium.validators(1).contains(&admin)
    });
    let left = seconds(healed);
    consortium.goes_on(1, 5);
    consortium.network(&format!("kill {double}"));
    consortium.decide(&[1, 2, 3], calls::validators::readmit(3), false);
    wait_until("it validates again", 300, || {
        consortium.validators(1).contains(&admin)
    });
    println!("the double ran for {}", seconds(started));
    consortium.check_at(&ALL, wards);
    fault(
        "the same session keys on two machines, which vote for two forks",
        1,
        0,
        format!("barred {barred} after they met, out after {left}; readmitted by the council"),
    );
}
