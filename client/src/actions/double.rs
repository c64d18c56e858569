//! A person at a node and a vault that a test scripts.

use std::sync::Arc;

use salus_primitives::{
    api::PendingChanges, Cid, Genesis, Moment, OrgId, Organisation, OrganisationKind, Patient,
};

use super::{Client, Silent, PAGE};
use crate::chain::double::Double;
use crate::profile::Profile;
use crate::vault::tests::{Script, PATIENT};

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
