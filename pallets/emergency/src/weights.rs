//! Weights of `pallet_emergency`, reckoned from the reads and writes of each call and from similar
//! calls of its neighbours; `scripts/weights` measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    /// `c`: 1 to 32.
    fn set_plan(c: u32) -> Weight;
    fn remove_plan() -> Weight;
    fn break_glass() -> Weight;
    /// Where nothing opens. `c`, compartments that were closed since: 0 to 32.
    fn break_glass_refused(c: u32) -> Weight;
    fn review() -> Weight;
    fn dispute() -> Weight;
    /// `g`: 0 to 32.
    fn readmit(g: u32) -> Weight;
    fn on_succession() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        fn set_plan(c: u32) -> Weight {
            Weight::from_parts(110_000_000, 3_851)
                .saturating_add(Weight::from_parts(6_100_000, 2_559).saturating_mul(c.into()))
                .saturating_add($db.reads_writes(12, 2))
                .saturating_add($db.reads(1).saturating_mul(c.into()))
        }
        fn remove_plan() -> Weight {
            Weight::from_parts(60_000_000, 4_500).saturating_add($db.reads_writes(5, 2))
        }
        // As a grant of 32 compartments with an envelope, eight rows of its own, and four keys of the
        // organisation's queue. The compartments are looked at once more before.
        fn break_glass() -> Weight {
            Weight::from_parts(570_000_000, 95_867).saturating_add($db.reads_writes(55, 16))
        }
        // Standing, the caps, what waits, four keys of the organisation's queue; then two caps and the
        // entry in the trail; and each compartment of a plan that is looked for in vain.
        fn break_glass_refused(c: u32) -> Weight {
            Weight::from_parts(130_000_000, 6_700)
                .saturating_add(Weight::from_parts(6_100_000, 2_559).saturating_mul(c.into()))
                .saturating_add($db.reads_writes(20, 3))
                .saturating_add($db.reads(1).saturating_mul(c.into()))
        }
        fn review() -> Weight {
            Weight::from_parts(120_000_000, 4_700).saturating_add($db.reads_writes(11, 6))
        }
        fn dispute() -> Weight {
            Weight::from_parts(75_000_000, 3_851).saturating_add($db.reads_writes(6, 3))
        }
        // Each that is overdue is moved in the queue and noted.
        fn readmit(g: u32) -> Weight {
            Weight::from_parts(70_000_000, 4_700)
                .saturating_add(Weight::from_parts(5_000_000, 0).saturating_mul(g.into()))
                .saturating_add($db.reads_writes(3, 2))
                .saturating_add($db.writes(3).saturating_mul(g.into()))
        }
        fn on_succession() -> Weight {
            Weight::from_parts(45_000_000, 4_500).saturating_add($db.reads_writes(2, 2))
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
