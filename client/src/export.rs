//! A patient's records as a folder that needs no program of ours: `index.html` for people,
//! `export.json` for programs. Neither this module nor what it writes needs a network.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use salus_primitives::Genesis;
use serde::Serialize;

use crate::actions::corrections::CorrectionRow;
use crate::actions::describe::moment;
use crate::actions::patient::{CompartmentRow, ControllerView, PatientView};
use crate::actions::records::RecordView;
use crate::actions::sharing::{GrantRow, RequestRow};
use crate::actions::watching::Log;
use crate::error::{Error, Result};
use crate::profile::{make_folder, write_atomically};

pub const FORMAT: &str = "salus/export/v1";
/// The folder of the records' files.
pub const RECORDS: &str = "records";
/// The trail as `salus log --from` proves it.
pub const TRAIL: &str = "trail.json";
const DOCUMENT: &str = "export.json";
const PAGE: &str = "index.html";

/// Everything but the records' own bytes: the content of `export.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    pub format: &'static str,
    /// RFC 3339, by this computer's clock.
    pub made_at: String,
    pub genesis: Genesis,
    pub patient: PatientView,
    pub controllers: Vec<ControllerView>,
    pub compartments: Vec<CompartmentRow>,
    /// `file` is where the record lies, from this folder.
    pub records: Vec<RecordView>,
    pub grants: Vec<GrantRow>,
    pub requests: Vec<RequestRow>,
    pub corrections: Vec<CorrectionRow>,
    pub trail: Log,
    /// What should be in the export and could not be read.
    pub unreadable: Vec<Unreadable>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    pub what: String,
    pub why: String,
}

/// Makes the folder, for its owner only. Errors if anything is in it: an export is mixed with nothing.
pub fn prepare(folder: &Path) -> Result<()> {
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(Error::file("read", folder)(error)),
    };
    if !empty {
        return Err(Error::Unfit(format!(
            "{} is not empty: name a new folder, so that nothing is mixed or overwritten",
            folder.display()
        )));
    }
    make_folder(folder)?;
    make_folder(&folder.join(RECORDS))
}

impl Export {
    /// Writes document and page; the page last, so that a folder that has one is whole.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| Error::invalid("export", error))?;
        json.push(b'\n');
        write_atomically(&folder.join(DOCUMENT), &json)?;
        write_atomically(&folder.join(PAGE), self.page().as_bytes())
    }

    /// A page without scripts, which loads nothing. Whatever others have written in it is text.
    fn page(&self) -> String {
        let mut page = String::from(HEAD);
        let patient = &self.patient;
        let _ = writeln!(
            page,
            "<h1>Records of patient {}</h1>\n<p>Made on {} from chain {:?}. Enrolled on {} by organisation {}. \
             The same for programs: <a href=\"{DOCUMENT}\">{DOCUMENT}</a>; the trail, to be proven with \
             <code>salus log --from</code>: <a href=\"{TRAIL}\">{TRAIL}</a>.</p>",
            text(&patient.patient),
            text(&self.made_at),
            self.genesis,
            moment(patient.enrolled_at),
            patient.enrolled_by
        );
        if !self.unreadable.is_empty() {
            let rows = self.unreadable.iter();
            let rows = rows.map(|row| vec![text(&row.what), text(&row.why)]);
            table(&mut page, "What could not be read", &["what", "why"], rows);
        }
        let records = self.records.iter().map(|row| {
            let title = row.title.as_deref().unwrap_or("(no title)");
            let title = match &row.file {
                Some(file) => format!("<a href=\"{}\"><bdi>{}</bdi></a>", text(file), text(title)),
                None => format!("<bdi>{}</bdi>", text(title)),
            };
            let mut notes = vec![row.state.to_owned()];
            notes.extend(row.corrects.map(|other| format!("corrects {other}")));
            notes.extend(
                row.corrected_by
                    .map(|other| format!("corrected by {other}")),
            );
            notes.extend(row.unreadable.clone());
            vec![
                row.record.to_string(),
                title,
                text(row.date.as_deref().unwrap_or_default()),
                text(row.category.as_deref().unwrap_or_default()),
                text(row.media_type.as_deref().unwrap_or_default()),
                text(row.label.as_deref().unwrap_or(&row.compartment)),
                text(&row.author),
                text(&notes.join("; ")),
            ]
        });
        let head = [
            "no", "title", "date", "category", "type", "in", "by", "state",
        ];
        table(&mut page, "Records", &head, records);
        let grants = self.grants.iter().map(|row| {
            vec![
                row.grant.to_string(),
                text(&row.grantee),
                text(row.rights),
                text(row.purpose),
                text(&what(&row.labels, &row.records)),
                moment(row.starts_at),
                moment(row.revoked_at.unwrap_or(row.expires_at)),
                text(if row.active { "active" } else { "over" }),
            ]
        });
        let head = ["no", "to", "rights", "purpose", "what", "from", "until", ""];
        table(&mut page, "Grants", &head, grants);
        let requests = self.requests.iter().map(|row| {
            vec![
                row.request.to_string(),
                text(&row.requester),
                text(row.purpose),
                moment(row.asked_at),
                text(row.state),
                words(row.text.as_deref(), row.unreadable.as_deref()),
            ]
        });
        let head = ["no", "by", "purpose", "asked", "state", "letter"];
        table(&mut page, "Requests", &head, requests);
        let corrections = self.corrections.iter().map(|row| {
            let letters = row.letters.iter().map(|letter| {
                let words = words(letter.text.as_deref(), letter.unreadable.as_deref());
                format!("{}: {words}", letter.stage)
            });
            vec![
                row.correction.to_string(),
                row.record.to_string(),
                text(row.state),
                moment(row.asked_at),
                letters.collect::<Vec<_>>().join("<br>"),
            ]
        });
        let head = ["no", "record", "state", "asked", "letters"];
        table(&mut page, "Corrections", &head, corrections);
        let controllers = self.controllers.iter().map(|row| {
            vec![
                text(&row.account),
                format!("{:?}", row.role),
                row.expires_at.map(moment).unwrap_or_default(),
            ]
        });
        let head = ["account", "role", "until"];
        table(&mut page, "Who decides", &head, controllers);
        let compartments = self.compartments.iter().map(|row| {
            vec![
                text(row.label.as_deref().unwrap_or("(not known here)")),
                text(&row.id),
                row.epoch.to_string(),
                moment(row.rotated_at),
            ]
        });
        let head = ["name", "on the chain", "epoch", "key since"];
        table(&mut page, "Compartments", &head, compartments);
        let trail = self.trail.entries.iter();
        let trail = trail.map(|row| vec![row.n.to_string(), moment(row.moment), text(&row.text)]);
        table(&mut page, "Trail", &["no", "when", "what"], trail);
        page.push_str("</body>\n</html>\n");
        page
    }
}

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Medical records</title>
<style>
body { font: 15px/1.4 sans-serif; margin: 2em; }
table { border-collapse: collapse; }
td, th { border: 1px solid #999; padding: .2em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
</style>
</head>
<body>
"#;

/// A heading, and a table of cells that are HTML already.
fn table(
    page: &mut String,
    title: &str,
    head: &[&str],
    rows: impl ExactSizeIterator<Item = Vec<String>>,
) {
    let _ = writeln!(page, "<h2>{title} ({})</h2>", rows.len());
    if rows.len() == 0 {
        return;
    }
    let line = |page: &mut String, mark: &str, cells: Vec<String>| {
        page.push_str("<tr>");
        for cell in cells {
            let _ = write!(page, "<{mark}>{cell}</{mark}>");
        }
        page.push_str("</tr>\n");
    };
    page.push_str("<table>\n");
    line(page, "th", head.iter().map(|cell| text(cell)).collect());
    rows.for_each(|row| line(page, "td", row));
    page.push_str("</table>\n");
}

fn what(labels: &[String], records: &[u32]) -> String {
    let mut names = labels.to_vec();
    names.extend(records.iter().map(|record| format!("record {record}")));
    names.join(", ")
}

/// A letter, or why it cannot be read.
fn words(letter: Option<&str>, unreadable: Option<&str>) -> String {
    match (letter, unreadable) {
        (Some(letter), _) => format!("<bdi>{}</bdi>", text(letter)),
        (None, Some(why)) => format!("<i>{}</i>", text(why)),
        (None, None) => String::new(),
    }
}

/// Text that stays text, in a cell or in an attribute.
fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use sp_core::H256;

    use super::*;
    use crate::actions::corrections::LetterView;
    use crate::trail::Head;

    const EVIL: &str = "\"><script>alert('1')</script>&\u{7}";

    fn record(record: u32) -> RecordView {
        RecordView {
            record,
            title: Some(EVIL.into()),
            category: Some("lab".into()),
            sensitivity: Vec::new(),
            date: Some("2026-05-01T09:30:00Z".into()),
            media_type: Some(EVIL.into()),
            length: Some(1),
            label: Some("lab".into()),
            compartment: "aa".repeat(16),
            epoch: 0,
            author: "5Doctor".into(),
            organisation: Some(0),
            anchored_at: 0,
            corrects: None,
            corrected_by: None,
            state: "current",
            cid: "bafy".into(),
            unreadable: None,
            file: Some(format!("{RECORDS}/{record}-x.txt")),
        }
    }

    fn export() -> Export {
        Export {
            format: FORMAT,
            made_at: "2026-05-01T09:30:00Z".into(),
            genesis: Genesis::repeat_byte(1),
            patient: PatientView {
                patient: "00".repeat(16),
                enrolled_by: 0,
                enrolled_at: 0,
                restricted: None,
                keyring: None,
                entries: Some(0),
                pending: Vec::new(),
            },
            controllers: Vec::new(),
            compartments: Vec::new(),
            records: vec![record(0), record(1)],
            grants: Vec::new(),
            requests: Vec::new(),
            corrections: vec![CorrectionRow {
                patient: "00".repeat(16),
                correction: 0,
                record: 0,
                state: "requested",
                overdue: false,
                replacement: None,
                asked_at: 0,
                due_at: 1,
                letters: vec![LetterView {
                    stage: "request",
                    author: "5Doctor".into(),
                    text: Some(EVIL.into()),
                    unreadable: None,
                }],
            }],
            trail: Log {
                patient: "00".repeat(16),
                at: 0,
                head: Head {
                    count: 0,
                    digest: H256::zero(),
                    last_block: 0,
                    checkpoint: 0,
                },
                verified: Some(true),
                remembered: None,
                reads: None,
                entries: Vec::new(),
            },
            unreadable: vec![Unreadable {
                what: "record 2".into(),
                why: EVIL.into(),
            }],
        }
    }

    #[test]
    fn what_others_wrote_is_text_in_the_page() {
        let page = export().page();
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("alert('1')"), "{page}");
        assert!(!page.contains('\u{7}'));
        assert_eq!(page.matches("&lt;script&gt;").count(), 6, "{page}");
        assert!(page.contains("<a href=\"records/1-x.txt\">"), "{page}");
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn an_export_is_for_its_owner_and_mixed_with_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("export");
        prepare(&folder).unwrap();
        export().write(&folder).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(RECORDS)), 0o700);
        for file in [DOCUMENT, PAGE] {
            assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
        }
        let again = prepare(&folder).unwrap_err();
        assert!(again.to_string().contains("not empty"), "{again}");
        let file = folder.join(PAGE);
        assert!(prepare(&file).is_err(), "a file is no folder");
        let json = fs::read(folder.join(DOCUMENT)).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["format"], FORMAT);
        assert_eq!(json["records"][1]["title"], EVIL);
    }
}
