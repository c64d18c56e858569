//! Weights of `pallet_members`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn admit() -> Weight;
    fn check_member() -> Weight;
    fn credential() -> Weight;
    fn end_credential() -> Weight;
    fn publish_organisation_recipient() -> Weight;
    fn publish_recipient() -> Weight;
    fn reinstate() -> Weight;
    fn reinstate_clinician() -> Weight;
    fn set_admin() -> Weight;
    fn set_allowance() -> Weight;
    fn set_directory() -> Weight;
    fn set_profile() -> Weight;
    fn suspend() -> Weight;
    fn suspend_clinician() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn admit() -> Weight {
            Weight::from_parts(435_373_000, 0).saturating_add($db.reads_writes(9, 11))
        }
        fn check_member() -> Weight {
            Weight::from_parts(171_665_000, 0).saturating_add($db.reads_writes(11, 4))
        }
        fn credential() -> Weight {
            Weight::from_parts(313_753_000, 0).saturating_add($db.reads_writes(10, 5))
        }
        fn end_credential() -> Weight {
            Weight::from_parts(66_348_000, 0).saturating_add($db.reads_writes(3, 3))
        }
        fn publish_organisation_recipient() -> Weight {
            Weight::from_parts(236_034_000, 0).saturating_add($db.reads_writes(5, 1))
        }
        fn publish_recipient() -> Weight {
            Weight::from_parts(235_886_000, 0).saturating_add($db.reads_writes(5, 1))
        }
        fn reinstate() -> Weight {
            Weight::from_parts(316_383_000, 0).saturating_add($db.reads_writes(5, 5))
        }
        fn reinstate_clinician() -> Weight {
            Weight::from_parts(63_626_000, 0).saturating_add($db.reads_writes(4, 1))
        }
        fn set_admin() -> Weight {
            Weight::from_parts(423_721_000, 0).saturating_add($db.reads_writes(8, 10))
        }
        fn set_allowance() -> Weight {
            Weight::from_parts(21_678_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn set_directory() -> Weight {
            Weight::from_parts(50_032_000, 0).saturating_add($db.reads_writes(3, 1))
        }
        fn set_profile() -> Weight {
            Weight::from_parts(300_245_000, 0).saturating_add($db.reads_writes(4, 2))
        }
        fn suspend() -> Weight {
            Weight::from_parts(335_761_000, 0).saturating_add($db.reads_writes(6, 6))
        }
        fn suspend_clinician() -> Weight {
            Weight::from_parts(70_201_000, 0).saturating_add($db.reads_writes(5, 1))
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
