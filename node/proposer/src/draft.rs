//! A block in the making, on the runtime's state.

use std::sync::Arc;

use codec::Encode;
use salus_primitives::api::BatchApi;
use sp_api::{
    ApiError, ApiExt, ApiRef, CallApiAt, CallContext, Core, ProofRecorder, ProvideRuntimeApi,
    StorageChanges, TransactionOutcome,
};
use sp_block_builder::BlockBuilder;
use sp_blockchain::Error;
use sp_externalities::Extensions;
use sp_inherents::InherentData;
use sp_runtime::{
    traits::{Block as BlockT, Header as HeaderT, One},
    transaction_validity::TransactionValidityError,
    Digest, ExtrinsicInclusionMode,
};
use sp_weights::{constants::WEIGHT_REF_TIME_PER_MILLIS, Weight};

use crate::fill::{Applied, Fill};

/// Ends a batch whose transactions are heavier than those before: see the crate's documentation.
const ENOUGH: Weight = Weight::from_parts(40 * WEIGHT_REF_TIME_PER_MILLIS, u64::MAX);
/// The length of the list of extrinsics, at its longest.
const LENGTH: usize = 5;

pub struct Draft<'a, B: BlockT, C: ProvideRuntimeApi<B> + 'a> {
    client: &'a C,
    api: ApiRef<'a, C::Api>,
    parent: B::Hash,
    mode: ExtrinsicInclusionMode,
    batches: bool,
    extrinsics: Vec<B::Extrinsic>,
    /// Of the header and the extrinsics, in bytes.
    size: usize,
}

impl<'a, B, C> Draft<'a, B, C>
where
    B: BlockT,
    C: CallApiAt<B> + ProvideRuntimeApi<B> + 'a,
    C::Api: ApiExt<B> + BlockBuilder<B> + BatchApi<B>,
{
    /// Begins a block on this parent.
    pub fn begin(
        client: &'a C,
        parent: &B::Header,
        digest: Digest,
        recorder: Option<ProofRecorder<B>>,
        extensions: Extensions,
    ) -> Result<Self, Error> {
        let header = HeaderT::new(
            *parent.number() + One::one(),
            Default::default(),
            Default::default(),
            parent.hash(),
            digest,
        );
        let parent = parent.hash();
        let mut api = client.runtime_api();
        // How much of the state a batch will touch is known to nobody, and the proof counts as size.
        let batches = recorder.is_none() && api.has_api::<dyn BatchApi<B>>(parent)?;
        if let Some(recorder) = recorder {
            api.record_proof_with_recorder(recorder);
        }
        for extension in extensions.into_extensions() {
            api.register_extension(extension);
        }
        api.set_call_context(CallContext::Onchain { import: false });
        let mode = api.initialize_block(parent, &header)?;
        Ok(Self {
            client,
            api,
            parent,
            mode,
            batches,
            extrinsics: Vec::new(),
            size: header.encoded_size() + LENGTH,
        })
    }

    /// Whether the runtime takes transactions in this block.
    pub fn takes_transactions(&self) -> bool {
        self.mode == ExtrinsicInclusionMode::AllExtrinsics
    }

    /// Returns the inherents that the runtime makes of this data.
    pub fn inherents(&self, data: InherentData) -> Result<Vec<B::Extrinsic>, Error> {
        let parent = self.parent;
        // It should write nothing, and nothing that it wrote stays.
        Ok(self.api.execute_in_transaction(|api| {
            TransactionOutcome::Rollback(api.inherent_extrinsics(parent, data))
        })?)
    }

    /// Applies one extrinsic; nothing stays of it if it is refused or the runtime fails.
    pub fn push(
        &mut self,
        extrinsic: B::Extrinsic,
    ) -> Result<Result<(), TransactionValidityError>, ApiError> {
        let parent = self.parent;
        let result = self.api.execute_in_transaction(|api| {
            match api.apply_extrinsic(parent, extrinsic.clone()) {
                Ok(Ok(_)) => TransactionOutcome::Commit(Ok(Ok(()))),
                Ok(Err(refused)) => TransactionOutcome::Rollback(Ok(Err(refused))),
                Err(failed) => TransactionOutcome::Rollback(Err(failed)),
            }
        })?;
        if result.is_ok() {
            self.add(extrinsic);
        }
        Ok(result)
    }

    fn add(&mut self, extrinsic: B::Extrinsic) {
        self.size += extrinsic.encoded_size();
        self.extrinsics.push(extrinsic);
    }

    /// Seals the block: whatever is to be in it, is.
    pub fn finish(self) -> Result<(B, StorageChanges<B>), Error> {
        let header = self.api.finalize_block(self.parent)?;
        let state = self.client.state_at(self.parent)?;
        let changes = self
            .api
            .into_storage_changes(&state, self.parent)
            .map_err(Error::StorageChanges)?;
        Ok((B::new(header, self.extrinsics), changes))
    }
}

impl<B, C> Fill<B::Extrinsic> for Draft<'_, B, C>
where
    B: BlockT,
    C: CallApiAt<B> + ProvideRuntimeApi<B>,
    C::Api: ApiExt<B> + BlockBuilder<B> + BatchApi<B>,
{
    fn takes_batches(&self) -> bool {
        self.batches
    }

    fn size(&self) -> usize {
        let proof = self.api.proof_recorder();
        self.size + proof.map_or(0, |proof| proof.estimate_encoded_size())
    }

    fn apply(&mut self, batch: Vec<Arc<B::Extrinsic>>) -> Result<Applied, ApiError> {
        if let [extrinsic] = batch.as_slice() {
            return Ok(vec![self.push((**extrinsic).clone())?]);
        }
        let parent = self.parent;
        let extrinsics: Vec<_> = batch.iter().map(|one| (**one).clone()).collect();
        let tried = extrinsics.len();
        let results = self.api.execute_in_transaction(|api| {
            match api.apply_extrinsics(parent, extrinsics.clone(), ENOUGH) {
                Ok(results) if (1..=tried).contains(&results.len()) => {
                    TransactionOutcome::Commit(Ok(results))
                }
                // It would never end, or put into the block what was not tried.
                Ok(results) => TransactionOutcome::Rollback(Err(ApiError::Application(
                    format!("{} results for {tried} transactions", results.len()).into(),
                ))),
                Err(failed) => TransactionOutcome::Rollback(Err(failed)),
            }
        })?;
        let results: Applied = results.into_iter().map(|one| one.map(|_| ())).collect();
        for (extrinsic, result) in extrinsics.into_iter().zip(&results) {
            if result.is_ok() {
                self.add(extrinsic);
            }
        }
        Ok(results)
    }
}
