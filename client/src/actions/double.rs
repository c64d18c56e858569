//! A person at a node and a vault that a test scripts, and a patient's chart there.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use codec::{Decode, DecodeAll};
use salus_primitives::{
    api::{CompartmentView, GrantView, PendingChanges},
    Basis, Cid, Compartment, CompartmentId, Controller, ControllerRole, Genesis, Grant, GrantIndex,
    GrantTerms, Grantee, Moment, OrgId, Organisation, OrganisationKind, Patient, PatientId,
    Recipient, Record, RecordIndex, Scope, SignedRecipient, Subject,
};
use serde_json::json;
use tokio::sync::Notify;

use super::{Client, Silent, PAGE};
use crate::chain::double::{event, Double, Taken};
use crate::chain::{Call, ChainError};
use crate::files::age::DecryptionKey;
use crate::files::seal::SealKey;
use crate::keyring::Keyring;
use crate::profile::Profile;
use crate::vault::tests::{Script, Shelf, PATIENT};

pub(super) const GENESIS: Genesis = Genesis::repeat_byte(1);
/// The organisation of the scripted vault.
pub(super) const HOME: OrgId = 4;
pub(super) const NOW: Moment = 1_000;

pub(super) struct World {
    _folder: tempfile::TempDir,
    pub(super) node: Arc<Double>,
    pub(super) client: Client,
}

impl World {
    /// Alice, whose client knows one vault by its address.
    pub(super) fn at(vault: Option<&Script>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), "//Alice").unwrap();
        let unlocked = profile.unlock("").unwrap();
        let node = Arc::new(Double::default());
        node.tell("now", (), NOW);
        node.tell("pending_changes", PATIENT, PendingChanges::default());
        let none: Vec<(OrgId, Organisation)> = Vec::new();
        node.tell("organisations", (0u32, PAGE), none);
        let client = Client {
            chain: node.chain(GENESIS),
            profile,
            key: unlocked.account.clone(),
            own: unlocked.account,
            device: unlocked.device,
            progress: Arc::new(Silent),
            person: None,
            vault: vault.map(|script| script.url.clone()),
            turn: None,
        };
        Self {
            _folder: folder,
            node,
            client,
        }
    }

    /// What the chain names as the patient's keyring.
    pub(super) fn name_keyring(&self, keyring: Option<Cid>) {
        let row = Patient {
            enrolled_by: HOME,
            enrolled_at: 0,
            decided_since: 0,
            voided_at: None,
            keyring,
        };
        self.node.tell("patient", PATIENT, Some(row));
    }

    /// An organisation whose vault is this one.
    pub(super) fn organisation(&self, number: OrgId, vault: &Script) -> Organisation {
        let row = Organisation {
            kind: OrganisationKind::Hospital,
            name: b"Ward".to_vec().try_into().unwrap(),
            admin: self.client.me(),
            vault_url: vault.url.clone().into_bytes().try_into().unwrap(),
            directory: None,
            admitted_at: 0,
            suspended_at: None,
        };
        self.node.tell("organisation", number, Some(row.clone()));
        row
    }
}

/// Whose software reads what is shared in a chart.
pub(super) const READER: OrgId = 3;

/// Alice's chart, who decides for it, at a node that takes what is sent and at a vault that keeps what is
/// uploaded.
pub(super) struct Chart {
    pub(super) world: World,
    _shelf: Shelf,
    rows: Arc<Mutex<Rows>>,
}

#[derive(Default)]
struct Rows {
    patient: Option<Patient>,
    compartments: Vec<(CompartmentId, CompartmentView)>,
    grants: Vec<GrantView>,
    inbox: Option<SignedRecipient>,
    /// What was taken, by name.
    taken: Vec<String>,
    cut: Option<Cut>,
}

/// Where a command is cut off: nobody hears any more what comes of its calls.
struct Cut {
    call: String,
    /// After so many of them.
    after: usize,
    /// Whether the one that it is cut off at comes into a block.
    is_taken: bool,
    reached: Arc<Notify>,
}

impl Chart {
    /// With these grants to [`READER`], all of which live.
    pub(super) async fn with(grants: &[(&[CompartmentId], Basis)], keyring: &mut Keyring) -> Self {
        let mut world = World::at(None);
        let shelf = Shelf::open().await;
        world.client.vault = Some(shelf.url.clone());
        let (node, client) = (world.node.clone(), &world.client);
        let (me, device) = (client.me(), client.device.public());
        let owner = Controller {
            role: ControllerRole::Owner,
            expires_at: None,
        };
        node.tell("controller", (PATIENT, &me), Some(owner));
        node.count(&me.to_string(), 0);
        // No emergency is dealt for here.
        node.lose_at("emergency_plan");
        let none: Vec<(RecordIndex, Record)> = Vec::new();
        node.tell("records", (PATIENT, 0u32, PAGE), none);
        node.tell("organisation", READER, Some(ward(&me)));
        let subject = Subject::Organisation(READER);
        let key = DecryptionKey::generate().public();
        let reader = SignedRecipient {
            signer: me.clone(),
            recipient: client.key.sign_recipient(&subject, &key, 0, &GENESIS),
        };
        node.tell("recipient", subject, Some(reader));

        keyring.add_holder("here", &device).unwrap();
        keyring.prepare_inbox(0);
        client.profile.save_keyring(keyring).unwrap();
        let compartment = CompartmentView {
            compartment: Compartment {
                epoch: 0,
                rotated_at: 0,
            },
            recipient: None,
            needs_rotation: false,
        };
        let rows = Rows {
            patient: Some(Patient {
                enrolled_by: HOME,
                enrolled_at: 0,
                decided_since: 0,
                voided_at: None,
                keyring: None,
            }),
            compartments: keyring
                .compartments()
                .map(|(id, _)| (*id, compartment.clone()))
                .collect(),
            ..Rows::default()
        };
        let rows = Arc::new(Mutex::new(rows));
        let taking = (rows.clone(), node.clone(), me);
        node.take(move |_, call| {
            let (rows, node, me) = &taking;
            let mut rows = rows.lock().unwrap();
            let taken = rows.take(call, me);
            rows.tell(node);
            taken
        });
        let chart = Self {
            world,
            _shelf: shelf,
            rows,
        };
        for (scope, basis) in grants {
            chart.add(scope, basis.clone());
        }
        chart.rows().tell(&chart.world.node);
        chart
    }

    fn add(&self, scope: &[CompartmentId], basis: Basis) {
        let client = &self.world.client;
        let mut rows = self.rows();
        let index = rows.grants.len() as GrantIndex;
        let terms = GrantTerms {
            grantee: Grantee::Organisation(READER),
            scope: Scope::Compartments(scope.to_vec().try_into().unwrap()),
            rights: salus_primitives::Rights::Read,
            purpose: salus_primitives::Purpose::Treat,
            starts_at: None,
            expires_at: NOW + salus_primitives::DAY + Moment::from(index),
            anchored_from: None,
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        };
        let grant = row(&terms, basis, &client.me());
        rows.grants.push(GrantView {
            grant,
            active: true,
            envelopes: Vec::new(),
        });
        let device = client.device.public();
        let seal = SealKey::unused(PATIENT);
        client.profile.save_seal_key(index, &seal, &device).unwrap();
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    /// Runs a command and kills it at a call, after so many of that name; whether the chain takes that
    /// one all the same is said, too.
    pub(super) async fn cut_off<T>(
        &self,
        (call, after, is_taken): (&str, usize, bool),
        command: impl Future<Output = T>,
    ) {
        let reached = Arc::new(Notify::new());
        self.rows().cut = Some(Cut {
            call: call.into(),
            after,
            is_taken,
            reached: reached.clone(),
        });
        tokio::select! {
            _ = command => panic!("it ended before {call}"),
            () = reached.notified() => {}
        }
        self.rows().cut = None;
    }

    /// How many calls of this name were taken.
    pub(super) fn taken(&self, call: &str) -> usize {
        let rows = self.rows();
        rows.taken.iter().filter(|name| *name == call).count()
    }

    pub(super) fn grants(&self) -> Vec<GrantView> {
        self.rows().grants.clone()
    }

    pub(super) fn compartment(&self, id: &CompartmentId) -> CompartmentView {
        let rows = self.rows();
        let found = rows.compartments.iter().find(|(known, _)| known == id);
        found.unwrap().1.clone()
    }

    pub(super) fn kept(&self) -> Keyring {
        self.world.client.keyring(PATIENT).unwrap()
    }
}

pub(super) fn ward(admin: &salus_primitives::AccountId) -> Organisation {
    Organisation {
        kind: OrganisationKind::Hospital,
        name: b"Ward".to_vec().try_into().unwrap(),
        admin: admin.clone(),
        vault_url: Default::default(),
        directory: None,
        admitted_at: 0,
        suspended_at: None,
    }
}

fn row(terms: &GrantTerms, basis: Basis, by: &salus_primitives::AccountId) -> Grant {
    Grant {
        grantee: terms.grantee.clone(),
        scope: terms.scope.clone(),
        rights: terms.rights,
        purpose: terms.purpose,
        starts_at: terms.starts_at.unwrap_or_default(),
        expires_at: terms.expires_at,
        anchored_from: terms.anchored_from,
        anchored_until: terms.anchored_until,
        granted_by: by.clone(),
        granted_at: NOW,
        revoked_at: None,
        terms: terms.terms,
        flags: terms.flags,
        derived_from: terms.derived_from,
        basis,
        rule_version: 1,
    }
}

impl Rows {
    fn take(&mut self, call: &Call, by: &salus_primitives::AccountId) -> Taken {
        let name = call.to_string();
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.call == name) {
            if cut.after == 0 {
                cut.reached.notify_one();
                let is_taken = std::mem::take(&mut cut.is_taken);
                if is_taken {
                    self.apply(call, by);
                }
                return Taken::Unheard;
            }
            cut.after -= 1;
        }
        self.apply(call, by)
    }

    fn apply(&mut self, call: &Call, by: &salus_primitives::AccountId) -> Taken {
        let name = call.to_string();
        let args = &mut &call.args[..];
        let mut events = Vec::new();
        match name.as_str() {
            "Records.rotate" => {
                let (_, id, recipient) =
                    <(PatientId, CompartmentId, Recipient)>::decode_all(args).unwrap();
                let view = self.compartments.iter_mut().find(|(known, _)| *known == id);
                let view = &mut view.unwrap().1;
                if recipient.epoch != view.compartment.epoch + 1 {
                    return Taken::Refused(ChainError::Failed {
                        call: name,
                        error: "Records.WrongEpoch".into(),
                        explanation: String::new(),
                        block: Default::default(),
                    });
                }
                view.compartment.epoch = recipient.epoch;
                view.recipient = Some(SignedRecipient {
                    signer: by.clone(),
                    recipient,
                });
                view.needs_rotation = false;
            }
            "Consent.grant" => {
                let (_, terms, envelope) =
                    <(PatientId, GrantTerms, Option<Cid>)>::decode_all(args).unwrap();
                events.push(event(
                    "Consent",
                    "Granted",
                    json!({"grant": self.grants.len(), "starts_at": NOW}),
                ));
                self.grants.push(GrantView {
                    grant: row(&terms, Basis::Direct, by),
                    active: true,
                    envelopes: envelope.into_iter().collect(),
                });
            }
            "Consent.revoke" => {
                let (_, index) = <(PatientId, GrantIndex)>::decode_all(args).unwrap();
                let view = &mut self.grants[index as usize];
                view.grant.revoked_at = Some(NOW);
                view.active = false;
                if let Scope::Compartments(ids) = &view.grant.scope {
                    for (id, view) in &mut self.compartments {
                        view.needs_rotation |= ids.contains(id);
                    }
                }
            }
            "Consent.deliver_envelope" => {
                let (_, index, envelope) =
                    <(PatientId, GrantIndex, Cid)>::decode_all(args).unwrap();
                self.grants[index as usize].envelopes.push(envelope);
            }
            "Patients.set_keyring" => {
                let (_, keyring) = <(PatientId, Cid)>::decode_all(args).unwrap();
                self.patient.as_mut().unwrap().keyring = Some(keyring);
            }
            "Patients.set_inbox" => {
                let (_, recipient) = <(PatientId, Recipient)>::decode(args).unwrap();
                self.inbox = Some(SignedRecipient {
                    signer: by.clone(),
                    recipient,
                });
            }
            other => panic!("{other} is not taken here"),
        }
        self.taken.push(name);
        Taken::In(events)
    }

    fn tell(&self, node: &Double) {
        node.tell("patient", PATIENT, self.patient.clone());
        node.tell("compartments", PATIENT, self.compartments.clone());
        node.tell("recipient", Subject::Inbox(PATIENT), self.inbox.clone());
        let grants = self.grants.iter().cloned().enumerate();
        let grants: Vec<(GrantIndex, GrantView)> = grants
            .map(|(index, view)| (index as GrantIndex, view))
            .collect();
        for (index, view) in &grants {
            node.tell("grant", (PATIENT, *index), Some(view.clone()));
        }
        let end = grants.len() as GrantIndex;
        node.tell("grants", (PATIENT, 0u32, PAGE), grants);
        if end > 0 {
            let none: Vec<(GrantIndex, GrantView)> = Vec::new();
            node.tell("grants", (PATIENT, end, PAGE), none);
        }
    }
}
