//! Weights of `pallet_motions`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    /// `m`: 1 to 64.
    fn close(m: u32) -> Weight;
    /// `m`: 1 to 64.
    fn propose(m: u32) -> Weight;
    /// `m`: 1 to 64.
    fn refuse(m: u32) -> Weight;
    /// `m`: 1 to 64.
    fn vote(m: u32) -> Weight;
    /// `m`: 1 to 64.
    fn withdraw(m: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn close(_m: u32) -> Weight {
            Weight::from_parts(370_852_008, 0).saturating_add($db.reads_writes(9, 5))
        }
        fn propose(m: u32) -> Weight {
            Weight::from_parts(334_307_741, 0)
                .saturating_add($db.reads_writes(23, 0))
                .saturating_add(Weight::from_parts(647_569, 0).saturating_mul(m.into()))
        }
        fn refuse(m: u32) -> Weight {
            Weight::from_parts(152_223_643, 0)
                .saturating_add($db.reads_writes(14, 0))
                .saturating_add(Weight::from_parts(204_396, 0).saturating_mul(m.into()))
        }
        fn vote(m: u32) -> Weight {
            Weight::from_parts(58_743_475, 0)
                .saturating_add($db.reads_writes(3, 1))
                .saturating_add(Weight::from_parts(142_420, 0).saturating_mul(m.into()))
        }
        fn withdraw(m: u32) -> Weight {
            Weight::from_parts(195_740_203, 0)
                .saturating_add($db.reads_writes(5, 5))
                .saturating_add(Weight::from_parts(1_475_441, 0).saturating_mul(m.into()))
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
