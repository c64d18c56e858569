//! The organisations' admins are the council, one vote each.
//!
//! | what | majority | in force |
//! |---|---|---|
//! | admit an organisation, name an admin, authorize a runtime, restart finality | two thirds | announced, then days later ([`pallet_timelock`]) |
//! | suspend, reinstate, name a successor, bar a validator, mint or burn credits, call a decision off | more than half | at once |
//!
//! Both are counted over the electorate: seats, and those vacated by a suspension a short while ago
//! ([`pallet_motions`]).

use codec::{Decode, Encode};
use frame_support::{
    parameter_types,
    traits::{ConstU32, Contains, EitherOfDiverse, Get},
    weights::{
        constants::{ParityDbWeight, WEIGHT_REF_TIME_PER_MICROS, WEIGHT_REF_TIME_PER_MILLIS},
        Weight,
    },
};
use frame_system::EnsureRoot;
use pallet_motions::{EnsureMoreThanHalf, EnsureTwoThirds, Majority, MajorityFor};
use sp_runtime::traits::Hash as _;

use crate::{
    configs::{CallFilter, SalusChain},
    AccountId, BlockNumber, Hash, Members, Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin,
    System, DAYS,
};

pub type CouncilCollective = pallet_motions::Council;

pub type GovernanceOrigin = EitherOfDiverse<EnsureRoot<AccountId>, EnsureMoreThanHalf<Runtime>>;

/// What changes the consortium for good. There is no account with root, but benchmarks and tests
/// need one.
pub type AnnounceOrigin = EitherOfDiverse<EnsureRoot<AccountId>, EnsureTwoThirds<Runtime>>;

/// What was announced, and whose time has come.
pub type EnactedOrigin = EitherOfDiverse<EnsureRoot<AccountId>, pallet_timelock::EnsureEnacted>;

/// Organisations, and so seats of the council. Do not reduce.
pub const MAX_ORGANISATIONS: u32 = 1_024;

/// Motions that wait for votes at once: it takes 64 members to fill the council. Do not reduce.
const MAX_MOTIONS: u32 = 256;

/// Motions of one member that wait for votes at once.
const MAX_MOTIONS_PER_MEMBER: u32 = 4;

parameter_types! {
    // Each motion is read, rid of the votes of who left, and written.
    pub ChangeOfSeats: Weight = Weight::from_parts(20 * WEIGHT_REF_TIME_PER_MICROS, 0)
        .saturating_add(ParityDbWeight::get().reads_writes(1, 1))
        .saturating_mul(MAX_MOTIONS.into());
    pub const MotionDuration: BlockNumber = 7 * DAYS;
    // A decision must fit into a block that has other work to do, and into the allowance of whoever
    // closes the motion or enacts it, who pays for this much in advance.
    // Blocks carry no proofs; a size is named because all of one would leave none to other calls.
    pub MaxProposalWeight: Weight =
        Weight::from_parts(50 * WEIGHT_REF_TIME_PER_MILLIS, 256 * 1024 * 1024);
}

impl pallet_collective::Config<CouncilCollective> for Runtime {
    type RuntimeOrigin = RuntimeOrigin;
    type Proposal = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type MotionDuration = MotionDuration;
    type MaxProposals = ConstU32<MAX_MOTIONS>;
    type MaxMembers = ConstU32<MAX_ORGANISATIONS>;
    // There is no prime: whoever has not voted when a motion ends has not agreed.
    type DefaultVote = pallet_collective::PrimeDefaultVote;
    type WeightInfo = pallet_collective::weights::SubstrateWeight<Runtime>;
    // Seats follow the organisations; nobody sets them by hand.
    type SetMembersOrigin = frame_system::EnsureNever<AccountId>;
    type MaxProposalWeight = MaxProposalWeight;
    type DisapproveOrigin = GovernanceOrigin;
    type KillOrigin = EnsureRoot<AccountId>;
    type Consideration = ();
}

/// Whom a majority is counted among.
pub struct Electorate;

impl Get<u32> for Electorate {
    fn get() -> u32 {
        Members::electorate()
    }
}

/// The guards of the calls, told before a vote.
pub struct Majorities;

impl MajorityFor<RuntimeCall> for Majorities {
    fn for_call(call: &RuntimeCall) -> Majority {
        match call {
            RuntimeCall::Timelock(pallet_timelock::Call::announce { .. }) => Majority::TwoThirds,
            _ => Majority::MoreThanHalf,
        }
    }
}

impl pallet_motions::Config for Runtime {
    type Electorate = Electorate;
    type Majority = Majorities;
    type MaxPerMember = ConstU32<MAX_MOTIONS_PER_MEMBER>;
    type WeightInfo = pallet_motions::weights::SubstrateWeight<Runtime>;
}

impl crate::upgrades::Config for Runtime {
    type GovernanceOrigin = EnactedOrigin;
}

/// What [`EnactedOrigin`] guards.
pub struct Lockable;

impl Contains<RuntimeCall> for Lockable {
    fn contains(call: &RuntimeCall) -> bool {
        matches!(
            call,
            // A new admin votes, so naming one is like an admission.
            RuntimeCall::Members(
                pallet_members::Call::admit { .. } | pallet_members::Call::set_admin { .. }
            ) | RuntimeCall::Upgrades(_)
                | RuntimeCall::Validators(pallet_validators::Call::revive { .. })
        )
    }
}

impl pallet_timelock::Config for Runtime {
    type Chain = SalusChain;
    type AnnounceOrigin = AnnounceOrigin;
    type CancelOrigin = GovernanceOrigin;
    type Lockable = Lockable;
    type MaxWeight = MaxProposalWeight;
    type MaxPending = ConstU32<64>;
    type WeightInfo = pallet_timelock::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkCall = BenchmarkCall;
}

/// Calls that no signature can dispatch: they ask for the council, for a decision whose time has
/// come, for root or for nobody, or cannot be called at all.
pub struct NotBySignature;

impl Contains<RuntimeCall> for NotBySignature {
    fn contains(call: &RuntimeCall) -> bool {
        match call {
            RuntimeCall::Timestamp(_)
            | RuntimeCall::Grandpa(_)
            | RuntimeCall::Validators(_)
            | RuntimeCall::Upgrades(_)
            | RuntimeCall::MultiBlockMigrations(_) => true,
            RuntimeCall::Timelock(call) => matches!(
                call,
                pallet_timelock::Call::announce { .. } | pallet_timelock::Call::cancel { .. }
            ),
            RuntimeCall::Members(call) => matches!(
                call,
                pallet_members::Call::admit { .. }
                    | pallet_members::Call::suspend { .. }
                    | pallet_members::Call::reinstate { .. }
                    | pallet_members::Call::set_admin { .. }
                    | pallet_members::Call::set_allowance { .. }
            ),
            RuntimeCall::Corrections(call) => {
                matches!(call, pallet_corrections::Call::name_successor { .. })
            }
            RuntimeCall::Copies(call) => {
                matches!(call, pallet_copies::Call::set_replication { .. })
            }
            RuntimeCall::Emergency(call) => {
                matches!(call, pallet_emergency::Call::readmit { .. })
            }
            RuntimeCall::Credits(call) => matches!(
                call,
                pallet_credits::Call::mint { .. } | pallet_credits::Call::burn { .. }
            ),
            RuntimeCall::System(_)
            | RuntimeCall::Session(_)
            | RuntimeCall::Balances(_)
            | RuntimeCall::Council(_)
            | RuntimeCall::Motions(_)
            | RuntimeCall::Patients(_)
            | RuntimeCall::Records(_)
            | RuntimeCall::Consent(_)
            | RuntimeCall::AccessLog(_)
            | RuntimeCall::Recovery(_)
            | RuntimeCall::Research(_)
            | RuntimeCall::Links(_) => !CallFilter::contains(call),
        }
    }
}

/// The hash of the code that the council has authorized; none if it has authorized none.
fn authorized() -> Option<Hash> {
    // Outside of tests the row shows its fields only to `frame_system`.
    let row = System::authorized_upgrade()?.encode();
    let (code_hash, _check_version) = <(Hash, bool)>::decode(&mut &row[..]).ok()?;
    Some(code_hash)
}

/// The code of a runtime that a call would apply, if it is such a call.
fn applied(call: &RuntimeCall) -> Option<&[u8]> {
    match call {
        RuntimeCall::System(frame_system::Call::apply_authorized_upgrade { code }) => Some(code),
        _ => None,
    }
}

/// The one call that may cost more than an allowance holds: to apply the code that the council has
/// authorized. It can be done once.
pub struct Oversized;

impl Contains<RuntimeCall> for Oversized {
    fn contains(call: &RuntimeCall) -> bool {
        // A hash of megabytes is worth looking twice before it is made.
        let (Some(code), Some(authorized)) = (applied(call), authorized()) else {
            return false;
        };
        <Runtime as frame_system::Config>::Hashing::hash(code) == authorized
    }
}

/// Applying any other code: a transaction of the size of a block, for nothing.
pub struct NothingAuthorized;

impl Contains<RuntimeCall> for NothingAuthorized {
    fn contains(call: &RuntimeCall) -> bool {
        applied(call).is_some() && !Oversized::contains(call)
    }
}

#[cfg(feature = "runtime-benchmarks")]
parameter_types! {
    pub BenchmarkCall: RuntimeCall = RuntimeCall::Upgrades(crate::upgrades::Call::authorize {
        code_hash: crate::Hash::zero(),
    });
}
