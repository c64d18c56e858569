//! Opening what a patient shares: first into the trail, then out of the vault.

use std::path::{Path, PathBuf};
use std::time::Duration;

use salus_primitives::{
    api::GrantView, Cid, Grant, GrantIndex, Part, PatientId, Record, RecordIndex, MAX_OPEN,
};
use serde::Serialize;
use sp_core::H256;

use super::acting;
use super::records::{covers, fetch, no_record, RecordKeys, RecordView};
use super::{Client, Receipt};
use crate::chain::{calls, Salus};
use crate::error::{Error, Result};
use crate::files::age::DecryptionKey;
use crate::files::envelope::Envelope;
use crate::files::manifest::Manifest;
use crate::files::seal::SealKey;
use crate::profile::ReadRecord;
use crate::vault::{File, Location, Opened, Session};

/// A vault's node may see a block a moment after ours does.
pub(super) const PATIENCE: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_millis(1_000),
    Duration::from_millis(2_000),
];

/// What a reader wants to see.
#[derive(Clone, Debug)]
pub struct Opening {
    pub patient: PatientId,
    /// Everything that the grant reaches, if none is named and a list is asked for.
    pub records: Vec<RecordIndex>,
    /// Titles and dates only.
    pub list: bool,
    /// The fitting one, if none.
    pub grant: Option<GrantIndex>,
    /// The folder for the files.
    pub out: Option<PathBuf>,
}

#[derive(Clone, Debug, Serialize)]
pub struct OpenedChart {
    pub patient: String,
    pub grant: GrantIndex,
    /// The trail's entries that let the reader in.
    pub opened: Vec<Opened>,
    pub records: Vec<RecordView>,
    pub files: Vec<String>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Opens records under a grant. The chain writes it into the patient's trail first, also if it
/// says no: then this errs with [`Error::NotPermitted`], and nothing is fetched.
///
/// A record that was corrected comes with its correction, and a correction with its original, as far
/// as the grant reaches.
pub async fn open(client: &Client, opening: &Opening) -> Result<OpenedChart> {
    let patient = opening.patient;
    let salus = client.salus().await?;
    let rows = salus.all_records(patient).await?;
    let mut met = None;
    let (index, view) = choose(client, &salus, opening, &rows, &mut met).await?;
    let wanted = match &view {
        Some(view) => wanted(&salus, opening, &view.grant, &rows).await?,
        None => opening.records.clone(),
    };
    if wanted.is_empty() {
        return Err(Error::Unfit(match opening.list {
            true => format!("grant {index} reaches no record yet"),
            false => "name the records to open, or list them with --list".into(),
        }));
    }
    let sealed = sealed(client, &salus, &mut met, patient, (index, view.as_ref())).await?;
    tracing::debug!("chosen");
    let part = if opening.list {
        Part::Manifest
    } else {
        Part::Full
    };
    let logging = async {
        let mut entries = Vec::new();
        let mut receipt = None;
        for records in wanted.chunks(MAX_OPEN as usize) {
            let (entry, at) = log(client, opening, records, part, index, sealed).await?;
            entries.push((entry, records.to_vec()));
            receipt = Some(at);
        }
        receipt
            .map(|receipt| (entries, receipt))
            .ok_or_else(|| Error::Unfit("nothing was opened".into()))
    };
    // The vault is met while the entry waits to be finalized. Nothing is fetched before, and a refusal
    // does not wait for a vault.
    let meeting = async {
        let session = match met {
            Some(session) => Ok(session),
            None => client.session(patient).await,
        };
        tracing::debug!("signed in");
        Ok::<_, Error>(session)
    };
    let ((entries, receipt), session) = futures::try_join!(logging, meeting)?;
    let session = session?;
    // What the grant and the records are now that they are opened.
    let salus = client.chain.salus_at(receipt.block_hash);
    let view = salus
        .grant(patient, index)
        .await?
        .ok_or_else(|| super::no_grant(patient, index))?;
    let keys = keys(client, &salus, patient, index).await?;
    let first = entries.first().map(|(entry, _)| *entry);
    let envelope = envelope(&session, patient, index, &view.envelopes, &keys, first).await?;
    tracing::debug!("keys");
    let mut records = Vec::new();
    for (entry, indices) in &entries {
        for record in indices {
            let out = opening.out.as_deref().filter(|_| !opening.list);
            let reading = Reading {
                client,
                session: &session,
                salus: &salus,
                envelope: &envelope,
                patient,
                opened: *entry,
            };
            records.push(reading.read(*record, out).await?.0);
            remember(client, patient, *record, index, entry, &salus).await?;
        }
    }
    tracing::debug!("read");
    only_granted(&mut records, &view.grant, &rows);
    Ok(OpenedChart {
        patient: patient.to_string(),
        grant: index,
        opened: entries.into_iter().map(|(entry, _)| entry).collect(),
        files: records
            .iter()
            .filter_map(|view| view.file.clone())
            .collect(),
        records,
        receipt,
    })
}

/// Takes out of what a reader sees which other records there are: links that lead beyond the grant go,
/// and the order is that of the records' own dates, not of their numbers.
///
/// That a record was corrected stays, as its state: its reader must not rely on it.
fn only_granted(views: &mut [RecordView], grant: &Grant, rows: &[(RecordIndex, Record)]) {
    let reached = |linked: &RecordIndex| {
        rows.iter()
            .any(|(index, record)| index == linked && covers(grant, *index, record))
    };
    for view in views.iter_mut() {
        view.corrects = view.corrects.filter(reached);
        if view.corrected_by.is_some_and(|by| !reached(&by)) {
            view.corrected_by = None;
            if view.state == "current" {
                view.state = "corrected";
            }
        }
    }
    views.sort_by(|a, b| (&a.date, a.record).cmp(&(&b.date, b.record)));
}

/// Opens the manifest of one record.
pub(super) async fn manifest(
    client: &Client,
    patient: PatientId,
    record: RecordIndex,
    grant: Option<GrantIndex>,
) -> Result<Manifest> {
    let opening = Opening {
        patient,
        records: vec![record],
        list: true,
        grant,
        out: None,
    };
    let salus = client.salus().await?;
    let rows = salus.all_records(patient).await?;
    let mut met = None;
    let (index, view) = choose(client, &salus, &opening, &rows, &mut met).await?;
    let sealed = sealed(client, &salus, &mut met, patient, (index, view.as_ref())).await?;
    let (entry, _) = log(client, &opening, &[record], Part::Manifest, index, sealed).await?;
    let session = match met {
        Some(session) => session,
        None => client.session(patient).await?,
    };
    let salus = client.salus().await?;
    let view = salus
        .grant(patient, index)
        .await?
        .ok_or_else(|| super::no_grant(patient, index))?;
    let keys = keys(client, &salus, patient, index).await?;
    let envelope = envelope(
        &session,
        patient,
        index,
        &view.envelopes,
        &keys,
        Some(entry),
    )
    .await?;
    let reading = Reading {
        client,
        session: &session,
        salus: &salus,
        envelope: &envelope,
        patient,
        opened: entry,
    };
    let (_, manifest) = reading.read(record, None).await?;
    remember(client, patient, record, index, &entry, &salus).await?;
    Ok(manifest)
}

/// What opens a grant's envelopes: this account's keys, and that of the package if it was a glass.
async fn keys(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    grant: GrantIndex,
) -> Result<Vec<DecryptionKey>> {
    let mut keys = client.own_keys(salus).await?;
    keys.extend(client.profile.glass(&patient, grant, &client.device)?);
    Ok(keys)
}

/// The grant to open under. One that was named is tried whatever it is: only the chain decides.
async fn choose<'a>(
    client: &'a Client,
    salus: &Salus,
    opening: &Opening,
    rows: &[(RecordIndex, Record)],
    met: &mut Option<Session<'a>>,
) -> Result<(GrantIndex, Option<GrantView>)> {
    let patient = opening.patient;
    if let Some(index) = opening.grant {
        return Ok((index, salus.grant(patient, index).await?));
    }
    let reaches = |grant: &Grant| {
        rows.iter()
            .filter(|(index, _)| opening.records.is_empty() || opening.records.contains(index))
            .filter(|(index, record)| covers(grant, *index, record))
            .count()
    };
    let mut found = salus.all_grants_between(patient, &client.me()).await?;
    found.retain(|(_, view)| view.grant.rights.read());
    found.sort_by_key(|(index, view)| (view.active, reaches(&view.grant), *index));
    // Of several to an organisation one is for who asks, and others may be for others there.
    if found.iter().filter(|(_, view)| view.active).count() > 1 {
        for (index, view) in found.iter().rev().filter(|(_, view)| view.active) {
            if acting::fits(client, salus, met, patient, (*index, view)).await {
                return Ok((*index, Some(view.clone())));
            }
        }
        // An entry in the trail that opens nothing helps nobody.
        return Err(Error::NotPermitted(format!(
            "none of patient {patient}'s grants to your organisation is known to be for you: name one with --grant, publish a key (`salus clinician publish`) and ask the patient to share anew, or open through your organisation's software"
        )));
    }
    found
        .pop()
        .map(|(index, view)| (index, Some(view)))
        .ok_or_else(|| {
            Error::NotPermitted(format!(
                "patient {patient} has shared nothing with {}: ask with `salus request`",
                client.me()
            ))
        })
}

/// The seal of the person for whom software opens; none where a person signs. What makes it is fetched
/// in a session that is begun for it, if need be, and goes on.
async fn sealed<'a>(
    client: &'a Client,
    salus: &Salus,
    met: &mut Option<Session<'a>>,
    patient: PatientId,
    (index, view): (GrantIndex, Option<&GrantView>),
) -> Result<Option<H256>> {
    let Some(person) = acting::person(client, salus).await? else {
        return Ok(None);
    };
    if let Some(seal) = acting::kept(client, patient, index, &person)? {
        return Ok(Some(seal));
    }
    let view = view.ok_or_else(|| super::no_grant(patient, index))?;
    let session = match met {
        Some(session) => &*session,
        None => met.insert(client.session(patient).await?),
    };
    let seal = acting::seal(client, salus, session, patient, (index, view), &person).await?;
    Ok(Some(seal))
}

/// The records to open: those named with what corrects them, or all that the grant reaches.
async fn wanted(
    salus: &Salus,
    opening: &Opening,
    grant: &Grant,
    rows: &[(RecordIndex, Record)],
) -> Result<Vec<RecordIndex>> {
    let now = salus.now().await?;
    let reached = |index: RecordIndex| {
        rows.iter()
            .find(|(known, _)| *known == index)
            .filter(|(index, record)| covers(grant, *index, record) && !record.is_erased(now))
            .map(|(_, record)| record)
    };
    if opening.records.is_empty() && opening.list {
        let all = rows.iter().map(|(index, _)| *index);
        return Ok(all.filter(|index| reached(*index).is_some()).collect());
    }
    let mut wanted = Vec::new();
    let mut ahead: Vec<RecordIndex> = opening.records.iter().rev().copied().collect();
    while let Some(index) = ahead.pop() {
        if wanted.contains(&index) {
            continue;
        }
        wanted.push(index);
        let Some(record) = reached(index) else {
            continue;
        };
        let linked = [record.corrects, record.corrected_by];
        ahead.extend(
            linked
                .into_iter()
                .flatten()
                .filter(|linked| reached(*linked).is_some()),
        );
    }
    Ok(wanted)
}

/// Writes an opening into the trail, and tells the entry that lets the reader in.
async fn log(
    client: &Client,
    opening: &Opening,
    records: &[RecordIndex],
    part: Part,
    grant: GrantIndex,
    sealed: Option<H256>,
) -> Result<(Opened, Receipt)> {
    let call = calls::access_log::open(opening.patient, records, part, grant, sealed)?;
    let submitted = client.submit(&call).await?;
    match submitted.event("AccessLog", "Opened") {
        Some(event) => Ok((
            Opened {
                block_hash: submitted.block.hash,
                event_index: event.index,
            },
            (&submitted).into(),
        )),
        None => Err(Error::NotPermitted(format!(
            "refused: grant {grant} of patient {} does not let {} open {} now. The attempt stands in the patient's trail",
            opening.patient,
            client.me(),
            list(records),
        ))),
    }
}

fn list(records: &[RecordIndex]) -> String {
    let numbers: Vec<String> = records.iter().map(RecordIndex::to_string).collect();
    match numbers.as_slice() {
        [only] => format!("record {only}"),
        several => format!("records {}", several.join(", ")),
    }
}

/// Fetches a grant's envelopes, newest first, until one opens.
pub(super) async fn envelope(
    session: &Session<'_>,
    patient: PatientId,
    grant: GrantIndex,
    envelopes: &[Cid],
    keys: &[DecryptionKey],
    opened: Option<Opened>,
) -> Result<Envelope> {
    let mut last = Error::NotPermitted(format!(
        "grant {grant} of patient {patient} came without keys: ask the patient to share anew"
    ));
    for (number, content) in envelopes.iter().enumerate().rev() {
        let number = number as u32;
        let location = Location::Envelope(patient, grant, number);
        let mut waits = PATIENCE.iter();
        let object = loop {
            match session.object(location, content, None, opened).await {
                Err(error) if error.is_not_found() => match waits.next() {
                    Some(wait) => tokio::time::sleep(*wait).await,
                    None => break Err(error),
                },
                other => break other,
            }
        };
        let sealed = object?.read(File::Body).await?;
        match Envelope::open(keys, &sealed, &patient) {
            Ok(envelope) => return Ok(envelope),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Fetches what seals persons under a grant, from its newest envelope that opens. No opening is needed.
pub(super) async fn seal_key(
    session: &Session<'_>,
    patient: PatientId,
    grant: GrantIndex,
    envelopes: &[Cid],
    keys: &[DecryptionKey],
) -> Result<SealKey> {
    let mut last = Error::NotPermitted(format!(
        "grant {grant} of patient {patient} came without an envelope: ask the patient to share anew"
    ));
    for (number, content) in envelopes.iter().enumerate().rev() {
        let location = Location::Envelope(patient, grant, number as u32);
        let object = match session.object(location, content, None, None).await {
            Ok(object) => object,
            Err(error) if error.is_not_found() => {
                last = error.into();
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match SealKey::open(keys, &object.read(File::Seal).await?, &patient) {
            Ok(key) => return Ok(key),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What reading records under one entry needs.
struct Reading<'a> {
    client: &'a Client,
    session: &'a Session<'a>,
    salus: &'a Salus,
    envelope: &'a Envelope,
    patient: PatientId,
    opened: Opened,
}

impl Reading<'_> {
    /// Fetches one record and verifies all of it; writes its payload into the folder `out`.
    async fn read(&self, index: RecordIndex, out: Option<&Path>) -> Result<(RecordView, Manifest)> {
        let record = self
            .salus
            .record(self.patient, index)
            .await?
            .ok_or_else(|| no_record(self.patient, index))?;
        let keys = match self.envelope.record(index, &record.content) {
            Some(single) => RecordKeys {
                manifest: vec![single.manifest.clone()],
                payload: vec![single.payload.clone()],
            },
            None => RecordKeys::same(self.envelope.keys(&record.compartment)),
        };
        let fetched = fetch(
            self.client,
            self.session,
            self.patient,
            index,
            &record,
            &keys,
            Some(self.opened),
        )
        .await?;
        let label = self
            .envelope
            .compartments
            .get(&record.compartment)
            .map(|shared| &shared.label);
        let mut view = RecordView::new(index, &record, label);
        view.describe(&fetched.manifest);
        if let Some(out) = out {
            std::fs::create_dir_all(out).map_err(Error::file("make", out))?;
            let path = fetched.save(self.client, index, &keys, out).await?;
            view.file = Some(path.display().to_string());
        }
        Ok((view, fetched.manifest))
    }
}

/// So that its reader hears of corrections, also when the grant is over.
async fn remember(
    client: &Client,
    patient: PatientId,
    record: RecordIndex,
    grant: GrantIndex,
    entry: &Opened,
    salus: &Salus,
) -> Result<()> {
    let opened_at = match client.chain.moment(entry.block_hash).await {
        Ok(moment) => moment,
        Err(_) => salus.now().await?,
    };
    client.profile.update_read_records(|read| {
        read.add(ReadRecord {
            patient: patient.to_string(),
            record,
            grant: Some(grant),
            opened_at,
        });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use salus_primitives::{
        AccountId, Basis, CompartmentId, Grantee, Moment, Purpose, Rights, Scope,
    };

    use super::*;
    use crate::actions::double::{World, HOME};
    use crate::actions::PAGE;
    use crate::vault::tests::PATIENT;

    fn view(active: bool) -> GrantView {
        let scope = Scope::Compartments(vec![CompartmentId([1; 16])].try_into().unwrap());
        GrantView {
            grant: Grant {
                grantee: Grantee::Organisation(HOME),
                scope,
                rights: Rights::Read,
                purpose: Purpose::Treat,
                starts_at: 0,
                expires_at: Moment::MAX,
                anchored_from: None,
                anchored_until: None,
                granted_by: AccountId::new([1; 32]),
                granted_at: 0,
                revoked_at: None,
                terms: None,
                flags: 0,
                derived_from: None,
                basis: Basis::Direct,
                rule_version: 0,
            },
            active,
            envelopes: Vec::new(),
        }
    }

    fn record(compartment: u8, corrects: Option<RecordIndex>, by: Option<RecordIndex>) -> Record {
        Record {
            compartment: CompartmentId([compartment; 16]),
            epoch: 0,
            content: Cid::dag_pb([3; 32]),
            commitment: sp_core::H256::zero(),
            author: AccountId::new([1; 32]),
            person: None,
            organisation: None,
            anchored_at: 0,
            placed_by: AccountId::new([1; 32]),
            corrects,
            corrected_by: by,
            state: salus_primitives::RecordState::Current,
        }
    }

    #[test]
    fn a_reader_sees_no_record_beyond_the_grant() {
        // The grant reaches compartment 1: records 2, 3, 7 and 9.
        let rows = [
            (2, record(1, None, Some(3))),
            (3, record(1, Some(2), None)),
            (5, record(2, None, Some(7))),
            (7, record(1, Some(5), None)),
            (8, record(2, Some(9), None)),
            (9, record(1, None, Some(8))),
        ];
        let dates = [
            (2, "2026-03-01"),
            (3, "2026-04-01"),
            (7, "2025-01-01"),
            (9, "2024-01-01"),
        ];
        let mut views: Vec<RecordView> = rows
            .iter()
            .filter_map(|(index, record)| {
                let (_, date) = dates.iter().find(|(known, _)| known == index)?;
                let mut view = RecordView::new(*index, record, None);
                view.date = Some((*date).into());
                Some(view)
            })
            .collect();
        only_granted(&mut views, &view(true).grant, &rows);
        let seen: Vec<_> = views
            .iter()
            .map(|view| (view.record, view.corrects, view.corrected_by, view.state))
            .collect();
        assert_eq!(
            seen,
            [
                (9, None, None, "corrected"),
                (7, None, None, "current"),
                (2, None, Some(3), "current"),
                (3, Some(2), None, "current"),
            ]
        );
    }

    #[tokio::test]
    async fn a_grant_is_found_among_this_patients_however_many_others_there_are() {
        let world = World::at(None);
        let client = &world.client;
        let tell = |from: GrantIndex, rows: Vec<(GrantIndex, GrantView)>| {
            let args = (PATIENT, client.me(), from, PAGE);
            world.node.tell("grants_between", args, rows);
        };
        tell(0, vec![(3, view(false)), (5, view(true))]);
        tell(6, vec![(400, view(false))]);
        tell(401, Vec::new());
        let opening = Opening {
            patient: PATIENT,
            records: Vec::new(),
            list: true,
            grant: None,
            out: None,
        };
        let salus = client.salus().await.unwrap();
        let mut met = None;
        let chosen = choose(client, &salus, &opening, &[], &mut met);
        let (found, grant) = chosen.await.unwrap();
        assert_eq!(found, 5);
        assert!(grant.is_some());
        // Whoever fills the list of all grants to somebody hides none from them.
        assert!(!world.node.asked().contains(&"grants_to".to_owned()));
    }
}
