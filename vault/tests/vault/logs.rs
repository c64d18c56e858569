//! Logs are read by many. No token, signature or body ever gets there; and unless the operator asks for
//! names, nobody learns from them whose files these are.

use std::io::Write;
use std::sync::{Arc, Mutex};

use salus_primitives::{Delivery, ObjectKind, Part, Rights};
use salus_vault::ledger::Peer;
use salus_vault::log::{subscriber, Style};
use sp_core::Pair;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::EnvFilter;

use crate::copies::Two;
use crate::emergency;
use crate::objects::*;
use crate::world::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The log as it is without settings, of whatever this thread does until the guard goes.
    fn ordinary(&self, json: bool) -> tracing::subscriber::DefaultGuard {
        let style = Style { json, names: false };
        let log = subscriber(self.clone(), EnvFilter::new("info"), style);
        tracing::subscriber::set_default(log)
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log_at_any_level() {
    let captured = Captured::default();
    // Of the whole process: it also hears the other tests, which does no harm.
    let style = Style {
        json: false,
        names: true,
    };
    subscriber(captured.clone(), EnvFilter::new("trace"), style).init();

    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"the-ciphertext-itself");
    let token = world.token("Owner").await;
    world.upload(&token, object.car()).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.share(0, "Doctor", Rights::Read, Vec::new());
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let doctor = world.token("Doctor").await;
    for token in [&token, &doctor] {
        let headers = [("salus-opened", entry.as_str())];
        world.get(token, &record_path(0, "payload"), &headers).await;
        world.get(token, &record_path(7, "payload"), &headers).await;
        world.get(token, "/ipfs/bafkqaaa?format=raw", &[]).await;
    }
    let signature = key("Stranger").sign(b"anything").0;
    world.present("Stranger", "anything", signature).await;
    world.login("Stranger").await;

    let share = emergency::accessed(&world, &token, &doctor).await;
    let identity = world.vault.settings.identity.clone().unwrap();

    let log = captured.text();
    assert!(
        log.contains("stored") && log.contains("turned away"),
        "{log}"
    );
    // Whoever asks for names gets them.
    let released = log.lines().find(|line| line.contains("was released"));
    let named = [PATIENT.to_string(), account("Doctor").to_string()];
    assert!(named.iter().all(|name| released.unwrap().contains(name)));
    for secret in [
        token,
        doctor,
        hex::encode(signature),
        "the-ciphertext-itself".to_owned(),
        identity.expose().unwrap().to_string(),
        hex::encode(share.to_bytes()),
    ] {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

/// Reads a record as the doctor; the answer's status.
async fn read(world: &World, index: u32) -> u16 {
    world.share(0, "Doctor", Rights::Read, Vec::new());
    let entry = world.open("Doctor", &[index], Part::Full, 0);
    let opened = [("salus-opened", entry.as_str())];
    let doctor = world.token("Doctor").await;
    let path = record_path(index, "payload");
    world.get(&doctor, &path, &opened).await.status.as_u16()
}

async fn emergency_access(world: &World) {
    let (owner, doctor) = (world.token("Owner").await, world.token("Doctor").await);
    emergency::accessed(world, &owner, &doctor).await;
}

#[tokio::test]
async fn what_goes_well_leaves_no_line() {
    let captured = Captured::default();
    let _log = captured.ordinary(false);
    let two = Two::new().await;
    two.anchored(0, 3 * MIB).await;
    two.catch_up().await;
    for world in [&two.hospital, &two.clinic] {
        assert_eq!(read(world, 0).await, 200);
        assert_eq!(read(world, 7).await, 404);
    }
    assert_eq!(two.hospital.vault.deliveries.submit().await.unwrap(), 1);
    emergency_access(&two.hospital).await;
    two.hospital.chain.state().plans.clear();
    two.hospital.vault.audit().await.unwrap();
    two.erase(0);
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
    two.hospital.vault.audit().await.unwrap();
    two.hospital.vault.sweep().await.unwrap();
    assert_eq!(captured.text(), "");
}

/// A member's vault whose answers are meant for whoever reads our log.
async fn hostile_peer(object: &Object) -> Peer {
    let said = format!(
        "gone\n2026-01-01T00:00:00Z ERROR forged \u{1b}[2J{} {} {} bytes {}",
        salus_vault::dag::text(&object.root),
        account("Owner"),
        object.bytes(),
        "x".repeat(9_000)
    );
    let answer = serde_json::json!({ "error": "damaged", "message": said }).to_string();
    let app = axum::Router::new()
        .fallback(move || async move { (axum::http::StatusCode::FORBIDDEN, answer) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Peer {
        organisation: 7,
        url,
    }
}

/// Everything that a vault warns of.
async fn mishaps(two: &Two) -> Vec<Object> {
    let (hospital, clinic) = (&two.hospital, &two.clinic);
    hospital.login("Stranger").await.is(403, "not-in-standing");
    // A block that rots, here and at its source.
    let object = two.anchored(0, 1_234_567).await;
    two.catch_up().await;
    clinic.rot(&object);
    two.copier.scrub().await.unwrap();
    two.copier.look_into_doubts().await.unwrap();
    two.copier.fetch_due().await.unwrap();
    let rotten = two.anchored(1, 1_345_678).await;
    hospital.rot(&rotten);
    let peer = hostile_peer(&rotten).await;
    hospital.chain.state().peers.push(peer);
    two.catch_up().await;
    assert_eq!(read(hospital, 1).await, 500);
    // An object that is named where it does not belong.
    let foreign = record(OTHER_PATIENT, &account("Mallory"), 2, &noise(1_456_789, 2));
    hospital.store("Mallory", &foreign).await;
    hospital.anchor(PATIENT, 2, &foreign, "Owner");
    assert_eq!(read(hospital, 2).await, 404);
    // A share that the vault cannot open any more.
    emergency_access(hospital).await;
    for (path, _) in hospital.files() {
        if path.starts_with(hospital.folder.path().join("shares")) {
            std::fs::write(path, b"rot").unwrap();
        }
    }
    let doctor = hospital.token("Doctor").await;
    let released = format!("/v1/patients/{PATIENT}/emergency-share?glass=0");
    hospital
        .get(&doctor, &released, &[])
        .await
        .is(404, "no-share");
    // A folder that is none any more.
    let roots = hospital.folder.path().join("roots");
    std::fs::rename(&roots, hospital.folder.path().join("gone")).unwrap();
    std::fs::write(&roots, b"").unwrap();
    read(hospital, 0).await;
    std::fs::remove_file(&roots).unwrap();
    std::fs::rename(hospital.folder.path().join("gone"), &roots).unwrap();
    // Deliveries that the chain does not take, and at last never will.
    let delivery = Delivery {
        patient: PATIENT,
        reader: account("Doctor"),
        grant: 0,
        record: 43_214_321,
        part: Part::Full,
    };
    hospital.vault.deliveries.push(&delivery).await.unwrap();
    hospital.chain.state().unreportable = vec![43_214_321];
    for _ in 0..3 {
        hospital.vault.deliveries.submit().await.unwrap();
        hospital.pass(13 * HOUR);
    }
    hospital.chain.state().down = true;
    assert!(hospital.vault.sweep().await.is_err());
    vec![object, rotten, foreign]
}

/// A line without its time, which is digits, too.
fn said(line: &str, json: bool) -> String {
    if !json {
        return line["2026-01-01T00:00:00.000000Z".len()..].to_owned();
    }
    let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert!(line["timestamp"].is_string());
    line["timestamp"] = serde_json::Value::Null;
    line.to_string()
}

#[tokio::test]
async fn nobody_is_named_by_the_log_whatever_goes_wrong() {
    for json in [false, true] {
        let captured = Captured::default();
        let log = captured.ordinary(json);
        let two = Two::new().await;
        let objects = mishaps(&two).await;
        drop(log);
        let log = captured.text();

        // There is what an operator acts on.
        for said in [
            "turned away",
            "a block is damaged or gone",
            "a member's copy was not taken",
            "a member's vault gave no copy",
            "an object is named where its binding does not belong",
            "a share is damaged",
            "storage failed",
            "has not taken a delivery",
            "in the vault's folder",
            "the chain could not be asked",
        ] {
            assert!(log.contains(said), "{said} is missing in {log}");
        }
        // And nothing of who it was.
        let mut hidden = vec![
            PATIENT.to_string(),
            OTHER_PATIENT.to_string(),
            "43214321".into(),
        ];
        for name in ["Owner", "Doctor", "Mallory", "Stranger", "Service"] {
            hidden.extend([account(name).to_string(), hex_account(name)]);
        }
        for object in &objects {
            let cids = object.blocks.iter().map(|(cid, _)| cid);
            hidden.extend(cids.chain([&object.root]).map(salus_vault::dag::text));
            hidden.push(object.bytes().to_string());
        }
        hidden.extend(["1234567", "1345678", "1456789", "1048576"].map(String::from));
        for hidden in hidden {
            let found = log.lines().find(|line| said(line, json).contains(&hidden));
            assert_eq!(found, None, "{hidden}");
        }
        // Other machines write no lines of their own, and no long ones.
        assert!(!log.contains('\u{1b}'));
        for line in log.lines() {
            assert!(line.len() < 2_000, "{line}");
            assert!(said(line, json).contains("salus_vault"), "{line}");
        }
    }
}

#[tokio::test]
async fn one_object_has_one_alias_in_all_lines_of_a_run() {
    let alias = |log: &str| {
        let line = log
            .lines()
            .find(|line| line.contains("belong"))
            .unwrap()
            .to_owned();
        line[line.find('~').unwrap()..].to_owned()
    };
    let mut aliases = Vec::new();
    for _ in 0..2 {
        let captured = Captured::default();
        let _log = captured.ordinary(false);
        let world = World::new().await;
        let foreign = record(OTHER_PATIENT, &account("Mallory"), 2, b"foreign");
        world.store("Mallory", &foreign).await;
        world.anchor(PATIENT, 2, &foreign, "Owner");
        world
            .chain
            .state()
            .named
            .push((ObjectKind::Record, foreign.root));
        for _ in 0..2 {
            assert_eq!(read(&world, 2).await, 404);
        }
        let log = captured.text();
        let one = alias(&log);
        assert_eq!(log.matches(&one).count(), log.lines().count(), "{log}");
        aliases.push(one);
    }
    assert_ne!(aliases[0], aliases[1], "another start, another alias");
}
