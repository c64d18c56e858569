//! `salus completions`.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{generate, Shell};

use crate::args::Cli;

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell; put the output where it looks for completions
    #[arg(value_enum)]
    shell: Supported,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Supported {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub fn run(self) -> anyhow::Result<()> {
        let shell = match self.shell {
            Supported::Bash => Shell::Bash,
            Supported::Zsh => Shell::Zsh,
            Supported::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        generate(shell, &mut Cli::command(), "salus", &mut script);
        crate::output::write(String::from_utf8_lossy(&script).trim_end())
    }
}
