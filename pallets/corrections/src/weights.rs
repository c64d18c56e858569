//! Weights of `pallet_corrections`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 8 steps, 5 repeats; AMD EPYC.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn ask() -> Weight;
    fn accept() -> Weight;
    fn partly_accept() -> Weight;
    fn deny() -> Weight;
    fn disagree() -> Weight;
    fn rebut() -> Weight;
    fn extend() -> Weight;
    fn make() -> Weight;
    fn name_successor() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:0)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Open` (r:1 w:1)
        // Proof: `Corrections::Open` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        // Storage: `Corrections::NextCorrection` (r:1 w:1)
        // Proof: `Corrections::NextCorrection` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Corrections` (r:0 w:1)
        // Proof: `Corrections::Corrections` (`max_values`: None, `max_size`: Some(275), added: 2750, mode: `MaxEncodedLen`)
        fn ask() -> Weight {
            Weight::from_parts(78_116_000, 3693).saturating_add($db.reads_writes(8, 4))
        }
        // Storage: `Corrections::Corrections` (r:1 w:1)
        // Proof: `Corrections::Corrections` (`max_values`: None, `max_size`: Some(275), added: 2750, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:2 w:2)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:1 w:0)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Open` (r:0 w:1)
        // Proof: `Corrections::Open` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        fn accept() -> Weight {
            Weight::from_parts(107_741_000, 6396).saturating_add($db.reads_writes(10, 5))
        }
        // Storage: `Corrections::Corrections` (r:1 w:1)
        // Proof: `Corrections::Corrections` (`max_values`: None, `max_size`: Some(275), added: 2750, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:2 w:2)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:1 w:0)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Open` (r:0 w:1)
        // Proof: `Corrections::Open` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        fn partly_accept() -> Weight {
            Weight::from_parts(109_865_000, 6396).saturating_add($db.reads_writes(10, 5))
        }
        // Storage: `Corrections::Corrections` (r:1 w:1)
        // Proof: `Corrections::Corrections` (`max_values`: None, `max_size`: Some(275), added: 2750, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:0)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:1 w:0)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Open` (r:0 w:1)
        // Proof: `Corrections::Open` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        fn deny() -> Weight {
            Weight::from_parts(91_571_000, 3851).saturating_add($db.reads_writes(9, 3))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Corrections` (r:1 w:1)
        // Proof: `Corrections::Corrections` (`max_values`: None, `max_size`: Some(275), added: 2750, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Corrections::LetterAuthors` (r:0 w:1)
        // Proof: `Corrections::LetterAuthors` (`max_values`: None, `max_size`: Some(85), added: 2560, mode: `MaxEncodedLen`)
        fn disagree() -> Weight {
            Weight::from_parts(68_317_000, 3740).saturating_add($db.reads_writes(6, 3))
        }
        // Storage: `Corrections::Corrections` (r:1 w:1)
        // Proof: `Corrections::Corrections` (`max_values`: None, `max_size`: Some(275), added: 2750, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:0)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:1 w:0)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Corrections::LetterAuthors` (r:0 w:1)
        // Proof: `Corrections::LetterAuthors` (`max_values`: None, `max_size`: Some(85), added: 2560, mode: `MaxEncodedLen`)
        fn rebut() -> Weight {
            Weight::from_parts(93_274_000, 3851).saturating_add($db.reads_writes(9, 3))
        }
        // Storage: `Corrections::Corrections` (r:1 w:1)
        // Proof: `Corrections::Corrections` (`max_values`: None, `max_size`: Some(275), added: 2750, mode: `MaxEncodedLen`)
        // Storage: `Records::Records` (r:1 w:0)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:1 w:0)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn extend() -> Weight {
            Weight::from_parts(89_908_000, 3851).saturating_add($db.reads_writes(9, 2))
        }
        // Storage: `Records::Records` (r:2 w:2)
        // Proof: `Records::Records` (`max_values`: None, `max_size`: Some(228), added: 2703, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:1 w:0)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Open` (r:1 w:0)
        // Proof: `Corrections::Open` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn make() -> Weight {
            Weight::from_parts(114_623_000, 6396).saturating_add($db.reads_writes(10, 3))
        }
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Corrections::Successors` (r:0 w:1)
        // Proof: `Corrections::Successors` (`max_values`: None, `max_size`: Some(16), added: 2491, mode: `MaxEncodedLen`)
        fn name_successor() -> Weight {
            Weight::from_parts(24_325_000, 3851).saturating_add($db.reads_writes(1, 1))
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
