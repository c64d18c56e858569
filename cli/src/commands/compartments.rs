//! `salus compartments`.

use clap::Subcommand;
use salus_client::actions::patient;
use salus_client::keyring::Label as CompartmentLabel;
use serde_json::json;

use super::{Label, Labels};
use crate::args::{About, Global};
use crate::context::about_patient;
use crate::output::{print, table};

#[derive(Debug, Subcommand)]
pub enum Compartments {
    /// The patient's compartments
    List {
        #[command(flatten)]
        about: About,
    },
    /// Open one for each category, all with the same flags
    Open {
        #[command(flatten)]
        labels: Labels,
        #[command(flatten)]
        about: About,
    },
    /// Close one that holds no record
    Close {
        #[command(flatten)]
        label: Label,
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
            Compartments::Close { label, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let label = CompartmentLabel::flagged(label.category, label.flags);
                let closed = patient::close_compartment(&client, patient, &label).await?;
                print(global, &closed, || {
                    format!(
                        "“{}” is closed. What fits nowhere else goes to intake.",
                        closed.label
                    )
                })
            }
            Compartments::Open { labels, about } => {
                let (client, patient) = about_patient(global, about.patient).await?;
                let opened =
                    patient::open_compartments(&client, patient, &labels.categories, &labels.flags)
                        .await?;
                print(global, &opened, || {
                    let names: Vec<&str> =
                        opened.opened.iter().map(|row| row.label.as_str()).collect();
                    format!(
                        "Open: {}. The chain knows 16 random bytes for each.",
                        names.join(", ")
                    )
                })
            }
        }
    }
}
