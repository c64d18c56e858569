//! The command line's shape: global flags, and one subcommand for each noun or verb.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use salus_client::actions::Client;
use salus_primitives::AccountId;

use crate::commands::{
    chain, compartments, completions, consent, correct, council, credits, emergency, keyring, keys,
    log, open, org, patient, queue, record, recovery, request, rights, share, study, validator,
    vault, watch,
};
use crate::parse;

/// Patients hold the key to their own medical records: share them, see who looked, correct them.
#[derive(Debug, Parser)]
#[command(
    name = "salus",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 refused, 4 verification failed, 5 node or vault unreachable."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The folder with your keys [default: ~/.local/share/salus]
    #[arg(long, global = true, env = "SALUS_PROFILE", value_name = "DIR")]
    pub profile: Option<PathBuf>,

    /// The node to ask: ws:// or wss:// [default: the profile's, or ws://127.0.0.1:9944]
    #[arg(long, global = true, env = "SALUS_NODE", value_name = "URL")]
    pub node: Option<String>,

    /// The vault to use instead of the one that the chain names
    #[arg(long, global = true, env = "SALUS_VAULT", value_name = "URL")]
    pub vault: Option<String>,

    /// A file with the profile's passphrase, instead of a prompt
    #[arg(
        long,
        global = true,
        env = "SALUS_PASSPHRASE_FILE",
        value_name = "FILE"
    )]
    pub passphrase_file: Option<PathBuf>,

    /// For development only: use this well-known key, such as //Alice, without any protection
    #[arg(long, global = true, value_name = "URI")]
    pub insecure_dev_key: Option<String>,

    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// Print one field of the JSON result, such as `records.0.cid`
    #[arg(long, global = true, value_name = "PATH")]
    pub field: Option<String>,
}

/// For whom an organisation's software acts.
#[derive(Clone, Debug, Default, Args)]
pub struct Acting {
    /// The person for whom you act, if you are an organisation's software: sealed in the trail
    #[arg(long, value_parser = parse::account, value_name = "ACCOUNT")]
    person: Option<AccountId>,
}

impl Acting {
    /// Lets the client act for that person.
    pub fn on(&self, mut client: Client) -> Client {
        client.person = self.person.clone();
        client
    }
}

impl Global {
    /// Whether a program reads the output.
    pub fn machine(&self) -> bool {
        self.json || self.field.is_some()
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Your account: make it, bring it back, show it
    #[command(subcommand)]
    Keys(keys::Keys),
    /// A patient's keyring: who can open it, new keys
    #[command(subcommand)]
    Keyring(keyring::Keyring),
    /// Organisations of the consortium
    #[command(subcommand)]
    Org(org::Org),
    /// What the council is to decide
    #[command(subcommand)]
    Council(council::Council),
    /// Who makes and finalizes blocks, and with which keys
    #[command(subcommand)]
    Validator(validator::Validator),
    /// The chain itself, and whether its rules are those that you know
    #[command(subcommand)]
    Chain(chain::Chain),
    /// The people whom an organisation vouches for
    #[command(subcommand)]
    Clinician(org::Clinician),
    /// Sign that somebody may name you: nobody is named without their word
    #[command(subcommand)]
    Consent(consent::Consent),
    /// Who a patient is, and who decides for them
    #[command(subcommand)]
    Patient(patient::Patient),
    /// Getting back in after your phone was lost: helpers, their shares, a backup
    #[command(subcommand)]
    Recovery(recovery::Recovery),
    /// What opens when nobody can ask you, and who has opened it
    #[command(subcommand)]
    Emergency(emergency::Emergency),
    /// The parts of a chart, each with a key of its own
    #[command(subcommand, visible_alias = "compartment")]
    Compartments(compartments::Compartments),
    /// Records: add, list, get, verify, file elsewhere, erase
    #[command(subcommand)]
    Record(record::Record),
    /// What waits to be sent with the rest of its hour
    Queue(queue::Queue),
    /// Let somebody read, or add to, part of a chart, until a time
    Share(share::Share),
    /// Who may see what; or, with --received, what you may see
    Grants(share::Grants),
    /// End a grant, from this moment on
    Revoke(share::Revoke),
    /// Give a compartment a new key
    Rotate(share::Rotate),
    /// Ask a patient for access
    Request(request::Request),
    /// Requests to a patient, with their letters
    Requests(request::Requests),
    /// Take a request back; by who asked, or by the organisation's admin
    Withdraw(request::Withdraw),
    /// Answer a request with what was asked for, or less
    Approve(request::Approve),
    /// Answer a request with no
    Decline(request::Decline),
    /// Open records that a patient shares with you; the patient's trail says so
    Open(open::Open),
    /// A patient's trail: everything that happened, provably complete
    Log(log::Log),
    /// What happens to you, live, one line each
    Watch(watch::Watch),
    /// The members' vaults, and the copies that they keep
    Vault(vault::Vault),
    /// Say that a record is wrong, or answer that
    #[command(subcommand)]
    Correct(correct::Correct),
    /// Studies: announce, find, join, leave
    #[command(subcommand)]
    Study(study::Study),
    /// What you have of credits; the council makes them and takes them away
    Credits(credits::Credits),
    /// Write everything that is known of a patient into a folder, in clear
    Export(rights::Export),
    /// Who was given what of a patient's records, when, and what for
    Disclosures(rights::Disclosures),
    /// Erase all records of a patient for good, end all grants, destroy the keys
    EraseAll(rights::EraseAll),
    /// Completions for a shell
    Completions(completions::Completions),
}

/// The patient that a command is about.
#[derive(Clone, Debug, Args)]
pub struct About {
    /// The patient [default: the profile's only one]
    #[arg(long, value_name = "PATIENT")]
    pub patient: Option<salus_primitives::PatientId>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_keyring_is_restored_in_one_way() {
        let parses = |line: &str| {
            let words = ["salus", "recovery", "restore"].into_iter();
            Cli::try_parse_from(words.chain(line.split_whitespace())).is_ok()
        };
        for line in ["a b", "--backup a", "--kit a", "--kit -", "--kit"] {
            assert!(parses(line), "{line}");
        }
        for line in ["", "a --kit b", "a --backup b", "--backup a --kit b"] {
            assert!(!parses(line), "{line}");
        }
    }

    #[test]
    fn no_command_uses_a_name_for_two_things() {
        let correct = [
            "salus",
            "correct",
            "make",
            "00000000000000000000000000000000",
            "0",
            "--with",
            "5",
        ];
        assert!(Cli::try_parse_from(correct).is_ok());
        fn walk(command: &clap::Command) {
            let mut names = std::collections::BTreeSet::new();
            for argument in command.get_arguments() {
                assert!(
                    names.insert(argument.get_id()),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn no_flag_takes_a_secret() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let takes_value = argument.get_action().takes_values();
                let secret = ["passphrase", "phrase", "seed", "secret", "password"].contains(&name);
                assert!(!(secret && takes_value), "{} --{name}", command.get_name());
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn every_command_and_flag_is_explained() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let hidden = ["help", "version"].contains(&argument.get_id().as_str());
                assert!(
                    hidden || argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
            assert!(command.get_about().is_some(), "{}", command.get_name());
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }
}
