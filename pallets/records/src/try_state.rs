use super::*;
use alloc::collections::{BTreeMap, BTreeSet};

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. `CompartmentCount` is the number of a patient's compartments, and within its bound.
    /// 2. Every compartment has a recipient of its epoch with a valid signature; there are no others.
    /// 3. A compartment is rotated after it is opened, and only then its epoch is not 0.
    /// 4. Every intake is a compartment.
    /// 5. A patient's records are numbered from 0 to `NextRecord` without a gap.
    /// 6. Every record that is not erased lies in a compartment of its patient, under an epoch that
    ///    this has had.
    /// 7. `Contents` counts the records that name a content and the former ones, and knows whether any
    ///    of these can be restored; `Erasures` has what goes with each erasure, and no others.
    /// 8. Corrections are linked both ways, from the older to the newer record.
    /// 9. A compartment counts the records that lie in it, without those that are erased.
    /// 10. Former contents are those of a record, oldest first; each stands there once, and the
    ///     present one is not among them. No list is empty.
    /// 11. What can be restored goes back to an open compartment, under an epoch that this has had.
    /// 12. `VacatedUntil` is of a compartment, and covers all former contents that lie outside of
    ///     their record's compartment and can be restored.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        let mut compartments = BTreeMap::<PatientId, u32>::new();
        for (patient, id, row) in Compartments::<T>::iter() {
            *compartments.entry(patient).or_default() += 1;
            let recipient = Recipients::<T>::get(patient, id).ok_or("2: recipient missing")?;
            let subject = Subject::Compartment(patient, id);
            ensure!(
                recipient.recipient.epoch == row.epoch
                    && recipient.is_valid(&T::Chain::genesis(), &subject),
                "2: recipient invalid"
            );
            ensure!(
                row.rotated_at >= row.opened_at
                    && (row.epoch > 0 || row.rotated_at == row.opened_at),
                "3: rotation out of order"
            );
        }
        ensure!(
            Recipients::<T>::iter_keys().count() == Compartments::<T>::iter_keys().count(),
            "2: recipient without compartment"
        );
        ensure!(
            CompartmentCount::<T>::iter().collect::<BTreeMap<_, _>>() == compartments
                && compartments
                    .values()
                    .all(|count| *count <= T::MaxCompartments::get()),
            "1: compartments miscounted"
        );
        for (patient, id) in Intakes::<T>::iter() {
            ensure!(
                Compartments::<T>::contains_key(patient, id),
                "4: intake missing"
            );
        }

        ensure!(
            VacatedUntil::<T>::iter_keys()
                .all(|(patient, id)| Compartments::<T>::contains_key(patient, id)),
            "12: vacated without compartment"
        );

        let mut records = BTreeMap::<PatientId, u32>::new();
        let mut lying = BTreeMap::<(PatientId, CompartmentId), u32>::new();
        let mut named = BTreeMap::<(PatientId, Cid), Naming>::new();
        let mut erasures = 0usize;
        for (patient, index, row) in Records::<T>::iter() {
            *records.entry(patient).or_default() += 1;
            ensure!(
                index < NextRecord::<T>::get(patient),
                "5: index beyond the next"
            );
            if row.state != RecordState::Erased {
                let compartment =
                    Compartments::<T>::get(patient, row.compartment).ok_or("6: no compartment")?;
                ensure!(row.epoch <= compartment.epoch, "6: epoch in the future");
                *lying.entry((patient, row.compartment)).or_default() += 1;
            }
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
                let newer_row = Records::<T>::get(patient, newer).ok_or("8: link to nothing")?;
                ensure!(
                    newer > index && newer_row.corrects == Some(index),
                    "8: one-way link"
                );
            }
            if let Some(older) = row.corrects {
                let older_row = Records::<T>::get(patient, older).ok_or("8: link to nothing")?;
                ensure!(
                    older < index && older_row.corrected_by == Some(index),
                    "8: one-way link"
                );
            }
        }
        ensure!(
            NextRecord::<T>::iter().collect::<BTreeMap<_, _>>() == records,
            "5: records miscounted"
        );
        ensure!(
            Contents::<T>::iter_keys().count() == named.len()
                && Erasures::<T>::iter_keys().count() == erasures,
            "7: content without record"
        );
        for ((patient, content), naming) in named {
            let row = Contents::<T>::get(patient, content).ok_or("7: content not counted")?;
            ensure!(
                row.records == naming.records && row.former == naming.former,
                "7: content miscounted"
            );
            ensure!(
                row.records > 0
                    || Self::is_over(&patient, row.former_until)
                        == Self::is_over(&patient, naming.former_until),
                "7: content kept too long, or not long enough"
            );
        }
        ensure!(
            Compartments::<T>::iter().all(|(patient, id, row)| {
                lying.get(&(patient, id)).copied().unwrap_or_default() == row.records
            }),
            "9: records of a compartment miscounted"
        );
        ensure!(
            Former::<T>::iter().all(|(patient, index, former)| {
                !former.is_empty() && Records::<T>::contains_key(patient, index)
            }),
            "10: former contents of nothing"
        );
        Ok(())
    }

    /// Invariant 7 of a content that goes with a record.
    fn try_erasure(
        patient: &PatientId,
        content: &Cid,
        index: RecordIndex,
        state: &RecordState,
    ) -> Result<(), sp_runtime::TryRuntimeError> {
        let mut noted = Erasures::<T>::iter_key_prefix((patient, content))
            .filter(|(_, record)| *record == index)
            .map(|(until, _)| Moment::from_be_bytes(until));
        let until = noted.next().ok_or("7: erasure not noted")?;
        ensure!(noted.next().is_none(), "7: erasure noted twice");
        match state {
            RecordState::ErasePending { until: end } => {
                ensure!(until == *end, "7: erasure at another time");
            }
            RecordState::Current | RecordState::Erased => {
                ensure!(Self::is_over(patient, until), "7: erased and not over");
            }
        }
        Ok(())
    }

    /// Invariants 10 to 12 of one record.
    fn try_former(
        patient: &PatientId,
        index: RecordIndex,
        record: &Record,
    ) -> Result<(), sp_runtime::TryRuntimeError> {
        let former = Former::<T>::get(patient, index);
        ensure!(
            former.is_sorted_by_key(|former| former.until),
            "10: former contents out of order"
        );
        let contents: BTreeSet<_> = former
            .iter()
            .map(|former| former.content)
            .chain([record.content])
            .collect();
        ensure!(
            contents.len() == former.len().saturating_add(1),
            "10: content twice"
        );
        if Self::ensure_live(patient, index).is_ok() {
            for former in Self::former(patient, index).kept {
                let compartment = Compartments::<T>::get(patient, former.compartment)
                    .ok_or("11: no compartment to go back to")?;
                ensure!(former.epoch <= compartment.epoch, "11: epoch in the future");
                ensure!(
                    former.compartment == record.compartment
                        || VacatedUntil::<T>::get(patient, former.compartment)
                            .is_some_and(|until| until >= former.until),
                    "12: vacated without a trace"
                );
            }
        }
        Ok(())
    }
}
