//! Weights of `pallet_access_log`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn commit_reads() -> Weight;
    /// `d`: 1 to 64.
    fn delivered(d: u32) -> Weight;
    /// `r`: 1 to 64.
    fn open(r: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn commit_reads() -> Weight {
            Weight::from_parts(44_029_000, 0).saturating_add($db.reads_writes(4, 1))
        }
        fn delivered(d: u32) -> Weight {
            Weight::from_parts(93_237_958, 0)
                .saturating_add($db.reads_writes(6, 0))
                .saturating_add(Weight::from_parts(47_661_712, 0).saturating_mul(d.into()))
                .saturating_add($db.reads(5).saturating_mul(d.into()))
                .saturating_add($db.writes(2).saturating_mul(d.into()))
        }
        fn open(r: u32) -> Weight {
            Weight::from_parts(89_431_797, 0)
                .saturating_add($db.reads_writes(9, 3))
                .saturating_add(Weight::from_parts(4_433_754, 0).saturating_mul(r.into()))
                .saturating_add($db.reads(1).saturating_mul(r.into()))
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
