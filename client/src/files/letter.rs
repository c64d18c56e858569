//! A letter: the words of a request or a correction, for one reader.

use serde::{Deserialize, Serialize};

use super::age::{unseal_bytes, DecryptionKey};
use super::MAX_LETTER;
use crate::error::{Error, Result};
use crate::taxonomy::{Category, Sensitivity};
use salus_primitives::Moment;

const VERSION: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    version: u32,
    pub subject: String,
    pub text: String,
    /// What is asked for, when the letter goes with a request.
    #[serde(default)]
    pub categories: Vec<Category>,
    #[serde(default)]
    pub sensitivity: Vec<Sensitivity>,
    /// Milliseconds of access asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Moment>,
    /// The person for whom software asks, by address: the chain names only the organisation's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

impl Letter {
    pub fn new(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            subject: subject.into(),
            text: text.into(),
            categories: Vec::new(),
            sensitivity: Vec::new(),
            duration: None,
            person: None,
        }
    }

    /// Whoever reads a letter may do so at a terminal, which obeys what cannot be seen.
    fn check(&self) -> Result<()> {
        let hidden = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
        let mut lines = [Some(&self.subject), self.person.as_ref()]
            .into_iter()
            .flatten();
        match lines.any(|line| line.contains(char::is_control)) || self.text.contains(hidden) {
            false => Ok(()),
            true => Err(Error::invalid(
                "letter",
                "it has control characters: write it with letters, tabs and ends of lines only",
            )),
        }
    }

    /// Errors if it has control characters.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        self.check()?;
        serde_json::to_vec(self).map_err(|error| Error::invalid("letter", error))
    }

    /// Errors if it has control characters.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        super::check_version("letter", json, VERSION)?;
        let letter: Self =
            serde_json::from_slice(json).map_err(|error| Error::invalid("letter", error))?;
        letter.check()?;
        Ok(letter)
    }

    /// Opens the part `body.age` of a letter.
    pub fn open(keys: &[DecryptionKey], sealed: &[u8]) -> Result<Self> {
        Self::from_json(&unseal_bytes(keys, sealed, MAX_LETTER, "letter")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_with_control_characters_is_neither_written_nor_read() {
        for hidden in ["\u{1b}[2J", "\r", "\0", "\u{7f}", "\u{9b}2J"] {
            for letter in [Letter::new(hidden, "x"), Letter::new("x", hidden)] {
                let told = letter.to_json().unwrap_err().to_string();
                assert!(told.contains("control characters"), "{told}");
                let json = serde_json::to_vec(&letter).unwrap();
                assert!(Letter::from_json(&json).is_err(), "{hidden:?}");
            }
        }
        assert!(Letter::new("x\n", "x").to_json().is_err());
    }

    #[test]
    fn letters_read_back_and_newer_ones_say_so() {
        let mut letter = Letter::new("Bluttest — Kopie", "“Please” send…");
        letter.categories = vec![Category::LabResult];
        letter.duration = Some(604_800_000);
        letter.person = Some("5Grw".into());
        let json = letter.to_json().unwrap();
        assert_eq!(Letter::from_json(&json).unwrap(), letter);
        let newer = String::from_utf8(json)
            .unwrap()
            .replace("\"version\":2", "\"version\":3,\"x\":0");
        assert!(matches!(
            Letter::from_json(newer.as_bytes()),
            Err(Error::Version { version: 3, .. })
        ));
        let lines = Letter::new("x", "one\n\ttwo");
        assert!(Letter::from_json(&lines.to_json().unwrap()).is_ok());
        assert!(Letter::from_json(b"{}").is_err());
        assert!(Letter::from_json(b"").is_err());
    }
}
