//! `salus chain`.

use clap::Subcommand;
use salus_client::chain::Code;
use serde_json::json;

use crate::args::Global;
use crate::context::{has_profile, profile, reader};
use crate::output::print;

#[derive(Debug, Subcommand)]
pub enum Chain {
    /// Which chain this profile is for, by which rules it runs, and how far it is
    Show,
    /// Say that you have checked the chain's new runtime with your organisation
    Trust,
    /// Say that the node is your own: it is asked for your ids alone, not among those of others
    OwnNode {
        /// It is not yours, or no more
        #[arg(long)]
        no: bool,
    },
}

fn rules(code: &Code) -> String {
    format!("version {} ({:?})", code.spec_version, code.hash)
}

impl Chain {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let known = has_profile(global);
        if !matches!(self, Chain::Show) {
            profile(global)?;
        }
        let client = reader(global).await?;
        let runtime = client.chain.code();
        match self {
            Chain::Show => {
                let finalized = client.chain.finalized().await?;
                let trusted = client.profile.config()?.runtime.filter(|_| known);
                let result = json!({
                    "node": client.chain.url(),
                    "genesis": client.chain.genesis(),
                    "finalized": finalized,
                    "runtime": runtime,
                    "trusted": trusted,
                    "is_trusted": trusted.map(|trusted| trusted == runtime),
                });
                print(global, &result, || {
                    let mut text = format!(
                        "The chain {:?} at {} is final up to block {}.\nIts runtime is {}",
                        client.chain.genesis(),
                        client.chain.url(),
                        finalized.number,
                        rules(&runtime)
                    );
                    text.push_str(&match trusted {
                        None => ".".into(),
                        Some(trusted) if trusted == runtime => {
                            ", which this profile trusts.".into()
                        }
                        Some(trusted) => format!(
                            "; this profile trusts {}. `salus chain trust` accepts the new one.",
                            rules(&trusted)
                        ),
                    });
                    text
                })
            }
            Chain::OwnNode { no } => {
                client.profile.update_config(|config| {
                    config.own_node = !no;
                    Ok(())
                })?;
                print(global, &json!({ "own_node": !no }), || {
                    match no {
                    true => "From now on this profile asks the node for each of its ids among seven others.".into(),
                    false => "From now on this profile asks the node for its own ids alone. Let it be a node of yours, on a machine of yours.".into(),
                }
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
