//! What those who act for a patient have read, from the vaults that handed it out.
//!
//! It is not in the trail: the chain has one root a day over all logs of a vault. Here they are
//! fetched, opened and compared with that, with what was seen before, and with what this device
//! remembers to have read.

use std::collections::BTreeMap;

use salus_primitives::reads::day_of;
use salus_primitives::{ControllerRole, Moment, OrgId, Part, PatientId, ReadHead, RecordIndex};
use serde::Serialize;

use super::describe::Names;
use super::{clock, text, Client};
use crate::chain::Salus;
use crate::error::{Error, Result};
use crate::files::manifest::rfc3339;
use crate::files::reads::{Bound, Read, ReadsError, Told};
use crate::profile::SeenReads;
use crate::vault::{Session, Vault};

/// What was read at the vaults that keep a patient's files.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OwnReads {
    /// Oldest first.
    pub entries: Vec<OwnRead>,
    pub vaults: Vec<AtVault>,
}

#[derive(Clone, Debug, Serialize)]
pub struct OwnRead {
    pub moment: Moment,
    pub organisation: OrgId,
    pub reader: String,
    pub record: RecordIndex,
    /// `summary` or `all`.
    pub part: &'static str,
    pub text: String,
}

/// How a vault's log stands.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AtVault {
    pub organisation: OrgId,
    /// Entries that it shows.
    pub entries: usize,
    /// Entries that it has dropped, because there is room for so many or so old ones.
    pub dropped: u64,
    /// The day of the newest of them.
    pub dropped_until: Option<String>,
    /// How far the chain proves it; none if it could not be had, or is not right.
    pub bound: Option<Bound>,
    /// Entries for which this profile has no key any more.
    pub unreadable: usize,
    /// Why it could not be had.
    pub missing: Option<String>,
    /// What is not right about it.
    #[serde(serialize_with = "said")]
    pub wrong: Option<ReadsError>,
    #[serde(skip)]
    head: Option<ReadHead>,
}

impl AtVault {
    /// What a person should know of it, in a sentence.
    pub fn sentence(&self, names: &Names) -> String {
        let day = |day: u32| {
            let moment = rfc3339(u64::from(day).saturating_mul(salus_primitives::DAY));
            moment.chars().take(10).collect::<String>()
        };
        let vault = names.vault(self.organisation);
        if let Some(missing) = &self.missing {
            return format!("{vault} did not give its log of own reads: {missing}");
        }
        if let Some(wrong) = &self.wrong {
            return format!("{vault} shows a log of own reads that is not right: {wrong}. Tell the organisation.");
        }
        let mut told = match &self.bound {
            Some(Bound::Proven { day: until }) => format!(
                "{vault}: {} own reads, proven up to the end of {}.",
                self.entries,
                day(*until)
            ),
            Some(Bound::TooNew) => format!(
                "{vault}: {} own reads; the chain proves them when their day is over.",
                self.entries
            ),
            Some(Bound::Unproven { day: until, .. }) => format!(
                "{vault}: {} own reads, which it cannot prove for {}, though it committed that day. Ask the organisation why.",
                self.entries,
                day(*until)
            ),
            Some(Bound::Silent { since: Some(since) }) => format!(
                "{vault}: {} own reads, and no commitment since {}. Ask the organisation why.",
                self.entries,
                day(*since)
            ),
            Some(Bound::Silent { since: None }) | None => format!(
                "{vault}: {} own reads, and no commitment yet.",
                self.entries
            ),
        };
        if let (1.., Some(until)) = (self.dropped, &self.dropped_until) {
            told.push_str(&format!(
                " {} older ones, up to {until}, were dropped.",
                self.dropped
            ));
        }
        if self.unreadable > 0 {
            told.push_str(&format!(
                " {} cannot be read with the keys that are here.",
                self.unreadable
            ));
        }
        told
    }
}

fn said<S: serde::Serializer>(wrong: &Option<ReadsError>, out: S) -> Result<S::Ok, S::Error> {
    wrong.as_ref().map(ReadsError::to_string).serialize(out)
}

/// Whether this account may see the logs: owners and deciders may.
async fn decides(client: &Client, salus: &Salus, patient: PatientId) -> Result<bool> {
    let role = salus.controller(patient, &client.me()).await?;
    Ok(role.is_some_and(|row| row.role != ControllerRole::Carer))
}

/// Asks all vaults that keep the patient's files, and those that this profile remembers. A vault that
/// is away or not right is told of, and keeps nobody from seeing the others. None for who does not
/// decide for the patient.
pub async fn read(client: &Client, patient: PatientId, names: &Names) -> Result<Option<OwnReads>> {
    let salus = client.salus().await?;
    if !decides(client, &salus, patient).await? {
        return Ok(None);
    }
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let keys = keyring.map(|keyring| keyring.inbox_keys());
    let keys = keys.unwrap_or_default();
    let seen = client.profile.seen_reads()?.of(&patient);
    let mut reads = OwnReads::default();
    let today = day_of(client.clock().await?);
    for (organisation, vault) in vaults(client, &salus, patient, &seen).await? {
        let mut at = AtVault {
            organisation,
            ..AtVault::default()
        };
        let told = match vault {
            Ok(vault) => fetch(client, vault, patient).await,
            Err(error) => Err(error),
        };
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                at.missing = Some(error.to_string());
                reads.vaults.push(at);
                continue;
            }
        };
        let found = told.log.entries.iter();
        let found: Vec<Option<Read>> = found
            .map(|entry| Read::open(&keys, &entry.sealed).ok())
            .collect();
        at.entries = found.len();
        at.dropped = told.log.dropped.count;
        at.dropped_until = told.log.dropped_until.map(|day| {
            let moment = rfc3339(u64::from(day).saturating_mul(salus_primitives::DAY));
            moment.chars().take(10).collect()
        });
        at.unreadable = found.iter().filter(|read| read.is_none()).count();
        let roots = salus.read_roots(organisation).await?;
        let genesis = client.chain.genesis();
        let before = seen.get(&organisation);
        let head = before.and_then(SeenReads::head);
        let checked = told
            .check(
                &genesis,
                (organisation, patient),
                (&roots, today),
                head.as_ref(),
            )
            .and_then(|bound| {
                let found: Vec<&Read> = found.iter().flatten().collect();
                ensure_mine(client, before, &told, &found)?;
                Ok(bound)
            });
        match checked {
            Ok(bound) => {
                at.bound = Some(bound);
                at.head = Some(told.log.head());
            }
            Err(wrong) => at.wrong = Some(wrong),
        }
        reads.vaults.push(at);
        let entries = found.into_iter().flatten().map(|read| {
            let all = read.part == Part::Full;
            OwnRead {
                moment: read.at,
                organisation,
                reader: read.reader.to_string(),
                record: read.record,
                part: if all { "all" } else { "summary" },
                text: names.read(&read.reader, organisation, read.record, all),
            }
        });
        reads.entries.extend(entries);
    }
    reads.entries.sort_by_key(|read| read.moment);
    Ok(Some(reads))
}

/// Errors if a vault shows what it has not committed, or has left something out. Else remembers what
/// was seen.
pub fn verify(client: &Client, patient: PatientId, reads: &OwnReads) -> Result<()> {
    for at in &reads.vaults {
        if let Some(reason) = at.wrong.clone() {
            let organisation = at.organisation;
            return Err(Error::Reads {
                organisation,
                reason,
            });
        }
    }
    client.profile.update_seen_reads(|seen| {
        for at in &reads.vaults {
            if let Some(head) = &at.head {
                seen.saw(&patient, at.organisation, head);
            }
        }
        Ok(())
    })
}

/// Remembers that this device has read a record, to miss it in a log that leaves it out.
pub(super) fn remember(
    client: &Client,
    patient: PatientId,
    session: &Session<'_>,
    record: RecordIndex,
) -> Result<()> {
    let vault = session.vault().organisation();
    client.profile.update_seen_reads(|seen| {
        seen.read(&patient, vault, record, day_of(clock()));
        Ok(())
    })
}

/// What this device has read is in the log, or has been dropped from it.
fn ensure_mine(
    client: &Client,
    seen: Option<&SeenReads>,
    told: &Told,
    found: &[&Read],
) -> Result<(), ReadsError> {
    let me = client.me();
    for (record, day) in seen.into_iter().flat_map(SeenReads::mine) {
        if told.log.dropped_until.is_some_and(|until| day <= until) {
            continue;
        }
        // This device's clock and the vault's may be on different days.
        let is_there = found.iter().any(|read| {
            read.record == record && read.reader == me && day_of(read.at).abs_diff(day) <= 1
        });
        // What cannot be opened may be it.
        if !is_there && found.len() == told.log.entries.len() {
            return Err(ReadsError::LeftOut { record, day });
        }
    }
    Ok(())
}

async fn fetch(client: &Client, vault: Vault, patient: PatientId) -> Result<Told> {
    let session = Session::impatient(vault, client.key.clone()).await?;
    Ok(session.reads(patient).await?)
}

/// The vaults to ask, by their organisations.
async fn vaults(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    seen: &BTreeMap<OrgId, SeenReads>,
) -> Result<BTreeMap<OrgId, Result<Vault>>> {
    let genesis = client.chain.genesis();
    let mut organisations = salus.keepers(patient).await?;
    organisations.extend(seen.keys());
    let reach = client.reach().await?;
    let mut vaults = BTreeMap::new();
    for organisation in organisations {
        let Some(row) = salus.organisation(organisation).await? else {
            continue;
        };
        let vault = Vault::new(&text(&row.vault_url), organisation, genesis, reach);
        vaults.insert(organisation, vault.map_err(Error::from));
    }
    Ok(vaults)
}
