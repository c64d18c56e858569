//! Calls a runtime's benchmarks, over a state that counts reads and writes.

use anyhow::{anyhow, bail, Result};
use codec::{Decode, Encode};
use frame_benchmarking::{BenchmarkBatch, BenchmarkList, BenchmarkParameter, BenchmarkResult};
use sc_chain_spec::GenesisConfigBuilderRuntimeCaller;
use sc_client_db::BenchmarkingState;
use sc_executor::{HeapAllocStrategy, WasmExecutor};
use sp_core::{
    offchain::{testing::TestOffchainExt, OffchainDbExt, OffchainWorkerExt},
    storage::well_known_keys::CODE,
    traits::{CallContext, ReadRuntimeVersionExt},
};
use sp_externalities::Extensions;
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::{
    backend::{BackendRuntimeCode, TryPendingCode},
    StateMachine,
};

type HostFunctions = (
    sp_io::SubstrateHostFunctions,
    frame_benchmarking::benchmarking::HostFunctions,
);

/// The chain that a benchmark begins with.
const PRESET: &str = "development";

pub struct Machine {
    executor: WasmExecutor<HostFunctions>,
    /// Counts each row that is asked for, which takes time.
    counting: BenchmarkingState<BlakeTwo256>,
    timing: BenchmarkingState<BlakeTwo256>,
}

/// What a run is to find out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    Accesses,
    Times,
}

impl Machine {
    pub fn new(code: &[u8]) -> Result<Self> {
        let mut genesis = GenesisConfigBuilderRuntimeCaller::<HostFunctions>::new(code)
            .get_storage_for_named_preset(Some(&PRESET.to_string()))
            .map_err(|error| anyhow!("the runtime has no genesis {PRESET}: {error}"))?;
        genesis.top.insert(CODE.to_vec(), code.to_vec());
        let heap = HeapAllocStrategy::Dynamic {
            maximum_pages: None,
        };
        // No proofs are recorded: no block of this chain carries any.
        let state = |counts| {
            BenchmarkingState::new(genesis.clone(), None, false, counts)
                .map_err(|error| anyhow!(error))
        };
        Ok(Self {
            executor: WasmExecutor::builder()
                .with_onchain_heap_alloc_strategy(heap)
                .with_offchain_heap_alloc_strategy(heap)
                .with_max_runtime_instances(2)
                .build(),
            counting: state(true)?,
            timing: state(false)?,
        })
    }

    /// All benchmarks of the runtime.
    pub fn list(&self) -> Result<Vec<BenchmarkList>> {
        let answer = self.call(
            &self.timing,
            "Benchmark_benchmark_metadata",
            &false.encode(),
        )?;
        // What follows is about proofs.
        Ok(Vec::decode(&mut &answer[..])?)
    }

    /// Runs one benchmark so many times, at one value of each component.
    pub fn dispatch(
        &self,
        pallet: &[u8],
        instance: &[u8],
        benchmark: &[u8],
        components: &[(BenchmarkParameter, u32)],
        verify: bool,
        repeats: u32,
        aim: Aim,
    ) -> Result<Vec<BenchmarkResult>> {
        let config = (pallet, instance, benchmark, components, verify, repeats).encode();
        let state = match aim {
            Aim::Accesses => &self.counting,
            Aim::Times => &self.timing,
        };
        let answer = self.call(state, "Benchmark_dispatch_benchmark", &config)?;
        match Result::<Vec<BenchmarkBatch>, String>::decode(&mut &answer[..])? {
            Ok(batches) => Ok(batches
                .into_iter()
                .flat_map(|batch| batch.results)
                .collect()),
            Err(why) => bail!("at {components:?}: {why}"),
        }
    }

    fn call(
        &self,
        state: &BenchmarkingState<BlakeTwo256>,
        function: &str,
        arguments: &[u8],
    ) -> Result<Vec<u8>> {
        let mut extensions = Extensions::default();
        let (offchain, _) = TestOffchainExt::new();
        extensions.register(KeystoreExt::new(MemoryKeystore::new()));
        extensions.register(OffchainWorkerExt::new(offchain.clone()));
        extensions.register(OffchainDbExt::new(offchain));
        extensions.register(ReadRuntimeVersionExt::new(self.executor.clone()));
        let code = BackendRuntimeCode::new(state, TryPendingCode::No);
        let code = code.runtime_code().map_err(|error| anyhow!(error))?;
        let answer = StateMachine::new(
            state,
            &mut Default::default(),
            &self.executor,
            function,
            arguments,
            &mut extensions,
            &code,
            CallContext::Offchain,
        )
        .execute();
        answer.map_err(|error| anyhow!("{function}: {error}"))
    }
}
