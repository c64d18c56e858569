//! The organisations' admins are the council, one vote each.
//!
//! | what | majority | in force |
//! |---|---|---|
//! | admit an organisation, authorize a runtime | two thirds | announced, then days later ([`pallet_timelock`]) |
//! | suspend, reinstate, name an admin or a successor, bar a validator, mint or burn credits, call a decision off | more than half | at once |

use frame_support::{
    parameter_types,
    traits::{ConstU32, Contains, EitherOfDiverse},
    weights::{
        constants::{ParityDbWeight, WEIGHT_REF_TIME_PER_MICROS},
        Weight,
    },
};
use frame_system::EnsureRoot;
use sp_runtime::Perbill;

use crate::{
    configs::{SalusChain, MAXIMUM_BLOCK_WEIGHT},
    AccountId, BlockNumber, Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin, DAYS,
};

pub type CouncilCollective = pallet_collective::Instance1;

pub type GovernanceOrigin = EitherOfDiverse<
    EnsureRoot<AccountId>,
    pallet_collective::EnsureProportionMoreThan<AccountId, CouncilCollective, 1, 2>,
>;

/// What changes the consortium for good. There is no account with root, but benchmarks and tests
/// need one.
pub type AnnounceOrigin = EitherOfDiverse<
    EnsureRoot<AccountId>,
    pallet_collective::EnsureProportionAtLeast<AccountId, CouncilCollective, 2, 3>,
>;

/// What was announced, and whose time has come.
pub type EnactedOrigin = EitherOfDiverse<EnsureRoot<AccountId>, pallet_timelock::EnsureEnacted>;

/// Organisations, and so seats of the council. Do not reduce.
pub const MAX_ORGANISATIONS: u32 = 1_024;

/// Motions that wait for votes at once.
const MAX_MOTIONS: u32 = 64;

parameter_types! {
    // Each motion is read, rid of the votes of who left, and written.
    pub ChangeOfSeats: Weight = Weight::from_parts(20 * WEIGHT_REF_TIME_PER_MICROS, 0)
        .saturating_add(ParityDbWeight::get().reads_writes(1, 1))
        .saturating_mul(MAX_MOTIONS.into());
    pub const MotionDuration: BlockNumber = 7 * DAYS;
    // A decision must fit into a block that has other work to do.
    pub MaxProposalWeight: Weight = Perbill::from_percent(50) * MAXIMUM_BLOCK_WEIGHT;
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

impl crate::upgrades::Config for Runtime {
    type GovernanceOrigin = EnactedOrigin;
}

/// What [`EnactedOrigin`] guards.
pub struct Lockable;

impl Contains<RuntimeCall> for Lockable {
    fn contains(call: &RuntimeCall) -> bool {
        matches!(
            call,
            RuntimeCall::Members(pallet_members::Call::admit { .. }) | RuntimeCall::Upgrades(_)
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

#[cfg(feature = "runtime-benchmarks")]
parameter_types! {
    pub BenchmarkCall: RuntimeCall = RuntimeCall::Upgrades(crate::upgrades::Call::authorize {
        code_hash: crate::Hash::zero(),
    });
}
