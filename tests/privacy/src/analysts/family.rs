//! Children, their guardians, and insurers.

use std::collections::{BTreeMap, BTreeSet};

use super::{accounts::of_one_account, Analyst};
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

/// By the role of who decides: those of whom nobody has said that they own it, where others have.
pub struct Children;

impl Analyst for Children {
    fn row(&self) -> u8 {
        19
    }

    fn what(&self) -> &'static str {
        "who is a child, by the role of who decides"
    }

    fn look(&self, outside: &Outside) -> Look {
        let controllers = outside.controllers();
        let owned = |of: &BTreeMap<String, String>| of.values().any(|role| role == "Owner");
        let tells = controllers.values().any(owned);
        let guesses = controllers
            .into_iter()
            .filter(|(_, of)| tells && !owned(of));
        let guesses = guesses.map(|(patient, _)| Guess::new(patient, "child"));
        Look::of(guesses.collect(), "everybody decides in the same role")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let ids = truth.ids.iter();
        ids.map(|(patient, id)| {
            Fact::new(
                patient,
                if id.guardian.is_some() {
                    "child"
                } else {
                    "grown-up"
                },
            )
        })
        .collect()
    }
}

/// By an account that decides for a child and for itself.
pub struct Guardians;

impl Analyst for Guardians {
    fn row(&self) -> u8 {
        19
    }

    fn what(&self) -> &'static str {
        "a child and its guardian's own id, by one account"
    }

    fn look(&self, outside: &Outside) -> Look {
        Look::of(
            of_one_account(outside),
            "no account decides for itself and for a child",
        )
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let pairs = truth.pairs(|one, other| {
            one.guardian == Some(other.person) || other.guardian == Some(one.person)
        });
        pairs
            .into_iter()
            .map(|(pair, is)| Fact::new(pair, is))
            .collect()
    }
}

/// By grants for payment, or to an insurer.
pub struct Insurers;

impl Analyst for Insurers {
    fn row(&self) -> u8 {
        19
    }

    fn what(&self) -> &'static str {
        "who is insured where, by grants"
    }

    /// What an insurer may read is granted to an insurer.
    fn is_promised(&self) -> bool {
        false
    }

    fn look(&self, outside: &Outside) -> Look {
        let houses = outside.organisations();
        let mut guesses: BTreeSet<(&str, u32)> = BTreeSet::new();
        for seen in outside.events("Consent.Granted") {
            let organisation = seen.grantee().and_then(|number| u32::try_from(number).ok());
            let (Some(patient), Some(number)) = (seen.text("patient"), organisation) else {
                continue;
            };
            let insurer = houses
                .get(&number)
                .is_some_and(|(kind, _)| kind == "Insurer");
            if insurer || seen.text("purpose") == Some("HPaymt") {
                guesses.insert((patient, number));
            }
        }
        let guesses = guesses.into_iter();
        let guesses = guesses.map(|(patient, number)| Guess::new(patient, number.to_string()));
        Look::of(guesses.collect(), "no grant to an insurer or for payment")
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let ids = truth.ids.iter();
        ids.map(|(patient, id)| {
            let insurer = id
                .insurer
                .map_or("none".into(), |number| number.to_string());
            Fact::new(patient, insurer)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outside::made::{chain, id, row},
        score::score,
        truth::Id,
    };
    use serde_json::json;

    #[test]
    fn roles_accounts_and_purposes_are_noticed() {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..30 {
            let child = number % 5 == 4;
            let account = format!("5account{}", if child { number - 1 } else { number });
            blocks.push(vec![(
                "Patients.Enrolled",
                json!({"patient": id(number), "controller": account}),
            )]);
            if !child {
                let declared = json!({"patient": id(number), "actor": account});
                blocks.push(vec![("Patients.OwnerDeclared", declared)]);
            }
            let mut one = Id {
                person: number,
                guardian: child.then(|| number - 1),
                ..Id::default()
            };
            if number % 3 == 0 {
                one.insurer = Some(3);
                let granted = json!({"patient": id(number), "grantee": {"Organisation": 3}, "purpose": "HPaymt"});
                blocks.push(vec![("Consent.Granted", granted)]);
            }
            truth.ids.insert(id(number), one);
        }
        let mut outside = chain(blocks);
        let insurer = json!({"kind": "Insurer", "name": "0x41"});
        outside
            .state
            .push(row("Members.Organisations", vec![json!(3)], insurer));
        for (analyst, found) in [
            (&Children as &dyn Analyst, 6),
            (&Guardians, 6),
            (&Insurers, 10),
        ] {
            let figure = score(&analyst.look(&outside), &analyst.facts(&truth));
            assert_eq!(
                (figure.hits, figure.of),
                (found, found),
                "{}",
                analyst.what()
            );
            assert!(!figure.is_chance(0.0));
        }
    }
}
