//! What a benchmark asks of a chain.

use std::collections::HashMap;

use anyhow::Result;
use rand::{rngs::StdRng, Rng, SeedableRng};
use salus_client::chain::{calls, Call, Chain};
use salus_primitives::{Delivery, GrantIndex, Part, RecordIndex, MAX_ANCHORS, MAX_OPEN};

use crate::{
    load::Plan,
    population::{Chart, Population},
};

/// What hospitals without a vault are said to have: nobody goes there.
const VAULT: &str = "http://127.0.0.1:8040";
/// More transactions than wait at once.
const SETTLED: usize = 8_192;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Workload {
    /// 32 bytes that nothing is done with: the ceiling of a chain
    Remark,
    /// Opens one record
    Open,
    /// Opens 64 records of a patient
    Open64,
    /// Anchors one record
    Anchor,
    /// Anchors 128 records, 8 of each of 16 patients
    AnchorMany,
    /// Grants a hospital access
    Grant,
    /// 60 % open, 25 % anchor, 10 % grant or revoke, 5 % others
    HospitalDay,
}

impl Workload {
    pub const ALL: [Self; 7] = [
        Self::Remark,
        Self::Open,
        Self::Open64,
        Self::Anchor,
        Self::AnchorMany,
        Self::Grant,
        Self::HospitalDay,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Remark => "remark",
            Self::Open => "open",
            Self::Open64 => "open 64",
            Self::Anchor => "anchor",
            Self::AnchorMany => "anchor_many 128",
            Self::Grant => "grant",
            Self::HospitalDay => "hospital-day",
        }
    }

    /// Records, or steps, in one transaction.
    pub fn operations(self) -> u32 {
        match self {
            Self::Open64 => MAX_OPEN,
            Self::AnchorMany => MAX_ANCHORS,
            _ => 1,
        }
    }

    /// How many transactions make about the work of `count` small ones.
    pub fn transactions(self, count: u32) -> u32 {
        match self {
            Self::Open64 => count.div_ceil(4),
            Self::AnchorMany => count.div_ceil(32),
            _ => count,
        }
    }

    /// Entries that each transaction leaves in trails, of those that are counted against the hospital.
    pub fn entries(self) -> u32 {
        match self {
            Self::Remark | Self::Grant => 0,
            Self::Open | Self::Open64 | Self::Anchor | Self::HospitalDay => 1,
            Self::AnchorMany => MAX_ANCHORS,
        }
    }

    /// The event that each transaction must leave, and how often.
    pub fn event(self) -> Option<(&'static str, &'static str, u32)> {
        match self {
            Self::Remark | Self::HospitalDay => None,
            Self::Open | Self::Open64 => Some(("AccessLog", "Opened", 1)),
            Self::Anchor => Some(("Records", "RecordAnchored", 1)),
            Self::AnchorMany => Some(("Records", "RecordAnchored", MAX_ANCHORS)),
            Self::Grant => Some(("Consent", "Granted", 1)),
        }
    }

    /// The transactions, of patients drawn by lot. `seed` makes records that no other run has.
    pub async fn plan(
        self,
        chain: &Chain,
        population: &Population,
        count: u32,
        seed: u64,
    ) -> Result<Vec<Plan>> {
        if self == Self::HospitalDay {
            for hospital in &population.hospitals {
                hospital.name_vault(chain, VAULT).await?;
            }
        }
        let grants = match self {
            Self::Grant | Self::HospitalDay => population.next_grants(chain).await?,
            _ => Vec::new(),
        };
        let mut planner = Planner {
            population,
            lots: StdRng::seed_from_u64(seed),
            grants: grants
                .into_iter()
                .map(|next| Made { oldest: next, next })
                .collect(),
            turn: 0,
            opened: HashMap::new(),
        };
        (0..count).map(|_| planner.plan(self)).collect()
    }
}

struct Planner<'a> {
    population: &'a Population,
    lots: StdRng,
    /// Of each patient.
    grants: Vec<Made>,
    turn: usize,
    /// The turn in which each patient's records were first opened.
    opened: HashMap<u32, usize>,
}

/// The grants that a workload has made: the oldest that it has not revoked, and the next one.
struct Made {
    oldest: GrantIndex,
    next: GrantIndex,
}

impl Planner<'_> {
    fn plan(&mut self, workload: Workload) -> Result<Plan> {
        self.turn += 1;
        let number = self.lots.gen_range(0..self.population.patients);
        let chart = self.population.chart(number);
        match workload {
            Workload::Remark => Ok(self.remark(&chart)),
            Workload::Open => self.open_one(&chart),
            Workload::Open64 => self.open(&chart, &(0..MAX_OPEN).collect::<Vec<_>>()),
            Workload::Anchor => Ok(self.anchor(&chart)),
            Workload::AnchorMany => self.anchor_many(number),
            Workload::Grant => Ok(self.grant(&chart, number)),
            Workload::HospitalDay => match self.lots.gen_range(0..100) {
                0..60 => {
                    self.opened.entry(number).or_insert(self.turn);
                    self.open_one(&chart)
                }
                60..85 => Ok(self.anchor(&chart)),
                85..90 => Ok(self.grant(&chart, number)),
                90..95 => Ok(self.revoke(&chart, number)),
                95..98 => self.delivered(&chart, number),
                _ => Ok(self.remark(&chart)),
            },
        }
    }

    fn by_service(&self, chart: &Chart<'_>, call: Call) -> Plan {
        Plan {
            key: chart.service(self.turn),
            call,
        }
    }

    fn remark(&self, chart: &Chart<'_>) -> Plan {
        self.by_service(chart, calls::system::remark(&chart.patient.0.repeat(2)))
    }

    fn open_one(&mut self, chart: &Chart<'_>) -> Result<Plan> {
        let record = self.lots.gen_range(0..self.population.records);
        self.open(chart, &[record])
    }

    fn open(&self, chart: &Chart<'_>, records: &[RecordIndex]) -> Result<Plan> {
        Ok(self.by_service(chart, chart.open(records)?))
    }

    /// A number that no record of this chain has: prepared ones have small ones.
    fn fresh(&mut self) -> u64 {
        self.lots.gen::<u64>() | 1 << 63
    }

    fn anchor(&mut self, chart: &Chart<'_>) -> Plan {
        let record = chart.new_record(self.fresh());
        let call = calls::records::anchor(chart.patient, Some(Chart::GRANT), &record);
        self.by_service(chart, call)
    }

    /// A laboratory's batch: some results of each of some patients of one hospital.
    fn anchor_many(&mut self, first: u32) -> Result<Plan> {
        const EACH: u32 = 8;
        let hospitals = self.population.hospitals.len() as u32;
        let patients = self.population.patients;
        let chart = self.population.chart(first);
        let items: Vec<_> = (0..MAX_ANCHORS)
            .map(|i| {
                let number = (first + i / EACH * hospitals) % patients;
                let number = match number % hospitals == first % hospitals {
                    true => number,
                    false => first,
                };
                let chart = self.population.chart(number);
                let record = chart.new_record(self.fresh());
                (chart.patient, Some(Chart::GRANT), record)
            })
            .collect();
        Ok(self.by_service(&chart, calls::records::anchor_many(&items)?))
    }

    fn grant(&mut self, chart: &Chart<'_>, number: u32) -> Plan {
        self.grants[number as usize].next += 1;
        let terms = self.population.terms(chart);
        Plan {
            key: chart.owner(),
            call: calls::consent::grant(chart.patient, &terms, None),
        }
    }

    /// Of a grant that was made here; makes one if there is none.
    fn revoke(&mut self, chart: &Chart<'_>, number: u32) -> Plan {
        let made = &mut self.grants[number as usize];
        if made.oldest == made.next {
            return self.grant(chart, number);
        }
        let grant = made.oldest;
        made.oldest += 1;
        Plan {
            key: chart.owner(),
            call: calls::consent::revoke(chart.patient, grant),
        }
    }

    /// Of what was opened so long ago that it is in a block; else opens one.
    fn delivered(&mut self, chart: &Chart<'_>, number: u32) -> Result<Plan> {
        let opened = self.opened.get(&number);
        if opened.is_none_or(|turn| turn + SETTLED > self.turn) {
            return self.open_one(chart);
        }
        let delivery = Delivery {
            patient: chart.patient,
            reader: chart.hospital.doctor.clone(),
            grant: Chart::GRANT,
            record: self.lots.gen_range(0..self.population.records),
            part: Part::Full,
        };
        let call = calls::access_log::delivered(&[delivery])?;
        Ok(self.by_service(chart, call))
    }
}
