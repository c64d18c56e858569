//! The door: who may send a transaction at all, and how much.
//!
//! There are no fees. Instead each account has an allowance of block time, a leaky bucket, and
//! whoever is neither member nor controller has none. This is not the authorisation: every call
//! still checks the standing of its origin itself.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use frame_support::{
    dispatch::{DispatchInfo, PostDispatchInfo},
    pallet_prelude::TransactionSource,
    traits::{Contains, Get},
    weights::{constants::WEIGHT_REF_TIME_PER_MILLIS, Weight},
};
use frame_system::{CheckNonce, Config as SystemConfig};
use salus_primitives::{
    traits::{Sponsorship, Standing},
    AccountId, BlockNumber, OrgId, Spender,
};
use scale_info::TypeInfo;
use sp_runtime::{
    traits::{
        AsSystemOriginSigner, DispatchInfoOf, Dispatchable, Implication, PostDispatchInfoOf,
        TransactionExtension, ValidateResult,
    },
    transaction_validity::{InvalidTransaction, TransactionValidityError, ValidTransaction},
    DispatchResult, SaturatedConversion, Saturating,
};

use crate::{Buckets, Config, Pallet, SponsorBuckets, WeightInfo};

/// `InvalidTransaction::Custom`: the account is neither an active member nor a controller.
pub const NO_STANDING: u8 = 1;
/// `InvalidTransaction::Custom`: the allowance is spent; wait some blocks and send it again.
pub const BUCKET_EMPTY: u8 = 2;
/// `InvalidTransaction::Custom`: the nonce is too far ahead; wait for the earlier transactions.
pub const NONCE_TOO_FAR: u8 = 3;

/// No allowance lets a nonce be further ahead.
const MAX_NONCES: u64 = 65_536;

const MS: u64 = WEIGHT_REF_TIME_PER_MILLIS;

/// Bytes are scarce like time. 5 MiB, the length of a block, cost about the 350 ms that
/// the author of a full block needs, in picoseconds per byte.
const PER_BYTE: u64 = 70_000;

/// An allowance of block time, in picoseconds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct Allowance {
    /// What can be spent at once.
    pub capacity: u64,
    /// What comes back with each block.
    pub refill: u64,
    /// How far ahead of the account a nonce may be, so that nobody fills the pool.
    pub nonces: u64,
}

impl Allowance {
    /// About 200 transactions at once, then two a second.
    pub const PERSON: Self = Self {
        capacity: 100 * MS,
        refill: MS,
        nonces: 64,
    };
    /// About 4,000 transactions at once, then a seventh of every block.
    pub const SERVICE: Self = Self {
        capacity: 2_000 * MS,
        refill: 50 * MS,
        nonces: 4_096,
    };
    /// All patients' accounts that one organisation enrolled, together: enrolling invented
    /// patients gains nobody more than this.
    pub const SPONSOR: Self = Self {
        capacity: 4_000 * MS,
        refill: 50 * MS,
        nonces: MAX_NONCES,
    };

    /// The least that still lets people work and vote, and the most that a pool can hold.
    pub fn is_sane(&self) -> bool {
        self.capacity >= 10 * MS
            && (MS / 10..=self.capacity).contains(&self.refill)
            && (16..=MAX_NONCES).contains(&self.nonces)
    }

    /// Only urgent calls may spend the last eighth, so that nobody who has spent their allowance,
    /// or whose thief has, is kept from taking a right away.
    fn limit(&self, urgent: bool) -> u64 {
        if urgent {
            self.capacity
        } else {
            self.capacity.saturating_sub(self.capacity / 8)
        }
    }
}

/// The allowances in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Allowances {
    pub person: Allowance,
    pub service: Allowance,
    pub sponsor: Allowance,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            person: Allowance::PERSON,
            service: Allowance::SERVICE,
            sponsor: Allowance::SPONSOR,
        }
    }
}

impl Allowances {
    pub fn of(&mut self, spender: Spender) -> &mut Allowance {
        match spender {
            Spender::Person => &mut self.person,
            Spender::Service => &mut self.service,
            Spender::Sponsor => &mut self.sponsor,
        }
    }
}

/// What an account has spent. Picoseconds; leaks by the refill with every block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Bucket {
    pub spent: u64,
    pub at: BlockNumber,
}

impl Bucket {
    /// What is still spent at `now`.
    pub fn spent_at(&self, now: BlockNumber, allowance: &Allowance) -> u64 {
        let blocks = u64::from(now.saturating_sub(self.at));
        self.spent
            .saturating_sub(allowance.refill.saturating_mul(blocks))
    }

    /// Whether `cost` can be spent by the transaction that comes after `distance` others. They
    /// will have been paid for by then; what they cost is not known here, and taking them to be
    /// like this one keeps the pool from holding what no block will take.
    ///
    /// Whoever has spent nothing can pay for any one call, even one that is larger than the bucket
    /// (a runtime upgrade), and then waits the longer.
    fn admits(
        &self,
        now: BlockNumber,
        allowance: &Allowance,
        cost: u64,
        distance: u64,
        urgent: bool,
    ) -> bool {
        let distance = if urgent { 0 } else { distance };
        let spent = self.spent_at(now, allowance);
        let wanted = cost.saturating_mul(distance.saturating_add(1));
        (spent == 0 && distance == 0) || spent.saturating_add(wanted) <= allowance.limit(urgent)
    }

    fn charge(&mut self, now: BlockNumber, allowance: &Allowance, cost: u64) {
        self.spent = self.spent_at(now, allowance).saturating_add(cost);
        self.at = now;
    }

    fn refund(&mut self, amount: u64) {
        self.spent = self.spent.saturating_sub(amount);
    }
}

/// Lets pass only the transactions of active members and of patients' controllers, each within
/// their allowance; first those that take a right away, then those nearest to their account's
/// nonce.
///
/// It has no fields, so wallets need not know it. It must stand *directly before* `CheckNonce`,
/// because it reads the nonce from what follows it in the transaction.
#[derive(Encode, Decode, DecodeWithMemTracking, Clone, Eq, PartialEq, TypeInfo)]
#[scale_info(skip_type_params(T))]
pub struct CheckMember<T: Config + Send + Sync>(PhantomData<T>);

impl<T: Config + Send + Sync> CheckMember<T> {
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Config + Send + Sync> Default for CheckMember<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Config + Send + Sync> core::fmt::Debug for CheckMember<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter) -> core::fmt::Result {
        f.write_str("CheckMember")
    }
}

/// What a transaction costs whom.
#[derive(Clone, Debug)]
pub struct Charge {
    who: AccountId,
    allowance: Allowance,
    sponsor: Option<(OrgId, Allowance)>,
    cost: u64,
}

impl<T: Config + Send + Sync> CheckMember<T> {
    /// The account's allowance, and the organisation that answers for it if it is only a
    /// patient's.
    fn standing(who: &AccountId) -> Option<(Allowance, Option<(OrgId, Allowance)>)> {
        let in_force = crate::Allowances::<T>::get();
        match <Pallet<T> as Standing<_>>::member(who) {
            Some(member) if member.is_service() => Some((in_force.service, None)),
            Some(_) => Some((in_force.person, None)),
            // Even if that organisation is suspended: its patients must be able to revoke.
            None => T::Sponsorship::sponsor(who)
                .map(|organisation| (in_force.person, Some((organisation, in_force.sponsor)))),
        }
    }

    fn cost(info: &DispatchInfo, len: usize) -> u64 {
        let base = T::BlockWeights::get().get(info.class).base_extrinsic;
        info.total_weight()
            .saturating_add(base)
            .ref_time()
            .saturating_add(PER_BYTE.saturating_mul(len as u64))
    }

    fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }
}

impl<T: Config + Send + Sync> TransactionExtension<T::RuntimeCall> for CheckMember<T>
where
    T::RuntimeCall: Dispatchable<Info = DispatchInfo, PostInfo = PostDispatchInfo>,
    <T::RuntimeCall as Dispatchable>::RuntimeOrigin: AsSystemOriginSigner<AccountId> + Clone,
{
    const IDENTIFIER: &'static str = "CheckMember";
    type Implicit = ();
    type Val = Option<Charge>;
    type Pre = Option<Charge>;

    fn weight(&self, _: &T::RuntimeCall) -> Weight {
        T::WeightInfo::check_member()
    }

    fn validate(
        &self,
        origin: <T as SystemConfig>::RuntimeOrigin,
        call: &T::RuntimeCall,
        info: &DispatchInfoOf<T::RuntimeCall>,
        len: usize,
        _self_implicit: (),
        inherited_implication: &impl Implication,
        _source: TransactionSource,
    ) -> ValidateResult<Self::Val, T::RuntimeCall> {
        // Inherents, GRANDPA's reports and authorised upgrades are signed by nobody.
        let Some(who) = origin.as_system_origin_signer().cloned() else {
            return Ok((ValidTransaction::default(), None, origin));
        };
        let invalid = |reason| TransactionValidityError::from(InvalidTransaction::Custom(reason));

        let (allowance, sponsor) = Self::standing(&who).ok_or(invalid(NO_STANDING))?;

        let following = inherited_implication.parts().explicit.encode();
        let CheckNonce::<T>(nonce) =
            CheckNonce::decode(&mut &following[..]).map_err(|_| invalid(NONCE_TOO_FAR))?;
        let distance: u64 = nonce
            .saturating_sub(frame_system::Pallet::<T>::account_nonce(&who))
            .saturated_into();
        if distance > allowance.nonces {
            return Err(invalid(NONCE_TOO_FAR));
        }

        let urgent = T::Urgent::contains(call);
        let cost = Self::cost(info, len);
        let now = Self::now();
        let admitted = Buckets::<T>::get(&who).admits(now, &allowance, cost, distance, urgent)
            && sponsor.is_none_or(|(organisation, allowance)| {
                SponsorBuckets::<T>::get(organisation).admits(now, &allowance, cost, 0, urgent)
            });
        if !admitted {
            return Err(invalid(BUCKET_EMPTY));
        }

        let validity = ValidTransaction {
            priority: priority(urgent, distance),
            ..Default::default()
        };
        let charge = Charge {
            who,
            allowance,
            sponsor,
            cost,
        };
        Ok((validity, Some(charge), origin))
    }

    fn prepare(
        self,
        charge: Self::Val,
        _origin: &<T as SystemConfig>::RuntimeOrigin,
        _call: &T::RuntimeCall,
        _info: &DispatchInfoOf<T::RuntimeCall>,
        _len: usize,
    ) -> Result<Self::Pre, TransactionValidityError> {
        if let Some(charge) = &charge {
            let now = Self::now();
            Buckets::<T>::mutate(&charge.who, |bucket| {
                bucket.charge(now, &charge.allowance, charge.cost)
            });
            if let Some((organisation, allowance)) = charge.sponsor {
                SponsorBuckets::<T>::mutate(organisation, |bucket| {
                    bucket.charge(now, &allowance, charge.cost)
                });
            }
        }
        Ok(charge)
    }

    fn post_dispatch_details(
        charge: Self::Pre,
        info: &DispatchInfoOf<T::RuntimeCall>,
        post_info: &PostDispatchInfoOf<T::RuntimeCall>,
        _len: usize,
        _result: &DispatchResult,
    ) -> Result<Weight, TransactionValidityError> {
        let Some(charge) = charge else {
            return Ok(T::WeightInfo::check_member());
        };
        let unspent = info
            .total_weight()
            .saturating_sub(post_info.calc_actual_weight(info))
            .ref_time();
        if unspent > 0 {
            Buckets::<T>::mutate(&charge.who, |bucket| bucket.refund(unspent));
            if let Some((organisation, _)) = charge.sponsor {
                SponsorBuckets::<T>::mutate(organisation, |bucket| bucket.refund(unspent));
            }
        }
        Ok(Weight::zero())
    }
}

/// Everybody's first transaction goes before anybody's second; every urgent one before all others.
fn priority(urgent: bool, distance: u64) -> u64 {
    const URGENT: u64 = 1 << 32;
    let near = MAX_NONCES.saturating_sub(distance);
    if urgent {
        URGENT.saturating_add(near)
    } else {
        near
    }
}
