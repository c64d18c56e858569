//! Nodes and vaults that are killed as a power cut would.

use std::time::{Duration, Instant};

use salus_e2e::{content, wait, wait_until, Consortium, Ward};

use crate::help::{
    begin, entry_in_a_block, failures, fault, seconds, stands_still, stop, work_goes_on, Door, ALL,
};

pub fn one_of_four_is_killed(consortium: &Consortium, wards: &[Ward]) {
    let work = begin(wards);
    work_goes_on(wards);
    consortium.network("kill 4");
    let killed = Instant::now();
    consortium.goes_on(1, 10);
    let ten = seconds(killed);
    work_goes_on(&wards[..3]);
    consortium.network("start 4");
    let returned = Instant::now();
    consortium.reach(&[4], consortium.height(1));
    consortium.healthy(&[4]);
    let back = seconds(returned);
    work_goes_on(&wards[3..]);
    stop(work);
    let failed = failures(wards);
    consortium.check(wards);
    fault(
        "1 of 4 killed (node and vault) under load",
        1,
        0,
        format!("finality goes on, 10 blocks in {ten}; back in step in {back}; {failed} requests failed meanwhile"),
    );
}

pub fn two_of_four_are_killed(consortium: &Consortium, wards: &[Ward]) {
    let ward = &wards[0];
    let kept = ward.add(100_000);
    let owner = Door::open(consortium, &ward.patient, 1);
    let doctor = Door::open(consortium, &ward.doctor, 1);
    assert_eq!(owner.get(ward, &kept, None).status, 200);

    consortium.network("kill 3");
    consortium.network("kill 4");
    let stopped = stands_still(consortium, 1, true);
    let opening = ward.open(&kept);
    let entry = entry_in_a_block(consortium, ward, &[]);
    // It is in a block, the grant holds, and yet nothing is served.
    let refused = doctor.get(ward, &kept, Some(entry));
    assert!([404, 503].contains(&refused.status), "{refused:?}");
    wait_until("the vault refuses even owners", 120, || {
        let got = owner.get(ward, &kept, None);
        got.status == 503 && got.code() == "chain-unavailable"
    });
    doctor
        .get(ward, &kept, Some(entry))
        .is(503, "chain-unavailable");
    assert_eq!(consortium.height(1), stopped, "two of four have finalized");
    assert!(
        !opening.is_finished(),
        "an opening that is not final was let in"
    );

    consortium.network("start 3");
    let returned = Instant::now();
    wait_until("finality goes on with three", 300, || {
        consortium.height(1) > stopped
    });
    let back = seconds(returned);
    let found = wait(opening).expect("it is final now");
    assert!(found == kept.content());
    wait_until("the vault serves again", 120, || {
        owner.get(ward, &kept, None).status == 200
    });
    let served = seconds(returned);
    consortium.network("start 4");
    consortium.check(wards);
    fault(
        "2 of 4 killed",
        1,
        0,
        format!("nothing is finalized or served; with 3 again finality after {back}, serving after {served}"),
    );
}

/// Repeatable choices.
struct Dice {
    seed: u64,
    rolls: Vec<u8>,
}

impl Dice {
    /// From `SALUS_SEED`, else by the clock; says so.
    fn new() -> Self {
        let given = std::env::var("SALUS_SEED").ok();
        let seed = given.map_or_else(salus_client::actions::clock, |seed| {
            seed.parse().expect("SALUS_SEED is a number")
        });
        println!("SALUS_SEED={seed}");
        Self {
            seed,
            rolls: content(seed, 64 * 1024),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        let at = self.rolls.len() - 8;
        let roll = self.rolls.split_off(at).try_into().expect("eight bytes");
        // The low bits of a shift register are no better than its high ones.
        (u64::from_le_bytes(roll) >> 16) % bound
    }
}

#[test]
#[ignore = "needs root and minutes"]
fn killed_thirty_times_in_random_order_it_keeps_every_acknowledged_anchor_and_file() {
    const ROUNDS: usize = 30;
    let mut dice = Dice::new();
    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    let work = begin(&wards);
    work_goes_on(&wards);
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    for round in 1..=ROUNDS {
        let member = 1 + dice.below(4) as usize;
        let what = ["node", "vault", "all"][dice.below(3) as usize];
        // When a kill falls is left to chance; nothing relies on it.
        std::thread::sleep(Duration::from_millis(dice.below(4_000)));
        consortium.network(&format!("kill {member} {what}"));
        std::thread::sleep(Duration::from_millis(dice.below(3_000)));
        consortium.network(&format!("start {member}"));
        let returned = Instant::now();
        consortium.healthy(&[member]);
        slowest = slowest.max(returned.elapsed());
        println!(
            "round {round}: {what} of member {member}, back in {:?}",
            returned.elapsed()
        );
    }
    work_goes_on(&wards);
    stop(work);
    let failed = failures(&wards);
    let tally = consortium.check(&wards);
    assert!(failed > 0, "no kill hit anything");
    fault(
        &format!("kill -9 of nodes and vaults in random order (seed {})", dice.seed),
        ROUNDS,
        0,
        format!(
            "slowest back after {:.1} s; {} records and {} openings acknowledged in {} all there, {failed} requests failed",
            slowest.as_secs_f64(),
            tally.records,
            tally.openings,
            seconds(started)
        ),
    );
}
