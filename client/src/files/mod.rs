//! Files: encrypted, padded, addressed by their content.
//!
//! From the outside in: a vault stores an [`object`], which travels as a [`car`] and is a [`unixfs`]
//! directory of a binding and one or two [`age`] files, of one of few [`sizes`], which hold a
//! [`manifest`] and a payload, or an [`envelope`] with what [`seal`]s persons, a [`letter`] or a keyring.

pub mod age;
mod ahead;
pub mod car;
pub mod draft;
pub mod envelope;
pub mod letter;
pub mod manifest;
pub mod object;
pub mod reads;
pub mod seal;
pub mod share;
pub mod sizes;
pub mod unixfs;

use salus_primitives::{AccountId, Binding, Genesis, ObjectKind, PatientId};

use crate::error::{Error, Result};
use crate::keys::random_16;

/// Names of an object's parts, and their bounds in bytes.
pub const BINDING: &str = "binding";
pub const MANIFEST: &str = "manifest.age";
pub const PAYLOAD: &str = "payload.age";
pub const BODY: &str = "body.age";
pub const SEAL: &str = "seal.age";

/// A manifest lists in a chart; whatever is longer belongs into the payload.
pub const MAX_MANIFEST: u64 = 64 * 1024;
pub const MAX_ENVELOPE: u64 = 64 * 1024;
/// What seals persons under an envelope's grant.
pub const MAX_SEAL: u64 = 16 * 1024;
pub const MAX_LETTER: u64 = 64 * 1024;
pub const MAX_KEYRING: u64 = 256 * 1024;

/// What a kind of object is called in messages.
pub fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Record => "record",
        ObjectKind::Envelope => "envelope",
        ObjectKind::Letter => "letter",
        ObjectKind::Keyring => "keyring",
    }
}

/// The most bytes that an object with a body may have as a whole; none for records.
pub fn size_limit(kind: ObjectKind) -> Option<u64> {
    match kind {
        ObjectKind::Record => None,
        ObjectKind::Envelope => Some(MAX_ENVELOPE),
        ObjectKind::Letter => Some(MAX_LETTER),
        ObjectKind::Keyring => Some(MAX_KEYRING),
    }
}

/// Where an object belongs: the chain, the patient, and the account that uploads it and names it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub genesis: Genesis,
    pub patient: PatientId,
    pub author: AccountId,
}

impl Place {
    pub fn new(genesis: Genesis, patient: PatientId, author: AccountId) -> Self {
        Self {
            genesis,
            patient,
            author,
        }
    }

    /// A binding for a new object of this kind.
    pub fn binding(&self, kind: ObjectKind) -> Binding {
        Binding {
            genesis: self.genesis,
            kind,
            patient: self.patient,
            author: self.author.clone(),
            nonce: random_16(),
        }
    }

    /// Checks the file `binding` of an object against what the chain says about it.
    pub fn check_binding(&self, kind: ObjectKind, file: &[u8]) -> Result<()> {
        let binding = Binding::from_file(file)
            .ok_or_else(|| Error::damaged("binding", "its hash does not match"))?;
        if binding.genesis != self.genesis {
            return Err(Error::Binding("chain"));
        }
        if binding.kind != kind {
            return Err(Error::Binding("kind"));
        }
        if binding.patient != self.patient {
            return Err(Error::Binding("patient"));
        }
        if binding.author != self.author {
            return Err(Error::Binding("author"));
        }
        Ok(())
    }
}

/// Tells a document of a later version from a broken one, before its fields are read.
pub(crate) fn check_version(what: &'static str, json: &[u8], known: u32) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let found: Versioned =
        serde_json::from_slice(json).map_err(|error| Error::invalid(what, error))?;
    match found.version == known {
        true => Ok(()),
        false => Err(Error::Version {
            what,
            version: found.version,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_holds_for_its_own_place_and_kind_only() {
        let place = Place::new(
            Genesis::repeat_byte(1),
            PatientId([2; 16]),
            AccountId::new([3; 32]),
        );
        let file = place.binding(ObjectKind::Letter).to_file();
        place.check_binding(ObjectKind::Letter, &file).unwrap();
        assert!(place.check_binding(ObjectKind::Envelope, &file).is_err());
        let mut other = place.clone();
        other.genesis = Genesis::zero();
        assert!(other.check_binding(ObjectKind::Letter, &file).is_err());
        let mut other = place.clone();
        other.patient = PatientId([0; 16]);
        assert!(other.check_binding(ObjectKind::Letter, &file).is_err());
        let mut other = place.clone();
        other.author = AccountId::new([0; 32]);
        assert!(other.check_binding(ObjectKind::Letter, &file).is_err());
        assert!(place.check_binding(ObjectKind::Letter, &file[1..]).is_err());
    }
}
