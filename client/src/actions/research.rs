//! Studies: announcing them, and taking part with a record that does not say whose it is.

use std::fs;
use std::io::{self, BufReader};
use std::path::Path;

use salus_primitives::{
    Balance, Cid, CompartmentId, GrantIndex, Moment, OrgId, Participation, PatientId, RecordIndex,
    Scope, Study, StudyIndex,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::credits::amount;
use super::identity::{back_up, current_keyring};
use super::records::{add_to, blocking, fetch, no_record, own_record_keys, Aim, NewFile};
use super::sharing::{ensure_unrestricted, hand_over};
use super::{caused, cid, number, text, Client, Receipt};
use crate::chain::{calls, Salus};
use crate::deidentify::{deidentify, Change, Deidentified};
use crate::error::{Error, Result};
use crate::files::manifest::{rfc3339, Manifest};
use crate::files::unixfs::{hasher, to_chain};
use crate::keyring::{Keyring, Label};
use crate::taxonomy::{Category, Sensitivity};

/// A document of FHIR is read into memory as a whole.
const MAX_FHIR: u64 = 64 * 1024 * 1024;

/// The name of a file as the chain and IPFS know it, whoever has the file.
pub async fn cid_of_file(path: &Path) -> Result<Cid> {
    let path = path.to_owned();
    blocking(move || {
        let file = fs::File::open(&path).map_err(Error::file("open", &path))?;
        let mut hasher = hasher();
        io::copy(&mut BufReader::new(file), &mut hasher).map_err(Error::file("read", &path))?;
        let root = hasher.finish().map_err(Error::file("read", &path))?;
        to_chain(&root.cid)
    })
    .await
}

#[derive(Clone, Debug, Serialize)]
pub struct Announced {
    pub study: StudyIndex,
    pub terms: String,
    /// What was held: the price of all participants.
    #[serde(serialize_with = "amount")]
    pub held: Balance,
    pub ends_at: Moment,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Announces a study of one's own organisation. The terms are a file that everybody may read; the
/// chain gets its CID.
pub async fn announce(
    client: &Client,
    terms: &Path,
    price: Balance,
    quota: u32,
    ends_at: Moment,
) -> Result<Announced> {
    let terms = cid_of_file(terms).await?;
    let call = calls::research::announce(terms, price, quota, ends_at);
    let submitted = client.submit(&call).await?;
    Ok(Announced {
        study: number(caused(&submitted, "Research", "Announced")?, "study")?,
        terms: cid(&terms),
        held: price.saturating_mul(quota.into()),
        ends_at,
        receipt: (&submitted).into(),
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct StudyView {
    pub study: StudyIndex,
    pub organisation: OrgId,
    pub name: String,
    /// The CID of a document that everybody may read.
    pub terms: String,
    /// Credits for each participant.
    #[serde(serialize_with = "amount")]
    pub price: Balance,
    pub quota: u32,
    pub joined: u32,
    pub announced_at: Moment,
    pub ends_at: Moment,
    pub ended_at: Option<Moment>,
    /// `open`, `full`, `over` or `ended`.
    pub state: &'static str,
    /// The part that this profile's patients have in it.
    pub participants: Vec<ParticipantView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ParticipantView {
    pub patient: String,
    pub grant: GrantIndex,
    pub joined_at: Moment,
    pub withdrawn_at: Option<Moment>,
}

fn state(study: &Study, now: Moment) -> &'static str {
    if study.ended_at.is_some() {
        "ended"
    } else if now >= study.ends_at {
        "over"
    } else if study.joined >= study.quota {
        "full"
    } else {
        "open"
    }
}

async fn view(client: &Client, salus: &Salus, index: StudyIndex, row: &Study) -> Result<StudyView> {
    let organisation = salus.organisation(row.organisation).await?;
    let mut participants = Vec::new();
    for patient in client.profile.patients()? {
        if let Some(part) = salus.participation(index, patient).await? {
            participants.push(ParticipantView {
                patient: patient.to_string(),
                grant: part.grant,
                joined_at: part.joined_at,
                withdrawn_at: part.withdrawn_at,
            });
        }
    }
    Ok(StudyView {
        study: index,
        organisation: row.organisation,
        name: organisation.map_or_else(String::new, |row| text(&row.name)),
        terms: cid(&row.terms),
        price: row.price,
        quota: row.quota,
        joined: row.joined,
        announced_at: row.announced_at,
        ends_at: row.ends_at,
        ended_at: row.ended_at,
        state: state(row, salus.now().await?),
        participants,
    })
}

pub async fn list(client: &Client) -> Result<Vec<StudyView>> {
    let salus = client.salus().await?;
    let mut views = Vec::new();
    for (index, row) in salus.all_studies().await? {
        views.push(view(client, &salus, index, &row).await?);
    }
    Ok(views)
}

/// One study; with a file, only if that is its terms.
pub async fn show(client: &Client, study: StudyIndex, terms: Option<&Path>) -> Result<StudyView> {
    let salus = client.salus().await?;
    let row = find(&salus, study).await?;
    if let Some(path) = terms {
        if cid_of_file(path).await? != row.terms {
            return Err(Error::OtherTerms {
                study,
                announced: cid(&row.terms),
            });
        }
    }
    view(client, &salus, study, &row).await
}

async fn find(salus: &Salus, study: StudyIndex) -> Result<Study> {
    let page = salus.studies(study, 1).await?;
    page.into_iter()
        .find_map(|(index, row)| (index == study).then_some(row))
        .ok_or_else(|| {
            Error::Unfit(format!(
                "there is no study {study}: `salus study list` shows them"
            ))
        })
}

/// What a patient is asked before a record goes into a study.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    pub study: StudyView,
    pub patient: String,
    pub record: RecordIndex,
    pub title: String,
    /// Everything that is not as it is in the record.
    pub changes: Vec<Change>,
    /// What the study would read.
    pub document: serde_json::Value,
}

/// A record without what says whose it is, ready to go into a study.
pub struct Prepared {
    pub preview: Preview,
    patient: PatientId,
    organisation: OrgId,
    content: Vec<u8>,
    category: Category,
    sensitivity: Vec<Sensitivity>,
    date: String,
}

/// Fetches one of the patient's records and de-identifies it. Nothing leaves this device.
pub async fn prepare(
    client: &Client,
    study: StudyIndex,
    patient: PatientId,
    record: RecordIndex,
) -> Result<Prepared> {
    let salus = client.salus().await?;
    let row = find(&salus, study).await?;
    can_join(&salus, study, &row, patient).await?;
    ensure_unrestricted(&client.keyring(patient)?)?;
    let (manifest, content) = own_record(client, &salus, patient, record).await?;
    let now = rfc3339(client.clock().await?);
    let this_year = now.get(..4).unwrap_or_default();
    let year = this_year
        .parse()
        .map_err(|_| Error::invalid("clock", &now))?;
    let date = manifest.date.clone();
    let (result, dated) = blocking(move || copy_of(&content, &date, year)).await?;
    let content = result.to_json()?;
    Ok(Prepared {
        patient,
        organisation: row.organisation,
        content,
        category: manifest.kind.category,
        sensitivity: manifest.sensitivity.clone(),
        date: format!("{dated:04}-01-01T00:00:00Z"),
        preview: Preview {
            study: view(client, &salus, study, &row).await?,
            patient: patient.to_string(),
            record,
            title: manifest.title.clone(),
            changes: result.changes,
            document: result.document,
        },
    })
}

/// What a study gets of a record, and the year that it is dated with: the one that the record was
/// written in, unless that would tell an age over 89. The study reads both, so no age in the one may
/// have grown old since the other.
fn copy_of(content: &[u8], date: &str, year: u16) -> Result<(Deidentified, u16)> {
    let written = date.get(..4).and_then(|written| written.parse().ok());
    let dated = written
        .filter(|written| year.saturating_sub(*written) <= 89)
        .unwrap_or(year);
    Ok((deidentify(content, year, Some(dated))?, dated))
}

async fn can_join(
    salus: &Salus,
    index: StudyIndex,
    study: &Study,
    patient: PatientId,
) -> Result<()> {
    let no = |why: String| Err(Error::Unfit(why));
    match state(study, salus.now().await?) {
        "open" => {}
        "full" => {
            return no(format!(
                "study {index} is full: it pays {} participants and has them",
                study.quota
            ))
        }
        _ => {
            return no(format!(
                "study {index} has ended: `salus study list` shows those that are open"
            ))
        }
    }
    match salus.participation(index, patient).await? {
        None => Ok(()),
        Some(_) => no(format!(
            "patient {patient} is or was in study {index}: each takes part once"
        )),
    }
}

/// A record of one's own patient in clear, and what its manifest says of it.
async fn own_record(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    index: RecordIndex,
) -> Result<(Manifest, Vec<u8>)> {
    let keyring = client.keyring(patient)?;
    let record = salus
        .record(patient, index)
        .await?
        .ok_or_else(|| no_record(patient, index))?;
    let keys = own_record_keys(&keyring, &record)?;
    let session = client.session(patient).await?;
    let fetched = fetch(client, &session, patient, index, &record, &keys, None).await?;
    if fetched.manifest.length > MAX_FHIR {
        return Err(Error::TooLarge {
            what: "record to be de-identified",
            limit: MAX_FHIR,
            found: fetched.manifest.length,
        });
    }
    let content = fetched.read(client, &keys).await?;
    Ok((fetched.manifest, content))
}

#[derive(Clone, Debug, Serialize)]
pub struct Joined {
    pub study: StudyIndex,
    pub patient: String,
    /// The de-identified copy in the patient's chart.
    pub record: RecordIndex,
    /// The compartment that holds nothing else.
    pub label: String,
    pub grant: GrantIndex,
    /// What the patient was paid.
    #[serde(serialize_with = "amount")]
    pub price: Balance,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Puts a prepared record into a compartment of its own, lets the study's organisation read it, and is
/// paid for it. What an earlier try has left behind is used again.
pub async fn join(client: &Client, prepared: &Prepared) -> Result<Joined> {
    let patient = prepared.patient;
    let study = prepared.preview.study.study;
    let (compartment, kept) = place(client, prepared).await?;
    let record = match kept {
        Some(record) => record,
        None => add(client, prepared, compartment).await?,
    };
    let keyring = current_keyring(client, patient).await?;
    let envelope = hand_over(
        client,
        &keyring,
        compartment,
        prepared.organisation,
        prepared.preview.study.ends_at,
    )
    .await?;
    let call = calls::research::opt_in(study, patient, compartment, record, envelope);
    let submitted = client.submit(&call).await?;
    Ok(Joined {
        study,
        patient: patient.to_string(),
        record,
        label: keyring
            .label(&compartment)
            .map(Label::to_string)
            .unwrap_or_default(),
        grant: number(caused(&submitted, "Research", "OptedIn")?, "grant")?,
        price: prepared.preview.study.price,
        receipt: (&submitted).into(),
    })
}

/// The first spare compartment that is this study's, or nobody's, and is empty or holds this very
/// document and nothing else. It is the study's from now on.
async fn place(
    client: &Client,
    prepared: &Prepared,
) -> Result<(CompartmentId, Option<RecordIndex>)> {
    let patient = prepared.patient;
    let study = prepared.preview.study.study;
    let mut keyring = current_keyring(client, patient).await?;
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let rows = salus.all_records(patient).await?;
    for compartment in keyring.for_study(study) {
        let held: Vec<_> = rows
            .iter()
            .filter(|(_, record)| record.compartment == compartment && !record.is_erased(now))
            .collect();
        match held.as_slice() {
            [] => {
                keyring.give_to_study(&compartment, study);
                client.profile.save_keyring(&mut keyring)?;
                back_up(client, &mut keyring).await;
                return Ok((compartment, None));
            }
            // The chain pays for no copy that is about to be erased.
            [(index, record)] if record.is_current() => {
                let manifest = manifest(client, &keyring, *index, record).await?;
                let same: [u8; 32] = Sha256::digest(&prepared.content).into();
                if manifest.payload_sha256 == same {
                    return Ok((compartment, Some(*index)));
                }
            }
            _ => {}
        }
    }
    Err(Error::Unfit(format!(
        "patient {patient} has no compartment left that could hold a copy for study {study} alone"
    )))
}

async fn manifest(
    client: &Client,
    keyring: &Keyring,
    index: RecordIndex,
    record: &salus_primitives::Record,
) -> Result<Manifest> {
    let patient = keyring.patient();
    let keys = own_record_keys(keyring, record)?;
    let session = client.session(patient).await?;
    let fetched = fetch(client, &session, patient, index, record, &keys, None).await?;
    Ok(fetched.manifest)
}

async fn add(
    client: &Client,
    prepared: &Prepared,
    compartment: CompartmentId,
) -> Result<RecordIndex> {
    let folder = tempfile::tempdir().map_err(|error| Error::io("make a folder", error))?;
    let path = folder.path().join("record.json");
    fs::write(&path, &prepared.content).map_err(Error::file("write", &path))?;
    let file = NewFile {
        path,
        // The record's own title might name somebody.
        title: Some("De-identified record".into()),
        category: prepared.category,
        sensitivity: prepared.sensitivity.clone(),
        date: Some(prepared.date.clone()),
        media_type: None,
        code: None,
    };
    let aim = Aim::Compartment(compartment);
    let added = add_to(client, prepared.patient, vec![(file, aim)]).await?;
    Ok(added.record)
}

#[derive(Clone, Debug, Serialize)]
pub struct Left {
    pub study: StudyIndex,
    pub patient: String,
    /// The de-identified copies that are still in the patient's chart.
    pub records: Vec<RecordIndex>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Ends a patient's part in a study. What was read, the study has; what was paid, the patient keeps.
pub async fn leave(client: &Client, study: StudyIndex, patient: PatientId) -> Result<Left> {
    let salus = client.salus().await?;
    find(&salus, study).await?;
    let part = salus.participation(study, patient).await?;
    let part = part.ok_or_else(|| {
        Error::Unfit(format!(
            "patient {patient} is not in study {study}: `salus study show {study}` tells"
        ))
    })?;
    let call = calls::research::withdraw(study, patient);
    let submitted = client.submit(&call).await?;
    Ok(Left {
        study,
        patient: patient.to_string(),
        records: copies(&salus, patient, &part).await?,
        receipt: (&submitted).into(),
    })
}

/// What lies in the compartments that a participation opened.
async fn copies(
    salus: &Salus,
    patient: PatientId,
    part: &Participation,
) -> Result<Vec<RecordIndex>> {
    let Some(view) = salus.grant(patient, part.grant).await? else {
        return Ok(Vec::new());
    };
    let now = salus.now().await?;
    let rows = salus.all_records(patient).await?;
    let shared = |id: &CompartmentId| match &view.grant.scope {
        Scope::Compartments(ids) => ids.contains(id),
        Scope::Records(_) => false,
    };
    Ok(rows
        .iter()
        .filter(|(_, record)| shared(&record.compartment) && !record.is_erased(now))
        .map(|(index, _)| *index)
        .collect())
}

#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    pub study: StudyIndex,
    /// What nobody was paid, as the chain tells it.
    pub returned: serde_json::Value,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Ends a study: nobody joins any more, and what is left of its credits goes back.
pub async fn end(client: &Client, study: StudyIndex) -> Result<Ended> {
    find(&client.salus().await?, study).await?;
    let submitted = client.submit(&calls::research::end(study)).await?;
    let event = caused(&submitted, "Research", "Ended")?;
    Ok(Ended {
        study,
        returned: event.fields["returned"].clone(),
        receipt: (&submitted).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn terms_have_the_name_that_ipfs_gives_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("terms.txt");
        fs::write(&path, b"hello world").unwrap();
        // `ipfs add` says the same.
        assert_eq!(
            cid(&cid_of_file(&path).await.unwrap()),
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
        );
        fs::write(&path, b"hello world.").unwrap();
        assert_ne!(
            cid(&cid_of_file(&path).await.unwrap()),
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
        );
        assert!(cid_of_file(&folder.path().join("none")).await.is_err());
    }

    #[test]
    fn an_age_has_not_grown_old_since_the_copy_s_date() {
        let age = |age: u8| {
            let document = serde_json::json!({"resourceType": "Condition", "onsetAge": {"value": age, "unit": "a"},
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": "73211009"}]}});
            serde_json::to_vec(&document).unwrap()
        };
        for (value, date, year, remains) in [
            (72, "2010-06-01T10:00:00Z", 2010, true),
            (73, "2010-06-01T10:00:00Z", 2010, false),
            (88, "2026-01-01T00:00:00Z", 2026, true),
            // Who could have written it is over 89, so the copy is dated with the present year.
            (88, "1936-12-31T00:00:00Z", 2026, true),
        ] {
            let (copy, dated) = copy_of(&age(value), date, 2026).unwrap();
            assert_eq!(dated, year, "{value} in {date}");
            assert_eq!(
                copy.document.get("onsetAge").is_some(),
                remains,
                "{value} in {date}"
            );
        }
    }

    #[test]
    fn a_study_is_open_until_it_is_full_over_or_ended() {
        let study = Study {
            organisation: 1,
            payer: salus_primitives::AccountId::new([1; 32]),
            terms: Cid::raw([2; 32]),
            price: 100,
            quota: 3,
            joined: 2,
            announced_at: 0,
            ends_at: 10,
            ended_at: None,
        };
        assert_eq!(state(&study, 9), "open");
        assert_eq!(state(&study, 10), "over");
        let full = Study {
            joined: 3,
            ..study.clone()
        };
        assert_eq!(state(&full, 9), "full");
        let ended = Study {
            ended_at: Some(5),
            ..full
        };
        assert_eq!(state(&ended, 9), "ended");
    }
}
