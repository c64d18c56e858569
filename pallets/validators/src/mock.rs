//! A runtime of this pallet alone; which keys and members there are is said by hand.

use frame_support::{derive_impl, parameter_types};
use salus_primitives::{traits::Standing, AccountId, Grantee, Member, OrgId};
use sp_runtime::{traits::IdentityLookup, BuildStorage};
use std::collections::{BTreeMap, BTreeSet};

use crate::{Finality, RegisteredKeys};

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

    #[runtime::pallet_index(8)]
    pub type Validators = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
}

parameter_types! {
    pub const MaxValidators: u32 = 5;
    /// Organisations whose admins have registered keys.
    pub static Registered: BTreeSet<OrgId> = BTreeSet::new();
    pub static Present: Vec<AccountId> = Vec::new();
    /// Whether each organisation is in good standing.
    pub static Organisations: BTreeMap<OrgId, bool> = BTreeMap::new();
    /// Each restart of finality: from which block, and after how many.
    pub static Restarts: Vec<(u32, u32)> = Vec::new();
}

impl crate::Config for Test {
    type Standing = Doubles;
    type Keys = Doubles;
    type GovernanceOrigin = frame_system::EnsureRoot<AccountId>;
    type EnactedOrigin = frame_system::EnsureNone<AccountId>;
    type Finality = Doubles;
    type MaxValidators = MaxValidators;
    type WeightInfo = ();
}

pub struct Doubles;

impl RegisteredKeys for Doubles {
    /// The latest first, so that nobody relies on an order.
    fn registered() -> Vec<AccountId> {
        Registered::get().into_iter().rev().map(admin).collect()
    }
    fn present() -> Vec<AccountId> {
        Present::get()
    }
}

impl Finality<u32> for Doubles {
    fn restart(finalized: u32, wait: u32) {
        Restarts::mutate(|all| all.push((finalized, wait)));
    }
}

impl Standing<AccountId> for Doubles {
    fn member(account: &AccountId) -> Option<Member> {
        let organisation = Self::administers(account)?;
        Self::organisation_is_active(organisation).then_some(Member::Admin { organisation })
    }
    fn organisation_is_active(organisation: OrgId) -> bool {
        Organisations::get().get(&organisation) == Some(&true)
    }
    fn is_staff(account: &AccountId) -> bool {
        Self::administers(account).is_some()
    }
    fn administers(account: &AccountId) -> Option<OrgId> {
        let bytes: &[u8; 32] = account.as_ref();
        let organisation = OrgId::from(bytes[0]);
        Organisations::get()
            .contains_key(&organisation)
            .then_some(organisation)
    }
    fn grantee_is_active(_: &Grantee) -> bool {
        false
    }
}

pub fn admin(organisation: OrgId) -> AccountId {
    AccountId::new([organisation as u8; 32])
}

pub fn admins(organisations: &[OrgId]) -> Vec<AccountId> {
    organisations.iter().copied().map(admin).collect()
}

/// Four organisations in good standing with keys, all of them validators, of which three must stay.
pub fn new_test_ext() -> sp_io::TestExternalities {
    Organisations::set((0..4).map(|organisation| (organisation, true)).collect());
    Registered::set((0..4).collect());
    Present::set(admins(&[0, 1, 2, 3]));
    Restarts::set(Vec::new());
    let storage = RuntimeGenesisConfig {
        validators: crate::GenesisConfig {
            minimum: 3,
            session_length: 10,
        },
        ..Default::default()
    }
    .build_storage()
    .expect("a genesis");
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.execute_with(|| System::set_block_number(1));
    ext
}

/// With invariants looked at in the end.
pub fn build_and_execute(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        Validators::do_try_state().expect("invariants hold");
    });
}
