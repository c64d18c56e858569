//! Organisations: a hospital, a clinic with one specialty, a laboratory, an insurer, and one for
//! research. All but the last run a vault.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use salus_client::actions::{council, organisation, patient, Client};
use salus_e2e::{employ, run_vault, Vault, World};
use salus_primitives::{ClinicianRole, OrgId, OrganisationKind};

use super::acts::again;

pub const HOSPITAL: OrgId = 0;
pub const CLINIC: OrgId = 1;
pub const INSURER: OrgId = 3;
const HOSPITALS_DOCTORS: usize = 6;

/// A vault, and its disk.
pub struct House {
    pub vault: Vault,
    pub data: PathBuf,
}

pub struct Houses {
    // The vaults before the node, so that they do not complain of its end.
    pub vaults: BTreeMap<OrgId, House>,
    pub doctors: Vec<Arc<Client>>,
    pub therapist: Arc<Client>,
    pub specialist: Arc<Client>,
    pub laboratorian: Arc<Client>,
    pub researcher: Arc<Client>,
    pub world: World,
}

impl Houses {
    pub async fn open() -> Self {
        // The analyst reads old blocks.
        let world = World::start_with(&["--state-pruning", "archive"]);
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
        let mut doctors = Vec::new();
        for number in 0..HOSPITALS_DOCTORS {
            let name = format!("doctor-{number}");
            doctors.push(staff(&world, &admins, HOSPITAL, &name, ClinicianRole::Physician).await);
        }
        Self {
            therapist: staff(
                &world,
                &admins,
                HOSPITAL,
                "therapist",
                ClinicianRole::Therapist,
            )
            .await,
            specialist: staff(
                &world,
                &admins,
                CLINIC,
                "specialist",
                ClinicianRole::Physician,
            )
            .await,
            laboratorian: staff(
                &world,
                &admins,
                2,
                "laboratorian",
                ClinicianRole::Laboratorian,
            )
            .await,
            researcher: Arc::new(admins.pop().expect("there are five")),
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

/// Somebody who works there, with a profile that is for nothing else.
async fn staff(
    world: &World,
    admins: &[Client],
    organisation: OrgId,
    name: &str,
    role: ClinicianRole,
) -> Arc<Client> {
    let person = world.person(name).await;
    patient::work_for(&person.profile, organisation).expect("it is new");
    let admin = &admins[organisation as usize];
    again("employ", || employ(admin, organisation, &person, role)).await;
    Arc::new(person)
}
