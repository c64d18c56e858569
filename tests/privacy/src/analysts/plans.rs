//! What a patient has decided for an emergency: never anything, that nothing opens, or a plan.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    truth::Plan,
    Outside, Truth,
};

fn facts(truth: &Truth) -> Vec<Fact> {
    let ids = truth.ids.iter();
    ids.map(|(patient, id)| Fact::new(patient, id.plan.word()))
        .collect()
}

/// Rows of plans, by patient.
fn rows(outside: &Outside) -> BTreeMap<&str, &Value> {
    let rows = outside.rows("Emergency.Plans");
    rows.filter_map(|row| Some((row.key.first()?.as_str()?, &row.value)))
        .collect()
}

/// By whether there is a row, and whether anything was ever decided.
pub struct Plans;

impl Analyst for Plans {
    fn row(&self) -> u8 {
        8
    }

    fn what(&self) -> &'static str {
        "emergency plan never set, opted out or set, by rows and events"
    }

    fn look(&self, outside: &Outside) -> Look {
        let rows = rows(outside);
        let mut changes: BTreeMap<&str, usize> = BTreeMap::new();
        for seen in outside.events("Emergency.PlanChanged") {
            if let Some(patient) = seen.text("patient") {
                *changes.entry(patient).or_default() += 1;
            }
        }
        if rows.is_empty() && changes.is_empty() {
            return Look::Nothing("no plans, and no changes of any".into());
        }
        let patients = outside.patients();
        // Where everybody has a row, a decision is what comes after the first.
        let usual = patients
            .iter()
            .all(|patient| rows.contains_key(patient.as_str()));
        let guesses = patients.into_iter().map(|patient| {
            let changed = changes.get(patient.as_str()).copied().unwrap_or_default();
            let plan = match (usual, rows.contains_key(patient.as_str()), changed) {
                (false, true, _) => Plan::Set,
                (false, false, 0) => Plan::NeverSet,
                (false, false, _) => Plan::OptedOut,
                (true, _, 0 | 1) => Plan::NeverSet,
                (true, ..) => Plan::Set,
            };
            Guess::new(patient, plan.word())
        });
        Look::Guesses(guesses.collect())
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

/// By what whoever decides has done before: who chooses does so at a moment of their own.
pub struct Moments;

impl Analyst for Moments {
    fn row(&self) -> u8 {
        8
    }

    fn what(&self) -> &'static str {
        "emergency plan never set, opted out or set, by what was done before it"
    }

    fn look(&self, outside: &Outside) -> Look {
        let controllers = outside.controllers();
        let mut acts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut before: BTreeMap<&str, usize> = BTreeMap::new();
        for seen in outside.all_events() {
            let (Some(patient), Some(signer)) = (seen.text("patient"), seen.signer()) else {
                continue;
            };
            let decides = controllers.get(patient);
            if !decides.is_some_and(|decides| decides.contains_key(signer)) {
                continue;
            }
            let acts = acts.entry(patient).or_default();
            if seen.event.name == "Emergency.PlanChanged" {
                before.entry(patient).or_insert(*acts);
            }
            *acts += 1;
        }
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for place in before.values() {
            *places.entry(*place).or_default() += 1;
        }
        if places.len() < 2 {
            return Look::Nothing("every plan comes after as much".into());
        }
        // Who never chooses has it where most have it.
        let usual = places.iter().max_by_key(|(_, count)| **count);
        let usual = usual.map_or(0, |(place, _)| *place);
        let guesses = before.into_iter().map(|(patient, place)| {
            let plan = if place == usual {
                Plan::NeverSet
            } else {
                Plan::Set
            };
            Guess::new(patient, plan.word())
        });
        Look::Guesses(guesses.collect())
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

/// By the length of the plan's package on a vault's disk.
pub struct Packages;

impl Analyst for Packages {
    fn row(&self) -> u8 {
        8
    }

    fn what(&self) -> &'static str {
        "emergency plan never set, opted out or set, by the length of its package"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut lengths: BTreeMap<&str, u64> = BTreeMap::new();
        for disk in &outside.disks {
            let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
            for file in &disk.files {
                if let Some((_, root)) = file.object() {
                    *sums.entry(root).or_default() += file.bytes;
                }
            }
            lengths.extend(sums);
        }
        let mut packages: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (patient, row) in rows(outside) {
            let package = row.get("package").and_then(Value::as_str);
            if let Some(length) = package.and_then(|package| lengths.get(package)) {
                packages.entry(length / 64).or_default().push(patient);
            }
        }
        // The shortest open nothing, the longest what somebody has chosen; between them is what everybody
        // has who never chose.
        let (Some(shortest), Some(longest)) = (
            packages.first_key_value().map(|(length, _)| *length),
            packages.last_key_value().map(|(length, _)| *length),
        ) else {
            return Look::Nothing("no package on a disk".into());
        };
        let guesses = packages.into_iter().flat_map(|(length, patients)| {
            let plan = match length {
                _ if length == longest => Plan::Set,
                _ if length == shortest => Plan::OptedOut,
                _ => Plan::NeverSet,
            };
            patients
                .into_iter()
                .map(move |patient| Guess::new(patient, plan.word()))
        });
        Look::Guesses(guesses.collect())
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
            Disk, File,
        },
        score::score,
        truth::Id,
    };
    use serde_json::json;

    const PLANS: [Plan; 3] = [Plan::NeverSet, Plan::OptedOut, Plan::Set];

    fn truth() -> Truth {
        let mut truth = Truth::default();
        for number in 0..30 {
            let plan = PLANS[number % 3];
            truth.ids.insert(
                id(number),
                Id {
                    plan,
                    ..Id::default()
                },
            );
        }
        truth
    }

    #[test]
    fn rows_and_events_are_noticed() {
        let truth = truth();
        let mut blocks = Vec::new();
        let mut state = Vec::new();
        for (patient, one) in &truth.ids {
            let fields = json!({"patient": patient});
            let mut events = vec![("Patients.Enrolled", fields.clone())];
            if one.plan != Plan::NeverSet {
                events.push(("Emergency.PlanChanged", fields));
            }
            if one.plan == Plan::Set {
                state.push(row("Emergency.Plans", vec![json!(patient)], json!({})));
            }
            blocks.push(events);
        }
        let mut outside = chain(blocks);
        outside.state = state;
        let figure = score(&Plans.look(&outside), &Plans.facts(&truth));
        assert_eq!((figure.hits, figure.of), (30, 30));
        assert!(!figure.is_chance(0.0));
    }

    #[test]
    fn a_plan_that_comes_before_or_after_others_is_noticed() {
        for chosen_first in [false, true] {
            let truth = truth();
            let mut blocks = Vec::new();
            for (patient, one) in &truth.ids {
                let owner = format!("5owner{patient}");
                let enrolled = json!({"patient": patient, "controller": owner});
                let act = |name| (name, json!({"patient": patient, "actor": owner}));
                let (plan, other) = (act("Emergency.PlanChanged"), act("Consent.Granted"));
                let first = chosen_first && one.plan == Plan::Set;
                blocks.push(vec![("Patients.Enrolled", enrolled)]);
                blocks.push(if first {
                    vec![plan, other]
                } else {
                    vec![other, plan]
                });
            }
            let look = Moments.look(&chain(blocks));
            let figure = score(&look, &Moments.facts(&truth));
            assert_eq!(figure.is_chance(0.0), !chosen_first, "{figure:?}");
        }
    }

    #[test]
    fn lengths_of_packages_are_noticed_and_equal_ones_tell_nothing() {
        for equal in [false, true] {
            let truth = truth();
            let mut outside = Outside::default();
            let mut disk = Disk::default();
            for (place, (patient, one)) in truth.ids.iter().enumerate() {
                let package = format!("bafy{place}");
                let length = match one.plan {
                    _ if equal => 16_384,
                    Plan::NeverSet => 16_384,
                    Plan::OptedOut => 1_024,
                    Plan::Set => 32_768,
                };
                disk.files.push(File {
                    path: format!("objects/envelope/{package}/bafk"),
                    bytes: length,
                    header: None,
                });
                outside.state.push(row(
                    "Emergency.Plans",
                    vec![json!(patient)],
                    json!({"package": package}),
                ));
            }
            outside.disks.push(disk);
            let figure = score(&Packages.look(&outside), &Packages.facts(&truth));
            assert_eq!(figure.is_chance(0.0), equal, "{figure:?}");
        }
    }
}
