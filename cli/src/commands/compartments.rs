//! `salus compartments`.

use clap::Subcommand;
use salus_client::actions::patient;
use serde_json::json;

use crate::args::{About, Global};
use crate::context::about_patient;
use crate::output::{print, table};

#[derive(Debug, Subcommand)]
pub enum Compartments {
    /// The patient's compartments: everybody has the same 32
    List {
        #[command(flatten)]
        about: About,
    },
}

impl Compartments {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Compartments::List { about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let compartments = patient::compartments(&client, patient).await?;
                print(global, &json!({ "compartments": compartments }), || {
                    let rows: Vec<Vec<String>> = compartments
                        .iter()
                        .map(|row| {
                            vec![
                                row.id.clone(),
                                row.label.clone().unwrap_or_else(|| "unknown here".into()),
                                row.epoch.to_string(),
                                match row.needs_rotation {
                                    true => "a grant that had its key is over".into(),
                                    false => String::new(),
                                },
                            ]
                        })
                        .collect();
                    table(&["compartment", "label", "epoch", ""], &rows)
                })
            }
        }
    }
}
