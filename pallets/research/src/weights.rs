//! Weights of `pallet_research`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn announce() -> Weight;
    fn end() -> Weight;
    fn on_succession() -> Weight;
    fn opt_in() -> Weight;
    fn refused() -> Weight;
    fn withdraw() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn announce() -> Weight {
            Weight::from_parts(78_111_000, 0).saturating_add($db.reads_writes(7, 4))
        }
        fn end() -> Weight {
            Weight::from_parts(119_748_000, 0).saturating_add($db.reads_writes(9, 3))
        }
        fn on_succession() -> Weight {
            Weight::from_parts(83_059_000, 0).saturating_add($db.reads_writes(9, 7))
        }
        fn opt_in() -> Weight {
            Weight::from_parts(195_557_000, 0).saturating_add($db.reads_writes(18, 14))
        }
        fn refused() -> Weight {
            Weight::from_parts(31_678_000, 0).saturating_add($db.reads_writes(6, 0))
        }
        fn withdraw() -> Weight {
            Weight::from_parts(93_014_000, 0).saturating_add($db.reads_writes(10, 7))
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
