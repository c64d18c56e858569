//! Weights of `pallet_recovery`, reckoned from the reads and writes of each call; `scripts/weights`
//! measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn set_plan() -> Weight;
    fn remove_plan() -> Weight;
    fn start() -> Weight;
    fn approve() -> Weight;
    fn withdraw() -> Weight;
    fn cancel() -> Weight;
    /// Without what `succeed` costs.
    fn finish() -> Weight;
    fn complete() -> Weight;
    fn veto_ending() -> Weight;
    fn on_succession() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

// Of each: the patient, its controller or plan, the clock, the genesis hash and the trail's head (w:1).
// Of each that reads the plan: the role of who set it.
macro_rules! weights {
    ($db:expr) => {
        // 7 helpers, up to 16 controllers before an owner is found, and again for another owner; the
        // plan, what is announced about it (r:1 w:1).
        fn set_plan() -> Weight {
            Weight::from_parts(230_000_000, 90_000).saturating_add($db.reads_writes(50, 3))
        }
        // 7 recoveries, found (r:8) and ended (r:7 w:7), an event for each; what is announced (r:1
        // w:1), and 16 controllers twice.
        fn remove_plan() -> Weight {
            Weight::from_parts(310_000_000, 90_000).saturating_add($db.reads_writes(58, 10))
        }
        // A signature, tried in both ways, and up to 6 other recoveries.
        fn start() -> Weight {
            Weight::from_parts(215_000_000, 22_600).saturating_add($db.reads_writes(13, 2))
        }
        fn approve() -> Weight {
            Weight::from_parts(95_000_000, 22_600).saturating_add($db.reads_writes(13, 2))
        }
        fn withdraw() -> Weight {
            Weight::from_parts(70_000_000, 6_600).saturating_add($db.reads_writes(6, 2))
        }
        // The new owner's role; and what an announcement about the plan costs, which is charged as this.
        fn cancel() -> Weight {
            Weight::from_parts(150_000_000, 90_000).saturating_add($db.reads_writes(44, 2))
        }
        // 7 recoveries (r:8), the last one that succeeded (r:1 w:1).
        fn finish() -> Weight {
            Weight::from_parts(150_000_000, 30_000).saturating_add($db.reads_writes(18, 4))
        }
        // What `remove_plan` or `set_plan` costs when it is due.
        fn complete() -> Weight {
            Weight::from_parts(310_000_000, 90_000).saturating_add($db.reads_writes(58, 10))
        }
        fn veto_ending() -> Weight {
            Weight::from_parts(60_000_000, 4_000).saturating_add($db.reads_writes(6, 2))
        }
        // 7 recoveries (r:8 w:7), what is announced (r:1 w:1) and the plan (r:1 w:1), an event for each.
        fn on_succession() -> Weight {
            Weight::from_parts(250_000_000, 30_000).saturating_add($db.reads_writes(12, 10))
        }
    };
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight::get());
}

/// For tests.
impl WeightInfo for () {
    weights!(RocksDbWeight::get());
}
