//! What must hold whenever something has broken and is whole again.

use std::time::Instant;

use futures::{stream, StreamExt};
use salus_client::trail::{self, Trail};
use serde_json::{json, Value};
use sp_core::H256;

use crate::{ward::Told, Consortium, Kept, Ward};

/// Numbers in one question for block hashes.
const BATCH: u32 = 1_000;
/// Records that one patient reads at once.
const PARALLEL: usize = 4;

/// How much was looked at.
#[derive(Debug, Default)]
pub struct Tally {
    pub height: u32,
    pub entries: u64,
    pub records: usize,
    pub openings: usize,
    /// Objects that lie with each of their keepers.
    pub copied: usize,
}

impl Consortium {
    /// All nodes hold the same finalized chain and state; all trails verify on each of them and are
    /// the same; what was acknowledged is in them, every acknowledged file is there, and every object
    /// lies with each of its keepers.
    #[track_caller]
    pub fn check(&self, wards: &[Ward]) -> Tally {
        let members: Vec<usize> = self.members().collect();
        self.check_at(&members, wards)
    }

    /// As [`Consortium::check`], where some members are out for good.
    #[track_caller]
    pub fn check_at(&self, members: &[usize], wards: &[Ward]) -> Tally {
        let started = Instant::now();
        // Before the height is asked for: work may go on.
        let told: Vec<Told> = wards
            .iter()
            .map(|ward| ward.told(|told| told.clone()))
            .collect();
        let height = members.iter().map(|member| self.height(*member)).max();
        let height = height.expect("there are members");
        self.reach(members, height);
        self.one_chain(members, height);
        let mut tally = Tally {
            height,
            ..Tally::default()
        };
        for (ward, told) in wards.iter().zip(&told) {
            let trail = self.one_trail(members, ward, height);
            tally.entries += trail.head.count;
            promised(told, &trail);
            tally.openings += told.opened.len();
        }
        self.healthy(members);
        for (ward, told) in wards.iter().zip(told) {
            tally.records += told.kept.len();
            files(ward, told.kept);
            tally.copied += self.copies(ward).0;
        }
        println!(
            "the end: {} blocks, {} trail entries, {} records and {} openings are as promised, {} objects with their keepers, on {} nodes ({:?})",
            tally.height,
            tally.entries,
            tally.records,
            tally.openings,
            tally.copied,
            members.len(),
            started.elapsed()
        );
        tally
    }

    /// The finalized chain up to this height, and the state that it led to, are the same at these.
    #[track_caller]
    pub fn one_chain(&self, members: &[usize], height: u32) {
        let chains: Vec<Vec<H256>> = members
            .iter()
            .map(|member| self.hashes(*member, height))
            .collect();
        for (member, chain) in members.iter().zip(&chains) {
            let fork = chain
                .iter()
                .zip(&chains[0])
                .position(|(one, other)| one != other);
            assert_eq!(
                fork, None,
                "nodes {} and {member} differ from there on",
                members[0]
            );
        }
        let last = chains[0].last().expect("there is a genesis block");
        let roots: Vec<Value> = members
            .iter()
            .map(|member| {
                let header = self.ask(*member, "chain_getHeader", json!([last]));
                header.expect("it is there")["stateRoot"].clone()
            })
            .collect();
        assert!(roots[0].is_string());
        assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
    }

    fn hashes(&self, member: usize, height: u32) -> Vec<H256> {
        let mut hashes = Vec::new();
        let numbers: Vec<u32> = (0..=height).collect();
        for batch in numbers.chunks(BATCH as usize) {
            let answer = self.ask(member, "chain_getBlockHash", json!([batch]));
            let batch: Vec<Option<H256>> = serde_json::from_value(answer.expect("it answers"))
                .expect("hashes, or nothing for unknown blocks");
            hashes.extend(batch.into_iter().map(|hash| hash.expect("it is finalized")));
        }
        assert_eq!(hashes.len() as u32, height + 1);
        hashes
    }

    fn one_trail(&self, members: &[usize], ward: &Ward, height: u32) -> Trail {
        let mut trails: Vec<Trail> = Vec::new();
        for member in members {
            let (chain, patient) = (self.chain(*member), ward.id);
            let read = self.site(*member).run(async move {
                let block = chain.block_at(height).await?;
                trail::read_at(&chain, patient, block).await
            });
            let read = read.unwrap_or_else(|e| panic!("node {member}: {e}"));
            let verdict = read.verify(None);
            assert_eq!(verdict, Ok(()), "patient {} at node {member}", ward.id);
            trails.push(read);
        }
        let first = trails.remove(0);
        for trail in trails {
            assert_eq!(trail.head, first.head);
            assert_eq!(trail.entries, first.entries);
        }
        first
    }
}

/// Whatever these people were told is in the trail.
fn promised(told: &Told, trail: &Trail) {
    let anchored = |record: u32, block: H256| {
        trail.entries.iter().any(|entry| {
            entry.pallet == "Records"
                && entry.variant == "RecordAnchored"
                && entry.fields["record"] == record
                && entry.block_hash == block
        })
    };
    let was_opened = |block: H256, index: u32| {
        trail.entries.iter().any(|entry| {
            entry.variant == "Opened" && entry.block_hash == block && entry.event_index == index
        })
    };
    for kept in &told.kept {
        assert!(
            anchored(kept.record, kept.block),
            "{kept:?} is not in the trail"
        );
    }
    for opened in &told.opened {
        assert!(
            was_opened(opened.block_hash, opened.event_index),
            "{opened:?} is not in the trail"
        );
    }
}

/// Reads every acknowledged file.
fn files(ward: &Ward, kept: Vec<Kept>) {
    let reads: Vec<_> = kept
        .into_iter()
        .map(|kept| {
            let read = ward.read(kept.record);
            async move {
                let found = read.await.unwrap_or_else(|e| panic!("{kept:?}: {e}"));
                assert!(found == kept.content(), "{kept:?} differs");
            }
        })
        .collect();
    ward.patient.act(|_| async move {
        let reads = stream::iter(reads).buffer_unordered(PARALLEL);
        reads.collect::<Vec<()>>().await;
    });
}
