//! Weights of `pallet_consent`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 8 steps, 5 repeats; AMD EPYC. What offers, the
//! allowance, keys, envelopes and writers add, and what a succession and a refusal cost, is reckoned
//! from their reads and writes.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn request() -> Weight;
    fn withdraw_request() -> Weight;
    fn decline() -> Weight;
    /// `s`: 1 to 32.
    fn approve(s: u32) -> Weight;
    /// `s`: 1 to 32.
    fn grant(s: u32) -> Weight;
    fn revoke() -> Weight;
    fn deliver_envelope() -> Weight;
    /// `n`: 0 to 128.
    fn sweep(n: u32) -> Weight;
    /// `n`: 0 to 64.
    fn on_succession(n: u32) -> Weight;
    /// Whatever is refused before its scope is looked at.
    fn refused() -> Weight;
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
        // Storage: `Consent::NextRequest` (r:1 w:1)
        // Proof: `Consent::NextRequest` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `Consent::PendingRequests` (r:1 w:1)
        // Proof: `Consent::PendingRequests` (`max_values`: None, `max_size`: Some(237), added: 2712, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Consent::Requests` (r:0 w:1)
        // Proof: `Consent::Requests` (`max_values`: None, `max_size`: Some(146), added: 2621, mode: `MaxEncodedLen`)
        fn request() -> Weight {
            Weight::from_parts(188_024_000, 3851).saturating_add($db.reads_writes(14, 11))
        }
        // Storage: `Consent::Requests` (r:1 w:1)
        // Proof: `Consent::Requests` (`max_values`: None, `max_size`: Some(146), added: 2621, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Consent::PendingRequests` (r:1 w:1)
        // Proof: `Consent::PendingRequests` (`max_values`: None, `max_size`: Some(237), added: 2712, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn withdraw_request() -> Weight {
            Weight::from_parts(180_760_000, 6_400).saturating_add($db.reads_writes(13, 9))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Consent::Requests` (r:1 w:1)
        // Proof: `Consent::Requests` (`max_values`: None, `max_size`: Some(146), added: 2621, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Consent::PendingRequests` (r:1 w:1)
        // Proof: `Consent::PendingRequests` (`max_values`: None, `max_size`: Some(237), added: 2712, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn decline() -> Weight {
            Weight::from_parts(163_237_000, 6_300).saturating_add($db.reads_writes(11, 8))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Consent::Requests` (r:1 w:1)
        // Proof: `Consent::Requests` (`max_values`: None, `max_size`: Some(146), added: 2621, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:31 w:0)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `Consent::NextGrant` (r:1 w:1)
        // Proof: `Consent::NextGrant` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `Consent::SweepAt` (r:1 w:1)
        // Proof: `Consent::SweepAt` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Consent::Handovers` (r:1 w:1)
        // Proof: `Consent::Handovers` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
        // Storage: `Consent::PendingRequests` (r:1 w:1)
        // Proof: `Consent::PendingRequests` (`max_values`: None, `max_size`: Some(237), added: 2712, mode: `MaxEncodedLen`)
        // Storage: `Consent::GrantsTo` (r:0 w:1)
        // Proof: `Consent::GrantsTo` (`max_values`: None, `max_size`: Some(97), added: 2572, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:0 w:1)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `Consent::Envelopes` (r:0 w:1)
        // Proof: `Consent::Envelopes` (`max_values`: None, `max_size`: Some(92), added: 2567, mode: `MaxEncodedLen`)
        // Storage: `Consent::Expiries` (r:0 w:1)
        // Proof: `Consent::Expiries` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        fn approve(s: u32) -> Weight {
            Weight::from_parts(320_949_644, 6_800)
                .saturating_add($db.reads_writes(20, 19))
                // Standard error: 113_992
                .saturating_add(Weight::from_parts(6_090_457, 0).saturating_mul(s.into()))
                .saturating_add($db.reads(1).saturating_mul(s.into()))
                .saturating_add(Weight::from_parts(0, 2559).saturating_mul(s.into()))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:31 w:0)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `Consent::NextGrant` (r:1 w:1)
        // Proof: `Consent::NextGrant` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `Consent::SweepAt` (r:1 w:1)
        // Proof: `Consent::SweepAt` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Consent::Handovers` (r:1 w:1)
        // Proof: `Consent::Handovers` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
        // Storage: `Consent::GrantsTo` (r:0 w:1)
        // Proof: `Consent::GrantsTo` (`max_values`: None, `max_size`: Some(97), added: 2572, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:0 w:1)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `Consent::Envelopes` (r:0 w:1)
        // Proof: `Consent::Envelopes` (`max_values`: None, `max_size`: Some(92), added: 2567, mode: `MaxEncodedLen`)
        // Storage: `Consent::Expiries` (r:0 w:1)
        // Proof: `Consent::Expiries` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        fn grant(s: u32) -> Weight {
            Weight::from_parts(189_580_099, 4194)
                .saturating_add($db.reads_writes(13, 12))
                // Standard error: 134_610
                .saturating_add(Weight::from_parts(6_085_610, 0).saturating_mul(s.into()))
                .saturating_add($db.reads(1).saturating_mul(s.into()))
                .saturating_add(Weight::from_parts(0, 2559).saturating_mul(s.into()))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:1 w:1)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Consent::GrantsTo` (r:0 w:1)
        // Proof: `Consent::GrantsTo` (`max_values`: None, `max_size`: Some(97), added: 2572, mode: `MaxEncodedLen`)
        // Storage: `Consent::Expiries` (r:0 w:1)
        // Proof: `Consent::Expiries` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        fn revoke() -> Weight {
            Weight::from_parts(149_237_000, 9_600).saturating_add($db.reads_writes(10, 7))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:1 w:0)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Consent::Handovers` (r:1 w:1)
        // Proof: `Consent::Handovers` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Consent::Envelopes` (r:0 w:1)
        // Proof: `Consent::Envelopes` (`max_values`: None, `max_size`: Some(92), added: 2567, mode: `MaxEncodedLen`)
        fn deliver_envelope() -> Weight {
            Weight::from_parts(99_598_000, 4194).saturating_add($db.reads_writes(8, 5))
        }
        // Storage: `Consent::SweepAt` (r:1 w:0)
        // Proof: `Consent::SweepAt` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Consent::Expiries` (r:129 w:128)
        // Proof: `Consent::Expiries` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        // Storage: `Consent::Grants` (r:128 w:0)
        // Proof: `Consent::Grants` (`max_values`: None, `max_size`: Some(729), added: 3204, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Consent::GrantsTo` (r:0 w:128)
        // Proof: `Consent::GrantsTo` (`max_values`: None, `max_size`: Some(97), added: 2572, mode: `MaxEncodedLen`)
        fn sweep(n: u32) -> Weight {
            Weight::from_parts(28_009_821, 3545)
                .saturating_add($db.reads_writes(4, 1))
                // Standard error: 145_634
                .saturating_add(Weight::from_parts(50_000_000, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(7).saturating_mul(n.into()))
                .saturating_add($db.writes(5).saturating_mul(n.into()))
                .saturating_add(Weight::from_parts(0, 8_700).saturating_mul(n.into()))
        }
        fn on_succession(n: u32) -> Weight {
            Weight::from_parts(40_000_000, 9_600)
                .saturating_add($db.reads_writes(4, 3))
                .saturating_add(Weight::from_parts(80_000_000, 0).saturating_mul(n.into()))
                .saturating_add($db.reads(3).saturating_mul(n.into()))
                .saturating_add($db.writes(4).saturating_mul(n.into()))
                .saturating_add(Weight::from_parts(0, 3204).saturating_mul(n.into()))
        }
        fn refused() -> Weight {
            Weight::from_parts(100_000_000, 3851).saturating_add($db.reads(14))
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
