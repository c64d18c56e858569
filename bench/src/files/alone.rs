//! What copying takes, and encrypting and decrypting with `age` and nothing around it.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

use age::x25519::Identity;
use anyhow::Result;

pub struct Alone {
    pub copy: Duration,
    pub encrypt: Duration,
    /// As `encrypt`, and until the disk has it.
    pub encrypt_sync: Duration,
    pub decrypt: Duration,
}

/// Each result is removed at once: nobody else's flush has to write it.
pub fn measure(clear: &Path, folder: &Path) -> Result<Alone> {
    let key = Identity::generate();
    let (copied, sealed, opened) = (
        folder.join("copied"),
        folder.join("sealed"),
        folder.join("opened"),
    );
    let started = Instant::now();
    let mut out = create(&copied)?;
    io::copy(&mut read(clear)?, &mut out)?;
    out.flush()?;
    let copy = started.elapsed();
    drop(out);
    fs::remove_file(&copied)?;

    let started = Instant::now();
    let out = encrypt(&key, clear, &sealed)?;
    let encrypted = started.elapsed();
    out.sync_all()?;
    let encrypt_sync = started.elapsed();

    let started = Instant::now();
    let mut content = age::Decryptor::new(read(&sealed)?)?
        .decrypt(std::iter::once(&key as &dyn age::Identity))?;
    let mut out = create(&opened)?;
    io::copy(&mut content, &mut out)?;
    out.flush()?;
    let decrypt = started.elapsed();
    drop(out);
    fs::remove_file(&sealed)?;
    fs::remove_file(&opened)?;
    Ok(Alone {
        copy,
        encrypt: encrypted,
        encrypt_sync,
        decrypt,
    })
}

fn encrypt(key: &Identity, from: &Path, to: &Path) -> Result<File> {
    let recipient = key.to_public();
    let mut out = age::Encryptor::with_recipients([&recipient as &dyn age::Recipient].into_iter())?
        .wrap_output(create(to)?)?;
    io::copy(&mut read(from)?, &mut out)?;
    Ok(out.finish()?.into_inner()?)
}

fn read(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path)?))
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path)?))
}
