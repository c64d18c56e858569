//! Weights of `pallet_members`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 20 steps, 10 repeats; AMD EPYC.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn admit() -> Weight;
    fn suspend() -> Weight;
    fn reinstate() -> Weight;
    fn set_admin() -> Weight;
    fn set_profile() -> Weight;
    fn publish_recipient() -> Weight;
    fn publish_organisation_recipient() -> Weight;
    fn credential() -> Weight;
    fn suspend_clinician() -> Weight;
    fn reinstate_clinician() -> Weight;
    fn end_credential() -> Weight;
    fn set_allowance() -> Weight;
    fn check_member() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Storage: `Members::NextOrganisation` (r:1 w:1)
        // Proof: `Members::NextOrganisation` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:1)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:1)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `System::Account` (r:1 w:1)
        // Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:1)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Council::Proposals` (r:1 w:0)
        // Proof: `Council::Proposals` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Council::Members` (r:0 w:1)
        // Proof: `Council::Members` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Council::Prime` (r:0 w:1)
        // Proof: `Council::Prime` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Members::CliniciansOf` (r:0 w:1)
        // Proof: `Members::CliniciansOf` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        // Storage: `Members::Seats` (r:1 w:1)
        // Storage: `Members::Vaults` (r:1 w:1)
        fn admit() -> Weight {
            Weight::from_parts(120_000_000, 35000).saturating_add($db.reads_writes(9, 10))
        }
        // Storage: `Members::Organisations` (r:1 w:1)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Council::Proposals` (r:1 w:0)
        // Proof: `Council::Proposals` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Members::NextOrganisation` (r:1 w:0)
        // Proof: `Members::NextOrganisation` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        // Storage: `Council::Members` (r:0 w:1)
        // Proof: `Council::Members` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Council::Prime` (r:0 w:1)
        // Proof: `Council::Prime` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Members::Seats` (r:1 w:1)
        // Storage: `Members::Vaults` (r:1 w:1)
        // Storage: `Members::Vacated` (r:1 w:1)
        fn suspend() -> Weight {
            Weight::from_parts(110_000_000, 35000).saturating_add($db.reads_writes(6, 6))
        }
        // Storage: `Members::Organisations` (r:1 w:1)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Council::Proposals` (r:1 w:0)
        // Proof: `Council::Proposals` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Members::NextOrganisation` (r:1 w:0)
        // Proof: `Members::NextOrganisation` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        // Storage: `Council::Members` (r:0 w:1)
        // Proof: `Council::Members` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Council::Prime` (r:0 w:1)
        // Proof: `Council::Prime` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Members::Seats` (r:1 w:1)
        // Storage: `Members::Vaults` (r:1 w:1)
        // Storage: `Members::Vacated` (r:1 w:1)
        fn reinstate() -> Weight {
            Weight::from_parts(110_000_000, 35000).saturating_add($db.reads_writes(6, 6))
        }
        // Storage: `Members::Organisations` (r:1 w:1)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:2)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:1)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `System::Account` (r:1 w:1)
        // Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
        // Storage: `Council::Proposals` (r:1 w:0)
        // Proof: `Council::Proposals` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Members::NextOrganisation` (r:1 w:0)
        // Proof: `Members::NextOrganisation` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        // Storage: `Council::Members` (r:0 w:1)
        // Proof: `Council::Members` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Council::Prime` (r:0 w:1)
        // Proof: `Council::Prime` (`max_values`: Some(1), `max_size`: None, mode: `Measured`)
        // Storage: `Members::CliniciansOf` (r:0 w:1)
        // Proof: `Members::CliniciansOf` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        // Storage: `Members::Seats` (r:1 w:1)
        // Storage: `Members::Released` (r:0 w:1)
        fn set_admin() -> Weight {
            Weight::from_parts(120_000_000, 35000).saturating_add($db.reads_writes(7, 9))
        }
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:1)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Members::Vaults` (r:1 w:1)
        fn set_profile() -> Weight {
            Weight::from_parts(50_000_000, 6000).saturating_add($db.reads_writes(3, 2))
        }
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Members::Recipients` (r:1 w:1)
        // Proof: `Members::Recipients` (`max_values`: None, `max_size`: Some(1454), added: 3929, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn publish_recipient() -> Weight {
            Weight::from_parts(154_769_000, 4919).saturating_add($db.reads_writes(6, 1))
        }
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Members::Recipients` (r:1 w:1)
        // Proof: `Members::Recipients` (`max_values`: None, `max_size`: Some(1454), added: 3929, mode: `MaxEncodedLen`)
        // Storage: `System::BlockHash` (r:1 w:0)
        // Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
        fn publish_organisation_recipient() -> Weight {
            Weight::from_parts(145_942_000, 4919).saturating_add($db.reads_writes(4, 1))
        }
        // Storage: `Members::Admins` (r:2 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:1)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `System::Account` (r:1 w:1)
        // Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
        // Storage: `Members::CliniciansOf` (r:0 w:2)
        // Proof: `Members::CliniciansOf` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        // Storage: `Members::Released` (r:1 w:1)
        // Storage: `System::BlockHash` (r:1 w:0)
        fn credential() -> Weight {
            Weight::from_parts(220_000_000, 6044).saturating_add($db.reads_writes(8, 6))
        }
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:1)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        fn suspend_clinician() -> Weight {
            Weight::from_parts(38_311_000, 3851).saturating_add($db.reads_writes(4, 1))
        }
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:1)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        fn reinstate_clinician() -> Weight {
            Weight::from_parts(34_254_000, 3851).saturating_add($db.reads_writes(3, 1))
        }
        // Storage: `Members::Clinicians` (r:1 w:1)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `Members::CliniciansOf` (r:0 w:1)
        // Proof: `Members::CliniciansOf` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        // Storage: `Members::Released` (r:0 w:1)
        fn end_credential() -> Weight {
            Weight::from_parts(45_000_000, 3851).saturating_add($db.reads_writes(4, 3))
        }
        // Storage: `Members::Allowances` (r:1 w:1)
        // Proof: `Members::Allowances` (`max_values`: Some(1), `max_size`: Some(72), added: 567, mode: `MaxEncodedLen`)
        fn set_allowance() -> Weight {
            Weight::from_parts(15_000_000, 1557).saturating_add($db.reads_writes(1, 1))
        }
        // Storage: `Members::Allowances` (r:1 w:0)
        // Proof: `Members::Allowances` (`max_values`: Some(1), `max_size`: Some(72), added: 567, mode: `MaxEncodedLen`)
        // Storage: `Members::Admins` (r:1 w:0)
        // Proof: `Members::Admins` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
        // Storage: `Members::Clinicians` (r:1 w:0)
        // Proof: `Members::Clinicians` (`max_values`: None, `max_size`: Some(78), added: 2553, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Members::Organisations` (r:1 w:0)
        // Proof: `Members::Organisations` (`max_values`: None, `max_size`: Some(386), added: 2861, mode: `MaxEncodedLen`)
        // Storage: `System::Account` (r:1 w:1)
        // Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
        // Storage: `Members::Buckets` (r:1 w:1)
        // Proof: `Members::Buckets` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
        // Storage: `Members::PatientBuckets` (r:1 w:1)
        // Storage: `Members::SponsorBuckets` (r:1 w:1)
        // And what it takes to find the sponsor.
        fn check_member() -> Weight {
            Weight::from_parts(90_000_000, 6044).saturating_add($db.reads_writes(11, 3))
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
