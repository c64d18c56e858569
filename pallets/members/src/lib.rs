//! # Members
//!
//! Who may take part: organisations of the consortium, and the people and programs they vouch for.
//!
//! ## Overview
//!
//! The members of the consortium admit an **organisation** together: a hospital, a laboratory, an
//! insurer. Its **admin** vouches for **clinicians**: accounts with a role, for a period. Who has
//! neither and controls no patient cannot send a single transaction ([`CheckMember`]).
//!
//! ## Scenario
//!
//! 1. The council admits a hospital with [`Call::admit`]. Its admin takes a seat in the council.
//! 2. The doctor signs that she agrees, and the admin credentials her for two years with
//!    [`Call::credential`].
//! 3. The doctor publishes the key that files for her are encrypted to: [`Call::publish_recipient`].
//! 4. The doctor leaves for an insurer. The hospital calls [`Call::end_credential`], the insurer
//!    [`Call::credential`], with a new signature of hers; what patients gave her at the hospital
//!    does not follow her.
//! 5. The hospital's keys are stolen. The council calls [`Call::suspend`]: from the next
//!    transaction on nobody of that hospital has standing, however many they are.
//!
//! ## Design
//!
//! * **Standing is asked, never stored.** [`Standing::member`] looks upward from the account to its
//!   organisation each time, so suspending one row suspends thousands, and a credential ends at
//!   its instant even if nothing runs.
//! * **An account has one place**: admin of one organisation, or clinician of one, never both; and
//!   whoever works here acts for patients under another account, or the chain would show who is whose
//!   patient.
//!   Nobody gets a credential that they have not signed for, so nobody's place is taken by others.
//! * **Who was suspended lately still counts** when the council counts its votes
//!   ([`Pallet::electorate`]): a majority cannot make itself two thirds by suspending the rest.
//! * **What is asked often is kept at hand**: [`Seats`] and [`Vaults`] say in one row what else
//!   would take a walk through all organisations.
//! * **Accounts stay.** Each gets a provider reference when it comes, and none is ever taken back:
//!   a reaped account would start again at nonce 0, and its old transactions could be replayed.
//! * **Keys are signed by whom they belong to.** The chain checks it, and clients check it again.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
pub mod door;
#[cfg(test)]
mod mock;
mod standing;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
pub mod weights;

use alloc::{string::String, vec::Vec};
use frame_support::{
    pallet_prelude::*,
    traits::{ChangeMembers, Contains},
};
use frame_system::pallet_prelude::*;
use salus_primitives::{
    api::MAX_PAGE,
    rows::{DAY, MAX_NAME, MAX_URL},
    signing::CONSENT_LASTS,
    traits::{Chain, Invitations, Sponsorship, Standing},
    AccountId, Cid, Clinician, ClinicianRole, CredentialConsent, Member, Moment, OrgId,
    Organisation, OrganisationKind, PatientId, Recipient, SignedRecipient, Spender, Subject,
};

pub use door::{Allowance, Bucket, CheckMember, Spent};
pub use pallet::*;
pub use weights::WeightInfo;

pub type Name = BoundedVec<u8, ConstU32<MAX_NAME>>;
pub type Url = BoundedVec<u8, ConstU32<MAX_URL>>;

/// Milliseconds for which a suspended organisation still counts in the electorate.
pub const ELECTORATE_MEMORY: Moment = 30 * DAY;

/// Milliseconds that a signer's clock may be ahead of the chain's.
pub use salus_primitives::signing::CLOCK_SKEW;

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

        /// Admits organisations and names their admins: whoever gets a vote is announced.
        type AdmissionOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// Suspends and reinstates organisations, and sets allowances.
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;

        /// Whose seats are the admins of the organisations in good standing.
        type Council: ChangeMembers<AccountId>;

        /// What a change of seats costs the council at most, beside writing them: it looks through
        /// its open motions, of which a benchmark of this pallet can make none.
        type ChangeOfSeats: Get<Weight>;

        /// Who controls a patient may transact too.
        type Sponsorship: Sponsorship<AccountId>;

        /// Whoever shows by the call itself that a patient named them may make that call.
        type Invitations: Invitations<AccountId, <Self as frame_system::Config>::RuntimeCall>;

        /// Calls that go first, and that an account can still send when it has spent its
        /// ordinary allowance: whatever takes a right away, and whatever cannot wait.
        type Urgent: Contains<<Self as frame_system::Config>::RuntimeCall>;

        /// Calls that may cost more than the bucket holds, if nothing of it is spent: an upgrade
        /// that the council has authorized, and nothing else.
        type Oversized: Contains<<Self as frame_system::Config>::RuntimeCall>;

        /// Calls that no signature can dispatch, refused at the door.
        type NotBySignature: Contains<<Self as frame_system::Config>::RuntimeCall>;

        /// Upgrades that nobody has authorized, refused at the door: they would cost a block to
        /// refuse.
        type NothingAuthorized: Contains<<Self as frame_system::Config>::RuntimeCall>;

        /// Organisations ever admitted. Do not reduce.
        #[pallet::constant]
        type MaxOrganisations: Get<u32>;

        type WeightInfo: WeightInfo;

        /// A patient's controller who is no member: it takes longest to find out who pays.
        #[cfg(feature = "runtime-benchmarks")]
        type BenchmarkController: Get<AccountId>;
    }

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Rows that a list returns at most.
        #[pallet::constant_name(MaxPage)]
        fn max_page() -> u32 {
            MAX_PAGE
        }

        /// Milliseconds for which a consent to be credentialed counts at most.
        #[pallet::constant_name(ConsentLasts)]
        fn consent_lasts() -> Moment {
            CONSENT_LASTS
        }

        /// Milliseconds that the clock of whoever signs a consent may be ahead.
        #[pallet::constant_name(ClockSkew)]
        fn clock_skew() -> Moment {
            CLOCK_SKEW
        }

        /// Milliseconds for which a suspended organisation still counts in the electorate.
        #[pallet::constant_name(ElectorateMemory)]
        fn electorate_memory() -> Moment {
            ELECTORATE_MEMORY
        }
    }

    /// The organisations of the consortium. Written by governance and, for the profile, their
    /// admins; never removed, because records and grants name them. At most `MaxOrganisations`.
    #[pallet::storage]
    pub type Organisations<T: Config> = StorageMap<_, Twox64Concat, OrgId, Organisation>;

    /// The id of the next organisation, and so the number of them.
    #[pallet::storage]
    pub type NextOrganisation<T: Config> = StorageValue<_, OrgId, ValueQuery>;

    /// The organisation that an account is the admin of. One row per organisation.
    #[pallet::storage]
    pub type Admins<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, OrgId>;

    /// The admins of the organisations in good standing, sorted: the council. Written when an
    /// organisation or its admin comes or goes; at most one per organisation.
    #[pallet::storage]
    pub type Seats<T: Config> =
        StorageValue<_, BoundedVec<AccountId, T::MaxOrganisations>, ValueQuery>;

    /// Organisations suspended lately, and when. Written by `suspend`; removed by `reinstate`, and
    /// by a later `suspend` after [`ELECTORATE_MEMORY`]. At most one row per organisation.
    #[pallet::storage]
    pub type Vacated<T: Config> =
        StorageValue<_, BoundedVec<(OrgId, Moment), T::MaxOrganisations>, ValueQuery>;

    /// The organisations in good standing that name a vault, in ascending order, and their kinds.
    /// Written when an organisation, its standing or its address comes or goes; at most one row per
    /// organisation.
    #[pallet::storage]
    pub type Vaults<T: Config> =
        StorageValue<_, BoundedVec<(OrgId, OrganisationKind), T::MaxOrganisations>, ValueQuery>;

    /// Credentials. Written by an organisation's admin; removed by `end_credential` or by a later
    /// employer once lapsed. Each is a transaction of an admin, paid from that admin's bucket.
    #[pallet::storage]
    pub type Clinicians<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Clinician>;

    /// The same by organisation, for lists. Written and removed together with `Clinicians`.
    #[pallet::storage]
    pub type CliniciansOf<T: Config> =
        StorageDoubleMap<_, Twox64Concat, OrgId, Blake2_128Concat, AccountId, ()>;

    /// When an account last lost a credential: a consent from before is spent. Written when a
    /// credential is removed; never removed. One row per account that was ever credentialed.
    #[pallet::storage]
    pub type Released<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Moment>;

    /// The published keys of organisations and accounts, apart from the rows that every call
    /// reads. One per organisation and account, replaced by their owner, never removed.
    #[pallet::storage]
    pub type Recipients<T: Config> = StorageMap<_, Blake2_128Concat, Subject, SignedRecipient>;

    /// How much block time accounts may use. Written by governance.
    #[pallet::storage]
    pub type Allowances<T: Config> = StorageValue<_, door::Allowances, ValueQuery>;

    /// What each account has spent. Written by [`CheckMember`], one row per account that was ever a
    /// member or a controller; never removed.
    #[pallet::storage]
    pub type Buckets<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, Spent, ValueQuery>;

    /// What all accounts of an organisation have spent together. Written by [`CheckMember`]; one
    /// row per organisation.
    #[pallet::storage]
    pub type OrganisationBuckets<T: Config> = StorageMap<_, Twox64Concat, OrgId, Spent, ValueQuery>;

    /// What a patient's controllers who are no members have spent together. Written by
    /// [`CheckMember`], one row per patient that was ever enrolled; never removed.
    #[pallet::storage]
    pub type PatientBuckets<T: Config> =
        StorageMap<_, Blake2_128Concat, PatientId, Spent, ValueQuery>;

    /// What the patients that an organisation enrolled have spent together. Written by
    /// [`CheckMember`]; one row per organisation.
    #[pallet::storage]
    pub type SponsorBuckets<T: Config> = StorageMap<_, Twox64Concat, OrgId, Spent, ValueQuery>;

    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        /// Kind, name, admin, vault URL.
        pub organisations: Vec<(OrganisationKind, String, AccountId, String)>,
        #[serde(skip)]
        pub _config: PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        // A chain that cannot begin as configured must not begin.
        fn build(&self) {
            for (kind, name, admin, vault_url) in &self.organisations {
                let name = name
                    .clone()
                    .into_bytes()
                    .try_into()
                    .expect("a name of 64 bytes");
                let url = vault_url
                    .clone()
                    .into_bytes()
                    .try_into()
                    .expect("a URL of 256 bytes");
                Pallet::<T>::do_admit(*kind, name, admin.clone(), url)
                    .expect("organisations with names, and admins that differ");
            }
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// The consortium admitted an organisation.
        OrganisationAdmitted {
            organisation: OrgId,
            kind: OrganisationKind,
            admin: AccountId,
        },
        /// The consortium suspended an organisation; nobody of it has standing any more.
        OrganisationSuspended { organisation: OrgId },
        /// The consortium reinstated an organisation.
        OrganisationReinstated { organisation: OrgId },
        /// The consortium gave an organisation another admin.
        AdminChanged {
            organisation: OrgId,
            admin: AccountId,
            previous: AccountId,
        },
        /// An organisation changed its name or the address of its vault.
        ProfileChanged {
            organisation: OrgId,
            actor: AccountId,
        },
        /// Someone published the key that files for them are encrypted to.
        RecipientPublished {
            actor: AccountId,
            subject: Subject,
            epoch: u32,
        },
        /// An organisation vouched for someone, in a role, for a period.
        ClinicianCredentialed {
            account: AccountId,
            actor: Option<AccountId>,
            organisation: OrgId,
            role: ClinicianRole,
            valid_until: Moment,
        },
        /// An organisation suspended one of its clinicians.
        ClinicianSuspended {
            account: AccountId,
            actor: AccountId,
            organisation: OrgId,
        },
        /// An organisation reinstated one of its clinicians.
        ClinicianReinstated {
            account: AccountId,
            actor: AccountId,
            organisation: OrgId,
        },
        /// A clinician left an organisation.
        CredentialEnded {
            account: AccountId,
            actor: AccountId,
            organisation: OrgId,
        },
        /// The consortium changed how much block time accounts of a kind may use.
        AllowanceChanged {
            spender: Spender,
            allowance: Allowance,
        },
        /// An organisation published who works there, or took it back.
        DirectoryChanged {
            organisation: OrgId,
            actor: AccountId,
            directory: Option<Cid>,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// No organisation has this id; look it up in the list of organisations.
        NotFound,
        /// The signer lacks the standing for this; ask the admin of the organisation.
        NotAuthorized,
        /// The account is an admin, or a clinician of another organisation. End that first, or use
        /// another account. An admin was named by the council in public, days before, so nobody is
        /// kept from working by it unawares.
        AlreadyMember,
        /// The consortium has as many organisations as the runtime allows.
        TooManyOrganisations,
        /// The organisation or clinician is suspended already.
        AlreadySuspended,
        /// The organisation or clinician is not suspended.
        NotSuspended,
        /// The last organisation in good standing stays, or nobody could decide anything any more.
        LastOrganisation,
        /// A name must be UTF-8, not empty and without control characters; a URL may be empty.
        InvalidText,
        /// The key's length does not fit its scheme, or the scheme is unknown.
        InvalidRecipient,
        /// Keys are numbered from 0 without gaps; sign this one with the next number.
        WrongEpoch,
        /// The signature is not that of the key's owner over this key on this chain.
        BadSignature,
        /// A credential must end later than now.
        ExpiryInPast,
        /// The account has no credential of this organisation.
        NotCredentialed,
        /// 16 to 65,536 transactions may wait, and no more comes back with each block than the
        /// allowance holds. It holds at least 10 ms, and 0.1 ms come back; at least 100 ms and 1 ms
        /// for an organisation or a sponsor, 2 ms and 0.1 ms for urgent calls, and 10 ms and 0.5 ms
        /// for urgent calls of an organisation or a sponsor.
        InvalidAllowance,
        /// The account has not agreed to be credentialed in this role. Ask for its consent, and
        /// send it along.
        ConsentNeeded,
        /// The consent has expired, or the account has left an organisation since. Ask for a new
        /// one.
        ConsentExpired,
        /// The consent bears another signature, is for another organisation or role, counts for
        /// more than 30 days, or was signed by a clock that is ahead. Ask for a new one.
        BadConsent,
        /// The CID is not of the profile in use: CIDv1, dag-pb or raw, sha2-256.
        MalformedCid,
        /// The account controls a patient, and the chain would show that this patient works here, or
        /// somebody close. Use an account that is for work alone.
        ActsForPatients,
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
        /// Admits an organisation to the consortium.
        ///
        /// An announced decision of the council only. The admin gets a seat in the council, and
        /// must be neither admin nor clinician elsewhere, nor act for a patient.
        ///
        /// Errors: `InvalidText`, `TooManyOrganisations`, `AlreadyMember`, `ActsForPatients`.
        /// Event: `OrganisationAdmitted`.
        #[pallet::call_index(0)]
        #[pallet::weight(T::WeightInfo::admit().saturating_add(T::ChangeOfSeats::get()))]
        pub fn admit(
            origin: OriginFor<T>,
            admin: AccountId,
            kind: OrganisationKind,
            name: Name,
            vault_url: Url,
        ) -> DispatchResultWithPostInfo {
            T::AdmissionOrigin::ensure_origin(origin).map_err(Self::refused)?;
            Self::do_admit(kind, name, admin, vault_url).map_err(Self::refused)?;
            Ok(().into())
        }

        /// Suspends an organisation: at once neither its admin nor any of its clinicians has
        /// standing, and no grant to them is active.
        ///
        /// Governance only. The admin's seat in the council is vacated, but counts in the
        /// electorate for another 30 days.
        ///
        /// Errors: `NotFound`, `AlreadySuspended`, `LastOrganisation`.
        /// Event: `OrganisationSuspended`.
        #[pallet::call_index(1)]
        #[pallet::weight(T::WeightInfo::suspend().saturating_add(T::ChangeOfSeats::get()))]
        pub fn suspend(origin: OriginFor<T>, organisation: OrgId) -> DispatchResultWithPostInfo {
            T::GovernanceOrigin::ensure_origin(origin).map_err(Self::refused)?;
            Self::do_suspend(organisation).map_err(Self::refused)?;
            Ok(().into())
        }

        /// Ends the suspension of an organisation.
        ///
        /// Governance only. Credentials that have not ended meanwhile are good again.
        ///
        /// Errors: `NotFound`, `NotSuspended`. Event: `OrganisationReinstated`.
        #[pallet::call_index(2)]
        #[pallet::weight(T::WeightInfo::reinstate().saturating_add(T::ChangeOfSeats::get()))]
        pub fn reinstate(origin: OriginFor<T>, organisation: OrgId) -> DispatchResultWithPostInfo {
            T::GovernanceOrigin::ensure_origin(origin).map_err(Self::refused)?;
            Self::do_reinstate(organisation).map_err(Self::refused)?;
            Ok(().into())
        }

        /// Gives an organisation another admin, for instance when the key of the present one is
        /// lost.
        ///
        /// An announced decision of the council only, because a new admin votes. The previous
        /// admin loses standing and seat.
        ///
        /// Errors: `NotFound`, `AlreadyMember`, `ActsForPatients`. Event: `AdminChanged`.
        #[pallet::call_index(3)]
        #[pallet::weight(T::WeightInfo::set_admin().saturating_add(T::ChangeOfSeats::get()))]
        pub fn set_admin(
            origin: OriginFor<T>,
            organisation: OrgId,
            admin: AccountId,
        ) -> DispatchResultWithPostInfo {
            T::AdmissionOrigin::ensure_origin(origin).map_err(Self::refused)?;
            Self::do_set_admin(organisation, admin).map_err(Self::refused)?;
            Ok(().into())
        }

        /// Changes the name and the vault address of one's own organisation.
        ///
        /// Its admin only. An empty address means: no vault.
        ///
        /// Errors: `NotAuthorized`, `InvalidText`. Event: `ProfileChanged`.
        #[pallet::call_index(4)]
        #[pallet::weight(T::WeightInfo::set_profile())]
        pub fn set_profile(origin: OriginFor<T>, name: Name, vault_url: Url) -> DispatchResult {
            let (actor, organisation) = Self::ensure_admin(origin)?;
            Self::ensure_profile(&name, &vault_url)?;
            let mut row = Organisations::<T>::get(organisation).ok_or(Error::<T>::NotFound)?;

            row.name = name;
            row.vault_url = vault_url;
            Self::list_vault(organisation, &row);
            Organisations::<T>::insert(organisation, row);
            Self::deposit_event(Event::ProfileChanged {
                organisation,
                actor,
            });
            Ok(())
        }

        /// Publishes the key that files for the signer are encrypted to.
        ///
        /// Members and controllers, each for their own account. The key bears the signer's
        /// signature, and the number after that of the key it replaces.
        ///
        /// Errors: `NotAuthorized`, `InvalidRecipient`, `WrongEpoch`, `BadSignature`.
        /// Event: `RecipientPublished`.
        #[pallet::call_index(5)]
        #[pallet::weight(T::WeightInfo::publish_recipient())]
        pub fn publish_recipient(origin: OriginFor<T>, recipient: Recipient) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            ensure!(
                <Self as Standing<_>>::member(&actor).is_some()
                    || T::Sponsorship::sponsor(&actor).is_some(),
                Error::<T>::NotAuthorized
            );
            Self::do_publish(actor.clone(), Subject::Account(actor), recipient)
        }

        /// Publishes the key that files for one's own organisation are encrypted to.
        ///
        /// Its admin only, with the admin's signature; otherwise like `publish_recipient`.
        ///
        /// Errors: `NotAuthorized`, `InvalidRecipient`, `WrongEpoch`, `BadSignature`.
        /// Event: `RecipientPublished`.
        #[pallet::call_index(6)]
        #[pallet::weight(T::WeightInfo::publish_organisation_recipient())]
        pub fn publish_organisation_recipient(
            origin: OriginFor<T>,
            recipient: Recipient,
        ) -> DispatchResult {
            let (actor, organisation) = Self::ensure_admin(origin)?;
            Self::do_publish(actor, Subject::Organisation(organisation), recipient)
        }

        /// Vouches for an account, in a role, until a moment; also renews it.
        ///
        /// The admin of the organisation that vouches, with the account's signature over
        /// organisation and role. To renew a credential that has not lapsed, in the same role,
        /// none is needed. An account that another organisation vouches for must be released
        /// first, unless that credential has lapsed or that organisation is suspended. Renewing
        /// does not lift a suspension.
        ///
        /// Errors: `NotAuthorized`, `ExpiryInPast`, `AlreadyMember`, `ActsForPatients`,
        /// `ConsentNeeded`, `ConsentExpired`, `BadConsent`. Event: `ClinicianCredentialed`.
        #[pallet::call_index(7)]
        #[pallet::weight(T::WeightInfo::credential())]
        pub fn credential(
            origin: OriginFor<T>,
            account: AccountId,
            role: ClinicianRole,
            valid_until: Moment,
            consent: Option<CredentialConsent>,
        ) -> DispatchResult {
            let (actor, organisation) = Self::ensure_admin(origin)?;
            let previous = Self::ensure_credentialable(organisation, &account, valid_until)?;
            Self::ensure_consent(organisation, &account, role, &previous, consent)?;
            Self::write_credential(
                Some(actor),
                organisation,
                account,
                role,
                valid_until,
                previous,
            );
            Ok(())
        }

        /// Suspends a clinician of one's own organisation.
        ///
        /// Its admin only.
        ///
        /// Errors: `NotAuthorized`, `NotCredentialed`, `AlreadySuspended`.
        /// Event: `ClinicianSuspended`.
        #[pallet::call_index(8)]
        #[pallet::weight(T::WeightInfo::suspend_clinician())]
        pub fn suspend_clinician(origin: OriginFor<T>, account: AccountId) -> DispatchResult {
            let (actor, organisation) = Self::ensure_admin(origin)?;
            let mut row = Self::ensure_credentialed_by(organisation, &account)?;
            ensure!(row.suspended_at.is_none(), Error::<T>::AlreadySuspended);

            row.suspended_at = Some(T::Chain::now());
            Clinicians::<T>::insert(&account, row);
            Self::deposit_event(Event::ClinicianSuspended {
                account,
                actor,
                organisation,
            });
            Ok(())
        }

        /// Ends the suspension of a clinician of one's own organisation.
        ///
        /// Its admin only.
        ///
        /// Errors: `NotAuthorized`, `NotCredentialed`, `NotSuspended`.
        /// Event: `ClinicianReinstated`.
        #[pallet::call_index(9)]
        #[pallet::weight(T::WeightInfo::reinstate_clinician())]
        pub fn reinstate_clinician(origin: OriginFor<T>, account: AccountId) -> DispatchResult {
            let (actor, organisation) = Self::ensure_admin(origin)?;
            let mut row = Self::ensure_credentialed_by(organisation, &account)?;
            ensure!(row.suspended_at.is_some(), Error::<T>::NotSuspended);

            row.suspended_at = None;
            Clinicians::<T>::insert(&account, row);
            Self::deposit_event(Event::ClinicianReinstated {
                account,
                actor,
                organisation,
            });
            Ok(())
        }

        /// Ends a credential: someone leaves an organisation.
        ///
        /// The admin of that organisation, or the clinician, if in good standing: a suspended one
        /// waits for the admin.
        ///
        /// Errors: `NotCredentialed`, `NotAuthorized`. Event: `CredentialEnded`.
        #[pallet::call_index(10)]
        #[pallet::weight(T::WeightInfo::end_credential())]
        pub fn end_credential(origin: OriginFor<T>, account: AccountId) -> DispatchResult {
            let actor = ensure_signed(origin)?;
            let row = Clinicians::<T>::get(&account).ok_or(Error::<T>::NotCredentialed)?;
            let organisation = row.organisation;
            let entitled = match <Self as Standing<_>>::member(&actor) {
                Some(Member::Admin { organisation: own }) => own == organisation,
                Some(Member::Clinician { .. }) => actor == account,
                None => false,
            };
            ensure!(entitled, Error::<T>::NotAuthorized);

            Self::remove_clinician(&account, organisation);
            Self::deposit_event(Event::CredentialEnded {
                account,
                actor,
                organisation,
            });
            Ok(())
        }

        /// Changes how much block time accounts of a kind may use, alone or together.
        ///
        /// Governance only. In force from the next transaction on; what was spent stays spent.
        ///
        /// Errors: `InvalidAllowance`. Event: `AllowanceChanged`.
        #[pallet::call_index(11)]
        #[pallet::weight(T::WeightInfo::set_allowance())]
        pub fn set_allowance(
            origin: OriginFor<T>,
            spender: Spender,
            allowance: Allowance,
        ) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            ensure!(allowance.is_sane(spender), Error::<T>::InvalidAllowance);
            Allowances::<T>::mutate(|in_force| *in_force.of(spender) = allowance);
            Self::deposit_event(Event::AllowanceChanged { spender, allowance });
            Ok(())
        }

        /// Names the directory of who works at one's own organisation; none takes it back.
        ///
        /// Its admin only, whose signature the directory bears. Names are off the chain, so that they
        /// can be changed and erased; who reads a directory compares its signer with the admin of the
        /// time, and each account in it with its credential.
        ///
        /// Errors: `NotAuthorized`, `MalformedCid`. Event: `DirectoryChanged`.
        #[pallet::call_index(12)]
        #[pallet::weight(T::WeightInfo::set_directory())]
        pub fn set_directory(origin: OriginFor<T>, directory: Option<Cid>) -> DispatchResult {
            let (actor, organisation) = Self::ensure_admin(origin)?;
            ensure!(
                directory.is_none_or(|cid| cid.is_well_formed()),
                Error::<T>::MalformedCid
            );
            let mut row = Organisations::<T>::get(organisation).ok_or(Error::<T>::NotFound)?;

            row.directory = directory;
            Organisations::<T>::insert(organisation, row);
            Self::deposit_event(Event::DirectoryChanged {
                organisation,
                actor,
                directory,
            });
            Ok(())
        }
    }

    #[pallet::view_functions]
    impl<T: Config> Pallet<T> {
        /// What an account is in the consortium at this moment; none if it has no standing.
        pub fn member(account: AccountId) -> Option<Member> {
            <Self as Standing<_>>::member(&account)
        }

        /// An organisation, suspended or not.
        pub fn organisation(organisation: OrgId) -> Option<Organisation> {
            Organisations::<T>::get(organisation)
        }

        /// Organisations from an id on.
        pub fn organisations(from: OrgId, limit: u32) -> Vec<(OrgId, Organisation)> {
            (from..NextOrganisation::<T>::get())
                .take(limit.min(MAX_PAGE) as usize)
                .filter_map(|id| Organisations::<T>::get(id).map(|row| (id, row)))
                .collect()
        }

        /// The credential of an account, in force or not.
        pub fn clinician(account: AccountId) -> Option<Clinician> {
            Clinicians::<T>::get(account)
        }

        /// The credentials of an organisation, in the order of storage: continue after the last.
        pub fn clinicians(
            organisation: OrgId,
            after: Option<AccountId>,
            limit: u32,
        ) -> Vec<(AccountId, Clinician)> {
            let accounts = match after {
                Some(account) => CliniciansOf::<T>::iter_key_prefix_from(
                    organisation,
                    CliniciansOf::<T>::hashed_key_for(organisation, account),
                ),
                None => CliniciansOf::<T>::iter_key_prefix(organisation),
            };
            accounts
                .take(limit.min(MAX_PAGE) as usize)
                .filter_map(|account| Clinicians::<T>::get(&account).map(|row| (account, row)))
                .collect()
        }

        /// The published key of an organisation or account. Verify its signature.
        pub fn recipient(subject: Subject) -> Option<SignedRecipient> {
            Recipients::<T>::get(subject)
        }
    }
}
