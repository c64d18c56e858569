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
    fn finish() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

// Of each: the patient, its controller or plan, the clock, the genesis hash and the trail's head (w:1).
// Of each that reads the plan: the role of who set it.
macro_rules! weights {
    ($db:expr) => {
        // 7 helpers, and up to 16 controllers before an owner is found.
        fn set_plan() -> Weight {
            Weight::from_parts(160_000_000, 44_595).saturating_add($db.reads_writes(31, 2))
        }
        // 7 recoveries, found (r:8) and ended (r:7 w:7), an event for each.
        fn remove_plan() -> Weight {
            Weight::from_parts(240_000_000, 44_595).saturating_add($db.reads_writes(38, 9))
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
        fn cancel() -> Weight {
            Weight::from_parts(60_000_000, 4_000).saturating_add($db.reads_writes(6, 2))
        }
        // 16 controllers: of each its role (r:2 w:1), its patient (w:1) and its sponsor (r:1 w:1); of
        // the new owner the same and its account (r:1 w:1); 6 recoveries (r:6 w:6).
        fn finish() -> Weight {
            Weight::from_parts(485_000_000, 47_200).saturating_add($db.reads_writes(67, 62))
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
