//! What a FHIR document says about itself that decides where it is filed.

use std::collections::BTreeSet;
use std::io::Read;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::Deserializer;

use crate::taxonomy::Sensitivity;

/// HL7 v3 ActCodes that mean a flag without being its own code.
const SYNONYMS: &[(&str, Sensitivity)] = &[
    ("42CFRPart2", Sensitivity::SubstanceUse),
    ("NORDSCLCD", Sensitivity::SubstanceUse),
    ("SUD", Sensitivity::SubstanceUse),
];

fn flag(code: &str) -> Option<Sensitivity> {
    let same = |known: &str| known.eq_ignore_ascii_case(code);
    let own = Sensitivity::ALL
        .iter()
        .find(|flag| same(flag.act_code()))
        .copied();
    own.or_else(|| {
        let found = SYNONYMS.iter().find(|(known, _)| same(known));
        found.map(|(_, flag)| *flag)
    })
}

/// The flags that `meta.security` of a resource, or of any resource inside it, asks for.
///
/// Reads in constant memory. What is not JSON has no labels; of a document that breaks off, those
/// up to there count.
pub fn sensitivity(json: impl Read) -> BTreeSet<Sensitivity> {
    let mut flags = BTreeSet::new();
    let mut reader = serde_json::Deserializer::from_reader(json);
    let _ = Walk {
        place: Place::Elsewhere,
        flags: &mut flags,
    }
    .deserialize(&mut reader);
    flags
}

/// Where in the document a value stands.
#[derive(Clone, Copy)]
enum Place {
    Elsewhere,
    /// The value of a key `meta`.
    Meta,
    /// Within `meta.security`.
    Security,
    /// The `code` of a coding there.
    Code,
}

impl Place {
    fn of(self, key: &str) -> Self {
        match (self, key) {
            (Place::Elsewhere, "meta") => Place::Meta,
            (Place::Meta, "security") => Place::Security,
            (Place::Security, "code") => Place::Code,
            _ => Place::Elsewhere,
        }
    }
}

struct Walk<'a> {
    place: Place,
    flags: &'a mut BTreeSet<Sensitivity>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Walk {
                place: self.place.of(&key),
                flags: self.flags,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let place = self.place;
        while items
            .next_element_seed(Walk {
                place,
                flags: self.flags,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if let Place::Code = self.place {
            self.flags.extend(flag(text));
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(json: &str) -> Vec<Sensitivity> {
        sensitivity(json.as_bytes()).into_iter().collect()
    }

    #[test]
    fn labels_of_a_resource_and_of_those_inside_it_count() {
        assert_eq!(
            flags(r#"{"meta": {"security": [{"system": "s", "code": "HIV"}, {"code": "R"}]}}"#),
            [Sensitivity::Hiv]
        );
        assert_eq!(
            flags(
                r#"{"entry": [{"resource": {"meta": {"security": [{"code": "42CFRPart2"}]}}},
                              {"resource": {"meta": {"security": [{"code": "psy"}]}}}]}"#
            ),
            [Sensitivity::MentalHealth, Sensitivity::SubstanceUse]
        );
    }

    #[test]
    fn other_codes_and_other_places_do_not() {
        for json in [
            "",
            "no JSON",
            r#"{"code": {"coding": [{"code": "HIV"}]}}"#,
            r#"{"security": [{"code": "HIV"}]}"#,
            r#"{"meta": {"tag": [{"code": "HIV"}]}}"#,
            r#"{"meta": {"security": [{"display": "HIV"}]}}"#,
            r#"{"meta": {"security": [{"code": "N"}, {"code": 7}, null]}}"#,
        ] {
            assert!(flags(json).is_empty(), "{json}");
        }
    }

    #[test]
    fn what_stands_before_a_break_counts() {
        let whole = r#"{"meta": {"security": [{"code": "SDV"}]}, "text": "a long one"}"#;
        assert_eq!(flags(&whole[..whole.len() - 5]), [Sensitivity::Violence]);
    }
}
