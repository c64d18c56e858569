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

    /// Returns how many former contents there were, those that were pruned among them.
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
        let content = row.content;
        Records::<T>::insert(patient, record, row);
        let pruned = Self::prune(&patient, record);
        let taken = Self::contents_of(&patient, record, content);
        for content in &taken {
            Self::note_erasure(&patient, content, until, record);
        }
        Self::deposit(
            &patient,
            Event::EraseRequested {
                patient,
                actor,
                record,
                until,
            },
        );
        Ok(pruned.saturating_add(taken.len() as u32).saturating_sub(1))
    }

    /// Returns how many former contents there are.
    pub(crate) fn do_cancel_erase(
        patient: PatientId,
        who: AccountId,
        record: RecordIndex,
    ) -> Result<u32, DispatchError> {
        let actor = Self::ensure_may_erase(patient, who)?;
        let mut row = Self::ensure_live(&patient, record)?;
        let RecordState::ErasePending { until } = row.state else {
            return Err(Error::<T>::EraseNotPending.into());
        };

        row.state = RecordState::Current;
        let kept = Self::contents_of(&patient, record, row.content);
        for content in &kept {
            Self::forget_erasure(&patient, content, until, record);
        }
        Records::<T>::insert(patient, record, row);
        Self::deposit(
            &patient,
            Event::EraseCancelled {
                patient,
                actor,
                record,
            },
        );
        Ok((kept.len() as u32).saturating_sub(1))
    }

    /// What a record names, and what it named lately: all of it goes with the record.
    fn contents_of(patient: &PatientId, index: RecordIndex, present: Cid) -> Vec<Cid> {
        let former = Former::<T>::get(patient, index);
        let former = former.iter().map(|former| former.content);
        [present].into_iter().chain(former).collect()
    }

    pub(crate) fn note_erasure(
        patient: &PatientId,
        content: &Cid,
        until: Moment,
        index: RecordIndex,
    ) {
        Erasures::<T>::insert((patient, content, until.to_be_bytes(), index), ());
    }

    pub(crate) fn forget_erasure(
        patient: &PatientId,
        content: &Cid,
        until: Moment,
        index: RecordIndex,
    ) {
        Erasures::<T>::remove((patient, content, until.to_be_bytes(), index));
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

        // Its erasures stay noted: what was over once is never put off again.
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
