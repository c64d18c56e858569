//! Lines of a vault's log that name a patient, an account, a file, or a length.

use std::collections::BTreeSet;

use super::Analyst;
use crate::{
    outside::texts,
    score::{Fact, Look},
    Outside, Truth,
};

pub struct Names;

/// A shorter part of a name than this is no name.
const SHORT: usize = 12;

impl Analyst for Names {
    fn row(&self) -> u8 {
        16
    }

    fn what(&self) -> &'static str {
        "lines of a vault's log that name a patient, account, file or length"
    }

    fn look(&self, outside: &Outside) -> Look {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for seen in outside.all_events() {
            if seen.event.fields.get("patient").is_some() {
                // Patient, account, compartment, content: everything long enough to be a name.
                let fields = texts(&seen.event.fields);
                names.extend(fields.into_iter().filter(|text| text.len() > 2 * SHORT));
            }
        }
        if names.is_empty() || outside.logs.values().all(Vec::is_empty) {
            return Look::Nothing("no names, or no log".into());
        }
        let begins: BTreeSet<&str> = names.iter().filter_map(|name| name.get(..SHORT)).collect();
        let all = outside.logs.values().flatten();
        let tells = |line: &&String| {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric());
            let mut words = words.filter(|word| word.len() >= SHORT);
            words.any(|word| begins.contains(&word[..SHORT])) || line.contains("bytes=")
        };
        Look::Open {
            found: all.clone().filter(tells).count(),
            of: all.count(),
        }
    }

    fn facts(&self, _: &Truth) -> Vec<Fact> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{outside::made::chain, score::score};
    use serde_json::json;

    #[test]
    fn a_line_that_names_is_noticed_also_by_its_beginning() {
        let event = json!({"patient": "4fd27a3b91cc0e5d4fd27a3b91cc0e5d"});
        let mut outside = chain(vec![vec![("Patients.Enrolled", event)]]);
        let lines = [
            "INFO it listens",
            "INFO stored for 4fd27a3b91cc0e5d4fd27a3b91cc0e5d",
            "INFO stored for 4fd27a3b91cc…",
            "INFO stored bytes=17",
        ];
        outside.logs.insert(0, lines.map(str::to_owned).to_vec());
        let figure = score(&Names.look(&outside), &[]);
        assert_eq!((figure.hits, figure.of), (3, 4));
        assert!(!figure.is_chance(0.0));
    }
}
