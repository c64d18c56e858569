//! The chains that one can start without writing a specification. None names a patient.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use frame_support::build_struct_json_patch;
use salus_primitives::OrganisationKind;
use serde_json::Value;
use sp_consensus_aura::sr25519::AuthorityId as AuraId;
use sp_consensus_grandpa::AuthorityId as GrandpaId;
use sp_genesis_builder::PresetId;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};

use crate::{AccountId, AuraConfig, GrandpaConfig, MembersConfig, RuntimeGenesisConfig};

/// Four organisations, each with a validator.
pub const LOCAL: &str = "local";
/// One validator and one hospital, whose vote alone decides.
pub const DEVELOPMENT: &str = sp_genesis_builder::DEV_RUNTIME_PRESET;

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

fn genesis(founders: &[Founder]) -> Value {
    let aura: Vec<AuraId> = founders
        .iter()
        .map(|founder| founder.2.public().into())
        .collect();
    let grandpa: Vec<(GrandpaId, u64)> = founders
        .iter()
        .map(|founder| (founder.3.public().into(), 1))
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
        aura: AuraConfig { authorities: aura },
        grandpa: GrandpaConfig {
            authorities: grandpa
        },
        members: MembersConfig { organisations },
    })
}

pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
    let preset = match id.as_ref() {
        DEVELOPMENT => genesis(&[HOSPITAL]),
        LOCAL => genesis(&[HOSPITAL, LABORATORY, CLINIC, INSURER]),
        _ => return None,
    };
    serde_json::to_vec(&preset).ok()
}

pub fn preset_names() -> Vec<PresetId> {
    vec![PresetId::from(DEVELOPMENT), PresetId::from(LOCAL)]
}
