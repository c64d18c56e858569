//! The figures, for people.

use std::fmt::Write;

use crate::{
    analysts::{Analyst, CLOSED},
    score::Figure,
};

pub fn markdown(figures: &[(&dyn Analyst, Figure)]) -> String {
    let mut text = String::from(
        "| row | what was guessed | hits | precision | chance | p | |\n|---|---|---|---|---|---|---|\n",
    );
    for (analyst, figure) in figures {
        let (row, what) = (analyst.row(), analyst.what());
        let state = match (
            CLOSED.contains(&row) && analyst.is_promised(),
            analyst.is_promised(),
        ) {
            (true, _) => "closed",
            (false, true) => "open",
            (false, false) => "shows",
        };
        let cells = match (&figure.nothing, figure.chance, figure.p) {
            (Some(why), _, _) => format!("0 | nothing to see: {why} | | "),
            (_, Some((mean, deviation)), Some(p)) => format!(
                "{} of {} | {} | {} ± {:.0} | {}",
                figure.hits,
                figure.of,
                percent(figure.hits as f64, figure.of),
                percent(mean, figure.of),
                100.0 * deviation / (figure.of.max(1) as f64),
                probability(p),
            ),
            _ => format!(
                "{} of {} | {} | none | ",
                figure.hits,
                figure.of,
                percent(figure.hits as f64, figure.of)
            ),
        };
        let _ = writeln!(text, "| {row} | {what} | {cells} | {state} |");
    }
    text
}

fn percent(part: f64, of: usize) -> String {
    match of {
        0 => "-".into(),
        of => format!("{:.0} %", 100.0 * part / of as f64),
    }
}

fn probability(p: f64) -> String {
    match p < 0.001 {
        true => "< 0.001".into(),
        false => format!("{p:.3}"),
    }
}
