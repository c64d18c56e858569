//! The online half of the library against a node that this test starts: `$SALUS_NODE`, or the
//! `salus-node` that was built beside this test.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use salus_client::{
    chain::{calls, Chain, ChainError, Phase, Rejection},
    files::age::DecryptionKey,
    keyring::Keyring,
    keys::{random_16, AccountKey},
    trail::{self, SeenHead, TrailError},
};
use salus_primitives::{ClinicianRole, Genesis, OrganisationKind, PatientId, Subject, DAY, HOUR};

struct Node {
    process: Child,
    url: String,
}

impl Node {
    fn start() -> Self {
        let binary = std::env::var_os("SALUS_NODE")
            .map(PathBuf::from)
            .unwrap_or_else(|| {
                let test = std::env::current_exe().unwrap();
                test.ancestors().nth(2).unwrap().join("salus-node")
            });
        let mut process = Command::new(&binary)
            .args([
                "--dev",
                "--tmp",
                "--rpc-port",
                "0",
                "--port",
                "0",
                "--no-prometheus",
            ])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("build the node first: {} ({e})", binary.display()));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, address) = line.split_once("JSON-RPC server: addr=")?;
                let address = address.split([',', ' ']).next()?;
                Some(format!("ws://{address}"))
            })
            .expect("the node tells where it listens");
        // A full pipe would stop the node.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn key(uri: &str) -> AccountKey {
    AccountKey::from_uri(uri).unwrap()
}

#[tokio::test]
async fn where_no_node_is_the_error_says_so() {
    let error = Chain::connect("ws://127.0.0.1:1", None).await.unwrap_err();
    assert!(error.is_transport(), "{error}");
    assert!(error.to_string().contains("ws://127.0.0.1:1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_is_written_read_back_and_verified() {
    let node = Node::start();
    let (admin, doctor, owner) = (key("//Alice"), key("//Bob"), key("//Carol"));

    let elsewhere = Chain::connect(&node.url, Some(Genesis::zero())).await;
    assert!(
        matches!(elsewhere, Err(ChainError::WrongChain { .. })),
        "{elsewhere:?}"
    );
    let chain = Chain::connect(&node.url, None).await.unwrap();

    // Turned away before the chain, and failing on it, are told apart and explained.
    let remark = calls::system::remark(b"hello");
    let stranger = chain.submit(&key("//Stranger"), &remark).await;
    assert!(
        matches!(
            stranger,
            Err(ChainError::Rejected {
                why: Rejection::NoStanding,
                ..
            })
        ),
        "{stranger:?}"
    );
    let sent = chain.submit(&admin, &remark).await.unwrap();
    assert!(sent.event("System", "ExtrinsicSuccess").is_some());
    let nobody = chain
        .submit(&admin, &calls::members::suspend_clinician(&owner.account()))
        .await;
    let Err(ChainError::Failed { error, .. }) = &nobody else {
        panic!("{nobody:?}");
    };
    assert!(error.starts_with("Members."), "{error}");

    // Governance with one vote, and an event in words.
    let admit = calls::members::admit(
        &key("//Dave").account(),
        OrganisationKind::Clinic,
        "Clinic",
        "",
    );
    let at = chain.finalized().await.unwrap().hash;
    let runtime = chain.runtime(at).await.unwrap();
    let announce = calls::timelock::announce(&runtime.encode_call(&admit.unwrap()).unwrap());
    let admitted = chain.propose(&admin, &announce).await.unwrap();
    assert!(admitted.event("Members", "OrganisationAdmitted").is_some());
    let salus = chain.salus().await.unwrap();
    let organisation = salus
        .member(&admin.account())
        .await
        .unwrap()
        .unwrap()
        .organisation();
    let now = salus.now().await.unwrap();
    let role = ClinicianRole::Physician;
    let until = now + 30 * DAY;
    let unasked = calls::members::credential(&doctor.account(), role, until, None);
    let unasked = chain.submit(&admin, &unasked).await;
    assert!(
        matches!(&unasked, Err(ChainError::Failed { error, .. }) if error == "Members.ConsentNeeded"),
        "{unasked:?}"
    );
    let consent = doctor.sign_credential(organisation, role, now, now + HOUR, &chain.genesis());
    let credential = calls::members::credential(&doctor.account(), role, until, Some(&consent));
    let credentialed = chain.submit(&admin, &credential).await.unwrap();
    let event = credentialed
        .event("Members", "ClinicianCredentialed")
        .unwrap();
    assert_eq!(event.fields["account"], doctor.account().to_string());
    assert_eq!(event.fields["role"], "Physician");

    // A patient's first three entries, two of them sent without waiting in between.
    let salt = random_16();
    let genesis = chain.genesis();
    let patient = PatientId::derive(&genesis, &owner.account(), &salt);
    let inbox_key = DecryptionKey::generate().public();
    let inbox = owner.sign_recipient(&Subject::Inbox(patient), &inbox_key, 0, &genesis);
    let keys = Keyring::new(patient).first_keys().unwrap();
    let compartments = owner.sign_compartments(&patient, &keys, &genesis).unwrap();
    let consent = owner.sign_enrolment(organisation, &doctor.account(), salt, now + HOUR, &genesis);
    let enrol = calls::patients::enrol(patient, &owner.account(), &compartments, &inbox, &consent);
    chain.submit(&doctor, &enrol).await.unwrap();
    let early = trail::read(&chain, patient).await.unwrap();
    early.verify(None).unwrap();
    assert_eq!(early.entries[0].variant, "Enrolled");
    let calls = [1, 2].map(|epoch| {
        let key = owner.sign_recipient(&Subject::Inbox(patient), &inbox_key, epoch, &genesis);
        calls::patients::set_inbox(patient, &key)
    });
    for result in chain.submit_many(&owner, &calls).await {
        result.unwrap();
    }

    let whole = trail::read(&chain, patient).await.unwrap();
    let seen = SeenHead {
        count: early.head.count,
        digest: early.head.digest,
    };
    whole.verify(Some(&seen)).unwrap();
    trail::check_readings(&chain, &whole.entries).await.unwrap();
    assert_eq!(whole.entries.len() as u64, whole.head.count);
    assert!(whole.head.count >= early.head.count + 2);
    let head = chain
        .salus()
        .await
        .unwrap()
        .trail_head(patient)
        .await
        .unwrap();
    assert_eq!(head, whole.head.into());
    let mut gap = whole.clone();
    gap.entries.remove(1);
    assert_eq!(
        gap.verify(None),
        Err(TrailError::Missing { first: 2, last: 2 })
    );

    // Reading only what is needed leaves out nothing that all events of all blocks tell.
    let mut about = Vec::new();
    for number in 1..=whole.at {
        let block = chain.block_at(number).await.unwrap();
        let all = chain.block_events(block.hash).await.unwrap();
        for event in &all.events {
            let alone = chain.event(block.hash, event.index).await.unwrap();
            assert_eq!(alone.as_ref(), Some(event));
        }
        let beyond = all.events.len() as u32;
        assert_eq!(chain.event(block.hash, beyond).await.unwrap(), None);
        if block == sent.block {
            let mut own = all.events.clone();
            own.retain(|event| event.phase == Phase::ApplyExtrinsic(sent.extrinsic_index));
            assert_eq!(own, sent.events);
        }
        let moment = all.moment;
        let found = all.events.into_iter();
        let found = found.filter(|event| event.patient() == Some(patient));
        about.extend(found.map(|event| (number, moment, event.index, event.raw, event.fields)));
    }
    let told = whole.entries.iter().map(|entry| {
        let (event, fields) = (entry.event.clone(), entry.fields.clone());
        (entry.block, entry.moment, entry.event_index, event, fields)
    });
    assert_eq!(told.collect::<Vec<_>>(), about);

    // Finalized blocks come in order and none is left out.
    let mut blocks = chain.follow(1);
    for number in 1..=5 {
        assert_eq!(blocks.next().await.unwrap().number, number);
    }
}
