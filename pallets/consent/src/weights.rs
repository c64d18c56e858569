//! Weights of `pallet_consent`, measured: made by `scripts/weights`, not by hand.
//!
//! 4 steps, 5 repeats; Intel(R) Xeon(R) Processor, 2 cores.

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
            Weight::from_parts(296_464_052, 0)
                .saturating_add($db.reads_writes(19, 18))
                .saturating_add(Weight::from_parts(11_080_442, 0).saturating_mul(s.into()))
                .saturating_add($db.reads(1).saturating_mul(s.into()))
        }
        fn decline() -> Weight {
            Weight::from_parts(169_781_000, 0).saturating_add($db.reads_writes(11, 7))
        }
        fn deliver_envelope() -> Weight {
            Weight::from_parts(122_265_000, 0).saturating_add($db.reads_writes(8, 5))
        }
        fn grant(s: u32) -> Weight {
            Weight::from_parts(142_110_963, 0)
                .saturating_add($db.reads_writes(12, 11))
                .saturating_add(Weight::from_parts(9_934_130, 0).saturating_mul(s.into()))
                .saturating_add($db.reads(1).saturating_mul(s.into()))
        }
        fn on_succession(n: u32) -> Weight {
            Weight::from_parts(21_586_000, 0)
                .saturating_add($db.reads_writes(3, 1))
                .saturating_add(Weight::from_parts(166_898_587, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(3).saturating_mul(n.into()))
                .saturating_add($db.writes(4).saturating_mul(n.into()))
        }
        fn refused() -> Weight {
            Weight::from_parts(123_124_000, 0).saturating_add($db.reads_writes(8, 0))
        }
        fn request() -> Weight {
            Weight::from_parts(208_965_000, 0).saturating_add($db.reads_writes(13, 10))
        }
        fn revoke() -> Weight {
            Weight::from_parts(167_330_000, 0).saturating_add($db.reads_writes(10, 7))
        }
        fn sweep(n: u32) -> Weight {
            Weight::from_parts(916_675_747, 0)
                .saturating_add($db.reads_writes(3, 0))
                .saturating_add(Weight::from_parts(96_385_383, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(6).saturating_mul(n.into()))
                .saturating_add($db.writes(5).saturating_mul(n.into()))
        }
        fn withdraw_request() -> Weight {
            Weight::from_parts(184_403_000, 0).saturating_add($db.reads_writes(12, 8))
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
