//! Analysts: each looks at one thing that may tell something, with the best attack that is known, and
//! guesses. It depends on names only; where what would tell is not there, it says so. Its test hands it
//! something made by hand that leaks, so that "nothing to see" is never the analyst's own fault.

mod accounts;
mod addresses;
mod authors;
mod family;
mod flags;
mod helpers;
mod hidden;
mod holders;
mod intake;
mod logs;
mod order;
mod overall;
mod own_reads;
mod plans;
mod ports;
mod restrictions;
mod sizes;
mod staff;
mod stanzas;
mod studies;
mod visits;

use crate::{
    score::{score, Fact, Figure, Look},
    Outside, Truth,
};

/// Rows whose leak is closed: a figure above chance fails the test.
pub const CLOSED: &[u8] = &[1, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20];

pub trait Analyst: Sync {
    /// Its row in the table of `docs/050-privacy.md`; 0 is what all of them make together.
    fn row(&self) -> u8;
    fn what(&self) -> &'static str;
    fn look(&self, outside: &Outside) -> Look;
    /// What its guesses are compared with.
    fn facts(&self, truth: &Truth) -> Vec<Fact>;

    /// Whether it is promised that this tells nothing, once its row is closed. What cannot be hidden,
    /// and is said, is a figure only.
    fn is_promised(&self) -> bool {
        true
    }

    /// Which share of things may lie open all the same, where there is no chance.
    fn allows(&self) -> f64 {
        0.0
    }
}

pub fn all() -> Vec<&'static dyn Analyst> {
    vec![
        &overall::Sensitive,
        &order::Order(order::Secret::Category),
        &order::Order(order::Secret::Flag),
        &authors::Authors,
        &authors::Grantees,
        &hidden::Rows,
        &hidden::Numbers,
        &intake::Filed,
        &accounts::Same,
        &accounts::Together,
        &helpers::SameHelpers,
        &helpers::SameTerms,
        &addresses::Asked,
        &addresses::Sent,
        &addresses::Linked,
        &plans::Plans,
        &plans::Moments,
        &plans::Packages,
        &restrictions::Announced,
        &restrictions::Ended,
        &studies::OptedIn,
        &studies::Fresh,
        &own_reads::Sources,
        &own_reads::Reads,
        &visits::Visits::AtOnce,
        &visits::Visits::Hourly,
        &sizes::Unique,
        &sizes::Kinds,
        &sizes::Manifests,
        &sizes::Envelopes,
        &stanzas::Stanzas,
        &stanzas::Bodies,
        &ports::Ports,
        &logs::Names,
        &holders::Insurers,
        &flags::Shares,
        &family::Children,
        &family::Guardians,
        &family::Insurers,
        &staff::Accounts,
    ]
}

/// What each of them finds.
pub fn figures(outside: &Outside, truth: &Truth) -> Vec<(&'static dyn Analyst, Figure)> {
    let figure = |analyst: &'static dyn Analyst| {
        let facts = analyst.facts(truth);
        (analyst, score(&analyst.look(outside), &facts))
    };
    all().into_iter().map(figure).collect()
}

/// What is closed and tells more than chance, in words.
pub fn reopened(figures: &[(&'static dyn Analyst, Figure)]) -> Vec<String> {
    let open = figures.iter().filter(|(analyst, figure)| {
        CLOSED.contains(&analyst.row())
            && analyst.is_promised()
            && !figure.is_chance(analyst.allows())
    });
    open.map(|(analyst, figure)| format!("row {}, {}: {figure:?}", analyst.row(), analyst.what()))
        .collect()
}
