//! Words that somebody gives beforehand: to be credentialed by an organisation, or to take a role for a
//! patient. Nobody is named without one.
//!
//! Each is a file that its account signs offline and hands to whoever names it. It holds no secret.

use codec::{Decode, Encode};
use salus_primitives::{
    signing::{CredentialConsent, RoleConsent, CONSENT_LASTS},
    AccountId, ClinicianRole, ControllerRole, Genesis, Moment, OrgId, PatientId,
};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use serde_json::Value;

use super::describe::moment;
use crate::error::{Error, Result};
use crate::keys::{parse_account, AccountKey};

const VERSION: u32 = 1;
const CREDENTIAL: &str = "credential";
const ROLE: &str = "role";

/// A word to be credentialed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    kind: String,
    version: u32,
    pub genesis: Genesis,
    pub organisation: OrgId,
    pub account: String,
    pub role: ClinicianRole,
    pub expires_at: Moment,
    /// SCALE, in hexadecimal.
    consent: String,
}

/// A word to take a role for a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleFile {
    kind: String,
    version: u32,
    pub genesis: Genesis,
    pub patient: String,
    pub account: String,
    pub role: ControllerRole,
    pub expires_at: Moment,
    /// SCALE, in hexadecimal.
    consent: String,
}

/// Signs that `organisation` may credential this account until `now + valid`. Needs no network.
pub fn credential(
    key: &AccountKey,
    genesis: Genesis,
    organisation: OrgId,
    role: ClinicianRole,
    now: Moment,
    valid: Moment,
) -> Result<CredentialFile> {
    let expires_at = until(now, valid)?;
    let consent = key.sign_credential(organisation, role, now, expires_at, &genesis);
    Ok(CredentialFile {
        kind: CREDENTIAL.into(),
        version: VERSION,
        genesis,
        organisation,
        account: key.account().to_string(),
        role,
        expires_at,
        consent: hex::encode(consent.encode()),
    })
}

/// Signs that the account of this key takes a role for a patient, if it is given one until
/// `now + valid`. Needs no network. The key is that of an account for this patient alone:
/// [`Profile::key_for`](crate::profile::Profile::key_for).
pub fn role(
    key: &AccountKey,
    genesis: Genesis,
    patient: PatientId,
    role: ControllerRole,
    now: Moment,
    valid: Moment,
) -> Result<RoleFile> {
    let expires_at = until(now, valid)?;
    let consent = key.sign_role(&patient, role, now, expires_at, &genesis);
    Ok(RoleFile {
        kind: ROLE.into(),
        version: VERSION,
        genesis,
        patient: patient.to_string(),
        account: key.account().to_string(),
        role,
        expires_at,
        consent: hex::encode(consent.encode()),
    })
}

/// The chain takes no word that counts for longer: one that is found later must be worth nothing.
fn until(now: Moment, valid: Moment) -> Result<Moment> {
    match valid <= CONSENT_LASTS {
        true => Ok(now.saturating_add(valid)),
        false => Err(Error::Unfit(
            "a consent counts for 30 days at most: give a shorter time with --valid".into(),
        )),
    }
}

fn to_json(file: &impl Serialize) -> Result<Vec<u8>> {
    let mut json =
        serde_json::to_vec_pretty(file).map_err(|error| Error::invalid("consent", error))?;
    json.push(b'\n');
    Ok(json)
}

/// Reads a file of this kind. One of another kind is named, with the command that makes the right one.
fn from_json<T: DeserializeOwned>(json: &[u8], kind: &str) -> Result<T> {
    let value: Value = serde_json::from_slice(json).map_err(|_| {
        Error::invalid(
            "consent",
            format!("it is no consent file: ask for one made by `salus consent {kind}`"),
        )
    })?;
    let found = match (value["kind"].as_str(), value.get("enroller")) {
        (Some(found), _) => Some(found),
        (None, Some(_)) => Some("enrolment"),
        (None, None) => None,
    };
    if found != Some(kind) {
        let found = found.map_or_else(
            || "it is no consent file".to_owned(),
            |found| format!("it is a consent of another kind ({found})"),
        );
        let reason = format!("{found}: ask for one made by `salus consent {kind}`");
        return Err(Error::invalid("consent", reason));
    }
    match value["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => {}
        version => {
            return Err(Error::Version {
                what: "consent",
                version: version
                    .and_then(|version| version.try_into().ok())
                    .unwrap_or_default(),
            })
        }
    }
    serde_json::from_value(value).map_err(|error| Error::invalid("consent", error))
}

fn decoded<T: Decode>(text: &str) -> Result<T> {
    hex::decode(text)
        .ok()
        .and_then(|bytes| T::decode(&mut &bytes[..]).ok())
        .ok_or_else(|| Error::invalid("consent", "it was cut or changed: ask for it again"))
}

fn bad(reason: impl ToString) -> Error {
    Error::invalid("consent", reason)
}

/// What both kinds are compared by.
struct Common<'a> {
    genesis: Genesis,
    account: &'a str,
    expires_at: Moment,
}

impl Common<'_> {
    fn check(&self, genesis: &Genesis, account: &AccountId, now: Moment) -> Result<()> {
        if self.genesis != *genesis {
            return Err(bad("it was made for another chain: ask for one for this"));
        }
        if parse_account(self.account)? != *account {
            return Err(bad(format!(
                "it is of {}, not of {account}: name that account, or ask this one for its consent",
                self.account
            )));
        }
        if self.expires_at <= now {
            return Err(bad(format!(
                "it counted until {}: ask for a new one",
                moment(self.expires_at)
            )));
        }
        Ok(())
    }
}

/// The signature covers all of what the file says, so whoever changes a word of it is found here.
fn forged() -> Error {
    bad("its signature does not match what it says: ask for a new one")
}

impl CredentialFile {
    pub fn to_json(&self) -> Result<Vec<u8>> {
        to_json(self)
    }

    pub fn from_json(json: &[u8]) -> Result<Self> {
        from_json(json, CREDENTIAL)
    }

    /// The consent, if it lets this organisation credential this account in this role now.
    pub fn verify(
        &self,
        genesis: &Genesis,
        organisation: OrgId,
        account: &AccountId,
        role: ClinicianRole,
        now: Moment,
    ) -> Result<CredentialConsent> {
        let common = Common {
            genesis: self.genesis,
            account: &self.account,
            expires_at: self.expires_at,
        };
        common.check(genesis, account, now)?;
        if self.organisation != organisation {
            return Err(bad(format!(
                "it is for organisation {}, not for {organisation}: ask for one with --organisation {organisation}",
                self.organisation
            )));
        }
        if self.role != role {
            let (found, wanted) = (word(&self.role), word(&role));
            return Err(bad(format!(
                "it is for the role {found}, not for {wanted}: credential with --role {found}, or ask for another consent"
            )));
        }
        let consent: CredentialConsent = decoded(&self.consent)?;
        let signed = consent.expires_at == self.expires_at
            && consent.is_signed_by(account, genesis, organisation, role);
        match signed {
            true => Ok(consent),
            false => Err(forged()),
        }
    }
}

impl RoleFile {
    pub fn to_json(&self) -> Result<Vec<u8>> {
        to_json(self)
    }

    pub fn from_json(json: &[u8]) -> Result<Self> {
        from_json(json, ROLE)
    }

    /// The consent, if it lets this account be given this role for this patient now.
    pub fn verify(
        &self,
        genesis: &Genesis,
        patient: &PatientId,
        account: &AccountId,
        role: ControllerRole,
        now: Moment,
    ) -> Result<RoleConsent> {
        let common = Common {
            genesis: self.genesis,
            account: &self.account,
            expires_at: self.expires_at,
        };
        common.check(genesis, account, now)?;
        if self.patient != patient.to_string() {
            return Err(bad(format!(
                "it is for patient {}, not for {patient}: ask for one with --patient {patient}",
                self.patient
            )));
        }
        if self.role != role {
            let (found, wanted) = (word(&self.role), word(&role));
            return Err(bad(format!(
                "it is for the role {found}, not for {wanted}: give that role with --role {found}, or ask for another consent"
            )));
        }
        let consent: RoleConsent = decoded(&self.consent)?;
        let signed = consent.expires_at == self.expires_at
            && consent.is_signed_by(account, genesis, patient, role);
        match signed {
            true => Ok(consent),
            false => Err(forged()),
        }
    }
}

/// As the command line takes it.
fn word(role: &impl std::fmt::Debug) -> String {
    format!("{role:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use salus_primitives::DAY;

    use super::*;

    const GENESIS: Genesis = Genesis::repeat_byte(3);
    const PATIENT: PatientId = PatientId([7; 16]);
    const NURSE: ClinicianRole = ClinicianRole::Nurse;
    const CARER: ControllerRole = ControllerRole::Carer;
    const NOW: Moment = 1_000;

    fn key(uri: &str) -> AccountKey {
        AccountKey::from_uri(uri).unwrap()
    }

    fn credential_of(uri: &str) -> CredentialFile {
        credential(&key(uri), GENESIS, 2, NURSE, NOW, DAY).unwrap()
    }

    fn role_of(uri: &str) -> RoleFile {
        role(&key(uri), GENESIS, PATIENT, CARER, NOW, DAY).unwrap()
    }

    #[track_caller]
    fn assert_says<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
        let error = result.unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_consent_reads_back_and_the_chain_would_take_it() {
        let bob = key("//Bob").account();
        let file = credential_of("//Bob");
        let back = CredentialFile::from_json(&file.to_json().unwrap()).unwrap();
        assert_eq!(back, file);
        let consent = back.verify(&GENESIS, 2, &bob, NURSE, NOW).unwrap();
        assert_eq!((consent.signed_at, consent.expires_at), (NOW, NOW + DAY));
        assert!(consent.is_signed_by(&bob, &GENESIS, 2, NURSE));

        let file = role_of("//Bob");
        let back = RoleFile::from_json(&file.to_json().unwrap()).unwrap();
        let consent = back.verify(&GENESIS, &PATIENT, &bob, CARER, NOW).unwrap();
        assert!(consent.is_signed_by(&bob, &GENESIS, &PATIENT, CARER));
    }

    #[test]
    fn a_consent_for_something_else_says_what_to_ask_for() {
        let (bob, eve) = (key("//Bob").account(), key("//Eve").account());
        let file = credential_of("//Bob");
        let late = NOW + DAY;
        let other = Genesis::zero();
        assert_says(file.verify(&other, 2, &bob, NURSE, NOW), &["another chain"]);
        assert_says(
            file.verify(&GENESIS, 3, &bob, NURSE, NOW),
            &["organisation 2", "--organisation 3"],
        );
        assert_says(
            file.verify(&GENESIS, 2, &eve, NURSE, NOW),
            &[&bob.to_string(), &eve.to_string()],
        );
        assert_says(
            file.verify(&GENESIS, 2, &bob, ClinicianRole::Service, NOW),
            &["nurse", "service"],
        );
        assert_says(
            file.verify(&GENESIS, 2, &bob, NURSE, late),
            &["it counted until", "a new one"],
        );
        let file = role_of("//Bob");
        let elsewhere = PatientId([8; 16]);
        assert_says(
            file.verify(&GENESIS, &elsewhere, &bob, CARER, NOW),
            &[&PATIENT.to_string(), &elsewhere.to_string()],
        );
        assert_says(
            file.verify(&GENESIS, &PATIENT, &bob, ControllerRole::Owner, NOW),
            &["carer", "owner"],
        );
        assert_says(
            file.verify(&GENESIS, &PATIENT, &bob, CARER, late),
            &["a new one"],
        );
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let credential = credential_of("//Bob").to_json().unwrap();
        let role = role_of("//Bob").to_json().unwrap();
        assert_says(
            CredentialFile::from_json(&role),
            &["(role)", "salus consent credential"],
        );
        assert_says(
            RoleFile::from_json(&credential),
            &["(credential)", "salus consent role"],
        );
        assert_says(
            RoleFile::from_json(br#"{"version": 1, "enroller": "5"}"#),
            &["(enrolment)", "salus consent role"],
        );
        for other in [&b"\x00"[..], b"{}", b"[]"] {
            assert_says(RoleFile::from_json(other), &["no consent file"]);
        }
        let later = String::from_utf8(role).unwrap();
        let later = later.replace("\"version\": 1", "\"version\": 2");
        assert!(matches!(
            RoleFile::from_json(later.as_bytes()),
            Err(Error::Version { version: 2, .. })
        ));
    }

    #[test]
    fn a_changed_consent_is_refused() {
        let (bob, eve) = (key("//Bob").account(), key("//Eve").account());
        let mut file = role_of("//Bob");
        file.account = eve.to_string();
        let words = ["signature"];
        assert_says(file.verify(&GENESIS, &PATIENT, &eve, CARER, NOW), &words);
        let mut file = role_of("//Bob");
        file.expires_at += DAY;
        assert_says(file.verify(&GENESIS, &PATIENT, &bob, CARER, NOW), &words);
        let mut file = credential_of("//Bob");
        file.role = ClinicianRole::Service;
        let service = ClinicianRole::Service;
        assert_says(file.verify(&GENESIS, 2, &bob, service, NOW), &words);
        let mut file = credential_of("//Bob");
        file.consent.truncate(10);
        assert_says(file.verify(&GENESIS, 2, &bob, NURSE, NOW), &["cut"]);
    }

    #[test]
    fn no_consent_counts_for_longer_than_the_chain_takes_it() {
        let made = |valid| role(&key("//Bob"), GENESIS, PATIENT, CARER, NOW, valid);
        assert!(made(CONSENT_LASTS).is_ok());
        assert_says(made(CONSENT_LASTS + 1), &["30 days", "--valid"]);
    }
}
