use super::*;
use alloc::vec::Vec;
use salus_primitives::api::MAX_PAGE;

/// What `SalusApi` asks.
impl<T: Config> Pallet<T> {
    pub fn correction(patient: &PatientId, correction: CorrectionIndex) -> Option<Correction> {
        Corrections::<T>::get(patient, correction)
    }

    /// Requests from index `from` on; at most `limit`, and never more than [`MAX_PAGE`].
    pub fn corrections(
        patient: &PatientId,
        from: CorrectionIndex,
        limit: u32,
    ) -> Vec<(CorrectionIndex, Correction)> {
        let end = from
            .saturating_add(limit.min(MAX_PAGE))
            .min(NextCorrection::<T>::get(patient));
        (from..end)
            .filter_map(|index| Some((index, Corrections::<T>::get(patient, index)?)))
            .collect()
    }

    /// A letter's CID, its author, and whether `reader` may have it: the patient's controllers and
    /// those who answer for the record now.
    pub fn correction_letter(
        patient: &PatientId,
        correction: CorrectionIndex,
        stage: LetterStage,
        reader: &AccountId,
    ) -> Option<(Cid, AccountId, bool)> {
        let row = Corrections::<T>::get(patient, correction)?;
        let cid = letter(&row, stage)?;
        let author = match stage {
            LetterStage::Request => row.requester,
            LetterStage::Answer => row.answered_by?,
            LetterStage::Disagreement | LetterStage::Rebuttal => {
                LetterAuthors::<T>::get((patient, correction, stage))?
            }
        };
        let may_read = T::Control::role(patient, reader).is_some()
            || T::Records::record(patient, row.record)
                .is_some_and(|record| Self::responder(patient, &record, reader).is_some());
        Some((cid, author, may_read))
    }

    /// Whether a request of this patient names this letter.
    pub fn references(patient: &PatientId, content: &Cid) -> bool {
        Letters::<T>::contains_key(patient, content)
    }
}

pub(crate) fn letter(row: &Correction, stage: LetterStage) -> Option<Cid> {
    use CorrectionState::*;
    match (stage, &row.state) {
        (LetterStage::Request, _) => Some(row.letter),
        (LetterStage::Answer, PartlyAccepted { letter, .. } | Denied { letter }) => Some(*letter),
        (LetterStage::Answer, Disagreed { denial, .. } | Rebutted { denial, .. }) => Some(*denial),
        (LetterStage::Disagreement, Disagreed { letter, .. }) => Some(*letter),
        (LetterStage::Disagreement, Rebutted { disagreement, .. }) => Some(*disagreement),
        (LetterStage::Rebuttal, Rebutted { letter, .. }) => Some(*letter),
        _ => None,
    }
}
