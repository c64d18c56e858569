//! One module per call, then the views.

use frame_support::{assert_noop, assert_ok};
use salus_primitives::{
    api::MAX_PAGE,
    rows::{DAY, HOUR},
    traits::{Consent as _, OnSuccession},
    AccountId, Balance, Basis, Cid, CompartmentId, Grantee, Moment, OrgId, PatientId, Purpose,
    RecordIndex, RecordState, Rights, StudyIndex,
};
use sp_runtime::{DispatchError::BadOrigin, DispatchResult};

use crate::{mock::*, Error, Event, NextStudy, Participations, Studies, WeightInfo};

const PRICE: Balance = 20;
const QUOTA: u32 = 3;
const ENDS: u64 = START + 30 * DAY;
const NOWHERE: CompartmentId = CompartmentId([77; 16]);

fn by(account: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account)
}

/// Free and held.
fn purse(account: AccountId) -> (Balance, Balance) {
    let credits = Credits::credits(&account);
    (credits.free, credits.held)
}

fn mint(account: AccountId, amount: Balance) {
    assert_ok!(Credits::mint(RuntimeOrigin::root(), account, amount));
}

/// Study 0 of the hospital, whose admin has 100 credits, 60 of them held.
fn announce() {
    mint(ADMIN, 100);
    assert_ok!(Research::announce(by(ADMIN), cid(9), PRICE, QUOTA, ENDS));
}

fn join(study: StudyIndex, (patient, owner): (PatientId, AccountId)) -> DispatchResult {
    frame_support::storage::with_storage_layer(|| {
        opt_in(by(owner), study, patient, LABORATORY, 1, cid(10))
    })
}

/// The call, without what it cost.
fn opt_in(
    origin: RuntimeOrigin,
    study: StudyIndex,
    patient: PatientId,
    compartment: CompartmentId,
    record: RecordIndex,
    envelope: Cid,
) -> DispatchResult {
    let call = Research::opt_in(origin, study, patient, compartment, record, envelope);
    call.map(|_| ()).map_err(|refused| refused.error)
}

/// The patient changes hands now, by an act of `actor`.
fn succeed(actor: &AccountId) {
    with(|w| w.decided_since.insert(PATIENT, w.now));
    <Consent as OnSuccession<_>>::on_succession(PATIENT, actor);
    <Research as OnSuccession<_>>::on_succession(PATIENT, actor);
}

fn last_event() -> Event<Test> {
    let RuntimeEvent::Research(event) = System::events().pop().expect("an event").event else {
        panic!("another pallet's event");
    };
    event
}

/// Whether the hospital reads the patient's laboratory for research under grant 0.
fn hospital_reads() -> bool {
    Consent::may_read(&PATIENT, 0, &DOCTOR, &[1], now())
}

mod announce {
    use super::*;

    #[test]
    fn the_price_of_all_places_is_held() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_eq!(purse(ADMIN), (40, 60));
            assert_eq!(
                last_event(),
                Event::Announced {
                    study: 0,
                    actor: ADMIN,
                    organisation: HOSPITAL,
                    terms: cid(9),
                    price: PRICE,
                    quota: QUOTA,
                    ends_at: ENDS,
                }
            );
            // All that an account has, if something else keeps it alive.
            assert_ok!(Research::announce(by(ADMIN), cid(9), 40, 1, ENDS));
            assert_eq!(purse(ADMIN), (0, 100));
        });
    }

    #[test]
    fn only_admins_in_good_standing_announce() {
        ExtBuilder.build_and_execute(|| {
            let announce = |origin| Research::announce(origin, cid(9), 0, 1, ENDS);
            with(|w| w.suspended.push(INSURANCE));
            for who in [OWNER, DOCTOR, SERVICE, OTHER_ADMIN, STRANGER] {
                assert_noop!(announce(by(who)), Error::<Test>::NotAnAdmin);
            }
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(announce(origin), BadOrigin);
            }
        });
    }

    #[test]
    fn nobody_announces_more_than_they_have() {
        ExtBuilder.build_and_execute(|| {
            let announce = |price, quota| Research::announce(by(ADMIN), cid(9), price, quota, ENDS);
            assert_noop!(announce(1, 1), Error::<Test>::TooFewCredits);
            mint(ADMIN, 100);
            assert_noop!(announce(101, 1), Error::<Test>::TooFewCredits);
            assert_noop!(announce(34, 3), Error::<Test>::TooFewCredits);
            // 2^127 times 2 is 0 for who does not look.
            assert_noop!(announce(1 << 127, 2), Error::<Test>::TooExpensive);
            assert_noop!(
                announce(Balance::MAX, u32::MAX),
                Error::<Test>::TooExpensive
            );
            assert_ok!(announce(33, 3));
            assert_noop!(announce(2, 1), Error::<Test>::TooFewCredits);
        });
    }

    #[test]
    fn malformed_studies_are_turned_away() {
        ExtBuilder.build_and_execute(|| {
            let announce =
                |terms, quota, ends_at| Research::announce(by(ADMIN), terms, 0, quota, ends_at);
            assert_noop!(
                announce(salus_primitives::Cid([0; 36]), 1, ENDS),
                Error::<Test>::MalformedCid
            );
            assert_noop!(announce(cid(9), 0, ENDS), Error::<Test>::EmptyQuota);
            assert_noop!(announce(cid(9), 1, START), Error::<Test>::EndsInPast);
            let latest = START + MaxDuration::get();
            assert_noop!(announce(cid(9), 1, latest + 1), Error::<Test>::TooLong);
            assert_ok!(announce(cid(9), 1, latest));
            assert_ok!(join(0, THIRD));
            NextStudy::<Test>::put(u32::MAX);
            assert_noop!(announce(cid(9), 1, ENDS), Error::<Test>::IndexExhausted);
            NextStudy::<Test>::put(1);
        });
    }
}

mod opt_in {
    use super::*;

    #[test]
    fn who_takes_part_is_paid_at_once_and_shares_one_compartment() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_ok!(join(0, (PATIENT, OWNER)));
            assert_eq!((purse(ADMIN), purse(OWNER)), ((40, 40), (20, 0)));
            assert_eq!(
                last_event(),
                Event::OptedIn {
                    patient: PATIENT,
                    actor: OWNER,
                    study: 0,
                    grant: 0,
                    price: PRICE,
                }
            );
            let view = Consent::grant_view(&PATIENT, 0).unwrap();
            assert!(view.active);
            assert_eq!(view.envelopes, [cid(10)]);
            assert_eq!(view.grant.grantee, Grantee::Organisation(HOSPITAL));
            assert_eq!(view.grant.scope, compartments(&[LABORATORY]));
            assert_eq!(view.grant.rights, Rights::Read);
            assert_eq!(view.grant.basis, Basis::Study(0));
            assert_eq!(view.grant.terms, Some(cid(9)));
            assert_eq!(view.grant.expires_at, ENDS);
            assert_eq!(view.grant.purpose, Purpose::HResch);
            assert!(hospital_reads());
            assert!(!Consent::may_read(&PATIENT, 0, &DOCTOR, &[2], now()));
            set_now(ENDS);
            assert!(!hospital_reads());
        });
    }

    #[test]
    fn the_place_after_the_last_is_refused_in_the_same_block() {
        ExtBuilder.build_and_execute(|| {
            announce();
            let all = [
                (PATIENT, GUARDIAN),
                (OTHER_PATIENT, OTHER_OWNER),
                THIRD,
                FOURTH,
            ];
            let results = all.map(|who| join(0, who));
            assert_eq!(results[..3], [Ok(()), Ok(()), Ok(())]);
            assert_eq!(results[3], Err(Error::<Test>::QuotaReached.into()));
            assert_eq!(purse(ADMIN), (40, 0));
            let paid = [GUARDIAN, OTHER_OWNER, THIRD.1, FOURTH.1].map(purse);
            assert_eq!(paid, [(20, 0), (20, 0), (20, 0), (0, 0)]);
            assert_eq!(Studies::<Test>::get(0).unwrap().joined, QUOTA);
            // A place that was left is not free again.
            assert_ok!(Research::withdraw(by(OWNER), PATIENT));
            assert_eq!(join(0, FOURTH), Err(Error::<Test>::QuotaReached.into()));
        });
    }

    #[test]
    fn only_who_decides_for_the_patient_opts_in() {
        ExtBuilder.build_and_execute(|| {
            announce();
            for who in [CARER, OTHER_OWNER, DOCTOR, ADMIN, STRANGER] {
                assert_noop!(
                    super::opt_in(by(who), 0, PATIENT, LABORATORY, 1, cid(10)),
                    BadOrigin
                );
            }
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(
                    super::opt_in(origin, 0, PATIENT, LABORATORY, 1, cid(10)),
                    BadOrigin
                );
            }
            assert_noop!(
                super::opt_in(by(OWNER), 1, PATIENT, LABORATORY, 1, cid(10)),
                Error::<Test>::StudyNotFound
            );
        });
    }

    #[test]
    fn who_decides_for_a_time_joins_nothing_that_lasts_longer() {
        ExtBuilder.build_and_execute(|| {
            announce();
            with(|w| w.for_a_time.insert(GUARDIAN, ENDS - 1));
            let outlasts = Err(Error::<Test>::OutlastsOwnRole.into());
            assert_eq!(join(0, (PATIENT, GUARDIAN)), outlasts);
            with(|w| w.for_a_time.insert(GUARDIAN, ENDS));
            assert_ok!(join(0, (PATIENT, GUARDIAN)));
        });
    }

    #[test]
    fn what_is_refused_before_anything_is_granted_costs_little() {
        ExtBuilder.build_and_execute(|| {
            announce();
            let cost = |who, record| {
                Research::opt_in(by(who), 0, PATIENT, LABORATORY, record, cid(10))
                    .expect_err("refused")
                    .post_info
                    .actual_weight
            };
            let little = <() as WeightInfo>::refused();
            assert_eq!(cost(STRANGER, 1), Some(little));
            assert_eq!(cost(OWNER, 99), Some(little));
            assert!(little.ref_time() < <() as WeightInfo>::opt_in().ref_time());
        });
    }

    #[test]
    fn an_id_takes_part_once_ever() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_ok!(join(0, (PATIENT, OWNER)));
            assert_ok!(Research::announce(by(ADMIN), cid(9), 1, 1, ENDS));
            let again = Err(Error::<Test>::AlreadyTookPart.into());
            for study in [0, 1] {
                assert_eq!(join(study, (PATIENT, OWNER)), again);
                assert_eq!(join(study, (PATIENT, GUARDIAN)), again);
            }
            assert_ok!(Research::withdraw(by(OWNER), PATIENT));
            for study in [0, 1] {
                assert_eq!(join(study, (PATIENT, OWNER)), again);
            }
            assert_eq!((purse(OWNER), purse(GUARDIAN)), ((20, 0), (0, 0)));
            assert_ok!(join(1, THIRD));
        });
    }

    /// Who enrolled the patient, and when.
    fn enrolled(by: OrgId, at: Moment) {
        with(|w| w.enrolled.insert(PATIENT, (by, at)));
    }

    #[test]
    fn an_id_of_care_takes_no_part() {
        ExtBuilder.build_and_execute(|| {
            set_now(START + DAY);
            announce();
            let refused = Err(Error::<Test>::NotEnrolledForStudy.into());
            for (organisation, at) in [
                // A chart of the hospital that studies, a chart of another one, and an id that another
                // one enrolled for it.
                (HOSPITAL, START),
                (HOSPITAL, START + DAY - 1),
                (INSURANCE, START),
                (INSURANCE, START + DAY),
            ] {
                enrolled(organisation, at);
                assert_eq!(join(0, (PATIENT, OWNER)), refused);
            }
            assert_eq!((purse(ADMIN), purse(OWNER)), ((40, 60), (0, 0)));
            enrolled(HOSPITAL, START + DAY);
            assert_ok!(join(0, (PATIENT, OWNER)));
        });
    }

    #[test]
    fn nobody_joins_a_study_that_is_over() {
        ExtBuilder.build_and_execute(|| {
            announce();
            set_now(ENDS);
            let over = Err(Error::<Test>::StudyOver.into());
            assert_eq!(join(0, (PATIENT, OWNER)), over);
            set_now(ENDS - 1);
            assert_ok!(join(0, THIRD));
            assert_ok!(Research::end(by(ADMIN), 0));
            assert_eq!(join(0, (PATIENT, OWNER)), over);
            assert_eq!(purse(OWNER), (0, 0));
        });
    }

    #[test]
    fn nobody_is_paid_for_what_cannot_be_read() {
        ExtBuilder.build_and_execute(|| {
            announce();
            let opt_in = |envelope| super::opt_in(by(OWNER), 0, PATIENT, LABORATORY, 1, envelope);
            assert_noop!(
                opt_in(salus_primitives::Cid([0; 36])),
                pallet_consent::Error::<Test>::MalformedCid
            );
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(
                opt_in(cid(10)),
                pallet_consent::Error::<Test>::GranteeNotInGoodStanding
            );
            with(|w| w.suspended.clear());
            assert_eq!((purse(ADMIN), purse(OWNER)), ((40, 60), (0, 0)));
            assert_ok!(opt_in(cid(10)));
        });
    }

    #[test]
    fn nobody_is_paid_for_a_compartment_without_a_current_record() {
        ExtBuilder.build_and_execute(|| {
            announce();
            let empty = add_compartments(PATIENT, 1)[0];
            let refused = |compartment, record| {
                assert_noop!(
                    super::opt_in(by(OWNER), 0, PATIENT, compartment, record, cid(10)),
                    Error::<Test>::NothingToRead
                );
            };
            refused(NOWHERE, 1);
            refused(empty, 9);
            // Records of other compartments, and of other patients.
            refused(empty, 1);
            refused(LABORATORY, 2);
            anchor(OTHER_PATIENT, 9, LABORATORY, START);
            refused(LABORATORY, 9);

            let until = START + HOUR;
            for state in [RecordState::Erased, RecordState::ErasePending { until }] {
                set_record_state(PATIENT, 1, state);
                refused(LABORATORY, 1);
            }
            set_record_state(PATIENT, 1, RecordState::Current);
            let correct = |newer| {
                with(|w| {
                    w.records
                        .get_mut(&(PATIENT, 1))
                        .expect("anchored")
                        .corrected_by = newer
                })
            };
            correct(Some(2));
            refused(LABORATORY, 1);
            correct(None);
            assert_eq!((purse(ADMIN), purse(OWNER)), ((40, 60), (0, 0)));
            assert_ok!(join(0, (PATIENT, OWNER)));
        });
    }

    #[test]
    fn an_account_that_never_had_credits_is_paid_one() {
        ExtBuilder.build_and_execute(|| {
            mint(ADMIN, 1);
            assert_ok!(Research::announce(by(ADMIN), cid(9), 1, 1, ENDS));
            let fresh = AccountId::new([99; 32]);
            let role = salus_primitives::ControllerRole::Decider;
            with(|w| w.controllers.insert((PATIENT, fresh.clone()), role));
            assert!(!System::account_exists(&fresh));
            assert_ok!(join(0, (PATIENT, fresh.clone())));
            assert_eq!((purse(fresh), purse(ADMIN)), ((1, 0), (0, 0)));
            assert!(System::account_exists(&ADMIN));
        });
    }

    #[test]
    fn who_pays_oneself_has_what_one_had() {
        ExtBuilder.build_and_execute(|| {
            announce();
            let role = salus_primitives::ControllerRole::Owner;
            with(|w| w.controllers.insert((THIRD.0, ADMIN), role));
            assert_ok!(join(0, (THIRD.0, ADMIN)));
            assert_eq!(purse(ADMIN), (60, 40));
        });
    }

    #[test]
    fn volunteers_are_paid_nothing() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Research::announce(by(ADMIN), cid(9), 0, 1, ENDS));
            assert_ok!(join(0, (PATIENT, OWNER)));
            assert_eq!((purse(ADMIN), purse(OWNER)), ((0, 0), (0, 0)));
            assert!(hospital_reads());
            assert_eq!(join(0, THIRD), Err(Error::<Test>::QuotaReached.into()));
            assert_ok!(Research::end(by(ADMIN), 0));
        });
    }
}

mod withdraw {
    use super::*;

    #[test]
    fn the_grant_ends_and_the_pay_stays() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_ok!(join(0, (PATIENT, OWNER)));
            set_now(START + HOUR);
            assert!(hospital_reads());
            assert_ok!(Research::withdraw(by(GUARDIAN), PATIENT));
            assert!(!hospital_reads());
            assert_eq!(purse(OWNER), (20, 0));
            assert_eq!(
                last_event(),
                Event::Withdrawn {
                    patient: PATIENT,
                    actor: GUARDIAN,
                    study: 0
                }
            );
            let row = Research::participation(&PATIENT).unwrap();
            assert_eq!((row.actor, row.grant), (OWNER, 0));
            assert_eq!(row.withdrawn_at, Some(START + HOUR));
            let grant = Consent::grant_view(&PATIENT, 0).unwrap().grant;
            assert_eq!(grant.revoked_at, Some(START + HOUR));
        });
    }

    #[test]
    fn nobody_withdraws_twice_or_without_taking_part() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_noop!(
                Research::withdraw(by(OWNER), PATIENT),
                Error::<Test>::NotParticipating
            );
            assert_ok!(join(0, (PATIENT, OWNER)));
            for who in [CARER, OTHER_OWNER, ADMIN, STRANGER] {
                assert_noop!(Research::withdraw(by(who), PATIENT), BadOrigin);
            }
            assert_ok!(Research::withdraw(by(OWNER), PATIENT));
            assert_noop!(
                Research::withdraw(by(OWNER), PATIENT),
                Error::<Test>::AlreadyWithdrawn
            );
            assert_eq!(purse(OWNER), (20, 0));
        });
    }

    #[test]
    fn one_withdraws_whatever_became_of_study_and_grant() {
        ExtBuilder.build_and_execute(|| {
            announce();
            for who in [(PATIENT, OWNER), THIRD, (OTHER_PATIENT, OTHER_OWNER)] {
                assert_ok!(join(0, who));
            }
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, 0));
            assert_ok!(Research::withdraw(by(OWNER), PATIENT));
            with(|w| w.suspended.push(HOSPITAL));
            assert_ok!(Research::withdraw(by(THIRD.1), THIRD.0));
            set_now(ENDS);
            assert_ok!(Research::end(by(STRANGER), 0));
            assert_ok!(Research::withdraw(by(OTHER_OWNER), OTHER_PATIENT));
        });
    }
}

mod succession {
    use super::*;

    #[test]
    fn what_former_deciders_took_part_in_ends_and_its_grant_too() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_ok!(join(0, (PATIENT, OWNER)));
            assert_ok!(join(0, THIRD));
            // The organisation takes nobody any more, and reads on.
            assert_ok!(Research::end(by(ADMIN), 0));
            set_now(START + HOUR);
            assert!(hospital_reads());
            System::reset_events();
            succeed(&GUARDIAN);
            let (patient, actor) = (PATIENT, GUARDIAN);
            let revoked = pallet_consent::Event::Revoked {
                patient,
                actor: actor.clone(),
                grant: 0,
            };
            let withdrawn = Event::Withdrawn {
                patient,
                actor,
                study: 0,
            };
            let expected: [RuntimeEvent; 2] = [revoked.into(), withdrawn.into()];
            let events: Vec<_> = System::events().into_iter().map(|e| e.event).collect();
            assert_eq!(events, expected);
            assert!(!hospital_reads());
            let row = Research::participation(&PATIENT).expect("took part");
            assert_eq!(row.withdrawn_at, Some(START + HOUR));
            assert_noop!(
                Research::withdraw(by(OWNER), PATIENT),
                Error::<Test>::AlreadyWithdrawn
            );
            // Who is somebody else goes on, and what was paid stays paid.
            let third = Research::participation(&THIRD.0).expect("takes part");
            assert_eq!(third.withdrawn_at, None);
            assert_eq!(purse(OWNER), (PRICE, 0));
        });
    }

    #[test]
    fn what_was_left_or_never_joined_is_not_left_again() {
        ExtBuilder.build_and_execute(|| {
            announce();
            System::reset_events();
            succeed(&GUARDIAN);
            assert!(System::events().is_empty());
            assert_ok!(join(0, (PATIENT, OWNER)));
            assert_ok!(Research::withdraw(by(OWNER), PATIENT));
            System::reset_events();
            succeed(&GUARDIAN);
            assert!(System::events().is_empty());
        });
    }

    #[test]
    fn what_is_over_by_its_time_is_not_left_again() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_ok!(join(0, (PATIENT, OWNER)));
            set_now(ENDS);
            System::reset_events();
            succeed(&GUARDIAN);
            assert!(System::events().is_empty());
            let row = Research::participation(&PATIENT).expect("took part");
            assert_eq!(row.withdrawn_at, None);
        });
    }

    #[test]
    fn an_offer_that_nobody_can_accept_any_more_comes_back_at_once() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 9);
            let treat = Purpose::Treat;
            assert_ok!(Consent::request(
                by(DOCTOR),
                PATIENT,
                treat,
                DAY,
                cid(7),
                Some(9)
            ));
            set_now(START + 1);
            succeed(&OWNER);
            let approved = Consent::approve(by(OWNER), PATIENT, 0, terms(), None);
            let lapsed = pallet_consent::Error::<Test>::RequestLapsed;
            assert_eq!(
                approved.map_err(|refused| refused.error),
                Err(lapsed.into())
            );
            assert_eq!(purse(DOCTOR), (0, 9));
            assert_ok!(Consent::withdraw_request(by(DOCTOR), PATIENT, 0));
            assert_eq!((purse(DOCTOR), purse(OWNER)), ((9, 0), (0, 0)));
        });
    }
}

mod end {
    use super::*;

    #[test]
    fn the_rest_goes_back_once() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_ok!(join(0, (PATIENT, OWNER)));
            assert_ok!(Research::end(by(ADMIN), 0));
            let (study, actor, returned) = (0, ADMIN, 40);
            assert_eq!(
                last_event(),
                Event::Ended {
                    study,
                    actor,
                    returned
                }
            );
            assert_eq!((purse(ADMIN), purse(OWNER)), ((80, 0), (20, 0)));
            // What was paid for can be read on.
            assert!(hospital_reads());
            assert_noop!(Research::end(by(ADMIN), 0), Error::<Test>::StudyOver);
            assert_noop!(Research::end(by(ADMIN), 1), Error::<Test>::StudyNotFound);
        });
    }

    #[test]
    fn a_study_that_ends_before_anybody_is_paid_costs_nothing() {
        ExtBuilder.build_and_execute(|| {
            announce();
            assert_ok!(Research::end(by(ADMIN), 0));
            assert_eq!(purse(ADMIN), (100, 0));
            assert_eq!(Participations::<Test>::iter().count(), 0);
        });
    }

    #[test]
    fn before_its_time_only_its_admin_ends_it_afterwards_anybody() {
        ExtBuilder.build_and_execute(|| {
            announce();
            set_now(ENDS - 1);
            for who in [OTHER_ADMIN, DOCTOR, OWNER, STRANGER] {
                assert_noop!(Research::end(by(who), 0), Error::<Test>::NotAnAdmin);
            }
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(Research::end(by(ADMIN), 0), Error::<Test>::NotAnAdmin);
            set_now(ENDS);
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(Research::end(origin, 0), BadOrigin);
            }
            assert_ok!(Research::end(by(STRANGER), 0));
            assert_eq!((purse(ADMIN), purse(STRANGER)), ((100, 0), (0, 0)));
        });
    }

    #[test]
    fn it_goes_back_to_who_paid_whoever_runs_the_organisation_now() {
        ExtBuilder.build_and_execute(|| {
            announce();
            with(|w| {
                let admin = w.members.remove(&ADMIN).expect("an admin");
                w.members.insert(STRANGER, admin);
            });
            assert_noop!(Research::end(by(ADMIN), 0), Error::<Test>::NotAnAdmin);
            assert_ok!(Research::end(by(STRANGER), 0));
            assert_eq!((purse(ADMIN), purse(STRANGER)), ((100, 0), (0, 0)));
        });
    }
}

mod views {
    use super::*;

    #[test]
    fn studies_come_in_pages() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..MAX_PAGE + 2 {
                assert_ok!(Research::announce(by(ADMIN), cid(9), 0, 1, ENDS));
            }
            let indices = |from, limit| -> Vec<_> {
                let page = Research::studies(from, limit).into_iter();
                page.map(|(study, _)| study).collect()
            };
            assert_eq!(indices(1, 2), [1, 2]);
            assert_eq!(indices(MAX_PAGE, 9), [MAX_PAGE, MAX_PAGE + 1]);
            assert_eq!(indices(0, u32::MAX).len(), MAX_PAGE as usize);
            assert!(indices(u32::MAX, u32::MAX).is_empty());
            assert!(Research::participation(&PATIENT).is_none());
        });
    }
}

#[test]
fn limits_are_in_the_metadata() {
    let constants = crate::Pallet::<Test>::pallet_constants_metadata();
    let names: Vec<_> = constants.iter().map(|constant| constant.name).collect();
    for name in ["MaxStudyDuration", "MaxPage"] {
        assert!(names.contains(&name), "{name}");
    }
}
