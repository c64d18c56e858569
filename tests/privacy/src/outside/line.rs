//! What a node's operator sees of each address.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use salus_e2e::{Node, Relay};
use serde_json::Value;

use super::Question;

/// Notes what each address asks a node.
#[derive(Clone)]
pub struct Lines {
    began: Instant,
    questions: Arc<Mutex<Vec<Question>>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            questions: Arc::default(),
        }
    }
}

impl Lines {
    /// An address of its own; where it reaches the node.
    pub async fn open(&self, node: &Node, address: u16) -> String {
        let (began, questions) = (self.began, self.questions.clone());
        let ask = move |text: &str| {
            if let Ok(question) = serde_json::from_str::<Value>(text) {
                let question = Question {
                    address,
                    at: began.elapsed().as_millis() as u64,
                    method: question["method"].as_str().unwrap_or_default().into(),
                    params: question["params"].to_string(),
                };
                let mut questions = questions.lock().unwrap_or_else(PoisonError::into_inner);
                questions.push(question);
            }
            salus_e2e::Question::Asked
        };
        Relay::before(node, ask, |told| told).await.url()
    }

    pub fn take(&self) -> Vec<Question> {
        std::mem::take(
            &mut *self
                .questions
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}
