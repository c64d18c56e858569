//! Sealed persons in a trail: whom the seals are of, as far as one has what opens them.
//!
//! A seal tells nothing to whoever lacks its grant's secret. With it, the people of the organisation are
//! tried one by one; a wrong one does not fit. See [`salus_primitives::seal`].

use std::collections::{BTreeMap, BTreeSet};

use salus_primitives::{
    seal::{person, SealSecret},
    AccountId, ClinicianRole, Genesis, GrantIndex, OrgId, PatientId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// What bears the seal of a person.
struct Sealed<'a> {
    seal: &'a str,
    grant: GrantIndex,
    organisation: OrgId,
}

fn sealed(fields: &Value) -> Option<Sealed<'_>> {
    let number = |field: &str| fields[field].as_u64()?.try_into().ok();
    Some(Sealed {
        seal: fields["person"].as_str()?,
        grant: number("grant")?,
        organisation: number("organisation")?,
    })
}

/// The persons whose seals were opened. A seal counts under the grant and for the organisation that it
/// was made for: copied elsewhere it names nobody.
#[derive(Clone, Debug, Default)]
pub struct Persons(BTreeMap<(OrgId, GrantIndex, String), Person>);

impl Persons {
    /// Whom the seal in an entry's fields is of.
    pub fn of(&self, fields: &Value) -> Option<&Person> {
        let sealed = sealed(fields)?;
        let seal = sealed.seal.to_owned();
        self.0.get(&(sealed.organisation, sealed.grant, seal))
    }

    #[cfg(test)]
    pub fn of_fields(fields: &Value, person: Person) -> Self {
        let sealed = sealed(fields).expect("they bear a seal");
        let seal = sealed.seal.to_owned();
        Self([((sealed.organisation, sealed.grant, seal), person)].into())
    }
}

/// The grants under which somebody of an organisation is sealed in this trail.
pub fn grants(entries: &[TrailEntry]) -> BTreeSet<(OrgId, GrantIndex)> {
    let found = entries.iter().filter_map(|entry| sealed(&entry.fields));
    found
        .map(|sealed| (sealed.organisation, sealed.grant))
        .collect()
}

/// The organisations under whose names persons are sealed in this trail.
pub fn organisations(entries: &[TrailEntry]) -> Vec<OrgId> {
    let found: BTreeSet<OrgId> = grants(entries)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    found.into_iter().collect()
}

/// Opens the seals of a trail. What does not open is left out.
pub fn open(
    genesis: &Genesis,
    patient: &PatientId,
    entries: &[TrailEntry],
    secrets: &Secrets,
    directory: &Directory,
) -> Persons {
    let mut opened = BTreeMap::new();
    for sealed in entries.iter().filter_map(|entry| sealed(&entry.fields)) {
        let secret = secrets.0.get(&sealed.grant);
        let people = directory.get(&sealed.organisation);
        let (Some(Hex(secret)), Some(people)) = (secret, people) else {
            continue;
        };
        let place = (sealed.organisation, sealed.grant, sealed.seal.to_owned());
        if opened.contains_key(&place) {
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
            opened.insert(place, person);
        }
    }
    Persons(opened)
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
        opened
            .0
            .into_values()
            .map(|person| person.account)
            .collect()
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
    fn a_seal_that_was_copied_names_nobody() {
        let made = entry(4, &SECRET, 7);
        let mut elsewhere = made.clone();
        elsewhere.fields["grant"] = json!(5);
        let mut another = made.clone();
        another.fields["organisation"] = json!(2);
        let entries = [made.clone(), elsewhere.clone(), another.clone()];
        let mut secrets = secrets();
        secrets.insert(5, [6; 32]);
        let people = vec![(account(7), Some(ClinicianRole::Physician))];
        let directory = [(3, people.clone()), (2, vec![(account(8), None)])].into();
        let persons = open(&GENESIS, &PATIENT, &entries, &secrets, &directory);
        assert!(persons.of(&made.fields).is_some());
        assert!(persons.of(&elsewhere.fields).is_none());
        assert!(persons.of(&another.fields).is_none());
    }

    #[test]
    fn secrets_are_needed_for_grants_of_whose_grantee_somebody_is_sealed() {
        let mut refused = entry(9, &SECRET, 7);
        refused.fields["organisation"] = json!(2);
        let needed = grants(&[entry(4, &SECRET, 7), refused]);
        assert_eq!(needed, [(3, 4), (2, 9)].into());
        let text = serde_json::to_string(&secrets()).unwrap();
        assert_eq!(serde_json::from_str::<Secrets>(&text).unwrap(), secrets());
        assert!(!format!("{:?}", secrets()).contains("0505"));
    }
}
