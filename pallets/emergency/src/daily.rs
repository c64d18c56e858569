//! What somebody has had of one day's caps.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::pallet_prelude::*;
use salus_primitives::{rows::DAY, Moment};

/// What somebody has had of one day's caps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Daily {
    /// Whole days since the Unix epoch.
    pub day: u64,
    /// Glasses that were broken.
    pub granted: u32,
    /// Attempts that opened nothing.
    pub refused: u32,
}

impl Daily {
    /// Returns what counts at `now`: nothing of another day.
    pub(crate) fn at(self, now: Moment) -> Self {
        let day = now / DAY;
        if self.day == day {
            self
        } else {
            Self {
                day,
                ..Self::default()
            }
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.granted.saturating_add(self.refused)
    }

    pub(crate) fn with_granted(self) -> Self {
        Self {
            granted: self.granted.saturating_add(1),
            ..self
        }
    }

    pub(crate) fn with_refused(self) -> Self {
        Self {
            refused: self.refused.saturating_add(1),
            ..self
        }
    }
}
