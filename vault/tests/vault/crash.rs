//! Killed at any moment: what was acknowledged is there and whole, and nothing else is.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use salus_vault::dag::text;
use salus_vault::store::Store;
use salus_vault::sweep::Quotas;

use crate::objects::*;
use crate::world::*;

const FOLDER: &str = "SALUS_CRASH_FOLDER";
const ROUND: &str = "SALUS_CRASH_ROUND";
const ROUNDS: u32 = 50;

fn roomy() -> salus_vault::Settings {
    salus_vault::Settings {
        quotas: Quotas {
            account: u64::MAX,
            organisation: u64::MAX,
        },
        ..settings()
    }
}

/// Object `number` of a round; every third has several chunks.
fn object(round: u32, number: u32) -> Object {
    let seed = round * 1_000_000 + number;
    let length = match number % 3 {
        0 => 2 * MIB + number as usize,
        _ => 1_000 + number as usize,
    };
    record(PATIENT, &account("Owner"), seed, &noise(length, seed))
}

/// The vault that the test below starts and kills. On its own it does nothing.
#[tokio::test]
async fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else {
        return;
    };
    let round: u32 = round.parse().unwrap();
    let store = Store::local(std::path::Path::new(&folder)).unwrap();
    let unused = Arc::new(tempfile::tempdir().unwrap());
    let world = World::over(roomy(), store, unused).await;
    for number in 0.. {
        let object = object(round, number);
        let car = match number % 2 {
            0 => object.car(),
            _ => object.streamed(),
        };
        world
            .vault
            .receive(account("Owner"), &car[..])
            .await
            .unwrap();
        println!("stored {number}");
    }
}

#[tokio::test]
async fn killed_fifty_times_during_uploads_the_vault_has_all_it_acknowledged_and_no_more() {
    let mut world = World::with(roomy()).await;
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture"])
            .env(FOLDER, world.folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, receiver) = std::sync::mpsc::channel::<u32>();
        let reader = std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| line.rsplit_once("stored ")?.1.parse().ok())
                .for_each(|number| sender.send(number).unwrap_or_default());
        });
        // Somewhere else in its work each time: before, between and within uploads.
        let mut stored: Vec<u32> = receiver.iter().take(round as usize % 4).collect();
        std::thread::sleep(Duration::from_millis(u64::from(round * 7 % 31)));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        stored.extend(receiver.iter());
        acknowledged.extend(stored.into_iter().map(|number| (round, number)));

        world.restart().await;
        for kind in ["objects", "roots", "pending"] {
            let whole: std::collections::BTreeSet<String> = world
                .files()
                .keys()
                .filter(|path| path.starts_with(world.folder.path().join(kind)))
                .map(|path| {
                    let inside = path.strip_prefix(world.folder.path()).unwrap();
                    let root = inside.iter().nth(2).unwrap().to_string_lossy();
                    root.trim_end_matches(".json").to_owned()
                })
                .collect();
            for root in whole {
                let cid = salus_vault::dag::parse(&root).unwrap();
                let id = (salus_primitives::ObjectKind::Record, cid);
                let known = world.vault.store.root(&id).await.unwrap();
                assert!(known.is_some(), "{kind}/{root} belongs to no object");
            }
        }
    }
    assert!(acknowledged.len() >= 70, "only {}", acknowledged.len());
    for (round, number) in acknowledged {
        let object = object(round, number);
        let id = (salus_primitives::ObjectKind::Record, object.root);
        let root = world.vault.store.root(&id).await.unwrap();
        let root = root.unwrap_or_else(|| panic!("{} is lost", text(&object.root)));
        assert_eq!(root.bytes, object.bytes());
        for (cid, block) in &object.blocks {
            assert_eq!(world.vault.store.block(&id, cid).await.unwrap(), block);
        }
    }
}
