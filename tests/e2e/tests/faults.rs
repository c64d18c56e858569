//! Whatever breaks, nothing that was acknowledged is lost, nothing is served that should not be,
//! and people are told what is not there and what to do.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Write,
    net::TcpStream,
    process::Command,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread,
    time::Instant,
};

use futures::{future::join_all, stream, StreamExt};
use salus_client::{
    actions::records, chain::calls, files::object::BuiltRecord, taxonomy::Category,
};
use salus_e2e::{
    car, command, command_at, content, eventually, new_file, run, wait_until, Bucket, Disk,
    Hospital, Http, Patient, Peak, World,
};
use salus_primitives::{RecordIndex, Rights, MAX_ANCHORS};

const MIB: usize = 1024 * 1024;
/// So much less than a power of two fills that size and is not padded to the next one.
const SPARE: usize = 8;
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// An upload, and what its sender was told of it.
struct Sent {
    seed: u64,
    length: usize,
    built: BuiltRecord,
    acknowledged: bool,
}

/// The files of one round: some small, some of several chunks, one larger.
fn round(patient: &Patient, number: u64) -> Vec<Sent> {
    const LENGTHS: [usize; 4] = [60_000, MIB + 5, 2 * MIB, 6 * MIB];
    let file = |(length, place): (usize, u64)| {
        let seed = number * 10 + place;
        Sent {
            seed,
            length,
            built: patient.build(&patient.client, Category::Imaging, &content(seed, length)),
            acknowledged: false,
        }
    };
    LENGTHS.into_iter().zip(0..).map(file).collect()
}

/// All at once, each once.
async fn upload(http: &Http, token: &str, round: &mut [Sent]) {
    let uploads = round.iter_mut().map(|sent| async move {
        let answer = http.upload(token, &sent.built.object).await;
        sent.acknowledged = answer.is_ok_and(|answer| answer.status == 201);
    });
    join_all(uploads).await;
}

/// Names all of them on the chain, whatever became of them: only what the chain names is served.
async fn anchor(patient: &Patient, sent: &[Sent]) -> Vec<RecordIndex> {
    let (compartment, _) = patient.compartment(Category::Imaging);
    let mut records = Vec::new();
    for sent in sent.chunks(MAX_ANCHORS as usize) {
        let items: Vec<_> = sent
            .iter()
            .map(|sent| (patient.id, None, sent.built.new_record(compartment, 0)))
            .collect();
        let call = calls::records::anchor_many(&items).expect("not too many");
        let submitted = patient
            .client
            .submit(&call)
            .await
            .expect("an owner anchors");
        records.extend(
            submitted
                .events
                .iter()
                .filter(|event| event.is("Records", "RecordAnchored"))
                .map(|event| event.fields["record"].as_u64().expect("a number") as RecordIndex),
        );
    }
    assert_eq!(records.len(), sent.len());
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_it_keeps_every_acknowledged_file_and_serves_no_other() {
    const ROUNDS: u64 = 50;
    let mut hospital = Hospital::open().await;
    let doctor = hospital.doctor().await;
    let patient = hospital.patient("patient").await;
    patient
        .share(&doctor, Category::LabResult, Rights::Write)
        .await;
    let genesis = doctor.chain.genesis();
    let http = Http::to(&hospital.vault.url(), 0, genesis);

    // How long an upload takes when nobody kills anything.
    let mut sent = round(&patient, 0);
    let token = http.sign_in(&patient.client.key).await;
    let started = Instant::now();
    upload(&http, &token, &mut sent).await;
    let undisturbed = started.elapsed();
    assert!(sent.iter().all(|sent| sent.acknowledged));

    // Meanwhile a doctor goes on adding records as the command line does, with its patience.
    let over = Arc::new(AtomicBool::new(false));
    let adding = tokio::spawn({
        let (over, id) = (over.clone(), patient.id);
        let files: Vec<_> = (0..ROUNDS)
            .map(|n| hospital.file(&format!("lab-{n}"), content(1_000 + n, 100_000)))
            .collect();
        async move {
            let mut added = Vec::new();
            for file in files {
                if over.load(Ordering::Relaxed) && !added.is_empty() {
                    break;
                }
                let new = new_file(file.clone(), Category::LabResult);
                if let Ok(done) = records::add(&doctor, id, &[new]).await {
                    added.push((done.record, file));
                }
            }
            added
        }
    });

    let mut cut = 0;
    for number in 1..=ROUNDS {
        let mut files = round(&patient, number);
        let token = http.sign_in(&patient.client.key).await;
        let wait = undisturbed.mul_f64(2.0 * number as f64 / ROUNDS as f64);
        let kill = async {
            tokio::time::sleep(wait).await;
            hospital.vault.kill();
            // On the disk as the kill left it: what is no whole object is half an upload.
            let half = hospital.vault.begun();
            cut += usize::from(!half.is_subset(&hospital.vault.whole()));
        };
        futures::join!(upload(&http, &token, &mut files), kill);
        sent.append(&mut files);
        hospital.vault.restart();
    }
    assert!(hospital.node.process().is_running());
    over.store(true, Ordering::Relaxed);
    let added = adding.await.expect("it ends");
    let lost = sent.iter().filter(|sent| !sent.acknowledged).count();
    println!(
        "{cut} of {ROUNDS} kills fell inside an upload (of {undisturbed:?}); {} of {} uploads were not acknowledged; {} records were added",
        lost,
        sent.len(),
        added.len()
    );
    assert!(cut > 0, "no kill fell inside an upload");
    assert!(lost > 0 && !added.is_empty());

    // Once more without load: what half uploads left is gone, and what is whole is served.
    hospital.vault.restart();
    let whole = hospital.vault.whole();
    assert_eq!(hospital.vault.begun(), whole, "halves are left on the disk");
    let records = anchor(&patient, &sent).await;
    // The answer to a finished upload may be lost on its way; then it is whole all the same.
    let (kept, lost): (Vec<_>, Vec<_>) = sent.iter().zip(records).partition(|(sent, _)| {
        sent.acknowledged || whole.contains(&sent.built.object.root().to_string())
    });
    let token = http.sign_in(&patient.client.key).await;
    for (_, record) in lost {
        for part in ["payload", "manifest", "binding", "directory"] {
            let path = format!("/v1/patients/{}/records/{record}/{part}", patient.id);
            http.get(&path, &token, None).await.is(404, "not-found");
        }
    }
    let reads = kept.into_iter().map(|(sent, record)| {
        let (patient, out) = (&patient, hospital.path(&format!("read-{record}")));
        async move {
            let found = patient.read(record, out).await;
            assert!(
                found == content(sent.seed, sent.length),
                "record {record} differs"
            );
        }
    });
    stream::iter(reads)
        .buffer_unordered(4)
        .collect::<Vec<()>>()
        .await;
    for (record, file) in added {
        let found = patient.read(record, hospital.path("read")).await;
        assert!(found == std::fs::read(file).expect("it is there"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_costs_nothing_but_the_file_that_does_not_fit() {
    let disk = Disk::of(40);
    let hospital = Hospital::in_world(World::start(), disk.path("blobs"), &[]).await;
    let patient = hospital.patient("patient").await;
    let add = |name: &str, length: usize| {
        let file = hospital.file(name, content(1, length));
        let args = ["record", "add", "--category", "imaging"].map(OsString::from);
        hospital.salus("patient", args.into_iter().chain([file.into()]))
    };
    let chart = || {
        let chart = hospital.salus("patient", ["record", "list"]).ok();
        chart["records"].as_array().expect("a list").len()
    };
    add("first", 2 * MIB - SPARE).ok();
    assert_eq!(chart(), 1);

    add("large", 64 * MIB - SPARE)
        .fails(1, "507 disk-full")
        .says("tell the operator, or use another vault");
    assert_eq!(chart(), 1, "a record was anchored whose file is nowhere");
    assert_eq!(hospital.vault.begun(), hospital.vault.whole());
    let read = patient.read(0, hospital.path("read")).await;
    assert!(read == content(1, 2 * MIB - SPARE));

    // The same when others fill the disk; then room is made.
    let filler = disk.path("filler");
    fs::write(&filler, vec![0; 34 * MIB]).expect("it just fits");
    add("middle", 8 * MIB - SPARE).fails(1, "507 disk-full");
    fs::remove_file(filler).expect("it is there");
    add("middle", 8 * MIB - SPARE).ok();
    assert_eq!(chart(), 2);
    let read = patient.read(1, hospital.path("read")).await;
    assert!(read == content(1, 8 * MIB - SPARE));
}

/// What is handed out is noted on the same disk first: who fills it must not keep everybody from reading.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_filled_by_uploads_still_serves() {
    let disk = Disk::of(24);
    let hospital = Hospital::in_world(World::start(), disk.path("blobs"), &[]).await;
    let patient = hospital.patient("patient").await;
    let file = hospital.file("first", content(1, MIB - SPARE));
    patient.add(&patient.client, file, Category::Imaging).await;
    let genesis = patient.client.chain.genesis();
    let http = Http::to(&hospital.vault.url(), 0, genesis);
    let token = http.sign_in(&patient.client.key).await;
    // Smaller and smaller ones, until not even the smallest fits.
    for length in [4 * MIB - SPARE, MIB - SPARE, 100_000, 0] {
        loop {
            let built = patient.build(&patient.client, Category::Imaging, &content(2, length));
            let answer = http.upload(&token, &built.object).await;
            let answer = answer.expect("it answers");
            if answer.status != 201 {
                answer.is(507, "disk-full");
                break;
            }
        }
    }
    let path = format!("/v1/patients/{}/records/0/payload", patient.id);
    // Each session has a note of its own.
    for _ in 0..16 {
        let token = http.sign_in(&patient.client.key).await;
        assert_eq!(http.get(&path, &token, None).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_whose_node_is_gone_cut_off_or_silent_refuses_and_then_goes_on_by_itself() {
    let mut hospital = Hospital::with(&["--freshness", "5"]).await;
    let doctor = hospital.doctor().await;
    let patient = hospital.patient("patient").await;
    let file = hospital.file("file", content(1, MIB));
    patient.add(&patient.client, file, Category::Imaging).await;
    let http = Http::to(&hospital.vault.url(), 0, doctor.chain.genesis());
    let token = http.sign_in(&patient.client.key).await;
    let path = format!("/v1/patients/{}/records/0/payload", patient.id);
    let get = || http.get(&path, &token, None);
    let vault = hospital.vault.process().id();
    assert_eq!(get().await.status, 200);

    hospital.node.kill();
    let gone = get().await;
    gone.is(503, "chain-unavailable");
    assert!(gone
        .message()
        .contains("its node is unreachable; try again"));
    let node = hospital.node.url();
    hospital
        .salus("patient", ["record", "list"])
        .fails(5, &node)
        .says("check that");
    hospital.node.restart();
    eventually("the vault serves again", 20, || async {
        get().await.status == 200
    })
    .await;

    // It answers, but by a finalized head that gets older and older.
    hospital.node.kill();
    hospital.node.restart_cut_off();
    let asking = {
        // People without a vault are told that it is the vault.
        let (profile, node, out) = (
            hospital.path("patient"),
            hospital.node.url(),
            hospital.path("read"),
        );
        thread::spawn(move || {
            let mut command = command(&profile, &node);
            command
                .args(["--vault", NOWHERE, "record", "get", "0", "--out"])
                .arg(out);
            run(command, |_| {})
                .fails(5, NOWHERE)
                .says("does not answer")
        })
    };
    eventually("the vault notices", 20, || async {
        get().await.message().contains("seconds old")
    })
    .await;
    get().await.is(503, "chain-unavailable");
    asking.join().expect("it says so");
    hospital.node.kill();
    hospital.node.restart();
    eventually("the vault serves again", 20, || async {
        get().await.status == 200
    })
    .await;

    hospital.node.pause();
    get().await.is(503, "chain-unavailable");
    hospital.node.go_on();
    eventually("the vault serves again", 20, || async {
        get().await.status == 200
    })
    .await;

    assert!(hospital.vault.process().is_running());
    assert_eq!(
        hospital.vault.process().id(),
        vault,
        "it was never restarted"
    );
}

/// What an account may hold without the chain naming it, in MiB.
const QUOTA: &str = "20";

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_an_upload_lacks_the_token_or_has_a_wrong_clock_gets_and_leaves_nothing() {
    let hospital = Arc::new(Hospital::with(&["--quota-account", QUOTA]).await);
    let checks = [
        tokio::spawn(an_uploader_who_leaves_in_the_middle_leaves_nothing(
            hospital.clone(),
        )),
        tokio::spawn(without_the_right_token_nothing_is_served(hospital.clone())),
        tokio::spawn(a_clock_that_is_an_hour_off_is_named(hospital.clone())),
    ];
    for check in join_all(checks).await {
        check.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    }
}

async fn an_uploader_who_leaves_in_the_middle_leaves_nothing(hospital: Arc<Hospital>) {
    let doctor = hospital.doctor().await;
    let patient = hospital.patient("leaver").await;
    let http = Http::to(&hospital.vault.url(), 0, doctor.chain.genesis());
    let token = http.sign_in(&patient.client.key).await;
    // Two of them would be more than the quota.
    let length = 12 * MIB;
    let built = patient.build(&patient.client, Category::Imaging, &content(1, length));
    let root = built.object.root().to_string();
    let bytes = car(&built.object);
    let head = format!(
        "POST /v1/objects HTTP/1.1\r\nHost: vault\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    for _ in 0..3 {
        let mut vault =
            TcpStream::connect(("127.0.0.1", hospital.vault.port())).expect("it listens");
        vault.write_all(head.as_bytes()).expect("it reads");
        vault
            .write_all(&bytes[..bytes.len() - MIB])
            .expect("it reads");
        wait_until("the vault stores", 10, || {
            !hospital.vault.begun().is_subset(&hospital.vault.whole())
        });
        drop(vault);
        wait_until("the vault clears up", 10, || {
            hospital.vault.begun().is_subset(&hospital.vault.whole())
        });
    }
    assert!(!hospital.vault.whole().contains(&root));
    eventually("the same upload is taken in", 5, || async {
        let answer = http
            .upload(&token, &built.object)
            .await
            .expect("it answers");
        assert!([201, 409].contains(&answer.status), "{}", answer.message());
        answer.status == 201
    })
    .await;
    assert!(hospital.vault.whole().contains(&root));
}

async fn without_the_right_token_nothing_is_served(hospital: Arc<Hospital>) {
    let doctor = hospital.doctor().await;
    let patient = hospital.patient("guarded").await;
    let other = hospital.patient("other").await;
    patient
        .share(&doctor, Category::Imaging, Rights::Read)
        .await;
    let file = hospital.file("guarded-file", content(1, 1_000));
    patient.add(&patient.client, file, Category::Imaging).await;
    hospital.salus("guarded", ["keyring", "save"]).ok();
    let stranger = hospital.profile("stranger").1.account;

    let http = Http::to(&hospital.vault.url(), 0, doctor.chain.genesis());
    let tokens = [
        (http.sign_in(&doctor.key).await, 404, "not-found"),
        (http.sign_in(&other.client.key).await, 404, "not-found"),
        ("00".repeat(32), 401, "no-session"),
        ("no token at all".into(), 401, "no-session"),
        (String::new(), 401, "no-session"),
    ];
    let own = http.sign_in(&patient.client.key).await;
    let parts = ["directory", "binding", "manifest", "payload"];
    let parts = parts.map(|part| format!("records/0/{part}"));
    let others = ["grants/0/envelopes/0", "keyring"].map(str::to_owned);
    for place in parts.into_iter().chain(others) {
        let path = format!("/v1/patients/{}/{place}", patient.id);
        assert_eq!(http.get(&path, &own, None).await.status, 200, "{path}");
        for (token, status, code) in &tokens {
            http.get(&path, token, None).await.is(*status, code);
        }
    }
    // An account that the chain does not know does not even get a token.
    let refused = http.present(&stranger, &http.challenge(&stranger)).await;
    refused.is(403, "not-in-standing");
    // And nobody gets one with another account's signature.
    let mut stolen = http.challenge(&stranger);
    stolen.account = patient.client.me();
    http.present(&stranger, &stolen)
        .await
        .is(401, "bad-challenge");
}

/// Nobody should have to know what a challenge is to understand that a clock is wrong.
async fn a_clock_that_is_an_hour_off_is_named(hospital: Arc<Hospital>) {
    hospital.patient("late").await;
    let add = |clock: &str| {
        let file = hospital.file("late-file", content(7, 1_000));
        let mut command = command_at(clock, &hospital.path("late"), &hospital.node.url());
        command
            .args(["record", "add", "--category", "imaging"])
            .arg(file);
        run(command, |_| {})
    };
    let records = || {
        let chart = hospital.salus("late", ["record", "list", "--quick"]);
        chart.ok()["records"].as_array().expect("a list").len()
    };
    // Half a minute is nothing.
    add("+30s").ok();
    add("-30s").ok();
    assert_eq!(records(), 2);
    for clock in ["+1h", "-1h"] {
        let answer = add(clock);
        if answer.code != 0 {
            answer.says("check the clock");
            assert_eq!(records(), 2, "what failed is anchored all the same");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_needs_little_memory_on_both_sides() {
    const LIMIT: u64 = 200;
    const LENGTH: u64 = 512;
    let mut hospital = Hospital::open().await;
    hospital.patient("patient").await;
    let large = hospital.path("large");
    let mut file = fs::File::create(&large).expect("the folder is ours");
    let piece = content(1, MIB);
    for _ in 0..LENGTH {
        file.write_all(&piece).expect("there is room");
    }
    drop(file);
    let vault = Peak::of(hospital.vault.process().id());
    let salus = |args: &[&OsStr]| {
        let mut command = command(&hospital.path("patient"), &hospital.node.url());
        command.args(args);
        let mut peak = None;
        let started = Instant::now();
        run(command, |child| peak = Some(Peak::of(child.id()))).ok();
        let peak = peak.expect("it ran").mib();
        println!("{args:?}: {peak} MiB, {:?}", started.elapsed());
        assert!((10..LIMIT).contains(&peak), "{args:?} needed {peak} MiB");
    };
    let words = ["record", "add", "--category", "imaging"].map(OsStr::new);
    salus(&[&words[..], &[large.as_os_str()]].concat());
    let read = hospital.path("read");
    let words = ["record", "get", "0", "--out"].map(OsStr::new);
    salus(&[&words[..], &[read.as_os_str()]].concat());
    let peak = vault.mib();
    println!("the vault: {peak} MiB");
    assert!((10..LIMIT).contains(&peak), "the vault needed {peak} MiB");
    let same = Command::new("cmp").arg(&large).arg(&read).status();
    assert!(same.expect("cmp is part of every system").success());
}

/// What is promised of a folder holds of a bucket, too: it is there after a kill, and whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_what_was_acknowledged_like_a_folder() {
    let world = World::start();
    let bucket = Bucket::open(world.folder());
    let mut hospital = Hospital::in_world(world, None, &bucket.options()).await;
    let patient = hospital.patient("patient").await;
    let bytes = content(1, 3 * MIB + 7);
    let file = hospital.file("file", &bytes);
    patient.add(&patient.client, file, Category::Imaging).await;
    hospital.vault.kill();
    hospital.vault.restart();
    let read = patient.read(0, hospital.path("read")).await;
    assert!(read == bytes);
}
