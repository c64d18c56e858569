//! Weights of `pallet_motions`, measured: made by `scripts/weights`, not by hand.
//!
//! 10 steps, 8 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
        fn close(m: u32) -> Weight {
            Weight::from_parts(296_112_196, 0)
                .saturating_add($db.reads_writes(9, 5))
                .saturating_add(Weight::from_parts(558_993, 0).saturating_mul(m.into()))
        }
        fn propose(_m: u32) -> Weight {
            Weight::from_parts(612_783_553, 0).saturating_add($db.reads_writes(23, 0))
        }
        fn refuse(m: u32) -> Weight {
            Weight::from_parts(88_479_768, 0)
                .saturating_add($db.reads_writes(14, 0))
                .saturating_add(Weight::from_parts(303_058, 0).saturating_mul(m.into()))
        }
        fn vote(m: u32) -> Weight {
            Weight::from_parts(47_186_242, 0)
                .saturating_add($db.reads_writes(3, 1))
                .saturating_add(Weight::from_parts(19_998, 0).saturating_mul(m.into()))
        }
        fn withdraw(_m: u32) -> Weight {
            Weight::from_parts(242_237_455, 0).saturating_add($db.reads_writes(5, 5))
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
