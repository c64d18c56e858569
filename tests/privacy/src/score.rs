//! How good guesses are, beside the same guesses about shuffled patients.
//!
//! A guess says something about a subject, and a fact says what is so. Chance is what the same guesses
//! hit when the facts are dealt anew among the subjects, [`SHUFFLES`] times: it respects the base rate,
//! and a guess that is always the same hits no more than that. `p` is how often a shuffle hit as much.

use rand::{rngs::StdRng, seq::SliceRandom, SeedableRng};

/// How often facts are dealt anew.
pub const SHUFFLES: usize = 20_000;
/// A leak is closed if chance alone hits as much more often than this. There are about thirty
/// figures, so that one run in fifty would fail for nothing at 0.0007.
pub const SIGNIFICANT: f64 = 0.000_5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    pub about: String,
    pub says: String,
}

impl Guess {
    pub fn new(about: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            says: says.into(),
        }
    }
}

/// What is so; one of several where there are bars between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub about: String,
    pub is: String,
}

impl Fact {
    pub fn new(about: impl Into<String>, is: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            is: is.into(),
        }
    }
}

/// What an analyst found.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    Guesses(Vec<Guess>),
    /// Things that lie open, of how many; there is no chance of it.
    Open {
        found: usize,
        of: usize,
    },
    /// What would tell is not there.
    Nothing(String),
}

impl Look {
    /// Guesses; or, where there are none, why.
    pub fn of(guesses: Vec<Guess>, otherwise: &str) -> Self {
        match guesses.is_empty() {
            true => Self::Nothing(otherwise.into()),
            false => Self::Guesses(guesses),
        }
    }

    pub fn guesses(&self) -> &[Guess] {
        match self {
            Self::Guesses(guesses) => guesses,
            _ => &[],
        }
    }
}

/// A figure of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub hits: usize,
    pub of: usize,
    /// What chance hits of them on average, and its standard deviation; none where there is no chance.
    pub chance: Option<(f64, f64)>,
    pub p: Option<f64>,
    /// Why there is nothing to see.
    pub nothing: Option<String>,
    /// There are guesses, and none is about anything that the truth knows: the population lacks it, or
    /// the analyst names it wrongly.
    pub unanswered: bool,
}

impl Figure {
    /// Whether it tells no more than chance; or, where there is no chance, at most this share.
    pub fn is_chance(&self, allowed: f64) -> bool {
        match self.p {
            _ if self.unanswered => false,
            Some(p) => p > SIGNIFICANT,
            None => self.hits as f64 <= allowed * self.of as f64,
        }
    }
}

pub fn score(look: &Look, facts: &[Fact]) -> Figure {
    let guesses = match look {
        Look::Nothing(why) => return nothing(why),
        Look::Open { found, of } => {
            return Figure {
                hits: *found,
                of: *of,
                chance: None,
                p: None,
                nothing: None,
                unanswered: false,
            }
        }
        Look::Guesses(guesses) => guesses,
    };
    let places: std::collections::HashMap<&str, usize> = facts
        .iter()
        .enumerate()
        .map(|(place, fact)| (fact.about.as_str(), place))
        .collect();
    // Facts and guesses as numbers: shuffling is what takes the time.
    let mut words: Vec<&str> = facts.iter().map(|fact| fact.is.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    let mut dealt: Vec<usize> = facts
        .iter()
        .map(|fact| {
            words
                .binary_search(&fact.is.as_str())
                .expect("it is among them")
        })
        .collect();
    let known: Vec<(usize, Vec<bool>)> = guesses
        .iter()
        .filter_map(|guess| {
            let fits = |word: &&str| word.split('|').any(|word| word == guess.says);
            let place = places.get(guess.about.as_str())?;
            Some((*place, words.iter().map(fits).collect()))
        })
        .collect();
    if known.is_empty() {
        return Figure {
            unanswered: !guesses.is_empty(),
            ..nothing("nothing that was guessed has an answer")
        };
    }
    let hits = known
        .iter()
        .filter(|(place, fits)| fits[dealt[*place]])
        .count();
    // Only the subjects of guesses are dealt anew, from all facts.
    let mut subjects: Vec<usize> = known.iter().map(|(place, _)| *place).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let known: Vec<(usize, Vec<bool>)> = known
        .into_iter()
        .map(|(place, fits)| (subjects.binary_search(&place).unwrap_or_default(), fits))
        .collect();
    let mut random = StdRng::seed_from_u64(1);
    let (mut sum, mut squares, mut as_many) = (0.0, 0.0, 0usize);
    for _ in 0..SHUFFLES {
        let (drawn, _) = dealt.partial_shuffle(&mut random, subjects.len());
        let found = known
            .iter()
            .filter(|(place, fits)| fits[drawn[*place]])
            .count();
        as_many += usize::from(found >= hits);
        sum += found as f64;
        squares += (found * found) as f64;
    }
    let mean = sum / SHUFFLES as f64;
    let variance = (squares / SHUFFLES as f64 - mean * mean).max(0.0);
    Figure {
        hits,
        of: known.len(),
        chance: Some((mean, variance.sqrt())),
        p: Some((as_many + 1) as f64 / (SHUFFLES + 1) as f64),
        nothing: None,
        unanswered: false,
    }
}

fn nothing(why: &str) -> Figure {
    Figure {
        hits: 0,
        of: 0,
        chance: None,
        p: None,
        nothing: Some(why.into()),
        unanswered: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(count: usize) -> Vec<Fact> {
        (0..count)
            .map(|number| Fact::new(number.to_string(), if number % 2 == 0 { "a" } else { "b" }))
            .collect()
    }

    #[test]
    fn who_knows_is_told_from_chance() {
        let facts = facts(30);
        let guesses = facts.iter().map(|fact| Guess::new(&fact.about, &fact.is));
        let figure = score(&Look::Guesses(guesses.collect()), &facts);
        assert_eq!((figure.hits, figure.of), (30, 30));
        assert!(!figure.is_chance(0.0), "{figure:?}");
    }

    #[test]
    fn who_always_says_the_same_knows_nothing() {
        let facts = facts(30);
        let guesses = facts.iter().map(|fact| Guess::new(&fact.about, "a"));
        let figure = score(&Look::Guesses(guesses.collect()), &facts);
        assert_eq!(figure.chance, Some((15.0, 0.0)));
        assert!(figure.is_chance(0.0), "{figure:?}");
    }

    #[test]
    fn what_lies_open_is_compared_with_what_is_allowed() {
        let figure = score(&Look::Open { found: 1, of: 50 }, &[]);
        assert!(!figure.is_chance(0.0) && figure.is_chance(0.03));
    }

    #[test]
    fn guesses_about_what_nobody_knows_are_no_proof_of_silence() {
        let guesses = vec![Guess::new("unheard of", "a")];
        let figure = score(&Look::Guesses(guesses), &facts(30));
        assert!(figure.unanswered && !figure.is_chance(0.0), "{figure:?}");
    }

    #[test]
    fn one_of_several_answers_is_a_hit() {
        let facts = [Fact::new("x", "one|two"), Fact::new("y", "three")];
        let figure = score(&Look::Guesses(vec![Guess::new("x", "two")]), &facts);
        assert_eq!((figure.hits, figure.of), (1, 1));
    }
}
