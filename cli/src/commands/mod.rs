//! The commands: each asks the library to do something and says what came of it.

pub mod chain;
pub mod compartments;
pub mod completions;
pub mod consent;
pub mod correct;
pub mod council;
pub mod credits;
pub mod emergency;
pub mod keyring;
pub mod keys;
pub mod log;
pub mod open;
pub mod org;
pub mod patient;
pub mod queue;
pub mod record;
pub mod recovery;
pub mod request;
pub mod rights;
pub mod share;
pub mod study;
pub mod validator;
pub mod vault;
pub mod watch;

use clap::Args;
use salus_client::taxonomy::{Category, Sensitivity};

use crate::args::{Cli, Command};
use crate::context::look_after;
use crate::parse;

pub async fn run(cli: Cli) -> anyhow::Result<()> {
    perform(cli).await?;
    look_after().await;
    Ok(())
}

async fn perform(cli: Cli) -> anyhow::Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Keys(command) => command.run(global).await,
        Command::Keyring(command) => command.run(global).await,
        Command::Org(command) => command.run(global).await,
        Command::Council(command) => command.run(global).await,
        Command::Validator(command) => command.run(global).await,
        Command::Chain(command) => command.run(global).await,
        Command::Clinician(command) => command.run(global).await,
        Command::Consent(command) => command.run(global).await,
        Command::Patient(command) => command.run(global).await,
        Command::Recovery(command) => command.run(global).await,
        Command::Emergency(command) => command.run(global).await,
        Command::Compartments(command) => command.run(global).await,
        Command::Record(command) => command.run(global).await,
        Command::Queue(command) => command.run(global).await,
        Command::Share(command) => command.run(global).await,
        Command::Grants(command) => command.run(global).await,
        Command::Revoke(command) => command.run(global).await,
        Command::Rotate(command) => command.run(global).await,
        Command::Request(command) => command.run(global).await,
        Command::Requests(command) => command.run(global).await,
        Command::Withdraw(command) => command.run(global).await,
        Command::Approve(command) => command.run(global).await,
        Command::Decline(command) => command.run(global).await,
        Command::Open(command) => command.run(global).await,
        Command::Log(command) => command.run(global).await,
        Command::Watch(command) => command.run(global).await,
        Command::Vault(command) => command.run(global).await,
        Command::Correct(command) => command.run(global).await,
        Command::Study(command) => command.run(global).await,
        Command::Credits(command) => command.run(global).await,
        Command::Export(command) => command.run(global).await,
        Command::Disclosures(command) => command.run(global).await,
        Command::EraseAll(command) => command.run(global).await,
        Command::Completions(command) => command.run(),
    }
}

/// What records are about.
#[derive(Clone, Debug, Args)]
pub struct Labels {
    /// What the records are; may be given several times
    #[arg(long = "category", required_unless_present = "flags", ignore_case = true, value_parser = parse::category(), value_name = "CATEGORY")]
    pub categories: Vec<Category>,
    /// Why they need more care: means only what is flagged so, of whatever category; may be given several times
    #[arg(long = "sensitivity", ignore_case = true, value_parser = parse::sensitivity(), value_name = "FLAG")]
    pub flags: Vec<Sensitivity>,
}

/// What one record is about.
#[derive(Clone, Debug, Args)]
pub struct Label {
    /// What the record is
    #[arg(long, ignore_case = true, value_parser = parse::category())]
    pub category: Category,
    /// Why it needs more care; may be given several times
    #[arg(long = "sensitivity", ignore_case = true, value_parser = parse::sensitivity(), value_name = "FLAG")]
    pub flags: Vec<Sensitivity>,
}

/// The end of an address, enough to tell people apart.
pub fn short(account: &str) -> String {
    let count = account.chars().count();
    match count > 14 {
        true => {
            let start: String = account.chars().take(6).collect();
            let end: String = account.chars().skip(count - 4).collect();
            format!("{start}…{end}")
        }
        false => account.to_owned(),
    }
}
