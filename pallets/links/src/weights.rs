//! Weights of `pallet_links`.

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
            Weight::from_parts(150_000_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn end() -> Weight {
            Weight::from_parts(150_000_000, 0).saturating_add($db.reads_writes(5, 2))
        }
        fn fetched() -> Weight {
            Weight::from_parts(150_000_000, 0).saturating_add($db.reads_writes(6, 3))
        }
        fn on_succession(n: u32) -> Weight {
            Weight::from_parts(20_000_000, 0)
                .saturating_add($db.reads_writes(3, 2))
                .saturating_add(Weight::from_parts(60_000_000, 0).saturating_mul(n.into()))
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
