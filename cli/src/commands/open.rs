//! `salus open`.

use std::path::PathBuf;

use clap::Args;
use salus_client::actions::opening::{self, Opening};
use salus_primitives::{GrantIndex, PatientId, RecordIndex};

use super::record::shared_chart;
use crate::args::{Acting, Global};
use crate::context::client;
use crate::output::print;

#[derive(Debug, Args)]
pub struct Open {
    /// The patient
    patient: PatientId,
    /// The records' numbers; with --list all that the grant reaches, if none
    #[arg(required_unless_present = "list")]
    records: Vec<RecordIndex>,
    /// Titles and dates only
    #[arg(long)]
    list: bool,
    /// The grant to open under [default: the one that fits]
    #[arg(long)]
    grant: Option<GrantIndex>,
    #[command(flatten)]
    acting: Acting,
    /// The folder for the files
    #[arg(long, required_unless_present = "list", value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Open {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = self
            .acting
            .on(client(global).await?.acting_for(self.patient)?);
        let opened = opening::open(
            &client,
            &Opening {
                patient: self.patient,
                records: self.records,
                list: self.list,
                grant: self.grant,
                out: self.out,
            },
        )
        .await?;
        print(global, &opened, || {
            let mut text = shared_chart(&opened.records);
            for file in &opened.files {
                text.push_str(&format!("\n{file}"));
            }
            text.push_str(&format!(
                "\nOpened under grant {}; the patient's trail says so.",
                opened.grant
            ));
            text
        })
    }
}
