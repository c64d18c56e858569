use frame_support::{assert_noop, assert_ok, traits::EstimateNextSessionRotation};
use pallet_session::{SessionManager, ShouldEndSession};
use salus_primitives::{AccountId, OrgId};
use sp_runtime::DispatchError::BadOrigin;
use sp_staking::offence::{OffenceDetails, OnOffenceHandler};

use crate::{mock::*, Barred, Error, Event};

fn next() -> Option<Vec<AccountId>> {
    <Validators as SessionManager<_>>::new_session(7)
}

fn suspend(organisation: OrgId) {
    Organisations::mutate(|all| all.insert(organisation, false));
}

fn root() -> RuntimeOrigin {
    RuntimeOrigin::root()
}

#[test]
fn an_unchanged_set_is_no_new_set() {
    new_test_ext().execute_with(|| assert_eq!(next(), None));
}

#[test]
fn a_member_with_keys_validates_and_one_without_does_not() {
    new_test_ext().execute_with(|| {
        Organisations::mutate(|all| all.insert(4, true));
        assert_eq!(next(), None);
        Registered::mutate(|keys| keys.insert(4));
        assert_eq!(next(), Some(admins(&[0, 1, 2, 3, 4])));
    });
}

#[test]
fn keys_without_good_standing_are_worth_nothing() {
    new_test_ext().execute_with(|| {
        Registered::mutate(|keys| keys.insert(9));
        assert_eq!(next(), None);
        suspend(2);
        assert_eq!(next(), Some(admins(&[0, 1, 3])));
    });
}

#[test]
fn those_admitted_first_come_first() {
    new_test_ext().execute_with(|| {
        for organisation in [7, 5, 6] {
            Organisations::mutate(|all| all.insert(organisation, true));
            Registered::mutate(|keys| keys.insert(organisation));
        }
        assert_eq!(next(), Some(admins(&[0, 1, 2, 3, 5])));
    });
}

#[test]
fn a_minimum_stays_and_that_is_told() {
    new_test_ext().execute_with(|| {
        suspend(1);
        assert_ok!(Validators::bar(root(), 2));
        System::reset_events();
        assert_eq!(next(), None);
        System::assert_has_event(
            Event::TooFewValidators {
                able: 2,
                minimum: 3,
            }
            .into(),
        );
        // A minimum of none keeps one.
        crate::Minimum::<Test>::put(0);
        assert_eq!(next(), Some(admins(&[0, 3])));
        suspend(0);
        suspend(3);
        assert_eq!(next(), None);
    });
}

#[test]
fn the_first_session_has_a_set() {
    new_test_ext().execute_with(|| {
        Present::set(Vec::new());
        let genesis = <Validators as SessionManager<_>>::new_session_genesis(0);
        assert_eq!(genesis, Some(admins(&[0, 1, 2, 3])));
    });
}

#[test]
fn a_validator_is_its_organisations() {
    new_test_ext().execute_with(|| {
        use sp_runtime::traits::Convert;
        assert_eq!(crate::OrganisationOf::<Test>::convert(admin(2)), Some(2));
        assert_eq!(crate::OrganisationOf::<Test>::convert(admin(9)), None);
    });
}

#[test]
fn an_offender_is_barred_once_and_told() {
    new_test_ext().execute_with(|| {
        let offence = OffenceDetails {
            offender: (AccountId::new([9; 32]), 3),
            reporters: vec![],
        };
        for _ in 0..2 {
            Validators::on_offence(std::slice::from_ref(&offence), &[], 7);
        }
        let told = System::read_events_for_pallet::<Event<Test>>();
        assert_eq!(told, [Event::ValidatorBarred { organisation: 3 }]);
        assert_eq!(next(), Some(admins(&[0, 1, 2])));
    });
}

#[test]
fn governance_bars_and_readmits_and_nobody_else() {
    new_test_ext().execute_with(|| {
        let admin = RuntimeOrigin::signed(admin(1));
        assert_noop!(Validators::bar(admin.clone(), 0), BadOrigin);
        assert_noop!(Validators::readmit(root(), 0), Error::<Test>::NotBarred);
        assert_ok!(Validators::bar(root(), 0));
        assert_noop!(Validators::bar(root(), 0), Error::<Test>::AlreadyBarred);
        assert_noop!(Validators::readmit(admin, 0), BadOrigin);
        assert_eq!(next(), Some(admins(&[1, 2, 3])));
        assert_ok!(Validators::readmit(root(), 0));
        assert!(!Barred::<Test>::contains_key(0));
        assert_eq!(next(), None);
    });
}

#[test]
fn sessions_have_the_length_of_genesis() {
    new_test_ext().execute_with(|| {
        for (block, ends) in [(9, false), (10, true), (11, false), (20, true)] {
            assert_eq!(Validators::should_end_session(block), ends, "{block}");
        }
        assert_eq!(Validators::estimate_next_session_rotation(10).0, Some(20));
        assert_eq!(Validators::estimate_next_session_rotation(19).0, Some(20));
        crate::SessionLength::<Test>::kill();
        assert_eq!(
            <Validators as EstimateNextSessionRotation<_>>::average_session_length(),
            600
        );
    });
}
