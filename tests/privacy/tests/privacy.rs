//! What an outsider learns of a population, and that nothing that was closed tells more than chance.
//!
//! `SALUS_PRIVACY_PATIENTS` and `SALUS_PRIVACY_SEED` make another population; with
//! `SALUS_PRIVACY_KEEP=FOLDER` it is kept there as `outside.json` and `truth.json`, with `table.md`, and
//! what lies there is looked at again instead of making one. Without, the last one is kept in cargo's
//! folder for such things, `target/tmp/privacy`, and made anew each time.

use std::{
    fs,
    path::{Path, PathBuf},
};

use salus_privacy::{
    analysts,
    population::{self, Settings},
    table, Outside, Truth,
};

/// Below this a figure says little.
const FEWEST: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn an_outsider_guesses_no_better_than_chance_where_it_is_closed() {
    let settings = Settings::from_environment();
    let chosen = std::env::var_os("SALUS_PRIVACY_KEEP").map(PathBuf::from);
    let (outside, truth) = match chosen.as_deref().and_then(kept) {
        Some(kept) => kept,
        None => population::make(settings).await,
    };
    let figures = analysts::figures(&outside, &truth);
    let table = table::markdown(&figures);
    println!("{} ids, seed {}\n\n{table}", truth.ids.len(), truth.seed);
    let usual = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("privacy");
    keep(&chosen.unwrap_or_else(usual), &outside, &truth, &table);
    assert!(truth.ids.len() >= FEWEST || settings.patients < FEWEST);
    assert!(!outside.blocks.is_empty() && !outside.disks.is_empty());
    let reopened = analysts::reopened(&figures);
    assert!(reopened.is_empty(), "{reopened:#?}");
}

fn kept(folder: &Path) -> Option<(Outside, Truth)> {
    let read = |name: &str| fs::read(folder.join(name)).ok();
    let outside = serde_json::from_slice(&read("outside.json")?).expect("it was written here");
    let truth = serde_json::from_slice(&read("truth.json")?).expect("it was written here");
    Some((outside, truth))
}

fn keep(folder: &Path, outside: &Outside, truth: &Truth, table: &str) {
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).expect("it can be written");
    };
    fs::create_dir_all(folder).expect("it can be made");
    write(
        "outside.json",
        &serde_json::to_vec(outside).expect("it is JSON"),
    );
    write(
        "truth.json",
        &serde_json::to_vec_pretty(truth).expect("it is JSON"),
    );
    write("table.md", table.as_bytes());
}
