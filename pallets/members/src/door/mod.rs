//! The door: who may send a transaction at all, and how much.
//!
//! There are no fees. Instead there are allowances of block time, leaky buckets, and whoever is
//! neither member nor controller has none, but for calls that show that a patient named them. This is not the authorisation: every call still checks
//! the standing of its origin itself.
//!
//! A member spends from its account's bucket and from that of its organisation. Who is only a
//! controller spends from its account's, from the one of all controllers of the patient, and from
//! that of the organisation that enrolled the patient. So does whom a patient named, for the calls
//! that they were named for. Urgent calls spend from small buckets of
//! their own, and go first, as long as these last; then they are calls like any other.

mod buckets;

use codec::{Decode, DecodeWithMemTracking, Encode};
use core::marker::PhantomData;
use frame_support::{
    dispatch::{DispatchInfo, PostDispatchInfo},
    pallet_prelude::TransactionSource,
    traits::{Contains, Get},
    weights::Weight,
};
use frame_system::{CheckNonce, Config as SystemConfig, ExtensionsWeightInfo};
use salus_primitives::{
    traits::{Chain, Invitations, Sponsorship, Standing},
    AccountId, BlockNumber, OrgId, PatientId, Rejection, SECOND,
};
use scale_info::TypeInfo;
use sp_runtime::{
    traits::{
        AsSystemOriginSigner, DispatchInfoOf, Dispatchable, Implication, PostDispatchInfoOf,
        TransactionExtension, ValidateResult,
    },
    transaction_validity::{TransactionValidityError, ValidTransaction},
    DispatchResult, SaturatedConversion, Saturating,
};

use buckets::{priority, Lane, Level, Turn};
pub use buckets::{Allowance, Allowances, Bucket, Spent};

use crate::{
    Buckets, Config, OrganisationBuckets, Pallet, PatientBuckets, SponsorBuckets, WeightInfo,
};

/// Bytes are scarce like time. 5 MiB, the length of a block, cost about the 350 ms that
/// the author of a full block needs, in picoseconds per byte.
pub(crate) const PER_BYTE: u64 = 70_000;

/// Lets pass only the transactions of active members and of patients' controllers, each within
/// their allowances; first urgent ones, then those of whoever has taken least.
///
/// It has no fields, so wallets need not know it. It must stand *directly before* `CheckNonce`,
/// because it reads the nonce from what follows it in the transaction. The reasons why it refuses
/// are [`Rejection`]s.
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

/// Who pays, beside the account itself.
#[derive(Clone, Debug)]
enum Common {
    Organisation(OrgId),
    /// All controllers of the patient, and all patients of the organisation that enrolled it.
    Sponsor(PatientId, OrgId),
}

/// Whose rows of buckets pay.
#[derive(Clone, Debug)]
struct Payer {
    account: AccountId,
    common: Common,
}

/// What those who pay have spent.
struct Rows {
    own: Spent,
    family: Spent,
    common: Spent,
    /// Since which block the account could have sent something, if it never has.
    known: BlockNumber,
}

impl Payer {
    fn spent<T: Config>(&self, now: BlockNumber) -> Rows {
        let own = Buckets::<T>::get(&self.account);
        let (family, common) = match &self.common {
            Common::Organisation(organisation) => (
                Spent::default(),
                OrganisationBuckets::<T>::get(organisation),
            ),
            Common::Sponsor(patient, sponsor) => (
                PatientBuckets::<T>::get(patient),
                SponsorBuckets::<T>::get(sponsor),
            ),
        };
        // Or else whoever enrols invented patients would have as many accounts that are rested.
        let known = match &self.common {
            Common::Sponsor(patient, _) if own.urgent.at == 0 || own.ordinary.at == 0 => {
                let since = T::Sponsorship::enrolled_at(patient);
                let seconds = T::Chain::now().saturating_sub(since) / SECOND;
                now.saturating_sub(seconds.saturated_into())
            }
            _ => 0,
        };
        Rows {
            own,
            family,
            common,
            known,
        }
    }

    fn change<T: Config>(&self, lane: &Lane, change: impl Fn(&mut Spent, &Allowance)) {
        Buckets::<T>::mutate(&self.account, |row| change(row, &lane.own));
        match &self.common {
            Common::Organisation(organisation) => {
                OrganisationBuckets::<T>::mutate(organisation, |row| change(row, &lane.common));
            }
            Common::Sponsor(patient, sponsor) => {
                let family = lane.family.unwrap_or(lane.own);
                PatientBuckets::<T>::mutate(patient, |row| change(row, &family));
                SponsorBuckets::<T>::mutate(sponsor, |row| change(row, &lane.common));
            }
        }
    }
}

/// What a transaction costs whom.
#[derive(Clone, Debug)]
pub struct Charge {
    payer: Payer,
    lane: Lane,
    /// Whether the urgent buckets pay.
    urgent: bool,
    cost: u64,
}

impl Charge {
    /// What finding out who pays weighed less than [`CheckMember::weight`] says, which cannot know.
    fn unspent<T: Config>(&self) -> Weight {
        match &self.payer.common {
            Common::Organisation(_) => {
                T::WeightInfo::check_controller().saturating_sub(T::WeightInfo::check_member())
            }
            Common::Sponsor(..) => Weight::zero(),
        }
    }
}

/// For the worst of who may send something. Its benchmark includes `CheckNonce`, which says itself what
/// it weighs.
fn weight<T: Config>() -> Weight {
    T::WeightInfo::check_controller()
        .saturating_sub(<T::ExtensionsWeightInfo as ExtensionsWeightInfo>::check_nonce())
}

impl<T: Config + Send + Sync> CheckMember<T> {
    /// Returns who pays for what an account signs, and the allowances for ordinary calls.
    ///
    /// A controller's sponsor may be suspended: its patients must be able to revoke.
    fn payer(
        who: &AccountId,
        call: &T::RuntimeCall,
        in_force: &Allowances,
    ) -> Option<(Payer, Lane)> {
        if let Some(member) = <Pallet<T> as Standing<_>>::member(who) {
            let lane = Lane {
                own: if member.is_service() {
                    in_force.service
                } else {
                    in_force.person
                },
                family: None,
                common: in_force.organisation,
            };
            let payer = Payer {
                account: who.clone(),
                common: Common::Organisation(member.organisation()),
            };
            return Some((payer, lane));
        }
        let (patient, sponsor) =
            T::Sponsorship::sponsor(who).or_else(|| T::Invitations::invited_by(who, call))?;
        let lane = Lane {
            own: in_force.person,
            family: Some(in_force.patient),
            common: in_force.sponsor,
        };
        let payer = Payer {
            account: who.clone(),
            common: Common::Sponsor(patient, sponsor),
        };
        Some((payer, lane))
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

    /// Chooses the buckets that pay, and returns the priority that results.
    fn admit(
        call: &T::RuntimeCall,
        payer: Payer,
        ordinary: Lane,
        in_force: &Allowances,
        cost: u64,
        distance: u64,
    ) -> Result<(u64, Charge), Rejection> {
        let now = Self::now();
        let rows = payer.spent::<T>(now);
        let level = |lane: &Lane, urgent| Level {
            own: rows.own.of(urgent).spent_at(now, &lane.own),
            family: lane
                .family
                .map_or(0, |family| rows.family.of(urgent).spent_at(now, &family)),
            common: rows.common.of(urgent).spent_at(now, &lane.common),
            rested: rows
                .own
                .of(urgent)
                .rested(now)
                .min(now.saturating_sub(rows.known)),
        };
        let admitted = |lane: Lane, urgent, level: Level| {
            let turn = Turn {
                debt: level.common.saturating_add(cost.saturating_mul(distance)),
                own: level.own.saturating_add(cost.saturating_mul(distance)),
                rested: level.rested,
                lot: lot(&payer.account, now),
            };
            let charge = Charge {
                payer: payer.clone(),
                lane,
                urgent,
                cost,
            };
            Ok((priority(urgent, turn), charge))
        };

        if T::Urgent::contains(call) {
            let lane = in_force.urgent_lane(&ordinary);
            let level = level(&lane, true);
            if lane.admits(level, cost, distance) {
                return admitted(lane, true, level);
            }
        }
        let level = level(&ordinary, false);
        if ordinary.admits(level, cost, distance) {
            return admitted(ordinary, false, level);
        }
        if T::Oversized::contains(call) {
            return if ordinary.admits_oversized(level, cost, distance) {
                admitted(ordinary, false, level)
            } else {
                Err(Rejection::BucketEmpty)
            };
        }
        if ordinary.can_ever_admit(cost) {
            Err(Rejection::BucketEmpty)
        } else {
            Err(Rejection::TooHeavy)
        }
    }
}

/// Another one in each block, so that nobody can choose accounts for it.
fn lot(account: &AccountId, now: BlockNumber) -> u8 {
    sp_io::hashing::twox_64(&(account, now).encode())[0]
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

    fn weight(&self, call: &T::RuntimeCall) -> Weight {
        weight::<T>().saturating_add(T::Invitations::weight(call))
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
        if T::NotBySignature::contains(call) {
            return Err(Rejection::NotBySignature.into());
        }

        let in_force = crate::Allowances::<T>::get();
        let (payer, ordinary) = Self::payer(&who, call, &in_force).ok_or(Rejection::NoStanding)?;

        let following = inherited_implication.parts().explicit.encode();
        let CheckNonce::<T>(nonce) =
            CheckNonce::decode(&mut &following[..]).map_err(|_| Rejection::NonceTooFar)?;
        let distance: u64 = nonce
            .saturating_sub(frame_system::Pallet::<T>::account_nonce(&who))
            .saturated_into();
        if distance > ordinary.own.nonces {
            return Err(Rejection::NonceTooFar.into());
        }
        if T::NothingAuthorized::contains(call) {
            return Err(Rejection::NothingAuthorized.into());
        }

        let cost = Self::cost(info, len);
        let (priority, charge) = Self::admit(call, payer, ordinary, &in_force, cost, distance)?;
        // Whom a patient named may be new to the chain, and `CheckNonce`, which comes next, knows only
        // accounts that something provides for. It stays with its nonce, or the call could be sent
        // again. Where the transaction is refused after all, nothing of this is kept.
        if frame_system::Pallet::<T>::providers(&who) == 0 {
            frame_system::Pallet::<T>::inc_providers(&who);
        }
        let validity = ValidTransaction {
            priority,
            ..Default::default()
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
            let Charge {
                payer,
                lane,
                urgent,
                cost,
            } = charge;
            let now = Self::now();
            payer.change::<T>(lane, |row, allowance| {
                row.of_mut(*urgent).charge(now, allowance, *cost);
            });
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
            return Ok(weight::<T>());
        };
        let unspent = info
            .total_weight()
            .saturating_sub(post_info.calc_actual_weight(info))
            .ref_time();
        if unspent > 0 {
            charge.payer.change::<T>(&charge.lane, |row, _| {
                row.of_mut(charge.urgent).refund(unspent);
            });
        }
        // Only the block gets this back: buckets are charged alike for everybody.
        Ok(charge.unspent::<T>())
    }
}
