//! The trail, read and verified, and what happens to a person, live.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use salus_primitives::{
    AccountId, ClinicianRole, GrantIndex, Grantee, Member, Moment, OrgId, PatientId, RecordIndex,
    TrailHead,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sp_core::H256;

use super::describe::Names;
use super::{emergency, Client};
use crate::chain::{Chain, ChainEvent, Salus};
use crate::error::{Error, Result};
use crate::persons::{self, Directory, Person, Secrets};
use crate::trail::{self, Head, SeenHead, Trail, TrailError};

/// A trail as people read it.
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    pub patient: String,
    pub at: u32,
    pub head: Head,
    /// None if it was not asked for.
    pub verified: Option<bool>,
    /// The head that was remembered before.
    pub remembered: Option<SeenHead>,
    pub entries: Vec<LogEntry>,
    /// What those who act for the patient have read, which is in no trail; none in a saved trail, and
    /// for who does not decide for the patient.
    pub reads: Option<super::reads::OwnReads>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    pub n: u64,
    pub moment: Moment,
    pub block: u32,
    pub block_hash: H256,
    pub event_index: u32,
    pub pallet: String,
    pub variant: String,
    pub fields: Value,
    /// Whom the entry's seal is of, if it bears one and that could be opened.
    pub person: Option<Person>,
    pub text: String,
}

/// Reads a patient's trail from the node; what it returns is not verified yet.
pub async fn read(client: &Client, patient: PatientId) -> Result<Trail> {
    Ok(trail::read(&client.chain, patient).await?)
}

/// As [`read`], for who acts for the patient. Others prove a copy that they were given.
pub async fn read_own(client: &Client, patient: PatientId) -> Result<Trail> {
    let salus = client.salus().await?;
    match client.controls(&salus, patient).await? {
        true => read(client, patient).await,
        false => Err(Error::NotPermitted(format!(
            "the trail is shown to who acts for patient {patient}: they can give you a copy (`salus log --save FILE`), which you prove with `salus log --from FILE --verify`"
        ))),
    }
}

/// Recomputes the hash chain up to the finalized head, and checks that it extends the head that this
/// profile remembers; remembers the new one. Tells the one that was remembered before.
pub async fn verify(client: &Client, trail: &Trail) -> Result<Option<SeenHead>> {
    let remembered = remembered(client, trail.patient)?;
    trail.verify(remembered.as_ref())?;
    trail::check_readings(&client.chain, &trail.entries).await?;
    let head = TrailHead::from(trail.head);
    client.profile.update_heads(|heads| {
        heads.set(&trail.patient, &head);
        Ok(())
    })?;
    Ok(remembered)
}

fn remembered(client: &Client, patient: PatientId) -> Result<Option<SeenHead>> {
    Ok(seen(&client.profile.heads()?, patient))
}

fn seen(heads: &crate::profile::Heads, patient: PatientId) -> Option<SeenHead> {
    heads.get(&patient).as_ref().map(SeenHead::from)
}

/// Verifies a saved trail without any node: its own hash chain, and the head that the profile
/// remembers. A trail that was saved before that head was seen is compared up to its own end.
pub fn verify_saved(heads: &crate::profile::Heads, trail: &Trail) -> Result<Option<SeenHead>> {
    let remembered = seen(heads, trail.patient);
    let later = remembered
        .as_ref()
        .is_some_and(|seen| seen.count > trail.head.count);
    let against = remembered.as_ref().filter(|_| !later);
    trail.verify(against)?;
    Ok(remembered)
}

/// Compares a saved trail's head with what the chain kept at that block, and what its entries say in
/// words with what they are.
pub async fn verify_saved_online(client: &Client, trail: &Trail) -> Result<()> {
    if trail.genesis != client.chain.genesis() {
        return Err(TrailError::NotAnExtension {
            seen: trail.head.count,
        }
        .into());
    }
    let block = client.chain.block_at(trail.at).await?;
    let kept = trail::head(&client.chain, trail.patient, block.hash).await?;
    if kept != TrailHead::from(trail.head) {
        return Err(TrailError::Changed {
            n: trail.head.count,
        }
        .into());
    }
    trail::check_readings(&client.chain, &trail.entries).await?;
    Ok(())
}

/// What opens the seals of persons in a trail, for who has the patient's keyring; nothing for others.
pub async fn secrets(client: &Client, trail: &Trail) -> Result<Secrets> {
    let mut secrets = Secrets::default();
    let keyring = client.profile.keyring(&trail.patient, &client.device)?;
    let Some(keyring) = keyring.filter(|_| !persons::organisations(&trail.entries).is_empty())
    else {
        return Ok(secrets);
    };
    // Only those under which somebody of the grantee is sealed: more is nobody's business.
    let needed = persons::grants(&trail.entries);
    for (index, view) in client.salus().await?.all_grants(trail.patient).await? {
        let grant = view.grant;
        let Grantee::Organisation(organisation) = grant.grantee else {
            continue;
        };
        if needed.contains(&(organisation, index)) {
            let secret = keyring.seal_secret(organisation, &grant.scope, grant.expires_at);
            secrets.insert(index, *secret);
        }
    }
    Ok(secrets)
}

/// The names for a trail's sentences, with the persons whose seals the secrets open. Those whom their
/// organisation credentials now are tried, and the others who are named.
pub async fn names(
    client: &Client,
    trail: &Trail,
    secrets: &Secrets,
    others: &[AccountId],
) -> Result<Names> {
    let mut names = Names::of(client).await?;
    names.learn_purposes(&trail.entries);
    if secrets.is_empty() {
        return Ok(names);
    }
    let salus = client.salus().await?;
    let mut directory = Directory::new();
    for organisation in persons::organisations(&trail.entries) {
        let people = salus.all_clinicians(organisation).await?.into_iter();
        let people = people
            .filter(|(_, row)| row.role != ClinicianRole::Service)
            .map(|(account, row)| (account, Some(row.role)))
            .chain(others.iter().map(|account| (account.clone(), None)));
        directory.insert(organisation, people.collect());
    }
    let (genesis, entries) = (client.chain.genesis(), &trail.entries);
    names.persons = persons::open(&genesis, &trail.patient, entries, secrets, &directory);
    Ok(names)
}

/// A trail with its entries in sentences.
pub fn log(trail: &Trail, names: &Names) -> Log {
    Log {
        patient: trail.patient.to_string(),
        at: trail.at,
        head: trail.head,
        verified: None,
        remembered: None,
        reads: None,
        entries: trail
            .entries
            .iter()
            .map(|entry| LogEntry {
                n: entry.n,
                moment: entry.moment,
                block: entry.block,
                block_hash: entry.block_hash,
                event_index: entry.event_index,
                pallet: entry.pallet.clone(),
                variant: entry.variant.clone(),
                fields: entry.fields.clone(),
                person: names.persons.of(&entry.fields).cloned(),
                text: names.sentence(&entry.pallet, &entry.variant, &entry.fields),
            })
            .collect(),
    }
}

/// A trail as a JSON document with one entry on each line, so that people can compare two of them; with
/// what opens the seals of persons, if whoever gets it is to know them.
pub fn to_file(trail: &Trail, secrets: &Secrets) -> Result<String> {
    fn json(value: &impl Serialize) -> Result<String> {
        serde_json::to_string(value).map_err(|error| Error::invalid("trail", error))
    }
    let mut text = String::new();
    let _ = write!(
        text,
        "{{\"genesis\":{},\"patient\":\"{}\",\"at\":{},\"head\":{},",
        json(&trail.genesis)?,
        trail.patient,
        trail.at,
        json(&trail.head)?
    );
    if !secrets.is_empty() {
        let _ = write!(text, "\"persons\":{},", json(secrets)?);
    }
    text.push_str("\"entries\":[\n");
    for (number, entry) in trail.entries.iter().enumerate() {
        let comma = if number + 1 < trail.entries.len() {
            ","
        } else {
            ""
        };
        let _ = writeln!(text, "{}{comma}", json(entry)?);
    }
    text.push_str("]}\n");
    Ok(text)
}

/// A saved trail, and what opens the seals of persons in it, if that was saved with it.
pub fn from_file(text: &str) -> Result<(Trail, Secrets)> {
    #[derive(Deserialize)]
    struct Persons {
        #[serde(default)]
        persons: Secrets,
    }
    let bad = |error| Error::invalid("trail", error);
    let trail = serde_json::from_str(text).map_err(bad)?;
    let Persons { persons } = serde_json::from_str(text).map_err(bad)?;
    Ok((trail, persons))
}

/// Something that concerns a person.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    pub patient: Option<String>,
    pub block: u32,
    pub block_hash: H256,
    pub event_index: u32,
    pub moment: Moment,
    pub pallet: String,
    pub variant: String,
    pub fields: Value,
    pub text: String,
}

/// What a person wants to hear of.
struct Interests {
    /// The profile's own account, and those that act for patients.
    accounts: BTreeSet<AccountId>,
    /// What stands in the plans of those whom this person helps.
    helping: BTreeMap<PatientId, H256>,
    organisation: Option<OrgId>,
    /// Whether this account votes in the council.
    has_seat: bool,
    controlled: BTreeSet<PatientId>,
    grants: BTreeSet<(PatientId, GrantIndex)>,
    read: BTreeSet<(PatientId, RecordIndex)>,
}

impl Interests {
    async fn of(client: &Client, salus: &Salus) -> Result<Self> {
        let me = client.own.account();
        let grants = salus.all_grants_to(&me).await?;
        let member = salus.member(&me).await?;
        let accounts: BTreeSet<AccountId> = client.accounts()?.into_iter().collect();
        let controlled = client.controlled(salus).await?;
        let helping = client.profile.helping()?;
        Ok(Self {
            organisation: member.as_ref().map(Member::organisation),
            has_seat: matches!(member, Some(Member::Admin { .. })),
            controlled,
            grants: grants
                .into_iter()
                .map(|(patient, grant, _)| (patient, grant))
                .collect(),
            read: client
                .profile
                .read_records()?
                .iter()
                .filter_map(|read| Some((read.patient.parse().ok()?, read.record)))
                .collect(),
            helping: helping
                .iter()
                .map(|(patient, helped)| (patient, helped.commitment))
                .collect(),
            accounts,
        })
    }

    /// Whether an event concerns this person: their patients, whom they help to get back in, what is
    /// shared with them, what they asked for, what they have read, and their own standing.
    async fn include(&mut self, chain: &Chain, salus: &Salus, event: &ChainEvent) -> Result<bool> {
        let mine: Vec<String> = self.accounts.iter().map(AccountId::to_string).collect();
        let is_mine = |value: &Value| {
            let account = value.as_str();
            account.is_some_and(|account| mine.iter().any(|mine| mine == account))
        };
        let is_me = |field: &str| is_mine(&event.fields[field]);
        let is_ours = |value: &Value| {
            value.as_u64().is_some() && value.as_u64() == self.organisation.map(u64::from)
        };
        let number = |field: &str| event.fields[field].as_u64().map(|number| number as u32);
        let Some(patient) = event.patient() else {
            if event.pallet == "Emergency" {
                return Ok(is_me("clinician") || is_ours(&event.fields["organisation"]));
            }
            if ["Motions", "Timelock"].contains(&event.pallet.as_str()) {
                return Ok(self.has_seat);
            }
            return Ok(event.pallet == "Members"
                && (is_me("account")
                    || is_ours(&event.fields["organisation"])
                        && event.variant.starts_with("Organisation")));
        };
        let succeeds =
            is_me("owner") && ["HandedOver", "RecoveryFinished"].contains(&event.variant.as_str());
        if is_me("controller") || is_me("account") || succeeds {
            self.controlled.insert(patient);
        }
        // Whoever is about to take a patient over hears how far it is.
        if self.controlled.contains(&patient) || is_me("owner") {
            return Ok(true);
        }
        match event.variant.as_str() {
            "Granted" => {
                let grantee = &event.fields["grantee"];
                let given =
                    is_mine(&grantee["Clinician"]["account"]) || is_ours(&grantee["Organisation"]);
                if let (true, Some(grant)) = (given, number("grant")) {
                    self.grants.insert((patient, grant));
                }
                Ok(given)
            }
            "EnvelopeDelivered" | "Revoked" | "Expired" => {
                Ok(number("grant").is_some_and(|grant| self.grants.contains(&(patient, grant))))
            }
            "RequestDeclined" => match number("request") {
                Some(request) => {
                    let request = salus.request(patient, request).await?;
                    Ok(request.is_some_and(|request| self.accounts.contains(&request.requester)))
                }
                None => Ok(false),
            },
            _ if event.pallet == "Recovery" => {
                if self.helps(salus, patient).await? {
                    return Ok(true);
                }
                // What a plan ends with is told to those whom it named.
                let (_, before) = chain.block(salus.block()).await?;
                self.helps(&chain.salus_at(before), patient).await
            }
            // Who broke a glass, and the organisation that answers for it.
            _ if event.pallet == "Emergency" => {
                if is_me("actor") || is_ours(&event.fields["organisation"]) {
                    return Ok(true);
                }
                let Some(glass) = number("glass") else {
                    return Ok(false);
                };
                let rows = salus.glasses(patient, glass, 1).await?;
                Ok(rows.iter().any(|(_, glass)| {
                    self.accounts.contains(&glass.clinician)
                        || Some(glass.organisation) == self.organisation
                }))
            }
            _ if event.pallet == "Corrections" => {
                let Some(record) = number("record") else {
                    return Ok(false);
                };
                if self.read.contains(&(patient, record)) {
                    return Ok(true);
                }
                let record = salus.record(patient, record).await?;
                Ok(record.is_some_and(|record| {
                    self.accounts.contains(&record.author)
                        || record.organisation.is_some() && record.organisation == self.organisation
                }))
            }
            _ => Ok(false),
        }
    }
}

impl Interests {
    async fn helps(&self, salus: &Salus, patient: PatientId) -> Result<bool> {
        let Some(commitment) = self.helping.get(&patient) else {
            return Ok(false);
        };
        let plan = salus.recovery_plan(patient).await?;
        Ok(plan.is_some_and(|plan| plan.helpers.contains(commitment)))
    }
}

/// Tells of everything that concerns this person, from block `since` on (the next one, if none), in
/// finalized blocks, none left out. With `once`, up to the newest one; else until `tell` says stop.
pub async fn watch(
    client: &Client,
    since: Option<u32>,
    once: bool,
    mut tell: impl FnMut(Notice) -> Result<bool>,
) -> Result<()> {
    let head = client.chain.finalized().await?;
    let since = since.unwrap_or(head.number.saturating_add(1));
    let salus = client.chain.salus_at(head.hash);
    let mut interests = Interests::of(client, &salus).await?;
    let names = Names::of(client).await?;
    // What was out of date before is told by whoever begins to watch.
    let mut advised = emergency::advice(client, &salus, &interests.controlled).await?;
    let mut blocks = client.chain.follow(since);
    let mut next = since;
    while !once || next <= head.number {
        let block = blocks.next().await?;
        next = block.number.saturating_add(1);
        let found = client.chain.block_events(block.hash).await?;
        let salus = client.chain.salus_at(block.hash);
        for event in found.events {
            let mut news = Vec::new();
            if interests.include(&client.chain, &salus, &event).await? {
                let text = names.sentence(&event.pallet, &event.variant, &event.fields);
                news.push((event.patient(), text));
            }
            if touches_holders(&event) {
                let advice = emergency::advice(client, &salus, &interests.controlled).await?;
                for (patient, text) in &advice {
                    if advised.get(patient) != Some(text) {
                        news.push((Some(*patient), text.clone()));
                    }
                }
                advised = advice;
            }
            for (patient, text) in news {
                let notice = Notice {
                    patient: patient.map(|patient| patient.to_string()),
                    block: block.number,
                    block_hash: block.hash,
                    event_index: event.index,
                    moment: found.moment,
                    pallet: event.pallet.clone(),
                    variant: event.variant.clone(),
                    fields: event.fields.clone(),
                    text,
                };
                if !tell(notice)? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Whether an event may mean that a vault can no longer use its share of a plan.
fn touches_holders(event: &ChainEvent) -> bool {
    const VARIANTS: [&str; 4] = [
        "OrganisationSuspended",
        "RecipientPublished",
        "ClinicianSuspended",
        "CredentialEnded",
    ];
    event.pallet == "Members" && VARIANTS.contains(&event.variant.as_str())
}

#[cfg(test)]
mod tests {
    use salus_primitives::Genesis;

    use super::*;
    use crate::profile::Heads;
    use crate::trail::TrailEntry;

    const PATIENT: PatientId = PatientId([7; 16]);

    fn trail(count: u64) -> Trail {
        let genesis = Genesis::repeat_byte(9);
        let mut head = TrailHead::start(&genesis, &PATIENT);
        let entries = (0..count)
            .map(|i| {
                let (block, event) = (10 + i as u32, vec![24, 0, i as u8]);
                head = head.append(block, 1_000, &event);
                TrailEntry {
                    n: head.count,
                    block,
                    block_hash: H256::repeat_byte(block as u8),
                    event_index: 0,
                    moment: 1_000,
                    pallet: "AccessLog".into(),
                    variant: "Opened".into(),
                    fields: Value::Null,
                    event,
                    digest: head.digest,
                }
            })
            .collect();
        Trail {
            genesis,
            patient: PATIENT,
            at: 100,
            head: head.into(),
            entries,
        }
    }

    fn heads(trail: &Trail) -> Heads {
        let mut heads = Heads::default();
        heads.set(&PATIENT, &trail.head.into());
        heads
    }

    #[test]
    fn a_saved_trail_holds_and_each_line_taken_out_is_noticed() {
        let text = to_file(&trail(5), &Secrets::default()).unwrap();
        assert!(verify_saved(&Heads::default(), &from_file(&text).unwrap().0).is_ok());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 7, "one line for each entry");
        for out in 1..5 {
            let mut less = lines.clone();
            less.remove(out);
            let (cut, _) = from_file(&less.join("\n")).unwrap();
            assert!(verify_saved(&Heads::default(), &cut).is_err(), "line {out}");
        }
    }

    #[test]
    fn what_opens_seals_is_saved_only_when_it_is_to_be() {
        let mut secrets = Secrets::default();
        secrets.insert(3, [7; 32]);
        let text = to_file(&trail(2), &secrets).unwrap();
        let (read, found) = from_file(&text).unwrap();
        assert!(verify_saved(&Heads::default(), &read).is_ok());
        assert_eq!(found, secrets);
        let without = to_file(&trail(2), &Secrets::default()).unwrap();
        assert!(!without.contains(&"07".repeat(32)));
        assert!(from_file(&without).unwrap().1.is_empty());
    }

    #[test]
    fn an_empty_trail_can_be_saved() {
        let text = to_file(&trail(0), &Secrets::default()).unwrap();
        assert!(verify_saved(&Heads::default(), &from_file(&text).unwrap().0).is_ok());
    }

    #[test]
    fn a_forger_who_recomputes_everything_is_noticed_by_who_remembers() {
        let genuine = trail(5);
        let mut forged = trail(4);
        // One entry left out, and the head recomputed to fit.
        forged.head = {
            let mut head = TrailHead::start(&forged.genesis, &PATIENT);
            forged.entries.remove(1);
            for (n, entry) in forged.entries.iter_mut().enumerate() {
                head = head.append(entry.block, entry.moment, &entry.event);
                entry.n = n as u64 + 1;
                entry.digest = head.digest;
            }
            head.into()
        };
        assert!(
            verify_saved(&Heads::default(), &forged).is_ok(),
            "nobody else can tell"
        );
        let mut same_length = trail(5);
        same_length.head.digest = H256::zero();
        assert!(verify_saved(&heads(&genuine), &same_length).is_err());
        let remembered = heads(&trail(3));
        assert!(matches!(
            verify_saved(&remembered, &forged),
            Err(Error::Trail(TrailError::NotAnExtension { seen: 3 }))
        ));
        assert!(verify_saved(&remembered, &genuine).is_ok());
        assert!(
            verify_saved(&heads(&genuine), &trail(3)).is_ok(),
            "an older save still holds"
        );
    }
}
