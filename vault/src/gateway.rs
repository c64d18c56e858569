//! The IPFS trustless gateway, for the service accounts of member organisations: blocks and CARs that
//! the receiver verifies by hash.
//!
//! A block is found by its root: the directory's CID, or any block of a directory that the same
//! session has fetched before. A bare CID of some inner block leads nowhere, which also keeps the
//! store free of an index over all blocks.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{header, HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use salus_primitives::{Cid, OrgId, Reference};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::dag;
use crate::dag::{parse, text};
use crate::error::{ApiError, ErrorBody};
use crate::session::Session;
use crate::store::{ObjectId, StoreError};
use crate::Vault;

const RAW: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car";

#[derive(Deserialize, IntoParams)]
pub struct GatewayQuery {
    /// `raw` for the block, `car` for it and everything below. Or name the type in `Accept`.
    format: Option<String>,
    /// Of a CAR: `all` (default) or `block`.
    #[serde(rename = "dag-scope")]
    #[param(rename = "dag-scope")]
    scope: Option<String>,
}

/// Blocks and CARs by CID, for members' services
///
/// Serves objects that the chain names at its finalized head, whole or by block, to the vaults that keep
/// their patient's objects.
#[utoipa::path(
    get,
    path = "/ipfs/{cid}",
    params(("cid" = String, Path, description = "A root, or a block of a root fetched before in this session"), GatewayQuery),
    responses(
        (status = 200, description = "The block or the CAR", content_type = "application/vnd.ipld.car"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
pub async fn gateway(
    State(vault): State<Arc<Vault>>,
    Path(cid): Path<String>,
    Query(query): Query<GatewayQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let session = vault.session(&headers)?;
    let head = vault.rule.head().await?;
    let organisation = match vault.ledger.member(head.hash, &session.account).await? {
        Some(member) if member.is_service() => member.organisation(),
        Some(_) => return Err(ApiError::members_only()),
        None => return Err(vault.stranger(&session.account)),
    };
    let cid = parse(&cid).ok_or_else(|| {
        ApiError::malformed("the address holds no CIDv1 with sha2-256 of raw or dag-pb")
    })?;
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let car = match query.format.as_deref() {
        Some("raw") => false,
        Some("car") => true,
        None if accept.contains(CAR) => true,
        None if accept.contains(RAW) => false,
        _ => {
            return Err(ApiError::malformed(
                "this is a trustless gateway: ask for ?format=raw or ?format=car",
            ))
        }
    };
    let below = match query.scope.as_deref() {
        None | Some("all") => true,
        Some("block") => false,
        Some(_) => {
            return Err(ApiError::malformed(
                "dag-scope is `all` or `block` here: a directory is read with `block`",
            ))
        }
    };
    let room = vault.memory.take(dag::CHUNK).await?;
    let (id, block) = vault.locate(&session, organisation, cid).await?;
    let block = room.hold(block);
    tracing::debug!(block = %text(&cid), object = %text(&id.1), account = %session.account, car, "gateway fetch");

    let (content_type, body) = match car {
        false => (RAW, Body::from(block)),
        true => (
            "application/vnd.ipld.car; version=1; order=dfs; dups=n",
            Body::from_stream(vault.car(id, cid, block, below)),
        ),
    };
    let mut response = Response::new(body);
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    answer.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

impl Vault {
    /// The object that holds a block, if the chain names that object now and this organisation's vault
    /// keeps it, and the block.
    async fn locate(
        &self,
        session: &Session,
        organisation: OrgId,
        cid: Cid,
    ) -> Result<(ObjectId, Bytes), ApiError> {
        let mut candidates: Vec<ObjectId> = session.walked();
        if let Some((kind, _)) = self.store.kind_of(cid).await? {
            candidates.push((kind, cid));
        }
        // The newest first.
        for id in candidates.into_iter().rev() {
            let block = match self.store.block(&id, &cid).await {
                Ok(block) => block,
                Err(StoreError::Missing { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            if self.is_due(&id, organisation).await? {
                session.walk(id);
                return Ok((id, block));
            }
        }
        Err(ApiError::not_found())
    }

    /// Whether the chain names this object, and this organisation's vault is one of its keepers.
    async fn is_due(&self, id: &ObjectId, organisation: OrgId) -> Result<bool, ApiError> {
        let Some(root) = self.store.root(id).await? else {
            return Ok(false);
        };
        let head = self.rule.head().await?;
        let keepers = self.ledger.keepers(head.hash, root.patient).await?;
        if !keepers.contains(&organisation) {
            return Ok(false);
        }
        let named = self
            .ledger
            .reference(head.hash, root.patient, id.0, id.1)
            .await?;
        Ok(named == Reference::Named)
    }

    /// A CARv1 in depth-first order, each block once, read block by block.
    fn car(
        self: &Arc<Self>,
        id: ObjectId,
        root: Cid,
        first: Bytes,
        below: bool,
    ) -> impl stream::Stream<Item = Result<Bytes, ApiError>> + Send {
        let vault = self.clone();
        let opening = dag::car_header(&root).zip(dag::car_block(&root, &first));
        let opening = opening.map(|(header, block)| Bytes::from([header, block].concat()));
        let stack = match below {
            true => dag::children(&root, &first).into_iter().rev().collect(),
            false => Vec::new(),
        };
        let state = (Some(opening), stack, HashSet::from([root]));
        stream::try_unfold(state, move |(opening, mut stack, mut sent)| {
            let vault = vault.clone();
            async move {
                if let Some(opening) = opening {
                    let opening = opening.ok_or_else(ApiError::damaged)?;
                    return Ok(Some((opening, (None, stack, sent))));
                }
                let next = std::iter::from_fn(|| stack.pop()).find(|cid: &Cid| sent.insert(*cid));
                let Some(cid) = next else {
                    return Ok(None);
                };
                let room = vault.memory.take(dag::CHUNK).await?;
                let block = vault.store.block(&id, &cid).await?;
                stack.extend(dag::children(&cid, &block).into_iter().rev());
                let framed = dag::car_block(&cid, &block).ok_or_else(ApiError::damaged)?;
                Ok(Some((room.hold(framed.into()), (None, stack, sent))))
            }
        })
    }
}
