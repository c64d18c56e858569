//! A patient of the first hospital whose records are really encrypted.

use std::sync::Arc;

use anyhow::Result;
use salus_client::{chain::Chain, files::age::DecryptionKey, keys::AccountKey};
use salus_primitives::{CompartmentId, PatientId};

use crate::population::Population;

/// Patients of a population are counted from 0, these from here.
const FIRST: u32 = 1 << 31;

pub struct World {
    pub owner: Arc<AccountKey>,
    pub patient: PatientId,
    pub compartment: CompartmentId,
    pub key: DecryptionKey,
}

impl World {
    /// A new one.
    pub async fn create(chain: &Chain) -> Result<Self> {
        let population = Population::prepare(chain, 0, 0, 1).await?;
        let number = FIRST | rand::random::<u32>();
        let key = DecryptionKey::generate();
        let chart = population.chart(number);
        let enrolment = population.enrolment(chain, number, &key.public());
        chain.submit(&enrolment.key, &enrolment.call).await?;
        Ok(Self {
            owner: chart.owner(),
            patient: chart.patient,
            compartment: chart.compartment,
            key,
        })
    }
}
