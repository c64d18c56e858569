use frame_support::{assert_noop, assert_ok, traits::EstimateNextSessionRotation};
use pallet_session::{SessionManager, ShouldEndSession};
use salus_primitives::{AccountId, OrgId};
use sp_runtime::DispatchError::BadOrigin;
use sp_staking::offence::{OffenceDetails, OnOffenceHandler};

use crate::{mock::*, Barred, Error, Event, Reviving};

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
    build_and_execute(|| assert_eq!(next(), None));
}

#[test]
fn a_member_with_keys_validates_and_one_without_does_not() {
    build_and_execute(|| {
        Organisations::mutate(|all| all.insert(4, true));
        assert_eq!(next(), None);
        Registered::mutate(|keys| keys.insert(4));
        assert_eq!(next(), Some(admins(&[0, 1, 2, 3, 4])));
    });
}

#[test]
fn keys_without_good_standing_are_worth_nothing() {
    build_and_execute(|| {
        Registered::mutate(|keys| keys.insert(9));
        assert_eq!(next(), None);
        suspend(2);
        assert_eq!(next(), Some(admins(&[0, 1, 3])));
    });
}

#[test]
fn those_admitted_first_come_first() {
    build_and_execute(|| {
        for organisation in [7, 5, 6] {
            Organisations::mutate(|all| all.insert(organisation, true));
            Registered::mutate(|keys| keys.insert(organisation));
        }
        assert_eq!(next(), Some(admins(&[0, 1, 2, 3, 5])));
    });
}

#[test]
fn a_minimum_stays_and_that_is_told() {
    build_and_execute(|| {
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
    build_and_execute(|| {
        Present::set(Vec::new());
        let genesis = <Validators as SessionManager<_>>::new_session_genesis(0);
        assert_eq!(genesis, Some(admins(&[0, 1, 2, 3])));
    });
}

#[test]
fn a_validator_is_its_organisations() {
    build_and_execute(|| {
        use sp_runtime::traits::Convert;
        assert_eq!(crate::OrganisationOf::<Test>::convert(admin(2)), Some(2));
        assert_eq!(crate::OrganisationOf::<Test>::convert(admin(9)), None);
    });
}

#[test]
fn a_suspended_or_barred_organisation_answers_for_its_validator() {
    build_and_execute(|| {
        use sp_runtime::traits::Convert;
        suspend(1);
        assert_ok!(Validators::bar(root(), 2));
        for organisation in [1, 2] {
            assert_eq!(
                crate::OrganisationOf::<Test>::convert(admin(organisation)),
                Some(organisation)
            );
        }
    });
}

#[test]
fn an_offender_is_barred_once_and_told() {
    build_and_execute(|| {
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
    build_and_execute(|| {
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
    build_and_execute(|| {
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

mod revive {
    use super::*;

    /// Half of four: nothing is final any more, and fewer are left than the minimum.
    const GONE: [OrgId; 2] = [2, 3];

    fn revive(gone: &[OrgId], finalized: u32) -> sp_runtime::DispatchResult {
        let gone = gone.to_vec().try_into().expect("few");
        Validators::revive(RuntimeOrigin::none(), gone, finalized)
    }

    /// A session ends and another begins, as `pallet-session` goes about it: what was planned
    /// becomes the present set, and the next one is planned.
    fn rotate(planned: &mut Option<Vec<AccountId>>) {
        <Validators as SessionManager<_>>::end_session(7);
        if let Some(validators) = planned.take() {
            Present::set(validators);
        }
        <Validators as SessionManager<_>>::start_session(8);
        *planned = next();
    }

    #[test]
    fn finality_restarts_with_those_left_and_not_a_session_earlier() {
        build_and_execute(|| {
            System::set_block_number(500);
            assert_ok!(revive(&GONE, 400));
            let told = System::read_events_for_pallet::<Event<Test>>();
            assert_eq!(
                told,
                [
                    Event::ValidatorGone { organisation: 2 },
                    Event::ValidatorGone { organisation: 3 },
                    Event::RevivalDecided { finalized: 400 },
                ]
            );

            // The session that follows was planned with all four: restarting it would keep them.
            let mut planned = None;
            rotate(&mut planned);
            assert_eq!(Restarts::get(), []);
            assert_eq!(Present::get().len(), 4);
            // Fewer than the minimum of three are planned all the same.
            assert_eq!(planned, Some(admins(&[0, 1])));

            rotate(&mut planned);
            assert_eq!(Restarts::get(), [(400, 5)]);
            assert_eq!(Present::get(), admins(&[0, 1]));
            System::assert_has_event(
                Event::FinalityRestarted {
                    finalized: 400,
                    wait: 5,
                }
                .into(),
            );

            // Once; and from then on the minimum counts again.
            assert_eq!(planned, None);
            rotate(&mut planned);
            assert_eq!(Restarts::get().len(), 1);
            assert!(!Reviving::<Test>::exists());
            assert!(Barred::<Test>::contains_key(2));
        });
    }

    #[test]
    fn those_that_are_gone_come_back_by_being_readmitted() {
        build_and_execute(|| {
            System::set_block_number(500);
            assert_ok!(revive(&GONE, 400));
            let mut planned = None;
            rotate(&mut planned);
            rotate(&mut planned);
            assert_ok!(Validators::readmit(root(), 2));
            rotate(&mut planned);
            assert_eq!(planned, Some(admins(&[0, 1, 2])));
        });
    }

    #[test]
    fn the_same_validators_with_new_keys_are_restarted_too() {
        build_and_execute(|| {
            System::set_block_number(500);
            assert_ok!(revive(&[], 400));
            let mut planned = None;
            rotate(&mut planned);
            assert_eq!(planned, None);
            rotate(&mut planned);
            assert_eq!(Restarts::get(), [(400, 5)]);
        });
    }

    #[test]
    fn one_that_is_barred_already_is_named_without_an_event() {
        build_and_execute(|| {
            System::set_block_number(500);
            assert_ok!(Validators::bar(root(), 2));
            System::reset_events();
            assert_ok!(revive(&[2, 3, 3], 400));
            let told = System::read_events_for_pallet::<Event<Test>>();
            assert_eq!(told[0], Event::ValidatorGone { organisation: 3 });
            assert_eq!(told.len(), 2);
        });
    }

    #[test]
    fn a_later_decision_replaces_one_under_way() {
        build_and_execute(|| {
            System::set_block_number(500);
            assert_ok!(revive(&[2], 400));
            let mut planned = None;
            rotate(&mut planned);
            assert_ok!(revive(&[3], 401));
            rotate(&mut planned);
            assert_eq!(Restarts::get(), []);
            rotate(&mut planned);
            assert_eq!(Restarts::get(), [(401, 5)]);
            assert_eq!(Present::get(), admins(&[0, 1]));
        });
    }

    #[test]
    fn nobody_else_and_nothing_senseless_restarts_finality() {
        build_and_execute(|| {
            System::set_block_number(500);
            for origin in [root(), RuntimeOrigin::signed(admin(0))] {
                let gone = GONE.to_vec().try_into().unwrap();
                assert_noop!(Validators::revive(origin, gone, 400), BadOrigin);
            }
            assert_noop!(revive(&GONE, 500), Error::<Test>::InvalidBlock);
            assert_noop!(revive(&[2, 9], 400), Error::<Test>::NotAValidator);
            assert_noop!(revive(&[0, 1, 2, 3], 400), Error::<Test>::NobodyLeft);
            suspend(0);
            assert_noop!(revive(&[1, 2, 3], 400), Error::<Test>::NobodyLeft);
            // A suspended organisation's validator may well be one of those that are gone.
            assert_ok!(revive(&[0, 2], 400));
        });
    }
}
