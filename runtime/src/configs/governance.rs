//! The organisations' admins are the council, one vote each; more than half decides.

use frame_support::{
    parameter_types,
    traits::{ConstU32, EitherOfDiverse},
    weights::Weight,
};
use frame_system::EnsureRoot;
use sp_runtime::Perbill;

use crate::{
    configs::MAXIMUM_BLOCK_WEIGHT, AccountId, BlockNumber, Runtime, RuntimeCall, RuntimeEvent,
    RuntimeOrigin, DAYS,
};

pub type CouncilCollective = pallet_collective::Instance1;

pub type GovernanceOrigin = EitherOfDiverse<
    EnsureRoot<AccountId>,
    pallet_collective::EnsureProportionMoreThan<AccountId, CouncilCollective, 1, 2>,
>;

/// Organisations, and so seats of the council. Do not reduce.
pub const MAX_ORGANISATIONS: u32 = 1_024;

parameter_types! {
    pub const MotionDuration: BlockNumber = 7 * DAYS;
    // A decision must fit into a block that has other work to do.
    pub MaxProposalWeight: Weight = Perbill::from_percent(50) * MAXIMUM_BLOCK_WEIGHT;
}

impl pallet_collective::Config<CouncilCollective> for Runtime {
    type RuntimeOrigin = RuntimeOrigin;
    type Proposal = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type MotionDuration = MotionDuration;
    type MaxProposals = ConstU32<64>;
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
    type GovernanceOrigin = GovernanceOrigin;
}
