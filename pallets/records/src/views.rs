use super::*;
use salus_primitives::traits::Records as _;

/// What `SalusApi` asks.
impl<T: Config> Pallet<T> {
    pub fn compartment(patient: &PatientId, compartment: &CompartmentId) -> Option<Compartment> {
        let chart = Compartments::<T>::get(patient)?;
        chart::row_of(&chart, compartment).cloned()
    }

    /// All compartments of a patient, in ascending order of their ids.
    pub fn compartments(patient: &PatientId) -> Vec<(CompartmentId, Compartment)> {
        Compartments::<T>::get(patient)
            .map(Vec::from)
            .unwrap_or_default()
    }

    /// The keys that the compartments got with the enrolment. Verify them.
    pub fn first_keys(patient: &PatientId) -> Option<SignedCompartments> {
        let chart = Compartments::<T>::get(patient)?;
        let KeySet {
            signer,
            scheme,
            first,
            signature,
        } = FirstKeys::<T>::get(patient)?;
        let set = CompartmentSet {
            scheme,
            compartments: core::array::from_fn(|place| (chart[place].0, first[place])),
            signature,
        };
        Some(SignedCompartments {
            signer,
            signed: set,
        })
    }

    /// The present key of a compartment that was rotated. Verify it.
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

    /// Whether a record names this content, or lately named it and can be restored.
    ///
    /// `Erased` if such a record is erased, from the instant when that can no longer be cancelled: the
    /// others do not keep its file. Reads two rows, however many records name the content.
    pub fn reference(patient: &PatientId, content: &Cid) -> Reference {
        let Some(naming) = Contents::<T>::get(patient, content) else {
            return Reference::Unnamed;
        };
        let is_erased = Erasures::<T>::iter_key_prefix((patient, content))
            .next()
            .is_some_and(|(until, _)| Self::is_over(patient, Moment::from_be_bytes(until)));
        if is_erased {
            Reference::Erased
        } else if naming.records > 0 || !Self::is_over(patient, naming.former_until) {
            Reference::Named
        } else {
            Reference::Unnamed
        }
    }
}
