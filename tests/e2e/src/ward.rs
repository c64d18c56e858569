//! One member's doctor and patient, and the work that they do while things break.

use std::{
    fs,
    future::Future,
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        Arc, Mutex, PoisonError,
    },
    time::{Duration, Instant},
};

use salus_client::{
    actions::{
        opening::{self, Opening},
        patient,
        records::{self},
        sharing::{self, Sharing, What, Who},
        Client,
    },
    taxonomy::Category,
    vault::Opened,
};
use salus_primitives::{
    rows::{DAY, HOUR},
    ClinicianRole, GrantIndex, PatientId, Purpose, RecordIndex, Rights,
};
use sp_core::H256;
use tokio::task::JoinHandle;

use crate::{content, employ, new_file, Consortium, Person};

pub const CATEGORY: Category = Category::Imaging;
/// Small ones, and one of several chunks.
const LENGTHS: [usize; 4] = [3_000, 60_000, 200_000, 3 * 1024 * 1024];
/// One thing may take so long before its person gives it up; it counts as not acknowledged.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is under way may still be acknowledged when everybody is told to stop.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// A file that was acknowledged as a record.
#[derive(Clone, Debug)]
pub struct Kept {
    pub record: RecordIndex,
    pub seed: u64,
    pub length: usize,
    /// The finalized block that anchored it.
    pub block: H256,
}

impl Kept {
    pub fn content(&self) -> Vec<u8> {
        content(self.seed, self.length)
    }
}

/// What this ward's people were told, and so may rely on.
#[derive(Clone, Default)]
pub struct Told {
    pub kept: Vec<Kept>,
    pub opened: Vec<Opened>,
    /// What failed, in words.
    pub failed: Vec<String>,
}

/// A doctor of one member and a patient who is enrolled there, shares with the doctor, and has
/// files in that member's vault.
pub struct Ward {
    pub member: usize,
    pub doctor: Person,
    pub patient: Person,
    pub id: PatientId,
    pub grant: GrantIndex,
    told: Arc<Mutex<Told>>,
    seeds: Arc<AtomicU64>,
    folder: PathBuf,
}

/// Work that goes on until it is told to stop.
pub struct Work {
    over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Work {
    /// Whatever is not done soon is left.
    pub fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        let end = Instant::now() + LAST_WORDS;
        for task in self.tasks {
            while !task.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(50));
            }
            task.abort();
            if let Err(failed) = futures::executor::block_on(task) {
                if failed.is_panic() {
                    std::panic::resume_unwind(failed.into_panic());
                }
            }
        }
    }
}

impl Ward {
    /// One ward of each of these members.
    pub fn open_all(
        consortium: &Consortium,
        members: impl IntoIterator<Item = usize>,
    ) -> Vec<Self> {
        let members: Vec<usize> = members.into_iter().collect();
        std::thread::scope(|scope| {
            let wards: Vec<_> = members
                .into_iter()
                .map(|member| scope.spawn(move || Self::of(consortium, member)))
                .collect();
            let done = wards.into_iter().map(|ward| ward.join());
            done.map(|ward| ward.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }

    pub fn of(consortium: &Consortium, member: usize) -> Self {
        let admin = consortium.admin(member);
        let doctor = consortium.person(member, &format!("//World//doctor-{member}"));
        let (employed, organisation) = (doctor.client.clone(), Consortium::organisation(member));
        admin
            .act(move |admin| async move {
                employ(&admin, organisation, &employed, ClinicianRole::Physician).await
            })
            .expect("an admin employs who consents");
        let patient = || consortium.person(member, &format!("//World//patient-{member}"));
        let id = enrol(&doctor, &patient(), organisation);
        // With the account that was enrolled.
        let patient = patient();
        let sharing = Sharing {
            with: Who::Account(doctor.client.me()),
            what: What::Categories(vec![CATEGORY], Vec::new()),
            rights: Rights::Read,
            purpose: Purpose::Treat,
            duration: DAY,
            starts_at: None,
            anchored_from: None,
            anchored_until: None,
            in_own_name: false,
        };
        let grant = patient
            .act(move |patient| async move { sharing::share(&patient, id, &sharing).await })
            .expect("an owner shares")
            .grant;
        let folder = consortium.path(&format!("ward-{member}"));
        fs::create_dir_all(&folder).expect("the folder is ours");
        Self {
            member,
            doctor,
            patient,
            id,
            grant,
            told: Arc::default(),
            seeds: Arc::new(AtomicU64::new(1_000_000 * member as u64)),
            folder,
        }
    }

    /// The patient adds files, the doctor opens them, each again and again.
    pub fn work(&self) -> Work {
        let over = Arc::new(AtomicBool::new(false));
        let tasks = vec![
            self.patient
                .begin(|patient| self.adding(patient, over.clone())),
            self.doctor
                .begin(|doctor| self.opening(doctor, over.clone())),
        ];
        Work { over, tasks }
    }

    pub fn told<T>(&self, read: impl FnOnce(&mut Told) -> T) -> T {
        read(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds one file now.
    #[track_caller]
    pub fn add(&self, length: usize) -> Kept {
        let seed = self.seeds.fetch_add(1, Ordering::Relaxed);
        let adding = add(
            self.patient.client.clone(),
            self.id,
            seed,
            length,
            self.folder.clone(),
        );
        let kept = self.patient.act(|_| adding).expect("an owner adds");
        self.told(|told| told.kept.push(kept.clone()));
        kept
    }

    /// Opens a record as the doctor, meanwhile; its content.
    pub fn open(&self, kept: &Kept) -> JoinHandle<salus_client::Result<Vec<u8>>> {
        let (told, id, grant, record) = (self.told.clone(), self.id, self.grant, kept.record);
        let out = self.folder.join("now");
        self.doctor.begin(|doctor| async move {
            let (opened, found) = open(doctor, id, grant, record, out).await?;
            lock(&told).opened.extend(opened);
            Ok(found)
        })
    }

    /// The record in clear, as its owner reads it.
    pub fn read(&self, record: RecordIndex) -> impl Future<Output = salus_client::Result<Vec<u8>>> {
        let (patient, id) = (self.patient.client.clone(), self.id);
        let out = self.folder.join(format!("read-{record}"));
        async move {
            records::get(&patient, id, record, &out).await?;
            let found = fs::read(&out).expect("it was written");
            fs::remove_file(&out).expect("it is ours");
            Ok(found)
        }
    }

    fn adding(
        &self,
        patient: Arc<Client>,
        over: Arc<AtomicBool>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (told, seeds) = (self.told.clone(), self.seeds.clone());
        let (id, folder) = (self.id, self.folder.clone());
        async move {
            while !over.load(Ordering::Relaxed) {
                let seed = seeds.fetch_add(1, Ordering::Relaxed);
                let length = LENGTHS[seed as usize % LENGTHS.len()];
                let adding = add(patient.clone(), id, seed, length, folder.clone());
                let done = tokio::time::timeout(PATIENCE, adding).await;
                note(&told, "add", done, |told, kept| told.kept.push(kept)).await;
            }
        }
    }

    fn opening(
        &self,
        doctor: Arc<Client>,
        over: Arc<AtomicBool>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (told, id, grant) = (self.told.clone(), self.id, self.grant);
        let out = self.folder.join("opened");
        async move {
            while !over.load(Ordering::Relaxed) {
                let newest = lock(&told).kept.last().cloned();
                let Some(kept) = newest else {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                };
                let opening = open(doctor.clone(), id, grant, kept.record, out.clone());
                let done = tokio::time::timeout(PATIENCE, opening).await;
                note(&told, "open", done, |told, (opened, found)| {
                    assert!(found == kept.content(), "record {} differs", kept.record);
                    told.opened.extend(opened);
                })
                .await;
            }
        }
    }
}

fn enrol(doctor: &Person, person: &Person, organisation: u32) -> PatientId {
    let client = person.client.clone();
    let enrolled = doctor.act(move |doctor| async move {
        let until = doctor.clock().await.expect("the node answers") + HOUR;
        let unlocked = client.profile.unlock("").expect("it is not protected");
        let (consent, _) = patient::consent(
            &client.profile,
            &unlocked,
            doctor.chain.genesis(),
            organisation,
            &doctor.me(),
            until,
        )
        .expect("everybody may consent");
        patient::enrol(&doctor, &consent).await
    });
    let enrolled = enrolled.expect("a doctor enrols");
    enrolled.patient.parse().expect("a patient's id")
}

async fn add(
    patient: Arc<Client>,
    id: PatientId,
    seed: u64,
    length: usize,
    folder: PathBuf,
) -> salus_client::Result<Kept> {
    let path = folder.join(format!("{seed}"));
    fs::write(&path, content(seed, length)).expect("the folder is ours");
    let added = records::add(&patient, id, &[new_file(path.clone(), CATEGORY)]).await;
    fs::remove_file(path).expect("it is ours");
    let added = added?;
    Ok(Kept {
        record: added.record,
        seed,
        length,
        block: added.receipt.block_hash,
    })
}

async fn open(
    doctor: Arc<Client>,
    patient: PatientId,
    grant: GrantIndex,
    record: RecordIndex,
    out: PathBuf,
) -> salus_client::Result<(Vec<Opened>, Vec<u8>)> {
    let opening = Opening {
        patient,
        records: vec![record],
        list: false,
        grant: Some(grant),
        out: Some(out),
    };
    let chart = opening::open(&doctor, &opening).await?;
    let found = fs::read(&chart.files[0]).expect("it was written");
    fs::remove_file(&chart.files[0]).expect("it is ours");
    Ok((chart.opened, found))
}

type Timed<T> = Result<salus_client::Result<T>, tokio::time::error::Elapsed>;

async fn note<T>(told: &Mutex<Told>, what: &str, done: Timed<T>, keep: impl FnOnce(&mut Told, T)) {
    let failed = match done {
        Ok(Ok(done)) => return keep(&mut lock(told), done),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("nothing within {PATIENCE:?}"),
    };
    lock(told).failed.push(format!("{what}: {failed}"));
    tokio::time::sleep(Duration::from_secs(1)).await;
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
