//! What a vault tells of itself: to its operator, and to everybody.

use axum::body::{to_bytes, Body};
use axum::http::Request;
use salus_primitives::{Part, Rights};
use salus_vault::metrics::{blur, QUARTER};
use salus_vault::operator;
use tower::ServiceExt;

use crate::copies::copier;
use crate::emergency;
use crate::objects::*;
use crate::world::*;

/// Addresses that need no login.
const OPEN: [&str; 4] = ["/health", "/v1/info", "/v1/identity", "/openapi.json"];

/// What the operator's listener answers.
async fn ask_operator(world: &World, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = operator::router(world.vault.clone()).oneshot(request);
    let response = response.await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// All that anybody is told without login.
async fn public(world: &World) -> Vec<Vec<u8>> {
    let mut told = Vec::new();
    for path in OPEN {
        let reply = world.get("", path, &[]).await;
        assert_eq!(reply.status, 200, "{path}");
        told.push(reply.body);
    }
    told
}

/// A patient's visit: an upload, a reading, refusals, an emergency, an erasure.
async fn visit(world: &World) {
    let object = record(PATIENT, &account("Owner"), 1, &noise(3 * MIB, 1));
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.share(0, "Doctor", Rights::Read, Vec::new());
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let opened = [("salus-opened", entry.as_str())];
    let doctor = world.token("Doctor").await;
    let reply = world
        .get(&doctor, &record_path(0, "payload"), &opened)
        .await;
    assert_eq!(reply.status, 200);
    world.get(&doctor, &record_path(9, "payload"), &[]).await;
    world.login("Stranger").await.is(403, "not-in-standing");
    assert_eq!(world.vault.deliveries.submit().await.unwrap(), 1);

    let owner = world.token("Owner").await;
    emergency::accessed(world, &owner, &doctor).await;

    let copier = copier(world, "Service");
    copier.round().await.unwrap();
    erase(world);
    world.vault.audit().await.unwrap();
    world.vault.sweep().await.unwrap();
    assert!(copier.round().await.is_ok());
}

fn erase(world: &World) {
    let mut state = world.chain.state();
    let row = state.records.get_mut(&(PATIENT, 0)).unwrap();
    row.state = salus_primitives::RecordState::Erased;
}

#[tokio::test]
async fn figures_are_told_on_the_operators_listener_and_not_where_people_come() {
    let world = World::new().await;
    for name in ["Owner", "Doctor", "Service"] {
        let token = world.token(name).await;
        let reply = world.get(&token, "/metrics", &[]).await;
        reply.is(404, "no-such-route");
    }
    let reply = world.get("", "/openapi.json", &[]).await.json();
    assert!(reply["paths"].get("/metrics").is_none());
    let (status, text) = ask_operator(&world, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("salus_vault_chain_available"), "{text}");
    for path in OPEN {
        assert_eq!(ask_operator(&world, path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn no_visit_moves_a_figure_or_what_is_told_without_login() {
    let world = World::new().await;
    // Once, so that all that happens with any work has happened: a round, a look at the chain.
    copier(&world, "Service").round().await.unwrap();
    let before = (world.vault.figures().unwrap(), public(&world).await);
    visit(&world).await;
    assert_eq!(world.vault.figures().unwrap(), before.0);
    assert_eq!(public(&world).await, before.1);
    // Nor once the quarter of an hour is over, or two.
    for _ in 0..2 {
        world.pass(QUARTER);
        assert_eq!(world.vault.figures().unwrap(), before.0);
    }
}

#[tokio::test]
async fn a_busy_quarter_of_an_hour_is_told_when_it_is_over_and_rounded() {
    let world = World::new().await;
    let refused = "salus_vault_answers{outcome=\"refused\"}";
    let bytes = "salus_vault_copies_bytes";
    for _ in 0..100 {
        world.get("", &record_path(0, "payload"), &[]).await;
    }
    let gib = 1024 * 1024 * 1024;
    world.vault.metrics.rounded(5_000, 5 * gib, world.now());
    for figure in [refused, bytes, "salus_vault_copies_held"] {
        assert_eq!(world.metric(figure).await, 0.0, "{figure}");
    }
    world.pass(QUARTER);
    assert_eq!(world.metric(refused).await, 64.0);
    assert_eq!(world.metric(bytes).await, (4 * gib) as f64);
    assert_eq!(world.metric("salus_vault_copies_held").await, 4096.0);
    world.pass(QUARTER);
    assert_eq!(world.metric(refused).await, 0.0);
    assert_eq!(world.metric(bytes).await, (4 * gib) as f64);
}

#[test]
fn figures_are_powers_of_two_and_little_is_nothing() {
    for (value, few, told) in [
        (0, 1, 0),
        (1, 1, 1),
        (3, 1, 2),
        (15, 16, 0),
        (16, 16, 16),
        (1023, 16, 512),
        (u64::MAX, 16, 1 << 63),
    ] {
        assert_eq!(blur(value, few), told, "{value}");
    }
}
