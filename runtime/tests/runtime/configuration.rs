//! Choices that must not change by accident.

use frame_support::{
    dispatch::{DispatchClass, GetDispatchInfo},
    traits::Contains,
};
use salus_runtime::{
    configs::{CallFilter, Urgent, BLOCK_LENGTH, MAXIMUM_BLOCK_WEIGHT, NORMAL_RATIO},
    Runtime, RuntimeCall, TxExtension,
};
use sp_runtime::{
    traits::{DispatchTransaction, Dispatchable, Hash as _, TransactionExtension},
    transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
};

use salus_primitives::{CompartmentId, PatientId};

use crate::world::{self, Who, PATIENT};

#[test]
fn extensions_come_in_this_order_with_no_unknown_fields() {
    let names: Vec<_> = TxExtension::metadata()
        .into_iter()
        .map(|extension| extension.identifier)
        .collect();
    assert_eq!(
        names,
        [
            "CheckNonZeroSender",
            "CheckSpecVersion",
            "CheckTxVersion",
            "CheckGenesis",
            "CheckMortality",
            "CheckMember",
            "CheckNonce",
            "CheckWeight",
            "CheckMetadataHash",
            "WeightReclaim",
        ]
    );
    // Wallets cannot fill in what they do not know.
    let check_member = &TxExtension::metadata()[5];
    assert_eq!(
        check_member.ty,
        scale_info::meta_type::<pallet_members::CheckMember<Runtime>>()
    );
    assert_eq!(check_member.implicit, scale_info::meta_type::<()>());
    assert_eq!(
        codec::Encode::encoded_size(&pallet_members::CheckMember::<Runtime>::new()),
        0
    );
}

#[test]
fn no_pallet_runs_on_unit_weights() {
    macro_rules! weights_of {
        ($($config:path => $weight:ident),* $(,)?) => {
            [$((
                stringify!($config),
                core::any::type_name::<<Runtime as $config>::$weight>(),
            )),*]
        };
    }
    let all = weights_of!(
        frame_system::Config => SystemWeightInfo,
        frame_system::Config => ExtensionsWeightInfo,
        pallet_timestamp::Config => WeightInfo,
        pallet_balances::Config => WeightInfo,
        pallet_collective::Config<pallet_collective::Instance1> => WeightInfo,
        pallet_session::Config => WeightInfo,
        pallet_timelock::Config => WeightInfo,
        pallet_validators::Config => WeightInfo,
        pallet_members::Config => WeightInfo,
        pallet_patients::Config => WeightInfo,
        pallet_records::Config => WeightInfo,
        pallet_consent::Config => WeightInfo,
        pallet_access_log::Config => WeightInfo,
        pallet_corrections::Config => WeightInfo,
        pallet_copies::Config => WeightInfo,
        pallet_recovery::Config => WeightInfo,
        pallet_emergency::Config => WeightInfo,
        pallet_credits::Config => WeightInfo,
        pallet_research::Config => WeightInfo,
        pallet_links::Config => WeightInfo,
    );
    for (config, weights) in all {
        assert_ne!(weights, "()", "{config}");
    }
}

#[test]
fn what_moves_credits_sets_code_or_writes_storage_is_closed() {
    let closed = [
        RuntimeCall::Balances(pallet_balances::Call::transfer_allow_death {
            dest: Who::Owner.account().into(),
            value: 1,
        }),
        RuntimeCall::Balances(pallet_balances::Call::burn {
            value: 1,
            keep_alive: true,
        }),
        RuntimeCall::System(frame_system::Call::set_code { code: vec![] }),
        RuntimeCall::System(frame_system::Call::set_storage { items: vec![] }),
        RuntimeCall::System(frame_system::Call::remark_with_event { remark: vec![] }),
        RuntimeCall::Council(pallet_collective::Call::execute {
            proposal: Box::new(remark()),
            length_bound: 100,
        }),
        RuntimeCall::Council(pallet_collective::Call::set_members {
            new_members: vec![],
            prime: None,
            old_count: 0,
        }),
        RuntimeCall::Grandpa(pallet_grandpa::Call::note_stalled {
            delay: 1,
            best_finalized_block_number: 1,
        }),
    ];
    for call in closed {
        assert!(!CallFilter::contains(&call), "{call:?}");
    }
    assert!(CallFilter::contains(&remark()));
}

fn propose(call: &RuntimeCall) -> RuntimeCall {
    RuntimeCall::Motions(pallet_motions::Call::propose {
        call: Box::new(call.clone()),
    })
}

/// The only hospital proposes and closes.
fn decide(call: RuntimeCall) {
    let admin = || Who::Admin.signed();
    propose(&call).dispatch(admin()).expect("it has the seat");
    let motion = <Runtime as frame_system::Config>::Hashing::hash_of(&call);
    let close = RuntimeCall::Motions(pallet_motions::Call::close { motion });
    close.dispatch(admin()).expect("one of one is enough");
}

#[test]
fn the_filter_holds_inside_a_council_motion() {
    world::empty().execute_with(|| {
        let before = frame_system::Pallet::<Runtime>::events().len();
        let inner = RuntimeCall::Balances(pallet_balances::Call::force_set_balance {
            who: Who::Admin.account().into(),
            new_free: 1_000_000,
        });
        decide(inner);
        let events = frame_system::Pallet::<Runtime>::events().split_off(before);
        let filtered: sp_runtime::DispatchError =
            frame_system::Error::<Runtime>::CallFiltered.into();
        assert!(
            events.iter().any(|record| matches!(
                &record.event,
                salus_runtime::RuntimeEvent::Council(
                    pallet_collective::Event::Executed { result: Err(error), .. }
                ) if *error == filtered
            )),
            "{events:?}"
        );
    });
}

#[test]
fn one_vote_decides_where_there_is_one_hospital() {
    world::empty().execute_with(|| {
        let admit = RuntimeCall::Timelock(pallet_timelock::Call::announce {
            call: Box::new(RuntimeCall::Members(pallet_members::Call::admit {
                admin: Who::OtherAdmin.account(),
                kind: salus_primitives::OrganisationKind::Laboratory,
                name: frame_support::BoundedVec::truncate_from(b"City Laboratory".to_vec()),
                vault_url: Default::default(),
            })),
        });
        assert!(propose(&admit).dispatch(Who::Stranger.signed()).is_err());
        decide(admit);
        assert!(salus_runtime::Members::organisations(0, 10).len() == 2);
        // The new admin has a seat: now two of two must agree.
        let seats = pallet_collective::Members::<Runtime, pallet_collective::Instance1>::get();
        assert_eq!(seats.len(), 2);
        assert!(seats.contains(&Who::OtherAdmin.account()));
    });
}

#[test]
fn strangers_and_suspended_clinicians_are_turned_away_before_the_chain() {
    world::full().execute_with(|| {
        for who in [Who::Stranger, Who::Suspended] {
            for call in [remark(), revoke()] {
                assert_eq!(
                    validate(who, &call),
                    Err(InvalidTransaction::Custom(1).into()),
                    "{who:?}"
                );
            }
        }
        for who in [
            Who::Owner,
            Who::Guardian,
            Who::Carer,
            Who::Clinician,
            Who::Service,
            Who::Admin,
        ] {
            assert!(validate(who, &remark()).is_ok(), "{who:?}");
        }
    });
}

#[test]
fn what_takes_a_right_away_goes_first() {
    world::full().execute_with(|| {
        let cancel = RuntimeCall::Recovery(pallet_recovery::Call::cancel {
            patient: PATIENT,
            owner: Who::Newcomer.account(),
        });
        let remove_plan =
            RuntimeCall::Recovery(pallet_recovery::Call::remove_plan { patient: PATIENT });
        for call in [revoke(), cancel, remove_plan] {
            assert!(Urgent::contains(&call), "{call:?}");
        }
        assert!(!Urgent::contains(&remark()));
        let ordinary = validate(Who::Owner, &remark()).unwrap();
        let urgent = validate(Who::Owner, &revoke()).unwrap();
        assert!(urgent > ordinary, "{urgent} > {ordinary}");
    });
}

#[test]
fn an_emergency_goes_first() {
    world::full().execute_with(|| {
        let break_glass = RuntimeCall::Emergency(pallet_emergency::Call::break_glass {
            patient: PATIENT,
            letter: world::cid(1),
        });
        let reveal = RuntimeCall::Emergency(pallet_emergency::Call::reveal {
            patient: PATIENT,
            glass: 0,
            compartments: Default::default(),
            salt: [7; 32],
        });
        let end_glass = RuntimeCall::Emergency(pallet_emergency::Call::end_glass {
            patient: PATIENT,
            glass: 0,
        });
        let set_plan = RuntimeCall::Emergency(pallet_emergency::Call::set_plan {
            patient: PATIENT,
            commitment: Default::default(),
            holders: Default::default(),
            threshold: 2,
            package: world::cid(1),
        });
        for (who, call) in [
            (Who::Clinician, break_glass),
            (Who::Clinician, reveal),
            (Who::Owner, end_glass),
            (Who::Owner, set_plan),
        ] {
            let ordinary = validate(who, &remark()).unwrap();
            let urgent = validate(who, &call).unwrap();
            assert!(urgent > ordinary, "{urgent} > {ordinary}");
        }
    });
}

#[test]
fn a_full_block_is_imported_within_its_slot() {
    let weights = <Runtime as frame_system::Config>::BlockWeights::get();
    assert_eq!(weights.max_block, MAXIMUM_BLOCK_WEIGHT);
    let normal = weights.get(DispatchClass::Normal).max_total.unwrap();
    assert_eq!(normal, NORMAL_RATIO * MAXIMUM_BLOCK_WEIGHT);
    // Of a slot of a second, in picoseconds. How long an honest author may take is the node's business;
    // the council alone can add what is beyond the normal share.
    const SLOT: u64 = 1_000_000_000_000;
    assert!(normal.ref_time() < SLOT * 3 / 4);
    assert!(MAXIMUM_BLOCK_WEIGHT.ref_time() < SLOT);
    let length = <Runtime as frame_system::Config>::BlockLength::get();
    assert_eq!(*length.max.get(DispatchClass::Operational), BLOCK_LENGTH);
    assert_eq!(
        *length.max.get(DispatchClass::Normal),
        NORMAL_RATIO * BLOCK_LENGTH
    );
}

#[test]
fn the_largest_calls_fit_into_a_block() {
    use frame_support::BoundedVec;
    let most = <Runtime as frame_system::Config>::BlockWeights::get()
        .get(DispatchClass::Normal)
        .max_extrinsic
        .unwrap();
    let elsewhere = |n: u8| (PatientId([n; 16]), None, world::new_record(n));
    let largest = [
        RuntimeCall::Records(pallet_records::Call::anchor_many {
            items: BoundedVec::truncate_from((0..128).map(elsewhere).collect()),
        }),
        RuntimeCall::AccessLog(pallet_access_log::Call::open {
            patient: PATIENT,
            records: BoundedVec::truncate_from((0..64).collect()),
            part: salus_primitives::Part::Full,
            grant: 0,
            person: None,
        }),
        RuntimeCall::AccessLog(pallet_access_log::Call::delivered {
            batch: BoundedVec::truncate_from(vec![
                salus_primitives::Delivery {
                    patient: PATIENT,
                    reader: Who::Owner.account(),
                    grant: 0,
                    record: 0,
                    part: salus_primitives::Part::Full,
                };
                64
            ]),
        }),
        RuntimeCall::Consent(pallet_consent::Call::sweep { limit: 128 }),
        RuntimeCall::Emergency(pallet_emergency::Call::break_glass {
            patient: PATIENT,
            letter: world::cid(1),
        }),
        RuntimeCall::Emergency(pallet_emergency::Call::reveal {
            patient: PATIENT,
            glass: 0,
            compartments: BoundedVec::truncate_from(
                (0..32).map(|n| CompartmentId([n; 16])).collect(),
            ),
            salt: [7; 32],
        }),
    ];
    for call in largest {
        let weight = call.get_dispatch_info().call_weight;
        assert!(
            weight.all_lte(most),
            "{call:?} weighs {weight:?} of {most:?}"
        );
    }
}

pub fn remark() -> RuntimeCall {
    RuntimeCall::System(frame_system::Call::remark { remark: vec![] })
}

fn revoke() -> RuntimeCall {
    RuntimeCall::Consent(pallet_consent::Call::revoke {
        patient: PATIENT,
        grant: 0,
    })
}

/// The priority that `CheckMember` gives to the next transaction of `who`.
pub fn validate(who: Who, call: &RuntimeCall) -> Result<u64, TransactionValidityError> {
    let info = call.get_dispatch_info();
    let nonce = frame_system::Pallet::<Runtime>::account_nonce(who.account());
    // It reads the nonce from what follows it.
    let check = (
        pallet_members::CheckMember::<Runtime>::new(),
        frame_system::CheckNonce::<Runtime>::from(nonce),
    );
    check
        .validate_only(
            who.signed(),
            call,
            &info,
            100,
            TransactionSource::External,
            0,
        )
        .map(|(validity, _, _)| validity.priority)
}
