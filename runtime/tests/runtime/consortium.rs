//! Four organisations: who validates, who decides what, and when it comes into force.

use codec::{Decode, Encode};
use frame_support::{
    assert_ok,
    traits::{Contains, KeyOwnerProofSystem, OnFinalize, OnInitialize},
};
use salus_primitives::{AccountId, OrgId, OrganisationKind, Patient, PatientId, DAY};
use salus_runtime::{
    configs::{keepers, NotBySignature, NothingAuthorized, Oversized},
    genesis_config_presets::LOCAL,
    AllPalletsWithSystem, Grandpa, Historical, Members, Motions, Runtime, RuntimeCall,
    RuntimeEvent, RuntimeOrigin, Session, System, Timelock, Validators,
};
use sp_consensus_grandpa::{
    AuthorityId, ConsensusLog, Equivocation, EquivocationProof, GRANDPA_ENGINE_ID, KEY_TYPE,
};
use sp_core::{ed25519, Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve};
use sp_runtime::traits::{BlakeTwo256, Dispatchable, Hash};

use crate::world::{self, set_time, validator_keys, NOW};

const DELAY: u64 = 3 * DAY;

fn local(test: impl FnOnce()) {
    world::with_preset(LOCAL).execute_with(|| {
        pallet_timelock::Delay::<Runtime>::put(DELAY);
        test();
    });
}

fn by(who: Sr25519Keyring) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.to_account_id())
}

fn accounts(names: &[Sr25519Keyring]) -> Vec<AccountId> {
    names.iter().map(|name| name.to_account_id()).collect()
}

/// Goes on to the next session but `count` minus one.
fn sessions(count: u32) {
    let target = Session::current_index() + count;
    while Session::current_index() < target {
        let now = System::block_number();
        // Of all pallets it is this one whose end of a block matters here.
        Grandpa::on_finalize(now);
        System::initialize(&(now + 1), &H256::repeat_byte(1), &Default::default());
        AllPalletsWithSystem::on_initialize(now + 1);
    }
}

fn set_vault(who: Sr25519Keyring, url: &str) {
    let text = |text: &str| text.as_bytes().to_vec();
    assert_ok!(Members::set_profile(
        by(who),
        text("Name").try_into().unwrap(),
        text(url).try_into().unwrap(),
    ));
}

#[test]
fn an_insurers_vault_keeps_no_files_even_of_those_whom_it_enrolled() {
    // Dave's is the insurer.
    local(|| {
        for who in [Alice, Bob, Charlie, Dave] {
            set_vault(who, "https://vault.example");
        }
        for enrolled_by in 0..4 {
            let patient = PatientId([enrolled_by as u8; 16]);
            let row = Patient {
                enrolled_by,
                enrolled_at: NOW,
                decided_since: NOW,
                voided_at: None,
                keyring: None,
            };
            pallet_patients::Patients::<Runtime>::insert(patient, row);
            let mut found = keepers(&patient);
            found.sort();
            assert_eq!(found, [0, 1, 2]);
        }
        // One hospital fewer is one copy fewer.
        set_vault(Bob, "");
        let mut found = keepers(&PatientId([0; 16]));
        found.sort();
        assert_eq!(found, [0, 2]);
    });
}

fn admit_eve() -> RuntimeCall {
    RuntimeCall::Members(pallet_members::Call::admit {
        admin: Eve.to_account_id(),
        kind: OrganisationKind::Hospital,
        name: b"Fifth Hospital".to_vec().try_into().unwrap(),
        vault_url: Default::default(),
    })
}

fn suspend(organisation: OrgId) -> RuntimeCall {
    RuntimeCall::Members(pallet_members::Call::suspend { organisation })
}

fn announce(call: RuntimeCall) -> RuntimeCall {
    RuntimeCall::Timelock(pallet_timelock::Call::announce {
        call: Box::new(call),
    })
}

/// A motion, the votes for it, and its end; what came of it, if it was carried.
fn motion(
    call: RuntimeCall,
    ayes: &[Sr25519Keyring],
) -> Option<Result<(), sp_runtime::DispatchError>> {
    let motion = BlakeTwo256::hash_of(&call);
    for who in ayes {
        assert_ok!(Motions::propose(by(*who), Box::new(call.clone())));
    }
    // Anybody closes it.
    if let Err(refused) = Motions::close(by(Dave), motion) {
        let too_early = pallet_motions::Error::<Runtime>::TooEarly.into();
        assert_eq!(refused.error, too_early);
        return None;
    }
    System::events()
        .into_iter()
        .rev()
        .find_map(|record| match record.event {
            RuntimeEvent::Council(pallet_collective::Event::Executed {
                proposal_hash,
                result,
            }) if proposal_hash == motion => Some(result),
            _ => None,
        })
}

#[test]
fn those_of_genesis_validate_and_an_unchanged_set_stays_the_same() {
    local(|| {
        let founders = accounts(&[Alice, Bob, Charlie, Dave]);
        assert_eq!(Session::validators(), founders);
        let set = Grandpa::current_set_id();
        sessions(5);
        assert_eq!(Session::validators(), founders);
        assert_eq!(Grandpa::current_set_id(), set);
    });
}

#[test]
fn a_new_member_validates_within_two_sessions_of_registering_keys() {
    local(|| {
        assert_ok!(admit_eve().dispatch(RuntimeOrigin::root()));
        sessions(3);
        assert_eq!(Session::validators().len(), 4);
        assert_ok!(validator_keys("//Node", &Eve.to_account_id()).dispatch(by(Eve)));
        let set = Grandpa::current_set_id();
        sessions(2);
        assert_eq!(
            Session::validators(),
            accounts(&[Alice, Bob, Charlie, Dave, Eve])
        );
        assert!(Grandpa::current_set_id() > set);
    });
}

#[test]
fn a_suspended_member_stops_within_two_sessions_and_comes_back() {
    local(|| {
        assert_eq!(motion(suspend(1), &[Alice, Charlie, Dave]), Some(Ok(())));
        sessions(2);
        assert_eq!(Session::validators(), accounts(&[Alice, Charlie, Dave]));
        assert_ok!(Members::reinstate(RuntimeOrigin::root(), 1));
        sessions(2);
        assert_eq!(Session::validators().len(), 4);
    });
}

#[test]
fn the_minimum_stays_whatever_happens_to_members() {
    local(|| {
        pallet_validators::Minimum::<Runtime>::put(3);
        for organisation in [1, 2] {
            assert_ok!(Members::suspend(RuntimeOrigin::root(), organisation));
        }
        sessions(3);
        assert_eq!(Session::validators().len(), 4);
        let warning = pallet_validators::Event::TooFewValidators {
            able: 2,
            minimum: 3,
        };
        System::assert_has_event(warning.into());
        // Nor by taking away one's keys.
        let purge = RuntimeCall::Session(pallet_session::Call::purge_keys {});
        assert!(purge.dispatch(by(Alice)).is_err());
    });
}

#[test]
fn keys_are_replaced_by_who_holds_them_and_belong_to_one() {
    local(|| {
        let node = "//Node//New";
        assert_ok!(validator_keys(node, &Alice.to_account_id()).dispatch(by(Alice)));
        let taken = validator_keys(node, &Bob.to_account_id()).dispatch(by(Bob));
        assert_eq!(
            taken.unwrap_err().error,
            pallet_session::Error::<Runtime>::DuplicatedKey.into()
        );
        sessions(2);
        let key: AuthorityId = ed25519::Pair::from_string(node, None)
            .unwrap()
            .public()
            .into();
        Grandpa::on_finalize(System::block_number());
        let authorities = Grandpa::grandpa_authorities();
        assert!(authorities.iter().any(|(authority, _)| *authority == key));
    });
}

/// Two votes in one round for two blocks, signed with the key of the laboratory's validator.
fn double_vote() -> EquivocationProof<H256, u32> {
    let pair = sp_keyring::Ed25519Keyring::Bob.pair();
    let (round, set_id) = (1, Grandpa::current_set_id());
    let vote = |hash: H256| {
        let prevote = finality_grandpa::Prevote {
            target_hash: hash,
            target_number: 1,
        };
        let message = finality_grandpa::Message::Prevote(prevote.clone());
        let payload = sp_consensus_grandpa::localized_payload(round, set_id, &message);
        (prevote, pair.sign(&payload).into())
    };
    EquivocationProof::new(
        set_id,
        Equivocation::Prevote(finality_grandpa::Equivocation {
            round_number: round,
            identity: pair.public().into(),
            first: vote(H256::repeat_byte(1)),
            second: vote(H256::repeat_byte(2)),
        }),
    )
}

#[test]
fn who_votes_twice_is_barred_told_and_replaced() {
    local(|| {
        sessions(1);
        let evidence = double_vote();
        let owner = Historical::prove((KEY_TYPE, evidence.offender().clone()))
            .expect("the laboratory's key is known");
        let report = RuntimeCall::Grandpa(pallet_grandpa::Call::report_equivocation_unsigned {
            equivocation_proof: Box::new(evidence),
            key_owner_proof: owner,
        });
        assert_ok!(report.clone().dispatch(RuntimeOrigin::none()));
        let told = pallet_validators::Event::ValidatorBarred { organisation: 1 };
        System::assert_has_event(told.into());
        // Once.
        assert!(report.dispatch(RuntimeOrigin::none()).is_err());

        sessions(2);
        assert_eq!(Session::validators(), accounts(&[Alice, Charlie, Dave]));
        // It is a member still.
        assert_ok!(Members::set_profile(
            by(Bob),
            b"City Laboratory".to_vec().try_into().unwrap(),
            Default::default()
        ));
        assert_ok!(Validators::readmit(RuntimeOrigin::root(), 1));
        sessions(2);
        assert_eq!(Session::validators().len(), 4);
    });
}

#[test]
fn sessions_long_over_are_forgotten() {
    local(|| {
        sessions(171);
        let (first, last) =
            pallet_session::historical::StoredRange::<Runtime>::get().expect("some are kept");
        assert!(last - first < 175, "{first} to {last}");
        assert!(Historical::historical_root(first - 1).is_none());
        assert!(Historical::historical_root(first).is_some());
    });
}

#[test]
fn an_admission_takes_two_thirds_and_three_days() {
    local(|| {
        // Half of four is not two thirds, three are.
        assert_eq!(motion(announce(admit_eve()), &[Alice, Bob]), None);
        assert_eq!(motion(announce(admit_eve()), &[Charlie]), Some(Ok(())));
        assert!(Members::organisation(4).is_none());
        let too_early = Timelock::enact(by(Dave), 0);
        assert_eq!(
            too_early.unwrap_err().error,
            pallet_timelock::Error::<Runtime>::TooEarly.into()
        );
        set_time(NOW + DELAY);
        assert_ok!(Timelock::enact(by(Dave), 0));
        let admitted = Members::organisation(4).expect("it is admitted");
        assert_eq!(admitted.admin, Eve.to_account_id());
    });
}

#[test]
fn no_majority_goes_around_the_announcement() {
    local(|| {
        let code_hash = H256::repeat_byte(1);
        let upgrade = RuntimeCall::Upgrades(salus_runtime::upgrades::Call::authorize { code_hash });
        let replace = RuntimeCall::Members(pallet_members::Call::set_admin {
            organisation: 1,
            admin: Eve.to_account_id(),
        });
        for call in [admit_eve(), upgrade, replace, revive(&[2, 3], 1)] {
            let result = motion(call, &[Alice, Bob, Charlie, Dave]);
            assert_eq!(result, Some(Err(sp_runtime::DispatchError::BadOrigin)));
        }
    });
}

#[test]
fn more_than_half_suspends_at_once_and_calls_a_decision_off() {
    local(|| {
        assert_eq!(
            motion(announce(admit_eve()), &[Alice, Bob, Dave]),
            Some(Ok(()))
        );
        assert_eq!(motion(suspend(3), &[Alice, Bob]), None);
        assert_eq!(motion(suspend(3), &[Charlie]), Some(Ok(())));
        let cancel = RuntimeCall::Timelock(pallet_timelock::Call::cancel { decision: 0 });
        assert_eq!(motion(cancel, &[Alice, Bob, Charlie]), Some(Ok(())));
        set_time(NOW + DELAY);
        assert!(Timelock::enact(by(Alice), 0).is_err());
    });
}

/// Three of four suspend the fourth; two of the three left are two thirds of the seats, and not of
/// those who were there.
#[test]
fn suspending_a_member_makes_nobody_two_thirds_or_half_who_was_not() {
    local(|| {
        assert_eq!(motion(suspend(3), &[Alice, Bob, Charlie]), Some(Ok(())));
        assert_eq!(motion(announce(admit_eve()), &[Alice, Bob]), None);
        assert_eq!(motion(suspend(2), &[Alice, Bob]), None);
        // Nor with the origin of such a vote itself.
        let votes =
            |yes, seats| RuntimeOrigin::from(pallet_collective::RawOrigin::Members(yes, seats));
        assert!(announce(admit_eve()).dispatch(votes(2, 3)).is_err());
        assert!(suspend(2).dispatch(votes(2, 3)).is_err());
        assert_ok!(announce(admit_eve()).dispatch(votes(3, 3)));

        // A month later it is a consortium of three.
        set_time(NOW + 30 * DAY);
        let code_hash = H256::repeat_byte(7);
        let upgrade = RuntimeCall::Upgrades(salus_runtime::upgrades::Call::authorize { code_hash });
        assert_eq!(motion(announce(upgrade), &[Alice, Bob]), Some(Ok(())));
        assert_ok!(suspend(2).dispatch(votes(2, 3)));
    });
}

#[test]
fn who_is_suspended_has_no_vote_in_an_open_motion() {
    local(|| {
        let call = announce(admit_eve());
        let hash = BlakeTwo256::hash_of(&call);
        for who in [Alice, Bob, Dave] {
            assert_ok!(Motions::propose(by(who), Box::new(call.clone())));
        }
        assert_ok!(Members::suspend(RuntimeOrigin::root(), 3));
        let votes = pallet_collective::Voting::<Runtime, pallet_collective::Instance1>::get(hash)
            .expect("the motion is open")
            .encode();
        let (_, _, ayes) = <(u32, u32, Vec<AccountId>)>::decode(&mut &votes[..]).unwrap();
        assert_eq!(ayes, accounts(&[Alice, Bob]));
        assert!(Motions::vote(by(Dave), hash, true).is_err());
    });
}

/// One member cannot fill the council, whoever closes a motion chooses no weight, and none of the
/// collective's own calls is open.
#[test]
fn no_member_goes_around_the_motions() {
    use pallet_collective::Call;

    local(|| {
        for number in 0..4 {
            assert_ok!(Motions::propose(by(Dave), Box::new(suspend(100 + number))));
        }
        let fifth = Motions::propose(by(Dave), Box::new(suspend(104)));
        assert_eq!(
            fifth.unwrap_err().error,
            pallet_motions::Error::<Runtime>::TooManyOfYours.into()
        );
        assert_eq!(motion(suspend(3), &[Alice, Bob, Charlie]), Some(Ok(())));

        let call = suspend(100);
        let (hash, length_bound) = (BlakeTwo256::hash_of(&call), call.encoded_size() as u32);
        let proposal = Box::new(call);
        for call in [
            Call::propose {
                threshold: 1,
                proposal: proposal.clone(),
                length_bound,
            },
            Call::execute {
                proposal,
                length_bound,
            },
            Call::vote {
                proposal: hash,
                index: 0,
                approve: true,
            },
            Call::close {
                proposal_hash: hash,
                index: 0,
                proposal_weight_bound: frame_support::weights::Weight::MAX,
                length_bound,
            },
            Call::disapprove_proposal {
                proposal_hash: hash,
            },
        ] {
            let call = RuntimeCall::Council(call);
            assert!(NotBySignature::contains(&call), "{call:?}");
            assert_eq!(
                call.dispatch(by(Alice)).unwrap_err().error,
                frame_system::Error::<Runtime>::CallFiltered.into()
            );
        }
    });
}

#[test]
fn calls_that_take_a_decision_are_not_for_signatures() {
    local(|| {
        for call in [
            admit_eve(),
            suspend(0),
            announce(admit_eve()),
            revive(&[1], 1),
            RuntimeCall::Timelock(pallet_timelock::Call::cancel { decision: 0 }),
            RuntimeCall::Timestamp(pallet_timestamp::Call::set { now: 0 }),
        ] {
            assert!(NotBySignature::contains(&call), "{call:?}");
        }
        let motion = BlakeTwo256::hash_of(&suspend(0));
        for call in [
            RuntimeCall::Timelock(pallet_timelock::Call::enact { decision: 0 }),
            RuntimeCall::Motions(pallet_motions::Call::close { motion }),
            RuntimeCall::System(frame_system::Call::remark { remark: vec![] }),
            validator_keys("//Node", &Eve.to_account_id()),
        ] {
            assert!(!NotBySignature::contains(&call), "{call:?}");
        }
    });
}

#[test]
fn only_the_code_that_was_authorized_may_be_larger_than_an_allowance() {
    local(|| {
        let apply = |code: &[u8]| {
            RuntimeCall::System(frame_system::Call::apply_authorized_upgrade {
                code: code.to_vec(),
            })
        };
        let remark = RuntimeCall::System(frame_system::Call::remark { remark: vec![1] });
        for call in [apply(b"this"), apply(b"that")] {
            assert!(!Oversized::contains(&call) && NothingAuthorized::contains(&call));
        }
        System::do_authorize_upgrade(BlakeTwo256::hash(b"this"), true);
        assert!(Oversized::contains(&apply(b"this")));
        assert!(!NothingAuthorized::contains(&apply(b"this")));
        assert!(!Oversized::contains(&apply(b"that")));
        assert!(NothingAuthorized::contains(&apply(b"that")));
        assert!(!Oversized::contains(&remark) && !NothingAuthorized::contains(&remark));
    });
}

fn revive(gone: &[OrgId], finalized: u32) -> RuntimeCall {
    RuntimeCall::Validators(pallet_validators::Call::revive {
        gone: gone.to_vec().try_into().unwrap(),
        finalized,
    })
}

/// What this block tells GRANDPA's voters.
fn told_to_voters() -> Option<ConsensusLog<u32>> {
    System::digest()
        .logs()
        .iter()
        .find_map(|log| log.consensus_try_to(&GRANDPA_ENGINE_ID))
}

#[test]
fn a_suspended_members_validator_is_reported_like_any_other() {
    local(|| {
        sessions(1);
        assert_eq!(motion(suspend(1), &[Alice, Charlie, Dave]), Some(Ok(())));
        let evidence = double_vote();
        let owner = Historical::prove((KEY_TYPE, evidence.offender().clone()))
            .expect("the laboratory's key is known");
        let report = RuntimeCall::Grandpa(pallet_grandpa::Call::report_equivocation_unsigned {
            equivocation_proof: Box::new(evidence),
            key_owner_proof: owner,
        });
        assert_ok!(report.dispatch(RuntimeOrigin::none()));
        let told = pallet_validators::Event::ValidatorBarred { organisation: 1 };
        System::assert_has_event(told.into());
    });
}

#[test]
fn finality_that_half_took_along_comes_back_with_the_others() {
    local(|| {
        pallet_validators::Minimum::<Runtime>::put(3);
        sessions(2);
        let finalized = System::block_number() - 1;
        let set = Grandpa::current_set_id();
        // The change of keys is told to voters who can no longer agree to it.
        assert_ok!(validator_keys("//Dead", &Dave.to_account_id()).dispatch(by(Dave)));
        sessions(2);
        assert!(Grandpa::current_set_id() > set);

        let decision = announce(revive(&[2, 3], finalized));
        assert_eq!(motion(decision, &[Alice, Bob, Charlie]), Some(Ok(())));
        set_time(NOW + DELAY);
        assert_ok!(Timelock::enact(by(Alice), 0));

        // The next session was planned with the dead; nothing is forced with them.
        sessions(1);
        assert_eq!(Session::validators().len(), 4);
        Grandpa::on_finalize(System::block_number());
        assert!(!matches!(
            told_to_voters(),
            Some(ConsensusLog::ForcedChange(..))
        ));
        sessions(1);
        assert_eq!(Session::validators(), accounts(&[Alice, Bob]));
        Grandpa::on_finalize(System::block_number());
        let Some(ConsensusLog::ForcedChange(median, change)) = told_to_voters() else {
            panic!("no forced change");
        };
        assert_eq!((median, change.next_authorities.len()), (finalized, 2));
        assert_eq!(change.delay, 5);
        // Nodes count it as the first after the last final block.
        assert_eq!(Grandpa::current_set_id(), set + 1);

        // It counts before the next session, and the two go on although they are few.
        sessions(1);
        assert_eq!(Grandpa::grandpa_authorities().len(), 2);
        sessions(2);
        assert_eq!(Session::validators(), accounts(&[Alice, Bob]));
        assert_eq!(Grandpa::current_set_id(), set + 1);
    });
}
