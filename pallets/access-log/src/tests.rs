//! One module per call, then the allowance, the trail and the constants.

use codec::{Decode, Encode};
use frame_support::{
    assert_err_with_weight, assert_noop, assert_ok, dispatch::DispatchResultWithPostInfo,
};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::{Chain, Trail, TrailAllowance},
    AccountId, BlockNumber, ClinicianRole, Delivery, GrantIndex, GrantTerms, Grantee, Member,
    Moment, OrgId, Part, PatientId, RecordIndex, RecordState, TrailHead,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{traits::BadOrigin, DispatchResult};

use crate::{
    mock::*, Error, Event, RecordList, Refusals, TrailHeads, Visit, Visits, WeightInfo,
    DELIVERY_WITHIN, ENTRIES_PER_HOUR, REFUSALS_PER_HOUR,
};

fn by(account: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account)
}

fn list(records: &[RecordIndex]) -> RecordList {
    records.to_vec().try_into().expect("within bounds")
}

/// Without what it cost.
fn outcome(result: DispatchResultWithPostInfo) -> DispatchResult {
    result.map(|_| ()).map_err(|failure| failure.error)
}

fn open(who: AccountId, grant: GrantIndex, records: &[RecordIndex]) -> DispatchResult {
    open_with(who, PATIENT, grant, records, None)
}

fn open_with(
    who: AccountId,
    patient: PatientId,
    grant: GrantIndex,
    records: &[RecordIndex],
    person: Option<H256>,
) -> DispatchResult {
    outcome(AccessLog::open(
        by(who),
        patient,
        list(records),
        Part::Full,
        grant,
        person,
    ))
}

/// Laboratory to all of an organisation.
fn to_organisation(organisation: OrgId) -> GrantTerms {
    GrantTerms {
        grantee: Grantee::Organisation(organisation),
        ..terms()
    }
}

fn join(account: &AccountId, organisation: OrgId, role: ClinicianRole) {
    let member = Member::Clinician { organisation, role };
    with(|w| w.members.insert(account.clone(), member));
}

/// So many physicians of the hospital.
fn physicians(count: u8) -> Vec<AccountId> {
    (0..count)
        .map(|n| {
            let account = AccountId::new([100 + n; 32]);
            join(&account, HOSPITAL, ClinicianRole::Physician);
            account
        })
        .collect()
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
                None
            ));
            assert_eq!(
                last_event(),
                Event::Opened {
                    patient: PATIENT,
                    actor: DOCTOR,
                    organisation: HOSPITAL,
                    person: None,
                    grant,
                    records: list(&[1]),
                    part: Part::Manifest,
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
                    actor: DOCTOR,
                    organisation: HOSPITAL,
                    person: None,
                    grant,
                    records: list(&[1, 2]),
                    part: Part::Full,
                }
            );
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
            for who in [COLLEAGUE, ADMIN, INSURER] {
                assert!(!is_opened(open(who, grant, &[1])));
            }
            assert!(!is_opened(open_for(SERVICE, grant, Some(SEAL))));
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
                let attempt = AccessLog::open(origin, PATIENT, list(&[1]), Part::Full, grant, None);
                assert_noop!(outcome(attempt), BadOrigin);
            }
        });
    }

    #[test]
    fn unknown_patients_and_empty_lists_fail() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_noop!(open(DOCTOR, grant, &[]), Error::<Test>::NoRecords);
            assert_noop!(
                open_with(DOCTOR, UNKNOWN_PATIENT, grant, &[1], None),
                Error::<Test>::PatientNotFound
            );
        });
    }

    const SEAL: H256 = H256::repeat_byte(9);

    fn open_for(who: AccountId, grant: GrantIndex, person: Option<H256>) -> DispatchResult {
        open_with(who, PATIENT, grant, &[1], person)
    }

    #[test]
    fn an_opening_by_software_bears_the_seal_of_a_person() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(to_organisation(HOSPITAL));
            assert!(is_opened(open_for(SERVICE, grant, Some(SEAL))));
            assert!(matches!(
                last_event(),
                Event::Opened {
                    actor: SERVICE,
                    person: Some(seal),
                    ..
                } if seal == SEAL
            ));
            assert_noop!(open_for(SERVICE, grant, None), Error::<Test>::NoPerson);
        });
    }

    #[test]
    fn a_refusal_of_software_bears_the_seal_of_a_person() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(to_organisation(HOSPITAL));
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            assert!(!is_opened(open_for(SERVICE, grant, Some(SEAL))));
            assert!(matches!(
                last_event(),
                Event::Refused {
                    actor: SERVICE,
                    person: Some(seal),
                    ..
                } if seal == SEAL
            ));
        });
    }

    #[test]
    fn a_person_who_signs_stands_in_clear() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(to_organisation(HOSPITAL));
            assert!(is_opened(open_for(DOCTOR, grant, None)));
            for who in [DOCTOR, ADMIN] {
                assert_noop!(open_for(who, grant, Some(SEAL)), Error::<Test>::PersonSigns);
            }
        });
    }

    #[test]
    fn a_grant_to_a_person_is_not_for_the_software_of_their_organisation() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert!(!is_opened(open_for(SERVICE, grant, Some(SEAL))));
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

    #[test]
    fn open_that_fails_early_costs_no_more_than_one_record() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(to_organisation(HOSPITAL));
            let records = add_records(PATIENT, &[LABORATORY], 64);
            let early = <() as WeightInfo>::open(1);
            assert!(early.ref_time() * 2 < <() as WeightInfo>::open(64).ref_time());
            let attempt = |who, patient| {
                AccessLog::open(by(who), patient, list(&records), Part::Full, grant, None)
            };
            assert_err_with_weight!(
                attempt(STRANGER, PATIENT),
                Error::<Test>::NotAMember,
                Some(early)
            );
            assert_err_with_weight!(
                attempt(DOCTOR, UNKNOWN_PATIENT),
                Error::<Test>::PatientNotFound,
                Some(early)
            );
            assert_ok!(AccessLog::spend(&PATIENT, HOSPITAL, ENTRIES_PER_HOUR));
            assert_err_with_weight!(
                attempt(DOCTOR, PATIENT),
                Error::<Test>::TooManyEntries,
                Some(early)
            );
        });
    }

    #[test]
    fn only_what_opened_counts_as_an_opening() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            let opened_at = || Visits::<Test>::get(PATIENT, HOSPITAL).opened_at;
            assert!(!is_opened(open(DOCTOR, grant, &[2])));
            assert_eq!(opened_at(), None);
            assert!(is_opened(open(DOCTOR, grant, &[1])));
            assert_eq!(opened_at(), Some(START));
            set_now(START + 3 * HOUR);
            assert!(!is_opened(open(COLLEAGUE, grant, &[1])));
            assert_eq!(opened_at(), Some(START), "a refusal leaves it");
            assert!(is_opened(open(DOCTOR, grant, &[1])));
            assert_eq!(opened_at(), Some(START + 3 * HOUR));
        });
    }
}

mod delivered {
    use super::*;

    const OTHER_SERVICE: AccountId = AccountId::new([60; 32]);

    /// Of a laboratory result to the doctor, under a grant.
    fn delivery(grant: GrantIndex) -> Delivery {
        Delivery {
            patient: PATIENT,
            reader: DOCTOR,
            grant,
            record: 1,
            part: Part::Full,
        }
    }

    /// The doctor has opened the same of another patient, under that patient's first grant.
    fn opened_elsewhere() -> Delivery {
        assert_ok!(Consent::grant(
            by(OTHER_OWNER),
            OTHER_PATIENT,
            terms(),
            None
        ));
        let opening = open_with(DOCTOR, OTHER_PATIENT, 0, &[1], None);
        assert!(is_opened(opening));
        Delivery {
            patient: OTHER_PATIENT,
            ..delivery(0)
        }
    }

    /// The doctor has opened laboratory result 1.
    fn opened() -> GrantIndex {
        let grant = share(terms());
        assert!(is_opened(open(DOCTOR, grant, &[1])));
        grant
    }

    fn report(who: AccountId, batch: &[Delivery]) -> DispatchResult {
        outcome(report_at_a_cost(who, batch))
    }

    fn report_at_a_cost(who: AccountId, batch: &[Delivery]) -> DispatchResultWithPostInfo {
        AccessLog::delivered(by(who), batch.to_vec().try_into().expect("within bounds"))
    }

    /// Refused, and a vault can find out which one it is.
    fn assert_refused(delivery: Delivery, error: Error<Test>) {
        assert!(!AccessLog::may_report(HOSPITAL, &delivery), "{delivery:?}");
        assert_noop!(report(SERVICE, &[delivery]), error);
    }

    fn assert_reported(delivery: Delivery) {
        assert!(AccessLog::may_report(HOSPITAL, &delivery), "{delivery:?}");
        assert_ok!(report(SERVICE, &[delivery]));
    }

    #[test]
    fn deliveries_reach_the_trails_of_their_patients() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            let elsewhere = opened_elsewhere();
            let before = AccessLog::trail_head(&PATIENT).count;
            let summary = Delivery {
                part: Part::Manifest,
                ..delivery(grant)
            };
            let batch = [summary, elsewhere, delivery(grant)];
            assert_ok!(report(SERVICE, &batch));
            assert_eq!(
                last_event(),
                Event::Delivered {
                    patient: PATIENT,
                    actor: SERVICE,
                    organisation: HOSPITAL,
                    reader: DOCTOR,
                    grant,
                    record: 1,
                    part: Part::Full,
                }
            );
            assert_eq!(AccessLog::trail_head(&PATIENT).count, before + 2);
            // The grant, the opening, and the delivery.
            assert_eq!(AccessLog::trail_head(&OTHER_PATIENT).count, 3);
        });
    }

    #[test]
    fn only_services_in_good_standing_report() {
        ExtBuilder.build_and_execute(|| {
            let batch = [delivery(opened())];
            for who in [DOCTOR, ADMIN, OWNER, STRANGER] {
                assert_noop!(report(who, &batch), Error::<Test>::NotAService);
            }
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(report(SERVICE, &batch), Error::<Test>::NotAService);
            let nothing = vec![].try_into().expect("within bounds");
            assert_noop!(
                outcome(AccessLog::delivered(RuntimeOrigin::root(), nothing)),
                BadOrigin
            );
        });
    }

    #[test]
    fn only_services_of_keepers_report() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            with(|w| w.no_keepers.push(HOSPITAL));
            assert_refused(delivery(grant), Error::NotAKeeper);
            // A copy lies elsewhere: that vault reports, and writes at its own expense.
            join(&OTHER_SERVICE, INSURANCE, ClinicianRole::Service);
            assert_ok!(report(OTHER_SERVICE, &[delivery(grant)]));
            let written = |organisation| Visits::<Test>::get(PATIENT, organisation).written;
            assert_eq!((written(HOSPITAL), written(INSURANCE)), (1, 1));
        });
    }

    #[test]
    fn delivery_without_an_opening_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_refused(delivery(grant), Error::NothingOpened);
            // To try is not to open.
            assert!(!is_opened(open(DOCTOR, grant, &[2])));
            assert_refused(delivery(grant), Error::NothingOpened);
            // Nor does another organisation open for this one.
            let theirs = share(to_organisation(INSURANCE));
            assert!(is_opened(open(INSURER, theirs, &[1])));
            assert_refused(delivery(grant), Error::NothingOpened);
            assert!(is_opened(open(DOCTOR, grant, &[1])));
            assert_reported(delivery(grant));
        });
    }

    #[test]
    fn delivery_to_another_reader_or_of_another_record_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            for reader in [COLLEAGUE, INSURER, SERVICE, OWNER, STRANGER] {
                let forged = Delivery {
                    reader,
                    ..delivery(grant)
                };
                assert_refused(forged, Error::NothingOpened);
            }
            let forged = Delivery {
                record: 2,
                ..delivery(grant)
            };
            assert_refused(forged, Error::NothingOpened);
            let forged = Delivery {
                record: 99,
                ..delivery(grant)
            };
            assert_refused(forged, Error::RecordNotFound);
        });
    }

    #[test]
    fn delivery_under_another_grant_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            let theirs = share(to_organisation(INSURANCE));
            for other in [theirs, 99, u32::MAX] {
                assert_refused(delivery(other), Error::NothingOpened);
            }
            // The other patient's first grant is to the insurer, who has opened nothing.
            let terms = to_organisation(INSURANCE);
            assert_ok!(Consent::grant(by(OTHER_OWNER), OTHER_PATIENT, terms, None));
            for grant in [grant, theirs] {
                let forged = Delivery {
                    patient: OTHER_PATIENT,
                    ..delivery(grant)
                };
                assert_refused(forged, Error::NothingOpened);
            }
        });
    }

    #[test]
    fn opening_of_one_patient_is_none_of_another() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            // The same index, to the same doctor.
            assert_ok!(Consent::grant(
                by(OTHER_OWNER),
                OTHER_PATIENT,
                terms(),
                None
            ));
            let forged = Delivery {
                patient: OTHER_PATIENT,
                ..delivery(grant)
            };
            assert_refused(forged.clone(), Error::NothingOpened);
            let opening = open_with(DOCTOR, OTHER_PATIENT, 0, &[1], None);
            assert!(is_opened(opening));
            assert_reported(forged);
        });
    }

    #[test]
    fn reads_of_controllers_are_refused_whatever_grant_is_named() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            let before = AccessLog::trail_head(&PATIENT);
            for reader in [OWNER, GUARDIAN, CARER] {
                for grant in [grant, grant + 1, GrantIndex::MAX] {
                    let own = Delivery {
                        reader: reader.clone(),
                        ..delivery(grant)
                    };
                    assert_refused(own, Error::NothingOpened);
                }
            }
            assert_eq!(AccessLog::trail_head(&PATIENT), before);
        });
    }

    #[test]
    fn delivery_is_reported_within_a_day_of_the_opening() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            set_now(START + DELIVERY_WITHIN);
            assert_reported(delivery(grant));
            set_now(START + DELIVERY_WITHIN + 1);
            assert_refused(delivery(grant), Error::NothingOpened);
            assert!(is_opened(open(DOCTOR, grant, &[1])));
            assert_reported(delivery(grant));
        });
    }

    #[test]
    fn delivery_after_revocation_is_reported_within_a_day_and_not_after_it() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            let another = share(to_organisation(HOSPITAL));
            set_now(START + HOUR);
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            // The organisation goes on to open, under another grant.
            for hours in [HOUR, 20 * HOUR] {
                set_now(START + hours);
                assert!(is_opened(open(COLLEAGUE, another, &[1])));
                assert_reported(delivery(grant));
            }
            set_now(START + HOUR + DELIVERY_WITHIN - 1);
            assert_reported(delivery(grant));
            set_now(START + HOUR + DELIVERY_WITHIN + 1);
            assert_refused(delivery(grant), Error::NothingOpened);
            assert_reported(delivery(another));
        });
    }

    #[test]
    fn delivery_to_a_reader_who_has_left_since_is_reported() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            join(&DOCTOR, INSURANCE, ClinicianRole::Physician);
            assert_reported(delivery(grant));
            with(|w| w.members.remove(&DOCTOR));
            assert_reported(delivery(grant));
        });
    }

    #[test]
    fn a_batch_with_one_fault_leaves_nothing_and_the_fault_can_be_found() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            assert_noop!(report(SERVICE, &[]), Error::<Test>::NoDeliveries);
            let good = [delivery(grant), opened_elsewhere()];
            let unknown = Delivery {
                patient: UNKNOWN_PATIENT,
                ..delivery(grant)
            };
            let missing = Delivery {
                record: 99,
                ..delivery(grant)
            };
            for (bad, error) in [
                (unknown, Error::<Test>::PatientNotFound),
                (missing, Error::RecordNotFound),
                (delivery(grant + 1), Error::NothingOpened),
            ] {
                let batch = [good[0].clone(), bad.clone(), good[1].clone()];
                assert_noop!(report(SERVICE, &batch), error);
                let left: Vec<_> = batch
                    .iter()
                    .filter(|delivery| AccessLog::may_report(HOSPITAL, delivery))
                    .cloned()
                    .collect();
                assert_eq!(left, good);
                assert_ok!(report(SERVICE, &left));
            }
        });
    }

    #[test]
    fn deliveries_of_records_whose_erasure_came_due_since_are_still_reported() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            let until = START + HOUR;
            set_record_state(PATIENT, 1, RecordState::ErasePending { until });
            set_now(until + HOUR);
            assert_reported(delivery(grant));
            // Once it is finished, nothing tells when that was.
            set_record_state(PATIENT, 1, RecordState::Erased);
            assert_refused(delivery(grant), Error::NothingOpened);
        });
    }

    #[test]
    fn delivery_takes_one_entry_of_the_signing_organisation_each() {
        ExtBuilder.build_and_execute(|| {
            let grant = opened();
            let elsewhere = opened_elsewhere();
            let before = AccessLog::trail_head(&PATIENT).count;
            let batch = vec![delivery(grant); 64];
            for _ in 0..ENTRIES_PER_HOUR / 64 - 1 {
                assert_ok!(report(SERVICE, &batch));
            }
            // The opening took one of the same organisation's.
            assert_ok!(report(SERVICE, &batch[..62]));
            assert_noop!(report(SERVICE, &batch[..2]), Error::<Test>::TooManyEntries);
            assert!(AccessLog::may_report(HOSPITAL, &batch[0]), "one is left");
            assert_ok!(report(SERVICE, &batch[..1]));
            assert_refused(batch[0].clone(), Error::TooManyEntries);
            let grown = AccessLog::trail_head(&PATIENT).count - before;
            assert_eq!(grown, u64::from(ENTRIES_PER_HOUR) - 1);
            // One trail is full; others are not.
            assert_noop!(
                report(SERVICE, &[elsewhere.clone(), batch[0].clone()]),
                Error::<Test>::TooManyEntries
            );
            assert_reported(elsewhere);
            set_now(START + HOUR);
            assert_reported(batch[0].clone());
        });
    }

    #[test]
    fn batch_that_fails_costs_as_many_as_were_looked_at() {
        ExtBuilder.build_and_execute(|| {
            let mut batch = vec![delivery(opened()); 64];
            let cost = |looked_at| Some(<() as WeightInfo>::delivered(looked_at));
            assert_err_with_weight!(
                report_at_a_cost(DOCTOR, &batch),
                Error::<Test>::NotAService,
                cost(0)
            );
            batch[2].record = 99;
            assert_err_with_weight!(
                report_at_a_cost(SERVICE, &batch),
                Error::<Test>::RecordNotFound,
                cost(3)
            );
        });
    }
}

mod allowance {
    use super::*;

    fn exhaust(who: &AccountId, grant: GrantIndex, times: u32) {
        for _ in 0..times {
            assert!(is_opened(open(who.clone(), grant, &[1])));
            System::reset_events();
        }
    }

    #[test]
    fn flood_by_one_account_ends_at_the_allowance() {
        ExtBuilder.build_and_execute(|| {
            set_now(START + HOUR - 1);
            let grant = share(to_organisation(HOSPITAL));
            let before = AccessLog::trail_head(&PATIENT).count;
            exhaust(&DOCTOR, grant, ENTRIES_PER_HOUR);
            for who in [DOCTOR, COLLEAGUE] {
                assert_noop!(
                    open(who.clone(), grant, &[1]),
                    Error::<Test>::TooManyEntries
                );
                assert_noop!(open(who, grant, &[2]), Error::<Test>::TooManyEntries);
            }
            let grown = AccessLog::trail_head(&PATIENT).count - before;
            assert_eq!(grown, u64::from(ENTRIES_PER_HOUR));
            assert_eq!(AccessLog::entries_left(&PATIENT, HOSPITAL), 0);

            set_now(START + HOUR);
            assert_eq!(
                AccessLog::entries_left(&PATIENT, HOSPITAL),
                ENTRIES_PER_HOUR
            );
            assert!(is_opened(open(DOCTOR, grant, &[1])));
            assert_eq!(Visits::<Test>::iter().count(), 1, "the row is overwritten");
        });
    }

    #[test]
    fn twelve_accounts_of_one_organisation_share_one_allowance() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(to_organisation(HOSPITAL));
            let before = AccessLog::trail_head(&PATIENT).count;
            let accounts = physicians(12);
            let mut entries = 0u32;
            'flood: loop {
                for who in &accounts {
                    // As many refusals as may be, then what opens.
                    let record = if entries < 12 * REFUSALS_PER_HOUR {
                        2
                    } else {
                        1
                    };
                    match open(who.clone(), grant, &[record]) {
                        Ok(()) => entries += 1,
                        Err(error) => {
                            assert_eq!(error, Error::<Test>::TooManyEntries.into());
                            break 'flood;
                        }
                    }
                    System::reset_events();
                }
            }
            assert_eq!(entries, ENTRIES_PER_HOUR);
            let grown = AccessLog::trail_head(&PATIENT).count - before;
            assert_eq!(grown, u64::from(ENTRIES_PER_HOUR));
            for who in accounts {
                assert_noop!(open(who, grant, &[1]), Error::<Test>::TooManyEntries);
            }
        });
    }

    #[test]
    fn another_organisation_and_another_patient_are_untouched_by_a_flood() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(to_organisation(HOSPITAL));
            let theirs = share(to_organisation(INSURANCE));
            assert_ok!(Consent::grant(
                by(OTHER_OWNER),
                OTHER_PATIENT,
                to_organisation(HOSPITAL),
                None
            ));
            exhaust(&DOCTOR, grant, ENTRIES_PER_HOUR);
            assert_noop!(open(DOCTOR, grant, &[1]), Error::<Test>::TooManyEntries);
            assert!(is_opened(open(INSURER, theirs, &[1])));
            let elsewhere = open_with(DOCTOR, OTHER_PATIENT, 0, &[1], None);
            assert!(is_opened(elsewhere));
            // What the patient decides is not counted.
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
        });
    }

    #[test]
    fn spending_too_much_leaves_everything_as_it_was() {
        ExtBuilder.build_and_execute(|| {
            let left = || AccessLog::entries_left(&PATIENT, HOSPITAL);
            for entries in [ENTRIES_PER_HOUR + 1, u32::MAX] {
                assert_noop!(
                    AccessLog::spend(&PATIENT, HOSPITAL, entries),
                    Error::<Test>::TooManyEntries
                );
            }
            assert_ok!(AccessLog::spend(&PATIENT, HOSPITAL, 0));
            assert_eq!(Visits::<Test>::iter().count(), 0, "nothing was written");
            assert_ok!(AccessLog::spend(&PATIENT, HOSPITAL, ENTRIES_PER_HOUR - 1));
            for entries in [2, u32::MAX] {
                assert_noop!(
                    AccessLog::spend(&PATIENT, HOSPITAL, entries),
                    Error::<Test>::TooManyEntries
                );
            }
            assert_eq!(left(), 1);
            assert_ok!(AccessLog::spend(&PATIENT, HOSPITAL, 1));
            assert_eq!(left(), 0);
        });
    }

    #[test]
    fn spending_forgets_no_opening() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert!(is_opened(open(DOCTOR, grant, &[1])));
            set_now(START + 2 * HOUR);
            assert_ok!(AccessLog::spend(&PATIENT, HOSPITAL, 32));
            let expected = Visit {
                hour: ((START + 2 * HOUR) / HOUR) as u32,
                written: 32,
                opened_at: Some(START),
            };
            assert_eq!(Visits::<Test>::get(PATIENT, HOSPITAL), expected);
        });
    }
}

mod constants {
    use super::*;

    fn constant<Value: Decode>(name: &str) -> Value {
        let constants = AccessLog::pallet_constants_metadata();
        let found = constants.iter().find(|constant| constant.name == name);
        let constant = found.unwrap_or_else(|| panic!("no {name}"));
        assert!(!constant.docs.is_empty(), "{name} is not documented");
        Value::decode(&mut &constant.value[..]).expect("of this type")
    }

    #[test]
    fn allowances_stand_in_the_metadata() {
        assert_eq!(constant::<u32>("RefusalsPerHour"), 20);
        assert_eq!(constant::<u32>("EntriesPerHour"), 1_024);
        assert_eq!(constant::<Moment>("DeliveryWithin"), 24 * HOUR);
        assert_eq!(constant::<u32>("MaxOpen"), 64);
        assert_eq!(constant::<u32>("MaxDeliveries"), 64);
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
        let elsewhere = open_with(DOCTOR, OTHER_PATIENT, 0, &[1], None);
        assert_ok!(elsewhere);
        end_block();
        end_block();
        let delivery = |patient, grant| Delivery {
            patient,
            reader: DOCTOR,
            grant,
            record: 1,
            part: Part::Full,
        };
        let batch = vec![delivery(PATIENT, grant), delivery(OTHER_PATIENT, 0)];
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
            assert_eq!(head.digest, recompute(PATIENT, &entries));
            assert_eq!(head.last_block, entries.last().unwrap().block);
            assert_ne!(head.digest, recompute(OTHER_PATIENT, &entries));
        });
    }

    #[test]
    fn an_entry_taken_out_changed_moved_or_redated_shows() {
        ExtBuilder.build_and_execute(|| {
            let entries = story();
            let head = AccessLog::trail_head(&PATIENT).digest;
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
            assert_eq!((head.count, head.digest), (0, recompute(PATIENT, &[])));
            assert_ne!(head.digest, AccessLog::trail_head(&OTHER_PATIENT).digest);
        });
    }

    fn append_one() {
        let event = Event::<Test>::Delivered {
            patient: PATIENT,
            actor: SERVICE,
            organisation: HOSPITAL,
            reader: DOCTOR,
            grant: 0,
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
            assert_eq!(Visits::<Test>::iter().count(), 1);
            assert_eq!(AccessLog::trail_head(&PATIENT).count, 101);
        });
    }
}
