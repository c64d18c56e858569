//! The truth about a population. Analysts never see it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Everything that was made, by patient id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Truth {
    pub seed: u64,
    pub ids: BTreeMap<String, Id>,
    /// Which ids are used from an address, by its number.
    pub addresses: BTreeMap<u16, BTreeSet<String>>,
    /// Whether there was an upload in each probe of the vaults' ports.
    pub uploads: Vec<bool>,
    /// Lengths of files that somebody knows, with `patient/record`, in the order of [`crate::outside::Known`].
    pub files: Vec<String>,
}

/// One patient id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Id {
    /// Ids of the same person have the same number.
    pub person: usize,
    /// Who acts for this child.
    pub guardian: Option<usize>,
    /// The organisation that enrolled it.
    pub house: u32,
    /// Such as `hiv`.
    pub condition: Option<String>,
    /// Such as `lab +hiv`, by compartment.
    pub labels: BTreeMap<String, String>,
    pub records: BTreeMap<u32, Record>,
    pub grants: BTreeMap<u32, Grant>,
    pub plan: Plan,
    /// Whether the patient has restricted, lifted or not.
    pub restricted: bool,
    pub study: Option<Study>,
    /// Keys that open the keyring.
    pub holders: u32,
    /// The insurer's organisation.
    pub insurer: Option<u32>,
    /// The account that this person works with.
    pub staff: Option<String>,
    /// The chain's clock when a clinician met the patient.
    pub visits: Vec<u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// Where it lay first, and lies now.
    pub compartment: String,
    pub kind: String,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Grant {
    pub labels: BTreeSet<String>,
    /// Whether flags were named.
    pub flagged: bool,
    pub reads: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    #[default]
    NeverSet,
    OptedOut,
    Set,
}

impl Plan {
    pub fn word(self) -> &'static str {
        match self {
            Self::NeverSet => "never set",
            Self::OptedOut => "opted out",
            Self::Set => "set",
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Study {
    pub study: u32,
    pub source: u32,
    /// The id that is for the study alone, and the copy's number there.
    pub fresh: String,
    pub copy: u32,
}

impl Truth {
    /// The flag of a compartment, or `none`.
    pub fn flag(label: &str) -> &str {
        label.split_once('+').map_or("none", |(_, flag)| flag)
    }

    /// Every two ids once, with the word for whether `same` holds.
    pub fn pairs(&self, same: impl Fn(&Id, &Id) -> bool) -> Vec<(String, &'static str)> {
        let ids: Vec<_> = self.ids.iter().collect();
        let mut pairs = Vec::new();
        for (place, (first, one)) in ids.iter().enumerate() {
            for (second, other) in &ids[place + 1..] {
                let word = if same(one, other) {
                    "same"
                } else {
                    "different"
                };
                pairs.push((pair(first, second), word));
            }
        }
        pairs
    }
}

/// Two things, whichever is named first.
pub fn pair(one: &str, other: &str) -> String {
    match one <= other {
        true => format!("{one} {other}"),
        false => format!("{other} {one}"),
    }
}
