//! A patient's trail: every event about them, read from any node, proven by nobody's word.
//!
//! Each entry's hash covers the one before it, and the chain keeps the last one, the *head*. The
//! head names the block of the last entry; that block's events and the head one block earlier lead
//! to the entry before, and so on to the first. See [`salus_primitives::TrailHead`].
//!
//! ```
//! use salus_client::trail::{verify, TrailError};
//! use salus_primitives::{Genesis, PatientId, TrailHead};
//!
//! let (genesis, patient) = (Genesis::repeat_byte(1), PatientId([2; 16]));
//! let head = TrailHead::start(&genesis, &patient);
//! assert!(verify(&[], &head, &genesis, &patient, None).is_ok());
//!
//! let longer = TrailHead { count: 1, ..head };
//! let result = verify(&[], &longer, &genesis, &patient, None);
//! assert!(matches!(result, Err(TrailError::Missing { first: 1, last: 1 })));
//! ```

use codec::Encode;
use futures::{StreamExt, TryStreamExt};
use salus_primitives::{BlockNumber, Genesis, Moment, PatientId, TrailHead};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sp_core::H256;

use crate::chain::{
    decode,
    events::{decode_events_where, hex_bytes, RawEvent, NO_EVENTS},
    storage_key, storage_prefix, Block, Chain, ChainError,
};

/// Segments of a trail that are read at the same time.
const PARALLEL: usize = 8;
/// Blocks before an entry whose hashes are asked for with its own.
const WINDOW: BlockNumber = 32;

/// One entry of a trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// Counts a patient's entries from 1.
    pub n: u64,
    pub block: BlockNumber,
    pub block_hash: H256,
    /// Its place among the events of its block. Block hash and index name an entry to a vault.
    pub event_index: u32,
    /// The chain's clock in its block.
    pub moment: Moment,
    pub pallet: String,
    pub variant: String,
    /// What `event` says, to be read. Only `event` itself is proven: see [`check_readings`].
    pub fields: Value,
    /// SCALE of the `RuntimeEvent`.
    #[serde(with = "hex_bytes")]
    pub event: Vec<u8>,
    /// The hash of the trail up to this entry, as the reader found it.
    pub digest: H256,
}

/// A trail as it was read, with the head that it must lead to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trail {
    pub genesis: Genesis,
    #[serde(with = "patient_text")]
    pub patient: PatientId,
    /// The finalized block whose state holds the head.
    pub at: BlockNumber,
    pub head: Head,
    pub entries: Vec<TrailEntry>,
}

/// [`TrailHead`] in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub count: u64,
    pub digest: H256,
    pub last_block: BlockNumber,
    pub checkpoint: BlockNumber,
}

/// A head that was verified before. The trail of today must extend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenHead {
    pub count: u64,
    pub digest: H256,
}

impl From<TrailHead> for Head {
    fn from(head: TrailHead) -> Self {
        Self {
            count: head.count,
            digest: head.digest,
            last_block: head.last_block,
            checkpoint: head.checkpoint,
        }
    }
}

impl From<Head> for TrailHead {
    fn from(head: Head) -> Self {
        Self {
            count: head.count,
            digest: head.digest,
            last_block: head.last_block,
            checkpoint: head.checkpoint,
        }
    }
}

impl From<&TrailHead> for SeenHead {
    fn from(head: &TrailHead) -> Self {
        Self {
            count: head.count,
            digest: head.digest,
        }
    }
}

impl Trail {
    /// See [`verify`].
    pub fn verify(&self, seen: Option<&SeenHead>) -> Result<(), TrailError> {
        let head = self.head.into();
        verify(&self.entries, &head, &self.genesis, &self.patient, seen)
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrailError {
    #[error(
        "the trail is not whole: entries {first} to {last} are missing. Read it again, from another \
         node if that does not help, and tell your organisation"
    )]
    Missing { first: u64, last: u64 },

    #[error(
        "entry {n} of the trail, or another one of its block, is not the one the chain keeps. \
         Read it again, from another node if that does not help, and tell your organisation"
    )]
    Changed { n: u64 },

    #[error(
        "the trail has more entries ({found}) than the chain counts ({expected}): some were added"
    )]
    Added { expected: u64, found: u64 },

    #[error(
        "the trail does not extend the one seen before, of {seen} entries: the past was rewritten, \
         or the node is on another chain. Ask another node, and tell your organisation"
    )]
    NotAnExtension { seen: u64 },

    #[error("entry {n} is said to be `{said}`, but it is `{found}`. Read the trail again")]
    Misread { n: u64, said: String, found: String },

    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// Reads a patient's trail up to the newest finalized block.
///
/// Needs a node with the state of the blocks that hold entries, and of the blocks before them: an
/// archive, for a long trail. What it returns is what the node says; [`verify`] it.
pub async fn read(chain: &Chain, patient: PatientId) -> Result<Trail, ChainError> {
    let finalized = chain.finalized().await?;
    read_at(chain, patient, finalized).await
}

/// As [`read`], up to this finalized block.
pub async fn read_at(
    chain: &Chain,
    patient: PatientId,
    finalized: Block,
) -> Result<Trail, ChainError> {
    chain.learn_versions(finalized).await?;
    let read = |chain: Chain, id| async move { read_alone(&chain, id, finalized).await };
    // The blocks that are asked for name the patient as well as the id does.
    chain.among(patient, read).await
}

async fn read_alone(
    chain: &Chain,
    patient: PatientId,
    finalized: Block,
) -> Result<Trail, ChainError> {
    let reader = Reader { chain, patient };
    let head = reader.head(finalized.hash).await?;
    let segments = reader.segments(head).await?;
    let readings: Vec<_> = segments
        .into_iter()
        .map(|segment| reader.segment(segment))
        .collect();
    let segments: Vec<Vec<TrailEntry>> = futures::stream::iter(readings)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    // Segments, and the entries in them, come newest first.
    let entries = segments.into_iter().rev().flatten().collect();
    Ok(Trail {
        genesis: chain.genesis(),
        patient,
        at: finalized.number,
        head: head.into(),
        entries,
    })
}

/// The head of a patient's trail in the state of this block.
pub async fn head(chain: &Chain, patient: PatientId, at: H256) -> Result<TrailHead, ChainError> {
    let head = |chain: Chain, id| async move {
        let (chain, patient) = (&chain, id);
        Reader { chain, patient }.head(at).await
    };
    chain.among(patient, head).await
}

/// Where a segment's last entry is, and the block up to which it reaches back, without it.
#[derive(Clone, Copy)]
struct Segment {
    head: TrailHead,
    down_to: BlockNumber,
}

struct Reader<'a> {
    chain: &'a Chain,
    patient: PatientId,
}

impl Reader<'_> {
    async fn head(&self, at: H256) -> Result<TrailHead, ChainError> {
        let head = self.chain.storage(&self.head_key(), at).await?;
        Ok(head.unwrap_or_else(|| self.start()))
    }

    fn head_key(&self) -> Vec<u8> {
        storage_key("AccessLog", "TrailHeads", &self.patient.encode())
    }

    fn start(&self) -> TrailHead {
        TrailHead::start(&self.chain.genesis(), &self.patient)
    }

    /// The heads that end a segment, newest first: this one, and one at each checkpoint.
    async fn segments(&self, newest: TrailHead) -> Result<Vec<Segment>, ChainError> {
        let mut segments = Vec::new();
        let mut head = newest;
        loop {
            // The checkpoint of a head that is itself in the checkpoint's block lies further back.
            let mut checkpoint = head.checkpoint;
            if checkpoint == head.last_block && checkpoint > 0 {
                let before = self.chain.block_at(checkpoint - 1).await?;
                checkpoint = self.head(before.hash).await?.checkpoint;
            }
            if checkpoint >= head.last_block {
                checkpoint = 0;
            }
            segments.push(Segment {
                head,
                down_to: checkpoint,
            });
            if checkpoint == 0 {
                return Ok(segments);
            }
            let block = self.chain.block_at(checkpoint).await?;
            head = self.head(block.hash).await?;
            // Segments must lead back, or a node could keep us for ever.
            if head.last_block != checkpoint {
                return Err(ChainError::unreadable(
                    "a trail's checkpoint",
                    format!("block {checkpoint} holds no entry"),
                ));
            }
        }
    }

    /// The entries of a segment, in ascending order.
    async fn segment(&self, segment: Segment) -> Result<Vec<TrailEntry>, ChainError> {
        let mut head = segment.head;
        let mut blocks = Vec::new();
        let mut window = Vec::new();
        let mut ahead: Option<State> = None;
        while head.count > 0 && head.last_block > segment.down_to {
            let number = head.last_block;
            if !window
                .iter()
                .any(|block: &Block| block.number == number - 1)
            {
                let first = number.saturating_sub(WINDOW).max(segment.down_to);
                window = self.chain.blocks_at(first..=number).await?;
            }
            let block = |number: BlockNumber| {
                let mut window = window.iter();
                let found = window.find(|block: &&Block| block.number == number);
                found.copied().ok_or_else(|| ChainError::BlockUnknown {
                    block: number.to_string(),
                })
            };
            let (block, parent) = (block(number)?, block(number - 1)?);
            // Long trails are dense: the block before an entry often holds one, too.
            let state = match ahead.filter(|state| state.block == block) {
                Some(state) => state,
                None => self.state(block).await?,
            };
            let before = self.state(parent).await?;
            // A node that leads us in circles must not keep us for ever.
            if before.head.last_block >= head.last_block {
                return Err(ChainError::unreadable(
                    "a trail's head",
                    format!("block {} does not lead back", head.last_block),
                ));
            }
            blocks.push(self.entries(head, before.head, state, parent).await?);
            head = before.head;
            ahead = Some(before);
        }
        Ok(blocks.into_iter().rev().flatten().collect())
    }

    async fn state(&self, block: Block) -> Result<State, ChainError> {
        let keys = [
            storage_prefix("System", "Events"),
            storage_prefix("Timestamp", "Now"),
            self.head_key(),
        ];
        let mut values = self.chain.values(&keys, block.hash).await?.into_iter();
        let mut next = || values.next().flatten();
        let (events, moment, head) = (next(), next(), next());
        Ok(State {
            block,
            events: events.unwrap_or_else(|| NO_EVENTS.to_vec()),
            moment: moment.map_or(Ok(0), |moment| decode(&moment))?,
            head: head.map_or_else(|| Ok(self.start()), |head| decode(&head))?,
        })
    }

    /// The entries in a block with this head, after the head before it.
    async fn entries(
        &self,
        head: TrailHead,
        before: TrailHead,
        state: State,
        parent: Block,
    ) -> Result<Vec<TrailEntry>, ChainError> {
        let State { block, moment, .. } = state;
        let runtime = self.chain.runtime_that_made(block, parent.hash).await?;
        // Only an event that holds the patient's id can be about the patient.
        let names_patient =
            |event: &RawEvent| event.bytes.windows(16).any(|id| *id == self.patient.0);
        let events = decode_events_where(&state.events, &runtime.metadata, names_patient)?;
        let mut running = before;
        let mut entries = Vec::new();
        for event in events {
            if event.patient() != Some(self.patient) {
                continue;
            }
            running = running.append(block.number, moment, &event.raw);
            entries.push(TrailEntry {
                n: running.count,
                block: block.number,
                block_hash: block.hash,
                event_index: event.index,
                moment,
                pallet: event.pallet,
                variant: event.variant,
                fields: event.fields,
                event: event.raw,
                digest: running.digest,
            });
        }
        // Where the chain's word and the recomputation differ, keep the chain's: verifying shows
        // the difference.
        if let Some(last) = entries.last_mut() {
            last.digest = head.digest;
        }
        Ok(entries)
    }
}

/// What a block's state tells of a trail.
struct State {
    block: Block,
    /// `System.Events`.
    events: Vec<u8>,
    moment: Moment,
    head: TrailHead,
}

/// Recomputes the hash chain over the entries, which need no node, and compares it with the head.
///
/// Errors if an entry is missing, changed or added, or if the trail does not extend `seen`.
pub fn verify(
    entries: &[TrailEntry],
    head: &TrailHead,
    genesis: &Genesis,
    patient: &PatientId,
    seen: Option<&SeenHead>,
) -> Result<(), TrailError> {
    let mut computed = TrailHead::start(genesis, patient);
    let extends = |computed: &TrailHead| match seen {
        Some(seen) if seen.count == computed.count && seen.digest != computed.digest => {
            Err(TrailError::NotAnExtension { seen: seen.count })
        }
        _ => Ok(()),
    };
    if let Some(seen) = seen.filter(|seen| seen.count > head.count) {
        return Err(TrailError::NotAnExtension { seen: seen.count });
    }
    extends(&computed)?;
    for entry in entries {
        let expected = computed.count.saturating_add(1);
        if entry.n > head.count {
            return Err(TrailError::Added {
                expected: head.count,
                found: entry.n,
            });
        }
        if entry.n > expected {
            return Err(TrailError::Missing {
                first: expected,
                last: entry.n - 1,
            });
        }
        let next = computed.append(entry.block, entry.moment, &entry.event);
        if entry.n < expected || next.digest != entry.digest {
            return Err(TrailError::Changed { n: entry.n });
        }
        computed = next;
        extends(&computed)?;
    }
    if computed.count < head.count {
        return Err(TrailError::Missing {
            first: computed.count.saturating_add(1),
            last: head.count,
        });
    }
    if computed != *head {
        return Err(TrailError::Changed { n: head.count });
    }
    Ok(())
}

/// Decodes each event again and compares it with what its entry says in words, which the hashes do
/// not cover. For trails that come from a file.
pub async fn check_readings(chain: &Chain, entries: &[TrailEntry]) -> Result<(), TrailError> {
    for entry in entries {
        let block = Block {
            number: entry.block,
            hash: entry.block_hash,
        };
        let (pallet, variant, fields) = chain.decode_event(block, &entry.event).await?;
        let reading =
            |pallet: &str, variant: &str, fields: &Value| format!("{pallet}.{variant} {fields}");
        let found = reading(&pallet, &variant, &fields);
        let said = reading(&entry.pallet, &entry.variant, &entry.fields);
        if found != said {
            return Err(TrailError::Misread {
                n: entry.n,
                said,
                found,
            });
        }
    }
    Ok(())
}

mod patient_text {
    use salus_primitives::PatientId;
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(patient: &PatientId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(patient)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PatientId, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: PatientId = PatientId([7; 16]);

    fn genesis() -> Genesis {
        Genesis::repeat_byte(9)
    }

    /// A trail with two entries in each block.
    fn trail(count: u64) -> (Vec<TrailEntry>, TrailHead) {
        let mut head = TrailHead::start(&genesis(), &PATIENT);
        let entries = (0..count)
            .map(|i| {
                let block = 10 + (i / 2) as u32;
                let moment = 1_000 * u64::from(block);
                let event = vec![24, 0, i as u8, 5];
                head = head.append(block, moment, &event);
                TrailEntry {
                    n: head.count,
                    block,
                    block_hash: H256::repeat_byte(block as u8),
                    event_index: (i % 2) as u32,
                    moment,
                    pallet: "AccessLog".into(),
                    variant: "Opened".into(),
                    fields: Value::Null,
                    event,
                    digest: head.digest,
                }
            })
            .collect();
        (entries, head)
    }

    fn check(
        entries: &[TrailEntry],
        head: &TrailHead,
        seen: Option<SeenHead>,
    ) -> Result<(), TrailError> {
        verify(entries, head, &genesis(), &PATIENT, seen.as_ref())
    }

    #[test]
    fn a_whole_trail_holds() {
        for count in [0, 1, 2, 7, 600] {
            let (entries, head) = trail(count);
            assert_eq!(check(&entries, &head, None), Ok(()), "{count} entries");
        }
    }

    #[test]
    fn each_missing_entry_is_named() {
        let (entries, head) = trail(7);
        for i in 0..7 {
            let mut less = entries.clone();
            less.remove(i);
            let n = i as u64 + 1;
            let missing = TrailError::Missing { first: n, last: n };
            assert_eq!(check(&less, &head, None), Err(missing));
        }
        let missing = TrailError::Missing { first: 3, last: 7 };
        assert_eq!(check(&entries[..2], &head, None), Err(missing));
    }

    #[test]
    fn each_changed_entry_is_named() {
        let (entries, head) = trail(5);
        for i in 0..5 {
            let n = i as u64 + 1;
            let mut changed = entries.clone();
            changed[i].event[3] ^= 1;
            assert_eq!(check(&changed, &head, None), Err(TrailError::Changed { n }));
            let mut later = entries.clone();
            later[i].moment += 1;
            assert_eq!(check(&later, &head, None), Err(TrailError::Changed { n }));
        }
    }

    #[test]
    fn a_forger_who_recomputes_every_hash_still_fails_at_the_head() {
        let (mut entries, head) = trail(4);
        entries[1].event[3] ^= 1;
        let mut forged = TrailHead::start(&genesis(), &PATIENT);
        for entry in &mut entries {
            forged = forged.append(entry.block, entry.moment, &entry.event);
            entry.digest = forged.digest;
        }
        assert_eq!(
            check(&entries, &head, None),
            Err(TrailError::Changed { n: 4 })
        );
        assert_eq!(check(&entries, &forged, None), Ok(()));
    }

    #[test]
    fn renumbering_does_not_hide_a_gap() {
        let (mut entries, head) = trail(4);
        entries.remove(1);
        for (i, entry) in entries.iter_mut().enumerate() {
            entry.n = i as u64 + 1;
        }
        assert_eq!(
            check(&entries, &head, None),
            Err(TrailError::Changed { n: 2 })
        );
    }

    #[test]
    fn swapped_doubled_and_added_entries_are_noticed() {
        let (entries, head) = trail(4);
        let mut swapped = entries.clone();
        swapped.swap(1, 2);
        assert!(check(&swapped, &head, None).is_err());
        let mut doubled = entries.clone();
        doubled.insert(2, entries[1].clone());
        assert_eq!(
            check(&doubled, &head, None),
            Err(TrailError::Changed { n: 2 })
        );
        let (longer, _) = trail(6);
        let added = TrailError::Added {
            expected: 4,
            found: 5,
        };
        assert_eq!(check(&longer, &head, None), Err(added));
    }

    #[test]
    fn entries_moved_to_another_block_are_noticed() {
        let (mut entries, head) = trail(2);
        entries[1].block += 1;
        assert_eq!(
            check(&entries, &head, None),
            Err(TrailError::Changed { n: 2 })
        );
    }

    #[test]
    fn a_trail_of_another_patient_or_chain_fails() {
        let (entries, head) = trail(3);
        let other = PatientId([8; 16]);
        assert!(verify(&entries, &head, &genesis(), &other, None).is_err());
        assert!(verify(&entries, &head, &Genesis::zero(), &PATIENT, None).is_err());
        let empty = TrailHead::start(&genesis(), &PATIENT);
        assert!(verify(&[], &empty, &genesis(), &other, None).is_err());
    }

    #[test]
    fn a_trail_must_extend_what_was_seen_before() {
        let (_, old) = trail(3);
        let (entries, head) = trail(6);
        let seen = SeenHead::from(&old);
        assert_eq!(check(&entries, &head, Some(seen)), Ok(()));
        assert_eq!(check(&entries, &head, Some(SeenHead::from(&head))), Ok(()));
        let start = TrailHead::start(&genesis(), &PATIENT);
        assert_eq!(check(&entries, &head, Some(SeenHead::from(&start))), Ok(()));

        let rewritten = SeenHead {
            digest: H256::zero(),
            ..seen
        };
        let error = TrailError::NotAnExtension { seen: 3 };
        assert_eq!(check(&entries, &head, Some(rewritten)), Err(error));

        let (shorter, shorter_head) = trail(2);
        let error = TrailError::NotAnExtension { seen: 3 };
        assert_eq!(check(&shorter, &shorter_head, Some(seen)), Err(error));
    }

    #[test]
    fn a_trail_survives_its_json() {
        let (entries, head) = trail(3);
        let trail = Trail {
            genesis: genesis(),
            patient: PATIENT,
            at: 20,
            head: head.into(),
            entries,
        };
        let text = serde_json::to_string(&trail).unwrap();
        let read: Trail = serde_json::from_str(&text).unwrap();
        assert_eq!(read.verify(None), Ok(()));
        assert_eq!(read.entries, trail.entries);
    }
}
