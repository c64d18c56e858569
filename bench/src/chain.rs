//! Finalized transactions per second. Nothing counts that is not in a finalized block.

use std::{fmt::Write, time::Instant};

use anyhow::{ensure, Result};
use futures::{stream, StreamExt, TryStreamExt};
use salus_client::chain::{calls, Block, Call, Chain};
use salus_primitives::{Cid, NewRecord, Part, Purpose};
use serde_json::{json, Value};
use sp_core::H256;

use crate::world::World;

/// Transactions that wait for the node's word at once.
const IN_FLIGHT: usize = 128;

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value = "ws://127.0.0.1:9944")]
    node: String,
    /// Transactions of each kind
    #[arg(long, default_value_t = 3_000)]
    count: u32,
    /// Service accounts that share them
    #[arg(long, default_value_t = 4)]
    accounts: u32,
}

struct Measured {
    name: &'static str,
    finalized: u32,
    per_second: f64,
    accepted_per_second: f64,
    blocks: u32,
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    ensure!(
        args.accounts > 0 && args.count > 0,
        "--count and --accounts must be at least 1"
    );
    let chain = Chain::connect(&args.node, None).await?;
    let world = World::create(&chain, args.accounts).await?;
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
    let remark = calls::system::remark(&[0; 32]);

    let mut results = Vec::new();
    for (name, call, pallet, event) in [
        ("remark", remark, "System", "ExtrinsicSuccess"),
        ("open", open, "AccessLog", "Opened"),
        ("anchor", anchor, "Records", "RecordAnchored"),
    ] {
        results.push(measure(&chain, &world, &args, name, &call, (pallet, event)).await?);
    }

    let ceiling = results[0].per_second;
    let mut table = format!(
        "{:<8} {:>10} {:>12} {:>12} {:>8} {:>9}\n",
        "call", "finalized", "accepted/s", "finalized/s", "blocks", "x remark"
    );
    for m in &results {
        writeln!(
            table,
            "{:<8} {:>10} {:>12.0} {:>12.0} {:>8} {:>9.2}",
            m.name,
            m.finalized,
            m.accepted_per_second,
            m.per_second,
            m.blocks,
            m.per_second / ceiling
        )?;
    }
    let json = results
        .iter()
        .map(|m| {
            json!({
                "call": m.name, "finalized": m.finalized, "blocks": m.blocks,
                "accepted_per_second": m.accepted_per_second,
                "finalized_per_second": m.per_second,
                "of_remark": m.per_second / ceiling,
            })
        })
        .collect();
    Ok((table, json))
}

/// From the first transaction sent to the last one finalized. Signing is done before.
async fn measure(
    chain: &Chain,
    world: &World,
    args: &Args,
    name: &'static str,
    call: &Call,
    (pallet, event): (&str, &str),
) -> Result<Measured> {
    let from = chain.finalized().await?;
    let mut signed = Vec::new();
    let share = args.count / args.accounts;
    for key in &world.services {
        let nonce = chain.next_nonce(&key.account()).await?;
        for i in 0..u64::from(share) {
            signed.push((i, chain.sign(key, call, nonce + i, from).await?));
        }
    }
    signed.sort_by_key(|(i, _)| *i);
    let expected = signed.len() as u32;

    let last_chance = signed.iter().map(|(_, s)| s.valid_until).max().unwrap_or(0);
    let mut following = chain.follow(from.number + 1);
    let started = Instant::now();
    let sent = async {
        stream::iter(&signed)
            .map(|(_, signed)| chain.send(signed))
            .buffered(IN_FLIGHT)
            .try_collect::<Vec<_>>()
            .await?;
        anyhow::Ok(started.elapsed())
    };
    let followed = async {
        let (mut finalized, mut blocks) = (0, 0);
        while finalized < expected {
            let block = following.next().await?;
            ensure!(
                block.number <= last_chance,
                "only {finalized} of {expected} {name} transactions were finalized before they lapsed"
            );
            let found = count(chain, block, pallet, event).await?;
            finalized += found;
            blocks += u32::from(found > 0);
        }
        anyhow::Ok((finalized, blocks, started.elapsed()))
    };
    let (accepted, (finalized, blocks, took)) = futures::try_join!(sent, followed)?;
    Ok(Measured {
        name,
        finalized,
        blocks,
        per_second: f64::from(finalized) / took.as_secs_f64(),
        accepted_per_second: f64::from(expected) / accepted.as_secs_f64(),
    })
}

async fn count(chain: &Chain, block: Block, pallet: &str, event: &str) -> Result<u32> {
    let events = chain.events(block.hash).await?;
    let found = events.iter().filter(|e| e.is(pallet, event)).count() as u32;
    // A block's inherent, the timestamp, succeeds too.
    Ok(if pallet == "System" {
        found.saturating_sub(1)
    } else {
        found
    })
}
