//! What a request asks of the policy: its size, its difficulty, and what the agents' lines make of its conversation.

use alloc::vec::Vec;
use core::cell::OnceCell;

use super::{Examined, Pending, Router};
use crate::{
    agent::{Hints, Step, Story, Turn, brief::Brief, is_aside},
    classify::{Classifier, Difficulty, Judgement, Last, Text, UNSURE},
    config::{Alias, Ladder},
    policy::{self, Ask, Course, Forced, course},
    wire::{
        Dialect, Role,
        request::{Part, PartKind, RequestView, Unreadable},
    },
};

impl Router {
    pub(super) fn ask(
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
        let mut said = Said::new(&self.classifier, body, &view.parts);
        let mut judgement = None;
        let mut judge = |turn: &Turn| {
            judgement = said.judge(turn.parts.end);
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

impl Pending {
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
    Ok(Said::new(classifier, body, &view.parts).judge(view.parts.len()))
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
    fn judge(&mut self, parts: usize) -> Option<Judgement> {
        let texts = self.texts.get_or_init(|| {
            let text = |(number, part): (usize, &Part)| {
                let raw = part.span.of(self.body);
                let said = matches!(part.kind, PartKind::Text | PartKind::ToolResult { .. })
                    && !part.span.is_empty()
                    && !(part.role == Role::User && is_aside(raw));
                said.then_some((number, Text { role: part.role, raw }))
            };
            self.parts.iter().enumerate().filter_map(text).collect()
        });
        let texts = texts.get(..texts.partition_point(|(number, _)| *number < parts)).unwrap_or_default();
        if texts.is_empty() {
            return None;
        }
        Some(self.classifier.classify_next(texts.iter().map(|(_, text)| *text), &mut self.last))
    }
}
