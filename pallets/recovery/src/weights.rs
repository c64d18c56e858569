//! Weights of `pallet_recovery`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn approve() -> Weight;
    fn cancel() -> Weight;
    fn complete() -> Weight;
    fn finish() -> Weight;
    fn invites() -> Weight;
    fn on_succession() -> Weight;
    fn remove_plan() -> Weight;
    fn set_plan() -> Weight;
    fn start() -> Weight;
    fn veto_ending() -> Weight;
    fn withdraw() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn approve() -> Weight {
            Weight::from_parts(105_568_000, 0).saturating_add($db.reads_writes(13, 2))
        }
        fn cancel() -> Weight {
            Weight::from_parts(65_604_000, 0).saturating_add($db.reads_writes(7, 2))
        }
        fn complete() -> Weight {
            Weight::from_parts(202_655_000, 0).saturating_add($db.reads_writes(15, 10))
        }
        fn finish() -> Weight {
            Weight::from_parts(961_522_000, 0).saturating_add($db.reads_writes(91, 77))
        }
        fn invites() -> Weight {
            Weight::from_parts(19_980_000, 0).saturating_add($db.reads_writes(2, 0))
        }
        fn on_succession() -> Weight {
            Weight::from_parts(164_649_000, 0).saturating_add($db.reads_writes(13, 10))
        }
        fn remove_plan() -> Weight {
            Weight::from_parts(208_445_000, 0).saturating_add($db.reads_writes(15, 10))
        }
        fn set_plan() -> Weight {
            Weight::from_parts(77_906_000, 0).saturating_add($db.reads_writes(7, 3))
        }
        fn start() -> Weight {
            Weight::from_parts(220_226_000, 0).saturating_add($db.reads_writes(16, 2))
        }
        fn veto_ending() -> Weight {
            Weight::from_parts(56_325_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn withdraw() -> Weight {
            Weight::from_parts(48_461_000, 0).saturating_add($db.reads_writes(4, 2))
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
