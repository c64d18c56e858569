//! Weights of `pallet_access_log`, reckoned from the reads and writes of each call and from what was
//! measured before; `scripts/weights` measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    /// `r`: 1 to 64.
    fn open(r: u32) -> Weight;
    /// `d`: 1 to 64.
    fn delivered(d: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // One row beside what was measured: the organisation's visits.
        fn open(r: u32) -> Weight {
            Weight::from_parts(140_000_000, 4194)
                .saturating_add($db.reads_writes(10, 3))
                .saturating_add(Weight::from_parts(5_700_000, 2703).saturating_mul(r.into()))
                .saturating_add($db.reads(1).saturating_mul(r.into()))
        }
        // Each delivery looks up patient, record, grant, visits and head; ranks all vaults to find
        // the keepers; and writes visits and head.
        fn delivered(d: u32) -> Weight {
            Weight::from_parts(110_000_000, 3851)
                .saturating_add($db.reads_writes(8, 0))
                .saturating_add(Weight::from_parts(440_000_000, 3204).saturating_mul(d.into()))
                .saturating_add($db.reads_writes(5, 2).saturating_mul(d.into()))
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
