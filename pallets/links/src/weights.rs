//! Weights of `pallet_links`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn create() -> Weight;
    fn end() -> Weight;
    fn fetched() -> Weight;
    /// `n`: 1 to 8.
    fn on_succession(n: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn create() -> Weight {
            Weight::from_parts(51_103_000, 0).saturating_add($db.reads_writes(7, 2))
        }
        fn end() -> Weight {
            Weight::from_parts(44_173_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn fetched() -> Weight {
            Weight::from_parts(50_363_000, 0).saturating_add($db.reads_writes(7, 3))
        }
        fn on_succession(n: u32) -> Weight {
            Weight::from_parts(25_828_162, 0)
                .saturating_add($db.reads_writes(4, 2))
                .saturating_add(Weight::from_parts(7_582_466, 0).saturating_mul(n.into()))
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
