//! Command line and environment. Secrets come from files and the environment, never from arguments.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure, Context};
use clap::builder::Resettable;
use clap::{ArgGroup, Args, CommandFactory, FromArgMatches, Parser};
use salus_client::files::age::DecryptionKey;
use salus_client::keys::AccountKey;
use url::{Host, Url};

use crate::copies::copier::Pace;
use crate::identity;
use crate::log;
use crate::patience::Patience;
use crate::serve::CHECK_EVERY;
use crate::session::Audience;
use crate::store::Store;
use crate::sweep::Quotas;
use crate::Settings;

/// Where the objects lie.
#[derive(Debug, Args)]
#[group(id = "storage", required = true, multiple = true)]
pub struct Storage {
    /// Keep objects in this folder
    #[arg(long, env = "SALUS_VAULT_DATA", conflicts_with = "s3_bucket")]
    pub data: Option<PathBuf>,

    /// Keep objects in this S3 bucket; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, env = "SALUS_VAULT_S3_BUCKET")]
    pub s3_bucket: Option<String>,

    /// The S3 server, if it is not Amazon's
    #[arg(long, env = "SALUS_VAULT_S3_ENDPOINT", requires = "s3_bucket")]
    pub s3_endpoint: Option<String>,

    #[arg(long, env = "SALUS_VAULT_S3_REGION", requires = "s3_bucket")]
    pub s3_region: Option<String>,

    /// Let the S3 endpoint be http://
    #[arg(long, env = "SALUS_VAULT_S3_ALLOW_HTTP", requires = "s3_bucket")]
    pub s3_allow_http: bool,
}

impl Storage {
    pub fn open(&self) -> anyhow::Result<Store> {
        match (&self.data, &self.s3_bucket) {
            (Some(folder), _) => Ok(Store::local(folder)?),
            (None, Some(bucket)) => Store::s3(
                bucket,
                self.s3_endpoint.as_deref(),
                self.s3_region.as_deref(),
                self.s3_allow_http,
            )
            .with_context(|| {
                format!("the S3 bucket {bucket} cannot be used: check --s3-… and AWS_…")
            }),
            (None, None) => bail!("name a place for the objects: --data or --s3-bucket"),
        }
    }
}

/// Tries out the storage of a vault, and says whether it can be trusted: whether what is deleted is gone.
#[derive(Debug, Parser)]
#[command(name = "salus-vault check-storage", version, about)]
pub struct CheckStorage {
    #[command(flatten)]
    pub storage: Storage,
}

/// Parses arguments and the environment. An empty variable counts as unset.
pub fn parse<P: CommandFactory + FromArgMatches>(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<P, clap::Error> {
    let command = P::command().mut_args(|argument| {
        let value = argument.get_env().and_then(std::env::var_os);
        match value.is_some_and(|value| value.is_empty()) {
            true => argument.env(Resettable::<clap::builder::OsStr>::Reset),
            false => argument,
        }
    });
    P::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// The vault of Salus: keeps encrypted files, and hands them out only as the chain allows now and
/// has logged. `salus-vault check-storage` tries out its storage.
#[derive(Debug, Parser)]
#[command(name = "salus-vault", version, about)]
#[command(group(ArgGroup::new("key").required(true).args(["key_file", "insecure_dev_key"])))]
pub struct Config {
    /// The node to ask: ws:// or wss://
    #[arg(long, env = "SALUS_NODE", default_value = "ws://127.0.0.1:9944")]
    pub node: String,

    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "SALUS_VAULT_LISTEN", default_value = "127.0.0.1:8040")]
    pub listen: SocketAddr,

    /// Where to tell figures, for the monitoring of this machine: an address of its loopback
    #[arg(
        long,
        env = "SALUS_VAULT_METRICS_LISTEN",
        default_value = "127.0.0.1:9616"
    )]
    pub metrics_listen: SocketAddr,

    /// The base URL that clients use, as the chain names it [default: where it listens]
    #[arg(long, env = "SALUS_VAULT_PUBLIC_URL")]
    pub public_url: Option<Url>,

    /// For development only: let the public URL be http:// in a private network
    #[arg(long)]
    pub insecure_http: bool,

    #[command(flatten)]
    pub storage: Storage,

    /// The organisation that runs this vault, by its number on the chain
    #[arg(long, env = "SALUS_VAULT_ORGANISATION")]
    pub organisation: u32,

    /// A file with the secret of the service account that logs deliveries
    #[arg(long, env = "SALUS_VAULT_KEY_FILE")]
    pub key_file: Option<PathBuf>,

    /// A file with the key that shares of emergency plans are encrypted to; made if it is not there
    /// [default: vault.identity in --data; needed with a bucket]
    #[arg(long, env = "SALUS_VAULT_IDENTITY_FILE")]
    pub identity_file: Option<PathBuf>,

    /// For development only: a well-known key, such as //Alice
    #[arg(long)]
    pub insecure_dev_key: Option<String>,

    /// Write the ready line to this file, too
    #[arg(long, env = "SALUS_VAULT_READY_FILE")]
    pub ready_file: Option<PathBuf>,

    /// MiB that one account may hold without the chain naming them
    #[arg(long, env = "SALUS_VAULT_QUOTA_ACCOUNT", default_value_t = 8 * 1024)]
    pub quota_account: u64,

    /// MiB that one organisation's accounts may hold without the chain naming them
    #[arg(long, env = "SALUS_VAULT_QUOTA_ORGANISATION", default_value_t = 64 * 1024)]
    pub quota_organisation: u64,

    /// MiB of the largest object
    #[arg(long, env = "SALUS_VAULT_MAX_UPLOAD", default_value_t = 64 * 1024)]
    pub max_upload: u64,

    /// MiB of the blocks that all requests together may have in memory
    #[arg(
        long,
        env = "SALUS_VAULT_MEMORY",
        default_value_t = 32,
        value_parser = clap::value_parser!(u64).range(8..)
    )]
    pub memory: u64,

    /// Seconds that an upload may wait to be named by the chain
    #[arg(long, env = "SALUS_VAULT_GRACE", default_value_t = 24 * 60 * 60)]
    pub grace: u64,

    /// Seconds between two looks at what waits
    #[arg(long, env = "SALUS_VAULT_SWEEP_EVERY", default_value_t = 60)]
    pub sweep_every: u64,

    /// Seconds between two looks at all objects, for those that the chain no longer names
    #[arg(long, env = "SALUS_VAULT_AUDIT_EVERY", default_value_t = 60 * 60)]
    pub audit_every: u64,

    /// Seconds between two rounds through all patients, for copies that are missing here
    #[arg(long, env = "SALUS_VAULT_ROUND_EVERY", default_value_t = 10 * 60)]
    pub round_every: u64,

    /// Seconds between two readings of everything, for blocks that are damaged
    #[arg(long, env = "SALUS_VAULT_SCRUB_EVERY", default_value_t = 24 * 60 * 60)]
    pub scrub_every: u64,

    /// MiB a second that reading everything may take from the disk; 0 for no limit
    #[arg(long, env = "SALUS_VAULT_SCRUB_RATE", default_value_t = 16)]
    pub scrub_rate: u64,

    /// Seconds that the finalized head may lag behind the clock
    #[arg(long, env = "SALUS_VAULT_FRESHNESS", default_value_t = 30)]
    pub freshness: u64,

    /// Seconds after midnight within which a day's reads are committed, by chance; 0: at once, for tests
    #[arg(
        long,
        env = "SALUS_VAULT_READS_DELAY",
        default_value_t = 60 * 60,
        value_parser = clap::value_parser!(u64).range(..=12 * 60 * 60)
    )]
    pub reads_delay: u64,

    /// Log as JSON lines
    #[arg(long, env = "SALUS_VAULT_LOG_JSON")]
    pub log_json: bool,

    /// Let the log name patients, accounts, files and sizes, while a fault is looked for
    #[arg(long, env = "SALUS_VAULT_LOG_NAMES")]
    pub log_names: bool,
}

const MIB: u64 = 1024 * 1024;

impl Config {
    /// Held while the vault runs: another one on the same folder would clear away its uploads.
    pub fn claim(&self) -> anyhow::Result<Option<std::fs::File>> {
        let Some(folder) = &self.storage.data else {
            return Ok(None);
        };
        let path = folder.join("vault.lock");
        let file = std::fs::File::create(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.try_lock().with_context(|| {
            format!(
                "another vault uses {}: stop it, or choose another --data",
                folder.display()
            )
        })?;
        Ok(Some(file))
    }

    /// Where figures are told. Error: anywhere but on this machine's loopback.
    pub fn operator_listen(&self) -> anyhow::Result<SocketAddr> {
        ensure!(
            self.metrics_listen.ip().is_loopback(),
            "--metrics-listen must be an address of this machine's loopback, such as 127.0.0.1:9616, \
             and not {}: let the monitoring run on this machine, or fetch the figures through a tunnel",
            self.metrics_listen
        );
        Ok(self.metrics_listen)
    }

    pub fn log_style(&self) -> log::Style {
        log::Style {
            json: self.log_json,
            names: self.log_names,
        }
    }

    pub fn pace(&self) -> Pace {
        Pace {
            rounds: Duration::from_secs(self.round_every.max(1)),
            scrubs: Duration::from_secs(self.scrub_every.max(1)),
            scrub_rate: self.scrub_rate.saturating_mul(MIB),
        }
    }

    pub fn key(&self) -> anyhow::Result<AccountKey> {
        let secret = match (&self.key_file, &self.insecure_dev_key) {
            (Some(file), _) => zeroize::Zeroizing::new(
                std::fs::read_to_string(file)
                    .with_context(|| format!("the key file {} cannot be read", file.display()))?,
            ),
            (None, Some(key)) => {
                ensure!(
                    key.starts_with("//"),
                    "--insecure-dev-key takes a well-known key such as //Alice; use --key-file for secrets"
                );
                zeroize::Zeroizing::new(key.clone())
            }
            (None, None) => bail!("name the service account's key: --key-file"),
        };
        // The cause is left out: it could quote the secret.
        AccountKey::from_uri(secret.trim()).map_err(|_| {
            anyhow::anyhow!(
                "the service account's key cannot be read: it must be a phrase or 0x seed"
            )
        })
    }

    /// The vault's own key. Error: there is no place to keep it in.
    pub fn identity(&self) -> anyhow::Result<DecryptionKey> {
        let in_data = self.storage.data.as_ref();
        let in_data = in_data.map(|folder| folder.join(identity::FILE));
        let file = self.identity_file.clone().or(in_data).context(
            "a vault in a bucket needs a file for its own key, or it could keep no shares of emergency plans: \
             name one on this machine with --identity-file, and back it up",
        )?;
        identity::load(&file)
    }

    /// `listening` is where the server really listens.
    pub fn settings(
        &self,
        listening: SocketAddr,
        genesis: salus_primitives::Genesis,
        service_account: salus_primitives::AccountId,
        identity: DecryptionKey,
    ) -> anyhow::Result<Settings> {
        let origin = match &self.public_url {
            Some(url) => origin(url, self.insecure_http)?,
            None => {
                ensure!(
                    !listening.ip().is_unspecified(),
                    "clients cannot use {listening}: name the vault's address with --public-url"
                );
                format!("http://{listening}")
            }
        };
        Ok(Settings {
            audience: Audience {
                genesis,
                organisation: self.organisation,
                origin,
            },
            service_account,
            identity: Some(identity),
            quotas: Quotas {
                account: self.quota_account.saturating_mul(MIB),
                organisation: self.quota_organisation.saturating_mul(MIB),
            },
            grace: self.grace.saturating_mul(1_000),
            freshness: self.freshness.saturating_mul(1_000),
            max_upload: self.max_upload.saturating_mul(MIB),
            check_every: CHECK_EVERY,
            patience: Patience::PEOPLE,
            patience_with_members: Patience::MEMBERS,
            memory: self.memory.saturating_mul(MIB),
            reads_delay: self.reads_delay.saturating_mul(1_000),
        })
    }
}

/// https, or loopback in development; no userinfo, no query.
fn origin(url: &Url, insecure_http: bool) -> anyhow::Result<String> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    };
    ensure!(
        url.scheme() == "https" || (url.scheme() == "http" && (loopback || insecure_http)),
        "--public-url must be https (http only for loopback): put a TLS proxy in front of the vault"
    );
    ensure!(
        url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none(),
        "--public-url must be a plain address, without user, query or fragment"
    );
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_are_https_or_loopback_and_plain() {
        let accepted = |url: &str| origin(&Url::parse(url).unwrap(), false).ok();
        assert_eq!(
            accepted("https://vault.example/").as_deref(),
            Some("https://vault.example")
        );
        assert_eq!(
            accepted("http://127.0.0.1:80/v").as_deref(),
            Some("http://127.0.0.1/v")
        );
        for refused in [
            "http://vault.example",
            "ftp://127.0.0.1",
            "https://a:b@vault.example",
            "https://vault.example/?x",
        ] {
            assert_eq!(accepted(refused), None, "{refused}");
        }
        let private = Url::parse("http://10.87.0.1:8040").unwrap();
        assert!(origin(&private, false).is_err() && origin(&private, true).is_ok());
    }

    #[test]
    fn figures_are_told_on_loopback_and_nowhere_else() {
        let listen = |more: &[&str]| {
            let arguments = ["salus-vault", "--data", "x", "--organisation", "0"];
            let key = ["--insecure-dev-key", "//Alice"];
            let all = arguments.iter().chain(&key).chain(more);
            let config = parse::<Config>(all).unwrap();
            config.operator_listen()
        };
        assert!(listen(&[]).unwrap().ip().is_loopback());
        assert!(listen(&["--listen", "0.0.0.0:8040"])
            .unwrap()
            .ip()
            .is_loopback());
        assert!(listen(&["--metrics-listen", "[::1]:1"]).is_ok());
        for refused in ["0.0.0.0:9616", "10.0.0.1:9616", "[::]:9616"] {
            assert!(listen(&["--metrics-listen", refused]).is_err(), "{refused}");
        }
    }

    #[test]
    fn folder_belongs_to_one_vault_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let arguments = ["salus-vault", "--data", data, "--organisation", "0"];
        let key = ["--insecure-dev-key", "//Alice"];
        let config = parse::<Config>(arguments.iter().chain(&key)).unwrap();
        let claimed = config.claim().unwrap();
        assert!(config.claim().is_err());
        drop(claimed);
        assert!(config.claim().is_ok());
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let key = ["--insecure-dev-key", "//Alice"];
        let arguments = ["salus-vault", "--data", "x", "--organisation", "0"];
        let all = || arguments.iter().chain(&key);
        let unset = format!("{:?}", parse::<Config>(all()).unwrap());
        let command = Config::command();
        let variables: Vec<_> = command
            .get_arguments()
            .filter_map(|a| a.get_env())
            .collect();
        assert!(variables.len() > 20);
        for name in &variables {
            std::env::set_var(name, "");
        }
        assert_eq!(format!("{:?}", parse::<Config>(all()).unwrap()), unset);
        // And none of them stands for what must be named.
        assert!(
            parse::<Config>(["salus-vault", "--organisation", "0"].iter().chain(&key)).is_err()
        );
        for name in variables {
            std::env::remove_var(name);
        }
    }

    #[test]
    fn a_vault_in_a_bucket_needs_a_file_for_its_key() {
        let arguments = ["salus-vault", "--s3-bucket", "b", "--organisation", "0"];
        let key = ["--insecure-dev-key", "//Alice"];
        let config = parse::<Config>(arguments.iter().chain(&key)).unwrap();
        let error = config.identity().unwrap_err().to_string();
        assert!(error.contains("--identity-file"), "{error}");
    }

    #[test]
    fn secrets_are_not_taken_from_arguments() {
        let config = parse::<Config>([
            "salus-vault",
            "--data",
            "/tmp/x",
            "--organisation",
            "0",
            "--insecure-dev-key",
            "bottom drive obey lake curtain smoke basket hold race lonely fit walk",
        ])
        .unwrap();
        assert!(config.key().is_err());
    }
}
