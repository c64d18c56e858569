//! How long somebody outside may keep the vault waiting: a sender who sends nothing, a reader who takes
//! nothing, a member's vault that trickles.
//!
//! Time is charged only while the vault waits for them, and what they move buys time back. So a slow
//! line is no fault, and holding a place for nothing is one. While memory is short, less is borne.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::memory::Memory;

/// How much waiting is borne.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest time without a byte.
    pub silence: Duration,
    /// Bytes that buy one second back.
    pub rate: u64,
    /// The longest time for all of it.
    pub overall: Duration,
}

impl Patience {
    /// With people, on whatever line: 60 kbit/s.
    pub const PEOPLE: Self = Self {
        silence: Duration::from_secs(60),
        rate: 8 * 1024,
        overall: Duration::from_secs(24 * 60 * 60),
    };
    /// With other members' vaults.
    pub const MEMBERS: Self = Self {
        silence: Duration::from_secs(20),
        rate: 128 * 1024,
        overall: Duration::from_secs(24 * 60 * 60),
    };
    /// While memory is short.
    pub const SHORT: Self = Self {
        silence: Duration::from_secs(10),
        rate: 128 * 1024,
        overall: Duration::from_secs(24 * 60 * 60),
    };
}

/// How often to look whether memory is short meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// What is left of a [`Patience`].
#[derive(Debug)]
struct Left {
    patience: Patience,
    time: Duration,
}

impl Left {
    fn new(patience: Patience) -> Self {
        let time = patience.silence;
        Self { patience, time }
    }

    fn is_over(&self, waited: Duration) -> bool {
        waited >= self.time
    }

    fn charge(&mut self, waited: Duration, bytes: usize) {
        let bought = Duration::from_secs_f64(bytes as f64 / self.patience.rate.max(1) as f64);
        self.time = self.time.saturating_sub(waited).saturating_add(bought);
        self.time = self.time.min(self.patience.silence);
    }
}

/// Reads and writes as what it wraps does, but not for ever. Errors: `TimedOut` where patience is over,
/// `ResourceBusy` where it gives way because memory is short.
pub struct Timed<T> {
    inner: T,
    usual: Left,
    short: Left,
    memory: Arc<Memory>,
    ends: Instant,
    /// Since when the other side is waited for.
    since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl<T> Timed<T> {
    pub fn new(inner: T, patience: Patience, memory: Arc<Memory>) -> Self {
        let now = Instant::now();
        Self {
            inner,
            usual: Left::new(patience),
            short: Left::new(Patience {
                silence: patience.silence.min(Patience::SHORT.silence),
                ..Patience::SHORT
            }),
            memory,
            ends: now + patience.overall,
            since: None,
            alarm: Box::pin(tokio::time::sleep_until(now)),
        }
    }

    /// Nothing moved. Ready with the error once that has gone on for too long.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let now = Instant::now();
            let since = *self.since.get_or_insert(now);
            let waited = now.saturating_duration_since(since);
            if self.memory.is_short() && self.short.is_over(waited) {
                return Poll::Ready(io::ErrorKind::ResourceBusy.into());
            }
            if self.usual.is_over(waited) || now >= self.ends {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let next = (since + self.usual.time).min(self.ends).min(now + LOOK);
            self.alarm.as_mut().reset(next);
            ready!(self.alarm.as_mut().poll(cx));
        }
    }

    fn moved(&mut self, bytes: usize) {
        let waited = self
            .since
            .take()
            .map_or(Duration::ZERO, |since| since.elapsed());
        self.usual.charge(waited, bytes);
        self.short.charge(waited, bytes);
    }

    fn settle<V>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<V>>,
        bytes: impl Fn(&V) -> usize,
    ) -> Poll<io::Result<V>> {
        match polled {
            Poll::Ready(result) => {
                self.moved(result.as_ref().map_or(0, bytes));
                Poll::Ready(result)
            }
            Poll::Pending => Poll::Ready(Err(ready!(self.wait(cx)))),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Timed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let bytes = buffer.filled().len() - before;
        self.settle(cx, polled, |()| bytes)
    }
}

/// A connection of which only the writing is timed: that nothing is asked is dealt with elsewhere.
pub struct TimedWrites<T>(Timed<T>);

impl<T> TimedWrites<T> {
    pub fn new(inner: T, patience: Patience, memory: Arc<Memory>) -> Self {
        Self(Timed::new(inner, patience, memory))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedWrites<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedWrites<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.0.inner).poll_write(cx, bytes);
        self.0.settle(cx, polled, |count| *count)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.0.inner).poll_write_vectored(cx, bytes);
        self.0.settle(cx, polled, |count| *count)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{duplex, AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn patience(silence: u64, rate: u64, overall: u64) -> Patience {
        Patience {
            silence: Duration::from_millis(silence),
            rate,
            overall: Duration::from_millis(overall),
        }
    }

    fn memory() -> Arc<Memory> {
        Arc::new(Memory::new(1024))
    }

    #[tokio::test]
    async fn who_is_silent_is_given_up_and_who_moves_is_not() {
        let (mut sender, receiver) = duplex(64);
        let mut timed = Timed::new(receiver, patience(200, 10, 60_000), memory());
        let sending = async {
            // Each byte buys a tenth of a second.
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                sender.write_all(b"x").await.unwrap();
            }
            sender
        };
        let mut all = [0; 10];
        let (_sender, read) = tokio::join!(sending, timed.read_exact(&mut all));
        read.unwrap();
        let error = timed.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_trickles_and_who_takes_for_ever_are_given_up() {
        for patience in [patience(300, 1_000, 60_000), patience(60_000, 1, 300)] {
            let (mut sender, receiver) = duplex(64);
            let mut timed = Timed::new(receiver, patience, memory());
            let sending = async {
                while sender.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let reading = async move {
                let mut all = Vec::new();
                timed.read_to_end(&mut all).await.unwrap_err().kind()
            };
            let (_, kind) = tokio::join!(sending, reading);
            assert_eq!(kind, io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test]
    async fn who_reads_nothing_blocks_no_writer_for_ever() {
        let (_reader, inner) = duplex(64);
        let mut timed = TimedWrites::new(inner, patience(200, 1_000, 60_000), memory());
        let error = timed.write_all(&[0; 1_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_slow_give_way_while_memory_is_short() {
        let memory = memory();
        let _all = memory.take(1024).await.unwrap();
        let (_sender, receiver) = duplex(64);
        let mut timed = Timed::new(receiver, patience(60_000, 1, 60_000), memory.clone());
        timed.short.time = Duration::from_millis(100);
        let mut reading = std::pin::pin!(timed.read_u8());
        let still = tokio::time::timeout(Duration::from_millis(1_500), &mut reading).await;
        assert!(still.is_err(), "nobody waits for memory yet");
        let _waits = tokio::spawn(async move { memory.take(1).await });
        let error = reading.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    }
}
