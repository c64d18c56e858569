//! Who may report what was handed out, and what a report has to match.

use super::*;
use alloc::collections::BTreeMap;
use frame_support::dispatch::DispatchErrorWithPostInfo;

impl<T: Config> Pallet<T> {
    /// Whether a service of this organisation could report this delivery now, in a call of its own.
    ///
    /// A batch with one delivery that may not be reported fails as a whole: leave out those for
    /// which this is false. It may become true in the next hour, when the organisation has an
    /// allowance again; give a delivery up [`DELIVERY_WITHIN`] after it was opened.
    pub fn may_report(organisation: OrgId, delivery: &Delivery) -> bool {
        let mut visits = BTreeMap::new();
        Self::ensure_one(organisation, delivery, T::Chain::now(), &mut visits).is_ok()
    }

    /// The organisation for which a service reports.
    pub(crate) fn ensure_reports(actor: &AccountId, batch: &[Delivery]) -> Result<OrgId, Error<T>> {
        ensure!(!batch.is_empty(), Error::<T>::NoDeliveries);
        T::Standing::member(actor)
            .filter(Member::is_service)
            .map(|member| member.organisation())
            .ok_or(Error::<T>::NotAService)
    }

    /// What remains of the organisation's allowances after a batch that may be reported. An error
    /// costs as many deliveries as were looked at.
    pub(crate) fn ensure_delivered(
        organisation: OrgId,
        batch: &[Delivery],
    ) -> Result<BTreeMap<PatientId, Visit>, DispatchErrorWithPostInfo> {
        let now = T::Chain::now();
        let mut visits = BTreeMap::new();
        for (looked_at, delivery) in (1u32..).zip(batch) {
            Self::ensure_one(organisation, delivery, now, &mut visits)
                .map_err(|error| error.with_weight(T::WeightInfo::delivered(looked_at)))?;
        }
        Ok(visits)
    }

    /// Keeps in `visits` what the batch takes of each patient's allowance.
    fn ensure_one(
        organisation: OrgId,
        delivery: &Delivery,
        now: Moment,
        visits: &mut BTreeMap<PatientId, Visit>,
    ) -> Result<(), Error<T>> {
        let patient = &delivery.patient;
        let before = match visits.get(patient) {
            Some(visit) => *visit,
            None => {
                ensure!(
                    T::Control::is_enrolled(patient),
                    Error::<T>::PatientNotFound
                );
                Visits::<T>::get(patient, organisation)
            }
        };
        let visit = before.with(1, now).ok_or(Error::<T>::TooManyEntries)?;
        // Looks through all vaults: once for each patient of a batch.
        ensure!(
            visits.contains_key(patient) || T::Keepers::keeps(patient, organisation),
            Error::<T>::NotAKeeper
        );
        ensure!(
            T::Records::record(patient, delivery.record).is_some(),
            Error::<T>::RecordNotFound
        );
        ensure!(Self::was_opened(delivery, now), Error::<T>::NothingOpened);
        visits.insert(*patient, visit);
        Ok(())
    }

    /// Whether the reader could read this under an opening and a grant of the last
    /// [`DELIVERY_WITHIN`].
    ///
    /// The grant says whose opening that was: a reader whom it let read belonged to its organisation
    /// then, and may have left since.
    fn was_opened(delivery: &Delivery, now: Moment) -> bool {
        let Delivery {
            patient,
            reader,
            grant,
            record,
            ..
        } = delivery;
        let grant = *grant;
        let since = now.saturating_sub(DELIVERY_WITHIN);
        T::Consent::organisation_of(patient, grant).is_some_and(|organisation| {
            Visits::<T>::get(patient, organisation)
                .opened_at
                .is_some_and(|at| since <= at)
        }) && T::Consent::could_read_since(patient, grant, reader, *record, since)
    }
}
