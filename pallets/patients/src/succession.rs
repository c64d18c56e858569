//! Who comes after: a new owner in the place of everybody else.

use alloc::vec::Vec;
use frame_support::ensure;
use salus_primitives::{
    traits::{Control, Succession},
    AccountId, Controller, ControllerRole, PatientId,
};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{Config, Controllers, Error, HandOver, HandOvers, Pallet, Patients};

impl<T: Config> Succession<AccountId> for Pallet<T> {
    fn has_owner(patient: &PatientId) -> bool {
        Controllers::<T>::iter_prefix_values(patient)
            .any(|row| row.role == ControllerRole::Owner && Self::is_live(&row))
    }

    fn owns_for_good(patient: &PatientId, account: &AccountId) -> bool {
        Controllers::<T>::get(patient, account)
            .is_some_and(|row| row.role == ControllerRole::Owner && row.expires_at.is_none())
    }

    fn succeed(patient: PatientId, owner: &AccountId) -> DispatchResult {
        let enrolled_by = Patients::<T>::get(patient)
            .ok_or(Error::<T>::NotEnrolled)?
            .enrolled_by;
        let controllers = Self::ensure_controllers(patient)?;

        for account in controllers.iter().filter(|account| *account != owner) {
            Self::delete_controller(patient, account);
        }
        HandOvers::<T>::remove(patient);
        let row = Controller {
            role: ControllerRole::Owner,
            expires_at: None,
        };
        Self::insert_controller(patient, owner, row, enrolled_by);
        Ok(())
    }
}

impl<T: Config> Pallet<T> {
    /// All accounts with a role, expired ones included. Only a void enrolment has none.
    pub(crate) fn ensure_controllers(patient: PatientId) -> Result<Vec<AccountId>, DispatchError> {
        let controllers: Vec<_> = Controllers::<T>::iter_key_prefix(patient).collect();
        ensure!(!controllers.is_empty(), Error::<T>::Voided);
        Ok(controllers)
    }

    /// Which guardians hand the patient over to `owner`, this one among them. Whoever names another
    /// owner begins anew.
    pub(crate) fn agreed(
        patient: PatientId,
        guardian: &AccountId,
        owner: &AccountId,
    ) -> Result<HandOver, DispatchError> {
        let mut agreed = HandOvers::<T>::get(patient)
            .filter(|row| row.owner == *owner)
            .unwrap_or_else(|| HandOver {
                owner: owner.clone(),
                guardians: Default::default(),
            });
        // Without those who are none any more, there is room for all who are.
        agreed
            .guardians
            .retain(|account| Self::role(&patient, account) == Some(ControllerRole::Guardian));
        if !agreed.guardians.contains(guardian) {
            agreed
                .guardians
                .try_push(guardian.clone())
                .map_err(|_| Error::<T>::TooManyControllers)?;
        }
        Ok(agreed)
    }

    pub(crate) fn is_unanimous(patient: PatientId, agreed: &HandOver) -> bool {
        Controllers::<T>::iter_prefix(patient)
            .filter(|(_, row)| row.role == ControllerRole::Guardian && Self::is_live(row))
            .all(|(account, _)| agreed.guardians.contains(&account))
    }
}
