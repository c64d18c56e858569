//! A long trail: made on the development preset, two entries of one patient in each block, and read.

use std::{collections::BTreeSet, time::Instant};

use anyhow::{ensure, Result};
use salus_client::{
    chain::{calls, Chain, ChainError},
    trail,
};
use salus_primitives::{Cid, NewRecord, Part, PatientId, Purpose};
use serde_json::{json, Value};
use sp_core::H256;

use crate::{
    figures::{percentile, Latency},
    world::World,
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
    match (args.make, args.patient) {
        (Some(entries), _) => make(&args.node, entries).await,
        (None, Some(patient)) => read(&args, patient).await,
        (None, None) => unreachable!("clap asks for one of them"),
    }
}

async fn make(node: &str, entries: u64) -> Result<(String, Value)> {
    let chain = Chain::connect(node, None).await?;
    let world = World::create(&chain, 2).await?;
    let record = NewRecord {
        compartment: world.compartment,
        epoch: 0,
        content: Cid::dag_pb([7; 32]),
        commitment: H256::repeat_byte(7),
    };
    let anchor = calls::records::anchor(world.patient, Some(world.grant), &record);
    chain.submit(&world.services[0], &anchor).await?;
    let open = calls::access_log::open(
        world.patient,
        &[0],
        Part::Full,
        world.grant,
        Purpose::Treat,
        Some(&world.doctor.account()),
    )?;
    let mut from = chain.finalized().await?;
    let mut blocks = chain.follow(from.number + 1);
    let mut nonces = nonces(&chain, &world).await?;
    loop {
        let block = blocks.next().await?;
        if block.number >= from.number + RENEW {
            from = block;
            let head = trail::head(&chain, world.patient, block.hash).await?;
            if head.count >= entries {
                break;
            }
            // What the pool has lost leaves a gap: it begins there again.
            nonces = self::nonces(&chain, &world).await?;
        }
        for (key, nonce) in world.services.iter().zip(&mut nonces) {
            let signed = chain.sign(key, &open, *nonce, from).await?;
            // One that is there already, or too early, is made up for at the next renewal.
            if let Err(error) = chain.send(&signed).await {
                ensure!(matches!(error, ChainError::Rejected { .. }), error);
            }
            *nonce += 1;
        }
    }
    let patient = world.patient.to_string();
    Ok((format!("{patient}\n"), json!({ "patient": patient })))
}

async fn nonces(chain: &Chain, world: &World) -> Result<Vec<u64>> {
    let mut nonces = Vec::new();
    for key in &world.services {
        nonces.push(chain.next_nonce(&key.account()).await?);
    }
    Ok(nonces)
}

async fn read(args: &Args, patient: PatientId) -> Result<(String, Value)> {
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
        percentile(times, percent).map_or(0.0, |t: std::time::Duration| t.as_secs_f64() * 1e3)
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
