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
//! module: it is the wiring.

use alloc::{
    borrow::{Cow, ToOwned},
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use core::cell::OnceCell;

use sha2::{Digest, Sha256};

use crate::{
    agent::{
        Client, Hints, Identity, Step, Story, Turn,
        brief::{self, Brief},
        is_aside,
    },
    budget::{self, Account, Standing, Tab},
    catalog::Auth,
    classify::{Classifier, Difficulty, Judgement, Task, Text, UNSURE},
    config::{Alias, Config, Ladder, Level, Mode, OnUnreadable, Provider, Rule},
    edit::{Answer, BodySplice, HeaderEdit, Rejection},
    effort::Effort,
    limits,
    meter::{BodyKind, Meter, Metered, Opening},
    models,
    policy::{
        self, Ask, Course, Decision, Forced, NoCandidate, Obstacle, Reason, Remembered, course, memory,
    },
    price::PicoUsd,
    samples::{self, Classes, Plan, Unfit},
    traits::Traits,
    wire::{
        Dialect, Role,
        request::{Part, PartKind, PromptTokens, RequestView, Unreadable},
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
#[derive(Debug)]
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

/// Whether a request is asked more than once, where its tier says so.
#[derive(Debug)]
struct Sampled {
    plan: Result<Plan, Unfit>,
    /// The next tier, for a cascade.
    up: Option<Forward>,
}

/// What is to be remembered of a decision.
#[derive(Clone, Copy, Debug)]
struct Memo {
    identity: Identity,
    tier: usize,
    told: usize,
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
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum EndpointKind {
    Create,
    CountTokens,
    /// Codex asks here for a summary that will take the place of its history.
    Compact,
}

/// What is kept of a request's head until the body is there.
#[derive(Debug)]
struct Head {
    caller: Option<String>,
    /// Of each rule, whether the head is as it wants it.
    rules: Vec<bool>,
    edits: Vec<HeaderEdit>,
    query: String,
    vendor: Vec<(&'static str, Option<String>)>,
    tier: Option<String>,
    effort: Option<String>,
    target: Option<String>,
}

/// Headers with a meaning to one vendor only, and the family of models that may see them. On a provider of another
/// family they are removed; on the vendor's own they are as the client sent them.
const VENDOR_HEADERS: [(&str, &str); 4] = [
    ("anthropic-beta", "claude"),
    ("openai-beta", "gpt"),
    ("openai-organization", "gpt"),
    ("openai-project", "gpt"),
];

/// Credentials of the client: they were meant for this router, and no provider ever sees them.
const CLIENT_CREDENTIALS: [&str; 6] =
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie"];

/// Prefix of the router's own headers. A client's are read where the operator allows it, and always removed.
pub const HEADER_PREFIX: &str = "x-pointsman-";

impl RequestHead<'_> {
    /// The dialect in which the client understands an answer of the router's own: by the path, else by its headers.
    pub fn spoken(&self) -> Dialect {
        spoken(self, split_query(self.path).0)
    }
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

    /// Looks at a request's head.
    pub fn open(&self, head: &RequestHead<'_>) -> Opened {
        let (path, query) = split_query(head.path);
        let mut kept = Head::read(head, query);
        let holds = |rule: &Rule| rule.when.head_holds(path, head.headers);
        kept.rules = self.config.rules().iter().map(holds).collect();
        match self.caller(head, path) {
            Ok(caller) => kept.caller = caller,
            Err(rejection) => return Opened::Reject(rejection),
        }
        if let Some(answer) = self.known(head, path) {
            return answer.map_or_else(Opened::Reject, Opened::Answer);
        }
        let Some((dialect, endpoint)) = endpoint(head.method, path) else {
            return self.other_path(kept, path);
        };
        if let Some(coding) = content_encoding(head) {
            return match self.unreadable(kept, dialect, endpoint, Unreadable::Encoded(coding)) {
                Routed::Forward(forward) => Opened::Forward(forward),
                Routed::Reject(rejection) => Opened::Reject(rejection),
            };
        }
        let hints = Hints::read(head.headers);
        let hints = if endpoint == EndpointKind::Compact { hints.compacting() } else { hints };
        Opened::NeedBody(Pending { head: kept, hints, dialect, endpoint })
    }

    /// Who is asking.
    fn caller(&self, head: &RequestHead<'_>, path: &[u8]) -> Result<Option<String>, Rejection> {
        let Some(callers) = self.config.callers() else { return Ok(None) };
        for token in tokens(head) {
            let digest: [u8; 32] = Sha256::digest(token).into();
            if let Some(caller) = callers.iter().find(|caller| caller.owns(&digest)) {
                return Ok(Some(caller.name.clone()));
            }
        }
        let message = "this gateway takes requests only with a token of its own: as `authorization: Bearer …` or \
                       `x-api-key`";
        Err(Rejection::new(Some(spoken(head, path)), 401, "unauthorized", message))
    }

    /// What the router answers by itself.
    fn known(&self, head: &RequestHead<'_>, path: &[u8]) -> Option<Result<Answer, Rejection>> {
        // Claude Code asks so whether anybody is there.
        if head.method == b"HEAD" && path == b"/" {
            return Some(Ok(Answer { status: 200, body: Vec::new() }));
        }
        if head.method != b"GET" {
            return None;
        }
        let rest = PATH_PREFIXES.iter().find_map(|prefix| path.strip_prefix(*prefix))?;
        let dialect = spoken(head, path);
        match rest.strip_prefix(b"/models")? {
            b"" => Some(Ok(models::list(&self.config, dialect))),
            [b'/', name @ ..] => {
                let name = percent_decoded(name);
                Some(models::one(&self.config, dialect, &String::from_utf8_lossy(&name)))
            }
            _ => None,
        }
    }

    /// The environment variable that holds the key for an attempt; `None` where its provider takes none.
    pub fn key_variable(&self, attempt: &Attempt) -> Option<&str> {
        self.config.provider(&attempt.provider)?.key_env.as_deref()
    }

    /// Where an attempt goes, as a URL: `https://api.minimax.io/anthropic/v1/messages`.
    pub fn url(&self, attempt: &Attempt) -> Option<String> {
        let origin = self.config.provider(&attempt.provider)?.origin()?;
        let scheme = if origin.tls() { "https" } else { "http" };
        Some(format!("{scheme}://{}{}", origin.authority(), attempt.path))
    }

    fn other_path(&self, head: Head, path: &[u8]) -> Opened {
        let Some(provider) = self.config.passthrough(None) else {
            let message = "this path is no completion endpoint, and the configuration names no provider for other \
                           paths; the cure is `passthrough: { other: PROVIDER }`";
            return Opened::Reject(Rejection::new(None, 404, "not_found", message));
        };
        let path = format!("{}{}", provider_path(provider, &String::from_utf8_lossy(path)), head.query);
        Opened::Forward(self.pass(head, provider, path, None, Reason::OtherPath))
    }

    fn unreadable(&self, head: Head, dialect: Dialect, endpoint: EndpointKind, cause: Unreadable) -> Routed {
        let refuse = |cure: &str| {
            let message = format!("{cause}; {cure}");
            Routed::Reject(Rejection::new(Some(dialect), 400, cause.code(), &message))
        };
        if self.config.on_unreadable() == OnUnreadable::Reject {
            return refuse("the operator chose to reject what cannot be read");
        }
        let Some(provider) = self.config.passthrough(Some(dialect)) else {
            return refuse("no provider is configured to take it as it is (`passthrough`)");
        };
        let Some(path) = endpoint_path(provider, dialect, endpoint, &head.query) else {
            return refuse("the provider configured to take it as it is does not speak this dialect");
        };
        let mut forward = self.pass(head, provider, path, Some(dialect), Reason::Unreadable(cause));
        forward.billed = endpoint != EndpointKind::CountTokens;
        Routed::Forward(forward)
    }

    /// Forwards untouched to a provider.
    fn pass(
        &self,
        head: Head,
        provider: &Provider,
        path: String,
        dialect: Option<Dialect>,
        reason: Reason,
    ) -> Forward {
        // A provider that speaks Messages natively is told what the client said, word for word.
        let edits = head.vendor_edits(None);
        let attempt = Attempt {
            upstream: provider.name.clone(),
            provider: provider.name.clone(),
            target: provider.name.clone(),
            model: None,
            path,
            auth: auth(provider, dialect),
            effort: None,
            edits,
            splices: Vec::new(),
            applied: Vec::new(),
            index: None,
        };
        Forward {
            edits: head.edits,
            attempts: Vec::from([attempt]),
            summary: Summary {
                dialect,
                caller: head.caller,
                alias: None,
                tier: None,
                reason,
                difficulty: None,
                task: None,
                confidence: None,
                step: None,
                client: Client::Other,
                stream: false,
            },
            dialect,
            billed: dialect.is_some(),
            baseline: None,
            response_headers: self.config.response_headers,
            memo: None,
            tab: None,
            expected: None,
            sampled: None,
        }
    }

    fn attempts(
        &self,
        head: &Head,
        ladder: &Ladder,
        decision: &Decision,
        ask: &Ask,
        read: (&[u8], &RequestView, EndpointKind),
    ) -> Vec<Attempt> {
        let (body, view, endpoint) = read;
        let config = &self.config;
        let Some(tier) = ladder.tiers.get(decision.tier) else { return Vec::new() };
        let choices = decision.choices.iter().filter_map(|choice| tier.choices.get(*choice));
        let attempt = |choice: &crate::config::Choice| {
            let target = config.target_of(choice)?;
            let provider = config.provider_of(target)?;
            let fit = target.fit(view.dialect)?;
            let counting = endpoint != EndpointKind::Create;
            let effort = policy::effort(ladder, choice, target, ask);
            // Counting and compacting are told the model, and are otherwise left as they are.
            let tier_effort = effort.filter(|_| !counting);
            let stream_usage = config.stream_usage && !counting;
            let mut wanted =
                policy::wanted(ladder, tier_effort, ask, stream_usage, decision.drop_foreign_thinking);
            if counting {
                wanted.effort = None;
            }
            let fitted = fit.edits(body, view, wanted);
            Some(Attempt {
                upstream: choice.upstream.clone(),
                provider: provider.name.clone(),
                target: target.name.clone(),
                model: Some(target.model.id.to_string()),
                path: endpoint_path(provider, view.dialect, endpoint, &head.query)?,
                auth: auth(provider, Some(view.dialect)),
                effort: fitted.effort,
                edits: head.vendor_edits(Some(target.model.family.as_str())),
                splices: fitted.splices,
                applied: fitted.applied.iter().map(|rule| (*rule).to_string()).collect(),
                index: Some(choice.target),
            })
        };
        choices.filter_map(attempt).take(limits::ATTEMPTS).collect()
    }

    /// Whether the decided tier asks more than once.
    fn plan(
        &self,
        ladder: &Ladder,
        decision: &Decision,
        attempts: &[Attempt],
        body: &[u8],
        (view, story): (&RequestView, &Story),
    ) -> Option<Result<Plan, Unfit>> {
        let sampling = ladder.tiers.get(decision.tier)?.samples?;
        let first = attempts.first()?;
        let mode = match sampling.mode {
            Mode::Auto => {
                let model = &self.config.targets.get(first.index?)?.model;
                self.classes.mode(&model.id, model.reasoning.thinks, first.effort)
            }
            mode => Some(mode),
        };
        Some(samples::plan(&sampling, mode, body, view, story))
    }

    fn ask(
        &self,
        alias: Option<(&Alias, &Ladder)>,
        body: &[u8],
        (view, story): (&RequestView, &Story),
        hints: &Hints,
        forced: Forced,
    ) -> Ask {
        // The estimate is the dearest part of a decision, and most requests are far too small to need it.
        let bound = view.prompt_bound();
        let fits = |(_, ladder): (&Alias, &Ladder)| {
            policy::fits_everywhere(&self.config, ladder, bound, view.max_output)
        };
        let prompt_tokens = if alias.is_some_and(fits) { bound } else { view.estimate(body).at_most };
        let step = Step::of(hints, body, view, story);
        let mut judgement = None;
        let mut judge = |turn: &Turn| {
            judgement =
                judge(&self.classifier, body, view.parts.get(..turn.parts.end).unwrap_or(&view.parts));
            // A task for an agent is another kind of text than the questions that the classifier knows: it has a place
            // among such tasks, and is as hard as the prompt at the same place among prompts.
            let place = Brief::told(hints, body, view, turn).and_then(|brief| self.briefs.place(&brief));
            let sure = judgement.filter(|judgement| judgement.confidence >= UNSURE);
            place
                .map(|place| self.classifier.threshold(place))
                .or_else(|| sure.map(|judgement| judgement.difficulty))
        };
        let course =
            alias.map(|(alias, ladder)| self.course(alias, ladder, (hints, story), step, &mut judge));
        let difficulty = match course {
            Some(course) => course.difficulty,
            None => judge(&Turn { parts: 0..view.parts.len(), ..Turn::default() }),
        };
        Ask {
            dialect: view.dialect,
            traits: view.traits,
            prompt_tokens,
            max_output: view.max_output,
            asked: view.asked,
            difficulty,
            judgement,
            step,
            course,
            forced,
        }
    }

    /// The tier that the request's conversation has come to, or that a call beside it deserves.
    fn course(
        &self,
        alias: &Alias,
        ladder: &Ladder,
        (hints, story): (&Hints, &Story),
        step: Step,
        judge: &mut dyn FnMut(&Turn) -> Option<Difficulty>,
    ) -> Course {
        let config = &self.config;
        let mut conversation = || course::plot(config, ladder, alias.dial(), story, &mut *judge);
        let course = match step {
            Step::Auxiliary => course::beside(config, ladder, step, Course::lowest(), story),
            // What only its maker can read is made where the conversation is.
            Step::Compaction if hints.sealed() => conversation(),
            Step::Compaction => course::beside(config, ladder, step, conversation(), story),
            // It reads and reports, and may lose its way doing so.
            Step::Explore if !story.troubled() => {
                course::beside(config, ladder, step, Course::lowest(), story)
            }
            _ => conversation(),
        };
        course.bounded(ladder, step)
    }
}

/// Judges a request by its text alone, without routing it; `None` where it holds none.
///
/// # Errors
/// Why the body cannot be read.
pub fn judge_body(
    classifier: &Classifier,
    dialect: Dialect,
    body: &[u8],
) -> Result<Option<Judgement>, Unreadable> {
    Ok(judge(classifier, body, &RequestView::read(dialect, body)?.parts))
}

/// What is thought of what was said; `None` where there is no text to judge.
fn judge(classifier: &Classifier, body: &[u8], parts: &[Part]) -> Option<Judgement> {
    let pieces = parts.iter().filter(|part| {
        matches!(part.kind, PartKind::Text | PartKind::ToolResult { .. })
            && !part.span.is_empty()
            && !(part.role == Role::User && is_aside(part.span.of(body)))
    });
    // Kept: they are walked several times, and telling asides apart is dearer than room.
    let texts: Vec<Text<'_>> = pieces.map(|part| Text { role: part.role, raw: part.span.of(body) }).collect();
    if texts.is_empty() {
        return None;
    }
    Some(classifier.classify(texts.iter().copied()))
}

impl Pending {
    /// The dialect, told by the endpoint.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Decides, without anything remembered. Infallible: what cannot be understood is forwarded as it is, with the
    /// reason visible, unless the operator chose to reject it.
    pub fn route(self, router: &Router, body: &[u8]) -> Routed {
        self.read(body).route(router, None, None)
    }

    /// Reads the body. For doors that remember conversations: [`Heard::identity`] says which one to look up.
    pub fn read(self, body: &[u8]) -> Heard<'_> {
        let read = RequestView::read(self.dialect, body).map(|view| {
            let story = Story::read(body, &view);
            (view, story)
        });
        Heard { pending: self, body, read, spent: Vec::new(), now: 0 }
    }

    /// What the policy sees of a request, and what stands in each target's way. For people; routing does not need it.
    ///
    /// # Errors
    /// Why the body cannot be read.
    pub fn examine(&self, router: &Router, body: &[u8]) -> Result<Examined, Unreadable> {
        let view = RequestView::read(self.dialect, body)?;
        let story = Story::read(body, &view);
        let config = &router.config;
        let alias = config.alias(&view.model);
        let ladder = alias.and_then(|alias| config.ladder_of(alias));
        let forced = ladder.and_then(|ladder| self.forced(config, ladder).ok()).unwrap_or_default();
        let ask = router.ask(alias.zip(ladder), body, (&view, &story), &self.hints, forced);
        let mut obstacles = Vec::new();
        for tier in ladder.into_iter().flat_map(|ladder| &ladder.tiers) {
            for target in tier.choices.iter().filter_map(|choice| config.target_of(choice)) {
                let obstacle = policy::obstacle(target, &ask, false);
                obstacles.push((tier.name.clone(), target.name.clone(), obstacle));
            }
        }
        let prompt_tokens = view.estimate(body);
        let client = self.hints.client;
        Ok(Examined { model: view.model, messages: view.messages, prompt_tokens, client, ask, obstacles })
    }

    /// The answer to a body above the bound that the door keeps.
    pub fn too_large(self, limit: usize) -> Rejection {
        let message = format!("the request body is larger than {limit} bytes");
        Rejection::new(Some(self.dialect), 413, "too_large", &message)
    }

    fn not_routed(self, router: &Router, view: &RequestView) -> Routed {
        let config = &router.config;
        let target = config.passthrough(Some(self.dialect)).and_then(|provider| {
            Some((provider, endpoint_path(provider, self.dialect, self.endpoint, &self.head.query)?))
        });
        let Some((provider, path)) = target else {
            let names: Vec<&str> = config.aliases().iter().take(8).map(|alias| alias.name.as_str()).collect();
            let message = format!(
                "the model `{}` is not routed here, and no provider is configured to take it as it is; routed \
                 models: {}",
                view.model,
                names.join(", ")
            );
            return Routed::Reject(Rejection::new(Some(self.dialect), 404, "model_not_found", &message));
        };
        let mut forward = router.pass(self.head, provider, path, Some(self.dialect), Reason::NotRouted);
        forward.billed = self.endpoint != EndpointKind::CountTokens;
        forward.summary.stream = view.stream;
        Routed::Forward(forward)
    }

    /// The first rule that holds.
    fn rule<'c>(
        &self,
        config: &'c Config,
        alias: &Alias,
        ask: &Ask,
        spoken: impl Fn() -> String,
    ) -> Option<&'c Rule> {
        let words = OnceCell::new();
        let holds = |(rule, head): &(&Rule, &bool)| {
            let when = &rule.when;
            let listed = |list: &[String], name: Option<&str>| {
                list.is_empty() || name.is_some_and(|name| list.iter().any(|known| known == name))
            };
            **head
                && listed(&when.alias, Some(&alias.name))
                && listed(&when.caller, self.head.caller.as_deref())
                && (when.dialect.is_empty() || when.dialect.contains(&self.dialect))
                && (when.step.is_empty() || when.step.contains(&ask.step))
                && (when.client.is_empty() || when.client.contains(&self.hints.client))
                && when.tools.is_none_or(|tools| tools == ask.traits.meets(Traits::TOOLS))
                && when.tokens.0.is_none_or(|least| ask.prompt_tokens >= least)
                && when.tokens.1.is_none_or(|most| ask.prompt_tokens <= most)
                && (when.task.is_empty()
                    || ask.judgement.is_some_and(|judged| when.task.contains(&judged.task)))
                && (!when.reads() || when.words_hold(words.get_or_init(&spoken)))
        };
        config.rules().iter().zip(&self.head.rules).find(holds).map(|(rule, _)| rule)
    }

    fn forced(&self, config: &Config, ladder: &Ladder) -> Result<Forced, Rejection> {
        let allowed = config.overrides();
        let mut forced = Forced::default();
        let wrong = |header: &str, value: &str, known: &[&str]| {
            let message = format!("{header}: `{value}` is not one of {}", known.join(", "));
            Rejection::new(Some(self.dialect), 400, "bad_override", &message)
        };
        if let Some(name) = self.head.tier.as_deref().filter(|_| allowed.tier) {
            let known: Vec<&str> = ladder.tiers.iter().map(|tier| tier.name.as_str()).collect();
            let found = known.iter().position(|tier| *tier == name);
            forced.tier = Some(found.ok_or_else(|| wrong("x-pointsman-tier", name, &known))?);
        }
        if let Some(name) = self.head.effort.as_deref().filter(|_| allowed.effort) {
            let known = Effort::ALL.map(Effort::name);
            let found = Effort::parse(name.as_bytes());
            forced.effort = Some(found.ok_or_else(|| wrong("x-pointsman-effort", name, &known))?);
        }
        if let Some(name) = self.head.target.as_deref().filter(|_| allowed.target) {
            let mut known: Vec<&str> = Vec::new();
            for (tier, rung) in ladder.tiers.iter().enumerate() {
                for (choice, listed) in rung.choices.iter().enumerate() {
                    let Some(target) = config.target_of(listed) else { continue };
                    if target.name == name && forced.choice.is_none() {
                        forced.choice = Some((tier, choice));
                    }
                    known.push(&target.name);
                }
            }
            if forced.choice.is_none() {
                return Err(wrong("x-pointsman-target", name, &known));
            }
        }
        Ok(forced)
    }
}

impl Heard<'_> {
    /// The conversation that the request continues; `None` where it could not be read, or continues none.
    pub fn identity(&self) -> Option<Identity> {
        let (view, story) = self.read.as_ref().ok()?;
        Some(Identity::of(&self.pending.hints, self.body, view, story))
    }

    /// Holds the request against the configuration's budgets. `now` is in seconds since 1970; `spent` says what the door's
    /// store knows of an account: [`Ledger::weight`](budget::Ledger::weight) or [`Purse::weight`](budget::Purse::weight).
    /// A door that does not call this has no budgets.
    #[must_use]
    pub fn afford(mut self, router: &Router, now: u64, spent: impl FnMut(&Account) -> PicoUsd) -> Self {
        if self.pending.endpoint == EndpointKind::Create {
            let alias = self.read.as_ref().ok().and_then(|(view, _)| router.config.alias(&view.model));
            let (caller, alias) =
                (self.pending.head.caller.as_deref(), alias.map(|alias| alias.name.as_str()));
            self.spent = weighed(budget::accounts(&router.config, caller, alias, now), spent);
            self.now = now;
        }
        self
    }

    /// Decides. `memory` is what was [remembered](Receipt::remembered) of the conversation, if anything is left of it,
    /// and `now` the time in seconds since 1970: without either the history alone decides. See [`Pending::route`].
    pub fn route(self, router: &Router, memory: Option<&Remembered>, now: Option<u64>) -> Routed {
        // Who has no clock remembers nothing.
        let identity = now.and_then(|_| self.identity());
        let Self { pending, body, read, spent, now: asked_at } = self;
        let standing = budget::strictest(&router.config, &spent);
        if let Some(standing) = standing.filter(Standing::refuses) {
            return Routed::Reject(standing.refusal(pending.dialect, asked_at));
        }
        let (view, story) = match read {
            Ok(read) => read,
            Err(cause) => return router.unreadable(pending.head, pending.dialect, pending.endpoint, cause),
        };
        let config = &router.config;
        let Some(alias) = config.alias(&view.model) else {
            return pending.not_routed(router, &view);
        };
        let Some(ladder) = config.ladder_of(alias) else {
            return pending.not_routed(router, &view);
        };
        let forced = match pending.forced(config, ladder) {
            Ok(forced) => forced,
            Err(rejection) => return Routed::Reject(rejection),
        };
        let mut ask = router.ask(Some((alias, ladder)), body, (&view, &story), &pending.hints, forced);
        let rule = pending.rule(config, alias, &ask, || story.spoken(body, &view));
        if let Some(message) = rule.and_then(|rule| rule.then.reject.as_deref()) {
            return Routed::Reject(Rejection::new(Some(pending.dialect), 403, "rule", message));
        }
        let told = ask.course.map_or(0, |course| course.tier);
        let memory = memory.zip(now.and_then(|now| u32::try_from(now).ok()));
        // What is remembered of a prefix that is gone says nothing any more, nor does anything of a beginning.
        let memory =
            memory.filter(|_| story.answers > 0 && !pending.hints.compacted() && !ask.step.is_aside());
        if let Some((memory, now)) = memory {
            ask.course = ask.course.map(|course| course.with(memory, now, ladder.tiers.len()));
        }
        let held = ask.course.map_or(0, |course| course.tier);
        let obeyed = rule.filter(|rule| policy::obey(config, ladder, rule, &mut ask));
        let ceiling = standing.map(|standing| (standing, standing.ceiling(config, ladder, pending.dialect)));
        let closed = ceiling.filter(|(standing, ceiling)| standing.close(*ceiling, &mut ask));
        let mut decision = match policy::decide(config, alias, &ask) {
            Ok(decision) => decision,
            Err(none) => return Routed::Reject(no_candidate(pending.dialect, alias, &none)),
        };
        if let Some(rule) = obeyed
            && !matches!(decision.reason, Reason::Requirement { .. } | Reason::History { .. })
        {
            decision.reason = Reason::Rule { name: rule.name.clone() };
        }
        if let Some((standing, ceiling)) = ceiling {
            if standing.level == Level::Spent && decision.tier > ceiling {
                decision = match standing.lowest(config, ladder, ceiling, &ask) {
                    Some(decision) => decision,
                    None => return Routed::Reject(standing.refusal(pending.dialect, asked_at)),
                };
            } else if closed.is_some() && decision.tier <= ceiling {
                decision.reason = standing.reason();
            }
        }
        if let Some((memory, _)) = memory.filter(|(memory, now)| memory.is_warm(*now)) {
            policy::warm_first(config, ladder, &mut decision, memory);
        }
        let attempts =
            router.attempts(&pending.head, ladder, &decision, &ask, (body, &view, pending.endpoint));
        if attempts.is_empty() {
            let none = NoCandidate { obstacles: Vec::new() };
            return Routed::Reject(no_candidate(pending.dialect, alias, &none));
        }
        // Estimating costs time, and only budgets need it.
        let plan = router.plan(ladder, &decision, &attempts, body, (&view, &story));
        let plan = plan.filter(|_| pending.endpoint == EndpointKind::Create);
        let up = plan.as_ref().and_then(|plan| plan.as_ref().ok()).filter(|plan| plan.mode == Mode::Cascade);
        let up = up.and_then(|_| {
            let highest = ceiling.map_or(usize::MAX, |(_, ceiling)| ceiling);
            let decision = policy::above(config, ladder, &decision, &ask, highest)?;
            let read = (body, &view, pending.endpoint);
            Some((decision.tier, router.attempts(&pending.head, ladder, &decision, &ask, read)))
        });
        let wanted = !spent.is_empty() || matches!(plan, Some(Ok(_)));
        let expected = wanted.then(|| Usage {
            input: Some(view.estimate(body).likely),
            output: Some(limits::EXPECTED_OUTPUT.min(view.max_output.unwrap_or(u64::MAX))),
            ..Usage::NONE
        });
        let tab = expected.filter(|_| !spent.is_empty()).map(|expected| {
            let cost = |attempt: &Attempt| config.cost(attempt.index, &expected, Some(asked_at));
            let dearest = |attempts: &[Attempt]| attempts.iter().filter_map(cost).max().unwrap_or_default();
            let most = plan.as_ref().and_then(|plan| plan.as_ref().ok()).map_or(1, Plan::most);
            let above = up.as_ref().map_or(PicoUsd::ZERO, |(_, attempts)| dearest(attempts));
            Tab {
                accounts: spent.iter().map(|(account, _)| *account).collect(),
                estimate: dearest(&attempts).saturating_mul(most as u64).saturating_add(above),
            }
        });
        let mut forward = Forward {
            edits: pending.head.edits,
            attempts,
            sampled: None,
            tab: tab.map(Box::new),
            expected: expected.map(Box::new),
            dialect: Some(pending.dialect),
            billed: pending.endpoint != EndpointKind::CountTokens,
            baseline: Some(ladder.baseline),
            response_headers: config.response_headers,
            memo: identity.filter(|_| !ask.step.is_aside()).map(|identity| Memo {
                identity,
                tier: held,
                told,
            }),
            summary: Summary {
                dialect: Some(pending.dialect),
                caller: pending.head.caller,
                alias: Some(alias.name.clone()),
                tier: ladder.tiers.get(decision.tier).map(|tier| tier.name.clone()),
                reason: decision.reason,
                difficulty: ask.difficulty,
                task: ask.judgement.map(|judgement| judgement.task),
                confidence: ask.judgement.map(|judgement| judgement.confidence),
                step: Some(ask.step),
                client: pending.hints.client,
                stream: view.stream,
            },
        };
        forward.sampled = plan.map(|plan| {
            let up = up.map(|(tier, attempts)| Forward {
                edits: forward.edits.clone(),
                attempts,
                summary: Summary {
                    tier: ladder.tiers.get(tier).map(|tier| tier.name.clone()),
                    ..forward.summary.clone()
                },
                tab: None,
                expected: forward.expected.clone(),
                sampled: None,
                ..forward
            });
            Box::new(Sampled { plan, up })
        });
        Routed::Forward(forward)
    }
}

impl Forward {
    /// Header edits for the request as a whole, before any attempt.
    pub fn edits(&self) -> &[HeaderEdit] {
        &self.edits
    }

    /// The targets in the order they are to be tried; at least one.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Holds a request whose body is not read against the budgets of its caller: what a spent one refuses is not passed
    /// on. As [`Heard::afford`].
    #[must_use]
    pub fn afford(self, router: &Router, now: u64, spent: impl FnMut(&Account) -> PicoUsd) -> Routed {
        let Some(dialect) = self.dialect.filter(|_| self.billed) else { return Routed::Forward(self) };
        let accounts = budget::accounts(&router.config, self.summary.caller.as_deref(), None, now);
        match budget::strictest(&router.config, &weighed(accounts, spent)).filter(Standing::refuses) {
            Some(standing) => Routed::Reject(standing.refusal(dialect, now)),
            None => Routed::Forward(self),
        }
    }

    /// How it is asked more than once, where its tier says so and it qualifies. A door that cannot do it asks once.
    pub fn sampling(&self) -> Option<&Plan> {
        self.sampled.as_ref()?.plan.as_ref().ok()
    }

    /// Why it is asked once although its tier says otherwise.
    pub fn not_sampled(&self) -> Option<Unfit> {
        self.sampled.as_ref()?.plan.as_ref().err().copied()
    }

    /// The same request to the next tier, for a cascade.
    pub fn up(&self) -> Option<&Self> {
        self.sampled.as_ref()?.up.as_ref()
    }

    /// What a sample is taken to have cost that is cancelled while this upstream is at work.
    pub fn cancelled(&self, upstream: &str, router: &Router, unix_seconds: Option<u64>) -> Receipt {
        let head = ResponseHead { status: 200, ..ResponseHead::default() };
        let receipt = self.respond(Some(upstream), &head).finish(router, unix_seconds);
        Receipt { status: 0, ..receipt }
    }

    /// Headers of an answer that is one of several samples: what came of them, and what all of them cost. Empty where the
    /// operator switched such headers off.
    pub fn sample_headers(
        &self,
        report: &str,
        total: Option<&Receipt>,
        cancelled: usize,
    ) -> Vec<(&'static str, String)> {
        if !self.response_headers {
            return Vec::new();
        }
        let mut headers = Vec::from([("x-pointsman-samples", header_text(report))]);
        if let Some(total) = total {
            let mut cost = total.cost.unwrap_or_default().to_string();
            if let Some(estimated) = total.estimated {
                cost.push_str(&format!(" and about {estimated} for {cancelled} cancelled"));
            }
            headers.push(("x-pointsman-samples-cost", cost));
        }
        headers
    }

    /// What budgets are charged for it; `None` where none concerns it.
    pub fn tab(&self) -> Option<&Tab> {
        self.tab.as_deref()
    }

    /// The decision in a few words.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Name of the chain of upstreams, in order: what an Envoy route selects a composite cluster by.
    pub fn chain(&self) -> String {
        chain_name(self.attempts.iter().map(|attempt| attempt.upstream.as_str()))
    }

    /// The attempt that goes to this upstream.
    pub fn attempt_at(&self, upstream: &str) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.upstream == upstream)
    }

    /// Headers for the response to the client, once it is known which upstream answered. Empty where the operator
    /// switched them off.
    pub fn response_edits(&self, upstream: Option<&str>) -> Vec<HeaderEdit> {
        let mut edits = Vec::new();
        if !self.response_headers {
            return edits;
        }
        let mut set =
            |name: &'static str, value: String| edits.push(HeaderEdit::Set(Cow::Borrowed(name), value));
        if let Some(tier) = &self.summary.tier {
            set("x-pointsman-tier", header_text(tier));
        }
        if let Some(attempt) = upstream.and_then(|upstream| self.attempt_at(upstream)) {
            set("x-pointsman-model", header_text(&attempt.target));
            if let Some(effort) = attempt.effort {
                set("x-pointsman-effort", effort.name().to_owned());
            }
        }
        set("x-pointsman-reason", header_text(&self.summary.reason.to_string()));
        edits
    }

    /// Looks at the beginning of an answer before it goes to the client: it may be an error that came with status 200.
    pub fn opening(&self, head: &ResponseHead<'_>) -> Opening {
        let kind = BodyKind::of(head.content_type, head.content_encoding);
        Opening::new(self.dialect.filter(|_| self.billed), kind, head.status)
    }

    /// Begins to meter the answer of `upstream`. An unknown upstream is metered without a price.
    pub fn respond(&self, upstream: Option<&str>, head: &ResponseHead<'_>) -> Metering {
        let attempt = upstream.and_then(|upstream| self.attempt_at(upstream));
        let kind = BodyKind::of(head.content_type, head.content_encoding);
        Metering {
            memo: self.memo,
            expected: self.expected.clone(),
            meter: self.dialect.filter(|_| self.billed).map(|dialect| Meter::new(dialect, kind)),
            status: head.status,
            target: attempt.map_or_else(String::new, |attempt| attempt.target.clone()),
            index: attempt.and_then(|attempt| attempt.index),
            baseline: self.baseline,
        }
    }
}

impl Metering {
    /// Whether pushed chunks are looked at. Where not, a door need not fetch them.
    pub const fn wants_body(&self) -> bool {
        self.meter.is_some()
    }

    /// Takes the next bytes of the response body. Any chunking gives the same receipt.
    pub fn push(&mut self, chunk: &[u8]) {
        if let Some(meter) = &mut self.meter {
            meter.push(chunk);
        }
    }

    /// Closes the bill. `unix_seconds` is the time of the request, for prices that depend on it; `None` means the
    /// list price.
    pub fn finish(self, router: &Router, unix_seconds: Option<u64>) -> Receipt {
        let metered = self.meter.map_or_else(Metered::unread, Meter::finish);
        let config = &router.config;
        let cost = |index: Option<usize>| config.cost(index, &metered.usage, unix_seconds);
        let remembered = self.memo.zip(unix_seconds).and_then(|(memo, now)| {
            let model = &config.targets.get(self.index?)?.model;
            let tokens = metered.usage.prompt_tokens()?.saturating_add(metered.usage.output.unwrap_or(0));
            let narrow = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
            let remembered = Remembered {
                tier: narrow(memo.tier),
                told: narrow(memo.told),
                target: memory::target_hash(&self.target),
                prefix_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
                seen: u32::try_from(now).ok()?,
                life: policy::life_seconds(model),
            };
            Some((memo.identity, remembered))
        });
        let known = cost(self.index);
        // An answer whose usage nobody told has cost something all the same; a refusal has not.
        let expected = self.expected.filter(|_| known.is_none() && (200..300).contains(&self.status));
        let estimated = expected.and_then(|usage| config.cost(self.index, &usage, unix_seconds));
        Receipt {
            remembered,
            cost: known,
            estimated,
            baseline: cost(self.index.and(self.baseline)),
            target: self.target,
            status: self.status,
            metered,
        }
    }
}

impl Receipt {
    /// What budgets are charged: the cost, else the estimate, else nothing.
    pub fn charge(&self) -> PicoUsd {
        self.cost.or(self.estimated).unwrap_or_default()
    }

    /// As the receipt of a sample whose answer was not delivered: it was paid, and in place of nothing.
    #[must_use]
    pub fn beside(mut self) -> Self {
        self.baseline = self.cost.map(|_| PicoUsd::ZERO);
        self.remembered = None;
        self
    }

    /// With what another sample used and cost added. What is said of the answer stays as it is.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        let sum = |one: Option<PicoUsd>, other: Option<PicoUsd>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        self.cost = sum(self.cost, other.cost);
        self.baseline = sum(self.baseline, other.baseline);
        self.estimated = sum(self.estimated, other.estimated);
        self.metered.usage = self.metered.usage.with(&other.metered.usage);
        self
    }
}

/// Accounts with what is spent of each.
fn weighed(accounts: Vec<Account>, mut spent: impl FnMut(&Account) -> PicoUsd) -> Vec<(Account, PicoUsd)> {
    accounts.into_iter().map(|account| (account, spent(&account))).collect()
}

impl Head {
    fn read(head: &RequestHead<'_>, query: &[u8]) -> Self {
        let mut kept = Self {
            caller: None,
            rules: Vec::new(),
            edits: Vec::with_capacity(8),
            query: String::from_utf8_lossy(query).into_owned(),
            vendor: Vec::new(),
            tier: None,
            effort: None,
            target: None,
        };
        for (name, value) in head.headers {
            let text = || {
                core::str::from_utf8(value)
                    .ok()
                    .filter(|text| text.len() <= limits::HEADER_VALUE)
                    .map(|text| text.trim().to_owned())
            };
            if name.starts_with(HEADER_PREFIX) {
                match *name {
                    "x-pointsman-tier" => kept.tier = text(),
                    "x-pointsman-effort" => kept.effort = text(),
                    "x-pointsman-target" => kept.target = text(),
                    _ => {}
                }
                kept.edits.push(HeaderEdit::Remove(Cow::Owned((*name).to_owned())));
            } else if let Some(known) = CLIENT_CREDENTIALS.iter().find(|known| *known == name) {
                kept.edits.push(HeaderEdit::Remove(Cow::Borrowed(known)));
            } else if let Some((known, _)) = VENDOR_HEADERS.iter().find(|(known, _)| known == name) {
                // Sent twice, it is one list (RFC 9110, section 5.3).
                match (kept.vendor.iter_mut().find(|(name, _)| name == known), text()) {
                    (Some((_, Some(list))), Some(more)) => {
                        list.push_str(", ");
                        list.push_str(&more);
                    }
                    (Some(_), _) => {}
                    (None, value) => kept.vendor.push((known, value)),
                }
            }
        }
        // A compressed answer could not be metered.
        kept.edits.push(HeaderEdit::Set(Cow::Borrowed("accept-encoding"), "identity".to_owned()));
        kept
    }

    /// The client's vendor headers for a target of this family; `None` keeps them all.
    fn vendor_edits(&self, family: Option<&str>) -> Vec<HeaderEdit> {
        let edit = |(name, value): &(&'static str, Option<String>)| {
            let owner = VENDOR_HEADERS.iter().find(|(known, _)| known == name).map(|(_, owner)| *owner);
            let kept = family.is_none() || owner == family;
            match value {
                Some(value) if kept => HeaderEdit::Set(Cow::Borrowed(name), value.clone()),
                _ => HeaderEdit::Remove(Cow::Borrowed(name)),
            }
        };
        self.vendor.iter().map(edit).collect()
    }
}

/// Name of a chain of upstreams. The same for the door that selects it and the generator that writes it.
pub fn chain_name<'a>(upstreams: impl Iterator<Item = &'a str>) -> String {
    let mut name = String::from("chain:");
    for (i, upstream) in upstreams.enumerate() {
        if i > 0 {
            name.push('+');
        }
        name.push_str(upstream);
    }
    name
}

fn split_query(path: &[u8]) -> (&[u8], &[u8]) {
    let cut = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    path.split_at_checked(cut).unwrap_or((path, b""))
}

/// What a client shows of its credentials, in the ways of all APIs.
fn tokens<'a>(head: &RequestHead<'a>) -> impl Iterator<Item = &'a [u8]> {
    head.headers.iter().filter_map(|(name, value)| match *name {
        "authorization" => {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
        }
        "x-api-key" | "api-key" | "x-goog-api-key" => Some(value.trim_ascii()),
        _ => None,
    })
}

/// The dialect in which a client understands an answer of the router's own.
fn spoken(head: &RequestHead<'_>, path: &[u8]) -> Dialect {
    let by_path = endpoint(b"POST", path).map(|(dialect, _)| dialect);
    by_path.unwrap_or_else(|| {
        let anthropic = head.headers.iter().any(|(name, _)| *name == "anthropic-version");
        if anthropic { Dialect::Messages } else { Dialect::Chat }
    })
}

/// `%2F` and its kin as bytes; what is no such pair stays as it is.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let decoded =
            after.first_chunk::<2>().filter(|pair| *first == b'%' && pair.iter().all(u8::is_ascii_hexdigit));
        let byte = decoded.and_then(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out
}

/// The dialect of a path. Clients put the API under the root, under `/v1`, or under a vendor's prefix.
fn endpoint(method: &[u8], path: &[u8]) -> Option<(Dialect, EndpointKind)> {
    if method != b"POST" {
        return None;
    }
    let rest = PATH_PREFIXES.iter().find_map(|prefix| path.strip_prefix(*prefix))?;
    match rest {
        b"/chat/completions" => Some((Dialect::Chat, EndpointKind::Create)),
        b"/responses" => Some((Dialect::Responses, EndpointKind::Create)),
        b"/responses/compact" => Some((Dialect::Responses, EndpointKind::Compact)),
        b"/messages" => Some((Dialect::Messages, EndpointKind::Create)),
        b"/messages/count_tokens" => Some((Dialect::Messages, EndpointKind::CountTokens)),
        _ => None,
    }
}

/// Longest first: the first that fits is cut off.
const PATH_PREFIXES: [&[u8]; 6] = [b"/anthropic/v1", b"/openai/v1", b"/api/v1", b"/openai", b"/v1", b""];

/// The coding of a body that the router does not decode.
fn content_encoding(head: &RequestHead<'_>) -> Option<&'static str> {
    let (_, value) = head.headers.iter().find(|(name, _)| *name == "content-encoding")?;
    let known = ["gzip", "br", "zstd", "deflate"];
    match value.trim_ascii() {
        b"" => None,
        coding if coding.eq_ignore_ascii_case(b"identity") => None,
        coding => {
            let found = known.into_iter().find(|name| coding.eq_ignore_ascii_case(name.as_bytes()));
            Some(found.unwrap_or("another coding"))
        }
    }
}

fn endpoint_path(provider: &Provider, dialect: Dialect, kind: EndpointKind, query: &str) -> Option<String> {
    let path = provider.endpoint(dialect)?.path();
    let suffix = match kind {
        EndpointKind::Create => "",
        EndpointKind::CountTokens => "/count_tokens",
        EndpointKind::Compact => "/compact",
    };
    Some(format!("{path}{suffix}{query}"))
}

/// A path that is none of ours, at a provider whose API does not start at `/v1`.
fn provider_path(provider: &Provider, path: &str) -> String {
    let base = provider
        .endpoint(Dialect::Chat)
        .and_then(|endpoint| endpoint.path().strip_suffix("/chat/completions"));
    match (base, path.strip_prefix("/v1")) {
        (Some(base), Some(rest)) if rest.starts_with('/') => format!("{base}{rest}"),
        _ => path.to_owned(),
    }
}

/// How a provider wants its key for this dialect; other paths go by its first endpoint's way.
fn auth(provider: &Provider, dialect: Option<Dialect>) -> Auth {
    let endpoint = match dialect {
        Some(dialect) => provider.endpoint(dialect),
        None => provider.endpoints.iter().flatten().next(),
    };
    if provider.key_env.is_none() {
        Auth::None
    } else {
        endpoint.map_or(Auth::None, |endpoint| endpoint.auth)
    }
}

fn no_candidate(dialect: Dialect, alias: &Alias, none: &NoCandidate) -> Rejection {
    let mut message = format!("no target behind the model `{}` can serve this request", alias.name);
    for (i, (target, obstacle)) in none.obstacles.iter().take(8).enumerate() {
        message.push_str(if i == 0 { ": " } else { "; " });
        message.push_str(&format!("{target} {obstacle}"));
    }
    Rejection::new(Some(dialect), 400, "no_candidate", &message)
}

/// Header values are visible ASCII; anything else in a name of the configuration is shown as `?`.
fn header_text(text: &str) -> String {
    text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}
