//! Who spends the allowance of a trail.

use super::*;
use sp_runtime::DispatchError::Exhausted;

/// How much a call spent that must succeed.
fn cost(call: impl FnOnce() -> DispatchResult) -> u32 {
    let before = Spent::get((PATIENT, HOSPITAL));
    assert_ok!(call());
    Spent::get((PATIENT, HOSPITAL)) - before
}

#[test]
fn every_entry_of_an_organisation_spends_one() {
    ExtBuilder.build_and_execute(|| {
        let physician = || signed("physician");
        assert_eq!(cost(|| ask("owner", WRONG)), 0);
        assert_eq!(cost(|| Corrections::extend(physician(), PATIENT, 0)), 1);
        let deny = || Corrections::deny(physician(), PATIENT, 0, letter(1));
        assert_eq!(cost(deny), 1);
        let disagree = || Corrections::disagree(signed("owner"), PATIENT, 0, letter(2));
        assert_eq!(cost(disagree), 0);
        let rebut = || Corrections::rebut(signed("hospital-admin"), PATIENT, 0, letter(3));
        assert_eq!(cost(rebut), 1);

        assert_ok!(ask("owner", WRONG));
        let accept = || Corrections::accept(physician(), PATIENT, 1, RIGHT);
        assert_eq!(cost(accept), 1);
        assert_ok!(ask("owner", RIGHT));
        let partly =
            || Corrections::partly_accept(physician(), PATIENT, 2, BY_COLLEAGUE, letter(4));
        assert_eq!(cost(partly), 1);
        let next = anchor(PATIENT, 50, "nurse", Some(HOSPITAL));
        let make = || Corrections::make(signed("nurse"), PATIENT, BY_COLLEAGUE, next);
        assert_eq!(cost(make), 1);
    });
}

#[test]
fn without_an_entry_left_nothing_is_answered() {
    denied(|| {
        assert_ok!(Corrections::disagree(
            signed("owner"),
            PATIENT,
            0,
            letter(2)
        ));
        assert_ok!(ask("owner", WRONG));
        AllowedEntries::set(Spent::get((PATIENT, HOSPITAL)));
        let physician = || signed("physician");
        assert_noop!(
            Corrections::rebut(physician(), PATIENT, 0, letter(3)),
            Exhausted
        );
        assert_noop!(
            Corrections::accept(physician(), PATIENT, 1, RIGHT),
            Exhausted
        );
        assert_noop!(
            Corrections::partly_accept(physician(), PATIENT, 1, RIGHT, letter(3)),
            Exhausted
        );
        assert_noop!(
            Corrections::deny(physician(), PATIENT, 1, letter(3)),
            Exhausted
        );
        assert_noop!(Corrections::extend(physician(), PATIENT, 1), Exhausted);
        assert_noop!(
            Corrections::make(signed("nurse"), PATIENT, BY_COLLEAGUE, RIGHT),
            Exhausted
        );
    });
}

#[test]
fn a_successor_spends_its_own() {
    asked(|| {
        suspend(HOSPITAL);
        assert_ok!(Corrections::name_successor(
            RuntimeOrigin::root(),
            HOSPITAL,
            SUCCESSOR
        ));
        assert_ok!(Corrections::deny(
            signed("successor-admin"),
            PATIENT,
            0,
            letter(1)
        ));
        assert_eq!(Spent::get((PATIENT, HOSPITAL)), 0);
        assert_eq!(Spent::get((PATIENT, SUCCESSOR)), 1);
    });
}

#[test]
fn controllers_spend_nothing() {
    ExtBuilder.build_and_execute(|| {
        AllowedEntries::set(0);
        assert_ok!(ask("guardian", NOTE));
        assert_ok!(Corrections::extend(signed("owner"), PATIENT, 0));
        assert_ok!(Corrections::deny(signed("owner"), PATIENT, 0, letter(1)));
        assert_ok!(Corrections::make(
            signed("owner"),
            PATIENT,
            NOTE,
            BETTER_NOTE
        ));
    });
}

#[test]
fn two_requests_can_name_one_letter() {
    ExtBuilder.build_and_execute(|| {
        assert_ok!(ask("owner", WRONG));
        assert_ok!(ask("owner", NOTE));
        assert!(Corrections::references(&PATIENT, &letter(0)));
        assert_eq!(crate::Letters::<Test>::iter().count(), 1);
    });
}
