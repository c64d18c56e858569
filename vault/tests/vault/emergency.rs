//! Shares of emergency plans: who deals them, who gets them, and when they go.

use std::sync::atomic::Ordering;

use salus_client::files::age::{seal_bytes, unseal_bytes, DecryptionKey, EncryptionKey};
use salus_client::files::share::{split, Share};
use salus_client::keys::AccountKey;
use salus_primitives::{
    Basis, Cid, Controller, ControllerRole, Dispute, EmergencyPlan, Glass, Member, Moment,
    ObjectKind, OrgId, PatientId, PlanSeal, Purpose, Rights, ShareHolder, SignedRecipient, Subject,
};
use salus_vault::ledger::Change;
use salus_vault::Settings;
use sp_core::H256;

use crate::chain::GENESIS;
use crate::copies::copier;
use crate::objects::*;
use crate::world::*;

const HOLDERS: [OrgId; 3] = [HOSPITAL, CLINIC, 5];
const DAY: Moment = 24 * HOUR;

fn package(seed: u8) -> Cid {
    Cid::raw([seed; 32])
}

fn commitment(seed: u8) -> H256 {
    H256::repeat_byte(seed)
}

/// A plan, final in the block of this number, and its shares in the order of [`HOLDERS`].
pub fn plan(world: &World, patient: PatientId, seed: u8, number: u32) -> Vec<Share> {
    let key = DecryptionKey::generate();
    let shares = split(key.expose().unwrap().as_bytes(), 2, 3).unwrap();
    let holders = HOLDERS.iter().zip(&shares);
    let holders = holders.map(|(organisation, share)| ShareHolder {
        organisation: *organisation,
        share: share.fingerprint(),
    });
    let plan = EmergencyPlan {
        commitment: commitment(seed),
        holders: holders.collect::<Vec<_>>().try_into().unwrap(),
        threshold: 2,
        package: package(seed),
        set_at: world.now(),
    };
    world.chain.state().plans.insert(patient, (number, plan));
    shares
}

/// A plan that is final.
pub fn planned(world: &World) -> Vec<Share> {
    let number = world.chain.state().number;
    plan(world, PATIENT, 1, number)
}

/// As a client sends it.
pub fn sealed(world: &World, share: &Share) -> Vec<u8> {
    sealed_of(world, &PATIENT, share)
}

fn sealed_of(world: &World, patient: &PatientId, share: &Share) -> Vec<u8> {
    let identity = world.vault.settings.identity.as_ref().unwrap();
    seal_bytes(&[identity.public()], &share.to_bytes_of(patient)).unwrap()
}

/// A plan whose share lies in the vault.
async fn dealt(world: &World) -> Vec<Share> {
    let shares = planned(world);
    let token = world.token("Owner").await;
    let reply = world.deal(&token, PATIENT, sealed(world, &shares[0])).await;
    assert_eq!(reply.status, 204);
    shares
}

/// Glass 0 of the patient, under their first plan, from the block of this number on.
fn broken_in(world: &World, by: &str, number: u32) {
    let mut state = world.chain.state();
    let glass = Glass {
        clinician: account(by),
        organisation: state.members[&account(by)].organisation(),
        letter: package(9),
        broken_at: world.now(),
        plan: Some(PlanSeal {
            commitment: commitment(1),
            package: package(1),
        }),
        grant: None,
        ended_at: None,
        review: None,
        dispute: None,
    };
    state.glasses.insert((PATIENT, 0), (number, glass));
}

pub fn broken(world: &World, by: &str) {
    let number = world.chain.state().number;
    broken_in(world, by, number);
}

/// Changes glass 0 of the patient.
fn change_glass(world: &World, change: impl FnOnce(&mut Glass)) {
    let mut state = world.chain.state();
    change(&mut state.glasses.get_mut(&(PATIENT, 0)).unwrap().1);
}

/// What glass 0 opens is revealed: grant 0, for the rest of its day.
fn revealed(world: &World, by: &str) {
    world.share(0, by, Rights::Read, vec![package(1)]);
    {
        let mut state = world.chain.state();
        let grant = &mut state.grants.get_mut(&(PATIENT, 0)).unwrap().grant;
        grant.purpose = Purpose::Btg;
        grant.basis = Basis::Emergency(0);
        grant.expires_at = grant.starts_at + DAY;
    }
    change_glass(world, |glass| glass.grant = Some(0));
}

/// Names a key for this account, signed by whoever.
fn name_key(world: &World, of: &str, signed_by: &str, key: &EncryptionKey) {
    let signer = AccountKey::from_uri(&format!("//{signed_by}")).unwrap();
    let subject = Subject::Account(account(of));
    let signed = SignedRecipient {
        signer: signer.account(),
        recipient: signer.sign_recipient(&subject, key, 0, &GENESIS),
    };
    world.chain.state().recipients.insert(account(of), signed);
}

pub fn publish(world: &World, name: &str) -> DecryptionKey {
    let key = DecryptionKey::generate();
    name_key(world, name, name, &key.public());
    key
}

/// Deals a share, breaks the glass for it and gets it, under the tokens of owner and doctor.
pub async fn accessed(world: &World, owner: &str, doctor: &str) -> Share {
    let share = planned(world).remove(0);
    let sealed = sealed(world, &share);
    assert_eq!(world.deal(owner, PATIENT, sealed).await.status, 204);
    broken(world, "Doctor");
    publish(world, "Doctor");
    let released = world.get(doctor, &path(PATIENT, 0), &[]).await;
    assert_eq!(released.status, 200);
    share
}

fn path(patient: PatientId, glass: u32) -> String {
    format!("/v1/patients/{patient}/emergency-share?glass={glass}")
}

async fn ask(world: &World, name: &str) -> Reply {
    let token = world.token(name).await;
    world.get(&token, &path(PATIENT, 0), &[]).await
}

fn kept(world: &World) -> usize {
    let shares = world.folder.path().join("shares");
    let files = world.files();
    files
        .keys()
        .filter(|path| path.starts_with(&shares))
        .count()
}

#[tokio::test]
async fn a_share_is_kept_only_if_the_finalized_plan_names_it() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let stray = split(b"of no plan", 2, 3).unwrap().remove(0);
    let deal = |share: &Share| world.deal(&token, PATIENT, sealed(&world, share));
    deal(&stray).await.is(409, "not-in-the-plan");

    let next = world.chain.state().number + 1;
    let shares = plan(&world, PATIENT, 1, next);
    deal(&shares[0]).await.is(409, "not-in-the-plan");
    world.pass(SECOND);
    // Another organisation's share of the same plan, and a share of another.
    deal(&shares[1]).await.is(409, "not-in-the-plan");
    deal(&stray).await.is(409, "not-in-the-plan");
    assert_eq!(kept(&world), 0);

    for _ in 0..2 {
        assert_eq!(deal(&shares[0]).await.status, 204);
        assert_eq!(kept(&world), 1);
    }
    // On the disk it lies encrypted.
    let secret = shares[0].to_bytes();
    let is_in = |file: &Vec<u8>| file.windows(secret.len()).any(|bytes| *bytes == **secret);
    assert!(!world.files().values().any(is_in));
    world.chain.state().down = true;
    deal(&shares[0]).await.is(503, "chain-unavailable");
}

#[tokio::test]
async fn a_plan_without_this_organisation_places_nothing_here() {
    let world = World::new().await;
    let shares = planned(&world);
    {
        let mut state = world.chain.state();
        state.plans.get_mut(&PATIENT).unwrap().1.holders[0].organisation = 6;
    }
    let token = world.token("Owner").await;
    let reply = world
        .deal(&token, PATIENT, sealed(&world, &shares[0]))
        .await;
    reply.is(409, "not-in-the-plan");
}

#[tokio::test]
async fn only_who_decides_for_the_patient_deals_shares() {
    let world = World::new().await;
    let shares = planned(&world);
    for (name, role) in [
        ("Guardian", ControllerRole::Decider),
        ("Carer", ControllerRole::Carer),
    ] {
        let controller = Controller {
            role,
            expires_at: None,
        };
        let mut state = world.chain.state();
        state
            .controllers
            .insert((PATIENT, account(name)), controller);
    }
    for name in ["Mallory", "Carer", "Doctor", "Service"] {
        let token = world.token(name).await;
        let reply = world
            .deal(&token, PATIENT, sealed(&world, &shares[0]))
            .await;
        reply.is(403, "not-a-decider");
    }
    let reply = world.deal("", PATIENT, sealed(&world, &shares[0])).await;
    reply.is(401, "no-session");
    assert_eq!(kept(&world), 0);
    let token = world.token("Guardian").await;
    let reply = world
        .deal(&token, PATIENT, sealed(&world, &shares[0]))
        .await;
    assert_eq!(reply.status, 204);
    // Whose role ended while the session lives.
    let owner = world.token("Owner").await;
    {
        let mut state = world.chain.state();
        state.controllers.remove(&(PATIENT, account("Owner")));
    }
    let reply = world
        .deal(&owner, PATIENT, sealed(&world, &shares[0]))
        .await;
    reply.is(403, "not-a-decider");
}

#[tokio::test]
async fn a_copy_of_a_sealed_share_is_no_other_patient_s() {
    let world = World::new().await;
    let shares = planned(&world);
    // Somebody who decides for another patient names the fingerprint, which stands on the chain.
    let stolen = sealed(&world, &shares[0]);
    let (number, plan) = world.chain.state().plans[&PATIENT].clone();
    world
        .chain
        .state()
        .plans
        .insert(OTHER_PATIENT, (number, plan));
    let owner = Controller {
        role: ControllerRole::Owner,
        expires_at: None,
    };
    world
        .chain
        .state()
        .controllers
        .insert((OTHER_PATIENT, account("Mallory")), owner);
    let token = world.token("Mallory").await;
    let reply = world.deal(&token, OTHER_PATIENT, stolen).await;
    reply.is(400, "not-a-share");
    assert_eq!(kept(&world), 0);
}

#[tokio::test]
async fn what_is_no_share_for_this_vault_is_refused() {
    let world = World::new().await;
    let shares = planned(&world);
    let token = world.token("Owner").await;
    let own = world.vault.settings.identity.clone().unwrap().public();
    let other = DecryptionKey::generate().public();
    let share = shares[0].to_bytes();
    let mut cut = sealed(&world, &shares[0]);
    cut.pop();
    for body in [
        Vec::new(),
        b"no age file".to_vec(),
        share.to_vec(),
        seal_bytes(&[other], &share).unwrap(),
        seal_bytes(std::slice::from_ref(&own), b"no share").unwrap(),
        seal_bytes(&[own], &share[1..]).unwrap(),
        cut,
    ] {
        world
            .deal(&token, PATIENT, body)
            .await
            .is(400, "not-a-share");
    }
    let most = vec![0; 4 * 1024];
    world
        .deal(&token, PATIENT, most)
        .await
        .is(400, "not-a-share");
    let more = vec![0; 4 * 1024 + 1];
    world.deal(&token, PATIENT, more).await.is(413, "too-large");
    assert_eq!(kept(&world), 0);
}

#[tokio::test]
async fn a_share_is_released_to_who_broke_the_glass_and_encrypted_to_them() {
    let mut world = World::new().await;
    let shares = dealt(&world).await;
    broken(&world, "Doctor");
    let doctor = publish(&world, "Doctor");
    world.restart().await;
    let reply = ask(&world, "Doctor").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["cache-control"], "no-store");
    let opened = unseal_bytes(&[doctor], &reply.body, 4096, "share").unwrap();
    assert_eq!(Share::from_bytes(&opened).unwrap(), shares[0]);
}

#[tokio::test]
async fn nobody_else_and_no_other_glass_gets_a_share() {
    let world = World::new().await;
    dealt(&world).await;
    broken(&world, "Doctor");
    for name in ["Doctor", "Lab", "Colleague", "Owner", "Mallory", "Service"] {
        publish(&world, name);
    }
    for name in ["Lab", "Colleague", "Owner", "Mallory", "Service"] {
        ask(&world, name).await.is(403, "not-permitted");
    }
    let token = world.token("Doctor").await;
    for path in [path(PATIENT, 1), path(OTHER_PATIENT, 0)] {
        world.get(&token, &path, &[]).await.is(403, "not-permitted");
    }
    let unnamed = format!("/v1/patients/{PATIENT}/emergency-share");
    for path in [unnamed.clone(), format!("{unnamed}?glass=one")] {
        world.get(&token, &path, &[]).await.is(400, "malformed");
    }
    let reply = world.get("", &path(PATIENT, 0), &[]).await;
    reply.is(401, "no-session");
    // It was there all the time.
    assert_eq!(ask(&world, "Doctor").await.status, 200);
}

#[tokio::test]
async fn nothing_is_released_before_the_glass_is_final() {
    let world = World::new().await;
    dealt(&world).await;
    publish(&world, "Doctor");
    let next = world.chain.state().number + 1;
    broken_in(&world, "Doctor", next);
    ask(&world, "Doctor").await.is(403, "not-permitted");
    world.pass(SECOND);
    assert_eq!(ask(&world, "Doctor").await.status, 200);
    // A chain that stands still says nothing about now.
    world.time.fetch_add(31 * SECOND, Ordering::SeqCst);
    let doctor = world.login("Doctor").await;
    doctor.is(503, "chain-unavailable");
}

#[tokio::test]
async fn nothing_is_released_after_the_glass_is_over() {
    let world = World::new().await;
    dealt(&world).await;
    publish(&world, "Doctor");
    broken(&world, "Doctor");
    world.pass(DAY - 1);
    assert_eq!(ask(&world, "Doctor").await.status, 200);
    // The later clock decides.
    world.time.fetch_add(1, Ordering::SeqCst);
    ask(&world, "Doctor").await.is(403, "not-permitted");
}

#[tokio::test]
async fn nothing_is_released_after_the_glass_is_ended_void_enrolment_or_loss_of_standing() {
    let world = World::new().await;
    dealt(&world).await;
    publish(&world, "Doctor");
    broken(&world, "Doctor");
    let token = world.token("Doctor").await;
    let path = path(PATIENT, 0);
    let ask = || world.get(&token, &path, &[]);
    let void = |at| {
        let mut state = world.chain.state();
        state.patients.get_mut(&PATIENT).unwrap().voided_at = at;
    };
    void(Some(START));
    ask().await.is(403, "not-permitted");
    void(None);
    assert_eq!(ask().await.status, 200);
    let standing = world.chain.state().members.remove(&account("Doctor"));
    ask().await.is(403, "not-permitted");
    {
        let mut state = world.chain.state();
        state.members.insert(account("Doctor"), standing.unwrap());
    }
    assert_eq!(ask().await.status, 200);
    change_glass(&world, |glass| glass.ended_at = Some(START));
    ask().await.is(403, "not-permitted");
    change_glass(&world, |glass| glass.ended_at = None);
    // What came of it, and its end.
    revealed(&world, "Doctor");
    assert_eq!(ask().await.status, 200);
    world.revoke(0);
    ask().await.is(403, "not-permitted");
}

/// Which of both was there, and what is in it, the vault does not know.
#[tokio::test]
async fn the_package_of_a_glass_is_for_who_broke_it_while_it_lasts() {
    let world = World::new().await;
    let object = small(ObjectKind::Envelope, PATIENT, &account("Owner"), 1, b"keys");
    world.store("Owner", &object).await;
    dealt(&world).await;
    let path = format!("/v1/patients/{PATIENT}/glasses/0/package");
    let ask = async |name: &str| {
        let token = world.token(name).await;
        world.get(&token, &path, &[]).await
    };
    ask("Doctor").await.is(404, "not-found");
    broken(&world, "Doctor");
    change_glass(&world, |glass| {
        let content = object.root;
        glass.plan.as_mut().unwrap().package = content;
    });
    // No opening has to be logged first.
    for name in ["Doctor", "Owner"] {
        assert_eq!(ask(name).await.body, b"keys");
    }
    for name in ["Colleague", "Lab", "Mallory", "Service"] {
        ask(name).await.is(404, "not-found");
    }
    change_glass(&world, |glass| glass.ended_at = Some(START));
    ask("Doctor").await.is(404, "not-found");
    change_glass(&world, |glass| glass.ended_at = None);
    world.pass(DAY);
    ask("Doctor").await.is(404, "not-found");
}

#[tokio::test]
async fn a_key_that_the_clinician_has_not_signed_is_not_encrypted_to() {
    let world = World::new().await;
    dealt(&world).await;
    broken(&world, "Doctor");
    ask(&world, "Doctor").await.is(409, "no-key");
    let mallory = DecryptionKey::generate().public();
    // A node that lies: Mallory's key under Mallory's signature, then under the doctor's for another key.
    name_key(&world, "Doctor", "Mallory", &mallory);
    ask(&world, "Doctor").await.is(503, "chain-unavailable");
    publish(&world, "Doctor");
    {
        let mut state = world.chain.state();
        let signed = state.recipients.get_mut(&account("Doctor")).unwrap();
        signed.recipient.key = *mallory.raw();
    }
    ask(&world, "Doctor").await.is(503, "chain-unavailable");
    publish(&world, "Doctor");
    assert_eq!(ask(&world, "Doctor").await.status, 200);
}

#[tokio::test]
async fn a_share_goes_as_soon_as_its_plan_is_seen_to_be_gone() {
    let world = World::new().await;
    publish(&world, "Doctor");
    let remove = || world.chain.state().plans.remove(&PATIENT);

    // By the block that says that the plan was touched.
    dealt(&world).await;
    let copier = copier(&world, "Service");
    let mut next = None;
    copier.follow(&mut next).await.unwrap();
    assert_eq!(kept(&world), 1);
    remove();
    world.pass(SECOND);
    {
        let mut state = world.chain.state();
        let number = state.number;
        state.changes.insert(number, vec![Change::Plan(PATIENT)]);
    }
    copier.follow(&mut next).await.unwrap();
    assert_eq!(kept(&world), 0);

    // By the look at everything.
    dealt(&world).await;
    world.vault.audit().await.unwrap();
    remove();
    world.chain.state().down = true;
    assert!(world.vault.audit().await.is_err());
    assert_eq!(kept(&world), 1);
    world.chain.state().down = false;
    world.vault.audit().await.unwrap();
    assert_eq!(kept(&world), 0);

    // By its being asked for.
    dealt(&world).await;
    broken(&world, "Doctor");
    assert_eq!(ask(&world, "Doctor").await.status, 200);
    remove();
    ask(&world, "Doctor").await.is(404, "no-share");
    assert_eq!(kept(&world), 0);

    // By its successor, which stays.
    dealt(&world).await;
    dealt(&world).await;
    assert_eq!(kept(&world), 1);
    assert_eq!(ask(&world, "Doctor").await.status, 200);
}

#[tokio::test]
async fn another_patient_s_share_stays_when_one_goes() {
    let world = World::new().await;
    let number = world.chain.state().number;
    let shares = plan(&world, OTHER_PATIENT, 2, number);
    let token = world.token("Mallory").await;
    let share = sealed_of(&world, &OTHER_PATIENT, &shares[0]);
    let reply = world.deal(&token, OTHER_PATIENT, share).await;
    assert_eq!(reply.status, 204);
    dealt(&world).await;
    world.chain.state().plans.remove(&PATIENT);
    world.vault.audit().await.unwrap();
    assert_eq!(kept(&world), 1);
}

#[tokio::test]
async fn a_share_of_a_later_plan_is_not_released_for_an_earlier_glass() {
    let world = World::new().await;
    dealt(&world).await;
    publish(&world, "Doctor");
    broken(&world, "Doctor");
    world.pass(SECOND);
    let number = world.chain.state().number;
    let shares = plan(&world, PATIENT, 2, number);
    let token = world.token("Owner").await;
    let reply = world
        .deal(&token, PATIENT, sealed(&world, &shares[0]))
        .await;
    assert_eq!(reply.status, 204);
    ask(&world, "Doctor").await.is(404, "no-share");
    // Under the later plan it would be.
    let later = PlanSeal {
        commitment: commitment(2),
        package: package(2),
    };
    change_glass(&world, |glass| glass.plan = Some(later));
    assert_eq!(ask(&world, "Doctor").await.status, 200);
}

#[tokio::test]
async fn what_was_encrypted_to_a_lost_key_is_told_from_what_is_there() {
    let mut world = World::new().await;
    let shares = dealt(&world).await;
    publish(&world, "Doctor");
    broken(&world, "Doctor");
    let settings = Settings {
        identity: Some(DecryptionKey::generate()),
        ..world.vault.settings.clone()
    };
    world.restart_with(settings).await;
    ask(&world, "Doctor").await.is(404, "no-share");
    // Dealt anew, to the new key.
    let token = world.token("Owner").await;
    let reply = world
        .deal(&token, PATIENT, sealed(&world, &shares[0]))
        .await;
    assert_eq!(reply.status, 204);
    assert_eq!(ask(&world, "Doctor").await.status, 200);
}

#[tokio::test]
async fn the_vault_s_key_is_told_and_published_when_the_chain_names_none_or_another() {
    let world = World::new().await;
    let key = world.vault.settings.identity.as_ref().unwrap().public();
    let told = world.get("", "/v1/identity", &[]).await.json();
    assert_eq!(told["organisation"], HOSPITAL);
    assert_eq!(told["account"], account("Service").to_string());
    assert_eq!(told["recipient"], key.to_string());

    let named = || world.chain.state().recipients[&account("Service")].clone();
    let published = "salus_vault_identity_published";
    world.chain.state().rejects_recipients = true;
    assert!(world.vault.publish_identity().await.is_err());
    assert_eq!(world.metric(published).await, 0.0);
    world.chain.state().rejects_recipients = false;
    assert!(world.vault.publish_identity().await.unwrap());
    assert_eq!(world.metric(published).await, 1.0);
    assert_eq!(named().recipient.key, *key.raw());
    assert!(!world.vault.publish_identity().await.unwrap());
    assert_eq!(named().recipient.epoch, 0);

    // Somebody has published another one for the service account; then the right one under a wrong signature.
    publish(&world, "Service");
    assert!(world.vault.publish_identity().await.unwrap());
    assert_eq!(named().recipient.epoch, 1);
    assert_eq!(named().recipient.key, *key.raw());
    name_key(&world, "Service", "Mallory", &key);
    assert!(world.vault.publish_identity().await.unwrap());
    assert_eq!(named().signer, account("Service"));
}

#[tokio::test]
async fn publishing_is_tried_until_it_succeeds() {
    let world = World::new().await;
    world.chain.state().rejects_recipients = true;
    let publishing = tokio::spawn(world.vault.clone().keep_identity_published());
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(world.chain.state().recipients.is_empty());
    // Meanwhile the vault serves.
    assert_eq!(world.login("Doctor").await.status, 200);
    world.chain.state().rejects_recipients = false;
    let published = async {
        while world.chain.state().recipients.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, published).await.unwrap();
    publishing.abort();
}

#[tokio::test]
async fn a_vault_without_a_place_for_its_key_keeps_no_shares_and_serves_all_else() {
    let settings = Settings {
        identity: None,
        ..settings()
    };
    let world = World::with(settings).await;
    let shares = planned(&world);
    broken(&world, "Doctor");
    world
        .get("", "/v1/identity", &[])
        .await
        .is(404, "no-identity");
    ask(&world, "Doctor").await.is(404, "no-identity");
    let token = world.token("Owner").await;
    let reply = world.deal(&token, PATIENT, shares[0].to_bytes().to_vec());
    reply.await.is(404, "no-identity");
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.store("Owner", &object).await;
    // Nothing to publish: it ends at once.
    world.vault.clone().keep_identity_published().await;
    assert!(world.chain.state().recipients.is_empty());
}

#[tokio::test]
async fn a_half_written_share_is_cleared_away() {
    let mut world = World::new().await;
    dealt(&world).await;
    let whole = world.files();
    let share = whole
        .keys()
        .find(|path| path.extension().is_some_and(|end| end == "age"));
    let mut staged = share.unwrap().clone().into_os_string();
    staged.push("#1");
    std::fs::write(&staged, b"age-encryp").unwrap();
    assert_eq!(kept(&world), 2);
    world.restart().await;
    assert_eq!(world.files(), whole);
}

#[tokio::test]
async fn letters_of_a_glass_are_for_the_patient_and_for_who_answers_for_it() {
    let world = World::new().await;
    broken(&world, "Doctor");
    let reason = small(ObjectKind::Letter, PATIENT, &account("Doctor"), 1, b"why");
    let dispute = small(
        ObjectKind::Letter,
        PATIENT,
        &account("Owner"),
        2,
        b"why not",
    );
    world.store("Doctor", &reason).await;
    world.store("Owner", &dispute).await;
    let admins = [("Admin", HOSPITAL), ("ClinicAdmin", CLINIC)];
    for (name, organisation) in admins {
        let mut state = world.chain.state();
        state
            .members
            .insert(account(name), Member::Admin { organisation });
    }
    let places =
        ["letter", "dispute"].map(|what| format!("/v1/patients/{PATIENT}/glasses/0/{what}"));
    let status = async |name: &str, place: usize| {
        let token = world.token(name).await;
        world.get(&token, &places[place], &[]).await
    };
    world
        .chain
        .state()
        .glasses
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .1
        .letter = reason.root;
    status("Owner", 1).await.is(404, "not-found");
    let said = Dispute {
        by: account("Owner"),
        at: START,
        letter: dispute.root,
    };
    world
        .chain
        .state()
        .glasses
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .1
        .dispute = Some(said);

    for name in ["Owner", "Admin"] {
        assert_eq!(status(name, 0).await.body, b"why");
        assert_eq!(status(name, 1).await.body, b"why not");
    }
    assert_eq!(status("Doctor", 0).await.body, b"why");
    status("Doctor", 1).await.is(404, "not-found");
    for name in ["ClinicAdmin", "Colleague", "Lab", "Mallory"] {
        for place in 0..2 {
            status(name, place).await.is(404, "not-found");
        }
    }
    // A letter of somebody else's that the glass names.
    world
        .chain
        .state()
        .glasses
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .1
        .letter = dispute.root;
    status("Owner", 0).await.is(404, "not-found");
    let doctor = world.token("Doctor").await;
    world.chain.state().members.remove(&account("Doctor"));
    world
        .get(&doctor, &places[0], &[])
        .await
        .is(404, "not-found");
}
