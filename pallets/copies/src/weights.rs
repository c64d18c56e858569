//! Weights of `pallet_copies`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
            Weight::from_parts(72_256_520, 0)
                .saturating_add($db.reads_writes(4, 0))
                .saturating_add(Weight::from_parts(34_213_035, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(4).saturating_mul(n.into()))
                .saturating_add($db.writes(3).saturating_mul(n.into()))
        }
        fn set_replication() -> Weight {
            Weight::from_parts(8_130_000, 0).saturating_add($db.reads_writes(1, 1))
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
