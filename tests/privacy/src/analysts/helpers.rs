//! Two ids with the same helpers are one person's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{accounts::same_person, Analyst};
use crate::{
    outside::texts,
    score::{Fact, Guess, Look},
    truth::pair,
    Outside, Truth,
};

/// Every recovery plan that was ever set: whose, and what was said.
fn plans(outside: &Outside) -> Vec<(&str, &Value)> {
    let calls = outside.blocks.iter().flat_map(|block| &block.extrinsics);
    let calls =
        calls.filter(|extrinsic| extrinsic.call == "Recovery.set_plan" && extrinsic.succeeded);
    let calls = calls.filter_map(|call| Some((call.args.get("patient")?.as_str()?, &call.args)));
    let rows = outside.rows("Recovery.Plans");
    let rows = rows.filter_map(|row| Some((row.key.first()?.as_str()?, &row.value)));
    calls.chain(rows).collect()
}

fn pairs<K: Ord>(of: BTreeMap<K, BTreeSet<&str>>) -> Vec<Guess> {
    let mut guesses = BTreeSet::new();
    for ids in of.into_values() {
        for one in &ids {
            guesses.extend(
                ids.iter()
                    .filter(|other| *other > one)
                    .map(|other| pair(one, other)),
            );
        }
    }
    guesses
        .into_iter()
        .map(|pair| Guess::new(pair, "same"))
        .collect()
}

pub struct SameHelpers;

impl Analyst for SameHelpers {
    fn row(&self) -> u8 {
        6
    }

    fn what(&self) -> &'static str {
        "two ids of one person, by the same helpers"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut by: BTreeMap<BTreeSet<&str>, BTreeSet<&str>> = BTreeMap::new();
        for (patient, plan) in plans(outside) {
            let helpers = plan.get("helpers").map(texts).unwrap_or_default();
            // Whatever a row says of a helper: what is the same for two ids tells as much as a name.
            by.entry(helpers.into_iter().collect())
                .or_default()
                .insert(patient);
            let named = plan
                .get("helpers")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let named: BTreeSet<&str> = named
                .filter_map(|helper| helper.get("account")?.as_str())
                .collect();
            by.entry(named).or_default().insert(patient);
        }
        by.remove(&BTreeSet::new());
        Look::of(pairs(by), "no helper is named for two ids")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        same_person(truth)
    }
}

pub struct SameTerms;

impl Analyst for SameTerms {
    fn row(&self) -> u8 {
        6
    }

    fn what(&self) -> &'static str {
        "two ids of one person, by the same number of helpers, threshold and delay"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut by: BTreeMap<(usize, String, String), BTreeSet<&str>> = BTreeMap::new();
        for (patient, plan) in plans(outside) {
            let (Some(threshold), Some(delay)) = (plan.get("threshold"), plan.get("delay")) else {
                continue;
            };
            let count = plan
                .get("helpers")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            let terms = (count, threshold.to_string(), delay.to_string());
            by.entry(terms).or_default().insert(patient);
        }
        // What many have singles nobody out.
        by.retain(|_, ids| ids.len() == 2);
        Look::of(pairs(by), "no two ids have terms that nobody else has")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        same_person(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::made::{id, row},
        score::score,
        truth::Id,
    };
    use serde_json::json;

    #[test]
    fn the_same_helpers_and_the_same_terms_are_noticed() {
        let mut truth = Truth::default();
        let mut outside = Outside::default();
        for number in 0..20 {
            let person = if number < 8 { number / 2 } else { number };
            truth.ids.insert(
                id(number),
                Id {
                    person,
                    ..Id::default()
                },
            );
            let helper = |place: usize| json!({"account": format!("5helper-{person}-{place}"), "share": format!("0x{number}{place}")});
            let plan = json!({
                "helpers": [helper(0), helper(1)],
                "threshold": 2,
                "delay": 1_000 + person,
            });
            outside
                .state
                .push(row("Recovery.Plans", vec![json!(id(number))], plan));
        }
        for analyst in [&SameHelpers as &dyn Analyst, &SameTerms] {
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert_eq!((figure.hits, figure.of), (4, 4), "{}", analyst.what());
            assert!(!figure.is_chance(0.0));
        }
    }
}
