//! The events of a block, decoded with the metadata of their time into JSON that a person or a
//! program can read.
//!
//! Bytes become `0x…`; accounts their address; patients, compartments and CIDs their usual text;
//! enums without fields their name, with fields `{"Name": …}`; options their value or null.

use codec::{Decode, Encode};
use salus_primitives::{BlockNumber, Cid, Moment, PatientId};
use scale_info::{form::PortableForm, Field, PortableRegistry, TypeDef, Variant};
use scale_value::{Composite, Primitive, ValueDef};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use sp_core::H256;
use subxt::{
    ext::scale_decode::visitor::{decode_with_visitor, IgnoreVisitor},
    metadata::PalletMetadata,
    rpcs::client::RpcSubscription,
    Metadata,
};

use super::{
    connect::{compact_length, params, storage_prefix, unhex, Header},
    Block, Chain, ChainError, Result, Runtime,
};

/// An empty list.
pub(crate) const NO_EVENTS: &[u8] = &[0];

/// When in a block an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum Phase {
    ApplyExtrinsic(u32),
    Finalization,
    Initialization,
}

/// One event of a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainEvent {
    /// Its place among the events of its block.
    pub index: u32,
    pub phase: Phase,
    pub pallet: String,
    pub variant: String,
    /// By name, readable.
    pub fields: Value,
    /// SCALE of the `RuntimeEvent`: what trails hash.
    #[serde(with = "hex_bytes")]
    pub raw: Vec<u8>,
}

impl ChainEvent {
    pub fn is(&self, pallet: &str, variant: &str) -> bool {
        self.pallet == pallet && self.variant == variant
    }

    /// The patient whose trail this event belongs to, if any.
    pub fn patient(&self) -> Option<PatientId> {
        self.fields.get("patient")?.as_str()?.parse().ok()
    }

    /// The SCALE of its fields.
    pub fn field_bytes(&self) -> &[u8] {
        self.raw.get(2..).unwrap_or_default()
    }
}

/// The events of one block.
#[derive(Clone, Debug)]
pub struct BlockEvents {
    pub block: Block,
    /// The chain's clock in the block.
    pub moment: Moment,
    pub events: Vec<ChainEvent>,
}

impl Chain {
    /// The events of this block, in order.
    pub async fn events(&self, hash: H256) -> Result<Vec<ChainEvent>> {
        let (block, parent) = self.block(hash).await?;
        let runtime = self.runtime_that_made(block, parent).await?;
        decode_events(&self.raw_events(hash).await?, &runtime.metadata)
    }

    /// The events of this block, with its number and time.
    pub async fn block_events(&self, hash: H256) -> Result<BlockEvents> {
        let (block, parent) = self.block(hash).await?;
        let runtime = self.runtime_that_made(block, parent).await?;
        let moment = self.moment(hash).await?;
        let events = self.raw_events(hash).await?;
        Ok(BlockEvents {
            block,
            moment,
            events: decode_events(&events, &runtime.metadata)?,
        })
    }

    /// One event of this block, by its place.
    pub async fn event(&self, hash: H256, index: u32) -> Result<Option<ChainEvent>> {
        let (block, parent) = self.block(hash).await?;
        let runtime = self.runtime_that_made(block, parent).await?;
        let events = self.raw_events(hash).await?;
        let found = decode_events_where(&events, &runtime.metadata, |raw| raw.index == index)?;
        Ok(found.into_iter().next())
    }

    /// The storage value of `System.Events`.
    pub(super) async fn raw_events(&self, hash: H256) -> Result<Vec<u8>> {
        let key = super::connect::hex(&storage_prefix("System", "Events"));
        let value: Option<String> = self.request("state_getStorage", params![key, hash]).await?;
        value.map_or(Ok(NO_EVENTS.to_vec()), |value| unhex("events", &value))
    }

    /// Decodes one `RuntimeEvent` of this finalized block again, to compare with what is said
    /// about it.
    pub async fn decode_event(&self, block: Block, raw: &[u8]) -> Result<(String, String, Value)> {
        let (_, parent) = self.block(block.hash).await?;
        let runtime = self.runtime_that_made(block, parent).await?;
        let input = &mut &raw[..];
        let decoded = decode_event(input, &runtime.metadata)?;
        if !input.is_empty() {
            return Err(ChainError::unreadable("an event", "bytes are left over"));
        }
        Ok(decoded)
    }

    /// Blocks as they become the best one, long before they are final: nothing to decide on.
    pub async fn best_heads(&self) -> Result<BestHeads> {
        const START: &str = "chain_subscribeNewHeads";
        const END: &str = "chain_unsubscribeNewHeads";
        Ok(BestHeads(self.subscribe(START, params![], END).await?))
    }

    /// Finalized blocks from this number on, none left out, waiting for new ones.
    pub fn follow(&self, from: BlockNumber) -> FinalizedBlocks {
        FinalizedBlocks {
            chain: self.clone(),
            next: from,
            finalized: None,
            heads: None,
        }
    }
}

/// See [`Chain::best_heads`].
pub struct BestHeads(RpcSubscription<Header>);

impl BestHeads {
    /// The number of the next best block; none when the node stops telling.
    pub async fn next(&mut self) -> Option<BlockNumber> {
        self.0.next().await?.ok()?.number().ok()
    }
}

/// See [`Chain::follow`].
pub struct FinalizedBlocks {
    chain: Chain,
    next: BlockNumber,
    finalized: Option<BlockNumber>,
    heads: Option<RpcSubscription<Value>>,
}

impl FinalizedBlocks {
    /// The next finalized block. After an error one may call again and nothing is left out.
    pub async fn next(&mut self) -> Result<Block> {
        while self.finalized.is_none_or(|finalized| finalized < self.next) {
            if self.heads.is_none() {
                // Subscribe first: what is finalized in between is then either in the answer to
                // the question or announced.
                let heads = self.subscribe().await?;
                self.heads = Some(heads);
            } else if let Some(heads) = &mut self.heads {
                // The announcement only wakes us: announcements may skip blocks.
                if !matches!(heads.next().await, Some(Ok(_))) {
                    self.heads = None;
                    continue;
                }
            }
            self.finalized = Some(self.chain.finalized().await?.number);
        }
        let block = self.chain.block_at(self.next).await?;
        self.next = self.next.saturating_add(1);
        Ok(block)
    }

    async fn subscribe(&self) -> Result<RpcSubscription<Value>> {
        const START: &str = "chain_subscribeFinalizedHeads";
        const END: &str = "chain_unsubscribeFinalizedHeads";
        match self.chain.subscribe(START, params![], END).await {
            Err(error) if error.is_transport() => {
                self.chain.reconnect().await?;
                self.chain.subscribe(START, params![], END).await
            }
            other => other,
        }
    }
}

/// Decodes the storage value of `System.Events`.
pub fn decode_events(bytes: &[u8], metadata: &Metadata) -> Result<Vec<ChainEvent>> {
    decode_events_where(bytes, metadata, |_| true)
}

/// An event that may be worth decoding.
pub struct RawEvent<'a> {
    pub index: u32,
    pub phase: Phase,
    /// SCALE of the `RuntimeEvent`.
    pub bytes: &'a [u8],
}

/// Decodes those events of `System.Events` that are wanted. Of the others only the length is found.
pub fn decode_events_where(
    bytes: &[u8],
    metadata: &Metadata,
    wanted: impl Fn(&RawEvent) -> bool,
) -> Result<Vec<ChainEvent>> {
    let bad = |e: codec::Error| ChainError::unreadable("an event", e);
    let (count, start) = compact_length(bytes)?;
    let input = &mut &bytes[start..];
    let mut events = Vec::new();
    for index in 0..count {
        let phase = Phase::decode(input).map_err(bad)?;
        let before = *input;
        skip_event(input, metadata)?;
        let raw = RawEvent {
            index,
            phase,
            bytes: &before[..before.len() - input.len()],
        };
        if wanted(&raw) {
            let (pallet, variant, fields) = decode_event(&mut &raw.bytes[..], metadata)?;
            events.push(ChainEvent {
                index,
                phase,
                pallet,
                variant,
                fields,
                raw: raw.bytes.to_vec(),
            });
        }
        Vec::<H256>::decode(input).map_err(bad)?;
    }
    if !input.is_empty() {
        return Err(ChainError::unreadable("events", "bytes are left over"));
    }
    Ok(events)
}

/// Moves behind one SCALE-encoded `RuntimeEvent`.
fn skip_event(input: &mut &[u8], metadata: &Metadata) -> Result<()> {
    let (pallet, variant) = event_variant(input, metadata)?;
    for field in &variant.fields {
        let ignored = IgnoreVisitor::<PortableRegistry>::new();
        decode_with_visitor(input, field.ty.id, metadata.types(), ignored).map_err(|e| {
            ChainError::unreadable(
                "an event",
                format!("{}.{}: {e}", pallet.name(), variant.name),
            )
        })?;
    }
    Ok(())
}

/// Pallet, variant and fields of one SCALE-encoded `RuntimeEvent`.
fn decode_event(input: &mut &[u8], metadata: &Metadata) -> Result<(String, String, Value)> {
    let (pallet, variant) = event_variant(input, metadata)?;
    let name = format!("{}.{}", pallet.name(), variant.name);
    let fields = decode_fields(input, &variant.fields, &name, metadata)?;
    Ok((pallet.name().to_string(), variant.name.clone(), fields))
}

fn event_variant<'a>(
    input: &mut &[u8],
    metadata: &'a Metadata,
) -> Result<(PalletMetadata<'a>, &'a Variant<PortableForm>)> {
    let bad = |reason: String| ChainError::unreadable("an event", reason);
    let [pallet, variant] = <[u8; 2]>::decode(input).map_err(|e| bad(e.to_string()))?;
    let pallet = metadata
        .pallet_by_event_index(pallet)
        .ok_or_else(|| bad(format!("there is no pallet {pallet}")))?;
    let variant = pallet
        .event_variant_by_index(variant)
        .ok_or_else(|| bad(format!("{} has no event {variant}", pallet.name())))?;
    Ok((pallet, variant))
}

fn decode_fields(
    input: &mut &[u8],
    fields: &[Field<PortableForm>],
    name: &str,
    metadata: &Metadata,
) -> Result<Value> {
    let mut decoded = Map::new();
    for (place, field) in fields.iter().enumerate() {
        let value = scale_value::scale::decode_as_type(input, field.ty.id, metadata.types())
            .map_err(|e| ChainError::unreadable("a call or event", format!("{name}: {e}")))?;
        let name = field.name.clone().unwrap_or_else(|| place.to_string());
        decoded.insert(name, to_json(&value, metadata.types()));
    }
    Ok(Value::Object(decoded))
}

/// A call that somebody proposes, as this runtime understands it.
#[derive(Clone, Debug)]
pub struct DecodedCall {
    /// Such as `Members.suspend`.
    pub name: String,
    /// The first sentence of the call's documentation.
    pub summary: String,
    pub arguments: Value,
}

impl Runtime {
    /// Reads a SCALE-encoded `RuntimeCall`.
    pub fn decode_call(&self, bytes: &[u8]) -> Result<DecodedCall> {
        let bad = |reason: String| ChainError::unreadable("a call", reason);
        let input = &mut &bytes[..];
        let [pallet, call] = <[u8; 2]>::decode(input).map_err(|e| bad(e.to_string()))?;
        let pallet = self
            .metadata
            .pallet_by_call_index(pallet)
            .ok_or_else(|| bad(format!("there is no pallet {pallet}")))?;
        let variant = pallet
            .call_variant_by_index(call)
            .ok_or_else(|| bad(format!("{} has no call {call}", pallet.name())))?;
        let name = format!("{}.{}", pallet.name(), variant.name);
        let arguments = decode_fields(input, &variant.fields, &name, &self.metadata)?;
        if !input.is_empty() {
            return Err(bad(format!("{name}: {} bytes too many", input.len())));
        }
        Ok(DecodedCall {
            name,
            summary: first_sentence(&variant.docs),
            arguments,
        })
    }
}

/// A documentation's lines break where the source's do: its first sentence may go over several.
fn first_sentence(docs: &[String]) -> String {
    let paragraph: Vec<&str> = docs
        .iter()
        .map(|line| line.trim())
        .take_while(|line| !line.is_empty())
        .collect();
    let text = paragraph.join(" ");
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text,
    }
}

/// A decoded value as JSON.
pub fn to_json(value: &scale_value::Value<u32>, types: &PortableRegistry) -> Value {
    let Some(ty) = types.resolve(value.context) else {
        return Value::Null;
    };
    if let (Some(name), Some(bytes)) = (ty.path.ident(), bytes_of(value, types)) {
        if let Some(text) = id_text(&name, &bytes) {
            return Value::String(text);
        }
    }
    match &value.value {
        ValueDef::Primitive(primitive) => primitive_json(primitive),
        ValueDef::BitSequence(bits) => {
            Value::String(bits.iter().map(|bit| if bit { '1' } else { '0' }).collect())
        }
        ValueDef::Composite(composite) => {
            if let Some(bytes) = bytes_of(value, types) {
                return Value::String(super::connect::hex(&bytes));
            }
            composite_json(composite, is_list(&ty.type_def), types)
        }
        ValueDef::Variant(variant) => {
            let is_option = ty.path.segments == ["Option"];
            match (is_option, variant.name.as_str()) {
                (true, "None") => Value::Null,
                (true, _) => composite_json(&variant.values, false, types),
                (false, name) if variant.values.is_empty() => Value::String(name.into()),
                (false, name) => {
                    let fields = composite_json(&variant.values, false, types);
                    Value::Object(Map::from_iter([(name.into(), fields)]))
                }
            }
        }
    }
}

fn is_list(definition: &TypeDef<PortableForm>) -> bool {
    matches!(definition, TypeDef::Array(_) | TypeDef::Sequence(_))
}

/// Wrappers of a single value become that value.
fn composite_json(composite: &Composite<u32>, list: bool, types: &PortableRegistry) -> Value {
    match composite {
        Composite::Named(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), to_json(value, types)))
            .collect::<Map<_, _>>()
            .into(),
        Composite::Unnamed(values) if list => {
            values.iter().map(|value| to_json(value, types)).collect()
        }
        Composite::Unnamed(values) => match values.as_slice() {
            [] => Value::Null,
            [only] => to_json(only, types),
            values => values.iter().map(|value| to_json(value, types)).collect(),
        },
    }
}

/// The bytes of a list of bytes, through wrappers of a single value.
fn bytes_of(value: &scale_value::Value<u32>, types: &PortableRegistry) -> Option<Vec<u8>> {
    let element = match &types.resolve(value.context)?.type_def {
        TypeDef::Array(array) => Some(array.type_param.id),
        TypeDef::Sequence(sequence) => Some(sequence.type_param.id),
        _ => None,
    };
    let ValueDef::Composite(Composite::Unnamed(values)) = &value.value else {
        return None;
    };
    let Some(element) = element else {
        return match values.as_slice() {
            [only] => bytes_of(only, types),
            _ => None,
        };
    };
    let of_bytes = matches!(
        types.resolve(element)?.type_def,
        TypeDef::Primitive(scale_info::TypeDefPrimitive::U8)
    );
    if !of_bytes {
        return None;
    }
    values
        .iter()
        .map(|value| value.as_u128().and_then(|byte| u8::try_from(byte).ok()))
        .collect()
}

/// How people write the ids that have a form of their own.
fn id_text(type_name: &str, bytes: &[u8]) -> Option<String> {
    match type_name {
        "AccountId32" => {
            let account = <[u8; 32]>::try_from(bytes).ok()?;
            Some(salus_primitives::AccountId::new(account).to_string())
        }
        "PatientId" | "CompartmentId" => Some(hex::encode(bytes)),
        "Cid" => cid_text(&Cid(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// The usual text of a CID, `bafy…` or `bafk…`.
pub fn cid_text(cid: &Cid) -> Option<String> {
    Some(cid::Cid::try_from(&cid.0[..]).ok()?.to_string())
}

fn primitive_json(primitive: &Primitive) -> Value {
    match primitive {
        Primitive::Bool(value) => Value::Bool(*value),
        Primitive::Char(value) => Value::String(value.to_string()),
        Primitive::String(value) => Value::String(value.clone()),
        // What does not fit a JSON number is written out.
        Primitive::U128(value) => u64::try_from(*value)
            .map(|value| Value::Number(Number::from(value)))
            .unwrap_or_else(|_| Value::String(value.to_string())),
        Primitive::I128(value) => i64::try_from(*value)
            .map(|value| Value::Number(Number::from(value)))
            .unwrap_or_else(|_| Value::String(value.to_string())),
        Primitive::U256(bytes) | Primitive::I256(bytes) => {
            Value::String(super::connect::hex(bytes))
        }
    }
}

/// Serde for bytes as `0x…`.
pub mod hex_bytes {
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(bytes)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text.strip_prefix("0x").unwrap_or(&text)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_primitives::{AccountId, CompartmentId, Grantee, Part, Purpose, RecordIndex, Scope};
    use scale_info::{meta_type, Registry, TypeInfo};

    #[test]
    fn a_first_sentence_is_whole_however_its_lines_break() {
        let first = |lines: &[&str]| {
            let docs: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            first_sentence(&docs)
        };
        let broken = [
            " Suspends an organisation: at once it",
            " has no standing. Governance only.",
            "",
            " Errors: `NotFound`.",
        ];
        assert_eq!(
            first(&broken),
            "Suspends an organisation: at once it has no standing."
        );
        assert_eq!(first(&["Whole", "", "Next."]), "Whole");
        assert_eq!(first(&[]), "");
    }

    fn json<T: Encode + TypeInfo + 'static>(value: &T) -> Value {
        let mut registry = Registry::new();
        let id = registry.register_type(&meta_type::<T>()).id;
        let types = PortableRegistry::from(registry);
        let bytes = value.encode();
        let input = &mut &bytes[..];
        let value = scale_value::scale::decode_as_type(input, id, &types).unwrap();
        assert!(input.is_empty());
        to_json(&value, &types)
    }

    #[test]
    fn ids_are_written_as_people_write_them() {
        assert_eq!(json(&PatientId([0xab; 16])), "ab".repeat(16));
        assert_eq!(json(&CompartmentId([1; 16])), "01".repeat(16));
        let alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
        let alice: [u8; 32] = hex::decode(alice).unwrap().try_into().unwrap();
        assert_eq!(
            json(&AccountId::new(alice)),
            "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        );
        let empty = sp_crypto_hashing::sha2_256(b"");
        assert_eq!(
            json(&Cid::raw(empty)),
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
        );
        assert_eq!(
            json(&H256::repeat_byte(7)),
            format!("0x{}", "07".repeat(32))
        );
    }

    #[test]
    fn enums_options_and_lists_keep_their_shape() {
        use serde_json::json as expect;
        assert_eq!(json(&Purpose::HResch), expect!("HResch"));
        assert_eq!(json(&Part::Full), expect!("Full"));
        assert_eq!(
            json(&Grantee::Organisation(3)),
            expect!({"Organisation": 3})
        );
        let scope = Scope::Records(vec![4, 5].try_into().unwrap());
        assert_eq!(json(&scope), expect!({"Records": [4, 5]}));
        let scope = Scope::Compartments(vec![CompartmentId([2; 16])].try_into().unwrap());
        assert_eq!(json(&scope), expect!({"Compartments": ["02".repeat(16)]}));
        assert_eq!(json(&None::<RecordIndex>), expect!(null));
        assert_eq!(json(&Some(6u32)), expect!(6));
        assert_eq!(json(&Vec::<u32>::new()), expect!([]));
        assert_eq!(json(&vec![1u32]), expect!([1]));
        assert_eq!(json(&vec![1u8, 255]), expect!("0x01ff"));
        assert_eq!(json(&Vec::<u8>::new()), expect!("0x"));
        assert_eq!(json(&u128::MAX), expect!(u128::MAX.to_string()));
    }

    #[test]
    fn an_event_survives_its_json() {
        let event = ChainEvent {
            index: 2,
            phase: Phase::ApplyExtrinsic(1),
            pallet: "Consent".into(),
            variant: "Revoked".into(),
            fields: serde_json::json!({"patient": "0a".repeat(16), "grant": 1}),
            raw: vec![23, 5, 1],
        };
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.contains("\"0x170501\""));
        assert_eq!(serde_json::from_str::<ChainEvent>(&text).unwrap(), event);
        assert_eq!(event.patient(), Some(PatientId([10; 16])));
    }
}
