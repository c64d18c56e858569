use super::*;

fn close(name: &str, compartment: CompartmentId) -> DispatchResult {
    Records::close_compartment(signed(name), PATIENT, compartment)
}

fn reclassify(index: RecordIndex, compartment: CompartmentId, n: u8) -> DispatchResult {
    plain(Records::reclassify(
        signed("owner"),
        PATIENT,
        index,
        compartment,
        0,
        content(n),
    ))
}

fn count(compartment: CompartmentId) -> u32 {
    Records::compartment(&PATIENT, &compartment)
        .unwrap()
        .records
}

#[test]
fn leaves_nothing_and_makes_room_for_another() {
    ExtBuilder.build_and_execute(|| {
        open_notes();
        assert_ok!(close("guardian", NOTES));
        assert_eq!(Records::compartment(&PATIENT, &NOTES), None);
        assert_eq!(Records::recipient(&PATIENT, &NOTES), None);
        assert_eq!(crate::CompartmentCount::<Test>::get(PATIENT), 2);
        assert_eq!(
            take_events().pop(),
            Some(Event::CompartmentClosed {
                patient: PATIENT,
                actor: account("guardian"),
                compartment: NOTES,
            })
        );
        for n in [1, 2] {
            let id = CompartmentId([n; 16]);
            let key = recipient("owner", PATIENT, id, 0);
            assert_ok!(Records::open_compartment(signed("owner"), PATIENT, id, key));
        }
    });
}

#[test]
fn only_who_decides_may_close() {
    ExtBuilder.build_and_execute(|| {
        for name in POWERLESS {
            assert_noop!(close(name, LABORATORY), BadOrigin);
        }
    });
}

#[test]
fn intake_and_what_is_not_open_cannot_be_closed() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(close("owner", INTAKE), Error::<Test>::IntakeStays);
        assert_noop!(close("owner", NOTES), Error::<Test>::CompartmentNotFound);
    });
}

#[test]
fn a_compartment_with_records_stays_until_they_are_erased() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_noop!(close("owner", LABORATORY), Error::<Test>::NotEmpty);
        assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
        assert_noop!(close("owner", LABORATORY), Error::<Test>::NotEmpty);
        advance(ERASE_DELAY);
        assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
        assert_ok!(close("owner", LABORATORY));
        // Opened again, with nothing in it, and closed again.
        let key = recipient("owner", PATIENT, LABORATORY, 0);
        assert_ok!(Records::open_compartment(
            signed("owner"),
            PATIENT,
            LABORATORY,
            key
        ));
        assert_eq!(count(LABORATORY), 0);
        assert_ok!(close("owner", LABORATORY));
    });
}

#[test]
fn a_compartment_counts_what_is_anchored_and_moved() {
    ExtBuilder.build_and_execute(|| {
        open_notes();
        anchored(1);
        let items: Vec<_> = [LABORATORY, LABORATORY, INTAKE, LABORATORY]
            .into_iter()
            .zip(2..)
            .map(|(compartment, n)| (PATIENT, Some(GRANT), new_record(compartment, 0, n)))
            .collect();
        assert_ok!(Records::anchor_many(
            signed("laboratorian"),
            items.try_into().unwrap()
        ));
        assert_eq!((count(LABORATORY), count(INTAKE), count(NOTES)), (4, 1, 0));
        assert_ok!(reclassify(0, NOTES, 10));
        assert_ok!(reclassify(3, NOTES, 11));
        assert_eq!((count(LABORATORY), count(INTAKE), count(NOTES)), (3, 0, 2));
        assert_ok!(Records::relocate(
            signed("owner"),
            PATIENT,
            0,
            0,
            content(12)
        ));
        assert_ok!(Records::restore(signed("owner"), PATIENT, 3, content(4)));
        assert_eq!((count(LABORATORY), count(INTAKE), count(NOTES)), (3, 1, 1));
    });
}

/// Or else a thief could move the records out of it and then close it behind them.
#[test]
fn a_compartment_stays_as_long_as_its_records_can_be_moved_back() {
    ExtBuilder.build_and_execute(|| {
        open_notes();
        anchored(1);
        assert_ok!(Records::relocate(
            signed("owner"),
            PATIENT,
            0,
            0,
            content(2)
        ));
        advance(HOUR);
        assert_ok!(reclassify(0, NOTES, 3));
        advance(UNNAMING_WAITS - 1);
        assert_noop!(close("owner", LABORATORY), Error::<Test>::VacatedLately);
        assert_ok!(Records::restore(signed("owner"), PATIENT, 0, content(2)));
        assert_eq!(record(0).compartment, LABORATORY);
        advance(1);
        assert_noop!(close("owner", LABORATORY), Error::<Test>::NotEmpty);
        assert_noop!(close("owner", NOTES), Error::<Test>::VacatedLately);
        advance(UNNAMING_WAITS);
        assert_ok!(close("owner", NOTES));
    });
}

#[test]
fn a_recovery_under_way_keeps_a_vacated_compartment() {
    ExtBuilder.build_and_execute(|| {
        open_notes();
        anchored(1);
        assert_ok!(reclassify(0, NOTES, 3));
        Recoveries::set([(PATIENT, (START + HOUR, None))].into());
        advance(100 * DAY);
        assert_noop!(close("owner", LABORATORY), Error::<Test>::VacatedLately);
        assert_ok!(Records::restore(signed("owner"), PATIENT, 0, content(1)));
    });
}
