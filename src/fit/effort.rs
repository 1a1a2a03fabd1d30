//! How much to think, said where and how the target wants it said.
//!
//! The dialects and vendors have seven places for it. The client's own wish is read from whichever place it stands in,
//! or the tier's wish takes its place; it is brought into the range of the model and written where the model reads it,
//! and the other places are cleared.

use alloc::{string::ToString, sync::Arc, vec::Vec};

use super::{
    Wanted,
    knob::{Budget, Budgets, Clamp, Knob, On},
    rules::{EffortRule, Rules},
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

/// How one target thinks and is told to.
#[derive(Clone, Debug)]
pub(super) struct EffortFit {
    pub(super) id: Arc<str>,
    pub(super) knob: Knob,
    clamps: Vec<(Arc<str>, Clamp)>,
    forced: Vec<(Arc<str>, Traits, Effort)>,
    budgets: Budgets,
    pub(super) dialect: Dialect,
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
    pub(super) word: Option<Effort>,
    /// No word, whatever stands there now.
    pub(super) no_word: bool,
    pub(super) switch: SwitchPlan,
    pub(super) flag: Option<Option<Vec<u8>>>,
    /// Rules that had a say in the effort.
    pub(super) used: Vec<Arc<str>>,
    /// Whether the client's own word is another.
    pub(super) moved: bool,
}

#[derive(Debug)]
pub(super) enum SwitchPlan {
    Leave,
    Remove,
    Off,
    On { kind: On, budget: Option<Vec<u8>>, drop_budget: bool },
}

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
            _ => self.on(&mut plan, view, tokens, replaced),
        }
        self.report(&mut plan);
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
        let word = word.map(|word| self.clamp(word, &mut Vec::new()).min(bound));
        plan.word = word.filter(|word| *word != Effort::None);
        plan.no_word = plan.word.is_none();
    }

    /// Thinking is on, or nothing was said of it, or the target has no switch.
    fn on(&self, plan: &mut Plan, view: &RequestView, tokens: Option<u64>, replaced: bool) {
        let asked = view.asked.thinking;
        let on_by_client = matches!(asked, Some(Thinking::Adaptive | Thinking::Enabled));
        if self.knob.flag {
            self.flag(plan, tokens.filter(|_| !replaced), on_by_client);
        }
        let Some(switch) = self.knob.thinking else {
            plan.switch = SwitchPlan::Remove;
            return;
        };
        if asked == Some(Thinking::Disabled) && !self.switches_off() {
            plan.switch = SwitchPlan::Remove;
            return;
        }
        let budgets = switch.budget == Budget::Needed;
        // A client's word of effort alone does not ask to think: where budgets rule, it would buy thousands of tokens.
        let insert = replaced && if budgets { plan.effort > Some(Effort::None) } else { switch.write };
        let back_on = asked == Some(Thinking::Disabled) && replaced;
        // Thinking that the client did not ask for collides with a forced tool; and where budgets rule, with a tool
        // call under way whose turn has no thinking in it.
        let collides = (budgets && view.traits.meets(Traits::TOOL_HISTORY))
            || ((budgets || switch.write) && view.traits.meets(Traits::FORCED_TOOL));
        if !on_by_client && (collides || !(insert || back_on)) {
            return;
        }
        let enabled = asked == Some(Thinking::Enabled) && !replaced;
        let keeps = enabled && self.reasoning.thinking_types.contains(&ThinkingType::Enabled);
        let kind = if keeps { On::Enabled } else { switch.on };
        if keeps {
            // The client's budget says it; a word that it did not send is not added.
            plan.word = view.asked.effort.map(|word| self.clamp(word, &mut Vec::new()));
        }
        plan.switch = match self.reasoning.budget_min {
            Some(least) if keeps || budgets => self.budgeted(plan, kind, least, view, replaced),
            _ => SwitchPlan::On { kind, budget: None, drop_budget: !keeps && switch.budget == Budget::Drop },
        };
    }

    /// `enable_thinking` and its budget. The client's own budget stays as it is, and goes before a word.
    fn flag(&self, plan: &mut Plan, own: Option<u64>, on_by_client: bool) {
        let Some(effort) = plan.effort else {
            plan.flag = on_by_client.then(|| Some(Vec::new()));
            return;
        };
        if let Some(tokens) = own {
            plan.effort = Some(self.budgets.effort(tokens));
            plan.flag = Some(Some(Vec::new()));
            return;
        }
        let most = self.reasoning.budget_max.unwrap_or(u64::MAX);
        let least = self.reasoning.budget_min.unwrap_or(0);
        let tokens = self.budgets.of(effort).max(least).min(most);
        plan.flag = Some(Some(tokens.to_string().into_bytes()));
    }

    /// `thinking` with a budget; gone if the answer is too short for any.
    fn budgeted(
        &self,
        plan: &mut Plan,
        kind: On,
        least: u64,
        view: &RequestView,
        replaced: bool,
    ) -> SwitchPlan {
        let own = view.asked.budget.filter(|_| !replaced);
        let effort = plan.effort.or(self.reasoning.default).unwrap_or(Effort::Medium);
        let tokens = own.unwrap_or_else(|| self.budgets.of(effort));
        let Some(tokens) = self.budget_within(tokens, least, view) else {
            // Nothing is said any more, unless a word is.
            plan.effort = plan.word;
            return SwitchPlan::Remove;
        };
        if plan.word.is_none() || self.knob.word.is_none() {
            plan.effort = Some(self.clamp(self.budgets.effort(tokens), &mut Vec::new()));
        }
        SwitchPlan::On { kind, budget: Some(tokens.to_string().into_bytes()), drop_budget: false }
    }

    /// What is known of the effort in force, where it is not what was asked for.
    fn report(&self, plan: &mut Plan) {
        let budgeted = matches!(plan.switch, SwitchPlan::On { budget: Some(_), .. });
        let known = match plan.effort {
            None => false,
            Some(Effort::None) => self.can_rest(),
            Some(_) => self.knob.word.is_some() || self.knob.flag || budgeted,
        };
        let on = matches!(plan.switch, SwitchPlan::On { .. });
        let budgets = self.knob.thinking.is_some_and(|switch| switch.budget == Budget::Needed);
        if budgets && !on && (plan.word.is_none() || self.knob.word.is_none()) {
            plan.effort = Some(Effort::None);
        } else if !known {
            plan.effort = self.reasoning.default;
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
        let said = view.member(body, b"thinking").is_some_and(|member| member.value.kind == Kind::Object);
        match (&self.knob.thinking, &plan.switch) {
            (_, SwitchPlan::Off) => false,
            (_, SwitchPlan::On { .. }) => true,
            (Some(_), SwitchPlan::Leave) if said => true,
            (Some(_), _) => self.knob.idle,
            (None, _) if self.knob.flag => plan.flag != Some(None),
            (None, _) => match plan.effort {
                Some(effort) => effort > Effort::None,
                None => self.knob.idle,
            },
        }
    }
}
