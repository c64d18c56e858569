//! How a patient begins, and how an enrolment that was a mistake ends.

use frame_support::ensure;
use salus_primitives::{
    traits::{Chain, Standing},
    AccountId, Controller, ControllerRole, Member, OrgId, Patient, PatientId,
};
use sp_runtime::DispatchResult;

use crate::{Config, Error, Event, Pallet, Patients, Sponsors, VOID_WITHIN};

impl<T: Config> Pallet<T> {
    /// Writes what an enrolment leaves behind, once somebody has checked that it may: not the keys.
    pub fn do_enrol(
        patient: PatientId,
        actor: AccountId,
        organisation: OrgId,
        controller: AccountId,
    ) {
        let now = T::Chain::now();
        Patients::<T>::insert(
            patient,
            Patient {
                enrolled_by: organisation,
                enrolled_at: now,
                decided_since: now,
                voided_at: None,
                keyring: None,
            },
        );
        let row = Controller {
            role: ControllerRole::Decider,
            expires_at: None,
        };
        Self::insert_controller(patient, &controller, row);
        // Who consents to be enrolled chooses the sponsor. Another role does not, or somebody's
        // allowance would be a stranger's.
        Sponsors::<T>::mutate(&controller, |sponsor| {
            if let Some(sponsor) = sponsor {
                sponsor.patient = patient;
            }
        });
        Self::deposit(
            patient,
            Event::Enrolled {
                patient,
                actor,
                organisation,
                controller,
            },
        );
    }

    pub(crate) fn do_void(actor: AccountId, patient: PatientId) -> DispatchResult {
        let row = Patients::<T>::get(patient).ok_or(Error::<T>::NotEnrolled)?;
        let organisation = row.enrolled_by;
        ensure!(
            T::Standing::member(&actor) == Some(Member::Admin { organisation }),
            Error::<T>::NotAuthorized
        );
        ensure!(row.voided_at.is_none(), Error::<T>::Voided);
        let now = T::Chain::now();
        ensure!(
            now < row.enrolled_at.saturating_add(VOID_WITHIN),
            Error::<T>::TooLateToVoid
        );

        Self::replace_deciders(patient, &actor, None)?;
        Patients::<T>::mutate(patient, |row| {
            if let Some(row) = row {
                row.voided_at = Some(now);
            }
        });
        Self::deposit(
            patient,
            Event::EnrolmentVoided {
                patient,
                actor,
                organisation,
            },
        );
        Ok(())
    }
}
