//! Staff who are patients under the account that they work with.

use super::Analyst;
use crate::{
    score::{Fact, Guess, Look},
    Outside, Truth,
};

pub struct Accounts;

impl Analyst for Accounts {
    fn row(&self) -> u8 {
        20
    }

    fn what(&self) -> &'static str {
        "which clinician a patient is, by the account"
    }

    fn look(&self, outside: &Outside) -> Look {
        let clinicians = outside.clinicians();
        let mut guesses = Vec::new();
        for (patient, accounts) in outside.controllers() {
            let works = accounts
                .into_keys()
                .find(|account| clinicians.contains_key(account));
            guesses.extend(works.map(|account| Guess::new(patient, account)));
        }
        Look::of(
            guesses,
            "no account that acts for a patient was ever a clinician's",
        )
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let ids = truth.ids.iter();
        ids.map(|(patient, id)| Fact::new(patient, id.staff.as_deref().unwrap_or("none")))
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
    fn a_clinician_s_account_is_noticed() {
        let mut truth = Truth::default();
        let mut blocks = Vec::new();
        for number in 0..30 {
            let account = format!("5account{number}");
            let mut one = Id::default();
            if number % 6 == 0 {
                one.staff = Some(account.clone());
                blocks.push(vec![(
                    "Members.ClinicianCredentialed",
                    json!({"account": account, "organisation": 0, "role": "Nurse"}),
                )]);
            }
            blocks.push(vec![(
                "Patients.Enrolled",
                json!({"patient": id(number), "controller": account}),
            )]);
            truth.ids.insert(id(number), one);
        }
        let outside = chain(blocks);
        let figure = score(&Accounts.look(&outside), &Accounts.facts(&truth));
        assert_eq!((figure.hits, figure.of), (5, 5));
        assert!(!figure.is_chance(0.0));
    }
}
