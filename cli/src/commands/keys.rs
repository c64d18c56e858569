//! `salus keys`.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;
use salus_client::actions::accounts::{self, FoundAccount};
use salus_client::keys::{AccountKey, Words};
use salus_client::profile::{write_new, Profile, Unlocked, WORK_FACTOR};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::args::Global;
use crate::context::{self, ask, client, folder, new_passphrase, passphrase, secret_file};
use crate::output::print;

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a new account; its phrase is shown once: write it down
    New {
        /// Words of the phrase: 12 or 24
        #[arg(long, default_value = "24", value_parser = ["12", "24"])]
        words: String,
        /// Write the phrase to this new file instead of showing it
        #[arg(long, value_name = "FILE")]
        phrase_out: Option<PathBuf>,
    },
    /// Bring an account back from its phrase
    Import {
        /// A file with the phrase, instead of a prompt
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
    },
    /// Find the accounts with which this phrase acts for patients; after `import`
    Find,
    /// Show the accounts, and where their profile is
    Show,
    /// Change the profile's passphrase
    Passphrase {
        /// A file with the new passphrase, instead of a prompt
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Made {
    profile: String,
    account: String,
    account_hex: String,
    device: String,
}

impl Made {
    fn of(profile: &Profile, unlocked: &Unlocked) -> Self {
        Self {
            profile: profile.folder().display().to_string(),
            account: unlocked.account.account().to_string(),
            account_hex: unlocked.account.account_hex(),
            device: unlocked.device.public().to_string(),
        }
    }
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    made: Made,
    insecure: bool,
    node: Option<String>,
    genesis: Option<String>,
    vault: Option<String>,
    patient: Option<String>,
    patients: Vec<String>,
    /// With which account of the phrase each of them is acted for.
    accounts: Vec<ForPatient>,
}

#[derive(Serialize)]
struct ForPatient {
    patient: String,
    path: String,
    account: String,
}

impl Keys {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Keys::New { words, phrase_out } => new(global, &words, phrase_out),
            Keys::Import { phrase_file } => {
                Profile::check_free(&folder(global)?)?;
                let phrase = match phrase_file {
                    Some(file) => secret_file(&file)?,
                    None => ask("Phrase: ")?,
                };
                AccountKey::from_phrase(&phrase)?;
                let passphrase = new_passphrase(global.passphrase_file.as_deref())?;
                make(global, &phrase, &passphrase, true)
            }
            Keys::Find => {
                let found = accounts::find(&client(global).await?).await?;
                print(
                    global,
                    &serde_json::json!({ "accounts": found }),
                    || match found.is_empty() {
                        true => "This phrase acts for nobody yet.".into(),
                        false => listed(&found),
                    },
                )
            }
            Keys::Show => show(global),
            Keys::Passphrase {
                new_passphrase_file,
            } => {
                let profile = context::profile(global)?;
                if profile.is_insecure() {
                    bail!("a development profile has no passphrase");
                }
                let old = passphrase(global)?;
                let new = new_passphrase(new_passphrase_file.as_deref())?;
                profile.change_passphrase(&old, &new, WORK_FACTOR)?;
                let result = serde_json::json!({"profile": profile.folder().display().to_string()});
                print(global, &result, || "The passphrase was changed.".into())
            }
        }
    }
}

fn new(global: &Global, words: &str, phrase_out: Option<PathBuf>) -> anyhow::Result<()> {
    if global.insecure_dev_key.is_some() {
        let profile = context::profile(global)?;
        let made = Made::of(&profile, &profile.unlock("")?);
        return print(global, &made, || {
            format!(
                "{} now uses the public development key of {}.",
                made.profile, made.account
            )
        });
    }
    if phrase_out.is_none() && !std::io::stderr().is_terminal() {
        bail!(
            "the phrase would be shown to nobody: run this in a terminal, or use --phrase-out FILE"
        );
    }
    // Whatever can go wrong does so before there is a phrase that somebody would write down.
    Profile::check_free(&folder(global)?)?;
    let passphrase = new_passphrase(global.passphrase_file.as_deref())?;
    let words = match words {
        "12" => Words::Twelve,
        _ => Words::TwentyFour,
    };
    let (phrase, _) = AccountKey::generate(words)?;
    match &phrase_out {
        Some(file) => write_new(file, Zeroizing::new(format!("{}\n", *phrase)).as_bytes())?,
        None => eprintln!(
            "Write these words down, in this order, and keep them where nobody else finds them:\n\n  {}\n",
            *phrase
        ),
    }
    make(global, &phrase, &passphrase, false)
}

fn listed(found: &[FoundAccount]) -> String {
    let lines = found.iter().map(|row| {
        let whom = match row.patients.is_empty() {
            true => "nobody any more".to_owned(),
            false => row.patients.join(", "),
        };
        format!("{}  {}  acts for {whom}", row.path, row.account)
    });
    let lines: Vec<String> = lines.collect();
    format!(
        "{}\n`salus recovery restore` brings a patient's keys to this device.",
        lines.join("\n")
    )
}

fn make(global: &Global, phrase: &str, passphrase: &str, imported: bool) -> anyhow::Result<()> {
    let profile = Profile::create(&folder(global)?, phrase, passphrase, WORK_FACTOR)?;
    if imported {
        profile.note_imported()?;
    }
    if let Some(node) = global.node.clone() {
        profile.update_config(|config| {
            config.node = Some(node);
            Ok(())
        })?;
    }
    let made = Made::of(&profile, &profile.unlock(passphrase)?);
    print(global, &made, || {
        format!(
            "Your account is {}. Its key is in {}.{}",
            made.account,
            made.profile,
            match imported {
                true =>
                    " If the phrase acts for patients: `salus keys find` looks for their accounts.",
                false => "",
            }
        )
    })
}

fn show(global: &Global) -> anyhow::Result<()> {
    let profile = context::profile(global)?;
    let unlocked = context::unlock(global, &profile)?;
    let config = profile.config()?;
    let patients = profile.care_ids()?;
    let studies = profile.study_ids()?;
    let accounts = profile.accounts()?;
    let of_care = accounts
        .iter()
        .filter(|(patient, _)| !studies.contains(patient));
    let accounts = of_care.map(|(patient, number)| ForPatient {
        patient: patient.to_string(),
        path: accounts::path(number),
        account: unlocked.account.for_patient(number).account().to_string(),
    });
    let accounts = accounts.collect();
    let shown = Shown {
        accounts,
        made: Made::of(&profile, &unlocked),
        insecure: profile.is_insecure(),
        node: config.node,
        genesis: config.genesis.map(|genesis| format!("{genesis:?}")),
        vault: config.vault,
        patient: config.patient,
        patients: patients.iter().map(|patient| patient.to_string()).collect(),
    };
    print(global, &shown, || {
        let mut lines = vec![
            format!("account  {}", shown.made.account),
            format!("         {}", shown.made.account_hex),
            format!("device   {}", shown.made.device),
            format!("profile  {}", shown.made.profile),
        ];
        if shown.insecure {
            lines.push("         not protected: for development only".into());
        }
        for (name, value) in [
            ("node", &shown.node),
            ("genesis", &shown.genesis),
            ("vault", &shown.vault),
        ] {
            if let Some(value) = value {
                lines.push(format!("{name:8} {value}"));
            }
        }
        for patient in &shown.patients {
            lines.push(format!("patient  {patient}"));
        }
        for row in &shown.accounts {
            lines.push(format!(
                "acts     for {} with {}, {}",
                row.patient, row.account, row.path
            ));
        }
        lines.join("\n")
    })
}
