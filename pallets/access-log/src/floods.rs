//! Whatever the accounts of several organisations do, in whatever order and at whatever hour: a
//! patient's trail grows by no more than an organisation's allowance in each hour, and by exactly
//! what a second, naive account of the rules says.

use std::collections::BTreeMap;

use frame_support::assert_noop;
use proptest::prelude::*;
use salus_primitives::{
    rows::{HOUR, MAX_DELIVERIES},
    traits::TrailAllowance,
    AccountId, ClinicianRole, Delivery, GrantIndex, GrantTerms, Grantee, Member, Moment, OrgId,
    Part, RecordIndex,
};
use sp_runtime::DispatchResult;

use crate::{mock::*, Error, RecordList, DELIVERY_WITHIN, ENTRIES_PER_HOUR, REFUSALS_PER_HOUR};

const ORGANISATIONS: usize = 3;
const CLINICIANS: usize = 4;

/// In `LABORATORY`, as each organisation's grant names it, and in `NOTES`.
const SHARED: RecordIndex = 1;
const HIDDEN: RecordIndex = 2;

#[derive(Clone, Debug)]
enum Step {
    /// A clinician opens, or tries to, so many times.
    Open {
        organisation: usize,
        clinician: usize,
        hidden: bool,
        times: u32,
    },
    /// A vault reports so many batches of what a clinician of some organisation was handed out.
    Deliver {
        vault: usize,
        organisation: usize,
        clinician: usize,
        forgery: Option<Forgery>,
        size: u32,
        times: u32,
    },
    /// Another pallet charges for what it writes.
    Spend {
        organisation: usize,
        entries: u32,
    },
    Wait(Moment),
}

#[derive(Clone, Copy, Debug)]
enum Forgery {
    Reader,
    Record,
    Grant,
    OwnRead,
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<(usize, Moment), u32>,
    refusals: BTreeMap<(usize, usize, Moment), u32>,
    opened_at: BTreeMap<usize, Moment>,
}

impl Model {
    fn left(&mut self, organisation: usize) -> &mut u32 {
        self.entries
            .entry((organisation, now() / HOUR))
            .or_insert(ENTRIES_PER_HOUR)
    }
}

fn organisation(n: usize) -> OrgId {
    n as OrgId
}

fn clinician(organisation: usize, n: usize) -> AccountId {
    AccountId::new([100 + (organisation * 10 + n) as u8; 32])
}

fn service(organisation: usize) -> AccountId {
    AccountId::new([200 + organisation as u8; 32])
}

fn any_forgery() -> impl Strategy<Value = Forgery> {
    prop::sample::select(vec![
        Forgery::Reader,
        Forgery::Record,
        Forgery::Grant,
        Forgery::OwnRead,
    ])
}

fn any_step() -> impl Strategy<Value = Step> {
    let organisations = 0..ORGANISATIONS;
    prop_oneof![
        5 => (
            organisations.clone(),
            0..CLINICIANS,
            prop::bool::weighted(0.2),
            prop_oneof![3 => 1..40u32, 2 => 200..700u32],
        )
            .prop_map(|(organisation, clinician, hidden, times)| Step::Open {
                organisation,
                clinician,
                hidden,
                times,
            }),
        5 => (
            organisations.clone(),
            organisations.clone(),
            0..CLINICIANS,
            prop::option::weighted(0.2, any_forgery()),
            1..=MAX_DELIVERIES,
            prop_oneof![3 => 1..4u32, 1 => 8..17u32],
        )
            .prop_map(|(vault, organisation, clinician, forgery, size, times)| Step::Deliver {
                vault,
                organisation,
                clinician,
                forgery,
                size,
                times,
            }),
        2 => (organisations, prop_oneof![1..40u32, 400..1_100u32])
            .prop_map(|(organisation, entries)| Step::Spend {
                organisation,
                entries,
            }),
        2 => prop_oneof![1..HOUR, Just(HOUR), 20 * HOUR..30 * HOUR].prop_map(Step::Wait),
    ]
}

/// Three organisations of four clinicians and a service, each with a grant under its own number.
fn start() {
    add_organisations(1);
    for n in 0..ORGANISATIONS {
        let organisation = organisation(n);
        let member = |role| Member::Clinician { organisation, role };
        for i in 0..CLINICIANS {
            let role = member(ClinicianRole::Physician);
            with(|w| w.members.insert(clinician(n, i), role));
        }
        let role = member(ClinicianRole::Service);
        with(|w| w.members.insert(service(n), role));
        let grant = share(GrantTerms {
            grantee: Grantee::Organisation(organisation),
            expires_at: now() + 1_000 * DELIVERY_WITHIN,
            ..terms()
        });
        assert_eq!(grant as usize, n);
    }
}

/// What steps came to, so that the test can tell that it saw all of it.
#[derive(Debug, Default)]
struct Seen {
    opened: u32,
    reported: u32,
    forged: u32,
    exhausted: u32,
}

fn play(steps: Vec<Step>) -> Seen {
    start();
    let mut model = Model::default();
    let mut seen = Seen::default();
    let mut grown = BTreeMap::<(usize, Moment), u64>::new();
    for step in steps {
        let count = || AccessLog::trail_head(&PATIENT).count;
        let (before, hour) = (count(), now() / HOUR);
        let writer = match step {
            Step::Open {
                organisation,
                clinician,
                hidden,
                times,
            } => {
                for _ in 0..times {
                    open(&mut model, &mut seen, organisation, clinician, hidden);
                }
                Some(organisation)
            }
            Step::Deliver {
                vault,
                organisation,
                clinician,
                forgery,
                size,
                times,
            } => {
                for _ in 0..times {
                    let delivery = delivery(organisation, clinician, forgery);
                    deliver(
                        &mut model,
                        &mut seen,
                        vault,
                        organisation,
                        delivery,
                        forgery.is_some(),
                        size,
                    );
                }
                Some(vault)
            }
            Step::Spend {
                organisation: n,
                entries,
            } => {
                let left = model.left(n);
                let spent = AccessLog::spend(&PATIENT, organisation(n), entries);
                assert_eq!(spent.is_ok(), entries <= *left);
                if spent.is_ok() {
                    *left -= entries;
                    // The entries that the other pallet writes.
                    *grown.entry((n, hour)).or_default() += u64::from(entries);
                }
                None
            }
            Step::Wait(by) => {
                set_now(now() + by);
                None
            }
        };
        if let Some(writer) = writer {
            *grown.entry((writer, hour)).or_default() += count() - before;
        }
        let most = u64::from(ENTRIES_PER_HOUR);
        assert!(
            grown.values().all(|entries| *entries <= most),
            "a trail flooded: {grown:?}"
        );
        System::reset_events();
        try_state();
    }
    seen
}

fn open(model: &mut Model, seen: &mut Seen, n: usize, who: usize, hidden: bool) {
    let record = if hidden { HIDDEN } else { SHARED };
    let result: DispatchResult = AccessLog::open(
        RuntimeOrigin::signed(clinician(n, who)),
        PATIENT,
        RecordList::try_from(vec![record]).expect("few"),
        Part::Full,
        n as GrantIndex,
        None,
    )
    .map(|_| ())
    .map_err(|failure| failure.error);
    if *model.left(n) == 0 {
        assert_eq!(result, Err(Error::<Test>::TooManyEntries.into()));
        seen.exhausted += 1;
        return;
    }
    if hidden {
        let refused = model.refusals.entry((n, who, now() / HOUR)).or_default();
        if *refused == REFUSALS_PER_HOUR {
            assert_eq!(result, Err(Error::<Test>::TooManyRefusals.into()));
            return;
        }
        *refused += 1;
    } else {
        model.opened_at.insert(n, now());
        seen.opened += 1;
    }
    assert_eq!(result, Ok(()));
    *model.left(n) -= 1;
}

fn delivery(organisation: usize, who: usize, forgery: Option<Forgery>) -> Delivery {
    let honest = Delivery {
        patient: PATIENT,
        reader: clinician(organisation, who),
        grant: organisation as GrantIndex,
        record: SHARED,
        part: Part::Full,
    };
    let another = (organisation + 1) % ORGANISATIONS;
    match forgery {
        None => honest,
        Some(Forgery::Reader) => Delivery {
            reader: clinician(another, who),
            ..honest
        },
        Some(Forgery::Record) => Delivery {
            record: HIDDEN,
            ..honest
        },
        Some(Forgery::Grant) => Delivery {
            grant: another as GrantIndex,
            ..honest
        },
        Some(Forgery::OwnRead) => Delivery {
            reader: OWNER,
            ..honest
        },
    }
}

fn deliver(
    model: &mut Model,
    seen: &mut Seen,
    vault: usize,
    of: usize,
    delivery: Delivery,
    forged: bool,
    size: u32,
) {
    let batch = vec![delivery.clone(); size as usize];
    let report = || -> DispatchResult {
        let batch = batch.clone().try_into().expect("within bounds");
        AccessLog::delivered(RuntimeOrigin::signed(service(vault)), batch)
            .map(|_| ())
            .map_err(|failure| failure.error)
    };
    let left = *model.left(vault);
    let matches = !forged
        && model
            .opened_at
            .get(&of)
            .is_some_and(|at| now() - at <= DELIVERY_WITHIN);
    assert_eq!(
        AccessLog::may_report(organisation(vault), &delivery),
        matches && left > 0
    );
    if left == 0 {
        assert_noop!(report(), Error::<Test>::TooManyEntries);
        seen.exhausted += 1;
    } else if !matches {
        assert_noop!(report(), Error::<Test>::NothingOpened);
        seen.forged += u32::from(forged);
    } else if size > left {
        assert_noop!(report(), Error::<Test>::TooManyEntries);
        seen.exhausted += 1;
    } else {
        assert_eq!(report(), Ok(()));
        *model.left(vault) -= size;
        seen.reported += size;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_trail_never_grows_by_more_than_the_allowance_of_an_organisation_and_hour(
        steps in prop::collection::vec(any_step(), 1..24)
    ) {
        ExtBuilder.build().execute_with(|| {
            play(steps);
        });
    }
}

#[test]
fn the_sequences_reach_every_outcome() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(any_step(), 16..24);
    let mut all = Seen::default();
    for _ in 0..16 {
        let steps = steps.new_tree(&mut runner).expect("steps").current();
        let seen = ExtBuilder.build().execute_with(|| play(steps));
        all.opened += seen.opened;
        all.reported += seen.reported;
        all.forged += seen.forged;
        all.exhausted += seen.exhausted;
    }
    assert!(
        all.opened > 1_000 && all.reported > 1_000 && all.forged > 10 && all.exhausted > 10,
        "{all:?}"
    );
}
