//! `salus patient`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use salus_client::actions::describe::moment;
use salus_client::actions::patient::{self, ConsentFile, Enrolment, Pending};
use salus_client::actions::recovery::EndingView;
use salus_client::actions::restricting::{self, Lifted, Restricted};
use salus_client::actions::succession::{self, HandedOver};
use salus_client::actions::Client;
use salus_client::profile::write_atomically;
use salus_primitives::{AccountId, ControllerRole, Moment, OrgId, PatientId};
use serde_json::json;

use super::consent::read_role;
use super::queue::{goes_out, Timing};
use super::recovery;
use super::rights::all_done;
use crate::args::{About, Global};
use crate::context::{self, about_patient, client};
use crate::output::{count, print, table};
use crate::parse;

#[derive(Debug, Subcommand)]
pub enum Patient {
    /// Sign that an organisation may enrol you, or a child you decide for; makes the first keys
    Consent {
        /// The organisation's number
        #[arg(long)]
        organisation: OrgId,
        /// The account of the clinician who will enrol
        #[arg(long, value_parser = parse::account)]
        enroller: AccountId,
        /// How long the consent can be used
        #[arg(long, default_value = "7d", value_parser = parse::duration, value_name = "DURATION")]
        valid: Moment,
        /// The file to give to the clinician
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Enrol a patient with such a consent; by the clinician
    Enrol {
        /// The consent file
        file: PathBuf,
        #[command(flatten)]
        timing: Timing,
    },
    /// What the chain says of a patient
    Show {
        #[command(flatten)]
        about: About,
    },
    /// Choose the patient that this profile's commands are about
    Use {
        /// The patient
        patient: PatientId,
    },
    /// Who decides for the patient
    Controllers {
        #[command(flatten)]
        about: About,
        #[command(subcommand)]
        change: Option<Controllers>,
    },
    /// End all that is shared, for now; the emergency plan stays
    Restrict {
        #[command(flatten)]
        about: About,
    },
    /// Give anew what restricting has ended, and let share again
    Lift {
        #[command(flatten)]
        about: About,
    },
    /// Say that you are the patient, and nobody's guardian: owners end others' roles and name owners
    DeclareOwner {
        #[command(flatten)]
        about: About,
    },
    /// Hand the patient over to a new owner; with the last word that it takes every other role ends
    HandOver {
        /// The request's file; compare its code with the new owner
        request: PathBuf,
    },
    /// Complete a hand-over that had to wait for as long as the recovery plan says
    CompleteHandOver {
        #[command(flatten)]
        about: About,
    },
    /// Stop a hand-over that waits; by who decides for the patient
    VetoHandOver {
        #[command(flatten)]
        about: About,
    },
    /// Take records over from who decides now: ask, and once handed over, make every key anew
    TakeOver {
        /// Ask: the file to give to who decides now. Without it: go on after the hand-over
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// How long the file can be used
        #[arg(long, default_value = "7d", value_parser = parse::duration, value_name = "DURATION", requires = "out")]
        valid: Moment,
        #[command(flatten)]
        about: About,
    },
    /// Take back an enrolment of the wrong person, within seven days; by the organisation's admin
    Void {
        /// The patient
        patient: PatientId,
    },
    /// Say that you have checked on another channel that an account controls a patient
    Trust {
        /// The patient
        patient: PatientId,
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
    },
}

#[derive(Debug, Subcommand)]
pub enum Controllers {
    /// Give an account a role
    Add {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
        /// The role
        #[arg(long, ignore_case = true, value_parser = parse::controller_role())]
        role: ControllerRole,
        /// For how long; for good, if left out
        #[arg(long = "for", value_parser = parse::duration, value_name = "DURATION")]
        duration: Option<Moment>,
        /// That person's consent, by `salus consent role`
        #[arg(long, value_name = "FILE")]
        consent: PathBuf,
    },
    /// Take an account's role away; of another owner, announce it, and do it again after 72 hours
    Remove {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
    },
    /// Keep an account whose removal was announced; by who decides, or that account
    Veto {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
    },
}

/// What waits, and how it is stopped.
fn waits(change: &Pending) -> String {
    match change {
        Pending::HandOver { owner, agreed, due } => {
            let until = match due {
                Some(due) => format!("can be completed from {} on", moment(*due)),
                None => "waits for the others".into(),
            };
            format!("To be handed over to {owner}: {} agreed, and it {until}. `salus patient veto-hand-over` stops it.", agreed.join(" and "))
        }
        Pending::Removal { account, by, due } => format!(
            "{by} announced that the role of {account} ends, from {} on. `salus patient controllers veto {account}` stops it.",
            moment(*due)
        ),
        Pending::Addition { account, agreed } => {
            format!("{agreed} agreed that {account} decides, too; the others who decide have not.")
        }
        Pending::RecoveryPlan(EndingView { by, replaced, due }) => {
            let whom = match replaced {
                true => "others",
                false => "nobody",
            };
            format!("{by} announced that {whom} can let you in again, instead of who can now, from {} on. `salus recovery veto` stops it.", moment(*due))
        }
    }
}

impl Patient {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Patient::Consent {
                organisation,
                enroller,
                valid,
                out,
            } => {
                let (profile, unlocked, genesis) = context::offline(global).await?;
                let now = salus_client::actions::clock();
                let (file, consented) = patient::consent(
                    &profile,
                    &unlocked,
                    genesis,
                    organisation,
                    &enroller,
                    now.saturating_add(valid),
                )?;
                write_atomically(&out, &file.to_json()?)?;
                let mut result = serde_json::to_value(&consented)?;
                result["file"] = json!(out);
                print(global, &result, || {
                    format!(
                        "You will be patient {}. Give {} to {}, who can enrol you until {}. The keys are in this profile.",
                        consented.patient,
                        out.display(),
                        enroller,
                        moment(consented.expires_at)
                    )
                })
            }
            Patient::Enrol { file, timing } => {
                let json = std::fs::read(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let consent = ConsentFile::from_json(&json)?;
                let client = client(global).await?;
                let when = timing.when();
                let enrolled = match patient::enrol_when(&client, &consent, when).await? {
                    Enrolment::Done(enrolled) => enrolled,
                    Enrolment::Waits(queued) => {
                        return print(global, &queued, || goes_out(&queued))
                    }
                };
                print(global, &enrolled, || {
                    format!(
                        "Patient {} is enrolled, under the control of {}.",
                        enrolled.patient, enrolled.controller
                    )
                })
            }
            Patient::Show { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let view = patient::show(&client, patient).await?;
                print(global, &view, || {
                    let mut text = format!(
                        "Patient {}, enrolled by organisation {} on {}.",
                        view.patient,
                        view.enrolled_by,
                        moment(view.enrolled_at)
                    );
                    if let Some(entries) = view.entries {
                        text.push_str(&format!(" The trail has {entries} entries."));
                    }
                    if view.restricted == Some(true) {
                        text.push_str("\nYou restrict all access: `salus patient lift` ends that.");
                    }
                    for change in &view.pending {
                        text.push_str(&format!("\n{}", waits(change)));
                    }
                    text
                })
            }
            Patient::Use { patient } => {
                if !Client::choose_known(&context::profile(global)?, patient)? {
                    client(global).await?.choose(patient).await?;
                }
                print(global, &json!({"patient": patient.to_string()}), || {
                    format!("Commands are about patient {patient} from now on.")
                })
            }
            Patient::Controllers { about, change } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                controllers(global, &client, patient, change).await
            }
            Patient::Restrict { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = restricting::restrict(&client, patient).await?;
                print(global, &done, || restricted(&done))?;
                all_done(&done.failed)
            }
            Patient::Lift { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = restricting::lift(&client, patient).await?;
                print(global, &done, || lifted(&done))
            }
            Patient::DeclareOwner { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = patient::declare_owner(&client, patient).await?;
                print(global, &done, || {
                    format!("You are the owner of patient {patient} now: you can name other owners, and end the role of anybody who decides.")
                })
            }
            Patient::HandOver { request } => {
                let request = recovery::read_request(&request)?;
                let patient = request
                    .patient
                    .parse()
                    .context("the request's patient is no id")?;
                let client = client(global).await?.acting_for(patient)?;
                let done = succession::hand_over(&client, &request).await?;
                print(global, &done, || handed_over(&done))
            }
            Patient::CompleteHandOver { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = succession::complete_hand_over(&client, patient).await?;
                print(global, &done, || handed_over(&done))
            }
            Patient::VetoHandOver { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let done = succession::veto_hand_over(&client, patient).await?;
                print(global, &done, || {
                    "The hand-over is stopped. If it was none of yours: `salus watch` tells who agreed, and `salus patient controllers remove` ends a role.".into()
                })
            }
            Patient::TakeOver {
                out: Some(out),
                valid,
                about,
            } => recovery::request(global, &about, valid, &out, "who decides now").await,
            Patient::TakeOver {
                out: None, about, ..
            } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let taken = succession::take_over(&client, patient).await?;
                print(global, &taken, || recovery::anew(&taken))
            }
            Patient::Void { patient } => {
                let client = client(global).await?;
                let done = succession::void(&client, patient).await?;
                print(global, &done, || {
                    format!("Nobody decides for patient {patient} any more, and no grant counts. The trail stays; enrol the right person under a new id.")
                })
            }
            Patient::Trust { patient, account } => {
                let profile = context::profile(global)?;
                patient::trust(&profile, patient, &account)?;
                let result =
                    json!({"patient": patient.to_string(), "account": account.to_string()});
                print(global, &result, || {
                    format!("{account} counts as one who decides for patient {patient}.")
                })
            }
        }
    }
}

fn handed_over(done: &HandedOver) -> String {
    match (done.done, done.due) {
        (true, _) => format!(
            "{} is the only one who decides for patient {} now; every other role has ended, and with them helpers, the emergency plan, grants to write and studies. Their phone goes on with `salus patient take-over`.",
            done.owner, done.patient
        ),
        (false, Some(due)) => format!(
            "All have agreed that {} takes patient {} over. From {} on `salus patient complete-hand-over` does it; until then `salus patient veto-hand-over` stops it.",
            done.owner,
            done.patient,
            moment(due)
        ),
        (false, None) => format!(
            "You agree that {} takes patient {} over. Everybody else who decides has to say so, too, with the same file.",
            done.owner, done.patient
        ),
    }
}

fn restricted(done: &Restricted) -> String {
    let mut text = format!(
        "{} ended. Nobody but you and who decides with you can open anything now, and nothing is shared until `salus patient lift`. Emergency access stays as you planned it; `salus emergency plan --none --at-once` ends that, too, and everybody sees that something was decided.",
        count(done.ended.len(), "grant")
    );
    if !done.saved {
        text.push_str(
            "\nYour other devices do not know of it yet: the same command again tells them.",
        );
    }
    text
}

fn lifted(done: &Lifted) -> String {
    let mut lines = vec!["You can share again.".to_owned()];
    for row in &done.renewed {
        let person = row.person.as_ref();
        lines.push(format!(
            "{}{} may use grant {} in the place of {}, until {}.",
            row.grantee,
            person.map_or_else(String::new, |person| format!(", for {person},")),
            row.grant,
            row.was,
            moment(row.expires_at)
        ));
    }
    if !done.over.is_empty() {
        let over: Vec<String> = done.over.iter().map(u32::to_string).collect();
        lines.push(format!("Over meanwhile: grant {}.", over.join(", ")));
    }
    for row in &done.failed {
        lines.push(format!("Not given anew: {}: {}", row.what, row.why));
    }
    lines.join("\n")
}

async fn controllers(
    global: &Global,
    client: &Client,
    patient: PatientId,
    change: Option<Controllers>,
) -> anyhow::Result<()> {
    match change {
        None => {
            let controllers = patient::controllers(client, patient).await?;
            print(global, &json!({ "controllers": controllers }), || {
                let rows: Vec<Vec<String>> = controllers
                    .iter()
                    .map(|row| {
                        vec![
                            row.account.clone(),
                            format!("{:?}", row.role).to_lowercase(),
                            row.expires_at
                                .map(|end| format!("until {}", moment(end)))
                                .unwrap_or_default(),
                        ]
                    })
                    .collect();
                table(&["account", "role", ""], &rows)
            })
        }
        Some(Controllers::Add {
            account,
            role,
            duration,
            consent,
        }) => {
            let consent = read_role(&consent)?;
            let done = patient::add_controller(client, patient, &account, role, duration, &consent)
                .await?;
            print(global, &done, || {
                let role = format!("{role:?}").to_lowercase();
                match done.done {
                    true => format!("{account} is a {role} of the patient now. To read, that device needs the keyring: `salus keyring device add`."),
                    false => format!("You agree that {account} becomes a {role}. Everybody else who decides has to say the same, with the same file and the same --for."),
                }
            })
        }
        Some(Controllers::Remove { account }) => {
            let done = patient::remove_controller(client, patient, &account).await?;
            print(global, &done, || {
                match (done.done, done.due) {
                (false, Some(due)) => format!(
                    "Announced: from {} on the same command ends the role of {account}, who is an owner as you are. Until then each of those who decide can veto it, that account too.",
                    moment(due)
                ),
                _ => format!("{account} no longer acts for the patient. Take its device out of the keyring and rotate the keys, too."),
            }
            })
        }
        Some(Controllers::Veto { account }) => {
            let done = patient::veto_removal(client, patient, &account).await?;
            print(global, &done, || format!("{account} keeps its role."))
        }
    }
}
