//! How many devices, kits and helpers' keys open a keyring.

use std::collections::BTreeMap;

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

fn facts(truth: &Truth) -> Vec<Fact> {
    let ids = truth.ids.iter();
    ids.map(|(patient, id)| Fact::new(patient, id.holders.to_string()))
        .collect()
}

/// The newest keyring of each id: its header's stanzas, and its length.
fn keyrings(outside: &Outside) -> BTreeMap<&str, (usize, u64)> {
    let mut files: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for file in outside.disks.iter().flat_map(|disk| &disk.files) {
        if let (Some(("keyring", root)), Some(stanzas)) = (file.object(), file.stanzas()) {
            files.insert(root, (stanzas, file.bytes));
        }
    }
    let mut newest = BTreeMap::new();
    for seen in outside.events("Patients.KeyringChanged") {
        let (patient, keyring) = (seen.text("patient"), seen.text("keyring"));
        if let (Some(patient), Some(found)) = (patient, keyring.and_then(|root| files.get(root))) {
            newest.insert(patient, *found);
        }
    }
    newest
}

pub struct Stanzas;

impl Analyst for Stanzas {
    fn row(&self) -> u8 {
        14
    }

    fn what(&self) -> &'static str {
        "how many keys open a keyring, by its header"
    }

    fn look(&self, outside: &Outside) -> Look {
        let guesses = keyrings(outside).into_iter();
        let guesses =
            guesses.map(|(patient, (stanzas, _))| Guess::new(patient, stanzas.to_string()));
        Look::of(guesses.collect(), "no keyring on a disk")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

/// By the body's length: each further one than the shortest is one key more.
pub struct Bodies;

impl Analyst for Bodies {
    fn row(&self) -> u8 {
        14
    }

    fn what(&self) -> &'static str {
        "how many keys open a keyring, by its length"
    }

    fn look(&self, outside: &Outside) -> Look {
        let keyrings = keyrings(outside);
        let mut lengths: Vec<u64> = keyrings.values().map(|(_, bytes)| bytes / 256).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let guesses = keyrings.into_iter().map(|(patient, (_, bytes))| {
            let place = lengths.binary_search(&(bytes / 256)).unwrap_or_default();
            Guess::new(patient, (place + 1).to_string())
        });
        Look::of(guesses.collect(), "no keyring on a disk")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::{
            made::{chain, id},
            Disk, File,
        },
        score::score,
        truth::Id,
    };
    use serde_json::json;

    #[test]
    fn a_header_and_a_body_that_grow_are_noticed_and_equal_ones_tell_nothing() {
        for equal in [false, true] {
            let mut truth = Truth::default();
            let mut disk = Disk::default();
            let mut blocks = Vec::new();
            for number in 0..30usize {
                let holders = 1 + number as u32 % 3;
                truth.ids.insert(
                    id(number),
                    Id {
                        holders,
                        ..Id::default()
                    },
                );
                let stanzas = if equal { 8 } else { holders };
                let lines = "-> X25519 a\nb\n".repeat(stanzas as usize);
                disk.files.push(File {
                    path: format!("objects/keyring/bafy{number}/bafk"),
                    bytes: if equal {
                        33_000
                    } else {
                        2_000 + 600 * u64::from(holders)
                    },
                    header: Some(format!("age-encryption.org/v1\n{lines}")),
                });
                let fields = json!({"patient": id(number), "keyring": format!("bafy{number}")});
                blocks.push(vec![("Patients.KeyringChanged", fields)]);
            }
            let mut outside = chain(blocks);
            outside.disks.push(disk);
            for analyst in [&Stanzas as &dyn Analyst, &Bodies] {
                let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
                assert_eq!(figure.of, 30);
                assert_eq!(
                    figure.is_chance(0.0),
                    equal,
                    "{}: {figure:?}",
                    analyst.what()
                );
            }
        }
    }
}
