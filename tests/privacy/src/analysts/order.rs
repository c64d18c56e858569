//! Lists of compartments, in whatever call, event or row, and what a client does with compartments one
//! after the other: if they come in the taxonomy's order, they tell which is which.

use std::collections::BTreeMap;

use salus_client::taxonomy::{Category, Sensitivity};
use serde_json::Value;

use super::Analyst;
use crate::{
    outside::lists,
    score::{Fact, Guess, Look},
    Outside, Truth,
};

/// Steps of one hand follow each other within so many blocks.
const TOGETHER: u32 = 3;

pub enum Secret {
    /// Which of two has the smaller category.
    Category,
    /// Which of two is flagged: in a client's order, the later one.
    Flag,
}

pub struct Order(pub Secret);

impl Analyst for Order {
    fn row(&self) -> u8 {
        1
    }

    fn what(&self) -> &'static str {
        match self.0 {
            Secret::Category => "of two compartments in a row, which has the smaller category",
            Secret::Flag => "of two compartments in a row, which is flagged",
        }
    }

    fn look(&self, outside: &Outside) -> Look {
        let compartments = outside.compartments();
        let is_one = |text: &str| compartments.contains(text);
        let mut runs: Vec<(String, Vec<String>)> = Vec::new();
        let mut note = |patient: Option<&str>, value: &Value| {
            let Some(patient) = patient else { return };
            for list in lists(value, &is_one) {
                runs.push((
                    patient.into(),
                    list.into_iter().map(str::to_owned).collect(),
                ));
            }
        };
        for block in &outside.blocks {
            for extrinsic in &block.extrinsics {
                note(extrinsic.args["patient"].as_str(), &extrinsic.args);
            }
            for event in &block.events {
                note(event.fields["patient"].as_str(), &event.fields);
            }
        }
        for row in &outside.state {
            note(row.key.iter().find_map(Value::as_str), &row.value);
        }
        runs.extend(steps(outside));

        // Each two once, as they were seen first.
        let mut seen: BTreeMap<String, bool> = BTreeMap::new();
        for (patient, run) in &runs {
            for two in run.windows(2) {
                let (low, high) = (two[0].as_str().min(&two[1]), two[0].as_str().max(&two[1]));
                if low != high {
                    let about = format!("{patient} {low} {high}");
                    seen.entry(about).or_insert(two[0] == low);
                }
            }
        }
        let says = |ascending: bool| match (&self.0, ascending) {
            (Secret::Category, true) | (Secret::Flag, false) => "low",
            _ => "high",
        };
        let guesses = seen
            .into_iter()
            .map(|(about, low)| Guess::new(about, says(low)));
        Look::of(guesses.collect(), "no two compartments in a row")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (patient, id) in &truth.ids {
            let labels: Vec<_> = id.labels.iter().collect();
            for (place, (low, label)) in labels.iter().enumerate() {
                for (high, other) in &labels[place + 1..] {
                    let is = match self.0 {
                        Secret::Category => match (rank(label), rank(other)) {
                            (Some(one), Some(other)) if one != other => {
                                if one < other {
                                    "low"
                                } else {
                                    "high"
                                }
                            }
                            _ => continue,
                        },
                        Secret::Flag => match (Truth::flag(label), Truth::flag(other)) {
                            ("none", "none") => continue,
                            (_, "none") => "low",
                            ("none", _) => "high",
                            _ => continue,
                        },
                    };
                    facts.push(Fact::new(format!("{patient} {low} {high}"), is));
                }
            }
        }
        facts
    }
}

/// Compartments that were opened or renewed one after the other.
fn steps(outside: &Outside) -> Vec<(String, Vec<String>)> {
    let mut runs: Vec<(String, Vec<String>, u32)> = Vec::new();
    let mut last: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for seen in outside.all_events() {
        let name = seen.event.name.as_str();
        if !matches!(
            name,
            "Records.CompartmentOpened" | "Records.CompartmentRotated"
        ) {
            continue;
        }
        let (Some(patient), Some(compartment)) = (seen.text("patient"), seen.text("compartment"))
        else {
            continue;
        };
        let number = seen.block.number;
        match last.get(&(name, patient)).copied() {
            Some(place) if number.saturating_sub(runs[place].2) <= TOGETHER => {
                runs[place].1.push(compartment.into());
                runs[place].2 = number;
            }
            _ => {
                last.insert((name, patient), runs.len());
                runs.push((patient.into(), vec![compartment.into()], number));
            }
        }
    }
    runs.into_iter()
        .map(|(patient, run, _)| (patient, run))
        .collect()
}

/// The place in the taxonomy. Where there is no category, of the flag.
fn rank(label: &str) -> Option<(u8, u8)> {
    let (category, flag) = label.split_once('+').unwrap_or((label, ""));
    let category = category
        .trim()
        .parse::<Category>()
        .map_or(u8::MAX, u8::from);
    let flag = flag
        .trim()
        .parse::<Sensitivity>()
        .map_or(0, |flag| 1 + u8::from(flag));
    (category < u8::MAX || flag > 0).then_some((category, flag))
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

    const LABELS: [&str; 4] = ["lab", "summary", "note", "lab +hiv"];

    fn population(sorted: bool) -> (Outside, Truth) {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for patient in 0..40 {
            let name =
                |place: usize| id(1_000 + patient * 17 % 41 * 10 + (place * 7 + patient) % 4);
            let mut one = Id::default();
            for (place, label) in LABELS.iter().enumerate() {
                one.labels.insert(name(place), (*label).into());
            }
            let mut list: Vec<&String> = one.labels.keys().collect();
            if !sorted {
                list.sort_by_key(|compartment| rank(&one.labels[*compartment]));
            }
            let patient = id(patient);
            let opened = list.iter().map(|compartment| {
                (
                    "Records.CompartmentOpened",
                    json!({"patient": patient, "compartment": compartment}),
                )
            });
            blocks.push(opened.collect());
            let granted = json!({"patient": patient, "scope": {"Compartments": list}});
            blocks.push(vec![("Consent.Granted", granted)]);
            truth.ids.insert(patient, one);
        }
        (chain(blocks), truth)
    }

    #[test]
    fn the_order_of_the_taxonomy_is_noticed() {
        let (outside, truth) = population(false);
        for secret in [Secret::Category, Secret::Flag] {
            let order = Order(secret);
            let figure = score(&order.look(&outside), &order.facts(&truth));
            assert!(!figure.is_chance(0.0), "{}: {figure:?}", order.what());
        }
    }

    #[test]
    fn ascending_ids_tell_nothing() {
        let (outside, truth) = population(true);
        for secret in [Secret::Category, Secret::Flag] {
            let order = Order(secret);
            let figure = score(&order.look(&outside), &order.facts(&truth));
            assert!(figure.of > 0 && figure.is_chance(0.0), "{figure:?}");
        }
    }
}
