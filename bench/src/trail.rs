//! A long trail: made on the development preset, two entries of one patient in each block, and read.
//!
//! The patient's owner makes them: what an organisation may write into a trail is bounded.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use salus_client::{
    chain::{calls, Chain, ChainError},
    files::age::DecryptionKey,
    trail,
};
use salus_primitives::{PatientId, Subject};
use serde_json::{json, Value};

use crate::{
    figures::{percentile, Latency},
    population::{self, Population},
};

/// Blocks after which a newer one is named as where transactions begin to be valid.
const RENEW: u32 = 64;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, env = "SALUS_NODE", default_value = "ws://127.0.0.1:9944")]
    node: String,
    /// The patient whose trail is read
    #[arg(long, required_unless_present = "make")]
    patient: Option<PatientId>,
    /// Make a trail of so many entries instead, and print whose it is. See `./scripts/long-trail`
    #[arg(long, value_name = "ENTRIES")]
    make: Option<u64>,
    /// How often it is read
    #[arg(long, default_value_t = 5)]
    count: usize,
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    match args.make {
        Some(entries) => make(&args.node, entries).await,
        None => read(&args).await,
    }
}

async fn make(node: &str, entries: u64) -> Result<(String, Value)> {
    let chain = population::connect(node).await?;
    let population = Population::prepare(&chain, 1, 1, 2).await?;
    let chart = population.chart(0);
    population.raise_allowances(&chain).await?;
    let owner = chart.owner();
    let (key, genesis) = (DecryptionKey::generate().public(), chain.genesis());
    let mut from = chain.finalized().await?;
    let mut blocks = chain.follow(from.number + 1);
    let mut nonce = chain.next_nonce(&owner.account()).await?;
    // The key of an inbox has a number of its own, one more each time.
    let first = nonce - 1;
    let mut count = 0;
    loop {
        let block = blocks.next().await?;
        if block.number >= from.number + RENEW {
            from = block;
            let head = trail::head(&chain, chart.patient, block.hash).await?;
            if head.count >= entries {
                break;
            }
            ensure!(
                head.count > count,
                "the trail stays at {count}: begin on a new chain"
            );
            count = head.count;
            // What the pool has lost leaves a gap: it begins there again.
            nonce = chain.next_nonce(&owner.account()).await?;
        }
        for _ in 0..2 {
            let subject = Subject::Inbox(chart.patient);
            let epoch = u32::try_from(nonce - first)?;
            let inbox = owner.sign_recipient(&subject, &key, epoch, &genesis);
            let call = calls::patients::set_inbox(chart.patient, &inbox);
            let signed = chain.sign(&owner, &call, nonce, from).await?;
            // One that is there already, or too early, is made up for at the next renewal.
            if let Err(error) = chain.send(&signed).await {
                ensure!(matches!(error, ChainError::Rejected { .. }), error);
            }
            nonce += 1;
        }
    }
    let patient = chart.patient.to_string();
    Ok((format!("{patient}\n"), json!({ "patient": patient })))
}

async fn read(args: &Args) -> Result<(String, Value)> {
    let patient = args.patient.context("name whose trail: --patient")?;
    ensure!(args.count > 0, "--count must be at least 1");
    let (mut reading, mut verifying) = (Vec::new(), Vec::new());
    let (mut entries, mut blocks) = (0, 0);
    for _ in 0..args.count {
        // Anew each time, as `salus log` does: with the metadata to fetch.
        let begun = Instant::now();
        let chain = Chain::connect(&args.node, None).await?;
        let found = trail::read(&chain, patient).await?;
        reading.push(begun.elapsed());
        let begun = Instant::now();
        found.verify(None)?;
        verifying.push(begun.elapsed());
        entries = found.entries.len();
        blocks = found
            .entries
            .iter()
            .map(|entry| entry.block)
            .collect::<BTreeSet<_>>()
            .len();
    }
    let both: Vec<_> = reading
        .iter()
        .zip(&verifying)
        .map(|(a, b)| *a + *b)
        .collect();
    let ms = |times: &[_], percent| {
        percentile(times, percent).map_or(0.0, |t: Duration| t.as_secs_f64() * 1e3)
    };
    let table = format!(
        "{:>8} {:>8} {:>14} {:>14} {:>16} {:>14}\n{entries:>8} {blocks:>8} {:>14.0} {:>14.0} {:>16.1} {:>14.0}\n",
        "entries",
        "blocks",
        "read p50 ms",
        "read max ms",
        "verify p50 ms",
        "both max ms",
        ms(&reading, 50),
        ms(&reading, 100),
        ms(&verifying, 50),
        ms(&both, 100),
    );
    let json = json!({
        "entries": entries, "blocks": blocks, "times": args.count,
        "read": Latency::of(&reading), "verify": Latency::of(&verifying),
        "both_max_ms": ms(&both, 100),
    });
    Ok((table, json))
}
