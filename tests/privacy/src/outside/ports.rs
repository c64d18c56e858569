//! What vaults tell whoever asks, without credentials, at the address that the chain names.

use std::{collections::BTreeMap, time::Duration};

/// Everything that does not name a patient.
const PATHS: [&str; 7] = [
    "/",
    "/health",
    "/metrics",
    "/v1/info",
    "/v1/identity",
    "/v1/copies",
    "/v1/status",
];

/// Status and body of each answer, by address and path.
pub async fn ask(vaults: &[String]) -> BTreeMap<String, String> {
    let client = reqwest::Client::new();
    let mut answers = BTreeMap::new();
    for vault in vaults {
        for path in PATHS {
            let url = format!("{vault}{path}");
            let request = client.get(&url).timeout(Duration::from_secs(5));
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                let body = answer.text().await.unwrap_or_default();
                answers.insert(url, format!("{status} {body}"));
            }
        }
    }
    answers
}
