use frame_support::{
    assert_noop, assert_ok, assert_storage_noop, dispatch::DispatchResultWithPostInfo,
};
use salus_primitives::{
    rows::{DAY, ENDING_COUNTS, ENDING_WAITS, HOUR, UNNAMING_WAITS},
    signing::{CLOCK_SKEW, CONSENT_LASTS},
    traits::{Chain, Control, Sponsorship},
    AccountId, Cid, Controller, ControllerRole, Genesis, PatientId, Recipient,
};
use sp_runtime::DispatchError;
use ControllerRole::{Carer, Decider, Owner};

use crate::{
    mock::*, Additions, ControlledBy, Controllers, Error, Event, FormerKeyrings, HandOvers,
    Inboxes, Removals, Sponsors, KEYRINGS_PRUNED, KEYRINGS_RESERVED, MAX_CARERS, MAX_CONTROLLERS,
    MAX_FORMER_KEYRINGS,
};

fn for_owner() -> Enrolment {
    enrolment("Owner", doctor(), HOSPITAL)
}

/// As `assert_noop`, for calls that return what a refusal does not cost.
macro_rules! assert_refused {
    ($call:expr, $error:expr $(,)?) => {
        assert_storage_noop!({
            let result: DispatchResultWithPostInfo = $call;
            assert_eq!(
                result.map_err(|refused| refused.error),
                Err(DispatchError::from($error))
            );
        })
    };
}

fn role(account: AccountId) -> Option<ControllerRole> {
    Patients::role(&PATIENT, &account)
}

mod enrol {
    use super::*;

    #[test]
    fn enrolled_patient_has_a_decider_an_inbox_and_a_sponsor() {
        ExtBuilder::empty().build_and_execute(|| {
            assert_eq!(System::providers(&owner()), 0);
            assert_ok!(for_owner().submit());
            let row = Patients::patient(PATIENT).unwrap();
            assert_eq!((row.enrolled_by, row.enrolled_at), (HOSPITAL, START));
            assert_eq!((row.voided_at, row.keyring), (None, None));
            assert_eq!(role(owner()), Some(Decider));
            assert_eq!(Patients::inbox(PATIENT).unwrap().signer, owner());
            assert_eq!(Patients::sponsor(&owner()), Some((PATIENT, HOSPITAL)));
            assert_eq!(Patients::controlled_by(owner(), None, 256), vec![PATIENT]);
            // Without a reference it could send nothing.
            assert_eq!(System::providers(&owner()), 1);
            System::assert_last_event(
                Event::Enrolled {
                    patient: PATIENT,
                    actor: doctor(),
                    organisation: HOSPITAL,
                    controller: owner(),
                }
                .into(),
            );
        });
    }

    #[test]
    fn software_enrols_a_child_and_nothing_tells_it_from_who_enrols_themselves() {
        ExtBuilder::empty().build_and_execute(|| {
            let child = patient_of("Guardian");
            assert_ok!(enrolment("Guardian", desk(), HOSPITAL).submit());
            assert_ok!(enrolment("Owner", desk(), HOSPITAL).submit());
            assert_eq!(
                Patients::controller(child, guardian()),
                Patients::controller(PATIENT, owner())
            );
        });
    }

    #[test]
    fn a_consent_wrapped_by_a_browser_wallet_counts() {
        use salus_primitives::signing::enrolment_payload;
        use sp_core::Pair;
        ExtBuilder::empty().build_and_execute(|| {
            let mut enrolment = for_owner();
            let payload = enrolment_payload(
                &Doubles::genesis(),
                HOSPITAL,
                &doctor(),
                &PATIENT,
                &owner(),
                &enrolment.consent.salt,
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
                let enrolment = enrolment("Owner", by, HOSPITAL);
                assert_noop!(enrolment.submit(), Error::<Test>::NotAuthorized);
            }
            let ours = for_owner();
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(
                    Patients::enrol(
                        origin,
                        PATIENT,
                        owner(),
                        ours.compartments.clone(),
                        ours.inbox.clone(),
                        ours.consent.clone()
                    ),
                    DispatchError::BadOrigin
                );
            }
        });
    }

    #[test]
    fn a_consent_is_for_this_organisation_enroller_patient_and_controller() {
        ExtBuilder::empty().build_and_execute(|| {
            let mut another = for_owner();
            another.consent.salt = [8; 16];
            let salt = &another.consent.salt;
            another.patient = PatientId::derive(&Doubles::genesis(), &owner(), salt);
            let bad = [
                // Signed for the clinic, used by the hospital.
                enrolment("Owner", doctor(), CLINIC),
                // Signed for the desk, used by the doctor; and the other way round.
                Enrolment {
                    by: doctor(),
                    ..enrolment("Owner", desk(), HOSPITAL)
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
                another,
                // For another controller.
                Enrolment {
                    patient: patient_of("Stranger"),
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
            assert_ok!(declare(owner()));
            // Not even after everything else about the patient has changed hands.
            assert_ok!(add(owner(), stranger(), Owner, None));
            assert_ok!(remove(owner(), owner()));
            assert_noop!(enrolment.submit(), Error::<Test>::AlreadyEnrolled);
            assert_eq!(role(owner()), None);
        });
    }

    #[test]
    fn an_enrolled_patient_is_not_taken_over() {
        ExtBuilder::default().build_and_execute(|| {
            // Not by another account, nor with the owner's own word for another organisation.
            let by_stranger = enrolment_under(PATIENT, SALT, "Stranger", lee(), CLINIC).submit();
            assert_noop!(by_stranger, Error::<Test>::PatientIdMismatch);
            assert_noop!(
                enrolment("Owner", lee(), CLINIC).submit(),
                Error::<Test>::AlreadyEnrolled
            );
        });
    }

    #[test]
    fn patients_of_these_tests_have_the_ids_of_their_owners() {
        assert_eq!(PATIENT, patient_of("Owner"));
        assert_eq!(OTHER, patient_of("Stranger"));
    }

    #[test]
    fn an_id_seen_in_the_pool_is_not_enrolled_by_the_consent_of_another_account() {
        ExtBuilder::empty().build_and_execute(|| {
            // The thief's word is in order, but for the id: with the salt that was seen, or another.
            for salt in [SALT, [8; 16]] {
                let squatted = enrolment_under(PATIENT, salt, "Stranger", lee(), CLINIC);
                assert_noop!(squatted.submit(), Error::<Test>::PatientIdMismatch);
            }
            // Under the id of their own they may.
            assert_ok!(enrolment("Stranger", lee(), CLINIC).submit());
            assert_ok!(for_owner().submit());
            assert_eq!(Patients::patient(PATIENT).unwrap().enrolled_by, HOSPITAL);
        });
    }

    #[test]
    fn an_id_of_another_salt_or_of_another_chain_is_refused() {
        ExtBuilder::empty().build_and_execute(|| {
            let elsewhere = PatientId::derive(&Genesis::zero(), &owner(), &SALT);
            for (patient, salt) in [(PATIENT, [8; 16]), (elsewhere, SALT), (OTHER, SALT)] {
                let wrong = enrolment_under(patient, salt, "Owner", doctor(), HOSPITAL);
                assert_noop!(wrong.submit(), Error::<Test>::PatientIdMismatch);
            }
        });
    }

    #[test]
    fn one_account_has_a_patient_for_each_salt() {
        ExtBuilder::empty().build_and_execute(|| {
            for salt in [SALT, [8; 16]] {
                let id = PatientId::derive(&Doubles::genesis(), &guardian(), &salt);
                let child = enrolment_under(id, salt, "Guardian", doctor(), HOSPITAL);
                assert_ok!(child.submit());
            }
            assert_eq!(Patients::controlled_by(guardian(), None, 256).len(), 2);
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
    fn without_compartments_of_their_own_nobody_is_enrolled() {
        use frame_support::storage::{with_transaction, TransactionOutcome};
        ExtBuilder::empty().build_and_execute(|| {
            let enrolment = Enrolment {
                compartments: compartments("Stranger", PATIENT),
                ..for_owner()
            };
            // As dispatch does it: what failed leaves nothing.
            assert_storage_noop!({
                let result = with_transaction(|| match enrolment.submit() {
                    Ok(()) => TransactionOutcome::Commit(Ok(())),
                    Err(error) => TransactionOutcome::Rollback(Err(error)),
                });
                assert_eq!(result, Err(COMPARTMENTS_REFUSED));
            });
        });
    }

    #[test]
    fn whoever_consents_to_be_enrolled_changes_the_sponsor() {
        ExtBuilder::default().build_and_execute(|| {
            // The hospital's patient makes a stranger its carer, so the hospital sponsors them …
            assert_ok!(add(owner(), stranger(), Carer, None));
            assert_eq!(Patients::sponsor(&stranger()), Some((PATIENT, HOSPITAL)));
            // … until they enrol somewhere themselves.
            assert_ok!(enrolment("Stranger", lee(), CLINIC).submit());
            assert_eq!(Patients::sponsor(&stranger()), Some((OTHER, CLINIC)));
            assert_eq!(System::providers(&stranger()), 1);
        });
    }
}

mod declare_owner {
    use super::*;

    #[test]
    fn who_decides_alone_becomes_an_owner_by_saying_so() {
        ExtBuilder::empty().build_and_execute(|| {
            assert_ok!(for_owner().submit());
            assert_refused!(
                add(owner(), account("Tablet"), Owner, None),
                Error::<Test>::NotAuthorized
            );
            // Carers decide nothing.
            assert_ok!(add(owner(), carer(), Carer, None));
            assert_ok!(declare(owner()));
            System::assert_last_event(
                Event::OwnerDeclared {
                    patient: PATIENT,
                    actor: owner(),
                }
                .into(),
            );
            assert_eq!(role(owner()), Some(Owner));
            assert_ok!(add(owner(), account("Tablet"), Owner, None));
            assert_noop!(declare(owner()), Error::<Test>::NotAuthorized);
        });
    }

    #[test]
    fn nobody_declares_themselves_owner_over_another_who_decides() {
        ExtBuilder::empty().build_and_execute(|| {
            let end = START + HOUR;
            enrol_child(PATIENT, doctor(), HOSPITAL);
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            assert_ok!(add(guardian(), carer(), Carer, None));
            for by in [guardian(), account("Father")] {
                assert_noop!(declare(by), Error::<Test>::OthersDecide);
            }
            for by in [carer(), stranger()] {
                assert_noop!(declare(by), Error::<Test>::NotAuthorized);
            }
            // Nor for a while, whose own role ends: it would not be theirs to give.
            assert_ok!(remove(account("Father"), account("Father")));
            assert_ok!(add(guardian(), account("Aunt"), Decider, Some(end)));
            assert_noop!(declare(account("Aunt")), Error::<Test>::NotAuthorized);
            assert_noop!(declare(guardian()), Error::<Test>::OthersDecide);
            set_now(end);
            assert_noop!(declare(account("Aunt")), Error::<Test>::NotAuthorized);
            assert_ok!(declare(guardian()));
        });
    }

    #[test]
    fn an_owner_needs_no_words_of_others_and_leaves_none_behind() {
        ExtBuilder::empty().build_and_execute(|| {
            let end = START + HOUR;
            enrol_child(PATIENT, doctor(), HOSPITAL);
            assert_ok!(add(guardian(), account("Aunt"), Decider, Some(end)));
            assert_ok!(add(guardian(), stranger(), Decider, None));
            assert!(Additions::<Test>::contains_key(PATIENT, guardian()));
            set_now(end);
            assert_ok!(declare(guardian()));
            assert!(!Additions::<Test>::contains_key(PATIENT, guardian()));
            assert_eq!(
                events().iter().rev().nth(1),
                Some(&Event::AdditionDropped {
                    patient: PATIENT,
                    actor: guardian(),
                    decider: guardian(),
                    account: stranger(),
                })
            );
        });
    }
}

mod add_controller {
    use super::*;

    #[test]
    fn owners_give_any_role() {
        ExtBuilder::default().build_and_execute(|| {
            for (name, role) in [("A", Owner), ("B", Decider), ("C", Carer)] {
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
            assert_refused!(
                add(guardian(), stranger(), Owner, None),
                Error::<Test>::NotAuthorized
            );
            // The only guardian there is.
            assert_ok!(add(guardian(), stranger(), Decider, None));
            assert_ok!(add(guardian(), account("A"), Carer, None));
            for role in [Owner, Decider, Carer] {
                assert_refused!(
                    add(carer(), account("B"), role, None),
                    Error::<Test>::NotAuthorized
                );
            }
        });
    }

    #[test]
    fn an_account_that_controls_another_patient_has_no_say_in_this_one() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(enrolment("Stranger", doctor(), HOSPITAL).submit());
            for who in [stranger(), doctor(), hospital_admin()] {
                assert_refused!(
                    add(who, stranger(), Owner, None),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_refused!(
                add_to(PatientId([3; 16]), owner(), owner(), Owner, None),
                Error::<Test>::NotEnrolled
            );
            let consent = role_consent("Stranger", PATIENT, Owner);
            assert_refused!(
                Patients::add_controller(
                    RuntimeOrigin::root(),
                    PATIENT,
                    stranger(),
                    Owner,
                    None,
                    consent
                ),
                DispatchError::BadOrigin
            );
        });
    }

    #[test]
    fn a_role_ends_later_than_now_and_not_later_than_the_givers() {
        ExtBuilder::default().build_and_execute(|| {
            assert_refused!(
                add(owner(), stranger(), Carer, Some(START)),
                Error::<Test>::ExpiryInPast
            );
            let end = START + DAY;
            assert_ok!(add(owner(), account("Aunt"), Decider, Some(end)));
            for longer in [None, Some(end + 1)] {
                assert_refused!(
                    add(account("Aunt"), stranger(), Carer, longer),
                    Error::<Test>::OutlastsOwn
                );
            }
            assert_ok!(add(account("Aunt"), stranger(), Carer, Some(end)));
        });
    }

    #[test]
    fn a_live_role_is_not_replaced_but_an_expired_one_is() {
        ExtBuilder::default().build_and_execute(|| {
            assert_refused!(
                add(owner(), carer(), Owner, None),
                Error::<Test>::AlreadyController
            );
            assert_refused!(
                add(owner(), owner(), Carer, None),
                Error::<Test>::AlreadyController
            );
            assert_ok!(add(owner(), stranger(), Carer, Some(START + HOUR)));
            set_now(START + HOUR);
            assert_eq!(role(stranger()), None);
            assert_ok!(add(owner(), stranger(), Decider, None));
            assert_eq!(role(stranger()), Some(Decider));
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
                    Decider,
                    Some(START + HOUR)
                ));
            }
            for role in [Owner, Decider, Carer] {
                assert_refused!(
                    add(owner(), stranger(), role, None),
                    Error::<Test>::TooManyControllers
                );
            }
            set_now(START + HOUR);
            // Expired ones take room until removed, but can be given a role anew.
            assert_refused!(
                add(owner(), stranger(), Decider, None),
                Error::<Test>::TooManyControllers
            );
            assert_ok!(add(owner(), account("3"), Decider, None));
            assert_ok!(remove(owner(), account("4")));
            assert_ok!(add(owner(), stranger(), Decider, None));
            assert_eq!(
                Patients::controllers(PATIENT).len(),
                MAX_CONTROLLERS as usize
            );
        });
    }

    #[test]
    fn ninth_carer_is_refused_and_a_successor_finds_room() {
        ExtBuilder::default().build_and_execute(|| {
            for seed in 1..MAX_CARERS {
                assert_ok!(add(owner(), account(&seed.to_string()), Carer, None));
            }
            for by in [owner(), guardian()] {
                assert_refused!(
                    add(by, stranger(), Carer, None),
                    Error::<Test>::TooManyCarers
                );
            }
            assert_ok!(add(owner(), stranger(), Owner, None));
            assert_ok!(remove(owner(), carer()));
            assert_ok!(add(owner(), carer(), Carer, None));
        });
    }

    #[test]
    fn account_that_did_not_sign_exactly_this_role_is_not_named() {
        ExtBuilder::default().build_and_execute(|| {
            let with = |consent| {
                Patients::add_controller(signed(owner()), PATIENT, stranger(), Carer, None, consent)
            };
            let ours = role_consent("Stranger", PATIENT, Carer);
            let mut longer = ours.clone();
            longer.expires_at += DAY;
            for consent in [
                role_consent("Owner", PATIENT, Carer),
                role_consent("Stranger", OTHER, Carer),
                role_consent("Stranger", PATIENT, Decider),
                longer,
            ] {
                assert_refused!(with(consent), Error::<Test>::BadConsent);
            }
            let signed =
                |signed_at, ends| role_consent_between("Stranger", PATIENT, Carer, signed_at, ends);
            let lasts = |ends| signed(START, ends);
            assert_refused!(
                with(lasts(START + CONSENT_LASTS + 1)),
                Error::<Test>::ConsentTooLong
            );
            let ahead = START + CLOCK_SKEW + 1;
            assert_refused!(
                with(signed(ahead, ahead + DAY)),
                Error::<Test>::ConsentTooLong
            );
            assert_refused!(with(lasts(START)), Error::<Test>::ConsentExpired);
            assert!(!ControlledBy::<Test>::contains_key(stranger(), PATIENT));
            assert_ok!(with(lasts(START + CONSENT_LASTS)));
        });
    }

    /// Or else who resigned would be named again by a word from before, against their will.
    #[test]
    fn a_consent_from_before_the_account_last_lost_a_role_is_spent() {
        ExtBuilder::default().build_and_execute(|| {
            let consent = |signed_at| {
                role_consent_between("Stranger", PATIENT, Carer, signed_at, signed_at + 9 * DAY)
            };
            let with = |consent| {
                Patients::add_controller(signed(owner()), PATIENT, stranger(), Carer, None, consent)
            };
            let (old, unused) = (consent(START), consent(START + HOUR));
            assert_ok!(with(old.clone()));
            set_now(START + HOUR);
            assert_ok!(remove(stranger(), stranger()));
            for spent in [old.clone(), unused.clone()] {
                assert_refused!(with(spent), Error::<Test>::ConsentExpired);
            }
            let new = consent(START + HOUR + 1);
            assert_ok!(with(new.clone()));

            // Removed by another, and by a change of hands.
            set_now(START + 2 * HOUR);
            assert_ok!(remove(owner(), stranger()));
            for spent in [old, unused, new] {
                assert_refused!(with(spent), Error::<Test>::ConsentExpired);
            }
            let new = consent(START + 2 * HOUR + 1);
            assert_ok!(with(new.clone()));
            set_now(START + 3 * HOUR);
            assert_ok!(hand_over(owner(), "Tablet"));
            let by_the_next = |consent| {
                let by = signed(account("Tablet"));
                Patients::add_controller(by, PATIENT, stranger(), Carer, None, consent)
            };
            assert_refused!(by_the_next(new), Error::<Test>::ConsentExpired);
            assert_ok!(by_the_next(consent(START + 3 * HOUR + 1)));
        });
    }

    #[test]
    fn a_consent_from_before_a_role_expired_does_not_give_it_again() {
        ExtBuilder::default().build_and_execute(|| {
            let consent = |signed_at| {
                role_consent_between("Stranger", PATIENT, Carer, signed_at, START + 9 * DAY)
            };
            let with = |consent| {
                let end = Some(now() + DAY);
                Patients::add_controller(signed(owner()), PATIENT, stranger(), Carer, end, consent)
            };
            assert_ok!(with(consent(START)));
            set_now(START + DAY);
            assert_refused!(with(consent(START + DAY)), Error::<Test>::ConsentExpired);
            assert_ok!(with(consent(START + DAY + 1)));
        });
    }
}

mod guardians_add {
    use super::*;

    /// A child with two parents.
    fn two_parents(test: impl FnOnce()) {
        ExtBuilder::empty().build_and_execute(|| {
            enrol_child(PATIENT, doctor(), HOSPITAL);
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            System::reset_events();
            test();
        });
    }

    #[test]
    fn one_of_two_guardians_adds_no_guardian_alone() {
        two_parents(|| {
            for _ in 0..2 {
                assert_ok!(add(guardian(), account("Aunt"), Decider, None));
                System::assert_last_event(
                    Event::AdditionAgreed {
                        patient: PATIENT,
                        actor: guardian(),
                        account: account("Aunt"),
                        role: Decider,
                        expires_at: None,
                    }
                    .into(),
                );
                assert_eq!(role(account("Aunt")), None);
            }
            // Not for a role that ends, when one that does not end was agreed to.
            let end = Some(START + DAY);
            assert_ok!(add(account("Father"), account("Aunt"), Decider, end));
            assert_eq!(role(account("Aunt")), None);
            assert_ok!(add(account("Father"), account("Aunt"), Decider, None));
            assert_eq!(role(account("Aunt")), Some(Decider));
            assert_eq!(Additions::<Test>::iter().count(), 0);
        });
    }

    #[test]
    fn one_guardian_cannot_fill_the_rows() {
        two_parents(|| {
            for seed in 0..MAX_CARERS {
                assert_ok!(add(guardian(), account(&seed.to_string()), Carer, None));
            }
            assert_refused!(
                add(guardian(), stranger(), Carer, None),
                Error::<Test>::TooManyCarers
            );
            for seed in MAX_CARERS..MAX_CONTROLLERS {
                assert_ok!(add(guardian(), account(&seed.to_string()), Decider, None));
            }
            // One word of hers, and room for whom both name.
            assert_eq!(Additions::<Test>::iter().count(), 1);
            assert_ok!(add(guardian(), account("Aunt"), Decider, None));
            assert_ok!(add(account("Father"), account("Aunt"), Decider, None));
            assert_eq!(role(account("Aunt")), Some(Decider));
        });
    }

    #[test]
    fn naming_another_account_drops_the_earlier_word() {
        two_parents(|| {
            assert_ok!(add(guardian(), account("Aunt"), Decider, None));
            assert_ok!(add(guardian(), stranger(), Decider, None));
            assert!(events().contains(&Event::AdditionDropped {
                patient: PATIENT,
                actor: guardian(),
                decider: guardian(),
                account: account("Aunt"),
            }));
            assert_ok!(add(account("Father"), account("Aunt"), Decider, None));
            assert_eq!(role(account("Aunt")), None);
        });
    }

    #[test]
    fn word_ends_with_the_consent_and_with_the_guardian() {
        two_parents(|| {
            assert_ok!(add(guardian(), account("Aunt"), Decider, None));
            set_now(START + DAY);
            assert_ok!(add(account("Father"), account("Aunt"), Decider, None));
            assert_eq!(role(account("Aunt")), None);
            System::reset_events();
            assert_ok!(remove(account("Father"), account("Father")));
            assert_eq!(
                events(),
                vec![
                    Event::AdditionDropped {
                        patient: PATIENT,
                        actor: account("Father"),
                        decider: account("Father"),
                        account: account("Aunt"),
                    },
                    Event::ControllerRemoved {
                        patient: PATIENT,
                        actor: account("Father"),
                        account: account("Father"),
                        role: Decider,
                    }
                ]
            );
        });
    }

    #[test]
    fn guardian_for_a_time_is_asked_and_gives_nothing_for_good_alone() {
        two_parents(|| {
            let end = Some(START + HOUR);
            assert_ok!(add(guardian(), account("Aunt"), Decider, end));
            assert_ok!(add(account("Father"), account("Aunt"), Decider, end));
            for by in [guardian(), account("Father")] {
                assert_ok!(add(by, stranger(), Decider, None));
                assert_eq!(role(stranger()), None);
            }
            assert_ok!(add(account("Aunt"), stranger(), Decider, None));
            assert_eq!(role(stranger()), Some(Decider));
            // Her own role has ended: nobody waits for her.
            set_now(START + HOUR);
            for by in [guardian(), account("Father"), stranger()] {
                assert_eq!(role(account("Child")), None);
                assert_ok!(add(by, account("Child"), Decider, None));
            }
            assert_eq!(role(account("Child")), Some(Decider));
        });
    }
}

mod remove_controller {
    use super::*;

    #[test]
    fn owners_remove_anybody() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Owner, None));
            for (who, role) in [(carer(), Carer), (guardian(), Decider), (owner(), Owner)] {
                if role == Owner {
                    assert_ok!(remove_owner(stranger(), who.clone()));
                } else {
                    assert_ok!(remove(stranger(), who.clone()));
                }
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
    fn thief_with_one_of_two_owners_keys_ends_the_other_not_within_72_hours() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), account("Thief"), Owner, None));
            let thief = account("Thief");
            let spent = remove(thief.clone(), owner()).unwrap().actual_weight;
            assert!(
                spent.is_some(),
                "what an announcement does not use is returned"
            );
            System::assert_last_event(
                Event::RemovalAnnounced {
                    patient: PATIENT,
                    actor: thief.clone(),
                    account: owner(),
                    due: START + ENDING_WAITS,
                }
                .into(),
            );
            assert_eq!(role(owner()), Some(Owner));
            set_now(START + ENDING_WAITS - 1);
            assert_refused!(
                Patients::remove_controller(signed(thief.clone()), PATIENT, owner()),
                Error::<Test>::NotDue,
            );
            set_now(START + ENDING_WAITS);
            assert_ok!(remove(thief, owner()));
            assert_eq!(role(owner()), None);
        });
    }

    #[test]
    fn veto_stops_an_announced_removal_and_the_notice_begins_anew() {
        for vetoes in [owner(), guardian(), account("Tablet")] {
            ExtBuilder::default().build_and_execute(|| {
                assert_ok!(add(owner(), account("Thief"), Owner, None));
                assert_ok!(add(
                    owner(),
                    account("Tablet"),
                    Owner,
                    Some(START + 30 * DAY)
                ));
                assert_ok!(remove(account("Thief"), owner()));
                set_now(START + ENDING_WAITS);
                for who in [carer(), stranger(), doctor(), hospital_admin()] {
                    assert_noop!(veto_removal(who, owner()), Error::<Test>::NotAuthorized);
                }
                assert_ok!(veto_removal(vetoes.clone(), owner()));
                System::assert_last_event(
                    Event::RemovalVetoed {
                        patient: PATIENT,
                        actor: vetoes.clone(),
                        account: owner(),
                    }
                    .into(),
                );
                assert_noop!(
                    veto_removal(vetoes.clone(), owner()),
                    Error::<Test>::NothingPending
                );
                assert_ok!(remove(account("Thief"), owner()));
                assert_eq!(role(owner()), Some(Owner));
                assert_eq!(
                    Removals::<Test>::get(PATIENT, owner()).unwrap().due,
                    START + 2 * ENDING_WAITS
                );
            });
        }
    }

    #[test]
    fn removal_announced_by_a_former_owner_ends_with_its_role() {
        ExtBuilder::default().build_and_execute(|| {
            for name in ["Thief", "Tablet"] {
                assert_ok!(add(owner(), account(name), Owner, None));
            }
            assert_ok!(remove(account("Thief"), owner()));
            assert_ok!(remove(account("Tablet"), account("Thief")));
            set_now(START + ENDING_WAITS);
            System::reset_events();
            assert_ok!(remove(account("Tablet"), account("Thief")));
            assert_eq!(
                events(),
                vec![
                    Event::RemovalVetoed {
                        patient: PATIENT,
                        actor: account("Tablet"),
                        account: owner(),
                    },
                    Event::ControllerRemoved {
                        patient: PATIENT,
                        actor: account("Tablet"),
                        account: account("Thief"),
                        role: Owner,
                    }
                ]
            );
            // The tablet, too, would have to announce it.
            assert_ok!(remove(account("Tablet"), owner()));
            assert_eq!(role(owner()), Some(Owner));
        });
    }

    #[test]
    fn announced_removal_that_nobody_carried_out_counts_no_more() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), account("Tablet"), Owner, None));
            assert_ok!(remove(account("Tablet"), owner()));
            set_now(START + ENDING_WAITS + ENDING_COUNTS);
            assert_ok!(remove(account("Tablet"), owner()));
            assert_eq!(role(owner()), Some(Owner));
            set_now(now() + ENDING_WAITS + ENDING_COUNTS - 1);
            assert_ok!(remove(account("Tablet"), owner()));
            assert_eq!(role(owner()), None);
        });
    }

    #[test]
    fn recovery_under_way_puts_a_removal_off() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), account("Thief"), Owner, None));
            assert_ok!(remove(account("Thief"), owner()));
            set_under_way(Some(START + HOUR));
            set_now(START + ENDING_WAITS);
            assert_refused!(remove(account("Thief"), owner()), Error::<Test>::NotDue);
            set_under_way(None);
            assert_ok!(remove(account("Thief"), owner()));
        });
    }

    #[test]
    fn own_role_and_an_owners_for_a_time_end_at_once() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), account("Tablet"), Owner, None));
            assert_ok!(add(owner(), stranger(), Owner, Some(START + DAY)));
            assert_ok!(remove(account("Tablet"), stranger()));
            assert_ok!(remove(account("Tablet"), account("Tablet")));
            assert_eq!(role(account("Tablet")), None);
            assert_eq!(role(stranger()), None);
        });
    }

    #[test]
    fn a_removed_owner_owns_nothing_for_good() {
        use salus_primitives::traits::Succession;
        ExtBuilder::default().build_and_execute(|| {
            assert!(!Patients::has_other_owner_for_good(&PATIENT, &owner()));
            assert_ok!(add(owner(), stranger(), Owner, None));
            assert!(Patients::has_other_owner_for_good(&PATIENT, &owner()));
            assert!(Patients::owns_for_good(&PATIENT, &owner()));
            assert_ok!(remove_owner(stranger(), owner()));
            assert!(!Patients::owns_for_good(&PATIENT, &owner()));
            // Nor with a role that ends, or another one.
            assert_ok!(add(stranger(), owner(), Owner, Some(now() + DAY)));
            assert!(!Patients::owns_for_good(&PATIENT, &owner()));
            assert!(!Patients::has_other_owner_for_good(&PATIENT, &stranger()));
            assert_ok!(remove(stranger(), owner()));
            assert_ok!(add(stranger(), owner(), Decider, None));
            assert!(!Patients::owns_for_good(&PATIENT, &owner()));
        });
    }

    #[test]
    fn a_removed_controller_decides_nothing_any_more() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(remove(owner(), guardian()));
            assert_noop!(
                Patients::ensure_decides(PATIENT, guardian()),
                Error::<Test>::NotAuthorized
            );
            assert_refused!(remove(guardian(), carer()), Error::<Test>::NotAuthorized);
        });
    }

    #[test]
    fn guardians_remove_carers_and_themselves_but_no_other_guardian_and_no_owner() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Decider, None));
            assert_refused!(remove(guardian(), stranger()), Error::<Test>::NotAuthorized);
            assert_refused!(remove(guardian(), owner()), Error::<Test>::NotAuthorized);
            assert_ok!(remove(guardian(), carer()));
            assert_ok!(remove(guardian(), guardian()));
        });
    }

    #[test]
    fn guardians_clear_away_expired_guardians() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Decider, Some(START + HOUR)));
            assert_refused!(remove(guardian(), stranger()), Error::<Test>::NotAuthorized);
            set_now(START + HOUR);
            assert_ok!(remove(guardian(), stranger()));
        });
    }

    #[test]
    fn carers_and_strangers_remove_nobody_else() {
        ExtBuilder::default().build_and_execute(|| {
            for who in [carer(), stranger(), doctor(), hospital_admin()] {
                for target in [owner(), guardian()] {
                    assert_refused!(remove(who.clone(), target), Error::<Test>::NotAuthorized);
                }
            }
            assert_ok!(remove(carer(), carer()));
        });
    }

    #[test]
    fn what_is_not_there_is_not_removed() {
        ExtBuilder::default().build_and_execute(|| {
            assert_refused!(remove(owner(), stranger()), Error::<Test>::NotController);
            assert_refused!(
                Patients::remove_controller(signed(owner()), OTHER, owner()),
                Error::<Test>::NotEnrolled,
            );
        });
    }

    #[test]
    fn the_last_owner_stays_even_beside_guardians_and_owners_for_a_time() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Owner, Some(START + DAY)));
            assert_refused!(remove(owner(), owner()), Error::<Test>::LastController);
            assert_refused!(remove(stranger(), owner()), Error::<Test>::LastController);
            assert_ok!(add(owner(), account("Tablet"), Owner, None));
            assert_ok!(remove_owner(account("Tablet"), owner()));
            assert_refused!(
                remove(account("Tablet"), account("Tablet")),
                Error::<Test>::LastController,
            );
        });
    }

    #[test]
    fn the_last_guardian_of_a_child_stays() {
        ExtBuilder::empty().build_and_execute(|| {
            enrol_child(PATIENT, doctor(), HOSPITAL);
            assert_ok!(add(guardian(), carer(), Carer, None));
            assert_ok!(add(guardian(), account("Aunt"), Decider, Some(START + DAY)));
            assert_refused!(
                remove(guardian(), guardian()),
                Error::<Test>::LastController,
            );
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            assert_ok!(add(account("Aunt"), account("Father"), Decider, None));
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
            assert_eq!(Patients::sponsor(&who), Some((PATIENT, HOSPITAL)));
            assert_ok!(Patients::ensure_decides(PATIENT, who.clone()));

            set_now(end);
            let refused = Error::<Test>::NotAuthorized;
            assert_eq!(role(who.clone()), None);
            assert_eq!(Patients::controller(PATIENT, who.clone()), None);
            assert_eq!(Patients::controlled_by(who.clone(), None, 256), vec![]);
            assert_eq!(Patients::sponsor(&who), None);
            assert_noop!(Patients::ensure_decides(PATIENT, who.clone()), refused);
            assert_refused!(
                add(who.clone(), account("A"), Carer, None),
                Error::<Test>::NotAuthorized
            );
            assert_refused!(remove(who.clone(), carer()), Error::<Test>::NotAuthorized);
            assert_refused!(
                remove(who.clone(), who.clone()),
                Error::<Test>::NotAuthorized,
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
                (guardian(), Decider, true),
                (carer(), Carer, false),
            ] {
                let by = Patients::ensure_answers(PATIENT, who.clone()).unwrap();
                assert_eq!(
                    (by.patient, by.actor, by.role, by.until),
                    (PATIENT, who.clone(), role, None)
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

mod keyring {
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
            assert_refused!(
                Patients::set_keyring(signed(owner()), PATIENT, Cid([0; 36])),
                Error::<Test>::InvalidCid,
            );
        });
    }

    #[test]
    fn nobody_else_does() {
        ExtBuilder::default().build_and_execute(|| {
            let keyring = Cid::dag_pb([1; 32]);
            for who in [carer(), stranger(), doctor(), hospital_admin()] {
                assert_refused!(
                    Patients::set_keyring(signed(who.clone()), PATIENT, keyring),
                    Error::<Test>::NotAuthorized,
                );
            }
            assert_refused!(
                Patients::set_keyring(signed(owner()), OTHER, keyring),
                Error::<Test>::NotEnrolled,
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
            let unknown = Recipient {
                scheme: 1,
                ..inbox("Owner", PATIENT, 1)
            };
            assert_noop!(set(owner(), unknown), Error::<Test>::InvalidRecipient);
        });
    }
}

mod hand_over {
    use super::*;
    use salus_primitives::traits::Succession;

    /// A child with its mother as guardian.
    fn a_child(test: impl FnOnce()) {
        ExtBuilder::empty().build_and_execute(|| {
            enrol_child(PATIENT, doctor(), HOSPITAL);
            assert_ok!(add(guardian(), carer(), Carer, None));
            test();
        });
    }

    fn is_the_childs(by: AccountId) {
        let only = Controller {
            role: Owner,
            expires_at: None,
        };
        assert_eq!(
            Patients::controllers(PATIENT),
            vec![(account("Child"), only)]
        );
        assert_eq!(
            Patients::sponsor(&account("Child")),
            Some((PATIENT, HOSPITAL))
        );
        assert_eq!(System::providers(&account("Child")), 1);
        assert_eq!(Patients::decided_since(&PATIENT), now());
        assert_eq!(succeeded(), vec![(PATIENT, by.clone())]);
        System::assert_last_event(
            Event::HandedOver {
                patient: PATIENT,
                actor: by,
                owner: account("Child"),
            }
            .into(),
        );
    }

    #[test]
    fn all_other_roles_end() {
        a_child(|| {
            assert_ok!(hand_over(guardian(), "Child"));
            is_the_childs(guardian());
            for who in [guardian(), carer()] {
                assert_eq!(Patients::sponsor(&who), None);
                assert_noop!(
                    Patients::ensure_answers(PATIENT, who),
                    Error::<Test>::NotAuthorized
                );
            }
        });
    }

    #[test]
    fn the_new_owner_may_have_had_a_role_that_ends() {
        a_child(|| {
            assert_ok!(add(guardian(), account("Child"), Carer, Some(START + HOUR)));
            assert_ok!(hand_over(guardian(), "Child"));
            is_the_childs(guardian());
        });
    }

    #[test]
    fn each_guardian_says_so_and_the_last_word_does_it() {
        a_child(|| {
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            for who in [guardian(), guardian()] {
                assert_ok!(hand_over(who.clone(), "Child"));
                System::assert_last_event(
                    Event::HandOverAgreed {
                        patient: PATIENT,
                        actor: who,
                        owner: account("Child"),
                        due: None,
                    }
                    .into(),
                );
                assert_eq!(role(account("Child")), None);
                assert_eq!(role(account("Father")), Some(Decider));
            }
            assert_eq!(succeeded(), vec![]);
            assert_ok!(hand_over(account("Father"), "Child"));
            is_the_childs(account("Father"));
            assert_eq!(HandOvers::<Test>::iter().count(), 0);
        });
    }

    #[test]
    fn guardians_who_name_two_people_have_agreed_on_nobody() {
        a_child(|| {
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            assert_ok!(hand_over(guardian(), "Child"));
            assert_ok!(hand_over(account("Father"), "Stranger"));
            assert!(events().contains(&Event::HandOverVetoed {
                patient: PATIENT,
                actor: account("Father"),
                owner: account("Child"),
            }));
            assert_eq!(role(stranger()), None);
            // The mother's word for the child is forgotten, not used later.
            assert_ok!(hand_over(account("Father"), "Child"));
            assert_eq!(role(account("Child")), None);
            assert_ok!(hand_over(guardian(), "Child"));
            is_the_childs(guardian());
        });
    }

    #[test]
    fn whose_role_has_ended_is_not_asked_and_does_not_count() {
        a_child(|| {
            assert_ok!(add(
                guardian(),
                account("Aunt"),
                Decider,
                Some(START + HOUR)
            ));
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            assert_ok!(add(account("Aunt"), account("Father"), Decider, None));
            assert_ok!(hand_over(account("Aunt"), "Child"));
            assert_ok!(hand_over(guardian(), "Child"));
            set_now(START + HOUR);
            assert_refused!(
                hand_over(account("Aunt"), "Child"),
                Error::<Test>::NotAuthorized,
            );
            assert_eq!(role(account("Child")), None);
            assert_ok!(hand_over(account("Father"), "Child"));
            is_the_childs(account("Father"));
        });
    }

    #[test]
    fn no_guardian_hands_an_owners_patient_over() {
        ExtBuilder::default().build_and_execute(|| {
            assert!(Patients::has_owner(&PATIENT));
            assert_refused!(hand_over(guardian(), "Child"), Error::<Test>::NotAuthorized);
            for who in [carer(), stranger(), doctor(), hospital_admin()] {
                assert_refused!(hand_over(who, "Child"), Error::<Test>::NotAuthorized);
            }
            assert_ok!(hand_over(owner(), "Child"));
            is_the_childs(owner());
        });
    }

    #[test]
    fn an_owner_for_a_time_hands_nothing_over_for_good() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Owner, Some(START + DAY)));
            assert!(!Patients::owns_for_good(&PATIENT, &stranger()));
            assert!(!Patients::owns_for_good(&PATIENT, &guardian()));
            assert_refused!(hand_over(stranger(), "Child"), Error::<Test>::OutlastsOwn);
        });
    }

    #[test]
    fn guardians_of_majority_do_nothing_any_more() {
        a_child(|| {
            assert_ok!(hand_over(guardian(), "Child"));
            let refused = Error::<Test>::NotAuthorized;
            assert_refused!(add(guardian(), stranger(), Decider, None), refused);
            assert_refused!(
                remove(guardian(), account("Child")),
                Error::<Test>::NotAuthorized,
            );
            assert_noop!(
                Patients::ensure_decides(PATIENT, guardian()),
                Error::<Test>::NotAuthorized
            );
            // Not with the child's own word either, which is valid for a day.
            assert_refused!(hand_over(guardian(), "Child"), Error::<Test>::NotAuthorized);
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
                assert_refused!(by(owner, consent), Error::<Test>::BadConsent);
            }
            set_now(START + DAY);
            assert_refused!(
                by(account("Child"), ours.clone()),
                Error::<Test>::ConsentExpired,
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
            assert_ok!(enrolment("Stranger", lee(), CLINIC).submit());
            assert_ok!(hand_over(owner(), "Stranger"));
            assert_eq!(Patients::sponsor(&stranger()), Some((OTHER, CLINIC)));
            assert_eq!(
                Patients::controlled_by(stranger(), None, 256),
                vec![PATIENT, OTHER]
            );
        });
    }
}

mod staff {
    use super::*;
    use salus_primitives::traits::Succession;

    #[test]
    fn enrolling_a_staff_account_is_refused() {
        ExtBuilder::empty().build_and_execute(|| {
            for name in ["Doctor", "Hospital admin", "Desk"] {
                assert_noop!(
                    enrolment(name, doctor(), HOSPITAL).submit(),
                    Error::<Test>::StaffAccount
                );
            }
            // Nor one whose credential is not in force.
            hire(&owner());
            assert_noop!(for_owner().submit(), Error::<Test>::StaffAccount);
            assert!(!Patients::acts_for_patients(&owner()));
        });
    }

    #[test]
    fn giving_a_staff_account_a_role_is_refused() {
        ExtBuilder::default().build_and_execute(|| {
            for role in [Owner, Decider, Carer] {
                assert_refused!(
                    add(owner(), doctor(), role, None),
                    Error::<Test>::StaffAccount
                );
            }
            // Nor one that works since another guardian has agreed to it.
            assert_ok!(add(owner(), account("Aunt"), Decider, None));
            assert_ok!(add(guardian(), stranger(), Decider, None));
            hire(&stranger());
            assert_refused!(
                add(account("Aunt"), stranger(), Decider, None),
                Error::<Test>::StaffAccount
            );
            assert_eq!(role(stranger()), None);
        });
    }

    #[test]
    fn handing_a_patient_over_to_a_staff_account_is_refused() {
        ExtBuilder::default().build_and_execute(|| {
            assert_refused!(hand_over(owner(), "Lee"), Error::<Test>::StaffAccount);
        });
    }

    #[test]
    fn completing_a_hand_over_to_who_has_become_staff_is_refused() {
        ExtBuilder::default().build_and_execute(|| {
            set_notice(Some(HOUR));
            assert_ok!(hand_over(owner(), "Child"));
            set_now(START + HOUR);
            hire(&account("Child"));
            assert_refused!(complete(owner()), Error::<Test>::StaffAccount);
            assert_eq!(role(owner()), Some(Owner));
        });
    }

    #[test]
    fn succession_to_a_staff_account_is_refused() {
        ExtBuilder::default().build_and_execute(|| {
            assert_noop!(
                Patients::ensure_may_own(&lee()),
                Error::<Test>::StaffAccount
            );
            assert_noop!(
                Patients::succeed(PATIENT, &carer(), &lee()),
                Error::<Test>::StaffAccount
            );
            assert_ok!(Patients::ensure_may_own(&stranger()));
        });
    }

    #[test]
    fn whoever_has_or_had_a_role_acts_for_patients_until_it_is_removed() {
        ExtBuilder::default().build_and_execute(|| {
            let end = START + HOUR;
            assert!(!Patients::acts_for_patients(&stranger()));
            assert_ok!(add(owner(), stranger(), Carer, Some(end)));
            set_now(end);
            assert!(Patients::acts_for_patients(&stranger()), "it stands there");
            assert_ok!(remove(owner(), stranger()));
            assert!(!Patients::acts_for_patients(&stranger()));
            assert!(Patients::acts_for_patients(&owner()));
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
            assert_eq!(Patients::patient(PATIENT).unwrap().voided_at, Some(START));
            assert_eq!(succeeded(), vec![(PATIENT, hospital_admin())]);
            assert_eq!(Patients::voided_by(&PATIENT), Some(HOSPITAL));
            assert_eq!(Patients::decided_since(&PATIENT), START);
            for who in [owner(), guardian(), carer()] {
                assert_eq!(Patients::sponsor(&who), None);
                assert_eq!(Patients::controlled_by(who.clone(), None, 256), vec![]);
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
            assert_eq!(Patients::voided_by(&PATIENT), None);
            assert_eq!(Patients::voided_by(&OTHER), None);
            assert_ok!(void(hospital_admin()));
            assert_eq!(Patients::voided_by(&PATIENT), Some(HOSPITAL));
            assert_refused!(void(hospital_admin()), Error::<Test>::Voided);
            assert_noop!(
                Patients::succeed(PATIENT, &stranger(), &stranger()),
                Error::<Test>::Voided
            );
            assert_refused!(hand_over(owner(), "Child"), Error::<Test>::NotAuthorized);
            assert_noop!(for_owner().submit(), Error::<Test>::AlreadyEnrolled);
        });
    }

    #[test]
    fn only_the_admin_of_who_enrolled_and_only_for_a_week() {
        ExtBuilder::default().build_and_execute(|| {
            for who in [clinic_admin(), doctor(), desk(), owner(), stranger()] {
                assert_refused!(void(who), Error::<Test>::NotAuthorized);
            }
            assert_refused!(
                Patients::void_enrolment(signed(hospital_admin()), OTHER),
                Error::<Test>::NotEnrolled,
            );
            assert_refused!(
                Patients::void_enrolment(RuntimeOrigin::root(), PATIENT),
                DispatchError::BadOrigin,
            );
            set_now(START + VOID_WITHIN);
            assert_refused!(void(hospital_admin()), Error::<Test>::TooLateToVoid);
            set_now(START + VOID_WITHIN - 1);
            assert_ok!(void(hospital_admin()));
        });
    }

    #[test]
    fn a_hand_over_that_waits_ends_too() {
        ExtBuilder::empty().build_and_execute(|| {
            enrol_child(PATIENT, doctor(), HOSPITAL);
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            assert_ok!(hand_over(guardian(), "Child"));
            set_now(START + HOUR);
            assert_ok!(void(hospital_admin()));
            assert_eq!(HandOvers::<Test>::iter().count(), 0);
        });
    }
}

mod owners_hand_over {
    use super::*;

    #[test]
    fn one_of_two_owners_hands_nothing_over_alone() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), account("Thief"), Owner, None));
            assert_ok!(add(owner(), account("Tablet"), Owner, Some(START + DAY)));
            assert_ok!(hand_over(account("Thief"), "Stranger"));
            System::assert_last_event(
                Event::HandOverAgreed {
                    patient: PATIENT,
                    actor: account("Thief"),
                    owner: stranger(),
                    due: None,
                }
                .into(),
            );
            assert_eq!(role(stranger()), None);
            for who in [account("Thief"), stranger()] {
                assert_refused!(complete(who), Error::<Test>::NotAgreed);
            }
            // Who is an owner for a time is not asked.
            assert_ok!(hand_over(owner(), "Stranger"));
            assert_eq!(role(stranger()), Some(Owner));
            assert_eq!(Patients::controllers(PATIENT).len(), 1);
        });
    }

    #[test]
    fn with_a_recovery_plan_nothing_changes_until_its_delay_is_over() {
        ExtBuilder::default().build_and_execute(|| {
            set_notice(Some(3 * DAY));
            assert_ok!(hand_over(owner(), "Child"));
            let due = START + 3 * DAY;
            System::assert_last_event(
                Event::HandOverAgreed {
                    patient: PATIENT,
                    actor: owner(),
                    owner: account("Child"),
                    due: Some(due),
                }
                .into(),
            );
            set_now(due - 1);
            // Neither does the same word again change anything, nor does it begin anew.
            assert_ok!(hand_over(owner(), "Child"));
            for who in [owner(), account("Child")] {
                assert_refused!(complete(who), Error::<Test>::NotDue);
            }
            set_now(due);
            for who in [guardian(), carer(), stranger(), doctor()] {
                assert_refused!(complete(who), Error::<Test>::NotAuthorized);
            }
            set_under_way(Some(due - 1));
            assert_refused!(complete(owner()), Error::<Test>::NotDue);
            set_under_way(None);
            assert_eq!(succeeded(), vec![]);
            assert_ok!(complete(account("Child")));
            assert_eq!(succeeded(), vec![(PATIENT, account("Child"))]);
            assert_eq!(role(account("Child")), Some(Owner));
            assert_eq!(role(owner()), None);
            assert!(!events()
                .iter()
                .any(|event| matches!(event, Event::HandOverVetoed { .. })));
        });
    }

    #[test]
    fn any_decider_vetoes_a_hand_over_until_it_is_done() {
        for vetoes in [owner(), guardian()] {
            ExtBuilder::default().build_and_execute(|| {
                set_notice(Some(DAY));
                assert_ok!(hand_over(owner(), "Thief"));
                set_now(START + DAY);
                for who in [carer(), stranger(), account("Thief"), hospital_admin()] {
                    assert_noop!(veto_hand_over(who), Error::<Test>::NotAuthorized);
                }
                assert_ok!(veto_hand_over(vetoes.clone()));
                System::assert_last_event(
                    Event::HandOverVetoed {
                        patient: PATIENT,
                        actor: vetoes.clone(),
                        owner: account("Thief"),
                    }
                    .into(),
                );
                assert_refused!(complete(account("Thief")), Error::<Test>::NothingPending);
                assert_noop!(veto_hand_over(vetoes), Error::<Test>::NothingPending);
            });
        }
    }

    #[test]
    fn whoever_became_an_owner_since_has_to_agree_too() {
        ExtBuilder::default().build_and_execute(|| {
            set_notice(Some(DAY));
            assert_ok!(hand_over(owner(), "Child"));
            assert_ok!(add(owner(), account("Tablet"), Owner, None));
            set_now(START + DAY);
            assert_refused!(complete(owner()), Error::<Test>::NotAgreed);
            assert_ok!(hand_over(account("Tablet"), "Child"));
            assert_ok!(complete(account("Tablet")));
        });
    }

    #[test]
    fn whoever_agreed_and_has_no_role_any_more_completes_nothing() {
        ExtBuilder::default().build_and_execute(|| {
            set_notice(Some(DAY));
            assert_ok!(add(owner(), account("Tablet"), Owner, None));
            assert_ok!(hand_over(owner(), "Child"));
            assert_ok!(hand_over(account("Tablet"), "Child"));
            assert_ok!(remove(owner(), owner()));
            set_now(START + DAY);
            assert_refused!(complete(owner()), Error::<Test>::NotAuthorized);
            assert_ok!(complete(account("Tablet")));
        });
    }

    /// A child with two parents, and a plan to hand it over to the child.
    fn two_parents(test: impl FnOnce()) {
        ExtBuilder::empty().build_and_execute(|| {
            enrol_child(PATIENT, doctor(), HOSPITAL);
            for name in ["Father", "Aunt"] {
                // The first word of two counts until the other agrees.
                assert_ok!(add(guardian(), account(name), Decider, None));
                if name == "Aunt" {
                    assert_ok!(add(account("Father"), account(name), Decider, None));
                }
            }
            System::reset_events();
            test();
        });
    }

    #[test]
    fn a_word_for_a_hand_over_ends_with_the_role_of_who_said_it() {
        two_parents(|| {
            assert_ok!(hand_over(guardian(), "Child"));
            assert_ok!(hand_over(account("Father"), "Child"));
            // The aunt, who was not asked before, takes the father's role and gives it again.
            assert_ok!(remove(account("Father"), account("Father")));
            let agreed = HandOvers::<Test>::get(PATIENT).unwrap().agreed;
            assert_eq!(agreed.into_inner(), [guardian()]);
            for by in [guardian(), account("Aunt")] {
                assert_ok!(add(by, account("Father"), Decider, None));
            }
            assert_ok!(hand_over(account("Aunt"), "Child"));
            assert_eq!(role(account("Child")), None);
            assert_ok!(hand_over(account("Father"), "Child"));
            assert_eq!(role(account("Child")), Some(Owner));
        });
    }

    #[test]
    fn a_hand_over_ends_with_the_role_of_the_only_one_who_agreed() {
        two_parents(|| {
            assert_ok!(hand_over(account("Father"), "Child"));
            assert_ok!(remove(account("Father"), account("Father")));
            assert!(!HandOvers::<Test>::contains_key(PATIENT));
            let vetoed = Event::HandOverVetoed {
                patient: PATIENT,
                actor: account("Father"),
                owner: account("Child"),
            };
            assert!(events().contains(&vetoed));
        });
    }

    #[test]
    fn words_for_a_hand_over_lapse_30_days_after_the_first() {
        two_parents(|| {
            assert_ok!(hand_over(guardian(), "Child"));
            set_now(now() + ENDING_COUNTS - 1);
            assert_ok!(hand_over(account("Father"), "Child"));
            assert!(Patients::pending_hand_over(PATIENT).is_some());
            set_now(now() + 1);
            assert!(Patients::pending_hand_over(PATIENT).is_none());
            assert_ok!(hand_over(account("Aunt"), "Child"));
            assert_eq!(role(account("Child")), None);
            let agreed = HandOvers::<Test>::get(PATIENT).unwrap().agreed;
            assert_eq!(agreed.into_inner(), [account("Aunt")]);
        });
    }

    #[test]
    fn hand_over_that_nobody_completed_counts_no_more() {
        ExtBuilder::default().build_and_execute(|| {
            set_notice(Some(DAY));
            assert_ok!(hand_over(owner(), "Child"));
            set_now(START + DAY + ENDING_COUNTS);
            assert_refused!(complete(account("Child")), Error::<Test>::NothingPending);
            assert_ok!(hand_over(owner(), "Child"));
            assert_refused!(complete(account("Child")), Error::<Test>::NotDue);
        });
    }

    #[test]
    fn guardians_of_a_patient_with_a_plan_wait_too() {
        ExtBuilder::empty().build_and_execute(|| {
            enrol_child(PATIENT, doctor(), HOSPITAL);
            set_notice(Some(7 * DAY));
            assert_ok!(hand_over(guardian(), "Child"));
            assert_eq!(role(account("Child")), None);
            set_now(START + 7 * DAY);
            assert_ok!(complete(guardian()));
            assert_eq!(role(account("Child")), Some(Owner));
        });
    }
}

mod succession {
    use super::*;
    use salus_primitives::traits::Succession;

    /// A child with two parents, a carer whose role has ended, and something pending of each kind
    /// that guardians can leave.
    fn pending_words(test: impl FnOnce()) {
        ExtBuilder::empty().build_and_execute(|| {
            enrol_child(PATIENT, doctor(), HOSPITAL);
            assert_ok!(add(guardian(), account("Father"), Decider, None));
            assert_ok!(add(guardian(), carer(), Carer, Some(START + HOUR)));
            set_now(START + HOUR);
            assert_ok!(add(guardian(), account("Aunt"), Decider, None));
            assert_ok!(hand_over(account("Father"), "Thief"));
            System::reset_events();
            test();
        });
    }

    fn ended(actor: AccountId) -> Vec<Event<Test>> {
        let removed = |account: AccountId, role| Event::ControllerRemoved {
            patient: PATIENT,
            actor: actor.clone(),
            account,
            role,
        };
        vec![
            removed(guardian(), Decider),
            removed(account("Father"), Decider),
            // Expired ones, too.
            removed(carer(), Carer),
            Event::HandOverVetoed {
                patient: PATIENT,
                actor: actor.clone(),
                owner: account("Thief"),
            },
            Event::AdditionDropped {
                patient: PATIENT,
                actor: actor.clone(),
                decider: guardian(),
                account: account("Aunt"),
            },
        ]
    }

    fn all_ended(actor: AccountId) {
        let told = events();
        for event in ended(actor.clone()) {
            assert_eq!(
                told.iter().filter(|other| **other == event).count(),
                1,
                "{event:?}"
            );
        }
        assert_eq!(HandOvers::<Test>::iter().count(), 0);
        assert_eq!(Additions::<Test>::iter().count(), 0);
        assert_eq!(Removals::<Test>::iter().count(), 0);
        assert_eq!(succeeded(), vec![(PATIENT, actor)]);
        assert_eq!(Patients::decided_since(&PATIENT), now());
    }

    #[test]
    fn recovery_ends_all_that_former_deciders_laid_down() {
        pending_words(|| {
            assert_ok!(Patients::succeed(PATIENT, &stranger(), &account("Phone")));
            all_ended(stranger());
            assert_eq!(events().len(), 5);
            assert_eq!(Patients::controllers(PATIENT).len(), 1);
            assert_eq!(role(account("Phone")), Some(Owner));
        });
    }

    #[test]
    fn voided_enrolment_ends_all_that_former_deciders_laid_down() {
        pending_words(|| {
            assert_ok!(void(hospital_admin()));
            all_ended(hospital_admin());
            assert_eq!(Patients::controllers(PATIENT), vec![]);
        });
    }

    #[test]
    fn hand_over_ends_announced_removals_and_spares_who_takes_over() {
        ExtBuilder::default().build_and_execute(|| {
            for name in ["Tablet", "Thief"] {
                assert_ok!(add(owner(), account(name), Owner, None));
            }
            assert_ok!(remove(account("Thief"), account("Tablet")));
            assert_ok!(remove(owner(), account("Thief")));
            for name in ["Owner", "Thief", "Tablet"] {
                assert_ok!(hand_over(account(name), "Tablet"));
            }
            let told = events();
            for account in [account("Tablet"), account("Thief")] {
                assert!(told.contains(&Event::RemovalVetoed {
                    patient: PATIENT,
                    actor: self::account("Tablet"),
                    account,
                }));
            }
            assert_eq!(Removals::<Test>::iter().count(), 0);
            assert!(!told.iter().any(|event| matches!(
                event,
                Event::ControllerRemoved { account, .. } if *account == self::account("Tablet")
            )));
            assert_eq!(Patients::controllers(PATIENT).len(), 1);
        });
    }

    #[test]
    fn what_other_pallets_end_is_in_the_weight_of_the_calls() {
        use crate::{Call, WeightInfo};
        use frame_support::dispatch::GetDispatchInfo;
        ExtBuilder::empty().build_and_execute(|| {
            let hand_over = Call::<Test>::hand_over {
                patient: PATIENT,
                owner: owner(),
                consent: succession("Owner", PATIENT),
            };
            let calls = [
                (hand_over, <() as WeightInfo>::hand_over()),
                (
                    Call::complete_hand_over { patient: PATIENT },
                    <() as WeightInfo>::complete_hand_over(),
                ),
                (
                    Call::void_enrolment { patient: PATIENT },
                    <() as WeightInfo>::void_enrolment(),
                ),
            ];
            for (call, own) in calls {
                let weight = call.get_dispatch_info().call_weight;
                assert_eq!(weight, ON_SUCCESSION.saturating_add(own), "{call:?}");
            }
            assert!(Patients::weight().all_gte(ON_SUCCESSION));
        });
    }
}

mod sponsorship {
    use super::*;

    #[test]
    fn another_live_role_sponsors_when_the_first_has_ended() {
        ExtBuilder::default().build_and_execute(|| {
            enrol_child(OTHER, lee(), CLINIC);
            assert_ok!(add(owner(), stranger(), Carer, Some(START + HOUR)));
            assert_ok!(add_to(OTHER, guardian(), stranger(), Carer, None));
            assert_eq!(Patients::sponsor(&stranger()), Some((PATIENT, HOSPITAL)));
            set_now(START + HOUR);
            assert_eq!(Patients::sponsor(&stranger()), Some((OTHER, CLINIC)));
            assert_ok!(remove(owner(), stranger()));
            assert_eq!(Patients::sponsor(&stranger()), Some((OTHER, CLINIC)));
            assert_eq!(Sponsors::<Test>::get(stranger()).unwrap().patient, OTHER);
        });
    }

    #[test]
    fn new_role_sponsors_at_once_when_the_first_has_ended() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(add(owner(), stranger(), Carer, Some(START + HOUR)));
            set_now(START + HOUR);
            assert_eq!(Patients::sponsor(&stranger()), None);
            enrol_child(OTHER, lee(), CLINIC);
            assert_ok!(add_to(OTHER, guardian(), stranger(), Carer, None));
            assert_eq!(Patients::sponsor(&stranger()), Some((OTHER, CLINIC)));
        });
    }
}

mod keyrings {
    use super::*;

    fn named(seed: u32) -> bool {
        Patients::is_keyring_named(PATIENT, cid(seed))
    }

    fn former() -> Vec<Cid> {
        Patients::former_keyrings(PATIENT)
            .into_iter()
            .map(|(keyring, _)| keyring)
            .collect()
    }

    #[test]
    fn replaced_keyring_stays_named_for_72_hours() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(set_keyring(owner(), 1));
            assert_ok!(set_keyring(guardian(), 2));
            let rows = Patients::former_keyrings(PATIENT);
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].0, cid(1));
            assert_eq!(rows[0].1.until, START + UNNAMING_WAITS);
            assert_eq!(rows[0].1.replaced_by, guardian());
            set_now(START + UNNAMING_WAITS - 1);
            assert!(named(1) && named(2) && !named(3));
            set_now(START + UNNAMING_WAITS);
            assert!(!named(1) && named(2));
            assert_eq!(former(), vec![]);
            assert_noop!(restore_keyring(owner(), 1), Error::<Test>::NotKept);
        });
    }

    #[test]
    fn recovery_under_way_keeps_a_replaced_keyring_longer() {
        ExtBuilder::default().build_and_execute(|| {
            assert_ok!(set_keyring(owner(), 1));
            assert_ok!(set_keyring(owner(), 2));
            set_under_way(Some(START + HOUR));
            set_now(START + 10 * UNNAMING_WAITS);
            assert!(named(1));
            assert_eq!(former(), vec![cid(1)]);
            assert_ok!(restore_keyring(owner(), 1));
        });
    }

    #[test]
    fn restored_keyring_changes_places_with_the_present_one() {
        ExtBuilder::default().build_and_execute(|| {
            for seed in 1..4 {
                assert_ok!(set_keyring(owner(), seed));
                set_now(now() + HOUR);
            }
            assert_eq!(former(), vec![cid(2), cid(1)]);
            assert_ok!(restore_keyring(guardian(), 1));
            System::assert_last_event(
                Event::KeyringRestored {
                    patient: PATIENT,
                    actor: guardian(),
                    keyring: cid(1),
                }
                .into(),
            );
            assert_eq!(Patients::patient(PATIENT).unwrap().keyring, Some(cid(1)));
            assert_eq!(former(), vec![cid(3), cid(2)]);
            for who in [carer(), stranger(), doctor()] {
                assert_noop!(restore_keyring(who, 2), Error::<Test>::NotAuthorized);
            }
            for never in [1, 9] {
                assert_noop!(restore_keyring(owner(), never), Error::<Test>::NotKept);
            }
            // To name a former one, or the present one, leaves no double.
            set_now(now() + HOUR);
            assert_ok!(set_keyring(owner(), 2));
            assert_ok!(set_keyring(owner(), 2));
            assert_eq!(former(), vec![cid(1), cid(3)]);
        });
    }

    #[test]
    fn thief_who_fills_the_rows_keeps_nobody_from_restoring() {
        ExtBuilder::default().build_and_execute(|| {
            for seed in 0..=MAX_FORMER_KEYRINGS {
                assert_ok!(set_keyring(owner(), seed));
            }
            assert_refused!(set_keyring(owner(), 999), Error::<Test>::TooManyKeyrings);
            assert_ok!(restore_keyring(guardian(), 0));
            assert_eq!(former().len(), MAX_FORMER_KEYRINGS as usize);
            assert!(named(MAX_FORMER_KEYRINGS));
        });
    }

    #[test]
    fn at_the_limit_those_that_are_kept_no_more_make_room() {
        ExtBuilder::default().build_and_execute(|| {
            for seed in 0..=MAX_FORMER_KEYRINGS {
                assert_ok!(set_keyring(owner(), seed));
            }
            set_now(START + UNNAMING_WAITS - 1);
            assert_refused!(set_keyring(owner(), 998), Error::<Test>::TooManyKeyrings);
            set_now(START + UNNAMING_WAITS);
            set_under_way(Some(START));
            assert_refused!(set_keyring(owner(), 998), Error::<Test>::TooManyKeyrings);
            set_under_way(None);
            // Without an actual weight all that was declared is spent.
            assert_eq!(set_keyring(owner(), 999).unwrap().actual_weight, None);
            let less = set_keyring(owner(), 1_000).unwrap().actual_weight.unwrap();
            let declared = <() as crate::WeightInfo>::set_keyring_at_limit();
            assert!(less.ref_time() < declared.ref_time());
            let left = FormerKeyrings::<Test>::iter_key_prefix(PATIENT).count();
            assert_eq!(left as u32, MAX_FORMER_KEYRINGS - KEYRINGS_PRUNED + 2);
        });
    }

    #[test]
    fn who_takes_a_patient_over_finds_room() {
        use salus_primitives::traits::Succession;
        ExtBuilder::default().build_and_execute(|| {
            for seed in 0..=MAX_FORMER_KEYRINGS {
                assert_ok!(set_keyring(owner(), seed));
            }
            set_now(START + HOUR);
            assert_ok!(Patients::succeed(PATIENT, &owner(), &account("Phone")));
            for seed in 0..KEYRINGS_RESERVED {
                assert_ok!(set_keyring(account("Phone"), 500 + seed));
            }
            assert_refused!(
                set_keyring(account("Phone"), 999),
                Error::<Test>::TooManyKeyrings,
            );
        });
    }
}

mod controlled_by {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ten_thousand_patients_of_one_account_page_exactly_once() {
        ExtBuilder::empty().build_and_execute(|| {
            let id = |seed: u32| {
                let mut id = [0; 16];
                id[..4].copy_from_slice(&seed.to_le_bytes());
                PatientId(id)
            };
            for seed in 0..10_000 {
                Patients::do_enrol(id(seed), desk(), HOSPITAL, guardian());
            }
            // Of some, the role has ended.
            let end = Some(START + HOUR);
            for seed in 10_000..10_010 {
                Patients::do_enrol(id(seed), desk(), HOSPITAL, owner());
                Patients::do_add_controller(id(seed), owner(), guardian(), Carer, end);
            }
            set_now(START + HOUR);
            let (mut seen, mut after) = (BTreeSet::new(), None);
            loop {
                let page = Patients::controlled_by(guardian(), after, 1_000);
                assert!(page.len() <= 256);
                let Some(last) = page.last() else { break };
                after = Some(*last);
                for patient in page {
                    assert!(seen.insert(patient), "twice");
                }
            }
            assert_eq!(seen.len(), 10_000);
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
        VetoRemoval(usize, usize),
        HandOver(usize, usize),
        Complete(usize),
        VetoHandOver(usize),
        Keyring(usize, u32),
        Restore(usize, u32),
        Declare(usize),
        /// A recovery plan with a delay of so many hours, or none.
        Plan(Option<u64>),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let who = 0..NAMES.len();
        let role = prop_oneof![Just(Owner), Just(Decider), Just(Carer)];
        prop_oneof![
            (who.clone(), who.clone(), role, prop::option::of(1..5u64))
                .prop_map(|(by, who, role, hours)| Step::Add(by, who, role, hours)),
            (who.clone(), who.clone()).prop_map(|(by, who)| Step::Remove(by, who)),
            (who.clone(), who.clone()).prop_map(|(by, who)| Step::VetoRemoval(by, who)),
            (who.clone(), who.clone()).prop_map(|(by, who)| Step::HandOver(by, who)),
            who.clone().prop_map(Step::Complete),
            who.clone().prop_map(Step::VetoHandOver),
            who.clone().prop_map(Step::Declare),
            (who.clone(), 0..4u32).prop_map(|(by, seed)| Step::Keyring(by, seed)),
            (who, 0..4u32).prop_map(|(by, seed)| Step::Restore(by, seed)),
            prop::option::of(1..3u64).prop_map(Step::Plan),
            prop_oneof![1..3u64, Just(72)].prop_map(Step::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever anybody tries in whatever order, books agree and somebody stays in power; and
        /// only an owner, or who decides alone, makes an owner or takes an owner's role away.
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
                        Step::VetoRemoval(by, who) => {
                            let _ = veto_removal(account(NAMES[by]), account(NAMES[who]));
                            (None, false)
                        }
                        Step::HandOver(by, who) => {
                            let power = power(by, who);
                            let _ = hand_over(account(NAMES[by]), NAMES[who]);
                            power
                        }
                        Step::Complete(by) => {
                            // Owners have agreed, or there was none to agree.
                            let agreed = HandOvers::<Test>::get(PATIENT).is_some_and(|row| {
                                before.is_empty() || row.agreed.iter().any(|who| before.contains(who))
                            });
                            let _ = complete(account(NAMES[by]));
                            (agreed.then_some(Owner), false)
                        }
                        Step::VetoHandOver(by) => {
                            let _ = veto_hand_over(account(NAMES[by]));
                            (None, false)
                        }
                        Step::Declare(by) => {
                            let by = account(NAMES[by]);
                            let alone = Patients::controllers(PATIENT).iter().all(|(who, row)| {
                                *who == by || row.role == Carer || !Patients::is_live(row)
                            });
                            let _ = declare(by.clone());
                            (alone.then_some(Owner), false)
                        }
                        Step::Keyring(by, seed) => {
                            let _ = set_keyring(account(NAMES[by]), seed);
                            (None, false)
                        }
                        Step::Restore(by, seed) => {
                            let _ = restore_keyring(account(NAMES[by]), seed);
                            (None, false)
                        }
                        Step::Plan(hours) => {
                            set_notice(hours.map(|hours| hours * HOUR));
                            (None, false)
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
