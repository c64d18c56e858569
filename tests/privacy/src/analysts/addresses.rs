//! What a node's operator learns from who asks what: whose address it is, and which ids belong
//! together.

use std::collections::{BTreeMap, HashSet};

use super::{accounts::same_person, Analyst};
use crate::{
    score::{Fact, Guess, Look},
    truth::pair,
    Outside, Truth,
};

/// Below this share of an address's questions, an id is one of others.
const OWN: f64 = 0.2;

/// What bears a transaction, and names its account and so its id.
fn sends(method: &str) -> bool {
    method.starts_with("author_")
}

/// How often each address's questions of some methods name an id, most often first.
fn named(outside: &Outside, of: impl Fn(&str) -> bool) -> BTreeMap<u16, Vec<(String, usize)>> {
    let patients: HashSet<String> = outside.patients().into_iter().collect();
    let mut counts: BTreeMap<u16, BTreeMap<&str, usize>> = BTreeMap::new();
    for question in outside
        .questions
        .iter()
        .filter(|question| of(&question.method))
    {
        // Runs of hexadecimal digits: an id may lie anywhere in them.
        let runs = question.params.split(|c: char| !c.is_ascii_hexdigit());
        for run in runs.filter(|run| run.len() >= 32) {
            // Ids are as random as they look: a match by chance is out of question.
            for start in 0..=run.len() - 32 {
                if let Some(id) = patients.get(&run[start..start + 32]) {
                    let of = counts.entry(question.address).or_default();
                    *of.entry(id.as_str()).or_default() += 1;
                }
            }
        }
    }
    let sorted = |counts: BTreeMap<&str, usize>| {
        let mut ids: Vec<(String, usize)> = counts
            .into_iter()
            .map(|(id, count)| (id.to_owned(), count))
            .collect();
        ids.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        ids
    };
    counts
        .into_iter()
        .map(|(address, counts)| (address, sorted(counts)))
        .collect()
}

fn most(outside: &Outside, of: impl Fn(&str) -> bool) -> Look {
    let guesses = named(outside, of).into_iter().filter_map(|(address, ids)| {
        Some(Guess::new(
            format!("address {address}"),
            ids.first()?.0.as_str(),
        ))
    });
    Look::of(guesses.collect(), "no question names an id")
}

fn facts(truth: &Truth) -> Vec<Fact> {
    let addresses = truth.addresses.iter().map(|(address, ids)| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        Fact::new(format!("address {address}"), ids.join("|"))
    });
    addresses.collect()
}

pub struct Asked;

impl Analyst for Asked {
    fn row(&self) -> u8 {
        7
    }

    fn what(&self) -> &'static str {
        "id of an address, by what it asks a node most often"
    }

    fn look(&self, outside: &Outside) -> Look {
        most(outside, |method| !sends(method))
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

/// A transaction says whose it is: whoever sends one tells the node that takes it.
pub struct Sent;

impl Analyst for Sent {
    fn row(&self) -> u8 {
        7
    }

    fn what(&self) -> &'static str {
        "id of an address, by what it sends to a node"
    }

    fn is_promised(&self) -> bool {
        false
    }

    fn look(&self, outside: &Outside) -> Look {
        most(outside, sends)
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

pub struct Linked;

impl Analyst for Linked {
    fn row(&self) -> u8 {
        7
    }

    fn what(&self) -> &'static str {
        "two ids of one person, by one address that asks about both"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut guesses = Vec::new();
        for ids in named(outside, |method| !sends(method)).into_values() {
            let all: usize = ids.iter().map(|(_, count)| count).sum();
            let own: Vec<&String> = ids
                .iter()
                .filter(|(_, count)| *count as f64 >= OWN * all as f64)
                .map(|(id, _)| id)
                .collect();
            if let [one, other] = own[..] {
                guesses.push(Guess::new(pair(one, other), "same"));
            }
        }
        Look::of(guesses, "no address asks about two ids")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        same_person(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::{
            made::{chain, id},
            Question,
        },
        score::score,
        truth::Id,
    };
    use serde_json::json;

    #[test]
    fn who_asks_about_an_id_is_noticed() {
        let mut truth = Truth::default();
        let enrolled = |number| vec![("Patients.Enrolled", json!({"patient": id(number)}))];
        let mut outside = chain((0..30).map(enrolled).collect());
        for number in 0..30usize {
            let person = if number < 8 { number / 2 } else { number };
            truth.ids.insert(
                id(number),
                Id {
                    person,
                    ..Id::default()
                },
            );
            truth
                .addresses
                .entry(person as u16)
                .or_default()
                .insert(id(number));
            for _ in 0..5 {
                outside.questions.push(Question {
                    address: person as u16,
                    at: 0,
                    method: "state_call".into(),
                    params: format!("[\"SalusApi_records\", \"0x{}00000000\"]", id(number)),
                });
            }
        }
        let figure = score(&Asked.look(&outside), &Asked.facts(&truth));
        assert_eq!((figure.hits, figure.of), (26, 26));
        assert!(!figure.is_chance(0.0));
        let figure = score(&Linked.look(&outside), &Linked.facts(&truth));
        assert_eq!((figure.hits, figure.of), (4, 4));
        assert!(!figure.is_chance(0.0));
    }
}
