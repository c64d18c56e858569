//! What a reader does: open under a grant, and write under one.

use std::path::Path;

use salus_primitives::{
    AccountId, Grant, GrantIndex, Grantee, Part, PatientId, RecordIndex, Scope,
};
use serde::Serialize;

use super::{
    records::{existing, ChartRow, Fetched},
    Person, Progress,
};
use crate::{
    chain::{calls, Salus},
    error::{Error, Result},
    files::{age::DecryptionKey, envelope::Envelope},
    keyring::{Label, Own},
    profile::ReadRecord,
    vault::{Location, Opened},
};

/// What to open.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    pub patient: PatientId,
    /// All that the grant reaches, if empty.
    pub records: Vec<RecordIndex>,
    /// The best grant, if none.
    pub grant: Option<GrantIndex>,
    pub acting_for: Option<AccountId>,
    /// Where to write payloads; none lists manifests only.
    pub out: Option<&'a Path>,
}

#[derive(Debug, Serialize)]
pub struct OpenedChart {
    pub grant: GrantIndex,
    /// The entry in the patient's trail.
    pub block_hash: String,
    pub event_index: u32,
    pub chart: Vec<ChartRow>,
    pub files: Vec<Fetched>,
}

impl Person {
    /// Opens records under a grant: logs it first, waits until that is final, then fetches, verifies
    /// and decrypts. Corrections of what is opened, and what it corrects, come with it.
    ///
    /// Errors with [`Error::Refused`] if the chain says no; the attempt stands in the trail.
    pub async fn open(&self, what: &Opening<'_>, progress: Progress<'_>) -> Result<OpenedChart> {
        let patient = what.patient;
        let salus = self.salus().await?;
        let (index, grant) = self.read_grant(&salus, what).await?;
        let mut records = what.records.clone();
        if records.is_empty() {
            records = self.reach(&salus, patient, &grant).await?;
        }
        self.add_corrections(&salus, patient, &grant, &mut records)
            .await?;
        if records.is_empty() {
            return Err(Error::NothingToOpen);
        }
        let part = match what.out {
            Some(_) => Part::Full,
            None => Part::Manifest,
        };
        let call = calls::access_log::open(
            patient,
            &records,
            part,
            index,
            grant.purpose,
            what.acting_for.as_ref(),
        )?;
        let done = self.chain.submit(&self.account, &call).await?;
        let Some(event) = done.event("AccessLog", "Opened") else {
            return Err(Error::Refused(patient.to_string()));
        };
        let opened = Opened {
            block_hash: done.block.hash,
            event_index: event.index,
        };

        let salus = self.salus().await?;
        let envelope = self.envelope(&salus, patient, index, Some(opened)).await?;
        let vault = self.home_vault(patient).await?;
        let session = vault.sign_in(&self.account).await?;
        let mut chart = Vec::new();
        let mut files = Vec::new();
        for number in records {
            let record = existing(&salus, patient, number).await?;
            let single = envelope.record(number, &record.content);
            let keys = |single: Option<DecryptionKey>| match single {
                Some(key) => vec![key],
                None => envelope.keys(&record.compartment),
            };
            let manifest_keys = keys(single.map(|s| s.manifest.clone()));
            let found = self
                .manifest(
                    &session,
                    patient,
                    number,
                    &record,
                    &manifest_keys,
                    Some(opened),
                )
                .await?;
            let mut row = ChartRow::new(number, &record, done.moment);
            row.describe(&found.0);
            row.compartment = envelope
                .compartments
                .get(&record.compartment)
                .map(|shared| shared.label.to_string());
            chart.push(row);
            if let Some(out) = what.out {
                let payload_keys = keys(single.map(|s| s.payload.clone()));
                let fetched = self
                    .payload(
                        number,
                        &record,
                        &found,
                        &payload_keys,
                        out,
                        progress,
                    )
                    .await?;
                files.push(fetched);
            }
            // Whoever has read a record hears of its correction, even when the grant has ended.
            self.profile.update_read_records(|read| {
                read.add(ReadRecord {
                    patient: patient.to_string(),
                    record: number,
                    grant: Some(index),
                    opened_at: done.moment,
                });
                Ok(())
            })?;
        }
        Ok(OpenedChart {
            grant: index,
            block_hash: format!("0x{}", hex::encode(opened.block_hash)),
            event_index: opened.event_index,
            chart,
            files,
        })
    }

    /// The grant that is named, else the first that is active and reaches what is asked for, else
    /// the newest, so that a refusal is logged and not guessed.
    async fn read_grant(&self, salus: &Salus, what: &Opening<'_>) -> Result<(GrantIndex, Grant)> {
        let patient = what.patient;
        if let Some(index) = what.grant {
            let view = salus.grant(patient, index).await?;
            return Ok((index, view.ok_or(Error::NoGrant(index))?.grant));
        }
        let mine = self.my_grants(salus, patient).await?;
        let mut records = Vec::new();
        for number in &what.records {
            records.push((*number, existing(salus, patient, *number).await?));
        }
        let reaches = |grant: &Grant| match &grant.scope {
            Scope::Compartments(ids) => records.iter().all(|(_, r)| ids.contains(&r.compartment)),
            Scope::Records(indices) => records.iter().all(|(n, _)| indices.contains(n)),
        };
        let readable = || mine.iter().filter(|(_, _, grant)| grant.rights.read());
        let (index, _, grant) = readable()
            .find(|(_, active, grant)| *active && reaches(grant))
            .or_else(|| readable().next_back())
            .ok_or_else(|| Error::NoGrantOf(patient.to_string()))?;
        Ok((*index, grant.clone()))
    }

    async fn my_grants(
        &self,
        salus: &Salus,
        patient: PatientId,
    ) -> Result<Vec<(GrantIndex, bool, Grant)>> {
        let me = self.id();
        let organisation = salus.member(&me).await?.map(|member| member.organisation());
        let rows = salus.all_grants(patient).await?;
        Ok(rows
            .into_iter()
            .filter(|(_, view)| match &view.grant.grantee {
                Grantee::Clinician { account, .. } => *account == me,
                Grantee::Organisation(number) => Some(*number) == organisation,
            })
            .map(|(index, view)| (index, view.active, view.grant))
            .collect())
    }

    /// The records that a grant reaches, oldest first, as many as one call may name.
    async fn reach(
        &self,
        salus: &Salus,
        patient: PatientId,
        grant: &Grant,
    ) -> Result<Vec<RecordIndex>> {
        let now = salus.now().await?;
        let mut records: Vec<_> = salus
            .all_records(patient)
            .await?
            .into_iter()
            .filter(|(number, record)| {
                let in_scope = match &grant.scope {
                    Scope::Compartments(ids) => ids.contains(&record.compartment),
                    Scope::Records(numbers) => numbers.contains(number),
                };
                let from = grant.anchored_from.is_none_or(|at| at <= record.anchored_at);
                let until = grant.anchored_until.is_none_or(|at| record.anchored_at < at);
                in_scope && from && until && !record.is_erased(now)
            })
            .map(|(number, _)| number)
            .collect();
        records.truncate(salus_primitives::rows::MAX_OPEN as usize);
        Ok(records)
    }

    /// Adds what corrects the records, and what they correct, where the grant reaches it.
    async fn add_corrections(
        &self,
        salus: &Salus,
        patient: PatientId,
        grant: &Grant,
        records: &mut Vec<RecordIndex>,
    ) -> Result<()> {
        let reach = self.reach(salus, patient, grant).await?;
        let mut at = 0;
        while at < records.len() && records.len() < salus_primitives::rows::MAX_OPEN as usize {
            let record = existing(salus, patient, records[at]).await?;
            for linked in [record.corrects, record.corrected_by].into_iter().flatten() {
                if reach.contains(&linked) && !records.contains(&linked) {
                    records.push(linked);
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// The newest envelope of a grant, opened with this person's keys.
    async fn envelope(
        &self,
        salus: &Salus,
        patient: PatientId,
        index: GrantIndex,
        opened: Option<Opened>,
    ) -> Result<Envelope> {
        let view = salus
            .grant(patient, index)
            .await?
            .ok_or(Error::NoGrant(index))?;
        let newest = view.envelopes.len().checked_sub(1).ok_or(Error::NoEnvelope(index))?;
        let location = Location::Envelope(patient, index, newest as u32);
        let sealed = self
            .body(location, &view.envelopes[newest], None, opened)
            .await?;
        let own = match view.grant.grantee {
            Grantee::Clinician { .. } => Own::Account,
            Grantee::Organisation(organisation) => Own::Organisation(organisation),
        };
        let keys = self.profile.identities(&self.device)?.keys(own);
        Envelope::open(&keys, &sealed, &patient)
    }

    /// A live grant to write, and the names it carries; one that knows the label goes first.
    pub(crate) async fn write_grant(
        &self,
        salus: &Salus,
        patient: PatientId,
        label: Option<&Label>,
    ) -> Result<(GrantIndex, Option<Envelope>)> {
        let mut fallback = None;
        for (index, active, grant) in self.my_grants(salus, patient).await? {
            if !active || !grant.rights.write() {
                continue;
            }
            // A writer without the organisation's key can still reach intake.
            let envelope = match grant.rights.read() {
                true => None,
                false => self.envelope(salus, patient, index, None).await.ok(),
            };
            let knows = label
                .zip(envelope.as_ref())
                .is_some_and(|(label, envelope)| envelope.find(label).is_some());
            if knows {
                return Ok((index, envelope));
            }
            fallback.get_or_insert((index, envelope));
        }
        fallback.ok_or_else(|| Error::NoGrantOf(patient.to_string()))
    }
}
