//! Weights of `pallet_motions`, reckoned: `scripts/weights` measures them.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn propose(m: u32) -> Weight;
    fn vote(m: u32) -> Weight;
    fn close(m: u32) -> Weight;
    fn withdraw(m: u32) -> Weight;
    fn refuse(m: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Storage: `Council::Members`, `Council::Proposals`, `Council::ProposalCount`
        // Storage: `Motions::Motions` (r:8 w:5), `Motions::MotionsOf` (r:6 w:5)
        // Storage: `Council::Voting` (r:8 w:5), `Council::ProposalOf` (r:1 w:5)
        // Storage: `Members::Organisations`, for the electorate
        fn propose(m: u32) -> Weight {
            Weight::from_parts(600_000_000, 8_192)
                .saturating_add(Weight::from_parts(600_000, 0).saturating_mul(m.into()))
                .saturating_add($db.reads_writes(30, 22))
        }
        // Storage: `Council::Members` (r:1 w:0), `Motions::Motions` (r:1 w:0)
        // Storage: `Council::Voting` (r:1 w:1)
        fn vote(m: u32) -> Weight {
            Weight::from_parts(60_000_000, 8_192)
                .saturating_add(Weight::from_parts(120_000, 0).saturating_mul(m.into()))
                .saturating_add($db.reads_writes(3, 1))
        }
        // Storage: `Council::Members` (r:1 w:0), `Council::Proposals` (r:1 w:1)
        // Storage: `Council::Voting`, `Council::ProposalOf` (r:1 w:1)
        // Storage: `Motions::Motions`, `Motions::MotionsOf` (r:1 w:1)
        fn close(m: u32) -> Weight {
            Weight::from_parts(250_000_000, 16_384)
                .saturating_add(Weight::from_parts(250_000, 0).saturating_mul(m.into()))
                .saturating_add($db.reads_writes(8, 5))
        }
        // Storage: as `close`.
        fn withdraw(m: u32) -> Weight {
            Weight::from_parts(200_000_000, 8_192)
                .saturating_add(Weight::from_parts(120_000, 0).saturating_mul(m.into()))
                .saturating_add($db.reads_writes(6, 5))
        }
        // Storage: `Council::Members` (r:1 w:0), `Motions::MotionsOf` (r:1 w:0)
        // Storage: `Motions::Motions`, `Council::Voting` (r:4 w:0)
        fn refuse(m: u32) -> Weight {
            Weight::from_parts(120_000_000, 8_192)
                .saturating_add(Weight::from_parts(350_000, 0).saturating_mul(m.into()))
                .saturating_add($db.reads_writes(11, 0))
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
