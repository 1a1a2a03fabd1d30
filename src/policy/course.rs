//! Stay or switch, with no store: the tier that a conversation has come to, as a fold over its history.
//!
//! Every call sends the whole history, so every call can tell what the calls before it decided: the first words set the
//! base, later ones and what went wrong raise it, and nothing lowers it while an agent works, since the work is still
//! the same. A raise for a loop ends when it is overcome or the person speaks again, a chat's tier follows its newest
//! question, and both only where moving is cheaper than staying, cache included. The fold looks at no more than what stood in the history
//! at each point: a longer history does not change what an earlier call decided.

use super::{memory::Prefix, warm};
use crate::{
    agent::{EventKind, Step, Story, Turn},
    classify::Difficulty,
    config::{Config, Dial, Ladder},
};

/// How much a later question of an agent's conversation must be above a threshold to raise its tier, in permille: the
/// score is no finer than that, and a move up is dear.
const MARGIN: u16 = 100;

/// Questions that are judged: the first and the newest of the others.
const JUDGED: usize = 8;

/// The tier that a conversation has come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Course {
    /// Index of the tier.
    pub tier: usize,
    /// Index of the tier without what ends with the person's next words.
    pub standing: usize,
    /// Why it is this tier.
    pub cause: Cause,
    /// The difficulty that counted last; `None` where there was nothing to judge.
    pub difficulty: Option<Difficulty>,
    /// The step that brought the tier: what the effort of a conversation goes by that must not change it.
    pub entered: Step,
    /// The difficulty at that moment.
    pub entered_at: Option<Difficulty>,
}

/// What moving costs.
struct Price<'a> {
    config: &'a Config,
    ladder: &'a Ladder,
    prefix: Prefix,
}

/// What brought a conversation to its tier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// What the person asks.
    Asked,
    /// The call stands beside the conversation.
    Beside,
    /// A plan is, or was, asked for.
    Planning,
    /// The person said that it still does not work.
    Complaint,
    /// The agent went in circles.
    Loop,
    /// A lower tier would do, but moving is dearer than staying.
    Warm {
        /// Index of the lower tier.
        wanted: usize,
    },
}

/// Plots the course of a conversation. `prefix` tells how large it was, `judge` how hard a turn is, by what was said up to
/// it.
pub fn plot(
    config: &Config,
    ladder: &Ladder,
    dial: &Dial,
    story: &Story,
    prefix: Prefix,
    mut judge: impl FnMut(&Turn) -> Option<Difficulty>,
) -> Course {
    let last = ladder.tiers.len().saturating_sub(1);
    let planning = ladder.steps.get(Step::Planning).floor.unwrap_or(last);
    let skipped = story.turns.len().saturating_sub(JUDGED);
    let mut course = Course {
        tier: dial.default_tier.min(last),
        standing: dial.default_tier.min(last),
        cause: Cause::Asked,
        difficulty: None,
        entered: Step::Prompt,
        entered_at: None,
    };
    if story.turns.is_empty() {
        course.difficulty = judge(&Turn::default());
        course.entered_at = course.difficulty;
        course.move_to(dial.tier(course.difficulty).min(last), Cause::Asked, Step::Prompt);
    }
    for (index, turn) in story.turns.iter().enumerate() {
        let judged =
            index == 0 || (index > skipped && !turn.assent && !(story.agentic && course.standing == last));
        let difficulty = if judged { judge(turn) } else { None };
        if index == 0 {
            course.difficulty = difficulty;
            course.entered_at = difficulty;
            course.move_to(dial.tier(difficulty).min(last), Cause::Asked, Step::Prompt);
        } else if !turn.assent {
            let price = Price { config, ladder, prefix };
            course.hear(&price, dial, story.agentic, turn, difficulty);
        }
        if turn.plan {
            course.raise(planning, Cause::Planning, Step::Planning);
        }
        if turn.complaint {
            course.raise(course.tier.saturating_add(1).min(last), Cause::Complaint, Step::FailingLoop);
        }
        let mut loops = 0u32;
        for event in &turn.events {
            match event.kind {
                EventKind::Loop => {
                    loops = loops.saturating_add(1);
                    course.climb(last);
                }
                // Whoever got lost twice would get lost again.
                EventKind::Calm if loops == 1 && course.tier > course.standing => {
                    let standing = course.standing;
                    let price = Price { config, ladder, prefix };
                    if price.may_fall(course.tier, standing, event.bytes, event.answers) {
                        course.move_to(standing, Cause::Asked, Step::Prompt);
                    }
                }
                EventKind::Calm => {}
            }
        }
    }
    course
}

impl Course {
    /// The lowest tier, for what has no conversation behind it.
    pub const fn lowest() -> Self {
        Self {
            tier: 0,
            standing: 0,
            cause: Cause::Asked,
            difficulty: None,
            entered: Step::Prompt,
            entered_at: None,
        }
    }

    /// Within the bounds that the operator sets for a step.
    pub fn bounded(mut self, ladder: &Ladder, step: Step) -> Self {
        let bounds = ladder.steps.get(step);
        let tier = self.tier.min(bounds.ceiling.unwrap_or(usize::MAX)).max(bounds.floor.unwrap_or(0));
        if tier != self.tier {
            self.tier = tier;
            self.cause = Cause::Beside;
        }
        self
    }

    fn move_to(&mut self, tier: usize, cause: Cause, entered: Step) {
        if tier != self.tier {
            self.entered = entered;
            self.entered_at = self.difficulty;
        }
        self.tier = tier;
        self.standing = tier;
        self.cause = cause;
    }

    /// For good, as far as an agent's conversation goes.
    fn raise(&mut self, tier: usize, cause: Cause, entered: Step) {
        if tier > self.standing {
            self.standing = tier;
        }
        if tier > self.tier {
            self.tier = tier;
            self.cause = cause;
            self.entered = entered;
            self.entered_at = self.difficulty;
        }
    }

    /// Until the person speaks again.
    fn climb(&mut self, last: usize) {
        if self.tier < last {
            self.tier = self.tier.saturating_add(1);
            self.cause = Cause::Loop;
            self.entered = Step::FailingLoop;
        }
    }

    /// The person speaks again.
    fn hear(
        &mut self,
        price: &Price<'_>,
        dial: &Dial,
        agentic: bool,
        turn: &Turn,
        difficulty: Option<Difficulty>,
    ) {
        let last = price.ladder.tiers.len().saturating_sub(1);
        let wanted = match difficulty {
            None => self.standing,
            Some(difficulty) if agentic => {
                let sure = difficulty.permille().saturating_sub(MARGIN);
                dial.tier(Difficulty::new(sure).ok()).min(last).max(self.standing)
            }
            Some(difficulty) => dial.tier(Some(difficulty)).min(last),
        };
        if wanted >= self.tier || price.may_fall(self.tier, wanted, turn.bytes, turn.answers) {
            if wanted != self.tier || !agentic {
                self.difficulty = difficulty.or(self.difficulty);
                self.move_to(wanted, Cause::Asked, Step::Prompt);
            }
            self.standing = wanted;
        } else {
            self.standing = wanted;
            self.cause = Cause::Warm { wanted };
        }
    }
}

impl Price<'_> {
    /// Whether it speaks for a lower tier, at so many bytes of the history and answers of the model.
    fn may_fall(&self, from: usize, to: usize, bytes: u64, answers: u32) -> bool {
        let model = |tier: usize| {
            let choice = self.ladder.tiers.get(tier)?.choices.first()?;
            self.config.target_of(choice).map(|target| &target.model)
        };
        let (Some(from), Some(to)) = (model(from), model(to)) else { return false };
        let prefix = self.prefix.tokens(bytes);
        // Nothing is warm that was never kept.
        prefix < from.cache_min_prefix_tokens.unwrap_or(0) || warm::pays(from, to, prefix, u64::from(answers))
    }
}

/// The course of a call that stands beside the conversation: the cheapest tier, the conversation's cache in the price.
/// `tokens` are the conversation's; `warm`, whether a cache holds them.
pub fn beside(
    config: &Config,
    ladder: &Ladder,
    step: Step,
    course: Course,
    (tokens, warm): (u64, bool),
) -> Course {
    let cost = |tier: usize| {
        let choice = ladder.tiers.get(tier)?.choices.first()?;
        warm::summary(&config.target_of(choice)?.model, tokens, warm && tier == course.tier)
    };
    // Only a summary has the conversation's history, and so its cache.
    let tier = match step {
        Step::Compaction => (0..=course.tier).filter_map(|tier| Some((cost(tier)?, tier))).min(),
        _ => None,
    };
    let tier = tier.map_or(0, |(_, tier)| tier);
    let entered = if tier == course.tier && step == Step::Compaction { course.entered } else { step };
    Course { tier, standing: tier, cause: Cause::Beside, entered, ..course }
}
