//! Proposes a block for Aura, in the place of the stock proposer and under its metrics.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{
    channel::oneshot,
    future::{ready, BoxFuture, Ready},
    FutureExt,
};
use salus_primitives::api::BatchApi;
use sc_proposer_metrics::{EndProposingReason, MetricsLink};
use sc_telemetry::{telemetry, TelemetryHandle, CONSENSUS_INFO};
use sc_transaction_pool_api::TransactionPool;
use sp_api::{ApiExt, CallApiAt, ProvideRuntimeApi};
use sp_block_builder::BlockBuilder;
use sp_blockchain::{ApplyExtrinsicFailed, Error};
use sp_consensus::{Environment, Proposal, ProposeArgs, Proposer};
use sp_core::traits::SpawnNamed;
use sp_inherents::InherentData;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use substrate_prometheus_endpoint::{register, Counter, PrometheusError, Registry, U64};

use crate::{
    draft::Draft,
    fill::{fill, Limits},
};

/// Bytes of a block where nobody says otherwise: the normal share of the runtime's 5 MiB, and a
/// header.
const SIZE: usize = 4 * 1024 * 1024 + 512;

/// Makes a block in each slot of this node.
pub struct Author<P, C> {
    spawner: Box<dyn SpawnNamed>,
    client: Arc<C>,
    pool: Arc<P>,
    stock_metrics: MetricsLink,
    metrics: Option<Metrics>,
    telemetry: Option<TelemetryHandle>,
}

impl<P, C> Clone for Author<P, C> {
    fn clone(&self) -> Self {
        Self {
            spawner: self.spawner.clone(),
            client: self.client.clone(),
            pool: self.pool.clone(),
            stock_metrics: self.stock_metrics.clone(),
            metrics: self.metrics.clone(),
            telemetry: self.telemetry.clone(),
        }
    }
}

impl<P, C> Author<P, C> {
    pub fn new(
        spawner: impl SpawnNamed + 'static,
        client: Arc<C>,
        pool: Arc<P>,
        registry: Option<&Registry>,
        telemetry: Option<TelemetryHandle>,
    ) -> Result<Self, PrometheusError> {
        Ok(Self {
            spawner: Box::new(spawner),
            client,
            pool,
            stock_metrics: MetricsLink::new(registry),
            metrics: registry.map(Metrics::register).transpose()?,
            telemetry,
        })
    }
}

/// What the stock proposer's metrics do not say.
#[derive(Clone)]
struct Metrics {
    batches: Counter<U64>,
    failed: Counter<U64>,
}

impl Metrics {
    fn register(registry: &Registry) -> Result<Self, PrometheusError> {
        let counter = |name, help| register(Counter::new(name, help)?, registry);
        Ok(Self {
            batches: counter(
                "salus_proposer_batches_total",
                "Calls of the runtime for more than one transaction",
            )?,
            failed: counter(
                "salus_proposer_failed_batches_total",
                "Batches on which the runtime failed: a transaction made it panic",
            )?,
        })
    }
}

impl<B, P, C> Environment<B> for Author<P, C>
where
    B: BlockT,
    P: TransactionPool<Block = B> + 'static,
    C: ProvideRuntimeApi<B> + CallApiAt<B> + Send + Sync + 'static,
    C::Api: ApiExt<B> + BlockBuilder<B> + BatchApi<B>,
{
    type Proposer = Turn<B, P, C>;
    type CreateProposer = Ready<Result<Self::Proposer, Self::Error>>;
    type Error = Error;

    fn init(&mut self, parent: &B::Header) -> Self::CreateProposer {
        ready(Ok(Turn {
            author: self.clone(),
            parent: parent.clone(),
        }))
    }
}

/// One block of an author, on this parent.
pub struct Turn<B: BlockT, P, C> {
    author: Author<P, C>,
    parent: B::Header,
}

impl<B, P, C> Proposer<B> for Turn<B, P, C>
where
    B: BlockT,
    P: TransactionPool<Block = B> + 'static,
    C: ProvideRuntimeApi<B> + CallApiAt<B> + Send + Sync + 'static,
    C::Api: ApiExt<B> + BlockBuilder<B> + BatchApi<B>,
{
    type Error = Error;
    type Proposal = BoxFuture<'static, Result<Proposal<B>, Error>>;

    fn propose(self, args: ProposeArgs<B>) -> Self::Proposal {
        let (done, proposal) = oneshot::channel();
        let spawner = self.author.spawner.clone();
        // A thread of its own, which is not waited for once the slot is over.
        let work = async move {
            let _ = done.send(self.make(args).await);
        };
        spawner.spawn_blocking("block-proposer", None, work.boxed());
        async move { proposal.await? }.boxed()
    }
}

impl<B, P, C> Turn<B, P, C>
where
    B: BlockT,
    P: TransactionPool<Block = B> + 'static,
    C: ProvideRuntimeApi<B> + CallApiAt<B> + Send + Sync + 'static,
    C::Api: ApiExt<B> + BlockBuilder<B> + BatchApi<B>,
{
    async fn make(self, args: ProposeArgs<B>) -> Result<Proposal<B>, Error> {
        let began = Instant::now();
        // A tenth is for sealing.
        let deadline = began + args.max_duration - args.max_duration / 10;
        let author = &self.author;
        let mut draft = Draft::begin(
            &*author.client,
            &self.parent,
            args.inherent_digests,
            args.storage_proof_recorder,
            args.extra_extensions,
        )?;
        self.push_inherents(&mut draft, args.inherent_data)?;

        let mut end = EndProposingReason::TransactionForbidden;
        let mut batches = 0;
        if draft.takes_transactions() {
            let limits = Limits {
                deadline,
                size: args.block_size_limit.unwrap_or(SIZE),
            };
            (end, batches) = self.push_transactions(&mut draft, limits).await;
        }
        let (block, storage_changes) = draft.finish()?;
        self.report(&block, end, batches, began.elapsed());
        Ok(Proposal {
            block,
            storage_changes,
        })
    }

    fn push_inherents(&self, draft: &mut Draft<B, C>, data: InherentData) -> Result<(), Error> {
        let began = Instant::now();
        let inherents = draft.inherents(data)?;
        self.author.stock_metrics.report(|metrics| {
            let took = began.elapsed().as_secs_f64();
            metrics.create_inherents_time.observe(took);
        });
        for inherent in inherents {
            match draft.push(inherent) {
                Ok(Ok(())) => {}
                Ok(Err(refused)) if refused.was_mandatory() => {
                    log::error!("❌️ A mandatory inherent is refused: there can be no block.");
                    return Err(ApplyExtrinsicFailed::Validity(refused).into());
                }
                Ok(Err(refused)) => log::warn!("An inherent is refused and dropped: {refused:?}"),
                Err(failed) => log::warn!("The runtime failed on an inherent: {failed}"),
            }
        }
        Ok(())
    }

    async fn push_transactions(
        &self,
        draft: &mut Draft<'_, B, C>,
        limits: Limits,
    ) -> (EndProposingReason, usize) {
        let Author { pool, metrics, .. } = &self.author;
        let parent = self.parent.hash();
        let size = limits.size;
        let patience = limits.deadline.saturating_duration_since(Instant::now()) / 8;
        let ready = pool.ready_at_with_timeout(parent, patience).await;
        let filled = fill(draft, ready, limits, Instant::now);
        if filled.transactions == 0 && filled.end == EndProposingReason::HitBlockSizeLimit {
            log::warn!("No transaction fits into a block of {size} bytes");
        }
        if let Some(metrics) = metrics {
            metrics.batches.inc_by(filled.batches as u64);
            metrics.failed.inc_by(u64::from(filled.failed));
        }
        pool.report_invalid(Some(parent), filled.invalid).await;
        (filled.end, filled.batches)
    }

    fn report(&self, block: &B, end: EndProposingReason, batches: usize, took: Duration) {
        let number = *block.header().number();
        let hash = block.header().hash();
        let extrinsics = block.extrinsics().len();
        self.author.stock_metrics.report(|metrics| {
            metrics.number_of_transactions.set(extrinsics as u64);
            metrics.block_constructed.observe(took.as_secs_f64());
            metrics
                .create_block_proposal_time
                .observe(took.as_secs_f64());
            metrics.report_end_proposing_reason(end);
        });
        log::info!(
            "🎁 Prepared block for proposing at {number} ({} ms) hash: {hash:?}; parent_hash: {:?}; \
             end: {end:?}; extrinsics_count: {extrinsics}; batches: {batches}",
            took.as_millis(),
            block.header().parent_hash(),
        );
        telemetry!(
            self.author.telemetry;
            CONSENSUS_INFO;
            "prepared_block_for_proposing";
            "number" => ?number,
            "hash" => ?hash,
        );
    }
}
