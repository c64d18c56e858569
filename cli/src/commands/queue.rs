//! `salus queue`: what waits to be sent with the rest of its hour.

use std::time::Duration;

use anyhow::ensure;
use clap::{Args, Subcommand};
use salus_client::actions::describe::moment;
use salus_client::actions::queue::{self, Outcome, Queued, Waiting, When};
use salus_client::profile::{Profile, Unlocked};
use serde_json::json;

use crate::args::Global;
use crate::context;
use crate::output::{count, print, print_line, table};

/// How often a running queue looks for what has come and what is due.
const LOOK: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub struct Queue {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send everything now, due or not, also what was not taken before
    Send,
    /// Stay, and send what is due; by the machine that runs your organisation's software
    Run,
    /// Take something out, unsent
    Drop {
        /// Its name, as `salus queue` shows it
        name: String,
    },
}

/// When a command's work is sent.
#[derive(Clone, Copy, Debug, Args)]
pub struct Timing {
    /// Send it at once; the default, unless a service account sends it
    #[arg(long)]
    at_once: bool,
    /// Send it after the next full hour, with the rest; the default for service accounts
    #[arg(long, conflicts_with = "at_once")]
    later: bool,
}

impl Timing {
    pub fn when(self) -> When {
        match self {
            Timing { at_once: true, .. } => When::AtOnce,
            Timing { later: true, .. } => When::Later,
            Timing { .. } => When::Usual,
        }
    }
}

impl Queue {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self.command {
            None => {
                let profile = context::profile(global)?;
                let unlocked = context::unlock(global, &profile)?;
                let rows = queue::list(&profile, &unlocked.device)?;
                print(global, &json!({ "queue": rows }), || shown(&rows))
            }
            Some(Command::Send) => {
                let client = context::client_as_is(global).await?;
                let outcome = queue::send(&client, true).await?;
                print(global, &outcome, || told(&outcome))?;
                ensure!(
                    outcome.failed.is_empty(),
                    "not everything was taken: `salus queue` says why, and `salus queue drop NAME` takes it out"
                );
                Ok(())
            }
            Some(Command::Run) => {
                let profile = context::profile(global)?;
                let unlocked = context::unlock(global, &profile)?;
                loop {
                    if let Some(outcome) = send_due(global, &profile, &unlocked).await {
                        print_line(global, &outcome, &told(&outcome))?;
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
            Some(Command::Drop { name }) => {
                let profile = context::profile(global)?;
                queue::remove(&profile, &name)?;
                print(global, &json!({ "dropped": name }), || {
                    format!("{name} is out of the queue. It was not sent.")
                })
            }
        }
    }
}

/// Sends what is due, if anything is. Failures are told, and the next look tries again.
async fn send_due(global: &Global, profile: &Profile, unlocked: &Unlocked) -> Option<Outcome> {
    let look = async {
        if !queue::is_due(profile, &unlocked.device)? {
            return anyhow::Ok(None);
        }
        // Connected anew each time: a node that was away is no matter.
        let client = context::connect(global, profile.clone(), unlocked.clone()).await?;
        Ok(Some(queue::send(&client, false).await?))
    };
    look.await.unwrap_or_else(|error| {
        eprintln!("warning: the queue waits: {error:#}");
        None
    })
}

/// Sends what should be out by now, beside another command.
pub async fn catch_up(client: &salus_client::actions::Client) {
    let sent = async {
        match queue::is_due(&client.profile, &client.device)? {
            true => queue::send(client, false).await.map(Some),
            false => Ok(None),
        }
    };
    match sent.await {
        Ok(Some(outcome)) => eprintln!("{}", told(&outcome)),
        Ok(None) => {}
        Err(error) => eprintln!("warning: what is due in the queue could not be sent: {error}"),
    }
}

pub fn goes_out(queued: &Queued) -> String {
    format!(
        "{} for patient {} goes out on {}, with the rest of that hour: by `salus queue run`, or by this profile's next command after that. `salus queue send` sends it now.",
        count(queued.queued, "item"),
        queued.patient,
        moment(queued.due)
    )
}

fn told(outcome: &Outcome) -> String {
    let mut text = format!("{} sent", count(outcome.sent, "item"));
    if outcome.waiting > 0 {
        text.push_str(&format!(", {} left to wait", outcome.waiting));
    }
    text.push('.');
    for row in &outcome.failed {
        text.push_str(&format!(
            "\n{}: {} for patient {} was not taken: {}",
            row.name,
            row.item.what,
            row.item.patient,
            row.item.failed.as_deref().unwrap_or_default()
        ));
    }
    text
}

fn shown(rows: &[Waiting]) -> String {
    if rows.is_empty() {
        return "Nothing waits.".into();
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.name.clone(),
                row.item.what.clone(),
                row.item.patient.clone(),
                moment(row.item.due),
                row.item.failed.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table(&["name", "what", "patient", "due", ""], &cells)
}
