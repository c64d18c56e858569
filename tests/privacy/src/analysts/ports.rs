//! Whether a file was uploaded meanwhile, by what vaults answer without credentials.

use std::collections::BTreeSet;

use super::Analyst;
use crate::{
    outside::Probe,
    score::{Fact, Guess, Look},
    Outside, Truth,
};

pub struct Ports;

/// What differs between the two answers, number by number or word by word.
fn changes(probe: &Probe) -> BTreeSet<(&str, usize)> {
    let mut changed = BTreeSet::new();
    let words = |text: &str| -> Vec<String> {
        let cut = text.split(|c: char| c.is_whitespace() || ",{}".contains(c));
        cut.map(str::to_owned).collect()
    };
    for (path, before) in &probe.before {
        let after = probe
            .after
            .get(path)
            .map(String::as_str)
            .unwrap_or_default();
        let (before, after) = (words(before), words(after));
        for place in 0..before.len().max(after.len()) {
            if before.get(place) != after.get(place) {
                changed.insert((path.as_str(), place));
            }
        }
    }
    changed
}

impl Analyst for Ports {
    fn row(&self) -> u8 {
        15
    }

    fn what(&self) -> &'static str {
        "whether a file was uploaded meanwhile, by a vault's answers without credentials"
    }

    fn look(&self, outside: &Outside) -> Look {
        if outside.probes.iter().all(|probe| probe.before.is_empty()) {
            return Look::Nothing("no vault answered".into());
        }
        let all: Vec<BTreeSet<_>> = outside.probes.iter().map(changes).collect();
        // A clock or a counter of requests changes each time.
        let always = all
            .iter()
            .skip(1)
            .fold(all.first().cloned().unwrap_or_default(), |one, other| {
                one.intersection(other).copied().collect()
            });
        let guesses = all.iter().enumerate().map(|(place, changed)| {
            let told = changed.iter().any(|change| !always.contains(change));
            Guess::new(
                format!("probe {place}"),
                if told { "upload" } else { "quiet" },
            )
        });
        Look::Guesses(guesses.collect())
    }

    fn facts(&self, truth: &Truth) -> Vec<Fact> {
        let probes = truth.uploads.iter().enumerate();
        probes
            .map(|(place, upload)| {
                Fact::new(
                    format!("probe {place}"),
                    if *upload { "upload" } else { "quiet" },
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::score;

    #[test]
    fn a_counter_is_noticed_and_a_clock_is_not() {
        for counts in [true, false] {
            let mut truth = Truth::default();
            let mut outside = Outside::default();
            for place in 0..16u32 {
                let upload = place % 3 == 0;
                truth.uploads.push(upload);
                let answer = |time: u32, uploads: u32| {
                    let uploads = if counts { uploads } else { 0 };
                    [(
                        "/metrics".to_owned(),
                        format!("200 clock {time} uploads {uploads}"),
                    )]
                    .into()
                };
                outside.probes.push(Probe {
                    before: answer(10 * place, place),
                    after: answer(10 * place + 5, place + u32::from(upload)),
                });
            }
            let figure = score(&Ports.look(&outside), &Ports.facts(&truth));
            assert_eq!(figure.of, 16);
            assert_eq!(figure.is_chance(0.0), !counts, "{figure:?}");
        }
    }
}
