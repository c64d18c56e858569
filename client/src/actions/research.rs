//! Studies: announcing them, and preparing a record that does not say whose it is. [`joining`] takes part.

use std::fs;
use std::io::{self, BufReader};
use std::path::Path;

use salus_primitives::{Balance, Cid, Moment, OrgId, PatientId, RecordIndex, Study, StudyIndex};
use serde::Serialize;

use super::credits::amount;
use super::joining::{self, Copy, PartView};
use super::records::{blocking, fetch, no_record, own_record_keys};
use super::sharing::ensure_unrestricted;
use super::{caused, cid, number, text, Client, Receipt};
use crate::chain::{calls, Salus};
use crate::deidentify::{deidentify, Change, Deidentified};
use crate::error::{Error, Result};
use crate::files::manifest::{rfc3339, Manifest};
use crate::files::unixfs::{hasher, to_chain};

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
    /// The part that this profile has in it.
    pub participants: Vec<PartView>,
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

async fn view(
    salus: &Salus,
    index: StudyIndex,
    row: &Study,
    parts: &[PartView],
) -> Result<StudyView> {
    let organisation = salus.organisation(row.organisation).await?;
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
        participants: parts
            .iter()
            .filter(|part| part.study == index)
            .cloned()
            .collect(),
    })
}

pub async fn list(client: &Client) -> Result<Vec<StudyView>> {
    let salus = client.salus().await?;
    let parts = joining::parts(client, &salus).await?;
    let mut views = Vec::new();
    for (index, row) in salus.all_studies().await? {
        views.push(view(&salus, index, &row, &parts).await?);
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
    view(&salus, study, &row, &joining::parts(client, &salus).await?).await
}

pub(super) async fn find(salus: &Salus, study: StudyIndex) -> Result<Study> {
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
    pub(super) copy: Copy,
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
    ensure_open(study, &row, salus.now().await?)?;
    joining::ensure_new(client, &salus, study).await?;
    ensure_unrestricted(&client.keyring(patient)?)?;
    let (manifest, content) = own_record(client, &salus, patient, record).await?;
    let now = rfc3339(client.clock().await?);
    let this_year = now.get(..4).unwrap_or_default();
    let year = this_year
        .parse()
        .map_err(|_| Error::invalid("clock", &now))?;
    let date = manifest.date.clone();
    let (result, dated) = blocking(move || copy_of(&content, &date, year)).await?;
    let content =
        String::from_utf8(result.to_json()?).map_err(|error| Error::invalid("document", error))?;
    Ok(Prepared {
        copy: Copy {
            content,
            category: manifest.kind.category,
            sensitivity: manifest.sensitivity.clone(),
            date: format!("{dated:04}-01-01T00:00:00Z"),
            filed: None,
        },
        preview: Preview {
            study: view(&salus, study, &row, &[]).await?,
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

/// Refuses to join what takes nobody any more.
pub(super) fn ensure_open(index: StudyIndex, study: &Study, now: Moment) -> Result<()> {
    match state(study, now) {
        "open" => Ok(()),
        "full" => Err(Error::Unfit(format!(
            "study {index} is full: it pays {} participants and has them",
            study.quota
        ))),
        _ => Err(Error::Unfit(format!(
            "study {index} has ended: `salus study list` shows those that are open"
        ))),
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
