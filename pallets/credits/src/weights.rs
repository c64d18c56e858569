//! Weights of `pallet_credits`, reckoned from the reads and writes of each call; `scripts/weights`
//! measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn mint() -> Weight;
    fn burn() -> Weight;
    fn reclaim() -> Weight;
    /// `n`: 0 to 128.
    fn sweep(n: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn mint() -> Weight {
            Weight::from_parts(60_000_000, 6_100).saturating_add($db.reads_writes(3, 3))
        }
        fn burn() -> Weight {
            Weight::from_parts(60_000_000, 8_600).saturating_add($db.reads_writes(4, 3))
        }
        fn reclaim() -> Weight {
            Weight::from_parts(100_000_000, 6_400).saturating_add($db.reads_writes(7, 6))
        }
        fn sweep(n: u32) -> Weight {
            Weight::from_parts(28_000_000, 3_593)
                .saturating_add($db.reads_writes(2, 1))
                .saturating_add(Weight::from_parts(90_000_000, 5_300).saturating_mul(n.into()))
                .saturating_add($db.reads_writes(7, 6).saturating_mul(n.into()))
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
