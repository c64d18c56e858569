//! Own reads: logged where only controllers can read, bound to the chain once a day.

use salus_client::files::reads::{Bound, Read, ReadsError, Told};
use salus_primitives::reads::day_of;
use salus_primitives::{Controller, ControllerRole, Part, PatientId, DAY};
use sp_core::H256;

use crate::chain::GENESIS;
use crate::objects::record;
use crate::world::{
    account, inbox_of, record_path, settings, World, HOSPITAL, HOUR, MINUTE, OTHER_PATIENT, PATIENT,
};

fn path(patient: PatientId) -> String {
    format!("/v1/patients/{patient}/reads")
}

async fn told(world: &World, name: &str, patient: PatientId) -> Told {
    let token = world.token(name).await;
    let reply = world.get(&token, &path(patient), &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["cache-control"], "no-store");
    Told::from_bytes(&reply.body).unwrap()
}

fn open(told: &Told) -> Vec<Read> {
    let keys = [inbox_of(told.log.patient)];
    let entries = told.log.entries.iter();
    entries
        .map(|entry| Read::open(&keys, &entry.sealed).unwrap())
        .collect()
}

fn check(world: &World, told: &Told) -> Result<Bound, ReadsError> {
    let patient = told.log.patient;
    let state = world.chain.state();
    let none = Vec::new();
    let roots = state.read_roots.get(&HOSPITAL).unwrap_or(&none);
    let today = day_of(state.moment);
    told.check(&GENESIS, (HOSPITAL, patient), (roots, today), None)
}

/// Three records that the owner can read.
async fn ward() -> World {
    let world = World::new().await;
    for index in 0..3 {
        let object = record(PATIENT, &account("Owner"), index + 1, b"payload");
        world.store("Owner", &object).await;
        world.anchor(PATIENT, index, &object, "Owner");
    }
    world
}

async fn read(world: &World, name: &str, index: u32, part: &str) {
    let token = world.token(name).await;
    let reply = world.get(&token, &record_path(index, part), &[]).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn own_reads_are_logged_for_controllers_and_leave_nothing_on_the_chain() {
    let mut world = ward().await;
    let guardian = Controller {
        role: ControllerRole::Decider,
        expires_at: None,
    };
    let who = (PATIENT, account("Guardian"));
    world.chain.state().controllers.insert(who, guardian);
    read(&world, "Owner", 0, "manifest").await;
    read(&world, "Owner", 0, "payload").await;
    world.pass(MINUTE);
    read(&world, "Guardian", 2, "payload").await;
    // Again on the same day, in another session, and what is no ciphertext.
    read(&world, "Owner", 0, "payload").await;
    read(&world, "Owner", 1, "directory").await;

    assert_eq!(world.waiting().await, 0);
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 0);
    world.restart().await;
    for name in ["Owner", "Guardian"] {
        let reads: Vec<_> = open(&told(&world, name, PATIENT).await)
            .into_iter()
            .map(|read| (read.reader, read.record, read.part))
            .collect();
        let expected = [
            (account("Owner"), 0, Part::Manifest),
            (account("Owner"), 0, Part::Full),
            (account("Guardian"), 2, Part::Full),
        ];
        assert_eq!(reads, expected);
    }
    let state = world.chain.state();
    assert!(state.delivered.is_empty() && state.batches_offered == 0);
}

#[tokio::test]
async fn only_who_decides_for_the_patient_sees_the_log() {
    let world = ward().await;
    read(&world, "Owner", 0, "payload").await;
    let carer = Controller {
        role: ControllerRole::Carer,
        expires_at: None,
    };
    let who = (PATIENT, account("Carer"));
    world.chain.state().controllers.insert(who, carer);
    for name in ["Carer", "Mallory", "Doctor", "Service"] {
        let token = world.token(name).await;
        let reply = world.get(&token, &path(PATIENT), &[]).await;
        reply.is(403, "not-a-decider");
    }
    world
        .get("", &path(PATIENT), &[])
        .await
        .is(401, "no-session");
}

#[tokio::test]
async fn what_lies_on_the_disk_tells_neither_reader_nor_record() {
    let world = ward().await;
    read(&world, "Owner", 2, "payload").await;
    let folder = world.folder.path().join("reads");
    let files = world.files();
    let logs: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.starts_with(&folder))
        .collect();
    assert_eq!(logs.len(), 1);
    let reader: [u8; 32] = account("Owner").into();
    for (_, bytes) in logs {
        assert!(!bytes.windows(32).any(|window| window == reader));
    }
    // The vault has no key to it.
    let told = told(&world, "Owner", PATIENT).await;
    let vault = settings().identity.unwrap();
    assert!(Read::open(&[vault], &told.log.entries[0].sealed).is_err());
}

#[tokio::test]
async fn a_day_is_committed_once_and_proven_to_each_patient() {
    let world = ward().await;
    read(&world, "Owner", 0, "payload").await;
    let own = told(&world, "Owner", PATIENT).await;
    assert_eq!(check(&world, &own), Ok(Bound::Silent { since: None }));
    // Who asks is bound from then on, though nothing was read.
    told(&world, "Mallory", OTHER_PATIENT).await;
    // The day before, in which nobody read, at the first look.
    let first = day_of(world.now()) - 1;
    assert_eq!(world.vault.reads.commit().await.unwrap(), Some(first));
    assert_eq!(world.vault.reads.commit().await.unwrap(), None);

    world.pass(DAY);
    read(&world, "Owner", 1, "payload").await;
    assert_eq!(world.vault.reads.commit().await.unwrap(), Some(first + 1));
    read(&world, "Owner", 2, "payload").await;
    let proven = Ok(Bound::Proven { day: first + 1 });
    let own = told(&world, "Owner", PATIENT).await;
    assert_eq!(check(&world, &own), proven);
    assert_eq!(open(&own).len(), 3);
    let other = told(&world, "Mallory", OTHER_PATIENT).await;
    assert_eq!(check(&world, &other), proven);
    assert!(other.log.entries.is_empty());
    // What the vault leaves out of what it has committed shows.
    let mut less = own.clone();
    less.log.entries.remove(0);
    assert!(check(&world, &less).is_err());
}

#[tokio::test]
async fn a_commitment_says_nothing_of_whether_anybody_read() {
    let (quiet, busy) = (World::new().await, ward().await);
    for index in 0..3 {
        read(&busy, "Owner", index, "payload").await;
    }
    for world in [&quiet, &busy] {
        world.pass(DAY);
        assert!(world.vault.reads.commit().await.unwrap().is_some());
        world.pass(DAY);
        assert!(world.vault.reads.commit().await.unwrap().is_some());
        let state = world.chain.state();
        let roots = &state.read_roots[&HOSPITAL];
        // One a day, and another one though nothing has changed.
        assert_eq!(roots.len(), 2);
        assert_ne!(roots[0].1, roots[1].1);
    }
}

#[tokio::test]
async fn a_commitment_survives_a_restart_and_an_answer_that_was_lost() {
    let mut world = ward().await;
    read(&world, "Owner", 0, "payload").await;
    world.pass(DAY);
    world.chain.state().rejects_commitments = true;
    assert_eq!(world.vault.reads.commit().await.unwrap(), None);
    // Read after the heads were taken: bound the day after.
    read(&world, "Owner", 1, "payload").await;
    world.restart().await;
    world.chain.state().rejects_commitments = false;
    let day = world.vault.reads.commit().await.unwrap().unwrap();
    let own = told(&world, "Owner", PATIENT).await;
    assert_eq!(check(&world, &own), Ok(Bound::Proven { day }));
    assert_eq!(own.proof.unwrap().head.count, 1);
    // The chain has it, and this process does not know.
    world.restart().await;
    assert!(told(&world, "Owner", PATIENT).await.proof.is_none());
    assert_eq!(world.vault.reads.commit().await.unwrap(), None);
    let own = told(&world, "Owner", PATIENT).await;
    assert_eq!(check(&world, &own), Ok(Bound::Proven { day }));
    for _ in 0..5 {
        world.pass(DAY);
        world.vault.reads.commit().await.unwrap();
    }
    assert_eq!(world.vault.store.read_trees().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_root_of_another_service_leaves_the_logs_unproven() {
    let world = ward().await;
    read(&world, "Owner", 0, "payload").await;
    world.pass(DAY);
    let day = day_of(world.now()) - 1;
    let roots = vec![(day, H256::repeat_byte(3))];
    world.chain.state().read_roots.insert(HOSPITAL, roots);
    assert_eq!(world.vault.reads.commit().await.unwrap(), None);
    let own = told(&world, "Owner", PATIENT).await;
    let unproven = Bound::Unproven { since: 0, day };
    assert_eq!(check(&world, &own), Ok(unproven));
}

#[tokio::test]
async fn a_day_is_committed_after_a_delay_that_does_not_depend_on_reads() {
    let mut settings = settings();
    settings.reads_delay = HOUR;
    let world = World::with(settings).await;
    let midnight = DAY - world.now() % DAY;
    world.vault.reads.commit().await.unwrap();
    world.pass(midnight);
    assert_eq!(world.vault.reads.commit().await.unwrap(), None);
    world.pass(HOUR + MINUTE);
    assert!(world.vault.reads.commit().await.unwrap().is_some());
}

#[tokio::test]
async fn nothing_is_handed_out_that_cannot_be_logged() {
    let world = ward().await;
    let token = world.token("Owner").await;
    let get = || async { world.get(&token, &record_path(0, "payload"), &[]).await };
    let inbox = world.chain.state().inboxes.remove(&PATIENT).unwrap();
    get().await.is(409, "no-inbox");
    // A key that somebody else has put in its place.
    let foreign = world.chain.state().inboxes[&OTHER_PATIENT].clone();
    world.chain.state().inboxes.insert(PATIENT, foreign);
    get().await.is(503, "chain-unavailable");
    world.chain.state().inboxes.insert(PATIENT, inbox);
    // A log that was damaged is not begun anew.
    let log = world
        .folder
        .path()
        .join("reads")
        .join(format!("{PATIENT}.log"));
    assert_eq!(get().await.status, 200);
    std::fs::write(&log, b"rotten").unwrap();
    world.pass(DAY);
    let token = world.token("Owner").await;
    let reply = world.get(&token, &record_path(0, "payload"), &[]).await;
    assert_eq!(reply.status, 500);
}
