//! Who they are: numbers are fixed by size, so that each kind of thing occurs often enough to be
//! measured; who has which is drawn from a seed.

use std::collections::BTreeSet;

use rand::{rngs::StdRng, seq::SliceRandom, Rng, SeedableRng};
use salus_client::taxonomy::{Category, Sensitivity};

use super::Settings;
use crate::truth::Plan;

/// Something that needs more care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Hiv,
    Psychotherapy,
    Genetic,
    SubstanceUse,
}

impl Condition {
    pub fn flag(self) -> Sensitivity {
        match self {
            Self::Hiv => Sensitivity::Hiv,
            Self::Psychotherapy => Sensitivity::PsychotherapyNote,
            Self::Genetic => Sensitivity::Genetic,
            Self::SubstanceUse => Sensitivity::SubstanceUse,
        }
    }

    pub fn category(self) -> Category {
        match self {
            Self::Hiv => Category::LabResult,
            Self::Genetic => Category::Genomics,
            Self::Psychotherapy | Self::SubstanceUse => Category::ClinicalNote,
        }
    }
}

/// How its grants end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Stay,
    /// The patient ends one, for no reason that anybody else has.
    RevokeOne,
    Restrict,
    RestrictAndLift,
}

/// One id that is to be.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub person: usize,
    pub guardian: Option<usize>,
    /// Enrolled by the clinic with one specialty.
    pub at_clinic: bool,
    pub condition: Option<Condition>,
    /// The sensitive result comes from a laboratory that was let write for what is ordinary.
    pub unannounced: bool,
    pub ordinary: Vec<Category>,
    /// A therapist writes something ordinary: not everybody with a therapist has something to hide.
    pub exercises: bool,
    pub plan: Plan,
    pub ending: Ending,
    pub helpers: Vec<usize>,
    pub loses_phone: bool,
    /// Takes part in the study of HIV, or of potassium.
    pub in_study: bool,
    pub insured: bool,
    /// Shares what is flagged with somebody.
    pub shares_flagged: bool,
    pub corrects: bool,
    pub more_devices: u32,
    /// Works as one of the hospital's doctors, of this number.
    pub works_as: Option<usize>,
    pub seed: u64,
}

const ORDINARY: [Category; 4] = [
    Category::PatientSummary,
    Category::ClinicalNote,
    Category::Imaging,
    Category::Medication,
];
const CONDITIONS: [Condition; 5] = [
    Condition::Hiv,
    Condition::Psychotherapy,
    Condition::Hiv,
    Condition::Genetic,
    Condition::SubstanceUse,
];

pub fn all(settings: Settings) -> Vec<Drawn> {
    let mut random = StdRng::seed_from_u64(settings.seed);
    let ids = settings.patients;
    let (twos, children) = (ids / 9, ids / 9);
    let grown_ups = ids - twos - children;
    let mut people: Vec<(usize, Option<usize>)> =
        (0..grown_ups).map(|person| (person, None)).collect();
    people.extend((0..twos).map(|person| (person, None)));
    // Guardians have one id of their own.
    people.extend((0..children).map(|child| (grown_ups + child, Some(twos + child))));
    let mut all: Vec<Drawn> = people
        .into_iter()
        .map(|(person, guardian)| one(&mut random, person, guardian))
        .collect();

    // Each of these is for a share of all, whoever that is.
    for (place, id) in shuffled(&mut random, &mut all)
        .take(ids * 9 / 20)
        .enumerate()
    {
        let condition = CONDITIONS[place % CONDITIONS.len()];
        id.condition = Some(condition);
        id.unannounced = condition == Condition::Hiv && place % 5 == 0;
        id.at_clinic = condition == Condition::Hiv && !id.unannounced && place % 3 == 2;
        id.in_study = condition == Condition::Hiv && place % 2 == 0;
        id.shares_flagged = place % 3 == 1;
    }
    for (place, id) in shuffled(&mut random, &mut all).enumerate() {
        id.plan = [Plan::NeverSet, Plan::Set, Plan::OptedOut][place % 3];
    }
    for (place, id) in shuffled(&mut random, &mut all)
        .take(ids * 2 / 3)
        .enumerate()
    {
        let endings = [
            Ending::Restrict,
            Ending::RevokeOne,
            Ending::RestrictAndLift,
            Ending::RevokeOne,
        ];
        id.ending = endings[place % endings.len()];
    }
    for id in shuffled(&mut random, &mut all).take(ids / 5) {
        id.insured = true;
    }
    for id in shuffled(&mut random, &mut all).take(ids / 9) {
        id.corrects = true;
    }
    for (place, id) in shuffled(&mut random, &mut all).take(ids / 2).enumerate() {
        id.more_devices = 1 + place as u32 % 3;
    }
    let ordinary = shuffled(&mut random, &mut all).filter(|id| id.condition.is_none());
    for (place, id) in ordinary.take(ids / 6).enumerate() {
        id.exercises = place % 2 == 0;
        id.in_study = place % 2 == 1;
    }
    let grown: Vec<usize> = (0..grown_ups).collect();
    for person in 0..grown_ups {
        let has_two = person < twos;
        if !has_two && random.gen_ratio(3, 5) {
            continue;
        }
        let others = grown.iter().copied().filter(|other| *other != person);
        let others: Vec<usize> = others.collect();
        let helpers: Vec<usize> = others.choose_multiple(&mut random, 3).copied().collect();
        let mut loses = !has_two && random.gen_ratio(1, 2);
        for id in all.iter_mut().filter(|id| id.person == person) {
            id.helpers.clone_from(&helpers);
            id.loses_phone = std::mem::take(&mut loses);
        }
    }
    // Whoever loses a phone has helpers who keep theirs: the old account of one who does not can do
    // nothing any more.
    for place in 0..all.len() {
        let losers = losers(&all);
        let keep = |helper: &&usize| !losers.contains(*helper);
        if all[place].helpers.iter().filter(keep).count() < 2 {
            all[place].loses_phone = false;
        }
    }
    let staff = all
        .iter_mut()
        .filter(|id| id.person >= twos + children && id.guardian.is_none());
    for (doctor, id) in staff.take(2).enumerate() {
        id.works_as = Some(doctor);
        id.loses_phone = false;
    }
    all
}

/// The people who lose their phone.
pub fn losers(all: &[Drawn]) -> BTreeSet<usize> {
    let losers = all.iter().filter(|id| id.loses_phone);
    losers.map(|id| id.person).collect()
}

fn one(random: &mut StdRng, person: usize, guardian: Option<usize>) -> Drawn {
    let mut ordinary: Vec<Category> = ORDINARY.choose_multiple(random, 2).copied().collect();
    ordinary.push(Category::LabResult);
    ordinary.shuffle(random);
    Drawn {
        person,
        guardian,
        at_clinic: false,
        condition: None,
        unannounced: false,
        ordinary,
        exercises: false,
        plan: Plan::NeverSet,
        ending: Ending::Stay,
        helpers: Vec::new(),
        loses_phone: false,
        in_study: false,
        insured: false,
        shares_flagged: false,
        corrects: false,
        more_devices: 0,
        works_as: None,
        seed: random.gen(),
    }
}

fn shuffled<'a>(random: &mut StdRng, all: &'a mut [Drawn]) -> impl Iterator<Item = &'a mut Drawn> {
    let mut all: Vec<&mut Drawn> = all.iter_mut().collect();
    all.shuffle(random);
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_loses_a_phone_has_two_helpers_who_keep_theirs() {
        for seed in 0..200 {
            let all = all(Settings { patients: 54, seed });
            let losers = losers(&all);
            for id in all.iter().filter(|id| id.loses_phone) {
                let keep = id.helpers.iter().filter(|helper| !losers.contains(helper));
                assert!(keep.count() >= 2, "seed {seed}: {id:?}");
            }
        }
    }

    #[test]
    fn fifty_have_enough_of_each_kind() {
        let settings = Settings {
            patients: 54,
            seed: 1,
        };
        let all = all(settings);
        assert_eq!(all.len(), 54);
        let count = |fits: fn(&Drawn) -> bool| all.iter().filter(|id| fits(id)).count();
        assert_eq!(count(|id| id.guardian.is_some()), 6);
        assert_eq!(count(|id| id.condition.is_some()), 24);
        assert!(count(|id| id.unannounced) >= 4);
        assert!(count(|id| id.in_study && id.condition.is_some()) >= 4);
        assert!(count(|id| id.loses_phone) >= 1);
        assert!(count(|id| id.shares_flagged) >= 6);
        assert_eq!(count(|id| id.plan == Plan::OptedOut), 18);
        let again = super::all(settings);
        assert_eq!(format!("{all:?}"), format!("{again:?}"), "the seed decides");
    }
}
