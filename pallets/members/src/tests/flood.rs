//! Floods against a small model of a node: its pool orders transactions by the priority that they
//! had when last validated, and validates them again after each block; a block ends when it is full.
//! Among equals it prefers those who flood, as a real one does if they sign for a shorter time.

use frame_support::assert_ok;
use salus_primitives::{AccountId, ClinicianRole, Rejection, SECOND};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use super::LATER;
use crate::{mock::*, Allowance, Bucket, SponsorBuckets};

/// What a block holds of ordinary calls, in picoseconds.
const BLOCK: u64 = 496_000_000_000;
const MS: u64 = 1_000_000_000;

struct Waiting {
    call: RuntimeCall,
    length: usize,
    priority: u64,
    since: u64,
}

#[derive(Default)]
struct Pool {
    waiting: BTreeMap<(AccountId, u32), Waiting>,
    submitted: u64,
    /// Who goes first among equals.
    preferred: BTreeSet<AccountId>,
}

impl Pool {
    /// Sends a transaction after those of this account that wait already.
    fn send(&mut self, who: &AccountId, call: RuntimeCall, length: usize) -> bool {
        let nonce = self
            .waiting
            .range((who.clone(), 0)..=(who.clone(), u32::MAX))
            .next_back()
            .map_or(System::account_nonce(who), |((_, last), _)| last + 1);
        let Ok(validity) = validate_length(who, nonce, &call, length) else {
            return false;
        };
        self.submitted += 1;
        let waiting = Waiting {
            call,
            length,
            priority: validity.priority,
            since: self.submitted,
        };
        self.waiting.insert((who.clone(), nonce), waiting);
        true
    }

    /// Makes a block of what has the highest priority, and returns whose transactions are in it.
    fn make_block(&mut self) -> Vec<AccountId> {
        let mut ready = BinaryHeap::new();
        let preferred = self.preferred.clone();
        let turn = |who: &AccountId, waiting: &Waiting| {
            (
                waiting.priority,
                preferred.contains(who),
                Reverse(waiting.since),
            )
        };
        for ((who, nonce), waiting) in &self.waiting {
            if *nonce == System::account_nonce(who) {
                ready.push((turn(who, waiting), who.clone(), *nonce));
            }
        }
        let mut included = Vec::new();
        let mut left = BLOCK;
        while let Some((_, who, nonce)) = ready.pop() {
            let waiting = &self.waiting[&(who.clone(), nonce)];
            let Some(rest) = left.checked_sub(cost(&waiting.call, waiting.length)) else {
                break;
            };
            let waiting = self
                .waiting
                .remove(&(who.clone(), nonce))
                .expect("seen just now");
            // What the block refuses leaves the pool; what comes after it waits for its nonce.
            if apply(&who, waiting.call, waiting.length).is_err() {
                continue;
            }
            left = rest;
            if let Some(next) = self.waiting.get(&(who.clone(), nonce + 1)) {
                ready.push((turn(&who, next), who.clone(), nonce + 1));
            }
            included.push(who);
        }
        System::set_block_number(System::block_number() + 1);
        self.validate_again();
        included
    }

    fn validate_again(&mut self) {
        self.waiting.retain(|(who, nonce), waiting| {
            match validate_length(who, *nonce, &waiting.call, waiting.length) {
                Ok(validity) => {
                    waiting.priority = validity.priority;
                    true
                }
                Err(_) => false,
            }
        });
    }
}

/// Twelve services and 200 clinicians of the hospital.
fn attackers() -> Vec<AccountId> {
    let credential = |n: u8, role| {
        let who = AccountId::new([n; 32]);
        Members::do_credential(None, HOSPITAL, who.clone(), role, LATER).expect("a free account");
        who
    };
    let services = (0..12).map(|n| credential(n, ClinicianRole::Service));
    let clinicians = (12..212).map(|n| credential(n, ClinicianRole::Nurse));
    services.chain(clinicians).collect()
}

fn preferring(attackers: &[AccountId]) -> Pool {
    Pool {
        preferred: attackers.iter().cloned().collect(),
        ..Pool::default()
    }
}

/// Floods for `blocks` blocks, everybody with whatever the door takes, urgent or not; now and then
/// one of `victims`, who has sent nothing before, sends `call`, which must be in the next block.
fn keeps_nobody_waiting(
    attackers: &[AccountId],
    victims: &[AccountId],
    call: &RuntimeCall,
    blocks: u32,
) {
    let mut pool = preferring(attackers);
    let mut victims = victims.iter();
    let mut flooded = 0;
    for block in 1..=blocks {
        for who in attackers {
            for flood in [revoke(), remark()] {
                while pool.send(who, flood.clone(), 100) {}
            }
        }
        let victim = (block % 10 == 0).then(|| victims.next()).flatten();
        if let Some(victim) = victim {
            assert!(pool.send(victim, call.clone(), 100), "kept out of the pool");
        }
        let included = pool.make_block();
        flooded += included.len();
        if let Some(victim) = victim {
            assert!(included.contains(victim), "waits in block {block}");
        }
    }
    assert!(flooded > 50, "no flood");
}

/// What attackers send: urgent or not, and what it costs.
type Kind = (bool, u64);

/// Floods for `blocks` blocks, each attacker with up to `queue` transactions at once; at each of
/// `arrivals` somebody of the insurer sends their first transaction, which must be in one of the
/// next two blocks.
fn flood(kinds: &[Kind], queue: usize, blocks: u32, arrivals: &[u32]) {
    ExtBuilder.build_and_execute(|| {
        let attackers = attackers();
        let mut pool = preferring(&attackers);
        let mut strangers = BTreeMap::new();
        let mut turn = 0;
        let mut flooded = 0;
        for block in 0..blocks {
            for who in &attackers {
                for _ in 0..queue {
                    let (urgent, costs) = kinds[turn % kinds.len()];
                    turn += 1;
                    let call = if urgent { revoke() } else { remark() };
                    let length = length_that_costs(&call, costs);
                    if !pool.send(who, call, length) {
                        break;
                    }
                }
            }
            if arrivals.contains(&block) {
                let seed = format!("Stranger {block}");
                assert_ok!(credential(insurer_admin(), &seed, LATER));
                let stranger = account(&seed);
                assert!(pool.send(&stranger, remark(), 100), "kept out of the pool");
                strangers.insert(stranger, block);
            }
            let included = pool.make_block();
            flooded += included.len();
            strangers.retain(|who, _| !included.contains(who));
            for since in strangers.values() {
                assert!(block < since + 1, "waits since block {since}, now {block}");
            }
        }
        assert!(flooded > 50, "no flood");
    });
}

#[test]
fn twelve_services_and_200_clinicians_do_not_keep_a_strangers_first_transaction_out() {
    flood(&[(false, MS)], 3, 12, &[0, 1, 5, 10]);
}

#[test]
fn neither_do_their_urgent_calls() {
    flood(&[(true, MS)], 3, 12, &[0, 1, 5, 10]);
}

#[test]
fn neither_do_calls_as_heavy_as_a_bucket_pays_for() {
    flood(&[(false, 90 * MS), (true, 9 * MS)], 2, 16, &[0, 1, 7, 14]);
}

#[test]
fn neither_do_calls_of_all_kinds() {
    let kinds = [
        (true, MS),
        (false, 3 * MS),
        (false, 40 * MS),
        (true, 5 * MS),
    ];
    flood(&kinds, 3, 16, &[0, 1, 2, 3, 4, 13]);
}

#[test]
fn what_an_organisation_takes_of_the_blocks_is_bounded_however_many_accounts_it_has() {
    ExtBuilder.build_and_execute(|| {
        let attackers = attackers();
        let length = length_that_costs(&remark(), 10 * MS);
        let mut taken = 0;
        let blocks = 100;
        for block in 1..=blocks {
            System::set_block_number(block);
            let mut left = BLOCK;
            for who in &attackers {
                while left >= 10 * MS && apply(who, remark(), length).is_ok() {
                    left -= 10 * MS;
                    taken += 10;
                }
            }
        }
        // 4,000 ms at once and 100 ms of each block.
        assert!(taken <= 4_000 + 100 * u64::from(blocks), "{taken} ms");
    });
}

#[test]
fn many_patients_who_each_take_little_do_not_keep_a_quiet_one_of_the_same_hospital_waiting() {
    for call in [revoke(), remark()] {
        ExtBuilder.build_and_execute(|| {
            System::set_block_number(10_000);
            let people = |prefix: u8, count: u16| -> Vec<AccountId> {
                let one = |n: u16| {
                    let mut bytes = [prefix; 32];
                    bytes[..2].copy_from_slice(&n.to_le_bytes());
                    let who = AccountId::new(bytes);
                    sponsor(&who, HOSPITAL);
                    who
                };
                (0..count).map(one).collect()
            };
            keeps_nobody_waiting(&people(1, 680), &people(2, 10), &call, 30);
        });
    }
}

#[test]
fn a_thief_and_carers_of_theirs_do_not_keep_the_owner_from_a_veto() {
    for call in [revoke(), remark()] {
        ExtBuilder.build_and_execute(|| {
            System::set_block_number(10_000);
            let (owner, family) = (patient(), patient_of(&patient()));
            let thieves: Vec<_> = (0..9).map(|n| account(&format!("Thief {n}"))).collect();
            for thief in &thieves {
                control(thief, family, HOSPITAL);
            }
            keeps_nobody_waiting(&thieves, &[owner], &call, 40);
        });
    }
}

#[test]
fn clinicians_who_each_take_little_do_not_keep_their_admin_from_suspending_them() {
    ExtBuilder.build_and_execute(|| {
        System::set_block_number(10_000);
        let attackers = attackers();
        let suspend = RuntimeCall::Members(crate::Call::end_credential {
            account: attackers[0].clone(),
        });
        keeps_nobody_waiting(&attackers, &[hospital_admin()], &suspend, 40);
    });
}

#[test]
fn patients_enrolled_just_now_are_no_rested_ones() {
    ExtBuilder.build_and_execute(|| {
        System::set_block_number(10_000);
        let (old, new) = (account("Old"), account("New"));
        sponsor(&old, HOSPITAL);
        sponsor(&new, HOSPITAL);
        enrolled(patient_of(&new), START);
        let full = Allowance::SPONSOR.capacity / 5 * 4;
        SponsorBuckets::<Test>::mutate(HOSPITAL, |row| {
            row.ordinary = Bucket {
                spent: full,
                at: 10_000,
            }
        });
        assert_ok!(validate(&old, 0, &remark()));
        assert_eq!(
            validate(&new, 0, &remark()),
            super::refusal(Rejection::BucketEmpty)
        );
        set_now(START + 300 * SECOND);
        assert_ok!(validate(&new, 0, &remark()));
    });
}
