//! What a file is that is said to be a runtime: its name and version, read without running it.

use codec::Decode;
use sp_maybe_compressed_blob::{decompress, CODE_BLOB_BOMB_LIMIT};

use crate::error::{Error, Result};

const MAGIC: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;
/// Where Substrate's builder writes the version of a runtime.
const SECTION: &[u8] = b"runtime_version";

/// A runtime's own word of what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeVersion {
    pub spec_name: String,
    pub spec_version: u32,
}

impl CodeVersion {
    /// Reads it from a runtime, as `cargo build` made it or compressed.
    ///
    /// Fails with what the file is instead, where that can be told.
    pub fn read(code: &[u8]) -> Result<Self> {
        let bad = |reason: &str| {
            Error::Unfit(format!(
                "this is no runtime: {reason}. Take salus_runtime.compact.compressed.wasm of the release"
            ))
        };
        if code.first() == Some(&b'{') {
            return Err(bad("it is JSON, such as a chain's specification"));
        }
        let wasm = decompress(code, CODE_BLOB_BOMB_LIMIT)
            .map_err(|_| bad("it is compressed, and was cut or changed"))?;
        let sections = wasm
            .strip_prefix(MAGIC)
            .ok_or_else(|| bad("it is no WebAssembly"))?;
        let version = custom_section(sections, SECTION)
            .ok_or_else(|| bad("it is WebAssembly that names no runtime version"))?;
        decode(version).ok_or_else(|| bad("its version cannot be read"))
    }

    /// Whether a chain with this runtime would take it.
    pub fn ensure_follows(&self, present: &Self) -> Result<()> {
        if self.spec_name != present.spec_name {
            return Err(Error::Unfit(format!(
                "this is a runtime of {}, and the chain's is one of {}: take the one that was built for it",
                self.spec_name, present.spec_name
            )));
        }
        if self.spec_version <= present.spec_version {
            return Err(Error::Unfit(format!(
                "this runtime has version {}, and the chain's has {}: only a higher one is taken. Build it with a higher spec_version",
                self.spec_version, present.spec_version
            )));
        }
        Ok(())
    }
}

/// The fields of a `RuntimeVersion` up to the one that is needed.
fn decode(mut bytes: &[u8]) -> Option<CodeVersion> {
    let input = &mut bytes;
    let spec_name = String::decode(input).ok()?;
    let _impl_name = String::decode(input).ok()?;
    let _authoring_version = u32::decode(input).ok()?;
    let spec_version = u32::decode(input).ok()?;
    Some(CodeVersion {
        spec_name,
        spec_version,
    })
}

/// The content of a module's custom section of this name. `sections` begins after the module's head.
fn custom_section<'a>(mut sections: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    while let Some((id, rest)) = sections.split_first() {
        let (content, rest) = prefixed(rest)?;
        if *id == CUSTOM {
            let (found, content) = prefixed(content)?;
            if found == name {
                return Some(content);
            }
        }
        sections = rest;
    }
    None
}

/// Bytes behind their length, and what follows them.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, bytes) = leb128(bytes)?;
    bytes.split_at_checked(usize::try_from(length).ok()?)
}

/// An unsigned number of at most 32 bits, as WebAssembly writes it.
fn leb128(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0u32;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        let bits = u32::from(byte & 0x7f);
        let shift = 7 * place as u32;
        if shift == 28 && bits > 0x0f {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use codec::Encode;
    use sp_maybe_compressed_blob::compress_weakly;

    use super::*;

    fn version(spec_name: &str, spec_version: u32) -> CodeVersion {
        CodeVersion {
            spec_name: spec_name.into(),
            spec_version,
        }
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut section = vec![id];
        let mut length = content.len();
        while length >= 0x80 {
            section.push(length as u8 | 0x80);
            length >>= 7;
        }
        section.push(length as u8);
        section.extend(content);
        section
    }

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        let mut inner = vec![name.len() as u8];
        inner.extend(name.as_bytes());
        inner.extend(content);
        section(CUSTOM, &inner)
    }

    /// A module with a long section, another custom one, and the version.
    fn runtime(spec_name: &str, spec_version: u32) -> Vec<u8> {
        let version = (spec_name, "node", 1u32, spec_version, 0u32, 0u32, 1u32);
        [
            MAGIC.to_vec(),
            section(10, &[7; 300]),
            custom("runtime_apis", &[1; 12]),
            custom("runtime_version", &version.encode()),
        ]
        .concat()
    }

    fn read(code: &[u8]) -> Result<CodeVersion> {
        CodeVersion::read(code)
    }

    #[test]
    fn a_runtime_tells_its_version_plain_and_compressed() {
        let code = runtime("salus", 7);
        assert_eq!(read(&code).unwrap(), version("salus", 7));
        let compressed = compress_weakly(&code, CODE_BLOB_BOMB_LIMIT).unwrap();
        assert_eq!(read(&compressed).unwrap(), version("salus", 7));
    }

    #[test]
    fn what_is_no_runtime_is_refused_with_what_it_is() {
        let compressed = compress_weakly(&runtime("salus", 7), CODE_BLOB_BOMB_LIMIT).unwrap();
        let bare = [MAGIC.to_vec(), section(10, &[7; 300])].concat();
        let cut = runtime("salus", 7);
        for (code, what) in [
            (br#"{"name": "Northern"}"#.to_vec(), "a chain's specification"),
            (b"".to_vec(), "no WebAssembly"),
            (b"\x7fELF".to_vec(), "no WebAssembly"),
            (compressed[..compressed.len() - 9].to_vec(), "cut or changed"),
            (bare, "names no runtime version"),
            (cut[..cut.len() - 20].to_vec(), "names no runtime version"),
            (
                [MAGIC.to_vec(), custom("runtime_version", &[])].concat(),
                "cannot be read",
            ),
        ] {
            let told = read(&code).unwrap_err().to_string();
            assert!(told.contains(what), "{told}");
            assert!(told.contains(".compressed.wasm"), "{told}");
        }
        // Lengths that lead nowhere end the search.
        for length in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 9], &[0x80]] {
            let code = [MAGIC, &[0], length].concat();
            assert!(read(&code).is_err());
        }
    }

    #[test]
    fn only_a_higher_version_of_the_same_chain_follows() {
        let present = version("salus", 7);
        assert!(version("salus", 8).ensure_follows(&present).is_ok());
        for (next, what) in [
            (version("salus", 7), "version 7"),
            (version("salus", 6), "version 6"),
            (version("polkadot", 8), "polkadot"),
        ] {
            let told = next.ensure_follows(&present).unwrap_err().to_string();
            assert!(told.contains(what), "{told}");
        }
    }
}
