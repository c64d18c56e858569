//! Finality that is lost with the validators, and its way back.

use std::time::Instant;

use codec::Encode;
use salus_client::chain::Call;
use salus_e2e::{wait, wait_until, Consortium, Ward};
use salus_primitives::OrgId;

use crate::help::{fault, seconds, stands_still, ALL};

#[test]
#[ignore = "needs root and minutes"]
fn finality_that_half_of_the_validators_took_along_comes_back_by_a_decision() {
    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, [1, 4]);
    let kept = wards[0].add(10_000);
    let gone: Vec<OrgId> = [2, 3].map(Consortium::organisation).to_vec();
    let lowest = ALL.map(|member| consortium.height(member));
    let lowest = lowest.into_iter().min().expect("there are four");
    let revive = Call::new("Validators", "revive", (&gone, lowest).encode());
    consortium.decide(&ALL, revive, true);

    consortium.network("kill 2");
    consortium.network("kill 3");
    let lost = Instant::now();
    let stopped = stands_still(&consortium, 1, true);
    wait_until("finality is back without the two", 1_200, || {
        consortium.height(1) > stopped + 20
    });
    let took = seconds(lost);
    // What is final catches up in steps, with blocks of the set before.
    wait_until("those that are gone validate no more", 300, || {
        consortium.validators(1).len() == 2
    });
    consortium.goes_on(1, 20);
    consortium.reach(&[4], consortium.height(1));
    for ward in &wards {
        let new = ward.add(10_000);
        assert!(wait(ward.open(&new)).expect("the grant holds") == new.content());
    }
    assert!(wait(wards[0].open(&kept)).expect("the grant holds") == kept.content());
    fault(
        "two of four validators gone for good, decided to go on without them",
        1,
        0,
        format!("no finality until the restart; it is back {took} after they went"),
    );
}
