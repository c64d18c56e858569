//! Hospitals with their services, and patients with their records, on a development chain. They are
//! derived from numbers, so that a later run finds those of an earlier one.

use std::sync::Arc;

use anyhow::{bail, ensure, Context, Result};
use codec::Encode;
use futures::{stream, StreamExt, TryStreamExt};
use salus_client::{
    chain::{calls, storage_key, Call, Chain, Kind, Salus},
    files::age::{DecryptionKey, EncryptionKey},
    keys::AccountKey,
};
use salus_primitives::{
    rows::DAY, seal, AccountId, Cid, ClinicianRole, CompartmentId, Genesis, GrantIndex, GrantTerms,
    Grantee, Member, Moment, NewRecord, OrgId, Part, PatientId, Purpose, RecordIndex, Rights,
    Scope, Spender, Subject, COMPARTMENTS, MAX_ANCHORS,
};
use sp_core::{bounded::BoundedVec, H256};
use sp_crypto_hashing::{blake2_128, blake2_256};

use crate::load::{Load, Plan};

/// Who administers the organisations of the development preset, and of `scripts/network`.
const ADMINS: [&str; 8] = [
    "//Alice",
    "//Bob",
    "//Charlie",
    "//Dave",
    "//Member//1",
    "//Member//2",
    "//Member//3",
    "//Member//4",
];
/// Requests to the node at once.
const AT_ONCE: usize = 64;
/// Enrolments, grants and batches that wait in the pool at once.
const IN_POOL: usize = 2_048;
/// Of batches of records go fewer than 30 into a block: what waits for its turn must not expire.
const SIGNED_AHEAD: usize = 512;

/// Connects to a node of a development chain that has a clock.
pub async fn connect(node: &str) -> Result<Chain> {
    let chain = Chain::connect(node, None).await?;
    ensure!(
        chain.kind().await? == Kind::Development,
        "{node} is no development chain: salus-bench writes patients that do not exist, and nothing \
         is ever taken off a chain. Start a node with --dev, or ./scripts/network",
    );
    // A chain has no clock before its first block is final.
    chain.follow(1).next().await?;
    Ok(chain)
}

/// Whose key a hospital's doctor has.
pub fn doctor_uri(organisation: OrgId) -> String {
    format!("//Bench//doctor//{organisation}")
}

pub struct Hospital {
    pub organisation: OrgId,
    pub admin: AccountKey,
    pub services: Vec<Arc<AccountKey>>,
    pub doctor: AccountId,
}

/// The chain's clock when the population was looked for, and who is there.
pub struct Population {
    pub hospitals: Vec<Hospital>,
    pub patients: u32,
    /// Of each patient.
    pub records: u32,
    pub now: Moment,
    genesis: Genesis,
    /// Of each patient: to derive one takes as long as to sign.
    ids: Vec<PatientId>,
}

/// A patient, their hospital's first grant, and the one compartment in which its records lie.
pub struct Chart<'a> {
    pub patient: PatientId,
    pub hospital: &'a Hospital,
    pub compartment: CompartmentId,
    number: u32,
    genesis: Genesis,
}

impl Chart<'_> {
    pub const GRANT: GrantIndex = 0;

    pub fn owner(&self) -> Arc<AccountKey> {
        owner(self.number)
    }

    /// A service of the hospital; which one goes by `turn`.
    pub fn service(&self, turn: usize) -> Arc<AccountKey> {
        self.hospital.services[turn % self.hospital.services.len()].clone()
    }

    /// The hospital's doctor opens records under its grant, through one of its services.
    pub fn open(&self, records: &[RecordIndex]) -> Result<Call> {
        Ok(calls::access_log::open(
            self.patient,
            records,
            Part::Full,
            Self::GRANT,
            Some(self.seal()),
        )?)
    }

    /// The hospital's doctor under its grant. Nobody opens seals here: any secret does.
    fn seal(&self) -> H256 {
        let (secret, doctor) = ([7; 32], &self.hospital.doctor);
        seal::person(&self.genesis, &self.patient, Self::GRANT, &secret, doctor)
    }

    pub fn new_record(&self, number: u64) -> NewRecord {
        let content = blake2_256(&(self.patient, number).encode());
        NewRecord {
            compartment: self.compartment,
            epoch: 0,
            content: Cid::dag_pb(content),
            commitment: H256(blake2_256(&content)),
            person: Some(self.seal()),
        }
    }
}

fn owner(patient: u32) -> Arc<AccountKey> {
    let seed = hex::encode(blake2_256(&("salus-bench owner", patient).encode()));
    Arc::new(AccountKey::from_uri(&format!("0x{seed}")).expect("a seed of 32 bytes; qed"))
}

fn salt(patient: u32) -> [u8; 16] {
    blake2_128(&("salus-bench patient", patient).encode())
}

fn patient_id(genesis: &Genesis, patient: u32) -> PatientId {
    PatientId::derive(genesis, &owner(patient).account(), &salt(patient))
}

impl Population {
    /// Finds the hospitals, and makes what is missing: services, patients, grants, records.
    pub async fn prepare(
        chain: &Chain,
        patients: u32,
        records: u32,
        services: u32,
    ) -> Result<Self> {
        let salus = chain.salus().await?;
        let now = salus.now().await?;
        let hospitals = hospitals(chain, &salus, services).await?;
        let genesis = chain.genesis();
        let population = Self {
            hospitals,
            patients,
            records,
            now,
            genesis,
            ids: (0..patients)
                .map(|number| patient_id(&genesis, number))
                .collect(),
        };
        population.enrol(chain).await?;
        population.grant(chain).await?;
        population.anchor(chain).await?;
        Ok(population)
    }

    /// Returns the id of a patient, of those beyond the population too.
    fn patient_id(&self, number: u32) -> PatientId {
        let known = self.ids.get(number as usize).copied();
        known.unwrap_or_else(|| patient_id(&self.genesis, number))
    }

    /// The patients of hospital 0 are 0, n, 2n, … of n hospitals.
    pub fn chart(&self, number: u32) -> Chart<'_> {
        let patient = self.patient_id(number);
        Chart {
            patient,
            hospital: &self.hospitals[number as usize % self.hospitals.len()],
            compartment: compartments(&patient)[0],
            number,
            genesis: self.genesis,
        }
    }

    async fn enrol(&self, chain: &Chain) -> Result<()> {
        let salus = chain.salus().await?;
        let have = self
            .first_without(|patient| {
                let salus = &salus;
                async move { Ok(salus.patient(patient).await?.is_some()) }
            })
            .await?;
        // One key for all of them: nothing is encrypted to it.
        let key = DecryptionKey::generate().public();
        let plans = (have..self.patients)
            .map(|number| self.enrolment(chain, number, &key))
            .collect();
        send(chain, "enrolments", plans).await
    }

    /// The patient's enrolment, with this key for what is encrypted to them.
    pub fn enrolment(&self, chain: &Chain, number: u32, key: &EncryptionKey) -> Plan {
        let chart = self.chart(number);
        let owner = chart.owner();
        let service = chart.service(number as usize / self.hospitals.len());
        let genesis = chain.genesis();
        let patient = chart.patient;
        let consent = owner.sign_enrolment(
            chart.hospital.organisation,
            &service.account(),
            salt(number),
            self.now + DAY,
            &genesis,
        );
        let keys: Vec<_> = compartments(&patient)
            .into_iter()
            .map(|id| (id, key.clone()))
            .collect();
        let compartments = owner
            .sign_compartments(&patient, &keys, &genesis)
            .expect("there are as many compartments as everybody has");
        let call = calls::patients::enrol(
            patient,
            &owner.account(),
            &compartments,
            &owner.sign_recipient(&Subject::Inbox(patient), key, 0, &genesis),
            &consent,
        );
        Plan { key: service, call }
    }

    async fn grant(&self, chain: &Chain) -> Result<()> {
        let have = self
            .first_without(|patient| async move {
                Ok(next(chain, "Consent", "NextGrant", patient).await? > 0)
            })
            .await?;
        let plans = (have..self.patients)
            .map(|number| {
                let chart = self.chart(number);
                let call = calls::consent::grant(chart.patient, &self.terms(&chart), None);
                Plan {
                    key: chart.owner(),
                    call,
                }
            })
            .collect();
        send(chain, "grants", plans).await
    }

    /// All of the patient's first compartment, to their hospital.
    pub fn terms(&self, chart: &Chart<'_>) -> GrantTerms {
        GrantTerms {
            grantee: Grantee::Organisation(chart.hospital.organisation),
            scope: Scope::Compartments(BoundedVec::truncate_from(vec![chart.compartment])),
            rights: Rights::ReadWrite,
            purpose: Purpose::Treat,
            starts_at: None,
            expires_at: self.now + 365 * DAY,
            anchored_from: None,
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        }
    }

    async fn anchor(&self, chain: &Chain) -> Result<()> {
        let records = self.records;
        let have = self
            .first_without(|patient| async move {
                Ok(next(chain, "Records", "NextRecord", patient).await? >= records)
            })
            .await?;
        let mut plans = Vec::new();
        for (place, hospital) in self.hospitals.iter().enumerate() {
            let mut items = Vec::new();
            let numbers = (have..self.patients)
                .filter(|number| *number as usize % self.hospitals.len() == place);
            for number in numbers {
                let chart = self.chart(number);
                items.extend((0..records).map(|record| {
                    let record = chart.new_record(record.into());
                    (chart.patient, Some(Chart::GRANT), record)
                }));
            }
            for (turn, items) in items.chunks(MAX_ANCHORS as usize).enumerate() {
                plans.push(Plan {
                    key: hospital.services[turn % hospital.services.len()].clone(),
                    call: calls::records::anchor_many(items)?,
                });
            }
        }
        send(chain, "batches of records", plans).await
    }

    /// The first patient who has not got something, all having got it in order.
    async fn first_without<F>(&self, has: impl Fn(PatientId) -> F) -> Result<u32>
    where
        F: std::future::Future<Output = Result<bool>>,
    {
        let (mut low, mut high) = (0, self.patients);
        while low < high {
            let middle = low + (high - low) / 2;
            match has(self.patient_id(middle)).await? {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }

    /// The index of each patient's next grant.
    pub async fn next_grants(&self, chain: &Chain) -> Result<Vec<GrantIndex>> {
        stream::iter(0..self.patients)
            .map(|number| next(chain, "Consent", "NextGrant", self.patient_id(number)))
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Raises what accounts may do, so that the chain's limits are met before theirs. Only where one
    /// vote decides.
    pub async fn raise_allowances(&self, chain: &Chain) -> Result<()> {
        const SECOND: u64 = 1_000_000_000_000;
        let [hospital] = &self.hospitals[..] else {
            return Ok(());
        };
        for spender in [
            Spender::Person,
            Spender::Service,
            Spender::Organisation,
            Spender::Patient,
            Spender::Sponsor,
        ] {
            let call = calls::members::set_allowance(spender, 60 * SECOND, SECOND, 65_536);
            chain.propose(&hospital.admin, &call).await?;
        }
        Ok(())
    }
}

/// The patient's compartments, in ascending order.
fn compartments(patient: &PatientId) -> Vec<CompartmentId> {
    let id = |n: u32| {
        CompartmentId(blake2_128(
            &("salus-bench compartment", patient, n).encode(),
        ))
    };
    let mut ids: Vec<_> = (0..COMPARTMENTS).map(id).collect();
    ids.sort_unstable();
    ids
}

/// What a counter of a patient stands at, as of the newest finalized block.
async fn next(chain: &Chain, pallet: &str, item: &str, patient: PatientId) -> Result<RecordIndex> {
    let key = storage_key(pallet, item, &patient.encode());
    let at = chain.finalized().await?;
    Ok(chain.storage(&key, at.hash).await?.unwrap_or_default())
}

async fn send(chain: &Chain, what: &str, plans: Vec<Plan>) -> Result<()> {
    if plans.is_empty() {
        return Ok(());
    }
    eprintln!("preparing: {} {what}", plans.len());
    let load = Load {
        chain,
        in_pool: IN_POOL,
        signed_ahead: SIGNED_AHEAD,
        rate: None,
    };
    let flow = load.run(plans).await?;
    let (failed, _) = flow.outcome(chain, None).await?;
    ensure!(failed == 0, "{failed} {what} failed");
    Ok(())
}

async fn hospitals(chain: &Chain, salus: &Salus, services: u32) -> Result<Vec<Hospital>> {
    let mut hospitals = Vec::new();
    for uri in ADMINS {
        let admin = AccountKey::from_uri(uri)?;
        let Some(Member::Admin { organisation, .. }) = salus.member(&admin.account()).await? else {
            continue;
        };
        let doctor = AccountKey::from_uri(&doctor_uri(organisation))?.account();
        let services = (0..services)
            .map(|i| {
                AccountKey::from_uri(&format!("//Bench//service//{organisation}//{i}"))
                    .map(Arc::new)
            })
            .collect::<Result<Vec<_>, _>>()?;
        hospitals.push(Hospital {
            organisation,
            admin,
            services,
            doctor,
        });
    }
    if hospitals.is_empty() {
        bail!(
            "{} has no organisation whose admin is a development key: salus-bench knows the \
             development preset and chains of ./scripts/network",
            chain.url()
        );
    }
    for hospital in &hospitals {
        let doctor = AccountKey::from_uri(&doctor_uri(hospital.organisation))?;
        let staff = hospital
            .services
            .iter()
            .map(|service| (service.as_ref(), ClinicianRole::Service))
            .chain([(&doctor, ClinicianRole::Physician)]);
        hospital.credential(chain, staff).await?;
    }
    Ok(hospitals)
}

impl Hospital {
    /// Credentials those of these people who are none of its members yet, with their consent.
    pub async fn credential(
        &self,
        chain: &Chain,
        staff: impl IntoIterator<Item = (&AccountKey, ClinicianRole)>,
    ) -> Result<()> {
        let salus = chain.salus().await?;
        let now = salus.now().await?;
        let mut missing = Vec::new();
        for (key, role) in staff {
            let account = key.account();
            if salus.member(&account).await?.is_none() {
                let consent =
                    key.sign_credential(self.organisation, role, now, now + DAY, &chain.genesis());
                let until = now + 365 * DAY;
                missing.push(calls::members::credential(
                    &account,
                    role,
                    until,
                    Some(&consent),
                ));
            }
        }
        for result in chain.submit_many(&self.admin, &missing).await {
            result.context("cannot credential the staff of a benchmark")?;
        }
        Ok(())
    }

    /// Names a vault, if the hospital has none: only who keeps a patient's files reports deliveries.
    pub async fn name_vault(&self, chain: &Chain, url: &str) -> Result<()> {
        let row = chain.salus().await?.organisation(self.organisation).await?;
        let row = row.context("a hospital has a row")?;
        if row.vault_url.is_empty() {
            let name = String::from_utf8_lossy(&row.name);
            let profile = calls::members::set_profile(&name, url)?;
            chain.submit(&self.admin, &profile).await?;
        }
        Ok(())
    }
}
