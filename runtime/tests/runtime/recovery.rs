//! A lost phone, and who may do what before and after.

use frame_support::{assert_noop, assert_ok, BoundedVec};
use salus_primitives::{Controller, ControllerRole, Helper, Subject, DAY};
use salus_runtime::{Consent, Patients, Recovery, Runtime};
use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

use crate::{
    configuration::{remark, validate},
    world::{self, recipient, set_time, succession, Who, NOW, PATIENT},
};

/// Helpers of whom one is a clinician and one another patient's owner; either may transact.
fn plan() {
    let helpers = [Who::Clinician, Who::OtherOwner, Who::Stranger].map(|who| Helper {
        account: who.account(),
        share: H256::repeat_byte(7),
    });
    assert_ok!(Recovery::set_plan(
        Who::Owner.signed(),
        PATIENT,
        BoundedVec::truncate_from(helpers.to_vec()),
        2,
        DAY,
    ));
}

#[test]
fn the_new_owner_sends_nothing_and_the_old_account_is_turned_away() {
    world::full().execute_with(|| {
        plan();
        let no_standing: Result<u64, TransactionValidityError> =
            Err(InvalidTransaction::Custom(1).into());
        let (owner, consent) = (Who::Newcomer.account(), succession(PATIENT, Who::Newcomer));
        for helper in [Who::Clinician, Who::OtherOwner] {
            assert!(validate(helper, &remark()).is_ok(), "{helper:?}");
        }
        // A helper who never joined can be named, and cannot help.
        assert_eq!(validate(Who::Stranger, &remark()), no_standing);

        assert_ok!(Recovery::start(
            Who::Clinician.signed(),
            PATIENT,
            owner.clone(),
            consent
        ));
        assert_ok!(Recovery::approve(
            Who::OtherOwner.signed(),
            PATIENT,
            owner.clone()
        ));
        set_time(NOW + DAY);
        assert_eq!(validate(Who::Newcomer, &remark()), no_standing);
        assert_ok!(Recovery::finish(
            Who::Clinician.signed(),
            PATIENT,
            owner.clone()
        ));

        let only = Controller {
            role: ControllerRole::Owner,
            expires_at: None,
        };
        assert_eq!(Patients::controllers(PATIENT), vec![(owner, only)]);
        assert!(validate(Who::Newcomer, &remark()).is_ok());
        for who in [Who::Owner, Who::Guardian, Who::Carer] {
            assert_eq!(validate(who, &remark()), no_standing, "{who:?}");
        }
        let inbox = recipient(Who::Newcomer, Subject::Inbox(PATIENT), 1);
        assert_ok!(Patients::set_inbox(Who::Newcomer.signed(), PATIENT, inbox));
    });
}

#[test]
fn helpers_of_before_have_no_say_after_a_hand_over_or_a_mistake() {
    world::full().execute_with(|| {
        plan();
        assert_ok!(Patients::hand_over(
            Who::Owner.signed(),
            PATIENT,
            Who::Newcomer.account(),
            succession(PATIENT, Who::Newcomer),
        ));
        // Helpers who have begun are not outrun.
        assert!(Recovery::plan(PATIENT).is_some());
        set_time(NOW + DAY);
        assert_ok!(Patients::complete_hand_over(
            Who::Newcomer.signed(),
            PATIENT
        ));
        assert_eq!(Recovery::plan(PATIENT), None);
        assert_ok!(Patients::void_enrolment(Who::Admin.signed(), PATIENT));
        assert_noop!(
            Recovery::start(
                Who::Clinician.signed(),
                PATIENT,
                Who::Owner.account(),
                succession(PATIENT, Who::Owner),
            ),
            pallet_recovery::Error::<Runtime>::NoPlan
        );
    });
}

#[test]
fn no_grant_of_a_void_patient_counts() {
    world::full().execute_with(|| {
        let holds = || {
            let who = Who::Clinician.account();
            Consent::holds_grant(&PATIENT, world::GRANT, &who, NOW)
        };
        assert!(holds());
        assert_ok!(Patients::void_enrolment(Who::Admin.signed(), PATIENT));
        assert!(!holds());
    });
}
