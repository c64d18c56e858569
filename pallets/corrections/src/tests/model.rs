//! Random sequences of calls, against the state table of the crate docs.

use super::*;
use proptest::prelude::*;

/// Those who decide, those who answer for [`WRONG`] and [`RIGHT`], and the rest.
const NAMES: [&str; 6] = [
    "owner",
    "guardian",
    "physician",
    "hospital-admin",
    "nurse",
    "carer",
];

#[derive(Clone, Copy, Debug)]
enum Action {
    Ask(RecordIndex),
    Accept(u32, RecordIndex),
    PartlyAccept(u32, RecordIndex),
    Deny(u32),
    Disagree(u32),
    Rebut(u32),
    Extend(u32),
    Make(RecordIndex, RecordIndex),
    Wait(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Requested,
    Corrected,
    Denied,
    Disagreed,
    Rebutted,
}

#[derive(Clone)]
struct Request {
    record: RecordIndex,
    due_at: u64,
    extended: bool,
    state: State,
}

/// The hospital's records only: [`WRONG`], [`RIGHT`] and [`BY_COLLEAGUE`].
#[derive(Clone)]
struct Model {
    now: u64,
    requests: Vec<Request>,
    corrected_by: [Option<RecordIndex>; 3],
}

impl Model {
    fn decides(name: &str) -> bool {
        name == "owner" || name == "guardian"
    }

    fn answers(name: &str, record: RecordIndex) -> bool {
        match name {
            "hospital-admin" => true,
            "physician" => record != BY_COLLEAGUE,
            "nurse" => record == BY_COLLEAGUE,
            _ => false,
        }
    }

    fn correctable(&self, record: RecordIndex) -> bool {
        self.corrected_by[record as usize].is_none()
            && !self
                .requests
                .iter()
                .any(|request| request.record == record && request.state == State::Requested)
    }

    fn link(&mut self, record: RecordIndex, replacement: RecordIndex) -> Option<()> {
        let free = self.corrected_by[record as usize].is_none()
            && !self.corrected_by.contains(&Some(replacement));
        (free && replacement > record).then_some(())?;
        self.corrected_by[record as usize] = Some(replacement);
        Some(())
    }

    /// Moves a request from one state to another.
    fn step(
        &mut self,
        may: impl Fn(RecordIndex) -> bool,
        index: u32,
        from: State,
        to: State,
    ) -> Option<RecordIndex> {
        let request = self.requests.get_mut(index as usize)?;
        (may(request.record) && request.state == from).then_some(())?;
        request.state = to;
        Some(request.record)
    }

    /// None if the call must fail, and then the model may be half changed.
    fn act(&mut self, name: &str, action: Action) -> Option<()> {
        let answers = |record| Self::answers(name, record);
        let decides = |_| Self::decides(name);
        match action {
            Action::Ask(record) => {
                (Self::decides(name) && self.correctable(record)).then_some(())?;
                let due_at = self.now + ANSWER_WITHIN;
                let state = State::Requested;
                self.requests.push(Request {
                    record,
                    due_at,
                    extended: false,
                    state,
                });
                Some(())
            }
            Action::Accept(index, replacement) | Action::PartlyAccept(index, replacement) => {
                let record = self.step(answers, index, State::Requested, State::Corrected)?;
                self.link(record, replacement)
            }
            Action::Deny(index) => self
                .step(answers, index, State::Requested, State::Denied)
                .map(drop),
            Action::Disagree(index) => self
                .step(decides, index, State::Denied, State::Disagreed)
                .map(drop),
            Action::Rebut(index) => self
                .step(answers, index, State::Disagreed, State::Rebutted)
                .map(drop),
            Action::Extend(index) => {
                self.step(answers, index, State::Requested, State::Requested)?;
                let now = self.now;
                let request = self.requests.get_mut(index as usize)?;
                (!request.extended && now < request.due_at).then_some(())?;
                request.extended = true;
                request.due_at += EXTENSION;
                Some(())
            }
            Action::Make(record, replacement) => {
                (Self::answers(name, record) && self.correctable(record)).then_some(())?;
                self.link(record, replacement)
            }
            Action::Wait(by) => {
                self.now += by;
                Some(())
            }
        }
    }
}

fn call(name: &str, action: Action, now: u64) -> DispatchResult {
    let who = signed(name);
    match action {
        Action::Ask(record) => Corrections::ask(who, PATIENT, record, letter(0)),
        Action::Accept(index, new) => Corrections::accept(who, PATIENT, index, new),
        Action::PartlyAccept(index, new) => {
            Corrections::partly_accept(who, PATIENT, index, new, letter(1))
        }
        Action::Deny(index) => Corrections::deny(who, PATIENT, index, letter(1)),
        Action::Disagree(index) => Corrections::disagree(who, PATIENT, index, letter(2)),
        Action::Rebut(index) => Corrections::rebut(who, PATIENT, index, letter(3)),
        Action::Extend(index) => Corrections::extend(who, PATIENT, index),
        Action::Make(record, new) => Corrections::make(who, PATIENT, record, new),
        Action::Wait(by) => {
            set_now(now + by);
            Ok(())
        }
    }
}

fn state(row: &Correction) -> State {
    match row.state {
        CorrectionState::Requested => State::Requested,
        CorrectionState::Accepted { .. } | CorrectionState::PartlyAccepted { .. } => {
            State::Corrected
        }
        CorrectionState::Denied { .. } => State::Denied,
        CorrectionState::Disagreed { .. } => State::Disagreed,
        CorrectionState::Rebutted { .. } => State::Rebutted,
    }
}

fn actions() -> impl Strategy<Value = Action> {
    let records = || 0..3u32;
    let requests = || 0..4u32;
    prop_oneof![
        4 => records().prop_map(Action::Ask),
        1 => (requests(), records()).prop_map(|(c, r)| Action::Accept(c, r)),
        1 => (requests(), records()).prop_map(|(c, r)| Action::PartlyAccept(c, r)),
        3 => requests().prop_map(Action::Deny),
        3 => requests().prop_map(Action::Disagree),
        3 => requests().prop_map(Action::Rebut),
        2 => requests().prop_map(Action::Extend),
        1 => (records(), records()).prop_map(|(r, new)| Action::Make(r, new)),
        1 => prop_oneof![Just(1), Just(EXTENSION), Just(ANSWER_WITHIN - 1), Just(ANSWER_WITHIN)]
            .prop_map(Action::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_sequence_of_calls_does_what_the_model_does(
        steps in prop::collection::vec((prop::sample::select(&NAMES[..]), actions()), 1..80)
    ) {
        ExtBuilder.build_and_execute(|| {
            let mut model = Model { now: START, requests: vec![], corrected_by: [None; 3] };
            for (name, action) in steps {
                let mut next = model.clone();
                let expected = next.act(name, action);
                let before = Entries::get().len();
                let done = call(name, action, model.now);
                assert_eq!(done.is_ok(), expected.is_some(), "{name}: {action:?}: {done:?}");
                match done {
                    Ok(()) => model = next,
                    Err(_) => assert_eq!(Entries::get().len(), before, "a failed call left a trace"),
                }

                Corrections::do_try_state().unwrap();
                let rows = Corrections::corrections(&PATIENT, 0, MAX_PAGE);
                assert_eq!(rows.len(), model.requests.len());
                for ((_, row), request) in rows.iter().zip(&model.requests) {
                    assert_eq!(
                        (row.record, row.due_at, row.extended, state(row)),
                        (request.record, request.due_at, request.extended, request.state)
                    );
                }
                for index in [WRONG, RIGHT, BY_COLLEAGUE] {
                    assert_eq!(record(index).corrected_by, model.corrected_by[index as usize]);
                }
            }
        });
    }
}
