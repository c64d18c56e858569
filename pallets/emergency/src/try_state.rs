use super::*;
use crate::planning::repeats;
use alloc::collections::{BTreeMap, BTreeSet};

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. A plan takes at least two of its holders, each with a share of its own.
    /// 2. A patient's glasses are numbered from 0 to `NextGlass` without a gap.
    /// 3. `ToReview` has one row for each glass without a review, at the moment when it is due or
    ///    behind all that is due, and no others.
    /// 4. What waits in `UnreviewedOf` is a glass of that clinician for that organisation without a
    ///    review, once, and due 72 hours after it was broken; the council has passed over all others.
    /// 5. Nobody breaks a patient's glass twice within 24 hours.
    /// 6. Nobody has had more of a day than its caps.
    /// 7. Who is barred has nothing left that counts for a bar.
    /// 8. No row stands for nothing.
    /// 9. `Letters` has the letters of glasses and disputes, and no others.
    /// 10. The council has passed over nothing but glasses.
    /// 11. Nothing was granted for a glass without a plan, and what was ended was ended within its day.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        for (_, plan) in Plans::<T>::iter() {
            ensure!(
                plan.threshold >= 2
                    && usize::from(plan.threshold) <= plan.holders.len()
                    && !repeats(&plan.holders, |a, b| a.organisation == b.organisation
                        || a.share == b.share),
                "1: a plan that nobody can open, or one alone"
            );
        }

        let mut glasses = BTreeMap::<PatientId, u32>::new();
        let mut unreviewed = 0usize;
        let mut passed_over = 0usize;
        let mut letters = BTreeSet::<(PatientId, Cid)>::new();
        for (patient, index, glass) in Glasses::<T>::iter() {
            *glasses.entry(patient).or_default() += 1;
            ensure!(
                index < NextGlass::<T>::get(patient),
                "2: index beyond the next"
            );
            ensure!(
                glass.plan.is_some() || glass.grant.is_none(),
                "11: granted without a plan"
            );
            ensure!(
                glass
                    .ended_at
                    .is_none_or(|at| glass.broken_at <= at && at < glass_ends(&glass)),
                "11: ended when it was over"
            );
            letters.insert((patient, glass.letter));
            letters.extend(glass.dispute.as_ref().map(|row| (patient, row.letter)));
            if glass.review.is_none() {
                unreviewed += 1;
                let place = Self::place_of(patient, index, &glass);
                ensure!(
                    ToReview::<T>::contains_key(glass.organisation, place),
                    "3: nobody is to review it"
                );
                passed_over += usize::from(PassedOver::<T>::contains_key(patient, index));
            }
            ensure!(
                OpenUntil::<T>::get(patient, &glass.clinician)
                    .is_some_and(|until| glass_ends(&glass) <= until),
                "5: open for longer than noted"
            );
            let again = Glasses::<T>::iter_prefix(patient).any(|(other, row)| {
                other != index
                    && row.clinician == glass.clinician
                    && row.broken_at.abs_diff(glass.broken_at) < GLASS_LASTS
            });
            ensure!(!again, "5: broken twice");
        }
        ensure!(
            NextGlass::<T>::iter().collect::<BTreeMap<_, _>>() == glasses,
            "2: glasses miscounted"
        );
        ensure!(
            ToReview::<T>::iter_keys().count() == unreviewed,
            "3: reviewed, or no glass"
        );

        ensure!(
            Letters::<T>::iter_keys().collect::<BTreeSet<_>>() == letters,
            "9: a letter that no glass names, or one that is missing"
        );
        ensure!(
            PassedOver::<T>::iter_keys()
                .all(|(patient, index)| Glasses::<T>::contains_key(patient, index)),
            "10: passed over, and no glass"
        );

        let mut waiting = 0usize;
        for (clinician, entries) in UnreviewedOf::<T>::iter() {
            waiting += entries.len();
            ensure!(!entries.is_empty(), "8: an empty row");
            ensure!(
                !repeats(&entries, |a, b| (a.patient, a.glass)
                    == (b.patient, b.glass)),
                "4: twice"
            );
            let waits = entries.iter().all(|entry| {
                Glasses::<T>::get(entry.patient, entry.glass).is_some_and(|glass| {
                    glass.clinician == clinician
                        && glass.organisation == entry.organisation
                        && glass.review.is_none()
                        && entry.due_at == glass.broken_at.saturating_add(REVIEW_WITHIN)
                }) && ToReview::<T>::contains_key(
                    entry.organisation,
                    place(entry.due_at, entry.patient, entry.glass),
                )
            });
            ensure!(waits, "4: a glass that does not wait");
        }
        ensure!(
            waiting + passed_over == unreviewed,
            "4: a glass that keeps nobody from the next"
        );

        ensure!(
            DailyOf::<T>::iter_values().all(|daily| (1..=PER_CLINICIAN).contains(&daily.broken)),
            "6: beyond a clinician's cap"
        );
        ensure!(
            DailyIn::<T>::iter_values().all(|daily| (1..=PER_ORGANISATION).contains(&daily.broken)),
            "6: beyond an organisation's cap"
        );
        for (clinician, moments) in Unjustified::<T>::iter() {
            ensure!(!moments.is_empty(), "8: an empty row");
            ensure!(
                !Barred::<T>::contains_key(clinician),
                "7: barred and counted"
            );
        }
        Ok(())
    }
}
