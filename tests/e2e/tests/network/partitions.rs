//! Lines that are cut.

use std::time::Instant;

use salus_e2e::{wait, wait_until, Consortium, Kept, Ward};

use crate::help::{
    begin, entry_in_a_block, failures, fault, seconds, stands_still, stop, work_goes_on, Door, ALL,
};

pub fn one_of_four_is_cut_off(consortium: &Consortium, wards: &[Ward]) {
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
    let entries = [(0, [3, 4]), (2, [1, 2])]
        .map(|(ward, others)| entry_in_a_block(&consortium, &wards[ward], &others));
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
