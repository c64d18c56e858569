//! Against a scripted vault: what the client does when answers are late, broken or false.

use std::sync::Arc;

use salus_primitives::{Binding, ObjectKind, PatientId};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::files::car::CarReader;
use crate::files::unixfs::{cid_of, directory, to_chain, Entry, DAG_PB, RAW};

pub(crate) const PATIENT: PatientId = PatientId([3; 16]);
pub(crate) const SESSION: &str = r#"{"token":"abc","expires_at":99999999999999}"#;
const BUSY: &str = r#"{"error":"chain-unavailable","message":"its node is unreachable"}"#;

/// Answers each request with the next of these; what was asked can be read afterwards.
pub(crate) struct Script {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Drop for Script {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK", "", body.as_ref())
}

fn busy() -> Vec<u8> {
    answer(
        "503 Service Unavailable",
        "retry-after: 0\r\n",
        BUSY.as_bytes(),
    )
}

impl Script {
    pub(crate) async fn play(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        let server = tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    let mut piece = [0; 4096];
                    let read = socket.read(&mut piece).await.unwrap();
                    assert!(read > 0, "the client went away");
                    request.extend_from_slice(&piece[..read]);
                }
                let head = String::from_utf8_lossy(&request).to_lowercase();
                // As a vault does: who answers earlier may close before the request is written.
                while !is_complete(&request) {
                    let mut piece = [0; 4096];
                    match socket.read(&mut piece).await {
                        Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                        _ => break,
                    }
                }
                lock(&heard).push(head);
                socket.write_all(&answer).await.unwrap();
                socket.shutdown().await.unwrap();
            }
        });
        Self { url, asked, server }
    }

    fn vault(&self) -> Vault {
        Vault::new(&self.url, 4, Genesis::repeat_byte(1), Reach::Development).unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

/// A vault that takes every object that is uploaded, and shows none.
pub(crate) struct Shelf {
    pub(crate) url: String,
    taken: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shelf {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let heard = taken.clone();
        let server = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let heard = heard.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !is_complete(&request) {
                        let mut piece = [0; 65_536];
                        match socket.read(&mut piece).await {
                            Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                            _ => return,
                        }
                    }
                    let answer = match request.starts_with(b"POST /v1/session ") {
                        true => ok(SESSION),
                        false => {
                            let root = cid_text(&root_of(&request).await).unwrap();
                            lock(&heard).push(root.clone());
                            receipt(&root)
                        }
                    };
                    // Whoever was cut off does not wait for it.
                    let _ = socket.write_all(&answer).await;
                    let _ = socket.shutdown().await;
                });
            }
        });
        Self { url, taken, server }
    }

    /// The CIDs of what was uploaded.
    pub(crate) fn taken(&self) -> Vec<String> {
        lock(&self.taken).clone()
    }
}

/// The object that an upload holds: its directory, which comes last where it is made while it is sent.
async fn root_of(upload: &[u8]) -> Cid {
    let body = upload
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap()
        + 4;
    let (mut rest, mut car) = (&upload[body..], Vec::new());
    // In chunks, each with its length before it.
    loop {
        let line = rest.windows(2).position(|end| end == b"\r\n").unwrap();
        let length = std::str::from_utf8(&rest[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            break;
        }
        car.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 2 + length + 2..];
    }
    let mut reader = CarReader::new(&car[..]).await.unwrap();
    let mut root = reader.root();
    while let Some((cid, _)) = reader.next_block().await.unwrap() {
        if root.codec() != DAG_PB {
            root = cid;
        }
    }
    to_chain(&root).unwrap()
}

/// Whether this request has come to the end of its body.
fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    if head.contains("transfer-encoding: chunked") {
        return request.ends_with(b"\r\n0\r\n\r\n");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
    request.len() >= head.len() + 4 + length
}

fn alice() -> AccountKey {
    AccountKey::from_uri("//Alice").unwrap()
}

/// A keyring object: its CID, its directory's block, its binding and its body.
pub(crate) fn object(body: &[u8]) -> (Cid, Vec<u8>, Vec<u8>) {
    let binding = Binding {
        genesis: Genesis::repeat_byte(1),
        kind: ObjectKind::Keyring,
        patient: PATIENT,
        author: alice().account(),
        nonce: [0; 16],
    }
    .to_file();
    let entry = |name: &str, bytes: &[u8]| Entry {
        name: name.into(),
        cid: cid_of(RAW, bytes),
        tree_size: bytes.len() as u64,
    };
    let (cid, block) = directory(&[entry("binding", &binding), entry("body.age", body)]);
    (to_chain(&cid).unwrap(), block, binding)
}

async fn fetch(script: &Script, content: &Cid) -> Result<Vec<u8>> {
    let key = alice();
    let session = script.vault().sign_in(&key).await?;
    let object = session
        .object(
            Location::Keyring(PATIENT),
            content,
            Some(&key.account()),
            None,
        )
        .await?;
    object.read(File::Body).await
}

#[tokio::test]
async fn an_object_is_fetched_and_verified() {
    let (cid, block, binding) = object(b"secret");
    let script = Script::play(vec![ok(SESSION), ok(block), ok(binding), ok("secret")]).await;
    assert_eq!(fetch(&script, &cid).await.unwrap(), b"secret");
    let asked = script.asked();
    assert!(asked[0].starts_with("post /v1/session "), "{}", asked[0]);
    assert!(asked[1].contains("keyring?part=directory"), "{}", asked[1]);
    assert!(
        asked[1].contains("authorization: bearer abc"),
        "{}",
        asked[1]
    );
}

#[tokio::test]
async fn another_directory_binding_or_file_is_noticed() {
    let (cid, block, binding) = object(b"secret");
    let (other_cid, other_block, _) = object(b"sekret");
    let scripts = [
        vec![ok(SESSION), ok(&other_block)],
        vec![ok(SESSION), ok(&block), ok(vec![0; 129])],
        vec![ok(SESSION), ok(&block), ok(&binding), ok("secreT")],
        vec![ok(SESSION), ok(&block), ok(&binding), ok("secret and more")],
    ];
    for script in scripts {
        let script = Script::play(script).await;
        let result = fetch(&script, &cid).await;
        assert!(
            matches!(result, Err(VaultError::Altered { .. })),
            "{result:?}"
        );
    }
    // An object of another author, whole as it is.
    let script = Script::play(vec![ok(SESSION), ok(&other_block), ok(&binding)]).await;
    let key = alice();
    let session = script.vault().sign_in(&key).await.unwrap();
    let bob = AccountKey::from_uri("//Bob").unwrap().account();
    let result = session
        .object(Location::Keyring(PATIENT), &other_cid, Some(&bob), None)
        .await
        .map(|_| ());
    assert!(
        matches!(result, Err(VaultError::Altered { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let (cid, block, binding) = object(b"0123456789");
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n0123".to_vec();
    let rest = answer(
        "206 Partial Content",
        "content-range: bytes 4-9/10\r\n",
        b"456789",
    );
    let script = Script::play(vec![ok(SESSION), ok(block), ok(binding), half, rest]).await;
    assert_eq!(fetch(&script, &cid).await.unwrap(), b"0123456789");
    let last = script.asked().pop().unwrap();
    assert!(last.contains("range: bytes=4-9"), "{last}");
}

#[tokio::test]
async fn a_busy_vault_is_asked_again_but_not_for_ever() {
    let info = r#"{"organisation":4,"genesis":"0x0101010101010101010101010101010101010101010101010101010101010101",
        "origin":"x","service_account":"0x00","version":"0.1.0"}"#;
    let script = Script::play(vec![busy(), busy(), ok(info)]).await;
    assert_eq!(script.vault().info().await.unwrap().organisation, 4);

    let script = Script::play(vec![busy(); 9]).await;
    let error = script.vault().info().await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(
        error.to_string().contains("its node is unreachable"),
        "{error}"
    );
    assert_eq!(script.asked().len(), ATTEMPTS as usize);
}

#[tokio::test]
async fn a_forgotten_token_is_made_anew_once() {
    let (cid, block, binding) = object(b"secret");
    let refused = || {
        answer(
            "401 Unauthorized",
            "",
            br#"{"error":"no-session","message":"x"}"#,
        )
    };
    let script = Script::play(vec![
        ok(SESSION),
        refused(),
        ok(SESSION),
        ok(block),
        ok(binding),
        ok("secret"),
    ])
    .await;
    assert_eq!(fetch(&script, &cid).await.unwrap(), b"secret");

    let script = Script::play(vec![ok(SESSION), refused(), ok(SESSION), refused()]).await;
    let error = fetch(&script, &cid).await.unwrap_err();
    assert!(
        matches!(error, VaultError::Refused { status: 401, .. }),
        "{error}"
    );
}

/// A keyring's body, through a session over these vaults.
async fn fetch_from(scripts: &[&Script], content: &Cid) -> Result<Vec<u8>> {
    let key = alice();
    let vaults = scripts.iter().map(|script| script.vault()).collect();
    let session = Session::begin(vaults, Cow::Borrowed(&key)).await?;
    let place = Location::Keyring(PATIENT);
    let object = session
        .object(place, content, Some(&key.account()), None)
        .await?;
    object.read(File::Body).await
}

#[tokio::test]
async fn another_vault_is_asked_where_one_is_away_lacks_the_object_or_has_it_damaged() {
    let (cid, block, binding) = object(b"secret");
    let whole = || vec![ok(SESSION), ok(&block), ok(&binding), ok("secret")];
    let says = |status: &str, code: &str| {
        let body = format!(r#"{{"error":"{code}","message":"x"}}"#);
        answer(status, "retry-after: 0\r\n", body.as_bytes())
    };
    let firsts = [
        vec![says("503 Service Unavailable", "chain-unavailable")],
        vec![says("401 Unauthorized", "bad-challenge")],
        vec![ok(SESSION), says("404 Not Found", "not-found")],
        vec![
            ok(SESSION),
            ok(&block),
            says("500 Internal Server Error", "damaged"),
        ],
    ];
    for first in firsts {
        let mut rest = whole();
        // What the first vault served well is not fetched again.
        if first.len() == 3 {
            rest.remove(1);
        }
        let (first, second) = (Script::play(first).await, Script::play(rest).await);
        let found = fetch_from(&[&first, &second], &cid).await;
        assert_eq!(found.unwrap(), b"secret");
    }
    // Nobody listens at the first.
    let gone = Script::play(vec![]).await;
    let url = gone.vault();
    drop(gone);
    let second = Script::play(whole()).await;
    let key = alice();
    let session = Session::begin(vec![url, second.vault()], Cow::Borrowed(&key)).await;
    assert_eq!(session.unwrap().vault().url, second.vault().url);
}

#[tokio::test]
async fn a_vault_that_sends_other_bytes_is_left_for_another() {
    let (cid, block, binding) = object(b"secret");
    let (_, other, _) = object(b"sekret");
    let lies = [
        vec![ok(SESSION), ok(&other)],
        vec![ok(SESSION), ok(&block), ok(&binding), ok("sekret")],
    ];
    for lie in lies {
        let rest = match lie.len() {
            2 => vec![ok(SESSION), ok(&block), ok(&binding), ok("secret")],
            _ => vec![ok(SESSION), ok("secret")],
        };
        let (first, second) = (Script::play(lie).await, Script::play(rest).await);
        assert_eq!(
            fetch_from(&[&first, &second], &cid).await.unwrap(),
            b"secret"
        );
    }
    // If all of them lie, it is said.
    let lie = || vec![ok(SESSION), ok(&other)];
    let (first, second) = (Script::play(lie()).await, Script::play(lie()).await);
    let result = fetch_from(&[&first, &second], &cid).await;
    assert!(
        matches!(result, Err(VaultError::Altered { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_broken_download_goes_on_at_another_vault() {
    let (cid, block, binding) = object(b"0123456789");
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n0123".to_vec();
    let damaged = answer(
        "500 Internal Server Error",
        "",
        br#"{"error":"damaged","message":"x"}"#,
    );
    let rest = answer(
        "206 Partial Content",
        "content-range: bytes 4-9/10\r\n",
        b"456789",
    );
    let first = Script::play(vec![ok(SESSION), ok(block), ok(binding), half, damaged]).await;
    let second = Script::play(vec![ok(SESSION), rest]).await;
    let found = fetch_from(&[&first, &second], &cid).await;
    assert_eq!(found.unwrap(), b"0123456789");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = answer("302 Found", "location: http://127.0.0.1:1/\r\n", b"");
    let script = Script::play(vec![elsewhere]).await;
    let error = script.vault().info().await.unwrap_err();
    assert!(
        matches!(error, VaultError::Refused { status: 302, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_vault_of_another_organisation_or_chain_is_not_used() {
    let info = |organisation: u32, digit: &str| {
        let genesis = digit.repeat(64);
        ok(format!(
            r#"{{"organisation":{organisation},"genesis":"0x{genesis}","origin":"x","service_account":"0x","version":"1"}}"#
        ))
    };
    for answer in [info(5, "01"), info(4, "2")] {
        let script = Script::play(vec![answer]).await;
        let error = script.vault().info().await.unwrap_err();
        assert!(matches!(error, VaultError::WrongVault { .. }), "{error}");
    }
}

/// What a vault confirms an upload with.
pub(crate) fn receipt(cid: &str) -> Vec<u8> {
    let body = format!(r#"{{"cid":"{cid}","kind":"record","bytes":1}}"#);
    answer("201 Created", "", body.as_bytes())
}

#[tokio::test]
async fn the_receipt_of_an_upload_names_what_was_uploaded() {
    let root = to_chain(&cid_of(DAG_PB, b"x")).unwrap();
    let text = cid_text(&root).unwrap();
    let key = alice();
    let script = Script::play(vec![ok(SESSION), receipt(&text)]).await;
    let session = script.vault().sign_in(&key).await.unwrap();
    session.upload(&root, || Body::from("car")).await.unwrap();

    let script = Script::play(vec![ok(SESSION), receipt("bafkqaaa")]).await;
    let session = script.vault().sign_in(&key).await.unwrap();
    let result = session.upload(&root, || Body::from("car")).await;
    assert!(
        matches!(result, Err(VaultError::Altered { .. })),
        "{result:?}"
    );
}

/// Reads a keyring's body while it comes, and tells how often it was begun.
async fn stream_from(
    scripts: &[&Script],
    content: &Cid,
    take: impl Fn(Pieces) -> crate::Result<Vec<u8>> + Clone + Send + 'static,
) -> (crate::Result<Vec<u8>>, usize) {
    let key = alice();
    let vaults = scripts.iter().map(|script| script.vault()).collect();
    let session = Session::begin(vaults, Cow::Borrowed(&key)).await.unwrap();
    let place = Location::Keyring(PATIENT);
    let object = session
        .object(place, content, Some(&key.account()), None)
        .await
        .unwrap();
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let take = move |pieces| {
        counted.fetch_add(1, Ordering::Relaxed);
        take(pieces)
    };
    let taken = object.stream(File::Body, |_| {}, take).await;
    (taken, begun.load(Ordering::Relaxed))
}

fn whole(mut pieces: Pieces) -> crate::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut pieces, &mut bytes).map_err(|e| crate::Error::io("read", e))?;
    Ok(bytes)
}

#[tokio::test]
async fn a_file_that_is_read_while_it_comes_ends_only_when_it_is_verified() {
    let (cid, block, binding) = object(b"0123456789");
    let good = || vec![ok(SESSION), ok(&block), ok(&binding), ok("0123456789")];
    let bad = || vec![ok(SESSION), ok(&block), ok(&binding), ok("0123456788")];
    let script = Script::play(good()).await;
    let (found, begun) = stream_from(&[&script], &cid, whole).await;
    assert_eq!((found.unwrap(), begun), (b"0123456789".to_vec(), 1));

    // The reader never sees the end of what is not the file.
    let ends = Arc::new(AtomicUsize::new(0));
    let seen = ends.clone();
    let counting = move |pieces| {
        let bytes = whole(pieces)?;
        seen.fetch_add(1, Ordering::Relaxed);
        Ok(bytes)
    };
    let script = Script::play(bad()).await;
    let (found, begun) = stream_from(&[&script], &cid, counting.clone()).await;
    assert!(
        matches!(found, Err(crate::Error::Vault(VaultError::Altered { .. }))),
        "{found:?}"
    );
    assert_eq!((begun, ends.load(Ordering::Relaxed)), (1, 0));

    // Another vault has it.
    let (first, second) = (
        Script::play(bad()).await,
        Script::play(vec![ok(SESSION), ok("0123456789")]).await,
    );
    let (found, begun) = stream_from(&[&first, &second], &cid, counting).await;
    assert_eq!((found.unwrap(), begun), (b"0123456789".to_vec(), 2));
    assert_eq!(ends.load(Ordering::Relaxed), 1);

    // Broken off, and continued.
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n0123".to_vec();
    let rest = answer("206 Partial Content", "", b"456789");
    let script = Script::play(vec![ok(SESSION), ok(&block), ok(&binding), half, rest]).await;
    let (found, begun) = stream_from(&[&script], &cid, whole).await;
    assert_eq!((found.unwrap(), begun), (b"0123456789".to_vec(), 1));
}

#[tokio::test]
async fn whoever_cannot_use_a_file_hears_first_whether_it_is_the_right_one() {
    let (cid, block, binding) = object(b"0123456789");
    let refuse = |_| Err(crate::Error::WrongKey("payload"));
    let begin = || vec![ok(SESSION), ok(&block), ok(&binding)];
    let script = Script::play([begin(), vec![ok("0123456789")]].concat()).await;
    let (found, _) = stream_from(&[&script], &cid, refuse).await;
    assert!(matches!(found, Err(crate::Error::WrongKey(_))), "{found:?}");
    let script = Script::play([begin(), vec![ok("9876543210")]].concat()).await;
    let (found, _) = stream_from(&[&script], &cid, refuse).await;
    assert!(
        matches!(found, Err(crate::Error::Vault(VaultError::Altered { .. }))),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_is_sent_while_it_is_made_is_confirmed_under_the_cid_that_came_out() {
    let root = to_chain(&cid_of(DAG_PB, b"x")).unwrap();
    let text = cid_text(&root).unwrap();
    let key = alice();
    let make = move |sink: &mut CarSink| {
        sink.put("car".into())
            .map_err(|e| crate::Error::io("upload", e))?;
        Ok((root, 7))
    };
    let script = Script::play(vec![ok(SESSION), busy(), receipt(&text)]).await;
    let session = script.vault().sign_in(&key).await.unwrap();
    assert_eq!(session.send(make).await.unwrap(), 7);
    assert_eq!(script.asked().len(), 3, "it is made anew for each attempt");

    let script = Script::play(vec![ok(SESSION), receipt("bafkqaaa")]).await;
    let session = script.vault().sign_in(&key).await.unwrap();
    let result = session.send(make).await;
    assert!(
        matches!(result, Err(crate::Error::Vault(VaultError::Altered { .. }))),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_upload_whose_making_fails_ends_at_once_with_its_reason() {
    // A vault that waits for the end of the body, which never comes.
    let script = Script::play(vec![ok(SESSION), ok("{}")]).await;
    let key = alice();
    let session = script.vault().sign_in(&key).await.unwrap();
    let result = session.send(|sink| {
        sink.put("half".into()).unwrap();
        Err::<(Cid, ()), _>(crate::Error::LengthChanged {
            expected: 2,
            found: 1,
        })
    });
    let result = result.await;
    assert!(
        matches!(result, Err(crate::Error::LengthChanged { .. })),
        "{result:?}"
    );
}
