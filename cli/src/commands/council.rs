//! `salus council`.

use anyhow::anyhow;
use clap::Subcommand;
use salus_client::actions::organisation;
use serde_json::json;

use crate::args::Global;
use crate::context::client;
use crate::output::{print, table};

#[derive(Debug, Subcommand)]
pub enum Council {
    /// The motions that wait for votes
    List,
    /// Vote on a motion; it is carried out once enough agree
    Vote {
        /// The motion's hash, as `salus council list` shows it
        #[arg(value_parser = hash)]
        proposal: [u8; 32],
        /// Vote against it
        #[arg(long)]
        reject: bool,
    },
}

fn hash(text: &str) -> anyhow::Result<[u8; 32]> {
    hex::decode(text.trim_start_matches("0x"))
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| anyhow!("expected 64 hexadecimal digits"))
}

impl Council {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = client(global).await?;
        match self {
            Council::List => {
                let motions = organisation::motions(&client).await?;
                print(global, &json!({ "motions": motions }), || {
                    match motions.is_empty() {
                        true => "No motion waits for votes.".into(),
                        false => {
                            let rows: Vec<Vec<String>> = motions
                                .iter()
                                .map(|motion| {
                                    vec![
                                        format!("{:?}", motion.proposal),
                                        motion.call.clone(),
                                        format!("{} of {}", motion.ayes.len(), motion.threshold),
                                    ]
                                })
                                .collect();
                            table(&["motion", "call", "votes"], &rows)
                        }
                    }
                })
            }
            Council::Vote { proposal, reject } => {
                let voted = organisation::vote(&client, proposal.into(), !reject).await?;
                print(global, &voted, || match voted.executed {
                    true => "The motion was carried out.".into(),
                    false => "Your vote counts; the motion waits for others.".into(),
                })
            }
        }
    }
}
