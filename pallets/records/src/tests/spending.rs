//! Who spends the allowance of a trail, and what a call that fails gives back.

use super::*;
use crate::WeightInfo;
use frame_support::dispatch::GetDispatchInfo;
use sp_runtime::{traits::Dispatchable, DispatchError};

fn spent() -> u32 {
    Spent::get((PATIENT, ORGANISATION))
}

fn items(count: u8, bad: Option<u8>) -> crate::NewRecords {
    (0..count)
        .map(|n| {
            let compartment = match bad == Some(n) {
                true => NOWHERE,
                // Each one elsewhere than the one before.
                false if n % 2 == 0 => LABORATORY,
                false => INTAKE,
            };
            (PATIENT, Some(GRANT), new_record(compartment, 0, n))
        })
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[test]
fn anchoring_under_a_grant_spends_an_entry_for_each_record() {
    ExtBuilder.build_and_execute(|| {
        anchored(1);
        assert_eq!(spent(), 1);
        assert_ok!(Records::anchor_many(signed("laboratorian"), items(5, None)));
        assert_eq!(spent(), 6);
    });
}

#[test]
fn without_enough_entries_nothing_is_anchored() {
    ExtBuilder.build_and_execute(|| {
        AllowedEntries::set(4);
        let many = || Records::anchor_many(signed("laboratorian"), items(5, None));
        assert_noop!(plain(many()), DispatchError::Exhausted);
        AllowedEntries::set(5);
        assert_ok!(many());
        let one = Records::anchor(
            signed("laboratorian"),
            PATIENT,
            Some(GRANT),
            new_record(LABORATORY, 0, 9),
        );
        assert_noop!(one, DispatchError::Exhausted);
    });
}

#[test]
fn controllers_spend_nothing() {
    ExtBuilder.build_and_execute(|| {
        AllowedEntries::set(0);
        // Not even those who are members too.
        Members::mutate(|members| {
            let member = members[&account("physician")].clone();
            members.insert(account("owner"), member);
        });
        let new = new_record(LABORATORY, 0, 1);
        assert_ok!(Records::anchor(signed("owner"), PATIENT, None, new));
        assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
        advance(ERASE_DELAY);
        assert_ok!(Records::finish_erase(signed("owner"), PATIENT, 0));
        assert_eq!(spent(), 0);
    });
}

#[test]
fn a_member_spends_an_entry_to_finish_an_erasure() {
    ExtBuilder.build_and_execute(|| {
        let new = new_record(LABORATORY, 0, 1);
        assert_ok!(Records::anchor(signed("owner"), PATIENT, None, new));
        assert_ok!(Records::erase(signed("owner"), PATIENT, 0));
        advance(ERASE_DELAY);
        AllowedEntries::set(0);
        assert_noop!(
            Records::finish_erase(signed("physician"), PATIENT, 0),
            DispatchError::Exhausted
        );
        AllowedEntries::set(1);
        assert_ok!(Records::finish_erase(signed("physician"), PATIENT, 0));
        assert_eq!(spent(), 1);
    });
}

#[test]
fn a_batch_that_fails_early_pays_for_what_was_checked() {
    ExtBuilder.build_and_execute(|| {
        for bad in [0, 3, 63] {
            let items = items(64, Some(bad));
            let call = RuntimeCall::Records(crate::Call::anchor_many { items });
            let declared = call.get_dispatch_info().call_weight;
            let error = call.dispatch(signed("laboratorian")).unwrap_err();
            assert_eq!(error.error, Error::<Test>::CompartmentNotFound.into());
            let used = error.post_info.actual_weight.unwrap();
            let alone = <() as WeightInfo>::anchor() * (bad as u64 + 1);
            let together = <() as WeightInfo>::anchor_many(bad as u32 + 1, 0);
            assert_eq!(used, alone.min(together));
            assert!(used.all_lte(declared));
        }
    });
}

#[test]
fn moves_pay_for_the_former_contents_that_they_prune_and_no_others() {
    ExtBuilder.build_and_execute(|| {
        let relocate = |n| {
            let call = crate::Call::relocate {
                patient: PATIENT,
                record: 0,
                epoch: 0,
                content: content(n),
            };
            RuntimeCall::Records(call)
        };
        let used = |n| {
            let post = relocate(n).dispatch(signed("owner"));
            let post = post.unwrap_or_else(|error| error.post_info);
            post.actual_weight.unwrap()
        };
        let weight = <() as WeightInfo>::relocate;
        assert_eq!(used(1), weight(0));
        anchored(1);
        for n in 2..5 {
            assert_eq!(used(n), weight(0));
        }
        advance(UNNAMING_WAITS);
        assert_eq!(used(5), weight(3));
        let declared = relocate(6).get_dispatch_info().call_weight;
        assert_eq!(declared, weight(MAX_FORMER));
    });
}
