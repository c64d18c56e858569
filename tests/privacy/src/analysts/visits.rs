//! An acquaintance knows when somebody was at the doctor's, and looks for the id that fits.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyst;
use crate::{
    population::AN_HOUR,
    score::{Fact, Guess, Look},
    Outside, Truth,
};

/// Milliseconds by which what is written of a visit may be earlier: clocks differ.
const BEFORE: u64 = 1_500;
/// And later, where software sends it at once, and where it sends everything of an hour together.
const AT_ONCE: u64 = 1_500;
const HOURLY: u64 = 1_000 * AN_HOUR.as_secs() + 4_000;

/// By what is written of them within a moment, or within the hour.
pub enum Visits {
    AtOnce,
    Hourly,
}

impl Analyst for Visits {
    fn row(&self) -> u8 {
        12
    }

    fn what(&self) -> &'static str {
        match self {
            Self::AtOnce => "id of an acquaintance, by two visits and what is written at once",
            Self::Hourly => {
                "id of an acquaintance, by two visits and what is written in the next hour"
            }
        }
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut met: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for seen in outside.all_events() {
            let name = seen.event.name.as_str();
            let by_staff = match name {
                "Patients.Enrolled" => true,
                "Records.RecordAnchored" => seen.number("organisation").is_some(),
                _ => false,
            };
            if let Some(patient) = seen.text("patient").filter(|_| by_staff) {
                met.entry(patient).or_default().insert(seen.block.moment);
            }
        }
        let mut guesses = Vec::new();
        for (person, visits) in outside
            .known
            .visits
            .iter()
            .filter(|(_, visits)| visits.len() > 1)
        {
            let latest = match self {
                Self::AtOnce => AT_ONCE,
                Self::Hourly => HOURLY,
            };
            let close = |moments: &BTreeSet<u64>, visit: u64| {
                let from = visit.saturating_sub(BEFORE);
                let written = moments.range(from..=visit.saturating_add(latest)).next()?;
                Some(written - from)
            };
            let fits = met.iter().filter_map(|(patient, moments)| {
                let late: Option<Vec<u64>> =
                    visits.iter().map(|visit| close(moments, *visit)).collect();
                Some((late?.iter().sum::<u64>(), *patient))
            });
            if let Some((_, patient)) = fits.min() {
                guesses.push(Guess::new(format!("person {person}"), patient));
            }
        }
        Look::of(guesses, "no id fits what is known of visits")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let mut ids: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (patient, id) in &truth.ids {
            ids.entry(id.person).or_default().push(patient);
        }
        let facts = ids.into_iter();
        facts
            .map(|(person, ids)| Fact::new(format!("person {person}"), ids.join("|")))
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

    #[test]
    fn two_visits_name_an_id() {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..20usize {
            blocks.push(vec![("Patients.Enrolled", json!({"patient": id(number)}))]);
            blocks.push(vec![]);
            truth.ids.insert(
                id(number),
                Id {
                    person: number,
                    ..Id::default()
                },
            );
        }
        for number in 0..20usize {
            let anchored = json!({"patient": id(number * 7 % 20), "organisation": 0});
            blocks.push(vec![("Records.RecordAnchored", anchored)]);
        }
        let mut outside = chain(blocks);
        for number in 0..20usize {
            let second = (0..20)
                .find(|place| place * 7 % 20 == number)
                .expect("each once");
            let visits = vec![2_000 * number as u64, 40_000 + 1_000 * second as u64];
            outside.known.visits.insert(number, visits);
        }
        for visits in [Visits::AtOnce, Visits::Hourly] {
            let figure = score(&visits.look(&outside), &visits.facts(&truth));
            assert!(figure.hits >= 18, "{figure:?}");
            assert!(!figure.is_chance(0.0));
        }
    }
}
