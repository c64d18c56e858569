//! Weights of `pallet_patients`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 8 steps, 5 repeats; AMD EPYC. `hand_over` and
//! `void_enrolment` are reckoned from the reads and writes of each.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn enrol() -> Weight;
    fn add_controller() -> Weight;
    fn remove_controller() -> Weight;
    fn set_keyring() -> Weight;
    fn restrict() -> Weight;
    fn lift() -> Weight;
    fn set_inbox() -> Weight;
    fn hand_over() -> Weight;
    fn void_enrolment() -> Weight;
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
        // Storage: `Patients::Patients` (r:1 w:1)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:1)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Sponsors` (r:1 w:1)
        // Proof: `Patients::Sponsors` (`max_values`: None, `max_size`: Some(65), added: 2540, mode: `MaxEncodedLen`)
        // Storage: `System::Account` (r:1 w:1)
        // Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `Records::Intakes` (r:1 w:1)
        // Proof: `Records::Intakes` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
        // Storage: `Records::Compartments` (r:1 w:1)
        // Proof: `Records::Compartments` (`max_values`: None, `max_size`: Some(84), added: 2559, mode: `MaxEncodedLen`)
        // Storage: `Records::CompartmentCount` (r:1 w:1)
        // Proof: `Records::CompartmentCount` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
        // Storage: `Patients::ControlledBy` (r:0 w:1)
        // Proof: `Patients::ControlledBy` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `Patients::Inboxes` (r:0 w:1)
        // Proof: `Patients::Inboxes` (`max_values`: None, `max_size`: Some(1437), added: 3912, mode: `MaxEncodedLen`)
        // Storage: `Records::Recipients` (r:0 w:1)
        // Proof: `Records::Recipients` (`max_values`: None, `max_size`: Some(1469), added: 3944, mode: `MaxEncodedLen`)
        fn enrol() -> Weight {
            Weight::from_parts(442_596_000, 3851).saturating_add($db.reads_writes(13, 11))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:17 w:1)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Sponsors` (r:1 w:1)
        // Proof: `Patients::Sponsors` (`max_values`: None, `max_size`: Some(65), added: 2540, mode: `MaxEncodedLen`)
        // Storage: `System::Account` (r:1 w:1)
        // Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Patients::ControlledBy` (r:0 w:1)
        // Proof: `Patients::ControlledBy` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        fn add_controller() -> Weight {
            Weight::from_parts(119_432_000, 44595).saturating_add($db.reads_writes(23, 5))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:10 w:1)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Sponsors` (r:1 w:1)
        // Proof: `Patients::Sponsors` (`max_values`: None, `max_size`: Some(65), added: 2540, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Patients::ControlledBy` (r:0 w:1)
        // Proof: `Patients::ControlledBy` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        fn remove_controller() -> Weight {
            Weight::from_parts(117_329_000, 26640).saturating_add($db.reads_writes(15, 4))
        }
        // Storage: `Patients::Patients` (r:1 w:1)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        fn set_keyring() -> Weight {
            Weight::from_parts(55_574_000, 3555).saturating_add($db.reads_writes(5, 2))
        }
        // Storage: `Patients::Patients` (r:1 w:1)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn restrict() -> Weight {
            Weight::from_parts(54_331_000, 3555).saturating_add($db.reads_writes(5, 2))
        }
        // Storage: `Patients::Patients` (r:1 w:1)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        fn lift() -> Weight {
            Weight::from_parts(53_640_000, 3555).saturating_add($db.reads_writes(5, 2))
        }
        // Storage: `Patients::Patients` (r:1 w:0)
        // Proof: `Patients::Patients` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Controllers` (r:1 w:0)
        // Proof: `Patients::Controllers` (`max_values`: None, `max_size`: Some(90), added: 2565, mode: `MaxEncodedLen`)
        // Storage: `Patients::Inboxes` (r:1 w:1)
        // Proof: `Patients::Inboxes` (`max_values`: None, `max_size`: Some(1437), added: 3912, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        // Storage: `AccessLog::TrailHeads` (r:1 w:1)
        // Proof: `AccessLog::TrailHeads` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        fn set_inbox() -> Weight {
            Weight::from_parts(158_937_000, 4902).saturating_add($db.reads_writes(6, 2))
        }
        // 16 controllers: of each `Controllers` (r:2 w:1), `ControlledBy` (w:1), `Sponsors` (r:1 w:1);
        // of the new owner the same and `System::Account` (r:1 w:1); `Patients` (r:2), `HandOvers`
        // (r:1 w:1), the clock, the genesis hash, the trail's head (w:1); the helpers' plan (w:1) and
        // at most 7 recoveries (r:7 w:7).
        fn hand_over() -> Weight {
            Weight::from_parts(600_000_000, 44_595).saturating_add($db.reads_writes(66, 62))
        }
        // The same without a new owner and its signature; the admin (r:3) and `Patients` (w:1).
        fn void_enrolment() -> Weight {
            Weight::from_parts(450_000_000, 44_595).saturating_add($db.reads_writes(64, 59))
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
