//! Aura makes blocks, GRANDPA finalizes them; who does is a matter of membership.

use alloc::vec::Vec;
use frame_support::{
    defensive,
    traits::{ConstBool, ConstU128, ConstU32, ConstU64},
};
use pallet_session::historical;
use pallet_validators::{Finality, OrganisationOf, RegisteredKeys, SessionLength};
use salus_primitives::OrgId;
use sp_consensus_aura::sr25519::AuthorityId as AuraId;
use sp_runtime::{
    generic,
    traits::{Convert, OpaqueKeys},
};
use sp_staking::SessionIndex;

use super::{EnactedOrigin, GovernanceOrigin};
use crate::{
    AccountId, Aura, Balances, BlockNumber, Grandpa, Historical, Members, Offences, Runtime,
    RuntimeCall, RuntimeEvent, RuntimeOrigin, SessionKeys, UncheckedExtrinsic, Validators,
    SLOT_DURATION,
};

/// Validators. Do not reduce.
const MAX_AUTHORITIES: u32 = 128;

/// Sessions for which a validator can be held to account.
const ACCOUNTABLE_SESSIONS: SessionIndex = 168;

impl pallet_aura::Config for Runtime {
    type AuthorityId = AuraId;
    // Who breaks the rules is barred from the session after next on, not disabled.
    type DisabledValidators = ();
    type MaxAuthorities = ConstU32<MAX_AUTHORITIES>;
    type AllowMultipleBlocksPerSlot = ConstBool<false>;
    type SlotDuration = ConstU64<SLOT_DURATION>;
}

impl pallet_grandpa::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    // The pallet ships no other; it holds measured values.
    type WeightInfo = ();
    type MaxAuthorities = ConstU32<MAX_AUTHORITIES>;
    type MaxNominators = ConstU32<0>;
    type MaxSetIdSessionEntries = ConstU64<{ ACCOUNTABLE_SESSIONS as u64 }>;
    type KeyOwnerProof = sp_session::MembershipProof;
    // A report is of use in the pool for an hour.
    type EquivocationReportSystem =
        pallet_grandpa::EquivocationReportSystem<Self, Offences, Historical, ConstU64<3_600>>;
}

impl pallet_validators::Config for Runtime {
    type Standing = Members;
    type Keys = Keys;
    type GovernanceOrigin = GovernanceOrigin;
    type EnactedOrigin = EnactedOrigin;
    type Finality = ForcedChange;
    type MaxValidators = ConstU32<MAX_AUTHORITIES>;
    type WeightInfo = pallet_validators::weights::SubstrateWeight<Runtime>;
}

/// GRANDPA's way back: a forced change, which nodes apply at a depth instead of when it is final.
///
/// They forget what changes of the set were told since the last final block, and count the forced
/// one as the next after it. The chain has counted all of them; it counts back first, or neither a
/// report of who votes twice nor a node that begins at a late state would find the set by its number.
pub struct ForcedChange;

impl Finality<BlockNumber> for ForcedChange {
    fn restart(finalized: BlockNumber, wait: BlockNumber) {
        use pallet_grandpa::{CurrentSetId, SetIdSession};

        let length = SessionLength::<Runtime>::get().max(1);
        let mut set = CurrentSetId::<Runtime>::get();
        while let Some(before) = set.checked_sub(1) {
            let Some(last) = SetIdSession::<Runtime>::get(before) else {
                break;
            };
            // Sessions begin at the multiples of their length, and a set with its first session.
            if last.saturating_add(1).saturating_mul(length) <= finalized {
                break;
            }
            SetIdSession::<Runtime>::remove(set);
            set = before;
        }
        CurrentSetId::<Runtime>::put(set);
        if Grandpa::note_stalled(RuntimeOrigin::root(), wait, finalized).is_err() {
            defensive!("root tells GRANDPA that it stands still");
        }
    }
}

/// What `pallet-session` knows of keys.
pub struct Keys;

impl RegisteredKeys for Keys {
    fn registered() -> Vec<AccountId> {
        pallet_session::NextKeys::<Runtime>::iter_keys().collect()
    }

    fn present() -> Vec<AccountId> {
        pallet_session::Validators::<Runtime>::get()
    }
}

/// An organisation's admin registers its validator's keys.
pub struct IfAdmin;

impl Convert<AccountId, Option<AccountId>> for IfAdmin {
    fn convert(account: AccountId) -> Option<AccountId> {
        pallet_members::Admins::<Runtime>::contains_key(&account).then_some(account)
    }
}

impl pallet_session::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type ValidatorId = AccountId;
    type ValidatorIdOf = IfAdmin;
    type ShouldEndSession = Validators;
    type NextSessionRotation = Validators;
    type SessionManager = historical::NoteHistoricalRoot<Self, Forgetting<Validators>>;
    type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
    type Keys = SessionKeys;
    type DisablingStrategy = ();
    type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
    type Currency = Balances;
    type KeyDeposit = ConstU128<0>;
}

impl historical::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type FullIdentification = OrgId;
    type FullIdentificationOf = OrganisationOf<Runtime>;
}

/// Forgets sessions that nobody is held to account for any more; otherwise like `I`.
pub struct Forgetting<I>(core::marker::PhantomData<I>);

impl<I: pallet_session::SessionManager<AccountId>> pallet_session::SessionManager<AccountId>
    for Forgetting<I>
{
    fn new_session(index: SessionIndex) -> Option<Vec<AccountId>> {
        I::new_session(index)
    }
    fn new_session_genesis(index: SessionIndex) -> Option<Vec<AccountId>> {
        I::new_session_genesis(index)
    }
    fn start_session(index: SessionIndex) {
        I::start_session(index)
    }
    fn end_session(index: SessionIndex) {
        I::end_session(index)
    }
}

impl<I: historical::SessionManager<AccountId, OrgId>> historical::SessionManager<AccountId, OrgId>
    for Forgetting<I>
{
    fn new_session(index: SessionIndex) -> Option<Vec<(AccountId, OrgId)>> {
        <I as historical::SessionManager<_, _>>::new_session(index)
    }
    fn new_session_genesis(index: SessionIndex) -> Option<Vec<(AccountId, OrgId)>> {
        <I as historical::SessionManager<_, _>>::new_session_genesis(index)
    }
    fn start_session(index: SessionIndex) {
        <I as historical::SessionManager<_, _>>::start_session(index)
    }
    fn end_session(index: SessionIndex) {
        if let Some(forgotten) = index.checked_sub(ACCOUNTABLE_SESSIONS) {
            Historical::prune_up_to(forgotten);
        }
        <I as historical::SessionManager<_, _>>::end_session(index)
    }
}

impl pallet_offences::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type IdentificationTuple = historical::IdentificationTuple<Self>;
    type OnOffenceHandler = Validators;
}

impl pallet_authorship::Config for Runtime {
    type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Aura>;
    type EventHandler = ();
}

impl<C> frame_system::offchain::CreateTransactionBase<C> for Runtime
where
    RuntimeCall: From<C>,
{
    type Extrinsic = UncheckedExtrinsic;
    type RuntimeCall = RuntimeCall;
}

/// How reports of equivocation reach the pool.
impl<C> frame_system::offchain::CreateBare<C> for Runtime
where
    RuntimeCall: From<C>,
{
    fn create_bare(call: RuntimeCall) -> UncheckedExtrinsic {
        generic::UncheckedExtrinsic::new_bare(call)
    }
}
