//! `salus share`, `grants`, `revoke`, `rotate`.

use clap::Args;
use salus_client::actions::describe::moment;
use salus_client::actions::sharing::{self, GrantRow, Shared, Sharing, What, Who};
use salus_client::taxonomy::{Category, Sensitivity};
use salus_primitives::{GrantIndex, Moment, Purpose, RecordIndex, Rights};
use serde_json::json;

use super::{short, Labels};
use crate::args::{About, Global};
use crate::context::{about_patient, client};
use crate::output::{print, table};
use crate::parse::{self, When};

#[derive(Debug, Args)]
pub struct Share {
    /// With whom: an account, or org:N
    #[arg(long = "with", value_parser = parse::who, value_name = "WHO")]
    with: Who,
    #[command(flatten)]
    what: WhatArgs,
    /// For how long
    #[arg(long = "for", value_parser = parse::duration, value_name = "DURATION")]
    duration: Moment,
    /// What for
    #[arg(long, ignore_case = true, value_parser = parse::purpose())]
    purpose: Purpose,
    /// When it begins, such as 2026-05-01T09:30:00Z or +2d [default: now]
    #[arg(long, value_parser = parse::when, value_name = "WHEN")]
    starts: Option<When>,
    /// Only records added at or after this time
    #[arg(long, value_parser = parse::when, value_name = "WHEN")]
    from: Option<When>,
    /// Only records added before this time
    #[arg(long, value_parser = parse::when, value_name = "WHEN")]
    until: Option<When>,
    /// Name the person on the chain, who then signs in clear; else the chain names only the
    /// organisation, and the person is sealed
    #[arg(long)]
    in_own_name: bool,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct WhatArgs {
    /// What records; may be given several times. What is flagged stays out, unless --sensitivity names it
    #[arg(long = "category", ignore_case = true, value_parser = parse::category(), value_name = "CATEGORY")]
    categories: Vec<Category>,
    /// A single record; may be given several times
    #[arg(long = "record", conflicts_with_all = ["categories", "flags"], value_name = "RECORD")]
    records: Vec<RecordIndex>,
    /// Share only what is flagged so, of whatever category; what is not flagged needs a share of its own
    #[arg(long = "sensitivity", ignore_case = true, value_parser = parse::sensitivity(), value_name = "FLAG")]
    flags: Vec<Sensitivity>,
    /// Let them add records, of whatever kind, instead of reading; share twice for both
    #[arg(long, conflicts_with_all = ["categories", "flags", "records"])]
    write: bool,
}

impl Share {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let now = client.clock().await?;
        let what = match self.what.records.is_empty() {
            true => What::Categories(self.what.categories, self.what.flags),
            false => What::Records(self.what.records),
        };
        let sharing = Sharing {
            with: self.with,
            what,
            rights: match self.what.write {
                true => Rights::Write,
                false => Rights::Read,
            },
            purpose: self.purpose,
            duration: self.duration,
            starts_at: self.starts.map(|when| when.from(now)),
            anchored_from: self.from.map(|when| when.from(now)),
            anchored_until: self.until.map(|when| when.from(now)),
            in_own_name: self.in_own_name,
        };
        let shared = sharing::share(&client, patient, &sharing).await?;
        print(global, &shared, || sentence(&shared))
    }
}

/// What was shared, in one sentence.
pub fn sentence(shared: &Shared) -> String {
    let what = match shared.labels.is_empty() {
        true if shared.rights == "write" => "the records".into(),
        true => {
            let records: Vec<String> = shared.records.iter().map(RecordIndex::to_string).collect();
            format!("record {}", records.join(", "))
        }
        false => shared.labels.join(", "),
    };
    let verb = match shared.rights {
        "write" => "add to",
        _ => "read",
    };
    let whom = match &shared.person {
        Some(person) => format!("{} at {}", short(person), shared.grantee),
        None => shared.grantee.clone(),
    };
    let mut text = format!(
        "{} may {verb} {what} for {}, until {}. It ends by itself; `salus revoke {}` ends it now.",
        whom,
        shared.purpose,
        moment(shared.expires_at),
        shared.grant
    );
    match shared.in_own_name {
        true => text.push_str(
            " The chain names that person and their organisation, for whoever reads it and for ever.",
        ),
        false if shared.person.is_some() => text.push_str(
            " The chain names only the organisation, which answers for who uses it. If the person signs without the organisation's software, their name shows.",
        ),
        false => {}
    }
    if shared.flagged_only {
        text.push_str(
            " Only what is flagged so, of whatever category: what is not flagged needs a share without --sensitivity.",
        );
    }
    text
}

#[derive(Debug, Args)]
pub struct Grants {
    /// What others share with you or your organisation
    #[arg(long, conflicts_with = "patient")]
    received: bool,
    #[command(flatten)]
    about: About,
}

impl Grants {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let grants = match self.received {
            true => sharing::received(&client(global).await?).await?,
            false => {
                let (client, patient) = about_patient(global, self.about.patient).await?;
                sharing::given(&client, patient).await?
            }
        };
        print(global, &json!({ "grants": grants }), || {
            match grants.is_empty() {
                true => "There are no grants.".into(),
                false => list(&grants, self.received),
            }
        })
    }
}

fn list(grants: &[GrantRow], received: bool) -> String {
    let rows: Vec<Vec<String>> = grants
        .iter()
        .map(|row| {
            let what = match row.labels.is_empty() {
                true if row.rights == "write" => "whatever it is".into(),
                true => {
                    let records: Vec<String> =
                        row.records.iter().map(RecordIndex::to_string).collect();
                    format!("record {}", records.join(", "))
                }
                false if received => "part of the chart".into(),
                false => row.labels.join(", "),
            };
            vec![
                row.grant.to_string(),
                match received {
                    true => row.patient.clone(),
                    false => match &row.person {
                        Some(person) => format!("{} at {}", short(person), short(&row.grantee)),
                        None => short(&row.grantee),
                    },
                },
                row.rights.to_owned(),
                what,
                row.purpose.to_owned(),
                moment(row.expires_at),
                match (row.active, row.revoked_at) {
                    (true, _) => "active".into(),
                    (false, Some(at)) => format!("revoked {}", moment(at)),
                    (false, None) => "not active".into(),
                },
            ]
        })
        .collect();
    let whom = if received { "patient" } else { "with" };
    table(&["grant", whom, "to", "what", "for", "until", ""], &rows)
}

#[derive(Debug, Args)]
pub struct Revoke {
    /// The grant's number
    grant: GrantIndex,
    #[command(flatten)]
    about: About,
}

impl Revoke {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let revoked = sharing::revoke(&client, patient, self.grant).await?;
        print(global, &revoked, || {
            format!(
                "Grant {} has ended. What was read cannot be taken back. What it could read gets another key when you next share or add something there; `salus rotate` does it now.",
                self.grant
            )
        })
    }
}

#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    labels: Labels,
    #[command(flatten)]
    about: About,
}

impl Rotate {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let rotation = sharing::rotate(
            &client,
            patient,
            &self.labels.categories,
            &self.labels.flags,
        )
        .await?;
        print(global, &rotation, || {
            let lines: Vec<String> = rotation
                .rotated
                .iter()
                .map(|row| {
                    format!(
                        "“{}” has a new key, of epoch {}; it went to {} grant(s) that live.",
                        row.label.as_deref().unwrap_or(&row.compartment),
                        row.epoch,
                        row.redelivered.len()
                    )
                })
                .collect();
            format!("{}{}", lines.join("\n"), finished(rotation.resumed))
        })
    }
}

/// What to say of a rotation that has finished one that broke off.
pub fn finished(resumed: bool) -> &'static str {
    match resumed {
        true => "\nThis has finished what broke off within the hour. The same command again makes other keys.",
        false => "",
    }
}
