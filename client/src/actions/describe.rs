//! What happened, in plain sentences.

use std::collections::BTreeMap;

use salus_primitives::{rows::GLASS_LASTS, AccountId, OrgId, RecordIndex};
use serde_json::{json, Value};

use super::Client;
use crate::error::Result;
use crate::files::manifest::rfc3339;
use crate::keyring::Label;
use crate::persons::Persons;
use crate::trail::TrailEntry;

/// The names that sentences use instead of numbers.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The accounts of whoever reads the sentences.
    pub me: Vec<String>,
    /// Organisations by number.
    pub organisations: BTreeMap<u64, String>,
    /// Compartments by id, where their names are known.
    pub compartments: BTreeMap<String, String>,
    /// Persons behind seals, as far as those could be opened.
    pub persons: Persons,
    /// What grants are for, by number, where the sentences are about one trail.
    pub purposes: BTreeMap<u64, &'static str>,
}

/// Those that act for patients, that help, and the profile's own.
fn mine(client: &Client) -> Result<Vec<String>> {
    let helping = client.profile.helping()?;
    let helping = helping.iter().map(|(_, helped)| helped.account.clone());
    let accounts = client.accounts()?.into_iter();
    Ok(accounts
        .map(|account| account.to_string())
        .chain(helping)
        .collect())
}

impl Names {
    /// The names that this person's profile and the chain know.
    pub async fn of(client: &Client) -> Result<Self> {
        let mut names = Self {
            me: mine(client)?,
            ..Self::default()
        };
        for (organisation, row) in client.salus().await?.all_organisations().await? {
            names
                .organisations
                .insert(organisation.into(), super::text(&row.name));
        }
        for patient in client.profile.patients()? {
            let Some(keyring) = client.profile.keyring(&patient, &client.device)? else {
                continue;
            };
            for (id, compartment) in keyring.compartments() {
                let label = match &compartment.label {
                    Label::Intake => "intake".to_owned(),
                    label => format!("“{label}”"),
                };
                names.compartments.insert(id.to_string(), label);
            }
        }
        Ok(names)
    }

    /// Somebody who acts for the patient, read at a vault.
    pub(super) fn read(
        &self,
        reader: &AccountId,
        vault: OrgId,
        index: RecordIndex,
        all: bool,
    ) -> String {
        let reader = match self.account(&json!(reader.to_string())) {
            you if you == "you" => "You".to_owned(),
            other => other,
        };
        let part = if all {
            "record"
        } else {
            "the summary of record"
        };
        format!(
            "{reader} read {part} {index} at the vault of {}.",
            self.organisation(&json!(vault))
        )
    }

    /// `The vault of General Hospital`.
    pub(super) fn vault(&self, organisation: OrgId) -> String {
        format!("The vault of {}", self.organisation(&json!(organisation)))
    }

    fn account(&self, value: &Value) -> String {
        match value.as_str() {
            Some(account) if self.me.iter().any(|me| me == account) => "you".into(),
            Some(account) if account.len() > 12 => {
                let end = account.chars().rev().take(4).collect::<Vec<_>>();
                let end: String = end.into_iter().rev().collect();
                let start: String = account.chars().take(6).collect();
                format!("{start}…{end}")
            }
            Some(account) => account.into(),
            None => "somebody".into(),
        }
    }

    fn organisation(&self, value: &Value) -> String {
        let Some(number) = value.as_u64() else {
            return "an organisation".into();
        };
        self.organisations
            .get(&number)
            .cloned()
            .unwrap_or_else(|| format!("organisation {number}"))
    }

    /// Who signed, or for whom an organisation's software did, and of which organisation.
    fn signer(&self, fields: &Value) -> String {
        let organisation = self.organisation(&fields["organisation"]);
        if fields["person"].as_str().is_none() {
            return format!("{} of {organisation}", self.account(&fields["actor"]));
        }
        match self.persons.of(fields) {
            Some(person) => {
                let account = self.account(&Value::from(person.account.as_str()));
                let role = person.role.map_or("who has left".into(), |role| {
                    format!("{role:?}").to_lowercase()
                });
                format!("{account} ({role}) of {organisation}, through its software,")
            }
            None => format!("somebody of {organisation}, whose name is sealed,"),
        }
    }

    /// What a grant is for, where this is known.
    fn purpose_of(&self, fields: &Value) -> String {
        let grant = fields["grant"].as_u64();
        match grant.and_then(|grant| self.purposes.get(&grant)) {
            Some(purpose) => format!(" for {purpose}"),
            None => String::new(),
        }
    }

    /// Learns from a trail what its grants are for.
    pub(crate) fn learn_purposes(&mut self, entries: &[TrailEntry]) {
        for entry in entries {
            if (entry.pallet.as_str(), entry.variant.as_str()) == ("Consent", "Granted") {
                if let Some(grant) = entry.fields["grant"].as_u64() {
                    self.purposes.insert(grant, purpose(&entry.fields));
                }
            }
        }
    }

    fn compartment(&self, value: &Value) -> String {
        let id = value.as_str().unwrap_or_default();
        self.compartments
            .get(id)
            .cloned()
            .unwrap_or_else(|| format!("compartment {}…", id.get(..8).unwrap_or(id)))
    }

    fn grantee(&self, value: &Value) -> String {
        let organisation = value.get("Organisation");
        match (organisation, value.get("Clinician")) {
            (Some(organisation), _) => self.organisation(organisation),
            (_, Some(clinician)) => match self.account(&clinician["account"]) {
                me if me == "you" => me,
                other => format!(
                    "{other} of {}",
                    self.organisation(&clinician["organisation"])
                ),
            },
            _ => "somebody".into(),
        }
    }

    fn scope(&self, value: &Value) -> String {
        if let Some(records) = value.get("Records") {
            return self.records(records);
        }
        let ids = value.get("Compartments").and_then(Value::as_array);
        let names: Vec<String> = ids
            .into_iter()
            .flatten()
            .map(|id| self.compartment(id))
            .collect();
        names.join(", ")
    }

    fn records(&self, value: &Value) -> String {
        let numbers: Vec<String> = value
            .as_array()
            .into_iter()
            .flatten()
            .map(Value::to_string)
            .collect();
        match numbers.as_slice() {
            [only] => format!("record {only}"),
            several => format!("records {}", several.join(", ")),
        }
    }

    /// One event as one sentence, without its time.
    pub fn sentence(&self, pallet: &str, variant: &str, fields: &Value) -> String {
        let actor = capital(&self.account(&fields["actor"]));
        let record = || format!("record {}", fields["record"]);
        let grant = || format!("grant {}", fields["grant"]);
        let organisation = || self.organisation(&fields["organisation"]);
        let correction = || format!("correction {}", fields["correction"]);
        let until = |name: &str| fields[name].as_u64().map(moment).unwrap_or_default();
        let role = || {
            fields["role"]
                .as_str()
                .unwrap_or("controller")
                .to_lowercase()
        };
        match (pallet, variant) {
            ("Patients", "Enrolled") => format!(
                "{actor} of {} enrolled the patient; {} decides for it.",
                organisation(),
                self.account(&fields["controller"])
            ),
            ("Patients", "OwnerDeclared") => {
                format!("{actor} said that they are the patient, and is an owner now.")
            }
            ("Patients", "ControllerAdded") => format!(
                "{actor} made {} a {}{}.",
                self.account(&fields["account"]),
                role(),
                match fields["expires_at"].as_u64() {
                    Some(end) => format!(" until {}", moment(end)),
                    None => String::new(),
                }
            ),
            ("Patients", "ControllerRemoved") => format!(
                "{actor} ended the role of {} as {}.",
                self.account(&fields["account"]),
                role()
            ),
            ("Patients", "KeyringChanged") => format!("{actor} saved the encrypted keyring."),
            ("Patients", "InboxChanged") => format!("{actor} changed the key for letters."),
            ("Patients", "HandedOver") => format!(
                "{actor} handed the patient over to {}: all other roles have ended.",
                self.account(&fields["owner"])
            ),
            ("Patients", "HandOverAgreed") => format!(
                "{actor} agreed to hand the patient over to {}: {}.",
                self.account(&fields["owner"]),
                match fields["due"].as_u64() {
                    Some(due) => format!(
                        "from {} on it can be completed; until then `salus patient veto-hand-over` stops it",
                        moment(due)
                    ),
                    None => "others have not yet".into(),
                }
            ),
            ("Patients", "HandOverVetoed") => format!(
                "{actor} stopped the hand-over to {}, or ended it with a role.",
                self.account(&fields["owner"])
            ),
            ("Patients", "RemovalAnnounced") => format!(
                "{actor} announced that the role of {} as owner ends, from {} on. If that is wrong: `salus patient controllers veto`.",
                self.account(&fields["account"]),
                until("due")
            ),
            ("Patients", "RemovalVetoed") => format!(
                "{actor} kept {} as owner, against what was announced.",
                self.account(&fields["account"])
            ),
            ("Patients", "AdditionAgreed") => format!(
                "{actor} agreed that {} becomes a {}; another decider has not yet.",
                self.account(&fields["account"]),
                role()
            ),
            ("Patients", "AdditionDropped") => format!(
                "The word of {} for {} as decider no longer counts.",
                self.account(&fields["decider"]),
                self.account(&fields["account"])
            ),
            ("Patients", "KeyringRestored") => {
                format!("{actor} went back to a keyring that had been replaced.")
            }
            ("Patients", "EnrolmentVoided") => format!(
                "{actor} of {} took back the enrolment, as one of the wrong person: all roles have ended.",
                organisation()
            ),
            ("Recovery", "PlanSet") => format!(
                "{actor} named helpers for getting back in, {} after enough of them agree.",
                span(fields["delay"].as_u64().unwrap_or_default())
            ),
            ("Recovery", "PlanRemoved") => "Nobody is named any more who could let you in again.".into(),
            ("Recovery", "PlanEnding") => format!(
                "{actor} announced other helpers for getting back in, or none, from {} on. If that is wrong: `salus recovery veto`.",
                until("due")
            ),
            ("Recovery", "EndingVetoed") => {
                format!("{actor} kept the helpers, against what was announced.")
            }
            ("Recovery", "RecoveryStarted") => format!(
                "{actor}, as a helper, began to give the patient to {}. If that is not you: `salus recovery cancel`.",
                self.account(&fields["owner"])
            ),
            ("Recovery", "RecoveryApproved") => format!(
                "{actor}, as a helper, stands behind giving the patient to {}{}.",
                self.account(&fields["owner"]),
                match fields["ready_at"].as_u64() {
                    Some(ready) => format!(": it can be done from {} on", moment(ready)),
                    None => String::new(),
                }
            ),
            ("Recovery", "RecoveryWithdrawn") => format!(
                "{actor}, as a helper, no longer stands behind giving the patient to {}.",
                self.account(&fields["owner"])
            ),
            ("Recovery", "RecoveryCancelled") => format!(
                "{actor} stopped giving the patient to {}.",
                self.account(&fields["owner"])
            ),
            ("Recovery", "RecoveryFinished") => format!(
                "{actor} gave the patient to {}, with the helpers' word: all other roles have ended.",
                self.account(&fields["owner"])
            ),
            ("Records", "CompartmentRotated") => {
                format!(
                    "{actor} gave {} a new key.",
                    self.compartment(&fields["compartment"])
                )
            }
            ("Records", "RecordAnchored") => format!(
                "{} added {} to {}.",
                match fields["organisation"].is_null() {
                    true => actor,
                    false => capital(&self.signer(fields)),
                },
                record(),
                self.compartment(&fields["compartment"])
            ),
            ("Records", "RecordReclassified") => format!(
                "{actor} filed {} in {}.",
                record(),
                self.compartment(&fields["compartment"])
            ),
            ("Records", "RecordRestored") => format!(
                "{actor} went back to a file of {} that had been replaced, in {}.",
                record(),
                self.compartment(&fields["compartment"])
            ),
            ("Records", "RecordRelocated") => format!("{actor} encrypted {} anew.", record()),
            ("Records", "EraseRequested") => {
                format!("{actor} asked to erase {} on {}.", record(), until("until"))
            }
            ("Records", "EraseCancelled") => {
                format!("{actor} called off the erasure of {}.", record())
            }
            ("Records", "RecordErased") => format!("{actor} erased {}.", record()),
            ("Consent", "AccessRequested") => format!(
                "{actor} of {} asked for access for {}, for {} (request {}).",
                organisation(),
                purpose(fields),
                span(fields["duration"].as_u64().unwrap_or_default()),
                fields["request"]
            ),
            ("Consent", "RequestWithdrawn") => {
                format!("{actor} took back request {}.", fields["request"])
            }
            ("Consent", "RequestDeclined") => {
                format!("{actor} declined request {}.", fields["request"])
            }
            ("Consent", "Granted") => format!(
                "{actor} let {} {} {} for {}, until {} ({}).",
                self.grantee(&fields["grantee"]),
                match fields["rights"].as_str() {
                    Some("Write") => "add to",
                    Some("ReadWrite") => "read and add to",
                    _ => "read",
                },
                match fields["rights"].as_str() {
                    Some("Write") => "the records".to_owned(),
                    _ => self.scope(&fields["scope"]),
                },
                purpose(fields),
                until("expires_at"),
                grant()
            ),
            ("Consent", "EnvelopeDelivered") => {
                format!("{actor} handed over the keys of {}.", grant())
            }
            ("Consent", "Revoked") => format!("{actor} ended {}.", grant()),
            ("Consent", "Expired") => format!("{} ended by itself.", capital(&grant())),
            ("AccessLog", "Opened") => format!(
                "{} opened {} of {}{} ({}).",
                capital(&self.signer(fields)),
                part(fields),
                self.records(&fields["records"]),
                self.purpose_of(fields),
                grant()
            ),
            ("AccessLog", "Refused") => format!(
                "{} tried to open {} of {} and was refused.",
                capital(&self.signer(fields)),
                part(fields),
                self.records(&fields["records"])
            ),
            ("AccessLog", "Delivered") => format!(
                "The vault of {} handed {} of {} to {} ({}).",
                organisation(),
                part(fields),
                record(),
                self.account(&fields["reader"]),
                grant()
            ),
            ("AccessLog", "ReadsCommitted") => format!(
                "The vault of {} committed to its logs of patients' own reads.",
                organisation()
            ),
            ("Copies", "ErasureConfirmed") => format!(
                "{} confirmed that its vault has no copy of {} any more.",
                capital(&organisation()),
                record()
            ),
            ("Corrections", "CorrectionRequested") => format!(
                "{actor} asked to correct {} ({}); the answer is due on {}.",
                record(),
                correction(),
                until("due_at")
            ),
            ("Corrections", "CorrectionAccepted") => format!(
                "{actor} corrected {}: record {} is right ({}).",
                record(),
                fields["replacement"],
                correction()
            ),
            ("Corrections", "CorrectionPartlyAccepted") => format!(
                "{actor} corrected {} in part: see record {} ({}).",
                record(),
                fields["replacement"],
                correction()
            ),
            ("Corrections", "CorrectionDenied") => {
                format!("{actor} denied {} of {}.", correction(), record())
            }
            ("Corrections", "CorrectionDisagreed") => {
                format!("{actor} disagreed with the denial of {}.", correction())
            }
            ("Corrections", "CorrectionRebutted") => {
                format!("{actor} answered the disagreement about {}.", correction())
            }
            ("Corrections", "CorrectionExtended") => format!(
                "{actor} put off the answer to {} until {}.",
                correction(),
                until("due_at")
            ),
            ("Corrections", "CorrectionMade") => format!(
                "{actor} corrected {} unasked: record {} is right.",
                record(),
                fields["replacement"]
            ),
            ("Emergency", "PlanChanged") => {
                format!("{actor} set the emergency plan; what it opens, if anything, it does not tell.")
            }
            ("Emergency", "GlassBroken") => format!(
                "EMERGENCY: {actor} of {} broke the glass and can read for {} what the emergency plan opens, if anything (glass {}). `salus emergency list` tells why; if it is none: `salus emergency end {}` and `salus emergency dispute {}`.",
                organisation(),
                span(GLASS_LASTS),
                fields["glass"],
                fields["glass"],
                fields["glass"]
            ),
            ("Emergency", "GlassRevealed") => format!(
                "EMERGENCY: {actor} opened the emergency plan's package and can read what it names (glass {}, {}).",
                fields["glass"],
                grant()
            ),
            ("Emergency", "GlassEnded") => format!(
                "{actor} ended the emergency access of glass {}.",
                fields["glass"]
            ),
            ("Emergency", "GlassReviewed") => format!(
                "{actor} reviewed glass {}: breaking it was {}justified.",
                fields["glass"],
                match fields["justified"].as_bool() {
                    Some(true) => "",
                    _ => "NOT ",
                }
            ),
            ("Emergency", "GlassDisputed") => {
                format!("{actor} disputed that glass {} had to be broken.", fields["glass"])
            }
            ("Emergency", "ClinicianBarred") => format!(
                "{} of {} can break no glass any more, until the council has looked into it.",
                capital(&self.account(&fields["clinician"])),
                organisation()
            ),
            ("Emergency", "Readmitted") => format!(
                "The council lets {} break glasses again.",
                self.account(&fields["clinician"])
            ),
            ("Links", "LinkCreated") => format!(
                "{actor} made link {} for places that are no members: {} serves it {} times at most, until {}.",
                fields["link"],
                organisation(),
                fields["fetches"],
                until("expires_at")
            ),
            ("Links", "LinkFetched") => format!(
                "Somebody fetched what link {} names from {}; it can be fetched {} times more.",
                fields["link"],
                organisation(),
                fields["left"]
            ),
            ("Links", "LinkEnded") => format!("{actor} ended link {}.", fields["link"]),
            ("Research", "Announced") => format!(
                "{} announced study {}: {} credits for each of {}, until {}.",
                capital(&organisation()),
                fields["study"],
                plain(&fields["price"]),
                fields["quota"],
                until("ends_at")
            ),
            ("Research", "OptedIn") => format!(
                "{actor} joined study {} with a de-identified record, for {} credits ({}).",
                fields["study"],
                plain(&fields["price"]),
                grant()
            ),
            ("Research", "Withdrawn") => format!("{actor} left study {}.", fields["study"]),
            ("Research", "Ended") => format!(
                "Study {} has ended; {} credits went back.",
                fields["study"],
                plain(&fields["returned"])
            ),
            ("Credits", "Offered") => format!(
                "{actor} set {} credits aside for a yes to request {}.",
                plain(&fields["amount"]),
                fields["request"]
            ),
            ("Credits", "OfferPaid") => format!(
                "{actor} got {} credits from {} for a yes to request {}.",
                plain(&fields["amount"]),
                self.account(&fields["payer"]),
                fields["request"]
            ),
            ("Credits", "OfferReturned") => format!(
                "{} credits that were offered for request {} went back to {}.",
                plain(&fields["amount"]),
                fields["request"],
                self.account(&fields["payer"])
            ),
            ("Credits", "Minted") => format!(
                "The council made {} credits for {}.",
                plain(&fields["amount"]),
                self.account(&fields["account"])
            ),
            ("Credits", "Burnt") => format!(
                "The council took {} credits from {}.",
                plain(&fields["amount"]),
                self.account(&fields["account"])
            ),
            ("Credits", "BurnOwed") => format!(
                "The council took {} credits from {} that are promised to others: they go as they become free.",
                plain(&fields["amount"]),
                self.account(&fields["account"])
            ),
            ("Copies", "ReplicationChanged") => format!(
                "The council decided that {} vaults keep each file.",
                fields["copies"]
            ),
            ("Corrections", "SuccessorNamed") => format!(
                "The council named {} to answer for the records of {}.",
                self.organisation(&fields["successor"]),
                organisation()
            ),
            ("Motions", "MotionProposed") => format!(
                "{actor} proposed a motion to the council, which takes {} votes: `salus council list` tells what it would do (motion {}).",
                fields["threshold"],
                plain(&fields["motion"])
            ),
            ("Motions", "MotionVoted") => format!(
                "{actor} voted {} motion {}.",
                match fields["approve"].as_bool() {
                    Some(true) => "for",
                    _ => "against",
                },
                plain(&fields["motion"])
            ),
            ("Motions", "MotionWithdrawn") => {
                format!("{actor} withdrew motion {}.", plain(&fields["motion"]))
            }
            ("Motions", "MotionClosed") => format!(
                "The council's motion {} {}.",
                plain(&fields["motion"]),
                match fields["outcome"].as_str() {
                    Some("Carried") => "was carried",
                    Some("Rejected") => "was rejected",
                    Some("Lapsed") => "has lapsed",
                    _ => "cannot be carried out any more",
                }
            ),
            ("Timelock", "DecisionAnnounced") => format!(
                "The council announced decision {}: from {} on anybody can carry it out. `salus council list` tells what it would do.",
                fields["decision"],
                until("due")
            ),
            ("Timelock", "DecisionEnacted") => format!(
                "Decision {} of the council was carried out{}.",
                fields["decision"],
                match fields["result"].get("Err") {
                    Some(_) => ", and failed",
                    None => "",
                }
            ),
            ("Timelock", "DecisionFailed") => format!(
                "Decision {} of the council could not be carried out; until {} anybody can try it again.",
                fields["decision"],
                until("until")
            ),
            ("Timelock", "DecisionCancelled") => {
                format!("The council called decision {} off.", fields["decision"])
            }
            ("Validators", "ValidatorBarred") => {
                format!("{} is barred from making blocks.", capital(&organisation()))
            }
            ("Validators", "ValidatorReadmitted") => {
                format!("{} may make blocks again.", capital(&organisation()))
            }
            ("Validators", "ValidatorGone") => format!(
                "{} makes no blocks any more: the council found its validator gone.",
                capital(&organisation())
            ),
            ("Validators", "TooFewValidators") => format!(
                "Only {} organisations can make blocks, and {} are needed: those who do go on.",
                fields["able"], fields["minimum"]
            ),
            ("Validators", "RevivalDecided") => format!(
                "The council decided to restart finality from block {}.",
                fields["finalized"]
            ),
            ("Validators", "FinalityRestarted") => {
                format!("Finality restarts from block {}.", fields["finalized"])
            }
            ("Members", "OrganisationAdmitted") => format!(
                "The council admitted organisation {}, with {} as admin.",
                fields["organisation"],
                self.account(&fields["admin"])
            ),
            ("Members", "AdminChanged") => format!(
                "The council named {} as admin of {}, after {}.",
                self.account(&fields["admin"]),
                organisation(),
                self.account(&fields["previous"])
            ),
            ("Members", "ProfileChanged") => {
                format!("{actor} changed the name or the vault of {}.", organisation())
            }
            ("Members", "DirectoryChanged") => {
                format!("{actor} changed the directory of who works at {}.", organisation())
            }
            ("Members", "AllowanceChanged") => {
                "The council changed how much block time accounts may use.".into()
            }
            ("Members", "RecipientPublished") => {
                format!("{actor} published a key that files are encrypted to.")
            }
            ("Members", "ClinicianCredentialed") => format!(
                "{} vouches for {} as {} until {}.",
                organisation(),
                self.account(&fields["account"]),
                role(),
                until("valid_until")
            ),
            ("Members", "ClinicianSuspended") => {
                format!(
                    "{} suspended {}.",
                    organisation(),
                    self.account(&fields["account"])
                )
            }
            ("Members", "ClinicianReinstated") => {
                format!(
                    "{} reinstated {}.",
                    organisation(),
                    self.account(&fields["account"])
                )
            }
            ("Members", "CredentialEnded") => format!(
                "{} no longer vouches for {}.",
                organisation(),
                self.account(&fields["account"])
            ),
            ("Members", "OrganisationSuspended") => format!("{} was suspended.", organisation()),
            ("Members", "OrganisationReinstated") => format!("{} was reinstated.", organisation()),
            _ => format!("{pallet}.{variant} {fields}"),
        }
    }
}

fn part(fields: &Value) -> &'static str {
    match fields["part"].as_str() {
        Some("Manifest") => "the summary",
        _ => "all",
    }
}

fn purpose(fields: &Value) -> &'static str {
    match fields["purpose"].as_str() {
        Some("Treat") => "treatment",
        Some("ETreat") => "emergency treatment",
        Some("Btg") => "breaking the glass",
        Some("CareMgt") => "care management",
        Some("HPaymt") => "payment",
        Some("HOperat") => "health care operations",
        Some("HResch") => "research",
        Some("PubHlth") => "public health",
        Some("PatRqt") => "the patient's request",
        Some("FamRqt") => "the family's request",
        Some("HLegal") => "a legal matter",
        _ => "another purpose",
    }
}

/// A number, or one that is text because JSON's numbers end before it.
fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        // An address keeps its spelling.
        Some(first) if !text.contains('…') => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// `2026-05-01 09:30:00`, in UTC.
pub fn moment(moment: u64) -> String {
    rfc3339(moment).replace('T', " ").replace('Z', "")
}

/// `7 days`, `12 hours`: the largest unit that divides it.
pub fn span(milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1_000, "second"),
    ];
    let (unit, name) = UNITS
        .into_iter()
        .find(|(unit, _)| milliseconds >= *unit && milliseconds.is_multiple_of(*unit))
        .unwrap_or((1, "millisecond"));
    let count = milliseconds / unit;
    match count {
        1 => format!("1 {name}"),
        _ => format!("{count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> Names {
        Names {
            me: vec!["5Me".into()],
            organisations: [(0, "General Hospital".to_owned())].into(),
            compartments: [("aa".repeat(16), "“lab”".to_owned())].into(),
            ..Names::default()
        }
    }

    #[test]
    fn a_refusal_and_a_grant_read_as_sentences() {
        let refused = json!({
            "patient": "00", "actor": "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
            "organisation": 0, "person": null, "grant": 1, "records": [3], "part": "Full"
        });
        assert_eq!(
            names().sentence("AccessLog", "Refused", &refused),
            "5Grwva…utQY of General Hospital tried to open all of record 3 and was refused."
        );
        let granted = json!({
            "actor": "5Me", "grantee": {"Organisation": 0}, "rights": "Read",
            "scope": {"Compartments": ["aa".repeat(16)]}, "purpose": "HResch",
            "expires_at": 1_790_000_000_000u64, "grant": 2
        });
        assert_eq!(
            names().sentence("Consent", "Granted", &granted),
            "You let General Hospital read “lab” for research, until 2026-09-21 14:13:20 (grant 2)."
        );
    }

    #[test]
    fn a_sealed_person_is_somebody_of_an_organisation_until_the_seal_is_opened() {
        let seal = format!("0x{}", "07".repeat(32));
        let opened = json!({
            "patient": "00", "actor": "5Software", "organisation": 0, "person": seal,
            "grant": 2, "records": [3], "part": "Full"
        });
        let mut names = names();
        assert_eq!(
            names.sentence("AccessLog", "Opened", &opened),
            "Somebody of General Hospital, whose name is sealed, opened all of record 3 (grant 2)."
        );
        let person = crate::persons::Person {
            account: "5Doctor".into(),
            role: Some(salus_primitives::ClinicianRole::Physician),
        };
        names.persons = Persons::of_fields(&opened, person);
        names.purposes.insert(2, "treatment");
        assert_eq!(
            names.sentence("AccessLog", "Opened", &opened),
            "5Doctor (physician) of General Hospital, through its software, opened all of record 3 for treatment (grant 2)."
        );
    }

    #[test]
    fn what_waits_says_until_when_and_how_to_stop_it() {
        let names = names();
        let due = 1_790_000_000_000u64;
        let removal = json!({"patient": "00", "actor": "5Thief", "account": "5Me", "due": due});
        assert_eq!(
            names.sentence("Patients", "RemovalAnnounced", &removal),
            "5Thief announced that the role of you as owner ends, from 2026-09-21 14:13:20 on. If that is wrong: `salus patient controllers veto`."
        );
        let agreed = json!({"patient": "00", "actor": "5Me", "owner": "5New", "due": due});
        let told = names.sentence("Patients", "HandOverAgreed", &agreed);
        assert!(told.contains("veto-hand-over"), "{told}");
        let missing = json!({"patient": "00", "actor": "5Me", "owner": "5New", "due": null});
        let told = names.sentence("Patients", "HandOverAgreed", &missing);
        assert!(told.ends_with("others have not yet."), "{told}");
    }

    #[test]
    fn a_delivery_names_its_grant() {
        let fields = json!({
            "patient": "00", "actor": "5Vault", "organisation": 0, "reader": "5Me",
            "grant": 4, "record": 3, "part": "Full"
        });
        assert_eq!(
            names().sentence("AccessLog", "Delivered", &fields),
            "The vault of General Hospital handed all of record 3 to you (grant 4)."
        );
    }

    #[test]
    fn pay_reads_as_sentences() {
        let joined = json!({"patient": "00", "actor": "5Me", "study": 2, "grant": 4, "price": 100});
        assert_eq!(
            names().sentence("Research", "OptedIn", &joined),
            "You joined study 2 with a de-identified record, for 100 credits (grant 4)."
        );
        let paid = json!({
            "patient": "00", "actor": "5Me", "payer": "5Doctor", "request": 1,
            "amount": u128::MAX.to_string()
        });
        assert_eq!(
            names().sentence("Credits", "OfferPaid", &paid),
            format!(
                "You got {} credits from 5Doctor for a yes to request 1.",
                u128::MAX
            )
        );
    }

    #[test]
    fn nothing_breaks_on_events_of_later_versions() {
        let names = names();
        assert_eq!(
            names.sentence("New", "Thing", &json!({"a": 1})),
            r#"New.Thing {"a":1}"#
        );
        assert!(
            names
                .sentence("AccessLog", "Opened", &json!({}))
                .contains("somebody")
                || names
                    .sentence("AccessLog", "Opened", &json!({}))
                    .contains("Somebody")
        );
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        assert_eq!(span(7 * 86_400_000), "7 days");
        assert_eq!(span(3_600_000), "1 hour");
        assert_eq!(span(90_000), "90 seconds");
        assert_eq!(span(1), "1 millisecond");
    }
}
