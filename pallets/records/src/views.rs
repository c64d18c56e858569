use super::*;

/// What `SalusApi` asks.
impl<T: Config> Pallet<T> {
    pub fn compartment(patient: &PatientId, compartment: &CompartmentId) -> Option<Compartment> {
        Compartments::<T>::get(patient, compartment)
    }

    /// All compartments of a patient, in ascending order of their ids; at most
    /// [`Config::MaxCompartments`].
    pub fn compartments(patient: &PatientId) -> Vec<(CompartmentId, Compartment)> {
        let mut all: Vec<_> = Compartments::<T>::iter_prefix(patient).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// The key to encrypt new records of a compartment to. Verify it.
    pub fn recipient(patient: &PatientId, compartment: &CompartmentId) -> Option<SignedRecipient> {
        Recipients::<T>::get(patient, compartment)
    }

    /// Records from index `from` on; at most `limit`, and never more than [`MAX_PAGE`].
    pub fn records(
        patient: &PatientId,
        from: RecordIndex,
        limit: u32,
    ) -> Vec<(RecordIndex, Record)> {
        let end = from
            .saturating_add(limit.min(MAX_PAGE))
            .min(NextRecord::<T>::get(patient));
        (from..end)
            .filter_map(|index| Some((index, Records::<T>::get(patient, index)?)))
            .collect()
    }

    /// The state of the records that name this content: of the one that keeps it longest, if there
    /// are several. None if no record of the patient names it, `Erased` from the instant when an
    /// erasure can no longer be cancelled.
    pub fn references(patient: &PatientId, content: &Cid) -> Option<RecordState> {
        let now = T::Chain::now();
        Contents::<T>::iter_key_prefix((patient, content))
            .filter_map(|index| Records::<T>::get(patient, index))
            .map(|record| match record.is_erased(now) {
                true => RecordState::Erased,
                false => record.state,
            })
            .min_by_key(|state| match state {
                RecordState::Current => 0u8,
                RecordState::ErasePending { .. } => 1,
                RecordState::Erased => 2,
            })
    }
}
