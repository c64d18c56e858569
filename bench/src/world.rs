//! The people a benchmark needs, on the development preset: the hospital's services, a doctor, a
//! patient with one compartment and its key, and a grant of everything to the hospital.

use anyhow::{Context, Result};
use salus_client::{
    chain::{calls, Chain},
    files::age::DecryptionKey,
    keys::{random_16, AccountKey},
};
use salus_primitives::{
    rows::DAY, ClinicianRole, CompartmentId, ControllerRole, GrantIndex, GrantTerms, Grantee,
    PatientId, Purpose, Rights, Scope, Subject,
};

pub struct World {
    pub services: Vec<AccountKey>,
    pub doctor: AccountKey,
    pub owner: AccountKey,
    pub patient: PatientId,
    pub compartment: CompartmentId,
    pub key: DecryptionKey,
    pub grant: GrantIndex,
}

impl World {
    pub async fn create(chain: &Chain, services: u32) -> Result<Self> {
        let admin = AccountKey::from_uri("//Alice")?;
        let doctor = AccountKey::from_uri("//Bench//doctor")?;
        let owner = AccountKey::from_uri("//Bench//patient")?;
        let services = (0..services)
            .map(|i| AccountKey::from_uri(&format!("//Bench//service{i}")))
            .collect::<Result<Vec<_>, _>>()?;
        let salus = chain.salus().await?;
        let until = salus.now().await? + 365 * DAY;

        let mut missing = Vec::new();
        for (key, role) in services
            .iter()
            .map(|key| (key, ClinicianRole::Service))
            .chain([(&doctor, ClinicianRole::Physician)])
        {
            if salus.member(&key.account()).await?.is_none() {
                missing.push(calls::members::credential(&key.account(), role, until));
            }
        }
        for result in chain.submit_many(&admin, &missing).await {
            result.context("cannot credential; is this node's chain the development preset?")?;
        }

        let patient = PatientId(random_16());
        let compartment = CompartmentId(random_16());
        let intake = CompartmentId(random_16());
        let key = DecryptionKey::generate();
        let enroller = services.first().context("at least one service")?;
        let genesis = chain.genesis();
        let recipient = |subject| owner.sign_recipient(&subject, &key.public(), 0, &genesis);
        let consent = owner.sign_enrolment(
            0,
            &enroller.account(),
            &patient,
            ControllerRole::Owner,
            random_16(),
            until - 364 * DAY,
            &genesis,
        );
        let enrol = calls::patients::enrol(
            patient,
            &owner.account(),
            ControllerRole::Owner,
            intake,
            &recipient(Subject::Compartment(patient, intake)),
            &recipient(Subject::Inbox(patient)),
            &consent,
        );
        chain.submit(enroller, &enrol).await?;

        let open = calls::records::open_compartment(
            patient,
            compartment,
            &recipient(Subject::Compartment(patient, compartment)),
        );
        chain.submit(&owner, &open).await?;
        let terms = GrantTerms {
            grantee: Grantee::Organisation(0),
            scope: Scope::Compartments(vec![compartment].try_into().expect("one is not too many")),
            rights: Rights::ReadWrite,
            purpose: Purpose::Treat,
            starts_at: None,
            expires_at: until,
            anchored_from: None,
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        };
        chain
            .submit(&owner, &calls::consent::grant(patient, &terms, None))
            .await?;
        Ok(Self {
            services,
            doctor,
            owner,
            patient,
            compartment,
            key,
            grant: 0,
        })
    }
}
