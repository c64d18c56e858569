//! Which files a record names and lately named, and how a move is made and undone.

use super::*;

/// A file that a record is to name, and the key it is encrypted to.
struct File {
    compartment: CompartmentId,
    epoch: u32,
    /// Whom its binding names.
    placed_by: AccountId,
    content: Cid,
    /// Whether the record named it before, in an entry that it leaves now.
    is_restored: bool,
}

/// The former contents of a record: those whose time has come, and those that can be restored.
pub(crate) struct Parted {
    over: Vec<FormerContent>,
    pub(crate) kept: Vec<FormerContent>,
}

impl<T: Config> Pallet<T> {
    pub(crate) fn former(patient: &PatientId, index: RecordIndex) -> Parted {
        let mut over = Former::<T>::get(patient, index).into_inner();
        // The oldest come first, and what is due earlier is put off no longer than what is due later.
        let first_kept = over.partition_point(|former| Self::is_over(patient, former.until));
        let kept = over.split_off(first_kept);
        Parted { over, kept }
    }

    /// Forgets the former contents whose time has come, and returns how many they are.
    pub(crate) fn prune(patient: &PatientId, index: RecordIndex) -> u32 {
        let Parted { over, kept } = Self::former(patient, index);
        if over.is_empty() {
            return 0;
        }
        Self::set_former(patient, index, BoundedVec::truncate_from(kept));
        Self::unname(patient, index, None, &over)
    }

    pub(crate) fn change_naming(
        patient: &PatientId,
        content: &Cid,
        change: impl FnOnce(&mut Naming),
    ) {
        Contents::<T>::mutate_exists(patient, content, |row| {
            let mut naming = row.take().unwrap_or_default();
            change(&mut naming);
            *row = (naming.records > 0 || naming.former > 0).then_some(naming);
        });
    }

    fn set_former(patient: &PatientId, index: RecordIndex, former: FormerContents) {
        match former.is_empty() {
            true => Former::<T>::remove(patient, index),
            false => Former::<T>::insert(patient, index, former),
        }
    }

    /// `erased_at` is the end of the record's erasure, if one is pending.
    fn unname(
        patient: &PatientId,
        index: RecordIndex,
        erased_at: Option<Moment>,
        over: &[FormerContent],
    ) -> u32 {
        for former in over {
            Self::change_naming(patient, &former.content, |naming| {
                naming.former = naming.former.saturating_sub(1);
            });
            if let Some(until) = erased_at {
                Self::forget_erasure(patient, &former.content, until, index);
            }
        }
        over.len() as u32
    }

    /// Names another file for a record; the one before becomes the newest of its former ones.
    /// Returns the content before, and how many former ones were pruned.
    fn do_name(
        patient: &PatientId,
        index: RecordIndex,
        mut record: Record,
        former: Parted,
        file: File,
    ) -> Result<(Cid, u32), DispatchError> {
        let Parted { over, mut kept } = former;
        let until = T::Chain::now().saturating_add(UNNAMING_WAITS);
        let previous = record.content;
        kept.push(FormerContent {
            content: previous,
            compartment: record.compartment,
            epoch: record.epoch,
            placed_by: record.placed_by,
            until,
        });
        let kept = FormerContents::try_from(kept).map_err(|_| Error::<T>::TooManyMoves)?;

        let erased_at = match record.state {
            RecordState::ErasePending { until } => Some(until),
            RecordState::Current | RecordState::Erased => None,
        };
        Self::set_former(patient, index, kept);
        let pruned = Self::unname(patient, index, erased_at, &over);
        Self::change_naming(patient, &previous, |naming| {
            naming.records = naming.records.saturating_sub(1);
            naming.former = naming.former.saturating_add(1);
            naming.former_until = naming.former_until.max(until);
        });
        Self::change_naming(patient, &file.content, |naming| {
            naming.records = naming.records.saturating_add(1);
            naming.former = naming.former.saturating_sub(u32::from(file.is_restored));
        });
        if let Some(until) = erased_at.filter(|_| !file.is_restored) {
            Self::note_erasure(patient, &file.content, until, index);
        }
        record.compartment = file.compartment;
        record.epoch = file.epoch;
        record.placed_by = file.placed_by;
        record.content = file.content;
        Records::<T>::insert(patient, index, record);
        Ok((previous, pruned))
    }

    /// A file that was encrypted to the present key of its compartment, and is none of those before.
    fn ensure_new_file(
        patient: &PatientId,
        record: &Record,
        former: &Parted,
        file: &File,
    ) -> DispatchResult {
        Self::ensure_epoch(patient, &file.compartment, file.epoch)?;
        ensure!(file.content.is_well_formed(), Error::<T>::MalformedContent);
        // Its entry says to which key the file is encrypted, and who uploaded it: only `restore` takes
        // that over.
        let is_former = former
            .kept
            .iter()
            .any(|former| former.content == file.content);
        ensure!(
            file.content != record.content && !is_former,
            Error::<T>::SameContent
        );
        Ok(())
    }

    /// Names a new file of `who`'s in the compartment that `choose` says, given the record. Returns
    /// that compartment, the content before, and how many former ones were pruned.
    fn do_place(
        patient: PatientId,
        who: &AccountId,
        record: RecordIndex,
        epoch: u32,
        content: Cid,
        choose: impl FnOnce(&Record) -> Result<CompartmentId, DispatchError>,
    ) -> Result<(CompartmentId, Cid, u32), DispatchError> {
        let row = Self::ensure_live(&patient, record)?;
        let compartment = choose(&row)?;
        let former = Self::former(&patient, record);
        let file = File {
            compartment,
            epoch,
            placed_by: who.clone(),
            content,
            is_restored: false,
        };
        Self::ensure_new_file(&patient, &row, &former, &file)?;

        let (previous, pruned) = Self::do_name(&patient, record, row, former, file)?;
        Ok((compartment, previous, pruned))
    }

    /// Returns how many former contents were pruned.
    pub(crate) fn do_reclassify(
        patient: PatientId,
        who: AccountId,
        record: RecordIndex,
        compartment: CompartmentId,
        epoch: u32,
        content: Cid,
    ) -> Result<u32, DispatchError> {
        let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
        let elsewhere = |row: &Record| {
            ensure!(
                row.compartment != compartment,
                Error::<T>::AlreadyInCompartment
            );
            Ok(compartment)
        };
        let (compartment, previous, pruned) =
            Self::do_place(patient, &actor, record, epoch, content, elsewhere)?;
        Self::deposit(
            &patient,
            Event::RecordReclassified {
                patient,
                actor,
                record,
                compartment,
                epoch,
                content,
                previous,
            },
        );
        Ok(pruned)
    }

    /// Returns how many former contents were pruned.
    pub(crate) fn do_relocate(
        patient: PatientId,
        who: AccountId,
        record: RecordIndex,
        epoch: u32,
        content: Cid,
    ) -> Result<u32, DispatchError> {
        let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
        let where_it_is = |row: &Record| Ok(row.compartment);
        let (_, previous, pruned) =
            Self::do_place(patient, &actor, record, epoch, content, where_it_is)?;
        Self::deposit(
            &patient,
            Event::RecordRelocated {
                patient,
                actor,
                record,
                epoch,
                content,
                previous,
            },
        );
        Ok(pruned)
    }

    /// Returns how many former contents were pruned.
    pub(crate) fn do_restore(
        patient: PatientId,
        who: AccountId,
        record: RecordIndex,
        content: Cid,
    ) -> Result<u32, DispatchError> {
        let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
        let row = Self::ensure_live(&patient, record)?;
        let mut former = Self::former(&patient, record);
        let position = former
            .kept
            .iter()
            .position(|former| former.content == content)
            .ok_or(Error::<T>::NotFormer)?;
        // The one that is restored makes room for the one that it replaces.
        let FormerContent {
            content,
            compartment,
            epoch,
            placed_by,
            ..
        } = former.kept.remove(position);
        let file = File {
            compartment,
            epoch,
            placed_by,
            content,
            is_restored: true,
        };

        let (previous, pruned) = Self::do_name(&patient, record, row, former, file)?;
        Self::deposit(
            &patient,
            Event::RecordRestored {
                patient,
                actor,
                record,
                compartment,
                epoch,
                content,
                previous,
            },
        );
        Ok(pruned)
    }
}
