//! Hearing of what happens: live, from finalized blocks, and of corrections of what one has read.

use salus_primitives::{PatientId, RecordIndex};
use serde::Serialize;
use serde_json::Value;

use super::Person;
use crate::{
    chain::ChainEvent,
    error::{Error, Result},
    trail::{self, SeenHead, Trail},
};

/// A record that this person has opened, and that was corrected since.
#[derive(Debug, Serialize)]
pub struct Corrected {
    pub patient: String,
    pub record: RecordIndex,
    pub corrected_by: RecordIndex,
}

/// Something that concerns this person.
#[derive(Debug, Serialize)]
pub struct Notice {
    pub block: u32,
    pub moment: u64,
    pub event: String,
    /// One plain line.
    pub line: String,
    pub fields: Value,
}

impl Person {
    /// Which of the records that this person has opened were corrected since.
    pub async fn corrected(&self) -> Result<Vec<Corrected>> {
        let salus = self.salus().await?;
        let mut corrected = Vec::new();
        for read in self.profile.read_records()?.iter() {
            let patient: PatientId = read
                .patient
                .parse()
                .map_err(|_| Error::WhichPatient(read.patient.clone()))?;
            let record = salus.record(patient, read.record).await?;
            if let Some(by) = record.and_then(|record| record.corrected_by) {
                corrected.push(Corrected {
                    patient: read.patient.clone(),
                    record: read.record,
                    corrected_by: by,
                });
            }
        }
        Ok(corrected)
    }

    /// A patient's trail up to the newest finalized block, as the node tells it.
    pub async fn trail(&self, patient: PatientId) -> Result<Trail> {
        Ok(trail::read(&self.chain, patient).await?)
    }

    /// Recomputes a trail, compares it with the finalized head and with the head verified last, and
    /// remembers the new one. Errors say what is missing, changed or rewritten.
    pub async fn verify_trail(&self, trail: &Trail) -> Result<()> {
        let known = self.profile.heads()?.get(&trail.patient);
        trail.verify(known.as_ref().map(SeenHead::from).as_ref())?;
        trail::check_readings(&self.chain, &trail.entries).await?;
        self.profile.update_heads(|heads| {
            heads.set(&trail.patient, &trail.head.into());
            Ok(())
        })
    }

    /// Follows finalized blocks from `from` (the newest, if none) and tells of what concerns this
    /// person's account, patients and readings. Ends when `hear` says so, or the node is gone.
    pub async fn watch(
        &self,
        from: Option<u32>,
        mut hear: impl FnMut(Notice) -> bool,
    ) -> Result<()> {
        let salus = self.salus().await?;
        let me = self.id().to_string();
        let own: Vec<String> = salus
            .controlled_by(&self.id())
            .await?
            .iter()
            .map(ToString::to_string)
            .collect();
        let start = match from {
            Some(number) => number,
            None => self.chain.finalized().await?.number + 1,
        };
        let mut blocks = self.chain.follow(start);
        loop {
            let block = blocks.next().await?;
            let found = self.chain.block_events(block.hash).await?;
            for event in &found.events {
                if !self.concerns(event, &me, &own)? {
                    continue;
                }
                let notice = Notice {
                    block: block.number,
                    moment: found.moment,
                    event: format!("{}.{}", event.pallet, event.variant),
                    line: plain(&event.pallet, &event.variant, &event.fields),
                    fields: event.fields.clone(),
                };
                if !hear(notice) {
                    return Ok(());
                }
            }
        }
    }

    fn concerns(&self, event: &ChainEvent, me: &str, own: &[String]) -> Result<bool> {
        let patient = event.fields.get("patient").and_then(Value::as_str);
        if patient.is_some_and(|patient| own.iter().any(|mine| same(mine, patient))) {
            return Ok(true);
        }
        if mentions(&event.fields, me) {
            return Ok(true);
        }
        // A correction of something read before, even when the grant has ended.
        let record = event.fields.get("record").and_then(Value::as_u64);
        let read = self.profile.read_records()?;
        Ok(event.pallet == "Corrections"
            && read.iter().any(|read| {
                patient.is_some_and(|patient| same(&read.patient, patient))
                    && Some(u64::from(read.record)) == record
            }))
    }
}

fn same(a: &str, b: &str) -> bool {
    a.trim_start_matches("0x") == b.trim_start_matches("0x")
}

fn mentions(value: &Value, account: &str) -> bool {
    match value {
        Value::String(text) => text == account,
        Value::Array(items) => items.iter().any(|item| mentions(item, account)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, account)),
        _ => false,
    }
}

/// An event as one plain line: what happened, and its details in the order of the event.
pub fn plain(pallet: &str, variant: &str, fields: &Value) -> String {
    let what = match (pallet, variant) {
        ("Patients", "Enrolled") => "the patient was enrolled",
        ("Patients", "ControllerAdded") => "somebody may act for the patient",
        ("Patients", "ControllerRemoved") => "somebody may no longer act for the patient",
        ("Patients", "KeyringChanged") => "the keyring was saved",
        ("Patients", "InboxChanged") => "the inbox has a new key",
        ("Patients", "Restricted") => "all access was stopped",
        ("Patients", "Lifted") => "access was allowed again",
        ("Records", "CompartmentOpened") => "a compartment was opened",
        ("Records", "CompartmentRotated") => "a compartment has a new key",
        ("Records", "RecordAnchored") => "a record was added",
        ("Records", "RecordReclassified") => "a record was filed elsewhere",
        ("Records", "RecordRelocated") => "a record was encrypted anew",
        ("Records", "EraseRequested") => "a record will be erased",
        ("Records", "EraseCancelled") => "a record will not be erased",
        ("Records", "RecordErased") => "a record was erased",
        ("Consent", "AccessRequested") => "somebody asks for access",
        ("Consent", "RequestWithdrawn") => "a request was withdrawn",
        ("Consent", "RequestDeclined") => "a request was declined",
        ("Consent", "Granted") => "access was granted",
        ("Consent", "EnvelopeDelivered") => "keys were delivered",
        ("Consent", "Revoked") => "access was taken back",
        ("Consent", "Expired") => "access has ended by itself",
        ("AccessLog", "Opened") => "records were opened",
        ("AccessLog", "Refused") => "somebody was refused",
        ("AccessLog", "Delivered") => "a vault handed out a file",
        ("Corrections", "CorrectionRequested") => "a correction was asked for",
        ("Corrections", "CorrectionAccepted") => "a correction was accepted",
        ("Corrections", "CorrectionPartlyAccepted") => "a correction was accepted in part",
        ("Corrections", "CorrectionDenied") => "a correction was denied",
        ("Corrections", "CorrectionDisagreed") => "the patient disagrees with a denial",
        ("Corrections", "CorrectionRebutted") => "a disagreement was answered",
        ("Corrections", "CorrectionExtended") => "a correction takes longer",
        ("Corrections", "CorrectionMade") => "a record was corrected by its author",
        _ => return format!("{pallet}.{variant}{}", details(fields)),
    };
    format!("{what}{}", details(fields))
}

fn details(fields: &Value) -> String {
    let Some(fields) = fields.as_object() else {
        return String::new();
    };
    let parts: Vec<String> = fields
        .iter()
        .filter(|(name, value)| *name != "patient" && !value.is_null())
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        })
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    }
}
