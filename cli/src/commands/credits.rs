//! `salus credits`.

use clap::{Args, Subcommand};
use salus_client::actions::credits;
use salus_primitives::{AccountId, Balance, PatientId, RequestIndex};

use super::council::outcome;
use crate::args::Global;
use crate::context::client_unless;
use crate::output::print;
use crate::parse;

#[derive(Debug, Args)]
pub struct Credits {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What an account has
    Show {
        /// The account [default: your own]
        #[arg(value_parser = parse::account)]
        account: Option<AccountId>,
    },
    /// Propose to make credits for an account; more than half of the council must agree
    Mint {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
        /// How many
        #[arg(value_parser = parse::amount)]
        amount: Balance,
    },
    /// Propose to take credits from an account; more than half of the council must agree
    Burn {
        /// The account
        #[arg(value_parser = parse::account)]
        account: AccountId,
        /// How many, of those that are free
        #[arg(value_parser = parse::amount)]
        amount: Balance,
    },
    /// Take back what you offered for a request that nobody answered in time
    Reclaim {
        /// The request's number
        request: RequestIndex,
        /// The patient
        #[arg(long)]
        patient: PatientId,
    },
}

impl Credits {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let command = self.command.unwrap_or(Command::Show { account: None });
        let only_reads = matches!(command, Command::Show { account: Some(_) });
        let client = client_unless(only_reads, global).await?;
        match command {
            Command::Show { account } => {
                let account = match (account, client.patient(None)) {
                    (Some(account), _) => account,
                    // Pay goes to the account that answers for the patient.
                    (None, Ok(patient)) => client.clone().acting_for(patient)?.me(),
                    (None, Err(_)) => client.me(),
                };
                let view = credits::show(&client, &account).await?;
                print(global, &view, || match view.held {
                    0 => format!("{} credits.", view.free),
                    held => format!(
                        "{} credits, and {held} that are set aside to be paid or returned.",
                        view.free
                    ),
                })
            }
            Command::Mint { account, amount } => {
                let proposed = credits::mint(&client, &account, amount).await?;
                print(global, &proposed, || {
                    outcome(&proposed, &format!("{account} has {amount} credits more."))
                })
            }
            Command::Burn { account, amount } => {
                let proposed = credits::burn(&client, &account, amount).await?;
                print(global, &proposed, || {
                    outcome(&proposed, &format!("{account} has {amount} credits less."))
                })
            }
            Command::Reclaim { request, patient } => {
                let back = credits::reclaim(&client, patient, request).await?;
                print(global, &back, || {
                    format!("{} credits are yours again.", back.amount)
                })
            }
        }
    }
}
