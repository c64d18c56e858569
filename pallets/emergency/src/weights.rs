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
    fn break_glass_refused() -> Weight;
    fn dispute() -> Weight;
    fn end_glass() -> Weight;
    fn on_succession() -> Weight;
    /// `g`: 0 to 32.
    fn readmit(g: u32) -> Weight;
    /// `c`: 1 to 32.
    fn reveal(c: u32) -> Weight;
    fn review() -> Weight;
    fn set_plan() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn break_glass() -> Weight {
            Weight::from_parts(400_000_000, 0).saturating_add($db.reads_writes(22, 12))
        }
        fn break_glass_refused() -> Weight {
            Weight::from_parts(150_000_000, 0).saturating_add($db.reads(15))
        }
        fn dispute() -> Weight {
            Weight::from_parts(117_445_000, 0).saturating_add($db.reads_writes(6, 3))
        }
        fn end_glass() -> Weight {
            Weight::from_parts(350_000_000, 0).saturating_add($db.reads_writes(30, 12))
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
        fn reveal(c: u32) -> Weight {
            Weight::from_parts(350_000_000, 0)
                .saturating_add($db.reads_writes(25, 12))
                .saturating_add(Weight::from_parts(9_000_000, 0).saturating_mul(c.into()))
                .saturating_add($db.reads(2).saturating_mul(c.into()))
        }
        fn review() -> Weight {
            Weight::from_parts(234_770_000, 0).saturating_add($db.reads_writes(14, 7))
        }
        fn set_plan() -> Weight {
            Weight::from_parts(90_000_000, 0).saturating_add($db.reads_writes(13, 2))
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
