//! Storage that keeps what was deleted, and deletions that a power cut would undo.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::Router;
use salus_primitives::RecordState;
use salus_vault::store::Store;
use salus_vault::Settings;

use crate::copies::copier;
use crate::objects::*;
use crate::world::*;

/// A small S3 server.
#[derive(Default)]
struct Fake {
    objects: Mutex<BTreeMap<String, Bytes>>,
    old: Mutex<Vec<String>>,
    keeps_versions: AtomicBool,
    /// Answers to `?versioning`, `?object-lock` and `?replication`; else it knows nothing of them.
    settings: Mutex<BTreeMap<&'static str, &'static str>>,
}

impl Fake {
    fn delete(&self, key: &str) {
        if self.objects.lock().unwrap().remove(key).is_some()
            && self.keeps_versions.load(Ordering::SeqCst)
        {
            self.old.lock().unwrap().push(key.to_owned());
        }
    }

    fn set(&self, setting: &'static str, answer: &'static str) {
        self.settings.lock().unwrap().insert(setting, answer);
    }

    fn clear(&self) {
        self.settings.lock().unwrap().clear();
        self.old.lock().unwrap().clear();
        self.keeps_versions.store(false, Ordering::SeqCst);
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    let parts = text.split(from).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(to)?.0))
        .collect()
}

fn xml(text: String) -> Response {
    ([("content-type", "application/xml")], text).into_response()
}

async fn answer(
    State(fake): State<Arc<Fake>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = uri
        .path()
        .trim_start_matches("/bucket")
        .trim_matches('/')
        .to_owned();
    let query = uri.query().unwrap_or_default();
    let has = |name: &str| {
        query
            .split('&')
            .any(|part| part.split('=').next() == Some(name))
    };
    let value = |name: &str| {
        let part = query
            .split('&')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.unwrap_or_default().replace("%2F", "/")
    };
    for setting in ["versioning", "object-lock", "replication"] {
        if has(setting) {
            return match fake.settings.lock().unwrap().get(setting) {
                Some(answer) => xml(answer.to_string()),
                None => StatusCode::NOT_FOUND.into_response(),
            };
        }
    }
    let meta = |length: usize| {
        [
            ("etag", "\"x\"".to_owned()),
            ("last-modified", "Tue, 01 Jan 2030 00:00:00 GMT".to_owned()),
            ("x-length", length.to_string()),
        ]
    };
    if has("versions") {
        let prefix = value("prefix");
        let objects = fake.objects.lock().unwrap();
        let old = fake.old.lock().unwrap();
        let left = objects
            .keys()
            .chain(old.iter())
            .filter(|key| key.starts_with(&prefix));
        let left: String = left
            .map(|key| format!("<Version><Key>{key}</Key></Version>"))
            .collect();
        return xml(format!("<ListVersionsResult>{left}</ListVersionsResult>"));
    }
    if has("list-type") {
        let prefix = value("prefix");
        let objects = fake.objects.lock().unwrap();
        let found = objects.iter().filter(|(key, _)| key.starts_with(&prefix));
        let found: String = found
            .map(|(key, bytes)| {
                format!(
                    "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"x\"</ETag>\
                     <LastModified>2030-01-01T00:00:00.000Z</LastModified></Contents>",
                    bytes.len()
                )
            })
            .collect();
        return xml(format!("<ListBucketResult>{found}</ListBucketResult>"));
    }
    match method {
        Method::PUT => {
            let copied = headers.get("x-amz-copy-source").map(|source| {
                let source = source.to_str().unwrap().trim_start_matches('/');
                let source = source.trim_start_matches("bucket/").replace("%2F", "/");
                fake.objects.lock().unwrap()[&source].clone()
            });
            let is_copy = copied.is_some();
            let bytes = copied.unwrap_or(body);
            fake.objects.lock().unwrap().insert(key, bytes);
            let text = match is_copy {
                true => "<CopyObjectResult><ETag>\"x\"</ETag></CopyObjectResult>",
                false => "",
            };
            (meta(0), text).into_response()
        }
        Method::POST if has("delete") => {
            let text = String::from_utf8_lossy(&body);
            let keys = between(&text, "<Key>", "</Key>");
            keys.iter().for_each(|key| fake.delete(key));
            let deleted = keys.iter();
            let deleted: String = deleted
                .map(|key| format!("<Deleted><Key>{key}</Key></Deleted>"))
                .collect();
            xml(format!("<DeleteResult>{deleted}</DeleteResult>"))
        }
        Method::DELETE => {
            fake.delete(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => {
            let Some(bytes) = fake.objects.lock().unwrap().get(&key).cloned() else {
                return StatusCode::NOT_FOUND.into_response();
            };
            let all = bytes.len();
            let range = headers.get("range").and_then(|range| {
                let range = range
                    .to_str()
                    .ok()?
                    .strip_prefix("bytes=")?
                    .split_once('-')?;
                Some((
                    range.0.parse::<usize>().ok()?,
                    range.1.parse::<usize>().ok()?,
                ))
            });
            match range {
                None => (meta(all), bytes).into_response(),
                Some((from, to)) => {
                    let part = bytes.slice(from..=to.min(all - 1));
                    let content = format!("bytes {from}-{}/{all}", from + part.len() - 1);
                    let range = [("content-range", content)];
                    (StatusCode::PARTIAL_CONTENT, meta(all), range, part).into_response()
                }
            }
        }
    }
}

async fn bucket() -> (Arc<Fake>, Store) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let fake = Arc::new(Fake::default());
    let app = Router::new().fallback(answer).with_state(fake.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    std::env::set_var("AWS_ACCESS_KEY_ID", "key");
    std::env::set_var("AWS_SECRET_ACCESS_KEY", "secret");
    let store = Store::s3("bucket", Some(&url), Some("us-east-1"), true).unwrap();
    (fake, store)
}

const VERSIONS: &str =
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const SUSPENDED: &str =
    "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
const NO_VERSIONS: &str = "<VersioningConfiguration></VersioningConfiguration>";
const LOCK: &str = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>\
                    </ObjectLockConfiguration>";
const REPLICATION: &str =
    "<ReplicationConfiguration><Rule><Status>Enabled</Status></Rule></ReplicationConfiguration>";

#[tokio::test]
async fn storage_that_keeps_what_was_deleted_is_refused() {
    let (fake, store) = bucket().await;
    store.check().await.unwrap();
    fake.set("versioning", NO_VERSIONS);
    store.check().await.unwrap();
    for (setting, answer) in [
        ("versioning", VERSIONS),
        ("versioning", SUSPENDED),
        ("object-lock", LOCK),
        ("replication", REPLICATION),
    ] {
        fake.set(setting, answer);
        let error = store.check().await.unwrap_err().to_string();
        assert!(
            error.contains("keeps what is deleted"),
            "{setting}: {error}"
        );
        fake.clear();
        store.check().await.unwrap();
    }
    // A server that says nothing of it, and does it all the same.
    fake.keeps_versions.store(true, Ordering::SeqCst);
    let error = store.check().await.unwrap_err().to_string();
    assert!(error.contains("still there"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    Store::local(folder.path()).unwrap().check().await.unwrap();
}

fn clinic() -> Settings {
    let mut settings = settings();
    settings.audience.organisation = CLINIC;
    settings.service_account = account("ClinicService");
    settings
}

/// A record that lies in this vault and was erased on the chain.
async fn erased(world: &World) -> Object {
    let object = record(PATIENT, &account("Owner"), 1, &noise(MIB + 1, 1));
    world.store("Owner", &object).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.vault.sweep().await.unwrap();
    let mut state = world.chain.state();
    state.confirming = CLINIC;
    state.records.get_mut(&(PATIENT, 0)).unwrap().state = RecordState::Erased;
    object
}

#[tokio::test]
async fn erasure_in_a_bucket_is_confirmed_once_no_version_is_left() {
    let (fake, store) = bucket().await;
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::new()
        .await
        .beside_over(clinic(), store, folder)
        .await;
    erased(&world).await;
    let copier = copier(&world, "ClinicService");
    copier.round().await.unwrap();
    // Versions were switched on under a running vault.
    fake.keeps_versions.store(true, Ordering::SeqCst);
    fake.set("versioning", VERSIONS);
    assert!(copier.confirm().await.is_err());
    fake.settings.lock().unwrap().clear();
    assert!(copier.confirm().await.is_err(), "a version is still there");
    assert!(world.chain.state().confirmed.is_empty());
    fake.clear();
    assert_eq!(copier.confirm().await.unwrap(), 1);
    assert_eq!(world.chain.state().confirmed.len(), 1);
}

#[tokio::test]
async fn erasure_is_confirmed_once_its_deletions_are_on_the_disk() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let broken = Arc::new(AtomicBool::new(false));
    let objects = folder.path().join("objects");
    let left = {
        let objects = objects.clone();
        move || {
            let kinds = std::fs::read_dir(objects.join("record"));
            kinds.map_or(0, |kinds| kinds.count())
        }
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let flush = {
        let (broken, seen, left) = (broken.clone(), seen.clone(), left.clone());
        move |_: &std::path::Path| {
            seen.lock().unwrap().push(left());
            match broken.load(Ordering::SeqCst) {
                true => Err(std::io::Error::other("the disk does not answer")),
                false => Ok(()),
            }
        }
    };
    let store = Store::local(folder.path())
        .unwrap()
        .flushing(Arc::new(flush));
    let world = World::new()
        .await
        .beside_over(clinic(), store, folder)
        .await;
    erased(&world).await;
    assert_eq!(left(), 1);
    let copier = copier(&world, "ClinicService");
    copier.round().await.unwrap();
    broken.store(true, Ordering::SeqCst);
    assert!(copier.confirm().await.is_err());
    assert!(world.chain.state().confirmed.is_empty());
    assert_eq!(
        seen.lock().unwrap().last(),
        Some(&0),
        "flushed after the deletion"
    );
    broken.store(false, Ordering::SeqCst);
    assert_eq!(copier.confirm().await.unwrap(), 1);
}
