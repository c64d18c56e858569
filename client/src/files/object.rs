//! Objects: what a vault stores under one CID, built and opened.
//!
//! Making one streams: one pass over the content encrypts, pads, hashes and splits it into the sections
//! of a CAR. They go into a spool file, from which they can be sent more than once; or, for records of
//! any length, straight to the vault.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;
use futures::stream::{self, Stream};
use rand::{rngs::OsRng, RngCore};
use salus_primitives::{Binding, CompartmentId, NewRecord, ObjectKind};
use sp_core::H256;

use super::age::{among, seal, unseal, DecryptionKey, Digested, EncryptionKey};
use super::ahead::beside;
use super::car::{header, section_start};
use super::manifest::{Description, Manifest};
use super::seal::SealKey;
use super::sizes::Sizes;
use super::unixfs::{
    check_block, cid_of, directory, directory_entries, to_chain, Entry, FileBuilder, CHUNK, RAW,
};
use super::{kind_name, size_limit, Place, BINDING, BODY, MANIFEST, PAYLOAD, SEAL};
use crate::error::{Error, Result};

const READ_AHEAD: usize = 256 * 1024;

/// The parts that an object of this kind has, in the order of its directory.
pub fn parts(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Record => &[BINDING, MANIFEST, PAYLOAD],
        ObjectKind::Envelope => &[BINDING, BODY, SEAL],
        ObjectKind::Letter | ObjectKind::Keyring => &[BINDING, BODY],
    }
}

/// Checks the root block of an object: its hash, and that it has exactly the parts of its kind.
pub fn check_directory(kind: ObjectKind, cid: &Cid, block: &[u8]) -> Result<Vec<Entry>> {
    check_block(cid, block)?;
    let entries = directory_entries(block)?;
    // Directories sort `binding` before `body.age`, `manifest.age`, `payload.age`, `seal.age`.
    match entries
        .iter()
        .map(|entry| entry.name.as_str())
        .eq(parts(kind).iter().copied())
    {
        true => Ok(entries),
        false => Err(Error::invalid(
            kind_name(kind),
            "its directory has other parts than its kind",
        )),
    }
}

/// An object ready for upload. Its spool file vanishes with it.
#[derive(Debug)]
pub struct BuiltObject {
    kind: ObjectKind,
    root: Cid,
    chain_cid: salus_primitives::Cid,
    /// CAR header, directory and binding.
    head: Arc<[u8]>,
    /// The sections of all other blocks.
    spool: Arc<File>,
    spool_len: u64,
    entries: Vec<Entry>,
}

impl BuiltObject {
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// As the chain names it.
    pub fn cid(&self) -> salus_primitives::Cid {
        self.chain_cid
    }

    /// As IPFS names it.
    pub fn root(&self) -> Cid {
        self.root
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of the CAR: the upload's `Content-Length`.
    pub fn car_len(&self) -> u64 {
        self.head.len() as u64 + self.spool_len
    }

    /// The CAR, from its beginning; may be asked for again to retry.
    pub fn car(&self) -> CarFile {
        CarFile {
            head: self.head.clone(),
            spool: self.spool.clone(),
            at: 0,
            end: self.car_len(),
        }
    }

    /// [`BuiltObject::car`] for HTTP clients; reads on tokio's blocking threads.
    pub fn car_stream(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold(self.car(), |mut car| async move {
            tokio::task::spawn_blocking(move || {
                let mut buffer = vec![0u8; READ_AHEAD];
                let count = car.read(&mut buffer)?;
                buffer.truncate(count);
                Ok((count > 0).then(|| (Bytes::from(buffer), car)))
            })
            .await
            .map_err(io::Error::other)?
        })
    }
}

/// Reads a built object's CAR. Readers of one object do not disturb each other.
#[derive(Debug)]
pub struct CarFile {
    head: Arc<[u8]>,
    spool: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for CarFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = self.head.len() as u64;
        let count = if self.at < head {
            let rest = &self.head[self.at as usize..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            count
        } else {
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            let most = left.min(buffer.len());
            let count = self.spool.read_at(&mut buffer[..most], self.at - head)?;
            if count == 0 && most > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            count
        };
        self.at += count as u64;
        Ok(count)
    }
}

/// Makes the sections of an object's files, and hands them to `out`.
struct Sections<'a> {
    out: Box<dyn FnMut(Bytes) -> io::Result<()> + Send + 'a>,
    length: u64,
    entries: Vec<Entry>,
}

impl<'a> Sections<'a> {
    fn new(out: impl FnMut(Bytes) -> io::Result<()> + Send + 'a) -> Self {
        Self {
            out: Box::new(out),
            length: 0,
            entries: Vec::new(),
        }
    }

    fn put(&mut self, cid: &Cid, block: Vec<u8>) -> io::Result<()> {
        let start = section_start(cid, block.len());
        self.length += (start.len() + block.len()) as u64;
        (self.out)(start.into())?;
        (self.out)(block.into())
    }

    /// Seals `content` into a part of this name.
    fn add(
        &mut self,
        name: &str,
        to: &[EncryptionKey],
        content: impl Read,
        length: u64,
        sizes: Sizes,
    ) -> Result<Digested> {
        let mut builder = FileBuilder::new(|cid, block| self.put(&cid, block));
        let digested = match length > CHUNK as u64 {
            // While a piece is addressed and handed on, the next one is encrypted.
            true => beside(
                |ahead| Ok(seal(to, content, length, sizes, ahead)?.0),
                |piece| builder.write_all(piece).map_err(not_written),
            )?,
            false => seal(to, content, length, sizes, &mut builder)?.0,
        };
        let root = builder.finish().map_err(not_written)?;
        self.entries.push(Entry {
            name: name.to_owned(),
            cid: root.cid,
            tree_size: root.tree_size,
        });
        Ok(digested)
    }

    /// The two parts of a record.
    fn add_record(
        &mut self,
        to: &EncryptionKey,
        payload: impl Read,
        length: u64,
        describe: impl FnOnce(&Digested) -> Result<Manifest>,
    ) -> Result<Manifest> {
        let to = std::slice::from_ref(to);
        let digested = self.add(PAYLOAD, to, payload, length, Sizes::Payload)?;
        let manifest = describe(&digested)?;
        let json = manifest.to_json()?;
        let length = json.len() as u64;
        self.add(MANIFEST, to, &json[..], length, Sizes::Manifest)?;
        Ok(manifest)
    }

    /// The root, once all files are there.
    fn directory(&mut self, binding: &Cid) -> (Cid, Vec<u8>) {
        self.entries.push(Entry {
            name: BINDING.to_owned(),
            cid: *binding,
            tree_size: Binding::FILE_LEN as u64,
        });
        self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        directory(&self.entries)
    }
}

fn not_written(error: io::Error) -> Error {
    Error::io("write the encrypted file", error)
}

/// Makes an object in a spool file. `folder` needs room for the whole ciphertext.
fn spooled<T>(
    folder: &Path,
    place: &Place,
    kind: ObjectKind,
    fill: impl FnOnce(&mut Sections) -> Result<T>,
) -> Result<(BuiltObject, T)> {
    let file =
        tempfile::tempfile_in(folder).map_err(Error::file("make a temporary file in", folder))?;
    let mut file = BufWriter::with_capacity(READ_AHEAD, file);
    let binding = place.binding(kind).to_file();
    let binding_cid = cid_of(RAW, &binding);
    let (filled, (root, block), length, entries) = {
        let mut sections = Sections::new(|piece| file.write_all(&piece));
        let filled = fill(&mut sections)?;
        let directory = sections.directory(&binding_cid);
        (filled, directory, sections.length, sections.entries)
    };
    let spool = file
        .into_inner()
        .map_err(|error| not_written(error.into_error()))?;
    // The binding comes early, so that a vault can turn an upload down before its bulk.
    let head = [
        header(&root),
        section_start(&root, block.len()),
        block,
        section_start(&binding_cid, binding.len()),
        binding,
    ]
    .concat();
    let object = BuiltObject {
        kind,
        root,
        chain_cid: to_chain(&root)?,
        head: head.into(),
        spool: Arc::new(spool),
        spool_len: length,
        entries,
    };
    Ok((object, filled))
}

/// A record ready for upload and anchoring.
#[derive(Debug)]
pub struct BuiltRecord {
    pub object: BuiltObject,
    pub manifest: Manifest,
    pub commitment: H256,
}

impl BuiltRecord {
    /// What to anchor.
    pub fn new_record(&self, compartment: CompartmentId, epoch: u32) -> NewRecord {
        NewRecord {
            compartment,
            epoch,
            content: self.object.cid(),
            commitment: self.commitment,
            person: None,
        }
    }
}

/// A new manifest, once the payload has been hashed. Mistakes in the description show before.
fn describe<'a>(
    description: &'a Description,
    length: u64,
) -> Result<impl FnOnce(&Digested) -> Result<Manifest> + 'a> {
    let mut salt = [0u8; 32];
    OsRng.fill_bytes(&mut salt);
    let nothing = Digested {
        length,
        sha256: [0; 32],
    };
    Manifest::new(description, &nothing, salt)?;
    Ok(move |payload: &Digested| Manifest::new(description, payload, salt))
}

/// Encrypts a new record of `length` bytes to its compartment's key.
///
/// `spool` is a folder with room for the ciphertext; nothing in clear is written there.
pub fn build_record(
    place: &Place,
    description: &Description,
    to: &EncryptionKey,
    payload: impl Read,
    length: u64,
    spool: &Path,
) -> Result<BuiltRecord> {
    let describe = describe(description, length)?;
    let (object, manifest) = spooled(spool, place, ObjectKind::Record, |sections| {
        sections.add_record(to, payload, length, describe)
    })?;
    Ok(BuiltRecord {
        commitment: manifest.commitment(&place.genesis, &place.patient)?,
        object,
        manifest,
    })
}

/// A record that was handed on while it was made.
#[derive(Debug)]
pub struct SentRecord {
    /// As the chain names it.
    pub content: salus_primitives::Cid,
    pub manifest: Manifest,
    pub commitment: H256,
}

impl SentRecord {
    /// What to anchor.
    pub fn new_record(&self, compartment: CompartmentId, epoch: u32) -> NewRecord {
        NewRecord {
            compartment,
            epoch,
            content: self.content,
            commitment: self.commitment,
            person: None,
        }
    }
}

/// Encrypts a new record of `length` bytes, and hands its CAR to `out` while it is made: the binding
/// is the CAR's root and its first block, the directory its last.
pub fn send_record(
    place: &Place,
    description: &Description,
    to: &EncryptionKey,
    payload: impl Read,
    length: u64,
    out: impl FnMut(Bytes) -> io::Result<()> + Send,
) -> Result<SentRecord> {
    let describe = describe(description, length)?;
    streamed(place, out, |sections| {
        sections.add_record(to, payload, length, describe)
    })
}

/// Encrypts the same record anew, for another key, epoch or place: its commitment stays.
pub fn resend_record(
    place: &Place,
    manifest: &Manifest,
    to: &EncryptionKey,
    payload: impl Read,
    out: impl FnMut(Bytes) -> io::Result<()> + Send,
) -> Result<SentRecord> {
    streamed(place, out, |sections| {
        sections.add_record(to, payload, manifest.length, |payload| {
            manifest.verify_payload(payload)?;
            Ok(manifest.clone())
        })
    })
}

fn streamed(
    place: &Place,
    mut out: impl FnMut(Bytes) -> io::Result<()> + Send,
    fill: impl FnOnce(&mut Sections) -> Result<Manifest>,
) -> Result<SentRecord> {
    let binding = place.binding(ObjectKind::Record).to_file();
    let binding_cid = cid_of(RAW, &binding);
    out(header(&binding_cid).into()).map_err(not_written)?;
    let mut sections = Sections::new(out);
    sections.put(&binding_cid, binding).map_err(not_written)?;
    let manifest = fill(&mut sections)?;
    let (root, block) = sections.directory(&binding_cid);
    sections.put(&root, block).map_err(not_written)?;
    Ok(SentRecord {
        content: to_chain(&root)?,
        commitment: manifest.commitment(&place.genesis, &place.patient)?,
        manifest,
    })
}

/// Encrypts a letter or a keyring.
pub fn build_body(
    place: &Place,
    kind: ObjectKind,
    to: &[EncryptionKey],
    body: &[u8],
) -> Result<BuiltObject> {
    let Some(limit) = size_limit(kind) else {
        return Err(Error::invalid(
            "object",
            "a record has no body: build it as a record",
        ));
    };
    if kind == ObjectKind::Envelope {
        return Err(Error::invalid(
            "object",
            "an envelope has more than a body: build it as an envelope",
        ));
    }
    let (object, _) = spooled(&std::env::temp_dir(), place, kind, |sections| {
        sections.add(BODY, to, body, body.len() as u64, Sizes::of(kind))
    })?;
    within(limit, object)
}

/// Keys that open an envelope, at most without showing: a person's and an organisation's.
const BODY_STANZAS: usize = 2;
/// As [`BODY_STANZAS`], with the patient's own, for what seals persons.
const SEAL_STANZAS: usize = 4;

/// Encrypts an envelope: keys, and what seals persons under the grant, each for those named. How many
/// those are does not show, as long as they are few.
pub fn build_envelope(
    place: &Place,
    keys: (&[EncryptionKey], &[u8]),
    seal: (&[EncryptionKey], &[u8]),
) -> Result<BuiltObject> {
    build_sized(place, keys, seal, Sizes::of(ObjectKind::Envelope))
}

/// Encrypts the package of an emergency plan: an envelope of one size, whatever is in it. Its keys are
/// handed over in the open, to a person who signs: nobody uses what it has for sealing.
pub fn build_package(place: &Place, to: &EncryptionKey, keys: &[u8]) -> Result<BuiltObject> {
    let to = std::slice::from_ref(to);
    let seal = SealKey::unused(place.patient).to_json()?;
    build_sized(place, (to, keys), (to, &seal), Sizes::Package)
}

fn build_sized(
    place: &Place,
    (keys_to, keys): (&[EncryptionKey], &[u8]),
    (seal_to, seal): (&[EncryptionKey], &[u8]),
    sizes: Sizes,
) -> Result<BuiltObject> {
    let kind = ObjectKind::Envelope;
    let keys_to = among(keys_to, BODY_STANZAS);
    let seal_to = among(seal_to, SEAL_STANZAS);
    let (object, _) = spooled(&std::env::temp_dir(), place, kind, |sections| {
        sections.add(BODY, &keys_to, keys, keys.len() as u64, sizes)?;
        sections.add(SEAL, &seal_to, seal, seal.len() as u64, Sizes::Secret)
    })?;
    within(super::MAX_ENVELOPE, object)
}

fn within(limit: u64, object: BuiltObject) -> Result<BuiltObject> {
    let kind = object.kind();
    match object.car_len() <= limit {
        true => Ok(object),
        false => Err(Error::TooLarge {
            what: kind_name(kind),
            limit,
            found: object.car_len(),
        }),
    }
}

/// Decrypts the part `payload.age` of a record into `out`, and checks that it is the payload that the
/// (verified) manifest names. Use nothing of `out` after an error.
pub fn open_payload(
    keys: &[DecryptionKey],
    sealed: impl Read,
    manifest: &Manifest,
    out: &mut (impl Write + Send),
) -> Result<()> {
    let found = unseal(keys, sealed, "payload")?.copy_to(out)?;
    manifest.verify_payload(&found)
}

/// Hashes a file in clear, to compare it with a manifest.
pub fn digest(mut content: impl Read) -> Result<Digested> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let length =
        io::copy(&mut content, &mut hash).map_err(|error| Error::io("read the file", error))?;
    Ok(Digested {
        length,
        sha256: hash.finalize().into(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures::TryStreamExt;
    use salus_primitives::{AccountId, Genesis, PatientId};

    use super::*;
    use crate::files::car::read_all;
    use crate::files::unixfs::{read_range, BlockSource};
    use crate::taxonomy::Category;

    const MIB: usize = 1024 * 1024;

    struct Blocks(HashMap<Cid, Bytes>);

    impl BlockSource for Blocks {
        async fn get(&self, cid: &Cid) -> Result<Bytes> {
            self.0
                .get(cid)
                .cloned()
                .ok_or_else(|| Error::invalid("block", "missing"))
        }
    }

    fn place() -> Place {
        Place::new(
            Genesis::repeat_byte(1),
            PatientId([2; 16]),
            AccountId::new([3; 32]),
        )
    }

    fn description() -> Description {
        Description {
            title: "Blood count".into(),
            category: Category::LabResult,
            code: None,
            date: "2026-05-01T09:30:00Z".into(),
            media_type: "application/fhir+json".into(),
            sensitivity: vec![],
        }
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|i| (31 * i + 7 + i / 977) as u8).collect()
    }

    fn record(key: &DecryptionKey, payload: &[u8]) -> BuiltRecord {
        let spool = std::env::temp_dir();
        build_record(
            &place(),
            &description(),
            &key.public(),
            payload,
            payload.len() as u64,
            &spool,
        )
        .unwrap()
    }

    /// What a vault would hand out: the parts by name, from the CAR alone.
    async fn stored(object: &BuiltObject) -> HashMap<String, Vec<u8>> {
        let (root, blocks) = read_all(object.car()).await.unwrap();
        assert_eq!(root, object.root());
        assert_eq!(to_chain(&root).unwrap(), object.cid());
        parts_of(object.kind(), root, blocks).await
    }

    /// The same of a record that was handed on while it was made.
    async fn sent(record: &SentRecord, car: &[u8]) -> HashMap<String, Vec<u8>> {
        let (binding, blocks) = read_all(car).await.unwrap();
        assert_eq!(blocks[0].0, binding);
        let root = blocks.last().unwrap().0;
        assert_eq!(to_chain(&root).unwrap(), record.content);
        parts_of(ObjectKind::Record, root, blocks).await
    }

    async fn parts_of(
        kind: ObjectKind,
        root: Cid,
        blocks: Vec<(Cid, Bytes)>,
    ) -> HashMap<String, Vec<u8>> {
        let blocks = Blocks(blocks.into_iter().collect());
        let entries = check_directory(kind, &root, &blocks.0[&root]).unwrap();
        let mut parts = HashMap::new();
        for entry in entries {
            let bytes = read_range(&blocks, entry.cid, 0..u64::MAX)
                .try_fold(Vec::new(), |mut all, part| async move {
                    all.extend_from_slice(&part);
                    Ok(all)
                })
                .await
                .unwrap();
            parts.insert(entry.name, bytes);
        }
        parts
    }

    #[tokio::test]
    async fn records_of_every_length_survive_the_journey_byte_for_byte() {
        for length in [0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 3] {
            let key = DecryptionKey::generate();
            let payload = content(length);
            let built = record(&key, &payload);
            let parts = stored(&built.object).await;
            place()
                .check_binding(ObjectKind::Record, &parts[BINDING])
                .unwrap();
            let keys = [key];
            let manifest = Manifest::open(&keys, &parts[MANIFEST]).unwrap();
            assert_eq!(manifest, built.manifest);
            let place = place();
            manifest
                .verify(&place.genesis, &place.patient, &built.commitment)
                .unwrap();
            let mut out = Vec::new();
            open_payload(&keys, &parts[PAYLOAD][..], &manifest, &mut out).unwrap();
            assert!(out == payload, "{length}");
            manifest
                .verify_payload(&digest(&payload[..]).unwrap())
                .unwrap();
        }
    }

    #[tokio::test]
    async fn the_car_can_be_read_again_and_as_a_stream() {
        let built = record(&DecryptionKey::generate(), &content(3 * MIB));
        let read = |mut car: CarFile| {
            let mut bytes = Vec::new();
            car.read_to_end(&mut bytes).unwrap();
            bytes
        };
        let first = read(built.object.car());
        assert_eq!(first.len() as u64, built.object.car_len());
        assert!(read(built.object.car()) == first);
        let streamed: Vec<Bytes> = built.object.car_stream().try_collect().await.unwrap();
        assert!(streamed.concat() == first);
    }

    #[tokio::test]
    async fn the_binding_comes_before_the_bulk() {
        let built = record(&DecryptionKey::generate(), &content(3 * MIB));
        let (root, blocks) = read_all(built.object.car()).await.unwrap();
        assert_eq!(blocks[0].0, root);
        assert!(salus_primitives::Binding::from_file(&blocks[1].1).is_some());
    }

    #[tokio::test]
    async fn a_swapped_payload_is_not_the_anchored_record() {
        let key = DecryptionKey::generate();
        let first = record(&key, b"blood type 0+");
        let second = record(&key, b"blood type A+");
        let parts = stored(&second.object).await;
        let mut out = Vec::new();
        let error = open_payload(
            std::slice::from_ref(&key),
            &parts[PAYLOAD][..],
            &first.manifest,
            &mut out,
        )
        .unwrap_err();
        assert!(
            matches!(error, Error::NotAnchored("the payload")),
            "{error}"
        );
        let swapped = Manifest::open(&[key], &parts[MANIFEST]).unwrap();
        let error = swapped
            .verify(&place().genesis, &place().patient, &first.commitment)
            .unwrap_err();
        assert!(
            matches!(error, Error::NotAnchored("the manifest")),
            "{error}"
        );
    }

    #[tokio::test]
    async fn wrong_keys_truncation_and_flipped_bytes_give_clear_errors() {
        let key = DecryptionKey::generate();
        let built = record(&key, &content(MIB + 1));
        let sealed = stored(&built.object).await.remove(PAYLOAD).unwrap();
        let open = |key: &DecryptionKey, sealed: &[u8]| {
            open_payload(
                std::slice::from_ref(key),
                sealed,
                &built.manifest,
                &mut Vec::new(),
            )
        };
        open(&key, &sealed).unwrap();
        let error = open(&DecryptionKey::generate(), &sealed).unwrap_err();
        assert!(matches!(error, Error::WrongKey("payload")), "{error}");
        let error = open(&key, &sealed[..sealed.len() / 2]).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(matches!(
            open(&key, b"").unwrap_err(),
            Error::Damaged { .. }
        ));
        let mut flipped = sealed.clone();
        flipped[sealed.len() / 2] ^= 1;
        let error = open(&key, &flipped).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }

    #[tokio::test]
    async fn encrypting_anew_keeps_the_commitment_and_refuses_another_payload() {
        let (old, new) = (DecryptionKey::generate(), DecryptionKey::generate());
        let payload = content(100_000);
        let built = record(&old, &payload);
        let sealed = stored(&built.object).await.remove(PAYLOAD).unwrap();
        // Straight from one key to the other: nothing in clear in between.
        let reader = unseal(&[old], &sealed[..], "payload").unwrap();
        let mut car = Vec::new();
        let again = resend_record(&place(), &built.manifest, &new.public(), reader, |piece| {
            car.extend_from_slice(&piece);
            Ok(())
        })
        .unwrap();
        assert_eq!(again.commitment, built.commitment);
        assert_ne!(again.content, built.object.cid());
        let parts = sent(&again, &car).await;
        open_payload(
            std::slice::from_ref(&new),
            &parts[PAYLOAD][..],
            &built.manifest,
            &mut Vec::new(),
        )
        .unwrap();

        let mut other = payload.clone();
        other[5] ^= 1;
        let resend = |payload: &mut dyn Read| {
            let to = DecryptionKey::generate().public();
            resend_record(&place(), &built.manifest, &to, payload, |_| Ok(()))
        };
        let changed = resend(&mut &other[..]);
        assert!(matches!(changed, Err(Error::NotAnchored(_))));
        let shorter = resend(&mut &payload[1..]);
        assert!(matches!(shorter, Err(Error::LengthChanged { .. })));
        let cut = &parts[PAYLOAD][..parts[PAYLOAD].len() - 1];
        let broken = resend(&mut unseal(&[new], cut, "payload").unwrap());
        assert!(matches!(broken, Err(Error::Damaged { .. })));
    }

    #[tokio::test]
    async fn a_record_is_handed_on_while_it_is_made() {
        for length in [0, 1, MIB - 8, MIB, MIB + 1, 5 * MIB + 3] {
            let key = DecryptionKey::generate();
            let payload = content(length);
            let mut car = Vec::new();
            let record = send_record(
                &place(),
                &description(),
                &key.public(),
                &payload[..],
                length as u64,
                |piece| {
                    car.extend_from_slice(&piece);
                    Ok(())
                },
            )
            .unwrap();
            let parts = sent(&record, &car).await;
            place()
                .check_binding(ObjectKind::Record, &parts[BINDING])
                .unwrap();
            let keys = [key];
            assert_eq!(
                Manifest::open(&keys, &parts[MANIFEST]).unwrap(),
                record.manifest
            );
            let mut out = Vec::new();
            open_payload(&keys, &parts[PAYLOAD][..], &record.manifest, &mut out).unwrap();
            assert!(out == payload, "{length}");
        }
    }

    #[test]
    fn making_ends_when_nobody_takes_it() {
        let key = DecryptionKey::generate().public();
        let endless = io::repeat(7);
        let mut left = 3 * MIB;
        let result = send_record(
            &place(),
            &description(),
            &key,
            endless,
            1 << 40,
            |piece: Bytes| {
                left = left
                    .checked_sub(piece.len())
                    .ok_or(io::ErrorKind::BrokenPipe)?;
                Ok(())
            },
        );
        assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
    }

    #[tokio::test]
    async fn bodies_have_a_bound_and_only_their_own_parts() {
        let key = DecryptionKey::generate();
        let to = [key.public()];
        let letter = build_body(&place(), ObjectKind::Letter, &to, b"words").unwrap();
        let parts = stored(&letter).await;
        assert_eq!(parts.len(), 2);
        place()
            .check_binding(ObjectKind::Letter, &parts[BINDING])
            .unwrap();
        let (root, blocks) = read_all(letter.car()).await.unwrap();
        assert!(check_directory(ObjectKind::Record, &root, &blocks[0].1).is_err());
        assert!(check_directory(ObjectKind::Letter, &root, &blocks[1].1).is_err());
        let long = vec![0u8; 64 * 1024];
        assert!(matches!(
            build_body(&place(), ObjectKind::Letter, &to, &long),
            Err(Error::TooLarge { what: "letter", .. })
        ));
        assert!(build_body(&place(), ObjectKind::Keyring, &to, &long).is_ok());
        assert!(build_body(&place(), ObjectKind::Record, &to, b"").is_err());
    }

    #[test]
    fn the_largest_content_of_each_kind_passes_the_vaults_bound() {
        let keys = |count| vec![DecryptionKey::generate().public(); count];
        for (kind, to) in [
            (ObjectKind::Letter, keys(2)),
            (ObjectKind::Keyring, keys(16)),
        ] {
            let body = vec![0u8; Sizes::of(kind).limit() as usize];
            build_body(&place(), kind, &to, &body).unwrap();
        }
        let body = vec![0u8; Sizes::Message.limit() as usize];
        let seal = vec![0u8; 900];
        build_envelope(&place(), (&keys(2), &body), (&keys(3), &seal)).unwrap();
    }

    #[tokio::test]
    async fn an_envelope_does_not_show_whether_it_is_meant_for_one_person() {
        let key = || DecryptionKey::generate().public();
        let mut stanzas = Vec::new();
        for (readers, with_patient) in [(vec![key()], 2), (vec![key(), key()], 3)] {
            let mut seal_to = readers.clone();
            seal_to.resize_with(with_patient, key);
            let envelope = build_envelope(&place(), (&readers, b"keys"), (&seal_to, b"seal"));
            let parts = stored(&envelope.unwrap()).await;
            let count = |part: &str| {
                let text = String::from_utf8_lossy(&parts[part]);
                text.matches("-> X25519 ").count()
            };
            stanzas.push((count(BODY), count(SEAL)));
        }
        assert_eq!(stanzas, [(2, 4), (2, 4)]);
    }

    #[tokio::test]
    async fn a_body_does_not_show_how_much_is_in_it() {
        let key = DecryptionKey::generate();
        let mut sizes = Vec::new();
        for words in ["No.".to_owned(), "Because of the fever. ".repeat(400)] {
            let letter = build_body(
                &place(),
                ObjectKind::Letter,
                &[key.public()],
                words.as_bytes(),
            );
            let sealed = stored(&letter.unwrap()).await.remove(BODY).unwrap();
            // The header before it has a stanza of random length, by age itself.
            let mac = sealed.windows(5).position(|at| at == b"\n--- ").unwrap();
            sizes.push(sealed.len() - mac);
        }
        assert_eq!(sizes[0], sizes[1]);
    }

    #[test]
    fn a_bad_description_shows_before_the_payload_is_read() {
        struct Untouchable;
        impl Read for Untouchable {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("read too early")
            }
        }
        let mut wrong = description();
        wrong.date = "yesterday".into();
        let key = DecryptionKey::generate().public();
        assert!(build_record(
            &place(),
            &wrong,
            &key,
            Untouchable,
            1,
            &std::env::temp_dir()
        )
        .is_err());
    }
}
