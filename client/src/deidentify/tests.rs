use serde_json::json;

use super::*;

const YEAR: u16 = 2026;

fn sample(name: &str) -> Vec<u8> {
    // Read when it runs: clones that share a target folder share this program.
    let client = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
    let path = format!("{client}/../samples/{name}");
    std::fs::read(path).unwrap()
}

fn of(document: &Value) -> Deidentified {
    deidentify(&serde_json::to_vec(document).unwrap(), YEAR, None).unwrap()
}

#[track_caller]
fn becomes(before: Value, after: Value) {
    assert_eq!(of(&before).document, after);
}

fn observation(rest: Value) -> Value {
    let mut document = json!({"resourceType": "Observation", "status": "final"});
    let rest = rest.as_object().unwrap().clone();
    document.as_object_mut().unwrap().extend(rest);
    document
}

/// One of each of the 18, in the order of the rule.
const SECRETS: [(&str, &str); 18] = [
    ("name", "Quillfeather"),
    ("geography", "17 Marmalade Lane"),
    ("date", "1931-07-14"),
    ("telephone", "+1 617 555 0142"),
    ("fax", "+1 617 555 0199"),
    ("email", "q.feather@example.org"),
    ("social security", "078-05-1120"),
    ("medical record", "MRN-4471903"),
    ("health plan", "HPX-8812307"),
    ("account", "ACC-0099213"),
    ("licence", "DL-S99988801"),
    ("vehicle", "1HGBH41JXMN109186"),
    ("device", "SN-PM-5523177"),
    ("web address", "https://portal.example.org/quill"),
    ("internet address", "203.0.113.77"),
    ("biometric", "Rk1SACAyMAAAAADk"),
    ("photograph", "iVBORw0KGgoAAAANSUhEUg"),
    (
        "another number",
        "urn:uuid:9b691d01-be71-4657-8cd5-9292d4ac00f5",
    ),
];

fn secret(which: &str) -> &'static str {
    SECRETS.iter().find(|(name, _)| *name == which).unwrap().1
}

fn identifier(which: &str) -> Value {
    json!({"system": secret("web address"), "value": secret(which)})
}

/// All of the 18 in free text.
fn story() -> String {
    let all: Vec<&str> = SECRETS.iter().map(|(_, secret)| *secret).collect();
    all.join(", ")
}

fn patient() -> Value {
    let story = story();
    json!({
        "resourceType": "Patient",
        "id": secret("another number"),
        "text": {"status": "generated", "div": format!("<div>{story}</div>")},
        "identifier": [
            identifier("social security"),
            identifier("medical record"),
            identifier("health plan"),
            identifier("account"),
            identifier("licence"),
            identifier("vehicle"),
        ],
        "active": true,
        "name": [{"family": secret("name"), "given": ["Ottoline"], "text": "Ottoline Quillfeather"}],
        "telecom": [
            {"system": "phone", "value": secret("telephone")},
            {"system": "fax", "value": secret("fax")},
            {"system": "email", "value": secret("email")},
            {"system": "url", "value": secret("web address")},
        ],
        "gender": "female",
        "birthDate": secret("date"),
        "_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1931-07-14T05:00:00Z"}]},
        "address": [{"use": "home", "line": [secret("geography")], "city": "Wexcombe", "district": "Fenmark", "state": "MA", "postalCode": "02139-4307", "country": "US"}],
        "photo": [{"contentType": "image/png", "data": secret("photograph")}],
        "contact": [{"name": {"family": secret("name")}, "telecom": [{"value": secret("telephone")}]}],
        "generalPractitioner": [{"reference": "Practitioner/7", "display": "Dr. Peverell Thistlewood"}],
        "extension": [
            {"url": "http://example.org/fingerprint", "valueBase64Binary": secret("biometric")},
            {"url": BIRTH_SEX, "valueCode": "F"},
            {"url": RACE, "extension": [
                {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"}},
                {"url": "text", "valueString": story},
            ]},
        ],
    })
}

fn potassium() -> Value {
    let story = story();
    observation(json!({
        "meta": {
            "lastUpdated": "2026-03-01T10:00:00Z",
            "source": secret("internet address"),
            "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV", "display": story}],
            "tag": [{"system": secret("web address"), "code": secret("medical record")}],
        },
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "version": story, "code": "2823-3", "display": story}], "text": story},
        "subject": {"reference": "Patient/1", "display": secret("name")},
        "effectiveDateTime": "2026-03-01T08:30:00+01:00",
        "issued": "2026-03-01T10:00:00Z",
        "valueQuantity": {"value": 4.1, "comparator": "<", "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        "referenceRange": [{"low": {"value": 3.5, "unit": "mmol/L"}, "text": story}],
        "note": [{"authorString": secret("name"), "text": story}],
        "device": {"identifier": {"value": secret("device")}},
    }))
}

fn diabetes() -> Value {
    json!({
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "code": {"coding": [
            {"system": "http://snomed.info/sct", "code": "73211009"},
            {"system": "http://hospital.example.org/local", "code": secret("medical record")},
        ]},
        "onsetAge": {"value": 94, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"},
        "recordedDate": "2025-11-30",
        "stage": [{"summary": {"coding": [{"system": "http://snomed.info/sct", "code": "260385009"}]}}],
    })
}

fn prescription() -> Value {
    let story = story();
    json!({
        "resourceType": "MedicationRequest",
        "intent": "order",
        "status": "active",
        "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "198405"}]},
        "authoredOn": "2026-02-11",
        "dosageInstruction": [{
            "sequence": 1,
            "patientInstruction": story,
            "asNeededBoolean": false,
            "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 1}}],
        }],
    })
}

/// A chart in which each of the 18 stands where FHIR has a place for it, and in free text.
fn chart() -> Value {
    json!({
        "resourceType": "Bundle",
        "id": secret("another number"),
        "type": "collection",
        "identifier": identifier("another number"),
        "link": [{"relation": "self", "url": secret("web address")}],
        "entry": [
            {"fullUrl": secret("another number"), "resource": patient()},
            {"resource": potassium()},
            {"resource": diabetes()},
            {"resource": prescription()},
            {"resource": {"resourceType": "Device", "serialNumber": secret("device"), "udiCarrier": [{"deviceIdentifier": secret("device")}]}},
            {"resource": {"resourceType": "Coverage", "subscriberId": secret("health plan")}},
            {"resource": {"resourceType": "Practitioner", "name": [{"family": secret("name")}]}},
            {"resource": {"resourceType": "Binary", "contentType": "image/jpeg", "data": secret("photograph")}},
        ],
    })
}

/// The places of all members, items and leaves below.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                places(value, &format!("{at}/{}", key.replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{place}"), all);
            }
        }
        _ => {}
    }
}

#[track_caller]
fn tells_none(result: &Deidentified, where_planted: &str) {
    let text = serde_json::to_string(&result.document).unwrap();
    for (which, secret) in SECRETS {
        assert!(
            !text.contains(secret),
            "the {which} is still there, planted at {where_planted}: {text}"
        );
    }
    for piece in [
        "Ottoline",
        "Wexcombe",
        "Fenmark",
        "Thistlewood",
        "02139",
        "4471903",
        "1931",
    ] {
        assert!(
            !text.contains(piece),
            "{piece} planted at {where_planted}: {text}"
        );
    }
}

#[test]
fn what_is_known_remains_and_each_of_the_18_goes() {
    let result = of(&chart());
    tells_none(&result, "its own place");
    let left = [
        json!({
            "resourceType": "Patient",
            "active": true,
            "gender": "female",
            "address": [{"state": "MA", "postalCode": "021", "country": "US"}],
            "extension": [
                {"url": BIRTH_SEX, "valueCode": "F"},
                {"url": RACE, "extension": [{"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}}]},
            ],
        }),
        json!({
            "resourceType": "Observation",
            "status": "final",
            "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]},
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
            "effectiveDateTime": "2026",
            "valueQuantity": {"value": 4.1, "comparator": "<", "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
            "referenceRange": [{"low": {"value": 3.5, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}}],
        }),
        json!({
            "resourceType": "Condition",
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "73211009"}]},
            "onsetAge": {"value": 90, "comparator": ">=", "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"},
            "recordedDate": "2025",
            "stage": [{"summary": {"coding": [{"system": "http://snomed.info/sct", "code": "260385009"}]}}],
        }),
        json!({
            "resourceType": "MedicationRequest",
            "intent": "order",
            "status": "active",
            "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "198405"}]},
            "authoredOn": "2026",
            "dosageInstruction": [{
                "sequence": 1,
                "asNeededBoolean": false,
                "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1}}],
            }],
        }),
    ];
    let entries: Vec<Value> = left.iter().map(|left| json!({"resource": left})).collect();
    let whole = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    assert_eq!(result.document, whole);
}

#[test]
fn no_secret_gets_out_wherever_it_is_planted() {
    let chart = chart();
    let mut all = Vec::new();
    places(&chart, "", &mut all);
    assert!(all.len() > 200, "{}", all.len());
    for place in &all {
        for (which, secret) in SECRETS {
            let mut planted = chart.clone();
            let at = planted.pointer_mut(place).unwrap();
            match at {
                // Where a kind of resource stands, another one makes it a resource that is unknown.
                Value::String(_) | Value::Bool(_) | Value::Null => *at = secret.into(),
                Value::Number(_) => *at = 781_120_551.into(),
                Value::Array(items) => items.push(secret.into()),
                Value::Object(object) => {
                    object.insert("nickname".into(), secret.into());
                    object.insert("value".into(), secret.into());
                    object.insert("display".into(), secret.into());
                    object.insert("text".into(), json!({"div": secret}));
                }
            }
            let json = serde_json::to_vec(&planted).unwrap();
            let Ok(result) = deidentify(&json, YEAR, None) else {
                continue;
            };
            let where_planted = format!("{place} ({which})");
            tells_none(&result, &where_planted);
            let text = result.document.to_string();
            assert!(!text.contains("781120551"), "{where_planted}: {text}");
        }
    }
}

#[test]
fn the_samples_keep_their_results_and_lose_their_people() {
    let before: Value = serde_json::from_slice(&sample("patient-bundle.json")).unwrap();
    let result = deidentify(&sample("patient-bundle.json"), YEAR, None).unwrap();
    let text = result.document.to_string();
    for secret in [
        "Olson",
        "Murray",
        "Boston",
        "Bernier",
        "999-72-8218",
        "8002215",
        "555-168-8091",
        "@",
        "urn:uuid",
        "594f313b",
        "Miller",
        "Michael",
        "WINCHESTER",
        "LONGWOOD",
        "9999211850",
        "Cigna",
        "HOSPITAL",
        "latitude",
        "Practitioner",
        "2023-11-21",
        "T09:25",
        "display",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    let count = |document: &Value, kind: &str| {
        let entries = document["entry"].as_array().unwrap();
        entries
            .iter()
            .filter(|entry| entry["resource"]["resourceType"] == kind)
            .count()
    };
    for kind in [
        "Patient",
        "Observation",
        "Condition",
        "Immunization",
        "Procedure",
        "AllergyIntolerance",
    ] {
        assert_eq!(
            count(&result.document, kind),
            count(&before, kind),
            "{kind}"
        );
    }
    for kind in [
        "Practitioner",
        "Organization",
        "Location",
        "Coverage",
        "DocumentReference",
        "Provenance",
    ] {
        assert!(count(&before, kind) > 0, "{kind}");
        assert_eq!(count(&result.document, kind), 0, "{kind}");
    }
    assert_eq!(text.matches("\"valueQuantity\"").count(), 164);
    assert!(
        text.contains("2823-3") || text.contains("8302-2"),
        "codes remain"
    );

    for name in ["lab-result.json", "lab-result-hiv.json", "blood-type.json"] {
        let result = deidentify(&sample(name), YEAR, None).unwrap();
        let text = result.document.to_string();
        assert!(
            !text.contains("the patient") && !text.contains("11-02"),
            "{text}"
        );
        assert_eq!(result.document["effectiveDateTime"], "2026");
        assert!(result.document["code"]["coding"][0]["code"].is_string());
        assert!(result.changes.iter().any(|change| change.path == "subject"));
    }
}

#[test]
fn what_is_no_fhir_about_health_is_refused() {
    for bad in [
        &b"no JSON"[..],
        b"",
        b"[]",
        b"{}",
        br#"{"resourceType": 7}"#,
        br#"{"resourceType": "Practitioner", "active": true}"#,
        br#"{"resourceType": "Olson", "status": "final"}"#,
        br#"{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Person"}}]}"#,
        br#"{"resourceType": "Observation", "note": [{"text": "Ms Olson"}]}"#,
    ] {
        let error = deidentify(bad, YEAR, None).unwrap_err().to_string();
        assert!(error.contains("choose a record that is FHIR"), "{error}");
        assert!(!error.contains("Olson"), "{error}");
    }
    for name in ["ct.dcm", "mental-health-note.txt"] {
        assert!(deidentify(&sample(name), YEAR, None).is_err(), "{name}");
    }
}

#[test]
fn it_is_the_same_each_time_and_done_once() {
    for document in [
        serde_json::to_vec(&chart()).unwrap(),
        sample("patient-bundle.json"),
    ] {
        let once = deidentify(&document, YEAR, None).unwrap();
        let again = deidentify(&document, YEAR, None).unwrap();
        assert_eq!(once.to_json().unwrap(), again.to_json().unwrap());
        assert_eq!(once.changes, again.changes);
        let twice = deidentify(&once.to_json().unwrap(), YEAR, None).unwrap();
        // Three digits are no ZIP code, so even they go.
        let zips = twice
            .changes
            .iter()
            .filter(|change| !change.path.ends_with("postalCode"));
        assert_eq!(zips.count(), 0, "{:?}", twice.changes);
    }
}

#[test]
fn each_change_is_told_with_its_path() {
    let result = of(&observation(json!({
        "effectiveDateTime": "2026-03-01",
        "subject": {"display": "Ms Olson"},
        "component": [{"code": {"text": "secret"}, "valueInteger": 123_456_789}],
    })));
    let told = |path: &str| {
        let change = result.changes.iter().find(|change| change.path == path);
        change
            .unwrap_or_else(|| panic!("{path}: {:?}", result.changes))
            .to
            .clone()
    };
    assert_eq!(told("effectiveDateTime").as_deref(), Some("2026"));
    assert_eq!(told("subject"), None);
    assert_eq!(told("component[0].code"), None);
    assert_eq!(
        told("component[0].valueInteger").as_deref(),
        Some("123456000")
    );
    assert_eq!(result.changes.len(), 4);
}

#[test]
fn nobody_is_older_than_90() {
    let patient =
        |born: &str| of(&json!({"resourceType": "Patient", "gender": "male", "birthDate": born}));
    assert_eq!(patient("1937-12-31").document["birthDate"], "1937");
    assert_eq!(patient("1936-01-01").document["birthDate"], Value::Null);
    assert_eq!(patient("1936").document["birthDate"], Value::Null);
    for nonsense in [
        "19371231",
        "193a-01-01",
        "year",
        "",
        "1937/01/01",
        "ä937-01-01",
        "9999-01-01",
    ] {
        assert_eq!(
            patient(nonsense).document["birthDate"],
            Value::Null,
            "{nonsense}"
        );
    }
    let over = json!({"value": 90, "comparator": ">=", "unit": "a", "system": UCUM, "code": "a"});
    for (value, unit, kept) in [
        (json!(90), "a", true),
        (json!(104.5), "years", true),
        (json!(1_100), "mo", true),
        (json!(36_000), "d", true),
        (json!(89), "a", false),
        (json!(90), "mo", false),
        (json!(104.5), "kg", false),
    ] {
        let age = of(&observation(
            json!({"valueQuantity": {"value": value, "unit": unit}}),
        ));
        assert_eq!(
            age.document["valueQuantity"] == over,
            kept,
            "{value} {unit}"
        );
    }
    // An age that does not say that it is one.
    let age = json!({"coding": [{"system": "http://loinc.org", "code": "30525-0"}]});
    becomes(
        observation(json!({"code": age, "valueInteger": 97})),
        observation(json!({"code": age, "valueInteger": 90})),
    );
    // One inside of what says so, and one in a unit that is no time.
    becomes(
        observation(json!({"code": age, "valueRange": {"low": {"value": 97}}})),
        observation(json!({"code": age, "valueRange": {"low": {"value": 90, "comparator": ">="}}})),
    );
    let counted = of(&observation(
        json!({"code": age, "valueQuantity": {"value": 97, "unit": "1"}}),
    ));
    assert_eq!(counted.document["valueQuantity"]["value"], 90);
    // One that stands where only ages do, without a unit.
    becomes(
        json!({"resourceType": "Condition", "onsetAge": {"value": 97},
            "abatementRange": {"low": {"value": 98}, "high": {"value": 99}}}),
        json!({"resourceType": "Condition", "onsetAge": {"value": 90, "comparator": ">="},
            "abatementRange": {"low": {"value": 90, "comparator": ">="}, "high": {"value": 90, "comparator": ">="}}}),
    );
    // And one in a unit that is not known.
    let result = of(&observation(
        json!({"valueQuantity": {"value": 97, "unit": "Jahre"}}),
    ));
    assert_eq!(result.document, observation(json!({})));
}

fn condition(rest: Value) -> Value {
    let mut document = json!({"resourceType": "Condition", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "73211009"}]}});
    let rest = rest.as_object().unwrap().clone();
    document.as_object_mut().unwrap().extend(rest);
    document
}

fn bundle(resources: &[Value]) -> Value {
    let entries: Vec<Value> = resources
        .iter()
        .map(|resource| json!({"resource": resource}))
        .collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

#[test]
fn an_age_beside_an_old_year_goes() {
    let aged = |value: Value, unit: &str, recorded: &str| {
        let age = json!({"value": value, "unit": unit});
        of(&condition(
            json!({"onsetAge": age, "recordedDate": recorded}),
        ))
    };
    for (value, unit, recorded, remains) in [
        (json!(80), "a", "2010-05-01", false),
        (json!(73), "a", "2010-05-01", false),
        (json!(72), "a", "2010-05-01", true),
        (json!(72.9), "years", "2010", true),
        // Their birthday may come after the day of the record: who was 80 in 2017 may be 90.
        (json!(80), "a", "2017", false),
        (json!(80), "a", "2018", true),
        (json!(876), "mo", "2010", false),
        (json!(875), "mo", "2010", true),
        (json!(27_000), "d", "2010", false),
        (json!(3), "mo", "1937", false),
        (json!(3), "mo", "1938", true),
        (json!(88), "a", "2026", true),
        // What is removed tells nothing.
        (json!(80), "a", "1936", true),
        (json!(80), "a", "2030", true),
    ] {
        let result = aged(value.clone(), unit, recorded);
        let left = result.document.get("onsetAge").is_some();
        assert_eq!(left, remains, "{value} {unit} in {recorded}");
    }
    let result = aged(json!(80), "a", "2010-05-01");
    assert_eq!(result.document["recordedDate"], "2010");
    let told = |path: &str, to: Option<&str>| Change {
        path: path.into(),
        to: to.map(str::to_owned),
    };
    assert_eq!(
        result.changes,
        [told("onsetAge", None), told("recordedDate", Some("2010"))]
    );
    // "90 or older" says no more, however long ago it was said.
    let oldest = aged(json!(94), "a", "2010").document;
    assert_eq!(oldest["onsetAge"]["value"], 90);
}

#[test]
fn an_age_goes_wherever_the_old_year_stands() {
    let age = json!({"value": 80, "unit": "a"});
    let coded = json!({"coding": [{"system": "http://loinc.org", "code": "30525-0"}]});
    let old = observation(json!({"effectiveDateTime": "2010-05-01"}));
    // In whatever an age is written in.
    for aged in [
        condition(json!({"onsetAge": age})),
        condition(json!({"onsetAge": {"value": 80}})),
        condition(json!({"abatementRange": {"low": {"value": 80}}})),
        observation(json!({"valueQuantity": age})),
        observation(json!({"code": coded, "valueInteger": 80})),
        observation(json!({"component": [{"code": coded, "valueQuantity": {"value": 80}}]})),
    ] {
        // Before the year and after it, and inside of each other.
        let mut outside = aged.clone();
        outside["contained"] = json!([old]);
        let mut inside = old.clone();
        inside["contained"] = json!([aged]);
        for whole in [
            bundle(&[aged.clone(), old.clone()]),
            bundle(&[old.clone(), aged.clone()]),
            outside,
            inside,
        ] {
            let text = of(&whole).document.to_string();
            assert!(text.contains("2010") && !text.contains("80"), "{text}");
        }
        let alone = of(&bundle(&[aged])).document.to_string();
        assert!(alone.contains("80"), "{alone}");
    }
    // In a period, and beside the document.
    let aged =
        condition(json!({"onsetAge": age, "abatementPeriod": {"start": "2010", "end": "2025"}}));
    assert_eq!(of(&aged).document["onsetAge"], Value::Null);
    let aged = serde_json::to_vec(&condition(json!({"onsetAge": age}))).unwrap();
    let dated = |year| deidentify(&aged, YEAR, year).unwrap().document["onsetAge"].is_object();
    assert!(dated(None) && dated(Some(2018)));
    assert!(!dated(Some(2010)));
}

#[test]
fn the_year_of_birth_is_none_that_an_age_was_told_in() {
    let aged = condition(json!({"onsetAge": {"value": 80, "unit": "a"}}));
    let born = |resource: &str| {
        let born = json!({"resourceType": resource, "status": "final", "birthDate": "1940-02-01"});
        of(&bundle(&[born, aged.clone()])).document["entry"].clone()
    };
    let patient = born("Patient");
    assert_eq!(patient[0]["resource"]["birthDate"], "1940");
    assert_eq!(patient[1]["resource"]["onsetAge"]["value"], 80);
    // Only a patient is born: elsewhere it might be any year.
    assert_eq!(born("Observation")[0]["resource"], observation(json!({})));
    // It excuses no other year: the age may be another's.
    let born = json!({"resourceType": "Patient", "birthDate": "1990"});
    let seen = observation(json!({"effectiveDateTime": "2010"}));
    let all = of(&bundle(&[born, aged.clone(), seen])).document;
    assert_eq!(all["entry"][1]["resource"]["onsetAge"], Value::Null);
}

#[test]
fn a_number_of_the_patient_is_no_value() {
    let patient = json!({"resourceType": "Patient", "gender": "male",
        "identifier": [{"value": "MRN 482913"}]});
    let observation = observation(json!({"valueInteger": 482913,
        "component": [{"valueQuantity": {"value": 482913, "unit": "kg"}}]}));
    let result = of(&json!({"resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": patient}, {"resource": observation}]}));
    assert!(!result.document.to_string().contains("482913"));
}

#[test]
fn nothing_smaller_than_a_state_remains() {
    let at = |address: Value| {
        of(&json!({"resourceType": "Patient", "active": true, "address": [address]})).document
            ["address"][0]
            .clone()
    };
    let us = |zip: &str| at(json!({"country": "US", "postalCode": zip}))["postalCode"].clone();
    assert_eq!(us("02139"), "021");
    assert_eq!(us("021394307"), "021");
    assert_eq!(us("02139-4307"), "021");
    for small in [
        "03601",
        "05901",
        "10200",
        "20301",
        "55601",
        "69201",
        "82101",
        "87901",
        "89301-1234",
    ] {
        assert_eq!(us(small), "000", "{small}");
    }
    for nonsense in [
        "021",
        "0213",
        "02139x",
        "0213-94307",
        "",
        "EC1A 1BB",
        "02139 4307",
    ] {
        assert_eq!(us(nonsense), Value::Null, "{nonsense}");
    }
    assert_eq!(
        at(json!({"city": "Salem", "state": "Oregon", "postalCode": "97301"})),
        json!({"state": "Oregon", "postalCode": "973"})
    );
    // A state elsewhere may be a town.
    assert_eq!(
        at(json!({"country": "DE", "state": "Bremen", "postalCode": "28195"})),
        json!({"country": "DE"})
    );
    assert_eq!(
        at(json!({"state": "Bremen", "postalCode": "28195"})),
        Value::Null
    );
}

#[test]
fn numbers_of_the_patient_are_found_where_codes_should_be() {
    let chart = |number: &str| {
        let patient = json!({
            "resourceType": "Patient",
            "active": true,
            "identifier": [{"system": "http://hospital.example.org", "value": format!("MRN {number}")}],
        });
        let medication = json!({
            "resourceType": "Medication",
            "status": "active",
            "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "8002215"}]},
        });
        json!({"resourceType": "Bundle", "entry": [{"resource": medication}, {"resource": patient}]})
    };
    let code = |number: &str| of(&chart(number)).document["entry"][0]["resource"]["code"].clone();
    assert_eq!(code("8002215"), Value::Null);
    assert_eq!(code("8002216")["coding"][0]["code"], "8002215");
}
