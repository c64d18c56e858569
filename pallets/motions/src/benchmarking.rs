//! Worst cases: so many seats (`m`), all of which have voted for whatever is looked at, and a
//! council with as many open motions as it may have.

use alloc::vec;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;

use super::*;

/// Seats at most, as in the runtime.
const MOST: u32 = 1_024;

fn seat(index: u32) -> AccountId {
    account("seat", index, 0)
}

fn seats<T: Config>(count: u32) -> Vec<AccountId> {
    let mut seats: Vec<AccountId> = (0..count).map(seat).collect();
    seats.sort();
    pallet_collective::Members::<T, Council>::put(&seats);
    seats
}

/// A call that does nothing, as long as a motion may be.
fn call<T: Config>(number: u32) -> Box<ProposalOf<T>> {
    let mut remark = vec![0; MAX_LENGTH as usize - 16];
    remark[..4].copy_from_slice(&number.to_le_bytes());
    Box::new(frame_system::Call::<T>::remark { remark }.into())
}

/// Opens a motion, without the checks, for which these have voted.
fn opened<T: Config>(number: u32, proposer: &AccountId, voters: &[AccountId]) -> T::Hash {
    let call = call::<T>(number);
    let motion = T::Hashing::hash_of(&call);
    let index = pallet_collective::ProposalCount::<T, Council>::get();
    // Nobody carries it by voting.
    Collective::<T>::do_propose_proposed(proposer.clone(), MOST + 1, call, MAX_LENGTH)
        .expect("room; qed");
    for voter in voters {
        Collective::<T>::do_vote(voter.clone(), motion, index, true).expect("a first vote; qed");
    }
    let row = Motion {
        proposer: proposer.clone(),
        index,
        majority: Majority::TwoThirds,
        until: frame_system::Pallet::<T>::block_number().saturating_add(T::MotionDuration::get()),
    };
    Motions::<T>::insert(motion, row);
    MotionsOf::<T>::try_append(proposer, motion).expect("few motions; qed");
    motion
}

/// Fills the council with motions: of `first`'s, one fewer than a member may have, and others'. The
/// oldest are those that are looked at.
fn full<T: Config>(voters: &[AccountId], first: &AccountId, room: u32) {
    let mine = T::MaxPerMember::get() - 1;
    let others = T::MaxProposals::get() - mine - room;
    for number in 0..others {
        let proposer = account("other", number / T::MaxPerMember::get(), 1);
        let looked_at = if number < 4 { voters } else { &[] };
        opened::<T>(number, &proposer, looked_at);
    }
    // Later, so that those of others have lapsed and these have not.
    frame_system::Pallet::<T>::set_block_number(
        T::MotionDuration::get().saturating_add(1u32.into()),
    );
    for number in 0..mine {
        opened::<T>(others + number, first, voters);
    }
}

#[benchmarks]
mod benchmarks {
    use super::*;

    /// The member's own motions stand, and the four oldest of a full council make room.
    #[benchmark]
    fn propose(m: Linear<1, MOST>) {
        let seats = seats::<T>(m);
        full::<T>(&seats, &seats[0], 0);
        let call = call::<T>(u32::MAX);
        let motion = T::Hashing::hash_of(&call);

        #[block]
        {
            // Some of the electorate may have no seat in a world with few; what is refused for that
            // costs less.
            let _ = Pallet::<T>::propose(RawOrigin::Signed(seats[0].clone()).into(), call);
        }

        // One of one has carried it already.
        assert!(Motions::<T>::contains_key(motion) || m == 1 || T::Electorate::get() > m);
    }

    /// The last to vote changes a vote against into one for it.
    #[benchmark]
    fn vote(m: Linear<1, MOST>) {
        let seats = seats::<T>(m);
        let motion = opened::<T>(0, &seats[0], &seats);
        let last = seats[seats.len() - 1].clone();
        let index = Motions::<T>::get(motion).expect("just opened; qed").index;
        Collective::<T>::do_vote(last.clone(), motion, index, false).expect("another vote; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(last), motion, true);

        assert_eq!(
            Pallet::<T>::tally(motion).map(|tally| tally.nays.len()),
            Some(0)
        );
    }

    /// Carried by all, among as many motions as there may be. The call itself does nothing.
    #[benchmark]
    fn close(m: Linear<1, MOST>) {
        let seats = seats::<T>(m);
        full::<T>(&seats, &seats[0], 1);
        let call = call::<T>(u32::MAX);
        let motion = T::Hashing::hash_of(&call);
        let index = pallet_collective::ProposalCount::<T, Council>::get();
        Collective::<T>::do_propose_proposed(seats[0].clone(), 1, call, MAX_LENGTH)
            .expect("room; qed");
        for voter in &seats {
            Collective::<T>::do_vote(voter.clone(), motion, index, true).expect("a vote; qed");
        }
        let row = Motion {
            proposer: seats[0].clone(),
            index,
            majority: Majority::MoreThanHalf,
            until: frame_system::Pallet::<T>::block_number(),
        };
        Motions::<T>::insert(motion, row);
        MotionsOf::<T>::try_append(&seats[0], motion).expect("one fewer; qed");

        #[block]
        {
            // With an electorate larger than `m`, the motion lapses, which is less work.
            Pallet::<T>::close(RawOrigin::Signed(seats[0].clone()).into(), motion)
                .expect("carried or lapsed; qed");
        }

        assert!(!Motions::<T>::contains_key(motion));
    }

    /// Only its proposer is for it, and all others are against.
    #[benchmark]
    fn withdraw(m: Linear<1, MOST>) {
        let seats = seats::<T>(m);
        full::<T>(&[], &seats[0], 1);
        let motion = opened::<T>(u32::MAX, &seats[0], &seats[..1]);
        let index = Motions::<T>::get(motion).expect("just opened; qed").index;
        for voter in &seats[1..] {
            Collective::<T>::do_vote(voter.clone(), motion, index, false).expect("a vote; qed");
        }

        #[extrinsic_call]
        _(RawOrigin::Signed(seats[0].clone()), motion);

        assert!(!Motions::<T>::contains_key(motion));
    }

    /// A member who has as many motions as one may have, all of which stand.
    #[benchmark]
    fn refuse(m: Linear<1, MOST>) {
        let seats = seats::<T>(m);
        for number in 0..T::MaxPerMember::get() {
            opened::<T>(number, &seats[0], &seats);
        }
        let call = call::<T>(u32::MAX);

        #[block]
        {
            Pallet::<T>::propose(RawOrigin::Signed(seats[0].clone()).into(), call)
                .expect_err("one too many, or out of reach; qed");
        }
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
