use frame_support::{
    assert_err_ignore_postinfo, assert_noop, assert_ok, dispatch::GetDispatchInfo, weights::Weight,
};
use sp_runtime::DispatchError::BadOrigin;

use crate::{
    mock::*, Council as Instance, Error, Event, Majority, Motions as Rows, MotionsOf, Outcome,
};

fn proposed(call: &RuntimeCall, ayes: &[u8]) -> <Test as frame_system::Config>::Hash {
    for who in ayes {
        assert_ok!(Motions::propose(by(*who), Box::new(call.clone())));
    }
    hash(call)
}

fn propose(who: u8, call: RuntimeCall) -> frame_support::dispatch::DispatchResultWithPostInfo {
    Motions::propose(by(who), Box::new(call))
}

fn ayes(motion: <Test as frame_system::Config>::Hash) -> usize {
    Motions::tally(motion).expect("an open motion").ayes.len()
}

mod majority {
    use super::*;

    #[test]
    fn it_is_the_fewest_votes_that_are_more_than_half_or_two_thirds() {
        for electorate in 0..=1_200u32 {
            for (majority, is_enough) in [
                (
                    Majority::MoreThanHalf,
                    &(|votes: u32| 2 * votes > electorate) as &dyn Fn(u32) -> bool,
                ),
                (Majority::TwoThirds, &|votes: u32| {
                    votes > 0 && 3 * votes >= 2 * electorate
                }),
            ] {
                let votes = majority.of(electorate);
                assert!(is_enough(votes), "{votes} of {electorate}");
                assert!(!is_enough(votes - 1), "{} of {electorate}", votes - 1);
            }
        }
        assert_eq!(Majority::MoreThanHalf.of(u32::MAX), 1 << 31);
    }
}

mod propose {
    use super::*;

    #[test]
    fn a_motion_is_proposed_with_its_proposers_vote_and_the_threshold_of_its_call() {
        build_and_execute(|| {
            for (call, threshold) in [(set(2), 3), (entrench(2), 3)] {
                let motion = proposed(&call, &[1]);
                System::assert_last_event(
                    Event::MotionProposed {
                        motion,
                        actor: member(1),
                        threshold,
                        until: 1 + DURATION,
                    }
                    .into(),
                );
                assert_eq!(ayes(motion), 1);
            }
            // Of six, two thirds are four, as are more than half; of nine, six and five.
            set_seats(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
            for (call, threshold) in [(set(4), 5), (entrench(4), 6)] {
                let motion = proposed(&call, &[5]);
                assert_eq!(Motions::tally(motion).unwrap().threshold, threshold);
            }
        });
    }

    #[test]
    fn an_identical_motion_joins_the_first_and_counts_once() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2]);
            System::assert_last_event(
                Event::MotionVoted {
                    motion,
                    actor: member(2),
                    approve: true,
                }
                .into(),
            );
            assert_eq!(ayes(motion), 2);
            let events = System::event_count();
            assert_ok!(propose(2, set(2)));
            assert_eq!((ayes(motion), System::event_count()), (2, events));
            // It is still the first one's.
            assert_eq!(Rows::<Test>::get(motion).unwrap().proposer, member(1));
            assert!(MotionsOf::<Test>::get(member(2)).is_empty());
        });
    }

    #[test]
    fn joining_turns_a_vote_against_into_one_for_it() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1]);
            assert_ok!(Motions::vote(by(2), motion, false));
            assert_ok!(propose(2, set(2)));
            let tally = Motions::tally(motion).unwrap();
            assert_eq!((tally.ayes.len(), tally.nays.len()), (2, 0));
        });
    }

    #[test]
    fn a_stranger_is_refused() {
        build_and_execute(|| {
            assert_noop!(
                Motions::propose(RuntimeOrigin::root(), Box::new(set(2))),
                BadOrigin
            );
            assert_err_ignore_postinfo!(propose(9, set(2)), Error::<Test>::NotASeat);
            proposed(&set(2), &[1]);
            assert_err_ignore_postinfo!(propose(9, set(2)), Error::<Test>::NotASeat);
        });
    }

    #[test]
    fn one_member_has_few_motions_and_joining_is_none_of_them() {
        build_and_execute(|| {
            proposed(&set(2), &[1]);
            proposed(&set(4), &[1]);
            assert_err_ignore_postinfo!(propose(1, set(6)), Error::<Test>::TooManyOfYours);
            proposed(&set(6), &[2, 1]);
            // The others are not kept from anything.
            proposed(&set(8), &[2]);
        });
    }

    #[test]
    fn an_ended_motion_makes_room_for_its_proposers_next() {
        build_and_execute(|| {
            proposed(&set(2), &[1, 2, 3]);
            proposed(&set(4), &[1]);
            assert_ok!(Motions::close(by(9), hash(&set(2))));
            proposed(&set(6), &[1]);
            assert_ok!(Motions::withdraw(by(1), hash(&set(4))));
            proposed(&set(8), &[1]);
        });
    }

    #[test]
    fn a_members_lapsed_motions_make_room_by_themselves() {
        build_and_execute(|| {
            proposed(&set(2), &[1]);
            proposed(&set(4), &[1]);
            System::set_block_number(1 + DURATION);
            proposed(&set(6), &[1]);
            for call in [set(2), set(4)] {
                System::assert_has_event(
                    Event::MotionClosed {
                        motion: hash(&call),
                        outcome: Outcome::Lapsed,
                    }
                    .into(),
                );
            }
            assert_eq!(Motions::open().len(), 1);
        });
    }

    #[test]
    fn a_carried_motion_does_not_lapse() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2, 3]);
            System::set_block_number(1 + DURATION);
            proposed(&set(4), &[1]);
            assert_ok!(Motions::close(by(9), motion));
            assert_eq!(number(), 2);
        });
    }

    #[test]
    fn a_lapsed_motion_is_proposed_again_from_the_beginning() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2]);
            System::set_block_number(1 + DURATION);
            proposed(&set(2), &[3]);
            assert_eq!(ayes(motion), 1);
            let row = Rows::<Test>::get(motion).unwrap();
            assert_eq!((row.proposer, row.until), (member(3), 1 + 2 * DURATION));
            // One that was carried is closed, not joined.
            proposed(&set(4), &[1, 2, 3]);
            System::set_block_number(1 + 2 * DURATION);
            assert_err_ignore_postinfo!(propose(4, set(4)), Error::<Test>::Lapsed);
        });
    }

    #[test]
    fn a_full_council_makes_room_by_clearing_away_the_oldest_that_lapsed() {
        build_and_execute(|| {
            set_seats(&[1, 2, 3, 4, 5, 6, 7]);
            let mut number = 0;
            for who in 1..=6 {
                for _ in 0..PER_MEMBER {
                    number += 2;
                    proposed(&set(number), &[who]);
                }
            }
            assert_err_ignore_postinfo!(propose(7, set(0)), Error::<Test>::TooManyMotions);
            // Their proposers are gone, and they would stay.
            set_seats(&[4, 5, 6, 7]);
            System::set_block_number(1 + DURATION);
            proposed(&set(0), &[7]);
            assert_eq!(Motions::open().len() as u32, MAX_MOTIONS - 4 + 1);
            assert!(MotionsOf::<Test>::get(member(1)).is_empty());
        });
    }

    #[test]
    fn what_is_too_long_or_too_heavy_is_refused_when_it_is_proposed() {
        build_and_execute(|| {
            let remark = vec![0; crate::MAX_LENGTH as usize];
            let long = RuntimeCall::System(frame_system::Call::remark { remark });
            assert_err_ignore_postinfo!(propose(1, long), Error::<Test>::TooLong);
            let burden = |weight| RuntimeCall::Guarded(guarded::Call::burden { weight });
            assert_err_ignore_postinfo!(propose(1, burden(50 * MS + 1)), Error::<Test>::TooHeavy);
            proposed(&burden(50 * MS), &[1]);
        });
    }

    #[test]
    fn what_the_seats_left_cannot_carry_is_refused_at_once() {
        build_and_execute(|| {
            suspend(3);
            proposed(&entrench(2), &[1]);
            suspend(4);
            assert_err_ignore_postinfo!(propose(1, set(2)), Error::<Test>::OutOfReach);
            // The suspensions are not counted any more.
            Vacated::set(0);
            proposed(&set(2), &[1]);
        });
    }

    #[test]
    fn a_refusal_returns_what_it_did_not_cost() {
        build_and_execute(|| {
            let declared = RuntimeCall::Motions(crate::Call::propose {
                call: Box::new(set(2)),
            })
            .get_dispatch_info()
            .call_weight;
            let refused = propose(9, set(2)).unwrap_err().post_info.actual_weight;
            assert!(refused.expect("is returned").ref_time() < declared.ref_time() / 2);
        });
    }

    #[test]
    fn a_row_that_ended_elsewhere_blocks_nobody() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1]);
            proposed(&set(4), &[1]);
            assert_ok!(Council::kill(RuntimeOrigin::root(), motion));
            assert_noop!(Motions::vote(by(2), motion, true), Error::<Test>::NotFound);
            assert_noop!(Motions::withdraw(by(1), motion), Error::<Test>::NotFound);
            proposed(&set(6), &[1]);
            assert!(!Rows::<Test>::contains_key(motion));

            // The same motion, proposed by another, does not count as the first one's.
            assert_ok!(Council::kill(RuntimeOrigin::root(), hash(&set(4))));
            proposed(&set(4), &[2]);
            proposed(&set(8), &[1]);
        });
    }
}

mod vote {
    use super::*;

    #[test]
    fn members_vote_for_and_against_and_change_their_mind() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1]);
            for approve in [true, false, true] {
                assert_ok!(Motions::vote(by(2), motion, approve));
                System::assert_last_event(
                    Event::MotionVoted {
                        motion,
                        actor: member(2),
                        approve,
                    }
                    .into(),
                );
            }
            assert_eq!(ayes(motion), 2);
            assert_noop!(
                Motions::vote(by(2), motion, true),
                Error::<Test>::AlreadyVoted
            );
        });
    }

    #[test]
    fn strangers_and_unknown_motions_are_refused() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1]);
            assert_noop!(Motions::vote(by(9), motion, true), Error::<Test>::NotASeat);
            assert_noop!(
                Motions::vote(by(1), hash(&set(4)), true),
                Error::<Test>::NotFound
            );
        });
    }

    #[test]
    fn a_suspended_member_has_no_vote_and_the_given_one_is_gone() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2, 3]);
            suspend(2);
            assert_eq!(ayes(motion), 2);
            assert_noop!(Motions::vote(by(2), motion, true), Error::<Test>::NotASeat);
        });
    }

    #[test]
    fn after_its_time_a_motion_loses_votes_and_gets_none() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2, 3]);
            System::set_block_number(1 + DURATION);
            assert_noop!(Motions::vote(by(4), motion, true), Error::<Test>::Lapsed);
            assert_ok!(Motions::vote(by(3), motion, false));
            assert_ok!(Motions::close(by(9), motion));
            assert_eq!(number(), 0);
        });
    }
}

mod close {
    use super::*;

    fn closed(motion: <Test as frame_system::Config>::Hash, outcome: Outcome) {
        assert_ok!(Motions::close(by(9), motion));
        System::assert_last_event(Event::MotionClosed { motion, outcome }.into());
        assert!(!Rows::<Test>::contains_key(motion));
        assert!(!pallet_collective::ProposalOf::<Test, Instance>::contains_key(motion));
    }

    #[test]
    fn enough_votes_carry_a_motion_out_and_anybody_closes_it() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2]);
            assert_err_ignore_postinfo!(Motions::close(by(9), motion), Error::<Test>::TooEarly);
            proposed(&set(2), &[3]);
            closed(motion, Outcome::Carried);
            assert_eq!(number(), 2);
            assert_err_ignore_postinfo!(Motions::close(by(9), motion), Error::<Test>::NotFound);
        });
    }

    #[test]
    fn a_motion_whose_call_fails_is_over_and_says_why() {
        build_and_execute(|| {
            let motion = proposed(&set(3), &[1, 2, 3]);
            closed(motion, Outcome::Carried);
            System::assert_has_event(
                pallet_collective::Event::Executed {
                    proposal_hash: motion,
                    result: Err(guarded::Error::<Test>::Odd.into()),
                }
                .into(),
            );
        });
    }

    #[test]
    fn so_many_against_end_it_at_once() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1]);
            assert_ok!(Motions::vote(by(2), motion, false));
            assert_err_ignore_postinfo!(Motions::close(by(9), motion), Error::<Test>::TooEarly);
            assert_ok!(Motions::vote(by(3), motion, false));
            closed(motion, Outcome::Rejected);
        });
    }

    #[test]
    fn it_lapses_when_its_time_is_over() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2]);
            System::set_block_number(DURATION);
            assert_err_ignore_postinfo!(Motions::close(by(9), motion), Error::<Test>::TooEarly);
            System::set_block_number(1 + DURATION);
            closed(motion, Outcome::Lapsed);
            assert_eq!(number(), 0);
        });
    }

    #[test]
    fn votes_that_a_larger_electorate_makes_too_few_do_not_burn_the_motion() {
        build_and_execute(|| {
            let motion = proposed(&entrench(2), &[1, 2, 3]);
            set_seats(&[1, 2, 3, 4, 5]);
            assert_err_ignore_postinfo!(Motions::close(by(9), motion), Error::<Test>::TooEarly);
            proposed(&entrench(2), &[5]);
            closed(motion, Outcome::Carried);
            assert_eq!(number(), 2);
        });
    }

    #[test]
    fn votes_that_a_smaller_electorate_makes_enough_carry_the_motion() {
        build_and_execute(|| {
            Vacated::set(2);
            // Four of six, where nobody gets around the first to propose it.
            set_seats(&[1, 2, 3, 4]);
            let motion = proposed(&set(2), &[4, 1, 2]);
            assert_err_ignore_postinfo!(Motions::close(by(9), motion), Error::<Test>::TooEarly);
            Vacated::set(0);
            closed(motion, Outcome::Carried);
            assert_eq!(number(), 2);
        });
    }

    #[test]
    fn what_a_later_runtime_cannot_carry_out_is_void() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2, 3]);
            let key = pallet_collective::ProposalOf::<Test, Instance>::hashed_key_for(motion);
            frame_support::storage::unhashed::put_raw(&key, &[0xff; 3]);
            closed(motion, Outcome::Void);
            assert!(Motions::open().is_empty());
        });
    }

    #[test]
    fn it_costs_what_the_call_has_cost_and_a_refusal_next_to_nothing() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2]);
            let declared = RuntimeCall::Motions(crate::Call::close { motion })
                .get_dispatch_info()
                .call_weight;
            assert!(declared.ref_time() > 50 * MS);
            let refused = Motions::close(by(9), motion).unwrap_err().post_info;
            assert!(refused.actual_weight.expect("is returned").ref_time() < MS);

            proposed(&set(2), &[3]);
            let done = Motions::close(by(9), motion).unwrap().actual_weight;
            let own = <() as crate::WeightInfo>::close(4);
            assert_eq!(
                done.expect("is returned"),
                own.saturating_add(Weight::from_parts(MS / 2, 0))
                    .set_proof_size(done.unwrap().proof_size())
            );
        });
    }
}

mod withdraw {
    use super::*;

    #[test]
    fn a_proposer_withdraws_a_motion_of_their_own() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1]);
            assert_ok!(Motions::vote(by(2), motion, false));
            assert_ok!(Motions::withdraw(by(1), motion));
            System::assert_last_event(
                Event::MotionWithdrawn {
                    motion,
                    actor: member(1),
                }
                .into(),
            );
            assert!(Motions::open().is_empty());
            assert_noop!(Motions::withdraw(by(1), motion), Error::<Test>::NotFound);
        });
    }

    #[test]
    fn nobody_withdraws_anothers() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[1, 2]);
            assert_noop!(Motions::withdraw(by(2), motion), Error::<Test>::NotProposer);
        });
    }

    #[test]
    fn proposing_first_what_others_want_and_withdrawing_it_late_is_refused() {
        build_and_execute(|| {
            let motion = proposed(&set(2), &[4, 1, 2]);
            assert_ok!(Motions::vote(by(4), motion, false));
            assert_noop!(Motions::withdraw(by(4), motion), Error::<Test>::OthersAgree);
            proposed(&set(2), &[3]);
            assert_ok!(Motions::close(by(9), motion));
            assert_eq!(number(), 2);
        });
    }
}

mod electorate {
    use super::*;

    /// The attack: two of four cannot decide anything, three can suspend the fourth; then two of
    /// the three left would be two thirds.
    #[test]
    fn suspending_the_others_first_does_not_make_a_minority_two_thirds() {
        build_and_execute(|| {
            suspend(4);
            let motion = proposed(&entrench(2), &[1, 2]);
            assert_err_ignore_postinfo!(Motions::close(by(1), motion), Error::<Test>::TooEarly);
            proposed(&entrench(2), &[3]);
            assert_ok!(Motions::close(by(1), motion));
            assert_eq!(number(), 2);
        });
    }

    /// Whatever a motion's threshold was, the call counts for itself.
    #[test]
    fn the_guard_counts_over_the_electorate() {
        use frame_support::traits::EnsureOrigin;
        use pallet_collective::RawOrigin;

        build_and_execute(|| {
            set_seats(&[1, 2, 3, 4, 5, 6]);
            let by = |votes, seats| RuntimeOrigin::from(RawOrigin::Members(votes, seats));
            let half = |votes, seats| {
                crate::EnsureMoreThanHalf::<Test>::try_origin(by(votes, seats)).is_ok()
            };
            let thirds =
                |votes, seats| crate::EnsureTwoThirds::<Test>::try_origin(by(votes, seats)).is_ok();
            assert!(half(4, 6) && !half(3, 6));
            assert!(thirds(4, 6) && !thirds(3, 6));
            // Three of the six were suspended lately.
            set_seats(&[1, 2, 3]);
            Vacated::set(3);
            assert!(!half(3, 3) && !thirds(3, 3));
            Vacated::set(1);
            assert!(half(3, 3) && !half(2, 3));
            assert!(thirds(3, 3) && !thirds(2, 3));
            Vacated::set(0);
            assert!(half(2, 3) && thirds(2, 3) && !half(1, 3));
            // An electorate that is told too small never counts for less than the seats.
            assert!(!half(3, 6) && !thirds(3, 6));
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::signed(member(1))] {
                assert!(crate::EnsureMoreThanHalf::<Test>::try_origin(origin).is_err());
            }
            let single = RuntimeOrigin::from(RawOrigin::Member(member(1)));
            assert!(crate::EnsureTwoThirds::<Test>::try_origin(single).is_err());
        });
    }
}
