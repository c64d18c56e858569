//! What an outsider has. Values are JSON by the names that the chain's metadata gives them, so that a
//! field that is renamed or gone is not there, and breaks nothing.

pub mod chain;
pub mod disk;
pub mod line;
pub mod ports;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outside {
    /// All blocks, from everybody's node.
    pub blocks: Vec<Block>,
    /// The state after the last of them.
    pub state: Vec<Row>,
    /// To whoever has a vault's disk.
    pub disks: Vec<Disk>,
    /// To whoever has a vault's log, by organisation.
    pub logs: BTreeMap<u32, Vec<String>>,
    /// To whoever reaches a vault: before and after something that may have been an upload.
    pub probes: Vec<Probe>,
    /// To a node's operator.
    pub questions: Vec<Question>,
    pub known: Known,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Block {
    pub number: u32,
    /// The chain's clock in it.
    pub moment: u64,
    pub extrinsics: Vec<Extrinsic>,
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Extrinsic {
    pub signer: Option<String>,
    /// Such as `Consent.grant`.
    pub call: String,
    pub args: Value,
    pub succeeded: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Event {
    /// The extrinsic that caused it, by its place.
    pub by: Option<usize>,
    /// Such as `Consent.Granted`.
    pub name: String,
    pub fields: Value,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// Such as `Consent.Grants`.
    pub item: String,
    pub key: Vec<Value>,
    pub value: Value,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Disk {
    pub organisation: u32,
    pub files: Vec<File>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct File {
    pub path: String,
    pub bytes: u64,
    /// Of an age file: its lines before the body.
    pub header: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Probe {
    /// By address and path.
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
}

/// What somebody asked a node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Question {
    /// Whoever it is has one address.
    pub address: u16,
    /// Milliseconds since the node listens.
    pub at: u64,
    pub method: String,
    pub params: String,
}

/// What people know without the chain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Known {
    /// When an acquaintance, by number, was seen by a clinician.
    pub visits: BTreeMap<usize, Vec<u64>>,
    /// Lengths of files that were seen elsewhere.
    pub files: Vec<u64>,
    /// What a study is about: its terms are public.
    pub topics: BTreeMap<u32, String>,
    /// What software showed to grantees.
    pub shown: Vec<Shown>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shown {
    pub patient: String,
    pub grant: u32,
    pub flagged: bool,
    /// Numbers of records, each with its flags.
    pub records: Vec<(u32, Vec<String>)>,
}

/// An event and its block.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub block: &'a Block,
    pub event: &'a Event,
}

impl Outside {
    /// All events of this name, in order.
    pub fn events<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Seen<'a>> {
        self.all_events()
            .filter(move |seen| seen.event.name == name)
    }

    pub fn all_events(&self) -> impl Iterator<Item = Seen<'_>> {
        self.blocks.iter().flat_map(|block| {
            let events = block.events.iter();
            events.map(move |event| Seen { block, event })
        })
    }

    pub fn rows<'a>(&'a self, item: &'a str) -> impl Iterator<Item = &'a Row> {
        self.state.iter().filter(move |row| row.item == item)
    }

    /// All ids that were ever enrolled.
    pub fn patients(&self) -> BTreeSet<String> {
        let enrolled = self.events("Patients.Enrolled");
        enrolled
            .filter_map(|seen| seen.text("patient").map(str::to_owned))
            .collect()
    }

    /// All compartments that were ever named.
    pub fn compartments(&self) -> BTreeSet<String> {
        let named = self
            .all_events()
            .filter_map(|seen| seen.text("compartment"));
        let rows = self.rows("Records.Compartments");
        let kept = rows.filter_map(|row| row.key.get(1)?.as_str());
        let granted = self.events("Consent.Granted").flat_map(|seen| seen.scope());
        named
            .chain(kept)
            .chain(granted)
            .map(str::to_owned)
            .collect()
    }

    /// The kinds and names of organisations.
    pub fn organisations(&self) -> BTreeMap<u32, (String, String)> {
        let rows = self.rows("Members.Organisations").filter_map(|row| {
            let number = u32::try_from(row.key.first()?.as_u64()?).ok()?;
            let kind = row.value.get("kind")?.as_str()?.to_owned();
            Some((number, (kind, readable(row.value.get("name")?))))
        });
        rows.collect()
    }

    /// The roles and organisations of clinicians, by account.
    pub fn clinicians(&self) -> BTreeMap<String, (String, u32)> {
        let seen = self
            .events("Members.ClinicianCredentialed")
            .filter_map(|seen| {
                let organisation = u32::try_from(seen.number("organisation")?).ok()?;
                Some((
                    seen.text("account")?.to_owned(),
                    (seen.text("role")?.to_owned(), organisation),
                ))
            });
        seen.collect()
    }

    /// Which accounts have ever decided for which ids, with their role.
    pub fn controllers(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut note = |patient: Option<&str>, account: Option<&str>, role: Option<&str>| {
            if let (Some(patient), Some(account)) = (patient, account) {
                let of = all.entry(patient.into()).or_default();
                of.insert(account.into(), role.unwrap_or("Decider").into());
            }
        };
        for seen in self.events("Patients.Enrolled") {
            note(seen.text("patient"), seen.text("controller"), None);
        }
        for seen in self.events("Patients.OwnerDeclared") {
            note(seen.text("patient"), seen.text("actor"), Some("Owner"));
        }
        for seen in self.events("Patients.ControllerAdded") {
            note(
                seen.text("patient"),
                seen.text("account"),
                seen.text("role"),
            );
        }
        for name in ["Patients.HandedOver", "Recovery.RecoveryFinished"] {
            for seen in self.events(name) {
                note(seen.text("patient"), seen.text("owner"), Some("Owner"));
            }
        }
        all
    }
}

impl<'a> Seen<'a> {
    /// A field that is text.
    pub fn text(&self, field: &str) -> Option<&'a str> {
        self.event.fields.get(field)?.as_str()
    }

    pub fn number(&self, field: &str) -> Option<u64> {
        self.event.fields.get(field)?.as_u64()
    }

    pub fn field(&self, field: &str) -> Option<&'a Value> {
        self.event.fields.get(field)
    }

    /// The compartments that a grant names: 16 bytes in hexadecimal each.
    pub fn scope(&self) -> BTreeSet<&'a str> {
        let scope = self.field("scope").map(texts).unwrap_or_default();
        scope.into_iter().filter(|text| text.len() == 32).collect()
    }

    /// The organisation that a grant names, for all of it or for one of its people.
    pub fn grantee(&self) -> Option<u64> {
        let grantee = self.field("grantee")?;
        let person = || grantee.get("Clinician")?.get("organisation");
        grantee.get("Organisation").or_else(person)?.as_u64()
    }

    /// Who signed what caused it.
    pub fn signer(&self) -> Option<&'a str> {
        self.block.extrinsics.get(self.event.by?)?.signer.as_deref()
    }
}

/// Bytes that are text.
fn readable(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let bytes = text
        .strip_prefix("0x")
        .and_then(|text| hex::decode(text).ok());
    bytes.map_or_else(
        || text.into(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

/// Every text in a value, however deep.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Every list in a value whose items are all texts of this kind, and at least two.
pub fn lists<'a>(value: &'a Value, fits: &impl Fn(&str) -> bool) -> Vec<Vec<&'a str>> {
    let inner: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => return Vec::new(),
    };
    let own: Option<Vec<&str>> = inner
        .iter()
        .map(|value| value.as_str().filter(|text| fits(text)))
        .collect();
    match own.filter(|list| list.len() > 1 && value.is_array()) {
        Some(list) => vec![list],
        None => inner
            .into_iter()
            .flat_map(|value| lists(value, fits))
            .collect(),
    }
}

/// Parts of an outsider's view that were made by hand.
#[cfg(test)]
pub mod made {
    use serde_json::Value;

    use super::{Block, Event, Extrinsic, Outside, Row};

    /// One block after the other, a second apart, each with these events, each event signed by its `actor`.
    pub fn chain(blocks: Vec<Vec<(&str, Value)>>) -> Outside {
        let mut outside = Outside::default();
        for (number, events) in blocks.into_iter().enumerate() {
            let mut block = Block {
                number: number as u32,
                moment: 1_000 * number as u64,
                ..Block::default()
            };
            for (place, (name, fields)) in events.into_iter().enumerate() {
                block.extrinsics.push(Extrinsic {
                    signer: fields["actor"].as_str().map(str::to_owned),
                    call: String::new(),
                    args: Value::Null,
                    succeeded: true,
                });
                block.events.push(Event {
                    by: Some(place),
                    name: name.into(),
                    fields,
                });
            }
            outside.blocks.push(block);
        }
        outside
    }

    pub fn row(item: &str, key: Vec<Value>, value: Value) -> Row {
        Row {
            item: item.into(),
            key,
            value,
        }
    }

    /// An id of this number, which looks random.
    pub fn id(number: usize) -> String {
        let id = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        format!("{:032x}", id ^ (id >> 64) ^ 0x5bd1_e995)
    }
}
