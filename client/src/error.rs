//! What can go wrong. Each message says what failed, on what, and what to do next; none holds a secret.

use std::io;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Keys and the profile.
    #[error("this is not a BIP-39 phrase of 12 or 24 English words ({0}): check the spelling and the order of the words")]
    Phrase(String),
    #[error("this is not a key URI such as //Alice ({0})")]
    KeyUri(String),
    #[error("this is not an encryption key: {0}")]
    EncryptionKey(String),
    #[error("encryption scheme {0} is newer than this program: update it")]
    UnknownScheme(u8),
    #[error("{} holds no profile: make one with `salus keys new`, or name another folder", .0.display())]
    NoProfile(PathBuf),
    #[error("{} holds a profile already: choose another folder", .0.display())]
    ProfileExists(PathBuf),
    #[error("the passphrase does not open {}: try again", .0.display())]
    WrongPassphrase(PathBuf),
    #[error("an empty passphrase protects nothing: choose one")]
    EmptyPassphrase,
    /// One command at a time changes what a profile keeps of patients.
    #[error("another command has been at work with {} for {minutes} minutes, and nothing was done: let it end, or end it, and do this again", folder.display())]
    Busy { folder: PathBuf, minutes: u64 },
    #[error("{} is damaged ({reason}): restore it from a backup", path.display())]
    Profile { path: PathBuf, reason: String },
    #[error("{what} was pinned to {pinned} and now names {found}: somebody may be in between; compare with its owner on another channel, and confirm with `salus patient trust` or `salus org trust` only if it is right")]
    PinMismatch {
        what: String,
        pinned: String,
        found: String,
    },

    // Keyring.
    #[error(
        "the keyring knows no compartment {0}: fetch the newest one with `salus keyring fetch`"
    )]
    UnknownCompartment(String),
    #[error("the keyring holds no key of epoch {epoch} of compartment {compartment}: fetch the newest one with `salus keyring fetch`")]
    NoEpochKey { compartment: String, epoch: u32 },
    #[error("the key of epoch {epoch} of compartment {compartment} was destroyed when everything was erased: nothing opens what it sealed")]
    KeyDestroyed { compartment: String, epoch: u32 },
    #[error("this {what} has version {version}, which is newer than this program: update it")]
    Version { what: &'static str, version: u32 },
    #[error("{0}")]
    Keyring(String),
    /// The vault's keyring has changes that this profile's lacks.
    #[error("another device has saved the keyring, and what it saved cannot be read now: {0}. Nothing was changed or overwritten, and this profile keeps its own: try again later; if no vault has that keyring any more, `salus keyring save` puts this one there")]
    KeyringUnseen(Box<Error>),
    /// A share of a key that is damaged, or does not belong to the others.
    #[error("{0}")]
    Share(String),

    // Files.
    #[error("none of the keys at hand opens this {0}: ask its owner for access, or fetch the newest envelope")]
    WrongKey(&'static str),
    #[error("the {what} is damaged ({reason}): fetch it again, or from another vault")]
    Damaged { what: &'static str, reason: String },
    #[error(
        "the file has {found} bytes instead of {expected}: it changed while it was read; try again"
    )]
    LengthChanged { expected: u64, found: u64 },
    #[error(
        "this is not the anchored record ({0} differs from what the chain says): do not rely on it"
    )]
    NotAnchored(&'static str),
    #[error("these are not the terms of study {study}, whose CID is {announced}: ask for the document that was announced")]
    OtherTerms { study: u32, announced: String },
    #[error("this object is bound to another {0} than the chain says: do not rely on it")]
    Binding(&'static str),
    #[error("the {what} is not valid: {reason}")]
    Invalid { what: &'static str, reason: String },
    #[error("a {what} may have {limit} bytes and this one has {found}: shorten it")]
    TooLarge {
        what: &'static str,
        limit: u64,
        found: u64,
    },
    #[error("the CAR is not valid: {0}")]
    Car(String),
    #[error("block {cid} is not valid: {reason}")]
    Block { cid: String, reason: String },
    #[error("{0} is not one of the categories or sensitivity flags: `salus --help` lists them")]
    Taxonomy(String),

    /// The chain's rules, or the patient, do not allow it.
    #[error("{0}")]
    NotPermitted(String),
    /// What was asked for does not fit together.
    #[error("{0}")]
    Unfit(String),

    #[error("cannot {action}: {source}")]
    Io {
        action: String,
        #[source]
        source: io::Error,
    },

    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
    #[error(transparent)]
    Trail(#[from] crate::trail::TrailError),
    /// A vault's log of own reads is not what it committed.
    #[error("the log of own reads at the vault of organisation {organisation} is not what it should be: {reason}. Keep what you see, and tell the organisation")]
    Reads {
        organisation: salus_primitives::OrgId,
        reason: crate::files::reads::ReadsError,
    },
    #[error(transparent)]
    Vault(#[from] crate::vault::VaultError),
}

impl Error {
    /// An error of the operating system while doing `action`, or the error of ours that it carries.
    pub fn io(action: impl Into<String>, source: io::Error) -> Self {
        match source.downcast::<Error>() {
            Ok(ours) => ours,
            Err(source) => Error::Io {
                action: action.into(),
                source,
            },
        }
    }

    pub fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let action = format!("{verb} {}", path.display());
        move |source| Error::io(action, source)
    }

    pub(crate) fn damaged(what: &'static str, reason: impl ToString) -> Self {
        Error::Damaged {
            what,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn invalid(what: &'static str, reason: impl ToString) -> Self {
        Error::Invalid {
            what,
            reason: reason.to_string(),
        }
    }
}

/// So that readers and writers of ours keep their reasons; [`Error::io`] takes them out again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}
