//! Sizes: how far a file is padded before it is encrypted. Decided here, and nowhere else.
//!
//! Files of one purpose share a few sizes, so that a size says what a file is for and little more.
//! `docs/003-keys-and-files.md` has the figures behind the choice, `tests/formats/sizes.rs` measures them.

use salus_primitives::ObjectKind;

use super::{MAX_ENVELOPE, MAX_KEYRING, MAX_LETTER, MAX_MANIFEST};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Bytes that hold the true length, little-endian, before the content.
pub const PREFIX: u64 = 8;

/// Payloads up to this size come in powers of two, larger ones also half-way between two of them.
const COARSE_UP_TO: u64 = 16 * MIB;

/// What an object needs beside its plaintext: directory, binding, age's header with one or two keys.
const HEADER: u64 = 8 * KIB;
/// As [`HEADER`], for a header with eight keys.
const KEYRING_HEADER: u64 = 16 * KIB;

/// What a file is for, which decides the sizes that it can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// A record's content: 16 KiB, 32 KiB and so on, without end.
    Payload,
    /// A record's manifest: 4 KiB.
    Manifest,
    /// An envelope or a letter: 16 KiB.
    Message,
    /// The package of an emergency plan: 56 KiB, whatever is in it.
    Package,
    /// A patient's keyring: 32 KiB.
    Keyring,
    /// A key or a share of one: 1 KiB.
    Secret,
    /// An entry of a log of own reads: 64 bytes.
    Entry,
}

impl Sizes {
    /// The sizes of an object's content.
    pub fn of(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Record => Sizes::Payload,
            ObjectKind::Envelope | ObjectKind::Letter => Sizes::Message,
            ObjectKind::Keyring => Sizes::Keyring,
        }
    }

    /// The usual size. What does not fit takes the next power of two.
    const fn first(self) -> u64 {
        match self {
            Sizes::Entry => 64,
            Sizes::Secret => KIB,
            Sizes::Manifest => 4 * KIB,
            Sizes::Payload | Sizes::Message => 16 * KIB,
            Sizes::Keyring => 32 * KIB,
            Sizes::Package => self.last(),
        }
    }

    /// The largest size: what a vault's bound leaves beside the header.
    const fn last(self) -> u64 {
        match self {
            Sizes::Manifest => MAX_MANIFEST - HEADER,
            Sizes::Message => MAX_LETTER - HEADER,
            Sizes::Package => MAX_ENVELOPE - HEADER,
            Sizes::Keyring => MAX_KEYRING - KEYRING_HEADER,
            Sizes::Payload | Sizes::Secret | Sizes::Entry => u64::MAX,
        }
    }

    /// The most bytes of content that a padded file holds.
    pub const fn limit(self) -> u64 {
        self.last() - PREFIX
    }

    /// Returns the size of the plaintext under age that carries `length` bytes of content. What is
    /// beyond [`Sizes::limit`] is not padded: no vault takes it.
    pub fn padded(self, length: u64) -> u64 {
        let needed = length.saturating_add(PREFIX);
        if needed > self.last() {
            return needed;
        }
        let Some(power) = needed.max(self.first()).checked_next_power_of_two() else {
            return needed;
        };
        let half_way = power / 4 * 3;
        match self {
            Sizes::Payload if power > COARSE_UP_TO && needed <= half_way => half_way,
            _ => power.min(self.last()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Sizes; 5] = [
        Sizes::Payload,
        Sizes::Manifest,
        Sizes::Message,
        Sizes::Keyring,
        Sizes::Secret,
    ];

    #[test]
    fn files_of_one_purpose_share_one_size_as_long_as_they_fit() {
        for sizes in ALL {
            let first = sizes.first();
            for length in [0, 1, 300, first - PREFIX] {
                assert_eq!(sizes.padded(length), first, "{sizes:?} {length}");
            }
            assert_eq!(sizes.padded(first - PREFIX + 1), 2 * first, "{sizes:?}");
        }
    }

    #[test]
    fn packages_have_one_size_as_long_as_a_vault_takes_them() {
        let only = Sizes::Package.padded(0);
        assert_eq!(only, Sizes::Package.padded(Sizes::Package.limit()));
        assert_eq!(only, 56 * KIB);
    }

    #[test]
    fn payloads_double_up_to_16_mib_and_take_half_steps_from_there() {
        let padded = |needed| Sizes::Payload.padded(needed - PREFIX);
        for (needed, expected) in [
            (100 * KIB, 128 * KIB),
            (129 * KIB, 256 * KIB),
            (9 * MIB, 16 * MIB),
            (16 * MIB, 16 * MIB),
            (16 * MIB + 1, 24 * MIB),
            (24 * MIB + 1, 32 * MIB),
            (600 * MIB, 768 * MIB),
            (800 * MIB, 1024 * MIB),
        ] {
            assert_eq!(padded(needed), expected, "{needed}");
        }
    }

    #[test]
    fn padding_never_shrinks_and_stays_within_its_share() {
        let mut needed = 16 * KIB + 1;
        while needed < 1 << 50 {
            for near in [needed - 1, needed, needed + 1] {
                let padded = Sizes::Payload.padded(near - PREFIX);
                assert!(padded >= near);
                let most = match near <= COARSE_UP_TO {
                    true => near * 2,
                    false => near / 2 * 3 + 1,
                };
                assert!(padded <= most, "{near}");
                assert_eq!(Sizes::Payload.padded(padded - PREFIX), padded);
            }
            needed = needed * 3 / 2 + 1;
        }
        assert_eq!(Sizes::Payload.padded(u64::MAX), u64::MAX);
        assert_eq!(Sizes::Payload.padded(1 << 63), (1 << 63) + PREFIX);
    }

    #[test]
    fn the_largest_body_leaves_room_for_its_header_below_the_vaults_bound() {
        for (sizes, bound) in [
            (Sizes::Manifest, MAX_MANIFEST),
            (Sizes::Message, MAX_LETTER),
            (Sizes::Keyring, MAX_KEYRING),
        ] {
            let largest = sizes.padded(sizes.limit());
            assert_eq!(largest, sizes.last());
            assert!(largest < bound);
            assert!(sizes.padded(sizes.limit() + 1) > largest);
        }
    }
}
