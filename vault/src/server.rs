//! The HTTP surface: routes, headers, OpenAPI.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{to_bytes, Body};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{header, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use codec::Encode;
use futures::TryStreamExt;
use salus_primitives::{AccountId, LetterStage, Member, Moment, PatientId};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;
use tower_http::cors::{Any, CorsLayer};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::connections::{keeping, Address};
use crate::dag::text;
use crate::error::{ApiError, ErrorBody};
use crate::gateway;
use crate::ledger::EntryId;
use crate::serve::{parse_range, File, Place, Question};
use crate::session::Challenge;
use crate::shares::MAX_SHARE;
use crate::upload::Stored;
use crate::Vault;

/// Names the log entry of an opening.
pub const OPENED: HeaderName = HeaderName::from_static("salus-opened");
const MAX_SESSION_BODY: usize = 16 * 1024;
/// A small body has arrived by then.
const SMALL_BODY: Duration = Duration::from_secs(10);
/// A refused upload is read on for a little, so that its sender gets to see the answer.
const DRAIN: Duration = Duration::from_secs(5);
const MAX_DRAIN: u64 = 64 * 1024 * 1024;

type Answer = Result<Response, ApiError>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Salus vault",
        description = "Keeps encrypted files; hands them out as the chain allows now and has logged."
    ),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("From POST /v1/session; 15 minutes"))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

pub fn router(vault: Arc<Vault>) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(begin_session))
        .routes(routes!(info))
        .routes(routes!(upload))
        .routes(routes!(record))
        .routes(routes!(envelope))
        .routes(routes!(request_letter))
        .routes(routes!(correction_letter))
        .routes(routes!(glass_letter))
        .routes(routes!(glass_package))
        .routes(routes!(dispute))
        .routes(routes!(keyring))
        .routes(routes!(reads))
        .routes(routes!(identity))
        .routes(routes!(keep_share, release_share))
        .routes(routes!(gateway::gateway))
        .routes(routes!(copies))
        .routes(routes!(health))
        .split_for_parts();
    let document = Arc::new(document);
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::RANGE,
            OPENED,
        ])
        .expose_headers([
            header::ETAG,
            header::CONTENT_RANGE,
            header::RETRY_AFTER,
            header::ACCEPT_RANGES,
        ]);
    router
        .route(
            "/openapi.json",
            get(move || {
                let document = document.clone();
                async move { Json((*document).clone()) }
            }),
        )
        .fallback(|| async { ApiError::no_such_route() })
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(vault.clone(), admit))
        .layer(cors)
        .layer(middleware::from_fn_with_state(vault.clone(), count))
        .with_state(vault)
}

/// Why a request was refused, for the figures.
#[derive(Clone, Copy)]
pub struct Refusal(pub &'static str);

async fn count(State(vault): State<Arc<Vault>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    vault.metrics.answered(response.status());
    if let Some(Refusal(reason)) = response.extensions().get::<Refusal>() {
        vault.metrics.refused(reason);
    }
    response
}

/// Lets in as many requests of one account and address as may be under way, until their answers have
/// been sent.
async fn admit(State(vault): State<Arc<Vault>>, request: Request, next: Next) -> Response {
    let session = vault.session(request.headers()).ok();
    let account = session.as_ref().map(|session| &session.account);
    let address = request.extensions().get::<Address>();
    let address = address.and_then(|address| address.of_request(request.headers()));
    match vault.requests.begin(account, address) {
        Ok(under_way) => keeping(next.run(request).await, under_way),
        Err(error) => error.into_response(),
    }
}

/// A body of at most so many bytes, that comes at once.
async fn small_body(body: Body, most: usize, too_large: ApiError) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(SMALL_BODY, to_bytes(body, most)).await {
        Ok(body) => body.map_err(|_| too_large),
        Err(_) => Err(ApiError::too_slow()),
    }
}

/// A challenge that the client composed, and its signature.
#[derive(Deserialize, ToSchema)]
pub struct SessionRequest {
    /// 32 bytes, hexadecimal.
    pub account: String,
    /// Lines: `salus-session/v1`, `genesis: 0x…`, `audience: <organisation>`, `origin: <this vault's URL>`,
    /// `account: 0x…`, `nonce: <32 hexadecimal digits>`, `expires: <ms, at most 5 minutes ahead>`.
    pub challenge: String,
    /// sr25519 over the challenge, plain or wrapped in `<Bytes>`; 64 bytes, hexadecimal.
    pub signature: String,
}

#[derive(Deserialize, Serialize, ToSchema)]
pub struct SessionAnswer {
    /// For `Authorization: Bearer`.
    pub token: String,
    /// Milliseconds since the Unix epoch.
    pub expires_at: Moment,
}

fn unhex<const N: usize>(what: &str, text: &str) -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes).map_err(|_| {
        ApiError::malformed(format!("`{what}` must be {} hexadecimal digits", 2 * N))
    })?;
    Ok(bytes)
}

/// Begin a session
///
/// Exchanges a signed challenge for a token. Members in good standing and controllers of patients only.
#[utoipa::path(
    post, path = "/v1/session", request_body = SessionRequest,
    responses(
        (status = 200, body = SessionAnswer), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
async fn begin_session(State(vault): State<Arc<Vault>>, body: Body) -> Answer {
    let form = || {
        ApiError::malformed("the body must be JSON: {\"account\", \"challenge\", \"signature\"}")
    };
    let body = small_body(body, MAX_SESSION_BODY, form()).await?;
    let request: SessionRequest = serde_json::from_slice(&body).map_err(|_| form())?;
    let account = AccountId::new(unhex("account", &request.account)?);
    let signature = unhex("signature", &request.signature)?;
    let now = (vault.clock)();
    let challenge = Challenge::verify(
        &vault.settings.audience,
        &account,
        &request.challenge,
        &signature,
        now,
    )?;
    let head = vault.rule.head().await?;
    let known = vault.ledger.member(head.hash, &account).await?.is_some()
        || !vault
            .ledger
            .controlled_by(head.hash, &account)
            .await?
            .is_empty();
    if !known {
        return Err(vault.stranger(&account));
    }
    let (token, expires_at) = vault.sessions.redeem(challenge, now)?;
    let mut response = Json(SessionAnswer { token, expires_at }).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What a client needs to compose a challenge.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Info {
    pub organisation: u32,
    pub genesis: String,
    /// The base URL that challenges must name.
    pub origin: String,
    /// The account that logs this vault's deliveries.
    pub service_account: String,
    pub version: String,
}

/// About this vault
#[utoipa::path(get, path = "/v1/info", responses((status = 200, body = Info)))]
async fn info(State(vault): State<Arc<Vault>>) -> Json<Info> {
    let audience = &vault.settings.audience;
    Json(Info {
        organisation: audience.organisation,
        genesis: format!("0x{}", hex::encode(audience.genesis)),
        origin: audience.origin.clone(),
        service_account: format!(
            "0x{}",
            hex::encode(AsRef::<[u8; 32]>::as_ref(&vault.settings.service_account))
        ),
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

/// Upload an object
///
/// The body is a CARv1 whose root is a UnixFS directory with a binding by this session's account.
/// Or its root is that binding, so that the object can be sent while it is made: then the binding
/// comes first, and the directory last.
/// 201 means that the whole object is on disk. Uploading the same object again repairs it.
#[utoipa::path(
    post, path = "/v1/objects",
    request_body(content = Vec<u8>, content_type = "application/vnd.ipld.car"),
    responses(
        (status = 201, body = Stored), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 408, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn upload(State(vault): State<Arc<Vault>>, headers: HeaderMap, body: Body) -> Answer {
    let session = vault.session(&headers)?;
    let account = session.account.clone();
    // A task of its own: when the sender goes away, this handler is dropped and the task clears up.
    let task = tokio::spawn(async move {
        let mut body = StreamReader::new(body.into_data_stream().map_err(std::io::Error::other));
        let result = vault.receive(account, &mut body).await;
        if result.is_err() {
            drain(body).await;
        }
        result
    });
    let stored = task.await.map_err(|error| {
        tracing::error!(%error, "an upload ended unexpectedly");
        ApiError::storage_unavailable()
    })??;
    Ok((StatusCode::CREATED, Json(stored)).into_response())
}

async fn drain(body: impl AsyncRead + Unpin) {
    let mut rest = body.take(MAX_DRAIN);
    let mut nowhere = tokio::io::sink();
    // Whatever happens, the answer follows.
    let _ = tokio::time::timeout(DRAIN, tokio::io::copy(&mut rest, &mut nowhere)).await;
}

#[derive(Deserialize, IntoParams)]
struct PartQuery {
    /// `body` (default), `seal` (of envelopes), `binding`, or `directory`: the root block.
    part: Option<String>,
}

impl PartQuery {
    fn file(&self) -> Result<File, ApiError> {
        match self.part.as_deref() {
            None | Some("body") => Ok(File::Body),
            Some("seal") => Ok(File::Seal),
            Some("binding") => Ok(File::Binding),
            Some("directory") => Ok(File::Directory),
            Some(_) => Err(ApiError::malformed(
                "`part` is `body`, `seal`, `binding` or `directory`",
            )),
        }
    }
}

/// A part of a record
///
/// `directory` is the root block, `binding` the clear binding, `manifest` and `payload` are age files.
#[utoipa::path(
    get, path = "/v1/patients/{patient}/records/{index}/{part}",
    params(
        ("patient" = String, Path, description = "32 hexadecimal digits"),
        ("index" = u32, Path),
        ("part" = String, Path, description = "directory, binding, manifest or payload"),
        ("Salus-Opened" = Option<String>, Header, description = "Unless you control the patient: <block hash>:<event index> of the finalized Opened entry"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        (status = 200, description = "The part", content_type = "application/octet-stream"),
        (status = 206, description = "A range of it", content_type = "application/octet-stream"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 410, body = ErrorBody, description = "Other vaults keep this patient's files"),
        (status = 416, body = ErrorBody), (status = 500, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn record(
    State(vault): State<Arc<Vault>>,
    Path((patient, index, part)): Path<(String, String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let file = match part.as_str() {
        "directory" => File::Directory,
        "binding" => File::Binding,
        "manifest" => File::Manifest,
        "payload" => File::Payload,
        _ => return Err(ApiError::no_such_route()),
    };
    let place = Place::Record(id(&patient)?, number(&index)?);
    vault.serve(place, file, &method, &headers).await
}

/// An envelope of a grant
#[utoipa::path(
    get, path = "/v1/patients/{patient}/grants/{grant}/envelopes/{number}",
    params(
        ("patient" = String, Path), ("grant" = u32, Path), ("number" = u32, Path, description = "Counts the grant's envelopes from 0"),
        ("Salus-Opened" = Option<String>, Header, description = "An entry under this grant, unless you control the patient"),
        PartQuery,
    ),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn envelope(
    State(vault): State<Arc<Vault>>,
    Path((patient, grant, index)): Path<(String, String, String)>,
    Query(query): Query<PartQuery>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let place = Place::Envelope(id(&patient)?, number(&grant)?, number(&index)?);
    vault.serve(place, query.file()?, &method, &headers).await
}

/// The letter of a request for access: for the patient and for who asked
#[utoipa::path(
    get, path = "/v1/patients/{patient}/requests/{request}/letter",
    params(("patient" = String, Path), ("request" = u32, Path), PartQuery),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn request_letter(
    State(vault): State<Arc<Vault>>,
    Path((patient, request)): Path<(String, String)>,
    Query(query): Query<PartQuery>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let place = Place::RequestLetter(id(&patient)?, number(&request)?);
    vault.serve(place, query.file()?, &method, &headers).await
}

/// A letter of a correction: for those whom the chain lets have it
#[utoipa::path(
    get, path = "/v1/patients/{patient}/corrections/{correction}/letters/{stage}",
    params(
        ("patient" = String, Path), ("correction" = u32, Path),
        ("stage" = String, Path, description = "request, answer, disagreement or rebuttal"),
        PartQuery,
    ),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn correction_letter(
    State(vault): State<Arc<Vault>>,
    Path((patient, correction, stage)): Path<(String, String, String)>,
    Query(query): Query<PartQuery>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let stage = match stage.as_str() {
        "request" => LetterStage::Request,
        "answer" => LetterStage::Answer,
        "disagreement" => LetterStage::Disagreement,
        "rebuttal" => LetterStage::Rebuttal,
        _ => return Err(ApiError::no_such_route()),
    };
    let place = Place::CorrectionLetter(id(&patient)?, number(&correction)?, stage);
    vault.serve(place, query.file()?, &method, &headers).await
}

/// Why a glass was broken: for the patient, for who broke it, and for who reviews it
#[utoipa::path(
    get, path = "/v1/patients/{patient}/glasses/{glass}/letter",
    params(("patient" = String, Path), ("glass" = u32, Path), PartQuery),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn glass_letter(
    State(vault): State<Arc<Vault>>,
    Path((patient, glass)): Path<(String, String)>,
    Query(query): Query<PartQuery>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let place = Place::GlassLetter(id(&patient)?, number(&glass)?);
    vault.serve(place, query.file()?, &method, &headers).await
}

/// The package of the emergency plan that a glass was broken under: for who broke it, while it lasts
#[utoipa::path(
    get, path = "/v1/patients/{patient}/glasses/{glass}/package",
    params(("patient" = String, Path), ("glass" = u32, Path), PartQuery),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn glass_package(
    State(vault): State<Arc<Vault>>,
    Path((patient, glass)): Path<(String, String)>,
    Query(query): Query<PartQuery>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let place = Place::Package(id(&patient)?, number(&glass)?);
    vault.serve(place, query.file()?, &method, &headers).await
}

/// What the patient says against a broken glass: for the patient and for who reviews it
#[utoipa::path(
    get, path = "/v1/patients/{patient}/glasses/{glass}/dispute",
    params(("patient" = String, Path), ("glass" = u32, Path), PartQuery),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn dispute(
    State(vault): State<Arc<Vault>>,
    Path((patient, glass)): Path<(String, String)>,
    Query(query): Query<PartQuery>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let place = Place::Dispute(id(&patient)?, number(&glass)?);
    vault.serve(place, query.file()?, &method, &headers).await
}

/// A patient's encrypted keyring: for the patient's controllers
#[utoipa::path(
    get, path = "/v1/patients/{patient}/keyring",
    params(("patient" = String, Path), PartQuery),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn keyring(
    State(vault): State<Arc<Vault>>,
    Path(patient): Path<String>,
    Query(query): Query<PartQuery>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let place = Place::Keyring(id(&patient)?);
    vault.serve(place, query.file()?, &method, &headers).await
}

/// A patient's own reads at this vault
///
/// For owners and guardians. SCALE of the log, whose entries are encrypted to the patient's inbox, and of
/// its proof against what this vault has committed on the chain.
#[utoipa::path(
    get, path = "/v1/patients/{patient}/reads",
    params(("patient" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 200, description = "The log and its proof", content_type = "application/octet-stream"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn reads(
    State(vault): State<Arc<Vault>>,
    Path(patient): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let session = vault.session(&headers)?;
    let told = vault.tell_reads(&session.account, id(&patient)?).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, told.encode()).into_response())
}

/// Whose vault this is, and the key that shares of emergency plans are encrypted to.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Identity {
    pub organisation: u32,
    /// The service account, SS58. Check on the chain that it is a service of that organisation.
    pub account: String,
    /// `age1…`, to compare: take the key that the chain names for the account.
    pub recipient: String,
}

/// This vault's own key
#[utoipa::path(get, path = "/v1/identity", responses((status = 200, body = Identity), (status = 404, body = ErrorBody)))]
async fn identity(State(vault): State<Arc<Vault>>) -> Result<Json<Identity>, ApiError> {
    Ok(Json(Identity {
        organisation: vault.settings.audience.organisation,
        account: vault.settings.service_account.to_string(),
        recipient: vault.identity()?.public().to_string(),
    }))
}

/// Deal this vault its share of a patient's emergency plan
///
/// For owners and guardians. The body is an age file to the vault's key. 204 means that the share is on
/// disk, or was there already.
#[utoipa::path(
    put, path = "/v1/patients/{patient}/emergency-share",
    params(("patient" = String, Path, description = "32 hexadecimal digits")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "The share is kept"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 503, body = ErrorBody), (status = 507, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn keep_share(
    State(vault): State<Arc<Vault>>,
    Path(patient): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let session = vault.session(&headers)?;
    let patient = id(&patient)?;
    let too_large = ApiError::too_large(format!(
        "a share has at most {MAX_SHARE} bytes: send the age file of one share, and nothing else"
    ));
    let sealed = small_body(body, MAX_SHARE, too_large).await?;
    vault.keep_share(&session.account, patient, sealed).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize, IntoParams)]
struct GlassQuery {
    /// The number of the glass that this account has broken.
    #[param(value_type = u32, required = true)]
    glass: Option<String>,
}

/// This vault's share of a patient's emergency plan, for who has broken the glass
///
/// Once that is finalized, and while the glass lasts. The share is encrypted to the key that
/// the account has published.
#[utoipa::path(
    get, path = "/v1/patients/{patient}/emergency-share",
    params(("patient" = String, Path, description = "32 hexadecimal digits"), GlassQuery),
    responses(
        (status = 200, description = "An age file", content_type = "application/octet-stream"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn release_share(
    State(vault): State<Arc<Vault>>,
    Path(patient): Path<String>,
    Query(query): Query<GlassQuery>,
    headers: HeaderMap,
) -> Answer {
    let session = vault.session(&headers)?;
    let glass = query.glass.ok_or_else(|| {
        ApiError::malformed("name the glass that was broken: `?glass=` and its number")
    })?;
    let (patient, glass) = (id(&patient)?, number(&glass)?);
    let sealed = vault
        .release_share(&session.account, patient, glass)
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, sealed).into_response())
}

fn id(text: &str) -> Result<PatientId, ApiError> {
    text.parse().map_err(|_| {
        ApiError::malformed("a patient is named by 32 hexadecimal digits in the address")
    })
}

fn number(text: &str) -> Result<u32, ApiError> {
    text.parse()
        .map_err(|_| ApiError::malformed("an index in the address must be a whole number"))
}

impl Vault {
    async fn serve(
        self: &Arc<Self>,
        place: Place,
        file: File,
        method: &Method,
        headers: &HeaderMap,
    ) -> Answer {
        let session = self.session(headers)?;
        let text_of = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let entry = match headers.get(OPENED) {
            None => None,
            Some(value) => Some(
                value
                    .to_str()
                    .unwrap_or_default()
                    .parse::<EntryId>()
                    .map_err(|what| ApiError::malformed(format!("`Salus-Opened`: {what}")))?,
            ),
        };
        let question = Question {
            reader: session.account.clone(),
            place,
            file,
            entry,
        };
        let permit = self.rule.decide(&question).await?;
        let found = self.find(&question, &permit).await?;
        let etag = format!("\"{}\"", text(&found.cid));
        // A range of another version of the part would be spliced into this one.
        let range = match text_of(&header::IF_RANGE) {
            Some(known) if known != etag => None,
            _ => parse_range(text_of(&header::RANGE), found.length)?,
        };
        let (status, range) = match range {
            Some(range) => (StatusCode::PARTIAL_CONTENT, range),
            None => (StatusCode::OK, 0..found.length),
        };
        let length = range.end - range.start;
        let content_range = format!(
            "bytes {}-{}/{}",
            range.start,
            range.end.saturating_sub(1),
            found.length
        );
        let body = match *method == Method::HEAD {
            true => Body::empty(),
            false => {
                let stream = self
                    .stream(question.clone(), permit.clone(), &found, range)
                    .await?;
                self.note(&question, &permit).await?;
                Body::from_stream(stream)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let answer = response.headers_mut();
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| ApiError::malformed("unprintable header"))
        };
        answer.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        answer.insert(header::ETAG, value(&etag)?);
        answer.insert(header::CONTENT_LENGTH, value(&length.to_string())?);
        if status == StatusCode::PARTIAL_CONTENT {
            answer.insert(header::CONTENT_RANGE, value(&content_range)?);
        }
        Ok(response)
    }
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok` or `chain-unavailable`.
    status: &'static str,
    /// The number of the newest finalized block.
    finalized: Option<u32>,
}

/// Whether the vault can decide now
#[utoipa::path(get, path = "/health", responses((status = 200, body = Health), (status = 503, body = Health)))]
async fn health(State(vault): State<Arc<Vault>>) -> Response {
    let head = vault.rule.head().await.ok();
    let (status, word) = match head {
        Some(_) => (StatusCode::OK, "ok"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "chain-unavailable"),
    };
    let health = Health {
        status: word,
        finalized: head.map(|head| head.number),
    };
    (status, Json(health)).into_response()
}

/// How this vault stands with what it must keep. Times are in seconds since the Unix epoch, rounded
/// down to a quarter of an hour; 0: not yet.
#[derive(Serialize, ToSchema)]
struct CopiesStatus {
    organisation: u32,
    /// Objects that must be here and are, and their bytes, when the last quarter of an hour ended:
    /// rounded down to a power of two, and 0 for few.
    held: u64,
    bytes: u64,
    /// Objects that must be here and are not, or are damaged, as counted within the last minute.
    missing: usize,
    repaired: u64,
    damaged_blocks: u64,
    round_finished: i64,
    scrub_finished: i64,
}

/// How this vault stands with its copies
///
/// For admins and services of organisations in good standing.
#[utoipa::path(
    get, path = "/v1/copies",
    responses(
        (status = 200, body = CopiesStatus), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn copies(
    State(vault): State<Arc<Vault>>,
    headers: HeaderMap,
) -> Result<Json<CopiesStatus>, ApiError> {
    let session = vault.session(&headers)?;
    let head = vault.rule.head().await?;
    match vault.ledger.member(head.hash, &session.account).await? {
        Some(member) if member.is_service() => {}
        Some(Member::Admin { .. }) => {}
        _ => return Err(ApiError::peers_only()),
    }
    let metrics = &vault.metrics;
    Ok(Json(CopiesStatus {
        organisation: vault.settings.audience.organisation,
        held: metrics.copies_held.told(),
        bytes: metrics.copies_bytes.told(),
        missing: vault.copies.missing_lately((vault.clock)()),
        repaired: metrics.copies_repaired.get(),
        damaged_blocks: metrics.blocks_damaged.get(),
        round_finished: metrics.round_finished.get(),
        scrub_finished: metrics.scrub_finished.get(),
    }))
}
