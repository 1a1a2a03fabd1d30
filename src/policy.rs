//! The choice: requirements first, then difficulty picks the rung, then the order in the rung.
//!
//! Nothing here sees a byte of the request. A decision is a pure function of the configuration and an [`Ask`], and
//! carries the [`Reason`] that won.

pub mod course;
pub mod memory;
mod warm;

use alloc::{string::String, vec::Vec};
use core::fmt;

pub use course::{Cause, Course};
pub use memory::{Conversations, Prefix, Remembered, Shelf};
pub use warm::life_seconds;

use crate::{
    agent::Step,
    catalog::{Family, Window},
    classify::{Difficulty, Judgement, UNSURE},
    config::{Alias, Choice, ClientEffort, Config, Dial, ForeignThinking, Ladder, Level, Rule, Target, Tier},
    effort::Effort,
    fit::Wanted,
    limits,
    traits::Traits,
    wire::{
        Dialect,
        request::{Asked, Thinking, Unreadable},
    },
};

/// What a request asks of the policy.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The API it speaks.
    pub dialect: Dialect,
    /// What it needs and what its history holds.
    pub traits: Traits,
    /// Prompt tokens that the request does not exceed, by length or by a cautious estimate: what is held against
    /// context windows.
    pub prompt_tokens: u64,
    /// Tokens the client allows for the answer.
    pub max_output: Option<u64>,
    /// What the client asked about thinking.
    pub asked: Asked,
    /// How hard it is; `None` where there is nothing to judge.
    pub difficulty: Option<Difficulty>,
    /// What the classifier thought of what was said last, sure of it or not.
    pub judgement: Option<Judgement>,
    /// What the call is for.
    pub step: Step,
    /// The tier that its conversation has come to; `None`: difficulty alone decides.
    pub course: Option<Course>,
    /// What an allowed header demands.
    pub forced: Forced,
}

/// Overrides by header, already checked against the ladder.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Forced {
    /// Index of the tier.
    pub tier: Option<usize>,
    /// Tier and choice: exactly this target.
    pub choice: Option<(usize, usize)>,
    /// The effort, instead of the client's and the tier's.
    pub effort: Option<Effort>,
}

/// The outcome: a rung, and its targets in the order they are to be tried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// Index of the tier.
    pub tier: usize,
    /// Indices of the tier's choices that can serve the request, in order. Never empty.
    pub choices: Vec<usize>,
    /// Whether thinking that a target cannot take is dropped from the history.
    pub drop_foreign_thinking: bool,
    /// Why.
    pub reason: Reason,
}

/// The winning cause of a decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// The difficulty led to this tier.
    Difficulty {
        /// The score.
        difficulty: Difficulty,
    },
    /// There was nothing to judge: the default tier.
    Unjudged,
    /// The text is too unlike what the classifier learned from: the default tier.
    Unsure {
        /// In thousandths.
        confidence: u16,
    },
    /// An allowed header named the tier or target.
    Override {
        /// The header.
        header: &'static str,
    },
    /// A rule of the configuration.
    Rule {
        /// Its name.
        name: String,
    },
    /// A budget is nearly spent, or spent, and closes the tiers above.
    Budget {
        /// Its name.
        name: String,
        /// How it stands.
        level: Level,
    },
    /// What the call is for led to this tier.
    Step {
        /// What it is for.
        step: Step,
    },
    /// The person said that it still does not work.
    Complaint,
    /// The agent repeated itself or failed in a row.
    Loop,
    /// A lower tier would do, but the conversation is warm here and moving it is dearer.
    Warm {
        /// Name of the lower tier.
        wanted: String,
    },
    /// No target of the wanted tier can serve the request.
    Requirement {
        /// Name of the tier that difficulty would have picked.
        wanted: String,
        /// What stood in the way there.
        obstacle: Obstacle,
    },
    /// The history binds the conversation to where it is.
    History {
        /// Name of the tier that difficulty would have picked.
        wanted: String,
        /// What in the history binds it.
        traits: Traits,
    },
    /// The body could not be read.
    Unreadable(Unreadable),
    /// The model is no alias.
    NotRouted,
    /// The path is no completion endpoint.
    OtherPath,
}

/// Why a target cannot serve a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Obstacle {
    /// Its provider does not speak the dialect.
    Dialect(Dialect),
    /// It cannot take these.
    Traits(Traits),
    /// The prompt, with the room for the answer where the window is shared, does not fit.
    Context {
        /// Tokens needed, the margin of the estimate included.
        needed: u64,
        /// Tokens the model takes.
        window: u64,
    },
}

/// No target of the whole ladder can serve the request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoCandidate {
    /// Every target of the ladder with what stood in its way, in the order of the ladder.
    pub obstacles: Vec<(String, Obstacle)>,
}

/// History that only its maker can read.
const BINDING: Traits = Traits::CLAUDE_SIGNATURE
    .with(Traits::OTHER_SIGNATURE)
    .with(Traits::REDACTED_THINKING)
    .with(Traits::ENCRYPTED)
    .with(Traits::SERVER_STATE);

impl Reason {
    /// A stable word for metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Difficulty { .. } => "difficulty",
            Self::Unjudged => "unjudged",
            Self::Unsure { .. } => "unsure",
            Self::Override { .. } => "override",
            Self::Rule { .. } => "rule",
            Self::Budget { .. } => "budget",
            Self::Step { .. } => "step",
            Self::Complaint => "complaint",
            Self::Loop => "loop",
            Self::Warm { .. } => "warm",
            Self::Requirement { .. } => "requirement",
            Self::History { .. } => "history",
            Self::Unreadable(_) => "unreadable",
            Self::NotRouted => "not_routed",
            Self::OtherPath => "other_path",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Difficulty { difficulty } => write!(f, "difficulty {}", difficulty.permille()),
            Self::Unjudged => f.write_str("nothing to judge, default tier"),
            Self::Unsure { confidence } => write!(f, "unsure (confidence {confidence}), default tier"),
            Self::Override { header } => write!(f, "override by {header}"),
            Self::Rule { name } => write!(f, "rule {name}"),
            Self::Budget { name, level: Level::Spent } => {
                write!(f, "budget {name} is spent, the lowest tier alone is open")
            }
            Self::Budget { name, .. } => write!(f, "budget {name} is nearly spent, the top is closed"),
            Self::Step { step } => write!(f, "step {step}"),
            Self::Complaint => f.write_str("the person said it still does not work"),
            Self::Loop => f.write_str("the agent goes in circles"),
            Self::Warm { wanted } => write!(f, "stays, {wanted} would do but moving costs more"),
            Self::Requirement { wanted, obstacle } => write!(f, "{wanted} cannot: {obstacle}"),
            Self::History { wanted, traits } => {
                write!(f, "history stays, {wanted} cannot take: ")?;
                list(f, traits.names())
            }
            Self::Unreadable(unreadable) => write!(f, "passed through, {unreadable}"),
            Self::NotRouted => f.write_str("passed through, the model is no alias"),
            Self::OtherPath => f.write_str("passed through, the path is no completion endpoint"),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialect(dialect) => write!(f, "no {} endpoint", dialect.name()),
            Self::Traits(traits) => {
                f.write_str("takes no ")?;
                list(f, traits.names())
            }
            Self::Context { needed, window } => write!(f, "needs {needed} tokens of {window}"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, names: Vec<&'static str>) -> fmt::Result {
    for (i, name) in names.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        f.write_str(name)?;
    }
    Ok(())
}

impl Dial {
    /// Index of the tier for this difficulty: past every threshold that it reaches.
    pub fn tier(&self, difficulty: Option<Difficulty>) -> usize {
        match difficulty {
            Some(difficulty) => self.thresholds.iter().filter(|threshold| difficulty >= **threshold).count(),
            None => self.default_tier,
        }
    }
}

/// Decides. Where the wanted tier has no candidate, the nearest tier above is taken, else the nearest below.
///
/// # Errors
/// [`NoCandidate`] where no target of the ladder can serve the request.
pub fn decide(config: &Config, alias: &Alias, ask: &Ask) -> Result<Decision, NoCandidate> {
    let Some(ladder) = config.ladder_of(alias) else {
        return Err(NoCandidate { obstacles: Vec::new() });
    };
    let drop_first = ladder.foreign_thinking == ForeignThinking::Drop;
    match climb(config, ladder, alias.dial(), ask, drop_first) {
        Ok(decision) => Ok(decision),
        // Nobody in this ladder made that thinking (the ladder was changed, or the client came from elsewhere):
        // an answer without the old thinking is better than none.
        Err(_) if !drop_first && ask.traits.meets(BINDING) => climb(config, ladder, alias.dial(), ask, true),
        Err(none) => Err(none),
    }
}

fn climb(
    config: &Config,
    ladder: &Ladder,
    dial: &Dial,
    ask: &Ask,
    drop_thinking: bool,
) -> Result<Decision, NoCandidate> {
    if let Some((tier, choice)) = ask.forced.choice {
        return forced_choice(config, ladder, ask, drop_thinking, tier, choice);
    }
    let last = ladder.tiers.len().saturating_sub(1);
    let come_to = || ask.course.map_or_else(|| dial.tier(ask.difficulty), |course| course.tier);
    let wanted = ask.forced.tier.unwrap_or_else(come_to).min(last);
    let upward = wanted..=last;
    let downward = (0..wanted).rev();
    for tier in upward.chain(downward) {
        let Some(rung) = ladder.tiers.get(tier) else { continue };
        let choices = candidates(config, rung, ask, drop_thinking);
        if choices.is_empty() {
            continue;
        }
        let reason = if tier == wanted {
            stay_reason(ladder, ask)
        } else {
            let name = ladder.tiers.get(wanted).map_or_else(String::new, |tier| tier.name.clone());
            move_reason(config, ladder.tiers.get(wanted), name, ask, drop_thinking)
        };
        return Ok(Decision { tier, choices, drop_foreign_thinking: drop_thinking, reason });
    }
    Err(none(config, ladder, ask, drop_thinking))
}

/// Does what a rule says, and tells whether that changes the tier or the target. A header that the operator allows goes
/// before a rule.
pub fn obey(config: &Config, ladder: &Ladder, rule: &Rule, ask: &mut Ask) -> bool {
    ask.forced.effort = ask.forced.effort.or(rule.then.effort);
    if ask.forced.tier.is_some() || ask.forced.choice.is_some() {
        return false;
    }
    if let Some(target) = &rule.then.target {
        let place = ladder.tiers.iter().enumerate().find_map(|(tier, rung)| {
            let named = |choice: &Choice| config.target_of(choice).is_some_and(|known| known.name == *target);
            Some((tier, rung.choices.iter().position(named)?))
        });
        ask.forced.choice = place;
        return place.is_some();
    }
    let index = |name: &Option<String>| {
        ladder.tiers.iter().position(|tier| name.as_ref().is_some_and(|name| tier.name == *name))
    };
    let (floor, ceiling) = (index(&rule.then.floor), index(&rule.then.ceiling));
    let Some(course) = &mut ask.course else { return false };
    let tier = course.tier.min(ceiling.unwrap_or(usize::MAX)).max(floor.unwrap_or(0));
    let moved = tier != course.tier;
    course.tier = tier;
    moved
}

/// The next tier that can serve the request, not above `highest`.
pub fn above(
    config: &Config,
    ladder: &Ladder,
    decision: &Decision,
    ask: &Ask,
    highest: usize,
) -> Option<Decision> {
    let tiers = ladder.tiers.iter().enumerate().skip(decision.tier.saturating_add(1));
    tiers.filter(|(tier, _)| *tier <= highest).find_map(|(tier, rung)| {
        let choices = candidates(config, rung, ask, decision.drop_foreign_thinking);
        (!choices.is_empty()).then(|| Decision { tier, choices, ..decision.clone() })
    })
}

/// Puts the target that answered last before the others of its tier: its cache is warm.
pub fn warm_first(config: &Config, ladder: &Ladder, decision: &mut Decision, memory: &Remembered) {
    let Some(tier) = ladder.tiers.get(decision.tier) else { return };
    let answered = |index: &usize| {
        let target = tier.choices.get(*index).and_then(|choice| config.target_of(choice));
        target.is_some_and(|target| memory::target_hash(&target.name) == memory.target)
    };
    // One alone, and the others as they were: `chains::warm_chains` has prepared just this.
    if let Some(first) = decision.choices.iter().position(answered) {
        decision.choices.get_mut(..=first).unwrap_or_default().rotate_right(1);
    }
}

fn forced_choice(
    config: &Config,
    ladder: &Ladder,
    ask: &Ask,
    drop_thinking: bool,
    tier: usize,
    choice: usize,
) -> Result<Decision, NoCandidate> {
    let rung = ladder.tiers.get(tier);
    let able = rung.is_some_and(|rung| candidates(config, rung, ask, drop_thinking).contains(&choice));
    if able {
        let reason = Reason::Override { header: "x-pointsman-target" };
        return Ok(Decision {
            tier,
            choices: Vec::from([choice]),
            drop_foreign_thinking: drop_thinking,
            reason,
        });
    }
    let mut found = none(config, ladder, ask, drop_thinking);
    let name = rung
        .and_then(|rung| rung.choices.get(choice))
        .and_then(|choice| config.target_of(choice))
        .map(|target| target.name.as_str());
    found.obstacles.retain(|(target, _)| Some(target.as_str()) == name);
    Err(found)
}

fn stay_reason(ladder: &Ladder, ask: &Ask) -> Reason {
    if ask.forced.tier.is_some() {
        return Reason::Override { header: "x-pointsman-tier" };
    }
    match ask.course.map(|course| course.cause) {
        Some(Cause::Planning) => return Reason::Step { step: Step::Planning },
        Some(Cause::Beside) => return Reason::Step { step: ask.step },
        Some(Cause::Complaint) => return Reason::Complaint,
        Some(Cause::Loop) => return Reason::Loop,
        Some(Cause::Warm { wanted }) => {
            let wanted = ladder.tiers.get(wanted).map_or_else(String::new, |tier| tier.name.clone());
            return Reason::Warm { wanted };
        }
        Some(Cause::Asked) | None => {}
    }
    match ask.difficulty {
        Some(difficulty) => Reason::Difficulty { difficulty },
        None if ask.judgement.is_some_and(|judgement| judgement.confidence < UNSURE) => {
            Reason::Unsure { confidence: ask.judgement.map_or(0, |judgement| judgement.confidence) }
        }
        None => Reason::Unjudged,
    }
}

fn move_reason(
    config: &Config,
    rung: Option<&Tier>,
    wanted: String,
    ask: &Ask,
    drop_thinking: bool,
) -> Reason {
    let mut obstacles = rung
        .into_iter()
        .flat_map(|rung| &rung.choices)
        .filter_map(|choice| obstacle(config.target_of(choice)?, ask, drop_thinking));
    let obstacle = obstacles.next().unwrap_or(Obstacle::Dialect(ask.dialect));
    match obstacle {
        Obstacle::Traits(traits) if traits.meets(BINDING) => {
            Reason::History { wanted, traits: traits & BINDING }
        }
        obstacle => Reason::Requirement { wanted, obstacle },
    }
}

fn none(config: &Config, ladder: &Ladder, ask: &Ask, drop_thinking: bool) -> NoCandidate {
    let mut obstacles: Vec<(String, Obstacle)> = Vec::new();
    for choice in ladder.tiers.iter().flat_map(|tier| &tier.choices) {
        if let Some(target) = config.target_of(choice)
            && let Some(obstacle) = obstacle(target, ask, drop_thinking)
            && !obstacles.iter().any(|(name, _)| *name == target.name)
        {
            obstacles.push((target.name.clone(), obstacle));
        }
    }
    NoCandidate { obstacles }
}

/// Indices of a tier's choices that can serve the request, in the operator's order.
pub fn candidates(config: &Config, tier: &Tier, ask: &Ask, drop_thinking: bool) -> Vec<usize> {
    let able = |target: &Target| obstacle(target, ask, drop_thinking).is_none();
    tier.choices
        .iter()
        .enumerate()
        .filter(|(_, choice)| config.target_of(choice).is_some_and(able))
        .map(|(i, _)| i)
        .collect()
}

/// What stands in the way of this target, if anything.
pub fn obstacle(target: &Target, ask: &Ask, drop_thinking: bool) -> Option<Obstacle> {
    let Some(fit) = target.fit(ask.dialect) else {
        return Some(Obstacle::Dialect(ask.dialect));
    };
    let mut refused = fit.refuses() & ask.traits;
    if drop_thinking {
        refused = refused.without(fit.droppable());
    }
    if refused != Traits::NONE {
        return Some(Obstacle::Traits(refused));
    }
    let needed = needed(target, ask.prompt_tokens, ask.max_output);
    let window = target.model.context;
    (needed > window).then_some(Obstacle::Context { needed, window })
}

/// Whether a prompt of this size fits every target of a ladder.
pub fn fits_everywhere(
    config: &Config,
    ladder: &Ladder,
    prompt_tokens: u64,
    max_output: Option<u64>,
) -> bool {
    let fits = |target: &Target| needed(target, prompt_tokens, max_output) <= target.model.context;
    ladder.tiers.iter().flat_map(|tier| &tier.choices).all(|choice| config.target_of(choice).is_none_or(fits))
}

/// Tokens of the window that a request takes up: the estimate with its margin, and the answer where both share it.
///
/// A client's `max_output` above the model's own limit is clamped by the fit rules, so it counts as that limit. Where
/// the client set none, nothing is reserved: the provider itself stops at the end of the window.
pub fn needed(target: &Target, prompt_tokens: u64, max_output: Option<u64>) -> u64 {
    let margin = prompt_tokens.saturating_mul(limits::CONTEXT_MARGIN_PERMILLE) / 1000;
    let answer = match target.model.window {
        Window::Input => 0,
        Window::Shared => max_output.unwrap_or(0).min(target.model.max_output),
    };
    prompt_tokens.saturating_add(margin).saturating_add(answer)
}

/// The effort of a choice: the operator's for this step, for this difficulty, for the choice or tier; else what the step
/// is usually worth; else a middle one where the model would otherwise think as much as it can.
///
/// On Claude a change of effort empties the cache of the conversation: there, what brought the conversation to its tier
/// decides, not the single call. Sources of the defaults: published effort sweeps, by which thinking beyond a middle
/// amount pays on plans and hard bugs only.
pub fn effort(ladder: &Ladder, choice: &Choice, target: &Target, ask: &Ask) -> Option<Effort> {
    let bound = target.model.family == Family::Claude && ask.step != Step::Auxiliary;
    let (step, difficulty) = match ask.course {
        Some(course) if bound => (course.entered, course.entered_at),
        Some(course) => (ask.step, course.difficulty),
        None => (ask.step, ask.difficulty),
    };
    let by_step = ladder.steps.get(step).effort;
    let by_difficulty = || ladder.efforts.of(difficulty);
    by_step
        .or_else(by_difficulty)
        .or(choice.effort)
        .or_else(|| usual(step))
        .or_else(|| (target.model.reasoning.default == Some(Effort::Max)).then_some(Effort::Medium))
}

/// The effort that a step is worth where the operator says nothing.
const fn usual(step: Step) -> Option<Effort> {
    match step {
        Step::Auxiliary => Some(Effort::None),
        Step::Compaction => Some(Effort::Low),
        Step::Planning | Step::FailingLoop => Some(Effort::High),
        _ => None,
    }
}

/// What a choice's fit is to bring about.
pub fn wanted(
    ladder: &Ladder,
    tier_effort: Option<Effort>,
    ask: &Ask,
    stream_usage: bool,
    drop: bool,
) -> Wanted {
    let by_client = ask.asked.effort.is_some()
        || ask.asked.budget.is_some()
        || matches!(ask.asked.thinking, Some(Thinking::Disabled | Thinking::Enabled));
    let effort = match (ask.forced.effort, ladder.client_effort) {
        (Some(effort), _) => Some(effort),
        (None, ClientEffort::Keep) if by_client => None,
        (None, _) => tier_effort,
    };
    Wanted { effort, stream_usage, drop_foreign_thinking: drop }
}
