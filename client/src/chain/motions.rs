//! Motions of the council: how they stand, and how they are carried.

use codec::{Decode, Encode};
use salus_primitives::AccountId;
use sp_core::H256;

use super::{calls, connect::storage_prefix, Call, Chain, ChainError, Result, Submitted};
use crate::keys::AccountKey;

/// What the council keeps of a motion (`pallet_collective::Votes`).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Votes {
    pub index: u32,
    /// Votes that carry it, as it was proposed. A larger electorate takes more.
    pub threshold: u32,
    pub ayes: Vec<AccountId>,
    pub nays: Vec<AccountId>,
    /// Nobody can vote for it from this block on.
    pub end: u32,
}

impl Votes {
    pub fn are_enough(&self) -> bool {
        self.ayes.len() as u64 >= u64::from(self.threshold)
    }
}

/// The key of a row of the council's maps, which are keyed by the motion's hash as it is.
pub(crate) fn motion_key(pallet: &str, item: &str, motion: H256) -> Vec<u8> {
    let mut key = storage_prefix(pallet, item);
    key.extend_from_slice(motion.as_bytes());
    key
}

impl Chain {
    /// How an open motion stands; none if there is none with this hash.
    pub async fn votes(&self, motion: H256, at: H256) -> Result<Option<Votes>> {
        self.storage(&motion_key("Council", "Voting", motion), at)
            .await
    }

    /// Governance: proposes to the council to do this, or votes for it where it is proposed already; and
    /// carries it out where that is enough. What it returns is the last of these steps. Else the others
    /// vote with [`calls::motions::vote`].
    pub async fn propose(&self, key: &AccountKey, call: &Call) -> Result<Submitted> {
        let runtime = self.runtime(self.finalized().await?.hash).await?;
        let proposal = runtime.encode_call(call)?;
        let proposed = self
            .submit(key, &calls::motions::propose(&proposal))
            .await?;
        let motion = hash_of(&proposal);
        let closed = self
            .close_if_carried(key, motion, proposed.block.hash)
            .await?;
        Ok(closed.unwrap_or(proposed))
    }

    /// Carries a motion out that has enough votes in the state of this block; none if it has not.
    pub async fn close_if_carried(
        &self,
        key: &AccountKey,
        motion: H256,
        at: H256,
    ) -> Result<Option<Submitted>> {
        let votes = self.votes(motion, at).await?;
        if !votes.is_some_and(|votes| votes.are_enough()) {
            return Ok(None);
        }
        match self.submit(key, &calls::motions::close(motion)).await {
            Ok(closed) => Ok(Some(closed)),
            // The electorate has grown since it was proposed.
            Err(ChainError::Failed { error, .. }) if error == "Motions.TooEarly" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A motion's name: the hash of its call.
pub fn hash_of(proposal: &[u8]) -> H256 {
    H256(sp_crypto_hashing::blake2_256(proposal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_decode_as_the_council_keeps_them_and_are_counted() {
        let (aye, nay) = (AccountId::new([1; 32]), AccountId::new([2; 32]));
        let bytes = (7u32, 2u32, vec![aye.clone()], vec![nay.clone()], 99u32).encode();
        let mut votes = Votes::decode(&mut &bytes[..]).unwrap();
        assert_eq!((votes.index, votes.threshold, votes.end), (7, 2, 99));
        assert_eq!(
            (&votes.ayes, &votes.nays),
            (&vec![aye.clone()], &vec![nay.clone()])
        );
        assert!(!votes.are_enough(), "votes against it do not count for it");
        votes.ayes.push(nay);
        assert!(votes.are_enough());
    }
}
