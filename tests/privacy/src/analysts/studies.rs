//! Who takes part in which study, and so has what it is about.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

fn facts(truth: &Truth) -> Vec<Fact> {
    let ids = truth.ids.iter();
    ids.map(|(patient, id)| Fact::new(patient, id.condition.as_deref().unwrap_or("none")))
        .collect()
}

/// An id, the block in which it joins, and what the study is about.
fn parts(outside: &Outside) -> Vec<(&str, u32, &str)> {
    let joined = outside.events("Research.OptedIn").filter_map(|seen| {
        let study = u32::try_from(seen.number("study")?).ok()?;
        let topic = outside.known.topics.get(&study)?;
        Some((seen.text("patient")?, seen.block.number, topic.as_str()))
    });
    joined.collect()
}

/// By the id that joins.
pub struct OptedIn;

impl Analyst for OptedIn {
    fn row(&self) -> u8 {
        10
    }

    fn what(&self) -> &'static str {
        "condition of an id, by the study that it joins"
    }

    fn look(&self, outside: &Outside) -> Look {
        // Ids that are there for a study alone are nobody's chart: one more id says nothing of another.
        let charts = charts(outside);
        let known = parts(outside)
            .into_iter()
            .filter(|(patient, ..)| charts.contains(patient));
        let guesses = known.map(|(patient, _, topic)| Guess::new(patient, topic));
        Look::of(guesses.collect(), "no id with a chart joins a study")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

/// Ids that do more than take part in a study: enrolled by a house that gives care.
fn charts(outside: &Outside) -> BTreeSet<&str> {
    let houses = outside.organisations();
    let enrolled = outside.events("Patients.Enrolled");
    let own = enrolled.filter(|seen| {
        let house = seen
            .number("organisation")
            .and_then(|number| u32::try_from(number).ok());
        let kind = house
            .and_then(|house| houses.get(&house))
            .map(|(kind, _)| kind.as_str());
        kind != Some("Research")
    });
    own.filter_map(|seen| seen.text("patient")).collect()
}

/// A fresh id joins: the chart whose owner acted last before it is likely to be the same person's.
pub struct Fresh;

impl Analyst for Fresh {
    fn row(&self) -> u8 {
        10
    }

    fn what(&self) -> &'static str {
        "condition of an id, by its owner's acts just before a fresh id joins a study"
    }

    fn look(&self, outside: &Outside) -> Look {
        let charts = charts(outside);
        let controllers = outside.controllers();
        let mut acts: Vec<(u32, &str)> = Vec::new();
        for seen in outside.all_events() {
            let (Some(patient), Some(signer)) = (seen.text("patient"), seen.signer()) else {
                continue;
            };
            if charts.contains(patient)
                && controllers
                    .get(patient)
                    .is_some_and(|of| of.contains_key(signer))
            {
                acts.push((seen.block.number, patient));
            }
        }
        let mut guesses: BTreeMap<&str, &str> = BTreeMap::new();
        for (fresh, joined, topic) in parts(outside) {
            if charts.contains(fresh) {
                continue;
            }
            let enrolled = outside
                .events("Patients.Enrolled")
                .find(|seen| seen.text("patient") == Some(fresh))
                .map_or(joined, |seen| seen.block.number);
            let before = acts.iter().rev().find(|(number, _)| *number <= enrolled);
            if let Some((_, patient)) = before {
                guesses.insert(patient, topic);
            }
        }
        let guesses = guesses
            .into_iter()
            .map(|(patient, topic)| Guess::new(patient, topic));
        Look::of(guesses.collect(), "no id is enrolled for a study alone")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::made::{chain, id, row},
        score::score,
        truth::Id,
    };
    use serde_json::json;

    fn population(fresh: bool) -> (Outside, Truth) {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..40 {
            let patient = id(number);
            let owner = format!("5owner{number}");
            blocks.push(vec![(
                "Patients.Enrolled",
                json!({"patient": patient, "organisation": 0, "controller": owner}),
            )]);
            let mut one = Id::default();
            if number % 4 == 0 {
                one.condition = Some("hiv".into());
                let joining = if fresh {
                    id(1_000 + number)
                } else {
                    patient.clone()
                };
                blocks.push(vec![(
                    "Patients.KeyringChanged",
                    json!({"patient": patient, "actor": owner}),
                )]);
                if fresh {
                    blocks.push(vec![(
                        "Patients.Enrolled",
                        json!({"patient": joining, "organisation": 4}),
                    )]);
                }
                blocks.push(vec![(
                    "Research.OptedIn",
                    json!({"patient": joining, "study": 3}),
                )]);
            }
            truth.ids.insert(patient, one);
        }
        let mut outside = chain(blocks);
        outside.known.topics.insert(3, "hiv".into());
        let kind = |kind: &str| json!({"kind": kind, "name": "0x41"});
        outside.state.push(row(
            "Members.Organisations",
            vec![json!(0)],
            kind("Hospital"),
        ));
        outside.state.push(row(
            "Members.Organisations",
            vec![json!(4)],
            kind("Research"),
        ));
        (outside, truth)
    }

    #[test]
    fn who_joins_is_noticed_under_the_same_and_under_a_fresh_id() {
        for (fresh, analyst) in [(false, &OptedIn as &dyn Analyst), (true, &Fresh)] {
            let (outside, truth) = population(fresh);
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert_eq!((figure.hits, figure.of), (10, 10), "{}", analyst.what());
            assert!(!figure.is_chance(0.0));
            let (other, _) = population(!fresh);
            assert!(matches!(analyst.look(&other), Look::Nothing(_)));
        }
    }
}
