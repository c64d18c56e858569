//! An envelope: the keys that a grant hands to its grantee, and the names only the patient's app knows.

use std::collections::BTreeMap;

use salus_primitives::{Cid, CompartmentId, PatientId, RecordIndex};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::age::{unseal_bytes, DecryptionKey};
use super::{check_version, MAX_ENVELOPE};
use crate::error::{Error, Result};
use crate::keyring::{sealed_json, Epochs, Label, Secret, StoredEpochs};

const VERSION: u32 = 1;

#[derive(Clone, Debug)]
pub struct Envelope {
    pub patient: PatientId,
    pub compartments: BTreeMap<CompartmentId, Shared>,
    /// For a grant on single records: their file keys, and no compartment's key.
    pub records: Vec<SharedRecord>,
    /// In the package of an emergency plan: the salt of the plan's commitment.
    pub salt: Option<[u8; 32]>,
}

/// A compartment as a grantee knows it. A write grant carries no keys.
#[derive(Clone, Debug)]
pub struct Shared {
    pub label: Label,
    pub epochs: Epochs,
}

/// The keys of one record's two files, as they are under `content`.
#[derive(Clone, Debug)]
pub struct SharedRecord {
    pub record: RecordIndex,
    pub content: Cid,
    pub manifest: DecryptionKey,
    pub payload: DecryptionKey,
}

impl Envelope {
    pub fn new(patient: PatientId) -> Self {
        Self {
            patient,
            compartments: BTreeMap::new(),
            records: Vec::new(),
            salt: None,
        }
    }

    /// The keys for a compartment's files, newest first. Empty if the envelope has none.
    pub fn keys(&self, compartment: &CompartmentId) -> Vec<DecryptionKey> {
        self.compartments
            .get(compartment)
            .map(|shared| shared.epochs.newest_first())
            .unwrap_or_default()
    }

    /// The compartment with this label.
    pub fn find(&self, label: &Label) -> Option<CompartmentId> {
        self.compartments
            .iter()
            .find(|(_, shared)| shared.label.is_same(label))
            .map(|(id, _)| *id)
    }

    /// The keys of the files of a single record, if it is still the content that was shared.
    pub fn record(&self, record: RecordIndex, content: &Cid) -> Option<&SharedRecord> {
        self.records
            .iter()
            .find(|shared| shared.record == record && shared.content == *content)
    }

    /// The JSON to be sealed to the grantee.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>> {
        let compartments = self
            .compartments
            .iter()
            .map(|(id, shared)| {
                Ok(StoredCompartment {
                    id: id.to_string(),
                    label: shared.label.clone(),
                    epochs: shared.epochs.to_stored()?,
                })
            })
            .collect::<Result<_>>()?;
        let file_key = |key: &DecryptionKey| match key {
            DecryptionKey::File(key) => Ok(Secret::new(hex::encode(**key))),
            _ => Err(Error::invalid(
                "envelope",
                "a record is shared by a key that is not its own",
            )),
        };
        let records = self
            .records
            .iter()
            .map(|shared| {
                Ok(StoredRecord {
                    record: shared.record,
                    content: hex::encode(shared.content.0),
                    manifest: file_key(&shared.manifest)?,
                    payload: file_key(&shared.payload)?,
                })
            })
            .collect::<Result<_>>()?;
        sealed_json(
            "envelope",
            &Stored {
                version: VERSION,
                patient: self.patient.to_string(),
                compartments,
                records,
                salt: self.salt.map(|salt| Secret::new(hex::encode(salt))),
            },
        )
    }

    pub fn from_json(json: &[u8]) -> Result<Self> {
        let bad = |reason: &str| Error::invalid("envelope", reason);
        check_version("envelope", json, VERSION)?;
        let stored: Stored =
            serde_json::from_slice(json).map_err(|error| Error::invalid("envelope", error))?;
        let mut envelope = Self::new(
            stored
                .patient
                .parse()
                .map_err(|_| bad("its patient is no id"))?,
        );
        for compartment in stored.compartments {
            let id = compartment
                .id
                .parse()
                .map_err(|_| bad("a compartment's id is no id"))?;
            let shared = Shared {
                label: compartment.label,
                epochs: Epochs::from_stored(compartment.epochs)?,
            };
            if envelope.compartments.insert(id, shared).is_some() {
                return Err(bad("a compartment stands twice"));
            }
        }
        let file_key = |secret: &Secret| -> Result<DecryptionKey> {
            let mut key = Zeroizing::new([0u8; 16]);
            hex::decode_to_slice(secret.expose(), key.as_mut())
                .map_err(|_| bad("a file key is not 32 hexadecimal digits"))?;
            Ok::<_, Error>(DecryptionKey::File(key))
        };
        for record in stored.records {
            let mut content = [0u8; 36];
            hex::decode_to_slice(&record.content, &mut content)
                .map_err(|_| bad("a content is no CID"))?;
            envelope.records.push(SharedRecord {
                record: record.record,
                content: Cid(content),
                manifest: file_key(&record.manifest)?,
                payload: file_key(&record.payload)?,
            });
        }
        if let Some(salt) = stored.salt {
            let mut bytes = [0u8; 32];
            hex::decode_to_slice(salt.expose(), &mut bytes)
                .map_err(|_| bad("its salt is not 64 hexadecimal digits"))?;
            envelope.salt = Some(bytes);
        }
        Ok(envelope)
    }

    /// Opens the part `body.age` of an envelope, and checks that it is about `patient`.
    pub fn open(keys: &[DecryptionKey], sealed: &[u8], patient: &PatientId) -> Result<Self> {
        let envelope = Self::from_json(&unseal_bytes(keys, sealed, MAX_ENVELOPE, "envelope")?)?;
        match envelope.patient == *patient {
            true => Ok(envelope),
            false => Err(Error::invalid("envelope", "it is about another patient")),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    patient: String,
    compartments: Vec<StoredCompartment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    records: Vec<StoredRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<Secret>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCompartment {
    id: String,
    label: Label,
    epochs: StoredEpochs,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRecord {
    record: RecordIndex,
    content: String,
    manifest: Secret,
    payload: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::age::{file_key, seal_bytes};
    use crate::files::sizes::Sizes;
    use crate::keyring::Keyring;
    use crate::taxonomy::Category;

    #[test]
    fn a_reader_gets_keys_and_a_writer_gets_names_only() {
        let mut keyring = Keyring::new(PatientId([1; 16]));
        let intake = keyring.find(&Label::Intake).unwrap();
        let (lab, key) = keyring.prepare(&Label::of(Category::LabResult), 0);
        let newer = keyring.prepare_epoch(&lab, 1).unwrap();

        let read = keyring.envelope(&[lab]).unwrap();
        let back = Envelope::from_json(&read.to_json().unwrap()).unwrap();
        assert_eq!(back.patient, keyring.patient());
        let publics: Vec<_> = back.keys(&lab).iter().map(DecryptionKey::public).collect();
        assert_eq!(publics, [newer, key]);
        assert!(back.keys(&intake).is_empty());
        assert_eq!(back.find(&Label::of(Category::LabResult)), Some(lab));

        let write = keyring.names();
        let json = write.to_json().unwrap();
        assert!(!String::from_utf8_lossy(&json).contains("SECRET"));
        let back = Envelope::from_json(&json).unwrap();
        assert_eq!(back.find(&Label::Intake), Some(intake));
        assert!(back.keys(&lab).is_empty());
        assert!(keyring.envelope(&[CompartmentId([9; 16])]).is_err());
    }

    #[test]
    fn common_envelopes_have_one_size_and_the_largest_scope_fits() {
        let keys = |compartments: usize, epochs: u32| {
            let mut keyring = Keyring::new(PatientId([1; 16]));
            let ids: Vec<CompartmentId> = Label::all()
                .take(compartments)
                .map(|label| {
                    let id = keyring.prepare(&label, 0).0;
                    for epoch in 1..epochs {
                        keyring.prepare_epoch(&id, epoch).unwrap();
                    }
                    id
                })
                .collect();
            assert_eq!(ids.len(), compartments);
            let json = keyring.envelope(&ids).unwrap().to_json().unwrap();
            json.len() as u64
        };
        let usual = Sizes::Message.padded(0);
        for (compartments, epochs) in [(1, 1), (20, 5), (32, 3)] {
            let length = keys(compartments, epochs);
            assert_eq!(
                Sizes::Message.padded(length),
                usual,
                "{compartments} {length}"
            );
        }
        let names = Keyring::new(PatientId([1; 16])).names().to_json().unwrap();
        assert_eq!(Sizes::Message.padded(names.len() as u64), usual);
        let largest = keys(32, 18);
        assert!(largest <= Sizes::Message.limit(), "{largest}");
    }

    #[test]
    fn a_package_keeps_its_salt_and_other_envelopes_have_none() {
        let mut envelope = Envelope::new(PatientId([1; 16]));
        let back = |envelope: &Envelope| Envelope::from_json(&envelope.to_json().unwrap()).unwrap();
        assert_eq!(back(&envelope).salt, None);
        envelope.salt = Some([7; 32]);
        assert_eq!(back(&envelope).salt, Some([7; 32]));
    }

    #[test]
    fn an_envelope_about_another_patient_is_refused() {
        let key = DecryptionKey::generate();
        let json = Envelope::new(PatientId([1; 16])).to_json().unwrap();
        let sealed = seal_bytes(&[key.public()], &json).unwrap();
        assert!(Envelope::open(std::slice::from_ref(&key), &sealed, &PatientId([1; 16])).is_ok());
        assert!(Envelope::open(&[key], &sealed, &PatientId([2; 16])).is_err());
    }

    #[test]
    fn single_records_are_shared_by_their_own_keys() {
        let key = DecryptionKey::generate();
        let file = seal_bytes(&[key.public()], b"result").unwrap();
        let single = file_key(&file[..], std::slice::from_ref(&key), "record").unwrap();
        let mut envelope = Envelope::new(PatientId([1; 16]));
        let content = Cid::dag_pb([3; 32]);
        envelope.records.push(SharedRecord {
            record: 4,
            content,
            manifest: single.clone(),
            payload: single,
        });
        let back = Envelope::from_json(&envelope.to_json().unwrap()).unwrap();
        let shared = back.record(4, &content).unwrap();
        let plain =
            unseal_bytes(std::slice::from_ref(&shared.payload), &file, 100, "record").unwrap();
        assert_eq!(**plain, *b"result");
        assert!(back.record(4, &Cid::dag_pb([0; 32])).is_none());
        envelope.records[0].payload = key;
        assert!(
            envelope.to_json().is_err(),
            "a compartment's key must not slip in"
        );
    }

    #[test]
    fn broken_envelopes_are_refused() {
        for json in [
            "",
            "{}",
            r#"{"version":2,"patient":"00"}"#,
            r#"{"version":1,"patient":"00","compartments":[]}"#,
            r#"{"version":1,"patient":"00000000000000000000000000000000","compartments":[{"id":"x","label":{"kind":"intake"},"epochs":{}}]}"#,
        ] {
            assert!(Envelope::from_json(json.as_bytes()).is_err(), "{json}");
        }
    }
}
