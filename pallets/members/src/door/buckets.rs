//! Allowances of block time, and what has been spent of them.
//!
//! Each transaction spends from two buckets at once: from its **own** one, of the account or the
//! patient, and from the **common** one, of the organisation or the sponsor.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::weights::constants::WEIGHT_REF_TIME_PER_MILLIS;
use salus_primitives::{BlockNumber, Spender};
use scale_info::TypeInfo;
use sp_runtime::transaction_validity::TransactionPriority;

/// No allowance lets a nonce be further ahead.
pub(super) const MAX_NONCES: u64 = 65_536;

const MS: u64 = WEIGHT_REF_TIME_PER_MILLIS;

/// Debts that differ by less than this have the same priority.
const DEBT_STEP: u64 = MS / 10;

/// The highest priority of an ordinary call; those of urgent calls begin above it.
const MAX_ORDINARY: TransactionPriority = u32::MAX as TransactionPriority;

/// An allowance of block time, in picoseconds.
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
pub struct Allowance {
    /// What can be spent at once.
    pub capacity: u64,
    /// What comes back with each block.
    pub refill: u64,
    /// How far ahead of the account a nonce may be, so that nobody fills the pool. It counts for
    /// persons, services and patients, whose accounts sign.
    pub nonces: u64,
}

impl Allowance {
    /// About 200 transactions at once, then two a second.
    pub const PERSON: Self = Self::new(100 * MS, MS, 64);
    /// About 4,000 transactions at once, then a tenth of every block.
    pub const SERVICE: Self = Self::new(2_000 * MS, 50 * MS, 4_096);
    /// All accounts of one organisation together: however many it has, the others keep most of
    /// each block.
    pub const ORGANISATION: Self = Self::new(4_000 * MS, 100 * MS, MAX_NONCES);
    /// All controllers of one patient together: adding controllers gains nobody more than this.
    pub const PATIENT: Self = Self::PERSON;
    /// All patients that one organisation enrolled, together: enrolling invented patients gains
    /// nobody more than this.
    pub const SPONSOR: Self = Self::new(4_000 * MS, 50 * MS, MAX_NONCES);
    /// Urgent calls of an account or a patient: about 20 at once, then one a second.
    pub const URGENT: Self = Self::new(10 * MS, MS / 2, 64);
    /// Urgent calls of an organisation's accounts, or of its patients, together.
    pub const URGENT_TOGETHER: Self = Self::new(50 * MS, 5 * MS, MAX_NONCES);

    const fn new(capacity: u64, refill: u64, nonces: u64) -> Self {
        Self {
            capacity,
            refill,
            nonces,
        }
    }

    /// Whether it still lets people work and vote, and holds no more than a pool can.
    pub fn is_sane(&self, spender: Spender) -> bool {
        let (capacity, refill) = match spender {
            Spender::Person | Spender::Service | Spender::Patient => (10 * MS, MS / 10),
            Spender::Organisation | Spender::Sponsor => (100 * MS, MS),
            Spender::Urgent => (2 * MS, MS / 10),
            Spender::UrgentTogether => (10 * MS, MS / 2),
        };
        self.capacity >= capacity
            && (refill..=self.capacity).contains(&self.refill)
            && (16..=MAX_NONCES).contains(&self.nonces)
    }

    /// How far this common bucket may be filled by whoever has spent `own` of `capacity`: whoever
    /// spends all they have leaves half of it to those who spend little.
    fn share(&self, own: u64, capacity: u64) -> u64 {
        let own = u128::from(own.min(capacity));
        let kept = u128::from(self.capacity)
            .saturating_mul(own)
            .checked_div(u128::from(capacity).saturating_mul(2))
            .unwrap_or_default();
        self.capacity
            .saturating_sub(kept.try_into().unwrap_or(u64::MAX))
    }
}

/// The allowances in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Allowances {
    pub person: Allowance,
    pub service: Allowance,
    pub organisation: Allowance,
    pub patient: Allowance,
    pub sponsor: Allowance,
    pub urgent: Allowance,
    pub urgent_together: Allowance,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            person: Allowance::PERSON,
            service: Allowance::SERVICE,
            organisation: Allowance::ORGANISATION,
            patient: Allowance::PATIENT,
            sponsor: Allowance::SPONSOR,
            urgent: Allowance::URGENT,
            urgent_together: Allowance::URGENT_TOGETHER,
        }
    }
}

impl Allowances {
    pub fn of(&mut self, spender: Spender) -> &mut Allowance {
        match spender {
            Spender::Person => &mut self.person,
            Spender::Service => &mut self.service,
            Spender::Organisation => &mut self.organisation,
            Spender::Patient => &mut self.patient,
            Spender::Sponsor => &mut self.sponsor,
            Spender::Urgent => &mut self.urgent,
            Spender::UrgentTogether => &mut self.urgent_together,
        }
    }

    pub(super) fn urgent_lane(&self) -> Lane {
        Lane {
            own: self.urgent,
            common: self.urgent_together,
        }
    }
}

/// What has been spent of one allowance. Picoseconds; leaks by the refill with every block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Bucket {
    pub spent: u64,
    pub at: BlockNumber,
}

impl Bucket {
    /// Returns what is still spent at `now`.
    pub fn spent_at(&self, now: BlockNumber, allowance: &Allowance) -> u64 {
        let blocks = u64::from(now.saturating_sub(self.at));
        self.spent
            .saturating_sub(allowance.refill.saturating_mul(blocks))
    }

    pub(super) fn charge(&mut self, now: BlockNumber, allowance: &Allowance, cost: u64) {
        self.spent = self.spent_at(now, allowance).saturating_add(cost);
        self.at = now;
    }

    pub(super) fn refund(&mut self, amount: u64) {
        self.spent = self.spent.saturating_sub(amount);
    }
}

/// What an account, a patient or an organisation has spent, in one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Spent {
    pub ordinary: Bucket,
    /// What urgent calls have spent of their own allowance.
    pub urgent: Bucket,
}

impl Spent {
    pub(super) fn of(&self, urgent: bool) -> &Bucket {
        if urgent {
            &self.urgent
        } else {
            &self.ordinary
        }
    }

    pub(super) fn of_mut(&mut self, urgent: bool) -> &mut Bucket {
        if urgent {
            &mut self.urgent
        } else {
            &mut self.ordinary
        }
    }
}

/// The allowances of the two buckets that a transaction spends from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub own: Allowance,
    pub common: Allowance,
}

/// What is spent of a lane's two buckets at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    pub own: u64,
    pub common: u64,
}

impl Lane {
    /// Whether `cost` can be spent by the transaction that comes after `distance` others. They
    /// will have been paid for by then; what they cost is not known here, and taking them to be
    /// like this one keeps the pool from holding what no block will take.
    pub fn admits(&self, level: Level, cost: u64, distance: u64) -> bool {
        let wanted = cost.saturating_mul(distance.saturating_add(1));
        let own = level.own.saturating_add(wanted);
        own <= self.own.capacity
            && level.common.saturating_add(cost) <= self.common.share(own, self.own.capacity)
    }

    /// Whether it would be admitted by buckets of which nothing is spent.
    pub fn can_ever_admit(&self, cost: u64) -> bool {
        self.admits(Level::default(), cost, 0)
    }

    /// Whether a call that may be larger than the bucket is admitted: once, by whoever has spent
    /// nothing, and then waits the longer.
    pub fn admits_oversized(&self, level: Level, cost: u64, distance: u64) -> bool {
        distance == 0
            && level.own == 0
            && (level.common == 0 || level.common.saturating_add(cost) <= self.common.capacity)
    }
}

/// Returns what the pool orders by: whoever has taken little goes first, and urgent calls before
/// all others.
pub(super) fn priority(urgent: bool, debt: u64) -> TransactionPriority {
    let turn = MAX_ORDINARY.saturating_sub(debt / DEBT_STEP);
    if urgent {
        turn.saturating_add(MAX_ORDINARY).saturating_add(1)
    } else {
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lane() -> Lane {
        Lane {
            own: Allowance::PERSON,
            common: Allowance::ORGANISATION,
        }
    }

    #[test]
    fn who_has_spent_all_fills_the_common_bucket_to_half() {
        let common = Allowance::ORGANISATION;
        assert_eq!(common.share(0, 100), common.capacity);
        assert_eq!(common.share(50, 100), common.capacity / 4 * 3);
        assert_eq!(common.share(100, 100), common.capacity / 2);
        // An upgrade overfills a bucket.
        assert_eq!(common.share(u64::MAX, 100), common.capacity / 2);
        assert_eq!(common.share(0, 0), common.capacity);
    }

    #[test]
    fn what_is_wanted_counts_as_spent() {
        // All of the own bucket at once: half of the common one must be free.
        let (cost, half) = (lane().own.capacity, lane().common.capacity / 2);
        let level = |common| Level { own: 0, common };
        assert!(lane().admits(level(half - cost), cost, 0));
        assert!(!lane().admits(level(half - cost + 1), cost, 0));
        // So do the transactions before it.
        assert!(lane().admits(level(0), cost / 10, 9));
        assert!(!lane().admits(level(0), cost / 10, 10));
    }

    #[test]
    fn priorities_fall_with_debt_and_the_lanes_do_not_overlap() {
        for urgent in [false, true] {
            assert!(priority(urgent, 0) > priority(urgent, DEBT_STEP));
            assert_eq!(priority(urgent, 0), priority(urgent, DEBT_STEP - 1));
            assert!(priority(urgent, 4_000 * MS) > priority(urgent, u64::MAX));
        }
        assert!(priority(true, u64::MAX) > priority(false, 0));
        assert_eq!(priority(false, u64::MAX), 0);
    }

    #[test]
    fn the_allowances_by_default_are_sane_for_their_kinds() {
        let mut in_force = Allowances::default();
        for spender in [
            Spender::Person,
            Spender::Service,
            Spender::Organisation,
            Spender::Patient,
            Spender::Sponsor,
            Spender::Urgent,
            Spender::UrgentTogether,
        ] {
            assert!(in_force.of(spender).is_sane(spender), "{spender:?}");
        }
        // What is enough for an urgent lane is not enough to work with.
        assert!(!Allowance::URGENT.is_sane(Spender::Organisation));
    }

    proptest! {
        /// A transaction with one more before it is admitted by nothing that refuses this one.
        #[test]
        fn more_cost_distance_or_debt_is_never_admitted_sooner(
            own in 0..200 * MS,
            common in 0..5_000 * MS,
            cost in any::<u64>(),
            distance in any::<u64>(),
        ) {
            let level = Level { own, common };
            if !lane().admits(level, cost, distance) {
                prop_assert!(!lane().admits(level, cost.saturating_add(1), distance));
                prop_assert!(!lane().admits(level, cost, distance.saturating_add(1)));
                prop_assert!(!lane().admits(Level { own: own + 1, common }, cost, distance));
                prop_assert!(!lane().admits(Level { own, common: common + 1 }, cost, distance));
            }
        }
    }
}
