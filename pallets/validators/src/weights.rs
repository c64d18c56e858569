//! Weights of `pallet_validators`, measured: made by `scripts/weights`, not by hand.
//!
//! 10 steps, 8 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn bar() -> Weight;
    fn readmit() -> Weight;
    /// `g`: 0 to 127.
    fn revive(g: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn bar() -> Weight {
            Weight::from_parts(16_004_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn readmit() -> Weight {
            Weight::from_parts(13_838_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn revive(g: u32) -> Weight {
            Weight::from_parts(35_834_600, 0)
                .saturating_add($db.reads_writes(6, 1))
                .saturating_add(Weight::from_parts(2_250, 0).saturating_mul(g.into()))
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
