//! Who gets a token, and what a token is worth.

use salus_vault::metrics::QUARTER;
use salus_vault::session::{challenge_text, Audience};
use sp_core::{Pair, H256};

use crate::world::*;

fn audience() -> Audience {
    settings().audience
}

#[tokio::test]
async fn member_and_controller_get_a_token_and_no_secret_is_in_the_metrics() {
    let world = World::new().await;
    for name in ["Doctor", "Owner"] {
        let reply = world.login(name).await;
        assert_eq!(reply.status, 200);
        let token = reply.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(token.len(), 64);
        assert_eq!(reply.json()["expires_at"], world.now() + 15 * MINUTE);
        assert!(!world.vault.figures().unwrap().contains(&token));
    }
}

#[tokio::test]
async fn strangers_and_the_suspended_are_turned_away_and_counted() {
    let world = World::new().await;
    world.login("Stranger").await.is(403, "not-in-standing");
    world.chain.state().members.remove(&account("Doctor"));
    world.login("Doctor").await.is(403, "not-in-standing");
    for _ in 0..38 {
        world.login("Stranger").await.is(403, "not-in-standing");
    }
    let strangers = "salus_vault_strangers";
    assert_eq!(world.metric(strangers).await, 0.0);
    world.pass(QUARTER);
    assert_eq!(world.metric(strangers).await, 32.0);
    world.pass(QUARTER);
    assert_eq!(world.metric(strangers).await, 0.0);
}

#[tokio::test]
async fn wrapped_signature_of_a_browser_wallet_is_accepted() {
    let world = World::new().await;
    let text = challenge_text(&audience(), &account("Doctor"), &[1; 16], START + MINUTE);
    let wrapped = format!("<Bytes>{text}</Bytes>");
    let signature = key("Doctor").sign(wrapped.as_bytes()).0;
    assert_eq!(world.present("Doctor", &text, signature).await.status, 200);
}

#[tokio::test]
async fn challenge_for_anything_else_is_refused() {
    let world = World::new().await;
    let doctor = account("Doctor");
    let good = |audience: &Audience, expires| challenge_text(audience, &doctor, &[1; 16], expires);
    let later = START + MINUTE;
    let other_organisation = Audience {
        organisation: CLINIC,
        ..audience()
    };
    let other_origin = Audience {
        origin: "https://evil.example".into(),
        ..audience()
    };
    let other_chain = Audience {
        genesis: H256([8; 32]),
        ..audience()
    };
    let text = good(&audience(), later);
    let refused = [
        ("audience", good(&other_organisation, later)),
        ("origin", good(&other_origin, later)),
        ("genesis", good(&other_chain, later)),
        ("past", good(&audience(), START)),
        ("far ahead", good(&audience(), START + 5 * MINUTE + 1)),
        (
            "account",
            challenge_text(&audience(), &account("Owner"), &[1; 16], later),
        ),
        ("version", text.replace("/v1", "/v2")),
        ("more lines", format!("{text}\nx: y")),
        ("fewer lines", text.rsplit_once('\n').unwrap().0.to_owned()),
        ("nonce", text.replace(&"01".repeat(16), "01")),
        ("empty", String::new()),
    ];
    for (what, text) in refused {
        let signature = key("Doctor").sign(text.as_bytes()).0;
        let reply = world.present("Doctor", &text, signature).await;
        assert_eq!(reply.status, 401, "{what}");
        assert_eq!(reply.code(), "bad-challenge", "{what}");
    }
    let by_another = key("Mallory").sign(text.as_bytes()).0;
    world
        .present("Doctor", &text, by_another)
        .await
        .is(401, "bad-challenge");
    // The limit itself is allowed, and shows that the others failed for their own reason.
    let text = good(&audience(), START + 5 * MINUTE);
    let signature = key("Doctor").sign(text.as_bytes()).0;
    assert_eq!(world.present("Doctor", &text, signature).await.status, 200);
}

#[tokio::test]
async fn challenge_is_good_once() {
    let world = World::new().await;
    let text = challenge_text(&audience(), &account("Doctor"), &[1; 16], START + MINUTE);
    let signature = key("Doctor").sign(text.as_bytes()).0;
    assert_eq!(world.present("Doctor", &text, signature).await.status, 200);
    world
        .present("Doctor", &text, signature)
        .await
        .is(401, "bad-challenge");
}

#[tokio::test]
async fn malformed_session_request_says_so() {
    let world = World::new().await;
    for body in ["", "{}", "not json"] {
        let request = axum::http::Request::post("/v1/session")
            .body(axum::body::Body::from(body))
            .unwrap();
        world.send(request).await.is(400, "malformed");
    }
}

#[tokio::test]
async fn token_is_needed_and_ends_after_fifteen_minutes() {
    let world = World::new().await;
    let path = record_path(0, "payload");
    world
        .get(&"00".repeat(32), &path, &[])
        .await
        .is(401, "no-session");
    world.get("", &path, &[]).await.is(401, "no-session");
    world
        .upload(&"00".repeat(32), Vec::new())
        .await
        .is(401, "no-session");
    let token = world.token("Owner").await;
    world.pass(15 * MINUTE - 1);
    world.get(&token, &path, &[]).await.is(404, "not-found");
    world.pass(1);
    let reply = world.get(&token, &path, &[]).await;
    reply.is(401, "no-session");
    assert_eq!(reply.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn one_account_cannot_crowd_out_the_sessions_of_others() {
    let world = World::new().await;
    let owner = world.token("Owner").await;
    let first = world.token("Doctor").await;
    for _ in 0..16 {
        world.pass(1);
        world.token("Doctor").await;
    }
    let path = record_path(0, "payload");
    world.get(&first, &path, &[]).await.is(401, "no-session");
    world.get(&owner, &path, &[]).await.is(404, "not-found");
}

#[tokio::test]
async fn vault_with_an_account_that_is_no_service_of_its_organisation_does_not_start() {
    use salus_primitives::Member;
    let world = World::new().await;
    assert_eq!(world.vault.unfit().await.unwrap(), None);
    let doctor = world.chain.state().members[&account("Doctor")].clone();
    let elsewhere = world.chain.state().members[&account("ClinicService")].clone();
    let admin = Member::Admin {
        organisation: HOSPITAL,
    };
    for member in [doctor, elsewhere, admin] {
        let service = account("Service");
        world.chain.state().members.insert(service, member);
        let wrong = world.vault.unfit().await.unwrap().unwrap();
        assert!(wrong.contains("--key-file"), "{wrong}");
    }
    // It may be introduced while it runs.
    world.chain.state().members.remove(&account("Service"));
    assert_eq!(world.vault.unfit().await.unwrap(), None);
    world.chain.state().down = true;
    assert!(world.vault.unfit().await.is_err());
}

#[tokio::test]
async fn account_that_signs_in_again_and_again_is_told_to_use_its_token() {
    let world = World::new().await;
    for _ in 0..1_024 {
        world.token("Doctor").await;
    }
    world.login("Doctor").await.is(429, "quota");
    world.token("Owner").await;
    world.pass(MINUTE);
    world.token("Doctor").await;
}
