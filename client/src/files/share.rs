//! A secret in shares: any `threshold` of them give it back, fewer say nothing about it.
//!
//! Shamir's scheme over GF(256) with the polynomial 0x11d, one of the scheme's polynomials for each byte. A share as bytes:
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version, 1 |
//! | 16 | set: the same in all shares that were made together, random |
//! | 1 | threshold |
//! | 1 | count: how many were made |
//! | 1 | the share's number, from 1: its x-coordinate |
//! | n | one byte for each of the secret |
//! | 8 | blake2-256(`salus/share/v1` and the bytes above), its first 8 bytes |
//!
//! Its fingerprint is the blake2-256 of all these bytes. It can be published: a share is as random as
//! the secret is long.
//!
//! ```
//! use salus_client::files::share::{combine, split};
//!
//! # fn main() -> salus_client::Result<()> {
//! let shares = split(b"a secret of some length", 2, 3)?;
//! assert!(combine(&shares[..1]).is_err());
//! assert_eq!(*combine(&shares[1..])?, b"a secret of some length");
//! # Ok(())
//! # }
//! ```

use std::fmt;

use blahaj::Sharks;
use salus_primitives::PatientId;
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::keys::random_16;

const VERSION: u8 = 1;
const HEAD: usize = 1 + 16 + 3;
const CHECKSUM: usize = 8;
/// A secret is a key, not a file.
const MAX_SECRET: usize = 1024;

/// One part of a secret. It is wiped from memory when dropped, and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    set: [u8; 16],
    threshold: u8,
    count: u8,
    number: u8,
    values: Zeroizing<Vec<u8>>,
}

impl Share {
    /// What all shares have in common that were made together.
    pub fn set(&self) -> [u8; 16] {
        self.set
    }

    /// How many give the secret back.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many were made.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// From 1 to [`Share::count`].
    pub fn number(&self) -> u8 {
        self.number
    }

    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // It does not grow, so no copy stays behind.
        let length = HEAD + self.values.len() + CHECKSUM;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(&[self.threshold, self.count, self.number]);
        bytes.extend_from_slice(&self.values);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// As it travels to a vault: with the patient it is of, so that nobody who has only its ciphertext
    /// gives it in as another patient's, and gets it out again.
    pub fn to_bytes_of(&self, patient: &PatientId) -> Zeroizing<Vec<u8>> {
        let share = self.to_bytes();
        let mut bytes = Zeroizing::new(Vec::with_capacity(patient.0.len() + share.len()));
        bytes.extend_from_slice(&patient.0);
        bytes.extend_from_slice(&share);
        bytes
    }

    /// A share that was given in as this patient's.
    pub fn from_bytes_of(patient: &PatientId, bytes: &[u8]) -> Result<Self> {
        match bytes.strip_prefix(&patient.0) {
            Some(share) => Self::from_bytes(share),
            None => Err(Error::Share(
                "the share is not of this patient: deal the plan anew".into(),
            )),
        }
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = || {
            Error::Share(
                "the share was cut or changed: ask whoever gave it to you for it again".into(),
            )
        };
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => {
                return Err(Error::Version {
                    what: "share",
                    version: version.into(),
                })
            }
            _ => return Err(damaged()),
        }
        let end = bytes.len().checked_sub(CHECKSUM).ok_or_else(damaged)?;
        let (body, found) = bytes.split_at(end);
        if body.len() <= HEAD || body.len() > HEAD + MAX_SECRET || checksum(body) != found {
            return Err(damaged());
        }
        let mut set = [0; 16];
        set.copy_from_slice(&body[1..17]);
        let share = Self {
            set,
            threshold: body[17],
            count: body[18],
            number: body[19],
            values: Zeroizing::new(body[HEAD..].to_vec()),
        };
        check_numbers(share.threshold, share.count)?;
        match (1..=share.count).contains(&share.number) {
            true => Ok(share),
            false => Err(damaged()),
        }
    }

    /// What opens the commitment to whoever keeps it as a helper: blake2b-256(`salus/share/salt/v1`,
    /// the nonce, all its bytes). So the commitment binds the share, too, and no other helper's share
    /// tells what opens it.
    pub fn salt(&self, nonce: &[u8; 32]) -> H256 {
        let share = self.to_bytes();
        let mut input = Zeroizing::new(Vec::with_capacity(19 + 32 + share.len()));
        input.extend_from_slice(b"salus/share/salt/v1");
        input.extend_from_slice(nonce);
        input.extend_from_slice(&share);
        blake2_256(&input).into()
    }

    /// What may be published of it, so that a wrong one is noticed.
    pub fn fingerprint(&self) -> H256 {
        blake2_256(&self.to_bytes()).into()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("set", &hex::encode(self.set))
            .field("number", &self.number)
            .field("threshold", &self.threshold)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let mut input = Zeroizing::new(Vec::with_capacity(14 + body.len()));
    input.extend_from_slice(b"salus/share/v1");
    input.extend_from_slice(body);
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&blake2_256(&input)[..CHECKSUM]);
    checksum
}

/// One share that opens everything is no share.
fn check_numbers(threshold: u8, count: u8) -> Result<()> {
    match threshold >= 2 && threshold <= count {
        true => Ok(()),
        false => Err(Error::Unfit(format!(
            "{threshold} of {count} shares: at least 2 must be needed, and not more than there are"
        ))),
    }
}

/// Makes `count` shares, of which any `threshold` give the secret back.
pub fn split(secret: &[u8], threshold: u8, count: u8) -> Result<Vec<Share>> {
    check_numbers(threshold, count)?;
    if secret.is_empty() || secret.len() > MAX_SECRET {
        return Err(Error::Unfit(format!(
            "a secret of {} bytes cannot be split: it may have 1 to {MAX_SECRET}",
            secret.len()
        )));
    }
    let set = random_16();
    let sharks = Sharks(threshold);
    let dealt = sharks.dealer(secret).take(count.into());
    Ok(dealt
        .map(|dealt| {
            let bytes = Zeroizing::new(Vec::<u8>::from(&dealt));
            Share {
                set,
                threshold,
                count,
                number: bytes[0],
                values: Zeroizing::new(bytes[1..].to_vec()),
            }
        })
        .collect())
}

/// The secret, from shares of one set. Errors name shares that are mixed, doubled, or too few. A
/// share that is wrong and says that it is right is only noticed by [`combine_known`].
pub fn combine(shares: &[Share]) -> Result<Zeroizing<Vec<u8>>> {
    let Some(first) = shares.first() else {
        return Err(Error::Unfit("no share was given".into()));
    };
    for (place, share) in shares.iter().enumerate() {
        let alike = (share.set, share.threshold, share.count, share.values.len())
            == (first.set, first.threshold, first.count, first.values.len());
        if !alike {
            return Err(Error::Share(format!(
                "share {} of set {} does not belong to share {} of set {}: they were not made together; use shares of one set",
                share.number,
                short(&share.set),
                first.number,
                short(&first.set)
            )));
        }
        if shares[..place]
            .iter()
            .any(|other| other.number == share.number)
        {
            return Err(Error::Share(format!(
                "share {} of set {} is there twice: leave one out, and ask another holder for theirs",
                share.number,
                short(&share.set)
            )));
        }
    }
    if shares.len() < first.threshold.into() {
        return Err(Error::Unfit(format!(
            "{} of the {} shares that it takes: ask {} more of those who hold one",
            shares.len(),
            first.threshold,
            usize::from(first.threshold) - shares.len()
        )));
    }
    let dealt = shares
        .iter()
        .map(|share| {
            let mut bytes = Zeroizing::new(Vec::with_capacity(1 + share.values.len()));
            bytes.push(share.number);
            bytes.extend_from_slice(&share.values);
            blahaj::Share::try_from(&bytes[..]).map_err(|reason| Error::Share(reason.into()))
        })
        .collect::<Result<Vec<_>>>()?;
    let sharks = Sharks(first.threshold);
    let secret = sharks.recover(&dealt);
    secret
        .map(Zeroizing::new)
        .map_err(|reason| Error::Share(reason.into()))
}

/// As [`combine`], after each share was compared with the fingerprints of those that were made.
pub fn combine_known(shares: &[Share], known: &[H256]) -> Result<Zeroizing<Vec<u8>>> {
    for share in shares {
        check_known(share, known)?;
    }
    combine(shares)
}

/// Whether a share is one of those with these fingerprints.
pub fn check_known(share: &Share, known: &[H256]) -> Result<()> {
    match known.contains(&share.fingerprint()) {
        true => Ok(()),
        false => Err(Error::Share(format!(
            "share {} of set {} is none of the present plan's: it was changed, or made for an earlier plan; ask for the newest",
            share.number,
            short(&share.set)
        ))),
    }
}

/// The beginning of a set's id, enough to tell sets apart.
pub fn short(set: &[u8; 16]) -> String {
    hex::encode(&set[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All choices of the shares, as bits.
    fn choices(shares: &[Share]) -> impl Iterator<Item = Vec<Share>> + '_ {
        (0u32..1 << shares.len()).map(move |bits| {
            shares
                .iter()
                .enumerate()
                .filter(|(place, _)| bits >> place & 1 == 1)
                .map(|(_, share)| share.clone())
                .collect()
        })
    }

    #[test]
    fn every_choice_of_enough_shares_gives_the_secret_and_no_smaller_one_gives_anything() {
        for count in 2..=7 {
            for threshold in 2..=count {
                let secret = [random_16(), random_16()].concat();
                let shares = split(&secret, threshold, count).unwrap();
                let known: Vec<_> = shares.iter().map(Share::fingerprint).collect();
                for chosen in choices(&shares) {
                    let found = combine_known(&chosen, &known);
                    match chosen.len() >= threshold.into() {
                        true => assert_eq!(**found.as_ref().unwrap(), secret),
                        false => assert!(matches!(found, Err(Error::Unfit(_)))),
                    }
                }
            }
        }
    }

    #[test]
    fn shares_that_claim_a_lower_threshold_give_something_else() {
        let secret = [random_16(), random_16()].concat();
        let mut shares = split(&secret, 3, 5).unwrap();
        let known: Vec<_> = shares.iter().map(Share::fingerprint).collect();
        for share in &mut shares {
            share.threshold = 2;
        }
        for chosen in choices(&shares).filter(|chosen| chosen.len() == 2) {
            assert_ne!(*combine(&chosen).unwrap(), secret);
            assert!(matches!(
                combine_known(&chosen, &known),
                Err(Error::Share(_))
            ));
        }
    }

    #[test]
    fn mixed_doubled_and_missing_shares_are_named() {
        let [one, other] = [(); 2].map(|()| split(b"the same secret", 2, 3).unwrap());
        let says = |shares: &[Share], words: &str| {
            let error = combine(shares).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        says(&[one[0].clone(), other[1].clone()], "not made together");
        says(
            &[one[0].clone(), other[1].clone()],
            &format!("share 2 of set {}", short(&other[1].set())),
        );
        says(&[one[1].clone(), one[1].clone()], "share 2");
        says(&[one[1].clone(), one[1].clone()], "twice");
        says(&one[2..], "1 of the 2 shares");
        says(&[], "no share");
    }

    #[test]
    fn a_share_reads_back_and_every_changed_or_missing_byte_is_noticed() {
        let share = split(b"secret", 2, 3).unwrap().remove(2);
        let bytes = share.to_bytes();
        assert_eq!(Share::from_bytes(&bytes).unwrap(), share);
        assert_eq!(bytes[HEAD - 1], 3);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(Share::from_bytes(&changed).is_err(), "byte {place}");
            assert!(
                Share::from_bytes(&bytes[..place]).is_err(),
                "{place} of them"
            );
        }
        let mut newer = bytes.clone();
        newer[0] = 2;
        assert!(matches!(
            Share::from_bytes(&newer),
            Err(Error::Version { version: 2, .. })
        ));
    }

    #[test]
    fn a_wrong_share_with_a_right_checksum_differs_from_its_fingerprint() {
        let shares = split(b"secret", 2, 3).unwrap();
        let known: Vec<_> = shares.iter().map(Share::fingerprint).collect();
        let mut forged = shares[0].clone();
        forged.values[0] ^= 1;
        let forged = Share::from_bytes(&forged.to_bytes()).unwrap();
        let chosen = [forged, shares[1].clone()];
        assert_ne!(**combine(&chosen).unwrap(), *b"secret");
        let error = combine_known(&chosen, &known).unwrap_err().to_string();
        assert!(error.contains("share 1"), "{error}");
    }

    #[test]
    fn the_salt_is_of_this_share_and_nonce() {
        let shares = split(b"secret", 2, 3).unwrap();
        let salt = shares[0].salt(&[1; 32]);
        assert_eq!(salt, shares[0].clone().salt(&[1; 32]));
        assert_ne!(salt, shares[0].salt(&[2; 32]));
        assert_ne!(salt, shares[1].salt(&[1; 32]));
        assert_ne!(salt, shares[0].fingerprint());
    }

    #[test]
    fn impossible_numbers_and_secrets_are_refused() {
        for (threshold, count) in [(0, 0), (0, 3), (1, 3), (4, 3)] {
            assert!(split(b"secret", threshold, count).is_err());
        }
        assert!(split(b"", 2, 3).is_err());
        assert!(split(&[0; MAX_SECRET + 1], 2, 3).is_err());
    }

    #[test]
    fn a_share_does_not_show_its_values() {
        let share = split(b"secret", 2, 2).unwrap().remove(0);
        assert!(!format!("{share:?}").contains("values"));
    }
}
