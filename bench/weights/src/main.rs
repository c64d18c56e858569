//! Measures the benchmarks of a runtime in WebAssembly, as validators execute it, and writes the
//! `weights.rs` of each pallet.
//!
//! This is the part of `frame-omni-bencher` that a chain without proofs needs, on crates that the
//! node is built of anyway.

mod machine;
mod render;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{bail, Context, Result};
use clap::Parser;
use frame_benchmarking::{BenchmarkMetadata, BenchmarkParameter, BenchmarkResult};

use machine::{Aim, Machine};

#[derive(Parser)]
struct Arguments {
    /// The runtime, built with the feature `runtime-benchmarks`.
    #[arg(long)]
    runtime: PathBuf,
    /// Pallets to measure, as `pallet_members`; all of Salus' own if none is named.
    #[arg(long = "pallet")]
    pallets: Vec<String>,
    /// The folder that holds the pallets' folders: `weights.rs` is written there. Without it nothing
    /// is written, and the run shows that each benchmark works.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Values of each component to measure at.
    #[arg(long, default_value_t = 20)]
    steps: u32,
    /// Repetitions at each value.
    #[arg(long, default_value_t = 10)]
    repeat: u32,
}

/// What was measured of one benchmark.
pub struct Measured {
    pub name: String,
    /// Each component with its least and its greatest value.
    pub ranges: Vec<(BenchmarkParameter, u32, u32)>,
    pub times: Vec<BenchmarkResult>,
    pub accesses: Vec<BenchmarkResult>,
}

/// Organisations are read one by one at some calls; more than this take hours to make, and the line
/// through this many goes on.
const HIGHEST: &[(&str, u32)] = &[("pallet_members", 64), ("pallet_motions", 64)];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.steps < 2 {
        bail!("a line needs two points: --steps is at least 2");
    }
    let code = std::fs::read(&arguments.runtime)
        .with_context(|| format!("cannot read {}", arguments.runtime.display()))?;
    let machine = Machine::new(&code)?;
    let mut failed = Vec::new();
    for list in machine.list()? {
        let pallet = String::from_utf8(list.pallet.clone())?;
        let wanted = if arguments.pallets.is_empty() {
            render::folder(&pallet).is_some()
        } else {
            arguments.pallets.contains(&pallet)
        };
        if !wanted {
            continue;
        }
        eprintln!("measuring {pallet}");
        let mut measured = BTreeMap::new();
        let failed_before = failed.len();
        for benchmark in &list.benchmarks {
            let name = String::from_utf8(benchmark.name.clone())?;
            match measure(&machine, &pallet, &list.instance, benchmark, &arguments) {
                Ok(row) => {
                    measured.insert(name, row);
                }
                Err(error) => {
                    eprintln!("  {name}: {error:#}");
                    failed.push(format!("{pallet}::{name}"));
                }
            }
        }
        // Without one of its functions a `weights.rs` does not compile.
        if failed.len() > failed_before {
            continue;
        }
        if let (Some(folder), Some(name)) = (&arguments.write, render::folder(&pallet)) {
            let path = folder.join(name).join("src/weights.rs");
            let text = render::render(
                &pallet,
                measured.values(),
                arguments.steps,
                arguments.repeat,
            )?;
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if !failed.is_empty() {
        bail!("these benchmarks do not work: {}", failed.join(", "));
    }
    Ok(())
}

fn measure(
    machine: &Machine,
    pallet: &str,
    instance: &[u8],
    benchmark: &BenchmarkMetadata,
    arguments: &Arguments,
) -> Result<Measured> {
    let highest = HIGHEST
        .iter()
        .find(|(name, _)| *name == pallet)
        .map_or(u32::MAX, |(_, highest)| *highest);
    let ranges: Vec<_> = benchmark
        .components
        .iter()
        .map(|(name, low, high)| (*name, *low, (*high).min(highest).max(*low)))
        .collect();
    let mut row = Measured {
        name: String::from_utf8(benchmark.name.clone())?,
        times: Vec::new(),
        accesses: Vec::new(),
        ranges,
    };
    for (n, point) in points(&row.ranges, arguments.steps).into_iter().enumerate() {
        let run = |verify, repeats, aim| {
            machine.dispatch(
                pallet.as_bytes(),
                instance,
                &benchmark.name,
                &point,
                verify,
                repeats,
                aim,
            )
        };
        // What a benchmark asserts is looked at once; it would add to the time.
        if n == 0 {
            run(true, 1, Aim::Times)?;
        }
        row.accesses.extend(run(false, 1, Aim::Accesses)?);
        row.times.extend(run(false, arguments.repeat, Aim::Times)?);
    }
    Ok(row)
}

/// Each component from its least to its greatest value, while all others are at their greatest.
fn points(
    ranges: &[(BenchmarkParameter, u32, u32)],
    steps: u32,
) -> Vec<Vec<(BenchmarkParameter, u32)>> {
    if ranges.is_empty() {
        return vec![Vec::new()];
    }
    ranges
        .iter()
        .flat_map(|(varied, low, high)| {
            (0..steps).map(move |step| {
                let value =
                    low + (u64::from(high - low) * u64::from(step) / u64::from(steps - 1)) as u32;
                ranges
                    .iter()
                    .map(|(name, _, most)| (*name, if name == varied { value } else { *most }))
                    .collect()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_varies_while_the_others_are_at_their_worst() {
        let ranges = [
            (BenchmarkParameter::a, 0, 10),
            (BenchmarkParameter::b, 1, 3),
        ];
        let points = points(&ranges, 3);
        let values: Vec<_> = points
            .iter()
            .map(|point| (point[0].1, point[1].1))
            .collect();
        assert_eq!(values, [(0, 3), (5, 3), (10, 3), (10, 1), (10, 2), (10, 3)]);
    }
}
