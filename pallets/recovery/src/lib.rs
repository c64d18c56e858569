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
//! share that tells nothing by itself. Here stands a commitment to each helper, which binds the
//! share, too: neither who helps shows, nor how many, before they act.
//!
//! ## Scenario
//!
//! 1. The patient names three helpers, of whom two suffice, and a delay of three days. The chain
//!    gets seven commitments, four of them random: [`Call::set_plan`].
//! 2. The phone drowns. On a new one the patient makes an account, which signs that it takes this
//!    patient over: [`SuccessionConsent`]. It sends nothing, and needs no role.
//! 3. The sister calls [`Call::start`] with that signature, and shows which commitment is hers; the
//!    neighbour [`Call::approve`]: two, so the three days begin.
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
//! * **Helpers are commitments**, always [`MAX_HELPERS`] of them, in ascending order: the same helpers
//!   of two patients have nothing in common. The salt came with the share, and whoever acts shows it.
//!   How many it takes is in each of them, and shown by whoever begins.
//! * **A helper need not be known to the chain.** The call itself shows that the patient named them,
//!   and so the door lets it pass, at the patient's expense: [`Invitations`]. So nobody has to help
//!   with the account of their own chart. The account stays in `System` with its nonce, or a call
//!   could be sent again: at most one for each commitment that was opened.
//! * **The new owner signs off the chain** and sends nothing: a stranger's transactions are turned
//!   away before the chain. Any helper who stands behind it can finish.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod invitations;
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
    commitment,
    predicate::is_ascending,
    rows::{ENDING_COUNTS, ENDING_WAITS},
    traits::{Chain, Control, PatientOrigin, Succession, Trail},
    AccountId, ControllerRole, Ending, Helpers, Moment, NewPlan, PatientId, PendingRecovery,
    RecoveryPlan, SuccessionConsent, DAY, MAX_HELPERS, SECOND,
};
use sp_core::H256;

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

    /// Commitments to whom each patient named to help. At most one row per patient: written by `set_plan` and
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
        /// The commitments are not in ascending order, or one stands there twice. Sort them: another
        /// order would tell something.
        HelpersNotAscending,
        /// At least 2 helpers must be needed, and at most 7 can be: nobody can begin with such a
        /// commitment. Let the patient name helpers anew.
        InvalidThreshold,
        /// The helper decides for the patient. Give that role up first, or decide with it.
        HelperDecides,
        /// The delay is at least 1 second and at most 90 days.
        InvalidDelay,
        /// Only an owner for good gives less than 7 days to stop helpers. Take 7; or, if you are the patient
        /// and decide alone, declare yourself owner first.
        DelayTooShort,
        /// A recovery is under way. Cancel it first; or an owner for good removes the plan, which ends
        /// it.
        RecoveryUnderWay,
        /// The patient has named no helpers.
        NoPlan,
        /// No commitment of the plan is to this account with this salt and threshold. Take them from
        /// the newest share, and act with the account that it was made for.
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
        /// The account does not stand behind this recovery. Approve it first.
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
        /// Owners; deciders where there is no owner. Where another owner for good decides too, it
        /// waits 72 hours at least, also for the first helpers. Each helper is a commitment that binds
        /// how many it takes; nobody sees whether there are enough that can be opened.
        ///
        /// Errors: those of control; `NotAuthorized`, `RecoveryUnderWay`, `HelpersNotAscending`,
        /// `InvalidDelay`, `DelayTooShort`, `EndingPending`, `NotReady`. Events: `PlanSet`, or
        /// `PlanEnding` while it waits.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::set_plan())]
        pub fn set_plan(
            origin: OriginFor<T>,
            patient: PatientId,
            helpers: Helpers,
            delay: Moment,
        ) -> DispatchResult {
            let actor = Self::ensure_names_helpers(ensure_signed(origin)?, patient)?;
            ensure!(!Self::is_under_way(&patient), Error::<T>::RecoveryUnderWay);
            ensure!(is_ascending(&helpers), Error::<T>::HelpersNotAscending);
            ensure!(
                (MIN_DELAY..=MAX_DELAY).contains(&delay),
                Error::<T>::InvalidDelay
            );
            ensure!(
                delay >= MIN_DELAY_OF_OTHERS || T::Succession::owns_for_good(&patient, &actor),
                Error::<T>::DelayTooShort
            );
            let new = NewPlan { helpers, delay };
            Self::change_plan(patient, actor, Some(new))?;
            Ok(())
        }

        /// Announces that a patient is to be without helpers. After the delay of their plan the same
        /// call, or [`Call::complete`], does it. What they have begun ends too, if an owner for good
        /// says so: or a helper who begins again after each `cancel` would keep the plan in force.
        ///
        /// Owners; deciders where there is no owner. While a recovery is under way, owners for good.
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
        /// A helper, who shows the salt of their commitment and how many helpers it takes, with the new
        /// account's signed consent. A helper need be neither member nor controller.
        ///
        /// Errors: `InvalidThreshold`, `NoPlan`, `NotAHelper`, `HelperDecides`, `AlreadyStarted`,
        /// `AlreadyApproved`, `ConsentExpired`, `BadConsent`; that of succession, for an account of
        /// somebody's staff. Event: `RecoveryStarted`.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::start())]
        pub fn start(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
            consent: SuccessionConsent,
            salt: H256,
            threshold: u8,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            ensure!(is_threshold(threshold), Error::<T>::InvalidThreshold);
            Self::ensure_helper(&patient, &actor, &salt, threshold)?;
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
                threshold,
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
        /// Another helper, who shows the salt of their commitment, and stands behind no other recovery of
        /// this patient.
        ///
        /// Errors: `NotFound`, `NoPlan`, `NotAHelper`, `HelperDecides`, `AlreadyApproved`.
        /// Event: `RecoveryApproved`.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::approve())]
        pub fn approve(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
            salt: H256,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let mut recovery = Recoveries::<T>::get(patient, &owner).ok_or(Error::<T>::NotFound)?;
            let plan = Self::ensure_helper(&patient, &actor, &salt, recovery.threshold)?;
            Self::ensure_free(&patient, &actor)?;

            recovery
                .helpers
                .try_push(actor.clone())
                .map_err(|_| Error::<T>::AlreadyApproved)?;
            if recovery.enough_since.is_none() && is_enough(&recovery) {
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
        /// Errors: `NotFound`, `NotApproved`. Event: `RecoveryWithdrawn`.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::withdraw())]
        pub fn withdraw(
            origin: OriginFor<T>,
            patient: PatientId,
            owner: AccountId,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let mut recovery = Recoveries::<T>::get(patient, &owner).ok_or(Error::<T>::NotFound)?;
            ensure!(recovery.helpers.contains(&actor), Error::<T>::NotApproved);

            recovery.helpers.retain(|helper| *helper != actor);
            if !is_enough(&recovery) {
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
        /// Owners and deciders; one to an account that is an owner for good, that account alone.
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
        /// A helper who stands behind it or the new account, once the delay is over: a week at least if
        /// whoever set the plan is no owner for good any more.
        ///
        /// Errors: `NotFound`, `NotApproved`, `NoPlan`, `NotReady`; those of succession.
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
        /// Errors: those of control; `NotAuthorized`, `NothingPending`, `NotReady`, `RecoveryUnderWay`.
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
        /// Owners and deciders.
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

pub(crate) fn is_enough(recovery: &PendingRecovery) -> bool {
    recovery.helpers.len() >= usize::from(recovery.threshold)
}

/// Whether so many helpers can be needed.
pub(crate) fn is_threshold(threshold: u8) -> bool {
    threshold >= MIN_THRESHOLD && u32::from(threshold) <= MAX_HELPERS
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

        Endings::<T>::remove(patient);
        let delay = new.delay;
        Plans::<T>::insert(
            patient,
            RecoveryPlan {
                helpers: new.helpers,
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

    /// That the plan has a commitment to this account, which decides nothing for the patient.
    fn ensure_helper(
        patient: &PatientId,
        account: &AccountId,
        salt: &H256,
        threshold: u8,
    ) -> Result<RecoveryPlan, DispatchError> {
        let plan = Self::plan(*patient).ok_or(Error::<T>::NoPlan)?;
        ensure!(
            is_named(&plan.helpers, patient, salt, account, threshold),
            Error::<T>::NotAHelper
        );
        ensure!(
            T::Control::role(patient, account).is_none_or(|role| role == ControllerRole::Carer),
            Error::<T>::HelperDecides
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

/// Whether one of the commitments is to this account.
pub(crate) fn is_named(
    helpers: &Helpers,
    patient: &PatientId,
    salt: &H256,
    account: &AccountId,
    threshold: u8,
) -> bool {
    helpers.contains(&commitment::helper(patient, salt, account, threshold))
}
