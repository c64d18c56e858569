//! Clocks that are wrong.

use std::time::Instant;

use salus_e2e::{wait_until, Consortium, Ward};
use serde_json::json;

use crate::help::{begin, failures, fault, seconds, stop, work_goes_on, ALL};

#[test]
#[ignore = "needs root and minutes"]
fn a_clock_that_is_half_a_minute_off_disturbs_its_owner_alone() {
    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    for clock in ["+30s", "-30s"] {
        let work = begin(&wards[..3]);
        consortium.network("kill 4 node");
        consortium.network(&format!("start 4 {clock}"));
        let started = Instant::now();
        wait_until("node 4 answers", 120, || consortium.finalized(4).is_some());
        consortium.goes_on(1, 60);
        let sixty = seconds(started);
        work_goes_on(&wards[..3]);
        let behind = consortium.height(1).saturating_sub(consortium.height(4));
        let made = made_by(&consortium, 4, 40);
        assert_eq!(made, 0, "the others take blocks of the wrong time");
        let health = consortium.health(4);
        // By a right clock the blocks are neither early nor late.
        let ahead = ahead_of_clock(&consortium);
        assert!(
            ahead.abs() < 15_000,
            "the chain's clock is {ahead} ms ahead"
        );
        stop(work);
        failures(&wards);
        consortium.network("kill 4 node");
        consortium.network("start 4");
        let repaired = Instant::now();
        consortium.reach(&[4], consortium.height(1));
        let back = seconds(repaired);
        consortium.check(&wards);
        fault(
            &format!("one node's clock {clock}"),
            1,
            0,
            format!(
                "60 blocks in {sixty}; its node is {behind} blocks behind, made {made} of the last 40, its vault's health is {health:?}; in step {back} after the clock was right"
            ),
        );
    }
}

/// How many of the newest finalized blocks this member's node has made.
fn made_by(consortium: &Consortium, member: usize, of: u32) -> usize {
    let validators = consortium.validators(1);
    let admin = consortium.admin(member).client.me();
    let place = validators.iter().position(|account| *account == admin);
    let place = place.expect("it validates") as u64;
    let height = consortium.height(1);
    let slot = |number: u32| {
        let hash = consortium.block_hash(1, number)?;
        let header = consortium.ask(1, "chain_getHeader", json!([hash]))?;
        // Aura's digest before the runtime: its slot, eight bytes.
        let logs = header["digest"]["logs"].as_array()?;
        let aura = logs.iter().find_map(|log| {
            let bytes = hex::decode(log.as_str()?.trim_start_matches("0x")).ok()?;
            (bytes.len() == 14 && bytes[1..5] == *b"aura").then_some(bytes)
        })?;
        Some(u64::from_le_bytes(aura[6..14].try_into().ok()?))
    };
    let slots = (height.saturating_sub(of)..height).filter_map(slot);
    slots
        .filter(|slot| slot % validators.len() as u64 == place)
        .count()
}

/// By how many milliseconds the newest finalized block is ahead of this machine's clock.
fn ahead_of_clock(consortium: &Consortium) -> i64 {
    let chain = consortium.chain(1);
    let moment = consortium.site(1).run(async move {
        let block = chain.finalized().await?;
        chain.moment(block.hash).await
    });
    moment.expect("the node answers") as i64 - salus_client::actions::clock() as i64
}
