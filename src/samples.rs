//! More thinking by more samples: the same request asked more than once, for answers that can be compared.
//!
//! ```text
//! Plan (mode, kind) ─ Samples::begin ─▶ launch n
//!   finished(i, answer) ─▶ Wait │ Launch(n) │ Raise: one of the next tier │ Deliver(i): the others are cancelled
//! ```
//!
//! - **vote**: `min` at once, then one after the other. Settled by a lead of `min` votes, or one that the samples that are left
//!   cannot take away; at most `max`.
//! - **race**: `max` at once, the first good answer wins.
//! - **cascade**: `min` at once; where one is refused, cut off, not valid or differs from another, the next tier is asked.
//!
//! What is delivered is one provider's answer, byte for byte. Every sample and every cancelled one is on the bill. Nothing
//! here has a clock, a thread or a connection.

mod class;
mod kind;
mod schema;
mod text;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use serde_json::Value;

pub use self::{class::Classes, kind::Kind};
use crate::{
    agent::Story,
    config::{Mode, Sampling},
    traits::Traits,
    wire::{Dialect, request::RequestView},
};

/// How a request is to be sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How; never [`Mode::Auto`].
    pub mode: Mode,
    /// What is compared.
    pub kind: Kind,
    /// As [`Sampling::min`].
    pub min: usize,
    /// As [`Sampling::max`].
    pub max: usize,
    /// As [`Sampling::deadline_ms`].
    pub deadline_ms: u32,
    dialect: Dialect,
}

/// Why a request is asked once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unfit {
    /// Its answer is to be streamed.
    Streamed,
    /// It offers tools.
    Tools,
    /// The provider keeps the conversation: each sample would become a part of it.
    State,
    /// It asks for several answers itself.
    Several,
    /// At temperature 0 all answers are the same.
    Cold,
    /// Its answer cannot be compared with another.
    Incomparable,
    /// More samples are not worth their money on this model at this effort.
    Class,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// There is none, or an error.
    Failed,
    /// Not the JSON of its API, or more of it than is read.
    Unreadable,
    /// The model refused, or a filter stepped in.
    Refused,
    /// It ran into a limit on tokens.
    Cut,
    /// No words.
    Empty,
    /// Not as the schema says.
    Invalid,
    /// No letter, number or label in it.
    Incomparable,
    /// The samples do not agree.
    Disagree,
}

/// What a door does next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Wait for those that run.
    Wait,
    /// Ask so many times more.
    Launch(usize),
    /// Ask the next tier, once; those that run are cancelled.
    Raise,
    /// This answer, by its number, goes to the client; those that run are cancelled.
    Deliver(usize),
}

/// The samples of one request. At most [`limits::SAMPLES`](crate::limits::SAMPLES), and one of the next tier.
#[derive(Clone, Debug)]
pub struct Samples {
    plan: Plan,
    /// By the order in which they were asked.
    fates: Vec<Fate>,
    /// The one of the next tier.
    raised: Option<(usize, Fault)>,
    can_raise: bool,
    late: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Fate {
    Running,
    /// It cannot be counted.
    Bad(Fault),
    /// What it votes for.
    Good(String),
}

/// Whether and how a request is sampled. `mode` is the tier's, or what [`Classes`] made of it.
///
/// # Errors
/// Why it is asked once.
pub fn plan(
    sampling: &Sampling,
    mode: Option<Mode>,
    body: &[u8],
    view: &RequestView,
    story: &Story,
) -> Result<Plan, Unfit> {
    if view.stream {
        return Err(Unfit::Streamed);
    }
    if view.traits.meets(Traits::TOOLS) {
        return Err(Unfit::Tools);
    }
    if view.traits.meets(Traits::SERVER_STATE) {
        return Err(Unfit::State);
    }
    let member = |name: &str| {
        let value = view.member(body, name.as_bytes())?.value;
        serde_json::from_slice::<Value>(value.span.of(body)).ok()
    };
    if member("n").is_some_and(|n| n.as_u64() != Some(1) && !n.is_null()) {
        return Err(Unfit::Several);
    }
    let kind = kind(body, view, story, &member).ok_or(Unfit::Incomparable)?;
    let mode = mode.ok_or(Unfit::Class)?;
    if mode == Mode::Vote && !kind.votes() {
        return Err(Unfit::Incomparable);
    }
    let cold = member("temperature").is_some_and(|t| kind::number(&t.to_string()).as_deref() == Some("0"));
    if cold && mode != Mode::Cascade {
        return Err(Unfit::Cold);
    }
    Ok(Plan {
        mode,
        kind,
        min: usize::from(sampling.min),
        max: usize::from(sampling.max),
        deadline_ms: sampling.deadline_ms,
        dialect: view.dialect,
    })
}

/// What the request wants for an answer: by the format that it states, else by the words of the person.
fn kind(
    body: &[u8],
    view: &RequestView,
    story: &Story,
    member: &impl Fn(&str) -> Option<Value>,
) -> Option<Kind> {
    let format = match view.dialect {
        Dialect::Chat => member("response_format"),
        Dialect::Messages => {
            member("output_format").or_else(|| member("output_config")?.get("format").cloned())
        }
        Dialect::Responses => member("text").and_then(|text| text.get("format").cloned()),
    };
    let named = format.as_ref().and_then(|format| format.get("type")).and_then(Value::as_str);
    match named {
        Some("json_schema") => {
            let format = format.as_ref()?;
            let schema = format.pointer("/json_schema/schema").or_else(|| format.get("schema"))?;
            Some(Kind::Schema(schema.clone()))
        }
        Some("json_object") => Some(Kind::Object),
        Some("text") | None => {
            let asked = kind::PHRASES.iter().find(|(_, phrases)| story.mentions(body, view, phrases));
            asked.map(|(kind, _)| kind.clone())
        }
        Some(_) => None,
    }
}

impl Plan {
    /// How many samples it may come to, the one of the next tier not counted.
    pub const fn most(&self) -> usize {
        match self.mode {
            Mode::Cascade => self.min,
            _ => self.max,
        }
    }
}

/// `vote on a number, 3 to 7 samples`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, kind) = (self.mode.name(), self.kind.name());
        match self.mode {
            Mode::Vote => write!(f, "{mode} on {kind}, {} to {} samples", self.min, self.max),
            Mode::Race => write!(f, "{mode} of {} for {kind}", self.max),
            Mode::Cascade | Mode::Auto => write!(f, "{mode} for {kind}, {} to begin with", self.min),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Streamed => "its answer is to be streamed",
            Self::Tools => "it offers tools",
            Self::State => "the provider keeps its conversation",
            Self::Several => "it asks for several answers itself",
            Self::Cold => "at temperature 0 all answers are the same",
            Self::Incomparable => {
                "its answer cannot be compared: no schema, and no word of a letter, number or label"
            }
            Self::Class => "on this model at this effort one answer is as good as several",
        })
    }
}

impl Fault {
    /// A word for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Cut => "cut off",
            Self::Empty => "empty",
            Self::Invalid => "not valid",
            Self::Incomparable => "not comparable",
            Self::Disagree => "in disagreement",
        }
    }
}

impl Samples {
    /// Begins: `Launch`. `can_raise` is whether there is a next tier to go up to.
    pub fn begin(plan: Plan, can_raise: bool) -> (Self, Next) {
        let first = match plan.mode {
            Mode::Race => plan.max,
            _ => plan.min,
        };
        let mut samples = Self { plan, fates: Vec::new(), raised: None, can_raise, late: false };
        let next = samples.launch(first);
        (samples, next)
    }

    /// A sample came to its end: with the status and the whole body of an answer, or without one.
    pub fn finished(&mut self, index: usize, answer: Option<(u16, &[u8])>) -> Next {
        let fate = match answer {
            Some((200..=299, body)) => {
                let text = text::text(self.plan.dialect, body);
                text.and_then(|text| self.plan.kind.vote(&text)).map_or_else(Fate::Bad, Fate::Good)
            }
            _ => Fate::Bad(Fault::Failed),
        };
        if let Some(slot) = self.fates.get_mut(index) {
            *slot = fate;
        }
        self.next()
    }

    /// The time for it is over: the best answer so far, or the first that comes.
    pub fn out_of_time(&mut self) -> Next {
        self.late = true;
        self.next()
    }

    /// The number of the sample of the next tier, where it came to that.
    pub fn raised(&self) -> Option<usize> {
        self.raised.map(|(index, _)| index)
    }

    /// What came of it, for header and log: `vote: 3 of 4 agree`.
    pub fn report(&self) -> String {
        let asked = self.fates.len();
        let mode = self.plan.mode.name();
        match (self.plan.mode, self.raised) {
            (_, Some((_, fault))) => format!("{mode}: up, {}", fault.name()),
            (Mode::Vote, None) => format!("{mode}: {} of {asked} agree", self.tally().0),
            (Mode::Cascade, None) => format!("{mode}: the answer holds"),
            _ => format!("{mode}: the first of {asked}"),
        }
    }

    fn launch(&mut self, count: usize) -> Next {
        self.fates.extend((0..count).map(|_| Fate::Running));
        Next::Launch(count)
    }

    fn running(&self) -> usize {
        self.fates.iter().filter(|fate| **fate == Fate::Running).count()
    }

    fn next(&mut self) -> Next {
        if let Some((index, _)) = self.raised {
            return match self.fates.get(index) {
                Some(Fate::Running) => Next::Wait,
                Some(Fate::Bad(Fault::Failed)) => Next::Deliver(self.best().unwrap_or(index)),
                _ => Next::Deliver(index),
            };
        }
        if self.late
            && let Some(best) = self.best()
        {
            return Next::Deliver(best);
        }
        match self.plan.mode {
            Mode::Vote => self.vote(),
            Mode::Cascade => self.cascade(),
            Mode::Race | Mode::Auto => {
                let good = self.fates.iter().position(|fate| matches!(fate, Fate::Good(_)));
                self.deliver_or_wait(good)
            }
        }
    }

    /// This one, or the best where none is left to wait for.
    fn deliver_or_wait(&self, found: Option<usize>) -> Next {
        let found = found.or_else(|| self.best().filter(|_| self.running() == 0));
        found.map_or(Next::Wait, Next::Deliver)
    }

    fn vote(&mut self) -> Next {
        let (votes, leader, second) = self.tally();
        let left = self.plan.max.saturating_sub(self.fates.len()).saturating_add(self.running());
        let lead = votes.saturating_sub(second);
        if votes > 0 && (lead >= self.plan.min || lead > left) {
            return Next::Deliver(leader);
        }
        if self.running() > 0 {
            return Next::Wait;
        }
        // Where nobody answers at all, asking on is no help.
        let down = self.fates.iter().all(|fate| *fate == Fate::Bad(Fault::Failed));
        if self.fates.len() < self.plan.max && !down { self.launch(1) } else { self.deliver_or_wait(None) }
    }

    fn cascade(&mut self) -> Next {
        let fault = self.fates.iter().find_map(|fate| match fate {
            Fate::Bad(fault) => Some(*fault),
            _ => None,
        });
        let mut votes = self.fates.iter().filter_map(|fate| match fate {
            Fate::Good(vote) => Some(vote),
            _ => None,
        });
        let first = votes.next();
        let fault = fault.or_else(|| votes.any(|vote| Some(vote) != first).then_some(Fault::Disagree));
        match fault {
            Some(fault) if self.can_raise => {
                // Those that run are cancelled: what they would say does not matter any more.
                for fate in self.fates.iter_mut().filter(|fate| **fate == Fate::Running) {
                    *fate = Fate::Bad(Fault::Failed);
                }
                self.raised = Some((self.fates.len(), fault));
                self.fates.push(Fate::Running);
                Next::Raise
            }
            _ => self.deliver_or_wait(None),
        }
    }

    /// Votes for the leading answer, the first sample that gave it, and votes for the second.
    fn tally(&self) -> (usize, usize, usize) {
        let mut groups: Vec<(&str, usize, usize)> = Vec::new();
        for (index, fate) in self.fates.iter().enumerate() {
            let Fate::Good(vote) = fate else { continue };
            match groups.iter_mut().find(|(known, ..)| known == vote) {
                Some((_, count, _)) => *count = count.saturating_add(1),
                None => groups.push((vote, 1, index)),
            }
        }
        // The most votes; among equals, whose first sample was asked first.
        groups.sort_by_key(|(_, count, first)| (core::cmp::Reverse(*count), *first));
        let (votes, leader) = groups.first().map_or((0, 0), |(_, count, first)| (*count, *first));
        (votes, leader, groups.get(1).map_or(0, |(_, count, _)| *count))
    }

    /// The leading answer, else any answer, else what came in place of one.
    fn best(&self) -> Option<usize> {
        let (votes, leader, _) = self.tally();
        let answered = |fate: &Fate| matches!(fate, Fate::Bad(fault) if *fault != Fault::Failed);
        let leader = (votes > 0).then_some(leader);
        leader
            .or_else(|| self.fates.iter().position(answered))
            .or_else(|| self.fates.iter().position(|fate| *fate != Fate::Running))
    }
}

#[cfg(test)]
mod tests;
