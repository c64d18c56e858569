//! Vaults' answers before and after something that may have been an upload.

use rand::{rngs::StdRng, seq::SliceRandom, SeedableRng};
use salus_e2e::content;

use super::{acts, draw::Ending, Stage};
use crate::outside::{ports, Probe};

const PROBES: usize = 14;

pub async fn around_uploads(stage: &Stage, seed: u64) -> Vec<Probe> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut uploads: Vec<bool> = (0..PROBES).map(|place| place % 2 == 0).collect();
    uploads.shuffle(&mut random);
    let (id, owner, category) = stage.notes(|notes| {
        let mut all = notes.owners.iter();
        let stays = all.find(|(_, (_, drawn))| drawn.ending == Ending::Stay && !drawn.loses_phone);
        let (id, (owner, drawn)) = stays.expect("not everybody ends something");
        (*id, owner.clone(), drawn.ordinary[0])
    });
    let urls = stage.houses.urls();
    let mut probes = Vec::new();
    for (place, upload) in uploads.iter().enumerate() {
        let before = ports::ask(&urls).await;
        match upload {
            true => {
                let bytes = content(place as u64, 9_000);
                let path = stage
                    .houses
                    .world
                    .file(&format!("probe-{place}.txt"), &bytes);
                let (record, compartment, _) =
                    acts::add(&owner, id, path, "A note", category, &[]).await;
                let kept = crate::truth::Record {
                    compartment,
                    kind: "text".into(),
                    bytes: bytes.len() as u64,
                };
                stage.notes(|notes| {
                    let known = notes
                        .truth
                        .ids
                        .get_mut(&id.to_string())
                        .expect("it has lived");
                    known.records.insert(record, kept);
                });
            }
            // As long as an upload takes.
            false => tokio::time::sleep(std::time::Duration::from_secs(3)).await,
        }
        let after = ports::ask(&urls).await;
        probes.push(Probe { before, after });
    }
    stage.notes(|notes| notes.truth.uploads = uploads);
    probes
}
