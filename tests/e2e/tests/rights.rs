//! What is a patient's by right, on a real node and a real vault: a copy of everything, an account of
//! who was given what, and an end that the vault's operator cannot undo.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use salus_client::{
    actions::{opening, organisation, Client},
    chain::{calls, events::cid_text, Chain},
    files::{age::DecryptionKey, envelope::Envelope, manifest::Manifest},
    keyring::{Keyring, Own},
    taxonomy::Category,
};
use salus_e2e::{
    blocks, content, employ, eventually, wait_until, Answer, Hospital, Http, Patient, Shared,
};
use salus_primitives::{RecordIndex, Rights};
use serde_json::{json, Value};

static HOSPITAL: Shared = Shared::new(&[], true);

/// How an age file begins.
const AGE: &[u8] = b"age-encryption.org/v1";

fn salus(hospital: &Hospital, person: &str, line: &str) -> Answer {
    hospital.salus(person, line.split_whitespace())
}

/// Opens records as this person, or is refused.
async fn open(
    reader: &Client,
    patient: &Patient,
    grant: u32,
    records: &[RecordIndex],
    list: bool,
    out: PathBuf,
) -> bool {
    let opening = opening::Opening {
        patient: patient.id,
        records: records.to_vec(),
        list,
        grant: Some(grant),
        out: Some(out),
    };
    opening::open(reader, &opening).await.is_ok()
}

/// Where a record's blocks lie in a vault's folder.
async fn place(data: &Path, patient: &Patient, record: RecordIndex) -> PathBuf {
    let salus = patient.client.salus().await.expect("the node answers");
    let row = salus.record(patient.id, record).await;
    let row = row.expect("the node answers").expect("it was added");
    let name = cid_text(&row.content).expect("a CID");
    data.join("objects/record").join(name)
}

fn mode(path: &Path) -> u32 {
    let metadata = path.metadata().expect("it is there");
    metadata.permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_every_byte_and_names_what_it_cannot_read() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("exporter").await;
    let mine = |line: String| salus(&hospital, "exporter", &line);
    let doctor = hospital.doctor().await;
    patient
        .share(&doctor, Category::Imaging, Rights::Write)
        .await;
    let mut written = Vec::new();
    for (seed, length) in [(1, 1), (2, 5_000), (3, 3 << 20)] {
        let bytes = content(seed, length);
        let file = hospital.file(&format!("export-{seed}.bin"), &bytes);
        let author = match seed {
            2 => &doctor,
            _ => &patient.client,
        };
        patient.add(author, file, Category::Imaging).await;
        written.push(bytes);
    }
    let note = hospital.file("export-note", "potassium 4.1");
    let mut add = vec!["record", "add", note.to_str().expect("a plain name")];
    add.extend(["--category", "lab", "--media-type", "text/plain"]);
    let title = hospital.words("../<script>alert(1)</script>.exe");
    add.extend(["--title-file", &title]);
    hospital.salus("exporter", add).ok();
    written.push(b"potassium 4.1".to_vec());
    let letter = hospital.words("Wrong side");
    mine(format!("correct ask 1 --letter {letter}")).ok();

    let out = hospital.path("exported");
    let exported = mine(format!("export --out {}", out.display())).ok();
    assert_eq!(exported["records"], 4, "{exported}");
    assert_eq!(exported["unreadable"], json!([]));
    assert_eq!((mode(&out), mode(&out.join("index.html"))), (0o700, 0o600));
    let document = fs::read(out.join("export.json")).expect("it was written");
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    let rows = document["records"].as_array().expect("a list");
    for (row, bytes) in rows.iter().zip(&written) {
        let file = out.join(row["file"].as_str().expect("a name"));
        assert_eq!(file.parent(), Some(out.join("records").as_path()));
        assert!(fs::read(&file).expect("it was written") == *bytes, "{row}");
        assert_eq!(mode(&file), 0o600);
    }
    assert_eq!(rows[3]["media_type"], "text/plain");
    assert!(rows[3]["file"]
        .as_str()
        .is_some_and(|name| name.ends_with(".txt")));
    assert_eq!(
        document["corrections"][0]["letters"][0]["text"],
        "Wrong side"
    );
    assert_eq!(document["grants"][0]["person"], doctor.me().to_string());
    assert_eq!(document["grants"][0]["organisation"], 0);
    assert_eq!(document["controllers"][0]["role"], "Decider");
    assert_eq!(document["trail"]["verified"], true);
    let page = fs::read_to_string(out.join("index.html")).expect("it was written");
    assert!(!page.contains("<script"), "{page}");
    // The trail in it is one that can be proven.
    mine(format!("log --from {}", out.join("trail.json").display())).ok();

    // Nothing is mixed with anything.
    mine(format!("export --out {}", out.display())).fails(1, "not empty");

    // A record that no vault has is named; the rest is there.
    let nowhere = patient.build(&patient.client, Category::Imaging, b"never uploaded");
    let (compartment, _) = patient.compartment(Category::Imaging);
    let call = calls::records::anchor(patient.id, None, &nowhere.new_record(compartment, 0));
    let anchored = patient.client.submit(&call).await;
    anchored.expect("the chain takes any CID");
    let out = hospital.path("exported-less");
    let answer = mine(format!("export --out {}", out.display())).fails(1, "could not be read");
    let rows = answer.json["unreadable"].as_array().expect("a list");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["what"], "record 4");
    let document = fs::read(out.join("export.json")).expect("it was written");
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!(document["unreadable"][0]["what"], "record 4");
    assert!(document["records"][4]["file"].is_null());
    let files = fs::read_dir(out.join("records")).expect("it was made");
    assert_eq!(files.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn disclosures_are_what_happened_and_no_name_becomes_a_formula() {
    let hospital = HOSPITAL.hospital();
    let clinic = hospital.person("clinic").await;
    let evil = "=HYPERLINK(\"http://evil\";\"x\")";
    organisation::set_profile(&clinic, Some(evil), Some(&hospital.clinic().vault.url()))
        .await
        .expect("an admin names the organisation");
    let reader = hospital.person("clinic-doctor").await;
    let role = salus_primitives::ClinicianRole::Physician;
    employ(&clinic, hospital.clinic().organisation, &reader, role)
        .await
        .expect("an admin employs who consents");
    let patient = hospital.patient("accountant").await;
    for (name, category) in [
        ("given-0", Category::Imaging),
        ("given-1", Category::Imaging),
        ("kept-2", Category::LabResult),
    ] {
        let file = hospital.file(name, content(9, 2_000));
        patient.add(&patient.client, file, category).await;
    }
    let grant = patient
        .share(&reader, Category::Imaging, Rights::Read)
        .await;
    let read = || hospital.path("accounted");
    assert!(open(&reader, &patient, grant, &[0, 1], true, read()).await);
    assert!(open(&reader, &patient, grant, &[1], false, read()).await);
    assert!(!open(&reader, &patient, grant, &[2], false, read()).await);

    let told = || salus(&hospital, "accountant", "disclosures").ok();
    eventually("the vault has reported what it handed out", 60, || async {
        let rows = told()["disclosures"].clone();
        let rows = rows.as_array().expect("a list");
        rows.iter().all(|row| row["delivered"] == row["part"])
    })
    .await;
    let told = told();
    let rows = told["disclosures"].as_array().expect("a list");
    let row = |row: &Value| {
        (
            row["record"].clone(),
            row["part"].clone(),
            row["delivered"].clone(),
        )
    };
    let found: Vec<_> = rows.iter().map(row).collect();
    let of = |record: u32, part: &str| (json!(record), json!(part), json!(part));
    assert_eq!(found, [of(0, "summary"), of(1, "summary"), of(1, "all")]);
    for row in rows {
        assert_eq!(row["reader"], reader.me().to_string());
        assert_eq!(row["organisation"], hospital.clinic().organisation);
        assert_eq!(
            (&row["purpose"], &row["grant"]),
            (&json!("TREAT"), &json!(grant))
        );
        assert_eq!(row["label"], "imaging");
    }
    let refused = told["refused"].as_array().expect("a list");
    assert_eq!((refused.len(), &refused[0]["record"]), (1, &json!(2)));

    // The same as a table.
    let table = hospital.path("disclosures.csv");
    let line = format!("disclosures --csv --out {}", table.display());
    assert_eq!(salus(&hospital, "accountant", &line).ok()["disclosures"], 3);
    assert_eq!(mode(&table), 0o600);
    let table = fs::read_to_string(&table).expect("it was written");
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(
        table.contains("\"'=HYPERLINK(\"\"http://evil\"\";\"\"x\"\")\""),
        "{table}"
    );

    // A time in which nothing happened.
    let before = salus(&hospital, "accountant", "disclosures --to 2026-01-01").ok();
    assert_eq!(
        (&before["disclosures"], &before["refused"]),
        (&json!([]), &json!([]))
    );
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp is part of every system").success());
}

/// The age files in a folder of objects.
fn sealed(folder: &Path) -> Vec<Vec<u8>> {
    let files = blocks(folder).into_iter();
    let files = files.map(|path| fs::read(path).expect("the folder is ours"));
    files.filter(|bytes| bytes.starts_with(AGE)).collect()
}

/// Every key that the vault's operator can lay hands on: those of its people, and what these open in a
/// copy of the vault.
async fn operator(hospital: &Hospital, patient: &Patient, kept: &Path) -> Vec<DecryptionKey> {
    let mut keys = Vec::new();
    for name in ["hospital", "doctor", "vault"] {
        let client = hospital.person(name).await;
        let identities = client.profile.identities(&client.device);
        let identities = identities.expect("its own profile");
        keys.extend(identities.keys(Own::Account));
        keys.extend(identities.keys(Own::Organisation(0)));
        keys.push(client.device.clone());
    }
    for envelope in sealed(&kept.join("objects/envelope")) {
        let Ok(envelope) = Envelope::open(&keys, &envelope, &patient.id) else {
            continue;
        };
        let shared = envelope.compartments.values();
        keys.extend(shared.flat_map(|shared| shared.epochs.newest_first()));
    }
    keys
}

/// The states of a patient's records.
fn states(hospital: &Hospital, person: &str) -> Vec<String> {
    let chart = salus(hospital, person, "record list --quick").ok();
    let rows = chart["records"].as_array().expect("a list").clone();
    let state = |row: &Value| row["state"].as_str().unwrap_or_default().to_owned();
    rows.iter().map(state).collect()
}

/// All keys in a keyring.
fn keys(keyring: &Keyring) -> Vec<DecryptionKey> {
    let compartments = keyring.compartments();
    compartments
        .flat_map(|(_, compartment)| compartment.epochs.newest_first())
        .chain(keyring.inbox_keys())
        .collect()
}

/// The manifest of a kept record, if one of these keys opens it.
fn manifest(files: &[Vec<u8>], keys: &[DecryptionKey]) -> Option<Manifest> {
    files
        .iter()
        .find_map(|file| Manifest::open(keys, file).ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_beyond_the_vault_s_operator_who_kept_a_copy_of_everything() {
    let mut hospital = Hospital::open().await;
    let patient = hospital.patient("leaver").await;
    let bytes = content(4, 50_000);
    let file = hospital.file("secret", &bytes);
    let record = patient.add(&patient.client, file, Category::Imaging).await;
    // What a reader was given, the reader has: only the laboratory results are shared.
    let doctor = hospital.doctor().await;
    let file = hospital.file("shared", content(5, 2_000));
    let shared = patient
        .add(&patient.client, file, Category::LabResult)
        .await;
    let grant = patient
        .share(&doctor, Category::LabResult, Rights::Read)
        .await;
    assert!(
        open(
            &doctor,
            &patient,
            grant,
            &[shared],
            false,
            hospital.path("read")
        )
        .await
    );

    let blobs = hospital.path("blobs");
    let of_record = place(&blobs, &patient, record).await;
    let of_shared = place(&blobs, &patient, shared).await;
    salus(&hospital, "leaver", "keyring save").ok();
    let kept = hospital.path("kept");
    copy(&blobs, &kept);
    let old = patient
        .client
        .keyring(patient.id)
        .expect("it is the patient's");

    // Nothing happens unless it is confirmed, and until the waiting time is over it is called off.
    let answer = salus(&hospital, "leaver", "erase-all");
    answer.fails(1, "nothing was erased");
    assert_eq!(states(&hospital, "leaver"), ["current", "current"]);
    let asked = salus(&hospital, "leaver", "erase-all --yes").ok();
    assert_eq!(asked["stage"], "waiting", "{asked}");
    assert_eq!(asked["revoked"], json!([grant]));
    assert_eq!(asked["asked"], json!([record, shared]));
    assert!(asked["until"].is_u64() && asked["keys"].is_null());
    assert!(
        !open(
            &doctor,
            &patient,
            grant,
            &[shared],
            false,
            hospital.path("read")
        )
        .await
    );
    let kept_all = salus(&hospital, "leaver", "erase-all --cancel").ok();
    assert_eq!(kept_all["kept"], json!([record, shared]));
    assert_eq!(states(&hospital, "leaver"), ["current", "current"]);
    assert!(patient.read(record, hospital.path("back")).await == bytes);
    // Asked twice: the second time there is nothing to do.
    salus(&hospital, "leaver", "erase-all --yes").ok();
    let again = salus(&hospital, "leaver", "erase-all --yes").ok();
    assert_eq!(
        (&again["asked"], &again["revoked"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(
        states(&hospital, "leaver"),
        ["erase-pending", "erase-pending"]
    );

    // Three days later.
    hospital.node.restart_at("+73h");
    let erase = || salus(&hospital, "leaver", "erase-all --yes");
    let mut done = Value::Null;
    eventually("the waiting time is over", 60, || {
        let answer = erase();
        let over = answer.code == 0 && answer.json["stage"] == "erased";
        if over {
            done = answer.json;
        }
        async move { over }
    })
    .await;
    assert_eq!(done["keys"]["saved"], true, "{done}");
    assert_eq!(done["remains"]["records"], 2, "{done}");
    assert_eq!(states(&hospital, "leaver"), ["erased", "erased"]);
    let idle = erase().ok();
    assert_eq!(
        (&idle["stage"], &idle["keys"]["keys"]),
        (&json!("erased"), &json!(0))
    );
    wait_until("the vault has no block of the file", 60, || {
        blocks(&of_record).is_empty()
    });
    eventually("the hospital has confirmed it", 60, || async {
        erase().ok()["remains"]["unconfirmed"] == json!([])
    })
    .await;

    // The operator brings the copy back. The vault gives nothing of it away, and deletes it again.
    hospital.vault.kill();
    fs::remove_dir_all(&blobs).expect("the folder is ours");
    copy(&kept, &blobs);
    assert!(!blocks(&of_record).is_empty(), "the copy has it");
    hospital.vault.restart();
    let owner = hospital.person("leaver").await;
    let http = Http::to(&hospital.vault.url(), 0, owner.chain.genesis());
    let token = http.sign_in(&owner.key).await;
    for part in ["directory", "manifest", "payload"] {
        let path = format!("/v1/patients/{}/records/{record}/{part}", patient.id);
        assert_eq!(http.get(&path, &token, None).await.status, 404, "{path}");
    }
    wait_until("the vault has deleted it again", 60, || {
        blocks(&of_record).is_empty()
    });

    // What the operator still has outside of the vault is ciphertext. With the key that sealed it, it
    // would open; nobody has that key any more.
    let copied = |place: &Path| {
        let place = place.strip_prefix(&blobs).expect("it is in there");
        sealed(&kept.join(place))
    };
    let (secret, given) = (copied(&of_record), copied(&of_shared));
    let (profile, unlocked) = hospital.profile("leaver");
    let now = profile.keyring(&patient.id, &unlocked.device);
    let now = now.expect("it is the patient's").expect("it is there");
    let operator = operator(&hospital, &patient, &kept).await;
    assert!(manifest(&secret, &keys(&old)).is_some());
    assert!(manifest(&secret, &keys(&now)).is_none());
    assert!(manifest(&secret, &operator).is_none());
    // What its own doctor was given to read it has, as before: nobody takes that back.
    assert!(manifest(&given, &operator).is_some());
    // Nor does a kept keyring help: it opens for the patient's devices alone.
    let keyrings = sealed(&kept.join("objects/keyring"));
    assert!(!keyrings.is_empty(), "the vault had a keyring");
    for keyring in &keyrings {
        assert!(Keyring::open(&operator, keyring).is_err());
    }
    // And a device that still had the keys loses them when it next meets the vault's keyring.
    let mut late = profile.keyring(&patient.id, &unlocked.device);
    let late = late
        .as_mut()
        .expect("it opens")
        .as_mut()
        .expect("it is there");
    late.merge(old.clone(), |_, _| None);
    assert!(manifest(&secret, &keys(late)).is_none());

    // Old keyrings go from the vault, too: once nobody can bring them back, and their grace period,
    // shortened here, is over.
    hospital.node.restart_at("+147h");
    hospital
        .vault
        .restart_with(&["--grace", "1", "--audit-every", "1", "--sweep-every", "1"]);
    let chain = Chain::connect(&hospital.node.url(), None).await;
    let chain = chain
        .expect("it listens")
        .salus()
        .await
        .expect("it answers");
    let row = chain.patient(patient.id).await.expect("it answers");
    let named = row.and_then(|row| row.keyring).expect("it was saved");
    let named = cid_text(&named).expect("a CID");
    let objects = blobs.join("objects/keyring");
    wait_until("no keyring of before is left", 60, || {
        let left = blocks(&objects).into_iter();
        left.filter_map(|path| path.parent().map(Path::to_owned))
            .all(|folder| folder.ends_with(&named))
    });
}
