//! Weights of `pallet_patients`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn add_controller() -> Weight;
    fn add_controller_alone() -> Weight;
    fn announce_removal() -> Weight;
    fn complete_hand_over() -> Weight;
    fn declare_owner() -> Weight;
    fn enrol() -> Weight;
    fn hand_over() -> Weight;
    fn hand_over_waits() -> Weight;
    fn remove_controller() -> Weight;
    fn restore_keyring() -> Weight;
    fn set_inbox() -> Weight;
    fn set_keyring() -> Weight;
    fn set_keyring_at_limit() -> Weight;
    fn succeed() -> Weight;
    fn veto_hand_over() -> Weight;
    fn veto_removal() -> Weight;
    fn void_enrolment() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn add_controller() -> Weight {
            Weight::from_parts(514_798_000, 0).saturating_add($db.reads_writes(41, 19))
        }
        fn add_controller_alone() -> Weight {
            Weight::from_parts(330_850_000, 0).saturating_add($db.reads_writes(26, 5))
        }
        fn announce_removal() -> Weight {
            Weight::from_parts(79_740_000, 0).saturating_add($db.reads_writes(9, 2))
        }
        fn complete_hand_over() -> Weight {
            Weight::from_parts(1_105_774_000, 0).saturating_add($db.reads_writes(101, 87))
        }
        fn declare_owner() -> Weight {
            Weight::from_parts(166_672_000, 0).saturating_add($db.reads_writes(22, 3))
        }
        fn enrol() -> Weight {
            Weight::from_parts(433_650_000, 0).saturating_add($db.reads_writes(11, 9))
        }
        fn hand_over() -> Weight {
            Weight::from_parts(1_324_774_000, 0).saturating_add($db.reads_writes(100, 87))
        }
        fn hand_over_waits() -> Weight {
            Weight::from_parts(324_047_000, 0).saturating_add($db.reads_writes(24, 2))
        }
        fn remove_controller() -> Weight {
            Weight::from_parts(427_487_000, 0).saturating_add($db.reads_writes(32, 22))
        }
        fn restore_keyring() -> Weight {
            Weight::from_parts(101_115_000, 0).saturating_add($db.reads_writes(9, 5))
        }
        fn set_inbox() -> Weight {
            Weight::from_parts(168_251_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn set_keyring() -> Weight {
            Weight::from_parts(92_051_000, 0).saturating_add($db.reads_writes(7, 4))
        }
        fn set_keyring_at_limit() -> Weight {
            Weight::from_parts(839_815_000, 0).saturating_add($db.reads_writes(153, 20))
        }
        fn succeed() -> Weight {
            Weight::from_parts(1_008_816_000, 0).saturating_add($db.reads_writes(100, 87))
        }
        fn veto_hand_over() -> Weight {
            Weight::from_parts(66_330_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn veto_removal() -> Weight {
            Weight::from_parts(71_590_000, 0).saturating_add($db.reads_writes(6, 2))
        }
        fn void_enrolment() -> Weight {
            Weight::from_parts(1_029_216_000, 0).saturating_add($db.reads_writes(98, 83))
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
