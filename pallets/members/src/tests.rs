use frame_support::{assert_noop, assert_ok, BoundedVec};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::Standing,
    Cid, ClinicianRole, Grantee, Member, OrgId, OrganisationKind, Rejection, Spender, Subject,
};
use sp_runtime::{transaction_validity::TransactionValidityError, BuildStorage, DispatchError};

use crate::{
    mock::*, Admins, Allowance, Allowances, Bucket, Buckets, Clinicians, CliniciansOf, Error,
    Event, NextOrganisation, OrganisationBuckets, Organisations, PatientBuckets, Recipients, Spent,
    SponsorBuckets,
};

mod consent;
mod door;
mod electorate;
mod flood;
mod lists;

/// Like `assert_noop`, of calls that return what a refusal does not cost.
macro_rules! assert_refused {
    ($call:expr, $error:expr $(,)?) => {
        assert_noop!($call.map_err(|refused| refused.error), $error)
    };
}
use assert_refused;

const LATER: u64 = START + 365 * DAY;

fn standing(who: &salus_primitives::AccountId) -> Option<Member> {
    <Members as Standing<_>>::member(who)
}

fn physician(organisation: u32) -> Option<Member> {
    Some(Member::Clinician {
        organisation,
        role: ClinicianRole::Physician,
    })
}

fn admit(
    admin: salus_primitives::AccountId,
) -> frame_support::pallet_prelude::DispatchResultWithPostInfo {
    Members::admit(
        RuntimeOrigin::root(),
        admin,
        OrganisationKind::Laboratory,
        name("Laboratory"),
        url(""),
    )
}

mod genesis {
    use super::*;

    #[test]
    fn founders_have_admins_seats_and_ids_from_zero() {
        ExtBuilder.build_and_execute(|| {
            assert_eq!(NextOrganisation::<Test>::get(), 2);
            assert_eq!(Admins::<Test>::get(hospital_admin()), Some(HOSPITAL));
            assert_eq!(
                standing(&insurer_admin()),
                Some(Member::Admin {
                    organisation: INSURER
                })
            );
            let mut seats = vec![hospital_admin(), insurer_admin()];
            seats.sort();
            assert_eq!(council(), seats);
        });
    }

    #[test]
    #[should_panic(expected = "admins that differ")]
    fn two_founders_with_one_admin_are_no_genesis() {
        let founder = (
            OrganisationKind::Clinic,
            "Clinic".into(),
            hospital_admin(),
            "".into(),
        );
        let _ = crate::GenesisConfig::<Test> {
            organisations: vec![founder.clone(), founder],
            ..Default::default()
        }
        .build_storage();
    }
}

mod admit {
    use super::*;

    #[test]
    fn admitted_organisation_has_an_admin_in_good_standing_with_a_seat() {
        ExtBuilder.build_and_execute(|| {
            let admin = stranger();
            assert_eq!(System::providers(&admin), 0);
            assert_ok!(admit(admin.clone()));
            assert_eq!(standing(&admin), Some(Member::Admin { organisation: 2 }));
            assert!(council().contains(&admin));
            assert_eq!(System::providers(&admin), 1);
            let row = Organisations::<Test>::get(2).unwrap();
            assert_eq!((row.admitted_at, row.suspended_at), (START, None));
            System::assert_last_event(
                Event::OrganisationAdmitted {
                    organisation: 2,
                    kind: OrganisationKind::Laboratory,
                    admin,
                }
                .into(),
            );
        });
    }

    #[test]
    fn only_governance_admits() {
        ExtBuilder.build_and_execute(|| {
            for origin in [
                signed(hospital_admin()),
                signed(doctor()),
                signed(stranger()),
                RuntimeOrigin::none(),
            ] {
                assert_refused!(
                    Members::admit(
                        origin,
                        stranger(),
                        OrganisationKind::Clinic,
                        name("Clinic"),
                        url("")
                    ),
                    DispatchError::BadOrigin
                );
            }
        });
    }

    #[test]
    fn an_account_with_a_place_is_no_new_admin() {
        ExtBuilder.build_and_execute(|| {
            assert_refused!(admit(hospital_admin()), Error::<Test>::AlreadyMember);
            assert_refused!(admit(doctor()), Error::<Test>::AlreadyMember);
        });
    }

    #[test]
    fn whoever_acts_for_a_patient_is_no_admin() {
        ExtBuilder.build_and_execute(|| {
            sponsor(&patient(), HOSPITAL);
            assert_refused!(admit(patient()), Error::<Test>::ActsForPatients);
            assert_refused!(
                Members::set_admin(RuntimeOrigin::root(), HOSPITAL, patient()),
                Error::<Test>::ActsForPatients
            );
            assert_ok!(admit(stranger()));
        });
    }

    #[test]
    fn a_lapsed_clinician_can_become_an_admin_and_leaves_no_row_behind() {
        ExtBuilder.build_and_execute(|| {
            set_now(START + 700 * DAY);
            assert_ok!(admit(doctor()));
            assert_eq!(Clinicians::<Test>::get(doctor()), None);
            assert!(!CliniciansOf::<Test>::contains_key(HOSPITAL, doctor()));
            // One reference for each place it had: none is ever taken back.
            assert_eq!(System::providers(&doctor()), 2);
        });
    }

    #[test]
    fn names_are_text() {
        ExtBuilder.build_and_execute(|| {
            let call = |name: &[u8], url: &[u8]| {
                Members::admit(
                    RuntimeOrigin::root(),
                    stranger(),
                    OrganisationKind::Clinic,
                    BoundedVec::truncate_from(name.to_vec()),
                    BoundedVec::truncate_from(url.to_vec()),
                )
            };
            assert_refused!(call(b"", b""), Error::<Test>::InvalidText);
            assert_refused!(call(&[0xff], b""), Error::<Test>::InvalidText);
            assert_refused!(call(b"Clinic", &[0xff]), Error::<Test>::InvalidText);
            assert_refused!(call(b"Cli\nnic", b""), Error::<Test>::InvalidText);
        });
    }

    #[test]
    fn there_are_no_more_organisations_than_allowed() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(admit(account("Third")));
            assert_ok!(admit(account("Fourth")));
            assert_refused!(admit(account("Fifth")), Error::<Test>::TooManyOrganisations);
        });
    }
}

mod suspend {
    use super::*;

    #[test]
    fn admin_and_clinicians_of_a_suspended_organisation_lose_standing_at_once() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            for who in [hospital_admin(), doctor(), service()] {
                assert_eq!(standing(&who), None);
            }
            assert!(!Members::organisation_is_active(HOSPITAL));
            assert!(!Members::grantee_is_active(&Grantee::Organisation(
                HOSPITAL
            )));
            assert!(!Members::grantee_is_active(&Grantee::Clinician {
                account: doctor(),
                organisation: HOSPITAL
            }));
            assert_eq!(council(), vec![insurer_admin()]);
            // Others keep theirs.
            assert!(standing(&insurer_admin()).is_some());
            System::assert_last_event(
                Event::OrganisationSuspended {
                    organisation: HOSPITAL,
                }
                .into(),
            );
        });
    }

    #[test]
    fn a_suspended_admin_can_do_nothing() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            let refused = Error::<Test>::NotAuthorized;
            assert_noop!(credential(hospital_admin(), "Stranger", LATER), refused);
            assert_noop!(
                Members::set_profile(signed(hospital_admin()), name("X"), url("")),
                Error::<Test>::NotAuthorized
            );
            assert_noop!(
                Members::suspend_clinician(signed(hospital_admin()), doctor()),
                Error::<Test>::NotAuthorized
            );
            assert_noop!(
                Members::end_credential(signed(hospital_admin()), doctor()),
                Error::<Test>::NotAuthorized
            );
            let key = recipient(&pair("Hospital admin"), &Subject::Organisation(HOSPITAL), 0);
            assert_noop!(
                Members::publish_organisation_recipient(signed(hospital_admin()), key),
                Error::<Test>::NotAuthorized
            );
        });
    }

    #[test]
    fn only_governance_suspends_and_only_once() {
        ExtBuilder.build_and_execute(|| {
            assert_refused!(
                Members::suspend(signed(insurer_admin()), HOSPITAL),
                DispatchError::BadOrigin
            );
            assert_refused!(
                Members::suspend(RuntimeOrigin::root(), 9),
                Error::<Test>::NotFound
            );
            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            assert_refused!(
                Members::suspend(RuntimeOrigin::root(), HOSPITAL),
                Error::<Test>::AlreadySuspended
            );
        });
    }

    #[test]
    fn the_last_organisation_stays() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            assert_refused!(
                Members::suspend(RuntimeOrigin::root(), INSURER),
                Error::<Test>::LastOrganisation
            );
        });
    }
}

mod reinstate {
    use super::*;

    #[test]
    fn standing_and_seat_come_back_but_not_what_ended_meanwhile() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(credential(hospital_admin(), "Stranger", START + HOUR));
            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            set_now(START + HOUR);
            assert_ok!(Members::reinstate(RuntimeOrigin::root(), HOSPITAL));
            assert!(council().contains(&hospital_admin()));
            assert_eq!(standing(&doctor()), physician(HOSPITAL));
            assert_eq!(standing(&stranger()), None);
            System::assert_last_event(
                Event::OrganisationReinstated {
                    organisation: HOSPITAL,
                }
                .into(),
            );
        });
    }

    #[test]
    fn only_governance_reinstates_and_only_the_suspended() {
        ExtBuilder.build_and_execute(|| {
            assert_refused!(
                Members::reinstate(signed(hospital_admin()), HOSPITAL),
                DispatchError::BadOrigin
            );
            assert_refused!(
                Members::reinstate(RuntimeOrigin::root(), 9),
                Error::<Test>::NotFound
            );
            assert_refused!(
                Members::reinstate(RuntimeOrigin::root(), HOSPITAL),
                Error::<Test>::NotSuspended
            );
        });
    }
}

mod set_admin {
    use super::*;

    #[test]
    fn the_new_admin_takes_the_seat_and_the_old_one_has_nothing_left() {
        ExtBuilder.build_and_execute(|| {
            let new = account("New");
            assert_ok!(Members::set_admin(
                RuntimeOrigin::root(),
                HOSPITAL,
                new.clone()
            ));
            assert_eq!(standing(&hospital_admin()), None);
            assert_eq!(
                standing(&new),
                Some(Member::Admin {
                    organisation: HOSPITAL
                })
            );
            assert!(council().contains(&new) && !council().contains(&hospital_admin()));
            assert_eq!(System::providers(&new), 1);
            // The old account must not be reaped: its nonce would start again.
            assert_eq!(System::providers(&hospital_admin()), 1);
            assert_noop!(
                credential(hospital_admin(), "Stranger", LATER),
                Error::<Test>::NotAuthorized
            );
            System::assert_has_event(
                Event::AdminChanged {
                    organisation: HOSPITAL,
                    admin: new,
                    previous: hospital_admin(),
                }
                .into(),
            );
        });
    }

    #[test]
    fn the_admin_of_a_suspended_organisation_gets_no_seat() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            assert_ok!(Members::set_admin(
                RuntimeOrigin::root(),
                HOSPITAL,
                stranger()
            ));
            assert_eq!(council(), vec![insurer_admin()]);
            assert_eq!(standing(&stranger()), None);
            assert_ok!(Members::reinstate(RuntimeOrigin::root(), HOSPITAL));
            assert!(council().contains(&stranger()));
        });
    }

    #[test]
    fn only_governance_names_admins_who_have_no_other_place() {
        ExtBuilder.build_and_execute(|| {
            assert_refused!(
                Members::set_admin(signed(hospital_admin()), HOSPITAL, stranger()),
                DispatchError::BadOrigin
            );
            assert_refused!(
                Members::set_admin(RuntimeOrigin::root(), 9, stranger()),
                Error::<Test>::NotFound
            );
            for taken in [hospital_admin(), insurer_admin(), doctor()] {
                assert_refused!(
                    Members::set_admin(RuntimeOrigin::root(), HOSPITAL, taken),
                    Error::<Test>::AlreadyMember
                );
            }
        });
    }
}

mod set_profile {
    use super::*;

    #[test]
    fn an_admin_changes_its_own_organisation_and_no_other() {
        ExtBuilder.build_and_execute(|| {
            let before = Organisations::<Test>::get(HOSPITAL);
            assert_ok!(Members::set_profile(
                signed(insurer_admin()),
                name("Mutual"),
                url("https://b.example")
            ));
            let row = Organisations::<Test>::get(INSURER).unwrap();
            assert_eq!(
                (row.name, row.vault_url),
                (name("Mutual"), url("https://b.example"))
            );
            assert_eq!(Organisations::<Test>::get(HOSPITAL), before);
            System::assert_last_event(
                Event::ProfileChanged {
                    organisation: INSURER,
                    actor: insurer_admin(),
                }
                .into(),
            );
        });
    }

    #[test]
    fn nobody_else_changes_it_and_it_stays_text() {
        ExtBuilder.build_and_execute(|| {
            for who in [doctor(), service(), patient(), stranger()] {
                assert_noop!(
                    Members::set_profile(signed(who), name("X"), url("")),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_noop!(
                Members::set_profile(signed(hospital_admin()), name(""), url("")),
                Error::<Test>::InvalidText
            );
        });
    }
}

mod set_directory {
    use super::*;

    fn directory(organisation: OrgId) -> Option<Cid> {
        Organisations::<Test>::get(organisation).unwrap().directory
    }

    #[test]
    fn an_admin_names_the_directory_of_its_own_organisation_and_takes_it_back() {
        ExtBuilder.build_and_execute(|| {
            for named in [Some(Cid::dag_pb([1; 32])), None] {
                assert_ok!(Members::set_directory(signed(insurer_admin()), named));
                assert_eq!(directory(INSURER), named);
                assert_eq!(directory(HOSPITAL), None);
                System::assert_last_event(
                    Event::DirectoryChanged {
                        organisation: INSURER,
                        actor: insurer_admin(),
                        directory: named,
                    }
                    .into(),
                );
            }
        });
    }

    #[test]
    fn nobody_else_names_it_and_it_is_a_cid_in_use() {
        ExtBuilder.build_and_execute(|| {
            for who in [doctor(), service(), patient(), stranger()] {
                assert_noop!(
                    Members::set_directory(signed(who), None),
                    Error::<Test>::NotAuthorized
                );
            }
            let mut other = Cid::dag_pb([1; 32]);
            other.0[0] = 0;
            assert_noop!(
                Members::set_directory(signed(hospital_admin()), Some(other)),
                Error::<Test>::MalformedCid
            );
        });
    }
}

mod publish_recipient {
    use super::*;

    #[test]
    fn members_and_controllers_publish_their_own_keys_in_order() {
        ExtBuilder.build_and_execute(|| {
            for (who, seed) in [
                (doctor(), "Doctor"),
                (patient(), "Patient"),
                (hospital_admin(), "Hospital admin"),
            ] {
                let subject = Subject::Account(who.clone());
                for epoch in 0..2 {
                    let key = recipient(&pair(seed), &subject, epoch);
                    assert_ok!(Members::publish_recipient(signed(who.clone()), key.clone()));
                    let row = Recipients::<Test>::get(&subject).unwrap();
                    assert_eq!((row.signer, row.recipient), (who.clone(), key));
                    System::assert_last_event(
                        Event::RecipientPublished {
                            actor: who.clone(),
                            subject: subject.clone(),
                            epoch,
                        }
                        .into(),
                    );
                }
            }
        });
    }

    #[test]
    fn a_key_out_of_order_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let subject = Subject::Account(doctor());
            let key = |epoch| recipient(&pair("Doctor"), &subject, epoch);
            assert_noop!(
                Members::publish_recipient(signed(doctor()), key(1)),
                Error::<Test>::WrongEpoch
            );
            assert_ok!(Members::publish_recipient(signed(doctor()), key(0)));
            // Neither a replay of the old one nor a jump.
            for epoch in [0, 2, u32::MAX] {
                assert_noop!(
                    Members::publish_recipient(signed(doctor()), key(epoch)),
                    Error::<Test>::WrongEpoch
                );
            }
        });
    }

    #[test]
    fn only_its_owner_signs_a_key_for_its_own_account() {
        ExtBuilder.build_and_execute(|| {
            let own = Subject::Account(doctor());
            let wrong = [
                recipient(&pair("Hospital admin"), &own, 0),
                recipient(&pair("Doctor"), &Subject::Account(hospital_admin()), 0),
                recipient(&pair("Doctor"), &Subject::Organisation(HOSPITAL), 0),
                salus_primitives::Recipient {
                    key: [9; 32],
                    ..recipient(&pair("Doctor"), &own, 0)
                },
            ];
            for key in wrong {
                assert_noop!(
                    Members::publish_recipient(signed(doctor()), key),
                    Error::<Test>::BadSignature
                );
            }
        });
    }

    #[test]
    fn a_key_of_unknown_scheme_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let good = recipient(&pair("Doctor"), &Subject::Account(doctor()), 0);
            for scheme in [1, u8::MAX] {
                let key = salus_primitives::Recipient {
                    scheme,
                    ..good.clone()
                };
                assert_noop!(
                    Members::publish_recipient(signed(doctor()), key),
                    Error::<Test>::InvalidRecipient
                );
            }
        });
    }

    #[test]
    fn strangers_and_the_suspended_publish_nothing() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            for (who, seed) in [(stranger(), "Stranger"), (doctor(), "Doctor")] {
                let key = recipient(&pair(seed), &Subject::Account(who.clone()), 0);
                assert_noop!(
                    Members::publish_recipient(signed(who), key),
                    Error::<Test>::NotAuthorized
                );
            }
        });
    }
}

mod publish_organisation_recipient {
    use super::*;

    #[test]
    fn an_admin_publishes_for_its_own_organisation() {
        ExtBuilder.build_and_execute(|| {
            let subject = Subject::Organisation(HOSPITAL);
            let key = recipient(&pair("Hospital admin"), &subject, 0);
            assert_ok!(Members::publish_organisation_recipient(
                signed(hospital_admin()),
                key
            ));
            assert_eq!(
                Recipients::<Test>::get(subject).unwrap().signer,
                hospital_admin()
            );
        });
    }

    #[test]
    fn nobody_publishes_for_another_organisation() {
        ExtBuilder.build_and_execute(|| {
            let key = recipient(&pair("Insurer admin"), &Subject::Organisation(HOSPITAL), 0);
            assert_noop!(
                Members::publish_organisation_recipient(signed(insurer_admin()), key),
                Error::<Test>::BadSignature
            );
            let key = recipient(&pair("Doctor"), &Subject::Organisation(HOSPITAL), 0);
            assert_noop!(
                Members::publish_organisation_recipient(signed(doctor()), key),
                Error::<Test>::NotAuthorized
            );
        });
    }
}

mod credential {
    use super::*;

    #[test]
    fn a_credential_gives_standing_until_its_instant() {
        ExtBuilder.build_and_execute(|| {
            let new = stranger();
            assert_ok!(credential(hospital_admin(), "Stranger", START + HOUR));
            assert_eq!(System::providers(&new), 1);
            System::assert_last_event(
                Event::ClinicianCredentialed {
                    account: new.clone(),
                    actor: Some(hospital_admin()),
                    organisation: HOSPITAL,
                    role: ClinicianRole::Physician,
                    valid_until: START + HOUR,
                }
                .into(),
            );
            set_now(START + HOUR - 1);
            assert_eq!(standing(&new), physician(HOSPITAL));
            set_now(START + HOUR);
            assert_eq!(standing(&new), None);
        });
    }

    #[test]
    fn renewing_changes_role_and_end_but_lifts_no_suspension() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            assert_ok!(Members::credential(
                signed(hospital_admin()),
                doctor(),
                ClinicianRole::Nurse,
                LATER,
                Some(consent("Doctor", HOSPITAL, ClinicianRole::Nurse))
            ));
            let row = Clinicians::<Test>::get(doctor()).unwrap();
            assert_eq!((row.role, row.valid_until), (ClinicianRole::Nurse, LATER));
            assert_eq!(row.suspended_at, Some(START));
            assert_eq!(standing(&doctor()), None);
            assert_eq!(System::providers(&doctor()), 1);
        });
    }

    #[test]
    fn only_an_admin_credentials() {
        ExtBuilder.build_and_execute(|| {
            for who in [doctor(), service(), patient(), stranger()] {
                assert_noop!(
                    credential(who, "Stranger", LATER),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_noop!(
                Members::credential(
                    RuntimeOrigin::root(),
                    stranger(),
                    ClinicianRole::Nurse,
                    LATER,
                    None
                ),
                DispatchError::BadOrigin
            );
        });
    }

    #[test]
    fn a_credential_ends_later_than_now() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(
                credential(hospital_admin(), "Stranger", START),
                Error::<Test>::ExpiryInPast
            );
        });
    }

    #[test]
    fn an_account_with_another_place_is_not_taken() {
        ExtBuilder.build_and_execute(|| {
            for taken in ["Doctor", "Hospital admin", "Insurer admin"] {
                assert_noop!(
                    credential(insurer_admin(), taken, LATER),
                    Error::<Test>::AlreadyMember
                );
            }
            // Suspension at the hospital is no way to the insurer.
            assert_ok!(Members::suspend_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            assert_noop!(
                credential(insurer_admin(), "Doctor", LATER),
                Error::<Test>::AlreadyMember
            );
        });
    }

    #[test]
    fn whoever_acts_for_a_patient_is_not_credentialed() {
        ExtBuilder.build_and_execute(|| {
            sponsor(&patient(), INSURER);
            assert_noop!(
                credential(hospital_admin(), "Patient", LATER),
                Error::<Test>::ActsForPatients
            );
            assert_ok!(credential(hospital_admin(), "Stranger", LATER));
        });
    }

    #[test]
    fn an_account_is_staff_as_long_as_the_chain_shows_it() {
        ExtBuilder.build_and_execute(|| {
            let is_staff = |who| <Members as Standing<_>>::is_staff(&who);
            assert!(is_staff(hospital_admin()) && is_staff(doctor()));
            assert!(!is_staff(stranger()) && !is_staff(patient()));
            assert_ok!(Members::suspend_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            set_now(START + 700 * DAY);
            assert!(is_staff(doctor()), "suspended, and lapsed");
            assert_ok!(Members::end_credential(signed(hospital_admin()), doctor()));
            assert!(!is_staff(doctor()));
        });
    }

    #[test]
    fn a_lapsed_credential_or_a_suspended_employer_keeps_nobody_from_working() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(credential(hospital_admin(), "Stranger", START + HOUR));
            set_now(START + HOUR);
            assert_ok!(credential(insurer_admin(), "Stranger", LATER));
            assert_eq!(standing(&stranger()), physician(INSURER));
            assert!(!CliniciansOf::<Test>::contains_key(HOSPITAL, stranger()));

            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            assert_ok!(credential(insurer_admin(), "Doctor", LATER));
            assert_ok!(Members::reinstate(RuntimeOrigin::root(), HOSPITAL));
            assert_eq!(standing(&doctor()), physician(INSURER));
        });
    }

    #[test]
    fn a_grant_does_not_follow_a_clinician_who_moves() {
        ExtBuilder.build_and_execute(|| {
            let at = |organisation| Grantee::Clinician {
                account: doctor(),
                organisation,
            };
            assert!(Members::grantee_is_active(&at(HOSPITAL)));
            assert_ok!(Members::end_credential(signed(doctor()), doctor()));
            set_now(START + HOUR);
            assert_ok!(credential(insurer_admin(), "Doctor", LATER));
            assert!(!Members::grantee_is_active(&at(HOSPITAL)));
            assert!(Members::grantee_is_active(&at(INSURER)));
            // Its old employer has no say any more.
            assert_noop!(
                Members::suspend_clinician(signed(hospital_admin()), doctor()),
                Error::<Test>::NotCredentialed
            );
            assert_noop!(
                Members::end_credential(signed(hospital_admin()), doctor()),
                Error::<Test>::NotAuthorized
            );
        });
    }
}

mod suspend_clinician {
    use super::*;

    #[test]
    fn a_suspended_clinician_has_no_standing_until_reinstated() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            assert_eq!(standing(&doctor()), None);
            System::assert_last_event(
                Event::ClinicianSuspended {
                    account: doctor(),
                    actor: hospital_admin(),
                    organisation: HOSPITAL,
                }
                .into(),
            );
            assert_noop!(
                Members::suspend_clinician(signed(hospital_admin()), doctor()),
                Error::<Test>::AlreadySuspended
            );
            assert_ok!(Members::reinstate_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            assert_eq!(standing(&doctor()), physician(HOSPITAL));
            System::assert_last_event(
                Event::ClinicianReinstated {
                    account: doctor(),
                    actor: hospital_admin(),
                    organisation: HOSPITAL,
                }
                .into(),
            );
            assert_noop!(
                Members::reinstate_clinician(signed(hospital_admin()), doctor()),
                Error::<Test>::NotSuspended
            );
        });
    }

    #[test]
    fn only_the_own_admin_suspends_and_reinstates() {
        ExtBuilder.build_and_execute(|| {
            for who in [doctor(), service(), stranger()] {
                assert_noop!(
                    Members::suspend_clinician(signed(who.clone()), doctor()),
                    Error::<Test>::NotAuthorized
                );
                assert_noop!(
                    Members::reinstate_clinician(signed(who), doctor()),
                    Error::<Test>::NotAuthorized
                );
            }
            for foreign in [doctor(), stranger()] {
                assert_noop!(
                    Members::suspend_clinician(signed(insurer_admin()), foreign.clone()),
                    Error::<Test>::NotCredentialed
                );
                assert_noop!(
                    Members::reinstate_clinician(signed(insurer_admin()), foreign),
                    Error::<Test>::NotCredentialed
                );
            }
        });
    }
}

mod end_credential {
    use super::*;

    #[test]
    fn the_admin_or_the_clinician_ends_it_and_the_account_stays() {
        ExtBuilder.build_and_execute(|| {
            for (actor, account) in [(hospital_admin(), service()), (doctor(), doctor())] {
                assert_ok!(Members::end_credential(
                    signed(actor.clone()),
                    account.clone()
                ));
                assert_eq!(standing(&account), None);
                // A reaped account would start again at nonce 0.
                assert_eq!(System::providers(&account), 1);
                System::assert_last_event(
                    Event::CredentialEnded {
                        account,
                        actor,
                        organisation: HOSPITAL,
                    }
                    .into(),
                );
            }
        });
    }

    #[test]
    fn nobody_else_ends_it() {
        ExtBuilder.build_and_execute(|| {
            for who in [insurer_admin(), service(), patient(), stranger()] {
                assert_noop!(
                    Members::end_credential(signed(who), doctor()),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_noop!(
                Members::end_credential(signed(hospital_admin()), stranger()),
                Error::<Test>::NotCredentialed
            );
        });
    }

    #[test]
    fn a_suspended_clinician_does_not_slip_away() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            assert_noop!(
                Members::end_credential(signed(doctor()), doctor()),
                Error::<Test>::NotAuthorized
            );
        });
    }
}

/// The door's answer.
fn refusal<T>(reason: Rejection) -> Result<T, TransactionValidityError> {
    Err(reason.into())
}

/// An ordinary bucket of which so much is spent in block 1.
fn spent(spent: u64) -> Spent {
    Spent {
        ordinary: Bucket { spent, at: 1 },
        ..Spent::default()
    }
}

/// An urgent bucket of which so much is spent in block 1.
fn spent_urgently(spent: u64) -> Spent {
    Spent {
        urgent: Bucket { spent, at: 1 },
        ..Spent::default()
    }
}

mod views {
    use super::*;

    #[test]
    fn lists_are_bounded_and_can_be_continued() {
        ExtBuilder.build_and_execute(|| {
            assert_eq!(Members::organisations(0, 1).len(), 1);
            assert_eq!(
                Members::organisations(1, 9).first().map(|row| row.0),
                Some(INSURER)
            );
            assert_eq!(Members::organisations(2, 9), vec![]);

            let all = Members::clinicians(HOSPITAL, None, 9);
            assert_eq!(all.len(), 2);
            let first = Members::clinicians(HOSPITAL, None, 1);
            let rest = Members::clinicians(HOSPITAL, Some(first[0].0.clone()), 9);
            assert_eq!([first, rest].concat(), all);
            assert_eq!(Members::clinicians(INSURER, None, 9), vec![]);
        });
    }
}

mod check_member {
    use super::*;

    /// Bytes that cost more than a quarter of a person's bucket, but less than a third.
    const QUARTER: usize = 400_000;

    #[test]
    fn members_and_controllers_pass() {
        ExtBuilder.build_and_execute(|| {
            for who in [
                hospital_admin(),
                insurer_admin(),
                doctor(),
                service(),
                patient(),
            ] {
                assert_ok!(validate(&who, 0, &remark()));
                assert_ok!(apply(&who, remark(), 100));
                assert_eq!(System::account_nonce(&who), 1);
            }
        });
    }

    #[test]
    fn a_stranger_is_turned_away() {
        ExtBuilder.build_and_execute(|| {
            assert_eq!(
                validate(&stranger(), 0, &remark()),
                refusal(Rejection::NoStanding)
            );
            // Not even if it has an account, and not with an urgent call.
            System::inc_providers(&stranger());
            assert_eq!(
                validate(&stranger(), 0, &revoke()),
                refusal(Rejection::NoStanding)
            );
            assert_eq!(
                apply(&stranger(), remark(), 100),
                refusal(Rejection::NoStanding)
            );
            assert_eq!(System::account_nonce(stranger()), 0);
        });
    }

    #[test]
    fn the_suspended_the_expired_and_the_released_are_turned_away() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Members::suspend_clinician(
                signed(hospital_admin()),
                doctor()
            ));
            assert_eq!(
                validate(&doctor(), 0, &remark()),
                refusal(Rejection::NoStanding)
            );

            assert_ok!(Members::end_credential(signed(hospital_admin()), service()));
            assert_eq!(
                validate(&service(), 0, &remark()),
                refusal(Rejection::NoStanding)
            );

            assert_ok!(credential(hospital_admin(), "Stranger", START + HOUR));
            assert_ok!(validate(&stranger(), 0, &remark()));
            set_now(START + HOUR);
            assert_eq!(
                validate(&stranger(), 0, &remark()),
                refusal(Rejection::NoStanding)
            );

            assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
            assert_eq!(
                validate(&hospital_admin(), 0, &remark()),
                refusal(Rejection::NoStanding)
            );
            // A patient of a suspended hospital must still be able to revoke.
            assert_ok!(validate(&patient(), 0, &revoke()));
        });
    }

    #[test]
    fn unsigned_transactions_are_not_its_business() {
        use frame_support::dispatch::GetDispatchInfo;
        use sp_runtime::{
            traits::{TransactionExtension, TxBaseImplication},
            transaction_validity::TransactionSource,
        };
        ExtBuilder.build_and_execute(|| {
            let call = remark();
            assert!(crate::CheckMember::<Test>::new()
                .validate(
                    RuntimeOrigin::none(),
                    &call,
                    &call.get_dispatch_info(),
                    0,
                    (),
                    &TxBaseImplication(()),
                    TransactionSource::InBlock,
                )
                .is_ok());
        });
    }

    #[test]
    fn nonces_reach_64_ahead_for_persons_and_4096_for_services() {
        ExtBuilder.build_and_execute(|| {
            // Buckets that pay for all of them.
            for (spender, allowance) in [
                (Spender::Person, Allowance::PERSON),
                (Spender::Service, Allowance::SERVICE),
                (Spender::Organisation, Allowance::ORGANISATION),
            ] {
                let allowance = Allowance {
                    capacity: 100 * allowance.capacity,
                    ..allowance
                };
                assert_ok!(Members::set_allowance(
                    RuntimeOrigin::root(),
                    spender,
                    allowance
                ));
            }
            assert_ok!(validate(&doctor(), 64, &revoke()));
            assert_eq!(
                validate(&doctor(), 65, &revoke()),
                refusal(Rejection::NonceTooFar)
            );
            assert_ok!(validate(&service(), 4_096, &revoke()));
            assert_eq!(
                validate(&service(), 4_097, &revoke()),
                refusal(Rejection::NonceTooFar)
            );
            // The distance counts, not the nonce.
            assert_ok!(apply(&doctor(), remark(), 100));
            assert_ok!(validate(&doctor(), 65, &revoke()));
        });
    }

    #[test]
    fn a_flood_empties_its_own_bucket_while_anothers_revoke_goes_first() {
        ExtBuilder.build_and_execute(|| {
            let mut sent = 0;
            let reason = loop {
                match apply(&doctor(), remark(), QUARTER) {
                    Ok(()) => sent += 1,
                    Err(reason) => break reason,
                }
                assert!(sent < 100, "nothing stops the flood");
            };
            assert_eq!(Err::<(), _>(reason), refusal(Rejection::BucketEmpty));
            assert_eq!(sent, 3);
            assert!(Buckets::<Test>::get(doctor()).ordinary.spent <= Allowance::PERSON.capacity);

            let revoke = validate(&patient(), 0, &revoke()).unwrap();
            let flood = validate(&insurer_admin(), 0, &remark()).unwrap();
            assert!(revoke.priority > flood.priority);
        });
    }

    #[test]
    fn governance_changes_what_is_allowed_from_the_next_transaction_on() {
        ExtBuilder.build_and_execute(|| {
            let less = Allowance {
                nonces: 20,
                ..Allowance::PERSON
            };
            assert_ok!(validate(&doctor(), 21, &remark()));
            assert_noop!(
                Members::set_allowance(
                    RuntimeOrigin::signed(hospital_admin()),
                    Spender::Person,
                    less
                ),
                DispatchError::BadOrigin
            );
            assert_ok!(Members::set_allowance(
                RuntimeOrigin::root(),
                Spender::Person,
                less
            ));
            assert_eq!(
                validate(&doctor(), 21, &remark()),
                refusal(Rejection::NonceTooFar)
            );
            assert_eq!(Allowances::<Test>::get().service, Allowance::SERVICE);
            System::assert_last_event(
                Event::AllowanceChanged {
                    spender: Spender::Person,
                    allowance: less,
                }
                .into(),
            );
        });
    }

    #[test]
    fn no_allowance_keeps_people_from_working_or_fills_the_pool() {
        ExtBuilder.build_and_execute(|| {
            let person = Allowance::PERSON;
            for allowance in [
                Allowance {
                    capacity: 0,
                    ..person
                },
                Allowance {
                    refill: 0,
                    ..person
                },
                Allowance {
                    refill: person.capacity + 1,
                    ..person
                },
                Allowance {
                    nonces: 0,
                    ..person
                },
                Allowance {
                    nonces: u64::MAX,
                    ..person
                },
            ] {
                assert_noop!(
                    Members::set_allowance(RuntimeOrigin::root(), Spender::Person, allowance),
                    Error::<Test>::InvalidAllowance
                );
            }
            // What is enough for urgent calls is not enough for the rest.
            for spender in [Spender::Organisation, Spender::Sponsor] {
                assert_noop!(
                    Members::set_allowance(RuntimeOrigin::root(), spender, Allowance::URGENT),
                    Error::<Test>::InvalidAllowance
                );
            }
            for (spender, usual) in [
                (Spender::Person, Allowance::PERSON),
                (Spender::Service, Allowance::SERVICE),
                (Spender::Organisation, Allowance::ORGANISATION),
                (Spender::Patient, Allowance::PATIENT),
                (Spender::Sponsor, Allowance::SPONSOR),
                (Spender::Urgent, Allowance::URGENT),
                (Spender::UrgentTogether, Allowance::URGENT_TOGETHER),
            ] {
                assert_ok!(Members::set_allowance(
                    RuntimeOrigin::root(),
                    spender,
                    usual
                ));
            }
        });
    }

    #[test]
    fn whoever_has_spent_the_ordinary_allowance_can_still_revoke() {
        ExtBuilder.build_and_execute(|| {
            let full = spent(Allowance::PERSON.capacity);
            Buckets::<Test>::insert(doctor(), full);
            assert_eq!(
                validate(&doctor(), 0, &remark()),
                refusal(Rejection::BucketEmpty)
            );
            assert_ok!(validate(&doctor(), 0, &revoke()));
            assert_ok!(apply(&doctor(), revoke(), 100));
            assert_eq!(Buckets::<Test>::get(doctor()).ordinary, full.ordinary);
            // That ends too, or urgent calls would be a way around the bucket.
            Buckets::<Test>::insert(
                doctor(),
                Spent {
                    urgent: Bucket {
                        spent: Allowance::URGENT.capacity,
                        at: 1,
                    },
                    ..full
                },
            );
            assert_eq!(
                validate(&doctor(), 1, &revoke()),
                refusal(Rejection::BucketEmpty)
            );
        });
    }

    #[test]
    fn the_pool_holds_no_more_of_an_account_than_its_bucket_pays_for() {
        ExtBuilder.build_and_execute(|| {
            let cost = cost(&remark(), 100);
            // Room for five and a half.
            let room = Allowance::PERSON.capacity - 11 * cost / 2;
            Buckets::<Test>::insert(doctor(), spent(room));
            assert_ok!(validate(&doctor(), 0, &remark()));
            assert_ok!(validate(&doctor(), 4, &remark()));
            assert_eq!(
                validate(&doctor(), 5, &remark()),
                refusal(Rejection::BucketEmpty)
            );
        });
    }

    #[test]
    fn each_block_gives_some_of_the_allowance_back() {
        ExtBuilder.build_and_execute(|| {
            let person = Allowance::PERSON;
            Buckets::<Test>::insert(doctor(), spent(person.capacity));
            assert_eq!(
                validate(&doctor(), 0, &remark()),
                refusal(Rejection::BucketEmpty)
            );
            System::set_block_number(51);
            assert_ok!(validate(&doctor(), 0, &remark()));
            let bucket = Buckets::<Test>::get(doctor()).ordinary;
            assert_eq!(
                bucket.spent_at(51, &person),
                person.capacity - 50 * person.refill
            );
            assert_eq!(bucket.spent_at(1_000, &person), 0);
        });
    }

    #[test]
    fn what_a_call_does_not_use_is_given_back() {
        use frame_support::weights::Weight;
        use sp_runtime::traits::DispatchTransaction;
        ExtBuilder.build_and_execute(|| {
            let call = RuntimeCall::Members(crate::Call::set_profile {
                name: name("Clinic"),
                vault_url: url(""),
            });
            let info = info(&call);
            let rest = cost(&call, 100) - info.call_weight.ref_time();
            assert!(info.call_weight.ref_time() > 0);

            let nothing = |_| Ok(Some(Weight::zero()).into());
            assert_ok!(extension(0).test_run(signed(patient()), &call, &info, 100, 0, nothing));
            let row = PatientBuckets::<Test>::get(patient_of(&patient()));
            assert_eq!(row.ordinary.spent, rest);
            assert_eq!(SponsorBuckets::<Test>::get(HOSPITAL).ordinary.spent, rest);

            assert_ok!(extension(0).test_run(signed(doctor()), &call, &info, 100, 0, nothing));
            assert_eq!(Buckets::<Test>::get(doctor()).ordinary.spent, rest);
            let row = OrganisationBuckets::<Test>::get(HOSPITAL);
            assert_eq!(row.ordinary.spent, rest);
        });
    }

    #[test]
    fn patients_of_one_organisation_share_a_bucket_and_those_of_another_do_not() {
        ExtBuilder.build_and_execute(|| {
            let (sybil, other) = (account("Sybil"), account("Other"));
            sponsor(&sybil, HOSPITAL);
            sponsor(&other, INSURER);
            let taken = |organisation| SponsorBuckets::<Test>::get(organisation).ordinary.spent;
            assert_ok!(apply(&sybil, remark(), 100));
            let spent_by_one = taken(HOSPITAL);
            assert!(spent_by_one > 0);
            assert_ok!(apply(&patient(), remark(), 100));
            assert_eq!(taken(HOSPITAL), 2 * spent_by_one);

            SponsorBuckets::<Test>::insert(HOSPITAL, spent(Allowance::SPONSOR.capacity));
            assert_eq!(
                validate(&patient(), 1, &remark()),
                refusal(Rejection::BucketEmpty)
            );
            assert_ok!(validate(&patient(), 1, &revoke()));
            assert_ok!(validate(&other, 0, &remark()));
            // Members spend from their own organisation's.
            assert_ok!(validate(&doctor(), 0, &remark()));
            assert_eq!(taken(INSURER), 0);
        });
    }

    #[test]
    fn the_next_transaction_of_anybody_goes_before_the_second_of_anybody() {
        ExtBuilder.build_and_execute(|| {
            let priority = |who, nonce, call| validate(&who, nonce, &call).unwrap().priority;
            assert!(priority(doctor(), 0, remark()) > priority(service(), 1, remark()));
            assert!(priority(doctor(), 5, remark()) > priority(doctor(), 6, remark()));
            assert!(priority(doctor(), 3, revoke()) > priority(service(), 0, remark()));
        });
    }
}
