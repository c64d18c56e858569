//! A runtime of this pallet with real balances, and doubles of the other neighbours.

use frame_support::{derive_impl, traits::ConstU128};
use salus_primitives::{AccountId, Balance};
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

    #[runtime::pallet_index(10)]
    pub type Balances = pallet_balances;

    #[runtime::pallet_index(11)]
    pub type Credits = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
    type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
    type Balance = Balance;
    type ExistentialDeposit = ConstU128<1>;
}

impl crate::Config for Test {
    type Chain = Doubles;
    type Trail = TrailDouble<Self>;
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type GovernanceOrigin = frame_system::EnsureRoot<AccountId>;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = benchmark::World;
}

#[derive(Default)]
pub struct ExtBuilder;

impl ExtBuilder {
    /// The doctor and the owner live without credits, as members and controllers do.
    pub fn build(self) -> sp_io::TestExternalities {
        let storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .expect("default genesis");
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| {
            reset();
            System::set_block_number(1);
            for account in [DOCTOR, OWNER] {
                System::inc_providers(&account);
            }
        });
        ext
    }

    pub fn build_and_execute(self, test: impl FnOnce()) {
        self.build().execute_with(|| {
            test();
            Credits::do_try_state().expect("invariants hold");
        });
    }
}

#[cfg(feature = "runtime-benchmarks")]
mod benchmark {
    use super::*;
    use salus_primitives::{traits::BenchmarkWorld, *};

    pub struct World;

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
