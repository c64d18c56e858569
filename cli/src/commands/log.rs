//! `salus log`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use salus_client::actions::describe::{moment, Names};
use salus_client::actions::{reads, watching};
use salus_client::persons::Secrets;
use salus_client::profile::{write_atomically, Heads};
use salus_primitives::{AccountId, PatientId};

use crate::args::Global;
use crate::context::{self, client_unless, has_profile};
use crate::output::print;
use crate::parse;

#[derive(Debug, Args)]
pub struct Log {
    /// The patient [default: the profile's only one]
    patient: Option<PatientId>,
    /// Prove that no entry is missing or changed, and that it extends what was verified before
    #[arg(long)]
    verify: bool,
    /// Write the trail to a file, one entry on each line
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    save: Option<PathBuf>,
    /// With --save: let whoever gets the file see which persons are behind an organisation's software
    #[arg(long, requires = "save", conflicts_with = "from")]
    with_persons: bool,
    /// Try this account, too, where a person is sealed: somebody who has left, or is said to have been it
    #[arg(long = "person", value_parser = parse::account, value_name = "ACCOUNT")]
    persons: Vec<AccountId>,
    /// Read a saved trail and prove it, without a node unless --verify is given, too
    #[arg(long, value_name = "FILE", conflicts_with = "patient")]
    from: Option<PathBuf>,
    /// Show only so many entries, the newest
    #[arg(long, value_name = "N")]
    newest: Option<usize>,
}

impl Log {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let mut own = None;
        let (trail, names, verified, remembered) = match &self.from {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let (trail, secrets) = watching::from_file(&text)?;
                // Somebody to whom it was handed needs none.
                let known = has_profile(global);
                let heads = match known {
                    true => context::profile(global)?.heads()?,
                    false => Heads::default(),
                };
                let remembered = watching::verify_saved(&heads, &trail)?;
                let names = match self.verify {
                    true => {
                        let client = client_unless(!known, global).await?;
                        watching::verify_saved_online(&client, &trail).await?;
                        watching::names(&client, &trail, &secrets, &self.persons).await?
                    }
                    false => Names::default(),
                };
                (trail, names, Some(true), remembered)
            }
            None => {
                let (client, patient) = context::about_patient(global, self.patient).await?;
                let trail = watching::read_own(&client, patient).await?;
                let (verified, remembered) = match self.verify {
                    true => (Some(true), watching::verify(&client, &trail).await?),
                    false => (None, None),
                };
                let secrets = watching::secrets(&client, &trail).await?;
                let names = watching::names(&client, &trail, &secrets, &self.persons).await?;
                if let Some(file) = &self.save {
                    let secrets = match self.with_persons {
                        true => secrets,
                        false => Secrets::default(),
                    };
                    write_atomically(file, watching::to_file(&trail, &secrets)?.as_bytes())?;
                }
                own = reads::read(&client, patient, &names).await?;
                if let (true, Some(own)) = (self.verify, &own) {
                    reads::verify(&client, patient, own)?;
                }
                (trail, names, verified, remembered)
            }
        };
        let mut log = watching::log(&trail, &names);
        log.verified = verified;
        log.remembered = remembered;
        log.reads = own;
        if let Some(newest) = self.newest {
            let skipped = log.entries.len().saturating_sub(newest);
            log.entries.drain(..skipped);
            if let Some(own) = &mut log.reads {
                let skipped = own.entries.len().saturating_sub(newest);
                own.entries.drain(..skipped);
            }
        }
        print(global, &log, || {
            let mut lines: Vec<String> = log
                .entries
                .iter()
                .map(|entry| format!("{:>4}  {}  {}", entry.n, moment(entry.moment), entry.text))
                .collect();
            let outcome = match (verified, &log.remembered, self.from.is_some(), self.verify) {
                (None, ..) => "Not verified: add --verify.".into(),
                (Some(_), _, true, true) => {
                    format!("The saved trail is whole: its {} entries are those that the chain keeps.", log.head.count)
                }
                (Some(_), None, true, false) => format!(
                    "The saved trail of {} entries fits its own head. This profile remembers no head to compare it with: add --verify to ask a node.",
                    log.head.count
                ),
                (Some(_), Some(seen), true, false) => format!(
                    "The saved trail of {} entries is whole, and fits the head of {} entries that this profile remembers.",
                    log.head.count, seen.count
                ),
                (Some(_), None, ..) => {
                    format!("Verified: all {} entries, none missing, none changed. Remembered for the next time.", log.head.count)
                }
                (Some(_), Some(seen), ..) => format!(
                    "Verified: all {} entries, none missing, none changed; it extends the {} that were verified before.",
                    log.head.count, seen.count
                ),
            };
            lines.push(outcome);
            if let Some(own) = &log.reads {
                lines.push(String::new());
                lines.push("Read by you and by who decides with you; only you see this:".into());
                lines.extend(
                    own.entries
                        .iter()
                        .map(|read| format!("      {}  {}", moment(read.moment), read.text)),
                );
                lines.extend(own.vaults.iter().map(|at| at.sentence(&names)));
            }
            lines.join("\n")
        })
    }
}
