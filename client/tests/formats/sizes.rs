//! What sizes tell, measured over made-up charts; `docs/003-keys-and-files.md` has the table.

use std::collections::BTreeMap;

use salus_client::files::sizes::{Sizes, PREFIX};

const MIB: u64 = 1024 * 1024;

/// What a chart holds: how many of a thousand files, their median in bytes, and the factor within which
/// two thirds of them lie.
const KINDS: [(&str, u32, f64, f64); 13] = [
    ("prescription", 220, 2_500.0, 1.5),
    ("laboratory result", 260, 9_000.0, 2.0),
    ("note", 180, 5_000.0, 2.2),
    ("vaccination", 40, 1_800.0, 1.3),
    ("letter", 130, 140_000.0, 2.2),
    ("scan of paper", 50, 1_500_000.0, 2.5),
    ("electrocardiogram", 30, 180_000.0, 1.8),
    ("photograph", 25, 2_500_000.0, 1.8),
    ("ultrasound", 20, 25_000_000.0, 2.2),
    ("radiograph", 25, 14_000_000.0, 1.6),
    ("computed tomography", 10, 260_000_000.0, 1.8),
    ("magnetic resonance", 8, 180_000_000.0, 1.8),
    ("genome", 2, 700_000_000.0, 2.5),
];

/// Marsaglia's xorshift: the same files on each run.
struct Chance(u64);

impl Chance {
    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: mean 0, deviation 1.
    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// Kind and length of each of `count` files.
fn files(count: usize) -> Vec<(usize, u64)> {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    (0..count)
        .map(|_| {
            let mut left = chance.next() * 1_000.0;
            let kind = KINDS.iter().position(|(_, share, ..)| {
                left -= f64::from(*share);
                left < 0.0
            });
            let kind = kind.unwrap_or(0);
            let (_, _, median, spread) = KINDS[kind];
            let length = median * spread.powf(chance.bell());
            (kind, length.max(200.0) as u64)
        })
        .collect()
}

/// Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
/// PoPETs 2019, section 4: only the leading bits of a length stay.
fn padme(length: u64) -> u64 {
    let needed = length + PREFIX;
    let exponent = needed.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1u64 << (exponent - kept.min(exponent))) - 1;
    (needed + mask) & !mask
}

fn powers_of_two(length: u64) -> u64 {
    (length + PREFIX).next_power_of_two().max(16 * 1024)
}

fn quarter_steps(length: u64) -> u64 {
    let power = powers_of_two(length);
    match power > 16 * MIB {
        true => (length + PREFIX).next_multiple_of(power / 8),
        false => power,
    }
}

#[derive(Debug)]
struct Told {
    sizes: usize,
    /// Files that no other one is as long as, of all.
    unique: f64,
    /// Files whose kind is the most frequent one of their size, of all.
    guessed: f64,
    /// Bytes, as a multiple of the files' own.
    bytes: f64,
}

fn measure(files: &[(usize, u64)], padded: impl Fn(u64) -> u64) -> Told {
    let mut kinds: BTreeMap<u64, BTreeMap<usize, usize>> = BTreeMap::new();
    for (kind, length) in files {
        *kinds
            .entry(padded(*length))
            .or_default()
            .entry(*kind)
            .or_default() += 1;
    }
    let all = files.len() as f64;
    let alone = kinds
        .values()
        .filter(|kinds| kinds.values().sum::<usize>() == 1);
    let guessed: usize = kinds
        .values()
        .filter_map(|kinds| kinds.values().max())
        .sum();
    let sum = |length: &dyn Fn(u64) -> u64| -> f64 {
        files.iter().map(|(_, own)| length(*own) as f64).sum()
    };
    Told {
        sizes: kinds.len(),
        unique: alone.count() as f64 / all,
        guessed: guessed as f64 / all,
        bytes: sum(&padded) / sum(&|own| own),
    }
}

#[test]
fn sizes_single_out_no_small_file_and_few_large_ones() {
    let ours = |length| Sizes::Payload.padded(length);
    for count in [1_000, 10_000] {
        let files = files(count);
        let exact = measure(&files, |length| length);
        let before = measure(&files, padme);
        let doubled = measure(&files, powers_of_two);
        let quarters = measure(&files, quarter_steps);
        let now = measure(&files, ours);
        println!("{count} files");
        for (name, told) in [
            ("none", &exact),
            ("Padmé", &before),
            ("powers of two", &doubled),
            ("quarter steps from 16 MiB", &quarters),
            ("half steps from 16 MiB", &now),
        ] {
            println!(
                "{name}: {} sizes, unique {:.3}, guessed {:.3}, bytes {:.2}",
                told.sizes, told.unique, told.guessed, told.bytes
            );
        }
        // What a chance guess gets: always the most frequent kind.
        let chance = measure(&files, |_| 0).guessed;
        println!("chance: {chance:.3}");
        assert!(before.unique > 20.0 * now.unique.max(0.000_1));
        assert!(now.unique <= 0.003, "{now:?}");
        assert!(now.guessed <= doubled.guessed + 0.01, "{now:?} {doubled:?}");
        assert!(now.guessed < before.guessed - 0.1, "{now:?} {before:?}");
        assert!(now.bytes < 1.25, "{now:?}");

        let small: Vec<(usize, u64)> = files
            .iter()
            .copied()
            .filter(|(_, length)| *length < 4 * MIB)
            .collect();
        assert_eq!(measure(&small, ours).unique, 0.0);
    }
}
