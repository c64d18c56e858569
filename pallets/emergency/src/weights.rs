//! Weights of `pallet_emergency`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
            Weight::from_parts(115_316_000, 0).saturating_add($db.reads_writes(17, 9))
        }
        fn break_glass_refused() -> Weight {
            Weight::from_parts(64_963_000, 0).saturating_add($db.reads_writes(13, 0))
        }
        fn dispute() -> Weight {
            Weight::from_parts(57_691_000, 0).saturating_add($db.reads_writes(6, 3))
        }
        fn end_glass() -> Weight {
            Weight::from_parts(108_394_000, 0).saturating_add($db.reads_writes(10, 7))
        }
        fn on_succession() -> Weight {
            Weight::from_parts(33_202_000, 0).saturating_add($db.reads_writes(4, 2))
        }
        fn readmit(g: u32) -> Weight {
            Weight::from_parts(24_594_830, 0)
                .saturating_add($db.reads_writes(3, 2))
                .saturating_add(Weight::from_parts(6_142_767, 0).saturating_mul(g.into()))
                .saturating_add($db.writes(3).saturating_mul(g.into()))
        }
        fn reveal(c: u32) -> Weight {
            Weight::from_parts(152_897_671, 0)
                .saturating_add($db.reads_writes(12, 11))
                .saturating_add(Weight::from_parts(142_595, 0).saturating_mul(c.into()))
        }
        fn review() -> Weight {
            Weight::from_parts(145_076_000, 0).saturating_add($db.reads_writes(14, 7))
        }
        fn set_plan() -> Weight {
            Weight::from_parts(72_778_000, 0).saturating_add($db.reads_writes(12, 2))
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
