//! Uploading an object while it is made.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream;
use reqwest::{header, Body, Method};
use salus_primitives::Cid;
use tokio::sync::mpsc;

use super::{lock, Session, Stored};
use crate::error::{Error, Result};
use crate::files::car::MEDIA_TYPE;

/// Pieces of at most 1 MiB that wait to be sent.
const WAITING: usize = 4;

/// Takes an object's CAR, piece by piece, for a vault.
pub struct CarSink {
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

impl CarSink {
    /// Waits while the vault is behind. Errors once nobody takes more.
    pub fn put(&mut self, piece: Bytes) -> io::Result<()> {
        self.pieces
            .blocking_send(Ok(piece))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// What the maker of one attempt told in the end.
type Made<T> = Arc<Mutex<Option<(Cid, T)>>>;

impl Session<'_> {
    /// Uploads an object while it is made: `make` hands its CAR to the sink, on a thread of its own
    /// and anew for each attempt, and tells the object's CID. If it fails, the upload fails with it.
    ///
    /// Returns once the whole object is on the vault's disk, under that CID.
    pub async fn send<T: Send + 'static>(
        &self,
        make: impl Fn(&mut CarSink) -> Result<(Cid, T)> + Clone + Send + Sync + 'static,
    ) -> Result<T> {
        let path = "/v1/objects";
        let latest: Mutex<Made<T>> = Mutex::default();
        let (failures, mut failed) = mpsc::channel(1);
        let uploading = self.request(Method::POST, path, |request| {
            let made = Made::default();
            *lock(&latest) = made.clone();
            request.header(header::CONTENT_TYPE, MEDIA_TYPE).body(begin(
                make.clone(),
                made,
                failures.clone(),
            ))
        });
        let response = tokio::select! {
            biased;
            Some(failure) = failed.recv() => return Err(failure),
            response = uploading => response?,
        };
        let stored: Stored = self.vault().json(path, response).await?;
        let made = lock(&lock(&latest)).take();
        // A vault that confirms before it has everything confirms something else.
        let (cid, made) = made.ok_or_else(|| {
            Error::io(
                "upload",
                io::Error::other("the vault confirmed an object that it has not got"),
            )
        })?;
        stored.ensure_is(&cid)?;
        Ok(made)
    }
}

/// Starts one attempt.
fn begin<T: Send + 'static>(
    make: impl Fn(&mut CarSink) -> Result<(Cid, T)> + Send + 'static,
    made: Made<T>,
    failures: mpsc::Sender<Error>,
) -> Body {
    let (pieces, coming) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut sink = CarSink { pieces };
        match make(&mut sink) {
            // Before the body ends, so that the vault cannot answer earlier.
            Ok(done) => *lock(&made) = Some(done),
            // It ended because the connection did: that is told by the request.
            Err(_) if sink.pieces.is_closed() => {}
            Err(error) => {
                let _ = failures.try_send(error);
                // So that the body does not look complete.
                let _ = sink.pieces.blocking_send(Err(io::ErrorKind::Other.into()));
            }
        }
    });
    Body::wrap_stream(stream::unfold(coming, |mut coming| async move {
        coming.recv().await.map(|piece| (piece, coming))
    }))
}
