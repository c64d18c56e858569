//! Breaking a glass with the true grants of `pallet-consent`: whatever the patient's side did, somebody
//! who may try breaks it, and it is told; then what the plan names is revealed, or nothing is.

use crate::*;
use frame_support::{assert_ok, derive_impl, parameter_types, traits::ConstU32};
use pallet_consent::{Handover, Handovers, NextGrant, MAX_ENVELOPES, MAX_WRITERS};
use pallet_doubles::*;
use sp_runtime::{
    traits::{Dispatchable, IdentityLookup},
    BuildStorage,
};

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;

    #[runtime::pallet_index(23)]
    pub type Consent = pallet_consent;

    #[runtime::pallet_index(28)]
    pub type Emergency = crate;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
}

parameter_types! {
    pub const RequestLifetime: Moment = 30 * DAY;
    pub const MaxGrantDuration: Moment = 5 * 365 * DAY;
}

impl pallet_consent::Config for Test {
    type Chain = Doubles;
    type Trail = TrailDouble<Self>;
    type Standing = Doubles;
    type Control = Doubles;
    type Records = Doubles;
    type Offers = Doubles;
    type Allowance = Doubles;
    type MaxPendingPerOrganisation = ConstU32<16>;
    type RequestLifetime = RequestLifetime;
    type MaxGrantDuration = MaxGrantDuration;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::mock::benchmark::World;
}

impl crate::Config for Test {
    type Chain = Doubles;
    type Trail = TrailDouble<Self>;
    type Standing = Doubles;
    type Control = Doubles;
    type Records = Doubles;
    type Granting = Consent;
    type GovernanceOrigin = frame_system::EnsureRoot<AccountId>;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkWorld = crate::mock::benchmark::World;
}

const SALT: [u8; 32] = [7; 32];
const PACKAGE: fn() -> Cid = || cid(100);
const LETTER: fn() -> Cid = || cid(101);

/// The compartments of the patient's plan.
const PLANNED: [CompartmentId; 2] = [LABORATORY, NOTES];

fn by(account: AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account)
}

fn plan(compartments: &[CompartmentId]) {
    add_organisations(1);
    let holders: Vec<_> = [INSURANCE, INSURANCE + 1]
        .into_iter()
        .map(|organisation| ShareHolder {
            organisation,
            share: H256::repeat_byte(organisation as u8),
        })
        .collect();
    assert_ok!(Emergency::set_plan(
        by(OWNER),
        PATIENT,
        plan_commitment(&PATIENT, &SALT, compartments),
        holders.try_into().expect("within bounds"),
        2,
        PACKAGE(),
    ));
}

fn remove(compartment: CompartmentId) {
    with(|w| w.compartments.retain(|row| *row != (PATIENT, compartment)));
}

fn give(scope: Scope, rights: Rights, envelope: Cid) -> GrantIndex {
    let index = NextGrant::<Test>::get(PATIENT);
    let terms = GrantTerms {
        scope,
        rights,
        ..terms()
    };
    assert_ok!(Consent::grant(by(OWNER), PATIENT, terms, Some(envelope)));
    index
}

fn execute(test: impl FnOnce()) {
    let storage = frame_system::GenesisConfig::<Test>::default()
        .build_storage()
        .expect("default genesis");
    sp_io::TestExternalities::new(storage).execute_with(|| {
        reset();
        System::set_block_number(1);
        test();
    });
}

/// As a transaction: what fails leaves nothing.
fn reveal(
    who: AccountId,
    glass: GlassIndex,
    compartments: &[CompartmentId],
) -> DispatchResultWithPostInfo {
    let compartments = compartments.to_vec().try_into().expect("within bounds");
    let call: RuntimeCall = Call::reveal {
        patient: PATIENT,
        glass,
        compartments,
        salt: SALT,
    }
    .into();
    call.dispatch(by(who))
}

/// What a clinician who may try gets: the compartments that open of what the package names, none if
/// nothing is revealed. The trail says so.
fn broken_by(who: AccountId, named: &[CompartmentId]) -> Option<Vec<CompartmentId>> {
    System::reset_events();
    let glass = NextGlass::<Test>::get(PATIENT);
    assert_ok!(Emergency::break_glass(by(who.clone()), PATIENT, LETTER()));
    let events = System::read_events_for_pallet::<Event<Test>>();
    assert!(
        matches!(&events[..], [Event::GlassBroken { .. }]),
        "{events:?}"
    );
    System::reset_events();
    let revealed = reveal(who, glass, named);
    let events = System::read_events_for_pallet::<Event<Test>>();
    if revealed.is_err() {
        assert_eq!(System::events().len(), 0, "half of a grant is told");
        return None;
    }
    let [Event::GlassRevealed { grant, .. }] = &events[..] else {
        panic!("not one event: {events:?}")
    };
    let row = pallet_consent::Grants::<Test>::get(PATIENT, grant).expect("granted");
    let Scope::Compartments(opened) = row.scope else {
        panic!("records")
    };
    Some(opened.into_inner())
}

fn ensure_sound() {
    Consent::do_try_state().expect("invariants hold");
    Emergency::do_try_state().expect("invariants hold");
}

#[test]
fn whatever_the_patients_side_did_a_glass_is_broken() {
    let opens = |opened: &[CompartmentId]| Some(opened.to_vec());
    /// What it is called, how it comes about, and what opens then, if anything.
    type State = (&'static str, fn(), Option<Vec<CompartmentId>>);
    let walk: [State; 14] = [
        ("nothing", || (), opens(&PLANNED)),
        (
            "the plan names a compartment that there is not",
            || remove(LABORATORY),
            None,
        ),
        ("opted out", || plan(&[]), None),
        ("never decided", || Plans::<Test>::remove(PATIENT), None),
        (
            "a package that does not say what the plan names",
            || plan(&[NOTES]),
            None,
        ),
        (
            "handed over, or voided",
            || {
                with(|w| w.decided_since.insert(PATIENT, w.now));
                <Consent as OnSuccession<_>>::on_succession(PATIENT, &OWNER);
                <Emergency as OnSuccession<_>>::on_succession(PATIENT, &OWNER);
            },
            None,
        ),
        (
            "no index of a grant is left",
            || NextGrant::<Test>::insert(PATIENT, GrantIndex::MAX),
            None,
        ),
        (
            "as many write as may",
            || {
                for _ in 0..MAX_WRITERS {
                    give(compartments(&[NOTES]), Rights::ReadWrite, cid(7));
                }
            },
            opens(&PLANNED),
        ),
        (
            "the package is handed out under many grants",
            || {
                for _ in 0..40 {
                    give(compartments(&[NOTES]), Rights::Read, PACKAGE());
                }
            },
            opens(&PLANNED),
        ),
        (
            "more keys are out than are remembered by name",
            || {
                for _ in 0..9 {
                    let opened = add_compartments(PATIENT, MAX_SCOPE);
                    let grant = give(compartments(&opened), Rights::Read, cid(7));
                    assert_ok!(Consent::revoke(by(OWNER), PATIENT, grant));
                    opened.into_iter().for_each(remove);
                }
            },
            opens(&PLANNED),
        ),
        (
            "the trail takes no more of the organisation",
            || {
                with(|w| w.entries.insert((PATIENT, HOSPITAL), 0));
            },
            opens(&PLANNED),
        ),
        (
            "the organisation's places are taken by requests",
            || {
                for _ in 0..16 {
                    let treat = Purpose::Treat;
                    let asked = Consent::request(by(DOCTOR), PATIENT, treat, DAY, LETTER(), None);
                    assert_ok!(asked);
                }
            },
            opens(&PLANNED),
        ),
        (
            "the holders are suspended",
            || with(|w| w.suspended.extend([INSURANCE, INSURANCE + 1])),
            opens(&PLANNED),
        ),
        (
            "the clinician has a grant already, and keys under it",
            || {
                give(compartments(&PLANNED), Rights::Read, PACKAGE());
            },
            opens(&PLANNED),
        ),
    ];
    for (what, did, opened) in walk {
        execute(|| {
            plan(&PLANNED);
            did();
            assert_eq!(broken_by(DOCTOR, &PLANNED), opened, "{what}");
            ensure_sound();
        });
    }
}

#[test]
fn largest_plan_opens_in_its_order() {
    execute(|| {
        let named = add_compartments(PATIENT, MAX_SCOPE);
        plan(&named);
        assert_eq!(broken_by(DOCTOR, &named), Some(named));
        ensure_sound();
    });
}

/// What is granted halfway would let read without a glass that knows of it.
#[test]
fn grant_that_fails_halfway_leaves_the_glass_as_it_was() {
    execute(|| {
        plan(&PLANNED);
        let full = Handover {
            envelopes: MAX_ENVELOPES,
            last_at: now(),
        };
        Handovers::<Test>::insert(PATIENT, 0, full);
        assert_eq!(broken_by(DOCTOR, &PLANNED), None);
        Handovers::<Test>::remove(PATIENT, 0);
        let (_, glass) = Emergency::glasses(&PATIENT, 0, 1).remove(0);
        assert_eq!((glass.grant, glass.ended_at), (None, None));
        // It can be revealed once nothing is in the way.
        assert_ok!(reveal(DOCTOR, 0, &PLANNED));
        ensure_sound();
    });
}

/// Ended by its grant, by itself, or by those who come to decide: nothing of it is left.
#[test]
fn ended_glass_lets_nobody_read() {
    let ends: [(&str, fn()); 2] = [
        ("its grant", || {
            assert_ok!(Consent::revoke(by(OWNER), PATIENT, 0));
        }),
        ("itself", || {
            assert_ok!(Emergency::end_glass(by(OWNER), PATIENT, 0));
        }),
    ];
    for (what, end) in ends {
        execute(|| {
            plan(&PLANNED);
            assert_eq!(broken_by(DOCTOR, &PLANNED), Some(PLANNED.to_vec()));
            assert!(Consent::holds_grant(&PATIENT, 0, &DOCTOR, 0));
            end();
            assert!(!Consent::holds_grant(&PATIENT, 0, &DOCTOR, 0), "{what}");
            assert!(reveal(DOCTOR, 0, &PLANNED).is_err(), "{what}");
            ensure_sound();
        });
    }
}
