//! Adding, listing, fetching, verifying, filing and erasing records.

use std::{
    fs::{self, File},
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use salus_primitives::{
    rows::RecordState, Cid, CompartmentId, GrantIndex, PatientId, Record, RecordIndex,
};
use serde::Serialize;

use super::{Person, Progress};
use crate::{
    chain::{calls, Salus},
    error::{Error, Result},
    files::{
        age::DecryptionKey,
        manifest::{Description, Manifest},
        object::{build_record, digest, open_payload, rebuild_record},
    },
    keyring::Label,
    vault::{File as Part, Location, Object, Opened, Session},
};

#[derive(Debug, Serialize)]
pub struct Added {
    pub record: RecordIndex,
    /// The compartment's name, as far as this person knows it.
    pub compartment: String,
    pub content: String,
    pub commitment: String,
    pub block: u32,
}

/// A line of a chart.
#[derive(Clone, Debug, Serialize)]
pub struct ChartRow {
    pub record: RecordIndex,
    /// None if this person cannot open the manifest.
    pub title: Option<String>,
    pub category: Option<String>,
    pub date: Option<String>,
    pub media_type: Option<String>,
    pub length: Option<u64>,
    pub compartment: Option<String>,
    pub author: String,
    pub cid: String,
    pub anchored_at: u64,
    pub corrects: Option<RecordIndex>,
    pub corrected_by: Option<RecordIndex>,
    pub state: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Fetched {
    pub record: RecordIndex,
    pub title: String,
    pub file: PathBuf,
    pub bytes: u64,
    pub corrects: Option<RecordIndex>,
    pub corrected_by: Option<RecordIndex>,
}

impl ChartRow {
    pub(crate) fn new(index: RecordIndex, record: &Record, now: u64) -> Self {
        Self {
            record: index,
            title: None,
            category: None,
            date: None,
            media_type: None,
            length: None,
            compartment: None,
            author: record.author.to_string(),
            cid: text(&record.content),
            anchored_at: record.anchored_at,
            corrects: record.corrects,
            corrected_by: record.corrected_by,
            state: match record.state {
                _ if record.is_erased(now) => "erased",
                RecordState::ErasePending { .. } => "to be erased",
                _ => "current",
            },
        }
    }

    pub(crate) fn describe(&mut self, manifest: &Manifest) {
        self.title = Some(manifest.title.clone());
        self.category = Some(manifest.kind.category.to_string());
        self.date = Some(manifest.date.clone());
        self.media_type = Some(manifest.media_type.clone());
        self.length = Some(manifest.length);
    }
}

/// Where a new record goes, and by what right.
struct Destination {
    compartment: CompartmentId,
    name: String,
    grant: Option<GrantIndex>,
}

impl Person {
    /// Encrypts a file, uploads it and anchors it. Without a compartment of its own it goes to
    /// intake, where only the patient sees it.
    pub async fn add_record(
        &self,
        patient: PatientId,
        label: Option<&Label>,
        description: &Description,
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<Added> {
        let input = open(file)?;
        let length = input
            .metadata()
            .map_err(Error::file("read", file))?
            .len();
        let salus = self.salus().await?;
        if self.controls(&salus, patient).await? {
            self.rotate_due(patient).await?;
        }
        let salus = self.salus().await?;
        let to = self.destination(&salus, patient, label).await?;
        let (epoch, key) = self.compartment_key(&salus, patient, to.compartment).await?;

        let place = self.place(patient);
        let description = description.clone();
        progress.begin("encrypting", length);
        let built = tokio::task::spawn_blocking(move || {
            build_record(
                &place,
                &description,
                &key,
                BufReader::new(input),
                length,
                &std::env::temp_dir(),
            )
        })
        .await
        .map_err(|_| Error::Interrupted("encrypting"))??;
        progress.end();
        let content = self.upload(patient, &built.object, progress).await?;
        let new = built.new_record(to.compartment, epoch);
        let done = self
            .chain
            .submit(
                &self.account,
                &calls::records::anchor(patient, to.grant, &new),
            )
            .await?;
        Ok(Added {
            record: done.number("Records", "RecordAnchored", "record")?,
            compartment: to.name,
            content: text(&content),
            commitment: format!("0x{}", hex::encode(built.commitment)),
            block: done.block.number,
        })
    }

    pub(crate) async fn controls(&self, salus: &Salus, patient: PatientId) -> Result<bool> {
        Ok(salus.controller(patient, &self.id()).await?.is_some())
    }

    async fn destination(
        &self,
        salus: &Salus,
        patient: PatientId,
        label: Option<&Label>,
    ) -> Result<Destination> {
        let intake = || async {
            let rows = salus.compartments(patient).await?;
            rows.into_iter()
                .find(|(_, view)| view.is_intake)
                .map(|(id, _)| id)
                .ok_or_else(|| Error::NotEnrolled(patient.to_string()))
        };
        if self.controls(salus, patient).await? {
            let (compartment, name) = match label {
                Some(label) => (self.keyring(&patient)?.require(label)?, label.to_string()),
                None => (intake().await?, Label::Intake.to_string()),
            };
            return Ok(Destination {
                compartment,
                name,
                grant: None,
            });
        }
        let (grant, envelope) = self.write_grant(salus, patient, label).await?;
        let named = label.zip(envelope).and_then(|(label, envelope)| {
            envelope
                .find(label)
                .map(|compartment| (compartment, label.to_string()))
        });
        let (compartment, name) = match named {
            Some(named) => named,
            None => (intake().await?, Label::Intake.to_string()),
        };
        Ok(Destination {
            compartment,
            name,
            grant: Some(grant),
        })
    }

    /// A patient's chart, as the person who controls it sees it.
    pub async fn chart(&self, patient: PatientId) -> Result<Vec<ChartRow>> {
        let salus = self.salus().await?;
        let keyring = self.keyring(&patient)?;
        let vault = self.home_vault(patient).await?;
        let session = vault.sign_in(&self.account).await?;
        let now = salus.now().await?;
        let mut chart = Vec::new();
        for (index, record) in salus.all_records(patient).await? {
            let mut row = ChartRow::new(index, &record, now);
            row.compartment = keyring.label(&record.compartment).map(ToString::to_string);
            if !record.is_erased(now) {
                let key = keyring.key(&record.compartment, record.epoch)?;
                let (manifest, _) = self
                    .manifest(&session, patient, index, &record, &[key], None)
                    .await?;
                row.describe(&manifest);
            }
            chart.push(row);
        }
        Ok(chart)
    }

    /// A record's manifest, verified against what was anchored, and its object.
    pub(crate) async fn manifest<'a>(
        &self,
        session: &'a Session<'a>,
        patient: PatientId,
        index: RecordIndex,
        record: &Record,
        keys: &[DecryptionKey],
        opened: Option<Opened>,
    ) -> Result<(Manifest, Object<'a>)> {
        let location = Location::Record(patient, index);
        let object = session
            .object(location, &record.content, Some(&record.placed_by), opened)
            .await?;
        let manifest = Manifest::open(keys, &object.read(Part::Manifest).await?)?;
        manifest.verify(&self.chain.genesis(), &patient, &record.commitment)?;
        Ok((manifest, object))
    }

    /// Downloads, verifies and decrypts a payload into the folder `out`.
    pub(crate) async fn payload(
        &self,
        index: RecordIndex,
        record: &Record,
        (manifest, object): &(Manifest, Object<'_>),
        keys: &[DecryptionKey],
        out: &Path,
        progress: Progress<'_>,
    ) -> Result<Fetched> {
        fs::create_dir_all(out).map_err(Error::file("make", out))?;
        let sealed = self.download(object, out, progress).await?;
        let file = out.join(file_name(index, manifest));
        let partial = tempfile::NamedTempFile::new_in(out).map_err(Error::file("write in", out))?;
        let mut clear = BufWriter::new(partial);
        open_payload(keys, BufReader::new(sealed), manifest, &mut clear)?;
        clear.flush().map_err(Error::file("write in", out))?;
        // Only a whole and proven file gets its name.
        clear
            .into_inner()
            .map_err(|e| Error::io("write the record", e.into_error()))?
            .persist(&file)
            .map_err(|e| Error::io(format!("write {}", file.display()), e.error))?;
        Ok(Fetched {
            record: index,
            title: manifest.title.clone(),
            file,
            bytes: manifest.length,
            corrects: record.corrects,
            corrected_by: record.corrected_by,
        })
    }

    /// The payload's ciphertext, verified by its CID, in a file without a name.
    pub(crate) async fn download(
        &self,
        object: &Object<'_>,
        folder: &Path,
        progress: Progress<'_>,
    ) -> Result<File> {
        let spool = tempfile::tempfile_in(folder).map_err(Error::file("write in", folder))?;
        let copy = spool.try_clone().map_err(Error::file("write in", folder))?;
        let mut into = tokio::fs::File::from_std(copy);
        progress.begin("downloading", 0);
        object
            .save(Part::Payload, &mut into, |bytes| progress.advance(bytes))
            .await?;
        tokio::io::AsyncWriteExt::flush(&mut into)
            .await
            .map_err(Error::file("write in", folder))?;
        progress.end();
        let mut spool = spool;
        std::io::Seek::rewind(&mut spool).map_err(Error::file("read in", folder))?;
        Ok(spool)
    }

    /// Fetches and decrypts a record of a patient that this person controls.
    pub async fn get_record(
        &self,
        patient: PatientId,
        index: RecordIndex,
        out: &Path,
        progress: Progress<'_>,
    ) -> Result<Fetched> {
        let salus = self.salus().await?;
        let record = existing(&salus, patient, index).await?;
        let keys = [self.keyring(&patient)?.key(&record.compartment, record.epoch)?];
        let vault = self.home_vault(patient).await?;
        let session = vault.sign_in(&self.account).await?;
        let found = self
            .manifest(&session, patient, index, &record, &keys, None)
            .await?;
        self.payload(index, &record, &found, &keys, out, progress)
            .await
    }

    /// Whether a file is, byte for byte, the anchored record. Errors if it is not.
    pub async fn verify_record(
        &self,
        patient: PatientId,
        index: RecordIndex,
        file: &Path,
    ) -> Result<String> {
        let salus = self.salus().await?;
        let record = existing(&salus, patient, index).await?;
        let keys = [self.keyring(&patient)?.key(&record.compartment, record.epoch)?];
        let vault = self.home_vault(patient).await?;
        let session = vault.sign_in(&self.account).await?;
        let (manifest, _) = self
            .manifest(&session, patient, index, &record, &keys, None)
            .await?;
        manifest.verify_payload(&digest(BufReader::new(open(file)?))?)?;
        Ok(manifest.title)
    }

    /// Files a record in another compartment, encrypted anew to that one's key.
    pub async fn reclassify(
        &self,
        patient: PatientId,
        index: RecordIndex,
        label: &Label,
        progress: Progress<'_>,
    ) -> Result<()> {
        let compartment = self.keyring(&patient)?.require(label)?;
        let (content, epoch) = self
            .encrypt_anew(patient, index, compartment, progress)
            .await?;
        let call = calls::records::reclassify(patient, index, compartment, epoch, content);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    /// Encrypts a record anew to its compartment's present key: after a rotation, so that former
    /// grantees' keys do not open it any more.
    pub async fn relocate(
        &self,
        patient: PatientId,
        index: RecordIndex,
        progress: Progress<'_>,
    ) -> Result<()> {
        let salus = self.salus().await?;
        let compartment = existing(&salus, patient, index).await?.compartment;
        let (content, epoch) = self
            .encrypt_anew(patient, index, compartment, progress)
            .await?;
        let call = calls::records::relocate(patient, index, epoch, content);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    async fn encrypt_anew(
        &self,
        patient: PatientId,
        index: RecordIndex,
        compartment: CompartmentId,
        progress: Progress<'_>,
    ) -> Result<(Cid, u32)> {
        let salus = self.salus().await?;
        let record = existing(&salus, patient, index).await?;
        let old = [self.keyring(&patient)?.key(&record.compartment, record.epoch)?];
        let (epoch, key) = self.compartment_key(&salus, patient, compartment).await?;
        let vault = self.home_vault(patient).await?;
        let session = vault.sign_in(&self.account).await?;
        let (manifest, object) = self
            .manifest(&session, patient, index, &record, &old, None)
            .await?;
        let spool = std::env::temp_dir();
        let sealed = self.download(&object, &spool, progress).await?;
        let place = self.place(patient);
        let built = tokio::task::spawn_blocking(move || {
            let clear = crate::files::age::unseal(&old, BufReader::new(sealed), "payload")?;
            rebuild_record(&place, &manifest, &key, clear, &spool)
        })
        .await
        .map_err(|_| Error::Interrupted("encrypting"))??;
        Ok((self.upload(patient, &built.object, progress).await?, epoch))
    }

    /// Asks for a record to be erased. Until the moment that is returned it can be cancelled.
    pub async fn erase(&self, patient: PatientId, index: RecordIndex) -> Result<u64> {
        let call = calls::records::erase(patient, index);
        let done = self.chain.submit(&self.account, &call).await?;
        done.number("Records", "EraseRequested", "until")
    }

    pub async fn cancel_erase(&self, patient: PatientId, index: RecordIndex) -> Result<()> {
        let call = calls::records::cancel_erase(patient, index);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }
}

pub(crate) async fn existing(
    salus: &Salus,
    patient: PatientId,
    index: RecordIndex,
) -> Result<Record> {
    salus
        .record(patient, index)
        .await?
        .ok_or(Error::NoRecord(index))
}

pub(crate) fn open(file: &Path) -> Result<File> {
    File::open(file).map_err(Error::file("read", file))
}

/// A CID as people write it.
pub fn text(cid: &Cid) -> String {
    crate::files::unixfs::from_chain(cid)
        .map(|cid| cid.to_string())
        .unwrap_or_default()
}

/// A name that no title can turn into a path.
fn file_name(index: RecordIndex, manifest: &Manifest) -> String {
    let title: String = manifest
        .title
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    let extension = match manifest.media_type.as_str() {
        "application/fhir+json" | "application/json" => "json",
        "application/dicom" => "dcm",
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        _ => "bin",
    };
    format!("{index}-{title}.{extension}")
}
