//! One module per call, then the predicate, the views and the sweep.

use codec::Encode;
use frame_support::{assert_noop, assert_ok, assert_storage_noop, traits::Hooks, weights::Weight};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::{Consent as _, Granting, OnSuccession},
    AccountId, Balance, Basis, Cid, GrantIndex, GrantTerms, Grantee, Member, Moment, OrgId,
    PatientId, Purpose, RecordIndex, RecordState, Reference, RequestIndex, RequestState, Rights,
    Scope,
};
use sp_runtime::{DispatchError::BadOrigin, TokenError};

use crate::{
    mock::*, EnvelopesIn, Error, Event, Expiries, Grants, GrantsTo, KeyHolders, NextGrant,
    NextRequest, PendingRequests, Requests, SweepAt, WeightInfo, Writers, MAX_ENVELOPES,
    MAX_HOLDERS_READ, MAX_SWEEP, MAX_WRITERS,
};

const LETTER: fn() -> Cid = || cid(200);
const ENVELOPE: fn() -> Cid = || cid(201);
const NOT_A_CID: Cid = Cid([0; 36]);

fn by(account: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account)
}

/// To read and to write.
fn writing() -> GrantTerms {
    GrantTerms {
        rights: Rights::ReadWrite,
        ..terms()
    }
}

/// Calls without their post-dispatch info, so that `assert_noop!` compares the error alone.
mod calls {
    use super::*;
    use frame_support::dispatch::DispatchResultWithPostInfo;
    use sp_runtime::DispatchResult;

    fn plain(result: DispatchResultWithPostInfo) -> DispatchResult {
        result.map(|_| ()).map_err(|refused| refused.error)
    }

    pub fn request(
        origin: RuntimeOrigin,
        patient: PatientId,
        purpose: Purpose,
        duration: Moment,
        letter: Cid,
        offer: Option<Balance>,
    ) -> DispatchResult {
        let call = Consent::request(origin, patient, purpose, duration, letter, offer);
        plain(call)
    }

    pub fn approve(
        origin: RuntimeOrigin,
        patient: PatientId,
        request: RequestIndex,
        terms: GrantTerms,
        envelope: Option<Cid>,
    ) -> DispatchResult {
        plain(Consent::approve(origin, patient, request, terms, envelope))
    }

    pub fn grant(
        origin: RuntimeOrigin,
        patient: PatientId,
        terms: GrantTerms,
        envelope: Option<Cid>,
    ) -> DispatchResult {
        plain(Consent::grant(origin, patient, terms, envelope))
    }

    pub fn sweep(limit: u32) -> DispatchResult {
        plain(Consent::sweep(by(STRANGER), limit))
    }
}

fn ask(who: AccountId) -> RequestIndex {
    let index = NextRequest::<Test>::get(PATIENT);
    assert_ok!(calls::request(
        by(who),
        PATIENT,
        Purpose::Treat,
        7 * DAY,
        LETTER(),
        None
    ));
    index
}

fn share(terms: GrantTerms) -> GrantIndex {
    let index = NextGrant::<Test>::get(PATIENT);
    assert_ok!(calls::grant(by(OWNER), PATIENT, terms, None));
    index
}

fn reads(who: AccountId, grant: GrantIndex, records: &[RecordIndex]) -> bool {
    Consent::may_read(&PATIENT, grant, &who, records, now())
}

fn last_event() -> Event<Test> {
    let RuntimeEvent::Consent(event) = System::events().pop().expect("an event").event else {
        panic!("another pallet's event");
    };
    event
}

fn advance(by: Moment) {
    set_now(now() + by);
}

/// The patient changes hands now.
fn succeed() {
    with(|w| w.decided_since.insert(PATIENT, w.now));
    <Consent as OnSuccession<_>>::on_succession(PATIENT, &OWNER);
}

/// Returns what a refused call cost; none for all that was declared.
fn refusal(call: frame_support::dispatch::DispatchResultWithPostInfo) -> Option<Weight> {
    call.expect_err("refused").post_info.actual_weight
}

mod request {
    use super::*;

    #[test]
    fn request_is_kept_and_told() {
        ExtBuilder.build_and_execute(|| {
            assert_eq!(ask(DOCTOR), 0);
            assert_eq!(
                last_event(),
                Event::AccessRequested {
                    patient: PATIENT,
                    actor: DOCTOR,
                    organisation: HOSPITAL,
                    request: 0,
                    purpose: Purpose::Treat,
                    duration: 7 * DAY,
                    letter: LETTER(),
                }
            );
            let row = Consent::request_view(&PATIENT, 0).unwrap();
            assert_eq!(row.state, RequestState::Pending);
            assert_eq!((row.asked_at, row.expires_at), (START, START + 30 * DAY));
            assert_eq!(ask(SERVICE), 1);
            assert_eq!(Consent::requests(&PATIENT, 1, 9).len(), 1);
        });
    }

    #[test]
    fn only_clinicians_in_good_standing_can_ask() {
        ExtBuilder.build_and_execute(|| {
            with(|w| w.suspended.push(1));
            for who in [OWNER, CARER, ADMIN, STRANGER, INSURER] {
                assert_noop!(
                    calls::request(by(who), PATIENT, Purpose::Treat, DAY, LETTER(), None),
                    Error::<Test>::NotAClinician
                );
            }
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(
                    calls::request(origin, PATIENT, Purpose::Treat, DAY, LETTER(), None),
                    BadOrigin
                );
            }
        });
    }

    #[test]
    fn malformed_requests_are_turned_away() {
        ExtBuilder.build_and_execute(|| {
            let request = |patient, duration, letter| {
                calls::request(by(DOCTOR), patient, Purpose::Treat, duration, letter, None)
            };
            assert_noop!(
                request(UNKNOWN_PATIENT, DAY, LETTER()),
                Error::<Test>::PatientNotFound
            );
            for duration in [0, MaxGrantDuration::get() + 1, Moment::MAX] {
                assert_noop!(
                    request(PATIENT, duration, LETTER()),
                    Error::<Test>::InvalidDuration
                );
            }
            assert_noop!(
                request(PATIENT, DAY, NOT_A_CID),
                Error::<Test>::MalformedCid
            );
            assert_ok!(request(PATIENT, MaxGrantDuration::get(), LETTER()));
            NextRequest::<Test>::insert(PATIENT, u32::MAX);
            assert_noop!(
                request(PATIENT, DAY, LETTER()),
                Error::<Test>::IndexExhausted
            );
        });
    }

    fn is_full(who: AccountId) -> bool {
        frame_support::storage::with_storage_layer(|| {
            let call = calls::request(by(who), PATIENT, Purpose::Treat, DAY, LETTER(), None);
            Err::<(), _>(call.err().unwrap_or(BadOrigin))
        }) == Err(Error::<Test>::TooManyPending.into())
    }

    #[test]
    fn pending_requests_are_capped_per_organisation_and_patient() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..16 {
                assert!(!is_full(COLLEAGUE));
                ask(DOCTOR);
            }
            assert!(is_full(DOCTOR) && is_full(COLLEAGUE));
            assert!(!is_full(INSURER));
            assert_noop!(
                calls::request(by(DOCTOR), PATIENT, Purpose::Treat, DAY, LETTER(), None),
                Error::<Test>::TooManyPending
            );
            assert_ok!(calls::request(
                by(DOCTOR),
                OTHER_PATIENT,
                Purpose::Treat,
                DAY,
                LETTER(),
                None
            ));
        });
    }

    #[test]
    fn every_answer_frees_a_place() {
        ExtBuilder.build_and_execute(|| {
            let fill = || {
                while !is_full(DOCTOR) {
                    ask(DOCTOR);
                }
            };
            fill();
            assert_ok!(Consent::withdraw_request(by(DOCTOR), PATIENT, 0));
            assert!(!is_full(DOCTOR));
            fill();
            assert_ok!(Consent::decline(by(CARER), PATIENT, 1));
            assert!(!is_full(DOCTOR));
            fill();
            assert_ok!(calls::approve(by(OWNER), PATIENT, 2, terms(), None));
            assert!(!is_full(DOCTOR));
            fill();
        });
    }

    #[test]
    fn what_an_organisation_writes_into_a_trail_is_spent_by_asking_and_taking_back() {
        ExtBuilder.build_and_execute(|| {
            let left = || with(|w| w.entries[&(PATIENT, HOSPITAL)]);
            with(|w| w.entries.insert((PATIENT, HOSPITAL), 65));
            ask(DOCTOR);
            assert_eq!(left(), 33);
            ask(COLLEAGUE);
            assert_eq!(left(), 1);
            let ask = |patient, who| {
                calls::request(by(who), patient, Purpose::Treat, DAY, LETTER(), None)
            };
            assert_noop!(ask(PATIENT, SERVICE), sp_runtime::DispatchError::Exhausted);
            assert_ok!(Consent::withdraw_request(by(DOCTOR), PATIENT, 0));
            assert_eq!(left(), 0);
            assert_noop!(
                Consent::withdraw_request(by(COLLEAGUE), PATIENT, 1),
                sp_runtime::DispatchError::Exhausted
            );
            // Neither other organisations nor other patients are touched, nor do answers cost any.
            assert_ok!(ask(PATIENT, INSURER));
            assert_ok!(ask(OTHER_PATIENT, DOCTOR));
            assert_ok!(Consent::decline(by(CARER), PATIENT, 1));
        });
    }

    #[test]
    fn what_is_refused_spends_nothing_and_costs_little() {
        ExtBuilder.build_and_execute(|| {
            with(|w| w.entries.insert((PATIENT, HOSPITAL), 32));
            let request = |duration| {
                Consent::request(
                    by(DOCTOR),
                    PATIENT,
                    Purpose::Treat,
                    duration,
                    LETTER(),
                    None,
                )
            };
            assert_eq!(refusal(request(0)), Some(<() as WeightInfo>::refused()));
            assert_eq!(with(|w| w.entries[&(PATIENT, HOSPITAL)]), 32);
            assert_ok!(request(DAY));
        });
    }

    #[test]
    fn lapsed_requests_free_their_places_at_their_instant() {
        ExtBuilder.build_and_execute(|| {
            while !is_full(DOCTOR) {
                ask(DOCTOR);
            }
            set_now(START + RequestLifetime::get() - 1);
            assert!(is_full(DOCTOR));
            advance(1);
            ask(DOCTOR);
            assert_eq!(PendingRequests::<Test>::get(PATIENT, HOSPITAL).len(), 1);
        });
    }
}

mod offers {
    use super::*;

    const AMOUNT: Balance = 5;

    /// The doctor asks, and offers something.
    fn ask_for_pay() {
        let offer = Some(AMOUNT);
        let call = calls::request(by(DOCTOR), PATIENT, Purpose::Treat, DAY, LETTER(), offer);
        assert_ok!(call);
    }

    /// What is left of the doctor's 100 credits, and what is offered for request 0.
    fn left() -> (Balance, Option<Balance>) {
        let offered = with(|w| w.offers.get(&(PATIENT, 0)).map(|(_, amount, _)| *amount));
        (credits(&DOCTOR), offered)
    }

    #[test]
    fn an_offer_is_set_aside_until_the_request_lapses() {
        ExtBuilder.build_and_execute(|| {
            ask_for_pay();
            assert_eq!(left(), (95, Some(AMOUNT)));
            let offer = with(|w| w.offers.get(&(PATIENT, 0)).cloned());
            assert_eq!(
                offer,
                Some((DOCTOR, AMOUNT, START + RequestLifetime::get()))
            );
            ask(DOCTOR);
            assert_eq!(with(|w| w.offers.len()), 1);
        });
    }

    #[test]
    fn nobody_asks_with_more_than_they_have() {
        ExtBuilder.build_and_execute(|| {
            let request =
                |who, offer| calls::request(by(who), PATIENT, Purpose::Treat, DAY, LETTER(), offer);
            assert_noop!(request(DOCTOR, Some(101)), TokenError::FundsUnavailable);
            assert_noop!(request(INSURER, Some(1)), TokenError::FundsUnavailable);
            assert!(Requests::<Test>::iter().next().is_none());
        });
    }

    #[test]
    fn who_approves_is_paid() {
        ExtBuilder.build_and_execute(|| {
            ask_for_pay();
            assert_ok!(calls::approve(by(GUARDIAN), PATIENT, 0, terms(), None));
            assert_eq!(left(), (95, None));
            assert_eq!((credits(&GUARDIAN), credits(&OWNER)), (AMOUNT, 0));
        });
    }

    #[test]
    fn who_does_not_decide_takes_no_pay_and_can_decline() {
        ExtBuilder.build_and_execute(|| {
            ask_for_pay();
            let approve =
                |who, request| calls::approve(by(who), PATIENT, request, terms(), Some(ENVELOPE()));
            assert_noop!(approve(CARER, 0), Error::<Test>::OfferNotYours);
            for who in [DOCTOR, ADMIN, STRANGER, OTHER_OWNER] {
                assert_noop!(approve(who, 0), BadOrigin);
            }
            assert_eq!(left(), (95, Some(AMOUNT)));
            // Beside it, one without an offer is answered as ever.
            ask(DOCTOR);
            assert_ok!(approve(CARER, 1));
            assert_ok!(Consent::decline(by(CARER), PATIENT, 0));
            assert_eq!(left(), (100, None));
            assert_eq!(credits(&CARER), 0);
        });
    }

    #[test]
    fn an_approval_that_fails_pays_nothing() {
        ExtBuilder.build_and_execute(|| {
            ask_for_pay();
            let purpose = Purpose::HResch;
            let other = GrantTerms { purpose, ..terms() };
            assert_noop!(
                calls::approve(by(OWNER), PATIENT, 0, other, None),
                Error::<Test>::PurposeDiffers
            );
            assert_eq!(left(), (95, Some(AMOUNT)));
            assert_eq!(credits(&OWNER), 0);
        });
    }

    #[test]
    fn declined_or_withdrawn_it_goes_back() {
        ExtBuilder.build_and_execute(|| {
            ask_for_pay();
            assert_ok!(Consent::decline(by(CARER), PATIENT, 0));
            assert_eq!(left(), (100, None));
        });
        ExtBuilder.build_and_execute(|| {
            ask_for_pay();
            assert_ok!(Consent::withdraw_request(by(DOCTOR), PATIENT, 0));
            assert_eq!(left(), (100, None));
        });
    }

    #[test]
    fn nobody_is_paid_for_a_request_that_has_lapsed() {
        ExtBuilder.build_and_execute(|| {
            ask_for_pay();
            advance(RequestLifetime::get());
            assert_noop!(
                calls::approve(by(OWNER), PATIENT, 0, terms(), None),
                Error::<Test>::RequestLapsed
            );
            assert_eq!(left(), (95, Some(AMOUNT)));
        });
    }
}

mod withdraw_request {
    use super::*;

    #[test]
    fn requester_withdraws() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            assert_ok!(Consent::withdraw_request(by(DOCTOR), PATIENT, 0));
            assert_eq!(
                last_event(),
                Event::RequestWithdrawn {
                    patient: PATIENT,
                    actor: DOCTOR,
                    request: 0
                }
            );
            assert!(!PendingRequests::<Test>::contains_key(PATIENT, HOSPITAL));
            assert_noop!(
                Consent::withdraw_request(by(DOCTOR), PATIENT, 0),
                Error::<Test>::AlreadyAnswered
            );
        });
    }

    #[test]
    fn nobody_else_withdraws() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            let other_admin = AccountId::new([50; 32]);
            let organisation = INSURANCE;
            with(|w| {
                w.members
                    .insert(other_admin.clone(), Member::Admin { organisation })
            });
            for who in [COLLEAGUE, OWNER, CARER, STRANGER, SERVICE, other_admin] {
                assert_noop!(
                    Consent::withdraw_request(by(who), PATIENT, 0),
                    Error::<Test>::NotRequester
                );
            }
            with(|w| w.suspended.push(HOSPITAL));
            assert_noop!(
                Consent::withdraw_request(by(DOCTOR), PATIENT, 0),
                Error::<Test>::NotAClinician
            );
        });
    }

    /// Otherwise one clinician could take all places of an organisation, and leave.
    #[test]
    fn admin_takes_back_what_a_clinician_asked_who_has_left() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..16 {
                ask(DOCTOR);
            }
            let ask_too =
                || calls::request(by(COLLEAGUE), PATIENT, Purpose::Treat, DAY, LETTER(), None);
            assert_noop!(ask_too(), Error::<Test>::TooManyPending);
            with(|w| w.members.remove(&DOCTOR));
            assert_noop!(
                Consent::withdraw_request(by(DOCTOR), PATIENT, 0),
                Error::<Test>::NotAClinician
            );
            with(|w| w.entries.insert((PATIENT, HOSPITAL), 33));
            assert_ok!(Consent::withdraw_request(by(ADMIN), PATIENT, 0));
            assert_eq!(
                last_event(),
                Event::RequestWithdrawn {
                    patient: PATIENT,
                    actor: ADMIN,
                    request: 0
                }
            );
            assert_ok!(ask_too());
            assert_noop!(
                Consent::withdraw_request(by(ADMIN), PATIENT, 1),
                sp_runtime::DispatchError::Exhausted
            );
        });
    }

    #[test]
    fn unknown_and_lapsed_requests_are_not_withdrawn() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            assert_noop!(
                Consent::withdraw_request(by(DOCTOR), OTHER_PATIENT, 0),
                Error::<Test>::RequestNotFound
            );
            set_now(START + RequestLifetime::get());
            assert_noop!(
                Consent::withdraw_request(by(DOCTOR), PATIENT, 0),
                Error::<Test>::RequestLapsed
            );
        });
    }
}

mod succession {
    use super::*;

    const NEW_OWNER: AccountId = AccountId::new([50; 32]);

    /// The patient changes hands, and has one controller.
    fn hand_over() {
        with(|w| {
            w.controllers.retain(|(of, _), _| *of != PATIENT);
            w.controllers.insert(
                (PATIENT, NEW_OWNER),
                salus_primitives::ControllerRole::Owner,
            );
        });
        succeed();
    }

    #[test]
    fn what_asked_former_deciders_is_not_approved_and_can_be_taken_back() {
        ExtBuilder.build_and_execute(|| {
            let offer = Some(5);
            let call = calls::request(by(DOCTOR), PATIENT, Purpose::Treat, DAY, LETTER(), offer);
            assert_ok!(call);
            advance(1);
            hand_over();
            let brief = GrantTerms {
                expires_at: now() + HOUR,
                ..terms()
            };
            assert_noop!(
                calls::approve(by(NEW_OWNER), PATIENT, 0, brief, None),
                Error::<Test>::RequestLapsed
            );
            assert_eq!(credits(&DOCTOR), 95);
            assert_ok!(Consent::withdraw_request(by(DOCTOR), PATIENT, 0));
            assert_eq!(credits(&DOCTOR), 100);
            assert_eq!(credits(&NEW_OWNER), 0);
        });
    }

    #[test]
    fn what_asked_former_deciders_is_declined_by_who_decides_now() {
        ExtBuilder.build_and_execute(|| {
            let offer = Some(5);
            let call = calls::request(by(DOCTOR), PATIENT, Purpose::Treat, DAY, LETTER(), offer);
            assert_ok!(call);
            advance(1);
            hand_over();
            for former in [OWNER, GUARDIAN, CARER] {
                assert_noop!(Consent::decline(by(former), PATIENT, 0), BadOrigin);
            }
            assert_ok!(Consent::decline(by(NEW_OWNER), PATIENT, 0));
            assert_eq!(
                last_event(),
                Event::RequestDeclined {
                    patient: PATIENT,
                    actor: NEW_OWNER,
                    request: 0
                }
            );
            assert_eq!(credits(&DOCTOR), 100);
            assert!(!PendingRequests::<Test>::contains_key(PATIENT, HOSPITAL));
            assert_noop!(
                Consent::decline(by(NEW_OWNER), PATIENT, 0),
                Error::<Test>::AlreadyAnswered
            );
        });
    }

    #[test]
    fn what_asked_former_deciders_takes_no_place_of_who_asks_now() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..16 {
                ask(DOCTOR);
            }
            advance(1);
            hand_over();
            for _ in 0..16 {
                ask(COLLEAGUE);
            }
            let waiting = || PendingRequests::<Test>::get(PATIENT, HOSPITAL).into_inner();
            let requests: Vec<_> = waiting().iter().map(|asked| asked.request).collect();
            assert_eq!(requests, (16..32).collect::<Vec<_>>());
            assert_noop!(
                calls::request(by(DOCTOR), PATIENT, Purpose::Treat, DAY, LETTER(), None),
                Error::<Test>::TooManyPending
            );
            // The old ones can be ended as ever, and free no place: they took none.
            assert_ok!(Consent::withdraw_request(by(DOCTOR), PATIENT, 0));
            assert_ok!(Consent::decline(by(NEW_OWNER), PATIENT, 1));
            assert_eq!(waiting().len(), 16);
        });
    }

    #[test]
    fn what_is_asked_from_then_on_is_answered_by_who_decides_then() {
        ExtBuilder.build_and_execute(|| {
            hand_over();
            ask(DOCTOR);
            for former in [OWNER, GUARDIAN, CARER] {
                assert_noop!(Consent::decline(by(former), PATIENT, 0), BadOrigin);
            }
            assert_ok!(calls::approve(by(NEW_OWNER), PATIENT, 0, terms(), None));
        });
    }

    fn writes(grant: GrantIndex) -> bool {
        Consent::may_write(&PATIENT, grant, &DOCTOR).is_some()
    }

    #[test]
    fn who_writes_by_the_word_of_former_deciders_writes_no_more_and_who_reads_goes_on() {
        ExtBuilder.build_and_execute(|| {
            let read = share(terms());
            let write = share(GrantTerms {
                scope: compartments(&[]),
                rights: Rights::Write,
                ..terms()
            });
            let both = share(writing());
            let begins_later = share(GrantTerms {
                starts_at: Some(START + DAY),
                ..writing()
            });
            assert_ok!(calls::grant(
                by(OTHER_OWNER),
                OTHER_PATIENT,
                writing(),
                None
            ));
            advance(HOUR);
            System::reset_events();
            hand_over();
            let revoked = |grant| {
                RuntimeEvent::Consent(Event::Revoked {
                    patient: PATIENT,
                    actor: OWNER,
                    grant,
                })
            };
            let events: Vec<_> = System::events().into_iter().map(|e| e.event).collect();
            assert_eq!(events, [write, both, begins_later].map(revoked));
            assert!(!writes(write) && !writes(both));
            assert!(reads(DOCTOR, read, &[1]) && !reads(DOCTOR, both, &[1]));
            set_now(START + DAY);
            assert!(!writes(begins_later));
            assert!(Consent::may_write(&OTHER_PATIENT, 0, &DOCTOR).is_some());
            assert!(!Writers::<Test>::contains_key(PATIENT));
            // Whoever comes after lets write as before.
            let grant = NextGrant::<Test>::get(PATIENT);
            assert_ok!(calls::grant(by(NEW_OWNER), PATIENT, writing(), None));
            assert!(writes(grant));
        });
    }

    #[test]
    fn what_had_ended_does_not_end_again() {
        ExtBuilder.build_and_execute(|| {
            let revoked = share(writing());
            share(GrantTerms {
                expires_at: START + HOUR,
                ..writing()
            });
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, revoked));
            set_now(START + HOUR);
            System::reset_events();
            hand_over();
            assert!(System::events().is_empty());
        });
    }

    #[test]
    fn at_most_64_write_at_once_so_that_all_of_them_can_be_ended() {
        ExtBuilder.build_and_execute(|| {
            for n in 0..MAX_WRITERS {
                share(GrantTerms {
                    expires_at: START + DAY + Moment::from(n),
                    ..writing()
                });
            }
            let full = || {
                assert_noop!(
                    calls::grant(by(OWNER), PATIENT, writing(), None),
                    Error::<Test>::TooManyWriters
                );
            };
            full();
            // Readers are not counted; who ends makes room, by hand or by the clock.
            share(terms());
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, 7));
            share(writing());
            full();
            set_now(START + DAY);
            share(writing());
            full();
            hand_over();
            let live = Grants::<Test>::iter_prefix_values(PATIENT)
                .filter(|row| row.rights.write() && !crate::predicate::has_ended(row, now()));
            assert_eq!(live.count(), 0);
        });
    }
}

mod decline {
    use super::*;

    #[test]
    fn every_controller_can_decline() {
        ExtBuilder.build_and_execute(|| {
            for (request, who) in [OWNER, GUARDIAN, CARER].into_iter().enumerate() {
                let request = request as RequestIndex;
                ask(DOCTOR);
                assert_ok!(Consent::decline(by(who.clone()), PATIENT, request));
                assert_eq!(
                    last_event(),
                    Event::RequestDeclined {
                        patient: PATIENT,
                        actor: who,
                        request
                    }
                );
            }
        });
    }

    #[test]
    fn others_cannot_decline() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            for who in [DOCTOR, ADMIN, STRANGER, OTHER_OWNER] {
                assert_noop!(Consent::decline(by(who), PATIENT, 0), BadOrigin);
            }
        });
    }

    #[test]
    fn closed_unknown_and_lapsed_requests_are_not_declined() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            assert_noop!(
                Consent::decline(by(OWNER), PATIENT, 1),
                Error::<Test>::RequestNotFound
            );
            assert_ok!(Consent::decline(by(OWNER), PATIENT, 0));
            assert_noop!(
                Consent::decline(by(OWNER), PATIENT, 0),
                Error::<Test>::AlreadyAnswered
            );
            ask(DOCTOR);
            set_now(START + RequestLifetime::get() - 1);
            assert_ok!(Consent::decline(by(OWNER), PATIENT, 1));
            ask(DOCTOR);
            advance(RequestLifetime::get());
            assert_noop!(
                Consent::decline(by(OWNER), PATIENT, 2),
                Error::<Test>::RequestLapsed
            );
        });
    }
}

mod approve {
    use super::*;

    #[test]
    fn carer_approves_part_of_what_was_asked() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            let envelope = Some(ENVELOPE());
            assert_ok!(calls::approve(by(CARER), PATIENT, 0, terms(), envelope));
            assert_eq!(
                Requests::<Test>::get(PATIENT, 0).unwrap().state,
                RequestState::Approved { grant: 0 }
            );
            let view = Consent::grant_view(&PATIENT, 0).unwrap();
            assert!(view.active);
            assert_eq!(view.envelopes, [ENVELOPE()]);
            assert_eq!(view.grant.granted_by, CARER);
            assert_eq!(view.grant.basis, Basis::Request(0));
            assert!(reads(DOCTOR, 0, &[1]));
            assert!(!PendingRequests::<Test>::contains_key(PATIENT, HOSPITAL));
            assert_noop!(
                calls::approve(by(OWNER), PATIENT, 0, terms(), None),
                Error::<Test>::AlreadyAnswered
            );
        });
    }

    #[test]
    fn approval_goes_to_the_requester_or_its_organisation_only() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            let elsewhere = Grantee::Clinician {
                account: DOCTOR,
                organisation: INSURANCE,
            };
            for grantee in [
                clinician(COLLEAGUE),
                elsewhere,
                Grantee::Organisation(INSURANCE),
            ] {
                let terms = GrantTerms { grantee, ..terms() };
                assert_noop!(
                    calls::approve(by(OWNER), PATIENT, 0, terms, None),
                    Error::<Test>::GranteeNotRequester
                );
            }
            let terms = GrantTerms {
                grantee: Grantee::Organisation(HOSPITAL),
                ..terms()
            };
            assert_ok!(calls::approve(by(OWNER), PATIENT, 0, terms, None));
        });
    }

    #[test]
    fn approval_keeps_the_purpose() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            let terms = GrantTerms {
                purpose: Purpose::HResch,
                ..terms()
            };
            assert_noop!(
                calls::approve(by(OWNER), PATIENT, 0, terms, None),
                Error::<Test>::PurposeDiffers
            );
        });
    }

    #[test]
    fn requester_who_moved_on_gets_nothing() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            move_to(DOCTOR, INSURANCE);
            assert_noop!(
                calls::approve(by(OWNER), PATIENT, 0, terms(), None),
                Error::<Test>::GranteeNotInGoodStanding
            );
        });
    }

    #[test]
    fn nobody_approves_their_own_request() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            for who in [DOCTOR, ADMIN, STRANGER, OTHER_OWNER] {
                assert_noop!(
                    calls::approve(by(who), PATIENT, 0, terms(), None),
                    BadOrigin
                );
            }
            assert_noop!(
                calls::approve(by(OTHER_OWNER), OTHER_PATIENT, 0, terms(), None),
                Error::<Test>::RequestNotFound
            );
        });
    }

    #[test]
    fn who_asked_does_not_approve_whatever_their_role() {
        use salus_primitives::ControllerRole::{Carer, Decider, Owner};
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            for role in [Owner, Decider, Carer] {
                with(|w| w.controllers.insert((PATIENT, DOCTOR), role));
                for grantee in [clinician(DOCTOR), Grantee::Organisation(HOSPITAL)] {
                    assert_noop!(
                        calls::approve(
                            by(DOCTOR),
                            PATIENT,
                            0,
                            GrantTerms { grantee, ..terms() },
                            None
                        ),
                        Error::<Test>::RequesterApproves
                    );
                }
            }
            assert_ok!(calls::approve(by(OWNER), PATIENT, 0, terms(), None));
        });
    }

    #[test]
    fn a_carer_who_belongs_to_the_organisation_that_asks_does_not_approve() {
        use salus_primitives::ControllerRole::{Carer, Decider};
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            for who in [COLLEAGUE, SERVICE, ADMIN] {
                with(|w| w.controllers.insert((PATIENT, who.clone()), Carer));
                assert_noop!(
                    calls::approve(by(who), PATIENT, 0, terms(), None),
                    Error::<Test>::RequesterApproves
                );
            }
            // Of another organisation, or as a guardian.
            with(|w| w.controllers.insert((PATIENT, INSURER), Carer));
            assert_ok!(calls::approve(by(INSURER), PATIENT, 0, terms(), None));
            ask(DOCTOR);
            with(|w| w.controllers.insert((PATIENT, COLLEAGUE), Decider));
            assert_ok!(calls::approve(by(COLLEAGUE), PATIENT, 1, terms(), None));
        });
    }

    #[test]
    fn a_carer_lets_read_no_longer_than_was_asked() {
        ExtBuilder.build_and_execute(|| {
            let approve =
                |who, request, terms| calls::approve(by(who), PATIENT, request, terms, None);
            ask(DOCTOR);
            for rights in [Rights::Write, Rights::ReadWrite] {
                let terms = GrantTerms { rights, ..terms() };
                assert_noop!(approve(CARER, 0, terms), Error::<Test>::MoreThanAsked);
            }
            let lasting = |starts_at, lasts| GrantTerms {
                starts_at,
                expires_at: starts_at.unwrap_or(START) + lasts,
                ..terms()
            };
            for starts_at in [None, Some(START + DAY)] {
                let terms = lasting(starts_at, 7 * DAY + 1);
                assert_noop!(approve(CARER, 0, terms), Error::<Test>::MoreThanAsked);
            }
            assert_ok!(approve(CARER, 0, lasting(Some(START + DAY), 7 * DAY)));
            // Those who decide give more if they like.
            ask(DOCTOR);
            let more = GrantTerms {
                rights: Rights::ReadWrite,
                ..lasting(None, 8 * DAY)
            };
            assert_ok!(approve(GUARDIAN, 1, more));
        });
    }

    #[test]
    fn nobody_approves_what_outlasts_their_role() {
        ExtBuilder.build_and_execute(|| {
            for who in [CARER, GUARDIAN] {
                let request = ask(DOCTOR);
                with(|w| w.for_a_time.insert(who.clone(), START + 7 * DAY - 1));
                assert_noop!(
                    calls::approve(by(who.clone()), PATIENT, request, terms(), None),
                    Error::<Test>::OutlastsOwnRole
                );
                with(|w| w.for_a_time.insert(who.clone(), START + 7 * DAY));
                assert_ok!(calls::approve(by(who), PATIENT, request, terms(), None));
            }
        });
    }

    #[test]
    fn what_is_refused_before_its_scope_is_looked_at_costs_little() {
        ExtBuilder.build_and_execute(|| {
            let early = Some(<() as WeightInfo>::refused());
            let approve = |who, request| Consent::approve(by(who), PATIENT, request, terms(), None);
            assert_eq!(refusal(approve(STRANGER, 0)), early);
            assert_eq!(refusal(approve(OWNER, 0)), early);
            let grant = |terms| Consent::grant(by(OWNER), PATIENT, terms, None);
            let late = GrantTerms {
                expires_at: START,
                ..terms()
            };
            assert_eq!(refusal(grant(late)), early);
            // Who names 32 things has them looked at, and that is not given back.
            let unknown = GrantTerms {
                scope: records(&(1_000..1_032).collect::<Vec<_>>()),
                ..terms()
            };
            assert_eq!(refusal(grant(unknown)), None);
            let full = <() as WeightInfo>::grant(32);
            assert!(early.is_some_and(|early| early.ref_time() < full.ref_time()));
            let sweep = Consent::sweep(by(STRANGER), MAX_SWEEP + 1);
            assert_eq!(refusal(sweep), Some(<() as WeightInfo>::sweep(0)));
        });
    }

    #[test]
    fn lapsed_request_is_not_approved() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            set_now(START + RequestLifetime::get());
            assert_noop!(
                calls::approve(by(OWNER), PATIENT, 0, terms(), None),
                Error::<Test>::RequestLapsed
            );
        });
    }
}

pub fn move_to(account: AccountId, organisation: OrgId) {
    let role = salus_primitives::ClinicianRole::Physician;
    let member = salus_primitives::Member::Clinician { organisation, role };
    with(|w| w.members.insert(account, member));
}

mod grant {
    use super::*;

    fn refused(terms: GrantTerms, error: Error<Test>) {
        assert_noop!(calls::grant(by(OWNER), PATIENT, terms, None), error);
    }

    #[test]
    fn grant_is_kept_told_and_found_by_its_grantee() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(calls::grant(by(OWNER), PATIENT, terms(), Some(ENVELOPE())));
            let events: Vec<_> = System::events().into_iter().map(|e| e.event).collect();
            assert_eq!(
                events,
                [
                    Event::Granted {
                        patient: PATIENT,
                        actor: OWNER,
                        grant: 0,
                        grantee: clinician(DOCTOR),
                        scope: compartments(&[LABORATORY]),
                        rights: Rights::Read,
                        purpose: Purpose::Treat,
                        starts_at: START,
                        expires_at: START + 7 * DAY,
                        basis: Basis::Direct,
                    }
                    .into(),
                    Event::EnvelopeDelivered {
                        patient: PATIENT,
                        actor: OWNER,
                        grant: 0,
                        envelope: ENVELOPE(),
                    }
                    .into()
                ]
            );
            let to_doctor = Consent::grants_to(&DOCTOR, None, 9);
            assert_eq!(
                (to_doctor.len(), to_doctor[0].0, to_doctor[0].1),
                (1, PATIENT, 0)
            );
            assert!(Consent::grants_to(&COLLEAGUE, None, 9).is_empty());
        });
    }

    #[test]
    fn only_owners_and_guardians_grant() {
        ExtBuilder.build_and_execute(|| {
            for who in [CARER, DOCTOR, ADMIN, STRANGER, OTHER_OWNER] {
                assert_noop!(calls::grant(by(who), PATIENT, terms(), None), BadOrigin);
            }
            for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
                assert_noop!(calls::grant(origin, PATIENT, terms(), None), BadOrigin);
            }
            assert_ok!(calls::grant(by(GUARDIAN), PATIENT, terms(), None));
        });
    }

    #[test]
    fn nobody_grants_what_outlasts_their_role() {
        ExtBuilder.build_and_execute(|| {
            let end = terms().expires_at;
            with(|w| w.for_a_time.insert(GUARDIAN, end - 1));
            assert_noop!(
                calls::grant(by(GUARDIAN), PATIENT, terms(), None),
                Error::<Test>::OutlastsOwnRole
            );
            with(|w| w.for_a_time.insert(GUARDIAN, end));
            assert_ok!(calls::grant(by(GUARDIAN), PATIENT, terms(), None));
            assert_ok!(calls::grant(by(OWNER), PATIENT, terms(), None));
        });
    }

    #[test]
    fn grantee_is_in_good_standing() {
        ExtBuilder.build_and_execute(|| {
            with(|w| w.suspended.push(INSURANCE));
            for grantee in [
                clinician(STRANGER),
                clinician(INSURER),
                Grantee::Organisation(INSURANCE),
                Grantee::Organisation(99),
            ] {
                refused(
                    GrantTerms { grantee, ..terms() },
                    Error::GranteeNotInGoodStanding,
                );
            }
        });
    }

    #[test]
    fn period_lies_ahead_and_is_bounded() {
        ExtBuilder.build_and_execute(|| {
            let period = |starts_at, expires_at| GrantTerms {
                starts_at,
                expires_at,
                ..terms()
            };
            refused(period(Some(START - 1), START + DAY), Error::StartsInPast);
            refused(period(None, START), Error::EmptyPeriod);
            refused(period(None, 0), Error::EmptyPeriod);
            refused(period(Some(START + 5), START + 5), Error::EmptyPeriod);
            let latest = START + MaxGrantDuration::get();
            refused(period(None, latest + 1), Error::TooLong);
            refused(period(None, Moment::MAX), Error::TooLong);
            share(period(Some(START), START + 1));
            share(period(Some(latest - 1), latest));
        });
    }

    #[test]
    fn scope_names_existing_things_once_and_in_order() {
        ExtBuilder.build_and_execute(|| {
            let scoped = |scope| GrantTerms { scope, ..terms() };
            refused(scoped(compartments(&[])), Error::EmptyScope);
            refused(scoped(records(&[])), Error::EmptyScope);
            let (first, last) = (LABORATORY.min(NOTES), LABORATORY.max(NOTES));
            for order in [&[last, first][..], &[first, first], &[first, last, last]] {
                refused(scoped(compartments(order)), Error::ScopeNotAscending);
            }
            for order in [&[2, 1][..], &[1, 1]] {
                refused(scoped(records(order)), Error::ScopeNotAscending);
            }
            let unknown = salus_primitives::CompartmentId([9; 16]);
            refused(
                scoped(compartments(&[LABORATORY, unknown])),
                Error::CompartmentNotFound,
            );
            refused(scoped(records(&[1, 99])), Error::RecordNotFound);
            set_record_state(PATIENT, 2, RecordState::Erased);
            refused(scoped(records(&[2])), Error::RecordNotFound);
            for rights in [Rights::Write, Rights::ReadWrite] {
                let terms = GrantTerms {
                    rights,
                    ..scoped(records(&[1]))
                };
                refused(terms, Error::RecordsNotWritable);
            }
            let both = GrantTerms {
                rights: Rights::ReadWrite,
                ..scoped(compartments(&[]))
            };
            refused(both, Error::EmptyScope);
            let all = add_compartments(PATIENT, 32);
            share(scoped(compartments(&all)));
        });
    }

    #[test]
    fn other_terms_are_checked() {
        ExtBuilder.build_and_execute(|| {
            let window = |from, until| GrantTerms {
                anchored_from: Some(from),
                anchored_until: Some(until),
                ..terms()
            };
            refused(window(START, START), Error::EmptyWindow);
            refused(window(START + 1, START), Error::EmptyWindow);
            let malformed = GrantTerms {
                terms: Some(NOT_A_CID),
                ..terms()
            };
            refused(malformed, Error::MalformedCid);
            assert_noop!(
                calls::grant(by(OWNER), PATIENT, terms(), Some(NOT_A_CID)),
                Error::<Test>::MalformedCid
            );
            let derived = GrantTerms {
                derived_from: Some(0),
                ..terms()
            };
            refused(derived.clone(), Error::GrantNotFound);
            share(terms());
            share(derived);
            NextGrant::<Test>::insert(PATIENT, u32::MAX);
            refused(terms(), Error::IndexExhausted);
            NextGrant::<Test>::insert(PATIENT, 2);
        });
    }

    #[test]
    fn granting_anew_after_a_revocation_gives_access_and_leaves_the_old_grant_dead() {
        ExtBuilder.build_and_execute(|| {
            let old = share(terms());
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, old));
            let new = share(GrantTerms {
                derived_from: Some(old),
                ..terms()
            });
            assert!(reads(DOCTOR, new, &[1]));
            assert!(!reads(DOCTOR, old, &[1]));
        });
    }
}

mod revoke {
    use super::*;

    #[test]
    fn revocation_takes_effect_at_once_and_clears_the_indices() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert!(reads(DOCTOR, grant, &[1]));
            assert_ok!(Consent::revoke(by(GUARDIAN), PATIENT, grant));
            assert!(!reads(DOCTOR, grant, &[1]));
            assert_eq!(
                last_event(),
                Event::Revoked {
                    patient: PATIENT,
                    actor: GUARDIAN,
                    grant
                }
            );
            assert_eq!(
                Grants::<Test>::get(PATIENT, grant).unwrap().revoked_at,
                Some(START)
            );
            assert_eq!(GrantsTo::<Test>::iter().count(), 0);
            assert_eq!(Expiries::<Test>::iter().count(), 0);
        });
    }

    #[test]
    fn a_grant_is_revoked_once() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            advance(1);
            assert_noop!(
                Consent::revoke(by(OWNER), PATIENT, grant),
                Error::<Test>::AlreadyRevoked
            );
            assert_noop!(
                Consent::revoke(by(OWNER), PATIENT, grant + 1),
                Error::<Test>::GrantNotFound
            );
        });
    }

    #[test]
    fn nobody_else_revokes() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for who in [CARER, DOCTOR, ADMIN, STRANGER, OTHER_OWNER] {
                assert_noop!(Consent::revoke(by(who), PATIENT, grant), BadOrigin);
            }
            assert_noop!(
                Consent::revoke(by(OTHER_OWNER), OTHER_PATIENT, grant),
                Error::<Test>::GrantNotFound
            );
        });
    }

    #[test]
    fn revocation_is_possible_whatever_else_is_wrong() {
        ExtBuilder.build_and_execute(|| {
            let early = share(GrantTerms {
                starts_at: Some(START + DAY),
                ..terms()
            });
            let swept = share(terms());
            with(|w| {
                w.voided.push(PATIENT);
                w.suspended.push(HOSPITAL);
                w.compartments.clear();
                w.records.clear();
            });
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, early));
            set_now(Moment::MAX);
            assert_ok!(Consent::sweep(by(STRANGER), MAX_SWEEP));
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, swept));
        });
    }
}

mod deliver_envelope {
    use super::*;

    #[test]
    fn envelopes_are_appended() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for n in 0..3 {
                assert_ok!(Consent::deliver_envelope(by(OWNER), PATIENT, grant, cid(n)));
            }
            assert_eq!(
                last_event(),
                Event::EnvelopeDelivered {
                    patient: PATIENT,
                    actor: OWNER,
                    grant,
                    envelope: cid(2)
                }
            );
            let view = Consent::grant_view(&PATIENT, grant).unwrap();
            assert_eq!(view.envelopes, [cid(0), cid(1), cid(2)]);
            assert_eq!(Consent::envelope(&PATIENT, grant, 1), Some(cid(1)));
            assert_eq!(Consent::envelope(&PATIENT, grant, 3), None);
        });
    }

    #[test]
    fn only_owners_and_guardians_deliver() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for who in [CARER, DOCTOR, STRANGER, OTHER_OWNER] {
                assert_noop!(
                    Consent::deliver_envelope(by(who), PATIENT, grant, ENVELOPE()),
                    BadOrigin
                );
            }
            assert_noop!(
                Consent::deliver_envelope(by(OWNER), PATIENT, grant + 1, ENVELOPE()),
                Error::<Test>::GrantNotFound
            );
            assert_noop!(
                Consent::deliver_envelope(by(OWNER), PATIENT, grant, NOT_A_CID),
                Error::<Test>::MalformedCid
            );
        });
    }

    #[test]
    fn no_keys_after_the_end() {
        ExtBuilder.build_and_execute(|| {
            let (revoked, expired) = (share(terms()), share(terms()));
            let deliver = |grant| Consent::deliver_envelope(by(OWNER), PATIENT, grant, ENVELOPE());
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, revoked));
            assert_noop!(deliver(revoked), Error::<Test>::GrantEnded);
            set_now(START + 7 * DAY - 1);
            assert_ok!(deliver(expired));
            advance(1);
            assert_noop!(deliver(expired), Error::<Test>::GrantEnded);
        });
    }

    #[test]
    fn envelopes_are_bounded() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for _ in 0..MAX_ENVELOPES {
                assert_ok!(Consent::deliver_envelope(
                    by(OWNER),
                    PATIENT,
                    grant,
                    ENVELOPE()
                ));
            }
            assert_noop!(
                Consent::deliver_envelope(by(OWNER), PATIENT, grant, ENVELOPE()),
                Error::<Test>::TooManyEnvelopes
            );
        });
    }
}

mod sweep {
    use super::*;

    fn expired() -> usize {
        System::events()
            .iter()
            .filter(|e| matches!(e.event, RuntimeEvent::Consent(Event::Expired { .. })))
            .count()
    }

    #[test]
    fn sweep_tells_of_each_ended_grant_once_and_of_no_other() {
        ExtBuilder.build_and_execute(|| {
            let ended = share(terms());
            let revoked = share(terms());
            let lasting = share(GrantTerms {
                expires_at: START + 8 * DAY,
                ..terms()
            });
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, revoked));
            set_now(START + 7 * DAY - 1);
            while Consent::do_sweep(MAX_SWEEP) > 0 {}
            assert_eq!(expired(), 0);
            advance(1);
            assert_ok!(Consent::sweep(by(STRANGER), MAX_SWEEP));
            assert_eq!(
                last_event(),
                Event::Expired {
                    patient: PATIENT,
                    grant: ended
                }
            );
            assert_eq!(expired(), 1);
            assert_ok!(Consent::sweep(by(STRANGER), MAX_SWEEP));
            assert_eq!(expired(), 1);
            let left: Vec<_> = Consent::grants_to(&DOCTOR, None, 9)
                .into_iter()
                .map(|g| g.1)
                .collect();
            assert_eq!(left, [lasting]);
        });
    }

    #[test]
    fn sweep_leaves_a_grant_alone_that_ends_later_in_the_hour() {
        ExtBuilder.build_and_execute(|| {
            let end = START + HOUR + HOUR / 2;
            share(GrantTerms {
                expires_at: end,
                ..terms()
            });
            for now in [START + HOUR, end - 1] {
                set_now(now);
                assert_ok!(Consent::sweep(by(STRANGER), MAX_SWEEP));
                assert_eq!(
                    (expired(), Consent::grants_to(&DOCTOR, None, 9).len()),
                    (0, 1)
                );
            }
            set_now(START + 2 * HOUR);
            assert_ok!(Consent::sweep(by(STRANGER), MAX_SWEEP));
            assert_eq!(
                (expired(), Consent::grants_to(&DOCTOR, None, 9).len()),
                (1, 0)
            );
        });
    }

    #[test]
    fn sweep_takes_no_more_steps_than_allowed() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..10 {
                share(GrantTerms {
                    expires_at: START + HOUR,
                    ..terms()
                });
            }
            set_now(START + HOUR);
            assert_noop!(calls::sweep(MAX_SWEEP + 1), Error::<Test>::TooManySteps);
            assert_noop!(Consent::sweep(RuntimeOrigin::none(), 1), BadOrigin);
            let post = Consent::sweep(by(STRANGER), 5).unwrap();
            assert_eq!(post.actual_weight, Some(<() as WeightInfo>::sweep(5)));
            let first = expired();
            assert!((1..=5).contains(&first));
            assert_ok!(Consent::sweep(by(STRANGER), 0));
            assert_eq!(expired(), first);
            assert_ok!(Consent::sweep(by(STRANGER), MAX_SWEEP));
            assert_eq!(expired(), 10);
        });
    }

    #[test]
    fn grants_are_dead_whether_or_not_the_sweep_ran() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            set_now(START + 7 * DAY);
            assert_eq!(expired(), 0);
            assert!(!reads(DOCTOR, grant, &[1]));
            assert!(!Consent::grant_view(&PATIENT, grant).unwrap().active);
        });
    }

    #[test]
    fn idle_blocks_sweep_within_their_weight() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..10 {
                share(GrantTerms {
                    expires_at: START + HOUR,
                    ..terms()
                });
            }
            set_now(START + HOUR);
            let base = <() as WeightInfo>::sweep(0);
            assert_eq!(Consent::on_idle(1, Weight::zero()), Weight::zero());
            assert_eq!(Consent::on_idle(1, base), base);
            assert_eq!(expired(), 0);
            let room = <() as WeightInfo>::sweep(6);
            let used = Consent::on_idle(1, room);
            assert!(used.all_lte(room) && expired() > 0 && expired() < 10);
            let used = Consent::on_idle(1, Weight::MAX);
            assert!(used.all_lte(<() as WeightInfo>::sweep(MAX_SWEEP)));
            assert_eq!(expired(), 10);
        });
    }

    #[test]
    fn sweep_catches_up_after_a_standstill() {
        ExtBuilder.build_and_execute(|| {
            share(GrantTerms {
                expires_at: START + 365 * DAY,
                ..terms()
            });
            set_now(START + 400 * DAY);
            let blocks = (0..)
                .take_while(|_| Consent::do_sweep(MAX_SWEEP) > 0)
                .count();
            assert_eq!(expired(), 1);
            assert!(blocks as u64 <= 400 * 24 / u64::from(MAX_SWEEP) + 1);
            assert_eq!(SweepAt::<Test>::get(), Some((START + 400 * DAY) / HOUR + 1));
        });
    }
}

mod granting {
    use super::*;

    fn break_in(terms: GrantTerms) -> Result<GrantIndex, sp_runtime::DispatchError> {
        let basis = Basis::Emergency(7);
        <Consent as Granting<_>>::grant(PATIENT, DOCTOR, terms, Some(ENVELOPE()), basis)
    }

    fn end(grant: GrantIndex) -> sp_runtime::DispatchResult {
        <Consent as Granting<_>>::end(PATIENT, OWNER, grant)
    }

    #[test]
    fn another_pallet_grants_for_its_reason_and_in_the_name_of_who_acted() {
        ExtBuilder.build_and_execute(|| {
            let grant = break_in(terms()).expect("the terms are good");
            let row = Grants::<Test>::get(PATIENT, grant).expect("granted");
            assert_eq!(row.basis, Basis::Emergency(7));
            assert_eq!(row.granted_by, DOCTOR);
            assert_eq!(Consent::envelope(&PATIENT, grant, 0), Some(ENVELOPE()));
            assert_eq!(
                last_event(),
                Event::EnvelopeDelivered {
                    patient: PATIENT,
                    actor: DOCTOR,
                    grant,
                    envelope: ENVELOPE(),
                }
            );
            assert!(reads(DOCTOR, grant, &[1]));
            assert!(!reads(DOCTOR, grant, &[2]), "outside the scope");
        });
    }

    #[test]
    fn another_pallet_is_held_to_the_same_terms() {
        ExtBuilder.build_and_execute(|| {
            for (terms, error) in [
                (
                    GrantTerms {
                        scope: compartments(&[]),
                        ..terms()
                    },
                    Error::<Test>::EmptyScope,
                ),
                (
                    GrantTerms {
                        grantee: clinician(STRANGER),
                        ..terms()
                    },
                    Error::<Test>::GranteeNotInGoodStanding,
                ),
                (
                    GrantTerms {
                        expires_at: Moment::MAX,
                        ..terms()
                    },
                    Error::<Test>::TooLong,
                ),
            ] {
                assert_noop!(break_in(terms), error);
            }
        });
    }

    #[test]
    fn ending_is_revoking_once_and_nothing_afterwards() {
        ExtBuilder.build_and_execute(|| {
            let grant = break_in(terms()).expect("the terms are good");
            assert_ok!(end(grant));
            assert_eq!(
                last_event(),
                Event::Revoked {
                    patient: PATIENT,
                    actor: OWNER,
                    grant,
                }
            );
            assert!(!reads(DOCTOR, grant, &[1]));
            assert_eq!(GrantsTo::<Test>::iter().count(), 0);
            assert_eq!(Expiries::<Test>::iter().count(), 0);

            advance(1);
            assert_storage_noop!(assert_ok!(end(grant)));
            assert_noop!(
                Consent::revoke(by(OWNER), PATIENT, grant),
                Error::<Test>::AlreadyRevoked
            );
        });
    }

    #[test]
    fn ending_what_has_expired_leaves_it_to_the_sweep() {
        ExtBuilder.build_and_execute(|| {
            let grant = break_in(terms()).expect("the terms are good");
            set_now(terms().expires_at);
            assert_storage_noop!(assert_ok!(end(grant)));
            assert_noop!(end(grant + 1), Error::<Test>::GrantNotFound);
        });
    }
}

mod predicate {
    use super::*;

    #[test]
    fn grant_holds_from_its_first_to_its_last_millisecond() {
        ExtBuilder.build_and_execute(|| {
            let (from, until) = (START + 10, START + 20);
            let grant = share(GrantTerms {
                starts_at: Some(from),
                expires_at: until,
                ..terms()
            });
            for (at, holds) in [
                (from - 1, false),
                (from, true),
                (until - 1, true),
                (until, false),
            ] {
                set_now(at);
                assert_eq!(reads(DOCTOR, grant, &[1]), holds, "at {at}");
                assert_eq!(Consent::holds_grant(&PATIENT, grant, &DOCTOR, 0), holds);
                assert_eq!(Consent::grant_view(&PATIENT, grant).unwrap().active, holds);
            }
        });
    }

    #[test]
    fn the_later_clock_decides() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            let at = |at| Consent::may_read(&PATIENT, grant, &DOCTOR, &[1], at);
            let end = START + 7 * DAY;
            assert!(at(0) && at(end - 1));
            assert!(!at(end) && !at(Moment::MAX));
            assert!(!Consent::holds_grant(&PATIENT, grant, &DOCTOR, end));
            set_now(end);
            assert!(!at(START));
        });
    }

    #[test]
    fn grant_is_for_its_grantee_at_its_organisation() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            for who in [COLLEAGUE, SERVICE, ADMIN, INSURER, STRANGER, OWNER] {
                assert!(!reads(who, grant, &[1]));
            }
            move_to(DOCTOR, INSURANCE);
            assert!(!reads(DOCTOR, grant, &[1]));
            move_to(DOCTOR, HOSPITAL);
            assert!(reads(DOCTOR, grant, &[1]));
            with(|w| w.suspended.push(HOSPITAL));
            assert!(!reads(DOCTOR, grant, &[1]));
        });
    }

    #[test]
    fn grant_is_shown_as_dead_while_its_grantee_is_not_in_good_standing() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            let shown = || Consent::grant_view(&PATIENT, grant).unwrap().active;
            assert!(shown());
            move_to(DOCTOR, INSURANCE);
            assert!(!shown());
            move_to(DOCTOR, HOSPITAL);
            with(|w| w.suspended.push(HOSPITAL));
            assert!(!shown());
        });
    }

    #[test]
    fn grant_to_an_organisation_is_for_all_its_members() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(GrantTerms {
                grantee: Grantee::Organisation(HOSPITAL),
                ..terms()
            });
            for who in [DOCTOR, COLLEAGUE, SERVICE] {
                assert!(reads(who.clone(), grant, &[1]));
                assert_eq!(Consent::grants_to(&who, None, 9).len(), 1);
            }
            assert!(!reads(INSURER, grant, &[1]));
            move_to(DOCTOR, INSURANCE);
            assert!(!reads(DOCTOR, grant, &[1]));
            assert!(Consent::grants_to(&DOCTOR, None, 9).is_empty());
            with(|w| w.suspended.push(HOSPITAL));
            assert!(!reads(COLLEAGUE, grant, &[1]));
        });
    }

    #[test]
    fn no_grant_of_a_void_enrolment_counts() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(GrantTerms {
                rights: Rights::ReadWrite,
                ..terms()
            });
            assert!(reads(DOCTOR, grant, &[1]));
            with(|w| w.voided.push(PATIENT));
            assert!(!reads(DOCTOR, grant, &[1]));
            assert!(!Consent::grant_view(&PATIENT, grant).unwrap().active);
            assert_eq!(Consent::may_write(&PATIENT, grant, &DOCTOR), None);
        });
    }

    #[test]
    fn reading_needs_the_right_and_a_record() {
        ExtBuilder.build_and_execute(|| {
            let read = share(terms());
            let write = share(GrantTerms {
                scope: compartments(&[]),
                rights: Rights::Write,
                ..terms()
            });
            assert!(!reads(DOCTOR, write, &[1]));
            assert!(!reads(DOCTOR, read, &[]));
            assert!(!reads(DOCTOR, read + 9, &[1]));
            let other = &OTHER_PATIENT;
            assert!(!Consent::may_read(other, read, &DOCTOR, &[1], now()));
        });
    }

    #[test]
    fn every_record_must_be_in_scope() {
        ExtBuilder.build_and_execute(|| {
            let laboratory = share(terms());
            let two = share(GrantTerms {
                scope: records(&[0, 2]),
                ..terms()
            });
            assert!(reads(DOCTOR, laboratory, &[1]));
            for outside in [&[2][..], &[0], &[1, 2], &[99], &[1, 99]] {
                assert!(!reads(DOCTOR, laboratory, outside), "{outside:?}");
            }
            assert!(reads(DOCTOR, two, &[0, 2]));
            assert!(!reads(DOCTOR, two, &[0, 1]));
        });
    }

    #[test]
    fn a_compartment_is_read_only_if_named() {
        ExtBuilder.build_and_execute(|| {
            let others = share(GrantTerms {
                scope: compartments(&[LABORATORY, NOTES]),
                rights: Rights::ReadWrite,
                ..terms()
            });
            let named = share(GrantTerms {
                scope: compartments(&[INTAKE]),
                ..terms()
            });
            assert!(!reads(DOCTOR, others, &[0]));
            assert!(reads(DOCTOR, named, &[0]));
        });
    }

    #[test]
    fn window_is_exact_on_both_sides() {
        ExtBuilder.build_and_execute(|| {
            anchor(PATIENT, 10, LABORATORY, START - 1);
            anchor(PATIENT, 11, LABORATORY, START);
            anchor(PATIENT, 12, LABORATORY, START + 9);
            anchor(PATIENT, 13, LABORATORY, START + 10);
            let grant = share(GrantTerms {
                anchored_from: Some(START),
                anchored_until: Some(START + 10),
                ..terms()
            });
            assert!(reads(DOCTOR, grant, &[11, 12]));
            assert!(!reads(DOCTOR, grant, &[10]));
            assert!(!reads(DOCTOR, grant, &[13]));
        });
    }

    #[test]
    fn erased_records_are_not_read() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            let until = START + 3 * DAY;
            set_record_state(PATIENT, 1, RecordState::ErasePending { until });
            set_now(until - 1);
            assert!(reads(DOCTOR, grant, &[1]));
            assert!(!Consent::may_read(&PATIENT, grant, &DOCTOR, &[1], until));
            set_now(until);
            assert!(!reads(DOCTOR, grant, &[1]));
            set_record_state(PATIENT, 1, RecordState::Erased);
            assert!(!reads(DOCTOR, grant, &[1]));
        });
    }

    #[test]
    fn what_could_be_read_since_a_moment_is_known_after_the_end() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            let could = |who: AccountId, record, since| {
                Consent::could_read_since(&PATIENT, grant, &who, record, since)
            };
            assert!(could(DOCTOR, 1, START));
            for who in [COLLEAGUE, SERVICE, INSURER, OWNER, STRANGER] {
                assert!(!could(who, 1, START));
            }
            assert!(!could(DOCTOR, 2, START) && !could(DOCTOR, 99, START));
            set_now(START + HOUR);
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            set_now(START + DAY);
            assert!(could(DOCTOR, 1, START + HOUR));
            assert!(!could(DOCTOR, 1, START + HOUR + 1));
            // Who has left since could read then.
            move_to(DOCTOR, INSURANCE);
            assert!(could(DOCTOR, 1, START));
        });
    }

    #[test]
    fn what_expired_could_be_read_until_then() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(GrantTerms {
                grantee: Grantee::Organisation(HOSPITAL),
                starts_at: Some(START + HOUR),
                ..terms()
            });
            let could = |since| Consent::could_read_since(&PATIENT, grant, &SERVICE, 1, since);
            assert!(!could(START), "not begun");
            let end = START + 7 * DAY;
            set_now(end + DAY);
            assert!(could(end));
            assert!(!could(end + 1));
            let write = share(GrantTerms {
                scope: compartments(&[]),
                rights: Rights::Write,
                ..terms()
            });
            let since = now();
            let wrote = Consent::could_read_since(&PATIENT, write, &DOCTOR, 1, since);
            assert!(!wrote);
            assert!(!Consent::could_read_since(
                &PATIENT,
                write + 1,
                &DOCTOR,
                1,
                since
            ));
        });
    }

    #[test]
    fn who_may_write_may_write_and_who_reads_may_not() {
        ExtBuilder.build_and_execute(|| {
            let write = share(GrantTerms {
                scope: compartments(&[]),
                rights: Rights::Write,
                ..terms()
            });
            let both = share(writing());
            let read = share(terms());
            let writes = |who, grant| Consent::may_write(&PATIENT, grant, &who);
            for grant in [write, both] {
                assert_eq!(writes(DOCTOR, grant), Some(HOSPITAL));
                assert_eq!(writes(COLLEAGUE, grant), None);
                assert_eq!(writes(OWNER, grant), None);
            }
            assert_eq!(writes(DOCTOR, read), None);
            set_now(START + 7 * DAY);
            assert_eq!(writes(DOCTOR, write), None);
        });
    }

    /// Or else a reader of the chain would learn for which compartment a laboratory is asked.
    #[test]
    fn a_grant_that_only_lets_write_names_no_compartment() {
        ExtBuilder.build_and_execute(|| {
            let naming = GrantTerms {
                rights: Rights::Write,
                ..writing()
            };
            assert_noop!(
                calls::grant(by(OWNER), PATIENT, naming, None),
                Error::<Test>::WriteNeedsNoScope
            );
        });
    }
}

mod views {
    use super::*;

    fn page(from: GrantIndex, limit: u32) -> Vec<GrantIndex> {
        let page = Consent::grants(&PATIENT, from, limit);
        page.into_iter().map(|(index, _)| index).collect()
    }

    #[test]
    fn lists_are_in_order_and_paged() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..300 {
                share(terms());
            }
            assert_eq!(page(0, 3), [0, 1, 2]);
            assert_eq!(page(298, 9), [298, 299]);
            assert!(page(300, 9).is_empty());
            assert_eq!(page(0, u32::MAX).len(), 256);
            assert!(page(u32::MAX, u32::MAX).is_empty());
            assert_eq!(Consent::grants_to(&DOCTOR, None, 7).len(), 7);
            assert_eq!(Consent::grants_to(&DOCTOR, None, u32::MAX).len(), 256);
            assert!(Consent::grant_view(&PATIENT, 300).is_none());
            assert!(Consent::request_view(&PATIENT, 0).is_none());
        });
    }

    /// Lists all rows, page by page, each as often as it came. Calls `between` after each page.
    fn all_to(
        who: &AccountId,
        limit: u32,
        mut between: impl FnMut(&(PatientId, GrantIndex)),
    ) -> Vec<(PatientId, GrantIndex)> {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = Consent::grants_to(who, after, limit);
            let Some((patient, index, view)) = page.last() else {
                return seen;
            };
            after = Some((view.grant.grantee.clone(), *patient, *index));
            seen.extend(page.iter().map(|(patient, index, _)| (*patient, *index)));
            between(seen.last().expect("just seen"));
        }
    }

    fn to_organisation() -> GrantTerms {
        GrantTerms {
            grantee: Grantee::Organisation(HOSPITAL),
            ..terms()
        }
    }

    fn sorted<Row: Ord>(mut rows: Vec<Row>) -> Vec<Row> {
        rows.sort_unstable();
        rows
    }

    #[test]
    fn ten_thousand_rows_of_each_list_are_seen_once() {
        ExtBuilder.build().execute_with(|| {
            const ROWS: GrantIndex = 10_000;
            for _ in 0..ROWS {
                share(terms());
            }
            for _ in 0..ROWS {
                share(to_organisation());
            }
            let all: Vec<_> = (0..2 * ROWS).map(|index| (PATIENT, index)).collect();
            let to_doctor = all_to(&DOCTOR, u32::MAX, |_| ());
            // Those to the clinician, then those to the organisation.
            assert!(to_doctor[..ROWS as usize]
                .iter()
                .all(|(_, index)| *index < ROWS));
            assert!(to_doctor[ROWS as usize..]
                .iter()
                .all(|(_, index)| *index >= ROWS));
            assert_eq!(sorted(to_doctor), all);
            assert_eq!(
                sorted(all_to(&COLLEAGUE, 199, |_| ())),
                all[ROWS as usize..]
            );

            let mut between = Vec::new();
            let mut from = 0;
            loop {
                let page = Consent::grants_between(&PATIENT, &DOCTOR, from, u32::MAX);
                let Some((last, _)) = page.last() else {
                    break;
                };
                from = last + 1;
                assert!(page.len() <= salus_primitives::api::MAX_PAGE as usize);
                between.extend(page.into_iter().map(|(index, _)| index));
            }
            // In order, as they come.
            assert!(between.into_iter().eq(0..2 * ROWS));
        });
    }

    #[test]
    fn a_row_that_goes_while_one_reads_on_takes_no_other_along() {
        ExtBuilder.build_and_execute(|| {
            let (patients, owners) = ([PATIENT, OTHER_PATIENT], [OWNER, OTHER_OWNER]);
            for n in 0..60 {
                let terms = if n % 4 < 2 {
                    terms()
                } else {
                    to_organisation()
                };
                let (patient, owner) = (patients[n % 2], owners[n % 2].clone());
                assert_ok!(calls::grant(by(owner), patient, terms, None));
            }
            // The row that one reads on from is revoked each time.
            let seen = all_to(&DOCTOR, 7, |(patient, index)| {
                let owner = if *patient == PATIENT {
                    OWNER
                } else {
                    OTHER_OWNER
                };
                assert_ok!(Consent::revoke(by(owner), *patient, *index));
            });
            let all: Vec<_> = patients
                .into_iter()
                .flat_map(|patient| (0..30).map(move |index| (patient, index)))
                .collect();
            assert_eq!(sorted(seen), all);
        });
    }

    #[test]
    fn who_moves_while_reading_on_begins_with_what_is_new() {
        ExtBuilder.build_and_execute(|| {
            share(terms());
            let last = (clinician(DOCTOR), PATIENT, 0);
            assert!(Consent::grants_to(&DOCTOR, Some(last.clone()), 9).is_empty());
            move_to(DOCTOR, INSURANCE);
            let new = share(GrantTerms {
                grantee: Grantee::Organisation(INSURANCE),
                ..terms()
            });
            let page = Consent::grants_to(&DOCTOR, Some(last), 9);
            assert_eq!((page.len(), page[0].1), (1, new));
        });
    }

    #[test]
    fn a_flood_of_other_patients_hides_no_grant() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..600 {
                let flood = calls::grant(by(OTHER_OWNER), OTHER_PATIENT, terms(), None);
                assert_ok!(flood);
            }
            let mine = share(terms());
            let ours = share(to_organisation());
            let found = |who: &AccountId, from| -> Vec<_> {
                Consent::grants_between(&PATIENT, who, from, 256)
                    .into_iter()
                    .map(|(index, _)| index)
                    .collect()
            };
            assert_eq!(found(&DOCTOR, 0), [mine, ours]);
            assert_eq!(found(&DOCTOR, ours), [ours]);
            assert_eq!(found(&COLLEAGUE, 0), [ours]);
            assert!(found(&INSURER, 0).is_empty() && found(&OWNER, 0).is_empty());
            assert!(all_to(&DOCTOR, 256, |_| ()).contains(&(PATIENT, mine)));
        });
    }

    #[test]
    fn an_envelope_in_many_grants_is_named_until_the_last_of_them_is_over() {
        ExtBuilder.build_and_execute(|| {
            let named = || Consent::envelope_reference(&PATIENT, &ENVELOPE()) == Reference::Named;
            let give = |expires_at| {
                let index = NextGrant::<Test>::get(PATIENT);
                let terms = GrantTerms {
                    expires_at,
                    ..terms()
                };
                assert_ok!(calls::grant(by(OWNER), PATIENT, terms, Some(ENVELOPE())));
                index
            };
            // Many more than are named, as an emergency's package may be.
            for n in 0..40 {
                give(START + DAY + n);
            }
            assert_eq!(
                EnvelopesIn::<Test>::get(PATIENT, ENVELOPE())
                    .named()
                    .count(),
                16
            );
            for grant in 0..16 {
                assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            }
            set_now(START + DAY + 38);
            assert!(named());
            advance(1);
            assert!(!named());
            // Room again, for one that is revoked.
            let last = give(START + 9 * DAY);
            assert!(named());
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, last));
            assert!(!named());
        });
    }

    #[test]
    fn keys_that_are_out_are_known_whether_or_not_the_sweep_ran() {
        ExtBuilder.build_and_execute(|| {
            for compartment in [LABORATORY, NOTES] {
                let scope = compartments(&[compartment]);
                let terms = GrantTerms { scope, ..terms() };
                assert_ok!(calls::grant(by(OWNER), PATIENT, terms, Some(ENVELOPE())));
            }
            let out = || [LABORATORY, NOTES, INTAKE].map(|id| stale(id, START));
            assert_eq!(out(), [false, false, false]);
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, 0));
            assert_eq!(out(), [true, false, false]);
            set_now(START + 7 * DAY);
            assert_eq!(out(), [true, true, false]);
            while Consent::do_sweep(MAX_SWEEP) > 0 {}
            assert_eq!(out(), [true, true, false]);
            // Nothing is left to look through.
            assert_eq!(KeyHolders::<Test>::iter().count(), 0);
        });
    }

    /// Or else a page of 256 grants could have 65,536 of them.
    #[test]
    fn a_page_of_grants_ends_with_1024_envelopes_and_the_next_goes_on() {
        ExtBuilder.build_and_execute(|| {
            for index in 0..6 {
                assert_ok!(calls::grant(by(OWNER), PATIENT, terms(), None));
                for _ in 0..MAX_ENVELOPES {
                    assert_ok!(Consent::deliver_envelope(
                        by(OWNER),
                        PATIENT,
                        index,
                        ENVELOPE()
                    ));
                }
            }
            let page = |from| -> Vec<GrantIndex> {
                let rows = Consent::grants(&PATIENT, from, u32::MAX);
                rows.into_iter().map(|row| row.0).collect()
            };
            assert_eq!(page(0), [0, 1, 2, 3]);
            assert_eq!(page(4), [4, 5]);
            assert!(page(6).is_empty());
        });
    }

    /// Or else an owner could make each question about a compartment cost as much as they have grants.
    #[test]
    fn however_many_grants_end_at_once_an_answer_looks_at_64_and_errs_on_the_safe_side() {
        let proof_of = |grants: u32, lasts: Moment| {
            let mut ext = ExtBuilder.build();
            ext.execute_with(|| {
                for _ in 0..grants {
                    let scope = compartments(&[LABORATORY]);
                    let expires_at = START + lasts;
                    let rights = Rights::Read;
                    let terms = GrantTerms {
                        scope,
                        expires_at,
                        rights,
                        ..terms()
                    };
                    assert_ok!(calls::grant(by(OWNER), PATIENT, terms, Some(ENVELOPE())));
                }
                set_now(START + DAY);
            });
            ext.commit_all().unwrap();
            let (out, proof) = ext.execute_and_prove(|| {
                [LABORATORY, NOTES].map(|id| (stale(id, START), stale(id, START + 1)))
            });
            (out, proof.encoded_size())
        };
        let live = proof_of(50, 2 * DAY);
        let many_live = proof_of(1_000, 2 * DAY);
        assert_eq!(many_live.0, [(false, false); 2]);
        assert!(many_live.1 < 2 * live.1);

        let (out, at_limit) = proof_of(MAX_HOLDERS_READ, DAY);
        assert_eq!(out, [(true, false), (false, false)]);
        // One more than is looked at: everything is out until the sweep has run.
        let (out, beyond) = proof_of(MAX_HOLDERS_READ + 936, DAY);
        assert_eq!(out, [(true, true); 2]);
        assert!(beyond < 2 * at_limit);
    }

    fn stale(compartment: salus_primitives::CompartmentId, rotated_at: Moment) -> bool {
        Consent::needs_rotation(&PATIENT, &compartment, rotated_at)
    }

    #[test]
    fn compartments_whose_key_is_out_need_rotation() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_ok!(Consent::deliver_envelope(
                by(OWNER),
                PATIENT,
                grant,
                ENVELOPE()
            ));
            assert!(!stale(LABORATORY, START));
            advance(DAY);
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            assert!(stale(LABORATORY, START));
            assert!(!stale(LABORATORY, START + 1), "rotated since");
            assert!(!stale(NOTES, START));
        });
    }

    #[test]
    fn keys_delivered_after_a_rotation_count() {
        ExtBuilder.build_and_execute(|| {
            let grant = share(terms());
            assert_ok!(Consent::deliver_envelope(
                by(OWNER),
                PATIENT,
                grant,
                ENVELOPE()
            ));
            let rotated_at = START + DAY;
            set_now(rotated_at + 5);
            assert_ok!(Consent::deliver_envelope(
                by(OWNER),
                PATIENT,
                grant,
                ENVELOPE()
            ));
            set_now(START + 7 * DAY - 1);
            assert!(!stale(LABORATORY, rotated_at));
            advance(1);
            assert!(stale(LABORATORY, rotated_at));
        });
    }

    #[test]
    fn grants_that_carry_no_compartment_key_need_no_rotation() {
        ExtBuilder.build_and_execute(|| {
            let without_keys = share(terms());
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, without_keys));
            for terms in [
                GrantTerms {
                    scope: compartments(&[]),
                    rights: Rights::Write,
                    ..terms()
                },
                GrantTerms {
                    scope: records(&[1]),
                    ..terms()
                },
            ] {
                let grant = share(terms);
                assert_ok!(Consent::deliver_envelope(
                    by(OWNER),
                    PATIENT,
                    grant,
                    ENVELOPE()
                ));
                assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
            }
            assert!(!stale(LABORATORY, 0));
        });
    }

    #[test]
    fn objects_are_named_while_they_are_needed() {
        ExtBuilder.build_and_execute(|| {
            ask(DOCTOR);
            assert_ok!(calls::approve(
                by(OWNER),
                PATIENT,
                0,
                terms(),
                Some(ENVELOPE())
            ));
            let envelope = |patient: PatientId| Consent::envelope_reference(&patient, &ENVELOPE());
            let letter = |patient: PatientId| Consent::letter_reference(&patient, &LETTER());
            assert_eq!(
                (envelope(PATIENT), letter(PATIENT)),
                (Reference::Named, Reference::Named)
            );
            assert_eq!(envelope(OTHER_PATIENT), Reference::Unnamed);
            assert_eq!(letter(OTHER_PATIENT), Reference::Unnamed);
            assert_eq!(
                Consent::letter_reference(&PATIENT, &ENVELOPE()),
                Reference::Unnamed
            );
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, 0));
            assert_eq!(envelope(PATIENT), Reference::Unnamed);
        });
    }
}

#[test]
fn a_scope_of_33_does_not_decode() {
    use codec::{Decode, Encode};
    let ids = vec![LABORATORY; 33];
    let encoded = (0u8, ids).encode();
    assert!(Scope::decode(&mut &encoded[..]).is_err());
    let encoded = (0u8, vec![LABORATORY; 32]).encode();
    assert!(Scope::decode(&mut &encoded[..]).is_ok());
}

#[test]
fn limits_are_in_the_metadata() {
    use crate::Pallet;
    let constants = Pallet::<Test>::pallet_constants_metadata();
    let names: Vec<_> = constants.iter().map(|constant| constant.name).collect();
    for name in [
        "MaxPendingPerOrganisation",
        "RequestLifetime",
        "MaxGrantDuration",
        "MaxSweep",
        "MaxEnvelopes",
        "MaxWriters",
        "MaxScope",
        "RequestEntries",
        "MaxPage",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}
