//! Weights of `pallet_copies`, reckoned from the reads and writes of each call; `scripts/weights`
//! measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    /// `n`: 1 to 64.
    fn confirm_erasures(n: u32) -> Weight;
    fn set_replication() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn confirm_erasures(n: u32) -> Weight {
            Weight::from_parts(40_000_000, 3_851)
                .saturating_add(Weight::from_parts(40_000_000, 2_800).saturating_mul(n.into()))
                .saturating_add($db.reads(5))
                .saturating_add($db.reads_writes(5, 3).saturating_mul(n.into()))
        }
        fn set_replication() -> Weight {
            Weight::from_parts(10_000_000, 1_489).saturating_add($db.reads_writes(1, 1))
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
