//! The rows that this pallet alone knows.

use codec::{Decode, Encode, MaxEncodedLen};
use salus_primitives::Moment;
use scale_info::TypeInfo;

/// A recovery that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct LastRecovery {
    /// When the first recovery began of those that were under way when it succeeded.
    pub started_at: Moment,
    pub finished_at: Moment,
}
