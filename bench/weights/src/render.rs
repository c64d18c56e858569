//! Turns what was measured into the source of a `weights.rs`.

use std::fmt::Write;

use anyhow::{Context, Result};
use frame_benchmarking::{Analysis, BenchmarkSelector};

use crate::Measured;

/// The folder of a pallet of Salus; none for one that only uses Salus' runtime.
pub fn folder(pallet: &str) -> Option<String> {
    const OTHERS: [&str; 3] = ["pallet_balances", "pallet_collective", "pallet_timestamp"];
    let name = pallet.strip_prefix("pallet_")?;
    (!OTHERS.contains(&pallet)).then(|| name.replace('_', "-"))
}

/// A line through what was measured: what it costs at least, and what each component adds.
struct Line {
    base: u128,
    slopes: Vec<(String, u128)>,
}

impl Line {
    fn through(
        results: &Vec<frame_benchmarking::BenchmarkResult>,
        selector: BenchmarkSelector,
    ) -> Result<Self> {
        let analysis = Analysis::min_squares_iqr(results, selector)?;
        Ok(Self {
            base: analysis.base,
            slopes: analysis
                .names
                .into_iter()
                .zip(analysis.slopes)
                .filter(|(_, slope)| *slope > 0)
                .collect(),
        })
    }

    fn uses(&self, component: &str) -> bool {
        self.slopes.iter().any(|(name, _)| name == component)
    }
}

/// The source of a pallet's weights, in the order of their names.
pub fn render<'a>(
    pallet: &str,
    rows: impl Iterator<Item = &'a Measured> + Clone,
    steps: u32,
    repeat: u32,
) -> Result<String> {
    let mut text = String::new();
    let machine = machine();
    writeln!(text, "//! Weights of `{pallet}`, measured: made by `scripts/weights`, not by hand.\n//!\n//! {steps} steps, {repeat} repeats; {machine}.\n")?;
    text.push_str("use core::marker::PhantomData;\nuse frame_support::{traits::Get, weights::{constants::RocksDbWeight, Weight}};\n\npub trait WeightInfo {\n");
    for row in rows.clone() {
        for (name, low, high) in &row.ranges {
            writeln!(text, "    /// `{name:?}`: {low} to {high}.")?;
        }
        writeln!(
            text,
            "    fn {}({}) -> Weight;",
            row.name,
            parameters(row, |_| true)
        )?;
    }
    text.push_str("}\n\n/// With the database of the runtime.\npub struct SubstrateWeight<T>(PhantomData<T>);\n\nmacro_rules! weights {\n    ($db:expr) => {\n");
    for row in rows {
        let function = function(row).with_context(|| row.name.clone())?;
        text.push_str(&function);
    }
    text.push_str("    };\n}\n\nimpl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {\n    weights!(T::DbWeight::get());\n}\n\n/// For tests.\nimpl WeightInfo for () {\n    weights!(RocksDbWeight::get());\n}\n");
    Ok(text)
}

fn parameters(row: &Measured, is_used: impl Fn(&str) -> bool) -> String {
    let all: Vec<_> = row
        .ranges
        .iter()
        .map(|(name, ..)| {
            let name = format!("{name:?}");
            let unused = if is_used(&name) { "" } else { "_" };
            format!("{unused}{name}: u32")
        })
        .collect();
    all.join(", ")
}

fn function(row: &Measured) -> Result<String> {
    let time = Line::through(&row.times, BenchmarkSelector::ExtrinsicTime)?;
    let reads = Line::through(&row.accesses, BenchmarkSelector::Reads)?;
    let writes = Line::through(&row.accesses, BenchmarkSelector::Writes)?;
    let is_used = |name: &str| [&time, &reads, &writes].iter().any(|line| line.uses(name));
    let mut text = String::new();
    writeln!(
        text,
        "fn {}({}) -> Weight {{",
        row.name,
        parameters(row, is_used)
    )?;
    writeln!(text, "Weight::from_parts({}, 0)", underscored(time.base))?;
    writeln!(
        text,
        ".saturating_add($db.reads_writes({}, {}))",
        reads.base, writes.base
    )?;
    for (name, slope) in &time.slopes {
        let slope = underscored(*slope);
        writeln!(
            text,
            ".saturating_add(Weight::from_parts({slope}, 0).saturating_mul({name}.into()))"
        )?;
    }
    for (name, slope) in &reads.slopes {
        writeln!(
            text,
            ".saturating_add($db.reads({slope}).saturating_mul({name}.into()))"
        )?;
    }
    for (name, slope) in &writes.slopes {
        writeln!(
            text,
            ".saturating_add($db.writes({slope}).saturating_mul({name}.into()))"
        )?;
    }
    text.push_str("}\n");
    Ok(text)
}

/// 1234567 as 1_234_567.
fn underscored(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn machine() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split(':').nth(1)?.trim().to_string())
        });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{}, {cores} cores",
        model.unwrap_or_else(|| "unknown processor".into())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame_benchmarking::{BenchmarkParameter, BenchmarkResult};

    fn measured(at: u32) -> BenchmarkResult {
        BenchmarkResult {
            components: vec![(BenchmarkParameter::n, at)],
            extrinsic_time: 1_000 + 50 * u128::from(at),
            reads: 3 + at,
            writes: 2,
            ..Default::default()
        }
    }

    #[test]
    fn a_line_is_written_as_it_was_measured() {
        let results: Vec<_> = (0..5).map(measured).collect();
        let row = Measured {
            name: "open".into(),
            ranges: vec![(BenchmarkParameter::n, 0, 4)],
            times: results.clone(),
            accesses: results,
        };
        let text = function(&row).expect("a line");
        assert!(text.contains("fn open(n: u32)"), "{text}");
        assert!(text.contains("reads_writes(3, 2)"), "{text}");
        assert!(text.contains("Weight::from_parts(1_000_000, 0)"), "{text}");
        assert!(
            text.contains("from_parts(50_000, 0).saturating_mul(n.into())"),
            "{text}"
        );
        assert!(
            text.contains("$db.reads(1).saturating_mul(n.into())"),
            "{text}"
        );
    }

    #[test]
    fn numbers_are_grouped_from_the_right() {
        assert_eq!(underscored(7), "7");
        assert_eq!(underscored(1_234_567), "1_234_567");
        assert_eq!(underscored(100_000), "100_000");
    }
}
