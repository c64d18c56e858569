//! Weights of `pallet_research`, reckoned from the reads and writes of each call; `scripts/weights`
//! measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn announce() -> Weight;
    fn opt_in() -> Weight;
    fn withdraw() -> Weight;
    fn end() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn announce() -> Weight {
            Weight::from_parts(80_000_000, 3_851).saturating_add($db.reads_writes(6, 4))
        }
        fn opt_in() -> Weight {
            Weight::from_parts(280_000_000, 3_851).saturating_add($db.reads_writes(19, 13))
        }
        fn withdraw() -> Weight {
            Weight::from_parts(110_000_000, 4_194).saturating_add($db.reads_writes(7, 5))
        }
        fn end() -> Weight {
            Weight::from_parts(80_000_000, 3_851).saturating_add($db.reads_writes(6, 3))
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
