//! Finalized transactions per second of each workload, beside plain remarks of the same run.

use std::{fmt::Write, path::PathBuf, time::Duration};

use anyhow::{ensure, Context, Result};
use codec::{Compact, Decode};
use salus_client::chain::{storage_prefix, Chain};
use serde::Serialize;
use serde_json::{json, Value};
use sp_core::H256;
use sp_crypto_hashing::twox_128;

use crate::{
    figures::{median, Latency},
    load::{Flow, Gap, Load},
    population::{self, Population},
    process,
    workload::Workload,
};

/// Of a paced load, the seconds that are signed at once, well within a transaction's lifetime.
const SIGNED_AHEAD: f64 = 30.0;
/// Entries in each patient's trail at most: of what an organisation may write in an hour, with room
/// for lots that fall unevenly.
const ENTRIES_OF_EACH: f64 = 800.0;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value = "ws://127.0.0.1:9944")]
    node: String,
    /// What to measure [default: all but hospital-day]
    #[arg(long, value_enum, value_delimiter = ',')]
    workloads: Vec<Workload>,
    /// Small transactions of each workload; a quarter as many of 64 records, a 32nd of 128
    #[arg(long, default_value_t = 20_000)]
    count: u32,
    /// How often, of which medians are shown
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Patients; those that are missing are enrolled first
    #[arg(long, default_value_t = 1_024)]
    patients: u32,
    /// Records of each patient
    #[arg(long, default_value_t = 64)]
    records: u32,
    /// Service accounts of each hospital
    #[arg(long, default_value_t = 32)]
    services: u32,
    /// Transactions that are sent and not yet final, at most
    #[arg(long, default_value_t = 6_000)]
    in_pool: usize,
    /// Transactions a second [default: as many as go]
    #[arg(long)]
    rate: Option<f64>,
    /// The node's process, to count its CPU time; several with commas
    #[arg(long, value_delimiter = ',')]
    node_pid: Vec<u32>,
    /// Count the bytes of the live state, row by row: minutes, on a chain of more than 10,000 rows
    #[arg(long)]
    state: bool,
    /// The node's folder, to count the bytes on disk
    #[arg(long)]
    database: Option<PathBuf>,
}

impl Args {
    fn check(&self) -> Result<()> {
        ensure!(
            self.count > 0 && self.runs > 0 && self.patients > 0 && self.services > 0,
            "--count, --runs, --patients and --services must be at least 1"
        );
        ensure!(
            self.rate.is_none_or(|rate| rate > 0.0 && rate.is_finite()),
            "--rate must be more than 0"
        );
        ensure!(
            !self.workloads().contains(&Workload::Open64) || self.records >= 64,
            "open64 opens 64 records of a patient: --records must be at least 64"
        );
        ensure!(self.records > 0, "--records must be at least 1");
        let entries: u32 = match self.rate {
            // Whoever paces a load spreads it over hours, too.
            Some(_) => 0,
            None => self
                .workloads()
                .iter()
                .map(|workload| workload.transactions(self.count) * workload.entries())
                .sum(),
        };
        let entries = f64::from(self.runs) * f64::from(entries);
        ensure!(
            entries / f64::from(self.patients) <= ENTRIES_OF_EACH,
            "an organisation may write 1024 entries an hour into one patient's trail, and this would \
             write {entries:.0} in all: spread them over at least {:.0} --patients",
            entries / ENTRIES_OF_EACH
        );
        Ok(())
    }

    fn workloads(&self) -> Vec<Workload> {
        match self.workloads.is_empty() {
            false => self.workloads.clone(),
            true => Workload::ALL
                .into_iter()
                .filter(|workload| *workload != Workload::HospitalDay)
                .collect(),
        }
    }
}

/// One workload in one run.
#[derive(Clone, Serialize)]
pub struct Measured {
    workload: &'static str,
    transactions: usize,
    failed: usize,
    took_s: f64,
    /// Until the pool was full.
    accepted_per_s: f64,
    /// In best blocks.
    included_per_s: f64,
    finalized_per_s: f64,
    operations_per_s: f64,
    /// Beside the remarks of the same run.
    of_remark: Option<f64>,
    to_block: Latency,
    to_final: Latency,
    blocks: usize,
    /// Of blocks, the first and the last aside.
    transactions_per_block: f64,
    weight_fill: f64,
    length_fill: f64,
    node_cpu_s: Option<f64>,
    bench_cpu_s: f64,
    state_bytes_per_operation: Option<f64>,
    state_rows_per_operation: Option<f64>,
    database_bytes_per_operation: Option<f64>,
    body_bytes_per_operation: f64,
    gaps: Vec<Gap>,
    /// Accepted, forgotten, and sent again.
    lost: usize,
    /// Sent and not final, once a second.
    backlog: Vec<usize>,
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    args.check()?;
    let chain = population::connect(&args.node).await?;
    let population =
        Population::prepare(&chain, args.patients, args.records, args.services).await?;
    population.raise_allowances(&chain).await?;
    let limits = Limits::read(&chain).await?;
    let bench = Bench {
        chain: &chain,
        population: &population,
        limits,
        args: &args,
    };
    let mut runs = Vec::new();
    for run in 0..args.runs {
        let mut measured: Vec<Measured> = Vec::new();
        for workload in args.workloads() {
            eprintln!("run {} of {}: {}", run + 1, args.runs, workload.name());
            let mut one = bench.measure(workload).await?;
            let remark = Workload::Remark.name();
            one.of_remark = measured
                .iter()
                .find(|other| other.workload == remark)
                .map(|remark| one.finalized_per_s / remark.finalized_per_s);
            measured.push(one);
        }
        runs.push(measured);
    }
    let at = chain.finalized().await?;
    let json = json!({
        "kind": "chain",
        "machine": process::machine(),
        "runtime": chain.runtime(at.hash).await?.spec_version,
        "patients": args.patients,
        "records_of_each": args.records,
        "in_pool": args.in_pool,
        "rate": args.rate,
        "runs": runs,
    });
    Ok((table(&runs)?, json))
}

/// What a block may hold.
pub struct Limits {
    pub picoseconds: u64,
    bytes: u64,
}

impl Limits {
    /// From the runtime's constants.
    pub async fn read(chain: &Chain) -> Result<Self> {
        let runtime = chain.runtime(chain.finalized().await?.hash).await?;
        let constant = |name: &str| {
            let system = runtime.metadata.pallet_by_name("System");
            let constant = system.and_then(|pallet| pallet.constant_by_name(name));
            constant
                .map(|constant| constant.value().to_vec())
                .with_context(|| format!("the runtime has no System.{name}"))
        };
        let weights = constant("BlockWeights")?;
        // The base of a block, then its maximum: each time and proof.
        let [_, _, Compact(picoseconds), _] = <[Compact<u64>; 4]>::decode(&mut &weights[..])?;
        let lengths = constant("BlockLength")?;
        let [normal, _, _] = <[u32; 3]>::decode(&mut &lengths[..])?;
        Ok(Self {
            picoseconds,
            bytes: normal.into(),
        })
    }
}

struct Bench<'a> {
    chain: &'a Chain,
    population: &'a Population,
    limits: Limits,
    args: &'a Args,
}

struct Used {
    nodes: Option<Duration>,
    bench: Duration,
}

struct Stored {
    state: Option<State>,
    disk: Option<u64>,
}

struct State {
    rows: usize,
    bytes: usize,
}

impl Bench<'_> {
    async fn measure(&self, workload: Workload) -> Result<Measured> {
        let count = workload.transactions(self.args.count);
        let plans = workload
            .plan(self.chain, self.population, count, rand::random())
            .await?;
        let load = Load {
            chain: self.chain,
            in_pool: self.args.in_pool,
            // All, if they go as fast as they can: signing would take time from the node.
            signed_ahead: self
                .args
                .rate
                .map_or(usize::MAX, |rate| (rate * SIGNED_AHEAD) as usize),
            rate: self.args.rate,
        };
        let stored = self.stored().await?;
        let used = self.used()?;
        let flow = load.run(plans).await?;
        let used = (used, self.used()?);
        let stored = (stored, self.stored().await?);
        let event = workload.event();
        let wanted = event.map(|(pallet, event, _)| (pallet, event));
        let (failed, found) = flow.outcome(self.chain, wanted).await?;
        if let Some((pallet, event, each)) = event {
            let expected = flow.transactions * each as usize;
            ensure!(
                found == expected,
                "{} transactions left {found} {pallet}.{event}, not {expected}",
                workload.name()
            );
        }
        self.report(workload, &flow, failed, &used, &stored).await
    }

    async fn report(
        &self,
        workload: Workload,
        flow: &Flow,
        failed: usize,
        (idle, busy): &(Used, Used),
        (before, after): &(Stored, Stored),
    ) -> Result<Measured> {
        let took = flow.took.as_secs_f64();
        let per_second = flow.transactions as f64 / took;
        let operations = flow.transactions as f64 * f64::from(workload.operations());
        let each = |now: f64, then: f64| (now - then) / operations;
        let middle = match flow.blocks.as_slice() {
            [_, middle @ .., _] if !middle.is_empty() => middle,
            all => all,
        };
        let mean = |sum: f64| sum / middle.len().max(1) as f64;
        let mut weight = 0;
        for filled in middle {
            weight += self.weight(filled.block.hash).await?;
        }
        let bytes: usize = middle.iter().map(|filled| filled.bytes).sum();
        let ours: usize = middle.iter().map(|filled| filled.ours.len()).sum();
        let bodies: usize = flow.blocks.iter().map(|filled| filled.bytes).sum();
        let (accepted, until) = flow.accepted;
        let last_included = flow
            .blocks
            .last()
            .map_or(took, |last| last.best.as_secs_f64());
        let state = before.state.as_ref().zip(after.state.as_ref());
        let disk = before.disk.zip(after.disk);
        Ok(Measured {
            workload: workload.name(),
            transactions: flow.transactions,
            failed,
            took_s: took,
            accepted_per_s: accepted as f64 / until.as_secs_f64(),
            included_per_s: flow.transactions as f64 / last_included,
            finalized_per_s: per_second,
            operations_per_s: operations / took,
            of_remark: None,
            to_block: Latency::of(&flow.times(|ours| ours.included)),
            to_final: Latency::of(&flow.times(|ours| ours.finalized)),
            blocks: flow.blocks.len(),
            transactions_per_block: mean(ours as f64),
            weight_fill: mean(weight as f64) / self.limits.picoseconds as f64,
            length_fill: mean(bytes as f64) / self.limits.bytes as f64,
            node_cpu_s: idle
                .nodes
                .zip(busy.nodes)
                .map(|(idle, busy)| (busy - idle).as_secs_f64()),
            bench_cpu_s: (busy.bench - idle.bench).as_secs_f64(),
            state_bytes_per_operation: state
                .map(|(before, after)| each(after.bytes as f64, before.bytes as f64)),
            state_rows_per_operation: state
                .map(|(before, after)| each(after.rows as f64, before.rows as f64)),
            database_bytes_per_operation: disk
                .map(|(before, after)| each(after as f64, before as f64)),
            body_bytes_per_operation: bodies as f64 / operations,
            gaps: flow.gaps.clone(),
            lost: flow.lost,
            backlog: flow.backlog.clone(),
        })
    }

    /// What processes have used so far. Counting the state costs the node time, too: it is not among
    /// what a load costs.
    fn used(&self) -> Result<Used> {
        let nodes = self.args.node_pid.iter().map(|pid| process::cpu(*pid));
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        Ok(Used {
            nodes: (!nodes.is_empty()).then(|| nodes.iter().sum()),
            bench: process::cpu(std::process::id())?,
        })
    }

    async fn stored(&self) -> Result<Stored> {
        let disk = self.args.database.as_deref().map(process::on_disk);
        Ok(Stored {
            state: match self.args.state {
                true => Some(self.state().await?),
                false => None,
            },
            disk: disk.transpose().context("--database")?,
        })
    }

    /// What the newest finalized block uses of the time it may take.
    async fn weight(&self, block: H256) -> Result<u64> {
        let key = storage_prefix("System", "BlockWeight");
        let used: [Compact<u64>; 6] = self
            .chain
            .storage(&key, block)
            .await?
            .context("a block has a weight")?;
        let [Compact(normal), _, Compact(operational), _, Compact(mandatory), _] = used;
        Ok(normal + operational + mandatory)
    }

    /// Rows of the live state, and the bytes of their keys and values. Of `System` only the accounts:
    /// the rest is about the last block, and the hashes of those before.
    async fn state(&self) -> Result<State> {
        let at = self.chain.finalized().await?.hash;
        let (system, accounts) = (twox_128(b"System"), storage_prefix("System", "Account"));
        let mut state = State { rows: 0, bytes: 0 };
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.chain.storage_page(&[], after.as_deref(), at).await?;
            let Some((last, _)) = page.last() else {
                return Ok(state);
            };
            after = Some(last.clone());
            let rows = page
                .iter()
                .filter(|(key, _)| !key.starts_with(&system) || key.starts_with(&accounts));
            for (key, value) in rows {
                state.rows += 1;
                state.bytes += key.len() + value.len();
            }
        }
    }
}

/// Medians of all runs.
fn table(runs: &[Vec<Measured>]) -> Result<String> {
    let mut table = format!(
        "{:<16} {:>10} {:>9} {:>11} {:>10} {:>9} {:>7} {:>7} {:>6} {:>9} {:>9}\n",
        "workload",
        "accepted/s",
        "in block/s",
        "finalized/s",
        "records/s",
        "x remark",
        "p50 ms",
        "p95 ms",
        "fill",
        "per block",
        "state B",
    );
    let first = runs.first().map(Vec::as_slice).unwrap_or_default();
    for (place, one) in first.iter().enumerate() {
        let of = |figure: &dyn Fn(&Measured) -> f64| {
            let values: Vec<f64> = runs
                .iter()
                .filter_map(|run| run.get(place))
                .map(figure)
                .collect();
            median(&values).unwrap_or_default()
        };
        let or_dash = |figure: &dyn Fn(&Measured) -> Option<f64>, digits: usize| match figure(one) {
            Some(_) => format!("{:.digits$}", of(&|m| figure(m).unwrap_or_default())),
            None => "-".into(),
        };
        writeln!(
            table,
            "{:<16} {:>10.0} {:>10.0} {:>11.0} {:>10.0} {:>9} {:>7.0} {:>7.0} {:>5.0}% {:>9.0} {:>9}",
            one.workload,
            of(&|m| m.accepted_per_s),
            of(&|m| m.included_per_s),
            of(&|m| m.finalized_per_s),
            of(&|m| m.operations_per_s),
            or_dash(&|m| m.of_remark, 2),
            of(&|m| m.to_final.p50_ms),
            of(&|m| m.to_final.p95_ms),
            of(&|m| m.weight_fill) * 100.0,
            of(&|m| m.transactions_per_block),
            or_dash(&|m| m.state_bytes_per_operation, 1),
        )?;
        for gap in runs
            .iter()
            .filter_map(|run| run.get(place))
            .flat_map(|m| &m.gaps)
        {
            writeln!(
                table,
                "  the node was away after {:.1} s, for {:.1} s; {} transactions were sent again, {} of \
                 them from blocks that it had called final",
                gap.after_s, gap.lasted_s, gap.sent_again, gap.taken_back
            )?;
        }
        let sum = |figure: &dyn Fn(&Measured) -> usize| -> usize {
            let all = runs.iter().filter_map(|run| run.get(place));
            all.map(figure).sum()
        };
        for (count, what) in [
            (
                sum(&|m| m.lost),
                "were forgotten by the pool and sent again",
            ),
            (sum(&|m| m.failed), "of them failed on the chain"),
        ] {
            if count > 0 {
                writeln!(table, "  {count} {what}")?;
            }
        }
    }
    Ok(table)
}
