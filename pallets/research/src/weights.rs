//! Weights of `pallet_research`, reckoned from the reads and writes of each call; `scripts/weights`
//! measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn announce() -> Weight;
    fn opt_in() -> Weight;
    fn withdraw() -> Weight;
    fn end() -> Weight;
    /// `n`: 0 to 32.
    fn on_succession(n: u32) -> Weight;
    /// Whatever is refused before anything is granted.
    fn refused() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn announce() -> Weight {
            Weight::from_parts(80_000_000, 3_851).saturating_add($db.reads_writes(6, 4))
        }
        fn opt_in() -> Weight {
            Weight::from_parts(340_000_000, 6_700).saturating_add($db.reads_writes(23, 17))
        }
        fn withdraw() -> Weight {
            Weight::from_parts(180_000_000, 9_600).saturating_add($db.reads_writes(12, 9))
        }
        fn end() -> Weight {
            Weight::from_parts(100_000_000, 6_400).saturating_add($db.reads_writes(7, 4))
        }
        fn on_succession(n: u32) -> Weight {
            Weight::from_parts(40_000_000, 9_600)
                .saturating_add($db.reads_writes(5, 3))
                .saturating_add(Weight::from_parts(120_000_000, 4_194).saturating_mul(n.into()))
                .saturating_add($db.reads_writes(4, 5).saturating_mul(n.into()))
        }
        fn refused() -> Weight {
            Weight::from_parts(80_000_000, 3_851).saturating_add($db.reads(9))
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
