//! Records: adding them, finding them, and proving that a file is one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use salus_primitives::{
    Cid, CompartmentId, ControllerRole, FormerContent, GrantIndex, Moment, NewRecord, OrgId,
    PatientId, Record, RecordIndex, RecordState, Scope,
};
use serde::Serialize;
use sp_core::H256;

use super::acting;
use super::identity::{back_up, current_keyring};
use super::opening::{self, envelope};
use super::queue::{self, NewWork, Queued, When};
use super::sharing::rotate_if_needed;
use super::{caused, cid, clock, kept, number, Client, Progress, Receipt};
use crate::chain::{calls, Salus};
use crate::error::{Error, Result};
use crate::fhir;
use crate::files::age::{unseal, DecryptionKey, EncryptionKey};
use crate::files::draft::Draft;
use crate::files::envelope::Envelope;
use crate::files::manifest::{rfc3339, Description, Manifest};
use crate::files::object::{digest, open_payload, resend_record, send_record, SentRecord};
use crate::keyring::{Keyring, Label};
use crate::taxonomy::{Category, Sensitivity};
use crate::vault::{File, Location, Object, Opened, Pieces, Session, VaultError};

/// Manifests that are fetched at the same time.
const PARALLEL: usize = 8;

/// A file that is to become a record.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub path: PathBuf,
    /// The file's name, if none.
    pub title: Option<String>,
    pub category: Category,
    /// Beside those that a FHIR document says of itself.
    pub sensitivity: Vec<Sensitivity>,
    /// RFC 3339; now, if none.
    pub date: Option<String>,
    /// Told by the file's ending, if none.
    pub media_type: Option<String>,
    /// LOINC; the category's own, if none.
    pub code: Option<String>,
}

impl NewFile {
    fn description(&self) -> Description {
        Description {
            title: self.title.clone().unwrap_or_else(|| file_name(&self.path)),
            category: self.category,
            code: self.code.clone(),
            date: self.date.clone().unwrap_or_else(|| rfc3339(clock())),
            media_type: self.media_type().into(),
            sensitivity: self.sensitivity.clone(),
        }
    }

    fn media_type(&self) -> &str {
        let said = self.media_type.as_deref();
        said.unwrap_or_else(|| media_type(&self.path))
    }

    /// With the flags that the document itself asks for: a laboratory's system may know that this
    /// result needs more care when the person at the keyboard does not.
    fn labelled(mut self) -> Result<Self> {
        if self.media_type() == FHIR {
            let content = fs::File::open(&self.path).map_err(Error::file("open", &self.path))?;
            self.sensitivity
                .extend(fhir::sensitivity(io::BufReader::new(content)));
            self.sensitivity.sort_unstable();
            self.sensitivity.dedup();
        }
        Ok(self)
    }

    fn flags(&self) -> BTreeSet<Sensitivity> {
        self.sensitivity.iter().copied().collect()
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_else(|| "record".into())
}

const FHIR: &str = "application/fhir+json";

/// Endings of file names and what they mean. The first of each type is the one that is written.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("json", FHIR),
    ("xml", "application/xml"),
    ("dcm", "application/dicom"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("zip", "application/zip"),
    ("bin", "application/octet-stream"),
];

fn media_type(path: &Path) -> &'static str {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    MEDIA_TYPES
        .iter()
        .find(|(known, _)| *known == ending)
        .map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// What of a title may stand in a file's name, and no more than fits into one.
fn clean(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars() {
        let c = match c {
            c if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') => c,
            _ => '_',
        };
        if name.len() + c.len_utf8() > 80 {
            break;
        }
        name.push(c);
    }
    name
}

/// The ending of files of this type.
fn ending(manifest: &Manifest) -> &'static str {
    MEDIA_TYPES
        .iter()
        .find(|(_, media_type)| *media_type == manifest.media_type)
        .map_or("bin", |(ending, _)| ending)
}

/// A name for a record's file that no title can turn into a path.
fn output_name(record: RecordIndex, manifest: &Manifest) -> String {
    let name = format!("{record}-{}", clean(&manifest.title));
    match Path::new(&name).extension() {
        Some(_) => name,
        None => format!("{name}.{}", ending(manifest)),
    }
}

/// As [`output_name`], with the ending of the record's type whatever its title says: nothing in a
/// folder of records may be run because somebody has named it so.
pub(super) fn plain_name(record: RecordIndex, manifest: &Manifest) -> String {
    let title = clean(&manifest.title);
    let stem = match title.rsplit_once('.') {
        Some((stem, said))
            if MEDIA_TYPES
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(said)) =>
        {
            stem
        }
        _ => &title,
    };
    format!("{record}-{stem}.{}", ending(manifest))
}

/// Where a new record goes, and by what right.
struct Target {
    compartment: CompartmentId,
    epoch: u32,
    key: EncryptionKey,
    grant: Option<GrantIndex>,
    label: Option<Label>,
    intake: bool,
}

/// Which compartment is meant: the one for records of this kind, or the one of an existing record.
#[derive(Clone, Debug)]
pub(super) enum Aim {
    Kind(Category, BTreeSet<Sensitivity>),
    Compartment(CompartmentId),
}

#[derive(Clone, Debug, Serialize)]
pub struct Added {
    pub patient: String,
    /// The first one.
    pub record: RecordIndex,
    pub records: Vec<AddedRecord>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

#[derive(Clone, Debug, Serialize)]
pub struct AddedRecord {
    pub record: RecordIndex,
    pub compartment: String,
    pub label: Option<String>,
    /// Whether the patient has no compartment for its kind, and files it.
    pub intake: bool,
    pub cid: String,
    pub file: String,
}

/// What became of files.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Adding {
    Done(Added),
    Waits(Queued),
}

/// As [`add`]; or uploads the files now and anchors them later, with others.
pub async fn add_when(
    client: &Client,
    patient: PatientId,
    files: &[NewFile],
    when: When,
) -> Result<Adding> {
    if !when.waits(client, Some(patient)).await? {
        return Ok(Adding::Done(add(client, patient, files).await?));
    }
    let (items, _) = uploaded(client, patient, labelled(files).await?).await?;
    let work = items
        .iter()
        .map(|(_, grant, new)| NewWork::anchor(*grant, new))
        .collect();
    Ok(Adding::Waits(queue::put(
        client, patient, "a record", work,
    )?))
}

/// Encrypts files, uploads them and anchors them, all or none: a controller into the patient's own
/// compartments, a member under a grant to write.
pub async fn add(client: &Client, patient: PatientId, files: &[NewFile]) -> Result<Added> {
    add_to(client, patient, labelled(files).await?).await
}

pub(super) async fn labelled(files: &[NewFile]) -> Result<Vec<(NewFile, Aim)>> {
    let files = files.to_vec();
    blocking(move || {
        files
            .into_iter()
            .map(|file| {
                let file = file.labelled()?;
                let aim = Aim::Kind(file.category, file.flags());
                Ok((file, aim))
            })
            .collect()
    })
    .await
}

pub(super) async fn add_to(
    client: &Client,
    patient: PatientId,
    files: Vec<(NewFile, Aim)>,
) -> Result<Added> {
    let (items, mut records) = uploaded(client, patient, files).await?;
    let call = match items.as_slice() {
        [(patient, grant, new)] => calls::records::anchor(*patient, *grant, new),
        several => calls::records::anchor_many(several)?,
    };
    let submitted = client.submit(&call).await?;
    let anchored = submitted
        .events
        .iter()
        .filter(|event| event.is("Records", "RecordAnchored"));
    for (record, event) in records.iter_mut().zip(anchored) {
        record.record = number(event, "record")?;
    }
    let first = caused(&submitted, "Records", "RecordAnchored")?;
    Ok(Added {
        patient: patient.to_string(),
        record: number(first, "record")?,
        records,
        receipt: (&submitted).into(),
    })
}

pub(super) type Item = (PatientId, Option<GrantIndex>, NewRecord);

/// Encrypts files and uploads them, to be anchored.
pub(super) async fn uploaded(
    client: &Client,
    patient: PatientId,
    files: Vec<(NewFile, Aim)>,
) -> Result<(Vec<Item>, Vec<AddedRecord>)> {
    if files.is_empty() {
        return Err(Error::Unfit("there is no file to add".into()));
    }
    let aims: Vec<Aim> = files.iter().map(|(_, aim)| aim.clone()).collect();
    let targets = targets(client, patient, &aims).await?;
    let session = client.session(patient).await?;
    let seals = seals(client, &session, patient, &targets).await?;
    let mut items = Vec::new();
    let mut records = Vec::new();
    for ((file, _), target) in files.iter().zip(&targets) {
        let sent = send(client, &session, patient, file, &target.key).await?;
        let mut new = sent.new_record(target.compartment, target.epoch);
        new.person = target.grant.and_then(|grant| seals.get(&grant).copied());
        records.push(AddedRecord {
            record: 0,
            compartment: target.compartment.to_string(),
            label: target.label.as_ref().map(Label::to_string),
            intake: target.intake,
            cid: cid(&new.content),
            file: file.path.display().to_string(),
        });
        items.push((patient, target.grant, new));
    }
    Ok((items, records))
}

/// The seals of the person for whom software writes, for each grant that it writes under. None where a
/// person signs.
async fn seals(
    client: &Client,
    session: &Session<'_>,
    patient: PatientId,
    targets: &[Target],
) -> Result<BTreeMap<GrantIndex, H256>> {
    let mut seals = BTreeMap::new();
    let grants: BTreeSet<GrantIndex> = targets.iter().filter_map(|target| target.grant).collect();
    if grants.is_empty() {
        return Ok(seals);
    }
    let salus = client.salus().await?;
    let Some(person) = acting::person(client, &salus).await? else {
        return Ok(seals);
    };
    for grant in grants {
        let view = salus.grant(patient, grant).await?;
        let view = view.ok_or_else(|| super::no_grant(patient, grant))?;
        let seal = acting::seal(client, &salus, session, patient, (grant, &view), &person).await?;
        seals.insert(grant, seal);
    }
    Ok(seals)
}

async fn targets(client: &Client, patient: PatientId, aims: &[Aim]) -> Result<Vec<Target>> {
    let salus = client.salus().await?;
    let role = salus.controller(patient, &client.me()).await?;
    let decides = role.is_some_and(|row| row.role != ControllerRole::Carer);
    match decides {
        true => own_targets(client, patient, aims).await,
        false => granted_targets(client, &salus, patient, aims).await,
    }
}

async fn own_targets(client: &Client, patient: PatientId, aims: &[Aim]) -> Result<Vec<Target>> {
    // Over before anything is uploaded, which takes long.
    let client = &client.in_turn().await?;
    let mut keyring = current_keyring(client, patient).await?;
    let before = keyring.clone();
    let ids = aims
        .iter()
        .map(|aim| match aim {
            Aim::Kind(category, flags) => keyring.place(*category, flags),
            Aim::Compartment(id) => Ok(*id),
        })
        .collect::<Result<Vec<CompartmentId>>>()?;
    keep_places(client, &before, &mut keyring).await?;
    rotate_if_needed(client, &mut keyring, &ids).await?;
    let salus = client.salus().await?;
    let mut targets = Vec::new();
    for id in ids {
        let epoch = salus
            .compartment(patient, id)
            .await?
            .ok_or_else(|| Error::UnknownCompartment(id.to_string()))?
            .compartment
            .epoch;
        targets.push(Target {
            compartment: id,
            epoch,
            // Its own knowledge: nobody can slip in another key.
            key: keyring.key(&id, epoch)?.public(),
            grant: None,
            label: keyring.label(&id).cloned(),
            intake: false,
        });
    }
    Ok(targets)
}

/// Saves a keyring in which a spare compartment was given something to hold.
async fn keep_places(client: &Client, before: &Keyring, keyring: &mut Keyring) -> Result<()> {
    if !keyring.holds_the_same(before)? {
        client.keep(keyring)?;
        back_up(client, keyring).await;
    }
    Ok(())
}

/// A grant to write, and the patient's compartments as its envelope names them.
struct WriteGrant {
    index: GrantIndex,
    names: Option<Envelope>,
    /// Why its envelope cannot be read.
    unread: Option<Error>,
}

/// A grant to write that tells where a record of this kind goes, and that compartment. Intake, if the
/// patient's software knows less kinds of records than this one.
fn place_under<'a>(
    grants: &'a [WriteGrant],
    category: Category,
    flags: &BTreeSet<Sensitivity>,
) -> Option<(&'a WriteGrant, CompartmentId)> {
    let flags: Vec<Sensitivity> = flags.iter().copied().collect();
    let wanted = [Label::filed(category, &flags), Label::Intake];
    wanted.iter().find_map(|label| {
        grants.iter().find_map(|grant| {
            let id = grant.names.as_ref()?.find(label)?;
            Some((grant, id))
        })
    })
}

async fn granted_targets(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    aims: &[Aim],
) -> Result<Vec<Target>> {
    let mut grants = write_grants(client, salus, patient).await?;
    let views = salus.compartments(patient).await?;
    let first = salus
        .first_keys(patient)
        .await?
        .ok_or_else(|| super::unknown_patient(patient))?;
    let mut targets = Vec::new();
    for aim in aims {
        let found = match aim {
            Aim::Kind(category, flags) => place_under(&grants, *category, flags),
            // Whoever may write may write there.
            Aim::Compartment(id) => grants.first().map(|grant| (grant, *id)),
        };
        let Some((grant, id)) = found else {
            let unread = grants.iter_mut().find_map(|grant| grant.unread.take());
            return Err(unread.unwrap_or_else(|| {
                Error::NotPermitted(format!(
                    "no grant tells {} which compartment of patient {patient} is which: ask the patient to run `salus share --write`",
                    client.me()
                ))
            }));
        };
        let (_, view) = views
            .iter()
            .find(|(known, _)| *known == id)
            .ok_or_else(|| Error::UnknownCompartment(id.to_string()))?;
        let label = grants
            .iter()
            .find_map(|grant| grant.names.as_ref()?.compartments.get(&id))
            .map(|shared| shared.label.clone());
        targets.push(Target {
            compartment: id,
            epoch: view.compartment.epoch,
            key: client
                .compartment_key(salus, patient, (&id, view), &first)
                .await?,
            grant: Some(grant.index),
            intake: label == Some(Label::Intake),
            label,
        });
    }
    Ok(targets)
}

/// The grants under which this account may write about the patient now; at least one.
async fn write_grants(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
) -> Result<Vec<WriteGrant>> {
    let mut grants = Vec::new();
    let mut found = salus.all_grants_between(patient, &client.me()).await?;
    found.retain(|(_, view)| view.active && view.grant.rights.write());
    if found.len() > 1 {
        // Of several to an organisation one is for who writes, and others may be for others there.
        let (mut met, mut fitting) = (None, Vec::new());
        for (index, view) in &found {
            if acting::fits(client, salus, &mut met, patient, (*index, view)).await {
                fitting.push(*index);
            }
        }
        found.retain(|(index, _)| fitting.is_empty() || fitting.contains(index));
    }
    for (index, view) in found {
        // One that lets read, too, has keys in its envelope: it is handed out only after an opening.
        let (names, unread) = match view.grant.rights.read() {
            true => (None, None),
            false => match names(client, salus, patient, index, &view.envelopes).await {
                Ok(names) => (Some(names), None),
                Err(error) => (None, Some(error)),
            },
        };
        grants.push(WriteGrant {
            index,
            names,
            unread,
        });
    }
    match grants.is_empty() {
        false => Ok(grants),
        true => Err(Error::NotPermitted(format!(
            "no grant lets {} write about patient {patient} now: ask the patient for one",
            client.me()
        ))),
    }
}

/// The envelope of a grant to write.
async fn names(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    grant: GrantIndex,
    envelopes: &[salus_primitives::Cid],
) -> Result<Envelope> {
    let session = client.session(patient).await?;
    let keys = client.own_keys(salus).await?;
    envelope(&session, patient, grant, envelopes, &keys, None).await
}

/// The label of a compartment, as far as this account knows it.
pub(super) async fn label_of(
    client: &Client,
    patient: PatientId,
    compartment: CompartmentId,
) -> Result<Option<Label>> {
    if let Some(keyring) = client.profile.keyring(&patient, &client.device)? {
        return Ok(keyring.label(&compartment).cloned());
    }
    let salus = client.salus().await?;
    Ok(write_grants(client, &salus, patient)
        .await?
        .into_iter()
        .filter_map(|grant| grant.names)
        .find_map(|mut names| names.compartments.remove(&compartment))
        .map(|shared| shared.label))
}

/// Encrypts a file and uploads it meanwhile.
async fn send(
    client: &Client,
    session: &Session<'_>,
    patient: PatientId,
    file: &NewFile,
    key: &EncryptionKey,
) -> Result<SentRecord> {
    let place = client.place(patient);
    let (description, path, key) = (file.description(), file.path.clone(), key.clone());
    let progress = client.progress.clone();
    let sent = session.send(move |sink| {
        let content = fs::File::open(&path).map_err(Error::file("open", &path))?;
        let metadata = content.metadata().map_err(Error::file("read", &path))?;
        if !metadata.is_file() {
            return Err(Error::Unfit(format!("{} is no file", path.display())));
        }
        progress.start("uploading", metadata.len());
        let counted = Counted(content, progress.clone());
        let put = |piece| sink.put(piece);
        let sent = send_record(&place, &description, &key, counted, metadata.len(), put)?;
        Ok((sent.content, sent))
    });
    let sent = sent.await;
    client.progress.finish();
    sent
}

/// Reads a file from its beginning, whoever else reads it.
struct Positioned(Arc<fs::File>, u64);

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read_at(buffer, self.1)?;
        self.1 += count as u64;
        Ok(count)
    }
}

struct Counted<R>(R, Arc<dyn Progress>);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.add(count as u64);
        Ok(count)
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::io("finish the work", io::Error::other(error))),
    }
}

/// What opens the two files of a record.
#[derive(Clone, Debug)]
pub(super) struct RecordKeys {
    pub manifest: Vec<DecryptionKey>,
    pub payload: Vec<DecryptionKey>,
}

impl RecordKeys {
    pub(super) fn same(keys: Vec<DecryptionKey>) -> Self {
        Self {
            manifest: keys.clone(),
            payload: keys,
        }
    }
}

pub(super) fn own_record_keys(keyring: &Keyring, record: &Record) -> Result<RecordKeys> {
    Ok(RecordKeys::same(vec![
        keyring.key(&record.compartment, record.epoch)?
    ]))
}

/// A record as the vault has it, with its manifest verified against the chain.
pub(super) struct Fetched<'a> {
    pub object: Object<'a>,
    pub manifest: Manifest,
}

pub(super) async fn fetch<'a>(
    client: &Client,
    session: &'a Session<'_>,
    patient: PatientId,
    index: RecordIndex,
    record: &Record,
    keys: &RecordKeys,
    opened: Option<Opened>,
) -> Result<Fetched<'a>> {
    let object = session
        .object(
            Location::Record(patient, index),
            &record.content,
            Some(&record.placed_by),
            opened,
        )
        .await?;
    let manifest = Manifest::open(&keys.manifest, &object.read(File::Manifest).await?)?;
    manifest.verify(&client.chain.genesis(), &patient, &record.commitment)?;
    Ok(Fetched { object, manifest })
}

impl Fetched<'_> {
    /// Hands the payload, as it lies in the vault, to `take` while it is downloaded and verified.
    async fn payload<T: Send + 'static>(
        &self,
        client: &Client,
        take: impl Fn(Pieces) -> Result<T> + Clone + Send + 'static,
    ) -> Result<T> {
        client.progress.start("downloading", self.manifest.length);
        let heard = |count| client.progress.add(count);
        let taken = self.object.stream(File::Payload, heard, take).await;
        client.progress.finish();
        taken
    }

    /// Downloads the payload as it lies in the vault, verified against its CID.
    pub(super) async fn sealed_payload(&self, client: &Client) -> Result<fs::File> {
        self.payload(client, |mut pieces| {
            let folder = std::env::temp_dir();
            let mut sealed = tempfile::tempfile_in(&folder)
                .map_err(Error::file("make a temporary file in", &folder))?;
            io::copy(&mut pieces, &mut sealed)
                .and_then(|_| sealed.rewind())
                .map_err(|error| Error::io("write a temporary file", error))?;
            Ok(sealed)
        })
        .await
    }

    /// The payload in clear. For what is small.
    pub(super) async fn read(&self, client: &Client, keys: &RecordKeys) -> Result<Vec<u8>> {
        let (keys, manifest) = (keys.payload.clone(), self.manifest.clone());
        self.payload(client, move |pieces| {
            let mut plain = Vec::new();
            open_payload(&keys, pieces, &manifest, &mut plain)?;
            Ok(plain)
        })
        .await
    }

    /// Writes the payload in clear into `out`, a folder or a file's name. Decrypts it while it comes;
    /// the file has no name until all of it is verified.
    pub(super) async fn save(
        &self,
        client: &Client,
        index: RecordIndex,
        keys: &RecordKeys,
        out: &Path,
    ) -> Result<PathBuf> {
        let path = match out.is_dir() {
            true => out.join(output_name(index, &self.manifest)),
            false => out.to_owned(),
        };
        let (keys, manifest) = (keys.payload.clone(), self.manifest.clone());
        self.payload(client, move |pieces| {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
            let mut plain = Draft::in_folder(folder)?;
            open_payload(&keys, pieces, &manifest, &mut plain)?;
            plain.publish(&path)?;
            Ok(path.clone())
        })
        .await
    }
}

pub(super) fn no_record(patient: PatientId, record: RecordIndex) -> Error {
    Error::Unfit(format!(
        "patient {patient} has no record {record}: `salus record list` shows them"
    ))
}

/// What a chart shows of a record. What the manifest tells is missing where it cannot be read.
#[derive(Clone, Debug, Serialize)]
pub struct RecordView {
    pub record: RecordIndex,
    pub title: Option<String>,
    pub category: Option<String>,
    pub sensitivity: Vec<String>,
    pub date: Option<String>,
    pub media_type: Option<String>,
    pub length: Option<u64>,
    /// The compartment's name.
    pub label: Option<String>,
    pub compartment: String,
    pub epoch: u32,
    pub author: String,
    pub organisation: Option<OrgId>,
    pub anchored_at: Moment,
    pub corrects: Option<RecordIndex>,
    pub corrected_by: Option<RecordIndex>,
    pub state: &'static str,
    pub cid: String,
    /// Why the manifest cannot be read.
    pub unreadable: Option<String>,
    /// Where the payload was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl RecordView {
    pub(super) fn new(index: RecordIndex, record: &Record, label: Option<&Label>) -> Self {
        Self {
            record: index,
            title: None,
            category: None,
            sensitivity: Vec::new(),
            date: None,
            media_type: None,
            length: None,
            label: label.map(Label::to_string),
            compartment: record.compartment.to_string(),
            epoch: record.epoch,
            author: record.author.to_string(),
            organisation: record.organisation,
            anchored_at: record.anchored_at,
            corrects: record.corrects,
            corrected_by: record.corrected_by,
            state: state_word(&record.state),
            cid: cid(&record.content),
            unreadable: None,
            file: None,
        }
    }

    pub(super) fn describe(&mut self, manifest: &Manifest) {
        self.title = Some(manifest.title.clone());
        self.category = Some(manifest.kind.category.to_string());
        self.sensitivity = manifest
            .sensitivity
            .iter()
            .map(Sensitivity::to_string)
            .collect();
        self.date = Some(manifest.date.clone());
        self.media_type = Some(manifest.media_type.clone());
        self.length = Some(manifest.length);
    }
}

/// A patient's chart, for who acts for the patient; `quick` leaves the manifests in the vault. Readers
/// open what is shared with them.
pub async fn list(client: &Client, patient: PatientId, quick: bool) -> Result<Vec<RecordView>> {
    let salus = client.salus().await?;
    client.ensure_controls(&salus, patient).await?;
    let now = salus.now().await?;
    let rows = salus.all_records(patient).await?;
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let label = |record: &Record| {
        keyring
            .as_ref()
            .and_then(|keyring| keyring.label(&record.compartment))
    };
    let Some(keyring) = keyring.as_ref().filter(|_| !quick && !rows.is_empty()) else {
        return Ok(rows
            .iter()
            .map(|(index, record)| RecordView::new(*index, record, label(record)))
            .collect());
    };
    let session = client.session(patient).await?;
    let session = &session;
    let views: Vec<_> = rows
        .iter()
        .map(|(index, record)| async move {
            let mut view = RecordView::new(*index, record, keyring.label(&record.compartment));
            if record.is_erased(now) {
                return view;
            }
            let manifest = async {
                let keys = own_record_keys(keyring, record)?;
                fetch(client, session, patient, *index, record, &keys, None).await
            };
            match manifest.await {
                Ok(fetched) => view.describe(&fetched.manifest),
                Err(error) => view.unreadable = Some(error.to_string()),
            }
            view
        })
        .collect();
    Ok(futures::stream::iter(views)
        .buffered(PARALLEL)
        .collect()
        .await)
}

/// Writes a record of one's own patient, in clear, into `out`: a folder, or a file's name.
pub async fn get(
    client: &Client,
    patient: PatientId,
    index: RecordIndex,
    out: &Path,
) -> Result<RecordView> {
    let keyring = client.keyring(patient)?;
    let record = client
        .salus()
        .await?
        .record(patient, index)
        .await?
        .ok_or_else(|| no_record(patient, index))?;
    let keys = own_record_keys(&keyring, &record)?;
    let session = client.session(patient).await?;
    let fetched = fetch(client, &session, patient, index, &record, &keys, None).await?;
    let path = fetched.save(client, index, &keys, out).await?;
    super::reads::remember(client, patient, &session, index)?;
    let mut view = RecordView::new(index, &record, keyring.label(&record.compartment));
    view.describe(&fetched.manifest);
    view.file = Some(path.display().to_string());
    Ok(view)
}

#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    pub record: RecordIndex,
    pub verified: bool,
    pub title: String,
    pub sha256: String,
    pub commitment: String,
}

/// Whether a file is, byte for byte, the anchored record. Errors with [`Error::NotAnchored`] if not.
///
/// Readers under a grant open the record's manifest for it, which the trail notes.
pub async fn verify(
    client: &Client,
    patient: PatientId,
    index: RecordIndex,
    file: &Path,
    grant: Option<GrantIndex>,
) -> Result<Verified> {
    let path = file.to_owned();
    let found = blocking(move || {
        let content = fs::File::open(&path).map_err(Error::file("open", &path))?;
        digest(io::BufReader::new(content))
    })
    .await?;
    let record = client
        .salus()
        .await?
        .record(patient, index)
        .await?
        .ok_or_else(|| no_record(patient, index))?;
    let manifest = match client.profile.keyring(&patient, &client.device)? {
        Some(keyring) => {
            let keys = own_record_keys(&keyring, &record)?;
            let session = client.session(patient).await?;
            fetch(client, &session, patient, index, &record, &keys, None)
                .await?
                .manifest
        }
        None => opening::manifest(client, patient, index, grant).await?,
    };
    manifest.verify_payload(&found)?;
    Ok(Verified {
        record: index,
        verified: true,
        title: manifest.title.clone(),
        sha256: hex::encode(found.sha256),
        commitment: format!("{:?}", record.commitment),
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct Placed {
    pub patient: String,
    pub record: RecordIndex,
    pub label: Option<String>,
    pub compartment: String,
    pub epoch: u32,
    pub cid: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Files a record where records of this kind lie, encrypted to that compartment's key.
pub async fn reclassify(
    client: &Client,
    patient: PatientId,
    index: RecordIndex,
    category: Category,
    flags: &[Sensitivity],
) -> Result<Placed> {
    let turn = client.in_turn().await?;
    let mut keyring = current_keyring(&turn, patient).await?;
    let before = keyring.clone();
    let to = keyring.place(category, &flags.iter().copied().collect())?;
    keep_places(&turn, &before, &mut keyring).await?;
    drop(turn);
    place(client, patient, index, Some(to)).await
}

/// Encrypts a record anew, to the present key of the compartment it is in.
pub async fn relocate(client: &Client, patient: PatientId, index: RecordIndex) -> Result<Placed> {
    place(client, patient, index, None).await
}

async fn place(
    client: &Client,
    patient: PatientId,
    index: RecordIndex,
    to: Option<CompartmentId>,
) -> Result<Placed> {
    // Over before anything is uploaded, which takes long.
    let turn = client.in_turn().await?;
    let mut keyring = current_keyring(&turn, patient).await?;
    let record = client
        .salus()
        .await?
        .record(patient, index)
        .await?
        .ok_or_else(|| no_record(patient, index))?;
    let compartment = to.unwrap_or(record.compartment);
    rotate_if_needed(&turn, &mut keyring, &[compartment]).await?;
    drop(turn);
    let epoch = client
        .salus()
        .await?
        .compartment(patient, compartment)
        .await?
        .ok_or_else(|| Error::UnknownCompartment(compartment.to_string()))?
        .compartment
        .epoch;
    let keys = own_record_keys(&keyring, &record)?;
    let session = client.session(patient).await?;
    let fetched = fetch(client, &session, patient, index, &record, &keys, None).await?;
    let sealed = fetched.sealed_payload(client).await?;
    let (owner, manifest) = (client.place(patient), fetched.manifest.clone());
    let key = keyring.key(&compartment, epoch)?.public();
    let sealed = Arc::new(sealed);
    let sent = session.send(move |sink| {
        let again = Positioned(sealed.clone(), 0);
        let payload = unseal(&keys.payload, again, "payload")?;
        let sent = resend_record(&owner, &manifest, &key, payload, |piece| sink.put(piece))?;
        Ok((sent.content, sent))
    });
    let content = sent.await?.content;
    let call = match to {
        Some(compartment) => {
            calls::records::reclassify(patient, index, compartment, epoch, content)
        }
        None => calls::records::relocate(patient, index, epoch, content),
    };
    let submitted = client.submit(&call).await?;
    Ok(Placed {
        patient: patient.to_string(),
        record: index,
        label: keyring.label(&compartment).map(Label::to_string),
        compartment: compartment.to_string(),
        epoch,
        cid: cid(&content),
        receipt: (&submitted).into(),
    })
}

/// A file of a record that was replaced lately, and is kept.
#[derive(Clone, Debug, Serialize)]
pub struct FormerRow {
    pub cid: String,
    pub label: Option<String>,
    pub compartment: String,
    pub epoch: u32,
    pub placed_by: String,
    /// When it was replaced; none where a recovery has put off its end, which would tell.
    pub replaced_at: Option<Moment>,
    /// Vaults keep it until then; none while a recovery is under way.
    pub until: Option<Moment>,
}

/// Which files of a record can be named again, newest first.
pub async fn formers(
    client: &Client,
    patient: PatientId,
    index: RecordIndex,
) -> Result<Vec<FormerRow>> {
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let rows = formers_of(&salus, patient, index).await?;
    let row = |former: &FormerContent| {
        let (replaced_at, until) = kept(former.until, now);
        FormerRow {
            cid: cid(&former.content),
            label: keyring
                .as_ref()
                .and_then(|keyring| keyring.label(&former.compartment))
                .map(Label::to_string),
            compartment: former.compartment.to_string(),
            epoch: former.epoch,
            placed_by: former.placed_by.to_string(),
            replaced_at,
            until,
        }
    };
    Ok(rows.iter().map(row).collect())
}

/// Newest first.
async fn formers_of(
    salus: &Salus,
    patient: PatientId,
    index: RecordIndex,
) -> Result<Vec<FormerContent>> {
    if salus.record(patient, index).await?.is_none() {
        return Err(no_record(patient, index));
    }
    let mut rows = salus.former_contents(patient, index).await?;
    rows.reverse();
    Ok(rows)
}

/// A record whose former file is named again.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    pub patient: String,
    pub record: RecordIndex,
    pub cid: String,
    pub label: Option<String>,
    pub compartment: String,
    pub epoch: u32,
    /// Whether all of it was fetched, decrypted and found to be what was anchored.
    pub verified: bool,
    /// Why not, where no vault could be asked.
    pub unread: Option<String>,
    /// Newer files that were passed over because they cannot be read, each with the reason.
    pub passed_over: Vec<String>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Names a former file of a record again, and reads it back: the one that is named, or the newest that
/// is what was anchored. Vaults hand out what the chain names, so each is looked at once it is named;
/// what it replaces is kept as long, and can be restored, too.
pub async fn restore(
    client: &Client,
    patient: PatientId,
    index: RecordIndex,
    content: Option<Cid>,
) -> Result<Restored> {
    let keyring = client.keyring(patient)?;
    let formers = formers_of(&client.salus().await?, patient, index).await?;
    let wanted = chosen(formers, index, content)?;
    let session = client.session(patient).await?;
    let mut passed_over = Vec::new();
    for former in &wanted {
        // Nothing is named whose key is not at hand: nobody could read it.
        if let Err(error) = keyring.key(&former.compartment, former.epoch) {
            passed_over.push(format!("{}: {error}", cid(&former.content)));
            continue;
        }
        let call = calls::records::restore(patient, index, former.content);
        let submitted = client.submit(&call).await?;
        let read = read_back(client, &session, &keyring, index, submitted.block.hash).await;
        let unread = match read {
            Ok(()) => None,
            Err(error) if is_transport(&error) || content.is_some() => Some(error.to_string()),
            Err(error) => {
                passed_over.push(format!("{}: {error}", cid(&former.content)));
                continue;
            }
        };
        return Ok(Restored {
            patient: patient.to_string(),
            record: index,
            cid: cid(&former.content),
            label: keyring.label(&former.compartment).map(Label::to_string),
            compartment: former.compartment.to_string(),
            epoch: former.epoch,
            verified: unread.is_none(),
            unread,
            passed_over,
            receipt: (&submitted).into(),
        });
    }
    Err(Error::Unfit(format!(
        "no former file of record {index} can be read: fetch the newest keyring with `salus keyring fetch`, and name a file of `salus record restore {index} --list` with --content ({})",
        passed_over.join("; ")
    )))
}

/// What to try, in this order.
fn chosen(
    formers: Vec<FormerContent>,
    index: RecordIndex,
    content: Option<Cid>,
) -> Result<Vec<FormerContent>> {
    if formers.is_empty() {
        return Err(Error::Unfit(format!(
            "no former file of record {index} is kept: it was not moved within 72 hours"
        )));
    }
    let Some(content) = content else {
        return Ok(formers);
    };
    let named: Vec<_> = formers
        .into_iter()
        .filter(|former| former.content == content)
        .collect();
    match named.is_empty() {
        false => Ok(named),
        true => Err(Error::Unfit(format!(
            "{} is no file that is kept of record {index}: `salus record restore {index} --list` shows them",
            cid(&content)
        ))),
    }
}

/// Fetches and decrypts all of a record as the chain names it after this block.
async fn read_back(
    client: &Client,
    session: &Session<'_>,
    keyring: &Keyring,
    index: RecordIndex,
    at: H256,
) -> Result<()> {
    let patient = keyring.patient();
    let record = client.chain.salus_at(at).record(patient, index).await?;
    let record = record.ok_or_else(|| no_record(patient, index))?;
    let keys = own_record_keys(keyring, &record)?;
    let mut waits = opening::PATIENCE.iter();
    let fetched = loop {
        match fetch(client, session, patient, index, &record, &keys, None).await {
            // The vault's node may see the block a moment later.
            Err(Error::Vault(_)) if waits.len() > 0 => {
                if let Some(wait) = waits.next() {
                    tokio::time::sleep(*wait).await;
                }
            }
            other => break other?,
        }
    };
    let manifest = fetched.manifest.clone();
    fetched
        .payload(client, move |pieces| {
            open_payload(&keys.payload, pieces, &manifest, &mut io::sink())
        })
        .await
}

/// Whether no vault could be asked, so that nothing is known of the file.
pub(super) fn is_transport(error: &Error) -> bool {
    match error {
        Error::Chain(error) => error.is_transport(),
        Error::Vault(VaultError::Unreachable { .. }) => true,
        Error::Vault(VaultError::Refused { status, .. }) => *status >= 500 || *status == 429,
        _ => false,
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Erasing {
    pub patient: String,
    pub record: RecordIndex,
    pub state: &'static str,
    pub until: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Asks for a record's file to be deleted after 72 hours; until then it can be called off.
pub async fn erase(client: &Client, patient: PatientId, record: RecordIndex) -> Result<Erasing> {
    let submitted = client
        .submit(&calls::records::erase(patient, record))
        .await?;
    let event = caused(&submitted, "Records", "EraseRequested")?;
    Ok(Erasing {
        patient: patient.to_string(),
        record,
        state: "erase-pending",
        until: event.fields.get("until").and_then(|until| until.as_u64()),
        receipt: (&submitted).into(),
    })
}

pub async fn cancel_erase(
    client: &Client,
    patient: PatientId,
    record: RecordIndex,
) -> Result<Erasing> {
    let call = calls::records::cancel_erase(patient, record);
    let submitted = client.submit(&call).await?;
    Ok(Erasing {
        patient: patient.to_string(),
        record,
        state: "current",
        until: None,
        receipt: (&submitted).into(),
    })
}

/// After the 72 hours: lets vaults delete the file.
pub async fn finish_erase(
    client: &Client,
    patient: PatientId,
    record: RecordIndex,
) -> Result<Erasing> {
    let call = calls::records::finish_erase(patient, record);
    let submitted = client.submit(&call).await?;
    Ok(Erasing {
        patient: patient.to_string(),
        record,
        state: "erased",
        until: None,
        receipt: (&submitted).into(),
    })
}

/// Which vaults have confirmed that an erased record's file is gone.
#[derive(Clone, Debug, Serialize)]
pub struct Erasure {
    pub patient: String,
    pub record: RecordIndex,
    pub state: &'static str,
    pub confirmed: Vec<Confirmation>,
    /// Organisations in good standing that name a vault and have not confirmed.
    pub outstanding: Vec<OrgId>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Confirmation {
    pub organisation: OrgId,
    pub name: String,
    pub at: Moment,
}

pub async fn erasure(client: &Client, patient: PatientId, record: RecordIndex) -> Result<Erasure> {
    let salus = client.salus().await?;
    client.ensure_controls(&salus, patient).await?;
    let row = salus
        .record(patient, record)
        .await?
        .ok_or_else(|| no_record(patient, record))?;
    let organisations = salus.all_organisations().await?;
    let confirmed: Vec<Confirmation> = salus
        .all_erasure_confirmations(patient, record)
        .await?
        .into_iter()
        .map(|(organisation, at)| Confirmation {
            organisation,
            name: organisations
                .iter()
                .find(|(id, _)| *id == organisation)
                .map(|(_, row)| super::text(&row.name))
                .unwrap_or_default(),
            at,
        })
        .collect();
    let outstanding = match row.is_erased(salus.now().await?) {
        true => organisations
            .iter()
            .filter(|(_, row)| row.suspended_at.is_none() && !row.vault_url.is_empty())
            .map(|(organisation, _)| *organisation)
            .filter(|id| confirmed.iter().all(|row| row.organisation != *id))
            .collect(),
        false => Vec::new(),
    };
    Ok(Erasure {
        patient: patient.to_string(),
        record,
        state: state_word(&row.state),
        confirmed,
        outstanding,
    })
}

fn state_word(state: &RecordState) -> &'static str {
    match state {
        RecordState::Current => "current",
        RecordState::ErasePending { .. } => "erase-pending",
        RecordState::Erased => "erased",
    }
}

/// Whether a grant's scope and window reach a record.
pub(super) fn covers(grant: &salus_primitives::Grant, index: RecordIndex, record: &Record) -> bool {
    let named = match &grant.scope {
        Scope::Compartments(ids) => ids.contains(&record.compartment),
        Scope::Records(records) => records.contains(&index),
    };
    named
        && grant
            .anchored_from
            .is_none_or(|from| from <= record.anchored_at)
        && grant
            .anchored_until
            .is_none_or(|until| record.anchored_at < until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::age::Digested;

    fn manifest(title: &str, media_type: &str) -> Manifest {
        let description = Description {
            title: title.into(),
            category: Category::LabResult,
            code: None,
            date: "2026-05-01T09:30:00Z".into(),
            media_type: media_type.into(),
            sensitivity: vec![],
        };
        let payload = Digested {
            length: 1,
            sha256: [1; 32],
        };
        Manifest::new(&description, &payload, [7; 32]).unwrap()
    }

    #[test]
    fn the_newest_former_file_is_tried_first_and_a_named_one_alone() {
        let former = |byte: u8| FormerContent {
            content: Cid::raw([byte; 32]),
            compartment: CompartmentId([1; 16]),
            epoch: 0,
            placed_by: salus_primitives::AccountId::new([1; 32]),
            until: byte.into(),
        };
        let kept = || vec![former(3), former(2), former(1)];
        assert_eq!(chosen(kept(), 5, None).unwrap(), kept());
        let named = chosen(kept(), 5, Some(Cid::raw([2; 32]))).unwrap();
        assert_eq!(named, [former(2)]);
        let told = |result: Result<_>| result.map(|_: Vec<_>| ()).unwrap_err().to_string();
        let other = told(chosen(kept(), 5, Some(Cid::raw([9; 32]))));
        assert!(other.contains("salus record restore 5 --list"), "{other}");
        let none = told(chosen(Vec::new(), 5, None));
        assert!(none.contains("72 hours"), "{none}");
    }

    #[test]
    fn an_author_files_by_category_and_flag_and_what_has_several_flags_apart() {
        use Sensitivity::{Genetic, Hiv};
        let keyring = Keyring::new(PatientId([1; 16]));
        let grant = |index, names| WriteGrant {
            index,
            names,
            unread: None,
        };
        // The first one was given by somebody who lets read, too.
        let grants = [grant(3, None), grant(4, Some(keyring.names()))];
        let filed = |flags: &[Sensitivity]| {
            let flags = flags.iter().copied().collect();
            let (grant, id) = place_under(&grants, Category::LabResult, &flags).unwrap();
            (grant.index, keyring.label(&id).unwrap().clone())
        };
        assert_eq!(filed(&[]), (4, Label::of(Category::LabResult)));
        assert_eq!(filed(&[Hiv]), (4, Label::flag(Hiv)));
        let last = crate::keyring::LAST_SPARE;
        assert_eq!(filed(&[Hiv, Genetic]), (4, Label::spare(last)));
        // What the patient's software does not know waits in intake.
        let mut names = keyring.names();
        names
            .compartments
            .retain(|_, shared| shared.label != Label::flag(Hiv));
        let older = [grant(5, Some(names))];
        let (_, id) = place_under(&older, Category::LabResult, &[Hiv].into()).unwrap();
        assert_eq!(keyring.label(&id), Some(&Label::Intake));
        assert!(place_under(&grants[..1], Category::LabResult, &[].into()).is_none());
    }

    #[test]
    fn only_a_vault_that_cannot_be_asked_leaves_a_file_unread() {
        let refused = |status| {
            Error::Vault(VaultError::Refused {
                url: String::new(),
                status,
                code: String::new(),
                message: String::new(),
                retry_after: None,
            })
        };
        assert!(is_transport(&refused(503)));
        assert!(!is_transport(&refused(404)), "the file is not there");
        assert!(!is_transport(&Error::WrongKey("manifest")));
        assert!(!is_transport(&Error::NotAnchored("the payload")));
    }

    #[test]
    fn a_title_never_becomes_a_path() {
        for title in [
            "../../etc/passwd",
            "/etc/passwd",
            "..",
            "a\0b",
            "C:\\x",
            "",
            "x\n",
        ] {
            let name = output_name(3, &manifest(title, "text/plain"));
            assert!(name.starts_with("3-"), "{name}");
            assert!(!name.contains(['/', '\\', '\0', '\n']), "{name}");
            assert_eq!(Path::new(&name).components().count(), 1);
            let name = plain_name(3, &manifest(title, "text/plain"));
            assert!(name.starts_with("3-") && name.ends_with(".txt"), "{name}");
            assert_eq!(Path::new(&name).components().count(), 1);
        }
        // As long as it may be in a manifest, in letters of four bytes.
        let long = output_name(3, &manifest(&"\u{20000}".repeat(900), "text/plain"));
        assert!(long.len() < 100, "{}", long.len());
    }

    #[test]
    fn in_a_folder_of_records_the_type_gives_the_ending() {
        for (title, media_type, name) in [
            ("scan.dcm", "application/dicom", "0-scan.dcm"),
            ("a.jpeg", "image/jpeg", "0-a.jpg"),
            ("result.pdf.exe", "application/pdf", "0-result.pdf.exe.pdf"),
            ("page.html", "text/html", "0-page.html.bin"),
            ("lab.pdf", "text/plain", "0-lab.txt"),
            ("Blood count", "application/fhir+json", "0-Blood_count.json"),
        ] {
            assert_eq!(plain_name(0, &manifest(title, media_type)), name);
        }
    }

    #[test]
    fn files_keep_their_ending_or_get_the_one_of_their_type() {
        assert_eq!(
            output_name(0, &manifest("Blood.json", "text/plain")),
            "0-Blood.json"
        );
        assert_eq!(
            output_name(0, &manifest("Blood count", "application/dicom")),
            "0-Blood_count.dcm"
        );
        assert_eq!(output_name(0, &manifest("Blood", "x/y")), "0-Blood.bin");
        assert_eq!(media_type(Path::new("a/B.DCM")), "application/dicom");
        assert_eq!(media_type(Path::new("a")), "application/octet-stream");
    }
}
