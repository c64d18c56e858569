//! A chain of one's own: its members write down public keys only, and get a specification.
//!
//! ```toml
//! name = "Northern Consortium"
//! id = "northern"
//!
//! [[member]]
//! name = "General Hospital"
//! kind = "hospital"
//! admin = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
//! # As `salus-node session-keys` prints them.
//! keys = "0x…"
//! proof = "0x…"
//! # vault_url = "https://vault.hospital.example"
//! # bootnode = "/dns/node.hospital.example/tcp/30333/p2p/12D3KooW…"
//! ```

use std::{collections::BTreeSet, path::Path, str::FromStr};

use salus_primitives::{AccountId, OrganisationKind, DAY, MAX_NAME, MAX_URL, PRIVATE_NETWORK};
use salus_runtime::{SessionKeys, WASM_BINARY};
use sc_network::config::MultiaddrWithPeerId;
use sc_service::ChainType;
use serde::{de::IntoDeserializer, Deserialize, Deserializer};
use serde_json::json;
use sp_core::{crypto::Ss58Codec, Blake2Hasher, Decode, Encode, Hasher};
use sp_runtime::traits::OpaqueKeys;
use url::{Host, Url};

use crate::chain_spec::{properties, ChainSpec};

/// GRANDPA takes more than two thirds: of three validators all, of four three.
const ONE_MAY_BE_AWAY: usize = 4;

/// What the members have agreed on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Consortium {
    name: String,
    /// Lower case, digits and `_`: it names folders.
    id: String,
    /// Blocks of a second; an hour, if none.
    #[serde(default)]
    session_length: u32,
    /// With fewer validators than this the set does not change; two thirds of the members, if none.
    minimum_validators: Option<u32>,
    /// Days between the announcement of an admission or a new runtime and its coming into force.
    #[serde(default = "three_days")]
    delay_days: u64,
    /// Whether all vaults are in one private network: clients go to no private address otherwise.
    #[serde(default)]
    private_network: bool,
    #[serde(rename = "member")]
    members: Vec<Founder>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Founder {
    name: String,
    #[serde(deserialize_with = "kind")]
    kind: OrganisationKind,
    /// The admin's address.
    admin: String,
    /// The session keys of its node, and the proof that they are its admin's.
    keys: String,
    proof: String,
    #[serde(default)]
    vault_url: String,
    bootnode: Option<String>,
}

fn three_days() -> u64 {
    3
}

/// In small letters, as on the command line.
fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OrganisationKind, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let name: String = first.chain(letters).collect();
    OrganisationKind::deserialize(name.into_deserializer())
}

/// A founder whose every word was checked.
struct Checked {
    admin: AccountId,
    keys: SessionKeys,
    bootnode: Option<MultiaddrWithPeerId>,
}

/// Writes the specification of a consortium to stdout, and beside it what its founders should know.
pub fn found(members: &Path, runtime: Option<&Path>) -> Result<(), String> {
    let consortium = Consortium::read(members)?;
    let code = match runtime {
        Some(path) => std::fs::read(path).map_err(unreadable(path))?,
        None => WASM_BINARY
            .ok_or("this node was built without its runtime: build it again without SKIP_WASM_BUILD, or name one with --runtime")?
            .to_vec(),
    };
    println!("{}", consortium.specification(&code)?.as_json(true)?);
    eprintln!("The runtime is {:?}.", Blake2Hasher::hash(&code));
    if let Some(warning) = consortium.warning() {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> String + '_ {
    move |error| format!("{} cannot be read: {error}", path.display())
}

impl Consortium {
    fn read(path: &Path) -> Result<Self, String> {
        std::fs::read_to_string(path)
            .map_err(unreadable(path))?
            .parse()
    }

    /// The chain's specification, the same for everybody who has the same runtime and file.
    fn specification(&self, code: &[u8]) -> Result<ChainSpec, String> {
        let founders = self.checked()?;
        let minimum = self.minimum(founders.len() as u32)?;
        let organisations: Vec<_> = self
            .members
            .iter()
            .zip(&founders)
            .map(|(said, founder)| (said.kind, &said.name, &founder.admin, &said.vault_url))
            .collect();
        let keys: Vec<_> = founders
            .iter()
            .map(|founder| (&founder.admin, &founder.admin, &founder.keys))
            .collect();
        let genesis = json!({
            "members": { "organisations": organisations },
            "session": { "keys": keys },
            "validators": { "minimum": minimum, "sessionLength": self.session_length },
            "timelock": { "delay": self.delay_days * DAY },
        });
        let bootnodes = founders
            .into_iter()
            .filter_map(|founder| founder.bootnode)
            .collect();
        Ok(ChainSpec::builder(code, None)
            .with_name(&self.name)
            .with_id(&self.id)
            .with_protocol_id(&self.id)
            .with_chain_type(match self.private_network {
                true => ChainType::Custom(PRIVATE_NETWORK.into()),
                false => ChainType::Live,
            })
            .with_boot_nodes(bootnodes)
            .with_properties(properties())
            .with_genesis_config_patch(genesis)
            .build())
    }

    /// What the founders should hear before they begin.
    fn warning(&self) -> Option<String> {
        (self.members.len() < ONE_MAY_BE_AWAY).then(|| {
            format!(
                "with fewer than {ONE_MAY_BE_AWAY} members every validator is needed: one that is down stops finality, and no vault hands anything out. Found with {ONE_MAY_BE_AWAY} or more"
            )
        })
    }

    fn minimum(&self, members: u32) -> Result<u32, String> {
        let minimum = self.minimum_validators.unwrap_or((2 * members).div_ceil(3));
        match (1..=members).contains(&minimum) {
            true => Ok(minimum),
            false => Err(format!(
                "minimum_validators is {minimum}: say a number from 1 to {members}, that of the members"
            )),
        }
    }

    fn checked(&self) -> Result<Vec<Checked>, String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.id.is_empty() || !self.id.chars().all(plain) {
            return Err(format!(
                "the id {:?} names folders: use lower-case letters, digits and _",
                self.id
            ));
        }
        if self.members.is_empty() {
            return Err("there is no [[member]]: name at least one".into());
        }
        let founders = self
            .members
            .iter()
            .map(|founder| {
                founder
                    .checked(self.private_network)
                    .map_err(|reason| format!("member {:?}: {reason}", founder.name))
            })
            .collect::<Result<Vec<_>, _>>()?;
        ensure_none_twice("name", self.members.iter().map(|member| &member.name))?;
        let of = |part: fn(&Checked) -> Vec<u8>| founders.iter().map(part);
        ensure_none_twice("admin", of(|founder| founder.admin.encode()))?;
        ensure_none_twice("Aura key", of(|founder| founder.keys.aura.encode()))?;
        ensure_none_twice("GRANDPA key", of(|founder| founder.keys.grandpa.encode()))?;
        let vaults = self.members.iter().map(|member| member.vault_url.as_str());
        ensure_none_twice("vault_url", vaults.filter(|url| !url.is_empty()))?;
        // With two keys at one address no node would start.
        let nodes = || {
            founders
                .iter()
                .filter_map(|founder| founder.bootnode.as_ref())
        };
        ensure_none_twice("bootnode", nodes().map(|node| node.multiaddr.to_string()))?;
        ensure_none_twice("node key", nodes().map(|node| node.peer_id.to_string()))?;
        Ok(founders)
    }
}

impl FromStr for Consortium {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("the list of members cannot be read: {error}"))
    }
}

impl Founder {
    fn checked(&self, private_network: bool) -> Result<Checked, String> {
        if self.name.is_empty() || self.name.len() > MAX_NAME as usize {
            return Err(format!("a name has 1 to {MAX_NAME} bytes"));
        }
        self.ensure_vault_is_reached(private_network)?;
        let admin = AccountId::from_ss58check(&self.admin)
            .map_err(|error| format!("its admin {} is no address: {error}", self.admin))?;
        let keys = SessionKeys::decode(&mut &bytes("keys", &self.keys)?[..]).map_err(|_| {
            "keys are not session keys: copy what `salus-node session-keys` printed"
        })?;
        let proof = bytes("proof", &self.proof)?;
        if !keys.ownership_proof_is_valid(&admin.encode(), &proof) {
            return Err(
                "proof does not show that the keys are this admin's: run `salus-node session-keys` again, with --owner of the admin".into(),
            );
        }
        let bootnode = self
            .bootnode
            .as_ref()
            .map(|text| {
                text.parse()
                    .map_err(|error| format!("bootnode {text} is no address with /p2p/…: {error}"))
            })
            .transpose()?;
        Ok(Checked {
            admin,
            keys,
            bootnode,
        })
    }

    /// Refuses here what each client would refuse later (`salus_client::vault::VaultUrl`).
    fn ensure_vault_is_reached(&self, private_network: bool) -> Result<(), String> {
        if self.vault_url.is_empty() {
            return Ok(());
        }
        let bad = |reason: &str| Err(format!("vault_url {}: {reason}", self.vault_url));
        if self.vault_url.len() > MAX_URL as usize {
            return bad(&format!("it has more than {MAX_URL} bytes"));
        }
        let Ok(url) = Url::parse(&self.vault_url) else {
            return bad("it is no address like https://vault.hospital.example");
        };
        let is_near = url.host().is_some_and(|host| match host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback() || address.is_private(),
            Host::Ipv6(address) => address.is_loopback() || address.is_unique_local(),
        });
        match (url.scheme(), is_near) {
            (_, true) if !private_network => bad("it is in a private network, where no client goes. Give a public address; or, if all members are in that network, write private_network = true above the members"),
            ("https", _) | ("http", true) => Ok(()),
            _ => bad("it must begin with https://"),
        }
    }
}

fn ensure_none_twice<T: Ord>(what: &str, mut said: impl Iterator<Item = T>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match said.all(|one| seen.insert(one)) {
        true => Ok(()),
        false => Err(format!(
            "two members have the same {what}: each needs its own"
        )),
    }
}

fn bytes(what: &str, text: &str) -> Result<Vec<u8>, String> {
    sp_core::bytes::from_hex(text).map_err(|error| format!("{what} is not 0x…: {error}"))
}
