use frame_support::{assert_noop, assert_ok, assert_storage_noop};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::{Control, Sponsorship},
    AccountId, Cid, Controller, ControllerRole, PatientId, Recipient, Subject,
};
use sp_runtime::DispatchError;
use ControllerRole::{Carer, Guardian, Owner};

use crate::{
    mock::*, ControlledBy, Controllers, Error, Event, HandOvers, Inboxes, Sponsors, MAX_CONTROLLERS,
};

fn for_owner() -> Enrolment {
    enrolment("Owner", doctor(), HOSPITAL, PATIENT, Owner)
}

fn role(account: AccountId) -> Option<ControllerRole> {
    Patients::role(&PATIENT, &account)
}

mod enrol {
    use super::*;

    #[test]
    fn enrolled_patient_has_an_owner_an_inbox_and_a_sponsor() {
        ExtBuilder::empty().build_and_execute(|| {
            assert_eq!(System::providers(&owner()), 0);
            assert_ok!(for_owner().submit());
            let row = Patients::patient(PATIENT).unwrap();
            assert_eq!((row.enrolled_by, row.enrolled_at), (HOSPITAL, START));
            assert_eq!((row.restricted_since, row.keyring), (None, None));
            assert_eq!(role(owner()), Some(Owner));
            assert_eq!(Patients::inbox(PATIENT).unwrap().signer, owner());
            assert_eq!(Patients::sponsor(&owner()), Some(HOSPITAL));
            assert_eq!(Patients::controlled_by(owner()), vec![PATIENT]);
            // Without a reference it could send nothing.
            assert_eq!(System::providers(&owner()), 1);
            System::assert_last_event(
                Event::Enrolled {
                    patient: PATIENT,
                    actor: doctor(),
                    organisation: HOSPITAL,
                    controller: owner(),
                    role: Owner,
                }
                .into(),
            );
        });
    }

    #[test]
    fn software_enrols_and_a_guardian_signs_for_a_child() {
        ExtBuilder::empty().build_and_execute(|| {
            assert_ok!(enrolment("Guardian", desk(), HOSPITAL, PATIENT, Guardian).submit());
            assert_eq!(role(guardian()), Some(Guardian));
        });
    }

    #[test]
    fn a_consent_wrapped_by_a_browser_wallet_counts() {
        use salus_primitives::signing::enrolment_payload;
        use salus_primitives::traits::Chain;
        use sp_core::Pair;
        ExtBuilder::empty().build_and_execute(|| {
            let mut enrolment = for_owner();
            let payload = enrolment_payload(
                &Doubles::genesis(),
                HOSPITAL,
                &doctor(),
                &PATIENT,
                &owner(),
                Owner,
                &enrolment.consent.nonce,
                enrolment.consent.expires_at,
            );
            let wrapped = [b"<Bytes>".as_slice(), &payload, b"</Bytes>"].concat();
            enrolment.consent.signature = pair("Owner").sign(&wrapped).into();
            assert_ok!(enrolment.submit());
        });
    }

    #[test]
    fn only_clinicians_and_services_enrol() {
        ExtBuilder::empty().build_and_execute(|| {
            for by in [hospital_admin(), owner(), stranger()] {
                let enrolment = enrolment("Owner", by, HOSPITAL, PATIENT, Owner);
                assert_noop!(enrolment.submit(), Error::<Test>::NotAuthorized);
            }
            let ours = for_owner();
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(
                    Patients::enrol(
                        origin,
                        PATIENT,
                        owner(),
                        Owner,
                        INTAKE,
                        ours.intake.clone(),
                        ours.inbox.clone(),
                        ours.consent.clone()
                    ),
                    DispatchError::BadOrigin
                );
            }
        });
    }

    #[test]
    fn nobody_is_enrolled_with_a_carer_alone() {
        ExtBuilder::empty().build_and_execute(|| {
            assert_noop!(
                enrolment("Carer", doctor(), HOSPITAL, PATIENT, Carer).submit(),
                Error::<Test>::RoleNotAllowed
            );
        });
    }

    #[test]
    fn a_consent_is_for_this_organisation_enroller_patient_controller_and_role() {
        ExtBuilder::empty().build_and_execute(|| {
            let bad = [
                // Signed for the clinic, used by the hospital.
                enrolment("Owner", doctor(), CLINIC, PATIENT, Owner),
                // Signed for the desk, used by the doctor; and the other way round.
                Enrolment {
                    by: doctor(),
                    ..enrolment("Owner", desk(), HOSPITAL, PATIENT, Owner)
                },
                Enrolment {
                    by: desk(),
                    ..for_owner()
                },
                // Taken to another organisation.
                Enrolment {
                    by: lee(),
                    ..for_owner()
                },
                // For another patient.
                Enrolment {
                    consent: enrolment("Owner", doctor(), HOSPITAL, OTHER, Owner).consent,
                    ..for_owner()
                },
                // For another role.
                Enrolment {
                    role: Guardian,
                    ..for_owner()
                },
                // For another controller.
                Enrolment {
                    controller: stranger(),
                    ..for_owner()
                },
            ];
            for enrolment in bad {
                assert_noop!(enrolment.submit(), Error::<Test>::BadConsent);
            }
            let mut longer = for_owner();
            longer.consent.expires_at += DAY;
            assert_noop!(longer.submit(), Error::<Test>::BadConsent);
            let mut again = for_owner();
            again.consent.nonce = [8; 16];
            assert_noop!(again.submit(), Error::<Test>::BadConsent);
        });
    }

    #[test]
    fn a_consent_ends_at_its_instant() {
        ExtBuilder::empty().build_and_execute(|| {
            let enrolment = for_owner();
            set_now(START + DAY);
            assert_noop!(enrolment.clone().submit(), Error::<Test>::ConsentExpired);
            set_now(START + DAY - 1);
            assert_ok!(enrolment.submit());
        });
    }

    #[test]
    fn a_consent_enrols_once() {
        ExtBuilder::empty().build_and_execute(|| {
            let enrolment = for_owner();
            assert_ok!(enrolment.clone().submit());
            assert_noop!(enrolment.clone().submit(), Error::<Test>::AlreadyEnrolled);
            // Not even after everything else about the patient has changed hands.
            assert_ok!(add(owner(), stranger(), Owner, None));
            assert_ok!(remove(stranger(), owner()));
            assert_noop!(enrolment.submit(), Error::<Test>::AlreadyEnrolled);
            assert_eq!(role(owner()), None);
        });
    }

    #[test]
    fn an_enrolled_patient_is_not_taken_over() {
        ExtBuilder::default().build_and_execute(|| {
            assert_noop!(
                enrolment("Stranger", lee(), CLINIC, PATIENT, Owner).submit(),
                Error::<Test>::AlreadyEnrolled
            );
        });
    }

    #[test]
    fn the_inbox_key_is_the_controllers_first() {
        ExtBuilder::empty().build_and_execute(|| {
            let with = |inbox| Enrolment {
                inbox,
                ..for_owner()
            };
            for (key, error) in [
                (inbox("Stranger", PATIENT, 0), Error::<Test>::BadSignature),
                (inbox("Owner", OTHER, 0), Error::<Test>::BadSignature),
                (inbox("Owner", PATIENT, 1), Error::<Test>::WrongEpoch),
                (
                    Recipient {
                        scheme: 9,
                        ..inbox("Owner", PATIENT, 0)
                    },
                    Error::<Test>::InvalidRecipient,
                ),
            ] {
                assert_noop!(with(key).submit(), error);
            }
        });
    }

    #[test]
    fn without_an_intake_compartment_nobody_is_enrolled() {
        use frame_support::storage::{with_transaction, TransactionOutcome};
        ExtBuilder::empty().build_and_execute(|| {
            let intake = recipient("Stranger", &Subject::Compartment(PATIENT, INTAKE), 0);
            let enrolment = Enrolment {
                intake,
                ..for_owner()
            };
            // As dispatch does it: what failed leaves nothing.
            assert_storage_noop!({
                let result = with_transaction(|| match enrolment.submit() {
                    Ok(()) => TransactionOutcome::Commit(Ok(())),
                    Err(error) => TransactionOutcome::Rollback(Err(error)),
                });
                assert_eq!(result, Err(INTAKE_REFUSED));
            });
        });
    }

    #[test]
    fn whoever_consents_to_be_enrolled_changes_the_sponsor() {
        ExtBuilder::default().build_and_execute(|| {
            // The hospital's patient makes a stranger its carer, so the hospital sponsors them …
            assert_ok!(add(owner(), stranger(), Carer, None));
            assert_eq!(Patients::sponsor(&stranger()), Some(HOSPITAL));
            // … until they enrol somewhere themselves.
            assert_ok!(enrolment("Stranger", lee(), CLINIC, OTHER, Owner).submit());
            assert_eq!(Patients::sponsor(&stranger()), Some(CLINIC));
            assert_eq!(System::providers(&stranger()), 1);
        });
    }
}

mod add_controller {
    use super::*;

    #[test]
    fn owners_give_any_role() {
        ExtBuilder::default().build_and_execute(|| {
            for (name, role) in [("A", Owner), ("B", Guardian), ("C", Carer)] {
                let end = Some(START + DAY);
                assert_ok!(add(owner(), account(name), role, end));
                assert_eq!(
                    Patients::controller(PATIENT, account(name)),
                    Some(Controller {
                        role,
                        expires_at: end
                    })
                );
                assert_eq!(System::providers(&account(name)), 1);
                System::assert_last_event(
                    Event::ControllerAdded {
                        patient: PATIENT,
                        actor: owner(),
                        account: account(name),
                        role,
                        expires_at: end,
                    }
                    .into(),
                );
            }
        });
    }

    #[test]
    fn guardians_make_no_owners_and_carers_nobody() {
        ExtBuilder::default().build_and_execute(|| {
            assert_noop!(
                add(guardian(), stranger(), Owner, None),
                Error::<Test>::NotAuthorized
            );
            assert_ok!(add(guardian(), stranger(), Guardian, None));
            assert_ok!(add(guardian(), account("A"), Carer, None));
            for role in [Owner, Guardian, Carer] {
                assert_noop!(
                    add(carer(), account("B"), role, None),
                    Error::<Test>::NotAuthorized
                );
            }
        });
    }

    #[test]
    fn an_account_that_controls_another_patient_has_no_say_in_this_one() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(enrolment("Stranger", doctor(), HOSPITAL, OTHER, Owner).submit());
            for who in [stranger(), doctor(), hospital_admin()] {
                assert_noop!(
                    add(who, stranger(), Owner, None),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_noop!(
                Patients::add_controller(signed(owner()), PatientId([3; 16]), owner(), Owner, None),
                Error::<Test>::NotEnrolled
            );
            assert_noop!(
                Patients::add_controller(RuntimeOrigin::root(), PATIENT, owner(), Owner, None),
                DispatchError::BadOrigin
            );
        });
    }

    #[test]
    fn a_role_ends_later_than_now_and_not_later_than_the_givers() {
        ExtBuilder::default().build_and_execute(|| {
            assert_noop!(
                add(owner(), stranger(), Carer, Some(START)),
                Error::<Test>::ExpiryInPast
            );
            let end = START + DAY;
            assert_ok!(add(owner(), account("Aunt"), Guardian, Some(end)));
            for longer in [None, Some(end + 1)] {
                assert_noop!(
                    add(account("Aunt"), stranger(), Guardian, longer),
                    Error::<Test>::OutlastsOwn
                );
            }
            assert_ok!(add(account("Aunt"), stranger(), Guardian, Some(end)));
        });
    }

    #[test]
    fn a_live_role_is_not_replaced_but_an_expired_one_is() {
        ExtBuilder::default().build_and_execute(|| {
            assert_noop!(
                add(owner(), carer(), Owner, None),
                Error::<Test>::AlreadyController
            );
            assert_noop!(
                add(owner(), owner(), Carer, None),
                Error::<Test>::AlreadyController
            );
            assert_ok!(add(owner(), stranger(), Carer, Some(START + HOUR)));
            set_now(START + HOUR);
            assert_eq!(role(stranger()), None);
            assert_ok!(add(owner(), stranger(), Guardian, None));
            assert_eq!(role(stranger()), Some(Guardian));
            assert_eq!(Sponsors::<Test>::get(stranger()).unwrap().patients, 1);
        });
    }

    #[test]
    fn a_patient_has_at_most_16_controllers() {
        ExtBuilder::default().build_and_execute(|| {
            for seed in 3..MAX_CONTROLLERS {
                assert_ok!(add(
                    owner(),
                    account(&seed.to_string()),
                    Carer,
                    Some(START + HOUR)
                ));
            }
            assert_noop!(
                add(owner(), stranger(), Carer, None),
                Error::<Test>::TooManyControllers
            );
            set_now(START + HOUR);
            // Expired ones take room until removed, but can be given a role anew.
            assert_noop!(
                add(owner(), stranger(), Carer, None),
                Error::<Test>::TooManyControllers
            );
            assert_ok!(add(owner(), account("3"), Carer, None));
            assert_ok!(remove(owner(), account("4")));
            assert_ok!(add(owner(), stranger(), Carer, None));
            assert_eq!(
                Patients::controllers(PATIENT).len(),
                MAX_CONTROLLERS as usize
            );
        });
    }
}

mod remove_controller {
    use super::*;

    #[test]
    fn owners_remove_anybody() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Owner, None));
            for (who, role) in [(carer(), Carer), (guardian(), Guardian), (owner(), Owner)] {
                assert_ok!(remove(stranger(), who.clone()));
                assert!(!Controllers::<Test>::contains_key(PATIENT, &who));
                assert!(!ControlledBy::<Test>::contains_key(&who, PATIENT));
                assert_eq!(Patients::sponsor(&who), None);
                // A reaped account would start again at nonce 0.
                assert_eq!(System::providers(&who), 1);
                System::assert_last_event(
                    Event::ControllerRemoved {
                        patient: PATIENT,
                        actor: stranger(),
                        account: who,
                        role,
                    }
                    .into(),
                );
            }
        });
    }

    #[test]
    fn a_removed_owner_owns_nothing_for_good() {
        use salus_primitives::traits::Succession;
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Owner, None));
            assert!(Patients::owns_for_good(&PATIENT, &owner()));
            assert_ok!(remove(stranger(), owner()));
            assert!(!Patients::owns_for_good(&PATIENT, &owner()));
            // Nor with a role that ends, or another one.
            assert_ok!(add(stranger(), owner(), Owner, Some(START + DAY)));
            assert!(!Patients::owns_for_good(&PATIENT, &owner()));
            assert_ok!(remove(stranger(), owner()));
            assert_ok!(add(stranger(), owner(), Guardian, None));
            assert!(!Patients::owns_for_good(&PATIENT, &owner()));
        });
    }

    #[test]
    fn a_removed_controller_decides_nothing_any_more() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(remove(owner(), guardian()));
            assert_noop!(
                Patients::restrict(signed(guardian()), PATIENT),
                Error::<Test>::NotAuthorized
            );
            assert_noop!(remove(guardian(), carer()), Error::<Test>::NotAuthorized);
        });
    }

    #[test]
    fn guardians_remove_carers_and_themselves_but_no_other_guardian_and_no_owner() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Guardian, None));
            assert_noop!(remove(guardian(), stranger()), Error::<Test>::NotAuthorized);
            assert_noop!(remove(guardian(), owner()), Error::<Test>::NotAuthorized);
            assert_ok!(remove(guardian(), carer()));
            assert_ok!(remove(guardian(), guardian()));
        });
    }

    #[test]
    fn guardians_clear_away_expired_guardians() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Guardian, Some(START + HOUR)));
            assert_noop!(remove(guardian(), stranger()), Error::<Test>::NotAuthorized);
            set_now(START + HOUR);
            assert_ok!(remove(guardian(), stranger()));
        });
    }

    #[test]
    fn carers_and_strangers_remove_nobody_else() {
        ExtBuilder::default().build_and_execute(|| {
            for who in [carer(), stranger(), doctor(), hospital_admin()] {
                for target in [owner(), guardian()] {
                    assert_noop!(remove(who.clone(), target), Error::<Test>::NotAuthorized);
                }
            }
            assert_ok!(remove(carer(), carer()));
        });
    }

    #[test]
    fn what_is_not_there_is_not_removed() {
        ExtBuilder::default().build_and_execute(|| {
            assert_noop!(remove(owner(), stranger()), Error::<Test>::NotController);
            assert_noop!(
                Patients::remove_controller(signed(owner()), OTHER, owner()),
                Error::<Test>::NotEnrolled
            );
        });
    }

    #[test]
    fn the_last_owner_stays_even_beside_guardians_and_owners_for_a_time() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Owner, Some(START + DAY)));
            assert_noop!(remove(owner(), owner()), Error::<Test>::LastController);
            assert_noop!(remove(stranger(), owner()), Error::<Test>::LastController);
            assert_ok!(add(owner(), account("Tablet"), Owner, None));
            assert_ok!(remove(account("Tablet"), owner()));
            assert_noop!(
                remove(account("Tablet"), account("Tablet")),
                Error::<Test>::LastController
            );
        });
    }

    #[test]
    fn the_last_guardian_of_a_child_stays() {
        ExtBuilder::empty().build_and_execute(|| {
            assert_ok!(enrolment("Guardian", doctor(), HOSPITAL, PATIENT, Guardian).submit());
            assert_ok!(add(guardian(), carer(), Carer, None));
            assert_ok!(add(
                guardian(),
                account("Aunt"),
                Guardian,
                Some(START + DAY)
            ));
            assert_noop!(
                remove(guardian(), guardian()),
                Error::<Test>::LastController
            );
            assert_ok!(add(guardian(), account("Father"), Guardian, None));
            assert_ok!(remove(guardian(), guardian()));
        });
    }
}

mod roles_end {
    use super::*;

    #[test]
    fn an_expired_owner_has_no_power_at_its_instant() {
        ExtBuilder::default().build_and_execute(|| {
            let (who, end) = (stranger(), START + HOUR);
            assert_ok!(add(owner(), who.clone(), Owner, Some(end)));
            set_now(end - 1);
            assert_eq!(role(who.clone()), Some(Owner));
            assert_eq!(Patients::sponsor(&who), Some(HOSPITAL));
            assert_ok!(Patients::restrict(signed(who.clone()), PATIENT));

            set_now(end);
            let refused = Error::<Test>::NotAuthorized;
            assert_eq!(role(who.clone()), None);
            assert_eq!(Patients::controller(PATIENT, who.clone()), None);
            assert_eq!(Patients::controlled_by(who.clone()), vec![]);
            assert_eq!(Patients::sponsor(&who), None);
            assert_noop!(Patients::lift(signed(who.clone()), PATIENT), refused);
            assert_noop!(
                add(who.clone(), account("A"), Carer, None),
                Error::<Test>::NotAuthorized
            );
            assert_noop!(remove(who.clone(), carer()), Error::<Test>::NotAuthorized);
            assert_noop!(
                remove(who.clone(), who.clone()),
                Error::<Test>::NotAuthorized
            );
            assert_noop!(
                Patients::ensure_decides(PATIENT, who.clone()),
                Error::<Test>::NotAuthorized
            );
            assert_noop!(
                Patients::ensure_answers(PATIENT, who),
                Error::<Test>::NotAuthorized
            );
        });
    }

    #[test]
    fn carers_answer_and_do_not_decide() {
        ExtBuilder::default().build_and_execute(|| {
            for (who, role, decides) in [
                (owner(), Owner, true),
                (guardian(), Guardian, true),
                (carer(), Carer, false),
            ] {
                let by = Patients::ensure_answers(PATIENT, who.clone()).unwrap();
                assert_eq!(
                    (by.patient, by.actor, by.role),
                    (PATIENT, who.clone(), role)
                );
                assert_eq!(Patients::ensure_decides(PATIENT, who).is_ok(), decides);
            }
            for who in [stranger(), doctor(), hospital_admin()] {
                assert_noop!(
                    Patients::ensure_answers(PATIENT, who),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_noop!(
                Patients::ensure_decides(OTHER, owner()),
                Error::<Test>::NotEnrolled
            );
        });
    }
}

mod keyring_and_restriction {
    use super::*;

    #[test]
    fn owners_and_guardians_name_the_keyring() {
        ExtBuilder::default().build_and_execute(|| {
            for (who, seed) in [(owner(), 1), (guardian(), 2)] {
                let keyring = Cid::dag_pb([seed; 32]);
                assert_ok!(Patients::set_keyring(signed(who.clone()), PATIENT, keyring));
                assert_eq!(Patients::patient(PATIENT).unwrap().keyring, Some(keyring));
                System::assert_last_event(
                    Event::KeyringChanged {
                        patient: PATIENT,
                        actor: who,
                        keyring,
                    }
                    .into(),
                );
            }
            assert_noop!(
                Patients::set_keyring(signed(owner()), PATIENT, Cid([0; 36])),
                Error::<Test>::InvalidCid
            );
        });
    }

    #[test]
    fn restricting_and_lifting_alternate() {
        ExtBuilder::default().build_and_execute(|| {
            assert_noop!(
                Patients::lift(signed(owner()), PATIENT),
                Error::<Test>::NotRestricted
            );
            assert_ok!(Patients::restrict(signed(owner()), PATIENT));
            assert!(Patients::is_restricted(&PATIENT));
            assert_eq!(
                Patients::patient(PATIENT).unwrap().restricted_since,
                Some(START)
            );
            System::assert_last_event(
                Event::Restricted {
                    patient: PATIENT,
                    actor: owner(),
                }
                .into(),
            );
            assert_noop!(
                Patients::restrict(signed(owner()), PATIENT),
                Error::<Test>::AlreadyRestricted
            );
            assert_ok!(Patients::lift(signed(guardian()), PATIENT));
            assert!(!Patients::is_restricted(&PATIENT));
            System::assert_last_event(
                Event::Lifted {
                    patient: PATIENT,
                    actor: guardian(),
                }
                .into(),
            );
        });
    }

    #[test]
    fn nobody_else_does() {
        ExtBuilder::default().build_and_execute(|| {
            let keyring = Cid::dag_pb([1; 32]);
            for who in [carer(), stranger(), doctor(), hospital_admin()] {
                assert_noop!(
                    Patients::set_keyring(signed(who.clone()), PATIENT, keyring),
                    Error::<Test>::NotAuthorized
                );
                assert_noop!(
                    Patients::restrict(signed(who.clone()), PATIENT),
                    Error::<Test>::NotAuthorized
                );
                assert_noop!(
                    Patients::lift(signed(who), PATIENT),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_noop!(
                Patients::restrict(signed(owner()), OTHER),
                Error::<Test>::NotEnrolled
            );
            assert_noop!(
                Patients::set_keyring(signed(owner()), OTHER, keyring),
                Error::<Test>::NotEnrolled
            );
            assert_noop!(
                Patients::lift(signed(owner()), OTHER),
                Error::<Test>::NotEnrolled
            );
        });
    }
}

mod set_inbox {
    use super::*;

    #[test]
    fn the_next_key_is_signed_by_who_sets_it() {
        ExtBuilder::default().build_and_execute(|| {
            let key = inbox("Guardian", PATIENT, 1);
            assert_ok!(Patients::set_inbox(
                signed(guardian()),
                PATIENT,
                key.clone()
            ));
            let row = Inboxes::<Test>::get(PATIENT).unwrap();
            assert_eq!((row.signer, row.recipient), (guardian(), key));
            System::assert_last_event(
                Event::InboxChanged {
                    patient: PATIENT,
                    actor: guardian(),
                    epoch: 1,
                }
                .into(),
            );
        });
    }

    #[test]
    fn a_strangers_replayed_or_foreign_key_is_refused() {
        ExtBuilder::default().build_and_execute(|| {
            let set = |who, key| Patients::set_inbox(signed(who), PATIENT, key);
            for who in [carer(), stranger(), doctor()] {
                assert_noop!(
                    set(who, inbox("Owner", PATIENT, 1)),
                    Error::<Test>::NotAuthorized
                );
            }
            for epoch in [0, 2] {
                assert_noop!(
                    set(owner(), inbox("Owner", PATIENT, epoch)),
                    Error::<Test>::WrongEpoch
                );
            }
            for key in [inbox("Guardian", PATIENT, 1), inbox("Owner", OTHER, 1)] {
                assert_noop!(set(owner(), key), Error::<Test>::BadSignature);
            }
            let short = Recipient {
                key: vec![1; 31].try_into().unwrap(),
                ..inbox("Owner", PATIENT, 1)
            };
            assert_noop!(set(owner(), short), Error::<Test>::InvalidRecipient);
        });
    }
}

mod hand_over {
    use super::*;
    use salus_primitives::traits::Succession;

    /// A child with its mother as guardian.
    fn a_child(test: impl FnOnce()) {
        ExtBuilder::empty().build_and_execute(|| {
            assert_ok!(enrolment("Guardian", doctor(), HOSPITAL, PATIENT, Guardian).submit());
            assert_ok!(add(guardian(), carer(), Carer, None));
            test();
        });
    }

    fn is_the_childs() {
        let only = Controller {
            role: Owner,
            expires_at: None,
        };
        assert_eq!(
            Patients::controllers(PATIENT),
            vec![(account("Child"), only)]
        );
        assert_eq!(Patients::sponsor(&account("Child")), Some(HOSPITAL));
        assert_eq!(System::providers(&account("Child")), 1);
        assert_eq!(dismissed(), vec![PATIENT]);
    }

    #[test]
    fn all_other_roles_end() {
        a_child(|| {
            assert_ok!(hand_over(guardian(), "Child"));
            is_the_childs();
            for who in [guardian(), carer()] {
                assert_eq!(Patients::sponsor(&who), None);
                assert_noop!(
                    Patients::ensure_answers(PATIENT, who),
                    Error::<Test>::NotAuthorized
                );
            }
            System::assert_last_event(
                Event::HandedOver {
                    patient: PATIENT,
                    actor: guardian(),
                    owner: account("Child"),
                }
                .into(),
            );
        });
    }

    #[test]
    fn the_new_owner_may_have_had_a_role_that_ends() {
        a_child(|| {
            assert_ok!(add(guardian(), account("Child"), Carer, Some(START + HOUR)));
            assert_ok!(hand_over(guardian(), "Child"));
            is_the_childs();
        });
    }

    #[test]
    fn each_guardian_says_so_and_the_last_word_does_it() {
        a_child(|| {
            assert_ok!(add(guardian(), account("Father"), Guardian, None));
            for who in [guardian(), guardian()] {
                assert_ok!(hand_over(who.clone(), "Child"));
                System::assert_last_event(
                    Event::HandOverAgreed {
                        patient: PATIENT,
                        actor: who,
                        owner: account("Child"),
                    }
                    .into(),
                );
                assert_eq!(role(account("Child")), None);
                assert_eq!(role(account("Father")), Some(Guardian));
            }
            assert_eq!(dismissed(), vec![]);
            assert_ok!(hand_over(account("Father"), "Child"));
            is_the_childs();
            assert_eq!(HandOvers::<Test>::iter().count(), 0);
        });
    }

    #[test]
    fn guardians_who_name_two_people_have_agreed_on_nobody() {
        a_child(|| {
            assert_ok!(add(guardian(), account("Father"), Guardian, None));
            assert_ok!(hand_over(guardian(), "Child"));
            assert_ok!(hand_over(account("Father"), "Stranger"));
            assert_eq!(role(stranger()), None);
            // The mother's word for the child is forgotten, not used later.
            assert_ok!(hand_over(account("Father"), "Child"));
            assert_eq!(role(account("Child")), None);
            assert_ok!(hand_over(guardian(), "Child"));
            is_the_childs();
        });
    }

    #[test]
    fn whose_role_has_ended_is_not_asked_and_does_not_count() {
        a_child(|| {
            assert_ok!(add(
                guardian(),
                account("Aunt"),
                Guardian,
                Some(START + HOUR)
            ));
            assert_ok!(add(guardian(), account("Father"), Guardian, None));
            assert_ok!(hand_over(account("Aunt"), "Child"));
            assert_ok!(hand_over(guardian(), "Child"));
            set_now(START + HOUR);
            assert_noop!(
                hand_over(account("Aunt"), "Child"),
                Error::<Test>::NotAuthorized
            );
            assert_eq!(role(account("Child")), None);
            assert_ok!(hand_over(account("Father"), "Child"));
            is_the_childs();
        });
    }

    #[test]
    fn no_guardian_hands_an_owners_patient_over() {
        ExtBuilder::default().build_and_execute(|| {
            assert!(Patients::has_owner(&PATIENT));
            assert_noop!(hand_over(guardian(), "Child"), Error::<Test>::NotAuthorized);
            for who in [carer(), stranger(), doctor(), hospital_admin()] {
                assert_noop!(hand_over(who, "Child"), Error::<Test>::NotAuthorized);
            }
            assert_ok!(hand_over(owner(), "Child"));
            is_the_childs();
        });
    }

    #[test]
    fn an_owner_for_a_time_hands_nothing_over_for_good() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Owner, Some(START + DAY)));
            assert!(!Patients::owns_for_good(&PATIENT, &stranger()));
            assert!(!Patients::owns_for_good(&PATIENT, &guardian()));
            assert_noop!(hand_over(stranger(), "Child"), Error::<Test>::OutlastsOwn);
        });
    }

    #[test]
    fn guardians_of_majority_do_nothing_any_more() {
        a_child(|| {
            assert_ok!(hand_over(guardian(), "Child"));
            let refused = Error::<Test>::NotAuthorized;
            assert_noop!(add(guardian(), stranger(), Guardian, None), refused);
            assert_noop!(
                remove(guardian(), account("Child")),
                Error::<Test>::NotAuthorized
            );
            assert_noop!(
                Patients::restrict(signed(guardian()), PATIENT),
                Error::<Test>::NotAuthorized
            );
            // Not with the child's own word either, which is valid for a day.
            assert_noop!(hand_over(guardian(), "Child"), Error::<Test>::NotAuthorized);
        });
    }

    #[test]
    fn a_consent_is_for_this_patient_by_this_owner_until_its_instant() {
        a_child(|| {
            let by = |owner: AccountId, consent| {
                Patients::hand_over(signed(guardian()), PATIENT, owner, consent)
            };
            let ours = succession("Child", PATIENT);
            let mut longer = ours.clone();
            longer.expires_at += DAY;
            for (owner, consent) in [
                (account("Child"), succession("Child", OTHER)),
                (account("Child"), succession("Stranger", PATIENT)),
                (stranger(), ours.clone()),
                (account("Child"), longer),
            ] {
                assert_noop!(by(owner, consent), Error::<Test>::BadConsent);
            }
            set_now(START + DAY);
            assert_noop!(
                by(account("Child"), ours.clone()),
                Error::<Test>::ConsentExpired
            );
            set_now(START + DAY - 1);
            assert_ok!(by(account("Child"), ours));
        });
    }

    #[test]
    fn a_consent_wrapped_by_a_browser_wallet_counts() {
        use salus_primitives::{signing::succession_payload, traits::Chain};
        use sp_core::Pair;
        a_child(|| {
            let mut consent = succession("Child", PATIENT);
            let payload = succession_payload(
                &Doubles::genesis(),
                &PATIENT,
                &account("Child"),
                consent.expires_at,
            );
            let wrapped = [b"<Bytes>".as_slice(), &payload, b"</Bytes>"].concat();
            consent.signature = pair("Child").sign(&wrapped).into();
            assert_ok!(Patients::hand_over(
                signed(guardian()),
                PATIENT,
                account("Child"),
                consent
            ));
        });
    }

    #[test]
    fn whoever_has_other_patients_keeps_their_sponsor() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(enrolment("Stranger", lee(), CLINIC, OTHER, Owner).submit());
            assert_ok!(hand_over(owner(), "Stranger"));
            assert_eq!(Patients::sponsor(&stranger()), Some(CLINIC));
            assert_eq!(Patients::controlled_by(stranger()), vec![PATIENT, OTHER]);
        });
    }
}

mod void_enrolment {
    use super::*;
    use crate::VOID_WITHIN;
    use salus_primitives::traits::Succession;

    #[test]
    fn nobody_controls_the_patient_and_no_grant_counts() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(void(hospital_admin()));
            assert_eq!(Patients::controllers(PATIENT), vec![]);
            assert!(Patients::is_restricted(&PATIENT));
            assert_eq!(dismissed(), vec![PATIENT]);
            for who in [owner(), guardian(), carer()] {
                assert_eq!(Patients::sponsor(&who), None);
                assert_eq!(Patients::controlled_by(who.clone()), vec![]);
                assert_noop!(
                    Patients::ensure_answers(PATIENT, who),
                    Error::<Test>::NotAuthorized
                );
            }
            System::assert_last_event(
                Event::EnrolmentVoided {
                    patient: PATIENT,
                    actor: hospital_admin(),
                    organisation: HOSPITAL,
                }
                .into(),
            );
        });
    }

    #[test]
    fn a_void_patient_is_nobodys_ever_after() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(void(hospital_admin()));
            assert_noop!(void(hospital_admin()), Error::<Test>::Voided);
            assert_noop!(
                Patients::succeed(PATIENT, &stranger()),
                Error::<Test>::Voided
            );
            assert_noop!(hand_over(owner(), "Child"), Error::<Test>::NotAuthorized);
            assert_noop!(for_owner().submit(), Error::<Test>::AlreadyEnrolled);
        });
    }

    #[test]
    fn only_the_admin_of_who_enrolled_and_only_for_a_week() {
        ExtBuilder::default().build_and_execute(|| {
            for who in [clinic_admin(), doctor(), desk(), owner(), stranger()] {
                assert_noop!(void(who), Error::<Test>::NotAuthorized);
            }
            assert_noop!(
                Patients::void_enrolment(signed(hospital_admin()), OTHER),
                Error::<Test>::NotEnrolled
            );
            assert_noop!(
                Patients::void_enrolment(RuntimeOrigin::root(), PATIENT),
                DispatchError::BadOrigin
            );
            set_now(START + VOID_WITHIN);
            assert_noop!(void(hospital_admin()), Error::<Test>::TooLateToVoid);
            set_now(START + VOID_WITHIN - 1);
            assert_ok!(void(hospital_admin()));
        });
    }

    #[test]
    fn a_hand_over_that_waits_ends_too() {
        ExtBuilder::empty().build_and_execute(|| {
            assert_ok!(enrolment("Guardian", doctor(), HOSPITAL, PATIENT, Guardian).submit());
            assert_ok!(add(guardian(), account("Father"), Guardian, None));
            assert_ok!(hand_over(guardian(), "Child"));
            // Closed before, it has been closed since then.
            assert_ok!(Patients::restrict(signed(guardian()), PATIENT));
            set_now(START + HOUR);
            assert_ok!(void(hospital_admin()));
            assert_eq!(HandOvers::<Test>::iter().count(), 0);
            assert_eq!(
                Patients::patient(PATIENT).unwrap().restricted_since,
                Some(START)
            );
        });
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 5] = ["Owner", "Guardian", "Carer", "Stranger", "Tablet"];

    #[derive(Clone, Debug)]
    enum Step {
        Add(usize, usize, ControllerRole, Option<u64>),
        Remove(usize, usize),
        HandOver(usize, usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let who = 0..NAMES.len();
        let role = prop_oneof![Just(Owner), Just(Guardian), Just(Carer)];
        prop_oneof![
            (who.clone(), who.clone(), role, prop::option::of(1..5u64))
                .prop_map(|(by, who, role, hours)| Step::Add(by, who, role, hours)),
            (who.clone(), who.clone()).prop_map(|(by, who)| Step::Remove(by, who)),
            (who.clone(), who).prop_map(|(by, who)| Step::HandOver(by, who)),
            (1..3u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever anybody tries in whatever order, books agree and somebody stays in power; and
        /// only an owner makes an owner or takes an owner's role away.
        #[test]
        fn somebody_always_decides(steps in prop::collection::vec(step(), 1..40)) {
            ExtBuilder::default().build_and_execute(|| {
                for step in steps {
                    let owners = |rows: Vec<(AccountId, Controller)>| -> Vec<AccountId> {
                        rows.into_iter()
                            .filter(|(_, row)| row.role == Owner)
                            .map(|(account, _)| account)
                            .collect()
                    };
                    let before = owners(Patients::controllers(PATIENT));
                    let power = |by: usize, who: usize| {
                        (self::role(account(NAMES[by])), self::role(account(NAMES[who])).is_none())
                    };
                    let (by, expired) = match step {
                        Step::Add(by, who, role, hours) => {
                            let power = power(by, who);
                            let end = hours.map(|hours| now() + hours * HOUR);
                            let _ = add(account(NAMES[by]), account(NAMES[who]), role, end);
                            power
                        }
                        Step::Remove(by, who) => {
                            let power = power(by, who);
                            let _ = remove(account(NAMES[by]), account(NAMES[who]));
                            power
                        }
                        Step::HandOver(by, who) => {
                            let power = power(by, who);
                            let _ = hand_over(account(NAMES[by]), NAMES[who]);
                            power
                        }
                        Step::Wait(hours) => {
                            set_now(now() + hours * HOUR);
                            (None, false)
                        }
                    };
                    let after = owners(Patients::controllers(PATIENT));
                    let made = after.iter().any(|account| !before.contains(account));
                    let lost = before.iter().any(|account| !after.contains(account));
                    assert!(!made || by == Some(Owner), "made an owner without being one");
                    assert!(!lost || by == Some(Owner) || expired, "took an owner's role away");
                    Patients::do_try_state().expect("invariants hold");
                }
            });
        }
    }
}
