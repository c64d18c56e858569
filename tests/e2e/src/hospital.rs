//! A hospital with a vault, and the people around it.

use std::{
    future::Future,
    ops::{Deref, DerefMut},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use salus_client::{
    actions::{
        organisation, patient,
        records::{self, NewFile},
        sharing::{self, Sharing, What, Who},
        Client,
    },
    files::{
        age::EncryptionKey,
        manifest::Description,
        object::{build_record, BuiltRecord},
        Place,
    },
    keyring::Label,
    keys::AccountKey,
    taxonomy::Category,
};
use salus_primitives::{
    rows::{DAY, HOUR},
    ClinicianRole, CompartmentId, OrganisationKind, PatientId, Purpose, RecordIndex, Rights,
};

use crate::{credential, employ, Vault, World};

/// A world in which organisation 0, the hospital of the preset, runs a vault and has a doctor.
pub struct Hospital {
    // The vaults before the node, so that they do not complain of its end.
    pub vault: Vault,
    clinic: Option<Clinic>,
    world: World,
}

/// One hospital for all tests of a program that run at the same time and do not disturb each other.
/// It is opened by the first of them and ends with the last.
pub struct Shared {
    options: &'static [&'static str],
    clinic: bool,
    hospital: Mutex<Weak<Hospital>>,
}

impl Shared {
    /// With these options of the vault, and with or without a clinic beside it.
    pub const fn new(options: &'static [&'static str], clinic: bool) -> Self {
        Self {
            options,
            clinic,
            hospital: Mutex::new(Weak::new()),
        }
    }

    pub fn hospital(&self) -> Arc<Hospital> {
        let mut shared = self.hospital.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hospital) = shared.upgrade() {
            return hospital;
        }
        let hospital = Arc::new(aside(async {
            let hospital = Hospital::with(self.options).await;
            match self.clinic {
                true => hospital.with_clinic().await,
                false => hospital,
            }
        }));
        *shared = Arc::downgrade(&hospital);
        hospital
    }
}

/// Another organisation, with a vault of its own. Its admin is the person `clinic`.
pub struct Clinic {
    pub organisation: u32,
    pub vault: Vault,
}

impl Deref for Hospital {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Hospital {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// A patient, with the keys.
pub struct Patient {
    pub client: Client,
    pub id: PatientId,
}

impl Hospital {
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// With these options of the vault.
    pub async fn with(options: &[&str]) -> Self {
        let world = World::start();
        let data = world.path("blobs");
        Self::in_world(world, data, options).await
    }

    /// With the vault's objects in this folder, if the options do not say where.
    pub async fn in_world(
        world: World,
        data: impl Into<Option<PathBuf>>,
        options: &[&str],
    ) -> Self {
        let node = world.node.url();
        let vault = Vault::with(world.folder(), "vault", &node, 0, data.into(), options);
        let mut hospital = Self {
            vault,
            clinic: None,
            world,
        };
        let admin = hospital.person("hospital").await;
        let (service, url) = (Vault::service("vault"), hospital.vault.url());
        // One after the other: both are the admin's, and each client counts its transactions itself.
        run_vault(&admin, 0, &service, &url).await;
        hospital.physician("doctor").await;
        hospital.vault.wait();
        hospital
    }

    /// Someone of the hospital's staff, with a published key.
    pub async fn staff(&self, name: &str, role: ClinicianRole) -> Client {
        let (admin, person) = futures::join!(self.person("hospital"), self.person(name));
        employ(&admin, 0, &person, role)
            .await
            .expect("an admin employs who consents");
        person
    }

    pub async fn physician(&self, name: &str) -> Client {
        self.staff(name, ClinicianRole::Physician).await
    }

    /// The physician who enrols the patients.
    pub async fn doctor(&self) -> Client {
        self.person("doctor").await
    }

    /// A patient of the hospital.
    pub async fn patient(&self, name: &str) -> Patient {
        let doctor = self.doctor().await;
        let (profile, unlocked) = self.profile(name);
        let until = doctor.clock().await.expect("the node answers") + HOUR;
        let (consent, _) = patient::consent(
            &profile,
            &unlocked,
            doctor.chain.genesis(),
            0,
            &doctor.me(),
            until,
        )
        .expect("everybody may consent");
        let enrolled = patient::enrol(&doctor, &consent)
            .await
            .expect("a doctor enrols");
        let id = enrolled.patient.parse().expect("a patient's id");
        let client = self.person(name).await;
        let client = client.acting_for(id).expect("the folder is ours");
        Patient { client, id }
    }

    /// A clinic joins, with its vault.
    pub async fn with_clinic(mut self) -> Self {
        let council = self.person("hospital").await;
        let admin = self.person("clinic").await;
        let kind = OrganisationKind::Clinic;
        let admitted = organisation::admit(&council, "Clinic", kind, &admin.me(), "")
            .await
            .expect("one member decides alone");
        let organisation = admitted
            .outcome
            .organisation
            .expect("it was decided at once");
        let (node, data) = (self.node.url(), self.path("clinic-blobs"));
        let mut vault = Vault::with(
            self.folder(),
            "clinic-vault",
            &node,
            organisation,
            Some(data),
            &[],
        );
        let url = vault.url();
        let service = Vault::service("clinic-vault");
        run_vault(&admin, organisation, &service, &url).await;
        vault.wait();
        self.clinic = Some(Clinic {
            organisation,
            vault,
        });
        self
    }

    pub fn clinic(&self) -> &Clinic {
        self.clinic.as_ref().expect("it was asked for")
    }
}

impl Patient {
    /// Lets a person do this with a category, for treatment; the chain names their organisation.
    pub async fn share(&self, with: &Client, category: Category, rights: Rights) -> u32 {
        self.share_as(with, category, rights, false).await
    }

    /// Lets a person read a category under their own name.
    pub async fn share_in_own_name(&self, with: &Client, category: Category) -> u32 {
        self.share_as(with, category, Rights::Read, true).await
    }

    async fn share_as(
        &self,
        with: &Client,
        category: Category,
        rights: Rights,
        in_own_name: bool,
    ) -> u32 {
        let sharing = Sharing {
            with: Who::Account(with.me()),
            what: What::Categories(vec![category], Vec::new()),
            rights,
            purpose: Purpose::Treat,
            duration: DAY,
            starts_at: None,
            anchored_from: None,
            anchored_until: None,
            in_own_name,
        };
        sharing::share(&self.client, self.id, &sharing)
            .await
            .expect("an owner shares")
            .grant
    }

    /// Adds a file as the patient, or as a member under a grant to write.
    pub async fn add(&self, author: &Client, file: PathBuf, category: Category) -> RecordIndex {
        records::add(author, self.id, &[new_file(file, category)])
            .await
            .expect("it may be added")
            .record
    }

    /// The record in clear, as the patient reads it.
    pub async fn read(&self, record: RecordIndex, out: PathBuf) -> Vec<u8> {
        records::get(&self.client, self.id, record, &out)
            .await
            .expect("an owner reads");
        std::fs::read(out).expect("it was written")
    }

    /// Where an object of this patient by `author` belongs.
    pub fn place(&self, author: &Client) -> Place {
        Place::new(author.chain.genesis(), self.id, author.me())
    }

    /// A compartment's id and key of epoch 0.
    pub fn compartment(&self, category: Category) -> (CompartmentId, EncryptionKey) {
        let keyring = self.client.keyring(self.id).expect("it is the patient's");
        let id = keyring
            .require(&Label::of(category))
            .expect("everybody has it");
        (
            id,
            keyring.key(&id, 0).expect("it was never rotated").public(),
        )
    }

    /// A record ready for upload by `author`.
    pub fn build(&self, author: &Client, category: Category, content: &[u8]) -> BuiltRecord {
        let (_, key) = self.compartment(category);
        let description = Description {
            title: "A record".into(),
            category,
            code: None,
            date: "2026-05-01T09:30:00Z".into(),
            media_type: "application/octet-stream".into(),
            sensitivity: Vec::new(),
        };
        build_record(
            &self.place(author),
            &description,
            &key,
            content,
            content.len() as u64,
            &std::env::temp_dir(),
        )
        .expect("a file can be encrypted")
    }
}

/// What an admin does so that a vault can work.
pub async fn run_vault(admin: &Client, organisation: u32, service: &AccountKey, url: &str) {
    let (service, profile, key) = futures::join!(
        credential(admin, organisation, service, ClinicianRole::Service),
        organisation::set_profile(admin, None, Some(url)),
        organisation::publish(admin),
    );
    service.expect("an admin credentials");
    profile.expect("an admin names the vault");
    key.expect("an admin publishes a key");
}

/// A file that is to become a record of this category.
pub fn new_file(path: PathBuf, category: Category) -> NewFile {
    NewFile {
        path,
        title: None,
        category,
        sensitivity: Vec::new(),
        date: None,
        media_type: None,
        code: None,
    }
}

/// Waits for a future from within a runtime's thread or without one.
fn aside<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Runtime::new()
                    .expect("threads are to be had")
                    .block_on(work)
            })
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
