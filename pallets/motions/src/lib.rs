//! # Motions
//!
//! How the council decides, so that neither one member nor half of them can abuse it.
//!
//! ## Overview
//!
//! `pallet-collective` counts votes. It lets the proposer choose how many are enough, whoever
//! closes a motion choose what that costs, and one member open as many motions as there is room
//! for. This pallet stands in front of it and decides all of this itself; the collective's own calls
//! are closed in the runtime.
//!
//! ## Scenario
//!
//! 1. The hospital proposes to suspend the laboratory, with [`Call::propose`]. That takes more than
//!    half of the electorate, whatever the hospital would like, and counts as its vote.
//! 2. The clinic proposes the same. That is a vote for the hospital's motion.
//! 3. The insurer votes for it with [`Call::vote`], anybody calls [`Call::close`], and the
//!    laboratory is suspended. Its seat is gone, and it is still counted: half of the members cannot
//!    suspend the others one by one and then be two thirds.
//! 4. The clinic has proposed the wrong thing elsewhere, and calls [`Call::withdraw`].
//!
//! ## Design
//!
//! * **One number decides.** [`Majority::of`] gives a motion its threshold, and guards the calls that
//!   it carries out ([`EnsureMoreThanHalf`], [`EnsureTwoThirds`]).
//! * **The electorate does not shrink with a suspension**: [`Config::Electorate`] counts the seats
//!   that were there when it began.
//! * **An identical motion joins.** Whoever proposes first gains nothing: the threshold follows from
//!   the call, and a motion that another has voted for can no longer be withdrawn.
//! * **A member has few motions at once.** What has lapsed is cleared away by who needs the room.
//! * **Votes for a motion end with its time; votes against it do not**, so that nobody is bound by a
//!   vote that was never counted.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod deciding;
mod majority;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
pub mod weights;

use alloc::{boxed::Box, vec::Vec};
use frame_support::{
    dispatch::{GetDispatchInfo, WithPostDispatchInfo},
    pallet_prelude::*,
};
use frame_system::pallet_prelude::*;
use pallet_collective::{ProposalIndex, WeightInfo as _};
use salus_primitives::AccountId;
use sp_runtime::traits::{Hash, Saturating};

pub use majority::{EnsureMoreThanHalf, EnsureTwoThirds, Majority, MajorityFor};
pub use pallet::*;
pub use weights::WeightInfo;

/// The one collective of the chain.
pub type Council = pallet_collective::Instance1;

type Collective<T> = pallet_collective::Pallet<T, Council>;
type CollectiveError<T> = pallet_collective::Error<T, Council>;
/// What motions are about.
pub type ProposalOf<T> = <T as pallet_collective::Config<Council>>::Proposal;

/// Bytes of a motion's call: room for the longest decision that can be announced.
pub const MAX_LENGTH: u32 = 8_192;

/// What this pallet knows of a motion; its votes are the collective's.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Motion<BlockNumber> {
    pub proposer: AccountId,
    /// The collective's number of it.
    pub index: ProposalIndex,
    pub majority: Majority,
    /// Nobody can vote for it from this block on.
    pub until: BlockNumber,
}

/// Why a motion is over.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub enum Outcome {
    /// Enough were for it, and its call was dispatched.
    #[codec(index = 0)]
    Carried,
    /// So many were against it that the others are not enough.
    #[codec(index = 1)]
    Rejected,
    /// Its time was over before enough were for it.
    #[codec(index = 2)]
    Lapsed,
    /// Enough were for it, but this runtime does not know its call any more, or it has become too
    /// heavy.
    #[codec(index = 3)]
    Void,
}

#[frame_support::pallet]
pub mod pallet {
    use super::*;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    /// Bound to the collective, as no other pallet is bound to one: this one is nothing but the way
    /// into it, and a trait between the two would repeat its functions one by one.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<RuntimeEvent: From<Event<Self>>, AccountId = AccountId>
        + pallet_collective::Config<Council>
    {
        /// Seats, and those that were vacated by a suspension a short while ago.
        type Electorate: Get<u32>;

        /// Which majority each call takes.
        type Majority: MajorityFor<ProposalOf<Self>>;

        /// Open motions of one member. With fewer, members of good will are in each other's way;
        /// do not reduce.
        #[pallet::constant]
        type MaxPerMember: Get<u32>;

        type WeightInfo: WeightInfo;
    }

    /// The open motions, by the hash of their call. Written by `propose`; removed when a motion is
    /// closed, withdrawn or cleared away, together with the collective's rows. At most
    /// `MaxProposals` of the collective.
    #[pallet::storage]
    pub type Motions<T: Config> =
        StorageMap<_, Identity, T::Hash, Motion<BlockNumberFor<T>>, OptionQuery>;

    /// The same by proposer. Written and removed together with `Motions`.
    #[pallet::storage]
    pub type MotionsOf<T: Config> = StorageMap<
        _,
        Blake2_128Concat,
        AccountId,
        BoundedVec<T::Hash, T::MaxPerMember>,
        ValueQuery,
    >;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A council member proposed a motion, which takes this many votes.
        MotionProposed {
            motion: T::Hash,
            actor: AccountId,
            threshold: u32,
            until: BlockNumberFor<T>,
        },
        /// A council member voted for a motion, or against it.
        MotionVoted {
            motion: T::Hash,
            actor: AccountId,
            approve: bool,
        },
        /// A motion ended; of one that was carried, the council's own event tells the result.
        MotionClosed { motion: T::Hash, outcome: Outcome },
        /// A council member withdrew a motion of theirs.
        MotionWithdrawn { motion: T::Hash, actor: AccountId },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// Only the admin of an organisation in good standing has a seat in the council.
        NotASeat,
        /// No motion with this hash is open; list the motions.
        NotFound,
        /// The motion's time is over. Close it; if it was not carried, propose it again.
        Lapsed,
        /// This vote is counted already.
        AlreadyVoted,
        /// Neither enough votes for the motion nor against it, and its time is not over.
        TooEarly,
        /// Only its proposer can withdraw a motion; vote against it.
        NotProposer,
        /// Others have voted for the motion, so it is theirs too; vote against it.
        OthersAgree,
        /// The member has as many open motions as one may have; withdraw one, or wait until one is
        /// closed.
        TooManyOfYours,
        /// The council has as many open motions as it may have; close what is carried or lapsed.
        TooManyMotions,
        /// The call is longer than a motion may be; split it.
        TooLong,
        /// The call costs more than a motion may; split it.
        TooHeavy,
        /// So many organisations were suspended lately that the seats left are not enough for this
        /// call. Reinstate one, or wait until the suspensions are no longer counted.
        OutOfReach,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Proposes a motion and votes for it; if the same one is open, only votes for it.
        ///
        /// Council members only. How many votes it takes follows from the call and the electorate.
        ///
        /// Errors: `NotASeat`, `Lapsed`, `TooLong`, `TooHeavy`, `OutOfReach`, `TooManyOfYours`,
        /// `TooManyMotions`. Events: `MotionProposed`; or `MotionVoted`, unless the vote was there
        /// already; `MotionClosed` for each lapsed motion that made room.
        #[pallet::call_index(0)]
        #[pallet::weight((
            <T as Config>::WeightInfo::propose(T::MaxMembers::get()),
            DispatchClass::Operational,
        ))]
        pub fn propose(
            origin: OriginFor<T>,
            call: Box<ProposalOf<T>>,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let seats = Self::seats();
            let weight = <T as Config>::WeightInfo::propose(seats);
            Self::do_propose(actor, seats, call)
                .map_err(|error| error.with_weight(Self::refusal(seats)))?;
            Ok(Some(weight).into())
        }

        /// Votes for a motion or against it, or changes a vote.
        ///
        /// Council members only. After the motion's time only votes against it are taken.
        ///
        /// Errors: `NotASeat`, `NotFound`, `Lapsed`, `AlreadyVoted`. Event: `MotionVoted`.
        #[pallet::call_index(1)]
        #[pallet::weight((
            <T as Config>::WeightInfo::vote(T::MaxMembers::get()),
            DispatchClass::Operational,
        ))]
        pub fn vote(
            origin: OriginFor<T>,
            motion: T::Hash,
            approve: bool,
        ) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let seats = Self::seats();
            ensure!(Collective::<T>::is_member(&actor), Error::<T>::NotASeat);
            let row = Motions::<T>::get(motion).ok_or(Error::<T>::NotFound)?;
            ensure!(!(approve && Self::is_over(&row)), Error::<T>::Lapsed);
            Self::do_vote(actor, motion, &row, approve)?;
            Ok(Some(<T as Config>::WeightInfo::vote(seats)).into())
        }

        /// Ends a motion: carries it out if enough are for it, drops it if it cannot be carried any
        /// more.
        ///
        /// Anybody. Costs what the motion costs, and not more: what was set aside for it is
        /// returned.
        ///
        /// Errors: `NotFound`, `TooEarly`. Event: `MotionClosed`.
        #[pallet::call_index(2)]
        #[pallet::weight((
            <T as Config>::WeightInfo::close(T::MaxMembers::get())
                .saturating_add(T::MaxProposalWeight::get()),
            DispatchClass::Operational,
        ))]
        pub fn close(origin: OriginFor<T>, motion: T::Hash) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            let seats = Self::seats();
            let spent = Self::do_close(motion, seats)
                .map_err(|error| error.with_weight(Self::refusal(seats)))?;
            let weight = <T as Config>::WeightInfo::close(seats).saturating_add(spent);
            Ok(Some(weight).into())
        }

        /// Withdraws a motion that nobody else has voted for.
        ///
        /// Its proposer only.
        ///
        /// Errors: `NotFound`, `NotProposer`, `OthersAgree`. Event: `MotionWithdrawn`.
        #[pallet::call_index(3)]
        #[pallet::weight((
            <T as Config>::WeightInfo::withdraw(T::MaxMembers::get()),
            DispatchClass::Operational,
        ))]
        pub fn withdraw(origin: OriginFor<T>, motion: T::Hash) -> DispatchResultWithPostInfo {
            let actor = ensure_signed(origin)?;
            let row = Motions::<T>::get(motion).ok_or(Error::<T>::NotFound)?;
            ensure!(row.proposer == actor, Error::<T>::NotProposer);
            let tally = Self::tally(motion).ok_or(Error::<T>::NotFound)?;
            ensure!(
                tally.ayes.iter().all(|who| *who == actor),
                Error::<T>::OthersAgree
            );

            Self::drop_motion(motion);
            Self::deposit_event(Event::MotionWithdrawn { motion, actor });
            Ok(Some(<T as Config>::WeightInfo::withdraw(Self::seats())).into())
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// The open motions, in the order in which they were proposed.
        pub fn open() -> Vec<(T::Hash, Motion<BlockNumberFor<T>>)> {
            pallet_collective::Proposals::<T, Council>::get()
                .into_iter()
                .filter_map(|motion| Some((motion, Motions::<T>::get(motion)?)))
                .collect()
        }
    }
}
