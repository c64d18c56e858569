//! Logs are read by many: no token, signature or body ever gets there.

use std::io::Write;
use std::sync::{Arc, Mutex};

use salus_primitives::{Part, Rights};
use sp_core::Pair;
use tracing_subscriber::fmt::MakeWriter;

use crate::emergency;
use crate::objects::*;
use crate::world::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log_at_any_level() {
    let captured = Captured::default();
    // Of the whole process: it also hears the other tests, which does no harm.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(captured.clone())
        .init();

    let world = World::new().await;
    let object = record(PATIENT, &account("Owner"), 1, b"the-ciphertext-itself");
    let token = world.token("Owner").await;
    world.upload(&token, object.car()).await;
    world.anchor(PATIENT, 0, &object, "Owner");
    world.share(0, "Doctor", Rights::Read, Vec::new());
    let entry = world.open("Doctor", &[0], Part::Full, 0);
    let doctor = world.token("Doctor").await;
    for token in [&token, &doctor] {
        let headers = [("salus-opened", entry.as_str())];
        world.get(token, &record_path(0, "payload"), &headers).await;
        world.get(token, &record_path(7, "payload"), &headers).await;
        world.get(token, "/ipfs/bafkqaaa?format=raw", &[]).await;
    }
    let signature = key("Stranger").sign(b"anything").0;
    world.present("Stranger", "anything", signature).await;
    world.login("Stranger").await;

    let share = emergency::planned(&world).remove(0);
    let sealed = emergency::sealed(&world, &share);
    assert_eq!(world.deal(&token, PATIENT, sealed).await.status, 204);
    emergency::broken(&world, "Doctor");
    emergency::publish(&world, "Doctor");
    let released = format!("/v1/patients/{PATIENT}/emergency-share?glass=0");
    assert_eq!(world.get(&doctor, &released, &[]).await.status, 200);
    let identity = world.vault.settings.identity.clone().unwrap();

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("stored") && log.contains("turned away"),
        "{log}"
    );
    let released = log.lines().find(|line| line.contains("was released"));
    let named = [PATIENT.to_string(), account("Doctor").to_string()];
    assert!(named.iter().all(|name| released.unwrap().contains(name)));
    for secret in [
        token,
        doctor,
        hex::encode(signature),
        "the-ciphertext-itself".to_owned(),
        identity.expose().unwrap().to_string(),
        hex::encode(share.to_bytes()),
    ] {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}
