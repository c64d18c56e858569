use crate::{mock::*, Error, Event, Records as Rows, ERASE_DELAY, MAX_FORMER};
use codec::Encode;
use frame_support::{assert_noop, assert_ok, dispatch::DispatchResultWithPostInfo};
use salus_primitives::{
    api::MAX_PAGE,
    traits::{OpenCompartments, Records as _},
    Cid, ClinicianRole, CompartmentId, FormerContent, Member, NewRecord, PatientId, Recipient,
    Record, RecordIndex, RecordState,
    Reference::{self, Erased, Named, Unnamed},
    DAY, HOUR, MAX_ANCHORS, UNNAMING_WAITS,
};
use sp_core::H256;
use sp_runtime::{DispatchError::BadOrigin, DispatchResult};

mod model;
mod restore;
mod spending;
mod waiting;

/// Everyone who does not decide for [`PATIENT`].
const POWERLESS: [&str; 6] = [
    "carer",
    "other-owner",
    "laboratorian",
    "physician",
    "admin",
    "stranger",
];

fn record(index: RecordIndex) -> Record {
    Rows::<Test>::get(PATIENT, index).unwrap()
}

/// Without what the call weighed.
fn plain(result: DispatchResultWithPostInfo) -> DispatchResult {
    result.map(drop).map_err(|error| error.error)
}

/// Anchors a record of the laboratory's.
fn anchored(n: u8) -> RecordIndex {
    let index = crate::NextRecord::<Test>::get(PATIENT);
    let new = new_record(LABORATORY, 0, n);
    assert_ok!(Records::anchor(
        signed("laboratorian"),
        PATIENT,
        Some(GRANT),
        new
    ));
    index
}

mod open {
    use super::*;

    const NEW: PatientId = PatientId([9; 16]);

    #[test]
    fn a_patient_has_32_compartments_under_one_signature_and_no_event_tells_more() {
        ExtBuilder.build_and_execute(|| {
            let mut set = set("owner", NEW);
            set.compartments[31].1 = [0xee; 32];
            let set = signed_set("owner", NEW, set.compartments);
            assert_ok!(Records::open(NEW, &account("owner"), set.clone()));

            let open = Records::compartments(&NEW);
            assert_eq!(open.len(), 32);
            for ((id, row), (named, _)) in open.iter().zip(set.compartments) {
                assert_eq!(*id, named);
                assert_eq!((row.epoch, row.rotated_at), (0, START + HOUR));
                assert_eq!(Records::recipient(&NEW, id), None, "one signature for all");
            }
            let keys = Records::first_keys(&NEW).unwrap();
            assert_eq!((keys.signer, keys.signed), (account("owner"), set));
            assert_eq!(take_events(), []);
        });
    }

    #[test]
    fn keys_of_unknown_scheme_are_refused() {
        ExtBuilder.build_and_execute(|| {
            let mut set = set("owner", NEW);
            set.scheme = 1;
            let refused = Records::open(NEW, &account("owner"), set);
            assert_noop!(refused, Error::<Test>::UnsupportedRecipient);
        });
    }

    #[test]
    fn compartments_out_of_order_or_twice_are_refused() {
        ExtBuilder.build_and_execute(|| {
            let sorted = set("owner", NEW).compartments;
            let mut swapped = sorted;
            swapped.swap(3, 4);
            let mut doubled = sorted;
            doubled[4] = doubled[3];
            for wrong in [swapped, doubled] {
                let refused =
                    Records::open(NEW, &account("owner"), signed_set("owner", NEW, wrong));
                assert_noop!(refused, Error::<Test>::CompartmentsNotAscending);
            }
        });
    }

    #[test]
    fn keys_signed_by_or_for_another_or_changed_are_refused() {
        ExtBuilder.build_and_execute(|| {
            let mut changed = set("owner", NEW);
            changed.compartments[17].1[0] ^= 1;
            let mut renamed = set("owner", NEW);
            renamed.compartments[31].0 = NOWHERE;
            for set in [
                set("physician", NEW),
                set("owner", PATIENT),
                changed,
                renamed,
            ] {
                let refused = Records::open(NEW, &account("owner"), set);
                assert_noop!(refused, Error::<Test>::BadRecipientSignature);
            }
        });
    }
}

mod rotate {
    use super::*;

    fn rotate(name: &str, compartment: CompartmentId, epoch: u32) -> DispatchResult {
        let key = recipient(name, PATIENT, compartment, epoch);
        Records::rotate(signed(name), PATIENT, compartment, key)
    }

    #[test]
    fn begins_the_next_epoch_and_leaves_records_alone() {
        ExtBuilder.build_and_execute(|| {
            let index = anchored(1);
            advance(HOUR);
            assert_ok!(rotate("owner", LABORATORY, 1));

            let row = Records::compartment(&PATIENT, &LABORATORY).unwrap();
            assert_eq!((row.epoch, row.rotated_at), (1, START + 2 * HOUR));
            let notes = Records::compartment(&PATIENT, &NOTES).unwrap();
            assert_eq!((notes.epoch, notes.rotated_at), (0, START));
            assert_eq!(Records::recipient(&PATIENT, &NOTES), None);
            let stored = Records::recipient(&PATIENT, &LABORATORY).unwrap();
            assert_eq!(
                stored.recipient,
                recipient("owner", PATIENT, LABORATORY, 1).clone_signature(&stored.recipient)
            );
            assert_eq!(record(index).epoch, 0);
            assert_eq!(
                take_events().pop(),
                Some(Event::CompartmentRotated {
                    patient: PATIENT,
                    actor: account("owner"),
                    compartment: LABORATORY,
                    epoch: 1
                })
            );
        });
    }

    /// sr25519 signatures differ each time; all else must be equal.
    trait CloneSignature {
        fn clone_signature(self, from: &Self) -> Self;
    }
    impl CloneSignature for Recipient {
        fn clone_signature(mut self, from: &Self) -> Self {
            self.signature = from.signature.clone();
            self
        }
    }

    #[test]
    fn only_who_decides_may_rotate() {
        ExtBuilder.build_and_execute(|| {
            for name in POWERLESS {
                assert_noop!(rotate(name, LABORATORY, 1), BadOrigin);
            }
        });
    }

    #[test]
    fn epochs_count_by_one() {
        ExtBuilder.build_and_execute(|| {
            for epoch in [0, 2] {
                assert_noop!(
                    rotate("owner", LABORATORY, epoch),
                    Error::<Test>::WrongEpoch
                );
            }
        });
    }

    #[test]
    fn a_compartment_that_is_not_the_patients_cannot_be_rotated() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(
                rotate("owner", NOWHERE, 1),
                Error::<Test>::CompartmentNotFound
            );
        });
    }

    #[test]
    fn a_key_that_another_signed_or_of_unknown_scheme_is_refused() {
        ExtBuilder.build_and_execute(|| {
            let foreign = recipient("guardian", PATIENT, LABORATORY, 1);
            assert_noop!(
                Records::rotate(signed("owner"), PATIENT, LABORATORY, foreign),
                Error::<Test>::BadRecipientSignature
            );
            let mut unknown = recipient("owner", PATIENT, LABORATORY, 1);
            unknown.scheme = 7;
            assert_noop!(
                Records::rotate(signed("owner"), PATIENT, LABORATORY, unknown),
                Error::<Test>::UnsupportedRecipient
            );
        });
    }
}

mod anchor {
    use super::*;

    #[test]
    fn a_members_record_bears_its_organisation_from_standing() {
        ExtBuilder.build_and_execute(|| {
            let index = anchored(1);
            assert_eq!(
                record(index),
                Record {
                    compartment: LABORATORY,
                    epoch: 0,
                    author: account("laboratorian"),
                    person: None,
                    organisation: Some(ORGANISATION),
                    placed_by: account("laboratorian"),
                    content: content(1),
                    commitment: H256::repeat_byte(1),
                    anchored_at: START + HOUR,
                    corrects: None,
                    corrected_by: None,
                    state: RecordState::Current,
                }
            );
            assert_eq!(
                take_events(),
                [Event::RecordAnchored {
                    patient: PATIENT,
                    actor: account("laboratorian"),
                    record: 0,
                    compartment: LABORATORY,
                    epoch: 0,
                    organisation: Some(ORGANISATION),
                    grant: Some(GRANT),
                    content: content(1),
                    commitment: H256::repeat_byte(1),
                    person: None,
                }]
            );
        });
    }

    /// Software that the grant lets write, and what it anchors for the person with this seal.
    fn by_software(person: Option<H256>) -> DispatchResult {
        let member = Member::Clinician {
            organisation: ORGANISATION,
            role: ClinicianRole::Service,
        };
        Members::mutate(|members| members.insert(account("software"), member));
        allow_writing(PATIENT, GRANT, "software");
        let new = NewRecord {
            person,
            ..new_record(LABORATORY, 0, 1)
        };
        Records::anchor(signed("software"), PATIENT, Some(GRANT), new)
    }

    #[test]
    fn what_software_anchors_bears_the_seal_of_a_person() {
        ExtBuilder.build_and_execute(|| {
            let seal = Some(H256::repeat_byte(9));
            assert_noop!(by_software(None), Error::<Test>::NoPerson);
            assert_ok!(by_software(seal));
            assert_eq!(record(0).person, seal);
            assert_eq!(record(0).author, account("software"));
            assert!(matches!(
                take_events().pop(),
                Some(Event::RecordAnchored { person, .. }) if person == seal
            ));
        });
    }

    #[test]
    fn who_signs_as_a_person_seals_nobody() {
        ExtBuilder.build_and_execute(|| {
            let sealed = || NewRecord {
                person: Some(H256::repeat_byte(9)),
                ..new_record(LABORATORY, 0, 1)
            };
            let call = Records::anchor(signed("owner"), PATIENT, None, sealed());
            assert_noop!(call, Error::<Test>::PersonSigns);
            let call = Records::anchor(signed("laboratorian"), PATIENT, Some(GRANT), sealed());
            assert_noop!(call, Error::<Test>::PersonSigns);
            // Each item of a batch is looked at.
            let clear = new_record(LABORATORY, 0, 2);
            let items = vec![
                (PATIENT, Some(GRANT), clear),
                (PATIENT, Some(GRANT), sealed()),
            ];
            let batch = Records::anchor_many(signed("laboratorian"), items.try_into().unwrap());
            assert_noop!(plain(batch), Error::<Test>::PersonSigns);
        });
    }

    #[test]
    fn every_event_is_entered_in_the_trail_of_its_patient() {
        ExtBuilder.build_and_execute(|| {
            let before = Entries::get().len();
            anchored(1);
            let entries = Entries::get();
            assert_eq!(entries.len(), before + 1);
            assert_eq!(entries[before].0, PATIENT);
        });
    }

    #[test]
    fn a_controllers_record_has_no_organisation() {
        ExtBuilder.build_and_execute(|| {
            for (index, name) in ["owner", "guardian"].into_iter().enumerate() {
                let new = new_record(LABORATORY, 0, 1);
                assert_ok!(Records::anchor(signed(name), PATIENT, None, new));
                assert_eq!(record(index as u32).author, account(name));
                assert_eq!(record(index as u32).organisation, None);
            }
        });
    }

    #[test]
    fn without_a_grant_only_who_decides_may_anchor() {
        ExtBuilder.build_and_execute(|| {
            for name in POWERLESS {
                let new = new_record(LABORATORY, 0, 1);
                assert_noop!(Records::anchor(signed(name), PATIENT, None, new), BadOrigin);
            }
        });
    }

    #[test]
    fn a_grant_is_of_no_use_to_others_or_for_another_patient() {
        ExtBuilder.build_and_execute(|| {
            let lab = new_record(LABORATORY, 0, 1);
            for (name, patient, grant, new) in [
                ("physician", PATIENT, GRANT, lab.clone()),
                ("laboratorian", PATIENT, GRANT + 1, lab.clone()),
                (
                    "laboratorian",
                    OTHER_PATIENT,
                    GRANT,
                    new_record(INTAKE, 0, 1),
                ),
            ] {
                assert_noop!(
                    Records::anchor(signed(name), patient, Some(grant), new),
                    Error::<Test>::NoWriteGrant
                );
            }
        });
    }

    #[test]
    fn a_grant_without_standing_is_refused() {
        ExtBuilder.build_and_execute(|| {
            Members::mutate(|members| members.remove(&account("laboratorian")));
            for name in ["laboratorian", "owner", "stranger"] {
                let new = new_record(LABORATORY, 0, 1);
                assert_noop!(
                    Records::anchor(signed(name), PATIENT, Some(GRANT), new),
                    Error::<Test>::NotAuthorized
                );
            }
        });
    }

    #[test]
    fn a_write_grant_reaches_every_compartment() {
        ExtBuilder.build_and_execute(|| {
            for (compartment, _) in Records::compartments(&PATIENT) {
                assert_ok!(Records::anchor(
                    signed("laboratorian"),
                    PATIENT,
                    Some(GRANT),
                    new_record(compartment, 0, 1)
                ));
            }
        });
    }

    #[test]
    fn only_the_present_epoch_is_accepted() {
        ExtBuilder.build_and_execute(|| {
            let anchor = |epoch| {
                let new = new_record(LABORATORY, epoch, 1);
                Records::anchor(signed("laboratorian"), PATIENT, Some(GRANT), new)
            };
            assert_noop!(anchor(1), Error::<Test>::WrongEpoch);
            let key = recipient("owner", PATIENT, LABORATORY, 1);
            assert_ok!(Records::rotate(signed("owner"), PATIENT, LABORATORY, key));
            assert_noop!(anchor(0), Error::<Test>::WrongEpoch);
            assert_ok!(anchor(1));
        });
    }

    #[test]
    fn a_compartment_that_is_not_the_patients_takes_no_record() {
        ExtBuilder.build_and_execute(|| {
            for (name, grant) in [("owner", None), ("laboratorian", Some(GRANT))] {
                let new = new_record(NOWHERE, 0, 1);
                assert_noop!(
                    Records::anchor(signed(name), PATIENT, grant, new),
                    Error::<Test>::CompartmentNotFound
                );
            }
        });
    }

    #[test]
    fn malformed_content_is_refused() {
        ExtBuilder.build_and_execute(|| {
            for byte in 0..4 {
                let mut new = new_record(LABORATORY, 0, 1);
                new.content.0[byte] ^= 0xFF;
                assert_noop!(
                    Records::anchor(signed("owner"), PATIENT, None, new),
                    Error::<Test>::MalformedContent
                );
            }
        });
    }

    #[test]
    fn the_last_index_is_not_wrapped() {
        ExtBuilder.build().execute_with(|| {
            crate::NextRecord::<Test>::insert(PATIENT, u32::MAX);
            assert_noop!(
                Records::anchor(signed("owner"), PATIENT, None, new_record(LABORATORY, 0, 1)),
                Error::<Test>::TooManyRecords
            );
        });
    }

    /// Or else whoever saw an upload could keep its author from anchoring it.
    #[test]
    fn anchoring_somebodys_upload_first_does_not_keep_them_from_it() {
        ExtBuilder.build_and_execute(|| {
            let new = new_record(LABORATORY, 0, 1);
            assert_ok!(Records::anchor(signed("guardian"), PATIENT, None, new));
            let index = anchored(1);
            assert_eq!(record(index).placed_by, account("laboratorian"));
        });
    }
}

mod anchor_many {
    use super::*;
    use crate::{NewRecords, WeightInfo};
    use frame_support::dispatch::GetDispatchInfo;

    fn items(count: u32) -> NewRecords {
        (0..count)
            .map(|n| (PATIENT, Some(GRANT), new_record(LABORATORY, 0, n as u8)))
            .collect::<Vec<_>>()
            .try_into()
            .unwrap()
    }

    #[test]
    fn anchors_records_of_several_patients_in_order() {
        ExtBuilder.build_and_execute(|| {
            allow_writing(OTHER_PATIENT, 0, "laboratorian");
            let mut items = items(2);
            items
                .try_push((OTHER_PATIENT, Some(0), new_record(INTAKE, 0, 9)))
                .unwrap();
            assert_ok!(Records::anchor_many(signed("laboratorian"), items));

            assert_eq!(record(0).content, content(0));
            assert_eq!(record(1).content, content(1));
            assert_eq!(
                Rows::<Test>::get(OTHER_PATIENT, 0).unwrap().content,
                content(9)
            );
            assert_eq!(take_events().len(), 3);
        });
    }

    #[test]
    fn one_bad_item_at_the_end_of_a_full_batch_undoes_all() {
        ExtBuilder.build_and_execute(|| {
            for (bad, error) in [
                (
                    (OTHER_PATIENT, Some(GRANT), new_record(INTAKE, 0, 1)),
                    Error::<Test>::NoWriteGrant.into(),
                ),
                ((PATIENT, None, new_record(LABORATORY, 0, 1)), BadOrigin),
                (
                    (PATIENT, Some(GRANT), new_record(LABORATORY, 1, 1)),
                    Error::<Test>::WrongEpoch.into(),
                ),
            ] {
                let mut items = items(MAX_ANCHORS);
                *items.last_mut().unwrap() = bad;
                let call = Records::anchor_many(signed("laboratorian"), items);
                assert_noop!(plain(call), error);
            }
            assert_eq!(take_events(), []);
        });
    }

    #[test]
    fn an_empty_batch_is_refused() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(
                Records::anchor_many(signed("laboratorian"), items(0)),
                Error::<Test>::NothingToAnchor
            );
        });
    }

    #[test]
    fn a_full_batch_is_accepted_and_one_more_does_not_decode() {
        use codec::{Decode, Encode};
        ExtBuilder.build_and_execute(|| {
            let full = items(MAX_ANCHORS);
            assert_ok!(Records::anchor_many(signed("laboratorian"), full.clone()));
            assert_eq!(
                Records::records(&PATIENT, 0, u32::MAX).len(),
                MAX_ANCHORS as usize
            );

            let mut longer = full.into_inner();
            assert!(NewRecords::decode(&mut &longer.encode()[..]).is_ok());
            longer.push(longer[0].clone());
            assert!(NewRecords::decode(&mut &longer.encode()[..]).is_err());
        });
    }

    #[test]
    fn an_item_weighs_more_where_its_place_is_another() {
        let weight = |items: &[crate::NewItem]| {
            let items = items.to_vec().try_into().unwrap();
            let call = RuntimeCall::Records(crate::Call::anchor_many { items });
            call.get_dispatch_info().call_weight
        };
        let item = |patient, n| (patient, Some(GRANT), new_record(LABORATORY, 0, n));
        let one = item(PATIENT, 0);
        let alone = weight(std::slice::from_ref(&one));
        let same = weight(&[one.clone(), item(PATIENT, 1)]) - alone;
        let others = [
            item(OTHER_PATIENT, 1),
            (PATIENT, None, new_record(LABORATORY, 0, 1)),
            (PATIENT, Some(GRANT), new_record(NOTES, 0, 1)),
            (PATIENT, Some(GRANT), new_record(LABORATORY, 1, 1)),
        ];
        for other in others {
            let elsewhere = weight(&[one.clone(), other.clone()]) - alone;
            assert!(elsewhere.ref_time() > same.ref_time(), "{elsewhere} {same}");
            // One place left and found again is checked again.
            let back = weight(&[one.clone(), other, item(PATIENT, 1)]) - alone;
            assert_eq!(back, elsewhere * 2);
        }
        assert!(same.ref_time() >= <() as WeightInfo>::anchor().ref_time() / 4);
        let full: Vec<_> = (0..MAX_ANCHORS).map(|n| item(PATIENT, n as u8)).collect();
        assert_eq!(weight(&full), alone + same * u64::from(MAX_ANCHORS - 1));
    }
}

mod reclassify {
    use super::*;

    fn to_notes(name: &str, index: RecordIndex, epoch: u32, n: u8) -> DispatchResult {
        plain(Records::reclassify(
            signed(name),
            PATIENT,
            index,
            NOTES,
            epoch,
            content(n),
        ))
    }

    fn with_notes(test: impl FnOnce()) {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            test();
        });
    }

    #[test]
    fn moves_the_record_and_keeps_who_wrote_it_and_its_commitment() {
        with_notes(|| {
            let key = recipient("owner", PATIENT, NOTES, 1);
            assert_ok!(Records::rotate(signed("owner"), PATIENT, NOTES, key));
            let before = record(0);
            assert_ok!(to_notes("owner", 0, 1, 2));
            assert_eq!(
                record(0),
                Record {
                    compartment: NOTES,
                    epoch: 1,
                    placed_by: account("owner"),
                    content: content(2),
                    ..before
                }
            );
            assert_eq!(
                take_events().pop(),
                Some(Event::RecordReclassified {
                    patient: PATIENT,
                    actor: account("owner"),
                    record: 0,
                    compartment: NOTES,
                    epoch: 1,
                    content: content(2),
                    previous: content(1),
                })
            );
        });
    }

    #[test]
    fn only_who_decides_may_reclassify() {
        with_notes(|| {
            for name in POWERLESS {
                assert_noop!(to_notes(name, 0, 0, 2), BadOrigin);
            }
        });
    }

    #[test]
    fn every_wrong_argument_is_refused() {
        with_notes(|| {
            let call = |index, compartment, epoch, content| {
                plain(Records::reclassify(
                    signed("owner"),
                    PATIENT,
                    index,
                    compartment,
                    epoch,
                    content,
                ))
            };
            let new = content(2);
            assert_noop!(call(1, NOTES, 0, new), Error::<Test>::RecordNotFound);
            assert_noop!(
                call(0, LABORATORY, 0, new),
                Error::<Test>::AlreadyInCompartment
            );
            assert_noop!(call(0, NOWHERE, 0, new), Error::<Test>::CompartmentNotFound);
            assert_noop!(call(0, NOTES, 1, new), Error::<Test>::WrongEpoch);
            assert_noop!(
                call(0, NOTES, 0, Cid([0; 36])),
                Error::<Test>::MalformedContent
            );
            assert_noop!(call(0, NOTES, 0, content(1)), Error::<Test>::SameContent);
        });
    }

    #[test]
    fn an_erased_record_stays_where_it_is() {
        with_notes(|| {
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            advance(ERASE_DELAY);
            assert_noop!(to_notes("owner", 0, 0, 2), Error::<Test>::RecordErased);
            assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
            assert_noop!(to_notes("owner", 0, 0, 2), Error::<Test>::RecordErased);
        });
    }
}

mod relocate {
    use super::*;

    fn relocate(name: &str, epoch: u32, content: Cid) -> DispatchResult {
        plain(Records::relocate(signed(name), PATIENT, 0, epoch, content))
    }

    #[test]
    fn names_the_new_file_and_keeps_all_else() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            let key = recipient("owner", PATIENT, LABORATORY, 1);
            assert_ok!(Records::rotate(signed("owner"), PATIENT, LABORATORY, key));
            let before = record(0);
            assert_ok!(relocate("guardian", 1, content(2)));
            assert_eq!(
                record(0),
                Record {
                    epoch: 1,
                    placed_by: account("guardian"),
                    content: content(2),
                    ..before
                }
            );
            assert_eq!(
                take_events().pop(),
                Some(Event::RecordRelocated {
                    patient: PATIENT,
                    actor: account("guardian"),
                    record: 0,
                    epoch: 1,
                    content: content(2),
                    previous: content(1),
                })
            );
        });
    }

    #[test]
    fn only_who_decides_may_relocate() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            for name in POWERLESS {
                assert_noop!(relocate(name, 0, content(2)), BadOrigin);
            }
        });
    }

    #[test]
    fn every_wrong_argument_is_refused() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(
                relocate("owner", 0, content(2)),
                Error::<Test>::RecordNotFound
            );
            anchored(1);
            assert_noop!(relocate("owner", 1, content(2)), Error::<Test>::WrongEpoch);
            assert_noop!(
                relocate("owner", 0, Cid([0; 36])),
                Error::<Test>::MalformedContent
            );
            assert_noop!(relocate("owner", 0, content(1)), Error::<Test>::SameContent);
        });
    }

    #[test]
    fn an_erased_record_is_not_relocated() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            advance(ERASE_DELAY);
            assert_noop!(
                relocate("owner", 0, content(2)),
                Error::<Test>::RecordErased
            );
        });
    }
}

mod erase {
    use super::*;

    const UNTIL: u64 = START + HOUR + 3 * DAY;

    fn pending(test: impl FnOnce()) {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            test();
        });
    }

    #[test]
    fn waits_exactly_72_hours_and_says_so() {
        pending(|| {
            assert_eq!(record(0).state, RecordState::ErasePending { until: UNTIL });
            assert_eq!(
                take_events().pop(),
                Some(Event::EraseRequested {
                    patient: PATIENT,
                    actor: account("owner"),
                    record: 0,
                    until: UNTIL
                })
            );
        });
    }

    #[test]
    fn only_who_decides_may_erase_or_cancel() {
        pending(|| {
            for name in POWERLESS {
                assert_noop!(plain(Records::erase(signed(name), PATIENT, 0)), BadOrigin);
                assert_noop!(
                    plain(Records::cancel_erase(signed(name), PATIENT, 0)),
                    BadOrigin
                );
            }
        });
    }

    #[test]
    fn asking_twice_does_not_move_the_time() {
        pending(|| {
            advance(HOUR);
            assert_noop!(
                plain(Records::erase(signed("guardian"), PATIENT, 0)),
                Error::<Test>::ErasePending
            );
        });
    }

    #[test]
    fn an_unknown_record_is_not_found() {
        ExtBuilder.build_and_execute(|| {
            assert_noop!(
                plain(Records::erase(signed("owner"), PATIENT, 0)),
                Error::<Test>::RecordNotFound
            );
            assert_noop!(
                plain(Records::cancel_erase(signed("owner"), PATIENT, 0)),
                Error::<Test>::RecordNotFound
            );
            assert_noop!(
                Records::finish_erase(signed("owner"), PATIENT, 0),
                Error::<Test>::RecordNotFound
            );
        });
    }

    #[test]
    fn can_be_cancelled_until_the_last_millisecond_and_not_finished_before() {
        pending(|| {
            set_now(UNTIL - 1);
            assert_noop!(
                Records::finish_erase(signed("owner"), PATIENT, 0),
                Error::<Test>::TooEarly
            );
            assert_ok!(Records::cancel_erase(signed("guardian"), PATIENT, 0));
            assert_eq!(record(0).state, RecordState::Current);
            assert_eq!(
                take_events().pop(),
                Some(Event::EraseCancelled {
                    patient: PATIENT,
                    actor: account("guardian"),
                    record: 0
                })
            );
        });
    }

    #[test]
    fn from_its_time_on_it_is_finished_and_not_cancelled() {
        pending(|| {
            set_now(UNTIL);
            assert_noop!(
                plain(Records::cancel_erase(signed("owner"), PATIENT, 0)),
                Error::<Test>::RecordErased
            );
            assert_noop!(
                plain(Records::erase(signed("owner"), PATIENT, 0)),
                Error::<Test>::RecordErased
            );
            assert_ok!(Records::finish_erase(signed("physician"), PATIENT, 0));
            assert_eq!(record(0).state, RecordState::Erased);
            assert_eq!(
                take_events().pop(),
                Some(Event::RecordErased {
                    patient: PATIENT,
                    actor: account("physician"),
                    record: 0
                })
            );
        });
    }

    #[test]
    fn an_erased_record_is_neither_erased_nor_cancelled_nor_finished_again() {
        pending(|| {
            set_now(UNTIL);
            assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
            let owner = || signed("owner");
            assert_noop!(
                plain(Records::erase(owner(), PATIENT, 0)),
                Error::<Test>::RecordErased
            );
            assert_noop!(
                plain(Records::cancel_erase(owner(), PATIENT, 0)),
                Error::<Test>::RecordErased
            );
            assert_noop!(
                Records::finish_erase(owner(), PATIENT, 0),
                Error::<Test>::RecordErased
            );
        });
    }

    #[test]
    fn members_and_controllers_may_finish_and_strangers_may_not() {
        pending(|| {
            set_now(UNTIL);
            for name in ["stranger", "other-owner"] {
                assert_noop!(
                    Records::finish_erase(signed(name), PATIENT, 0),
                    Error::<Test>::NotAuthorized
                );
            }
            assert_ok!(Records::finish_erase(signed("carer"), PATIENT, 0));
        });
    }

    #[test]
    fn what_nobody_asked_to_erase_is_neither_cancelled_nor_finished() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            assert_noop!(
                plain(Records::cancel_erase(signed("owner"), PATIENT, 0)),
                Error::<Test>::EraseNotPending
            );
            assert_noop!(
                Records::finish_erase(signed("owner"), PATIENT, 0),
                Error::<Test>::EraseNotPending
            );
        });
    }

    #[test]
    fn at_the_end_of_time_it_stays_pending() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            set_now(u64::MAX - 1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            assert_ok!(Records::cancel_erase(signed("owner"), PATIENT, 0));
        });
    }
}

mod link_correction {
    use super::*;

    fn link(original: RecordIndex, replacement: RecordIndex) -> DispatchResult {
        Records::link_correction(&PATIENT, original, replacement)
    }

    fn with_records(test: impl FnOnce()) {
        ExtBuilder.build_and_execute(|| {
            (0..4).for_each(|n| {
                anchored(n);
            });
            test();
        });
    }

    #[test]
    fn links_both_ways_and_chains() {
        with_records(|| {
            assert_ok!(link(0, 1));
            assert_ok!(link(1, 2));
            assert_eq!(record(0).corrected_by, Some(1));
            assert_eq!(
                (record(1).corrects, record(1).corrected_by),
                (Some(0), Some(2))
            );
            assert_eq!(record(2).corrects, Some(1));
        });
    }

    #[test]
    fn every_other_link_is_refused() {
        with_records(|| {
            assert_noop!(link(0, 9), Error::<Test>::RecordNotFound);
            assert_noop!(link(9, 0), Error::<Test>::RecordNotFound);
            assert_noop!(link(0, 0), Error::<Test>::ReplacementNotNewer);
            assert_noop!(link(1, 0), Error::<Test>::ReplacementNotNewer);
            assert_ok!(link(0, 2));
            assert_noop!(link(0, 3), Error::<Test>::AlreadyCorrected);
            assert_noop!(link(1, 2), Error::<Test>::ReplacementInUse);
        });
    }

    #[test]
    fn a_replacement_that_is_corrected_itself_is_refused() {
        with_records(|| {
            assert_ok!(link(1, 2));
            assert_noop!(link(0, 1), Error::<Test>::ReplacementInUse);
        });
    }

    #[test]
    fn erased_records_are_not_linked() {
        with_records(|| {
            assert_ok!(Records::erase(signed("owner"), PATIENT, 1));
            advance(ERASE_DELAY);
            assert_noop!(link(0, 1), Error::<Test>::RecordErased);
            assert_noop!(link(1, 2), Error::<Test>::RecordErased);
        });
    }
}

mod api {
    use super::*;

    #[test]
    fn compartments_exist_only_where_all_of_them_are_the_patients() {
        ExtBuilder.build_and_execute(|| {
            let exist = |ids: &[CompartmentId]| Records::compartments_exist(&PATIENT, ids);
            assert!(exist(&[INTAKE, LABORATORY, NOTES]));
            assert!(!exist(&[INTAKE, NOWHERE]) && !exist(&[NOWHERE]));
            let stranger = PatientId([77; 16]);
            assert!(!Records::compartments_exist(&stranger, &[INTAKE]));
            assert_eq!(Records::compartment(&stranger, &INTAKE), None);
            assert_eq!(Records::first_keys(&stranger), None);
        });
    }

    #[test]
    fn records_are_listed_in_pages() {
        ExtBuilder.build_and_execute(|| {
            (0..=MAX_PAGE).for_each(|n| {
                anchored(n as u8);
            });
            let page = |from, limit| -> Vec<RecordIndex> {
                Records::records(&PATIENT, from, limit)
                    .into_iter()
                    .map(|(index, _)| index)
                    .collect()
            };
            assert_eq!(page(0, 3), [0, 1, 2]);
            assert_eq!(page(254, 9), [254, 255, 256]);
            assert_eq!(page(0, u32::MAX).len(), MAX_PAGE as usize);
            assert!(page(u32::MAX, u32::MAX).is_empty());
            assert!(page(0, 0).is_empty());
        });
    }

    #[test]
    fn a_content_is_named_from_its_anchoring_until_72_hours_after_another_took_its_place() {
        ExtBuilder.build_and_execute(|| {
            assert_eq!(Records::reference(&PATIENT, &content(1)), Unnamed);
            anchored(1);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Named);
            assert_eq!(Records::reference(&OTHER_PATIENT, &content(1)), Unnamed);
            assert_ok!(Records::relocate(
                signed("owner"),
                PATIENT,
                0,
                0,
                content(2)
            ));
            advance(UNNAMING_WAITS - 1);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Named);
            advance(1);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Unnamed);
            assert_eq!(Records::reference(&PATIENT, &content(2)), Named);
        });
    }

    #[test]
    fn a_content_is_erased_from_the_instant_it_cannot_be_cancelled() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            let until = START + HOUR + ERASE_DELAY;
            set_now(until - 1);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Named);
            set_now(until);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Erased);
        });
    }

    /// Or else whoever anchors a file a second time would keep it.
    #[test]
    fn a_second_anchor_does_not_keep_an_erased_file() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            anchored(1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            advance(ERASE_DELAY);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Erased);
            assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
            anchored(1);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Erased);
        });
    }

    #[test]
    fn an_erased_record_erases_its_former_files_too() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            assert_ok!(Records::relocate(
                signed("owner"),
                PATIENT,
                0,
                0,
                content(2)
            ));
            anchored(1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            advance(ERASE_DELAY);
            assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
            for n in [1, 2] {
                assert_eq!(Records::reference(&PATIENT, &content(n)), Erased);
            }
            assert!(Records::former_contents(&PATIENT, 0).is_empty());
        });
    }

    /// Or else a thief could have a record name another one's file for a moment, and wait until its
    /// owner erases it.
    #[test]
    fn what_was_forgotten_before_is_not_erased() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            anchored(2);
            for n in [1, 3] {
                assert_ok!(Records::relocate(
                    signed("owner"),
                    PATIENT,
                    1,
                    0,
                    content(n)
                ));
            }
            advance(UNNAMING_WAITS);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 1));
            advance(ERASE_DELAY);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Named);
        });
    }

    /// Or else an owner could make each question of a vault cost as much as they have rows.
    #[test]
    fn a_question_costs_the_same_however_many_records_name_the_content() {
        let proof_of = |records: u32| {
            let mut ext = ExtBuilder.build();
            ext.execute_with(|| {
                for index in 0..records {
                    anchored(1);
                    assert_ok!(Records::erase(signed("owner"), PATIENT, index));
                }
            });
            ext.commit_all().unwrap();
            let (reference, proof) =
                ext.execute_and_prove(|| Records::reference(&PATIENT, &content(1)));
            assert_eq!(reference, Named);
            proof.encoded_size()
        };
        assert!(proof_of(2_000) < 2 * proof_of(100));
    }

    #[test]
    fn the_earliest_erasure_decides_and_a_cancelled_one_leaves_the_others() {
        ExtBuilder.build_and_execute(|| {
            for _ in 0..3 {
                anchored(1);
            }
            assert_ok!(Records::erase(signed("owner"), PATIENT, 1));
            advance(1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            advance(ERASE_DELAY - 2);
            assert_ok!(Records::cancel_erase(signed("owner"), PATIENT, 1));
            advance(1);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Named);
            advance(1);
            assert_eq!(Records::reference(&PATIENT, &content(1)), Erased);
        });
    }

    #[test]
    fn a_content_that_is_named_after_an_erasure_was_asked_for_goes_with_it() {
        ExtBuilder.build_and_execute(|| {
            anchored(1);
            assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
            for n in [2, 3] {
                assert_ok!(Records::relocate(
                    signed("owner"),
                    PATIENT,
                    0,
                    0,
                    content(n)
                ));
            }
            assert_ok!(Records::restore(signed("owner"), PATIENT, 0, content(2)));
            advance(ERASE_DELAY);
            for n in 1..=3 {
                assert_eq!(Records::reference(&PATIENT, &content(n)), Erased);
            }
        });
    }

    #[test]
    fn the_limits_are_in_the_metadata() {
        use frame_support::traits::PalletInfoAccess;
        assert_eq!(Records::name(), "Records");
        let constants: Vec<_> = Records::pallet_constants_metadata()
            .into_iter()
            .map(|constant| constant.name)
            .collect();
        for name in ["EraseDelay", "UnnamingWaits", "MaxAnchors", "MaxFormer"] {
            assert!(constants.contains(&name), "{name}: {constants:?}");
        }
    }
}
