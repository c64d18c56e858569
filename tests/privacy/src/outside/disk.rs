//! What lies on a vault's disk, by name, length and unencrypted header.

use std::{fs, path::Path};

use super::{Disk, File};

const AGE: &[u8] = b"age-encryption.org/v1\n";
/// No header is longer.
const HEADER: usize = 64 * 1024;

pub fn read(organisation: u32, folder: &Path) -> Disk {
    let file = |path: &std::path::PathBuf| {
        let bytes = fs::read(path).ok()?;
        let name = path.strip_prefix(folder).ok()?;
        Some(File {
            path: name.to_string_lossy().into_owned(),
            bytes: bytes.len() as u64,
            header: header(&bytes),
        })
    };
    Disk {
        organisation,
        files: salus_e2e::blocks(folder).iter().filter_map(file).collect(),
    }
}

/// The lines of an age file that name who can open it.
pub fn header(bytes: &[u8]) -> Option<String> {
    let bytes = &bytes[..bytes.len().min(HEADER)];
    let end = bytes.windows(5).position(|window| window == b"\n--- ")?;
    let text = bytes.starts_with(AGE).then(|| bytes[..end].to_vec())?;
    String::from_utf8(text).ok()
}

impl File {
    /// How many keys could open it.
    pub fn stanzas(&self) -> Option<usize> {
        let lines = self.header.as_ref()?.lines();
        // Grease is no key's.
        let keys = lines.filter(|line| line.starts_with("-> ") && !line.contains("-grease"));
        Some(keys.count())
    }

    /// Kind and root of the object that it is part of.
    pub fn object(&self) -> Option<(&str, &str)> {
        let mut parts = self.path.split('/');
        (parts.next()? == "objects").then_some(())?;
        Some((parts.next()?, parts.next()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_of_a_header_are_counted_without_grease() {
        let text = b"age-encryption.org/v1\n-> X25519 abc\ndef\n-> X25519 ghi\njkl\n-> q-grease x\ny\n--- mac\nbody";
        let file = File {
            header: header(text),
            path: "objects/keyring/bafy/bafk".into(),
            ..File::default()
        };
        assert_eq!(file.stanzas(), Some(2));
        assert_eq!(file.object(), Some(("keyring", "bafy")));
        assert_eq!(header(b"no age file"), None);
    }
}
