//! The keys of a patient's records, and those of a member.
//!
//! All of them are random, not derived: a stolen phrase or a lost device is healed by new keys.
//! They leave this module only sealed, or inside a type whose `Debug` shows none of them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use codec::Encode;
use hmac::{Hmac, Mac};
use rand::{rngs::OsRng, RngCore};
use salus_primitives::{
    seal::SealSecret, Cid, CompartmentId, GrantIndex, Moment, ObjectKind, OrgId, PatientId, Scope,
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::files::age::{
    among, seal_bytes, seal_sized, unseal_bytes, DecryptionKey, EncryptionKey,
};
use crate::files::envelope::{Envelope, Shared};
use crate::files::object::{build_body, BuiltObject};
use crate::files::sizes::Sizes;
use crate::files::{check_version, Place, MAX_KEYRING};
use crate::taxonomy::{Category, Sensitivity};

const VERSION: u32 = 1;

/// A keyring's header names so many keys, or a multiple: it must not tell how many devices, kits and
/// helpers' keys there are.
const STANZAS: usize = 8;

/// Spare compartments of a patient, numbered from 0. A longer taxonomy leaves fewer of them.
pub const SPARES: u8 = 6;

/// The spare that takes records with several flags, whichever these are: what its author cannot file
/// closer, because only the patient knows which combination the others hold.
pub const LAST_SPARE: u8 = SPARES - 1;

/// What a compartment is about. Only the patient's app and its grantees know.
///
/// Everybody has the same ones, [`Label::all`], whatever records there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Label {
    /// Where records land of which the author does not know what else they are.
    Intake,
    /// What has no flag.
    Category { category: Category },
    /// What has this flag and no other, of whatever category.
    Sensitivity { sensitivity: Sensitivity },
    Spare {
        number: u8,
        /// The combinations of flags that lie in it: one, unless two devices have chosen at once.
        /// Authors are not told.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        combinations: BTreeSet<BTreeSet<Sensitivity>>,
    },
}

impl Label {
    /// The compartment of a category, for what has no flag.
    pub fn of(category: Category) -> Self {
        Label::Category { category }
    }

    /// The compartment of a flag.
    pub fn flag(sensitivity: Sensitivity) -> Self {
        Label::Sensitivity { sensitivity }
    }

    pub fn spare(number: u8) -> Self {
        Label::Spare {
            number,
            combinations: BTreeSet::new(),
        }
    }

    /// Where an author files a record, who does not know which spare holds which combination.
    pub fn filed(category: Category, flags: &[Sensitivity]) -> Self {
        match flags {
            [] => Self::of(category),
            [first, others @ ..] if others.iter().all(|flag| flag == first) => Self::flag(*first),
            _ => Self::spare(LAST_SPARE),
        }
    }

    /// The compartments of every patient: 32.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Label::Intake)
            .chain(Category::ALL.iter().copied().map(Self::of))
            .chain(Sensitivity::ALL.iter().copied().map(Self::flag))
            .chain((0..SPARES).map(Self::spare))
    }

    /// What the id is made of: the kind and its number. What a spare holds is not part of it.
    fn parts(&self) -> (&'static [u8], Option<u8>) {
        match self {
            Label::Intake => (b"intake", None),
            Label::Category { category } => (b"category", Some((*category).into())),
            Label::Sensitivity { sensitivity } => (b"sensitivity", Some((*sensitivity).into())),
            Label::Spare { number, .. } => (b"spare", Some(*number)),
        }
    }

    /// Whether both are of the same compartment.
    pub fn is_same(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }

    /// The label as an author is told it: which flags a patient has is none of their business.
    fn bare(&self) -> Self {
        match self {
            Label::Spare { number, .. } => Self::spare(*number),
            other => other.clone(),
        }
    }

    /// Whether this is a spare that holds this combination.
    fn holds(&self, flags: &BTreeSet<Sensitivity>) -> bool {
        matches!(self, Label::Spare { combinations, .. } if combinations.contains(flags))
    }

    /// Whether this is a spare that holds nothing yet, and can be given something.
    fn is_free(&self) -> bool {
        matches!(
            self,
            Label::Spare { number, combinations }
                if combinations.is_empty() && *number != LAST_SPARE
        )
    }

    /// Whether somebody who is to see these categories without flags, and these flags, may see all that
    /// lies in it.
    pub fn is_within(&self, categories: &[Category], flags: &[Sensitivity]) -> bool {
        let named = |flag: &Sensitivity| flags.contains(flag);
        match self {
            Label::Intake => false,
            Label::Category { category } => categories.contains(category),
            Label::Sensitivity { sensitivity } => named(sensitivity),
            // Any combination may lie in the last one.
            Label::Spare { number, .. } if *number == LAST_SPARE => {
                Sensitivity::ALL.iter().all(named)
            }
            Label::Spare { combinations, .. } => {
                !combinations.is_empty() && combinations.iter().flatten().all(named)
            }
        }
    }

    /// Adds what another device has given this compartment to hold.
    fn join(&mut self, other: &Self) {
        if let (
            Label::Spare { combinations, .. },
            Label::Spare {
                combinations: theirs,
                ..
            },
        ) = (self, other)
        {
            combinations.extend(theirs.iter().cloned());
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Intake => f.write_str("intake"),
            Label::Category { category } => write!(f, "{category}"),
            Label::Sensitivity { sensitivity } => write!(f, "{sensitivity}"),
            Label::Spare { number, .. } if *number == LAST_SPARE => f.write_str("several flags"),
            Label::Spare {
                number,
                combinations,
                ..
            } => {
                if combinations.is_empty() {
                    return write!(f, "spare {}", number + 1);
                }
                let words: Vec<String> = combinations
                    .iter()
                    .map(|flags| {
                        let flags: Vec<&str> = flags.iter().map(|flag| flag.slug()).collect();
                        flags.join(" + ")
                    })
                    .collect();
                f.write_str(&words.join(", "))
            }
        }
    }
}

/// HMAC-SHA256(tag key, two parts)[..16], each part with its length as u32 LE before it: the kind, and
/// its number as one byte, of which intake has none.
pub fn compartment_id(tag_key: &[u8; 32], label: &Label) -> CompartmentId {
    let (kind, number) = label.parts();
    let number: Vec<u8> = number.into_iter().collect();
    let mut input = Vec::new();
    for part in [kind, &number] {
        input.extend_from_slice(&(part.len() as u32).to_le_bytes());
        input.extend_from_slice(part);
    }
    let tag: [u8; 32] = match Hmac::<Sha256>::new_from_slice(tag_key) {
        Ok(mut mac) => {
            mac.update(&input);
            mac.finalize().into_bytes().into()
        }
        Err(_) => unreachable!("HMAC takes keys of any length"),
    };
    let mut id = [0u8; 16];
    id.copy_from_slice(&tag[..16]);
    CompartmentId(id)
}

/// Returns what seals persons under a grant with these terms ([`salus_primitives::seal`]):
/// HMAC-SHA256(tag key, SCALE("salus/seal/v1", organisation, scope, end)).
///
/// It is as good as random to everybody without the tag key. Made of the terms, which stand on the
/// chain, it need not be kept: whoever has the keyring finds it again, for each grant ever given, on
/// each device and after a recovery; and sharing does not have to save the keyring.
pub fn seal_secret(
    tag_key: &[u8; 32],
    organisation: OrgId,
    scope: &Scope,
    expires_at: Moment,
) -> Zeroizing<SealSecret> {
    let input = (b"salus/seal/v1", organisation, scope, expires_at).encode();
    match Hmac::<Sha256>::new_from_slice(tag_key) {
        Ok(mut mac) => {
            mac.update(&input);
            Zeroizing::new(mac.finalize().into_bytes().into())
        }
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

/// The secret keys of one thing, by epoch.
#[derive(Clone, Debug, Default)]
pub struct Epochs(BTreeMap<u32, DecryptionKey>);

impl Epochs {
    pub fn get(&self, epoch: u32) -> Option<&DecryptionKey> {
        self.0.get(&epoch)
    }

    pub fn newest(&self) -> Option<(u32, &DecryptionKey)> {
        self.0.last_key_value().map(|(epoch, key)| (*epoch, key))
    }

    /// The epochs, ascending.
    pub fn numbers(&self) -> Vec<u32> {
        self.0.keys().copied().collect()
    }

    pub fn newest_first(&self) -> Vec<DecryptionKey> {
        self.0.values().rev().cloned().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Destroys the keys of earlier epochs; how many there were.
    fn destroy_before(&mut self, epoch: u32) -> usize {
        let kept = self.0.split_off(&epoch);
        std::mem::replace(&mut self.0, kept).len()
    }

    /// The key of an epoch, made if it is not there yet. So a publication that failed half-way can be
    /// repeated with the same key.
    fn prepare(&mut self, epoch: u32) -> EncryptionKey {
        self.0
            .entry(epoch)
            .or_insert_with(DecryptionKey::generate)
            .public()
    }

    pub(crate) fn to_stored(&self) -> Result<StoredEpochs> {
        self.0
            .iter()
            .map(|(epoch, key)| {
                let text = key.expose().ok_or_else(|| {
                    Error::Keyring("the key of a single file is no compartment's key".into())
                })?;
                Ok((*epoch, Secret(text)))
            })
            .collect()
    }

    pub(crate) fn from_stored(stored: StoredEpochs) -> Result<Self> {
        stored
            .iter()
            .map(|(epoch, secret)| Ok((*epoch, DecryptionKey::parse(&secret.0)?)))
            .collect::<Result<_>>()
            .map(Self)
    }
}

/// Text of a secret inside a document that is about to be sealed, or was just opened.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

pub(crate) type StoredEpochs = BTreeMap<u32, Secret>;

/// JSON with secrets in it, in a buffer that is wiped. It does not grow, so no copy stays behind.
pub(crate) fn sealed_json(
    what: &'static str,
    document: &impl Serialize,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut json = Zeroizing::new(Vec::with_capacity(MAX_KEYRING as usize));
    serde_json::to_writer(&mut *json, document).map_err(|error| Error::invalid(what, error))?;
    Ok(json)
}

/// A patient's keys. Each device and the printed kit can open it.
#[derive(Clone)]
pub struct Keyring {
    patient: PatientId,
    revision: u64,
    tag_key: Zeroizing<[u8; 32]>,
    inbox: Epochs,
    /// As [`Compartment::destroyed_before`].
    inbox_destroyed_before: u32,
    compartments: BTreeMap<CompartmentId, Compartment>,
    holders: Vec<Holder>,
    /// Live grants that get no new keys.
    left_out: BTreeSet<GrantIndex>,
    restriction: Restriction,
    /// On this device only.
    handing: Option<Handing>,
    /// What the chain named when this was last joined with the vault's, or saved there, in hexadecimal.
    /// Whatever else it names has changes that this lacks.
    based_on: Option<String>,
}

/// New keys that may not have reached everybody yet, and the vault: what a rotation that broke off leaves
/// to be done. Devices do not hear of each other's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handing {
    /// When they were made, by the chain's clock.
    pub since: Moment,
    /// The epochs that compartments are to have, by their ids.
    epochs: BTreeMap<String, u32>,
    /// The same of the inbox.
    pub inbox: Option<u32>,
    /// Envelopes with the new keys, as they were about to be named on the chain: CIDs in hexadecimal.
    envelopes: BTreeMap<GrantIndex, String>,
}

impl Handing {
    /// Whether exactly these compartments have new keys.
    pub fn is_of(&self, ids: &[CompartmentId]) -> bool {
        let ids: BTreeSet<String> = ids.iter().map(CompartmentId::to_string).collect();
        ids.iter().eq(self.epochs.keys())
    }

    pub fn epochs(&self) -> impl Iterator<Item = (CompartmentId, u32)> + '_ {
        let epochs = self.epochs.iter();
        epochs.filter_map(|(id, epoch)| Some((id.parse().ok()?, *epoch)))
    }

    /// Whether one of these envelopes of a grant has the new keys.
    pub fn is_among(&self, grant: GrantIndex, envelopes: &[Cid]) -> bool {
        let noted = self.envelopes.get(&grant);
        noted.is_some_and(|noted| envelopes.iter().any(|cid| hex::encode(cid.0) == *noted))
    }
}

/// Whether the patient shares with nobody for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Restriction {
    /// Counts the changes: of two devices' the higher one is the newer one.
    changes: u32,
    /// While it lasts, the grants that it has ended, to be given anew.
    ended: Option<BTreeSet<GrantIndex>>,
    /// Envelopes of the grants that are given instead, by the ended ones, as they were about to be named
    /// on the chain: CIDs in hexadecimal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    given: BTreeMap<GrantIndex, String>,
}

impl Restriction {
    fn change(&mut self, ended: Option<BTreeSet<GrantIndex>>) {
        if self.ended != ended {
            self.changes = self.changes.saturating_add(1);
            self.ended = ended;
        }
    }

    /// The newer one. Where both are as new, two devices have restricted at once, or one of them has
    /// lifted meanwhile: what either has ended is remembered.
    fn merge(&mut self, other: Self) {
        match self.changes.cmp(&other.changes) {
            Ordering::Less => *self = other,
            Ordering::Greater => {}
            Ordering::Equal => {
                if let Some(theirs) = other.ended {
                    self.ended.get_or_insert_default().extend(theirs);
                }
                self.given.extend(other.given);
            }
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug)]
pub struct Compartment {
    pub label: Label,
    pub epochs: Epochs,
    /// Keys of earlier epochs were destroyed, and no other device may bring them back.
    pub destroyed_before: u32,
}

impl Compartment {
    fn new(label: Label) -> Self {
        let mut epochs = Epochs::default();
        epochs.prepare(0);
        Self {
            label,
            epochs,
            destroyed_before: 0,
        }
    }
}

/// Who can open the keyring: a device, the printed kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub name: String,
    /// `age1…`
    pub key: String,
    /// Who keeps shares of it, where it is the key of helpers: the chain does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub helpers: Vec<String>,
    /// How many of them it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u8>,
}

impl Holder {
    fn new(name: &str, key: String) -> Self {
        Self {
            name: name.to_owned(),
            key,
            helpers: Vec::new(),
            threshold: None,
        }
    }
}

impl Keyring {
    /// A keyring with all of a patient's compartments, and their first keys.
    pub fn new(patient: PatientId) -> Self {
        let mut tag_key = Zeroizing::new([0u8; 32]);
        OsRng.fill_bytes(tag_key.as_mut());
        let compartments = Label::all()
            .map(|label| (compartment_id(&tag_key, &label), Compartment::new(label)))
            .collect();
        Self {
            patient,
            revision: 0,
            tag_key,
            inbox: Epochs::default(),
            inbox_destroyed_before: 0,
            compartments,
            holders: Vec::new(),
            left_out: BTreeSet::new(),
            restriction: Restriction::default(),
            handing: None,
            based_on: None,
        }
    }

    pub fn patient(&self) -> PatientId {
        self.patient
    }

    /// Counts the times it was sealed: the higher one is the newer one.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn compartments(&self) -> impl Iterator<Item = (&CompartmentId, &Compartment)> {
        self.compartments.iter()
    }

    /// The ids of all compartments, with the public keys of their first epoch: what an enrolment
    /// publishes. Errs if one was destroyed.
    pub fn first_keys(&self) -> Result<Vec<(CompartmentId, EncryptionKey)>> {
        self.compartments
            .keys()
            .map(|id| Ok((*id, self.key(id, 0)?.public())))
            .collect()
    }

    /// The compartment with this label, whatever a spare one holds.
    pub fn find(&self, label: &Label) -> Option<CompartmentId> {
        let id = compartment_id(&self.tag_key, label);
        self.compartments.contains_key(&id).then_some(id)
    }

    /// Where a record of this category and with these flags goes. The first one with a combination
    /// takes the next free spare for it: save the keyring then.
    pub fn place(
        &mut self,
        category: Category,
        flags: &BTreeSet<Sensitivity>,
    ) -> Result<CompartmentId> {
        let listed: Vec<Sensitivity> = flags.iter().copied().collect();
        if listed.len() < 2 {
            return self.require(&Label::filed(category, &listed));
        }
        if let Some(id) = self.spare(|label| label.holds(flags)) {
            return Ok(id);
        }
        let Some(id) = self.spare(Label::is_free) else {
            return self.require(&Label::spare(LAST_SPARE));
        };
        if let Some(Label::Spare { combinations, .. }) = self.label_mut(&id) {
            combinations.insert(flags.clone());
        }
        Ok(id)
    }

    /// The spare with the lowest number for which this holds.
    fn spare(&self, holds: impl Fn(&Label) -> bool) -> Option<CompartmentId> {
        (0..SPARES)
            .filter_map(|number| self.find(&Label::spare(number)))
            .find(|id| self.label(id).is_some_and(&holds))
    }

    fn label_mut(&mut self, id: &CompartmentId) -> Option<&mut Label> {
        self.compartments.get_mut(id).map(|row| &mut row.label)
    }

    /// [`Keyring::find`], or an error that names the label.
    pub fn require(&self, label: &Label) -> Result<CompartmentId> {
        self.find(label)
            .ok_or_else(|| Error::UnknownCompartment(label.to_string()))
    }

    pub fn compartment(&self, id: &CompartmentId) -> Option<&Compartment> {
        self.compartments.get(id)
    }

    pub fn label(&self, id: &CompartmentId) -> Option<&Label> {
        self.compartment(id).map(|compartment| &compartment.label)
    }

    /// Id and public key of the compartment with this label at this epoch, made if need be.
    /// Save the keyring before the chain hears of either.
    pub fn prepare(&mut self, label: &Label, epoch: u32) -> (CompartmentId, EncryptionKey) {
        let id = compartment_id(&self.tag_key, label);
        let compartment = self
            .compartments
            .entry(id)
            .or_insert_with(|| Compartment::new(label.clone()));
        let epoch = epoch.max(compartment.destroyed_before);
        (id, compartment.epochs.prepare(epoch))
    }

    /// The public key of an epoch of a compartment that the keyring knows, made if need be.
    pub fn prepare_epoch(&mut self, id: &CompartmentId, epoch: u32) -> Result<EncryptionKey> {
        self.compartments
            .get_mut(id)
            .map(|compartment| compartment.epochs.prepare(epoch))
            .ok_or_else(|| Error::UnknownCompartment(id.to_string()))
    }

    /// The secret key for records of this compartment and epoch.
    pub fn key(&self, id: &CompartmentId, epoch: u32) -> Result<DecryptionKey> {
        let compartment = self
            .compartments
            .get(id)
            .ok_or_else(|| Error::UnknownCompartment(id.to_string()))?;
        compartment.epochs.get(epoch).cloned().ok_or_else(|| {
            match epoch < compartment.destroyed_before {
                true => Error::KeyDestroyed {
                    compartment: compartment.label.to_string(),
                    epoch,
                },
                false => Error::NoEpochKey {
                    compartment: compartment.label.to_string(),
                    epoch,
                },
            }
        })
    }

    /// Destroys the keys of a compartment's earlier epochs, for good: no other device's keyring
    /// brings them back. How many there were.
    pub fn destroy_before(&mut self, id: &CompartmentId, epoch: u32) -> usize {
        let Some(compartment) = self.compartments.get_mut(id) else {
            return 0;
        };
        compartment.destroyed_before = compartment.destroyed_before.max(epoch);
        let before = compartment.destroyed_before;
        compartment.epochs.destroy_before(before)
    }

    /// As [`Keyring::destroy_before`], of the patient's inbox.
    pub fn destroy_inbox_before(&mut self, epoch: u32) -> usize {
        self.inbox_destroyed_before = self.inbox_destroyed_before.max(epoch);
        self.inbox.destroy_before(self.inbox_destroyed_before)
    }

    /// The first epoch of the inbox whose key was not destroyed.
    pub fn inbox_destroyed_before(&self) -> u32 {
        self.inbox_destroyed_before
    }

    /// The public key of an epoch of the patient's inbox, made if need be.
    pub fn prepare_inbox(&mut self, epoch: u32) -> EncryptionKey {
        self.inbox.prepare(epoch)
    }

    pub fn inbox(&self) -> &Epochs {
        &self.inbox
    }

    /// What opens letters to the patient, newest first.
    pub fn inbox_keys(&self) -> Vec<DecryptionKey> {
        self.inbox.newest_first()
    }

    /// What seals persons under a grant to an organisation, on this scope and until this end.
    pub fn seal_secret(
        &self,
        organisation: OrgId,
        scope: &Scope,
        expires_at: Moment,
    ) -> Zeroizing<SealSecret> {
        seal_secret(&self.tag_key, organisation, scope, expires_at)
    }

    /// What a grant to read these compartments hands over: every epoch's key.
    pub fn envelope(&self, compartments: &[CompartmentId]) -> Result<Envelope> {
        let mut envelope = Envelope::new(self.patient);
        for id in compartments {
            let compartment = self
                .compartments
                .get(id)
                .ok_or_else(|| Error::UnknownCompartment(id.to_string()))?;
            let shared = Shared {
                label: compartment.label.clone(),
                epochs: compartment.epochs.clone(),
            };
            envelope.compartments.insert(*id, shared);
        }
        Ok(envelope)
    }

    /// What a grant to write hands over: which compartment is which, and no key. The present public
    /// keys stand on the chain, signed. What spare ones hold is left out.
    pub fn names(&self) -> Envelope {
        let mut envelope = Envelope::new(self.patient);
        for (id, compartment) in &self.compartments {
            let shared = Shared {
                label: compartment.label.bare(),
                epochs: Epochs::default(),
            };
            envelope.compartments.insert(*id, shared);
        }
        envelope
    }

    /// Takes over what another device has added: nobody's keys are lost when two devices change the
    /// keyring at once. Where both made a key for the same epoch, `published` tells which one the
    /// chain took. What either has destroyed stays so. Holders, and grants that are left out, are the
    /// other's: merge only what was saved since this was based on the vault's.
    pub fn merge(
        &mut self,
        other: Self,
        published: impl Fn(&CompartmentId, u32) -> Option<EncryptionKey>,
    ) {
        for (id, theirs) in other.compartments {
            let ours = self.compartments.entry(id).or_insert_with(|| Compartment {
                label: theirs.label.clone(),
                epochs: Epochs::default(),
                destroyed_before: 0,
            });
            ours.label.join(&theirs.label);
            ours.destroyed_before = ours.destroyed_before.max(theirs.destroyed_before);
            for (epoch, key) in theirs.epochs.0 {
                let taken =
                    published(&id, epoch).is_some_and(|published| published == key.public());
                if taken || ours.epochs.get(epoch).is_none() {
                    ours.epochs.0.insert(epoch, key);
                }
            }
            ours.epochs.destroy_before(ours.destroyed_before);
        }
        for (epoch, key) in other.inbox.0 {
            self.inbox.0.entry(epoch).or_insert(key);
        }
        self.destroy_inbox_before(other.inbox_destroyed_before);
        self.revision = self.revision.max(other.revision);
        self.holders = other.holders;
        self.left_out = other.left_out;
        self.restriction.merge(other.restriction);
    }

    /// Whether it has all that the vault's keyring under this CID has.
    pub fn is_based_on(&self, content: &Cid) -> bool {
        self.based_on.as_deref() == Some(hex::encode(content.0).as_str())
    }

    /// Notes that it was joined with the vault's keyring under this CID, or saved as such.
    pub fn base_on(&mut self, content: &Cid) {
        self.based_on = Some(hex::encode(content.0));
    }

    /// Whether both hold the same, whatever their revisions are.
    pub fn holds_the_same(&self, other: &Self) -> Result<bool> {
        let bare = |keyring: &Self| {
            let mut keyring = keyring.clone();
            keyring.revision = 0;
            keyring.based_on = None;
            keyring.handing = None;
            keyring.to_json()
        };
        Ok(*bare(self)? == *bare(other)?)
    }

    /// The live grants that get no new keys, on whichever device they are made.
    pub fn left_out(&self) -> &BTreeSet<GrantIndex> {
        &self.left_out
    }

    pub fn leave_out(&mut self, grants: BTreeSet<GrantIndex>) {
        self.left_out = grants;
    }

    /// While the patient shares with nobody, the grants that were ended for it.
    pub fn restricted(&self) -> Option<&BTreeSet<GrantIndex>> {
        self.restriction.ended.as_ref()
    }

    /// Notes that nothing is shared for now, and these grants are ended for it, beside those that were
    /// before.
    pub fn restrict(&mut self, grants: impl IntoIterator<Item = GrantIndex>) {
        let mut ended = self.restriction.ended.clone().unwrap_or_default();
        ended.extend(grants);
        self.restriction.change(Some(ended));
    }

    /// A grant that was ended is not to be given anew any more: it was, or cannot be.
    pub fn forget_ended(&mut self, grant: GrantIndex) {
        let mut ended = self.restriction.ended.clone();
        if let Some(ended) = &mut ended {
            ended.remove(&grant);
        }
        self.restriction.change(ended);
        self.restriction.given.remove(&grant);
    }

    /// Lets share again.
    pub fn lift(&mut self) {
        self.restriction.change(None);
        self.restriction.given.clear();
    }

    /// Notes the envelope of the grant that is about to be given instead of one that was ended.
    pub fn note_given(&mut self, ended: GrantIndex, envelope: &Cid) {
        let envelope = hex::encode(envelope.0);
        self.restriction.given.insert(ended, envelope);
    }

    /// What was about to be given when lifting broke off: the ended grants, with the envelopes, as
    /// [`Keyring::note_given`] has noted them.
    pub fn given(&self) -> impl Iterator<Item = (GrantIndex, Cid)> + '_ {
        let given = self.restriction.given.iter();
        given.filter_map(|(ended, envelope)| {
            let bytes: [u8; 36] = hex::decode(envelope).ok()?.try_into().ok()?;
            Some((*ended, Cid(bytes)))
        })
    }

    /// What a rotation still has to do, if it broke off on this device.
    pub fn handing(&self) -> Option<&Handing> {
        self.handing.as_ref()
    }

    /// Notes that these compartments get new keys, and readers are to have them.
    pub fn begin_handing(&mut self, since: Moment, epochs: &[(CompartmentId, u32)]) {
        let epochs = epochs.iter().map(|(id, epoch)| (id.to_string(), *epoch));
        self.handing = Some(Handing {
            since,
            epochs: epochs.collect(),
            inbox: None,
            envelopes: BTreeMap::new(),
        });
    }

    /// Notes the inbox's new epoch, in a rotation that has begun.
    pub fn note_inbox(&mut self, epoch: u32) {
        if let Some(handing) = &mut self.handing {
            handing.inbox = Some(epoch);
        }
    }

    /// Notes the envelope with the new keys that a grant is about to get.
    pub fn note_envelope(&mut self, grant: GrantIndex, envelope: &Cid) {
        if let Some(handing) = &mut self.handing {
            handing.envelopes.insert(grant, hex::encode(envelope.0));
        }
    }

    /// Everybody has the new keys who is to have them, and the vault.
    pub fn end_handing(&mut self) {
        self.handing = None;
    }

    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }

    /// Lets one more key open the keyring from now on.
    pub fn add_holder(&mut self, name: &str, key: &EncryptionKey) -> Result<()> {
        let key = key.to_string();
        if self
            .holders
            .iter()
            .any(|holder| holder.name == name || holder.key == key)
        {
            return Err(Error::Keyring(format!(
                "the keyring has a holder {name:?} or this key already: choose another name, or remove it first"
            )));
        }
        self.holders.push(Holder::new(name, key));
        Ok(())
    }

    /// Notes who keeps shares of a holder's key, and how many of them it takes.
    pub fn note_helpers(&mut self, name: &str, helpers: Vec<String>, threshold: u8) {
        let holder = self.holders.iter_mut().find(|holder| holder.name == name);
        if let Some(holder) = holder {
            holder.helpers = helpers;
            holder.threshold = Some(threshold);
        }
    }

    /// Shuts one key out of later versions. It keeps what it has seen: rotate compartments and inbox too.
    pub fn remove_holder(&mut self, name: &str) -> Result<()> {
        let before = self.holders.len();
        if before == 1 && self.holders[0].name == name {
            return Err(Error::Keyring(
                "the last holder cannot be removed: nobody could open the keyring; add another first".into(),
            ));
        }
        self.holders.retain(|holder| holder.name != name);
        // It may know the keys of a rotation that broke off: the next one makes others.
        if let Some(handing) = &mut self.handing {
            handing.since = 0;
        }
        match self.holders.len() < before {
            true => Ok(()),
            false => Err(Error::Keyring(format!(
                "the keyring has no holder {name:?}: `salus keyring show` lists them"
            ))),
        }
    }

    /// Shuts out everybody but one key: for who takes a patient over.
    pub fn hold_alone(&mut self, name: &str, key: &EncryptionKey) {
        self.holders = vec![Holder::new(name, key.to_string())];
    }

    /// Returns the holders' keys in random order, among as many that nobody has as make a multiple of
    /// [`STANZAS`].
    fn recipients(&self) -> Result<Vec<EncryptionKey>> {
        let keys = self
            .holders
            .iter()
            .map(|holder| holder.key.parse())
            .collect::<Result<Vec<EncryptionKey>>>()?;
        if keys.is_empty() {
            return Err(Error::Keyring(
                "the keyring has no holder: nobody could open it; add this device first".into(),
            ));
        }
        Ok(among(&keys, STANZAS))
    }

    /// The next revision, sealed to all holders: the content of `keyring.age`.
    pub fn seal(&mut self) -> Result<Vec<u8>> {
        self.revision += 1;
        self.sealed()
    }

    /// As [`Keyring::seal`], of the same revision.
    pub fn sealed(&self) -> Result<Vec<u8>> {
        seal_sized(&self.recipients()?, &self.to_json()?, Sizes::Keyring)
    }

    /// The keyring as an object for the vault.
    pub fn to_object(&self, place: &Place) -> Result<BuiltObject> {
        let mut shared = self.clone();
        shared.end_handing();
        build_body(
            place,
            ObjectKind::Keyring,
            &shared.recipients()?,
            &shared.to_json()?,
        )
    }

    pub fn open(keys: &[DecryptionKey], sealed: &[u8]) -> Result<Self> {
        Self::from_json(&unseal_bytes(keys, sealed, MAX_KEYRING, "keyring")?)
    }

    fn to_json(&self) -> Result<Zeroizing<Vec<u8>>> {
        let compartments = self
            .compartments
            .iter()
            .map(|(id, compartment)| {
                Ok(StoredCompartment {
                    id: id.to_string(),
                    label: compartment.label.clone(),
                    epochs: compartment.epochs.to_stored()?,
                    destroyed_before: compartment.destroyed_before,
                })
            })
            .collect::<Result<_>>()?;
        sealed_json(
            "keyring",
            &StoredKeyring {
                version: VERSION,
                patient: self.patient.to_string(),
                revision: self.revision,
                tag_key: Secret::new(hex::encode(*self.tag_key)),
                inbox: self.inbox.to_stored()?,
                inbox_destroyed_before: self.inbox_destroyed_before,
                compartments,
                holders: self.holders.clone(),
                left_out: self.left_out.clone(),
                restriction: self.restriction.clone(),
                handing: self.handing.clone(),
                based_on: self.based_on.clone(),
            },
        )
    }

    fn from_json(json: &[u8]) -> Result<Self> {
        let bad = |reason: &str| Error::invalid("keyring", reason);
        check_version("keyring", json, VERSION)?;
        let stored: StoredKeyring =
            serde_json::from_slice(json).map_err(|error| bad(&without_quotes(&error)))?;
        let mut tag_key = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(stored.tag_key.expose(), tag_key.as_mut())
            .map_err(|_| bad("its tag key is not 64 hexadecimal digits"))?;
        let mut compartments = BTreeMap::new();
        for stored in stored.compartments {
            let id = stored
                .id
                .parse()
                .map_err(|_| bad("a compartment's id is no id"))?;
            let compartment = Compartment {
                label: stored.label,
                epochs: Epochs::from_stored(stored.epochs)?,
                destroyed_before: stored.destroyed_before,
            };
            compartments.insert(id, compartment);
        }
        Ok(Self {
            patient: stored
                .patient
                .parse()
                .map_err(|_| bad("its patient is no id"))?,
            revision: stored.revision,
            tag_key,
            inbox: Epochs::from_stored(stored.inbox)?,
            inbox_destroyed_before: stored.inbox_destroyed_before,
            compartments,
            holders: stored.holders,
            left_out: stored.left_out,
            restriction: stored.restriction,
            handing: stored.handing,
            based_on: stored.based_on,
        })
    }
}

/// Where parsing failed, without the text, which may be a secret.
fn without_quotes(error: &serde_json::Error) -> String {
    format!(
        "its JSON breaks at line {} column {}",
        error.line(),
        error.column()
    )
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("patient", &self.patient)
            .field("revision", &self.revision)
            .field("compartments", &self.compartments.len())
            .field("holders", &self.holders)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKeyring {
    version: u32,
    patient: String,
    revision: u64,
    tag_key: Secret,
    inbox: StoredEpochs,
    #[serde(default, skip_serializing_if = "is_zero")]
    inbox_destroyed_before: u32,
    compartments: Vec<StoredCompartment>,
    holders: Vec<Holder>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    left_out: BTreeSet<GrantIndex>,
    #[serde(default, skip_serializing_if = "Restriction::is_default")]
    restriction: Restriction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handing: Option<Handing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    based_on: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCompartment {
    id: String,
    label: Label,
    epochs: StoredEpochs,
    #[serde(default, skip_serializing_if = "is_zero")]
    destroyed_before: u32,
}

/// Most keyrings have destroyed nothing.
fn is_zero(epoch: &u32) -> bool {
    *epoch == 0
}

/// What a member's own keys open: envelopes to the account, and to the organisation it speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Own {
    Account,
    Organisation(OrgId),
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Own::Account => f.write_str("account"),
            Own::Organisation(organisation) => write!(f, "organisation/{organisation}"),
        }
    }
}

/// A member's own secret keys, sealed to the device.
#[derive(Clone, Debug, Default)]
pub struct Identities(BTreeMap<String, Epochs>);

impl Identities {
    /// The public key of an epoch, made if need be. Save before publishing it.
    pub fn prepare(&mut self, own: Own, epoch: u32) -> EncryptionKey {
        self.0.entry(own.to_string()).or_default().prepare(epoch)
    }

    /// Newest first.
    pub fn keys(&self, own: Own) -> Vec<DecryptionKey> {
        self.0
            .get(&own.to_string())
            .map(Epochs::newest_first)
            .unwrap_or_default()
    }

    /// The keys of one of them alone, to be handed to another device of the same organisation.
    pub fn only(&self, own: Own) -> Self {
        let own = own.to_string();
        Self(
            self.0
                .get_key_value(&own)
                .map(|(own, keys)| (own.clone(), keys.clone()))
                .into_iter()
                .collect(),
        )
    }

    /// Takes over the keys that are not there yet.
    pub fn merge(&mut self, other: Self) {
        for (own, keys) in other.0 {
            let known = self.0.entry(own).or_default();
            for (epoch, key) in keys.0 {
                known.0.entry(epoch).or_insert(key);
            }
        }
    }

    pub fn seal(&self, device: &EncryptionKey) -> Result<Vec<u8>> {
        let keys = self
            .0
            .iter()
            .map(|(own, epochs)| Ok((own.clone(), epochs.to_stored()?)))
            .collect::<Result<_>>()?;
        let json = sealed_json(
            "identities",
            &StoredIdentities {
                version: VERSION,
                keys,
            },
        )?;
        seal_bytes(std::slice::from_ref(device), &json)
    }

    pub fn open(device: &DecryptionKey, sealed: &[u8]) -> Result<Self> {
        let json = unseal_bytes(
            std::slice::from_ref(device),
            sealed,
            MAX_KEYRING,
            "identities",
        )?;
        check_version("identities", &json, VERSION)?;
        let stored: StoredIdentities = serde_json::from_slice(&json)
            .map_err(|error| Error::invalid("identities", without_quotes(&error)))?;
        stored
            .keys
            .into_iter()
            .map(|(own, epochs)| Ok((own, Epochs::from_stored(epochs)?)))
            .collect::<Result<_>>()
            .map(Self)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredIdentities {
    version: u32,
    keys: BTreeMap<String, StoredEpochs>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> (Keyring, DecryptionKey, CompartmentId) {
        let device = DecryptionKey::generate();
        let mut keyring = Keyring::new(PatientId([1; 16]));
        keyring.add_holder("phone", &device.public()).unwrap();
        keyring.prepare_inbox(0);
        let lab = keyring.find(&Label::of(Category::LabResult)).unwrap();
        (keyring, device, lab)
    }

    #[test]
    fn every_holder_opens_it_and_nobody_else() {
        let (mut keyring, device, lab) = filled();
        let kit = DecryptionKey::generate();
        keyring.add_holder("kit", &kit.public()).unwrap();
        let sealed = keyring.seal().unwrap();
        for key in [&device, &kit] {
            let back = Keyring::open(std::slice::from_ref(key), &sealed).unwrap();
            assert_eq!(back.revision(), 1);
            assert_eq!(
                back.key(&lab, 0).unwrap().public(),
                keyring.key(&lab, 0).unwrap().public()
            );
            assert_eq!(back.inbox_keys().len(), 1);
            assert_eq!(back.holders(), keyring.holders());
            assert_eq!(back.label(&lab), Some(&Label::of(Category::LabResult)));
            for label in Label::all() {
                assert_eq!(back.find(&label), keyring.find(&label));
            }
        }
        assert!(matches!(
            Keyring::open(&[DecryptionKey::generate()], &sealed),
            Err(Error::WrongKey("keyring"))
        ));
        keyring.remove_holder("phone").unwrap();
        assert!(Keyring::open(&[device], &keyring.seal().unwrap()).is_err());
        assert!(keyring.remove_holder("phone").is_err());
        assert!(keyring.remove_holder("kit").is_err(), "the last one stays");
        assert!(keyring
            .add_holder("kit", &DecryptionKey::generate().public())
            .is_err());
    }

    /// Counts the stanzas for keys up to the one that a key opens.
    struct Counting<'a>(&'a DecryptionKey, std::cell::Cell<usize>);

    impl age::Identity for Counting<'_> {
        fn unwrap_stanza(
            &self,
            stanza: &age_core::format::Stanza,
        ) -> Option<std::result::Result<age_core::format::FileKey, age::DecryptError>> {
            if stanza.tag == "X25519" {
                self.1.set(self.1.get() + 1);
            }
            self.0.unwrap_stanza(stanza)
        }
    }

    fn held_by(count: usize) -> (Keyring, Vec<DecryptionKey>) {
        let mut keyring = Keyring::new(PatientId([1; 16]));
        let keys: Vec<_> = (0..count).map(|_| DecryptionKey::generate()).collect();
        for (number, key) in keys.iter().enumerate() {
            let name = format!("device {number}");
            keyring.add_holder(&name, &key.public()).unwrap();
        }
        (keyring, keys)
    }

    #[test]
    fn a_keyring_does_not_show_how_many_can_open_it() {
        let seen = |count: usize| {
            let (mut keyring, keys) = held_by(count);
            let sealed = keyring.seal().unwrap();
            for key in keys {
                Keyring::open(&[key], &sealed).unwrap();
            }
            let text = String::from_utf8_lossy(&sealed);
            let stanzas = text.matches("\n-> X25519 ").count();
            // The header has a stanza of random length, by age itself: what comes after it is compared.
            let mac = sealed.windows(5).position(|at| at == b"\n--- ").unwrap();
            (stanzas, sealed.len() - mac)
        };
        let one = seen(1);
        assert_eq!(one.0, 8);
        assert_eq!(seen(7), one);
        assert_eq!(seen(8), one);
        assert_eq!(seen(9), (16, one.1));
        assert!(Keyring::new(PatientId([1; 16])).seal().is_err());
    }

    #[test]
    fn holders_stand_anywhere_among_the_stanzas() {
        let (mut keyring, keys) = held_by(1);
        let places: BTreeSet<usize> = (0..64)
            .map(|_| {
                let counting = Counting(&keys[0], Default::default());
                age::Decryptor::new(&keyring.seal().unwrap()[..])
                    .unwrap()
                    .decrypt(std::iter::once(&counting as &dyn age::Identity))
                    .unwrap();
                counting.1.get()
            })
            .collect();
        assert!(places.len() > 3, "{places:?}");
    }

    #[test]
    fn preparing_again_gives_the_same_key_so_that_a_failed_publication_can_be_repeated() {
        let (mut keyring, _, lab) = filled();
        let first = keyring.prepare_epoch(&lab, 1).unwrap();
        assert_eq!(keyring.prepare_epoch(&lab, 1).unwrap(), first);
        assert_eq!(
            keyring.prepare(&Label::of(Category::LabResult), 1),
            (lab, first.clone())
        );
        assert_ne!(keyring.prepare_epoch(&lab, 2).unwrap(), first);
        assert!(keyring.prepare_epoch(&CompartmentId([0; 16]), 1).is_err());
        assert!(matches!(
            keyring.key(&lab, 9),
            Err(Error::NoEpochKey { epoch: 9, .. })
        ));
    }

    #[test]
    fn two_devices_that_change_the_keyring_at_once_lose_nothing() {
        let (mut phone, _, lab) = filled();
        let mut laptop = phone.clone();
        let imaging = phone.prepare(&Label::of(Category::Imaging), 1);
        let pathology = laptop.prepare(&Label::of(Category::Pathology), 1);
        let (ours, theirs) = (
            phone.prepare_epoch(&lab, 1).unwrap(),
            laptop.prepare_epoch(&lab, 1).unwrap(),
        );
        laptop.prepare_inbox(1);
        laptop.remove_holder("phone").unwrap_err();
        laptop
            .add_holder("laptop", &DecryptionKey::generate().public())
            .unwrap();
        laptop.seal().unwrap();

        let public =
            |keyring: &Keyring, id: &CompartmentId, epoch| keyring.key(id, epoch).unwrap().public();
        for (taken, expected) in [
            (None, &ours),
            (Some(&theirs), &theirs),
            (Some(&ours), &ours),
        ] {
            let mut merged = phone.clone();
            merged.merge(laptop.clone(), |id, epoch| match (*id == lab, epoch) {
                (true, 1) => taken.cloned(),
                _ => None,
            });
            assert_eq!(public(&merged, &lab, 1), *expected);
            assert_eq!(public(&merged, &imaging.0, 1), imaging.1);
            assert_eq!(public(&merged, &pathology.0, 1), pathology.1);
            assert_eq!(merged.inbox_keys().len(), 2);
            assert_eq!(merged.holders().len(), 2);
            assert_eq!(merged.revision(), laptop.revision());
        }
        // Whoever has sealed it more often does not bring back a holder that was removed meanwhile.
        laptop.remove_holder("phone").unwrap();
        laptop.leave_out([3].into());
        for _ in 0..5 {
            phone.seal().unwrap();
        }
        phone.merge(laptop.clone(), |_, _| None);
        assert_eq!(phone.holders(), laptop.holders());
        assert_eq!(phone.left_out(), &BTreeSet::from([3]));
        assert!(phone.revision() > laptop.revision());
        assert_eq!(public(&phone, &imaging.0, 1), imaging.1);
    }

    #[test]
    fn two_keyrings_are_the_same_by_what_they_hold_and_not_by_their_revision() {
        let (mut keyring, device, lab) = filled();
        let (content, other) = (Cid([1; 36]), Cid([2; 36]));
        keyring.base_on(&content);
        let sealed = keyring.seal().unwrap();
        let mut back = Keyring::open(&[device], &sealed).unwrap();
        assert!(back.is_based_on(&content));
        assert!(!back.is_based_on(&other));
        back.base_on(&other);
        back.seal().unwrap();
        assert_ne!(back.revision(), keyring.revision());
        assert!(back.holds_the_same(&keyring).unwrap());
        let changes: [fn(&mut Keyring, &CompartmentId); 4] = [
            |keyring, id| {
                keyring.prepare_epoch(id, 1).unwrap();
            },
            |keyring, id| {
                keyring.destroy_before(id, 1);
            },
            |keyring, _| keyring.leave_out([0].into()),
            |keyring, _| keyring.hold_alone("other", &DecryptionKey::generate().public()),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = keyring.clone();
            change(&mut changed, &lab);
            assert_eq!(changed.revision(), keyring.revision());
            assert!(!changed.holds_the_same(&keyring).unwrap(), "{number}");
        }
    }

    #[test]
    fn of_two_devices_the_one_that_restricted_or_lifted_last_is_right() {
        let mut phone = Keyring::new(PatientId([1; 16]));
        let mut tablet = phone.clone();
        let none = |_: &CompartmentId, _| None;
        phone.restrict([3, 5]);
        tablet.merge(phone.clone(), none);
        assert_eq!(tablet.restricted(), Some(&BTreeSet::from([3, 5])));
        // What an older copy lacks does not lift it.
        phone.merge(Keyring::new(PatientId([1; 16])), none);
        assert_eq!(phone.restricted(), tablet.restricted());

        tablet.forget_ended(3);
        assert_eq!(tablet.restricted(), Some(&BTreeSet::from([5])));
        tablet.lift();
        phone.merge(tablet.clone(), none);
        assert_eq!(phone.restricted(), None, "lifted on the other device");
        tablet.merge(phone.clone(), none);
        assert_eq!(tablet.restricted(), None);

        // Both at once: neither's grants are forgotten.
        phone.restrict([1]);
        tablet.restrict([2]);
        phone.merge(tablet, none);
        assert_eq!(phone.restricted(), Some(&BTreeSet::from([1, 2])));
        // And it stands in the sealed document.
        let read = Keyring::from_json(&phone.to_json().unwrap()).unwrap();
        assert_eq!(read.restricted(), phone.restricted());
    }

    #[test]
    fn destroyed_keys_stay_destroyed_whoever_still_has_them() {
        let (mut phone, device, lab) = filled();
        phone.prepare_epoch(&lab, 1).unwrap();
        phone.prepare_inbox(1);
        let mut tablet = phone.clone();
        let kept = phone.key(&lab, 1).unwrap().public();
        assert_eq!(phone.destroy_before(&lab, 1), 1);
        assert_eq!(phone.destroy_inbox_before(1), 1);
        assert_eq!(phone.destroy_before(&lab, 1), 0);

        // Stored and read again, with an older keyring merged into it, and merged into an older one.
        let sealed = phone.seal().unwrap();
        let mut phone = Keyring::open(&[device], &sealed).unwrap();
        phone.merge(tablet.clone(), |_, _| None);
        tablet.merge(phone.clone(), |_, _| None);
        for keyring in [&mut phone, &mut tablet] {
            assert!(matches!(
                keyring.key(&lab, 0),
                Err(Error::KeyDestroyed { epoch: 0, .. })
            ));
            assert_eq!(keyring.key(&lab, 1).unwrap().public(), kept);
            assert_eq!(keyring.inbox().numbers(), [1]);
            // Nor is another key made in its place.
            keyring.prepare(&Label::of(Category::LabResult), 0);
            assert!(keyring.key(&lab, 0).is_err());
        }
    }

    #[test]
    fn what_seals_persons_is_found_again_for_each_grant_and_differs_between_them() {
        let keyring = Keyring::new(PatientId([1; 16]));
        let scope = |n| Scope::Records(vec![n].try_into().unwrap());
        let secret = keyring.seal_secret(4, &scope(1), 1_000);
        assert_eq!(keyring.clone().seal_secret(4, &scope(1), 1_000), secret);
        assert_ne!(keyring.seal_secret(5, &scope(1), 1_000), secret);
        assert_ne!(keyring.seal_secret(4, &scope(2), 1_000), secret);
        assert_ne!(keyring.seal_secret(4, &scope(1), 1_001), secret);
        let other = Keyring::new(PatientId([1; 16]));
        assert_ne!(other.seal_secret(4, &scope(1), 1_000), secret);
    }

    #[test]
    fn every_compartment_has_an_id_of_its_own() {
        let key = [7; 32];
        let labels: Vec<Label> = Label::all().collect();
        let ids: BTreeSet<_> = labels
            .iter()
            .map(|label| compartment_id(&key, label))
            .collect();
        assert_eq!(ids.len(), labels.len());
        assert_ne!(
            compartment_id(&[8; 32], &labels[1]),
            compartment_id(&key, &labels[1])
        );
    }

    #[test]
    fn secrets_do_not_show() {
        let (mut keyring, device, lab) = filled();
        let shown = format!(
            "{keyring:?} {:?} {:?}",
            keyring.compartments,
            keyring.envelope(&[lab])
        );
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(!shown.contains(&hex::encode(*keyring.tag_key)));
        let sealed = keyring.seal().unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("SECRET"));
        let mut json = String::from_utf8(keyring.to_json().unwrap().to_vec()).unwrap();
        json = json.replace("AGE-SECRET-KEY-1", "BGE-SECRET-KEY-1");
        let error = Keyring::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(!error.contains("SECRET"), "{error}");
        assert!(!format!("{device:?}").contains("SECRET"));
    }

    #[test]
    fn a_newer_or_broken_keyring_says_so() {
        let (keyring, ..) = filled();
        let json = String::from_utf8(keyring.to_json().unwrap().to_vec()).unwrap();
        let newer = json.replace("\"version\":1", "\"version\":9");
        assert!(matches!(
            Keyring::from_json(newer.as_bytes()),
            Err(Error::Version { version: 9, .. })
        ));
        assert!(Keyring::from_json(&json.as_bytes()[..json.len() - 1]).is_err());
        assert!(Keyring::from_json(b"").is_err());
    }

    #[test]
    fn the_vault_gets_it_as_a_bound_object() {
        let (keyring, ..) = filled();
        let place = Place::new(
            salus_primitives::Genesis::zero(),
            keyring.patient(),
            salus_primitives::AccountId::new([4; 32]),
        );
        let object = keyring.to_object(&place).unwrap();
        assert_eq!(object.kind(), ObjectKind::Keyring);
        assert!(object.car_len() < MAX_KEYRING);
    }

    #[test]
    fn everybody_has_as_many_compartments_as_the_chain_asks_for() {
        let keyring = Keyring::new(PatientId([1; 16]));
        let keys = keyring.first_keys().unwrap();
        assert_eq!(keys.len(), salus_primitives::COMPARTMENTS as usize);
        assert_eq!(Label::all().count(), keys.len());
        assert!(keys.is_sorted_by(|(one, _), (next, _)| one < next));
        let distinct: BTreeSet<String> = keys.iter().map(|(_, key)| key.to_string()).collect();
        assert_eq!(distinct.len(), keys.len());
    }

    fn flags(flags: &[Sensitivity]) -> BTreeSet<Sensitivity> {
        flags.iter().copied().collect()
    }

    #[test]
    fn a_record_goes_to_its_category_or_flag_and_combinations_to_spare_ones() {
        use Sensitivity::{Genetic, Hiv, MentalHealth, SubstanceUse, Violence};
        let lab = Category::LabResult;
        let mut keyring = Keyring::new(PatientId([1; 16]));
        let mut place = |found: &[Sensitivity]| keyring.place(lab, &flags(found)).unwrap();
        let pairs = [
            [Hiv, Genetic],
            [Hiv, SubstanceUse],
            [Hiv, MentalHealth],
            [Hiv, Violence],
            [Genetic, Violence],
        ];
        let spares: Vec<_> = pairs.iter().map(|pair| place(pair)).collect();
        assert_eq!(spares.iter().collect::<BTreeSet<_>>().len(), 5);
        // The same combination, in whatever order, goes where it went.
        assert_eq!(place(&[Genetic, Hiv]), spares[0]);
        // What comes after them goes to the last one.
        let rest = [
            place(&[MentalHealth, Violence]),
            place(&[Hiv, Genetic, Violence]),
        ];
        assert_eq!(rest[0], rest[1]);
        let found = [place(&[]), place(&[Hiv])];
        for (id, label) in [
            (found[0], Label::of(lab)),
            (found[1], Label::flag(Hiv)),
            (rest[0], Label::spare(LAST_SPARE)),
        ] {
            assert_eq!(keyring.find(&label), Some(id), "{label}");
        }
        let other = keyring.place(Category::Imaging, &flags(&[Hiv])).unwrap();
        assert_eq!(other, found[1], "of whatever category");
        assert_eq!(
            keyring.label(&spares[0]).unwrap().to_string(),
            "hiv + genetic"
        );
    }

    #[test]
    fn two_devices_that_give_one_spare_two_combinations_share_it_only_with_all_flags() {
        use Sensitivity::{Genetic, Hiv, MentalHealth, Violence};
        let (mut phone, _, _) = filled();
        let mut tablet = phone.clone();
        let ours = flags(&[Hiv, Genetic]);
        let theirs = flags(&[MentalHealth, Violence]);
        let lab = Category::LabResult;
        let id = phone.place(lab, &ours).unwrap();
        assert_eq!(tablet.place(lab, &theirs).unwrap(), id);
        phone.merge(tablet, |_, _| None);
        assert_eq!(phone.place(lab, &ours).unwrap(), id);
        assert_eq!(phone.place(lab, &theirs).unwrap(), id);
        let label = phone.label(&id).unwrap();
        assert!(!label.is_within(&[lab], &[Hiv, Genetic]));
        assert!(!label.is_within(&[lab], &[MentalHealth, Violence]));
        assert!(label.is_within(&[], &[Hiv, Genetic, MentalHealth, Violence]));
    }

    #[test]
    fn authors_are_not_told_which_combinations_there_are() {
        let (mut keyring, _, _) = filled();
        let pair = flags(&[Sensitivity::Hiv, Sensitivity::SubstanceUse]);
        let before = keyring.names().to_json().unwrap();
        keyring.place(Category::LabResult, &pair).unwrap();
        assert_eq!(*keyring.names().to_json().unwrap(), *before);
        assert_eq!(keyring.names().compartments.len(), 32);
        assert!(!String::from_utf8_lossy(&before).contains("SECRET"));
    }

    #[test]
    fn a_members_own_keys_come_back() {
        let device = DecryptionKey::generate();
        let mut own = Identities::default();
        let account = own.prepare(Own::Account, 0);
        let organisation = own.prepare(Own::Organisation(3), 1);
        assert_eq!(own.prepare(Own::Account, 0), account);
        let back = Identities::open(&device, &own.seal(&device.public()).unwrap()).unwrap();
        assert_eq!(back.keys(Own::Account)[0].public(), account);
        assert_eq!(back.keys(Own::Organisation(3))[0].public(), organisation);
        assert!(back.keys(Own::Organisation(4)).is_empty());
    }
}
