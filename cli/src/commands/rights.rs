//! `salus export`, `salus disclosures`, `salus erase-all`.

use std::io::BufRead;
use std::path::PathBuf;

use anyhow::{bail, ensure, Context};
use clap::Args;
use salus_client::actions::describe::moment;
use salus_client::actions::rights::{self, ErasedAll, Failed, Stage};
use salus_client::disclosures::{Accounting, Row};
use salus_client::profile::write_atomically;
use salus_primitives::PatientId;
use serde_json::json;

use crate::args::{About, Global};
use crate::context::about_patient;
use crate::output::{count, print, table, write};
use crate::parse::{self, When};

#[derive(Debug, Args)]
pub struct Export {
    /// A new or an empty folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub struct Disclosures {
    /// From this time on, such as 2026-05-01
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    from: Option<When>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = parse::when)]
    to: Option<When>,
    /// A table for spreadsheets
    #[arg(long)]
    csv: bool,
    /// What was tried and refused, instead of what was given
    #[arg(long)]
    refused: bool,
    /// Write to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub struct EraseAll {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Call off what is still waiting
    #[arg(long, conflicts_with = "yes")]
    cancel: bool,
    #[command(flatten)]
    about: About,
}

impl Export {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let exported = rights::export(&client, patient, &self.out).await?;
        print(global, &exported, || {
            let mut lines = vec![format!(
                "{} and the trail of {} are in {}, readable by everybody who gets at that folder: begin with index.html.",
                count(exported.records, "record"),
                count(exported.entries as usize, "event"),
                exported.folder
            )];
            if exported.erased > 0 {
                lines.push(format!(
                    "{} had been erased before.",
                    count(exported.erased, "record")
                ));
            }
            let left = exported.unreadable.iter();
            lines.extend(left.map(|row| format!("Not there: {}: {}", row.what, row.why)));
            lines.join("\n")
        })?;
        ensure!(
            exported.unreadable.is_empty(),
            "{} could not be read; the folder says which and why. Try again later, into another folder",
            count(exported.unreadable.len(), "thing")
        );
        Ok(())
    }
}

impl Disclosures {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let now = client.clock().await?;
        let at = |when: Option<When>| when.map(|when| when.from(now));
        let accounting = rights::disclosures(&client, patient, at(self.from), at(self.to)).await?;
        let content = match (self.csv, global.machine()) {
            (true, _) => Some(accounting.csv(self.refused)?),
            (false, true) if self.out.is_some() => {
                Some(serde_json::to_string_pretty(&accounting)? + "\n")
            }
            (false, true) => None,
            (false, false) => Some(self.text(&accounting) + "\n"),
        };
        let Some(content) = content else {
            return print(global, &accounting, String::new);
        };
        let Some(file) = &self.out else {
            return write(content.trim_end());
        };
        write_atomically(file, content.as_bytes())?;
        let written = json!({
            "patient": accounting.patient,
            "file": file.display().to_string(),
            "disclosures": accounting.disclosures.len(),
            "refused": accounting.refused.len(),
        });
        print(global, &written, || {
            format!(
                "{} and {} are accounted for; the account is in {}.",
                count(accounting.disclosures.len(), "disclosure"),
                count(accounting.refused.len(), "refusal"),
                file.display()
            )
        })
    }

    fn text(&self, accounting: &Accounting) -> String {
        let rows: Vec<Vec<String>> = match self.refused {
            true => accounting
                .refused
                .iter()
                .map(|row| cells(row, "refused"))
                .collect(),
            false => accounting
                .disclosures
                .iter()
                .map(|known| cells(&known.row, known.delivered.unwrap_or("no")))
                .collect(),
        };
        let head = [
            "date",
            "by",
            "of",
            "record",
            "in",
            "part",
            "purpose",
            "handed out",
        ];
        let rest = match self.refused {
            true => format!("{}.", count(accounting.disclosures.len(), "disclosure")),
            false => format!(
                "{}: `salus disclosures --refused` lists them.",
                count(accounting.refused.len(), "refusal")
            ),
        };
        format!(
            "{}\nBeside them {rest}\nFrom the verified trail of {}.",
            table(&head, &rows),
            count(accounting.entries as usize, "event")
        )
    }
}

/// The person, where an organisation's software signed for one, else who signed.
fn by(row: &Row) -> String {
    match (&row.person, row.role) {
        (Some(person), Some(role)) => {
            let role = format!("{role:?}").to_lowercase();
            format!("{} ({role})", super::short(person))
        }
        (Some(person), None) => super::short(person),
        (None, _) => super::short(&row.reader),
    }
}

fn cells(row: &Row, delivered: &str) -> Vec<String> {
    vec![
        row.date.clone(),
        by(row),
        row.organisation_name.clone(),
        row.record.to_string(),
        row.label.clone().unwrap_or_default(),
        row.part.into(),
        row.purpose.unwrap_or_default().into(),
        delivered.into(),
    ]
}

impl EraseAll {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        if self.cancel {
            let kept = rights::keep_all(&client, patient).await?;
            print(global, &kept, || {
                format!(
                    "{} stay. Grants that were ended stay ended.",
                    count(kept.kept.len(), "record")
                )
            })?;
            return all_done(&kept.failed);
        }
        if !self.yes {
            confirm(&patient)?;
        }
        let erased = rights::erase_all(&client, patient).await?;
        print(global, &erased, || erased_text(&erased))?;
        all_done(&erased.failed)
    }
}

fn confirm(patient: &PatientId) -> anyhow::Result<()> {
    eprintln!(
        "This ends all grants of patient {patient} now, erases all records in all vaults after 72 hours, and then \
         destroys their keys. Then nobody can bring them back, you neither: `salus export` makes a copy first."
    );
    eprint!("Type the patient's id to go on: ");
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    read.context("cannot read the answer")?;
    match typed.trim() == patient.to_string() {
        true => Ok(()),
        false => {
            bail!("that is not the patient's id: nothing was erased. Without a terminal, say --yes")
        }
    }
}

fn all_done(failed: &[Failed]) -> anyhow::Result<()> {
    ensure!(
        failed.is_empty(),
        "{} could not be done; run the same command again. The first: {}: {}",
        count(failed.len(), "thing"),
        failed[0].what,
        failed[0].why
    );
    Ok(())
}

fn erased_text(erased: &ErasedAll) -> String {
    let mut lines = Vec::new();
    if !erased.revoked.is_empty() {
        lines.push(format!("{} ended.", count(erased.revoked.len(), "grant")));
    }
    match (erased.stage, erased.until) {
        (Stage::Erased, _) => lines.push(
            "All records are erased: vaults delete the files, and the keys are destroyed.".into(),
        ),
        (Stage::Waiting, Some(until)) => lines.push(format!(
            "Records are erased from {} on: run `salus erase-all` again then. Until then: `salus erase-all --cancel`.",
            moment(until)
        )),
        (Stage::Waiting, None) => {
            lines.push("Not everything is done yet: run `salus erase-all` again.".into())
        }
    }
    if let Some(keys) = &erased.keys {
        if !keys.other_holders.is_empty() {
            lines.push(format!(
                "Others that could open the keyring keep the keys until they fetch it anew, a printed kit for ever: {}.",
                keys.other_holders.join(", ")
            ));
        }
    }
    let remains = &erased.remains;
    lines.push(format!(
        "What remains on the chain, without files, keys and salts: {}, and the rows of {}, {}, {}, {}, {} and {}. What was read was read.",
        count(remains.entries as usize, "event"),
        count(remains.records, "record"),
        count(remains.grants, "grant"),
        count(remains.requests, "request"),
        count(remains.corrections, "correction"),
        count(remains.compartments, "compartment"),
        count(remains.controllers, "controller")
    ));
    lines.extend(remains.unconfirmed.iter().map(|row| {
        let organisations: Vec<String> = row.organisations.iter().map(u32::to_string).collect();
        format!(
            "Record {}: not yet confirmed by organisations {}.",
            row.record,
            organisations.join(", ")
        )
    }));
    lines.join("\n")
}
