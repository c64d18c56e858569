//! The shared language of Salus: ids, rows, signed payloads, and the traits that join the pallets.
//!
//! Everything that more than one part of the system must agree on byte for byte is here, and only
//! here: the runtime stores these types, `SalusApi` returns them, clients and vaults decode them.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod api;
pub mod binding;
pub mod commitment;
pub mod hours;
pub mod ids;
pub mod placement;
pub mod predicate;
pub mod reads;
pub mod rejection;
pub mod rows;
pub mod seal;
pub mod signing;
pub mod trail;
pub mod traits;

pub use binding::{Binding, ObjectKind};
pub use ids::*;
pub use reads::ReadHead;
pub use rejection::Rejection;
pub use rows::*;
pub use signing::{
    CompartmentSet, CredentialConsent, EnrolmentConsent, Recipient, SignedCompartments,
    SignedRecipient, Subject, SuccessionConsent,
};
pub use trail::TrailHead;

/// Accounts sign; they are never the identity of a patient.
pub type AccountId = sp_runtime::AccountId32;
