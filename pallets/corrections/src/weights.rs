//! Weights of `pallet_corrections`.
//!
//! Not measured yet: reads and writes are counted, and the time is an estimate on the high side.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::ParityDbWeight, RuntimeDbWeight, Weight},
};

pub trait WeightInfo {
    fn ask() -> Weight;
    fn accept() -> Weight;
    fn partly_accept() -> Weight;
    fn deny() -> Weight;
    fn disagree() -> Weight;
    fn rebut() -> Weight;
    fn extend() -> Weight;
    fn make() -> Weight;
    fn name_successor() -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

// Of the neighbours, a controller's call reads the patient and the controller; a responder's reads
// the record, the member, its organisation and the successor; linking reads and writes two records.
// Each reads the clock and the genesis hash, and reads and writes the head of the trail.
macro_rules! weights {
    ($db:ty) => {
        fn ask() -> Weight {
            Weight::from_parts(60_000_000, 10_000).saturating_add(db::<$db>(8, 4))
        }
        fn accept() -> Weight {
            Weight::from_parts(80_000_000, 16_000).saturating_add(db::<$db>(11, 5))
        }
        fn partly_accept() -> Weight {
            Weight::from_parts(80_000_000, 16_000).saturating_add(db::<$db>(11, 5))
        }
        fn deny() -> Weight {
            Weight::from_parts(60_000_000, 12_000).saturating_add(db::<$db>(9, 3))
        }
        fn disagree() -> Weight {
            Weight::from_parts(60_000_000, 8_000).saturating_add(db::<$db>(6, 3))
        }
        fn rebut() -> Weight {
            Weight::from_parts(60_000_000, 12_000).saturating_add(db::<$db>(9, 3))
        }
        fn extend() -> Weight {
            Weight::from_parts(60_000_000, 12_000).saturating_add(db::<$db>(9, 2))
        }
        fn make() -> Weight {
            Weight::from_parts(80_000_000, 16_000).saturating_add(db::<$db>(10, 3))
        }
        fn name_successor() -> Weight {
            Weight::from_parts(20_000_000, 4_000).saturating_add(db::<$db>(1, 1))
        }
    };
}

fn db<D: Get<RuntimeDbWeight>>(reads: u64, writes: u64) -> Weight {
    D::get().reads_writes(reads, writes)
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight);
}

impl WeightInfo for () {
    weights!(ParityDbWeight);
}
