//! `salus`: everything that a person does, one command each.

mod args;
mod commands;
mod context;
mod exit;
mod output;
mod parse;
mod progress;
mod words;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.global.machine());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: this machine gives no threads: {error}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let machine = cli.global.machine();
    let result = runtime.block_on(commands::run(cli));
    // A prompt or a file that is still being read must not keep the program.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, machine),
    }
}

/// Warnings of the library, to stderr; more with RUST_LOG.
fn log(machine: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("salus_client=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match machine {
        true => log.json().init(),
        false => log.without_time().with_target(false).init(),
    }
}
