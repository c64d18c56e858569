//! Members that come, go, and are told to stop.

use std::time::Instant;

use salus_client::chain::calls;
use salus_e2e::{wait, wait_until, Consortium, Ward};

use crate::help::{begin, failures, fault, seconds, stop, work_goes_on, Door, ALL};

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
            entry.fields["actor"] == reader.as_str()
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
