//! Weights of `pallet_validators`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
            Weight::from_parts(13_455_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn readmit() -> Weight {
            Weight::from_parts(12_579_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn revive(_g: u32) -> Weight {
            Weight::from_parts(34_340_970, 0).saturating_add($db.reads_writes(6, 1))
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
