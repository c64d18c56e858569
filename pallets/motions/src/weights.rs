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
            Weight::from_parts(209_849_847, 0).saturating_add($db.reads_writes(9, 5))
        }
        fn propose(m: u32) -> Weight {
            Weight::from_parts(225_075_849, 0)
                .saturating_add($db.reads_writes(23, 0))
                .saturating_add(Weight::from_parts(123_489, 0).saturating_mul(m.into()))
        }
        fn refuse(m: u32) -> Weight {
            Weight::from_parts(78_379_633, 0)
                .saturating_add($db.reads_writes(14, 0))
                .saturating_add(Weight::from_parts(219_431, 0).saturating_mul(m.into()))
        }
        fn vote(m: u32) -> Weight {
            Weight::from_parts(30_717_686, 0)
                .saturating_add($db.reads_writes(3, 1))
                .saturating_add(Weight::from_parts(61_387, 0).saturating_mul(m.into()))
        }
        fn withdraw(m: u32) -> Weight {
            Weight::from_parts(153_165_449, 0)
                .saturating_add($db.reads_writes(5, 5))
                .saturating_add(Weight::from_parts(8_392, 0).saturating_mul(m.into()))
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
