//! An accounting of disclosures: who was given what of a patient's records, when, and what for.
//!
//! It is made of a verified trail alone, so that it can be made again by anybody who has one. What 45
//! CFR 164.528 asks for is in it: the date, who received it, what it was, and the purpose. Refusals
//! are told apart. Reading by the patient's own people is no disclosure, and in no trail:
//! [`crate::actions::reads`] has it.

use std::collections::BTreeMap;

use salus_primitives::{ClinicianRole, Moment, OrgId, RecordIndex};
use serde::Serialize;
use serde_json::Value;

use crate::actions::{describe::Names, purpose_code, PURPOSES};
use crate::error::{Error, Result};
use crate::files::manifest::rfc3339;
use crate::trail::TrailEntry;

/// All that was given out of a patient's records in a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accounting {
    pub patient: String,
    /// From this moment on, if any.
    pub from: Option<Moment>,
    /// Before this moment, if any.
    pub to: Option<Moment>,
    /// Entries of the verified trail that it rests on.
    pub entries: u64,
    /// One row for each record of each opening.
    pub disclosures: Vec<Disclosure>,
    /// What was tried and not given.
    pub refused: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disclosure {
    #[serde(flatten)]
    pub row: Row,
    /// What a vault has handed out since: `summary`, `all`, or nothing.
    pub delivered: Option<&'static str>,
    /// When it was first handed out, RFC 3339.
    pub delivered_at: Option<String>,
}

/// Who opened, or tried to open, one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The trail's entry.
    pub entry: u64,
    /// RFC 3339, by the chain's clock.
    pub date: String,
    #[serde(skip)]
    moment: Moment,
    /// The account that signed.
    pub reader: String,
    /// The person for whom software signed: the account, or [`SEALED`] where that could not be opened.
    pub person: Option<String>,
    /// The person's role there now.
    pub role: Option<ClinicianRole>,
    pub organisation: OrgId,
    pub organisation_name: String,
    pub record: RecordIndex,
    /// The part of the chart that the record is in now, where this profile knows its name.
    pub label: Option<String>,
    /// `summary` (title, type and date) or `all`.
    pub part: &'static str,
    /// HL7's code, as the grant says; none where there is no such grant.
    pub purpose: Option<&'static str>,
    pub grant: u32,
}

/// In place of a person whose seal was not opened.
pub const SEALED: &str = "sealed";

const SUMMARY: &str = "summary";
const ALL: &str = "all";

/// The account of a patient's verified trail. `labels` names the parts of the chart that records are
/// in.
///
/// A vault reports what it hands out without the opening that allowed it: it counts for the newest
/// opening of that reader and record that lacks it.
pub fn account(
    patient: String,
    entries: &[TrailEntry],
    names: &Names,
    labels: &BTreeMap<RecordIndex, String>,
) -> Result<Accounting> {
    let mut accounting = Accounting {
        patient,
        from: None,
        to: None,
        entries: entries.len() as u64,
        disclosures: Vec::new(),
        refused: Vec::new(),
    };
    let purposes = purposes(entries)?;
    for entry in entries.iter().filter(|entry| entry.pallet == "AccessLog") {
        let reading = Reading(entry);
        match entry.variant.as_str() {
            "Opened" => {
                let rows = reading.rows(names, labels, &purposes)?.into_iter();
                accounting.disclosures.extend(rows.map(|row| Disclosure {
                    row,
                    delivered: None,
                    delivered_at: None,
                }));
            }
            "Refused" => {
                let rows = reading.rows(names, labels, &purposes)?;
                accounting.refused.extend(rows);
            }
            "Delivered" => accounting.deliver(&reading)?,
            _ => {}
        }
    }
    Ok(accounting)
}

/// What each grant is for.
fn purposes(entries: &[TrailEntry]) -> Result<BTreeMap<u32, &'static str>> {
    let granted = entries
        .iter()
        .filter(|entry| entry.pallet == "Consent" && entry.variant == "Granted");
    granted
        .map(|entry| {
            let reading = Reading(entry);
            Ok((reading.number("grant")?, reading.purpose()?))
        })
        .collect()
}

impl Accounting {
    fn deliver(&mut self, reading: &Reading) -> Result<()> {
        let reader = reading.text("reader")?;
        let record = reading.number("record")?;
        let part = reading.part()?;
        let date = rfc3339(reading.0.moment);
        let lacks = |given: &Option<&str>| match part {
            SUMMARY => given.is_none(),
            _ => *given != Some(ALL),
        };
        let grant = reading.number("grant")?;
        let mut opened: Vec<&mut Disclosure> = self
            .disclosures
            .iter_mut()
            .filter(|known| known.row.reader == reader && known.row.record == record)
            .filter(|known| known.row.grant == grant)
            .collect();
        let covers = |known: &Disclosure| known.row.part == ALL || part == SUMMARY;
        let lacking = opened
            .iter()
            .rposition(|known| covers(known) && lacks(&known.delivered));
        let covering = opened.iter().rposition(|known| covers(known));
        // More than was opened is told where it was opened.
        let newest = opened.len().checked_sub(1);
        let found = lacking
            .or(covering)
            .or(newest)
            .ok_or_else(|| reading.bad("grant"))?;
        let found = &mut opened[found];
        if lacks(&found.delivered) {
            found.delivered = Some(part);
        }
        found.delivered_at.get_or_insert(date);
        Ok(())
    }

    /// Only what was opened, or tried, from one moment on and before another.
    pub fn between(mut self, from: Option<Moment>, to: Option<Moment>) -> Self {
        let within = |moment: Moment| {
            from.is_none_or(|from| from <= moment) && to.is_none_or(|to| moment < to)
        };
        self.disclosures.retain(|known| within(known.row.moment));
        self.refused.retain(|row| within(row.moment));
        Self { from, to, ..self }
    }

    /// The disclosures as RFC 4180 has tables; with `refused`, the refusals instead.
    pub fn csv(&self, refused: bool) -> Result<String> {
        let mut writer = csv::WriterBuilder::new()
            // Some programs split at semicolons, too.
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(Vec::new());
        let failed = |error: csv::Error| Error::invalid("table", error);
        let head = match refused {
            true => &COLUMNS[..ROW],
            false => &COLUMNS[..],
        };
        writer.write_record(head).map_err(failed)?;
        let rows: Vec<Vec<String>> = match refused {
            true => self.refused.iter().map(Row::cells).collect(),
            false => self.disclosures.iter().map(Disclosure::cells).collect(),
        };
        for row in rows {
            writer
                .write_record(row.iter().map(|cell| harmless(cell)))
                .map_err(failed)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| Error::invalid("table", error.error()))?;
        String::from_utf8(bytes).map_err(|error| Error::invalid("table", error))
    }
}

const COLUMNS: [&str; 14] = [
    "entry",
    "date",
    "reader",
    "person",
    "role",
    "organisation",
    "organisation_name",
    "record",
    "label",
    "part",
    "purpose",
    "grant",
    "delivered",
    "delivered_at",
];
/// Those of a [`Row`].
const ROW: usize = 12;

impl Row {
    fn cells(&self) -> Vec<String> {
        vec![
            self.entry.to_string(),
            self.date.clone(),
            self.reader.clone(),
            self.person.clone().unwrap_or_default(),
            self.role
                .map(|role| format!("{role:?}").to_lowercase())
                .unwrap_or_default(),
            self.organisation.to_string(),
            self.organisation_name.clone(),
            self.record.to_string(),
            self.label.clone().unwrap_or_default(),
            self.part.to_owned(),
            self.purpose.unwrap_or_default().to_owned(),
            self.grant.to_string(),
        ]
    }
}

impl Disclosure {
    fn cells(&self) -> Vec<String> {
        let mut cells = self.row.cells();
        cells.push(self.delivered.unwrap_or("no").to_owned());
        cells.push(self.delivered_at.clone().unwrap_or_default());
        cells
    }
}

/// A cell that no spreadsheet takes for a formula: organisations choose their names themselves.
/// See OWASP, "CSV injection".
fn harmless(cell: &str) -> String {
    const BEGINS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let formula = cell.trim_start().starts_with(BEGINS);
    match formula || cell.starts_with(char::is_control) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

/// An entry of the trail, field by field.
struct Reading<'a>(&'a TrailEntry);

impl Reading<'_> {
    fn bad(&self, field: &str) -> Error {
        let TrailEntry { n, variant, .. } = self.0;
        Error::invalid("trail", format!("entry {n}, {variant}, has no {field}"))
    }

    fn text(&self, field: &str) -> Result<String> {
        let text = self.0.fields[field].as_str();
        text.map(str::to_owned).ok_or_else(|| self.bad(field))
    }

    fn number(&self, field: &str) -> Result<u32> {
        self.index(&self.0.fields[field], field)
    }

    fn index(&self, value: &Value, field: &str) -> Result<u32> {
        let number = value.as_u64().and_then(|number| number.try_into().ok());
        number.ok_or_else(|| self.bad(field))
    }

    fn part(&self) -> Result<&'static str> {
        match self.0.fields["part"].as_str() {
            Some("Manifest") => Ok(SUMMARY),
            Some("Full") => Ok(ALL),
            _ => Err(self.bad("part")),
        }
    }

    fn purpose(&self) -> Result<&'static str> {
        let said = self.0.fields["purpose"].as_str();
        PURPOSES
            .into_iter()
            .find(|purpose| said == Some(&format!("{purpose:?}")))
            .map(purpose_code)
            .ok_or_else(|| self.bad("purpose"))
    }

    /// One row for each record.
    fn rows(
        &self,
        names: &Names,
        labels: &BTreeMap<RecordIndex, String>,
        purposes: &BTreeMap<u32, &'static str>,
    ) -> Result<Vec<Row>> {
        let organisation = self.number("organisation")?;
        let name = names.organisations.get(&u64::from(organisation));
        let seal = self.0.fields["person"].as_str();
        let person = names.persons.of(&self.0.fields);
        let grant = self.number("grant")?;
        let records = self.0.fields["records"].as_array();
        let records = records.ok_or_else(|| self.bad("records"))?;
        records
            .iter()
            .map(|record| {
                let record = self.index(record, "records")?;
                Ok(Row {
                    entry: self.0.n,
                    date: rfc3339(self.0.moment),
                    moment: self.0.moment,
                    reader: self.text("actor")?,
                    person: seal.map(|_| {
                        person.map_or_else(|| SEALED.to_owned(), |person| person.account.clone())
                    }),
                    role: person.and_then(|person| person.role),
                    organisation,
                    organisation_name: name.cloned().unwrap_or_default(),
                    record,
                    label: labels.get(&record).cloned(),
                    part: self.part()?,
                    purpose: purposes.get(&grant).copied(),
                    grant,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sp_core::H256;

    use super::*;

    const DOCTOR: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    /// Entry `n` happens `n` seconds after the beginning of 2026.
    fn entry(n: u64, variant: &str, fields: Value) -> TrailEntry {
        TrailEntry {
            n,
            block: n as u32,
            block_hash: H256::zero(),
            event_index: 0,
            moment: 1_767_225_600_000 + n * 1_000,
            pallet: "AccessLog".into(),
            variant: variant.into(),
            fields,
            event: Vec::new(),
            digest: H256::zero(),
        }
    }

    fn opened(n: u64, variant: &str, records: &[u32], part: &str) -> TrailEntry {
        let fields = json!({
            "patient": "00", "actor": DOCTOR, "organisation": 0, "person": null, "grant": 4,
            "records": records, "part": part,
        });
        entry(n, variant, fields)
    }

    fn granted() -> TrailEntry {
        let fields = json!({"patient": "00", "actor": "owner", "grant": 4, "purpose": "Treat"});
        TrailEntry {
            pallet: "Consent".into(),
            ..entry(0, "Granted", fields)
        }
    }

    #[test]
    fn a_sealed_person_is_named_where_the_seal_was_opened_and_told_as_sealed_where_not() {
        let seal = format!("0x{}", "07".repeat(32));
        let mut entry = opened(1, "Opened", &[1], "Full");
        entry.fields["person"] = json!(seal);
        let row = |names: &Names| {
            let entries = std::slice::from_ref(&entry);
            let accounting = account("00".into(), entries, names, &BTreeMap::new()).unwrap();
            let Row { person, role, .. } = accounting.disclosures[0].row.clone();
            (person, role)
        };
        let mut names = Names::default();
        assert_eq!(row(&names), (Some(SEALED.to_owned()), None));
        let role = Some(ClinicianRole::Nurse);
        let person = crate::persons::Person {
            account: DOCTOR.into(),
            role,
        };
        names.persons = crate::persons::Persons::of_fields(&entry.fields, person);
        assert_eq!(row(&names), (Some(DOCTOR.to_owned()), role));
    }

    fn delivered(n: u64, reader: &str, record: u32, part: &str) -> TrailEntry {
        let fields = json!({
            "patient": "00", "actor": "vault", "organisation": 0, "reader": reader,
            "record": record, "part": part, "grant": 4,
        });
        entry(n, "Delivered", fields)
    }

    fn told(entries: &[TrailEntry]) -> Accounting {
        let names = Names {
            organisations: [(0, "=HYPERLINK(\"http://evil\";\"x\")".to_owned())].into(),
            ..Names::default()
        };
        let labels = [(1, "lab +hiv".to_owned())].into();
        account("00".into(), entries, &names, &labels).unwrap()
    }

    #[test]
    fn every_record_of_every_opening_is_a_row_with_what_was_handed_out() {
        let accounting = told(&[
            granted(),
            opened(1, "Opened", &[1, 2], "Manifest"),
            delivered(2, DOCTOR, 1, "Manifest"),
            opened(3, "Refused", &[3], "Full"),
            opened(4, "Opened", &[1], "Full"),
            delivered(5, DOCTOR, 1, "Manifest"),
            delivered(6, DOCTOR, 1, "Full"),
        ]);
        let row = |known: &Disclosure| (known.row.entry, known.row.record, known.delivered);
        let rows: Vec<_> = accounting.disclosures.iter().map(row).collect();
        assert_eq!(
            rows,
            [(1, 1, Some(SUMMARY)), (1, 2, None), (4, 1, Some(ALL))]
        );
        let last = &accounting.disclosures[2];
        assert_eq!(last.row.date, "2026-01-01T00:00:04Z");
        assert_eq!(last.delivered_at.as_deref(), Some("2026-01-01T00:00:05Z"));
        assert_eq!((last.row.purpose, last.row.grant), (Some("TREAT"), 4));
        assert_eq!(last.row.label.as_deref(), Some("lab +hiv"));
        assert_eq!(accounting.refused.len(), 1);
        assert_eq!(accounting.refused[0].record, 3);
    }

    #[test]
    fn a_delivery_counts_for_the_newest_opening_that_lacks_it_and_never_for_a_smaller_one() {
        let accounting = told(&[
            opened(1, "Opened", &[1], "Full"),
            opened(2, "Opened", &[1], "Manifest"),
            delivered(3, DOCTOR, 1, "Full"),
            delivered(4, DOCTOR, 1, "Full"),
        ]);
        let given: Vec<_> = accounting.disclosures.iter().map(|d| d.delivered).collect();
        assert_eq!(given, [Some(ALL), None]);
    }

    #[test]
    fn a_delivery_stands_where_it_was_opened_and_under_no_other_grant() {
        // More than was opened stands where it was opened.
        let accounting = told(&[
            opened(1, "Opened", &[1], "Manifest"),
            delivered(2, DOCTOR, 1, "Full"),
        ]);
        assert_eq!(accounting.disclosures[0].delivered, Some(ALL));
        // Under another grant than the one that was opened, it fits nothing.
        let mut other = delivered(2, DOCTOR, 1, "Full");
        other.fields["grant"] = json!(5);
        let entries = [opened(1, "Opened", &[1], "Full"), other];
        let error = account("00".into(), &entries, &Names::default(), &BTreeMap::new());
        assert!(error.unwrap_err().to_string().contains("entry 2"));
    }

    #[test]
    fn a_time_takes_in_its_beginning_and_leaves_out_its_end() {
        let entries: Vec<_> = (1..=4).map(|n| opened(n, "Opened", &[1], "Full")).collect();
        let moment = |n: usize| Some(entries[n - 1].moment);
        let rows = |from, to| -> Vec<u64> {
            let kept = told(&entries).between(from, to).disclosures;
            kept.iter().map(|known| known.row.entry).collect()
        };
        assert_eq!(rows(moment(2), moment(4)), [2, 3]);
        assert_eq!(rows(None, moment(2)), [1]);
        assert_eq!(rows(moment(4), None), [4]);
    }

    #[test]
    fn no_name_becomes_a_formula() {
        let accounting = told(&[
            opened(1, "Opened", &[1], "Full"),
            opened(2, "Refused", &[9], "Full"),
        ]);
        let text = accounting.csv(false).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(
            reader.headers().unwrap().iter().collect::<Vec<_>>(),
            COLUMNS
        );
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(&rows[0][6], "'=HYPERLINK(\"http://evil\";\"x\")");
        assert_eq!(&rows[0][12], "no");
        let refused = accounting.csv(true).unwrap();
        assert_eq!(refused.lines().count(), 2, "{refused}");
        for evil in ["=1", "+1", "-1", "@A", "\t=1", " =1", "\r=1", "＝1"] {
            assert!(harmless(evil).starts_with('\''), "{evil:?}");
        }
        assert_eq!(harmless("General Hospital"), "General Hospital");
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_not_left_out() {
        let mut broken = opened(7, "Opened", &[1], "Full");
        broken.fields["records"] = Value::Null;
        let error = account("00".into(), &[broken], &Names::default(), &BTreeMap::new());
        assert!(error.unwrap_err().to_string().contains("entry 7"));
    }
}
