//! Of how many seats the council's thresholds are counted, and which seats there are.

use frame_support::{assert_noop, assert_ok, dispatch::GetDispatchInfo};
use salus_primitives::{
    rows::{DAY, HOUR},
    traits::Standing,
    OrgId,
};
use sp_runtime::DispatchError;

use super::{admit, assert_refused};
use crate::{mock::*, Error, Seats, Vacated, ELECTORATE_MEMORY};

const THIRD: OrgId = 2;

/// A consortium of four.
fn with_four(test: impl FnOnce()) {
    ExtBuilder.build_and_execute(|| {
        assert_ok!(admit(account("Third")));
        assert_ok!(admit(account("Fourth")));
        test();
    });
}

fn suspend(organisation: OrgId) {
    assert_ok!(Members::suspend(RuntimeOrigin::root(), organisation));
}

fn reinstate(organisation: OrgId) {
    assert_ok!(Members::reinstate(RuntimeOrigin::root(), organisation));
}

#[test]
fn a_suspended_organisation_counts_for_another_30_days() {
    with_four(|| {
        assert_eq!(Members::electorate(), 4);
        suspend(HOSPITAL);
        assert_eq!((council().len(), Members::electorate()), (3, 4));
        set_now(START + ELECTORATE_MEMORY - 1);
        assert_eq!(Members::electorate(), 4);
        set_now(START + ELECTORATE_MEMORY);
        assert_eq!(Members::electorate(), 3);
    });
}

#[test]
fn half_of_the_council_does_not_make_itself_all_of_it_by_suspending_the_rest() {
    with_four(|| {
        suspend(INSURER);
        suspend(THIRD);
        // Two seats decide nothing that needs two thirds.
        assert_eq!((council().len(), Members::electorate()), (2, 4));
        assert!(3 * council().len() < 2 * Members::electorate() as usize);
    });
}

#[test]
fn a_reinstated_organisation_counts_once() {
    with_four(|| {
        for _ in 0..3 {
            suspend(HOSPITAL);
            assert_eq!(Members::electorate(), 4);
            reinstate(HOSPITAL);
            assert_eq!(Members::electorate(), 4);
        }
        assert!(Vacated::<Test>::get().is_empty());
    });
}

#[test]
fn what_is_over_is_forgotten_with_the_next_suspension() {
    with_four(|| {
        suspend(HOSPITAL);
        set_now(START + 31 * DAY);
        suspend(INSURER);
        assert_eq!(
            Vacated::<Test>::get().into_inner(),
            vec![(INSURER, START + 31 * DAY)]
        );
        assert_eq!(Members::electorate(), 3);
        // Forgotten, but suspended.
        reinstate(HOSPITAL);
        assert_eq!(Members::electorate(), 4);
    });
}

#[test]
fn a_new_admin_changes_the_seat_and_not_the_electorate() {
    with_four(|| {
        let seated = |name: &str| Seats::<Test>::get().contains(&account(name));
        assert_ok!(Members::set_admin(
            RuntimeOrigin::root(),
            THIRD,
            account("New")
        ));
        assert!(seated("New") && !seated("Third"));
        suspend(THIRD);
        assert_ok!(Members::set_admin(
            RuntimeOrigin::root(),
            THIRD,
            account("Newer")
        ));
        assert!(!seated("New") && !seated("Newer"));
        assert_eq!(Members::electorate(), 4);
        reinstate(THIRD);
        assert!(seated("Newer"));
    });
}

#[test]
fn an_admin_is_named_by_whoever_admits() {
    // The two origins differ in the mock only.
    with_four(|| {
        let majority = RuntimeOrigin::from(frame_system::RawOrigin::Signed(governor()));
        assert_ok!(Members::suspend(majority.clone(), THIRD));
        assert_refused!(
            Members::set_admin(majority.clone(), HOSPITAL, stranger()),
            DispatchError::BadOrigin
        );
        assert_refused!(
            Members::admit(
                majority,
                stranger(),
                salus_primitives::OrganisationKind::Clinic,
                name("Clinic"),
                url("")
            ),
            DispatchError::BadOrigin
        );
    });
}

#[test]
fn a_suspended_admin_still_administers_its_organisation() {
    with_four(|| {
        suspend(HOSPITAL);
        assert_eq!(Members::administers(&hospital_admin()), Some(HOSPITAL));
        assert_eq!(Members::administers(&doctor()), None);
        assert_ok!(Members::set_admin(
            RuntimeOrigin::root(),
            HOSPITAL,
            stranger()
        ));
        assert_eq!(Members::administers(&hospital_admin()), None);
    });
}

#[test]
fn vaults_are_those_of_organisations_in_good_standing_with_an_address() {
    let vaults = |listed: &[OrgId]| {
        let found = Members::vaults();
        for (organisation, kind) in &found {
            let row = Members::organisation(*organisation);
            assert_eq!(row.map(|row| row.kind), Some(*kind));
        }
        let numbers: Vec<OrgId> = found.into_iter().map(|vault| vault.0).collect();
        assert_eq!(numbers, listed);
    };
    with_four(|| {
        vaults(&[HOSPITAL]);
        let address = |admin: &str, text| {
            Members::set_profile(signed(account(admin)), name("Name"), url(text))
        };
        assert_ok!(address("Third", "https://third.example"));
        assert_ok!(address("Insurer admin", "https://insurer.example"));
        vaults(&[HOSPITAL, INSURER, THIRD]);
        // Another address is no other vault.
        assert_ok!(address("Third", "https://other.example"));
        suspend(HOSPITAL);
        vaults(&[INSURER, THIRD]);
        assert_ok!(address("Insurer admin", ""));
        reinstate(HOSPITAL);
        vaults(&[HOSPITAL, THIRD]);
        // One that has none does not get one by suspension.
        suspend(INSURER);
        reinstate(INSURER);
        vaults(&[HOSPITAL, THIRD]);
    });
}

#[test]
fn what_is_refused_costs_little() {
    with_four(|| {
        let call = crate::Call::<Test>::suspend { organisation: 9 };
        let declared = call.get_dispatch_info().call_weight;
        for origin in [signed(stranger()), RuntimeOrigin::root()] {
            let refused = Members::suspend(origin, 9).unwrap_err();
            let weight = refused
                .post_info
                .actual_weight
                .expect("the rest is returned");
            assert!(weight.ref_time() * 2 < declared.ref_time());
        }
        let refused = Members::admit(
            RuntimeOrigin::root(),
            hospital_admin(),
            salus_primitives::OrganisationKind::Clinic,
            name("Clinic"),
            url(""),
        )
        .unwrap_err();
        assert_eq!(refused.error, Error::<Test>::TooManyOrganisations.into());
        assert!(refused.post_info.actual_weight.is_some());
    });
}

#[test]
fn the_last_in_good_standing_stays_however_many_are_suspended() {
    with_four(|| {
        suspend(HOSPITAL);
        suspend(INSURER);
        suspend(THIRD);
        set_now(START + HOUR);
        assert_refused!(
            Members::suspend(RuntimeOrigin::root(), 3),
            Error::<Test>::LastOrganisation
        );
        assert_eq!(Members::electorate(), 4);
    });
}
