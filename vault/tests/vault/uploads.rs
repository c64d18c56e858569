//! What is taken in, what is not, and what an upload leaves when it fails.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use salus_primitives::{Binding, ObjectKind};
use salus_vault::store::Store;
use salus_vault::sweep::Quotas;
use sp_core::H256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::objects::*;
use crate::world::*;

#[tokio::test]
async fn every_kind_is_stored_under_its_own_name() {
    let world = World::new().await;
    let owner = account("Owner");
    let token = world.token("Owner").await;
    let objects = [
        ("record", record(PATIENT, &owner, 1, &noise(3 * MIB + 5, 1))),
        (
            "envelope",
            small(ObjectKind::Envelope, PATIENT, &owner, 2, &noise(500, 2)),
        ),
        (
            "letter",
            small(ObjectKind::Letter, PATIENT, &owner, 3, &noise(500, 3)),
        ),
        (
            "keyring",
            small(ObjectKind::Keyring, PATIENT, &owner, 4, &noise(500, 4)),
        ),
        // A payload of 0 bytes is a file, too.
        ("record", record(PATIENT, &owner, 5, b"")),
    ];
    for (kind, object) in objects {
        let reply = world.upload(&token, object.car()).await;
        assert_eq!(reply.status, 201, "{kind}");
        assert_eq!(reply.json()["kind"], kind);
        assert_eq!(reply.json()["bytes"], object.bytes());
        for (cid, block) in &object.blocks {
            let stored = std::fs::read(world.path_of(kind, &object, cid)).unwrap();
            assert_eq!(&stored, block);
        }
    }
}

#[tokio::test]
async fn blocks_may_come_in_any_order_if_the_binding_is_early() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let mut object = record(PATIENT, &account("Owner"), 1, &noise(4 * MIB, 1));
    object.blocks.reverse();
    world
        .upload(&token, object.car())
        .await
        .is(422, "late-binding");
    object.blocks.rotate_right(1);
    assert_eq!(world.upload(&token, object.car()).await.status, 201);
}

#[tokio::test]
async fn what_is_not_an_object_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let owner = account("Owner");
    let token = world.token("Owner").await;
    let before = world.files();
    let good = record(PATIENT, &owner, 1, &noise(2 * MIB + 9, 1));
    let bind = |binding: &Binding| file(&binding.to_file());
    let own = binding(ObjectKind::Record, PATIENT, &owner, 1);
    let parts = || vec![("manifest.age", file(b"m")), ("payload.age", file(b"p"))];
    let with_binding = |blocks| {
        let mut files = vec![("binding", blocks)];
        files.extend(parts());
        Object::directory(files)
    };

    let mut flipped = good.car();
    let at = flipped.len() / 2;
    flipped[at] ^= 1;
    let mut lost = good.clone();
    lost.blocks.remove(3);
    let mut extra = good.clone();
    extra.blocks.push(raw(b"smuggled"));
    let mut broken_binding = own.to_file();
    broken_binding[100] ^= 1;
    let foreign_author = binding(ObjectKind::Record, PATIENT, &account("Mallory"), 1);
    let foreign_chain = Binding {
        genesis: H256([9; 32]),
        ..own.clone()
    };
    let letter = binding(ObjectKind::Letter, PATIENT, &owner, 1);

    // A file whose node claims lengths that its leaves do not have.
    let (leaf_a, leaf_b) = (raw(&noise(MIB, 7)), raw(&noise(MIB, 8)));
    let lying = file_block(&[(leaf_a.0, MIB as u64), (leaf_b.0, 5)]);
    let mut files = vec![("binding", bind(&own)), ("manifest.age", file(b"m"))];
    files.push(("payload.age", vec![leaf_a.clone(), leaf_b.clone(), lying]));
    let lying = Object::directory(files);
    // A file in chunks of 1 byte, by which a small upload would make for a long walk.
    let (one, two) = (raw(b"1"), raw(b"2"));
    let crumbs = file_block(&[(one.0, 1), (two.0, 1), (one.0, 1)]);
    let mut files = vec![("binding", bind(&own)), ("manifest.age", file(b"m"))];
    files.push(("payload.age", vec![one, two, crumbs]));
    let crumbs = Object::directory(files);
    // The root is a file and not a directory.
    let not_a_directory = {
        let mut blocks = bind(&own);
        blocks.push(leaf_a.clone());
        car(&leaf_a.0, &blocks)
    };
    // A directory in a directory, where a file should be.
    let inner = directory_block(&[("x".into(), leaf_a.0)]);
    let nested = with_binding(bind(&own));
    let mut entries = nested.files.clone();
    entries[2].1 = inner.0;
    let outer = directory_block(&entries);
    let mut blocks = nested.blocks[..nested.blocks.len() - 1].to_vec();
    blocks.extend([leaf_a.clone(), inner, outer.clone()]);
    let nested = car(&outer.0, &blocks);

    let many: Vec<_> = (0..4_000u32).map(|i| raw(&i.to_le_bytes())).collect();
    let mut many_blocks = bind(&own);
    many_blocks.extend(many);

    let refused: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("empty body", Vec::new(), 422, "bad-car"),
        ("no CAR", vec![0x3a; 500], 422, "bad-car"),
        ("a JPEG", noise(500, 9), 422, "bad-car"),
        ("endless length", vec![0xff; 20], 422, "bad-car"),
        ("header only", car(&good.root, &[]), 422, "no-binding"),
        ("cut", good.car()[..MIB].to_vec(), 422, "bad-car"),
        (
            "cut between blocks",
            car(&good.root, &good.blocks[..3]),
            422,
            "incomplete",
        ),
        ("flipped byte", flipped, 422, "bad-block"),
        ("block left out", lost.car(), 422, "incomplete"),
        ("foreign block", extra.car(), 422, "foreign-blocks"),
        (
            "no binding",
            Object::directory(parts()).car(),
            422,
            "no-binding",
        ),
        (
            "broken binding",
            with_binding(file(&broken_binding)).car(),
            422,
            "no-binding",
        ),
        (
            "another author",
            with_binding(bind(&foreign_author)).car(),
            422,
            "foreign-binding",
        ),
        (
            "another chain",
            with_binding(bind(&foreign_chain)).car(),
            422,
            "foreign-binding",
        ),
        (
            "parts of another kind",
            with_binding(bind(&letter)).car(),
            422,
            "wrong-files",
        ),
        (
            "one part too many",
            Object::directory(vec![
                ("binding", bind(&own)),
                ("extra", file(b"x")),
                ("manifest.age", file(b"m")),
                ("payload.age", file(b"p")),
            ])
            .car(),
            422,
            "wrong-files",
        ),
        (
            "binding under another name",
            Object::directory(vec![
                ("binding", file(b"not it")),
                ("manifest.age", bind(&own)),
                ("payload.age", file(b"p")),
            ])
            .car(),
            422,
            "wrong-binding",
        ),
        ("lengths that lie", lying.car(), 422, "bad-file"),
        ("crumbs", crumbs.car(), 422, "bad-file"),
        ("not a directory", not_a_directory, 422, "not-a-directory"),
        ("nested directory", nested, 422, "bad-file"),
        (
            "too many blocks",
            car(&good.root, &many_blocks),
            422,
            "too-many-blocks",
        ),
    ];
    for (what, car, status, code) in refused {
        let reply = world.upload(&token, car).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (status, code),
            "{what}"
        );
        assert_eq!(world.files(), before, "{what} left something");
    }
    // Nothing of all that counts against the quota, and the good one is still welcome.
    assert_eq!(world.upload(&token, good.car()).await.status, 201);
}

#[tokio::test]
async fn an_object_may_be_sent_while_it_is_made() {
    for (seed, payload) in [(1, noise(3 * MIB + 5, 1)), (2, noise(10, 2)), (3, vec![])] {
        let world = World::new().await;
        let token = world.token("Owner").await;
        let object = record(PATIENT, &account("Owner"), seed, &payload);
        let reply = world.upload(&token, object.streamed()).await;
        assert_eq!(reply.status, 201);
        assert_eq!(reply.json()["cid"], salus_vault::dag::text(&object.root));
        let streamed = world.files();
        // Exactly what the same object leaves that was sent with its directory first.
        let other = World::new().await;
        let token = other.token("Owner").await;
        assert_eq!(other.upload(&token, object.car()).await.status, 201);
        for (path, bytes) in other.files() {
            let path = path.strip_prefix(other.folder.path()).unwrap();
            let found = streamed.get(&world.folder.path().join(path));
            assert_eq!(found, Some(&bytes), "{}", path.display());
        }
        assert_eq!(streamed.len(), other.files().len());
    }
}

#[tokio::test]
async fn what_is_sent_while_it_is_made_and_is_no_object_leaves_nothing() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let before = world.files();
    let good = record(PATIENT, &account("Owner"), 1, &noise(3 * MIB, 1));
    let binding = good.file("binding");
    let last = good.blocks.len() - 1;
    type Blocks = Vec<(salus_primitives::Cid, Vec<u8>)>;
    let with = |change: &dyn Fn(&mut Blocks)| {
        let mut blocks = good.blocks.clone();
        change(&mut blocks);
        car(&binding, &blocks)
    };
    let mut flipped = good.streamed();
    let at = flipped.len() / 2;
    flipped[at] ^= 1;
    let refused = [
        (
            "no directory",
            with(&|b| b.truncate(last)),
            "not-a-directory",
        ),
        (
            "only a binding",
            with(&|b| b.truncate(1)),
            "not-a-directory",
        ),
        (
            "a block left out",
            with(&|b| drop(b.remove(3))),
            "incomplete",
        ),
        (
            "a foreign block",
            with(&|b| b.insert(3, raw(b"smuggled"))),
            "foreign-blocks",
        ),
        (
            "something after the directory",
            with(&|b| b.push(raw(b"x"))),
            "not-a-directory",
        ),
        ("no binding", with(&|b| drop(b.remove(0))), "late-binding"),
        ("a flipped byte", flipped, "bad-block"),
        (
            "another object's binding",
            car(
                &binding,
                &record(PATIENT, &account("Owner"), 2, b"p").blocks,
            ),
            "not-a-directory",
        ),
        (
            "another author",
            record(PATIENT, &account("Mallory"), 1, b"p").streamed(),
            "foreign-binding",
        ),
    ];
    for (what, car, code) in refused {
        let reply = world.upload(&token, car).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (422, code),
            "{what}"
        );
        assert_eq!(world.files(), before, "{what} left something");
    }
    assert_eq!(world.upload(&token, good.streamed()).await.status, 201);
}

#[tokio::test]
async fn the_same_stream_again_repairs_what_is_damaged() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(3 * MIB, 1));
    assert_eq!(world.upload(&token, object.streamed()).await.status, 201);
    let whole = world.files();
    let leaf = world.path_of("record", &object, &object.blocks[2].0);
    std::fs::write(&leaf, b"rot").unwrap();
    std::fs::remove_file(world.path_of("record", &object, &object.blocks[3].0)).unwrap();
    assert_eq!(world.upload(&token, object.streamed()).await.status, 201);
    let blocks = |files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
        let mut files = files.clone();
        files.retain(|path, _| path.starts_with(world.folder.path().join("objects")));
        files
    };
    assert!(blocks(&world.files()) == blocks(&whole));
    assert_eq!(world.files().len(), whole.len());
}

#[tokio::test]
async fn buckets_take_objects_that_are_sent_while_they_are_made() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let store = Store::over(Arc::new(InMemory::new()));
    let world = World::over(settings(), store, folder).await;
    let token = world.token("Owner").await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(3 * MIB, 1));
    assert_eq!(world.upload(&token, object.streamed()).await.status, 201);
    let id = (ObjectKind::Record, object.root);
    for (cid, block) in &object.blocks {
        assert_eq!(world.vault.store.block(&id, cid).await.unwrap(), block);
    }
    let early = (ObjectKind::Record, object.file("binding"));
    assert!(world
        .vault
        .store
        .block(&early, &object.blocks[2].0)
        .await
        .is_err());
}

#[tokio::test]
async fn binding_of_another_shape_than_one_block_is_refused() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let own = binding(ObjectKind::Record, PATIENT, &account("Owner"), 1);
    let other = binding(ObjectKind::Record, PATIENT, &account("Owner"), 2);
    // Two bindings: the file is not the one by which the upload was judged.
    let mut object = Object::directory(vec![
        ("binding", file(&other.to_file())),
        ("manifest.age", file(&own.to_file())),
        ("payload.age", file(b"p")),
    ]);
    object.blocks.swap(0, 1);
    world
        .upload(&token, object.car())
        .await
        .is(422, "wrong-binding");
}

#[tokio::test]
async fn directory_that_links_a_victims_payload_is_refused() {
    let world = World::new().await;
    let victim = record(PATIENT, &account("Owner"), 1, &noise(2 * MIB, 1));
    world.store("Owner", &victim).await;
    // Mallory links the payload that the vault already has, with a binding of his own.
    let own = binding(ObjectKind::Record, OTHER_PATIENT, &account("Mallory"), 2);
    let (binding, manifest) = (file(&own.to_file()), file(b"m"));
    let entries = vec![
        ("binding".to_owned(), binding[0].0),
        ("manifest.age".to_owned(), manifest[0].0),
        ("payload.age".to_owned(), victim.file("payload.age")),
    ];
    let root = directory_block(&entries);
    let mut blocks = binding;
    blocks.extend(manifest);
    blocks.push(root.clone());
    let token = world.token("Mallory").await;
    world
        .upload(&token, car(&root.0, &blocks))
        .await
        .is(422, "incomplete");
}

#[tokio::test]
async fn small_kinds_stay_small() {
    let world = World::new().await;
    let owner = account("Owner");
    let token = world.token("Owner").await;
    for (kind, most) in [
        (ObjectKind::Envelope, 64 * 1024),
        (ObjectKind::Letter, 64 * 1024),
        (ObjectKind::Keyring, 256 * 1024),
    ] {
        let largest = small(kind, PATIENT, &owner, 1, &noise(most, 1));
        assert_eq!(world.upload(&token, largest.car()).await.status, 201);
        let larger = small(kind, PATIENT, &owner, 1, &noise(most + 1, 1));
        world
            .upload(&token, larger.car())
            .await
            .is(413, "too-large");
        let huge = small(kind, PATIENT, &owner, 1, &noise(3 * MIB, 1));
        world.upload(&token, huge.car()).await.is(413, "too-large");
    }
    let manifest = binding(ObjectKind::Record, PATIENT, &owner, 1);
    let object = Object::directory(vec![
        ("binding", file(&manifest.to_file())),
        ("manifest.age", file(&noise(64 * 1024 + 1, 1))),
        ("payload.age", file(b"p")),
    ]);
    world
        .upload(&token, object.car())
        .await
        .is(413, "too-large");
}

#[tokio::test]
async fn larger_object_than_configured_is_refused() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(25 * MIB, 1));
    world
        .upload(&token, object.car())
        .await
        .is(413, "too-large");
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn member_who_was_suspended_meanwhile_cannot_upload() {
    let world = World::new().await;
    let token = world.token("Lab").await;
    let object = record(PATIENT, &account("Lab"), 1, b"p");
    world.chain.state().members.remove(&account("Lab"));
    world
        .upload(&token, object.car())
        .await
        .is(403, "not-in-standing");
}

#[tokio::test]
async fn unanchored_bytes_have_a_quota_per_account_and_organisation() {
    let world = World::new().await;
    let (mine, labs) = (world.token("Owner").await, world.token("Lab").await);
    let big = |author: &str, seed| record(PATIENT, &account(author), seed, &noise(20 * MIB, seed));
    let first = big("Owner", 1);
    assert_eq!(world.upload(&mine, first.car()).await.status, 201);
    world
        .upload(&mine, big("Owner", 2).car())
        .await
        .is(429, "quota");
    assert_eq!(world.upload(&labs, big("Lab", 3).car()).await.status, 201);
    // What patients keep takes nothing of the 48 MiB that the hospital's people have together.
    let doctors = world.token("Doctor").await;
    let more = big("Doctor", 5);
    assert_eq!(world.upload(&doctors, more.car()).await.status, 201);
    let small = record(PATIENT, &account("Service"), 4, &noise(9 * MIB, 4));
    let service = world.token("Service").await;
    world.upload(&service, small.car()).await.is(429, "quota");
    // A restart forgets none of it.
    let mut world = world;
    world.restart().await;
    let service = world.token("Service").await;
    world.upload(&service, small.car()).await.is(429, "quota");
    let mine = world.token("Owner").await;
    world
        .upload(&mine, big("Owner", 2).car())
        .await
        .is(429, "quota");
    // Anchored bytes no longer count.
    world.anchor(PATIENT, 0, &more, "Doctor");
    world.anchor(PATIENT, 1, &first, "Owner");
    world.vault.sweep().await.unwrap();
    assert_eq!(world.upload(&service, small.car()).await.status, 201);
    assert_eq!(world.upload(&mine, big("Owner", 2).car()).await.status, 201);
}

#[tokio::test]
async fn a_patients_quota_is_the_patients_whoever_names_them_carer() {
    use salus_primitives::{Controller, ControllerRole};
    let world = World::new().await;
    let carer = || Controller {
        role: ControllerRole::Decider,
        expires_at: None,
    };
    {
        // Another organisation's patient names the owner, and fills what that one's patients have.
        let mut state = world.chain.state();
        state.patients.get_mut(&OTHER_PATIENT).unwrap().enrolled_by = CLINIC;
        for name in ["Owner", "Second"] {
            state
                .controllers
                .insert((OTHER_PATIENT, account(name)), carer());
        }
        state
            .controllers
            .insert((PATIENT, account("Third")), carer());
    }
    let of = |patient, name: &str, seed| {
        let object = record(patient, &account(name), seed, &noise(20 * MIB, seed));
        object.car()
    };
    let mallory = world.token("Mallory").await;
    let second = world.token("Second").await;
    let owner = world.token("Owner").await;
    assert_eq!(
        world
            .upload(&mallory, of(OTHER_PATIENT, "Mallory", 1))
            .await
            .status,
        201
    );
    // One patient has one quota, however many act for them.
    world
        .upload(&second, of(OTHER_PATIENT, "Second", 2))
        .await
        .is(429, "quota");
    world
        .upload(&owner, of(OTHER_PATIENT, "Owner", 3))
        .await
        .is(429, "quota");
    // And it is not the other patient's.
    assert_eq!(
        world.upload(&owner, of(PATIENT, "Owner", 4)).await.status,
        201
    );
    let third = world.token("Third").await;
    world
        .upload(&third, of(PATIENT, "Third", 5))
        .await
        .is(429, "quota");
    let foreign = of(OTHER_PATIENT, "Third", 6);
    world
        .upload(&third, foreign)
        .await
        .is(422, "foreign-binding");
}

#[tokio::test]
async fn tiny_objects_cannot_exhaust_the_disks_inodes() {
    let mut settings = settings();
    settings.quotas = Quotas {
        account: 256 * 1024,
        organisation: u64::MAX,
    };
    let world = World::with(settings).await;
    let token = world.token("Owner").await;
    for seed in 0..4 {
        let object = record(PATIENT, &account("Owner"), seed, b"p");
        assert_eq!(world.upload(&token, object.car()).await.status, 201);
    }
    let object = record(PATIENT, &account("Owner"), 5, b"p");
    world.upload(&token, object.car()).await.is(429, "quota");
}

#[tokio::test]
async fn uploading_again_answers_the_same_and_repairs_damage() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(2 * MIB + 1, 1));
    world.store("Owner", &object).await;
    let before = world.files();
    let leaf = world.path_of("record", &object, &object.blocks[2].0);
    std::fs::write(&leaf, b"rot").unwrap();
    std::fs::remove_file(world.path_of("record", &object, &object.blocks[3].0)).unwrap();
    world.store("Owner", &object).await;
    let after = world.files();
    let blocks = |files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
        files
            .iter()
            .filter(|(path, _)| path.components().any(|part| part.as_os_str() == "objects"))
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(blocks(&after), blocks(&before));
    // A failed repeat takes nothing away.
    let token = world.token("Owner").await;
    let mut bad = object.clone();
    bad.blocks.push(raw(b"smuggled"));
    world
        .upload(&token, bad.car())
        .await
        .is(422, "foreign-blocks");
    assert_eq!(blocks(&world.files()), blocks(&before));
}

/// An upload that sends this and then nothing, until the sender is dropped.
pub fn stalled(world: &World, token: &str, bytes: &[u8]) -> (Sender, Answer) {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    sender.try_send(Ok(Bytes::copy_from_slice(bytes))).unwrap();
    let body = futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    });
    let request = Request::post("/v1/objects")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from_stream(body))
        .unwrap();
    let app = world.app.clone();
    let answer =
        tokio::spawn(async move { tower::ServiceExt::oneshot(app, request).await.unwrap() });
    (sender, answer)
}

pub type Sender = tokio::sync::mpsc::Sender<std::io::Result<Bytes>>;
pub type Answer = tokio::task::JoinHandle<axum::response::Response>;

#[tokio::test]
async fn claimed_root_locks_nothing_whoever_claims_it() {
    let world = World::new().await;
    let victim = record(PATIENT, &account("Owner"), 1, &noise(2 * MIB, 1));
    let mallory = world.token("Mallory").await;
    let foreign = record(OTHER_PATIENT, &account("Mallory"), 2, &noise(2 * MIB, 2));
    let header = car(&victim.root, &[]);
    // The victim's name over nothing, over half a block, and over a true binding of Mallory's own.
    let begun = car(&victim.root, &foreign.blocks);
    for bytes in [&header[..], &begun[..200], &begun[..MIB + MIB / 2]] {
        let (_sender, _answer) = stalled(&world, &mallory, bytes);
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.store("Owner", &victim).await;
        world.store("Owner", &victim).await;
    }
}

#[tokio::test]
async fn second_upload_of_the_same_object_at_the_same_time_holds_up_neither() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(2 * MIB, 1));
    let bytes = object.car();
    let (sender, slow) = stalled(&world, &token, &bytes[..MIB + MIB / 2]);
    while world.files().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.upload(&token, bytes.clone()).await.status, 201);
    let after = world.files();
    let rest = Bytes::copy_from_slice(&bytes[MIB + MIB / 2..]);
    sender.send(Ok(rest)).await.unwrap();
    drop(sender);
    assert_eq!(slow.await.unwrap().status(), 201);
    // Once there, with nothing left of either's stage.
    let names = |files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| {
        let mut names: Vec<_> = files.keys().cloned().collect();
        names.retain(|path| !path.starts_with(world.folder.path().join("staged")));
        names
    };
    assert_eq!(world.files().into_keys().collect::<Vec<_>>(), names(&after));
}

#[tokio::test]
async fn sender_who_is_too_slow_is_sent_away_and_leaves_nothing() {
    let mut settings = settings();
    settings.patience.silence = Duration::from_millis(300);
    let world = World::with(settings).await;
    let token = world.token("Owner").await;
    let bytes = record(PATIENT, &account("Owner"), 1, &noise(2 * MIB, 1)).car();
    for cut in [0, 10, 200, MIB + MIB / 2] {
        let (_sender, answer) = stalled(&world, &token, &bytes[..cut]);
        let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
        assert_eq!(answer.unwrap().unwrap().status(), 408, "after {cut} bytes");
        assert!(world.files().is_empty());
    }
}

#[tokio::test]
async fn file_of_an_erased_record_is_not_taken_in_again() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"payload");
    world.anchor(PATIENT, 0, &object, "Owner");
    let erased = salus_primitives::RecordState::Erased;
    world
        .chain
        .state()
        .records
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .state = erased;
    let token = world.token("Owner").await;
    for bytes in [object.car(), object.streamed()] {
        world.upload(&token, bytes).await.is(422, "erased");
        assert!(world.files().is_empty());
    }
}

#[tokio::test]
async fn blocks_that_repeat_are_refused_in_the_car_and_in_the_object() {
    let world = World::new().await;
    let owner = account("Owner");
    let token = world.token("Owner").await;
    let bind = || file(&binding(ObjectKind::Record, PATIENT, &owner, 1).to_file());
    // 1.1 MiB that would be a file of 64 GiB.
    let leaf = raw(&noise(MIB, 1));
    let middle = file_block(&vec![(leaf.0, MIB as u64); 8]);
    let top = file_block(&[(middle.0, 8 * MIB as u64); 2]);
    let bomb = |payload: Vec<_>| {
        let files = vec![
            ("binding", bind()),
            ("manifest.age", file(b"m")),
            ("payload.age", payload),
        ];
        Object::directory(files)
    };
    let twice = file_block(&[(leaf.0, MIB as u64); 2]);
    let same = [
        ("binding", bind()),
        ("manifest.age", file(b"same")),
        ("payload.age", vec![]),
    ];
    let mut shared = Object::directory(vec![
        same[0].clone(),
        same[1].clone(),
        ("payload.age", file(b"same")),
    ]);
    shared.blocks.remove(2);
    let mut again = record(PATIENT, &owner, 1, &noise(2 * MIB, 1));
    again.blocks.insert(3, again.blocks[2].clone());
    let refused = [
        bomb(vec![leaf.clone(), middle, top]).car(),
        bomb(vec![leaf.clone(), twice]).car(),
        shared.car(),
        again.car(),
        again.streamed(),
    ];
    for (number, car) in refused.into_iter().enumerate() {
        let reply = world.upload(&token, car).await;
        let got = (reply.status.as_u16(), reply.code());
        assert_eq!(got, (422, "repeated-block".into()), "{number}");
        assert!(world.files().is_empty());
    }
}

#[tokio::test]
async fn file_that_claims_more_than_was_sent_is_not_served_and_walked_in_its_own_length() {
    use salus_vault::store::{Pool, Root};
    let world = World::new().await;
    let owner = account("Owner");
    let leaf = raw(&noise(MIB, 1));
    let mut payload = vec![leaf.clone()];
    let mut length = MIB as u64;
    for _ in 0..3 {
        let node = file_block(&vec![(payload.last().unwrap().0, length); 1_024]);
        length *= 1_024;
        payload.push(node);
    }
    let object = Object::directory(vec![
        (
            "binding",
            file(&binding(ObjectKind::Record, PATIENT, &owner, 1).to_file()),
        ),
        ("manifest.age", file(b"m")),
        ("payload.age", payload),
    ]);
    // However it came there.
    let (store, id) = (&world.vault.store, (ObjectKind::Record, object.root));
    let stage = store.stage();
    let mut names = Vec::new();
    for (cid, block) in &object.blocks {
        store
            .put_staged(&stage, cid, block.clone().into())
            .await
            .unwrap();
        names.push(*cid);
    }
    store.adopt(&stage, &id, false, &names).await.unwrap();
    let root = Root {
        author: owner.clone(),
        pool: Pool::Staff(HOSPITAL),
        patient: PATIENT,
        bytes: object.bytes(),
        uploaded_at: START,
    };
    store.publish(&id, &root).await.unwrap();
    world.anchor(PATIENT, 0, &object, "Owner");

    let token = world.token("Owner").await;
    let reply = world.get(&token, &record_path(0, "payload"), &[]).await;
    reply.is(500, "damaged");
    let limit = Duration::from_secs(60);
    let copier = crate::copies::copier(&world, "Service");
    tokio::time::timeout(limit, copier.scrub())
        .await
        .unwrap()
        .unwrap();
    let service = world.token("ClinicService").await;
    let path = format!("/ipfs/{}?format=car", salus_vault::dag::text(&object.root));
    let reply = tokio::time::timeout(limit, world.get(&service, &path, &[])).await;
    let (root, blocks) = read_car(&reply.unwrap().body);
    assert_eq!((root, blocks.len()), (object.root, object.blocks.len()));
}

#[tokio::test]
async fn sender_who_goes_away_leaves_nothing() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = world.app.clone();
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let object = record(PATIENT, &account("Owner"), 1, &noise(4 * MIB, 1));
    let bytes = object.car();
    {
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/objects HTTP/1.1\r\nhost: vault\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            bytes.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&bytes[..2 * MIB]).await.unwrap();
        while world.files().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    for _ in 0..1_000 {
        if world.files().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(world.files().is_empty());
    // And the object does not stay locked.
    let mut again = world.upload(&token, bytes.clone()).await;
    for _ in 0..100 {
        if again.status != 409 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        again = world.upload(&token, bytes.clone()).await;
    }
    assert_eq!(again.status, 201);
    server.abort();
}

#[tokio::test]
async fn refused_sender_gets_to_read_why() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = world.app.clone();
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut bytes = record(PATIENT, &account("Mallory"), 1, &noise(20 * MIB, 1)).car();
    bytes.truncate(20 * MIB);
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/objects HTTP/1.1\r\nhost: vault\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&bytes).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    assert!(answer.contains("foreign-binding"));
    server.abort();
}

/// A disk that is full after so many writes.
#[derive(Debug)]
struct SmallDisk {
    inner: InMemory,
    writes: std::sync::atomic::AtomicI64,
}

impl std::fmt::Display for SmallDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a small disk")
    }
}

#[async_trait::async_trait]
impl ObjectStore for SmallDisk {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        use std::sync::atomic::Ordering;
        if self.writes.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(object_store::Error::Generic {
                store: "small",
                source: Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull)),
            });
        }
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn full_disk_is_told_and_loses_nothing() {
    use std::sync::atomic::Ordering;
    let disk = Arc::new(SmallDisk {
        inner: InMemory::new(),
        writes: i64::MAX.into(),
    });
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::over(settings(), Store::over(disk.clone()), folder).await;
    let kept = record(PATIENT, &account("Owner"), 1, &noise(MIB + 1, 1));
    world.store("Owner", &kept).await;
    world.anchor(PATIENT, 0, &kept, "Owner");
    let token = world.token("Owner").await;
    let names = || async {
        let mut names: Vec<_> = disk
            .inner
            .list(None)
            .map(|meta| meta.unwrap().location.to_string())
            .collect()
            .await;
        names.sort();
        names
    };
    let before = names().await;
    let object = record(PATIENT, &account("Owner"), 2, &noise(2 * MIB, 2));
    // Full at the announcement, at each block, and at the root.
    for writes in 0..object.blocks.len() as i64 + 2 {
        disk.writes.store(writes, Ordering::SeqCst);
        world
            .upload(&token, object.car())
            .await
            .is(507, "disk-full");
        assert_eq!(names().await, before, "after {writes} writes");
    }
    // What was there is still served: reading needs one write, the note of the delivery.
    disk.writes.store(i64::MAX, Ordering::SeqCst);
    let reply = world.get(&token, &record_path(0, "payload"), &[]).await;
    assert_eq!(reply.body, noise(MIB + 1, 1));
    assert_eq!(world.upload(&token, object.car()).await.status, 201);
}
