//! What a flood took, and what it cost the others.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    ops::RangeInclusive,
    sync::atomic::Ordering,
};

use anyhow::Result;
use salus_primitives::BlockNumber;
use serde::Serialize;

use super::{
    cast::Rows,
    flood::Flood,
    watch::{Delays, Seen},
    Attack,
};
use crate::{
    chain::Limits,
    figures::{median, percentile},
};

#[derive(Serialize)]
pub struct Measured {
    flood: &'static str,
    /// Transactions that the pool took.
    taken: usize,
    refused: usize,
    in_blocks: usize,
    /// Taken and in no block yet, at most.
    waiting: usize,
    /// Of what a block may weigh.
    weight_mean: f64,
    weight_max: f64,
    /// Transactions in a block.
    count_mean: f64,
    count_max: usize,
    /// Of all transactions in these blocks, the clock's aside.
    count_share: f64,
    /// By who waited.
    delays: BTreeMap<&'static str, Waited>,
    /// Entries that came into the trail of one of the hospital's patients.
    trail_entries: u64,
    open_motions: usize,
    /// Controllers that came to the guarded patient.
    controllers_added: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'static str>,
}

/// In blocks.
#[derive(Serialize)]
pub struct Waited {
    calls: usize,
    p50: Option<BlockNumber>,
    p95: Option<BlockNumber>,
    max: Option<BlockNumber>,
    never: usize,
    refused: usize,
}

impl Waited {
    fn of(delays: &Delays) -> Self {
        Self {
            calls: delays.blocks.len(),
            p50: median(&delays.blocks),
            p95: percentile(&delays.blocks, 95),
            max: delays.blocks.iter().max().copied(),
            never: delays.never,
            refused: delays.refused,
        }
    }

    fn text(&self) -> String {
        let or_dash = |value: Option<BlockNumber>| value.map_or("-".into(), |v| v.to_string());
        let max = match self.never {
            0 => or_dash(self.max),
            _ => "never".into(),
        };
        format!("{}/{}/{max}", or_dash(self.p50), or_dash(self.p95))
    }
}

impl Measured {
    pub fn of(
        attack: Attack,
        flood: &Flood<'_>,
        seen: &Seen,
        blocks: RangeInclusive<BlockNumber>,
        limits: &Limits,
        delays: BTreeMap<&'static str, Delays>,
        rows: &Rows,
    ) -> Self {
        let taken = flood.taken();
        let mut weights: HashMap<BlockNumber, u64> = HashMap::new();
        let mut counts: HashMap<BlockNumber, usize> = HashMap::new();
        let (mut in_blocks, mut all) = (0, 0);
        for (hash, found) in &seen.found {
            if !blocks.contains(&found.block) {
                continue;
            }
            all += 1;
            if taken.contains(hash) {
                in_blocks += 1;
                *weights.entry(found.block).or_default() += found.weight;
                *counts.entry(found.block).or_default() += 1;
            }
        }
        let number = blocks.end() - blocks.start() + 1;
        // Each block has the clock's.
        let all = (all as f64 - f64::from(number)).max(1.0);
        let share = |weight: f64| weight / limits.picoseconds as f64;
        Self {
            flood: attack.name(),
            taken: taken.len(),
            refused: flood.refused.load(Ordering::Relaxed),
            in_blocks,
            waiting: taken.len() - in_blocks,
            weight_mean: share(weights.values().sum::<u64>() as f64 / f64::from(number)),
            weight_max: share(weights.values().max().copied().unwrap_or_default() as f64),
            count_mean: in_blocks as f64 / f64::from(number),
            count_max: counts.values().max().copied().unwrap_or_default(),
            count_share: in_blocks as f64 / all,
            delays: delays
                .iter()
                .map(|(name, delays)| (*name, Waited::of(delays)))
                .collect(),
            trail_entries: rows.entries,
            open_motions: rows.motions,
            controllers_added: rows.controllers,
            before: attack.before(),
        }
    }
}

pub fn table(measured: &[Measured]) -> Result<String> {
    let mut table = format!(
        "{:<24} {:>7} {:>8} {:>8} {:>9} {:>9} {:>14} {:>14} {:>14} {:>8} {:>8} {:>7}\n",
        "flood",
        "taken",
        "in block",
        "waiting",
        "weight",
        "at most",
        "others",
        "same hospital",
        "same patient",
        "entries",
        "motions",
        "rows",
    );
    for one in measured {
        let waited = |name| one.delays.get(name).map(Waited::text).unwrap_or_default();
        writeln!(
            table,
            "{:<24} {:>7} {:>8} {:>8} {:>8.1}% {:>8.1}% {:>14} {:>14} {:>14} {:>8} {:>8} {:>7}",
            one.flood,
            one.taken,
            one.in_blocks,
            one.waiting,
            one.weight_mean * 100.0,
            one.weight_max * 100.0,
            waited("others"),
            waited("same hospital"),
            waited("same patient"),
            one.trail_entries,
            one.open_motions,
            one.controllers_added,
        )?;
    }
    writeln!(
        table,
        "\nothers, same hospital: blocks that passed an ordinary call by, p50/p95/max; same patient: an urgent one"
    )?;
    for one in measured {
        if let Some(before) = one.before {
            writeln!(table, "before, {}: {before}", one.flood)?;
        }
    }
    Ok(table)
}
