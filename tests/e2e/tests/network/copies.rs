//! Disks that are lost or rot, vaults that are away, members that are suspended: the copies.

use std::{fs, time::Instant};

use salus_client::{
    actions::records,
    chain::{calls, events::cid_text, Salus},
};
use salus_e2e::{blocks, wait, wait_until, Consortium, Kept, Ward};

use crate::help::{begin, failures, fault, seconds, stop, work_goes_on, ALL};

/// Sooner than an operator would want, so that nobody waits for a day.
const SOON: [(&str, &str); 2] = [
    ("SALUS_VAULT_SCRUB_EVERY", "20"),
    ("SALUS_VAULT_ROUND_EVERY", "20"),
];
const COPIES: usize = 3;

#[test]
#[ignore = "needs root and minutes"]
fn every_file_has_its_copies_whatever_happens_to_a_vault() {
    let consortium = Consortium::up_with(4, &SOON);
    let wards = Ward::open_all(&consortium, ALL);
    let work = begin(&wards);
    for _ in 0..4 {
        work_goes_on(&wards);
    }
    stop(work);
    failures(&wards);
    let started = Instant::now();
    all_copies(&consortium, &wards);
    println!(
        "all copies are there {} after the last upload",
        seconds(started)
    );

    a_vault_is_away(&consortium, &wards);
    a_disk_is_lost(&consortium, &wards);
    a_block_rots(&consortium, &wards);
    a_keeper_is_suspended(&consortium, &wards);
    consortium.check(&wards);
    an_erasure_reaches_every_copy(&consortium, &wards);
}

/// Waits until each of these patients' objects lies with each of its keepers; the keepers of each.
#[track_caller]
fn all_copies(consortium: &Consortium, wards: &[Ward]) -> Vec<Vec<usize>> {
    let of = |ward: &Ward| {
        let (_, keepers) = consortium.copies(ward);
        assert_eq!(keepers.len(), COPIES);
        keepers
    };
    wards.iter().map(of).collect()
}

fn a_vault_is_away(consortium: &Consortium, wards: &[Ward]) {
    let ward = &wards[3];
    let kept = ward.told(|told| told.kept[0].clone());
    consortium.network("kill 4 vault");
    let started = Instant::now();
    let found = wait(ward.open(&kept)).expect("another vault has it");
    let read = seconds(started);
    assert!(found == kept.content());
    let started = Instant::now();
    let new = ward.add(50_000);
    let added = seconds(started);
    let found = wait(ward.open(&new)).expect("another vault has it");
    assert!(found == new.content());
    consortium.network("start 4");
    consortium.healthy(&[4]);
    fault(
        "a patient's own vault is away",
        1,
        0,
        format!("another serves: opened in {read}; a new file taken in by another in {added}"),
    );
}

fn a_disk_is_lost(consortium: &Consortium, wards: &[Ward]) {
    let blobs = consortium.home(4).join("blobs");
    all_copies(consortium, wards);
    let before = blocks(&blobs.join("objects"));
    let bytes: u64 = before
        .iter()
        .map(|block| fs::metadata(block).map_or(0, |block| block.len()))
        .sum();
    consortium.network("kill 4 vault");
    fs::remove_dir_all(&blobs).expect("it is ours");
    let started = Instant::now();
    consortium.network("start 4");
    let mut after = 0;
    wait_until("the blocks are back", 300, || {
        after = blocks(&blobs.join("objects")).len();
        after >= before.len()
    });
    all_copies(consortium, wards);
    let took = seconds(started);
    wait_until("nothing is missing", 120, || consortium.misses_nothing(4));
    fault(
        "a vault's folder deleted",
        1,
        0,
        format!(
            "{after} blocks, {:.1} MiB, fetched from the others in {took}",
            bytes as f64 / 1_048_576.0
        ),
    );
}

fn a_block_rots(consortium: &Consortium, wards: &[Ward]) {
    let home = consortium.home(2).join("blobs/objects/record");
    let block = blocks(&home)
        .into_iter()
        .max_by_key(|block| fs::metadata(block).map_or(0, |block| block.len()));
    let block = block.expect("there are some");
    let whole = fs::read(&block).expect("it is there");
    let counters = ["blocks_damaged_total", "copies_repaired_total"];
    let before = counters.map(|name| consortium.figure(2, name));
    let mut rotten = whole.clone();
    rotten[1_000] ^= 1;
    fs::write(&block, rotten).expect("it is ours");
    let started = Instant::now();
    wait_until("the block is repaired", 300, || {
        fs::read(&block).is_ok_and(|found| found == whole)
    });
    let took = seconds(started);
    wait_until("it was counted", 60, || {
        let now = counters.map(|name| consortium.figure(2, name));
        now[0] > before[0] && now[1] > before[1]
    });
    all_copies(consortium, &wards[1..2]);
    fault(
        "a bit of one block flipped, unread (reading everything every 20 s)",
        1,
        0,
        format!("noticed, counted and repaired after {took}"),
    );
}

fn a_keeper_is_suspended(consortium: &Consortium, wards: &[Ward]) {
    let before: Vec<_> = wards
        .iter()
        .map(|ward| consortium.keepers(ward.id))
        .collect();
    let suspended = before[0][1];
    let voters: Vec<usize> = ALL
        .into_iter()
        .filter(|member| *member != suspended)
        .collect();
    let organisation = Consortium::organisation(suspended);
    consortium.decide(&voters, calls::members::suspend(organisation), false);
    let started = Instant::now();
    wait_until("the suspended keeps no more", 60, || {
        wards
            .iter()
            .all(|ward| !consortium.keepers(ward.id).contains(&suspended))
    });
    let after = all_copies(consortium, wards);
    let took = seconds(started);
    let moved = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .count();
    assert!(moved > 0);
    consortium.decide(&voters, calls::members::reinstate(organisation), false);
    fault(
        "a member that keeps copies suspended",
        1,
        0,
        format!(
            "the files of {moved} of {} patients have {COPIES} copies elsewhere after {took}",
            wards.len()
        ),
    );
}

fn an_erasure_reaches_every_copy(consortium: &Consortium, wards: &[Ward]) {
    let ward = &wards[0];
    let erased = ward.told(|told| told.kept.remove(0));
    let (id, record) = (ward.id, erased.record);
    let object = object_of(consortium, ward, &erased);
    let holding = || {
        ALL.into_iter()
            .filter(|member| holds(consortium, *member, &object))
            .count()
    };
    assert!(holding() >= COPIES);
    ward.patient
        .act(move |patient| async move { records::erase(&patient, id, record).await })
        .expect("an owner erases");
    assert!(holding() >= COPIES, "three days are to be waited for");
    // Three days later, for everybody.
    for member in ALL {
        consortium.network(&format!("kill {member}"));
    }
    for member in ALL {
        consortium.network(&format!("start {member} +73h"));
    }
    consortium.goes_on(1, 3);
    consortium.network("kill 3 vault");
    let finish = consortium.person(1, "//World//patient-1");
    let started = Instant::now();
    finish
        .act(move |patient| async move { records::finish_erase(&patient, id, record).await })
        .expect("three days are over");
    let confirmed = || {
        let ask =
            move |salus: Salus| async move { salus.all_erasure_confirmations(id, record).await };
        consortium.salus(ask).len()
    };
    wait_until("three have confirmed", 300, || confirmed() == 3);
    let three = seconds(started);
    let left: Vec<usize> = ALL
        .into_iter()
        .filter(|member| holds(consortium, *member, &object))
        .collect();
    assert!(left.iter().all(|member| *member == 3), "still at {left:?}");
    consortium.network("start 3 +73h");
    wait_until("the fourth has confirmed", 300, || confirmed() == 4);
    let all = seconds(started);
    assert_eq!(holding(), 0);
    let chain = consortium.chain(1);
    let trail = consortium
        .site(1)
        .run(async move { salus_client::trail::read(&chain, id).await })
        .expect("it can be read");
    let confirmations = trail
        .entries
        .iter()
        .filter(|entry| entry.variant == "ErasureConfirmed");
    assert_eq!(confirmations.count(), 4);
    fault(
        "a record erased while one vault is away",
        1,
        0,
        format!("no file is left at three, confirmed in the trail after {three}; by the fourth, back, after {all}"),
    );
}

/// An acknowledged file's place in every vault.
fn object_of(consortium: &Consortium, ward: &Ward, kept: &Kept) -> String {
    let (id, record) = (ward.id, kept.record);
    let row = consortium.salus(move |salus| async move { salus.record(id, record).await });
    let content = row.expect("it was added").content;
    format!("record/{}", cid_text(&content).expect("a CID"))
}

/// Whether there is anything of this object on a member's disk.
fn holds(consortium: &Consortium, member: usize, object: &str) -> bool {
    !consortium.object(member, object).is_empty()
}
