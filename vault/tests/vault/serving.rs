//! The serve rule: who may have what, until when, and every way around it that must not work.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use futures::StreamExt;
use salus_primitives::{
    ClinicianRole, Grantee, LetterStage, Member, ObjectKind, Part, Purpose, RecordState, Request,
    RequestState, Rights,
};
use tower::ServiceExt;

use crate::objects::*;
use crate::world::*;

const PAYLOAD: usize = 5 * MIB + 123;

/// Record 0 of PATIENT, shared with Doctor by grant 0 for TREAT.
async fn shared() -> (World, Object) {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(PAYLOAD, 1));
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.share(0, "Doctor", Rights::Read, Vec::new());
    (world, object)
}

async fn read(world: &World, name: &str, part: &str, entry: &str) -> StatusCode {
    let token = world.token(name).await;
    let headers = [("salus-opened", entry)];
    let reply = world.get(&token, &record_path(0, part), &headers).await;
    if reply.status == 404 {
        reply.is(404, "not-found");
    }
    reply.status
}

#[tokio::test]
async fn controller_reads_every_part_without_an_entry() {
    let (world, object) = shared().await;
    let token = world.token("Owner").await;
    let parts = [
        ("binding", "binding", object.blocks[0].1.clone()),
        ("manifest", "manifest.age", noise(99, 1)),
        ("payload", "payload.age", noise(PAYLOAD, 1)),
    ];
    for (part, name, content) in parts {
        let reply = world.get(&token, &record_path(0, part), &[]).await;
        assert_eq!(reply.status, 200);
        assert!(reply.body == content, "{part}");
        assert_eq!(
            reply.headers["etag"],
            format!("\"{}\"", salus_vault::dag::text(&object.file(name)))
        );
        assert_eq!(reply.headers["content-length"], content.len().to_string());
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
    let reply = world.get(&token, &record_path(0, "directory"), &[]).await;
    assert_eq!(reply.body, object.blocks.last().unwrap().1);
}

#[tokio::test]
async fn ranges_are_exact_at_every_edge() {
    let (world, _) = shared().await;
    let token = world.token("Owner").await;
    let content = noise(PAYLOAD, 1);
    let length = PAYLOAD as u64;
    let mib = MIB as u64;
    for (from, to) in [
        (0, 0),
        (0, mib - 1),
        (0, mib),
        (mib - 1, mib),
        (mib, 2 * mib - 1),
        (mib + 1, 3 * mib),
        (length - 1, length - 1),
        (5 * mib, length + 99),
        (0, length - 1),
    ] {
        let range = format!("bytes={from}-{to}");
        let reply = world
            .get(&token, &record_path(0, "payload"), &[("range", &range)])
            .await;
        assert_eq!(reply.status, 206);
        let end = to.min(length - 1);
        assert!(
            reply.body == content[from as usize..=end as usize],
            "{range}"
        );
        assert_eq!(
            reply.headers["content-range"],
            format!("bytes {from}-{end}/{length}")
        );
    }
    let outside = [("range", "bytes=99999999-")];
    let reply = world
        .get(&token, &record_path(0, "payload"), &outside)
        .await;
    reply.is(416, "range-not-satisfiable");
    assert_eq!(reply.headers["content-range"], format!("bytes */{length}"));
    // A part that has changed is sent whole, and not spliced.
    let other = [("range", "bytes=5-9"), ("if-range", "\"bafkother\"")];
    let reply = world.get(&token, &record_path(0, "payload"), &other).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, PAYLOAD));
}

#[tokio::test]
async fn grantee_reads_after_opening_and_only_the_part_that_was_opened() {
    let (world, _) = shared().await;
    let list = world.open("Doctor", &[0], Part::Manifest, 0);
    assert_eq!(read(&world, "Doctor", "manifest", &list).await, 200);
    assert_eq!(read(&world, "Doctor", "binding", &list).await, 200);
    assert_eq!(read(&world, "Doctor", "directory", &list).await, 200);
    assert_eq!(read(&world, "Doctor", "payload", &list).await, 404);
    let full = world.open("Doctor", &[0], Part::Full, 0);
    assert_eq!(read(&world, "Doctor", "payload", &full).await, 200);
    assert_eq!(read(&world, "Doctor", "manifest", &full).await, 200);
}

#[tokio::test]
async fn nobody_reads_without_an_entry_of_their_own() {
    let (world, _) = shared().await;
    world.share(1, "Colleague", Rights::Read, Vec::new());
    let token = world.token("Doctor").await;
    let path = record_path(0, "payload");
    world.get(&token, &path, &[]).await.is(404, "not-found");
    let by_doctor = world.open("Doctor", &[0], Part::Full, 0);
    assert_eq!(read(&world, "Colleague", "payload", &by_doctor).await, 404);
    assert_eq!(read(&world, "Mallory", "payload", &by_doctor).await, 404);
    // Colleague's own entry works, so that it was the entry that failed.
    let own = world.open("Colleague", &[0], Part::Full, 1);
    assert_eq!(read(&world, "Colleague", "payload", &own).await, 200);
    // An index that is another event, and a block that is on no chain.
    assert_eq!(read(&world, "Doctor", "payload", &own).await, 404);
    let nowhere = format!("0x{}:0", "ab".repeat(32));
    assert_eq!(read(&world, "Doctor", "payload", &nowhere).await, 404);
    for malformed in ["", "0x12:0", "zz:1", "latest"] {
        let headers = [("salus-opened", malformed)];
        world
            .get(&token, &path, &headers)
            .await
            .is(400, "malformed");
    }
}

#[tokio::test]
async fn entry_of_another_record_does_not_help() {
    let (world, _) = shared().await;
    let other = record(PATIENT, &account("Owner"), 2, b"other");
    world.store("Owner", &other).await;
    world.anchor(PATIENT, 1, &other, "Owner");
    let entry = world.open("Doctor", &[1], Part::Full, 0);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);
}

#[tokio::test]
async fn entry_of_a_colleague_under_the_same_grant_does_not_help() {
    let (world, _) = shared().await;
    world
        .chain
        .state()
        .grants
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .grant
        .grantee = Grantee::Organisation(HOSPITAL);
    let by_doctor = world.open("Doctor", &[0], Part::Full, 0);
    assert_eq!(read(&world, "Doctor", "payload", &by_doctor).await, 200);
    assert_eq!(read(&world, "Lab", "payload", &by_doctor).await, 404);
    let own = world.open("Lab", &[0], Part::Full, 0);
    assert_eq!(read(&world, "Lab", "payload", &own).await, 200);
}

#[tokio::test]
async fn entry_of_another_patient_does_not_help() {
    let (world, _) = shared().await;
    let theirs = record(OTHER_PATIENT, &account("Mallory"), 3, b"theirs");
    world.store("Mallory", &theirs).await;
    world.anchor(OTHER_PATIENT, 0, &theirs, "Mallory");
    // The doctor holds a grant of that number from both of them.
    let grant = world.chain.state().grants[&(PATIENT, 0)].clone();
    world.chain.state().grants.insert((OTHER_PATIENT, 0), grant);
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let token = world.token("Doctor").await;
    let path = format!("/v1/patients/{OTHER_PATIENT}/records/0/payload");
    let reply = world.get(&token, &path, &[("salus-opened", &entry)]).await;
    reply.is(404, "not-found");
}

#[tokio::test]
async fn entry_that_is_finalized_a_moment_later_is_waited_for() {
    let (world, _) = shared().await;
    let entry = world.open_unfinalized("Doctor", &[0]);
    world.chain.state().lags = true;
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 200);
    // Being waited for makes no entry somebody else's.
    let entry = world.open_unfinalized("Doctor", &[0]);
    assert_eq!(read(&world, "Mallory", "payload", &entry).await, 404);
}

#[tokio::test]
async fn entry_that_is_not_finalized_waits() {
    let (world, _) = shared().await;
    let entry = world.open_unfinalized("Doctor", &[0]);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);
    world.pass(1);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 200);
}

#[tokio::test]
async fn entry_ends_after_fifteen_minutes_of_chain_time() {
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    world.pass(15 * MINUTE);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 200);
    world.pass(1);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);
}

#[tokio::test]
async fn entry_is_worth_nothing_once_the_grant_has_ended() {
    // Revoked.
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    world.revoke(0);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);
    // Another grant for the same record does not lend its life to the entry.
    world.share(1, "Doctor", Rights::Read, Vec::new());
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);

    // Expired by the chain's clock, and by the vault's own while the chain lags.
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    world
        .chain
        .state()
        .grants
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .grant
        .expires_at = START + 10 * SECOND;
    world.pass(10 * SECOND - 1);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 200);
    world.time.fetch_add(1, Ordering::SeqCst);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);

    // The enrolment was a mistake.
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let void = |at| {
        world
            .chain
            .state()
            .patients
            .get_mut(&PATIENT)
            .unwrap()
            .voided_at = at
    };
    void(Some(START));
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);
    void(None);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 200);

    // The clinician changed employer: the grant names the old one.
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let at_clinic = Member::Clinician {
        organisation: CLINIC,
        role: ClinicianRole::Physician,
    };
    world
        .chain
        .state()
        .members
        .insert(account("Doctor"), at_clinic);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);

    // Suspended, with a token from before.
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let token = world.token("Doctor").await;
    world.chain.state().members.remove(&account("Doctor"));
    let headers = [("salus-opened", entry.as_str())];
    let reply = world
        .get(&token, &record_path(0, "payload"), &headers)
        .await;
    reply.is(404, "not-found");
}

#[tokio::test]
async fn revocation_cuts_a_download_under_way() {
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let token = world.token("Doctor").await;
    let path = record_path(0, "payload");
    let request = world.request(&token, &path, &[("salus-opened", &entry)]);
    let response = world.app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.unwrap().unwrap();
    assert_eq!(first.len(), MIB);
    world.revoke(0);
    let mut received = first.len();
    let error = loop {
        match body
            .next()
            .await
            .expect("the stream ended as if all were well")
        {
            Ok(bytes) => received += bytes.len(),
            Err(error) => break error,
        }
    };
    // It asks again after 2 MiB in these tests, after 64 MiB otherwise.
    assert_eq!(received, 2 * MIB);
    assert!(error.to_string().contains("not-found"), "{error}");
    // Each Range asks, too.
    let range = [
        ("salus-opened", entry.as_str()),
        ("range", "bytes=2097152-"),
    ];
    world.get(&token, &path, &range).await.is(404, "not-found");
}

#[tokio::test]
async fn long_download_goes_on_when_its_entry_grows_old() {
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let token = world.token("Doctor").await;
    let path = record_path(0, "payload");
    let request = world.request(&token, &path, &[("salus-opened", &entry)]);
    let response = world.app.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    let mut received = body.next().await.unwrap().unwrap().to_vec();
    world.pass(16 * MINUTE);
    while let Some(bytes) = body.next().await {
        received.extend(bytes.unwrap());
    }
    assert!(received == noise(PAYLOAD, 1));
}

#[tokio::test]
async fn chain_that_goes_away_cuts_a_download_and_answers_503() {
    let (world, _) = shared().await;
    let token = world.token("Owner").await;
    let path = record_path(0, "payload");
    let response = world
        .app
        .clone()
        .oneshot(world.request(&token, &path, &[]))
        .await
        .unwrap();
    let mut body = response.into_body().into_data_stream();
    body.next().await.unwrap().unwrap();
    world.chain.state().down = true;
    let mut last = body.next().await;
    while let Some(Ok(_)) = last {
        last = body.next().await;
    }
    assert!(matches!(last, Some(Err(_))));
    let reply = world.get(&token, &path, &[]).await;
    reply.is(503, "chain-unavailable");
    assert_eq!(reply.headers["retry-after"], "5");
    world.login("Owner").await.is(503, "chain-unavailable");
    let object = record(PATIENT, &account("Owner"), 9, b"p");
    world
        .upload(&token, object.car())
        .await
        .is(503, "chain-unavailable");
}

#[tokio::test]
async fn stale_finality_answers_503_and_not_what_was_true_then() {
    let (world, _) = shared().await;
    let token = world.token("Owner").await;
    let path = record_path(0, "payload");
    world.time.fetch_add(30 * SECOND, Ordering::SeqCst);
    assert_eq!(world.get(&token, &path, &[]).await.status, 200);
    world.time.fetch_add(1, Ordering::SeqCst);
    world
        .get(&token, &path, &[])
        .await
        .is(503, "chain-unavailable");
}

#[tokio::test]
async fn absent_and_not_permitted_look_alike() {
    let (world, _) = shared().await;
    let hidden = record(PATIENT, &account("Owner"), 2, b"hidden");
    world.store("Owner", &hidden).await;
    world.anchor(PATIENT, 1, &hidden, "Owner");
    let record = world.chain.state().records[&(PATIENT, 1)].clone();
    let record = salus_primitives::Record {
        compartment: NOTES,
        ..record
    };
    world.chain.state().records.insert((PATIENT, 1), record);
    let token = world.token("Doctor").await;
    let entry = world.open("Doctor", &[0, 1, 2], Part::Full, 0);
    let mut replies = Vec::new();
    for path in [
        record_path(1, "payload"),
        record_path(2, "payload"),
        format!("/v1/patients/{}/records/0/payload", "99".repeat(16)),
        format!("/v1/patients/{PATIENT}/keyring"),
        format!("/v1/patients/{PATIENT}/grants/7/envelopes/0"),
        format!("/v1/patients/{PATIENT}/requests/0/letter"),
        format!("/v1/patients/{PATIENT}/corrections/0/letters/answer"),
    ] {
        let reply = world.get(&token, &path, &[("salus-opened", &entry)]).await;
        replies.push((reply.status, reply.body, format!("{:?}", reply.headers)));
    }
    assert!(
        replies.iter().all(|reply| reply == &replies[0]),
        "{replies:?}"
    );
    assert_eq!(replies[0].0, 404);
}

#[tokio::test]
async fn erased_record_is_handed_to_nobody() {
    let (world, _) = shared().await;
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let set = |state| {
        world
            .chain
            .state()
            .records
            .get_mut(&(PATIENT, 0))
            .unwrap()
            .state = state
    };
    set(RecordState::ErasePending {
        until: world.now() + 1,
    });
    assert_eq!(read(&world, "Owner", "payload", &entry).await, 200);
    world.pass(1);
    assert_eq!(read(&world, "Owner", "payload", &entry).await, 404);
    set(RecordState::Erased);
    assert_eq!(read(&world, "Owner", "payload", &entry).await, 404);
    assert_eq!(read(&world, "Doctor", "payload", &entry).await, 404);
}

#[tokio::test]
async fn victims_object_named_as_ones_own_is_not_served() {
    let (world, victim) = shared().await;
    let mallory = world.token("Mallory").await;
    // As a record of the attacker's own patient, for whom he needs no entry.
    world.anchor(OTHER_PATIENT, 0, &victim, "Mallory");
    let path = format!("/v1/patients/{OTHER_PATIENT}/records/0/payload");
    world.get(&mallory, &path, &[]).await.is(404, "not-found");
    // Claiming that the victim placed it there changes nothing.
    world.anchor(OTHER_PATIENT, 0, &victim, "Owner");
    world.get(&mallory, &path, &[]).await.is(404, "not-found");
    // As his own letter, envelope and keyring.
    {
        let mut state = world.chain.state();
        let correction = (OTHER_PATIENT, 0, LetterStage::Request);
        let letter = (victim.root, account("Mallory"), account("Mallory"));
        state.letters.insert(correction, letter);
        state.patients.get_mut(&OTHER_PATIENT).unwrap().keyring = Some(victim.root);
        state
            .requests
            .insert((OTHER_PATIENT, 0), request("Mallory", victim.root));
        let grant = (PATIENT, 0);
        let mut view = state.grants[&grant].clone();
        view.envelopes = vec![victim.root];
        state.grants.insert((OTHER_PATIENT, 0), view);
    }
    for path in [
        format!("/v1/patients/{OTHER_PATIENT}/corrections/0/letters/request"),
        format!("/v1/patients/{OTHER_PATIENT}/keyring"),
        format!("/v1/patients/{OTHER_PATIENT}/requests/0/letter"),
        format!("/v1/patients/{OTHER_PATIENT}/grants/0/envelopes/0"),
    ] {
        for part in ["body", "seal", "binding", "directory"] {
            let path = format!("{path}?part={part}");
            world.get(&mallory, &path, &[]).await.is(404, "not-found");
        }
    }
}

#[tokio::test]
async fn letter_named_by_another_than_its_author_is_not_served() {
    let world = World::new().await;
    // Owner's letter about PATIENT, which Lab names as its own letter to the same patient.
    let letter = small(ObjectKind::Letter, PATIENT, &account("Owner"), 1, b"secret");
    world.store("Owner", &letter).await;
    world
        .chain
        .state()
        .requests
        .insert((PATIENT, 0), request("Lab", letter.root));
    let path = format!("/v1/patients/{PATIENT}/requests/0/letter");
    let token = world.token("Lab").await;
    world.get(&token, &path, &[]).await.is(404, "not-found");
}

#[tokio::test]
async fn somebody_elses_upload_anchored_first_is_served_to_nobody() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Lab");
    for name in ["Lab", "Owner"] {
        let token = world.token(name).await;
        let reply = world.get(&token, &record_path(0, "payload"), &[]).await;
        reply.is(404, "not-found");
    }
    // However often it is tried: once a minute.
    let foreign = "salus_vault_faults_total{reason=\"foreign-binding\"}";
    assert_eq!(world.metric(foreign).await, 1.0);
    world.pass(MINUTE);
    let token = world.token("Owner").await;
    world.get(&token, &record_path(0, "payload"), &[]).await;
    assert_eq!(world.metric(foreign).await, 2.0);
}

fn request(by: &str, letter: salus_primitives::Cid) -> Request {
    Request {
        requester: account(by),
        organisation: HOSPITAL,
        purpose: Purpose::Treat,
        letter,
        duration: HOUR,
        asked_at: START,
        expires_at: START + HOUR,
        state: RequestState::Pending,
    }
}

#[tokio::test]
async fn request_letter_is_for_the_patient_and_who_asked() {
    let world = World::new().await;
    let letter = small(
        ObjectKind::Letter,
        PATIENT,
        &account("Doctor"),
        1,
        b"please",
    );
    world.store("Doctor", &letter).await;
    world
        .chain
        .state()
        .requests
        .insert((PATIENT, 0), request("Doctor", letter.root));
    let path = format!("/v1/patients/{PATIENT}/requests/0/letter");
    for (name, allowed) in [
        ("Owner", true),
        ("Doctor", true),
        ("Colleague", false),
        ("Lab", false),
        ("Mallory", false),
    ] {
        let token = world.token(name).await;
        let reply = world.get(&token, &path, &[]).await;
        match allowed {
            true => assert_eq!(reply.body, b"please"),
            false => reply.is(404, "not-found"),
        }
    }
    let token = world.token("Doctor").await;
    world.chain.state().members.remove(&account("Doctor"));
    world.get(&token, &path, &[]).await.is(404, "not-found");
}

#[tokio::test]
async fn correction_letter_is_for_those_whom_the_chain_names() {
    let world = World::new().await;
    let letter = small(
        ObjectKind::Letter,
        PATIENT,
        &account("Lab"),
        1,
        b"we disagree",
    );
    world.store("Lab", &letter).await;
    world.chain.state().letters.insert(
        (PATIENT, 0, LetterStage::Answer),
        (letter.root, account("Lab"), account("Doctor")),
    );
    let path = |stage| format!("/v1/patients/{PATIENT}/corrections/0/letters/{stage}");
    for (name, allowed) in [
        ("Owner", true),
        ("Lab", true),
        ("Doctor", true),
        ("Colleague", false),
    ] {
        let token = world.token(name).await;
        let reply = world.get(&token, &path("answer"), &[]).await;
        match allowed {
            true => assert_eq!(reply.body, b"we disagree"),
            false => reply.is(404, "not-found"),
        }
        let reply = world.get(&token, &path("rebuttal"), &[]).await;
        reply.is(404, "not-found");
    }
    let token = world.token("Owner").await;
    let reply = world.get(&token, &path("nonsense"), &[]).await;
    reply.is(404, "no-such-route");
}

#[tokio::test]
async fn keyring_is_for_controllers_only() {
    let (world, _) = shared().await;
    let keyring = small(ObjectKind::Keyring, PATIENT, &account("Owner"), 9, b"keys");
    world.store("Owner", &keyring).await;
    world
        .chain
        .state()
        .patients
        .get_mut(&PATIENT)
        .unwrap()
        .keyring = Some(keyring.root);
    let path = format!("/v1/patients/{PATIENT}/keyring");
    let token = world.token("Owner").await;
    assert_eq!(world.get(&token, &path, &[]).await.body, b"keys");
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let token = world.token("Doctor").await;
    let reply = world.get(&token, &path, &[("salus-opened", &entry)]).await;
    reply.is(404, "not-found");
    // An owner who was removed has lost it at once.
    let token = world.token("Owner").await;
    world
        .chain
        .state()
        .controllers
        .remove(&(PATIENT, account("Owner")));
    world.get(&token, &path, &[]).await.is(404, "not-found");
}

#[tokio::test]
async fn envelope_is_for_the_live_grantee_after_an_opening_under_that_grant() {
    let (world, _) = shared().await;
    let first = small(
        ObjectKind::Envelope,
        PATIENT,
        &account("Owner"),
        5,
        b"epoch 0",
    );
    let second = small(
        ObjectKind::Envelope,
        PATIENT,
        &account("Owner"),
        6,
        b"epoch 1",
    );
    world.store("Owner", &first).await;
    world.store("Owner", &second).await;
    world.share(0, "Doctor", Rights::Read, vec![first.root, second.root]);
    world.share(1, "Doctor", Rights::Read, vec![first.root]);
    let path = |grant, n| format!("/v1/patients/{PATIENT}/grants/{grant}/envelopes/{n}");
    let doctor = world.token("Doctor").await;
    let colleague = world.token("Colleague").await;
    let entry = world.open("Doctor", &[0], Part::Manifest, 0);
    let opened = [("salus-opened", entry.as_str())];
    assert_eq!(
        world.get(&doctor, &path(0, 0), &opened).await.body,
        b"epoch 0"
    );
    assert_eq!(
        world.get(&doctor, &path(0, 1), &opened).await.body,
        b"epoch 1"
    );
    for (token, path, headers) in [
        (&doctor, path(0, 2), &opened[..]),
        (&doctor, path(0, 0), &[]),
        (&doctor, path(1, 0), &opened[..]),
        (&colleague, path(0, 0), &opened[..]),
    ] {
        world.get(token, &path, headers).await.is(404, "not-found");
    }
    world.pass(15 * MINUTE + 1);
    let doctor = world.token("Doctor").await;
    world
        .get(&doctor, &path(0, 0), &opened)
        .await
        .is(404, "not-found");
    let entry = world.open("Doctor", &[0], Part::Manifest, 0);
    let opened = [("salus-opened", entry.as_str())];
    assert_eq!(world.get(&doctor, &path(0, 0), &opened).await.status, 200);
    world.revoke(0);
    world
        .get(&doctor, &path(0, 0), &opened)
        .await
        .is(404, "not-found");
    // The patient's own app needs no entry.
    let owner = world.token("Owner").await;
    assert_eq!(world.get(&owner, &path(0, 0), &[]).await.body, b"epoch 0");
}

#[tokio::test]
async fn what_seals_a_person_is_there_before_the_opening_for_the_live_grantee_alone() {
    let (world, _) = shared().await;
    let envelope = small(ObjectKind::Envelope, PATIENT, &account("Owner"), 5, b"keys");
    world.store("Owner", &envelope).await;
    world.share(0, "Doctor", Rights::Read, vec![envelope.root]);
    let path = |part| format!("/v1/patients/{PATIENT}/grants/0/envelopes/0?part={part}");
    let doctor = world.token("Doctor").await;
    assert_eq!(
        world.get(&doctor, &path("seal"), &[]).await.body,
        noise(100, 5)
    );
    for part in ["directory", "binding"] {
        assert_eq!(world.get(&doctor, &path(part), &[]).await.status, 200);
    }
    // The keys come after the opening, as ever.
    let keys = world.get(&doctor, &path("body"), &[]).await;
    keys.is(404, "not-found");
    let colleague = world.token("Colleague").await;
    let theirs = world.get(&colleague, &path("seal"), &[]).await;
    theirs.is(404, "not-found");
    world.revoke(0);
    let late = world.get(&doctor, &path("seal"), &[]).await;
    late.is(404, "not-found");
}

#[tokio::test]
async fn envelope_that_only_lets_write_needs_no_opening() {
    let (world, _) = shared().await;
    let labels = small(
        ObjectKind::Envelope,
        PATIENT,
        &account("Owner"),
        5,
        b"labels",
    );
    world.store("Owner", &labels).await;
    world.share(1, "Lab", Rights::Write, vec![labels.root]);
    let path = format!("/v1/patients/{PATIENT}/grants/1/envelopes/0");
    let lab = world.token("Lab").await;
    assert_eq!(world.get(&lab, &path, &[]).await.body, b"labels");
    let doctor = world.token("Doctor").await;
    world.get(&doctor, &path, &[]).await.is(404, "not-found");
    world.revoke(1);
    world.get(&lab, &path, &[]).await.is(404, "not-found");
}

#[tokio::test]
async fn flipped_byte_on_the_disk_is_noticed_and_not_handed_out() {
    let (world, object) = shared().await;
    let token = world.token("Owner").await;
    let path = record_path(0, "payload");
    // In the last chunk: the stream breaks instead of ending well.
    let chunks: Vec<_> = object
        .blocks
        .iter()
        .filter(|block| block.1.len() == MIB)
        .collect();
    let flip = |cid: &salus_primitives::Cid| {
        let file = world.path_of("record", &object, cid);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[500] ^= 1;
        std::fs::write(file, bytes).unwrap();
    };
    flip(&chunks[4].0);
    let response = world
        .app
        .clone()
        .oneshot(world.request(&token, &path, &[]))
        .await
        .unwrap();
    let mut body = response.into_body().into_data_stream();
    let mut received = 0;
    let error = loop {
        match body
            .next()
            .await
            .expect("the stream ended as if all were well")
        {
            Ok(bytes) => received += bytes.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(received, 4 * MIB);
    assert!(error.to_string().contains("damaged"));
    // In the first chunk: there is not even a beginning.
    flip(&chunks[0].0);
    world.get(&token, &path, &[]).await.is(500, "damaged");
    // And other parts are as good as ever.
    let reply = world.get(&token, &record_path(0, "manifest"), &[]).await;
    assert_eq!(reply.body, noise(99, 1));
}

#[tokio::test]
async fn malformed_addresses_say_so() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    for path in [
        "/v1/patients/xyz/records/0/payload".to_owned(),
        format!("/v1/patients/{PATIENT}/records/-1/payload"),
        format!("/v1/patients/{PATIENT}/records/4294967296/payload"),
        format!("/v1/patients/{PATIENT}/keyring?part=payload"),
    ] {
        world.get(&token, &path, &[]).await.is(400, "malformed");
    }
    let path = format!("/v1/patients/{PATIENT}/records/0/body");
    world.get(&token, &path, &[]).await.is(404, "no-such-route");
}
