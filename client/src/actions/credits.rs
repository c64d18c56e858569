//! Credits: what members have of them. Only the council makes them and takes them away.

use salus_primitives::{AccountId, Balance, PatientId, RequestIndex};
use serde::{Serialize, Serializer};

use super::council::{self, Proposed};
use super::{Client, Receipt};
use crate::chain::calls;
use crate::error::{Error, Result};

/// Amounts as events tell them: as a number, or as text where JSON's numbers end.
pub(super) fn amount<S: Serializer>(amount: &Balance, serializer: S) -> Result<S::Ok, S::Error> {
    match u64::try_from(*amount) {
        Ok(amount) => serializer.serialize_u64(amount),
        Err(_) => serializer.collect_str(amount),
    }
}

pub(super) fn some_amount<S: Serializer>(
    some: &Option<Balance>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match some {
        Some(some) => amount(some, serializer),
        None => serializer.serialize_none(),
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct CreditsView {
    pub account: String,
    #[serde(serialize_with = "amount")]
    pub free: Balance,
    /// Promised, to be paid or returned.
    #[serde(serialize_with = "amount")]
    pub held: Balance,
}

pub async fn show(client: &Client, account: &AccountId) -> Result<CreditsView> {
    let credits = client.salus().await?.credits(account).await?;
    Ok(CreditsView {
        account: account.to_string(),
        free: credits.free,
        held: credits.held,
    })
}

/// Proposes to make credits for an account.
pub async fn mint(client: &Client, account: &AccountId, amount: Balance) -> Result<Proposed> {
    council::propose(client, &calls::credits::mint(account, amount)).await
}

/// Proposes to take credits away from an account, of those that are free.
pub async fn burn(client: &Client, account: &AccountId, amount: Balance) -> Result<Proposed> {
    council::propose(client, &calls::credits::burn(account, amount)).await
}

#[derive(Clone, Debug, Serialize)]
pub struct Reclaimed {
    pub patient: String,
    pub request: RequestIndex,
    #[serde(serialize_with = "amount")]
    pub amount: Balance,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Takes back what was offered for a request that nobody answered in time.
pub async fn reclaim(
    client: &Client,
    patient: PatientId,
    request: RequestIndex,
) -> Result<Reclaimed> {
    let amount = client.salus().await?.offer(patient, request).await?;
    let amount = amount.ok_or_else(|| {
        Error::Unfit(format!(
            "nothing is set aside for request {request} of patient {patient}: it was paid or returned, or nothing was offered"
        ))
    })?;
    let call = calls::credits::reclaim(patient, request);
    let submitted = client.submit(&call).await?;
    Ok(Reclaimed {
        patient: patient.to_string(),
        request,
        amount,
        receipt: (&submitted).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_as_long_as_json_has_them() {
        let json = |free| {
            let view = CreditsView {
                account: String::new(),
                free,
                held: 0,
            };
            serde_json::to_value(view).unwrap()["free"].to_string()
        };
        assert_eq!(json(100), "100");
        assert_eq!(json(u64::MAX.into()), u64::MAX.to_string());
        assert_eq!(json(u128::MAX), format!("\"{}\"", u128::MAX));
    }
}
