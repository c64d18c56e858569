use super::*;
use alloc::vec::Vec;
use salus_primitives::api::MAX_PAGE;

/// What `SalusApi` asks.
impl<T: Config> Pallet<T> {
    /// None where nothing opens, whatever the reason.
    pub fn plan(patient: &PatientId) -> Option<EmergencyPlan> {
        Plans::<T>::get(patient)
    }

    /// Glasses from index `from` on; at most `limit`, and never more than [`MAX_PAGE`].
    pub fn glasses(patient: &PatientId, from: GlassIndex, limit: u32) -> Vec<(GlassIndex, Glass)> {
        let end = from
            .saturating_add(limit.min(MAX_PAGE))
            .min(NextGlass::<T>::get(patient));
        (from..end)
            .filter_map(|index| Some((index, Glasses::<T>::get(patient, index)?)))
            .collect()
    }

    /// At most `limit` glasses that an organisation has not reviewed, and never more than
    /// [`MAX_PAGE`]: those that were broken first come first, and those that the council passed over
    /// last.
    ///
    /// The next page begins behind `after`, the last glass of the page before, whether or not it was
    /// reviewed meanwhile; nothing, if there is no such glass. Where the council has passed over
    /// `after` itself meanwhile, only what it passed over is left: begin again.
    pub fn glasses_to_review(
        organisation: OrgId,
        after: Option<(PatientId, GlassIndex)>,
        limit: u32,
    ) -> Vec<(PatientId, GlassIndex, Glass)> {
        let keys = match after {
            None => ToReview::<T>::iter_key_prefix(organisation),
            Some((patient, index)) => {
                let Some(row) = Glasses::<T>::get(patient, index) else {
                    return Vec::new();
                };
                let place = Self::place_of(patient, index, &row);
                let key = ToReview::<T>::hashed_key_for(organisation, place);
                ToReview::<T>::iter_key_prefix_from(organisation, key)
            }
        };
        keys.take(limit.min(MAX_PAGE) as usize)
            .filter_map(|(_, patient, index)| {
                Some((patient, index, Glasses::<T>::get(patient, index)?))
            })
            .collect()
    }

    /// Whether the patient's plan, of which there is at most one, names this envelope. While a glass
    /// is open, its grant does too.
    pub fn references_package(patient: &PatientId, content: &Cid) -> bool {
        Plans::<T>::get(patient).is_some_and(|plan| plan.package == *content)
    }

    /// Whether a glass of this patient, or its dispute, names this letter.
    pub fn references_letter(patient: &PatientId, content: &Cid) -> bool {
        Letters::<T>::contains_key(patient, content)
    }
}
