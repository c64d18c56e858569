//! `salus org` and `salus clinician`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use salus_client::actions::describe::moment;
use salus_client::actions::identity;
use salus_client::actions::organisation;
use salus_client::actions::Client;
use salus_client::profile::write_atomically;
use salus_client::vault::{Reach, VaultUrl};
use salus_client::Error;
use salus_primitives::{AccountId, ClinicianRole, Moment, OrgId, OrganisationKind};
use serde_json::json;

use super::consent::read_credential;
use super::council::outcome;
use super::short;
use crate::args::Global;
use crate::context::client_unless;
use crate::output::{print, table};
use crate::parse;

#[derive(Debug, Subcommand)]
pub enum Org {
    /// Admit an organisation; the council decides
    Admit {
        /// Its name, for people
        name: String,
        /// What it is
        #[arg(long, ignore_case = true, value_parser = parse::organisation_kind())]
        kind: OrganisationKind,
        /// Its admin's account
        #[arg(long, value_parser = parse::account)]
        admin: AccountId,
        /// Its vault's address, if it runs one
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            value_name = "URL"
        )]
        vault_url: String,
    },
    /// Suspend an organisation, and so everyone in it; the council decides
    Suspend {
        /// Its number
        organisation: OrgId,
    },
    /// End a suspension; the council decides
    Reinstate {
        /// Its number
        organisation: OrgId,
    },
    /// Name another admin: two thirds of the council, then announced
    SetAdmin {
        /// Its number
        organisation: OrgId,
        /// The new admin's account
        #[arg(value_parser = parse::account)]
        admin: AccountId,
    },
    /// All organisations
    List,
    /// Change your organisation's name or vault; by its admin
    Profile(OrgProfile),
    /// Publish a new encryption key of your organisation; by its admin
    Publish,
    /// Say that you have checked an organisation's new admin on another channel
    Trust {
        /// Its number
        organisation: OrgId,
    },
    /// Hand your organisation's keys to one of its people
    #[command(subcommand)]
    Key(OrgKey),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct OrgProfile {
    /// The new name
    #[arg(long)]
    name: Option<String>,
    /// The vault's new address; empty for none
    #[arg(long, value_name = "URL")]
    vault_url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum OrgKey {
    /// Seal the keys to an account of the organisation, in a file
    Give {
        /// The account; it must have published a key
        #[arg(value_parser = parse::account)]
        account: AccountId,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take the keys over from such a file
    Take {
        /// The file
        file: PathBuf,
    },
}

impl Org {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = client_unless(matches!(self, Org::List), global).await?;
        match self {
            Org::Admit {
                name,
                kind,
                admin,
                vault_url,
            } => {
                ensure_reached(&client, &vault_url).await?;
                let proposed =
                    organisation::admit(&client, &name, kind, &admin, &vault_url).await?;
                print(global, &proposed, || {
                    let number = proposed.outcome.organisation.unwrap_or_default();
                    outcome(&proposed, &format!("{name} is organisation {number} now."))
                })
            }
            Org::Suspend { organisation } => {
                let proposed = organisation::suspend(&client, organisation).await?;
                print(global, &proposed, || {
                    outcome(
                        &proposed,
                        &format!("Organisation {organisation} is suspended, and everyone in it."),
                    )
                })
            }
            Org::Reinstate { organisation } => {
                let proposed = organisation::reinstate(&client, organisation).await?;
                print(global, &proposed, || {
                    outcome(
                        &proposed,
                        &format!("Organisation {organisation} is reinstated."),
                    )
                })
            }
            Org::SetAdmin {
                organisation,
                admin,
            } => {
                let proposed = organisation::set_admin(&client, organisation, &admin).await?;
                print(global, &proposed, || {
                    outcome(
                        &proposed,
                        &format!("{admin} is the admin of organisation {organisation} now."),
                    )
                })
            }
            Org::List => {
                let organisations = organisation::list(&client).await?;
                print(global, &json!({ "organisations": organisations }), || {
                    let rows: Vec<Vec<String>> = organisations
                        .iter()
                        .map(|row| {
                            vec![
                                row.organisation.to_string(),
                                row.name.clone(),
                                format!("{:?}", row.kind).to_lowercase(),
                                short(&row.admin),
                                match row.suspended_at {
                                    Some(_) => "suspended".into(),
                                    None => row.vault_url.clone(),
                                },
                            ]
                        })
                        .collect();
                    table(&["no", "name", "kind", "admin", "vault"], &rows)
                })
            }
            Org::Profile(OrgProfile { name, vault_url }) => {
                ensure_reached(&client, vault_url.as_deref().unwrap_or_default()).await?;
                let changed =
                    organisation::set_profile(&client, name.as_deref(), vault_url.as_deref())
                        .await?;
                print(global, &changed, || {
                    format!(
                        "{} has its vault at {}.",
                        changed.name,
                        match changed.vault_url.as_str() {
                            "" => "no address",
                            url => url,
                        }
                    )
                })
            }
            Org::Publish => {
                let published = organisation::publish(&client).await?;
                print(global, &published, || {
                    "People can share with your organisation now. This profile holds its key."
                        .into()
                })
            }
            Org::Trust { organisation } => {
                let trusted = organisation::trust(&client, organisation).await?;
                print(global, &trusted, || {
                    format!(
                        "{} counts as the admin of organisation {organisation}.",
                        trusted.admin
                    )
                })
            }
            Org::Key(OrgKey::Give { account, out }) => {
                let (organisation, sealed) = organisation::give_key(&client, &account).await?;
                write_atomically(&out, &sealed)?;
                print(
                    global,
                    &json!({"organisation": organisation, "file": out}),
                    || {
                        format!(
                            "Give {} to that person, who runs `salus org key take`.",
                            out.display()
                        )
                    },
                )
            }
            Org::Key(OrgKey::Take { file }) => {
                let sealed = std::fs::read(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let organisation = organisation::take_key(&client, &sealed).await?;
                print(global, &json!({ "organisation": organisation }), || {
                    format!(
                        "This profile opens what is shared with organisation {organisation} now."
                    )
                })
            }
        }
    }
}

/// Refuses a vault's address that each client would refuse later.
async fn ensure_reached(client: &Client, vault_url: &str) -> anyhow::Result<()> {
    if vault_url.is_empty() {
        return Ok(());
    }
    let is_near = client.chain.is_development().await.map_err(Error::from)?;
    let reach = match is_near || client.profile.is_insecure() {
        true => Reach::Development,
        false => Reach::Public,
    };
    VaultUrl::parse(vault_url, reach)
        .map(|_| ())
        .context("nobody's client would go to this vault. A consortium whose vaults are all in one private network says so when it is founded, with private_network = true")
}

#[derive(Debug, Subcommand)]
pub enum Clinician {
    /// Vouch for an account; by your organisation's admin
    Credential {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
        /// What that person, or software, does
        #[arg(long, ignore_case = true, value_parser = parse::clinician_role())]
        role: ClinicianRole,
        /// For how long
        #[arg(long = "for", default_value = "1y", value_parser = parse::duration, value_name = "DURATION")]
        duration: Moment,
        /// That person's consent, by `salus consent credential`; to renew, none is needed
        #[arg(long, value_name = "FILE")]
        consent: Option<PathBuf>,
    },
    /// Suspend someone, at once; by the admin
    Suspend {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
    },
    /// End a suspension; by the admin
    Reinstate {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
    },
    /// Someone leaves; by the admin, or that person
    End {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
    },
    /// The people whom organisations vouch for
    List {
        /// Of this organisation only
        #[arg(long)]
        organisation: Option<OrgId>,
    },
    /// Publish your own encryption key, so that patients can share with you
    Publish,
}

impl Clinician {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let only_reads = matches!(self, Clinician::List { .. });
        let client = client_unless(only_reads, global).await?;
        match self {
            Clinician::Credential {
                account,
                role,
                duration,
                consent,
            } => {
                let consent = consent.as_deref().map(read_credential).transpose()?;
                let consent = consent.as_ref();
                let done =
                    organisation::credential(&client, &account, role, duration, consent).await?;
                print(global, &done, || {
                    format!(
                        "Organisation {} vouches for {account} until {}.",
                        done.organisation,
                        done.valid_until.map(moment).unwrap_or_default()
                    )
                })
            }
            Clinician::Suspend { account } => {
                let done = organisation::suspend_clinician(&client, &account).await?;
                print(global, &done, || format!("{account} is suspended."))
            }
            Clinician::Reinstate { account } => {
                let done = organisation::reinstate_clinician(&client, &account).await?;
                print(global, &done, || format!("{account} is reinstated."))
            }
            Clinician::End { account } => {
                let done = organisation::end_credential(&client, &account).await?;
                print(global, &done, || {
                    format!(
                        "Organisation {} no longer vouches for {account}.",
                        done.organisation
                    )
                })
            }
            Clinician::List { organisation } => {
                let clinicians = organisation::clinicians(&client, organisation).await?;
                print(global, &json!({ "clinicians": clinicians }), || {
                    let rows: Vec<Vec<String>> = clinicians
                        .iter()
                        .map(|row| {
                            vec![
                                row.account.clone(),
                                row.organisation.to_string(),
                                format!("{:?}", row.role).to_lowercase(),
                                moment(row.valid_until),
                                match (row.active, row.has_key) {
                                    (false, _) => "not in good standing".into(),
                                    (true, false) => "no key published".into(),
                                    (true, true) => String::new(),
                                },
                            ]
                        })
                        .collect();
                    table(&["account", "org", "role", "valid until", ""], &rows)
                })
            }
            Clinician::Publish => {
                let published = identity::publish(&client).await?;
                print(global, &published, || {
                    "Patients can share with you now.".into()
                })
            }
        }
    }
}
