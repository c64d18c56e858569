//! A person's own keys: the published one, and the keyring of a patient.

use salus_primitives::{Cid, CompartmentId, FormerKeyring, Moment, PatientId, Subject};
use serde::Serialize;

use super::opening::PATIENCE;
use super::records::is_transport;
use super::sharing::{close_rotation, rotate_compartments, Rotated};
use super::{cid, kept, unknown_patient, Client, Receipt};
use crate::chain::{calls, Salus};
use crate::error::{Error, Result};
use crate::files::age::{DecryptionKey, EncryptionKey};
use crate::keyring::{Holder, Keyring, Own};
use crate::vault::{File, Location};

/// Former keyrings that are tried, newest first, where the right one is not known.
const TRIED: usize = 8;

/// A key that others encrypt to, as it was published.
#[derive(Clone, Debug, Serialize)]
pub struct Published {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    pub epoch: u32,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Publishes a new encryption key of this account: envelopes and letters go to it from now on.
pub async fn publish(client: &Client) -> Result<Published> {
    let client = &client.in_turn().await?;
    let subject = Subject::Account(client.me());
    let (epoch, recipient) = next_key(client, &subject, Own::Account).await?;
    let submitted = client
        .submit(&calls::members::publish_recipient(&recipient))
        .await?;
    Ok(Published {
        organisation: None,
        account: Some(client.me().to_string()),
        epoch,
        receipt: (&submitted).into(),
    })
}

/// Makes and saves the next key of a subject, signed by this account. Takes a turn, to its caller's end.
pub(super) async fn next_key(
    client: &Client,
    subject: &Subject,
    own: Own,
) -> Result<(u32, salus_primitives::Recipient)> {
    let present = client.salus().await?.recipient(subject).await?;
    let epoch = present.map_or(0, |present| present.recipient.epoch.saturating_add(1));
    let mut identities = client.profile.identities(&client.device)?;
    let key = identities.prepare(own, epoch);
    client
        .profile
        .save_identities(&identities, &client.device.public())?;
    let recipient = client
        .key
        .sign_recipient(subject, &key, epoch, &client.chain.genesis());
    Ok((epoch, recipient))
}

/// What may be shown of a keyring.
#[derive(Clone, Debug, Serialize)]
pub struct KeyringView {
    pub patient: String,
    pub revision: u64,
    pub holders: Vec<Holder>,
    pub compartments: Vec<KeptCompartment>,
    pub inbox_epochs: Vec<u32>,
}

#[derive(Clone, Debug, Serialize)]
pub struct KeptCompartment {
    pub id: String,
    pub label: String,
    pub epochs: Vec<u32>,
}

pub fn view(keyring: &Keyring) -> KeyringView {
    KeyringView {
        patient: keyring.patient().to_string(),
        revision: keyring.revision(),
        holders: keyring.holders().to_vec(),
        compartments: keyring
            .compartments()
            .map(|(id, compartment)| KeptCompartment {
                id: id.to_string(),
                label: compartment.label.to_string(),
                epochs: compartment.epochs.numbers(),
            })
            .collect(),
        inbox_epochs: keyring.inbox().numbers(),
    }
}

/// A keyring in the vault, named on the chain.
#[derive(Clone, Debug, Serialize)]
pub struct SavedKeyring {
    pub patient: String,
    pub revision: u64,
    pub cid: String,
    pub holders: Vec<Holder>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Puts the keyring, sealed to its holders, into the vault, and names it on the chain. What another
/// device has saved since is joined first; if it has other holders, nothing is saved, so that none
/// comes back or is lost unseen.
pub async fn save_keyring(client: &Client, keyring: &mut Keyring) -> Result<SavedKeyring> {
    let patient = keyring.patient();
    let holders = keyring.holders().to_vec();
    if catch_up(client, keyring).await? {
        client.keep(keyring)?;
        if keyring.holders() != holders {
            return Err(Error::Unfit(
                "another device has changed meanwhile who opens the keyring, and nothing was overwritten: look at `salus keyring show`, and do it again".into(),
            ));
        }
    }
    let object = keyring.to_object(&client.place(patient))?;
    let session = client.session(patient).await?;
    client.upload(&session, &object).await?;
    let submitted = client
        .submit(&calls::patients::set_keyring(patient, object.cid()))
        .await?;
    keyring.base_on(&object.cid());
    client.profile.note_keyring(keyring, &client.device)?;
    Ok(SavedKeyring {
        patient: patient.to_string(),
        revision: keyring.revision(),
        cid: cid(&object.cid()),
        holders: keyring.holders().to_vec(),
        receipt: (&submitted).into(),
    })
}

/// Puts this profile's keyring into the vault, joined with what other devices have added there or
/// destroyed: what lies there is overwritten unseen only if no vault has it any more.
pub async fn save_own_keyring(client: &Client, patient: PatientId) -> Result<SavedKeyring> {
    let client = &client.in_turn().await?;
    let mut keyring = client.keyring(patient)?;
    match catch_up(client, &mut keyring).await {
        Ok(_) => {}
        Err(Error::KeyringUnseen(error)) if is_gone(&error) => {
            if let Some(content) = named(client, patient).await? {
                keyring.base_on(&content);
            }
        }
        Err(error) => return Err(error),
    }
    client.keep(&mut keyring)?;
    save_keyring(client, &mut keyring).await
}

/// Whether the vaults say that they have no such thing.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Vault(error) if error.is_not_found())
}

/// As [`save_keyring`], after a change that has succeeded already: a failure is told, not returned.
pub(super) async fn back_up(client: &Client, keyring: &mut Keyring) -> bool {
    match save_keyring(client, keyring).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(
                "the keyring's copy in the vault is not up to date: {error}. Run `salus keyring save` later"
            );
            false
        }
    }
}

/// A keyring that came from the vault.
#[derive(Clone, Debug, Serialize)]
pub struct FetchedKeyring {
    pub patient: String,
    pub revision: u64,
    pub cid: String,
    /// Whether this profile's copy was older, or missing.
    pub updated: bool,
}

/// Fetches the patient's keyring from the vault, for a device that is one of its holders, and adds
/// what the profile's own lacks.
pub async fn fetch_keyring(client: &Client, patient: PatientId) -> Result<FetchedKeyring> {
    let client = &client.in_turn().await?;
    let salus = client.salus().await?;
    let row = salus
        .patient(patient)
        .await?
        .ok_or_else(|| unknown_patient(patient))?;
    let content = row.keyring.ok_or_else(|| {
        Error::Unfit(format!(
            "no keyring of patient {patient} is in the vault: run `salus keyring save` on a device that has it"
        ))
    })?;
    let device = std::slice::from_ref(&client.device);
    let theirs = published(client, patient, &content, device).await?;
    let ours = client.profile.keyring(&patient, &client.device)?;
    let updated = ours
        .as_ref()
        .is_none_or(|ours| ours.revision() < theirs.revision());
    let mut keyring = join(&salus, ours, theirs, &content).await?;
    client.keep(&mut keyring)?;
    Ok(FetchedKeyring {
        patient: patient.to_string(),
        revision: keyring.revision(),
        cid: cid(&content),
        updated,
    })
}

/// A keyring that was replaced lately, and is kept.
#[derive(Clone, Debug, Serialize)]
pub struct FormerRow {
    pub cid: String,
    pub replaced_by: String,
    /// None where a recovery has put off its end, which would tell.
    pub replaced_at: Option<Moment>,
    /// Vaults keep it until then; none while a recovery is under way.
    pub until: Option<Moment>,
    /// Whether it is the one that this profile had saved or fetched last.
    pub known: bool,
}

/// Which keyrings can be named again, newest first.
pub async fn former_keyrings(client: &Client, patient: PatientId) -> Result<Vec<FormerRow>> {
    let salus = client.salus().await?;
    if salus.patient(patient).await?.is_none() {
        return Err(unknown_patient(patient));
    }
    let ours = client.profile.keyring(&patient, &client.device)?;
    let rows = salus.former_keyrings(patient).await?;
    let now = salus.now().await?;
    let row = |(content, former): (Cid, FormerKeyring)| {
        let (replaced_at, until) = kept(former.until, now);
        FormerRow {
            cid: cid(&content),
            replaced_by: former.replaced_by.to_string(),
            replaced_at,
            until,
            known: ours.as_ref().is_some_and(|ours| ours.is_based_on(&content)),
        }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// A former keyring that is named again.
#[derive(Clone, Debug, Serialize)]
pub struct RestoredKeyring {
    pub patient: String,
    pub cid: String,
    /// Whether this device has fetched and opened it.
    pub verified: bool,
    /// Why not, where no vault could be asked.
    pub unread: Option<String>,
    /// Newer ones that were passed over because this device does not open them.
    pub passed_over: Vec<String>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Names a former keyring again, and fetches it: the one that is named, or the one that this profile
/// knows, or else the newest that this device opens. What it replaces is kept as long.
pub async fn restore_keyring(
    client: &Client,
    patient: PatientId,
    content: Option<Cid>,
) -> Result<RestoredKeyring> {
    let client = &client.in_turn().await?;
    let salus = client.salus().await?;
    if salus.patient(patient).await?.is_none() {
        return Err(unknown_patient(patient));
    }
    let ours = client.profile.keyring(&patient, &client.device)?;
    let formers = salus.former_keyrings(patient).await?;
    let formers = formers.into_iter().map(|(content, _)| content).collect();
    let wanted = to_restore(formers, content, ours.as_ref())?;
    let mut passed_over = Vec::new();
    for former in &wanted {
        let call = calls::patients::restore_keyring(patient, *former);
        let submitted = client.submit(&call).await?;
        let unread = match fetch_restored(client, patient).await {
            Ok(()) => None,
            Err(error) if is_transport(&error) || content.is_some() => Some(error.to_string()),
            Err(error) => {
                passed_over.push(format!("{}: {error}", cid(former)));
                continue;
            }
        };
        return Ok(RestoredKeyring {
            patient: patient.to_string(),
            cid: cid(former),
            verified: unread.is_none(),
            unread,
            passed_over,
            receipt: (&submitted).into(),
        });
    }
    Err(Error::Unfit(format!(
        "this device opens none of the newest keyrings that are kept: name one of `salus keyring restore --list` with --content, or put this profile's own there with `salus keyring save` ({})",
        passed_over.join("; ")
    )))
}

/// What to try, in this order: a thief who replaced it may have done so many times.
fn to_restore(formers: Vec<Cid>, named: Option<Cid>, ours: Option<&Keyring>) -> Result<Vec<Cid>> {
    if formers.is_empty() {
        return Err(Error::Unfit(
            "no former keyring is kept: it was not changed within 72 hours".into(),
        ));
    }
    if let Some(named) = named {
        return match formers.contains(&named) {
            true => Ok(vec![named]),
            false => Err(Error::Unfit(format!(
                "{} is no keyring that is kept: `salus keyring restore --list` shows them",
                cid(&named)
            ))),
        };
    }
    let known = |content: &Cid| ours.is_some_and(|ours| ours.is_based_on(content));
    Ok(match formers.iter().find(|content| known(content)) {
        Some(known) => vec![*known],
        None => formers.into_iter().take(TRIED).collect(),
    })
}

/// Asks again for a while: the vault's node may see the block a moment later.
async fn fetch_restored(client: &Client, patient: PatientId) -> Result<()> {
    let mut waits = PATIENCE.iter();
    loop {
        match fetch_keyring(client, patient).await {
            Err(Error::Vault(_)) if waits.len() > 0 => {
                if let Some(wait) = waits.next() {
                    tokio::time::sleep(*wait).await;
                }
            }
            other => return other.map(|_| ()),
        }
    }
}

/// The keyring in the vault, opened with one of these keys.
pub(super) async fn published(
    client: &Client,
    patient: PatientId,
    content: &Cid,
    keys: &[DecryptionKey],
) -> Result<Keyring> {
    let session = client.session(patient).await?;
    let object = session
        .object(Location::Keyring(patient), content, None, None)
        .await?;
    let sealed = object.read(File::Body).await?;
    let keyring = Keyring::open(keys, &sealed)?;
    match keyring.patient() == patient {
        true => Ok(keyring),
        false => Err(Error::Binding("patient")),
    }
}

/// Ours, with all that the vault's has, which the chain names by this CID.
pub(super) async fn join(
    salus: &Salus,
    ours: Option<Keyring>,
    mut theirs: Keyring,
    content: &Cid,
) -> Result<Keyring> {
    let Some(mut ours) = ours else {
        theirs.base_on(content);
        return Ok(theirs);
    };
    if ours.is_based_on(content) {
        return Ok(ours);
    }
    let views = salus.compartments(ours.patient()).await?;
    ours.merge(theirs, |id, epoch| {
        let (_, view) = views.iter().find(|(known, _)| known == id)?;
        let recipient = &view.recipient.as_ref()?.recipient;
        match recipient.epoch == epoch {
            true => EncryptionKey::from_recipient(recipient).ok(),
            false => None,
        }
    });
    ours.base_on(content);
    Ok(ours)
}

/// What the chain names as the patient's keyring.
async fn named(client: &Client, patient: PatientId) -> Result<Option<Cid>> {
    let row = client.salus().await?.patient(patient).await?;
    Ok(row.and_then(|row| row.keyring))
}

/// Joins what other devices have saved since with it; whether there was anything.
async fn catch_up(client: &Client, keyring: &mut Keyring) -> Result<bool> {
    let patient = keyring.patient();
    let Some(content) = named(client, patient).await? else {
        return Ok(false);
    };
    if keyring.is_based_on(&content) {
        return Ok(false);
    }
    let device = std::slice::from_ref(&client.device);
    let theirs = published(client, patient, &content, device)
        .await
        .map_err(|error| Error::KeyringUnseen(Box::new(error)))?;
    let salus = client.salus().await?;
    *keyring = join(&salus, Some(keyring.clone()), theirs, &content).await?;
    Ok(true)
}

/// The keyring before a change, with what other devices have saved meanwhile. Errs if that cannot be
/// read: a change of what is no longer so would bring back what they have destroyed or shut out.
pub(super) async fn current_keyring(client: &Client, patient: PatientId) -> Result<Keyring> {
    let mut keyring = client.keyring(patient)?;
    catch_up(client, &mut keyring).await?;
    Ok(keyring)
}

/// Who can open the keyring now.
#[derive(Clone, Debug, Serialize)]
pub struct Holders {
    pub patient: String,
    pub revision: u64,
    pub holders: Vec<Holder>,
    /// Whether the vault has it, too.
    pub saved: bool,
}

/// Lets another device open the keyring.
pub async fn add_device(
    client: &Client,
    patient: PatientId,
    name: &str,
    key: &EncryptionKey,
) -> Result<Holders> {
    let client = &client.in_turn().await?;
    let mut keyring = current_keyring(client, patient).await?;
    keyring.add_holder(name, key)?;
    keep_holders(client, keyring).await
}

/// Shuts a device out of later versions of the keyring. What it has seen, it keeps: rotate, too.
pub async fn remove_device(client: &Client, patient: PatientId, name: &str) -> Result<Holders> {
    let client = &client.in_turn().await?;
    let mut keyring = current_keyring(client, patient).await?;
    keyring.remove_holder(name)?;
    keep_holders(client, keyring).await
}

async fn keep_holders(client: &Client, mut keyring: Keyring) -> Result<Holders> {
    client.keep(&mut keyring)?;
    let saved = back_up(client, &mut keyring).await;
    Ok(Holders {
        patient: keyring.patient().to_string(),
        revision: keyring.revision(),
        holders: keyring.holders().to_vec(),
        saved,
    })
}

/// Every key of a patient, made anew.
#[derive(Clone, Debug, Serialize)]
pub struct RotatedKeyring {
    pub patient: String,
    pub rotated: Vec<Rotated>,
    /// Compartments of the chain that are not in the keyring: their keys stay as they are.
    pub missing: Vec<String>,
    pub inbox_epoch: u32,
    /// As [`Rotation::resumed`](super::sharing::Rotation).
    pub resumed: bool,
    pub saved: bool,
}

/// Gives every compartment and the inbox new keys, and re-delivers them to the grants that live:
/// what to do after a device was lost. Called again after it broke off, it goes on where it was.
pub async fn rotate_all(client: &Client, patient: PatientId) -> Result<RotatedKeyring> {
    let client = &client.in_turn().await?;
    let mut keyring = current_keyring(client, patient).await?;
    let views = client.salus().await?.compartments(patient).await?;
    let (ids, missing) = known(&keyring, views.into_iter().map(|(id, _)| id));
    let renewed = rotate_compartments(client, &mut keyring, &ids).await?;
    let inbox_epoch = rotate_inbox(client, &mut keyring).await?;
    let saved = close_rotation(client, &mut keyring).await?;
    Ok(RotatedKeyring {
        patient: patient.to_string(),
        rotated: renewed.rotated,
        missing,
        inbox_epoch,
        resumed: renewed.resumed,
        saved,
    })
}

/// Which compartments the keyring knows; and the others' ids, which is all that can be said of them.
fn known(
    keyring: &Keyring,
    compartments: impl Iterator<Item = CompartmentId>,
) -> (Vec<CompartmentId>, Vec<String>) {
    let (known, missing): (Vec<_>, Vec<_>) =
        compartments.partition(|id| keyring.compartment(id).is_some());
    (
        known,
        missing.iter().map(CompartmentId::to_string).collect(),
    )
}

/// Gives the inbox its next key; that key's epoch. In a rotation that broke off it may have got it.
pub(super) async fn rotate_inbox(client: &Client, keyring: &mut Keyring) -> Result<u32> {
    let patient = keyring.patient();
    let subject = Subject::Inbox(patient);
    let present = client.salus().await?.recipient(&subject).await?;
    let present = present.map(|present| present.recipient);
    let noted = keyring.handing().and_then(|handing| handing.inbox);
    if let (Some(present), Some(noted)) = (&present, noted) {
        let theirs = EncryptionKey::from_recipient(present)?;
        if present.epoch == noted && keyring.prepare_inbox(noted) == theirs {
            return Ok(noted);
        }
    }
    let epoch = present.map_or(0, |present| present.epoch.saturating_add(1));
    let key = keyring.prepare_inbox(epoch);
    keyring.note_inbox(epoch);
    client.keep(keyring)?;
    let recipient = client
        .key
        .sign_recipient(&subject, &key, epoch, &client.chain.genesis());
    client
        .submit(&calls::patients::set_inbox(patient, &recipient))
        .await?;
    Ok(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::double::World;
    use crate::keyring::Label;
    use crate::taxonomy::Category;
    use crate::vault::tests::{answer, object, ok, receipt, Script, PATIENT, SESSION};

    /// What both know.
    const KNOWN: Label = Label::Intake;

    /// A keyring in this profile, and as another device has it.
    fn two(world: &World) -> (Keyring, Keyring) {
        let mut keyring = Keyring::new(PATIENT);
        let device = world.client.device.public();
        keyring.add_holder("here", &device).unwrap();
        keyring.prepare(&KNOWN, 1);
        world.client.profile.save_keyring(&mut keyring).unwrap();
        let other = keyring.clone();
        (keyring, other)
    }

    /// What a vault answers who asks for this keyring: signing in, and the object's parts.
    fn served(keyring: &mut Keyring) -> (Cid, Vec<Vec<u8>>) {
        let sealed = keyring.seal().unwrap();
        let (content, block, binding) = object(&sealed);
        (
            content,
            vec![ok(SESSION), ok(block), ok(binding), ok(sealed)],
        )
    }

    fn gone() -> Vec<u8> {
        answer(
            "404 Not Found",
            "",
            br#"{"error":"not-found","message":"x"}"#,
        )
    }

    /// Alice, with a keyring that another device has changed since: it has shut one holder out and
    /// destroyed a key.
    async fn changed_elsewhere(lie: Option<Vec<Vec<u8>>>) -> (World, Script, Cid) {
        let plain = World::at(None);
        let (mut ours, mut theirs) = two(&plain);
        let late = DecryptionKey::generate().public();
        ours.add_holder("late", &late).unwrap();
        let id = ours.require(&KNOWN).unwrap();
        // Sealed more often here: how often says nothing.
        for _ in 0..5 {
            plain.client.profile.save_keyring(&mut ours).unwrap();
        }
        theirs.destroy_before(&id, 1);
        theirs.prepare(&Label::of(Category::Imaging), 1);
        let (content, answers) = served(&mut theirs);
        let script = Script::play(lie.unwrap_or(answers)).await;
        let mut world = plain;
        world.client.vault = Some(script.url.clone());
        world.name_keyring(Some(content));
        let none: Vec<(CompartmentId, salus_primitives::api::CompartmentView)> = Vec::new();
        world.node.tell("compartments", PATIENT, none);
        (world, script, content)
    }

    #[tokio::test]
    async fn what_another_device_saved_is_joined_before_a_change_and_nothing_comes_back() {
        let (world, script, content) = changed_elsewhere(None).await;
        let mut keyring = current_keyring(&world.client, PATIENT).await.unwrap();
        let id = keyring.require(&KNOWN).unwrap();
        assert!(matches!(
            keyring.key(&id, 0),
            Err(Error::KeyDestroyed { epoch: 0, .. })
        ));
        assert!(keyring.key(&id, 1).is_ok());
        let imaging = keyring.require(&Label::of(Category::Imaging)).unwrap();
        assert!(keyring.key(&imaging, 1).is_ok());
        let holders: Vec<_> = keyring.holders().iter().map(|held| &held.name).collect();
        assert_eq!(holders, ["here"], "who was shut out stays so");
        // From now on it is a change of what the vault has: no need to ask again.
        world.client.profile.save_keyring(&mut keyring).unwrap();
        let asked = script.asked().len();
        let again = current_keyring(&world.client, PATIENT).await.unwrap();
        assert!(again.is_based_on(&content));
        assert!(again.holds_the_same(&keyring).unwrap());
        assert_eq!(script.asked().len(), asked);
    }

    #[tokio::test]
    async fn nothing_is_changed_or_saved_while_what_another_device_saved_cannot_be_read() {
        let broken = || answer("500 Internal Server Error", "", b"{}");
        for lie in [vec![ok(SESSION), gone()], vec![ok(SESSION), broken()]] {
            let (world, script, _) = changed_elsewhere(Some(lie.clone())).await;
            let before = world.client.keyring(PATIENT).unwrap();
            let refused = current_keyring(&world.client, PATIENT).await;
            assert!(
                matches!(refused, Err(Error::KeyringUnseen(_))),
                "{refused:?}"
            );
            assert_eq!(script.asked().len(), 2);

            let (world, script, _) = changed_elsewhere(Some(lie)).await;
            let mut keyring = world.client.keyring(PATIENT).unwrap();
            let client = world.client.in_turn().await.unwrap();
            let refused = save_keyring(&client, &mut keyring).await;
            assert!(
                matches!(refused, Err(Error::KeyringUnseen(_))),
                "{refused:?}"
            );
            let asked = script.asked();
            assert_eq!(asked.len(), 2, "{asked:?}");
            assert!(asked[1].starts_with("get "), "{asked:?}");
            let after = world.client.keyring(PATIENT).unwrap();
            assert_eq!(after.revision(), before.revision());
            assert_eq!(after.holders().len(), 2, "nothing is lost here");
        }
    }

    #[tokio::test]
    async fn a_save_that_meets_other_holders_overwrites_nothing() {
        let (world, script, _) = changed_elsewhere(None).await;
        let mut keyring = world.client.keyring(PATIENT).unwrap();
        let client = world.client.in_turn().await.unwrap();
        let refused = save_keyring(&client, &mut keyring).await;
        assert!(matches!(refused, Err(Error::Unfit(_))), "{refused:?}");
        let asked = script.asked();
        assert!(
            asked.iter().skip(1).all(|asked| asked.starts_with("get ")),
            "{asked:?}"
        );
        // What was joined is kept here.
        let kept = world.client.keyring(PATIENT).unwrap();
        let imaging = kept.require(&Label::of(Category::Imaging)).unwrap();
        assert!(kept.key(&imaging, 1).is_ok());
    }

    #[tokio::test]
    async fn what_no_vault_has_any_more_is_replaced_only_by_who_asks_for_it() {
        let lie = vec![ok(SESSION), gone(), ok(SESSION), receipt("bafkqaaa")];
        let (world, script, content) = changed_elsewhere(Some(lie)).await;
        // It ends with a receipt for something else; that it was sent is what counts.
        let saved = save_own_keyring(&world.client, PATIENT).await;
        assert!(saved.is_err());
        let asked = script.asked();
        assert_eq!(asked.len(), 4, "{asked:?}");
        assert!(!asked[3].starts_with("get "), "{asked:?}");
        assert!(world.client.keyring(PATIENT).unwrap().is_based_on(&content));
    }

    #[test]
    fn the_keyring_that_this_profile_knows_is_restored_before_newer_ones() {
        let content = |byte| Cid::raw([byte; 32]);
        let kept = || (1..=20).map(content).collect::<Vec<_>>();
        let mut ours = Keyring::new(PATIENT);
        assert_eq!(
            to_restore(kept(), None, Some(&ours)).unwrap(),
            kept()[..TRIED],
            "the newest come first"
        );
        ours.base_on(&content(20));
        assert_eq!(
            to_restore(kept(), None, Some(&ours)).unwrap(),
            [content(20)]
        );
        let named = to_restore(kept(), Some(content(3)), Some(&ours));
        assert_eq!(named.unwrap(), [content(3)]);
        assert!(to_restore(kept(), Some(content(30)), None).is_err());
        assert!(to_restore(Vec::new(), None, Some(&ours)).is_err());
    }

    #[test]
    fn compartments_that_the_keyring_lacks_are_named() {
        let keyring = Keyring::new(PATIENT);
        let intake = keyring.find(&KNOWN).unwrap();
        let foreign = CompartmentId([5; 16]);
        let (ids, missing) = known(&keyring, [intake, foreign].into_iter());
        assert_eq!(ids, [intake], "one that the chain lacks is not renewed");
        assert_eq!(missing, [foreign.to_string()]);
    }
}
