//! `salus keyring`.

use clap::Subcommand;
use salus_client::actions::identity::{self, FormerRow};
use salus_client::actions::Client;
use salus_client::files::age::EncryptionKey;
use salus_client::keyring::Holder;
use salus_primitives::{Cid, Moment};
use serde_json::json;

use super::record::{ago, kept_until, passed_over, read_back};
use super::recovery::untouched;
use super::share::finished;
use super::short;
use crate::args::{About, Global};
use crate::context::about_patient;
use crate::output::{count, print, table};
use crate::parse;

#[derive(Debug, Subcommand)]
pub enum Keyring {
    /// Show what the keyring holds, without its secrets
    Show {
        #[command(flatten)]
        about: About,
    },
    /// Make every key anew: after a device was lost
    Rotate {
        #[command(flatten)]
        about: About,
    },
    /// Put the sealed keyring into the vault, for your other devices
    Save {
        #[command(flatten)]
        about: About,
    },
    /// Fetch the sealed keyring from the vault, on a device that may open it
    Fetch {
        #[command(flatten)]
        about: About,
    },
    /// Name a keyring again that was replaced within 72 hours, and fetch it
    Restore {
        /// The keyring [default: the one that this profile knows, or the newest that this device opens]
        #[arg(long, value_parser = parse::cid, value_name = "CID")]
        content: Option<Cid>,
        /// Only show what is kept
        #[arg(long, conflicts_with = "content")]
        list: bool,
        #[command(flatten)]
        about: About,
    },
    /// Which devices may open the keyring
    #[command(subcommand)]
    Device(Device),
}

#[derive(Debug, Subcommand)]
pub enum Device {
    /// Let another device open it; `salus keys show` tells its key there
    Add {
        /// A name for the device
        name: String,
        /// The device's key, age1…
        key: EncryptionKey,
        #[command(flatten)]
        about: About,
    },
    /// Shut a device out; rotate the keys, too
    Remove {
        /// The device's name
        name: String,
        #[command(flatten)]
        about: About,
    },
}

impl Keyring {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Keyring::Show { about } => {
                let profile = crate::context::profile(global)?;
                let unlocked = crate::context::unlock(global, &profile)?;
                let patient = Client::which(&profile, about.patient)?;
                let keyring = Client::kept(&profile, &unlocked.device, patient)?;
                let view = identity::view(&keyring);
                print(global, &view, || {
                    let rows: Vec<Vec<String>> = view
                        .compartments
                        .iter()
                        .map(|row| {
                            let epochs: Vec<String> =
                                row.epochs.iter().map(u32::to_string).collect();
                            vec![row.id.clone(), row.label.clone(), epochs.join(" ")]
                        })
                        .collect();
                    format!(
                        "Keyring of patient {}, revision {}.\nIt can be opened by: {}.\n\n{}",
                        view.patient,
                        view.revision,
                        names(&view.holders),
                        table(&["compartment", "label", "epochs"], &rows)
                    )
                })
            }
            Keyring::Rotate { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let rotated = identity::rotate_all(&client, patient).await?;
                print(global, &rotated, || {
                    format!(
                        "{} and the inbox have new keys. Records that were written before keep theirs: `salus record relocate` encrypts one anew.{}{}",
                        count(rotated.rotated.len(), "compartment"),
                        untouched(&rotated.missing),
                        finished(rotated.resumed)
                    )
                })
            }
            Keyring::Save { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let saved = identity::save_own_keyring(&client, patient).await?;
                print(global, &saved, || {
                    format!(
                        "Revision {} of the keyring is in the vault. It can be opened by: {}.",
                        saved.revision,
                        names(&saved.holders)
                    )
                })
            }
            Keyring::Fetch { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let fetched = identity::fetch_keyring(&client, patient).await?;
                print(global, &fetched, || match fetched.updated {
                    true => format!(
                        "This profile has revision {} of the keyring now.",
                        fetched.revision
                    ),
                    false => "This profile's keyring is as new as the vault's.".into(),
                })
            }
            Keyring::Restore {
                content,
                list,
                about,
            } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                if list {
                    let now = client.clock().await?;
                    let formers = identity::former_keyrings(&client, patient).await?;
                    return print(global, &json!({ "formers": formers }), || {
                        kept(&formers, now)
                    });
                }
                let restored = identity::restore_keyring(&client, patient, content).await?;
                print(global, &restored, || {
                    format!(
                        "The keyring is {} again.{}{}",
                        restored.cid,
                        read_back(restored.unread.as_deref()),
                        passed_over(&restored.passed_over)
                    )
                })
            }
            Keyring::Device(Device::Add { name, key, about }) => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let holders = identity::add_device(&client, patient, &name, &key).await?;
                print(global, &holders, || {
                    format!("The keyring can be opened by: {}.", names(&holders.holders))
                })
            }
            Keyring::Device(Device::Remove { name, about }) => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let holders = identity::remove_device(&client, patient, &name).await?;
                print(global, &holders, || {
                    format!(
                        "The keyring can be opened by: {}. {name} keeps what it has seen: run `salus keyring rotate`, too.",
                        names(&holders.holders)
                    )
                })
            }
        }
    }
}

fn kept(formers: &[FormerRow], now: Moment) -> String {
    if formers.is_empty() {
        return "Nothing is kept but the present keyring.".into();
    }
    let rows: Vec<Vec<String>> = formers
        .iter()
        .map(|row| {
            vec![
                row.cid.clone(),
                short(&row.replaced_by),
                row.replaced_at.map(|at| ago(at, now)).unwrap_or_default(),
                kept_until(row.until),
                match row.known {
                    true => "this profile's".into(),
                    false => String::new(),
                },
            ]
        })
        .collect();
    table(
        &["keyring", "replaced by", "replaced", "kept until", ""],
        &rows,
    )
}

fn names(holders: &[Holder]) -> String {
    let names: Vec<&str> = holders.iter().map(|holder| holder.name.as_str()).collect();
    names.join(", ")
}
