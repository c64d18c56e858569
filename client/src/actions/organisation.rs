//! The consortium: organisations, their council, and the people that they vouch for.

use codec::Decode;
use salus_primitives::{
    AccountId, ClinicianRole, Moment, OrgId, Organisation, OrganisationKind, Subject,
};
use serde::Serialize;
use sp_core::H256;

use super::identity::{next_key, Published};
use super::{number, text, Client, Receipt};
use crate::chain::{calls, storage_prefix, Call, Submitted};
use crate::error::{Error, Result};
use crate::files::age::EncryptionKey;
use crate::keyring::{Identities, Own};

/// What carrying out a motion may cost. The chain lets none have more than half a block, so this
/// bounds nothing that could be proposed.
const MOTION_REF_TIME: u64 = 170_000_000_000;
const MOTION_PROOF_SIZE: u64 = u64::MAX / 2;

/// What became of a proposal to the council.
#[derive(Clone, Debug, Serialize)]
pub struct Proposed {
    /// Whether it was carried out at once; else the other organisations vote.
    pub executed: bool,
    pub threshold: u32,
    /// The motion's hash and number, where it waits for votes.
    pub proposal: Option<H256>,
    pub index: Option<u32>,
    /// The number of an organisation that was admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrgId>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Admits an organisation.
pub async fn admit(
    client: &Client,
    name: &str,
    kind: OrganisationKind,
    admin: &AccountId,
    vault_url: &str,
) -> Result<Proposed> {
    propose(
        client,
        &calls::members::admit(admin, kind, name, vault_url)?,
    )
    .await
}

pub async fn suspend(client: &Client, organisation: OrgId) -> Result<Proposed> {
    propose(client, &calls::members::suspend(organisation)).await
}

pub async fn reinstate(client: &Client, organisation: OrgId) -> Result<Proposed> {
    propose(client, &calls::members::reinstate(organisation)).await
}

pub async fn set_admin(
    client: &Client,
    organisation: OrgId,
    admin: &AccountId,
) -> Result<Proposed> {
    propose(client, &calls::members::set_admin(organisation, admin)).await
}

/// Proposes a call to the council; more than half of its members must agree.
pub async fn propose(client: &Client, call: &Call) -> Result<Proposed> {
    let at = client.chain.finalized().await?.hash;
    let members: Vec<AccountId> = council(client, "Members", at).await?;
    if !members.contains(&client.me()) {
        return Err(Error::NotPermitted(
            "only an organisation's admin sits in the council: use the profile of one".into(),
        ));
    }
    let threshold = members.len() as u32 / 2 + 1;
    let submitted = client.chain.propose(&client.key, threshold, call).await?;
    let proposed = proposed(threshold, &submitted)?;
    // Proposing does not count as a vote by itself.
    if let Some((proposal, index)) = proposed.proposal.zip(proposed.index) {
        let vote = calls::council::vote(proposal, index, true);
        client.submit(&vote).await?;
    }
    Ok(proposed)
}

fn proposed(threshold: u32, submitted: &Submitted) -> Result<Proposed> {
    let motion = submitted.event("Council", "Proposed");
    let organisation = submitted
        .event("Members", "OrganisationAdmitted")
        .map(|event| number(event, "organisation"))
        .transpose()?;
    Ok(Proposed {
        executed: motion.is_none(),
        threshold,
        proposal: motion.and_then(|event| hash(event.fields.get("proposal_hash")?.as_str()?)),
        index: motion
            .map(|event| number(event, "proposal_index"))
            .transpose()?,
        organisation,
        receipt: submitted.into(),
    })
}

fn hash(text: &str) -> Option<H256> {
    let bytes = hex::decode(text.trim_start_matches("0x")).ok()?;
    (bytes.len() == 32).then(|| H256::from_slice(&bytes))
}

async fn council<T: Decode + Default>(client: &Client, item: &str, at: H256) -> Result<T> {
    let value = client
        .chain
        .storage(&storage_prefix("Council", item), at)
        .await?;
    Ok(value.unwrap_or_default())
}

/// What the council keeps of a motion (`pallet_collective::Votes`).
#[derive(Decode)]
struct Votes {
    index: u32,
    threshold: u32,
    ayes: Vec<AccountId>,
    nays: Vec<AccountId>,
    end: u32,
}

/// A motion that waits for votes.
#[derive(Clone, Debug, Serialize)]
pub struct Motion {
    pub proposal: H256,
    pub index: u32,
    pub call: String,
    pub threshold: u32,
    pub ayes: Vec<String>,
    pub nays: Vec<String>,
    /// The block after which it lapses.
    pub end: u32,
}

pub async fn motions(client: &Client) -> Result<Vec<Motion>> {
    let at = client.chain.finalized().await?.hash;
    let hashes: Vec<H256> = council(client, "Proposals", at).await?;
    let mut motions = Vec::new();
    for proposal in hashes {
        let Some(votes) = voting(client, proposal, at).await? else {
            continue;
        };
        let texts = |accounts: &[AccountId]| accounts.iter().map(AccountId::to_string).collect();
        motions.push(Motion {
            proposal,
            index: votes.index,
            call: proposal_name(client, proposal, at).await?,
            threshold: votes.threshold,
            ayes: texts(&votes.ayes),
            nays: texts(&votes.nays),
            end: votes.end,
        });
    }
    Ok(motions)
}

async fn voting(client: &Client, proposal: H256, at: H256) -> Result<Option<Votes>> {
    let key = identity_key("Voting", proposal);
    Ok(client.chain.storage(&key, at).await?)
}

/// The council's maps are keyed by the hash as it is.
fn identity_key(item: &str, proposal: H256) -> Vec<u8> {
    let mut key = storage_prefix("Council", item);
    key.extend_from_slice(proposal.as_bytes());
    key
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
        .storage(&identity_key("ProposalOf", proposal), at)
        .await?;
    raw.map(|raw| raw.0).ok_or_else(|| {
        Error::Unfit(format!(
            "the council has no motion {proposal:?}: `salus council list` shows them"
        ))
    })
}

async fn proposal_name(client: &Client, proposal: H256, at: H256) -> Result<String> {
    let bytes = proposal_bytes(client, proposal, at).await?;
    let runtime = client.chain.runtime(at).await?;
    let name = bytes.first().zip(bytes.get(1)).and_then(|(pallet, call)| {
        let pallet = runtime.metadata.pallet_by_call_index(*pallet)?;
        let call = pallet.call_variant_by_index(*call)?;
        Some(format!("{}.{}", pallet.name(), call.name))
    });
    Ok(name.unwrap_or_else(|| "unknown".into()))
}

/// A vote, and whether it carried the motion.
#[derive(Clone, Debug, Serialize)]
pub struct Voted {
    pub proposal: H256,
    pub executed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrgId>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Votes on a motion, and carries it out once enough have agreed.
pub async fn vote(client: &Client, proposal: H256, approve: bool) -> Result<Voted> {
    let at = client.chain.finalized().await?.hash;
    let length = proposal_bytes(client, proposal, at).await?.len() as u32;
    let missing = || Error::Unfit(format!("the council has no motion {proposal:?}"));
    let votes = voting(client, proposal, at).await?.ok_or_else(missing)?;
    let mut submitted = None;
    if !(approve && votes.ayes.contains(&client.me())) {
        let call = calls::council::vote(proposal, votes.index, approve);
        submitted = Some(client.submit(&call).await?);
    }
    let at = client.chain.finalized().await?.hash;
    let votes = voting(client, proposal, at).await?;
    let mut executed = false;
    if let Some(votes) = votes.filter(|votes| votes.ayes.len() as u32 >= votes.threshold) {
        let call = calls::council::close(
            proposal,
            votes.index,
            MOTION_REF_TIME,
            MOTION_PROOF_SIZE,
            length,
        );
        submitted = Some(client.submit(&call).await?);
        executed = true;
    }
    let submitted = submitted.ok_or_else(|| {
        Error::Unfit("this account has voted so before, and others are missing".into())
    })?;
    Ok(Voted {
        proposal,
        executed,
        organisation: submitted
            .event("Members", "OrganisationAdmitted")
            .map(|event| number(event, "organisation"))
            .transpose()?,
        receipt: (&submitted).into(),
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct OrganisationView {
    pub organisation: OrgId,
    pub kind: OrganisationKind,
    pub name: String,
    pub admin: String,
    pub vault_url: String,
    pub admitted_at: Moment,
    pub suspended_at: Option<Moment>,
}

fn organisation_view(organisation: OrgId, row: &Organisation) -> OrganisationView {
    OrganisationView {
        organisation,
        kind: row.kind,
        name: text(&row.name),
        admin: row.admin.to_string(),
        vault_url: text(&row.vault_url),
        admitted_at: row.admitted_at,
        suspended_at: row.suspended_at,
    }
}

pub async fn list(client: &Client) -> Result<Vec<OrganisationView>> {
    let rows = client.salus().await?.all_organisations().await?;
    Ok(rows
        .iter()
        .map(|(organisation, row)| organisation_view(*organisation, row))
        .collect())
}

/// The organisation that this account is the admin of.
async fn administered(client: &Client) -> Result<(OrgId, Organisation)> {
    let rows = client.salus().await?.all_organisations().await?;
    rows.into_iter()
        .find(|(_, row)| row.admin == client.me())
        .ok_or_else(|| {
            Error::NotPermitted(format!(
                "{} is no organisation's admin: use the admin's profile",
                client.me()
            ))
        })
}

#[derive(Clone, Debug, Serialize)]
pub struct ProfileChanged {
    pub organisation: OrgId,
    pub name: String,
    pub vault_url: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// The admin changes its organisation's name or vault; what is left out stays.
pub async fn set_profile(
    client: &Client,
    name: Option<&str>,
    vault_url: Option<&str>,
) -> Result<ProfileChanged> {
    let (organisation, row) = administered(client).await?;
    let name = name.map_or_else(|| text(&row.name), str::to_owned);
    let vault_url = vault_url.map_or_else(|| text(&row.vault_url), str::to_owned);
    let call = calls::members::set_profile(&name, &vault_url)?;
    let submitted = client.submit(&call).await?;
    Ok(ProfileChanged {
        organisation,
        name,
        vault_url,
        receipt: (&submitted).into(),
    })
}

/// The admin publishes a new encryption key of its organisation.
pub async fn publish(client: &Client) -> Result<Published> {
    let (organisation, _) = administered(client).await?;
    let subject = Subject::Organisation(organisation);
    let (epoch, recipient) = next_key(client, &subject, Own::Organisation(organisation)).await?;
    let call = calls::members::publish_organisation_recipient(&recipient);
    let submitted = client.submit(&call).await?;
    Ok(Published {
        organisation: Some(organisation),
        account: None,
        epoch,
        receipt: (&submitted).into(),
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct Trusted {
    pub organisation: OrgId,
    pub admin: String,
}

/// A person has confirmed, on another channel, that the organisation's present admin is right.
pub async fn trust(client: &Client, organisation: OrgId) -> Result<Trusted> {
    let row = client
        .salus()
        .await?
        .organisation(organisation)
        .await?
        .ok_or_else(|| unknown(organisation))?;
    client.profile.update_pins(|pins| {
        pins.confirm_organisation(organisation, &row.admin);
        Ok(())
    })?;
    Ok(Trusted {
        organisation,
        admin: row.admin.to_string(),
    })
}

pub(super) fn unknown(organisation: OrgId) -> Error {
    Error::Unfit(format!(
        "there is no organisation {organisation}: `salus org list` shows them"
    ))
}

/// Seals the organisation's keys to one of its accounts, so that it can open what is shared with
/// the organisation. The file can travel by any way.
pub async fn give_key(client: &Client, to: &AccountId) -> Result<(OrgId, Vec<u8>)> {
    let salus = client.salus().await?;
    let own = salus
        .member(&client.me())
        .await?
        .map(|member| member.organisation());
    let organisation = own.ok_or_else(|| {
        Error::NotPermitted(format!("{} belongs to no organisation", client.me()))
    })?;
    let theirs = salus.member(to).await?.map(|member| member.organisation());
    if theirs != Some(organisation) {
        return Err(Error::NotPermitted(format!(
            "{to} is no member of organisation {organisation} in good standing: its keys are not for others"
        )));
    }
    let identities = client
        .profile
        .identities(&client.device)?
        .only(Own::Organisation(organisation));
    if identities.keys(Own::Organisation(organisation)).is_empty() {
        return Err(Error::Unfit(
            "this profile has no key of the organisation: the admin makes one with `salus org publish`".into(),
        ));
    }
    let key: EncryptionKey = client
        .recipient(&salus, &Subject::Account(to.clone()))
        .await?;
    Ok((organisation, identities.seal(&key)?))
}

/// Takes over the keys of this account's organisation from a sealed file.
pub async fn take_key(client: &Client, sealed: &[u8]) -> Result<OrgId> {
    let salus = client.salus().await?;
    let member = salus.member(&client.me()).await?;
    let organisation = member.map(|member| member.organisation()).ok_or_else(|| {
        Error::NotPermitted(format!("{} belongs to no organisation", client.me()))
    })?;
    let own = Own::Organisation(organisation);
    let mut identities = client.profile.identities(&client.device)?;
    let keys = identities.keys(Own::Account);
    let given = keys
        .iter()
        .find_map(|key| Identities::open(key, sealed).ok())
        .ok_or(Error::WrongKey("key file"))?;
    if given.keys(own).is_empty() {
        return Err(Error::Unfit(format!(
            "the file holds no key of organisation {organisation}"
        )));
    }
    identities.merge(given.only(own));
    client
        .profile
        .save_identities(&identities, &client.device.public())?;
    Ok(organisation)
}

#[derive(Clone, Debug, Serialize)]
pub struct Credentialed {
    pub account: String,
    pub organisation: OrgId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<ClinicianRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// The admin vouches for an account for `duration` from now.
pub async fn credential(
    client: &Client,
    account: &AccountId,
    role: ClinicianRole,
    duration: Moment,
) -> Result<Credentialed> {
    let (organisation, _) = administered(client).await?;
    let valid_until = client.clock().await?.saturating_add(duration);
    let call = calls::members::credential(account, role, valid_until);
    let submitted = client.submit(&call).await?;
    Ok(Credentialed {
        account: account.to_string(),
        organisation,
        role: Some(role),
        valid_until: Some(valid_until),
        receipt: (&submitted).into(),
    })
}

pub async fn suspend_clinician(client: &Client, account: &AccountId) -> Result<Credentialed> {
    change_clinician(client, account, calls::members::suspend_clinician(account)).await
}

pub async fn reinstate_clinician(client: &Client, account: &AccountId) -> Result<Credentialed> {
    change_clinician(
        client,
        account,
        calls::members::reinstate_clinician(account),
    )
    .await
}

/// Someone leaves: by the admin, or by the clinician.
pub async fn end_credential(client: &Client, account: &AccountId) -> Result<Credentialed> {
    change_clinician(client, account, calls::members::end_credential(account)).await
}

async fn change_clinician(
    client: &Client,
    account: &AccountId,
    call: Call,
) -> Result<Credentialed> {
    let row = client
        .salus()
        .await?
        .clinician(account)
        .await?
        .ok_or_else(|| {
            Error::Unfit(format!(
                "no organisation has credentialed {account}: `salus clinician list` shows them"
            ))
        })?;
    let submitted = client.submit(&call).await?;
    Ok(Credentialed {
        account: account.to_string(),
        organisation: row.organisation,
        role: None,
        valid_until: None,
        receipt: (&submitted).into(),
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct ClinicianView {
    pub account: String,
    pub organisation: OrgId,
    pub role: ClinicianRole,
    pub valid_until: Moment,
    pub suspended_at: Option<Moment>,
    pub active: bool,
    /// Whether one can share with this person: an encryption key is published.
    pub has_key: bool,
}

/// The people whom an organisation, or each, vouches for.
pub async fn clinicians(
    client: &Client,
    organisation: Option<OrgId>,
) -> Result<Vec<ClinicianView>> {
    let salus = client.salus().await?;
    let organisations = match organisation {
        Some(organisation) => vec![organisation],
        None => salus
            .all_organisations()
            .await?
            .into_iter()
            .map(|(organisation, _)| organisation)
            .collect(),
    };
    let mut views = Vec::new();
    for organisation in organisations {
        for (account, row) in salus.all_clinicians(organisation).await? {
            views.push(ClinicianView {
                active: salus.member(&account).await?.is_some(),
                has_key: salus
                    .recipient(&Subject::Account(account.clone()))
                    .await?
                    .is_some(),
                account: account.to_string(),
                organisation: row.organisation,
                role: row.role,
                valid_until: row.valid_until,
                suspended_at: row.suspended_at,
            });
        }
    }
    Ok(views)
}

#[cfg(test)]
mod tests {
    use codec::Encode;

    use super::*;

    #[test]
    fn a_motions_votes_decode_as_the_council_keeps_them() {
        let (aye, nay) = (AccountId::new([1; 32]), AccountId::new([2; 32]));
        let bytes = (7u32, 2u32, vec![aye.clone()], vec![nay.clone()], 99u32).encode();
        let votes = Votes::decode(&mut &bytes[..]).unwrap();
        assert_eq!((votes.index, votes.threshold, votes.end), (7, 2, 99));
        assert_eq!((votes.ayes, votes.nays), (vec![aye], vec![nay]));
    }

    #[test]
    fn hashes_are_read_from_events() {
        let text = format!("0x{}", "ab".repeat(32));
        assert_eq!(hash(&text), Some(H256::repeat_byte(0xab)));
        assert_eq!(hash("0xab"), None);
    }
}
