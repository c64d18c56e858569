//! Weights of `pallet-patients`.
//!
//! Reckoned by hand from the storage that each call touches (counts beside each figure), until
//! figures measured by `frame-omni-bencher` replace this file. Trail and event are included.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, RuntimeDbWeight, Weight},
};

pub trait WeightInfo {
    fn enrol() -> Weight;
    fn add_controller() -> Weight;
    fn remove_controller() -> Weight;
    fn set_keyring() -> Weight;
    fn restrict() -> Weight;
    fn lift() -> Weight;
    fn set_inbox() -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Three signatures, each tried plain, then as browser wallets wrap it; the intake
        // compartment; two entries of the trail.
        fn enrol() -> Weight {
            reckon($db, 420, 14, 13)
        }
        // All 16 controllers are counted.
        fn add_controller() -> Weight {
            reckon($db, 70, 22, 6)
        }
        // All 16 controllers are counted.
        fn remove_controller() -> Weight {
            reckon($db, 70, 21, 5)
        }
        fn set_keyring() -> Weight {
            reckon($db, 35, 4, 3)
        }
        fn restrict() -> Weight {
            reckon($db, 35, 4, 3)
        }
        fn lift() -> Weight {
            reckon($db, 35, 4, 3)
        }
        fn set_inbox() -> Weight {
            reckon($db, 165, 5, 3)
        }
    };
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight::get());
}

impl WeightInfo for () {
    weights!(RocksDbWeight::get());
}

/// Microseconds of computing, reads, writes; a read costs at most 3,000 bytes of proof.
fn reckon(db: RuntimeDbWeight, micros: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(
        micros.saturating_mul(1_000_000),
        reads.saturating_mul(3_000),
    )
    .saturating_add(db.reads_writes(reads, writes))
}
