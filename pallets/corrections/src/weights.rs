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
            Weight::from_parts(122_815_000, 0).saturating_add($db.reads_writes(10, 6))
        }
        fn ask() -> Weight {
            Weight::from_parts(94_003_000, 0).saturating_add($db.reads_writes(8, 5))
        }
        fn deny() -> Weight {
            Weight::from_parts(99_821_000, 0).saturating_add($db.reads_writes(9, 5))
        }
        fn disagree() -> Weight {
            Weight::from_parts(79_002_000, 0).saturating_add($db.reads_writes(6, 4))
        }
        fn extend() -> Weight {
            Weight::from_parts(86_690_000, 0).saturating_add($db.reads_writes(9, 3))
        }
        fn make() -> Weight {
            Weight::from_parts(103_432_000, 0).saturating_add($db.reads_writes(10, 4))
        }
        fn name_successor() -> Weight {
            Weight::from_parts(22_080_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn partly_accept() -> Weight {
            Weight::from_parts(116_297_000, 0).saturating_add($db.reads_writes(10, 7))
        }
        fn rebut() -> Weight {
            Weight::from_parts(108_137_000, 0).saturating_add($db.reads_writes(9, 5))
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
