//! What the other pallets ask: who may decide, and who may transact at all.

use frame_support::ensure;
use salus_primitives::{
    traits::{Chain, Control, PatientOrigin, Sponsorship},
    AccountId, ControllerRole, OrgId, PatientId,
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
        let role = Self::role(&patient, &actor)
            .filter(|role| suffices(*role))
            .ok_or(Error::<T>::NotAuthorized)?;
        Ok(PatientOrigin {
            patient,
            actor,
            role,
        })
    }
}

impl<T: Config> Control<AccountId> for Pallet<T> {
    fn is_enrolled(patient: &PatientId) -> bool {
        Patients::<T>::contains_key(patient)
    }

    fn is_restricted(patient: &PatientId) -> bool {
        Patients::<T>::get(patient).is_some_and(|row| row.restricted_since.is_some())
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
    fn sponsor(account: &AccountId) -> Option<OrgId> {
        Sponsors::<T>::get(account)
            .filter(|row| row.until.is_none_or(|end| T::Chain::now() < end))
            .map(|row| row.organisation)
    }
}
