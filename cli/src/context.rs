//! The profile, unlocked, and the connection, as the global flags say.

use std::fs::{self, File};
use std::io::{stdin, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{anyhow, bail, ensure, Context as _};
use salus_client::actions::{accounts, emergency, Client};
use salus_client::keys::AccountKey;
use salus_client::profile::{Profile, Unlocked};
use salus_client::Error;
use salus_primitives::{Genesis, PatientId};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::args::Global;
use crate::commands::queue;
use crate::progress;

/// The client of the command that runs.
static ACTING: Mutex<Option<Client>> = Mutex::new(None);

/// What follows a command that did something, without being asked: the emergency plans that are due.
pub async fn look_after() {
    let acting = ACTING.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(client) = acting {
        emergency::look_after(&client).await;
    }
}

/// More than anybody types.
const MAX_TYPED: u64 = 4 * 1024;

pub fn folder(global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(folder) = &global.profile {
        return Ok(folder.clone());
    }
    let home = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let data = home("XDG_DATA_HOME").or_else(|| home("HOME").map(|home| home.join(".local/share")));
    match data {
        Some(data) => Ok(data.join("salus")),
        None => bail!("there is no home folder: name the profile's with --profile"),
    }
}

/// Whether there is a profile, or one that is made.
pub fn has_profile(global: &Global) -> bool {
    global.insecure_dev_key.is_some()
        || folder(global).is_ok_and(|folder| Profile::open(&folder).is_ok())
}

/// The profile. With a development key it is made, if it is not there.
pub fn profile(global: &Global) -> anyhow::Result<Profile> {
    let folder = folder(global)?;
    let Some(uri) = &global.insecure_dev_key else {
        return Ok(Profile::open(&folder)?);
    };
    match Profile::open(&folder) {
        Ok(profile) if profile.is_insecure() => {
            let account = AccountKey::from_uri(uri)?.account();
            match profile.unlock("")?.account.account() == account {
                true => Ok(profile),
                false => bail!(
                    "{} holds another development key than {uri}: choose another --profile",
                    folder.display()
                ),
            }
        }
        Ok(_) => bail!(
            "{} holds a protected key: leave --insecure-dev-key out, or choose another --profile",
            folder.display()
        ),
        Err(Error::NoProfile(_)) => Ok(Profile::create_insecure(&folder, uri)?),
        Err(error) => Err(error.into()),
    }
}

pub fn unlock(global: &Global, profile: &Profile) -> anyhow::Result<Unlocked> {
    if profile.is_insecure() {
        return Ok(profile.unlock("")?);
    }
    let passphrase = passphrase(global)?;
    Ok(profile.unlock(&passphrase)?)
}

/// The profile's passphrase: from the file, or asked for.
pub fn passphrase(global: &Global) -> anyhow::Result<Zeroizing<String>> {
    match &global.passphrase_file {
        Some(file) => secret_file(file),
        None => ask("Passphrase: "),
    }
}

/// A new passphrase: from the file, or asked for twice.
pub fn new_passphrase(file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let passphrase = match file {
        Some(file) => secret_file(file)?,
        None => {
            let first = ask("New passphrase: ")?;
            let second = ask("The same again: ")?;
            ensure!(*first == *second, "the two passphrases differ: try again");
            first
        }
    };
    match passphrase.is_empty() {
        true => Err(Error::EmptyPassphrase.into()),
        false => Ok(passphrase),
    }
}

/// The first line of a file.
pub fn secret_file(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let content =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    let content = Zeroizing::new(content?);
    Ok(Zeroizing::new(
        content.lines().next().unwrap_or_default().to_owned(),
    ))
}

/// The passphrase of something else than the profile: from the file, or asked for.
pub fn other_passphrase(prompt: &str, file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    match file {
        Some(file) => secret_file(file),
        None => ask(prompt),
    }
}

/// What somebody has on paper: from the file, from the standard input as `-`, or asked for.
pub fn typed(prompt: &str, file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let Some(file) = file else {
        return ask_or(prompt, "name a file with it");
    };
    let read = || -> std::io::Result<_> {
        // It does not grow, so no copy stays behind.
        let mut text = Zeroizing::new(String::with_capacity(MAX_TYPED as usize));
        match file == Path::new("-") {
            true => stdin().lock().take(MAX_TYPED).read_to_string(&mut text),
            false => File::open(file)?.take(MAX_TYPED).read_to_string(&mut text),
        }?;
        Ok(text)
    };
    // Not the file's name: it may be the secret itself, by mistake.
    read().context("cannot read the file that was named: it has to bear what is on the paper")
}

pub fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    ask_or(prompt, "use --passphrase-file FILE")
}

fn ask_or(prompt: &str, otherwise: &str) -> anyhow::Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| anyhow!("there is no terminal to ask at ({error}): {otherwise}"))
}

/// What signing needs. A profile that has met its chain needs no network.
pub async fn offline(global: &Global) -> anyhow::Result<(Profile, Unlocked, Genesis)> {
    let profile = profile(global)?;
    let unlocked = unlock(global, &profile)?;
    if let Some(genesis) = profile.config()?.genesis {
        return Ok((profile, unlocked, genesis));
    }
    let client = Client::connect(profile, unlocked.clone(), global.node.as_deref(), None).await?;
    Ok((client.profile.clone(), unlocked, client.chain.genesis()))
}

/// The account's client, connected. What should have been sent by now goes out first.
pub async fn client(global: &Global) -> anyhow::Result<Client> {
    let client = client_as_is(global).await?;
    queue::catch_up(&client).await;
    Ok(client)
}

/// As [`client`], for who looks after the queue.
pub async fn client_as_is(global: &Global) -> anyhow::Result<Client> {
    let profile = profile(global)?;
    let unlocked = unlock(global, &profile)?;
    connect(global, profile, unlocked).await
}

/// The client of a profile that is unlocked already.
pub async fn connect(
    global: &Global,
    profile: Profile,
    unlocked: Unlocked,
) -> anyhow::Result<Client> {
    let client = meet(global, profile, unlocked).await?;
    *ACTING.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
    Ok(client)
}

/// A client, and what stands in for a profile until the command ends.
pub struct Connected {
    client: Client,
    _passing: Option<TempDir>,
}

impl Deref for Connected {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Reads what is everybody's: at the node and on the chain of the profile, if there is one, and with
/// nobody's keys. So no passphrase is asked for.
pub async fn reader(global: &Global) -> anyhow::Result<Connected> {
    let opened = match (&global.insecure_dev_key, folder(global)) {
        (Some(_), _) => profile(global).map(Some)?,
        (None, Ok(folder)) => match Profile::open(&folder) {
            Err(Error::NoProfile(_)) => None,
            opened => Some(opened?),
        },
        // A service has no home.
        (None, Err(_)) => None,
    };
    let (profile, passing) = match opened {
        Some(profile) => (profile, None),
        None => {
            let passing = tempfile::tempdir().context("cannot make a temporary folder")?;
            (Profile::of_nobody(passing.path()), Some(passing))
        }
    };
    let client = meet(global, profile, Unlocked::nobody()?).await?;
    Ok(Connected {
        client,
        _passing: passing,
    })
}

/// The account's client; or a [`reader`], for a command that only reads what is everybody's.
pub async fn client_unless(only_reads: bool, global: &Global) -> anyhow::Result<Connected> {
    match only_reads {
        true => reader(global).await,
        false => Ok(Connected {
            client: client(global).await?,
            _passing: None,
        }),
    }
}

/// Connects, and compares what the node says with what the profile knows of its chain.
async fn meet(global: &Global, profile: Profile, unlocked: Unlocked) -> anyhow::Result<Client> {
    let mut client = Client::connect(
        profile,
        unlocked,
        global.node.as_deref(),
        global.vault.clone(),
    )
    .await?;
    client.progress = progress::shown(global.machine());
    let private = client.chain.is_development().await.map_err(Error::from)?;
    client
        .profile
        .update_config(|config| config.meet_network(private))?;
    // Programs do not read warnings: whoever uses the profile by hand next hears of it.
    if !global.machine() {
        if let Some(changed) = client.runtime_changed()? {
            eprintln!("warning: {changed}");
        }
    }
    Ok(client)
}

/// The client of whoever acts for a patient, the one named or the profile's, with the account that
/// this profile has for that patient.
pub async fn about_patient(
    global: &Global,
    named: Option<PatientId>,
) -> anyhow::Result<(Client, PatientId)> {
    let (client, patient) = deciding_for(global, named).await?;
    emergency::begin(&client, patient).await;
    Ok((client, patient))
}

/// The same, for whoever is about to decide what an emergency opens.
pub async fn deciding_for(
    global: &Global,
    named: Option<PatientId>,
) -> anyhow::Result<(Client, PatientId)> {
    let patient = Client::which(&profile(global)?, named)?;
    let client = accounts::acting_for(client(global).await?, patient).await?;
    Ok((client, patient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_paper_is_read_from_a_file_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("typed");
        fs::write(&file, "age-secret\n abcd\n").unwrap();
        let text = typed("", Some(file.as_path())).unwrap();
        assert_eq!(*text, "age-secret\n abcd\n");
        fs::write(&file, "a".repeat(2 * MAX_TYPED as usize)).unwrap();
        let text = typed("", Some(file.as_path())).unwrap();
        assert_eq!(text.len() as u64, MAX_TYPED);
        let error = typed("", Some(Path::new("AGE-SECRET-KEY-1"))).unwrap_err();
        assert!(!format!("{error:#}").contains("SECRET"), "{error:#}");
    }
}
