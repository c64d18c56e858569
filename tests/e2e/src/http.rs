//! A vault's HTTP, as somebody speaks it who does not use our library: no retries, no checks.

use std::sync::Once;

use reqwest::{header, Body, Client, Response};
use salus_client::{
    files::{car::MEDIA_TYPE, object::BuiltObject},
    keys::{random_16, AccountKey, SessionChallenge},
    vault::Opened,
};
use salus_primitives::Genesis;
use serde_json::{json, Value};

/// Every HTTP client wants it, even for addresses without TLS.
pub(crate) fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

pub struct Http {
    client: Client,
    url: String,
    /// What a challenge must name to be accepted here.
    pub organisation: u32,
    pub genesis: Genesis,
}

/// A short answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Got {
    /// The word for programs in a refusal.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The words for people in a refusal.
    pub fn message(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["message"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        let said = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned();
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{said}"
        );
    }
}

/// Asks directly, and with a connection for each request.
pub(crate) fn client() -> Client {
    install_tls();
    Client::builder()
        .no_proxy()
        // A connection to a vault that was killed must not be used again.
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client can be made")
}

impl Http {
    pub fn to(url: &str, organisation: u32, genesis: Genesis) -> Self {
        Self {
            client: client(),
            url: url.to_owned(),
            organisation,
            genesis,
        }
    }

    /// The text that this account has to sign to be let in here.
    pub fn challenge(&self, key: &AccountKey) -> SessionChallenge {
        let minute = 60 * 1_000;
        SessionChallenge {
            genesis: self.genesis,
            audience: self.organisation,
            origin: self.url.clone(),
            account: key.account(),
            nonce: random_16(),
            expires: salus_client::actions::clock() + minute,
        }
    }

    /// Presents a challenge that was signed for here, or for elsewhere.
    pub async fn present(&self, key: &AccountKey, challenge: &SessionChallenge) -> Got {
        let body = json!({
            "account": key.account_hex(),
            "challenge": challenge.text(),
            "signature": hex::encode(key.sign_challenge(challenge)),
        });
        let request = self.client.post(format!("{}/v1/session", self.url));
        got(request.json(&body).send().await.expect("the vault answers")).await
    }

    /// A token for this account.
    pub async fn sign_in(&self, key: &AccountKey) -> String {
        let answer = self.present(key, &self.challenge(key)).await;
        assert_eq!(answer.status, 200, "{}", answer.message());
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// The beginning of an answer; its body is yet to be read.
    pub async fn ask(&self, path: &str, token: &str, opened: Option<Opened>) -> Response {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(opened) = opened {
            let entry = format!("{:?}:{}", opened.block_hash, opened.event_index);
            request = request.header("Salus-Opened", entry);
        }
        request.send().await.expect("the vault answers")
    }

    pub async fn get(&self, path: &str, token: &str, opened: Option<Opened>) -> Got {
        got(self.ask(path, token, opened).await).await
    }

    /// One attempt. Errors if no answer came.
    pub async fn upload(&self, token: &str, object: &BuiltObject) -> Result<Got, reqwest::Error> {
        self.upload_car(token, Body::wrap_stream(object.car_stream()))
            .await
    }

    pub async fn upload_car(
        &self,
        token: &str,
        car: impl Into<Body>,
    ) -> Result<Got, reqwest::Error> {
        let request = self
            .client
            .post(format!("{}/v1/objects", self.url))
            .bearer_auth(token)
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .body(car);
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?.to_vec();
        Ok(Got { status, body })
    }
}

async fn got(response: Response) -> Got {
    let status = response.status().as_u16();
    let body = response
        .bytes()
        .await
        .expect("the answer is whole")
        .to_vec();
    Got { status, body }
}

/// All bytes of an object's upload.
pub fn car(object: &BuiltObject) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::copy(&mut object.car(), &mut bytes).expect("the spool can be read");
    bytes
}
