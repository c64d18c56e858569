//! `salus study`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{bail, Context};
use clap::Subcommand;
use salus_client::actions::describe::moment;
use salus_client::actions::research::{self, Preview, StudyView};
use salus_primitives::{Balance, RecordIndex, StudyIndex};
use serde_json::json;

use crate::args::{About, Global};
use crate::context::client;
use crate::output::{print, table, write};
use crate::parse::{self, When};

#[derive(Debug, Subcommand)]
pub enum Study {
    /// Announce a study of your organisation, and set aside what all participants will be paid
    Announce {
        /// The terms, a file that everybody may read; the chain gets its CID only, so hand it out yourself
        terms: PathBuf,
        /// Credits for each participant
        #[arg(long, value_name = "CREDITS")]
        price: Balance,
        /// How many may take part
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
        quota: u32,
        /// When it ends, such as 2026-12-31 or +30d
        #[arg(long = "ends", value_parser = parse::when, value_name = "WHEN")]
        ends: When,
    },
    /// All studies
    List,
    /// One study, and your part in it
    Show {
        /// The study's number
        study: StudyIndex,
        /// Fail if this file is not, byte for byte, the terms that were announced
        #[arg(long, value_name = "FILE")]
        terms: Option<PathBuf>,
    },
    /// Take part, with a record that no longer says whose it is, and be paid for it
    Join {
        /// The study's number
        study: StudyIndex,
        /// The record's number; FHIR in JSON
        record: RecordIndex,
        /// Only show what the study would get
        #[arg(long, conflicts_with = "yes")]
        preview: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        about: About,
    },
    /// End your part in a study
    Leave {
        /// The study's number
        study: StudyIndex,
        #[command(flatten)]
        about: About,
    },
    /// End a study of your organisation, or one whose time is over; what is left goes back
    End {
        /// The study's number
        study: StudyIndex,
    },
}

impl Study {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = client(global).await?;
        match self {
            Study::Announce {
                terms,
                price,
                quota,
                ends,
            } => {
                let ends_at = ends.from(client.clock().await?);
                let announced = research::announce(&client, &terms, price, quota, ends_at).await?;
                print(global, &announced, || {
                    format!(
                        "Study {} is announced, until {}. {} credits are set aside. Its terms are {}: hand out the file itself.",
                        announced.study,
                        moment(announced.ends_at),
                        announced.held,
                        announced.terms
                    )
                })
            }
            Study::List => {
                let studies = research::list(&client).await?;
                print(global, &json!({ "studies": studies }), || {
                    match studies.is_empty() {
                        true => "There are no studies.".into(),
                        false => list(&studies),
                    }
                })
            }
            Study::Show { study, terms } => {
                let view = research::show(&client, study, terms.as_deref()).await?;
                print(global, &view, || {
                    let mut text = about(&view);
                    if let Some(terms) = &terms {
                        text.push_str(&format!("\n{} is its terms.", terms.display()));
                    }
                    text
                })
            }
            Study::Join {
                study,
                record,
                preview,
                yes,
                about,
            } => {
                let patient = client.patient(about.patient)?;
                let client = client.acting_for(patient)?;
                let prepared = research::prepare(&client, study, patient, record).await?;
                if preview {
                    return print(global, &prepared.preview, || difference(&prepared.preview));
                }
                if !yes && !agrees(global, &prepared.preview)? {
                    bail!("nothing was given to the study");
                }
                let joined = research::join(&client, &prepared).await?;
                print(global, &joined, || {
                    format!(
                        "You are in study {study}, and have {} credits for it. It may read record {} in “{}”, and nothing else; `salus study leave {study}` ends that.",
                        joined.price, joined.record, joined.label
                    )
                })
            }
            Study::Leave { study, about } => {
                let patient = client.patient(about.patient)?;
                let client = client.acting_for(patient)?;
                let left = research::leave(&client, study, patient).await?;
                print(global, &left, || {
                    let erase: Vec<String> = left
                        .records
                        .iter()
                        .map(|record| {
                            format!(" `salus record erase {record}` erases your own copy.")
                        })
                        .collect();
                    format!(
                        "You are no longer in study {study}, and keep what you were paid. It can read nothing from now on; what it has read, it may have copied.{}",
                        erase.concat()
                    )
                })
            }
            Study::End { study } => {
                let ended = research::end(&client, study).await?;
                print(global, &ended, || {
                    format!(
                        "Study {study} has ended; {} credits went back.",
                        ended.returned
                    )
                })
            }
        }
    }
}

fn list(studies: &[StudyView]) -> String {
    let rows: Vec<Vec<String>> = studies
        .iter()
        .map(|row| {
            vec![
                row.study.to_string(),
                row.name.clone(),
                row.price.to_string(),
                format!("{} of {}", row.joined, row.quota),
                moment(row.ends_at),
                row.state.to_owned(),
            ]
        })
        .collect();
    table(&["study", "of", "pays", "joined", "until", ""], &rows)
}

fn about(view: &StudyView) -> String {
    let mut lines = vec![
        format!(
            "Study {} of {} (organisation {}) is {}: {} credits for each of {}, {} joined, until {}.",
            view.study,
            view.name,
            view.organisation,
            view.state,
            view.price,
            view.quota,
            view.joined,
            moment(view.ends_at)
        ),
        format!("Its terms are {}.", view.terms),
    ];
    for part in &view.participants {
        lines.push(match part.withdrawn_at {
            None => format!(
                "Patient {} joined on {} (grant {}).",
                part.patient,
                moment(part.joined_at),
                part.grant
            ),
            Some(at) => format!(
                "Patient {} joined on {} and left on {}.",
                part.patient,
                moment(part.joined_at),
                moment(at)
            ),
        });
    }
    lines.join("\n")
}

/// `entry[3].resource.subject` as `entry[].resource.subject`, so that a long chart fits a page.
fn without_numbers(path: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for letter in path.chars() {
        inside &= letter != ']';
        if !inside {
            kept.push(letter);
        }
        inside |= letter == '[';
    }
    kept
}

/// What the study would get, beside what the record says.
fn difference(preview: &Preview) -> String {
    let mut places: BTreeMap<(String, Option<&str>), usize> = BTreeMap::new();
    for change in &preview.changes {
        let place = (without_numbers(&change.path), change.to.as_deref());
        *places.entry(place).or_default() += 1;
    }
    let rows: Vec<Vec<String>> = places
        .into_iter()
        .map(|((path, to), times)| {
            vec![
                path,
                to.map_or("removed".into(), |to| format!("now {to}")),
                match times {
                    1 => String::new(),
                    _ => format!("{times} times"),
                },
            ]
        })
        .collect();
    let changed = match preview.changes.len() {
        1 => "one place is not as it was".to_owned(),
        several => format!("{several} places are not as they were"),
    };
    // A value always has a text.
    let document = serde_json::to_string_pretty(&preview.document).unwrap_or_default();
    format!(
        "{}\n\nOf record {}, “{}”, {}:\n{}\n\nWhat remains, and the study would read:\n{document}",
        about(&preview.study),
        preview.record,
        preview.title,
        changed,
        table(&["place", "", ""], &rows),
    )
}

fn agrees(global: &Global, preview: &Preview) -> anyhow::Result<bool> {
    if global.machine() || !io::stdin().is_terminal() {
        bail!("nobody can be asked here: look at it with --preview, then say --yes");
    }
    write(&difference(preview))?;
    eprint!(
        "\nThe study keeps what it reads, also after you leave. Give this to {} for {} credits? [y/N] ",
        preview.study.name, preview.study.price
    );
    io::stderr().flush().context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot ask")?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_one_kind_are_told_once() {
        assert_eq!(
            without_numbers("entry[12].resource.code.coding[0].display"),
            "entry[].resource.code.coding[].display"
        );
        assert_eq!(without_numbers("subject"), "subject");
    }
}
