//! Whose vaults keep a patient's files, and what is on their disks.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use salus_client::{
    chain::{events::cid_text, Salus},
    keys::AccountKey,
    vault::{CopiesStatus, Reach, Session, Vault},
};
use salus_primitives::{Cid, PatientId};
use sp_crypto_hashing::blake2_256;

use crate::{wait_until, Consortium, Ward};

/// A round of fetching, and what was missing waits longer each time.
const PATIENCE: u64 = 300;
/// Where each vault tells its operator figures, in its member's namespace.
const FIGURES: &str = "http://127.0.0.1:9616/metrics";

impl Consortium {
    /// The members whose vaults keep this patient's files.
    pub fn keepers(&self, patient: PatientId) -> Vec<usize> {
        let keepers = self.salus(move |salus| async move { salus.keepers(patient).await });
        keepers
            .into_iter()
            .map(|organisation| organisation as usize + 1)
            .collect()
    }

    /// Waits until every object that the chain names for this patient lies on the disk of each of
    /// its keepers, with the same bytes; how many objects, and who keeps them.
    #[track_caller]
    pub fn copies(&self, ward: &Ward) -> (usize, Vec<usize>) {
        let patient = ward.id;
        let keepers = self.keepers(patient);
        let named = self.salus(move |salus| named(salus, patient));
        for (kind, content) in &named {
            let object = format!("{kind}/{}", cid_text(content).expect("a CID"));
            let disks = || keepers.iter().map(|keeper| self.object(*keeper, &object));
            wait_until(
                &format!("{object} is the same at vaults {keepers:?}"),
                PATIENCE,
                || {
                    let first = disks().next().unwrap_or_default();
                    !first.is_empty() && disks().all(|disk| disk == first)
                },
            );
        }
        for keeper in &keepers {
            wait_until(&format!("vault {keeper} misses nothing"), PATIENCE, || {
                self.misses_nothing(*keeper)
            });
        }
        (named.len(), keepers)
    }

    /// How a vault tells its own service that it stands with its copies; none if it does not answer.
    pub fn copies_status(&self, member: usize) -> Option<CopiesStatus> {
        let (url, organisation) = (Self::vault_url(member), Self::organisation(member));
        let genesis = self.genesis();
        self.site(member).run(async move {
            let key = AccountKey::from_uri(&format!("//Vault//{member}")).ok()?;
            let vault = Vault::new(&url, organisation, genesis, Reach::Development).ok()?;
            let session = Session::impatient(vault, key).await.ok()?;
            session.copies().await.ok()
        })
    }

    /// Whether a vault says that nothing is missing there. It counts once a minute.
    pub fn misses_nothing(&self, member: usize) -> bool {
        let status = self.copies_status(member);
        status.is_some_and(|status| status.missing == 0)
    }

    /// A counter of a member's vault, as its operator sees it.
    pub fn figure(&self, member: usize, name: &str) -> u64 {
        let (_, text) = self.site(member).get(FIGURES).unwrap_or_default();
        let name = format!("salus_vault_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        let value = value.and_then(|value| value.parse().ok());
        value.unwrap_or_default()
    }

    /// The blocks of an object, such as `record/bafy…`, on a member's disk, by name, and what is in
    /// them.
    pub fn object(&self, member: usize, object: &str) -> BTreeMap<PathBuf, [u8; 32]> {
        let folder = self.home(member).join("blobs/objects").join(object);
        let read = |path: PathBuf| {
            Some((
                path.strip_prefix(&folder).ok()?.into(),
                blake2_256(&fs::read(&path).ok()?),
            ))
        };
        blocks(&folder).into_iter().filter_map(read).collect()
    }
}

/// All files below a folder.
pub fn blocks(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(blocks(&path)),
            path => found.push(path),
        }
    }
    found
}

/// What the chain names for a patient, and must be kept.
async fn named(
    salus: Salus,
    patient: PatientId,
) -> salus_client::chain::Result<Vec<(&'static str, Cid)>> {
    let now = salus.now().await?;
    let records = salus.all_records(patient).await?;
    let grants = salus.all_grants(patient).await?;
    let row = salus.patient(patient).await?;
    let records = records
        .into_iter()
        .filter(|(_, record)| !record.is_erased(now));
    let records = records.map(|(_, record)| ("record", record.content));
    let envelopes = grants.into_iter().flat_map(|(_, grant)| grant.envelopes);
    let keyring = row.and_then(|row| row.keyring);
    Ok(records
        .chain(envelopes.map(|content| ("envelope", content)))
        .chain(keyring.map(|content| ("keyring", content)))
        .collect())
}
