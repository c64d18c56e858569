//! Very many at once: who holds a place for nothing, who is slow, and who works meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use salus_primitives::{ClinicianRole, Controller, ControllerRole, Member};
use salus_vault::connections::{self, Limits};
use salus_vault::patience::Patience;
use salus_vault::session::challenge_text;
use salus_vault::sweep::Quotas;
use sp_core::Pair;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::objects::*;
use crate::world::*;

const CHILD: &str = "SALUS_LOAD_CHILD";
const PEOPLE: usize = 40;
const IDLE: usize = 5_000;
const SLOW: usize = 500;
const WORK: usize = 200;
/// Three chunks.
const FILE: usize = 2 * MIB + 5;
const MOST_MEMORY: u64 = 300 * 1024;

fn person(number: usize) -> String {
    format!("Person{}", number % PEOPLE)
}

async fn listen(world: &World, limits: Limits, patience: Patience) -> (u16, Stop) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let (app, memory) = (world.app.clone(), world.vault.memory.clone());
    tokio::spawn(connections::serve(
        listener, app, limits, patience, memory, stopping,
    ));
    (port, stop)
}

type Stop = tokio::sync::watch::Sender<bool>;

/// The vault that the test below starts. On its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    if std::env::var(CHILD).is_err() {
        return;
    }
    let mut settings = settings();
    settings.memory = 32 * MIB as u64;
    settings.quotas = Quotas {
        account: u64::MAX,
        organisation: u64::MAX,
    };
    let world = World::with(settings).await;
    {
        let mut state = world.chain.state();
        for number in 0..PEOPLE {
            let account = account(&person(number));
            let member = Member::Clinician {
                organisation: HOSPITAL,
                role: ClinicianRole::Physician,
            };
            state.members.insert(account.clone(), member);
            let controller = Controller {
                role: ControllerRole::Decider,
                expires_at: None,
            };
            state.controllers.insert((PATIENT, account), controller);
        }
    }
    let object = record(PATIENT, &account("Owner"), 1, &noise(FILE, 1));
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    let (port, _stop) = listen(&world, Limits::PEOPLE, Patience::PEOPLE).await;
    println!("port {port}");
    std::future::pending::<()>().await;
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Killed {
    /// The most memory that it has ever had, in KiB.
    fn peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.0.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse().unwrap()
    }
}

fn start() -> (Killed, u16) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "load::child", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.rsplit_once("port ")?.1.parse().ok());
    (Killed(child), port.unwrap())
}

/// Sends a request on a connection of its own; its status and body.
async fn ask(port: u16, head: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!(
        "{head}host: vault\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let at = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let at = at.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = std::str::from_utf8(&answer[9..12])
        .unwrap()
        .parse()
        .unwrap();
    Ok((status, answer.split_off(at + 4)))
}

/// Asks again while the vault says that it is busy.
async fn insist(port: u16, head: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let end = Instant::now() + Duration::from_secs(240);
    loop {
        match ask(port, head, body).await {
            Ok((429 | 503, _)) | Err(_) if Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            answer => return answer.unwrap(),
        }
    }
}

async fn sign_in(port: u16, name: &str) -> String {
    let audience = settings().audience;
    let text = challenge_text(&audience, &account(name), &rand::random(), START + MINUTE);
    let body = serde_json::json!({
        "account": hex_account(name),
        "challenge": text,
        "signature": hex::encode(key(name).sign(text.as_bytes()).0),
    });
    let body = body.to_string();
    let (status, answer) = insist(port, "POST /v1/session HTTP/1.1\r\n", body.as_bytes()).await;
    assert_eq!(status, 200);
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

fn get(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n")
}

async fn open(port: u16, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_idle_and_five_hundred_slow_keep_nobody_from_work_in_little_memory() {
    let (vault, port) = start();
    let mut tokens = Vec::new();
    for number in 0..PEOPLE {
        tokens.push(sign_in(port, &person(number)).await);
    }
    let began = Instant::now();
    let mut idle = Vec::new();
    for number in 0..IDLE {
        // Half of them have asked something before.
        let first: &[u8] = match number % 2 {
            0 => b"",
            _ => b"GET /v1/info HTTP/1.1\r\nhost: vault\r\n\r\n",
        };
        idle.push(open(port, first).await);
    }
    let upload = |token: &str, length: usize| {
        format!(
            "POST /v1/objects HTTP/1.1\r\nhost: vault\r\nauthorization: Bearer {token}\r\n\
             content-length: {length}\r\n\r\n"
        )
    };
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let token = &tokens[number % PEOPLE];
        let author = account(&person(number));
        let first = match number % 4 {
            // A request that never ends, a sender in the middle of a chunk, and readers who read nothing.
            0 => b"GET /v1/info HTTP/1.1\r\nhost: v".to_vec(),
            1 => {
                let mut car = record(PATIENT, &author, 7, &noise(MIB, 7)).car();
                let head = upload(token, car.len());
                car.truncate(MIB / 2);
                [head.into_bytes(), car].concat()
            }
            _ => format!(
                "{}host: vault\r\n\r\n",
                get(&record_path(0, "payload"), token)
            )
            .into(),
        };
        slow.push(open(port, &first).await);
    }
    // They are all there: those that were asked something answer.
    let took = began.elapsed();
    assert!(took < Limits::PEOPLE.silence, "too slow to tell: {took:?}");
    let mut answer = [0; 12];
    for stream in idle.iter_mut().skip(1).step_by(2) {
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer[9..], b"200");
    }
    let held = vault.peak();

    let mut work = tokio::task::JoinSet::new();
    let payload = Arc::new(noise(FILE, 1));
    for number in 0..WORK {
        let token = tokens[number % PEOPLE].clone();
        work.spawn(async move {
            let author = account(&person(number));
            let seed = 1_000 + number as u32;
            let object = record(PATIENT, &author, seed, &noise(FILE, seed));
            let head = format!("POST /v1/objects HTTP/1.1\r\nauthorization: Bearer {token}\r\n");
            assert_eq!(insist(port, &head, &object.car()).await.0, 201);
        });
        let (token, payload) = (tokens[number % PEOPLE].clone(), payload.clone());
        work.spawn(async move {
            let head = get(&record_path(0, "payload"), &token);
            loop {
                // What was cut in the middle is asked for again.
                let (status, body) = insist(port, &head, b"").await;
                assert_eq!(status, 200);
                if body.len() == payload.len() {
                    assert!(body == *payload);
                    return;
                }
            }
        });
    }
    let mut longest = Duration::ZERO;
    while !work.is_empty() {
        let began = Instant::now();
        let (status, _) = insist(port, "GET /health HTTP/1.1\r\n", b"").await;
        assert_eq!(status, 200);
        longest = longest.max(began.elapsed());
        let pause = tokio::time::sleep(Duration::from_millis(100));
        tokio::select! {
            done = work.join_next() => done.unwrap().unwrap(),
            () = pause => {}
        }
    }
    let peak = vault.peak();
    println!(
        "held {held} KiB, peak {peak} KiB, longest answer {longest:?}, all {:?}",
        began.elapsed()
    );
    assert!(peak < MOST_MEMORY, "{peak} KiB");
    assert!(longest < Duration::from_secs(10), "{longest:?}");
}

#[tokio::test]
async fn connection_that_asks_nothing_or_never_ends_asking_is_closed() {
    let world = World::new().await;
    let limits = Limits {
        silence: Duration::from_millis(300),
        ..Limits::PEOPLE
    };
    let (port, _stop) = listen(&world, limits, Patience::PEOPLE).await;
    for first in [&b""[..], b"G", b"GET /v1/info HTTP/1.1\r\nhost: v\r\n\r\n"] {
        let mut stream = open(port, first).await;
        let mut rest = Vec::new();
        let closed = stream.read_to_end(&mut rest);
        let closed = tokio::time::timeout(Duration::from_secs(10), closed).await;
        assert!(closed.is_ok(), "{}", String::from_utf8_lossy(first));
    }
}

#[tokio::test]
async fn who_has_asked_nothing_for_longest_gives_way_and_who_is_busy_does_not() {
    let world = World::new().await;
    let limits = Limits {
        connections: 2,
        ..Limits::PEOPLE
    };
    let (port, _stop) = listen(&world, limits, Patience::PEOPLE).await;
    let token = world.token("Owner").await;
    let mut busy = open(
        port,
        format!(
            "POST /v1/objects HTTP/1.1\r\nhost: vault\r\nauthorization: Bearer {token}\r\n\
             content-length: 1000\r\n\r\n"
        )
        .as_bytes(),
    )
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut idle = open(port, b"").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (status, _) = ask(port, "GET /v1/info HTTP/1.1\r\n", b"").await.unwrap();
    assert_eq!(status, 200);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    busy.write_all(&[0; 1_000]).await.unwrap();
    let mut answer = [0; 12];
    busy.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 422");
}

#[tokio::test]
async fn reader_who_takes_nothing_is_cut_and_gives_its_memory_back() {
    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, &noise(20 * MIB, 1));
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    let patience = Patience {
        silence: Duration::from_millis(500),
        ..Patience::PEOPLE
    };
    let (port, _stop) = listen(&world, Limits::PEOPLE, patience).await;
    let token = world.token("Owner").await;
    let head = get(&record_path(0, "payload"), &token);
    let request = format!("{head}host: vault\r\n\r\n");
    let _streams = [
        open(port, request.as_bytes()).await,
        open(port, request.as_bytes()).await,
    ];
    let all = world.vault.settings.memory;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let taken = tokio::time::timeout(Duration::from_secs(20), world.vault.memory.take(all));
    taken.await.unwrap().unwrap();
}

#[tokio::test]
async fn body_that_never_comes_is_not_waited_for() {
    let world = World::new().await;
    let (port, _stop) = listen(&world, Limits::PEOPLE, Patience::PEOPLE).await;
    let head = b"POST /v1/session HTTP/1.1\r\nhost: vault\r\ncontent-length: 100\r\n\r\n{";
    let mut stream = open(port, head).await;
    let mut answer = [0; 12];
    let answered = stream.read_exact(&mut answer);
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, answered)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn one_account_has_so_many_requests_under_way_and_no_more() {
    let world = World::new().await;
    let (owner, other) = (world.token("Owner").await, world.token("Doctor").await);
    let mut under_way = Vec::new();
    for _ in 0..connections::MOST_OF_ACCOUNT {
        under_way.push(crate::uploads::stalled(&world, &owner, b""));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    // By any of its sessions, and nobody else.
    let again = world.token("Owner").await;
    for token in [&owner, &again] {
        let reply = world.get(token, &record_path(0, "payload"), &[]).await;
        reply.is(429, "too-many-requests");
    }
    let reply = world.get(&other, &record_path(0, "payload"), &[]).await;
    reply.is(404, "not-found");
    let (sender, answer) = under_way.pop().unwrap();
    drop(sender);
    answer.await.unwrap();
    let reply = world.get(&owner, &record_path(0, "payload"), &[]).await;
    reply.is(404, "not-found");
}

#[tokio::test]
async fn bearer_may_be_written_in_any_letters() {
    let world = World::new().await;
    let token = world.token("Owner").await;
    for (scheme, status) in [("bearer", 404), ("BEARER", 404), ("Basic", 401), ("", 401)] {
        let request = axum::http::Request::get(record_path(0, "payload"))
            .header("authorization", format!("{scheme} {token}"))
            .body(axum::body::Body::empty())
            .unwrap();
        assert_eq!(world.send(request).await.status, status, "{scheme}");
    }
}
