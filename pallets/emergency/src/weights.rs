//! Weights of `pallet_emergency`, measured: made by `scripts/weights`, not by hand.
//!
//! 4 steps, 5 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn break_glass() -> Weight;
    /// `c`: 0 to 32.
    fn break_glass_refused(c: u32) -> Weight;
    fn dispute() -> Weight;
    fn on_succession() -> Weight;
    /// `g`: 0 to 32.
    fn readmit(g: u32) -> Weight;
    fn remove_plan() -> Weight;
    fn review() -> Weight;
    /// `c`: 1 to 32.
    fn set_plan(c: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn break_glass() -> Weight {
            Weight::from_parts(714_807_000, 0).saturating_add($db.reads_writes(53, 18))
        }
        fn break_glass_refused(c: u32) -> Weight {
            Weight::from_parts(233_652_555, 0)
                .saturating_add($db.reads_writes(16, 3))
                .saturating_add(Weight::from_parts(4_608_044, 0).saturating_mul(c.into()))
                .saturating_add($db.reads(1).saturating_mul(c.into()))
        }
        fn dispute() -> Weight {
            Weight::from_parts(117_445_000, 0).saturating_add($db.reads_writes(6, 3))
        }
        fn on_succession() -> Weight {
            Weight::from_parts(73_428_000, 0).saturating_add($db.reads_writes(4, 2))
        }
        fn readmit(g: u32) -> Weight {
            Weight::from_parts(14_096_485, 0)
                .saturating_add($db.reads_writes(3, 2))
                .saturating_add(Weight::from_parts(10_289_069, 0).saturating_mul(g.into()))
                .saturating_add($db.writes(3).saturating_mul(g.into()))
        }
        fn remove_plan() -> Weight {
            Weight::from_parts(155_979_000, 0).saturating_add($db.reads_writes(5, 2))
        }
        fn review() -> Weight {
            Weight::from_parts(234_770_000, 0).saturating_add($db.reads_writes(14, 7))
        }
        fn set_plan(c: u32) -> Weight {
            Weight::from_parts(37_631_994, 0)
                .saturating_add($db.reads_writes(12, 2))
                .saturating_add(Weight::from_parts(28_555_425, 0).saturating_mul(c.into()))
                .saturating_add($db.reads(1).saturating_mul(c.into()))
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
