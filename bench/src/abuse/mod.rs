//! What one party can take from the others: floods by all accounts of one, and how long ordinary calls
//! of others wait meanwhile.
//!
//! Delays are counted in blocks that passed a transaction by: 0 is the next one that could hold it. A
//! flooder's share is of what a whole block may weigh.

mod cast;
mod flood;
mod report;
mod watch;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{ensure, Result};
use salus_client::chain::Chain;
use salus_primitives::BlockNumber;
use serde_json::{json, Value};

use self::{
    cast::Cast,
    flood::Flood,
    report::Measured,
    watch::{Probe, Watch},
};
use crate::{chain::Limits, population, process};

/// A probe that is in no block after so many is given up.
const PATIENCE: BlockNumber = 64;
/// Between two looks at the chain.
const LOOK: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value = "ws://127.0.0.1:9944")]
    node: String,
    /// Which floods [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    floods: Vec<Attack>,
    /// Blocks of each flood
    #[arg(long, default_value_t = 30)]
    blocks: BlockNumber,
    /// Blocks without one before each, in which all allowances refill
    #[arg(long, default_value_t = 100)]
    rest: BlockNumber,
    /// Service accounts of the organisation that floods
    #[arg(long, default_value_t = 12)]
    services: u32,
    /// Its clinicians
    #[arg(long, default_value_t = 50)]
    clinicians: u32,
}

/// Who floods, with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Attack {
    /// Nobody: how long the others wait anyway
    Nobody,
    /// All accounts of an organisation, with many small calls
    Ordinary,
    /// All accounts of an organisation, with long calls
    Long,
    /// All accounts of an organisation, with calls that go first
    Urgent,
    /// All accounts of an organisation, with calls that fail and declare as much weight as any
    Failing,
    /// All accounts of an organisation, with nonces whose turn never comes
    Nonces,
    /// The services of an organisation, with openings of one patient's records
    Trail,
    /// The admin of an organisation, with motions
    Motions,
    /// All controllers of a patient but its owner, with calls that go first and others
    Patient,
    /// A guardian, who names carers besides
    Guardian,
    /// Somebody without any standing
    Stranger,
}

impl Attack {
    const ALL: [Self; 11] = [
        Self::Nobody,
        Self::Ordinary,
        Self::Long,
        Self::Urgent,
        Self::Failing,
        Self::Nonces,
        Self::Trail,
        Self::Motions,
        Self::Patient,
        Self::Guardian,
        Self::Stranger,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Ordinary => "organisation, ordinary",
            Self::Long => "organisation, long",
            Self::Urgent => "organisation, urgent",
            Self::Failing => "organisation, failing",
            Self::Nonces => "organisation, nonces",
            Self::Trail => "organisation, one trail",
            Self::Motions => "organisation, motions",
            Self::Patient => "patient",
            Self::Guardian => "guardian",
            Self::Stranger => "stranger",
        }
    }

    /// What the same took before there were allowances for organisations and trails, as it was
    /// measured then.
    fn before(self) -> Option<&'static str> {
        match self {
            Self::Ordinary => Some("twelve services: no ordinary call of others ever"),
            Self::Trail => Some("25,600 entries in 13 blocks by one account"),
            Self::Failing => Some("0.5 s of a block for each failing council.close"),
            _ => None,
        }
    }
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    ensure!(
        args.blocks > 0 && args.services > 0,
        "--blocks and --services must be at least 1"
    );
    let floods = match args.floods.is_empty() {
        false => args.floods.clone(),
        true => Attack::ALL.to_vec(),
    };
    let chain = population::connect(&args.node).await?;
    let limits = Limits::read(&chain).await?;
    let cast = Cast::assemble(&chain, args.services, args.clinicians).await?;
    let mut measured = Vec::new();
    for attack in floods {
        if attack != Attack::Nobody {
            pass(&chain, args.rest).await?;
        }
        eprintln!("flooding: {}", attack.name());
        measured.push(measure(&chain, &cast, &limits, attack, args.blocks).await?);
    }
    let at = chain.finalized().await?;
    let json = json!({
        "kind": "abuse",
        "machine": process::machine(),
        "runtime": chain.runtime(at.hash).await?.spec_version,
        "blocks": args.blocks,
        "services": args.services,
        "clinicians": args.clinicians,
        "floods": measured,
    });
    Ok((report::table(&measured)?, json))
}

/// Waits until so many blocks more are final.
async fn pass(chain: &Chain, blocks: BlockNumber) -> Result<()> {
    let from = chain.finalized().await?.number;
    while chain.finalized().await?.number < from + blocks {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn measure(
    chain: &Chain,
    cast: &Cast,
    limits: &Limits,
    attack: Attack,
    blocks: BlockNumber,
) -> Result<Measured> {
    let before = cast.rows(chain).await?;
    let watch = Watch::begin(chain).await?;
    let flood = Flood::of(chain, cast, attack);
    let mut probes = vec![
        Probe::new("others", cast.other_doctor(), cast.other_call()),
        Probe::new("same hospital", cast.patient_owner(), cast.patient_call()),
    ];
    if attack == Attack::Patient {
        // Somebody who has to stop what the others do, once.
        let (owner, call) = (cast.crowded_owner(), cast.urgent_of_the_crowd());
        probes.push(Probe::once("same patient", owner, call));
    }
    let from = watch.from();
    let ends = from + blocks;

    let flooding = flood.run();
    let asking = futures::future::try_join_all(probes.iter().map(|probe| probe.run(chain, &watch)));
    let timing = async {
        watch.wait_for(ends).await;
        flood.stop();
        watch.stop();
        anyhow::Ok(())
    };
    // Whoever waits is given up before.
    let following = watch.follow(ends + 2 * PATIENCE);
    let (_, delays, _, _) = futures::try_join!(flooding, asking, timing, following)?;

    let names = probes.iter().map(|probe| probe.name);
    let delays: BTreeMap<_, _> = names.zip(delays).collect();
    let after = cast.rows(chain).await?;
    let seen = watch.seen();
    let measured = Measured::of(
        attack,
        &flood,
        &seen,
        from + 1..=ends,
        limits,
        delays,
        &after.since(&before),
    );
    drop(seen);
    Ok(measured)
}
