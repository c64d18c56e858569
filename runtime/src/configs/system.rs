//! Blocks, calls, time and credits.

use frame_support::{
    derive_impl,
    dispatch::DispatchClass,
    parameter_types,
    traits::{ConstU128, ConstU16, ConstU32, ConstU64, Contains},
    weights::{
        constants::{BlockExecutionWeight, WEIGHT_REF_TIME_PER_MICROS, WEIGHT_REF_TIME_PER_MILLIS},
        RuntimeDbWeight, Weight,
    },
};
use frame_system::{
    limits::{BlockLength, BlockWeights},
    ExtensionsWeightInfo, SubstrateExtensionsWeight,
};
use sp_runtime::{traits::AccountIdLookup, Perbill};

use crate::{
    AccountId, Aura, Balance, Block, BlockNumber, Hash, Nonce, PalletInfo, Runtime, RuntimeCall,
    RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason, RuntimeOrigin, RuntimeTask, System,
    SLOT_DURATION, VERSION,
};

/// What a block may cost, of a slot of 1,000 ms. These numbers belong together:
///
/// - the node proposes for 4/5 of the slot and adds transactions until 490 ms at most, earlier where
///   sealing takes longer than the 290 ms left (`node/proposer`): time is the limit of an honest
///   author, whatever the weights say;
/// - the other validators execute and store a block in about 0.7 of the author's time: they have it
///   at about the beginning of the next slot;
/// - 900 ms of weight, 720 ms of it for normal calls: what an author may ask of the others at most. The
///   dearest calls take importers 0.7 to 1.06 of what they weigh, small ones half of it: a block full
///   of any kind is imported within the slot.
///
/// A chain without light clients has no proofs to bound, hence no limit on proof size.
pub const MAXIMUM_BLOCK_WEIGHT: Weight =
    Weight::from_parts(900 * WEIGHT_REF_TIME_PER_MILLIS, u64::MAX);

/// What any transaction takes beside its extensions and its call: a signature, decoding, hashes. A
/// remark takes an importer 121 us in full blocks of them (`scripts/import-times`), and this with its
/// extensions weighs 220. The stock constant also holds an instance of the runtime for each transaction,
/// which neither authors nor importers make, and the extensions once more.
pub const TRANSACTION_BASE: Weight = Weight::from_parts(50 * WEIGHT_REF_TIME_PER_MICROS, 0);

/// 5 MiB a second is what a line of 50 Mbit/s carries. The normal share, 4 MiB, is what the block
/// author of the node stops at by itself.
pub const BLOCK_LENGTH: u32 = 5 * 1024 * 1024;

/// The rest is kept for operational calls, so that no flood of normal ones delays a runtime
/// upgrade.
pub const NORMAL_RATIO: Perbill = Perbill::from_percent(80);

parameter_types! {
    /// What storage costs beyond the benchmarks, which run in memory: reading a row through the trie
    /// cache, and a changed row's part of the state root: 13 us in warm batches, up to 25 where the
    /// rows around it are cold (docs/020-performance.md).
    pub const DbWeight: RuntimeDbWeight = RuntimeDbWeight {
        read: 2 * WEIGHT_REF_TIME_PER_MICROS,
        write: 20 * WEIGHT_REF_TIME_PER_MICROS,
    };
    // A transaction may be valid for this long: an hour and eight minutes.
    pub const BlockHashCount: BlockNumber = 4_096;
    pub const Version: sp_version::RuntimeVersion = VERSION;
    pub RuntimeBlockWeights: BlockWeights = BlockWeights::builder()
        .base_block(BlockExecutionWeight::get())
        .for_class(DispatchClass::all(), |weights| {
            weights.base_extrinsic = TRANSACTION_BASE;
        })
        .for_class(DispatchClass::Normal, |weights| {
            weights.max_total = Some(NORMAL_RATIO * MAXIMUM_BLOCK_WEIGHT);
        })
        .for_class(DispatchClass::Operational, |weights| {
            weights.max_total = Some(MAXIMUM_BLOCK_WEIGHT);
            weights.reserved = Some(MAXIMUM_BLOCK_WEIGHT - NORMAL_RATIO * MAXIMUM_BLOCK_WEIGHT);
        })
        .avg_block_initialization(Perbill::from_percent(10))
        .build_or_panic();
    pub RuntimeBlockLength: BlockLength = BlockLength::builder()
        .max_length(BLOCK_LENGTH)
        .modify_max_length_for_class(DispatchClass::Normal, |length| {
            *length = NORMAL_RATIO * BLOCK_LENGTH;
        })
        .build();
}

/// Only what is meant to be called can be called. Root, which no account has, is not filtered.
///
/// Credits cannot be moved by hand: `Credits` and `Research` know what they are paid for. The council
/// proposes, votes and closes by way of `Motions`: its own calls let who calls choose thresholds and
/// weights.
pub struct CallFilter;

impl Contains<RuntimeCall> for CallFilter {
    fn contains(call: &RuntimeCall) -> bool {
        use frame_system::Call as SystemCall;
        use pallet_grandpa::Call as GrandpaCall;
        use pallet_session::Call as SessionCall;

        match call {
            // `remark` is what benchmarks compare with.
            RuntimeCall::System(call) => matches!(
                call,
                SystemCall::remark { .. } | SystemCall::apply_authorized_upgrade { .. }
            ),
            RuntimeCall::Timestamp(_) => true,
            // Reports come from nodes, bare; a validator's keys are replaced, never removed, so that
            // nobody goes around the minimum.
            RuntimeCall::Grandpa(call) => {
                matches!(call, GrandpaCall::report_equivocation_unsigned { .. })
            }
            RuntimeCall::Session(call) => matches!(call, SessionCall::set_keys { .. }),
            RuntimeCall::Balances(_)
            | RuntimeCall::Council(_)
            | RuntimeCall::MultiBlockMigrations(_) => false,
            RuntimeCall::Motions(_)
            | RuntimeCall::Upgrades(_)
            | RuntimeCall::Timelock(_)
            | RuntimeCall::Validators(_)
            | RuntimeCall::Members(_)
            | RuntimeCall::Patients(_)
            | RuntimeCall::Records(_)
            | RuntimeCall::Consent(_)
            | RuntimeCall::AccessLog(_)
            | RuntimeCall::Corrections(_)
            | RuntimeCall::Copies(_)
            | RuntimeCall::Recovery(_)
            | RuntimeCall::Emergency(_)
            | RuntimeCall::Credits(_)
            | RuntimeCall::Research(_)
            | RuntimeCall::Links(_) => true,
        }
    }
}

/// What the extensions of `frame_system` weigh, without the rows that all transactions of a block share:
/// they come from the database, and go there, once for the block.
pub struct ExtensionsWeight;

type Stock = SubstrateExtensionsWeight<Runtime>;

impl ExtensionsWeightInfo for ExtensionsWeight {
    fn check_genesis() -> Weight {
        Stock::check_genesis().saturating_sub(DbWeight::get().reads(1))
    }
    fn check_mortality_mortal_transaction() -> Weight {
        Stock::check_mortality_mortal_transaction()
    }
    fn check_mortality_immortal_transaction() -> Weight {
        Stock::check_mortality_immortal_transaction()
    }
    fn check_non_zero_sender() -> Weight {
        Stock::check_non_zero_sender()
    }
    fn check_nonce() -> Weight {
        Stock::check_nonce()
    }
    fn check_spec_version() -> Weight {
        Stock::check_spec_version()
    }
    fn check_tx_version() -> Weight {
        Stock::check_tx_version()
    }
    fn check_weight() -> Weight {
        Stock::check_weight()
    }
    fn weight_reclaim() -> Weight {
        Stock::weight_reclaim().saturating_sub(DbWeight::get().reads_writes(1, 1))
    }
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type BaseCallFilter = CallFilter;
    type Block = Block;
    type BlockWeights = RuntimeBlockWeights;
    type BlockLength = RuntimeBlockLength;
    type AccountId = AccountId;
    type Lookup = AccountIdLookup<AccountId, ()>;
    type Nonce = Nonce;
    type Hash = Hash;
    type BlockHashCount = BlockHashCount;
    type DbWeight = DbWeight;
    type Version = Version;
    type AccountData = pallet_balances::AccountData<Balance>;
    type SystemWeightInfo = frame_system::weights::SubstrateWeight<Runtime>;
    type ExtensionsWeightInfo = ExtensionsWeight;
    type SS58Prefix = ConstU16<42>;
    type MaxConsumers = ConstU32<16>;
    type SingleBlockMigrations = crate::Migrations;
    type MultiBlockMigrator = crate::MultiBlockMigrations;
}

parameter_types! {
    /// Half of a block: importers run what the author ran, and have other work.
    pub MaxMigrationWeight: Weight = Perbill::from_percent(50) * MAXIMUM_BLOCK_WEIGHT;
}

impl pallet_migrations::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    #[cfg(not(feature = "runtime-benchmarks"))]
    type Migrations = crate::SteppedMigrations;
    #[cfg(feature = "runtime-benchmarks")]
    type Migrations = pallet_migrations::mock_helpers::MockedMigrations;
    type CursorMaxLen = ConstU32<65_536>;
    type IdentifierMaxLen = ConstU32<256>;
    type MigrationStatusHandler = ();
    // Rows of two shapes under one key would be read wrongly for ever; a chain that stands still loses
    // nothing, and its members can agree on code that goes on.
    type FailedMigrationHandler = frame_support::migrations::FreezeChainOnFailedMigration;
    type MaxServiceWeight = MaxMigrationWeight;
    type WeightInfo = pallet_migrations::weights::SubstrateWeight<Runtime>;
}

impl pallet_timestamp::Config for Runtime {
    type Moment = salus_primitives::Moment;
    type OnTimestampSet = Aura;
    // Aura's slot is twice this.
    type MinimumPeriod = ConstU64<{ SLOT_DURATION / 2 }>;
    type WeightInfo = pallet_timestamp::weights::SubstrateWeight<Runtime>;
}

impl pallet_balances::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeHoldReason = RuntimeHoldReason;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
    type Balance = Balance;
    type DustRemoval = ();
    type ExistentialDeposit = ConstU128<1>;
    type AccountStore = System;
    type ReserveIdentifier = [u8; 8];
    type FreezeIdentifier = RuntimeFreezeReason;
    type MaxLocks = ConstU32<0>;
    type MaxReserves = ConstU32<0>;
    type MaxFreezes = frame_support::traits::VariantCountOf<RuntimeFreezeReason>;
    type DoneSlashHandler = ();
}
