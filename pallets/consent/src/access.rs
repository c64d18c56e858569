//! Who may do what under a grant, as the other pallets and `SalusApi` ask it.

use salus_primitives::{
    traits::{Chain, Consent, Control, Records, Standing},
    AccountId, Grant, GrantIndex, Grantee, Moment, OrgId, PatientId, RecordIndex,
};

use crate::{predicate, Config, Grants, Pallet};

impl<T: Config> Pallet<T> {
    /// Returns the grant, if `who` can use it at `at`, and the organisation of `who`.
    pub(crate) fn held(
        patient: &PatientId,
        grant: GrantIndex,
        who: &AccountId,
        at: Moment,
    ) -> Option<(Grant, OrgId)> {
        let row = Grants::<T>::get(patient, grant)?;
        let organisation = T::Standing::member(who)?.organisation();
        let void = T::Control::voided_by(patient).is_some();
        (predicate::is_given_to(&row.grantee, who, organisation)
            && predicate::is_active(&row, at, void, T::Standing::grantee_is_active))
        .then_some((row, organisation))
    }
}

impl<T: Config> Consent<AccountId> for Pallet<T> {
    fn may_write(patient: &PatientId, grant: GrantIndex, who: &AccountId) -> Option<OrgId> {
        let (row, organisation) = Self::held(patient, grant, who, T::Chain::now())?;
        row.rights.write().then_some(organisation)
    }

    fn may_read(
        patient: &PatientId,
        grant: GrantIndex,
        who: &AccountId,
        records: &[RecordIndex],
        at: Moment,
    ) -> bool {
        let at = at.max(T::Chain::now());
        let Some((row, _)) = Self::held(patient, grant, who, at) else {
            return false;
        };
        let reached = |index: &RecordIndex| {
            T::Records::record(patient, *index)
                .is_some_and(|record| predicate::covers(&row, *index, &record, at))
        };
        row.rights.read() && !records.is_empty() && records.iter().all(reached)
    }

    fn could_read_since(
        patient: &PatientId,
        grant: GrantIndex,
        reader: &AccountId,
        record: RecordIndex,
        since: Moment,
    ) -> bool {
        let Some(row) = Grants::<T>::get(patient, grant) else {
            return false;
        };
        // Who has left since could read then: what was handed out is reported all the same.
        let was_given = match &row.grantee {
            Grantee::Clinician { account, .. } => account == reader,
            Grantee::Organisation(grantee) => {
                T::Standing::member(reader).is_some_and(|member| member.organisation() == *grantee)
            }
        };
        was_given
            && row.rights.read()
            && predicate::held_since(&row, since, T::Chain::now())
            && T::Records::record(patient, record)
                .is_some_and(|found| predicate::covers(&row, record, &found, since))
    }

    fn organisation_of(patient: &PatientId, grant: GrantIndex) -> Option<OrgId> {
        Grants::<T>::get(patient, grant).map(|row| row.grantee.organisation())
    }
}
