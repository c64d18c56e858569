//! Getting back in, and guardians: what people do when a phone is lost, when somebody tries to take a
//! patient from a living owner, and when a child grows up.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use salus_client::{
    actions::{watching, Client},
    profile::Profile,
    taxonomy::Category,
    trail::TrailEntry,
};
use salus_e2e::{command, content, run, wait_until, Answer, Hospital, Patient, Shared};
use salus_primitives::Rights;
use serde_json::Value;

static HOSPITAL: Shared = Shared::new(&[], false);

/// Runs a command that is written as one would type it.
fn salus(hospital: &Hospital, person: &str, line: &str) -> Answer {
    hospital.salus(person, line.split_whitespace())
}

fn path(hospital: &Hospital, name: &str) -> String {
    hospital.path(name).display().to_string()
}

/// Three people of the hospital's staff, whose accounts have published keys.
async fn helpers(hospital: &Hospital, names: [&'static str; 3]) -> Vec<Client> {
    let mut helpers = Vec::new();
    for name in names {
        helpers.push(hospital.physician(name).await);
    }
    helpers
}

/// Says that they are the patient: only owners give helpers less than a week.
fn declares_owner(hospital: &Hospital, person: &str) {
    let declared = salus(hospital, person, "patient declare-owner");
    // A second time there is nothing to say.
    assert!([0, 3].contains(&declared.code), "{declared:#?}");
}

/// Names them as helpers, two of three; the files for each.
fn set_up(hospital: &Hospital, owner: &str, helpers: &[Client], delay: &str) -> Vec<String> {
    let named: String = helpers
        .iter()
        .map(|helper| format!(" --helper {}", helper.me()))
        .collect();
    declares_owner(hospital, owner);
    let out = path(hospital, &format!("{owner}-shares"));
    let line = format!("recovery setup{named} --threshold 2 --delay {delay} --out {out}");
    files(&salus(hospital, owner, &line).ok())
}

fn files(made: &Value) -> Vec<String> {
    let shares = made["shares"].as_array().expect("a list");
    shares
        .iter()
        .map(|share| share["file"].as_str().expect("a path").to_owned())
        .collect()
}

/// A new phone asks; the request's file.
fn ask(hospital: &Hospital, phone: &str, patient: &Patient) -> String {
    hospital.profile(phone);
    let out = path(hospital, &format!("{phone}-request"));
    let line = format!("recovery request --patient {} --out {out}", patient.id);
    let asked = salus(hospital, phone, &line).ok();
    assert_eq!(asked["code"].as_str().map(str::len), Some(19));
    out
}

/// A helper's word; the command's answer, and the file for the new phone.
fn give(
    hospital: &Hospital,
    helper: &str,
    word: &str,
    request: &str,
    share: &str,
) -> (Answer, String) {
    let out = format!("{request}-{helper}");
    let line = format!("recovery {word} {request} --share {share} --out {out}");
    (salus(hospital, helper, &line), out)
}

/// Somebody's word that they take a role for a patient; its file, and the account.
fn consent(hospital: &Hospital, person: &str, patient: &str, role: &str) -> (String, String) {
    hospital.profile(person);
    let out = path(hospital, &format!("{person}-{role}-{patient}"));
    let line = format!("consent role --patient {patient} --role {role} --out {out}");
    let signed = salus(hospital, person, &line).ok();
    let account = signed["account"].as_str().expect("an account").to_owned();
    (out, account)
}

/// Finishes as soon as the delay is over; before, it is refused.
fn finish(hospital: &Hospital, helper: &str, request: &str) {
    let line = format!("recovery finish {request}");
    let early = salus(hospital, helper, &line);
    assert_ne!(early.code, 0, "{early:#?}");
    wait_until("the delay is over", 60, || {
        salus(hospital, helper, &line).code == 0
    });
}

/// Everything that an owner may do, tried by an account that is none any more.
fn is_powerless(hospital: &Hospital, person: &str, patient: &Patient, grant: u32, record: u32) {
    let id = patient.id;
    let doctor = hospital.profile("doctor").1.account.account();
    let file = hospital.file("late", b"too late").display().to_string();
    let (out, request) = (path(hospital, "stolen"), path(hospital, "stolen-request"));
    let (consent, relative) = consent(hospital, "relative", &id.to_string(), "decider");
    salus(
        hospital,
        person,
        &format!("recovery request --patient {id} --out {request}"),
    )
    .ok();
    for line in [
        format!("record get {record} --patient {id} --out {out}"),
        format!("record add --patient {id} --category imaging {file}"),
        format!("record erase {record} --patient {id}"),
        format!("record relocate {record} --patient {id}"),
        format!("share --patient {id} --with {doctor} --category imaging --for 1d --purpose TREAT"),
        format!("revoke {grant} --patient {id}"),
        format!("rotate --patient {id} --category imaging"),
        format!("keyring fetch --patient {id}"),
        format!("keyring save --patient {id}"),
        format!("keyring rotate --patient {id}"),
        format!("patient restrict --patient {id}"),
        format!(
            "patient controllers --patient {id} add {relative} --role decider --consent {consent}"
        ),
        format!("recovery remove --patient {id}"),
        format!("recovery cancel --patient {id} --owner {doctor}"),
        format!("patient take-over --patient {id}"),
        format!("patient hand-over {request}"),
    ] {
        let answer = salus(hospital, person, &line);
        assert_eq!(answer.code, 3, "{line}: {answer:#?}");
    }
    assert!(!PathBuf::from(out).exists(), "something was handed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_phone_is_replaced_by_two_of_three_helpers_and_the_old_key_is_powerless() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("lost").await;
    let doctor = hospital.doctor().await;
    let grant = patient
        .share(&doctor, Category::Imaging, Rights::Read)
        .await;
    let bytes = content(31, 20_000);
    let file = hospital.file("before", &bytes);
    let record = patient.add(&patient.client, file, Category::Imaging).await;
    let names = ["lost-sister", "lost-friend", "lost-neighbour"];
    let helpers = helpers(&hospital, names).await;

    // The first plan's shares are worth nothing after the second.
    let earlier = set_up(&hospital, "lost", &helpers, "12s");
    let shares = set_up(&hospital, "lost", &helpers, "12s");
    // What replaces a plan waits as long as its helpers would.
    wait_until("the second plan is in force", 60, || {
        salus(&hospital, "lost", "recovery complete").code == 0
    });
    for (name, share) in names.iter().zip(&shares) {
        let tested = salus(&hospital, name, &format!("recovery test {share}")).ok();
        assert_eq!(tested["shares"][0]["threshold"], 2);
    }
    let test =
        |person: &str, share: &str| salus(&hospital, person, &format!("recovery test {share}"));
    test(names[0], &earlier[0])
        .fails(4, "earlier plan")
        .says(&earlier[0]);
    test(names[0], &shares[1]).fails(3, "somebody else");
    let mut cut = fs::read(&shares[0]).expect("it was written");
    let last = cut.len() - 1;
    cut[last] ^= 1;
    let cut = hospital.file("cut-share", &cut).display().to_string();
    test(names[0], &cut).fails(4, "cut or changed").says(&cut);

    // The new phone, with nothing but the patient's id.
    let request = ask(&hospital, "found", &patient);
    let restore = |shares: &[&String]| {
        let shares: Vec<&str> = shares.iter().map(|share| share.as_str()).collect();
        let line = format!(
            "recovery restore --patient {} {}",
            patient.id,
            shares.join(" ")
        );
        salus(&hospital, "found", &line)
    };
    let refused = give(&hospital, names[0], "start", &request, &earlier[0]);
    refused.0.fails(4, "earlier plan");
    let (begun, first) = give(&hospital, names[0], "start", &request, &shares[0]);
    assert!(begun.ok()["ready_at"].is_null(), "one is not enough");
    let (again, _) = give(&hospital, names[0], "approve", &request, &shares[0]);
    assert_ne!(again.code, 0, "one helper counts once: {again:#?}");
    // Whoever has the lost phone gives themselves what they can, while they can.
    let accomplice = &helpers[2];
    let late = patient
        .share(accomplice, Category::Imaging, Rights::Read)
        .await;
    let (enough, second) = give(&hospital, names[1], "approve", &request, &shares[1]);
    assert!(enough.ok()["ready_at"].as_u64().is_some());

    // Before the end of the delay the shares open nothing: the new account is nobody yet.
    restore(&[&first, &second]).fails(3, "not the owner");
    // A helper who has not shown themselves does not finish it.
    let hidden = salus(&hospital, names[2], &format!("recovery finish {request}"));
    assert_ne!(hidden.code, 0, "{hidden:#?}");
    finish(&hospital, names[0], &request);
    restore(&[&first]).fails(1, "1 of the 2 shares");
    restore(&[&first, &first]).fails(4, "the same share");
    restore(&[&first, &shares[1]]).fails(3, "somebody else");
    let restored = restore(&[&first, &second]).ok();
    assert_eq!(restored["redelivered"], 1);
    let keys = |restored: &Value, wanted: u32| {
        let grants = restored["grants"].as_array().expect("a list").iter();
        let found = grants.clone().find(|row| row["grant"] == wanted);
        let found = found.unwrap_or_else(|| panic!("no grant {wanted}: {restored}"));
        (found["keys"].clone(), found["doubtful"].clone())
    };
    assert_eq!(keys(&restored, grant), ("given".into(), false.into()));
    assert_eq!(keys(&restored, late), ("left-out".into(), true.into()));
    assert!(restored["asked_since"].as_u64().is_some(), "{restored}");
    assert_eq!(restored["missing"], serde_json::json!([]));
    let rotated = restored["rotated"].as_array().map(Vec::len);
    assert_eq!(rotated, Some(32), "every compartment: {restored}");

    // Everything is readable again, by the patient and by whom the patient shares with.
    let found = |line: String| salus(&hospital, "found", &line);
    let out = path(&hospital, "found-read");
    found(format!("record get {record} --out {out}")).ok();
    assert_eq!(fs::read(&out).expect("it was written"), bytes);
    let after = hospital.file("after", b"after the phone was lost");
    let after = found(format!("record add --category imaging {}", after.display())).ok();
    let after = after["records"][0]["record"].clone();
    let opened = path(&hospital, "found-opened");
    let open = format!(
        "open {} {record} {after} --grant {grant} --out {opened}",
        patient.id
    );
    salus(&hospital, "doctor", &open).ok();
    // The late grant has none of the new keys, of this rotation and of those that follow.
    found("rotate --category imaging".into()).ok();
    let stolen = path(&hospital, "late-opened");
    let open = format!("open {} {after} --grant {late} --out {stolen}", patient.id);
    let refused = salus(&hospital, names[2], &open);
    assert_ne!(refused.code, 0, "{refused:#?}");
    assert!(!PathBuf::from(&stolen).exists());
    // The owner can say that it was theirs after all.
    let line = format!(
        "recovery restore --patient {} {first} {second} --keep-grant {late}",
        patient.id
    );
    let again = found(line).ok();
    assert_eq!(keys(&again, late), ("given".into(), true.into()));
    salus(&hospital, names[2], &open).ok();
    let holders = found("keyring show".into()).ok()["holders"].clone();
    assert_eq!(holders.as_array().map(Vec::len), Some(1), "{holders}");
    let log = found("log --verify".into()).ok();
    for event in [
        "PlanSet",
        "RecoveryStarted",
        "RecoveryApproved",
        "RecoveryFinished",
    ] {
        assert!(log.to_string().contains(event), "{event}: {log}");
    }

    is_powerless(&hospital, "lost", &patient, grant, record);
    // The shares were used: a new plan is needed, and can be made.
    set_up(&hospital, "found", &helpers, "12s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_owner_stops_a_recovery_and_helpers_below_the_threshold_get_nothing() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("living").await;
    let bytes = content(32, 3_000);
    let file = hospital.file("living-file", &bytes);
    let record = patient.add(&patient.client, file, Category::Imaging).await;
    let names = ["living-sister", "living-friend", "living-neighbour"];
    let helpers = helpers(&hospital, names).await;
    let shares = set_up(&hospital, "living", &helpers, "3s");
    let mine = |line: &str| salus(&hospital, "living", line);

    // One helper alone: nothing can be finished, however long it takes, and one share opens nothing.
    let request = ask(&hospital, "thief", &patient);
    let (begun, first) = give(&hospital, names[0], "start", &request, &shares[0]);
    begun.ok();
    let line = format!("recovery finish {request}");
    let alone = salus(&hospital, names[0], &line);
    assert_ne!(alone.code, 0, "{alone:#?}");
    let restore = format!("recovery restore --patient {} {first}", patient.id);
    salus(&hospital, "thief", &restore).fails(3, "not the owner");
    let fetch = format!("keyring fetch --patient {}", patient.id);
    salus(&hospital, "thief", &fetch).fails(3, "");
    // Who was never asked cannot help.
    let stranger = hospital.physician("living-stranger").await;
    assert!(helpers.iter().all(|helper| helper.me() != stranger.me()));
    let (refused, _) = give(
        &hospital,
        "living-stranger",
        "approve",
        &request,
        &shares[1],
    );
    refused.fails(3, "somebody else");

    // Two helpers: the owner hears of it and stops it within the delay.
    let (enough, second) = give(&hospital, names[1], "approve", &request, &shares[1]);
    enough.ok();
    // While it goes on, the helpers cannot be changed.
    let line = format!(
        "recovery setup --helper {} --helper {} --delay 3s --out {}",
        helpers[0].me(),
        helpers[2].me(),
        path(&hospital, "living-other")
    );
    let changed = mine(&line);
    assert_ne!(changed.code, 0, "{changed:#?}");
    mine("recovery cancel").ok();
    mine("recovery cancel").fails(1, "nothing to stop");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let line = format!("recovery finish {request}");
    let finished = salus(&hospital, names[0], &line);
    assert_ne!(finished.code, 0, "{finished:#?}");
    // Both shares were passed on; without the patient's account they open nothing.
    let restore = format!("recovery restore --patient {} {first} {second}", patient.id);
    salus(&hospital, "thief", &restore).fails(3, "not the owner");
    let shown = mine("recovery show").ok();
    assert_eq!(shown["recoveries"], serde_json::json!([]));
    // Who begins again keeps no plan in force: it ends together with the plan, once its delay is over.
    let (again, _) = give(&hospital, names[0], "start", &request, &shares[0]);
    again.ok();
    let announced = mine("recovery remove").ok();
    assert!(announced["due"].as_u64().is_some(), "{announced}");
    assert_ne!(mine("recovery remove").code, 0, "the delay is not over");
    let shown = mine("recovery show").ok();
    assert_eq!(shown["plan"]["threshold"], 2, "it is in force: {shown}");
    assert_eq!(shown["ending"]["due"], announced["due"], "{shown}");
    let mut stopped = Value::Null;
    wait_until("the plan's delay is over", 60, || {
        let removed = mine("recovery remove");
        stopped = removed.json["owners"].clone();
        removed.code == 0
    });
    assert_eq!(stopped.as_array().map(Vec::len), Some(1), "{stopped}");
    let (refused, _) = give(&hospital, names[0], "start", &request, &shares[0]);
    refused.fails(1, "named no helpers");
    // New shares; those that were passed on are of no use to who is no owner.
    set_up(&hospital, "living", &helpers, "3s");
    salus(&hospital, "thief", &restore).fails(3, "not the owner");
    let out = path(&hospital, "living-read");
    mine(&format!("record get {record} --out {out}")).ok();
    assert_eq!(fs::read(&out).expect("it was written"), bytes);
    let log = mine("log --verify").ok().to_string();
    assert!(log.contains("RecoveryCancelled"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_has_two_guardians_until_it_is_handed_over_and_a_wrong_enrolment_is_voided() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let enrol = |guardian: &str| -> String {
        hospital.profile(guardian);
        let consent = path(&hospital, &format!("{guardian}-consent"));
        let line = format!(
            "patient consent --organisation 0 --enroller {} --out {consent}",
            doctor.me()
        );
        salus(&hospital, guardian, &line).ok();
        let enrolled = salus(&hospital, "doctor", &format!("patient enrol {consent}")).ok();
        enrolled["patient"].as_str().expect("an id").to_owned()
    };

    let child = enrol("mother");
    let mother = |line: &str| salus(&hospital, "mother", line);
    let father = |line: &str| salus(&hospital, "father", line);
    let (_, second) = hospital.profile("father");
    let bytes = content(33, 4_000);
    let file = hospital.file("child-file", &bytes).display().to_string();
    let added = mother(&format!("record add --category imaging {file}")).ok();
    let record = added["records"][0]["record"].clone();
    let (agreed, second_account) = consent(&hospital, "father", &child, "decider");
    mother(&format!(
        "patient controllers add {second_account} --role decider --consent {agreed}"
    ))
    .ok();
    mother(&format!(
        "keyring device add father {}",
        second.device.public()
    ))
    .ok();
    father(&format!("keyring fetch --patient {child}")).ok();
    let out = path(&hospital, "father-read");
    father(&format!("record get {record} --out {out}")).ok();
    assert_eq!(fs::read(&out).expect("it was written"), bytes);
    // Neither guardian removes the other, nor makes themselves more than the other.
    mother("patient declare-owner").fails(3, "Others decide");
    let (_, first) = hospital.profile("mother");
    let first = first.account.for_patient(0).account();
    father(&format!("patient controllers remove {first}")).fails(3, "");

    // At majority the grown-up asks, and both guardians hand over.
    hospital.profile("grown-up");
    let grown_up = |line: &str| salus(&hospital, "grown-up", line);
    let request = path(&hospital, "grown-up-request");
    grown_up(&format!(
        "patient take-over --patient {child} --out {request}"
    ))
    .ok();
    grown_up(&format!("patient take-over --patient {child}")).fails(3, "not the owner");
    salus(&hospital, "doctor", &format!("patient hand-over {request}")).fails(3, "no keys");
    let agreed = father(&format!("patient hand-over {request}")).ok();
    assert_eq!(agreed["done"], false, "one guardian alone does not do it");
    let shown = mother(&format!("patient show --patient {child}")).ok();
    let waits = &shown["pending"][0];
    assert_eq!(waits["change"], "hand_over", "who can veto it sees it");
    assert_eq!(waits["agreed"].as_array().map(Vec::len), Some(1));
    grown_up(&format!("patient take-over --patient {child}")).fails(3, "not the owner");
    let done = mother(&format!("patient hand-over {request}")).ok();
    assert_eq!(done["done"], true);
    let taken = grown_up(&format!("patient take-over --patient {child}")).ok();
    assert_eq!(taken["rotated"].as_array().map(Vec::len), Some(32));
    let out = path(&hospital, "grown-up-read");
    grown_up(&format!("record get {record} --out {out}")).ok();
    assert_eq!(fs::read(&out).expect("it was written"), bytes);
    let controllers = grown_up("patient controllers").ok()["controllers"].clone();
    assert_eq!(controllers.as_array().map(Vec::len), Some(1));
    assert_eq!(controllers[0]["role"], "Owner");
    for guardian in ["mother", "father"] {
        for line in [
            "patient restrict".to_owned(),
            "keyring fetch".into(),
            "rotate --category lab".into(),
            format!("record get {record} --out {}", path(&hospital, "late-read")),
            format!("patient hand-over {request}"),
        ] {
            let answer = salus(&hospital, guardian, &line);
            assert_eq!(answer.code, 3, "{guardian} {line}: {answer:#?}");
        }
    }
    assert!(!hospital.path("late-read").exists());

    // The wrong person was enrolled: only the organisation's admin takes that back, once.
    let wrong = enrol("wrong");
    let void = format!("patient void {wrong}");
    salus(&hospital, "doctor", &void).fails(3, "");
    salus(&hospital, "wrong", &void).fails(3, "");
    salus(&hospital, "hospital", &void).ok();
    let again = salus(&hospital, "hospital", &void);
    assert_ne!(again.code, 0, "{again:#?}");
    salus(&hospital, "wrong", "rotate --category lab").fails(3, "");
    // The trail stays, and nobody is left whom the command line shows it.
    let show = format!("patient show --patient {wrong}");
    let shown = salus(&hospital, "doctor", &show).ok();
    assert!(shown["entries"].is_null(), "{shown}");
    salus(&hospital, "doctor", &format!("log {wrong} --verify")).fails(3, "a copy");
    let wrong = wrong.parse().expect("an id");
    let trail = watching::read(&doctor, wrong).await.expect("it stays");
    watching::verify(&doctor, &trail)
        .await
        .expect("it is whole");
    let voided = |entry: &TrailEntry| entry.variant == "EnrolmentVoided";
    assert!(trail.entries.iter().any(voided), "{:?}", trail.entries);
}

/// What is to be typed from a kit's page, group by group.
fn printed(page: &str) -> String {
    let groups = page.lines().filter(|line| line.contains("class=\"key\""));
    let groups: Vec<&str> = groups
        .map(|line| line.split(['<', '>']).nth(2).expect("a group"))
        .collect();
    assert!(groups.len() > 10, "{} groups", groups.len());
    groups.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_kit_opens_the_keyring_to_the_account_alone_and_an_earlier_one_opens_nothing() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await.me();
    let passphrase = hospital.file("paper-passphrase", b"paper battery staple");
    let on = |device: &str, line: &str| {
        let mut command = command(&hospital.path(device), &hospital.node.url());
        command.env("RUST_LOG", "debug");
        command.arg("--passphrase-file").arg(&passphrase);
        command.args(line.split_whitespace());
        run(command, |_| {})
    };
    let old = |line: &str| on("paper-old", line);
    let phrase = path(&hospital, "paper-phrase");
    old(&format!("keys new --phrase-out {phrase}")).ok();
    let consent = path(&hospital, "paper-consent");
    let line = format!("patient consent --organisation 0 --enroller {doctor} --out {consent}");
    let patient = old(&line).ok()["patient"].clone();
    let patient = patient.as_str().expect("an id");
    salus(&hospital, "doctor", &format!("patient enrol {consent}")).ok();
    let bytes = content(34, 7_000);
    let file = hospital.file("paper-file", &bytes).display().to_string();
    let added = old(&format!("record add --category imaging {file}")).ok();
    let record = added["records"][0]["record"].clone();

    // Each kit has a name, and the second takes the first one's place.
    let mut secrets = Vec::new();
    let mut print = |name: &str| {
        let out = path(&hospital, name);
        let answer = old(&format!("recovery kit --out {out}"));
        let page = fs::read_to_string(&out).expect("it was written");
        let mode = fs::metadata(&out).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        let typed = printed(&page);
        let secret = typed.replace('\n', "");
        assert!(!answer.said().contains(&secret), "the key is printed");
        let typed = hospital.file(&format!("{name}-typed"), typed.to_lowercase());
        secrets.push(secret);
        let holder = answer.ok()["holder"].as_str().expect("a name").to_owned();
        assert!(page.contains(&holder) && page.contains(patient), "{page}");
        (out, typed.display().to_string(), holder)
    };
    let (_, earlier, first) = print("paper-earlier.svg");
    let (page, kit, second) = print("paper-kit.svg");
    let holders = old("keyring show").ok()["holders"].to_string();
    assert!(holders.contains(&second), "{holders}");
    assert!(!holders.contains(&first), "{holders}");
    // A page that is there already stays, and what it opens.
    let before = fs::read(&page).expect("it is there");
    old(&format!("recovery kit --out {page}")).fails(1, "is there already");
    assert_eq!(fs::read(&page).expect("it is there"), before);
    let same = old("keyring show").ok()["holders"].to_string();
    assert_eq!(same, holders);

    // Without the account the paper opens nothing.
    hospital.profile("paper-thief");
    let restore = |kit: &str| format!("recovery restore --patient {patient} --kit {kit}");
    salus(&hospital, "paper-thief", &restore(&kit)).fails(3, "not the owner");
    // The account alone opens nothing, nor with the wrong paper, nor mistyped.
    let said = |answer: Answer| {
        let said = answer.said();
        for secret in &secrets {
            assert!(!said.contains(secret) && !said.contains(&secret.to_lowercase()));
        }
        answer
    };
    let import = format!("keys import --phrase-file {phrase}");
    on("paper-new", &import).ok();
    let new = |line: &str| said(on("paper-new", line));
    let out = path(&hospital, "paper-read");
    let get = format!("record get {record} --patient {patient} --out {out}");
    new(&get).fails(3, "no keys of patient");
    new(&restore(&earlier)).fails(1, &first);
    let typed = fs::read_to_string(&kit).expect("it is there");
    let short = &typed[..typed.len() - 1];
    let wrong = match typed.ends_with('q') {
        true => format!("{short}p"),
        false => format!("{short}q"),
    };
    for (typed, told) in [(short, "these are 73"), (wrong.as_str(), "group by group")] {
        let mistyped = hospital.file("paper-mistyped", typed);
        new(&restore(&mistyped.display().to_string())).fails(1, told);
    }
    new(&get).fails(3, "no keys of patient");

    let restored = new(&restore(&kit)).ok();
    let shut_out = restored["shut_out"].to_string();
    assert!(shut_out.contains(&second), "{shut_out}");
    new(&get).ok();
    assert_eq!(fs::read(&out).expect("it was written"), bytes);
    // It was used: neither the lost device nor another one with the paper opens what is new.
    let fetch = format!("keyring fetch --patient {patient}");
    let lost = old(&fetch);
    assert_ne!(lost.code, 0, "{lost:#?}");
    on("paper-third", &import).ok();
    said(on("paper-third", &restore(&kit))).fails(1, &second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_opens_the_keyring_for_the_account_s_next_device_and_for_nobody_else() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("backed").await;
    let doctor = hospital.doctor().await;
    let grant = patient
        .share(&doctor, Category::Imaging, Rights::Read)
        .await;
    let bytes = content(34, 3_000);
    let file = hospital.file("backed-file", &bytes);
    let record = patient.add(&patient.client, file, Category::Imaging).await;
    let passphrase = |name: &str, words: &str| hospital.file(name, words).display().to_string();
    let right = passphrase("backup-words", "backed battery staple");
    let wrong = passphrase("other-words", "another battery staple");

    let back_up = |name: &str| {
        let out = path(&hospital, name);
        let line = format!("recovery backup --out {out} --backup-passphrase-file {right}");
        let made = salus(&hospital, "backed", &line).ok();
        assert_eq!(made["file"], out);
        // It is not written over.
        salus(&hospital, "backed", &line).fails(1, "is there already");
        out
    };
    // An earlier one is worth nothing after the next.
    let earlier = back_up("earlier-backup");
    let backup = back_up("backup");
    let sealed = fs::read(&backup).expect("it was written");
    assert!(!String::from_utf8_lossy(&sealed).contains("SECRET"));

    // The account on another device, which has nothing but the phrase; and somebody who found the file.
    let next = hospital.path("backed-next");
    Profile::create_insecure(&next, "//World//backed").expect("the folder is ours");
    hospital.profile("finder");
    let restore = |person: &str, file: &str, words: &str, more: &str| {
        let line = format!(
            "recovery restore --patient {} --backup {file} --backup-passphrase-file {words}{more}",
            patient.id
        );
        salus(&hospital, person, &line)
    };
    restore("finder", &backup, &right, "").fails(3, "not the owner");
    restore("backed-next", &backup, &wrong, "").fails(1, "passphrase");
    let refused = restore("backed-next", &earlier, &right, "");
    assert_ne!(refused.code, 0, "{refused:#?}");
    let other = format!(
        "recovery restore --patient {} --backup {backup} --backup-passphrase-file {right}",
        "00".repeat(16)
    );
    salus(&hospital, "backed-next", &other).fails(1, "this backup is of patient");

    // The trail tells of no recovery, so every grant has to be confirmed.
    let restored = restore("backed-next", &backup, &right, "").ok();
    assert_eq!(restored["redelivered"], 0, "{restored}");
    assert!(restored["asked_since"].is_null(), "{restored}");
    assert_eq!(restored["grants"][0]["keys"], "left-out", "{restored}");
    let out = path(&hospital, "backed-read");
    let get = |person: &str| {
        let line = format!("record get {record} --patient {} --out {out}", patient.id);
        salus(&hospital, person, &line)
    };
    get("backed-next").ok();
    assert_eq!(fs::read(&out).expect("it was written"), bytes);
    let more = format!(" --keep-grant {grant}");
    let again = restore("backed-next", &backup, &right, &more).ok();
    assert_eq!(again["redelivered"], 1, "{again}");
    let holders = salus(&hospital, "backed-next", "keyring show").ok()["holders"].clone();
    assert_eq!(holders.as_array().map(Vec::len), Some(1), "{holders}");

    // The device before has the account, and none of the new keys: its keyring goes nowhere.
    for line in ["keyring fetch", "keyring save", "keyring rotate"] {
        let answer = salus(&hospital, "backed", line);
        assert_ne!(answer.code, 0, "{line}: {answer:#?}");
    }
    let fetched = salus(&hospital, "backed-next", "keyring fetch").ok();
    assert_eq!(fetched["updated"], false, "nothing was overwritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn helpers_whom_the_chain_does_not_know_help_with_accounts_of_their_own_and_show_only_then() {
    let hospital = HOSPITAL.hospital();
    let patient = hospital.patient("secret").await;
    let names = ["secret-sister", "secret-friend", "secret-neighbour"];
    let mut offered = Vec::new();
    let mut named = String::new();
    for name in names {
        hospital.profile(name);
        let out = path(&hospital, &format!("{name}-offer"));
        // The second offer of a person is another account.
        let once = salus(&hospital, name, &format!("recovery offer --out {out}")).ok();
        let made = salus(&hospital, name, &format!("recovery offer --out {out}")).ok();
        assert_ne!(once["account"], made["account"]);
        offered.push(made["account"].clone());
        named.push_str(&format!(" --helper {out}"));
    }
    let out = path(&hospital, "secret-shares");
    let line = format!("recovery setup{named} --threshold 2 --delay 3s --out {out}");
    // As long as nobody knows whether they are somebody's guardian, they wait a week.
    salus(&hospital, "secret", &line).fails(1, "declare yourself owner");
    declares_owner(&hospital, "secret");
    let shares = files(&salus(&hospital, "secret", &line).ok());

    // Whoever reads the chain sees neither who helps nor how many it takes; the patient knows both.
    let shown = salus(&hospital, "secret", "recovery show").ok();
    assert_eq!(shown["plan"]["helpers"], Value::Array(offered.clone()));
    assert_eq!(shown["plan"]["threshold"], 2);
    let line = format!("recovery show --patient {}", patient.id);
    let seen = salus(&hospital, "doctor", &line).ok();
    assert_eq!(seen["plan"]["helpers"], serde_json::json!([]), "{seen}");
    assert!(seen["plan"]["threshold"].is_null(), "{seen}");
    let log = salus(&hospital, "secret", "log").ok().to_string();
    for account in &offered {
        let account = account.as_str().expect("an account");
        assert!(!log.contains(account), "{account}: {log}");
    }

    // A helper hears of what they have tested, and of nobody else.
    let duties = |name: &str| salus(&hospital, name, "recovery duties").ok()["duties"].clone();
    assert_eq!(duties(names[0]), serde_json::json!([]));
    salus(&hospital, names[0], &format!("recovery test {}", shares[0])).ok();
    assert_eq!(duties(names[0])[0]["helper"], offered[0]);
    assert_eq!(duties(names[0])[0]["named"], true);

    let request = ask(&hospital, "secret-phone", &patient);
    let (begun, first) = give(&hospital, names[0], "start", &request, &shares[0]);
    begun.ok();
    let (enough, second) = give(&hospital, names[1], "approve", &request, &shares[1]);
    enough.ok();
    finish(&hospital, names[1], &request);
    let line = format!("recovery restore --patient {} {first} {second}", patient.id);
    salus(&hospital, "secret-phone", &line).ok();
    let log = salus(&hospital, "secret-phone", "log --verify")
        .ok()
        .to_string();
    let acted = |account: &Value| log.contains(account.as_str().expect("an account"));
    assert!(acted(&offered[0]) && acted(&offered[1]));
    assert!(!acted(&offered[2]), "who did not act does not show: {log}");
}
