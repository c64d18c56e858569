//! What people do, each by the client's own function. Everything that depends on how the client is
//! called is here.

use std::{
    fmt::Display,
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use salus_client::{
    actions::{
        corrections, emergency, identity, joining, opening, patient, queue::When, records,
        recovery, research, restricting, sharing, Client,
    },
    files::{age::DecryptionKey, letter::Letter},
    profile::{Profile, Unlocked},
    taxonomy::{Category, Sensitivity},
};
use salus_primitives::{
    rows::{DAY, HOUR, SECOND},
    GrantIndex, OrgId, PatientId, Purpose, RecordIndex, Rights, StudyIndex,
};

/// How often something is tried that allowances or a busy machine put off.
const TRIES: usize = 8;
const PAUSE: Duration = Duration::from_secs(3);

/// Tries until it succeeds. What fails for good fails the population.
pub async fn again<T, E, F>(what: &str, act: impl Fn() -> F) -> T
where
    E: Display,
    F: Future<Output = Result<T, E>>,
{
    let mut tries = 1;
    loop {
        match act().await {
            Ok(done) => return done,
            Err(error) if tries == TRIES => panic!("{what}: {error}"),
            Err(error) => {
                if tries > 2 {
                    eprintln!("privacy: {what}, try {tries}: {error}");
                }
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Enrols with what waits for the hour; the id, and when they met.
pub async fn enrol(
    desk: &Client,
    house: OrgId,
    profile: &Profile,
    unlocked: &Unlocked,
) -> (PatientId, u64) {
    let met = again("the clock", || desk.clock()).await;
    let (genesis, until) = (desk.chain.genesis(), met + DAY);
    let (consent, consented) =
        patient::consent(profile, unlocked, genesis, house, &desk.me(), until)
            .expect("everybody may consent");
    again("enrol", || patient::enrol_when(desk, &consent, When::Usual)).await;
    let id: PatientId = consented.patient.parse().expect("a patient's id");
    until_there("an enrolment", || async {
        Ok::<_, salus_client::Error>(desk.salus().await?.patient(id).await?)
    })
    .await;
    (id, met)
}

/// Waits for what somebody else sends.
async fn until_there<T, E, F>(what: &str, ask: impl Fn() -> F) -> T
where
    E: Display,
    F: Future<Output = Result<Option<T>, E>>,
{
    for _ in 0..60 {
        match ask().await {
            Ok(Some(found)) => return found,
            Ok(None) => {}
            Err(error) => eprintln!("privacy: {what}: {error}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("{what} is not there after a minute")
}

/// Whether a clinician may be enrolled under the account that they work with.
pub fn may_consent_as_staff(profile: &Profile, unlocked: &Unlocked, doctor: &Client) -> bool {
    let genesis = doctor.chain.genesis();
    patient::consent(profile, unlocked, genesis, 0, &doctor.me(), u64::MAX).is_ok()
}

pub async fn share(
    owner: &Client,
    id: PatientId,
    with: sharing::Who,
    (categories, flags): (&[Category], &[Sensitivity]),
    rights: Rights,
    purpose: Purpose,
) -> sharing::Shared {
    let sharing = sharing::Sharing {
        with,
        what: sharing::What::Categories(categories.to_vec(), flags.to_vec()),
        rights,
        purpose,
        duration: DAY,
        starts_at: None,
        anchored_from: None,
        anchored_until: None,
        in_own_name: false,
    };
    again("share", || sharing::share(owner, id, &sharing)).await
}

/// Adds a file, at once or with what waits for the hour; the record, its compartment, and when that
/// was.
pub async fn add(
    author: &Client,
    id: PatientId,
    path: PathBuf,
    title: &str,
    category: Category,
    flags: &[Sensitivity],
) -> (RecordIndex, String, u64) {
    let file = records::NewFile {
        path,
        title: Some(title.into()),
        category,
        sensitivity: flags.to_vec(),
        date: None,
        media_type: None,
        code: None,
    };
    let files = [file];
    let met = again("the clock", || author.clock()).await;
    let before = again("records", || count(author, id)).await;
    let added = again("add", || records::add_when(author, id, &files, When::Usual)).await;
    match added {
        records::Adding::Done(added) => {
            let compartment = added.records[0].compartment.clone();
            (added.record, compartment, met)
        }
        // Whoever lives does one thing after the other: the next one is this one.
        records::Adding::Waits(_) => {
            let row = until_there("a record", || async {
                let salus = author.salus().await?;
                Ok::<_, salus_client::Error>(salus.record(id, before).await?)
            })
            .await;
            (before, row.compartment.to_string(), met)
        }
    }
}

/// How many records there are.
async fn count(author: &Client, id: PatientId) -> salus_client::Result<RecordIndex> {
    let salus = author.salus().await?;
    Ok(salus.all_records(id).await?.len() as RecordIndex)
}

/// What software shows to a grantee: numbers and flags.
pub async fn list(reader: &Client, id: PatientId, grant: GrantIndex) -> Vec<(u32, Vec<String>)> {
    let opening = opening::Opening {
        patient: id,
        records: Vec::new(),
        list: true,
        grant: Some(grant),
        out: None,
    };
    let chart = again("list", || opening::open(reader, &opening)).await;
    let rows = chart.records.into_iter();
    rows.map(|row| (row.record, row.sensitivity)).collect()
}

/// Opens one record under a grant.
pub async fn open(reader: &Client, id: PatientId, grant: GrantIndex, record: u32, out: PathBuf) {
    let opening = opening::Opening {
        patient: id,
        records: vec![record],
        list: false,
        grant: Some(grant),
        out: Some(out),
    };
    again("open", || opening::open(reader, &opening)).await;
}

pub async fn read_own(owner: &Client, id: PatientId, record: RecordIndex, out: PathBuf) {
    again("read", || records::get(owner, id, record, &out)).await;
}

/// What an app does first after the enrolment: the same for everybody, whether they choose or not.
pub async fn begin(owner: &Client, id: PatientId, choice: Option<(&[Category], &[Sensitivity])>) {
    let Some((categories, flags)) = choice else {
        return emergency::begin(owner, id).await;
    };
    let planning = emergency::Planning {
        categories: categories.to_vec(),
        flags: flags.to_vec(),
        ..emergency::Planning::default()
    };
    again("plan", || emergency::plan(owner, id, &planning)).await;
}

/// What an app does after each thing that was done.
pub async fn look_after(owner: &Client) {
    emergency::look_after(owner).await;
}

/// Breaks the glass. Where nothing opens, it is broken all the same.
pub async fn break_glass(doctor: &Client, id: PatientId) {
    let letter = Letter::new("Emergency", "Unconscious, after a fall.");
    if let Err(error) = emergency::break_glass(doctor, id, &letter).await {
        eprintln!("privacy: a glass was broken, and {error}");
    }
}

/// Names helpers, two of three, who wait a week, as everybody does who says nothing else; or a moment,
/// for whom they are about to help. The files of their shares.
pub async fn name_helpers(
    owner: &Client,
    id: PatientId,
    soon: bool,
    helpers: &[(&Profile, &Unlocked)],
    folder: &Path,
) -> Vec<PathBuf> {
    let genesis = owner.chain.genesis();
    let offers = helpers
        .iter()
        .map(|(profile, unlocked)| recovery::offer(profile, unlocked, genesis));
    let offers: Vec<_> = offers
        .map(|offer| recovery::Helping::Offer(offer.expect("everybody may help")))
        .collect();
    if soon {
        again("declare", || patient::declare_owner(owner, id)).await;
    }
    let delay = if soon { 2 * SECOND } else { 7 * DAY };
    let made = again("name helpers", || {
        recovery::setup(owner, id, &offers, 2, delay, folder)
    })
    .await;
    made.shares.into_iter().map(|share| share.file).collect()
}

/// A new phone, and two helpers who let it in.
pub async fn replace_phone(
    phone: &Client,
    (profile, unlocked): (&Profile, &Unlocked),
    id: PatientId,
    helpers: [(&Client, &Path); 2],
) {
    use salus_client::actions::succession;
    let until = again("the clock", || phone.clock()).await + HOUR;
    let (request, _) = succession::request(profile, unlocked, phone.chain.genesis(), id, until)
        .expect("everybody may ask");
    let phone = &phone.clone().acting_for(id).expect("the folder is ours");
    let mut given = Vec::new();
    let words = [recovery::Word::Start, recovery::Word::Approve];
    for ((helper, share), word) in helpers.into_iter().zip(words) {
        let bytes = std::fs::read(share).expect("it was written");
        let sealed = || recovery::Sealed {
            name: "share".into(),
            bytes: bytes.clone(),
        };
        let share = again("help", || async {
            recovery::give(helper, &request, word, &sealed()).await
        })
        .await;
        given.push(share.share);
    }
    let (helper, _) = helpers[0];
    again("finish", || recovery::finish(helper, &request)).await;
    let files: Vec<_> = given
        .into_iter()
        .map(|bytes| recovery::Sealed {
            name: "share".into(),
            bytes,
        })
        .collect();
    again("restore", || {
        recovery::restore(phone, id, &files, &|_| true)
    })
    .await;
}

pub async fn restrict(owner: &Client, id: PatientId) {
    again("restrict", || restricting::restrict(owner, id)).await;
}

pub async fn lift(owner: &Client, id: PatientId) {
    again("lift", || restricting::lift(owner, id)).await;
}

pub async fn revoke(owner: &Client, id: PatientId, grant: GrantIndex) {
    again("revoke", || sharing::revoke(owner, id, grant)).await;
}

/// Announces a study that pays nothing.
pub async fn announce(researcher: &Client, terms: &Path) -> StudyIndex {
    let ends = again("the clock", || researcher.clock()).await + 30 * DAY;
    again("announce", || {
        research::announce(researcher, terms, 0, 1_000, ends)
    })
    .await
    .study
}

/// Joins a study with a record, under an id that its desk enrols with what waits for the hour; that id
/// and the copy's number.
pub async fn join(
    owner: &Client,
    id: PatientId,
    study: StudyIndex,
    record: RecordIndex,
    desk: &Client,
) -> (PatientId, RecordIndex) {
    let prepared = again("prepare", || research::prepare(owner, study, id, record)).await;
    let enroller = Some(desk.me());
    let begun = again("begin", || {
        joining::begin(owner, &prepared, enroller.as_ref(), DAY)
    });
    let (file, begun) = begun.await;
    again("enrol", || patient::enrol_when(desk, &file, When::Usual)).await;
    let fresh: PatientId = begun.patient.parse().expect("a patient's id");
    until_there("an enrolment", || async {
        Ok::<_, salus_client::Error>(desk.salus().await?.patient(fresh).await?)
    })
    .await;
    match again("join", || joining::join(owner, study)).await {
        joining::Joining::Joined(joined) => (fresh, joined.record),
        joining::Joining::Waits(waits) => panic!("it was enrolled: {waits:?}"),
    }
}

/// The patient asks for a record to be corrected, and its author does; the new record.
pub async fn correct(
    owner: &Client,
    author: &Client,
    id: PatientId,
    record: RecordIndex,
    path: PathBuf,
) -> Option<RecordIndex> {
    let asked = again("ask", || {
        corrections::ask(owner, id, record, "It was the other arm.")
    })
    .await;
    let replacement = corrections::Replacement::File {
        path,
        title: Some("Corrected".into()),
        media_type: None,
        category: None,
        sensitivity: Vec::new(),
    };
    let answered = again("correct", || {
        corrections::accept(author, id, asked.correction, &replacement, None)
    })
    .await;
    answered.replacement
}

pub async fn add_device(owner: &Client, id: PatientId, name: &str) {
    let key = DecryptionKey::generate().public();
    again("add a device", || {
        identity::add_device(owner, id, name, &key)
    })
    .await;
}
