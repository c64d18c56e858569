//! Which members make and finalize blocks, and the session keys with which their nodes do.

use codec::Encode;
use salus_primitives::{AccountId, BlockNumber, OrgId, Organisation};
use serde::Serialize;
use sp_core::crypto::KeyTypeId;

use super::organisation::administered;
use super::{text, Client, Receipt};
use crate::chain::{calls, twox_key, ChainError, SessionKeys};
use crate::error::{Error, Result};

/// Session keys as the chain keeps them: Aura's and GRANDPA's public key.
type Keys = [u8; 64];

/// What became of a registration.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    pub organisation: OrgId,
    pub name: String,
    pub keys: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// The organisation's own running node makes new session keys, and its admin registers them.
pub async fn rotate(client: &Client) -> Result<Registered> {
    administered(client).await?;
    let made = client.chain.make_session_keys(&client.me()).await?;
    register(client, &made).await
}

/// The admin registers keys that were made elsewhere, as `salus-node session-keys` printed them.
pub async fn register(client: &Client, made: &SessionKeys) -> Result<Registered> {
    let (organisation, row) = administered(client).await?;
    check_free(client, &made.keys).await?;
    let call = calls::session::set_keys(&made.keys, &made.proof);
    let submitted = client.submit(&call).await.map_err(|error| match &error {
        Error::Chain(ChainError::Failed { error: name, .. }) if name == "Session.InvalidProof" => {
            Error::Unfit(format!(
                "the proof does not show that whoever holds these keys made them for {me}: make them with `salus-node session-keys --owner {me}` and copy both lines, or let the node do it with `salus validator rotate`",
                me = client.me()
            ))
        }
        _ => error,
    })?;
    Ok(Registered {
        organisation,
        name: text(&row.name),
        keys: hex_text(&made.keys),
        receipt: (&submitted).into(),
    })
}

/// Errors unless these are session keys that no other account has registered.
async fn check_free(client: &Client, keys: &[u8]) -> Result<()> {
    const DECODE: &str = "SessionKeys_decode_session_keys";
    let at = client.chain.finalized().await?.hash;
    let parts: Option<Vec<(Vec<u8>, KeyTypeId)>> =
        client.chain.state_call(DECODE, &keys.encode(), at).await?;
    let parts = parts.filter(|_| keys.len() == size_of::<Keys>()).ok_or_else(|| {
        Error::Unfit("these are no session keys of this chain: copy them whole, as `salus-node session-keys` printed them".into())
    })?;
    for (key, kind) in parts {
        let entry = (kind, key).encode();
        let key = twox_key("Session", "KeyOwner", &entry);
        let owner: Option<AccountId> = client.chain.storage(&key, at).await?;
        if let Some(owner) = owner.filter(|owner| *owner != client.me()) {
            let organisations = client.chain.salus_at(at).all_organisations().await?;
            let holder = match administrated_by(&organisations, &owner) {
                Some((organisation, row)) => {
                    format!("{} (organisation {organisation})", text(&row.name))
                }
                None => owner.to_string(),
            };
            return Err(Error::Unfit(format!(
                "these keys are registered already, by {holder}: each validator needs its own, so make new ones with `salus validator rotate` or `salus-node session-keys`"
            )));
        }
    }
    Ok(())
}

fn administrated_by<'a>(
    organisations: &'a [(OrgId, Organisation)],
    account: &AccountId,
) -> Option<(OrgId, &'a Organisation)> {
    organisations
        .iter()
        .find(|(_, row)| row.admin == *account)
        .map(|(organisation, row)| (*organisation, row))
}

/// An organisation as a validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Validator {
    /// None for an account that is no organisation's admin any more.
    pub organisation: Option<OrgId>,
    pub name: Option<String>,
    pub admin: String,
    /// In this session.
    pub validates: bool,
    /// In the next session.
    pub validates_next: bool,
    /// The registered keys.
    pub keys: Option<String>,
    pub barred: bool,
    pub suspended: bool,
}

impl Validator {
    /// Whether it validates from the session after next on, as far as it depends on itself.
    pub fn is_able(&self) -> bool {
        self.organisation.is_some() && self.keys.is_some() && !self.barred && !self.suspended
    }
}

/// The validators, and those that could be.
#[derive(Clone, Debug, Serialize)]
pub struct Validators {
    pub validators: Vec<Validator>,
    /// How many have what it takes.
    pub able: usize,
    /// With fewer the present ones go on.
    pub minimum: u32,
    pub session: u32,
    /// The block that begins the next session.
    pub next_session_at: BlockNumber,
}

impl Validators {
    /// Whether the present validators go on, because too few are able.
    pub fn is_held(&self) -> bool {
        self.able < self.minimum as usize
    }
}

/// All organisations, in the state of the newest finalized block.
pub async fn list(client: &Client) -> Result<Validators> {
    let block = client.chain.finalized().await?;
    let at = block.hash;
    let organisations = client.chain.salus_at(at).all_organisations().await?;
    let present: Vec<AccountId> = client.chain.value("Session", "Validators", at).await?;
    let queued: Vec<(AccountId, Keys)> = client.chain.value("Session", "QueuedKeys", at).await?;
    let registered: Vec<(AccountId, Keys)> = client.chain.rows("Session", "NextKeys", at).await?;
    let barred: Vec<(OrgId, ())> = client.chain.rows("Validators", "Barred", at).await?;
    let queued: Vec<AccountId> = queued.into_iter().map(|(account, _)| account).collect();

    let validator = |admin: &AccountId, member: Option<(OrgId, &Organisation)>| Validator {
        organisation: member.map(|(organisation, _)| organisation),
        name: member.map(|(_, row)| text(&row.name)),
        admin: admin.to_string(),
        validates: present.contains(admin),
        validates_next: queued.contains(admin),
        keys: registered
            .iter()
            .find(|(account, _)| account == admin)
            .map(|(_, keys)| hex_text(keys)),
        barred: member.is_some_and(|(member, _)| barred.iter().any(|(found, ())| *found == member)),
        suspended: member.is_some_and(|(_, row)| row.suspended_at.is_some()),
    };
    let mut validators: Vec<Validator> = organisations
        .iter()
        .map(|(organisation, row)| validator(&row.admin, Some((*organisation, row))))
        .collect();
    let mut gone: Vec<&AccountId> = present.iter().chain(&queued).collect();
    gone.retain(|account| administrated_by(&organisations, account).is_none());
    gone.sort();
    gone.dedup();
    validators.extend(gone.into_iter().map(|account| validator(account, None)));

    let length = client
        .chain
        .value::<BlockNumber>("Validators", "SessionLength", at)
        .await?;
    let into = block.number.checked_rem(length).unwrap_or_default();
    Ok(Validators {
        able: validators.iter().filter(|row| row.is_able()).count(),
        validators,
        minimum: client.chain.value("Validators", "Minimum", at).await?,
        session: client.chain.value("Session", "CurrentIndex", at).await?,
        next_session_at: block.number.saturating_sub(into).saturating_add(length),
    })
}

/// One's own organisation as a validator.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    #[serde(flatten)]
    pub validator: Validator,
    /// Whether the node that was asked holds the registered keys; none if it does not say.
    pub node_has_keys: Option<bool>,
    /// The present validators go on, because too few are able.
    pub held: bool,
    pub next_session_at: BlockNumber,
}

pub async fn status(client: &Client) -> Result<Status> {
    let member = client.salus().await?.member(&client.me()).await?;
    let own = member.map(|member| member.organisation()).ok_or_else(|| {
        Error::NotPermitted(format!(
            "{} belongs to no organisation in good standing: `salus validator list` shows all",
            client.me()
        ))
    })?;
    let list = list(client).await?;
    let held = list.is_held();
    let validator = list
        .validators
        .into_iter()
        .find(|row| row.organisation == Some(own))
        .ok_or_else(|| super::organisation::unknown(own))?;
    let node_has_keys = match &validator.keys {
        Some(keys) => client.chain.has_session_keys(keys).await?,
        None => None,
    };
    Ok(Status {
        validator,
        node_has_keys,
        held,
        next_session_at: list.next_session_at,
    })
}

fn hex_text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validator() -> Validator {
        Validator {
            organisation: Some(1),
            name: Some("City Laboratory".into()),
            admin: String::new(),
            validates: true,
            validates_next: true,
            keys: Some("0x".into()),
            barred: false,
            suspended: false,
        }
    }

    #[test]
    fn who_lacks_anything_is_not_able() {
        assert!(validator().is_able());
        let lacking: [fn(&mut Validator); 4] = [
            |row| row.organisation = None,
            |row| row.keys = None,
            |row| row.barred = true,
            |row| row.suspended = true,
        ];
        for lack in lacking {
            let mut row = validator();
            lack(&mut row);
            assert!(!row.is_able(), "{row:?}");
        }
    }
}
