//! `salus vault`.

use clap::{Args, Subcommand};
use salus_client::actions::describe::moment;
use salus_client::actions::vaults::{self, VaultView};
use salus_primitives::SECOND;
use serde_json::json;

use crate::args::Global;
use crate::context::client;
use crate::output::{print, table};

#[derive(Debug, Args)]
pub struct Vault {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Whether the members' vaults answer, and have the copies they must keep; for admins and services
    Status,
}

impl Vault {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self.command {
            Command::Status => status(global).await,
        }
    }
}

async fn status(global: &Global) -> anyhow::Result<()> {
    let client = client(global).await?;
    let vaults = vaults::status(&client).await?;
    let silent = vaults
        .iter()
        .filter(|vault| vault.copies.is_none() && !vault.suspended)
        .count();
    let missing: u64 = vaults
        .iter()
        .filter(|vault| !vault.suspended)
        .filter_map(|vault| Some(vault.copies.as_ref()?.missing))
        .sum();
    let result = json!({ "vaults": vaults, "silent": silent, "missing": missing });
    print(global, &result, || {
        if vaults.is_empty() {
            return "No member names a vault yet: an admin does with `salus org profile --vault-url URL`.".into();
        }
        let head = [
            "vault",
            "of",
            "holds",
            "bytes",
            "missing",
            "repaired",
            "last round",
        ];
        let rows: Vec<Vec<String>> = vaults.iter().map(row).collect();
        let verdict = match (silent, missing) {
            (0, 0) => "Every file lies in every vault that must keep it.".to_owned(),
            (0, missing) => format!("{missing} copies are missing; vaults are fetching them."),
            (silent, missing) => format!(
                "{missing} copies are missing, and {silent} vault(s) do not answer: what those keep has one copy less."
            ),
        };
        format!("{}\n\n{verdict}", table(&head, &rows))
    })
}

fn row(vault: &VaultView) -> Vec<String> {
    let name = match vault.suspended {
        true => format!("{} (suspended)", vault.name),
        false => vault.name.clone(),
    };
    let mut cells = vec![vault.url.clone(), name];
    match (&vault.copies, &vault.error) {
        (Some(copies), _) => cells.extend([
            at_least(copies.held),
            at_least(copies.bytes),
            copies.missing.to_string(),
            copies.repaired.to_string(),
            match copies.round_finished {
                0 => "not yet".into(),
                seconds => moment(seconds.saturating_mul(SECOND)),
            },
        ]),
        (None, error) => cells.push(error.clone().unwrap_or_default()),
    }
    cells
}

/// Vaults tell powers of two, and nothing of little.
fn at_least(rounded: u64) -> String {
    match rounded {
        0 => "few".into(),
        rounded => format!("{rounded} or more"),
    }
}
