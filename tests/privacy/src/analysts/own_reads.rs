//! What a patient reads of their own, if vaults report it record by record.

use std::collections::BTreeMap;

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

/// Whose own read this is, of which record.
fn own<'a>(seen: &crate::outside::Seen<'a>) -> Option<(&'a str, u64)> {
    let none = seen.field("grant").is_none_or(serde_json::Value::is_null);
    none.then_some(())?;
    Some((seen.text("patient")?, seen.number("record")?))
}

/// The record that a study's copy was made of: the one that its owner read before.
pub struct Sources;

impl Analyst for Sources {
    fn row(&self) -> u8 {
        11
    }

    fn what(&self) -> &'static str {
        "source of a study's copy, by what its owner read before"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut read: BTreeMap<&str, u64> = BTreeMap::new();
        let mut copies: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let mut guesses = Vec::new();
        let mut reads = false;
        for seen in outside.all_events() {
            let Some(patient) = seen.text("patient") else {
                continue;
            };
            match seen.event.name.as_str() {
                "AccessLog.Delivered" => {
                    if let Some((patient, record)) = own(&seen) {
                        read.insert(patient, record);
                        reads = true;
                    }
                }
                "Records.RecordAnchored" => {
                    if let (Some(record), Some(source)) = (seen.number("record"), read.get(patient))
                    {
                        copies.insert(patient, (record, *source));
                    }
                }
                "Research.OptedIn" => {
                    // Reports of reads come late: what was reported by then counts, too.
                    if let Some((copy, source)) = copies.get(patient) {
                        let source = read
                            .get(patient)
                            .filter(|late| *late < copy)
                            .unwrap_or(source);
                        guesses.push(Guess::new(format!("{patient} {copy}"), source.to_string()));
                    }
                }
                _ => {}
            }
        }
        match reads {
            true => Look::of(guesses, "no own read comes before a study's copy"),
            false => Look::Nothing("no own read is on the chain".into()),
        }
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let ids = truth.ids.iter();
        ids.filter_map(|(_, id)| {
            let study = id.study.as_ref()?;
            let about = format!("{} {}", study.fresh, study.copy);
            Some(Fact::new(about, study.source.to_string()))
        })
        .collect()
    }
}

/// How many of one's own reads lie open with record and second.
pub struct Reads;

impl Analyst for Reads {
    fn row(&self) -> u8 {
        11
    }

    fn what(&self) -> &'static str {
        "own reads that lie on the chain with record and second"
    }

    fn look(&self, outside: &Outside) -> Look {
        let reads = outside.events("AccessLog.Delivered");
        let found = reads.filter(|seen| own(seen).is_some()).count();
        match found {
            0 => Look::Nothing("no own read is on the chain".into()),
            found => Look::Open { found, of: found },
        }
    }

    fn facts(&self, _: &Truth) -> Vec<Fact> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::made::{chain, id},
        score::score,
        truth::{Id, Study},
    };
    use serde_json::json;

    #[test]
    fn an_own_read_before_a_copy_is_noticed() {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..20usize {
            let (patient, source) = (id(number), number as u32 % 5);
            let read = json!({"patient": patient, "record": source, "grant": null});
            blocks.push(vec![("AccessLog.Delivered", read)]);
            blocks.push(vec![(
                "Records.RecordAnchored",
                json!({"patient": patient, "record": 9}),
            )]);
            blocks.push(vec![(
                "Research.OptedIn",
                json!({"patient": patient, "study": 0}),
            )]);
            let study = Some(Study {
                study: 0,
                source,
                fresh: patient.clone(),
                copy: 9,
            });
            truth.ids.insert(
                patient,
                Id {
                    study,
                    ..Id::default()
                },
            );
        }
        let outside = chain(blocks);
        let figure = score(&Sources.look(&outside), &Sources.facts(&truth));
        assert_eq!((figure.hits, figure.of), (20, 20));
        assert!(!figure.is_chance(0.0));
        let figure = score(&Reads.look(&outside), &[]);
        assert_eq!((figure.hits, figure.of), (20, 20));
        assert!(!figure.is_chance(0.0));
    }
}
