//! How a record is erased: who may ask for it, and when it can no longer be undone.

use super::*;

impl<T: Config> Pallet<T> {
    /// Whether something that was due at `due` can no longer be undone.
    pub(crate) fn is_over(patient: &PatientId, due: Moment) -> bool {
        T::Chain::now() >= T::RecoveryPlans::not_before(patient, due)
    }

    /// A record as everybody sees it: its erasure ends when recoveries under way let it.
    ///
    /// Not for writing back: rows keep the end that `erase` set.
    pub(crate) fn seen(patient: &PatientId, mut record: Record) -> Record {
        if let RecordState::ErasePending { until } = &mut record.state {
            *until = T::RecoveryPlans::not_before(patient, *until);
        }
        record
    }

    /// The record as it is stored, unless it is erased or past the time to cancel that.
    pub(crate) fn ensure_live(
        patient: &PatientId,
        index: RecordIndex,
    ) -> Result<Record, DispatchError> {
        let record = Records::<T>::get(patient, index).ok_or(Error::<T>::RecordNotFound)?;
        let is_erased = Self::seen(patient, record.clone()).is_erased(T::Chain::now());
        ensure!(!is_erased, Error::<T>::RecordErased);
        Ok(record)
    }

    /// Who decides or, where an enrolment was voided so that nobody does, the admin of the
    /// organisation that made it.
    fn ensure_may_erase(patient: PatientId, who: AccountId) -> Result<AccountId, DispatchError> {
        if let Some(organisation) = T::Control::voided_by(&patient) {
            if T::Standing::member(&who) == Some(Member::Admin { organisation }) {
                return Ok(who);
            }
        }
        Ok(T::Control::ensure_decides(patient, who)?.actor)
    }

    /// Returns how many former contents were pruned.
    pub(crate) fn do_erase(
        patient: PatientId,
        who: AccountId,
        record: RecordIndex,
    ) -> Result<u32, DispatchError> {
        let actor = Self::ensure_may_erase(patient, who)?;
        let mut row = Self::ensure_live(&patient, record)?;
        ensure!(row.state == RecordState::Current, Error::<T>::ErasePending);

        let until = T::Chain::now().saturating_add(ERASE_DELAY);
        row.state = RecordState::ErasePending { until };
        Records::<T>::insert(patient, record, row);
        let pruned = Self::prune(&patient, record);
        Self::deposit(
            &patient,
            Event::EraseRequested {
                patient,
                actor,
                record,
                until,
            },
        );
        Ok(pruned)
    }

    pub(crate) fn do_cancel_erase(
        patient: PatientId,
        who: AccountId,
        record: RecordIndex,
    ) -> DispatchResult {
        let actor = Self::ensure_may_erase(patient, who)?;
        let mut row = Self::ensure_live(&patient, record)?;
        ensure!(
            row.state != RecordState::Current,
            Error::<T>::EraseNotPending
        );

        row.state = RecordState::Current;
        Records::<T>::insert(patient, record, row);
        Self::deposit(
            &patient,
            Event::EraseCancelled {
                patient,
                actor,
                record,
            },
        );
        Ok(())
    }

    pub(crate) fn do_finish_erase(
        patient: PatientId,
        actor: AccountId,
        record: RecordIndex,
    ) -> DispatchResult {
        // A controller writes into their own trail, whether or not they are a member too.
        let organisation = match T::Control::role(&patient, &actor) {
            Some(_) => None,
            None => {
                let member = T::Standing::member(&actor).ok_or(Error::<T>::NotAuthorized)?;
                Some(member.organisation())
            }
        };
        let mut row = Records::<T>::get(patient, record).ok_or(Error::<T>::RecordNotFound)?;
        match row.state {
            RecordState::Current => return Err(Error::<T>::EraseNotPending.into()),
            RecordState::Erased => return Err(Error::<T>::RecordErased.into()),
            RecordState::ErasePending { until } => {
                ensure!(T::Chain::now() >= until, Error::<T>::TooEarly);
                ensure!(Self::is_over(&patient, until), Error::<T>::RecoveryUnderWay);
            }
        }
        if let Some(organisation) = organisation {
            T::Allowance::spend(&patient, organisation, 1)?;
        }

        // What is left of it is a row: it does not keep the compartment open.
        Self::count(&patient, &row.compartment, |records| {
            records.saturating_sub(1)
        })?;
        row.state = RecordState::Erased;
        Records::<T>::insert(patient, record, row);
        Self::deposit(
            &patient,
            Event::RecordErased {
                patient,
                actor,
                record,
            },
        );
        Ok(())
    }
}
