//! Blocks and CARs by CID: for members' services, of what the chain names.

use salus_primitives::{ObjectKind, RecordState};
use salus_vault::dag::text;

use crate::objects::*;
use crate::world::*;

async fn anchored(payload: usize) -> (World, Object) {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(payload, 1));
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    (world, object)
}

#[tokio::test]
async fn service_of_another_member_fetches_an_object_as_a_car_and_by_block() {
    let (world, object) = anchored(3 * MIB + 7).await;
    let token = world.token("ClinicService").await;
    let path = format!("/ipfs/{}?format=car", text(&object.root));
    let reply = world.get(&token, &path, &[]).await;
    assert_eq!(reply.status, 200);
    assert!(reply.headers["content-type"]
        .to_str()
        .unwrap()
        .starts_with("application/vnd.ipld.car; version=1"));
    let (root, mut blocks) = read_car(&reply.body);
    assert_eq!(root, object.root);
    assert_eq!(blocks[0].0, object.root, "depth-first: the root leads");
    let mut expected = object.blocks.clone();
    blocks.sort();
    expected.sort();
    assert_eq!(blocks, expected);
    // And what it sends is what another vault takes: copies verify themselves.
    for (cid, block) in &object.blocks {
        let path = format!("/ipfs/{}?format=raw", text(cid));
        let reply = world.get(&token, &path, &[]).await;
        assert_eq!(&reply.body, block);
    }
    let path = format!("/ipfs/{}?format=car&dag-scope=block", text(&object.root));
    let reply = world.get(&token, &path, &[]).await;
    assert_eq!(read_car(&reply.body).1.len(), 1);
    let path = format!("/ipfs/{}", text(&object.root));
    let raw = [("accept", "application/vnd.ipld.raw")];
    assert_eq!(
        &world.get(&token, &path, &raw).await.body,
        &object.blocks.last().unwrap().1
    );
}

#[tokio::test]
async fn gateway_serves_no_person() {
    let (world, object) = anchored(10).await;
    let path = format!("/ipfs/{}?format=raw", text(&object.root));
    for name in ["Doctor", "Lab"] {
        let token = world.token(name).await;
        world.get(&token, &path, &[]).await.is(403, "services-only");
    }
    // Not even the patient: people fetch by place, where it is logged.
    let token = world.token("Owner").await;
    world
        .get(&token, &path, &[])
        .await
        .is(403, "not-in-standing");
    world.get("", &path, &[]).await.is(401, "no-session");
    let token = world.token("ClinicService").await;
    world
        .chain
        .state()
        .members
        .remove(&account("ClinicService"));
    world
        .get(&token, &path, &[])
        .await
        .is(403, "not-in-standing");
}

#[tokio::test]
async fn gateway_serves_only_what_the_chain_names_now() {
    let (world, object) = anchored(10).await;
    let unnamed = record(PATIENT, &account("Owner"), 2, b"unnamed");
    world.store("Owner", &unnamed).await;
    let token = world.token("ClinicService").await;
    let path = |object: &Object| format!("/ipfs/{}?format=car", text(&object.root));
    assert_eq!(world.get(&token, &path(&object), &[]).await.status, 200);
    world
        .get(&token, &path(&unnamed), &[])
        .await
        .is(404, "not-found");
    world
        .chain
        .state()
        .records
        .get_mut(&(PATIENT, 0))
        .unwrap()
        .state = RecordState::Erased;
    world
        .get(&token, &path(&object), &[])
        .await
        .is(404, "not-found");
    world.chain.state().down = true;
    let reply = world.get(&token, &path(&object), &[]).await;
    reply.is(503, "chain-unavailable");
}

#[tokio::test]
async fn inner_block_is_not_found_before_its_root_was_fetched() {
    let (world, object) = anchored(2 * MIB).await;
    let leaf = object.chunk();
    let path = format!("/ipfs/{}?format=raw", text(&leaf.0));
    let token = world.token("ClinicService").await;
    world.get(&token, &path, &[]).await.is(404, "not-found");
    let root = format!("/ipfs/{}?format=raw", text(&object.root));
    world.get(&token, &root, &[]).await;
    assert_eq!(world.get(&token, &path, &[]).await.body, leaf.1);
    // Another session learned nothing by that.
    let token = world.token("ClinicService").await;
    world.get(&token, &path, &[]).await.is(404, "not-found");
}

#[tokio::test]
async fn gateway_says_what_it_understands() {
    let (world, object) = anchored(10).await;
    let token = world.token("ClinicService").await;
    let root = text(&object.root);
    for path in [
        "/ipfs/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG?format=raw".to_owned(),
        "/ipfs/nonsense?format=raw".to_owned(),
        format!("/ipfs/{root}"),
        format!("/ipfs/{root}?format=tar"),
        format!("/ipfs/{root}?format=car&dag-scope=entity"),
    ] {
        world.get(&token, &path, &[]).await.is(400, "malformed");
    }
}

#[tokio::test]
async fn only_the_vaults_that_keep_an_object_fetch_it() {
    let (world, object) = anchored(10).await;
    let token = world.token("ClinicService").await;
    let path = format!("/ipfs/{}?format=car", text(&object.root));
    world.chain.state().keepers = vec![HOSPITAL, 7, 8];
    world.get(&token, &path, &[]).await.is(404, "not-found");
    world.chain.state().keepers = vec![HOSPITAL, 7, CLINIC];
    assert_eq!(world.get(&token, &path, &[]).await.status, 200);
    // Keyrings are copied too: without theirs, patients have lost everything.
    let keyring = small(ObjectKind::Keyring, PATIENT, &account("Owner"), 3, b"keys");
    world.store("Owner", &keyring).await;
    let path = format!("/ipfs/{}?format=car", text(&keyring.root));
    world.get(&token, &path, &[]).await.is(404, "not-found");
    let named = (ObjectKind::Keyring, keyring.root);
    world.chain.state().named.push(named);
    assert_eq!(world.get(&token, &path, &[]).await.status, 200);
}
