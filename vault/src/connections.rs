//! How connections are let in: no more than there is room for, none for nothing, none for ever.
//!
//! A connection has a time to ask something, and [`crate::patience`] says how slowly its answer may be
//! taken. When all places are taken, the one that has asked nothing for longest gives way.
//!
//! How many requests one account or one address may have under way is counted here, too. A proxy on
//! this machine says in `X-Forwarded-For` for whom it asks.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, Request, Response};
use axum::Router;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use salus_primitives::AccountId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::error::ApiError;
use crate::memory::Memory;
use crate::patience::{Patience, TimedWrites};

/// What one connection reads ahead, and the longest request without its body.
const BUFFER: usize = 64 * 1024;
/// Files that are open beside connections.
const OTHER_FILES: usize = 512;
/// After the machine has refused a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// How many may come, and how long they may ask nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// From one address, unless it is of this machine.
    pub of_address: usize,
    /// Between two requests, and for one to arrive up to its body.
    pub silence: Duration,
}

impl Limits {
    pub const PEOPLE: Self = Self {
        connections: 8_192,
        of_address: 512,
        silence: Duration::from_secs(30),
    };
    pub const OPERATOR: Self = Self {
        connections: 64,
        ..Self::PEOPLE
    };

    /// No more than this process may have files open.
    pub fn fitted(self) -> Self {
        let Some(files) = open_files() else {
            return self;
        };
        let connections = files.saturating_sub(OTHER_FILES).max(64);
        if connections < self.connections {
            tracing::warn!(
                "this process may open only {files} files, and so takes {connections} connections: raise \
                 LimitNOFILE, or `ulimit -n`"
            );
        }
        Self {
            connections: connections.min(self.connections),
            ..self
        }
    }
}

/// How many files this process may have open.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Whose a connection is, as far as one can see; a network where addresses cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

impl Address {
    fn new(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                let [a, b, c, d, ..] = ip.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            ip => Self(ip),
        }
    }

    fn is_ours(&self) -> bool {
        self.0.is_loopback()
    }

    /// Who asks: for a proxy on this machine, whom it names last. None for this machine itself.
    pub fn of_request(&self, headers: &HeaderMap) -> Option<Self> {
        if !self.is_ours() {
            return Some(*self);
        }
        let named = headers.get_all("x-forwarded-for").iter().next_back()?;
        let last = named.to_str().ok()?.rsplit(',').next()?.trim();
        let address = Self::new(last.parse().ok()?);
        (!address.is_ours()).then_some(address)
    }
}

/// Counts of what is under way.
pub struct Counts<K: Eq + Hash> {
    inner: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash> Default for Counts<K> {
    fn default() -> Self {
        Self {
            inner: Arc::default(),
        }
    }
}

impl<K: Eq + Hash + Clone> Counts<K> {
    /// One more, unless there are so many. It counts until it is dropped.
    pub fn enter(&self, key: K, most: usize) -> Option<Counted<K>> {
        let mut counts = lock(&self.inner);
        let count = counts.entry(key.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counted {
            inner: self.inner.clone(),
            key,
        })
    }
}

pub struct Counted<K: Eq + Hash> {
    inner: Arc<Mutex<HashMap<K, usize>>>,
    key: K,
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// Requests that one account may have under way.
pub const MOST_OF_ACCOUNT: usize = 32;
/// Requests that one address may have under way: a hospital behind one is many people.
pub const MOST_OF_ADDRESS: usize = 256;

/// The requests under way.
#[derive(Default)]
pub struct Requests {
    accounts: Counts<AccountId>,
    addresses: Counts<Address>,
}

/// Ends with the answer's last byte.
pub type UnderWay = (Option<Counted<AccountId>>, Option<Counted<Address>>);

impl Requests {
    /// Errors: 429 for who has as many under way as one may.
    pub fn begin(
        &self,
        account: Option<&AccountId>,
        address: Option<Address>,
    ) -> Result<UnderWay, ApiError> {
        let account = match account {
            Some(account) => Some(
                self.accounts
                    .enter(account.clone(), MOST_OF_ACCOUNT)
                    .ok_or_else(|| ApiError::too_many("this account", MOST_OF_ACCOUNT))?,
            ),
            None => None,
        };
        let address = match address {
            Some(address) => Some(
                self.addresses
                    .enter(address, MOST_OF_ADDRESS)
                    .ok_or_else(|| ApiError::too_many("this address", MOST_OF_ADDRESS))?,
            ),
            None => None,
        };
        Ok((account, address))
    }
}

/// A body that keeps something until it has been sent or given up.
struct Keeping<T> {
    body: Body,
    _kept: T,
}

impl<T: Unpin> HttpBody for Keeping<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Lets an answer keep something until its last byte.
pub fn keeping<T: Send + Unpin + 'static>(response: Response<Body>, kept: T) -> Response<Body> {
    response.map(|body| Body::new(Keeping { body, _kept: kept }))
}

/// A listener, and who has come in by it.
struct Door {
    limits: Limits,
    patience: Patience,
    memory: Arc<Memory>,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, Place>,
}

struct Place {
    address: Address,
    /// Requests under way; a pipeline has several.
    busy: usize,
    idle_since: Instant,
    leave: CancellationToken,
}

/// A connection's place, until it is closed.
struct Taken {
    door: Arc<Door>,
    number: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        lock(&self.door.places).taken.remove(&self.number);
    }
}

/// One request under way.
struct Busy(Arc<Taken>);

impl Busy {
    fn new(taken: &Arc<Taken>) -> Self {
        taken.door.change(taken.number, |place| place.busy += 1);
        Self(taken.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.door.change(self.0.number, |place| {
            place.busy = place.busy.saturating_sub(1);
            place.idle_since = Instant::now();
        });
    }
}

impl Door {
    fn change(&self, number: u64, change: impl FnOnce(&mut Place)) {
        if let Some(place) = lock(&self.places).taken.get_mut(&number) {
            change(place);
        }
    }

    /// A place for a connection, of somebody idle if need be. None: all are busy.
    fn let_in(self: &Arc<Self>, address: Address) -> Option<(Taken, CancellationToken)> {
        let mut places = lock(&self.places);
        let of_address = |place: &&Place| place.address == address;
        if !address.is_ours()
            && places.taken.values().filter(of_address).count() >= self.limits.of_address
        {
            places.dismiss(|place| place.address == address)?;
        }
        if places.taken.len() >= self.limits.connections {
            places.dismiss(|_| true)?;
        }
        let number = places.next;
        places.next += 1;
        let leave = CancellationToken::new();
        let place = Place {
            address,
            busy: 0,
            idle_since: Instant::now(),
            leave: leave.clone(),
        };
        places.taken.insert(number, place);
        let door = self.clone();
        Some((Taken { door, number }, leave))
    }

    async fn attend(
        self: Arc<Self>,
        stream: TcpStream,
        address: Address,
        (taken, leave): (Taken, CancellationToken),
        router: Router,
        mut stopping: watch::Receiver<bool>,
    ) {
        // Until it asks something, a connection costs no buffers.
        let asks = tokio::time::timeout(self.limits.silence, stream.readable());
        let asks = tokio::select! {
            asks = asks => matches!(asks, Ok(Ok(()))),
            () = leave.cancelled() => false,
        };
        if !asks {
            return;
        }
        let taken = Arc::new(taken);
        let stream = TimedWrites::new(stream, self.patience, self.memory.clone());
        let service = tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
            let busy = Busy::new(&taken);
            request.extensions_mut().insert(address);
            let answer = router.clone().oneshot(request.map(Body::new));
            async move { Ok::<_, Infallible>(keeping(answer.await?, busy)) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.silence)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut connection = std::pin::pin!(connection);
        let served = tokio::select! {
            served = &mut connection => served,
            () = leave.cancelled() => return,
            () = stops(&mut stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection was cut");
        }
    }
}

impl Places {
    /// Sends away who has asked nothing for longest.
    fn dismiss(&mut self, whom: impl Fn(&Place) -> bool) -> Option<()> {
        let idle = self.taken.iter();
        let idle = idle.filter(|(_, place)| place.busy == 0 && whom(place));
        let (number, _) = idle.min_by_key(|(_, place)| place.idle_since)?;
        let number = *number;
        let place = self.taken.remove(&number)?;
        place.leave.cancel();
        Some(())
    }
}

async fn stops(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Serves until told to stop, and then until the last answer has gone out.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    patience: Patience,
    memory: Arc<Memory>,
    mut stopping: watch::Receiver<bool>,
) {
    let door = Arc::new(Door {
        limits: limits.fitted(),
        patience,
        memory,
        places: Mutex::default(),
    });
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stops(&mut stopping) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let address = Address::new(peer.ip());
                // A small file's headers and body are two writes: the second must not wait.
                let _ = stream.set_nodelay(true);
                if let Some(place) = door.let_in(address) {
                    let (router, stopping) = (router.clone(), stopping.clone());
                    let door = door.clone();
                    connections.spawn(door.attend(stream, address, place, router, stopping));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::new(text.parse().unwrap())
    }

    #[test]
    fn proxy_of_this_machine_says_for_whom_it_asks_and_nobody_else_does() {
        let mut headers = HeaderMap::new();
        assert_eq!(address("127.0.0.1").of_request(&headers), None);
        headers.insert("x-forwarded-for", "10.0.0.1, 192.0.2.7".parse().unwrap());
        let named = Some(address("192.0.2.7"));
        assert_eq!(address("127.0.0.1").of_request(&headers), named);
        assert_eq!(address("::1").of_request(&headers), named);
        let other = address("198.51.100.1");
        assert_eq!(other.of_request(&headers), Some(other));
        headers.insert("x-forwarded-for", "127.0.0.1".parse().unwrap());
        assert_eq!(address("127.0.0.1").of_request(&headers), None);
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.7"), address("192.0.2.7"));
    }

    #[test]
    fn an_account_and_an_address_have_so_many_under_way_and_no_more() {
        let requests = Requests::default();
        let account = AccountId::new([1; 32]);
        let begin = || requests.begin(Some(&account), Some(address("192.0.2.7")));
        let mut under_way: Vec<_> = (0..MOST_OF_ACCOUNT).map(|_| begin().unwrap()).collect();
        assert_eq!(begin().err().unwrap().status.as_u16(), 429);
        // What was refused counts nowhere.
        let free = MOST_OF_ADDRESS - MOST_OF_ACCOUNT;
        let others: Vec<_> = (0..free)
            .map(|_| requests.begin(None, Some(address("192.0.2.7"))).unwrap())
            .collect();
        assert!(requests.begin(None, Some(address("192.0.2.7"))).is_err());
        assert!(requests.begin(None, Some(address("192.0.2.8"))).is_ok());
        drop(others);
        under_way.pop();
        assert!(begin().is_ok());
    }
}
