//! Weights of `pallet_records`.
//!
//! Not measured yet: reads and writes are counted, and the time is an estimate on the high side (a
//! signature check 60 µs and, wrapped by a wallet, twice; hashing and encoding 25 µs per event).

#![allow(clippy::unnecessary_cast)]

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::ParityDbWeight, Weight},
};

pub trait WeightInfo {
    fn open_compartment() -> Weight;
    fn rotate() -> Weight;
    fn anchor() -> Weight;
    fn anchor_many(n: u32) -> Weight;
    fn reclassify() -> Weight;
    fn relocate() -> Weight;
    fn erase() -> Weight;
    fn cancel_erase() -> Weight;
    fn finish_erase() -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

// Of the neighbours, each call reads the patient, the controller, the clock and the genesis hash, and
// reads and writes the head of the trail. A member is read with its organisation, a grant with the
// restriction and intake of its patient.
macro_rules! weights {
    ($db:ty) => {
        fn open_compartment() -> Weight {
            Weight::from_parts(190_000_000, 8_000).saturating_add(db::<$db>(7, 4))
        }
        fn rotate() -> Weight {
            Weight::from_parts(190_000_000, 8_000).saturating_add(db::<$db>(6, 3))
        }
        fn anchor() -> Weight {
            Weight::from_parts(60_000_000, 12_000).saturating_add(db::<$db>(10, 4))
        }
        fn anchor_many(n: u32) -> Weight {
            Weight::from_parts(10_000_000, 2_000)
                .saturating_add(Weight::from_parts(60_000_000, 12_000).saturating_mul(n as u64))
                .saturating_add(db::<$db>(10, 4).saturating_mul(n as u64))
        }
        fn reclassify() -> Weight {
            Weight::from_parts(60_000_000, 10_000).saturating_add(db::<$db>(8, 4))
        }
        fn relocate() -> Weight {
            Weight::from_parts(60_000_000, 10_000).saturating_add(db::<$db>(8, 4))
        }
        fn erase() -> Weight {
            Weight::from_parts(50_000_000, 8_000).saturating_add(db::<$db>(6, 2))
        }
        fn cancel_erase() -> Weight {
            Weight::from_parts(50_000_000, 8_000).saturating_add(db::<$db>(6, 2))
        }
        fn finish_erase() -> Weight {
            Weight::from_parts(50_000_000, 8_000).saturating_add(db::<$db>(7, 2))
        }
    };
}

fn db<D: Get<frame_support::weights::RuntimeDbWeight>>(reads: u64, writes: u64) -> Weight {
    D::get().reads_writes(reads, writes)
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight);
}

impl WeightInfo for () {
    weights!(ParityDbWeight);
}
