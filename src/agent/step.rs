//! What one call is for.

use core::fmt;

use super::{
    hints::{Class, Client, Hints},
    phrase::{Phrases, begins, head, holds, tail, trimmed},
    story::Story,
};
use crate::{
    traits::Traits,
    wire::{
        Role,
        request::{Part, PartKind, RequestView},
    },
};

/// What one call is for. The first that applies, in this order.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// Beside the work: a title, a probe, a classification.
    Auxiliary,
    /// A summary that will take the place of the history.
    Compaction,
    /// A check of work that is done.
    Review,
    /// The results of tools came back, and the work goes in circles.
    FailingLoop,
    /// The client is in its plan mode.
    Planning,
    /// A sub-agent that searches: it reads and reports.
    Explore,
    /// The results of tools came back.
    ToolResult,
    /// A sub-agent's first call, or a person's words to it.
    Subagent,
    /// A person asks, with something to look at.
    Vision,
    /// A person or program asks for an answer of a given form.
    Structured,
    /// A person asks.
    Prompt,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Auxiliary,
        Self::Compaction,
        Self::Review,
        Self::FailingLoop,
        Self::Planning,
        Self::Explore,
        Self::ToolResult,
        Self::Subagent,
        Self::Vision,
        Self::Structured,
        Self::Prompt,
    ];

    /// The word in configuration, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auxiliary => "auxiliary",
            Self::Compaction => "compaction",
            Self::Review => "review",
            Self::FailingLoop => "failing_loop",
            Self::Planning => "planning",
            Self::Explore => "explore",
            Self::ToolResult => "tool_result",
            Self::Subagent => "subagent",
            Self::Vision => "vision",
            Self::Structured => "structured",
            Self::Prompt => "prompt",
        }
    }

    /// The step of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Whether the call stands beside the conversation, which it neither continues nor moves.
    pub const fn is_aside(self) -> bool {
        matches!(self, Self::Auxiliary | Self::Compaction)
    }

    /// Tells what a call is for.
    pub fn of(hints: &Hints, body: &[u8], view: &RequestView, story: &Story) -> Self {
        match hints.class {
            Some(Class::Auxiliary) => return Self::Auxiliary,
            Some(Class::Compaction) => return Self::Compaction,
            Some(Class::Review) => return Self::Review,
            Some(Class::Subagent) | None => {}
        }
        if is_auxiliary(hints, body, view, story) {
            return Self::Auxiliary;
        }
        if is_compaction(body, view, story) {
            return Self::Compaction;
        }
        let results = story.results_newest || hints.tool_results;
        if results && story.stuck {
            return Self::FailingLoop;
        }
        let planning = hints.plan || story.turns.last().is_some_and(|turn| turn.plan);
        if planning || is_one_of(body, view, &PLANNER) {
            return Self::Planning;
        }
        if hints.explore || is_one_of(body, view, &SEARCHER) {
            return Self::Explore;
        }
        if results {
            return Self::ToolResult;
        }
        if hints.class == Some(Class::Subagent) || hints.agent.is_some() {
            return Self::Subagent;
        }
        let newest = view.parts.get(story.newest.clone()).unwrap_or_default();
        if newest.iter().any(|part| matches!(part.kind, PartKind::Image | PartKind::Document)) {
            return Self::Vision;
        }
        if view.traits.meets(Traits::JSON_SCHEMA | Traits::JSON_OBJECT) {
            return Self::Structured;
        }
        Self::Prompt
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Openings of system prompts and questions of calls beside the work. The first four: Claude Code's titles as seen on the
/// wire (the first two of 2.1.197); then its question whether a topic is new, opencode's title agent, and aider's commit
/// messages.
static AUXILIARY: Phrases = Phrases::new(&[
    "generate a concise, sentence-case title",
    "write the title in the language the user wrote in",
    "write the title in the predominant language of the session",
    "you are coming up with a succinct title for a coding session",
    "analyze if this message indicates a new conversation topic",
    "you are a title generator",
    "please write a 5-10 word title",
    "generate concise, one-line git commit messages",
    "generate a title for this conversation",
]);

/// Claude Code, Codex, opencode and aider ask for a summary in these words; Claude Code 2.1.197 ends with the first.
static COMPACTION: Phrases = Phrases::new(&[
    "an <analysis> block followed by a <summary> block",
    "your task is to create a detailed summary of the conversation so far",
    "context checkpoint compaction",
    "provide a detailed prompt for continuing our conversation above",
    "you are a helpful ai assistant tasked with summarizing conversations",
    "*briefly* summarize this partial conversation about programming",
    "summarize the conversation so far",
]);

/// How people ask for a summary.
static ASKS: Phrases = Phrases::new(&["summarize", "summarise", "create a summary"]);

/// Openings of the system prompts of Claude Code's own sub-agents, where no header names their kind (2.1.197).
const SEARCHER: [&str; 1] = ["you are a file search specialist"];
const PLANNER: [&str; 1] = ["you are a software architect and planning specialist"];

/// Texts of the system prompt that are looked at, from the first on.
const SYSTEM_TEXTS: usize = 4;

/// Messages from which on a call without tools that ends in a request to summarise is taken for a compaction.
const LONG_HISTORY: u32 = 12;

/// Bytes at each end of a text in which a sentinel is looked for.
const EDGE: usize = 320;

/// Answer, in tokens, below which a recognised agent's call without tools and history is a probe or a title.
const SHORT_ANSWER: u64 = 512;

fn sentinel(body: &[u8], view: &RequestView, story: &Story, phrases: &Phrases) -> bool {
    let says = |text: &[u8]| {
        holds(head(text, EDGE), phrases) || (text.len() > EDGE && holds(tail(text, EDGE), phrases))
    };
    let spoken = view.parts.get(story.spoken.clone()).unwrap_or_default().iter().rev().take(2);
    // A client's own question may stand behind the results of tools, in one message with them.
    let newest = view.parts.get(story.newest.clone()).unwrap_or_default().last();
    let behind = newest.filter(|part| story.results_newest && part.kind == PartKind::Text);
    system(view).chain(spoken).chain(behind).any(|part| says(part.span.of(body)))
}

/// The beginning of the system prompt.
fn system(view: &RequestView) -> impl Iterator<Item = &Part> {
    view.parts.iter().take_while(|part| part.role == Role::System).take(SYSTEM_TEXTS)
}

/// Whether the system prompt says that it is one of these.
fn is_one_of(body: &[u8], view: &RequestView, openings: &[&str]) -> bool {
    system(view).any(|part| begins(trimmed(part.span.of(body)), openings))
}

fn is_auxiliary(hints: &Hints, body: &[u8], view: &RequestView, story: &Story) -> bool {
    if view.traits.meets(Traits::TOOLS) {
        return false;
    }
    // One token is no answer: a probe for a quota, or a keep-alive of the cache.
    if view.max_output == Some(1) {
        return true;
    }
    let agent = hints.client != Client::Other;
    let small = view.max_output.is_some_and(|tokens| tokens <= SHORT_ANSWER) && story.messages <= 3;
    (agent && small) || sentinel(body, view, story, &AUXILIARY)
}

fn is_compaction(body: &[u8], view: &RequestView, story: &Story) -> bool {
    if sentinel(body, view, story, &COMPACTION) {
        return story.answers > 0 || story.bytes > 4096;
    }
    let asks = || {
        let spoken = view.parts.get(story.spoken.clone()).unwrap_or_default();
        spoken.last().is_some_and(|part| holds(head(part.span.of(body), EDGE / 4), &ASKS))
    };
    !view.traits.meets(Traits::TOOLS)
        && view.traits.meets(Traits::TOOL_HISTORY)
        && story.messages >= LONG_HISTORY
        && !story.results_newest
        && asks()
}
