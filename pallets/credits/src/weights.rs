//! Weights of `pallet_credits`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn burn() -> Weight;
    fn mint() -> Weight;
    fn reclaim() -> Weight;
    /// `n`: 0 to 128.
    fn sweep(n: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn burn() -> Weight {
            Weight::from_parts(81_066_000, 0).saturating_add($db.reads_writes(2, 2))
        }
        fn mint() -> Weight {
            Weight::from_parts(76_340_000, 0).saturating_add($db.reads_writes(2, 2))
        }
        fn reclaim() -> Weight {
            Weight::from_parts(184_230_000, 0).saturating_add($db.reads_writes(7, 6))
        }
        fn sweep(n: u32) -> Weight {
            Weight::from_parts(10_946_000, 0)
                .saturating_add($db.reads_writes(4, 1))
                .saturating_add(Weight::from_parts(165_585_836, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(5).saturating_mul(n.into()))
                .saturating_add($db.writes(5).saturating_mul(n.into()))
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
