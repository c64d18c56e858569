//! This organisation's shares of emergency plans: one of several, of which a patient's plan says how many
//! open its package.
//!
//! A share comes encrypted to the vault's key, from who decides for the patient, and is kept only while
//! the finalized plan names its fingerprint. It leaves encrypted to the clinician who has broken the
//! glass, once that is finalized and while the glass lasts. Whether the package opens anything the vault
//! does not know.

use bytes::Bytes;
use futures::TryStreamExt;
use salus_client::files::age::{seal_bytes, unseal_bytes, DecryptionKey, EncryptionKey};
use salus_client::files::share::Share;
use salus_primitives::{
    AccountId, Controller, ControllerRole, EmergencyPlan, GlassIndex, PatientId, PlanSeal, Subject,
};
use sp_core::H256;

use crate::error::ApiError;
use crate::ledger::Head;
use crate::store::ShareId;
use crate::Vault;

/// Bytes of a share as it travels.
pub const MAX_SHARE: usize = 4 * 1024;

/// A patient's share that was encrypted to the vault; none if it is none, or another patient's.
fn open(identity: &DecryptionKey, patient: &PatientId, sealed: &[u8]) -> Option<Share> {
    let keys = std::slice::from_ref(identity);
    let bytes = unseal_bytes(keys, sealed, MAX_SHARE as u64, "share").ok()?;
    Share::from_bytes_of(patient, &bytes).ok()
}

impl Vault {
    /// Takes in this vault's share of a patient's plan. Errors: 403 for who does not decide for the
    /// patient, 400 for what is no share, 409 if the finalized plan does not name it.
    pub async fn keep_share(
        &self,
        account: &AccountId,
        patient: PatientId,
        sealed: Bytes,
    ) -> Result<(), ApiError> {
        let identity = self.identity()?;
        let head = self.rule.head().await?;
        match self.ledger.controller(head.hash, patient, account).await? {
            Some(Controller {
                role: ControllerRole::Owner | ControllerRole::Decider,
                ..
            }) => {}
            _ => return Err(ApiError::not_a_decider()),
        }
        let share = open(identity, &patient, &sealed).ok_or_else(ApiError::not_a_share)?;
        let plan = self.ledger.emergency_plan(head.hash, patient).await?;
        let id = (patient, share.fingerprint());
        let named = plan.and_then(|plan| self.named_share(&plan)) == Some(id.1);
        if named {
            self.store.ensure_room()?;
            self.store.put_share(&id, sealed).await?;
            tracing::debug!(%patient, %account, "a share of an emergency plan is kept");
        }
        self.forget_shares(Some(patient)).await?;
        match named {
            true => Ok(()),
            false => Err(ApiError::not_in_the_plan()),
        }
    }

    /// The share, encrypted to the clinician who has broken this glass. Errors: 403 without a reason,
    /// 404 if it is not here, 409 if the clinician has no key.
    pub async fn release_share(
        &self,
        reader: &AccountId,
        patient: PatientId,
        glass: GlassIndex,
    ) -> Result<Vec<u8>, ApiError> {
        let identity = self.identity()?;
        let head = self.rule.head().await?;
        let now = head.moment.max((self.clock)());
        let row = self.ledger.glass(head.hash, patient, glass).await?;
        let broken_under = row
            .filter(|row| row.clinician == *reader)
            .map(|row| row.plan)
            .ok_or_else(ApiError::no_release)?;
        let holds = self
            .ledger
            .holds_glass(head.hash, patient, glass, reader, now);
        if !holds.await? {
            return Err(ApiError::no_release());
        }
        self.forget_shares(Some(patient)).await?;
        let plan = self.ledger.emergency_plan(head.hash, patient).await?;
        // A plan that was changed after the glass opens another package: that is not this glass's.
        let fingerprint = plan
            .filter(|plan| Some(PlanSeal::from(plan.clone())) == broken_under)
            .and_then(|plan| self.named_share(&plan))
            .ok_or_else(ApiError::no_share)?;
        let sealed = self.store.share(&(patient, fingerprint)).await?;
        let sealed = sealed.ok_or_else(ApiError::no_share)?;
        let share = open(identity, &patient, &sealed)
            .filter(|share| share.fingerprint() == fingerprint)
            .ok_or_else(|| {
                tracing::error!(%patient, "a share is damaged, or encrypted to a key that this vault has lost");
                ApiError::no_share()
            })?;
        let key = self.published_key(head, reader).await?;
        let released = seal_bytes(&[key], &share.to_bytes()).map_err(|_| ApiError::no_key())?;
        tracing::debug!(%patient, glass, %reader, "a share of an emergency plan was released");
        Ok(released)
    }

    /// The share that a plan places here.
    fn named_share(&self, plan: &EmergencyPlan) -> Option<H256> {
        let own = self.settings.audience.organisation;
        let mut holders = plan.holders.iter();
        let holder = holders.find(|holder| holder.organisation == own)?;
        Some(holder.share)
    }

    /// The key that an account has published, under its own signature.
    async fn published_key(
        &self,
        head: Head,
        account: &AccountId,
    ) -> Result<EncryptionKey, ApiError> {
        let signed = self.ledger.recipient(head.hash, account).await?;
        let signed = signed.ok_or_else(ApiError::no_key)?;
        let subject = Subject::Account(account.clone());
        if signed.signer != *account || !signed.is_valid(&self.ledger.genesis(), &subject) {
            tracing::error!(%account, "the node names a key that its owner has not signed");
            return Err(ApiError::chain_unavailable(
                "its node names a key for this account that the account has not signed",
            ));
        }
        EncryptionKey::from_recipient(&signed.recipient).map_err(|_| ApiError::no_key())
    }

    /// Deletes what no plan names any more, of one patient or of all. Returns how many shares stay.
    pub async fn forget_shares(&self, of: Option<PatientId>) -> Result<u64, ApiError> {
        let mut kept = 0;
        let mut shares = std::pin::pin!(self.store.shares(of));
        while let Some(id) = shares.try_next().await? {
            match self.is_named(&id).await? {
                true => kept += 1,
                false => {
                    self.store.remove_share(&id).await?;
                    tracing::debug!(patient = %id.0, "a share of an emergency plan that is gone was deleted");
                }
            }
        }
        Ok(kept)
    }

    /// Whether the plan names a share that is here. The head is asked for after the share was found: an
    /// older one would not know of a share that has just come.
    async fn is_named(&self, (patient, fingerprint): &ShareId) -> Result<bool, ApiError> {
        let head = self.rule.head().await?;
        let plan = self.ledger.emergency_plan(head.hash, *patient).await?;
        Ok(plan.and_then(|plan| self.named_share(&plan)) == Some(*fingerprint))
    }
}
