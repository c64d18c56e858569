//! Weights of `pallet_records`, measured: made by `scripts/weights`, not by hand.
//!
//! 4 steps, 5 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
            Weight::from_parts(176_888_000, 0).saturating_add($db.reads_writes(11, 5))
        }
        fn anchor_many(p: u32, n: u32) -> Weight {
            Weight::from_parts(1_330_893_000, 0)
                .saturating_add($db.reads_writes(4, 0))
                .saturating_add(Weight::from_parts(174_798_364, 0).saturating_mul(p.into()))
                .saturating_add(Weight::from_parts(66_214_092, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(7).saturating_mul(p.into()))
                .saturating_add($db.reads(1).saturating_mul(n.into()))
                .saturating_add($db.writes(5).saturating_mul(p.into()))
                .saturating_add($db.writes(2).saturating_mul(n.into()))
        }
        fn cancel_erase(f: u32) -> Weight {
            Weight::from_parts(198_077_834, 0)
                .saturating_add($db.reads_writes(12, 3))
                .saturating_add(Weight::from_parts(1_769_612, 0).saturating_mul(f.into()))
                .saturating_add($db.writes(1).saturating_mul(f.into()))
        }
        fn erase(f: u32) -> Weight {
            Weight::from_parts(252_727_010, 0)
                .saturating_add($db.reads_writes(11, 3))
                .saturating_add(Weight::from_parts(7_602_020, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(1).saturating_mul(f.into()))
        }
        fn finish_erase() -> Weight {
            Weight::from_parts(122_015_000, 0).saturating_add($db.reads_writes(10, 3))
        }
        fn reclassify(f: u32) -> Weight {
            Weight::from_parts(331_756_943, 0)
                .saturating_add($db.reads_writes(12, 6))
                .saturating_add(Weight::from_parts(18_772_448, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn relocate(f: u32) -> Weight {
            Weight::from_parts(273_764_710, 0)
                .saturating_add($db.reads_writes(12, 6))
                .saturating_add(Weight::from_parts(27_519_564, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn restore(f: u32) -> Weight {
            Weight::from_parts(200_881_333, 0)
                .saturating_add($db.reads_writes(11, 5))
                .saturating_add(Weight::from_parts(13_312_866, 0).saturating_mul(f.into()))
                .saturating_add($db.reads(1).saturating_mul(f.into()))
                .saturating_add($db.writes(2).saturating_mul(f.into()))
        }
        fn rotate() -> Weight {
            Weight::from_parts(243_377_000, 0).saturating_add($db.reads_writes(6, 3))
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
