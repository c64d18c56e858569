//! Whatever people do, in whatever order: a record opens if and only if a second, naive account of
//! the rules says so, and the invariants hold after every step.

use frame_support::assert_ok;
use proptest::prelude::*;
use salus_primitives::{
    rows::HOUR, AccountId, ClinicianRole, CompartmentId, GrantIndex, GrantTerms, Grantee, Member,
    Moment, OrgId, Part, Purpose, RecordIndex, RecordState, Rights, Scope,
};
use sp_core::H256;

use crate::{mock::*, Error, Event, RecordList};

const READERS: [AccountId; 4] = [DOCTOR, COLLEAGUE, SERVICE, INSURER];
const COMPARTMENTS: [CompartmentId; 3] = [INTAKE, LABORATORY, NOTES];
const PURPOSES: [Purpose; 2] = [Purpose::Treat, Purpose::HResch];

#[derive(Clone, Debug)]
struct Terms {
    reader: usize,
    to_organisation: bool,
    by_record: bool,
    picks: Vec<usize>,
    rights: Rights,
    purpose: usize,
    starts_in: Option<Moment>,
    lasts: Moment,
    window: (Option<Moment>, Option<Moment>),
}

#[derive(Clone, Debug)]
struct Attempt {
    reader: usize,
    grant: GrantIndex,
    records: Vec<RecordIndex>,
    /// Whether a person is sealed.
    sealed: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Grant(Terms),
    Revoke(GrantIndex),
    Request(usize, usize),
    Approve(u32, Terms),
    Open(Attempt),
    /// To use a grant as it is meant, but for one circumstance.
    Use(GrantIndex, usize, Option<Slip>),
    Wait(Moment),
    /// To just before, at, or just after a grant begins or ends.
    WaitFor(GrantIndex, bool, Moment),
    Void(bool),
    Suspend(OrgId, bool),
    Move(usize, OrgId),
    Erase(RecordIndex, Moment),
    Sweep,
}

#[derive(Clone, Copy, Debug)]
enum Slip {
    Reader(usize),
    Record(RecordIndex),
    Sealed,
}

/// A grant as a person would write it down.
struct Promise {
    to: AccountId,
    at: OrgId,
    whole_organisation: bool,
    scope: Scope,
    read: bool,
    from: Moment,
    until: Moment,
    window: (Moment, Moment),
    taken_back: bool,
}

#[derive(Default)]
struct Model {
    promises: Vec<Promise>,
    /// For each reader: where it works, and whether it is software.
    works_at: Vec<(OrgId, bool)>,
    suspended: [bool; 2],
    void: bool,
    /// For each record: its compartment, when it was anchored, when it is gone.
    records: Vec<(CompartmentId, Moment, Moment)>,
    refusals: std::collections::BTreeMap<(usize, Moment), u32>,
}

impl Model {
    fn opens(&self, now: Moment, attempt: &Attempt) -> bool {
        let Attempt {
            reader,
            grant,
            ref records,
            ..
        } = *attempt;
        let employer = self.works_at[reader].0;
        let Some(promise) = self.promises.get(grant as usize) else {
            return false;
        };
        if self.void || promise.taken_back || self.suspended[employer as usize] {
            return false;
        }
        if now < promise.from || now >= promise.until {
            return false;
        }
        if promise.at != employer {
            return false;
        }
        if !promise.whole_organisation && promise.to != READERS[reader] {
            return false;
        }
        if !promise.read {
            return false;
        }
        for index in records {
            let Some((compartment, anchored, gone)) = self.records.get(*index as usize) else {
                return false;
            };
            let named = match &promise.scope {
                Scope::Compartments(named) => named.iter().any(|c| c == compartment),
                Scope::Records(named) => named.iter().any(|r| r == index),
            };
            if !named || *anchored < promise.window.0 || *anchored >= promise.window.1 {
                return false;
            }
            if now >= *gone {
                return false;
            }
        }
        true
    }

    /// How the `pick`-th of those whom a grant is for would use it.
    fn fitting(&self, grant: GrantIndex, pick: usize) -> Option<Attempt> {
        let promise = self.promises.get(grant as usize)?;
        let grantees: Vec<_> = (0..READERS.len())
            .filter(|reader| match promise.whole_organisation {
                true => self.works_at[*reader].0 == promise.at,
                false => READERS[*reader] == promise.to,
            })
            .collect();
        let reader = *grantees.get(pick % grantees.len().max(1))?;
        let records = match &promise.scope {
            Scope::Records(named) => named.to_vec(),
            // Who may only write tries to read all the same.
            Scope::Compartments(named) if named.is_empty() => vec![0],
            Scope::Compartments(named) => (0..6)
                .filter(|index| named.contains(&COMPARTMENTS[*index as usize % 3]))
                .collect(),
        };
        Some(Attempt {
            reader,
            grant,
            records,
            sealed: self.works_at[reader].1,
        })
    }

    fn note(&mut self, terms: &GrantTerms) {
        let (to, at, whole_organisation) = match &terms.grantee {
            Grantee::Clinician {
                account,
                organisation,
            } => (account.clone(), *organisation, false),
            Grantee::Organisation(organisation) => (STRANGER, *organisation, true),
        };
        self.promises.push(Promise {
            to,
            at,
            whole_organisation,
            scope: terms.scope.clone(),
            read: terms.rights != Rights::Write,
            from: terms.starts_at.unwrap_or(now()),
            until: terms.expires_at,
            window: (
                terms.anchored_from.unwrap_or(0),
                terms.anchored_until.unwrap_or(Moment::MAX),
            ),
            taken_back: false,
        });
    }
}

fn to_terms(terms: &Terms) -> GrantTerms {
    let mut picks = terms.picks.clone();
    picks.sort();
    picks.dedup();
    let (scope, rights) = if terms.by_record {
        let picked: Vec<_> = picks.iter().map(|i| *i as RecordIndex).collect();
        (records(&picked), Rights::Read)
    } else if terms.rights == Rights::Write {
        (compartments(&[]), Rights::Write)
    } else {
        let picked: Vec<_> = picks.iter().map(|i| COMPARTMENTS[i % 3]).collect();
        let mut unique = picked.clone();
        unique.sort();
        unique.dedup();
        (compartments(&unique), terms.rights)
    };
    let organisation = with(|w| w.members[&READERS[terms.reader]].organisation());
    let grantee = if terms.to_organisation {
        Grantee::Organisation(organisation)
    } else {
        Grantee::Clinician {
            account: READERS[terms.reader].clone(),
            organisation,
        }
    };
    let starts_at = terms.starts_in.map(|delay| now() + delay);
    GrantTerms {
        grantee,
        scope,
        rights,
        purpose: PURPOSES[terms.purpose],
        starts_at,
        expires_at: starts_at.unwrap_or(now()) + terms.lasts,
        anchored_from: terms.window.0.map(|offset| START + offset),
        anchored_until: terms.window.1.map(|offset| START + offset),
        terms: None,
        flags: 0,
        derived_from: None,
    }
}

fn any_terms() -> impl Strategy<Value = Terms> {
    (
        0..READERS.len(),
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(0..6usize, 1..5),
        prop_oneof![
            4 => Just(Rights::Read),
            1 => Just(Rights::Write),
            2 => Just(Rights::ReadWrite)
        ],
        prop_oneof![4 => Just(0usize), 1 => Just(1)],
        prop::option::weighted(0.3, 0..2 * HOUR),
        prop_oneof![1 => 1..10u64, 3 => HOUR..48 * HOUR],
        (
            prop::option::weighted(0.2, 0..4u64),
            prop::option::weighted(0.2, 2..6u64),
        ),
    )
        .prop_map(
            |(
                reader,
                to_organisation,
                by_record,
                picks,
                rights,
                purpose,
                starts_in,
                lasts,
                window,
            )| {
                Terms {
                    reader,
                    to_organisation,
                    by_record,
                    picks,
                    rights,
                    purpose,
                    starts_in,
                    lasts,
                    window,
                }
            },
        )
}

fn any_slip() -> impl Strategy<Value = Slip> {
    prop_oneof![
        (0..READERS.len()).prop_map(Slip::Reader),
        prop_oneof![0..6u32, Just(99)].prop_map(Slip::Record),
        Just(Slip::Sealed),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any_terms().prop_map(Step::Grant),
        1 => (0..8u32).prop_map(Step::Revoke),
        1 => (0..READERS.len(), 0..2usize).prop_map(|(r, p)| Step::Request(r, p)),
        2 => (0..4u32, any_terms()).prop_map(|(r, t)| Step::Approve(r, t)),
        4 => (
            0..READERS.len(),
            0..8u32,
            prop::collection::vec(prop_oneof![20 => 0..6u32, 1 => Just(99)], 1..4),
            prop::bool::weighted(0.3),
        )
            .prop_map(|(reader, grant, records, sealed)| {
                Step::Open(Attempt {
                    reader,
                    grant,
                    records,
                    sealed,
                })
            }),
        12 => (0..16u32, 0..4usize, prop::option::weighted(0.3, any_slip()))
            .prop_map(|(grant, pick, slip)| Step::Use(grant, pick, slip)),
        2 => prop_oneof![0..5u64, 1..3 * HOUR].prop_map(Step::Wait),
        2 => (0..8u32, any::<bool>(), 0..3u64).prop_map(|(g, e, o)| Step::WaitFor(g, e, o)),
        1 => prop::bool::weighted(0.2).prop_map(Step::Void),
        1 => (0..2u32, prop::bool::weighted(0.2)).prop_map(|(o, s)| Step::Suspend(o, s)),
        1 => (0..READERS.len(), 0..2u32).prop_map(|(r, o)| Step::Move(r, o)),
        1 => (0..6u32, 0..HOUR).prop_map(|(r, d)| Step::Erase(r, d)),
        1 => Just(Step::Sweep),
    ]
}

fn start() -> Model {
    // Records 3 to 5: one more per compartment, each a few milliseconds later.
    for (i, compartment) in COMPARTMENTS.into_iter().enumerate() {
        anchor(
            PATIENT,
            3 + i as RecordIndex,
            compartment,
            START + 1 + i as Moment,
        );
    }
    set_now(START + 10);
    let later = |i: usize| {
        if i < 3 {
            START
        } else {
            START + i as Moment - 2
        }
    };
    Model {
        works_at: vec![
            (HOSPITAL, false),
            (HOSPITAL, false),
            (HOSPITAL, true),
            (INSURANCE, false),
        ],
        records: (0..6)
            .map(|i| (COMPARTMENTS[i % 3], later(i), Moment::MAX))
            .collect(),
        ..Model::default()
    }
}

/// How many opened and how many were refused, so that the test can tell that it saw both.
fn play(steps: Vec<Step>) -> (u32, u32) {
    let mut model = start();
    let mut seen = (0, 0);
    let signed = |account: &AccountId| RuntimeOrigin::signed(account.clone());
    for step in steps {
        match step {
            Step::Grant(terms) => {
                let terms = to_terms(&terms);
                if Consent::grant(signed(&OWNER), PATIENT, terms.clone(), None).is_ok() {
                    model.note(&terms);
                }
            }
            Step::Revoke(grant) => {
                let known = model.promises.get_mut(grant as usize);
                let expected = known.as_ref().is_some_and(|promise| !promise.taken_back);
                let done = Consent::revoke(signed(&OWNER), PATIENT, grant).is_ok();
                assert_eq!(done, expected, "revoking is always possible, once");
                if let Some(promise) = known {
                    promise.taken_back = true;
                }
            }
            Step::Request(reader, purpose) => {
                let (purpose, letter) = (PURPOSES[purpose], cid(7));
                let by = signed(&READERS[reader]);
                let _ = Consent::request(by, PATIENT, purpose, HOUR, letter, None);
            }
            Step::Approve(request, terms) => {
                let mut terms = to_terms(&terms);
                if let Some(row) = Consent::request_view(&PATIENT, request) {
                    terms.purpose = row.purpose;
                    if terms.rights == Rights::Read {
                        terms.grantee = Grantee::Clinician {
                            account: row.requester,
                            organisation: row.organisation,
                        };
                    }
                }
                let call = Consent::approve(signed(&CARER), PATIENT, request, terms.clone(), None);
                if call.is_ok() {
                    model.note(&terms);
                }
            }
            Step::Open(attempt) => try_opening(&mut model, attempt, &mut seen),
            Step::Use(grant, pick, slip) => {
                let known = model.promises.len().max(1) as GrantIndex;
                let Some(mut attempt) = model.fitting(grant % known, pick) else {
                    continue;
                };
                match slip {
                    None => {}
                    Some(Slip::Reader(reader)) => attempt.reader = reader,
                    Some(Slip::Record(record)) => attempt.records.push(record),
                    Some(Slip::Sealed) => attempt.sealed = !attempt.sealed,
                }
                try_opening(&mut model, attempt, &mut seen);
            }
            Step::Wait(by) => set_now(now() + by),
            Step::WaitFor(grant, its_end, offset) => {
                if let Some(promise) = model.promises.get(grant as usize) {
                    let to = if its_end { promise.until } else { promise.from };
                    set_now(now().max(to + offset - 1));
                }
            }
            Step::Void(void) => {
                model.void = void;
                with(|w| w.voided = if void { vec![PATIENT] } else { vec![] });
            }
            Step::Suspend(organisation, suspended) => {
                model.suspended[organisation as usize] = suspended;
                with(|w| {
                    w.suspended.retain(|o| *o != organisation);
                    if suspended {
                        w.suspended.push(organisation);
                    }
                });
            }
            Step::Move(reader, organisation) => {
                model.works_at[reader].0 = organisation;
                let role = match model.works_at[reader].1 {
                    true => ClinicianRole::Service,
                    false => ClinicianRole::Physician,
                };
                let member = Member::Clinician { organisation, role };
                with(|w| w.members.insert(READERS[reader].clone(), member));
            }
            Step::Erase(record, delay) => {
                let until = now() + delay;
                model.records[record as usize].2 = until;
                set_record_state(PATIENT, record, RecordState::ErasePending { until });
            }
            Step::Sweep => {
                assert_ok!(Consent::sweep(signed(&STRANGER), 3));
            }
        }
        try_state();
    }
    seen
}

fn try_opening(model: &mut Model, attempt: Attempt, seen: &mut (u32, u32)) {
    let expected = model.opens(now(), &attempt);
    let reader = attempt.reader;
    let call = AccessLog::open(
        RuntimeOrigin::signed(READERS[reader].clone()),
        PATIENT,
        RecordList::try_from(attempt.records).expect("few"),
        Part::Full,
        attempt.grant,
        attempt.sealed.then_some(H256::repeat_byte(9)),
    )
    .map(|_| ())
    .map_err(|failure| failure.error);
    if model.suspended[model.works_at[reader].0 as usize] {
        assert_eq!(call, Err(Error::<Test>::NotAMember.into()));
        return;
    }
    // Whatever else is wrong: who signs says first on whose behalf.
    match (model.works_at[reader].1, attempt.sealed) {
        (true, false) => return assert_eq!(call, Err(Error::<Test>::NoPerson.into())),
        (false, true) => return assert_eq!(call, Err(Error::<Test>::PersonSigns.into())),
        _ => {}
    }
    if expected {
        assert_ok!(call);
        assert!(
            matches!(last(), Event::Opened { .. }),
            "allowed but not opened"
        );
        seen.0 += 1;
        return;
    }
    let used = model.refusals.entry((reader, now() / HOUR)).or_default();
    if *used < 20 {
        *used += 1;
        assert_ok!(call);
        assert!(matches!(last(), Event::Refused { .. }), "opened unallowed");
        seen.1 += 1;
    } else {
        assert_eq!(call, Err(Error::<Test>::TooManyRefusals.into()));
    }
}

fn last() -> Event<Test> {
    match System::events().pop().expect("an event").event {
        RuntimeEvent::AccessLog(event) => event,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_record_opens_if_and_only_if_the_rules_say_so(
        steps in prop::collection::vec(any_step(), 1..80)
    ) {
        ExtBuilder.build().execute_with(|| {
            play(steps);
        });
    }
}

#[test]
fn the_sequences_reach_both_outcomes() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(any_step(), 40..80);
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..64 {
        let steps = steps.new_tree(&mut runner).expect("steps").current();
        let seen = ExtBuilder.build().execute_with(|| play(steps));
        opened += seen.0;
        refused += seen.1;
    }
    assert!(
        opened > 200 && refused > 200,
        "{opened} opened, {refused} refused"
    );
}
