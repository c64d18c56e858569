//! How soon a download begins, and ranges out of the middle of a large file.

use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use rand::Rng;
use reqwest::{header, Client, StatusCode};
use salus_client::{
    actions::clock,
    chain::Chain,
    keys::{random_16, SessionChallenge},
};
use serde_json::{json, Value};

use crate::{figures::Latency, world::World};

/// Downloads that are begun, and ranges of each size.
const TIMES: usize = 100;
const SIZES: [u64; 2] = [64 * 1024, 8 * 1024 * 1024];

pub struct Ranges {
    pub first_byte: Latency,
    pub ranges: Vec<Ranged>,
}

pub struct Ranged {
    pub kib: u64,
    pub whole: Latency,
    pub mb_per_second: f64,
}

pub async fn measure(chain: &Chain, world: &World, vault: &str, record: u32) -> Result<Ranges> {
    let client = Client::builder().no_proxy().build()?;
    let token = sign_in(&client, chain, world, vault).await?;
    let patient = world.patient;
    let url = format!("{vault}/v1/patients/{patient}/records/{record}/payload");
    let ask = || client.get(&url).bearer_auth(&token);

    let mut first = Vec::new();
    let mut length = 0;
    for _ in 0..TIMES {
        let started = Instant::now();
        let mut answer = ask().send().await?.error_for_status()?;
        answer.chunk().await?.context("a payload is not empty")?;
        first.push(started.elapsed());
        length = answer.content_length().unwrap_or_default();
    }
    let mut ranges = Vec::new();
    for size in SIZES {
        let size = size.min(length);
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let from = rand::thread_rng().gen_range(0..=length - size);
            let range = format!("bytes={from}-{}", from + size - 1);
            let started = Instant::now();
            let answer = ask().header(header::RANGE, range).send().await?;
            ensure!(
                answer.status() == StatusCode::PARTIAL_CONTENT,
                "the vault answers {} to a range",
                answer.status()
            );
            let found = answer.bytes().await?;
            took.push(started.elapsed());
            ensure!(found.len() as u64 == size, "a range of another length");
        }
        let all: Duration = took.iter().sum();
        ranges.push(Ranged {
            kib: size / 1024,
            whole: Latency::of(&took),
            mb_per_second: (size * TIMES as u64) as f64 / 1e6 / all.as_secs_f64(),
        });
    }
    Ok(Ranges {
        first_byte: Latency::of(&first),
        ranges,
    })
}

async fn sign_in(client: &Client, chain: &Chain, world: &World, vault: &str) -> Result<String> {
    let challenge = SessionChallenge {
        genesis: chain.genesis(),
        audience: 0,
        origin: vault.into(),
        account: world.owner.account(),
        nonce: random_16(),
        expires: clock() + 60_000,
    };
    let body = json!({
        "account": world.owner.account_hex(),
        "challenge": challenge.text(),
        "signature": hex::encode(world.owner.sign_challenge(&challenge)),
    });
    let request = client.post(format!("{vault}/v1/session")).json(&body);
    let answer = request.send().await?.error_for_status()?;
    let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
    let token = answer["token"].as_str().context("a session has a token")?;
    Ok(token.to_owned())
}
