//! Who has something sensitive: everything together that tells it of an id.

use std::collections::{BTreeMap, BTreeSet};

use super::{authors, intake::Filed, restrictions::Announced, studies::OptedIn, Analyst};
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

pub struct Sensitive;

impl Analyst for Sensitive {
    fn row(&self) -> u8 {
        0
    }

    fn what(&self) -> &'static str {
        "who has something sensitive, by everything together"
    }

    fn is_promised(&self) -> bool {
        false
    }

    fn look(&self, outside: &Outside) -> Look {
        let patients = outside.patients();
        let mut of: BTreeMap<&str, &str> = BTreeMap::new();
        let mut opened: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for seen in outside.all_events() {
            if let (Some(patient), Some(compartment)) =
                (seen.text("patient"), seen.text("compartment"))
            {
                of.insert(compartment, patient);
                if seen.event.name == "Records.CompartmentOpened" {
                    opened.entry(patient).or_default().insert(seen.block.number);
                }
            }
        }
        let mut points: BTreeMap<String, u32> = BTreeMap::new();
        // What points at a compartment, and so at whose it is.
        for (analyst, weight) in [
            (&authors::Authors as &dyn Analyst, 3),
            (&authors::Grantees, 3),
            (&Filed, 3),
        ] {
            for guess in analyst.look(outside).guesses() {
                if let Some(patient) = of.get(guess.about.as_str()) {
                    *points.entry((*patient).to_owned()).or_default() += weight;
                }
            }
        }
        for guess in OptedIn.look(outside).guesses() {
            *points.entry(guess.about.clone()).or_default() += u32::from(guess.says != "none") * 3;
        }
        for guess in Announced.look(outside).guesses() {
            *points.entry(guess.about.clone()).or_default() += 1;
        }
        // Who opens one more compartment later does so for something.
        for (patient, numbers) in opened {
            let spread = numbers
                .last()
                .zip(numbers.first())
                .map_or(0, |(last, first)| last - first);
            *points.entry(patient.to_owned()).or_default() += u32::from(spread > 10);
        }
        for compartment in apart(outside) {
            if let Some(patient) = of.get(compartment) {
                *points.entry((*patient).to_owned()).or_default() += 2;
            }
        }
        let likely = points
            .into_iter()
            .filter(|(patient, points)| *points >= 2 && patients.contains(patient));
        let guesses = likely.map(|(patient, _)| Guess::new(patient, "sensitive"));
        Look::of(guesses.collect(), "nothing points at anybody")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let ids = truth.ids.iter();
        ids.map(|(patient, id)| {
            Fact::new(
                patient,
                if id.condition.is_some() {
                    "sensitive"
                } else {
                    "ordinary"
                },
            )
        })
        .collect()
    }
}

/// Compartments that somebody may use and that never go with another one: what is shared with nobody
/// but its author, unless a study has it.
fn apart(outside: &Outside) -> BTreeSet<&str> {
    let (mut alone, mut together) = (BTreeSet::new(), BTreeSet::new());
    for seen in outside.events("Consent.Granted") {
        let study = seen
            .field("basis")
            .is_some_and(|basis| basis.get("Study").is_some());
        let scope: Vec<&str> = seen.scope().into_iter().collect();
        match (study, scope.as_slice()) {
            (false, [only]) => alone.insert(*only),
            (false, _) => {
                together.extend(scope);
                false
            }
            (true, _) => false,
        };
    }
    alone.difference(&together).copied().collect()
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
    fn a_therapist_who_writes_points_at_a_patient() {
        let mut truth = Truth::default();
        let mut blocks = vec![vec![(
            "Members.ClinicianCredentialed",
            json!({"account": "5therapist", "organisation": 0, "role": "Therapist"}),
        )]];
        for number in 0..40 {
            let sensitive = number % 2 == 0;
            let condition = sensitive.then(|| "psychotherapy".to_owned());
            truth.ids.insert(
                id(number),
                Id {
                    condition,
                    ..Id::default()
                },
            );
            let actor = if sensitive { "5therapist" } else { "5doctor" };
            let fields =
                json!({"patient": id(number), "actor": actor, "compartment": id(1_000 + number)});
            blocks.push(vec![
                ("Patients.Enrolled", json!({"patient": id(number)})),
                ("Records.RecordAnchored", fields),
            ]);
        }
        let outside = chain(blocks);
        let figure = score(&Sensitive.look(&outside), &Sensitive.facts(&truth));
        assert_eq!((figure.hits, figure.of), (20, 20));
        assert!(!figure.is_chance(0.0));
    }
}
