//! Allowances of block time, and what has been spent of them.
//!
//! Each transaction spends from several buckets at once: from the account's **own** one, from the
//! **common** one, of the organisation or the sponsor, and that of a controller also from the one
//! between, the **family's**: of all controllers of the patient together.
//!
//! Two rules keep those who share a bucket from each other's part of it, [`Allowance::share`]: who
//! spends all they have leaves half of it, and who has sent something lately leaves a quarter of it
//! to those who have not. The first is against a few who take much, the second against many who
//! each take little.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::weights::constants::WEIGHT_REF_TIME_PER_MILLIS;
use salus_primitives::{BlockNumber, Spender};
use scale_info::TypeInfo;
use sp_runtime::transaction_validity::TransactionPriority;

/// No allowance lets a nonce be further ahead.
pub(super) const MAX_NONCES: u64 = 65_536;

const MS: u64 = WEIGHT_REF_TIME_PER_MILLIS;

/// Common debts that differ by less than this are alike.
const DEBT_STEP: u64 = MS / 10;

/// Own debts that differ by less than this are alike.
const OWN_STEP: u64 = MS / 100;

/// The highest priority of an ordinary call; those of urgent calls begin above it.
const MAX_ORDINARY: TransactionPriority = (1 << 56) - 1;

/// Whoever has sent nothing for so many blocks is not held back for having sent something.
pub(super) const REST: BlockNumber = 256;

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
    /// More than a person's, so that who is alone can spend most of that.
    pub const PATIENT: Self = Self::new(200 * MS, MS, 64);
    /// All patients that one organisation enrolled, together: enrolling invented patients gains
    /// nobody more than this.
    pub const SPONSOR: Self = Self::new(4_000 * MS, 50 * MS, MAX_NONCES);
    /// Urgent calls of an account: about 20 at once, then one a second.
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

    /// What all controllers of one patient may spend of an allowance that each of them has.
    const fn of_a_family(self) -> Self {
        Self {
            capacity: self.capacity.saturating_mul(2),
            ..self
        }
    }

    /// How far this shared bucket may be filled by whoever has spent `own` of `capacity`, and has
    /// sent nothing for `rested` blocks: whoever spends all they have leaves half of it to those who
    /// spend little, and whoever has sent something just now a quarter to those who have not.
    fn share(&self, own: u64, capacity: u64, rested: BlockNumber) -> u64 {
        let part = |of: u64, whole: u64, share: u64| {
            u128::from(self.capacity)
                .saturating_mul(of.min(whole).into())
                .checked_div(u128::from(whole).saturating_mul(share.into()))
                .and_then(|part| u64::try_from(part).ok())
                .unwrap_or_default()
        };
        self.capacity
            .saturating_sub(part(own, capacity, 2))
            .saturating_sub(part(REST.saturating_sub(rested).into(), REST.into(), 4))
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

    /// The lane of urgent calls, for whoever has this one for ordinary calls.
    pub(super) fn urgent_lane(&self, ordinary: &Lane) -> Lane {
        Lane {
            own: self.urgent,
            family: ordinary.family.map(|_| self.urgent.of_a_family()),
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

    /// For how many blocks nothing has been spent.
    pub(super) fn rested(&self, now: BlockNumber) -> BlockNumber {
        now.saturating_sub(self.at)
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

/// The allowances of the buckets that a transaction spends from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub own: Allowance,
    /// Of a patient's controllers.
    pub family: Option<Allowance>,
    pub common: Allowance,
}

/// What is spent of a lane's buckets at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    pub own: u64,
    pub family: u64,
    pub common: u64,
    /// For how many blocks the account has sent nothing.
    pub rested: BlockNumber,
}

impl Lane {
    /// Whether `cost` can be spent by the transaction that comes after `distance` others. They
    /// will have been paid for by then; what they cost is not known here, and taking them to be
    /// like this one keeps the pool from holding what no block will take.
    pub fn admits(&self, level: Level, cost: u64, distance: u64) -> bool {
        let wanted = cost.saturating_mul(distance.saturating_add(1));
        let own = level.own.saturating_add(wanted);
        // What comes after others comes right after them.
        let rested = if distance == 0 { level.rested } else { 0 };
        let fits = |spent: u64, shared: &Allowance| {
            spent.saturating_add(cost) <= shared.share(own, self.own.capacity, rested)
        };
        own <= self.own.capacity
            && self.family.is_none_or(|family| fits(level.family, &family))
            && fits(level.common, &self.common)
    }

    /// Whether it would be admitted by buckets of which nothing is spent.
    pub fn can_ever_admit(&self, cost: u64) -> bool {
        let rested = Level {
            rested: REST,
            ..Level::default()
        };
        self.admits(rested, cost, 0)
    }

    /// Whether a call that may be larger than the bucket is admitted: once, by whoever has spent
    /// nothing, and then waits the longer.
    pub fn admits_oversized(&self, level: Level, cost: u64, distance: u64) -> bool {
        distance == 0
            && level.own == 0
            && level.family == 0
            && (level.common == 0 || level.common.saturating_add(cost) <= self.common.capacity)
    }
}

/// By what one transaction goes before another of the same lane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    /// What those who share the common bucket have spent, and what goes before this one.
    pub debt: u64,
    pub own: u64,
    pub rested: BlockNumber,
    /// Who is alike in all of that goes first by lot. Without it, a pool would choose whoever
    /// signed for the shortest time.
    pub lot: u8,
}

/// Returns what the pool orders by: whoever has taken little goes first, and urgent calls before
/// all others.
pub(super) fn priority(urgent: bool, turn: Turn) -> TransactionPriority {
    let debt = (turn.debt / DEBT_STEP).min(0xff_ffff);
    let own = (turn.own / OWN_STEP).min(0xffff);
    let awake = u64::from(REST.saturating_sub(turn.rested).min(0xff));
    let behind = (debt << 32) | (own << 16) | (awake << 8) | u64::from(turn.lot);
    let place = MAX_ORDINARY.saturating_sub(behind);
    if urgent {
        place.saturating_add(MAX_ORDINARY).saturating_add(1)
    } else {
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lane() -> Lane {
        Lane {
            own: Allowance::PERSON,
            family: None,
            common: Allowance::ORGANISATION,
        }
    }

    #[test]
    fn who_has_spent_all_fills_the_common_bucket_to_half() {
        let common = Allowance::ORGANISATION;
        let share = |own, capacity| common.share(own, capacity, REST);
        assert_eq!(share(0, 100), common.capacity);
        assert_eq!(share(50, 100), common.capacity / 4 * 3);
        assert_eq!(share(100, 100), common.capacity / 2);
        // An upgrade overfills a bucket.
        assert_eq!(share(u64::MAX, 100), common.capacity / 2);
        assert_eq!(share(0, 0), common.capacity);
    }

    #[test]
    fn who_has_sent_something_leaves_a_quarter_to_those_who_have_not() {
        let common = Allowance::ORGANISATION;
        assert_eq!(common.share(0, 100, 0), common.capacity / 4 * 3);
        assert_eq!(common.share(0, 100, REST / 2), common.capacity / 8 * 7);
        assert_eq!(common.share(0, 100, REST), common.capacity);
        assert_eq!(common.share(0, 100, BlockNumber::MAX), common.capacity);
        assert_eq!(common.share(100, 100, 0), common.capacity / 4);
    }

    #[test]
    fn what_is_wanted_counts_as_spent() {
        // All of the own bucket at once: half of the common one must be free.
        let (cost, half) = (lane().own.capacity, lane().common.capacity / 2);
        let level = |common| Level {
            common,
            rested: REST,
            ..Level::default()
        };
        assert!(lane().admits(level(half - cost), cost, 0));
        assert!(!lane().admits(level(half - cost + 1), cost, 0));
        // So do the transactions before it.
        assert!(lane().admits(level(0), cost / 10, 9));
        assert!(!lane().admits(level(0), cost / 10, 10));
    }

    #[test]
    fn a_family_shares_one_bucket_and_one_alone_can_spend_most_of_its_own() {
        let lane = Lane {
            family: Some(Allowance::PATIENT),
            common: Allowance::SPONSOR,
            ..lane()
        };
        let own = lane.own.capacity;
        let level = |own, family| Level {
            own,
            family,
            ..Level::default()
        };
        assert!(lane.admits(level(0, 0), own / 2, 0));
        assert!(!lane.admits(level(0, Allowance::PATIENT.capacity), 1, 0));
        let alone = (0..own)
            .step_by(MS as usize)
            .take_while(|spent| lane.admits(level(*spent, *spent), MS, 0));
        assert!(alone.count() as u64 * MS >= own / 4 * 3);
    }

    #[test]
    fn priorities_fall_with_debt_and_the_lanes_do_not_overlap() {
        let most = Turn {
            debt: u64::MAX,
            own: u64::MAX,
            rested: 0,
            lot: u8::MAX,
        };
        let owes = |debt| Turn {
            debt,
            rested: REST,
            ..Turn::default()
        };
        for urgent in [false, true] {
            let place = |turn| priority(urgent, turn);
            assert!(place(owes(0)) > place(owes(DEBT_STEP)));
            assert_eq!(place(owes(0)), place(owes(DEBT_STEP - 1)));
            assert!(place(owes(4_000 * MS)) > place(most));
        }
        assert!(priority(true, most) > priority(false, owes(0)));
        assert_eq!(priority(false, most), 0);
    }

    #[test]
    fn alike_in_common_debt_the_own_one_counts_then_rest_then_the_lot() {
        let first = Turn {
            debt: MS,
            own: 0,
            rested: REST,
            lot: 0,
        };
        let ranked = [
            first,
            Turn { lot: 1, ..first },
            Turn {
                lot: 0,
                rested: REST - 1,
                ..first
            },
            Turn {
                own: OWN_STEP,
                ..first
            },
            Turn {
                debt: MS + DEBT_STEP,
                ..first
            },
        ];
        assert!(ranked.is_sorted_by_key(|turn| std::cmp::Reverse(priority(false, *turn))));
        let distinct: std::collections::BTreeSet<_> =
            ranked.iter().map(|turn| priority(false, *turn)).collect();
        assert_eq!(distinct.len(), ranked.len());
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
        /// What refuses a transaction refuses what costs more, comes later, or owes more.
        #[test]
        fn more_cost_distance_or_debt_is_never_admitted_sooner(
            own in 0..200 * MS,
            common in 0..5_000 * MS,
            cost in any::<u64>(),
            distance in any::<u64>(),
            rested in 0..2 * REST,
        ) {
            let level = Level { own, family: common, common, rested };
            let lane = || Lane { family: Some(Allowance::PATIENT), ..lane() };
            if !lane().admits(level, cost, distance) {
                let poorer = Level { own: own + 1, ..level };
                let fuller = Level { common: common + 1, ..level };
                let closer = Level { family: common + 1, ..level };
                let busier = Level { rested: rested.saturating_sub(1), ..level };
                prop_assert!(!lane().admits(closer, cost, distance));
                prop_assert!(!lane().admits(busier, cost, distance));
                prop_assert!(!lane().admits(level, cost.saturating_add(1), distance));
                prop_assert!(!lane().admits(level, cost, distance.saturating_add(1)));
                prop_assert!(!lane().admits(poorer, cost, distance));
                prop_assert!(!lane().admits(fuller, cost, distance));
            }
        }
    }
}
