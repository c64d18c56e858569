//! Session keys, made on the machine that will use them: only public keys and a proof leave it.

use std::path::PathBuf;

use salus_primitives::AccountId;
use salus_runtime::SessionKeys;
use sc_keystore::{Keystore, LocalKeystore};
use serde::Serialize;
use sp_core::{
    bytes::to_hex,
    crypto::{key_types, Ss58Codec},
    ed25519,
    proof_of_possession::statement_of_ownership,
    sr25519, Encode, Pair,
};

/// Make the session keys of a validator and store them; prints them with a proof for their owner.
///
/// For a node that runs already, `author_rotateKeysWithOwner` does the same.
#[derive(Debug, clap::Parser)]
pub struct SessionKeysCmd {
    /// The address of the organisation's admin, who registers the keys
    #[arg(long, value_parser = address)]
    owner: AccountId,
    /// The node's keystore: <base path>/chains/<id of the chain>/keystore
    #[arg(long)]
    keystore_path: PathBuf,
}

fn address(text: &str) -> Result<AccountId, String> {
    AccountId::from_ss58check(text).map_err(|error| format!("{text} is no address: {error}"))
}

/// What `session.set_keys`, or a list of founding members, takes.
#[derive(Debug, Serialize)]
struct Made {
    keys: String,
    proof: String,
}

impl SessionKeysCmd {
    pub fn run(&self) -> Result<(), String> {
        // Not a phrase: the keystore would stretch it again, two thousand rounds of it, for each signature.
        let (_, seed) = sr25519::Pair::generate();
        let secret = to_hex(&seed, false);
        let made = derive(&secret, &self.owner)?;
        let store = LocalKeystore::open(&self.keystore_path, None)
            .map_err(|error| format!("{}: {error}", self.keystore_path.display()))?;
        let (aura, grandpa) = pairs(&secret)?;
        for (kind, public) in [
            (key_types::AURA, aura.public().to_vec()),
            (key_types::GRANDPA, grandpa.public().to_vec()),
        ] {
            store
                .insert(kind, &secret, &public)
                .map_err(|()| format!("{} cannot be written", self.keystore_path.display()))?;
        }
        let json = serde_json::to_string_pretty(&made).map_err(|error| error.to_string())?;
        println!("{json}");
        Ok(())
    }
}

fn pairs(secret: &str) -> Result<(sr25519::Pair, ed25519::Pair), String> {
    let bad = |error| format!("no keys can be made: {error:?}");
    Ok((
        sr25519::Pair::from_string(secret, None).map_err(bad)?,
        ed25519::Pair::from_string(secret, None).map_err(bad)?,
    ))
}

/// The keys of this secret, and the proof that its holder acts for `owner`.
fn derive(secret: &str, owner: &AccountId) -> Result<Made, String> {
    let (aura, grandpa) = pairs(secret)?;
    let statement = statement_of_ownership(&owner.encode());
    let keys = SessionKeys {
        aura: aura.public().into(),
        grandpa: grandpa.public().into(),
    };
    let proof = (aura.sign(&statement), grandpa.sign(&statement));
    let hex = |bytes: Vec<u8>| to_hex(&bytes, false);
    Ok(Made {
        keys: hex(keys.encode()),
        proof: hex(proof.encode()),
    })
}
