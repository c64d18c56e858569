//! Weights of `pallet_recovery`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn approve() -> Weight;
    fn cancel() -> Weight;
    fn complete() -> Weight;
    fn finish() -> Weight;
    fn invites() -> Weight;
    fn on_succession() -> Weight;
    fn remove_plan() -> Weight;
    fn set_plan() -> Weight;
    fn start() -> Weight;
    fn veto_ending() -> Weight;
    fn withdraw() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn approve() -> Weight {
            Weight::from_parts(393_789_000, 0).saturating_add($db.reads_writes(13, 2))
        }
        fn cancel() -> Weight {
            Weight::from_parts(140_543_000, 0).saturating_add($db.reads_writes(7, 2))
        }
        fn complete() -> Weight {
            Weight::from_parts(312_582_000, 0).saturating_add($db.reads_writes(15, 10))
        }
        fn finish() -> Weight {
            Weight::from_parts(1_096_015_000, 0).saturating_add($db.reads_writes(91, 77))
        }
        fn invites() -> Weight {
            Weight::from_parts(84_971_000, 0).saturating_add($db.reads_writes(2, 0))
        }
        fn on_succession() -> Weight {
            Weight::from_parts(257_025_000, 0).saturating_add($db.reads_writes(13, 10))
        }
        fn remove_plan() -> Weight {
            Weight::from_parts(367_650_000, 0).saturating_add($db.reads_writes(15, 10))
        }
        fn set_plan() -> Weight {
            Weight::from_parts(146_177_000, 0).saturating_add($db.reads_writes(7, 3))
        }
        fn start() -> Weight {
            Weight::from_parts(594_220_000, 0).saturating_add($db.reads_writes(16, 2))
        }
        fn veto_ending() -> Weight {
            Weight::from_parts(71_581_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn withdraw() -> Weight {
            Weight::from_parts(162_355_000, 0).saturating_add($db.reads_writes(4, 2))
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
