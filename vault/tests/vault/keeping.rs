//! Grace period, erasure, deliveries, and the addresses that operators watch.

use salus_primitives::{Delivery, Part, PatientId, RecordState, Rights};

use crate::objects::*;
use crate::world::*;

#[tokio::test]
async fn upload_that_the_chain_never_names_is_deleted_after_its_grace_period() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.pass(HOUR - 1);
    assert_eq!(world.vault.sweep().await.unwrap(), 0);
    assert!(!world.files().is_empty());
    world.pass(1);
    assert_eq!(world.vault.sweep().await.unwrap(), 1);
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn named_object_outlives_its_grace_period() {
    let mut world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.pass(2 * HOUR);
    // Named only after the grace period was over, and the vault was down meanwhile.
    world.restart().await;
    assert_eq!(world.vault.sweep().await.unwrap(), 0);
    world.pass(100 * HOUR);
    assert_eq!(world.vault.sweep().await.unwrap(), 0);
    assert_eq!(world.vault.audit().await.unwrap(), 0);
    let token = world.token("Owner").await;
    let reply = world.get(&token, &record_path(0, "payload"), &[]).await;
    assert_eq!(reply.body, b"payload");
}

#[tokio::test]
async fn nothing_is_deleted_while_the_chain_cannot_be_asked() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.pass(2 * HOUR);
    world.chain.state().down = true;
    assert!(world.vault.sweep().await.is_err());
    world.chain.state().down = false;
    // Stale: the chain may have named it in a block that this node has not seen.
    world
        .time
        .fetch_add(31 * SECOND, std::sync::atomic::Ordering::SeqCst);
    assert!(world.vault.sweep().await.is_err());
    assert!(!world.files().is_empty());
}

#[tokio::test]
async fn erased_record_is_deleted() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.vault.sweep().await.unwrap();
    world
        .chain
        .state()
        .records
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .state = RecordState::Erased;
    assert_eq!(world.vault.audit().await.unwrap(), 1);
    assert_eq!(world.vault.sweep().await.unwrap(), 1);
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn relocated_file_is_kept_for_one_more_grace_period() {
    let mut world = World::new().await;
    let old = record(PATIENT, &account("Owner"), 1, b"old");
    let new = record(PATIENT, &account("Owner"), 2, b"new");
    world.store("Owner", &old).await;
    world.store("Owner", &new).await;
    world.anchor(PATIENT, 0, &old, "Owner");
    world
        .chain
        .state()
        .named
        .push((salus_primitives::ObjectKind::Record, new.root));
    world.vault.sweep().await.unwrap();
    world.anchor(PATIENT, 0, &new, "Owner");
    world.pass(100 * HOUR);
    assert_eq!(world.vault.audit().await.unwrap(), 1);
    assert_eq!(world.vault.sweep().await.unwrap(), 0);
    world.pass(HOUR - 1);
    world.restart().await;
    assert_eq!(world.vault.sweep().await.unwrap(), 0);
    world.pass(1);
    assert_eq!(world.vault.sweep().await.unwrap(), 1);
    let token = world.token("Owner").await;
    let reply = world.get(&token, &record_path(0, "payload"), &[]).await;
    assert_eq!(reply.body, b"new");
}

#[tokio::test]
async fn every_handing_out_is_logged_once_and_survives_a_restart() {
    let mut world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.share(0, "Doctor", Rights::Read, Vec::new());
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let doctor = world.token("Doctor").await;
    let opened = [("salus-opened", entry.as_str())];
    for part in ["directory", "binding", "manifest", "payload", "payload"] {
        let reply = world.get(&doctor, &record_path(0, part), &opened).await;
        assert_eq!(reply.status, 200, "{part}");
    }
    // Two ranges of one download are one delivery.
    let range = [("salus-opened", entry.as_str()), ("range", "bytes=2-3")];
    world.get(&doctor, &record_path(0, "payload"), &range).await;
    // The patient's own reading is logged elsewhere.
    let owner = world.token("Owner").await;
    world.get(&owner, &record_path(0, "payload"), &[]).await;
    // Refused readings hand nothing out, and HEAD neither.
    let mallory = world.token("Mallory").await;
    world.get(&mallory, &record_path(0, "payload"), &[]).await;
    let mut head = world.request(&owner, &record_path(0, "manifest"), &[]);
    *head.method_mut() = axum::http::Method::HEAD;
    let reply = world.send(head).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
    assert_eq!(reply.headers["content-length"], "99");

    world.chain.state().rejects_deliveries = true;
    assert!(world.vault.deliveries.submit().await.is_err());
    world.restart().await;
    world.chain.state().rejects_deliveries = false;
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 2);
    let mut delivered: Vec<_> = world
        .chain
        .state()
        .delivered
        .iter()
        .map(|delivery| (delivery.reader.clone(), delivery.record, delivery.part))
        .collect();
    delivered.sort();
    let mut expected = vec![
        (account("Doctor"), 0, Part::Manifest),
        (account("Doctor"), 0, Part::Full),
    ];
    expected.sort();
    assert_eq!(delivered, expected);
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 0);
}

#[tokio::test]
async fn a_delivery_names_the_grant_that_it_was_read_under() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    let doctor = world.token("Doctor").await;
    for grant in [3, 5] {
        world.share(grant, "Doctor", Rights::Read, Vec::new());
        let entry = world.open("Doctor", &[0], Part::Full, grant);
        let opened = [("salus-opened", entry.as_str())];
        // Twice under the same one is one delivery.
        for _ in 0..2 {
            let reply = world
                .get(&doctor, &record_path(0, "payload"), &opened)
                .await;
            assert_eq!(reply.status, 200);
        }
    }
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 2);
    let mut grants: Vec<_> = world
        .chain
        .state()
        .delivered
        .iter()
        .map(|delivery| delivery.grant)
        .collect();
    grants.sort();
    assert_eq!(grants, [3, 5]);
}

/// A delivery of what the doctor has opened.
async fn hand_out(world: &World, patient: PatientId, record: u32) {
    world.opened(patient, record);
    let delivery = Delivery {
        patient,
        reader: account("Doctor"),
        grant: 0,
        record,
        part: Part::Full,
    };
    world.vault.deliveries.push(&delivery).await.unwrap();
}

fn delivered(world: &World) -> Vec<u32> {
    let state = world.chain.state();
    let mut records: Vec<_> = state.delivered.iter().map(|entry| entry.record).collect();
    records.sort();
    records
}

/// The owner controls the other patient, too.
async fn with_two_patients() -> World {
    let world = World::new().await;
    let mut state = world.chain.state();
    let role = state.controllers[&(PATIENT, account("Owner"))].clone();
    state
        .controllers
        .insert((OTHER_PATIENT, account("Owner")), role);
    drop(state);
    world
}

#[tokio::test]
async fn an_entry_that_the_chain_never_takes_holds_up_no_other_and_is_dropped_after_a_day() {
    let world = with_two_patients().await;
    for record in 0..10 {
        hand_out(&world, PATIENT, record).await;
    }
    world.chain.state().unreportable = vec![0, 4];
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 10);
    assert_eq!(delivered(&world), [1, 2, 3, 5, 6, 7, 8, 9]);
    let metric = |name| world.metric(name);
    assert_eq!(world.waiting().await, 2);
    world.pass(24 * HOUR);
    world.vault.deliveries.submit().await.unwrap();
    assert_eq!(world.vault.store.undelivered().await.unwrap(), 0);
    world.pass(HOUR);
    world.vault.deliveries.submit().await.unwrap();
    assert_eq!(world.waiting().await, 0);
    world.pass(HOUR);
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 0);

    // The operator is told that there are some, and reads in the folder whom to tell of what.
    assert_eq!(metric("salus_vault_undelivered").await, 2.0);
    let kept: Vec<_> = (world.files().into_iter())
        .filter(|(path, _)| path.starts_with(world.folder.path().join("undelivered")))
        .collect();
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    let mut records = Vec::new();
    for (_, bytes) in &kept {
        let entry = read(bytes);
        assert_eq!(entry["patient"], PATIENT.to_string());
        assert_eq!(entry["reader"], account("Doctor").to_string());
        assert_eq!(entry["part"], "Full");
        assert_eq!(entry["handed_out"], START);
        records.push(entry["record"].as_u64().unwrap());
    }
    records.sort();
    assert_eq!(records, [0, 4]);
    // Until the operator has dealt with them.
    for (path, _) in kept {
        std::fs::remove_file(path).unwrap();
    }
    world.vault.deliveries.submit().await.unwrap();
    assert_eq!(metric("salus_vault_undelivered").await, 0.0);
}

#[tokio::test]
async fn a_delivery_that_waits_for_more_than_an_hour_is_told_to_the_operator() {
    let world = with_two_patients().await;
    let overdue = "salus_vault_deliveries_overdue";
    hand_out(&world, PATIENT, 0).await;
    world.chain.state().full_trails = vec![PATIENT];
    for _ in 0..7 {
        world.vault.deliveries.submit().await.unwrap();
        assert_eq!(world.metric(overdue).await, 0.0);
        world.pass(10 * MINUTE);
    }
    world.pass(10 * MINUTE);
    world.vault.deliveries.submit().await.unwrap();
    assert_eq!(world.metric(overdue).await, 1.0);
    // The same when nobody can ask the chain.
    world.pass(20 * MINUTE);
    assert_eq!(world.metric(overdue).await, 0.0);
    world.chain.state().rejects_deliveries = true;
    assert!(world.vault.deliveries.submit().await.is_err());
    assert_eq!(world.metric(overdue).await, 1.0);

    world.pass(20 * MINUTE);
    world.chain.state().rejects_deliveries = false;
    world.chain.state().full_trails.clear();
    world.vault.deliveries.submit().await.unwrap();
    assert_eq!(delivered(&world), [0]);
    assert_eq!(world.metric(overdue).await, 0.0);
}

#[tokio::test]
async fn an_entry_that_waits_for_an_allowance_is_kept_and_holds_up_no_other() {
    let mut world = with_two_patients().await;
    for record in 0..4 {
        hand_out(&world, PATIENT, record).await;
    }
    hand_out(&world, OTHER_PATIENT, 4).await;
    world.chain.state().full_trails = vec![PATIENT];
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 5);
    assert_eq!(delivered(&world), [4]);
    // What comes after does not wait for it, and it is not offered again at once.
    hand_out(&world, OTHER_PATIENT, 5).await;
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 1);
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 0);
    let offered = world.chain.state().batches_offered;
    world.restart().await;
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 0);
    assert_eq!(world.chain.state().batches_offered, offered);
    assert_eq!(world.waiting().await, 4);
    world.pass(10 * MINUTE);
    world.chain.state().full_trails.clear();
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 4);
    assert_eq!(delivered(&world), [0, 1, 2, 3, 4, 5]);
    assert_eq!(world.vault.store.undelivered().await.unwrap(), 0);
}

#[tokio::test]
async fn a_vault_that_may_not_report_for_a_while_reports_later() {
    let world = with_two_patients().await;
    hand_out(&world, PATIENT, 0).await;
    hand_out(&world, PATIENT, 1).await;
    // Another member came, and keeps the files now.
    world.chain.state().keepers = vec![CLINIC];
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 2);
    assert_eq!(world.waiting().await, 2);
    world.pass(HOUR);
    world.chain.state().keepers = vec![HOSPITAL];
    // The credential has expired meanwhile.
    let member = world.chain.state().members.remove(&account("Service"));
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 2);
    world.pass(HOUR);
    let service = account("Service");
    world
        .chain
        .state()
        .members
        .insert(service.clone(), member.unwrap());
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 2);
    assert_eq!(delivered(&world), [0, 1]);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_vault_that_keeps_nothing_of_a_patient_hands_out_none_of_it_and_says_who_does() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.share(0, "Doctor", Rights::Read, Vec::new());
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let opened = [("salus-opened", entry.as_str())];
    {
        let mut state = world.chain.state();
        state.keepers = vec![CLINIC, 7];
        state.peers = [
            (CLINIC, "https://clinic.example"),
            (9, "https://other.example"),
        ]
        .map(|(organisation, url)| salus_vault::ledger::Peer {
            organisation,
            url: url.into(),
        })
        .to_vec();
    }
    let (owner, doctor) = (world.token("Owner").await, world.token("Doctor").await);
    for (token, headers) in [(&owner, &[][..]), (&doctor, &opened)] {
        for part in ["manifest", "payload"] {
            let reply = world.get(token, &record_path(0, part), headers).await;
            reply.is(410, "not-a-keeper");
            let message = reply.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains("https://clinic.example"), "{message}");
            assert!(!message.contains("https://other.example"), "{message}");
        }
    }
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 0);

    // Nor does one whose account speaks for no vault now.
    world.chain.state().keepers = vec![HOSPITAL];
    let service = account("Service");
    let member = world.chain.state().members.remove(&service).unwrap();
    let reply = world.get(&owner, &record_path(0, "payload"), &[]).await;
    reply.is(409, "not-reportable");
    world.chain.state().members.insert(service, member);
    // A trail without room this hour keeps nobody from reading.
    world.chain.state().full_trails = vec![PATIENT];
    let reply = world.get(&owner, &record_path(0, "payload"), &[]).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn deliveries_go_in_batches_that_the_chain_takes() {
    let world = World::new().await;
    for record in 0..100 {
        hand_out(&world, PATIENT, record).await;
    }
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 64);
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 36);
    let state = world.chain.state();
    let mut records: Vec<_> = state
        .delivered
        .iter()
        .map(|delivery| delivery.record)
        .collect();
    records.sort();
    assert_eq!(records, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn health_info_and_openapi_are_open_and_true() {
    let world = World::new().await;
    let reply = world.get("", "/health", &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["status"], "ok");
    assert_eq!(reply.json()["finalized"], 10);
    world.chain.state().down = true;
    let reply = world.get("", "/health", &[]).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["status"], "chain-unavailable");

    let info = world.get("", "/v1/info", &[]).await.json();
    assert_eq!(info["organisation"], HOSPITAL);
    assert_eq!(info["genesis"], format!("0x{}", "07".repeat(32)));
    assert_eq!(info["origin"], ORIGIN);
    assert_eq!(
        info["service_account"],
        format!("0x{}", hex_account("Service"))
    );

    let document = world.get("", "/openapi.json", &[]).await.json();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/v1/session",
        "/v1/info",
        "/v1/objects",
        "/v1/patients/{patient}/records/{index}/{part}",
        "/v1/patients/{patient}/grants/{grant}/envelopes/{number}",
        "/v1/patients/{patient}/requests/{request}/letter",
        "/v1/patients/{patient}/corrections/{correction}/letters/{stage}",
        "/v1/patients/{patient}/keyring",
        "/ipfs/{cid}",
        "/v1/copies",
        "/health",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    world
        .get("", "/nowhere", &[])
        .await
        .is(404, "no-such-route");
}

#[tokio::test]
async fn what_alerts_and_the_dashboard_ask_for_exists() {
    let world = World::new().await;
    let told = world.vault.figures().unwrap();
    let known: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let deploy =
        std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../deploy");
    let mut asked = 0;
    for file in ["prometheus/alerts.yml", "grafana/salus.json"] {
        let text = std::fs::read_to_string(deploy.join(file)).unwrap();
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if word.starts_with("salus_vault_") {
                let name = word.strip_suffix("_total").unwrap_or(word);
                assert!(known.contains(&name), "{file} asks for {word}");
                asked += 1;
            }
        }
    }
    assert!(asked > 15, "only {asked} are asked for");
}

#[tokio::test]
async fn what_one_opening_lets_have_is_noted_once_whatever_session_fetches_it() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.share(0, "Doctor", Rights::Read, Vec::new());
    for openings in 1..=2 {
        let entry = world.open("Doctor", &[0], Part::Full, 0);
        let opened = [("salus-opened", entry.as_str())];
        for _ in 0..20 {
            let token = world.token("Doctor").await;
            let path = record_path(0, "payload");
            // At the same time, too.
            let (one, other) = tokio::join!(
                world.get(&token, &path, &opened),
                world.get(&token, &path, &opened)
            );
            assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
            world.pass(SECOND);
        }
        assert_eq!(world.waiting().await, openings);
    }
}

#[tokio::test]
async fn who_reads_very_much_holds_up_no_other_and_is_stopped_before_the_queue_overflows() {
    let world = World::new().await;
    let give = |name: &'static str, record: u32| {
        let delivery = Delivery {
            patient: PATIENT,
            reader: account(name),
            grant: 0,
            record,
            part: Part::Full,
        };
        let opening = salus_vault::ledger::EntryId {
            block: Default::default(),
            event: 0,
        };
        let deliveries = world.vault.deliveries.clone();
        async move { deliveries.note(&delivery, opening).await }
    };
    for record in 0..1_024 {
        give("Lab", record).await.unwrap();
    }
    let refused = give("Lab", 1_024).await.unwrap_err();
    assert_eq!((refused.status.as_u16(), refused.code), (429, "quota"));
    world.pass(SECOND);
    give("Doctor", 7).await.unwrap();
    let due = world.vault.store.deliveries(world.now(), 64).await.unwrap();
    let readers: Vec<_> = due
        .batch
        .iter()
        .map(|queued| &queued.delivery.reader)
        .collect();
    assert_eq!(due.batch.len(), 64);
    assert_eq!(readers[1], &account("Doctor"));
    // Also after a restart.
    let mut world = world;
    world.restart().await;
    world.chain.state().rejects_deliveries = true;
    world.vault.deliveries.submit().await.unwrap_err();
    let opening = salus_vault::ledger::EntryId {
        block: Default::default(),
        event: 1,
    };
    let delivery = Delivery {
        patient: PATIENT,
        reader: account("Lab"),
        grant: 0,
        record: 5_000,
        part: Part::Full,
    };
    let refused = world.vault.deliveries.note(&delivery, opening).await;
    assert_eq!(refused.unwrap_err().code, "quota");
}
