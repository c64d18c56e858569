//! What happens to one id.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rand::{rngs::StdRng, seq::SliceRandom, Rng, SeedableRng};
use salus_client::{
    actions::{sharing, Client},
    taxonomy::{Category, Sensitivity},
};
use salus_e2e::content;
use salus_primitives::{PatientId, Purpose, Rights, StudyIndex};
use serde_json::json;

use super::{
    acts,
    draw::{Condition, Drawn, Ending},
    houses::{Clinician, CLINIC, HOSPITAL, INSURER},
    Person, Stage,
};
use crate::{
    outside::Shown,
    truth::{Grant, Id, Plan, Record, Study},
};

/// Seconds over which people come, and between what they do.
const ARRIVE: u64 = 30;
const BETWEEN: u64 = 6;

/// The study of HIV, and the one of potassium.
#[derive(Clone, Copy)]
pub struct Studies(StudyIndex, StudyIndex);

pub async fn announce(stage: &Stage) -> Studies {
    let world = &stage.houses.world;
    let mut studies = Vec::new();
    for (name, topic) in [("hiv-terms", Some("hiv")), ("potassium-terms", None)] {
        let terms = world.file(
            name,
            format!("A study: {name}. We keep what we read for five years."),
        );
        let study = acts::announce(&stage.houses.researcher, &terms).await;
        if let Some(topic) = topic {
            stage.notes(|notes| notes.known.topics.insert(study, topic.into()));
        }
        studies.push(study);
    }
    Studies(studies[0], studies[1])
}

/// One id while it lives.
struct Life<'a> {
    stage: &'a Stage,
    drawn: Drawn,
    owner: Arc<Client>,
    id: PatientId,
    random: StdRng,
    truth: Id,
    /// Records of the patient that a document can be made of, ordinary and sensitive.
    ordinary: Option<u32>,
    sensitive: Option<u32>,
    doctors: Option<u32>,
    files: u32,
}

pub async fn live(stage: &Stage, studies: Studies, drawn: Drawn) {
    let mut random = StdRng::seed_from_u64(drawn.seed);
    rest(&mut random, ARRIVE).await;
    let who = drawn.guardian.unwrap_or(drawn.person);
    let person = &stage.people[&who];
    let (house, doctor) = match drawn.at_clinic {
        true => (CLINIC, &stage.houses.specialist),
        false => (
            HOSPITAL,
            stage
                .houses
                .doctors
                .choose(&mut random)
                .expect("there are some"),
        ),
    };
    let (mut profile, mut unlocked) = (person.profile.clone(), person.unlocked.clone());
    let mut staff = None;
    if let Some(number) = drawn.works_as {
        let works = stage.houses.world.profile(&format!("doctor-{number}"));
        staff = Some(works.1.account.account().to_string());
        if acts::may_consent_as_staff(&works.0, &works.1, &doctor.desk) {
            (profile, unlocked) = works;
        }
    }
    let (id, met) = acts::enrol(&doctor.desk, house, &profile, &unlocked).await;
    // One account for each id, and everything for that id by it.
    let owner = (*person.client).clone().acting_for(id);
    let owner = Arc::new(owner.expect("the folder is ours"));
    let mut life = Life {
        stage,
        owner,
        id,
        random,
        truth: Id {
            person: drawn.person,
            guardian: drawn.guardian,
            house,
            condition: drawn
                .condition
                .map(|condition| condition.flag().slug().into()),
            plan: drawn.plan,
            restricted: matches!(drawn.ending, Ending::Restrict | Ending::RestrictAndLift),
            insurer: drawn.insured.then_some(INSURER),
            staff,
            visits: vec![met],
            ..Id::default()
        },
        ordinary: None,
        sensitive: None,
        doctors: None,
        files: 0,
        drawn,
    };
    life.begin(doctor).await;
    life.written(doctor).await;
    life.own().await;
    life.shared().await;
    life.research(studies).await;
    life.correct(doctor).await;
    life.end().await;
    life.note(person);
}

/// Up to so many seconds.
async fn rest(random: &mut StdRng, seconds: u64) {
    let millis = random.gen_range(0..seconds * 1_000);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

impl Life<'_> {
    /// Decides about emergencies, if at all, and lets people write.
    async fn begin(&mut self, doctor: &Clinician) {
        let ordinary = self.drawn.ordinary.clone();
        let mut opens = ordinary[..2].to_vec();
        let mut flags = Vec::new();
        if let Some(condition) = self.drawn.condition {
            opens.push(condition.category());
            opens.sort_unstable();
            opens.dedup();
            flags.push(condition.flag());
        }
        let choice = match self.drawn.plan {
            Plan::NeverSet => None,
            Plan::OptedOut => Some((&[][..], &[][..])),
            Plan::Set => Some((&opens[..], &flags[..])),
        };
        acts::begin(&self.owner, self.id, choice).await;
        self.share(doctor, &ordinary, &[], Rights::Write).await;
        let laboratorian = self.stage.houses.laboratorian.clone();
        self.share(&laboratorian, &[Category::LabResult], &[], Rights::Write)
            .await;
        if self.drawn.exercises {
            let therapist = self.stage.houses.therapist.clone();
            self.share(&therapist, &[Category::CarePlan], &[], Rights::Write)
                .await;
        }
        if let Some(condition) = self.drawn.condition.filter(|_| !self.drawn.unannounced) {
            let (category, flag) = (condition.category(), condition.flag());
            let author = self.author(condition, doctor);
            self.share(&author, &[category], &[flag], Rights::Write)
                .await;
        }
        acts::look_after(&self.owner).await;
    }

    /// Who writes about it.
    fn author(&self, condition: Condition, doctor: &Clinician) -> Arc<Clinician> {
        let houses = &self.stage.houses;
        match condition {
            Condition::Hiv if self.drawn.at_clinic => houses.specialist.clone(),
            Condition::Hiv | Condition::Genetic => houses.laboratorian.clone(),
            Condition::Psychotherapy => houses.therapist.clone(),
            Condition::SubstanceUse => {
                let all = houses.doctors.iter().chain([&houses.specialist]);
                let mut own = all.filter(|one| one.me() == doctor.me());
                own.next().expect("it is one of them").clone()
            }
        }
    }

    /// A second visit, a laboratory's results, and what needs more care.
    async fn written(&mut self, doctor: &Clinician) {
        rest(&mut self.random, 2 * BETWEEN).await;
        let laboratorian = self.stage.houses.laboratorian.clone();
        let ordinary = self.drawn.ordinary.clone();
        for category in ordinary {
            let (author, by_doctor) = match category {
                Category::LabResult => (&*laboratorian, false),
                _ => (doctor, true),
            };
            let (record, met) = self.add(author, category, None).await;
            match by_doctor {
                true => {
                    self.truth.visits.push(met);
                    self.doctors.get_or_insert(record);
                }
                false => self.ordinary = Some(record),
            }
            rest(&mut self.random, BETWEEN).await;
        }
        if self.drawn.exercises {
            let therapist = self.stage.houses.therapist.clone();
            self.add(&therapist, Category::CarePlan, None).await;
        }
        if let Some(condition) = self.drawn.condition {
            let author = self.author(condition, doctor);
            let (category, flag) = (condition.category(), condition.flag());
            let (record, _) = self.add(&author, category, Some(flag)).await;
            self.sensitive = Some(record);
        }
    }

    /// What patients do for themselves.
    async fn own(&mut self) {
        for number in 0..self.drawn.more_devices {
            acts::add_device(&self.owner, self.id, &format!("tablet {number}")).await;
        }
        if !self.drawn.helpers.is_empty() {
            let people = self
                .drawn
                .helpers
                .iter()
                .map(|helper| &self.stage.people[helper])
                .map(|helper| (&helper.profile, &helper.unlocked));
            let people: Vec<_> = people.collect();
            let folder = self.stage.houses.world.path(&format!("shares-{}", self.id));
            let shares = acts::name_helpers(
                &self.owner,
                self.id,
                self.drawn.loses_phone,
                &people,
                &folder,
            )
            .await;
            let shares = self.drawn.helpers.iter().copied().zip(shares).collect();
            self.stage
                .notes(|notes| notes.shares.insert(self.id, shares));
        }
        let mine: Vec<u32> = self.truth.records.keys().copied().collect();
        let some = *mine.choose(&mut self.random).expect("there are some");
        let out = self.path("own");
        acts::read_own(&self.owner, self.id, some, out).await;
    }

    /// What others may read, and what they are shown.
    async fn shared(&mut self) {
        rest(&mut self.random, BETWEEN).await;
        let second = self
            .stage
            .houses
            .doctors
            .choose(&mut self.random)
            .expect("there are some")
            .clone();
        let categories = self.drawn.ordinary[..2].to_vec();
        let grant = self.share(&second, &categories, &[], Rights::Read).await;
        let shown = self.list(&second, grant, false).await;
        if let Some((record, _)) = shown.first() {
            let out = self.path("opened");
            acts::open(&second.desk, self.id, grant, *record, out).await;
        }
        if self.drawn.insured {
            let categories = &self.drawn.ordinary[..1];
            let with = sharing::Who::Organisation(INSURER);
            let what = (categories, &[][..]);
            let given = acts::share(
                &self.owner,
                self.id,
                with,
                what,
                Rights::Read,
                Purpose::HPaymt,
            )
            .await;
            self.given(&given, false, true);
        }
        if let Some(condition) = self.drawn.condition.filter(|_| self.drawn.shares_flagged) {
            let reader = match condition {
                Condition::Hiv => self.stage.houses.specialist.clone(),
                Condition::Psychotherapy => self.stage.houses.therapist.clone(),
                _ => self.stage.houses.doctors[0].clone(),
            };
            let (category, flag) = (condition.category(), condition.flag());
            let grant = self
                .share(&reader, &[category], &[flag], Rights::Read)
                .await;
            self.list(&reader, grant, true).await;
        }
    }

    async fn research(&mut self, studies: Studies) {
        if !self.drawn.in_study {
            return;
        }
        let (study, source) = match self.sensitive {
            Some(record) => (studies.0, Some(record)),
            None => (studies.1, self.ordinary),
        };
        // A profile joins a study once.
        let who = self.drawn.guardian.unwrap_or(self.drawn.person);
        if !self.stage.notes(|notes| notes.joined.insert((who, study))) {
            return;
        }
        let source = source.expect("a laboratory has written");
        let desk = &self.stage.houses.desk;
        let (fresh, copy) = acts::join(&self.owner, self.id, study, source, desk).await;
        self.truth.study = Some(Study {
            study,
            source,
            fresh: fresh.to_string(),
            copy,
        });
    }

    async fn correct(&mut self, doctor: &Clinician) {
        let Some(record) = self.doctors.filter(|_| self.drawn.corrects) else {
            return;
        };
        let (path, bytes) = self.file_of(Category::ClinicalNote, None);
        let corrected = acts::correct(&self.owner, &doctor.desk, self.id, record, path).await;
        if let Some(corrected) = corrected {
            let kept = Record {
                compartment: self.truth.records[&record].compartment.clone(),
                kind: "text".into(),
                bytes,
            };
            self.truth.records.insert(corrected, kept);
        }
    }

    async fn end(&mut self) {
        rest(&mut self.random, BETWEEN).await;
        match self.drawn.ending {
            Ending::Stay => {}
            Ending::RevokeOne => {
                let given: Vec<u32> = self.truth.grants.keys().copied().collect();
                let some = *given.choose(&mut self.random).expect("there are some");
                acts::revoke(&self.owner, self.id, some).await;
            }
            Ending::Restrict => acts::restrict(&self.owner, self.id).await,
            Ending::RestrictAndLift => {
                acts::restrict(&self.owner, self.id).await;
                rest(&mut self.random, BETWEEN).await;
                acts::lift(&self.owner, self.id).await;
            }
        }
    }

    fn note(self, person: &Person) {
        let name = self.id.to_string();
        self.stage.notes(|notes| {
            let address = notes.truth.addresses.entry(person.address).or_default();
            address.insert(name.clone());
            notes
                .known
                .visits
                .insert(self.truth.person, self.truth.visits.clone());
            // Somebody has seen the first file elsewhere.
            if let Some((record, kept)) = self.truth.records.first_key_value() {
                notes.known.files.push(kept.bytes);
                notes.truth.files.push(format!("{name} {record}"));
            }
            notes.truth.ids.insert(name, self.truth);
            notes.owners.insert(self.id, (self.owner, self.drawn));
        });
    }

    fn path(&mut self, name: &str) -> PathBuf {
        self.files += 1;
        self.stage
            .houses
            .world
            .path(&format!("{name}-{}-{}", self.id, self.files))
    }

    async fn share(
        &mut self,
        with: &Clinician,
        categories: &[Category],
        flags: &[Sensitivity],
        rights: Rights,
    ) -> u32 {
        let who = sharing::Who::Account(with.me());
        let what = (categories, flags);
        let given = acts::share(&self.owner, self.id, who, what, rights, Purpose::Treat).await;
        self.given(&given, !flags.is_empty(), rights.read());
        given.grant
    }

    fn given(&mut self, given: &sharing::Shared, flagged: bool, reads: bool) {
        let grant = Grant {
            labels: given.labels.iter().map(|label| marked(label)).collect(),
            flagged,
            reads,
        };
        self.truth.grants.insert(given.grant, grant);
    }

    async fn list(
        &mut self,
        reader: &Clinician,
        grant: u32,
        flagged: bool,
    ) -> Vec<(u32, Vec<String>)> {
        let records = acts::list(&reader.desk, self.id, grant).await;
        let shown = Shown {
            patient: self.id.to_string(),
            grant,
            flagged,
            records: records.clone(),
        };
        self.stage.notes(|notes| notes.known.shown.push(shown));
        records
    }

    async fn add(
        &mut self,
        author: &Clinician,
        category: Category,
        flag: Option<Sensitivity>,
    ) -> (u32, u64) {
        let (path, bytes) = self.file_of(category, flag);
        let title = match flag {
            Some(flag) => format!(
                "{}, {}: what was found, and what is to be done",
                category.title(),
                flag.title()
            ),
            None => category.title().to_owned(),
        };
        let flags: Vec<Sensitivity> = flag.into_iter().collect();
        let (record, compartment, at) =
            acts::add(&author.desk, self.id, path, &title, category, &flags).await;
        let kept = Record {
            compartment,
            kind: if is_picture(category) {
                "picture"
            } else {
                "text"
            }
            .into(),
            bytes,
        };
        self.truth.records.insert(record, kept);
        (record, at)
    }

    /// A file of the length that such files have.
    fn file_of(&mut self, category: Category, flag: Option<Sensitivity>) -> (PathBuf, u64) {
        let length = match category {
            Category::Imaging | Category::Genomics => self.random.gen_range(150_000..500_000),
            Category::LabResult => self.random.gen_range(1_500..9_000),
            _ => self.random.gen_range(2_000..14_000),
        };
        let (ending, bytes) = match category {
            Category::LabResult => ("json", result_of(flag, length).to_string().into_bytes()),
            category if is_picture(category) => ("dcm", content(self.random.gen(), length)),
            _ => (
                "txt",
                hex::encode(content(self.random.gen(), length / 2)).into_bytes(),
            ),
        };
        let path = self.path("file").with_extension(ending);
        std::fs::write(&path, &bytes).expect("the folder is ours");
        (path, bytes.len() as u64)
    }
}

/// A label with a plus before its flag.
fn marked(label: &str) -> String {
    match Sensitivity::ALL.iter().any(|flag| flag.slug() == label) {
        true => format!("+{label}"),
        false => label.to_owned(),
    }
}

fn is_picture(category: Category) -> bool {
    matches!(category, Category::Imaging | Category::Genomics)
}

/// A laboratory result, as FHIR.
fn result_of(flag: Option<Sensitivity>, length: usize) -> serde_json::Value {
    let (code, name) = match flag {
        Some(Sensitivity::Hiv) => ("75622-1", "HIV 1 and 2 tests"),
        _ => ("2823-3", "Potassium"),
    };
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}]},
        "effectiveDateTime": "2026-03-01T08:30:00Z",
        "note": [{"text": "x".repeat(length.saturating_sub(300))}],
        "valueQuantity": {"value": 4.1, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    })
}

/// Which compartment is which, and how many keys open the keyring, as its owner knows them at the end.
pub fn labels(stage: &Stage) {
    stage.notes(|notes| {
        for (id, (owner, _)) in &notes.owners {
            let keyring = owner.keyring(*id).expect("its owner has it");
            let known = notes
                .truth
                .ids
                .get_mut(&id.to_string())
                .expect("it has lived");
            let labels = keyring.compartments();
            known.labels = labels
                .map(|(compartment, kept)| {
                    (compartment.to_string(), marked(&kept.label.to_string()))
                })
                .collect();
            known.holders = keyring.holders().len() as u32;
        }
    });
}
