use sc_cli::{
    ChainInfoCmd, CheckBlockCmd, ExportBlocksCmd, ExportChainSpecCmd, ExportStateCmd,
    ImportBlocksCmd, KeySubcommand, PurgeChainCmd, RevertCmd, RunCmd,
};

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
