//! The runtime is replaced while everybody works.

use std::{fs, process::Command, time::Instant};

use salus_client::{
    actions::council,
    chain::{calls, storage_prefix},
};
use salus_e2e::{in_checkout, wait_until, Consortium, Ward};
use serde_json::json;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;

use crate::help::{begin, failures, fault, seconds, stop, work_goes_on, ALL};

#[test]
#[ignore = "needs root and minutes"]
fn a_runtime_voted_for_is_in_force_without_a_restart() {
    let script = in_checkout("scripts/rehearsal");
    let built = Command::new(script).output().expect("the script is there");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let path = String::from_utf8(built.stdout).expect("a plain name");
    let code = fs::read(path.trim()).expect("it was built");

    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    let work = begin(&wards);
    work_goes_on(&wards);
    let asked = Instant::now();
    let authorize = calls::upgrades::authorize(H256(blake2_256(&code)));
    consortium.decide(&ALL, authorize, true);
    consortium
        .admin(1)
        .act(move |admin| async move { council::apply_upgrade(&admin, &code).await })
        .expect("it was authorized");
    for member in ALL {
        wait_until("the new runtime is in force", 120, || {
            version(&consortium, member) == Some(2)
        });
    }
    let took = seconds(asked);
    work_goes_on(&wards);
    stop(work);
    let failed = failures(&wards);
    let chain = consortium.chain(1);
    let key = storage_prefix("Rehearsal", "Rewritten");
    let rewritten: Option<(u32, u32)> = consortium
        .site(1)
        .run(async move { chain.storage(&key, chain.finalized().await?.hash).await })
        .expect("the node answers");
    let (rows, blocks) = rewritten.expect("the migration ran");
    assert_eq!(rows, wards.len() as u32, "once, over every patient");
    assert!(blocks > 1, "over more than one block");
    consortium.check(&wards);
    fault(
        "the runtime replaced by vote, with a migration, under load",
        1,
        0,
        format!("in force on all nodes {took} after the motion, none restarted; {failed} requests failed meanwhile"),
    );
}

fn version(consortium: &Consortium, member: usize) -> Option<u64> {
    let finalized = consortium.finalized(member)?.hash;
    let version = consortium.ask(member, "state_getRuntimeVersion", json!([finalized]))?;
    version["specVersion"].as_u64()
}
