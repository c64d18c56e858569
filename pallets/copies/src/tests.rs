use crate::{mock::*, Confirmations, Error, Event, Replication, WeightInfo};
use frame_support::{assert_noop, assert_ok};
use salus_primitives::{api::MAX_PAGE, PatientId, RecordIndex, RecordState, MAX_REPLICATION};
use sp_runtime::DispatchError::{self, BadOrigin};

fn confirm(
    who: salus_primitives::AccountId,
    erasures: &[(PatientId, RecordIndex)],
) -> sp_runtime::DispatchResult {
    Copies::confirm_erasures(
        RuntimeOrigin::signed(who),
        erasures.to_vec().try_into().expect("within bounds"),
    )
    .map(drop)
    .map_err(|error| error.error)
}

fn confirmations(record: RecordIndex) -> Vec<(salus_primitives::OrgId, salus_primitives::Moment)> {
    Copies::confirmations(&PATIENT, record, 0, u32::MAX)
}

fn erase(record: RecordIndex) {
    set_record_state(PATIENT, record, RecordState::Erased);
}

#[test]
fn a_vault_confirms_what_is_erased() {
    build_and_execute(|| {
        erase(1);
        assert_ok!(confirm(SERVICE, &[(PATIENT, 1)]));
        assert_eq!(confirmations(1), vec![(HOSPITAL, now())]);
        System::assert_last_event(
            Event::ErasureConfirmed {
                patient: PATIENT,
                actor: SERVICE,
                organisation: HOSPITAL,
                record: 1,
            }
            .into(),
        );
    });
}

#[test]
fn confirming_again_changes_nothing_and_fails_nothing() {
    build_and_execute(|| {
        erase(1);
        assert_ok!(confirm(SERVICE, &[(PATIENT, 1)]));
        let first = confirmations(1);
        set_now(now() + 1_000);
        erase(2);
        assert_ok!(confirm(
            SERVICE,
            &[(PATIENT, 1), (PATIENT, 2), (PATIENT, 2)]
        ));
        assert_eq!(confirmations(1), first);
        assert_eq!(System::read_events_for_pallet::<Event<Test>>().len(), 2);
    });
}

#[test]
fn what_is_not_erased_cannot_be_confirmed() {
    build_and_execute(|| {
        erase(1);
        for (state, record) in [
            (RecordState::Current, 2),
            (RecordState::ErasePending { until: now() + 1 }, 2),
        ] {
            set_record_state(PATIENT, record, state);
            assert_noop!(
                confirm(SERVICE, &[(PATIENT, 1), (PATIENT, record)]),
                Error::<Test>::NotErased
            );
        }
        // From the instant when it can no longer be cancelled, whether or not anybody finished it.
        set_now(now() + 1);
        assert_ok!(confirm(SERVICE, &[(PATIENT, 2)]));
        assert_noop!(
            confirm(SERVICE, &[(PATIENT, 77)]),
            Error::<Test>::RecordNotFound
        );
        assert_noop!(confirm(SERVICE, &[]), Error::<Test>::NothingToConfirm);
    });
}

#[test]
fn only_services_in_good_standing_confirm() {
    build_and_execute(|| {
        erase(1);
        for who in [OWNER, DOCTOR, ADMIN, INSURER, STRANGER] {
            assert_noop!(confirm(who, &[(PATIENT, 1)]), Error::<Test>::NotAService);
        }
        assert_noop!(
            Copies::confirm_erasures(RuntimeOrigin::root(), Default::default()),
            BadOrigin
        );
        with(|world| world.suspended.push(HOSPITAL));
        assert_noop!(
            confirm(SERVICE, &[(PATIENT, 1)]),
            Error::<Test>::NotAService
        );
        assert_eq!(Confirmations::<Test>::iter().count(), 0);
    });
}

#[test]
fn governance_alone_says_how_many_copies_there_are() {
    build_and_execute(|| {
        assert_eq!(Replication::<Test>::get(), 3);
        for who in [OWNER, ADMIN, SERVICE] {
            assert_noop!(
                Copies::set_replication(RuntimeOrigin::signed(who), 2),
                BadOrigin
            );
        }
        for copies in [0, MAX_REPLICATION + 1, u32::MAX] {
            assert_noop!(
                Copies::set_replication(RuntimeOrigin::root(), copies),
                Error::<Test>::InvalidReplication
            );
        }
        assert_ok!(Copies::set_replication(RuntimeOrigin::root(), 5));
        assert_eq!(Replication::<Test>::get(), 5);
        System::assert_last_event(
            Event::ReplicationChanged {
                copies: 5,
                previous: 3,
            }
            .into(),
        );
    });
}

#[test]
fn each_new_confirmation_spends_an_entry_of_the_trail() {
    build_and_execute(|| {
        erase(0);
        erase(1);
        erase(2);
        let left = || with(|world| world.entries[&(PATIENT, HOSPITAL)]);
        with(|world| world.entries.insert((PATIENT, HOSPITAL), 2));
        let all = [(PATIENT, 0), (PATIENT, 1), (PATIENT, 1), (PATIENT, 2)];
        assert_eq!(confirm(SERVICE, &all), Err(DispatchError::Exhausted));
        assert_eq!(Confirmations::<Test>::iter().count(), 0);

        with(|world| world.entries.insert((PATIENT, HOSPITAL), 2));
        assert_ok!(confirm(SERVICE, &all[..3]));
        assert_eq!(left(), 0);
        // What is confirmed already costs nothing.
        assert_ok!(confirm(SERVICE, &all[..3]));
        assert_eq!(confirm(SERVICE, &all), Err(DispatchError::Exhausted));
    });
}

#[test]
fn a_batch_that_fails_early_pays_for_what_was_checked() {
    build_and_execute(|| {
        erase(1);
        let used = |who, erasures: &[(PatientId, RecordIndex)]| {
            let erasures = erasures.to_vec().try_into().expect("within bounds");
            let result = Copies::confirm_erasures(RuntimeOrigin::signed(who), erasures);
            result.unwrap_err().post_info.actual_weight
        };
        let weight = |checked| Some(<() as WeightInfo>::confirm_erasures(checked));
        assert_eq!(used(DOCTOR, &[(PATIENT, 1)]), weight(0));
        assert_eq!(used(SERVICE, &[(PATIENT, 2); 64]), weight(1));
        assert_eq!(used(SERVICE, &[(PATIENT, 1), (PATIENT, 2)]), weight(2));
    });
}

#[test]
fn confirmations_are_listed_in_pages() {
    build_and_execute(|| {
        erase(1);
        let at = now();
        for organisation in [3, 300, 0, 7] {
            Confirmations::<Test>::insert((PATIENT, 1, organisation), at);
        }
        let page = |from, limit| Copies::confirmations(&PATIENT, 1, from, limit);
        assert_eq!(page(0, 2), [(0, at), (3, at)]);
        assert_eq!(page(4, 9), [(7, at), (300, at)]);
        assert!(page(301, 9).is_empty());
        assert!(page(0, 0).is_empty());
        for organisation in 0..=MAX_PAGE {
            Confirmations::<Test>::insert((PATIENT, 1, organisation), at);
        }
        assert_eq!(page(0, u32::MAX).len(), MAX_PAGE as usize);
    });
}
