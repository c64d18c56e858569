//! How much an organisation may write into a patient's trail.

use super::*;

impl Visit {
    /// With so many more entries at `now`; none if the organisation has not so many left.
    pub(crate) fn with(self, entries: u32, now: Moment) -> Option<Self> {
        let after = self.entries_at(now).checked_add(entries)?;
        (after <= ENTRIES_PER_HOUR).then_some(Self {
            hour: hour_of(now),
            written: after,
            ..self
        })
    }

    /// Entries in the hour of `now`.
    fn entries_at(&self, now: Moment) -> u32 {
        if self.hour == hour_of(now) {
            self.written
        } else {
            0
        }
    }
}

fn hour_of(now: Moment) -> u32 {
    (now / HOUR).saturated_into()
}

impl<T: Config> Pallet<T> {
    /// How many entries an organisation may still write into a patient's trail within this hour.
    pub fn entries_left(patient: &PatientId, organisation: OrgId) -> u32 {
        let written = Visits::<T>::get(patient, organisation).entries_at(T::Chain::now());
        ENTRIES_PER_HOUR.saturating_sub(written)
    }
}

impl<T: Config> TrailAllowance for Pallet<T> {
    fn spend(patient: &PatientId, organisation: OrgId, entries: u32) -> DispatchResult {
        if entries == 0 {
            return Ok(());
        }
        let visit = Visits::<T>::get(patient, organisation)
            .with(entries, T::Chain::now())
            .ok_or(Error::<T>::TooManyEntries)?;
        Visits::<T>::insert(patient, organisation, visit);
        Ok(())
    }
}
