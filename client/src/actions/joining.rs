//! Taking part in a study under an id that is for nothing else, so that nothing on the chain links it to
//! the person's other ids.
//!
//! It takes two steps, hours apart. [`begin`] needs a record of an id of care, and tells the chain
//! nothing: it keeps the copy on this device, makes the id and its account, and signs that the study's
//! organisation may enrol it. [`join`] needs nothing of the person's but what the first step has kept: it
//! files the copy under the new id, opts in and is paid, all by the new account.

use std::fs;

use salus_primitives::{
    AccountId, Balance, Cid, ClinicianRole, CompartmentId, GrantIndex, Member, Moment, OrgId,
    Participation, Patient, PatientId, RecordIndex, Scope, Study, StudyIndex,
};
use serde::{Deserialize, Serialize};

use super::accounts;
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
    /// The id of care that the copy is from, for as long as it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
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
        (self.copy, self.consent, self.source) = (None, None, None);
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

/// Acts with the account that was made for this id, and never with another one of the person's.
fn acting(client: &Client, patient: PatientId) -> Result<Client> {
    let acting = client.clone().acting_for(patient)?;
    match acting.me() == client.own.account() {
        false => Ok(acting),
        true => Err(Error::Unfit(format!(
            "this profile does not know which account acts for {patient}: `salus keys find` looks for it"
        ))),
    }
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
        let account = acting(client, patient)?.me();
        views.push(PartView {
            study: note.study,
            patient: patient.to_string(),
            account: account.to_string(),
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
        source: None,
        given_up: false,
    };
    note.save(client, &patient)
}

/// Refuses who takes part already, or did, or has begun to. What has begun and can go on no more is given
/// up.
pub(super) async fn ensure_new(client: &Client, salus: &Salus, study: StudyIndex) -> Result<()> {
    let client = &client.in_turn().await?;
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
    let client = &client.in_turn().await?;
    let salus = client.salus().await?;
    let study = prepared.preview.study.study;
    ensure_new(client, &salus, study).await?;
    let source = &prepared.preview.patient;
    ensure_source_unrestricted(client, study, source)?;
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
        copy: Some(prepared.copy.clone()),
        consent: None,
        expires_at,
        source: Some(source.clone()),
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
    let client = &client.in_turn().await?;
    let (patient, mut note) = note_of(client, study)?;
    let client = &acting(client, patient)?;
    let salus = client.salus().await?;
    let row = find(&salus, study).await?;
    let account = client.me().to_string();
    if let Some(part) = salus.participation(patient).await? {
        note.close(client, &patient, false)?;
        return Ok(Joining::Joined(Joined {
            study,
            patient: patient.to_string(),
            account,
            record: copies(&salus, patient, &part)
                .await?
                .first()
                .copied()
                .unwrap_or_default(),
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
    if let Some(source) = &note.source {
        ensure_source_unrestricted(client, study, source)?;
    }
    let salus = match note.copy.as_ref().is_some_and(|copy| copy.filed.is_some()) {
        // Filing it broke off, and may be under way still.
        true => {
            client.chain.settled(&client.me()).await?;
            client.salus().await?
        }
        false => salus,
    };
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

/// Refuses to let a copy go into a study while the patient restricts whose record it is. What this
/// profile's keyring says has to do: to ask the chain about that patient now would show whose the
/// study's id is.
fn ensure_source_unrestricted(client: &Client, study: StudyIndex, source: &str) -> Result<()> {
    let patient = source
        .parse()
        .map_err(|_| Error::damaged("study", "its note names no patient"))?;
    let keyring = client.profile.keyring(&patient, &client.device)?;
    match keyring.is_some_and(|keyring| keyring.restricted().is_some()) {
        false => Ok(()),
        true => Err(Error::Unfit(format!(
            "you restrict all access to patient {patient}, whose record the copy for study {study} is: `salus patient lift --patient {patient}` first, or `salus study leave {study}` gives the copy up"
        ))),
    }
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
    let client = &client.in_turn().await?;
    if client.profile.accounts()?.are_unknown() {
        accounts::find(client).await?;
    }
    let (patient, mut note) = note_of(client, study)?;
    let client = &acting(client, patient)?;
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use codec::DecodeAll;
    use salus_primitives::{
        api::CompartmentView, Clinician, Compartment, Controller, ControllerRole, Genesis,
        NewRecord, Record, RecordState, SignedRecipient, Subject,
    };
    use serde_json::json;
    use sp_core::H256;

    use super::*;
    use crate::actions::double::{ward, World, GENESIS, HOME, NOW};
    use crate::actions::research::{Preview, StudyView};
    use crate::actions::PAGE;
    use crate::chain::double::{event, Taken};
    use crate::keyring::Keyring;
    use crate::keys::{parse_account, AccountKey};
    use crate::profile::Profile;
    use crate::vault::tests::{Shelf, PATIENT};

    const STUDY: StudyIndex = 5;
    const INSTITUTE: OrgId = 7;
    const SECRET: &str = "what the copy says";

    fn desk() -> AccountId {
        AccountKey::from_uri("//Desk").unwrap().account()
    }

    fn study() -> Study {
        Study {
            organisation: INSTITUTE,
            payer: desk(),
            terms: Cid::raw([2; 32]),
            price: 100,
            quota: 3,
            joined: 0,
            announced_at: NOW - 10,
            ends_at: 100 * NOW,
            ended_at: None,
        }
    }

    fn prepared() -> Prepared {
        let row = study();
        let study = StudyView {
            study: STUDY,
            organisation: INSTITUTE,
            name: "Institute".into(),
            terms: cid(&row.terms),
            price: row.price,
            quota: row.quota,
            joined: row.joined,
            announced_at: row.announced_at,
            ends_at: row.ends_at,
            ended_at: None,
            state: "open",
            participants: Vec::new(),
        };
        Prepared {
            preview: Preview {
                study,
                patient: PATIENT.to_string(),
                record: 3,
                title: "Potassium".into(),
                changes: Vec::new(),
                document: serde_json::json!({}),
            },
            copy: Copy {
                content: SECRET.into(),
                category: Category::LabResult,
                sensitivity: Vec::new(),
                date: "2026-01-01T00:00:00Z".into(),
                filed: None,
            },
        }
    }

    /// Alice, who acts for a patient with an account of its own, and an institute that has one account of
    /// software.
    fn world() -> World {
        let mut world = World::at(None);
        let client = &world.client;
        client.profile.key_for(&client.own, &PATIENT).unwrap();
        let mut keyring = Keyring::new(PATIENT);
        keyring
            .add_holder("this device", &client.device.public())
            .unwrap();
        client.profile.save_keyring(&mut keyring).unwrap();
        world.client = world.client.clone().acting_for(PATIENT).unwrap();
        let role = ClinicianRole::Service;
        let clinician = Clinician {
            organisation: INSTITUTE,
            role,
            credentialed_at: 0,
            valid_until: 1,
            suspended_at: None,
        };
        let member = Member::Clinician {
            organisation: INSTITUTE,
            role,
        };
        let node = &world.node;
        let page = |after: Option<&AccountId>| (INSTITUTE, after.cloned(), PAGE);
        node.tell("clinicians", page(None), vec![(desk(), clinician)]);
        let none: Vec<(AccountId, Clinician)> = Vec::new();
        node.tell("clinicians", page(Some(&desk())), none);
        node.tell("member", desk(), Some(member));
        node.tell("studies", (STUDY, 1u32), vec![(STUDY, study())]);
        world
    }

    async fn begun(world: &World) -> (ConsentFile, PatientId) {
        let (file, begun) = begin(&world.client, &prepared(), None, 100).await.unwrap();
        let fresh = begun.patient.parse().unwrap();
        let part: Option<Participation> = None;
        world.node.tell("participation", fresh, part);
        (file, fresh)
    }

    fn enrol(world: &World, fresh: PatientId, enrolled_by: OrgId, enrolled_at: Moment) {
        let row = Patient {
            enrolled_by,
            enrolled_at,
            decided_since: enrolled_at,
            voided_at: None,
            keyring: None,
        };
        world.node.tell("patient", fresh, Some(row));
    }

    fn is_sent(world: &World) -> bool {
        let asked = world.node.asked();
        let sends =
            |asked: &String| asked == "system_accountNextIndex" || asked.starts_with("author_");
        asked.iter().any(sends)
    }

    /// What names the person elsewhere: the id of care, its account, and the profile's own.
    fn others(client: &Client) -> Vec<String> {
        let care = client.clone().acting_for(PATIENT).unwrap().me();
        let accounts = [care, client.own.account()];
        let texts = accounts.iter().map(ToString::to_string);
        let bytes = accounts
            .iter()
            .map(|account| hex::encode::<&[u8]>(account.as_ref()));
        texts
            .chain(bytes)
            .chain([PATIENT.to_string(), hex::encode(PATIENT.0)])
            .collect()
    }

    #[track_caller]
    fn assert_names_no_other(client: &Client, said: &str) {
        for other in others(client) {
            assert!(!said.contains(&other), "{other} in {said}");
        }
    }

    /// Every file of a profile.
    fn files(folder: &Path) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => found.extend(files(&path)),
                false => found.push(fs::read(path).unwrap()),
            }
        }
        found
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    #[tokio::test]
    async fn beginning_tells_the_chain_nothing_and_names_no_other_id() {
        let world = world();
        let client = &world.client;
        let (file, fresh) = begun(&world).await;
        assert!(!is_sent(&world));
        assert_eq!(file.organisation, INSTITUTE);
        assert_eq!(file.enroller, desk().to_string());
        file.verify(&GENESIS).unwrap();
        let json = String::from_utf8(file.to_json().unwrap()).unwrap();
        assert_names_no_other(client, &json);
        assert!(json.contains(&fresh.to_string()));
        // Not even a question names the id that nobody knows yet.
        for (_, question) in world.node.seen() {
            assert!(!question.contains(&hex::encode(fresh.0)), "{question}");
            assert_names_no_other(client, &question);
        }
        // The copy lies on this device, sealed, and the id is meant by nobody who does not name it.
        let folder = client.profile.folder();
        assert!(!files(folder).iter().any(|bytes| holds(bytes, SECRET)));
        let (kept, note) = note_of(client, STUDY).unwrap();
        assert_eq!(
            (kept, note.copy.unwrap().content),
            (fresh, SECRET.to_owned())
        );
        assert_eq!(client.profile.patients().unwrap().len(), 2);
        assert_eq!(client.profile.care_ids().unwrap(), [PATIENT]);
        assert_eq!(client.patient(None).unwrap(), PATIENT);
    }

    #[tokio::test]
    async fn only_an_account_of_the_studys_organisation_enrols_for_it() {
        let world = world();
        let salus = world.client.salus().await.unwrap();
        let named = enroller_of(&salus, INSTITUTE, Some(&desk())).await;
        assert_eq!(named.unwrap(), desk());
        let refused = enroller_of(&salus, HOME, Some(&desk())).await;
        assert!(
            matches!(refused, Err(Error::NotPermitted(_))),
            "{refused:?}"
        );
        // Its credential stands in the chain, and is not in force.
        let none: Option<Member> = None;
        world.node.tell("member", desk(), none);
        for named in [Some(desk()), None] {
            let refused = enroller_of(&salus, INSTITUTE, named.as_ref()).await;
            let told = refused.unwrap_err().to_string();
            assert!(told.contains("study's terms name"), "{told}");
        }
    }

    #[tokio::test]
    async fn what_has_begun_waits_and_is_not_begun_twice_until_its_time_is_over() {
        let world = world();
        let client = &world.client;
        let (_, fresh) = begun(&world).await;
        let nobody: Option<Patient> = None;
        world.node.tell("patient", fresh, nobody);
        let waits = join(client, STUDY).await.unwrap();
        let Joining::Waits(waits) = waits else {
            panic!("{waits:?}")
        };
        assert_eq!(waits.patient, fresh.to_string());
        let again = begin(client, &prepared(), None, 100).await.unwrap_err();
        assert!(again.to_string().contains("goes on"), "{again}");
        assert!(consent_file(client, STUDY).unwrap().is_some());

        world.node.tell("now", (), NOW + 100);
        let over = join(client, STUDY).await.unwrap_err();
        assert!(over.to_string().contains("begin anew"), "{over}");
        let (_, other) = begun(&world).await;
        assert_ne!(other, fresh);
        assert_eq!(note_of(client, STUDY).unwrap().0, other);
        assert_eq!(client.patient(None).unwrap(), PATIENT);
        assert!(!is_sent(&world));
    }

    #[tokio::test]
    async fn an_id_of_care_is_refused_and_told_what_to_do() {
        let world = world();
        let client = &world.client;
        let (_, fresh) = begun(&world).await;
        for (by, at) in [(HOME, NOW), (INSTITUTE, NOW - 11)] {
            enrol(&world, fresh, by, at);
            let refused = join(client, STUDY).await.unwrap_err();
            assert!(matches!(refused, Error::NotPermitted(_)), "{refused}");
            let told = refused.to_string();
            assert!(
                told.contains("`salus study join 5 RECORD --out FILE`"),
                "{told}"
            );
        }
        assert!(!is_sent(&world));
    }

    fn record(content: Cid) -> Record {
        Record {
            compartment: CompartmentId([1; 16]),
            epoch: 0,
            author: desk(),
            person: None,
            organisation: None,
            placed_by: desk(),
            content,
            commitment: H256::zero(),
            anchored_at: NOW,
            corrects: None,
            corrected_by: None,
            state: RecordState::Current,
        }
    }

    #[tokio::test]
    async fn what_broke_off_goes_on_without_the_source_and_files_nothing_twice() {
        let world = world();
        let client = &world.client;
        let (file, fresh) = begun(&world).await;
        enrol(&world, fresh, INSTITUTE, NOW);
        world.node.count(&file.controller, 0);
        world.node.take(|_, call| panic!("{call} is sent"));
        let before = world.node.seen().len();
        // The copy was filed, and then the connection broke.
        let (_, mut note) = note_of(client, STUDY).unwrap();
        let content = Cid::dag_pb([6; 32]);
        note.copy.as_mut().unwrap().filed = Some(cid(&content));
        note.save(client, &fresh).unwrap();
        let page = |from: u32| (fresh, from, PAGE);
        world
            .node
            .tell("records", page(0), vec![(0u32, record(content))]);
        world
            .node
            .tell("records", page(1), Vec::<(RecordIndex, Record)>::new());
        let key: Option<SignedRecipient> = None;
        world
            .node
            .tell("recipient", Subject::Organisation(INSTITUTE), key);
        for _ in 0..2 {
            let stopped = join(client, STUDY).await.unwrap_err();
            assert!(stopped.to_string().contains("encryption key"), "{stopped}");
        }
        assert!(note_of(client, STUDY).unwrap().1.copy.is_some());
        for (_, question) in &world.node.seen()[before..] {
            assert_names_no_other(client, question);
        }
        // What is not the copy is in nobody's study.
        world.node.tell(
            "records",
            page(0),
            vec![(0u32, record(Cid::dag_pb([9; 32])))],
        );
        let refused = join(client, STUDY).await.unwrap_err();
        assert!(
            refused.to_string().contains("more than the copy"),
            "{refused}"
        );
    }

    fn part() -> Participation {
        Participation {
            study: STUDY,
            actor: desk(),
            grant: 0,
            joined_at: NOW,
            withdrawn_at: None,
        }
    }

    /// Whose transactions were counted.
    fn signers(world: &World) -> Vec<String> {
        let seen = world.node.seen().into_iter();
        seen.filter(|(_, question)| question.starts_with("system_accountNextIndex"))
            .map(|(_, question)| question)
            .collect()
    }

    #[tokio::test]
    async fn leaving_signs_with_the_studys_account_alone() {
        let world = world();
        let client = &world.client;
        let (file, fresh) = begun(&world).await;
        // Before anything is joined there is nothing to sign.
        world.node.tell("participation", fresh, Some(part()));
        let before = world.node.seen().len();
        world.node.count(&file.controller, 0);
        leave(client, STUDY)
            .await
            .expect_err("this node takes nothing");
        let signers = signers(&world);
        assert!(!signers.is_empty());
        assert!(signers
            .iter()
            .all(|question| question.contains(&file.controller)));
        for (_, question) in &world.node.seen()[before..] {
            assert_names_no_other(client, question);
        }
    }

    #[tokio::test]
    async fn what_was_not_joined_is_given_up_without_a_word_to_the_chain() {
        let world = world();
        let client = &world.client;
        let (_, fresh) = begun(&world).await;
        let left = leave(client, STUDY).await.unwrap();
        assert!(left.receipt.is_none() && !is_sent(&world));
        assert!(note_of(client, STUDY).is_err());
        // The copy is gone, and the id is still none of care.
        let json = client
            .profile
            .study(&fresh, &client.device)
            .unwrap()
            .unwrap();
        assert!(!holds(&json, SECRET));
        assert_eq!(client.patient(None).unwrap(), PATIENT);
    }

    #[tokio::test]
    async fn who_has_joined_joins_no_second_time_and_the_copy_is_forgotten() {
        let world = world();
        let client = &world.client;
        let (_, fresh) = begun(&world).await;
        world.node.tell("participation", fresh, Some(part()));
        let none: Option<salus_primitives::api::GrantView> = None;
        world
            .node
            .tell("grants", (fresh, 0u32, PAGE), Vec::<u8>::new());
        world.node.tell("grant", (fresh, 0u32), none);
        // Opting in had gone through, and then the connection broke.
        let joined = join(client, STUDY).await.unwrap();
        assert!(matches!(
            joined,
            Joining::Joined(Joined { receipt: None, .. })
        ));
        let (_, note) = note_of(client, STUDY).unwrap();
        assert!(note.copy.is_none() && note.consent.is_none());
        let again = begin(client, &prepared(), None, 100).await.unwrap_err();
        assert!(again.to_string().contains("once"), "{again}");
        assert!(!is_sent(&world));
    }

    #[tokio::test]
    async fn a_profile_restored_from_its_phrase_finds_its_studies() {
        let world = World::at(None);
        let client = &world.client;
        let fresh = PatientId([9; 16]);
        for number in 0..40 {
            let account = client.own.for_patient(number).account();
            let patients = match number {
                2 => vec![fresh],
                _ => Vec::new(),
            };
            for patient in &patients {
                let page = (&account, Some(*patient), PAGE);
                world
                    .node
                    .tell("controlled_by", page, Vec::<PatientId>::new());
            }
            let page = (&account, None::<PatientId>, PAGE);
            world.node.tell("controlled_by", page, patients);
            world.node.count(&account.to_string(), 0);
        }
        world.node.tell("participation", fresh, Some(part()));
        client.profile.note_imported().unwrap();
        accounts::find(client).await.unwrap();
        assert_eq!(client.profile.study_ids().unwrap(), [fresh]);
        let salus = client.salus().await.unwrap();
        let parts = parts(client, &salus).await.unwrap();
        assert_eq!((parts[0].study, parts[0].stage), (STUDY, "joined"));
        let account = client.own.for_patient(2).account();
        assert_eq!(parse_account(&parts[0].account).unwrap(), account);
    }

    #[tokio::test]
    async fn without_the_studys_account_no_other_one_acts() {
        let world = world();
        let client = &world.client;
        begun(&world).await;
        let accounts = client.profile.folder().join("accounts.json");
        fs::remove_file(accounts).unwrap();
        let before = world.node.seen().len();
        for refused in [
            join(client, STUDY).await.map(|_| ()),
            leave(client, STUDY).await.map(|_| ()),
        ] {
            let told = refused.unwrap_err().to_string();
            assert!(told.contains("`salus keys find`"), "{told}");
        }
        assert_eq!(world.node.seen().len(), before);
    }

    #[test]
    fn an_id_of_a_study_has_no_say_in_which_patient_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), "//Alice").unwrap();
        let unlocked = profile.unlock("").unwrap();
        let id = patient::new_id(&profile, &unlocked, Genesis::zero()).unwrap();
        let device = unlocked.device.public();
        profile.save_study(&id.patient, b"{}", &device).unwrap();
        assert!(Client::which(&profile, None).is_err());
        assert_eq!(
            Client::which(&profile, Some(id.patient)).unwrap(),
            id.patient
        );
    }

    /// The study has enrolled the id, at a node that takes what is sent and a vault that takes what is
    /// uploaded. Returns what was sent.
    async fn enrolled(world: &mut World, file: &ConsentFile, fresh: PatientId) -> (Shelf, Sent) {
        enrol(world, fresh, INSTITUTE, NOW);
        let shelf = Shelf::open().await;
        world.client.vault = Some(shelf.url.clone());
        let (node, client) = (world.node.clone(), &world.client);
        let account = parse_account(&file.controller).unwrap();
        node.count(&file.controller, 0);
        let owner = Controller {
            role: ControllerRole::Owner,
            expires_at: None,
        };
        node.tell("controller", (fresh, &account), Some(owner));
        let keyring = client.keyring(fresh).unwrap();
        let view = CompartmentView {
            compartment: Compartment {
                epoch: 0,
                rotated_at: 0,
            },
            recipient: None,
            needs_rotation: false,
        };
        let ids = keyring.compartments().map(|(id, _)| *id);
        let views: Vec<_> = ids.map(|id| (id, view.clone())).collect();
        for (id, view) in &views {
            node.tell("compartment", (fresh, id), Some(view.clone()));
        }
        node.tell("compartments", fresh, views);
        let none: Vec<(RecordIndex, Record)> = Vec::new();
        node.tell("records", (fresh, 0u32, PAGE), none);
        node.tell("organisation", INSTITUTE, Some(ward(&client.me())));
        let subject = Subject::Organisation(INSTITUTE);
        let key = crate::files::age::DecryptionKey::generate().public();
        let recipient = SignedRecipient {
            signer: client.me(),
            recipient: client.key.sign_recipient(&subject, &key, 0, &GENESIS),
        };
        node.tell("recipient", subject, Some(recipient));
        let sent = Sent::default();
        let (heard, told) = (sent.clone(), node.clone());
        node.take(move |_, call| {
            let name = call.to_string();
            heard.lock().unwrap().push(name.clone());
            let events = match name.as_str() {
                "Records.anchor" => {
                    let (_, _, new) = <(PatientId, Option<GrantIndex>, NewRecord)>::decode_all(
                        &mut &call.args[..],
                    )
                    .unwrap();
                    let mut row = record(new.content);
                    row.compartment = new.compartment;
                    told.tell("records", (fresh, 0u32, PAGE), vec![(0u32, row)]);
                    let none: Vec<(RecordIndex, Record)> = Vec::new();
                    told.tell("records", (fresh, 1u32, PAGE), none);
                    vec![event("Records", "RecordAnchored", json!({"record": 0}))]
                }
                "Research.opt_in" => {
                    told.tell("participation", fresh, Some(part()));
                    let none: Option<salus_primitives::api::GrantView> = None;
                    told.tell("grant", (fresh, 0u32), none);
                    vec![event("Research", "OptedIn", json!({"grant": 0}))]
                }
                other => panic!("{other} is not taken here"),
            };
            Taken::In(events)
        });
        (shelf, sent)
    }

    type Sent = Arc<Mutex<Vec<String>>>;

    #[tokio::test]
    async fn two_that_join_at_once_file_the_copy_once() {
        let mut world = world();
        let (file, fresh) = begun(&world).await;
        let (shelf, sent) = enrolled(&mut world, &file, fresh).await;
        // As two processes with one profile.
        let (one, other) = (world.client.clone(), world.client.clone());
        let (first, second) = tokio::join!(join(&one, STUDY), join(&other, STUDY));
        for joined in [first, second] {
            assert!(matches!(joined.unwrap(), Joining::Joined(_)));
        }
        assert_eq!(*sent.lock().unwrap(), ["Records.anchor", "Research.opt_in"]);
        assert_eq!(shelf.taken().len(), 2, "the copy and the envelope");
    }

    #[tokio::test]
    async fn a_copy_whose_filing_is_still_under_way_is_waited_for() {
        let mut world = world();
        let (file, fresh) = begun(&world).await;
        let (shelf, sent) = enrolled(&mut world, &file, fresh).await;
        let client = &world.client;
        let content = Cid::dag_pb([6; 32]);
        let (_, mut note) = note_of(client, STUDY).unwrap();
        note.copy.as_mut().unwrap().filed = Some(cid(&content));
        note.save(client, &fresh).unwrap();
        world.node.count(&file.controller, 1);
        let chain = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert!(shelf.taken().is_empty(), "it is not uploaded meanwhile");
            let page = |from: u32| (fresh, from, PAGE);
            let none: Vec<(RecordIndex, Record)> = Vec::new();
            let filed = vec![(0u32, record(content))];
            world.node.tell("records", page(0), filed);
            world.node.tell("records", page(1), none);
            world.node.count(&file.controller, 0);
        };
        let (joined, ()) = tokio::join!(join(client, STUDY), chain);
        // Its compartment is none of the keyring's here, so the envelope cannot be made.
        assert!(matches!(joined, Err(Error::UnknownCompartment(_))));
        assert!(sent.lock().unwrap().is_empty(), "nothing is filed twice");
    }

    #[tokio::test]
    async fn two_that_begin_at_once_make_one_id() {
        let world = world();
        let (one, other) = (world.client.clone(), world.client.clone());
        // Whoever comes second finds out that the first id is not enrolled yet.
        world.node.tell_by_default("patient", None::<Patient>);
        let (first, second) = (prepared(), prepared());
        let (first, second) = tokio::join!(
            begin(&one, &first, None, 100),
            begin(&other, &second, None, 100)
        );
        assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
        assert_eq!(notes(&world.client).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn no_copy_goes_into_a_study_while_its_patient_restricts() {
        let mut world = world();
        let (file, fresh) = begun(&world).await;
        let (shelf, sent) = enrolled(&mut world, &file, fresh).await;
        let client = &world.client;
        let mut source = client.keyring(PATIENT).unwrap();
        source.restrict([]);
        client.profile.save_keyring(&mut source).unwrap();
        let before = world.node.seen().len();
        let refused = join(client, STUDY).await.unwrap_err().to_string();
        assert!(refused.contains("`salus patient lift"), "{refused}");
        assert!(refused.contains("`salus study leave 5`"), "{refused}");
        assert!(shelf.taken().is_empty() && sent.lock().unwrap().is_empty());
        // Nor is the chain asked about that patient beside the study's id.
        for (_, question) in &world.node.seen()[before..] {
            assert_names_no_other(client, question);
        }
        source.lift();
        client.profile.save_keyring(&mut source).unwrap();
        let joined = join(client, STUDY).await.unwrap();
        assert!(matches!(joined, Joining::Joined(_)));
        // What has joined knows no source any more.
        assert_eq!(note_of(client, STUDY).unwrap().1.source, None);
    }

    #[tokio::test]
    async fn what_was_prepared_before_restricting_is_not_begun() {
        let world = world();
        let client = &world.client;
        let mut source = client.keyring(PATIENT).unwrap();
        source.restrict([]);
        client.profile.save_keyring(&mut source).unwrap();
        let refused = begin(client, &prepared(), None, 100).await.unwrap_err();
        assert!(refused.to_string().contains("restrict"), "{refused}");
        assert!(notes(client).unwrap().is_empty());
    }
}
