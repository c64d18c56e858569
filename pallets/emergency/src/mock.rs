//! A runtime of this pallet and doubles of its neighbours.

use frame_support::derive_impl;
use salus_primitives::AccountId;
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

    #[runtime::pallet_index(28)]
    pub type Emergency = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
}

impl crate::Config for Test {
    type Chain = Doubles;
    type Trail = TrailDouble<Self>;
    type Standing = Doubles;
    type Control = Doubles;
    type Records = Doubles;
    type Granting = Doubles;
    type GovernanceOrigin = frame_system::EnsureRoot<AccountId>;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = benchmark::World;
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
            Emergency::do_try_state().expect("invariants hold");
        });
    }
}

#[cfg(feature = "runtime-benchmarks")]
pub mod benchmark {
    use super::*;
    use salus_primitives::{
        traits::{BenchmarkAdmin, BenchmarkEmergencies, BenchmarkWorld},
        *,
    };

    pub struct World;

    impl BenchmarkAdmin<AccountId> for World {
        fn admin() -> AccountId {
            ADMIN
        }
    }

    impl BenchmarkEmergencies<AccountId> for World {
        fn organisations(count: u32) -> Vec<OrgId> {
            add_organisations(count)
        }
    }

    impl BenchmarkWorld<AccountId> for World {
        fn clinician() -> (AccountId, OrgId) {
            (DOCTOR, HOSPITAL)
        }
        fn service() -> AccountId {
            SERVICE
        }
        fn patient() -> (PatientId, AccountId) {
            (PATIENT, OWNER)
        }
        fn compartments(patient: PatientId) -> Vec<CompartmentId> {
            add_compartments(patient, salus_primitives::COMPARTMENTS)
        }
        fn records(patient: PatientId, named: &[CompartmentId], count: u32) -> Vec<RecordIndex> {
            add_records(patient, named, count)
        }
        fn grant(_: PatientId, _: &[CompartmentId]) -> GrantIndex {
            0
        }
    }
}
