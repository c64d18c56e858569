//! One module per call, then the trail.

use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::{Chain, Trail},
    AccountId, BlockNumber, Delivery, GrantIndex, GrantTerms, Grantee, Moment, Part, PatientId,
    Purpose, RecordIndex, RecordState, TrailHead,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{traits::BadOrigin, DispatchResult};

use crate::{mock::*, Error, Event, RecordList, Refusals, TrailHeads, REFUSALS_PER_HOUR};

fn by(account: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account)
}

fn list(records: &[RecordIndex]) -> RecordList {
    records.to_vec().try_into().expect("within bounds")
}

fn open(who: AccountId, grant: GrantIndex, records: &[RecordIndex]) -> DispatchResult {
    AccessLog::open(
        by(who),
        PATIENT,
        list(records),
        Part::Full,
        grant,
        Purpose::Treat,
        None,
    )
}

fn last_event() -> Event<Test> {
    let RuntimeEvent::AccessLog(event) = System::events().pop().expect("an event").event else {
        panic!("another pallet's event");
    };
    event
}

fn is_opened(result: DispatchResult) -> bool {
    assert_ok!(result);
    match last_event() {
        Event::Opened { .. } => true,
        Event::Refused { .. } => false,
        other => panic!("{other:?}"),
    }
}

mod open {
    use super::*;

    #[test]
    fn permitted_access_is_logged_with_all_its_circumstances() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_ok!(AccessLog::open(
                by(DOCTOR),
                PATIENT,
                list(&[1]),
                Part::Manifest,
                grant,
                Purpose::Treat,
                None
            ));
            assert_eq!(
                last_event(),
                Event::Opened {
                    patient: PATIENT,
                    reader: DOCTOR,
                    organisation: HOSPITAL,
                    acting_for: None,
                    grant,
                    records: list(&[1]),
                    part: Part::Manifest,
                    purpose: Purpose::Treat,
                }
            );
            assert!(!Refusals::<Test>::contains_key(DOCTOR));
        });
    }

    #[test]
    fn refusal_succeeds_and_is_logged_without_a_reason() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_ok!(open(DOCTOR, grant, &[1, 2]));
            assert_eq!(
                last_event(),
                Event::Refused {
                    patient: PATIENT,
                    reader: DOCTOR,
                    organisation: HOSPITAL,
                    grant,
                    records: list(&[1, 2]),
                    part: Part::Full,
                    purpose: Purpose::Treat,
                }
            );
        });
    }

    #[test]
    fn open_with_another_purpose_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            let purpose = Purpose::HResch;
            assert!(!is_opened(AccessLog::open(
                by(DOCTOR),
                PATIENT,
                list(&[1]),
                Part::Full,
                grant,
                purpose,
                None
            )));
        });
    }

    #[test]
    fn open_with_expired_grant_is_refused_from_its_last_instant_on() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(GrantTerms {
                starts_at: Some(START + 5),
                ..terms()
            });
            for (at, opens) in [
                (START + 4, false),
                (START + 5, true),
                (START + 7 * DAY - 1, true),
                (START + 7 * DAY, false),
            ] {
                set_now(at);
                assert_eq!(is_opened(open(DOCTOR, grant, &[1])), opens, "at {at}");
            }
        });
    }

    #[test]
    fn open_with_revoked_grant_is_refused_in_the_same_block() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert!(is_opened(open(DOCTOR, grant, &[1])));
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            assert!(!is_opened(open(DOCTOR, grant, &[1])));
        });
    }

    #[test]
    fn others_and_unknown_grants_are_refused() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for who in [COLLEAGUE, ADMIN, INSURER, SERVICE] {
                assert!(!is_opened(open(who, grant, &[1])));
            }
            assert!(!is_opened(open(DOCTOR, grant + 1, &[1])));
            assert!(!is_opened(open(DOCTOR, u32::MAX, &[u32::MAX])));
        });
    }

    #[test]
    fn erased_records_are_refused() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            set_record_state(PATIENT, 1, RecordState::Erased);
            assert!(!is_opened(open(DOCTOR, grant, &[1])));
        });
    }

    #[test]
    fn a_chart_of_64_records_opens_at_once() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            let all = add_records(PATIENT, &[LABORATORY], 64);
            assert!(is_opened(open(DOCTOR, grant, &all)));
            assert!(RecordList::try_from(vec![1; 65]).is_err());
        });
    }

    #[test]
    fn strangers_leave_no_entry() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for who in [STRANGER, OWNER, OTHER_OWNER] {
                assert_noop!(open(who, grant, &[1]), Error::<Test>::NotAMember);
            }
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(open(DOCTOR, grant, &[1]), Error::<Test>::NotAMember);
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                let (part, purpose) = (Part::Full, Purpose::Treat);
                assert_noop!(
                    AccessLog::open(origin, PATIENT, list(&[1]), part, grant, purpose, None),
                    BadOrigin
                );
            }
        });
    }

    #[test]
    fn unknown_patients_and_empty_lists_fail() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_noop!(open(DOCTOR, grant, &[]), Error::<Test>::NoRecords);
            assert_noop!(
                AccessLog::open(
                    by(DOCTOR),
                    UNKNOWN_PATIENT,
                    list(&[1]),
                    Part::Full,
                    grant,
                    Purpose::Treat,
                    None
                ),
                Error::<Test>::PatientNotFound
            );
        });
    }

    fn open_for(who: AccountId, grant: GrantIndex, person: Option<AccountId>) -> bool {
        is_opened(AccessLog::open(
            by(who),
            PATIENT,
            list(&[1]),
            Part::Full,
            grant,
            Purpose::Treat,
            person,
        ))
    }

    #[test]
    fn services_name_a_clinician_of_their_organisation() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(GrantTerms {
                grantee: Grantee::Organisation(HOSPITAL),
                ..terms()
            });
            assert!(open_for(SERVICE, grant, Some(DOCTOR)));
            assert!(matches!(
                last_event(),
                Event::Opened {
                    reader: SERVICE,
                    acting_for: Some(DOCTOR),
                    ..
                }
            ));
            for person in [
                None,
                Some(SERVICE),
                Some(ADMIN),
                Some(INSURER),
                Some(STRANGER),
            ] {
                assert!(!open_for(SERVICE, grant, person.clone()), "{person:?}");
            }
            with(|w| w.members.remove(&DOCTOR));
            assert!(!open_for(SERVICE, grant, Some(DOCTOR)));
        });
    }

    #[test]
    fn people_act_for_themselves() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(GrantTerms {
                grantee: Grantee::Organisation(HOSPITAL),
                ..terms()
            });
            assert!(open_for(DOCTOR, grant, None));
            assert!(!open_for(DOCTOR, grant, Some(COLLEAGUE)));
            assert!(!open_for(DOCTOR, grant, Some(DOCTOR)));
        });
    }

    #[test]
    fn service_is_refused_a_grant_to_the_person_it_names() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert!(!open_for(SERVICE, grant, Some(DOCTOR)));
        });
    }

    #[test]
    fn refusals_have_an_allowance_per_account_and_hour() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            set_now(START + HOUR - 1);
            for _ in 0..REFUSALS_PER_HOUR {
                assert!(!is_opened(open(DOCTOR, grant, &[2])));
            }
            assert_noop!(open(DOCTOR, grant, &[2]), Error::<Test>::TooManyRefusals);
            assert!(
                is_opened(open(DOCTOR, grant, &[1])),
                "what is permitted stays so"
            );
            assert!(
                !is_opened(open(COLLEAGUE, grant, &[2])),
                "others have their own"
            );
            set_now(START + HOUR);
            for _ in 0..REFUSALS_PER_HOUR {
                assert!(!is_opened(open(DOCTOR, grant, &[2])));
            }
            assert_noop!(open(DOCTOR, grant, &[2]), Error::<Test>::TooManyRefusals);
            assert_eq!(Refusals::<Test>::iter().count(), 2);
        });
    }
}

mod delivered {
    use super::*;

    fn delivery(patient: PatientId, record: RecordIndex) -> Delivery {
        Delivery {
            patient,
            reader: DOCTOR,
            record,
            part: Part::Full,
        }
    }

    fn report(who: AccountId, batch: &[Delivery]) -> DispatchResult {
        AccessLog::delivered(by(who), batch.to_vec().try_into().expect("within bounds"))
    }

    #[test]
    fn deliveries_reach_the_trails_of_their_patients() {
        ExtBuilder.build_and_execute(|| {
            let batch = [
                delivery(PATIENT, 1),
                delivery(OTHER_PATIENT, 2),
                delivery(PATIENT, 2),
            ];
            assert_ok!(report(SERVICE, &batch));
            assert_eq!(
                last_event(),
                Event::Delivered {
                    patient: PATIENT,
                    actor: SERVICE,
                    organisation: HOSPITAL,
                    reader: DOCTOR,
                    record: 2,
                    part: Part::Full,
                }
            );
            assert_eq!(AccessLog::trail_head(&PATIENT).count, 2);
            assert_eq!(AccessLog::trail_head(&OTHER_PATIENT).count, 1);
        });
    }

    #[test]
    fn only_services_in_good_standing_report() {
        ExtBuilder.build_and_execute(|| {
            let batch = [delivery(PATIENT, 1)];
            for who in [DOCTOR, ADMIN, OWNER, STRANGER] {
                assert_noop!(report(who, &batch), Error::<Test>::NotAService);
            }
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(report(SERVICE, &batch), Error::<Test>::NotAService);
            assert_noop!(
                AccessLog::delivered(RuntimeOrigin::root(), vec![].try_into().unwrap()),
                BadOrigin
            );
        });
    }

    #[test]
    fn a_batch_with_one_fault_leaves_nothing() {
        ExtBuilder.build_and_execute(|| {
            let good = delivery(PATIENT, 1);
            assert_noop!(report(SERVICE, &[]), Error::<Test>::NoDeliveries);
            assert_noop!(
                report(SERVICE, &[good.clone(), delivery(UNKNOWN_PATIENT, 1)]),
                Error::<Test>::PatientNotFound
            );
            assert_noop!(
                report(SERVICE, &[good, delivery(PATIENT, 99)]),
                Error::<Test>::RecordNotFound
            );
        });
    }

    #[test]
    fn deliveries_of_records_erased_since_are_still_reported() {
        ExtBuilder.build_and_execute(|| {
            set_record_state(PATIENT, 1, RecordState::Erased);
            assert_ok!(report(SERVICE, &[delivery(PATIENT, 1)]));
        });
    }
}

mod trail {
    use super::*;

    #[derive(Clone)]
    struct Entry {
        moment: Moment,
        block: BlockNumber,
        event: Vec<u8>,
    }

    /// The entries that this block added to a patient's trail, as an explorer reads them.
    fn entries_of_block(patient: PatientId) -> Vec<Entry> {
        System::events()
            .into_iter()
            .map(|record| record.event.encode())
            .filter(|event| event[2..18] == patient.0)
            .map(|event| Entry {
                moment: now(),
                block: System::block_number(),
                event,
            })
            .collect()
    }

    fn next_block() {
        System::set_block_number(System::block_number() + 1);
        System::reset_events();
        set_now(now() + 1_000);
    }

    /// The format, written down a second time.
    fn recompute(patient: PatientId, entries: &[Entry]) -> H256 {
        let genesis = Doubles::genesis();
        let start = [&b"salus/trail/v1"[..], genesis.as_bytes(), &patient.0].concat();
        let mut hash = blake2_256(&start);
        for (i, entry) in entries.iter().enumerate() {
            let n = (i as u64 + 1).to_le_bytes();
            let moment = entry.moment.to_le_bytes();
            hash = blake2_256(&[&hash[..], &n, &moment, &entry.event].concat());
        }
        H256(hash)
    }

    /// Two patients, two pallets, several blocks, some of them with many entries, one with none.
    fn story() -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut end_block = || {
            entries.extend(entries_of_block(PATIENT));
            next_block();
        };
        let grant = share(terms());
        end_block();
        assert_ok!(open(DOCTOR, grant, &[1]));
        assert_ok!(open(DOCTOR, grant, &[2]));
        let other = terms();
        assert_ok!(Consent::grant(by(OTHER_OWNER), OTHER_PATIENT, other, None));
        end_block();
        end_block();
        let delivery = |patient| Delivery {
            patient,
            reader: DOCTOR,
            record: 1,
            part: Part::Full,
        };
        let batch = vec![delivery(PATIENT), delivery(OTHER_PATIENT)];
        assert_ok!(AccessLog::delivered(by(SERVICE), batch.try_into().unwrap()));
        assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
        assert_ok!(open(DOCTOR, grant, &[1]));
        end_block();
        entries
    }

    #[test]
    fn head_is_recomputed_from_the_events_alone() {
        ExtBuilder.build_and_execute(|| {
            let entries = story();
            let head = TrailHeads::<Test>::get(PATIENT).unwrap();
            assert_eq!(entries.len(), 6);
            assert_eq!(head.count, 6);
            assert_eq!(head.hash, recompute(PATIENT, &entries));
            assert_eq!(head.last_block, entries.last().unwrap().block);
            assert_ne!(head.hash, recompute(OTHER_PATIENT, &entries));
        });
    }

    #[test]
    fn an_entry_taken_out_changed_moved_or_redated_shows() {
        ExtBuilder.build_and_execute(|| {
            let entries = story();
            let head = AccessLog::trail_head(&PATIENT).hash;
            for i in 0..entries.len() {
                let mut without = entries.clone();
                without.remove(i);
                assert_ne!(recompute(PATIENT, &without), head, "without {i}");

                for byte in 0..entries[i].event.len() {
                    let mut changed = entries.clone();
                    changed[i].event[byte] ^= 1;
                    assert_ne!(recompute(PATIENT, &changed), head, "{byte} of {i} changed");
                }

                let mut redated = entries.clone();
                redated[i].moment += 1;
                assert_ne!(recompute(PATIENT, &redated), head, "{i} at another time");

                let mut twice = entries.clone();
                twice.insert(i, entries[i].clone());
                assert_ne!(recompute(PATIENT, &twice), head, "{i} twice");
            }
            for i in 1..entries.len() {
                let mut swapped = entries.clone();
                swapped.swap(i - 1, i);
                assert_ne!(recompute(PATIENT, &swapped), head, "{i} moved");
            }
        });
    }

    #[test]
    fn trail_without_entries_has_a_start_of_its_own() {
        ExtBuilder.build_and_execute(|| {
            let head = AccessLog::trail_head(&PATIENT);
            assert_eq!(head, TrailHead::start(&Doubles::genesis(), &PATIENT));
            assert_eq!((head.count, head.hash), (0, recompute(PATIENT, &[])));
            assert_ne!(head.hash, AccessLog::trail_head(&OTHER_PATIENT).hash);
        });
    }

    fn append_one() {
        let event = Event::<Test>::Delivered {
            patient: PATIENT,
            actor: SERVICE,
            organisation: HOSPITAL,
            reader: DOCTOR,
            record: 1,
            part: Part::Full,
        };
        <AccessLog as Trail<RuntimeEvent>>::deposit(&PATIENT, event.into());
    }

    #[test]
    fn every_256th_entry_is_a_checkpoint() {
        ExtBuilder.build_and_execute(|| {
            for n in 1..=600u64 {
                append_one();
                let head = AccessLog::trail_head(&PATIENT);
                let checkpoint = match n {
                    0..256 => 0,
                    256..512 => 256,
                    _ => 512,
                };
                assert_eq!((head.count, head.last_block), (n, n as BlockNumber));
                assert_eq!(head.checkpoint, checkpoint);
                next_block();
            }
        });
    }

    #[test]
    fn head_and_events_agree_even_where_no_event_is_kept() {
        ExtBuilder.build_and_execute(|| {
            System::set_block_number(0);
            append_one();
            assert!(System::events().is_empty());
            assert_eq!(TrailHeads::<Test>::get(PATIENT), None);
            System::set_block_number(1);
        });
    }

    #[test]
    fn accesses_leave_no_rows_behind() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for _ in 0..100 {
                assert_ok!(open(DOCTOR, grant, &[1]));
            }
            assert_eq!(TrailHeads::<Test>::iter().count(), 1);
            assert_eq!(AccessLog::trail_head(&PATIENT).count, 101);
        });
    }
}
