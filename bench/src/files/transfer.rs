//! The same bytes as a record: encrypted, stored, anchored, fetched, verified and opened, as the
//! command line does it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use reqwest::Body;
use salus_client::{
    chain::{calls, Chain},
    files::{
        draft::Draft,
        manifest::{Description, Manifest},
        object::{build_record, open_payload, send_record, SentRecord},
        Place,
    },
    taxonomy::Category,
    vault::{self, Location, Pieces, Session},
    Error,
};
use salus_primitives::Cid;
use serde_json::Value;

use crate::world::World;

/// Who sends what, and where to.
pub struct Transfer<'a> {
    pub chain: &'a Chain,
    pub world: &'a World,
    pub session: &'a Session<'a>,
    pub folder: &'a Path,
}

impl Transfer<'_> {
    fn place(&self) -> Place {
        let owner = self.world.owner.account();
        Place::new(self.chain.genesis(), self.world.patient, owner)
    }

    /// From a file in clear to the vault's word that it is on its disk.
    pub async fn upload(&self, clear: &Path) -> Result<SentRecord> {
        let (place, to, clear) = (self.place(), self.world.key.public(), clear.to_path_buf());
        let sent = self.session.send(move |sink| {
            let (file, length) = open(&clear)?;
            let put = |piece| sink.put(piece);
            let sent = send_record(&place, &description(), &to, file, length, put)?;
            Ok((sent.content, sent))
        });
        Ok(sent.await?)
    }

    pub async fn anchor(&self, records: &[SentRecord]) -> Result<Vec<u32>> {
        let new = |sent: &SentRecord| sent.new_record(self.world.compartment, 0);
        let items: Vec<_> = records
            .iter()
            .map(|sent| (self.world.patient, None, new(sent)))
            .collect();
        let call = match items.as_slice() {
            [(patient, grant, new)] => calls::records::anchor(*patient, *grant, new),
            several => calls::records::anchor_many(several)?,
        };
        let done = self.chain.submit(&self.world.owner, &call).await?;
        done.events
            .iter()
            .filter(|event| event.is("Records", "RecordAnchored"))
            .map(|event| {
                let record = event.fields.get("record").and_then(Value::as_u64);
                Ok(u32::try_from(
                    record.context("the event names the record")?,
                )?)
            })
            .collect()
    }

    /// From the question to the verified file in clear under its name.
    pub async fn download(&self, record: u32, sent: &SentRecord, to: PathBuf) -> Result<()> {
        let folder = self.folder.to_path_buf();
        let (keys, manifest) = (vec![self.world.key.clone()], sent.manifest.clone());
        self.stream(record, &sent.content, move |pieces| {
            let mut plain = Draft::in_folder(&folder)?;
            open_payload(&keys, pieces, &manifest, &mut plain)?;
            plain.publish(&to)
        })
        .await
    }

    async fn stream(
        &self,
        record: u32,
        content: &Cid,
        take: impl Fn(Pieces) -> Result<(), Error> + Clone + Send + 'static,
    ) -> Result<()> {
        let location = Location::Record(self.world.patient, record);
        let object = self.session.object(location, content, None, None).await?;
        Ok(object.stream(vault::File::Payload, |_| {}, take).await?)
    }

    /// What making, sending, fetching and opening take each on its own. In a transfer they overlap.
    pub async fn parts(&self, clear: &Path) -> Result<Parts> {
        let (place, to) = (self.place(), self.world.key.public());
        let started = Instant::now();
        let (file, length) = open(clear)?;
        send_record(&place, &description(), &to, file, length, |_| Ok(()))?;
        let make = started.elapsed();

        let (file, length) = open(clear)?;
        let built = build_record(&place, &description(), &to, file, length, self.folder)?;
        let started = Instant::now();
        let car = || Body::wrap_stream(built.object.car_stream());
        self.session.upload(&built.object.cid(), car).await?;
        let send = started.elapsed();
        let sent = SentRecord {
            content: built.object.cid(),
            manifest: built.manifest.clone(),
            commitment: built.commitment,
        };
        // Its spool is not read again, and would only fill the disk's cache.
        drop(built);
        let record = self.anchor(std::slice::from_ref(&sent)).await?;
        let record = *record.first().context("an anchored record has an event")?;

        let started = Instant::now();
        self.stream(record, &sent.content, nowhere).await?;
        let fetch = started.elapsed();

        let sealed = self.folder.join("sealed");
        let path = sealed.clone();
        self.stream(record, &sent.content, move |mut pieces| {
            File::create(&path)
                .and_then(|mut file| io::copy(&mut pieces, &mut file))
                .map(drop)
                .map_err(|error| Error::io("write a temporary file", error))
        })
        .await?;
        let started = Instant::now();
        self.open_sealed(&sealed, &sent.manifest)?;
        let open = started.elapsed();
        std::fs::remove_file(&sealed)?;
        Ok(Parts {
            make,
            send,
            fetch,
            open,
        })
    }

    fn open_sealed(&self, sealed: &Path, manifest: &Manifest) -> Result<()> {
        let mut plain = Draft::in_folder(self.folder)?;
        let keys = std::slice::from_ref(&self.world.key);
        Ok(open_payload(
            keys,
            File::open(sealed)?,
            manifest,
            &mut plain,
        )?)
    }
}

pub struct Parts {
    pub make: Duration,
    pub send: Duration,
    pub fetch: Duration,
    pub open: Duration,
}

fn nowhere(mut pieces: Pieces) -> Result<(), Error> {
    io::copy(&mut pieces, &mut io::sink())
        .map(drop)
        .map_err(|error| Error::io("read the download", error))
}

fn open(clear: &Path) -> Result<(File, u64), Error> {
    let file = File::open(clear).map_err(Error::file("open", clear))?;
    let metadata = file.metadata().map_err(Error::file("read", clear))?;
    Ok((file, metadata.len()))
}

fn description() -> Description {
    Description {
        title: "Benchmark".into(),
        category: Category::Imaging,
        code: None,
        date: "2026-01-01T00:00:00Z".into(),
        media_type: "application/octet-stream".into(),
        sensitivity: Vec::new(),
    }
}
