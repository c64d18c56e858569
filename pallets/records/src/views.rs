use super::*;
use salus_primitives::traits::Records as _;

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
            .filter_map(|index| Some((index, Self::record(patient, index)?)))
            .collect()
    }

    /// Where a record's file lay lately, newest last: all that `restore` takes. Each entry says until
    /// when, as recoveries under way put it off.
    pub fn former_contents(patient: &PatientId, record: RecordIndex) -> Vec<FormerContent> {
        if Self::ensure_live(patient, record).is_err() {
            return Vec::new();
        }
        let mut kept = Self::former(patient, record).kept;
        for former in &mut kept {
            former.until = T::RecoveryPlans::not_before(patient, former.until);
        }
        kept
    }

    /// The state of the records that name this content, or lately named it and can be restored.
    ///
    /// `Erased` if one of them is, from the instant when an erasure can no longer be cancelled: the
    /// others do not keep its file. None if there are none.
    pub fn references(patient: &PatientId, content: &Cid) -> Option<RecordState> {
        let now = T::Chain::now();
        let mut named = None;
        for index in Contents::<T>::iter_key_prefix((patient, content)) {
            let Some(record) = Self::record(patient, index) else {
                continue;
            };
            if record.is_erased(now) {
                return Some(RecordState::Erased);
            }
            let is_named = record.content == *content
                || Self::former(patient, index)
                    .kept
                    .iter()
                    .any(|former| former.content == *content);
            if is_named && named != Some(RecordState::Current) {
                named = Some(record.state);
            }
        }
        named
    }
}
