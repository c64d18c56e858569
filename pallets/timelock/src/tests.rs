use frame_support::{assert_err_ignore_postinfo, assert_noop, assert_ok, weights::Weight};
use salus_primitives::AccountId;
use sp_runtime::{traits::Hash, DispatchError::BadOrigin};

use crate::{
    mock::{guarded, *},
    Error, Event, NextDecision, Pending, WeightInfo, TRIED_FOR,
};

fn root() -> RuntimeOrigin {
    RuntimeOrigin::root()
}

fn anybody() -> RuntimeOrigin {
    RuntimeOrigin::signed(AccountId::new([1; 32]))
}

fn set(number: u32) -> Box<RuntimeCall> {
    Box::new(RuntimeCall::Guarded(guarded::Call::set { number }))
}

fn number() -> u32 {
    guarded::Number::<Test>::get()
}

#[test]
fn an_announced_decision_is_enacted_when_its_time_has_come_and_once() {
    with_delay(|| {
        assert_ok!(Timelock::announce(root(), set(2)));
        System::assert_last_event(
            Event::DecisionAnnounced {
                decision: 0,
                call_hash: <Test as frame_system::Config>::Hashing::hash_of(&set(2)),
                due: START + DELAY,
            }
            .into(),
        );
        Now::set(START + DELAY - 1);
        assert_err_ignore_postinfo!(Timelock::enact(anybody(), 0), Error::<Test>::TooEarly);
        assert_eq!(number(), 0);
        Now::set(START + DELAY);
        assert_ok!(Timelock::enact(anybody(), 0));
        assert_eq!(number(), 2);
        let event = Event::DecisionEnacted {
            decision: 0,
            result: Ok(()),
        };
        System::assert_last_event(event.into());
        assert_err_ignore_postinfo!(Timelock::enact(anybody(), 0), Error::<Test>::NotFound);
    });
}

#[test]
fn without_a_delay_it_is_done_at_once_or_not_at_all() {
    new_test_ext(0).execute_with(|| {
        assert_ok!(Timelock::announce(root(), set(2)));
        assert_eq!((number(), Pending::<Test>::count()), (2, 0));
        assert_err_ignore_postinfo!(
            Timelock::announce(root(), set(3)),
            guarded::Error::<Test>::Odd
        );
        assert_eq!(NextDecision::<Test>::get(), 1);
    });
}

#[test]
fn there_is_no_other_way() {
    with_delay(|| {
        for origin in [root(), anybody()] {
            assert_noop!(Guarded::set(origin, 2), BadOrigin);
        }
    });
}

#[test]
fn only_governance_announces_and_cancels() {
    with_delay(|| {
        assert_noop!(Timelock::announce(anybody(), set(2)), BadOrigin);
        assert_ok!(Timelock::announce(root(), set(2)));
        assert_noop!(Timelock::cancel(anybody(), 0), BadOrigin);
        assert_ok!(Timelock::cancel(root(), 0));
        System::assert_last_event(Event::DecisionCancelled { decision: 0 }.into());
        assert_noop!(Timelock::cancel(root(), 0), Error::<Test>::NotFound);
        Now::set(START + DELAY);
        assert_err_ignore_postinfo!(Timelock::enact(anybody(), 0), Error::<Test>::NotFound);
        assert_eq!(number(), 0);
    });
}

/// Or else anybody could enact it at a moment when it fails, and use three days of notice up.
#[test]
fn a_decision_that_fails_says_why_and_can_be_tried_again_for_a_week() {
    with_delay(|| {
        assert_ok!(Timelock::announce(root(), set(3)));
        let until = START + DELAY + TRIED_FOR;
        for now in [START + DELAY, until - 1] {
            Now::set(now);
            assert_ok!(Timelock::enact(anybody(), 0));
            let event = Event::DecisionFailed {
                decision: 0,
                error: guarded::Error::<Test>::Odd.into(),
                until,
            };
            System::assert_last_event(event.into());
            assert_eq!(Timelock::pending().len(), 1);
        }
        OddIsFine::set(true);
        assert_ok!(Timelock::enact(anybody(), 0));
        let event = Event::DecisionEnacted {
            decision: 0,
            result: Ok(()),
        };
        System::assert_last_event(event.into());
        assert_eq!((number(), Pending::<Test>::count()), (3, 0));
        assert_err_ignore_postinfo!(Timelock::enact(anybody(), 0), Error::<Test>::NotFound);
    });
}

#[test]
fn a_decision_that_fails_after_a_week_is_over_and_so_is_one_that_is_called_off() {
    with_delay(|| {
        for _ in 0..2 {
            assert_ok!(Timelock::announce(root(), set(3)));
        }
        Now::set(START + DELAY);
        assert_ok!(Timelock::enact(anybody(), 1));
        assert_ok!(Timelock::cancel(root(), 1));
        Now::set(START + DELAY + TRIED_FOR);
        assert_ok!(Timelock::enact(anybody(), 0));
        let event = Event::DecisionEnacted {
            decision: 0,
            result: Err(guarded::Error::<Test>::Odd.into()),
        };
        System::assert_last_event(event.into());
        assert_eq!(Pending::<Test>::count(), 0);
    });
}

#[test]
fn what_a_later_runtime_cannot_read_is_named_and_gone() {
    with_delay(|| {
        assert_ok!(Timelock::announce(root(), set(2)));
        Pending::<Test>::mutate(0, |row| {
            row.as_mut().unwrap().call = vec![0xff; 3].try_into().unwrap();
        });
        Now::set(START + DELAY);
        assert_ok!(Timelock::enact(anybody(), 0));
        assert_eq!((number(), Pending::<Test>::count()), (0, 0));
    });
}

#[test]
fn what_needs_no_announcement_is_not_announced() {
    with_delay(|| {
        let remark = RuntimeCall::System(frame_system::Call::remark { remark: vec![] });
        assert_err_ignore_postinfo!(
            Timelock::announce(root(), Box::new(remark)),
            Error::<Test>::NotLockable
        );
    });
}

#[test]
fn no_more_wait_than_may() {
    with_delay(|| {
        for _ in 0..MaxPending::get() {
            assert_ok!(Timelock::announce(root(), set(2)));
        }
        assert_err_ignore_postinfo!(
            Timelock::announce(root(), set(2)),
            Error::<Test>::TooManyPending
        );
        assert_ok!(Timelock::cancel(root(), 1));
        assert_ok!(Timelock::announce(root(), set(4)));
        let waiting: Vec<_> = Timelock::pending().into_iter().map(|row| row.0).collect();
        assert_eq!(waiting, [0, 2, 3]);
    });
}

/// What a call has cost, whether it has failed or not.
fn spent(result: frame_support::dispatch::DispatchResultWithPostInfo) -> Weight {
    let post = result.unwrap_or_else(|error| error.post_info);
    post.actual_weight.expect("something is returned")
}

#[test]
fn nobody_pays_for_a_decision_that_was_not_carried_out() {
    with_delay(|| {
        let announced = <() as WeightInfo>::announce();
        let enacted = <() as WeightInfo>::enact();
        assert_eq!(spent(Timelock::announce(root(), set(2))), announced);
        let remark = RuntimeCall::System(frame_system::Call::remark { remark: vec![] });
        assert_eq!(
            spent(Timelock::announce(root(), Box::new(remark))),
            announced
        );
        // Not due, and unknown.
        for decision in [0, 7] {
            assert_eq!(spent(Timelock::enact(anybody(), decision)), enacted);
        }
    });
}

#[test]
fn who_enacts_pays_for_what_the_decision_has_cost_carried_out_or_failed() {
    let cost = Weight::from_parts(50_000_000, 0);
    with_delay(|| {
        let enacted = <() as WeightInfo>::enact();
        for (decision, number) in [(0, 2), (1, 3)] {
            assert_ok!(Timelock::announce(root(), set(number)));
            Now::mutate(|now| *now += DELAY);
            let total = spent(Timelock::enact(anybody(), decision));
            assert_eq!(total, enacted.saturating_add(cost));
        }
    });
    new_test_ext(0).execute_with(|| {
        let announced = <() as WeightInfo>::announce();
        for number in [2, 3] {
            let total = spent(Timelock::announce(root(), set(number)));
            assert_eq!(total, announced.saturating_add(cost));
        }
    });
}

#[test]
fn what_a_later_runtime_finds_too_heavy_is_not_carried_out_and_says_so() {
    with_delay(|| {
        assert_ok!(Timelock::announce(root(), set(2)));
        Now::set(START + DELAY);
        Heaviness::set(MaxWeight::get().ref_time() + 1);
        let total = spent(Timelock::enact(anybody(), 0));
        assert_eq!(total, <() as WeightInfo>::enact());
        let event = Event::DecisionEnacted {
            decision: 0,
            result: Err(Error::<Test>::TooLarge.into()),
        };
        System::assert_last_event(event.into());
        assert_eq!((number(), Pending::<Test>::count()), (0, 0));
        // Nor can it be announced.
        assert_err_ignore_postinfo!(Timelock::announce(root(), set(2)), Error::<Test>::TooLarge);
    });
}
