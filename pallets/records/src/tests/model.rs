//! Random sequences of calls, against a model that a reader can check at a glance.

use super::*;
use proptest::prelude::*;
use salus_primitives::{AccountId, FormerContent, PatientId};
use std::collections::BTreeMap;

const NAMES: [&str; 6] = [
    "owner",
    "guardian",
    "carer",
    "other-owner",
    "laboratorian",
    "stranger",
];
const PATIENTS: [PatientId; 2] = [PATIENT, OTHER_PATIENT];
const CONTENTS: u8 = 9;
const COMPARTMENTS: [CompartmentId; 4] = [INTAKE, LABORATORY, NOTES, NOWHERE];

/// A new file: for which compartment, how many epochs off, and its content; 0 is malformed.
#[derive(Clone, Debug)]
struct File {
    compartment: CompartmentId,
    off: u32,
    content: u8,
}

#[derive(Clone, Debug)]
struct Anchor {
    patient: PatientId,
    with_grant: bool,
    file: File,
}

#[derive(Clone, Debug)]
enum Action {
    Rotate(PatientId, CompartmentId, u32),
    AnchorOne(Anchor),
    AnchorMany(Vec<Anchor>),
    Reclassify(PatientId, RecordIndex, File),
    Relocate(PatientId, RecordIndex, File),
    Erase(PatientId, RecordIndex),
    Cancel(PatientId, RecordIndex),
    Finish(PatientId, RecordIndex),
    Restore(PatientId, RecordIndex, u8),
    Wait(u64),
}

fn patients() -> impl Strategy<Value = PatientId> {
    prop_oneof![4 => Just(PATIENT), 1 => Just(OTHER_PATIENT)]
}

fn files() -> impl Strategy<Value = File> {
    (
        prop::sample::select(&COMPARTMENTS[..]),
        prop_oneof![6 => Just(0u32), 1 => Just(1)],
        prop_oneof![1 => Just(0u8), 12 => 1..CONTENTS],
    )
        .prop_map(|(compartment, off, content)| File {
            compartment,
            off,
            content,
        })
}

fn anchors() -> impl Strategy<Value = Anchor> {
    (patients(), any::<bool>(), files()).prop_map(|(patient, with_grant, file)| Anchor {
        patient,
        with_grant,
        file,
    })
}

fn actions() -> impl Strategy<Value = Action> {
    let compartments = || prop::sample::select(&COMPARTMENTS[..]);
    // Few records, so that sequences of calls meet the same one.
    let indices = || prop_oneof![6 => 0..2u32, 1 => 2..5u32];
    prop_oneof![
        1 => (patients(), compartments(), 0..3u32).prop_map(|(p, c, off)| Action::Rotate(p, c, off)),
        4 => anchors().prop_map(Action::AnchorOne),
        1 => prop::collection::vec(anchors(), 0..3).prop_map(Action::AnchorMany),
        2 => (patients(), indices(), files()).prop_map(|(p, i, f)| Action::Reclassify(p, i, f)),
        2 => (patients(), indices(), files()).prop_map(|(p, i, f)| Action::Relocate(p, i, f)),
        4 => (patients(), indices()).prop_map(|(p, i)| Action::Erase(p, i)),
        1 => (patients(), indices()).prop_map(|(p, i)| Action::Cancel(p, i)),
        5 => (patients(), indices()).prop_map(|(p, i)| Action::Finish(p, i)),
        4 => (patients(), indices(), 0..CONTENTS).prop_map(|(p, i, n)| Action::Restore(p, i, n)),
        3 => prop_oneof![1 => Just(1), 1 => Just(HOUR), 2 => Just(ERASE_DELAY - 1), 4 => Just(ERASE_DELAY)]
            .prop_map(Action::Wait),
    ]
}

/// Owners and the laboratorian act most.
fn names() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("owner"),
        3 => Just("laboratorian"),
        2 => prop::sample::select(&NAMES[..])
    ]
}

fn cid(n: u8) -> Cid {
    match n {
        0 => Cid([0; 36]),
        n => content(n),
    }
}

#[derive(Clone)]
struct Model {
    now: u64,
    epochs: BTreeMap<(PatientId, CompartmentId), u32>,
    records: BTreeMap<PatientId, Vec<Record>>,
    /// In order of time, those that are over too.
    former: BTreeMap<(PatientId, RecordIndex), Vec<FormerContent>>,
}

impl Model {
    fn new() -> Self {
        Self {
            now: START + HOUR,
            epochs: PATIENTS
                .iter()
                .flat_map(|patient| (0..32).map(|n| ((*patient, CompartmentId([n + 10; 16])), 0)))
                .collect(),
            records: PATIENTS.map(|patient| (patient, vec![])).into(),
            former: BTreeMap::new(),
        }
    }

    /// What can be restored.
    fn kept(&self, patient: PatientId, index: RecordIndex) -> Vec<FormerContent> {
        let all = self.former.get(&(patient, index)).into_iter().flatten();
        all.filter(|former| self.now < former.until)
            .cloned()
            .collect()
    }

    /// Whether one of the patient's records is erased and names or named this content, or else
    /// whether one of them names it.
    fn reference(&self, patient: PatientId, content: Cid) -> Option<bool> {
        let naming = (0..)
            .zip(&self.records[&patient])
            .filter_map(|(index, record)| {
                let erased = record.is_erased(self.now);
                // What was over when the erasure was asked for was forgotten then.
                let former = match erased {
                    true => self
                        .former
                        .get(&(patient, index))
                        .cloned()
                        .unwrap_or_default(),
                    false => self.kept(patient, index),
                };
                let names = record.content == content
                    || former.iter().any(|former| former.content == content);
                names.then_some(erased)
            });
        naming.max()
    }

    fn swap(
        &mut self,
        patient: PatientId,
        index: RecordIndex,
        former: Vec<FormerContent>,
        new: &FormerContent,
    ) -> Option<()> {
        let until = self.now + ERASE_DELAY;
        let record = self.records.get_mut(&patient)?.get_mut(index as usize)?;
        let mut former = former;
        former.push(FormerContent {
            content: record.content,
            compartment: record.compartment,
            epoch: record.epoch,
            placed_by: record.placed_by.clone(),
            until,
        });
        self.former.insert((patient, index), former);
        record.compartment = new.compartment;
        record.epoch = new.epoch;
        record.content = new.content;
        record.placed_by = new.placed_by.clone();
        Some(())
    }

    fn decides(name: &str, patient: PatientId) -> bool {
        match patient {
            PATIENT => name == "owner" || name == "guardian",
            _ => name == "other-owner",
        }
    }

    fn epoch(&self, patient: PatientId, compartment: CompartmentId) -> u32 {
        self.epochs
            .get(&(patient, compartment))
            .copied()
            .unwrap_or(0)
    }

    fn fits(&self, patient: PatientId, file: &File) -> bool {
        self.epochs.contains_key(&(patient, file.compartment)) && file.off == 0 && file.content > 0
    }

    fn anchor(&mut self, name: &str, anchor: &Anchor) -> Option<()> {
        let Anchor {
            patient,
            with_grant,
            ref file,
        } = *anchor;
        let allowed = match with_grant {
            false => Self::decides(name, patient),
            true => name == "laboratorian" && patient == PATIENT,
        };
        (allowed && self.fits(patient, file)).then_some(())?;
        let author: AccountId = account(name);
        let record = Record {
            compartment: file.compartment,
            epoch: self.epoch(patient, file.compartment),
            author: author.clone(),
            person: None,
            organisation: with_grant.then_some(ORGANISATION),
            placed_by: author,
            content: cid(file.content),
            commitment: H256::repeat_byte(file.content),
            anchored_at: self.now,
            corrects: None,
            corrected_by: None,
            state: RecordState::Current,
        };
        self.records.get_mut(&patient)?.push(record);
        Some(())
    }

    /// The record, if the name decides and it is not erased.
    fn decided(
        &mut self,
        name: &str,
        patient: PatientId,
        index: RecordIndex,
    ) -> Option<&mut Record> {
        let now = self.now;
        let record = self.records.get_mut(&patient)?.get_mut(index as usize)?;
        (Self::decides(name, patient) && !record.is_erased(now)).then_some(record)
    }

    fn place(
        &mut self,
        name: &str,
        patient: PatientId,
        index: RecordIndex,
        file: &File,
    ) -> Option<()> {
        let fits = self.fits(patient, file);
        let new = FormerContent {
            content: cid(file.content),
            compartment: file.compartment,
            epoch: self.epoch(patient, file.compartment),
            placed_by: account(name),
            until: 0,
        };
        let kept = self.kept(patient, index);
        let record = self.decided(name, patient, index)?;
        let is_new = record.content != new.content
            && kept.iter().all(|former| former.content != new.content);
        (fits && is_new && kept.len() < MAX_FORMER as usize).then_some(())?;
        self.swap(patient, index, kept, &new)
    }

    /// What the call must do; none if it must fail, and then the model may be half changed.
    fn act(&mut self, name: &str, action: &Action) -> Option<()> {
        let now = self.now;
        match *action {
            Action::Rotate(patient, compartment, off) => {
                let epoch = self.epochs.get_mut(&(patient, compartment))?;
                *epoch += 1;
                (Self::decides(name, patient) && off == 1).then_some(())
            }
            Action::AnchorOne(ref anchor) => self.anchor(name, anchor),
            Action::AnchorMany(ref anchors) => {
                (!anchors.is_empty()).then_some(())?;
                anchors
                    .iter()
                    .try_for_each(|anchor| self.anchor(name, anchor))
            }
            Action::Reclassify(patient, index, ref file) => {
                let record = self.decided(name, patient, index)?;
                (record.compartment != file.compartment).then_some(())?;
                self.place(name, patient, index, file)
            }
            Action::Relocate(patient, index, ref file) => {
                let compartment = self.decided(name, patient, index)?.compartment;
                self.place(
                    name,
                    patient,
                    index,
                    &File {
                        compartment,
                        ..file.clone()
                    },
                )
            }
            Action::Erase(patient, index) => {
                let record = self.decided(name, patient, index)?;
                (record.state == RecordState::Current).then_some(())?;
                record.state = RecordState::ErasePending {
                    until: now + ERASE_DELAY,
                };
                let kept = self.kept(patient, index);
                self.former.insert((patient, index), kept);
                Some(())
            }
            Action::Cancel(patient, index) => {
                let record = self.decided(name, patient, index)?;
                (record.state != RecordState::Current).then_some(())?;
                record.state = RecordState::Current;
                Some(())
            }
            Action::Finish(patient, index) => {
                let known = match patient {
                    PATIENT => ["owner", "guardian", "carer", "laboratorian"].contains(&name),
                    _ => ["other-owner", "laboratorian"].contains(&name),
                };
                let record = self.records.get_mut(&patient)?.get_mut(index as usize)?;
                let due =
                    matches!(record.state, RecordState::ErasePending { until } if until <= now);
                record.state = RecordState::Erased;
                (known && due).then_some(())
            }
            Action::Restore(patient, index, content) => {
                self.decided(name, patient, index)?;
                let mut kept = self.kept(patient, index);
                let position = kept
                    .iter()
                    .position(|former| former.content == cid(content))?;
                let restored = kept.remove(position);
                self.swap(patient, index, kept, &restored)
            }
            Action::Wait(by) => {
                self.now += by;
                Some(())
            }
        }
    }
}

fn call(model: &Model, name: &str, action: &Action) -> DispatchResult {
    let new = |anchor: &Anchor| {
        let Anchor {
            patient,
            with_grant,
            file,
        } = anchor;
        let epoch = model.epoch(*patient, file.compartment) + file.off;
        let mut new = new_record(file.compartment, epoch, file.content);
        new.content = cid(file.content);
        (*patient, with_grant.then_some(GRANT), new)
    };
    match *action {
        Action::Rotate(patient, compartment, off) => {
            let epoch = model.epoch(patient, compartment) + off;
            let key = recipient(name, patient, compartment, epoch);
            Records::rotate(signed(name), patient, compartment, key)
        }
        Action::AnchorOne(ref anchor) => {
            let (patient, grant, record) = new(anchor);
            Records::anchor(signed(name), patient, grant, record)
        }
        Action::AnchorMany(ref anchors) => {
            let items: Vec<_> = anchors.iter().map(new).collect();
            plain(Records::anchor_many(
                signed(name),
                items.try_into().unwrap(),
            ))
        }
        Action::Reclassify(patient, index, ref file) => {
            let epoch = model.epoch(patient, file.compartment) + file.off;
            let content = cid(file.content);
            plain(Records::reclassify(
                signed(name),
                patient,
                index,
                file.compartment,
                epoch,
                content,
            ))
        }
        Action::Relocate(patient, index, ref file) => {
            let compartment = model.records[&patient]
                .get(index as usize)
                .map_or(INTAKE, |record| record.compartment);
            let epoch = model.epoch(patient, compartment) + file.off;
            let content = cid(file.content);
            plain(Records::relocate(
                signed(name),
                patient,
                index,
                epoch,
                content,
            ))
        }
        Action::Erase(patient, index) => plain(Records::erase(signed(name), patient, index)),
        Action::Cancel(patient, index) => {
            plain(Records::cancel_erase(signed(name), patient, index))
        }
        Action::Finish(patient, index) => Records::finish_erase(signed(name), patient, index),
        Action::Restore(patient, index, content) => {
            plain(Records::restore(signed(name), patient, index, cid(content)))
        }
        Action::Wait(by) => {
            advance(by);
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_sequence_of_calls_does_what_the_model_does(
        steps in prop::collection::vec((names(), actions()), 1..60)
    ) {
        ExtBuilder.build_and_execute(|| {
            let mut model = Model::new();
            for (name, action) in steps {
                let mut next = model.clone();
                let expected = next.act(name, &action);
                let before = Entries::get().len();
                let done = call(&model, name, &action);
                assert_eq!(done.is_ok(), expected.is_some(), "{name}: {action:?}: {done:?}");
                match done {
                    Ok(()) => model = next,
                    Err(_) => assert_eq!(Entries::get().len(), before, "a failed call left a trace"),
                }

                Records::do_try_state().unwrap();
                for patient in PATIENTS {
                    let rows = Records::records(&patient, 0, MAX_PAGE);
                    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
                    assert_eq!(rows, model.records[&patient]);
                    for (index, row) in (0..).zip(rows) {
                        let former = match row.is_erased(model.now) {
                            true => vec![],
                            false => model.kept(patient, index),
                        };
                        assert_eq!(Records::former_contents(&patient, index), former);
                    }
                    for content in (1..CONTENTS).map(cid) {
                        let reference = match Records::reference(&patient, &content) {
                            Reference::Unnamed => None,
                            Reference::Named => Some(false),
                            Reference::Erased => Some(true),
                        };
                        assert_eq!(reference, model.reference(patient, content));
                    }
                    let open = Records::compartments(&patient);
                    let of_model = model.epochs.iter().filter(|((of, _), _)| *of == patient);
                    assert_eq!(open.len(), of_model.count());
                    for (compartment, row) in open {
                        assert_eq!(row.epoch, model.epochs[&(patient, compartment)]);
                    }
                }
            }
        });
    }
}
