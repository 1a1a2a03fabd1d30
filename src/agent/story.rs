//! What the history tells: the person's turns, and between them how the agent's work went.
//!
//! One walk over the parts that the reader remembered, oldest first. An *exchange* is what the assistant called and what
//! came back. The agent is stuck where the newest exchange closes a row of failures, or is the same as earlier ones with
//! the same outcome. What was noticed once stays in the story: a longer history only adds to it, so that every later
//! request of the conversation tells the same.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use super::{
    hash::Hash,
    phrase::{Phrases, begins, head, holds, opens_paragraph, tail, trimmed},
    result::{Severity, is_observation, severity},
};
use crate::{
    limits,
    traits::Traits,
    wire::{
        Role, Span,
        request::{Part, PartKind, RequestView},
        text::character,
    },
};

/// Exchanges that are compared with the newest.
const WINDOW: usize = 8;
/// Equal exchanges (the same call with the same outcome) that make a loop.
const SAME: usize = 3;
/// The same call this often in a row, whatever came back.
const SAME_CALL: usize = 3;
/// Failures in a row that make a loop. Misuse and crashes weigh half as much again as an honest red test.
const FAILURES: u32 = 6;
/// Exchanges in a row that went well, after which a loop is over.
const CALM: u32 = 6;

/// What a person said at one point, and how the work went from there to the next.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Turn {
    /// The parts that hold the person's own words.
    pub parts: Range<usize>,
    /// Bytes of the conversation up to the end of the turn.
    pub bytes: u64,
    /// Answers of the model before it.
    pub answers: u32,
    /// A plan is asked for: the client is in its plan mode.
    pub plan: bool,
    /// The person says that it still does not work, or that more thought is needed.
    pub complaint: bool,
    /// A mere yes or go on: it stands for what it agrees to.
    pub assent: bool,
    /// Loops that were noticed after the turn, and where they were over; at most [`limits::LOOPS`].
    pub events: Vec<Event>,
}

/// Something that happened while an agent worked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Answers of the model before it.
    pub answers: u32,
    /// Bytes of the conversation up to it.
    pub bytes: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// The agent repeated itself or failed in a row.
    Loop,
    /// After that, a row of exchanges that went well.
    Calm,
}

/// A request's history.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The person's turns, oldest first: the first and the newest [`limits::TURNS`].
    pub turns: Vec<Turn>,
    /// Answers of the model so far.
    pub answers: u32,
    /// Bytes of text so far.
    pub bytes: u64,
    /// Whether an agent works here: tools are offered, or were called.
    pub agentic: bool,
    /// Whether the newest message carries results of tools.
    pub results_newest: bool,
    /// Whether the newest exchange is part of a loop.
    pub stuck: bool,
    /// Exchanges of the window equal to the newest, itself included; 0 without any exchange.
    pub repeated: u32,
    /// Failed exchanges in a row, up to the newest.
    pub failing: u32,
    /// How badly the newest exchange failed.
    pub severity: Severity,
    /// Hash of the stable head: the system text and the person's first words.
    pub(super) opening: u64,
    /// Parts of the newest message.
    pub(super) newest: Range<usize>,
    /// The person's newest words.
    pub(super) spoken: Range<usize>,
    /// Messages.
    pub(super) messages: u32,
}

/// Clients wrap what they themselves have to say in such marks; it is no word of the person's.
const ASIDES: [&str; 13] = [
    "<system-reminder>",
    "<local-command",
    "<command-",
    "<ide_",
    "<bash-",
    "<environment_context>",
    "<user_instructions>",
    "<permissions",
    "<turn_aborted>",
    "# agents.md instructions",
    "caveat: the messages below",
    "[request interrupted",
    "<task-notification>",
];

/// Claude Code's plan mode, in the newest turn. opencode's plan agent says the second.
static PLAN_MODE: Phrases =
    Phrases::new(&["plan mode is active", "plan mode still active", "plan mode active", "# plan mode"]);

/// That more thought is wanted, as people put it behind whatever else they say.
static THINK: Phrases = Phrases::new(&["ultrathink", "think harder"]);

static COMPLAINTS: Phrases = Phrases::new(&[
    "still doesn't work",
    "still does not work",
    "still not work",
    "still fail",
    "still broken",
    "still wrong",
    "still get",
    "still the same",
    "same error",
    "doesn't work",
    "does not work",
    "didn't work",
    "did not work",
    "that's wrong",
    "that is wrong",
    "this is wrong",
    "you broke",
    "you keep",
    "not what i asked",
    "stop guessing",
    "going in circles",
    "try again",
    "think harder",
    "think hard",
    "think deeper",
    "think more",
    "ultrathink",
    "megathink",
    "reconsider",
    "immer noch",
    "funktioniert nicht",
    "toujours pas",
    "ne marche pas",
    "no funciona",
]);

const ASSENTS: [&str; 28] = [
    "yes",
    "yep",
    "yeah",
    "y",
    "ok",
    "okay",
    "sure",
    "go",
    "go ahead",
    "go on",
    "continue",
    "proceed",
    "do it",
    "please do",
    "please proceed",
    "sounds good",
    "looks good",
    "lgtm",
    "approved",
    "agreed",
    "correct",
    "right",
    "ja",
    "oui",
    "si",
    "s\u{ed}",
    "weiter",
    "vai",
];

/// Bytes of a turn in which a complaint or assent is looked for. What is longer is a task of its own.
const SHORT: usize = 320;

/// Bytes at each end of an aside or turn in which a sentinel is looked for.
const EDGE: usize = 240;

/// Bytes of an aside in which a paragraph with a sentinel is looked for: Claude Code 2.1.197 tells of its plan mode behind
/// some ten thousand bytes of skills.
const TOLD: usize = 32 * 1024;

struct Walk<'v> {
    body: &'v [u8],
    story: Story,
    recent: Vec<(u64, u64)>,
    call: Option<Hash>,
    calls: u32,
    /// The newest text of the model's: an agent without tool calls has its command in there.
    written: Option<Span>,
    outcome: Option<Hash>,
    severity: Severity,
    weight: u32,
    /// Exchanges that went well since a loop; `None` where there was none.
    calm: Option<u32>,
    results_in: Option<u32>,
    in_answer: bool,
    /// The person's words, one text a message.
    said: Vec<Span>,
    /// Where a plan mode may be told of, and in whose message.
    told: Vec<(Role, Span)>,
    /// Of each turn, which of both are its own.
    meant: Vec<Meant>,
    open: Hash,
}

/// Texts that tell how a turn is meant. They are read at the end: most turns of a long conversation are not kept.
struct Meant {
    said: Range<usize>,
    told: Range<usize>,
}

impl Story {
    /// Reads the history of a request. `view` is what [`RequestView::read`] made of `body`.
    ///
    /// Looks at every part once, and at no more than [`limits::HASHED_TEXT`] bytes of each.
    pub fn read(body: &[u8], view: &RequestView) -> Self {
        // A turn of the person in every other part is usual, and more than a few dozen are rare.
        let turns = (view.parts.len() / 2 + 1).min(32);
        let mut walk = Walk {
            body,
            story: Self {
                turns: Vec::with_capacity(turns.min(limits::TURNS)),
                agentic: view.traits.meets(Traits::TOOLS | Traits::TOOL_HISTORY),
                messages: view.messages,
                ..Self::default()
            },
            recent: Vec::with_capacity(WINDOW),
            call: None,
            calls: 0,
            written: None,
            outcome: None,
            severity: Severity::Fine,
            weight: 0,
            calm: None,
            results_in: None,
            in_answer: false,
            said: Vec::with_capacity(turns),
            told: Vec::with_capacity(turns),
            meant: Vec::with_capacity(turns),
            open: Hash::new(),
        };
        let parts = &view.parts;
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let alike = |other: &&Part| other.message == part.message && other.role == part.role;
            let run = parts.get(at..).unwrap_or_default().iter().take_while(alike).count().max(1);
            let range = at..at.saturating_add(run);
            walk.run(range.clone(), parts.get(range).unwrap_or_default());
            at = at.saturating_add(run);
        }
        walk.close();
        walk.read_turns();
        let mut story = walk.story;
        story.opening = walk.open.value();
        story.newest = newest(parts);
        story
    }

    /// The person's first words, which the conversation is about.
    pub fn first(&self) -> Option<&Turn> {
        self.turns.first()
    }

    /// Whether the person's newest words hold any of these; the case of ASCII letters does not count.
    /// Looks at the first [`limits::KEYWORD_TEXT`] bytes of each part.
    pub(crate) fn mentions(&self, body: &[u8], view: &RequestView, words: &Phrases) -> bool {
        let parts = view.parts.get(self.spoken.clone()).unwrap_or_default();
        parts.iter().any(|part| holds(head(part.span.of(body), limits::KEYWORD_TEXT), words))
    }

    /// The person's newest words, as they read: of each part the first [`limits::KEYWORD_TEXT`] bytes, each part on a line.
    pub fn spoken(&self, body: &[u8], view: &RequestView) -> String {
        let mut spoken = String::new();
        for part in view.parts.get(self.spoken.clone()).unwrap_or_default() {
            let mut rest = head(part.span.of(body), limits::KEYWORD_TEXT);
            while let Some((code, used)) = character(rest) {
                spoken.push(char::from_u32(code).unwrap_or('\u{FFFD}'));
                rest = rest.get(used..).unwrap_or_default();
            }
            spoken.push('\n');
            if spoken.len() > 4 * limits::KEYWORD_TEXT {
                break;
            }
        }
        spoken
    }

    /// Whether anything went wrong on the way that a stronger model might have done better.
    pub fn troubled(&self) -> bool {
        self.turns.iter().any(|turn| turn.complaint || !turn.events.is_empty())
    }
}

/// Parts of the newest message; of several items of the same side, all.
fn newest(parts: &[Part]) -> Range<usize> {
    let Some(last) = parts.last() else { return 0..0 };
    let since =
        parts.iter().rev().take_while(|part| part.role == last.role || part.message == last.message).count();
    parts.len().saturating_sub(since)..parts.len()
}

impl Walk<'_> {
    /// Parts of one message and role.
    fn run(&mut self, range: Range<usize>, parts: &[Part]) {
        let bytes: usize = parts.iter().map(|part| part.span.len()).sum();
        self.story.bytes = self.story.bytes.saturating_add(bytes as u64);
        let Some(first) = parts.first() else { return };
        match first.role {
            Role::System => self.system(parts),
            Role::Assistant => self.assistant(parts),
            Role::Tool => {
                for part in parts {
                    self.result(part);
                }
                self.story.results_newest = true;
            }
            Role::User => self.user(range, parts),
        }
    }

    fn system(&mut self, parts: &[Part]) {
        // Only the head is stable; a client's billing line may change with every call.
        if self.story.answers == 0 && self.story.turns.is_empty() {
            for part in parts {
                let text = part.span.of(self.body);
                if !text.starts_with(b"x-anthropic-billing-header") {
                    self.open = self.open.sample(text);
                }
            }
        }
        // Later ones are asides: plan mode is told so, too, before the person's words or behind them.
        if self.story.turns.is_empty() && self.story.answers == 0 {
            return;
        }
        self.told.extend(parts.iter().map(|part| (Role::System, part.span)));
        let answered = self.story.turns.last().is_none_or(|turn| turn.answers < self.story.answers);
        if let Some(meant) = self.meant.last_mut().filter(|_| !answered) {
            meant.told.end = self.told.len();
        }
    }

    fn assistant(&mut self, parts: &[Part]) {
        if self.outcome.is_some() {
            self.close();
        }
        if !self.in_answer {
            self.story.answers = self.story.answers.saturating_add(1);
            self.in_answer = true;
        }
        self.story.results_newest = false;
        for part in parts {
            let text = part.span.of(self.body);
            match part.kind {
                PartKind::ToolCall { name } => {
                    let call = self.call.unwrap_or(Hash::new());
                    self.call = Some(call.text(head(name.of(self.body), limits::HASHED_TEXT)).sample(text));
                    self.calls = self.calls.saturating_add(1);
                    self.story.agentic = true;
                }
                PartKind::Text => self.written = Some(part.span),
                _ => {}
            }
        }
    }

    fn result(&mut self, part: &Part) {
        let text = part.span.of(self.body);
        let flagged = matches!(part.kind, PartKind::ToolResult { error: true });
        let severity = severity(text, flagged);
        self.severity = match self.outcome {
            None => severity,
            // Of calls made side by side, one that went well is progress.
            Some(_) if self.calls > 1 => self.severity.min(severity),
            Some(_) => self.severity.max(severity),
        };
        self.outcome = Some(self.outcome.unwrap_or(Hash::new()).sample(text));
        self.results_in = Some(part.message);
        self.in_answer = false;
    }

    fn user(&mut self, range: Range<usize>, parts: &[Part]) {
        let body = self.body;
        let text = |part: &Part| part.span.of(body);
        self.in_answer = false;
        let texts = parts.iter().filter(|part| part.kind == PartKind::Text);
        self.told.extend(texts.map(|part| (Role::User, part.span)));
        let own =
            |part: &&Part| part.kind == PartKind::Text && !part.span.is_empty() && !is_aside(text(part));
        let Some(spoken) = parts.iter().find(own) else { return };
        if self.call.is_none()
            && let Some(written) = self.written
            && is_observation(text(spoken))
            && let Some(code) = fenced(written.of(body))
        {
            self.written = None;
            self.call = Some(Hash::new().sample(code));
            self.calls = 1;
            self.story.agentic = true;
            for part in parts {
                self.result(part);
            }
            self.story.results_newest = true;
            return;
        }
        // Clients put what a tool brought into the same message as its result.
        if self.results_in == Some(spoken.message) {
            return;
        }
        self.close();
        self.story.results_newest = false;
        self.turn(range, spoken.span);
    }

    /// The person says something.
    fn turn(&mut self, parts: Range<usize>, said: Span) {
        // Words before the first answer are one turn, in however many messages.
        let first = self.story.turns.is_empty();
        let continued = self.story.turns.last_mut().filter(|turn| turn.answers == self.story.answers);
        if first {
            self.open = self.open.sample(said.of(self.body));
        }
        self.said.push(said);
        let (said, told) = (self.said.len(), self.told.len());
        self.story.spoken = parts.clone();
        if let (Some(turn), Some(meant)) = (continued, self.meant.last_mut()) {
            turn.parts.end = parts.end;
            turn.bytes = self.story.bytes;
            meant.said.end = said;
            meant.told.end = told;
            return;
        }
        self.recent.clear();
        self.weight = 0;
        self.calm = None;
        self.story.stuck = false;
        self.story.failing = 0;
        self.story.repeated = 0;
        let before = self.meant.last().map_or(0, |meant| meant.told.end);
        if self.story.turns.len() >= limits::TURNS {
            self.story.turns.remove(1);
            self.meant.remove(1);
        }
        self.meant.push(Meant { said: said.saturating_sub(1)..said, told: before..told });
        self.story.turns.push(Turn {
            parts,
            bytes: self.story.bytes,
            answers: self.story.answers,
            ..Turn::default()
        });
    }

    /// How the turns that were kept are meant.
    fn read_turns(&mut self) {
        let text = |span: &Span| span.of(self.body);
        for (at, (turn, meant)) in self.story.turns.iter_mut().zip(&self.meant).enumerate() {
            let said = self.said.get(meant.said.clone()).unwrap_or_default();
            let told = self.told.get(meant.told.clone()).unwrap_or_default();
            turn.plan = told.iter().any(|(role, told)| {
                let told = text(told);
                holds(head(told, EDGE), &PLAN_MODE)
                    || (*role == Role::System && opens_paragraph(head(told, TOLD), PLAN_MODE.list()))
            });
            turn.assent = at > 0 && said.iter().all(|said| is_assent(text(said)));
            // The first words of all complain of nothing that was done here.
            turn.complaint = said.iter().map(text).enumerate().any(|(n, said)| {
                if (at, n) != (0, 0) && said.len() <= SHORT {
                    holds(said, &COMPLAINTS)
                } else {
                    holds(tail(said, 48), &THINK)
                }
            });
        }
    }

    /// Ends the exchange that is open, if one is.
    fn close(&mut self) {
        let (call, outcome) = (self.call.take(), self.outcome.take());
        let severity = core::mem::take(&mut self.severity);
        self.written = None;
        self.calls = 0;
        self.results_in = None;
        let (Some(call), Some(outcome)) = (call, outcome) else { return };
        let pair = (call.value(), call.number(outcome.value()).value());
        let as_before = self.recent.last().is_some_and(|last| last.0 == pair.0);
        if self.recent.len() >= WINDOW {
            self.recent.remove(0);
        }
        self.recent.push(pair);
        let same = self.recent.iter().filter(|(_, whole)| *whole == pair.1).count();
        let in_row = self.recent.iter().rev().take_while(|(call, _)| *call == pair.0).count();
        let failed = severity > Severity::Fine;
        let story = &mut self.story;
        story.repeated = u32::try_from(same.max(in_row)).unwrap_or(u32::MAX);
        story.failing = if failed { story.failing.saturating_add(1) } else { 0 };
        story.severity = severity;
        self.weight = match severity {
            Severity::Fine => 0,
            Severity::Exit => self.weight.saturating_add(2),
            Severity::Misuse | Severity::Crash => self.weight.saturating_add(3),
        };
        let noticed = same >= SAME || in_row >= SAME_CALL || self.weight >= FAILURES;
        story.stuck = noticed || (story.stuck && (failed || as_before));
        if noticed {
            // The next loop is noticed after as many again.
            self.recent.clear();
            self.recent.push(pair);
            self.weight = 0;
            self.calm = Some(0);
            self.note(EventKind::Loop);
        } else if let Some(good) = self.calm {
            let good = if failed || as_before { 0 } else { good.saturating_add(1) };
            self.calm = Some(good).filter(|good| *good < CALM);
            if self.calm.is_none() {
                self.note(EventKind::Calm);
            }
        }
    }

    fn note(&mut self, kind: EventKind) {
        let (answers, bytes) = (self.story.answers, self.story.bytes);
        let turn = self.story.turns.last_mut().filter(|turn| turn.events.len() < limits::LOOPS);
        if let Some(turn) = turn {
            turn.events.push(Event { kind, answers, bytes });
        }
    }
}

/// What a client says, not the person.
pub(crate) fn is_aside(raw: &[u8]) -> bool {
    let text = trimmed(raw);
    // Nearly no word of a person's begins so.
    matches!(text.first(), Some(b'<' | b'[' | b'#' | b'c' | b'C')) && begins(text, &ASIDES)
}

/// `Yes.`, `ok, do it`: nothing but agreement.
fn is_assent(raw: &[u8]) -> bool {
    if raw.len() > SHORT {
        return false;
    }
    let text = trimmed(raw);
    let rest = |assent: &&str| text.get(assent.len()..).and_then(|rest| rest.first()).copied();
    let first = text.first().map(u8::to_ascii_lowercase);
    let found = ASSENTS
        .iter()
        .filter(|assent| assent.as_bytes().first().copied() == first && begins(text, &[assent]))
        .any(|assent| rest(assent).is_none_or(|next| matches!(next, b' ' | b',' | b'.' | b'!' | b'\\')));
    let words =
        text.split(|byte| matches!(byte, b' ' | b',' | b'.' | b'!' | b'\\')).filter(|word| !word.is_empty());
    found && words.take(9).count() <= 8 && !text.contains(&b'?')
}

/// The first fenced block of a text, as far as it is looked at: the command of an agent without tool calls.
fn fenced(raw: &[u8]) -> Option<&[u8]> {
    const FENCE: &[u8] = b"```";
    let text = head(raw, limits::FENCED_TEXT);
    let open = text.windows(FENCE.len()).position(|bytes| bytes == FENCE)?;
    let code = text.get(open.saturating_add(FENCE.len())..)?;
    let close = code.windows(FENCE.len()).position(|bytes| bytes == FENCE).unwrap_or(code.len());
    code.get(..close)
}
