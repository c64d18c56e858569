//! What the door lets pass, who pays for it, and from which bucket.

use frame_support::{assert_ok, weights::Weight};
use proptest::prelude::*;
use salus_primitives::{AccountId, Rejection, Spender};
use sp_runtime::{
    traits::{DispatchTransaction, TransactionExtension},
    transaction_validity::TransactionValidityError,
};

use super::{refusal, spent, spent_urgently};
use crate::{
    mock::*, Allowance, Bucket, Buckets, OrganisationBuckets, PatientBuckets, Spent,
    SponsorBuckets, WeightInfo,
};

/// Without the lot.
fn priority(who: &AccountId, nonce: u32, call: &RuntimeCall) -> u64 {
    let validity = validate(who, nonce, call).expect("a valid transaction");
    validity.priority >> 8
}

/// Includes a transaction whose call uses nothing of its declared weight.
fn apply_refunding(who: &AccountId, call: &RuntimeCall) -> Result<(), TransactionValidityError> {
    let nothing = |_| Ok(Some(Weight::zero()).into());
    extension(System::account_nonce(who))
        .test_run(signed(who.clone()), call, &info(call), 100, 0, nothing)
        .map(|_| ())
}

fn allow(spender: Spender, allowance: Allowance) {
    assert_ok!(Members::set_allowance(
        RuntimeOrigin::root(),
        spender,
        allowance
    ));
}

/// The rows of the doctor and of the patient, own before common.
fn rows() -> [Spent; 5] {
    [
        Buckets::<Test>::get(doctor()),
        OrganisationBuckets::<Test>::get(HOSPITAL),
        Buckets::<Test>::get(patient()),
        PatientBuckets::<Test>::get(patient_of(&patient())),
        SponsorBuckets::<Test>::get(HOSPITAL),
    ]
}

mod refused {
    use super::*;

    #[test]
    fn what_only_the_council_dispatches_never_reaches_the_pool() {
        ExtBuilder.build_and_execute(|| {
            let call = RuntimeCall::Members(crate::Call::suspend {
                organisation: INSURER,
            });
            for who in [hospital_admin(), doctor(), patient()] {
                assert_eq!(validate(&who, 0, &call), refusal(Rejection::NotBySignature));
                assert_eq!(
                    apply(&who, call.clone(), 100),
                    refusal(Rejection::NotBySignature)
                );
            }
            assert_eq!(rows(), [Spent::default(); 5]);
        });
    }

    #[test]
    fn an_upgrade_that_nobody_authorized_never_reaches_the_pool() {
        ExtBuilder.build_and_execute(|| {
            for who in [hospital_admin(), service(), patient()] {
                assert_eq!(
                    validate(&who, 0, &upgrade()),
                    refusal(Rejection::NothingAuthorized)
                );
            }
            // Strangers learn nothing from it.
            assert_eq!(
                validate(&stranger(), 0, &upgrade()),
                refusal(Rejection::NoStanding)
            );
        });
    }

    #[test]
    fn a_fresh_account_cannot_buy_a_call_above_its_bucket() {
        ExtBuilder.build_and_execute(|| {
            let above = |allowance: Allowance| length_that_costs(&remark(), allowance.capacity) + 1;
            let refused = |who, length| {
                assert_eq!(
                    validate_length(&who, 0, &remark(), length),
                    refusal(Rejection::TooHeavy)
                );
                assert_eq!(apply(&who, remark(), length), refusal(Rejection::TooHeavy));
            };
            refused(doctor(), above(Allowance::PERSON));
            refused(patient(), above(Allowance::PERSON));
            refused(service(), above(Allowance::SERVICE));
            // Just below it passes, where it is alone.
            let below = above(Allowance::PERSON) - 1;
            assert_ok!(apply(&doctor(), remark(), below));
            assert!(Buckets::<Test>::get(doctor()).ordinary.spent <= Allowance::PERSON.capacity);
        });
    }

    #[test]
    fn a_call_that_would_fit_later_is_not_called_too_heavy() {
        ExtBuilder.build_and_execute(|| {
            Buckets::<Test>::insert(doctor(), spent(Allowance::PERSON.refill));
            let length = length_that_costs(&remark(), Allowance::PERSON.capacity);
            assert_eq!(
                validate_length(&doctor(), 0, &remark(), length),
                refusal(Rejection::BucketEmpty)
            );
            System::set_block_number(2);
            assert_ok!(validate_length(&doctor(), 0, &remark(), length));
        });
    }

    #[test]
    fn a_call_that_the_organisation_could_never_pay_for_is_too_heavy() {
        ExtBuilder.build_and_execute(|| {
            let ms = Allowance::PERSON.refill;
            allow(
                Spender::Organisation,
                Allowance {
                    capacity: 100 * ms,
                    ..Allowance::ORGANISATION
                },
            );
            // All of its own bucket is half of the common one.
            let length = length_that_costs(&remark(), 99 * ms);
            assert_eq!(
                validate_length(&doctor(), 0, &remark(), length),
                refusal(Rejection::TooHeavy)
            );
        });
    }
}

mod invited {
    use super::*;

    #[test]
    fn whom_a_patient_named_sends_what_they_were_named_for_and_nothing_else() {
        ExtBuilder.build_and_execute(|| {
            assert_eq!(
                validate(&helper(), 0, &remark()),
                refusal(Rejection::NoStanding)
            );
            assert_eq!(
                validate(&stranger(), 0, &help()),
                refusal(Rejection::NoStanding)
            );
            assert_ok!(validate(&helper(), 0, &help()));
            let before = rows();
            assert_ok!(apply(&helper(), help(), 100));
            assert_ne!(Buckets::<Test>::get(helper()), Spent::default());
            // The patient pays, and the organisation that enrolled the patient.
            let after = rows();
            assert_eq!(before[..3], after[..3]);
            assert_ne!(before[3], after[3]);
            assert_ne!(before[4], after[4]);
        });
    }

    #[test]
    fn call_of_whom_a_patient_named_is_not_sent_again() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(apply(&helper(), help(), 100));
            assert_eq!(System::account_nonce(helper()), 1);
            assert!(extension(0)
                .validate_and_prepare(signed(helper()), &help(), &info(&help()), 100, 0)
                .is_err());
            // The account is there still, and nobody's door.
            assert_eq!(
                validate(&helper(), 1, &remark()),
                refusal(Rejection::NoStanding)
            );
        });
    }

    #[test]
    fn to_find_out_who_was_invited_is_paid_for() {
        ExtBuilder.build_and_execute(|| {
            let weight = |call: &RuntimeCall| extension(0).weight(call);
            assert_eq!(
                weight(&help()),
                weight(&remark()).saturating_add(INVITATION)
            );
        });
    }
}

mod upgrades {
    use super::*;

    #[test]
    fn an_authorized_upgrade_passes_once_for_whoever_has_spent_nothing() {
        ExtBuilder.build_and_execute(|| {
            authorize();
            let cost = cost(&upgrade(), 2_000_000);
            assert!(cost > Allowance::PERSON.capacity);
            assert_ok!(apply(&doctor(), upgrade(), 2_000_000));
            // It failed: such a code is not there. It is paid for.
            let [account, organisation, ..] = rows();
            assert!(account.ordinary.spent > Allowance::PERSON.capacity);
            assert_eq!(account, organisation);
            assert_eq!(
                validate_length(&doctor(), 1, &upgrade(), 2_000_000),
                refusal(Rejection::BucketEmpty)
            );
            assert_eq!(
                validate(&doctor(), 1, &remark()),
                refusal(Rejection::BucketEmpty)
            );
            // Another can.
            assert_ok!(validate_length(&patient(), 0, &upgrade(), 2_000_000));
        });
    }

    #[test]
    fn an_authorized_upgrade_waits_behind_anything_spent() {
        ExtBuilder.build_and_execute(|| {
            authorize();
            Buckets::<Test>::insert(doctor(), spent(1));
            let refused = || refusal(Rejection::BucketEmpty);
            assert_eq!(
                validate_length(&doctor(), 0, &upgrade(), 2_000_000),
                refused()
            );
            // Nor is it bought in advance.
            assert_eq!(
                validate_length(&patient(), 1, &upgrade(), 2_000_000),
                refused()
            );
        });
    }
}

mod payers {
    use super::*;

    #[test]
    fn a_member_pays_from_its_account_and_its_organisation() {
        ExtBuilder.build_and_execute(|| {
            // Even one who controls a patient too.
            sponsor(&doctor(), INSURER);
            assert_ok!(apply(&doctor(), remark(), 100));
            let paid = spent(cost(&remark(), 100));
            let none = Spent::default();
            assert_eq!(rows(), [paid, paid, none, none, none]);
            assert_eq!(SponsorBuckets::<Test>::get(INSURER), Spent::default());
        });
    }

    #[test]
    fn a_controller_pays_from_its_account_the_patient_and_the_sponsor() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(apply(&patient(), remark(), 100));
            let paid = spent(cost(&remark(), 100));
            let none = Spent::default();
            assert_eq!(rows(), [none, none, paid, paid, paid]);
        });
    }

    #[test]
    fn all_controllers_of_a_patient_spend_one_bucket() {
        ExtBuilder.build_and_execute(|| {
            System::set_block_number(10_000);
            let family: Vec<_> = (0..16).map(|n| account(&format!("Relative {n}"))).collect();
            for relative in &family {
                control(relative, patient_of(&patient()), HOSPITAL);
            }
            let length = length_that_costs(&remark(), Allowance::PATIENT.capacity / 10);
            let sent = family
                .iter()
                .filter(|relative| apply(relative, remark(), length).is_ok())
                .count();
            assert_eq!(sent, 9);
            assert_eq!(
                validate(&family[0], 1, &remark()),
                refusal(Rejection::BucketEmpty)
            );
            let row = PatientBuckets::<Test>::get(patient_of(&patient()));
            assert!(row.ordinary.spent <= Allowance::PATIENT.capacity);
        });
    }

    #[test]
    fn a_former_member_who_controls_a_patient_pays_as_a_controller() {
        ExtBuilder.build_and_execute(|| {
            sponsor(&doctor(), HOSPITAL);
            assert_ok!(Members::end_credential(signed(doctor()), doctor()));
            assert_ok!(apply(&doctor(), remark(), 100));
            let row = PatientBuckets::<Test>::get(patient_of(&doctor()));
            assert_eq!(row, spent(cost(&remark(), 100)));
        });
    }
}

mod shares {
    use super::*;

    #[test]
    fn who_has_spent_all_is_refused_where_who_has_spent_little_is_not() {
        ExtBuilder.build_and_execute(|| {
            let capacity = Allowance::ORGANISATION.capacity;
            OrganisationBuckets::<Test>::insert(HOSPITAL, spent(capacity / 5));
            Buckets::<Test>::insert(doctor(), spent(Allowance::PERSON.capacity * 9 / 10));
            assert_ok!(validate(&doctor(), 0, &remark()));
            OrganisationBuckets::<Test>::insert(HOSPITAL, spent(capacity / 5 * 2));
            assert_eq!(
                validate(&doctor(), 0, &remark()),
                refusal(Rejection::BucketEmpty)
            );
            for who in [service(), hospital_admin()] {
                assert_ok!(validate(&who, 0, &remark()));
            }
            // And nobody in another organisation notices.
            assert_ok!(validate(&insurer_admin(), 0, &remark()));
        });
    }

    #[test]
    fn five_patients_who_spend_all_they_have_do_not_keep_a_sixth_from_revoking_or_granting() {
        ExtBuilder.build_and_execute(|| {
            // As many as five patients could spend, if each spent all.
            allow(
                Spender::Sponsor,
                Allowance {
                    capacity: 5 * Allowance::PATIENT.capacity,
                    ..Allowance::SPONSOR
                },
            );
            let greedy: Vec<_> = (0..5).map(|n| account(&format!("Greedy {n}"))).collect();
            greedy.iter().for_each(|who| sponsor(who, HOSPITAL));
            let sixth = patient();
            let grant = remark();
            let length = length_that_costs(&grant, Allowance::PATIENT.refill);
            for block in 1..50 {
                System::set_block_number(block);
                let mut sent = 1;
                while sent > 0 {
                    sent = greedy
                        .iter()
                        .filter(|who| {
                            apply(who, revoke(), 100).is_ok()
                                | apply(who, grant.clone(), length).is_ok()
                        })
                        .count();
                }
                if block % 10 == 1 {
                    assert_ok!(apply(&sixth, revoke(), 100));
                    assert_ok!(apply(&sixth, grant.clone(), 100));
                }
            }
        });
    }
}

mod urgent {
    use super::*;

    #[test]
    fn an_urgent_call_spends_the_urgent_buckets_and_then_the_ordinary_ones() {
        ExtBuilder.build_and_execute(|| {
            let cost = cost(&revoke(), 100);
            assert_ok!(apply(&doctor(), revoke(), 100));
            assert_ok!(apply(&patient(), revoke(), 100));
            assert_eq!(rows(), [spent_urgently(cost); 5]);

            Buckets::<Test>::insert(doctor(), spent_urgently(Allowance::URGENT.capacity));
            assert_ok!(apply(&doctor(), revoke(), 100));
            let [account, organisation, ..] = rows();
            assert_eq!(account.ordinary.spent, cost);
            assert_eq!(account.urgent.spent, Allowance::URGENT.capacity);
            assert_eq!(organisation.ordinary.spent, cost);
            assert_eq!(organisation.urgent.spent, cost);
        });
    }

    #[test]
    fn without_room_in_the_lane_an_urgent_call_goes_no_sooner_than_others() {
        ExtBuilder.build_and_execute(|| {
            let ordinary = priority(&doctor(), 0, &remark());
            assert!(priority(&doctor(), 0, &revoke()) > ordinary);
            Buckets::<Test>::insert(doctor(), spent_urgently(Allowance::URGENT.capacity));
            assert_eq!(priority(&doctor(), 0, &revoke()), ordinary);
            // Nor if the others of the organisation have filled it.
            let full = spent_urgently(Allowance::URGENT_TOGETHER.capacity);
            OrganisationBuckets::<Test>::insert(HOSPITAL, full);
            assert_eq!(priority(&service(), 0, &revoke()), ordinary);
            assert!(priority(&insurer_admin(), 0, &revoke()) > ordinary);
        });
    }

    #[test]
    fn distance_counts_in_the_urgent_lane() {
        ExtBuilder.build_and_execute(|| {
            let top = priority(&insurer_admin(), 0, &remark());
            let urgent = (0..=64)
                .filter_map(|nonce| validate(&service(), nonce, &revoke()).ok())
                .filter(|validity| validity.priority >> 8 > top)
                .count() as u64;
            let room = Allowance::URGENT.capacity / cost(&revoke(), 100);
            assert_eq!(urgent, room);
            // And nobody queues more in all than both buckets hold.
            let most = Allowance::PERSON.capacity / cost(&revoke(), 100);
            assert!(most < 4_096);
            assert_eq!(
                validate(&service(), 4_096, &revoke()),
                refusal(Rejection::BucketEmpty)
            );
        });
    }

    #[test]
    fn in_the_lane_whoever_has_taken_little_goes_first() {
        ExtBuilder.build_and_execute(|| {
            assert_ok!(apply(&doctor(), revoke(), 100));
            let of_hospital = priority(&hospital_admin(), 0, &revoke());
            assert!(priority(&insurer_admin(), 0, &revoke()) > of_hospital);
            assert!(of_hospital > priority(&hospital_admin(), 1, &revoke()));
        });
    }
}

mod refunds {
    use super::*;

    #[test]
    fn a_member_takes_less_of_a_block_than_a_controller() {
        ExtBuilder.build_and_execute(|| {
            let weight = |who: AccountId| {
                let whole = |_| Ok(().into());
                let result = extension(System::account_nonce(&who))
                    .test_run(signed(who), &remark(), &info(&remark()), 100, 0, whole)
                    .expect("a valid transaction");
                result
                    .expect("a remark")
                    .calc_actual_weight(&info(&remark()))
            };
            let (member, controller) = (weight(doctor()), weight(patient()));
            assert_eq!(controller, info(&remark()).total_weight());
            let less = <() as WeightInfo>::check_controller() - <() as WeightInfo>::check_member();
            assert_eq!(member, controller - less);
            assert!(less.ref_time() > 0);
        });
    }

    #[test]
    fn a_refund_returns_to_the_bucket_which_paid() {
        ExtBuilder.build_and_execute(|| {
            let call = RuntimeCall::Members(crate::Call::end_credential {
                account: stranger(),
            });
            let rest = cost(&call, 100) - info(&call).call_weight.ref_time();
            let kept = Spent {
                ordinary: Bucket {
                    spent: Allowance::PERSON.refill,
                    at: 1,
                },
                urgent: Bucket::default(),
            };
            Buckets::<Test>::insert(doctor(), kept);
            assert_ok!(apply_refunding(&doctor(), &call));
            let [account, organisation, ..] = rows();
            assert_eq!(account.ordinary, kept.ordinary);
            assert_eq!(account.urgent.spent, rest);
            assert_eq!(organisation, spent_urgently(rest));

            // Paid from the ordinary one: it gets it back.
            let full = spent_urgently(2 * Allowance::URGENT.capacity);
            PatientBuckets::<Test>::insert(patient_of(&patient()), full);
            assert_ok!(apply_refunding(&patient(), &call));
            let [.., own, sponsor] = rows();
            assert_eq!(own.urgent, full.urgent);
            assert_eq!(own.ordinary.spent, rest);
            assert_eq!(sponsor, spent(rest));
        });
    }
}

mod debts {
    use super::*;

    #[test]
    fn whoever_has_taken_little_goes_first() {
        ExtBuilder.build_and_execute(|| {
            // What colleagues have spent counts.
            assert_ok!(apply(&service(), remark(), 100_000));
            let of_hospital = priority(&doctor(), 0, &remark());
            assert!(priority(&insurer_admin(), 0, &remark()) > of_hospital);
            assert!(priority(&patient(), 0, &remark()) > of_hospital);
            assert!(of_hospital > priority(&doctor(), 1, &remark()));
            // Debt is forgotten with time.
            System::set_block_number(1_000);
            assert_eq!(
                priority(&doctor(), 0, &remark()),
                priority(&insurer_admin(), 0, &remark())
            );
        });
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u32),
    Send {
        who: usize,
        urgent: bool,
        /// Of a person's bucket, in hundredths.
        size: u64,
        refund: bool,
    },
    Upgrade(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1u32..30).prop_map(Step::Wait),
        8 => (0usize..6, any::<bool>(), 0u64..110, any::<bool>())
            .prop_map(|(who, urgent, size, refund)| Step::Send { who, urgent, size, refund }),
        1 => (0usize..6).prop_map(Step::Upgrade),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Whatever is sent: no bucket holds more than its capacity and one call (an upgrade), what is
    /// charged is what was used, and nobody gets back more than they have paid.
    #[test]
    fn no_bucket_overflows_or_goes_negative(steps in prop::collection::vec(step(), 1..60)) {
        ExtBuilder.build().execute_with(|| {
            authorize();
            let relative = account("Relative");
            control(&relative, patient_of(&patient()), HOSPITAL);
            let people = [
                doctor(), hospital_admin(), service(), insurer_admin(), patient(), relative.clone(),
            ];
            let upgrade_costs = cost(&upgrade(), 100);
            let total = || -> u128 {
                Buckets::<Test>::iter_values()
                    .chain(OrganisationBuckets::<Test>::iter_values())
                    .chain(PatientBuckets::<Test>::iter_values())
                    .chain(SponsorBuckets::<Test>::iter_values())
                    .flat_map(|row| [row.ordinary.spent, row.urgent.spent])
                    .map(u128::from)
                    .sum()
            };
            for step in steps {
                let (who, call, length, refund) = match step {
                    Step::Wait(blocks) => {
                        System::set_block_number(System::block_number() + blocks);
                        continue;
                    }
                    Step::Send { who, urgent, size, refund } => {
                        let call = if urgent {
                            RuntimeCall::Members(crate::Call::end_credential {
                                account: stranger(),
                            })
                        } else {
                            remark()
                        };
                        let cost = Allowance::PERSON.capacity / 100 * size;
                        let length = length_that_costs(&call, cost);
                        (&people[who], call, length, refund)
                    }
                    Step::Upgrade(who) => (&people[who], upgrade(), 100, false),
                };
                let nonce = System::account_nonce(who);
                let declared = info(&call).call_weight;
                let used = if refund { Weight::zero() } else { declared };
                // Everything leaks up to this block first, so that totals can be compared.
                let before = leak_all();
                let run = extension(nonce).test_run(
                    signed(who.clone()), &call, &info(&call), length, 0,
                    |_| Ok(Some(used).into()),
                );
                if run.is_ok() {
                    let paid = cost(&call, length) - (declared - used).ref_time();
                    let payers = if who == &patient() || who == &relative { 3 } else { 2 };
                    assert_eq!(total(), before + payers * u128::from(paid), "all pay the same");
                } else {
                    assert_eq!(total(), before, "a refused transaction pays nothing");
                }
                assert_within_bounds(upgrade_costs);
            }
            Members::do_try_state().expect("invariants hold");
        });
    }
}

/// Writes down what has leaked until now, and returns the sum of what is left.
fn leak_all() -> u128 {
    let now = System::block_number();
    let mut total = 0;
    let mut leak = |bucket: &mut Bucket, allowance: Allowance| {
        bucket.spent = bucket.spent_at(now, &allowance);
        bucket.at = now;
        total += u128::from(bucket.spent);
    };
    for (who, mut row) in Buckets::<Test>::iter().collect::<Vec<_>>() {
        let own = if who == service() {
            Allowance::SERVICE
        } else {
            Allowance::PERSON
        };
        leak(&mut row.ordinary, own);
        leak(&mut row.urgent, Allowance::URGENT);
        Buckets::<Test>::insert(who, row);
    }
    PatientBuckets::<Test>::translate_values(|mut row: Spent| {
        leak(&mut row.ordinary, Allowance::PATIENT);
        leak(&mut row.urgent, Allowance::URGENT);
        Some(row)
    });
    OrganisationBuckets::<Test>::translate_values(|mut row: Spent| {
        leak(&mut row.ordinary, Allowance::ORGANISATION);
        leak(&mut row.urgent, Allowance::URGENT_TOGETHER);
        Some(row)
    });
    SponsorBuckets::<Test>::translate_values(|mut row: Spent| {
        leak(&mut row.ordinary, Allowance::SPONSOR);
        leak(&mut row.urgent, Allowance::URGENT_TOGETHER);
        Some(row)
    });
    total
}

fn assert_within_bounds(one_call: u64) {
    let within = |row: Spent, ordinary: Allowance, urgent: Allowance| {
        assert!(row.ordinary.spent <= ordinary.capacity + one_call);
        assert!(row.urgent.spent <= urgent.capacity);
    };
    for (who, row) in Buckets::<Test>::iter() {
        let own = if who == service() {
            Allowance::SERVICE
        } else {
            Allowance::PERSON
        };
        within(row, own, Allowance::URGENT);
    }
    for row in PatientBuckets::<Test>::iter_values() {
        let together = Allowance {
            capacity: 2 * Allowance::URGENT.capacity,
            ..Allowance::URGENT
        };
        within(row, Allowance::PATIENT, together);
    }
    for row in OrganisationBuckets::<Test>::iter_values() {
        within(row, Allowance::ORGANISATION, Allowance::URGENT_TOGETHER);
    }
    for row in SponsorBuckets::<Test>::iter_values() {
        within(row, Allowance::SPONSOR, Allowance::URGENT_TOGETHER);
    }
}
