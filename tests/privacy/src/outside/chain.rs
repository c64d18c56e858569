//! All blocks and the state, from a node that anybody may ask.

use codec::{Compact, Decode};
use futures::{stream, StreamExt};
use salus_client::chain::{events::to_json, storage_prefix, Chain, Phase, Runtime};
use salus_e2e::Node;
use salus_primitives::AccountId;
use serde_json::{json, Value};

use super::{Block, Event, Extrinsic, Row};

/// Keys that a node lists at once.
const PAGE: usize = 1_000;
/// Blocks that are read at the same time.
const AT_ONCE: usize = 8;

/// Every finalized block, and the state after the last of them.
pub async fn read(node: &Node) -> (Vec<Block>, Vec<Row>) {
    let (chain, finalized) = node.blocks().await;
    let last = finalized.last().expect("a chain has blocks").hash;
    let runtime = chain.runtime(last).await.expect("a node tells its runtime");
    let blocks = stream::iter(finalized)
        .map(|block| one(node, &chain, &runtime, block))
        .buffered(AT_ONCE)
        .collect()
        .await;
    (blocks, state(node, &runtime, &json!(last)).await)
}

async fn one(
    node: &Node,
    chain: &Chain,
    runtime: &Runtime,
    block: salus_client::chain::Block,
) -> Block {
    let body = node.rpc("chain_getBlock", json!([block.hash]));
    let (seen, body) = futures::join!(chain.block_events(block.hash), body);
    let seen = seen.expect("it keeps its states");
    let bodies = body["block"]["extrinsics"].as_array();
    let bodies = bodies.expect("a block has some").iter();
    let mut extrinsics: Vec<Extrinsic> = bodies.map(|text| extrinsic(runtime, text)).collect();
    let mut events = Vec::new();
    for event in seen.events {
        let by = match event.phase {
            Phase::ApplyExtrinsic(place) => Some(place as usize),
            _ => None,
        };
        if event.is("System", "ExtrinsicSuccess") {
            if let Some(extrinsic) = by.and_then(|place| extrinsics.get_mut(place)) {
                extrinsic.succeeded = true;
            }
        }
        if event.pallet != "System" {
            events.push(Event {
                by,
                name: format!("{}.{}", event.pallet, event.variant),
                fields: event.fields,
            });
        }
    }
    Block {
        number: block.number,
        moment: seen.moment,
        extrinsics,
        events,
    }
}

/// A call with its signer; what cannot be read is empty.
fn extrinsic(runtime: &Runtime, text: &Value) -> Extrinsic {
    let bytes = unhex(text);
    let read = || {
        let input = &mut &bytes[..];
        Compact::<u32>::decode(input).ok()?;
        let version = u8::decode(input).ok()?;
        let signer = match version & 0x80 {
            0 => None,
            _ => Some(signer(runtime, input)?),
        };
        let call = runtime.decode_call(input).ok()?;
        Some(Extrinsic {
            signer,
            call: call.name,
            args: call.arguments,
            succeeded: false,
        })
    };
    read().unwrap_or_default()
}

/// Address, signature and extensions of a transaction of version 4.
fn signer(runtime: &Runtime, input: &mut &[u8]) -> Option<String> {
    (u8::decode(input).ok()? == 0).then_some(())?;
    let account = <[u8; 32]>::decode(input).ok()?;
    let signature = match u8::decode(input).ok()? {
        2 => 65,
        _ => 64,
    };
    *input = input.get(signature..)?;
    let metadata = &runtime.metadata;
    for extension in metadata.extrinsic().transaction_extensions_by_version(0)? {
        scale_value::scale::decode_as_type(input, extension.extra_ty(), metadata.types()).ok()?;
    }
    Some(AccountId::new(account).to_string())
}

/// Every row of every map, except the frame's own.
async fn state(node: &Node, runtime: &Runtime, at: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    let pallets = runtime.metadata.pallets();
    let pallets: Vec<_> = pallets.filter(|pallet| pallet.name() != "System").collect();
    for pallet in pallets {
        for entry in pallet
            .storage()
            .iter()
            .flat_map(|storage| storage.entries())
        {
            let keys: Vec<(String, u32)> = entry
                .keys()
                .map(|key| (format!("{:?}", key.hasher), key.key_id))
                .collect();
            let prefix = storage_prefix(pallet.name(), entry.name());
            for (key, value) in pairs(node, &prefix, at).await {
                let decoded = key
                    .get(prefix.len()..)
                    .and_then(|key| key_parts(runtime, key, &keys));
                let value = decode(runtime, &mut &value[..], entry.value_ty());
                if let (Some(key), Some(value)) = (decoded, value) {
                    rows.push(Row {
                        item: format!("{}.{}", pallet.name(), entry.name()),
                        key,
                        value,
                    });
                }
            }
        }
    }
    rows
}

async fn pairs(node: &Node, prefix: &[u8], at: &Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let prefix = format!("0x{}", hex::encode(prefix));
    let mut all = Vec::new();
    let mut after = Value::Null;
    loop {
        let keys = node
            .rpc("state_getKeysPaged", json!([prefix, PAGE, after, at]))
            .await;
        let keys = keys.as_array().cloned().unwrap_or_default();
        let values = node.rpc("state_queryStorageAt", json!([keys, at])).await;
        let changes = values[0]["changes"].as_array().cloned().unwrap_or_default();
        all.extend(
            changes
                .iter()
                .map(|pair| (unhex(&pair[0]), unhex(&pair[1]))),
        );
        match keys.last() {
            Some(last) if keys.len() == PAGE => after = last.clone(),
            _ => return all,
        }
    }
}

fn key_parts(runtime: &Runtime, key: &[u8], parts: &[(String, u32)]) -> Option<Vec<Value>> {
    let mut input = key;
    let mut values = Vec::new();
    for (hasher, ty) in parts {
        let hash = match hasher.as_str() {
            "Blake2_128Concat" => 16,
            "Twox64Concat" => 8,
            "Identity" => 0,
            _ => return None,
        };
        input = input.get(hash..)?;
        values.push(decode(runtime, &mut input, *ty)?);
    }
    Some(values)
}

fn decode(runtime: &Runtime, input: &mut &[u8], ty: u32) -> Option<Value> {
    let types = runtime.metadata.types();
    let value = scale_value::scale::decode_as_type(input, ty, types).ok()?;
    Some(to_json(&value, types))
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap_or_default();
    hex::decode(text.trim_start_matches("0x")).unwrap_or_default()
}
