//! What may remain of a FHIR document: kinds of resources, names of elements, words, systems of codes,
//! units. Whatever is not here is removed.

/// Resources about one patient's health. Those about people, places, devices, payers and documents
/// are not among them.
pub const RESOURCES: &[&str] = &[
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Encounter",
    "ImagingStudy",
    "Immunization",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "ServiceRequest",
    "Specimen",
];

/// What an element may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word of [`WORDS`], a Coding or a CodeableConcept.
    Coded,
    /// A Quantity, or what is written like one.
    Amount,
    /// Elements of this table, or a number.
    Group,
    /// A date or moment, of which the year remains.
    Year,
    Number,
    Flag,
}

pub fn kind(element: &str) -> Option<Kind> {
    ELEMENTS
        .iter()
        .find(|(_, names)| names.contains(&element))
        .map(|(kind, _)| *kind)
}

const ELEMENTS: &[(Kind, &[&str])] = &[
    (
        Kind::Coded,
        &[
            "additionalInstruction",
            "admitSource",
            "appliesTo",
            "asNeededCodeableConcept",
            "bodySite",
            "category",
            "class",
            "clinicalStatus",
            "code",
            "collectedFrom",
            "complication",
            "condition",
            "criticality",
            "dataAbsentReason",
            "dischargeDisposition",
            "docStatus",
            "durationUnit",
            "exposureRoute",
            "followUp",
            "form",
            "gender",
            "intent",
            "interpretation",
            "itemCodeableConcept",
            "language",
            "manifestation",
            "maritalStatus",
            "medicationCodeableConcept",
            "method",
            "modality",
            "orderDetail",
            "outcome",
            "periodUnit",
            "priority",
            "procedureCode",
            "reasonCode",
            "route",
            "serviceType",
            "severity",
            "site",
            "status",
            "statusReason",
            "substance",
            "summary",
            "targetDisease",
            "type",
            "use",
            "vaccineCode",
            "valueCode",
            "valueCodeableConcept",
            "verificationStatus",
            "when",
        ],
    ),
    (
        Kind::Amount,
        &[
            "abatementAge",
            "boundsDuration",
            "collectedQuantity",
            "denominator",
            "dose",
            "doseQuantity",
            "expectedSupplyDuration",
            "high",
            "length",
            "low",
            "maxDosePerAdministration",
            "maxDosePerLifetime",
            "numerator",
            "onsetAge",
            "performedAge",
            "quantity",
            "quantityQuantity",
            "rateQuantity",
            "valueQuantity",
        ],
    ),
    (
        Kind::Group,
        &[
            "abatementPeriod",
            "abatementRange",
            "boundsPeriod",
            "boundsRange",
            "classHistory",
            "collection",
            "communication",
            "component",
            "diagnosis",
            "dispenseRequest",
            "doseAndRate",
            "doseRange",
            "dosage",
            "dosageInstruction",
            "effectivePeriod",
            "evidence",
            "hospitalization",
            "ingredient",
            "maxDosePerPeriod",
            "occurrencePeriod",
            "onsetPeriod",
            "onsetRange",
            "performedPeriod",
            "performedRange",
            "period",
            "protocolApplied",
            "rateRange",
            "rateRatio",
            "reaction",
            "referenceRange",
            "repeat",
            "series",
            "stage",
            "statusHistory",
            "strength",
            "timing",
            "validityPeriod",
            "valuePeriod",
            "valueRange",
            "valueRatio",
        ],
    ),
    (
        Kind::Year,
        &[
            "abatementDateTime",
            "assertedDate",
            "authoredOn",
            "collectedDateTime",
            "date",
            "dateAsserted",
            "deceasedDateTime",
            "effectiveDateTime",
            "end",
            "lastOccurrence",
            "occurrenceDateTime",
            "onset",
            "onsetDateTime",
            "performedDateTime",
            "recordedDate",
            "start",
            "started",
            "valueDateTime",
            "whenHandedOver",
            "whenPrepared",
        ],
    ),
    (
        Kind::Number,
        &[
            "count",
            "countMax",
            "doseNumberPositiveInt",
            "duration",
            "durationMax",
            "frequency",
            "frequencyMax",
            "numberOfInstances",
            "numberOfRepeatsAllowed",
            "numberOfSeries",
            "offset",
            "periodMax",
            "rank",
            "sequence",
            "seriesDosesPositiveInt",
            "valueDecimal",
            "valueInteger",
        ],
    ),
    (
        Kind::Flag,
        &[
            "active",
            "asNeededBoolean",
            "deceasedBoolean",
            "doNotPerform",
            "isSubpotent",
            "multipleBirthBoolean",
            "preferred",
            "primarySource",
            "reportedBoolean",
            "valueBoolean",
        ],
    ),
];

/// Values of FHIR's own `code` elements.
pub const WORDS: &[&str] = &[
    "<",
    "<=",
    ">",
    ">=",
    "AC",
    "ACM",
    "ACV",
    "C",
    "CM",
    "CV",
    "HS",
    "PC",
    "PCM",
    "PCV",
    "WAKE",
    "a",
    "aborted",
    "active",
    "allergy",
    "amended",
    "appended",
    "arrived",
    "asap",
    "available",
    "batch",
    "biologic",
    "cancelled",
    "collection",
    "completed",
    "corrected",
    "d",
    "declined",
    "document",
    "draft",
    "entered-in-error",
    "environment",
    "female",
    "filler-order",
    "final",
    "finished",
    "food",
    "h",
    "high",
    "history",
    "in-progress",
    "inactive",
    "instance-order",
    "intended",
    "intolerance",
    "low",
    "male",
    "medication",
    "mild",
    "min",
    "mo",
    "moderate",
    "not-done",
    "not-taken",
    "on-hold",
    "onleave",
    "option",
    "order",
    "original-order",
    "other",
    "partial",
    "plan",
    "planned",
    "preliminary",
    "preparation",
    "proposal",
    "reflex-order",
    "registered",
    "revoked",
    "routine",
    "s",
    "searchset",
    "severe",
    "stat",
    "stopped",
    "suspended",
    "transaction",
    "triaged",
    "unable-to-assess",
    "unavailable",
    "unknown",
    "unsatisfactory",
    "urgent",
    "wk",
];

/// What the codes of a system look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Atc,
    Cpt,
    Dicom,
    /// So many digits at most.
    Digits(usize),
    /// A word of [`HL7`].
    Hl7,
    Icd9,
    Icd10,
    Language,
    Loinc,
    Ndc,
    Omb,
    Snomed,
    Ucum,
}

pub const UCUM: &str = "http://unitsofmeasure.org";

/// Public systems of codes, which mean the same for everybody. Codes of other systems may be a
/// hospital's own numbers.
pub fn form(system: &str) -> Option<Form> {
    let (_, form) = SYSTEMS.iter().find(|(uri, _)| *uri == system)?;
    Some(*form)
}

const SYSTEMS: &[(&str, Form)] = &[
    (UCUM, Form::Ucum),
    ("http://dicom.nema.org/resources/ontology/DCM", Form::Dicom),
    ("http://hl7.org/fhir/sid/cvx", Form::Digits(3)),
    ("http://hl7.org/fhir/sid/icd-10", Form::Icd10),
    ("http://hl7.org/fhir/sid/icd-10-cm", Form::Icd10),
    ("http://hl7.org/fhir/sid/icd-9-cm", Form::Icd9),
    ("http://hl7.org/fhir/sid/ndc", Form::Ndc),
    ("http://loinc.org", Form::Loinc),
    ("http://snomed.info/sct", Form::Snomed),
    ("http://www.ama-assn.org/go/cpt", Form::Cpt),
    (
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        Form::Digits(7),
    ),
    ("http://www.whocc.no/atc", Form::Atc),
    ("urn:ietf:bcp:47", Form::Language),
    ("urn:oid:2.16.840.1.113883.6.238", Form::Omb),
    (
        "http://terminology.hl7.org/CodeSystem/admit-source",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/condition-category",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/condition-clinical",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/condition-ver-status",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/diagnosis-role",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/discharge-disposition",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/dose-rate-type",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/medication-statement-category",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/observation-category",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/referencerange-meaning",
        Form::Hl7,
    ),
    ("http://terminology.hl7.org/CodeSystem/v2-0074", Form::Hl7),
    ("http://terminology.hl7.org/CodeSystem/v2-0078", Form::Hl7),
    ("http://terminology.hl7.org/CodeSystem/v2-0487", Form::Hl7),
    (
        "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-ActPriority",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-ActSite",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
        Form::Hl7,
    ),
    (
        "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
        Form::Hl7,
    ),
];

impl Form {
    pub fn fits(self, code: &str) -> bool {
        let bytes = code.as_bytes();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let like = |pattern: &str| {
            bytes.len() == pattern.len()
                && pattern.bytes().zip(bytes).all(|(p, b)| match p {
                    b'9' => b.is_ascii_digit(),
                    b'A' => b.is_ascii_uppercase(),
                    b'X' => b.is_ascii_uppercase() || b.is_ascii_digit(),
                    b'a' => b.is_ascii_lowercase(),
                    other => other == *b,
                })
        };
        match self {
            Form::Atc => ["A", "A99", "A99A", "A99AA", "A99AA99"]
                .iter()
                .any(|pattern| like(pattern)),
            Form::Cpt => like("9999X"),
            Form::Dicom => like("AA") || like("AAA") || digits(code) && code.len() == 6,
            Form::Digits(most) => digits(code) && code.len() <= most,
            Form::Hl7 => HL7.contains(&code),
            Form::Icd9 => ["999", "999.9", "999.99"]
                .iter()
                .any(|pattern| like(pattern)),
            Form::Icd10 => ["A9X", "A9X.X", "A9X.XX", "A9X.XXX", "A9X.XXXX"]
                .iter()
                .any(|pattern| like(pattern)),
            Form::Language => ["aa", "aaa", "aa-AA"].iter().any(|pattern| like(pattern)),
            Form::Loinc => is_loinc(code),
            Form::Ndc => [
                "9999-9999-99",
                "99999-999-99",
                "99999-9999-9",
                "99999-9999-99",
            ]
            .iter()
            .any(|pattern| like(pattern)),
            Form::Omb => like("9999-9"),
            Form::Snomed => digits(code) && (6..=18).contains(&code.len()) && is_verhoeff(code),
            Form::Ucum => is_unit(code),
        }
    }
}

/// Codes of HL7's own systems. They are words, as names are, so they are listed.
const HL7: &[&str] = &[
    "42CFRPart2",
    "<",
    ">",
    "A",
    "AA",
    "ACUTE",
    "AD",
    "ADM",
    "ADOL",
    "AMB",
    "ASKU",
    "ATND",
    "ATT",
    "AU",
    "B",
    "BG",
    "BH",
    "BLB",
    "BLD",
    "C",
    "CAR",
    "CC",
    "CG",
    "CH",
    "CM",
    "COGN",
    "CON",
    "CP",
    "CR",
    "CS",
    "CSF",
    "CSP",
    "CSR",
    "CT",
    "CTH",
    "CUS",
    "D",
    "DD",
    "DER",
    "DET",
    "DIS",
    "DVD",
    "E",
    "EC",
    "EL",
    "EM",
    "EMER",
    "EMOTDIS",
    "EN",
    "ESC",
    "ETH",
    "EX",
    "EXP",
    "FLD",
    "GDIS",
    "GE",
    "H",
    "HH",
    "HIV",
    "HM",
    "HU",
    "HX",
    "I",
    "ICU",
    "IE",
    "IM",
    "IMG",
    "IMM",
    "IMP",
    "IND",
    "INH",
    "INV",
    "IV",
    "IVINFUS",
    "IVPUSH",
    "L",
    "LA",
    "LAB",
    "LD",
    "LG",
    "LL",
    "LM",
    "LOCIS",
    "LT",
    "LU",
    "LVL",
    "LX",
    "M",
    "MB",
    "MCB",
    "MH",
    "MS",
    "MSK",
    "MYC",
    "N",
    "NA",
    "NASINHL",
    "NASK",
    "NAV",
    "NAVU",
    "NCL",
    "ND",
    "NEG",
    "NI",
    "NINF",
    "NMR",
    "NMS",
    "NONAC",
    "NORDSCLCD",
    "NP",
    "NR",
    "NRS",
    "NS",
    "OBSENC",
    "OPHTHALTA",
    "OSL",
    "OT",
    "OTH",
    "OUS",
    "P",
    "PAR",
    "PART",
    "PAT",
    "PF",
    "PHR",
    "PHY",
    "PINF",
    "PLAS",
    "PO",
    "POS",
    "PPRF",
    "PR",
    "PRENC",
    "PRF",
    "PRN",
    "PRS",
    "PSY",
    "PSYTHPN",
    "PT",
    "QCF",
    "QS",
    "R",
    "RA",
    "RACE",
    "RAD",
    "RC",
    "RD",
    "REF",
    "RG",
    "RR",
    "RT",
    "RUS",
    "RVL",
    "RX",
    "S",
    "SAL",
    "SC",
    "SCA",
    "SDD",
    "SDV",
    "SER",
    "SEX",
    "SICKLE",
    "SL",
    "SOC",
    "SP",
    "SPRF",
    "SR",
    "SS",
    "STD",
    "STL",
    "SUD",
    "SYN-R",
    "SYN-S",
    "T",
    "TBOO",
    "TISS",
    "TOP",
    "TOX",
    "TRC",
    "TX",
    "U",
    "UD",
    "UNC",
    "UNE",
    "UNK",
    "UR",
    "V",
    "VIO",
    "VR",
    "VS",
    "VUS",
    "W",
    "WR",
    "XRC",
    "aadvice",
    "active",
    "activity",
    "alt-home",
    "as-text",
    "asked-declined",
    "asked-unknown",
    "billing",
    "born",
    "calculated",
    "community",
    "confirmed",
    "differential",
    "discharge",
    "emd",
    "encounter-diagnosis",
    "endocrine",
    "entered-in-error",
    "error",
    "exam",
    "exp",
    "follicular",
    "gp",
    "home",
    "hosp",
    "hosp-trans",
    "imaging",
    "inactive",
    "inpatient",
    "laboratory",
    "long",
    "luteal",
    "masked",
    "midcycle",
    "mp",
    "negative-infinity",
    "normal",
    "not-a-number",
    "not-applicable",
    "not-asked",
    "not-performed",
    "not-permitted",
    "nursing",
    "ordered",
    "oth",
    "other",
    "other-hcf",
    "outp",
    "outpatient",
    "patientspecified",
    "positive-infinity",
    "post",
    "post-op",
    "postmenopausal",
    "pre",
    "pre-op",
    "pre-puberty",
    "problem-list-item",
    "procedure",
    "provisional",
    "psy",
    "psych",
    "recommended",
    "recurrence",
    "refuted",
    "rehab",
    "relapse",
    "remission",
    "resolved",
    "snf",
    "social-history",
    "survey",
    "temp-unknown",
    "therapeutic",
    "therapy",
    "treatment",
    "type",
    "unconfirmed",
    "unknown",
    "unsupported",
    "vital-signs",
];

/// Up to seven digits, a hyphen and a check digit (Luhn's). Answers and parts have a prefix and other
/// check digits.
fn is_loinc(code: &str) -> bool {
    let prefixed = ["LA", "LP"]
        .iter()
        .find_map(|prefix| code.strip_prefix(prefix));
    let Some((number, check)) = prefixed.unwrap_or(code).split_once('-') else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !(1..=7).contains(&number.len()) || check.len() != 1 || !digits(number) || !digits(check) {
        return false;
    }
    let digit = |b: u8| u32::from(b.wrapping_sub(b'0'));
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, b)| match place % 2 {
            0 => digit(b) * 2 / 10 + digit(b) * 2 % 10,
            _ => digit(b),
        })
        .sum();
    prefixed.is_some() || check.bytes().next().map(digit) == Some((10 - sum % 10) % 10)
}

/// SNOMED CT's check digit (Verhoeff's).
fn is_verhoeff(code: &str) -> bool {
    /// The dihedral group of a pentagon.
    fn times(a: u8, b: u8) -> u8 {
        match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => 5 + (a + b - 5) % 5,
            (false, true) => 5 + (a - b) % 5,
            (false, false) => (a + 5 - b) % 5,
        }
    }
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let sum = code.bytes().rev().enumerate().fold(0, |sum, (place, b)| {
        let start = b.wrapping_sub(b'0') % 10;
        let digit = (0..place % 8).fold(start, |digit, _| PERMUTED[usize::from(digit)]);
        times(sum, digit)
    });
    sum == 0
}

/// Units that people write out, and how UCUM writes them.
const SPELLED: &[(&str, &str)] = &[
    ("year", "a"),
    ("years", "a"),
    ("yr", "a"),
    ("yrs", "a"),
    ("month", "mo"),
    ("months", "mo"),
    ("week", "wk"),
    ("weeks", "wk"),
    ("day", "d"),
    ("days", "d"),
    ("hour", "h"),
    ("hours", "h"),
    ("minute", "min"),
    ("minutes", "min"),
    ("mmHg", "mm[Hg]"),
    ("bpm", "/min"),
    ("beats/minute", "/min"),
    ("breaths/minute", "/min"),
    ("mg/dl", "mg/dL"),
    ("mmol/l", "mmol/L"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("inches", "[in_i]"),
    ("kg/m^2", "kg/m2"),
];

/// The unit as UCUM writes it, if it is one.
pub fn unit(text: &str) -> Option<&str> {
    let spelled = SPELLED.iter().find(|(word, _)| *word == text);
    match spelled {
        Some((_, unit)) => Some(unit),
        None => is_unit(text).then_some(text),
    }
}

/// How many years one of this unit is, of units that ages are told in.
pub fn years(unit: &str) -> Option<f64> {
    match unit {
        "a" | "a_j" | "a_g" | "a_t" => Some(1.0),
        "mo" | "mo_j" | "mo_g" | "mo_s" => Some(1.0 / 12.0),
        "wk" => Some(7.0 / 365.25),
        "d" => Some(1.0 / 365.25),
        "h" => Some(1.0 / 8_766.0),
        "min" => Some(1.0 / 525_960.0),
        "s" => Some(1.0 / 31_557_600.0),
        _ => None,
    }
}

const PREFIXED: &[&str] = &[
    "Bq", "Cel", "Ci", "Eq", "Gy", "Hz", "J", "K", "L", "N", "Osm", "Pa", "S", "Sv", "U", "V", "W",
    "[IU]", "[iU]", "bar", "cal", "eq", "g", "kat", "l", "m", "m[H2O]", "m[Hg]", "mol", "osm", "s",
    "t",
];

const PLAIN: &[&str] = &[
    "%", "1", "[Cal]", "[CFU]", "[HPF]", "[LPF]", "[arb'U]", "[degF]", "[drp]", "[ft_i]", "[in_i]",
    "[lb_av]", "[oz_av]", "[pH]", "[ppb]", "[ppm]", "a", "a_g", "a_j", "a_t", "d", "deg", "h",
    "min", "mo", "mo_g", "mo_j", "mo_s", "wk",
];

const PREFIXES: &[&str] = &["G", "M", "c", "d", "da", "f", "h", "k", "m", "n", "p", "u"];

/// Remarks that UCUM lets stand in braces, where anything could stand.
const REMARKS: &[&str] = &[
    "#",
    "1.73_m2",
    "INR",
    "PackYears",
    "beats",
    "breaths",
    "cells",
    "copies",
    "count",
    "creat",
    "score",
    "tbl",
];

fn is_unit(text: &str) -> bool {
    let mut parts = Vec::new();
    let (mut start, mut open) = (0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => open = true,
            '}' => open = false,
            '.' | '/' if !open => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    // Nothing may stand before the first stroke only.
    let per = parts.len() > 1 && text.starts_with('/');
    !text.is_empty()
        && text.len() <= 32
        && parts
            .iter()
            .enumerate()
            .all(|(place, part)| place == 0 && per && part.is_empty() || is_factor(part))
}

fn is_factor(part: &str) -> bool {
    let (atom, remark) = match part.split_once('{') {
        Some((atom, rest)) => match rest.strip_suffix('}') {
            Some(remark) => (atom, Some(remark)),
            None => return false,
        },
        None => (part, None),
    };
    if remark.is_some_and(|remark| !REMARKS.contains(&remark)) {
        return false;
    }
    if atom.is_empty() {
        return remark.is_some();
    }
    let power =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(exponent) = atom.strip_prefix("10*").or(atom.strip_prefix("10^")) {
        return power(exponent.strip_prefix('-').unwrap_or(exponent));
    }
    let bare = atom
        .strip_suffix(|last: char| ('2'..='4').contains(&last))
        .unwrap_or(atom);
    let bare = bare.strip_suffix('-').unwrap_or(bare);
    [atom, bare].iter().any(|atom| {
        let prefixed = |prefix: &&str| {
            atom.strip_prefix(*prefix)
                .is_some_and(|rest| PREFIXED.contains(&rest))
        };
        PLAIN.contains(atom) || PREFIXED.contains(atom) || PREFIXES.iter().any(prefixed)
    })
}

/// Elements that hold an age, or a range of them.
pub const AGED: &[&str] = &[
    "abatementAge",
    "abatementRange",
    "onsetAge",
    "onsetRange",
    "performedAge",
    "performedRange",
];

/// Codes that ask how old somebody is.
pub const AGES: &[&str] = &[
    "21612-7",
    "29553-5",
    "30525-0",
    "35659-2",
    "39016-1",
    "63900-5",
    "397669002",
    "424144002",
];

/// Areas whose first three digits stand for 20,000 people or fewer: those that HHS names after the
/// census of 2000, and six that became small by 2010 as far as we could find out: more only hides more.
pub const SMALL_AREAS: &[&str] = &[
    "036", "059", "063", "102", "202", "203", "204", "205", "369", "556", "692", "753", "772",
    "790", "821", "823", "830", "831", "878", "879", "884", "890", "893",
];

/// States of the United States, their district and territories: the smallest area that may remain.
pub const STATES: &[(&str, &str)] = &[
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AS", "American Samoa"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("GU", "Guam"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("MP", "Northern Mariana Islands"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("PR", "Puerto Rico"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VI", "Virgin Islands"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_public_systems_fit_and_numbers_of_people_do_not() {
        for (form, fits, others) in [
            (
                Form::Loinc,
                &["2823-3", "85354-9", "882-1", "LA6576-8"][..],
                &["2823-4", "078-05-1120", "2823", "-3", ""][..],
            ),
            (
                Form::Snomed,
                &["278147001", "260385009", "73211009"],
                &["278147002", "078051120", "8002215", "12"],
            ),
            (
                Form::Icd10,
                &["E11", "E11.9", "S72.001A"],
                &["E1", "e11.9", "E11.9 Olson"],
            ),
            (Form::Digits(3), &["140"], &["1400", "", "x"]),
            (
                Form::Hl7,
                &["laboratory", "AMB", "42CFRPart2"],
                &["Olson", "MRN-4471903", "a b", "amb", ""],
            ),
            (
                Form::Ndc,
                &["0002-1433-80"],
                &["00021433800", "555-168-8091"],
            ),
            (Form::Language, &["en", "en-US"], &["Olson"]),
        ] {
            for code in fits {
                assert!(form.fits(code), "{form:?} {code}");
            }
            for code in others {
                assert!(!form.fits(code), "{form:?} {code}");
            }
        }
    }

    #[test]
    fn units_are_told_from_words() {
        for text in [
            "mmol/L",
            "mg/dL",
            "mm[Hg]",
            "/min",
            "kg/m2",
            "10*3/uL",
            "%",
            "Cel",
            "mL/min/{1.73_m2}",
            "{score}",
            "m[IU]/L",
            "wk",
            "g",
            "cm",
        ] {
            assert_eq!(unit(text), Some(text), "{text}");
        }
        assert_eq!(unit("years"), Some("a"));
        for text in [
            "",
            "/",
            "//min",
            "Olson",
            "{Olson}",
            "mg{Olson}",
            "mg/Olson",
            "078-05-1120",
            "mg.",
            "{",
            "10*",
            "10*123",
        ] {
            assert_eq!(unit(text), None, "{text}");
        }
    }
}
