//! What the cases share.

use std::{
    fmt::Display,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::{Duration, Instant},
};

use salus_client::{chain::ChainEvent, vault::Opened};
use salus_e2e::{wait_until, Consortium, Got, Http, Kept, Person, Ward, Work};

pub const ALL: [usize; 4] = [1, 2, 3, 4];

/// One line of the table in docs/011-faults.md.
pub fn fault(broken: &str, often: usize, lost: usize, recovery: impl Display) {
    println!("FAULT | {broken} | {often} | {lost} | {recovery}");
}

pub fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

pub fn begin(wards: &[Ward]) -> Vec<Work> {
    wards.iter().map(Ward::work).collect()
}

pub fn stop(work: Vec<Work>) {
    work.into_iter().for_each(Work::stop);
}

/// What was acknowledged to these people so far.
pub fn acknowledged(ward: &Ward) -> usize {
    ward.told(|told| told.kept.len() + told.opened.len())
}

/// Waits until each of these people was told of something new.
#[track_caller]
pub fn work_goes_on(wards: &[Ward]) {
    for ward in wards {
        let before = acknowledged(ward);
        wait_until(&format!("work at member {}", ward.member), 300, || {
            acknowledged(ward) > before
        });
    }
}

/// How much was asked for in vain, with the last reason.
pub fn failures(wards: &[Ward]) -> usize {
    let mut count = 0;
    for ward in wards {
        ward.told(|told| {
            count += told.failed.len();
            if let Some(last) = told.failed.last() {
                println!(
                    "member {}: {} failed, last: {last}",
                    ward.member,
                    told.failed.len()
                );
            }
            told.failed.clear();
        });
    }
    count
}

/// A check that cannot fail is none: here is something that it must not let pass.
#[track_caller]
pub fn fails(check: impl FnOnce()) {
    let passed = panic::catch_unwind(AssertUnwindSafe(check)).is_ok();
    assert!(!passed, "the check lets everything pass");
}

/// Somebody at a vault's door, who asks without the library's patience.
pub struct Door {
    http: Arc<Http>,
    person: Person,
    token: String,
}

impl Door {
    pub fn open(consortium: &Consortium, person: &Person, member: usize) -> Self {
        let url = Consortium::vault_url(member);
        let organisation = Consortium::organisation(member);
        let http = Arc::new(Http::to(&url, organisation, consortium.genesis()));
        let asking = http.clone();
        let token = person.act(|client| async move { asking.sign_in(&client.key).await });
        Self {
            http,
            person: person.clone(),
            token,
        }
    }

    pub fn get(&self, ward: &Ward, kept: &Kept, opened: Option<Opened>) -> Got {
        let path = format!("/v1/patients/{}/records/{}/payload", ward.id, kept.record);
        let (http, token) = (self.http.clone(), self.token.clone());
        self.person
            .act(|_| async move { http.get(&path, &token, opened).await })
    }
}

/// Waits until finality stands still while blocks are made, if `blocks` are; where it stands.
#[track_caller]
pub fn stands_still(consortium: &Consortium, member: usize, blocks: bool) -> u32 {
    const WHILE: u32 = 4;
    let mut at = None;
    let mut since = Instant::now();
    let mut best = 0;
    wait_until("finality stands still", 300, || {
        let now = consortium.height(member);
        let tip = consortium.best(member).unwrap_or_default();
        if at != Some(now) {
            (at, since, best) = (Some(now), Instant::now(), tip);
        }
        // Longer than any round under way could take.
        since.elapsed() > Duration::from_secs(12) && (!blocks || tip >= best + WHILE)
    });
    at.expect("it was asked")
}

/// An entry of this ward's doctor in a block that is not final, and that these members have not.
pub fn entry_in_a_block(consortium: &Consortium, ward: &Ward, strangers: &[usize]) -> Opened {
    let chain = consortium.chain(ward.member);
    let reader = ward.doctor.client.me().to_string();
    let is_mine = move |event: &ChainEvent| {
        event.is("AccessLog", "Opened") && event.fields["actor"] == reader.as_str()
    };
    let mut found = None;
    wait_until("the opening is in a block", 120, || {
        let height = consortium.height(ward.member);
        let best = consortium.best(ward.member).unwrap_or(height);
        for number in height + 1..=best {
            let Some(hash) = consortium.block_hash(ward.member, number) else {
                continue;
            };
            let has_it = |member: &usize| consortium.block_hash(*member, number) == Some(hash);
            if strangers.iter().any(has_it) {
                continue;
            }
            let chain = chain.clone();
            let events = consortium
                .site(ward.member)
                .run(async move { chain.events(hash).await });
            let mine = events
                .ok()
                .and_then(|events| events.into_iter().find(&is_mine));
            found = mine.map(|event| Opened {
                block_hash: hash,
                event_index: event.index,
            });
            if found.is_some() {
                return true;
            }
        }
        false
    });
    found.expect("it was found")
}
