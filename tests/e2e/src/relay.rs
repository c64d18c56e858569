//! Stands between a client and a node, and lets a test change what passes.

use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{accept_async, connect_async, tungstenite::Message};

use crate::Node;

/// What becomes of a client's question.
pub enum Question {
    /// The node gets it.
    Asked,
    /// The node never hears of it, and these messages are the answer.
    Answered(Vec<Value>),
}

/// What a node saw, by the connection on which it came, counted from 0.
pub type Seen = Arc<Mutex<Vec<(usize, String)>>>;

type Ask = dyn Fn(usize, &str) -> Question + Send + Sync;
type Tell = dyn Fn(String) -> String + Send + Sync;

pub struct Relay {
    port: u16,
}

impl Relay {
    /// Before this node: `ask` sees each message of a client, `tell` each one of the node.
    pub async fn before(
        node: &Node,
        ask: impl Fn(&str) -> Question + Send + Sync + 'static,
        tell: impl Fn(String) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::start(node, move |_, question| ask(question), tell).await
    }

    /// Before a node that writes down what it is asked.
    pub async fn recording(node: &Node) -> (Self, Seen) {
        let seen = Seen::default();
        let notes = seen.clone();
        let ask = move |connection, question: &str| {
            let mut notes = notes.lock().expect("nobody panicked");
            notes.push((connection, question.to_owned()));
            Question::Asked
        };
        (Self::start(node, ask, |told| told).await, seen)
    }

    async fn start(
        node: &Node,
        ask: impl Fn(usize, &str) -> Question + Send + Sync + 'static,
        tell: impl Fn(String) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (ask, tell, url): (Arc<Ask>, Arc<Tell>, _) =
            (Arc::new(ask), Arc::new(tell), node.url());
        tokio::spawn(async move {
            let mut connections = 0..;
            while let (Ok((client, _)), Some(number)) =
                (listener.accept().await, connections.next())
            {
                let ask = ask.clone();
                let ask = move |question: &str| ask(number, question);
                tokio::spawn(relay(client, url.clone(), ask, tell.clone()));
            }
        });
        Self { port }
    }

    /// As [`Relay::before`], for the questions of one method: `answer` gets the parameters of each, and
    /// says the messages that come instead of the node's, the first of them the answer itself.
    pub async fn answering(
        node: &Node,
        method: &'static str,
        answer: impl Fn(&Value) -> Option<Vec<Value>> + Send + Sync + 'static,
    ) -> Self {
        let ask = move |question: &str| {
            let question: Value = serde_json::from_str(question).expect("a client speaks JSON");
            if question["method"] != method {
                return Question::Asked;
            }
            match answer(&question["params"]) {
                Some(mut answers) => {
                    answers[0]["jsonrpc"] = "2.0".into();
                    answers[0]["id"] = question["id"].clone();
                    Question::Answered(answers)
                }
                None => Question::Asked,
            }
        };
        Self::before(node, ask, |told| told).await
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

/// Until either side goes away, or is not there.
async fn relay(
    client: TcpStream,
    node: String,
    ask: impl Fn(&str) -> Question,
    tell: Arc<Tell>,
) -> Option<()> {
    let (mut client, mut asking) = accept_async(client).await.ok()?.split();
    let (mut node, mut telling) = connect_async(node).await.ok()?.0.split();
    loop {
        tokio::select! {
            question = asking.next() => match question?.ok()? {
                Message::Text(text) => match ask(&text) {
                    Question::Asked => node.send(Message::Text(text)).await.ok()?,
                    Question::Answered(answers) => {
                        for answer in answers {
                            client.send(Message::text(answer.to_string())).await.ok()?;
                        }
                    }
                },
                other => node.send(other).await.ok()?,
            },
            told = telling.next() => match told?.ok()? {
                Message::Text(text) => {
                    client.send(Message::text(tell(text.to_string()))).await.ok()?;
                }
                other => client.send(other).await.ok()?,
            },
        }
    }
}
