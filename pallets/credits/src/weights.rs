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
            Weight::from_parts(59_409_000, 0).saturating_add($db.reads_writes(2, 2))
        }
        fn mint() -> Weight {
            Weight::from_parts(70_003_000, 0).saturating_add($db.reads_writes(2, 2))
        }
        fn reclaim() -> Weight {
            Weight::from_parts(131_924_000, 0).saturating_add($db.reads_writes(7, 6))
        }
        fn sweep(n: u32) -> Weight {
            Weight::from_parts(215_089_868, 0)
                .saturating_add($db.reads_writes(4, 1))
                .saturating_add(Weight::from_parts(94_411_505, 0).saturating_mul(n.into()))
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
