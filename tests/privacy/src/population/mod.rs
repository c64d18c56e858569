//! Synthetic patients, made by the ordinary client on a real chain and real vaults.
//!
//! - [`draw`]: who they are, from a seed
//! - `acts`: what people do, each by the client's own functions; whoever changes those changes this file
//! - `houses`: organisations, their vaults and their staff
//! - `lives`: what happens to one id, from enrolment to the end of its grants
//! - `later`: what takes others who have lived, too: lost phones, emergencies
//! - `probes`: vaults' answers around uploads

mod acts;
pub mod draw;
mod houses;
mod later;
mod lives;
mod probes;

use std::{
    collections::{btree_map::Entry, BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use salus_client::{
    actions::Client,
    profile::{Profile, Unlocked},
};
use salus_primitives::{PatientId, StudyIndex};
use tokio::sync::Semaphore;

use crate::{
    outside::{chain, disk, line::Lines, Known, Outside},
    truth::Truth,
};
use draw::Drawn;
use houses::Houses;

pub use houses::AN_HOUR;

/// People who are busy at the same time.
const AT_ONCE: usize = 24;

/// How many ids, and which ones.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub patients: usize,
    pub seed: u64,
}

impl Settings {
    /// `SALUS_PRIVACY_PATIENTS` and `SALUS_PRIVACY_SEED`, or what the test takes.
    pub fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok()?.parse().ok();
        Self {
            patients: number("SALUS_PRIVACY_PATIENTS").unwrap_or(54) as usize,
            seed: number("SALUS_PRIVACY_SEED").unwrap_or(1),
        }
    }
}

/// Somebody with a profile and an address.
struct Person {
    profile: Profile,
    unlocked: Unlocked,
    client: Arc<Client>,
    address: u16,
}

/// What everybody adds to.
#[derive(Default)]
struct Notes {
    truth: Truth,
    known: Known,
    /// Who acts for an id at the end.
    owners: BTreeMap<PatientId, (Arc<Client>, Drawn)>,
    /// Who has joined which study.
    joined: BTreeSet<(usize, StudyIndex)>,
    /// The files of helpers' shares, by id, in the order of its helpers.
    shares: BTreeMap<PatientId, Vec<(usize, std::path::PathBuf)>>,
}

struct Stage {
    houses: Houses,
    people: BTreeMap<usize, Person>,
    notes: Mutex<Notes>,
    lines: Lines,
}

impl Stage {
    fn notes<T>(&self, write: impl FnOnce(&mut Notes) -> T) -> T {
        write(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes all of them, and looks at them from outside.
pub async fn make(settings: Settings) -> (Outside, Truth) {
    let started = std::time::Instant::now();
    let told = |what: &str| eprintln!("privacy: {:>4} s {what}", started.elapsed().as_secs());
    let drawn = draw::all(settings);
    let houses = Houses::open().await;
    told("the houses are open");
    let lines = Lines::default();
    let mut people = BTreeMap::new();
    for id in drawn.iter().filter(|id| id.guardian.is_none()) {
        if let Entry::Vacant(place) = people.entry(id.person) {
            place.insert(arrive(&houses, &lines, id.person).await);
        }
    }
    let mut stage = Stage {
        houses,
        people,
        notes: Mutex::default(),
        lines,
    };
    stage.notes(|notes| notes.truth.seed = settings.seed);
    let studies = lives::announce(&stage).await;

    let doors = Semaphore::new(AT_ONCE);
    let live = |id: &Drawn| {
        let (stage, doors, id) = (&stage, &doors, id.clone());
        async move {
            let _turn = doors.acquire().await.expect("it stays open");
            lives::live(stage, studies, id).await;
        }
    };
    futures::future::join_all(drawn.iter().map(live)).await;
    told("everybody has lived");
    later::emergencies(&stage).await;
    later::lost_phones(&stage).await;
    told("glasses were broken, and phones replaced");
    let probes = probes::around_uploads(&stage, settings.seed).await;
    told("the ports were asked");

    lives::labels(&stage);
    let mut outside = Outside {
        probes,
        questions: stage.lines.take(),
        ..Outside::default()
    };
    (outside.blocks, outside.state) = chain::read(&stage.houses.world.node).await;
    for (organisation, vault) in &mut stage.houses.vaults {
        let log = vault.vault.log().lines().map(str::to_owned).collect();
        outside.logs.insert(*organisation, log);
        outside.disks.push(disk::read(*organisation, &vault.data));
    }
    told("all of it was read from outside");
    let notes = stage.notes(std::mem::take);
    outside.known = notes.known;
    (outside, notes.truth)
}

async fn arrive(houses: &Houses, lines: &Lines, number: usize) -> Person {
    let name = format!("person-{number}");
    let address = number as u16;
    let (profile, unlocked) = houses.world.profile(&name);
    let url = lines.open(&houses.world.node, address).await;
    let client = houses.world.person_at(&name, &url).await;
    Person {
        profile,
        unlocked,
        client: Arc::new(client),
        address,
    }
}
