//! `salus correct`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use salus_client::actions::corrections::{self, Replacement};
use salus_client::actions::describe::moment;
use salus_client::taxonomy::{Category, Sensitivity};
use salus_primitives::{CorrectionIndex, PatientId, RecordIndex};
use serde_json::json;

use crate::args::{About, Acting, Global};
use crate::context::client;
use crate::output::print;
use crate::parse;
use crate::words::{self, Title};

#[derive(Debug, Subcommand)]
pub enum Correct {
    /// Ask for a record to be corrected; by who decides for the patient
    Ask {
        /// The record's number
        record: RecordIndex,
        /// A file that says what is wrong, and what is right; or - to write it
        #[arg(long, value_name = "FILE")]
        letter: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// Correct it as asked; by the author or the author's organisation
    Accept {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        replacement: Replacing,
    },
    /// Correct it in part of what was asked, and say why
    Partly {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        replacement: Replacing,
        /// A file that says why not all; or - to write it
        #[arg(long, value_name = "FILE")]
        letter: PathBuf,
    },
    /// Refuse to correct, and say why
    Deny {
        #[command(flatten)]
        which: Which,
        /// A file that says why; or - to write it
        #[arg(long, value_name = "FILE")]
        letter: PathBuf,
    },
    /// Take 30 more days, once
    Extend {
        #[command(flatten)]
        which: Which,
    },
    /// State that you disagree with a denial; by who decides for the patient
    Disagree {
        /// The correction's number
        correction: CorrectionIndex,
        /// A file with your statement; or - to write it
        #[arg(long, value_name = "FILE")]
        letter: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// Answer such a statement, for the last time
    Rebut {
        #[command(flatten)]
        which: Which,
        /// A file with the answer; or - to write it
        #[arg(long, value_name = "FILE")]
        letter: PathBuf,
    },
    /// Correct a record unasked; by its author
    Make {
        /// The patient
        patient: PatientId,
        /// The wrong record's number
        record: RecordIndex,
        #[command(flatten)]
        replacement: Replacing,
    },
    /// The patient's corrections; and what you have read that was corrected since
    List {
        #[command(flatten)]
        about: About,
    },
}

#[derive(Debug, Args)]
pub struct Which {
    /// The patient
    patient: PatientId,
    /// The correction's number
    correction: CorrectionIndex,
}

#[derive(Debug, Args)]
pub struct Replacing {
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    title: Title,
    /// The file's media type [default: told by its ending]
    #[arg(long, requires = "file")]
    media_type: Option<String>,
    /// What the file is [default: as the wrong record]
    #[arg(long, requires = "file", ignore_case = true, value_parser = parse::category())]
    category: Option<Category>,
    /// Why it needs more care [default: as the wrong record]
    #[arg(long = "sensitivity", requires = "category", ignore_case = true, value_parser = parse::sensitivity(), value_name = "FLAG")]
    flags: Vec<Sensitivity>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct By {
    /// The record that is right
    #[arg(long = "with", value_name = "RECORD")]
    with: Option<RecordIndex>,
    /// A file with what is right, which is added first
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl TryFrom<Replacing> for Replacement {
    type Error = anyhow::Error;

    fn try_from(replacing: Replacing) -> anyhow::Result<Self> {
        Ok(match (replacing.by.with, replacing.by.file) {
            (Some(_), _) if replacing.title.is_given() => {
                anyhow::bail!("a title is for a file: the record has one")
            }
            (Some(record), _) => Replacement::Record(record),
            (None, file) => Replacement::File {
                path: file.unwrap_or_default(),
                title: replacing.title.read()?,
                media_type: replacing.media_type,
                category: replacing.category,
                sensitivity: replacing.flags,
            },
        })
    }
}

impl Correct {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let acting = match &self {
            Correct::Accept { replacement, .. }
            | Correct::Partly { replacement, .. }
            | Correct::Make { replacement, .. } => replacement.acting.clone(),
            _ => Acting::default(),
        };
        let client = acting.on(client(global).await?);
        match self {
            Correct::Ask {
                record,
                letter,
                about,
            } => {
                let patient = client.patient(about.patient)?;
                let client = client.acting_for(patient)?;
                let asked =
                    corrections::ask(&client, patient, record, &words::letter(&letter)?).await?;
                print(global, &asked, || {
                    format!(
                        "Correction {} of record {record} is asked for; the answer is due on {}.",
                        asked.correction,
                        asked.due_at.map(moment).unwrap_or_default()
                    )
                })
            }
            Correct::Accept { which, replacement } => {
                let done = corrections::accept(
                    &client,
                    which.patient,
                    which.correction,
                    &replacement.try_into()?,
                    None,
                )
                .await?;
                print(global, &done, || corrected(&done))
            }
            Correct::Partly {
                which,
                replacement,
                letter,
            } => {
                let done = corrections::accept(
                    &client,
                    which.patient,
                    which.correction,
                    &replacement.try_into()?,
                    Some(&words::letter(&letter)?),
                )
                .await?;
                print(global, &done, || corrected(&done))
            }
            Correct::Deny { which, letter } => {
                let done = corrections::deny(
                    &client,
                    which.patient,
                    which.correction,
                    &words::letter(&letter)?,
                )
                .await?;
                print(global, &done, || {
                    "The correction is denied; the patient can disagree.".into()
                })
            }
            Correct::Extend { which } => {
                let done = corrections::extend(&client, which.patient, which.correction).await?;
                print(global, &done, || {
                    format!(
                        "The answer is due on {} now.",
                        done.due_at.map(moment).unwrap_or_default()
                    )
                })
            }
            Correct::Disagree {
                correction,
                letter,
                about,
            } => {
                let patient = client.patient(about.patient)?;
                let client = client.acting_for(patient)?;
                let done =
                    corrections::disagree(&client, patient, correction, &words::letter(&letter)?)
                        .await?;
                print(global, &done, || {
                    "Your statement travels with the record.".into()
                })
            }
            Correct::Rebut { which, letter } => {
                let done = corrections::rebut(
                    &client,
                    which.patient,
                    which.correction,
                    &words::letter(&letter)?,
                )
                .await?;
                print(global, &done, || {
                    "Your answer travels with the record.".into()
                })
            }
            Correct::Make {
                patient,
                record,
                replacement,
            } => {
                let done =
                    corrections::make(&client, patient, record, &replacement.try_into()?).await?;
                print(global, &done, || corrected(&done))
            }
            Correct::List { about } => list(global, client, about).await,
        }
    }
}

fn corrected(done: &corrections::Answered) -> String {
    format!(
        "Record {} is corrected by record {}. The original stays; whoever opened it will hear of it.",
        done.record,
        done.replacement.unwrap_or_default()
    )
}

async fn list(
    global: &Global,
    client: salus_client::actions::Client,
    about: About,
) -> anyhow::Result<()> {
    let read = corrections::of_what_i_read(&client).await?;
    // Readers have no patient of their own: they hear of what they have read.
    let patient = match about.patient {
        Some(patient) => Some(patient),
        None => client.patient(None).ok(),
    };
    let rows = match patient {
        Some(patient) => corrections::list(&client.acting_for(patient)?, patient).await?,
        None => Vec::new(),
    };
    print(global, &json!({"corrections": rows, "read": read}), || {
        let mut lines = Vec::new();
        for row in &rows {
            let end = match (row.replacement, row.overdue) {
                (Some(by), _) => format!(" by record {by}"),
                (None, true) => format!(", overdue since {}", moment(row.due_at)),
                (None, false) => String::new(),
            };
            lines.push(format!(
                "Correction {} of record {}: {}{end}.",
                row.correction, row.record, row.state
            ));
            for letter in &row.letters {
                let text = letter.text.as_deref().or(letter.unreadable.as_deref());
                lines.push(format!(
                    "  {}: “{}”",
                    letter.stage,
                    text.unwrap_or_default()
                ));
            }
        }
        for row in &read {
            lines.push(row.to_string());
        }
        match lines.is_empty() {
            true => "Nothing was corrected, and nothing waits to be.".into(),
            false => lines.join("\n"),
        }
    })
}
