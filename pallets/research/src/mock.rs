//! A runtime of this pallet with real balances, credits and grants, and doubles of the other
//! neighbours.

use frame_support::{
    derive_impl, parameter_types,
    traits::{ConstU128, ConstU32},
};
use salus_primitives::{rows::DAY, AccountId, Balance, ControllerRole, Member, Moment, PatientId};
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
    pub type Credits = pallet_credits;

    #[runtime::pallet_index(23)]
    pub type Consent = pallet_consent;

    #[runtime::pallet_index(29)]
    pub type Research = crate;
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

parameter_types! {
    pub const RequestLifetime: Moment = 30 * DAY;
    pub const MaxDuration: Moment = 5 * 365 * DAY;
}

impl pallet_credits::Config for Test {
    type Chain = Doubles;
    type Trail = TrailDouble<Self>;
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type GovernanceOrigin = frame_system::EnsureRoot<AccountId>;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = benchmark::World;
}

impl pallet_consent::Config for Test {
    type Chain = Doubles;
    type Trail = TrailDouble<Self>;
    type Standing = Doubles;
    type Control = Doubles;
    type Records = Doubles;
    type Offers = Credits;
    type Allowance = Doubles;
    type MaxPendingPerOrganisation = ConstU32<16>;
    type RequestLifetime = RequestLifetime;
    type MaxGrantDuration = MaxDuration;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = benchmark::World;
}

impl crate::Config for Test {
    type Chain = Doubles;
    type Trail = TrailDouble<Self>;
    type Standing = Doubles;
    type Control = Doubles;
    type Records = Doubles;
    type Granting = Consent;
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Debts = Credits;
    type MaxStudyDuration = MaxDuration;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = benchmark::World;
}

/// Runs the other organisation.
pub const OTHER_ADMIN: AccountId = AccountId::new([11; 32]);

/// Two patients more, each with an owner and a record in a laboratory.
pub const THIRD: (PatientId, AccountId) = (PatientId([4; 16]), AccountId::new([12; 32]));
pub const FOURTH: (PatientId, AccountId) = (PatientId([5; 16]), AccountId::new([13; 32]));

#[derive(Default)]
pub struct ExtBuilder;

impl ExtBuilder {
    /// Everybody but the stranger lives without credits, as members and controllers do.
    pub fn build(self) -> sp_io::TestExternalities {
        let storage = frame_system::GenesisConfig::<Test>::default()
            .build_storage()
            .expect("default genesis");
        let mut ext = sp_io::TestExternalities::new(storage);
        ext.execute_with(|| {
            reset();
            System::set_block_number(1);
            with(|w| {
                let organisation = INSURANCE;
                w.members
                    .insert(OTHER_ADMIN, Member::Admin { organisation });
                for (patient, owner) in [THIRD, FOURTH] {
                    w.controllers
                        .insert((patient, owner), ControllerRole::Owner);
                    w.compartments.push((patient, LABORATORY));
                }
            });
            for (patient, _) in [THIRD, FOURTH] {
                anchor(patient, 1, LABORATORY, START);
            }
            let controllers = with(|w| w.controllers.clone()).into_keys();
            for account in with(|w| w.members.clone())
                .into_keys()
                .chain(controllers.map(|(_, account)| account))
            {
                System::inc_providers(&account);
            }
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
    Research::do_try_state().expect("invariants of research hold");
    Credits::do_try_state().expect("invariants of credits hold");
    Consent::do_try_state().expect("invariants of consent hold");
}

#[cfg(feature = "runtime-benchmarks")]
mod benchmark {
    use super::*;
    use salus_primitives::{
        traits::{BenchmarkAdmin, BenchmarkWorld},
        *,
    };

    pub struct World;

    impl BenchmarkAdmin<AccountId> for World {
        fn admin() -> AccountId {
            super::Credits::mint(RuntimeOrigin::root(), ADMIN, 1_000)
                .expect("issuance is far from its end");
            ADMIN
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
