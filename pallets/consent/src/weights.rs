//! Weights of `pallet-consent`.
//!
//! Reckoned by hand from the storage that each call touches (counts beside each figure), until
//! figures measured by `frame-omni-bencher` replace this file.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, RuntimeDbWeight, Weight},
};

pub trait WeightInfo {
    fn request() -> Weight;
    fn withdraw_request() -> Weight;
    fn decline() -> Weight;
    /// `s`: compartments or records in the scope.
    fn approve(s: u32) -> Weight;
    /// `s`: compartments or records in the scope.
    fn grant(s: u32) -> Weight;
    fn revoke() -> Weight;
    fn deliver_envelope() -> Weight;
    /// `n`: grants expired, or empty hours passed over.
    fn sweep(n: u32) -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    fn request() -> Weight {
        reckon(T::DbWeight::get(), 50, 8, 5)
    }
    fn withdraw_request() -> Weight {
        reckon(T::DbWeight::get(), 40, 7, 4)
    }
    fn decline() -> Weight {
        reckon(T::DbWeight::get(), 40, 7, 4)
    }
    fn approve(s: u32) -> Weight {
        reckon(T::DbWeight::get(), 90, 16, 12).saturating_add(per_scope(T::DbWeight::get(), s))
    }
    fn grant(s: u32) -> Weight {
        reckon(T::DbWeight::get(), 80, 14, 10).saturating_add(per_scope(T::DbWeight::get(), s))
    }
    fn revoke() -> Weight {
        reckon(T::DbWeight::get(), 45, 7, 6)
    }
    fn deliver_envelope() -> Weight {
        reckon(T::DbWeight::get(), 45, 8, 5)
    }
    fn sweep(n: u32) -> Weight {
        reckon(T::DbWeight::get(), 10, 2, 1)
            .saturating_add(reckon(T::DbWeight::get(), 40, 6, 5).saturating_mul(n.into()))
    }
}

impl WeightInfo for () {
    fn request() -> Weight {
        reckon(RocksDbWeight::get(), 50, 8, 5)
    }
    fn withdraw_request() -> Weight {
        reckon(RocksDbWeight::get(), 40, 7, 4)
    }
    fn decline() -> Weight {
        reckon(RocksDbWeight::get(), 40, 7, 4)
    }
    fn approve(s: u32) -> Weight {
        reckon(RocksDbWeight::get(), 90, 16, 12).saturating_add(per_scope(RocksDbWeight::get(), s))
    }
    fn grant(s: u32) -> Weight {
        reckon(RocksDbWeight::get(), 80, 14, 10).saturating_add(per_scope(RocksDbWeight::get(), s))
    }
    fn revoke() -> Weight {
        reckon(RocksDbWeight::get(), 45, 7, 6)
    }
    fn deliver_envelope() -> Weight {
        reckon(RocksDbWeight::get(), 45, 8, 5)
    }
    fn sweep(n: u32) -> Weight {
        reckon(RocksDbWeight::get(), 10, 2, 1)
            .saturating_add(reckon(RocksDbWeight::get(), 40, 6, 5).saturating_mul(n.into()))
    }
}

/// Each compartment or record that a scope names is looked up once, and lengthens row and event.
fn per_scope(db: RuntimeDbWeight, s: u32) -> Weight {
    reckon(db, 3, 1, 0).saturating_mul(s.into())
}

/// Microseconds of computing, reads, writes; a read costs at most 3,000 bytes of proof.
fn reckon(db: RuntimeDbWeight, micros: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(
        micros.saturating_mul(1_000_000),
        reads.saturating_mul(3_000),
    )
    .saturating_add(db.reads_writes(reads, writes))
}
