//! Whatever people do, in whatever order: what was minted is what all accounts have, free and held,
//! and each has what a second, naive account of the rules says.

use frame_support::{
    dispatch::DispatchResultWithPostInfo, storage::with_storage_layer, traits::Hooks,
    weights::Weight,
};
use pallet_credits::WeightInfo as _;
use proptest::prelude::*;
use salus_primitives::{
    rows::{DAY, HOUR},
    AccountId, Balance, GrantTerms, Grantee, Moment, OrgId, PatientId, Purpose, RequestIndex,
    StudyIndex,
};
use sp_runtime::DispatchResult;

use crate::mock::*;

const ADMINS: [(AccountId, OrgId); 2] = [(ADMIN, HOSPITAL), (OTHER_ADMIN, INSURANCE)];
const ASKERS: [(AccountId, OrgId); 2] = [(DOCTOR, HOSPITAL), (INSURER, INSURANCE)];
const PATIENTS: [(PatientId, AccountId); 4] = [
    (PATIENT, OWNER),
    (OTHER_PATIENT, OTHER_OWNER),
    THIRD,
    FOURTH,
];
const EVERYBODY: [AccountId; 9] = [
    ADMIN,
    OTHER_ADMIN,
    DOCTOR,
    INSURER,
    OWNER,
    OTHER_OWNER,
    THIRD.1,
    FOURTH.1,
    STRANGER,
];

#[derive(Clone, Copy, Debug)]
enum Answer {
    Approve,
    Decline,
    TakeBack,
}

#[derive(Clone, Debug)]
enum Step {
    Mint(usize, Balance),
    Burn(usize, Balance),
    Announce(usize, Balance, u32, Moment),
    /// An organisation enrols the patient's owner anew: a study takes nobody else.
    Enrol(usize, usize),
    Join(StudyIndex, usize),
    /// All patients in one block, beginning with this one.
    Race(StudyIndex, usize),
    Withdraw(usize),
    End(StudyIndex, usize),
    Ask(usize, usize, Option<Balance>),
    Answer(usize, RequestIndex, Answer),
    /// One of the offers that are held, by who made it or by somebody.
    Reclaim(usize, Option<usize>),
    Wait(Moment),
    Idle(u32),
}

fn any_amount() -> impl Strategy<Value = Balance> {
    prop_oneof![20 => 0..15u128, 1 => Just(Balance::MAX / 2 + 1)]
}

fn any_step() -> impl Strategy<Value = Step> {
    let patient = || 0..PATIENTS.len();
    let anybody = || 0..EVERYBODY.len();
    // Admins and askers, mostly: the others have nobody to pay.
    let payer = || prop_oneof![4 => 0..4usize, 1 => 0..EVERYBODY.len()];
    let study = || 0..4u32;
    let request = || 0..3u32;
    let answer = prop_oneof![
        Just(Answer::Approve),
        Just(Answer::Decline),
        Just(Answer::TakeBack)
    ];
    prop_oneof![
        8 => (payer(), 0..100u128).prop_map(|(who, amount)| Step::Mint(who, amount)),
        2 => (anybody(), any_amount()).prop_map(|(who, amount)| Step::Burn(who, amount)),
        // All of it, of who has much on hold.
        1 => (0..2usize).prop_map(|who| Step::Burn(who, Balance::MAX)),
        4 => (0..2usize, any_amount(), 0..4u32, 0..40 * DAY)
            .prop_map(|(who, price, quota, lasts)| Step::Announce(who, price, quota, lasts)),
        3 => (patient(), 0..2usize).prop_map(|(who, organisation)| Step::Enrol(who, organisation)),
        6 => (study(), patient()).prop_map(|(study, who)| Step::Join(study, who)),
        2 => (study(), patient()).prop_map(|(study, first)| Step::Race(study, first)),
        4 => patient().prop_map(Step::Withdraw),
        1 => (study(), anybody()).prop_map(|(study, who)| Step::End(study, who)),
        8 => (0..2usize, patient(), prop::option::of(any_amount()))
            .prop_map(|(who, patient, offer)| Step::Ask(who, patient, offer)),
        8 => (patient(), request(), answer)
            .prop_map(|(patient, request, how)| Step::Answer(patient, request, how)),
        4 => (0..9usize, prop::option::weighted(0.3, anybody()))
            .prop_map(|(offer, who)| Step::Reclaim(offer, who)),
        2 => prop_oneof![4 => 0..2 * HOUR, 2 => 0..3 * DAY, 2 => Just(30 * DAY)].prop_map(Step::Wait),
        1 => prop_oneof![0..3u32, Just(u32::MAX)].prop_map(Step::Idle),
    ]
}

struct StudyModel {
    payer: AccountId,
    organisation: OrgId,
    announced_at: Moment,
    price: Balance,
    quota: u32,
    joined: u32,
    ends_at: Moment,
    ended: bool,
}

impl StudyModel {
    fn left(&self) -> Balance {
        self.price * Balance::from(self.quota - self.joined)
    }
}

struct RequestModel {
    patient: usize,
    index: RequestIndex,
    asker: usize,
    held: Balance,
    until: Moment,
    open: bool,
}

/// How often something happened, so that the test can tell that it saw everything.
#[derive(Debug, Default)]
struct Seen {
    joined: u32,
    full: u32,
    again: u32,
    of_care: u32,
    late: u32,
    overspent: u32,
    ended: u32,
    withdrawn: u32,
    paid: u32,
    returned: u32,
    reclaimed: u32,
    lapsed: u32,
    burnt_later: u32,
}

#[derive(Default)]
struct Model {
    minted: Balance,
    free: Vec<Balance>,
    /// Taken by governance, and promised to somebody.
    owed: Vec<Balance>,
    studies: Vec<StudyModel>,
    /// Who enrolled each patient, and when.
    enrolled: [(OrgId, Moment); PATIENTS.len()],
    /// Whether each patient has withdrawn; none who never took part.
    parts: [Option<bool>; PATIENTS.len()],
    requests: Vec<RequestModel>,
    seen: Seen,
}

fn by(account: &AccountId) -> RuntimeOrigin {
    RuntimeOrigin::signed(account.clone())
}

fn plain(result: DispatchResultWithPostInfo) -> DispatchResult {
    result.map(|_| ()).map_err(|refused| refused.error)
}

/// As a transaction does it: all or nothing.
fn done(call: impl FnOnce() -> DispatchResult) -> bool {
    with_storage_layer(call).is_ok()
}

impl Model {
    fn purse(&mut self, account: &AccountId) -> &mut Balance {
        let position = EVERYBODY.iter().position(|known| known == account);
        &mut self.free[position.expect("somebody")]
    }

    fn held(&self, account: &AccountId) -> Balance {
        let studies = self.studies.iter();
        let by_studies = studies
            .filter(|study| study.payer == *account && !study.ended)
            .map(StudyModel::left);
        let requests = self.requests.iter();
        let by_offers = requests
            .filter(|request| ASKERS[request.asker].0 == *account)
            .map(|request| request.held);
        by_studies.chain(by_offers).sum()
    }

    fn check(&mut self) {
        // What is owed is taken as soon as anything is free, wherever it comes from.
        for (free, owed) in self.free.iter_mut().zip(&mut self.owed) {
            let burnt = (*free).min(*owed);
            self.seen.burnt_later += u32::from(burnt > 0);
            *free -= burnt;
            *owed -= burnt;
            self.minted -= burnt;
        }
        let mut sum = 0;
        for account in &EVERYBODY {
            let credits = Credits::credits(account);
            assert_eq!(credits.free, *self.purse(account), "free of {account}");
            assert_eq!(credits.held, self.held(account), "held of {account}");
            sum += credits.free + credits.held;
        }
        assert_eq!(sum, self.minted, "something came from, or went to, nowhere");
        assert_eq!(Balances::total_issuance(), self.minted);
        try_state();
    }

    fn join(&mut self, study: StudyIndex, who: usize) {
        let (patient, owner) = PATIENTS[who].clone();
        let call = || Research::opt_in(by(&owner), study, patient, LABORATORY, 1, cid(8));
        let joined = done(|| plain(call()));
        let Some(row) = self.studies.get_mut(study as usize) else {
            assert!(!joined, "a study that nobody announced");
            return;
        };
        let again = self.parts[who].is_some();
        let (organisation, at) = self.enrolled[who];
        let of_care = organisation != row.organisation || at < row.announced_at;
        let full = row.joined == row.quota;
        let late = row.ended || now() >= row.ends_at;
        assert_eq!(joined, !again && !full && !late && !of_care);
        self.seen.again += u32::from(again);
        self.seen.of_care += u32::from(of_care);
        self.seen.full += u32::from(full);
        self.seen.late += u32::from(late);
        if joined {
            self.seen.joined += 1;
            row.joined += 1;
            self.parts[who] = Some(false);
            let price = row.price;
            *self.purse(&owner) += price;
        }
    }

    fn announce(&mut self, who: usize, price: Balance, quota: u32, lasts: Moment) {
        let (admin, organisation) = &ADMINS[who];
        let ends_at = now() + lasts;
        let announced = done(|| Research::announce(by(admin), cid(9), price, quota, ends_at));
        let total = price.checked_mul(quota.into());
        let free = *self.purse(admin);
        let affordable = total.is_some_and(|total| total <= free);
        assert_eq!(announced, affordable && quota > 0 && lasts > 0);
        self.seen.overspent += u32::from(!affordable);
        if announced {
            *self.purse(admin) -= price * Balance::from(quota);
            self.studies.push(StudyModel {
                payer: admin.clone(),
                organisation: *organisation,
                announced_at: now(),
                price,
                quota,
                joined: 0,
                ends_at,
                ended: false,
            });
        }
    }

    /// As if the patient had another id: who takes part keeps it.
    fn enrol(&mut self, who: usize, organisation: OrgId) {
        if self.parts[who].is_none() {
            self.enrolled[who] = (organisation, now());
            with(|w| w.enrolled.insert(PATIENTS[who].0, self.enrolled[who]));
        }
    }

    fn withdraw(&mut self, who: usize) {
        let (patient, owner) = &PATIENTS[who];
        let withdrawn = done(|| Research::withdraw(by(owner), *patient));
        assert_eq!(withdrawn, self.parts[who] == Some(false));
        if let Some(gone) = &mut self.parts[who] {
            *gone = true;
        }
        self.seen.withdrawn += u32::from(withdrawn);
    }

    fn end(&mut self, study: StudyIndex, who: &AccountId) {
        let ended = done(|| Research::end(by(who), study));
        let Some(row) = self.studies.get_mut(study as usize) else {
            assert!(!ended, "a study that nobody announced");
            return;
        };
        let may = row.payer == *who || now() >= row.ends_at;
        assert_eq!(ended, may && !row.ended);
        if ended {
            self.seen.ended += 1;
            row.ended = true;
            let (payer, left) = (row.payer.clone(), row.left());
            *self.purse(&payer) += left;
        }
    }

    fn ask(&mut self, asker: usize, patient: usize, offer: Option<Balance>) {
        let (who, _) = &ASKERS[asker];
        let id = PATIENTS[patient].0;
        let index = pallet_consent::NextRequest::<Test>::get(id);
        let call = || Consent::request(by(who), id, Purpose::Treat, HOUR, cid(7), offer);
        let asked = done(|| plain(call()));
        let waiting = self.requests.iter().filter(|request| {
            request.open
                && request.patient == patient
                && request.asker == asker
                && now() < request.until
        });
        let room = waiting.count() < 16;
        let free = *self.purse(who);
        let affordable = offer.is_none_or(|amount| amount > 0 && amount <= free);
        assert_eq!(asked, room && affordable);
        if asked {
            let held = offer.unwrap_or_default();
            *self.purse(who) -= held;
            self.requests.push(RequestModel {
                patient,
                index,
                asker,
                held,
                until: now() + RequestLifetime::get(),
                open: true,
            });
        }
    }

    fn find(&mut self, patient: usize, index: RequestIndex) -> Option<&mut RequestModel> {
        let mut requests = self.requests.iter_mut();
        requests.find(|request| request.patient == patient && request.index == index)
    }

    fn answer(&mut self, patient: usize, index: RequestIndex, how: Answer) {
        let (id, owner) = PATIENTS[patient].clone();
        let request = self.find(patient, index);
        let waits = request
            .as_ref()
            .is_some_and(|it| it.open && now() < it.until);
        let (account, organisation) = ASKERS[request.map_or(0, |it| it.asker)].clone();
        let terms = GrantTerms {
            grantee: Grantee::Clinician {
                account: account.clone(),
                organisation,
            },
            ..terms()
        };
        let answered = done(|| match how {
            Answer::Approve => plain(Consent::approve(by(&owner), id, index, terms, None)),
            Answer::Decline => Consent::decline(by(&owner), id, index),
            Answer::TakeBack => Consent::withdraw_request(by(&account), id, index),
        });
        assert_eq!(answered, waits);
        if let Some(request) = self.find(patient, index).filter(|_| answered) {
            request.open = false;
            let amount = core::mem::take(&mut request.held);
            if matches!(how, Answer::Approve) {
                self.seen.paid += u32::from(amount > 0);
                *self.purse(&owner) += amount;
            } else {
                self.seen.returned += u32::from(amount > 0);
                *self.purse(&account) += amount;
            }
        }
    }

    fn reclaim(&mut self, patient: usize, index: RequestIndex, who: &AccountId) {
        let reclaimed = done(|| Credits::reclaim(by(who), PATIENTS[patient].0, index));
        let request = self.find(patient, index);
        let may = request
            .as_ref()
            .is_some_and(|it| it.held > 0 && ASKERS[it.asker].0 == *who && now() >= it.until);
        assert_eq!(reclaimed, may);
        if let Some(request) = request.filter(|_| reclaimed) {
            let amount = core::mem::take(&mut request.held);
            self.seen.reclaimed += 1;
            *self.purse(who) += amount;
        }
    }

    /// Which of the lapsed offers a short sweep takes is its own affair; that it takes no others, not.
    fn idle(&mut self, limit: u32) {
        Credits::on_idle(1, <()>::sweep(limit));
        let passed = now() / HOUR;
        let mut returned = Vec::new();
        for request in self.requests.iter_mut().filter(|request| request.held > 0) {
            let patient = &PATIENTS[request.patient].0;
            if Credits::offered(patient, request.index).is_none() {
                assert!(request.until.div_ceil(HOUR) <= passed, "not lapsed yet");
                returned.push((request.asker, core::mem::take(&mut request.held)));
            }
        }
        for (asker, amount) in returned {
            self.seen.lapsed += 1;
            *self.purse(&ASKERS[asker].0) += amount;
        }
    }
}

fn play(steps: Vec<Step>) -> Seen {
    let mut model = Model {
        free: vec![0; EVERYBODY.len()],
        owed: vec![0; EVERYBODY.len()],
        enrolled: [(HOSPITAL, START); PATIENTS.len()],
        ..Model::default()
    };
    for step in steps {
        match step {
            Step::Mint(who, amount) => {
                let account = EVERYBODY[who].clone();
                let minted = done(|| Credits::mint(RuntimeOrigin::root(), account, amount));
                assert_eq!(minted, amount > 0);
                model.minted += amount;
                model.free[who] += amount;
            }
            Step::Burn(who, amount) => {
                let account = EVERYBODY[who].clone();
                let has = model.free[who] + model.held(&account);
                let taken = amount.min(has.saturating_sub(model.owed[who]));
                let burnt = done(|| Credits::burn(RuntimeOrigin::root(), account, amount));
                assert_eq!(burnt, taken > 0);
                let at_once = taken.min(model.free[who]);
                model.free[who] -= at_once;
                model.minted -= at_once;
                model.owed[who] += taken - at_once;
            }
            Step::Announce(who, price, quota, lasts) => model.announce(who, price, quota, lasts),
            Step::Enrol(who, organisation) => model.enrol(who, ADMINS[organisation].1),
            Step::Join(study, who) => model.join(study, who),
            Step::Race(study, first) => {
                let row = model.studies.get(study as usize);
                if let Some(organisation) = row.map(|row| row.organisation) {
                    (0..PATIENTS.len()).for_each(|who| model.enrol(who, organisation));
                }
                for n in 0..PATIENTS.len() {
                    model.join(study, (first + n) % PATIENTS.len());
                }
            }
            Step::Withdraw(who) => model.withdraw(who),
            Step::End(study, who) => model.end(study, &EVERYBODY[who]),
            Step::Ask(who, patient, offer) => model.ask(who, patient, offer),
            Step::Answer(patient, request, how) => model.answer(patient, request, how),
            Step::Reclaim(offer, who) => {
                let requests = model.requests.iter();
                let held: Vec<_> = requests
                    .filter(|request| request.held > 0)
                    .map(|request| (request.patient, request.index, request.asker))
                    .collect();
                if let Some((patient, request, asker)) = held.get(offer % held.len().max(1)) {
                    let who = who.map_or(&ASKERS[*asker].0, |who| &EVERYBODY[who]);
                    model.reclaim(*patient, *request, who);
                }
            }
            Step::Wait(time) => set_now(now() + time),
            Step::Idle(limit) => model.idle(limit),
        }
        model.check();
    }
    all_is_given_back(&mut model);
    model.seen
}

/// When everything is over, nothing is held, and nobody has to ask for it.
fn all_is_given_back(model: &mut Model) {
    set_now(now() + 100 * DAY);
    for study in 0..model.studies.len() {
        model.end(study as StudyIndex, &STRANGER);
    }
    while Credits::on_idle(1, Weight::MAX) != <()>::sweep(0) {}
    model.idle(0);
    model.check();
    assert!(EVERYBODY.iter().all(|account| model.held(account) == 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn credits_are_conserved(steps in prop::collection::vec(any_step(), 1..80)) {
        ExtBuilder.build().execute_with(|| {
            play(steps);
        });
    }
}

#[test]
fn the_sequences_reach_every_outcome() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(any_step(), 60..100);
    let mut all = Seen::default();
    for _ in 0..64 {
        let steps = steps.new_tree(&mut runner).expect("steps").current();
        let seen = ExtBuilder.build().execute_with(|| play(steps));
        all.joined += seen.joined;
        all.full += seen.full;
        all.again += seen.again;
        all.of_care += seen.of_care;
        all.late += seen.late;
        all.overspent += seen.overspent;
        all.ended += seen.ended;
        all.withdrawn += seen.withdrawn;
        all.paid += seen.paid;
        all.returned += seen.returned;
        all.reclaimed += seen.reclaimed;
        all.lapsed += seen.lapsed;
        all.burnt_later += seen.burnt_later;
    }
    let least = [
        all.joined,
        all.full,
        all.again,
        all.of_care,
        all.late,
        all.overspent,
        all.ended,
        all.withdrawn,
        all.paid,
        all.returned,
        all.reclaimed,
        all.lapsed,
        all.burnt_later,
    ]
    .into_iter()
    .min();
    assert!(least > Some(3), "{all:?}");
}
