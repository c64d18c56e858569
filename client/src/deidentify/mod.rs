//! De-identification: what may leave a chart for research.
//!
//! Safe Harbor ([45 CFR 164.514(b)(2)](https://www.ecfr.gov/current/title-45/section-164.514)) names 18
//! identifiers that must go. A list of what to remove would forget something, so this is a list of what
//! may remain, in [`tables`]: codes of public systems, measured values with their units, words of FHIR's
//! own, flags, years, states and the first three digits of a ZIP code. All that is free text, a name, a
//! number of a person or thing, a reference, an address on the net, an attachment or an element that is
//! not known here is removed.
//!
//! ```
//! let observation = br#"{"resourceType": "Observation", "subject": {"display": "Ms Doe"},
//!                        "effectiveDateTime": "2026-03-01"}"#;
//! let result = salus_client::deidentify::deidentify(observation, 2026, None)?;
//! assert_eq!(result.document["effectiveDateTime"], "2026");
//! assert_eq!(result.changes.len(), 2);
//! # Ok::<(), salus_client::Error>(())
//! ```

mod tables;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};
use tables::{Kind, AGED, AGES, RESOURCES, SMALL_AREAS, STATES, UCUM, WORDS};

/// Who is older counts as 90.
const OLDEST: i64 = 89;
/// No measurement has more of them; numbers of people and things have.
const SIGNIFICANT: u32 = 6;
/// Shorter pieces of names and numbers are not looked for elsewhere.
const TELLING: usize = 4;

const RACE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
const ETHNICITY: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity";
const BIRTH_SEX: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex";

/// What became of one place of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Such as `entry[3].resource.subject`.
    pub path: String,
    /// What stands there now; nothing where it was removed.
    pub to: Option<String>,
}

/// A document without what says who it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Deidentified {
    pub document: Value,
    /// Each place that is not as it was.
    pub changes: Vec<Change>,
}

impl Deidentified {
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(&self.document)
            .map_err(|error| Error::invalid("de-identified document", error))?;
        json.push(b'\n');
        Ok(json)
    }
}

/// De-identifies a FHIR resource or bundle in JSON. `year` is the present one: by it, years are
/// recognised that only somebody over 89 has seen, and ages that have become more than 89 since.
/// `dated` is the year that is told beside the document, if one is.
///
/// The same document gives the same result. Errors if it is no FHIR, or if nothing is left of it.
pub fn deidentify(json: &[u8], year: u16, dated: Option<u16>) -> Result<Deidentified> {
    let refuse = |why: &str| {
        Error::Unfit(format!(
            "this cannot be de-identified, because {why}: choose a record that is FHIR in JSON, such as a laboratory result"
        ))
    };
    let document: Value = serde_json::from_slice(json).map_err(|_| refuse("it is no JSON"))?;
    let resource = document.as_object();
    let Some(name) = resource.and_then(|resource| resource.get("resourceType")?.as_str()) else {
        return Err(refuse("it is no FHIR resource"));
    };
    let Some(resource) = resource.filter(|_| name == "Bundle" || RESOURCES.contains(&name)) else {
        return Err(refuse(
            "a resource of this kind is not about a patient's health alone",
        ));
    };
    let mut work = Work {
        year: year.into(),
        earliest: dated.map(i64::from),
        telling: BTreeSet::new(),
        changes: Vec::new(),
    };
    work.learn("", &document);
    let all = |work: &mut Work| match name {
        "Bundle" => work.bundle(resource),
        _ => work.resource("", resource),
    };
    // What becomes of an age depends on years that stand behind it, so all are found first.
    all(&mut work);
    work.changes.clear();
    let kept = all(&mut work).ok_or_else(|| refuse("nothing would be left of it"))?;
    Ok(Deidentified {
        document: kept,
        changes: work.changes,
    })
}

struct Work {
    year: i64,
    /// The earliest year that remains, wherever it stands: in a bundle, nothing says any more which
    /// entries belong together.
    earliest: Option<i64>,
    /// Pieces of the names, numbers and addresses that the document itself calls so.
    telling: BTreeSet<String>,
    changes: Vec<Change>,
}

/// Runs of letters and digits, in lower case.
fn pieces(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|piece| piece.chars().count() >= TELLING)
        .map(str::to_lowercase)
}

fn below(path: &str, key: &str) -> String {
    match path.is_empty() {
        true => key.to_owned(),
        false => format!("{path}.{key}"),
    }
}

/// An object's members in the order of their names, whatever the order they came in.
fn sorted(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    members
}

impl Work {
    fn remove<T>(&mut self, path: &str) -> Option<T> {
        self.changes.push(Change {
            path: path.to_owned(),
            to: None,
        });
        None
    }

    fn generalise(&mut self, path: &str, to: impl ToString) {
        self.changes.push(Change {
            path: path.to_owned(),
            to: Some(to.to_string()),
        });
    }

    /// Remembers what the document says of who it is about, to find it again where it has no place.
    fn learn(&mut self, parent: &str, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(parent, item)),
            Value::Object(object) => {
                for (key, value) in object {
                    let telling = match key.as_str() {
                        "family" | "given" | "line" | "city" | "district" | "postalCode" => true,
                        "value" => ["identifier", "telecom"].contains(&parent),
                        "text" => ["name", "address"].contains(&parent),
                        "display" => object.contains_key("reference"),
                        _ => false,
                    };
                    match telling {
                        true => self.learn_text(value),
                        false => self.learn(key, value),
                    }
                }
            }
            _ => {}
        }
    }

    fn learn_text(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.telling.extend(pieces(text)),
            Value::Array(items) => items.iter().for_each(|item| self.learn_text(item)),
            _ => {}
        }
    }

    fn tells(&self, text: &str) -> bool {
        pieces(text).any(|piece| self.telling.contains(&piece))
    }

    fn bundle(&mut self, bundle: &Map<String, Value>) -> Option<Value> {
        let mut kept = Map::new();
        for (key, value) in sorted(bundle) {
            match (key.as_str(), value) {
                ("resourceType", _) => {}
                ("type", value) => {
                    let word = self.keep(Kind::Coded, "type", value, false);
                    kept.extend(word.map(|word| ("type".into(), word)));
                }
                ("entry", Value::Array(entries)) => {
                    let entries: Vec<Value> = entries
                        .iter()
                        .enumerate()
                        .filter_map(|(place, entry)| self.entry(&format!("entry[{place}]"), entry))
                        .collect();
                    if !entries.is_empty() {
                        kept.insert("entry".into(), entries.into());
                    }
                }
                (other, _) => {
                    self.remove::<()>(other);
                }
            }
        }
        kept.contains_key("entry").then(|| {
            kept.insert("resourceType".into(), "Bundle".into());
            kept.into()
        })
    }

    fn entry(&mut self, path: &str, entry: &Value) -> Option<Value> {
        let Some(resource) = entry.get("resource").and_then(Value::as_object) else {
            return self.remove(path);
        };
        for (key, _) in sorted(entry.as_object()?) {
            if key != "resource" {
                self.remove::<()>(&below(path, key));
            }
        }
        let kept = self.resource(&below(path, "resource"), resource)?;
        Some(Map::from_iter([("resource".to_owned(), kept)]).into())
    }

    /// A resource, if it is of a kind that may remain and more than its kind is left.
    fn resource(&mut self, path: &str, resource: &Map<String, Value>) -> Option<Value> {
        let name = resource.get("resourceType").and_then(Value::as_str);
        let Some(name) = name.and_then(|name| RESOURCES.iter().find(|known| **known == name))
        else {
            return self.remove(path);
        };
        let patient = *name == "Patient";
        let mut rest = resource.clone();
        rest.remove("resourceType");
        let mut special = Map::new();
        for (key, value) in sorted(resource) {
            let path = below(path, key);
            let kept = match key.as_str() {
                "meta" => self.meta(&path, value),
                "contained" => self.each(&path, value, |work, path, item| match item {
                    Value::Object(contained) => work.resource(path, contained),
                    _ => work.remove(path),
                }),
                "birthDate" if patient => self.each(&path, value, Self::birth),
                "address" if patient => self.each(&path, value, Self::address),
                "extension" if patient => self.each(&path, value, Self::extension),
                _ => continue,
            };
            rest.remove(key);
            special.extend(kept.map(|kept| (key.clone(), kept)));
        }
        let mut kept = self.members(path, &rest, false);
        kept.extend(special);
        if kept.is_empty() {
            return None;
        }
        kept.insert("resourceType".into(), (*name).into());
        Some(kept.into())
    }

    /// Only what asks for more care remains: a receiver must know it.
    fn meta(&mut self, path: &str, meta: &Value) -> Option<Value> {
        let Value::Object(meta) = meta else {
            return self.remove(path);
        };
        let mut kept = Map::new();
        for (key, value) in sorted(meta) {
            let path = below(path, key);
            match key.as_str() {
                "security" => {
                    let codings = self.keep(Kind::Coded, &path, value, false);
                    kept.extend(codings.map(|codings| (key.clone(), codings)));
                }
                _ => {
                    self.remove::<()>(&path);
                }
            }
        }
        (!kept.is_empty()).then(|| kept.into())
    }

    /// Does the same with each item of a list, or with what is none. An empty list does not remain.
    fn each(
        &mut self,
        path: &str,
        value: &Value,
        one: impl Fn(&mut Self, &str, &Value) -> Option<Value> + Copy,
    ) -> Option<Value> {
        let Value::Array(items) = value else {
            return one(self, path, value);
        };
        let kept: Vec<Value> = items
            .iter()
            .enumerate()
            .filter_map(|(place, item)| one(self, &format!("{path}[{place}]"), item))
            .collect();
        (!kept.is_empty()).then(|| kept.into())
    }

    /// `age`: whether what stands around it asks for an age.
    fn members(
        &mut self,
        path: &str,
        object: &Map<String, Value>,
        age: bool,
    ) -> Map<String, Value> {
        let age = age || asks_for_age(object);
        let mut kept = Map::new();
        for (key, value) in sorted(object) {
            let path = below(path, key);
            let value = match tables::kind(key) {
                Some(kind) => self.keep(kind, &path, value, age || AGED.contains(&key.as_str())),
                None => self.remove(&path),
            };
            kept.extend(value.map(|value| (key.clone(), value)));
        }
        kept
    }

    fn keep(&mut self, kind: Kind, path: &str, value: &Value, age: bool) -> Option<Value> {
        self.each(path, value, |work, path, value| match (kind, value) {
            (Kind::Coded, Value::String(word)) => work.word(path, word),
            (Kind::Coded, Value::Object(object)) => match object.contains_key("coding") {
                true => work.concept(path, object),
                false => work.coding(path, object),
            },
            (Kind::Amount, Value::Object(amount)) => work.amount(path, amount, age),
            (Kind::Group, Value::Object(object)) => {
                let kept = work.members(path, object, age);
                (!kept.is_empty()).then(|| kept.into())
            }
            (Kind::Group | Kind::Number, Value::Number(number)) => {
                let years = age.then_some(1.0);
                match work.tells(&number.to_string()) || work.has_grown_old(number, years) {
                    true => work.remove(path),
                    false => Some(work.number(path, number, years).into()),
                }
            }
            (Kind::Year, Value::String(date)) => {
                let year = work.year(path, date)?;
                work.earliest = work.earliest.into_iter().chain([year]).min();
                Some(year.to_string().into())
            }
            (Kind::Flag, Value::Bool(flag)) => Some((*flag).into()),
            _ => work.remove(path),
        })
    }

    fn word(&mut self, path: &str, word: &str) -> Option<Value> {
        match WORDS.contains(&word) && !self.tells(word) {
            true => Some(word.into()),
            false => self.remove(path),
        }
    }

    fn concept(&mut self, path: &str, concept: &Map<String, Value>) -> Option<Value> {
        let mut kept = None;
        for (key, value) in sorted(concept) {
            let path = below(path, key);
            match key.as_str() {
                "coding" => {
                    kept = self.each(&path, value, |work, path, coding| match coding {
                        Value::Object(coding) => work.coding(path, coding),
                        _ => work.remove(path),
                    });
                }
                _ => {
                    self.remove::<()>(&path);
                }
            }
        }
        Some(Map::from_iter([("coding".to_owned(), kept?)]).into())
    }

    /// System and code. What a code is called, the system says; here, anything could be written.
    fn coding(&mut self, path: &str, coding: &Map<String, Value>) -> Option<Value> {
        let text = |key: &str| coding.get(key).and_then(Value::as_str);
        let (Some(system), Some(code)) = (text("system"), text("code")) else {
            return self.remove(path);
        };
        if !tables::form(system).is_some_and(|form| form.fits(code)) || self.tells(code) {
            return self.remove(path);
        }
        for (key, _) in sorted(coding) {
            if !["system", "code"].contains(&key.as_str()) {
                self.remove::<()>(&below(path, key));
            }
        }
        Some(pair("system", system, "code", code))
    }

    /// A value with its unit. One whose unit is not known is removed: it might be an age.
    fn amount(&mut self, path: &str, amount: &Map<String, Value>, age: bool) -> Option<Value> {
        let text = |key: &str| amount.get(key).and_then(Value::as_str);
        let Some(Value::Number(value)) = amount.get("value") else {
            return self.remove(path);
        };
        if self.tells(&value.to_string()) {
            return self.remove(path);
        }
        let coded = text("code").filter(|_| text("system") == Some(UCUM));
        let unit = coded.or(text("unit")).and_then(tables::unit);
        if unit.is_none() && ["code", "unit"].iter().any(|key| amount.contains_key(*key)) {
            return self.remove(path);
        }
        // An age without a unit of time is one in years.
        let years = unit.and_then(tables::years).or(age.then_some(1.0));
        if self.has_grown_old(value, years) {
            return self.remove(path);
        }
        for (key, _) in sorted(amount) {
            if !["value", "comparator", "unit", "system", "code"].contains(&key.as_str()) {
                self.remove::<()>(&below(path, key));
            }
        }
        let oldest = is_oldest(value, years);
        let value = self.number(&below(path, "value"), value, years);
        let mut kept = Map::new();
        let comparator = match (oldest, amount.get("comparator")) {
            (true, written) => {
                if written.and_then(Value::as_str) != Some(">=") {
                    self.generalise(&below(path, "comparator"), ">=");
                }
                Some(">=".into())
            }
            (false, Some(Value::String(word))) => self.word(&below(path, "comparator"), word),
            (false, Some(_)) => self.remove(&below(path, "comparator")),
            (false, None) => None,
        };
        kept.extend(comparator.map(|word| ("comparator".to_owned(), word)));
        kept.insert("value".into(), value.into());
        if let Some(unit) = unit {
            let unit = if oldest { "a" } else { unit };
            if text("unit").is_some_and(|written| written != unit) {
                self.generalise(&below(path, "unit"), unit);
            }
            kept.insert("unit".into(), unit.into());
            kept.insert("system".into(), UCUM.into());
            kept.insert("code".into(), unit.into());
        }
        Some(kept.into())
    }

    /// A number with as many digits as a measurement has. `years`: how many one of it is, where it may
    /// be an age.
    fn number(&mut self, path: &str, number: &Number, years: Option<f64>) -> Number {
        let kept = match is_oldest(number, years) {
            true => (OLDEST + 1).into(),
            false => significant(number),
        };
        if kept != *number {
            self.generalise(path, &kept);
        }
        kept
    }

    /// Whether somebody of this age in the earliest year may be over 89 now: from one year to another
    /// there may be a birthday more than there are years. "90 or older" tells no more than it says.
    fn has_grown_old(&self, number: &Number, years: Option<f64>) -> bool {
        let (Some(earliest), Some(one)) = (self.earliest, years) else {
            return false;
        };
        let age = number.as_f64().unwrap_or(f64::MAX) * one;
        !is_oldest(number, years) && age + (self.year - earliest) as f64 >= OLDEST as f64
    }

    /// The year of birth. It is none that an age was told in, so it does not count as the earliest.
    fn birth(&mut self, path: &str, date: &Value) -> Option<Value> {
        match date {
            Value::String(date) => Some(self.year(path, date)?.to_string().into()),
            _ => self.remove(path),
        }
    }

    /// The year of a date. One that only somebody over 89 has seen is removed.
    fn year(&mut self, path: &str, date: &str) -> Option<i64> {
        let (year, rest) = date.split_at_checked(4).unwrap_or_default();
        let number = year.parse::<i64>().ok().filter(|_| {
            year.bytes().all(|b| b.is_ascii_digit()) && (rest.is_empty() || rest.starts_with('-'))
        });
        let told = |number: &i64| (self.year - OLDEST..=self.year + 100).contains(number);
        let Some(number) = number.filter(told) else {
            return self.remove(path);
        };
        if !rest.is_empty() {
            self.generalise(path, year);
        }
        Some(number)
    }

    /// Country, and in the United States the state and three digits of the ZIP code.
    fn address(&mut self, path: &str, address: &Value) -> Option<Value> {
        let Value::Object(address) = address else {
            return self.remove(path);
        };
        let text = |key: &str| address.get(key).and_then(Value::as_str);
        let is_state = |text: &str| {
            STATES
                .iter()
                .any(|(code, name)| *code == text || *name == text)
        };
        let american = match text("country") {
            Some(country) => ["US", "USA"].contains(&country),
            None => text("state").is_some_and(is_state),
        };
        let mut kept = Map::new();
        for (key, _) in sorted(address) {
            let path = below(path, key);
            let value = match (key.as_str(), text(key)) {
                ("country", Some(country)) if is_country(country) => Some(country.into()),
                ("state", Some(state)) if american && is_state(state) => Some(state.into()),
                ("postalCode", Some(zip)) if american => match area(zip) {
                    Some(area) => {
                        self.generalise(&path, area);
                        Some(area.into())
                    }
                    None => self.remove(&path),
                },
                _ => self.remove(&path),
            };
            kept.extend(value.map(|value: Value| (key.clone(), value)));
        }
        (!kept.is_empty()).then(|| kept.into())
    }

    /// Race and ethnicity in their few classes, and the sex at birth, as US Core writes them.
    fn extension(&mut self, path: &str, extension: &Value) -> Option<Value> {
        let url = extension.get("url").and_then(Value::as_str);
        match url {
            Some(BIRTH_SEX) => {
                let sex = extension.get("valueCode").and_then(Value::as_str);
                match sex.filter(|sex| ["M", "F", "OTH", "UNK", "ASKU"].contains(sex)) {
                    Some(sex) => Some(pair("url", BIRTH_SEX, "valueCode", sex)),
                    None => self.remove(path),
                }
            }
            Some(url @ (RACE | ETHNICITY)) => {
                let parts = extension.get("extension").unwrap_or(&Value::Null);
                let parts = self.each(&below(path, "extension"), parts, |work, path, part| {
                    let class = part.get("url").and_then(Value::as_str) == Some("ombCategory");
                    let Some(Value::Object(coding)) = part.get("valueCoding").filter(|_| class)
                    else {
                        return work.remove(path);
                    };
                    let coding = work.coding(&below(path, "valueCoding"), coding)?;
                    Some(pair("url", "ombCategory", "valueCoding", coding))
                })?;
                Some(pair("url", url, "extension", parts))
            }
            _ => self.remove(path),
        }
    }
}

fn pair(first: &str, value: impl Into<Value>, second: &str, other: impl Into<Value>) -> Value {
    Map::from_iter([
        (first.to_owned(), value.into()),
        (second.to_owned(), other.into()),
    ])
    .into()
}

fn is_country(text: &str) -> bool {
    text == "USA" || text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// What may remain of a ZIP code: `021` of `02139`, `021394307` or `02139-4307`.
fn area(zip: &str) -> Option<&str> {
    let (five, four) = zip.split_at_checked(5)?;
    let four = four.strip_prefix('-').unwrap_or(four);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let whole = digits(five) && digits(four) && (zip.len() == 5 || four.len() == 4);
    let area = zip.get(..3).filter(|_| whole)?;
    match SMALL_AREAS.contains(&area) {
        true => Some("000"),
        false => Some(area),
    }
}

/// Whether an object's code asks for an age, so that its value is one without saying so.
fn asks_for_age(object: &Map<String, Value>) -> bool {
    let codings = object
        .get("code")
        .and_then(|code| code.get("coding")?.as_array());
    codings.into_iter().flatten().any(|coding| {
        let code = coding.get("code").and_then(Value::as_str);
        code.is_some_and(|code| AGES.contains(&code))
    })
}

/// Whether a number of units, of which one is so many years, is an age over 89.
fn is_oldest(number: &Number, years: Option<f64>) -> bool {
    let value = number.as_f64().unwrap_or(f64::MAX);
    years.is_some_and(|years| value * years > OLDEST as f64)
}

fn significant(number: &Number) -> Number {
    let whole = number
        .as_i64()
        .map(i128::from)
        .or(number.as_u64().map(i128::from));
    let Some(whole) = whole else {
        let value = number.as_f64().unwrap_or_default();
        let after_first = SIGNIFICANT as usize - 1;
        return format!("{value:.after_first$e}")
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .unwrap_or_else(|| 0.into());
    };
    let digits = whole
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |log| log + 1);
    let cut = 10i128.pow(digits.saturating_sub(SIGNIFICANT));
    let kept = whole / cut * cut;
    match (i64::try_from(kept), u64::try_from(kept)) {
        (Ok(kept), _) => kept.into(),
        (_, Ok(kept)) => kept.into(),
        _ => 0.into(),
    }
}

#[cfg(test)]
mod tests;
