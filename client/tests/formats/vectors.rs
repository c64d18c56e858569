//! Every derivation and format against `testdata/vectors/*.json`, which other languages test against too.
//!
//! `UPDATE_VECTORS=1` writes the files anew; without it they are compared.

use std::path::PathBuf;

use codec::Encode;
use salus_client::files::age::{unseal_bytes, DecryptionKey, Digested, EncryptionKey};
use salus_client::files::manifest::{Description, Manifest};
use salus_client::files::share::{combine, Share};
use salus_client::files::sizes::Sizes;
use salus_client::keyring::{compartment_id, seal_secret, Label};
use salus_client::keys::{AccountKey, SessionChallenge};
use salus_client::taxonomy::{Category, Sensitivity};
use salus_primitives::{
    commitment::{self, commitment, plan_commitment},
    placement::keepers,
    seal,
    signing::{
        self, compartments_payload, credential_payload, enrolment_payload, recipient_payload,
        role_payload, succession_payload,
    },
    AccountId, Binding, ClinicianRole, CompartmentId, ControllerRole, Genesis, ObjectKind, OrgId,
    OrganisationKind, PatientId, Scope, Subject, TrailHead,
};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use sp_core::H256;

const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

fn file(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"))
        .join("../testdata/vectors")
        .join(format!("{name}.json"))
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(file(name)).expect("run once with UPDATE_VECTORS=1");
    serde_json::from_str(&text).unwrap()
}

fn check(name: &str, computed: Value) {
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&computed).unwrap() + "\n";
        std::fs::write(file(name), text).unwrap();
    }
    assert_eq!(read(name), computed, "testdata/vectors/{name}.json");
}

fn genesis() -> Genesis {
    Genesis::repeat_byte(0x11)
}

fn patient() -> PatientId {
    PatientId(std::array::from_fn(|i| i as u8))
}

fn account(byte: u8) -> AccountId {
    AccountId::new([byte; 32])
}

fn hex_of(account: &AccountId) -> String {
    hex::encode(AsRef::<[u8; 32]>::as_ref(account))
}

#[test]
fn plan_vectors() {
    let salt = [0x33; 32];
    let rows: Vec<Value> = [0, 1, 2, 32]
        .into_iter()
        .map(|count| {
            let opens: Vec<_> = (1..=count).map(|n| CompartmentId([n; 16])).collect();
            json!({
                "patient": patient().to_string(),
                "salt": hex::encode(salt),
                "compartments": opens.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "commitment": hex::encode(plan_commitment(&patient(), &salt, &opens)),
            })
        })
        .collect();
    check("plan", json!(rows));
}

#[test]
fn sizes_vectors() {
    let lengths = [
        0,
        1,
        1_016,
        1_017,
        4_088,
        4_089,
        16_376,
        16_377,
        32_760,
        32_761,
        57_336,
        57_337,
        245_752,
        245_753,
        1 << 20,
        (16 << 20) - 8,
        (16 << 20) - 7,
        (24 << 20) - 7,
        67_108_864,
        3_000_000_001,
        1 << 40,
    ];
    let rows: Vec<Value> = lengths
        .iter()
        .map(|length: &u64| {
            json!({
                "length": length,
                "payload": Sizes::Payload.padded(*length),
                "manifest": Sizes::Manifest.padded(*length),
                "message": Sizes::Message.padded(*length),
                "keyring": Sizes::Keyring.padded(*length),
                "secret": Sizes::Secret.padded(*length),
            })
        })
        .collect();
    check("sizes", json!(rows));
}

#[test]
fn compartment_vectors() {
    let tag_key: [u8; 32] = std::array::from_fn(|i| 0x20 + i as u8);
    let labels: Vec<Label> = Label::all().collect();
    let rows: Vec<Value> = labels
        .iter()
        .map(|label| json!({"label": label, "id": compartment_id(&tag_key, label).to_string()}))
        .collect();
    check(
        "compartments",
        json!({"tag_key": hex::encode(tag_key), "compartments": rows}),
    );
}

#[test]
fn person_vectors() {
    let tag_key: [u8; 32] = std::array::from_fn(|i| 0x20 + i as u8);
    let scopes = [
        Scope::Compartments(vec![CompartmentId([0x71; 16])].try_into().unwrap()),
        Scope::Records(vec![3, 9].try_into().unwrap()),
    ];
    let rows: Vec<Value> = [(4, 0x81), (5, 0x82)]
        .iter()
        .zip(&scopes)
        .map(|((grant, byte), scope)| {
            let (organisation, end) = (7u32, 1_767_225_600_000u64);
            let secret = seal_secret(&tag_key, organisation, scope, end);
            let seal = seal::person(&genesis(), &patient(), *grant, &secret, &account(*byte));
            json!({
                "tag_key": hex::encode(tag_key),
                "organisation": organisation,
                "scope_scale": hex::encode(scope.encode()),
                "expires_at": end,
                "secret": hex::encode(*secret),
                "genesis": hex::encode(genesis()),
                "patient": patient().to_string(),
                "grant": grant,
                "account": hex_of(&account(*byte)),
                "seal": hex::encode(seal),
            })
        })
        .collect();
    check("person", json!(rows));
}

#[test]
fn binding_vectors() {
    let kinds = [
        ObjectKind::Record,
        ObjectKind::Envelope,
        ObjectKind::Letter,
        ObjectKind::Keyring,
    ];
    let rows: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            let binding = Binding {
                genesis: genesis(),
                kind: *kind,
                patient: patient(),
                author: account(0x33),
                nonce: [0x44; 16],
            };
            json!({
                "genesis": hex::encode(genesis()),
                "kind": kind,
                "kind_number": *kind as u8,
                "patient": patient().to_string(),
                "author": hex_of(&account(0x33)),
                "nonce": hex::encode([0x44; 16]),
                "hash": hex::encode(binding.hash()),
                "file": hex::encode(binding.to_file()),
            })
        })
        .collect();
    check("binding", json!(rows));
}

#[test]
fn manifest_and_commitment_vectors() {
    let payload = "Blood type A+\n";
    let digested = Digested {
        length: payload.len() as u64,
        sha256: Sha256::digest(payload).into(),
    };
    let describe = |title: &str, sensitivity: Vec<Sensitivity>| Description {
        title: title.into(),
        category: Category::LabResult,
        code: Some("882-1".into()),
        date: "2026-05-01T09:30:00Z".into(),
        media_type: "text/plain".into(),
        sensitivity,
    };
    let rows: Vec<Value> = [
        describe("Blood type", vec![]),
        describe(
            "Quotes \" and \\, tab\t, Ünïcode – 血液型, \u{1f}",
            vec![Sensitivity::Hiv, Sensitivity::Genetic],
        ),
    ]
    .iter()
    .zip([[0x55u8; 32], [0x66; 32]])
    .map(|(description, salt)| {
        let manifest = Manifest::new(description, &digested, salt).unwrap();
        let commitment_of = manifest.commitment(&genesis(), &patient()).unwrap();
        assert_eq!(
            commitment_of,
            commitment(
                &genesis(),
                &patient(),
                &salt,
                &manifest.sha256().unwrap(),
                &digested.sha256
            )
        );
        json!({
            "genesis": hex::encode(genesis()),
            "patient": patient().to_string(),
            "payload": payload,
            "salt": hex::encode(salt),
            "manifest": String::from_utf8(manifest.to_json().unwrap()).unwrap(),
            "manifest_sha256": hex::encode(manifest.sha256().unwrap()),
            "payload_sha256": hex::encode(digested.sha256),
            "commitment": hex::encode(commitment_of),
        })
    })
    .collect();
    check("manifest", json!(rows));
}

#[test]
fn recipient_vectors() {
    let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
    let subjects = [
        ("organisation", Subject::Organisation(7)),
        ("account", Subject::Account(account(0x33))),
        (
            "compartment",
            Subject::Compartment(patient(), CompartmentId([0x77; 16])),
        ),
        ("inbox", Subject::Inbox(patient())),
    ];
    let rows: Vec<Value> = subjects
        .iter()
        .map(|(name, subject)| {
            json!({
                "genesis": hex::encode(genesis()),
                "subject": name,
                "subject_scale": hex::encode(codec::Encode::encode(subject)),
                "scheme": 0,
                "key": hex::encode(key),
                "epoch": 3,
                "payload": hex::encode(recipient_payload(&genesis(), subject, 0, &key, 3)),
            })
        })
        .collect();
    check("recipient", json!(rows));
}

#[test]
fn compartment_keys_vectors() {
    let rows: Vec<Value> = [0u8, 5]
        .map(|first| {
            let compartments = std::array::from_fn(|n| {
                let n = first + n as u8;
                (CompartmentId([n; 16]), [0x80 + n; 32])
            });
            let payload = compartments_payload(&genesis(), &patient(), 0, &compartments);
            let rows = compartments.map(|(id, key)| json!([id.to_string(), hex::encode(key)]));
            json!({
                "genesis": hex::encode(genesis()),
                "patient": patient().to_string(),
                "scheme": 0,
                "compartments": rows.to_vec(),
                "payload": hex::encode(payload),
            })
        })
        .into();
    check("compartment-keys", json!(rows));
}

#[test]
fn patient_vectors() {
    let rows: Vec<Value> = [
        (0x11, 0x34, 0x44),
        (0x11, 0x34, 0x45),
        (0x11, 0x35, 0x44),
        (0x12, 0x34, 0x44),
    ]
    .map(|(chain, controller, salt)| {
        let (genesis, salt) = (Genesis::repeat_byte(chain), [salt; 16]);
        json!({
            "genesis": hex::encode(genesis),
            "controller": hex_of(&account(controller)),
            "salt": hex::encode(salt),
            "patient": PatientId::derive(&genesis, &account(controller), &salt).to_string(),
        })
    })
    .into();
    check("patient", json!(rows));
}

#[test]
fn helper_vectors() {
    let rows: Vec<Value> = [
        (0x22, 0x55, 0x34, 2),
        (0x23, 0x55, 0x34, 2),
        (0x22, 0x56, 0x34, 2),
        (0x22, 0x55, 0x35, 2),
        (0x22, 0x55, 0x34, 3),
    ]
    .map(|(patient, salt, helper, threshold)| {
        let (patient, salt) = (PatientId([patient; 16]), H256::repeat_byte(salt));
        let commitment = commitment::helper(&patient, &salt, &account(helper), threshold);
        json!({
            "patient": patient.to_string(),
            "salt": hex::encode(salt),
            "account": hex_of(&account(helper)),
            "threshold": threshold,
            "commitment": hex::encode(commitment),
        })
    })
    .into();
    check("helper", json!(rows));
}

#[test]
fn enrolment_vectors() {
    let rows: Vec<Value> = [[0x44; 16], [0x45; 16]]
        .into_iter()
        .map(|salt| {
            let patient = PatientId::derive(&genesis(), &account(0x34), &salt);
            let payload = enrolment_payload(
                &genesis(),
                7,
                &account(0x33),
                &patient,
                &account(0x34),
                &salt,
                1_790_000_000_000,
            );
            json!({
                "genesis": hex::encode(genesis()),
                "organisation": 7,
                "enroller": hex_of(&account(0x33)),
                "patient": patient.to_string(),
                "controller": hex_of(&account(0x34)),
                "salt": hex::encode(salt),
                "expires_at": 1_790_000_000_000u64,
                "payload": hex::encode(payload),
            })
        })
        .collect();
    check("enrolment", json!(rows));
}

#[test]
fn credential_vectors() {
    let roles = [ClinicianRole::Physician, ClinicianRole::Service];
    let rows: Vec<Value> = roles
        .iter()
        .map(|role| {
            let (signed_at, expires_at) = (1_789_000_000_000, 1_790_000_000_000);
            let account = account(0x34);
            let payload = credential_payload(&genesis(), 7, &account, *role, signed_at, expires_at);
            json!({
                "genesis": hex::encode(genesis()),
                "organisation": 7,
                "account": hex_of(&account),
                "role": role,
                "role_number": *role as u8,
                "signed_at": signed_at,
                "expires_at": expires_at,
                "payload": hex::encode(payload),
            })
        })
        .collect();
    check("credential", json!(rows));
}

#[test]
fn role_vectors() {
    let roles = [
        ControllerRole::Owner,
        ControllerRole::Decider,
        ControllerRole::Carer,
    ];
    let rows: Vec<Value> = roles
        .iter()
        .map(|role| {
            let (signed_at, expires_at) = (1_789_000_000_000, 1_790_000_000_000);
            let account = account(0x34);
            let payload = role_payload(
                &genesis(),
                &patient(),
                &account,
                *role,
                signed_at,
                expires_at,
            );
            json!({
                "genesis": hex::encode(genesis()),
                "patient": patient().to_string(),
                "account": hex_of(&account),
                "role": role,
                "role_number": *role as u8,
                "signed_at": signed_at,
                "expires_at": expires_at,
                "payload": hex::encode(payload),
            })
        })
        .collect();
    check("role", json!(rows));
}

#[test]
fn trail_vectors() {
    let mut head = TrailHead::start(&genesis(), &patient());
    let start = hex::encode(head.digest);
    let entries: Vec<Value> = [
        (5u32, 1_790_000_000_000u64, &b"\x15\x00first"[..]),
        (5, 1_790_000_000_000, b"\x15\x01second"),
        (9, 1_790_000_004_000, b""),
    ]
    .iter()
    .map(|(block, moment, event)| {
        head = head.append(*block, *moment, event);
        json!({
            "n": head.count,
            "block": block,
            "moment": moment,
            "event": hex::encode(event),
            "hash": hex::encode(head.digest),
        })
    })
    .collect();
    check(
        "trail",
        json!({"genesis": hex::encode(genesis()), "patient": patient().to_string(), "start": start, "entries": entries}),
    );
}

#[test]
fn session_vectors() {
    let key = AccountKey::from_phrase(PHRASE).unwrap();
    let challenge = SessionChallenge {
        genesis: genesis(),
        audience: 7,
        origin: "https://vault.example.org".into(),
        account: key.account(),
        nonce: [0x44; 16],
        expires: 1_790_000_000_000,
    };
    // sr25519 signatures are random: what is compared is the text, what is checked is that one verifies.
    let wrapped = format!("<Bytes>{}</Bytes>", challenge.text());
    for text in [challenge.text(), wrapped] {
        let signature = key.multi_sign(text.as_bytes());
        assert!(signing::verify(
            &signature,
            challenge.text().as_bytes(),
            &key.account()
        ));
        assert!(!signing::verify(
            &signature,
            challenge.text().as_bytes(),
            &account(1)
        ));
    }
    assert!(!signing::verify(
        &key.multi_sign(b"other"),
        challenge.text().as_bytes(),
        &key.account()
    ));
    check(
        "session",
        json!({
            "genesis": hex::encode(genesis()),
            "audience": 7,
            "origin": challenge.origin,
            "account": hex_of(&key.account()),
            "nonce": hex::encode(challenge.nonce),
            "expires": challenge.expires,
            "text": challenge.text(),
        }),
    );
}

#[test]
fn key_vectors() {
    let accounts: Vec<Value> = [
        PHRASE.to_owned(),
        format!("{PHRASE}//Alice"),
        format!("{PHRASE}//hospital/soft"),
        format!("{PHRASE}//patient//0"),
        format!("{PHRASE}//patient//1"),
        format!("{PHRASE}//patient//20"),
        format!("{PHRASE}//helper//0"),
    ]
    .iter()
    .map(|uri| json!({"uri": uri, "account": AccountKey::from_uri(uri).unwrap().account_hex()}))
    .collect();
    let secret: [u8; 32] = std::array::from_fn(|i| 1 + i as u8);
    let key = DecryptionKey::from_bytes(&secret).unwrap();
    let EncryptionKey::X25519(raw) = key.public();
    check(
        "keys",
        json!({
            "accounts": accounts,
            "encryption": {
                "secret": hex::encode(secret),
                "identity": *key.expose().unwrap(),
                "recipient": key.public().to_string(),
                "scheme": 0,
                "raw": hex::encode(raw),
            },
        }),
    );
}

#[test]
fn succession_vectors() {
    let rows: Vec<Value> = [(account(0x33), 0), (account(0x44), 1_800_000_000_000)]
        .iter()
        .map(|(owner, expires_at)| {
            let payload = succession_payload(&genesis(), &patient(), owner, *expires_at);
            json!({
                "genesis": hex::encode(genesis()),
                "patient": patient().to_string(),
                "owner": hex_of(owner),
                "expires_at": expires_at,
                "payload": hex::encode(payload),
            })
        })
        .collect();
    check("succession", json!(rows));
}

/// Shares are random, so this vector was made elsewhere, with the coefficients that it names.
#[test]
fn share_vectors_combine() {
    let vector = read("share");
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let rows = vector["shares"].as_array().unwrap();
    let shares: Vec<Share> = rows
        .iter()
        .map(|row| {
            let share = Share::from_bytes(&bytes(&row["bytes"])).unwrap();
            assert_eq!(*share.to_bytes(), bytes(&row["bytes"]));
            assert_eq!(share.fingerprint().0.to_vec(), bytes(&row["fingerprint"]));
            assert_eq!(
                share.salt(&[0x66; 32]).0.to_vec(),
                bytes(&row["salt_with_nonce_66"])
            );
            assert_eq!(json!(share.number()), row["number"]);
            share
        })
        .collect();
    assert_eq!(shares.len(), 5);
    for chosen in shares.windows(3) {
        assert_eq!(*combine(chosen).unwrap(), bytes(&vector["secret"]));
    }
    assert!(combine(&shares[..2]).is_err());
}

#[test]
fn placement_vectors() {
    use OrganisationKind::*;
    let hospitals = |numbers: &[OrgId]| -> Vec<(OrgId, OrganisationKind)> {
        numbers.iter().map(|number| (*number, Hospital)).collect()
    };
    let kinds = [
        Insurer, Regulator, Research, Hospital, Clinic, Laboratory, Pharmacy,
    ];
    let every_kind: Vec<(OrgId, OrganisationKind)> = (0..).zip(kinds).collect();
    let rows: Vec<Value> = [
        (patient(), 0, hospitals(&[0, 1, 2, 3, 4]), 3),
        (patient(), 9, hospitals(&[0, 1, 2, 3, 4]), 3),
        (PatientId([0xff; 16]), 4, hospitals(&[4, 3, 2, 1, 0]), 2),
        (PatientId([0xff; 16]), 1, hospitals(&[1, 70_000]), 3),
        (patient(), 0, every_kind.clone(), 3),
        (patient(), 3, every_kind.clone(), 7),
        (patient(), 0, every_kind[..1].to_vec(), 3),
    ]
    .into_iter()
    .map(|(patient, home, vaults, copies)| {
        json!({
            "patient": patient.to_string(),
            "home": home,
            "vaults": vaults,
            "copies": copies,
            "keepers": keepers(&patient, home, &vaults, copies),
        })
    })
    .collect();
    check("placement", json!(rows));
}

/// A sealed file is random, so this vector is made once and then must open for ever.
#[test]
fn sealed_vector_opens() {
    let name = "sealed";
    let secret: [u8; 32] = std::array::from_fn(|i| 1 + i as u8);
    let key = DecryptionKey::from_bytes(&secret).unwrap();
    let content = "Sealed with padding.\n";
    if std::env::var_os("UPDATE_VECTORS").is_some() && !file(name).exists() {
        let sealed =
            salus_client::files::age::seal_bytes(&[key.public()], content.as_bytes()).unwrap();
        let identity = key.expose().unwrap();
        let vector =
            json!({"identity": *identity, "content": content, "sealed": hex::encode(sealed)});
        std::fs::write(
            file(name),
            serde_json::to_string_pretty(&vector).unwrap() + "\n",
        )
        .unwrap();
    }
    let vector = read(name);
    let sealed = hex::decode(vector["sealed"].as_str().unwrap()).unwrap();
    let opened = unseal_bytes(&[key], &sealed, 1_000, "vector").unwrap();
    assert_eq!(std::str::from_utf8(&opened).unwrap(), vector["content"]);
}
