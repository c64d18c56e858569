//! Weights of `pallet_corrections`, measured: made by `scripts/weights`, not by hand.
//!
//! 4 steps, 5 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn accept() -> Weight;
    fn ask() -> Weight;
    fn deny() -> Weight;
    fn disagree() -> Weight;
    fn extend() -> Weight;
    fn make() -> Weight;
    fn name_successor() -> Weight;
    fn partly_accept() -> Weight;
    fn rebut() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn accept() -> Weight {
            Weight::from_parts(157_689_000, 0).saturating_add($db.reads_writes(10, 6))
        }
        fn ask() -> Weight {
            Weight::from_parts(125_767_000, 0).saturating_add($db.reads_writes(8, 5))
        }
        fn deny() -> Weight {
            Weight::from_parts(143_463_000, 0).saturating_add($db.reads_writes(9, 5))
        }
        fn disagree() -> Weight {
            Weight::from_parts(117_235_000, 0).saturating_add($db.reads_writes(6, 4))
        }
        fn extend() -> Weight {
            Weight::from_parts(156_659_000, 0).saturating_add($db.reads_writes(9, 3))
        }
        fn make() -> Weight {
            Weight::from_parts(147_641_000, 0).saturating_add($db.reads_writes(10, 4))
        }
        fn name_successor() -> Weight {
            Weight::from_parts(27_258_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn partly_accept() -> Weight {
            Weight::from_parts(162_589_000, 0).saturating_add($db.reads_writes(10, 7))
        }
        fn rebut() -> Weight {
            Weight::from_parts(126_046_000, 0).saturating_add($db.reads_writes(9, 5))
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
