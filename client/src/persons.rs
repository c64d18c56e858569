//! Sealed persons in a trail: whom the seals are of, as far as one has what opens them.
//!
//! A seal tells nothing to whoever lacks its grant's secret. With it, the people of the organisation are
//! tried one by one; a wrong one does not fit. See [`salus_primitives::seal`].

use std::collections::BTreeMap;

use salus_primitives::{
    seal::{person, SealSecret},
    AccountId, ClinicianRole, Genesis, GrantIndex, OrgId, PatientId,
};
use serde::{Deserialize, Serialize};

use crate::trail::TrailEntry;

/// What opens the seals, by grant. Whoever has it learns which persons they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets(BTreeMap<GrantIndex, Hex>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hex(SealSecret);

impl std::fmt::Debug for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl From<Hex> for String {
    fn from(secret: Hex) -> Self {
        hex::encode(secret.0)
    }
}

impl TryFrom<String> for Hex {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut secret = [0; 32];
        hex::decode_to_slice(text, &mut secret)?;
        Ok(Self(secret))
    }
}

impl Secrets {
    pub fn insert(&mut self, grant: GrantIndex, secret: SealSecret) {
        self.0.insert(grant, Hex(secret));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only those of grants under which somebody in this trail is sealed: more is nobody's business.
    pub fn needed_for(mut self, entries: &[TrailEntry]) -> Self {
        let sealed: Vec<GrantIndex> = entries.iter().filter_map(sealed).map(|s| s.grant).collect();
        self.0.retain(|grant, _| sealed.contains(grant));
        self
    }
}

/// The people who can be behind an organisation's seals, with the role that each has there now; none
/// for somebody who has left.
pub type Directory = BTreeMap<OrgId, Vec<(AccountId, Option<ClinicianRole>)>>;

/// Whom a seal is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    pub account: String,
    pub role: Option<ClinicianRole>,
}

/// An entry that bears the seal of a person.
struct Sealed<'a> {
    seal: &'a str,
    grant: GrantIndex,
    organisation: OrgId,
}

fn sealed(entry: &TrailEntry) -> Option<Sealed<'_>> {
    let number = |field: &str| entry.fields[field].as_u64()?.try_into().ok();
    Some(Sealed {
        seal: entry.fields["person"].as_str()?,
        grant: number("grant")?,
        organisation: number("organisation")?,
    })
}

/// The organisations under whose names persons are sealed in this trail.
pub fn organisations(entries: &[TrailEntry]) -> Vec<OrgId> {
    let mut found: Vec<OrgId> = entries
        .iter()
        .filter_map(sealed)
        .map(|sealed| sealed.organisation)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Opens the seals of a trail: the persons by seal. What does not open is left out.
pub fn open(
    genesis: &Genesis,
    patient: &PatientId,
    entries: &[TrailEntry],
    secrets: &Secrets,
    directory: &Directory,
) -> BTreeMap<String, Person> {
    let mut opened = BTreeMap::new();
    for sealed in entries.iter().filter_map(sealed) {
        let secret = secrets.0.get(&sealed.grant);
        let people = directory.get(&sealed.organisation);
        let (Some(Hex(secret)), Some(people)) = (secret, people) else {
            continue;
        };
        if opened.contains_key(sealed.seal) {
            continue;
        }
        let fits = |account: &AccountId| {
            let seal = person(genesis, patient, sealed.grant, secret, account);
            format!("0x{}", hex::encode(seal)) == sealed.seal
        };
        if let Some((account, role)) = people.iter().find(|(account, _)| fits(account)) {
            let person = Person {
                account: account.to_string(),
                role: *role,
            };
            opened.insert(sealed.seal.to_owned(), person);
        }
    }
    opened
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sp_core::H256;

    use super::*;

    const GENESIS: Genesis = Genesis::repeat_byte(1);
    const PATIENT: PatientId = PatientId([2; 16]);
    const SECRET: SealSecret = [5; 32];

    fn account(n: u8) -> AccountId {
        AccountId::new([n; 32])
    }

    fn entry(grant: GrantIndex, secret: &SealSecret, n: u8) -> TrailEntry {
        let seal = person(&GENESIS, &PATIENT, grant, secret, &account(n));
        TrailEntry {
            n: 1,
            block: 1,
            block_hash: H256::zero(),
            event_index: 0,
            moment: 0,
            pallet: "AccessLog".into(),
            variant: "Opened".into(),
            fields: json!({
                "grant": grant, "organisation": 3, "person": format!("0x{}", hex::encode(seal)),
            }),
            event: Vec::new(),
            digest: H256::zero(),
        }
    }

    fn found(entries: &[TrailEntry], secrets: &Secrets, people: &[u8]) -> Vec<String> {
        let role = Some(ClinicianRole::Physician);
        let people = people.iter().map(|n| (account(*n), role)).collect();
        let directory = [(3, people)].into();
        let opened = open(&GENESIS, &PATIENT, entries, secrets, &directory);
        opened.into_values().map(|person| person.account).collect()
    }

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.insert(4, SECRET);
        secrets
    }

    #[test]
    fn a_seal_opens_to_the_person_and_to_no_other() {
        let entries = [entry(4, &SECRET, 7)];
        assert_eq!(
            found(&entries, &secrets(), &[6, 7, 8]),
            [account(7).to_string()]
        );
        // Whoever claims to be that person is not.
        assert!(found(&entries, &secrets(), &[6, 8]).is_empty());
    }

    #[test]
    fn without_the_secret_of_its_grant_a_seal_stays_closed() {
        let entries = [entry(4, &SECRET, 7)];
        assert!(found(&entries, &Secrets::default(), &[7]).is_empty());
        let mut wrong = Secrets::default();
        wrong.insert(4, [6; 32]);
        assert!(found(&entries, &wrong, &[7]).is_empty());
        let other = [entry(5, &SECRET, 7)];
        assert!(found(&other, &secrets(), &[7]).is_empty());
    }

    #[test]
    fn nobody_is_handed_more_secrets_than_the_trail_needs() {
        let mut all = secrets();
        all.insert(9, [9; 32]);
        let needed = all.needed_for(&[entry(4, &SECRET, 7)]);
        assert_eq!(needed, secrets());
        let text = serde_json::to_string(&needed).unwrap();
        assert_eq!(serde_json::from_str::<Secrets>(&text).unwrap(), needed);
        assert!(!format!("{needed:?}").contains("0505"));
    }
}
