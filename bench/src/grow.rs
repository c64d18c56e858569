//! Fills a chain the way hospitals fill it, by transactions, only faster.

use std::time::Instant;

use anyhow::{ensure, Result};
use serde_json::{json, Value};

use crate::{
    population::{self, Population},
    process,
};

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value = "ws://127.0.0.1:9944")]
    node: String,
    #[arg(long, default_value_t = 100_000)]
    patients: u32,
    /// Records of each patient, each an entry of their trail
    #[arg(long, default_value_t = 10)]
    records: u32,
    /// Service accounts of the hospital
    #[arg(long, default_value_t = 32)]
    services: u32,
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    ensure!(
        args.patients > 0 && args.records > 0 && args.services > 0,
        "--patients, --records and --services must be at least 1"
    );
    let chain = population::connect(&args.node).await?;
    // Finds the hospital and its council's vote.
    let council = Population::prepare(&chain, 1, 1, args.services).await?;
    council.raise_allowances(&chain).await?;
    let started = Instant::now();
    Population::prepare(&chain, args.patients, args.records, args.services).await?;
    let took = started.elapsed().as_secs_f64();
    let records = u64::from(args.patients) * u64::from(args.records);
    // An enrolment, a grant, and each record.
    let entries = records + 2 * u64::from(args.patients);
    let table = format!(
        "{} patients, {records} records, {entries} trail entries in {took:.0} s\n",
        args.patients
    );
    let json = json!({
        "kind": "grow",
        "machine": process::machine(),
        "patients": args.patients,
        "records": records,
        "trail_entries": entries,
        "took_s": took,
    });
    Ok((table, json))
}
