//! `salus chain`.

use clap::Subcommand;
use salus_client::chain::Code;
use serde_json::json;

use crate::args::Global;
use crate::context::client;
use crate::output::print;

#[derive(Debug, Subcommand)]
pub enum Chain {
    /// Which chain this profile is for, by which rules it runs, and how far it is
    Show,
    /// Say that you have checked the chain's new runtime with your organisation
    Trust,
}

fn rules(code: &Code) -> String {
    format!("version {} ({:?})", code.spec_version, code.hash)
}

impl Chain {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let client = client(global).await?;
        let runtime = client.chain.code();
        match self {
            Chain::Show => {
                let finalized = client.chain.finalized().await?;
                let trusted = client.profile.config()?.runtime.unwrap_or(runtime);
                let result = json!({
                    "node": client.chain.url(),
                    "genesis": client.chain.genesis(),
                    "finalized": finalized,
                    "runtime": runtime,
                    "trusted": trusted,
                    "is_trusted": runtime == trusted,
                });
                print(global, &result, || {
                    let mut text = format!(
                        "The chain {:?} at {} is final up to block {}.\nIts runtime is {}",
                        client.chain.genesis(),
                        client.chain.url(),
                        finalized.number,
                        rules(&runtime)
                    );
                    match runtime == trusted {
                        true => text.push_str(", which this profile trusts."),
                        false => text.push_str(&format!(
                            "; this profile trusts {}. `salus chain trust` accepts the new one.",
                            rules(&trusted)
                        )),
                    }
                    text
                })
            }
            Chain::Trust => {
                client.profile.update_config(|config| {
                    config.trust_runtime(runtime);
                    Ok(())
                })?;
                print(global, &json!({ "trusted": runtime }), || {
                    format!("This profile trusts the runtime {} now.", rules(&runtime))
                })
            }
        }
    }
}
