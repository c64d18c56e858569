//! A record that waits in intake and is then filed: if a compartment is opened for it, or nothing else
//! lies there, it was something that nobody had expected.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

pub struct Filed;

impl Analyst for Filed {
    fn row(&self) -> u8 {
        4
    }

    fn what(&self) -> &'static str {
        "compartment with HIV results, by what was filed there from intake"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut opened: BTreeMap<&str, u32> = BTreeMap::new();
        let mut anchored: BTreeMap<(&str, u64), u32> = BTreeMap::new();
        let mut written: BTreeSet<&str> = BTreeSet::new();
        let (mut fresh, mut empty) = (BTreeSet::new(), BTreeSet::new());
        for seen in outside.all_events() {
            let (patient, compartment) = (seen.text("patient"), seen.text("compartment"));
            let (Some(patient), Some(compartment)) = (patient, compartment) else {
                continue;
            };
            let record = seen.number("record");
            match (seen.event.name.as_str(), record) {
                ("Records.CompartmentOpened", _) => {
                    opened.insert(compartment, seen.block.number);
                }
                ("Records.RecordAnchored", Some(record)) => {
                    anchored.insert((patient, record), seen.block.number);
                    written.insert(compartment);
                }
                ("Records.RecordReclassified", Some(record)) => {
                    let since = anchored.get(&(patient, record));
                    match (opened.get(compartment), since) {
                        (Some(opened), Some(since)) if opened > since => fresh.insert(compartment),
                        _ => empty.insert(compartment),
                    };
                }
                _ => {}
            }
        }
        // Where no compartment was opened for it: where nothing was written directly.
        empty.retain(|compartment| !written.contains(compartment));
        let chosen = if fresh.is_empty() { empty } else { fresh };
        let guesses = chosen.into_iter().map(|about| Guess::new(about, "hiv"));
        Look::of(
            guesses.collect(),
            "nothing was filed into a compartment of its own",
        )
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let labels = truth.ids.values().flat_map(|id| &id.labels);
        labels
            .map(|(compartment, label)| Fact::new(compartment, Truth::flag(label)))
            .collect()
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

    /// Ten patients with HIV, thirty without; all have 2 compartments.
    fn population(opened_for_it: bool) -> (Outside, Truth) {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..40 {
            let (patient, lab, other) = (id(number), id(1_000 + number), id(2_000 + number));
            let is_hiv = number % 4 == 0;
            let label = if is_hiv { "lab +hiv" } else { "note" };
            let one = Id {
                labels: [(lab.clone(), "lab".into()), (other.clone(), label.into())].into(),
                ..Id::default()
            };
            truth.ids.insert(patient.clone(), one);
            let open = |compartment: &String| {
                vec![(
                    "Records.CompartmentOpened",
                    json!({"patient": patient, "compartment": compartment}),
                )]
            };
            let event = |compartment: &String| json!({"patient": patient, "record": 0, "compartment": compartment});
            blocks.push(open(&lab));
            if !(is_hiv && opened_for_it) {
                blocks.push(open(&other));
            }
            blocks.push(vec![("Records.RecordAnchored", event(&lab))]);
            if is_hiv {
                if opened_for_it {
                    blocks.push(open(&other));
                }
                blocks.push(vec![("Records.RecordReclassified", event(&other))]);
            }
        }
        (chain(blocks), truth)
    }

    #[test]
    fn a_compartment_that_is_opened_for_a_record_is_noticed() {
        for opened_for_it in [true, false] {
            let (outside, truth) = population(opened_for_it);
            let figure = score(&Filed.look(&outside), &Filed.facts(&truth));
            assert_eq!((figure.hits, figure.of), (10, 10));
            assert!(!figure.is_chance(0.0), "{figure:?}");
        }
    }
}
