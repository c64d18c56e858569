//! The Salus node: makes, checks and keeps the blocks of the consortium.

mod chain_spec;
mod cli;
mod command;
mod consortium;
mod equivocation;
mod rpc;
mod service;
mod session_keys;

fn main() -> sc_cli::Result<()> {
    command::run()
}
