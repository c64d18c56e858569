//! What records are about. It lives in clients only: the chain sees neither category nor flag.
//!
//! Numbers and LOINC/HL7 codes are part of the file formats: add, never change.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

macro_rules! taxonomy {
    ($(#[$doc:meta])* $name:ident, $code:ident: $($number:literal $variant:ident $slug:literal $text:literal $codes:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u8", into = "u8")]
        pub enum $name {
            $($variant = $number,)*
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The name on the command line.
            pub fn slug(self) -> &'static str {
                match self { $($name::$variant => $slug,)* }
            }

            /// The name for people.
            pub fn title(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            pub fn $code(self) -> &'static str {
                match self { $($name::$variant => $codes,)* }
            }
        }

        impl From<$name> for u8 {
            fn from(value: $name) -> u8 {
                value as u8
            }
        }

        impl TryFrom<u8> for $name {
            type Error = Error;

            fn try_from(number: u8) -> Result<Self, Error> {
                Self::ALL
                    .get(usize::from(number))
                    .copied()
                    .ok_or_else(|| Error::Taxonomy(number.to_string()))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Takes the command line's name, the title, or the code; upper and lower case are alike.
            fn from_str(text: &str) -> Result<Self, Error> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| {
                        [value.slug(), value.title(), value.$code()]
                            .iter()
                            .any(|name| name.eq_ignore_ascii_case(text))
                    })
                    .ok_or_else(|| Error::Taxonomy(format!("{text:?}")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.slug())
            }
        }
    };
}

taxonomy! {
    /// What a record is.
    Category, loinc:
    0 PatientSummary "summary" "Patient summary" "60591-5",
    1 ClinicalNote "note" "Clinical note" "34109-9",
    2 DischargeReport "discharge" "Discharge report" "18842-5",
    3 LabResult "lab" "Laboratory result" "11502-2",
    4 Imaging "imaging" "Imaging" "18748-4",
    5 Pathology "pathology" "Pathology" "11526-1",
    6 Genomics "genomics" "Genomics" "51969-4",
    7 Medication "medication" "Medication" "57833-6",
    8 Immunization "immunization" "Immunization" "11369-6",
    9 Allergy "allergy" "Allergy" "48765-2",
    10 Condition "condition" "Condition" "11450-4",
    11 Procedure "procedure" "Procedure" "28570-0",
    12 Vitals "vitals" "Vital signs" "8716-3",
    13 PatientGenerated "own" "Written by the patient" "53576-5",
    14 CarePlan "care-plan" "Care plan" "56447-6",
    15 Administrative "administrative" "Administrative" "48768-6",
}

taxonomy! {
    /// Why a record needs more care: HL7 v3 ActCode. Flags are shared only by name.
    Sensitivity, act_code:
    0 MentalHealth "mental-health" "Mental health" "PSY",
    1 PsychotherapyNote "psychotherapy" "Psychotherapy note" "PSYTHPN",
    2 SubstanceUse "substance-use" "Substance use" "ETH",
    3 SexualReproductive "sexual-reproductive" "Sexual and reproductive health" "SEX",
    4 Hiv "hiv" "HIV" "HIV",
    5 Violence "violence" "Violence" "SDV",
    6 Genetic "genetic" "Genetic" "GDIS",
    7 Adolescent "adolescent" "Adolescent" "ADOL",
    8 PatientFlagged "flagged" "Set apart by the patient" "PRS",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_codes_are_those_of_the_standard() {
        assert_eq!(Category::ALL.len(), 16);
        assert_eq!(Sensitivity::ALL.len(), 9);
        for (number, category) in Category::ALL.iter().enumerate() {
            assert_eq!(u8::from(*category) as usize, number);
            assert_eq!(Category::try_from(number as u8).unwrap(), *category);
        }
        for (number, flag) in Sensitivity::ALL.iter().enumerate() {
            assert_eq!(u8::from(*flag) as usize, number);
        }
        assert_eq!(Category::LabResult.loinc(), "11502-2");
        assert_eq!(Sensitivity::Hiv.act_code(), "HIV");
        assert!(Category::try_from(16).is_err());
        assert!(Sensitivity::try_from(9).is_err());
    }

    #[test]
    fn names_titles_and_codes_are_understood() {
        for text in ["lab", "LAB", "Laboratory result", "11502-2"] {
            assert_eq!(text.parse::<Category>().unwrap(), Category::LabResult);
        }
        assert_eq!(
            "PSY".parse::<Sensitivity>().unwrap(),
            Sensitivity::MentalHealth
        );
        assert!("labs".parse::<Category>().is_err());
    }

    #[test]
    fn json_carries_numbers() {
        assert_eq!(serde_json::to_string(&Category::Imaging).unwrap(), "4");
        assert_eq!(
            serde_json::from_str::<Category>("4").unwrap(),
            Category::Imaging
        );
        assert!(serde_json::from_str::<Category>("99").is_err());
    }
}
