//! Weights of `pallet_timelock`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn announce() -> Weight;
    fn cancel() -> Weight;
    fn enact() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn announce() -> Weight {
            Weight::from_parts(23_706_000, 0).saturating_add($db.reads_writes(5, 3))
        }
        fn cancel() -> Weight {
            Weight::from_parts(17_633_000, 0).saturating_add($db.reads_writes(2, 2))
        }
        fn enact() -> Weight {
            Weight::from_parts(24_034_000, 0).saturating_add($db.reads_writes(3, 2))
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
