//! Encryption: [age v1](https://age-encryption.org/v1) files whose plaintext is
//! `length as u64 LE || content || zeros`, padded to one of few [`super::sizes`].
//!
//! Streaming both ways, in constant memory. Any age implementation opens them.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use age::{secrecy::ExposeSecret, DecryptError, Decryptor, Encryptor};
use age_core::format::{FileKey, Stanza};
use rand::{rngs::OsRng, seq::SliceRandom};
use salus_primitives::{signing::SCHEME_X25519, Recipient};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ahead::beside;
use super::sizes::{Sizes, PREFIX};
use super::unixfs::CHUNK;
use crate::error::{Error, Result};

const BUFFER: usize = 64 * 1024;
const HRP: bech32::Hrp = bech32::Hrp::parse_unchecked("age");

/// A public key to encrypt to. One variant per `scheme`; a file never mixes schemes.
#[derive(Clone, PartialEq, Eq)]
pub enum EncryptionKey {
    X25519([u8; 32]),
}

impl EncryptionKey {
    pub fn from_raw(scheme: u8, key: &[u8]) -> Result<Self> {
        match scheme {
            SCHEME_X25519 => key.try_into().map(EncryptionKey::X25519).map_err(|_| {
                Error::EncryptionKey(format!("X25519 keys have 32 bytes, not {}", key.len()))
            }),
            other => Err(Error::UnknownScheme(other)),
        }
    }

    /// The key that a recipient on the chain carries. Verify its signature first.
    pub fn from_recipient(recipient: &Recipient) -> Result<Self> {
        Self::from_raw(recipient.scheme, &recipient.key)
    }

    pub fn scheme(&self) -> u8 {
        match self {
            EncryptionKey::X25519(_) => SCHEME_X25519,
        }
    }

    /// As the chain keeps it.
    pub fn raw(&self) -> &[u8; 32] {
        match self {
            EncryptionKey::X25519(key) => key,
        }
    }

    fn recipient(&self) -> Result<Box<dyn age::Recipient>> {
        match self {
            EncryptionKey::X25519(_) => self
                .to_string()
                .parse::<age::x25519::Recipient>()
                .map(|recipient| Box::new(recipient) as _)
                .map_err(|reason| Error::EncryptionKey(reason.into())),
        }
    }
}

/// `age1…`
impl fmt::Display for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncryptionKey::X25519(key) => {
                bech32::encode_lower_to_fmt::<bech32::Bech32, _>(f, HRP, key)
                    .map_err(|_| fmt::Error)
            }
        }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EncryptionKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<age::x25519::Recipient>()
            .map_err(|reason| Error::EncryptionKey(reason.into()))?;
        let (_, key) =
            bech32::decode(text).map_err(|error| Error::EncryptionKey(error.to_string()))?;
        Self::from_raw(SCHEME_X25519, &key)
    }
}

/// A secret key to decrypt with. It is wiped from memory when dropped, and never shown by `Debug`.
#[derive(Clone)]
pub enum DecryptionKey {
    X25519(age::x25519::Identity),
    /// The key of one single file: what a grant on single records hands over.
    File(Zeroizing<[u8; 16]>),
}

impl DecryptionKey {
    pub fn generate() -> Self {
        DecryptionKey::X25519(age::x25519::Identity::generate())
    }

    /// From 32 secret bytes, for test vectors.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self> {
        let hrp = bech32::Hrp::parse_unchecked("AGE-SECRET-KEY-");
        let text = bech32::encode_upper::<bech32::Bech32>(hrp, secret)
            .map_err(|error| Error::EncryptionKey(error.to_string()))?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Reads `AGE-SECRET-KEY-1…`. The error does not quote it.
    pub fn parse(text: &str) -> Result<Self> {
        text.parse::<age::x25519::Identity>()
            .map(DecryptionKey::X25519)
            .map_err(|reason| Error::EncryptionKey(reason.into()))
    }

    /// `AGE-SECRET-KEY-1…`, for storing sealed; none for the key of a single file.
    pub fn expose(&self) -> Option<Zeroizing<String>> {
        match self {
            DecryptionKey::X25519(identity) => Some(Zeroizing::new(
                identity.to_string().expose_secret().to_owned(),
            )),
            DecryptionKey::File(_) => None,
        }
    }

    /// The key that others encrypt to.
    ///
    /// The key of a single file has none; it answers with the key of nobody, 32 zero bytes, to which
    /// age refuses to encrypt.
    pub fn public(&self) -> EncryptionKey {
        match self {
            DecryptionKey::X25519(identity) => identity
                .to_public()
                .to_string()
                .parse()
                .unwrap_or(EncryptionKey::X25519([0; 32])),
            DecryptionKey::File(_) => EncryptionKey::X25519([0; 32]),
        }
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecryptionKey::X25519(_) => write!(f, "DecryptionKey({})", self.public()),
            DecryptionKey::File(_) => f.write_str("DecryptionKey(one file)"),
        }
    }
}

impl age::Identity for DecryptionKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        match self {
            DecryptionKey::X25519(identity) => identity.unwrap_stanza(stanza),
            DecryptionKey::File(key) => Some(Ok(FileKey::init_with_mut(|slot| *slot = **key))),
        }
    }
}

/// Reads the header of an age file and unwraps its file key, so that it can be handed to someone else
/// without the compartment's key.
pub fn file_key(
    sealed: impl Read,
    keys: &[DecryptionKey],
    what: &'static str,
) -> Result<DecryptionKey> {
    use std::cell::RefCell;

    /// Remembers what one of the keys unwrapped.
    struct Tap<'a>(&'a [DecryptionKey], RefCell<Option<Zeroizing<[u8; 16]>>>);

    impl age::Identity for Tap<'_> {
        fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
            let found = self
                .0
                .iter()
                .find_map(|key| age::Identity::unwrap_stanza(key, stanza));
            if let Some(Ok(key)) = &found {
                *self.1.borrow_mut() = Some(Zeroizing::new(*key.expose_secret()));
            }
            found
        }
    }

    let tap = Tap(keys, RefCell::new(None));
    Decryptor::new(sealed)
        .and_then(|decryptor| decryptor.decrypt(std::iter::once(&tap as &dyn age::Identity)))
        .map_err(|error| header_error(error, what))?;
    tap.1
        .into_inner()
        .map(DecryptionKey::File)
        .ok_or(Error::WrongKey(what))
}

fn header_error(error: DecryptError, what: &'static str) -> Error {
    match error {
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed => Error::WrongKey(what),
        DecryptError::Io(error) => body_error(error, what),
        other => Error::damaged(what, other),
    }
}

fn body_error(error: io::Error, what: &'static str) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::damaged(what, "it ends too early"),
        io::ErrorKind::InvalidData if !is_ours(&error) => {
            Error::damaged(what, "its bytes were changed, or it ends too early")
        }
        _ => Error::io(format!("read the {what}"), error),
    }
}

fn is_ours(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Error>())
}

/// Length and SHA-256 of some content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digested {
    pub length: u64,
    pub sha256: [u8; 32],
}

/// Encrypts exactly `length` bytes of `content` into `out`, padded as `sizes` say, and returns their
/// hash.
///
/// Fails if `content` is shorter or longer: the length stands before the content, so it cannot be
/// corrected afterwards.
pub fn seal<W: Write + Send>(
    to: &[EncryptionKey],
    content: impl Read,
    length: u64,
    sizes: Sizes,
    out: W,
) -> Result<(Digested, W)> {
    let recipients = to
        .iter()
        .map(EncryptionKey::recipient)
        .collect::<Result<Vec<_>>>()?;
    let encryptor =
        Encryptor::with_recipients(recipients.iter().map(|recipient| recipient.as_ref()))
            .map_err(|error| Error::EncryptionKey(error.to_string()))?;
    let mut out = encryptor.wrap_output(out).map_err(write_error)?;
    let digested = match length > CHUNK as u64 {
        // While a piece is encrypted, the next one is read and hashed.
        true => beside(
            |ahead| fill(content, length, sizes, ahead),
            |piece| out.write_all(piece).map_err(write_error),
        )?,
        false => fill(content, length, sizes, &mut out)?,
    };
    let out = out.finish().map_err(write_error)?;
    Ok((digested, out))
}

fn write_error(error: io::Error) -> Error {
    Error::io("write the encrypted file", error)
}

/// The plaintext: length, content, padding.
fn fill(
    mut content: impl Read,
    length: u64,
    sizes: Sizes,
    out: &mut impl Write,
) -> Result<Digested> {
    let write = write_error;
    out.write_all(&length.to_le_bytes()).map_err(write)?;
    let mut hash = Sha256::new();
    let mut buffer = Zeroizing::new(vec![0u8; BUFFER]);
    let mut found = 0u64;
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read the file to encrypt", error)),
        };
        found += count as u64;
        if found > length {
            break;
        }
        hash.update(&buffer[..count]);
        out.write_all(&buffer[..count]).map_err(write)?;
    }
    if found != length {
        return Err(Error::LengthChanged {
            expected: length,
            found,
        });
    }

    buffer.fill(0);
    let mut padding = sizes.padded(length).saturating_sub(PREFIX + length);
    while padding > 0 {
        let count = padding.min(BUFFER as u64);
        out.write_all(&buffer[..count as usize]).map_err(write)?;
        padding -= count;
    }
    Ok(Digested {
        length,
        sha256: hash.finalize().into(),
    })
}

/// [`seal`], in memory, for a key or a share of one.
pub fn seal_bytes(to: &[EncryptionKey], content: &[u8]) -> Result<Vec<u8>> {
    seal_sized(to, content, Sizes::Secret)
}

/// Returns these keys in random order, among as many that nobody has as make a multiple of `stanzas`: a
/// header does not tell how many can open the file.
pub fn among(keys: &[EncryptionKey], stanzas: usize) -> Vec<EncryptionKey> {
    let mut keys = keys.to_vec();
    let count = keys.len().max(1).next_multiple_of(stanzas);
    keys.resize_with(count, || DecryptionKey::generate().public());
    keys.shuffle(&mut OsRng);
    keys
}

/// [`seal`], in memory.
pub fn seal_sized(to: &[EncryptionKey], content: &[u8], sizes: Sizes) -> Result<Vec<u8>> {
    seal(to, content, content.len() as u64, sizes, Vec::new()).map(|(_, sealed)| sealed)
}

/// The content of a sealed file. Its last `read` returns 0 only after the padding and the end of
/// the file were found to be right; until then, treat the content as unverified.
pub struct Unsealed<R> {
    inner: age::stream::StreamReader<R>,
    what: &'static str,
    length: u64,
    left: u64,
    done: bool,
}

/// Opens a sealed file; `what` names it in errors. The length counts, and any number of zeros after the
/// content is fine: how far a file is padded is its writer's decision.
pub fn unseal<R: Read>(
    keys: &[DecryptionKey],
    sealed: R,
    what: &'static str,
) -> Result<Unsealed<R>> {
    let mut inner = Decryptor::new(sealed)
        .and_then(|decryptor| decryptor.decrypt(keys.iter().map(|key| key as &dyn age::Identity)))
        .map_err(|error| header_error(error, what))?;
    let mut length = [0u8; PREFIX as usize];
    inner
        .read_exact(&mut length)
        .map_err(|error| body_error(error, what))?;
    let length = u64::from_le_bytes(length);
    Ok(Unsealed {
        inner,
        what,
        length,
        left: length,
        done: false,
    })
}

impl<R: Read> Unsealed<R> {
    /// Bytes of content in all.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes all of the content to `out`, and tells its hash. Use nothing of `out` after an error.
    pub fn copy_to(mut self, out: &mut (impl Write + Send)) -> Result<Digested> {
        let write = |error| Error::io("write the decrypted file", error);
        let mut hash = Sha256::new();
        let mut keep = |piece: &[u8]| {
            hash.update(piece);
            out.write_all(piece).map_err(write)
        };
        match self.length > CHUNK as u64 {
            // While a piece is hashed and written, the next one is decrypted.
            true => beside(
                |ahead| self.each(|piece| ahead.write_all(piece).map_err(write)),
                keep,
            )?,
            false => self.each(&mut keep)?,
        }
        Ok(Digested {
            length: self.length,
            sha256: hash.finalize().into(),
        })
    }

    fn each(&mut self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = Zeroizing::new(vec![0u8; BUFFER]);
        loop {
            match self.next(&mut buffer)? {
                0 => return Ok(()),
                count => take(&buffer[..count])?,
            }
        }
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            if self.left == 0 {
                self.finish()?;
            }
            return Ok(0);
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match self.read_plain(&mut buffer[..most])? {
            0 => Err(Error::damaged(self.what, "it ends before its length")),
            count => {
                self.left -= count as u64;
                Ok(count)
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        if self.done {
            return Ok(());
        }
        let mut buffer = [0u8; 4096];
        loop {
            let count = self.read_plain(&mut buffer)?;
            if count == 0 {
                break;
            }
            if buffer[..count].iter().any(|byte| *byte != 0) {
                return Err(Error::damaged(self.what, "its padding is wrong"));
            }
        }
        self.done = true;
        Ok(())
    }

    fn read_plain(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => return result.map_err(|error| body_error(error, self.what)),
            }
        }
    }
}

impl<R: Read> Read for Unsealed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.next(buffer)?)
    }
}

/// [`unseal`], in memory, for small parts: at most `limit` bytes of content.
pub fn unseal_bytes(
    keys: &[DecryptionKey],
    sealed: &[u8],
    limit: u64,
    what: &'static str,
) -> Result<Zeroizing<Vec<u8>>> {
    let reader = unseal(keys, sealed, what)?;
    if reader.length() > limit {
        return Err(Error::TooLarge {
            what,
            limit,
            found: reader.length(),
        });
    }
    // Of the right capacity from the start: growing would leave copies behind.
    let mut content = Zeroizing::new(Vec::with_capacity(reader.length() as usize));
    reader.copy_to(&mut *content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|i| (31 * i + 7 + i / 977) as u8).collect()
    }

    const MIB: usize = 1024 * 1024;

    #[test]
    fn every_length_comes_back_whole_and_is_padded() {
        let key = DecryptionKey::generate();
        let sizes = Sizes::Payload;
        for length in [
            0,
            1,
            7,
            8,
            1_000,
            65_527,
            65_528,
            65_529,
            65_536,
            MIB - 1,
            MIB,
            MIB + 1,
        ] {
            let plain = content(length);
            let sealed = seal_sized(&[key.public()], &plain, sizes).unwrap();
            let DecryptionKey::X25519(identity) = &key else {
                panic!("not an X25519 key");
            };
            let under_age = age::decrypt(identity, &sealed).unwrap();
            assert_eq!(under_age.len() as u64, sizes.padded(length as u64));
            let reader = unseal(std::slice::from_ref(&key), &sealed[..], "file").unwrap();
            assert_eq!(reader.length(), length as u64);
            let mut back = Vec::new();
            let digested = reader.copy_to(&mut back).unwrap();
            assert_eq!(back, plain);
            assert_eq!(digested.sha256, <[u8; 32]>::from(Sha256::digest(&plain)));
        }
    }

    #[test]
    fn another_key_does_not_open() {
        let sealed = seal_bytes(&[DecryptionKey::generate().public()], b"secret").unwrap();
        let error = unseal_bytes(&[DecryptionKey::generate()], &sealed, 100, "letter").unwrap_err();
        assert!(matches!(error, Error::WrongKey("letter")), "{error}");
        assert!(matches!(
            unseal_bytes(&[], &sealed, 100, "letter").unwrap_err(),
            Error::WrongKey(_)
        ));
    }

    #[test]
    fn any_of_several_recipients_opens() {
        let keys = [DecryptionKey::generate(), DecryptionKey::generate()];
        let sealed = seal_bytes(&[keys[0].public(), keys[1].public()], b"secret").unwrap();
        for key in keys {
            assert_eq!(
                **unseal_bytes(&[key], &sealed, 100, "keyring").unwrap(),
                *b"secret"
            );
        }
        assert!(seal_bytes(&[], b"secret").is_err());
    }

    #[test]
    fn a_truncated_file_never_reads_as_whole() {
        let key = DecryptionKey::generate();
        let sealed = seal_bytes(&[key.public()], &content(200_000)).unwrap();
        let mut cuts: Vec<usize> = (0..400).chain((400..sealed.len()).step_by(9_973)).collect();
        cuts.push(sealed.len() - 1);
        for cut in cuts {
            let error = unseal_bytes(
                std::slice::from_ref(&key),
                &sealed[..cut],
                1 << 20,
                "payload",
            )
            .unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{cut}: {error}");
        }
    }

    #[test]
    fn a_flipped_byte_is_noticed_wherever_it_is() {
        let key = DecryptionKey::generate();
        let sealed = seal_bytes(&[key.public()], &content(70_000)).unwrap();
        let places = (0..300)
            .chain((300..sealed.len()).step_by(1_009))
            .chain([sealed.len() - 1]);
        for place in places {
            let mut broken = sealed.clone();
            broken[place] ^= 1;
            assert!(
                unseal_bytes(std::slice::from_ref(&key), &broken, 1 << 20, "payload").is_err(),
                "{place}"
            );
        }
        let mut longer = sealed;
        longer.push(0);
        assert!(unseal_bytes(&[key], &longer, 1 << 20, "payload").is_err());
    }

    /// Encrypts a plaintext that ignores our framing.
    fn raw(key: &DecryptionKey, plain: &[u8]) -> Vec<u8> {
        let recipient = key.public().recipient().unwrap();
        let encryptor = Encryptor::with_recipients(std::iter::once(recipient.as_ref())).unwrap();
        let mut out = encryptor.wrap_output(Vec::new()).unwrap();
        out.write_all(plain).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn wrong_framing_is_refused() {
        let key = DecryptionKey::generate();
        let open = |plain: &[u8]| {
            unseal_bytes(std::slice::from_ref(&key), &raw(&key, plain), 100, "letter")
        };
        let framed = |length: u64, rest: &[u8]| [&length.to_le_bytes()[..], rest].concat();
        for zeros in [0, 1, 7, 5_000] {
            let plain = framed(1, &[&b"a"[..], &vec![0; zeros]].concat());
            assert_eq!(**open(&plain).unwrap(), *b"a", "{zeros}");
        }
        assert!(open(b"").is_err());
        assert!(open(b"1234567").is_err());
        assert!(open(&framed(2, b"a")).is_err(), "length beyond the end");
        assert!(open(&framed(1, b"ab")).is_err(), "padding not zero");
        assert!(open(&framed(1, b"a\0\0b")).is_err(), "more than padding");
        assert!(open(&framed(u64::MAX, b"a")).is_err());
        assert!(matches!(
            open(&framed(101, &[0; 103])),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn a_file_that_changes_its_length_while_read_is_refused() {
        let key = DecryptionKey::generate().public();
        for length in [4, 6] {
            let error = seal(
                std::slice::from_ref(&key),
                &b"12345"[..],
                length,
                Sizes::Payload,
                Vec::new(),
            )
            .unwrap_err();
            assert!(matches!(error, Error::LengthChanged { expected, .. } if expected == length));
        }
    }

    #[test]
    fn the_key_of_one_file_opens_that_file_only() {
        let key = DecryptionKey::generate();
        let first = seal_bytes(&[key.public()], b"first").unwrap();
        let second = seal_bytes(&[key.public()], b"second").unwrap();
        let single = file_key(&first[..], &[key], "record").unwrap();
        assert_eq!(
            **unseal_bytes(std::slice::from_ref(&single), &first, 100, "record").unwrap(),
            *b"first"
        );
        assert!(unseal_bytes(&[single], &second, 100, "record").is_err());
        let stranger = [DecryptionKey::generate()];
        assert!(matches!(
            file_key(&first[..], &stranger, "record"),
            Err(Error::WrongKey(_))
        ));
    }

    #[test]
    fn keys_read_back_and_do_not_show_in_debug() {
        let key = DecryptionKey::generate();
        let text = key.expose().unwrap();
        assert_eq!(DecryptionKey::parse(&text).unwrap().public(), key.public());
        assert_eq!(
            key.public().to_string().parse::<EncryptionKey>().unwrap(),
            key.public()
        );
        assert_eq!(
            EncryptionKey::from_raw(0, key.public().raw()).unwrap(),
            key.public()
        );
        assert!(!format!("{key:?}").contains("SECRET"));
        let error = DecryptionKey::parse(&text[..text.len() - 1])
            .unwrap_err()
            .to_string();
        assert!(!error.contains(&text[20..30]));
        assert!(matches!(
            EncryptionKey::from_raw(1, &[0; 1216]),
            Err(Error::UnknownScheme(1))
        ));
        assert!(EncryptionKey::from_raw(0, &[0; 31]).is_err());
    }
}
