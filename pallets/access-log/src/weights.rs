//! Weights of `pallet-access-log`.
//!
//! Reckoned by hand from the storage that each call touches (counts beside each figure), until
//! figures measured by `frame-omni-bencher` replace this file.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, RuntimeDbWeight, Weight},
};

pub trait WeightInfo {
    /// `r`: records.
    fn open(r: u32) -> Weight;
    /// `d`: deliveries.
    fn delivered(d: u32) -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    fn open(r: u32) -> Weight {
        reckon(T::DbWeight::get(), 60, 14, 4)
            .saturating_add(reckon(T::DbWeight::get(), 4, 1, 0).saturating_mul(r.into()))
    }
    fn delivered(d: u32) -> Weight {
        reckon(T::DbWeight::get(), 20, 4, 0)
            .saturating_add(reckon(T::DbWeight::get(), 25, 5, 3).saturating_mul(d.into()))
    }
}

impl WeightInfo for () {
    fn open(r: u32) -> Weight {
        reckon(RocksDbWeight::get(), 60, 14, 4)
            .saturating_add(reckon(RocksDbWeight::get(), 4, 1, 0).saturating_mul(r.into()))
    }
    fn delivered(d: u32) -> Weight {
        reckon(RocksDbWeight::get(), 20, 4, 0)
            .saturating_add(reckon(RocksDbWeight::get(), 25, 5, 3).saturating_mul(d.into()))
    }
}

/// Microseconds of computing, reads, writes; a read costs at most 3,000 bytes of proof.
fn reckon(db: RuntimeDbWeight, micros: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(
        micros.saturating_mul(1_000_000),
        reads.saturating_mul(3_000),
    )
    .saturating_add(db.reads_writes(reads, writes))
}
