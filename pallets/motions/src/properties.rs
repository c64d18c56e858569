//! Whatever some members do, in whatever order: a member who has room of their own can propose, as
//! long as those members are too few to fill the council between them.

use frame_support::dispatch::GetDispatchInfo;
use proptest::prelude::*;

use crate::{mock::*, MotionsOf};

/// One fewer than fill the council: the attackers' motions and the victim's fit.
const ATTACKERS: u8 = (MAX_MOTIONS / PER_MEMBER) as u8 - 1;
const VICTIM: u8 = ATTACKERS + 1;

#[derive(Clone, Debug)]
enum Step {
    Propose(u8, u32),
    Vote(u8, u32, bool),
    Close(u8, u32),
    Withdraw(u8, u32),
    /// Takes a seat or gives it back.
    Seat(u8),
    Wait(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 1..=ATTACKERS;
    let what = 0..24u32;
    let step = prop_oneof![
        6 => (who.clone(), what.clone()).prop_map(|(who, what)| Step::Propose(who, what)),
        3 => (who.clone(), what.clone(), any::<bool>())
            .prop_map(|(who, what, approve)| Step::Vote(who, what, approve)),
        2 => (who.clone(), what.clone()).prop_map(|(who, what)| Step::Close(who, what)),
        2 => (who.clone(), what).prop_map(|(who, what)| Step::Withdraw(who, what)),
        1 => who.prop_map(Step::Seat),
        1 => (1..DURATION).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..120)
}

fn call(what: u32) -> RuntimeCall {
    if what.is_multiple_of(3) {
        entrench(what)
    } else {
        set(what)
    }
}

fn apply(step: &Step, seats: &mut Vec<u8>) {
    // What is refused changes nothing, and is refused often.
    let refused = match step {
        Step::Propose(who, what) => {
            let call = RuntimeCall::Motions(crate::Call::propose {
                call: Box::new(call(*what)),
            });
            dispatch(*who, call)
        }
        Step::Vote(who, what, approve) => {
            let (motion, approve) = (hash(&call(*what)), *approve);
            dispatch(
                *who,
                RuntimeCall::Motions(crate::Call::vote { motion, approve }),
            )
        }
        Step::Close(who, what) => {
            let motion = hash(&call(*what));
            dispatch(*who, RuntimeCall::Motions(crate::Call::close { motion }))
        }
        Step::Withdraw(who, what) => {
            let motion = hash(&call(*what));
            dispatch(*who, RuntimeCall::Motions(crate::Call::withdraw { motion }))
        }
        Step::Seat(who) => {
            match seats.iter().position(|seat| seat == who) {
                Some(at) => {
                    seats.remove(at);
                }
                None => seats.push(*who),
            }
            seats.sort_unstable();
            set_seats(seats);
            return;
        }
        Step::Wait(blocks) => {
            System::set_block_number(System::block_number() + blocks);
            return;
        }
    };
    let _ = refused;
}

/// As a transaction does: rolled back if refused, and never for more than was declared.
fn dispatch(who: u8, call: RuntimeCall) -> bool {
    use sp_runtime::traits::Dispatchable;
    let declared = call.get_dispatch_info().call_weight;
    let result = call.dispatch(by(who));
    let spent = match &result {
        Ok(post) => post.actual_weight,
        Err(error) => error.post_info.actual_weight,
    };
    assert!(spent.is_none_or(|spent| spent.ref_time() <= declared.ref_time()));
    result.is_err()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn members_who_are_too_few_to_fill_the_council_keep_nobody_from_proposing(steps in steps()) {
        new_test_ext().execute_with(|| {
            let mut seats: Vec<u8> = (1..=VICTIM).collect();
            set_seats(&seats);
            for (number, step) in steps.iter().enumerate() {
                apply(step, &mut seats);
                crate::Pallet::<Test>::do_try_state().expect("invariants hold");
                for who in 1..=ATTACKERS {
                    assert!(MotionsOf::<Test>::get(member(who)).len() as u32 <= PER_MEMBER);
                }
                // Something that nobody else proposes.
                let own = set(1_000 + 2 * number as u32);
                let motion = hash(&own);
                let propose = crate::Call::propose { call: Box::new(own) };
                prop_assert!(!dispatch(VICTIM, RuntimeCall::Motions(propose)), "{step:?}");
                let withdraw = crate::Call::withdraw { motion };
                prop_assert!(!dispatch(VICTIM, RuntimeCall::Motions(withdraw)));
            }
            Ok(())
        })?;
    }
}
