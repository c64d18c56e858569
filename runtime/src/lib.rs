//! The Salus runtime: who takes part, who controls a patient, what there is, who may, who did, and
//! what was wrong.

#![cfg_attr(not(feature = "std"), no_std)]
// `frame_support::runtime` nests deeper than the default allows.
#![recursion_limit = "256"]

extern crate alloc;

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod genesis_config_presets;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
pub mod upgrades;

use alloc::{borrow::Cow, vec::Vec};

use salus_primitives::Moment;
use sp_runtime::{generic, impl_opaque_keys, traits::BlakeTwo256, MultiAddress, MultiSignature};
use sp_version::RuntimeVersion;

pub use apis::RuntimeApi;
pub use salus_primitives::{AccountId, Balance, BlockNumber};

pub type Signature = MultiSignature;
pub type Address = MultiAddress<AccountId, ()>;
pub type Nonce = u32;
pub type Hash = sp_core::H256;
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
pub type SignedBlock = generic::SignedBlock<Block>;

/// The types that the node needs and that outlive any one version of the runtime.
pub mod opaque {
    use super::*;
    pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;

    pub type Header = super::Header;
    pub type Block = generic::Block<Header, UncheckedExtrinsic>;
}

impl_opaque_keys! {
    pub struct SessionKeys {
        pub aura: Aura,
        pub grandpa: Grandpa,
    }
}

#[cfg(feature = "rehearsal")]
pub use rehearsal::VERSION;

#[cfg(not(feature = "rehearsal"))]
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: Cow::Borrowed("salus"),
    impl_name: Cow::Borrowed("salus"),
    authoring_version: 1,
    spec_version: 1,
    impl_version: 1,
    apis: apis::RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

/// Time between two blocks. A person who shares or opens something waits for it.
pub const SLOT_DURATION: Moment = 1_000;

pub const MINUTES: BlockNumber = (60_000 / SLOT_DURATION) as BlockNumber;
pub const HOURS: BlockNumber = 60 * MINUTES;
pub const DAYS: BlockNumber = 24 * HOURS;

/// What every transaction passes, in this order. Wallets know all of them: none but the stock ones
/// has a field of its own.
///
/// `CheckMember` comes directly before `CheckNonce`, whose field it reads: how far ahead of its
/// account a transaction is decides what it costs and when its turn comes. `WeightReclaim` is last,
/// because it settles what all the others have reported.
pub type TxExtension = (
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckMortality<Runtime>,
    pallet_members::CheckMember<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
    frame_system::WeightReclaim<Runtime>,
);

/// What runs once in the first block of this version, and must be small.
pub type Migrations = ();
/// What rewrites many rows, a part of them in each block, while nothing else is in blocks.
#[cfg(not(feature = "rehearsal"))]
pub type SteppedMigrations = ();
#[cfg(feature = "rehearsal")]
pub type SteppedMigrations = (rehearsal::Migration,);

pub type UncheckedExtrinsic =
    generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;

pub type Executive = frame_executive::Executive<
    Runtime,
    Block,
    frame_system::ChainContext<Runtime>,
    Runtime,
    AllPalletsWithSystem,
>;

// Indices are part of every signed transaction and every trail: never reuse one. 0 to 9 are the
// machine, 10 to 14 credits, 15 to 19 governance, 20 to 29 the patients' business, 30 and 31 the
// machine again.
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
    pub struct Runtime;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(1)]
    pub type Timestamp = pallet_timestamp;
    #[runtime::pallet_index(2)]
    pub type Aura = pallet_aura;
    #[runtime::pallet_index(3)]
    pub type Grandpa = pallet_grandpa;

    #[runtime::pallet_index(4)]
    pub type Authorship = pallet_authorship;
    #[runtime::pallet_index(5)]
    pub type Validators = pallet_validators;
    #[runtime::pallet_index(6)]
    pub type Offences = pallet_offences;
    #[runtime::pallet_index(7)]
    pub type MultiBlockMigrations = pallet_migrations;
    #[runtime::pallet_index(10)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(11)]
    pub type Credits = pallet_credits;

    #[runtime::pallet_index(15)]
    pub type Council = pallet_collective<Instance1>;
    #[runtime::pallet_index(16)]
    pub type Upgrades = crate::upgrades;
    #[runtime::pallet_index(17)]
    pub type Timelock = pallet_timelock;
    #[runtime::pallet_index(18)]
    pub type Motions = pallet_motions;

    #[runtime::pallet_index(20)]
    pub type Members = pallet_members;
    #[runtime::pallet_index(21)]
    pub type Patients = pallet_patients;
    #[runtime::pallet_index(22)]
    pub type Records = pallet_records;
    #[runtime::pallet_index(23)]
    pub type Consent = pallet_consent;
    #[runtime::pallet_index(24)]
    pub type AccessLog = pallet_access_log;
    #[runtime::pallet_index(25)]
    pub type Corrections = pallet_corrections;
    #[runtime::pallet_index(26)]
    pub type Copies = pallet_copies;
    #[runtime::pallet_index(27)]
    pub type Recovery = pallet_recovery;
    #[runtime::pallet_index(28)]
    pub type Emergency = pallet_emergency;
    #[runtime::pallet_index(29)]
    pub type Research = pallet_research;
    #[runtime::pallet_index(33)]
    pub type Links = pallet_links;

    // Pallets begin in the order of their indices, and the first session asks who is a member.
    #[runtime::pallet_index(30)]
    pub type Session = pallet_session;
    #[runtime::pallet_index(31)]
    pub type Historical = pallet_session::historical;
}
