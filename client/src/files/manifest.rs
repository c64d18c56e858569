//! The manifest: what a chart lists about a record, and what its fingerprint is made of.

use salus_primitives::{commitment::commitment, Genesis, Moment, PatientId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sp_core::H256;

use super::age::{unseal_bytes, DecryptionKey, Digested};
use super::sizes::Sizes;
use super::{check_version, MAX_MANIFEST};
use crate::error::{Error, Result};
use crate::taxonomy::{Category, Sensitivity};

const VERSION: u32 = 1;

/// What an author says about a record. `length` and hash come from the file itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub title: String,
    pub category: Category,
    /// LOINC; the category's own code if none.
    pub code: Option<String>,
    /// RFC 3339.
    pub date: String,
    pub media_type: String,
    /// Put in order and made unique when the manifest is made.
    pub sensitivity: Vec<Sensitivity>,
}

/// Canonical JSON: these fields, in this order, without spaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    pub title: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// RFC 3339.
    pub date: String,
    pub media_type: String,
    /// Bytes of the payload.
    pub length: u64,
    pub sensitivity: Vec<Sensitivity>,
    /// Left out of what is hashed, because it salts the hash.
    #[serde(with = "hex_32", skip_serializing_if = "is_unsalted")]
    salt: [u8; 32],
    #[serde(with = "hex_32")]
    pub payload_sha256: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub category: Category,
    /// LOINC.
    pub code: String,
}

impl Manifest {
    /// `salt`: 32 random bytes, never zero.
    pub fn new(description: &Description, payload: &Digested, salt: [u8; 32]) -> Result<Self> {
        let mut sensitivity = description.sensitivity.clone();
        sensitivity.sort();
        sensitivity.dedup();
        let manifest = Self {
            version: VERSION,
            title: description.title.clone(),
            kind: Kind {
                category: description.category,
                code: description
                    .code
                    .clone()
                    .unwrap_or_else(|| description.category.loinc().to_owned()),
            },
            date: description.date.clone(),
            media_type: description.media_type.clone(),
            length: payload.length,
            sensitivity,
            salt,
            payload_sha256: payload.sha256,
        };
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<()> {
        let bad = |reason: &str| Err(Error::invalid("manifest", reason));
        if is_unsalted(&self.salt) {
            return bad("its salt is zero");
        }
        if !is_rfc3339(&self.date) {
            return bad("its date is not RFC 3339, such as 2026-05-01T09:30:00Z");
        }
        if !self.sensitivity.windows(2).all(|pair| pair[0] < pair[1]) {
            return bad("its flags are not in ascending order");
        }
        let length = self.to_json()?.len() as u64;
        let limit = Sizes::Manifest.limit();
        if length > limit {
            return Err(Error::TooLarge {
                what: "manifest",
                limit,
                found: length,
            });
        }
        Ok(())
    }

    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::invalid("manifest", error))
    }

    /// Accepts canonical bytes only, so that a manifest has one hash.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        check_version("manifest", json, VERSION)?;
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| Error::invalid("manifest", error))?;
        manifest.check()?;
        match manifest.to_json()? == json {
            true => Ok(manifest),
            false => Err(Error::invalid("manifest", "it is not in canonical form")),
        }
    }

    /// Opens the part `manifest.age` of a record.
    pub fn open(keys: &[DecryptionKey], sealed: &[u8]) -> Result<Self> {
        Self::from_json(&unseal_bytes(keys, sealed, MAX_MANIFEST, "manifest")?)
    }

    /// SHA-256 of the canonical JSON without its salt.
    pub fn sha256(&self) -> Result<[u8; 32]> {
        let fields = Self {
            salt: [0; 32],
            ..self.clone()
        };
        Ok(Sha256::digest(fields.to_json()?).into())
    }

    /// What the chain anchors.
    pub fn commitment(&self, genesis: &Genesis, patient: &PatientId) -> Result<H256> {
        Ok(commitment(
            genesis,
            patient,
            &self.salt,
            &self.sha256()?,
            &self.payload_sha256,
        ))
    }

    /// Whether this is the manifest that was anchored. The payload's hash is part of it, so what
    /// remains to be compared is [`Manifest::verify_payload`].
    pub fn verify(&self, genesis: &Genesis, patient: &PatientId, anchored: &H256) -> Result<()> {
        match self.commitment(genesis, patient)? == *anchored {
            true => Ok(()),
            false => Err(Error::NotAnchored("the manifest")),
        }
    }

    pub fn verify_payload(&self, found: &Digested) -> Result<()> {
        match found.length == self.length && found.sha256 == self.payload_sha256 {
            true => Ok(()),
            false => Err(Error::NotAnchored("the payload")),
        }
    }
}

fn is_unsalted(salt: &[u8; 32]) -> bool {
    *salt == [0; 32]
}

mod hex_32 {
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(&text, &mut bytes)
            .map_err(|_| D::Error::custom("expected 64 hexadecimal digits"))?;
        Ok(bytes)
    }
}

/// `2026-05-01T09:30:00Z`, with an optional fraction, or an offset instead of `Z`.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 20 {
        return false;
    }
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |byte: &u8, expected: &u8| match expected {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    };
    if !bytes
        .iter()
        .zip(shape)
        .all(|(byte, expected)| fits(byte, expected))
    {
        return false;
    }
    let number = |at: usize| text[at..at + 2].parse::<u32>().unwrap_or(u32::MAX);
    let year = text[..4].parse::<u32>().unwrap_or(0);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match number(5) {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    if !(1..=days).contains(&number(8)) || number(11) > 23 || number(14) > 59 || number(17) > 60 {
        return false;
    }
    let mut rest = &text[19..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = &fraction[digits..];
    }
    match rest.as_bytes() {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit())
                && (h1, h2) <= (&b'2', &b'3')
                && *m1 <= b'5'
        }
        _ => false,
    }
}

/// A moment of the chain as RFC 3339 in UTC, to the second.
pub fn rfc3339(moment: Moment) -> String {
    let seconds = moment / 1_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date in the proleptic Gregorian calendar, years beginning in March
    // (H. Hinnant, "chrono-compatible low-level date algorithms").
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let description = Description {
            title: "Blood \"type\" – 0+\n".into(),
            category: Category::LabResult,
            code: None,
            date: "2026-05-01T09:30:00Z".into(),
            media_type: "application/fhir+json".into(),
            sensitivity: vec![
                Sensitivity::Hiv,
                Sensitivity::MentalHealth,
                Sensitivity::Hiv,
            ],
        };
        let payload = Digested {
            length: 5,
            sha256: Sha256::digest(b"hello").into(),
        };
        Manifest::new(&description, &payload, [7; 32]).unwrap()
    }

    #[test]
    fn json_is_canonical_and_read_back() {
        let manifest = manifest();
        let json = manifest.to_json().unwrap();
        let text = String::from_utf8(json.clone()).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"version":1,"title":"Blood \"type\" – 0+\n","type":{{"category":3,"code":"11502-2"}},"date":"2026-05-01T09:30:00Z","media_type":"application/fhir+json","length":5,"sensitivity":[0,4],"salt":"{}","payload_sha256":"{}"}}"#,
                "07".repeat(32),
                hex::encode(Sha256::digest(b"hello"))
            )
        );
        assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
        let unsalted = text.replace(&format!(r#""salt":"{}","#, "07".repeat(32)), "");
        assert_eq!(
            manifest.sha256().unwrap(),
            <[u8; 32]>::from(Sha256::digest(&unsalted))
        );
        assert!(Manifest::from_json(unsalted.as_bytes()).is_err());
    }

    #[test]
    fn other_forms_of_the_same_json_are_refused() {
        let text = String::from_utf8(manifest().to_json().unwrap()).unwrap();
        for other in [
            text.replace(",\"length\"", ", \"length\""),
            text.replace("[0,4]", "[4,0]"),
            text.replace("\"version\":1", "\"version\":2"),
            text.replace("\"length\":5", "\"length\":5,\"extra\":0"),
            text.replace("2026-05-01T", "2026-02-30T"),
            text.replace(&"07".repeat(32), &"00".repeat(32)),
            text[..text.len() - 1].to_owned(),
            String::new(),
        ] {
            assert_ne!(other, text);
            assert!(Manifest::from_json(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn the_commitment_depends_on_every_field() {
        let (genesis, patient) = (Genesis::repeat_byte(1), PatientId([2; 16]));
        let anchored = manifest().commitment(&genesis, &patient).unwrap();
        manifest().verify(&genesis, &patient, &anchored).unwrap();
        let changes: [fn(&mut Manifest); 8] = [
            |m| m.title.push('x'),
            |m| m.kind.category = Category::Imaging,
            |m| m.kind.code.push('x'),
            |m| m.date = "2026-05-01T09:30:01Z".into(),
            |m| m.length = 6,
            |m| m.sensitivity.clear(),
            |m| m.salt[0] ^= 1,
            |m| m.payload_sha256[0] ^= 1,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = manifest();
            change(&mut changed);
            assert!(
                changed.verify(&genesis, &patient, &anchored).is_err(),
                "{number}"
            );
        }
        assert!(manifest()
            .verify(&Genesis::zero(), &patient, &anchored)
            .is_err());
        assert!(manifest()
            .verify(&genesis, &PatientId([0; 16]), &anchored)
            .is_err());
    }

    #[test]
    fn dates_are_checked_and_made() {
        for good in [
            "2024-02-29T23:59:60Z",
            "2026-12-31T00:00:00.123+05:30",
            "2026-01-01T00:00:00-03:00",
        ] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2023-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00+5:30",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_790_000_000_999), "2026-09-21T14:13:20Z");
    }
}
