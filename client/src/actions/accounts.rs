//! The accounts of a phrase: its own, and one for each patient that it acts for.

use salus_primitives::PatientId;
use serde::Serialize;

use super::{joining, Client};
use crate::error::Result;
use crate::keys::GAP;

/// An account that acts, or has acted, for a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundAccount {
    /// Such as `//patient//3`, after the phrase.
    pub path: String,
    pub account: String,
    /// For whom it acts now; nobody, if its roles have ended.
    pub patients: Vec<String>,
}

/// How an account is derived from the phrase.
pub fn path(number: u32) -> String {
    format!("//patient//{number}")
}

/// As [`Client::acting_for`], on a device where the phrase was brought back too: there it looks for the
/// patient's account first.
pub async fn acting_for(client: Client, patient: PatientId) -> Result<Client> {
    let accounts = client.profile.accounts()?;
    if accounts.are_unknown() && accounts.number(&patient).is_none() {
        find(&client).await?;
    }
    client.acting_for(patient)
}

/// Looks for the accounts of this profile's phrase that act for patients: what to do on a new device
/// that has nothing but the phrase. It stops after [`GAP`] in a row that were never used.
///
/// The node that is asked sees that these accounts are one person's: ask one that you trust.
pub async fn find(client: &Client) -> Result<Vec<FoundAccount>> {
    let salus = client.salus().await?;
    let mut found = Vec::new();
    let mut known: Vec<(PatientId, u32)> = Vec::new();
    let (mut number, mut next) = (0, 0);
    while number < next + GAP {
        let account = client.own.for_patient(number).account();
        let patients = salus.all_controlled_by(&account).await?;
        // One whose roles have ended is not used for anybody else.
        let used = !patients.is_empty() || client.chain.next_nonce(&account).await? > 0;
        if used {
            next = number + 1;
            found.push(FoundAccount {
                path: path(number),
                account: account.to_string(),
                patients: patients.iter().map(PatientId::to_string).collect(),
            });
            known.extend(patients.into_iter().map(|patient| (patient, number)));
        }
        number += 1;
    }
    client.profile.update_accounts(|accounts| {
        for (patient, number) in &known {
            accounts.assign(patient, *number);
        }
        accounts.found(next);
        Ok(())
    })?;
    for (patient, _) in &known {
        joining::recognise(client, &salus, *patient).await?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use salus_primitives::Participation;

    use super::*;
    use crate::actions::double::World;
    use crate::actions::PAGE;

    const PATIENTS: [PatientId; 2] = [PatientId([1; 16]), PatientId([2; 16])];

    /// Accounts 2 and 9 act for somebody, account 4 has acted once.
    fn used() -> World {
        let world = World::at(None);
        for number in 0..40 {
            let account = world.client.own.for_patient(number).account();
            let patients = match number {
                2 => vec![PATIENTS[0]],
                9 => vec![PATIENTS[1]],
                _ => Vec::new(),
            };
            let page = (&account, None::<PatientId>, PAGE);
            for patient in &patients {
                let part: Option<Participation> = None;
                world.node.tell("participation", patient, part);
                let page = (&account, Some(*patient), PAGE);
                world
                    .node
                    .tell("controlled_by", page, Vec::<PatientId>::new());
            }
            world.node.tell("controlled_by", page, patients);
            world
                .node
                .count(&account.to_string(), u64::from(number == 4));
        }
        world
    }

    #[tokio::test]
    async fn all_accounts_of_a_phrase_are_found_up_to_a_gap() {
        let world = used();
        world.client.profile.note_imported().unwrap();
        let found = find(&world.client).await.unwrap();
        assert!(!world.client.profile.accounts().unwrap().are_unknown());
        let paths: Vec<&str> = found.iter().map(|row| row.path.as_str()).collect();
        assert_eq!(paths, ["//patient//2", "//patient//4", "//patient//9"]);
        assert_eq!(found[0].patients, [PATIENTS[0].to_string()]);
        assert!(found[1].patients.is_empty());
        // Neither one that acts nor one that has acted is taken again.
        let profile = &world.client.profile;
        let new = PatientId([3; 16]);
        let key = |patient| profile.key_for(&world.client.own, patient).unwrap();
        let expected = |number| world.client.own.for_patient(number).account();
        assert_eq!(key(&PATIENTS[0]).account(), expected(2));
        assert_eq!(key(&PATIENTS[1]).account(), expected(9));
        assert_eq!(key(&new).account(), expected(10));
    }

    #[tokio::test]
    async fn a_phrase_that_was_brought_back_finds_its_account_by_itself_once() {
        let world = used();
        world.client.profile.note_imported().unwrap();
        let client = acting_for(world.client, PATIENTS[0]).await.unwrap();
        assert_eq!(client.me(), client.own.for_patient(2).account());
        let asked = world.node.asked().len();
        let client = acting_for(client, PatientId([5; 16])).await.unwrap();
        assert_eq!(client.me(), client.own.account());
        assert_eq!(world.node.asked().len(), asked);
    }

    #[tokio::test]
    async fn a_client_acts_for_each_patient_with_that_patients_account() {
        let world = used();
        find(&world.client).await.unwrap();
        let own = world.client.me();
        let client = world.client.acting_for(PATIENTS[0]).unwrap();
        assert_eq!(client.me(), client.own.for_patient(2).account());
        let client = client.acting_for(PATIENTS[1]).unwrap();
        assert_eq!(client.me(), client.own.for_patient(9).account());
        // Somebody else's patient is met with one's own account.
        let client = client.acting_for(PatientId([5; 16])).unwrap();
        assert_eq!(client.me(), own);
        let accounts = client.accounts().unwrap();
        assert_eq!(accounts.len(), 3);
    }
}
