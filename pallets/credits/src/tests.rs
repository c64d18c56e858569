//! One module per call, then offers and the sweep.

use frame_support::{assert_noop, assert_ok, traits::Hooks, weights::Weight};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::Offers,
    AccountId, Balance, Moment, PatientId, RequestIndex,
};
use sp_runtime::{ArithmeticError, DispatchError::BadOrigin, DispatchResult};

use crate::{mock::*, Error, Event, Lapses, Offered, Owed, SweepAt, WeightInfo, MAX_SWEEP};

fn by(account: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account)
}

fn mint(account: AccountId, amount: Balance) {
    assert_ok!(Credits::mint(RuntimeOrigin::root(), account, amount));
}

/// Free and held.
fn purse(account: AccountId) -> (Balance, Balance) {
    let credits = Credits::credits(&account);
    (credits.free, credits.held)
}

/// The doctor offers, until tomorrow.
fn offer(request: RequestIndex, amount: Balance) -> DispatchResult {
    <Credits as Offers<_>>::offer(PATIENT, request, &DOCTOR, amount, START + DAY)
}

fn pay(request: RequestIndex, to: AccountId) -> DispatchResult {
    <Credits as Offers<_>>::pay(PATIENT, request, &to)
}

fn give_back(patient: PatientId, request: RequestIndex) {
    <Credits as Offers<_>>::give_back(patient, request);
}

fn events() -> Vec<Event<Test>> {
    let ours = |record: frame_system::EventRecord<RuntimeEvent, _>| match record.event {
        RuntimeEvent::Credits(event) => Some(event),
        _ => None,
    };
    System::events().into_iter().filter_map(ours).collect()
}

mod mint {
    use super::*;

    #[test]
    fn governance_makes_credits_for_anybody() {
        ExtBuilder.build_and_execute(|| {
            mint(STRANGER, 1);
            mint(DOCTOR, 7);
            assert_eq!(purse(STRANGER), (1, 0));
            assert_eq!(Balances::total_issuance(), 8);
            let minted = |account, amount| Event::Minted { account, amount };
            assert_eq!(events(), [minted(STRANGER, 1), minted(DOCTOR, 7)]);
        });
    }

    #[test]
    fn nobody_else_does() {
        ExtBuilder.build_and_execute(|| {
            for origin in [by(ADMIN), by(STRANGER), RuntimeOrigin::none()] {
                assert_noop!(Credits::mint(origin, ADMIN, 1), BadOrigin);
            }
        });
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        ExtBuilder.build_and_execute(|| {
            let root = RuntimeOrigin::root;
            assert_noop!(Credits::mint(root(), DOCTOR, 0), Error::<Test>::ZeroAmount);
            mint(DOCTOR, Balance::MAX);
            assert_noop!(Credits::mint(root(), OWNER, 1), ArithmeticError::Overflow);
        });
    }
}

mod burn {
    use super::*;

    #[test]
    fn governance_takes_free_credits() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            assert_ok!(Credits::burn(RuntimeOrigin::root(), DOCTOR, 10));
            assert_eq!(purse(DOCTOR), (0, 0));
            assert_eq!(Balances::total_issuance(), 0);
            let (account, amount) = (DOCTOR, 10);
            assert_eq!(events().pop(), Some(Event::Burnt { account, amount }));
            assert!(System::account_exists(&DOCTOR));
        });
    }

    #[test]
    fn nobody_else_does() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            for origin in [by(DOCTOR), by(ADMIN), RuntimeOrigin::none()] {
                assert_noop!(Credits::burn(origin, DOCTOR, 1), BadOrigin);
            }
        });
    }

    fn burn(amount: Balance) -> DispatchResult {
        Credits::burn(RuntimeOrigin::root(), DOCTOR, amount)
    }

    #[test]
    fn what_was_promised_is_paid_all_the_same() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            assert_ok!(offer(0, 6));
            assert_noop!(burn(0), Error::<Test>::ZeroAmount);
            assert_ok!(burn(5));
            assert_eq!(purse(DOCTOR), (0, 6));
            assert_ok!(pay(0, OWNER));
            assert_eq!(purse(OWNER), (6, 0));
        });
    }

    /// Or else whoever is to lose their credits could promise all of them, and the vote would be for
    /// nothing.
    #[test]
    fn a_holder_does_not_dodge_it_by_promising_everything() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            assert_ok!(offer(0, 10));
            assert_ok!(burn(10));
            let (account, amount) = (DOCTOR, 10);
            assert_eq!(events().pop(), Some(Event::BurnOwed { account, amount }));
            assert_eq!(purse(DOCTOR), (0, 10));
            give_back(PATIENT, 0);
            assert_eq!(purse(DOCTOR), (0, 0));
            let (account, amount) = (DOCTOR, 10);
            assert_eq!(events().pop(), Some(Event::Burnt { account, amount }));
            assert_eq!(Balances::total_issuance(), 0);
            assert!(!Owed::<Test>::contains_key(DOCTOR));
            assert_noop!(offer(1, 1), Error::<Test>::TooFewCredits);
        });
    }

    #[test]
    fn it_takes_what_there_is_and_nothing_twice() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(burn(1), Error::<Test>::TooFewCredits);
            mint(DOCTOR, 10);
            assert_ok!(offer(0, 6));
            // Four at once, and six of seven when they are free.
            assert_ok!(burn(11));
            assert_eq!(Owed::<Test>::get(DOCTOR), Some(6));
            assert_noop!(burn(1), Error::<Test>::TooFewCredits);
        });
    }

    #[test]
    fn what_is_owed_is_taken_from_whatever_becomes_free() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            assert_ok!(offer(0, 4));
            assert_ok!(offer(1, 6));
            assert_ok!(burn(9));
            // Made anew, paid to the account itself, and taken back.
            mint(DOCTOR, 2);
            assert_eq!(Owed::<Test>::get(DOCTOR), Some(7));
            assert_ok!(pay(0, DOCTOR));
            assert_eq!(Owed::<Test>::get(DOCTOR), Some(3));
            assert_eq!(purse(DOCTOR), (0, 6));
            set_now(START + DAY);
            assert_ok!(Credits::reclaim(by(DOCTOR), PATIENT, 1));
            assert_eq!(purse(DOCTOR), (3, 0));
            assert_eq!(Owed::<Test>::iter().count(), 0);
        });
    }
}

mod offers {
    use super::*;

    #[test]
    fn an_offer_is_held_and_paid_once() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            assert_ok!(offer(3, 4));
            assert_eq!(purse(DOCTOR), (6, 4));
            assert_eq!(Credits::offered(&PATIENT, 3), Some(4));
            assert!(Credits::is_offered(&PATIENT, 3) && !Credits::is_offered(&PATIENT, 2));
            assert_ok!(pay(3, OWNER));
            assert!(!Credits::is_offered(&PATIENT, 3));
            assert_ok!(pay(3, OWNER));
            assert_eq!((purse(DOCTOR), purse(OWNER)), ((6, 0), (4, 0)));
            assert_eq!(Credits::offered(&PATIENT, 3), None);
            assert_eq!(
                events()[1..],
                [
                    Event::Offered {
                        patient: PATIENT,
                        actor: DOCTOR,
                        request: 3,
                        amount: 4,
                        until: START + DAY,
                    },
                    Event::OfferPaid {
                        patient: PATIENT,
                        actor: OWNER,
                        request: 3,
                        payer: DOCTOR,
                        amount: 4,
                    }
                ]
            );
        });
    }

    #[test]
    fn an_offer_comes_back_once() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            assert_ok!(offer(0, 4));
            give_back(OTHER_PATIENT, 0);
            give_back(PATIENT, 1);
            assert_eq!(purse(DOCTOR), (6, 4));
            give_back(PATIENT, 0);
            give_back(PATIENT, 0);
            assert_ok!(pay(0, OWNER));
            assert_eq!((purse(DOCTOR), purse(OWNER)), ((10, 0), (0, 0)));
            assert_eq!(
                events()[2..],
                [Event::OfferReturned {
                    patient: PATIENT,
                    request: 0,
                    payer: DOCTOR,
                    amount: 4,
                }]
            );
        });
    }

    #[test]
    fn credits_are_promised_once() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(offer(0, 1), Error::<Test>::TooFewCredits);
            mint(DOCTOR, 10);
            assert_noop!(offer(0, 0), Error::<Test>::ZeroAmount);
            assert_noop!(offer(0, 11), Error::<Test>::TooFewCredits);
            assert_noop!(offer(0, Balance::MAX), Error::<Test>::TooFewCredits);
            assert_ok!(offer(0, 6));
            assert_noop!(offer(0, 1), Error::<Test>::AlreadyOffered);
            assert_noop!(offer(1, 5), Error::<Test>::TooFewCredits);
            assert_ok!(offer(1, 4));
            assert_eq!(purse(DOCTOR), (0, 10));
        });
    }

    #[test]
    fn holding_everything_kills_no_account() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 5);
            System::inc_account_nonce(DOCTOR);
            assert_ok!(offer(0, 5));
            assert_ok!(pay(0, OWNER));
            assert_eq!(System::account_nonce(DOCTOR), 1);
            // An account that only credits keep alive keeps one of them.
            mint(STRANGER, 5);
            let offer = |amount| Credits::offer(PATIENT, 1, &STRANGER, amount, START + DAY);
            assert_noop!(offer(5), Error::<Test>::TooFewCredits);
            assert_ok!(offer(4));
            assert_eq!(purse(STRANGER), (1, 4));
        });
    }

    #[test]
    fn one_credit_reaches_an_account_that_never_had_any() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 1);
            assert_ok!(offer(0, 1));
            assert!(!System::account_exists(&OTHER_OWNER));
            assert_ok!(pay(0, OTHER_OWNER));
            assert_eq!(purse(OTHER_OWNER), (1, 0));
        });
    }

    #[test]
    fn who_pays_oneself_has_what_one_had() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 5);
            assert_ok!(offer(0, 5));
            assert_ok!(pay(0, DOCTOR));
            assert_eq!(purse(DOCTOR), (5, 0));
            assert_eq!(Balances::total_issuance(), 5);
        });
    }
}

mod reclaim {
    use super::*;

    #[test]
    fn who_offered_has_it_back_after_the_lapse_once() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 5);
            assert_ok!(offer(0, 5));
            set_now(START + DAY - 1);
            assert_noop!(
                Credits::reclaim(by(DOCTOR), PATIENT, 0),
                Error::<Test>::NotLapsed
            );
            set_now(START + DAY);
            for who in [OWNER, ADMIN, STRANGER] {
                assert_noop!(
                    Credits::reclaim(by(who), PATIENT, 0),
                    Error::<Test>::NotPayer
                );
            }
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(Credits::reclaim(origin, PATIENT, 0), BadOrigin);
            }
            assert_ok!(Credits::reclaim(by(DOCTOR), PATIENT, 0));
            assert_eq!(purse(DOCTOR), (5, 0));
            for request in [0, 1] {
                assert_noop!(
                    Credits::reclaim(by(DOCTOR), PATIENT, request),
                    Error::<Test>::NothingOffered
                );
            }
        });
    }
}

mod sweep {
    use super::*;

    fn idle(steps: u32) -> Weight {
        Credits::on_idle(1, <() as WeightInfo>::sweep(steps))
    }

    fn offer_until(request: RequestIndex, until: Moment) {
        assert_ok!(Credits::offer(PATIENT, request, &DOCTOR, 1, until));
    }

    #[test]
    fn lapsed_offers_come_back_by_themselves() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 10);
            offer_until(0, START + HOUR);
            offer_until(1, START + HOUR + 1);
            offer_until(2, START + 3 * HOUR);
            idle(100);
            assert_eq!(purse(DOCTOR), (7, 3));
            set_now(START + 2 * HOUR - 1);
            idle(100);
            assert_eq!(purse(DOCTOR), (8, 2));
            set_now(START + 2 * HOUR);
            idle(100);
            assert_eq!(purse(DOCTOR), (9, 1));
            set_now(START + 30 * HOUR);
            idle(100);
            assert_eq!(purse(DOCTOR), (10, 0));
            assert_eq!(Lapses::<Test>::iter_keys().count(), 0);
            assert_eq!(SweepAt::<Test>::get(), Some(START / HOUR + 31));
        });
    }

    #[test]
    fn a_sweep_takes_what_the_block_has_left_and_goes_on_in_the_next() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 200);
            for request in 0..200 {
                offer_until(request, START + HOUR);
            }
            set_now(START + HOUR);
            assert_eq!(idle(0), <() as WeightInfo>::sweep(0));
            assert_eq!(Credits::on_idle(1, Weight::zero()), Weight::zero());
            assert_eq!(purse(DOCTOR), (0, 200));
            // One step passes the hour before.
            assert_eq!(idle(11), <() as WeightInfo>::sweep(11));
            assert_eq!(purse(DOCTOR), (10, 190));
            idle(u32::MAX);
            assert_eq!(purse(DOCTOR), (10 + Balance::from(MAX_SWEEP), 190 - 128));
            idle(MAX_SWEEP);
            assert_eq!(purse(DOCTOR), (200, 0));
            assert_eq!(Offered::<Test>::iter().count(), 0);
        });
    }

    #[test]
    fn what_was_answered_is_not_given_back() {
        ExtBuilder.build_and_execute(|| {
            mint(DOCTOR, 2);
            offer_until(0, START + HOUR);
            offer_until(1, START + HOUR);
            assert_ok!(pay(0, OWNER));
            give_back(PATIENT, 1);
            let before = events().len();
            set_now(START + 2 * HOUR);
            idle(100);
            assert_eq!(events().len(), before);
            assert_eq!((purse(DOCTOR), purse(OWNER)), ((1, 0), (1, 0)));
        });
    }
}
