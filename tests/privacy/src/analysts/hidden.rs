//! How much there is that a grantee was not given.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

fn facts(truth: &Truth) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (patient, id) in &truth.ids {
        for (number, grant) in id.grants.iter().filter(|(_, grant)| grant.reads) {
            let hidden = id.records.values().filter(|record| {
                let label = id.labels.get(&record.compartment);
                label.is_some_and(|label| !grant.labels.contains(label))
            });
            facts.push(Fact::new(
                format!("{patient} {number}"),
                hidden.count().to_string(),
            ));
        }
    }
    facts
}

/// Counted on the chain, which everybody in the consortium has.
pub struct Rows;

impl Analyst for Rows {
    fn row(&self) -> u8 {
        3
    }

    fn what(&self) -> &'static str {
        "how many records a grantee was not given, by the chain's rows"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut reach: BTreeMap<(String, u64), BTreeSet<String>> = BTreeMap::new();
        for seen in outside.events("Consent.Granted") {
            let (Some(patient), Some(grant)) = (seen.text("patient"), seen.number("grant")) else {
                continue;
            };
            if seen.text("rights") != Some("Write") {
                let of = reach.entry((patient.into(), grant)).or_default();
                of.extend(seen.scope().into_iter().map(str::to_owned));
            }
        }
        let mut lies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in outside.rows("Records.Records") {
            let patient = row.key.first().and_then(Value::as_str);
            let compartment = row.value.get("compartment").and_then(Value::as_str);
            if let (Some(patient), Some(compartment)) = (patient, compartment) {
                lies.entry(patient).or_default().push(compartment);
            }
        }
        if lies.is_empty() {
            return Look::Nothing("no records with a compartment".into());
        }
        let guesses = reach.into_iter().map(|((patient, grant), reached)| {
            let all = lies.get(patient.as_str()).into_iter().flatten();
            let hidden = all.filter(|compartment| !reached.contains(**compartment));
            Guess::new(format!("{patient} {grant}"), hidden.count().to_string())
        });
        Look::of(guesses.collect(), "no grants to read")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

/// By the gaps between the numbers that software shows to a grantee.
pub struct Numbers;

impl Analyst for Numbers {
    fn row(&self) -> u8 {
        3
    }

    fn what(&self) -> &'static str {
        "how many records a grantee was not given, by the numbers of those that are shown"
    }

    fn look(&self, outside: &Outside) -> Look {
        let shown = outside.known.shown.iter().filter_map(|shown| {
            let last = shown.records.iter().map(|(number, _)| *number).max()?;
            let hidden = (last as usize + 1).checked_sub(shown.records.len())?;
            Some(Guess::new(
                format!("{} {}", shown.patient, shown.grant),
                hidden.to_string(),
            ))
        });
        Look::of(shown.collect(), "no grantee was shown numbers")
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
            made::{chain, id, row},
            Shown,
        },
        score::score,
        truth::{Grant, Id, Record},
    };
    use serde_json::json;

    #[test]
    fn what_is_not_given_is_counted_on_the_chain_and_by_gaps() {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        let mut state = Vec::new();
        let mut known = Vec::new();
        for number in 0..30usize {
            let (patient, given, other) = (id(number), id(1_000 + number), id(2_000 + number));
            let hidden = number % 4;
            let mut one = Id {
                labels: [
                    (given.clone(), "lab".into()),
                    (other.clone(), "note".into()),
                ]
                .into(),
                ..Id::default()
            };
            let grant = Grant {
                labels: ["lab".to_owned()].into(),
                flagged: false,
                reads: true,
            };
            one.grants.insert(0, grant);
            for record in 0..=hidden {
                let compartment = if record < hidden { &other } else { &given };
                one.records.insert(
                    record as u32,
                    Record {
                        compartment: compartment.clone(),
                        ..Record::default()
                    },
                );
                state.push(row(
                    "Records.Records",
                    vec![json!(patient), json!(record)],
                    json!({"compartment": compartment}),
                ));
            }
            known.push(Shown {
                patient: patient.clone(),
                records: vec![(hidden as u32, Vec::new())],
                ..Shown::default()
            });
            let grantee = json!({"Clinician": {"account": "5doctor", "organisation": 0}});
            blocks.push(vec![
                ("Records.CompartmentOpened", json!({"patient": patient, "compartment": given})),
                ("Consent.Granted", json!({"patient": patient, "grant": 0, "grantee": grantee, "rights": "Read", "scope": {"Compartments": [given]}})),
            ]);
            truth.ids.insert(patient, one);
        }
        let mut outside = chain(blocks);
        outside.state = state;
        outside.known.shown = known;
        for analyst in [&Rows as &dyn Analyst, &Numbers] {
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert_eq!((figure.hits, figure.of), (30, 30), "{}", analyst.what());
            assert!(!figure.is_chance(0.0));
        }
    }
}
