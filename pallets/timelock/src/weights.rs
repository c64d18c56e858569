//! Weights of `pallet-timelock`.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn announce() -> Weight;
    fn enact() -> Weight;
    fn cancel() -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn announce() -> Weight {
            Weight::from_parts(30_000_000, 7_500).saturating_add($db.reads_writes(4, 3))
        }
        fn enact() -> Weight {
            Weight::from_parts(30_000_000, 7_500).saturating_add($db.reads_writes(3, 2))
        }
        fn cancel() -> Weight {
            Weight::from_parts(20_000_000, 7_500).saturating_add($db.reads_writes(2, 2))
        }
    };
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight::get());
}

impl WeightInfo for () {
    weights!(RocksDbWeight::get());
}
