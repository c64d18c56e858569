//! Emergencies: what opens when nobody can ask the patient, to whom, and who answers for it. The vaults
//! of two organisations have to agree.

use std::fs;

use salus_client::{actions::Client, taxonomy::Category};
use salus_e2e::{content, wait_until, Answer, Hospital, Patient, Shared};
use salus_primitives::{ClinicianRole, EmergencyPlan};
use serde_json::Value;

static HOSPITAL: Shared = Shared::new(&[], true);

/// Runs a command that is written as one would type it.
fn salus(hospital: &Hospital, person: &str, line: &str) -> Answer {
    hospital.salus(person, line.split_whitespace())
}

fn break_glass(hospital: &Hospital, person: &str, patient: &Patient, why: &str) -> Answer {
    let id = patient.id.to_string();
    let why = hospital.words(why);
    let args = ["emergency", "break-glass", &id, "--letter", &why];
    hospital.salus(person, args)
}

/// A plan of the hospital and the clinic, both of which have to agree; as soon as their vaults have
/// published their keys.
fn plan(hospital: &Hospital, owner: &str, category: &str) {
    set(hospital, owner, &format!("--category {category}"));
}

fn set(hospital: &Hospital, owner: &str, opens: &str) {
    let line = format!("emergency plan {opens} --at-once");
    let mut planned = Value::Null;
    wait_until("both vaults keep a share", 60, || {
        let answer = salus(hospital, owner, &line);
        planned = answer.json;
        answer.code == 0
    });
    assert_eq!(planned["threshold"], 2);
    let holders = planned["holders"].as_array().expect("a list");
    let organisations: Vec<_> = holders.iter().map(|row| &row["organisation"]).collect();
    assert_eq!(organisations, [0, hospital.clinic().organisation]);
    assert!(holders.iter().all(|row| row["kept"] == true), "{planned}");
}

async fn on_chain(client: &Client, patient: &Patient) -> Option<EmergencyPlan> {
    let salus = client.salus().await.expect("the node answers");
    let plan = salus.emergency_plan(patient.id).await;
    plan.expect("the node answers")
}

/// The entries of the trail with this name, without what is another for each patient.
fn entries(hospital: &Hospital, person: &str, name: &str) -> Vec<Value> {
    let log = salus(hospital, person, "log --verify").ok();
    let entries = log["entries"].as_array().expect("a list");
    let named = entries.iter().filter(|entry| entry["variant"] == name);
    named
        .map(|entry| {
            let mut fields = entry["fields"].clone();
            let object = fields.as_object_mut().expect("fields");
            object.remove("patient");
            object.remove("letter");
            fields
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_breaks_the_glass_reads_what_the_plan_opens_and_answers_for_it() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("asleep").await;
    let id = patient.id;
    hospital.physician("rescuer").await;
    hospital.physician("curious").await;
    let bytes = content(41, 30_000);
    let file = hospital.file("opens", &bytes);
    let record = patient.add(&patient.client, file, Category::Imaging).await;
    let file = hospital.file("stays", b"closed");
    let closed = patient
        .add(&patient.client, file, Category::LabResult)
        .await;
    let out = hospital.path("rescued").display().to_string();
    let open = |person: &str, record: u32, grant: &Value| {
        let line = format!("open {id} {record} --grant {grant} --out {out}");
        salus(&hospital, person, &line)
    };
    let read = |answer: Answer| {
        let opened = answer.ok();
        let file = opened["files"][0].as_str().expect("a path").to_owned();
        fs::read(file).expect("it was written")
    };

    salus(
        &hospital,
        "asleep",
        "emergency plan --category imaging --threshold 1 --at-once",
    )
    .fails(1, "at least 2");
    plan(&hospital, "asleep", "imaging");
    let refused = salus(
        &hospital,
        "rescuer",
        &format!("open {id} {record} --out {out}"),
    );
    refused.fails(3, "shared nothing");

    let broken = break_glass(&hospital, "rescuer", &patient, "Unconscious, after a fall.").ok();
    let (glass, grant) = (broken["glass"].clone(), broken["grant"].clone());
    assert!(broken["block"].as_u64().is_some());
    assert_eq!(read(open("rescuer", record, &grant)), bytes);
    open("rescuer", closed, &grant).fails(3, "refused");
    open("curious", record, &grant).fails(3, "refused");
    // The same glass: nobody breaks it twice by running it again.
    let again = break_glass(&hospital, "rescuer", &patient, "Still unconscious.").ok();
    assert_eq!((&again["glass"], &again["grant"]), (&glass, &grant));
    assert!(again["block"].is_null(), "{again}");

    // The patient and the admin read why; another clinician sees nothing of it.
    let list = |person: &str, line: &str| {
        let listed = salus(&hospital, person, &format!("emergency list {line}")).ok();
        listed["glasses"].as_array().expect("a list").clone()
    };
    let about = format!("--patient {id}");
    for (person, line) in [("asleep", about.as_str()), ("hospital", "--to-review")] {
        let rows = list(person, line);
        let row = rows.iter().find(|row| row["patient"] == id.to_string());
        let row = row.expect("the glass");
        assert_eq!(row["letter"]["text"], "Unconscious, after a fall.", "{row}");
        assert!(row["justified"].is_null() && row["dispute"].is_null());
    }
    assert!(list("curious", &about).is_empty());

    let review = |person: &str, word: &str| {
        let line = format!("emergency review {id} {glass} --{word}");
        salus(&hospital, person, &line)
    };
    for person in ["rescuer", "curious", "clinic", "asleep"] {
        review(person, "justified").fails(3, "");
    }
    review("hospital", "unjustified").ok();
    review("hospital", "justified").fails(1, "reviewed before");
    let said = "I was awake.";
    let letter = hospital.words(said);
    let dispute = |person: &str| {
        let (id, glass) = (id.to_string(), glass.to_string());
        let args = [
            "emergency",
            "dispute",
            &glass,
            "--patient",
            &id,
            "--letter",
            &letter,
        ];
        hospital.salus(person, args)
    };
    dispute("rescuer").fails(3, "");
    dispute("asleep").ok();
    dispute("asleep").fails(1, "disputed before");
    for person in ["asleep", "hospital"] {
        let row = list(person, &about)[0].clone();
        assert_eq!(row["dispute"]["text"], said, "{person}: {row}");
        assert_eq!(row["justified"], false);
    }
    let row = list("rescuer", &about)[0].clone();
    assert!(row["dispute"].is_null() && row["disputed_at"].as_u64().is_some());
    for event in [
        "GlassBroken",
        "GlassRevealed",
        "GlassReviewed",
        "GlassDisputed",
    ] {
        assert_eq!(entries(&hospital, "asleep", event).len(), 1, "{event}");
    }

    // A new key: the package follows by itself, and who breaks the glass then reads what is added.
    let before = on_chain(&patient.client, &patient).await.expect("a plan");
    salus(&hospital, "asleep", "rotate --category imaging").ok();
    let after = on_chain(&patient.client, &patient).await.expect("a plan");
    assert_ne!(before.package, after.package);
    assert_ne!(before.holders, after.holders);
    let shown = salus(&hospital, "asleep", "emergency show").ok();
    assert_eq!(shown["plan"]["stale"], serde_json::json!([]));
    let file = hospital
        .file("later", b"after the rotation")
        .display()
        .to_string();
    let line = format!("record add --category imaging {file}");
    let added = salus(&hospital, "asleep", &line).ok();
    let added = added["records"][0]["record"].as_u64().expect("a number") as u32;
    let grant =
        break_glass(&hospital, "curious", &patient, "Unconscious again.").ok()["grant"].clone();
    assert_eq!(read(open("curious", added, &grant)), b"after the rotation");
    // It can be ended early, and ends with that for the vaults too.
    salus(&hospital, "asleep", "emergency end 1").ok();
    open("curious", added, &grant).fails(3, "refused");
    let ended = break_glass(&hospital, "curious", &patient, "Let me in.");
    ended.fails(3, "");
}

/// What a clinician and everybody else see of a patient's emergency plan and of its glass, without what
/// is another for each patient.
async fn seen(hospital: &Hospital, owner: &str, patient: &Patient) -> Value {
    let plan = on_chain(&patient.client, patient).await.expect("a plan");
    let holders: Vec<_> = plan.holders.iter().map(|row| row.organisation).collect();
    let changed = entries(hospital, owner, "PlanChanged").len();
    serde_json::json!([holders, plan.threshold, changed])
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opted_out_looks_like_who_planned_and_who_never_decided() {
    let hospital = HOSPITAL.hospital();
    hospital.physician("hasty").await;
    let never = hospital.patient("never").await;
    let out = hospital.patient("opted-out").await;
    let planned = hospital.patient("planned").await;
    set(&hospital, "opted-out", "--none");
    plan(&hospital, "planned", "imaging");
    // Whoever does anything gets a plan, unasked.
    wait_until("a plan was dealt", 60, || {
        salus(&hospital, "never", "keyring save").ok();
        let shown = salus(&hospital, "never", "emergency show").ok();
        !shown["plan"].is_null()
    });
    let shown = salus(&hospital, "never", "emergency show").ok();
    assert_eq!(shown["plan"]["labels"], serde_json::json!([]));
    assert_eq!(shown["plan"]["own"], true);
    let looks = seen(&hospital, "never", &never).await;
    assert_eq!(looks, seen(&hospital, "opted-out", &out).await);
    assert_eq!(looks, seen(&hospital, "planned", &planned).await);

    // A choice waits until every plan is dealt anew.
    let chosen = salus(&hospital, "never", "emergency plan --category imaging").ok();
    assert!(chosen["waits_until"].as_u64().is_some(), "{chosen}");
    assert_eq!(looks, seen(&hospital, "never", &never).await);
    salus(&hospital, "never", "emergency plan --none").ok();

    let mut said = Vec::new();
    for (name, patient) in [("never", &never), ("opted-out", &out)] {
        let answer = break_glass(&hospital, "hasty", patient, "Unconscious.");
        let answer = answer.fails(3, "nothing opens");
        said.push(answer.said().replace(&patient.id.to_string(), "PATIENT"));
        let broken = entries(&hospital, name, "GlassBroken");
        assert_eq!(broken.len(), 1, "it stands in the trail");
        said.push(broken[0].to_string());
        assert!(entries(&hospital, name, "GlassRevealed").is_empty());
        let line = format!("emergency show --patient {}", patient.id);
        let view = salus(&hospital, "hasty", &line).fails(3, "only who acts for patient");
        said.push(view.said().replace(&patient.id.to_string(), "PATIENT"));
        // It is reviewed like any other.
        let line = format!("emergency review {} 0 --justified", patient.id);
        salus(&hospital, "hospital", &line).ok();
    }
    assert_eq!(said[..3], said[3..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_breaks_no_glass() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("healthy").await;
    plan(&hospital, "healthy", "imaging");
    let role = ClinicianRole::Laboratorian;
    hospital.staff("laboratorian", role).await;
    let answer = break_glass(&hospital, "laboratorian", &patient, "Let me see.");
    answer.fails(3, "physicians, nurses and pharmacists");
    assert!(entries(&hospital, "healthy", "GlassBroken").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_of_two_vaults_nobody_has_the_key_until_the_other_is_back() {
    let mut hospital = Hospital::open().await.with_clinic().await;
    let patient = hospital.patient("waiting").await;
    let bytes = content(42, 5_000);
    let file = hospital.file("waits", &bytes);
    let record = patient.add(&patient.client, file, Category::Imaging).await;
    hospital.physician("rescuer").await;
    plan(&hospital, "waiting", "imaging");
    let set = on_chain(&patient.client, &patient).await;

    hospital.vault.kill();
    // No plan is made of vaults that are away, and the one before stays.
    let other = hospital.clinic().organisation;
    let line = format!("emergency plan --category imaging --holder 0 --holder {other} --at-once");
    salus(&hospital, "waiting", &line).fails(5, "does not answer");
    let line = "emergency plan --category imaging --at-once";
    salus(&hospital, "waiting", line).fails(1, "at least 2 organisations");
    assert_eq!(on_chain(&patient.client, &patient).await, set);

    let answer = break_glass(&hospital, "rescuer", &patient, "Unconscious.");
    answer
        .fails(1, "1 of the 2 shares")
        .says("organisation 0")
        .says("run the same command again");
    let about = format!("emergency list --patient {}", patient.id);
    let listed = salus(&hospital, "rescuer", &about).ok()["glasses"].clone();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "it is broken");
    assert!(listed[0]["grant"].is_null(), "nothing was revealed");
    let out = hospital.path("rescued");

    hospital.vault.restart();
    let broken = break_glass(&hospital, "rescuer", &patient, "Unconscious.").ok();
    let open = format!(
        "open {} {record} --grant {} --out {}",
        patient.id,
        broken["grant"],
        out.display()
    );
    assert_eq!(entries(&hospital, "waiting", "GlassBroken").len(), 1);
    let opened = salus(&hospital, "rescuer", &open).ok();
    let file = opened["files"][0].as_str().expect("a path");
    assert_eq!(fs::read(file).expect("it was written"), bytes);
}
