//! Whole maps of the raw state, for what `SalusApi` does not answer.

use std::collections::HashMap;

use codec::Decode;
use serde::Deserialize;
use sp_core::H256;

use super::{
    connect::{hex, params, storage_prefix, unhex},
    Chain, ChainError, Result,
};

/// Keys that a node lists at once.
const PAGE: u32 = 1_000;
/// No map that is read whole has more rows: each has one per organisation, or fewer.
const MOST: usize = 4 * PAGE as usize;
/// Bytes of a Twox64 hash.
const HASH: usize = 8;

/// The values at some keys, in one block.
#[derive(Deserialize)]
struct Changes {
    changes: Vec<(String, Option<String>)>,
}

/// The key of a map's entry, for maps with `Twox64Concat` keys.
pub fn twox_key(pallet: &str, item: &str, entry: &[u8]) -> Vec<u8> {
    let mut key = storage_prefix(pallet, item);
    key.extend(sp_crypto_hashing::twox_64(entry));
    key.extend(entry);
    key
}

impl Chain {
    /// A single value, or what the runtime says that it is where nothing is stored.
    pub async fn value<T: Decode>(&self, pallet: &str, item: &str, at: H256) -> Result<T> {
        if let Some(value) = self.storage(&storage_prefix(pallet, item), at).await? {
            return Ok(value);
        }
        let runtime = self.runtime(at).await?;
        let default = runtime
            .metadata
            .pallet_by_name(pallet)
            .and_then(|pallet| pallet.storage()?.entry_by_name(item)?.default_value())
            .ok_or_else(|| ChainError::unreadable(item, "this runtime does not keep it"))?;
        T::decode(&mut &default[..]).map_err(|error| ChainError::unreadable(item, error))
    }

    /// The raw values at these keys, in their order and asked for at once.
    pub(crate) async fn values(
        &self,
        keys: &[impl AsRef<[u8]>],
        at: H256,
    ) -> Result<Vec<Option<Vec<u8>>>> {
        const METHOD: &str = "state_queryStorageAt";
        let keys: Vec<String> = keys.iter().map(|key| hex(key.as_ref())).collect();
        let found: Vec<Changes> = self.request(METHOD, params![&keys, at]).await?;
        let found = found.into_iter().flat_map(|found| found.changes);
        let mut found: HashMap<String, Option<String>> = found.collect();
        let values = keys.iter().map(|key| {
            let value = found.remove(key).flatten();
            value.map(|value| unhex(METHOD, &value)).transpose()
        });
        let values = values.collect::<Result<_>>()?;
        match found.is_empty() {
            true => Ok(values),
            false => Err(ChainError::unreadable(METHOD, "a key too many")),
        }
    }

    /// The keys that begin with `prefix`, at most `limit` (never more than 1,000), in the order of
    /// storage and after `after`.
    pub async fn storage_keys(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: u32,
        at: H256,
    ) -> Result<Vec<Vec<u8>>> {
        let keys: Vec<String> = self
            .request(
                "state_getKeysPaged",
                params![hex(prefix), limit.min(PAGE), after.map(hex), at],
            )
            .await?;
        keys.iter().map(|key| unhex("a key", key)).collect()
    }

    /// As [`Chain::storage_keys`], 1,000 at once, with their values.
    pub async fn storage_page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        at: H256,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let keys = self.storage_keys(prefix, after, PAGE, at).await?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let values = self.values(&keys, at).await?;
        let rows = keys.into_iter().zip(values);
        rows.map(|(key, value)| Some((key, value?)))
            .collect::<Option<_>>()
            .ok_or_else(|| ChainError::unreadable("storage", "a key that was listed has no value"))
    }

    /// The rows of a map with `Twox64Concat` keys, in no order.
    pub async fn rows<K: Decode, V: Decode>(
        &self,
        pallet: &str,
        item: &str,
        at: H256,
    ) -> Result<Vec<(K, V)>> {
        let prefix = storage_prefix(pallet, item);
        let mut rows = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.storage_page(&prefix, after.as_deref(), at).await?;
            let last = page.len() < PAGE as usize;
            for (key, value) in &page {
                rows.push(row(prefix.len(), key, value)?);
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
            if last {
                return Ok(rows);
            }
            if rows.len() >= MOST {
                let reason = format!("{pallet}.{item} has more than {MOST} rows");
                return Err(ChainError::unreadable("state_getKeysPaged", reason));
            }
        }
    }
}

fn row<K: Decode, V: Decode>(prefix: usize, key: &[u8], value: &[u8]) -> Result<(K, V)> {
    let bad = |error| ChainError::unreadable("storage", error);
    let entry = key.get(prefix + HASH..).unwrap_or_default();
    Ok((
        K::decode(&mut &entry[..]).map_err(bad)?,
        V::decode(&mut &value[..]).map_err(bad)?,
    ))
}

#[cfg(test)]
mod tests {
    use codec::Encode;

    use super::*;

    #[test]
    fn a_row_is_read_from_its_key_and_its_value() {
        let key = twox_key("Timelock", "Pending", &7u32.encode());
        let prefix = storage_prefix("Timelock", "Pending").len();
        let value = (1u8, 2u8).encode();
        assert_eq!(
            row::<u32, (u8, u8)>(prefix, &key, &value).unwrap(),
            (7, (1, 2))
        );
        for short in [&key[..prefix], &key[..key.len() - 1]] {
            assert!(row::<u32, (u8, u8)>(prefix, short, &value).is_err());
        }
    }
}
