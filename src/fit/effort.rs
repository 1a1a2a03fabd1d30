//! How much to think, said where and how the target wants it said.
//!
//! The dialects and vendors have seven places for it. The client's own wish is read from whichever place it stands in,
//! or the tier's wish takes its place; it is brought into the range of the model and written where the model reads it,
//! and the other places are cleared.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, string::ToString, sync::Arc, vec::Vec};
use serde::Deserialize;

use super::{
    Below, Wanted,
    body::Body,
    nested::{Act, Nested, Step},
    note,
    rules::{EffortRule, Rules, RulesFault},
};
use crate::{
    catalog::{Model, Reasoning, ThinkingType},
    effort::Effort,
    traits::Traits,
    wire::{
        Dialect,
        json::Kind,
        request::{RequestView, Thinking},
    },
};

/// Where a target reads how much to think.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Knob {
    /// The member that holds an effort's name.
    word: Option<Word>,
    /// What the target takes of `thinking`; without it that member goes.
    thinking: Option<Switch>,
    /// `enable_thinking` and `thinking_budget`; without it they go.
    #[serde(default)]
    flag: bool,
    /// Whether the target thinks if nothing is said. Only asked where there is no word with a known default.
    #[serde(default = "yes")]
    idle: bool,
    /// The target maps all efforts itself, whatever the catalogue lists for the model.
    #[serde(default)]
    own_scale: bool,
    /// Top-level members of other knobs that are neither read nor cleared: nobody knows what the target makes of them.
    #[serde(default)]
    leave: Vec<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
enum Word {
    #[serde(rename = "reasoning_effort")]
    ReasoningEffort,
    #[serde(rename = "reasoning.effort")]
    Reasoning,
    #[serde(rename = "output_config.effort")]
    OutputConfig,
}

/// The target's `thinking` member.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// The `type` that means "on".
    on: On,
    /// Whether `disabled` is taken, by models that can do without thinking.
    #[serde(default)]
    off: bool,
    /// Whether an effort is worth nothing without it.
    #[serde(default)]
    write: bool,
    #[serde(default)]
    budget: Budget,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum On {
    Adaptive,
    Enabled,
}

/// What the target makes of `thinking.budget_tokens`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Budget {
    /// An error.
    #[default]
    Drop,
    /// Nothing.
    Ignored,
    /// It is how effort is said.
    Needed,
}

/// Tokens of thinking that stand for an effort where a budget is asked for, and the other way round.
#[derive(Clone, Debug)]
pub(super) struct Budgets([u64; Effort::ALL.len()]);

impl Budgets {
    /// Ascending from `minimal` to `max`.
    pub(super) fn new(map: &BTreeMap<String, u64>) -> Result<Self, RulesFault> {
        let mut budgets = [0; Effort::ALL.len()];
        for name in map.keys() {
            named(name)?;
        }
        let mut least = 0;
        for (effort, budget) in Effort::ALL.into_iter().zip(&mut budgets).skip(1) {
            let tokens = map.get(effort.name()).copied().filter(|tokens| *tokens > least);
            *budget = tokens.ok_or_else(|| RulesFault::Unknown(effort.name().to_owned()))?;
            least = *budget;
        }
        Ok(Self(budgets))
    }

    fn of(&self, effort: Effort) -> u64 {
        self.0.get(effort as usize).copied().unwrap_or_default()
    }

    /// The highest effort whose budget is within this one.
    fn effort(&self, tokens: u64) -> Effort {
        let within = |effort: &Effort| self.of(*effort) <= tokens;
        Effort::ALL.into_iter().skip(1).rev().find(within).unwrap_or(Effort::Minimal)
    }
}

/// Efforts and what they become.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clamp([Option<Effort>; Effort::ALL.len()]);

impl Clamp {
    /// `*` stands for every effort that is not named.
    pub(super) fn new(map: &BTreeMap<String, String>) -> Result<Self, RulesFault> {
        let other = map.get("*").map(|to| named(to)).transpose()?;
        let mut clamp = [other; Effort::ALL.len()];
        for (from, to) in map.iter().filter(|(from, _)| *from != "*") {
            if let Some(slot) = clamp.get_mut(named(from)? as usize) {
                *slot = Some(named(to)?);
            }
        }
        Ok(Self(clamp))
    }
}

/// The effort of this name.
pub(super) fn named(name: &str) -> Result<Effort, RulesFault> {
    Effort::parse(name.as_bytes()).ok_or_else(|| RulesFault::Unknown(name.to_owned()))
}

/// How one target thinks and is told to.
#[derive(Clone, Debug)]
pub(super) struct EffortFit {
    id: Arc<str>,
    knob: Knob,
    clamps: Vec<(Arc<str>, Clamp)>,
    forced: Vec<(Arc<str>, Traits, Effort)>,
    budgets: Budgets,
    dialect: Dialect,
    reasoning: Reasoning,
    max_output: u64,
}

/// What a request is to say about thinking.
#[derive(Debug)]
pub(super) struct Plan {
    /// The effort in force, as far as known.
    pub(super) effort: Option<Effort>,
    /// Whether the target will think.
    pub(super) thinking: bool,
    word: Option<Effort>,
    /// No word, whatever stands there now.
    no_word: bool,
    switch: SwitchPlan,
    flag: Option<Option<Vec<u8>>>,
    /// Rules that had a say in the effort.
    used: Vec<Arc<str>>,
    /// Whether the client's own word is another.
    moved: bool,
}

#[derive(Debug)]
enum SwitchPlan {
    Leave,
    Remove,
    Off,
    On { kind: On, budget: Option<Vec<u8>>, drop_budget: bool },
}

static EFFORT: [Step; 1] = [Step::Member(alloc::borrow::Cow::Borrowed(b"effort"))];
static MAX_TOKENS: [Step; 1] = [Step::Member(alloc::borrow::Cow::Borrowed(b"max_tokens"))];
static TYPE: [Step; 1] = [Step::Member(alloc::borrow::Cow::Borrowed(b"type"))];
static BUDGET: [Step; 1] = [Step::Member(alloc::borrow::Cow::Borrowed(b"budget_tokens"))];

impl EffortFit {
    /// `None` where no rule knows how the target is told.
    pub(super) fn resolve(rules: &Rules, dialect: Dialect, provider: &str, model: &Model) -> Option<Self> {
        let concerned = || rules.rules.iter().filter(|rule| rule.concerns(dialect, provider, model));
        let knob = concerned().find_map(|rule| match &rule.effort {
            Some(EffortRule::Knob(knob, clamp)) => Some((rule.id.clone(), knob.clone(), *clamp)),
            _ => None,
        });
        let (id, knob, clamp) = knob?;
        let mut fit = Self {
            clamps: Vec::from([(id.clone(), clamp)]),
            id,
            knob,
            forced: Vec::new(),
            budgets: rules.budgets.clone(),
            dialect,
            reasoning: model.reasoning.clone(),
            max_output: model.max_output,
        };
        for rule in concerned() {
            match rule.effort {
                Some(EffortRule::Clamp(clamp)) => fit.clamps.push((rule.id.clone(), clamp)),
                Some(EffortRule::Force(effort)) => fit.forced.push((rule.id.clone(), rule.traits, effort)),
                Some(EffortRule::Knob(..)) | None => {}
            }
        }
        Some(fit)
    }

    /// Whether `thinking` or `enable_thinking` can say "off".
    fn switches_off(&self) -> bool {
        self.reasoning.can_disable && (self.knob.flag || self.knob.thinking.is_some_and(|switch| switch.off))
    }

    /// Whether a request can make the target do without thinking.
    fn can_rest(&self) -> bool {
        let word = self.knob.word.is_some() && self.reasoning.efforts.contains(&Effort::None);
        let budget = self.knob.thinking.is_some_and(|switch| switch.budget == Budget::Needed);
        word || budget || self.switches_off() || (self.knob.own_scale && self.reasoning.can_disable)
    }

    /// An effort in the range of the target.
    fn clamp(&self, mut effort: Effort, used: &mut Vec<Arc<str>>) -> Effort {
        for (id, Clamp(map)) in &self.clamps {
            if let Some(to) = map.get(effort as usize).copied().flatten()
                && to != effort
            {
                used.push(id.clone());
                effort = to;
            }
        }
        if effort == Effort::None && self.switches_off() {
            return effort;
        }
        if self.knob.own_scale {
            let off = self.reasoning.can_disable || self.reasoning.efforts.contains(&Effort::None);
            return if off || !self.reasoning.thinks { effort } else { effort.max(Effort::Low) };
        }
        let top = self.reasoning.chat_max_effort.filter(|_| self.dialect == Dialect::Chat);
        let listed =
            || self.reasoning.efforts.iter().copied().filter(|effort| top.is_none_or(|top| *effort <= top));
        // The next that is listed, so that nobody gets less thinking than asked for; the highest if there is none.
        let above = listed().filter(|known| *known >= effort).min();
        above.or_else(|| listed().max()).unwrap_or(effort)
    }

    /// Decides what the request is to say.
    pub(super) fn plan(&self, body: &[u8], view: &RequestView, wanted: Wanted) -> Plan {
        let asked = &view.asked;
        let flag = view.member(body, b"enable_thinking").and_then(|member| member.value.boolean());
        let tokens = view.member(body, b"thinking_budget").and_then(|member| member.value.unsigned(body));
        let off = asked.thinking == Some(Thinking::Disabled) || flag == Some(false);
        let by_client = match (off, asked.effort, asked.budget.or(tokens)) {
            (true, ..) => Some(Effort::None),
            (false, Some(effort), _) => Some(effort),
            (false, None, Some(tokens)) => Some(self.budgets.effort(tokens)),
            (false, None, None) => None,
        };
        let mut used = Vec::new();
        let forced = self.forced.iter().find(|(_, traits, _)| view.traits.meets(*traits));
        let wish = match forced {
            Some((id, _, effort)) => {
                used.push(id.clone());
                Some(*effort)
            }
            None => wanted.effort.or(by_client),
        };
        let replaced = forced.is_some() || wanted.effort.is_some();
        let effort = wish.map(|wish| self.clamp(wish, &mut used));
        let mut plan = Plan {
            effort,
            thinking: false,
            word: effort,
            no_word: false,
            switch: SwitchPlan::Leave,
            flag: None,
            used,
            moved: false,
        };
        match effort {
            Some(Effort::None) if self.switches_off() => self.off(&mut plan, view, replaced),
            _ => self.on(&mut plan, body, view, replaced),
        }
        if plan.effort.is_none() || (plan.effort == Some(Effort::None) && !self.can_rest()) {
            plan.effort = self.reasoning.default;
        }
        plan.moved = plan.word != asked.effort;
        plan.thinking = self.thinks(&plan, body, view);
        plan
    }

    /// Thinking is switched off, and the target has a switch for it.
    fn off(&self, plan: &mut Plan, view: &RequestView, replaced: bool) {
        plan.switch = if self.knob.thinking.is_some() { SwitchPlan::Off } else { SwitchPlan::Remove };
        if self.knob.flag {
            plan.flag = Some(None);
        }
        // A word next to the switch speaks of the answer alone. The client's own stays, as far as it may.
        let word = view.asked.effort.filter(|word| !replaced && *word != Effort::None);
        let bound = self.reasoning.disable_max_effort.unwrap_or(Effort::Max);
        plan.word = word.map(|word| self.clamp(word, &mut Vec::new()).min(bound));
        plan.no_word = plan.word.is_none();
    }

    /// Thinking is on, or nothing was said of it, or the target has no switch.
    fn on(&self, plan: &mut Plan, body: &[u8], view: &RequestView, replaced: bool) {
        let asked = &view.asked;
        if self.knob.flag
            && let Some(effort) = plan.effort
        {
            let own = view.member(body, b"thinking_budget").is_some() && !replaced;
            let tokens = self.budgets.of(effort).min(self.reasoning.budget_max.unwrap_or(u64::MAX));
            let tokens = self.reasoning.budget_min.map(|least| tokens.max(least)).filter(|_| !own);
            plan.flag = Some(Some(tokens.map(|tokens| tokens.to_string().into_bytes()).unwrap_or_default()));
        }
        let on_by_client = matches!(asked.thinking, Some(Thinking::Adaptive | Thinking::Enabled));
        if self.knob.flag && plan.effort.is_none() && on_by_client {
            plan.flag = Some(Some(Vec::new()));
        }
        let Some(switch) = self.knob.thinking else {
            plan.switch = SwitchPlan::Remove;
            return;
        };
        if asked.thinking == Some(Thinking::Disabled) && !self.switches_off() {
            plan.switch = SwitchPlan::Remove;
            return;
        }
        // Thinking that the client did not ask for collides with a forced tool; and where budgets rule, with a tool
        // call under way whose turn has no thinking in it.
        let collides = view.traits.meets(Traits::FORCED_TOOL)
            || (switch.budget == Budget::Needed && view.traits.meets(Traits::TOOL_HISTORY));
        let insert = match switch.budget {
            Budget::Needed => plan.effort.is_some_and(|effort| effort > Effort::None),
            Budget::Drop | Budget::Ignored => switch.write && replaced,
        };
        let back_on = asked.thinking == Some(Thinking::Disabled) && replaced;
        if !on_by_client && (collides || !(insert || back_on)) {
            if switch.budget == Budget::Needed && self.knob.word.is_none() {
                plan.effort = Some(Effort::None);
            }
            return;
        }
        let enabled = asked.thinking == Some(Thinking::Enabled);
        let keeps = enabled && !replaced && self.reasoning.thinking_types.contains(&ThinkingType::Enabled);
        let kind = if keeps { On::Enabled } else { switch.on };
        let budgeted = keeps || switch.budget == Budget::Needed;
        if !budgeted {
            plan.switch = SwitchPlan::On { kind, budget: None, drop_budget: switch.budget == Budget::Drop };
            return;
        }
        if keeps {
            // The client's budget says it; a word that it did not send is not added.
            plan.word = asked.effort.map(|word| self.clamp(word, &mut Vec::new()));
        }
        let own = asked.budget.filter(|_| !replaced);
        let tokens = own.unwrap_or_else(|| {
            self.budgets.of(plan.effort.or(self.reasoning.default).unwrap_or(Effort::Medium))
        });
        plan.switch = match self.reasoning.budget_min {
            None => SwitchPlan::On { kind, budget: None, drop_budget: false },
            Some(least) => match self.budget_within(tokens, least, view) {
                Some(tokens) => {
                    let budget = Some(tokens.to_string().into_bytes());
                    SwitchPlan::On { kind, budget, drop_budget: false }
                }
                None => SwitchPlan::Remove,
            },
        };
        if matches!(plan.switch, SwitchPlan::Remove) && self.knob.word.is_none() {
            plan.effort = Some(Effort::None);
        }
    }

    /// A budget below the length of the answer; `None` if the answer is too short for any.
    fn budget_within(&self, tokens: u64, least: u64, view: &RequestView) -> Option<u64> {
        let answer = view.max_output.unwrap_or(u64::MAX).min(self.max_output);
        let most = answer.saturating_sub(1).min(self.reasoning.budget_max.unwrap_or(u64::MAX));
        (most >= least).then(|| tokens.clamp(least, most))
    }

    fn thinks(&self, plan: &Plan, body: &[u8], view: &RequestView) -> bool {
        if !self.reasoning.thinks {
            return false;
        }
        match (&self.knob.thinking, &plan.switch) {
            (_, SwitchPlan::Off) => false,
            (_, SwitchPlan::On { .. }) => true,
            (Some(_), SwitchPlan::Leave) if view.member(body, b"thinking").is_some() => true,
            (Some(_), _) => self.knob.idle,
            (None, _) if self.knob.flag => plan.flag != Some(None),
            (None, _) => match plan.effort {
                Some(effort) => effort > Effort::None,
                None => self.knob.idle,
            },
        }
    }
}

impl Plan {
    /// Writes the plan into the request.
    pub(super) fn write<'r>(
        &'r self,
        fit: &'r EffortFit,
        body: &mut Body<'r>,
        below: &mut Vec<Below<'r>>,
        applied: &mut Vec<Arc<str>>,
    ) {
        let before = below.len();
        let mut changed = self.write_switch(fit, body, below);
        changed |= self.write_flag(fit, body);
        changed |= self.write_word(fit, body, below);
        changed |= fit.clear(body, below);
        if changed {
            note(applied, &fit.id);
        }
        // What was clamped or forced shows where it is written, if that is a change.
        if changed || (self.moved && below.len() > before) {
            for id in &self.used {
                note(applied, id);
            }
        }
    }

    fn write_word<'r>(&'r self, fit: &'r EffortFit, body: &mut Body<'r>, below: &mut Vec<Below<'r>>) -> bool {
        let Some(word) = fit.knob.word else { return false };
        let (root, path) = word.place();
        match (self.word, path) {
            (Some(effort), None) => body.set(root, quoted(effort)),
            (Some(effort), Some(path)) => {
                if body.value(root).is_none_or(|value| value.kind != Kind::Object) {
                    return body.set(root, [b"{\"effort\":", quoted(effort), b"}"].concat());
                }
                let set = Act::Set { to: quoted(effort), absent: false };
                below.push(Below::new(root, path, set, &fit.id));
                if fit.dialect == Dialect::Chat {
                    below.push(Below::new(root, &MAX_TOKENS, Act::Drop(&[]), &fit.id));
                }
                false
            }
            (None, None) if self.no_word => body.drop(root),
            (None, Some(path)) if self.no_word => {
                below.push(Below::new(root, path, Act::Drop(&[]), &fit.id));
                false
            }
            (None, _) => false,
        }
    }

    fn write_switch<'r>(
        &'r self,
        fit: &'r EffortFit,
        body: &mut Body<'r>,
        below: &mut Vec<Below<'r>>,
    ) -> bool {
        let root = b"thinking";
        let present = body.value(root).is_some_and(|value| value.kind == Kind::Object);
        match &self.switch {
            SwitchPlan::Leave => false,
            SwitchPlan::Remove => !fit.leaves(root) && body.drop(root),
            SwitchPlan::Off => {
                let needed = fit.knob.thinking.is_some_and(|switch| switch.budget == Budget::Needed);
                let off = body.value(root).is_some_and(|value| says_disabled(body.bytes(), value.span));
                // Without a budget there is no thinking, so nothing need be said.
                !off && (present || !needed) && body.set(root, &b"{\"type\":\"disabled\"}"[..])
            }
            SwitchPlan::On { kind, budget, drop_budget } => {
                if !present {
                    return match budget {
                        Some(tokens) => body.set(
                            root,
                            [b"{\"type\":", kind.quoted(), b",\"budget_tokens\":", &tokens[..], b"}"]
                                .concat(),
                        ),
                        None => body.set(root, [b"{\"type\":", kind.quoted(), b"}"].concat()),
                    };
                }
                let set = Act::Set { to: kind.quoted(), absent: false };
                below.push(Below::new(root, &TYPE, set, &fit.id));
                if let Some(tokens) = budget {
                    below.push(Below::new(root, &BUDGET, Act::Set { to: tokens, absent: false }, &fit.id));
                } else if *drop_budget {
                    below.push(Below::new(root, &BUDGET, Act::Drop(&[]), &fit.id));
                }
                false
            }
        }
    }

    fn write_flag<'r>(&'r self, fit: &EffortFit, body: &mut Body<'r>) -> bool {
        match &self.flag {
            None => false,
            Some(None) => body.set(b"enable_thinking", &b"false"[..]) | body.drop(b"thinking_budget"),
            Some(Some(tokens)) => {
                let budget = !tokens.is_empty() && body.set(b"thinking_budget", &tokens[..]);
                body.set(b"enable_thinking", &b"true"[..]) | (fit.knob.flag && budget)
            }
        }
    }
}

impl EffortFit {
    fn leaves(&self, root: &[u8]) -> bool {
        self.knob.leave.iter().any(|name| name.as_bytes() == root)
    }

    /// Clears the places where other targets read the effort.
    fn clear<'r>(&'r self, body: &mut Body<'r>, below: &mut Vec<Below<'r>>) -> bool {
        let mut changed = false;
        if !self.knob.flag {
            changed |= body.drop(b"enable_thinking") | body.drop(b"thinking_budget");
        }
        for word in [Word::ReasoningEffort, Word::Reasoning, Word::OutputConfig] {
            let (root, path) = word.place();
            if Some(word) == self.knob.word || self.leaves(root) {
                continue;
            }
            match (path, self.dialect, word) {
                // OpenRouter's own object; in Responses it has other members too.
                (None, ..) | (_, Dialect::Chat, Word::Reasoning) => changed |= body.drop(root),
                (Some(path), Dialect::Responses, Word::Reasoning)
                | (Some(path), Dialect::Messages, Word::OutputConfig)
                    if body.value(root).is_some() =>
                {
                    below.push(Below::new(root, path, Act::Drop(&[]), &self.id));
                }
                _ => {}
            }
        }
        changed
    }
}

impl Word {
    /// The top-level member, and the way down from it.
    const fn place(self) -> (&'static [u8], Option<&'static [Step]>) {
        match self {
            Self::ReasoningEffort => (b"reasoning_effort", None),
            Self::Reasoning => (b"reasoning", Some(&EFFORT)),
            Self::OutputConfig => (b"output_config", Some(&EFFORT)),
        }
    }
}

impl On {
    const fn quoted(self) -> &'static [u8] {
        match self {
            Self::Adaptive => b"\"adaptive\"",
            Self::Enabled => b"\"enabled\"",
        }
    }
}

/// An effort as JSON text.
const fn quoted(effort: Effort) -> &'static [u8] {
    match effort {
        Effort::None => b"\"none\"",
        Effort::Minimal => b"\"minimal\"",
        Effort::Low => b"\"low\"",
        Effort::Medium => b"\"medium\"",
        Effort::High => b"\"high\"",
        Effort::Xhigh => b"\"xhigh\"",
        Effort::Max => b"\"max\"",
    }
}

/// Whether an object's `type` is `disabled`.
fn says_disabled(body: &[u8], value: crate::wire::Span) -> bool {
    use super::nested::{Test, Want, holds};
    let want = Want::Is(Vec::from([b"disabled"[..].into()]));
    let test = Test { member: b"type"[..].into(), want };
    holds(&crate::wire::json::Cursor::at(body, value), &[test])
}

impl<'r> Below<'r> {
    fn new(root: &'r [u8], path: &'r [Step], act: Act<'r>, id: &'r Arc<str>) -> Self {
        Self { root, edit: Nested { path, tests: &[], act }, id }
    }
}
