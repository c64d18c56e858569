//! A profile: the folder that keeps the keys of one person's accounts and what its client must remember.
//!
//! | file | holds |
//! |---|---|
//! | `key.age` | the account's phrase and the device's key, under a passphrase (age scrypt) |
//! | `identities.age` | a member's own encryption keys, sealed to the device |
//! | `keyrings/PATIENT.age` | keyrings of patients that the account controls |
//! | `seals/PATIENT-GRANT.age` | what seals persons under a grant, and for whom it is |
//! | `glasses/PATIENT-GRANT.age` | what opens the package of an emergency, while it lasts |
//! | `config.json` | node, chain, vault |
//! | `accounts.json` | which of the phrase's accounts acts for which patient |
//! | `helping.json` | whom this person helps to get back in |
//! | `pins.json` | accounts seen first for a patient or an organisation |
//! | `heads.json` | trail heads seen last |
//! | `queue/` | what waits to be sent with the rest of its hour, sealed to the device |
//! | `crowds.json` | the ids among which a node is asked for one's own |
//! | `reads.json` | logs of own reads seen last, and what this device has read |
//! | `read.json` | records that were opened, to hear of their corrections |
//! | `plans.json` | what emergency plans are to open, by opaque ids, and the vaults' keys that their shares were encrypted to |
//!
//! Files change by renaming a complete new one into place, under a lock; folders are 0700, files 0600.
//! What is read, changed and saved with a question to the chain in between (keyrings, studies, identities)
//! changes in a [`Turn`]: one command at a time has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use age::{secrecy::SecretString, DecryptError, Decryptor, Encryptor};
use codec::Decode;
use salus_primitives::{
    AccountId, BlockNumber, Genesis, GrantIndex, Moment, OrgId, PatientId, ReadHead, RecordIndex,
    TrailHead,
};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use sp_core::H256;
use tempfile::{NamedTempFile, PersistError};
use zeroize::Zeroizing;

use crate::chain::Code;
use crate::error::{Error, Result};
use crate::files::age::{seal_bytes, unseal_bytes, DecryptionKey, EncryptionKey};
use crate::files::seal::SealKey;
use crate::keyring::{sealed_json, Identities, Keyring, Secret};
use crate::keys::{random_16, AccountKey, Words, GAP};

const VERSION: u32 = 1;
const KEY: &str = "key.age";
const INSECURE_KEY: &str = "insecure-key.json";
const IDENTITIES: &str = "identities.age";
const KEYRINGS: &str = "keyrings";
const GLASSES: &str = "glasses";
const SEALS: &str = "seals";
const STUDIES: &str = "studies";
const CONFIG: &str = "config.json";
const ACCOUNTS: &str = "accounts.json";
const HELPING: &str = "helping.json";
const PINS: &str = "pins.json";
const HEADS: &str = "heads.json";
const READ: &str = "read.json";
const CROWDS: &str = "crowds.json";
const READS: &str = "reads.json";
const PLANS: &str = "plans.json";
/// Records of a patient whose reading at one vault a device remembers.
const MAX_MINE: usize = 512;
/// What is known of an id for a study, with the copy that waits, sealed.
const MAX_STUDY: u64 = 256 * 1024 * 1024;
/// A key in its file, sealed.
const MAX_GLASS: u64 = 4 * 1024;
const LOCK: &str = ".lock";
const QUEUE: &str = "queue";
const TURN: &str = ".turn";
/// How often a command looks whether it is its turn, when it says that it waits, and when it gives up.
const LOOK: Duration = Duration::from_millis(50);
const TOLD_AFTER: Duration = Duration::from_secs(3);
const GIVES_UP_AFTER: Duration = Duration::from_secs(300);
/// An item of the queue, sealed.
const MAX_QUEUED: u64 = 64 * 1024;

/// scrypt's cost is 2^this: about a second on a present machine.
pub const WORK_FACTOR: u8 = 18;

/// A profile folder. It holds no secret in memory until it is unlocked.
#[derive(Clone, Debug)]
pub struct Profile {
    folder: PathBuf,
}

/// The right to change what a profile keeps of patients. It ends when this is dropped, or with the
/// process, however that ends.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

/// The secrets of an unlocked profile.
#[derive(Clone, Debug)]
pub struct Unlocked {
    /// The profile's own account: for work. The accounts that act for patients derive from it.
    pub account: AccountKey,
    /// Opens keyrings and identities on this device.
    pub device: DecryptionKey,
}

impl Unlocked {
    /// Makes keys that are nobody's and are not kept, for who only reads what is everybody's.
    pub fn nobody() -> Result<Self> {
        let (_, account) = AccountKey::generate(Words::Twelve)?;
        let device = DecryptionKey::generate();
        Ok(Self { account, device })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    version: u32,
    /// A phrase, or a URI.
    account: Secret,
    device: Secret,
}

/// Which node, which chain, which vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// WebSocket URL of a node.
    pub node: Option<String>,
    /// The chain's genesis hash; other chains are refused.
    pub genesis: Option<Genesis>,
    /// The chain's runtime as first met, or as trusted later.
    pub runtime: Option<Code>,
    /// Another one, which its owner was warned of.
    pub warned_of: Option<Code>,
    /// Whether vaults may be in a private network, as the first node said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
    /// Base URL of the vault to upload to.
    pub vault: Option<String>,
    /// The patient that commands are about if none is named.
    pub patient: Option<String>,
    /// Whether the node is the owner's own: it is asked for what is meant, and for nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_node: bool,
    /// The organisation that may credential this account: it acts for no patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub works_for: Option<OrgId>,
}

impl Config {
    /// What the profile's owner should hear of the runtime that was met; once for each change.
    pub fn meet_runtime(&mut self, found: Code) -> Option<RuntimeChanged> {
        let trusted = *self.runtime.get_or_insert(found);
        let changed = (trusted != found).then_some(found);
        let news = changed.filter(|_| self.warned_of != changed);
        self.warned_of = changed;
        news.map(|found| RuntimeChanged { trusted, found })
    }

    /// Errors if a node says what the first one did not: that vaults may be in a private network. One
    /// that lies would lead this computer to machines of its own network.
    pub fn meet_network(&mut self, private: bool) -> Result<()> {
        match (private, *self.private.get_or_insert(private)) {
            (true, false) => Err(Error::Unfit(
                "this node says that the chain's vaults may be in a private network, and the one that this profile met first said the opposite. Ask your organisation for the right node, and name it with --node".into(),
            )),
            _ => Ok(()),
        }
    }

    /// A person has checked this runtime.
    pub fn trust_runtime(&mut self, found: Code) {
        self.runtime = Some(found);
        self.warned_of = None;
    }
}

/// The chain has another runtime than its profile trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeChanged {
    pub trusted: Code,
    pub found: Code,
}

impl std::fmt::Display for RuntimeChanged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { trusted, found } = self;
        write!(
            f,
            "the chain's rules changed from version {} ({:?}) to version {} ({:?}). Ask your organisation whether the council authorized this runtime; `salus chain trust` accepts it",
            trusted.spec_version, trusted.hash, found.spec_version, found.hash
        )
    }
}

/// Accounts as first seen, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    patients: BTreeMap<String, BTreeSet<String>>,
    organisations: BTreeMap<OrgId, String>,
}

impl Pins {
    /// Accepts the first account seen for a patient, and those confirmed later.
    pub fn check_patient(&mut self, patient: &PatientId, account: &AccountId) -> Result<()> {
        let found = account_hex(account);
        let pinned = self.patients.entry(patient.to_string()).or_default();
        if pinned.is_empty() {
            pinned.insert(found);
            return Ok(());
        }
        match pinned.contains(&found) {
            true => Ok(()),
            false => Err(Error::PinMismatch {
                what: format!("patient {patient}"),
                pinned: pinned.iter().cloned().collect::<Vec<_>>().join(", "),
                found,
            }),
        }
    }

    /// A person confirmed that this account too controls the patient.
    pub fn confirm_patient(&mut self, patient: &PatientId, account: &AccountId) {
        self.patients
            .entry(patient.to_string())
            .or_default()
            .insert(account_hex(account));
    }

    /// Accepts the first admin seen for an organisation.
    pub fn check_organisation(&mut self, organisation: OrgId, admin: &AccountId) -> Result<()> {
        let found = account_hex(admin);
        let pinned = self
            .organisations
            .entry(organisation)
            .or_insert_with(|| found.clone());
        match *pinned == found {
            true => Ok(()),
            false => Err(Error::PinMismatch {
                what: format!("organisation {organisation}"),
                pinned: pinned.clone(),
                found,
            }),
        }
    }

    /// A person confirmed the organisation's new admin.
    pub fn confirm_organisation(&mut self, organisation: OrgId, admin: &AccountId) {
        self.organisations.insert(organisation, account_hex(admin));
    }
}

fn account_hex(account: &AccountId) -> String {
    format!("0x{}", hex::encode(AsRef::<[u8; 32]>::as_ref(account)))
}

/// The newest verified head of a trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredHead {
    count: u64,
    hash: H256,
    last_block: BlockNumber,
    checkpoint: BlockNumber,
}

/// Trail heads by patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Heads(BTreeMap<String, StoredHead>);

impl Heads {
    pub fn get(&self, patient: &PatientId) -> Option<TrailHead> {
        self.0.get(&patient.to_string()).map(|head| TrailHead {
            count: head.count,
            digest: head.hash,
            last_block: head.last_block,
            checkpoint: head.checkpoint,
        })
    }

    pub fn set(&mut self, patient: &PatientId, head: &TrailHead) {
        let stored = StoredHead {
            count: head.count,
            hash: head.digest,
            last_block: head.last_block,
            checkpoint: head.checkpoint,
        };
        self.0.insert(patient.to_string(), stored);
    }
}

/// A record that this profile has opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReadRecord {
    pub patient: String,
    pub record: RecordIndex,
    pub grant: Option<GrantIndex>,
    /// The last time.
    pub opened_at: Moment,
}

/// Records that were opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReadRecords(Vec<ReadRecord>);

impl ReadRecords {
    pub fn iter(&self) -> impl Iterator<Item = &ReadRecord> {
        self.0.iter()
    }

    /// Remembers one, or its newer time.
    pub fn add(&mut self, read: ReadRecord) {
        self.0
            .retain(|known| (&known.patient, known.record) != (&read.patient, read.record));
        self.0.push(read);
    }

    /// Forgets what was opened of a patient.
    pub fn forget(&mut self, patient: &PatientId) {
        let patient = patient.to_string();
        self.0.retain(|known| known.patient != patient);
    }
}

/// With whom a node is asked for a patient: the same ids for good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Crowds(BTreeMap<String, Vec<String>>);

impl Crowds {
    pub fn get(&self, patient: &PatientId) -> Option<Vec<PatientId>> {
        let ids = self.0.get(&patient.to_string())?.iter();
        ids.map(|id| id.parse().ok()).collect()
    }

    pub fn set(&mut self, patient: &PatientId, crowd: &[PatientId]) {
        let ids = crowd.iter().map(PatientId::to_string).collect();
        self.0.insert(patient.to_string(), ids);
    }
}

/// A patient's log of own reads at one vault, as it was seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenReads {
    count: u64,
    digest: Option<H256>,
    /// The days on which this device read records there, in whole days since the Unix epoch: the
    /// newest few hundred.
    mine: BTreeMap<RecordIndex, u32>,
}

impl SeenReads {
    pub fn head(&self) -> Option<ReadHead> {
        let (count, digest) = (self.count, self.digest?);
        Some(ReadHead { count, digest })
    }

    pub fn mine(&self) -> impl Iterator<Item = (RecordIndex, u32)> + '_ {
        self.mine.iter().map(|(record, day)| (*record, *day))
    }
}

/// Logs of own reads, by patient and by the vault's organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeenLogs(BTreeMap<String, BTreeMap<OrgId, SeenReads>>);

impl SeenLogs {
    /// What is remembered of a patient.
    pub fn of(&self, patient: &PatientId) -> BTreeMap<OrgId, SeenReads> {
        self.0
            .get(&patient.to_string())
            .cloned()
            .unwrap_or_default()
    }

    fn at(&mut self, patient: &PatientId, vault: OrgId) -> &mut SeenReads {
        let logs = self.0.entry(patient.to_string()).or_default();
        logs.entry(vault).or_default()
    }

    pub fn saw(&mut self, patient: &PatientId, vault: OrgId, head: &ReadHead) {
        let seen = self.at(patient, vault);
        seen.count = head.count;
        seen.digest = Some(head.digest);
    }

    /// This device has read a record there.
    pub fn read(&mut self, patient: &PatientId, vault: OrgId, record: RecordIndex, day: u32) {
        let mine = &mut self.at(patient, vault).mine;
        mine.insert(record, day);
        while mine.len() > MAX_MINE {
            let oldest = mine.iter().min_by_key(|(_, day)| **day);
            let Some(oldest) = oldest.map(|(record, _)| *record) else {
                return;
            };
            mine.remove(&oldest);
        }
    }
}

/// What a patient wants an emergency to open, and whose vaults have to agree. Nothing opens by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChoice {
    /// Ids of compartments, ascending.
    pub compartments: Vec<String>,
    /// As for everybody, if none are named.
    pub holders: Vec<OrgId>,
    pub threshold: Option<u8>,
    /// By the chain's clock; 0 if nothing was chosen.
    pub chosen_at: Moment,
}

/// An emergency plan that was dealt, and where its shares went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealtPlan {
    /// The plan's package: the plan on the chain may be another one by now.
    pub package: String,
    pub choice: PlanChoice,
    /// By organisation.
    pub vaults: BTreeMap<OrgId, DealtVault>,
}

/// Whom a share was encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealtVault {
    pub account: String,
    /// `age1…`
    pub recipient: String,
    /// Whether the vault has said that it keeps it.
    pub kept: bool,
}

/// What this profile knows of a patient's emergency plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPlan {
    /// What the next plan is dealt with.
    pub choice: PlanChoice,
    /// The last one that this profile dealt.
    pub dealt: Option<DealtPlan>,
}

/// The emergency plans that this profile dealt or is to deal, by patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeptPlans(BTreeMap<String, KeptPlan>);

impl KeptPlans {
    pub fn get(&self, patient: &PatientId) -> Option<&KeptPlan> {
        self.0.get(&patient.to_string())
    }

    /// The patient's, to be changed.
    pub fn of(&mut self, patient: &PatientId) -> &mut KeptPlan {
        self.0.entry(patient.to_string()).or_default()
    }
}

/// Which of the phrase's accounts acts for which patient: `//patient//N`. No number is given twice,
/// so that no two patients are seen to be one person's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    patients: BTreeMap<String, u32>,
    next: u32,
    /// How many accounts have been made for helping: `//helper//N`.
    helping: u32,
    /// The phrase was brought back, and has accounts that nobody has looked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unknown: bool,
}

impl Accounts {
    /// The number of the account that acts for a patient.
    pub fn number(&self, patient: &PatientId) -> Option<u32> {
        self.patients.get(&patient.to_string()).copied()
    }

    /// All of them, by patient.
    pub fn iter(&self) -> impl Iterator<Item = (PatientId, u32)> + '_ {
        let numbers = self.patients.iter();
        numbers.filter_map(|(patient, number)| Some((patient.parse().ok()?, *number)))
    }

    /// How many accounts have been made for helping.
    pub fn helping(&self) -> u32 {
        self.helping
    }

    /// Whether accounts of the phrase may be in use that this profile does not know.
    pub fn are_unknown(&self) -> bool {
        self.unknown
    }

    /// Takes the next number. Errors where it may have been used before.
    pub fn take(&mut self) -> Result<u32> {
        if self.unknown {
            return Err(Error::Unfit(
                "this phrase may act for patients already: `salus keys find` looks for their accounts, so that no account is used for two of them".into(),
            ));
        }
        let number = self.next;
        self.next = number
            .checked_add(1)
            .ok_or_else(|| Error::Unfit("this phrase has no more accounts".into()))?;
        Ok(number)
    }

    /// Takes the next number for helping.
    pub fn take_helping(&mut self) -> u32 {
        let number = self.helping;
        self.helping = number.saturating_add(1);
        number
    }

    /// This account acts for this patient, or is to.
    pub fn assign(&mut self, patient: &PatientId, number: u32) {
        self.patients.insert(patient.to_string(), number);
        self.next = self.next.max(number.saturating_add(1));
    }

    /// All that were ever used have been looked for, and have numbers below this one.
    pub fn found(&mut self, next: u32) {
        self.next = self.next.max(next);
        self.unknown = false;
    }
}

/// A share that this person keeps for a patient, as it was last tested or used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Helped {
    /// The account that it was made for.
    pub account: String,
    /// What stands in the patient's plan.
    pub commitment: H256,
}

/// Whom this person helps, by patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Helping(BTreeMap<String, Helped>);

impl Helping {
    pub fn get(&self, patient: &PatientId) -> Option<&Helped> {
        self.0.get(&patient.to_string())
    }

    pub fn iter(&self) -> impl Iterator<Item = (PatientId, &Helped)> {
        let rows = self.0.iter();
        rows.filter_map(|(patient, helped)| Some((patient.parse().ok()?, helped)))
    }

    pub fn note(&mut self, patient: &PatientId, helped: Helped) {
        self.0.insert(patient.to_string(), helped);
    }
}

impl Profile {
    /// Makes a profile for a phrase (or a phrase with a derivation path).
    pub fn create(folder: &Path, account: &str, passphrase: &str, work_factor: u8) -> Result<Self> {
        if passphrase.is_empty() {
            return Err(Error::EmptyPassphrase);
        }
        let profile = Self::prepare(folder)?;
        let sealed = seal_with_passphrase(&profile.new_key(account)?, passphrase, work_factor)?;
        profile.write(KEY, &sealed)?;
        Ok(profile)
    }

    /// Makes a profile for a development key such as `//Alice`, without any protection.
    pub fn create_insecure(folder: &Path, uri: &str) -> Result<Self> {
        let profile = Self::prepare(folder)?;
        profile.write(INSECURE_KEY, &profile.new_key(uri)?)?;
        Ok(profile)
    }

    /// Errors if this folder holds a profile, which nothing may overwrite.
    pub fn check_free(folder: &Path) -> Result<()> {
        match Self::open(folder) {
            Ok(_) => Err(Error::ProfileExists(folder.to_owned())),
            Err(_) => Ok(()),
        }
    }

    /// A profile without keys in this folder, for who only reads what is everybody's.
    pub fn of_nobody(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Opens a profile folder, without its secrets.
    pub fn open(folder: &Path) -> Result<Self> {
        let profile = Self {
            folder: folder.to_owned(),
        };
        match profile.has(KEY) || profile.has(INSECURE_KEY) {
            true => Ok(profile),
            false => Err(Error::NoProfile(folder.to_owned())),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether its key lies open, for development.
    pub fn is_insecure(&self) -> bool {
        self.has(INSECURE_KEY)
    }

    /// An insecure profile ignores the passphrase.
    pub fn unlock(&self, passphrase: &str) -> Result<Unlocked> {
        let json = match self.is_insecure() {
            true => Zeroizing::new(self.read(INSECURE_KEY)?),
            false => self.open_key(passphrase)?,
        };
        let name = if self.is_insecure() {
            INSECURE_KEY
        } else {
            KEY
        };
        // Not the parser's own words: they may quote the secret.
        let stored: StoredKey = serde_json::from_slice(&json)
            .map_err(|_| self.damaged(name, "its content is not a key"))?;
        if stored.version != VERSION {
            return Err(Error::Version {
                what: "key file",
                version: stored.version,
            });
        }
        Ok(Unlocked {
            account: account_key(stored.account.expose())?,
            device: DecryptionKey::parse(stored.device.expose())?,
        })
    }

    /// The phrase, to be shown to its owner.
    pub fn reveal(&self, passphrase: &str) -> Result<Zeroizing<String>> {
        let json = match self.is_insecure() {
            true => Zeroizing::new(self.read(INSECURE_KEY)?),
            false => self.open_key(passphrase)?,
        };
        let stored: StoredKey = serde_json::from_slice(&json)
            .map_err(|_| self.damaged(KEY, "its content is not a key"))?;
        Ok(Zeroizing::new(stored.account.expose().to_owned()))
    }

    /// Seals the key file under another passphrase.
    pub fn change_passphrase(&self, old: &str, new: &str, work_factor: u8) -> Result<()> {
        if new.is_empty() {
            return Err(Error::EmptyPassphrase);
        }
        let json = self.open_key(old)?;
        self.write(KEY, &seal_with_passphrase(&json, new, work_factor)?)
    }

    pub fn config(&self) -> Result<Config> {
        self.load(CONFIG)
    }

    pub fn accounts(&self) -> Result<Accounts> {
        self.load(ACCOUNTS)
    }

    pub fn update_accounts<T>(&self, change: impl FnOnce(&mut Accounts) -> Result<T>) -> Result<T> {
        self.update(ACCOUNTS, change)
    }

    /// Notes that the phrase was used elsewhere before: no account is taken until all were looked for.
    pub fn note_imported(&self) -> Result<()> {
        self.update_accounts(|accounts| {
            accounts.unknown = true;
            Ok(())
        })
    }

    /// The key of the account that acts for a patient; none if this profile has none for it.
    pub fn key_of(&self, own: &AccountKey, patient: &PatientId) -> Result<Option<AccountKey>> {
        let number = self.accounts()?.number(patient);
        Ok(number.map(|number| own.for_patient(number)))
    }

    /// The same, or the next account, which acts for this patient from now on.
    pub fn key_for(&self, own: &AccountKey, patient: &PatientId) -> Result<AccountKey> {
        let number = self.update_accounts(|accounts| match accounts.number(patient) {
            Some(number) => Ok(number),
            None => {
                let number = accounts.take()?;
                accounts.assign(patient, number);
                Ok(number)
            }
        })?;
        Ok(own.for_patient(number))
    }

    /// The key of an account that was made for helping, or of the profile's own; none if it is neither.
    pub fn helping_key(&self, own: &AccountKey, account: &AccountId) -> Result<Option<AccountKey>> {
        if own.account() == *account {
            return Ok(Some(own.clone()));
        }
        let made = self.accounts()?.helping().saturating_add(GAP);
        let mut keys = (0..made).map(|number| own.for_helping(number));
        Ok(keys.find(|key| key.account() == *account))
    }

    pub fn helping(&self) -> Result<Helping> {
        self.load(HELPING)
    }

    pub fn update_helping<T>(&self, change: impl FnOnce(&mut Helping) -> Result<T>) -> Result<T> {
        self.update(HELPING, change)
    }

    pub fn pins(&self) -> Result<Pins> {
        self.load(PINS)
    }

    pub fn heads(&self) -> Result<Heads> {
        self.load(HEADS)
    }

    pub fn crowds(&self) -> Result<Crowds> {
        self.load(CROWDS)
    }

    pub fn update_crowds<T>(&self, change: impl FnOnce(&mut Crowds) -> Result<T>) -> Result<T> {
        self.update(CROWDS, change)
    }

    pub fn seen_reads(&self) -> Result<SeenLogs> {
        self.load(READS)
    }

    pub fn update_seen_reads<T>(
        &self,
        change: impl FnOnce(&mut SeenLogs) -> Result<T>,
    ) -> Result<T> {
        self.update(READS, change)
    }

    pub fn read_records(&self) -> Result<ReadRecords> {
        self.load(READ)
    }

    /// Changes the configuration; other processes wait meanwhile.
    pub fn update_config<T>(&self, change: impl FnOnce(&mut Config) -> Result<T>) -> Result<T> {
        self.update(CONFIG, change)
    }

    /// Checks or changes pins. Nothing is written if `change` errs.
    pub fn update_pins<T>(&self, change: impl FnOnce(&mut Pins) -> Result<T>) -> Result<T> {
        self.update(PINS, change)
    }

    pub fn update_heads<T>(&self, change: impl FnOnce(&mut Heads) -> Result<T>) -> Result<T> {
        self.update(HEADS, change)
    }

    pub fn update_read_records<T>(
        &self,
        change: impl FnOnce(&mut ReadRecords) -> Result<T>,
    ) -> Result<T> {
        self.update(READ, change)
    }

    pub fn kept_plans(&self) -> Result<KeptPlans> {
        self.load(PLANS)
    }

    pub fn update_kept_plans<T>(
        &self,
        change: impl FnOnce(&mut KeptPlans) -> Result<T>,
    ) -> Result<T> {
        self.update(PLANS, change)
    }

    /// Waits until no other command changes what this profile keeps of patients, and keeps others waiting
    /// from then on.
    ///
    /// Errors if another one is at work for five minutes.
    pub async fn turn(&self) -> Result<Turn> {
        self.turn_within(GIVES_UP_AFTER).await
    }

    async fn turn_within(&self, patience: Duration) -> Result<Turn> {
        let (path, lock) = self.lock_file(TURN)?;
        let began = Instant::now();
        let mut told = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Turn { _lock: lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Error::file("lock", &path)(error)),
            }
            let waited = began.elapsed();
            if waited >= patience {
                return Err(Error::Busy {
                    folder: self.folder.clone(),
                    minutes: patience.as_secs() / 60,
                });
            }
            if waited >= TOLD_AFTER && !told {
                told = true;
                tracing::warn!(
                    "another command is at work with {}: waiting for it to end",
                    self.folder.display()
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Changes the queue; other processes wait meanwhile.
    pub fn with_queue<T>(&self, change: impl FnOnce() -> Result<T>) -> Result<T> {
        make_folder(&self.folder.join(QUEUE))?;
        let _lock = self.lock(&format!("{QUEUE}/{LOCK}"))?;
        change()
    }

    /// Held while the queue is sent: one process does that at a time.
    pub fn queue_turn(&self) -> Result<File> {
        make_folder(&self.folder.join(QUEUE))?;
        self.lock(&format!("{QUEUE}/{TURN}"))
    }

    /// Keeps an item of the queue, sealed to the device, under its name or a new one.
    pub fn put_queued(
        &self,
        name: Option<&str>,
        item: &[u8],
        device: &EncryptionKey,
    ) -> Result<String> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => hex::encode(random_16()),
        };
        let sealed = seal_bytes(std::slice::from_ref(device), item)?;
        self.write(&queued_name(&name)?, &sealed)?;
        Ok(name)
    }

    /// Everything in the queue, by name.
    pub fn queued(&self, device: &DecryptionKey) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>> {
        let keys = std::slice::from_ref(device);
        let (mut items, mut damaged) = (Vec::new(), None);
        for file in self.names(QUEUE)? {
            let Some(name) = file.strip_suffix(".age") else {
                continue;
            };
            let path = queued_name(name)?;
            let sealed = match fs::read(self.folder.join(&path)) {
                Ok(sealed) => sealed,
                // Sent meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::file("read", &self.folder.join(&path))(error)),
            };
            match unseal_bytes(keys, &sealed, MAX_QUEUED, "queue") {
                Ok(item) => items.push((name.to_owned(), item)),
                Err(error) => {
                    tracing::warn!(
                        "{} waits and cannot be opened ({error}): add its file anew, and remove this one",
                        self.folder.join(&path).display()
                    );
                    damaged = Some(error);
                }
            }
        }
        // One that cannot be read keeps no other; none that can be is another device's queue.
        match damaged {
            Some(error) if items.is_empty() => Err(error),
            _ => Ok(items),
        }
    }

    pub fn remove_queued(&self, name: &str) -> Result<()> {
        let path = self.folder.join(queued_name(name)?);
        fs::remove_file(&path).map_err(Error::file("remove", &path))
    }

    /// Keeps what opens the package that a glass handed over, sealed to the device.
    pub fn save_glass(
        &self,
        patient: &PatientId,
        grant: GrantIndex,
        key: &DecryptionKey,
        device: &EncryptionKey,
    ) -> Result<()> {
        let secret = key.expose().ok_or_else(|| {
            Error::EncryptionKey("the key of a single file opens no package".into())
        })?;
        make_folder(&self.folder.join(GLASSES))?;
        let sealed = seal_bytes(std::slice::from_ref(device), secret.as_bytes())?;
        self.write(&glass_name(patient, grant), &sealed)
    }

    /// None if this device has not broken that glass.
    pub fn glass(
        &self,
        patient: &PatientId,
        grant: GrantIndex,
        device: &DecryptionKey,
    ) -> Result<Option<DecryptionKey>> {
        let name = glass_name(patient, grant);
        if !self.has(&name) {
            return Ok(None);
        }
        let keys = std::slice::from_ref(device);
        let secret = unseal_bytes(keys, &self.read(&name)?, MAX_GLASS, "key")?;
        // Not the parser's own words: they may quote the secret.
        std::str::from_utf8(&secret)
            .ok()
            .and_then(|text| DecryptionKey::parse(text).ok())
            .map(Some)
            .ok_or_else(|| self.damaged(&name, "its content is not a key"))
    }

    /// The glasses whose keys lie here.
    pub fn glasses(&self) -> Result<Vec<(PatientId, GrantIndex)>> {
        let glass = |name: &str| {
            let (patient, grant) = name.strip_suffix(".age")?.split_once('-')?;
            Some((patient.parse().ok()?, grant.parse().ok()?))
        };
        let names = self.names(GLASSES)?;
        Ok(names.iter().filter_map(|name| glass(name)).collect())
    }

    pub fn forget_glass(&self, patient: &PatientId, grant: GrantIndex) -> Result<()> {
        let path = self.folder.join(glass_name(patient, grant));
        fs::remove_file(&path).map_err(Error::file("remove", &path))
    }

    /// Keeps what seals persons under a grant, sealed to the device: only the first opening has to fetch
    /// it.
    pub fn save_seal_key(
        &self,
        grant: GrantIndex,
        key: &SealKey,
        device: &EncryptionKey,
    ) -> Result<()> {
        make_folder(&self.folder.join(SEALS))?;
        let sealed = seal_bytes(std::slice::from_ref(device), &key.to_json()?)?;
        self.write(&seal_name(&key.patient, grant), &sealed)
    }

    /// None if this device has not met that grant.
    pub fn seal_key(
        &self,
        patient: &PatientId,
        grant: GrantIndex,
        device: &DecryptionKey,
    ) -> Result<Option<SealKey>> {
        let name = seal_name(patient, grant);
        if !self.has(&name) {
            return Ok(None);
        }
        let keys = std::slice::from_ref(device);
        SealKey::open(keys, &self.read(&name)?, patient).map(Some)
    }

    /// Keeps what is known of an id that is for one study alone, sealed to the device.
    pub fn save_study(
        &self,
        patient: &PatientId,
        note: &[u8],
        device: &EncryptionKey,
    ) -> Result<()> {
        make_folder(&self.folder.join(STUDIES))?;
        let sealed = seal_bytes(std::slice::from_ref(device), note)?;
        self.write(&study_name(patient), &sealed)
    }

    /// None if this profile knows of no study that the id is for.
    pub fn study(
        &self,
        patient: &PatientId,
        device: &DecryptionKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let name = study_name(patient);
        if !self.has(&name) {
            return Ok(None);
        }
        let keys = std::slice::from_ref(device);
        unseal_bytes(keys, &self.read(&name)?, MAX_STUDY, "study").map(Some)
    }

    /// The ids that are for one study each.
    pub fn study_ids(&self) -> Result<Vec<PatientId>> {
        self.ids(STUDIES)
    }

    /// Patients whose keyrings lie here, but those that are for a study.
    pub fn care_ids(&self) -> Result<Vec<PatientId>> {
        let studies = self.study_ids()?;
        let mut patients = self.patients()?;
        patients.retain(|patient| !studies.contains(patient));
        Ok(patients)
    }

    /// Patients whose keyrings lie here.
    pub fn patients(&self) -> Result<Vec<PatientId>> {
        self.ids(KEYRINGS)
    }

    /// The patients that a folder has a file of, in ascending order.
    fn ids(&self, folder: &str) -> Result<Vec<PatientId>> {
        let names = self.names(folder)?;
        let ids = names.iter().filter_map(|name| name.strip_suffix(".age"));
        let mut patients: Vec<PatientId> = ids.filter_map(|id| id.parse().ok()).collect();
        patients.sort();
        Ok(patients)
    }

    /// The names in a folder of the profile's, which need not be there.
    fn names(&self, folder: &str) -> Result<Vec<String>> {
        let folder = self.folder.join(folder);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::file("read", &folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::file("read", &folder))?.file_name();
            names.extend(name.to_str().map(str::to_owned));
        }
        Ok(names)
    }

    /// None if this profile has no keyring of that patient.
    pub fn keyring(&self, patient: &PatientId, device: &DecryptionKey) -> Result<Option<Keyring>> {
        let name = keyring_name(patient);
        if !self.has(&name) {
            return Ok(None);
        }
        let keyring = Keyring::open(std::slice::from_ref(device), &self.read(&name)?)?;
        match keyring.patient() == *patient {
            true => Ok(Some(keyring)),
            false => Err(self.damaged(&name, "it is another patient's keyring")),
        }
    }

    /// Seals and saves a keyring. Do this before the chain hears of a new key.
    pub fn save_keyring(&self, keyring: &mut Keyring) -> Result<()> {
        make_folder(&self.folder.join(KEYRINGS))?;
        let sealed = keyring.seal()?;
        self.write(&keyring_name(&keyring.patient()), &sealed)
    }

    /// Keeps a keyring as the vault has it now, of the same revision; not over what another program
    /// has saved here meanwhile.
    pub fn note_keyring(&self, keyring: &Keyring, device: &DecryptionKey) -> Result<()> {
        let kept = self.keyring(&keyring.patient(), device)?;
        match kept {
            Some(kept) if kept.holds_the_same(keyring)? => {
                self.write(&keyring_name(&keyring.patient()), &keyring.sealed()?)
            }
            _ => Ok(()),
        }
    }

    pub fn identities(&self, device: &DecryptionKey) -> Result<Identities> {
        match self.has(IDENTITIES) {
            true => Identities::open(device, &self.read(IDENTITIES)?),
            false => Ok(Identities::default()),
        }
    }

    /// Do this before the chain hears of a new key.
    pub fn save_identities(&self, identities: &Identities, device: &EncryptionKey) -> Result<()> {
        self.write(IDENTITIES, &identities.seal(device)?)
    }

    fn prepare(folder: &Path) -> Result<Self> {
        Self::check_free(folder)?;
        make_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn new_key(&self, account: &str) -> Result<Zeroizing<Vec<u8>>> {
        account_key(account)?;
        let device = DecryptionKey::generate()
            .expose()
            .ok_or_else(|| Error::EncryptionKey("a device's key cannot be stored".into()))?;
        sealed_json(
            "key file",
            &StoredKey {
                version: VERSION,
                account: Secret::new(account.to_owned()),
                device: Secret::new(device.to_string()),
            },
        )
    }

    fn open_key(&self, passphrase: &str) -> Result<Zeroizing<Vec<u8>>> {
        open_with_passphrase(&self.read(KEY)?, passphrase, &self.folder.join(KEY))
    }

    fn update<D: DeserializeOwned + Default + Serialize + PartialEq, T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut D) -> Result<T>,
    ) -> Result<T> {
        let _lock = self.lock(LOCK)?;
        let before: D = self.load(name)?;
        let mut document: D = self.load(name)?;
        let result = change(&mut document)?;
        if document != before {
            let mut json = serde_json::to_vec_pretty(&document)
                .map_err(|error| Error::invalid("document", error))?;
            json.push(b'\n');
            self.write(name, &json)?;
        }
        Ok(result)
    }

    fn lock(&self, name: &str) -> Result<File> {
        let (path, lock) = self.lock_file(name)?;
        lock.lock().map_err(Error::file("lock", &path))?;
        Ok(lock)
    }

    fn lock_file(&self, name: &str) -> Result<(PathBuf, File)> {
        let path = self.folder.join(name);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(Error::file("open", &path))?;
        Ok((path, lock))
    }

    fn load<D: DeserializeOwned + Default>(&self, name: &str) -> Result<D> {
        if !self.has(name) {
            return Ok(D::default());
        }
        serde_json::from_slice(&self.read(name)?)
            .map_err(|error| self.damaged(name, &error.to_string()))
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    fn damaged(&self, name: &str, reason: &str) -> Error {
        Error::Profile {
            path: self.folder.join(name),
            reason: reason.to_owned(),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(Error::file("read", &path))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomically(&self.folder.join(name), bytes)
    }
}

fn keyring_name(patient: &PatientId) -> String {
    format!("{KEYRINGS}/{patient}.age")
}

fn study_name(patient: &PatientId) -> String {
    format!("{STUDIES}/{patient}.age")
}

/// Errors for what is no name of an item.
fn queued_name(name: &str) -> Result<String> {
    match name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(format!("{QUEUE}/{name}.age")),
        false => Err(Error::Unfit(format!(
            "nothing called {name} waits: `salus queue` lists what does"
        ))),
    }
}

fn glass_name(patient: &PatientId, grant: GrantIndex) -> String {
    format!("{GLASSES}/{patient}-{grant}.age")
}

fn seal_name(patient: &PatientId, grant: GrantIndex) -> String {
    format!("{SEALS}/{patient}-{grant}.age")
}

fn account_key(text: &str) -> Result<AccountKey> {
    match text.contains('/') {
        true => AccountKey::from_uri(text),
        false => AccountKey::from_phrase(text),
    }
}

/// The content of a file that was sealed under a passphrase; `path` names it in errors.
pub(crate) fn open_with_passphrase(
    sealed: &[u8],
    passphrase: &str,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>> {
    let damaged = |reason: String| Error::Profile {
        path: path.to_owned(),
        reason,
    };
    let identity = age::scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
    let decryptor = Decryptor::new(sealed).map_err(|error| damaged(error.to_string()))?;
    let mut reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .map_err(|error| match error {
            DecryptError::DecryptionFailed
            | DecryptError::NoMatchingKeys
            | DecryptError::KeyDecryptionFailed => Error::WrongPassphrase(path.to_owned()),
            other => damaged(other.to_string()),
        })?;
    let mut content = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader
        .read_to_end(&mut content)
        .map_err(|error| damaged(error.to_string()))?;
    Ok(content)
}

/// age, scrypt.
pub(crate) fn seal_with_passphrase(
    content: &[u8],
    passphrase: &str,
    work_factor: u8,
) -> Result<Vec<u8>> {
    if !(1..=30).contains(&work_factor) {
        return Err(Error::invalid(
            "work factor",
            "it must lie between 1 and 30",
        ));
    }
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(work_factor);
    let write = |error| Error::io("seal under the passphrase", error);
    let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(|error| Error::EncryptionKey(error.to_string()))?;
    let mut out = encryptor.wrap_output(Vec::new()).map_err(write)?;
    out.write_all(content).map_err(write)?;
    out.finish().map_err(write)
}

/// A folder that is open to its owner only.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(Error::file("make", folder))?;
    // An existing folder may be open to others.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .map_err(Error::file("set the permissions of", folder))
}

/// Writes a file that is either the old or the new one, whole, whenever the machine stops.
/// Readable by the owner only.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, bytes, |file| file.persist(path))
}

/// [`write_atomically`], where there is no file yet.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = write_whole(path, bytes, |file| file.persist_noclobber(path));
    written.map_err(|error| match error {
        Error::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => Error::Unfit(
            format!("{} is there already: choose another name", path.display()),
        ),
        other => other,
    })
}

fn write_whole(
    path: &Path,
    bytes: &[u8],
    persist: impl FnOnce(NamedTempFile) -> Result<File, PersistError>,
) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // 0600 by default.
    let mut file = NamedTempFile::new_in(folder).map_err(Error::file("write", path))?;
    file.write_all(bytes).map_err(Error::file("write", path))?;
    file.as_file()
        .sync_all()
        .map_err(Error::file("write", path))?;
    persist(file).map_err(|error| Error::file("write", path)(error.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::file("write", path))
}

/// Reads an account out of pins.
pub fn account_from_hex(text: &str) -> Result<AccountId> {
    hex::decode(text.trim_start_matches("0x"))
        .ok()
        .filter(|bytes| bytes.len() == 32)
        .and_then(|bytes| AccountId::decode(&mut &bytes[..]).ok())
        .ok_or_else(|| Error::invalid("account", "expected 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::{Label, Own};

    const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

    fn profile() -> (tempfile::TempDir, Profile) {
        let folder = tempfile::tempdir().unwrap();
        let profile =
            Profile::create(&folder.path().join("p"), PHRASE, "correct horse", 2).unwrap();
        (folder, profile)
    }

    #[test]
    fn the_passphrase_opens_it_and_another_one_does_not() {
        let (_folder, profile) = profile();
        let unlocked = Profile::open(profile.folder())
            .unwrap()
            .unlock("correct horse")
            .unwrap();
        assert_eq!(
            unlocked.account.account(),
            AccountKey::from_phrase(PHRASE).unwrap().account()
        );
        let again = profile.unlock("correct horse").unwrap();
        assert_eq!(again.device.public(), unlocked.device.public());
        for wrong in ["", "correct horsf"] {
            let error = profile.unlock(wrong).unwrap_err();
            assert!(matches!(error, Error::WrongPassphrase(_)), "{error}");
        }
        assert_eq!(*profile.reveal("correct horse").unwrap(), PHRASE);
        profile
            .change_passphrase("correct horse", "battery", 2)
            .unwrap();
        assert!(profile.unlock("correct horse").is_err());
        assert_eq!(
            profile.unlock("battery").unwrap().device.public(),
            unlocked.device.public()
        );
    }

    #[test]
    fn what_seals_persons_is_kept_for_the_device_alone() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), "//Alice").unwrap();
        let device = DecryptionKey::generate();
        let patient = PatientId([1; 16]);
        let key = SealKey::unused(patient);
        profile.save_seal_key(3, &key, &device.public()).unwrap();
        let found = profile.seal_key(&patient, 3, &device).unwrap().unwrap();
        let seal = |key: &SealKey| {
            let account = salus_primitives::AccountId::new([1; 32]);
            key.seal(&salus_primitives::Genesis::zero(), 3, &account)
        };
        assert_eq!(seal(&found), seal(&key));
        assert!(profile.seal_key(&patient, 4, &device).unwrap().is_none());
        let other = DecryptionKey::generate();
        assert!(profile.seal_key(&patient, 3, &other).is_err());
    }

    #[test]
    fn the_key_of_a_glass_is_sealed_to_the_device_and_can_be_forgotten() {
        let (_folder, profile) = profile();
        let device = DecryptionKey::generate();
        let key = DecryptionKey::generate();
        let patient = PatientId([7; 16]);
        let glass = |grant, device: &DecryptionKey| profile.glass(&patient, grant, device);
        assert!(profile.glasses().unwrap().is_empty());
        profile
            .save_glass(&patient, 3, &key, &device.public())
            .unwrap();
        let found = glass(3, &device).unwrap().unwrap();
        assert_eq!(found.public(), key.public());
        assert!(glass(3, &DecryptionKey::generate()).is_err());
        assert!(glass(4, &device).unwrap().is_none());
        let path = profile.folder().join(glass_name(&patient, 3));
        let written = fs::read(&path).unwrap();
        let secret = key.expose().unwrap();
        let leaks = written
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!leaks, "the key lies open");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(profile.glasses().unwrap(), [(patient, 3)]);
        profile.forget_glass(&patient, 3).unwrap();
        assert!(profile.glasses().unwrap().is_empty());
        assert!(glass(3, &device).unwrap().is_none());
    }

    #[test]
    fn missing_existing_and_damaged_profiles_are_told_apart() {
        let (folder, profile) = profile();
        assert!(matches!(
            Profile::open(folder.path()),
            Err(Error::NoProfile(_))
        ));
        assert!(matches!(
            Profile::create(profile.folder(), PHRASE, "x", 2),
            Err(Error::ProfileExists(_))
        ));
        let other = folder.path().join("q");
        assert!(matches!(
            Profile::create(&other, PHRASE, "", 2),
            Err(Error::EmptyPassphrase)
        ));
        assert!(Profile::create(&other, "no phrase", "x", 2).is_err());
        assert!(Profile::open(&other).is_err(), "nothing half-made stays");

        let key = profile.folder().join(KEY);
        let sealed = fs::read(&key).unwrap();
        for broken in [&b""[..], b"hello", &sealed[..sealed.len() - 1]] {
            fs::write(&key, broken).unwrap();
            let error = profile.unlock("correct horse").unwrap_err();
            assert!(matches!(error, Error::Profile { .. }), "{error}");
        }
    }

    #[test]
    fn nothing_is_readable_by_others_and_no_secret_lies_open() {
        let (_folder, profile) = profile();
        let device = profile.unlock("correct horse").unwrap().device;
        let mut keyring = Keyring::new(PatientId([1; 16]));
        keyring.add_holder("here", &device.public()).unwrap();
        profile.save_keyring(&mut keyring).unwrap();
        profile
            .update_config(|config| {
                config.node = Some("ws://127.0.0.1:9944".into());
                Ok(())
            })
            .unwrap();
        let mut folders = vec![profile.folder().to_owned()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            assert_eq!(
                fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
                0o700
            );
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                files += 1;
                assert_eq!(
                    fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                    0o600,
                    "{path:?}"
                );
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                assert!(
                    !text.contains("SECRET") && !text.contains("bottom"),
                    "{path:?}"
                );
            }
        }
        assert_eq!(files, 4);
    }

    #[test]
    fn what_the_vault_has_is_not_noted_over_what_was_saved_meanwhile() {
        let (_folder, profile) = profile();
        let device = profile.unlock("correct horse").unwrap().device;
        let patient = PatientId([1; 16]);
        let mut keyring = Keyring::new(patient);
        keyring.add_holder("here", &device.public()).unwrap();
        let id = keyring.prepare(&Label::Intake, 0).0;
        profile.save_keyring(&mut keyring).unwrap();
        let content = salus_primitives::Cid([1; 36]);
        let mut noted = keyring.clone();
        noted.base_on(&content);
        profile.note_keyring(&noted, &device).unwrap();
        let kept = || profile.keyring(&patient, &device).unwrap().unwrap();
        assert!(kept().is_based_on(&content));
        assert_eq!(kept().revision(), keyring.revision());
        keyring.prepare(&Label::Intake, 1);
        profile.save_keyring(&mut keyring).unwrap();
        profile.note_keyring(&noted, &device).unwrap();
        assert!(kept().key(&id, 1).is_ok());
        assert!(!kept().is_based_on(&content));
    }

    #[test]
    fn keyrings_and_identities_come_back() {
        let (_folder, profile) = profile();
        let device = profile.unlock("correct horse").unwrap().device;
        let patient = PatientId([1; 16]);
        assert!(profile.keyring(&patient, &device).unwrap().is_none());
        assert!(profile.patients().unwrap().is_empty());
        let mut keyring = Keyring::new(patient);
        keyring.add_holder("here", &device.public()).unwrap();
        let id = keyring.prepare(&Label::Intake, 0).0;
        profile.save_keyring(&mut keyring).unwrap();
        assert_eq!(profile.patients().unwrap(), [patient]);
        let back = profile.keyring(&patient, &device).unwrap().unwrap();
        assert_eq!(back.find(&Label::Intake), Some(id));

        let mut identities = profile.identities(&device).unwrap();
        let key = identities.prepare(Own::Account, 0);
        profile
            .save_identities(&identities, &device.public())
            .unwrap();
        assert_eq!(
            profile.identities(&device).unwrap().keys(Own::Account)[0].public(),
            key
        );

        // One patient's keyring under another's name.
        let folder = profile.folder().join(KEYRINGS);
        let other = PatientId([2; 16]);
        fs::copy(
            folder.join(format!("{patient}.age")),
            folder.join(format!("{other}.age")),
        )
        .unwrap();
        assert!(profile.keyring(&other, &device).is_err());
    }

    #[test]
    fn the_first_account_is_pinned_and_another_one_is_refused_until_confirmed() {
        let (_folder, profile) = profile();
        let (patient, first, second) = (
            PatientId([1; 16]),
            AccountId::new([1; 32]),
            AccountId::new([2; 32]),
        );
        let check =
            |account: &AccountId| profile.update_pins(|pins| pins.check_patient(&patient, account));
        check(&first).unwrap();
        check(&first).unwrap();
        assert!(matches!(check(&second), Err(Error::PinMismatch { .. })));
        profile
            .update_pins(|pins| {
                pins.confirm_patient(&patient, &second);
                Ok(())
            })
            .unwrap();
        check(&second).unwrap();
        check(&first).unwrap();

        let admin =
            |account: &AccountId| profile.update_pins(|pins| pins.check_organisation(3, account));
        admin(&first).unwrap();
        assert!(matches!(admin(&second), Err(Error::PinMismatch { .. })));
        profile
            .update_pins(|pins| {
                pins.confirm_organisation(3, &second);
                Ok(())
            })
            .unwrap();
        admin(&second).unwrap();
        assert!(admin(&first).is_err());
    }

    #[test]
    fn a_new_runtime_is_told_once_and_again_after_it_was_away() {
        let code = |number: u8| Code {
            hash: H256::repeat_byte(number),
            spec_version: number.into(),
        };
        let (first, second, third) = (code(1), code(2), code(3));
        let mut config = Config::default();
        assert_eq!(config.meet_runtime(first), None, "the first is trusted");
        assert_eq!(config.meet_runtime(first), None);
        let changed = |found| {
            Some(RuntimeChanged {
                trusted: first,
                found,
            })
        };
        for found in [second, third, second] {
            assert_eq!(config.meet_runtime(found), changed(found));
            assert_eq!(config.meet_runtime(found), None);
        }
        assert_eq!(config.meet_runtime(first), None, "it is trusted still");
        assert_eq!(config.meet_runtime(second), changed(second));
        // The same version with other code is another runtime.
        let other = Code {
            hash: H256::zero(),
            ..first
        };
        assert_eq!(config.meet_runtime(other), changed(other));

        config.trust_runtime(second);
        assert_eq!(config.meet_runtime(second), None);
        let words = config.meet_runtime(first).unwrap().to_string();
        for part in ["version 2", "version 1", "0x0202", "salus chain trust"] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn a_chain_that_was_public_first_does_not_become_private() {
        let mut config = Config::default();
        config.meet_network(false).unwrap();
        config.meet_network(false).unwrap();
        let refused = config.meet_network(true).unwrap_err().to_string();
        assert!(refused.contains("--node"), "{refused}");
        assert_eq!(config.private, Some(false));

        let mut config = Config::default();
        config.meet_network(true).unwrap();
        config.meet_network(true).unwrap();
        // It reaches less, which harms nobody.
        config.meet_network(false).unwrap();
        assert_eq!(config.private, Some(true));
    }

    #[test]
    fn who_only_reads_has_keys_that_are_nobodys_and_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::of_nobody(folder.path());
        let account = || Unlocked::nobody().unwrap().account.account();
        assert_ne!(account(), account());
        assert!(Profile::open(folder.path()).is_err(), "it is no profile");
        assert_eq!(profile.config().unwrap(), Config::default());
        profile
            .update_config(|config| config.meet_network(true))
            .unwrap();
        assert_eq!(profile.config().unwrap().private, Some(true));
    }

    #[test]
    fn heads_and_read_records_are_remembered() {
        let (_folder, profile) = profile();
        let patient = PatientId([1; 16]);
        let head = TrailHead::start(&Genesis::zero(), &patient).append(7, 8, b"event");
        profile
            .update_heads(|heads| {
                heads.set(&patient, &head);
                Ok(())
            })
            .unwrap();
        assert_eq!(profile.heads().unwrap().get(&patient), Some(head));
        assert_eq!(profile.heads().unwrap().get(&PatientId([2; 16])), None);
        for opened_at in [5, 9] {
            profile
                .update_read_records(|read| {
                    read.add(ReadRecord {
                        patient: patient.to_string(),
                        record: 3,
                        grant: Some(1),
                        opened_at,
                    });
                    Ok(())
                })
                .unwrap();
        }
        let read = profile.read_records().unwrap();
        assert_eq!(
            read.iter().map(|read| read.opened_at).collect::<Vec<_>>(),
            [9]
        );
    }

    #[test]
    fn concurrent_changes_are_not_lost() {
        let (_folder, profile) = profile();
        std::thread::scope(|scope| {
            for number in 0..8u32 {
                let profile = &profile;
                scope.spawn(move || {
                    profile
                        .update_pins(|pins| {
                            pins.check_organisation(number, &AccountId::new([1; 32]))
                        })
                        .unwrap()
                });
            }
        });
        assert_eq!(profile.pins().unwrap().organisations.len(), 8);
    }

    #[tokio::test]
    async fn a_second_command_waits_for_its_turn_and_gives_up_with_what_to_do() {
        let (_folder, profile) = profile();
        let first = profile.turn().await.unwrap();
        // As another process sees it.
        let other = Profile::open(profile.folder()).unwrap();
        let told = other.turn_within(2 * LOOK).await.unwrap_err();
        assert!(matches!(told, Error::Busy { .. }), "{told}");
        assert!(told.to_string().contains("do this again"), "{told}");
        let waiting = tokio::spawn(async move { other.turn().await });
        tokio::time::sleep(2 * LOOK).await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap().unwrap();
    }

    #[test]
    fn each_patient_has_an_account_of_its_own_and_keeps_it() {
        let (_folder, profile) = profile();
        let own = AccountKey::from_phrase(PHRASE).unwrap();
        let [first, second] = [1, 2].map(|byte| PatientId([byte; 16]));
        assert!(profile.key_of(&own, &first).unwrap().is_none());
        let key = |patient| profile.key_for(&own, patient).unwrap().account();
        let accounts = [key(&first), key(&second)];
        assert_eq!(
            accounts,
            [0, 1].map(|number| own.for_patient(number).account())
        );
        assert_eq!(key(&first), accounts[0]);
        let kept = profile.key_of(&own, &second).unwrap().unwrap();
        assert_eq!(kept.account(), accounts[1]);
        let known: Vec<_> = profile.accounts().unwrap().iter().collect();
        assert_eq!(known, [(first, 0), (second, 1)]);
        assert!(!accounts.contains(&own.account()));
    }

    #[test]
    fn a_phrase_that_was_brought_back_takes_no_account_before_all_were_looked_for() {
        let (_folder, profile) = profile();
        let own = AccountKey::from_phrase(PHRASE).unwrap();
        let [first, second] = [1, 2].map(|byte| PatientId([byte; 16]));
        profile.note_imported().unwrap();
        let refused = profile.key_for(&own, &first).unwrap_err().to_string();
        assert!(refused.contains("salus keys find"), "{refused}");
        profile
            .update_accounts(|accounts| {
                accounts.assign(&first, 4);
                accounts.found(7);
                Ok(())
            })
            .unwrap();
        let key = |patient| profile.key_for(&own, patient).unwrap().account();
        assert_eq!(key(&first), own.for_patient(4).account());
        assert_eq!(key(&second), own.for_patient(7).account());
    }

    #[test]
    fn accounts_for_helping_are_found_again_and_no_others() {
        let (_folder, profile) = profile();
        let own = AccountKey::from_phrase(PHRASE).unwrap();
        for number in [0, 1] {
            let taken = profile.update_accounts(|accounts| Ok(accounts.take_helping()));
            assert_eq!(taken.unwrap(), number);
        }
        let found = |key: &AccountKey| {
            let found = profile.helping_key(&own, &key.account()).unwrap();
            found.map(|found| found.account())
        };
        for key in [own.clone(), own.for_helping(1), own.for_helping(1 + GAP)] {
            assert_eq!(found(&key), Some(key.account()));
        }
        assert_eq!(found(&own.for_patient(0)), None);
    }

    #[test]
    fn a_damaged_document_is_not_overwritten() {
        let (_folder, profile) = profile();
        let path = profile.folder().join(PINS);
        fs::write(&path, "{").unwrap();
        assert!(profile
            .update_pins(|pins| pins.check_organisation(0, &AccountId::new([1; 32])))
            .is_err());
        assert_eq!(fs::read(&path).unwrap(), b"{");
    }

    #[test]
    fn what_is_written_new_replaces_nothing_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write_new(&path, b"first").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = write_new(&path, b"second").unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing of the refused one is left");
    }

    #[test]
    fn a_development_profile_needs_no_passphrase_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("alice"), "//Alice").unwrap();
        assert!(profile.is_insecure());
        let account = profile.unlock("").unwrap().account;
        assert_eq!(
            account.account(),
            AccountKey::from_uri("//Alice").unwrap().account()
        );
    }
}
