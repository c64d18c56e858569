//! Sharing with nobody for a while. On the chain it is the end of each grant, and later other grants:
//! no row and no event of its own says that somebody restricts.

use std::collections::BTreeSet;

use rand::{rngs::OsRng, seq::SliceRandom};
use salus_primitives::{
    api::GrantView,
    predicate,
    rows::{DAY, HOUR, SECOND},
    AccountId, Basis, Cid, CompartmentId, Grant, GrantIndex, GrantTerms, Moment, PatientId,
    RecordIndex, Rights, Scope,
};
use serde::Serialize;

use super::identity::{back_up, current_keyring};
use super::records::is_transport;
use super::rights::{each, ensure_decides, live_grants, Failed};
use super::sharing::{ensure_within_role, give, meant, readers, ready, rotate_if_needed};
use super::{grantee_text, Client};
use crate::chain::{calls, Salus};
use crate::error::{Error, Result};
use crate::keyring::Keyring;
use crate::vault::Session;

const MINUTE: Moment = 60 * SECOND;

#[derive(Clone, Debug, Serialize)]
pub struct Restricted {
    pub patient: String,
    /// Grants that were ended now.
    pub ended: Vec<GrantIndex>,
    /// Grants that go on. The same call again tries it again.
    pub failed: Vec<Failed>,
    /// Whether the vault's keyring, and so the patient's other devices, know of it.
    pub saved: bool,
}

/// Ends all grants at once, and shares nothing until [`lift`]. What was ended is remembered in the
/// keyring alone.
///
/// The grants end first: a vault that does not answer keeps nobody from that. They end in a random
/// order, as [`super::rights::erase_all`] ends them, too.
pub async fn restrict(client: &Client, patient: PatientId) -> Result<Restricted> {
    let client = &client.in_turn().await?;
    ensure_decides(client, patient).await?;
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let mut live = live_grants(&salus, patient, now).await?;
    // A glass is a clinician's, and for a day: it is no patient's to renew. Nor is what a study reads
    // outside of its terms.
    let given = live
        .iter()
        .filter(|(_, grant)| !matches!(grant.basis, Basis::Emergency(_) | Basis::Study(_)))
        .map(|(index, _)| *index)
        .collect::<BTreeSet<_>>();
    let mut keyring = client.keyring(patient)?;
    keyring.restrict(given.clone());
    client.keep(&mut keyring)?;

    let mut failed = Vec::new();
    live.shuffle(&mut OsRng);
    let reached = reached(live.iter().map(|(_, grant)| (grant.rights, &grant.scope)));
    let live: Vec<GrantIndex> = live.into_iter().map(|(index, _)| index).collect();
    let revoke = |grant| calls::consent::revoke(patient, grant);
    let ended = each(client, &live, "grant", revoke, &mut failed).await?;

    let saved = match current_keyring(client, patient).await {
        Ok(mut keyring) => {
            keyring.restrict(given);
            client.keep(&mut keyring)?;
            // As whoever ends a grant does before anything is added: a keyring that changes without it
            // would say that somebody restricts.
            match rotate_if_needed(client, &mut keyring, &reached).await {
                Ok(Some(saved)) => saved,
                Ok(None) => back_up(client, &mut keyring).await,
                Err(error) => {
                    tracing::warn!("what the ended grants know was not locked anew: {error}");
                    back_up(client, &mut keyring).await
                }
            }
        }
        Err(error) => {
            tracing::warn!("your other devices do not know that you restrict, and could share: {error}. Run `salus patient restrict` again later");
            false
        }
    };
    Ok(Restricted {
        patient: patient.to_string(),
        ended,
        failed,
        saved,
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct Lifted {
    pub patient: String,
    pub renewed: Vec<Renewed>,
    /// Grants whose time is over, or of which nothing is left to share.
    pub over: Vec<GrantIndex>,
    /// Grants that could not be given anew, and are not remembered any more.
    pub failed: Vec<Failed>,
    pub saved: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Renewed {
    /// The grant that restricting ended.
    pub was: GrantIndex,
    pub grant: GrantIndex,
    pub grantee: String,
    /// For whom of the organisation it is meant, as the ended one was.
    pub person: Option<String>,
    pub expires_at: Moment,
}

/// Gives anew what [`restrict`] has ended and what of it is still in its time, with fresh envelopes,
/// and lets share again. Called again after it broke off, it goes on where it was, and gives nothing
/// twice.
pub async fn lift(client: &Client, patient: PatientId) -> Result<Lifted> {
    let client = &client.in_turn().await?;
    ensure_decides(client, patient).await?;
    let mut keyring = current_keyring(client, patient).await?;
    if keyring.restricted().is_none() {
        return Err(Error::Unfit(format!(
            "patient {patient} is not restricted: `salus share` gives access"
        )));
    }
    let mut session = None;
    let mut renewed = given_before(client, &mut keyring, &mut session).await?;
    let ended = keyring.restricted().cloned().unwrap_or_default();
    let salus = client.salus().await?;
    let now = client.clock().await?;
    let there = There::of(&salus, patient, now).await?;
    let mut over = Vec::new();
    let mut due = Vec::new();
    for index in ended {
        let view = salus.grant(patient, index).await?;
        let renewed = view.and_then(|view| Some((renewal(&view.grant, &there, now)?, view)));
        match renewed {
            Some((terms, view)) => due.push((index, terms, view)),
            None => {
                keyring.forget_ended(index);
                over.push(index);
            }
        }
    }
    // What a grant that is over knows is not to open what comes: all at once, before any new grant.
    let reached = reached(due.iter().map(|(_, terms, _)| (terms.rights, &terms.scope)));
    rotate_if_needed(client, &mut keyring, &reached).await?;
    due.shuffle(&mut OsRng);

    let role = salus.controller(patient, &client.me()).await?;
    let mut failed = Vec::new();
    for (index, terms, view) in due {
        let given = async {
            ensure_within_role(role.as_ref(), terms.expires_at)?;
            // For whom it was meant the chain does not say; the envelope does.
            let person = meant(client, &mut session, &keyring, index, &view).await?;
            let person = person.as_ref();
            let readers = readers(client, &salus, &terms.grantee, person).await?;
            let ready = ready(client, &keyring, &terms, person, &readers).await?;
            // Before the chain hears of it, so that it is not given twice.
            keyring.note_given(index, &ready.envelope);
            client.keep(&mut keyring)?;
            let given = give(client, ready, None).await?;
            Ok((given, person.cloned()))
        }
        .await;
        match given {
            Ok((given, person)) => renewed.push(Renewed {
                was: index,
                grant: given.grant,
                grantee: grantee_text(&terms.grantee),
                person: person.as_ref().map(AccountId::to_string),
                expires_at: terms.expires_at,
            }),
            Err(error) if is_passing(&error) => return Err(error),
            Err(error) => failed.push(Failed {
                what: format!("grant {index}"),
                why: error.to_string(),
            }),
        }
        keyring.forget_ended(index);
        client.keep(&mut keyring)?;
    }
    keyring.lift();
    client.keep(&mut keyring)?;
    let saved = back_up(client, &mut keyring).await;
    Ok(Lifted {
        patient: patient.to_string(),
        renewed,
        over,
        failed,
        saved,
    })
}

/// What an attempt that broke off has given already, which is forgotten as ended.
async fn given_before<'a>(
    client: &'a Client,
    keyring: &mut Keyring,
    session: &mut Option<Session<'a>>,
) -> Result<Vec<Renewed>> {
    let given: Vec<(GrantIndex, Cid)> = keyring.given().collect();
    if given.is_empty() {
        return Ok(Vec::new());
    }
    client.chain.settled(&client.me()).await?;
    let grants = client.salus().await?.all_grants(keyring.patient()).await?;
    let mut renewed = Vec::new();
    for (was, envelope) in given {
        let has = |(_, view): &&(GrantIndex, GrantView)| view.envelopes.contains(&envelope);
        let Some((index, view)) = grants.iter().find(has) else {
            continue;
        };
        // It is told where it can be; the grant stands all the same.
        let person = meant(client, session, keyring, *index, view).await;
        renewed.push(Renewed {
            was,
            grant: *index,
            grantee: grantee_text(&view.grant.grantee),
            person: person.ok().flatten().as_ref().map(AccountId::to_string),
            expires_at: view.grant.expires_at,
        });
        keyring.forget_ended(was);
    }
    client.keep(keyring)?;
    Ok(renewed)
}

/// The compartments whose keys such grants know.
fn reached<'a>(grants: impl Iterator<Item = (Rights, &'a Scope)>) -> Vec<CompartmentId> {
    let reading = grants.filter(|(rights, _)| rights.read());
    let ids: BTreeSet<CompartmentId> = reading
        .flat_map(|(_, scope)| match scope {
            Scope::Compartments(ids) => ids.to_vec(),
            Scope::Records(_) => Vec::new(),
        })
        .collect();
    ids.into_iter().collect()
}

/// Whether the same call may succeed later.
fn is_passing(error: &Error) -> bool {
    use crate::chain::ChainError;

    is_transport(error)
        || matches!(
            error,
            Error::Chain(ChainError::Rejected { .. } | ChainError::Expired { .. })
        )
}

/// What of a chart can be shared.
struct There {
    compartments: BTreeSet<CompartmentId>,
    records: BTreeSet<RecordIndex>,
}

impl There {
    async fn of(salus: &Salus, patient: PatientId, now: Moment) -> Result<Self> {
        let compartments = salus.compartments(patient).await?;
        let records = salus.all_records(patient).await?;
        Ok(Self {
            compartments: compartments.into_iter().map(|(id, _)| id).collect(),
            records: records
                .into_iter()
                .filter(|(_, record)| !record.is_erased(now))
                .map(|(index, _)| index)
                .collect(),
        })
    }
}

/// The terms on which a grant that was ended is given anew; none if nothing is left of it.
fn renewal(grant: &Grant, there: &There, now: Moment) -> Option<GrantTerms> {
    let rest = grant.expires_at.checked_sub(now)?;
    let (starts_at, expires_at) = match grant.starts_at > now {
        true => (Some(grant.starts_at), grant.expires_at),
        false => (None, now.saturating_add(as_typed(rest)?)),
    };
    let scope = match &grant.scope {
        Scope::Compartments(ids) => {
            let mut ids = ids.clone();
            ids.retain(|id| there.compartments.contains(id));
            Scope::Compartments(ids)
        }
        Scope::Records(records) => {
            let mut records = records.clone();
            records.retain(|index| there.records.contains(index));
            Scope::Records(records)
        }
    };
    // Who may only write needs no scope, and has none.
    predicate::fits_rights(&scope, grant.rights).then(|| GrantTerms {
        grantee: grant.grantee.clone(),
        scope,
        rights: grant.rights,
        purpose: grant.purpose,
        starts_at,
        expires_at,
        anchored_from: grant.anchored_from,
        anchored_until: grant.anchored_until,
        terms: grant.terms,
        flags: grant.flags,
        derived_from: None,
    })
}

/// So long a grant is given that somebody types: whole days, or hours, minutes or seconds where fewer
/// are left. An odd rest would tell that it is one given anew.
fn as_typed(rest: Moment) -> Option<Moment> {
    [DAY, HOUR, MINUTE, SECOND]
        .into_iter()
        .find(|unit| rest >= *unit)
        .map(|unit| rest - rest % unit)
}

#[cfg(test)]
mod tests {
    use salus_primitives::{
        api::CompartmentView, Controller, ControllerRole, Grantee, Purpose, Record, Rights,
    };

    use super::*;
    use crate::actions::double::{Chart, World, NOW};
    use crate::actions::sharing::{self, Sharing, What, Who};
    use crate::actions::PAGE;
    use crate::keyring::Label;
    use crate::taxonomy::Category;
    use crate::vault::tests::PATIENT;

    const LABORATORY: CompartmentId = CompartmentId([1; 16]);
    const CLOSED: CompartmentId = CompartmentId([2; 16]);

    fn grant(expires_at: Moment, basis: Basis) -> Grant {
        Grant {
            grantee: Grantee::Organisation(3),
            scope: Scope::Compartments(vec![LABORATORY, CLOSED].try_into().unwrap()),
            rights: Rights::Read,
            purpose: Purpose::Treat,
            starts_at: 0,
            expires_at,
            anchored_from: Some(5),
            anchored_until: None,
            granted_by: [9; 32].into(),
            granted_at: 0,
            revoked_at: None,
            terms: None,
            flags: 0,
            derived_from: None,
            basis,
            rule_version: 1,
        }
    }

    fn there() -> There {
        There {
            compartments: [LABORATORY].into(),
            records: [4].into(),
        }
    }

    #[test]
    fn a_grant_is_given_anew_for_what_is_left_of_it_in_whole_days() {
        let now = 10 * DAY;
        let renewed = |expires_at| renewal(&grant(expires_at, Basis::Direct), &there(), now);
        let terms = renewed(now + 30 * DAY - 1).unwrap();
        assert_eq!(terms.expires_at, now + 29 * DAY);
        assert_eq!((terms.starts_at, terms.anchored_from), (None, Some(5)));
        assert_eq!(
            terms.scope,
            Scope::Compartments(vec![LABORATORY].try_into().unwrap())
        );
        assert_eq!(
            renewed(now + 2 * HOUR + 7).unwrap().expires_at,
            now + 2 * HOUR
        );
        assert_eq!(renewed(now + SECOND - 1), None);
        assert_eq!(renewed(now), None);
        assert_eq!(renewed(now - 1), None);
    }

    #[test]
    fn a_grant_that_is_to_begin_later_keeps_its_time_and_one_of_nothing_is_over() {
        let mut later = grant(3 * DAY + 1, Basis::Direct);
        later.starts_at = 2 * DAY + 1;
        let terms = renewal(&later, &there(), DAY).unwrap();
        assert_eq!(
            (terms.starts_at, terms.expires_at),
            (Some(2 * DAY + 1), 3 * DAY + 1)
        );
        later.scope = Scope::Records(vec![4, 6].try_into().unwrap());
        let terms = renewal(&later, &there(), DAY).unwrap();
        assert_eq!(terms.scope, Scope::Records(vec![4].try_into().unwrap()));
        later.scope = Scope::Records(vec![6].try_into().unwrap());
        assert_eq!(renewal(&later, &there(), DAY), None);
        later.scope = Scope::Compartments(Default::default());
        later.rights = Rights::Write;
        let terms = renewal(&later, &there(), DAY).unwrap();
        assert_eq!(terms.scope, later.scope, "who only writes has no scope");
    }

    /// Alice decides for a patient who has these grants, of which 1 was broken with a glass.
    fn world(role: ControllerRole) -> World {
        let world = World::at(None);
        let row = Controller {
            role,
            expires_at: None,
        };
        let (node, me) = (&world.node, world.client.me());
        node.tell("controller", (PATIENT, me), Some(row));
        let view = |basis, revoked_at| GrantView {
            grant: Grant {
                revoked_at,
                ..grant(NOW + DAY, basis)
            },
            active: revoked_at.is_none(),
            envelopes: Vec::new(),
        };
        let grants = vec![
            (0u32, view(Basis::Direct, None)),
            (1, view(Basis::Emergency(0), None)),
            (2, view(Basis::Direct, Some(NOW - 1))),
        ];
        node.tell("grants", (PATIENT, 0u32, PAGE), grants);
        let none: Vec<(GrantIndex, GrantView)> = Vec::new();
        node.tell("grants", (PATIENT, 3u32, PAGE), none);
        world.name_keyring(None);
        let mut keyring = Keyring::new(PATIENT);
        keyring
            .add_holder("here", &world.client.device.public())
            .unwrap();
        world.client.profile.save_keyring(&mut keyring).unwrap();
        world
    }

    fn kept(world: &World) -> Keyring {
        world.client.keyring(PATIENT).unwrap()
    }

    #[tokio::test]
    async fn what_restricting_ends_is_remembered_before_anything_ends_and_nothing_is_shared() {
        let world = world(ControllerRole::Owner);
        // The connection breaks with the first end.
        restrict(&world.client, PATIENT).await.unwrap_err();
        assert!(world
            .node
            .asked()
            .contains(&"system_accountNextIndex".to_owned()));
        assert_eq!(kept(&world).restricted(), Some(&BTreeSet::from([0])));

        let sharing = Sharing {
            with: Who::Organisation(3),
            what: What::Categories(vec![Category::LabResult], vec![]),
            rights: Rights::Read,
            purpose: Purpose::Treat,
            duration: DAY,
            starts_at: None,
            anchored_from: None,
            anchored_until: None,
            in_own_name: false,
        };
        let told = sharing::share(&world.client, PATIENT, &sharing)
            .await
            .unwrap_err();
        assert!(told.to_string().contains("`salus patient lift`"), "{told}");
    }

    #[tokio::test]
    async fn who_does_not_decide_restricts_nothing() {
        let world = world(ControllerRole::Carer);
        let told = restrict(&world.client, PATIENT).await.unwrap_err();
        assert!(matches!(told, Error::NotPermitted(_)), "{told}");
        let told = lift(&world.client, PATIENT).await.unwrap_err();
        assert!(matches!(told, Error::NotPermitted(_)), "{told}");
        assert_eq!(kept(&world).restricted(), None);
    }

    #[tokio::test]
    async fn lifting_what_is_over_grants_nothing_and_lets_share_again() {
        let world = world(ControllerRole::Owner);
        let told = lift(&world.client, PATIENT).await.unwrap_err();
        assert!(told.to_string().contains("not restricted"), "{told}");

        let mut keyring = kept(&world);
        keyring.restrict([0]);
        world.client.profile.save_keyring(&mut keyring).unwrap();
        let node = &world.node;
        let view = GrantView {
            grant: grant(NOW, Basis::Direct),
            active: false,
            envelopes: Vec::new(),
        };
        node.tell("grant", (PATIENT, 0u32), Some(view));
        let none: Vec<(CompartmentId, CompartmentView)> = Vec::new();
        node.tell("compartments", PATIENT, none);
        let none: Vec<(RecordIndex, Record)> = Vec::new();
        node.tell("records", (PATIENT, 0u32, PAGE), none);
        // No vault has the keyring, so the other devices are told later.
        let none: Vec<salus_primitives::OrgId> = Vec::new();
        node.tell("keepers", PATIENT, none);
        let lifted = lift(&world.client, PATIENT).await.unwrap();
        assert_eq!((lifted.over, lifted.renewed.len()), (vec![0], 0));
        assert!(!lifted.saved);
        assert_eq!(kept(&world).restricted(), None);
    }

    fn laboratory(keyring: &Keyring) -> CompartmentId {
        keyring.find(&Label::of(Category::LabResult)).unwrap()
    }

    #[tokio::test]
    async fn what_a_study_or_a_clinician_reads_ends_and_is_not_given_anew() {
        let mut keyring = Keyring::new(PATIENT);
        let id = [laboratory(&keyring)];
        let bases = [Basis::Direct, Basis::Emergency(0), Basis::Study(0)];
        let grants = bases.map(|basis| (&id[..], basis));
        let chart = Chart::with(&grants, &mut keyring).await;
        let done = restrict(&chart.world.client, PATIENT).await.unwrap();
        assert_eq!(done.ended.len(), 3);
        assert!(chart.grants().iter().all(|view| !view.active));
        assert_eq!(chart.kept().restricted(), Some(&BTreeSet::from([0])));
        let lifted = lift(&chart.world.client, PATIENT).await.unwrap();
        assert_eq!(lifted.renewed.len(), 1);
        assert_eq!(chart.grants().len(), 4);
    }

    #[tokio::test]
    async fn restricting_gives_new_keys_and_saves_the_keyring_once() {
        let mut keyring = Keyring::new(PATIENT);
        let id = laboratory(&keyring);
        let scope = [id];
        let chart = Chart::with(&[(&scope, Basis::Direct)], &mut keyring).await;
        let done = restrict(&chart.world.client, PATIENT).await.unwrap();
        assert!(done.saved);
        assert_eq!(chart.compartment(&id).compartment.epoch, 1);
        assert!(chart.kept().key(&id, 1).is_ok());
        assert_eq!(chart.taken("Patients.set_keyring"), 1);
        // Who restricts again has nothing to lock anew.
        restrict(&chart.world.client, PATIENT).await.unwrap();
        assert_eq!(chart.compartment(&id).compartment.epoch, 1);
    }

    #[tokio::test]
    async fn lifting_that_breaks_off_goes_on_and_gives_nothing_twice() {
        for (after, is_taken) in [(0, true), (0, false), (1, true), (1, false)] {
            let at = ("Consent.grant", after, is_taken);
            let mut keyring = Keyring::new(PATIENT);
            let scope = [laboratory(&keyring)];
            let grants = [(&scope[..], Basis::Direct), (&scope[..], Basis::Direct)];
            let chart = Chart::with(&grants, &mut keyring).await;
            let client = &chart.world.client;
            restrict(client, PATIENT).await.unwrap();
            chart.cut_off(at, lift(client, PATIENT)).await;
            let lifted = lift(client, PATIENT).await.unwrap();
            let case = format!("{after} {is_taken}");
            let was: BTreeSet<_> = lifted.renewed.iter().map(|row| row.was).collect();
            assert!(lifted.failed.is_empty() && lifted.saved, "{case}");
            let live = chart.grants().iter().filter(|view| view.active).count();
            assert_eq!(live, 2, "{case}");
            let told = 2 - usize::from(after == 1);
            assert!(was.len() >= told, "{case}: {was:?}");
            assert_eq!(chart.kept().restricted(), None);
        }
    }
}
