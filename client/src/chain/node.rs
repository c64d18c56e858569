//! What only a node's own operator may ask it for: the session keys with which it validates.

use codec::Encode;
use salus_primitives::AccountId;
use serde::Deserialize;
use subxt::rpcs::Error as RpcError;
use url::{Host, Url};

use super::{
    connect::{hex, params, unhex},
    Chain, ChainError, Result,
};

/// What JSON-RPC answers if there is no such method, or none for whoever asks.
const METHOD_NOT_FOUND: i32 = -32601;

/// Session keys, and the proof that whoever holds them made them for the account that registers
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKeys {
    pub keys: Vec<u8>,
    pub proof: Vec<u8>,
}

impl Chain {
    /// The node makes new session keys for this admin and keeps their secrets. Only a node on this
    /// machine is asked: whose node it is, his are the keys.
    pub async fn make_session_keys(&self, owner: &AccountId) -> Result<SessionKeys> {
        #[derive(Deserialize)]
        struct Made {
            keys: String,
            proof: Option<String>,
        }
        const METHOD: &str = "author_rotateKeysWithOwner";
        if !is_loopback(self.url()) {
            return Err(ChainError::NotHere {
                url: self.url().into(),
            });
        }
        // Not by `request`, which may ask twice.
        let made = self
            .rpc()
            .request(METHOD, params![hex(&owner.encode())])
            .await;
        let made: Made = made.map_err(|error| match error {
            RpcError::User(error) if error.code == METHOD_NOT_FOUND => ChainError::KeysRefused {
                url: self.url().into(),
            },
            error => self.error(METHOD, error),
        })?;
        let proof = made
            .proof
            .ok_or_else(|| ChainError::unreadable(METHOD, "there is no proof"))?;
        Ok(SessionKeys {
            keys: unhex(METHOD, &made.keys)?,
            proof: unhex(METHOD, &proof)?,
        })
    }

    /// Whether the node holds the secrets of these keys; none if it does not say.
    pub async fn has_session_keys(&self, keys: &str) -> Result<Option<bool>> {
        let answer = self.request("author_hasSessionKeys", params![keys]).await;
        match answer {
            Ok(holds) => Ok(Some(holds)),
            Err(ChainError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether the address is this machine's own.
fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        for url in [
            "ws://127.0.0.1:9944",
            "ws://127.8.0.1",
            "ws://localhost:9944",
            "ws://[::1]:9944",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "wss://node.hospital.example",
            "ws://10.0.0.1:9944",
            "ws://localhost.example:9944",
            "ws://127.0.0.1@node.example",
            "127.0.0.1:9944",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
