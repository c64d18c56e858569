use super::*;
use alloc::collections::{BTreeMap, BTreeSet};

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. A patient's compartments are in ascending order, without doubles.
    /// 2. They have first keys with a valid signature; nobody else has.
    /// 3. A compartment that was rotated has a key of its epoch with a valid signature; no other has.
    /// 4. A patient's records are numbered from 0 to `NextRecord` without a gap.
    /// 5. Every record that is not erased lies in a compartment of its patient, under an epoch that
    ///    this has had.
    /// 6. `Contents` counts the records that name a content and the former ones, and knows whether any
    ///    of these can be restored; `Erasures` has what goes with each erasure, and no others.
    /// 7. Corrections are linked both ways, from the older to the newer record.
    /// 8. Former contents are those of a record, oldest first; each stands there once, and the
    ///    present one is not among them. No list is empty.
    /// 9. What can be restored goes back to a compartment of the patient, under an epoch that this has
    ///    had.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        let mut rotated = 0usize;
        for (patient, chart) in Compartments::<T>::iter() {
            ensure!(
                chart.is_sorted_by(|(one, _), (next, _)| one < next),
                "1: compartments out of order"
            );
            let keys = Self::first_keys(&patient).ok_or("2: first keys missing")?;
            ensure!(
                keys.is_valid(&T::Chain::genesis(), &patient),
                "2: first keys invalid"
            );
            for (id, row) in chart.iter().filter(|(_, row)| row.epoch > 0) {
                rotated = rotated.saturating_add(1);
                let key = Recipients::<T>::get(patient, id).ok_or("3: recipient missing")?;
                let subject = Subject::Compartment(patient, *id);
                ensure!(
                    key.recipient.epoch == row.epoch
                        && key.is_valid(&T::Chain::genesis(), &subject),
                    "3: recipient invalid"
                );
            }
        }
        ensure!(
            FirstKeys::<T>::iter_keys().count() == Compartments::<T>::iter_keys().count(),
            "2: first keys without compartments"
        );
        ensure!(
            Recipients::<T>::iter_keys().count() == rotated,
            "3: recipient of a compartment that was not rotated"
        );

        let mut records = BTreeMap::<PatientId, u32>::new();
        let mut named = BTreeMap::<(PatientId, Cid), Naming>::new();
        let mut erasures = 0usize;
        for (patient, index, row) in Records::<T>::iter() {
            *records.entry(patient).or_default() += 1;
            ensure!(
                index < NextRecord::<T>::get(patient),
                "4: index beyond the next"
            );
            let compartment =
                Self::compartment(&patient, &row.compartment).ok_or("5: no compartment")?;
            ensure!(row.epoch <= compartment.epoch, "5: epoch in the future");
            let naming = named.entry((patient, row.content)).or_default();
            naming.records = naming.records.saturating_add(1);
            Self::try_former(&patient, index, &row)?;
            let former = Former::<T>::get(patient, index);
            for former in &former {
                let naming = named.entry((patient, former.content)).or_default();
                naming.former = naming.former.saturating_add(1);
                naming.former_until = naming.former_until.max(former.until);
            }
            if row.state != RecordState::Current {
                let contents = former.iter().map(|former| former.content);
                for content in contents.chain([row.content]) {
                    Self::try_erasure(&patient, &content, index, &row.state)?;
                    erasures = erasures.saturating_add(1);
                }
            }
            if let Some(newer) = row.corrected_by {
                let newer_row = Records::<T>::get(patient, newer).ok_or("7: link to nothing")?;
                ensure!(
                    newer > index && newer_row.corrects == Some(index),
                    "7: one-way link"
                );
            }
            if let Some(older) = row.corrects {
                let older_row = Records::<T>::get(patient, older).ok_or("7: link to nothing")?;
                ensure!(
                    older < index && older_row.corrected_by == Some(index),
                    "7: one-way link"
                );
            }
        }
        ensure!(
            NextRecord::<T>::iter().collect::<BTreeMap<_, _>>() == records,
            "4: records miscounted"
        );
        ensure!(
            Contents::<T>::iter_keys().count() == named.len()
                && Erasures::<T>::iter_keys().count() == erasures,
            "6: content without record"
        );
        for ((patient, content), naming) in named {
            let row = Contents::<T>::get(patient, content).ok_or("6: content not counted")?;
            ensure!(
                row.records == naming.records && row.former == naming.former,
                "6: content miscounted"
            );
            ensure!(
                row.records > 0
                    || Self::is_over(&patient, row.former_until)
                        == Self::is_over(&patient, naming.former_until),
                "6: content kept too long, or not long enough"
            );
        }
        ensure!(
            Former::<T>::iter().all(|(patient, index, former)| {
                !former.is_empty() && Records::<T>::contains_key(patient, index)
            }),
            "8: former contents of nothing"
        );
        Ok(())
    }

    /// Invariant 6 of a content that goes with a record.
    fn try_erasure(
        patient: &PatientId,
        content: &Cid,
        index: RecordIndex,
        state: &RecordState,
    ) -> Result<(), sp_runtime::TryRuntimeError> {
        let mut noted = Erasures::<T>::iter_key_prefix((patient, content))
            .filter(|(_, record)| *record == index)
            .map(|(until, _)| Moment::from_be_bytes(until));
        let until = noted.next().ok_or("6: erasure not noted")?;
        ensure!(noted.next().is_none(), "6: erasure noted twice");
        match state {
            RecordState::ErasePending { until: end } => {
                ensure!(until == *end, "6: erasure at another time");
            }
            RecordState::Current | RecordState::Erased => {
                ensure!(Self::is_over(patient, until), "6: erased and not over");
            }
        }
        Ok(())
    }

    /// Invariants 8 and 9 of one record.
    fn try_former(
        patient: &PatientId,
        index: RecordIndex,
        record: &Record,
    ) -> Result<(), sp_runtime::TryRuntimeError> {
        let former = Former::<T>::get(patient, index);
        ensure!(
            former.is_sorted_by_key(|former| former.until),
            "8: former contents out of order"
        );
        let contents: BTreeSet<_> = former
            .iter()
            .map(|former| former.content)
            .chain([record.content])
            .collect();
        ensure!(
            contents.len() == former.len().saturating_add(1),
            "8: content twice"
        );
        if Self::ensure_live(patient, index).is_ok() {
            for former in Self::former(patient, index).kept {
                let compartment = Self::compartment(patient, &former.compartment)
                    .ok_or("9: no compartment to go back to")?;
                ensure!(former.epoch <= compartment.epoch, "9: epoch in the future");
            }
        }
        Ok(())
    }
}
