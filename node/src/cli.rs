use std::path::PathBuf;

use sc_cli::{
    ChainInfoCmd, CheckBlockCmd, ExportBlocksCmd, ExportChainSpecCmd, ExportStateCmd,
    ImportBlocksCmd, PurgeChainCmd, RevertCmd, RunCmd,
};

use crate::{node_key::KeyCmd, session_keys::SessionKeysCmd};

/// The stock pool keeps a view of each fork. A consortium hardly forks, and four nodes that share two
/// cores ceased to finalize under 120 transactions a second of it; with one view they are at 70 %.
const POOL_TYPE: &str = "single-state";
/// With one view, what a long partition took out of its blocks is in no pool, and must be sent again.
/// It was banned when it entered a block, as is what came while a fork was given up; the stock half an
/// hour would refuse both for as long.
const TX_BAN_SECONDS: &str = "5";
/// A tenth of it may wait for an earlier nonce; what is beyond is thrown out with all that follows. A
/// busy second fills the 819 of the stock limit. The memory is bounded by `--pool-kbytes`.
const POOL_LIMIT: &str = "65536";

#[derive(Debug, clap::Parser)]
#[command(
    mut_arg("pool_type", |arg| arg.default_value(POOL_TYPE)),
    mut_arg("tx_ban_seconds", |arg| arg.default_value(TX_BAN_SECONDS)),
    mut_arg("pool_limit", |arg| arg.default_value(POOL_LIMIT)),
)]
pub struct Cli {
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,

    #[clap(flatten)]
    pub run: RunCmd,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Manage the key by which other nodes know this one.
    #[command(subcommand)]
    Key(KeyCmd),

    /// Make the session keys of a validator, with a proof for their owner.
    SessionKeys(SessionKeysCmd),

    /// Write the specification of a new consortium's chain to stdout.
    Consortium {
        /// The members, as docs/010-operating.md describes them.
        members: PathBuf,
        /// The runtime, compact.compressed.wasm, instead of the one that is built in
        #[arg(long, value_name = "FILE")]
        runtime: Option<PathBuf>,
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
