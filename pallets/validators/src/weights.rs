//! Weights of `pallet-validators`.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn bar() -> Weight;
    fn readmit() -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn bar() -> Weight {
            Weight::from_parts(10_000_000, 3_489).saturating_add($db.reads_writes(1, 1))
        }
        fn readmit() -> Weight {
            Weight::from_parts(10_000_000, 3_489).saturating_add($db.reads_writes(1, 1))
        }
    };
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight::get());
}

impl WeightInfo for () {
    weights!(RocksDbWeight::get());
}
