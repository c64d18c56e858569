//! A node that answers what a test has told it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codec::Encode;
use salus_primitives::{AccountId, Genesis, PatientId};
use serde_json::{json, Value};
use subxt::rpcs::{
    client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
    Error, RpcClient,
};

use super::{
    connect::{hex, storage_key},
    Block, Call, Chain, ChainError, ChainEvent, Phase, Submitted,
};
use crate::keys::AccountKey;

/// Nobody listens there.
const NOWHERE: &str = "ws://127.0.0.1:1";
const HEAD: [u8; 32] = [9; 32];

/// What becomes of a transaction.
pub(crate) enum Taken {
    /// It caused this.
    In(Vec<ChainEvent>),
    Refused(ChainError),
    /// Nobody ever hears of it.
    Unheard,
}

/// Decides what becomes of an account's call, and may change what the node answers from then on.
type Taker = dyn Fn(&AccountId, &Call) -> Taken + Send + Sync;

/// An event that a call caused.
pub(crate) fn event(pallet: &str, variant: &str, fields: Value) -> ChainEvent {
    ChainEvent {
        index: 0,
        phase: Phase::ApplyExtrinsic(1),
        pallet: pallet.into(),
        variant: variant.into(),
        fields,
        raw: Vec::new(),
    }
}

/// What the node knows, and what it was asked for.
#[derive(Default)]
pub(crate) struct Double(Mutex<State>);

#[derive(Default)]
struct State {
    /// By `SalusApi` function and arguments.
    answers: BTreeMap<(String, String), String>,
    /// By function, where a question was not foreseen.
    defaults: BTreeMap<String, String>,
    lost_at: BTreeSet<String>,
    /// How many transactions an account has sent.
    nonces: BTreeMap<String, u64>,
    asked: Vec<String>,
    /// Whole questions, by the connection on which they came.
    seen: Vec<(usize, String)>,
    enrolled: Vec<Vec<u8>>,
    connections: usize,
    /// None takes no transaction.
    taker: Option<Arc<Taker>>,
}

/// One of the connections to the node.
struct Connection(Arc<Double>, usize);

impl Double {
    pub(crate) fn chain(self: &Arc<Self>, genesis: Genesis) -> Chain {
        let node = self.clone();
        let dialer = move || {
            let mut state = node.state();
            state.connections += 1;
            RpcClient::new(Connection(node.clone(), state.connections - 1))
        };
        Chain::over(NOWHERE, genesis, Arc::new(dialer), self.clone())
    }

    /// Takes transactions from now on, as this says.
    pub(crate) fn take(&self, taker: impl Fn(&AccountId, &Call) -> Taken + Send + Sync + 'static) {
        self.state().taker = Some(Arc::new(taker));
    }

    /// What becomes of a call, in a block a moment later; none if this node takes nothing.
    pub(crate) async fn taken(
        &self,
        key: &AccountKey,
        call: &Call,
    ) -> Option<Result<Submitted, ChainError>> {
        let taker = self.state().taker.clone()?;
        tokio::time::sleep(Duration::from_millis(2)).await;
        match taker(&key.account(), call) {
            Taken::In(events) => Some(Ok(Submitted {
                block: Block {
                    number: 1,
                    hash: HEAD.into(),
                },
                extrinsic_index: 1,
                moment: 1,
                events,
            })),
            Taken::Refused(error) => Some(Err(error)),
            Taken::Unheard => std::future::pending().await,
        }
    }

    /// Lets the node list these ids.
    pub(crate) fn enrol(&self, patients: impl Iterator<Item = PatientId>) {
        let key = |patient: PatientId| storage_key("Patients", "Patients", &patient.0);
        let mut keys: Vec<_> = patients.map(key).collect();
        keys.sort();
        self.state().enrolled = keys;
    }

    /// Every question, by the connection on which it came, counted from 0.
    pub(crate) fn seen(&self) -> Vec<(usize, String)> {
        self.state().seen.clone()
    }

    /// Answers this question so from now on.
    pub(crate) fn tell(&self, function: &str, args: impl Encode, answer: impl Encode) {
        let key = (function.to_owned(), hex(&args.encode()));
        self.state().answers.insert(key, hex(&answer.encode()));
    }

    /// Answers so whatever is asked of this function that was not told.
    pub(crate) fn tell_by_default(&self, function: &str, answer: impl Encode) {
        let answer = hex(&answer.encode());
        self.state().defaults.insert(function.to_owned(), answer);
    }

    /// This account has sent so many transactions.
    pub(crate) fn count(&self, account: &str, nonce: u64) {
        self.state().nonces.insert(account.to_owned(), nonce);
    }

    /// Breaks the connection when it is asked this.
    pub(crate) fn lose_at(&self, function: &str) {
        self.state().lost_at.insert(function.to_owned());
    }

    /// The functions and methods that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(
        &self,
        connection: usize,
        method: &str,
        params: Option<Box<RawValue>>,
    ) -> Result<Value, Error> {
        let words = params
            .as_ref()
            .map(|params| params.get())
            .unwrap_or_default();
        self.state()
            .seen
            .push((connection, format!("{method} {words}")));
        let params: Value = match &params {
            Some(params) => serde_json::from_str(params.get()).map_err(Error::Deserialization)?,
            None => json!([]),
        };
        let asked = match method {
            "state_call" => params[0].as_str().unwrap_or_default(),
            method => method,
        };
        let asked = asked.trim_start_matches("SalusApi_").to_owned();
        let args = params[1].as_str().unwrap_or_default().to_owned();
        let mut state = self.state();
        state.asked.push(asked.clone());
        let lost = || Error::Client("the connection is lost".into());
        match method {
            _ if state.lost_at.contains(&asked) => Err(lost()),
            "chain_getFinalizedHead" => Ok(json!(hex(&HEAD))),
            "chain_getHeader" => Ok(json!({"parentHash": hex(&HEAD), "number": "0x1"})),
            "state_call" => match state
                .answers
                .get(&(asked.clone(), args))
                .or_else(|| state.defaults.get(&asked))
            {
                Some(answer) => Ok(json!(answer)),
                None => panic!("the test has not told what {asked} answers"),
            },
            "state_getKeysPaged" => {
                let after = params[2].as_str().unwrap_or_default();
                let limit = params[1].as_u64().unwrap_or_default() as usize;
                let keys = state.enrolled.iter().map(|key| hex(key));
                let page: Vec<_> = keys
                    .filter(|key| key.as_str() > after)
                    .take(limit)
                    .collect();
                Ok(json!(page))
            }
            "system_accountNextIndex" => {
                let account = params[0].as_str().unwrap_or_default();
                match state.nonces.get(account) {
                    Some(nonce) => Ok(json!(nonce)),
                    None => Err(lost()),
                }
            }
            // There is nothing in its state.
            "state_getStorage" => Ok(Value::Null),
            // Nothing is sent to the chain here.
            _ => Err(lost()),
        }
    }
}

impl RpcClientT for Connection {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        let answer = self.0.answer(self.1, method, params);
        Box::pin(async move {
            // Others go on meanwhile, as with a node that is elsewhere.
            tokio::task::yield_now().await;
            RawValue::from_string(answer?.to_string()).map_err(Error::Deserialization)
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
        _: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        let words = params
            .as_ref()
            .map(|params| params.get())
            .unwrap_or_default();
        let mut state = self.0.state();
        state.seen.push((self.1, format!("{method} {words}")));
        state.asked.push(method.to_owned());
        drop(state);
        Box::pin(async { Err(Error::Client("the connection is lost".into())) })
    }
}
