//! Weights of `pallet_access_log`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 20 steps, 10 repeats; AMD EPYC.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    /// `r`: 1 to 64.
    fn open(r: u32) -> Weight;
    /// `d`: 1 to 64.
    fn delivered(d: u32) -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:1 w:0)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:64 w:0)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::Refusals` (r:1 w:1)
        // Proof: `AccessLog::Refusals` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn open(r: u32) -> Weight {
            Weight::from_parts(126_676_952, 4194)
                .saturating_add($db.reads_writes(9, 2))
                // Standard error: 68_834
                .saturating_add(Weight::from_parts(5_642_808, 0).saturating_mul(r.into()))
                .saturating_add($db.reads(1).saturating_mul(r.into()))
                .saturating_add(Weight::from_parts(0, 2703).saturating_mul(r.into()))
        }
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Patients::Patients` (r:64 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:64 w:0)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:64 w:64)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn delivered(d: u32) -> Weight {
            Weight::from_parts(100_951_197, 3851)
                .saturating_add($db.reads_writes(5, 0))
                // Standard error: 455_590
                .saturating_add(Weight::from_parts(26_109_144, 0).saturating_mul(d.into()))
                .saturating_add($db.reads(3).saturating_mul(d.into()))
                .saturating_add($db.writes(1).saturating_mul(d.into()))
                .saturating_add(Weight::from_parts(0, 2703).saturating_mul(d.into()))
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
