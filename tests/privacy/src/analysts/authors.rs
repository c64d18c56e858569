//! Who writes into a compartment, and who may read nothing but it: a therapist, or a clinic with one
//! specialty, names what is in it.

use std::collections::BTreeMap;

use super::Analyst;
use crate::{
    outside::texts,
    score::{Fact, Guess, Look},
    Outside, Truth,
};

/// What a person in this role, or of a house with this name, writes about.
fn specialty(role: Option<&str>, house: &str) -> Option<&'static str> {
    let house = house.to_lowercase();
    match role {
        Some("Therapist") => Some("psychotherapy"),
        _ if house.contains("hiv") => Some("hiv"),
        _ if house.contains("genetic") => Some("genetic"),
        _ if house.contains("mental") || house.contains("psych") => Some("psychotherapy"),
        _ => None,
    }
}

fn facts(truth: &Truth) -> Vec<Fact> {
    let labels = truth.ids.values().flat_map(|id| &id.labels);
    labels
        .map(|(compartment, label)| Fact::new(compartment, Truth::flag(label)))
        .collect()
}

/// Who works where, and what houses are called.
struct Directory {
    clinicians: BTreeMap<String, (String, u32)>,
    houses: BTreeMap<u32, (String, String)>,
}

impl Directory {
    fn of(outside: &Outside) -> Self {
        Self {
            clinicians: outside.clinicians(),
            houses: outside.organisations(),
        }
    }

    /// The specialty that accounts named in this value, or this organisation, stand for.
    fn specialty(&self, named: &[&str], organisation: Option<u64>) -> Option<&'static str> {
        let house = |number: u32| {
            self.houses
                .get(&number)
                .map_or("", |(_, name)| name.as_str())
        };
        let person = named
            .iter()
            .find_map(|account| self.clinicians.get(*account));
        let by_person = person.and_then(|(role, number)| specialty(Some(role), house(*number)));
        by_person.or_else(|| specialty(None, house(u32::try_from(organisation?).ok()?)))
    }
}

pub struct Authors;

impl Analyst for Authors {
    fn row(&self) -> u8 {
        2
    }

    fn what(&self) -> &'static str {
        "flag of a compartment, by its authors' role and house"
    }

    fn look(&self, outside: &Outside) -> Look {
        let directory = Directory::of(outside);
        let mut guesses: BTreeMap<&str, &str> = BTreeMap::new();
        for name in ["Records.RecordAnchored", "Records.RecordReclassified"] {
            for seen in outside.events(name) {
                let Some(compartment) = seen.text("compartment") else {
                    continue;
                };
                let named = texts(&seen.event.fields);
                if let Some(flag) = directory.specialty(&named, seen.number("organisation")) {
                    guesses.insert(compartment, flag);
                }
            }
        }
        let guesses = guesses
            .into_iter()
            .map(|(about, flag)| Guess::new(about, flag));
        Look::of(
            guesses.collect(),
            "no author's role or house stands for anything",
        )
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

pub struct Grantees;

impl Analyst for Grantees {
    fn row(&self) -> u8 {
        2
    }

    fn what(&self) -> &'static str {
        "flag of a compartment, by who may use it alone"
    }

    fn look(&self, outside: &Outside) -> Look {
        let directory = Directory::of(outside);
        let mut guesses: BTreeMap<&str, &str> = BTreeMap::new();
        for seen in outside.events("Consent.Granted") {
            let scope = seen.scope();
            let named = seen.field("grantee").map(texts).unwrap_or_default();
            let flag = directory.specialty(&named, seen.grantee());
            if let (1, Some(only), Some(flag)) = (scope.len(), scope.first(), flag) {
                guesses.insert(only, flag);
            }
        }
        let guesses = guesses
            .into_iter()
            .map(|(about, flag)| Guess::new(about, flag));
        Look::of(
            guesses.collect(),
            "no grant of one compartment to a role or house that stands for anything",
        )
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::made::{chain, id},
        score::score,
        truth::Id,
    };
    use serde_json::json;

    #[test]
    fn a_therapist_is_noticed_who_writes_and_who_reads() {
        let mut truth = Truth::default();
        let mut blocks = vec![vec![(
            "Members.ClinicianCredentialed",
            json!({"account": "5therapist", "organisation": 0, "role": "Therapist"}),
        )]];
        for number in 0..40 {
            let compartment = id(1_000 + number);
            let (label, account) = match number % 4 {
                0 => ("note +psychotherapy", "5therapist"),
                _ => ("lab", "5doctor"),
            };
            let one = Id {
                labels: [(compartment.clone(), label.into())].into(),
                ..Id::default()
            };
            truth.ids.insert(id(number), one);
            let grantee = json!({"Clinician": {"account": account, "organisation": 0}});
            blocks.push(vec![
                ("Records.RecordAnchored", json!({"patient": id(number), "actor": account, "compartment": compartment, "organisation": 0})),
                ("Consent.Granted", json!({"patient": id(number), "grantee": grantee, "scope": {"Compartments": [compartment]}})),
            ]);
        }
        let outside = chain(blocks);
        for analyst in [&Authors as &dyn Analyst, &Grantees] {
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert_eq!((figure.hits, figure.of), (10, 10));
            assert!(!figure.is_chance(0.0), "{figure:?}");
        }
    }
}
