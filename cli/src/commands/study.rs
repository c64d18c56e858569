//! `salus study`.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{bail, Context};
use clap::{Args, Subcommand};
use salus_client::actions::describe::moment;
use salus_client::actions::joining::{self, Begun, Joining, PartView};
use salus_client::actions::research::{self, Preview, StudyView};
use salus_client::actions::Client;
use salus_client::profile::write_atomically;
use salus_primitives::{AccountId, Balance, Moment, RecordIndex, StudyIndex};
use serde_json::json;

use crate::args::{About, Global};
use crate::context::{client_unless, has_profile};
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
    /// Take part under an id of its own, with a record that no longer says whose it is, and be paid
    ///
    /// With a record it begins: the file is for the study, which enrols you. Some hours later, without a record, it goes on.
    Join(Join),
    /// End your part in a study, or give up what you have begun
    Leave {
        /// The study's number
        study: StudyIndex,
    },
    /// End a study of your organisation, or one whose time is over; what is left goes back
    End {
        /// The study's number
        study: StudyIndex,
    },
}

#[derive(Debug, Args)]
pub struct Join {
    /// The study's number
    study: StudyIndex,
    /// The record's number; FHIR in JSON. Without it: go on, once the study has enrolled you
    record: Option<RecordIndex>,
    /// The file to give to the study, as its terms say; it names no other id of yours
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The account that enrols for the study, as its terms say [default: its organisation's software]
    #[arg(long, value_parser = parse::account, requires = "record")]
    enroller: Option<AccountId>,
    /// How long the file can be used
    #[arg(long, default_value = "7d", value_parser = parse::duration, value_name = "DURATION")]
    valid: Moment,
    /// Only show what the study would get
    #[arg(long, conflicts_with = "yes", requires = "record")]
    preview: bool,
    /// Do not ask
    #[arg(long, requires = "record")]
    yes: bool,
    #[command(flatten)]
    about: About,
}

impl Join {
    async fn run(self, global: &Global, client: Client) -> anyhow::Result<()> {
        match self.record {
            Some(record) => self.begin(global, client, record).await,
            None => self.go_on(global, client).await,
        }
    }

    async fn begin(
        self,
        global: &Global,
        client: Client,
        record: RecordIndex,
    ) -> anyhow::Result<()> {
        let study = self.study;
        let patient = client.patient(self.about.patient)?;
        let client = client.acting_for(patient)?;
        let prepared = research::prepare(&client, study, patient, record).await?;
        if self.preview {
            return print(global, &prepared.preview, || difference(&prepared.preview));
        }
        let Some(out) = self.out else {
            bail!("name the file that is for the study with --out");
        };
        if !self.yes && !agrees(global, &prepared.preview)? {
            bail!("nothing was given to the study");
        }
        let enroller = self.enroller.as_ref();
        let (file, begun) = joining::begin(&client, &prepared, enroller, self.valid).await?;
        write_atomically(&out, &file.to_json()?)?;
        let mut result = serde_json::to_value(&begun)?;
        result["file"] = json!(out);
        print(global, &result, || {
            format!(
                "Give {} to the study, as its terms say, until {}. It names an id and an account that are for this study alone; the copy waits on this device. Some hours after you were enrolled: `salus study join {study}`.",
                out.display(),
                moment(begun.expires_at)
            )
        })
    }

    async fn go_on(self, global: &Global, client: Client) -> anyhow::Result<()> {
        let study = self.study;
        let joined = match joining::join(&client, study).await? {
            Joining::Joined(joined) => joined,
            Joining::Waits(begun) => {
                if let (Some(out), Some(file)) = (&self.out, joining::consent_file(&client, study)?)
                {
                    write_atomically(out, &file.to_json()?)?;
                }
                return print(global, &begun, || waits(&begun));
            }
        };
        print(global, &joined, || {
            format!(
                "You are in study {study}, and account {} has {} credits for it. It may read record {} of {}, which is for this study alone; `salus study leave {study}` ends that.",
                joined.account, joined.price, joined.record, joined.patient
            )
        })
    }
}

fn waits(begun: &Begun) -> String {
    format!(
        "Organisation {} has not enrolled you for study {} yet. It can until {}: the same command later goes on, and with --out writes the file once more.",
        begun.organisation,
        begun.study,
        moment(begun.expires_at)
    )
}

impl Study {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        // One's own part is sealed in the profile.
        let only_reads = matches!(self, Study::List | Study::Show { .. }) && !has_profile(global);
        let client = client_unless(only_reads, global).await?;
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
            Study::Join(command) => command.run(global, client.clone()).await,
            Study::Leave { study } => {
                let left = joining::leave(&client, study).await?;
                print(global, &left, || {
                    if left.receipt.is_none() {
                        return format!(
                            "You had not joined study {study}: the copy on this device is gone, and the file is for nothing any more."
                        );
                    }
                    let erase: Vec<String> = left
                        .records
                        .iter()
                        .map(|record| {
                            format!(
                                " `salus record erase {record} --patient {}` erases your own copy.",
                                left.patient
                            )
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
                row.participants
                    .iter()
                    .map(|part| part.stage)
                    .collect::<Vec<_>>()
                    .join(", "),
            ]
        })
        .collect();
    table(
        &["study", "of", "pays", "joined", "until", "", "you"],
        &rows,
    )
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
    lines.extend(view.participants.iter().map(part));
    lines.join("\n")
}

/// In which stage one is.
fn part(part: &PartView) -> String {
    let id = format!(
        "as {}, with account {}, which are for this study alone",
        part.patient, part.account
    );
    match (part.stage, part.joined_at, part.withdrawn_at) {
        (_, Some(joined), Some(left)) => format!(
            "You joined on {} {id}, and left on {}.",
            moment(joined),
            moment(left)
        ),
        (_, Some(joined), None) => format!(
            "You joined on {} {id} (grant {}).",
            moment(joined),
            part.grant.unwrap_or_default()
        ),
        ("enrolled", ..) => {
            format!("The study has enrolled you {id}: `salus study join` goes on.")
        }
        _ => format!(
            "You have begun to join {id}: the study can enrol you until {}.",
            part.expires_at.map(moment).unwrap_or_default()
        ),
    }
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
