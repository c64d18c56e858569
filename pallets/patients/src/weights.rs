//! Weights of `pallet_patients`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 8 steps, 5 repeats; AMD EPYC. What changes roles or
//! keyrings is reckoned from the reads and writes of each.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn enrol() -> Weight;
    fn add_controller() -> Weight;
    fn add_controller_alone() -> Weight;
    fn remove_controller() -> Weight;
    fn announce_removal() -> Weight;
    fn veto_removal() -> Weight;
    fn set_keyring() -> Weight;
    fn set_keyring_at_limit() -> Weight;
    fn restore_keyring() -> Weight;
    fn restrict() -> Weight;
    fn lift() -> Weight;
    fn set_inbox() -> Weight;
    fn hand_over() -> Weight;
    fn hand_over_waits() -> Weight;
    fn complete_hand_over() -> Weight;
    fn veto_hand_over() -> Weight;
    fn void_enrolment() -> Weight;
    /// Without what ends in other pallets.
    fn succeed() -> Weight;
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
        // Of each below: `Patients` (r:1), the signer's `Controllers` (r:1), the clock, the genesis
        // hash and the trail's head (r:1 w:1) for the first event.
        //
        // 16 controllers (r:17 w:1), a signature tried in both ways; 16 words of guardians (r:16 w:16)
        // and what an expired role leaves (r:17 w:16, 16 events); `ControlledBy` (w:1), `Sponsors`
        // (r:1 w:1) with the patient's role (r:1), `System::Account` (r:1 w:1).
        fn add_controller() -> Weight {
            Weight::from_parts(530_000_000, 96_000).saturating_add($db.reads_writes(62, 39))
        }
        // 16 controllers (r:17 w:1), a signature tried in both ways, a word (r:16 w:1), `ControlledBy`
        // (w:1), `Sponsors` (r:1 w:1) with the patient's role (r:1), `System::Account` (r:1 w:1).
        fn add_controller_alone() -> Weight {
            Weight::from_parts(284_000_000, 63_000).saturating_add($db.reads_writes(43, 6))
        }
        // 16 controllers (r:17 w:1), 16 announcements (r:17 w:16, an event for each), a word (r:1 w:1),
        // `ControlledBy` (w:1), `Sponsors` (r:1 w:1) with 8 other patients (r:16); the recoveries
        // under way (r:9).
        fn remove_controller() -> Weight {
            Weight::from_parts(430_000_000, 93_000).saturating_add($db.reads_writes(67, 23))
        }
        // 16 controllers (r:17), `Removals` (r:1 w:1), the recoveries under way (r:9).
        fn announce_removal() -> Weight {
            Weight::from_parts(120_000_000, 44_595).saturating_add($db.reads_writes(32, 2))
        }
        fn veto_removal() -> Weight {
            Weight::from_parts(60_000_000, 3_600).saturating_add($db.reads_writes(6, 2))
        }
        // `Patients` (w:1), `FormerKeyrings` (r:1 w:2), their count (r:1 w:1).
        fn set_keyring() -> Weight {
            Weight::from_parts(75_000_000, 7_200).saturating_add($db.reads_writes(8, 5))
        }
        // The same; 144 former ones (r:145), of which those kept no more are found in 5 steps with the
        // recoveries under way (r:45), and 16 removed (w:16).
        fn set_keyring_at_limit() -> Weight {
            Weight::from_parts(600_000_000, 400_000).saturating_add($db.reads_writes(198, 22))
        }
        // The same without the limit, and the recoveries under way (r:9).
        fn restore_keyring() -> Weight {
            Weight::from_parts(100_000_000, 26_000).saturating_add($db.reads_writes(18, 5))
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
        // What `succeed` costs, a signature tried in both ways, 16 controllers (r:17), `HandOvers`
        // (r:1 w:1) and the recovery plan (r:3).
        fn hand_over() -> Weight {
            Self::succeed()
                .saturating_add(Weight::from_parts(260_000_000, 44_595))
                .saturating_add($db.reads_writes(26, 2))
        }
        fn hand_over_waits() -> Weight {
            Weight::from_parts(260_000_000, 44_595).saturating_add($db.reads_writes(43, 2))
        }
        // The same without a signature, with the recoveries under way (r:9).
        fn complete_hand_over() -> Weight {
            Self::succeed()
                .saturating_add(Weight::from_parts(120_000_000, 44_595))
                .saturating_add($db.reads_writes(32, 2))
        }
        fn veto_hand_over() -> Weight {
            Weight::from_parts(60_000_000, 3_600).saturating_add($db.reads_writes(6, 2))
        }
        // What `succeed` costs without a new owner; the admin (r:3) and `Patients` (r:1 w:1).
        fn void_enrolment() -> Weight {
            Self::succeed()
                .saturating_add(Weight::from_parts(60_000_000, 4_000))
                .saturating_add($db.reads_writes(6, 2))
        }
        // 16 controllers: of each `Controllers` (r:1 w:1), `ControlledBy` (w:1), `Sponsors` (r:1 w:1)
        // with 8 other patients (r:16), and an event; `HandOvers` (r:1 w:1), 16 words (r:17 w:16) and
        // 16 announcements (r:17 w:16) with an event for each; `Patients` (r:1 w:1); of the new owner
        // the same as of each and its account (r:1 w:1).
        fn succeed() -> Weight {
            Weight::from_parts(1_520_000_000, 140_000).saturating_add($db.reads_writes(350, 106))
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
