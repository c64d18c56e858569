//! Two vaults and what goes between them, over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use salus_client::keys::AccountKey;
use salus_client::vault::Reach;
use salus_primitives::{Member, Moment, ObjectKind, OrgId, RecordState};
use salus_vault::copies::copier::{Copier, Pace};
use salus_vault::copies::peers::Peers;
use salus_vault::ledger::{Change, Named, Peer};
use salus_vault::patience::Patience;
use salus_vault::Settings;

use crate::chain::GENESIS;
use crate::objects::*;
use crate::world::*;

const PACE: Pace = Pace {
    rounds: Duration::from_secs(600),
    scrubs: Duration::from_secs(600),
    scrub_rate: 0,
};

/// Settings of a vault that really listens, and what it listens on.
async fn listening(organisation: OrgId) -> (Settings, tokio::net::TcpListener) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings();
    settings.audience.organisation = organisation;
    if organisation == CLINIC {
        settings.service_account = account("ClinicService");
    }
    settings.audience.origin = format!("http://{}", listener.local_addr().unwrap());
    (settings, listener)
}

fn serve(world: &World, listener: tokio::net::TcpListener) {
    let app = world.app.clone();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
}

pub struct Two {
    pub hospital: World,
    pub clinic: World,
    /// The clinic's, which must fetch what people bring to the hospital.
    pub copier: Copier,
}

impl Two {
    pub async fn new() -> Self {
        Self::with(Patience::MEMBERS).await
    }

    /// The clinic has so much patience with others.
    async fn with(patience: Patience) -> Self {
        let (settings, listener) = listening(HOSPITAL).await;
        let hospital = World::with(settings).await;
        // Challenges are signed by real clocks.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_millis() as Moment;
        hospital.time.store(now, Ordering::SeqCst);
        hospital.chain.state().moment = now;
        serve(&hospital, listener);
        let (mut settings, listener) = listening(CLINIC).await;
        settings.patience_with_members = patience;
        let clinic = hospital.beside(settings).await;
        serve(&clinic, listener);
        hospital.chain.state().peers = [&hospital, &clinic]
            .map(|world| Peer {
                organisation: world.vault.settings.audience.organisation,
                url: world.vault.settings.audience.origin.clone(),
            })
            .to_vec();
        hospital.chain.state().confirming = CLINIC;
        let copier = copier(&clinic, "ClinicService");
        Self {
            hospital,
            clinic,
            copier,
        }
    }

    /// A record that lies in the hospital's vault and is named.
    pub async fn anchored(&self, seed: u32, length: usize) -> Object {
        let object = record(PATIENT, &account("Owner"), seed, &noise(length, seed));
        self.hospital.store("Owner", &object).await;
        self.hospital.anchor(PATIENT, seed, &object, "Owner");
        object
    }

    pub fn erase(&self, record: u32) {
        let mut state = self.hospital.chain.state();
        let row = state.records.get_mut(&(PATIENT, record)).unwrap();
        row.state = RecordState::Erased;
    }

    /// What the block now finalized means to vaults.
    fn announce(&self, change: Change) {
        let mut state = self.hospital.chain.state();
        let number = state.number;
        state.changes.insert(number, vec![change]);
    }

    /// Goes through everything and fetches what it can.
    pub async fn catch_up(&self) {
        self.copier.round().await.unwrap();
        self.copier.fetch_due().await.unwrap();
    }

    fn is_whole(&self, object: &Object) -> bool {
        object.blocks.iter().all(|(cid, block)| {
            std::fs::read(self.clinic.path_of("record", object, cid))
                .ok()
                .as_ref()
                == Some(block)
        })
    }
}

pub fn copier(world: &World, service: &str) -> Copier {
    let key = AccountKey::from_uri(&format!("//{service}")).unwrap();
    Copier::new(
        world.vault.clone(),
        Peers::new(key, GENESIS, Reach::Development),
        PACE,
    )
}

fn named(object: &Object) -> Named {
    Named {
        patient: PATIENT,
        kind: ObjectKind::Record,
        content: object.root,
        author: Some(account("Owner")),
    }
}

#[tokio::test]
async fn what_a_finalized_block_names_is_fetched_and_served() {
    let two = Two::new().await;
    let mut next = None;
    two.copier.follow(&mut next).await.unwrap();
    let object = two.anchored(0, 3 * MIB + 5).await;
    two.hospital.pass(SECOND);
    two.announce(Change::Named(named(&object)));
    two.copier.follow(&mut next).await.unwrap();
    assert_eq!(two.clinic.vault.copies.missing(), 1);
    two.copier.fetch_due().await.unwrap();
    assert_eq!(two.clinic.vault.copies.missing(), 0);
    assert!(two.is_whole(&object));
    let token = two.clinic.token("Owner").await;
    let reply = two
        .clinic
        .get(&token, &record_path(0, "payload"), &[])
        .await;
    assert_eq!(reply.body, noise(3 * MIB + 5, 0));
    // A copy needs no quota and no grace period.
    two.hospital.pass(100 * HOUR);
    two.clinic.vault.sweep().await.unwrap();
    two.clinic.vault.audit().await.unwrap();
    assert!(two.is_whole(&object));
}

#[tokio::test]
async fn no_block_is_left_out() {
    let two = Two::new().await;
    let mut next = None;
    two.copier.follow(&mut next).await.unwrap();
    let first = two.hospital.chain.state().number + 1;
    for number in first..first + 5 {
        let object = two.anchored(number, 10).await;
        two.hospital.pass(SECOND);
        two.announce(Change::Named(named(&object)));
    }
    two.copier.follow(&mut next).await.unwrap();
    assert_eq!(two.clinic.vault.copies.missing(), 5);
}

#[tokio::test]
async fn a_vault_that_lost_its_disk_gets_everything_back() {
    let two = Two::new().await;
    let objects = [two.anchored(0, MIB).await, two.anchored(1, 100).await];
    two.catch_up().await;
    assert!(objects.iter().all(|object| two.is_whole(object)));
    std::fs::remove_dir_all(two.clinic.folder.path()).unwrap();
    two.catch_up().await;
    assert!(objects.iter().all(|object| two.is_whole(object)));
    two.copier.round().await.unwrap();
    assert_eq!(two.clinic.vault.copies.missing(), 0);
}

#[tokio::test]
async fn only_keepers_fetch() {
    let two = Two::new().await;
    two.anchored(0, 100).await;
    two.hospital.chain.state().keepers = vec![HOSPITAL, 5, 6];
    two.catch_up().await;
    assert!(two.clinic.files().is_empty());
    // A member left, and the clinic takes its place.
    two.hospital.chain.state().keepers = vec![HOSPITAL, 5, CLINIC];
    two.catch_up().await;
    assert!(!two.clinic.files().is_empty());
}

#[tokio::test]
async fn a_rotten_block_is_noticed_repaired_and_counted() {
    let two = Two::new().await;
    let object = two.anchored(0, 3 * MIB).await;
    two.catch_up().await;
    let (cid, block) = object.chunk();
    let path = two.clinic.path_of("record", &object, cid);
    let mut rotten = block.clone();
    rotten[7] ^= 1;
    std::fs::write(&path, &rotten).unwrap();
    let other = &object
        .blocks
        .iter()
        .rfind(|(_, block)| block.len() == MIB)
        .unwrap()
        .0;
    std::fs::remove_file(two.clinic.path_of("record", &object, other)).unwrap();

    two.copier.scrub().await.unwrap();
    two.copier.look_into_doubts().await.unwrap();
    assert_eq!(two.clinic.vault.copies.missing(), 1);
    two.copier.fetch_due().await.unwrap();
    assert!(two.is_whole(&object));
    let metric = |name| two.clinic.metric(name);
    assert_eq!(metric("salus_vault_blocks_damaged_total").await, 2.0);
    assert_eq!(metric("salus_vault_copies_repaired_total").await, 1.0);
    assert_eq!(two.clinic.vault.copies.missing(), 0);
}

#[tokio::test]
async fn a_reader_who_meets_a_rotten_block_has_it_repaired() {
    let two = Two::new().await;
    let object = two.anchored(0, 2 * MIB).await;
    two.catch_up().await;
    two.clinic.rot(&object);
    let token = two.clinic.token("Owner").await;
    two.clinic
        .get(&token, &record_path(0, "payload"), &[])
        .await
        .is(500, "damaged");
    two.copier.look_into_doubts().await.unwrap();
    two.copier.fetch_due().await.unwrap();
    let reply = two
        .clinic
        .get(&token, &record_path(0, "payload"), &[])
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn what_does_not_belong_there_is_not_copied() {
    let two = Two::new().await;
    // The chain names, as this patient's record by this author, what somebody made for another.
    let foreign = record(OTHER_PATIENT, &account("Mallory"), 1, b"foreign");
    two.hospital.store("Mallory", &foreign).await;
    two.hospital.anchor(PATIENT, 0, &foreign, "Owner");
    two.hospital.anchor(OTHER_PATIENT, 0, &foreign, "Mallory");
    two.hospital
        .chain
        .state()
        .records
        .remove(&(OTHER_PATIENT, 0));
    // So that the hospital would give it.
    two.hospital
        .chain
        .state()
        .named
        .push((ObjectKind::Record, foreign.root));
    two.catch_up().await;
    assert!(two.clinic.files().is_empty());
    assert_eq!(two.clinic.vault.copies.missing(), 1);
    assert_eq!(
        two.clinic.metric("salus_vault_copies_refused_total").await,
        1.0
    );
}

#[tokio::test]
async fn a_copy_damaged_at_its_source_is_not_taken() {
    let two = Two::new().await;
    let object = two.anchored(0, MIB + 9).await;
    two.hospital.rot(&object);
    two.catch_up().await;
    assert!(two.clinic.files().is_empty(), "nothing is left of it");
    assert_eq!(two.clinic.vault.copies.missing(), 1);
}

#[tokio::test]
async fn a_vault_that_sends_what_nothing_links_to_is_cut_off_at_once() {
    let two = Two::new().await;
    let object = record(PATIENT, &account("Owner"), 0, &noise(100, 0));
    let (filler, bytes) = raw(&noise(100_000, 9));
    // Behind the root, whose links are known by then.
    let mut blocks = object.blocks.clone();
    let root = blocks.pop().unwrap();
    let mut sent = vec![root, (filler, bytes)];
    sent.extend(blocks);
    let result = two
        .clinic
        .vault
        .receive_copy(named(&object), &car(&object.root, &sent)[..])
        .await;
    let error = result.unwrap_err();
    // Not only at the end, when it is all on the disk.
    assert!(error.message.contains("links to it"), "{error}");
    assert!(two.clinic.files().is_empty());
}

#[tokio::test]
async fn nobody_is_asked_while_the_chain_is_away() {
    let two = Two::new().await;
    two.anchored(0, 100).await;
    two.copier.round().await.unwrap();
    two.hospital.chain.state().down = true;
    assert!(two.copier.fetch_due().await.is_err());
    assert!(two.copier.round().await.is_err());
    assert_eq!(two.clinic.vault.copies.missing(), 1);
    two.hospital.chain.state().down = false;
    two.hospital.pass(2 * SECOND);
    two.copier.fetch_due().await.unwrap();
    assert_eq!(two.clinic.vault.copies.missing(), 0);
}

#[tokio::test]
async fn an_erasure_reaches_the_copy_and_is_confirmed_once() {
    let two = Two::new().await;
    let object = two.anchored(0, 100).await;
    two.catch_up().await;
    assert!(two.is_whole(&object));
    two.erase(0);
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
    assert!(two.clinic.files().is_empty());
    let confirmed = two.hospital.chain.state().confirmed.clone();
    assert_eq!(confirmed, [((PATIENT, 0), CLINIC)]);
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 0);
    // Nor does a vault that forgot that it did.
    let forgetful = copier(&two.clinic, "ClinicService");
    forgetful.round().await.unwrap();
    assert_eq!(forgetful.confirm().await.unwrap(), 0);
    assert_eq!(two.hospital.chain.state().confirmations_sent, 1);
}

#[tokio::test]
async fn a_vault_without_a_copy_confirms_too_and_never_fetches_one_again() {
    let two = Two::new().await;
    let object = two.anchored(0, 100).await;
    two.copier.round().await.unwrap();
    two.erase(0);
    two.announce(Change::Erased(PATIENT, 0));
    two.copier.follow(&mut None).await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
    two.copier.fetch_due().await.unwrap();
    assert!(!two.is_whole(&object));
    assert_eq!(two.clinic.vault.copies.missing(), 0);
}

#[tokio::test]
async fn a_file_that_the_chain_still_names_is_neither_deleted_nor_confirmed() {
    let two = Two::new().await;
    let object = two.anchored(0, 100).await;
    two.catch_up().await;
    two.erase(0);
    two.hospital
        .chain
        .state()
        .named
        .push((ObjectKind::Record, object.root));
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 0);
    assert!(two.is_whole(&object));
    // It does not stand in the way of others, and is come back to.
    two.hospital.chain.state().named.clear();
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
    assert!(two.clinic.files().is_empty());
}

#[tokio::test]
async fn a_file_that_was_moved_away_from_is_fetched_and_kept_like_the_present_one() {
    let two = Two::new().await;
    let former = two.anchored(0, 100).await;
    let nowhere = record(PATIENT, &account("Owner"), 7, b"nobody has it");
    two.hospital.move_to(PATIENT, 0, &nowhere, "Owner");
    two.catch_up().await;
    assert!(two.is_whole(&former));

    // Restored: whose binding it bears, the event does not say.
    two.hospital.chain.state().former.clear();
    two.hospital.anchor(PATIENT, 0, &former, "Owner");
    std::fs::remove_dir_all(two.clinic.folder.path()).unwrap();
    two.hospital.pass(SECOND);
    let restored = Named {
        author: None,
        ..named(&former)
    };
    two.announce(Change::Named(restored));
    two.copier.follow(&mut None).await.unwrap();
    two.copier.fetch_due().await.unwrap();
    assert!(two.is_whole(&former));

    // Moved away again: for as long as the chain names it, it stays.
    two.hospital.move_to(PATIENT, 0, &nowhere, "Owner");
    two.hospital.pass(100 * HOUR);
    for vault in [&two.hospital.vault, &two.clinic.vault] {
        assert_eq!(vault.audit().await.unwrap(), 0);
        vault.sweep().await.unwrap();
    }
    assert!(two.is_whole(&former));
}

#[tokio::test]
async fn an_erasure_takes_all_files_that_the_record_ever_named() {
    let two = Two::new().await;
    two.anchored(0, 100).await;
    two.catch_up().await;
    let second = record(PATIENT, &account("Owner"), 7, b"second");
    two.hospital.store("Owner", &second).await;
    two.hospital.move_to(PATIENT, 0, &second, "Owner");
    two.catch_up().await;
    assert!(two.is_whole(&second));
    two.erase(0);
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
    assert!(two.clinic.files().is_empty());
}

#[tokio::test]
async fn a_patient_of_whom_the_chain_takes_no_confirmation_holds_up_no_other() {
    let two = Two::new().await;
    for (patient, author) in [(PATIENT, "Owner"), (OTHER_PATIENT, "Mallory")] {
        let object = record(patient, &account(author), 0, b"gone");
        two.hospital.anchor(patient, 0, &object, author);
        let mut state = two.hospital.chain.state();
        state.records.get_mut(&(patient, 0)).unwrap().state = RecordState::Erased;
    }
    two.hospital.chain.state().full_trails.push(PATIENT);
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
    let confirmed = two.hospital.chain.state().confirmed.clone();
    assert_eq!(confirmed, [((OTHER_PATIENT, 0), CLINIC)]);
    // The next round comes back to it.
    assert_eq!(two.copier.confirm().await.unwrap(), 0);
    two.hospital.chain.state().full_trails.clear();
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
}

#[tokio::test]
async fn how_a_vault_stands_is_told_to_admins_and_services_alone() {
    let two = Two::new().await;
    two.anchored(0, 100).await;
    two.catch_up().await;
    let clinic = &two.clinic;
    clinic
        .get("", "/v1/copies", &[])
        .await
        .is(401, "no-session");
    for person in ["Owner", "Doctor", "Colleague"] {
        let token = clinic.token(person).await;
        let reply = clinic.get(&token, "/v1/copies", &[]).await;
        reply.is(403, "peers-only");
    }
    let admin = Member::Admin {
        organisation: HOSPITAL,
    };
    two.hospital
        .chain
        .state()
        .members
        .insert(account("Admin"), admin);
    for peer in ["Service", "ClinicService", "Admin"] {
        let token = clinic.token(peer).await;
        let reply = clinic.get(&token, "/v1/copies", &[]).await.json();
        assert_eq!(reply["organisation"], CLINIC);
        assert_eq!(reply["missing"], 0);
        assert!(reply["round_finished"].as_i64().unwrap() > 0);
        assert_eq!(reply["round_finished"].as_i64().unwrap() % 900, 0);
        // Whoever is suspended later has a token, and is told nothing.
        two.hospital.chain.state().members.remove(&account(peer));
        let reply = clinic.get(&token, "/v1/copies", &[]).await;
        reply.is(403, "peers-only");
    }
}

#[tokio::test]
async fn what_is_missing_is_counted_once_a_minute_and_told_as_a_fault_after_a_quarter_of_an_hour() {
    let two = Two::new().await;
    let clinic = &two.clinic;
    let token = clinic.token("ClinicService").await;
    let missing =
        || async { clinic.get(&token, "/v1/copies", &[]).await.json()["missing"].clone() };
    let figure = "salus_vault_copies_missing";
    // From the beginning of a minute on.
    two.hospital.pass(MINUTE - two.hospital.now() % MINUTE);
    assert_eq!(missing().await, 0);
    for seed in 0..3 {
        two.anchored(seed, 100).await;
    }
    two.copier.round().await.unwrap();
    assert_eq!(clinic.vault.copies.missing(), 3);
    two.hospital.pass(MINUTE - 1);
    assert_eq!(missing().await, 0);
    two.hospital.pass(1);
    assert_eq!(missing().await, 3);
    two.hospital.pass(13 * MINUTE);
    assert_eq!(clinic.metric(figure).await, 0.0);
    two.hospital.pass(MINUTE);
    assert_eq!(clinic.metric(figure).await, 2.0, "three, rounded");
}

#[tokio::test]
async fn an_erasure_ends_uploads_of_its_file_and_waits_for_no_sender() {
    let two = Two::new().await;
    let object = two.anchored(0, 2 * MIB).await;
    two.catch_up().await;
    two.erase(0);
    let token = two.clinic.token("Owner").await;
    let other = record(OTHER_PATIENT, &account("Mallory"), 7, &noise(2 * MIB, 7));
    let mallory = two.clinic.token("Mallory").await;
    let half = |bytes: Vec<u8>| bytes[..MIB + MIB / 2].to_vec();
    let mut uploads = Vec::new();
    for (token, bytes) in [
        (&token, half(object.car())),
        (&token, half(object.streamed())),
        (&mallory, half(other.streamed())),
    ] {
        uploads.push(crate::uploads::stalled(&two.clinic, token, &bytes));
    }
    let staged = || {
        let files = two.clinic.files().into_keys();
        files
            .filter(|path| path.starts_with(two.clinic.folder.path().join("staged")))
            .count()
    };
    // Of the first nothing has to be staged: it is all there.
    while staged() < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    two.copier.round().await.unwrap();
    assert_eq!(two.copier.confirm().await.unwrap(), 1);
    // Nothing of the erased record is here, and somebody else's upload goes on.
    assert_eq!(two.clinic.files().len(), 3);
    let mut answers = uploads.into_iter();
    for _ in 0..2 {
        let (_sender, answer) = answers.next().unwrap();
        assert_eq!(answer.await.unwrap().status(), 409);
    }
    let (sender, answer) = answers.next().unwrap();
    let rest = other.streamed()[MIB + MIB / 2..].to_vec();
    sender.send(Ok(rest.into())).await.unwrap();
    drop(sender);
    assert_eq!(answer.await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_vault_that_trickles_keeps_no_other_copy_waiting() {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::middleware::{from_fn, Next};
    use axum::response::Response;
    const SLOW: OrgId = 7;
    let patience = Patience {
        silence: Duration::from_millis(500),
        ..Patience::MEMBERS
    };
    let two = Two::with(patience).await;
    let (settings, listener) = listening(SLOW).await;
    let url = settings.audience.origin.clone();
    let slow = two.hospital.beside(settings).await;
    let asked = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let counts = asked.clone();
    // It signs in like any other, and sends a byte every now and then.
    let trickles = move |request: Request, next: Next| {
        let counts = counts.clone();
        async move {
            if !request.uri().path().starts_with("/ipfs/") {
                return next.run(request).await;
            }
            let now = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
            counts.1.fetch_max(now, Ordering::SeqCst);
            struct Ends(Arc<(AtomicUsize, AtomicUsize)>);
            impl Drop for Ends {
                fn drop(&mut self) {
                    self.0 .0.fetch_sub(1, Ordering::SeqCst);
                }
            }
            let ends = Ends(counts);
            let body = futures::stream::unfold(ends, |ends| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, std::io::Error>("\x3a"), ends))
            });
            Response::new(Body::from_stream(body))
        }
    };
    let app = slow.app.clone().layer(from_fn(trickles));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut objects = Vec::new();
    for seed in 0..12 {
        objects.push(two.anchored(seed, 1_000).await);
    }
    {
        let mut state = two.hospital.chain.state();
        let organisation = SLOW;
        state.peers.push(Peer { organisation, url });
        state.keepers = vec![SLOW, HOSPITAL, CLINIC];
    }
    two.copier.round().await.unwrap();
    let began = std::time::Instant::now();
    let workers = (0..6).map(|_| two.copier.fetch_due());
    for done in futures::future::join_all(workers).await {
        done.unwrap();
    }
    while two.clinic.vault.copies.missing() > 0 && began.elapsed() < Duration::from_secs(20) {
        two.hospital.pass(2 * SECOND);
        two.copier.fetch_due().await.unwrap();
    }
    assert!(objects.iter().all(|object| two.is_whole(object)));
    let most = asked.1.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most} at once");
    assert!(began.elapsed() < Duration::from_secs(20));
}
