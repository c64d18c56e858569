//! Who works for an organisation acts for no patient under that account, nor the other way round: the
//! chain would show whose patient somebody is.

use frame_support::{assert_err_ignore_postinfo, assert_noop, assert_ok, BoundedVec};
use salus_primitives::{
    traits::{Sponsorship, Standing, Succession},
    ClinicianRole, ControllerRole, OrganisationKind, DAY,
};
use salus_runtime::{Members, Patients, Runtime, RuntimeCall, RuntimeOrigin};
use sp_runtime::traits::Dispatchable;

use crate::world::{
    self, credential_consent, role_consent, succession, Who, HOSPITAL, NOW, PATIENT,
};

type NoPatient = pallet_patients::Error<Runtime>;
type NoStaff = pallet_members::Error<Runtime>;

#[test]
fn staff_get_no_role_for_a_patient_by_any_door() {
    world::full().execute_with(|| {
        for who in [Who::Clinician, Who::Suspended, Who::Service, Who::Admin] {
            assert!(<Members as Standing<_>>::is_staff(&who.account()));
            let enrol = RuntimeCall::Patients(world::enrol(Who::Clinician, who));
            assert_err_ignore_postinfo!(
                enrol.dispatch(Who::Clinician.signed()),
                NoPatient::StaffAccount
            );
            for role in [
                ControllerRole::Owner,
                ControllerRole::Decider,
                ControllerRole::Carer,
            ] {
                assert_err_ignore_postinfo!(
                    Patients::add_controller(
                        Who::Owner.signed(),
                        PATIENT,
                        who.account(),
                        role,
                        None,
                        role_consent(PATIENT, who, role)
                    ),
                    NoPatient::StaffAccount
                );
            }
            assert_err_ignore_postinfo!(
                Patients::hand_over(
                    Who::Owner.signed(),
                    PATIENT,
                    who.account(),
                    succession(PATIENT, who)
                ),
                NoPatient::StaffAccount
            );
            // As a recovery ends.
            assert_noop!(
                Patients::succeed(PATIENT, &Who::Carer.account(), &who.account()),
                NoPatient::StaffAccount
            );
            assert!(!Patients::acts_for_patients(&who.account()));
        }
    });
}

#[test]
fn whoever_acts_for_a_patient_becomes_no_staff_by_any_door() {
    world::full().execute_with(|| {
        for who in [Who::Owner, Who::Guardian, Who::Carer] {
            let role = ClinicianRole::Nurse;
            assert_noop!(
                Members::credential(
                    Who::Admin.signed(),
                    who.account(),
                    role,
                    NOW + DAY,
                    Some(credential_consent(HOSPITAL, who, role))
                ),
                NoStaff::ActsForPatients
            );
            assert_err_ignore_postinfo!(
                Members::admit(
                    RuntimeOrigin::root(),
                    who.account(),
                    OrganisationKind::Clinic,
                    BoundedVec::truncate_from(b"Clinic".to_vec()),
                    BoundedVec::default(),
                ),
                NoStaff::ActsForPatients
            );
            assert_err_ignore_postinfo!(
                Members::set_admin(RuntimeOrigin::root(), HOSPITAL, who.account()),
                NoStaff::ActsForPatients
            );
        }
        let newcomer = Who::Newcomer;
        let role = ClinicianRole::Nurse;
        assert_ok!(Members::credential(
            Who::Admin.signed(),
            newcomer.account(),
            role,
            NOW + DAY,
            Some(credential_consent(HOSPITAL, newcomer, role))
        ));
    });
}
