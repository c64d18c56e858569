//! Taking part in a study under an id that is for nothing else, so that nothing on the chain links it to
//! the person's other ids.
//!
//! It takes two steps, hours apart. [`begin`] needs a record of an id of care, and tells the chain
//! nothing: it keeps the copy on this device, makes the id and its account, and signs that the study's
//! organisation may enrol it. [`join`] needs nothing of the person's but what the first step has kept: it
//! files the copy under the new id, opts in and is paid, all by the new account.

use std::fs;

use salus_primitives::{
    AccountId, Balance, Cid, ClinicianRole, CompartmentId, ControllerRole, GrantIndex, Member,
    Moment, OrgId, Participation, Patient, PatientId, RecordIndex, Scope, Study, StudyIndex,
};
use serde::{Deserialize, Serialize};

use super::credits::amount;
use super::emergency::is_service;
use super::identity::current_keyring;
use super::patient::{self, ConsentFile};
use super::records::{labelled, uploaded, NewFile};
use super::research::{ensure_open, find, Prepared};
use super::sharing::{ensure_unrestricted, hand_over};
use super::{caused, cid, number, Client, Receipt};
use crate::chain::{calls, Salus};
use crate::error::{Error, Result};
use crate::files::manifest::rfc3339;
use crate::keyring::Label;
use crate::profile::Unlocked;
use crate::taxonomy::{Category, Sensitivity};

/// What a profile knows of an id that is for one study. It lies sealed to the device: nothing else says
/// whose the id is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    study: StudyIndex,
    /// What is to be filed; none once the study has it, or it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copy: Option<Copy>,
    /// What the study's organisation enrols the id with, for as long as the copy waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent: Option<ConsentFile>,
    /// Until when that can be used.
    #[serde(default)]
    expires_at: Moment,
    /// The id is for nothing any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    given_up: bool,
}

/// A record without what says whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Copy {
    pub(super) content: String,
    pub(super) category: Category,
    pub(super) sensitivity: Vec<Sensitivity>,
    pub(super) date: String,
    /// The CID of its file, once that was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filed: Option<String>,
}

impl Note {
    fn save(&self, client: &Client, patient: &PatientId) -> Result<()> {
        let json = serde_json::to_vec(self).map_err(|error| Error::invalid("study", error))?;
        let device = client.device.public();
        client.profile.save_study(patient, &json, &device)
    }

    /// The study has the copy, or never gets it.
    fn close(&mut self, client: &Client, patient: &PatientId, given_up: bool) -> Result<()> {
        (self.copy, self.consent) = (None, None);
        self.given_up = given_up;
        self.save(client, patient)
    }
}

/// The ids of this profile that are for a study, and were not given up.
fn notes(client: &Client) -> Result<Vec<(PatientId, Note)>> {
    let mut notes = Vec::new();
    for patient in client.profile.study_ids()? {
        let Some(json) = client.profile.study(&patient, &client.device)? else {
            continue;
        };
        // Not the parser's own words: they may quote the copy.
        let note: Note = serde_json::from_slice(&json)
            .map_err(|_| Error::damaged("study", "its note cannot be read"))?;
        if !note.given_up {
            notes.push((patient, note));
        }
    }
    Ok(notes)
}

fn note_of(client: &Client, study: StudyIndex) -> Result<(PatientId, Note)> {
    let mut notes = notes(client)?.into_iter();
    notes.find(|(_, note)| note.study == study).ok_or_else(|| {
        Error::Unfit(format!(
            "this profile takes no part in study {study}: `salus study join {study} RECORD --out FILE` begins"
        ))
    })
}

/// A part that this profile has in a study.
#[derive(Clone, Debug, Serialize)]
pub struct PartView {
    #[serde(skip)]
    pub study: StudyIndex,
    /// The id that is for this study alone.
    pub patient: String,
    /// The account that acts for it, and is paid.
    pub account: String,
    /// `waits`, to be enrolled by the study; `enrolled`; `joined`; `left`.
    pub stage: &'static str,
    /// Until when the study can enrol it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Moment>,
}

/// Lists what this profile takes part in, did, or has begun to.
pub(super) async fn parts(client: &Client, salus: &Salus) -> Result<Vec<PartView>> {
    let mut views = Vec::new();
    for (patient, note) in notes(client)? {
        let part = salus.participation(patient).await?;
        let stage = match &part {
            Some(Participation {
                withdrawn_at: Some(_),
                ..
            }) => "left",
            Some(_) => "joined",
            None if salus.patient(patient).await?.is_some() => "enrolled",
            None => "waits",
        };
        let acting = client.clone().acting_for(patient)?;
        views.push(PartView {
            study: note.study,
            patient: patient.to_string(),
            account: acting.me().to_string(),
            stage,
            expires_at: (stage == "waits").then_some(note.expires_at),
            grant: part.as_ref().map(|part| part.grant),
            joined_at: part.as_ref().map(|part| part.joined_at),
            withdrawn_at: part.and_then(|part| part.withdrawn_at),
        });
    }
    Ok(views)
}

/// Notes what an id is for that was found by its account alone, on a new device.
pub(super) async fn recognise(client: &Client, salus: &Salus, patient: PatientId) -> Result<()> {
    let profile = &client.profile;
    let known = profile.keyring(&patient, &client.device)?.is_some()
        || profile.study_ids()?.contains(&patient);
    if known {
        return Ok(());
    }
    let Some(part) = salus.participation(patient).await? else {
        return Ok(());
    };
    let note = Note {
        study: part.study,
        copy: None,
        consent: None,
        expires_at: 0,
        given_up: false,
    };
    note.save(client, &patient)
}

/// Refuses who takes part already, or did, or has begun to. What has begun and can go on no more is given
/// up.
pub(super) async fn ensure_new(client: &Client, salus: &Salus, study: StudyIndex) -> Result<()> {
    let now = salus.now().await?;
    for (patient, mut note) in notes(client)? {
        if note.study != study {
            continue;
        }
        if note.copy.is_none() {
            return Err(Error::Unfit(format!(
                "you are or were in study {study}: each takes part once"
            )));
        }
        let enrolled = salus.patient(patient).await?.is_some();
        if enrolled || (note.consent.is_some() && now < note.expires_at) {
            return Err(Error::Unfit(format!(
                "you have begun to join study {study}: `salus study join {study}` goes on once the study has enrolled you, and `salus study leave {study}` gives it up"
            )));
        }
        note.close(client, &patient, true)?;
    }
    Ok(())
}

/// What waits for the study's organisation.
#[derive(Clone, Debug, Serialize)]
pub struct Begun {
    pub study: StudyIndex,
    /// The id that is for this study alone.
    pub patient: String,
    /// The account that will act for it, and be paid.
    pub account: String,
    pub organisation: OrgId,
    /// Who can enrol it, until when.
    pub enroller: String,
    pub expires_at: Moment,
}

/// Keeps a prepared copy on this device, makes an id for the study alone, and signs that the study's
/// organisation may enrol it within `valid`. The file is to be handed over as the study's terms say; it
/// names no other id and no other account. Nothing is told to the chain.
pub async fn begin(
    client: &Client,
    prepared: &Prepared,
    enroller: Option<&AccountId>,
    valid: Moment,
) -> Result<(ConsentFile, Begun)> {
    let salus = client.salus().await?;
    let study = prepared.preview.study.study;
    ensure_new(client, &salus, study).await?;
    let organisation = prepared.preview.study.organisation;
    let enroller = enroller_of(&salus, organisation, enroller).await?;
    let expires_at = client.clock().await?.saturating_add(valid);
    let genesis = client.chain.genesis();
    let unlocked = Unlocked {
        account: client.own.clone(),
        device: client.device.clone(),
    };
    let id = patient::new_id(&client.profile, &unlocked, genesis)?;
    let patient = id.patient;
    let mut note = Note {
        study,
        copy: Some(prepared.copy()),
        consent: None,
        expires_at,
        given_up: false,
    };
    // Before its keyring, so that it is never taken for an id of care.
    note.save(client, &patient)?;
    let (file, consented) = patient::sign(
        &client.profile,
        &unlocked,
        genesis,
        id,
        (organisation, &enroller),
        ControllerRole::Owner,
        expires_at,
    )?;
    note.consent = Some(file.clone());
    note.save(client, &patient)?;
    let begun = Begun {
        study,
        patient: consented.patient,
        account: consented.controller,
        organisation,
        enroller: consented.enroller,
        expires_at,
    };
    Ok((file, begun))
}

/// The account that enrols for a study: the one that was named, or the only one of its organisation's
/// software. Believed is the chain alone.
async fn enroller_of(
    salus: &Salus,
    organisation: OrgId,
    named: Option<&AccountId>,
) -> Result<AccountId> {
    if let Some(account) = named {
        return match salus.member(account).await? {
            Some(Member::Clinician { organisation: own, .. }) if own == organisation => {
                Ok(account.clone())
            }
            _ => Err(Error::NotPermitted(format!(
                "{account} enrols nobody for organisation {organisation}: take the account that the study's terms name"
            ))),
        };
    }
    let mut found = Vec::new();
    for (account, row) in salus.all_clinicians(organisation).await? {
        if row.role == ClinicianRole::Service && is_service(salus, &account, organisation).await? {
            found.push(account);
        }
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Error::Unfit(format!(
            "organisation {organisation} has no software that enrols: name the account that the study's terms name with --enroller"
        ))),
        several => Err(Error::Unfit(format!(
            "organisation {organisation} has {} accounts of software: name the one that the study's terms name with --enroller",
            several.len()
        ))),
    }
}

/// What became of an attempt to join.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Joining {
    Joined(Joined),
    /// The study has not enrolled the id yet.
    Waits(Begun),
}

#[derive(Clone, Debug, Serialize)]
pub struct Joined {
    pub study: StudyIndex,
    /// The id that is for this study alone.
    pub patient: String,
    /// The account that was paid.
    pub account: String,
    /// The de-identified copy in this id's chart.
    pub record: RecordIndex,
    /// Its compartment.
    pub label: String,
    pub grant: GrantIndex,
    /// What the account was paid.
    #[serde(serialize_with = "amount")]
    pub price: Balance,
    /// None if an earlier attempt had joined.
    #[serde(flatten)]
    pub receipt: Option<Receipt>,
}

/// The file that the study's organisation enrols the id with, to be written once more.
pub fn consent_file(client: &Client, study: StudyIndex) -> Result<Option<ConsentFile>> {
    Ok(note_of(client, study)?.1.consent)
}

/// Files the copy under the id that the study has enrolled, lets the study read it, and is paid. All of
/// it by that id's account, on its own connection. What an earlier attempt has done is not done again.
pub async fn join(client: &Client, study: StudyIndex) -> Result<Joining> {
    let (patient, mut note) = note_of(client, study)?;
    let client = &client.clone().acting_for(patient)?;
    let salus = client.salus().await?;
    let row = find(&salus, study).await?;
    let account = client.me().to_string();
    if let Some(part) = salus.participation(patient).await? {
        note.close(client, &patient, false)?;
        return Ok(Joining::Joined(Joined {
            study,
            patient: patient.to_string(),
            account,
            record: copies(&salus, patient, &part).await?.first().copied().unwrap_or_default(),
            label: String::new(),
            grant: part.grant,
            price: row.price,
            receipt: None,
        }));
    }
    ensure_open(study, &row, salus.now().await?)?;
    let Some(enrolled) = salus.patient(patient).await? else {
        return waits(&salus, (patient, &note), account, &row).await;
    };
    ensure_enrolled_for(patient, &enrolled, study, &row)?;
    ensure_unrestricted(&client.keyring(patient)?)?;
    let (record, compartment) = filed(client, &salus, patient, &mut note).await?;
    let keyring = current_keyring(client, patient).await?;
    let (to, until) = (row.organisation, row.ends_at);
    let envelope = hand_over(client, &keyring, compartment, to, until).await?;
    let call = calls::research::opt_in(study, patient, compartment, record, envelope);
    let submitted = client.submit(&call).await?;
    note.close(client, &patient, false)?;
    Ok(Joining::Joined(Joined {
        study,
        patient: patient.to_string(),
        account,
        record,
        label: keyring
            .label(&compartment)
            .map(Label::to_string)
            .unwrap_or_default(),
        grant: number(caused(&submitted, "Research", "OptedIn")?, "grant")?,
        price: row.price,
        receipt: Some((&submitted).into()),
    }))
}

async fn waits(
    salus: &Salus,
    (patient, note): (PatientId, &Note),
    account: String,
    study: &Study,
) -> Result<Joining> {
    let (index, expires_at) = (note.study, note.expires_at);
    match &note.consent {
        Some(consent) if salus.now().await? < expires_at => Ok(Joining::Waits(Begun {
            study: index,
            patient: patient.to_string(),
            account,
            organisation: study.organisation,
            enroller: consent.enroller.clone(),
            expires_at,
        })),
        _ => Err(Error::Unfit(format!(
            "organisation {} has not enrolled you for study {index} in time, until {}: begin anew with `salus study join {index} RECORD --out FILE`",
            study.organisation,
            rfc3339(expires_at)
        ))),
    }
}

/// As the chain would refuse it, before anything is filed.
fn ensure_enrolled_for(
    patient: PatientId,
    enrolled: &Patient,
    index: StudyIndex,
    study: &Study,
) -> Result<()> {
    match enrolled.enrolled_by == study.organisation && enrolled.enrolled_at >= study.announced_at {
        true => Ok(()),
        false => Err(Error::NotPermitted(format!(
            "organisation {} has not enrolled {patient} for study {index}, and nobody takes part under an id of care: `salus study join {index} RECORD --out FILE` makes an id for the study alone",
            study.organisation
        ))),
    }
}

/// Files the copy, if an earlier attempt has not. Returns its number, and where it lies.
async fn filed(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    note: &mut Note,
) -> Result<(RecordIndex, CompartmentId)> {
    let now = salus.now().await?;
    let mut rows = salus.all_records(patient).await?;
    rows.retain(|(_, record)| !record.is_erased(now));
    let copy = note.copy.as_ref();
    let copy = copy.ok_or_else(|| Error::damaged("study", "its copy is not there"))?;
    let is_copy = |content: &Cid| copy.filed.as_ref() == Some(&cid(content));
    match rows.as_slice() {
        [] => {}
        // The chain pays for no copy that is about to be erased.
        [(index, record)] if record.is_current() && is_copy(&record.content) => {
            return Ok((*index, record.compartment))
        }
        _ => {
            return Err(Error::Unfit(format!(
                "the chart of {patient} holds more than the copy for study {}: `salus study leave {0}` gives it up",
                note.study
            )))
        }
    }
    let folder = tempfile::tempdir().map_err(|error| Error::io("make a folder", error))?;
    let path = folder.path().join("record.json");
    fs::write(&path, &copy.content).map_err(Error::file("write", &path))?;
    let file = NewFile {
        path,
        // The record's own title might name somebody.
        title: Some("De-identified record".into()),
        category: copy.category,
        sensitivity: copy.sensitivity.clone(),
        date: Some(copy.date.clone()),
        media_type: None,
        code: None,
    };
    let (items, _) = uploaded(client, patient, labelled(&[file]).await?).await?;
    let (_, _, new) = items
        .first()
        .ok_or_else(|| Error::damaged("study", "its copy was not uploaded"))?;
    // Before the chain hears of it, so that it is not filed twice.
    if let Some(copy) = &mut note.copy {
        copy.filed = Some(cid(&new.content));
    }
    note.save(client, &patient)?;
    let call = calls::records::anchor(patient, None, new);
    let submitted = client.submit(&call).await?;
    let anchored = caused(&submitted, "Records", "RecordAnchored")?;
    Ok((number(anchored, "record")?, new.compartment))
}

#[derive(Clone, Debug, Serialize)]
pub struct Left {
    pub study: StudyIndex,
    /// The id that is for this study alone.
    pub patient: String,
    /// The de-identified copies that are still in this id's chart.
    pub records: Vec<RecordIndex>,
    /// None if nothing had been joined: then the copy was forgotten, and that is all.
    #[serde(flatten)]
    pub receipt: Option<Receipt>,
}

/// Ends this profile's part in a study. What was read, the study has; what was paid, the patient keeps.
pub async fn leave(client: &Client, study: StudyIndex) -> Result<Left> {
    let (patient, mut note) = note_of(client, study)?;
    let client = &client.clone().acting_for(patient)?;
    let salus = client.salus().await?;
    let Some(part) = salus.participation(patient).await? else {
        note.close(client, &patient, true)?;
        return Ok(Left {
            study,
            patient: patient.to_string(),
            records: Vec::new(),
            receipt: None,
        });
    };
    let submitted = client.submit(&calls::research::withdraw(patient)).await?;
    note.close(client, &patient, false)?;
    Ok(Left {
        study,
        patient: patient.to_string(),
        records: copies(&salus, patient, &part).await?,
        receipt: Some((&submitted).into()),
    })
}

/// What lies in the compartments that a participation opened.
async fn copies(
    salus: &Salus,
    patient: PatientId,
    part: &Participation,
) -> Result<Vec<RecordIndex>> {
    let Some(view) = salus.grant(patient, part.grant).await? else {
        return Ok(Vec::new());
    };
    let now = salus.now().await?;
    let rows = salus.all_records(patient).await?;
    let shared = |id: &CompartmentId| match &view.grant.scope {
        Scope::Compartments(ids) => ids.contains(id),
        Scope::Records(_) => false,
    };
    Ok(rows
        .iter()
        .filter(|(_, record)| shared(&record.compartment) && !record.is_erased(now))
        .map(|(index, _)| *index)
        .collect())
}
