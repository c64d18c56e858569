use super::*;

fn restore(name: &str, index: RecordIndex, n: u8) -> DispatchResult {
    plain(Records::restore(signed(name), PATIENT, index, content(n)))
}

fn relocate(index: RecordIndex, n: u8) -> DispatchResult {
    let epoch = Records::compartment(&PATIENT, &record(index).compartment).map_or(0, |c| c.epoch);
    plain(Records::relocate(
        signed("owner"),
        PATIENT,
        index,
        epoch,
        content(n),
    ))
}

fn to_notes(index: RecordIndex, n: u8) -> DispatchResult {
    plain(Records::reclassify(
        signed("owner"),
        PATIENT,
        index,
        NOTES,
        0,
        content(n),
    ))
}

fn former(index: RecordIndex) -> Vec<Cid> {
    Records::former_contents(&PATIENT, index)
        .into_iter()
        .map(|former| former.content)
        .collect()
}

fn is_named(n: u8) -> bool {
    Records::reference(&PATIENT, &content(n)) == Named
}

#[test]
fn a_thief_who_moves_every_record_to_nowhere_loses_nothing_within_72_hours() {
    ExtBuilder.build_and_execute(|| {
        let before: Vec<_> = (0..3).map(|n| record(anchored(n))).collect();
        // The thief fills the list of each record with files that do not exist.
        for index in 0..3 {
            for junk in 0..MAX_FORMER as u8 {
                assert_ok!(relocate(index, 100 + junk));
            }
            assert_noop!(relocate(index, 200), Error::<Test>::TooManyMoves);
        }
        advance(UNNAMING_WAITS - 1);
        for index in 0..3u8 {
            assert!(is_named(index));
            assert_ok!(restore("owner", index.into(), index));
            assert_eq!(record(index.into()), before[usize::from(index)]);
        }
        // The junk is now what goes.
        advance(UNNAMING_WAITS);
        for n in 0..3 {
            assert!(is_named(n));
        }
        for junk in 0..MAX_FORMER as u8 {
            assert!(!is_named(100 + junk));
        }
    });
}

#[test]
fn names_the_file_with_its_compartment_key_and_uploader_again() {
    ExtBuilder.build_and_execute(|| {
        let index = anchored(1);
        let before = record(index);
        let key = recipient("owner", PATIENT, LABORATORY, 1);
        assert_ok!(Records::rotate(signed("owner"), PATIENT, LABORATORY, key));
        assert_ok!(to_notes(index, 2));
        advance(HOUR);
        let now = START + 2 * HOUR;
        assert_ok!(restore("guardian", index, 1));

        assert_eq!(record(index), before);
        assert_eq!(before.epoch, 0);
        assert_eq!(
            take_events().pop(),
            Some(Event::RecordRestored {
                patient: PATIENT,
                actor: account("guardian"),
                record: index,
                compartment: LABORATORY,
                epoch: 0,
                content: content(1),
                previous: content(2),
            })
        );
        assert_eq!(
            Records::former_contents(&PATIENT, index),
            [FormerContent {
                content: content(2),
                compartment: NOTES,
                epoch: 0,
                placed_by: account("owner"),
                until: now + UNNAMING_WAITS,
            }]
        );
    });
}

#[test]
fn the_file_that_was_replaced_can_be_restored_in_turn() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_ok!(relocate(0, 2));
        let moved = record(0);
        assert_ok!(restore("owner", 0, 1));
        assert_ok!(restore("owner", 0, 2));
        assert_eq!(record(0), moved);
        assert_eq!(former(0), [content(1)]);
    });
}

/// Or else a thief could name the file as if they had uploaded it, and nobody could open it.
#[test]
fn a_former_file_is_not_named_again_as_a_new_one() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_ok!(relocate(0, 2));
        assert_noop!(relocate(0, 1), Error::<Test>::SameContent);
        assert_noop!(to_notes(0, 1), Error::<Test>::SameContent);
        advance(UNNAMING_WAITS);
        assert_ok!(relocate(0, 1));
        assert_eq!(former(0), [content(2)]);
    });
}

#[test]
fn entries_whose_time_has_come_make_room() {
    ExtBuilder.build_and_execute(|| {
        anchored(0);
        for n in 1..=MAX_FORMER as u8 {
            assert_ok!(relocate(0, n));
            advance(1);
        }
        assert_noop!(relocate(0, 100), Error::<Test>::TooManyMoves);
        advance(UNNAMING_WAITS - Into::<u64>::into(MAX_FORMER));
        assert_ok!(relocate(0, 100));
        assert_noop!(relocate(0, 101), Error::<Test>::TooManyMoves);
        let expected: Vec<_> = (1..=MAX_FORMER as u8).map(content).collect();
        assert_eq!(former(0), expected);
        assert_eq!(crate::Former::<Test>::get(PATIENT, 0).len(), 16);
    });
}

#[test]
fn restoring_is_not_refused_for_the_number_of_moves() {
    ExtBuilder.build_and_execute(|| {
        anchored(0);
        for n in 1..=MAX_FORMER as u8 {
            assert_ok!(relocate(0, n));
        }
        assert_noop!(to_notes(0, 100), Error::<Test>::TooManyMoves);
        for n in [0, 5, 16, 0] {
            assert_ok!(restore("owner", 0, n));
        }
        assert_eq!(former(0).len(), MAX_FORMER as usize);
    });
}

#[test]
fn only_what_was_named_within_72_hours_can_be_restored() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(restore("owner", 0, 1), Error::<Test>::RecordNotFound);
        anchored(1);
        anchored(5);
        for n in [1, 5, 9] {
            assert_noop!(restore("owner", 0, n), Error::<Test>::NotFormer);
        }
        assert_ok!(relocate(0, 2));
        advance(UNNAMING_WAITS);
        assert_noop!(restore("owner", 0, 1), Error::<Test>::NotFormer);
        assert!(former(0).is_empty());
    });
}

#[test]
fn only_who_decides_may_restore() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_ok!(relocate(0, 2));
        for name in POWERLESS {
            assert_noop!(restore(name, 0, 1), BadOrigin);
        }
    });
}

#[test]
fn a_record_is_restored_while_its_erasure_is_pending_and_not_once_it_is_erased() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_ok!(relocate(0, 2));
        assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
        assert_ok!(restore("owner", 0, 1));
        let until = START + HOUR + ERASE_DELAY;
        assert_eq!(record(0).state, RecordState::ErasePending { until });
        set_now(until);
        assert_noop!(restore("owner", 0, 2), Error::<Test>::RecordErased);
        assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
        assert_noop!(restore("owner", 0, 2), Error::<Test>::RecordErased);
    });
}

#[test]
fn another_patients_record_is_out_of_reach() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_ok!(relocate(0, 2));
        let call = Records::restore(signed("other-owner"), OTHER_PATIENT, 0, content(1));
        assert_noop!(plain(call), Error::<Test>::RecordNotFound);
    });
}
