//! # Links
//!
//! Links by which places that are no members read what a patient chose.
//!
//! ## Overview
//!
//! A patient abroad stands in a hospital that no consortium knows. The patient's app makes a link
//! to a summary: an encrypted file that a member's gateway serves, and a QR code that names it and
//! holds its key ([SMART Health Links](https://docs.smarthealthit.org/smart-health-links/spec/)).
//! The chain holds no file, no key and no address. It says which member serves the link, until when
//! and how often, and each fetch is an entry of the patient's trail *before* the file is served.
//!
//! ## Scenario
//!
//! 1. The patient calls [`Call::create`]: ten fetches, for a year. The app prints a card.
//! 2. A doctor abroad scans it. The gateway calls [`Call::fetched`], waits until that is final, and
//!    serves the file. `LinkFetched` tells the patient.
//! 3. The card is lost. The patient calls [`Call::end`]; the next fetch is refused.
//! 4. Had the patient done nothing, the year or the tenth fetch would have ended it.
//!
//! ## Design
//!
//! * **One row per patient**, with the links that have not ended: what has ended stands in the trail.
//! * **The member that serves is trusted for what it serves.** It has the ciphertext, and not the
//!   key; a member that serves without `fetched` shows at the other side only.
//! * **Ends by itself.** By the clock, even if nothing ran, and by the number of fetches. What has
//!   ended by the clock is dropped when the patient's row is written next.
//! * **Nobody floods a trail by a QR code on a lock screen.** A link has few fetches, and each takes
//!   an entry of what the member may write into this trail ([`TrailAllowance`]).
//! * **After a succession** ([`OnSuccession`](salus_primitives::traits::OnSuccession)) all links end: whoever made them may have been a thief.

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
mod views;
pub mod weights;

use frame_support::pallet_prelude::*;
use frame_system::pallet_prelude::*;
use salus_primitives::{
    rows::DAY,
    traits::{Chain, Control, Standing, Trail, TrailAllowance},
    AccountId, Link, LinkIndex, Links, Member, Moment, OrgId, PatientId, MAX_LINKS,
};

pub use pallet::*;
pub use weights::WeightInfo;

/// Milliseconds for which a link lasts, at most: a card in a wallet is printed anew each year.
pub const LINK_LASTS: Moment = 366 * DAY;

/// How often a link can be fetched, at most.
pub const MAX_FETCHES: u32 = 100;

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

        /// Who is a service in good standing, and of which organisation.
        type Standing: Standing<AccountId>;

        /// Who decides for a patient.
        type Control: Control<AccountId>;

        /// How much organisations may write into a patient's trail.
        type Allowance: TrailAllowance;

        type WeightInfo: WeightInfo;

        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkWorld: salus_primitives::traits::BenchmarkWorld<AccountId>;
    }

    /// Each patient's links that have not ended.
    ///
    /// Written by `create`, `fetched`, `end` and a succession. At most one row per patient, of at most
    /// [`MAX_LINKS`] links; it stays when none is left, because it counts them.
    #[pallet::storage]
    pub type LinksOf<T: Config> = StorageMap<_, Blake2_128Concat, PatientId, Links, ValueQuery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// A patient made a link to a summary, for places that are no members.
        #[codec(index = 0)]
        LinkCreated {
            patient: PatientId,
            actor: AccountId,
            link: LinkIndex,
            organisation: OrgId,
            expires_at: Moment,
            fetches: u32,
        },
        /// Somebody fetched what a link names; the member that serves it says so beforehand.
        #[codec(index = 1)]
        LinkFetched {
            patient: PatientId,
            actor: AccountId,
            organisation: OrgId,
            link: LinkIndex,
            /// How often it can still be fetched. The link has ended at none.
            left: u32,
        },
        /// A patient ended a link, or those who decide for the patient changed.
        #[codec(index = 2)]
        LinkEnded {
            patient: PatientId,
            actor: AccountId,
            link: LinkIndex,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The organisation is unknown or suspended. Choose one in good standing.
        OrganisationNotActive,
        /// The link would have ended already, or last longer than 366 days. Choose another end.
        InvalidEnd,
        /// A link is fetched between 1 and 100 times. Choose such a number.
        InvalidFetches,
        /// The patient has 8 links that have not ended. End one.
        TooManyLinks,
        /// The patient has used up all indices.
        IndexExhausted,
        /// The patient has no such link, or it has ended. Make a new one.
        LinkNotFound,
        /// Only a service account in good standing, of the organisation that serves the link, says
        /// that it is fetched.
        NotServing,
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Milliseconds for which a link lasts, at most.
        #[pallet::constant_name(LinkLasts)]
        fn link_lasts() -> Moment {
            LINK_LASTS
        }

        /// How often a link can be fetched, at most.
        #[pallet::constant_name(MaxFetches)]
        fn max_fetches() -> u32 {
            MAX_FETCHES
        }

        /// Links of one patient that have not ended, at most.
        #[pallet::constant_name(MaxLinks)]
        fn max_links() -> u32 {
            MAX_LINKS
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        #[cfg(feature = "try-runtime")]
        fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
            Self::do_try_state()
        }
    }

    #[pallet::call(weight(<T as Config>::WeightInfo))]
    impl<T: Config> Pallet<T> {
        /// Makes a link that a member serves.
        ///
        /// Signed by an owner or decider. The file has to lie with that member's gateway; the chain
        /// does not look. The link ends at `expires_at`, at most 366 days from now, or when it was
        /// fetched `fetches` times, at most 100.
        ///
        /// Errors: those of control; [`Error::OrganisationNotActive`], [`Error::InvalidEnd`],
        /// [`Error::InvalidFetches`], [`Error::TooManyLinks`], [`Error::IndexExhausted`].
        /// Event: [`Event::LinkCreated`].
        #[pallet::call_index(0)]
        pub fn create(
            origin: OriginFor<T>,
            patient: PatientId,
            organisation: OrgId,
            expires_at: Moment,
            fetches: u32,
        ) -> DispatchResult {
            let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
            let now = T::Chain::now();
            ensure!(
                now < expires_at && expires_at <= now.saturating_add(LINK_LASTS),
                Error::<T>::InvalidEnd
            );
            ensure!(
                (1..=MAX_FETCHES).contains(&fetches),
                Error::<T>::InvalidFetches
            );
            ensure!(
                T::Standing::organisation_is_active(organisation),
                Error::<T>::OrganisationNotActive
            );
            let mut links = Self::live(&by.patient);
            let link = links.next;
            links.next = link.checked_add(1).ok_or(Error::<T>::IndexExhausted)?;
            let row = Link {
                index: link,
                organisation,
                expires_at,
                left: fetches,
            };
            links
                .live
                .try_push(row)
                .map_err(|_| Error::<T>::TooManyLinks)?;

            LinksOf::<T>::insert(by.patient, links);
            let event = Event::LinkCreated {
                patient: by.patient,
                actor: by.actor,
                link,
                organisation,
                expires_at,
                fetches,
            };
            Self::deposit(event, &by.patient);
            Ok(())
        }

        /// Ends a link at once.
        ///
        /// Signed by an owner or decider.
        ///
        /// Errors: those of control; [`Error::LinkNotFound`]. Event: [`Event::LinkEnded`].
        #[pallet::call_index(1)]
        pub fn end(origin: OriginFor<T>, patient: PatientId, link: LinkIndex) -> DispatchResult {
            let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
            let mut links = Self::live(&by.patient);
            let found = links.live.iter().position(|row| row.index == link);
            links.live.remove(found.ok_or(Error::<T>::LinkNotFound)?);

            LinksOf::<T>::insert(by.patient, links);
            let event = Event::LinkEnded {
                patient: by.patient,
                actor: by.actor,
                link,
            };
            Self::deposit(event, &by.patient);
            Ok(())
        }

        /// Says that somebody fetches what a link names; the file is served once this is final.
        ///
        /// Signed by a service in good standing of the organisation that serves the link, which spends
        /// an entry of the trail's allowance. What the other side said of itself is no matter of the
        /// chain: it goes to the patient in a letter.
        ///
        /// Errors: [`Error::LinkNotFound`], [`Error::NotServing`]; those of the allowance.
        /// Event: [`Event::LinkFetched`].
        #[pallet::call_index(2)]
        pub fn fetched(
            origin: OriginFor<T>,
            patient: PatientId,
            link: LinkIndex,
        ) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let service = T::Standing::member(&actor)
                .filter(Member::is_service)
                .ok_or(Error::<T>::NotServing)?;
            let mut links = Self::live(&patient);
            let row = links
                .live
                .iter_mut()
                .find(|row| row.index == link)
                .ok_or(Error::<T>::LinkNotFound)?;
            let organisation = row.organisation;
            ensure!(
                service.organisation() == organisation,
                Error::<T>::NotServing
            );
            T::Allowance::spend(&patient, organisation, 1)?;

            row.left = row.left.saturating_sub(1);
            let left = row.left;
            links.live.retain(|row| row.left > 0);
            LinksOf::<T>::insert(patient, links);
            let event = Event::LinkFetched {
                patient,
                actor,
                organisation,
                link,
                left,
            };
            Self::deposit(event, &patient);
            Ok(())
        }
    }
}
