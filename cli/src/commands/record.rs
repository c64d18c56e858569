//! `salus record`.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use salus_client::actions::describe::moment;
use salus_client::actions::records::{
    self, Adding, Erasure, FormerRow, NewFile, RecordView, Restored,
};
use salus_primitives::{Cid, GrantIndex, Moment, RecordIndex};
use serde_json::json;

use super::queue::{goes_out, Timing};
use super::Label;
use crate::args::{About, Acting, Global};
use crate::context::about_patient;
use crate::output::{count, print, table};
use crate::parse;
use crate::words::Title;

#[derive(Debug, Subcommand)]
pub enum Record {
    /// Encrypt files, upload them and anchor them on the chain
    Add(Add),
    /// The patient's chart
    List {
        /// Only what the chain knows: no titles
        #[arg(long)]
        quick: bool,
        #[command(flatten)]
        about: About,
    },
    /// Write a record of your own patient to a file
    Get {
        /// The record's number
        record: RecordIndex,
        /// A folder, or the file's name
        #[arg(long, value_name = "PATH")]
        out: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// Say whether a file is, byte for byte, the anchored record
    Verify {
        /// The file
        file: PathBuf,
        /// The record's number
        record: RecordIndex,
        /// The grant to read under, for readers
        #[arg(long)]
        grant: Option<GrantIndex>,
        #[command(flatten)]
        about: About,
    },
    /// File a record in another compartment
    Reclassify {
        /// The record's number
        record: RecordIndex,
        #[command(flatten)]
        label: Label,
        #[command(flatten)]
        about: About,
    },
    /// Encrypt a record anew, to its compartment's present key
    Relocate {
        /// The record's number
        record: RecordIndex,
        #[command(flatten)]
        about: About,
    },
    /// Name a file of a record again that was replaced within 72 hours, and read it back
    Restore {
        /// The record's number
        record: RecordIndex,
        /// The file [default: the newest that is what was anchored]
        #[arg(long, value_parser = parse::cid, value_name = "CID")]
        content: Option<Cid>,
        /// Only show what is kept
        #[arg(long, conflicts_with = "content")]
        list: bool,
        #[command(flatten)]
        about: About,
    },
    /// Erase a record for good, after 72 hours
    Erase {
        /// The record's number
        record: RecordIndex,
        /// Call the erasure off
        #[arg(long, conflicts_with = "finish")]
        cancel: bool,
        /// Complete it, when the 72 hours are over
        #[arg(long)]
        finish: bool,
        /// Only tell which vaults have confirmed that the file is gone
        #[arg(long, conflicts_with_all = ["cancel", "finish"])]
        status: bool,
        #[command(flatten)]
        about: About,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    label: Label,
    #[command(flatten)]
    title: Title,
    /// When it was written, such as 2026-05-01T09:30:00Z [default: now]
    #[arg(long)]
    date: Option<String>,
    /// Its media type [default: told by the file's ending]
    #[arg(long)]
    media_type: Option<String>,
    /// Its LOINC code [default: the category's]
    #[arg(long)]
    code: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    timing: Timing,
    #[command(flatten)]
    about: About,
}

impl Record {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Record::Add(add) => add.run(global).await,
            Record::List { quick, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let records = records::list(&client, patient, quick).await?;
                print(global, &json!({ "records": records }), || chart(&records))
            }
            Record::Get { record, out, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                if out.to_string_lossy().ends_with('/') {
                    std::fs::create_dir_all(&out)?;
                }
                let view = records::get(&client, patient, record, &out).await?;
                print(global, &view, || {
                    format!(
                        "Record {record}, “{}”, is in {}, as it was anchored.",
                        view.title.as_deref().unwrap_or_default(),
                        view.file.as_deref().unwrap_or_default()
                    )
                })
            }
            Record::Verify {
                file,
                record,
                grant,
                about,
            } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let verified = records::verify(&client, patient, record, &file, grant).await?;
                print(global, &verified, || {
                    format!(
                        "{} is, byte for byte, record {record}, “{}”.",
                        file.display(),
                        verified.title
                    )
                })
            }
            Record::Reclassify {
                record,
                label,
                about,
            } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let placed =
                    records::reclassify(&client, patient, record, label.category, &label.flags)
                        .await?;
                print(global, &placed, || {
                    format!(
                        "Record {record} is filed in “{}”.",
                        placed.label.as_deref().unwrap_or(&placed.compartment)
                    )
                })
            }
            Record::Relocate { record, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let placed = records::relocate(&client, patient, record).await?;
                print(global, &placed, || {
                    format!(
                        "Record {record} is encrypted to the key of epoch {}.",
                        placed.epoch
                    )
                })
            }
            Record::Restore {
                record,
                content,
                list,
                about,
            } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                if list {
                    let now = client.clock().await?;
                    let formers = records::formers(&client, patient, record).await?;
                    return print(global, &json!({ "formers": formers }), || {
                        kept(&formers, record, now)
                    });
                }
                let restored = records::restore(&client, patient, record, content).await?;
                print(global, &restored, || restored_text(&restored))
            }
            Record::Erase {
                record,
                status: true,
                about,
                ..
            } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let erasure = records::erasure(&client, patient, record).await?;
                print(global, &erasure, || erasure_text(&erasure))
            }
            Record::Erase {
                record,
                cancel,
                finish,
                about,
                ..
            } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let erasing = match (cancel, finish) {
                    (true, _) => records::cancel_erase(&client, patient, record).await?,
                    (_, true) => records::finish_erase(&client, patient, record).await?,
                    _ => records::erase(&client, patient, record).await?,
                };
                print(global, &erasing, || {
                    match erasing.until {
                    Some(until) => format!(
                        "Record {record} will be erased on {}. Until then: `salus record erase {record} --cancel`.",
                        moment(until)
                    ),
                    None if cancel => format!("Record {record} stays."),
                    None => format!("Record {record} is erased; vaults delete its file."),
                }
                })
            }
        }
    }
}

fn kept(formers: &[FormerRow], record: RecordIndex, now: Moment) -> String {
    if formers.is_empty() {
        return format!("Nothing is kept of record {record} but its present file.");
    }
    let rows: Vec<Vec<String>> = formers
        .iter()
        .map(|row| {
            vec![
                row.cid.clone(),
                row.label
                    .clone()
                    .unwrap_or_else(|| super::short(&row.compartment)),
                super::short(&row.placed_by),
                row.replaced_at.map(|at| ago(at, now)).unwrap_or_default(),
                kept_until(row.until),
            ]
        })
        .collect();
    table(&["file", "in", "by", "replaced", "kept until"], &rows)
}

pub fn kept_until(until: Option<Moment>) -> String {
    match until {
        Some(until) => moment(until),
        None => "the recovery is over".into(),
    }
}

/// As coarse as one says it.
pub fn ago(at: Moment, now: Moment) -> String {
    let minutes = now.saturating_sub(at) / 60_000;
    match minutes {
        0..=119 => format!("{minutes} min ago"),
        _ => format!("{} h ago", minutes / 60),
    }
}

fn restored_text(restored: &Restored) -> String {
    let mut text = format!(
        "Record {} is {} again, in “{}”.",
        restored.record,
        restored.cid,
        restored.label.as_deref().unwrap_or(&restored.compartment)
    );
    text.push_str(&read_back(restored.unread.as_deref()));
    text.push_str(&passed_over(&restored.passed_over));
    text
}

/// Whether what was named again is what it should be.
pub fn read_back(unread: Option<&str>) -> String {
    match unread {
        None => " It was fetched and opened.".into(),
        Some(reason) => format!(" It could not be read back, so look at it again later: {reason}"),
    }
}

pub fn passed_over(passed_over: &[String]) -> String {
    match passed_over {
        [] => String::new(),
        newer => format!(
            "\nPassed over, because they cannot be read: {}",
            newer.join("; ")
        ),
    }
}

fn erasure_text(erasure: &Erasure) -> String {
    let record = erasure.record;
    if erasure.state == "current" {
        return format!("Record {record} is not erased.");
    }
    let mut lines: Vec<String> = erasure
        .confirmed
        .iter()
        .map(|row| {
            format!(
                "{} confirmed on {} that its vault has no copy of record {record}.",
                row.name,
                moment(row.at)
            )
        })
        .collect();
    if !erasure.outstanding.is_empty() {
        let ids: Vec<String> = erasure.outstanding.iter().map(u32::to_string).collect();
        lines.push(format!(
            "Not yet confirmed by organisations {}.",
            ids.join(", ")
        ));
    }
    if lines.is_empty() {
        lines.push(format!(
            "Record {record} can still be kept: `salus record erase {record} --cancel`."
        ));
    }
    lines.join("\n")
}

impl Add {
    async fn run(self, global: &Global) -> anyhow::Result<()> {
        if self.files.len() > 1 && self.title.is_given() {
            bail!("one title for several files: add them one by one, or leave the title out");
        }
        let title = self.title.read()?;
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let client = self.acting.on(client);
        let files: Vec<NewFile> = self
            .files
            .into_iter()
            .map(|path| NewFile {
                path,
                title: title.clone(),
                category: self.label.category,
                sensitivity: self.label.flags.clone(),
                date: self.date.clone(),
                media_type: self.media_type.clone(),
                code: self.code.clone(),
            })
            .collect();
        let when = self.timing.when();
        let added = match records::add_when(&client, patient, &files, when).await? {
            Adding::Done(added) => added,
            Adding::Waits(queued) => return print(global, &queued, || goes_out(&queued)),
        };
        print(global, &added, || {
            let lines: Vec<String> = added
                .records
                .iter()
                .map(|row| match row.intake {
                    true => format!(
                        "{} is record {}. The patient has no compartment for its kind, so it waits in intake to be filed.",
                        row.file, row.record
                    ),
                    false => format!(
                        "{} is record {}, in “{}”.",
                        row.file,
                        row.record,
                        row.label.as_deref().unwrap_or(&row.compartment)
                    ),
                })
                .collect();
            lines.join("\n")
        })
    }
}

/// A chart as a table.
pub fn chart(records: &[RecordView]) -> String {
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|row| [vec![row.record.to_string()], columns(row)].concat())
        .collect();
    let mut text = table(&["no", "date", "title", "in", "by", ""], &rows);
    for row in records {
        if let Some(reason) = &row.unreadable {
            text.push_str(&format!("\nrecord {}: {reason}", row.record));
        }
    }
    format!("{}:\n{text}", count(records.len(), "record"))
}

/// What a reader sees: the records that are shared, as they come. Their numbers stand last, for
/// `salus open`, and are no list with gaps.
pub fn shared_chart(records: &[RecordView]) -> String {
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|row| [columns(row), vec![row.record.to_string()]].concat())
        .collect();
    table(&["date", "title", "in", "by", "", "open with"], &rows)
}

fn columns(row: &RecordView) -> Vec<String> {
    let mut notes = Vec::new();
    if row.state != "current" {
        notes.push(row.state.to_owned());
    }
    if let Some(by) = row.corrected_by {
        notes.push(format!("corrected by {by}"));
    }
    if let Some(original) = row.corrects {
        notes.push(format!("corrects {original}"));
    }
    if row.unreadable.is_some() {
        notes.push("cannot be read".into());
    }
    vec![
        row.date
            .as_deref()
            .and_then(|date| date.get(..10))
            .unwrap_or_default()
            .to_owned(),
        row.title.clone().unwrap_or_default(),
        row.label
            .clone()
            .unwrap_or_else(|| row.compartment.chars().take(8).chain(['…']).collect()),
        super::short(&row.author),
        notes.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_minutes_and_then_in_hours() {
        assert_eq!(ago(0, 59_999), "0 min ago");
        assert_eq!(ago(0, 119 * 60_000), "119 min ago");
        assert_eq!(ago(0, 120 * 60_000), "2 h ago");
        assert_eq!(ago(5, 0), "0 min ago", "a clock that is behind");
    }
}
