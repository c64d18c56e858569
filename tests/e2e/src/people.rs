//! How people come into a consortium: nobody is named who has not consented.

use salus_client::{
    actions::{
        consents::{self, RoleFile},
        identity, organisation, Client,
    },
    keys::AccountKey,
};
use salus_primitives::{
    rows::{DAY, HOUR},
    ClinicianRole, ControllerRole, OrgId, PatientId,
};

/// An admin credentials the account of this key, which consents.
pub async fn credential(
    admin: &Client,
    organisation: OrgId,
    key: &AccountKey,
    role: ClinicianRole,
) -> salus_client::Result<organisation::Credentialed> {
    // Later than the block that the account may just have left another organisation in.
    let (genesis, now) = (admin.chain.genesis(), admin.clock().await? + 1);
    let consent = consents::credential(key, genesis, organisation, role, now, HOUR)?;
    organisation::credential(admin, &key.account(), role, 365 * DAY, Some(&consent)).await
}

/// The same, and the account publishes its key.
pub async fn employ(
    admin: &Client,
    organisation: OrgId,
    person: &Client,
    role: ClinicianRole,
) -> salus_client::Result<()> {
    credential(admin, organisation, &person.key, role).await?;
    identity::publish(person).await?;
    Ok(())
}

/// This person's word that they take a role for a patient, with an account for it.
pub async fn takes_role(person: &Client, patient: PatientId, role: ControllerRole) -> RoleFile {
    let now = person.clock().await.expect("the node answers");
    let genesis = person.chain.genesis();
    let own = person
        .profile
        .unlock("")
        .expect("it is not protected")
        .account;
    let key = person.profile.key_for(&own, &patient);
    let key = key.expect("the folder is ours");
    consents::role(&key, genesis, patient, role, now, HOUR).expect("an hour is not too long")
}
