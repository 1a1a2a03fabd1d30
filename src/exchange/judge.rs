//! How hard a request's turns are, and what was thought of the newest: each turn is read once, and only as far as somebody
//! asks.

use alloc::vec::Vec;
use core::cell::OnceCell;

use super::Router;
use crate::{
    agent::{Hints, Turn, brief::Brief, is_aside},
    classify::{Classifier, Difficulty, Guess, Judgement, Last, Text},
    wire::{
        Dialect, Role,
        request::{Part, PartKind, RequestView, Unreadable},
    },
};

/// Judges the turns of one request.
pub(super) struct Judge<'a> {
    router: &'a Router,
    hints: &'a Hints,
    body: &'a [u8],
    view: &'a RequestView,
    said: Said<'a, 'a>,
    newest: Newest,
    /// Of each turn that was judged, by the end of its parts: a course may be plotted twice.
    known: Vec<(usize, Option<Difficulty>)>,
}

/// What the classifier thought of the turn that was judged last.
enum Newest {
    Read(Option<Guess>),
    /// Its parts end here; it has a place among agents' tasks, and its difficulty did not need the classifier.
    Unread(usize),
}

impl<'a> Judge<'a> {
    pub(super) fn new(router: &'a Router, hints: &'a Hints, body: &'a [u8], view: &'a RequestView) -> Self {
        let said = Said::new(&router.classifier, body, &view.parts);
        Self { router, hints, body, view, said, newest: Newest::Read(None), known: Vec::new() }
    }

    /// How hard a turn is, by what was said up to it; `None` where there is nothing to judge, or nothing sure.
    pub(super) fn difficulty(&mut self, turn: &Turn) -> Option<Difficulty> {
        let end = turn.parts.end;
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == end) {
            return *known;
        }
        let difficulty = self.judge(turn);
        self.known.push((end, difficulty));
        difficulty
    }

    fn judge(&mut self, turn: &Turn) -> Option<Difficulty> {
        // A task for an agent is another kind of text than the questions that the classifier knows: it has a place
        // among such tasks, and is as hard as the prompt at the same place among prompts.
        let brief = Brief::told(self.hints, self.body, self.view, turn);
        if let Some(place) = brief.and_then(|brief| self.router.briefs.place(&brief)) {
            self.newest = Newest::Unread(turn.parts.end);
            return Some(self.router.classifier.threshold(place));
        }
        let guess = self.said.guess(turn.parts.end);
        self.newest = Newest::Read(guess);
        guess.filter(|guess| guess.is_sure()).map(Guess::difficulty)
    }

    /// What the classifier thinks of the turn that was judged last, sure of it or not.
    pub(super) fn newest(mut self) -> Option<Judgement> {
        let guess = match self.newest {
            Newest::Read(guess) => guess,
            Newest::Unread(end) => self.said.guess(end),
        };
        guess.map(|guess| self.said.judgement(guess))
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
    let view = RequestView::read(dialect, body)?;
    let mut said = Said::new(classifier, body, &view.parts);
    let guess = said.guess(view.parts.len());
    Ok(guess.map(|guess| said.judgement(guess)))
}

/// What was said in a conversation, judged turn by turn.
struct Said<'b, 'r> {
    classifier: &'r Classifier,
    body: &'b [u8],
    parts: &'r [Part],
    /// The texts of these parts, asides left out, each with the number of its part. Kept: they are walked several times,
    /// and telling asides apart is dearer than room.
    texts: OnceCell<Vec<(usize, Text<'b>)>>,
    last: Last,
}

impl<'b, 'r> Said<'b, 'r> {
    fn new(classifier: &'r Classifier, body: &'b [u8], parts: &'r [Part]) -> Self {
        Self { classifier, body, parts, texts: OnceCell::new(), last: Last::default() }
    }

    /// What is thought of the newest turn among so many parts; `None` where there is no text to judge. Later calls are of
    /// more parts.
    fn guess(&mut self, parts: usize) -> Option<Guess> {
        let texts = self.texts.get_or_init(|| {
            let text = |(number, part): (usize, &Part)| {
                let raw = part.span.of(self.body);
                let said = matches!(part.kind, PartKind::Text | PartKind::ToolResult { .. })
                    && !part.span.is_empty()
                    && !(part.role == Role::User && is_aside(raw));
                said.then_some((number, Text { role: part.role, raw }))
            };
            let mut texts = Vec::with_capacity(self.parts.len());
            texts.extend(self.parts.iter().enumerate().filter_map(text));
            texts
        });
        let texts = texts.get(..texts.partition_point(|(number, _)| *number < parts)).unwrap_or_default();
        if texts.is_empty() {
            return None;
        }
        Some(self.classifier.guess_next(texts.iter().map(|(_, text)| *text), &mut self.last))
    }

    /// The newest guess, and what is asked for.
    fn judgement(&self, guess: Guess) -> Judgement {
        self.classifier.judgement(guess, &self.last)
    }
}
