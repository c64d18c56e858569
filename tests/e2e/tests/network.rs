//! A consortium of four in which nodes, vaults and lines break: nothing that was acknowledged is
//! lost, nothing that is not final is served, there is one chain, and all of it goes on by itself.
//!
//! As root, one at a time: `./scripts/test --network`. Those that begin with `quick` are part of
//! `./scripts/test`.

use std::{
    fmt::Display,
    fs,
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use codec::Encode;
use salus_client::{
    actions::organisation,
    chain::{calls, storage_prefix, ChainEvent},
    vault::Opened,
};
use salus_e2e::{
    binary, content, wait, wait_until, Consortium, Got, Http, Kept, Person, Ward, Work,
};
use serde_json::{json, Value};
use sp_core::{ed25519, proof_of_possession::statement_of_ownership, sr25519, Pair};

const ALL: [usize; 4] = [1, 2, 3, 4];

/// One line of the table in docs/011-faults.md.
fn fault(broken: &str, often: usize, lost: usize, recovery: impl Display) {
    println!("FAULT | {broken} | {often} | {lost} | {recovery}");
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

fn begin(wards: &[Ward]) -> Vec<Work> {
    wards.iter().map(Ward::work).collect()
}

fn stop(work: Vec<Work>) {
    work.into_iter().for_each(Work::stop);
}

/// What was acknowledged to these people so far.
fn acknowledged(ward: &Ward) -> usize {
    ward.told(|told| told.kept.len() + told.opened.len())
}

/// Waits until each of these people was told of something new.
#[track_caller]
fn work_goes_on(wards: &[Ward]) {
    for ward in wards {
        let before = acknowledged(ward);
        wait_until(&format!("work at member {}", ward.member), 300, || {
            acknowledged(ward) > before
        });
    }
}

/// How much was asked for in vain, with the last reason.
fn failures(wards: &[Ward]) -> usize {
    let mut count = 0;
    for ward in wards {
        ward.told(|told| {
            count += told.failed.len();
            if let Some(last) = told.failed.last() {
                println!(
                    "member {}: {} failed, last: {last}",
                    ward.member,
                    told.failed.len()
                );
            }
            told.failed.clear();
        });
    }
    count
}

/// Somebody at a vault's door, who asks without the library's patience.
struct Door {
    http: Arc<Http>,
    person: Person,
    token: String,
}

impl Door {
    fn open(consortium: &Consortium, person: &Person, member: usize) -> Self {
        let url = Consortium::vault_url(member);
        let organisation = Consortium::organisation(member);
        let http = Arc::new(Http::to(&url, organisation, consortium.genesis()));
        let asking = http.clone();
        let token = person.act(|client| async move { asking.sign_in(&client.key).await });
        Self {
            http,
            person: person.clone(),
            token,
        }
    }

    fn get(&self, ward: &Ward, kept: &Kept, opened: Option<Opened>) -> Got {
        let path = format!("/v1/patients/{}/records/{}/payload", ward.id, kept.record);
        let (http, token) = (self.http.clone(), self.token.clone());
        self.person
            .act(|_| async move { http.get(&path, &token, opened).await })
    }
}

/// Waits until finality stands still while blocks are made, if `blocks` are; where it stands.
#[track_caller]
fn stands_still(consortium: &Consortium, member: usize, blocks: bool) -> u32 {
    const WHILE: u32 = 4;
    let mut at = None;
    let mut since = Instant::now();
    let mut best = 0;
    wait_until("finality stands still", 300, || {
        let now = consortium.height(member);
        let tip = consortium.best(member).unwrap_or_default();
        if at != Some(now) {
            (at, since, best) = (Some(now), Instant::now(), tip);
        }
        // Longer than any round under way could take.
        since.elapsed() > Duration::from_secs(12) && (!blocks || tip >= best + WHILE)
    });
    at.expect("it was asked")
}

/// An entry of this ward's doctor that is in a block, but not final.
fn entry_in_a_block(consortium: &Consortium, ward: &Ward) -> Opened {
    let chain = consortium.chain(ward.member);
    let reader = ward.doctor.client.me().to_string();
    let is_mine = move |event: &ChainEvent| {
        event.is("AccessLog", "Opened") && event.fields["reader"] == reader.as_str()
    };
    let mut found = None;
    wait_until("the opening is in a block", 120, || {
        let height = consortium.height(ward.member);
        let best = consortium.best(ward.member).unwrap_or(height);
        for number in height + 1..=best {
            let Some(hash) = consortium.block_hash(ward.member, number) else {
                continue;
            };
            let chain = chain.clone();
            let events = consortium
                .site(ward.member)
                .run(async move { chain.events(hash).await });
            let mine = events
                .ok()
                .and_then(|events| events.into_iter().find(&is_mine));
            found = mine.map(|event| Opened {
                block_hash: hash,
                event_index: event.index,
            });
            if found.is_some() {
                return true;
            }
        }
        false
    });
    found.expect("it was found")
}

#[test]
#[ignore = "needs root and minutes"]
fn quick_one_or_two_of_four_are_killed_and_one_is_cut_off() {
    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    one_of_four_is_killed(&consortium, &wards);
    two_of_four_are_killed(&consortium, &wards);
    one_of_four_is_cut_off(&consortium, &wards);
}

fn one_of_four_is_killed(consortium: &Consortium, wards: &[Ward]) {
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

fn two_of_four_are_killed(consortium: &Consortium, wards: &[Ward]) {
    let ward = &wards[0];
    let kept = ward.add(100_000);
    let owner = Door::open(consortium, &ward.patient, 1);
    let doctor = Door::open(consortium, &ward.doctor, 1);
    assert_eq!(owner.get(ward, &kept, None).status, 200);

    consortium.network("kill 3");
    consortium.network("kill 4");
    let stopped = stands_still(consortium, 1, true);
    let opening = ward.open(&kept);
    let entry = entry_in_a_block(consortium, ward);
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

fn one_of_four_is_cut_off(consortium: &Consortium, wards: &[Ward]) {
    let ward = &wards[3];
    let kept = ward.add(100_000);
    let owner = Door::open(consortium, &ward.patient, 4);
    assert_eq!(owner.get(ward, &kept, None).status, 200);
    let work = begin(&wards[..3]);
    consortium.network("partition 1,2,3 4");
    let stopped = stands_still(consortium, 4, false);
    let opening = ward.open(&kept);
    consortium.goes_on(1, 10);
    work_goes_on(&wards[..3]);
    wait_until("the minority's vault refuses", 120, || {
        let got = owner.get(ward, &kept, None);
        got.status == 503 && got.code() == "chain-unavailable"
    });
    assert_eq!(consortium.height(4), stopped, "one of four has finalized");
    assert!(
        !opening.is_finished(),
        "an opening that is not final was let in"
    );

    consortium.network("heal");
    let healed = Instant::now();
    consortium.reach(&[4], consortium.height(1));
    let back = seconds(healed);
    let found = wait(opening).expect("it was sent to the others, and is final now");
    assert!(found == kept.content());
    let resubmitted = seconds(healed);
    consortium.healthy(&[4]);
    stop(work);
    failures(wards);
    consortium.check(wards);
    fault(
        "partition 3|1",
        1,
        0,
        format!("three go on, the fourth refuses; in step {back} after the end, its waiting opening final after {resubmitted}"),
    );
}

#[test]
#[ignore = "needs root and minutes"]
fn a_partition_into_halves_finalizes_nothing_and_then_everything() {
    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    let kept: Vec<Kept> = wards.iter().map(|ward| ward.add(100_000)).collect();
    let work = begin(&wards);
    work_goes_on(&wards);
    consortium.network("partition 1,2 3,4");
    let stopped = [1, 3].map(|member| stands_still(&consortium, member, true));
    let openings: Vec<_> = wards
        .iter()
        .zip(&kept)
        .map(|(ward, kept)| ward.open(kept))
        .collect();
    // Both halves make blocks of their own, with entries of their own.
    let entries = [0, 2].map(|ward| entry_in_a_block(&consortium, &wards[ward]));
    let tips = [1, 3].map(|member| {
        let best = consortium.best(member).expect("it answers");
        consortium.block_hash(member, stopped[0].max(stopped[1]).max(best - 1))
    });
    assert_ne!(tips[0], tips[1], "the halves make the same blocks");
    assert_eq!([1, 3].map(|member| consortium.height(member)), stopped);
    assert!(openings.iter().all(|opening| !opening.is_finished()));

    consortium.network("heal");
    let healed = Instant::now();
    consortium.reach(&ALL, stopped[0].max(stopped[1]) + 1);
    let back = seconds(healed);
    let mut retracted = 0;
    for (opening, kept) in openings.into_iter().zip(&kept) {
        let found = wait(opening).expect("it was sent to the others, and is final now");
        assert!(found == kept.content());
    }
    let resubmitted = seconds(healed);
    for (entry, ward) in entries.iter().zip([0, 2]) {
        let stands = wards[ward].told(|told| {
            told.opened
                .iter()
                .any(|opened| opened.block_hash == entry.block_hash)
        });
        retracted += usize::from(!stands);
    }
    work_goes_on(&wards);
    stop(work);
    failures(&wards);
    consortium.check(&wards);
    assert!(retracted > 0, "no half had to give up a block");
    fault(
        "partition 2|2",
        1,
        0,
        format!("nothing is final meanwhile; finality {back} after the end, what both halves had waiting final after {resubmitted}"),
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

#[test]
#[ignore = "needs root and minutes"]
fn a_member_suspended_in_the_middle_of_its_work_is_refused_from_the_next_block_on() {
    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    let ward = &wards[3];
    let kept = ward.add(10_000);
    wait(ward.open(&kept)).expect("the grant holds");
    let before = ward.told(|told| *told.opened.last().expect("it was opened"));
    let doctor = Door::open(&consortium, &ward.doctor, 4);
    assert_eq!(doctor.get(ward, &kept, Some(before)).status, 200);
    let work = begin(&wards);
    work_goes_on(&wards);
    let asked = Instant::now();
    let suspended = consortium.decide(&[1, 2, 3], calls::members::suspend(3), false);
    let took = seconds(asked);
    // An entry of before, and a session of before, are worth nothing.
    let refused = doctor.get(ward, &kept, Some(before));
    assert!([403, 404].contains(&refused.status), "{refused:?}");
    let opening = wait(ward.open(&kept)).expect_err("a suspended member opened a record");
    assert!(opening.to_string().contains("active member"), "{opening}");
    work_goes_on(&wards[..3]);
    let left = Instant::now();
    let admin = consortium.admin(4).client.me();
    wait_until("its validator has left", 300, || {
        !consortium.validators(1).contains(&admin)
    });
    let left = seconds(left);
    consortium.goes_on(1, 5);
    stop(work);
    failures(&wards);
    let reader = ward.doctor.client.me().to_string();
    let chain = consortium.chain(1);
    let id = ward.id;
    let trail = consortium
        .site(1)
        .run(async move { salus_client::trail::read(&chain, id).await })
        .expect("it can be read");
    let by_doctor = |after: bool| {
        let entries = trail.entries.iter().filter(|entry| {
            entry.fields["reader"] == reader.as_str()
                && (entry.block > suspended.receipt.block) == after
        });
        entries.count()
    };
    assert!(by_doctor(false) > 1 && by_doctor(true) == 0);

    consortium.decide(&[1, 2, 3], calls::members::reinstate(3), false);
    wait(ward.open(&kept)).expect("it is a member again");
    wait_until("its validator is back", 300, || {
        consortium.validators(1).contains(&admin)
    });
    consortium.check(&wards);
    fault(
        "a member suspended in the middle of its work",
        1,
        0,
        format!("three votes in {took}; refused from the next block on; no validator {left} later"),
    );
}

#[test]
#[ignore = "needs root and minutes"]
fn a_fifth_member_joins_and_one_leaves_and_finality_goes_on() {
    let mut consortium = Consortium::up(4);
    let mut wards = Ward::open_all(&consortium, ALL);
    let work = begin(&wards);
    work_goes_on(&wards);

    let empty = Instant::now();
    let fifth = consortium.join();
    let synchronized = seconds(empty);
    let asked = Instant::now();
    let key = format!("//Member//{fifth}");
    let admin = salus_client::keys::AccountKey::from_uri(&key).expect("a development key");
    let admin = admin.account();
    let kind = salus_primitives::OrganisationKind::Hospital;
    let admit = calls::members::admit(&admin, kind, "Member 5", "").expect("a short name");
    let outcome = consortium.decide(&ALL, admit, true);
    assert_eq!(outcome.organisation, Some(Consortium::organisation(fifth)));
    let admitted = seconds(asked);
    consortium.introduce(fifth);
    wait_until("the fifth validates", 300, || {
        consortium.validators(1).contains(&admin)
    });
    let validates = seconds(asked);
    consortium.goes_on(1, 5);
    // Of five, four are needed or more than two thirds: now one may be lost, whoever it is.
    consortium.network("kill 1");
    consortium.goes_on(fifth, 5);
    consortium.network("start 1");
    consortium.reach(&[1], consortium.height(fifth));
    wards.push(Ward::of(&consortium, fifth));
    let newest = wards.last().expect("it was opened");
    let kept = newest.add(10_000);
    assert!(wait(newest.open(&kept)).expect("the grant holds") == kept.content());
    consortium.check(&wards);

    let asked = Instant::now();
    consortium.decide(&[1, 3, fifth], calls::members::suspend(1), false);
    let second = consortium.admin(2).client.me();
    wait_until("the second validates no more", 300, || {
        !consortium.validators(1).contains(&second)
    });
    let left = seconds(asked);
    consortium.network("kill 2 node");
    consortium.goes_on(fifth, 10);
    consortium.network("start 2");
    stop(work);
    failures(&wards);
    // The node that came last tells all trails from their beginning; so does the one that left.
    consortium.check(&wards);
    fault(
        "a fifth member voted in, one voted out",
        1,
        0,
        format!("empty node in step in {synchronized}; admitted in {admitted}, validates after {validates}; the other is out after {left}; finality goes on"),
    );
}

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

#[test]
#[ignore = "needs root and minutes"]
fn a_wrong_chain_stolen_keys_and_a_wrong_vault_are_named_and_hurt_nobody_else() {
    let mut consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    a_node_of_another_chain(&consortium, &wards);
    a_vault_that_is_not_there_or_another_or_damaged(&consortium, &wards);
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
    consortium.goes_on(1, 10);
    assert_eq!(
        consortium.height(4),
        0,
        "a chain of one's own was finalized"
    );
    let started = Instant::now();
    wait_until("node 4 tells why it is alone", 120, || {
        consortium.log(4, "node").to_lowercase().contains("genesis")
    });
    let told = seconds(started);
    wait_until("vault 4 refuses", 120, || {
        owner.get(ward, &kept, None).status == 503
    });
    println!("vault: {}", owner.get(ward, &kept, None).message());
    let answer = consortium.salus(4, &format!("//World//patient-{}", 4), "record list");
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

fn a_vault_that_is_not_there_or_another_or_damaged(consortium: &Consortium, wards: &[Ward]) {
    let ward = &wards[3];
    let kept = ward.add(10_000);
    let words = format!(
        "record get {} --out {}",
        kept.record,
        consortium.path("got").display()
    );
    let get = || consortium.salus(4, "//World//patient-4", &words);
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
    // Nobody has this address.
    name("http://10.87.0.99:8040");
    let gone = get().says("does not answer");
    assert_eq!(gone.code, 5, "{gone:?}");
    name(&Consortium::vault_url(3));
    let other = get();
    println!("salus: {}", other.stderr.trim());
    assert_ne!(other.code, 0);
    other.says("vault");
    name(&Consortium::vault_url(4));
    get().ok();

    damage(consortium, 4);
    let answer = get();
    println!("salus: {}", answer.stderr.trim());
    assert_ne!(answer.code, 0);
    answer.says("damaged");
    assert_eq!(consortium.health(4), Some(200));
    damage(consortium, 4);
    get().ok();
    consortium.check(wards);
    fault(
        "a vault's address where nobody is, where another is; every block on its disk changed",
        3,
        0,
        "named each time, with exit codes; whole again with the right address and bytes",
    );
}

/// Flips a bit in each block of each record in a member's vault; twice is as before.
fn damage(consortium: &Consortium, member: usize) {
    let mut damaged = 0;
    let mut folders = vec![consortium.home(member).join("blobs/objects/record")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = fs::read(&path).expect("it is there");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).expect("it is ours");
            damaged += 1;
        }
    }
    assert!(damaged > 0);
}

/// The phrase of a member's session keys, which never leaves its machine.
fn session_phrase(consortium: &Consortium, member: usize) -> String {
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
    let phrase = session_phrase(consortium, 1);
    let statement = statement_of_ownership(&admin.encode());
    let aura = sr25519::Pair::from_string(&phrase, None).expect("a phrase");
    let grandpa = ed25519::Pair::from_string(&phrase, None).expect("a phrase");
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
