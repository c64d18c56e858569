//! `salus emergency`.

use std::path::PathBuf;

use clap::Subcommand;
use salus_client::actions::describe::moment;
use salus_client::actions::emergency::{self, Chosen, GlassRow, Planned, Planning, Words};
use salus_client::actions::Client;
use salus_client::card::{card, code_text};
use salus_client::files::letter::Letter;
use salus_client::profile::write_atomically;
use salus_client::taxonomy::{Category, Sensitivity};
use salus_primitives::{AccountId, GlassIndex, OrgId, PatientId};
use serde_json::json;

use super::council::outcome;
use super::short;
use crate::args::{About, Global};
use crate::context::{about_patient, client, deciding_for, offline};
use crate::output::print;
use crate::{parse, words};

#[derive(Debug, Subcommand)]
pub enum Emergency {
    /// Decide what opens when nobody can ask you, or that nothing does
    ///
    /// Everybody has a plan, and nobody can tell what one opens. So that its date does not tell either
    /// that you decided something, it counts when every plan is dealt anew: a day, a week, and then every
    /// 30 days after you came to decide, when you next do something.
    Plan {
        /// What opens; may be given several times
        #[arg(long = "category", required_unless_present = "none", ignore_case = true, value_parser = parse::category(), value_name = "CATEGORY")]
        categories: Vec<Category>,
        /// Of what is flagged, open these too, beside what is not flagged
        #[arg(long = "sensitivity", ignore_case = true, requires = "categories", value_parser = parse::sensitivity(), value_name = "FLAG")]
        flags: Vec<Sensitivity>,
        /// An organisation whose vault keeps a share; once for each. Everybody sees that you chose
        /// [default: those that keep your files]
        #[arg(long = "holder", value_name = "ORGANISATION")]
        holders: Vec<OrgId>,
        /// How many vaults have to give their shares; everybody sees it [default: 2]
        #[arg(long)]
        threshold: Option<u8>,
        /// Nothing opens, whatever happens
        #[arg(long, conflicts_with_all = ["categories", "flags"])]
        none: bool,
        /// Do not wait: everybody sees that something was decided, and when
        #[arg(long)]
        at_once: bool,
        #[command(flatten)]
        about: About,
    },
    /// What opens in an emergency, and whether the plan is up to date
    Show {
        #[command(flatten)]
        about: About,
    },
    /// A card to print and carry: what you choose to write on it, and a code that says who you are
    Card {
        /// A file with lines such as a blood type or an allergy, in clear for whoever finds the card
        #[arg(long, value_name = "FILE")]
        lines: Option<PathBuf>,
        /// The SVG to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// Take emergency access for 24 hours; the patient hears of it, and your organisation has to
    /// review it
    BreakGlass {
        /// The patient
        patient: PatientId,
        /// A file that says why, or - to write it; only the patient and your organisation's admin can
        /// read it
        #[arg(long, value_name = "FILE")]
        letter: PathBuf,
    },
    /// End an emergency access before its day is over
    End {
        /// The glass's number
        glass: GlassIndex,
        #[command(flatten)]
        about: About,
    },
    /// Say whether a clinician of yours had to break a glass; by the organisation's admin
    #[command(group = clap::ArgGroup::new("answer").required(true))]
    Review {
        /// The patient
        patient: PatientId,
        /// The glass's number
        glass: GlassIndex,
        /// It had to be broken
        #[arg(long, group = "answer")]
        justified: bool,
        /// It had not; at the third within a year the clinician is barred
        #[arg(long, group = "answer")]
        unjustified: bool,
    },
    /// Say that a glass of yours had not to be broken
    Dispute {
        /// The glass's number
        glass: GlassIndex,
        /// A file that says why, or - to write it; only you and the organisation's admin can read it
        #[arg(long, value_name = "FILE")]
        letter: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// The glasses of a patient, with their letters; or what waits for your review
    List {
        #[command(flatten)]
        about: About,
        /// What waits for your review, as an admin
        #[arg(long, conflicts_with = "patient")]
        to_review: bool,
    },
    /// Propose to the council to let a clinician break glasses again
    Readmit {
        /// Who was barred, or whose review nobody is left to make
        #[arg(value_parser = parse::account)]
        clinician: AccountId,
    },
}

impl Emergency {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Emergency::Plan {
                categories,
                flags,
                holders,
                threshold,
                none: _,
                at_once,
                about,
            } => {
                let (client, patient) = deciding_for(global, about.patient).await?;
                let planning = Planning {
                    categories,
                    flags,
                    holders,
                    threshold,
                    at_once,
                };
                let chosen = emergency::plan(&client, patient, &planning).await?;
                print(global, &chosen, || sentence(&chosen))
            }
            Emergency::Show { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let view = emergency::show(&client, patient).await?;
                print(global, &view, || shown(&view))
            }
            Emergency::Card { lines, out, about } => {
                let (profile, _, genesis) = offline(global).await?;
                let patient = Client::which(&profile, about.patient)?;
                let lines = lines.as_deref().map(words::lines).transpose()?;
                let svg = card(&genesis, patient, &lines.unwrap_or_default())?;
                write_atomically(&out, svg.as_bytes())?;
                let result = json!({
                    "patient": patient.to_string(),
                    "code": code_text(&genesis, patient),
                    "file": out,
                });
                print(global, &result, || {
                    format!(
                        "{} is an A6 page to print. Whoever finds it can read it, and sees in the code which patient you are.",
                        out.display()
                    )
                })
            }
            Emergency::BreakGlass { patient, letter } => {
                let letter = Letter::new("Emergency", words::letter(&letter)?);
                let client = client(global).await?;
                let broken = emergency::break_glass(&client, patient, &letter).await?;
                print(global, &broken, || {
                    format!(
                        "{} (glass {}, grant {}): until {} you can read what the patient lets open, with `salus open {} --list --grant {}`. The patient hears of it, and your organisation reviews it.",
                        match broken.receipt {
                            Some(_) => "The glass is broken",
                            None => "You have broken this glass before",
                        },
                        broken.glass,
                        broken.grant,
                        moment(broken.expires_at),
                        broken.patient,
                        broken.grant
                    )
                })
            }
            Emergency::End { glass, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = emergency::end(&client, patient, glass).await?;
                print(global, &done, || {
                    format!("Glass {glass} is over: that clinician reads nothing more, and breaks no other one of yours today.")
                })
            }
            Emergency::Review {
                patient,
                glass,
                justified,
                ..
            } => {
                let client = client(global).await?;
                let done = emergency::review(&client, patient, glass, justified).await?;
                print(global, &done, || {
                    format!(
                        "Glass {glass} is reviewed: {}justified.",
                        match justified {
                            true => "",
                            false => "not ",
                        }
                    )
                })
            }
            Emergency::Dispute {
                glass,
                letter,
                about,
            } => {
                let letter = Letter::new("Dispute", words::letter(&letter)?);
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = emergency::dispute(&client, patient, glass, &letter).await?;
                print(global, &done, || {
                    format!("Glass {glass} is disputed: the organisation's admin can read why.")
                })
            }
            Emergency::List { about, to_review } => {
                let rows = match to_review {
                    true => emergency::to_review(&client(global).await?).await?,
                    false => {
                        let (client, patient) = about_patient(global, about.patient).await?;
                        emergency::list(&client, patient).await?
                    }
                };
                print(global, &json!({ "glasses": rows }), || listed(&rows))
            }
            Emergency::Readmit { clinician } => {
                let client = client(global).await?;
                let proposed = emergency::readmit(&client, &clinician).await?;
                print(global, &proposed, || {
                    outcome(&proposed, &format!("{clinician} can break glasses again."))
                })
            }
        }
    }
}

/// What an emergency opens, by its labels.
fn opens(labels: &[String]) -> String {
    match labels.is_empty() {
        true => "nothing opens".into(),
        false => format!("{} opens", labels.join(", ")),
    }
}

fn sentence(chosen: &Chosen) -> String {
    let opened = opens(&chosen.labels);
    match (&chosen.planned, chosen.waits_until) {
        (Some(planned), _) => format!(
            "In an emergency {opened}{}",
            agreed(planned, chosen.labels.is_empty())
        ),
        (None, from) => format!(
            "In an emergency {opened}, from when you next do something after {}: then every plan is dealt anew, and nobody sees that you decided something. `--at-once` does not wait.",
            from.map(moment).unwrap_or_default()
        ),
    }
}

/// Who has to agree, and who has no share.
fn agreed(planned: &Planned, nothing: bool) -> String {
    let names: Vec<&str> = planned
        .holders
        .iter()
        .map(|holder| holder.name.as_str())
        .collect();
    let mut text = match nothing {
        true => {
            ". Nobody can tell it from any other plan, and who breaks the glass learns it then."
                .into()
        }
        false => format!(
            ", if the vaults of {} of these agree: {}.",
            planned.threshold,
            names.join(", ")
        ),
    };
    for holder in planned.holders.iter().filter(|holder| !holder.kept) {
        text.push_str(&format!(
            "\nThe vault of {} does not have its share: {}. It opens without; run the command again with --at-once to have all.",
            holder.name,
            holder.error.as_deref().unwrap_or_default()
        ));
    }
    text
}

fn shown(view: &emergency::PlanView) -> String {
    let mut text = match &view.plan {
        None => "There is no plan yet, and nothing opens in an emergency. This client sets one with the next thing that you do; `salus emergency plan` decides what it opens.".into(),
        Some(plan) => {
            let names: Vec<&str> = plan
                .holders
                .iter()
                .map(|holder| holder.name.as_str())
                .collect();
            let opened = match plan.own {
                true => opens(&plan.labels),
                false => "what another device or somebody else has chosen opens (only theirs knows it; `salus emergency plan` sets your own)".into(),
            };
            let mut text = format!(
                "In an emergency {opened}, if the vaults of {} of these agree: {}. Set on {}.",
                plan.threshold,
                names.join(", "),
                moment(plan.set_at)
            );
            if !plan.stale.is_empty() {
                text.push_str(&format!(
                    "\nIt is out of date: {}. It is dealt anew by itself; `salus emergency plan --at-once` does not wait.",
                    plan.stale.join("; ")
                ));
            }
            text
        }
    };
    if let Some(next) = &view.next {
        text.push_str(&format!(
            "\nFrom when you next do something after {}: {}.",
            moment(next.from),
            opens(&next.labels)
        ));
    }
    text
}

fn words(words: &Words) -> String {
    match (&words.text, &words.unreadable) {
        (Some(text), _) => format!("“{text}”"),
        (None, reason) => format!(
            "It cannot be read: {}",
            reason.as_deref().unwrap_or_default()
        ),
    }
}

fn listed(rows: &[GlassRow]) -> String {
    if rows.is_empty() {
        return "There is none.".into();
    }
    let texts: Vec<String> = rows
        .iter()
        .map(|row| {
            let mut text = format!(
                "Glass {} of patient {} ({}{}): broken by {} of organisation {} on {}, {}.\n  {}",
                row.glass,
                row.patient,
                match row.grant {
                    Some(grant) => format!("grant {grant}"),
                    None => "nothing was opened".into(),
                },
                match row.ended_at {
                    Some(at) => format!(", ended by the patient on {}", moment(at)),
                    None => String::new(),
                },
                short(&row.clinician),
                row.organisation,
                moment(row.broken_at),
                match row.justified {
                    Some(true) => "justified".into(),
                    Some(false) => "not justified".into(),
                    None => format!("to be reviewed until {}", moment(row.review_by)),
                },
                words(&row.letter)
            );
            match (&row.dispute, row.disputed_at) {
                (Some(dispute), _) => {
                    text.push_str(&format!("\n  Disputed: {}", words(dispute)));
                }
                (None, Some(at)) => text.push_str(&format!("\n  Disputed on {}.", moment(at))),
                (None, None) => {}
            }
            text
        })
        .collect();
    texts.join("\n")
}
