//! Two ids of one person.

use std::collections::BTreeMap;

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    truth::pair,
    Outside, Truth,
};

/// At most so many pairs are guessed from what is no proof.
const GUESSES: usize = 8;

pub fn same_person(truth: &Truth) -> Vec<Fact> {
    let pairs = truth.pairs(|one, other| one.person == other.person);
    pairs
        .into_iter()
        .map(|(pair, is)| Fact::new(pair, is))
        .collect()
}

/// Pairs of ids for which one account decides.
pub fn of_one_account(outside: &Outside) -> Vec<Guess> {
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (patient, accounts) in outside.controllers() {
        for (account, role) in accounts {
            if role != "Carer" {
                of.entry(account).or_default().push(patient.clone());
            }
        }
    }
    let mut guesses = Vec::new();
    for ids in of.into_values() {
        for (place, one) in ids.iter().enumerate() {
            for other in &ids[place + 1..] {
                guesses.push(Guess::new(pair(one, other), "same"));
            }
        }
    }
    guesses
}

/// An account that decides for both.
pub struct Same;

impl Analyst for Same {
    fn row(&self) -> u8 {
        5
    }

    fn what(&self) -> &'static str {
        "two ids of one person, by an account that decides for both"
    }

    fn look(&self, outside: &Outside) -> Look {
        Look::of(of_one_account(outside), "no account decides for two ids")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        same_person(truth)
    }
}

/// People do things for all their ids at one sitting: ids whose owners act in the same blocks.
pub struct Together;

impl Analyst for Together {
    fn row(&self) -> u8 {
        5
    }

    fn what(&self) -> &'static str {
        "two ids of one person, by owners who act in the same seconds"
    }

    fn look(&self, outside: &Outside) -> Look {
        let controllers = outside.controllers();
        let mut active: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for seen in outside.all_events() {
            let (Some(patient), Some(signer)) = (seen.text("patient"), seen.signer()) else {
                continue;
            };
            let own = controllers.get_key_value(patient);
            if let Some((patient, _)) = own.filter(|(_, accounts)| accounts.contains_key(signer)) {
                active.entry(patient).or_default().push(seen.block.number);
            }
        }
        let ids: Vec<(&str, Vec<u32>)> = active.into_iter().collect();
        let mut likely = Vec::new();
        for (place, (one, blocks)) in ids.iter().enumerate() {
            for (other, others) in &ids[place + 1..] {
                let close = blocks
                    .iter()
                    .filter(|block| others.iter().any(|other| block.abs_diff(*other) <= 1));
                let both = blocks.len().min(others.len()).max(1);
                likely.push((close.count() as f64 / both as f64, pair(one, other)));
            }
        }
        likely.sort_by(|one, other| other.0.total_cmp(&one.0));
        let best = likely
            .into_iter()
            .filter(|(share, _)| *share > 0.0)
            .take(GUESSES);
        let guesses = best.map(|(_, pair)| Guess::new(pair, "same"));
        Look::of(guesses.collect(), "no two owners act at the same time")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        same_person(truth)
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

    fn population(one_account: bool) -> (Outside, Truth) {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..30 {
            // The first ten are five people.
            let person = if number < 10 { number / 2 } else { number };
            let account = match one_account {
                true => format!("5owner-{person}"),
                false => format!("5owner-{number}"),
            };
            let fields = json!({"patient": id(number), "controller": account});
            blocks.push(vec![("Patients.Enrolled", fields)]);
            truth.ids.insert(
                id(number),
                Id {
                    person,
                    ..Id::default()
                },
            );
        }
        for number in 0..30 {
            let other = if number < 10 { number ^ 1 } else { number };
            let mut acts = Vec::new();
            for number in [number, other] {
                let person = if number < 10 { number / 2 } else { number };
                let actor = match one_account {
                    true => format!("5owner-{person}"),
                    false => format!("5owner-{number}"),
                };
                acts.push((
                    "Patients.KeyringChanged",
                    json!({"patient": id(number), "actor": actor}),
                ));
            }
            blocks.extend([acts, vec![], vec![]]);
        }
        (chain(blocks), truth)
    }

    #[test]
    fn one_account_and_one_sitting_are_noticed() {
        let (outside, truth) = population(true);
        let figure = score(&Same.look(&outside), &Same.facts(&truth));
        assert_eq!((figure.hits, figure.of), (5, 5));
        assert!(!figure.is_chance(0.0), "{figure:?}");

        let (outside, truth) = population(false);
        assert!(matches!(Same.look(&outside), Look::Nothing(_)));
        let figure = score(&Together.look(&outside), &Together.facts(&truth));
        assert!(figure.hits >= 5 && !figure.is_chance(0.0), "{figure:?}");
    }
}
