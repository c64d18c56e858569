//! What explorers and wallets read.

use salus_primitives::api::{BatchApi, SalusApi};
use salus_runtime::{Block, RuntimeCall, RuntimeError, RuntimeEvent, VERSION};
use scale_info::{form::MetaForm, Field, MetaType, Type, TypeDef, TypeInfo, Variant};

const OURS: [&str; 12] = [
    "Members",
    "Patients",
    "Records",
    "Consent",
    "AccessLog",
    "Corrections",
    "Copies",
    "Recovery",
    "Emergency",
    "Credits",
    "Research",
    "Links",
];

fn variants(ty: Type<MetaForm>) -> Vec<Variant<MetaForm>> {
    match ty.type_def {
        TypeDef::Variant(variants) => variants.variants,
        other => panic!("not an enum: {other:?}"),
    }
}

/// The variants of an enum over all pallets, each as (pallet, variant).
fn of_all_pallets<T: TypeInfo + 'static>() -> Vec<(&'static str, Variant<MetaForm>)> {
    variants(MetaType::new::<T>().type_info())
        .into_iter()
        .flat_map(|pallet| {
            let inner = variants(pallet.fields[0].ty.type_info());
            inner.into_iter().map(move |variant| (pallet.name, variant))
        })
        .collect()
}

fn is_named(field: &Field<MetaForm>, name: &str) -> bool {
    field.name == Some(name)
}

#[test]
fn every_event_about_a_patient_names_it_in_one_field_of_its_type() {
    let mut about_patients = 0;
    for (pallet, event) in of_all_pallets::<RuntimeEvent>() {
        let named = event
            .fields
            .iter()
            .filter(|field| is_named(field, "patient"))
            .count();
        let typed = event
            .fields
            .iter()
            .filter(|field| field.ty.type_info().path.ident() == Some("PatientId"))
            .count();
        assert!(
            named <= 1,
            "{pallet}.{} has {named} fields called `patient`",
            event.name
        );
        assert_eq!(
            named, typed,
            "{pallet}.{}: not every PatientId is called `patient`",
            event.name
        );
        about_patients += named;
    }
    assert!(
        about_patients > 30,
        "only {about_patients} events name a patient"
    );
}

#[test]
fn every_event_about_a_patient_says_who_acted() {
    for (pallet, event) in of_all_pallets::<RuntimeEvent>() {
        let has = |name| event.fields.iter().any(|field| is_named(field, name));
        // Time ends a grant, not a person; and an offer goes back because of time, or because of an
        // event beside it that says who declined or withdrew.
        let nobody = [("Consent", "Expired"), ("Credits", "OfferReturned")];
        if has("patient") && !nobody.contains(&(pallet, event.name)) {
            assert!(has("actor") || has("reader"), "{pallet}.{}", event.name);
        }
    }
}

#[test]
fn calls_events_and_errors_are_documented() {
    let all = [
        of_all_pallets::<RuntimeCall>(),
        of_all_pallets::<RuntimeEvent>(),
        of_all_pallets::<RuntimeError>(),
    ];
    for (pallet, variant) in all.into_iter().flatten() {
        if OURS.contains(&pallet) {
            let first = variant
                .docs
                .first()
                .map(|line| line.trim())
                .unwrap_or_default();
            assert!(
                first.len() > 10,
                "{pallet}.{} is not documented",
                variant.name
            );
        }
    }
}

#[test]
fn salus_api_is_served() {
    let id = <dyn SalusApi<Block> as sp_api::RuntimeApiInfo>::ID;
    assert!(VERSION.has_api_with(&id, |version| version == 1));
}

/// Without it, authors silently make their blocks one transaction at a time.
#[test]
fn batch_api_is_served() {
    let id = <dyn BatchApi<Block> as sp_api::RuntimeApiInfo>::ID;
    assert!(VERSION.has_api_with(&id, |version| version == 1));
}
