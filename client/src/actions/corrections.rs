//! What was wrong: asking for corrections, answering, and hearing of them.

use salus_primitives::{
    Correction, CorrectionIndex, CorrectionState, LetterStage, Moment, PatientId, RecordIndex,
    Subject,
};
use serde::Serialize;

use super::describe::moment;
use super::records::{add_to, covers, label_of, no_record, Aim, NewFile};
use super::{caused, letters, number, Client, Receipt};
use crate::chain::{calls, Call, Salus};
use crate::error::{Error, Result};
use crate::files::age::EncryptionKey;
use crate::files::letter::Letter;
use crate::keyring::Label;
use crate::taxonomy::{Category, Sensitivity};
use crate::vault::Location;

#[derive(Clone, Debug, Serialize)]
pub struct AskedCorrection {
    pub patient: String,
    pub correction: CorrectionIndex,
    pub record: RecordIndex,
    pub due_at: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// A controller asks for a record to be corrected.
pub async fn ask(
    client: &Client,
    patient: PatientId,
    record: RecordIndex,
    text: &str,
) -> Result<AskedCorrection> {
    let salus = client.salus().await?;
    let keys = everyone(client, &salus, patient, record).await?;
    let session = client.session(patient).await?;
    let letter = Letter::new(format!("Correction of record {record}"), text);
    let content = letters::send(client, &session, patient, &keys, &letter).await?;
    let submitted = client
        .submit(&calls::corrections::ask(patient, record, content))
        .await?;
    let event = caused(&submitted, "Corrections", "CorrectionRequested")?;
    Ok(AskedCorrection {
        patient: patient.to_string(),
        correction: number(event, "correction")?,
        record,
        due_at: event.fields.get("due_at").and_then(|due| due.as_u64()),
        receipt: (&submitted).into(),
    })
}

/// The keys of all who have a part in a record's correction: the patient, and who answers.
async fn everyone(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    index: RecordIndex,
) -> Result<Vec<EncryptionKey>> {
    let record = salus
        .record(patient, index)
        .await?
        .ok_or_else(|| no_record(patient, index))?;
    let mut keys = vec![client.recipient(salus, &Subject::Inbox(patient)).await?];
    if let Some(organisation) = record.organisation {
        keys.extend(letters::responders(client, salus, &record.author, organisation).await?);
    }
    Ok(keys)
}

async fn correction(
    salus: &Salus,
    patient: PatientId,
    index: CorrectionIndex,
) -> Result<Correction> {
    salus.correction(patient, index).await?.ok_or_else(|| {
        Error::Unfit(format!(
            "patient {patient} has no correction {index}: `salus correct list` shows them"
        ))
    })
}

/// What a wrong record is replaced by.
#[derive(Clone, Debug)]
pub enum Replacement {
    Record(RecordIndex),
    /// A file, which is added to the compartment of the wrong record. The category is that of the
    /// compartment, if this account knows it.
    File {
        path: std::path::PathBuf,
        title: Option<String>,
        media_type: Option<String>,
        category: Option<Category>,
        sensitivity: Vec<Sensitivity>,
    },
}

async fn replace(
    client: &Client,
    patient: PatientId,
    index: RecordIndex,
    replacement: &Replacement,
) -> Result<RecordIndex> {
    let Replacement::File {
        path,
        title,
        media_type,
        category,
        sensitivity,
    } = replacement
    else {
        let Replacement::Record(record) = replacement else {
            return Err(Error::Unfit("there is no replacement".into()));
        };
        return Ok(*record);
    };
    let record = client
        .salus()
        .await?
        .record(patient, index)
        .await?
        .ok_or_else(|| no_record(patient, index))?;
    let label = label_of(client, patient, record.compartment).await?;
    let (category, sensitivity) = match (category, label) {
        (Some(category), _) => (*category, sensitivity.clone()),
        (None, Some(Label::Category { category })) => (category, sensitivity.clone()),
        (None, _) => {
            return Err(Error::Unfit(
                "what is known of the wrong record here does not tell its category: say it with --category".into(),
            ))
        }
    };
    let file = NewFile {
        path: path.clone(),
        title: title.clone(),
        category,
        sensitivity,
        date: None,
        media_type: media_type.clone(),
        code: None,
    };
    let aim = Aim::Compartment(record.compartment);
    Ok(add_to(client, patient, vec![(file, aim)]).await?.record)
}

#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    pub patient: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<CorrectionIndex>,
    pub record: RecordIndex,
    pub replacement: Option<RecordIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Corrects a record as the patient asked. With a `letter`, only in part, and the letter says why.
pub async fn accept(
    client: &Client,
    patient: PatientId,
    index: CorrectionIndex,
    replacement: &Replacement,
    letter: Option<&str>,
) -> Result<Answered> {
    let salus = client.salus().await?;
    let record = correction(&salus, patient, index).await?.record;
    let replacement = replace(client, patient, record, replacement).await?;
    let call = match letter {
        None => calls::corrections::accept(patient, index, replacement),
        Some(text) => {
            let content = write(client, patient, record, text).await?;
            calls::corrections::partly_accept(patient, index, replacement, content)
        }
    };
    finish(
        client,
        patient,
        Some(index),
        record,
        Some(replacement),
        call,
    )
    .await
}

pub async fn deny(
    client: &Client,
    patient: PatientId,
    index: CorrectionIndex,
    text: &str,
) -> Result<Answered> {
    let (record, content) = reply(client, patient, index, text).await?;
    let call = calls::corrections::deny(patient, index, content);
    finish(client, patient, Some(index), record, None, call).await
}

/// The patient's statement after a denial.
pub async fn disagree(
    client: &Client,
    patient: PatientId,
    index: CorrectionIndex,
    text: &str,
) -> Result<Answered> {
    let (record, content) = reply(client, patient, index, text).await?;
    let call = calls::corrections::disagree(patient, index, content);
    finish(client, patient, Some(index), record, None, call).await
}

/// The author's answer to that statement.
pub async fn rebut(
    client: &Client,
    patient: PatientId,
    index: CorrectionIndex,
    text: &str,
) -> Result<Answered> {
    let (record, content) = reply(client, patient, index, text).await?;
    let call = calls::corrections::rebut(patient, index, content);
    finish(client, patient, Some(index), record, None, call).await
}

/// Takes 30 more days to answer, once.
pub async fn extend(
    client: &Client,
    patient: PatientId,
    index: CorrectionIndex,
) -> Result<Answered> {
    let record = correction(&client.salus().await?, patient, index)
        .await?
        .record;
    let call = calls::corrections::extend(patient, index);
    finish(client, patient, Some(index), record, None, call).await
}

/// The author corrects a record unasked.
pub async fn make(
    client: &Client,
    patient: PatientId,
    record: RecordIndex,
    replacement: &Replacement,
) -> Result<Answered> {
    let replacement = replace(client, patient, record, replacement).await?;
    let call = calls::corrections::make(patient, record, replacement);
    finish(client, patient, None, record, Some(replacement), call).await
}

async fn reply(
    client: &Client,
    patient: PatientId,
    index: CorrectionIndex,
    text: &str,
) -> Result<(RecordIndex, salus_primitives::Cid)> {
    let record = correction(&client.salus().await?, patient, index)
        .await?
        .record;
    Ok((record, write(client, patient, record, text).await?))
}

async fn write(
    client: &Client,
    patient: PatientId,
    record: RecordIndex,
    text: &str,
) -> Result<salus_primitives::Cid> {
    let salus = client.salus().await?;
    let keys = everyone(client, &salus, patient, record).await?;
    let session = client.session(patient).await?;
    let letter = Letter::new(format!("Correction of record {record}"), text);
    letters::send(client, &session, patient, &keys, &letter).await
}

async fn finish(
    client: &Client,
    patient: PatientId,
    correction: Option<CorrectionIndex>,
    record: RecordIndex,
    replacement: Option<RecordIndex>,
    call: Call,
) -> Result<Answered> {
    let submitted = client.submit(&call).await?;
    let due_at = submitted
        .event("Corrections", "CorrectionExtended")
        .and_then(|event| event.fields.get("due_at")?.as_u64());
    Ok(Answered {
        patient: patient.to_string(),
        correction,
        record,
        replacement,
        due_at,
        receipt: (&submitted).into(),
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct CorrectionRow {
    pub patient: String,
    pub correction: CorrectionIndex,
    pub record: RecordIndex,
    pub state: &'static str,
    pub overdue: bool,
    pub replacement: Option<RecordIndex>,
    pub asked_at: Moment,
    pub due_at: Moment,
    pub letters: Vec<LetterView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LetterView {
    pub stage: &'static str,
    pub author: String,
    pub text: Option<String>,
    pub unreadable: Option<String>,
}

const STAGES: [(LetterStage, &str); 4] = [
    (LetterStage::Request, "request"),
    (LetterStage::Answer, "answer"),
    (LetterStage::Disagreement, "disagreement"),
    (LetterStage::Rebuttal, "rebuttal"),
];

/// A patient's corrections, with the letters that this account may read; for others than the patient's
/// controllers, those of which they may read a letter.
pub async fn list(client: &Client, patient: PatientId) -> Result<Vec<CorrectionRow>> {
    let salus = client.salus().await?;
    let controls = client.controls(&salus, patient).await?;
    let now = salus.now().await?;
    let rows = salus.all_corrections(patient).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = letters::keys(client, &salus, patient).await?;
    let session = client.session(patient).await?;
    let mut views = Vec::new();
    for (index, row) in rows {
        let mut letters = Vec::new();
        for (stage, name) in STAGES {
            let found = salus
                .correction_letter(patient, index, stage, &client.me())
                .await?;
            let Some((content, author, true)) = found else {
                continue;
            };
            let location = Location::CorrectionLetter(patient, index, stage);
            let letter = letters::read(&session, location, &content, &author, &keys).await;
            let (text, unreadable) = match letter {
                Ok(letter) => (Some(letter.text), None),
                Err(error) => (None, Some(error.to_string())),
            };
            letters.push(LetterView {
                stage: name,
                author: author.to_string(),
                text,
                unreadable,
            });
        }
        if !controls && letters.is_empty() {
            continue;
        }
        let (state, replacement) = state(&row.state);
        views.push(CorrectionRow {
            patient: patient.to_string(),
            correction: index,
            record: row.record,
            state,
            overdue: row.state == CorrectionState::Requested && now > row.due_at,
            replacement,
            asked_at: row.asked_at,
            due_at: row.due_at,
            letters,
        });
    }
    Ok(views)
}

fn state(state: &CorrectionState) -> (&'static str, Option<RecordIndex>) {
    match state {
        CorrectionState::Requested => ("requested", None),
        CorrectionState::Accepted { replacement } => ("accepted", Some(*replacement)),
        CorrectionState::PartlyAccepted { replacement, .. } => {
            ("partly-accepted", Some(*replacement))
        }
        CorrectionState::Denied { .. } => ("denied", None),
        CorrectionState::Disagreed { .. } => ("disagreed", None),
        CorrectionState::Rebutted { .. } => ("rebutted", None),
    }
}

/// A record that this profile has opened, and that was corrected since.
#[derive(Clone, Debug, Serialize)]
pub struct ReadAndCorrected {
    pub patient: String,
    pub record: RecordIndex,
    pub opened_at: Moment,
    /// What is right, where a grant of this account reaches it now.
    pub replacement: Option<RecordIndex>,
}

/// What to tell of it.
impl std::fmt::Display for ReadAndCorrected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Record {} of patient {}, which you opened on {}, was wrong: ",
            self.record,
            self.patient,
            moment(self.opened_at)
        )?;
        match self.replacement {
            Some(record) => write!(f, "record {record} is right."),
            None => f.write_str("what is right is not shared with you; ask the patient for it."),
        }
    }
}

/// Whether this account may read a record now, as who acts for the patient or under a grant.
async fn is_shared(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    index: RecordIndex,
) -> Result<bool> {
    if client.controls(salus, patient).await? {
        return Ok(true);
    }
    let Some(record) = salus.record(patient, index).await? else {
        return Ok(false);
    };
    let grants = salus.all_grants_between(patient, &client.me()).await?;
    Ok(grants.iter().any(|(_, view)| {
        view.active && view.grant.rights.read() && covers(&view.grant, index, &record)
    }))
}

/// What this profile has opened and is known to be wrong by now, whether or not the grant still holds.
pub async fn of_what_i_read(client: &Client) -> Result<Vec<ReadAndCorrected>> {
    let salus = client.salus().await?;
    let mut corrected = Vec::new();
    for read in client.profile.read_records()?.iter() {
        let Ok(patient) = read.patient.parse() else {
            continue;
        };
        let record = salus.record(patient, read.record).await?;
        if let Some(replacement) = record.and_then(|record| record.corrected_by) {
            let replacement = match is_shared(client, &salus, patient, replacement).await? {
                true => Some(replacement),
                false => None,
            };
            corrected.push(ReadAndCorrected {
                patient: read.patient.clone(),
                record: read.record,
                opened_at: read.opened_at,
                replacement,
            });
        }
    }
    Ok(corrected)
}
