//! Lengths of what lies on a vault's disk.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

/// By how much the same size may differ: age adds a stanza of random length, and so do manifests.
const SLACK: u64 = 512;

/// The lengths of the age files of each object of a kind: their sum of blocks, without the binding and
/// the directory, which are the same for all. Header lengths vary by grease, so lengths are rounded.
fn objects<'a>(outside: &'a Outside, kind: &str) -> BTreeMap<&'a str, BTreeMap<&'a str, u64>> {
    let mut all: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for file in outside.disks.iter().flat_map(|disk| &disk.files) {
        match file.object() {
            Some((found, root)) if found == kind => {
                all.entry(root)
                    .or_default()
                    .insert(file.path.as_str(), file.bytes);
            }
            _ => {}
        }
    }
    // The same object on several disks has the same paths.
    all
}

/// Which record has which file.
fn records(outside: &Outside) -> Vec<(String, &str)> {
    let rows = outside.rows("Records.Records");
    rows.filter_map(|row| {
        let (patient, record) = (row.key.first()?.as_str()?, row.key.get(1)?.as_u64()?);
        let content = row.value.get("content")?.as_str()?;
        Some((format!("{patient} {record}"), content))
    })
    .collect()
}

/// The length of each record's payload: all but its manifest and what every object has.
fn payloads(outside: &Outside) -> BTreeMap<String, u64> {
    let objects = objects(outside, "record");
    let lengths = records(outside)
        .into_iter()
        .filter_map(|(record, content)| {
            let all: u64 = objects.get(content)?.values().sum();
            Some((record, all))
        });
    lengths.collect()
}

fn coarse(length: u64) -> u64 {
    // The size that was padded to, whatever header, manifest and directory add.
    length.next_power_of_two() / 2
}

/// A file whose length is known from elsewhere, if no other record can be it.
pub struct Unique;

impl Analyst for Unique {
    fn row(&self) -> u8 {
        13
    }

    fn what(&self) -> &'static str {
        "record with a file of known length, where no other fits"
    }

    fn look(&self, outside: &Outside) -> Look {
        let lengths = payloads(outside);
        if lengths.is_empty() {
            return Look::Nothing("no record's file on a disk".into());
        }
        let guesses = outside
            .known
            .files
            .iter()
            .enumerate()
            .filter_map(|(place, known)| {
                // What it would be on the disk at least, and at most: the nearest above it.
                let least = lengths.values().filter(|length| *length >= known).min()?;
                let slack = (*least / 50).max(SLACK);
                let mut fit = lengths
                    .iter()
                    .filter(|(_, length)| (*least..=least + slack).contains(length));
                let (only, other) = (fit.next()?, fit.next());
                other
                    .is_none()
                    .then(|| Guess::new(format!("file {place}"), only.0.as_str()))
            });
        Look::of(guesses.collect(), "no record's length is its own")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let files = truth.files.iter().enumerate();
        files
            .map(|(place, record)| Fact::new(format!("file {place}"), record))
            .collect()
    }
}

/// The kind that most of those of a length have. What remains, and is said.
pub struct Kinds;

impl Analyst for Kinds {
    fn row(&self) -> u8 {
        13
    }

    fn what(&self) -> &'static str {
        "whether a record is a picture or text, by its length"
    }

    fn is_promised(&self) -> bool {
        false
    }

    fn look(&self, outside: &Outside) -> Look {
        let guesses = payloads(outside).into_iter().map(|(record, length)| {
            let kind = if coarse(length) > 100 * 1024 {
                "picture"
            } else {
                "text"
            };
            Guess::new(record, kind)
        });
        Look::of(guesses.collect(), "no record's file on a disk")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (patient, id) in &truth.ids {
            let records = id.records.iter();
            facts.extend(
                records.map(|(record, kept)| Fact::new(format!("{patient} {record}"), &kept.kind)),
            );
        }
        facts
    }
}

/// The manifest's length tells its title's.
pub struct Manifests;

impl Analyst for Manifests {
    fn row(&self) -> u8 {
        13
    }

    fn what(&self) -> &'static str {
        "condition of a record's patient, by the length of its manifest"
    }

    fn look(&self, outside: &Outside) -> Look {
        let objects = objects(outside, "record");
        let age: BTreeSet<&str> = outside
            .disks
            .iter()
            .flat_map(|disk| &disk.files)
            .filter(|file| file.header.is_some())
            .map(|file| file.path.as_str())
            .collect();
        let mut lengths: BTreeMap<String, u64> = BTreeMap::new();
        for (record, content) in records(outside) {
            let Some(files) = objects.get(content) else {
                continue;
            };
            let manifest = files
                .iter()
                .filter(|(path, _)| age.contains(**path))
                .map(|(_, bytes)| *bytes)
                .min();
            if let Some(bytes) = manifest {
                lengths.insert(record, bytes / 512);
            }
        }
        let middle = {
            let mut all: Vec<u64> = lengths.values().copied().collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied()
        };
        let guesses = lengths.into_iter().map(|(record, length)| {
            let long = middle.is_some_and(|middle| length > middle);
            Guess::new(record, if long { "sensitive" } else { "ordinary" })
        });
        Look::of(guesses.collect(), "no manifest on a disk")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (patient, id) in &truth.ids {
            for (record, kept) in &id.records {
                let label = id
                    .labels
                    .get(&kept.compartment)
                    .map_or("none", |label| Truth::flag(label));
                let is = if label == "none" {
                    "ordinary"
                } else {
                    "sensitive"
                };
                facts.push(Fact::new(format!("{patient} {record}"), is));
            }
        }
        facts
    }
}

/// The envelope's length tells how much is in it.
pub struct Envelopes;

impl Analyst for Envelopes {
    fn row(&self) -> u8 {
        13
    }

    fn what(&self) -> &'static str {
        "whether a grant covers more than one label, by its envelope's length"
    }

    fn look(&self, outside: &Outside) -> Look {
        let objects = objects(outside, "envelope");
        let mut lengths: BTreeMap<String, u64> = BTreeMap::new();
        for seen in outside.events("Consent.EnvelopeDelivered") {
            let (Some(patient), Some(grant), Some(envelope)) = (
                seen.text("patient"),
                seen.number("grant"),
                seen.text("envelope"),
            ) else {
                continue;
            };
            if let Some(files) = objects.get(envelope) {
                lengths.insert(
                    format!("{patient} {grant}"),
                    files.values().sum::<u64>() / 512,
                );
            }
        }
        let shortest = lengths.values().min().copied().unwrap_or_default();
        let guesses = lengths.into_iter().map(|(grant, length)| {
            Guess::new(grant, if length > shortest { "several" } else { "one" })
        });
        Look::of(guesses.collect(), "no envelope on a disk")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (patient, id) in &truth.ids {
            for (grant, given) in &id.grants {
                let is = if given.labels.len() > 1 {
                    "several"
                } else {
                    "one"
                };
                facts.push(Fact::new(format!("{patient} {grant}"), is));
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::{
            made::{chain, id, row},
            Disk, File,
        },
        score::score,
        truth::{Grant, Id, Record},
    };
    use serde_json::json;

    fn cid(number: usize) -> serde_json::Value {
        json!(format!("bafy{number}"))
    }

    fn file(kind: &str, number: usize, name: &str, bytes: u64) -> File {
        File {
            path: format!("objects/{kind}/bafy{number}/{name}"),
            bytes,
            header: Some("age-encryption.org/v1\n-> X25519 a".into()),
        }
    }

    /// Records of different lengths, or of one; every third is a picture.
    fn population(padded: bool) -> (Outside, Truth) {
        let mut truth = Truth::default();
        let mut outside = Outside::default();
        let mut disk = Disk::default();
        for number in 0..30usize {
            let compartment = id(1_000 + number);
            let picture = number % 3 == 0;
            let bytes = match (padded, picture) {
                (true, _) => 16_384,
                (false, true) => 1_000_000 + 50_000 * number as u64,
                (false, false) => 2_000 + 900 * number as u64,
            };
            let manifest = if picture && !padded { 6_000 } else { 4_096 };
            disk.files.push(file("record", number, "payload", bytes));
            disk.files
                .push(file("record", number, "manifest", manifest));
            outside.state.push(row(
                "Records.Records",
                vec![json!(id(number)), json!(0)],
                json!({"content": cid(number)}),
            ));
            let label = if picture { "lab +hiv" } else { "lab" };
            let mut one = Id {
                labels: [(compartment.clone(), label.into())].into(),
                ..Id::default()
            };
            let kind = if picture { "picture" } else { "text" };
            let record = Record {
                compartment,
                kind: kind.into(),
                bytes,
            };
            one.records.insert(0, record);
            truth.ids.insert(id(number), one);
            outside.known.files.push(bytes - 10);
            truth.files.push(format!("{} 0", id(number)));
        }
        outside.disks.push(disk);
        (outside, truth)
    }

    #[test]
    fn lengths_that_are_not_padded_are_noticed_and_padded_ones_tell_nothing() {
        for analyst in [&Unique as &dyn Analyst, &Kinds, &Manifests] {
            let (outside, truth) = population(false);
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert!(figure.hits >= 10, "{}: {figure:?}", analyst.what());
            assert!(!figure.is_chance(0.0), "{}: {figure:?}", analyst.what());
            let (outside, truth) = population(true);
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert!(figure.is_chance(0.0), "{}: {figure:?}", analyst.what());
        }
    }

    #[test]
    fn an_envelope_that_grows_is_noticed() {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        let mut disk = Disk::default();
        for number in 0..30usize {
            let several = number % 2 == 0;
            let labels = if several {
                vec!["lab", "note"]
            } else {
                vec!["lab"]
            };
            let grant = Grant {
                labels: labels.into_iter().map(str::to_owned).collect(),
                ..Grant::default()
            };
            let one = Id {
                grants: [(0, grant)].into(),
                ..Id::default()
            };
            truth.ids.insert(id(number), one);
            disk.files.push(file(
                "envelope",
                number,
                "body",
                if several { 3_000 } else { 2_000 },
            ));
            let fields = json!({"patient": id(number), "grant": 0, "envelope": cid(number)});
            blocks.push(vec![("Consent.EnvelopeDelivered", fields)]);
        }
        let mut outside = chain(blocks);
        outside.disks.push(disk);
        let figure = score(&Envelopes.look(&outside), &Envelopes.facts(&truth));
        assert_eq!((figure.hits, figure.of), (30, 30));
        assert!(!figure.is_chance(0.0));
    }
}
