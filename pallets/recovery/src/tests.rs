use crate::{
    mock::*, Endings, Error, Event, LastRecoveries, Plans, Recoveries, MAX_DELAY, MIN_DELAY,
    MIN_DELAY_OF_OTHERS,
};
use codec::Encode;
use frame_support::{
    assert_noop, assert_ok, assert_storage_noop, dispatch::DispatchResultWithPostInfo,
};
use salus_primitives::{
    commitment, predicate,
    rows::{DAY, ENDING_COUNTS, ENDING_WAITS, HOUR, SECOND, UNNAMING_WAITS},
    traits::{Control, OnSuccession, RecoveryPlans},
    AccountId, ClinicianRole, ControllerRole, Member, Moment, PendingRecovery,
};
use sp_core::H256;
use sp_runtime::DispatchError::{self, BadOrigin};

/// As `assert_noop`, for calls that return what a refusal does not cost.
macro_rules! assert_refused {
    ($call:expr, $error:expr $(,)?) => {
        assert_storage_noop!({
            let result: DispatchResultWithPostInfo = $call;
            assert_eq!(
                result.map_err(|refused| refused.error),
                Err(DispatchError::from($error))
            );
        })
    };
}

const DELAY: u64 = 3 * DAY;

/// Two of the three helpers, and three days.
fn planned(test: impl FnOnce()) {
    execute(|| {
        assert_ok!(set_plan(OWNER, &HELPERS, 2, DELAY));
        test();
    });
}

/// The sister has started a recovery to the new phone.
fn started(test: impl FnOnce()) {
    planned(|| {
        assert_ok!(start(SISTER, "phone"));
        test();
    });
}

/// The neighbour has agreed: three days from `START` on.
fn agreed(test: impl FnOnce()) {
    started(|| {
        assert_ok!(approve(NEIGHBOUR, "phone"));
        test();
    });
}

fn recovery(to: &str) -> Option<PendingRecovery> {
    Recoveries::<Test>::get(PATIENT, account(to))
}

fn ready_at(to: &str) -> Option<u64> {
    let plan = Recovery::plan(PATIENT)?;
    recovery(to)?.ready_at(&plan)
}

/// A child: nobody but guardians.
fn without_owner() {
    with(|w| w.controllers.remove(&(PATIENT, OWNER)));
}

/// An owner for good beside the other one.
fn owner_too(name: &str) -> AccountId {
    with(|w| {
        w.controllers
            .insert((PATIENT, account(name)), ControllerRole::Owner)
    });
    account(name)
}

/// The tablet is the owner's, and takes the role of a lost phone away.
fn owner_removed() {
    owner_too("tablet");
    without_owner();
}

/// The owner's role ends some day.
fn for_a_time() {
    with(|w| w.for_a_time.insert(OWNER, Moment::MAX));
}

/// Makes an account a clinician of the hospital.
fn work(account: &AccountId) {
    let member = Member::Clinician {
        organisation: HOSPITAL,
        role: ClinicianRole::Nurse,
    };
    with(|w| w.members.insert(account.clone(), member));
}

mod set_plan {
    use super::*;

    #[test]
    fn helpers_are_named_and_named_anew() {
        planned(|| {
            let plan = Recovery::plan(PATIENT).unwrap();
            assert_eq!(plan.helpers, helpers(PATIENT, &HELPERS, 2));
            assert_eq!(plan.delay, DELAY);
            assert_eq!((plan.set_at, plan.set_by), (START, OWNER));
            System::assert_last_event(
                Event::PlanSet {
                    patient: PATIENT,
                    actor: OWNER,
                    delay: DELAY,
                }
                .into(),
            );
            assert_ok!(set_plan(OWNER, &[SISTER, UNCLE], 2, MIN_DELAY));
            System::assert_last_event(
                Event::PlanEnding {
                    patient: PATIENT,
                    actor: OWNER,
                    due: START + DELAY,
                }
                .into(),
            );
            set_now(START + DELAY - 1);
            assert_noop!(
                set_plan(OWNER, &[SISTER, UNCLE], 2, MIN_DELAY),
                Error::<Test>::NotReady
            );
            let named = || Recovery::plan(PATIENT).unwrap().helpers;
            assert_eq!(named(), helpers(PATIENT, &HELPERS, 2));
            set_now(START + DELAY);
            assert_ok!(set_plan(OWNER, &[SISTER, UNCLE], 2, MIN_DELAY));
            assert_eq!(named(), helpers(PATIENT, &[SISTER, UNCLE], 2));
            assert_eq!(Endings::<Test>::iter().count(), 0);
            assert_noop!(start(NEIGHBOUR, "phone"), Error::<Test>::NotAHelper);
        });
    }

    #[test]
    fn who_does_not_decide_names_nobody() {
        execute(|| {
            for who in [CARER, OTHER_OWNER, DOCTOR, ADMIN, STRANGER] {
                assert_noop!(set_plan(who.clone(), &HELPERS, 2, DELAY), BadOrigin);
                assert_refused!(remove_plan(who), BadOrigin);
            }
            assert_noop!(
                Recovery::set_plan(
                    RuntimeOrigin::root(),
                    PATIENT,
                    helpers(PATIENT, &HELPERS, 2),
                    DELAY
                ),
                BadOrigin
            );
        });
    }

    #[test]
    fn where_there_is_an_owner_guardians_do_not_touch_the_plan() {
        planned(|| {
            assert_noop!(
                set_plan(GUARDIAN, &HELPERS, 2, MAX_DELAY),
                Error::<Test>::NotAuthorized
            );
            assert_refused!(remove_plan(GUARDIAN), Error::<Test>::NotAuthorized);
            without_owner();
            assert_ok!(set_plan(GUARDIAN, &HELPERS, 2, MAX_DELAY));
            assert_ok!(veto_ending(GUARDIAN));
            assert_ok!(remove_plan(GUARDIAN));
        });
    }

    #[test]
    fn who_cannot_take_every_role_away_leaves_the_others_a_week() {
        execute(|| {
            for_a_time();
            assert_noop!(
                set_plan(OWNER, &HELPERS, 2, MIN_DELAY_OF_OTHERS - 1),
                Error::<Test>::DelayTooShort
            );
            assert_ok!(set_plan(OWNER, &HELPERS, 2, MIN_DELAY_OF_OTHERS));
            without_owner();
            Plans::<Test>::remove(PATIENT);
            assert_noop!(
                set_plan(GUARDIAN, &HELPERS, 2, MIN_DELAY_OF_OTHERS - 1),
                Error::<Test>::DelayTooShort
            );
            assert_ok!(set_plan(GUARDIAN, &HELPERS, 2, MIN_DELAY_OF_OTHERS));
        });
    }

    #[test]
    fn every_wrong_argument_is_refused() {
        execute(|| {
            let sorted = helpers(PATIENT, &HELPERS, 2);
            let mut reversed = sorted;
            reversed.reverse();
            let mut doubled = sorted;
            doubled[3] = doubled[2];
            for wrong in [reversed, doubled, [H256::zero(); 7]] {
                assert_noop!(
                    Recovery::set_plan(signed(OWNER), PATIENT, wrong, DELAY),
                    Error::<Test>::HelpersNotAscending
                );
            }
            for delay in [0, SECOND - 1, MAX_DELAY + 1, u64::MAX] {
                assert_noop!(
                    set_plan(OWNER, &HELPERS, 2, delay),
                    Error::<Test>::InvalidDelay
                );
            }
        });
    }

    #[test]
    fn neither_who_helps_nor_how_many_stands_in_the_plan_or_its_event() {
        let set = |named: &[AccountId], threshold| {
            let mut seen = (Vec::new(), Vec::new());
            execute(|| {
                assert_ok!(set_plan(OWNER, named, threshold, DELAY));
                let row = Plans::<Test>::get(PATIENT).unwrap();
                seen = (row.encode(), events().encode());
                for account in named {
                    let bytes: &[u8] = account.as_ref();
                    for shown in [&seen.0, &seen.1] {
                        assert!(!shown.windows(32).any(|part| part == bytes));
                    }
                }
                assert!(predicate::is_ascending(&row.helpers));
            });
            (seen.0.len(), seen.1)
        };
        let two = set(&[SISTER, UNCLE], 2);
        assert_eq!(
            two,
            set(&[SISTER, NEIGHBOUR, UNCLE, CARER, DOCTOR, ADMIN], 5)
        );
    }

    #[test]
    fn the_same_helpers_of_two_patients_have_nothing_in_common() {
        let ours = helpers(PATIENT, &HELPERS, 2);
        for theirs in helpers(OTHER_PATIENT, &HELPERS, 2) {
            let of_a_helper = HELPERS.iter().any(|account| {
                let salt = salt(OTHER_PATIENT, account);
                commitment::helper(&OTHER_PATIENT, &salt, account, 2) == theirs
            });
            assert!(!of_a_helper || !ours.contains(&theirs));
        }
    }

    #[test]
    fn a_plan_stands_still_while_a_recovery_is_under_way() {
        started(|| {
            assert_noop!(
                set_plan(OWNER, &HELPERS, 3, DELAY),
                Error::<Test>::RecoveryUnderWay
            );
            assert_ok!(cancel(OWNER, "phone"));
            assert_ok!(set_plan(OWNER, &HELPERS, 3, DELAY));
        });
    }

    #[test]
    fn what_a_removed_owner_has_set_leaves_the_others_a_week() {
        let ends: [fn(); 2] = [owner_removed, for_a_time];
        for end in ends {
            execute(|| {
                assert_ok!(set_plan(OWNER, &HELPERS, 2, MIN_DELAY));
                assert_eq!(Recovery::plan(PATIENT).unwrap().delay, MIN_DELAY);
                end();
                assert_eq!(Recovery::plan(PATIENT).unwrap().delay, MIN_DELAY_OF_OTHERS);
                assert_ok!(start(SISTER, "thief"));
                assert_ok!(approve(NEIGHBOUR, "thief"));
                System::assert_last_event(
                    Event::RecoveryApproved {
                        patient: PATIENT,
                        actor: NEIGHBOUR,
                        owner: account("thief"),
                        ready_at: Some(START + MIN_DELAY_OF_OTHERS),
                    }
                    .into(),
                );
                set_now(START + MIN_DELAY_OF_OTHERS - 1);
                for who in [SISTER, account("thief")] {
                    assert_refused!(finish(who, "thief"), Error::<Test>::NotReady);
                }
                set_now(START + MIN_DELAY_OF_OTHERS);
                assert_ok!(finish(SISTER, "thief"));
            });
        }
    }

    #[test]
    fn a_longer_delay_stays_when_the_owner_is_removed() {
        execute(|| {
            assert_ok!(set_plan(OWNER, &HELPERS, 2, MAX_DELAY));
            owner_removed();
            assert_eq!(Recovery::plan(PATIENT).unwrap().delay, MAX_DELAY);
        });
    }

    #[test]
    fn who_names_helpers_anew_chooses_the_delay() {
        planned(|| {
            owner_removed();
            assert_ok!(set_plan(account("tablet"), &HELPERS, 2, MIN_DELAY));
            // As long as the helpers of a former owner would have to wait.
            set_now(START + MIN_DELAY_OF_OTHERS);
            assert_ok!(complete(account("tablet")));
            let plan = Recovery::plan(PATIENT).unwrap();
            assert_eq!((plan.delay, plan.set_by), (MIN_DELAY, account("tablet")));
        });
    }
}

mod remove_plan {
    use super::*;

    #[test]
    fn nobody_helps_any_more() {
        planned(|| {
            let spent = remove_plan(OWNER).unwrap().actual_weight;
            assert!(
                spent.is_some(),
                "what an announcement does not use is returned"
            );
            assert!(Plans::<Test>::contains_key(PATIENT));
            set_now(START + DELAY - 1);
            assert_refused!(remove_plan(OWNER), Error::<Test>::NotReady);
            assert_refused!(complete(OWNER), Error::<Test>::NotReady);
            set_now(START + DELAY);
            assert_ok!(remove_plan(OWNER));
            assert_eq!(Recovery::plan(PATIENT), None);
            System::assert_last_event(
                Event::PlanRemoved {
                    patient: PATIENT,
                    actor: OWNER,
                }
                .into(),
            );
            assert_noop!(start(SISTER, "phone"), Error::<Test>::NoPlan);
            assert_refused!(remove_plan(OWNER), Error::<Test>::NoPlan);
        });
    }

    #[test]
    fn who_begins_again_after_each_cancel_keeps_no_plan_in_force() {
        planned(|| {
            for _ in 0..3 {
                assert_ok!(start(UNCLE, "thief"));
                assert_ok!(cancel(OWNER, "thief"));
            }
            assert_ok!(start(UNCLE, "thief"));
            assert_ok!(remove_plan(OWNER));
            set_now(START + DELAY);
            assert_ok!(remove_plan(OWNER));
            assert_noop!(start(UNCLE, "thief"), Error::<Test>::NoPlan);
            assert_noop!(approve(SISTER, "thief"), Error::<Test>::NotFound);
            assert_ok!(set_plan(OWNER, &[SISTER, NEIGHBOUR], 2, DELAY));
            assert_noop!(start(UNCLE, "thief"), Error::<Test>::NotAHelper);
            // A word for the earlier plan counts for nothing in this one.
            assert_noop!(approve(SISTER, "thief"), Error::<Test>::NotFound);
        });
    }

    #[test]
    fn each_recovery_that_ends_with_the_plan_is_told() {
        agreed(|| {
            assert_ok!(start(UNCLE, "thief"));
            let theirs = signed(OTHER_OWNER);
            let named = helpers(OTHER_PATIENT, &HELPERS, 2);
            assert_ok!(Recovery::set_plan(theirs, OTHER_PATIENT, named, DELAY));
            assert_ok!(Recovery::start(
                signed(SISTER),
                OTHER_PATIENT,
                account("phone"),
                consent("phone", OTHER_PATIENT),
                salt(OTHER_PATIENT, &SISTER),
                2
            ));
            // Until the last moment, and after.
            assert_ok!(remove_plan(OWNER));
            set_now(START + DELAY + DAY);
            System::reset_events();
            assert_ok!(remove_plan(OWNER));
            let mut told: Vec<_> = System::events()
                .into_iter()
                .filter_map(|record| record.event.try_into().ok())
                .collect();
            let removed = Event::PlanRemoved {
                patient: PATIENT,
                actor: OWNER,
            };
            assert_eq!(told.pop(), Some(removed));
            assert_eq!(told.len(), 2);
            for to in ["phone", "thief"] {
                let cancelled = Event::RecoveryCancelled {
                    patient: PATIENT,
                    actor: OWNER,
                    owner: account(to),
                };
                assert!(told.contains(&cancelled), "{to}");
                assert_refused!(finish(account(to), to), Error::<Test>::NotFound);
            }
            // Another patient's goes on.
            assert_eq!(Recovery::recoveries(PATIENT), vec![]);
            assert_eq!(Recovery::recoveries(OTHER_PATIENT).len(), 1);
        });
    }

    #[test]
    fn who_is_no_owner_for_good_ends_no_recovery_with_the_plan() {
        started(|| {
            for_a_time();
            assert_refused!(remove_plan(OWNER), Error::<Test>::RecoveryUnderWay);
            assert_refused!(remove_plan(GUARDIAN), Error::<Test>::NotAuthorized);
            without_owner();
            assert_refused!(remove_plan(GUARDIAN), Error::<Test>::RecoveryUnderWay);
            assert_ok!(cancel(GUARDIAN, "phone"));
            assert_ok!(remove_plan(GUARDIAN));
            // Nor does a helper who begins meanwhile end with what a guardian carries out.
            assert_ok!(start(SISTER, "phone"));
            set_now(START + MIN_DELAY_OF_OTHERS);
            for _ in 0..2 {
                assert_refused!(complete(GUARDIAN), Error::<Test>::RecoveryUnderWay);
            }
            assert_ok!(cancel(GUARDIAN, "phone"));
            assert_ok!(complete(GUARDIAN));
            assert_eq!(Recovery::plan(PATIENT), None);
        });
    }
}

mod start {
    use super::*;

    #[test]
    fn starting_for_a_staff_account_is_refused() {
        planned(|| {
            work(&account("phone"));
            assert_noop!(start(SISTER, "phone"), DispatchError::Other("staff"));
        });
    }

    #[test]
    fn one_word_is_one_word() {
        started(|| {
            assert_eq!(
                Recovery::recoveries(PATIENT),
                vec![(
                    account("phone"),
                    PendingRecovery {
                        started_at: START,
                        threshold: 2,
                        helpers: vec![SISTER].try_into().unwrap(),
                        enough_since: None,
                    }
                )]
            );
            System::assert_last_event(
                Event::RecoveryStarted {
                    patient: PATIENT,
                    actor: SISTER,
                    owner: account("phone"),
                }
                .into(),
            );
        });
    }

    #[test]
    fn only_helpers_of_this_patient_start() {
        planned(|| {
            for who in [OWNER, GUARDIAN, CARER, DOCTOR, ADMIN, STRANGER, OTHER_OWNER] {
                assert_noop!(start(who, "phone"), Error::<Test>::NotAHelper);
            }
            assert_noop!(
                Recovery::start(
                    signed(SISTER),
                    OTHER_PATIENT,
                    account("phone"),
                    consent("phone", OTHER_PATIENT),
                    salt(PATIENT, &SISTER),
                    2
                ),
                Error::<Test>::NoPlan
            );
            assert_noop!(
                Recovery::start(
                    RuntimeOrigin::root(),
                    PATIENT,
                    account("phone"),
                    consent("phone", PATIENT),
                    salt(PATIENT, &SISTER),
                    2
                ),
                BadOrigin
            );
        });
    }

    #[test]
    fn a_commitment_is_opened_by_its_account_with_its_salt_and_threshold_for_its_patient() {
        planned(|| {
            let ours = salt(PATIENT, &SISTER);
            let begin = |by: AccountId, salt, threshold| {
                let (owner, consent) = (account("phone"), consent("phone", PATIENT));
                Recovery::start(signed(by), PATIENT, owner, consent, salt, threshold)
            };
            for (by, salt, threshold) in [
                (NEIGHBOUR, ours, 2),
                (STRANGER, ours, 2),
                (SISTER, salt(PATIENT, &NEIGHBOUR), 2),
                (SISTER, salt(OTHER_PATIENT, &SISTER), 2),
                (SISTER, ours, 3),
            ] {
                let begun = begin(by, salt, threshold);
                assert_eq!(begun, Err(Error::<Test>::NotAHelper.into()));
            }
            // What stands in the plan is not what opens it.
            for committed in helpers(PATIENT, &HELPERS, 2) {
                assert_noop!(begin(STRANGER, committed, 2), Error::<Test>::NotAHelper);
            }
            assert_ok!(begin(SISTER, ours, 2));
            let other = salt(OTHER_PATIENT, &NEIGHBOUR);
            assert_noop!(
                Recovery::approve(signed(NEIGHBOUR), PATIENT, account("phone"), other),
                Error::<Test>::NotAHelper
            );
        });
    }

    #[test]
    fn nobody_begins_with_a_threshold_that_nobody_can_reach_or_one_alone_can() {
        for threshold in [0, 1, 8, u8::MAX] {
            execute(|| {
                assert_ok!(set_plan(OWNER, &HELPERS, threshold, DELAY));
                assert_noop!(
                    start_with(SISTER, "phone", threshold),
                    Error::<Test>::InvalidThreshold
                );
            });
        }
    }

    #[test]
    fn who_decides_for_the_patient_does_not_help_and_a_carer_does() {
        for decides in [OWNER, GUARDIAN] {
            execute(|| {
                let named = [decides.clone(), CARER, OTHER_OWNER];
                assert_ok!(set_plan(OWNER, &named, 2, DELAY));
                assert_noop!(
                    start(decides.clone(), "phone"),
                    Error::<Test>::HelperDecides
                );
                assert_ok!(start(CARER, "phone"));
                assert_noop!(approve(decides, "phone"), Error::<Test>::HelperDecides);
                assert_ok!(approve(OTHER_OWNER, "phone"));
            });
        }
    }

    #[test]
    fn a_consent_is_for_this_patient_by_this_owner_until_its_instant() {
        planned(|| {
            let with = |owner: AccountId, consent| {
                let salt = salt(PATIENT, &SISTER);
                Recovery::start(signed(SISTER), PATIENT, owner, consent, salt, 2)
            };
            let ours = consent("phone", PATIENT);
            let mut longer = ours.clone();
            longer.expires_at += DAY;
            for (owner, consent) in [
                (account("phone"), consent("phone", OTHER_PATIENT)),
                (account("phone"), consent("thief", PATIENT)),
                (account("thief"), ours.clone()),
                (SISTER, ours.clone()),
                (account("phone"), longer),
            ] {
                assert_noop!(with(owner, consent), Error::<Test>::BadConsent);
            }
            set_now(START + DAY);
            assert_noop!(
                with(account("phone"), ours.clone()),
                Error::<Test>::ConsentExpired
            );
            set_now(START + DAY - 1);
            assert_ok!(with(account("phone"), ours));
        });
    }

    #[test]
    fn a_consent_wrapped_by_a_browser_wallet_counts() {
        use salus_primitives::{signing::succession_payload, traits::Chain};
        use sp_core::Pair;
        planned(|| {
            let mut ours = consent("phone", PATIENT);
            let payload = succession_payload(
                &Doubles::genesis(),
                &PATIENT,
                &account("phone"),
                ours.expires_at,
            );
            let wrapped = [b"<Bytes>".as_slice(), &payload, b"</Bytes>"].concat();
            ours.signature = pair("phone").sign(&wrapped).into();
            assert_ok!(Recovery::start(
                signed(SISTER),
                PATIENT,
                account("phone"),
                ours,
                salt(PATIENT, &SISTER),
                2
            ));
        });
    }

    #[test]
    fn what_is_started_is_approved_instead() {
        started(|| {
            assert_noop!(start(NEIGHBOUR, "phone"), Error::<Test>::AlreadyStarted);
            assert_noop!(start(SISTER, "phone"), Error::<Test>::AlreadyStarted);
        });
    }
}

mod approve {
    use super::*;

    #[test]
    fn the_delay_begins_with_the_last_word_it_takes() {
        planned(|| {
            Plans::<Test>::remove(PATIENT);
            assert_ok!(set_plan(OWNER, &HELPERS, 3, DELAY));
            assert_ok!(start_with(SISTER, "phone", 3));
            assert_ok!(approve(NEIGHBOUR, "phone"));
            assert_eq!(ready_at("phone"), None);
            set_now(START + HOUR);
            assert_ok!(approve(UNCLE, "phone"));
            assert_eq!(ready_at("phone"), Some(START + HOUR + DELAY));
            System::assert_last_event(
                Event::RecoveryApproved {
                    patient: PATIENT,
                    actor: UNCLE,
                    owner: account("phone"),
                    ready_at: Some(START + HOUR + DELAY),
                }
                .into(),
            );
        });
    }

    #[test]
    fn one_word_too_many_changes_no_delay() {
        agreed(|| {
            set_now(START + DAY);
            assert_ok!(approve(UNCLE, "phone"));
            assert_eq!(ready_at("phone"), Some(START + DELAY));
        });
    }

    #[test]
    fn only_other_helpers_approve_what_is_started() {
        started(|| {
            assert_noop!(approve(SISTER, "phone"), Error::<Test>::AlreadyApproved);
            assert_noop!(approve(NEIGHBOUR, "thief"), Error::<Test>::NotFound);
            for who in [OWNER, GUARDIAN, CARER, DOCTOR, STRANGER, account("phone")] {
                assert_noop!(approve(who, "phone"), Error::<Test>::NotAHelper);
            }
        });
    }

    #[test]
    fn of_two_recoveries_a_helper_stands_behind_one() {
        started(|| {
            assert_noop!(start(SISTER, "thief"), Error::<Test>::AlreadyApproved);
            assert_ok!(start(UNCLE, "thief"));
            assert_noop!(approve(SISTER, "thief"), Error::<Test>::AlreadyApproved);
            assert_noop!(approve(UNCLE, "phone"), Error::<Test>::AlreadyApproved);
            assert_ok!(approve(NEIGHBOUR, "phone"));
            assert_eq!(Recovery::recoveries(PATIENT).len(), 2);
            assert_eq!(ready_at("thief"), None);
        });
    }
}

mod withdraw {
    use super::*;

    #[test]
    fn below_the_threshold_the_delay_is_off_and_begins_anew() {
        agreed(|| {
            set_now(START + DELAY - 1);
            assert_ok!(withdraw(SISTER, "phone"));
            System::assert_last_event(
                Event::RecoveryWithdrawn {
                    patient: PATIENT,
                    actor: SISTER,
                    owner: account("phone"),
                }
                .into(),
            );
            assert_eq!(ready_at("phone"), None);
            set_now(START + DELAY);
            assert_refused!(finish(NEIGHBOUR, "phone"), Error::<Test>::NotReady);
            assert_ok!(approve(UNCLE, "phone"));
            assert_eq!(ready_at("phone"), Some(START + 2 * DELAY));
        });
    }

    #[test]
    fn while_enough_are_left_the_delay_goes_on() {
        agreed(|| {
            assert_ok!(approve(UNCLE, "phone"));
            set_now(START + DAY);
            assert_ok!(withdraw(SISTER, "phone"));
            assert_eq!(ready_at("phone"), Some(START + DELAY));
        });
    }

    #[test]
    fn what_nobody_stands_behind_is_no_more() {
        started(|| {
            assert_ok!(withdraw(SISTER, "phone"));
            assert_eq!(Recovery::recoveries(PATIENT), vec![]);
            // And she is free to help another.
            assert_ok!(start(SISTER, "tablet"));
            assert_ok!(withdraw(SISTER, "tablet"));
            assert_ok!(set_plan(OWNER, &HELPERS, 2, DELAY));
        });
    }

    #[test]
    fn nobody_takes_anothers_word_back() {
        started(|| {
            assert_noop!(withdraw(NEIGHBOUR, "phone"), Error::<Test>::NotApproved);
            assert_noop!(withdraw(SISTER, "thief"), Error::<Test>::NotFound);
            for who in [OWNER, GUARDIAN, CARER, STRANGER, account("phone")] {
                assert_noop!(withdraw(who, "phone"), Error::<Test>::NotApproved);
            }
        });
    }
}

mod cancel {
    use super::*;

    #[test]
    fn a_living_owner_stops_it_until_the_last_moment_and_after() {
        for elapsed in [0, DELAY - 1, DELAY, DELAY + DAY] {
            agreed(|| {
                set_now(START + elapsed);
                assert_ok!(cancel(OWNER, "phone"));
                System::assert_last_event(
                    Event::RecoveryCancelled {
                        patient: PATIENT,
                        actor: OWNER,
                        owner: account("phone"),
                    }
                    .into(),
                );
                for who in [SISTER, account("phone")] {
                    assert_refused!(finish(who, "phone"), Error::<Test>::NotFound);
                }
                assert_eq!(Doubles::role(&PATIENT, &OWNER), Some(ControllerRole::Owner));
            });
        }
    }

    #[test]
    fn a_guardian_stops_it_too_and_nobody_else() {
        started(|| {
            for who in [CARER, SISTER, OTHER_OWNER, DOCTOR, ADMIN, account("phone")] {
                assert_noop!(cancel(who, "phone"), BadOrigin);
            }
            assert_noop!(cancel(GUARDIAN, "thief"), Error::<Test>::NotFound);
            assert_ok!(cancel(GUARDIAN, "phone"));
        });
    }

    #[test]
    fn the_others_go_on() {
        started(|| {
            assert_ok!(start(UNCLE, "thief"));
            assert_ok!(cancel(OWNER, "thief"));
            assert_ok!(approve(UNCLE, "phone"));
            assert_eq!(ready_at("phone"), Some(START + DELAY));
        });
    }
}

mod finish {
    use super::*;

    #[test]
    fn finishing_for_who_has_become_staff_is_refused() {
        agreed(|| {
            set_now(START + DELAY);
            work(&account("phone"));
            assert_refused!(finish(NEIGHBOUR, "phone"), DispatchError::Other("staff"));
        });
    }

    #[test]
    fn the_new_account_is_the_only_controller() {
        agreed(|| {
            set_now(START + DELAY);
            assert_ok!(finish(NEIGHBOUR, "phone"));
            let left: Vec<_> = with(|w| {
                w.controllers
                    .iter()
                    .filter(|((patient, _), _)| *patient == PATIENT)
                    .map(|((_, account), role)| (account.clone(), *role))
                    .collect()
            });
            assert_eq!(left, vec![(account("phone"), ControllerRole::Owner)]);
            // The plan has ended, and this recovery was not cancelled.
            assert_eq!(
                events()[events().len() - 2..],
                [
                    Event::PlanRemoved {
                        patient: PATIENT,
                        actor: NEIGHBOUR,
                    },
                    Event::RecoveryFinished {
                        patient: PATIENT,
                        actor: NEIGHBOUR,
                        owner: account("phone"),
                    }
                ]
            );
            assert!(!events()
                .iter()
                .any(|event| matches!(event, Event::RecoveryCancelled { .. })));
            // Shares of it open old keys: helpers are named anew, and at once.
            assert_noop!(start(SISTER, "tablet"), Error::<Test>::NoPlan);
            assert_ok!(set_plan(account("phone"), &HELPERS, 2, DELAY));
            assert_ok!(start(SISTER, "tablet"));
        });
    }

    #[test]
    fn the_old_account_is_nobody() {
        agreed(|| {
            set_now(START + DELAY);
            assert_ok!(finish(account("phone"), "phone"));
            assert_noop!(set_plan(OWNER, &HELPERS, 2, DELAY), BadOrigin);
            assert_refused!(remove_plan(OWNER), BadOrigin);
            assert_ok!(set_plan(account("phone"), &HELPERS, 2, DELAY));
            assert_refused!(remove_plan(OWNER), BadOrigin);
            assert_ok!(start(SISTER, "tablet"));
            assert_noop!(cancel(OWNER, "tablet"), BadOrigin);
            assert_noop!(start(OWNER, "old"), Error::<Test>::NotAHelper);
            assert_noop!(approve(OWNER, "tablet"), Error::<Test>::NotAHelper);
            assert_refused!(finish(OWNER, "tablet"), Error::<Test>::NotApproved);
            assert_ok!(cancel(account("phone"), "tablet"));
        });
    }

    #[test]
    fn not_before_it_is_ready() {
        started(|| {
            set_now(START + 1_000 * DAY);
            assert_refused!(finish(SISTER, "phone"), Error::<Test>::NotReady);
            assert_refused!(finish(account("phone"), "phone"), Error::<Test>::NotReady);
            assert_ok!(approve(NEIGHBOUR, "phone"));
            set_now(START + 1_000 * DAY + DELAY - 1);
            assert_refused!(finish(SISTER, "phone"), Error::<Test>::NotReady);
            set_now(START + 1_000 * DAY + DELAY);
            assert_ok!(finish(SISTER, "phone"));
        });
    }

    #[test]
    fn not_within_a_week_once_who_set_the_plan_is_removed() {
        agreed(|| {
            set_now(START + DELAY - 1);
            owner_removed();
            set_now(START + MIN_DELAY_OF_OTHERS - 1);
            for who in [SISTER, account("phone")] {
                assert_refused!(finish(who, "phone"), Error::<Test>::NotReady);
            }
            assert_eq!(ready_at("phone"), Some(START + MIN_DELAY_OF_OTHERS));
            set_now(START + MIN_DELAY_OF_OTHERS);
            assert_ok!(finish(SISTER, "phone"));
        });
    }

    #[test]
    fn nobody_else_finishes() {
        agreed(|| {
            set_now(START + DELAY);
            // Nor a helper who has not agreed: they show themselves first.
            for who in [OWNER, GUARDIAN, CARER, DOCTOR, STRANGER, UNCLE] {
                assert_refused!(finish(who, "phone"), Error::<Test>::NotApproved);
            }
            // An account that nobody recovers to owns nothing by saying so.
            assert_refused!(finish(account("thief"), "thief"), Error::<Test>::NotFound);
        });
    }

    #[test]
    fn of_two_that_are_ready_the_first_is_the_last() {
        execute(|| {
            let four = [SISTER, NEIGHBOUR, UNCLE, DOCTOR];
            assert_ok!(set_plan(OWNER, &four, 2, DELAY));
            assert_ok!(start(SISTER, "phone"));
            assert_ok!(approve(NEIGHBOUR, "phone"));
            assert_ok!(start(UNCLE, "thief"));
            assert_ok!(approve(DOCTOR, "thief"));
            set_now(START + DELAY);
            assert_ok!(finish(SISTER, "phone"));
            assert_eq!(Recovery::recoveries(PATIENT), vec![]);
            assert_refused!(finish(UNCLE, "thief"), Error::<Test>::NotFound);
            assert_refused!(finish(account("thief"), "thief"), Error::<Test>::NotFound);
        });
    }
}

mod on_succession {
    use super::*;

    #[test]
    fn neither_plan_nor_recoveries_are_left_and_other_patients_keep_theirs() {
        agreed(|| {
            assert_ok!(start(UNCLE, "thief"));
            assert_ok!(Recovery::set_plan(
                signed(OTHER_OWNER),
                OTHER_PATIENT,
                helpers(OTHER_PATIENT, &HELPERS, 2),
                DELAY
            ));
            assert_ok!(remove_plan(OWNER));
            System::reset_events();
            Recovery::on_succession(PATIENT, &STRANGER);
            let told = events();
            let cancelled = |to| Event::RecoveryCancelled {
                patient: PATIENT,
                actor: STRANGER,
                owner: account(to),
            };
            assert_eq!(told.len(), 4);
            assert!(told[..2].contains(&cancelled("phone")));
            assert!(told[..2].contains(&cancelled("thief")));
            assert_eq!(
                told[2..],
                [
                    Event::EndingVetoed {
                        patient: PATIENT,
                        actor: STRANGER,
                    },
                    Event::PlanRemoved {
                        patient: PATIENT,
                        actor: STRANGER,
                    }
                ]
            );
            assert_eq!(Recovery::plan(PATIENT), None);
            assert_eq!(Recoveries::<Test>::iter().count(), 0);
            assert_eq!(Endings::<Test>::iter().count(), 0);
            assert!(Plans::<Test>::contains_key(OTHER_PATIENT));
            set_now(START + DELAY);
            assert_refused!(finish(SISTER, "phone"), Error::<Test>::NotFound);
            assert_refused!(finish(account("phone"), "phone"), Error::<Test>::NotFound);
            assert_refused!(complete(OWNER), Error::<Test>::NothingPending);
            // Nothing ends where nothing is.
            System::reset_events();
            Recovery::on_succession(PATIENT, &STRANGER);
            assert_eq!(events(), vec![]);
        });
    }

    #[test]
    fn plan_that_a_former_owner_announced_never_counts() {
        agreed(|| {
            owner_too("thief");
            assert_ok!(approve(UNCLE, "phone"));
            for owner in ["phone", "thief"] {
                let _ = cancel(OWNER, owner);
            }
            assert_ok!(set_plan(
                account("thief"),
                &[DOCTOR, STRANGER],
                2,
                MIN_DELAY
            ));
            assert_ok!(start(SISTER, "phone"));
            assert_ok!(approve(NEIGHBOUR, "phone"));
            set_now(START + DELAY);
            assert_ok!(finish(SISTER, "phone"));
            assert_refused!(complete(account("phone")), Error::<Test>::NothingPending);
            assert_noop!(start(DOCTOR, "thief"), Error::<Test>::NoPlan);
        });
    }

    #[test]
    fn what_a_new_owner_costs_is_in_the_weight_of_finish() {
        use crate::{Call, WeightInfo};
        use frame_support::dispatch::GetDispatchInfo;
        agreed(|| {
            let call = Call::<Test>::finish {
                patient: PATIENT,
                owner: account("phone"),
            };
            let least = SUCCESSION.saturating_add(<() as WeightInfo>::finish());
            assert!(call.get_dispatch_info().call_weight.all_gte(least));
            let refused = finish(SISTER, "phone").unwrap_err().post_info;
            assert!(refused.actual_weight.unwrap().all_lt(SUCCESSION));
        });
    }
}

mod owners_against_each_other {
    use super::*;

    #[test]
    fn thief_with_one_of_two_owners_keys_ends_no_plan_before_its_delay_or_72_hours() {
        for (delay, waits) in [(MIN_DELAY, ENDING_WAITS), (MAX_DELAY, MAX_DELAY)] {
            execute(|| {
                assert_ok!(set_plan(OWNER, &HELPERS, 2, delay));
                let thief = owner_too("thief");
                assert_ok!(remove_plan(thief.clone()));
                set_now(START + waits - 1);
                assert_refused!(remove_plan(thief.clone()), Error::<Test>::NotReady);
                assert_refused!(complete(thief.clone()), Error::<Test>::NotReady);
                assert!(Plans::<Test>::contains_key(PATIENT));
                set_now(START + waits);
                assert_ok!(complete(thief));
                assert!(!Plans::<Test>::contains_key(PATIENT));
            });
        }
    }

    #[test]
    fn thief_with_one_of_two_owners_keys_names_no_helpers_of_their_own_within_72_hours() {
        execute(|| {
            let thief = owner_too("thief");
            assert_ok!(set_plan(thief.clone(), &[DOCTOR, UNCLE], 2, MIN_DELAY));
            assert_noop!(start(DOCTOR, "thief"), Error::<Test>::NoPlan);
            set_now(START + ENDING_WAITS - 1);
            assert_refused!(complete(thief.clone()), Error::<Test>::NotReady);
            assert_ok!(veto_ending(OWNER));
            set_now(START + ENDING_WAITS);
            assert_refused!(complete(thief.clone()), Error::<Test>::NothingPending);
            assert_eq!(Recovery::plan(PATIENT), None);
        });
    }

    #[test]
    fn veto_stops_an_announced_end_of_the_plan() {
        for vetoes in [OWNER, GUARDIAN] {
            planned(|| {
                let thief = owner_too("thief");
                assert_ok!(set_plan(thief.clone(), &[DOCTOR, UNCLE], 2, MIN_DELAY));
                // Of two announcements, the first stands until it is vetoed.
                assert_refused!(remove_plan(thief.clone()), Error::<Test>::EndingPending);
                set_now(START + DELAY);
                for who in [CARER, SISTER, OTHER_OWNER, STRANGER, ADMIN] {
                    assert_noop!(veto_ending(who), BadOrigin);
                }
                assert_ok!(veto_ending(vetoes.clone()));
                System::assert_last_event(
                    Event::EndingVetoed {
                        patient: PATIENT,
                        actor: vetoes.clone(),
                    }
                    .into(),
                );
                assert_noop!(veto_ending(vetoes.clone()), Error::<Test>::NothingPending);
                assert_refused!(complete(thief.clone()), Error::<Test>::NothingPending);
                let kept = Recovery::plan(PATIENT).unwrap().helpers;
                assert_eq!(kept, helpers(PATIENT, &HELPERS, 2));
            });
        }
    }

    #[test]
    fn sole_owner_with_a_delay_of_a_second_waits_a_second() {
        execute(|| {
            assert_ok!(set_plan(OWNER, &HELPERS, 2, MIN_DELAY));
            assert_ok!(remove_plan(OWNER));
            assert_refused!(remove_plan(OWNER), Error::<Test>::NotReady);
            set_now(START + SECOND);
            assert_ok!(remove_plan(OWNER));
            assert_eq!(Recovery::plan(PATIENT), None);
            assert_ok!(set_plan(OWNER, &HELPERS, 3, MIN_DELAY));
            let plan = Recovery::plan(PATIENT).unwrap();
            assert_eq!(plan.helpers, helpers(PATIENT, &HELPERS, 3));
        });
    }

    #[test]
    fn helpers_who_began_are_not_outrun_by_the_end_of_the_plan() {
        agreed(|| {
            assert_ok!(remove_plan(OWNER));
            assert_ok!(approve(UNCLE, "phone"));
            set_now(START + DELAY);
            assert_ok!(finish(SISTER, "phone"));
            assert_refused!(complete(account("phone")), Error::<Test>::NothingPending);
        });
    }

    #[test]
    fn helpers_who_begin_while_the_plan_is_ending_stop_its_replacement() {
        planned(|| {
            assert_ok!(set_plan(OWNER, &[DOCTOR, UNCLE], 2, MIN_DELAY));
            assert_ok!(start(SISTER, "phone"));
            set_now(START + DELAY);
            assert_refused!(complete(OWNER), Error::<Test>::RecoveryUnderWay);
            assert_ok!(cancel(OWNER, "phone"));
            assert_ok!(complete(OWNER));
            let plan = Recovery::plan(PATIENT).unwrap();
            assert_eq!((plan.set_at, plan.set_by), (START, OWNER));
        });
    }

    #[test]
    fn end_of_the_plan_that_nobody_carried_out_counts_no_more() {
        planned(|| {
            assert_ok!(remove_plan(OWNER));
            set_now(START + DELAY + ENDING_COUNTS);
            assert_refused!(complete(OWNER), Error::<Test>::NothingPending);
            assert_ok!(remove_plan(OWNER));
            assert!(Plans::<Test>::contains_key(PATIENT));
        });
    }

    #[test]
    fn who_may_not_name_helpers_carries_nothing_out() {
        planned(|| {
            assert_ok!(remove_plan(OWNER));
            set_now(START + DELAY);
            assert_refused!(complete(GUARDIAN), Error::<Test>::NotAuthorized);
            for who in [CARER, SISTER, STRANGER] {
                assert_refused!(complete(who), BadOrigin);
            }
        });
    }

    #[test]
    fn helpers_break_the_tie_between_two_owners() {
        planned(|| {
            let thief = owner_too("thief");
            owner_too("phone");
            assert_ok!(start(SISTER, "phone"));
            assert_ok!(approve(NEIGHBOUR, "phone"));
            for who in [thief.clone(), OWNER, GUARDIAN] {
                assert_noop!(cancel(who, "phone"), Error::<Test>::OwnerRecovers);
            }
            // Nor is the plan gone before they are ready.
            assert_ok!(remove_plan(thief.clone()));
            assert_ok!(veto_ending(account("phone")));
            set_now(START + DELAY);
            assert_ok!(finish(SISTER, "phone"));
            assert_eq!(Doubles::role(&PATIENT, &thief), None);
        });
    }

    #[test]
    fn owner_for_good_stops_a_recovery_to_itself_and_one_to_whom_is_none() {
        planned(|| {
            owner_too("phone");
            assert_ok!(start(SISTER, "phone"));
            assert_ok!(cancel(account("phone"), "phone"));
            with(|w| w.for_a_time.insert(account("phone"), Moment::MAX));
            assert_ok!(start(SISTER, "phone"));
            assert_ok!(cancel(OWNER, "phone"));
        });
    }
}

mod not_before {
    use super::*;

    fn not_before(due: Moment) -> Moment {
        Recovery::not_before(&PATIENT, due)
    }

    #[test]
    fn recovery_under_way_puts_off_what_falls_due_after_it_began() {
        planned(|| {
            assert_eq!(Recovery::notice(&PATIENT), Some(DELAY));
            assert_eq!(Recovery::notice(&OTHER_PATIENT), None);
            assert_eq!(not_before(START + DAY), START + DAY);
            assert_ok!(start(SISTER, "phone"));
            assert_eq!(not_before(START), START);
            assert_eq!(not_before(START + 1), Moment::MAX);
            assert_eq!(Recovery::not_before(&OTHER_PATIENT, START + 1), START + 1);
        });
    }

    #[test]
    fn cancelled_or_withdrawn_recovery_puts_nothing_off_any_more() {
        let ends: [fn(); 4] = [
            || {
                assert_ok!(cancel(OWNER, "phone"));
            },
            || {
                assert_ok!(withdraw(SISTER, "phone"));
                assert_ok!(withdraw(NEIGHBOUR, "phone"));
            },
            || Recovery::on_succession(PATIENT, &STRANGER),
            || {
                assert_ok!(remove_plan(OWNER));
                set_now(START + DELAY);
                assert_ok!(complete(OWNER));
            },
        ];
        for end in ends {
            agreed(|| {
                assert_eq!(not_before(START + 1), Moment::MAX);
                end();
                assert_eq!(not_before(START + 1), START + 1);
            });
        }
    }

    #[test]
    fn new_owner_has_72_hours_after_a_recovery_has_succeeded() {
        agreed(|| {
            set_now(START + DELAY);
            assert_ok!(finish(SISTER, "phone"));
            let free = START + DELAY + UNNAMING_WAITS;
            assert_eq!(not_before(START), START);
            assert_eq!(not_before(START + 1), free);
            assert_eq!(not_before(free), free);
            assert_eq!(not_before(free + 1), free + 1);
        });
    }

    #[test]
    fn what_another_recovery_put_off_waits_for_the_new_owner_too() {
        execute(|| {
            let four = [SISTER, NEIGHBOUR, UNCLE, DOCTOR];
            assert_ok!(set_plan(OWNER, &four, 2, DELAY));
            assert_ok!(start(UNCLE, "thief"));
            set_now(START + DAY);
            assert_ok!(start(SISTER, "phone"));
            assert_ok!(approve(NEIGHBOUR, "phone"));
            set_now(START + DAY + DELAY);
            assert_ok!(finish(SISTER, "phone"));
            assert_eq!(not_before(START + 1), now() + UNNAMING_WAITS);
        });
    }

    #[test]
    fn second_recovery_shortens_not_what_the_first_put_off() {
        execute(|| {
            for to in ["phone", "tablet"] {
                let by = match to {
                    "phone" => OWNER,
                    _ => account("phone"),
                };
                assert_ok!(set_plan(by, &HELPERS, 2, HOUR));
                assert_ok!(start(SISTER, to));
                assert_ok!(approve(NEIGHBOUR, to));
                set_now(now() + HOUR);
                assert_ok!(finish(SISTER, to));
            }
            assert_eq!(not_before(START + 1), now() + UNNAMING_WAITS);
            assert_eq!(LastRecoveries::<Test>::iter().count(), 1);
        });
    }
}

mod invites {
    use super::*;
    use crate::Call;

    fn invited(by: &AccountId, call: Call<Test>) -> bool {
        match Recovery::invites(by, &call) {
            Some(patient) => {
                assert_eq!(patient, PATIENT);
                true
            }
            None => false,
        }
    }

    fn begin(salt: H256, threshold: u8) -> Call<Test> {
        Call::start {
            patient: PATIENT,
            owner: account("phone"),
            consent: consent("phone", PATIENT),
            salt,
            threshold,
        }
    }

    fn agree(salt: H256) -> Call<Test> {
        Call::approve {
            patient: PATIENT,
            owner: account("phone"),
            salt,
        }
    }

    fn behind() -> [Call<Test>; 2] {
        let (patient, owner) = (PATIENT, account("phone"));
        [
            Call::withdraw {
                patient,
                owner: owner.clone(),
            },
            Call::finish { patient, owner },
        ]
    }

    #[test]
    fn who_opens_a_commitment_is_let_in_and_nobody_else() {
        planned(|| {
            let salt = |who: &AccountId| salt(PATIENT, who);
            assert!(invited(&SISTER, begin(salt(&SISTER), 2)));
            for (who, shown, threshold) in [
                (STRANGER, salt(&STRANGER), 2),
                (STRANGER, salt(&SISTER), 2),
                (SISTER, salt(&NEIGHBOUR), 2),
                (SISTER, salt(&SISTER), 3),
            ] {
                assert!(!invited(&who, begin(shown, threshold)), "{who:?}");
            }
            assert!(!invited(&NEIGHBOUR, agree(salt(&NEIGHBOUR))));
            assert_ok!(start(SISTER, "phone"));
            assert!(invited(&NEIGHBOUR, agree(salt(&NEIGHBOUR))));
            assert!(!invited(&STRANGER, agree(salt(&NEIGHBOUR))));
            for call in behind() {
                assert!(invited(&SISTER, call.clone()));
                for who in [NEIGHBOUR, STRANGER, account("phone")] {
                    assert!(!invited(&who, call.clone()));
                }
            }
            // Nothing else is opened by a commitment.
            let cancel = Call::cancel {
                patient: PATIENT,
                owner: account("phone"),
            };
            assert!(!invited(&SISTER, cancel));
        });
    }

    #[test]
    fn who_helped_by_an_earlier_plan_is_not_let_in() {
        started(|| {
            assert_ok!(cancel(OWNER, "phone"));
            Plans::<Test>::remove(PATIENT);
            assert_ok!(set_plan(OWNER, &[NEIGHBOUR, UNCLE], 2, DELAY));
            assert!(!invited(&SISTER, begin(salt(PATIENT, &SISTER), 2)));
            for call in behind() {
                assert!(!invited(&SISTER, call));
            }
        });
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const TARGETS: [&str; 3] = ["phone", "tablet", "thief"];

    #[derive(Clone, Debug)]
    enum Step {
        Start(usize, usize),
        Approve(usize, usize),
        Withdraw(usize, usize),
        Cancel(usize),
        Finish(usize, usize),
        Wait(u64),
        /// The owner loses the role, or has it again.
        Remove(bool),
        /// The owner announces that the plan ends, or carries it out.
        Announce,
        Complete,
        Veto,
    }

    fn step() -> impl Strategy<Value = Step> {
        let who = 0..HELPERS.len();
        let to = 0..TARGETS.len();
        prop_oneof![
            (who.clone(), to.clone()).prop_map(|(who, to)| Step::Start(who, to)),
            (who.clone(), to.clone()).prop_map(|(who, to)| Step::Approve(who, to)),
            (who.clone(), to.clone()).prop_map(|(who, to)| Step::Withdraw(who, to)),
            to.clone().prop_map(Step::Cancel),
            (who, to).prop_map(|(who, to)| Step::Finish(who, to)),
            (1..4u64).prop_map(Step::Wait),
            any::<bool>().prop_map(Step::Remove),
            Just(Step::Announce),
            Just(Step::Complete),
            Just(Step::Veto),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Whatever helpers do in whatever order, an account becomes owner only if two of them have
        /// stood behind it, without a break, for as long as the plan says: a week at least if who set
        /// it is no owner then. And no owner ends the plan sooner than that after saying so.
        #[test]
        fn two_helpers_and_the_whole_delay(steps in prop::collection::vec(step(), 1..40)) {
            execute(|| {
                assert_ok!(set_plan(OWNER, &HELPERS, 2, DELAY));
                // Behind whom each helper stands; since when two stand behind an account.
                let mut behind = BTreeMap::<usize, usize>::new();
                let mut since = BTreeMap::<usize, u64>::new();
                // From when the plan may end.
                let mut ends = None::<u64>;
                for step in steps {
                    match step {
                        Step::Start(who, to) => {
                            if start(HELPERS[who].clone(), TARGETS[to]).is_ok() {
                                assert_eq!(behind.insert(who, to), None, "behind two");
                            }
                        }
                        Step::Approve(who, to) => {
                            if approve(HELPERS[who].clone(), TARGETS[to]).is_ok() {
                                assert_eq!(behind.insert(who, to), None, "behind two");
                            }
                        }
                        Step::Withdraw(who, to) => {
                            let done = withdraw(HELPERS[who].clone(), TARGETS[to]).is_ok();
                            assert_eq!(done, behind.get(&who) == Some(&to));
                            if done {
                                behind.remove(&who);
                            }
                        }
                        Step::Cancel(to) => {
                            let done = cancel(GUARDIAN, TARGETS[to]).is_ok();
                            assert_eq!(done, behind.values().any(|of| *of == to));
                            behind.retain(|_, of| *of != to);
                        }
                        Step::Finish(who, to) => {
                            // Before it is finished, which ends the owner's role.
                            let delay = match Doubles::role(&PATIENT, &OWNER) {
                                Some(_) => DELAY,
                                None => MIN_DELAY_OF_OTHERS,
                            };
                            let done = finish(HELPERS[who].clone(), TARGETS[to]).is_ok();
                            let ready = behind.get(&who) == Some(&to)
                                && since.get(&to).is_some_and(|at| now() >= at + delay);
                            assert_eq!(done, ready);
                            if done {
                                return;
                            }
                        }
                        Step::Wait(days) => set_now(now() + days * DAY),
                        Step::Remove(true) => without_owner(),
                        Step::Remove(false) => with(|w| {
                            w.controllers.insert((PATIENT, OWNER), ControllerRole::Owner);
                        }),
                        Step::Announce => {
                            let owns = Doubles::role(&PATIENT, &OWNER).is_some();
                            let done = remove_plan(OWNER).is_ok();
                            assert_eq!(done, owns && ends.is_none_or(|due| now() >= due));
                            if done && ends.is_none_or(|due| now() >= due + ENDING_COUNTS) {
                                ends = Some(now() + DELAY);
                            } else if done {
                                ends = None;
                                assert_ok!(set_plan(OWNER, &HELPERS, 2, DELAY));
                                behind.clear();
                                since.clear();
                            }
                        }
                        Step::Complete => {
                            let owns = Doubles::role(&PATIENT, &OWNER).is_some();
                            let done = complete(OWNER).is_ok();
                            let due = ends.is_some_and(|due| {
                                (due..due + ENDING_COUNTS).contains(&now())
                            });
                            assert_eq!(done, owns && due);
                            if done {
                                ends = None;
                                assert_ok!(set_plan(OWNER, &HELPERS, 2, DELAY));
                                behind.clear();
                                since.clear();
                            }
                        }
                        Step::Veto => {
                            assert_eq!(veto_ending(GUARDIAN).is_ok(), ends.is_some());
                            ends = None;
                        }
                    }
                    for to in 0..TARGETS.len() {
                        if behind.values().filter(|of| **of == to).count() < 2 {
                            since.remove(&to);
                        } else {
                            since.entry(to).or_insert(now());
                        }
                    }
                    Recovery::do_try_state().expect("invariants hold");
                }
            });
        }
    }
}
