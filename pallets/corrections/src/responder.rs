//! Who may answer for a record, with which replacement, and the checks that calls share.

use super::*;

/// Someone who may answer for a record, and in whose name.
pub(crate) struct Responder {
    account: AccountId,
    /// None for a controller.
    organisation: Option<OrgId>,
}

impl<T: Config> Pallet<T> {
    pub(crate) fn deposit(patient: &PatientId, event: Event<T>) {
        T::Trail::deposit(patient, event.into());
    }

    pub(crate) fn ensure_letter(letter: &Cid) -> DispatchResult {
        ensure!(letter.is_well_formed(), Error::<T>::MalformedLetter);
        Ok(())
    }

    pub(crate) fn ensure_exists(
        patient: &PatientId,
        correction: CorrectionIndex,
    ) -> Result<Correction, DispatchError> {
        Corrections::<T>::get(patient, correction).ok_or(Error::<T>::NotFound.into())
    }

    /// The newest of its chain, not erased, and without an open request.
    pub(crate) fn ensure_correctable(patient: &PatientId, index: RecordIndex) -> DispatchResult {
        let record = T::Records::record(patient, index).ok_or(Error::<T>::RecordNotFound)?;
        ensure!(!record.is_erased(T::Chain::now()), Error::<T>::RecordErased);
        ensure!(record.corrected_by.is_none(), Error::<T>::NotNewest);
        ensure!(
            !Open::<T>::contains_key(patient, index),
            Error::<T>::AlreadyRequested
        );
        Ok(())
    }

    /// In whose name `who` may answer for this record now, if at all.
    pub(crate) fn responder(
        patient: &PatientId,
        record: &Record,
        who: &AccountId,
    ) -> Option<Responder> {
        let decides =
            |account: &AccountId| T::Control::ensure_decides(*patient, account.clone()).is_ok();
        let organisation = match record.organisation {
            None => {
                let answers = match *who == record.author {
                    true => decides(who),
                    false => decides(who) && !decides(&record.author),
                };
                answers.then_some(None)
            }
            Some(own) => {
                let member = T::Standing::member(who)?;
                let organisation = member.organisation();
                // Read for everyone, so that every responder costs the same.
                let successor = Successors::<T>::get(own);
                let is_author = *who == record.author && organisation == own;
                // Whose person is sealed is answered for by the organisation, whose software signs.
                let is_software =
                    record.person.is_some() && member.is_service() && organisation == own;
                let is_admin = matches!(member, Member::Admin { .. })
                    && (organisation == own || successor == Some(organisation));
                (is_author || is_software || is_admin).then_some(Some(organisation))
            }
        }?;
        Some(Responder {
            account: who.clone(),
            organisation,
        })
    }

    pub(crate) fn ensure_responder(
        patient: &PatientId,
        index: RecordIndex,
        who: &AccountId,
    ) -> Result<Responder, DispatchError> {
        let record = T::Records::record(patient, index).ok_or(Error::<T>::RecordNotFound)?;
        Self::responder(patient, &record, who).ok_or(Error::<T>::NotResponder.into())
    }

    /// A request without an answer, and who may give it.
    pub(crate) fn ensure_answers(
        patient: &PatientId,
        correction: CorrectionIndex,
        who: &AccountId,
    ) -> Result<(Correction, Responder), DispatchError> {
        let row = Self::ensure_exists(patient, correction)?;
        let responder = Self::ensure_responder(patient, row.record, who)?;
        ensure!(
            row.state == CorrectionState::Requested,
            Error::<T>::AlreadyAnswered
        );
        Ok((row, responder))
    }

    /// A record that the responder's organisation wrote or, if it is a controller, that person.
    pub(crate) fn ensure_replacement(
        patient: &PatientId,
        index: RecordIndex,
        responder: &Responder,
    ) -> DispatchResult {
        let record = T::Records::record(patient, index).ok_or(Error::<T>::ReplacementNotFound)?;
        let is_own = record.organisation == responder.organisation
            && (responder.organisation.is_some() || record.author == responder.account);
        ensure!(is_own, Error::<T>::ForeignReplacement);
        Ok(())
    }

    /// Takes an entry from what the responder's organisation may write into this trail.
    pub(crate) fn spend(patient: &PatientId, responder: &Responder) -> DispatchResult {
        match responder.organisation {
            Some(organisation) => T::Allowance::spend(patient, organisation, 1),
            None => Ok(()),
        }
    }

    pub(crate) fn do_answer(
        patient: &PatientId,
        correction: CorrectionIndex,
        mut row: Correction,
        actor: &AccountId,
        state: CorrectionState,
    ) {
        Open::<T>::remove(patient, row.record);
        row.answered_by = Some(actor.clone());
        row.state = state;
        Corrections::<T>::insert(patient, correction, row);
    }
}
