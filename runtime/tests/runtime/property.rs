//! Random calls by random origins over the whole runtime, and the state is sound after each.
//!
//! A minute in `./scripts/test`, always of the same sequences. `SALUS_PROPERTY_SECONDS` plays others,
//! for another time; `SALUS_PROPERTY_SEED` plays one sequence again.

use std::time::{Duration, Instant};

use frame_support::traits::{
    OnFinalize, OnIdle, OnInitialize, PalletsInfoAccess, TryState, TryStateSelect,
};
use frame_support::weights::Weight;
use rand::{rngs::StdRng, Rng, SeedableRng};
use salus_primitives::{DAY, HOUR, SECOND};
use salus_runtime::{AllPalletsWithSystem, BlockNumber, Runtime, RuntimeOrigin, System};
use sp_runtime::traits::Dispatchable;

use crate::{
    arbitrary::{anybody, Calls},
    origins, world,
};

/// Calls from one world; with more, most of them meet only what others have closed.
const CALLS: u32 = 150;

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number")),
    )
}

#[test]
fn the_state_is_sound_after_any_calls_by_anybody() {
    let calls = Calls::new();
    if let Some(seed) = setting("SALUS_PROPERTY_SEED") {
        return play(seed, &calls).report(seed);
    }
    // What must pass before a change lands does not depend on luck.
    let (seconds, first) = match setting("SALUS_PROPERTY_SECONDS") {
        Some(seconds) => (seconds, rand::random::<u32>().into()),
        None => (60, 1),
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut worlds, mut dispatched, mut succeeded) = (0u64, 0u64, 0u64);
    while worlds == 0 || Instant::now() < until {
        let seed = first + worlds;
        let played = play(seed, &calls);
        dispatched += played.dispatched;
        succeeded += played.succeeded;
        played.report(seed);
        worlds += 1;
    }
    println!(
        "{worlds} worlds from seed {first}: {dispatched} calls, {succeeded} of them succeeded"
    );
    // A property of a machine that refuses everything says nothing.
    assert!(succeeded * 20 > dispatched, "hardly a call succeeds");
}

#[derive(Default)]
struct Played {
    dispatched: u64,
    succeeded: u64,
    history: Vec<String>,
    broken: Option<String>,
}

impl Played {
    fn report(self, seed: u64) {
        if let Some(why) = self.broken {
            let last = self.history.len().saturating_sub(12);
            panic!(
                "SALUS_PROPERTY_SEED={seed}: {why}\nafter, at last:\n{}",
                self.history[last..].join("\n")
            );
        }
    }
}

fn play(seed: u64, calls: &Calls) -> Played {
    let mut random = StdRng::seed_from_u64(seed);
    let mut played = Played::default();
    world::full().execute_with(|| {
        begin_block(SECOND);
        played.broken = unsound();
        for _ in 0..CALLS {
            if played.broken.is_some() {
                return;
            }
            step(&mut random, calls, &mut played);
            played.broken = unsound();
        }
    });
    played
}

/// What is wrong with the state, and in which pallet.
fn unsound() -> Option<String> {
    let try_state = |which| {
        <AllPalletsWithSystem as TryState<BlockNumber>>::try_state(System::block_number(), which)
    };
    try_state(TryStateSelect::All).err()?;
    // All of them together tell no reason.
    let reasons = AllPalletsWithSystem::infos()
        .into_iter()
        .filter_map(|pallet| {
            let name = pallet.name.as_bytes().to_vec();
            let why = try_state(TryStateSelect::Only(vec![name])).err()?;
            Some(format!("{}: {why:?}", pallet.name))
        });
    Some(reasons.collect::<Vec<_>>().join("; "))
}

fn step(random: &mut StdRng, calls: &Calls, played: &mut Played) {
    if random.gen_bool(0.1) {
        let passed = [SECOND, HOUR, DAY, 3 * DAY, 30 * DAY][random.gen_range(0..5)];
        next_block(passed);
        played.history.push(format!("{passed} ms pass"));
        return;
    }
    let who = anybody(random);
    // Half of them as people make them, signatures and all, after what they need was brought about.
    let call = if random.gen_bool(0.5) {
        match origins::made(random, who) {
            (_, Some(call)) => {
                keep_slot();
                call
            }
            (name, None) => {
                played.history.push(format!("no {name} for {who:?}"));
                return;
            }
        }
    } else {
        calls.any(random)
    };
    let origin = match random.gen_range(0..20) {
        0 => RuntimeOrigin::root(),
        1 => RuntimeOrigin::none(),
        2..=5 => anybody(random).signed(),
        _ => who.signed(),
    };
    // What root, or a block's author, does to the machine itself is not a property of this runtime.
    if matches!(
        call,
        salus_runtime::RuntimeCall::System(_)
            | salus_runtime::RuntimeCall::Timestamp(_)
            | salus_runtime::RuntimeCall::Balances(_)
            | salus_runtime::RuntimeCall::Session(_)
            | salus_runtime::RuntimeCall::Grandpa(_)
    ) {
        return;
    }
    let text = format!("{call:?} by {who:?}");
    let result = call.dispatch(origin);
    played.dispatched += 1;
    played.succeeded += u64::from(result.is_ok());
    played
        .history
        .push(format!("{text}: {:?}", result.map_err(|error| error.error)));
}

fn next_block(passed: u64) {
    let block = System::block_number();
    AllPalletsWithSystem::on_idle(block, Weight::from_parts(100_000_000_000, u64::MAX));
    AllPalletsWithSystem::on_finalize(block);
    begin_block(passed);
}

fn begin_block(passed: u64) {
    let block = System::block_number();
    let now = pallet_timestamp::Now::<Runtime>::get() + passed;
    let slot = now / salus_runtime::SLOT_DURATION;
    System::reset_events();
    System::initialize(&(block + 1), &System::parent_hash(), &digest(slot));
    AllPalletsWithSystem::on_initialize(block + 1);
    pallet_timestamp::Pallet::<Runtime>::set(RuntimeOrigin::none(), now)
        .expect("an inherent of each block");
}

/// A row may have let time pass: what follows is in a block of then.
fn keep_slot() {
    let slot = pallet_timestamp::Now::<Runtime>::get() / salus_runtime::SLOT_DURATION;
    pallet_aura::CurrentSlot::<Runtime>::put(sp_consensus_aura::Slot::from(slot));
    let block = System::block_number() + 1;
    System::initialize(&block, &System::parent_hash(), &digest(slot));
}

fn digest(slot: u64) -> sp_runtime::Digest {
    use sp_consensus_aura::digests::CompatibleDigestItem;
    type Signature = sp_consensus_aura::sr25519::AuthoritySignature;
    let item =
        <sp_runtime::DigestItem as CompatibleDigestItem<Signature>>::aura_pre_digest(slot.into());
    sp_runtime::Digest { logs: vec![item] }
}
