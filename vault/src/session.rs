//! Who is asking. The client composes a challenge that names this vault, signs it, and gets a token.
//!
//! Because the challenge names the audience and the origin, a vault cannot relay it to another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngCore;
use salus_primitives::{AccountId, Genesis, Moment, OrgId};
use sha2::{Digest, Sha256};
use sp_core::sr25519;
use sp_runtime::MultiSignature;

use crate::error::ApiError;
use crate::store::ObjectId;

pub const SESSION_LIFETIME: Moment = 15 * 60 * 1_000;
/// A challenge may expire this far ahead, and no further.
pub const CHALLENGE_LIFETIME: Moment = 5 * 60 * 1_000;
/// Bounds of what is kept in memory.
const MAX_SESSIONS_PER_ACCOUNT: usize = 16;
const MAX_SESSIONS: usize = 100_000;
/// Of one account, while its challenges have not expired: three a second, which is what software that
/// starts anew for each file needs.
const MAX_SIGN_INS: usize = 1_024;
/// Between two looks at the challenges of all accounts.
const SWEEP_EVERY: Moment = 60 * 1_000;
const MAX_WALKED: usize = 16;

/// What a challenge must name to mean anything here.
#[derive(Clone, Debug)]
pub struct Audience {
    pub genesis: Genesis,
    pub organisation: OrgId,
    /// The vault's base URL, without a slash at its end.
    pub origin: String,
}

/// A verified challenge: used up once it has been redeemed.
#[derive(Debug)]
pub struct Challenge {
    pub account: AccountId,
    nonce: [u8; 16],
    expires: Moment,
}

impl Challenge {
    /// Checks every line and the signature.
    pub fn verify(
        audience: &Audience,
        account: &AccountId,
        text: &str,
        signature: &[u8; 64],
        now: Moment,
    ) -> Result<Self, ApiError> {
        let account_hex = hex::encode(AsRef::<[u8; 32]>::as_ref(account));
        let mut lines = text.split('\n');
        let mut line = |name: &str| -> Result<&str, ApiError> {
            lines
                .next()
                .and_then(|line| line.strip_prefix(name))
                .ok_or_else(|| ApiError::bad_challenge(&format!("the line `{name}` is missing")))
        };
        let ensure = |holds: bool, what: &str| match holds {
            true => Ok(()),
            false => Err(ApiError::bad_challenge(what)),
        };
        ensure(
            line("salus-session/v1")?.is_empty(),
            "it is not a `salus-session/v1`",
        )?;
        ensure(
            line("genesis: 0x")? == hex::encode(audience.genesis),
            "it names another chain",
        )?;
        ensure(
            line("audience: ")? == audience.organisation.to_string(),
            "it is meant for another organisation",
        )?;
        ensure(
            line("origin: ")?.trim_end_matches('/') == audience.origin,
            "it is meant for a vault at another address",
        )?;
        ensure(
            line("account: 0x")? == account_hex,
            "it names another account",
        )?;
        let mut nonce = [0; 16];
        hex::decode_to_slice(line("nonce: ")?, &mut nonce)
            .map_err(|_| ApiError::bad_challenge("the nonce is not 32 hexadecimal digits"))?;
        let expires: Moment = line("expires: ")?
            .parse()
            .map_err(|_| ApiError::bad_challenge("`expires` is not a number of milliseconds"))?;
        ensure(lines.next().is_none(), "it has more lines than it should")?;
        ensure(expires > now, "it has expired; check the clock")?;
        ensure(
            expires <= now.saturating_add(CHALLENGE_LIFETIME),
            "it expires more than 5 minutes ahead; check the clock",
        )?;
        let signature = MultiSignature::Sr25519(sr25519::Signature::from_raw(*signature));
        ensure(
            salus_primitives::signing::verify(&signature, text.as_bytes(), account),
            "the signature is not by that account",
        )?;
        Ok(Self {
            account: account.clone(),
            nonce,
            expires,
        })
    }
}

/// What a session may remember. Nothing here decides about access to patients' objects.
#[derive(Debug)]
pub struct Session {
    pub account: AccountId,
    pub expires_at: Moment,
    walked: Mutex<Vec<ObjectId>>,
}

impl Session {
    /// Objects whose root this session fetched through the gateway: where its next blocks are.
    pub fn walked(&self) -> Vec<ObjectId> {
        lock(&self.walked).clone()
    }

    pub fn walk(&self, id: ObjectId) {
        let mut walked = lock(&self.walked);
        walked.retain(|known| *known != id);
        if walked.len() >= MAX_WALKED {
            walked.remove(0);
        }
        walked.push(id);
    }
}

/// The live sessions. Tokens are kept hashed: a dump of the memory's map opens nothing.
#[derive(Default)]
pub struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tokens: HashMap<[u8; 32], Arc<Session>>,
    /// Challenges that were redeemed and have not expired yet, by account and nonce.
    used: HashMap<AccountId, HashMap<[u8; 16], Moment>>,
    swept_at: Moment,
}

impl Inner {
    /// Forgets challenges that have expired: of this account at once, of others now and then.
    fn forget_expired(&mut self, account: &AccountId, now: Moment) {
        if now.abs_diff(self.swept_at) >= SWEEP_EVERY {
            self.swept_at = now;
            self.used.retain(|_, used| {
                used.retain(|_, expires| *expires > now);
                !used.is_empty()
            });
        } else if let Some(used) = self.used.get_mut(account) {
            used.retain(|_, expires| *expires > now);
        }
    }
}

impl Sessions {
    /// Exchanges a challenge for a token: hexadecimal, 32 random bytes.
    pub fn redeem(&self, challenge: Challenge, now: Moment) -> Result<(String, Moment), ApiError> {
        let mut inner = lock(&self.inner);
        inner.tokens.retain(|_, session| session.expires_at > now);
        let Challenge {
            account,
            nonce,
            expires,
        } = challenge;
        inner.forget_expired(&account, now);
        let used = inner.used.entry(account.clone()).or_default();
        if used.contains_key(&nonce) {
            return Err(ApiError::bad_challenge("it has been used already"));
        }
        if used.len() >= MAX_SIGN_INS {
            return Err(ApiError::quota(format!(
                "this account has signed in {MAX_SIGN_INS} times within a few minutes: use the token that it got, or \
                 wait"
            )));
        }
        used.insert(nonce, expires);
        let of_account = inner
            .tokens
            .iter()
            .filter(|(_, session)| session.account == account);
        // One account cannot fill the memory: its own oldest session gives way.
        if of_account.clone().count() >= MAX_SESSIONS_PER_ACCOUNT {
            if let Some(oldest) = of_account
                .min_by_key(|(_, session)| session.expires_at)
                .map(|(token, _)| *token)
            {
                inner.tokens.remove(&oldest);
            }
        }
        if inner.tokens.len() >= MAX_SESSIONS {
            return Err(ApiError::quota(
                "the vault has as many sessions as it can keep: try again in a few minutes",
            ));
        }
        let mut token = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut token);
        let token = hex::encode(token);
        let expires_at = now.saturating_add(SESSION_LIFETIME);
        inner.tokens.insert(
            digest(&token),
            Arc::new(Session {
                account,
                expires_at,
                walked: Mutex::default(),
            }),
        );
        Ok((token, expires_at))
    }

    pub fn find(&self, token: &str, now: Moment) -> Option<Arc<Session>> {
        lock(&self.inner)
            .tokens
            .get(&digest(token))
            .filter(|session| session.expires_at > now)
            .cloned()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The text that a client signs; here so that tests and other crates compose the same one.
pub fn challenge_text(
    audience: &Audience,
    account: &AccountId,
    nonce: &[u8; 16],
    expires: Moment,
) -> String {
    format!(
        "salus-session/v1\ngenesis: 0x{}\naudience: {}\norigin: {}\naccount: 0x{}\nnonce: {}\nexpires: {expires}",
        hex::encode(audience.genesis),
        audience.organisation,
        audience.origin,
        hex::encode(AsRef::<[u8; 32]>::as_ref(account)),
        hex::encode(nonce),
    )
}
