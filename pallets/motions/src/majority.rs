//! How many votes are enough, in one place: a motion's threshold and the origin that a call asks
//! for are the same number.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use frame_support::traits::{EnsureOrigin, OriginTrait};
use pallet_collective::RawOrigin;
use salus_primitives::AccountId;
use scale_info::TypeInfo;

use crate::{Config, Council, Pallet};

/// Which part of the electorate must agree.
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
pub enum Majority {
    #[codec(index = 0)]
    MoreThanHalf,
    #[codec(index = 1)]
    TwoThirds,
}

impl Majority {
    /// The fewest votes that are this majority of so many.
    pub fn of(self, electorate: u32) -> u32 {
        let electorate = u64::from(electorate);
        let votes = match self {
            Majority::MoreThanHalf => electorate / 2 + 1,
            Majority::TwoThirds => (2 * electorate).div_ceil(3).max(1),
        };
        u32::try_from(votes).expect("at most one more than half of a u32, or two thirds of it; qed")
    }
}

/// Which majority a call takes. The runtime says it, so that no proposer does.
pub trait MajorityFor<Call> {
    fn for_call(call: &Call) -> Majority;
}

/// More than half of the electorate.
pub struct EnsureMoreThanHalf<T>(PhantomData<T>);

/// Two thirds of the electorate.
pub struct EnsureTwoThirds<T>(PhantomData<T>);

macro_rules! ensure_majority {
    ($ensure:ident, $majority:expr) => {
        impl<T, O> EnsureOrigin<O> for $ensure<T>
        where
            T: Config,
            O: OriginTrait + From<RawOrigin<AccountId, Council>>,
            for<'a> &'a O::PalletsOrigin: TryInto<&'a RawOrigin<AccountId, Council>>,
        {
            type Success = ();

            fn try_origin(origin: O) -> Result<(), O> {
                let enough = matches!(
                    origin.caller().try_into(),
                    Ok(RawOrigin::Members(votes, seats))
                        if *votes >= $majority.of(Pallet::<T>::electorate(*seats))
                );
                if enough {
                    Ok(())
                } else {
                    Err(origin)
                }
            }

            #[cfg(feature = "runtime-benchmarks")]
            fn try_successful_origin() -> Result<O, ()> {
                let electorate = Pallet::<T>::electorate(0);
                Ok(O::from(RawOrigin::Members(electorate.max(1), electorate)))
            }
        }
    };
}

ensure_majority!(EnsureMoreThanHalf, Majority::MoreThanHalf);
ensure_majority!(EnsureTwoThirds, Majority::TwoThirds);
