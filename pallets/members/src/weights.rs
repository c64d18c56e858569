//! Weights of `pallet-members`.
//!
//! Reckoned by hand from the storage that each call touches (counts beside each figure), until
//! figures measured by `frame-omni-bencher` replace this file.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, RuntimeDbWeight, Weight},
};

pub trait WeightInfo {
    /// `o`: organisations that exist.
    fn admit(o: u32) -> Weight;
    /// `o`: organisations that exist.
    fn suspend(o: u32) -> Weight;
    /// `o`: organisations that exist.
    fn reinstate(o: u32) -> Weight;
    /// `o`: organisations that exist.
    fn set_admin(o: u32) -> Weight;
    fn set_profile() -> Weight;
    fn publish_recipient() -> Weight;
    fn publish_organisation_recipient() -> Weight;
    fn credential() -> Weight;
    fn suspend_clinician() -> Weight;
    fn reinstate_clinician() -> Weight;
    fn end_credential() -> Weight;
    /// The transaction extension: standing, two buckets, nonce; charge and refund.
    fn check_member() -> Weight;
}

pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn admit(o: u32) -> Weight {
            seats($db, o).saturating_add(reckon($db, 40, 6, 8))
        }
        fn suspend(o: u32) -> Weight {
            seats($db, o).saturating_add(reckon($db, 30, 2, 3))
        }
        fn reinstate(o: u32) -> Weight {
            seats($db, o).saturating_add(reckon($db, 30, 2, 3))
        }
        fn set_admin(o: u32) -> Weight {
            seats($db, o).saturating_add(reckon($db, 40, 7, 8))
        }
        fn set_profile() -> Weight {
            reckon($db, 30, 2, 1)
        }
        // Two signatures are tried: plain, then as browser wallets wrap it.
        fn publish_recipient() -> Weight {
            reckon($db, 160, 6, 1)
        }
        fn publish_organisation_recipient() -> Weight {
            reckon($db, 160, 4, 1)
        }
        fn credential() -> Weight {
            reckon($db, 40, 7, 4)
        }
        fn suspend_clinician() -> Weight {
            reckon($db, 25, 3, 1)
        }
        fn reinstate_clinician() -> Weight {
            reckon($db, 25, 3, 1)
        }
        fn end_credential() -> Weight {
            reckon($db, 30, 3, 2)
        }
        fn check_member() -> Weight {
            reckon($db, 25, 7, 2)
        }
    };
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight::get());
}

impl WeightInfo for () {
    weights!(RocksDbWeight::get());
}

/// Every organisation is read; the council writes its seats and looks through its 64 motions.
fn seats(db: RuntimeDbWeight, organisations: u32) -> Weight {
    reckon(db, 100, 66, 66).saturating_add(reckon(db, 3, 1, 0).saturating_mul(organisations.into()))
}

/// Microseconds of computing, reads, writes; a read costs at most 3,000 bytes of proof.
fn reckon(db: RuntimeDbWeight, micros: u64, reads: u64, writes: u64) -> Weight {
    Weight::from_parts(
        micros.saturating_mul(1_000_000),
        reads.saturating_mul(3_000),
    )
    .saturating_add(db.reads_writes(reads, writes))
}
