//! The checks and writes that several calls share, and what the other pallets may do.

use super::*;

/// The row of a compartment.
pub(crate) fn row_of<'a>(chart: &'a Chart, id: &CompartmentId) -> Option<&'a Compartment> {
    let place = chart.binary_search_by_key(id, |(id, _)| *id).ok()?;
    chart.get(place).map(|(_, row)| row)
}

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
        let row = Self::compartment(patient, compartment).ok_or(Error::<T>::CompartmentNotFound)?;
        ensure!(row.epoch == epoch, Error::<T>::WrongEpoch);
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
                let organisation = T::Consent::may_write(patient, *grant, who);
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
        let (patient, grant, _) = run.first().ok_or(Error::<T>::NothingToAnchor)?;
        let anchored = run.len() as u32;
        let first = NextRecord::<T>::get(patient);
        let next = first
            .checked_add(anchored)
            .ok_or(Error::<T>::TooManyRecords)?;

        NextRecord::<T>::insert(patient, next);
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

impl<T: Config> OpenCompartments<AccountId> for Pallet<T> {
    fn open(patient: PatientId, signer: &AccountId, set: CompartmentSet) -> DispatchResult {
        ensure!(set.is_well_formed(), Error::<T>::UnsupportedRecipient);
        ensure!(set.is_ascending(), Error::<T>::CompartmentsNotAscending);
        ensure!(
            set.is_signed_by(signer, &T::Chain::genesis(), &patient),
            Error::<T>::BadRecipientSignature
        );

        let row = Compartment {
            epoch: 0,
            rotated_at: T::Chain::now(),
        };
        Compartments::<T>::insert(patient, set.compartments.map(|(id, _)| (id, row.clone())));
        FirstKeys::<T>::insert(
            patient,
            KeySet {
                signer: signer.clone(),
                scheme: set.scheme,
                first: set.compartments.map(|(_, key)| key),
                signature: set.signature,
            },
        );
        Ok(())
    }
}

impl<T: Config> salus_primitives::traits::Records<AccountId> for Pallet<T> {
    fn record(patient: &PatientId, index: RecordIndex) -> Option<Record> {
        Records::<T>::get(patient, index).map(|record| Self::seen(patient, record))
    }

    fn compartments_exist(patient: &PatientId, compartments: &[CompartmentId]) -> bool {
        let chart = Compartments::<T>::get(patient);
        compartments
            .iter()
            .all(|id| chart.as_ref().and_then(|chart| row_of(chart, id)).is_some())
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
