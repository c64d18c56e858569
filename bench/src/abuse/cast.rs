//! Who floods, and who waits.

use std::sync::Arc;

use anyhow::{Context, Result};
use salus_client::{
    chain::{calls, storage_prefix, Call, Chain},
    keys::AccountKey,
};
use salus_primitives::{
    rows::DAY, ClinicianRole, ControllerRole, OrganisationKind, PatientId, MAX_ANCHORS,
};
use sp_core::H256;
use sp_crypto_hashing::blake2_256;

use crate::population::{doctor_uri, Chart, Hospital, Population};

/// Patients, by number: even ones are the flooding hospital's.
const PATIENTS: u32 = 8;
/// Whose records are opened again and again.
const OPENED: u32 = 0;
/// Who only wants to go on.
const WAITING: u32 = 2;
/// Whose controllers flood.
const CROWDED: u32 = 4;
/// Whose guardian floods.
const GUARDED: u32 = 6;
/// Controllers of the crowded patient.
const CROWD: u32 = 15;
/// The admin of the organisation that is admitted beside the first one.
const NEIGHBOUR: &str = "//Bob";

pub struct Cast {
    population: Population,
    clinicians: Vec<Arc<AccountKey>>,
    crowd: Vec<Arc<AccountKey>>,
    guardian: Arc<AccountKey>,
}

/// Rows that somebody may try to fill.
#[derive(Clone, Copy, Default)]
pub struct Rows {
    /// In the trail of the patient whose records are opened.
    pub entries: u64,
    pub motions: usize,
    /// Of the guarded patient.
    pub controllers: usize,
}

impl Rows {
    pub fn since(&self, before: &Self) -> Self {
        Self {
            entries: self.entries - before.entries,
            motions: self.motions,
            controllers: self.controllers.saturating_sub(before.controllers),
        }
    }
}

fn key(uri: &str) -> Result<Arc<AccountKey>> {
    Ok(Arc::new(AccountKey::from_uri(uri)?))
}

fn keys(what: &str, count: u32) -> Result<Vec<Arc<AccountKey>>> {
    (0..count)
        .map(|i| key(&format!("//Bench//abuse//{what}//{i}")))
        .collect()
}

impl Cast {
    /// Two organisations, the first with so many people, and patients of both.
    pub async fn assemble(chain: &Chain, services: u32, clinicians: u32) -> Result<Self> {
        admit_neighbour(chain).await?;
        let population = Population::prepare(chain, PATIENTS, 1, services).await?;
        let cast = Self {
            clinicians: keys("clinician", clinicians)?,
            crowd: keys("controller", CROWD)?,
            guardian: key("//Bench//abuse//guardian")?,
            population,
        };
        let staff = cast.clinicians.iter().map(|key| key.as_ref());
        let staff = staff.map(|key| (key, ClinicianRole::Physician));
        cast.flooding().credential(chain, staff).await?;
        let crowd: Vec<_> = cast.crowd.iter().map(|key| key.as_ref()).collect();
        cast.add_controllers(chain, CROWDED, ControllerRole::Decider, &crowd[..7])
            .await?;
        cast.add_controllers(chain, CROWDED, ControllerRole::Carer, &crowd[7..])
            .await?;
        cast.add_controllers(chain, GUARDED, ControllerRole::Decider, &[&cast.guardian])
            .await?;
        Ok(cast)
    }

    /// The owner, who says so first, gives them a role, as far as they have none. Rows that are full stay so.
    async fn add_controllers(
        &self,
        chain: &Chain,
        patient: u32,
        role: ControllerRole,
        accounts: &[&AccountKey],
    ) -> Result<()> {
        let chart = self.population.chart(patient);
        let owner = chart.owner();
        let salus = chain.salus().await?;
        let now = salus.now().await?;
        let have = salus.controllers(chart.patient).await?;
        let own = have.iter().find(|(have, _)| *have == owner.account());
        if own.is_some_and(|(_, row)| row.role == ControllerRole::Decider) {
            let call = calls::patients::declare_owner(chart.patient);
            chain.submit(&owner, &call).await?;
        }
        for key in accounts {
            let account = key.account();
            if have.iter().any(|(have, _)| *have == account) {
                continue;
            }
            let call = self.add_controller(chain, chart.patient, role, key, now);
            chain.submit(&owner, &call).await?;
        }
        Ok(())
    }

    fn add_controller(
        &self,
        chain: &Chain,
        patient: PatientId,
        role: ControllerRole,
        key: &AccountKey,
        now: u64,
    ) -> Call {
        let consent = key.sign_role(&patient, role, now, now + DAY, &chain.genesis());
        calls::patients::add_controller(patient, &key.account(), role, None, &consent)
    }

    pub fn flooding(&self) -> &Hospital {
        &self.population.hospitals[0]
    }

    fn other(&self) -> &Hospital {
        &self.population.hospitals[1]
    }

    /// Services first, then clinicians.
    pub fn staff(&self) -> Vec<Arc<AccountKey>> {
        let services = self.flooding().services.iter();
        services.chain(&self.clinicians).cloned().collect()
    }

    pub fn services(&self) -> Vec<Arc<AccountKey>> {
        self.flooding().services.clone()
    }

    /// An admin, whose key the hospital keeps itself.
    pub fn admin(&self) -> Result<Arc<AccountKey>> {
        key("//Alice")
    }

    /// All but the owner.
    pub fn crowd(&self) -> Vec<Arc<AccountKey>> {
        self.crowd.clone()
    }

    /// The owner of the patient whose other controllers flood.
    pub fn crowded_owner(&self) -> Arc<AccountKey> {
        self.population.chart(CROWDED).owner()
    }

    /// An urgent call about that patient, which fails: there is no such grant.
    pub fn urgent_of_the_crowd(&self) -> Call {
        calls::consent::revoke(self.population.chart(CROWDED).patient, u32::MAX)
    }

    pub fn guardian(&self) -> Arc<AccountKey> {
        self.guardian.clone()
    }

    pub fn stranger(&self) -> Result<Arc<AccountKey>> {
        key("//Bench//abuse//stranger")
    }

    /// A clinician of the other organisation.
    pub fn other_doctor(&self) -> Arc<AccountKey> {
        let uri = doctor_uri(self.other().organisation);
        key(&uri).expect("a development key; qed")
    }

    pub fn other_call(&self) -> Call {
        calls::system::remark(&[1; 32])
    }

    /// A patient of the hospital that floods.
    pub fn patient_owner(&self) -> Arc<AccountKey> {
        self.population.chart(WAITING).owner()
    }

    pub fn patient_call(&self) -> Call {
        calls::system::remark(&[2; 32])
    }

    fn opened(&self) -> Chart<'_> {
        self.population.chart(OPENED)
    }

    pub fn opening(&self) -> Result<Call> {
        self.opened().open(&[0])
    }

    /// An urgent call that everybody may send, and that fails: only who decides for a patient revokes.
    pub fn urgent(&self) -> Call {
        calls::consent::revoke(self.opened().patient, Chart::GRANT)
    }

    /// A batch that declares the weight of 128 records, and whose first one fails: there is no such
    /// grant.
    pub fn failing(&self, turn: u64) -> Result<Call> {
        let chart = self.opened();
        let item = |i: u32| {
            let record = chart.new_record(turn << 8 | u64::from(i));
            (chart.patient, Some(u32::MAX), record)
        };
        let items: Vec<_> = (0..MAX_ANCHORS).map(item).collect();
        Ok(calls::records::anchor_many(&items)?)
    }

    /// A guardian names somebody who has consented.
    pub fn carer(&self, chain: &Chain, turn: u64) -> Result<Call> {
        let carer = AccountKey::from_uri(&format!("//Bench//abuse//carer//{turn}"))?;
        let patient = self.population.chart(GUARDED).patient;
        let now = self.population.now;
        Ok(self.add_controller(chain, patient, ControllerRole::Carer, &carer, now))
    }

    /// A motion that nobody has proposed before.
    pub fn motion(&self, runtime: &salus_client::chain::Runtime, turn: u64) -> Result<Call> {
        let remark = calls::system::remark(&blake2_256(&turn.to_le_bytes()));
        Ok(calls::motions::propose(&runtime.encode_call(&remark)?))
    }

    pub async fn rows(&self, chain: &Chain) -> Result<Rows> {
        let at = chain.finalized().await?.hash;
        let salus = chain.salus_at(at);
        let motions: Option<Vec<H256>> = chain
            .storage(&storage_prefix("Council", "Proposals"), at)
            .await?;
        let guarded = self.population.chart(GUARDED).patient;
        Ok(Rows {
            entries: salus.trail_head(self.opened().patient).await?.count,
            motions: motions.map_or(0, |motions| motions.len()),
            controllers: salus.controllers(guarded).await?.len(),
        })
    }
}

/// A second organisation, whose people have nothing to do with the first one's. While the first one is
/// alone, its vote decides.
async fn admit_neighbour(chain: &Chain) -> Result<()> {
    let salus = chain.salus().await?;
    let neighbour = AccountKey::from_uri(NEIGHBOUR)?.account();
    if salus.member(&neighbour).await?.is_some() {
        return Ok(());
    }
    let alice = AccountKey::from_uri("//Alice")?;
    let admit = calls::members::admit(&neighbour, OrganisationKind::Clinic, "Neighbour", "")?;
    let runtime = chain.runtime(salus.block()).await?;
    let announce = calls::timelock::announce(&runtime.encode_call(&admit)?);
    let decided = chain.propose(&alice, &announce).await?;
    decided
        .event("Members", "OrganisationAdmitted")
        .context("the first organisation does not decide alone: begin with a new --dev chain")?;
    Ok(())
}
