//! The Salus node: makes, checks and keeps the blocks of the consortium.

mod chain_spec;
mod cli;
mod command;
mod consortium;
mod equivocation;
mod finality;
mod node_key;
mod ports;
mod rpc;
mod service;
mod session_keys;

/// A node allocates on many threads at once, for as long as it runs: glibc's allocator spends more
/// time on that, and gives less back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> sc_cli::Result<()> {
    command::run()
}
