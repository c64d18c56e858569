//! Saying that something is wrong, and answering. Nothing is deleted: the original stays.

use salus_primitives::{
    Cid, Correction, CorrectionIndex, CorrectionState, LetterStage, Moment, ObjectKind, PatientId,
    RecordIndex, Subject,
};
use serde::Serialize;

use super::{records::existing, Person};
use crate::{
    chain::{calls, Call, Salus},
    error::{Error, Result},
    files::{age::EncryptionKey, letter::Letter},
    keyring::Own,
    vault::Location,
};

#[derive(Debug, Serialize)]
pub struct CorrectionRow {
    pub correction: CorrectionIndex,
    pub record: RecordIndex,
    pub state: &'static str,
    pub replacement: Option<RecordIndex>,
    pub due_at: Moment,
    pub overdue: bool,
    /// The letters that this person may open, in their order.
    pub letters: Vec<String>,
}

impl Person {
    /// Asks the author of a record to correct it. The letter is encrypted to the author's
    /// organisation, or to the author where there is none.
    pub async fn ask_correction(
        &self,
        patient: PatientId,
        record: RecordIndex,
        text: &str,
    ) -> Result<CorrectionIndex> {
        let salus = self.salus().await?;
        let key = self.author_key(&salus, patient, record).await?;
        let letter = self.correction_letter(patient, &key, text).await?;
        let call = calls::corrections::ask(patient, record, letter);
        let done = self.chain.submit(&self.account, &call).await?;
        done.number("Corrections", "CorrectionRequested", "correction")
    }

    /// The correction is right: this record, anchored before, is the right one.
    pub async fn accept_correction(
        &self,
        patient: PatientId,
        correction: CorrectionIndex,
        replacement: RecordIndex,
    ) -> Result<()> {
        self.answer(calls::corrections::accept(patient, correction, replacement))
            .await
    }

    pub async fn partly_accept_correction(
        &self,
        patient: PatientId,
        correction: CorrectionIndex,
        replacement: RecordIndex,
        text: &str,
    ) -> Result<()> {
        let letter = self.letter_to_patient(patient, text).await?;
        let call = calls::corrections::partly_accept(patient, correction, replacement, letter);
        self.answer(call).await
    }

    pub async fn deny_correction(
        &self,
        patient: PatientId,
        correction: CorrectionIndex,
        text: &str,
    ) -> Result<()> {
        let letter = self.letter_to_patient(patient, text).await?;
        self.answer(calls::corrections::deny(patient, correction, letter))
            .await
    }

    /// The patient's statement after a denial; it travels with the record.
    pub async fn disagree(
        &self,
        patient: PatientId,
        correction: CorrectionIndex,
        text: &str,
    ) -> Result<()> {
        let salus = self.salus().await?;
        let row = self.correction(&salus, patient, correction).await?;
        let key = self.author_key(&salus, patient, row.record).await?;
        let letter = self.correction_letter(patient, &key, text).await?;
        self.answer(calls::corrections::disagree(patient, correction, letter))
            .await
    }

    pub async fn rebut(
        &self,
        patient: PatientId,
        correction: CorrectionIndex,
        text: &str,
    ) -> Result<()> {
        let letter = self.letter_to_patient(patient, text).await?;
        self.answer(calls::corrections::rebut(patient, correction, letter))
            .await
    }

    /// Takes thirty more days to answer, once.
    pub async fn extend_correction(
        &self,
        patient: PatientId,
        correction: CorrectionIndex,
    ) -> Result<()> {
        self.answer(calls::corrections::extend(patient, correction))
            .await
    }

    /// The author corrects unasked.
    pub async fn make_correction(
        &self,
        patient: PatientId,
        record: RecordIndex,
        replacement: RecordIndex,
    ) -> Result<()> {
        self.answer(calls::corrections::make(patient, record, replacement))
            .await
    }

    pub async fn corrections(&self, patient: PatientId) -> Result<Vec<CorrectionRow>> {
        let salus = self.salus().await?;
        let now = salus.now().await?;
        let mut rows = Vec::new();
        for (index, row) in salus.all_corrections(patient).await? {
            let (state, replacement) = match row.state {
                CorrectionState::Requested => ("requested", None),
                CorrectionState::Accepted { replacement } => ("accepted", Some(replacement)),
                CorrectionState::PartlyAccepted { replacement, .. } => {
                    ("partly accepted", Some(replacement))
                }
                CorrectionState::Denied { .. } => ("denied", None),
                CorrectionState::Disagreed { .. } => ("disagreed", None),
                CorrectionState::Rebutted { .. } => ("rebutted", None),
            };
            rows.push(CorrectionRow {
                correction: index,
                record: row.record,
                state,
                replacement,
                due_at: row.due_at,
                overdue: state == "requested" && now >= row.due_at,
                letters: self.correction_letters(&salus, patient, index).await?,
            });
        }
        Ok(rows)
    }

    async fn correction_letters(
        &self,
        salus: &Salus,
        patient: PatientId,
        index: CorrectionIndex,
    ) -> Result<Vec<String>> {
        let mut keys = self.profile.identities(&self.device)?.keys(Own::Account);
        if let Some(member) = salus.member(&self.id()).await? {
            let own = Own::Organisation(member.organisation());
            keys.extend(self.profile.identities(&self.device)?.keys(own));
        }
        if let Some(keyring) = self.profile.keyring(&patient, &self.device)? {
            keys.extend(keyring.inbox_keys());
        }
        let mut letters = Vec::new();
        for stage in [
            LetterStage::Request,
            LetterStage::Answer,
            LetterStage::Disagreement,
            LetterStage::Rebuttal,
        ] {
            let found = salus
                .correction_letter(patient, index, stage, &self.id())
                .await?;
            let Some((content, author, true)) = found else {
                continue;
            };
            let location = Location::CorrectionLetter(patient, index, stage);
            let sealed = self.body(location, &content, Some(&author), None).await?;
            // One's own letters are sealed to the other side.
            if let Ok(letter) = Letter::open(&keys, &sealed) {
                letters.push(letter.text);
            }
        }
        Ok(letters)
    }

    async fn answer(&self, call: Call) -> Result<()> {
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    async fn correction(
        &self,
        salus: &Salus,
        patient: PatientId,
        index: CorrectionIndex,
    ) -> Result<Correction> {
        salus
            .correction(patient, index)
            .await?
            .ok_or(Error::NoCorrection(index))
    }

    async fn author_key(
        &self,
        salus: &Salus,
        patient: PatientId,
        record: RecordIndex,
    ) -> Result<EncryptionKey> {
        let record = existing(salus, patient, record).await?;
        let subject = match record.organisation {
            Some(organisation) => Subject::Organisation(organisation),
            None => Subject::Inbox(patient),
        };
        self.recipient(salus, subject).await
    }

    async fn letter_to_patient(&self, patient: PatientId, text: &str) -> Result<Cid> {
        let salus = self.salus().await?;
        let key = self.recipient(&salus, Subject::Inbox(patient)).await?;
        self.correction_letter(patient, &key, text).await
    }

    async fn correction_letter(
        &self,
        patient: PatientId,
        to: &EncryptionKey,
        text: &str,
    ) -> Result<Cid> {
        let letter = Letter::new("Correction", text);
        self.upload_body(patient, ObjectKind::Letter, to, &letter.to_json()?)
            .await
    }
}
