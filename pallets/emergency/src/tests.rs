//! One module per call, then succession, the views and the constants.

use crate::{mock::*, *};
use codec::Decode;
use frame_support::{assert_err_with_weight, assert_noop, assert_ok, dispatch::PostDispatchInfo};
use salus_primitives::ControllerRole;
use sp_core::H256;
use sp_runtime::{DispatchError::BadOrigin, DispatchResult, StateVersion};

const PACKAGE: fn() -> Cid = || cid(100);
const LETTER: fn() -> Cid = || cid(101);
const ANSWER: fn() -> Cid = || cid(102);
const NOT_A_CID: Cid = Cid([0; 36]);

fn by(account: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account)
}

/// Without what it cost.
fn outcome(result: DispatchResultWithPostInfo) -> DispatchResult {
    result.map(|_| ()).map_err(|failure| failure.error)
}

/// The hospital, the insurer and a third organisation, with a share each.
fn holders() -> Vec<ShareHolder> {
    if with(|w| w.more_organisations) == 0 {
        add_organisations(1);
    }
    [HOSPITAL, INSURANCE, INSURANCE + 1]
        .into_iter()
        .map(|organisation| ShareHolder {
            organisation,
            share: H256::repeat_byte(organisation as u8),
        })
        .collect()
}

fn set_plan(
    who: AccountId,
    compartments: &[CompartmentId],
    holders: Vec<ShareHolder>,
    threshold: u8,
    package: Cid,
) -> DispatchResult {
    outcome(set_plan_at_a_cost(
        who,
        compartments,
        holders,
        threshold,
        package,
    ))
}

fn set_plan_at_a_cost(
    who: AccountId,
    compartments: &[CompartmentId],
    holders: Vec<ShareHolder>,
    threshold: u8,
    package: Cid,
) -> DispatchResultWithPostInfo {
    Emergency::set_plan(
        by(who),
        PATIENT,
        compartments.to_vec().try_into().expect("within bounds"),
        holders.try_into().expect("within bounds"),
        threshold,
        package,
    )
}

fn plan() -> DispatchResult {
    set_plan(OWNER, &[LABORATORY, NOTES], holders(), 2, PACKAGE())
}

fn break_glass(who: AccountId) -> DispatchResult {
    break_glass_of(who, PATIENT)
}

fn break_glass_of(who: AccountId, patient: PatientId) -> DispatchResult {
    outcome(Emergency::break_glass(by(who), patient, LETTER()))
}

fn review(who: AccountId, glass: GlassIndex, justified: bool) -> DispatchResult {
    outcome(Emergency::review(by(who), PATIENT, glass, justified))
}

/// A patient with the same plan.
fn another_patient(n: u8) -> PatientId {
    let patient = PatientId([n; 16]);
    with(|w| {
        w.controllers
            .insert((patient, OWNER), ControllerRole::Owner);
        w.compartments.push((patient, NOTES));
    });
    assert_ok!(Emergency::set_plan(
        by(OWNER),
        patient,
        vec![NOTES].try_into().expect("within bounds"),
        holders().try_into().expect("within bounds"),
        2,
        PACKAGE(),
    ));
    patient
}

/// A nurse of the hospital.
fn another_nurse(n: u8) -> AccountId {
    let account = AccountId::new([n; 32]);
    set_role(&account, HOSPITAL, ClinicianRole::Nurse);
    account
}

fn set_role(account: &AccountId, organisation: OrgId, role: ClinicianRole) {
    let member = Member::Clinician { organisation, role };
    with(|w| w.members.insert(account.clone(), member));
}

fn events() -> Vec<Event<Test>> {
    System::read_events_for_pallet::<Event<Test>>()
}

fn advance(by: Moment) {
    set_now(now() + by);
}

mod set_plan {
    use super::*;

    #[test]
    fn plan_is_kept_and_its_change_is_told() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let plan = Emergency::plan(&PATIENT).expect("set");
            assert_eq!(plan.compartments, vec![LABORATORY, NOTES]);
            assert_eq!(plan.holders, holders());
            assert_eq!(
                (plan.threshold, plan.package, plan.set_at),
                (2, PACKAGE(), now())
            );
            let event = Event::PlanChanged {
                patient: PATIENT,
                actor: OWNER,
            };
            assert_eq!(events(), vec![event]);
        });
    }

    #[test]
    fn only_who_decides_plans() {
        ExtBuilder.build_and_execute(|| {
            let plan = |who| set_plan(who, &[NOTES], holders(), 2, PACKAGE());
            assert_ok!(plan(GUARDIAN));
            for who in [CARER, DOCTOR, ADMIN, OTHER_OWNER, STRANGER] {
                assert_noop!(plan(who), BadOrigin);
            }
            assert_noop!(
                outcome(Emergency::set_plan(
                    RuntimeOrigin::root(),
                    PATIENT,
                    Default::default(),
                    Default::default(),
                    2,
                    PACKAGE()
                )),
                BadOrigin
            );
        });
    }

    #[test]
    fn plan_opens_compartments_that_there_are_once_each_and_in_order() {
        ExtBuilder.build_and_execute(|| {
            let unknown = CompartmentId([9; 16]);
            for (compartments, error) in [
                (&[][..], Error::<Test>::NothingToOpen),
                (&[NOTES, NOTES], Error::<Test>::CompartmentsNotAscending),
                (
                    &[NOTES, LABORATORY],
                    Error::<Test>::CompartmentsNotAscending,
                ),
                (&[NOTES, unknown][..], Error::<Test>::CompartmentNotFound),
            ] {
                assert_noop!(
                    set_plan(OWNER, compartments, holders(), 2, PACKAGE()),
                    error
                );
            }
            assert_noop!(
                set_plan(OWNER, &[NOTES], holders(), 2, NOT_A_CID),
                Error::<Test>::MalformedCid
            );
        });
    }

    #[test]
    fn no_organisation_opens_it_alone() {
        ExtBuilder.build_and_execute(|| {
            let refused = |holders: Vec<ShareHolder>, threshold, error: Error<Test>| {
                assert_noop!(
                    set_plan(OWNER, &[NOTES], holders, threshold, PACKAGE()),
                    error
                );
            };
            for threshold in [0, 1, 4] {
                refused(holders(), threshold, Error::InvalidThreshold);
            }
            refused(holders()[..1].to_vec(), 2, Error::InvalidThreshold);

            let mut twice = holders();
            twice[2].organisation = HOSPITAL;
            refused(twice, 2, Error::DuplicateHolder);
            let mut one_share = holders();
            one_share[2].share = one_share[0].share;
            refused(one_share, 2, Error::DuplicateHolder);

            let mut unknown = holders();
            unknown[2].organisation = INSURANCE + 2;
            refused(unknown, 2, Error::HolderNotActive);
            with(|w| w.suspended.push(INSURANCE));
            refused(holders(), 2, Error::HolderNotActive);
        });
    }

    #[test]
    fn new_plan_is_for_the_next_glass_and_leaves_the_open_one_as_it_is() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            assert_ok!(set_plan(OWNER, &[INTAKE], holders(), 3, cid(7)));
            assert_ok!(break_glass(COLLEAGUE));
            let granted = with(|w| w.granted.clone());
            assert_eq!(
                granted[0].terms.scope,
                mock::compartments(&[LABORATORY, NOTES])
            );
            assert_eq!(granted[0].envelope, Some(PACKAGE()));
            assert_eq!(granted[0].ended_by, None);
            assert_eq!(granted[1].terms.scope, mock::compartments(&[INTAKE]));
            assert_eq!(granted[1].envelope, Some(cid(7)));
        });
    }

    #[test]
    fn plan_that_is_refused_costs_as_much_as_was_looked_at() {
        ExtBuilder.build_and_execute(|| {
            let mut compartments = add_compartments(PATIENT, MAX_SCOPE);
            let all = <() as WeightInfo>::set_plan(MAX_SCOPE);
            let early = <() as WeightInfo>::set_plan(1);
            assert!(early.ref_time() * 2 < all.ref_time());
            let plan = |who, compartments: &[_], package| {
                set_plan_at_a_cost(who, compartments, holders(), 2, package)
            };
            assert_err_with_weight!(
                plan(OWNER, &compartments, NOT_A_CID),
                Error::<Test>::MalformedCid,
                Some(early)
            );
            assert_err_with_weight!(
                plan(STRANGER, &compartments, PACKAGE()),
                BadOrigin,
                Some(early)
            );
            with(|w| w.suspended.push(INSURANCE));
            assert_err_with_weight!(
                plan(OWNER, &compartments, PACKAGE()),
                Error::<Test>::HolderNotActive,
                Some(early)
            );
            with(|w| w.suspended.clear());
            // Another one, in the same place of the order.
            compartments[9].0[15] = 0;
            assert_err_with_weight!(
                plan(OWNER, &compartments, PACKAGE()),
                Error::<Test>::CompartmentNotFound,
                Some(<() as WeightInfo>::set_plan(10))
            );
        });
    }
}

mod remove_plan {
    use super::*;

    #[test]
    fn removing_succeeds_whether_or_not_there_was_a_plan() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(Emergency::remove_plan(by(OWNER), PATIENT));
            assert_ok!(plan());
            assert_ok!(Emergency::remove_plan(by(GUARDIAN), PATIENT));
            assert_eq!(Emergency::plan(&PATIENT), None);
            let changed = |actor| Event::PlanChanged {
                patient: PATIENT,
                actor,
            };
            assert_eq!(
                events(),
                vec![changed(OWNER), changed(OWNER), changed(GUARDIAN)]
            );
        });
    }

    #[test]
    fn only_who_decides_removes() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            for who in [CARER, DOCTOR, ADMIN, OTHER_OWNER, STRANGER] {
                assert_noop!(Emergency::remove_plan(by(who), PATIENT), BadOrigin);
            }
        });
    }

    #[test]
    fn opt_out_by_a_later_decider_wins_over_whoever_set_the_plan() {
        for (sets, opts_out) in [(OWNER, GUARDIAN), (GUARDIAN, OWNER)] {
            ExtBuilder.build_and_execute(|| {
                let planned = set_plan(sets, &[LABORATORY], holders(), 2, PACKAGE());
                assert_ok!(planned);
                assert_ok!(Emergency::remove_plan(by(opts_out), PATIENT));
                assert_eq!(Emergency::plan(&PATIENT), None);
                assert!(!Emergency::references_package(&PATIENT, &PACKAGE()));
                assert_ok!(break_glass(DOCTOR));
                assert!(matches!(events().pop(), Some(Event::GlassRefused { .. })));
                assert_eq!(with(|w| w.granted.len()), 0);
            });
        }
    }

    #[test]
    fn opted_out_leaves_the_state_of_never_set() {
        let root_after = |prepare: fn()| {
            ExtBuilder.build().execute_with(|| {
                prepare();
                System::reset_events();
                sp_io::storage::root(StateVersion::V1)
            })
        };
        let never = root_after(|| ());
        let removed = root_after(|| {
            assert_ok!(plan());
            assert_ok!(Emergency::remove_plan(by(OWNER), PATIENT));
        });
        let set = root_after(|| {
            assert_ok!(plan());
        });
        assert_eq!(never, removed);
        assert_ne!(never, set);
    }
}

mod break_glass {
    use super::*;

    #[test]
    fn glass_opens_what_the_plan_names_for_a_day() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            let expected = Granted {
                patient: PATIENT,
                actor: DOCTOR,
                terms: GrantTerms {
                    grantee: clinician(DOCTOR),
                    scope: mock::compartments(&[LABORATORY, NOTES]),
                    rights: Rights::Read,
                    purpose: Purpose::Btg,
                    expires_at: START + DAY,
                    ..terms()
                },
                envelope: Some(PACKAGE()),
                basis: Basis::Emergency(0),
                ended_by: None,
            };
            assert_eq!(with(|w| w.granted.clone()), vec![expected]);
            let glass = Glass {
                clinician: DOCTOR,
                organisation: HOSPITAL,
                letter: LETTER(),
                broken_at: START,
                grant: 0,
                review: None,
                dispute: None,
            };
            assert_eq!(
                Emergency::glasses(&PATIENT, 0, 10),
                vec![(0, glass.clone())]
            );
            assert_eq!(
                Emergency::glasses_to_review(HOSPITAL, None, 10),
                vec![(PATIENT, 0, glass)]
            );
            assert_eq!(
                events().pop(),
                Some(Event::GlassBroken {
                    patient: PATIENT,
                    actor: DOCTOR,
                    organisation: HOSPITAL,
                    glass: 0,
                    grant: 0,
                    letter: LETTER(),
                })
            );
        });
    }

    #[test]
    fn opted_out_never_set_and_restricted_are_refused_alike() {
        let refused_after = |prepare: fn()| {
            ExtBuilder.build().execute_with(|| {
                prepare();
                System::reset_events();
                assert_ok!(break_glass(DOCTOR));
                assert_eq!(with(|w| w.granted.len()), 0);
                assert_eq!(Glasses::<Test>::iter().count(), 0);
                assert_eq!(Emergency::glasses_to_review(HOSPITAL, None, 10), vec![]);
                Emergency::do_try_state().expect("invariants hold");
                (events(), sp_io::storage::root(StateVersion::V1))
            })
        };
        let (told, root) = refused_after(|| ());
        let refused = Event::GlassRefused {
            patient: PATIENT,
            actor: DOCTOR,
            organisation: HOSPITAL,
            letter: LETTER(),
        };
        assert_eq!(told, vec![refused]);
        let opted_out = refused_after(|| {
            assert_ok!(plan());
            assert_ok!(Emergency::remove_plan(by(OWNER), PATIENT));
        });
        assert_eq!(opted_out, (told.clone(), root));
        let restricted = refused_after(|| {
            assert_ok!(plan());
            with(|w| w.restricted.push(PATIENT));
        });
        assert_eq!(restricted.0, told);
    }

    #[test]
    fn only_physicians_nurses_and_pharmacists_may() {
        use ClinicianRole::*;
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            for role in [Laboratorian, Therapist, Administrator, Researcher, Service] {
                set_role(&DOCTOR, HOSPITAL, role);
                assert_noop!(break_glass(DOCTOR), Error::<Test>::RoleMayNot);
            }
            for (n, role) in [(20, Physician), (21, Nurse), (22, Pharmacist)] {
                let account = AccountId::new([n; 32]);
                set_role(&account, HOSPITAL, role);
                assert_ok!(break_glass(account));
            }
            for who in [OWNER, GUARDIAN, ADMIN, STRANGER] {
                assert_noop!(break_glass(who), Error::<Test>::NotAClinician);
            }
            assert_noop!(
                outcome(Emergency::break_glass(
                    RuntimeOrigin::root(),
                    PATIENT,
                    LETTER()
                )),
                BadOrigin
            );
        });
    }

    #[test]
    fn clinician_of_a_suspended_organisation_may_not() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(break_glass(DOCTOR), Error::<Test>::NotAClinician);
        });
    }

    #[test]
    fn patient_is_enrolled_and_letter_is_a_letter() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(
                break_glass_of(DOCTOR, UNKNOWN_PATIENT),
                Error::<Test>::PatientNotFound
            );
            assert_noop!(
                outcome(Emergency::break_glass(by(DOCTOR), PATIENT, NOT_A_CID)),
                Error::<Test>::MalformedCid
            );
        });
    }

    #[test]
    fn glass_is_not_broken_twice_in_a_day_by_the_same_clinician() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            assert_ok!(break_glass(COLLEAGUE));
            // Neither a review nor the patient's end of the grant makes room for a second one.
            assert_ok!(review(ADMIN, 0, true));
            assert_ok!(<Doubles as Granting<_>>::end(PATIENT, OWNER, 0));
            set_now(START + GLASS_LASTS - 1);
            assert_noop!(break_glass(DOCTOR), Error::<Test>::AlreadyOpen);
            advance(1);
            assert_ok!(break_glass(DOCTOR));
            assert_eq!(with(|w| w.granted.len()), 3);
        });
    }

    #[test]
    fn clinician_has_a_daily_cap_that_refused_ones_use_up() {
        ExtBuilder.build_and_execute(|| {
            set_now(START + DAY - 1);
            for n in 1..PER_CLINICIAN as u8 {
                let patient = another_patient(100 + n);
                assert_ok!(break_glass_of(DOCTOR, patient));
            }
            assert_ok!(break_glass(DOCTOR));
            assert!(matches!(events().pop(), Some(Event::GlassRefused { .. })));
            assert_noop!(break_glass(DOCTOR), Error::<Test>::TooManyToday);
            assert_ok!(break_glass(COLLEAGUE));
            // Another day of the calendar.
            advance(1);
            assert_ok!(break_glass(DOCTOR));
        });
    }

    #[test]
    fn refused_attempts_of_a_clinician_have_a_smaller_cap_of_their_own() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let elsewhere = another_patient(100);
            for _ in 0..REFUSED_PER_CLINICIAN {
                assert_ok!(break_glass_of(DOCTOR, OTHER_PATIENT));
            }
            assert_noop!(
                break_glass_of(DOCTOR, OTHER_PATIENT),
                Error::<Test>::TooManyRefusedToday
            );
            // What opens is open to the same clinician, and refusals are to a colleague.
            assert_ok!(break_glass(DOCTOR));
            assert_ok!(break_glass_of(DOCTOR, elsewhere));
            assert_eq!(with(|w| w.granted.len()), 2);
            assert_ok!(break_glass_of(COLLEAGUE, OTHER_PATIENT));
            advance(DAY);
            assert_ok!(break_glass_of(DOCTOR, OTHER_PATIENT));
        });
    }

    #[test]
    fn organisation_has_a_daily_cap() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            for n in 0..PER_ORGANISATION as u8 {
                assert_ok!(break_glass(another_nurse(100 + n)));
            }
            assert_noop!(break_glass(DOCTOR), Error::<Test>::OrganisationTooManyToday);
            // Where nothing opens, it is noted as ever.
            assert_ok!(break_glass_of(DOCTOR, OTHER_PATIENT));
            set_role(&INSURER, INSURANCE, ClinicianRole::Physician);
            assert_ok!(break_glass(INSURER));
            advance(DAY);
            assert_ok!(break_glass(DOCTOR));
        });
    }

    #[test]
    fn last_glasses_of_an_organisation_are_for_who_has_broken_none() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let patients: Vec<_> = (100..100 + PER_CLINICIAN as u8)
                .map(another_patient)
                .collect();
            let mut broken = 0;
            for n in 100..108 {
                for patient in &patients {
                    broken += u32::from(break_glass_of(another_nurse(n), *patient).is_ok());
                }
            }
            // Six have broken all they may, the other two one each.
            assert_eq!(broken, PER_ORGANISATION - FOR_FIRST + 2);
            assert_noop!(
                break_glass(another_nurse(107)),
                Error::<Test>::OrganisationTooManyToday
            );
            for n in 110..124 {
                assert_ok!(break_glass(another_nurse(n)));
            }
            assert_noop!(break_glass(DOCTOR), Error::<Test>::OrganisationTooManyToday);
        });
    }

    /// Nobody reviews them, so a few nurses could use up what helps somebody unconscious.
    #[test]
    fn attempts_that_open_nothing_take_no_glass_from_the_organisation() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let mut refused = 0;
            for n in 0..20 {
                while break_glass_of(another_nurse(100 + n), OTHER_PATIENT).is_ok() {
                    refused += 1;
                }
            }
            assert_eq!(refused, REFUSED_PER_ORGANISATION);
            assert_noop!(
                break_glass_of(DOCTOR, OTHER_PATIENT),
                Error::<Test>::OrganisationTooManyRefusedToday
            );
            assert_eq!(DailyIn::<Test>::get(HOSPITAL).granted, 0);
            for n in 0..PER_ORGANISATION as u8 {
                assert_ok!(break_glass(another_nurse(100 + n)));
            }
            assert_eq!(with(|w| w.granted.len()), PER_ORGANISATION as usize);
        });
    }

    #[test]
    fn overdue_review_blocks_its_clinician_until_it_is_made_up_for() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let elsewhere = another_patient(100);
            assert_ok!(break_glass(DOCTOR));
            let again = || break_glass_of(DOCTOR, elsewhere);
            set_now(START + REVIEW_WITHIN);
            assert_noop!(again(), Error::<Test>::ReviewOverdue);
            // Not even to be refused: who is blocked learns nothing about patients.
            assert_noop!(
                break_glass_of(DOCTOR, OTHER_PATIENT),
                Error::<Test>::ReviewOverdue
            );
            assert_ok!(break_glass(COLLEAGUE));
            assert_ok!(review(ADMIN, 0, true));
            assert_ok!(again());
        });
    }

    /// Otherwise another account for the same person would go around what is overdue.
    #[test]
    fn more_than_a_few_overdue_reviews_close_the_organisation() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            set_role(&INSURER, INSURANCE, ClinicianRole::Physician);
            for n in 0..MAX_OVERDUE as u8 {
                assert_ok!(break_glass(another_nurse(100 + n)));
            }
            advance(1);
            assert_ok!(break_glass(another_nurse(110)));
            set_now(START + REVIEW_WITHIN);
            assert_ok!(break_glass(DOCTOR));

            advance(1);
            for who in [COLLEAGUE, another_nurse(111)] {
                // Nor does anybody learn who has no plan.
                for patient in [PATIENT, OTHER_PATIENT] {
                    assert_noop!(
                        break_glass_of(who.clone(), patient),
                        Error::<Test>::OrganisationReviewsOverdue
                    );
                }
            }
            assert_ok!(break_glass(INSURER));

            assert_ok!(review(ADMIN, 1, true));
            assert_ok!(break_glass(COLLEAGUE));
        });
    }

    /// Nor does anybody else's writing keep an emergency out.
    #[test]
    fn trail_of_one_patient_takes_no_more_than_the_caps_of_a_day() {
        ExtBuilder.build_and_execute(|| {
            with(|w| w.entries.insert((PATIENT, HOSPITAL), 0));
            let try_all = || {
                let mut tries = 0;
                for n in 100..200 {
                    let nurse = another_nurse(n);
                    while break_glass(nurse.clone()).is_ok() {
                        tries += 1;
                    }
                }
                tries
            };
            assert_eq!(try_all(), REFUSED_PER_ORGANISATION);
            assert_ok!(plan());
            assert_eq!(try_all(), PER_ORGANISATION);
            let attempts = events()
                .into_iter()
                .filter(|event| !matches!(event, Event::PlanChanged { .. }));
            assert_eq!(
                attempts.count() as u32,
                PER_ORGANISATION + REFUSED_PER_ORGANISATION
            );
        });
    }

    #[test]
    fn glass_that_opens_nothing_costs_less_than_one_that_does() {
        ExtBuilder.build_and_execute(|| {
            let full = <() as WeightInfo>::break_glass();
            let refused = <() as WeightInfo>::break_glass_refused(0);
            assert!(refused.ref_time() * 2 < full.ref_time());
            let attempt = |who| Emergency::break_glass(by(who), PATIENT, LETTER());
            let cost = |info: PostDispatchInfo| info.actual_weight;
            assert_eq!(attempt(DOCTOR).map(cost), Ok(Some(refused)));
            assert_ok!(plan());
            assert_eq!(attempt(DOCTOR).map(cost), Ok(None), "all that was declared");
            assert_err_with_weight!(attempt(DOCTOR), Error::<Test>::AlreadyOpen, Some(refused));
            assert_err_with_weight!(
                attempt(STRANGER),
                Error::<Test>::NotAClinician,
                Some(refused)
            );
        });
    }

    #[test]
    fn review_is_not_overdue_before_its_time() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            set_now(START + REVIEW_WITHIN - 1);
            assert_ok!(break_glass(DOCTOR));
        });
    }

    #[test]
    fn as_many_as_the_caps_allow_can_wait_for_review() {
        ExtBuilder.build_and_execute(|| {
            let mut patients = (100..).map(another_patient);
            for moment in [DAY / 2, DAY, 2 * DAY, 3 * DAY + DAY / 2 - 1] {
                set_now(START + moment);
                for _ in 0..PER_CLINICIAN {
                    let patient = patients.next().expect("endless");
                    assert_ok!(break_glass_of(DOCTOR, patient));
                }
            }
            assert_eq!(
                UnreviewedOf::<Test>::get(DOCTOR).len(),
                MAX_UNREVIEWED as usize
            );
            let patient = patients.next().expect("endless");
            assert_noop!(break_glass_of(DOCTOR, patient), Error::<Test>::TooManyToday);
        });
    }
}

mod review {
    use super::*;

    #[test]
    fn admin_of_the_clinicians_organisation_reviews_once() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            let other_admin = AccountId::new([50; 32]);
            let organisation = INSURANCE;
            with(|w| {
                w.members
                    .insert(other_admin.clone(), Member::Admin { organisation })
            });
            for who in [DOCTOR, COLLEAGUE, other_admin, OWNER, STRANGER] {
                assert_noop!(review(who, 0, true), Error::<Test>::NotReviewer);
            }
            assert_noop!(review(ADMIN, 1, true), Error::<Test>::GlassNotFound);
            advance(1);
            assert_ok!(review(ADMIN, 0, true));
            let (_, glass) = Emergency::glasses(&PATIENT, 0, 1).remove(0);
            assert_eq!(
                glass.review,
                Some(Review {
                    by: ADMIN,
                    at: START + 1,
                    justified: true
                })
            );
            assert_eq!(
                events().pop(),
                Some(Event::GlassReviewed {
                    patient: PATIENT,
                    actor: ADMIN,
                    glass: 0,
                    justified: true
                })
            );
            assert_eq!(Emergency::glasses_to_review(HOSPITAL, None, 10), vec![]);
            assert_noop!(review(ADMIN, 0, false), Error::<Test>::AlreadyReviewed);
        });
    }

    #[test]
    fn admin_of_a_suspended_organisation_does_not_review() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(review(ADMIN, 0, true), Error::<Test>::NotReviewer);
        });
    }

    #[test]
    fn organisation_answers_for_a_clinician_who_has_left_it() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            set_role(&DOCTOR, INSURANCE, ClinicianRole::Physician);
            set_now(START + REVIEW_WITHIN);
            assert_noop!(break_glass(DOCTOR), Error::<Test>::ReviewOverdue);
            assert_ok!(review(ADMIN, 0, true));
            assert_ok!(break_glass(DOCTOR));
            assert_noop!(review(ADMIN, 1, true), Error::<Test>::NotReviewer);
        });
    }

    #[test]
    fn review_that_is_refused_costs_what_was_looked_at() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            for (glass, error) in [
                (0, Error::<Test>::NotReviewer),
                (1, Error::<Test>::GlassNotFound),
            ] {
                let failure = Emergency::review(by(DOCTOR), PATIENT, glass, true)
                    .expect_err("a doctor reviews nothing");
                assert_eq!(failure.error, error.into());
                let cost = failure.post_info.actual_weight.expect("less");
                assert!(cost.ref_time() * 2 < <() as WeightInfo>::review().ref_time());
            }
        });
    }

    /// One glass of the doctor each time, reviewed at once.
    fn abuse(at: &[Moment], justified: bool) {
        for moment in at {
            set_now(START + moment);
            let glass = NextGlass::<Test>::get(PATIENT);
            assert_ok!(break_glass(DOCTOR));
            assert_ok!(review(ADMIN, glass, justified));
        }
    }

    #[test]
    fn third_that_was_not_justified_within_a_year_bars() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            abuse(&[0, DAY], false);
            assert!(!Barred::<Test>::contains_key(DOCTOR));
            abuse(&[365 * DAY - 1], false);
            assert_eq!(Barred::<Test>::get(DOCTOR), Some(now()));
            assert_eq!(
                events().pop(),
                Some(Event::ClinicianBarred {
                    clinician: DOCTOR,
                    organisation: HOSPITAL
                })
            );
            advance(400 * DAY);
            assert_noop!(break_glass(DOCTOR), Error::<Test>::Barred);
            assert_ok!(break_glass(COLLEAGUE));
        });
    }

    #[test]
    fn three_over_more_than_a_year_do_not_bar() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            abuse(&[0, 2 * DAY, 365 * DAY], false);
            assert!(!Barred::<Test>::contains_key(DOCTOR));
            abuse(&[367 * DAY - 1], false);
            assert!(Barred::<Test>::contains_key(DOCTOR));
        });
    }

    #[test]
    fn justified_ones_never_bar() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            abuse(&[0, DAY, 2 * DAY, 3 * DAY], true);
            assert!(!Barred::<Test>::contains_key(DOCTOR));
            assert_eq!(Unjustified::<Test>::iter().count(), 0);
        });
    }
}

mod dispute {
    use super::*;

    fn dispute(who: AccountId, glass: GlassIndex) -> DispatchResult {
        Emergency::dispute(by(who), PATIENT, glass, ANSWER())
    }

    #[test]
    fn who_decides_disputes_once_before_or_after_the_review() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            assert_ok!(break_glass(COLLEAGUE));
            for who in [CARER, DOCTOR, ADMIN, OTHER_OWNER, STRANGER] {
                assert_noop!(dispute(who, 0), BadOrigin);
            }
            assert_noop!(dispute(OWNER, 2), Error::<Test>::GlassNotFound);
            assert_noop!(
                Emergency::dispute(by(OWNER), PATIENT, 0, NOT_A_CID),
                Error::<Test>::MalformedCid
            );

            assert_ok!(dispute(OWNER, 0));
            assert_eq!(
                events().pop(),
                Some(Event::GlassDisputed {
                    patient: PATIENT,
                    actor: OWNER,
                    glass: 0,
                    letter: ANSWER()
                })
            );
            assert_noop!(dispute(GUARDIAN, 0), Error::<Test>::AlreadyDisputed);
            assert_ok!(review(ADMIN, 0, true));
            let (_, glass) = Emergency::glasses(&PATIENT, 0, 1).remove(0);
            let expected = Dispute {
                by: OWNER,
                at: START,
                letter: ANSWER(),
            };
            assert_eq!(glass.dispute, Some(expected));
            assert!(glass.review.is_some());

            assert_ok!(review(ADMIN, 1, true));
            assert_ok!(dispute(GUARDIAN, 1));
        });
    }

    #[test]
    fn glass_of_another_patient_is_not_disputed() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            assert_noop!(
                Emergency::dispute(by(OTHER_OWNER), OTHER_PATIENT, 0, ANSWER()),
                Error::<Test>::GlassNotFound
            );
        });
    }
}

mod readmit {
    use super::*;

    fn readmit() -> DispatchResult {
        outcome(Emergency::readmit(RuntimeOrigin::root(), DOCTOR))
    }

    fn three_times() {
        for _ in 0..3 {
            let glass = NextGlass::<Test>::get(PATIENT);
            assert_ok!(break_glass(DOCTOR));
            assert_ok!(review(ADMIN, glass, false));
            advance(DAY);
        }
    }

    #[test]
    fn council_alone_readmits_and_counting_begins_anew() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_noop!(readmit(), Error::<Test>::NotBarred);
            three_times();
            for who in [DOCTOR, ADMIN, OWNER, STRANGER] {
                assert_noop!(outcome(Emergency::readmit(by(who), DOCTOR)), BadOrigin);
            }
            assert_noop!(break_glass(DOCTOR), Error::<Test>::Barred);
            assert_ok!(readmit());
            let readmitted = Event::Readmitted { clinician: DOCTOR };
            assert_eq!(events().pop(), Some(readmitted));
            assert!(!Barred::<Test>::contains_key(DOCTOR));
            three_times();
            assert!(Barred::<Test>::contains_key(DOCTOR));
        });
    }

    #[test]
    fn readmitting_costs_as_much_as_it_passes_over() {
        ExtBuilder.build_and_execute(|| {
            let readmit = || Emergency::readmit(RuntimeOrigin::root(), DOCTOR);
            let cost = |late| Some(<() as WeightInfo>::readmit(late));
            assert_err_with_weight!(readmit(), Error::<Test>::NotBarred, cost(0));
            assert_err_with_weight!(Emergency::readmit(by(DOCTOR), DOCTOR), BadOrigin, cost(0));
            for n in 0..3 {
                assert_ok!(break_glass_of(DOCTOR, another_patient(100 + n)));
            }
            advance(REVIEW_WITHIN);
            assert_eq!(readmit().map(|info| info.actual_weight), Ok(cost(3)));
        });
    }

    #[test]
    fn what_is_judged_while_barred_is_not_counted_twice() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let elsewhere = another_patient(100);
            assert_ok!(break_glass_of(DOCTOR, elsewhere));
            three_times();
            assert_ok!(Emergency::review(by(ADMIN), elsewhere, 0, false));
            assert_ok!(readmit());
            assert_eq!(Unjustified::<Test>::iter().count(), 0);
        });
    }

    /// Its organisation may be no more, and nobody left who could review it.
    #[test]
    fn council_passes_over_what_is_overdue() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            set_now(START + REVIEW_WITHIN - 1);
            assert_noop!(readmit(), Error::<Test>::NotBarred);
            let elsewhere = another_patient(100);
            assert_ok!(break_glass_of(DOCTOR, elsewhere));
            advance(1);
            assert_noop!(break_glass(DOCTOR), Error::<Test>::ReviewOverdue);
            assert_ok!(readmit());
            assert_ok!(break_glass(DOCTOR));
            let waiting = UnreviewedOf::<Test>::get(DOCTOR);
            assert_eq!(waiting.len(), 2, "the overdue one is gone");
            // It can still be made up for.
            assert_eq!(Emergency::glasses_to_review(HOSPITAL, None, 10).len(), 3);
            assert_ok!(review(ADMIN, 0, true));
            assert_eq!(Emergency::glasses_to_review(HOSPITAL, None, 10).len(), 2);
        });
    }

    #[test]
    fn what_was_passed_over_closes_no_organisation_and_waits_last() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let others: Vec<_> = (100..)
                .take(MAX_OVERDUE as usize)
                .map(another_patient)
                .collect();
            assert_ok!(break_glass(DOCTOR));
            for patient in &others {
                assert_ok!(break_glass_of(DOCTOR, *patient));
            }
            set_now(START + REVIEW_WITHIN);
            assert_noop!(
                break_glass(COLLEAGUE),
                Error::<Test>::OrganisationReviewsOverdue
            );
            assert_ok!(readmit());
            assert_ok!(break_glass(COLLEAGUE));
            assert_ok!(break_glass(DOCTOR));

            let waiting = || Emergency::glasses_to_review(HOSPITAL, None, 10);
            let first: Vec<_> = waiting().into_iter().map(|row| (row.0, row.1)).collect();
            assert_eq!(first[..2], [(PATIENT, 1), (PATIENT, 2)]);
            assert_eq!(first.len(), 6);
            assert_ok!(review(ADMIN, 0, true));
            for patient in others {
                assert_ok!(Emergency::review(by(ADMIN), patient, 0, true));
            }
            assert_eq!(waiting().len(), 2);
            assert_eq!(ToReview::<Test>::iter().count(), 2);
        });
    }
}

mod succession {
    use super::*;

    fn succeed() {
        <Emergency as OnSuccession<AccountId>>::on_succession(PATIENT, &STRANGER);
    }

    #[test]
    fn plan_of_former_deciders_ends_and_nothing_opens_until_there_is_another() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let theirs = another_patient(100);
            System::reset_events();
            succeed();
            let ended = Event::PlanChanged {
                patient: PATIENT,
                actor: STRANGER,
            };
            assert_eq!(events(), vec![ended]);
            assert_eq!(Emergency::plan(&PATIENT), None);
            assert!(!Emergency::references_package(&PATIENT, &PACKAGE()));
            assert!(Emergency::plan(&theirs).is_some(), "of another patient");

            assert_ok!(break_glass(DOCTOR));
            assert!(matches!(events().pop(), Some(Event::GlassRefused { .. })));
            assert_eq!(with(|w| w.granted.len()), 0);

            assert_ok!(set_plan(OWNER, &[LABORATORY], holders(), 2, cid(7)));
            assert_ok!(break_glass(DOCTOR));
            assert_eq!(with(|w| w.granted[0].envelope), Some(cid(7)));
        });
    }

    #[test]
    fn glass_that_was_broken_before_stays_and_is_answered_for() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            succeed();
            assert_eq!(with(|w| w.granted[0].ended_by.clone()), None);
            assert!(Emergency::references_letter(&PATIENT, &LETTER()));
            assert_ok!(review(ADMIN, 0, true));
            assert_ok!(Emergency::dispute(by(OWNER), PATIENT, 0, ANSWER()));
        });
    }

    #[test]
    fn nothing_is_told_where_nothing_ends() {
        ExtBuilder.build_and_execute(|| {
            succeed();
            assert_ok!(plan());
            assert_ok!(Emergency::remove_plan(by(OWNER), PATIENT));
            System::reset_events();
            succeed();
            assert_eq!(events(), vec![]);
        });
    }

    #[test]
    fn succession_has_its_weight() {
        assert_eq!(
            <Emergency as OnSuccession<AccountId>>::weight(),
            <() as WeightInfo>::on_succession()
        );
    }
}

mod views {
    use super::*;

    /// The pages of an organisation's queue, with what to do after each.
    fn all_pages(
        limit: u32,
        mut after_each: impl FnMut(&[(PatientId, GlassIndex)]),
    ) -> Vec<(PatientId, GlassIndex)> {
        let mut all = Vec::new();
        loop {
            let after = all.last().copied();
            let page: Vec<_> = Emergency::glasses_to_review(HOSPITAL, after, limit)
                .into_iter()
                .map(|(patient, index, _)| (patient, index))
                .collect();
            if page.is_empty() {
                return all;
            }
            all.extend_from_slice(&page);
            assert!(all.len() < 20_000, "pages without an end");
            after_each(&page);
        }
    }

    /// 48 glasses a day, whose reviews the council passes over when they are due, and at last 48 that
    /// are not due yet.
    #[test]
    fn ten_thousand_glasses_to_review_come_in_pages_without_a_gap() {
        ExtBuilder.build_and_execute(|| {
            let patients: Vec<_> = (100..148).map(another_patient).collect();
            let nurses: Vec<_> = (200..208).map(another_nurse).collect();
            let mut broken = Vec::new();
            while broken.len() < 10_000 {
                if !broken.is_empty() {
                    advance(REVIEW_WITHIN);
                    for nurse in &nurses {
                        let who = nurse.clone();
                        assert_ok!(Emergency::readmit(RuntimeOrigin::root(), who));
                    }
                }
                let turn = broken.len() / patients.len();
                for (n, patient) in patients.iter().enumerate() {
                    let nurse = nurses[(n + turn) % nurses.len()].clone();
                    broken.push((*patient, NextGlass::<Test>::get(patient)));
                    assert_ok!(break_glass_of(nurse, *patient));
                }
                System::reset_events();
            }
            let passed_over = broken.len() - patients.len();
            assert_eq!(PassedOver::<Test>::iter().count(), passed_over);

            let whole = all_pages(256, |page| assert!(page.len() <= 256));
            let sorted = |mut glasses: Vec<_>| {
                glasses.sort();
                glasses
            };
            assert_eq!(sorted(whole.clone()), sorted(broken.clone()));
            assert_eq!(
                sorted(whole[..patients.len()].to_vec()),
                sorted(broken[passed_over..].to_vec()),
                "what is due comes before what was passed over"
            );

            // The last of each page is reviewed before the next one is asked for.
            let reviewed_on_the_way = all_pages(100, |page| {
                let (patient, index) = page[page.len() - 1];
                assert_ok!(Emergency::review(by(ADMIN), patient, index, true));
            });
            assert_eq!(reviewed_on_the_way, whole);
            let left = all_pages(256, |_| ());
            assert_eq!(left.len(), whole.len() - whole.len().div_ceil(100));
            assert!(left.iter().all(|glass| whole.contains(glass)));
        });
    }

    #[test]
    fn a_page_after_what_is_no_glass_is_empty() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            for after in [(PATIENT, 1), (OTHER_PATIENT, 0), (UNKNOWN_PATIENT, 0)] {
                let page = Emergency::glasses_to_review(HOSPITAL, Some(after), 10);
                assert_eq!(page, vec![]);
            }
            let theirs = Emergency::glasses_to_review(INSURANCE, Some((PATIENT, 0)), 10);
            assert_eq!(theirs, vec![]);
        });
    }

    #[test]
    fn letters_are_found_among_many_and_of_no_other_patient() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            let letter = |n: u8| cid(200 + n);
            for n in 0..20 {
                let nurse = by(another_nurse(100 + n));
                assert_ok!(Emergency::break_glass(nurse, PATIENT, letter(n / 2)));
            }
            for n in 0..10 {
                assert!(Emergency::references_letter(&PATIENT, &letter(n)));
                assert!(!Emergency::references_letter(&OTHER_PATIENT, &letter(n)));
            }
            assert!(!Emergency::references_letter(&PATIENT, &letter(10)));
            assert_eq!(Letters::<Test>::iter().count(), 10);
        });
    }

    #[test]
    fn glasses_come_in_pages_and_reviews_in_order() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(plan());
            for n in 0..5 {
                advance(1);
                assert_ok!(break_glass(another_nurse(100 + n)));
            }
            let indices = |from, limit| {
                let rows = Emergency::glasses(&PATIENT, from, limit);
                rows.into_iter().map(|(index, _)| index).collect::<Vec<_>>()
            };
            assert_eq!(indices(0, 2), vec![0, 1]);
            assert_eq!(indices(3, 10), vec![3, 4]);
            assert_eq!(indices(5, u32::MAX), Vec::<u32>::new());
            assert_ok!(review(ADMIN, 2, true));
            let waiting: Vec<_> = Emergency::glasses_to_review(HOSPITAL, None, u32::MAX)
                .into_iter()
                .map(|(_, index, _)| index)
                .collect();
            assert_eq!(waiting, vec![0, 1, 3, 4]);
            assert_eq!(Emergency::glasses_to_review(HOSPITAL, None, 2).len(), 2);
            assert_eq!(Emergency::glasses_to_review(INSURANCE, None, 2), vec![]);
        });
    }

    #[test]
    fn a_page_of_reviews_begins_with_those_that_wait_longest() {
        ExtBuilder.build_and_execute(|| {
            let mut broken = Vec::new();
            for n in 0..24 {
                // Over the end of a byte of the clock, too.
                advance(100);
                let patient = another_patient(250 - 7 * n);
                let nurse = another_nurse(100 + n / PER_CLINICIAN as u8);
                assert_ok!(break_glass_of(nurse, patient));
                broken.push(patient);
            }
            for limit in [1, 5, 24] {
                let page = Emergency::glasses_to_review(HOSPITAL, None, limit as u32);
                let patients: Vec<_> = page.into_iter().map(|(patient, ..)| patient).collect();
                assert_eq!(patients, broken[..limit]);
            }
        });
    }

    #[test]
    fn what_plans_glasses_and_disputes_name_is_kept() {
        ExtBuilder.build_and_execute(|| {
            let package = |cid| Emergency::references_package(&PATIENT, &cid);
            let letter = |cid| Emergency::references_letter(&PATIENT, &cid);
            assert!(!package(PACKAGE()) && !letter(LETTER()) && !letter(ANSWER()));
            assert_ok!(plan());
            assert_ok!(break_glass(DOCTOR));
            assert!(package(PACKAGE()) && letter(LETTER()) && !letter(ANSWER()));
            assert_ok!(Emergency::dispute(by(OWNER), PATIENT, 0, ANSWER()));
            assert!(letter(LETTER()) && letter(ANSWER()));
            assert!(!Emergency::references_letter(&OTHER_PATIENT, &LETTER()));
            assert_ok!(Emergency::remove_plan(by(OWNER), PATIENT));
            assert!(!package(PACKAGE()) && letter(LETTER()));
        });
    }
}

mod constants {
    use super::*;

    fn constant<Value: Decode>(name: &str) -> Value {
        let constants = Emergency::pallet_constants_metadata();
        let found = constants.iter().find(|constant| constant.name == name);
        let constant = found.unwrap_or_else(|| panic!("no {name}"));
        assert!(!constant.docs.is_empty(), "{name} is not documented");
        Value::decode(&mut &constant.value[..]).expect("of this type")
    }

    #[test]
    fn limits_stand_in_the_metadata() {
        assert_eq!(constant::<Moment>("GlassLasts"), 24 * 60 * 60 * 1_000);
        assert_eq!(constant::<Moment>("ReviewWithin"), 3 * DAY);
        assert_eq!(constant::<u32>("PerClinician"), 8);
        assert_eq!(constant::<u32>("PerOrganisation"), 64);
        assert_eq!(constant::<u32>("ForFirst"), 16);
        assert_eq!(constant::<u32>("RefusedPerClinician"), 4);
        assert_eq!(constant::<u32>("RefusedPerOrganisation"), 64);
        assert_eq!(constant::<u32>("MaxOverdue"), 3);
    }
}
