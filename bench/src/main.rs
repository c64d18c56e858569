//! Measures a running chain and vault. Every figure is a ratio within one run: `open` and `anchor`
//! beside the plain remarks of the same chain, files beside age alone on the same machine.

mod abuse;
mod chain;
mod chart;
mod click;
mod figures;
mod files;
mod grow;
mod load;
mod population;
mod process;
mod trail;
mod workload;
mod world;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "salus-bench", version, about)]
struct Args {
    /// Print one JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Finalized transactions per second, latency and what is stored, of each workload. Needs the
    /// development preset, or ./scripts/network.
    Chain(chain::Args),
    /// What one organisation, patient, guardian or stranger can take from the others. Needs a new
    /// chain of the development preset.
    Abuse(abuse::Args),
    /// Draws what `chain --json` has measured
    Chart(chart::Args),
    /// Fills a chain with patients and records. Needs the development preset.
    Grow(grow::Args),
    /// From the start of `salus open` to plaintext on disk. Needs a consortium of `./scripts/network`.
    Click(click::Args),
    /// Reads and verifies a long trail. `./scripts/long-trail` does all of it.
    Trail(trail::Args),
    /// MB/s of upload and download, beside age alone and a plain copy. Needs the development preset
    /// and a vault of its hospital.
    Files(files::Args),
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let (table, json) = match args.what {
        What::Chain(chain) => chain::run(chain).await?,
        What::Abuse(abuse) => abuse::run(abuse).await?,
        What::Chart(chart) => chart::run(chart)?,
        What::Grow(grow) => grow::run(grow).await?,
        What::Click(click) => click::run(click).await?,
        What::Trail(trail) => trail::run(trail).await?,
        What::Files(files) => files::run(files).await?,
    };
    if args.json {
        println!("{json}");
    } else {
        print!("{table}");
    }
    Ok(())
}
