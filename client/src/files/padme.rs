//! Padmé: pads a length so that it tells only its leading bits, for at most 12 % more.
//!
//! Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
//! PoPETs 2019, section 4.

/// Bytes that hold the true length, little-endian, before the content.
pub const PREFIX: u64 = 8;

/// The padded size of `length` bytes, at least `length`.
pub fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1u64 << (exponent - kept.min(exponent))) - 1;
    length.saturating_add(mask) & !mask
}

/// The size of the plaintext under age that carries `length` bytes of content.
pub fn padded_len(length: u64) -> u64 {
    padme(length.saturating_add(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_paper() {
        // L = 9: E = 3, S = 2, the last bit is rounded away.
        for (length, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 3),
            (8, 8),
            (9, 10),
            (1_000, 1_024),
            (1_025, 1_088),
        ] {
            assert_eq!(padme(length), padded, "{length}");
        }
    }

    #[test]
    fn neighbouring_lengths_look_alike() {
        assert_eq!(padded_len(100_000), padded_len(100_100));
        assert_ne!(padded_len(100_000), padded_len(200_000));
    }

    #[test]
    fn padding_never_shrinks_never_wastes_an_eighth_and_is_stable() {
        let mut length = 1u64;
        while length < 1 << 50 {
            for near in [length - 1, length, length + 1] {
                let padded = padme(near);
                assert!(padded >= near);
                assert!((padded - near) * 8 <= near.max(8), "{near}");
                assert_eq!(padme(padded), padded);
            }
            length = length * 3 / 2 + 1;
        }
    }
}
