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
            Weight::from_parts(96_499_000, 0).saturating_add($db.reads_writes(11, 5))
        }
        fn anchor_many(p: u32, n: u32) -> Weight {
            Weight::from_parts(415_773_893, 0)
                .saturating_add($db.reads_writes(4, 0))
                .saturating_add(Weight::from_parts(60_286_091, 0).saturating_mul(p.into()))
                .saturating_add(Weight::from_parts(13_136_378, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(7).saturating_mul(p.into()))
                .saturating_add($db.reads(1).saturating_mul(n.into()))
                .saturating_add($db.writes(5).saturating_mul(p.into()))
                .saturating_add($db.writes(2).saturating_mul(n.into()))
        }
        fn cancel_erase(f: u32) -> Weight {
            Weight::from_parts(93_603_004, 0)
                .saturating_add($db.reads_writes(11, 3))
                .saturating_add(Weight::from_parts(6_718_026, 0).saturating_mul(f.into()))
                .saturating_add($db.writes(1).saturating_mul(f.into()))
        }
        fn erase(f: u32) -> Weight {
            Weight::from_parts(104_666_292, 0)
                .saturating_add($db.reads_writes(10, 4))
                .saturating_add(Weight::from_parts(8_736_940, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(1).saturating_mul(f.into()))
        }
        fn finish_erase() -> Weight {
            Weight::from_parts(83_197_000, 0).saturating_add($db.reads_writes(10, 3))
        }
        fn reclassify(f: u32) -> Weight {
            Weight::from_parts(191_568_062, 0)
                .saturating_add($db.reads_writes(12, 6))
                .saturating_add(Weight::from_parts(11_149_296, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn relocate(f: u32) -> Weight {
            Weight::from_parts(146_688_365, 0)
                .saturating_add($db.reads_writes(12, 6))
                .saturating_add(Weight::from_parts(11_973_573, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn restore(f: u32) -> Weight {
            Weight::from_parts(149_369_651, 0)
                .saturating_add($db.reads_writes(11, 5))
                .saturating_add(Weight::from_parts(11_203_395, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn rotate() -> Weight {
            Weight::from_parts(173_563_000, 0).saturating_add($db.reads_writes(6, 3))
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
