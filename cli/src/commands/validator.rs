//! `salus validator`.

use anyhow::anyhow;
use clap::Subcommand;
use salus_client::actions::validators::{self, Registered, Validator as Row, Validators};
use salus_client::chain::SessionKeys;

use crate::args::Global;
use crate::context::{client, reader};
use crate::output::{print, table};

#[derive(Debug, Subcommand)]
pub enum Validator {
    /// Who makes and finalizes blocks now, who will, and who cannot
    List,
    /// How it stands with your organisation
    Status,
    /// Let your organisation's running node, on this machine, make new session keys; by the admin
    Rotate,
    /// Register session keys that `salus-node session-keys` has made; by the admin
    Register {
        /// The keys, as they were printed
        #[arg(long, value_parser = bytes, value_name = "0x…")]
        keys: Bytes,
        /// The proof, as it was printed with them
        #[arg(long, value_parser = bytes, value_name = "0x…")]
        proof: Bytes,
    },
}

/// Public, in hexadecimal.
#[derive(Clone, Debug)]
pub struct Bytes(Vec<u8>);

fn bytes(text: &str) -> anyhow::Result<Bytes> {
    text.strip_prefix("0x")
        .and_then(|digits| hex::decode(digits).ok())
        .map(Bytes)
        .ok_or_else(|| anyhow!("expected 0x and hexadecimal digits"))
}

/// What keeps a validator from being one.
fn lack(row: &Row) -> Option<&'static str> {
    match row {
        row if row.is_able() => None,
        Row {
            organisation: None, ..
        } => Some("no organisation's admin any more"),
        Row {
            suspended: true, ..
        } => Some("suspended"),
        Row { barred: true, .. } => Some("barred until the council readmits it"),
        _ => Some("no keys registered"),
    }
}

/// How it stands with a validator; `held` if the present ones go on because too few are able.
fn words(row: &Row, held: bool) -> String {
    let stands = match (row.validates, row.validates_next) {
        (true, true) if row.is_able() => "validates",
        (true, true) if held => "validates until enough others can",
        (true, true) => "validates for two more sessions at most",
        (true, false) => "validates until this session ends",
        (false, true) => "validates from the next session on",
        (false, false) if !row.is_able() => "does not validate",
        (false, false) if held => "waits until enough others can validate",
        (false, false) => "validates from the session after next on",
    };
    match lack(row) {
        None => stands.into(),
        Some(lack) => format!("{stands}: {lack}"),
    }
}

fn registered(done: &Registered) -> String {
    format!(
        "{} has registered new session keys. Its node validates with them from the session after next on; until then it needs the old ones, too.",
        done.name
    )
}

fn listed(list: &Validators) -> String {
    let held = list.is_held();
    let rows: Vec<Vec<String>> = list
        .validators
        .iter()
        .map(|row| {
            vec![
                row.organisation
                    .map(|no| no.to_string())
                    .unwrap_or_default(),
                row.name.clone().unwrap_or_else(|| row.admin.clone()),
                words(row, held),
            ]
        })
        .collect();
    let so = match held {
        true => "fewer than that, so the present validators go on",
        false => "enough",
    };
    format!(
        "{}\nThe minimum is {}; {} can validate, {so}. Session {} ends before block {}.",
        table(&["no", "name", "stands at"], &rows),
        list.minimum,
        list.able,
        list.session,
        list.next_session_at
    )
}

impl Validator {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Validator::List => {
                let reader = reader(global).await?;
                let list = validators::list(&reader).await?;
                print(global, &list, || listed(&list))
            }
            Validator::Status => {
                let client = client(global).await?;
                let status = validators::status(&client).await?;
                print(global, &status, || {
                    let row = &status.validator;
                    let node = match (&row.keys, status.node_has_keys) {
                        (None, _) => "Register keys with `salus validator rotate`.",
                        (_, Some(true)) => "The node that was asked holds its keys.",
                        (_, Some(false)) => "The node that was asked does not hold its keys: ask its own, or give that one keys with `salus validator rotate`.",
                        (_, None) => "The node that was asked does not say whether it holds its keys.",
                    };
                    format!(
                        "{} {}. {node} The next session begins at block {}.",
                        row.name.clone().unwrap_or_default(),
                        words(row, status.held),
                        status.next_session_at
                    )
                })
            }
            Validator::Rotate => {
                let done = validators::rotate(&client(global).await?).await?;
                print(global, &done, || registered(&done))
            }
            Validator::Register { keys, proof } => {
                let made = SessionKeys {
                    keys: keys.0,
                    proof: proof.0,
                };
                let done = validators::register(&client(global).await?, &made).await?;
                print(global, &done, || registered(&done))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(validates: bool, validates_next: bool) -> Row {
        Row {
            organisation: Some(0),
            name: Some("General Hospital".into()),
            admin: String::new(),
            validates,
            validates_next,
            keys: Some("0x".into()),
            barred: false,
            suspended: false,
        }
    }

    #[test]
    fn each_state_has_its_words() {
        let said = |row: &Row, held| words(row, held);
        assert_eq!(said(&row(true, true), false), "validates");
        assert!(said(&row(true, false), false).contains("until this session ends"));
        assert!(said(&row(false, true), false).contains("next session on"));
        assert!(said(&row(false, false), false).contains("session after next"));
        assert!(said(&row(false, false), true).contains("waits"));
        let barred = Row {
            barred: true,
            ..row(true, true)
        };
        assert!(said(&barred, false).contains("two more sessions at most: barred"));
        assert!(said(&barred, true).contains("until enough others can: barred"));
        let keyless = Row {
            keys: None,
            ..row(false, false)
        };
        assert_eq!(
            said(&keyless, false),
            "does not validate: no keys registered"
        );
        let gone = Row {
            organisation: None,
            ..row(true, false)
        };
        assert!(said(&gone, false).contains("admin any more"));
    }

    #[test]
    fn keys_are_read_with_their_prefix_only() {
        assert_eq!(bytes("0x0aff").unwrap().0, [10, 255]);
        for bad in ["", "0aff", "0x0", "0xzz"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
