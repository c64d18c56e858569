//! What somebody has had of one day's cap.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::pallet_prelude::*;
use salus_primitives::{rows::DAY, Moment};

/// What somebody has had of one day's cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Daily {
    /// Whole days since the Unix epoch.
    pub day: u64,
    /// Glasses that were broken.
    pub broken: u32,
}

impl Daily {
    /// Returns what counts at `now`: nothing of another day.
    pub(crate) fn at(self, now: Moment) -> Self {
        let day = now / DAY;
        if self.day == day {
            self
        } else {
            Self { day, broken: 0 }
        }
    }

    pub(crate) fn with_another(self) -> Self {
        Self {
            broken: self.broken.saturating_add(1),
            ..self
        }
    }
}
