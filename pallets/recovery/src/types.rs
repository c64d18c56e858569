//! The rows that this pallet alone knows.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use salus_primitives::{rows::ENDING_COUNTS, AccountId, Helper, Moment, MAX_HELPERS};
use scale_info::TypeInfo;

/// Helpers that are to be named.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct NewPlan {
    pub helpers: BoundedVec<Helper, ConstU32<MAX_HELPERS>>,
    pub threshold: u8,
    pub delay: Moment,
}

/// What is to become of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Ending {
    /// Who announced it: the maker of the replacement.
    pub by: AccountId,
    pub announced_at: Moment,
    pub due: Moment,
    /// Who is to help instead; nobody, if none.
    pub replacement: Option<NewPlan>,
}

impl Ending {
    /// What was announced and never carried out counts for nothing after a while.
    pub fn counts(&self, now: Moment) -> bool {
        now < self.due.saturating_add(ENDING_COUNTS)
    }
}

/// A recovery that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct LastRecovery {
    /// When the first recovery began of those that were under way when it succeeded.
    pub started_at: Moment,
    pub finished_at: Moment,
}
