//! A lost phone, and who may do what before and after.

use frame_support::assert_ok;
use salus_primitives::{Controller, ControllerRole, Subject, DAY};
use salus_runtime::{Consent, Patients, Recovery, Runtime, RuntimeCall};
use sp_runtime::{
    traits::Dispatchable,
    transaction_validity::{InvalidTransaction, TransactionValidityError},
};

use crate::{
    configuration::{remark, validate},
    world::{self, recipient, set_time, succession, Who, NOW, PATIENT},
};

/// Helpers of whom one is a clinician, one another patient's owner, and one unknown to the chain.
fn plan() {
    let named = [Who::Clinician, Who::OtherOwner, Who::Stranger];
    assert_ok!(Recovery::set_plan(
        Who::Owner.signed(),
        PATIENT,
        world::helpers(PATIENT, named),
        DAY,
    ));
}

fn start(by: Who, to: Who) -> pallet_recovery::Call<Runtime> {
    pallet_recovery::Call::start {
        patient: PATIENT,
        owner: to.account(),
        consent: succession(PATIENT, to),
        salt: world::salt(by),
        threshold: 2,
    }
}

#[test]
fn helper_whom_the_chain_does_not_know_acts_as_one_and_in_no_other_way() {
    world::full().execute_with(|| {
        let no_standing: Result<u64, TransactionValidityError> =
            Err(InvalidTransaction::Custom(1).into());
        let begin = |by| RuntimeCall::from(start(by, Who::Newcomer));
        assert_eq!(validate(Who::Stranger, &begin(Who::Stranger)), no_standing);
        plan();
        assert!(validate(Who::Stranger, &begin(Who::Stranger)).is_ok());
        // With another's salt, or for something else, it is a stranger.
        assert_eq!(validate(Who::Stranger, &begin(Who::Clinician)), no_standing);
        assert_eq!(validate(Who::Newcomer, &begin(Who::Stranger)), no_standing);
        assert_eq!(validate(Who::Stranger, &remark()), no_standing);
        let behind = [
            pallet_recovery::Call::withdraw {
                patient: PATIENT,
                owner: Who::Newcomer.account(),
            },
            pallet_recovery::Call::finish {
                patient: PATIENT,
                owner: Who::Newcomer.account(),
            },
        ];
        for call in behind.clone() {
            assert_eq!(validate(Who::Stranger, &call.into()), no_standing);
        }
        assert_ok!(begin(Who::Stranger).dispatch(Who::Stranger.signed()));
        for call in behind {
            assert!(validate(Who::Stranger, &call.clone().into()).is_ok());
            assert_eq!(validate(Who::Newcomer, &call.into()), no_standing);
        }
        assert_eq!(validate(Who::Stranger, &remark()), no_standing);
    });
}

#[test]
fn the_new_owner_sends_nothing_and_the_old_account_is_turned_away() {
    world::full().execute_with(|| {
        plan();
        let no_standing: Result<u64, TransactionValidityError> =
            Err(InvalidTransaction::Custom(1).into());
        let owner = Who::Newcomer.account();
        let begin = RuntimeCall::from(start(Who::Clinician, Who::Newcomer));
        assert_ok!(begin.dispatch(Who::Clinician.signed()));
        assert_ok!(Recovery::approve(
            Who::OtherOwner.signed(),
            PATIENT,
            owner.clone(),
            world::salt(Who::OtherOwner),
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
        let begin = RuntimeCall::from(start(Who::Clinician, Who::Owner));
        let refused = begin.dispatch(Who::Clinician.signed()).unwrap_err().error;
        assert_eq!(refused, pallet_recovery::Error::<Runtime>::NoPlan.into());
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
