//! Who has restricted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

/// Ends of several grants in one go come within so many blocks.
const TOGETHER: u32 = 4;

fn facts(truth: &Truth) -> Vec<Fact> {
    let ids = truth.ids.iter();
    ids.map(|(patient, id)| Fact::new(patient, if id.restricted { "restricted" } else { "not" }))
        .collect()
}

/// By a row or an event of its own.
pub struct Announced;

impl Analyst for Announced {
    fn row(&self) -> u8 {
        9
    }

    fn what(&self) -> &'static str {
        "who has restricted, by a row or an event that says so"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        for name in ["Patients.Restricted", "Patients.Lifted"] {
            found.extend(outside.events(name).filter_map(|seen| seen.text("patient")));
        }
        for row in outside.rows("Patients.Patients") {
            let since = row.value.get("restricted_since");
            if since.is_some_and(|since| !since.is_null()) {
                found.extend(row.key.first().and_then(Value::as_str));
            }
        }
        let guesses = found
            .into_iter()
            .map(|patient| Guess::new(patient, "restricted"));
        Look::of(guesses.collect(), "no row and no event says so")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        facts(truth)
    }
}

/// By all grants that end at once; most certainly where some begin again later.
pub struct Ended;

impl Analyst for Ended {
    fn row(&self) -> u8 {
        9
    }

    fn what(&self) -> &'static str {
        "who has restricted, by all grants that end in one go"
    }

    /// An end that waited would be none.
    fn is_promised(&self) -> bool {
        false
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut granted: BTreeMap<&str, BTreeMap<u64, (u32, String)>> = BTreeMap::new();
        let mut revoked: BTreeMap<&str, BTreeMap<u64, u32>> = BTreeMap::new();
        for seen in outside.all_events() {
            let (Some(patient), Some(grant)) = (seen.text("patient"), seen.number("grant")) else {
                continue;
            };
            let number = seen.block.number;
            match seen.event.name.as_str() {
                "Consent.Granted" => {
                    let grantee = seen
                        .field("grantee")
                        .map(Value::to_string)
                        .unwrap_or_default();
                    granted
                        .entry(patient)
                        .or_default()
                        .insert(grant, (number, grantee));
                }
                "Consent.Revoked" => {
                    revoked.entry(patient).or_default().insert(grant, number);
                }
                _ => {}
            }
        }
        let restricts = |patient: &str, ends: &BTreeMap<u64, u32>| -> Option<bool> {
            let given = granted.get(patient)?;
            let (first, last) = (*ends.values().min()?, *ends.values().max()?);
            let before = given.iter().filter(|(_, (since, _))| *since < first);
            let all = before.clone().count() > 1
                && before.clone().all(|(grant, _)| ends.contains_key(grant));
            let again = given.values().any(|(since, grantee)| {
                *since > last && before.clone().any(|(_, (_, other))| other == grantee)
            });
            Some((all && last - first <= TOGETHER) || again)
        };
        let found = revoked
            .iter()
            .filter(|(patient, ends)| restricts(patient, ends) == Some(true));
        let guesses = found.map(|(patient, _)| Guess::new(*patient, "restricted"));
        Look::of(guesses.collect(), "nobody ends all grants in one go")
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
    fn an_event_and_ends_in_one_go_are_noticed() {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..30 {
            let restricted = number % 3 == 0;
            truth.ids.insert(
                id(number),
                Id {
                    restricted,
                    ..Id::default()
                },
            );
            let fields = |grant: u32| json!({"patient": id(number), "grant": grant, "grantee": format!("5{grant}")});
            blocks.push(vec![
                ("Consent.Granted", fields(0)),
                ("Consent.Granted", fields(1)),
            ]);
            let mut ends = vec![("Consent.Revoked", fields(1))];
            if restricted {
                ends.push(("Consent.Revoked", fields(0)));
                ends.push(("Patients.Restricted", fields(0)));
            }
            blocks.push(ends);
        }
        let outside = chain(blocks);
        for analyst in [&Announced as &dyn Analyst, &Ended] {
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert_eq!((figure.hits, figure.of), (10, 10), "{}", analyst.what());
            assert!(!figure.is_chance(0.0));
        }
    }
}
