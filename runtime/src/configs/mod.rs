//! How the pallets are joined, one file per domain.

mod consensus;
mod governance;
mod salus;
mod system;

pub use governance::{
    ChangeOfSeats, CouncilCollective, EnactedOrigin, GovernanceOrigin, NotBySignature,
    NothingAuthorized, Oversized,
};
pub use salus::{keepers, SalusChain, Urgent};
pub use system::{CallFilter, BLOCK_LENGTH, MAXIMUM_BLOCK_WEIGHT, NORMAL_RATIO};
