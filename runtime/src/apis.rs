//! What the node, vaults, wallets and explorers may ask of the runtime.

use alloc::vec::Vec;

use codec::Encode;
use frame_support::{
    genesis_builder_helper::{build_state, get_preset},
    traits::KeyOwnerProofSystem,
    weights::Weight,
};
use salus_primitives::{
    api::{CompartmentView, GrantView, PendingChanges},
    traits::{Chain, Consent as _, Records as _},
    Cid, Clinician, Compartment, CompartmentId, Controller, Correction, CorrectionIndex, Delivery,
    EmergencyPlan, FormerContent, FormerKeyring, Glass, GlassIndex, GrantIndex, Grantee,
    LetterStage, Link, Member, Moment, ObjectKind, OrgId, Organisation, Participation, Patient,
    PatientId, PendingRecovery, Record, RecordIndex, RecoveryPlan, Reference, Request,
    RequestIndex, SignedCompartments, SignedRecipient, Study, StudyIndex, Subject, TrailHead,
};
use sp_api::impl_runtime_apis;
use sp_consensus_aura::sr25519::AuthorityId as AuraId;
use sp_consensus_grandpa::AuthorityId as GrandpaId;
use sp_core::{crypto::KeyTypeId, OpaqueMetadata};
use sp_runtime::{
    traits::{Block as BlockT, NumberFor},
    transaction_validity::{TransactionSource, TransactionValidity},
    ApplyExtrinsicResult, ExtrinsicInclusionMode,
};
use sp_session::OpaqueGeneratedSessionKeys;
use sp_version::RuntimeVersion;

use crate::{
    configs::{keepers, SalusChain},
    genesis_config_presets, AccessLog, AccountId, Balance, Block, Consent, Copies, Corrections,
    Credits, Emergency, Executive, Grandpa, Hash, Historical, InherentDataExt, Links, Members,
    Nonce, Patients, Records, Recovery, Research, Runtime, RuntimeGenesisConfig, SessionKeys,
    System, UncheckedExtrinsic, SLOT_DURATION, VERSION,
};

/// Joins what the record store and the grants know about a compartment.
fn compartment_view(
    patient: &PatientId,
    id: &CompartmentId,
    compartment: Compartment,
    needs_rotation: bool,
) -> CompartmentView {
    CompartmentView {
        recipient: Records::recipient(patient, id),
        needs_rotation,
        compartment,
    }
}

/// Applies extrinsics until one is refused or they weigh `enough`.
///
/// Opens its storage transactions by hand: `with_transaction` counts how deeply they are nested, and
/// a call must find the count that it finds where others execute the block.
fn apply_extrinsics(
    extrinsics: Vec<UncheckedExtrinsic>,
    enough: Weight,
) -> Vec<ApplyExtrinsicResult> {
    let full = System::block_weight().total().saturating_add(enough);
    let mut results = Vec::with_capacity(extrinsics.len());
    for extrinsic in extrinsics {
        sp_io::storage::start_transaction();
        let result = Executive::apply_extrinsic(extrinsic);
        let refused = result.is_err();
        if refused {
            sp_io::storage::rollback_transaction();
        } else {
            sp_io::storage::commit_transaction();
        }
        results.push(result);
        if refused || System::block_weight().total().any_gte(full) {
            break;
        }
    }
    results
}

impl_runtime_apis! {
    impl sp_api::Core<Block> for Runtime {
        fn version() -> RuntimeVersion {
            VERSION
        }

        fn execute_block(block: <Block as BlockT>::LazyBlock) {
            Executive::execute_block(block);
        }

        fn initialize_block(header: &<Block as BlockT>::Header) -> ExtrinsicInclusionMode {
            Executive::initialize_block(header)
        }
    }

    impl sp_api::Metadata<Block> for Runtime {
        fn metadata() -> OpaqueMetadata {
            OpaqueMetadata::new(Runtime::metadata().into())
        }

        fn metadata_at_version(version: u32) -> Option<OpaqueMetadata> {
            Runtime::metadata_at_version(version)
        }

        fn metadata_versions() -> Vec<u32> {
            Runtime::metadata_versions()
        }
    }

    impl frame_support::view_functions::runtime_api::RuntimeViewFunction<Block> for Runtime {
        fn execute_view_function(
            id: frame_support::view_functions::ViewFunctionId,
            input: Vec<u8>,
        ) -> Result<Vec<u8>, frame_support::view_functions::ViewFunctionDispatchError> {
            Runtime::execute_view_function(id, input)
        }
    }

    impl sp_block_builder::BlockBuilder<Block> for Runtime {
        fn apply_extrinsic(extrinsic: <Block as BlockT>::Extrinsic) -> ApplyExtrinsicResult {
            Executive::apply_extrinsic(extrinsic)
        }

        fn finalize_block() -> <Block as BlockT>::Header {
            Executive::finalize_block()
        }

        fn inherent_extrinsics(data: sp_inherents::InherentData) -> Vec<<Block as BlockT>::Extrinsic> {
            data.create_extrinsics()
        }

        fn check_inherents(
            block: <Block as BlockT>::LazyBlock,
            data: sp_inherents::InherentData,
        ) -> sp_inherents::CheckInherentsResult {
            data.check_extrinsics(&block)
        }
    }

    impl salus_primitives::api::BatchApi<Block> for Runtime {
        fn apply_extrinsics(
            extrinsics: Vec<<Block as BlockT>::Extrinsic>,
            enough: Weight,
        ) -> Vec<ApplyExtrinsicResult> {
            apply_extrinsics(extrinsics, enough)
        }
    }

    impl sp_transaction_pool::runtime_api::TaggedTransactionQueue<Block> for Runtime {
        fn validate_transaction(
            source: TransactionSource,
            tx: <Block as BlockT>::Extrinsic,
            block_hash: <Block as BlockT>::Hash,
        ) -> TransactionValidity {
            Executive::validate_transaction(source, tx, block_hash)
        }
    }

    impl sp_offchain::OffchainWorkerApi<Block> for Runtime {
        fn offchain_worker(header: &<Block as BlockT>::Header) {
            Executive::offchain_worker(header)
        }
    }

    impl sp_consensus_aura::AuraApi<Block, AuraId> for Runtime {
        fn slot_duration() -> sp_consensus_aura::SlotDuration {
            sp_consensus_aura::SlotDuration::from_millis(SLOT_DURATION)
        }

        fn authorities() -> Vec<AuraId> {
            pallet_aura::Authorities::<Runtime>::get().into_inner()
        }
    }

    impl sp_session::SessionKeys<Block> for Runtime {
        fn generate_session_keys(owner: Vec<u8>, seed: Option<Vec<u8>>) -> OpaqueGeneratedSessionKeys {
            SessionKeys::generate(&owner, seed).into()
        }

        fn decode_session_keys(encoded: Vec<u8>) -> Option<Vec<(Vec<u8>, KeyTypeId)>> {
            SessionKeys::decode_into_raw_public_keys(&encoded)
        }
    }

    impl sp_consensus_grandpa::GrandpaApi<Block> for Runtime {
        fn grandpa_authorities() -> sp_consensus_grandpa::AuthorityList {
            Grandpa::grandpa_authorities()
        }

        fn current_set_id() -> sp_consensus_grandpa::SetId {
            Grandpa::current_set_id()
        }

        fn submit_report_equivocation_unsigned_extrinsic(
            equivocation_proof: sp_consensus_grandpa::EquivocationProof<
                <Block as BlockT>::Hash,
                NumberFor<Block>,
            >,
            key_owner_proof: sp_consensus_grandpa::OpaqueKeyOwnershipProof,
        ) -> Option<()> {
            let key_owner_proof = key_owner_proof.decode()?;
            Grandpa::submit_unsigned_equivocation_report(equivocation_proof, key_owner_proof)
        }

        fn generate_key_ownership_proof(
            _set_id: sp_consensus_grandpa::SetId,
            authority_id: GrandpaId,
        ) -> Option<sp_consensus_grandpa::OpaqueKeyOwnershipProof> {
            Historical::prove((sp_consensus_grandpa::KEY_TYPE, authority_id))
                .map(|proof| sp_consensus_grandpa::OpaqueKeyOwnershipProof::new(proof.encode()))
        }
    }

    impl frame_system_rpc_runtime_api::AccountNonceApi<Block, AccountId, Nonce> for Runtime {
        fn account_nonce(account: AccountId) -> Nonce {
            System::account_nonce(account)
        }
    }

    impl salus_primitives::api::SalusApi<Block> for Runtime {
        fn now() -> Moment {
            SalusChain::now()
        }

        fn member(account: AccountId) -> Option<Member> {
            Members::member(account)
        }

        fn organisation(organisation: OrgId) -> Option<Organisation> {
            Members::organisation(organisation)
        }

        fn organisations(from: OrgId, limit: u32) -> Vec<(OrgId, Organisation)> {
            Members::organisations(from, limit)
        }

        fn clinician(account: AccountId) -> Option<Clinician> {
            Members::clinician(account)
        }

        fn clinicians(
            organisation: OrgId,
            after: Option<AccountId>,
            limit: u32,
        ) -> Vec<(AccountId, Clinician)> {
            Members::clinicians(organisation, after, limit)
        }

        fn recipient(subject: Subject) -> Option<SignedRecipient> {
            match subject {
                Subject::Organisation(_) | Subject::Account(_) => Members::recipient(subject),
                Subject::Compartment(patient, id) => Records::recipient(&patient, &id),
                Subject::Inbox(patient) => Patients::inbox(patient),
            }
        }

        fn patient(patient: PatientId) -> Option<Patient> {
            Patients::patient(patient)
        }

        fn controller(patient: PatientId, account: AccountId) -> Option<Controller> {
            Patients::controller(patient, account)
        }

        fn controllers(patient: PatientId) -> Vec<(AccountId, Controller)> {
            Patients::controllers(patient)
        }

        fn controlled_by(
            account: AccountId,
            after: Option<PatientId>,
            limit: u32,
        ) -> Vec<PatientId> {
            Patients::controlled_by(account, after, limit)
        }

        fn pending_changes(patient: PatientId) -> PendingChanges {
            PendingChanges {
                hand_over: Patients::pending_hand_over(patient),
                removals: Patients::pending_removals(patient),
                additions: Patients::pending_additions(patient),
                recovery_plan: Recovery::ending(patient),
            }
        }

        fn former_keyrings(patient: PatientId) -> Vec<(Cid, FormerKeyring)> {
            Patients::former_keyrings(patient)
        }

        fn compartment(patient: PatientId, compartment: CompartmentId) -> Option<CompartmentView> {
            let row = Records::compartment(&patient, &compartment)?;
            let stale = Consent::needs_rotation(&patient, &compartment, row.rotated_at);
            Some(compartment_view(&patient, &compartment, row, stale))
        }

        fn compartments(patient: PatientId) -> Vec<(CompartmentId, CompartmentView)> {
            // One pass over the grants, not one for each compartment.
            let keys_out = Consent::keys_outstanding(&patient);
            Records::compartments(&patient)
                .into_iter()
                .map(|(id, row)| {
                    let stale = keys_out.get(&id).is_some_and(|last| row.rotated_at <= *last);
                    (id, compartment_view(&patient, &id, row, stale))
                })
                .collect()
        }

        fn first_keys(patient: PatientId) -> Option<SignedCompartments> {
            Records::first_keys(&patient)
        }

        fn record(patient: PatientId, record: RecordIndex) -> Option<Record> {
            Records::record(&patient, record)
        }

        fn records(patient: PatientId, from: RecordIndex, limit: u32) -> Vec<(RecordIndex, Record)> {
            Records::records(&patient, from, limit)
        }

        fn former_contents(patient: PatientId, record: RecordIndex) -> Vec<FormerContent> {
            Records::former_contents(&patient, record)
        }

        fn grant(patient: PatientId, grant: GrantIndex) -> Option<GrantView> {
            Consent::grant_view(&patient, grant)
        }

        fn grants(patient: PatientId, from: GrantIndex, limit: u32) -> Vec<(GrantIndex, GrantView)> {
            Consent::grants(&patient, from, limit)
        }

        fn grants_between(
            patient: PatientId,
            account: AccountId,
            from: GrantIndex,
            limit: u32,
        ) -> Vec<(GrantIndex, GrantView)> {
            Consent::grants_between(&patient, &account, from, limit)
        }

        fn grants_to(
            account: AccountId,
            after: Option<(Grantee, PatientId, GrantIndex)>,
            limit: u32,
        ) -> Vec<(PatientId, GrantIndex, GrantView)> {
            Consent::grants_to(&account, after, limit)
        }

        fn request(patient: PatientId, request: RequestIndex) -> Option<Request> {
            Consent::request_view(&patient, request)
        }

        fn requests(
            patient: PatientId,
            from: RequestIndex,
            limit: u32,
        ) -> Vec<(RequestIndex, Request)> {
            Consent::requests(&patient, from, limit)
        }

        fn may_read(
            patient: PatientId,
            grant: GrantIndex,
            reader: AccountId,
            record: RecordIndex,
            at: Moment,
        ) -> bool {
            let at = at.max(SalusChain::now());
            Consent::may_read(&patient, grant, &reader, &[record], at)
        }

        fn holds_grant(
            patient: PatientId,
            grant: GrantIndex,
            account: AccountId,
            at: Moment,
        ) -> bool {
            Consent::holds_grant(&patient, grant, &account, at)
        }

        fn may_report(account: AccountId, delivery: Delivery) -> bool {
            Members::member(account)
                .filter(Member::is_service)
                .is_some_and(|member| AccessLog::may_report(member.organisation(), &delivery))
        }

        fn read_roots(organisation: OrgId) -> Vec<(u32, Hash)> {
            AccessLog::read_roots(organisation)
        }

        fn trail_head(patient: PatientId) -> TrailHead {
            AccessLog::trail_head(&patient)
        }

        fn correction(patient: PatientId, correction: CorrectionIndex) -> Option<Correction> {
            Corrections::correction(&patient, correction)
        }

        fn corrections(
            patient: PatientId,
            from: CorrectionIndex,
            limit: u32,
        ) -> Vec<(CorrectionIndex, Correction)> {
            Corrections::corrections(&patient, from, limit)
        }

        fn correction_letter(
            patient: PatientId,
            correction: CorrectionIndex,
            stage: LetterStage,
            reader: AccountId,
        ) -> Option<(Cid, AccountId, bool)> {
            Corrections::correction_letter(&patient, correction, stage, &reader)
        }

        fn recovery_plan(patient: PatientId) -> Option<RecoveryPlan> {
            Recovery::plan(patient)
        }

        fn recoveries(patient: PatientId) -> Vec<(AccountId, PendingRecovery)> {
            Recovery::recoveries(patient)
        }

        fn reference(patient: PatientId, kind: ObjectKind, content: Cid) -> Reference {
            match kind {
                ObjectKind::Record => Records::reference(&patient, &content),
                ObjectKind::Envelope if Emergency::references_package(&patient, &content) => {
                    Reference::Named
                }
                ObjectKind::Envelope => Consent::envelope_reference(&patient, &content),
                ObjectKind::Letter
                    if Corrections::references(&patient, &content)
                        || Emergency::references_letter(&patient, &content) =>
                {
                    Reference::Named
                }
                ObjectKind::Letter => Consent::letter_reference(&patient, &content),
                ObjectKind::Keyring if Patients::is_keyring_named(patient, content) => {
                    Reference::Named
                }
                ObjectKind::Keyring => Reference::Unnamed,
            }
        }

        fn keepers(patient: PatientId) -> Vec<OrgId> {
            keepers(&patient)
        }

        fn erasure_confirmations(
            patient: PatientId,
            record: RecordIndex,
            from: OrgId,
            limit: u32,
        ) -> Vec<(OrgId, Moment)> {
            Copies::confirmations(&patient, record, from, limit)
        }

        fn emergency_plan(patient: PatientId) -> Option<EmergencyPlan> {
            Emergency::plan(&patient)
        }

        fn glasses(patient: PatientId, from: GlassIndex, limit: u32) -> Vec<(GlassIndex, Glass)> {
            Emergency::glasses(&patient, from, limit)
        }

        fn holds_glass(
            patient: PatientId,
            glass: GlassIndex,
            account: AccountId,
            at: Moment,
        ) -> bool {
            Emergency::held_glass(&patient, glass, &account, at).is_some_and(|row| {
                row.grant
                    .is_none_or(|grant| Consent::holds_grant(&patient, grant, &account, at))
            })
        }

        fn glasses_to_review(
            organisation: OrgId,
            after: Option<(PatientId, GlassIndex)>,
            limit: u32,
        ) -> Vec<(PatientId, GlassIndex, Glass)> {
            Emergency::glasses_to_review(organisation, after, limit)
        }

        fn links(patient: PatientId) -> Vec<Link> {
            Links::links(&patient)
        }

        fn credits(account: AccountId) -> salus_primitives::Credits {
            Credits::credits(&account)
        }

        fn offer(patient: PatientId, request: RequestIndex) -> Option<Balance> {
            Credits::offered(&patient, request)
        }

        fn studies(from: StudyIndex, limit: u32) -> Vec<(StudyIndex, Study)> {
            Research::studies(from, limit)
        }

        fn participation(patient: PatientId) -> Option<Participation> {
            Research::participation(&patient)
        }
    }

    impl sp_genesis_builder::GenesisBuilder<Block> for Runtime {
        fn build_state(config: Vec<u8>) -> sp_genesis_builder::Result {
            build_state::<RuntimeGenesisConfig>(config)
        }

        fn get_preset(id: &Option<sp_genesis_builder::PresetId>) -> Option<Vec<u8>> {
            get_preset::<RuntimeGenesisConfig>(id, genesis_config_presets::get_preset)
        }

        fn preset_names() -> Vec<sp_genesis_builder::PresetId> {
            genesis_config_presets::preset_names()
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    impl frame_benchmarking::Benchmark<Block> for Runtime {
        fn benchmark_metadata(extra: bool) -> (
            Vec<frame_benchmarking::BenchmarkList>,
            Vec<frame_support::traits::StorageInfo>,
        ) {
            use frame_benchmarking::BenchmarkList;
            use frame_support::traits::StorageInfoTrait;
            use crate::{benchmarks::*, *};

            let mut list = Vec::<BenchmarkList>::new();
            list_benchmarks!(list, extra);
            (list, AllPalletsWithSystem::storage_info())
        }

        #[allow(non_local_definitions)]
        fn dispatch_benchmark(
            config: frame_benchmarking::BenchmarkConfig,
        ) -> Result<Vec<frame_benchmarking::BenchmarkBatch>, alloc::string::String> {
            use frame_benchmarking::BenchmarkBatch;
            use frame_support::traits::{TrackedStorageKey, WhitelistedStorageKeys};
            use crate::{benchmarks::*, *};

            impl frame_system_benchmarking::Config for Runtime {}

            let whitelist: Vec<TrackedStorageKey> = AllPalletsWithSystem::whitelisted_storage_keys();
            let mut batches = Vec::<BenchmarkBatch>::new();
            let params = (&config, &whitelist);
            add_benchmarks!(params, batches);
            Ok(batches)
        }
    }

    #[cfg(feature = "try-runtime")]
    impl frame_try_runtime::TryRuntime<Block> for Runtime {
        fn on_runtime_upgrade(
            checks: frame_try_runtime::UpgradeCheckSelect,
        ) -> (frame_support::weights::Weight, frame_support::weights::Weight) {
            let weight = Executive::try_runtime_upgrade(checks).unwrap();
            (weight, crate::configs::MAXIMUM_BLOCK_WEIGHT)
        }

        fn execute_block(
            block: <Block as BlockT>::LazyBlock,
            state_root_check: bool,
            signature_check: bool,
            select: frame_try_runtime::TryStateSelect,
        ) -> frame_support::weights::Weight {
            Executive::try_execute_block(block, state_root_check, signature_check, select).unwrap()
        }
    }
}
