//! What admins do: admit and suspend organisations, credential clinicians, publish keys.

use salus_primitives::{AccountId, ClinicianRole, Moment, OrgId, OrganisationKind, Subject};
use serde::Serialize;

use super::Person;
use crate::{
    chain::{calls, Call, Submitted},
    error::{Error, Result},
    keyring::Own,
};

#[derive(Debug, Serialize)]
pub struct OrganisationRow {
    pub organisation: OrgId,
    pub name: String,
    pub kind: OrganisationKind,
    pub admin: String,
    pub vault_url: String,
    pub active: bool,
}

#[derive(Debug, Serialize)]
pub struct ClinicianRow {
    pub account: String,
    pub organisation: OrgId,
    pub role: ClinicianRole,
    pub valid_until: Moment,
    pub active: bool,
}

/// What a motion came to.
#[derive(Debug, Serialize)]
pub struct Motion {
    /// Decided by this vote; else the other members must vote too.
    pub decided: bool,
    pub organisation: Option<OrgId>,
}

impl Person {
    pub async fn organisations(&self) -> Result<Vec<OrganisationRow>> {
        let rows = self.salus().await?.all_organisations().await?;
        Ok(rows
            .into_iter()
            .map(|(organisation, row)| OrganisationRow {
                organisation,
                name: String::from_utf8_lossy(&row.name).into_owned(),
                kind: row.kind,
                admin: row.admin.to_string(),
                vault_url: String::from_utf8_lossy(&row.vault_url).into_owned(),
                active: row.suspended_at.is_none(),
            })
            .collect())
    }

    /// Proposes to the council. More than half of the members in favour decide.
    async fn motion(&self, call: &Call) -> Result<(Motion, Submitted)> {
        let members = self.organisations().await?.iter().filter(|o| o.active).count() as u32;
        let done = self
            .chain
            .propose(&self.account, members / 2 + 1, call)
            .await?;
        let executed = done.event("Council", "Executed");
        if let Some(event) = executed {
            let result = &event.fields["result"];
            if result.get("Ok").is_none() && result != "Ok" {
                return Err(Error::Motion(result.to_string()));
            }
        }
        let organisation = done
            .events
            .iter()
            .find(|event| event.pallet == "Members")
            .and_then(|event| event.fields["organisation"].as_u64())
            .map(|number| number as OrgId);
        Ok((
            Motion {
                decided: executed.is_some(),
                organisation,
            },
            done,
        ))
    }

    pub async fn admit(
        &self,
        admin: &AccountId,
        kind: OrganisationKind,
        name: &str,
        vault_url: &str,
    ) -> Result<Motion> {
        let call = calls::members::admit(admin, kind, name, vault_url)?;
        Ok(self.motion(&call).await?.0)
    }

    pub async fn suspend_organisation(&self, organisation: OrgId) -> Result<Motion> {
        Ok(self.motion(&calls::members::suspend(organisation)).await?.0)
    }

    pub async fn reinstate_organisation(&self, organisation: OrgId) -> Result<Motion> {
        Ok(self
            .motion(&calls::members::reinstate(organisation))
            .await?
            .0)
    }

    /// Changes what one's own organisation says of itself; what is not given stays.
    pub async fn set_profile(&self, name: Option<&str>, vault_url: Option<&str>) -> Result<()> {
        let salus = self.salus().await?;
        let organisation = self.member(&salus).await?.organisation();
        let row = salus
            .organisation(organisation)
            .await?
            .ok_or(Error::NoVault(organisation))?;
        let old_name = String::from_utf8_lossy(&row.name).into_owned();
        let old_url = String::from_utf8_lossy(&row.vault_url).into_owned();
        let call = calls::members::set_profile(
            name.unwrap_or(&old_name),
            vault_url.unwrap_or(&old_url),
        )?;
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    pub async fn credential(
        &self,
        account: &AccountId,
        role: ClinicianRole,
        valid_until: Moment,
    ) -> Result<()> {
        let call = calls::members::credential(account, role, valid_until);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    pub async fn suspend_clinician(&self, account: &AccountId) -> Result<()> {
        let call = calls::members::suspend_clinician(account);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    pub async fn reinstate_clinician(&self, account: &AccountId) -> Result<()> {
        let call = calls::members::reinstate_clinician(account);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    pub async fn end_credential(&self, account: &AccountId) -> Result<()> {
        let call = calls::members::end_credential(account);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    pub async fn clinicians(&self, organisation: OrgId) -> Result<Vec<ClinicianRow>> {
        let now = super::now();
        let rows = self.salus().await?.all_clinicians(organisation).await?;
        Ok(rows
            .into_iter()
            .map(|(account, row)| ClinicianRow {
                account: account.to_string(),
                organisation: row.organisation,
                role: row.role,
                valid_until: row.valid_until,
                active: row.suspended_at.is_none() && now < row.valid_until,
            })
            .collect())
    }

    /// Publishes a new key for this account, or for the organisation it is admin of. Old keys stay
    /// in the profile and still open what came before. Returns the key's epoch.
    pub async fn publish(&self, own: Own) -> Result<u32> {
        let salus = self.salus().await?;
        let subject = match own {
            Own::Account => Subject::Account(self.id()),
            Own::Organisation(organisation) => Subject::Organisation(organisation),
        };
        let epoch = match salus.recipient(&subject).await? {
            Some(found) => found.recipient.epoch + 1,
            None => 0,
        };
        let mut identities = self.profile.identities(&self.device)?;
        let key = identities.prepare(own, epoch);
        self.profile
            .save_identities(&identities, &self.device.public())?;
        let genesis = self.chain.genesis();
        let recipient = self
            .account
            .sign_recipient(&subject, &key, epoch, &genesis);
        let call = match own {
            Own::Account => calls::members::publish_recipient(&recipient),
            Own::Organisation(_) => calls::members::publish_organisation_recipient(&recipient),
        };
        self.chain.submit(&self.account, &call).await?;
        Ok(epoch)
    }
}
