use super::*;
use alloc::collections::BTreeMap;

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. `CompartmentCount` is the number of a patient's compartments, and within its bound.
    /// 2. Every compartment has a recipient of its epoch with a valid signature; there are no others.
    /// 3. A compartment is rotated after it is opened, and only then its epoch is not 0.
    /// 4. Every intake is a compartment.
    /// 5. A patient's records are numbered from 0 to `NextRecord` without a gap.
    /// 6. Every record lies in a compartment of its patient, under an epoch that this has had.
    /// 7. `Contents` has one row for each record, with the content it names, and no others.
    /// 8. Corrections are linked both ways, from the older to the newer record.
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

        let mut records = BTreeMap::<PatientId, u32>::new();
        let mut named = 0usize;
        for (patient, index, row) in Records::<T>::iter() {
            *records.entry(patient).or_default() += 1;
            ensure!(
                index < NextRecord::<T>::get(patient),
                "5: index beyond the next"
            );
            let compartment =
                Compartments::<T>::get(patient, row.compartment).ok_or("6: no compartment")?;
            ensure!(row.epoch <= compartment.epoch, "6: epoch in the future");
            ensure!(
                Contents::<T>::contains_key((patient, row.content, index)),
                "7: content not indexed"
            );
            named += 1;
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
            Contents::<T>::iter_keys().count() == named,
            "7: content without record"
        );
        Ok(())
    }
}
