//! Weights of `pallet_records`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn anchor() -> Weight;
    /// `p`: 1 to 64.
    /// `n`: 0 to 64.
    fn anchor_many(p: u32, n: u32) -> Weight;
    /// `f`: 0 to 16.
    fn cancel_erase(f: u32) -> Weight;
    /// `f`: 0 to 16.
    fn erase(f: u32) -> Weight;
    fn finish_erase() -> Weight;
    /// `f`: 0 to 16.
    fn reclassify(f: u32) -> Weight;
    /// `f`: 0 to 16.
    fn relocate(f: u32) -> Weight;
    /// `f`: 0 to 15.
    fn restore(f: u32) -> Weight;
    fn rotate() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn anchor() -> Weight {
            Weight::from_parts(218_432_000, 0).saturating_add($db.reads_writes(11, 5))
        }
        fn anchor_many(p: u32, n: u32) -> Weight {
            Weight::from_parts(1_075_370_991, 0)
                .saturating_add($db.reads_writes(4, 0))
                .saturating_add(Weight::from_parts(53_764_169, 0).saturating_mul(p.into()))
                .saturating_add(Weight::from_parts(24_588_885, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(7).saturating_mul(p.into()))
                .saturating_add($db.reads(1).saturating_mul(n.into()))
                .saturating_add($db.writes(5).saturating_mul(p.into()))
                .saturating_add($db.writes(2).saturating_mul(n.into()))
        }
        fn cancel_erase(f: u32) -> Weight {
            Weight::from_parts(106_818_096, 0)
                .saturating_add($db.reads_writes(11, 3))
                .saturating_add(Weight::from_parts(7_279_733, 0).saturating_mul(f.into()))
                .saturating_add($db.writes(1).saturating_mul(f.into()))
        }
        fn erase(f: u32) -> Weight {
            Weight::from_parts(120_983_521, 0)
                .saturating_add($db.reads_writes(10, 4))
                .saturating_add(Weight::from_parts(10_241_387, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(1).saturating_mul(f.into()))
        }
        fn finish_erase() -> Weight {
            Weight::from_parts(93_675_000, 0).saturating_add($db.reads_writes(10, 3))
        }
        fn reclassify(f: u32) -> Weight {
            Weight::from_parts(182_065_444, 0)
                .saturating_add($db.reads_writes(12, 6))
                .saturating_add(Weight::from_parts(11_422_757, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn relocate(f: u32) -> Weight {
            Weight::from_parts(168_109_116, 0)
                .saturating_add($db.reads_writes(12, 6))
                .saturating_add(Weight::from_parts(13_252_811, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn restore(f: u32) -> Weight {
            Weight::from_parts(183_664_348, 0)
                .saturating_add($db.reads_writes(11, 5))
                .saturating_add(Weight::from_parts(16_000_276, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn rotate() -> Weight {
            Weight::from_parts(301_318_000, 0).saturating_add($db.reads_writes(6, 3))
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
