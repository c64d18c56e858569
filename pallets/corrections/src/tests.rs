use crate::{mock::*, Error, Event, LetterAuthors, Open, ANSWER_WITHIN, EXTENSION};
use frame_support::{assert_noop, assert_ok};
use salus_primitives::{
    api::MAX_PAGE, Cid, ClinicianRole, Correction, CorrectionState, LetterStage, Member,
    RecordIndex, RecordState, DAY,
};
use sp_runtime::{DispatchError::BadOrigin, DispatchResult};

mod model;
mod spending;

/// Everyone who does not decide for [`PATIENT`].
const POWERLESS: [&str; 5] = [
    "carer",
    "other-owner",
    "physician",
    "hospital-admin",
    "stranger",
];
/// Everyone who does not answer for [`WRONG`].
const NOT_RESPONDERS: [&str; 9] = [
    "owner",
    "guardian",
    "carer",
    "other-owner",
    "nurse",
    "clinic-admin",
    "clinic-physician",
    "successor-admin",
    "stranger",
];

fn ask(name: &str, record: RecordIndex) -> DispatchResult {
    Corrections::ask(signed(name), PATIENT, record, letter(0))
}

fn row(correction: u32) -> Correction {
    Corrections::correction(&PATIENT, correction).unwrap()
}

fn record(index: RecordIndex) -> salus_primitives::Record {
    Rows::get(PATIENT, index).unwrap()
}

fn erase(index: RecordIndex) {
    let mut row = record(index);
    row.state = RecordState::Erased;
    Rows::insert(PATIENT, index, row);
}

/// The owner has asked for the correction of [`WRONG`], as number 0.
fn asked(test: impl FnOnce()) {
    ExtBuilder.build_and_execute(|| {
        assert_ok!(ask("owner", WRONG));
        test();
    });
}

/// The physician has denied it.
fn denied(test: impl FnOnce()) {
    asked(|| {
        assert_ok!(Corrections::deny(
            signed("physician"),
            PATIENT,
            0,
            letter(1)
        ));
        test();
    });
}

mod ask {
    use super::*;

    #[test]
    fn the_answer_is_due_in_60_days() {
        asked(|| {
            assert_eq!(
                row(0),
                Correction {
                    record: WRONG,
                    requester: account("owner"),
                    letter: letter(0),
                    asked_at: START,
                    due_at: START + 60 * DAY,
                    extended: false,
                    answered_by: None,
                    state: CorrectionState::Requested,
                }
            );
            assert_eq!(Open::<Test>::get(PATIENT, WRONG), Some(0));
            assert_eq!(
                last_event(),
                Event::CorrectionRequested {
                    patient: PATIENT,
                    actor: account("owner"),
                    correction: 0,
                    record: WRONG,
                    letter: letter(0),
                    due_at: START + 60 * DAY,
                }
            );
            assert_eq!(Entries::get()[0].0, PATIENT);
        });
    }

    #[test]
    fn only_who_decides_may_ask() {
        ExtBuilder.build_and_execute(|| {
            for name in POWERLESS {
                assert_noop!(ask(name, WRONG), BadOrigin);
            }
            assert_ok!(ask("guardian", WRONG));
        });
    }

    #[test]
    fn every_wrong_argument_is_refused() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(ask("owner", 99), Error::<Test>::RecordNotFound);
            assert_noop!(
                Corrections::ask(signed("owner"), PATIENT, WRONG, Cid([0; 36])),
                Error::<Test>::MalformedLetter
            );
            erase(WRONG);
            assert_noop!(ask("owner", WRONG), Error::<Test>::RecordErased);
        });
    }

    #[test]
    fn a_record_has_one_open_request() {
        asked(|| {
            assert_noop!(ask("guardian", WRONG), Error::<Test>::AlreadyRequested);
            assert_ok!(ask("owner", NOTE));
            assert_ok!(Corrections::deny(
                signed("physician"),
                PATIENT,
                0,
                letter(1)
            ));
            assert_ok!(ask("guardian", WRONG));
            assert_eq!(row(2).requester, account("guardian"));
        });
    }

    #[test]
    fn only_the_newest_of_a_chain_can_be_corrected() {
        asked(|| {
            assert_ok!(Corrections::accept(signed("physician"), PATIENT, 0, RIGHT));
            assert_noop!(ask("owner", WRONG), Error::<Test>::NotNewest);
            assert_ok!(ask("owner", RIGHT));
            assert_ok!(Corrections::accept(
                signed("physician"),
                PATIENT,
                1,
                BY_COLLEAGUE
            ));
            assert_noop!(ask("owner", RIGHT), Error::<Test>::NotNewest);
        });
    }

    #[test]
    fn the_last_index_is_not_wrapped() {
        ExtBuilder.build().execute_with(|| {
            crate::NextCorrection::<Test>::insert(PATIENT, u32::MAX);
            assert_noop!(ask("owner", WRONG), Error::<Test>::TooManyCorrections);
        });
    }
}

mod accept {
    use super::*;

    fn accept(name: &str, replacement: RecordIndex) -> DispatchResult {
        Corrections::accept(signed(name), PATIENT, 0, replacement)
    }

    #[test]
    fn links_the_records_and_says_who_answered() {
        asked(|| {
            assert_ok!(accept("physician", RIGHT));
            assert_eq!(
                row(0).state,
                CorrectionState::Accepted { replacement: RIGHT }
            );
            assert_eq!(row(0).answered_by, Some(account("physician")));
            assert_eq!(record(WRONG).corrected_by, Some(RIGHT));
            assert_eq!(record(RIGHT).corrects, Some(WRONG));
            assert_eq!(Open::<Test>::get(PATIENT, WRONG), None);
            assert_eq!(
                last_event(),
                Event::CorrectionAccepted {
                    patient: PATIENT,
                    actor: account("physician"),
                    correction: 0,
                    record: WRONG,
                    replacement: RIGHT,
                }
            );
        });
    }

    #[test]
    fn only_responders_may_answer() {
        asked(|| {
            for name in NOT_RESPONDERS {
                assert_noop!(accept(name, RIGHT), Error::<Test>::NotResponder);
            }
        });
    }

    #[test]
    fn an_unknown_request_is_not_found() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(accept("physician", RIGHT), Error::<Test>::NotFound);
        });
    }

    #[test]
    fn a_request_is_answered_once() {
        asked(|| {
            assert_ok!(accept("physician", RIGHT));
            let physician = || signed("physician");
            let again = Error::<Test>::AlreadyAnswered;
            assert_noop!(accept("physician", BY_COLLEAGUE), again);
            let again = Error::<Test>::AlreadyAnswered;
            let call = Corrections::partly_accept(physician(), PATIENT, 0, BY_COLLEAGUE, letter(1));
            assert_noop!(call, again);
            let again = Error::<Test>::AlreadyAnswered;
            assert_noop!(Corrections::deny(physician(), PATIENT, 0, letter(1)), again);
            let again = Error::<Test>::AlreadyAnswered;
            assert_noop!(Corrections::extend(physician(), PATIENT, 0), again);
        });
    }

    #[test]
    fn the_replacement_is_of_the_responders_organisation() {
        asked(|| {
            assert_noop!(accept("physician", 99), Error::<Test>::ReplacementNotFound);
            for foreign in [BY_CLINIC, BY_SUCCESSOR, NOTE] {
                assert_noop!(
                    accept("physician", foreign),
                    Error::<Test>::ForeignReplacement
                );
            }
            assert_ok!(accept("physician", BY_COLLEAGUE));
        });
    }

    #[test]
    fn a_link_that_records_refuse_changes_nothing() {
        asked(|| {
            assert_noop!(accept("physician", WRONG), LINK_REFUSED);
        });
    }

    #[test]
    fn an_overdue_request_can_still_be_answered() {
        asked(|| {
            set_now(START + 100 * DAY);
            assert_ok!(accept("physician", RIGHT));
        });
    }
}

mod responder {
    use super::*;

    #[test]
    fn for_a_sealed_person_the_software_of_the_organisation_answers() {
        asked(|| {
            for (name, organisation) in [("software", HOSPITAL), ("foreign", CLINIC)] {
                let member = Member::Clinician {
                    organisation,
                    role: ClinicianRole::Service,
                };
                Members::mutate(|members| members.insert(account(name), member));
                assert_noop!(deny(name), Error::<Test>::NotResponder);
            }
            // Another account of the organisation's software had signed.
            Rows::mutate(PATIENT, WRONG, |row| {
                let row = row.as_mut().unwrap();
                row.author = account("former software");
                row.person = Some(sp_core::H256::repeat_byte(9));
            });
            assert_noop!(deny("foreign"), Error::<Test>::NotResponder);
            assert_noop!(deny("physician"), Error::<Test>::NotResponder);
            assert_ok!(deny("software"));
        });
    }

    fn deny(name: &str) -> DispatchResult {
        Corrections::deny(signed(name), PATIENT, 0, letter(1))
    }

    #[test]
    fn the_admin_answers_too() {
        asked(|| {
            assert_ok!(deny("hospital-admin"));
        });
    }

    #[test]
    fn when_the_author_has_left_the_admin_answers() {
        asked(|| {
            leave("physician");
            assert_noop!(deny("physician"), Error::<Test>::NotResponder);
            assert_noop!(deny("nurse"), Error::<Test>::NotResponder);
            assert_noop!(deny("clinic-admin"), Error::<Test>::NotResponder);
            assert_ok!(Corrections::accept(
                signed("hospital-admin"),
                PATIENT,
                0,
                BY_COLLEAGUE
            ));
        });
    }

    #[test]
    fn an_author_who_changed_employer_does_not_answer() {
        asked(|| {
            Members::mutate(|members| {
                let moved = members[&account("clinic-physician")].clone();
                members.insert(account("physician"), moved);
            });
            assert_noop!(deny("physician"), Error::<Test>::NotResponder);
        });
    }

    #[test]
    fn when_the_organisation_is_gone_its_successors_admin_answers() {
        asked(|| {
            suspend(HOSPITAL);
            for name in ["physician", "hospital-admin", "successor-admin"] {
                assert_noop!(deny(name), Error::<Test>::NotResponder);
            }
            assert_ok!(Corrections::name_successor(
                RuntimeOrigin::root(),
                HOSPITAL,
                SUCCESSOR
            ));
            for name in [
                "clinic-admin",
                "successor-nurse",
                "physician",
                "hospital-admin",
            ] {
                assert_noop!(deny(name), Error::<Test>::NotResponder);
            }
            let accept = |index| Corrections::accept(signed("successor-admin"), PATIENT, 0, index);
            assert_noop!(accept(RIGHT), Error::<Test>::ForeignReplacement);
            assert_ok!(accept(BY_SUCCESSOR));
        });
    }

    #[test]
    fn a_successor_does_not_answer_for_other_organisations() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(ask("owner", BY_CLINIC));
            assert_ok!(Corrections::name_successor(
                RuntimeOrigin::root(),
                HOSPITAL,
                SUCCESSOR
            ));
            assert_noop!(deny("successor-admin"), Error::<Test>::NotResponder);
            assert_ok!(deny("clinic-admin"));
        });
    }

    #[test]
    fn a_controller_answers_for_what_it_wrote() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(ask("guardian", NOTE));
            for name in [
                "guardian",
                "carer",
                "other-owner",
                "hospital-admin",
                "stranger",
            ] {
                assert_noop!(deny(name), Error::<Test>::NotResponder);
            }
            let accept = |index| Corrections::accept(signed("owner"), PATIENT, 0, index);
            assert_noop!(accept(GUARDIANS_NOTE), Error::<Test>::ForeignReplacement);
            assert_noop!(accept(RIGHT), Error::<Test>::ForeignReplacement);
            assert_ok!(accept(BETTER_NOTE));
        });
    }

    #[test]
    fn when_a_controller_is_gone_whoever_decides_answers() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(ask("owner", GUARDIANS_NOTE));
            assert_noop!(deny("owner"), Error::<Test>::NotResponder);
            Roles::mutate(|roles| roles.remove(&(PATIENT, account("guardian"))));
            assert_noop!(deny("guardian"), Error::<Test>::NotResponder);
            assert_noop!(deny("carer"), Error::<Test>::NotResponder);
            assert_ok!(deny("owner"));
        });
    }
}

mod partly_accept {
    use super::*;

    fn partly(name: &str, replacement: RecordIndex, letter: Cid) -> DispatchResult {
        Corrections::partly_accept(signed(name), PATIENT, 0, replacement, letter)
    }

    #[test]
    fn links_the_records_and_keeps_the_letter() {
        asked(|| {
            assert_ok!(partly("physician", RIGHT, letter(1)));
            let state = CorrectionState::PartlyAccepted {
                replacement: RIGHT,
                letter: letter(1),
            };
            assert_eq!(row(0).state, state);
            assert_eq!(record(WRONG).corrected_by, Some(RIGHT));
            assert_eq!(
                last_event(),
                Event::CorrectionPartlyAccepted {
                    patient: PATIENT,
                    actor: account("physician"),
                    correction: 0,
                    record: WRONG,
                    replacement: RIGHT,
                    letter: letter(1),
                }
            );
        });
    }

    #[test]
    fn every_wrong_argument_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let call = || partly("physician", RIGHT, letter(1));
            assert_noop!(call(), Error::<Test>::NotFound);
            assert_ok!(ask("owner", WRONG));
            for name in NOT_RESPONDERS {
                assert_noop!(partly(name, RIGHT, letter(1)), Error::<Test>::NotResponder);
            }
            let malformed = Cid([0; 36]);
            assert_noop!(
                partly("physician", RIGHT, malformed),
                Error::<Test>::MalformedLetter
            );
            assert_noop!(
                partly("physician", 99, letter(1)),
                Error::<Test>::ReplacementNotFound
            );
            assert_noop!(
                partly("physician", BY_CLINIC, letter(1)),
                Error::<Test>::ForeignReplacement
            );
            assert_noop!(partly("physician", WRONG, letter(1)), LINK_REFUSED);
        });
    }
}

mod deny {
    use super::*;

    #[test]
    fn keeps_the_letter_and_links_nothing() {
        denied(|| {
            assert_eq!(row(0).state, CorrectionState::Denied { letter: letter(1) });
            assert_eq!(row(0).answered_by, Some(account("physician")));
            assert_eq!(record(WRONG).corrected_by, None);
            assert_eq!(
                last_event(),
                Event::CorrectionDenied {
                    patient: PATIENT,
                    actor: account("physician"),
                    correction: 0,
                    record: WRONG,
                    letter: letter(1),
                }
            );
        });
    }

    #[test]
    fn every_wrong_argument_is_refused() {
        asked(|| {
            let deny = |name, correction, letter| {
                Corrections::deny(signed(name), PATIENT, correction, letter)
            };
            assert_noop!(deny("physician", 1, letter(1)), Error::<Test>::NotFound);
            assert_noop!(
                deny("physician", 0, Cid([0; 36])),
                Error::<Test>::MalformedLetter
            );
            for name in NOT_RESPONDERS {
                assert_noop!(deny(name, 0, letter(1)), Error::<Test>::NotResponder);
            }
        });
    }

    /// Or else an erasure would keep the request open for ever.
    #[test]
    fn a_request_about_a_record_erased_since_can_be_denied() {
        asked(|| {
            erase(WRONG);
            let accept = Corrections::accept(signed("physician"), PATIENT, 0, RIGHT);
            assert_noop!(accept, LINK_REFUSED);
            assert_ok!(Corrections::deny(
                signed("physician"),
                PATIENT,
                0,
                letter(1)
            ));
        });
    }
}

mod disagree {
    use super::*;

    fn disagree(name: &str) -> DispatchResult {
        Corrections::disagree(signed(name), PATIENT, 0, letter(2))
    }

    #[test]
    fn stands_beside_the_denial() {
        denied(|| {
            assert_ok!(disagree("guardian"));
            let state = CorrectionState::Disagreed {
                denial: letter(1),
                letter: letter(2),
            };
            assert_eq!(row(0).state, state);
            assert_eq!(
                last_event(),
                Event::CorrectionDisagreed {
                    patient: PATIENT,
                    actor: account("guardian"),
                    correction: 0,
                    record: WRONG,
                    letter: letter(2),
                }
            );
        });
    }

    #[test]
    fn only_who_decides_may_disagree() {
        denied(|| {
            for name in POWERLESS {
                assert_noop!(disagree(name), BadOrigin);
            }
        });
    }

    #[test]
    fn only_a_denial_and_only_once() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(disagree("owner"), Error::<Test>::NotFound);
            assert_ok!(ask("owner", WRONG));
            assert_noop!(disagree("owner"), Error::<Test>::NotDenied);
            assert_ok!(Corrections::deny(
                signed("physician"),
                PATIENT,
                0,
                letter(1)
            ));
            assert_noop!(
                Corrections::disagree(signed("owner"), PATIENT, 0, Cid([0; 36])),
                Error::<Test>::MalformedLetter
            );
            assert_ok!(disagree("owner"));
            assert_noop!(disagree("owner"), Error::<Test>::NotDenied);
        });
    }
}

mod rebut {
    use super::*;

    fn rebut(name: &str) -> DispatchResult {
        Corrections::rebut(signed(name), PATIENT, 0, letter(3))
    }

    #[test]
    fn is_the_last_word() {
        denied(|| {
            assert_ok!(Corrections::disagree(
                signed("owner"),
                PATIENT,
                0,
                letter(2)
            ));
            for name in NOT_RESPONDERS {
                assert_noop!(rebut(name), Error::<Test>::NotResponder);
            }
            assert_noop!(
                Corrections::rebut(signed("physician"), PATIENT, 0, Cid([0; 36])),
                Error::<Test>::MalformedLetter
            );
            assert_ok!(rebut("hospital-admin"));
            assert_eq!(
                row(0).state,
                CorrectionState::Rebutted {
                    denial: letter(1),
                    disagreement: letter(2),
                    letter: letter(3)
                }
            );
            assert_eq!(
                last_event(),
                Event::CorrectionRebutted {
                    patient: PATIENT,
                    actor: account("hospital-admin"),
                    correction: 0,
                    record: WRONG,
                    letter: letter(3),
                }
            );
            assert_noop!(rebut("physician"), Error::<Test>::NotDisagreed);
        });
    }

    #[test]
    fn only_a_disagreement() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(rebut("physician"), Error::<Test>::NotFound);
            assert_ok!(ask("owner", WRONG));
            assert_noop!(rebut("physician"), Error::<Test>::NotDisagreed);
            assert_ok!(Corrections::deny(
                signed("physician"),
                PATIENT,
                0,
                letter(1)
            ));
            assert_noop!(rebut("physician"), Error::<Test>::NotDisagreed);
        });
    }
}

mod extend {
    use super::*;

    fn extend(name: &str) -> DispatchResult {
        Corrections::extend(signed(name), PATIENT, 0)
    }

    #[test]
    fn adds_30_days_once_until_the_last_millisecond() {
        asked(|| {
            set_now(START + ANSWER_WITHIN - 1);
            assert_ok!(extend("physician"));
            assert_eq!((row(0).due_at, row(0).extended), (START + 90 * DAY, true));
            assert_eq!(ANSWER_WITHIN + EXTENSION, 90 * DAY);
            assert_eq!(
                last_event(),
                Event::CorrectionExtended {
                    patient: PATIENT,
                    actor: account("physician"),
                    correction: 0,
                    record: WRONG,
                    due_at: START + 90 * DAY,
                }
            );
            assert_noop!(extend("hospital-admin"), Error::<Test>::AlreadyExtended);
        });
    }

    #[test]
    fn not_when_the_answer_is_due() {
        asked(|| {
            set_now(START + ANSWER_WITHIN);
            assert_noop!(extend("physician"), Error::<Test>::Overdue);
        });
    }

    #[test]
    fn only_by_responders_of_a_known_request() {
        asked(|| {
            for name in NOT_RESPONDERS {
                assert_noop!(extend(name), Error::<Test>::NotResponder);
            }
            let unknown = Corrections::extend(signed("physician"), PATIENT, 1);
            assert_noop!(unknown, Error::<Test>::NotFound);
        });
    }
}

mod make {
    use super::*;

    fn make(name: &str, record: RecordIndex, replacement: RecordIndex) -> DispatchResult {
        Corrections::make(signed(name), PATIENT, record, replacement)
    }

    #[test]
    fn links_the_records_and_needs_no_request() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(make("physician", WRONG, BY_COLLEAGUE));
            assert_eq!(record(WRONG).corrected_by, Some(BY_COLLEAGUE));
            assert!(Corrections::corrections(&PATIENT, 0, 9).is_empty());
            assert_eq!(
                last_event(),
                Event::CorrectionMade {
                    patient: PATIENT,
                    actor: account("physician"),
                    record: WRONG,
                    replacement: BY_COLLEAGUE,
                }
            );
            assert_noop!(make("physician", WRONG, RIGHT), Error::<Test>::NotNewest);
        });
    }

    #[test]
    fn only_responders_may() {
        ExtBuilder.build_and_execute(|| {
            for name in NOT_RESPONDERS {
                assert_noop!(make(name, WRONG, RIGHT), Error::<Test>::NotResponder);
            }
            assert_ok!(make("owner", NOTE, BETTER_NOTE));
            assert_ok!(make("hospital-admin", WRONG, RIGHT));
        });
    }

    #[test]
    fn every_wrong_argument_is_refused() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(make("physician", 99, RIGHT), Error::<Test>::RecordNotFound);
            assert_noop!(
                make("physician", WRONG, 99),
                Error::<Test>::ReplacementNotFound
            );
            assert_noop!(
                make("physician", WRONG, NOTE),
                Error::<Test>::ForeignReplacement
            );
            assert_noop!(make("physician", WRONG, WRONG), LINK_REFUSED);
            assert_ok!(ask("owner", WRONG));
            assert_noop!(
                make("physician", WRONG, RIGHT),
                Error::<Test>::AlreadyRequested
            );
            erase(RIGHT);
            assert_noop!(
                make("physician", RIGHT, BY_COLLEAGUE),
                Error::<Test>::RecordErased
            );
        });
    }
}

mod name_successor {
    use super::*;

    #[test]
    fn is_for_governance_alone() {
        ExtBuilder.build_and_execute(|| {
            for name in ["hospital-admin", "successor-admin", "owner"] {
                assert_noop!(
                    Corrections::name_successor(signed(name), HOSPITAL, SUCCESSOR),
                    BadOrigin
                );
            }
            assert_ok!(Corrections::name_successor(
                RuntimeOrigin::root(),
                HOSPITAL,
                SUCCESSOR
            ));
            let named = Event::SuccessorNamed {
                organisation: HOSPITAL,
                successor: SUCCESSOR,
            };
            assert_eq!(last_event(), named);
            assert!(Entries::get().is_empty());
        });
    }

    #[test]
    fn another_takes_the_place_of_a_successor_named_before() {
        asked(|| {
            suspend(HOSPITAL);
            for successor in [SUCCESSOR, CLINIC] {
                let root = RuntimeOrigin::root();
                assert_ok!(Corrections::name_successor(root, HOSPITAL, successor));
            }
            let deny = |name| Corrections::deny(signed(name), PATIENT, 0, letter(1));
            assert_noop!(deny("successor-admin"), Error::<Test>::NotResponder);
            assert_ok!(deny("clinic-admin"));
        });
    }

    #[test]
    fn an_organisation_without_standing_or_itself_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let name =
                |successor| Corrections::name_successor(RuntimeOrigin::root(), HOSPITAL, successor);
            assert_noop!(name(HOSPITAL), Error::<Test>::SameOrganisation);
            assert_noop!(name(99), Error::<Test>::SuccessorNotActive);
            suspend(SUCCESSOR);
            assert_noop!(name(SUCCESSOR), Error::<Test>::SuccessorNotActive);
        });
    }
}

mod api {
    use super::*;

    fn letter_of(
        stage: LetterStage,
        reader: &str,
    ) -> Option<(Cid, salus_primitives::AccountId, bool)> {
        Corrections::correction_letter(&PATIENT, 0, stage, &account(reader))
    }

    #[test]
    fn requests_are_listed_in_pages() {
        ExtBuilder.build_and_execute(|| {
            for index in [WRONG, NOTE, BY_CLINIC] {
                assert_ok!(ask("owner", index));
            }
            let page = |from, limit| -> Vec<RecordIndex> {
                Corrections::corrections(&PATIENT, from, limit)
                    .into_iter()
                    .map(|(_, row)| row.record)
                    .collect()
            };
            assert_eq!(page(0, MAX_PAGE), [WRONG, NOTE, BY_CLINIC]);
            assert_eq!(page(1, 1), [NOTE]);
            assert!(page(3, u32::MAX).is_empty());
        });
    }

    #[test]
    fn each_letter_has_its_own_author() {
        denied(|| {
            assert_ok!(Corrections::disagree(
                signed("guardian"),
                PATIENT,
                0,
                letter(2)
            ));
            assert_ok!(Corrections::rebut(
                signed("hospital-admin"),
                PATIENT,
                0,
                letter(3)
            ));
            for (stage, n, author) in [
                (LetterStage::Request, 0, "owner"),
                (LetterStage::Answer, 1, "physician"),
                (LetterStage::Disagreement, 2, "guardian"),
                (LetterStage::Rebuttal, 3, "hospital-admin"),
            ] {
                assert_eq!(
                    letter_of(stage, "owner"),
                    Some((letter(n), account(author), true))
                );
                assert!(Corrections::references(&PATIENT, &letter(n)));
                assert!(!Corrections::references(&OTHER_PATIENT, &letter(n)));
            }
            assert!(!Corrections::references(&PATIENT, &letter(4)));
            assert_eq!(LetterAuthors::<Test>::iter().count(), 2);
        });
    }

    #[test]
    fn letters_are_for_controllers_and_responders() {
        asked(|| {
            for (reader, may) in [
                ("owner", true),
                ("guardian", true),
                ("carer", true),
                ("physician", true),
                ("hospital-admin", true),
                ("nurse", false),
                ("clinic-admin", false),
                ("successor-admin", false),
                ("other-owner", false),
                ("stranger", false),
            ] {
                let (_, _, answer) = letter_of(LetterStage::Request, reader).unwrap();
                assert_eq!(answer, may, "{reader}");
            }
            leave("physician");
            assert!(!letter_of(LetterStage::Request, "physician").unwrap().2);
        });
    }

    #[test]
    fn a_letter_that_was_not_written_is_not_there() {
        asked(|| {
            for stage in [
                LetterStage::Answer,
                LetterStage::Disagreement,
                LetterStage::Rebuttal,
            ] {
                assert_eq!(letter_of(stage, "owner"), None);
            }
            assert_ok!(Corrections::accept(signed("physician"), PATIENT, 0, RIGHT));
            assert_eq!(letter_of(LetterStage::Answer, "owner"), None);
        });
    }

    #[test]
    fn the_letter_of_a_part_acceptance_is_the_answer() {
        asked(|| {
            let physician = signed("physician");
            assert_ok!(Corrections::partly_accept(
                physician,
                PATIENT,
                0,
                RIGHT,
                letter(1)
            ));
            let answer = Some((letter(1), account("physician"), true));
            assert_eq!(letter_of(LetterStage::Answer, "owner"), answer);
        });
    }
}
