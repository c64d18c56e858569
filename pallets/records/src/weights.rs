//! Weights of `pallet_records`, measured: made by `scripts/weights`. What counting contents and noting
//! erasures adds is reckoned from its reads and writes, until it is measured.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 10 steps, 5 repeats; AMD EPYC.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn open_compartment() -> Weight;
    fn rotate() -> Weight;
    fn anchor() -> Weight;
    /// `p`: 1 to 64.
    /// `n`: 0 to 64.
    fn anchor_many(p: u32, n: u32) -> Weight;
    /// `f`: 0 to 16.
    fn reclassify(f: u32) -> Weight;
    /// `f`: 0 to 16.
    fn relocate(f: u32) -> Weight;
    /// `f`: 0 to 16.
    fn erase(f: u32) -> Weight;
    /// `f`: 0 to 16.
    fn cancel_erase(f: u32) -> Weight;
    fn finish_erase() -> Weight;
    /// `f`: 0 to 15.
    fn restore(f: u32) -> Weight;
    fn close_compartment() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:1 w:1)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `Records::CompartmentCount` (r:1 w:1)
        // Proof: `Records::CompartmentCount` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `Records::Recipients` (r:0 w:1)
        // Proof: `Records::Recipients` (`max_values`: None, `max_size`: Some(1469), added: 3944, mode: `MaxEncodedLen`)
        fn open_compartment() -> Weight {
            Weight::from_parts(296_323_000, 3555).saturating_add($db.reads_writes(7, 4))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:1 w:1)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `Records::Recipients` (r:0 w:1)
        // Proof: `Records::Recipients` (`max_values`: None, `max_size`: Some(1469), added: 3944, mode: `MaxEncodedLen`)
        fn rotate() -> Weight {
            Weight::from_parts(274_261_000, 3555).saturating_add($db.reads_writes(6, 3))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn anchor() -> Weight {
            Weight::from_parts(235_000_000, 4194).saturating_add($db.reads_writes(13, 6))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn anchor_many(p: u32, n: u32) -> Weight {
            Weight::from_parts(340_000_000, 3851)
                .saturating_add($db.reads_writes(4, 0))
                .saturating_add(Weight::from_parts(135_000_000, 0).saturating_mul(p.into()))
                .saturating_add(Weight::from_parts(95_000_000, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(9).saturating_mul(p.into()))
                .saturating_add($db.writes(6).saturating_mul(p.into()))
                .saturating_add($db.reads_writes(1, 2).saturating_mul(n.into()))
                .saturating_add(Weight::from_parts(0, 3204).saturating_mul(p.into()))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn reclassify(f: u32) -> Weight {
            Weight::from_parts(250_000_000, 6000)
                .saturating_add($db.reads_writes(14, 9))
                .saturating_add(Weight::from_parts(20_000_000, 0).saturating_mul(f.into()))
                .saturating_add($db.reads_writes(1, 2).saturating_mul(f.into()))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn relocate(f: u32) -> Weight {
            Weight::from_parts(230_000_000, 6000)
                .saturating_add($db.reads_writes(12, 6))
                .saturating_add(Weight::from_parts(20_000_000, 0).saturating_mul(f.into()))
                .saturating_add($db.reads_writes(1, 2).saturating_mul(f.into()))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn erase(f: u32) -> Weight {
            Weight::from_parts(180_000_000, 6000)
                .saturating_add($db.reads_writes(14, 4))
                .saturating_add(Weight::from_parts(16_000_000, 0).saturating_mul(f.into()))
                .saturating_add($db.reads_writes(1, 1).saturating_mul(f.into()))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn cancel_erase(f: u32) -> Weight {
            Weight::from_parts(155_000_000, 6000)
                .saturating_add($db.reads_writes(14, 3))
                .saturating_add(Weight::from_parts(10_000_000, 0).saturating_mul(f.into()))
                .saturating_add($db.writes(1).saturating_mul(f.into()))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn finish_erase() -> Weight {
            Weight::from_parts(160_000_000, 3693).saturating_add($db.reads_writes(11, 3))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn restore(f: u32) -> Weight {
            Weight::from_parts(245_000_000, 6000)
                .saturating_add($db.reads_writes(14, 8))
                .saturating_add(Weight::from_parts(20_000_000, 0).saturating_mul(f.into()))
                .saturating_add($db.reads_writes(1, 2).saturating_mul(f.into()))
        }
        // Reckoned from its reads and writes, until it is measured.
        fn close_compartment() -> Weight {
            Weight::from_parts(130_000_000, 3693).saturating_add($db.reads_writes(10, 5))
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
