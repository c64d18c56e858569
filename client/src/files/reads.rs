//! The log of a patient's own reads, as a vault keeps it and shows it to who decides for the patient.
//!
//! Vault and client share this: both count, chain and bound the same way. An entry is encrypted to
//! the patient's inbox when it is written; after that the vault cannot read it. See
//! [`salus_primitives::reads`] for what binds a log to the chain.
//!
//! ```
//! use salus_client::files::reads::{Log, ReadsError};
//! use salus_primitives::{Genesis, PatientId};
//!
//! let (genesis, patient) = (Genesis::repeat_byte(1), PatientId([2; 16]));
//! let mut log = Log::start(&genesis, 3, patient);
//! log.push(20_000, b"sealed".to_vec());
//! let seen = log.head();
//! log.push(20_001, b"sealed, too".to_vec());
//! assert_eq!(log.heads().last(), Some(&log.head()));
//! assert_eq!(log.extends(&seen), Ok(()));
//! log.entries.pop();
//! log.entries.pop();
//! assert_eq!(log.extends(&seen), Err(ReadsError::Shortened { seen: 1 }));
//! ```

use codec::{Decode, DecodeAll, Encode};
use salus_primitives::reads::root;
use salus_primitives::{
    AccountId, Genesis, Moment, OrgId, Part, PatientId, ReadHead, RecordIndex, DAY,
};
use sp_core::H256;

use super::age::{seal_sized, unseal_bytes, DecryptionKey, EncryptionKey};
use super::manifest::rfc3339;
use super::sizes::Sizes;
use crate::error::{Error, Result};

/// Entries that a vault keeps of one patient. The oldest go first.
pub const MAX_ENTRIES: usize = 1_024;
/// Days after which an entry goes.
pub const MAX_DAYS: u32 = 400;
/// Bytes of an answer with a log: entries are about 300 bytes each, with keys of scheme 1 about 2 KiB.
pub const MAX_TOLD: usize = 4 * 1024 * 1024;
/// A vault that has committed nothing for so many days is told of.
pub const SILENT: u32 = 3;
const MAX_READ: u64 = 64;

/// What somebody who acts for the patient has read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Read {
    pub at: Moment,
    pub reader: AccountId,
    pub record: RecordIndex,
    pub part: Part,
}

impl Read {
    /// Encrypts an entry to the patient. All have one size.
    pub fn seal(&self, to: &EncryptionKey) -> Result<Vec<u8>> {
        seal_sized(std::slice::from_ref(to), &self.encode(), Sizes::Entry)
    }

    pub fn open(keys: &[DecryptionKey], sealed: &[u8]) -> Result<Self> {
        let bytes = unseal_bytes(keys, sealed, MAX_READ, "entry")?;
        Self::decode_all(&mut &bytes[..]).map_err(|error| Error::damaged("entry", error))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Whole days since the Unix epoch.
    pub day: u32,
    pub sealed: Vec<u8>,
}

/// A patient's log at one vault.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Log {
    pub organisation: OrgId,
    pub patient: PatientId,
    /// The head before the first entry: counts what was dropped.
    pub dropped: ReadHead,
    /// The day of the newest entry that was dropped.
    pub dropped_until: Option<u32>,
    pub entries: Vec<Entry>,
}

impl Log {
    pub fn start(genesis: &Genesis, organisation: OrgId, patient: PatientId) -> Self {
        Self {
            organisation,
            patient,
            dropped: ReadHead::start(genesis, organisation, &patient),
            dropped_until: None,
            entries: Vec::new(),
        }
    }

    /// The heads after no entry, after the first, and so on.
    pub fn heads(&self) -> Vec<ReadHead> {
        let mut heads = vec![self.dropped];
        let mut head = self.dropped;
        for entry in &self.entries {
            head = head.append(entry.day, &entry.sealed);
            heads.push(head);
        }
        heads
    }

    pub fn head(&self) -> ReadHead {
        self.entries.iter().fold(self.dropped, |head, entry| {
            head.append(entry.day, &entry.sealed)
        })
    }

    /// Adds an entry, and drops what is too old or too much.
    pub fn push(&mut self, day: u32, sealed: Vec<u8>) {
        self.entries.push(Entry { day, sealed });
        let oldest = day.saturating_sub(MAX_DAYS);
        let old = self.entries.iter().take_while(|entry| entry.day < oldest);
        let much = self.entries.len().saturating_sub(MAX_ENTRIES);
        let count = old.count().max(much);
        for entry in self.entries.drain(..count) {
            self.dropped = self.dropped.append(entry.day, &entry.sealed);
            self.dropped_until = Some(entry.day);
        }
    }

    /// Whether this log goes on where another head was. What was dropped meanwhile cannot be compared.
    pub fn extends(&self, seen: &ReadHead) -> Result<(), ReadsError> {
        let heads = self.heads();
        let Some(place) = seen.count.checked_sub(self.dropped.count) else {
            return Ok(());
        };
        let found = usize::try_from(place)
            .ok()
            .and_then(|place| heads.get(place));
        match found {
            None => Err(ReadsError::Shortened { seen: seen.count }),
            Some(found) if found == seen => Ok(()),
            Some(_) => Err(ReadsError::Changed { n: seen.count }),
        }
    }
}

/// How a log hangs on the root of a day.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    pub day: u32,
    pub head: ReadHead,
    pub salt: [u8; 32],
    /// The leaf's neighbour first.
    pub path: Vec<H256>,
}

/// What a vault answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Told {
    pub log: Log,
    /// For the newest day that it can prove.
    pub proof: Option<Proof>,
}

/// How far a log is proven by what the chain keeps.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Bound {
    /// Whole up to the end of this day; what is newer is bound when its day is over.
    Proven { day: u32 },
    /// Nothing in it is older than the present day, or than the vault's first commitment.
    TooNew,
    /// The vault has committed these days, but cannot prove what it shows of them.
    Unproven { since: u32, day: u32 },
    /// The vault has committed nothing since this day.
    Silent { since: Option<u32> },
}

/// A log that is not what its vault committed, or has shown before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadsError {
    #[error("it is another patient's or another vault's log")]
    Foreign,
    #[error("entry {n} of it, or one before, is not what it was")]
    Changed { n: u64 },
    #[error("it had {seen} entries and has fewer now: some were left out")]
    Shortened { seen: u64 },
    #[error("it is not what the vault committed for {}", date(*.day))]
    NotCommitted { day: u32 },
    #[error("entry {n} is dated {}, but was not there when the vault committed that day", date(*.day))]
    Backdated { n: u64, day: u32 },
    #[error("it lacks record {record}, which this device read there on {}", date(*.day))]
    LeftOut { record: RecordIndex, day: u32 },
}

fn date(day: u32) -> String {
    let moment = rfc3339(u64::from(day).saturating_mul(DAY));
    moment.chars().take(10).collect()
}

impl Told {
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let told = Self::decode_all(&mut &bytes[..]).map_err(|e| Error::damaged("log", e))?;
        match told.log.entries.len() <= MAX_ENTRIES {
            true => Ok(told),
            false => Err(Error::damaged("log", "it is too long")),
        }
    }

    /// Compares a log with the roots that the chain keeps of its vault, in ascending order of days,
    /// and with the head that was seen before.
    pub fn check(
        &self,
        genesis: &Genesis,
        (organisation, patient): (OrgId, PatientId),
        (roots, today): (&[(u32, H256)], u32),
        seen: Option<&ReadHead>,
    ) -> Result<Bound, ReadsError> {
        let log = &self.log;
        if (log.organisation, log.patient) != (organisation, patient) {
            return Err(ReadsError::Foreign);
        }
        let start = ReadHead::start(genesis, organisation, &patient);
        if log.dropped.count == 0 && log.dropped != start {
            return Err(ReadsError::Foreign);
        }
        if let Some(seen) = seen {
            log.extends(seen)?;
        }
        if let Some(proof) = &self.proof {
            self.check_proof(proof, genesis, roots)?;
        }
        let newest = roots.last().map(|(day, _)| *day);
        let since = self.proof.as_ref().map_or(0, |proof| proof.day + 1);
        let unproven = |day: u32| {
            let mut days = log.entries.iter().map(|entry| entry.day);
            days.any(|found| (since..=day).contains(&found))
        };
        Ok(match newest {
            None => Bound::Silent { since: None },
            Some(day) if unproven(day) => Bound::Unproven { since, day },
            Some(day) if day.saturating_add(SILENT) < today => Bound::Silent { since: Some(day) },
            Some(_) => match &self.proof {
                Some(proof) => Bound::Proven { day: proof.day },
                None => Bound::TooNew,
            },
        })
    }

    /// What is proven leads to the chain's root, is in the log, and is all that the log has of that
    /// day and of those before it.
    fn check_proof(
        &self,
        proof: &Proof,
        genesis: &Genesis,
        roots: &[(u32, H256)],
    ) -> Result<(), ReadsError> {
        let log = &self.log;
        let day = proof.day;
        let leaf = (proof.head).leaf(genesis, log.organisation, day, &log.patient, &proof.salt);
        let found = root(&log.patient, leaf, &proof.path);
        let committed = roots.iter().find(|(committed, _)| *committed == day);
        if found.is_none() || found != committed.map(|(_, root)| *root) {
            return Err(ReadsError::NotCommitted { day });
        }
        log.extends(&proof.head)?;
        let numbers = log.dropped.count.saturating_add(1)..;
        for (n, entry) in numbers.zip(&log.entries) {
            if n > proof.head.count && entry.day <= day {
                return Err(ReadsError::Backdated { n, day: entry.day });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: PatientId = PatientId([7; 16]);
    const VAULT: OrgId = 3;
    const TODAY: u32 = 20_000;

    fn genesis() -> Genesis {
        Genesis::repeat_byte(9)
    }

    /// Of one entry on each of these days.
    fn log(days: impl IntoIterator<Item = u32>) -> Log {
        let mut log = Log::start(&genesis(), VAULT, PATIENT);
        for day in days {
            log.push(day, vec![day as u8; 8]);
        }
        log
    }

    /// A log with its proof for a day, and the root that the chain would keep.
    fn bound(log: Log, head: ReadHead, day: u32) -> (Told, H256) {
        let salt = [4; 32];
        let path: Vec<H256> = (0..128).map(H256::from_low_u64_be).collect();
        let leaf = head.leaf(&genesis(), VAULT, day, &PATIENT, &salt);
        let root = root(&PATIENT, leaf, &path).unwrap();
        let proof = Some(Proof {
            day,
            head,
            salt,
            path,
        });
        (Told { log, proof }, root)
    }

    fn check(told: &Told, roots: &[(u32, H256)]) -> Result<Bound, ReadsError> {
        told.check(&genesis(), (VAULT, PATIENT), (roots, TODAY), None)
    }

    #[test]
    fn a_log_that_was_committed_is_proven_up_to_that_day() {
        let committed = log([TODAY - 5, TODAY - 1]).head();
        let (told, root) = bound(log([TODAY - 5, TODAY - 1, TODAY]), committed, TODAY - 1);
        let proven = Bound::Proven { day: TODAY - 1 };
        assert_eq!(check(&told, &[(TODAY - 1, root)]), Ok(proven));
    }

    #[test]
    fn a_log_that_was_not_committed_so_is_noticed() {
        let honest = log([TODAY - 5, TODAY - 2, TODAY - 1]);
        let day = TODAY - 1;
        let (told, root) = bound(honest.clone(), honest.head(), day);
        let roots = [(day, root)];
        // Each entry in turn is left out, or replaced.
        for n in 0..3 {
            let mut less = told.clone();
            less.log.entries.remove(n);
            assert!(check(&less, &roots).is_err(), "{n} left out");
            let mut other = told.clone();
            other.log.entries[n].sealed[0] ^= 1;
            assert!(check(&other, &roots).is_err(), "{n} changed");
        }
        // The vault committed another head, or another day's.
        assert_eq!(
            check(&told, &[(day, H256::zero())]),
            Err(ReadsError::NotCommitted { day })
        );
        assert_eq!(
            check(&told, &[(day - 1, root)]),
            Err(ReadsError::NotCommitted { day })
        );
        let mut short = told.clone();
        short.proof.as_mut().unwrap().path.pop();
        assert_eq!(check(&short, &roots), Err(ReadsError::NotCommitted { day }));
        // An entry that was slipped in after the day was committed.
        let (late, root) = bound(honest.clone(), log([TODAY - 5, TODAY - 2]).head(), day);
        assert_eq!(
            check(&late, &[(day, root)]),
            Err(ReadsError::Backdated { n: 3, day })
        );
    }

    #[test]
    fn a_vault_that_cannot_prove_what_it_committed_is_told_of() {
        let honest = log([TODAY - 5, TODAY - 1]);
        let told = Told {
            log: honest.clone(),
            proof: None,
        };
        let roots = [(TODAY - 3, H256::zero()), (TODAY - 1, H256::zero())];
        let unproven = |since| Bound::Unproven {
            since,
            day: TODAY - 1,
        };
        assert_eq!(check(&told, &roots), Ok(unproven(0)));
        // It proves an older day only.
        let (older, root) = bound(honest, log([TODAY - 5]).head(), TODAY - 3);
        let roots = [(TODAY - 3, root), (TODAY - 1, H256::zero())];
        assert_eq!(check(&older, &roots), Ok(unproven(TODAY - 2)));
        // Nothing could be committed yet of what was read today.
        let new = Told {
            log: log([TODAY]),
            proof: None,
        };
        assert_eq!(check(&new, &roots), Ok(Bound::TooNew));
        assert_eq!(check(&new, &[]), Ok(Bound::Silent { since: None }));
        let since = Some(TODAY - SILENT - 1);
        let roots = [(TODAY - SILENT - 1, H256::zero())];
        assert_eq!(check(&new, &roots), Ok(Bound::Silent { since }));
    }

    #[test]
    fn a_log_must_extend_what_was_seen_before() {
        let told = |log| Told { log, proof: None };
        let seen = log([1, 2, 3]).head();
        let check = |log| told(log).check(&genesis(), (VAULT, PATIENT), (&[], TODAY), Some(&seen));
        assert!(check(log([1, 2, 3])).is_ok());
        assert!(check(log([1, 2, 3, 4])).is_ok());
        assert_eq!(check(log([1, 2])), Err(ReadsError::Shortened { seen: 3 }));
        let changed = Err(ReadsError::Changed { n: 3 });
        assert_eq!(check(log([1, 3, 3, 4])), changed);
        let other = Log {
            patient: PatientId([8; 16]),
            ..log([1, 2, 3])
        };
        assert_eq!(check(other), Err(ReadsError::Foreign));
        let forged = Log {
            dropped: ReadHead {
                count: 0,
                digest: H256::zero(),
            },
            ..log([])
        };
        assert_eq!(check(forged), Err(ReadsError::Foreign));
    }

    #[test]
    fn a_log_is_bounded_in_size_and_time_and_says_what_it_dropped() {
        let mut log = log(std::iter::repeat_n(TODAY, MAX_ENTRIES + 10));
        assert_eq!(log.entries.len(), MAX_ENTRIES);
        assert_eq!((log.dropped.count, log.dropped_until), (10, Some(TODAY)));
        let before = log.head();
        log.push(TODAY + MAX_DAYS, vec![1]);
        assert_eq!(log.entries.len(), MAX_ENTRIES, "not older than that yet");
        log.push(TODAY + MAX_DAYS + 1, vec![2]);
        assert_eq!(log.entries.len(), 2);
        assert_eq!(log.head().count, before.count + 2);
        assert_eq!(
            log.extends(&before),
            Ok(()),
            "what was dropped still counts"
        );
    }

    #[test]
    fn entries_are_for_the_patient_alone_and_of_one_size() {
        let key = DecryptionKey::generate();
        let read = |record, part| Read {
            at: 1_700_000_000_000,
            reader: AccountId::new([5; 32]),
            record,
            part,
        };
        let one = read(0, Part::Manifest);
        let sealed = one.seal(&key.public()).unwrap();
        assert_eq!(
            Read::open(std::slice::from_ref(&key), &sealed).unwrap(),
            one
        );
        assert!(Read::open(&[DecryptionKey::generate()], &sealed).is_err());
        let content = |read: &Read| Sizes::Entry.padded(read.encode().len() as u64);
        assert_eq!(content(&one), content(&read(u32::MAX, Part::Full)));
    }
}
