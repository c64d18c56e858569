use crate::{mock::*, Error, Event, Plans, Recoveries, MAX_DELAY, MIN_DELAY, MIN_DELAY_OF_OTHERS};
use frame_support::{assert_noop, assert_ok};
use salus_primitives::{
    rows::{DAY, HOUR, SECOND},
    traits::{Control, Helpers},
    AccountId, ControllerRole, PendingRecovery,
};
use sp_runtime::DispatchError::BadOrigin;

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

/// The tablet is the owner's, and takes the role of a lost phone away.
fn owner_removed() {
    with(|w| {
        w.controllers
            .insert((PATIENT, account("tablet")), ControllerRole::Owner)
    });
    without_owner();
}

mod set_plan {
    use super::*;

    #[test]
    fn helpers_are_named_and_named_anew() {
        planned(|| {
            let plan = Recovery::plan(PATIENT).unwrap();
            let named: Vec<_> = plan.helpers.iter().map(|h| h.account.clone()).collect();
            assert_eq!(named, HELPERS);
            assert_eq!((plan.threshold, plan.delay), (2, DELAY));
            assert_eq!((plan.set_at, plan.set_by), (START, OWNER));
            System::assert_last_event(
                Event::PlanSet {
                    patient: PATIENT,
                    actor: OWNER,
                    helpers: 3,
                    threshold: 2,
                    delay: DELAY,
                }
                .into(),
            );
            assert_ok!(set_plan(OWNER, &[SISTER, UNCLE], 2, MIN_DELAY));
            assert_eq!(Recovery::plan(PATIENT).unwrap().helpers.len(), 2);
            assert_noop!(start(NEIGHBOUR, "phone"), Error::<Test>::NotAHelper);
        });
    }

    #[test]
    fn who_does_not_decide_names_nobody() {
        execute(|| {
            for who in [CARER, OTHER_OWNER, DOCTOR, ADMIN, STRANGER] {
                assert_noop!(set_plan(who.clone(), &HELPERS, 2, DELAY), BadOrigin);
                assert_noop!(remove_plan(who), BadOrigin);
            }
            assert_noop!(
                Recovery::set_plan(RuntimeOrigin::root(), PATIENT, Default::default(), 2, DELAY),
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
            assert_noop!(remove_plan(GUARDIAN), Error::<Test>::NotAuthorized);
            without_owner();
            assert_ok!(set_plan(GUARDIAN, &HELPERS, 2, MAX_DELAY));
            assert_ok!(remove_plan(GUARDIAN));
        });
    }

    #[test]
    fn who_cannot_take_every_role_away_leaves_the_others_a_week() {
        execute(|| {
            with(|w| w.for_a_time.push(OWNER));
            assert_noop!(
                set_plan(OWNER, &HELPERS, 2, MIN_DELAY_OF_OTHERS - 1),
                Error::<Test>::DelayTooShort
            );
            assert_ok!(set_plan(OWNER, &HELPERS, 2, MIN_DELAY_OF_OTHERS));
            without_owner();
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
            for threshold in [0, 1, 4, u8::MAX] {
                assert_noop!(
                    set_plan(OWNER, &HELPERS, threshold, DELAY),
                    Error::<Test>::InvalidThreshold
                );
            }
            assert_noop!(
                set_plan(OWNER, &[], 2, DELAY),
                Error::<Test>::InvalidThreshold
            );
            assert_noop!(
                set_plan(OWNER, &[SISTER, UNCLE, SISTER], 2, DELAY),
                Error::<Test>::DuplicateHelper
            );
            for decides in [OWNER, GUARDIAN] {
                assert_noop!(
                    set_plan(OWNER, &[SISTER, decides], 2, DELAY),
                    Error::<Test>::HelperDecides
                );
            }
            for delay in [0, SECOND - 1, MAX_DELAY + 1, u64::MAX] {
                assert_noop!(
                    set_plan(OWNER, &HELPERS, 2, delay),
                    Error::<Test>::InvalidDelay
                );
            }
            // A carer, who answers requests, may help; so may another patient's owner.
            assert_ok!(set_plan(OWNER, &[CARER, OTHER_OWNER], 2, MAX_DELAY));
        });
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
        let ends: [fn(); 2] = [owner_removed, || with(|w| w.for_a_time.push(OWNER))];
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
                    assert_noop!(finish(who, "thief"), Error::<Test>::NotReady);
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
            assert_noop!(remove_plan(OWNER), Error::<Test>::NoPlan);
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
            assert_noop!(start(UNCLE, "thief"), Error::<Test>::NoPlan);
            assert_noop!(approve(SISTER, "thief"), Error::<Test>::NoPlan);
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
            let helpers = Recovery::plan(PATIENT).unwrap().helpers;
            let theirs = signed(OTHER_OWNER);
            assert_ok!(Recovery::set_plan(theirs, OTHER_PATIENT, helpers, 2, DELAY));
            assert_ok!(Recovery::start(
                signed(SISTER),
                OTHER_PATIENT,
                account("phone"),
                consent("phone", OTHER_PATIENT)
            ));
            // Until the last moment, and after.
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
                assert_noop!(finish(account(to), to), Error::<Test>::NotFound);
            }
            // Another patient's goes on.
            assert_eq!(Recovery::recoveries(PATIENT), vec![]);
            assert_eq!(Recovery::recoveries(OTHER_PATIENT).len(), 1);
        });
    }

    #[test]
    fn who_is_no_owner_for_good_ends_no_recovery_with_the_plan() {
        started(|| {
            with(|w| w.for_a_time.push(OWNER));
            assert_noop!(remove_plan(OWNER), Error::<Test>::RecoveryUnderWay);
            assert_noop!(remove_plan(GUARDIAN), Error::<Test>::NotAuthorized);
            without_owner();
            assert_noop!(remove_plan(GUARDIAN), Error::<Test>::RecoveryUnderWay);
            assert_ok!(cancel(GUARDIAN, "phone"));
            assert_ok!(remove_plan(GUARDIAN));
        });
    }
}

mod start {
    use super::*;

    #[test]
    fn one_word_is_one_word() {
        started(|| {
            assert_eq!(
                Recovery::recoveries(PATIENT),
                vec![(
                    account("phone"),
                    PendingRecovery {
                        started_at: START,
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
                    consent("phone", OTHER_PATIENT)
                ),
                Error::<Test>::NoPlan
            );
            assert_noop!(
                Recovery::start(
                    RuntimeOrigin::root(),
                    PATIENT,
                    account("phone"),
                    consent("phone", PATIENT)
                ),
                BadOrigin
            );
        });
    }

    #[test]
    fn a_consent_is_for_this_patient_by_this_owner_until_its_instant() {
        planned(|| {
            let with = |owner: AccountId, consent| {
                Recovery::start(signed(SISTER), PATIENT, owner, consent)
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
                ours
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
            assert_ok!(set_plan(OWNER, &HELPERS, 3, DELAY));
            assert_ok!(start(SISTER, "phone"));
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
            assert_noop!(finish(NEIGHBOUR, "phone"), Error::<Test>::NotReady);
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
                assert_noop!(withdraw(who, "phone"), Error::<Test>::NotAHelper);
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
                    assert_noop!(finish(who, "phone"), Error::<Test>::NotFound);
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
    fn the_new_account_is_the_only_controller() {
        agreed(|| {
            set_now(START + DELAY);
            assert_ok!(finish(UNCLE, "phone"));
            let left: Vec<_> = with(|w| {
                w.controllers
                    .iter()
                    .filter(|((patient, _), _)| *patient == PATIENT)
                    .map(|((_, account), role)| (account.clone(), *role))
                    .collect()
            });
            assert_eq!(left, vec![(account("phone"), ControllerRole::Owner)]);
            System::assert_last_event(
                Event::RecoveryFinished {
                    patient: PATIENT,
                    actor: UNCLE,
                    owner: account("phone"),
                }
                .into(),
            );
            // The helpers stay, and can help again.
            assert_ok!(start(SISTER, "tablet"));
        });
    }

    #[test]
    fn the_old_account_is_nobody() {
        agreed(|| {
            set_now(START + DELAY);
            assert_ok!(finish(account("phone"), "phone"));
            assert_noop!(set_plan(OWNER, &HELPERS, 2, DELAY), BadOrigin);
            assert_noop!(remove_plan(OWNER), BadOrigin);
            assert_ok!(start(SISTER, "tablet"));
            assert_noop!(cancel(OWNER, "tablet"), BadOrigin);
            assert_noop!(start(OWNER, "old"), Error::<Test>::NotAHelper);
            assert_noop!(approve(OWNER, "tablet"), Error::<Test>::NotAHelper);
            assert_noop!(finish(OWNER, "tablet"), Error::<Test>::NotAHelper);
            assert_ok!(cancel(account("phone"), "tablet"));
        });
    }

    #[test]
    fn not_before_it_is_ready() {
        started(|| {
            set_now(START + 1_000 * DAY);
            assert_noop!(finish(SISTER, "phone"), Error::<Test>::NotReady);
            assert_noop!(finish(account("phone"), "phone"), Error::<Test>::NotReady);
            assert_ok!(approve(NEIGHBOUR, "phone"));
            set_now(START + 1_000 * DAY + DELAY - 1);
            assert_noop!(finish(SISTER, "phone"), Error::<Test>::NotReady);
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
                assert_noop!(finish(who, "phone"), Error::<Test>::NotReady);
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
            for who in [OWNER, GUARDIAN, CARER, DOCTOR, STRANGER] {
                assert_noop!(finish(who, "phone"), Error::<Test>::NotAHelper);
            }
            // An account that nobody recovers to owns nothing by saying so.
            assert_noop!(finish(STRANGER, "phone"), Error::<Test>::NotAHelper);
            assert_noop!(finish(account("thief"), "thief"), Error::<Test>::NotFound);
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
            assert_noop!(finish(UNCLE, "thief"), Error::<Test>::NotFound);
        });
    }
}

mod dismiss {
    use super::*;

    #[test]
    fn neither_plan_nor_recoveries_are_left_and_other_patients_keep_theirs() {
        agreed(|| {
            assert_ok!(start(UNCLE, "thief"));
            let helpers = Recovery::plan(PATIENT).unwrap().helpers;
            assert_ok!(Recovery::set_plan(
                signed(OTHER_OWNER),
                OTHER_PATIENT,
                helpers,
                2,
                DELAY
            ));
            <Recovery as Helpers>::dismiss(&PATIENT);
            assert_eq!(Recovery::plan(PATIENT), None);
            assert_eq!(Recoveries::<Test>::iter().count(), 0);
            assert!(Plans::<Test>::contains_key(OTHER_PATIENT));
            set_now(START + DELAY);
            assert_noop!(finish(SISTER, "phone"), Error::<Test>::NoPlan);
            assert_noop!(finish(account("phone"), "phone"), Error::<Test>::NotFound);
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
        /// The owner removes the plan, and makes the same anew.
        Anew,
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
            Just(Step::Anew),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Whatever helpers do in whatever order, an account becomes owner only if two of them have
        /// stood behind it, without a break, for as long as the plan says: a week at least if who set
        /// it is no owner then.
        #[test]
        fn two_helpers_and_the_whole_delay(steps in prop::collection::vec(step(), 1..40)) {
            execute(|| {
                assert_ok!(set_plan(OWNER, &HELPERS, 2, DELAY));
                // Behind whom each helper stands; since when two stand behind an account.
                let mut behind = BTreeMap::<usize, usize>::new();
                let mut since = BTreeMap::<usize, u64>::new();
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
                            let ready = since.get(&to).is_some_and(|at| now() >= at + delay);
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
                        Step::Anew => {
                            let done = remove_plan(OWNER).is_ok();
                            assert_eq!(done, Doubles::role(&PATIENT, &OWNER).is_some());
                            if done {
                                assert_ok!(set_plan(OWNER, &HELPERS, 2, DELAY));
                                behind.clear();
                                since.clear();
                            }
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
