//! Weights of `pallet_recovery`, measured: made by `scripts/weights`, not by hand.
//!
//! 4 steps, 5 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
            Weight::from_parts(171_021_000, 0).saturating_add($db.reads_writes(12, 2))
        }
        fn cancel() -> Weight {
            Weight::from_parts(153_898_000, 0).saturating_add($db.reads_writes(7, 2))
        }
        fn complete() -> Weight {
            Weight::from_parts(479_159_000, 0).saturating_add($db.reads_writes(15, 10))
        }
        fn finish() -> Weight {
            Weight::from_parts(1_825_507_000, 0).saturating_add($db.reads_writes(88, 78))
        }
        // By hand, until it is measured.
        fn invites() -> Weight {
            Weight::from_parts(20_000_000, 0).saturating_add($db.reads_writes(2, 0))
        }
        fn on_succession() -> Weight {
            Weight::from_parts(391_809_000, 0).saturating_add($db.reads_writes(13, 10))
        }
        fn remove_plan() -> Weight {
            Weight::from_parts(537_181_000, 0).saturating_add($db.reads_writes(15, 10))
        }
        fn set_plan() -> Weight {
            Weight::from_parts(347_276_000, 0).saturating_add($db.reads_writes(14, 3))
        }
        fn start() -> Weight {
            Weight::from_parts(533_239_000, 0).saturating_add($db.reads_writes(15, 2))
        }
        fn veto_ending() -> Weight {
            Weight::from_parts(155_525_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn withdraw() -> Weight {
            Weight::from_parts(126_937_000, 0).saturating_add($db.reads_writes(6, 2))
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
