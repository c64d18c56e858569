//! Organisations: a hospital, a clinic with one specialty, a laboratory, an insurer, and one for
//! research. All but the last run a vault.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use salus_client::actions::{council, organisation, patient, queue, Client};
use salus_e2e::{employ, run_vault, Vault, World};
use salus_primitives::{AccountId, ClinicianRole, OrgId, OrganisationKind};
use tokio::task::JoinHandle;

use super::acts::again;

pub const HOSPITAL: OrgId = 0;
pub const CLINIC: OrgId = 1;
const LABORATORY: OrgId = 2;
pub const INSURER: OrgId = 3;
const INSTITUTE: OrgId = 4;
const HOSPITALS_DOCTORS: usize = 6;
/// An hour of the population: what software does not send at once goes out with all of it.
pub const AN_HOUR: Duration = Duration::from_secs(12);

/// A vault, and its disk.
pub struct House {
    pub vault: Vault,
    pub data: PathBuf,
}

/// Somebody who works at an organisation.
pub struct Clinician {
    /// The person, who signs only what nobody signs for them: emergencies.
    pub own: Client,
    /// The organisation's software, which acts for the person.
    pub desk: Client,
}

impl Clinician {
    pub fn me(&self) -> AccountId {
        self.own.me()
    }
}

/// Software of an organisation, which sends what waits every [`AN_HOUR`].
struct Software {
    client: Client,
    sends: JoinHandle<()>,
}

impl Drop for Software {
    fn drop(&mut self) {
        self.sends.abort();
    }
}

pub struct Houses {
    _software: BTreeMap<OrgId, Software>,
    // The vaults before the node, so that they do not complain of its end.
    pub vaults: BTreeMap<OrgId, House>,
    pub doctors: Vec<Arc<Clinician>>,
    pub therapist: Arc<Clinician>,
    pub specialist: Arc<Clinician>,
    pub laboratorian: Arc<Clinician>,
    pub researcher: Arc<Client>,
    /// Where studies enrol.
    pub desk: Client,
    pub world: World,
}

impl Houses {
    pub async fn open() -> Self {
        // The analyst reads old blocks. Each id has connections of its own, and all are at one node.
        let options = [
            "--state-pruning",
            "archive",
            "--rpc-max-connections",
            "4096",
        ];
        let world = World::start_with(&options);
        let mut admins = vec![world.person("hospital").await];
        let joining = [
            ("Riverside HIV Clinic", OrganisationKind::Clinic, "clinic"),
            (
                "City Laboratory",
                OrganisationKind::Laboratory,
                "laboratory",
            ),
            ("Mutual Insurance", OrganisationKind::Insurer, "insurer"),
            ("Institute", OrganisationKind::Research, "institute"),
        ];
        for (place, (name, kind, person)) in joining.into_iter().enumerate() {
            let admin = world.person(person).await;
            assert_eq!(admit(&admins, name, kind, &admin).await, 1 + place as OrgId);
            admins.push(admin);
        }
        let mut vaults = BTreeMap::new();
        for (organisation, admin) in admins.iter().enumerate() {
            let organisation = organisation as OrgId;
            if organisation > INSURER {
                organisation::publish(admin)
                    .await
                    .expect("an admin publishes a key");
                continue;
            }
            let name = format!("vault-{organisation}");
            let data = world.path(&format!("blobs-{organisation}"));
            let url = world.node.url();
            let mut vault = Vault::with(
                world.folder(),
                &name,
                &url,
                organisation,
                Some(data.clone()),
                &[],
            );
            run_vault(admin, organisation, &Vault::service(&name), &vault.url()).await;
            vault.wait();
            vaults.insert(organisation, House { vault, data });
        }
        let mut software = BTreeMap::new();
        for organisation in [HOSPITAL, CLINIC, LABORATORY, INSTITUTE] {
            let client = install(&world, &admins[organisation as usize], organisation).await;
            let sends = tokio::spawn(send_hourly(client.clone()));
            software.insert(organisation, Software { client, sends });
        }
        let hire = async |organisation: OrgId, name: &str, role| {
            let admin = &admins[organisation as usize];
            let desk = &software[&organisation].client;
            Arc::new(staff(&world, (admin, desk), organisation, name, role).await)
        };
        let mut doctors = Vec::new();
        for number in 0..HOSPITALS_DOCTORS {
            let name = format!("doctor-{number}");
            doctors.push(hire(HOSPITAL, &name, ClinicianRole::Physician).await);
        }
        let therapist = hire(HOSPITAL, "therapist", ClinicianRole::Therapist).await;
        let specialist = hire(CLINIC, "specialist", ClinicianRole::Physician).await;
        let role = ClinicianRole::Laboratorian;
        let laboratorian = hire(LABORATORY, "laboratorian", role).await;
        Self {
            therapist,
            specialist,
            laboratorian,
            desk: software[&INSTITUTE].client.clone(),
            researcher: Arc::new(admins.pop().expect("there are five")),
            _software: software,
            vaults,
            doctors,
            world,
        }
    }

    pub fn urls(&self) -> Vec<String> {
        self.vaults
            .values()
            .map(|house| house.vault.url())
            .collect()
    }
}

/// The council admits an organisation; its number.
async fn admit(admins: &[Client], name: &str, kind: OrganisationKind, admin: &Client) -> OrgId {
    let (first, others) = admins.split_first().expect("there is a hospital");
    let proposed = organisation::admit(first, name, kind, &admin.me(), "")
        .await
        .expect("an admin proposes");
    let mut admitted = proposed.outcome.organisation;
    for voter in others {
        if admitted.is_none() {
            let motion = proposed.proposal.expect("it waits for votes");
            let voted = council::vote(voter, motion, true)
                .await
                .expect("an admin votes");
            admitted = voted.outcome.organisation;
        }
    }
    admitted.expect("all have agreed")
}

/// Installs an organisation's software, which has the organisation's key.
async fn install(world: &World, admin: &Client, organisation: OrgId) -> Client {
    let name = format!("software-{organisation}");
    let software = world.person(&name).await;
    let service = ClinicianRole::Service;
    again("install", || {
        employ(admin, organisation, &software, service)
    })
    .await;
    let (_, key) = organisation::give_key(admin, &software.me())
        .await
        .expect("an admin has the key");
    organisation::take_key(&software, &key)
        .await
        .expect("it is for this software");
    software
}

async fn send_hourly(software: Client) {
    loop {
        tokio::time::sleep(AN_HOUR).await;
        match queue::send(&software, true).await {
            Ok(outcome) => {
                for waiting in outcome.failed {
                    eprintln!("privacy: not taken: {:?}", waiting.item.failed);
                }
            }
            Err(error) => eprintln!("privacy: what waits was not sent: {error}"),
        }
    }
}

/// Somebody who works there, with a profile that is for nothing else.
async fn staff(
    world: &World,
    (admin, desk): (&Client, &Client),
    organisation: OrgId,
    name: &str,
    role: ClinicianRole,
) -> Clinician {
    let own = world.person(name).await;
    patient::work_for(&own.profile, organisation).expect("it is new");
    again("employ", || employ(admin, organisation, &own, role)).await;
    let mut desk = desk.clone();
    desk.person = Some(own.me());
    Clinician { own, desk }
}
