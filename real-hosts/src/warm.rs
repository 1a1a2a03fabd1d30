//! A conversation that its second provider answered, and where its next call goes: back to the first, or to the cache.

use std::net::SocketAddr;

use pointsman_sim::{Fault, Provider};
use serde_json::json;

use crate::{
    client::{Answer, Ask},
    stage::Script,
};

/// The lane of three providers that these conversations take.
const LANE: &str = "warm";

/// Adds the lane to a script.
#[must_use]
pub fn script(script: Script) -> Script {
    script.lane(LANE, 3)
}

/// Makes the n-th call of a conversation about a subject, over a connection of its own, and so in any worker.
pub async fn call(address: SocketAddr, subject: &str, number: usize) -> Answer {
    let mut messages = vec![json!({ "role": "user", "content": format!("Tell me of {subject}.") })];
    for n in 1..number {
        messages.push(json!({ "role": "assistant", "content": format!("Part {n}.") }));
        messages
            .push(json!({ "role": "user", "content": format!("Go on from {n}, and leave nothing out.") }));
    }
    Ask::json("/v1/chat/completions", &json!({ "model": LANE, "messages": messages })).send(address).await
}

/// The target that answers the n-th call of a conversation.
///
/// # Panics
/// Where none does.
pub async fn target(address: SocketAddr, subject: &str, number: usize) -> String {
    let answer = call(address, subject, number).await;
    assert_eq!(answer.status, 200, "{subject} {number}: {}", answer.text());
    answer.header("x-pointsman-model").to_owned()
}

/// The next request of this provider fails, and those after it do not.
pub fn refuse_once(provider: &Provider) {
    provider.set_fault(Fault::FirstN(1, Box::new(Fault::Status(503))));
}

/// The target that answers the second call of a conversation whose first call the lane's `first` provider refused.
///
/// # Panics
/// Where the first call is not the second provider's.
pub async fn second(address: SocketAddr, first: &Provider, subject: &str) -> String {
    refuse_once(first);
    assert_eq!(target(address, subject, 1).await, "warm-b/model-b", "{subject}");
    target(address, subject, 2).await
}
