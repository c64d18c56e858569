use super::*;
use alloc::vec::Vec;
use salus_primitives::api::MAX_PAGE;

/// What `SalusApi` asks.
impl<T: Config> Pallet<T> {
    /// None where nobody has decided yet.
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

    /// The glass, if this account has broken it and may have what opens its package at the later of
    /// `at` and the chain's clock. Whether a grant that came of it holds is for the caller to ask.
    pub fn held_glass(
        patient: &PatientId,
        glass: GlassIndex,
        account: &AccountId,
        at: Moment,
    ) -> Option<Glass> {
        let row = Glasses::<T>::get(patient, glass)?;
        let held = row.clinician == *account
            && Self::is_live(patient, &row, at.max(T::Chain::now()))
            && T::Standing::member(account)
                .is_some_and(|member| member.organisation() == row.organisation);
        held.then_some(row)
    }

    /// Whether the patient's plan, of which there is at most one, names this envelope, or a glass of
    /// the last day does: of these there are no more than a day's caps allow.
    pub fn references_package(patient: &PatientId, content: &Cid) -> bool {
        let now = T::Chain::now();
        let names = |package: Cid| package == *content;
        Plans::<T>::get(patient).is_some_and(|plan| names(plan.package))
            || (0..NextGlass::<T>::get(patient))
                .rev()
                .map_while(|index| Glasses::<T>::get(patient, index))
                .take_while(|row| now < glass_ends(row))
                .any(|row| row.plan.is_some_and(|plan| names(plan.package)))
    }

    /// Whether a glass of this patient, or its dispute, names this letter.
    pub fn references_letter(patient: &PatientId, content: &Cid) -> bool {
        Letters::<T>::contains_key(patient, content)
    }
}
