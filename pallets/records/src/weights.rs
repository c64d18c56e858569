//! Weights of `pallet_records`, measured: made by `scripts/weights`, not by hand.
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
    fn reclassify() -> Weight;
    fn relocate() -> Weight;
    fn erase() -> Weight;
    fn cancel_erase() -> Weight;
    fn finish_erase() -> Weight;
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
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:1 w:0)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Intakes` (r:1 w:0)
        // Proof: `Records::Intakes` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:1 w:0)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `Records::NextRecord` (r:1 w:1)
        // Proof: `Records::NextRecord` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Records::Contents` (r:0 w:1)
        // Proof: `Records::Contents` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:0 w:1)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        fn anchor() -> Weight {
            Weight::from_parts(196_887_000, 4194).saturating_add($db.reads_writes(10, 4))
        }
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:64 w:0)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Patients::Patients` (r:64 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Intakes` (r:64 w:0)
        // Proof: `Records::Intakes` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:64 w:0)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `Records::NextRecord` (r:64 w:64)
        // Proof: `Records::NextRecord` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:64 w:64)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Records::Contents` (r:0 w:128)
        // Proof: `Records::Contents` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:0 w:128)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        fn anchor_many(p: u32, n: u32) -> Weight {
            Weight::from_parts(337_331_277, 3851)
                .saturating_add($db.reads_writes(4, 0))
                // Standard error: 7_487_094
                .saturating_add(Weight::from_parts(101_977_579, 0).saturating_mul(p.into()))
                // Standard error: 7_345_112
                .saturating_add(Weight::from_parts(37_738_793, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(6).saturating_mul(p.into()))
                .saturating_add($db.writes(4).saturating_mul(p.into()))
                .saturating_add($db.writes(2).saturating_mul(n.into()))
                .saturating_add(Weight::from_parts(0, 3204).saturating_mul(p.into()))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:1)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:1 w:0)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Records::Contents` (r:0 w:2)
        // Proof: `Records::Contents` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
        fn reclassify() -> Weight {
            Weight::from_parts(137_707_000, 3693).saturating_add($db.reads_writes(7, 4))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:1)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:1 w:0)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Records::Contents` (r:0 w:2)
        // Proof: `Records::Contents` (`max_values`: None, `max_size`: Some(96), added: 2571, mode: `MaxEncodedLen`)
        fn relocate() -> Weight {
            Weight::from_parts(139_430_000, 3693).saturating_add($db.reads_writes(7, 4))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:1)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn erase() -> Weight {
            Weight::from_parts(105_597_000, 3693).saturating_add($db.reads_writes(6, 2))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:1)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn cancel_erase() -> Weight {
            Weight::from_parts(103_834_000, 3693).saturating_add($db.reads_writes(6, 2))
        }
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:1)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn finish_erase() -> Weight {
            Weight::from_parts(126_466_000, 3693).saturating_add($db.reads_writes(7, 2))
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
