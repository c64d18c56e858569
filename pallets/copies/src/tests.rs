use crate::{mock::*, Confirmations, Error, Event, Replication};
use frame_support::{assert_noop, assert_ok};
use salus_primitives::{PatientId, RecordIndex, RecordState, MAX_REPLICATION};
use sp_runtime::DispatchError::BadOrigin;

fn confirm(
    who: salus_primitives::AccountId,
    erasures: &[(PatientId, RecordIndex)],
) -> sp_runtime::DispatchResult {
    Copies::confirm_erasures(
        RuntimeOrigin::signed(who),
        erasures.to_vec().try_into().expect("within bounds"),
    )
}

fn erase(record: RecordIndex) {
    set_record_state(PATIENT, record, RecordState::Erased);
}

#[test]
fn a_vault_confirms_what_is_erased() {
    new_test_ext().execute_with(|| {
        erase(1);
        assert_ok!(confirm(SERVICE, &[(PATIENT, 1)]));
        assert_eq!(Copies::confirmations(&PATIENT, 1), vec![(HOSPITAL, now())]);
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
    new_test_ext().execute_with(|| {
        erase(1);
        assert_ok!(confirm(SERVICE, &[(PATIENT, 1)]));
        let first = Copies::confirmations(&PATIENT, 1);
        set_now(now() + 1_000);
        erase(2);
        assert_ok!(confirm(
            SERVICE,
            &[(PATIENT, 1), (PATIENT, 2), (PATIENT, 2)]
        ));
        assert_eq!(Copies::confirmations(&PATIENT, 1), first);
        assert_eq!(System::read_events_for_pallet::<Event<Test>>().len(), 2);
    });
}

#[test]
fn what_is_not_erased_cannot_be_confirmed() {
    new_test_ext().execute_with(|| {
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
    new_test_ext().execute_with(|| {
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
    new_test_ext().execute_with(|| {
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
