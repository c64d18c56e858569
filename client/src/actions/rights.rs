//! What is a patient's by right: a copy of everything, an account of who was given what, and the end
//! of all of it.

use std::collections::BTreeMap;
use std::path::Path;

use futures::{StreamExt, TryStreamExt};
use rand::{rngs::OsRng, seq::SliceRandom};
use salus_primitives::{
    predicate, ControllerRole, Grant, GrantIndex, Moment, OrgId, PatientId, Record, RecordIndex,
    RecordState, Subject,
};
use serde::Serialize;

use super::identity::{back_up, current_keyring, published, rotate_inbox};
use super::records::{fetch, own_record_keys, plain_name, RecordView};
use super::sharing::rotate_compartments;
use super::{clock, corrections, emergency, patient as about, reads, sharing, watching, Client};
use crate::chain::{calls, Call, Salus};
use crate::disclosures::{account, Accounting};
use crate::error::{Error, Result};
use crate::export::{self, Export, Unreadable, FORMAT, RECORDS, TRAIL};
use crate::files::manifest::rfc3339;
use crate::keyring::Keyring;
use crate::profile::write_atomically;
use crate::vault::Session;

/// Questions about records that are asked at the same time.
const PARALLEL: usize = 8;

/// An export that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    pub patient: String,
    pub folder: String,
    /// Records with their files.
    pub records: usize,
    /// Records that were erased before: they have no file.
    pub erased: usize,
    pub entries: u64,
    /// What should be there and is not.
    pub unreadable: Vec<Unreadable>,
}

/// Writes everything that is known of a patient, in clear, into a folder of its own.
///
/// What cannot be read is listed with the reason, in the folder and in the result; the rest is
/// written all the same.
pub async fn export(client: &Client, patient: PatientId, out: &Path) -> Result<Exported> {
    let keyring = client.keyring(patient)?;
    let view = about::show(client, patient).await?;
    export::prepare(out)?;
    let mut unreadable = Vec::new();
    let records = records(client, &keyring, out, &mut unreadable).await?;
    let trail = watching::read(client, patient).await?;
    let remembered = watching::verify(client, &trail).await;
    let secrets = watching::secrets(client, &trail).await?;
    let names = watching::names(client, &trail, &secrets, &[]).await?;
    let mut log = watching::log(&trail, &names);
    let own = reads::read(client, patient, &names).await;
    log.reads = or_note(own, "the logs of own reads", &mut unreadable);
    log.verified = Some(remembered.is_ok());
    log.remembered = or_note(remembered, "the trail", &mut unreadable);
    write_atomically(
        &out.join(TRAIL),
        watching::to_file(&trail, &secrets)?.as_bytes(),
    )?;
    let requests = sharing::requests(client, patient).await;
    let corrections = corrections::list(client, patient).await;
    let export = Export {
        format: FORMAT,
        made_at: rfc3339(clock()),
        genesis: client.chain.genesis(),
        patient: view,
        controllers: about::controllers(client, patient).await?,
        compartments: about::compartments(client, patient).await?,
        grants: sharing::given(client, patient).await?,
        requests: or_note(requests, "the requests", &mut unreadable),
        corrections: or_note(corrections, "the corrections", &mut unreadable),
        trail: log,
        records,
        unreadable,
    };
    let letters = letters(&export);
    let export = Export {
        unreadable: [export.unreadable, letters].concat(),
        ..export
    };
    export.write(out)?;
    let with_file = |row: &&RecordView| row.file.is_some();
    Ok(Exported {
        patient: patient.to_string(),
        folder: out.display().to_string(),
        records: export.records.iter().filter(with_file).count(),
        erased: export
            .records
            .iter()
            .filter(|row| row.file.is_none() && row.unreadable.is_none())
            .count(),
        entries: export.trail.head.count,
        unreadable: export.unreadable,
    })
}

/// Nothing in its place, and a note of why.
fn or_note<T: Default>(result: Result<T>, what: &str, unreadable: &mut Vec<Unreadable>) -> T {
    result.unwrap_or_else(|error| {
        unreadable.push(Unreadable {
            what: what.to_owned(),
            why: error.to_string(),
        });
        T::default()
    })
}

/// The letters that are named and cannot be read.
fn letters(export: &Export) -> Vec<Unreadable> {
    let requests = export.requests.iter().filter_map(|row| {
        let what = format!("the letter of request {}", row.request);
        row.unreadable.clone().map(|why| Unreadable { what, why })
    });
    let corrections = export.corrections.iter().flat_map(|row| {
        row.letters.iter().filter_map(move |letter| {
            let what = format!("the {} of correction {}", letter.stage, row.correction);
            let why = letter.unreadable.clone()?;
            Some(Unreadable { what, why })
        })
    });
    requests.chain(corrections).collect()
}

/// The records' files, one after the other, and what is said of them.
async fn records(
    client: &Client,
    keyring: &Keyring,
    out: &Path,
    unreadable: &mut Vec<Unreadable>,
) -> Result<Vec<RecordView>> {
    let patient = keyring.patient();
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let rows = salus.all_records(patient).await?;
    let any = rows.iter().any(|(_, record)| !record.is_erased(now));
    let session = match any {
        true => Some(
            client
                .session(patient)
                .await
                .map_err(|error| error.to_string()),
        ),
        false => None,
    };
    let mut views = Vec::with_capacity(rows.len());
    for (index, record) in rows {
        let mut view = RecordView::new(index, &record, keyring.label(&record.compartment));
        // An erased record has no file to be read.
        let session = session.as_ref().filter(|_| !record.is_erased(now));
        let saved = match session {
            None => Ok(()),
            Some(Err(why)) => Err(why.clone()),
            Some(Ok(session)) => save(client, session, keyring, index, &record, out, &mut view)
                .await
                .map_err(|error| error.to_string()),
        };
        if let Err(why) = saved {
            unreadable.push(Unreadable {
                what: format!("record {index}"),
                why: why.clone(),
            });
            view.unreadable = Some(why);
        }
        views.push(view);
    }
    Ok(views)
}

async fn save(
    client: &Client,
    session: &Session<'_>,
    keyring: &Keyring,
    index: RecordIndex,
    record: &Record,
    out: &Path,
    view: &mut RecordView,
) -> Result<()> {
    let keys = own_record_keys(keyring, record)?;
    let patient = keyring.patient();
    let fetched = fetch(client, session, patient, index, record, &keys, None).await?;
    view.describe(&fetched.manifest);
    let file = format!("{RECORDS}/{}", plain_name(index, &fetched.manifest));
    fetched.save(client, index, &keys, &out.join(&file)).await?;
    view.file = Some(file);
    Ok(())
}

/// Who was given what of a patient's records, from the verified trail.
pub async fn disclosures(
    client: &Client,
    patient: PatientId,
    from: Option<Moment>,
    to: Option<Moment>,
) -> Result<Accounting> {
    let trail = watching::read_own(client, patient).await?;
    watching::verify(client, &trail).await?;
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let records = client.salus().await?.all_records(patient).await?;
    let labels: BTreeMap<RecordIndex, String> = records
        .iter()
        .filter_map(|(index, record)| {
            let label = keyring.as_ref()?.label(&record.compartment)?;
            Some((*index, label.to_string()))
        })
        .collect();
    let secrets = watching::secrets(client, &trail).await?;
    let names = watching::names(client, &trail, &secrets, &[]).await?;
    let accounting = account(patient.to_string(), &trail.entries, &names, &labels)?;
    Ok(accounting.between(from, to))
}

/// How far the erasure of everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Something is still to be done: at the time given, or after a failure.
    Waiting,
    /// No record is left that the chain lets anybody read, and their keys are destroyed.
    Erased,
}

/// What one call has done of erasing everything, and what is left.
#[derive(Clone, Debug, Serialize)]
pub struct ErasedAll {
    pub patient: String,
    pub stage: Stage,
    /// When the last waiting time ends; until then all can be called off.
    pub until: Option<Moment>,
    /// Grants that were ended now.
    pub revoked: Vec<GrantIndex>,
    /// Records whose erasure was asked for now.
    pub asked: Vec<RecordIndex>,
    /// Records that were erased now.
    pub erased: Vec<RecordIndex>,
    /// What could not be done now. The same call again tries it again.
    pub failed: Vec<Failed>,
    /// The keys, if their time had come.
    pub keys: Option<DestroyedKeys>,
    pub remains: Remains,
}

#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    pub what: String,
    pub why: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct DestroyedKeys {
    /// Compartments' and the inbox's. None are left where an earlier call destroyed them.
    pub keys: usize,
    /// Whether the vault has the keyring without them.
    pub saved: bool,
    /// Other devices and kits that could open the keyring: each destroys the keys itself, when it
    /// next fetches the keyring; a printed kit does not.
    pub other_holders: Vec<String>,
}

/// What nobody can erase, or has not yet confirmed.
#[derive(Clone, Debug, Serialize)]
pub struct Remains {
    /// Entries of the trail, and with them every event about the patient.
    pub entries: u64,
    /// Rows: author, times, compartment's id, CID and salted fingerprint, without file, key and salt.
    pub records: usize,
    pub grants: usize,
    /// With letters in the vaults, which whoever wrote them can still read.
    pub requests: usize,
    pub corrections: usize,
    pub compartments: usize,
    pub controllers: usize,
    /// Erased records of which an organisation's vault has not yet said that the file is gone.
    pub unconfirmed: Vec<Unconfirmed>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Unconfirmed {
    pub record: RecordIndex,
    pub organisations: Vec<OrgId>,
}

/// Ends all grants and asks to erase all records; later, when the waiting time is over, destroys the
/// keys and finishes. Called again, it goes on where it is.
pub async fn erase_all(client: &Client, patient: PatientId) -> Result<ErasedAll> {
    let client = &client.in_turn().await?;
    ensure_decides(client, patient).await?;
    // Without it the keys could not be destroyed.
    client.keyring(patient)?;
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let mut failed = Vec::new();

    let rows = salus.all_records(patient).await?;
    let current = in_state(&rows, |state| *state == RecordState::Current);
    // Its package may hold keys that are to be destroyed. Every plan is replaced, and so with the first
    // call, whatever it opens.
    if !current.is_empty() && salus.emergency_plan(patient).await?.is_some() {
        let nothing = emergency::Planning {
            at_once: true,
            ..emergency::Planning::default()
        };
        if let Err(error) = emergency::plan(client, patient, &nothing).await {
            failed.push(Failed {
                what: "the emergency plan".into(),
                why: format!("{error}: `salus emergency plan --none --at-once` takes it back"),
            });
        }
    }
    let mut live: Vec<GrantIndex> = live_grants(&salus, patient, now)
        .await?
        .into_iter()
        .map(|(index, _)| index)
        .collect();
    // As restricting does: what either leaves on the chain is the same.
    live.shuffle(&mut OsRng);
    let revoke = |grant| calls::consent::revoke(patient, grant);
    let revoked = each(client, &live, "grant", revoke, &mut failed).await?;

    let erase = |record| calls::records::erase(patient, record);
    let asked = each(client, &current, "record", erase, &mut failed).await?;

    // Nothing brings back what is due: the keys go first, so that none is left to a broken call.
    let over = rows.iter().all(|(_, record)| record.is_erased(now));
    let keys = match over && revoked.len() == live.len() {
        true => match destroy_keys(client, patient, &rows, &mut failed).await {
            Ok(keys) => Some(keys),
            // Files can go all the same; the keys do with the next call.
            Err(error @ Error::KeyringUnseen(_)) => {
                failed.push(Failed {
                    what: "the keys".into(),
                    why: error.to_string(),
                });
                None
            }
            Err(error) => return Err(error),
        },
        false => None,
    };
    let due = in_state(
        &rows,
        |state| matches!(state, RecordState::ErasePending { until } if now >= *until),
    );
    let finish = |record| calls::records::finish_erase(patient, record);
    let erased = each(client, &due, "record", finish, &mut failed).await?;

    let salus = client.salus().await?;
    let rows = salus.all_records(patient).await?;
    let pending = rows.iter().filter_map(|(_, record)| match record.state {
        RecordState::ErasePending { until } => Some(until),
        _ => None,
    });
    let until = pending.max();
    let done = failed.is_empty()
        && keys.is_some()
        && rows.iter().all(|(_, row)| row.state == RecordState::Erased);
    Ok(ErasedAll {
        patient: patient.to_string(),
        stage: match done {
            true => Stage::Erased,
            false => Stage::Waiting,
        },
        until,
        revoked,
        asked,
        erased,
        failed,
        keys,
        remains: remains(&salus, patient, &rows).await?,
    })
}

/// Records whose erasure was called off.
#[derive(Clone, Debug, Serialize)]
pub struct KeptAll {
    pub patient: String,
    pub kept: Vec<RecordIndex>,
    pub failed: Vec<Failed>,
}

/// Calls off every erasure that is still waiting. Grants stay ended.
pub async fn keep_all(client: &Client, patient: PatientId) -> Result<KeptAll> {
    ensure_decides(client, patient).await?;
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let rows = salus.all_records(patient).await?;
    let waiting = in_state(
        &rows,
        |state| matches!(state, RecordState::ErasePending { until } if now < *until),
    );
    let mut failed = Vec::new();
    let cancel = |record| calls::records::cancel_erase(patient, record);
    let kept = each(client, &waiting, "record", cancel, &mut failed).await?;
    Ok(KeptAll {
        patient: patient.to_string(),
        kept,
        failed,
    })
}

/// So that nobody gets half-way who may not go on.
pub(super) async fn ensure_decides(client: &Client, patient: PatientId) -> Result<()> {
    let role = client
        .salus()
        .await?
        .controller(patient, &client.me())
        .await?;
    match role {
        Some(row) if row.role != ControllerRole::Carer => Ok(()),
        _ => Err(Error::NotPermitted(format!(
            "{} does not decide for patient {patient}: who decides for it does this",
            client.me()
        ))),
    }
}

pub(super) async fn live_grants(
    salus: &Salus,
    patient: PatientId,
    now: Moment,
) -> Result<Vec<(GrantIndex, Grant)>> {
    let grants = salus.all_grants(patient).await?.into_iter();
    Ok(grants
        .map(|(index, view)| (index, view.grant))
        .filter(|(_, grant)| !predicate::has_ended(grant, now))
        .collect())
}

fn in_state(
    rows: &[(RecordIndex, Record)],
    fits: impl Fn(&RecordState) -> bool,
) -> Vec<RecordIndex> {
    let rows = rows.iter().filter(|(_, record)| fits(&record.state));
    rows.map(|(index, _)| *index).collect()
}

/// Makes one call for each number; those that the chain has taken. Errs only if the node is lost.
pub(super) async fn each(
    client: &Client,
    numbers: &[u32],
    noun: &str,
    call: impl Fn(u32) -> Call,
    failed: &mut Vec<Failed>,
) -> Result<Vec<u32>> {
    let calls: Vec<Call> = numbers.iter().map(|number| call(*number)).collect();
    let results = client.chain.submit_many(&client.key, &calls).await;
    let mut taken = Vec::new();
    for (number, result) in numbers.iter().zip(results) {
        match result {
            Ok(_) => taken.push(*number),
            Err(error) if error.is_transport() => return Err(error.into()),
            Err(error) => failed.push(Failed {
                what: format!("{noun} {number}"),
                why: error.to_string(),
            }),
        }
    }
    Ok(taken)
}

/// Gives every compartment and the inbox a key that has sealed nothing yet, and destroys all others:
/// here, in the vault's keyring, and through it on the patient's other devices.
async fn destroy_keys(
    client: &Client,
    patient: PatientId,
    rows: &[(RecordIndex, Record)],
    failed: &mut Vec<Failed>,
) -> Result<DestroyedKeys> {
    let mut keyring = current_keyring(client, patient).await?;
    let salus = client.salus().await?;
    let last = rows.iter().map(|(_, record)| record.anchored_at).max();
    let mut used = Vec::new();
    for (id, view) in salus.compartments(patient).await? {
        let Some(known) = keyring.compartment(&id) else {
            failed.push(Failed {
                what: format!("compartment {id}"),
                why: "its keys are not in this keyring: fetch the newest one with `salus keyring fetch`".into(),
            });
            continue;
        };
        let epoch = view.compartment.epoch;
        let unused = epoch > 0
            && known.destroyed_before == epoch
            && last.is_none_or(|last| last < view.compartment.rotated_at);
        if !unused {
            used.push(id);
        }
    }
    let mut destroyed = 0;
    let mut rotated = !used.is_empty();
    // What is left of a rotation that broke off is nobody's to have any more.
    keyring.end_handing();
    if rotated {
        let renewed = rotate_compartments(client, &mut keyring, &used).await?;
        for (id, renewed) in used.iter().zip(renewed.rotated) {
            destroyed += keyring.destroy_before(id, renewed.epoch);
        }
    }
    let inbox = salus.recipient(&Subject::Inbox(patient)).await?;
    let epoch = inbox.map_or(0, |inbox| inbox.recipient.epoch);
    if rotated || epoch == 0 || keyring.inbox_destroyed_before() < epoch {
        let epoch = rotate_inbox(client, &mut keyring).await?;
        destroyed += keyring.destroy_inbox_before(epoch);
        rotated = true;
    }
    if rotated {
        keyring.end_handing();
        client.keep(&mut keyring)?;
    }
    client.profile.update_read_records(|read| {
        read.forget(&patient);
        Ok(())
    })?;
    // An earlier call may have been broken off before the vault had it.
    let current = !rotated && is_saved(client, &keyring).await.unwrap_or(false);
    let saved = current || back_up(client, &mut keyring).await;
    if !saved {
        failed.push(Failed {
            what: "the keyring in the vault".into(),
            why: "it still holds the keys: run `salus keyring save`".into(),
        });
    }
    let own = client.device.public().to_string();
    let others = keyring.holders().iter().filter(|holder| holder.key != own);
    Ok(DestroyedKeys {
        keys: destroyed,
        saved,
        other_holders: others.map(|holder| holder.name.clone()).collect(),
    })
}

/// Whether the vault's keyring holds what this one does, and nothing else.
async fn is_saved(client: &Client, keyring: &Keyring) -> Result<bool> {
    let row = client.salus().await?.patient(keyring.patient()).await?;
    let Some(content) = row.and_then(|row| row.keyring) else {
        return Ok(true);
    };
    let device = std::slice::from_ref(&client.device);
    let theirs = published(client, keyring.patient(), &content, device).await?;
    theirs.holds_the_same(keyring)
}

async fn remains(
    salus: &Salus,
    patient: PatientId,
    rows: &[(RecordIndex, Record)],
) -> Result<Remains> {
    let organisations = salus.all_organisations().await?;
    let keeping: Vec<OrgId> = organisations
        .into_iter()
        .filter(|(_, row)| row.suspended_at.is_none() && !row.vault_url.is_empty())
        .map(|(organisation, _)| organisation)
        .collect();
    let erased = in_state(rows, |state| *state == RecordState::Erased);
    let asking = erased.into_iter().map(|record| async move {
        let confirmed = salus.all_erasure_confirmations(patient, record).await?;
        Ok::<_, Error>((record, confirmed))
    });
    let answers: Vec<_> = futures::stream::iter(asking.collect::<Vec<_>>())
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let mut unconfirmed = Vec::new();
    for (record, confirmed) in answers {
        let lacks = |organisation: &OrgId| confirmed.iter().all(|(other, _)| other != organisation);
        let organisations: Vec<OrgId> = keeping.iter().copied().filter(lacks).collect();
        if !organisations.is_empty() {
            unconfirmed.push(Unconfirmed {
                record,
                organisations,
            });
        }
    }
    Ok(Remains {
        entries: salus.trail_head(patient).await?.count,
        records: rows.len(),
        grants: salus.all_grants(patient).await?.len(),
        requests: salus.all_requests(patient).await?.len(),
        corrections: salus.all_corrections(patient).await?.len(),
        compartments: salus.compartments(patient).await?.len(),
        controllers: salus.controllers(patient).await?.len(),
        unconfirmed,
    })
}
