//! What an S3 bucket keeps of what was deleted: `object_store` does not ask.
//!
//! A bucket with versions, locks or replication answers a deletion with success and keeps the object.
//! Every erasure that rests on it would be confirmed falsely. So such a bucket is refused.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request};
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpConnector, HttpRequestBody, ReqwestConnector};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::ClientOptions;

use crate::store::StoreError;

/// A question is signed for so long.
const SIGNED: Duration = Duration::from_secs(60);

pub struct Bucket {
    s3: Arc<AmazonS3>,
    http: HttpClient,
}

/// A setting of buckets, and how its answer shows that it keeps what was deleted.
struct Setting {
    question: &'static str,
    keeps: fn(&str) -> bool,
    what: &'static str,
    right: &'static str,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        question: "versioning",
        // Also a bucket that no longer makes versions keeps those that it made.
        keeps: |answer| ["Enabled", "Suspended"].iter().any(|on| status(answer, on)),
        what: "versioning is on, or was",
        right: "s3:GetBucketVersioning",
    },
    Setting {
        question: "object-lock",
        keeps: |answer| answer.contains("<ObjectLockEnabled>Enabled"),
        what: "object lock is on",
        right: "s3:GetBucketObjectLockConfiguration",
    },
    Setting {
        question: "replication",
        keeps: |answer| status(answer, "Enabled"),
        what: "replication is on: another bucket has it",
        right: "s3:GetReplicationConfiguration",
    },
];

fn status(answer: &str, value: &str) -> bool {
    answer.contains(&format!("<Status>{value}</Status>"))
}

impl Bucket {
    pub fn new(s3: Arc<AmazonS3>, allow_http: bool) -> Result<Self, StoreError> {
        let options = ClientOptions::new().with_allow_http(allow_http);
        let http = ReqwestConnector::default().connect(&options)?;
        Ok(Self { s3, http })
    }

    /// Errors if the bucket is set to keep what is deleted.
    pub async fn ensure_forgets(&self) -> Result<(), StoreError> {
        for setting in SETTINGS {
            let Setting {
                question, right, ..
            } = setting;
            match self.ask(&[(question, "")]).await? {
                (200, answer) if (setting.keeps)(&answer) => {
                    return Err(StoreError::Keeps(setting.what.into()))
                }
                (200, _) => {}
                // Not set, or a server that knows nothing of it: what is left is looked for as well.
                (400 | 404 | 405 | 501, _) => {}
                (403, _) => {
                    return Err(StoreError::Unavailable(format!(
                        "the bucket's settings cannot be seen: allow {right} to the vault's credentials"
                    )))
                }
                (status, _) => {
                    return Err(StoreError::Unavailable(format!(
                        "the bucket answered {status} to ?{question}"
                    )))
                }
            }
        }
        Ok(())
    }

    /// Errors if any version of anything below is left, where the server can tell.
    pub async fn ensure_nothing_left(&self, prefix: &Path) -> Result<(), StoreError> {
        let question = [("prefix", prefix.as_ref()), ("versions", "")];
        let (status, answer) = self.ask(&question).await?;
        let left = ["<Version>", "<DeleteMarker>"];
        match status == 200 && left.iter().any(|left| answer.contains(left)) {
            true => Err(StoreError::Keeps(
                "a version of what was deleted is still there".into(),
            )),
            false => Ok(()),
        }
    }

    async fn ask(&self, query: &[(&str, &str)]) -> Result<(u16, String), StoreError> {
        let unavailable =
            |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string());
        let options = SignedUrlOptions::new().with_query(query.iter().copied());
        let root = Path::default();
        let url = self
            .s3
            .signed_url_opts(Method::GET, &root, SIGNED, &options);
        let request = Request::get(url.await?.as_str()).body(HttpRequestBody::empty());
        let request = request.map_err(|error| unavailable(&error))?;
        let answer = self.http.execute(request).await;
        let answer = answer.map_err(|error| unavailable(&error))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().bytes().await;
        let body = body.map_err(|error| unavailable(&error))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
