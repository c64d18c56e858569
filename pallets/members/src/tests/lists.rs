//! Long lists are read page by page, and the limits can be read from the metadata.

use codec::Decode;
use salus_primitives::{
    api::MAX_PAGE, signing::CONSENT_LASTS, AccountId, ClinicianRole, Moment, OrgId,
};
use std::collections::BTreeSet;

use super::LATER;
use crate::{mock::*, CLOCK_SKEW, ELECTORATE_MEMORY};

#[test]
fn ten_thousand_clinicians_are_listed_exactly_once() {
    ExtBuilder.build_and_execute(|| {
        let clinician = |n: u32| {
            let mut bytes = [7; 32];
            bytes[..4].copy_from_slice(&n.to_le_bytes());
            AccountId::new(bytes)
        };
        let credential = |organisation: OrgId, n| {
            Members::do_credential(
                None,
                organisation,
                clinician(n),
                ClinicianRole::Nurse,
                LATER,
            )
            .expect("a free account");
        };
        (0..10_000).for_each(|n| credential(INSURER, n));
        // Others lie between them in storage, but not in the list.
        (10_000..10_100).for_each(|n| credential(HOSPITAL, n));

        let mut seen = BTreeSet::new();
        let mut after = None;
        loop {
            let page = Members::clinicians(INSURER, after.clone(), u32::MAX);
            assert!(page.len() <= MAX_PAGE as usize);
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (account, row) in page {
                assert_eq!(row.organisation, INSURER);
                assert!(seen.insert(account), "listed twice");
            }
        }
        assert_eq!(seen, (0..10_000).map(clinician).collect());
    });
}

#[test]
fn a_list_goes_on_after_someone_who_has_left() {
    ExtBuilder.build_and_execute(|| {
        let all: Vec<_> = Members::clinicians(HOSPITAL, None, 9)
            .into_iter()
            .map(|(account, _)| account)
            .collect();
        let first = all[0].clone();
        Members::end_credential(signed(hospital_admin()), first.clone()).expect("a credential");
        let rest = Members::clinicians(HOSPITAL, Some(first), 9);
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].0, all[1]);
    });
}

#[test]
fn organisations_are_listed_in_pages_by_their_number() {
    ExtBuilder.build_and_execute(|| {
        let mut from = 0;
        let mut seen = Vec::new();
        while let [(id, _)] = &Members::organisations(from, 1)[..] {
            seen.push(*id);
            from = id + 1;
        }
        assert_eq!(seen, vec![HOSPITAL, INSURER]);
    });
}

#[test]
fn limits_are_in_the_metadata() {
    let constants = crate::Pallet::<Test>::pallet_constants_metadata();
    let bytes = |name: &str| {
        let constant = constants.iter().find(|constant| constant.name == name);
        constant
            .unwrap_or_else(|| panic!("{name} is missing"))
            .value
            .clone()
    };
    let moment = |name| Moment::decode(&mut &bytes(name)[..]).expect("a moment");
    assert_eq!(u32::decode(&mut &bytes("MaxPage")[..]), Ok(MAX_PAGE));
    assert_eq!(u32::decode(&mut &bytes("MaxOrganisations")[..]), Ok(4));
    assert_eq!(moment("ConsentLasts"), CONSENT_LASTS);
    assert_eq!(moment("ClockSkew"), CLOCK_SKEW);
    assert_eq!(moment("ElectorateMemory"), ELECTORATE_MEMORY);
}
