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
    fn check_controller() -> Weight;
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
            Weight::from_parts(203_055_000, 0).saturating_add($db.reads_writes(9, 11))
        }
        fn check_controller() -> Weight {
            Weight::from_parts(91_294_000, 0).saturating_add($db.reads_writes(11, 4))
        }
        fn check_member() -> Weight {
            Weight::from_parts(69_208_000, 0).saturating_add($db.reads_writes(7, 3))
        }
        fn credential() -> Weight {
            Weight::from_parts(217_753_000, 0).saturating_add($db.reads_writes(10, 5))
        }
        fn end_credential() -> Weight {
            Weight::from_parts(43_460_000, 0).saturating_add($db.reads_writes(3, 3))
        }
        fn publish_organisation_recipient() -> Weight {
            Weight::from_parts(151_887_000, 0).saturating_add($db.reads_writes(5, 1))
        }
        fn publish_recipient() -> Weight {
            Weight::from_parts(146_428_000, 0).saturating_add($db.reads_writes(5, 1))
        }
        fn reinstate() -> Weight {
            Weight::from_parts(160_548_000, 0).saturating_add($db.reads_writes(5, 5))
        }
        fn reinstate_clinician() -> Weight {
            Weight::from_parts(35_030_000, 0).saturating_add($db.reads_writes(4, 1))
        }
        fn set_admin() -> Weight {
            Weight::from_parts(198_164_000, 0).saturating_add($db.reads_writes(8, 10))
        }
        fn set_allowance() -> Weight {
            Weight::from_parts(14_538_000, 0).saturating_add($db.reads_writes(1, 1))
        }
        fn set_directory() -> Weight {
            Weight::from_parts(30_971_000, 0).saturating_add($db.reads_writes(3, 1))
        }
        fn set_profile() -> Weight {
            Weight::from_parts(133_390_000, 0).saturating_add($db.reads_writes(4, 2))
        }
        fn suspend() -> Weight {
            Weight::from_parts(170_019_000, 0).saturating_add($db.reads_writes(6, 6))
        }
        fn suspend_clinician() -> Weight {
            Weight::from_parts(36_867_000, 0).saturating_add($db.reads_writes(5, 1))
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
