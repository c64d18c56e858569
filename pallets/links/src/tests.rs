use frame_support::{assert_noop, assert_ok};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::OnSuccession,
    AccountId, Link, LinkIndex, OrgId, MAX_LINKS,
};
use sp_runtime::{DispatchError, DispatchResult};

use crate::{mock::*, Error, Event, LinksOf, LINK_LASTS, MAX_FETCHES};

fn create(who: AccountId, organisation: OrgId, lasts: u64, fetches: u32) -> DispatchResult {
    let origin = RuntimeOrigin::signed(who);
    PatientLinks::create(origin, PATIENT, organisation, now() + lasts, fetches)
}

/// One at the hospital, for a day.
fn link(fetches: u32) {
    assert_ok!(create(OWNER, HOSPITAL, DAY, fetches));
}

fn fetch(who: AccountId, link: LinkIndex) -> DispatchResult {
    PatientLinks::fetched(RuntimeOrigin::signed(who), PATIENT, link)
}

fn end(who: AccountId, link: LinkIndex) -> DispatchResult {
    PatientLinks::end(RuntimeOrigin::signed(who), PATIENT, link)
}

fn indices() -> Vec<LinkIndex> {
    let links = PatientLinks::links(&PATIENT);
    links.iter().map(|link| link.index).collect()
}

#[test]
fn a_fetch_is_an_entry_and_takes_one_of_what_is_left() {
    build_and_execute(|| {
        link(2);
        System::assert_last_event(
            Event::LinkCreated {
                patient: PATIENT,
                actor: OWNER,
                link: 0,
                organisation: HOSPITAL,
                expires_at: now() + DAY,
                fetches: 2,
            }
            .into(),
        );
        assert_ok!(fetch(SERVICE, 0));
        System::assert_last_event(
            Event::LinkFetched {
                patient: PATIENT,
                actor: SERVICE,
                organisation: HOSPITAL,
                link: 0,
                left: 1,
            }
            .into(),
        );
        let left = Link {
            index: 0,
            organisation: HOSPITAL,
            expires_at: now() + DAY,
            left: 1,
        };
        assert_eq!(PatientLinks::links(&PATIENT), vec![left]);
    });
}

#[test]
fn the_last_fetch_ends_the_link() {
    build_and_execute(|| {
        link(1);
        assert_ok!(fetch(SERVICE, 0));
        assert!(indices().is_empty());
        assert_noop!(fetch(SERVICE, 0), Error::<Test>::LinkNotFound);
    });
}

#[test]
fn a_link_ends_by_the_clock_even_if_nothing_ran() {
    build_and_execute(|| {
        link(2);
        set_now(now() + DAY - 1);
        assert_ok!(fetch(SERVICE, 0));
        set_now(now() + 1);
        assert!(indices().is_empty());
        assert_noop!(fetch(SERVICE, 0), Error::<Test>::LinkNotFound);
        assert_noop!(end(OWNER, 0), Error::<Test>::LinkNotFound);
    });
}

#[test]
fn who_decides_makes_and_ends_links_and_nobody_else() {
    build_and_execute(|| {
        for who in [CARER, DOCTOR, SERVICE, ADMIN, OTHER_OWNER, STRANGER] {
            let refused = DispatchError::BadOrigin;
            assert_noop!(create(who.clone(), HOSPITAL, DAY, 1), refused);
            assert_noop!(end(who, 0), refused);
        }
        assert_ok!(create(GUARDIAN, HOSPITAL, DAY, 1));
        assert_ok!(end(OWNER, 0));
        System::assert_last_event(
            Event::LinkEnded {
                patient: PATIENT,
                actor: OWNER,
                link: 0,
            }
            .into(),
        );
        assert_noop!(fetch(SERVICE, 0), Error::<Test>::LinkNotFound);
    });
}

#[test]
fn only_software_of_the_member_that_serves_the_link_says_it_was_fetched() {
    build_and_execute(|| {
        assert_ok!(create(OWNER, INSURANCE, DAY, 1));
        for who in [SERVICE, DOCTOR, ADMIN, INSURER, OWNER, STRANGER] {
            assert_noop!(fetch(who, 0), Error::<Test>::NotServing);
        }
    });
}

#[test]
fn a_member_that_is_suspended_or_unknown_serves_no_link() {
    build_and_execute(|| {
        link(1);
        with(|world| world.suspended.push(HOSPITAL));
        for organisation in [HOSPITAL, 99] {
            let refused = Error::<Test>::OrganisationNotActive;
            assert_noop!(create(OWNER, organisation, DAY, 1), refused);
        }
        assert_noop!(fetch(SERVICE, 0), Error::<Test>::NotServing);
    });
}

#[test]
fn what_is_fetched_spends_what_the_member_may_write() {
    build_and_execute(|| {
        link(3);
        with(|world| world.entries.insert((PATIENT, HOSPITAL), 1));
        assert_ok!(fetch(SERVICE, 0));
        assert_noop!(fetch(SERVICE, 0), DispatchError::Exhausted);
        assert_eq!(PatientLinks::links(&PATIENT)[0].left, 2);
    });
}

#[test]
fn a_link_has_an_end_and_a_number() {
    build_and_execute(|| {
        for lasts in [0, LINK_LASTS + 1] {
            let refused = Error::<Test>::InvalidEnd;
            assert_noop!(create(OWNER, HOSPITAL, lasts, 1), refused);
        }
        for fetches in [0, MAX_FETCHES + 1] {
            let refused = Error::<Test>::InvalidFetches;
            assert_noop!(create(OWNER, HOSPITAL, DAY, fetches), refused);
        }
        assert_ok!(create(OWNER, HOSPITAL, LINK_LASTS, MAX_FETCHES));
    });
}

#[test]
fn what_has_ended_takes_no_place_and_gives_its_index_to_nobody() {
    build_and_execute(|| {
        for _ in 0..MAX_LINKS {
            assert_ok!(create(OWNER, HOSPITAL, HOUR, 1));
        }
        let refused = Error::<Test>::TooManyLinks;
        assert_noop!(create(OWNER, HOSPITAL, HOUR, 1), refused);
        assert_ok!(end(OWNER, 3));
        link(1);
        assert_eq!(indices(), vec![0, 1, 2, 4, 5, 6, 7, 8]);
        set_now(now() + HOUR);
        link(1);
        assert_eq!(indices(), vec![8, 9]);
        assert_eq!(LinksOf::<Test>::get(PATIENT).live.len(), 2);
    });
}

#[test]
fn all_links_end_with_those_who_decided() {
    build_and_execute(|| {
        link(1);
        link(1);
        assert_ok!(create(OWNER, HOSPITAL, HOUR, 1));
        set_now(now() + HOUR);
        <PatientLinks as OnSuccession<AccountId>>::on_succession(PATIENT, &STRANGER);
        let ended = |link| Event::LinkEnded {
            patient: PATIENT,
            actor: STRANGER,
            link,
        };
        let events = System::read_events_for_pallet::<Event<Test>>();
        assert_eq!(events[3..], [ended(0), ended(1)]);
        assert!(indices().is_empty());
        link(1);
        assert_eq!(indices(), vec![3]);
    });
}
