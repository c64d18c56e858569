//! `salus council`.

use std::fs;
use std::path::PathBuf;

use anyhow::{anyhow, Context};
use clap::builder::TypedValueParser;
use clap::Subcommand;
use salus_client::actions::council::{self, Outcome, Proposed, Told};
use salus_client::actions::describe::moment;
use salus_primitives::{OrgId, Spender};
use serde_json::json;

use crate::args::Global;
use crate::context::client_unless;
use crate::output::{print, table};
use crate::parse;

#[derive(Debug, Subcommand)]
pub enum Council {
    /// The motions that wait for votes, and the decisions that were announced
    List,
    /// Propose a motion; those about organisations are `salus org admit | suspend | …`
    #[command(subcommand)]
    Propose(Motion),
    /// Vote on a motion; it is carried out once enough agree
    Vote {
        /// The motion's hash, as `salus council list` shows it
        #[arg(value_parser = hash)]
        proposal: [u8; 32],
        /// Vote against it
        #[arg(long)]
        reject: bool,
    },
    /// End a motion: carry it out, or drop it if it was rejected or has lapsed; anybody may
    Close {
        /// The motion's hash
        #[arg(value_parser = hash)]
        proposal: [u8; 32],
    },
    /// Take back a motion of yours that nobody else has voted for
    Withdraw {
        /// The motion's hash
        #[arg(value_parser = hash)]
        proposal: [u8; 32],
    },
    /// Carry out an announced decision whose time has come; anybody may
    Enact {
        /// The decision's number
        decision: u32,
    },
    /// Submit the code of a runtime that was authorized
    Apply {
        /// The runtime, compact.compressed.wasm
        code: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Motion {
    /// A new runtime: two thirds, then announced
    Upgrade {
        /// The runtime, compact.compressed.wasm
        code: PathBuf,
    },
    /// Who answers for the records of a member that is gone
    Successor {
        /// The member that is gone
        organisation: OrgId,
        /// The one that answers for it
        successor: OrgId,
    },
    /// Keep an organisation from making blocks
    Bar {
        /// The organisation's number
        organisation: OrgId,
    },
    /// Let a barred organisation make blocks again
    Readmit {
        /// The organisation's number
        organisation: OrgId,
    },
    /// How many members' vaults keep each file
    Replication {
        /// At most as many as there are vaults
        copies: u32,
    },
    /// How much block time accounts may use
    Allowance {
        /// Whose: each person, each service account, an organisation together, a patient, all patients
        /// of one organisation together; or urgent calls, of each or of an organisation together
        #[arg(value_parser = spender())]
        spender: Spender,
        /// What can be spent at once, in microseconds; a usual transaction takes about 500
        #[arg(long, value_name = "MICROSECONDS")]
        capacity: u64,
        /// What comes back with each block, in microseconds
        #[arg(long, value_name = "MICROSECONDS")]
        refill: u64,
        /// How many transactions of one account may wait
        #[arg(long, value_name = "COUNT")]
        waiting: u64,
    },
    /// Call an announced decision off
    Cancel {
        /// The decision's number
        decision: u32,
    },
}

fn spender() -> impl TypedValueParser<Value = Spender> {
    parse::one_of(&[
        ("person", Spender::Person),
        ("service", Spender::Service),
        ("organisation", Spender::Organisation),
        ("patient", Spender::Patient),
        ("sponsor", Spender::Sponsor),
        ("urgent", Spender::Urgent),
        ("urgent-together", Spender::UrgentTogether),
    ])
}

fn hash(text: &str) -> anyhow::Result<[u8; 32]> {
    hex::decode(text.trim_start_matches("0x"))
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| anyhow!("expected 64 hexadecimal digits"))
}

/// What became of a proposal; `done` says it where it was carried out.
pub fn outcome(proposed: &Proposed, done: &str) -> String {
    match proposed.proposal {
        Some(proposal) => format!(
            "The council decides: {} of the {} votes that it takes are there. Others vote with `salus council vote {proposal:?}`, or propose the same.",
            proposed.ayes,
            proposed.threshold
        ),
        None => carried(&proposed.outcome, done),
    }
}

fn carried(outcome: &Outcome, done: &str) -> String {
    if let (Some(reason), Some(until)) = (&outcome.failed, outcome.again_until) {
        return format!(
            "It could not be done now: {reason}. Until {} it can be tried again.",
            moment(until)
        );
    }
    match (&outcome.failed, outcome.decision.zip(outcome.due)) {
        (Some(reason), _) => format!("The motion was carried, but could not be done: {reason}"),
        (None, Some((decision, due))) => format!(
            "Announced as decision {decision}. From {} on, `salus council enact {decision}` carries it out.",
            moment(due)
        ),
        (None, None) => done.to_owned(),
    }
}

fn ended(outcome: &Outcome) -> String {
    match outcome.closed.as_deref() {
        Some("Carried") => carried(outcome, "The motion was carried out."),
        Some("Rejected") => "The motion is closed: too many were against it.".into(),
        Some("Lapsed") => "The motion is closed: its time was over before enough were for it.".into(),
        Some("Void") => "The motion is closed: enough were for it, but this runtime cannot carry it out any more. Propose it anew.".into(),
        _ => "The motion is closed; it was not carried.".into(),
    }
}

fn told(told: &Told) -> String {
    let heart = told.heart();
    format!("{} {} {}", heart.words, heart.call, heart.arguments)
}

fn code(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

impl Council {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = client_unless(matches!(self, Council::List), global).await?;
        match self {
            Council::List => {
                let motions = council::motions(&client).await?;
                let decisions = council::decisions(&client).await?;
                let result = json!({ "motions": motions, "decisions": decisions });
                print(global, &result, || {
                    let motions = motions.iter().map(|motion| {
                        let votes = match motion.nays.len() {
                            0 => format!("{} of {}", motion.ayes.len(), motion.threshold),
                            against => format!(
                                "{} of {}, {against} against",
                                motion.ayes.len(),
                                motion.threshold
                            ),
                        };
                        vec![format!("{:?}", motion.proposal), votes, told(&motion.told)]
                    });
                    let decisions = decisions.iter().map(|row| {
                        let due = format!("due {}", moment(row.due));
                        vec![format!("decision {}", row.decision), due, told(&row.told)]
                    });
                    let rows: Vec<Vec<String>> = motions.chain(decisions).collect();
                    match rows.is_empty() {
                        true => "No motion waits for votes, and nothing is announced.".into(),
                        false => table(&["what", "stands at", "would"], &rows),
                    }
                })
            }
            Council::Propose(motion) => {
                let (proposed, done) = match motion {
                    Motion::Upgrade { code: path } => {
                        let (hash, proposed) = council::upgrade(&client, &code(&path)?)
                            .await
                            .with_context(|| path.display().to_string())?;
                        (proposed, format!("The runtime {hash:?} is authorized."))
                    }
                    Motion::Successor {
                        organisation,
                        successor,
                    } => (
                        council::name_successor(&client, organisation, successor).await?,
                        format!("Organisation {successor} answers for {organisation} now."),
                    ),
                    Motion::Bar { organisation } => (
                        council::set_barred(&client, organisation, true).await?,
                        format!("Organisation {organisation} is barred from making blocks."),
                    ),
                    Motion::Readmit { organisation } => (
                        council::set_barred(&client, organisation, false).await?,
                        format!("Organisation {organisation} may make blocks again."),
                    ),
                    Motion::Replication { copies } => (
                        council::set_replication(&client, copies).await?,
                        format!("Each file is kept by {copies} vaults from now on."),
                    ),
                    Motion::Allowance {
                        spender,
                        capacity,
                        refill,
                        waiting,
                    } => (
                        council::set_allowance(&client, spender, capacity, refill, waiting).await?,
                        "The allowance is in force.".into(),
                    ),
                    Motion::Cancel { decision } => (
                        council::cancel(&client, decision).await?,
                        format!("Decision {decision} is called off."),
                    ),
                };
                print(global, &proposed, || outcome(&proposed, &done))
            }
            Council::Vote { proposal, reject } => {
                let voted = council::vote(&client, proposal.into(), !reject).await?;
                print(global, &voted, || match voted.outcome.executed {
                    true => carried(&voted.outcome, "The motion was carried out."),
                    false => "Your vote counts; the motion waits for others.".into(),
                })
            }
            Council::Close { proposal } => {
                let closed = council::close(&client, proposal.into()).await?;
                print(global, &closed, || ended(&closed.outcome))
            }
            Council::Withdraw { proposal } => {
                let withdrawn = council::withdraw(&client, proposal.into()).await?;
                print(global, &withdrawn, || "The motion is withdrawn.".into())
            }
            Council::Enact { decision } => {
                let enacted = council::enact(&client, decision).await?;
                print(global, &enacted, || carried(&enacted, "It is done."))
            }
            Council::Apply { code: path } => {
                let receipt = council::apply_upgrade(&client, &code(&path)?)
                    .await
                    .with_context(|| path.display().to_string())?;
                print(global, &receipt, || {
                    format!("The new runtime is in force after block {}.", receipt.block)
                })
            }
        }
    }
}
