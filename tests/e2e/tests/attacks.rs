//! Attacks by people of good standing, on a real node and real vaults: credentialed clinicians,
//! owners of other patients, a node that lies. Each test also shows that the honest way works, so
//! that a refusal is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use codec::Encode;
use futures::StreamExt;
use salus_client::{
    actions::{
        consents::{self, RoleFile},
        opening, organisation,
        patient::{add_controller, show},
        records, sharing, watching, Client,
    },
    chain::{calls, Call, ChainError, Submitted},
    files::{
        age::{seal_bytes, DecryptionKey},
        car,
        object::BuiltRecord,
        unixfs::{cid_of, directory, to_chain, Entry, RAW},
        BINDING, MANIFEST, PAYLOAD,
    },
    keys::{parse_account, AccountKey},
    taxonomy::Category,
    vault::Opened,
    Error,
};
use salus_e2e::{
    content, employ, salus, takes_role, wait_until, Answer, Hospital, Http, Lies, Patient, Relay,
    Shared,
};
use salus_primitives::{
    rows::DAY,
    signing::{enrolment_payload, CredentialConsent, RoleConsent},
    Cid, ClinicianRole, CompartmentId, ControllerRole, Delivery, EnrolmentConsent, GrantIndex,
    GrantTerms, Grantee, NewRecord, ObjectKind, OrgId, Part, PatientId, Purpose, RecordIndex,
    Rights, Scope, SignedCompartments, SignedRecipient, Subject, COMPARTMENTS,
};
use serde_json::json;
use sp_core::H256;

const MIB: usize = 1024 * 1024;
const CATEGORY: Category = Category::Imaging;
/// So many may one organisation's people have waiting with one patient.
const REQUESTS: usize = 3;
const PARTS: [&str; 4] = ["directory", "binding", "manifest", "payload"];

static HOSPITAL: Shared = Shared::new(&[], true);

fn http(hospital: &Hospital, person: &Client) -> Http {
    Http::to(&hospital.vault.url(), 0, person.chain.genesis())
}

/// Encrypts, uploads and anchors, step by step.
async fn put(patient: &Patient, author: &Client, http: &Http, content: &[u8]) -> Put {
    let built = patient.build(author, CATEGORY, content);
    let token = http.sign_in(&author.key).await;
    let answer = http
        .upload(&token, &built.object)
        .await
        .expect("it answers");
    assert_eq!(answer.status, 201, "{}", answer.message());
    let (compartment, _) = patient.compartment(CATEGORY);
    let new = built.new_record(compartment, 0);
    let record = anchor(patient, author, None, &new).await;
    Put { built, record }
}

struct Put {
    built: BuiltRecord,
    record: RecordIndex,
}

/// A record of this patient whose file is somebody else's.
fn stolen(patient: &Patient, content: Cid) -> NewRecord {
    NewRecord {
        compartment: patient.compartment(CATEGORY).0,
        epoch: 0,
        content,
        commitment: H256::repeat_byte(7),
        person: None,
    }
}

async fn anchor(
    patient: &Patient,
    author: &Client,
    grant: Option<GrantIndex>,
    record: &NewRecord,
) -> RecordIndex {
    let call = calls::records::anchor(patient.id, grant, record);
    let done = author.submit(&call).await.expect("the chain takes any CID");
    let event = done.event("Records", "RecordAnchored").expect("it says so");
    event.fields["record"].as_u64().expect("a number") as RecordIndex
}

/// Writes an opening into the trail, and tells which entry it is.
async fn open(
    reader: &Client,
    patient: &Patient,
    records: &[RecordIndex],
    part: Part,
    grant: GrantIndex,
) -> Opened {
    let call =
        calls::access_log::open(patient.id, records, part, grant, None).expect("not too many");
    let done = reader.submit(&call).await.expect("a member may try");
    let event = done.event("AccessLog", "Opened").expect("the grant holds");
    Opened {
        block_hash: done.block.hash,
        event_index: event.index,
    }
}

fn place(patient: &Patient, rest: &str) -> String {
    format!("/v1/patients/{}/{rest}", patient.id)
}

/// The CIDs of what a patient has in the vault: record, envelope, keyring, letter of a request.
async fn belongings(patient: &Patient) -> [Cid; 4] {
    let salus = patient.client.salus().await.expect("it answers");
    let (record, grant, row, request) = futures::try_join!(
        salus.record(patient.id, 0),
        salus.grant(patient.id, 0),
        salus.patient(patient.id),
        salus.request(patient.id, 0),
    )
    .expect("it answers");
    [
        record.expect("it was added").content,
        grant.expect("it was shared").envelopes[0],
        row.and_then(|row| row.keyring).expect("it was saved"),
        request.expect("it was asked").letter,
    ]
}

/// A grant of the patient's compartment to the hospital.
fn terms(patient: &Patient) -> GrantTerms {
    let compartments = vec![patient.compartment(CATEGORY).0];
    GrantTerms {
        grantee: Grantee::Organisation(0),
        scope: Scope::Compartments(compartments.try_into().expect("one is not too many")),
        rights: Rights::Read,
        purpose: Purpose::Treat,
        starts_at: None,
        expires_at: salus_client::actions::clock() + DAY,
        anchored_from: None,
        anchored_until: None,
        terms: None,
        flags: 0,
        derived_from: None,
    }
}

async fn submit_all(person: &Client, calls: &[Call]) {
    for result in person.chain.submit_many(&person.key, calls).await {
        result.expect("the chain takes any CID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_named_where_it_does_not_belong_is_served_to_nobody() {
    const BODY: [&str; 4] = ["body", "seal", "directory", "binding"];
    let hospital = HOSPITAL.hospital();
    let (doctor, accomplice, victim, thief) = futures::join!(
        hospital.doctor(),
        hospital.physician("accomplice-1"),
        hospital.patient("victim-1"),
        hospital.patient("thief-1"),
    );
    let http = http(&hospital, &doctor);
    let asking = sharing::Asking {
        categories: vec![CATEGORY],
        flags: Vec::new(),
        purpose: Purpose::Treat,
        duration: DAY,
        subject: "A question".into(),
        text: "May I see them?".into(),
        offer: None,
    };
    let (_, _, asked, own) = futures::join!(
        put(&victim, &victim.client, &http, b"the victim's"),
        victim.share(&doctor, CATEGORY, Rights::Read),
        sharing::request(&doctor, victim.id, &asking),
        put(&thief, &thief.client, &http, b"the thief's"),
    );
    asked.expect("a doctor asks");
    hospital.salus("victim-1", ["keyring", "save"]).ok();
    let token = http.sign_in(&victim.client.key).await;
    let rest = ["grants/0/envelopes/0", "keyring", "requests/0/letter"].map(str::to_owned);
    let parts = PARTS.map(|part| format!("records/0/{part}"));
    for rest in parts.iter().chain(&rest) {
        let path = place(&victim, rest);
        assert_eq!(http.get(&path, &token, None).await.status, 200, "{path}");
    }

    // The thief names each of them in each of the places where an owner may, an accomplice who is a
    // clinician where a clinician may.
    let cids = belongings(&victim).await;
    let by_owner: Vec<Call> = cids
        .iter()
        .map(|cid| calls::records::anchor(thief.id, None, &stolen(&thief, *cid)))
        .chain(cids.map(|cid| calls::consent::grant(thief.id, &terms(&thief), Some(cid))))
        .collect();
    let asks = cids[cids.len() - REQUESTS..]
        .iter()
        .map(|cid| calls::consent::request(thief.id, Purpose::Treat, DAY, *cid, None))
        .collect::<Vec<_>>();
    futures::join!(
        submit_all(&thief.client, &by_owner),
        submit_all(&accomplice, &asks)
    );
    let write = thief.share(&accomplice, CATEGORY, Rights::Write).await;
    let record = stolen(&thief, cids[0]);
    let written = anchor(&thief, &accomplice, Some(write), &record).await;
    // Only what another has written can be asked to be corrected.
    let ask = calls::corrections::ask(thief.id, written, cids[3]);
    submit_all(&thief.client, &[ask]).await;

    let mut places = Vec::new();
    for n in 0..cids.len() as u32 {
        let record = own.record + 1 + n;
        places.extend(PARTS.map(|part| format!("records/{record}/{part}")));
        places.extend(BODY.map(|part| format!("grants/{n}/envelopes/0?part={part}")));
    }
    for n in 0..REQUESTS {
        places.extend(BODY.map(|part| format!("requests/{n}/letter?part={part}")));
    }
    places.extend(BODY.map(|part| format!("corrections/0/letters/request?part={part}")));
    for key in [&thief.client.key, &accomplice.key] {
        let token = http.sign_in(key).await;
        for rest in &places {
            let path = place(&thief, rest);
            http.get(&path, &token, None).await.is(404, "not-found");
        }
    }
    let token = http.sign_in(&thief.client.key).await;
    for cid in cids {
        submit_all(
            &thief.client,
            &[calls::patients::set_keyring(thief.id, cid)],
        )
        .await;
        for part in BODY {
            let path = place(&thief, &format!("keyring?part={part}"));
            http.get(&path, &token, None).await.is(404, "not-found");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_links_another_s_payload_is_not_taken_in() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let (victim, thief) =
        futures::join!(hospital.patient("victim-2"), hospital.patient("thief-2"),);
    let http = http(&hospital, &doctor);
    let theirs = put(&victim, &victim.client, &http, &content(2, 3 * MIB)).await;
    let entry = |name: &str| {
        let entries = theirs.built.object.entries();
        let found = entries.iter().find(|entry| entry.name == name);
        found.expect("each record has it").clone()
    };

    // The thief's own binding and manifest, around the victim's payload.
    let own = |name: &str, block: &[u8]| Entry {
        name: name.into(),
        cid: cid_of(RAW, block),
        tree_size: block.len() as u64,
    };
    let binding = thief.place(&thief.client).binding(ObjectKind::Record);
    let binding = binding.to_file();
    let (_, key) = thief.compartment(CATEGORY);
    let manifest = seal_bytes(&[key], b"{}").expect("it can be sealed");
    let entries = [
        own(BINDING, &binding),
        own(MANIFEST, &manifest),
        entry(PAYLOAD),
    ];
    let (root, block) = directory(&entries);
    let mut upload = car::header(&root);
    for (cid, block) in [
        (root, &block[..]),
        (entries[0].cid, &binding),
        (entries[1].cid, &manifest),
    ] {
        upload.extend(car::section_start(&cid, block.len()));
        upload.extend(block);
    }
    let token = http.sign_in(&thief.client.key).await;
    let answer = http.upload_car(&token, upload).await.expect("it answers");
    answer.is(422, "incomplete");
    assert!(!hospital.vault.begun().contains(&root.to_string()));

    // Nor is it served if the chain names it.
    let named = to_chain(&root).expect("it is of the chain's form");
    let record = anchor(&thief, &thief.client, None, &stolen(&thief, named)).await;
    for part in PARTS {
        let path = place(&thief, &format!("records/{record}/{part}"));
        http.get(&path, &token, None).await.is(404, "not-found");
    }
    let read = victim.read(theirs.record, hospital.path("read-2")).await;
    assert!(read == content(2, 3 * MIB));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_anchors_another_s_upload_first_gets_nothing_and_takes_nothing() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let (thief, patient) =
        futures::join!(hospital.physician("thief-3"), hospital.patient("patient-3"),);
    let http = http(&hospital, &doctor);
    let write = patient.share(&doctor, CATEGORY, Rights::Write).await;
    let thief_write = patient.share(&thief, CATEGORY, Rights::Write).await;
    let thief_read = patient.share(&thief, CATEGORY, Rights::Read).await;

    let built = patient.build(&doctor, CATEGORY, b"by the doctor");
    let token = http.sign_in(&doctor.key).await;
    let answer = http
        .upload(&token, &built.object)
        .await
        .expect("it answers");
    assert_eq!(answer.status, 201);
    let new = built.new_record(patient.compartment(CATEGORY).0, 0);
    let copied = anchor(&patient, &thief, Some(thief_write), &new).await;
    let record = anchor(&patient, &doctor, Some(write), &new).await;

    let opened = open(&thief, &patient, &[copied], Part::Full, thief_read).await;
    for (key, opened) in [(&thief.key, Some(opened)), (&patient.client.key, None)] {
        let token = http.sign_in(key).await;
        for part in PARTS {
            let path = place(&patient, &format!("records/{copied}/{part}"));
            http.get(&path, &token, opened).await.is(404, "not-found");
        }
    }
    let read = patient.read(record, hospital.path("read-3")).await;
    assert_eq!(read, b"by the doctor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_was_signed_for_one_vault_is_worth_nothing_at_another() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let here = http(&hospital, &doctor);
    let clinic = hospital.clinic();
    let there = Http::to(
        &clinic.vault.url(),
        clinic.organisation,
        doctor.chain.genesis(),
    );
    // Both know the doctor.
    here.sign_in(&doctor.key).await;
    there.sign_in(&doctor.key).await;

    let relayed = here
        .present(&doctor.key, &there.challenge(&doctor.key))
        .await;
    relayed.is(401, "bad-challenge");
    assert!(relayed.message().contains("another organisation"));
    let mut half = there.challenge(&doctor.key);
    half.audience = here.organisation;
    let relayed = here.present(&doctor.key, &half).await;
    relayed.is(401, "bad-challenge");
    assert!(relayed.message().contains("another address"));
    let mut half = here.challenge(&doctor.key);
    half.genesis = H256::repeat_byte(1);
    let relayed = here.present(&doctor.key, &half).await;
    assert!(relayed.message().contains("another chain"));

    let once = here.challenge(&doctor.key);
    assert_eq!(here.present(&doctor.key, &once).await.status, 200);
    let again = here.present(&doctor.key, &once).await;
    again.is(401, "bad-challenge");
    assert!(again.message().contains("used already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_lets_in_its_reader_to_its_records_while_the_grant_holds_and_no_more() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let (other, patient) =
        futures::join!(hospital.physician("other-5"), hospital.patient("patient-5"),);
    let http = http(&hospital, &doctor);
    let first = put(&patient, &patient.client, &http, b"first").await.record;
    let second = put(&patient, &patient.client, &http, b"second")
        .await
        .record;
    let grant = patient.share(&doctor, CATEGORY, Rights::Read).await;
    patient.share(&other, CATEGORY, Rights::Read).await;

    let full = open(&doctor, &patient, &[first], Part::Full, grant).await;
    let titles = open(&doctor, &patient, &[second], Part::Manifest, grant).await;
    let token = http.sign_in(&doctor.key).await;
    let others = http.sign_in(&other.key).await;
    let get = |record: RecordIndex, part: &str, token: &str, opened: Opened| {
        let path = place(&patient, &format!("records/{record}/{part}"));
        let (http, token) = (&http, token.to_owned());
        async move { http.get(&path, &token, Some(opened)).await }
    };
    assert_eq!(get(first, "payload", &token, full).await.status, 200);
    assert_eq!(get(second, "manifest", &token, titles).await.status, 200);

    let refused = |record, part, token, opened| async move {
        get(record, part, token, opened).await.is(404, "not-found");
    };
    // Another record, more than was opened, another account, another event, another block.
    refused(second, "payload", &token, full).await;
    refused(second, "payload", &token, titles).await;
    refused(first, "manifest", &token, titles).await;
    for part in PARTS {
        refused(first, part, &others, full).await;
    }
    for index in 0..full.event_index {
        let event_index = index;
        let elsewhere = Opened {
            event_index,
            ..full
        };
        refused(first, "payload", &token, elsewhere).await;
    }
    let block_hash = H256::repeat_byte(1);
    refused(first, "payload", &token, Opened { block_hash, ..full }).await;
    // The other reader's own grant does not make it theirs, the doctor's still works.
    assert_eq!(get(first, "payload", &token, full).await.status, 200);

    sharing::revoke(&patient.client, patient.id, grant)
        .await
        .expect("an owner revokes");
    for part in PARTS {
        refused(first, part, &token, full).await;
    }
    let path = place(&patient, &format!("grants/{grant}/envelopes/0"));
    http.get(&path, &token, Some(full))
        .await
        .is(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_cuts_a_download_that_is_under_way() {
    const LENGTH: usize = 224 * MIB;
    // The vault asks the chain again after so many bytes.
    const ASKED_EVERY: u64 = 64 * MIB as u64;
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let patient = hospital.patient("patient-6").await;
    let http = http(&hospital, &doctor);
    let record = put(&patient, &patient.client, &http, &content(6, LENGTH))
        .await
        .record;
    let grant = patient.share(&doctor, CATEGORY, Rights::Read).await;
    let opened = open(&doctor, &patient, &[record], Part::Full, grant).await;
    let token = http.sign_in(&doctor.key).await;
    let path = place(&patient, &format!("records/{record}/payload"));

    let response = http.ask(&path, &token, Some(opened)).await;
    assert_eq!(response.status().as_u16(), 200);
    let whole = response.content_length().expect("it says so");
    assert!(whole > LENGTH as u64);
    let mut stream = response.bytes_stream();
    let mut received = 0;
    while received < MIB as u64 {
        let piece = stream.next().await.expect("it goes on").expect("it holds");
        received += piece.len() as u64;
    }
    // The reader reads no further for a while, so that the vault cannot send.
    sharing::revoke(&patient.client, patient.id, grant)
        .await
        .expect("an owner revokes");
    let cut = loop {
        match stream.next().await {
            Some(Ok(piece)) => received += piece.len() as u64,
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    println!("{received} of {whole} bytes before the cut");
    assert!(cut, "it ended as if it were whole");
    assert!(
        received <= ASKED_EVERY + 2 * MIB as u64,
        "{received} of {whole}"
    );
    // Its owner gets all of it.
    let token = http.sign_in(&patient.client.key).await;
    let mut stream = http.ask(&path, &token, None).await.bytes_stream();
    let mut received = 0;
    while let Some(piece) = stream.next().await {
        received += piece.expect("it holds").len() as u64;
    }
    assert_eq!(received, whole);
}

/// What the chain knows of a patient: nothing may come of a refused command.
async fn traces(patient: &Patient) -> (usize, usize, usize, usize) {
    let salus = patient.client.salus().await.expect("it answers");
    let records = salus.all_records(patient.id).await.expect("it answers");
    let grants = salus.all_grants(patient.id).await.expect("it answers");
    let requests = salus.all_requests(patient.id).await.expect("it answers");
    let head = salus.trail_head(patient.id).await.expect("it answers");
    (
        records.len(),
        grants.len(),
        requests.len(),
        head.count as usize,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lies_about_a_key_gets_nothing_encrypted_to_it() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let (reader, liar, patient) = futures::join!(
        hospital.physician("reader-7"),
        hospital.physician("liar-7"),
        hospital.patient("patient-7"),
    );
    patient.share(&doctor, CATEGORY, Rights::Write).await;
    let file = hospital.file("file-7", b"not for the liar");
    let (id, account) = (patient.id.to_string(), reader.me().to_string());
    let file = file.to_str().expect("a plain name");

    let add = [
        "record",
        "add",
        "--patient",
        &id,
        "--category",
        "imaging",
        file,
    ];
    let share = "share --category imaging --for 1d --purpose TREAT --with";
    let share: Vec<&str> = share.split(' ').chain([account.as_str()]).collect();
    let letter = hospital.words("hello");
    let request = "request --category imaging --for 1d --purpose TREAT --letter";
    let request = request.split(' ').chain([letter.as_str(), "--patient"]);
    let request: Vec<&str> = request.chain([id.as_str()]).collect();
    let (compartment, _) = patient.compartment(CATEGORY);
    let commands = [
        (
            "doctor",
            &add[..],
            Subject::Compartment(patient.id, compartment),
        ),
        ("patient-7", &share, Subject::Account(reader.me())),
        ("doctor", &request, Subject::Inbox(patient.id)),
    ];
    let ask = |person: &str, node: &str, args: &[&str]| -> Answer {
        salus(&hospital.path(person), node, args)
    };
    let salus = doctor.salus().await.expect("it answers");
    let before = traces(&patient).await;
    for (person, args, subject) in &commands {
        let key = DecryptionKey::generate().public();
        let genesis = doctor.chain.genesis();
        // The key alone, whose signature then does not fit; and all that belongs to it, signed.
        let lies = match subject {
            Subject::Compartment(id, compartment) => {
                let true_ones = salus.first_keys(*id).await.expect("it answers");
                let true_ones = true_ones.expect("it was published");
                let true_one = *true_ones
                    .signed
                    .key(compartment)
                    .expect("it is one of them");
                let keys = true_ones
                    .signed
                    .compartments
                    .map(|(id, _)| (id, key.clone()));
                let set = liar.key.sign_compartments(id, &keys, &genesis);
                let own = SignedCompartments {
                    signer: liar.me(),
                    signed: set.expect("as many as everybody has"),
                };
                [
                    (true_one.to_vec(), key.raw().to_vec()),
                    (true_ones.encode(), own.encode()),
                ]
            }
            _ => {
                let true_one = salus.recipient(subject).await.expect("it answers");
                let true_one = true_one.expect("it was published");
                let epoch = true_one.recipient.epoch;
                let own = SignedRecipient {
                    signer: liar.me(),
                    recipient: liar.key.sign_recipient(subject, &key, epoch, &genesis),
                };
                [
                    (true_one.recipient.key.to_vec(), key.raw().to_vec()),
                    (true_one.encode(), own.encode()),
                ]
            }
        };
        for (truth, lie) in lies {
            let node = Lies::about(&hospital.node, &[(truth, lie)]).await;
            let answer = ask(person, &node.url(), args);
            assert!(node.told() > 0, "the node did not lie: {answer:#?}");
            assert_eq!(answer.code, 4, "{args:?}: {answer:#?}");
        }
    }
    assert_eq!(traces(&patient).await, before);
    // The same through a node that tells the truth on the same way.
    for (person, args, _) in &commands {
        let honest = Lies::about(&hospital.node, &[(vec![0x5a; 32], vec![0xa5; 32])]).await;
        ask(person, &honest.url(), args).ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinician_who_changed_employer_takes_no_grant_along() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let (leaver, patient) = futures::join!(
        hospital.physician("leaver-8"),
        hospital.patient("patient-8"),
    );
    let http = http(&hospital, &doctor);
    let record = put(&patient, &patient.client, &http, b"for the hospital")
        .await
        .record;
    let grant = patient.share(&leaver, CATEGORY, Rights::Read).await;
    let opened = open(&leaver, &patient, &[record], Part::Full, grant).await;
    let token = http.sign_in(&leaver.key).await;
    let path = place(&patient, &format!("records/{record}/payload"));
    assert_eq!(http.get(&path, &token, Some(opened)).await.status, 200);

    let hospital_admin = hospital.person("hospital").await;
    organisation::end_credential(&hospital_admin, &leaver.me())
        .await
        .expect("an admin ends it");
    http.get(&path, &token, Some(opened))
        .await
        .is(404, "not-found");
    let clinic = hospital.person("clinic").await;
    let employer = hospital.clinic().organisation;
    employ(&clinic, employer, &leaver, ClinicianRole::Physician)
        .await
        .expect("the clinic hires");

    http.get(&path, &token, Some(opened))
        .await
        .is(404, "not-found");
    let token = http.sign_in(&leaver.key).await;
    http.get(&path, &token, Some(opened))
        .await
        .is(404, "not-found");
    let opening = opening::Opening {
        patient: patient.id,
        records: vec![record],
        list: false,
        grant: Some(grant),
        out: Some(hospital.path("read-8")),
    };
    let refused = opening::open(&leaver, &opening).await;
    assert!(
        matches!(refused, Err(salus_client::Error::NotPermitted(_))),
        "{refused:?}"
    );
    let word = ["open", &patient.id.to_string(), "0", "--out", "/nowhere"];
    hospital
        .salus("leaver-8", word)
        .fails(3, "has shared nothing");
    // Asked for anew, the patient decides about the doctor of the clinic.
    let grant = patient.share(&leaver, CATEGORY, Rights::Read).await;
    let opened = open(&leaver, &patient, &[record], Part::Full, grant).await;
    assert_eq!(http.get(&path, &token, Some(opened)).await.status, 200);
}

/// So many services of the hospital.
async fn services(hospital: &Hospital, count: usize) -> Vec<Client> {
    let admin = hospital.person("hospital").await;
    let (genesis, now) = (
        admin.chain.genesis(),
        admin.clock().await.expect("it answers"),
    );
    let role = ClinicianRole::Service;
    let mut people = Vec::new();
    for i in 0..count {
        people.push(hospital.person(&format!("service-{i}")).await);
    }
    let credentials: Vec<Call> = people
        .iter()
        .map(|person| {
            let consent = person
                .key
                .sign_credential(0, role, now, now + DAY, &genesis);
            calls::members::credential(&person.me(), role, now + DAY, Some(&consent))
        })
        .collect();
    submit_all(&admin, &credentials).await;
    people
}

/// Signs and sends the same call again and again, whatever the node says of it, until it is over.
/// Returns how many the node has taken.
async fn flood(sender: &Client, call: &Call, over: &AtomicBool) -> usize {
    let (chain, mut taken) = (&sender.chain, 0);
    while !over.load(Ordering::Relaxed) {
        let from = chain.finalized().await.expect("it answers");
        let mut nonce = chain.next_nonce(&sender.me()).await.expect("it answers");
        for _ in 0..64 {
            let signed = chain.sign(&sender.key, call, nonce, from).await;
            let signed = signed.expect("it can be signed");
            if chain.send(&signed).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                break;
            }
            nonce += 1;
            taken += 1;
        }
    }
    taken
}

/// Blocks that passed this call by before one took it.
async fn delay(hospital: &Hospital, person: &Client, call: &Call) -> u32 {
    let best = hospital.node.rpc("chain_getHeader", json!([])).await;
    let best = best["number"].as_str().expect("a number");
    let best = u32::from_str_radix(best.trim_start_matches("0x"), 16).expect("hexadecimal");
    let done = person.submit(call).await.expect("it is taken at last");
    done.block.number.saturating_sub(best + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_services_that_flood_urgent_and_ordinary_calls_delay_nobody_else() {
    const SERVICES: usize = 12;
    const PROBES: usize = 8;
    const BLOCKS: u32 = 2;
    let hospital = Hospital::open().await.with_clinic().await;
    let doctor = hospital.doctor().await;
    let http = http(&hospital, &doctor);
    let services = services(&hospital, SERVICES).await;
    let (patient, other, clinic, reader) = futures::join!(
        hospital.patient("patient"),
        hospital.patient("other"),
        hospital.person("clinic"),
        hospital.person("clinic-doctor"),
    );
    let employer = hospital.clinic().organisation;
    employ(&clinic, employer, &reader, ClinicianRole::Physician)
        .await
        .expect("the clinic hires");
    let record = put(&patient, &patient.client, &http, b"to be read")
        .await
        .record;
    let grant = patient.share(&reader, CATEGORY, Rights::Read).await;
    let opening = calls::access_log::open(patient.id, &[record], Part::Full, grant, None);
    let opening = opening.expect("not too many");

    // Whoever may not revoke may still say so, and first.
    let urgent = calls::consent::revoke(patient.id, GrantIndex::MAX);
    let ordinary = calls::system::remark(&[7; 512]);
    for (what, call) in [("urgent", urgent), ("ordinary", ordinary)] {
        let over = AtomicBool::new(false);
        let flooding =
            futures::future::join_all(services.iter().map(|service| flood(service, &call, &over)));
        let waiting = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let (mut others, mut same) = (Vec::new(), Vec::new());
            for i in 0..PROBES {
                // Another organisation's doctor, and another patient of the same hospital.
                let shared = calls::consent::grant(other.id, &terms(&other), None);
                let (opened, granted) = futures::join!(
                    delay(&hospital, &reader, &opening),
                    delay(&hospital, &other.client, &shared),
                );
                println!("{what} {i}: {opened} and {granted} blocks");
                others.push(opened);
                same.push(granted);
            }
            over.store(true, Ordering::Relaxed);
            (others, same)
        };
        let (taken, (others, same)) = futures::join!(flooding, waiting);
        let taken: usize = taken.into_iter().sum();
        println!("{what}: {taken} were taken of the flood");
        assert!(taken > SERVICES, "nobody has flooded");
        for delays in [others, same] {
            assert!(delays.iter().all(|delay| *delay <= BLOCKS), "{delays:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_who_moves_a_record_and_the_keyring_to_nowhere_destroys_nothing() {
    let mut hospital = Hospital::open().await;
    let patient = hospital.patient("robbed").await;
    let bytes = content(10, 3 * MIB);
    let file = hospital.file("robbed-file", &bytes);
    let record = patient.add(&patient.client, file, CATEGORY).await;
    hospital.salus("robbed", ["keyring", "save"]).ok();
    // A vault that deletes what nothing names within seconds.
    hospital
        .vault
        .restart_with(&["--grace", "1", "--audit-every", "1", "--sweep-every", "1"]);
    let before = hospital.vault.whole();

    // The thief has the owner's key: so may they erase, but that takes three days.
    let [nowhere, nothing] = [1, 2].map(|n| Cid::dag_pb([n; 32]));
    let moves = [
        calls::records::relocate(patient.id, record, 0, nowhere),
        calls::patients::set_keyring(patient.id, nothing),
    ];
    submit_all(&patient.client, &moves).await;
    let http = http(&hospital, &patient.client);
    let built = patient.build(&patient.client, CATEGORY, b"named by nobody");
    let token = http.sign_in(&patient.client.key).await;
    let answer = http.upload(&token, &built.object).await;
    assert_eq!(answer.expect("it answers").status, 201);
    let unnamed = built.object.root().to_string();
    wait_until("the vault has deleted what nothing names", 60, || {
        !hospital.vault.whole().contains(&unnamed)
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(hospital.vault.whole(), before, "and nothing else");
    let mine = |line: &str| hospital.salus("robbed", line.split_whitespace());
    let out = hospital.path("robbed-read").display().to_string();
    let get = format!("record get {record} --out {out}");
    assert_ne!(mine(&get).code, 0, "it lies nowhere");

    mine(&format!("record restore {record}")).ok();
    mine("keyring restore").ok();
    mine(&get).ok();
    assert!(std::fs::read(&out).expect("it was written") == bytes);
    mine(&format!("keyring fetch --patient {}", patient.id)).ok();
}

/// Says on the chain that this was handed out.
async fn deliver(who: &Client, delivery: Delivery) -> salus_client::Result<Submitted> {
    let call = calls::access_log::delivered(&[delivery]).expect("not too many");
    who.submit(&call).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_delivery_is_refused_and_leaves_no_trace() {
    let hospital = HOSPITAL.hospital();
    let doctor = hospital.doctor().await;
    let (forger, patient, stranger) = futures::join!(
        hospital.staff("forger", ClinicianRole::Service),
        hospital.patient("patient-9"),
        hospital.physician("stranger-9"),
    );
    let http = http(&hospital, &doctor);
    let record = put(&patient, &patient.client, &http, b"never opened")
        .await
        .record;
    let grant = patient.share_in_own_name(&doctor, CATEGORY).await;
    let delivery = |reader: &Client, grant: GrantIndex| Delivery {
        patient: patient.id,
        reader: reader.me(),
        grant,
        record,
        part: Part::Full,
    };
    let before = traces(&patient).await;
    for (who, forged) in [
        // Nothing was opened; no grant; the patient's own reading; somebody else's grant; no service.
        (&forger, delivery(&doctor, grant)),
        (&forger, delivery(&doctor, grant + 1)),
        (&forger, delivery(&patient.client, grant)),
        (&forger, delivery(&stranger, grant)),
        (&doctor, delivery(&doctor, grant)),
    ] {
        let refused = deliver(who, forged.clone()).await;
        let failed = matches!(refused, Err(Error::Chain(ChainError::Failed { .. })));
        assert!(failed, "{forged:?}: {refused:?}");
    }
    assert_eq!(traces(&patient).await, before);

    // Once the doctor has opened it, the hospital may say that it was handed out: to the doctor.
    open(&doctor, &patient, &[record], Part::Full, grant).await;
    let other = deliver(&forger, delivery(&stranger, grant)).await;
    assert!(other.is_err(), "{other:?}");
    deliver(&forger, delivery(&doctor, grant))
        .await
        .expect("it was opened");
    let own = deliver(&forger, delivery(&patient.client, grant)).await;
    assert!(own.is_err(), "{own:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_sees_no_two_ids_of_a_profile_on_one_connection() {
    let hospital = HOSPITAL.hospital();
    let ids = [
        hospital.patient("two-ids").await.id,
        hospital.patient("two-ids").await.id,
    ];
    let (relay, seen) = Relay::recording(&hospital.node).await;
    let (profile, unlocked) = hospital.profile("two-ids");
    let person = Client::connect(profile, unlocked, Some(&relay.url()), None)
        .await
        .expect("it answers");
    for _ in 0..2 {
        for id in ids {
            let acting = person.clone().acting_for(id).expect("the folder is ours");
            records::list(&acting, id, true).await.expect("a chart");
            show(&acting, id).await.expect("a row");
            watching::read_own(&acting, id).await.expect("a trail");
            send_something(&acting, id).await;
        }
    }
    let seen = seen.lock().expect("nobody panicked").clone();
    let mut connections: BTreeMap<usize, BTreeSet<PatientId>> = BTreeMap::new();
    for (connection, question) in seen {
        let named = |id: &&PatientId| question.contains(&hex::encode(id.0));
        let named = ids.iter().filter(named).copied();
        connections.entry(connection).or_default().extend(named);
    }
    let count = |id| connections.values().filter(|ids| ids.contains(&id)).count();
    for id in ids {
        assert_eq!(count(id), 2, "one to ask, one to send");
    }
    assert!(connections.values().all(|ids| ids.len() <= 1));
}

/// Something that a controller sends.
async fn send_something(person: &Client, patient: PatientId) {
    let sent = person
        .submit(&calls::consent::decline(patient, u32::MAX))
        .await;
    let failed = matches!(sent, Err(Error::Chain(ChainError::Failed { .. })));
    assert!(failed, "there is no such request: {sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_credentialed_or_given_a_role_without_their_consent() {
    let hospital = HOSPITAL.hospital();
    let (admin, named, patient) = futures::join!(
        hospital.person("hospital"),
        hospital.person("named-10"),
        hospital.patient("patient-10"),
    );
    let account = named.me();
    let (genesis, now) = (
        admin.chain.genesis(),
        admin.clock().await.expect("it answers"),
    );
    let role = ClinicianRole::Physician;
    let signed = |key: &AccountKey, organisation, role| {
        key.sign_credential(organisation, role, now, now + DAY, &genesis)
    };
    let credential = |consent: Option<&CredentialConsent>| {
        calls::members::credential(&account, role, now + DAY, consent)
    };
    let add = |consent: &RoleConsent| {
        calls::patients::add_controller(patient.id, &account, ControllerRole::Carer, None, consent)
    };
    let refused = [
        (&admin, credential(None)),
        (&admin, credential(Some(&signed(&admin.key, 0, role)))),
        (&admin, credential(Some(&signed(&named.key, 1, role)))),
        (
            &admin,
            credential(Some(&signed(&named.key, 0, ClinicianRole::Service))),
        ),
        (
            &patient.client,
            add(&patient.client.key.sign_role(
                &patient.id,
                ControllerRole::Carer,
                now,
                now + DAY,
                &genesis,
            )),
        ),
        (
            &patient.client,
            add(&named.key.sign_role(
                &patient.id,
                ControllerRole::Decider,
                now,
                now + DAY,
                &genesis,
            )),
        ),
    ];
    for (who, call) in refused {
        let answer = who.submit(&call).await;
        let failed = matches!(answer, Err(Error::Chain(ChainError::Failed { .. })));
        assert!(failed, "{call}: {answer:?}");
    }
    let salus = admin.salus().await.expect("it answers");
    assert_eq!(salus.member(&account).await.expect("it answers"), None);
    let controllers = salus.controllers(patient.id).await.expect("it answers");
    assert_eq!(controllers.len(), 1);

    employ(&admin, 0, &named, role)
        .await
        .expect("who consents is employed");
    let carer = ControllerRole::Carer;
    let gets_role = async |consent: &RoleFile| {
        let client = &patient.client;
        let account = parse_account(&consent.account).expect("an account");
        add_controller(client, patient.id, &account, carer, None, consent).await
    };
    let at_work = consents::role(&named.key, genesis, patient.id, carer, now, DAY);
    let told = gets_role(&at_work.expect("a day is not too long"))
        .await
        .expect_err("work has its own account");
    assert!(matches!(told, Error::NotPermitted(_)), "{told}");
    // Another program is told the same by the chain.
    let consent = named
        .key
        .sign_role(&patient.id, carer, now, now + DAY, &genesis);
    let failed = |answer: salus_client::Result<Submitted>, expected: &str| match answer {
        Err(Error::Chain(ChainError::Failed { error, .. })) => assert_eq!(error, expected),
        other => panic!("{expected}: {other:?}"),
    };
    failed(
        patient.client.submit(&add(&consent)).await,
        "Patients.StaffAccount",
    );
    let relative = hospital.person("relative-10").await;
    gets_role(&takes_role(&relative, patient.id, carer).await)
        .await
        .expect("who consents gets a role");
    let relative = relative.acting_for(patient.id).expect("the folder is ours");
    let consent = relative
        .key
        .sign_credential(0, role, now, now + DAY, &genesis);
    let call = calls::members::credential(&relative.me(), role, now + DAY, Some(&consent));
    failed(admin.submit(&call).await, "Members.ActsForPatients");
}

/// Enrols this id with the word of this account, whether or not the id is its own.
async fn enrolment(
    enroller: &Client,
    organisation: OrgId,
    controller: &AccountKey,
    patient: PatientId,
    salt: [u8; 16],
) -> Call {
    let genesis = enroller.chain.genesis();
    let expires_at = enroller.clock().await.expect("it answers") + DAY;
    let account = controller.account();
    let payload = enrolment_payload(
        &genesis,
        organisation,
        &enroller.me(),
        &patient,
        &account,
        &salt,
        expires_at,
    );
    let consent = EnrolmentConsent {
        salt,
        expires_at,
        signature: controller.multi_sign(&payload),
    };
    let key = DecryptionKey::generate().public();
    let keys: Vec<_> = (0..COMPARTMENTS as u8)
        .map(|n| (CompartmentId([n; 16]), key.clone()))
        .collect();
    let compartments = controller
        .sign_compartments(&patient, &keys, &genesis)
        .expect("as many as everybody has");
    calls::patients::enrol(
        patient,
        &account,
        &compartments,
        &controller.sign_recipient(&Subject::Inbox(patient), &key, 0, &genesis),
        &consent,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_seen_in_the_pool_is_enrolled_by_nobody_but_its_owner() {
    let hospital = HOSPITAL.hospital();
    let (doctor, clinic, thief) = futures::join!(
        hospital.doctor(),
        hospital.person("clinic"),
        hospital.person("thief-11"),
    );
    let employer = hospital.clinic().organisation;
    employ(&clinic, employer, &thief, ClinicianRole::Physician)
        .await
        .expect("the clinic hires");
    let (owner, accomplice) = futures::join!(
        hospital.person("owner-11"),
        hospital.person("accomplice-11"),
    );
    let salt = [11; 16];
    let genesis = doctor.chain.genesis();
    let patient = PatientId::derive(&genesis, &owner.me(), &salt);
    let honest = enrolment(&doctor, 0, &owner.key, patient, salt).await;

    let failed = |answer: salus_client::Result<Submitted>, with: &str| {
        let failed = matches!(&answer, Err(Error::Chain(ChainError::Failed { error, .. }))
            if error == with);
        assert!(failed, "{with}: {answer:?}");
    };

    // It is signed and in no block yet. Who reads the pool knows id, salt and consent, and goes first.
    let squat = enrolment(&thief, employer, &accomplice.key, patient, salt).await;
    failed(thief.submit(&squat).await, "Patients.PatientIdMismatch");
    failed(thief.submit(&honest).await, "Patients.BadConsent");
    // Side by side, whichever is first.
    let squat = enrolment(&thief, employer, &accomplice.key, patient, [12; 16]).await;
    let (squatted, enrolled) = futures::join!(thief.submit(&squat), doctor.submit(&honest));
    failed(squatted, "Patients.PatientIdMismatch");
    enrolled.expect("the id is free");
    let salus = doctor.salus().await.expect("it answers");
    let row = salus.patient(patient).await.expect("it answers");
    assert_eq!(row.expect("it is enrolled").enrolled_by, 0);
    let controllers = salus.controllers(patient).await.expect("it answers");
    let [(controller, _)] = &controllers[..] else {
        panic!("one owner: {controllers:?}");
    };
    assert_eq!(*controller, owner.me());

    // Under the id of their own they may be enrolled.
    let own = PatientId::derive(&genesis, &accomplice.me(), &salt);
    let call = enrolment(&thief, employer, &accomplice.key, own, salt).await;
    thief.submit(&call).await.expect("it is theirs");
}
