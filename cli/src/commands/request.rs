//! `salus request`, `requests`, `withdraw`, `approve`, `decline`.

use std::path::PathBuf;

use clap::Args;
use salus_client::actions::describe::{moment, span};
use salus_client::actions::sharing::{self, Approval, Asking};
use salus_client::taxonomy::{Category, Sensitivity};
use salus_primitives::{Balance, Moment, PatientId, Purpose, RequestIndex};
use serde_json::json;

use super::share::sentence;
use super::{short, Labels};
use crate::args::{About, Acting, Global};
use crate::context::{about_patient, client};
use crate::output::print;
use crate::{parse, words};

#[derive(Debug, Args)]
pub struct Request {
    /// The patient
    #[arg(long)]
    patient: PatientId,
    #[command(flatten)]
    labels: Labels,
    /// For how long
    #[arg(long = "for", value_parser = parse::duration, value_name = "DURATION")]
    duration: Moment,
    /// What for
    #[arg(long, ignore_case = true, value_parser = parse::purpose())]
    purpose: Purpose,
    /// A file that says why, in your own words, or - to write them; only the patient can read them
    #[arg(long, value_name = "FILE")]
    letter: PathBuf,
    /// Credits for a yes: set aside now, paid on approval, returned otherwise
    #[arg(long, value_name = "CREDITS", value_parser = parse::amount)]
    offer: Option<Balance>,
    #[command(flatten)]
    acting: Acting,
}

impl Request {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let text = words::letter(&self.letter)?;
        let client = self.acting.on(client(global).await?);
        let asking = Asking {
            categories: self.labels.categories,
            flags: self.labels.flags,
            purpose: self.purpose,
            duration: self.duration,
            subject: "Request for access".into(),
            text,
            offer: self.offer,
        };
        let asked = sharing::request(&client, self.patient, &asking).await?;
        print(global, &asked, || {
            format!(
                "The patient is asked: request {}. `salus watch` tells of the answer.",
                asked.request
            )
        })
    }
}

#[derive(Debug, Args)]
pub struct Requests {
    #[command(flatten)]
    about: About,
}

impl Requests {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let requests = sharing::requests(&client, patient).await?;
        print(global, &json!({ "requests": requests }), || {
            if requests.is_empty() {
                return "There are no requests.".into();
            }
            let texts: Vec<String> = requests
                .iter()
                .map(|row| {
                    let what = match row.sensitivity.is_empty() {
                        true => row.categories.join(", "),
                        false => format!("what of {} is flagged {}", row.categories.join(", "), row.sensitivity.join(" or ")),
                    };
                    let letter = match (&row.text, &row.unreadable) {
                        (Some(text), _) => format!("  “{text}”"),
                        (None, Some(reason)) => format!("  The letter cannot be read: {reason}"),
                        (None, None) => String::new(),
                    };
                    let offer = match row.offer {
                        Some(offer) => format!(" {offer} credits are set aside for a yes by who decides."),
                        None => String::new(),
                    };
                    format!(
                        "Request {} ({}): {} of organisation {} asks for {what} for {}, for {}, on {}.{offer}\n{letter}",
                        row.request,
                        row.state,
                        short(row.person.as_ref().unwrap_or(&row.requester)),
                        row.organisation,
                        row.purpose,
                        span(row.duration),
                        moment(row.asked_at)
                    )
                })
                .collect();
            texts.join("\n")
        })
    }
}

#[derive(Debug, Args)]
pub struct Withdraw {
    /// The request's number
    request: RequestIndex,
    /// The patient
    #[arg(long)]
    patient: PatientId,
}

impl Withdraw {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = client(global).await?;
        let done = sharing::withdraw(&client, self.patient, self.request).await?;
        print(global, &done, || {
            format!("Request {} is withdrawn.", self.request)
        })
    }
}

#[derive(Debug, Args)]
pub struct Approve {
    /// The request's number
    request: RequestIndex,
    /// Share only these categories
    #[arg(long = "category", ignore_case = true, value_parser = parse::category(), value_name = "CATEGORY")]
    categories: Vec<Category>,
    /// Share only what of these categories is flagged so
    #[arg(long = "sensitivity", ignore_case = true, requires = "categories", value_parser = parse::sensitivity(), value_name = "FLAG")]
    flags: Vec<Sensitivity>,
    /// For so long, instead of what was asked for
    #[arg(long = "for", value_parser = parse::duration, value_name = "DURATION")]
    duration: Option<Moment>,
    /// Name the person who asked on the chain, as with `salus share --in-own-name`
    #[arg(long)]
    in_own_name: bool,
    #[command(flatten)]
    about: About,
}

impl Approve {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let named = !self.categories.is_empty();
        let approval = Approval {
            categories: named.then_some(self.categories),
            flags: named.then_some(self.flags),
            duration: self.duration,
            in_own_name: self.in_own_name,
        };
        let shared = sharing::approve(&client, patient, self.request, &approval).await?;
        print(global, &shared, || sentence(&shared))
    }
}

#[derive(Debug, Args)]
pub struct Decline {
    /// The request's number
    request: RequestIndex,
    #[command(flatten)]
    about: About,
}

impl Decline {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (client, patient) = about_patient(global, self.about.patient).await?;
        let done = sharing::decline(&client, patient, self.request).await?;
        print(global, &done, || {
            format!("Request {} is declined.", self.request)
        })
    }
}
