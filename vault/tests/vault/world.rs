//! A hospital's vault, its people, and how they speak to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use axum::body::{to_bytes, Body};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::Router;
use salus_client::files::age::DecryptionKey;
use salus_client::keys::AccountKey;
use salus_primitives::api::GrantView;
use salus_primitives::{
    AccountId, Basis, Cid, ClinicianRole, CompartmentId, Controller, ControllerRole, Grant,
    GrantIndex, Grantee, Member, Moment, ObjectKind, OrgId, Part, Patient, PatientId, Purpose,
    Record, RecordIndex, RecordState, Rights, Scope, SignedRecipient, Subject,
};
use salus_vault::ledger::{Named, Opened};
use salus_vault::patience::Patience;
use salus_vault::session::{challenge_text, Audience};
use salus_vault::store::Store;
use salus_vault::sweep::Quotas;
use salus_vault::{server, Settings, Vault};
use sp_core::{sr25519, Pair, H256};
use tower::ServiceExt;

use crate::chain::{Chain, GENESIS};
use crate::objects::{Object, MIB};

pub const HOSPITAL: OrgId = 0;
pub const CLINIC: OrgId = 1;
pub const ORIGIN: &str = "http://127.0.0.1:8040";
pub const PATIENT: PatientId = PatientId([1; 16]);
pub const OTHER_PATIENT: PatientId = PatientId([2; 16]);
pub const LABS: CompartmentId = CompartmentId([1; 16]);
pub const NOTES: CompartmentId = CompartmentId([2; 16]);
pub const START: Moment = 1_700_000_000_000;
pub const SECOND: Moment = 1_000;
pub const MINUTE: Moment = 60 * SECOND;
pub const HOUR: Moment = 60 * MINUTE;

pub fn key(name: &str) -> sr25519::Pair {
    sr25519::Pair::from_string(&format!("//{name}"), None).unwrap()
}

pub fn account(name: &str) -> AccountId {
    AccountId::new(key(name).public().0)
}

pub fn hex_account(name: &str) -> String {
    hex::encode(key(name).public().0)
}

/// What opens a patient's letters.
pub fn inbox_of(patient: PatientId) -> DecryptionKey {
    DecryptionKey::from_bytes(&[patient.0[0]; 32]).unwrap()
}

pub struct World {
    pub chain: Arc<Chain>,
    pub time: Arc<AtomicU64>,
    pub folder: Arc<tempfile::TempDir>,
    pub vault: Arc<Vault>,
    pub app: Router,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// The error's code; fails if there is no message to go with it.
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} without an error body", self.status));
        assert!(json["message"].as_str().is_some_and(|text| text.len() > 20));
        json["error"].as_str().unwrap().to_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code().as_str()), (status, code));
    }
}

pub fn settings() -> Settings {
    Settings {
        audience: Audience {
            genesis: GENESIS,
            organisation: HOSPITAL,
            origin: ORIGIN.into(),
        },
        service_account: account("Service"),
        identity: Some(DecryptionKey::generate()),
        quotas: Quotas {
            account: 32 * MIB as u64,
            organisation: 48 * MIB as u64,
        },
        grace: HOUR,
        freshness: 30 * SECOND,
        max_upload: 24 * MIB as u64,
        check_every: 2 * MIB as u64,
        patience: Patience::PEOPLE,
        patience_with_members: Patience::MEMBERS,
        memory: 64 * MIB as u64,
        reads_delay: 0,
    }
}

impl World {
    /// Owner controls PATIENT, Mallory controls OTHER_PATIENT; Doctor and Service work at the hospital,
    /// Colleague at the clinic; Stranger has no standing.
    pub async fn new() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::local(folder.path()).unwrap();
        Self::over(settings, store, folder).await
    }

    pub async fn over(settings: Settings, store: Store, folder: Arc<tempfile::TempDir>) -> Self {
        let chain = Arc::new(Chain::default());
        {
            let mut state = chain.state();
            state.number = 10;
            state.moment = START;
            state.keepers = vec![HOSPITAL, CLINIC];
            let clinician = |organisation, role| Member::Clinician { organisation, role };
            for (name, member) in [
                ("Doctor", clinician(HOSPITAL, ClinicianRole::Physician)),
                ("Lab", clinician(HOSPITAL, ClinicianRole::Laboratorian)),
                ("Service", clinician(HOSPITAL, ClinicianRole::Service)),
                ("Colleague", clinician(CLINIC, ClinicianRole::Physician)),
                ("ClinicService", clinician(CLINIC, ClinicianRole::Service)),
            ] {
                state.members.insert(account(name), member);
            }
            for (patient, name) in [(PATIENT, "Owner"), (OTHER_PATIENT, "Mallory")] {
                let inbox = inbox_of(patient);
                let owner = AccountKey::from_uri(&format!("//{name}")).unwrap();
                let subject = Subject::Inbox(patient);
                let recipient = owner.sign_recipient(&subject, &inbox.public(), 0, &GENESIS);
                let signer = owner.account();
                let signed = SignedRecipient { signer, recipient };
                state.inboxes.insert(patient, signed);
                state.controllers.insert(
                    (patient, account(name)),
                    Controller {
                        role: ControllerRole::Owner,
                        expires_at: None,
                    },
                );
                state.patients.insert(
                    patient,
                    Patient {
                        enrolled_by: HOSPITAL,
                        enrolled_at: START,
                        decided_since: START,
                        voided_at: None,
                        keyring: None,
                    },
                );
            }
        }
        let time = Arc::new(AtomicU64::new(START));
        Self::on(chain, time, settings, store, folder).await
    }

    /// Another vault of the same chain and time.
    pub async fn beside(&self, settings: Settings) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = Store::local(folder.path()).unwrap();
        self.beside_over(settings, store, folder).await
    }

    pub async fn beside_over(
        &self,
        settings: Settings,
        store: Store,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let (chain, time) = (self.chain.clone(), self.time.clone());
        Self::on(chain, time, settings, store, folder).await
    }

    async fn on(
        chain: Arc<Chain>,
        time: Arc<AtomicU64>,
        settings: Settings,
        store: Store,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let world_time = time.clone();
        let vault = Vault::open(
            settings,
            chain.clone(),
            store,
            Arc::new(move || world_time.load(Ordering::SeqCst)),
        )
        .await
        .unwrap();
        Self {
            app: server::router(vault.clone()),
            chain,
            time,
            folder,
            vault,
        }
    }

    /// Opens the same folder with a new process's memory.
    pub async fn restart(&mut self) {
        self.restart_with(self.vault.settings.clone()).await;
    }

    pub async fn restart_with(&mut self, settings: Settings) {
        let time = self.time.clone();
        self.vault = Vault::open(
            settings,
            self.chain.clone(),
            Store::local(self.folder.path()).unwrap(),
            Arc::new(move || time.load(Ordering::SeqCst)),
        )
        .await
        .unwrap();
        self.app = server::router(self.vault.clone());
    }

    pub fn now(&self) -> Moment {
        self.time.load(Ordering::SeqCst)
    }

    /// Time passes, and the chain keeps up.
    pub fn pass(&self, time: Moment) {
        self.time.fetch_add(time, Ordering::SeqCst);
        let mut state = self.chain.state();
        state.moment += time;
        state.number += 1;
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    pub async fn login(&self, name: &str) -> Reply {
        let audience = self.vault.settings.audience.clone();
        let text = challenge_text(
            &audience,
            &account(name),
            &rand::random(),
            self.now() + MINUTE,
        );
        self.present(name, &text, key(name).sign(text.as_bytes()).0)
            .await
    }

    pub async fn present(&self, name: &str, challenge: &str, signature: [u8; 64]) -> Reply {
        let body = serde_json::json!({
            "account": format!("0x{}", hex_account(name)),
            "challenge": challenge,
            "signature": format!("0x{}", hex::encode(signature)),
        });
        self.send(
            Request::post("/v1/session")
                .header("content-type", "application/json")
                .body(Body::from(body.to_string()))
                .unwrap(),
        )
        .await
    }

    pub async fn token(&self, name: &str) -> String {
        let reply = self.login(name).await;
        assert_eq!(
            reply.status,
            200,
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    pub async fn upload(&self, token: &str, car: Vec<u8>) -> Reply {
        self.send(
            Request::post("/v1/objects")
                .header("authorization", format!("Bearer {token}"))
                .body(Body::from(car))
                .unwrap(),
        )
        .await
    }

    /// Uploads what must be accepted.
    pub async fn store(&self, name: &str, object: &Object) {
        let token = self.token(name).await;
        let reply = self.upload(&token, object.car()).await;
        assert_eq!(
            reply.status,
            201,
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        assert_eq!(reply.json()["cid"], salus_vault::dag::text(&object.root));
    }

    /// Deals a share to the vault.
    pub async fn deal(&self, token: &str, patient: PatientId, sealed: Vec<u8>) -> Reply {
        self.send(
            Request::put(format!("/v1/patients/{patient}/emergency-share"))
                .header("authorization", format!("Bearer {token}"))
                .body(Body::from(sealed))
                .unwrap(),
        )
        .await
    }

    pub fn request(&self, token: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    pub async fn get(&self, token: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(self.request(token, path, headers)).await
    }

    pub fn anchor(&self, patient: PatientId, index: RecordIndex, object: &Object, by: &str) {
        let record = Record {
            compartment: LABS,
            epoch: 0,
            author: account(by),
            person: None,
            organisation: None,
            placed_by: account(by),
            content: object.root,
            commitment: H256::zero(),
            anchored_at: self.now(),
            corrects: None,
            corrected_by: None,
            state: RecordState::Current,
        };
        self.chain.state().records.insert((patient, index), record);
    }

    pub fn share(&self, index: GrantIndex, with: &str, rights: Rights, envelopes: Vec<Cid>) {
        let organisation = self.chain.state().members[&account(with)].organisation();
        let grant = Grant {
            grantee: Grantee::Clinician {
                account: account(with),
                organisation,
            },
            scope: Scope::Compartments(vec![LABS].try_into().unwrap()),
            rights,
            purpose: Purpose::Treat,
            starts_at: self.now(),
            expires_at: self.now() + 7 * 24 * HOUR,
            anchored_from: None,
            anchored_until: None,
            granted_by: account("Owner"),
            granted_at: START,
            revoked_at: None,
            terms: None,
            flags: 0,
            derived_from: None,
            basis: Basis::Direct,
            rule_version: 1,
        };
        self.chain.state().grants.insert(
            (PATIENT, index),
            GrantView {
                grant,
                active: true,
                envelopes,
            },
        );
    }

    /// A record names another file from now on, and its present one for a while longer.
    pub fn move_to(&self, patient: PatientId, index: RecordIndex, object: &Object, by: &str) {
        let before = self.chain.state().records[&(patient, index)].clone();
        let former = Named {
            patient,
            kind: ObjectKind::Record,
            content: before.content,
            author: Some(before.placed_by),
        };
        let mut state = self.chain.state();
        state
            .former
            .entry((patient, index))
            .or_default()
            .push(former);
        drop(state);
        self.anchor(patient, index, object, by);
    }

    pub fn revoke(&self, grant: GrantIndex) {
        let now = self.now();
        let mut state = self.chain.state();
        let view = state.grants.get_mut(&(PATIENT, grant)).unwrap();
        view.grant.revoked_at = Some(now);
        view.active = false;
    }

    /// Logs an opening in the present block; returns the header's value.
    pub fn open(&self, reader: &str, records: &[RecordIndex], part: Part, grant: u32) -> String {
        let mut state = self.chain.state();
        let number = state.number;
        self.entry(&mut state, number, reader, records, part, grant)
    }

    /// Logs an opening in a block that is not finalized yet.
    pub fn open_unfinalized(&self, reader: &str, records: &[RecordIndex]) -> String {
        let mut state = self.chain.state();
        let number = state.number + 1;
        self.entry(&mut state, number, reader, records, Part::Full, 0)
    }

    fn entry(
        &self,
        state: &mut crate::chain::State,
        number: u32,
        reader: &str,
        records: &[RecordIndex],
        part: Part,
        grant: u32,
    ) -> String {
        let block = H256::from_low_u64_be(u64::from(number));
        let event = state.entries.len() as u32;
        let opened = Opened {
            moment: state.moment,
            patient: PATIENT,
            reader: account(reader),
            grant,
            records: records.to_vec(),
            part,
        };
        state.entries.insert((block, event), (number, opened));
        format!("{block:?}:{event}")
    }

    /// Logs an opening of a record of any patient by the doctor, under grant 0.
    pub fn opened(&self, patient: PatientId, record: RecordIndex) {
        let mut state = self.chain.state();
        let block = H256::from_low_u64_be(u64::from(state.number));
        let event = state.entries.len() as u32;
        let opened = Opened {
            moment: state.moment,
            patient,
            reader: account("Doctor"),
            grant: 0,
            records: vec![record],
            part: Part::Full,
        };
        let number = state.number;
        state.entries.insert((block, event), (number, opened));
    }

    /// Every file below the vault's folder, by path.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        // What goes away meanwhile is not there.
        fn walk(folder: &std::path::Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, found);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    found.insert(path, bytes);
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(self.folder.path(), &mut found);
        found
    }

    /// Damages a chunk of a record on this vault's disk.
    pub fn rot(&self, object: &Object) {
        let path = self.path_of("record", object, &object.chunk().0);
        std::fs::write(path, b"rot").unwrap();
    }

    pub fn path_of(&self, kind: &str, object: &Object, block: &Cid) -> PathBuf {
        self.folder
            .path()
            .join("objects")
            .join(kind)
            .join(salus_vault::dag::text(&object.root))
            .join(salus_vault::dag::text(block))
    }

    /// How many deliveries wait to be logged.
    pub async fn waiting(&self) -> usize {
        let due = self.vault.store.deliveries(0, 0).await.unwrap();
        due.waiting.values().sum()
    }

    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.vault.figures().unwrap();
        text.lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

pub fn record_path(index: RecordIndex, part: &str) -> String {
    format!("/v1/patients/{PATIENT}/records/{index}/{part}")
}
