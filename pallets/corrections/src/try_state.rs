use super::*;
use alloc::collections::{BTreeMap, BTreeSet};

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. A patient's requests are numbered from 0 to `NextCorrection` without a gap.
    /// 2. `Open` has one row for each request without an answer, and no others.
    /// 3. Every request is about a record of its patient.
    /// 4. The record of an accepted request is corrected by the replacement it names.
    /// 5. Who answered is known if and only if there is an answer.
    /// 6. A request is due 60 days after it was made, and 30 later if it was extended.
    /// 7. `LetterAuthors` has one row for each disagreement and each rebuttal, and no others.
    /// 8. No organisation succeeds itself.
    /// 9. `Letters` has one row for each letter that a request names, and no others.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        let mut requests = BTreeMap::<PatientId, u32>::new();
        let (mut open, mut authors) = (0usize, 0usize);
        let mut letters = BTreeSet::new();
        for (patient, index, row) in Corrections::<T>::iter() {
            *requests.entry(patient).or_default() += 1;
            ensure!(
                index < NextCorrection::<T>::get(patient),
                "1: index beyond the next"
            );
            let record = T::Records::record(&patient, row.record).ok_or("3: no such record")?;

            letters.extend(
                [
                    LetterStage::Request,
                    LetterStage::Answer,
                    LetterStage::Disagreement,
                    LetterStage::Rebuttal,
                ]
                .into_iter()
                .filter_map(|stage| Some((patient, views::letter(&row, stage)?))),
            );

            let is_open = row.state == CorrectionState::Requested;
            if is_open {
                open += 1;
                ensure!(
                    Open::<T>::get(patient, row.record) == Some(index),
                    "2: not open"
                );
            }
            ensure!(
                row.answered_by.is_none() == is_open,
                "5: answer without author"
            );

            if let CorrectionState::Accepted { replacement }
            | CorrectionState::PartlyAccepted { replacement, .. } = row.state
            {
                ensure!(record.corrected_by == Some(replacement), "4: not corrected");
            }

            let due_at = row.asked_at.saturating_add(ANSWER_WITHIN);
            let due_at = match row.extended {
                true => due_at.saturating_add(EXTENSION),
                false => due_at,
            };
            ensure!(row.due_at == due_at, "6: due at another time");

            let stages: &[LetterStage] = match row.state {
                CorrectionState::Disagreed { .. } => &[LetterStage::Disagreement],
                CorrectionState::Rebutted { .. } => {
                    &[LetterStage::Disagreement, LetterStage::Rebuttal]
                }
                _ => &[],
            };
            authors += stages.len();
            ensure!(
                stages
                    .iter()
                    .all(|stage| LetterAuthors::<T>::contains_key((patient, index, stage))),
                "7: letter without author"
            );
        }
        ensure!(
            NextCorrection::<T>::iter().collect::<BTreeMap<_, _>>() == requests,
            "1: requests miscounted"
        );
        ensure!(
            Open::<T>::iter_keys().count() == open,
            "2: open without request"
        );
        ensure!(
            LetterAuthors::<T>::iter_keys().count() == authors,
            "7: author without letter"
        );
        ensure!(
            Successors::<T>::iter().all(|(organisation, successor)| organisation != successor),
            "8: succeeds itself"
        );
        ensure!(
            Letters::<T>::iter_keys().collect::<BTreeSet<_>>() == letters,
            "9: letters miscounted"
        );
        Ok(())
    }
}
