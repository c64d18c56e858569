//! Weights of `pallet_consent`, measured: made by `scripts/weights`, not by hand.
//!
//! 20 steps, 10 repeats; Intel(R) Xeon(R) Processor, 2 cores.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    /// `s`: 1 to 32.
    fn approve(s: u32) -> Weight;
    fn decline() -> Weight;
    fn deliver_envelope() -> Weight;
    /// `s`: 1 to 32.
    fn grant(s: u32) -> Weight;
    /// `n`: 0 to 64.
    fn on_succession(n: u32) -> Weight;
    fn refused() -> Weight;
    fn request() -> Weight;
    fn revoke() -> Weight;
    /// `n`: 0 to 128.
    fn sweep(n: u32) -> Weight;
    fn withdraw_request() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn approve(s: u32) -> Weight {
            Weight::from_parts(253_497_296, 0)
                .saturating_add($db.reads_writes(20, 18))
                .saturating_add(Weight::from_parts(2_378_812, 0).saturating_mul(s.into()))
                .saturating_add($db.reads(1).saturating_mul(s.into()))
        }
        fn decline() -> Weight {
            Weight::from_parts(148_025_000, 0).saturating_add($db.reads_writes(11, 7))
        }
        fn deliver_envelope() -> Weight {
            Weight::from_parts(78_903_000, 0).saturating_add($db.reads_writes(8, 5))
        }
        fn grant(s: u32) -> Weight {
            Weight::from_parts(137_179_931, 0)
                .saturating_add($db.reads_writes(13, 11))
                .saturating_add(Weight::from_parts(2_593_211, 0).saturating_mul(s.into()))
                .saturating_add($db.reads(1).saturating_mul(s.into()))
        }
        fn on_succession(n: u32) -> Weight {
            Weight::from_parts(51_840_161, 0)
                .saturating_add($db.reads_writes(4, 2))
                .saturating_add(Weight::from_parts(39_788_869, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(3).saturating_mul(n.into()))
                .saturating_add($db.writes(4).saturating_mul(n.into()))
        }
        fn refused() -> Weight {
            Weight::from_parts(59_208_000, 0).saturating_add($db.reads_writes(8, 0))
        }
        fn request() -> Weight {
            Weight::from_parts(180_121_000, 0).saturating_add($db.reads_writes(13, 10))
        }
        fn revoke() -> Weight {
            Weight::from_parts(86_213_000, 0).saturating_add($db.reads_writes(10, 7))
        }
        fn sweep(n: u32) -> Weight {
            Weight::from_parts(10_909_000, 0)
                .saturating_add($db.reads_writes(4, 0))
                .saturating_add(Weight::from_parts(47_170_457, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(6).saturating_mul(n.into()))
                .saturating_add($db.writes(5).saturating_mul(n.into()))
        }
        fn withdraw_request() -> Weight {
            Weight::from_parts(152_382_000, 0).saturating_add($db.reads_writes(12, 8))
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
