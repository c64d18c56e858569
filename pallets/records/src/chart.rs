//! The checks and writes that several calls share, and what the other pallets may do.

use super::*;

impl<T: Config> Pallet<T> {
    pub(crate) fn deposit(patient: &PatientId, event: Event<T>) {
        T::Trail::deposit(patient, event.into());
    }

    /// A recipient of this epoch, of a known scheme, signed by `signer` for this compartment.
    pub(crate) fn ensure_recipient(
        patient: PatientId,
        compartment: CompartmentId,
        epoch: u32,
        signer: &AccountId,
        recipient: Recipient,
    ) -> Result<SignedRecipient, DispatchError> {
        ensure!(recipient.epoch == epoch, Error::<T>::WrongEpoch);
        ensure!(recipient.is_well_formed(), Error::<T>::UnsupportedRecipient);
        let subject = Subject::Compartment(patient, compartment);
        ensure!(
            recipient.is_signed_by(signer, &T::Chain::genesis(), &subject),
            Error::<T>::BadRecipientSignature
        );
        Ok(SignedRecipient {
            signer: signer.clone(),
            recipient,
        })
    }

    pub(crate) fn ensure_epoch(
        patient: &PatientId,
        compartment: &CompartmentId,
        epoch: u32,
    ) -> DispatchResult {
        let row =
            Compartments::<T>::get(patient, compartment).ok_or(Error::<T>::CompartmentNotFound)?;
        ensure!(row.epoch == epoch, Error::<T>::WrongEpoch);
        Ok(())
    }

    /// Changes how many records lie in a compartment.
    pub(crate) fn count(
        patient: &PatientId,
        compartment: &CompartmentId,
        change: impl FnOnce(u32) -> u32,
    ) -> DispatchResult {
        Compartments::<T>::try_mutate(patient, compartment, |row| {
            let row = row.as_mut().ok_or(Error::<T>::CompartmentNotFound)?;
            row.records = change(row.records);
            Ok(())
        })
    }

    pub(crate) fn do_open(
        patient: PatientId,
        actor: &AccountId,
        signer: &AccountId,
        compartment: CompartmentId,
        recipient: Recipient,
    ) -> DispatchResult {
        ensure!(
            !Compartments::<T>::contains_key(patient, compartment),
            Error::<T>::AlreadyOpen
        );
        let count = CompartmentCount::<T>::get(patient);
        ensure!(
            count < T::MaxCompartments::get(),
            Error::<T>::TooManyCompartments
        );
        let epoch = 0;
        let recipient = Self::ensure_recipient(patient, compartment, epoch, signer, recipient)?;

        let now = T::Chain::now();
        Compartments::<T>::insert(
            patient,
            compartment,
            Compartment {
                epoch,
                opened_at: now,
                rotated_at: now,
                records: 0,
            },
        );
        Recipients::<T>::insert(patient, compartment, recipient);
        CompartmentCount::<T>::insert(patient, count.saturating_add(1));
        Self::deposit(
            &patient,
            Event::CompartmentOpened {
                patient,
                actor: actor.clone(),
                compartment,
                epoch,
            },
        );
        Ok(())
    }

    pub(crate) fn do_close(
        patient: PatientId,
        who: AccountId,
        compartment: CompartmentId,
    ) -> DispatchResult {
        let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
        let row =
            Compartments::<T>::get(patient, compartment).ok_or(Error::<T>::CompartmentNotFound)?;
        ensure!(
            Intakes::<T>::get(patient) != Some(compartment),
            Error::<T>::IntakeStays
        );
        ensure!(row.records == 0, Error::<T>::NotEmpty);
        // Or else whoever moved records out of it could keep them from being moved back.
        let is_settled = VacatedUntil::<T>::get(patient, compartment)
            .is_none_or(|until| Self::is_over(&patient, until));
        ensure!(is_settled, Error::<T>::VacatedLately);

        Compartments::<T>::remove(patient, compartment);
        Recipients::<T>::remove(patient, compartment);
        VacatedUntil::<T>::remove(patient, compartment);
        CompartmentCount::<T>::mutate(patient, |count| *count = count.saturating_sub(1));
        Self::deposit(
            &patient,
            Event::CompartmentClosed {
                patient,
                actor,
                compartment,
            },
        );
        Ok(())
    }

    /// Checks that `who` may anchor these items of one place, and takes them from the allowance of the
    /// organisation for which this is; none for a controller.
    pub(crate) fn admit(who: &AccountId, run: &[NewItem]) -> Result<Option<OrgId>, DispatchError> {
        let (patient, grant, record) = run.first().ok_or(Error::<T>::NothingToAnchor)?;
        let organisation = match grant {
            None => {
                T::Control::ensure_decides(*patient, who.clone())?;
                Self::ensure_persons(false, run)?;
                None
            }
            Some(grant) => {
                // Strangers hear first that they are none of ours.
                let member = T::Standing::member(who).ok_or(Error::<T>::NotAuthorized)?;
                let organisation = T::Consent::may_write(patient, *grant, who, &record.compartment);
                let organisation = organisation.ok_or(Error::<T>::NoWriteGrant)?;
                Self::ensure_persons(member.is_service(), run)?;
                Some(organisation)
            }
        };
        Self::ensure_epoch(patient, &record.compartment, record.epoch)?;
        ensure!(
            run.iter()
                .all(|(_, _, record)| record.content.is_well_formed()),
            Error::<T>::MalformedContent
        );
        if let Some(organisation) = organisation {
            T::Allowance::spend(patient, organisation, run.len() as u32)?;
        }
        Ok(organisation)
    }

    /// Software seals a person for each item, and nobody else seals any.
    fn ensure_persons(is_service: bool, run: &[NewItem]) -> Result<(), Error<T>> {
        let given = |(_, _, record): &NewItem| seal::is_given_rightly(is_service, &record.person);
        ensure!(
            run.iter().all(given),
            match is_service {
                true => Error::<T>::NoPerson,
                false => Error::<T>::PersonSigns,
            }
        );
        Ok(())
    }

    /// Anchors items of one place that [`Self::admit`] allows.
    pub(crate) fn do_anchor(
        who: &AccountId,
        organisation: Option<OrgId>,
        run: &[NewItem],
    ) -> DispatchResult {
        let (patient, grant, NewRecord { compartment, .. }) =
            run.first().ok_or(Error::<T>::NothingToAnchor)?;
        let anchored = run.len() as u32;
        let first = NextRecord::<T>::get(patient);
        let next = first
            .checked_add(anchored)
            .ok_or(Error::<T>::TooManyRecords)?;

        NextRecord::<T>::insert(patient, next);
        Self::count(patient, compartment, |records| {
            records.saturating_add(anchored)
        })?;
        let now = T::Chain::now();
        for (record, (_, _, new)) in (first..next).zip(run) {
            let NewRecord {
                compartment,
                epoch,
                content,
                commitment,
                person,
            } = *new;
            Self::change_naming(patient, &content, |naming| {
                naming.records = naming.records.saturating_add(1);
            });
            Records::<T>::insert(
                patient,
                record,
                Record {
                    compartment,
                    epoch,
                    author: who.clone(),
                    person,
                    organisation,
                    placed_by: who.clone(),
                    content,
                    commitment,
                    anchored_at: now,
                    corrects: None,
                    corrected_by: None,
                    state: RecordState::Current,
                },
            );
            Self::deposit(
                patient,
                Event::RecordAnchored {
                    patient: *patient,
                    actor: who.clone(),
                    record,
                    compartment,
                    epoch,
                    organisation,
                    grant: *grant,
                    content,
                    commitment,
                    person,
                },
            );
        }
        Ok(())
    }
}

impl<T: Config> OpenIntake<AccountId> for Pallet<T> {
    fn open_intake(
        patient: PatientId,
        actor: &AccountId,
        signer: &AccountId,
        compartment: CompartmentId,
        recipient: Recipient,
    ) -> DispatchResult {
        ensure!(
            !Intakes::<T>::contains_key(patient),
            Error::<T>::IntakeAlreadyOpen
        );
        Self::do_open(patient, actor, signer, compartment, recipient)?;
        Intakes::<T>::insert(patient, compartment);
        Ok(())
    }
}

impl<T: Config> salus_primitives::traits::Records<AccountId> for Pallet<T> {
    fn record(patient: &PatientId, index: RecordIndex) -> Option<Record> {
        Records::<T>::get(patient, index).map(|record| Self::seen(patient, record))
    }

    fn compartment_exists(patient: &PatientId, compartment: &CompartmentId) -> bool {
        Compartments::<T>::contains_key(patient, compartment)
    }

    fn intake(patient: &PatientId) -> Option<CompartmentId> {
        Intakes::<T>::get(patient)
    }

    /// A replacement must be newer than what it replaces, so that a chain of corrections has an end.
    fn link_correction(
        patient: &PatientId,
        original: RecordIndex,
        replacement: RecordIndex,
    ) -> DispatchResult {
        let mut old = Self::ensure_live(patient, original)?;
        let mut new = Self::ensure_live(patient, replacement)?;
        ensure!(old.corrected_by.is_none(), Error::<T>::AlreadyCorrected);
        ensure!(
            new.corrects.is_none() && new.corrected_by.is_none(),
            Error::<T>::ReplacementInUse
        );
        ensure!(replacement > original, Error::<T>::ReplacementNotNewer);

        old.corrected_by = Some(replacement);
        new.corrects = Some(original);
        Records::<T>::insert(patient, original, old);
        Records::<T>::insert(patient, replacement, new);
        Ok(())
    }
}
