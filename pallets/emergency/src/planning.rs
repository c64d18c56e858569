//! What a plan has to be, and when it ends.

use super::*;

impl<T: Config> Pallet<T> {
    /// What a plan has to be, whoever's it is: nothing is read to see that.
    pub(crate) fn ensure_well_formed(
        holders: &[ShareHolder],
        threshold: u8,
        package: &Cid,
    ) -> Result<(), Error<T>> {
        ensure!(package.is_well_formed(), Error::<T>::MalformedCid);
        ensure!(
            threshold >= 2 && usize::from(threshold) <= holders.len(),
            Error::<T>::InvalidThreshold
        );
        ensure!(
            !repeats(holders, |a, b| a.organisation == b.organisation
                || a.share == b.share),
            Error::<T>::DuplicateHolder
        );
        Ok(())
    }
}

impl<T: Config> OnSuccession<AccountId> for Pallet<T> {
    fn on_succession(patient: PatientId, actor: &AccountId) {
        if Plans::<T>::take(patient).is_some() {
            let actor = actor.clone();
            Self::deposit(&patient, Event::PlanChanged { patient, actor });
        }
    }

    fn weight() -> Weight {
        T::WeightInfo::on_succession()
    }
}

/// Plans are short; a set would cost more.
pub(crate) fn repeats<Item>(items: &[Item], alike: impl Fn(&Item, &Item) -> bool) -> bool {
    items
        .iter()
        .enumerate()
        .any(|(i, item)| items[..i].iter().any(|before| alike(before, item)))
}
