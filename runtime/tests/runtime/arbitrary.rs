//! Makes calls of any kind out of what the metadata says of their arguments: a new call needs no
//! line here.

use codec::{Compact, Decode, Encode};
use rand::{rngs::StdRng, Rng};
use salus_runtime::RuntimeCall;
use scale_info::{form::PortableForm, PortableRegistry, Registry, TypeDef, TypeDefPrimitive};

use crate::world::{cid, Who, INTAKE, LABORATORY, NOW, OTHER_PATIENT, PATIENT};
use salus_primitives::{CompartmentId, PatientId, DAY, HOUR};

const PEOPLE: [Who; 11] = [
    Who::Owner,
    Who::Guardian,
    Who::Carer,
    Who::OtherOwner,
    Who::Clinician,
    Who::Suspended,
    Who::Admin,
    Who::OtherAdmin,
    Who::Service,
    Who::Stranger,
    Who::Newcomer,
];

pub fn anybody(random: &mut StdRng) -> Who {
    PEOPLE[random.gen_range(0..PEOPLE.len())]
}

/// Makes calls; keeps what the types are made of.
pub struct Calls {
    registry: PortableRegistry,
    call: u32,
}

impl Calls {
    pub fn new() -> Self {
        let mut registry = Registry::new();
        let call = registry
            .register_type(&scale_info::meta_type::<RuntimeCall>())
            .id;
        Self {
            registry: registry.into(),
            call,
        }
    }

    /// A call of any pallet. Most values are such as occur in the world of these tests, because no
    /// random account would ever meet a random patient.
    pub fn any(&self, random: &mut StdRng) -> RuntimeCall {
        loop {
            let mut bytes = Vec::new();
            self.write(self.call, random, &mut bytes, 0);
            // Bounded lists and nested calls may be too long: then another one.
            if let Ok(call) = RuntimeCall::decode(&mut &bytes[..]) {
                return call;
            }
        }
    }

    fn write(&self, id: u32, random: &mut StdRng, out: &mut Vec<u8>, depth: u32) {
        let ty = self.registry.resolve(id).expect("registered");
        match ty.path.ident().as_deref() {
            Some("AccountId32") => return anybody(random).account().encode_to(out),
            Some("PatientId") => {
                let ids = [PATIENT, PATIENT, PATIENT, OTHER_PATIENT, PatientId([3; 16])];
                return ids[random.gen_range(0..ids.len())].encode_to(out);
            }
            Some("CompartmentId") => {
                let ids = [LABORATORY, LABORATORY, INTAKE, CompartmentId([12; 16])];
                return ids[random.gen_range(0..ids.len())].encode_to(out);
            }
            Some("Cid") => return cid(random.gen_range(0..8)).encode_to(out),
            Some("H256") => return [random.gen_range(0..4u8); 32].encode_to(out),
            _ => {}
        }
        match &ty.type_def {
            TypeDef::Composite(composite) => {
                for field in &composite.fields {
                    self.write(field.ty.id, random, out, depth);
                }
            }
            TypeDef::Variant(variants) => self.write_variant(variants, random, out, depth),
            TypeDef::Sequence(sequence) => {
                let length = random.gen_range(0..4u32);
                Compact(length).encode_to(out);
                for _ in 0..length {
                    self.write(sequence.type_param.id, random, out, depth);
                }
            }
            TypeDef::Array(array) => {
                for _ in 0..array.len {
                    self.write(array.type_param.id, random, out, depth);
                }
            }
            TypeDef::Tuple(tuple) => {
                for field in &tuple.fields {
                    self.write(field.id, random, out, depth);
                }
            }
            TypeDef::Primitive(primitive) => write_primitive(primitive, random, out),
            TypeDef::Compact(_) => Compact(random.gen_range(0..4u32)).encode_to(out),
            TypeDef::BitSequence(_) => Compact(0u32).encode_to(out),
        }
    }

    fn write_variant(
        &self,
        variants: &scale_info::TypeDefVariant<PortableForm>,
        random: &mut StdRng,
        out: &mut Vec<u8>,
        depth: u32,
    ) {
        // A call within a call within a call is nobody's business.
        let variant = &variants.variants[random.gen_range(0..variants.variants.len())];
        if variants.variants.is_empty() || depth > 6 {
            return;
        }
        out.push(variant.index);
        for field in &variant.fields {
            self.write(field.ty.id, random, out, depth + 1);
        }
    }
}

fn write_primitive(primitive: &TypeDefPrimitive, random: &mut StdRng, out: &mut Vec<u8>) {
    match primitive {
        TypeDefPrimitive::Bool => random.gen::<bool>().encode_to(out),
        TypeDefPrimitive::U8 => random.gen_range(0..4u8).encode_to(out),
        TypeDefPrimitive::U16 => random.gen_range(0..4u16).encode_to(out),
        TypeDefPrimitive::U32 => {
            let any = [0, 0, 1, 1, 2, 3, 63, u32::MAX];
            any[random.gen_range(0..any.len())].encode_to(out)
        }
        // Most are moments, or lengths of time.
        TypeDefPrimitive::U64 => {
            let any = [
                0,
                1,
                HOUR,
                DAY,
                7 * DAY,
                NOW,
                NOW + HOUR,
                NOW + DAY,
                NOW + 30 * DAY,
                NOW + 300 * DAY,
                u64::MAX,
            ];
            any[random.gen_range(0..any.len())].encode_to(out)
        }
        TypeDefPrimitive::U128 => random.gen_range(0..1_000u128).encode_to(out),
        other => panic!("no call takes a {other:?}"),
    }
}
