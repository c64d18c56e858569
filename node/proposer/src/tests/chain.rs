//! A chain of the real runtime as WebAssembly, in a folder of its own.

use std::sync::{Arc, LazyLock};

use codec::Encode;
use futures::executor::block_on;
use salus_runtime::{
    genesis_config_presets, opaque::Block, Runtime, RuntimeApi, RuntimeCall, SignedPayload,
    TxExtension, UncheckedExtrinsic, SLOT_DURATION, VERSION, WASM_BINARY,
};
use sc_client_api::{execution_extensions::ExecutionExtensions, HeaderBackend};
use sc_client_db::DatabaseSettings;
use sc_consensus::{BlockImport, BlockImportParams, ForkChoiceStrategy, ImportResult, StateAction};
use sc_executor::WasmExecutor;
use sc_service::{ChainSpec as _, DatabaseSource, GenericChainSpec, GenesisBlockBuilder};
use serde_json::{json, Value};
use sp_consensus::BlockOrigin;
use sp_consensus_aura::{Slot, AURA_ENGINE_ID};
use sp_core::testing::TaskExecutor;
use sp_inherents::InherentData;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    generic::Era, traits::Block as _, Digest, DigestItem, MultiAddress, OpaqueExtrinsic,
};

use crate::draft::Draft;

/// A second of 2025, in milliseconds, at which the first block is made.
const NOW: u64 = 1_735_689_600_000;

/// The admins of the chain's organisations: only members may send, each so much at once.
pub const ADMINS: [Sr25519Keyring; 14] = {
    use Sr25519Keyring::*;
    [
        Alice,
        Bob,
        Charlie,
        Dave,
        Eve,
        Ferdie,
        One,
        Two,
        AliceStash,
        BobStash,
        CharlieStash,
        DaveStash,
        EveStash,
        FerdieStash,
    ]
};

type Executor = WasmExecutor<sp_io::SubstrateHostFunctions>;
/// One for all: it keeps the runtime that it has compiled.
static EXECUTOR: LazyLock<Executor> = LazyLock::new(|| Executor::builder().build());

pub type Client = sc_service::TFullClient<Block, RuntimeApi, Executor>;
pub type Header = <Block as sp_runtime::traits::Block>::Header;

pub struct Chain {
    pub client: Arc<Client>,
    _folder: tempfile::TempDir,
}

impl Chain {
    /// The local preset, with an organisation for each of the other admins.
    pub fn start() -> Self {
        let wasm = WASM_BINARY.expect("the runtime is built as WebAssembly, too");
        let preset = genesis_config_presets::get_preset(&genesis_config_presets::LOCAL.into());
        let mut preset: Value = serde_json::from_slice(&preset.unwrap()).unwrap();
        let organisations = preset["members"]["organisations"].as_array_mut().unwrap();
        for admin in &ADMINS[organisations.len()..] {
            let account = admin.to_account_id();
            organisations.push(json!(["Clinic", format!("{admin:?}"), account, ""]));
        }
        let specification = <GenericChainSpec>::builder(wasm, None)
            .with_genesis_config_patch(preset)
            .build();
        let folder = tempfile::tempdir().unwrap();
        let backend = sc_service::new_db_backend(DatabaseSettings {
            trie_cache_maximum_size: Some(16 << 20),
            state_pruning: None,
            source: DatabaseSource::ParityDb {
                path: folder.path().into(),
            },
            blocks_pruning: sc_service::BlocksPruning::KeepAll,
            pruning_filters: Vec::new(),
            metrics_registry: None,
        })
        .unwrap();
        let executor = EXECUTOR.clone();
        let genesis = GenesisBlockBuilder::new(
            specification.as_storage_builder(),
            true,
            backend.clone(),
            executor.clone(),
        )
        .unwrap();
        let client = sc_service::new_client(
            backend,
            executor.clone(),
            genesis,
            Default::default(),
            Default::default(),
            ExecutionExtensions::new(None, Arc::new(executor)),
            Box::new(TaskExecutor::new()),
            None,
            None,
            Default::default(),
        )
        .unwrap();
        Self {
            client: Arc::new(client),
            _folder: folder,
        }
    }

    pub fn best(&self) -> Header {
        let best = self.client.info().best_hash;
        self.client.header(best).unwrap().unwrap()
    }

    /// A block with its inherents, and nothing else yet.
    pub fn draft(&self) -> Draft<'_, Block, Client> {
        let best = self.best();
        let (digest, extensions) = (digest(&best), Default::default());
        let mut draft = Draft::begin(&*self.client, &best, digest, None, extensions).unwrap();
        for inherent in draft.inherents(inherent_data(&best)).unwrap() {
            draft.push(inherent).unwrap().unwrap();
        }
        draft
    }

    /// What another node does with a block: executes all of it.
    pub fn import(&self, block: Block) {
        let (header, body) = block.deconstruct();
        let mut import = BlockImportParams::new(BlockOrigin::NetworkBroadcast, header);
        import.body = Some(body);
        import.state_action = StateAction::Execute;
        import.fork_choice = Some(ForkChoiceStrategy::LongestChain);
        let result = block_on((*self.client).import_block(import)).expect("it executes");
        assert!(matches!(result, ImportResult::Imported(_)), "{result:?}");
    }

    /// A remark of so many bytes, signed.
    pub fn remark(&self, who: Sr25519Keyring, nonce: u32, length: usize) -> OpaqueExtrinsic {
        let call = frame_system::Call::remark {
            remark: vec![0; length],
        };
        self.signed(who, nonce, call.into())
    }

    /// A call of an admin that weighs twice what a remark does, signed.
    pub fn profile(&self, who: Sr25519Keyring, nonce: u32) -> OpaqueExtrinsic {
        let call = pallet_members::Call::set_profile {
            name: format!("{who:?} {nonce}").into_bytes().try_into().unwrap(),
            vault_url: Default::default(),
        };
        self.signed(who, nonce, call.into())
    }

    fn signed(&self, who: Sr25519Keyring, nonce: u32, call: RuntimeCall) -> OpaqueExtrinsic {
        let extension: TxExtension = (
            frame_system::CheckNonZeroSender::new(),
            frame_system::CheckSpecVersion::new(),
            frame_system::CheckTxVersion::new(),
            frame_system::CheckGenesis::new(),
            frame_system::CheckMortality::from(Era::Immortal),
            pallet_members::CheckMember::new(),
            frame_system::CheckNonce::from(nonce),
            frame_system::CheckWeight::new(),
            frame_metadata_hash_extension::CheckMetadataHash::new(false),
            frame_system::WeightReclaim::new(),
        );
        let genesis = self.client.info().genesis_hash;
        let versions = (VERSION.spec_version, VERSION.transaction_version);
        let payload = SignedPayload::from_raw(
            call,
            extension,
            (
                (),
                versions.0,
                versions.1,
                genesis,
                genesis,
                (),
                (),
                (),
                None,
                (),
            ),
        );
        let signature = payload.using_encoded(|payload| who.sign(payload));
        let (call, extension, _) = payload.deconstruct();
        opaque(UncheckedExtrinsic::new_signed(
            call,
            MultiAddress::Id(who.to_account_id()),
            signature.into(),
            extension,
        ))
    }
}

/// What the next block begins with: its slot.
pub fn digest(parent: &Header) -> Digest {
    let slot = Slot::from(moment(parent) / SLOT_DURATION);
    Digest {
        logs: vec![DigestItem::PreRuntime(AURA_ENGINE_ID, slot.encode())],
    }
}

/// The clock at the next block.
pub fn inherent_data(parent: &Header) -> InherentData {
    let mut data = InherentData::new();
    let now = sp_timestamp::Timestamp::new(moment(parent));
    data.put_data(sp_timestamp::INHERENT_IDENTIFIER, &now)
        .unwrap();
    data
}

fn moment(parent: &Header) -> u64 {
    NOW + u64::from(parent.number) * SLOT_DURATION
}

fn opaque(extrinsic: UncheckedExtrinsic) -> OpaqueExtrinsic {
    OpaqueExtrinsic::try_from_encoded_extrinsic(&extrinsic.encode()).unwrap()
}

/// The clock is set a second time: the runtime panics, and has written by then.
pub fn panics() -> OpaqueExtrinsic {
    let call = pallet_timestamp::Call::<Runtime>::set { now: NOW };
    opaque(UncheckedExtrinsic::new_bare(call.into()))
}

/// Bytes that are no transaction.
pub fn garbage() -> OpaqueExtrinsic {
    OpaqueExtrinsic::try_from_encoded_extrinsic(&vec![0xff_u8; 20].encode()).unwrap()
}
