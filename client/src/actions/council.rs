//! The council: what it is asked, how it votes, and what it has announced.
//!
//! Admissions, new admins and new runtimes need two thirds, and are announced: days pass before anybody
//! can carry them out. For all else more than half is enough, and it is done at once. The chain knows
//! from the call how many votes it takes; whoever proposes what is proposed already votes for it.

use codec::Decode;
use salus_primitives::{AccountId, Moment, OrgId, Spender};
use serde::Serialize;
use serde_json::Value;
use sp_core::H256;

use super::{describe, number, Client, Receipt};
use crate::chain::motions::{hash_of as motion_of, motion_key};
use crate::chain::{calls, storage_prefix, twox_key, Call, CodeVersion, Runtime, Submitted, Votes};
use crate::error::{Error, Result};

/// What the consortium did, as a transaction shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Whether the motion was carried; else others vote.
    pub executed: bool,
    /// Why what was carried could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// How a motion ended that was closed: `Carried`, `Rejected`, `Lapsed` or `Void`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// The number of an organisation that was admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrgId>,
    /// The number of a decision that was announced, and from when on it can be enacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    /// Until when a decision that failed can be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again_until: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

impl Outcome {
    fn of(submitted: &Submitted) -> Result<Self> {
        let field = |pallet: &str, event: &str, name: &str| {
            let event = submitted.event(pallet, event);
            event.map(|event| number(event, name)).transpose()
        };
        let result = ["Council.Executed", "Timelock.DecisionEnacted"]
            .iter()
            .filter_map(|name| name.split_once('.'))
            .filter_map(|(pallet, event)| submitted.event(pallet, event))
            .find_map(|event| event.fields.get("result")?.get("Err"));
        let failed = submitted.event("Timelock", "DecisionFailed");
        let result = result.or_else(|| failed?.fields.get("error"));
        let closed = submitted
            .event("Motions", "MotionClosed")
            .and_then(|event| event.fields.get("outcome")?.as_str());
        Ok(Self {
            executed: closed == Some("Carried")
                || failed.is_some()
                || submitted.event("Timelock", "DecisionEnacted").is_some(),
            again_until: failed.and_then(|event| event.fields.get("until")?.as_u64()),
            failed: result.map(Value::to_string),
            closed: closed.map(str::to_owned),
            organisation: field("Members", "OrganisationAdmitted", "organisation")?,
            decision: field("Timelock", "DecisionAnnounced", "decision")?,
            due: submitted
                .event("Timelock", "DecisionAnnounced")
                .and_then(|event| event.fields.get("due")?.as_u64()),
            receipt: submitted.into(),
        })
    }
}

/// What became of a proposal to the council.
#[derive(Clone, Debug, Serialize)]
pub struct Proposed {
    /// Votes that carry it; 0 where it is carried.
    pub threshold: u32,
    /// Votes for it so far, one's own among them.
    pub ayes: u32,
    /// The motion's hash and number, where it waits for votes.
    pub proposal: Option<H256>,
    pub index: Option<u32>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Proposes a call to the council, or votes for it where it is proposed already.
pub async fn propose(client: &Client, call: &Call) -> Result<Proposed> {
    let at = client.chain.finalized().await?.hash;
    let members: Vec<AccountId> = council(client, "Members", at).await?;
    if !members.contains(&client.me()) {
        return Err(Error::NotPermitted(
            "only the admin of an organisation in good standing sits in the council: use the profile of one".into(),
        ));
    }
    let motion = motion_of(&client.chain.runtime(at).await?.encode_call(call)?);
    let submitted = client.chain.propose(&client.key, call).await?;
    let outcome = Outcome::of(&submitted)?;
    let votes = match outcome.closed {
        Some(_) => None,
        None => client.chain.votes(motion, submitted.block.hash).await?,
    };
    Ok(Proposed {
        threshold: votes.as_ref().map_or(0, |votes| votes.threshold),
        ayes: votes.as_ref().map_or(0, |votes| votes.ayes.len() as u32),
        proposal: votes.as_ref().map(|_| motion),
        index: votes.map(|votes| votes.index),
        outcome,
    })
}

/// Proposes to announce a call; two thirds of the council must agree.
pub async fn announce(client: &Client, call: &Call) -> Result<Proposed> {
    let at = client.chain.finalized().await?.hash;
    let encoded = client.chain.runtime(at).await?.encode_call(call)?;
    propose(client, &calls::timelock::announce(&encoded)).await
}

async fn council<T: Decode + Default>(client: &Client, item: &str, at: H256) -> Result<T> {
    let value = client
        .chain
        .storage(&storage_prefix("Council", item), at)
        .await?;
    Ok(value.unwrap_or_default())
}

/// A call, told so that a person can judge it.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Such as `Members.suspend`.
    pub call: String,
    /// What the runtime itself says that the call does.
    pub words: String,
    pub arguments: Value,
    /// What is announced, where the call is an announcement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<Box<Told>>,
}

impl Told {
    fn of(runtime: &Runtime, bytes: &[u8]) -> Self {
        let unknown = || Self {
            call: "unknown".into(),
            words: "This program cannot read it: do not agree before another one does.".into(),
            arguments: Value::Null,
            announced: None,
        };
        let Ok(decoded) = runtime.decode_call(bytes) else {
            return unknown();
        };
        let announced = (decoded.name == "Timelock.announce")
            .then(|| bytes.get(2..))
            .flatten()
            .map(|inner| Box::new(Self::of(runtime, inner)));
        Self {
            call: decoded.name,
            words: decoded.summary,
            arguments: readable(decoded.arguments),
            announced,
        }
    }

    /// The call that matters: the announced one, if there is one.
    pub fn heart(&self) -> &Self {
        self.announced.as_deref().map_or(self, Self::heart)
    }
}

/// Names and addresses are bytes to the chain; whoever votes reads them as text.
fn readable(mut arguments: Value) -> Value {
    for field in ["name", "vault_url"] {
        let Some(value) = arguments.get_mut(field) else {
            continue;
        };
        let text = value
            .as_str()
            .and_then(|hex| hex::decode(hex.strip_prefix("0x")?).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|text| !text.chars().any(char::is_control));
        if let Some(text) = text {
            *value = text.into();
        }
    }
    arguments
}

/// A motion that waits for votes.
#[derive(Clone, Debug, Serialize)]
pub struct Motion {
    pub proposal: H256,
    pub index: u32,
    #[serde(flatten)]
    pub told: Told,
    /// Who proposed it, and can withdraw it while nobody else has voted for it.
    pub proposer: Option<String>,
    pub threshold: u32,
    pub ayes: Vec<String>,
    pub nays: Vec<String>,
    /// The block after which it lapses.
    pub end: u32,
}

pub async fn motions(client: &Client) -> Result<Vec<Motion>> {
    let at = client.chain.finalized().await?.hash;
    let runtime = client.chain.runtime(at).await?;
    let hashes: Vec<H256> = council(client, "Proposals", at).await?;
    let mut motions = Vec::new();
    for proposal in hashes {
        let Some(votes) = client.chain.votes(proposal, at).await? else {
            continue;
        };
        let bytes = proposal_bytes(client, proposal, at).await?;
        let texts = |accounts: &[AccountId]| accounts.iter().map(AccountId::to_string).collect();
        motions.push(Motion {
            proposal,
            index: votes.index,
            told: Told::of(&runtime, &bytes),
            proposer: proposer(client, proposal, at).await?,
            threshold: votes.threshold,
            ayes: texts(&votes.ayes),
            nays: texts(&votes.nays),
            end: votes.end,
        });
    }
    Ok(motions)
}

/// The first field of what `pallet-motions` keeps of a motion.
async fn proposer(client: &Client, proposal: H256, at: H256) -> Result<Option<String>> {
    let key = motion_key("Motions", "Motions", proposal);
    let row: Option<Raw> = client.chain.storage(&key, at).await?;
    let account = row.and_then(|row| AccountId::decode(&mut &row.0[..]).ok());
    Ok(account.map(|account| account.to_string()))
}

async fn open_motion(client: &Client, proposal: H256, at: H256) -> Result<Votes> {
    let votes = client.chain.votes(proposal, at).await?;
    votes.ok_or_else(|| no_motion(proposal))
}

fn no_motion(proposal: H256) -> Error {
    Error::Unfit(format!(
        "the council has no motion {proposal:?}: `salus council list` shows them"
    ))
}

/// The bytes of whatever a storage item holds.
struct Raw(Vec<u8>);

impl Decode for Raw {
    fn decode<I: codec::Input>(input: &mut I) -> std::result::Result<Self, codec::Error> {
        let mut bytes = Vec::new();
        while let Ok(byte) = input.read_byte() {
            bytes.push(byte);
        }
        Ok(Raw(bytes))
    }
}

async fn proposal_bytes(client: &Client, proposal: H256, at: H256) -> Result<Vec<u8>> {
    let raw: Option<Raw> = client
        .chain
        .storage(&motion_key("Council", "ProposalOf", proposal), at)
        .await?;
    raw.map(|raw| raw.0).ok_or_else(|| no_motion(proposal))
}

/// A vote, and whether it carried the motion.
#[derive(Clone, Debug, Serialize)]
pub struct Voted {
    pub proposal: H256,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Votes on a motion, and carries it out once enough have agreed.
pub async fn vote(client: &Client, proposal: H256, approve: bool) -> Result<Voted> {
    let at = client.chain.finalized().await?.hash;
    let votes = open_motion(client, proposal, at).await?;
    let mut submitted = None;
    if !(approve && votes.ayes.contains(&client.me())) {
        let call = calls::motions::vote(proposal, approve);
        submitted = Some(client.submit(&call).await?);
    }
    let at = submitted.as_ref().map_or(at, |voted| voted.block.hash);
    let closed = client
        .chain
        .close_if_carried(&client.key, proposal, at)
        .await?;
    let last = closed.or(submitted).ok_or_else(|| {
        Error::Unfit("this account has voted so before, and others are missing".into())
    })?;
    Ok(Voted {
        proposal,
        outcome: Outcome::of(&last)?,
    })
}

/// Ends a motion: carries it out if it has enough votes, or drops it if it was rejected or has lapsed.
pub async fn close(client: &Client, proposal: H256) -> Result<Voted> {
    end(client, proposal, calls::motions::close(proposal)).await
}

/// Takes a motion of one's own back that nobody else has voted for.
pub async fn withdraw(client: &Client, proposal: H256) -> Result<Voted> {
    end(client, proposal, calls::motions::withdraw(proposal)).await
}

async fn end(client: &Client, proposal: H256, call: Call) -> Result<Voted> {
    let at = client.chain.finalized().await?.hash;
    open_motion(client, proposal, at).await?;
    let submitted = client.submit(&call).await?;
    Ok(Voted {
        proposal,
        outcome: Outcome::of(&submitted)?,
    })
}

/// A decision that was announced.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    pub decision: u32,
    #[serde(flatten)]
    pub told: Told,
    pub announced_at: Moment,
    /// From when on it can be enacted.
    pub due: Moment,
}

/// What `pallet-timelock` keeps of a decision.
#[derive(Decode)]
struct Announced {
    call: Vec<u8>,
    announced_at: Moment,
    due: Moment,
}

/// The decisions that wait, in the order of their announcement.
pub async fn decisions(client: &Client) -> Result<Vec<Decision>> {
    let at = client.chain.finalized().await?.hash;
    let runtime = client.chain.runtime(at).await?;
    let mut pending: Vec<(u32, Announced)> = client.chain.rows("Timelock", "Pending", at).await?;
    pending.sort_by_key(|(decision, _)| *decision);
    Ok(pending
        .into_iter()
        .map(|(decision, row)| Decision {
            decision,
            told: Told::of(&runtime, &row.call),
            announced_at: row.announced_at,
            due: row.due,
        })
        .collect())
}

/// Carries out a decision whose time has come. Anybody may.
pub async fn enact(client: &Client, decision: u32) -> Result<Outcome> {
    let at = client.chain.finalized().await?.hash;
    let row = waiting(client, decision, at).await?;
    if client.chain.moment(at).await? < row.due {
        return Err(Error::Unfit(format!(
            "decision {decision} can be enacted from {} on; until then the council can call it off",
            describe::moment(row.due)
        )));
    }
    let submitted = client.submit(&calls::timelock::enact(decision)).await?;
    Outcome::of(&submitted)
}

async fn waiting(client: &Client, decision: u32, at: H256) -> Result<Announced> {
    let key = twox_key("Timelock", "Pending", &decision.to_le_bytes());
    let row = client.chain.storage(&key, at).await?;
    row.ok_or_else(|| {
        Error::Unfit(format!(
            "no decision {decision} waits, because it was enacted, called off or never announced: `salus council list` shows those that do"
        ))
    })
}

/// Proposes to announce a new runtime; returns its hash, too, which everybody can compute from the
/// code that they have built themselves. What is no runtime of this chain, or no newer one, is refused
/// before anybody votes on it.
pub async fn upgrade(client: &Client, code: &[u8]) -> Result<(H256, Proposed)> {
    let at = client.chain.finalized().await?.hash;
    ensure_follows(client, code, at).await?;
    let hash = hash_of(code);
    let proposed = announce(client, &calls::upgrades::authorize(hash)).await?;
    Ok((hash, proposed))
}

/// Submits the code of a runtime that was authorized. It is in force from the next block on. What the
/// chain would refuse is not sent: it would cost the account its allowance.
pub async fn apply_upgrade(client: &Client, code: &[u8]) -> Result<Receipt> {
    let at = client.chain.finalized().await?.hash;
    ensure_follows(client, code, at).await?;
    ensure_authorized(hash_of(code), authorized(client, at).await?)?;
    let call = calls::system::apply_authorized_upgrade(code);
    let submitted = client.submit(&call).await?;
    // The call succeeds also where the chain refuses the code.
    if submitted.event("System", "CodeUpdated").is_none() {
        return Err(Error::Unfit(
            "the chain refuses this runtime: it must bear the same name and a higher version than the present one. Build another, and have the council authorize it".into(),
        ));
    }
    Ok((&submitted).into())
}

fn hash_of(code: &[u8]) -> H256 {
    H256(sp_crypto_hashing::blake2_256(code))
}

async fn ensure_follows(client: &Client, code: &[u8], at: H256) -> Result<()> {
    let present = client.chain.runtime(at).await?.version();
    CodeVersion::read(code)?.ensure_follows(&present)
}

/// The hash of the runtime that anybody may submit now (`frame_system::CodeUpgradeAuthorization`).
async fn authorized(client: &Client, at: H256) -> Result<Option<H256>> {
    let key = storage_prefix("System", "AuthorizedUpgrade");
    let row: Option<(H256, bool)> = client.chain.storage(&key, at).await?;
    Ok(row.map(|(hash, _)| hash))
}

fn ensure_authorized(found: H256, authorized: Option<H256>) -> Result<()> {
    match authorized {
        Some(authorized) if authorized == found => Ok(()),
        Some(authorized) => Err(Error::NotPermitted(format!(
            "the runtime that is authorized has the hash {authorized:?}, and this file has {found:?}: take the file that the council has authorized"
        ))),
        None => Err(Error::NotPermitted(
            "no runtime is authorized: `salus council propose upgrade` proposes one, and once its time has come `salus council enact` authorizes it".into(),
        )),
    }
}

/// Proposes how much block time accounts of a kind may use: what they can spend at once, and what
/// comes back with each block, in microseconds; and how many transactions may wait.
pub async fn set_allowance(
    client: &Client,
    spender: Spender,
    capacity: u64,
    refill: u64,
    waiting: u64,
) -> Result<Proposed> {
    // The chain counts in picoseconds.
    let picoseconds = |micros: u64| micros.saturating_mul(1_000_000);
    let call =
        calls::members::set_allowance(spender, picoseconds(capacity), picoseconds(refill), waiting);
    propose(client, &call).await
}

/// Proposes how many vaults keep each file.
pub async fn set_replication(client: &Client, copies: u32) -> Result<Proposed> {
    propose(client, &calls::copies::set_replication(copies)).await
}

/// Proposes who answers for the records of a member that is gone.
pub async fn name_successor(
    client: &Client,
    organisation: OrgId,
    successor: OrgId,
) -> Result<Proposed> {
    let call = calls::corrections::name_successor(organisation, successor);
    propose(client, &call).await
}

/// Proposes to keep an organisation from validating, or to let it validate again.
pub async fn set_barred(client: &Client, organisation: OrgId, barred: bool) -> Result<Proposed> {
    let call = match barred {
        true => calls::validators::bar(organisation),
        false => calls::validators::readmit(organisation),
    };
    propose(client, &call).await
}

/// Proposes to call a decision off.
pub async fn cancel(client: &Client, decision: u32) -> Result<Proposed> {
    let at = client.chain.finalized().await?.hash;
    waiting(client, decision, at).await?;
    propose(client, &calls::timelock::cancel(decision)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_text_and_what_is_none_stays() {
        let hex = |text: &str| format!("0x{}", hex::encode(text));
        let told = readable(serde_json::json!({
            "name": hex("Klinik Süd"), "vault_url": hex("a\u{8}b"), "code_hash": hex("ab"),
        }));
        assert_eq!(
            told,
            serde_json::json!({
                "name": "Klinik Süd", "vault_url": hex("a\u{8}b"), "code_hash": hex("ab"),
            })
        );
        assert_eq!(readable(Value::Null), Value::Null);
    }

    #[test]
    fn only_what_is_authorized_is_sent() {
        let (this, other) = (H256::repeat_byte(1), H256::repeat_byte(2));
        assert!(ensure_authorized(this, Some(this)).is_ok());
        let told = ensure_authorized(this, Some(other))
            .unwrap_err()
            .to_string();
        assert!(told.contains(&format!("{other:?}")), "{told}");
        let told = ensure_authorized(this, None).unwrap_err().to_string();
        assert!(told.contains("salus council enact"), "{told}");
    }
}
