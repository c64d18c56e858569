//! The key by which other members' nodes know this one.

use std::path::PathBuf;

use sc_network::config::{NodeKeyConfig, Secret};

/// Manage the key by which other nodes know this one.
#[derive(Debug, clap::Subcommand)]
pub enum KeyCmd {
    /// Make a node's key in a new file; prints the peer id, which others list.
    GenerateNodeKey {
        /// The file, which must not be there yet
        #[arg(long)]
        file: PathBuf,
    },
    /// Print the peer id of a node's key.
    InspectNodeKey {
        /// The file
        #[arg(long)]
        file: PathBuf,
    },
}

impl KeyCmd {
    pub fn run(&self) -> Result<(), String> {
        let file = match self {
            KeyCmd::GenerateNodeKey { file } if file.exists() => {
                return Err(format!(
                    "{0} is there already, and stays as it is: `salus-node key inspect-node-key --file {0}` prints its peer id. To replace it, name a new file, or move this one away",
                    file.display()
                ))
            }
            KeyCmd::InspectNodeKey { file } if !file.exists() => {
                return Err(format!(
                    "{0} is not there: `salus-node key generate-node-key --file {0}` makes a key",
                    file.display()
                ))
            }
            KeyCmd::GenerateNodeKey { file } | KeyCmd::InspectNodeKey { file } => file,
        };
        // Where there is no file this makes one, for its owner alone, and replaces none.
        let key = NodeKeyConfig::Ed25519(Secret::File(file.clone()))
            .into_keypair()
            .map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{}", key.public().to_peer_id());
        Ok(())
    }
}
