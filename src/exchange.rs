//! One HTTP exchange as a relay of owned values. Start reading here.
//!
//! ```text
//! Router::open(head) ─▶ Opened::NeedBody(Pending) ─ route(body) ─▶ Routed::Forward(Forward)
//!                    └▶ Opened::Forward(Forward)                 └▶ Routed::Reject(Rejection)
//! Forward::attempt(k)            the edits that make the request right for the k-th target
//! Forward::respond(upstream, …)  ─▶ Metering ─ push(chunk)* ─ finish() ─▶ Receipt
//! ```
//!
//! Each stage consumes the one before, so that out-of-order calls do not compile. There is no algorithm in this
//! module: it is the wiring. Here stand the stages; what each does is beside:
//!
//! ```text
//! open      head, endpoint, pass       the head alone
//! heard     Heard::route               demand: rules and headers; ask, judge: difficulty, agents' lines;
//!                                      recall: memory; money: budgets; sampled, bill: asking more than once
//! forward   the attempts of a decision
//! metering  the answer
//! ```

mod ask;
mod bill;
mod demand;
mod endpoint;
mod forward;
mod head;
mod heard;
mod judge;
mod metering;
mod money;
mod open;
mod pass;
mod recall;
mod sampled;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::cell::OnceCell;

pub use self::{
    bill::{Bill, Total},
    forward::chain_name,
    head::HEADER_PREFIX,
    judge::judge_body,
};
use self::{endpoint::EndpointKind, head::Head, sampled::Sampled};
use crate::{
    agent::{Client, Hints, Identity, Step, Story, brief},
    budget::{Account, Tab},
    catalog::Auth,
    classify::{Classifier, Difficulty, Task},
    config::Config,
    edit::{Answer, BodySplice, HeaderEdit, Rejection},
    effort::Effort,
    meter::{Meter, Metered},
    policy::{Ask, Obstacle, Reason, Remembered},
    price::PicoUsd,
    samples::Classes,
    wire::{
        Dialect,
        request::{PromptTokens, RequestView, Unreadable},
        usage::Usage,
    },
};

/// A configuration ready to route. Immutable: share it between requests.
#[derive(Debug)]
pub struct Router {
    config: Config,
    classifier: Classifier,
    classes: Classes,
    /// Places the tasks of agents.
    briefs: brief::Weights,
}

/// A request's method, path and headers.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `POST`.
    pub method: &'a [u8],
    /// Path with query, as on the request line.
    pub path: &'a [u8],
    /// All headers; names in lower case, values as bytes.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// What the head alone could tell.
#[derive(Debug)]
pub enum Opened {
    /// Forward without reading the body.
    Forward(Forward),
    /// The whole body is needed to decide.
    NeedBody(Pending),
    /// Answer at once: the router knows it by itself.
    Answer(Answer),
    /// Answer at once: an error.
    Reject(Rejection),
}

/// A request whose body is awaited.
#[derive(Clone, Debug)]
pub struct Pending {
    head: Head,
    hints: Hints,
    dialect: Dialect,
    endpoint: EndpointKind,
}

/// A request whose body was read: it is known whose conversation it continues, and nothing is decided yet.
#[derive(Debug)]
pub struct Heard<'b> {
    pending: Pending,
    body: &'b [u8],
    read: Result<(RequestView, Story), Unreadable>,
    identity: OnceCell<Identity>,
    /// The accounts that it would be charged to, with what is spent of each, and the time.
    spent: Vec<(Account, PicoUsd)>,
    now: u64,
}

/// What became of a request.
#[derive(Debug)]
pub enum Routed {
    /// Send it on.
    Forward(Forward),
    /// Answer at once.
    Reject(Rejection),
}

/// A decided request: the edits, the targets in order, the reason.
#[derive(Debug)]
pub struct Forward {
    edits: Vec<HeaderEdit>,
    attempts: Vec<Attempt>,
    summary: Summary,
    dialect: Option<Dialect>,
    billed: bool,
    baseline: Option<usize>,
    response_headers: bool,
    memo: Option<Memo>,
    tab: Option<Box<Tab>>,
    /// What a target's answer is expected to use, where a budget is charged for it.
    expected: Option<Box<Usage>>,
    sampled: Option<Box<Sampled>>,
}

/// What is to be remembered of a decision.
#[derive(Clone, Copy, Debug)]
struct Memo {
    identity: Identity,
    tier: usize,
    told: usize,
    bytes: u64,
}

/// One target's turn. Complete in itself: it sets or removes every header that any other attempt may have set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Name of the upstream (Envoy cluster, metadata value): the provider's, `.2` where a tier lists it twice.
    pub upstream: String,
    /// The provider's name, which is also the name of its credential.
    pub provider: String,
    /// `provider/model`, or the provider's name where the request passes through.
    pub target: String,
    /// The model's name on the wire; `None` where it passes through.
    pub model: Option<String>,
    /// Path with query at the provider.
    pub path: String,
    /// How the provider wants its key.
    pub auth: Auth,
    /// The effort in force at the target, as far as known.
    pub effort: Option<Effort>,
    /// Headers of this attempt, besides credential, path, host and content length.
    pub edits: Vec<HeaderEdit>,
    /// Splices of the client's body.
    pub splices: Vec<BodySplice>,
    /// Ids of the fit rules that changed something.
    pub applied: Vec<String>,
    pub(crate) index: Option<usize>,
}

/// The decision in a few words: for logs, metrics and response headers. Holds no prompt text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// The dialect; `None` for other paths.
    pub dialect: Option<Dialect>,
    /// Name of the caller; `None` where the configuration states no callers.
    pub caller: Option<String>,
    /// The alias that matched.
    pub alias: Option<String>,
    /// The tier.
    pub tier: Option<String>,
    /// Why.
    pub reason: Reason,
    /// How much a strong model is expected to gain on the request.
    pub difficulty: Option<Difficulty>,
    /// What it asks for.
    pub task: Option<Task>,
    /// How sure both are, in thousandths.
    pub confidence: Option<u16>,
    /// What the call is for; `None` where it was not read.
    pub step: Option<Step>,
    /// The client, as far as it is recognised.
    pub client: Client,
    /// Whether the answer is to be streamed.
    pub stream: bool,
}

/// A response's status and the headers that metering needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// `content-type`.
    pub content_type: Option<&'a [u8]>,
    /// `content-encoding`.
    pub content_encoding: Option<&'a [u8]>,
}

/// A response that streams past.
#[derive(Debug)]
pub struct Metering {
    memo: Option<Memo>,
    expected: Option<Box<Usage>>,
    meter: Option<Meter>,
    status: u16,
    target: String,
    index: Option<usize>,
    baseline: Option<usize>,
}

/// What an exchange used and cost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// `provider/model` that answered, or the provider's name where the request passed through.
    pub target: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Tokens as reported, and how the answer ended.
    pub metered: Metered,
    /// Cost at the target's prices; `None` where usage or price is unknown.
    pub cost: Option<PicoUsd>,
    /// Cost of the same tokens at the prices of the ladder's baseline.
    pub baseline: Option<PicoUsd>,
    /// What the answer is taken to have cost where a budget is charged for it and its usage was not reported.
    pub estimated: Option<PicoUsd>,
    /// What a door with a store may keep of the conversation, for [`Heard::route`].
    pub remembered: Option<(Identity, Remembered)>,
}

/// A request as the policy sees it, and the targets as the request sees them.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The model that the client named.
    pub model: String,
    /// Messages or input items.
    pub messages: u32,
    /// Estimated prompt tokens.
    pub prompt_tokens: PromptTokens,
    /// The client.
    pub client: Client,
    /// What it asks of the policy.
    pub ask: Ask,
    /// Tier, target, and what stands in its way, in the order of the ladder; empty where the model is no alias.
    pub obstacles: Vec<(String, String, Option<Obstacle>)>,
    /// The name of each rule, and a condition of it that the request does not meet. The first without one decides.
    pub rules: Vec<(String, Option<&'static str>)>,
}

impl Router {
    /// Makes a configuration ready.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            classifier: Classifier::shipped(),
            classes: Classes::shipped(),
            briefs: brief::Weights::shipped(),
        }
    }

    /// With other weights for the tasks of agents; without any ([`Default`]), the classifier judges those, too. For
    /// measuring.
    #[must_use]
    pub fn with_briefs(mut self, weights: brief::Weights) -> Self {
        self.briefs = weights;
        self
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }
}
