//! What a share of flagged parts hands over besides.

use super::Analyst;
use crate::{
    score::{Fact, Look},
    Outside, Truth,
};

pub struct Shares;

impl Analyst for Shares {
    fn row(&self) -> u8 {
        18
    }

    fn what(&self) -> &'static str {
        "ordinary records that a share of flagged parts shows"
    }

    fn look(&self, outside: &Outside) -> Look {
        let flagged = outside.known.shown.iter().filter(|shown| shown.flagged);
        let shown: Vec<_> = flagged.flat_map(|shown| &shown.records).collect();
        match shown.is_empty() {
            true => Look::Nothing("no share of flagged parts".into()),
            false => Look::Open {
                found: shown.iter().filter(|(_, flags)| flags.is_empty()).count(),
                of: shown.len(),
            },
        }
    }

    fn facts(&self, _: &Truth) -> Vec<Fact> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outside::Shown, score::score};

    #[test]
    fn an_ordinary_record_in_a_share_of_flagged_ones_is_noticed() {
        let mut outside = Outside::default();
        outside.known.shown.push(Shown {
            flagged: true,
            records: vec![(0, vec!["hiv".into()]), (1, Vec::new())],
            ..Shown::default()
        });
        let figure = score(&Shares.look(&outside), &[]);
        assert_eq!((figure.hits, figure.of), (1, 2));
        assert!(!figure.is_chance(0.0));
    }
}
