//! Persons whom an organisation's software seals, on a real node and a real vault: the chain names
//! nobody, the patient and an auditor whom the patient lets open the seals, and nobody else does.

use std::fs;

use salus_client::{
    actions::{
        opening::{self, Opening},
        organisation, records, watching, Client,
    },
    taxonomy::Category,
    trail::TrailEntry,
    Error,
};
use salus_e2e::{content, credential, new_file, Hospital, Patient, Shared};
use salus_primitives::{AccountId, ClinicianRole, Grantee, RecordIndex, Rights};
use serde_json::Value;

static HOSPITAL: Shared = Shared::new(&[], true);
/// Each test publishes the hospital's key, and a later one would be another.
static ANOTHER: Shared = Shared::new(&[], true);

const CATEGORY: Category = Category::LabResult;

/// A physician who publishes no key and signs nothing, and the hospital's software, which has the
/// hospital's keys.
async fn ward(hospital: &Hospital, name: &str) -> (AccountId, Client) {
    let admin = hospital.person("hospital").await;
    let person = hospital.person(&format!("{name}-person")).await;
    credential(&admin, 0, &person.key, ClinicianRole::Physician)
        .await
        .expect("the person consents");
    let software = hospital
        .staff(&format!("{name}-software"), ClinicianRole::Service)
        .await;
    organisation::publish(&admin)
        .await
        .expect("an admin publishes");
    let (_, key) = organisation::give_key(&admin, &software.me())
        .await
        .expect("its own software");
    organisation::take_key(&software, &key)
        .await
        .expect("it is meant for it");
    (person.me(), software)
}

async fn open(
    hospital: &Hospital,
    software: &Client,
    patient: &Patient,
    record: RecordIndex,
) -> salus_client::Result<Vec<u8>> {
    let out = hospital.path(&format!("read-{}-{record}", patient.id));
    let opening = Opening {
        patient: patient.id,
        records: vec![record],
        list: false,
        grant: None,
        out: Some(out),
    };
    let opened = opening::open(software, &opening).await?;
    Ok(fs::read(&opened.files[0]).expect("it was written"))
}

/// Whether an entry, as the chain keeps it, holds this account.
fn names(entry: &TrailEntry, account: &AccountId) -> bool {
    let account: &[u8; 32] = account.as_ref();
    entry.event.windows(32).any(|bytes| bytes == account)
}

/// The persons whom a log tells, by event.
fn told(log: &Value, variant: &str) -> Vec<Value> {
    let entries = log["entries"].as_array().expect("a list");
    entries
        .iter()
        .filter(|entry| entry["variant"] == variant)
        .map(|entry| entry["person"]["account"].clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn software_opens_and_writes_for_a_person_whom_only_the_patient_and_whom_they_let_can_name() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("sealing").await;
    let (doctor, mut software) = ward(&hospital, "sealing").await;
    software.person = Some(doctor.clone());
    let doctors = hospital.person("sealing-person").await;
    let (text, bytes) = (doctor.to_string(), content(1, 3_000));
    let record = patient
        .add(&patient.client, hospital.file("own.txt", &bytes), CATEGORY)
        .await;

    let read = patient.share(&doctors, CATEGORY, Rights::Read).await;
    patient.share(&doctors, CATEGORY, Rights::Write).await;
    let row = salus(&hospital, &patient, read).await;
    assert_eq!(row, Grantee::Organisation(0));
    let found = open(&hospital, &software, &patient, record).await;
    assert!(found.expect("the grant lets it") == bytes);
    let file = new_file(hospital.file("theirs.txt", content(2, 3_000)), CATEGORY);
    records::add(&software, patient.id, &[file])
        .await
        .expect("the grant lets it");

    // The chain names the person nowhere.
    let trail = watching::read_own(&patient.client, patient.id).await;
    let trail = trail.expect("the node has it");
    assert!(trail.entries.iter().any(|entry| entry.variant == "Opened"));
    assert!(!trail.entries.iter().any(|entry| names(entry, &doctor)));

    // The patient learns who it was, and an auditor only if the patient lets them.
    let log = hospital.salus("sealing", ["log", "--verify"]).ok();
    assert_eq!(told(&log, "Opened"), [text.as_str()]);
    let anchored = [Value::Null, Value::from(text.as_str())];
    assert_eq!(told(&log, "RecordAnchored"), anchored);
    let account = hospital.salus("sealing", ["disclosures"]).ok();
    assert_eq!(account["disclosures"][0]["person"], text);
    assert_eq!(account["disclosures"][0]["role"], "Physician");
    assert_eq!(account["disclosures"][0]["purpose"], "TREAT");
    hospital.person("auditor").await;
    for (consents, expected) in [(true, Value::from(text)), (false, Value::Null)] {
        let file = hospital.path(&format!("trail-{consents}.json"));
        let file = file.to_str().expect("our own path");
        let mut words = vec!["log", "--save", file];
        words.extend(consents.then_some("--with-persons"));
        hospital.salus("sealing", words).ok();
        let log = hospital.salus("auditor", ["log", "--from", file, "--verify"]);
        assert_eq!(told(&log.ok(), "Opened"), [expected]);
        // Whoever claims to have been it was not.
        let other = hospital.doctor().await.me().to_string();
        let words = ["log", "--from", file, "--verify", "--person", &other];
        let log = hospital.salus("auditor", words).ok();
        assert!(!told(&log, "Opened").contains(&Value::from(other)));
    }
}

async fn salus(hospital: &Hospital, patient: &Patient, grant: u32) -> Grantee {
    let salus = hospital.doctor().await.salus().await.expect("it answers");
    let view = salus.grant(patient.id, grant).await.expect("it answers");
    view.expect("it was given").grant.grantee
}

#[tokio::test(flavor = "multi_thread")]
async fn software_names_a_person_of_its_own_and_uses_no_grant_that_is_meant_for_another() {
    let hospital = ANOTHER.hospital();
    let patient = hospital.patient("meant").await;
    let (doctor, mut software) = ward(&hospital, "meant").await;
    let doctors = hospital.person("meant-person").await;
    let record = patient
        .add(
            &patient.client,
            hospital.file("meant.txt", "theirs"),
            CATEGORY,
        )
        .await;
    patient.share(&doctors, CATEGORY, Rights::Read).await;

    let nobody = open(&hospital, &software, &patient, record).await;
    assert!(matches!(nobody, Err(Error::Unfit(_))), "{nobody:?}");
    let clinic = hospital.person("clinic").await.me();
    let colleague = hospital.doctor().await.me();
    for other in [clinic, colleague, software.me()] {
        software.person = Some(other);
        let refused = open(&hospital, &software, &patient, record).await;
        assert!(
            matches!(refused, Err(Error::NotPermitted(_))),
            "{refused:?}"
        );
    }
    software.person = Some(doctor);
    let found = open(&hospital, &software, &patient, record).await;
    assert_eq!(found.expect("it is meant for that person"), b"theirs");
}
