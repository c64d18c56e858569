//! What the other pallets ask: who may decide, and who may transact at all.

use frame_support::ensure;
use salus_primitives::{
    traits::{Chain, Control, PatientOrigin, Sponsorship},
    AccountId, ControllerRole, Moment, OrgId, PatientId,
};
use sp_runtime::DispatchError;

use crate::{Config, Controllers, Error, Pallet, Patients, Sponsors};

impl<T: Config> Pallet<T> {
    fn ensure_role(
        patient: PatientId,
        actor: AccountId,
        suffices: impl Fn(ControllerRole) -> bool,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        ensure!(Self::is_enrolled(&patient), Error::<T>::NotEnrolled);
        let row = Controllers::<T>::get(patient, &actor)
            .filter(|row| Self::is_live(row) && suffices(row.role))
            .ok_or(Error::<T>::NotAuthorized)?;
        Ok(PatientOrigin {
            patient,
            actor,
            role: row.role,
            until: row.expires_at,
        })
    }
}

impl<T: Config> Control<AccountId> for Pallet<T> {
    fn is_enrolled(patient: &PatientId) -> bool {
        Patients::<T>::contains_key(patient)
    }

    fn decided_since(patient: &PatientId) -> Moment {
        Patients::<T>::get(patient)
            .map(|row| row.decided_since)
            .unwrap_or_default()
    }

    fn enrolment(patient: &PatientId) -> Option<(OrgId, Moment)> {
        Patients::<T>::get(patient).map(|row| (row.enrolled_by, row.enrolled_at))
    }

    fn voided_by(patient: &PatientId) -> Option<OrgId> {
        Patients::<T>::get(patient)
            .filter(|row| row.voided_at.is_some())
            .map(|row| row.enrolled_by)
    }

    fn role(patient: &PatientId, account: &AccountId) -> Option<ControllerRole> {
        Controllers::<T>::get(patient, account)
            .filter(Self::is_live)
            .map(|row| row.role)
    }

    fn ensure_decides(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        Self::ensure_role(patient, who, |role| role != ControllerRole::Carer)
    }

    fn ensure_answers(
        patient: PatientId,
        who: AccountId,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        Self::ensure_role(patient, who, |_| true)
    }
}

impl<T: Config> Sponsorship<AccountId> for Pallet<T> {
    fn sponsor(account: &AccountId) -> Option<(PatientId, OrgId)> {
        let sponsor = Sponsors::<T>::get(account)
            .filter(|row| row.until.is_none_or(|end| T::Chain::now() < end))?;
        let patient = match Self::role(&sponsor.patient, account) {
            Some(_) => sponsor.patient,
            None => Self::sponsoring(account)?,
        };
        Patients::<T>::get(patient).map(|row| (patient, row.enrolled_by))
    }

    fn acts_for_patients(account: &AccountId) -> bool {
        Sponsors::<T>::contains_key(account)
    }

    fn enrolled_at(patient: &PatientId) -> Moment {
        Patients::<T>::get(patient)
            .map(|row| row.enrolled_at)
            .unwrap_or_default()
    }
}
