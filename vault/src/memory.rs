//! One budget for the blocks that all requests together have in memory. Who finds no room waits, and so
//! does who sends to them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// The budget is counted in pieces of this many bytes.
const PIECE: u64 = 1024;
/// Who has found no room for so long is sent away, to come again.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Memory {
    room: Arc<Semaphore>,
    pieces: u32,
    waiting: AtomicUsize,
}

/// Room that was taken. Given back when dropped.
#[derive(Debug)]
pub struct Room(#[allow(dead_code)] OwnedSemaphorePermit);

/// Bytes with the room that they take.
struct Held {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Room {
    /// Gives the room back when the last of these bytes has been dropped.
    pub fn hold(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _room: self })
    }
}

/// Counts who waits, also where the waiting is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Memory {
    pub fn new(bytes: u64) -> Self {
        let pieces = u32::try_from(bytes / PIECE).unwrap_or(u32::MAX).max(1);
        Self {
            room: Arc::new(Semaphore::new(pieces as usize)),
            pieces,
            waiting: AtomicUsize::new(0),
        }
    }

    /// Takes room for so many bytes, in the order of asking. Error: 503 if there is none for long.
    pub async fn take(&self, bytes: u64) -> Result<Room, ApiError> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX);
        // More than there is altogether waits for all of it.
        let pieces = pieces.clamp(1, self.pieces);
        if let Ok(room) = self.room.clone().try_acquire_many_owned(pieces) {
            return Ok(Room(room));
        }
        let _waiting = Waiting::new(&self.waiting);
        let room = self.room.clone().acquire_many_owned(pieces);
        match tokio::time::timeout(PATIENCE, room).await {
            Ok(Ok(room)) => Ok(Room(room)),
            _ => Err(ApiError::busy()),
        }
    }

    /// Whether somebody waits for room: then the slowest give way ([`crate::patience`]).
    pub fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_comes_back_with_the_last_of_its_bytes() {
        let memory = Memory::new(2 * PIECE);
        let held = memory.take(PIECE + 1).await.unwrap();
        let bytes = held.hold(Bytes::from_static(b"block"));
        let part = bytes.slice(1..2);
        drop(bytes);
        assert!(!memory.is_short());
        let mut next = std::pin::pin!(memory.take(1));
        assert!(futures::poll!(&mut next).is_pending());
        assert!(memory.is_short());
        drop(part);
        next.await.unwrap();
        assert!(!memory.is_short());
    }

    #[tokio::test]
    async fn more_than_all_there_is_takes_all_of_it() {
        let memory = Memory::new(2 * PIECE);
        let all = memory.take(u64::MAX).await.unwrap();
        assert_eq!(memory.room.available_permits(), 0);
        drop(all);
        assert_eq!(memory.room.available_permits(), 2);
    }
}
