//! # Recovery
//!
//! Who gives a patient to a new account when every key is lost, and after how long.
//!
//! ## Overview
//!
//! A phone is lost, and nobody can reset a key. So the patient names **helpers** while all is well:
//! a sister, a neighbour, the family doctor. Enough of them together install a new owner, after a
//! delay in which whoever still has a key can stop them. Then the old account controls nothing.
//!
//! This is about the account. What decrypts is split among the same helpers, each of whom keeps a
//! share that tells nothing by itself; here stands only the hash of each, so that a wrong one is
//! noticed and named.
//!
//! ## Scenario
//!
//! 1. The patient names three helpers, of whom two suffice, and a delay of three days:
//!    [`Call::set_plan`].
//! 2. The phone drowns. On a new one the patient makes an account, which signs that it takes this
//!    patient over: [`SuccessionConsent`]. It sends nothing, and needs no role.
//! 3. The sister calls [`Call::start`] with that signature, the neighbour [`Call::approve`]: two of
//!    three, so the three days begin.
//! 4. Nobody objects. The sister calls [`Call::finish`]: the new account is the only controller.
//! 5. Another time two helpers are talked into it by a thief. The patient's tablet hears of it and
//!    calls [`Call::cancel`], then names other helpers: [`Call::set_plan`] announces them, and after
//!    the plan's delay the same call names them. Should one of the old ones begin again and again,
//!    [`Call::remove_plan`] ends that together with the plan, after the same delay.
//! 6. A thief has the tablet, an owner like the phone, and each vetoes what the other does. The
//!    helpers give the patient to the phone's account, which nobody else can cancel.
//!
//! ## Design
//!
//! * **Below the threshold nothing happens**, and no delay begins. A helper stands behind one
//!   recovery at a time; whoever takes their word back below the threshold stops the clock, which
//!   begins anew when it is reached again.
//! * **The plan stands still while a recovery is under way**: cancel it first. So the words that were
//!   given are words of that plan's helpers. An owner for good may remove the plan all the same: the
//!   recoveries end with it, each with its event, and no helper can keep a bad plan in force.
//! * **Helpers are not outrun.** To remove or replace a plan waits as long as a recovery by it would,
//!   and whoever decides can veto it. Where another owner decides too it waits 72 hours at least, as
//!   the end of an owner's role does, and so does naming the first helpers: or they would be the
//!   quick way to take that owner's role.
//! * **Helpers break the tie between owners.** Each owner can veto whatever another one announces;
//!   but nobody else cancels a recovery to an account that is an owner for good.
//! * **A plan ends with those who made it.** When a patient changes hands, by a recovery too, the plan
//!   and all that is under way end: shares of it open old keys, and the new owner makes new ones.
//! * **What is irrevocable waits for helpers.** While a recovery is under way that began before, nothing
//!   falls due, and after it has succeeded the new owner has 72 hours: [`salus_primitives::traits::RecoveryPlans::not_before`].
//! * **Nobody gains a power by naming helpers.** Where there is an owner, owners alone name them; and
//!   a plan of anybody but an owner for good leaves the others a week, since such an owner alone may
//!   take anybody's role away. It does so too once whoever set it is no such owner any more, even if
//!   the delay has begun: the short delay of a thief's plan goes with the thief.
//! * **A helper must be able to transact** when the time comes: a clinician, or a controller of some
//!   patient, as a carer is. This is not asked when a plan is set, for they may join later; and what
//!   is true then need not be true in years. Test the plan from time to time.
//! * **The new owner signs off the chain** and sends nothing: a stranger's transactions are turned
//!   away before the chain. Any helper can finish.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod mock;
mod succession;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

use alloc::vec::Vec;
use frame_support::{dispatch::WithPostDispatchInfo, pallet_prelude::*};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    rows::{ENDING_COUNTS, ENDING_WAITS},
    traits::{Chain, Control, PatientOrigin, Succession, Trail},
    AccountId, ControllerRole, Ending, Helper, Moment, NewPlan, PatientId, PendingRecovery,
    RecoveryPlan, SuccessionConsent, DAY, MAX_HELPERS, SECOND,
};

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// One helper alone would be an owner.
pub const MIN_THRESHOLD: u8 = 2;
pub const MIN_DELAY: Moment = SECOND;
pub const MAX_DELAY: Moment = 90 * DAY;
/// The least delay of a plan whose maker is no owner for good, or is none any more, so that others
/// can stop it.
pub const MIN_DELAY_OF_OTHERS: Moment = 7 * DAY;

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

        /// Where every event about a patient goes.
        type Trail: Trail<<Self as frame_system::Config>::RuntimeEvent>;

        /// Who decides for a patient.
        type Control: Control<AccountId>;

        /// Installs the new owner.
        type Succession: Succession<AccountId>;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkWorld<AccountId>
            + salus_primitives::traits::BenchmarkKeys<AccountId>
            + salus_primitives::traits::BenchmarkCrowd;
    }

    /// Whom each patient named to help. At most one row per patient: written by `set_plan` and
    /// `complete`, removed by `remove_plan`, `complete` and each change of hands.
    #[pallet::storage]
    pub type Plans<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, RecoveryPlan>;

    /// The recoveries under way, by the account that each would make the owner.
    ///
    /// Written by `start`, `approve` and `withdraw`; removed by `cancel`, by the last `withdraw`, by
    /// `finish`, and all of a patient's with the plan. At most one row per helper, who stands behind
    /// one at a time.
    #[pallet::storage]
    pub type Recoveries<T: Config> = StorageDoubleMap<
        _,
        Blake2_128Concat,
        PatientId,
        Blake2_128Concat,
        AccountId,
        PendingRecovery,
    >;

    /// What is to become of each patient's plan. At most one row per patient: written by `set_plan`
    /// and `remove_plan`, removed when it is carried out or vetoed, and with the plan.
    #[pallet::storage]
    pub type Endings<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, Ending>;

    /// The last recovery of each patient that succeeded. At most one row per patient, written by
    /// `finish` and never removed: each was an owner's, who was paid for by an enrolment.
    #[pallet::storage]
    pub type LastRecoveries<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, LastRecovery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// A patient named helpers, who together can give the patient to a new account.
        #[codec(index = 0)]
        PlanSet {
            patient: PatientId,
            actor: AccountId,
            helpers: u32,
            threshold: u8,
            delay: Moment,
        },
        /// A patient has no helpers any more.
        #[codec(index = 1)]
        PlanRemoved {
            patient: PatientId,
            actor: AccountId,
        },
        /// A helper began to give a patient to a new account.
        #[codec(index = 2)]
        RecoveryStarted {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
        },
        /// Another helper agreed to give a patient to a new account, from a moment on if enough have.
        #[codec(index = 3)]
        RecoveryApproved {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
            ready_at: Option<Moment>,
        },
        /// A helper took their word back.
        #[codec(index = 4)]
        RecoveryWithdrawn {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
        },
        /// Somebody who decides for the patient stopped a recovery.
        #[codec(index = 5)]
        RecoveryCancelled {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
        },
        /// Helpers gave a patient to a new account; all others lost their roles.
        #[codec(index = 6)]
        RecoveryFinished {
            patient: PatientId,
            actor: AccountId,
            owner: AccountId,
        },
        /// A patient's helpers are to end or to be others, from a moment on.
        #[codec(index = 7)]
        PlanEnding {
            patient: PatientId,
            actor: AccountId,
            due: Moment,
        },
        /// An announced end of a patient's helpers was stopped, or ended with those who decided.
        #[codec(index = 8)]
        EndingVetoed {
            patient: PatientId,
            actor: AccountId,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The patient has an owner, who alone names helpers.
        NotAuthorized,
        /// At least 2 helpers must be needed, and not more than there are.
        InvalidThreshold,
        /// An account is named twice. Name each helper once.
        DuplicateHelper,
        /// A helper decides for the patient already, and would be lost with the same keys. Name
        /// another.
        HelperDecides,
        /// The delay is at least 1 second and at most 90 days.
        InvalidDelay,
        /// Unless an owner for good sets it, a plan leaves the others 7 days at least.
        DelayTooShort,
        /// A recovery is under way. Cancel it first; or an owner for good removes the plan, which ends
        /// it.
        RecoveryUnderWay,
        /// The patient has named no helpers.
        NoPlan,
        /// The signer is not a helper of this patient.
        NotAHelper,
        /// The consent has expired; let the new owner sign a new one.
        ConsentExpired,
        /// The new owner has not signed that it takes this patient over.
        BadConsent,
        /// A recovery to this account is under way. Approve it.
        AlreadyStarted,
        /// The helper stands behind a recovery already. Withdraw from it first.
        AlreadyApproved,
        /// No recovery to this account is under way.
        NotFound,
        /// The helper does not stand behind this recovery.
        NotApproved,
        /// Helpers are missing, or the delay is not over. Wait.
        NotReady,
        /// The account is an owner for good: only itself stops a recovery to it, or the end of the
        /// plan does. Announce that.
        OwnerRecovers,
        /// Something else is to become of the plan. Veto that first.
        EndingPending,
        /// Nothing is announced about the plan, or too long ago. Announce it first.
        NothingPending,
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// The least number of helpers that are needed.
        #[pallet::constant_name(MinThreshold)]
        fn min_threshold() -> u8 {
            MIN_THRESHOLD
        }
        /// The shortest delay of a plan, in milliseconds.
        #[pallet::constant_name(MinDelay)]
        fn min_delay() -> Moment {
            MIN_DELAY
        }
        /// The longest delay of a plan, in milliseconds.
        #[pallet::constant_name(MaxDelay)]
        fn max_delay() -> Moment {
            MAX_DELAY
        }
        /// The shortest delay of a plan whose maker is no owner for good, in milliseconds.
        #[pallet::constant_name(MinDelayOfOthers)]
        fn min_delay_of_others() -> Moment {
            MIN_DELAY_OF_OTHERS
        }
        /// Milliseconds that a change of the plan waits at least, where another owner decides too.
        #[pallet::constant_name(EndingWaits)]
        fn ending_waits() -> Moment {
            ENDING_WAITS
        }
        /// Milliseconds for which something announced can be carried out once it is due.
        #[pallet::constant_name(EndingCounts)]
        fn ending_counts() -> Moment {
            ENDING_COUNTS
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Names who helps a patient back in, how many of them it takes, and how long an owner has to
        /// stop them. The first helpers at once; to replace helpers waits the delay of their plan, and
        /// then the same call, or [`Call::complete`], does it.
        ///
        /// Owners; guardians where there is no owner. Where another owner for good decides too, it
        /// waits 72 hours at least, also for the first helpers. Whether a helper can transact is not
        /// asked: they may join later.
        ///
        /// Errors: those of control; `NotAuthorized`, `RecoveryUnderWay`, `InvalidThreshold`,
        /// `DuplicateHelper`, `HelperDecides`, `InvalidDelay`, `DelayTooShort`, `EndingPending`,
        /// `NotReady`. Events: `PlanSet`, or `PlanEnding` while it waits.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::set_plan())]
        pub fn set_plan(
            origin: OriginFor<T>,
            patient: PatientId,
            helpers: BoundedVec<Helper, ConstU32<MAX_HELPERS>>,
            threshold: u8,
            delay: Moment,
        ) -> DispatchResult {
            let actor = Self::ensure_names_helpers(ensure_signed(origin)?, patient)?;
            ensure!(!Self::is_under_way(&patient), Error::<T>::RecoveryUnderWay);
            Self::ensure_is_plan(&patient, &helpers, threshold)?;
            ensure!(
                (MIN_DELAY..=MAX_DELAY).contains(&delay),
                Error::<T>::InvalidDelay
            );
            ensure!(
                delay >= MIN_DELAY_OF_OTHERS || T::Succession::owns_for_good(&patient, &actor),
                Error::<T>::DelayTooShort
            );
            let new = NewPlan {
                helpers,
                threshold,
                delay,
            };
            Self::change_plan(patient, actor, Some(new))?;
            Ok(())
        }

        /// Announces that a patient is to be without helpers. After the delay of their plan the same
        /// call, or [`Call::complete`], does it. What they have begun ends too, if an owner for good
        /// says so: or a helper who begins again after each `cancel` would keep the plan in force.
        ///
        /// Owners; guardians where there is no owner. While a recovery is under way, owners for good.
        /// Where another owner for good decides too, it waits 72 hours at least.
        ///
        /// Errors: those of control; `NotAuthorized`, `NoPlan`, `RecoveryUnderWay`, `EndingPending`,
        /// `NotReady`. Events: `PlanEnding`; or `RecoveryCancelled` for each that was under way, and
        /// `PlanRemoved`.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::remove_plan())]
        pub fn remove_plan(origin: OriginFor<T>, patient: PatientId) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Self::do_remove_plan(who, patient).map_or_else(
                |error| Err(error.with_weight(T::WeightInfo::cancel())),
                |ended| Ok((!ended).then(T::WeightInfo::cancel).into()),
            )
        }

        /// Begins to give a patient to a new account, and is the first word for it.
        ///
        /// A helper, with the new account's signed consent.
        ///
        /// Errors: `NoPlan`, `NotAHelper`, `AlreadyStarted`, `AlreadyApproved`, `ConsentExpired`,
        /// `BadConsent`; that of succession, for an account of somebody's staff.
        /// Event: `RecoveryStarted`.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::start())]
        pub fn start(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
            consent: SuccessionConsent,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            Self::ensure_helper(&patient, &actor)?;
            ensure!(
                !Recoveries::<T>::contains_key(patient, &owner),
                Error::<T>::AlreadyStarted
            );
            Self::ensure_free(&patient, &actor)?;
            T::Succession::ensure_may_own(&owner)?;
            let now = T::Chain::now();
            ensure!(now < consent.expires_at, Error::<T>::ConsentExpired);
            ensure!(
                consent.is_signed_by(&owner, &T::Chain::genesis(), &patient),
                Error::<T>::BadConsent
            );

            let mut recovery = PendingRecovery {
                started_at: now,
                helpers: Default::default(),
                enough_since: None,
            };
            recovery
                .helpers
                .try_push(actor.clone())
                .map_err(|_| Error::<T>::AlreadyApproved)?;
            Recoveries::<T>::insert(patient, &owner, recovery);
            Self::deposit(
                patient,
                Event::RecoveryStarted {
                    patient,
                    actor,
                    owner,
                },
            );
            Ok(())
        }

        /// Agrees to give a patient to a new account. With the last word that it takes, the delay
        /// begins.
        ///
        /// Another helper, who stands behind no other recovery of this patient.
        ///
        /// Errors: `NoPlan`, `NotAHelper`, `NotFound`, `AlreadyApproved`. Event: `RecoveryApproved`.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::approve())]
        pub fn approve(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let plan = Self::ensure_helper(&patient, &actor)?;
            let mut recovery = Recoveries::<T>::get(patient, &owner).ok_or(Error::<T>::NotFound)?;
            Self::ensure_free(&patient, &actor)?;

            recovery
                .helpers
                .try_push(actor.clone())
                .map_err(|_| Error::<T>::AlreadyApproved)?;
            if recovery.enough_since.is_none() && is_enough(&recovery, &plan) {
                recovery.enough_since = Some(T::Chain::now());
            }
            let ready_at = recovery.ready_at(&plan);
            Recoveries::<T>::insert(patient, &owner, recovery);
            Self::deposit(
                patient,
                Event::RecoveryApproved {
                    patient,
                    actor,
                    owner,
                    ready_at,
                },
            );
            Ok(())
        }

        /// Takes a helper's word back. If too few are left the delay is off, and a recovery that
        /// nobody stands behind is no more.
        ///
        /// A helper who stands behind it.
        ///
        /// Errors: `NoPlan`, `NotAHelper`, `NotFound`, `NotApproved`. Event: `RecoveryWithdrawn`.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::withdraw())]
        pub fn withdraw(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let plan = Self::ensure_helper(&patient, &actor)?;
            let mut recovery = Recoveries::<T>::get(patient, &owner).ok_or(Error::<T>::NotFound)?;
            ensure!(recovery.helpers.contains(&actor), Error::<T>::NotApproved);

            recovery.helpers.retain(|helper| *helper != actor);
            if !is_enough(&recovery, &plan) {
                recovery.enough_since = None;
            }
            if recovery.helpers.is_empty() {
                Recoveries::<T>::remove(patient, &owner);
            } else {
                Recoveries::<T>::insert(patient, &owner, recovery);
            }
            Self::deposit(
                patient,
                Event::RecoveryWithdrawn {
                    patient,
                    actor,
                    owner,
                },
            );
            Ok(())
        }

        /// Stops a recovery, until its last moment.
        ///
        /// Owners and guardians; one to an account that is an owner for good, that account alone.
        ///
        /// Errors: those of control; `NotFound`, `OwnerRecovers`. Event: `RecoveryCancelled`.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::cancel())]
        pub fn cancel(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let PatientOrigin { patient, actor, .. } = T::Control::ensure_decides(patient, who)?;
            ensure!(
                Recoveries::<T>::contains_key(patient, &owner),
                Error::<T>::NotFound
            );
            ensure!(
                actor == owner || !T::Succession::owns_for_good(&patient, &owner),
                Error::<T>::OwnerRecovers
            );

            Recoveries::<T>::remove(patient, &owner);
            Self::deposit(
                patient,
                Event::RecoveryCancelled {
                    patient,
                    actor,
                    owner,
                },
            );
            Ok(())
        }

        /// Gives a patient to the new account: everybody else loses their role, and all that they laid
        /// down and that acts without asking ends. So does the plan, with all other recoveries.
        ///
        /// A helper or the new account, once the delay is over: a week at least if whoever set the plan
        /// is no owner for good any more.
        ///
        /// Errors: `NoPlan`, `NotAHelper`, `NotFound`, `NotReady`; those of succession.
        /// Events: `RecoveryFinished`; `PlanRemoved`, `RecoveryCancelled` for each other one, and those
        /// of succession.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::finish().saturating_add(T::Succession::weight()))]
        pub fn finish(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
        ) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Self::do_finish(who, patient, owner)
                .map_err(|error| error.with_weight(T::WeightInfo::approve()))?;
            Ok(().into())
        }

        /// Carries out what was announced about a patient's plan, once it is due: its end, or others
        /// in the place of its helpers.
        ///
        /// Whoever may announce it; for 30 days.
        ///
        /// Errors: those of control; `NotAuthorized`, `NothingPending`, `NotReady`, `RecoveryUnderWay`,
        /// `InvalidThreshold`, `DuplicateHelper`, `HelperDecides`.
        /// Events: `PlanSet`; or `RecoveryCancelled` for each that was under way, and `PlanRemoved`.
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::complete())]
        pub fn complete(origin: OriginFor<T>, patient: PatientId) -> DispatchResultWithPostInfo {
            let who = ensure_signed(origin)?;
            Self::do_complete(who, patient)
                .map_err(|error| error.with_weight(T::WeightInfo::cancel()))?;
            Ok(().into())
        }

        /// Stops what was announced about a patient's plan.
        ///
        /// Owners and guardians.
        ///
        /// Errors: those of control; `NothingPending`. Event: `EndingVetoed`.
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::veto_ending())]
        pub fn veto_ending(origin: OriginFor<T>, patient: PatientId) -> DispatchResult {
            let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
            ensure!(
                Endings::<T>::contains_key(patient),
                Error::<T>::NothingPending
            );

            Endings::<T>::remove(patient);
            let actor = by.actor;
            Self::deposit(patient, Event::EndingVetoed { patient, actor });
            Ok(())
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// Who can give a patient to a new account, with the delay that counts now; none if nobody was
        /// named.
        pub fn plan(patient: PatientId) -> Option<RecoveryPlan> {
            let mut plan = Plans::<T>::get(patient)?;
            if !T::Succession::owns_for_good(&patient, &plan.set_by) {
                plan.delay = plan.delay.max(MIN_DELAY_OF_OTHERS);
            }
            Some(plan)
        }

        /// What was announced about the helpers, and waits for its time.
        pub fn ending(patient: PatientId) -> Option<Ending> {
            Endings::<T>::get(patient).filter(|row| row.counts(T::Chain::now()))
        }

        /// A patient's recoveries under way, in the order of the accounts they would make owners.
        pub fn recoveries(patient: PatientId) -> Vec<(AccountId, PendingRecovery)> {
            let mut rows: Vec<_> = Recoveries::<T>::iter_prefix(patient).collect();
            rows.sort_by(|(left, _), (right, _)| left.cmp(right));
            rows
        }
    }
}

pub(crate) fn is_enough(recovery: &PendingRecovery, plan: &RecoveryPlan) -> bool {
    recovery.helpers.len() >= usize::from(plan.threshold)
}

impl<T: Config> Pallet<T> {
    /// Who may change the plan.
    fn ensure_names_helpers(
        who: AccountId,
        patient: PatientId,
    ) -> Result<AccountId, DispatchError> {
        let by = T::Control::ensure_decides(patient, who)?;
        ensure!(
            by.role == ControllerRole::Owner || !T::Succession::has_owner(&patient),
            Error::<T>::NotAuthorized
        );
        Ok(by.actor)
    }

    fn is_under_way(patient: &PatientId) -> bool {
        Recoveries::<T>::iter_key_prefix(patient).next().is_some()
    }

    /// Returns whether the plan has ended.
    fn do_remove_plan(who: AccountId, patient: PatientId) -> Result<bool, DispatchError> {
        let actor = Self::ensure_names_helpers(who, patient)?;
        ensure!(Plans::<T>::contains_key(patient), Error::<T>::NoPlan);
        Self::ensure_may_end_recoveries(&patient, &actor)?;
        Self::change_plan(patient, actor, None)
    }

    fn do_complete(who: AccountId, patient: PatientId) -> DispatchResult {
        let actor = Self::ensure_names_helpers(who, patient)?;
        let now = T::Chain::now();
        let ending = Endings::<T>::get(patient)
            .filter(|ending| ending.counts(now))
            .ok_or(Error::<T>::NothingPending)?;
        ensure!(now >= ending.due, Error::<T>::NotReady);
        Self::carry_out(patient, actor, ending)
    }

    /// Announces what is to become of the plan, or does it if the same was announced and is due, or
    /// if nobody has to wait. Returns whether it has happened.
    fn change_plan(
        patient: PatientId,
        actor: AccountId,
        replacement: Option<NewPlan>,
    ) -> Result<bool, DispatchError> {
        let now = T::Chain::now();
        if let Some(ending) = Endings::<T>::get(patient).filter(|ending| ending.counts(now)) {
            ensure!(ending.replacement == replacement, Error::<T>::EndingPending);
            ensure!(now >= ending.due, Error::<T>::NotReady);
            Self::carry_out(patient, actor, ending)?;
            return Ok(true);
        }
        let waits = Self::change_waits(&patient, &actor);
        let due = now.saturating_add(waits);
        let ending = Ending {
            by: actor.clone(),
            announced_at: now,
            due,
            replacement,
        };
        if waits == 0 {
            Self::carry_out(patient, actor, ending)?;
            return Ok(true);
        }
        Endings::<T>::insert(patient, ending);
        Self::deposit(
            patient,
            Event::PlanEnding {
                patient,
                actor,
                due,
            },
        );
        Ok(false)
    }

    /// Milliseconds that whoever changes the plan has to wait.
    fn change_waits(patient: &PatientId, actor: &AccountId) -> Moment {
        let delay = Self::plan(*patient).map_or(0, |plan| plan.delay);
        if T::Succession::has_other_owner_for_good(patient, actor) {
            delay.max(ENDING_WAITS)
        } else {
            delay
        }
    }

    fn carry_out(patient: PatientId, actor: AccountId, ending: Ending) -> DispatchResult {
        let Some(new) = ending.replacement else {
            Self::ensure_may_end_recoveries(&patient, &actor)?;
            Endings::<T>::remove(patient);
            Self::end_plan(patient, &actor);
            return Ok(());
        };
        ensure!(!Self::is_under_way(&patient), Error::<T>::RecoveryUnderWay);
        // A helper may have begun to decide since.
        Self::ensure_is_plan(&patient, &new.helpers, new.threshold)?;

        Endings::<T>::remove(patient);
        let (helpers, threshold, delay) = (new.helpers.len() as u32, new.threshold, new.delay);
        Plans::<T>::insert(
            patient,
            RecoveryPlan {
                helpers: new.helpers,
                threshold,
                delay,
                set_at: ending.announced_at,
                set_by: ending.by,
            },
        );
        Self::deposit(
            patient,
            Event::PlanSet {
                patient,
                actor,
                helpers,
                threshold,
                delay,
            },
        );
        Ok(())
    }

    fn ensure_may_end_recoveries(patient: &PatientId, actor: &AccountId) -> DispatchResult {
        ensure!(
            !Self::is_under_way(patient) || T::Succession::owns_for_good(patient, actor),
            Error::<T>::RecoveryUnderWay
        );
        Ok(())
    }

    fn ensure_is_plan(patient: &PatientId, helpers: &[Helper], threshold: u8) -> DispatchResult {
        ensure!(
            threshold >= MIN_THRESHOLD && usize::from(threshold) <= helpers.len(),
            Error::<T>::InvalidThreshold
        );
        ensure!(are_distinct(helpers), Error::<T>::DuplicateHelper);
        let decides = |helper: &Helper| {
            T::Control::role(patient, &helper.account)
                .is_some_and(|role| role != ControllerRole::Carer)
        };
        ensure!(!helpers.iter().any(decides), Error::<T>::HelperDecides);
        Ok(())
    }

    fn ensure_helper(
        patient: &PatientId,
        account: &AccountId,
    ) -> Result<RecoveryPlan, DispatchError> {
        let plan = Self::plan(*patient).ok_or(Error::<T>::NoPlan)?;
        ensure!(
            plan.helpers.iter().any(|helper| helper.account == *account),
            Error::<T>::NotAHelper
        );
        Ok(plan)
    }

    /// That a helper stands behind no recovery of the patient.
    fn ensure_free(patient: &PatientId, helper: &AccountId) -> DispatchResult {
        ensure!(
            !Recoveries::<T>::iter_prefix_values(patient)
                .any(|recovery| recovery.helpers.contains(helper)),
            Error::<T>::AlreadyApproved
        );
        Ok(())
    }

    fn deposit(patient: PatientId, event: Event<T>) {
        T::Trail::deposit(&patient, event.into());
    }
}

pub(crate) fn are_distinct(helpers: &[Helper]) -> bool {
    helpers.iter().enumerate().all(|(index, helper)| {
        helpers[..index]
            .iter()
            .all(|other| other.account != helper.account)
    })
}
