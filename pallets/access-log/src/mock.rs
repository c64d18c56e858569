//! A runtime of this pallet with the real `pallet-consent`, whose answers and events it is about,
//! and doubles of the other neighbours.

use frame_support::{derive_impl, parameter_types};
use salus_primitives::{rows::DAY, AccountId, GrantTerms, Moment};
use sp_runtime::{traits::IdentityLookup, BuildStorage};

pub use pallet_doubles::*;

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;

    #[runtime::pallet_index(23)]
    pub type Consent = pallet_consent;

    #[runtime::pallet_index(24)]
    pub type AccessLog = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
}

parameter_types! {
    pub const MaxPendingPerOrganisation: u32 = 16;
    pub const RequestLifetime: Moment = 30 * DAY;
    pub const MaxGrantDuration: Moment = 5 * 365 * DAY;
}

impl pallet_consent::Config for Test {
    type Chain = Doubles;
    type Trail = AccessLog;
    type Standing = Doubles;
    type Control = Doubles;
    type Records = Doubles;
    type Offers = Doubles;
    type Allowance = AccessLog;
    type MaxPendingPerOrganisation = MaxPendingPerOrganisation;
    type RequestLifetime = RequestLifetime;
    type MaxGrantDuration = MaxGrantDuration;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = BenchmarkDouble;
}

impl crate::Config for Test {
    type Chain = Doubles;
    type Standing = Doubles;
    type Control = Doubles;
    type Consent = Consent;
    type Records = Doubles;
    type Keepers = Doubles;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = BenchmarkDouble;
}

#[cfg(feature = "runtime-benchmarks")]
pub struct BenchmarkDouble;

#[cfg(feature = "runtime-benchmarks")]
impl salus_primitives::traits::BenchmarkDays<AccountId> for BenchmarkDouble {
    fn pass(time: salus_primitives::Moment) {
        with(|w| w.now += time);
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl salus_primitives::traits::BenchmarkWorld<AccountId> for BenchmarkDouble {
    fn clinician() -> (AccountId, salus_primitives::OrgId) {
        (DOCTOR, HOSPITAL)
    }
    fn service() -> AccountId {
        SERVICE
    }
    fn patient() -> (salus_primitives::PatientId, AccountId) {
        (PATIENT, OWNER)
    }
    fn compartments(patient: salus_primitives::PatientId) -> Vec<salus_primitives::CompartmentId> {
        add_compartments(patient, salus_primitives::COMPARTMENTS)
    }
    fn records(
        patient: salus_primitives::PatientId,
        compartments: &[salus_primitives::CompartmentId],
        count: u32,
    ) -> Vec<u32> {
        add_records(patient, compartments, count)
    }
    fn grant(
        _: salus_primitives::PatientId,
        named: &[salus_primitives::CompartmentId],
    ) -> salus_primitives::GrantIndex {
        share(GrantTerms {
            scope: compartments(named),
            rights: salus_primitives::Rights::ReadWrite,
            ..terms()
        })
    }
}

#[derive(Default)]
pub struct ExtBuilder;

impl ExtBuilder {
    pub fn build(self) -> sp_io::TestExternalities {
        let storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .expect("default genesis");
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| {
            reset();
            System::set_block_number(1);
        });
        ext
    }

    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            try_state();
        });
    }
}

pub fn try_state() {
    AccessLog::do_try_state().expect("invariants of the log hold");
    Consent::do_try_state().expect("invariants of consent hold");
}

pub fn share(terms: GrantTerms) -> salus_primitives::GrantIndex {
    let index = pallet_consent::NextGrant::<Test>::get(PATIENT);
    Consent::grant(RuntimeOrigin::signed(OWNER), PATIENT, terms, None).expect("a grant");
    index
}
