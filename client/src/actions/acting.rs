//! Software that acts for a person: it signs, and seals the person.
//!
//! The chain sees the organisation's account and a seal ([`salus_primitives::seal`]). What makes the
//! seal lies in the grant's envelope, and is fetched once for each grant.

use salus_primitives::{
    api::GrantView, AccountId, ClinicianRole, GrantIndex, Grantee, Member, PatientId,
};
use sp_core::H256;

use super::opening::seal_key;
use super::Client;
use crate::chain::Salus;
use crate::error::{Error, Result};
use crate::files::seal::SealKey;
use crate::vault::Session;

/// For whom this client acts: none where a person signs. Errors where software names nobody, or a
/// person somebody, or where the person is none of the organisation's.
pub(super) async fn person(client: &Client, salus: &Salus) -> Result<Option<AccountId>> {
    let member = client.standing(salus).await?;
    let theirs = match &client.person {
        Some(person) => salus.member(person).await?,
        None => None,
    };
    ensure_may_act(member.as_ref(), client.person.as_ref(), theirs.as_ref())?;
    Ok(client.person.clone())
}

fn ensure_may_act(
    signer: Option<&Member>,
    person: Option<&AccountId>,
    theirs: Option<&Member>,
) -> Result<()> {
    let (service, person) = match (signer.filter(|member| member.is_service()), person) {
        (None, None) => return Ok(()),
        (Some(service), Some(person)) => (service, person),
        (Some(_), None) => {
            return Err(Error::Unfit(
                "this account is an organisation's software: name the person for whom it acts with --person".into(),
            ))
        }
        (None, Some(_)) => {
            return Err(Error::Unfit(
                "only an organisation's software acts for others: leave --person out, or use the software's profile".into(),
            ))
        }
    };
    let organisation = service.organisation();
    match theirs {
        Some(Member::Clinician { organisation: own, role })
            if *own == organisation && *role != ClinicianRole::Service =>
        {
            Ok(())
        }
        _ => Err(Error::NotPermitted(format!(
            "{person} is no person of organisation {organisation} in good standing: its admin credentials them with `salus clinician credential`"
        ))),
    }
}

/// The seal of a person under a grant.
pub(super) async fn seal(
    client: &Client,
    salus: &Salus,
    session: &Session<'_>,
    patient: PatientId,
    (grant, view): (GrantIndex, &GrantView),
    person: &AccountId,
) -> Result<H256> {
    let key = key(client, salus, session, patient, (grant, view)).await?;
    sealed(client, &key, grant, person)
}

/// As [`seal`], with what this profile has kept; none if it has not met the grant.
pub(super) fn kept(
    client: &Client,
    patient: PatientId,
    grant: GrantIndex,
    person: &AccountId,
) -> Result<Option<H256>> {
    let key = client.profile.seal_key(&patient, grant, &client.device)?;
    key.map(|key| sealed(client, &key, grant, person))
        .transpose()
}

/// Whether a grant is meant for who acts here, as its envelope says: organisations have several for
/// their people. What cannot be found out fits nobody.
pub(super) async fn fits<'a>(
    client: &'a Client,
    salus: &Salus,
    met: &mut Option<Session<'a>>,
    patient: PatientId,
    (grant, view): (GrantIndex, &GrantView),
) -> bool {
    if matches!(view.grant.grantee, Grantee::Clinician { .. }) {
        return true;
    }
    let found = async {
        if let Some(key) = client.profile.seal_key(&patient, grant, &client.device)? {
            return Ok(key);
        }
        let session = match met {
            Some(session) => &*session,
            None => met.insert(client.session(patient).await?),
        };
        key(client, salus, session, patient, (grant, view)).await
    };
    let me = client.person.clone().unwrap_or_else(|| client.me());
    found
        .await
        .is_ok_and(|key| key.person.is_none_or(|meant| meant == me))
}

async fn key(
    client: &Client,
    salus: &Salus,
    session: &Session<'_>,
    patient: PatientId,
    (grant, view): (GrantIndex, &GrantView),
) -> Result<SealKey> {
    if let Some(key) = client.profile.seal_key(&patient, grant, &client.device)? {
        return Ok(key);
    }
    if let Grantee::Clinician { account, .. } = &view.grant.grantee {
        return Err(Error::NotPermitted(format!(
            "grant {grant} is for {account} in their own name: that person signs, and no software for them"
        )));
    }
    let keys = client.own_keys(salus).await?;
    let key = seal_key(session, patient, grant, &view.envelopes, &keys).await?;
    client
        .profile
        .save_seal_key(grant, &key, &client.device.public())?;
    Ok(key)
}

fn sealed(client: &Client, key: &SealKey, grant: GrantIndex, person: &AccountId) -> Result<H256> {
    match &key.person {
        Some(meant) if meant != person => Err(Error::NotPermitted(format!(
            "grant {grant} is meant for {meant}, and not for {person}: ask the patient for one of their own"
        ))),
        _ => Ok(key.seal(&client.chain.genesis(), grant, person)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(organisation: u32, role: ClinicianRole) -> Member {
        Member::Clinician { organisation, role }
    }

    #[test]
    fn software_acts_for_a_person_of_its_own_organisation_and_for_nobody_else() {
        let account = AccountId::new([1; 32]);
        let service = member(3, ClinicianRole::Service);
        let physician = member(3, ClinicianRole::Physician);
        let acts = |signer: &Member, person: Option<&Member>| {
            ensure_may_act(Some(signer), person.map(|_| &account), person)
        };
        assert!(acts(&service, Some(&physician)).is_ok());
        assert!(acts(&physician, None).is_ok());
        let told = |result: Result<()>| result.unwrap_err().to_string();
        assert!(told(acts(&service, None)).contains("--person"));
        assert!(told(acts(&physician, Some(&physician))).contains("software"));
        for other in [
            member(4, ClinicianRole::Physician),
            member(3, ClinicianRole::Service),
            Member::Admin { organisation: 3 },
        ] {
            let refused = acts(&service, Some(&other));
            assert!(matches!(refused, Err(Error::NotPermitted(_))), "{other:?}");
        }
        let stranger = ensure_may_act(Some(&service), Some(&account), None);
        assert!(matches!(stranger, Err(Error::NotPermitted(_))));
    }

    #[test]
    fn a_grant_that_is_meant_for_one_person_is_used_for_no_other() {
        let world = super::super::double::World::at(None);
        let (doctor, other) = (AccountId::new([1; 32]), AccountId::new([2; 32]));
        let patient = PatientId([1; 16]);
        let key = SealKey::new(patient, [7; 32].into(), Some(doctor.clone()));
        assert!(sealed(&world.client, &key, 3, &doctor).is_ok());
        let refused = sealed(&world.client, &key, 3, &other);
        assert!(matches!(refused, Err(Error::NotPermitted(_))));
        let everybody = SealKey::new(patient, [7; 32].into(), None);
        assert!(sealed(&world.client, &everybody, 3, &other).is_ok());
    }
}
