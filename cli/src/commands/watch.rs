//! `salus watch`.

use clap::Args;
use salus_client::actions::describe::moment;
use salus_client::actions::{corrections, emergency, watching};

use crate::args::Global;
use crate::context::client;
use crate::output::print_line;

#[derive(Debug, Args)]
pub struct Watch {
    /// Begin at this block [default: the next one]
    #[arg(long, value_name = "BLOCK")]
    since: Option<u32>,
    /// Stop at the newest finalized block
    #[arg(long)]
    once: bool,
}

impl Watch {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = client(global).await?;
        // What was missed while nobody watched.
        if !global.machine() {
            for row in corrections::of_what_i_read(&client).await? {
                eprintln!("{row}");
            }
            for (patient, advice) in emergency::advice_now(&client).await? {
                eprintln!("{patient}  {advice}");
            }
        }
        let mut failed = None;
        watching::watch(&client, self.since, self.once, |notice| {
            let text = match &notice.patient {
                Some(patient) => format!("{}  {patient}  {}", moment(notice.moment), notice.text),
                None => format!("{}  {}", moment(notice.moment), notice.text),
            };
            if let Err(error) = print_line(global, &notice, &text) {
                failed = Some(error);
            }
            Ok(failed.is_none())
        })
        .await?;
        match failed {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
