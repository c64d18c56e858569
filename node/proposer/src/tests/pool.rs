//! Transactions as a pool would hand them out.

use std::sync::Arc;

use sc_transaction_pool_api::InPoolTransaction;
use sp_runtime::transaction_validity::{TransactionLongevity, TransactionPriority, TransactionTag};

/// The transaction of an account with this nonce.
pub struct Ready<X> {
    pub hash: usize,
    data: Arc<X>,
    requires: Vec<TransactionTag>,
    provides: Vec<TransactionTag>,
}

impl<X> Ready<X> {
    pub fn new(hash: usize, account: u8, nonce: u32, data: X) -> Arc<Self> {
        let tag = |nonce: u32| [&[account], nonce.to_be_bytes().as_slice()].concat();
        Arc::new(Self {
            hash,
            data: Arc::new(data),
            requires: nonce.checked_sub(1).map(tag).into_iter().collect(),
            provides: vec![tag(nonce)],
        })
    }
}

impl<X> InPoolTransaction for Ready<X> {
    type Transaction = Arc<X>;
    type Hash = usize;

    fn data(&self) -> &Arc<X> {
        &self.data
    }

    fn hash(&self) -> &usize {
        &self.hash
    }

    fn priority(&self) -> &TransactionPriority {
        &0
    }

    fn longevity(&self) -> &TransactionLongevity {
        &64
    }

    fn requires(&self) -> &[TransactionTag] {
        &self.requires
    }

    fn provides(&self) -> &[TransactionTag] {
        &self.provides
    }

    fn is_propagable(&self) -> bool {
        true
    }
}
