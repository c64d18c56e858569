//! Our files against Debian's `age`, an implementation that knows nothing of ours.

use std::io::Write;
use std::process::{Command, Stdio};

use salus_client::files::age::{seal_sized, unseal_bytes, DecryptionKey, EncryptionKey};
use salus_client::files::sizes::Sizes;

/// `None`, with a word on stderr, where `age` is not installed; `scripts/setup` installs it.
fn age(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        assert!(
            std::env::var_os("CI").is_none(),
            "{program} is not installed: run scripts/setup"
        );
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} failed");
    Some(output.stdout)
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (31 * i + 7) as u8).collect()
}

#[test]
fn debians_age_opens_our_files() {
    let folder = tempfile::tempdir().unwrap();
    let key = DecryptionKey::generate();
    let identity = folder.path().join("identity.txt");
    std::fs::write(&identity, key.expose().unwrap().as_bytes()).unwrap();
    for length in [0usize, 1, 65_528, 1_048_577] {
        let plain = content(length);
        let sealed = seal_sized(&[key.public()], &plain, Sizes::Payload).unwrap();
        let Some(opened) = age(
            "age",
            &["--decrypt", "-i", identity.to_str().unwrap()],
            &sealed,
        ) else {
            return;
        };
        assert_eq!(opened.len() as u64, Sizes::Payload.padded(length as u64));
        assert_eq!(opened[..8], (length as u64).to_le_bytes());
        assert!(opened[8..8 + length] == plain);
        assert!(opened[8 + length..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn we_open_files_of_debians_age_and_use_its_keys() {
    let Some(generated) = age("age-keygen", &[], b"") else {
        return;
    };
    let generated = String::from_utf8(generated).unwrap();
    let secret = generated
        .lines()
        .find(|line| line.starts_with("AGE-"))
        .unwrap();
    let key = DecryptionKey::parse(secret).unwrap();
    let public = key.public().to_string();
    assert!(generated.contains(&public));
    assert_eq!(public.parse::<EncryptionKey>().unwrap(), key.public());
    for length in [0usize, 1, 100_000] {
        let plain = content(length);
        let mut framed = (length as u64).to_le_bytes().to_vec();
        framed.extend_from_slice(&plain);
        framed.resize(Sizes::Payload.padded(length as u64) as usize, 0);
        let sealed = age("age", &["--encrypt", "-r", &public], &framed).unwrap();
        let opened = unseal_bytes(std::slice::from_ref(&key), &sealed, 1 << 20, "file").unwrap();
        assert!(opened[..] == plain[..]);
    }
}
