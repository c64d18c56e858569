//! Fair pay, on a real node and real vaults: a study that pays, and offers with requests.

use std::{fs, path::PathBuf};

use salus_client::{
    actions::{
        council, credits,
        joining::{self, Joined, Joining},
        opening::{self, Opening},
        patient, research, sharing, Client,
    },
    chain::calls,
    keys::parse_account,
    taxonomy::Category,
    Error,
};
use salus_e2e::{employ, salus, Hospital, Patient, Shared};
use salus_primitives::{
    rows::DAY, Cid, ClinicianRole, CompartmentId, GrantIndex, PatientId, Purpose, RecordIndex,
    StudyIndex, TrailHead,
};
use serde_json::{json, Value};

const CATEGORY: Category = Category::LabResult;
const PRICE: u128 = 100;

static HOSPITAL: Shared = Shared::new(&[], true);

/// The council of two makes credits for somebody.
async fn mint(hospital: &Hospital, to: &Client, amount: u128) {
    let (admin, other) = (
        hospital.person("hospital").await,
        hospital.person("clinic").await,
    );
    let proposed = credits::mint(&admin, &to.me(), amount)
        .await
        .expect("an admin proposes");
    let motion = proposed.proposal.expect("one of two does not decide");
    let voted = council::vote(&other, motion, true)
        .await
        .expect("an admin votes");
    assert!(voted.outcome.executed, "{voted:?}");
    assert_eq!(voted.outcome.failed, None);
}

/// Free and held.
async fn has(person: &Client) -> (u128, u128) {
    owns(person, &person.me().to_string()).await
}

/// What an account has, free and held, as somebody is told it.
async fn owns(person: &Client, account: &str) -> (u128, u128) {
    let account = parse_account(account).expect("it is an account");
    let view = credits::show(person, &account)
        .await
        .expect("the node answers");
    (view.free, view.held)
}

/// What the chain has of a patient's trail.
async fn trail(patient: &Patient) -> TrailHead {
    let salus = patient.client.salus().await.expect("the node answers");
    salus.trail_head(patient.id).await.expect("it answers")
}

/// Joins a study, whose organisation enrols at this desk.
async fn joins(patient: &Patient, study: StudyIndex, record: RecordIndex, desk: &Client) -> Joined {
    let client = &patient.client;
    let prepared = research::prepare(client, study, patient.id, record)
        .await
        .expect("it is FHIR");
    assert!(prepared
        .preview
        .changes
        .iter()
        .any(|change| change.path == "subject"));
    let (file, _) = joining::begin(client, &prepared, Some(&desk.me()), DAY)
        .await
        .expect("the desk is the study's");
    let file_text = String::from_utf8(file.to_json().expect("it is JSON")).expect("it is text");
    for own in [patient.id.to_string(), client.me().to_string()] {
        assert!(!file_text.contains(&own), "{own}");
    }
    let waits = joining::join(client, study).await.expect("it can wait");
    assert!(matches!(waits, Joining::Waits(_)), "{waits:?}");
    patient::enrol(desk, &file).await.expect("the desk enrols");
    match joining::join(client, study).await.expect("an owner joins") {
        Joining::Joined(joined) => joined,
        waits => panic!("{waits:?}"),
    }
}

/// A laboratory result that tells in many places who it is about.
fn result_of(name: &str) -> Value {
    json!({
        "resourceType": "Observation",
        "id": format!("potassium-of-{name}"),
        "status": "final",
        "text": {"status": "generated", "div": format!("<div>Potassium of {name}</div>")},
        "identifier": [{"system": "http://hospital.example.org", "value": format!("MRN-{name}")}],
        "code": {
            "coding": [{"system": "http://loinc.org", "code": "2823-3", "display": format!("Potassium of {name}")}],
            "text": format!("Potassium of {name}"),
        },
        "subject": {"reference": format!("Patient/{name}"), "display": name},
        "effectiveDateTime": "2026-03-01T08:30:00Z",
        "performer": [{"display": format!("Dr. {name}")}],
        "note": [{"text": format!("{name} called from +1 617 555 0142")}],
        "valueQuantity": {"value": 4.1, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    })
}

/// A patient with such a result.
async fn participant(hospital: &Hospital, name: &str) -> (Patient, RecordIndex) {
    let patient = hospital.patient(name).await;
    let file = hospital.file(&format!("{name}.json"), result_of(name).to_string());
    let record = patient.add(&patient.client, file, CATEGORY).await;
    (patient, record)
}

/// What somebody reads in a record under a grant; the folder is new.
async fn reads(
    reader: &Client,
    patient: PatientId,
    record: RecordIndex,
    grant: GrantIndex,
    out: PathBuf,
) -> Result<String, Error> {
    let opening = Opening {
        patient,
        records: vec![record],
        list: false,
        grant: Some(grant),
        out: Some(out),
    };
    let opened = opening::open(reader, &opening).await?;
    Ok(fs::read_to_string(&opened.files[0]).expect("it was written"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_study_pays_three_and_refuses_the_fourth_and_reads_nobody_s_name() {
    const PEOPLE: [&str; 4] = ["Quillfeather", "Thistlewood", "Marmaduke", "Pennyroyal"];
    let hospital = HOSPITAL.hospital();
    let researcher = hospital.person("clinic").await;
    mint(&hospital, &researcher, 1_000).await;
    let desk = hospital.person("desk of the study").await;
    employ(&researcher, 1, &desk, ClinicianRole::Service)
        .await
        .expect("an admin credentials software");
    let before = has(&researcher).await.0;
    let terms = hospital.file(
        "terms.txt",
        "Potassium in adults. We keep what we read for five years.",
    );
    let ends = researcher.clock().await.expect("the node answers") + 30 * DAY;
    let announced = research::announce(&researcher, &terms, PRICE, 3, ends)
        .await
        .expect("an admin with credits announces");
    let study = announced.study;
    assert_eq!(has(&researcher).await, (before - 3 * PRICE, 3 * PRICE));

    // Whoever is handed the terms can tell whether they are those of the study.
    let other = hospital.file("other.txt", "Potassium in adults. We keep nothing.");
    research::show(&researcher, study, Some(&terms))
        .await
        .expect("these are the terms");
    let error = research::show(&researcher, study, Some(&other))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::OtherTerms { .. }), "{error}");

    let mut joined = Vec::new();
    let mut last = None;
    for name in PEOPLE {
        let (patient, record) = participant(&hospital, name).await;
        if joined.len() == 3 {
            last = Some((patient, record));
            break;
        }
        // No id of care takes part, whatever its owner signs.
        let (compartment, envelope) = (CompartmentId([0; 16]), Cid::raw([1; 32]));
        let call = calls::research::opt_in(study, patient.id, compartment, record, envelope);
        let error = patient.client.submit(&call).await.unwrap_err();
        assert!(error.to_string().contains("NotEnrolledForStudy"), "{error}");

        let before = trail(&patient).await;
        let part = joins(&patient, study, record, &desk).await;
        assert_eq!(trail(&patient).await, before, "the chart of care shows it");
        assert_ne!(part.patient, patient.id.to_string());
        assert_eq!(owns(&researcher, &part.account).await, (PRICE, 0));
        assert_eq!(has(&patient.client).await, (0, 0));
        // Commands still mean the id of care.
        assert_eq!(patient.client.patient(None).expect("one"), patient.id);
        joined.push((patient, part, name, record));
    }
    assert_eq!(has(&researcher).await, (before - 3 * PRICE, 0));

    // The fourth is refused, and has given nothing away.
    let (fourth, record) = last.expect("there are four");
    let error = research::prepare(&fourth.client, study, fourth.id, record)
        .await
        .err()
        .expect("it is full");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(has(&fourth.client).await, (0, 0));
    let grants = sharing::given(&fourth.client, fourth.id)
        .await
        .expect("it answers");
    assert!(grants.is_empty(), "{grants:?}");

    // The researcher reads the values, and nothing of whose they are.
    for (patient, part, name, source) in &joined {
        let fresh = part.patient.parse().expect("an id");
        let out = hospital.path(&format!("read-{name}"));
        let read = reads(&researcher, fresh, part.record, part.grant, out)
            .await
            .expect("the study may read");
        let document: Value = serde_json::from_str(&read).expect("it is JSON");
        assert_eq!(
            document,
            json!({
                "resourceType": "Observation",
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
                "effectiveDateTime": "2026",
                "valueQuantity": {"value": 4.1, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
            })
        );
        assert!(!read.contains(name));
        // Not the record that it was made from.
        let out = hospital.path(&format!("original-{name}"));
        let error = reads(&researcher, patient.id, *source, part.grant, out)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::NotPermitted(_) | Error::Unfit(_)),
            "{error}"
        );
    }

    // Leaving ends access at once and costs nothing; it cannot be done twice, nor undone for more pay.
    let (patient, part, _, source) = &joined[0];
    let left = joining::leave(&patient.client, study)
        .await
        .expect("who joined may leave");
    assert_eq!(left.records, [part.record]);
    let out = hospital.path("read-after");
    let fresh = part.patient.parse().expect("an id");
    let error = reads(&researcher, fresh, part.record, part.grant, out)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotPermitted(_)), "{error}");
    assert_eq!(owns(&researcher, &part.account).await, (PRICE, 0));
    joining::leave(&patient.client, study)
        .await
        .expect_err("once is all");
    research::prepare(&patient.client, study, patient.id, *source)
        .await
        .err()
        .expect("once is all");

    let ended = research::end(&researcher, study)
        .await
        .expect("it is its own");
    assert_eq!(ended.returned, json!(0));
    assert_eq!(has(&researcher).await, (before - 3 * PRICE, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_paid_for_a_yes_and_returned_for_a_no() {
    let hospital = HOSPITAL.hospital();
    let (asker, patient) = futures::join!(hospital.physician("asker"), hospital.patient("asked"),);
    mint(&hospital, &asker, 50).await;
    let asking = sharing::Asking {
        categories: vec![CATEGORY],
        flags: Vec::new(),
        purpose: Purpose::Treat,
        duration: DAY,
        subject: "A question".into(),
        text: "May I see them?".into(),
        offer: Some(20),
    };
    let ask = || async {
        sharing::request(&asker, patient.id, &asking)
            .await
            .expect("a physician with credits asks")
            .request
    };
    let (first, second) = (ask().await, ask().await);
    assert_eq!(has(&asker).await, (10, 40));
    sharing::request(&asker, patient.id, &asking)
        .await
        .expect_err("10 are too few");

    let rows = sharing::requests(&patient.client, patient.id)
        .await
        .expect("it answers");
    let offers: Vec<_> = rows.iter().map(|row| row.offer).collect();
    assert_eq!(offers, [Some(20), Some(20)]);

    sharing::approve(
        &patient.client,
        patient.id,
        first,
        &sharing::Approval::default(),
    )
    .await
    .expect("an owner says yes");
    assert_eq!(has(&asker).await, (10, 20));
    assert_eq!(has(&patient.client).await, (20, 0));
    sharing::decline(&patient.client, patient.id, second)
        .await
        .expect("an owner says no");
    assert_eq!(has(&asker).await, (30, 0));
    assert_eq!(has(&patient.client).await, (20, 0));
    let rows = sharing::requests(&patient.client, patient.id)
        .await
        .expect("it answers");
    assert!(rows.iter().all(|row| row.offer.is_none()), "{rows:?}");
}

#[test]
fn nothing_is_given_to_a_study_unasked() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for args in [
        vec![
            "study",
            "announce",
            "terms.txt",
            "--price",
            "1.5",
            "--quota",
            "3",
            "--ends",
            "+1d",
        ],
        vec![
            "study",
            "announce",
            "terms.txt",
            "--price",
            "1",
            "--quota",
            "0",
            "--ends",
            "+1d",
        ],
        vec!["study", "join", "0", "--yes"],
        vec!["study", "join", "0", "1", "--preview", "--yes"],
        vec!["credits", "mint", "//Bob", "1.5"],
    ] {
        let answer = salus(&folder.path().join("me"), "ws://127.0.0.1:1", &args);
        assert_eq!(answer.code, 2, "{args:?}: {answer:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_asks_before_a_record_goes_out() {
    let hospital = HOSPITAL.hospital();
    let researcher = hospital.person("hospital").await;
    mint(&hospital, &researcher, 7).await;
    let terms = hospital
        .file("few.txt", "One result.")
        .display()
        .to_string();
    let announce = [
        "study", "announce", &terms, "--price", "7", "--quota", "1", "--ends", "+7d",
    ];
    let study = hospital.salus("hospital", announce).ok()["study"].to_string();
    let (patient, record) = participant(&hospital, "careful").await;
    let (id, record) = (patient.id.to_string(), record.to_string());
    let doctor = hospital.doctor().await.me().to_string();
    let file = hospital.path("for-the-study.json").display().to_string();
    let join = |rest: &[&str]| {
        let mut args = vec!["study", "join", &study, &record, "--patient", &id];
        args.extend(["--enroller", &doctor, "--out", &file]);
        args.extend(rest);
        hospital.salus("careful", args)
    };

    let seen = join(&["--preview"]).ok();
    assert_eq!(seen["document"]["effectiveDateTime"], "2026");
    assert!(!seen["document"].to_string().contains("careful"), "{seen}");
    // Without a terminal nobody can be asked.
    join(&[]).fails(1, "--yes");
    assert!(!fs::exists(&file).expect("the folder is ours"));
    assert_eq!(has(&patient.client).await, (0, 0));
    assert!(sharing::given(&patient.client, patient.id)
        .await
        .expect("it answers")
        .is_empty());

    // Only who is of the study's organisation enrols for it.
    let stranger = patient.client.me().to_string();
    let args = ["study", "join", &study, &record, "--yes", "--out", &file];
    hospital
        .salus("careful", [&args[..], &["--enroller", &stranger]].concat())
        .fails(3, "terms");

    let begun = join(&["--yes"]).ok();
    let stage = || {
        let shown = hospital.salus("careful", ["study", "show", &study]).ok();
        shown["participants"][0]["stage"].clone()
    };
    assert_eq!(stage(), "waits");
    let go_on = || hospital.salus("careful", ["study", "join", &study]).ok();
    assert_eq!(go_on()["expires_at"], begun["expires_at"]);
    // Begun once is begun.
    join(&["--yes"]).fails(1, "goes on");
    hospital
        .salus("doctor", ["patient", "enrol", &file, "--at-once"])
        .ok();
    assert_eq!(stage(), "enrolled");
    let joined = go_on();
    assert_eq!(joined["price"], 7);
    assert_eq!(stage(), "joined");
    let account = joined["account"].as_str().expect("it names one").to_owned();
    let credits = hospital
        .salus("careful", ["credits", "show", &account])
        .ok();
    assert_eq!(credits["free"], 7);
    // The account of care has nothing, and commands are still about the id of care.
    assert_eq!(hospital.salus("careful", ["credits"]).ok()["free"], 0);
    let shown = hospital.salus("careful", ["patient", "show"]).ok();
    assert_eq!(shown["patient"], id.as_str());
    let keys = hospital.salus("careful", ["keys", "show"]).ok();
    assert_eq!(keys["patients"], json!([id]));
    let left = hospital.salus("careful", ["study", "leave", &study]).ok();
    assert_eq!(left["patient"], joined["patient"]);
    assert_eq!(left["records"].as_array().map(Vec::len), Some(1));
    assert_eq!(stage(), "left");

    // What is no FHIR does not go out in any form.
    let note = hospital.file("note.txt", "careful called.");
    let note = patient
        .add(&patient.client, note, CATEGORY)
        .await
        .to_string();
    mint(&hospital, &researcher, 8).await;
    let announce = [
        "study", "announce", &terms, "--price", "8", "--quota", "1", "--ends", "+7d",
    ];
    let study = hospital.salus("hospital", announce).ok()["study"].to_string();
    hospital
        .salus(
            "careful",
            ["study", "join", &study, &note, "--yes", "--patient", &id],
        )
        .fails(1, "FHIR");
}
