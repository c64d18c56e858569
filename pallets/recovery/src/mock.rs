//! A runtime of this pallet and doubles of its neighbours.

use codec::Encode;
use frame_support::{derive_impl, dispatch::DispatchResultWithPostInfo};
use salus_primitives::{
    commitment,
    rows::DAY,
    signing::succession_payload,
    traits::{Chain, OnSuccession, Succession},
    AccountId, Helpers, Moment, PatientId, SuccessionConsent, MAX_HELPERS,
};
use sp_core::{sr25519, Pair, H256};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchResult, Weight};

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

    #[runtime::pallet_index(27)]
    pub type Recovery = crate;
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
    type Control = Doubles;
    type Succession = Deciders;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = benchmark::World;
}

/// The double's deciders, and what ends with them here, as `pallet-patients` does it.
pub struct Deciders;

/// What it costs to make a new owner.
pub const SUCCESSION: Weight = Weight::from_parts(5_000_000_000, 50_000);

impl Succession<AccountId> for Deciders {
    fn has_owner(patient: &PatientId) -> bool {
        Doubles::has_owner(patient)
    }
    fn owns_for_good(patient: &PatientId, account: &AccountId) -> bool {
        Doubles::owns_for_good(patient, account)
    }
    fn has_other_owner_for_good(patient: &PatientId, account: &AccountId) -> bool {
        Doubles::has_other_owner_for_good(patient, account)
    }
    fn ensure_may_own(account: &AccountId) -> DispatchResult {
        Doubles::ensure_may_own(account)
    }
    fn succeed(patient: PatientId, actor: &AccountId, owner: &AccountId) -> DispatchResult {
        Recovery::on_succession(patient, actor);
        Doubles::succeed(patient, actor, owner)
    }
    fn weight() -> Weight {
        SUCCESSION
    }
}

/// The patient's helpers.
pub const SISTER: AccountId = AccountId::new([21; 32]);
pub const NEIGHBOUR: AccountId = AccountId::new([22; 32]);
pub const UNCLE: AccountId = AccountId::new([23; 32]);
pub const HELPERS: [AccountId; 3] = [SISTER, NEIGHBOUR, UNCLE];

pub fn pair(name: &str) -> sr25519::Pair {
    // Not derived from a phrase: that takes thousands of hashes.
    sr25519::Pair::from_seed(&sp_io::hashing::blake2_256(name.as_bytes()))
}

pub fn account(name: &str) -> AccountId {
    pair(name).public().into()
}

/// What this account has signed, valid for a day.
pub fn consent(name: &str, patient: PatientId) -> SuccessionConsent {
    let expires_at = now() + DAY;
    let payload = succession_payload(&Doubles::genesis(), &patient, &account(name), expires_at);
    SuccessionConsent {
        expires_at,
        signature: pair(name).sign(&payload).into(),
    }
}

pub fn signed(who: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(who)
}

/// The salt of everybody's commitment for this patient.
pub fn salt(patient: PatientId, account: &AccountId) -> H256 {
    sp_io::hashing::blake2_256(&(b"salt", patient, account).encode()).into()
}

/// The commitments to these helpers, and others that nobody can open.
pub fn helpers(patient: PatientId, named: &[AccountId], threshold: u8) -> Helpers {
    let open = named
        .iter()
        .map(|account| commitment::helper(&patient, &salt(patient, account), account, threshold));
    let closed = (0..).map(|number: u32| sp_io::hashing::blake2_256(&number.encode()).into());
    let mut all: Vec<H256> = open.chain(closed).take(MAX_HELPERS as usize).collect();
    all.sort();
    all.try_into().expect("so many")
}

pub fn set_plan(
    by: AccountId,
    named: &[AccountId],
    threshold: u8,
    delay: Moment,
) -> DispatchResult {
    let helpers = helpers(PATIENT, named, threshold);
    Recovery::set_plan(signed(by), PATIENT, helpers, delay)
}

pub fn remove_plan(by: AccountId) -> DispatchResultWithPostInfo {
    Recovery::remove_plan(signed(by), PATIENT)
}

pub fn complete(by: AccountId) -> DispatchResultWithPostInfo {
    Recovery::complete(signed(by), PATIENT)
}

pub fn veto_ending(by: AccountId) -> DispatchResult {
    Recovery::veto_ending(signed(by), PATIENT)
}

pub fn events() -> Vec<crate::Event<Test>> {
    System::events()
        .into_iter()
        .filter_map(|record| record.event.try_into().ok())
        .collect()
}

pub fn start(by: AccountId, to: &str) -> DispatchResult {
    start_with(by, to, 2)
}

/// With the word that it takes so many helpers.
pub fn start_with(by: AccountId, to: &str, threshold: u8) -> DispatchResult {
    let salt = salt(PATIENT, &by);
    let consent = consent(to, PATIENT);
    Recovery::start(signed(by), PATIENT, account(to), consent, salt, threshold)
}

pub fn approve(by: AccountId, to: &str) -> DispatchResult {
    let salt = salt(PATIENT, &by);
    Recovery::approve(signed(by), PATIENT, account(to), salt)
}

pub fn withdraw(by: AccountId, to: &str) -> DispatchResult {
    Recovery::withdraw(signed(by), PATIENT, account(to))
}

pub fn cancel(by: AccountId, to: &str) -> DispatchResult {
    Recovery::cancel(signed(by), PATIENT, account(to))
}

pub fn finish(by: AccountId, to: &str) -> DispatchResultWithPostInfo {
    Recovery::finish(signed(by), PATIENT, account(to))
}

pub fn new_test_ext() -> sp_io::TestExternalities {
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

pub fn execute(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        Recovery::do_try_state().expect("invariants hold");
    });
}

#[cfg(feature = "runtime-benchmarks")]
mod benchmark {
    use super::*;
    use salus_primitives::{
        traits::{BenchmarkCrowd, BenchmarkKeys, BenchmarkWorld},
        *,
    };
    use sp_runtime::MultiSignature;

    pub struct World;

    impl BenchmarkKeys<AccountId> for World {
        fn sign(_: &AccountId, payload: &[u8]) -> MultiSignature {
            pair("owner").sign(payload).into()
        }
    }

    impl BenchmarkCrowd for World {
        fn crowd(_: PatientId) {}
    }

    impl BenchmarkWorld<AccountId> for World {
        fn clinician() -> (AccountId, OrgId) {
            (DOCTOR, HOSPITAL)
        }
        fn service() -> AccountId {
            SERVICE
        }
        fn patient() -> (PatientId, AccountId) {
            let owner = account("owner");
            with(|w| {
                w.controllers
                    .insert((PATIENT, owner.clone()), ControllerRole::Owner)
            });
            (PATIENT, owner)
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
