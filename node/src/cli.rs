use std::path::PathBuf;

use sc_cli::{
    ChainInfoCmd, CheckBlockCmd, ExportBlocksCmd, ExportChainSpecCmd, ExportStateCmd,
    ImportBlocksCmd, KeySubcommand, PurgeChainCmd, RevertCmd, RunCmd,
};

use crate::session_keys::SessionKeysCmd;

#[derive(Debug, clap::Parser)]
pub struct Cli {
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,

    #[clap(flatten)]
    pub run: RunCmd,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Manage the keys of a validator.
    #[command(subcommand)]
    Key(KeySubcommand),

    /// Make the session keys of a validator, with a proof for their owner.
    SessionKeys(SessionKeysCmd),

    /// Write the specification of a new consortium's chain to stdout.
    Consortium {
        /// The members, as docs/010-operating.md describes them.
        members: PathBuf,
    },

    /// Write the specification of a chain.
    ExportChainSpec(ExportChainSpecCmd),

    /// Check blocks that are already stored.
    CheckBlock(CheckBlockCmd),

    /// Write stored blocks to a file.
    ExportBlocks(ExportBlocksCmd),

    /// Write the state of a block as a chain specification.
    ExportState(ExportStateCmd),

    /// Read blocks from a file.
    ImportBlocks(ImportBlocksCmd),

    /// Delete the whole chain from this machine.
    PurgeChain(PurgeChainCmd),

    /// Undo the newest blocks that are not final.
    Revert(RevertCmd),

    /// Tell what is stored of the chain.
    ChainInfo(ChainInfoCmd),
}
