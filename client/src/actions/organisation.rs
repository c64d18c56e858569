//! Organisations, and the people that they vouch for.

use salus_primitives::{
    AccountId, Clinician, ClinicianRole, Moment, OrgId, Organisation, OrganisationKind, Subject,
};
use serde::Serialize;

use super::consents::CredentialFile;
use super::council::{announce, propose, Proposed};
use super::identity::{next_key, Published};
use super::patient::ensure_no_patients;
use super::{text, Client, Receipt};
use crate::chain::{calls, Call};
use crate::error::{Error, Result};
use crate::files::age::EncryptionKey;
use crate::keyring::{Identities, Own};

/// Admits an organisation; the consortium announces it first.
pub async fn admit(
    client: &Client,
    name: &str,
    kind: OrganisationKind,
    admin: &AccountId,
    vault_url: &str,
) -> Result<Proposed> {
    let call = calls::members::admit(admin, kind, name, vault_url)?;
    announce(client, &call).await
}

pub async fn suspend(client: &Client, organisation: OrgId) -> Result<Proposed> {
    propose(client, &calls::members::suspend(organisation)).await
}

pub async fn reinstate(client: &Client, organisation: OrgId) -> Result<Proposed> {
    propose(client, &calls::members::reinstate(organisation)).await
}

/// Names another admin. A new admin votes, so the consortium announces it first.
pub async fn set_admin(
    client: &Client,
    organisation: OrgId,
    admin: &AccountId,
) -> Result<Proposed> {
    announce(client, &calls::members::set_admin(organisation, admin)).await
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
pub(super) async fn administered(client: &Client) -> Result<(OrgId, Organisation)> {
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
    let client = &client.in_turn().await?;
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
    let client = &client.in_turn().await?;
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

/// The admin vouches for an account for `duration` from now, with that account's consent; to renew a
/// credential none is needed.
pub async fn credential(
    client: &Client,
    account: &AccountId,
    role: ClinicianRole,
    duration: Moment,
    consent: Option<&CredentialFile>,
) -> Result<Credentialed> {
    let (organisation, _) = administered(client).await?;
    let now = client.clock().await?;
    let valid_until = now.saturating_add(duration);
    let consent = match consent {
        Some(file) => {
            let genesis = client.chain.genesis();
            ensure_no_patients(&client.salus().await?, account).await?;
            Some(file.verify(&genesis, organisation, account, role, now)?)
        }
        None => {
            let row = client.salus().await?.clinician(account).await?;
            ensure_renews(row.as_ref(), organisation, account, role, now)?;
            None
        }
    };
    let call = calls::members::credential(account, role, valid_until, consent.as_ref());
    let submitted = client.submit(&call).await?;
    Ok(Credentialed {
        account: account.to_string(),
        organisation,
        role: Some(role),
        valid_until: Some(valid_until),
        receipt: (&submitted).into(),
    })
}

/// Nobody is credentialed who has not said yes to it, to this organisation and in this role.
fn ensure_renews(
    row: Option<&Clinician>,
    organisation: OrgId,
    account: &AccountId,
    role: ClinicianRole,
    now: Moment,
) -> Result<()> {
    let renews = |row: &&Clinician| {
        row.organisation == organisation && row.role == role && now < row.valid_until
    };
    match row.filter(renews) {
        Some(_) => Ok(()),
        None => Err(Error::NotPermitted(format!(
            "{account} has not consented: that person runs `salus consent credential --organisation {organisation} --role {} --out FILE`, and you name the file with --consent",
            format!("{role:?}").to_lowercase()
        ))),
    }
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
    use super::*;
    use crate::keys::AccountKey;

    #[test]
    fn only_a_renewal_goes_without_a_consent() {
        let account = AccountKey::from_uri("//Bob").unwrap().account();
        let row = Clinician {
            organisation: 2,
            role: ClinicianRole::Nurse,
            credentialed_at: 0,
            valid_until: 5,
            suspended_at: None,
        };
        let nurse = ClinicianRole::Nurse;
        assert!(ensure_renews(Some(&row), 2, &account, nurse, 4).is_ok());
        for (row, organisation, role, now) in [
            (None, 2, nurse, 4),
            (Some(&row), 3, nurse, 4),
            (Some(&row), 2, ClinicianRole::Service, 4),
            (Some(&row), 2, nurse, 5),
        ] {
            let error = ensure_renews(row, organisation, &account, role, now).unwrap_err();
            let told = error.to_string();
            let role = format!("{role:?}").to_lowercase();
            let command = format!("consent credential --organisation {organisation} --role {role}");
            assert!(told.contains(&command), "{told}");
        }
    }
}
