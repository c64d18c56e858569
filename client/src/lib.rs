//! What every program of Salus that holds keys or reads the chain shares: keys and files, which
//! need no network, and chain and vault, which do.
//!
//! ```
//! use salus_client::files::{age::DecryptionKey, letter::Letter, object, Place};
//! use salus_client::keys::AccountKey;
//! use salus_primitives::{Genesis, ObjectKind, PatientId};
//!
//! # fn main() -> salus_client::Result<()> {
//! let doctor = AccountKey::from_uri("//Bob")?;
//! let inbox = DecryptionKey::generate();
//! let letter = Letter::new("Second opinion", "May I see your laboratory results?");
//! let place = Place::new(Genesis::zero(), PatientId([7; 16]), doctor.account());
//! let object = object::build_body(&place, ObjectKind::Letter, &[inbox.public()], &letter.to_json()?)?;
//! assert!(object.car_len() < 64 * 1024);
//! # Ok(())
//! # }
//! ```

pub mod actions;
pub mod card;
pub mod chain;
pub mod deidentify;
pub mod disclosures;
pub mod error;
pub mod export;
pub mod fhir;
pub mod files;
pub mod keyring;
pub mod keys;
pub mod kit;
mod page;
pub mod persons;
pub mod profile;
pub mod taxonomy;
pub mod trail;
pub mod vault;

pub use error::{Error, Result};
