//! The chains that one can start without writing a specification. None names a patient.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use frame_support::build_struct_json_patch;
use salus_primitives::OrganisationKind;
use serde_json::Value;
use sp_genesis_builder::PresetId;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};

use crate::{
    AccountId, BlockNumber, MembersConfig, RuntimeGenesisConfig, SessionConfig, SessionKeys,
    ValidatorsConfig, HOURS,
};

/// Four organisations, each with a validator.
pub const LOCAL: &str = "local";
/// One validator and one hospital, whose vote alone decides.
pub const DEVELOPMENT: &str = sp_genesis_builder::DEV_RUNTIME_PRESET;

/// Blocks of a session where several validators come and go, and nobody wants to wait for it.
const SHORT_SESSION: BlockNumber = 10;
/// Blocks of a session where nothing changes: the block that ends one has no room for transactions.
const LONG_SESSION: BlockNumber = HOURS;

type Founder = (
    OrganisationKind,
    &'static str,
    Sr25519Keyring,
    Ed25519Keyring,
);

const HOSPITAL: Founder = (
    OrganisationKind::Hospital,
    "General Hospital",
    Sr25519Keyring::Alice,
    Ed25519Keyring::Alice,
);
const LABORATORY: Founder = (
    OrganisationKind::Laboratory,
    "City Laboratory",
    Sr25519Keyring::Bob,
    Ed25519Keyring::Bob,
);
const CLINIC: Founder = (
    OrganisationKind::Clinic,
    "Riverside Clinic",
    Sr25519Keyring::Charlie,
    Ed25519Keyring::Charlie,
);
const INSURER: Founder = (
    OrganisationKind::Insurer,
    "Mutual Insurance",
    Sr25519Keyring::Dave,
    Ed25519Keyring::Dave,
);

fn genesis(founders: &[Founder], session_length: BlockNumber) -> Value {
    let keys = founders
        .iter()
        .map(|(_, _, admin, grandpa)| {
            let keys = SessionKeys {
                aura: admin.public().into(),
                grandpa: grandpa.public().into(),
            };
            (admin.to_account_id(), admin.to_account_id(), keys)
        })
        .collect();
    let organisations: Vec<(OrganisationKind, String, AccountId, String)> = founders
        .iter()
        .map(|(kind, name, admin, _)| {
            (
                *kind,
                name.to_string(),
                admin.to_account_id(),
                String::new(),
            )
        })
        .collect();
    build_struct_json_patch!(RuntimeGenesisConfig {
        session: SessionConfig { keys },
        validators: ValidatorsConfig {
            minimum: 1,
            session_length,
        },
        members: MembersConfig { organisations },
    })
}

pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
    let preset = match id.as_ref() {
        DEVELOPMENT => genesis(&[HOSPITAL], LONG_SESSION),
        LOCAL => genesis(&[HOSPITAL, LABORATORY, CLINIC, INSURER], SHORT_SESSION),
        _ => return None,
    };
    serde_json::to_vec(&preset).ok()
}

pub fn preset_names() -> Vec<PresetId> {
    vec![PresetId::from(DEVELOPMENT), PresetId::from(LOCAL)]
}
