//! # Consent
//!
//! Who may read or write which part of a patient's records, for what, and until when.
//!
//! ## Overview
//!
//! A clinician asks; the patient approves all of it, less of it, or declines. Or the patient
//! shares unasked. Either way the chain keeps a **grant**: to whom, which compartments or records,
//! to read or to write, for which purpose, from when until when. It ends by itself, and the patient
//! can end it at any moment. The keys to the files travel apart, in **envelopes** that only the
//! grantee can open; the chain knows their CIDs.
//!
//! ## Scenario
//!
//! 1. The doctor calls [`Call::request`] with a letter that only the patient can read.
//! 2. The patient's app shows it. The patient calls [`Call::approve`]: laboratory results, 7 days.
//! 3. The doctor opens results. `pallet-access-log` asks [`Consent::may_read`] each time.
//! 4. On day 3 the patient calls [`Call::revoke`]. The next attempt is refused.
//! 5. Had the patient done nothing, day 8 would have ended the grant by itself.
//!
//! ## Design
//!
//! * **One predicate**, in [`predicate`]. Expiry is by the clock: a grant is dead at its instant,
//!   even if nothing ran. [`Call::sweep`] and `on_idle` only write `Expired` and clear indices.
//! * **Rows are facts.** Only `revoked_at` is ever set, once. To extend is to grant anew.
//! * **A `patient` argument only locates.** Authority comes from [`Control`], standing from
//!   [`Standing`], both about the signer. What a patient laid down beforehand, for emergencies and
//!   studies, other pallets turn into grants by [`Granting`](salus_primitives::traits::Granting); they have looked whether they may.
//! * **Nothing is unbounded** but the number of facts: grants are paced by those who decide for the
//!   patient, requests by a cap per patient and organisation and by [`TrailAllowance`].
//! * **Who grants, grants what is theirs.** Nobody approves what they asked for themselves. A carer
//!   lets read, as long as was asked, and nothing that outlasts a role is given by virtue of it.
//! * **After a succession** ([`OnSuccession`](salus_primitives::traits::OnSuccession)) nobody writes
//!   by the word of former deciders. What asked them is granted by nobody any more, and takes no place
//!   of those who ask now; whoever decides can still decline it.
//! * **A clinician's requests are the organisation's**: they take its places, so its admin can take
//!   them back, whoever has asked.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod access;
mod answering;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod granting;
mod keys;
#[cfg(test)]
mod mock;
mod naming;
mod succession;
mod sweeping;
#[cfg(test)]
mod tests;
mod try_state;
mod views;
pub mod weights;

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{dispatch::WithPostDispatchInfo, pallet_prelude::*};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    api::MAX_PAGE,
    hours::Hour,
    traits::{Chain, Control, Offers, Records, Standing, Trail, TrailAllowance},
    AccountId, Balance, Basis, Cid, Grant, GrantIndex, GrantTerms, Grantee, Member, Moment, OrgId,
    PatientId, Purpose, Request, RequestIndex, RequestState, Rights, Scope,
};

pub use keys::{KeysOut, MAX_HOLDERS_READ};
pub use naming::EnvelopeUses;
pub use pallet::*;
pub use salus_primitives::predicate;
pub use weights::WeightInfo;

/// One sweep ends at most so many grants. Do not reduce.
pub const MAX_SWEEP: u32 = 128;

/// A grant that lives for years is handed new keys at most so often. Do not reduce.
pub const MAX_ENVELOPES: u32 = 256;

/// Live grants of one patient that let write, at most: a succession ends all of them at once. Do not
/// reduce.
pub const MAX_WRITERS: u32 = 64;

/// What a request takes of an organisation's allowance in the patient's trail: it asks somebody to
/// decide.
pub const REQUEST_ENTRIES: u32 = 32;

/// What taking a request back takes of it.
pub const WITHDRAWAL_ENTRIES: u32 = 1;

/// Live grants of a patient that let write, each with when it ends by itself.
pub type WritersOf = BoundedVec<(GrantIndex, Moment), ConstU32<MAX_WRITERS>>;

/// A request that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Asked {
    pub request: RequestIndex,
    pub at: Moment,
    /// When it lapses.
    pub until: Moment,
}

/// How often, and when last, keys were handed over under a grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Handover {
    pub envelopes: u32,
    pub last_at: Moment,
}

#[frame_support::pallet]
pub mod pallet {
    use super::*;

    const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

    #[pallet::pallet]
    #[pallet::storage_version(STORAGE_VERSION)]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config:
        frame_system::Config<RuntimeEvent: From<Event<Self>>, AccountId = AccountId>
    {
        type Chain: Chain;
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;
        type Standing: Standing<AccountId>;
        type Control: Control<AccountId>;
        type Records: Records<AccountId>;

        /// Where credits lie that are offered for an answer.
        type Offers: Offers<AccountId>;

        /// How much organisations may write into a patient's trail.
        type Allowance: TrailAllowance;

        /// Requests of one organisation that may wait for one patient's answer. Do not reduce.
        #[pallet::constant]
        type MaxPendingPerOrganisation: Get<u32>;

        /// Milliseconds until an unanswered request lapses.
        #[pallet::constant]
        type RequestLifetime: Get<Moment>;

        /// Milliseconds from now until the latest end of a new grant.
        #[pallet::constant]
        type MaxGrantDuration: Get<Moment>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkWorld<AccountId>;
    }

    /// What clinicians asked for. Written by `request`, closed by an answer, never removed: grants
    /// name the request they answer. Paced by `PendingRequests` and `Allowance`.
    #[pallet::storage]
    pub type Requests<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, RequestIndex, Request>;

    /// The index of a patient's next request.
    #[pallet::storage]
    pub type NextRequest<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, RequestIndex, ValueQuery>;

    /// Letters that requests name. Written by `request`; never removed, as its requests are not. At
    /// most one row per request.
    #[pallet::storage]
    pub type Letters<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Blake2_128Concat, Cid, ()>;

    /// Requests that wait for an answer. Those that have lapsed, by their time or by a succession,
    /// never count against the cap: they are dropped when the organisation next asks.
    #[pallet::storage]
    pub type PendingRequests<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Twox64Concat,
        OrgId,
        BoundedVec<Asked, T::MaxPendingPerOrganisation>,
        ValueQuery,
    >;

    /// What was granted. Written by `grant`, `approve` and through `Granting`; `revoke` sets
    /// `revoked_at`; never removed: "was it valid then?" is answered by the state at that block.
    #[pallet::storage]
    pub type Grants<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, PatientId, Twox64Concat, GrantIndex, Grant>;

    /// The index of a patient's next grant.
    #[pallet::storage]
    pub type NextGrant<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, GrantIndex, ValueQuery>;

    /// Envelopes in the order they were handed over, at most [`MAX_ENVELOPES`] per grant. Never
    /// removed.
    #[pallet::storage]
    pub type Envelopes<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Twox64Concat, GrantIndex>,
            NMapKey<Twox64Concat, u32>,
        ),
        Cid,
    >;

    /// One row per grant under which keys were handed over.
    #[pallet::storage]
    pub type Handovers<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Twox64Concat,
        GrantIndex,
        Handover,
        ValueQuery,
    >;

    /// Which grants hand out an envelope. Written with each of `Envelopes`, and as little removed. At
    /// most one row per envelope; a row names at most 16 grants.
    #[pallet::storage]
    pub type EnvelopesIn<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Blake2_128Concat,
        Cid,
        EnvelopeUses,
        ValueQuery,
    >;

    /// Grants whose grantees hold keys of compartments, by when they end by themselves, in big endian:
    /// those that are over come first. Written when keys are handed over, removed by `revoke` and by
    /// the sweep. At most one row per grant that is neither revoked nor swept.
    #[pallet::storage]
    pub type KeyHolders<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Identity, [u8; 8]>,
            NMapKey<Twox64Concat, GrantIndex>,
        ),
        (),
    >;

    /// The keys that went to grantees whose grants are over. Written by `revoke` and by the sweep when
    /// they remove a row of `KeyHolders`; never removed. One row per patient, of at most 32
    /// compartments.
    #[pallet::storage]
    pub type KeysLeft<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, KeysOut, ValueQuery>;

    /// Grants that let write and are neither revoked nor expired. Written with each such grant, which
    /// drops the expired ones; `revoke` and a succession remove theirs. At most 64 per patient.
    #[pallet::storage]
    pub type Writers<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, WritersOf, ValueQuery>;

    /// "Who shares with me". One row per grant that is neither revoked nor swept. The index is
    /// big-endian and not hashed, so that a patient's grants come in their order.
    #[pallet::storage]
    pub type GrantsTo<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Blake2_128Concat, Grantee>,
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Identity, [u8; 4]>,
        ),
        (),
    >;

    /// The same grants, by the first full hour at which they are over. The sweep removes them.
    #[pallet::storage]
    pub type Expiries<T: Config> = StorageNMap<
        _,
        (
            NMapKey<Twox64Concat, Hour>,
            NMapKey<Blake2_128Concat, PatientId>,
            NMapKey<Twox64Concat, GrantIndex>,
        ),
        (),
    >;

    /// The hour the sweep looks at next; no row of `Expiries` is earlier. None before any grant.
    #[pallet::storage]
    pub type SweepAt<T: Config> = StorageValue<_, Hour>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// A clinician asked a patient for access.
        #[codec(index = 0)]
        AccessRequested {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            request: RequestIndex,
            purpose: Purpose,
            duration: Moment,
            letter: Cid,
        },
        /// A clinician took back a request for access.
        #[codec(index = 1)]
        RequestWithdrawn {
            patient: PatientId,
            actor: AccountId,
            request: RequestIndex,
        },
        /// A patient declined a request for access.
        #[codec(index = 2)]
        RequestDeclined {
            patient: PatientId,
            actor: AccountId,
            request: RequestIndex,
        },
        /// A patient gave someone time-limited access to part of their records.
        ///
        /// By hand, or as they had laid down beforehand: see `basis`.
        #[codec(index = 3)]
        Granted {
            patient: PatientId,
            actor: AccountId,
            grant: GrantIndex,
            grantee: Grantee,
            scope: Scope,
            rights: Rights,
            purpose: Purpose,
            starts_at: Moment,
            expires_at: Moment,
            basis: Basis,
        },
        /// A patient handed the keys for a grant to its grantee.
        #[codec(index = 4)]
        EnvelopeDelivered {
            patient: PatientId,
            actor: AccountId,
            grant: GrantIndex,
            envelope: Cid,
        },
        /// A patient ended a grant.
        #[codec(index = 5)]
        Revoked {
            patient: PatientId,
            actor: AccountId,
            grant: GrantIndex,
        },
        /// A grant had ended by itself; nobody acted.
        #[codec(index = 6)]
        Expired {
            patient: PatientId,
            grant: GrantIndex,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No such patient is enrolled here. Check the id.
        PatientNotFound,
        /// Only a clinician or service in good standing can ask. Have your organisation credential you.
        NotAClinician,
        /// The CID is not of the profile in use: CIDv1, dag-pb or raw, sha2-256.
        MalformedCid,
        /// The duration asked for is zero or longer than any grant may be. Ask for less.
        InvalidDuration,
        /// Your organisation has as many requests waiting for this patient as it may. Wait for an answer or withdraw one.
        TooManyPending,
        /// This patient has no request with this index.
        RequestNotFound,
        /// Only the account that asked, or its organisation's admin, can withdraw the request.
        NotRequester,
        /// The request was approved, declined or withdrawn before.
        AlreadyAnswered,
        /// The request has lapsed: its time is over, or the patient has changed hands since. Ask again, or grant without a request.
        RequestLapsed,
        /// An approval goes to the account that asked, at the organisation it asked for, or to that organisation.
        GranteeNotRequester,
        /// Credits are offered for a yes, and carers take none. Decline, or let an owner or decider approve.
        OfferNotYours,
        /// An approval has the purpose that was asked for. Grant without a request for another one.
        PurposeDiffers,
        /// The grantee is unknown, suspended, expired or no longer at that organisation.
        GranteeNotInGoodStanding,
        /// The scope names nothing. Name at least one compartment or record.
        EmptyScope,
        /// The scope is not in ascending order, or names something twice. Sort it: another order would
        /// tell which compartment is which.
        ScopeNotAscending,
        /// The scope names a compartment that this patient does not have.
        CompartmentNotFound,
        /// The scope names a record that this patient does not have, or has erased.
        RecordNotFound,
        /// Records are not written into. Name no scope to let somebody write.
        RecordsNotWritable,
        /// Who may write may write into every compartment. Leave the scope empty: another one would
        /// tell where something is to be filed.
        WriteNeedsNoScope,
        /// The grant would begin before now. Leave the start out to begin now.
        StartsInPast,
        /// The grant would be over before it begins. Choose a later end.
        EmptyPeriod,
        /// The grant would last longer than any may. Choose an earlier end, and grant anew later.
        TooLong,
        /// No record can be anchored at or after the window's start and before its end.
        EmptyWindow,
        /// This patient has no grant with this index.
        GrantNotFound,
        /// The grant was revoked before.
        AlreadyRevoked,
        /// The grant is over; no keys are handed out under it. Grant anew.
        GrantEnded,
        /// Keys were handed out too often under this grant. Grant anew.
        TooManyEnvelopes,
        /// A sweep takes at most 128 steps. Choose a lower limit and call again.
        TooManySteps,
        /// The patient has used up all indices.
        IndexExhausted,
        /// Who asked does not approve, nor does a carer who belongs to the organisation that asked. Let another controller answer.
        RequesterApproves,
        /// A carer lets read only, and no longer than was asked. Give less, or let an owner or decider approve.
        MoreThanAsked,
        /// The grant would outlast the role that you give it by. Choose an earlier end.
        OutlastsOwnRole,
        /// The patient has 64 live grants that let write. Revoke one, or wait until one ends.
        TooManyWriters,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        /// Sweeps with what the block has left; nothing depends on its having run.
        fn on_idle(_n: BlockNumberFor<T>, remaining: Weight) -> Weight {
            let base = T::WeightInfo::sweep(0);
            let step = T::WeightInfo::sweep(1).saturating_sub(base);
            let Some(left) = remaining.checked_sub(&base) else {
                return Weight::zero();
            };
            let affordable = left.checked_div_per_component(&step).unwrap_or(0);
            let limit = affordable.min(MAX_SWEEP.into()) as u32;
            T::WeightInfo::sweep(Self::do_sweep(limit))
        }

        #[cfg(feature = "try-runtime")]
        fn try_state(_n: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Steps of one sweep, at most.
        #[pallet::constant_name(MaxSweep)]
        fn max_sweep() -> u32 {
            MAX_SWEEP
        }

        /// Envelopes of one grant, at most.
        #[pallet::constant_name(MaxEnvelopes)]
        fn max_envelopes() -> u32 {
            MAX_ENVELOPES
        }

        /// Live grants of one patient that let write, at most.
        #[pallet::constant_name(MaxWriters)]
        fn max_writers() -> u32 {
            MAX_WRITERS
        }

        /// Compartments or records that one grant names, at most.
        #[pallet::constant_name(MaxScope)]
        fn max_scope() -> u32 {
            salus_primitives::rows::MAX_SCOPE
        }

        /// What a request takes of the organisation's allowance in the patient's trail.
        #[pallet::constant_name(RequestEntries)]
        fn request_entries() -> u32 {
            REQUEST_ENTRIES
        }

        /// Rows that `SalusApi` returns at once, at most.
        #[pallet::constant_name(MaxPage)]
        fn max_page() -> u32 {
            MAX_PAGE
        }
    }

    #[pallet::call(weight(<T as Config>::WeightInfo))]
    impl<T: Config> Pallet<T> {
        /// Ask a patient for access.
        ///
        /// Signed by a clinician or service in good standing. `letter` is an age file to the
        /// patient's inbox and says what for; `duration` is in milliseconds. The request lapses
        /// after `RequestLifetime`, or when the patient changes hands. What is offered is held until
        /// then: the owner or decider who approves is paid, otherwise it goes back. Takes
        /// `RequestEntries` of what the organisation may write into the patient's trail. Emits
        /// `AccessRequested`.
        #[pallet::call_index(0)]
        pub fn request(
            origin: OriginFor<T>,
            patient: PatientId,
            purpose: Purpose,
            duration: Moment,
            letter: Cid,
            offer: Option<Balance>,
        ) -> DispatchResultWithPostInfo {
            let (actor, organisation, request, pending) =
                Self::ensure_asks(origin, patient, duration, &letter).map_err(Self::refused)?;
            let asked_at = T::Chain::now();
            let expires_at = asked_at.saturating_add(T::RequestLifetime::get());

            PendingRequests::<T>::insert(patient, organisation, pending);
            NextRequest::<T>::insert(patient, request.saturating_add(1));
            Letters::<T>::insert(patient, letter, ());
            Requests::<T>::insert(
                patient,
                request,
                Request {
                    requester: actor.clone(),
                    organisation,
                    purpose,
                    letter,
                    duration,
                    asked_at,
                    expires_at,
                    state: RequestState::Pending,
                },
            );
            let event = Event::AccessRequested {
                patient,
                actor: actor.clone(),
                organisation,
                request,
                purpose,
                duration,
                letter,
            };
            Self::deposit(event, &patient);
            if let Some(amount) = offer {
                T::Offers::offer(patient, request, &actor, amount, expires_at)?;
            }
            Ok(().into())
        }

        /// Take back a request for access.
        ///
        /// Signed by the account that asked, or by the admin of the organisation it asked for, in good
        /// standing, while the request has not lapsed by its time; whether the patient has changed
        /// hands does not matter. What was offered goes back. Takes one entry of what the signer's
        /// organisation may write into the patient's trail. Emits `RequestWithdrawn`.
        #[pallet::call_index(1)]
        pub fn withdraw_request(
            origin: OriginFor<T>,
            patient: PatientId,
            request: RequestIndex,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let row = Self::waiting(&patient, request)?;
            let member = T::Standing::member(&actor);
            let organisation = row.organisation;
            ensure!(
                row.requester == actor || member == Some(Member::Admin { organisation }),
                Error::<T>::NotRequester
            );
            let member = member.ok_or(Error::<T>::NotAClinician)?;
            T::Allowance::spend(&patient, member.organisation(), WITHDRAWAL_ENTRIES)?;

            Self::close(&patient, request, row, RequestState::Withdrawn);
            let event = Event::RequestWithdrawn {
                patient,
                actor,
                request,
            };
            Self::deposit(event, &patient);
            T::Offers::give_back(patient, request);
            Ok(())
        }

        /// Decline a request for access.
        ///
        /// Signed by a controller of the patient; carers may. It may be a request from before the
        /// patient last changed hands, which nobody approves any more. What was offered goes back.
        /// Emits `RequestDeclined`.
        #[pallet::call_index(2)]
        pub fn decline(
            origin: OriginFor<T>,
            patient: PatientId,
            request: RequestIndex,
        ) -> DispatchResult {
            let by = T::Control::ensure_answers(patient, ensure_signed(origin)?)?;
            let row = Self::waiting(&by.patient, request)?;
            Self::close(&by.patient, request, row, RequestState::Declined);
            let event = Event::RequestDeclined {
                patient: by.patient,
                actor: by.actor,
                request,
            };
            Self::deposit(event, &by.patient);
            T::Offers::give_back(by.patient, request);
            Ok(())
        }

        /// Answer a request with a grant: as asked, less, or shorter.
        ///
        /// Signed by a controller of the patient who did not ask. The grantee is the account that
        /// asked, at the organisation it asked for, or that organisation; the purpose is the one asked
        /// for; and the grant does not outlast the signer's role. A carer, who must not belong to that
        /// organisation, lets read only, no longer than asked, and only where nothing is offered. A
        /// request from before the patient last changed hands has lapsed. Pays the signer what was
        /// offered. Emits `Granted`, and `EnvelopeDelivered` if the keys come along.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::approve(terms.scope.len()))]
        pub fn approve(
            origin: OriginFor<T>,
            patient: PatientId,
            request: RequestIndex,
            terms: GrantTerms,
            envelope: Option<Cid>,
        ) -> DispatchResultWithPostInfo {
            let (by, row) = Self::ensure_approves(origin, patient, request, &terms, &envelope)
                .map_err(Self::refused)?;
            let basis = Basis::Request(request);
            let grant = Self::put_grant(by.patient, &by.actor, terms, envelope, basis)?;
            Self::close(&by.patient, request, row, RequestState::Approved { grant });
            T::Offers::pay(by.patient, request, &by.actor)?;
            Ok(().into())
        }

        /// Give somebody access to part of a patient's records for a time.
        ///
        /// Signed by an owner or decider, whose role the grant does not outlast. Emits `Granted`, and
        /// `EnvelopeDelivered` if the keys come along.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::grant(terms.scope.len()))]
        pub fn grant(
            origin: OriginFor<T>,
            patient: PatientId,
            terms: GrantTerms,
            envelope: Option<Cid>,
        ) -> DispatchResultWithPostInfo {
            let by =
                Self::ensure_grants(origin, patient, &terms, &envelope).map_err(Self::refused)?;
            Self::put_grant(by.patient, &by.actor, terms, envelope, Basis::Direct)?;
            Ok(().into())
        }

        /// End a grant at once.
        ///
        /// Signed by an owner or decider. Possible whatever the state of patient, grantee or
        /// clock, once per grant. Emits `Revoked`.
        #[pallet::call_index(5)]
        pub fn revoke(
            origin: OriginFor<T>,
            patient: PatientId,
            grant: GrantIndex,
        ) -> DispatchResult {
            let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
            let row = Grants::<T>::get(by.patient, grant).ok_or(Error::<T>::GrantNotFound)?;
            ensure!(row.revoked_at.is_none(), Error::<T>::AlreadyRevoked);
            Self::do_revoke(by.patient, by.actor, grant, row);
            Ok(())
        }

        /// Hand the keys for a grant to its grantee, anew after each rotation.
        ///
        /// Signed by an owner or decider, while the grant is not over. Emits `EnvelopeDelivered`.
        #[pallet::call_index(6)]
        pub fn deliver_envelope(
            origin: OriginFor<T>,
            patient: PatientId,
            grant: GrantIndex,
            envelope: Cid,
        ) -> DispatchResult {
            let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
            let row = Grants::<T>::get(by.patient, grant).ok_or(Error::<T>::GrantNotFound)?;
            ensure!(
                !predicate::has_ended(&row, T::Chain::now()),
                Error::<T>::GrantEnded
            );
            ensure!(envelope.is_well_formed(), Error::<T>::MalformedCid);
            Self::hand_over(by.patient, &by.actor, grant, &row, envelope)
        }

        /// Note which grants have ended by themselves, and clear them from the indices.
        ///
        /// Signed by anyone; nothing depends on it. A step ends one grant or passes an empty hour;
        /// `limit` is at most 128. Emits `Expired` for each grant.
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::sweep((*limit).min(MAX_SWEEP)))]
        pub fn sweep(origin: OriginFor<T>, limit: u32) -> DispatchResultWithPostInfo {
            ensure_signed(origin)?;
            ensure!(
                limit <= MAX_SWEEP,
                Error::<T>::TooManySteps.with_weight(T::WeightInfo::sweep(0))
            );
            let steps = Self::do_sweep(limit);
            Ok(Some(T::WeightInfo::sweep(steps)).into())
        }
    }
}
