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

    /// A file for this compartment: in a CID of the profile, encrypted to the present epoch.
    fn ensure_placeable(
        patient: &PatientId,
        compartment: &CompartmentId,
        epoch: u32,
        content: &Cid,
    ) -> DispatchResult {
        Self::ensure_epoch(patient, compartment, epoch)?;
        ensure!(content.is_well_formed(), Error::<T>::MalformedContent);
        Ok(())
    }

    fn ensure_epoch(
        patient: &PatientId,
        compartment: &CompartmentId,
        epoch: u32,
    ) -> DispatchResult {
        let row =
            Compartments::<T>::get(patient, compartment).ok_or(Error::<T>::CompartmentNotFound)?;
        ensure!(row.epoch == epoch, Error::<T>::WrongEpoch);
        Ok(())
    }

    /// The record, unless it is erased or past the time to cancel that.
    pub(crate) fn ensure_live(
        patient: &PatientId,
        index: RecordIndex,
    ) -> Result<Record, DispatchError> {
        let record = Records::<T>::get(patient, index).ok_or(Error::<T>::RecordNotFound)?;
        ensure!(!record.is_erased(T::Chain::now()), Error::<T>::RecordErased);
        Ok(record)
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

    /// Whether `who` may anchor here, and for which organisation; none for a controller.
    pub(crate) fn ensure_may_anchor(
        who: &AccountId,
        patient: &PatientId,
        grant: Option<GrantIndex>,
        compartment: &CompartmentId,
        epoch: u32,
    ) -> Result<Option<OrgId>, DispatchError> {
        let organisation = match grant {
            None => {
                T::Control::ensure_decides(*patient, who.clone())?;
                None
            }
            Some(grant) => {
                let organisation = T::Consent::may_write(patient, grant, who, compartment);
                // Strangers hear first that they are none of ours.
                ensure!(
                    organisation.is_some() || T::Standing::member(who).is_some(),
                    Error::<T>::NotAuthorized
                );
                Some(organisation.ok_or(Error::<T>::NoWriteGrant)?)
            }
        };
        Self::ensure_epoch(patient, compartment, epoch)?;
        Ok(organisation)
    }

    /// Anchors what [`Self::ensure_may_anchor`] allows.
    pub(crate) fn do_anchor(
        who: AccountId,
        organisation: Option<OrgId>,
        patient: PatientId,
        grant: Option<GrantIndex>,
        new: NewRecord,
    ) -> DispatchResult {
        let NewRecord {
            compartment,
            epoch,
            content,
            commitment,
        } = new;
        ensure!(content.is_well_formed(), Error::<T>::MalformedContent);
        let record = NextRecord::<T>::get(patient);
        let next = record.checked_add(1).ok_or(Error::<T>::TooManyRecords)?;

        NextRecord::<T>::insert(patient, next);
        Contents::<T>::insert((patient, content, record), ());
        Records::<T>::insert(
            patient,
            record,
            Record {
                compartment,
                epoch,
                author: who.clone(),
                organisation,
                placed_by: who.clone(),
                content,
                commitment,
                anchored_at: T::Chain::now(),
                corrects: None,
                corrected_by: None,
                state: RecordState::Current,
            },
        );
        Self::deposit(
            &patient,
            Event::RecordAnchored {
                patient,
                actor: who,
                record,
                compartment,
                epoch,
                organisation,
                grant,
                content,
                commitment,
            },
        );
        Ok(())
    }

    /// Names a new file for a record, and returns the one before.
    pub(crate) fn do_place(
        patient: PatientId,
        actor: &AccountId,
        index: RecordIndex,
        mut record: Record,
        compartment: CompartmentId,
        epoch: u32,
        content: Cid,
    ) -> Result<Cid, DispatchError> {
        Self::ensure_placeable(&patient, &compartment, epoch, &content)?;
        let previous = record.content;
        ensure!(content != previous, Error::<T>::SameContent);

        record.compartment = compartment;
        record.epoch = epoch;
        record.placed_by = actor.clone();
        record.content = content;
        Records::<T>::insert(patient, index, record);
        Contents::<T>::remove((patient, previous, index));
        Contents::<T>::insert((patient, content, index), ());
        Ok(previous)
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
        Records::<T>::get(patient, index)
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
