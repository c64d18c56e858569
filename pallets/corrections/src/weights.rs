//! Weights of `pallet_corrections`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
            Weight::from_parts(104_724_000, 0).saturating_add($db.reads_writes(10, 6))
        }
        fn ask() -> Weight {
            Weight::from_parts(83_103_000, 0).saturating_add($db.reads_writes(8, 5))
        }
        fn deny() -> Weight {
            Weight::from_parts(90_210_000, 0).saturating_add($db.reads_writes(9, 5))
        }
        fn disagree() -> Weight {
            Weight::from_parts(74_005_000, 0).saturating_add($db.reads_writes(6, 4))
        }
        fn extend() -> Weight {
            Weight::from_parts(86_054_000, 0).saturating_add($db.reads_writes(9, 3))
        }
        fn make() -> Weight {
            Weight::from_parts(99_145_000, 0).saturating_add($db.reads_writes(10, 4))
        }
        fn name_successor() -> Weight {
            Weight::from_parts(19_916_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn partly_accept() -> Weight {
            Weight::from_parts(103_710_000, 0).saturating_add($db.reads_writes(10, 7))
        }
        fn rebut() -> Weight {
            Weight::from_parts(89_384_000, 0).saturating_add($db.reads_writes(9, 5))
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
