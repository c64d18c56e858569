//! Two steps of the work at the same time: what one writes, another takes up on a thread of its own.

use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread;

use zeroize::Zeroizing;

use super::unixfs::CHUNK;
use crate::error::{Error, Result};

/// Pieces that wait for the second step.
const WAITING: usize = 2;

type Piece = Zeroizing<Vec<u8>>;

/// Collects what is written, and passes it on in pieces of 1 MiB.
pub struct Ahead {
    pieces: SyncSender<Piece>,
    /// Emptied ones come back.
    spare: Receiver<Piece>,
    piece: Piece,
}

impl Ahead {
    fn pass(&mut self) -> io::Result<()> {
        let next = self.spare.try_recv().unwrap_or_default();
        let piece = mem::replace(&mut self.piece, next);
        self.pieces
            .send(piece)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Write for Ahead {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Of the right capacity from the start: growing would leave copies behind.
        if self.piece.capacity() < CHUNK {
            self.piece.reserve_exact(CHUNK);
        }
        let count = bytes.len().min(CHUNK - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == CHUNK {
            self.pass()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `first`, and `second` on each piece that it writes. Errors with the second step's error, if
/// both have one: it is the cause of the first one's.
pub fn beside<T>(
    first: impl FnOnce(&mut Ahead) -> Result<T>,
    mut second: impl FnMut(&[u8]) -> Result<()> + Send,
) -> Result<T> {
    let (pieces, coming) = sync_channel::<Piece>(WAITING);
    let (emptied, spare) = sync_channel::<Piece>(WAITING + 2);
    thread::scope(|scope| {
        let second = scope.spawn(move || -> Result<()> {
            while let Ok(mut piece) = coming.recv() {
                second(&piece)?;
                piece.clear();
                let _ = emptied.try_send(piece);
            }
            Ok(())
        });
        let mut ahead = Ahead {
            pieces,
            spare,
            piece: Piece::default(),
        };
        let result = first(&mut ahead).and_then(|result| {
            if !ahead.piece.is_empty() {
                ahead.pass().map_err(|e| Error::io("pass on a piece", e))?;
            }
            Ok(result)
        });
        drop(ahead);
        match second.join() {
            Ok(Ok(())) => result,
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::io(
                "finish the work",
                io::Error::other("a thread ended unexpectedly"),
            )),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_arrive_whole_and_in_order() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK + 7] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 31 + i / 977) as u8).collect();
            let mut found = Vec::new();
            let first = |ahead: &mut Ahead| {
                for part in bytes.chunks(65_552) {
                    ahead.write_all(part).unwrap();
                }
                Ok(7)
            };
            let second = |piece: &[u8]| {
                found.extend_from_slice(piece);
                Ok(())
            };
            assert_eq!(beside(first, second).unwrap(), 7);
            assert!(found == bytes, "{length}");
        }
    }

    #[test]
    fn the_cause_of_a_failure_is_told_and_nothing_waits_for_ever() {
        let endless = |ahead: &mut Ahead| -> Result<()> {
            loop {
                ahead
                    .write_all(&[1; 100_000])
                    .map_err(|e| Error::io("write", e))?;
            }
        };
        let full = |_: &[u8]| Err(Error::Unfit("the disk is full".into()));
        let error = beside(endless, full).unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        let error = beside(|_| Err::<(), _>(Error::WrongKey("file")), |_| Ok(()));
        assert!(matches!(error, Err(Error::WrongKey("file"))));
    }
}
