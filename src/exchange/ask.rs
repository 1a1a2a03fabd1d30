//! What a request asks of the policy: its size, its difficulty, and what the agents' lines make of its conversation.

use alloc::vec::Vec;

use super::{Examined, Pending, Router, heard::Case, judge::Judge, recall::Recalled};
use crate::{
    agent::{Hints, Step, Story, Turn},
    config::{Alias, Ladder},
    policy::{self, Ask, Course, Forced, course},
    wire::request::{RequestView, Unreadable},
};

impl Case<'_> {
    /// What the request asks of the policy, its conversation's course put right by what is remembered.
    pub(super) fn ask(&self, forced: Forced, recalled: &mut Recalled<'_>) -> Ask {
        let read = (self.view, self.story);
        self.router.ask(
            Some((self.alias, self.ladder)),
            self.body,
            read,
            &self.pending.hints,
            (forced, recalled),
        )
    }
}

impl Router {
    fn ask(
        &self,
        alias: Option<(&Alias, &Ladder)>,
        body: &[u8],
        (view, story): (&RequestView, &Story),
        hints: &Hints,
        (forced, recalled): (Forced, &mut Recalled<'_>),
    ) -> Ask {
        // The estimate is the dearest part of a decision, and most requests are far too small to need it.
        let bound = view.prompt_bound();
        let fits = |(_, ladder): (&Alias, &Ladder)| {
            policy::fits_everywhere(&self.config, ladder, bound, view.max_output)
        };
        let prompt_tokens = if alias.is_some_and(fits) { bound } else { view.estimate(body).at_most };
        let step = Step::of(hints, body, view, story);
        let mut judge = Judge::new(self, hints, body, view);
        let course = alias
            .map(|(alias, ladder)| self.course(alias, ladder, (hints, story), step, (&mut judge, recalled)));
        let difficulty = match course {
            Some(course) => course.difficulty,
            None => judge.difficulty(&Turn { parts: 0..view.parts.len(), ..Turn::default() }),
        };
        Ask {
            dialect: view.dialect,
            traits: view.traits,
            prompt_tokens,
            max_output: view.max_output,
            asked: view.asked,
            difficulty,
            judgement: judge.newest(),
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
        (judge, recalled): (&mut Judge<'_>, &mut Recalled<'_>),
    ) -> Course {
        let config = &self.config;
        let tiers = ladder.tiers.len();
        let plot =
            |prefix| course::plot(config, ladder, alias.dial(), story, prefix, |turn| judge.difficulty(turn));
        let size = (recalled.prefix().tokens(story.bytes), recalled.is_warm());
        let beside = |course| course::beside(config, ladder, step, course, size);
        let course = match step {
            Step::Auxiliary => beside(Course::lowest()),
            // What only its maker can read is made where the conversation is.
            Step::Compaction if !hints.sealed() => beside(recalled.course(tiers, plot)),
            // It reads and reports, and may lose its way doing so.
            Step::Explore if !story.troubled() => beside(Course::lowest()),
            _ => recalled.course(tiers, plot),
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
        let ask = router.ask(
            alias.zip(ladder),
            body,
            (&view, &story),
            &self.hints,
            (forced, &mut Recalled::default()),
        );
        let mut obstacles = Vec::new();
        for tier in ladder.into_iter().flat_map(|ladder| &ladder.tiers) {
            for target in tier.choices.iter().filter_map(|choice| config.target_of(choice)) {
                let obstacle = policy::obstacle(target, &ask, false);
                obstacles.push((tier.name.clone(), target.name.clone(), obstacle));
            }
        }
        let unmet = |alias| self.unmet(config, alias, &ask, || story.spoken(body, &view));
        let rules =
            alias.into_iter().flat_map(unmet).map(|(rule, unmet)| (rule.name.clone(), unmet)).collect();
        let prompt_tokens = view.estimate(body);
        let client = self.hints.client;
        Ok(Examined {
            model: view.model,
            messages: view.messages,
            prompt_tokens,
            client,
            ask,
            obstacles,
            rules,
        })
    }
}
