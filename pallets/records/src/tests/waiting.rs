//! What a recovery under way puts off, and who erases where nobody decides.

use super::*;

const UNTIL: u64 = START + HOUR + ERASE_DELAY;

fn relocate(n: u8) -> DispatchResult {
    plain(Records::relocate(
        signed("owner"),
        PATIENT,
        0,
        0,
        content(n),
    ))
}

fn begin(at: u64) {
    Recoveries::set([(PATIENT, (at, None))].into());
}

fn succeed(began: u64, at: u64) {
    Recoveries::set([(PATIENT, (began, Some(at)))].into());
}

/// An erasure due at [`UNTIL`], and a recovery that began an hour before.
fn recovering(test: impl FnOnce()) {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
        begin(UNTIL - HOUR);
        set_now(UNTIL);
        test();
    });
}

#[test]
fn erasure_waits_for_a_recovery_under_way() {
    recovering(|| {
        let finish = |name| Records::finish_erase(signed(name), PATIENT, 0);
        assert_noop!(finish("owner"), Error::<Test>::RecoveryUnderWay);
        assert_noop!(finish("physician"), Error::<Test>::RecoveryUnderWay);
        let seen = Records::record(&PATIENT, 0).unwrap();
        assert!(!seen.is_erased(UNTIL + 1_000 * DAY));
        assert_eq!(Records::records(&PATIENT, 0, 1), [(0, seen)]);
        assert_eq!(Records::reference(&PATIENT, &content(1)), Named);

        // What ends without success puts nothing off.
        Recoveries::take();
        assert!(Records::record(&PATIENT, 0).unwrap().is_erased(UNTIL));
        assert_ok!(finish("owner"));
    });
}

#[test]
fn the_new_owner_can_cancel_an_erasure_that_fell_due_meanwhile() {
    recovering(|| {
        let done = UNTIL + 2 * DAY;
        set_now(done);
        succeed(UNTIL - HOUR, done);
        Roles::mutate(|roles| {
            let role = roles.remove(&(PATIENT, account("owner"))).unwrap();
            roles.insert((PATIENT, account("heir")), role);
        });
        set_now(done + UNNAMING_WAITS - 1);
        assert_noop!(
            Records::finish_erase(signed("physician"), PATIENT, 0),
            Error::<Test>::RecoveryUnderWay
        );
        assert_noop!(
            plain(Records::cancel_erase(signed("owner"), PATIENT, 0)),
            BadOrigin
        );
        assert_ok!(Records::cancel_erase(signed("heir"), PATIENT, 0));
        assert_eq!(record(0).state, RecordState::Current);
    });
}

#[test]
fn seventy_two_hours_after_a_recovery_an_erasure_that_nobody_cancelled_is_final() {
    recovering(|| {
        succeed(UNTIL - HOUR, UNTIL + DAY);
        set_now(UNTIL + DAY + UNNAMING_WAITS);
        assert_noop!(
            plain(Records::cancel_erase(signed("owner"), PATIENT, 0)),
            Error::<Test>::RecordErased
        );
        assert_ok!(Records::finish_erase(signed("physician"), PATIENT, 0));
    });
}

#[test]
fn a_recovery_that_begins_afterwards_brings_nothing_back() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        anchored(2);
        assert_ok!(relocate(9));
        assert_ok!(Records::erase(signed("owner"), PATIENT, 1));
        set_now(UNTIL);
        begin(UNTIL);
        assert!(Records::former_contents(&PATIENT, 0).is_empty());
        assert_noop!(
            plain(Records::cancel_erase(signed("owner"), PATIENT, 1)),
            Error::<Test>::RecordErased
        );
        assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 1));
    });
}

/// Or else a move during a recovery would leave its end in the row for ever.
#[test]
fn what_is_put_off_is_not_written_down() {
    recovering(|| {
        assert_ok!(relocate(2));
        assert_eq!(record(0).state, RecordState::ErasePending { until: UNTIL });
        Recoveries::take();
        assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
    });
}

#[test]
fn former_files_stay_while_a_recovery_is_under_way() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_ok!(relocate(2));
        begin(START + 2 * HOUR);
        set_now(UNTIL + 100 * DAY);
        let kept = Records::former_contents(&PATIENT, 0);
        assert_eq!(kept.len(), 1);
        assert!(kept[0].until > UNTIL + 100 * DAY);
        assert_eq!(Records::reference(&PATIENT, &content(1)), Named);
        // A move meanwhile prunes nothing.
        assert_ok!(relocate(3));
        let done = UNTIL + 101 * DAY;
        succeed(START + 2 * HOUR, done);
        set_now(done + UNNAMING_WAITS - 1);
        assert_ok!(Records::restore(signed("owner"), PATIENT, 0, content(1)));
        assert_eq!(record(0).placed_by, account("laboratorian"));
    });
}

#[test]
fn files_of_a_voided_enrolment_can_be_erased() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        let erase = |name| plain(Records::erase(signed(name), PATIENT, 0));
        let cancel = |name| plain(Records::cancel_erase(signed(name), PATIENT, 0));
        assert_noop!(erase("admin"), BadOrigin);
        Roles::set(Default::default());
        VoidedBy::set([(PATIENT, ORGANISATION)].into());
        for name in ["owner", "other-admin", "physician", "stranger"] {
            assert_noop!(erase(name), BadOrigin);
        }
        assert_ok!(erase("admin"));
        for name in ["owner", "other-admin", "physician"] {
            assert_noop!(cancel(name), BadOrigin);
        }
        assert_ok!(cancel("admin"));
        assert_ok!(erase("admin"));
        advance(ERASE_DELAY);
        assert_ok!(Records::finish_erase(signed("admin"), PATIENT, 0));
        assert_eq!(Records::reference(&PATIENT, &content(1)), Erased);
    });
}
