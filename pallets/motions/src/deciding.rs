//! What becomes of a motion between its proposal and its end.

use alloc::{boxed::Box, vec::Vec};
use codec::{Decode, Encode};
use frame_support::{ensure, storage::unhashed, traits::Get, weights::Weight};
use frame_system::pallet_prelude::BlockNumberFor;
use pallet_collective::{Proposals, Voting};
use sp_runtime::DispatchError;

use super::*;

/// How many of the oldest motions make room for a new one, if they have lapsed.
const CLEARED_AT_ONCE: usize = 4;

/// The votes of a motion, as the collective keeps them: its own type shows none of its fields.
#[derive(Encode, Decode)]
pub(crate) struct Tally<BlockNumber> {
    _index: ProposalIndex,
    pub threshold: u32,
    pub ayes: Vec<AccountId>,
    pub nays: Vec<AccountId>,
    _end: BlockNumber,
}

impl<T: Config> Pallet<T> {
    pub(crate) fn seats() -> u32 {
        pallet_collective::Members::<T, Council>::decode_len().unwrap_or_default() as u32
    }

    /// How many votes there are to be counted among, with so many seats.
    pub(crate) fn electorate(seats: u32) -> u32 {
        T::Electorate::get().max(seats)
    }

    /// What a refusal costs at most.
    pub(crate) fn refusal(seats: u32) -> Weight {
        <T as Config>::WeightInfo::refuse(seats)
    }

    pub(crate) fn tally(motion: T::Hash) -> Option<Tally<BlockNumberFor<T>>> {
        unhashed::get(&Voting::<T, Council>::hashed_key_for(motion))
    }

    pub(crate) fn is_over(row: &Motion<BlockNumberFor<T>>) -> bool {
        frame_system::Pallet::<T>::block_number() >= row.until
    }

    /// The votes that a motion takes now, whatever it took when it was proposed.
    fn needed(row: &Motion<BlockNumberFor<T>>, seats: u32) -> u32 {
        row.majority.of(Self::electorate(seats))
    }

    pub(crate) fn do_propose(
        actor: AccountId,
        seats: u32,
        call: Box<ProposalOf<T>>,
    ) -> Result<(), DispatchError> {
        ensure!(Collective::<T>::is_member(&actor), Error::<T>::NotASeat);
        let motion = T::Hashing::hash_of(&call);
        if Self::stands(motion, seats) {
            return Self::join(actor, motion);
        }

        let majority = T::Majority::for_call(&call);
        let threshold = majority.of(Self::electorate(seats));
        let length = call.encoded_size() as u32;
        let weight = call.get_dispatch_info().call_weight;
        ensure!(length <= MAX_LENGTH, Error::<T>::TooLong);
        ensure!(
            weight.all_lte(T::MaxProposalWeight::get()),
            Error::<T>::TooHeavy
        );
        ensure!(threshold <= seats, Error::<T>::OutOfReach);
        for mine in MotionsOf::<T>::get(&actor) {
            Self::stands(mine, seats);
        }
        ensure!(
            (MotionsOf::<T>::decode_len(&actor).unwrap_or_default() as u32)
                < T::MaxPerMember::get(),
            Error::<T>::TooManyOfYours
        );
        Self::make_room(seats);

        let index = pallet_collective::ProposalCount::<T, Council>::get();
        let until =
            frame_system::Pallet::<T>::block_number().saturating_add(T::MotionDuration::get());
        Collective::<T>::do_propose_proposed(actor.clone(), threshold, call, length).map_err(
            |error| {
                if error == CollectiveError::<T>::TooManyProposals.into() {
                    Error::<T>::TooManyMotions.into()
                } else {
                    error
                }
            },
        )?;
        Collective::<T>::do_vote(actor.clone(), motion, index, true)?;
        Motions::<T>::insert(
            motion,
            Motion {
                proposer: actor.clone(),
                index,
                majority,
                until,
            },
        );
        MotionsOf::<T>::try_append(&actor, motion).map_err(|()| Error::<T>::TooManyOfYours)?;
        Self::deposit_event(Event::MotionProposed {
            motion,
            actor,
            threshold,
            until,
        });
        Ok(())
    }

    /// Votes for a motion that is proposed once more.
    fn join(actor: AccountId, motion: T::Hash) -> Result<(), DispatchError> {
        let row = Motions::<T>::get(motion).ok_or(Error::<T>::NotFound)?;
        ensure!(!Self::is_over(&row), Error::<T>::Lapsed);
        match Self::do_vote(actor, motion, &row, true) {
            Err(error) if error == Error::<T>::AlreadyVoted.into() => Ok(()),
            result => result,
        }
    }

    pub(crate) fn do_vote(
        actor: AccountId,
        motion: T::Hash,
        row: &Motion<BlockNumberFor<T>>,
        approve: bool,
    ) -> Result<(), DispatchError> {
        Collective::<T>::do_vote(actor.clone(), motion, row.index, approve).map_err(|error| {
            if error == CollectiveError::<T>::DuplicateVote.into() {
                Error::<T>::AlreadyVoted.into()
            } else if error == CollectiveError::<T>::ProposalMissing.into() {
                Error::<T>::NotFound.into()
            } else {
                error
            }
        })?;
        Self::deposit_event(Event::MotionVoted {
            motion,
            actor,
            approve,
        });
        Ok(())
    }

    /// Ends a motion; returns what its call has cost.
    pub(crate) fn do_close(motion: T::Hash, seats: u32) -> Result<Weight, DispatchError> {
        let row = Motions::<T>::get(motion).ok_or(Error::<T>::NotFound)?;
        let tally = Self::tally(motion).ok_or(Error::<T>::NotFound)?;
        let needed = Self::needed(&row, seats);
        let ayes = tally.ayes.len() as u32;
        let nays = tally.nays.len() as u32;

        if ayes >= needed {
            // The collective goes by what it has kept.
            let tally = Tally {
                threshold: needed,
                ..tally
            };
            unhashed::put(&Voting::<T, Council>::hashed_key_for(motion), &tally);
            return Ok(Self::carry_out(motion, &row, seats));
        }
        let outcome = if seats.saturating_sub(nays) < needed {
            Outcome::Rejected
        } else if Self::is_over(&row) {
            Outcome::Lapsed
        } else {
            return Err(Error::<T>::TooEarly.into());
        };
        Self::drop_motion(motion);
        Self::deposit_event(Event::MotionClosed { motion, outcome });
        Ok(Weight::zero())
    }

    fn carry_out(motion: T::Hash, row: &Motion<BlockNumberFor<T>>, seats: u32) -> Weight {
        // What the collective adds to the call's own weight for its work, as it reckons it; the
        // weight of `close` was measured with that work in it.
        let key = pallet_collective::ProposalOf::<T, Council>::hashed_key_for(motion);
        let length = frame_support::storage::unhashed::get_raw(&key)
            .map_or(0, |encoded| encoded.len() as u32);
        let open = Proposals::<T, Council>::decode_len().unwrap_or_default() as u32;
        let its_work = <T as pallet_collective::Config<Council>>::WeightInfo::close_early_approved(
            length, seats, open,
        );

        // Before the call, which may look.
        Self::forget(motion);
        let (outcome, spent) = match Collective::<T>::do_close(
            motion,
            row.index,
            T::MaxProposalWeight::get(),
            MAX_LENGTH,
        ) {
            Ok(done) => {
                let spent = done
                    .actual_weight
                    .map_or(T::MaxProposalWeight::get(), |weight| {
                        weight.saturating_sub(its_work)
                    });
                (Outcome::Carried, spent)
            }
            // A later runtime does not know the call, or finds it too heavy: it will never be
            // carried out.
            Err(_) => {
                Collective::<T>::do_disapprove_proposal(motion);
                (Outcome::Void, Weight::zero())
            }
        };
        Self::deposit_event(Event::MotionClosed { motion, outcome });
        spent
    }

    /// Whether a motion still stands. One that has lapsed is cleared away, and so is the row of
    /// one that has ended without this pallet.
    fn stands(motion: T::Hash, seats: u32) -> bool {
        let Some(row) = Motions::<T>::get(motion) else {
            return false;
        };
        let Some(tally) = Self::tally(motion) else {
            Self::forget(motion);
            return false;
        };
        let carried = tally.ayes.len() as u32 >= Self::needed(&row, seats);
        if carried || !Self::is_over(&row) {
            return true;
        }
        Self::drop_motion(motion);
        Self::deposit_event(Event::MotionClosed {
            motion,
            outcome: Outcome::Lapsed,
        });
        false
    }

    /// Clears away what has lapsed among the oldest motions, if there is no room for another.
    fn make_room(seats: u32) {
        let open = Proposals::<T, Council>::get();
        if (open.len() as u32) < T::MaxProposals::get() {
            return;
        }
        for motion in open.into_iter().take(CLEARED_AT_ONCE) {
            Self::stands(motion, seats);
        }
    }

    /// Removes a motion that is not carried out.
    pub(crate) fn drop_motion(motion: T::Hash) {
        Self::forget(motion);
        Collective::<T>::do_disapprove_proposal(motion);
    }

    fn forget(motion: T::Hash) {
        if let Some(row) = Motions::<T>::take(motion) {
            MotionsOf::<T>::mutate_exists(&row.proposer, |motions| {
                if let Some(list) = motions {
                    list.retain(|mine| *mine != motion);
                    if list.is_empty() {
                        *motions = None;
                    }
                }
            });
        }
    }

    #[cfg(any(feature = "try-runtime", test))]
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        let open = Proposals::<T, Council>::get();
        // 1. The collective has no motion but those that were proposed here, and they are as many.
        for motion in &open {
            ensure!(
                Motions::<T>::contains_key(motion),
                "a motion that was not proposed here"
            );
        }
        ensure!(
            Motions::<T>::iter_keys().count() == open.len(),
            "a row of a motion that has ended"
        );
        // 2. Each has its number, and the votes that belong to it can be read.
        for (motion, row) in Motions::<T>::iter() {
            let tally = Self::tally(motion).ok_or("a motion without votes")?;
            ensure!(tally._index == row.index, "a motion with another's number");
            ensure!(tally._end == row.until, "a motion with two ends");
            // 3. Each is in its proposer's list.
            ensure!(
                MotionsOf::<T>::get(&row.proposer).contains(&motion),
                "a motion that its proposer does not have"
            );
        }
        // 4. The lists name nothing else, and none is empty.
        let mut listed = 0;
        for (proposer, motions) in MotionsOf::<T>::iter() {
            ensure!(!motions.is_empty(), "an empty list");
            for motion in &motions {
                let row = Motions::<T>::get(motion).ok_or("a list of what has ended")?;
                ensure!(row.proposer == proposer, "a list of another's motions");
            }
            listed += motions.len();
        }
        ensure!(listed == open.len(), "a motion is listed twice");
        Ok(())
    }
}
