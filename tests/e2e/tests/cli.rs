//! What people do with `salus` besides the main job: each command does what it says, and says what
//! it did.

use std::{fs, path::PathBuf};

use salus_client::taxonomy::Category;
use salus_e2e::{binary, command, content, in_checkout, run, Answer, Hospital, Patient, Shared};
use salus_primitives::Rights;
use serde_json::{json, Value};
use sp_core::{sr25519, Pair};

static HOSPITAL: Shared = Shared::new(&[], true);

/// Runs a command that is written as one would type it.
fn salus(hospital: &Hospital, person: &str, line: &str) -> Answer {
    hospital.salus(person, line.split_whitespace())
}

/// The rows of a list in which a field has this value.
#[track_caller]
fn row(list: &Value, field: &str, value: Value) -> Value {
    let rows = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let found = rows.iter().find(|row| row[field] == value);
    found
        .unwrap_or_else(|| panic!("no row with {field} {value}: {list}"))
        .clone()
}

/// A record by the doctor, and its content.
async fn by_doctor(hospital: &Hospital, patient: &Patient, name: &str) -> (u32, Vec<u8>, PathBuf) {
    let doctor = hospital.doctor().await;
    let bytes = content(name.len() as u64, 5_000);
    let file = hospital.file(name, &bytes);
    let record = patient.add(&doctor, file.clone(), Category::Imaging).await;
    (record, bytes, file)
}

/// One person's commands with a protected profile. Everything that they print is kept.
struct Protected<'a> {
    hospital: &'a Hospital,
    name: &'static str,
    passphrase: PathBuf,
    said: String,
}

impl<'a> Protected<'a> {
    fn new(hospital: &'a Hospital, name: &'static str) -> Self {
        let words = format!("{name} battery staple");
        Self {
            hospital,
            name,
            passphrase: hospital.file(&format!("{name}-passphrase"), words),
            said: String::new(),
        }
    }

    fn salus(&mut self, line: &str) -> Answer {
        let profile = self.hospital.path(self.name);
        let mut command = command(&profile, &self.hospital.node.url());
        command.env("RUST_LOG", "debug");
        command.arg("--passphrase-file").arg(&self.passphrase);
        command.args(line.split_whitespace());
        let answer = run(command, |_| {});
        self.said.push_str(&answer.said());
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_brought_to_a_second_device_which_is_shut_out_again_and_no_secret_is_printed()
{
    let hospital = HOSPITAL.hospital();
    let phrase = hospital.path("phrase").display().to_string();
    let mut first = Protected::new(&hospital, "first");
    let mut second = Protected::new(&hospital, "second");

    let made = first.salus(&format!("keys new --phrase-out {phrase}")).ok();
    let imported = second
        .salus(&format!("keys import --phrase-file {phrase}"))
        .ok();
    assert_eq!(made["account"], imported["account"]);
    assert_ne!(
        made["device"], imported["device"],
        "each device has a key of its own"
    );

    let doctor = hospital.doctor().await.me();
    let consent = hospital.path("consent").display().to_string();
    let line = format!("patient consent --organisation 0 --enroller {doctor} --out {consent}");
    let patient = first.salus(&line).ok()["patient"].clone();
    let patient = patient.as_str().expect("an id");
    salus(&hospital, "doctor", &format!("patient enrol {consent}")).ok();
    let bytes = content(1, 10_000);
    let file = hospital.file("first-file", &bytes).display().to_string();
    first
        .salus(&format!("record add --category imaging {file}"))
        .ok();

    // The account alone opens nothing: the keyring has to be opened for the device.
    let out = hospital.path("second-read");
    let get = |record: u32| {
        format!(
            "record get {record} --patient {patient} --out {}",
            out.display()
        )
    };
    let fetch = format!("keyring fetch --patient {patient}");
    second.salus(&get(0)).fails(3, "no keys of patient");
    let refused = second.salus(&fetch);
    assert_ne!(refused.code, 0, "{refused:#?}");
    let device = imported["device"].as_str().expect("a key");
    first
        .salus(&format!("keyring device add tablet {device}"))
        .ok();
    second.salus(&fetch).ok();
    second.salus(&get(0)).ok();
    assert_eq!(fs::read(&out).expect("it was written"), bytes);

    first.salus("keyring device remove tablet").ok();
    first.salus("keyring rotate").ok();
    first
        .salus(&format!("record add --category imaging {file}"))
        .ok();
    fs::remove_file(&out).expect("it is there");
    let refused = second.salus(&fetch);
    assert_ne!(refused.code, 0, "{refused:#?}");
    let refused = second.salus(&get(1)).says("epoch 1");
    assert_ne!(refused.code, 0);
    assert!(!out.exists());
    let shown = first.salus("keyring show").ok();
    assert_eq!(shown["holders"].as_array().map(Vec::len), Some(1));
    let imaging = row(&shown["compartments"], "label", json!("imaging"));
    assert_eq!(imaging["epochs"], json!([0, 1]));

    // Nothing of this has printed a secret, neither here nor in the node's or the vault's log.
    let words = fs::read_to_string(&phrase).expect("it was asked for");
    let (_, seed) = sr25519::Pair::from_phrase(words.trim(), None).expect("it is a phrase");
    let node = fs::read_to_string(hospital.path("dev.log")).expect("it logs");
    let logs =
        [&first.said, &second.said, &node, &hospital.vault.log()].map(|said| said.to_lowercase());
    let passphrases = ["first battery", "second battery"].map(str::to_owned);
    let secrets = [
        words.trim().to_owned(),
        hex::encode(seed),
        "age-secret-key".into(),
    ];
    for secret in secrets.iter().chain(&passphrases) {
        for log in &logs {
            assert!(log.len() > 500, "there is something to look at");
            assert!(!log.contains(secret), "a secret is printed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_renews_keys_refiles_and_erases_and_the_file_stays_the_same() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("owner").await;
    let doctor = hospital.doctor().await;
    patient
        .share(&doctor, Category::Imaging, Rights::Write)
        .await;
    let grant = patient
        .share(&doctor, Category::Imaging, Rights::Read)
        .await;
    let (record, bytes, _) = by_doctor(&hospital, &patient, "owner-file").await;
    let mine = |line: String| salus(&hospital, "owner", &line);
    let listed = || {
        row(
            &mine("record list".into()).ok()["records"],
            "record",
            json!(record),
        )
    };
    let read = |name: &str| {
        let out = hospital.path(name);
        mine(format!("record get {record} --out {}", out.display())).ok();
        fs::read(out).expect("it was written")
    };
    let open = format!(
        "open {} {record} --grant {grant} --out {}",
        patient.id,
        hospital.path("opened").display()
    );

    let rotated = mine("rotate --category imaging".into()).ok();
    assert_eq!(rotated["rotated"][0]["epoch"], 1);
    assert!(rotated["rotated"][0]["redelivered"]
        .as_array()
        .expect("a list")
        .contains(&json!(grant)));
    assert_eq!(listed()["epoch"], 0);
    let before = listed()["cid"].clone();
    mine(format!("record relocate {record}")).ok();
    assert_eq!(listed()["epoch"], 1);
    assert_ne!(listed()["cid"], before, "it was encrypted anew");
    assert_eq!(read("relocated"), bytes);
    salus(&hospital, "doctor", &open).ok();

    mine(format!("record reclassify {record} --category lab")).ok();
    assert_eq!(listed()["label"], "lab");
    assert_eq!(read("refiled"), bytes);
    salus(&hospital, "doctor", &open).fails(3, "refused");

    let erasing = mine(format!("record erase {record}")).ok();
    assert!(erasing["until"].as_u64() > Some(salus_client::actions::clock()));
    assert_eq!(listed()["state"], "erase-pending");
    let early = mine(format!("record erase {record} --finish"));
    assert_ne!(early.code, 0, "{early:#?}");
    mine(format!("record erase {record} --cancel")).ok();
    assert_eq!(listed()["state"], "current");
    let again = mine(format!("record erase {record} --cancel"));
    assert_ne!(again.code, 0, "{again:#?}");
    assert_eq!(read("still-there"), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_missing_truncated_and_foreign_files_are_told_apart() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("careful").await;
    let mine = |line: String| salus(&hospital, "careful", &line);
    let add = |file: &PathBuf| mine(format!("record add --category imaging {}", file.display()));
    let get = |person: &str, record: u32, out: &PathBuf| {
        let line = format!(
            "record get {record} --patient {} --out {}",
            patient.id,
            out.display()
        );
        salus(&hospital, person, &line)
    };
    let out = hospital.path("careful-read");

    add(&hospital.file("empty", b"")).ok();
    get("careful", 0, &out).ok();
    assert_eq!(fs::read(&out).expect("it was written"), b"");
    mine(format!("record verify {} 0", out.display())).ok();
    add(&hospital.path("missing"))
        .fails(1, "missing")
        .says("cannot");
    add(&hospital.path("careful")).fails(1, "is no file");

    let bytes = content(3, 3 << 20);
    let added = add(&hospital.file("three", &bytes)).ok();
    let cid = added["records"][0]["cid"]
        .as_str()
        .expect("a CID")
        .to_owned();
    let folder = hospital.path("blobs").join("objects/record").join(cid);
    let largest = fs::read_dir(folder)
        .expect("the vault has it")
        .map(|block| block.expect("it can be read").path())
        .max_by_key(|block| fs::metadata(block).map_or(0, |block| block.len()))
        .expect("it has blocks");
    let block = fs::read(&largest).expect("it can be read");
    fs::write(&largest, &block[..block.len() - 1]).expect("the folder is ours");
    let cut = hospital.path("cut");
    get("careful", 1, &cut).fails(4, "damaged");
    assert!(!cut.exists(), "something of it was shown");
    fs::write(&largest, &block).expect("the folder is ours");
    get("careful", 1, &cut).ok();
    assert_eq!(fs::read(&cut).expect("it was written"), bytes);

    // Another patient's profile, and a clinician's.
    hospital.patient("curious").await;
    for person in ["curious", "doctor"] {
        get(person, 1, &hospital.path("stolen")).fails(3, "no keys of patient");
    }
    let nothing = mine("record get 99 --out /nowhere".into());
    nothing.fails(1, "no record 99").says("salus record list");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_declined_and_withdrawn_and_corrections_denied_disputed_and_made_in_part() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("patient").await;
    let doctor = hospital.doctor().await;
    patient
        .share(&doctor, Category::Imaging, Rights::Write)
        .await;
    let id = patient.id;
    let mine = |line: &str| salus(&hospital, "patient", line);
    let theirs = |line: &str| salus(&hospital, "doctor", line);
    let from = doctor.chain.finalized().await.expect("it answers").number;

    let written = |text: &str| hospital.words(text);
    let please = written("Please");
    let ask = format!(
        "request --patient {id} --category imaging --for 1d --purpose TREAT --letter {please}"
    );
    for number in [0, 1] {
        assert_eq!(theirs(&ask).ok()["request"], number);
    }
    mine("decline 0").ok();
    theirs(&format!("withdraw 1 --patient {id}")).ok();
    let requests = mine("requests").ok();
    for (number, state) in [(0, "declined"), (1, "withdrawn")] {
        let request = row(&requests["requests"], "request", json!(number));
        assert_eq!(
            (&request["state"], &request["text"]),
            (&json!(state), &json!("Please"))
        );
    }
    mine("approve 0").fails(1, "declined");
    mine("approve 1").fails(1, "withdrawn");

    let (wrong, _, right) = by_doctor(&hospital, &patient, "wrong").await;
    let letter = written("Wrong");
    mine(&format!("correct ask {wrong} --letter {letter}")).ok();
    let letter = written("Right");
    theirs(&format!("correct deny {id} 0 --letter {letter}")).ok();
    let letter = written("Still-wrong");
    mine(&format!("correct disagree 0 --letter {letter}")).ok();
    let letter = written("Still-right");
    theirs(&format!("correct rebut {id} 0 --letter {letter}")).ok();
    let letter = written("Half-wrong");
    mine(&format!("correct ask {wrong} --letter {letter}")).ok();
    let right = right.display();
    let letter = written("Half");
    theirs(&format!(
        "correct partly {id} 1 --file {right} --letter {letter}"
    ))
    .ok();
    let corrections = mine("correct list").ok()["corrections"].clone();
    let texts = |number: u32| -> Vec<String> {
        row(&corrections, "correction", json!(number))["letters"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|letter| letter["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(texts(0), ["Wrong", "Right", "Still-wrong", "Still-right"]);
    assert_eq!(texts(1), ["Half-wrong", "Half"]);
    let state = |number: u32| row(&corrections, "correction", json!(number))["state"].clone();
    assert_eq!([state(0), state(1)], ["rebutted", "partly-accepted"]);

    // Whoever looks in later misses nothing of it.
    let watched = mine(&format!("watch --once --since {from}"));
    assert_eq!(watched.code, 0, "{watched:#?}");
    for event in [
        "AccessRequested",
        "Denied",
        "Disagreed",
        "Rebutted",
        "PartlyAccepted",
    ] {
        assert!(
            watched.stdout.contains(event),
            "{event}: {}",
            watched.stdout
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_suspended_and_reinstated_by_the_votes_of_the_others() {
    let hospital = Hospital::open().await.with_clinic().await;
    let organisation = hospital.clinic().organisation;
    let council = |person: &str, line: String| salus(&hospital, person, &line);
    let proposal = |made: &Value| {
        let proposal = made["proposal"].as_str();
        proposal.expect("it waits for votes").to_owned()
    };
    let laboratory = hospital.profile("laboratory").1.account.account();
    let line = format!("org admit Laboratory --kind laboratory --admin {laboratory}");
    let admitted = proposal(&council("hospital", line).ok());
    let voted = council("clinic", format!("council vote {admitted}")).ok();
    assert_eq!(voted["executed"], true, "{voted}");
    council("laboratory", "org publish".into()).ok();

    let publish = || council("clinic", "org publish".into());
    let suspend = format!("org suspend {organisation}");
    let suspended = proposal(&council("hospital", suspend.clone()).ok());
    let motions = council("clinic", "council list".into()).ok();
    row(&motions["motions"], "proposal", json!(suspended));
    publish().ok();
    // Who proposes what is proposed already votes for it, and that is enough.
    let joined = council("laboratory", suspend).ok();
    assert_eq!(joined["executed"], true, "{joined}");
    let left = council("hospital", "council list".into()).ok();
    assert_eq!(left["motions"], json!([]));
    publish().fails(3, "neither an active member");

    // Who is suspended has no vote, and its seat still counts: one of three decides nothing.
    let reinstated = council("hospital", format!("org reinstate {organisation}")).ok();
    assert_eq!(reinstated["executed"], false, "{reinstated}");
    let reinstated = proposal(&reinstated);
    let vote = format!("council vote {reinstated}");
    assert_ne!(council("clinic", vote.clone()).code, 0);
    let voted = council("laboratory", vote).ok();
    assert_eq!(voted["executed"], true, "{voted}");
    publish().ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_come_with_their_consent_and_go() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("ward").await;
    hospital.profile("helper");
    let mine = |line: String| salus(&hospital, "ward", &line);
    let consent = |role: &str| {
        let out = hospital
            .path(&format!("helper-{role}"))
            .display()
            .to_string();
        let line = format!(
            "consent role --patient {} --role {role} --out {out}",
            patient.id
        );
        let signed = salus(&hospital, "helper", &line).ok();
        (out, signed["account"].clone())
    };
    let ((carer, helper_text), (guardian, same)) = (consent("carer"), consent("decider"));
    assert_eq!(helper_text, same, "one account for one patient");
    let helper = helper_text.as_str().expect("an account").to_owned();
    let add = format!("patient controllers add {helper} --role carer --for 1d --consent");
    mine(format!("{add} {guardian}")).fails(1, "for the role decider");
    mine(format!("{add} {carer}")).ok();
    let controllers = mine("patient controllers".into()).ok();
    let carer = row(&controllers["controllers"], "account", helper_text);
    assert!(carer["expires_at"].as_u64().is_some());
    let file = hospital.file("carer-file", b"x").display().to_string();
    let add = format!("record add --patient {} --category lab {file}", patient.id);
    salus(&hospital, "helper", &add).fails(3, "no grant");
    mine(format!("patient controllers remove {helper}")).ok();
    let controllers = mine("patient controllers".into()).ok();
    assert_eq!(controllers["controllers"].as_array().map(Vec::len), Some(1));
}

#[test]
fn completions_know_every_command() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let script = salus_e2e::salus(folder.path(), "ws://127.0.0.1:1", ["completions", "bash"]);
    assert_eq!(script.code, 0, "{script:#?}");
    let file = folder.path().join("salus.bash");
    fs::write(&file, &script.stdout).expect("the folder is ours");
    let typed = "source \"$0\" && COMP_WORDS=(salus record re) COMP_CWORD=2 && _salus salus re record && echo \"${COMPREPLY[@]}\"";
    let output = std::process::Command::new("bash")
        .args(["-c", typed])
        .arg(&file)
        .output()
        .expect("bash is installed");
    let words = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        words.split_whitespace().collect::<Vec<_>>(),
        ["reclassify", "relocate", "restore"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_that_was_handed_out_is_verified_without_a_profile() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("plaintiff").await;
    let file = hospital.path("trail.json").display().to_string();
    let save = format!("log {} --save {file}", patient.id);
    salus(&hospital, "plaintiff", &save).ok();
    let verify = format!("log --from {file} --verify");
    let verified = salus(&hospital, "court", &verify).ok();
    assert_eq!(verified["verified"], true, "{verified}");
    assert!(!hospital.path("court").exists(), "nothing stays behind");
    let changed = fs::read_to_string(&file).expect("it was saved");
    let changed = changed.replacen("\"count\":", "\"count\":9", 1);
    fs::write(&file, changed).expect("it is ours");
    assert_ne!(salus(&hospital, "court", &verify).code, 0);
}

/// `deploy/monitoring/salus-ends`, for a member whose vault has this address.
fn ends(hospital: &Hospital, vault_url: &str) -> String {
    let file = hospital.path("salus.prom");
    let programs = binary("salus").with_file_name("");
    let path = std::env::var("PATH").expect("it is set");
    let output = std::process::Command::new("python3")
        .arg(in_checkout("deploy/monitoring/salus-ends"))
        .arg(&file)
        // As a service: no home, no profile.
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("SALUS_NODE", hospital.node.url())
        .env("SALUS_VAULT_ORGANISATION", "0")
        .env("SALUS_VAULT_PUBLIC_URL", vault_url)
        .output()
        .expect("python3 is installed");
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(file).expect("it was written")
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_hears_when_credentials_and_certificates_end() {
    let hospital = HOSPITAL.hospital();
    let listed = salus(&hospital, "hospital", "clinician list --organisation 0").ok();
    let service = row(&listed["clinicians"], "role", json!("Service"));
    let ends_at = service["valid_until"].as_u64().expect("a time") / 1_000;
    // A server whose certificate nobody sees is as one whose certificate has ended.
    let figures = ends(&hospital, "https://127.0.0.1:1");
    let account = service["account"].as_str().expect("an account");
    for line in [
        format!("salus_service_ends_seconds{{account=\"{account}\"}} {ends_at}"),
        "salus_certificate_ends_seconds{server=\"127.0.0.1:1\"} 0".into(),
    ] {
        assert!(
            figures.lines().any(|found| found == line),
            "{line}: {figures}"
        );
    }
    assert!(figures.contains("salus_people_ending "), "{figures}");
    assert!(figures.contains("salus_ends_checked_seconds "), "{figures}");
    for metric in figures.lines().filter(|line| !line.starts_with('#')) {
        let name = metric.split(['{', ' ']).next().expect("a word");
        let rules = in_checkout("deploy/prometheus/alerts.yml");
        let rules = fs::read_to_string(rules).expect("it is there");
        assert!(rules.contains(name), "no rule looks at {name}");
    }
}
