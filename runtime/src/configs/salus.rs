//! The pallets of the patients' business: each knows the others only by the traits of `salus_primitives`.

use alloc::vec::Vec;

use frame_support::{
    traits::{ConstU32, ConstU64, Contains},
    weights::Weight,
};
use pallet_recovery::WeightInfo;
use salus_primitives::{
    placement,
    traits::{Chain, Invitations, Keepers},
    AccountId, Genesis, Moment, OrgId, PatientId, DAY,
};

use super::governance::MAX_ORGANISATIONS;
use crate::{
    configs::{
        ChangeOfSeats, EnactedOrigin, GovernanceOrigin, NotBySignature, NothingAuthorized,
        Oversized,
    },
    AccessLog, Balances, Consent, Council, Credits, Emergency, Links, Members, Patients, Records,
    Recovery, Research, Runtime, RuntimeCall, RuntimeHoldReason, System, Timestamp,
};

/// The longest that a grant lasts.
const MAX_GRANT_DURATION: Moment = 5 * 365 * DAY;

/// The chain's clock and name.
pub struct SalusChain;

impl Chain for SalusChain {
    fn now() -> Moment {
        Timestamp::get()
    }

    /// `frame_system` keeps the hash of block 0 for ever. It learns it in block 1: what is asked
    /// of the state of block 0 itself sees a placeholder.
    fn genesis() -> Genesis {
        System::block_hash(0)
    }
}

/// What goes first when blocks are full: whatever takes a right away, whoever cannot wait, and the
/// council, which alone can stop somebody who fills the blocks.
pub struct Urgent;

impl Contains<RuntimeCall> for Urgent {
    fn contains(call: &RuntimeCall) -> bool {
        matches!(
            call,
            RuntimeCall::Members(
                pallet_members::Call::suspend_clinician { .. }
                    | pallet_members::Call::end_credential { .. }
            ) | RuntimeCall::Motions(_)
                | RuntimeCall::Patients(
                    pallet_patients::Call::remove_controller { .. }
                        | pallet_patients::Call::veto_removal { .. }
                        | pallet_patients::Call::veto_hand_over { .. }
                        | pallet_patients::Call::restore_keyring { .. }
                )
                | RuntimeCall::Recovery(
                    // These stop what a thief, or a thief's helpers, have begun.
                    pallet_recovery::Call::cancel { .. }
                        | pallet_recovery::Call::remove_plan { .. }
                        | pallet_recovery::Call::veto_ending { .. }
                )
                | RuntimeCall::Records(
                    pallet_records::Call::cancel_erase { .. }
                        | pallet_records::Call::restore { .. }
                )
                | RuntimeCall::Consent(pallet_consent::Call::revoke { .. })
                | RuntimeCall::Emergency(
                    pallet_emergency::Call::break_glass { .. }
                        | pallet_emergency::Call::reveal { .. }
                        | pallet_emergency::Call::end_glass { .. }
                        | pallet_emergency::Call::set_plan { .. }
                )
                | RuntimeCall::Links(pallet_links::Call::end { .. })
                | RuntimeCall::Research(pallet_research::Call::withdraw { .. })
        )
    }
}

/// Whom a patient named as helper may act as one, known to the chain or not.
pub struct HelpersInvited;

impl Invitations<AccountId, RuntimeCall> for HelpersInvited {
    fn invited_by(account: &AccountId, call: &RuntimeCall) -> Option<(PatientId, OrgId)> {
        let RuntimeCall::Recovery(call) = call else {
            return None;
        };
        let patient = Recovery::invites(account, call)?;
        Patients::patient(patient).map(|row| (patient, row.enrolled_by))
    }

    fn weight(call: &RuntimeCall) -> Weight {
        match call {
            RuntimeCall::Recovery(call) if Recovery::may_invite(call) => {
                // The patient's row, and an account that is new.
                <Runtime as pallet_recovery::Config>::WeightInfo::invites().saturating_add(
                    <Runtime as frame_system::Config>::DbWeight::get().reads_writes(2, 1),
                )
            }
            _ => Weight::zero(),
        }
    }
}

/// Whose vaults keep a patient's files, as [`placement`] says.
pub struct Placement;

impl Keepers for Placement {
    fn keeps(patient: &PatientId, organisation: OrgId) -> bool {
        keepers(patient).contains(&organisation)
    }
}

/// Returns the organisations whose vaults keep a patient's files, best first.
pub fn keepers(patient: &PatientId) -> Vec<OrgId> {
    match Patients::patient(*patient) {
        Some(row) => placement::keepers(
            patient,
            row.enrolled_by,
            &Members::vaults(),
            pallet_copies::Replication::<Runtime>::get(),
        ),
        None => Vec::new(),
    }
}

impl pallet_members::Config for Runtime {
    type Chain = SalusChain;
    type AdmissionOrigin = EnactedOrigin;
    type GovernanceOrigin = GovernanceOrigin;
    type Council = Council;
    type ChangeOfSeats = ChangeOfSeats;
    type Sponsorship = Patients;
    type Invitations = HelpersInvited;
    type Urgent = Urgent;
    type Oversized = Oversized;
    type NotBySignature = NotBySignature;
    type NothingAuthorized = NothingAuthorized;
    type MaxOrganisations = ConstU32<MAX_ORGANISATIONS>;
    type WeightInfo = pallet_members::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkController = crate::benchmarks::Controller;
}

impl pallet_patients::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Compartments = Records;
    // What former deciders laid down and that acts without asking: a pallet that keeps such a thing
    // is named here.
    type OnSuccession = (Recovery, Emergency, Consent, Research, Links);
    type RecoveryPlans = Recovery;
    type WeightInfo = pallet_patients::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_records::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Control = Patients;
    type Consent = Consent;
    type RecoveryPlans = Recovery;
    type Allowance = AccessLog;
    type WeightInfo = pallet_records::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_consent::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Control = Patients;
    type Records = Records;
    type Offers = Credits;
    type Allowance = AccessLog;
    type MaxPendingPerOrganisation = ConstU32<16>;
    type RequestLifetime = ConstU64<{ 30 * DAY }>;
    type MaxGrantDuration = ConstU64<MAX_GRANT_DURATION>;
    type WeightInfo = pallet_consent::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_access_log::Config for Runtime {
    type Chain = SalusChain;
    type Standing = Members;
    type Control = Patients;
    type Consent = Consent;
    type Records = Records;
    type Keepers = Placement;
    type WeightInfo = pallet_access_log::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_corrections::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Control = Patients;
    type Records = Records;
    type Allowance = AccessLog;
    type GovernanceOrigin = GovernanceOrigin;
    type WeightInfo = pallet_corrections::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_copies::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Records = Records;
    type Allowance = AccessLog;
    type GovernanceOrigin = GovernanceOrigin;
    type WeightInfo = pallet_copies::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_recovery::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Control = Patients;
    type Succession = Patients;
    type WeightInfo = pallet_recovery::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_emergency::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Control = Patients;
    type Records = Records;
    type Granting = Consent;
    type GovernanceOrigin = GovernanceOrigin;
    type WeightInfo = pallet_emergency::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_links::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Control = Patients;
    type Allowance = AccessLog;
    type WeightInfo = pallet_links::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_credits::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type GovernanceOrigin = GovernanceOrigin;
    type WeightInfo = pallet_credits::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}

impl pallet_research::Config for Runtime {
    type Chain = SalusChain;
    type Trail = AccessLog;
    type Standing = Members;
    type Control = Patients;
    type Records = Records;
    type Granting = Consent;
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Debts = Credits;
    type MaxStudyDuration = ConstU64<MAX_GRANT_DURATION>;
    type WeightInfo = pallet_research::weights::SubstrateWeight<Runtime>;
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::benchmarks::World;
}
